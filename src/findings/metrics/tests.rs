//! Each measure against its definition, with calls of which every number is known.

use super::*;
use crate::calls::{Final, Observed, Seen};
use crate::units::{Endpoint, FileIndex, Flow, StatusCode, Transport};

/// `ms` into the capture.
fn at(ms: i64) -> Seen {
    Seen {
        time: Timestamp::from_nanos(0).plus(Span::from_millis(ms)),
        ..Seen::default()
    }
}

fn flow(src: u8, dst: u8) -> Flow {
    let socket = |last| Endpoint::new([10, 0, 0, last].into(), 5060);
    Flow {
        src: socket(src),
        dst: socket(dst),
        transport: Transport::Udp,
    }
}

/// A hop whose request came at `ms`.
fn hop(ms: i64) -> Hop {
    Hop {
        flow: flow(1, 2),
        interface: (FileIndex(0), 0),
        vias: 1,
        request: Some(at(ms)),
        requests: 1,
        last_request: Some(at(ms)),
        request_bytes: 500,
        fragmented: false,
        max_forwards: Some(70),
        trying: None,
        progress: None,
        ringing: None,
        finals: Vec::new(),
        ack: None,
        cancel: None,
        unreachable: None,
        perhaps_unreachable: None,
        delivered: None,
    }
}

fn code(code: u16) -> StatusCode {
    StatusCode::new(code).expect("a code")
}

fn answered(mut hop: Hop, status: u16, ms: i64) -> Hop {
    hop.finals.push(Final {
        code: code(status),
        to_tag: 1,
        first: at(ms),
        last: at(ms),
        copies: 1,
        needless: 0,
        retry_after: None,
        expires: None,
        stale: false,
        realm: Box::default(),
        reason: Box::default(),
        blocked: false,
        server: Box::default(),
    });
    hop
}

fn rang(mut hop: Hop, ms: i64) -> Hop {
    hop.progress = Some((code(180), at(ms)));
    hop.ringing = Some((code(180), at(ms)));
    hop
}

/// The measures of requests: Call-ID, CSeq number, whether it goes on, hops.
///
/// The second part: they are of a leg that an element sent on.
struct Bench(Metrics, bool);

impl Bench {
    fn new() -> Self {
        Self(Metrics::new(&Limits::default()), false)
    }

    fn with(mut self, call: &str, cseq: u32, goes_on: bool, hops: &[Hop]) -> Self {
        self.push(MethodKind::Invite, call, cseq, goes_on, hops);
        self
    }

    fn push(&mut self, method: MethodKind, call: &str, cseq: u32, goes_on: bool, hops: &[Hop]) {
        self.0.exchanged(&Exchanged {
            call_id: call.as_bytes(),
            method,
            method_text: b"",
            cseq: Some(cseq),
            from_tag: 7,
            initial: true,
            credentials: goes_on,
            goes_on,
            onward: self.1,
            acked: false,
            reached: false,
            uri: b"",
            from: b"",
            to: b"",
            hops,
            observed: Observed {
                until: at(600_000).time,
                ..Observed::default()
            },
        });
    }

    fn session(&mut self, answered_ms: i64, bye_ms: i64, side: Side, answer: Option<(u16, i64)>) {
        self.0.session(&Session {
            call_id: b"s",
            onward: self.1,
            to_tag: b"",
            cseq: 1,
            from: b"",
            to: b"",
            flow: flow(1, 2),
            invite: Some(at(0)),
            answered: at(answered_ms),
            acked: None,
            end: SessionEnd::Bye {
                side,
                bye: at(bye_ms),
                copies: 1,
                answer: answer.map(|(status, ms)| (code(status), at(ms))),
                both: false,
                reason: b"",
            },
            last: at(bye_ms),
            observed: Observed {
                until: at(600_000).time,
                ..Observed::default()
            },
        });
    }

    fn all(self) -> Measures {
        let measured = self.0.finish();
        let all = measured.into_iter().find(|one| one.scope == Scope::All);
        all.map(|one| one.measures).unwrap_or_default()
    }
}

fn ratio(part: u64, whole: u64) -> Ratio {
    Ratio { part, whole }
}

#[test]
fn a_ratio_over_nothing_is_undefined() {
    let none = Bench::new().all();
    assert_eq!(none.asr().percent(), None);
    assert_eq!(none.ser().percent(), None);
    assert_eq!(none.post_dial.millis(), None);
    assert_eq!(none.duration.secs(), None);
    // Redirections alone leave SER without a denominator (RFC 6076 §4.6).
    let redirected = Bench::new().with("a", 1, false, &[answered(hop(0), 302, 20)]);
    assert_eq!(redirected.all().ser().percent(), None);
}

