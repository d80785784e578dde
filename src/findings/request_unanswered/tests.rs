//! Requests without an answer, and what explains them away.

use super::*;
use crate::findings::missed::Share;
use crate::findings::testing::{Made, MadeHop, findings, findings_of, lines, only};
use crate::units::Transport;

const A: [f64; 6] = [1.5, 2.5, 4.5, 8.5, 16.5, 32.5];
const E: [f64; 10] = [1.5, 2.5, 4.5, 8.5, 12.5, 16.5, 20.5, 24.5, 28.5, 32.5];

fn check(made: &[Made], expected: &[&str]) {
    let rule = RequestUnanswered::new(&Limits::default());
    assert_eq!(lines(&findings(rule, made)), expected);
}

fn sent(method: &'static str, change: impl FnOnce(MadeHop) -> MadeHop) -> Made {
    Made::new(method).hop("10.1.0.1", "10.2.0.1", |hop| change(hop.sent(1.0)))
}

/// Something else that the receiver answered.
fn alive() -> Made {
    sent("OPTIONS", |hop| hop.answer(200, 1.1)).call("alive")
}

#[test]
fn repeated_to_the_end_without_answer_is_confirmed_by_method() {
    check(
        &[
            alive(),
            sent("INVITE", |hop| hop.again(&A)),
            sent("REGISTER", |hop| hop.again(&E)),
        ],
        &[
            "never-answered error confirmed 1",
            "never-answered warning confirmed 1",
        ],
    );
    let rule = RequestUnanswered::new(&Limits::default());
    let found = only(findings(
        rule,
        &[alive(), sent("REGISTER", |hop| hop.again(&E))],
    ));
    assert_eq!(found.title, "1 REGISTER request never answered");
    let evidence = found.evidence.expect("evidence");
    assert!(
        evidence.starts_with("REGISTER 11 times in 31.5 s, frames 100 to 3250"),
        "{evidence}"
    );
}

#[test]
fn an_answer_or_its_beginning_is_an_answer() {
    check(
        &[
            sent("INVITE", |hop| hop.again(&A).answer(500, 33.0)),
            sent("INVITE", |hop| hop.again(&A).progress(183, 33.0)),
            sent("OPTIONS", |hop| hop.again(&E[..3]).answer(200, 4.6)),
        ],
        &[],
    );
}

#[test]
fn an_ack_and_a_bye_are_not_its_business() {
    check(
        &[
            alive(),
            sent("ACK", |hop| hop.again(&E)),
            sent("BYE", |hop| hop.again(&E)),
        ],
        &[],
    );
}

#[test]
fn a_single_request_over_udp_is_not_counted() {
    check(&[alive(), sent("OPTIONS", |hop| hop)], &[]);
    check(&[alive(), sent("OPTIONS", |hop| hop.again(&[1.5]))], &[]);
}

/// Pings that are sent once, of which those of `answered` are answered.
fn pings(count: u32, answered: impl Fn(u32) -> bool) -> Vec<Made> {
    let ping = |no: u32| {
        let second = 30.0 * f64::from(no);
        Made::new("OPTIONS")
            .call(&format!("ping{no}"))
            .hop("10.1.0.1", "10.2.0.1", |hop| {
                let hop = hop.sent(second);
                if answered(no) {
                    hop.answer(200, second + 0.1)
                } else {
                    hop
                }
            })
    };
    (0..count).map(ping).collect()
}

#[test]
fn pings_that_are_sent_once_are_told_where_three_in_a_row_stay_without_answer() {
    check(
        &pings(12, |no| !(4..8).contains(&no)),
        &["never-answered(sent-once) warning probable 4"],
    );
    check(&pings(12, |no| no % 3 == 0), &[]);
    check(
        &pings(8, |no| no < 4),
        &["never-answered(sent-once) info probable 4"],
    );
    check(
        &pings(10, |_| false),
        &["never-answered(sent-once,one-way) info inconclusive 10"],
    );
    let found = only(findings(
        RequestUnanswered::new(&Limits::default()),
        &pings(12, |no| !(4..8).contains(&no)),
    ));
    assert_eq!(
        found.title,
        "4 OPTIONS requests sent once each, and no answer was seen"
    );
    assert_eq!(found.calls.len(), 4);
}

#[test]
fn a_sender_that_repeats_and_did_not_had_its_answer() {
    let mut made = pings(12, |no| !(4..8).contains(&no));
    made.push(sent("OPTIONS", |hop| hop.again(&E[..1]).answer(200, 2.0)));
    check(&made, &[]);
    let other = sent("REGISTER", |hop| hop.again(&E[..1]).answer(200, 2.0));
    let mut made = pings(12, |no| !(4..8).contains(&no));
    made.push(other);
    check(&made, &["never-answered(sent-once) warning probable 4"]);
}

#[test]
fn what_is_sent_once_says_nothing_of_one_moment_of_loss_or_of_calls() {
    let burst: Vec<_> = (0..5).map(|_| sent("OPTIONS", |hop| hop)).collect();
    check(&burst, &[]);
    let lossy: Vec<_> = pings(10, |_| false).into_iter().map(Made::loss).collect();
    check(&lossy, &[]);
    let calls: Vec<_> = (0..10)
        .map(|no| {
            Made::new("INVITE").hop("10.1.0.1", "10.2.0.1", |hop| hop.sent(30.0 * f64::from(no)))
        })
        .collect();
    check(&calls, &[]);
}

#[test]
fn a_capture_that_ends_before_the_timer_says_nothing() {
    check(
        &[
            alive(),
            sent("INVITE", |hop| hop.again(&A[..5])).until(20.0),
        ],
        &[],
    );
    let over_tcp = |until| sent("INVITE", |hop| hop.over(Transport::Tcp)).until(until);
    check(&[alive(), over_tcp(32.9)], &[]);
    check(
        &[alive(), over_tcp(33.1)],
        &["never-answered(no-repeats) info probable 1"],
    );
}

#[test]
fn a_receiver_of_whom_nothing_was_seen_lowers_it() {
    check(
        &[sent("INVITE", |hop| hop.again(&A))],
        &["never-answered(one-way) warning probable 1"],
    );
    check(
        &[sent("OPTIONS", |hop| hop.again(&E))],
        &["never-answered(one-way) info probable 1"],
    );
    check(&[sent("OPTIONS", |hop| hop.again(&E[..3]))], &[]);
    check(
        &[alive(), sent("OPTIONS", |hop| hop.again(&E[..3]))],
        &["never-answered(few-copies) info probable 1"],
    );
}

#[test]
fn a_request_the_other_way_shows_that_the_tap_sees_it() {
    let other = Made::new("OPTIONS").hop("10.2.0.1", "10.1.0.1", |hop| hop.sent(5.0));
    check(
        &[other, sent("INVITE", |hop| hop.again(&A))],
        &["never-answered error confirmed 1"],
    );
}

#[test]
fn packets_missing_from_the_capture_lower_it() {
    check(
        &[alive(), sent("INVITE", |hop| hop.again(&A)).loss()],
        &["never-answered(capture-loss) warning probable 1"],
    );
    check(
        &[
            alive(),
            sent("INVITE", |hop| hop.again(&A[..3])).loss(),
            sent("INVITE", |hop| hop.trying(1.1)).loss(),
        ],
        &[],
    );
}

#[test]
fn an_icmp_error_confirms_it_though_nothing_else_was_seen() {
    check(
        &[sent("OPTIONS", |hop| hop.unreachable(1.01))],
        &["never-answered(icmp) warning confirmed 1"],
    );
    check(
        &[sent("OPTIONS", |hop| hop.unreachable(1.01)), alive()],
        &["never-answered(icmp) info confirmed 1"],
    );
}

#[test]
fn of_hops_in_a_row_the_last_is_named() {
    let made = Made::new("INVITE")
        .hop("10.1.0.1", "10.9.0.1", |hop| hop.sent(1.0).again(&A))
        .hop("10.9.0.1", "10.2.0.1", |hop| {
            hop.vias(2).sent(1.01).again(&A)
        });
    let rule = RequestUnanswered::new(&Limits::default());
    let found = only(findings(rule, &[made]));
    assert_eq!(found.peers[0].0.to_string(), "10.9.0.1 → 10.2.0.1");
    assert_eq!(found.count, 1);
}