#[test]
fn ser_and_seer_leave_redirections_out_and_nothing_else() {
    let all = Bench::new()
        .with("a", 1, false, &[answered(hop(0), 200, 20)])
        .with("b", 1, false, &[answered(hop(0), 486, 20)])
        .with("c", 1, false, &[answered(hop(0), 503, 20)])
        .with("d", 1, false, &[answered(hop(0), 302, 20)])
        .all();
    assert_eq!(all.ser(), ratio(1, 3));
    assert_eq!(all.seer(), ratio(2, 3));
    assert_eq!(all.isa(), ratio(1, 4));
    assert_eq!(all.asr(), ratio(1, 4));
    assert_eq!(all.ner(), ratio(2, 4));
}

#[test]
fn rounds_of_challenge_are_one_attempt_from_its_first_invite() {
    let rounds = Bench::new()
        .with("a", 1, false, &[answered(hop(0), 407, 20)])
        .with("a", 2, true, &[answered(rang(hop(40), 540), 200, 2040)])
        .all();
    assert_eq!(rounds.asr(), ratio(1, 1));
    assert_eq!(rounds.post_dial.millis(), Some(540.0));
    assert_eq!(rounds.request_ok.millis(), Some(540.0));
}

#[test]
fn rounds_settled_the_other_way_round_are_still_one_attempt() {
    let rounds = Bench::new()
        .with("a", 2, true, &[answered(rang(hop(40), 540), 200, 2040)])
        .with("a", 1, false, &[answered(hop(0), 407, 20)])
        .all();
    assert_eq!(rounds.asr(), ratio(1, 1));
    assert_eq!(rounds.post_dial.millis(), Some(540.0));
}

#[test]
fn a_retry_after_a_refusal_is_an_attempt_of_its_own() {
    let all = Bench::new()
        .with("a", 1, false, &[answered(hop(0), 503, 20)])
        .with("a", 2, false, &[answered(hop(40), 200, 60)])
        .all();
    assert_eq!(all.asr(), ratio(1, 2));
}

#[test]
fn a_challenge_nobody_answered_is_no_attempt() {
    let all = Bench::new().with("a", 1, false, &[answered(hop(0), 401, 20)]);
    assert_eq!(all.all().asr(), ratio(0, 0));
}

#[test]
fn what_the_capture_does_not_see_to_its_end_is_part_of_no_ratio() {
    let ringing_at_the_end = rang(hop(0), 540);
    let just_sent = hop(590_000);
    let all = Bench::new()
        .with("a", 1, false, &[ringing_at_the_end])
        .with("b", 1, false, &[just_sent])
        .all();
    assert_eq!(all.asr(), ratio(0, 0));
    assert_eq!(all.post_dial.millis(), None);
}

#[test]
fn an_invite_never_answered_is_a_408() {
    let all = Bench::new()
        .with("a", 1, false, &[hop(0)])
        .with("b", 1, false, &[answered(hop(0), 200, 20)])
        .all();
    assert_eq!(all.asr(), ratio(1, 2));
    assert_eq!(all.isa(), ratio(1, 2));
    assert_eq!(all.ner(), ratio(1, 2));
}

#[test]
fn a_tap_that_never_hears_an_answer_measures_nothing() {
    let all = Bench::new().with("a", 1, false, &[hop(0)]).all();
    assert_eq!(all.asr().percent(), None);
    assert_eq!(all.isa().percent(), None);
}

#[test]
fn a_cancelled_call_is_the_callers_doing_once_it_rang() {
    let rung = answered(rang(hop(0), 500), 487, 9000);
    let silent = answered(hop(0), 487, 9000);
    let all = Bench::new()
        .with("a", 1, false, &[rung])
        .with("b", 1, false, &[silent])
        .all();
    assert_eq!(all.ner(), ratio(1, 2));
}

#[test]
fn a_call_that_analytics_blocked_is_not_the_users_refusal() {
    let mut blocked = answered(hop(0), 603, 20);
    if let Some(one) = blocked.finals.first_mut() {
        one.blocked = true;
    }
    let all = Bench::new()
        .with("a", 1, false, &[blocked])
        .with("b", 1, false, &[answered(hop(0), 603, 20)])
        .all();
    assert_eq!(all.ner(), ratio(1, 2));
}

#[test]
fn delays_of_failed_calls_stand_apart() {
    let all = Bench::new()
        .with("a", 1, false, &[answered(hop(0), 200, 100)])
        .with("b", 1, false, &[answered(hop(0), 503, 300)])
        .all();
    assert_eq!(all.request_ok.millis(), Some(100.0));
    assert_eq!(all.request_failed.millis(), Some(300.0));
}

#[test]
fn each_target_of_a_proxy_has_its_own_ratio() {
    let mut in_from_caller = answered(hop(0), 200, 900);
    let mut first_target = answered(hop(10), 503, 100);
    let mut second_target = answered(hop(110), 200, 890);
    in_from_caller.flow = flow(1, 2);
    first_target.flow = flow(2, 3);
    second_target.flow = flow(2, 4);
    let hops = [in_from_caller, first_target, second_target];
    let measured = Bench::new().with("a", 1, false, &hops).0.finish();
    let asr = |scope: Scope| {
        let one = measured.iter().find(|one| one.scope == scope);
        one.map(|one| one.measures.asr())
    };
    let peer = |src, dst| Scope::Peer(Peer::of(&flow(src, dst)));
    assert_eq!(asr(Scope::All), Some(ratio(1, 1)));
    assert_eq!(asr(peer(1, 2)), Some(ratio(1, 1)));
    assert_eq!(asr(peer(2, 3)), Some(ratio(0, 1)));
    assert_eq!(asr(peer(2, 4)), Some(ratio(1, 1)));
}

#[test]
fn a_minute_holds_the_calls_that_began_in_it() {
    let measured = Bench::new()
        .with("a", 1, false, &[answered(hop(59_000), 200, 61_000)])
        .with("b", 1, false, &[answered(hop(60_000), 503, 61_000)])
        .0
        .finish();
    let minutes: Vec<_> = measured
        .iter()
        .filter_map(|one| match one.scope {
            Scope::Minute(start) => Some((start, one.measures.asr())),
            _ => None,
        })
        .collect();
    assert_eq!(
        minutes,
        [(at(0).time, ratio(1, 1)), (at(60_000).time, ratio(0, 1)),]
    );
}

#[test]
fn registrations_are_timed_from_their_first_request_and_failures_are_those_of_the_rfc() {
    let mut bench = Bench::new();
    let register = MethodKind::Register;
    bench.push(register, "a", 1, false, &[answered(hop(0), 401, 20)]);
    bench.push(register, "a", 2, true, &[answered(hop(30), 200, 130)]);
    bench.push(register, "b", 1, false, &[answered(hop(0), 403, 20)]);
    bench.push(register, "c", 1, false, &[answered(hop(0), 401, 20)]);
    bench.push(register, "d", 1, false, &[hop(0)]);
    let all = bench.all();
    assert_eq!(all.registration.millis(), Some(130.0));
    assert_eq!(all.ira(), ratio(2, 3));
}

#[test]
fn sessions_are_timed_from_the_2xx_and_completed_by_an_answered_bye() {
    let mut bench = Bench::new()
        .with("a", 1, false, &[answered(hop(0), 200, 1000)])
        .with("b", 1, false, &[answered(hop(0), 200, 1000)])
        .with("c", 1, false, &[answered(hop(0), 200, 1000)])
        .with("d", 1, false, &[answered(hop(0), 486, 1000)]);
    bench.session(1000, 61_000, Side::Uac, Some((200, 61_050)));
    bench.session(1000, 33_000, Side::Uas, None);
    let all = bench.all();
    assert_eq!(all.duration.secs(), Some(46.0));
    assert_eq!(all.duration_completed.secs(), Some(60.0));
    assert_eq!(all.disconnect.millis(), Some(50.0));
    // The third call was still up when the capture ended.
    assert_eq!(all.scr(), ratio(1, 3));
    assert_eq!(all.callee_bye_30_35(), ratio(1, 2));
}

#[test]
fn what_is_given_up_for_room_is_counted_as_far_as_it_went() {
    let limits = Limits {
        measured_attempts: 4,
        ..Limits::default()
    };
    let mut bench = Bench(Metrics::new(&limits), false);
    for n in 0..100 {
        bench.push(
            MethodKind::Invite,
            &n.to_string(),
            1,
            false,
            &[answered(hop(0), 200, 20)],
        );
    }
    assert_eq!(bench.all().asr(), ratio(100, 100));
}

#[test]
fn a_leg_that_an_element_sent_on_counts_by_peer_only() {
    let mut bench = Bench::new().with("a", 1, false, &[answered(hop(0), 200, 100)]);
    bench.1 = true;
    let onward = Hop {
        flow: flow(2, 3),
        ..answered(hop(10), 200, 90)
    };
    let bench = bench.with("b", 1, false, &[onward]);
    let measured = bench.0.finish();
    let count = |scope: fn(&Scope) -> bool| {
        let scopes = measured.iter().filter(|one| scope(&one.scope));
        scopes.map(|one| one.measures.weight()).collect::<Vec<_>>()
    };
    assert_eq!(count(|scope| *scope == Scope::All), [1]);
    assert_eq!(count(|scope| matches!(scope, Scope::Minute(_))), [1]);
    assert_eq!(count(|scope| matches!(scope, Scope::Peer(_))), [1, 1]);
}