#[test]
fn an_answer_that_the_element_between_keeps_is_told() {
    let made = Made::new("INVITE")
        .hop("10.1.0.1", "10.9.0.1", |hop| hop.sent(1.0).again(&A))
        .hop("10.9.0.1", "10.2.0.1", |hop| {
            hop.vias(2).sent(1.01).progress(180, 1.1).answer(486, 9.0)
        });
    check(
        &[alive(), made],
        &["never-answered(answered-beyond,one-way) warning probable 1"],
    );
}

#[test]
fn an_invite_behind_100_until_the_caller_gives_up_is_stuck() {
    let stuck = |cancel, answer| {
        sent("INVITE", |hop| {
            hop.trying(1.1).cancel(cancel).answer(487, answer)
        })
    };
    check(
        &[stuck(20.0, 20.1)],
        &["stuck-behind-100(cancelled) warning probable 1"],
    );
    check(&[stuck(9.0, 9.1)], &[]);
}

#[test]
fn one_that_rings_or_is_refused_at_once_is_not_stuck() {
    check(
        &[
            sent("INVITE", |hop| {
                hop.trying(1.1).progress(180, 2.0).cancel(40.0)
            }),
            sent("INVITE", |hop| hop.trying(1.1).answer(486, 30.0)),
            sent("INVITE", |hop| hop.trying(1.1).answer(408, 2.0)),
        ],
        &[],
    );
}

#[test]
fn a_timeout_behind_100_and_silence_behind_it_are_stuck() {
    check(
        &[
            sent("INVITE", |hop| hop.trying(1.1).answer(408, 33.0)),
            sent("INVITE", |hop| hop.trying(1.1)),
            sent("INVITE", |hop| hop.trying(1.1)).until(30.0),
        ],
        &[
            "stuck-behind-100(timed-out) warning probable 1",
            "stuck-behind-100 warning probable 1",
        ],
    );
}

#[test]
fn what_the_next_hop_shows_is_told_of_that_one() {
    let made = Made::new("INVITE")
        .hop("10.1.0.1", "10.9.0.1", |hop| {
            hop.sent(1.0).trying(1.02).answer(408, 33.1)
        })
        .hop("10.9.0.1", "10.2.0.1", |hop| {
            hop.vias(2).sent(1.01).again(&A)
        });
    check(&[made], &["never-answered(one-way) warning probable 1"]);
}

#[test]
fn a_request_that_tcp_acknowledged_arrived_and_is_not_said_to_be_kept_out() {
    let waiting =
        |change: fn(MadeHop) -> MadeHop| sent("INVITE", |hop| change(hop.over(Transport::Tcp)));
    let arrived = waiting(|hop| hop.delivered(1.1));
    check(
        std::slice::from_ref(&arrived),
        &["never-answered(no-repeats,arrived) warning probable 1"],
    );
    let rule = RequestUnanswered::new(&Limits::default());
    let found = only(findings(rule, std::slice::from_ref(&arrived)));
    assert_eq!(found.title, "1 INVITE arrived and was never answered");
    assert!(
        !found.remediation.contains("firewall"),
        "{}",
        found.remediation
    );
    let evidence = found.evidence.expect("evidence");
    assert!(
        evidence.contains("TCP acknowledged it, frame 110 at the latest"),
        "{evidence}"
    );
    check(&[arrived.loss()], &[]);
    check(&[waiting(|hop| hop)], &[]);
}

#[test]
fn one_silent_target_behind_an_element_that_passes_other_calls_on_is_information() {
    let stuck = sent("INVITE", |hop| hop.trying(1.1).answer(408, 33.0));
    let passed = sent("INVITE", |hop| hop.trying(1.1).answer(486, 9.0)).call("c2");
    check(
        &[stuck.clone(), passed],
        &["stuck-behind-100(timed-out,others-answered) info probable 1"],
    );
    // Twice, and none between them that was answered.
    let again = stuck.clone().call("c3");
    let before = sent("INVITE", |hop| hop.trying(0.1).answer(486, 0.5)).call("c4");
    check(
        &[before, stuck.clone(), again.clone()],
        &["stuck-behind-100(timed-out) warning probable 2"],
    );
    let meanwhile = sent("INVITE", |hop| hop.trying(1.1).answer(486, 9.0)).call("c2");
    check(
        &[meanwhile, stuck.clone(), again],
        &["stuck-behind-100(timed-out,others-answered) info probable 2"],
    );
    let challenged = sent("INVITE", |hop| hop.trying(1.1).answer(407, 1.2)).call("c2");
    check(
        &[stuck, challenged],
        &["stuck-behind-100(timed-out) warning probable 1"],
    );
}

#[test]
fn titles_count_in_words_and_say_what_else_came() {
    let title = |made: &[Made]| {
        let rule = RequestUnanswered::new(&Limits::default());
        only(findings(rule, made)).title
    };
    let timed_out = sent("INVITE", |hop| hop.trying(1.1).answer(408, 33.0));
    assert_eq!(
        title(&vec![timed_out; 11]),
        "11 INVITEs timed out after nothing but 100 Trying"
    );
    let cancelled = sent("INVITE", |hop| {
        hop.trying(1.1).cancel(20.0).answer(408, 21.0)
    });
    assert_eq!(
        title(&[cancelled]),
        "1 INVITE cancelled after nothing but 100 Trying"
    );
}

#[test]
fn an_icmp_error_is_not_the_last_word_where_copies_followed_or_were_due() {
    let later = |hop: MadeHop| hop.unreachable(1.01).again(&[1.5]);
    check(&[sent("OPTIONS", later)], &[]);
    let both = |hop: MadeHop| hop.again(&[1.5]).unreachable(1.51);
    check(
        &[sent("OPTIONS", both)],
        &["never-answered(icmp) warning confirmed 1"],
    );
    check(
        &[sent("OPTIONS", |hop| hop.unreachable(1.01)).until(4.0)],
        &["never-answered(icmp,capture-ends) info probable 1"],
    );
}

#[test]
fn who_acknowledges_had_an_answer_that_the_tap_missed() {
    let stuck = || sent("INVITE", |hop| hop.trying(1.1));
    let repeated = || sent("INVITE", |hop| hop.again(&A[..3]));
    check(&[alive(), stuck().acked(), repeated().acked()], &[]);
    check(&[stuck().reached()], &[]);
}

#[test]
fn one_ringing_response_that_the_tap_may_have_missed_makes_nobody_silent() {
    let judged = |made: &[Made]| {
        let rule = RequestUnanswered::new(&Limits::default());
        lines(&findings_of(rule, made, Share::default()))
    };
    let gave_up = |code, answer| {
        sent("INVITE", move |hop| {
            hop.trying(1.1).cancel(20.0).answer(code, answer)
        })
    };
    assert_eq!(
        judged(&[gave_up(487, 20.1)]),
        ["stuck-behind-100(cancelled,one-packet) info inconclusive 1"]
    );
    let timed_out = sent("INVITE", |hop| hop.trying(1.1).answer(408, 33.0));
    assert_eq!(
        judged(&[timed_out]),
        ["stuck-behind-100(timed-out,one-packet) info inconclusive 1"]
    );
    // Who had rung would have answered the CANCEL at once.
    for late in [gave_up(487, 30.0), gave_up(408, 23.0)] {
        assert_eq!(
            judged(&[late]),
            ["stuck-behind-100(cancelled) warning probable 1"]
        );
    }
    // Nor is it one packet where nothing came at all.
    let never = sent("INVITE", |hop| hop.trying(1.1));
    assert_eq!(judged(&[never]), ["stuck-behind-100 warning probable 1"]);
}

#[test]
fn a_receiver_that_sends_to_others_meanwhile_is_said_to_be_up() {
    let other =
        Made::new("OPTIONS").hop("10.1.0.7", "10.2.0.1", |hop| hop.sent(5.0).answer(200, 5.1));
    let detail = |made: &[Made]| {
        let rule = RequestUnanswered::new(&Limits::default());
        only(findings(rule, made)).detail
    };
    let silent = sent("INVITE", |hop| hop.again(&A));
    let told = detail(&[other, silent.clone()]);
    assert!(
        told.contains("10.2.0.1 sent SIP to 10.1.0.7 after the first of these requests"),
        "{told}"
    );
    let alone = detail(&[silent]);
    assert!(
        alone.ends_with("or the tap shows one direction."),
        "{alone}"
    );
    assert!(!alone.contains("dead") && !told.contains("dead"));
}
