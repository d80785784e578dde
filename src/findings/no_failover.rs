//! `no-failover`: a target refused a call with 503 or never answered, and the caller's side tried
//! no other.
//!
//! In: exchanges. Out: one finding for each pair of hosts that matters. Whether other targets could
//! have been tried, and whether the tap would have seen it, is judged by what the same sender does
//! elsewhere in the capture: one that fails over at other times has a route to fail over to; of one
//! that is seen with a single target, which may have others beside the tap, nothing is said.
//!
//! Capped: [`crate::limits::Limits::waiting_events`] failures, and `ATTEMPTS` times as many
//! attempts, remembered; what cannot be compared any more is not judged. `TARGETS` targets a sender.
//!
//! # References
//! - RFC 3261 §21.5.4 (503: a client should try another server), §8.1.3.1 and §18.4 (timeouts and
//!   transport errors count as 408 and 503); RFC 3263 §4.3

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;

use smallvec::SmallVec;

use super::grouping::{Groups, Said};
use super::in_order::InOrder;
use super::past::Past;
use super::reading::{
    Silence, TIMEOUT, call_ref, digest, is_any, next, silence, time_of, told, user,
};
use super::rule::{
    CallRef, Confidence, End, Explanation, Finding, Peer, Rule, Severity, Topic, counted,
};
use super::table::{Table, place};
use crate::calls::{Exchanged, Hop};
use crate::limits::Limits;
use crate::sip::MethodKind;
use crate::units::{Span, Timestamp};

/// The rule's name.
pub const NAME: &str = "no-failover";

/// An attempt elsewhere this long after the failure belongs to it.
const WINDOW: Span = Span::from_secs(10);

/// An attempt elsewhere that rings is handed out when it is over: so long a failure waits.
const PATIENCE: Span = Span::from_secs(240);

/// An attempt is remembered so long: before a failure of it is told, and while that waits.
const MEMORY: Span = Span::from_secs(360);

/// Attempts remembered for each failure that may wait: some fifty bytes each.
const ATTEMPTS: usize = 4;

/// Targets told apart of a sender.
const TARGETS: usize = 16;

/// Digits of a number that stay the same when prefixes are put before it.
const DIGITS: usize = 8;

/// Attempts of one sender at one number: when, and the target's [`host`]. Mostly there is one.
type Tries = SmallVec<[(Timestamp, u64); 1]>;

/// The rule.
#[derive(Debug)]
pub struct NoFailover {
    text_bytes: usize,
    cap: usize,
    hosts: usize,
    latest: Timestamp,
    /// Attempts by sender and numbers.
    attempts: Table<u64, Tries>,
    /// Their keys by age.
    order: VecDeque<(Timestamp, u64)>,
    /// Attempts before this are no longer all known.
    forgotten: Option<Timestamp>,
    failures: InOrder<Failure>,
    senders: Table<IpAddr, Sender>,
    past: Arc<Past>,
    groups: Groups<How>,
    given_up: u64,
}

#[derive(Debug, Default)]
struct Sender {
    targets: Vec<IpAddr>,
    /// It tried a second target when a first had failed.
    fails_over: bool,
}

#[derive(Debug)]
struct Failure {
    key: u64,
    peer: Peer,
    how: How,
    sent: Timestamp,
    failed: Timestamp,
    call: CallRef,
    evidence: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum How {
    Refused,
    /// Its sender repeated it to the end, which shows that no answer came.
    Silent,
    /// Its sender gave up earlier; the answer may have gone where the tap does not see it.
    Quiet,
    Unreachable,
}

/// What is known of the sender's other targets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Others {
    FailsOver,
    Several,
}

impl NoFailover {
    /// A rule for one capture.
    pub fn new(limits: &Limits) -> Self {
        Self {
            text_bytes: limits.call_id_bytes,
            cap: limits.waiting_events.saturating_mul(ATTEMPTS).max(1),
            hosts: limits.host_pairs,
            latest: Timestamp::default(),
            attempts: Table::default(),
            order: VecDeque::new(),
            forgotten: None,
            failures: InOrder::new(PATIENCE, limits.waiting_events),
            senders: Table::default(),
            past: Arc::default(),
            groups: Groups::new(limits),
            given_up: 0,
        }
    }

    /// Remembers that `hop` was tried.
    fn tried(&mut self, key: u64, hop: &Hop) {
        // The answer of a target shows that it was tried, whether the request was captured or not.
        let time = time_of(hop);
        let (src, dst) = (hop.flow.src.addr, hop.flow.dst.addr);
        if let Some(sender) = place(&mut self.senders, src, self.hosts)
            && sender.targets.len() < TARGETS
            && !sender.targets.contains(&dst)
        {
            sender.targets.push(dst);
        }
        while self.order.len() >= self.cap
            && let Some((time, oldest)) = self.order.pop_front()
        {
            self.attempts.remove(&oldest);
            self.forgotten = self.forgotten.max(Some(time));
        }
        let known = self.attempts.entry(key).or_default();
        let attempt = (time, host(dst));
        if !known.contains(&attempt) {
            if known.len() >= TARGETS {
                known.remove(0);
            }
            known.push(attempt);
            self.order.push_back((time, key));
        }
    }

    /// Forgets attempts that no failure still waiting can have to do with.
    fn forget(&mut self) {
        while let Some((time, key)) = self.order.front().copied()
            && self.latest.since(time) > MEMORY
        {
            self.order.pop_front();
            if let Some(known) = self.attempts.get_mut(&key) {
                known.retain(|(other, _)| *other != time);
                if known.is_empty() {
                    self.attempts.remove(&key);
                }
            }
        }
    }

    fn judge(&mut self, failure: Failure, is_at_end: bool) {
        let is_early = !is_at_end && self.latest.since(failure.failed) < PATIENCE;
        let is_forgotten = self
            .forgotten
            .is_some_and(|time| time.since(failure.sent) > Span::from_secs(-60));
        if is_early || is_forgotten {
            self.given_up += 1;
            return;
        }
        let refused_by = host(failure.peer.dst);
        let elsewhere = self
            .attempts
            .get(&failure.key)
            .into_iter()
            .flatten()
            .filter(|(_, target)| *target != refused_by);
        let mut times = elsewhere.map(|(time, _)| *time).filter(|time| {
            let before = failure.sent.since(*time);
            let after = time.since(failure.failed);
            before <= Span::from_secs(42) && after <= WINDOW
        });
        if let Some(time) = times.next() {
            if time > failure.sent
                && let Some(sender) = self.senders.get_mut(&failure.peer.src)
            {
                sender.fails_over = true;
            }
            return;
        }
        let Failure {
            peer,
            how,
            sent,
            call,
            evidence,
            ..
        } = failure;
        self.groups.add(how, peer, sent, || call, || evidence);
    }
}

impl Rule for NoFailover {
    fn topics(&self) -> &'static [Topic] {
        TOPICS
    }

    fn exchanged(&mut self, exchanged: &Exchanged<'_>) {
        if exchanged.method != MethodKind::Invite || !exchanged.initial || exchanged.from.is_empty()
        {
            return;
        }
        for hop in exchanged.hops {
            self.latest = self.latest.max(time_of(hop));
            let key = key(exchanged, hop);
            self.tried(key, hop);
            let Some((how, failed)) = failure(exchanged, hop) else {
                continue;
            };
            if exchanged.observed.until.since(failed) < WINDOW || exchanged.observed.loss {
                continue;
            }
            self.latest = self.latest.max(failed);
            let failure = Failure {
                key,
                peer: Peer::of(&hop.flow),
                how,
                sent: time_of(hop),
                failed,
                call: call_ref(exchanged, [hop], self.text_bytes),
                evidence: told(exchanged, hop),
            };
            let mut due = Vec::new();
            self.failures
                .push(failed, failure, |_, failure| due.push(failure));
            for failure in due {
                self.judge(failure, false);
            }
        }
        // Nothing is forgotten that a failure still waits to be compared with.
        let mut due = Vec::new();
        self.failures
            .pass(self.latest, |_, failure| due.push(failure));
        for failure in due {
            self.judge(failure, false);
        }
        self.forget();
    }

    fn look_back(&mut self, past: &Arc<Past>) {
        self.past = Arc::clone(past);
    }

    fn finish(&mut self, _end: &End, out: &mut dyn FnMut(Finding)) {
        let mut due = Vec::new();
        self.failures.finish(|_, failure| due.push(failure));
        for failure in due {
            self.judge(failure, true);
        }
        let (senders, heard) = (&self.senders, &self.past.heard);
        let mut groups = self.groups.regroup(|how, peer, _, since| {
            let how = match how {
                How::Quiet if !heard.is_answering_after(peer, since) => return None,
                How::Quiet => How::Silent,
                known => *known,
            };
            let others = match senders.get(&peer.src) {
                Some(sender) if sender.fails_over => Others::FailsOver,
                Some(sender) if sender.targets.len() > 1 => Others::Several,
                // It has none, or this tap does not show them.
                _ => return None,
            };
            Some((Reverse(others), how))
        });
        groups.finish(&mut |(others, how), gathered| {
            let said = said(others.0, *how, gathered.count);
            out(gathered.finding(said));
        });
    }

    fn given_up(&self) -> u64 {
        self.given_up
    }
}

/// A host in a word; of the longer addresses a digest.
fn host(addr: IpAddr) -> u64 {
    match addr {
        IpAddr::V4(addr) => u64::from(addr.to_bits()),
        IpAddr::V6(addr) => digest(&[&addr.octets()]),
    }
}

/// Sender and numbers: what an attempt at another target shares.
fn key(exchanged: &Exchanged<'_>, hop: &Hop) -> u64 {
    let src = match hop.flow.src.addr {
        IpAddr::V4(addr) => addr.to_ipv6_mapped().octets(),
        IpAddr::V6(addr) => addr.octets(),
    };
    digest(&[&src, number(exchanged.from), number(exchanged.to)])
}

/// The last digits of a number, which prefixes of a route do not change; any other user whole.
fn number(uri: &[u8]) -> &[u8] {
    let user = user(uri);
    user.len()
        .checked_sub(DIGITS)
        .and_then(|from| user.get(from..))
        .filter(|tail| tail.iter().all(u8::is_ascii_digit))
        .unwrap_or(user)
}

/// How the target of `hop` failed, and when; nothing where another branch was tried beside it.
fn failure(exchanged: &Exchanged<'_>, hop: &Hop) -> Option<(How, Timestamp)> {
    let request = hop.request?;
    let is_beside = |other: &&Hop| {
        other.flow.src.addr == hop.flow.src.addr
            && other.vias == hop.vias
            && other.flow.dst.addr != hop.flow.dst.addr
    };
    if hop.cancel.is_some()
        || next(exchanged, hop).is_some()
        || exchanged.hops.iter().any(|other| is_beside(&other))
    {
        return None;
    }
    if let Some(silence) = silence(exchanged, hop) {
        return Some(match silence {
            Silence::Unreachable => (How::Unreachable, hop.unreachable?.time),
            Silence::RanOut => (How::Silent, request.time.plus(TIMEOUT)),
            _ => (How::Quiet, request.time.plus(TIMEOUT)),
        });
    }
    let refusal = hop.finals.first()?;
    let is_refused = hop.finals.iter().all(|last| is_any(last.code, &[503]));
    is_refused.then_some((How::Refused, refusal.first.time))
}

fn said(others: Others, how: How, count: u64) -> Said {
    let calls = counted(count, "call", "calls");
    let failed = match how {
        How::Refused => "refused with 503",
        How::Silent | How::Quiet => "never answered",
        How::Unreachable => "reported unreachable",
    };
    let (severity, confidence, qualifier, known) = match others {
        Others::FailsOver => (
            Severity::Warning,
            Confidence::Probable,
            "",
            "At other times the same sender did try another target after such a failure, and this tap saw it.",
        ),
        Others::Several => (
            Severity::Info,
            Confidence::Probable,
            "several-targets",
            "The same sender sends calls to other targets as well; whether they would have taken these is not known.",
        ),
    };
    Said {
        rule: NAME,
        verdict: None,
        qualifier: qualifier.to_owned(),
        severity,
        confidence,
        raise: Some(
            "read the sender's routes: the capture does not tell which targets a call may take",
        ),
        cause: None,
        title: format!("{calls} {failed}, and no other target tried"),
        detail: format!(
            "In the same call, or from and to the same numbers, nothing was sent to another target within 10 s of the failure. {known}"
        ),
        remediation: FIX,
    }
}

const FIX: &str = "Give the sender a second target for this route (another gateway in the dispatcher set, an SRV record, an alternative \
     trunk) and let it try it on 503, on timeout and on transport errors; lower the timer after which a silent target is \
     given up (a proxy need not wait 32 s). If these calls may go to one target only, nothing is wrong here but the target.";

static TOPICS: &[Topic] = &[Topic {
    name: NAME,
    kind: "rule",
    explanation: Explanation {
        summary: "A target refused a call with 503 or never answered, and no other target was tried.",
        sections: &[
            (
                "What it sees",
                "INVITEs outside a dialog whose last hop ends in 503 alone, in silence until 64*T1 are over, or in an ICMP error, and which the \
                 sender of that hop sent to no other address: neither as a fork of the same transaction nor with the same numbers \
                 (their last eight digits) up to 10 s after the failure. A warning where the same sender is seen to fail over at other \
                 times; information where it is merely seen with several targets (several-targets). Of a sender with one target nothing is \
                 said: it has no other, or this tap does not show it. Calls that the caller cancelled, calls with packets missing, and silence of a target \
                 from which this tap saw nothing since are left out.",
            ),
            (
                "Why it matters",
                "503 asks to be tried elsewhere (RFC 3261 §21.5.4). Without a second target the failure of one gateway is the failure of the route.",
            ),
            ("What to do", FIX),
        ],
    },
}];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::testing::{Made, findings, lines};

    const A: [f64; 6] = [0.5, 1.5, 3.5, 7.5, 15.5, 31.5];

    fn check(made: &[Made], expected: &[&str]) {
        let rule = NoFailover::new(&Limits::default());
        assert_eq!(lines(&findings(rule, made)), expected);
    }

    /// A call to `target` at `seconds` that ends with `answer`.
    fn call(id: &str, to: &str, target: &str, seconds: f64, answer: u16) -> Made {
        Made::new("INVITE")
            .call(id)
            .callee(to)
            .hop("10.1.0.1", target, |hop| {
                hop.sent(seconds).answer(answer, seconds + 0.1)
            })
    }

    const BOB: &str = "sip:+15557654321@example.net";
    const CAROL: &str = "sip:+15551111111@example.net";

    #[test]
    fn a_sender_that_fails_over_at_other_times_is_warned_of() {
        check(
            &[
                call("a", BOB, "10.2.0.1", 10.0, 503),
                call("a2", BOB, "10.2.0.2", 10.2, 200),
                call("b", CAROL, "10.2.0.1", 400.0, 503),
            ],
            &["no-failover warning probable 1"],
        );
    }

    #[test]
    fn a_second_target_within_the_window_is_failover() {
        check(
            &[
                call("a", BOB, "10.2.0.1", 10.0, 503),
                call("b", BOB, "10.2.0.2", 15.0, 503),
            ],
            &[],
        );
    }

    #[test]
    fn a_prefix_before_the_number_does_not_hide_the_second_target() {
        check(
            &[
                call("a", BOB, "10.2.0.1", 10.0, 503),
                call(
                    "b",
                    "sip:99#15557654321@other.example",
                    "10.2.0.2",
                    10.5,
                    200,
                ),
            ],
            &[],
        );
    }

    #[test]
    fn a_call_to_somebody_else_is_no_second_target() {
        check(
            &[
                call("a", BOB, "10.2.0.1", 10.0, 503),
                call("b", CAROL, "10.2.0.2", 10.5, 200),
            ],
            &["no-failover(several-targets) info probable 1"],
        );
    }

    #[test]
    fn of_a_sender_with_one_target_nothing_is_said() {
        let calls: Vec<_> = (0..5)
            .map(|no| {
                let (id, second) = (format!("c{no}"), f64::from(no) * 100.0);
                call(&id, BOB, "10.2.0.1", second, 503)
            })
            .collect();
        check(&calls, &[]);
    }

    #[test]
    fn a_fork_beside_it_is_a_second_target() {
        let forked = call("a", BOB, "10.2.0.1", 10.0, 503).hop("10.1.0.1", "10.2.0.2", |hop| {
            hop.sent(10.2).answer(200, 11.0)
        });
        check(&[forked, call("b", CAROL, "10.2.0.3", 20.0, 200)], &[]);
    }

    #[test]
    fn silence_and_icmp_errors_are_failures_as_well() {
        let silent = Made::new("INVITE")
            .callee(BOB)
            .hop("10.1.0.1", "10.2.0.1", |hop| hop.sent(0.0).again(&A));
        let unreachable = Made::new("INVITE")
            .callee(CAROL)
            .hop("10.1.0.1", "10.2.0.1", |hop| {
                hop.sent(100.0).unreachable(100.01)
            });
        let other = call("b", "sip:dave@example.net", "10.2.0.2", 300.0, 200);
        check(
            &[silent, unreachable, other],
            &[
                "no-failover(several-targets) info probable 1",
                "no-failover(several-targets) info probable 1",
            ],
        );
    }

    #[test]
    fn silence_is_a_failure_only_where_the_sender_or_the_tap_shows_it() {
        let other = call("b", "sip:dave@example.net", "10.2.0.2", 300.0, 200);
        let gave_up = |copies: &[f64]| {
            Made::new("INVITE")
                .callee(BOB)
                .hop("10.1.0.1", "10.2.0.1", |hop| hop.sent(0.0).again(copies))
        };
        let seen = call("c", CAROL, "10.2.0.1", 200.0, 200);
        let expected = ["no-failover(several-targets) info probable 1"];
        check(&[gave_up(&A), other.clone()], &expected);
        check(&[gave_up(&A[..3]), other.clone()], &[]);
        check(&[gave_up(&A[..3]), other, seen], &expected);
    }

    #[test]
    fn what_the_caller_cancelled_or_the_capture_cuts_or_lost_is_left_out() {
        let other = || call("b", CAROL, "10.2.0.2", 300.0, 200);
        let cancelled = Made::new("INVITE")
            .callee(BOB)
            .hop("10.1.0.1", "10.2.0.1", |hop| {
                hop.sent(10.0).trying(10.1).cancel(12.0).answer(503, 12.1)
            });
        check(&[cancelled, other()], &[]);
        check(
            &[call("a", BOB, "10.2.0.1", 10.0, 503).until(15.0), other()],
            &[],
        );
        check(
            &[call("a", BOB, "10.2.0.1", 10.0, 503).loss(), other()],
            &[],
        );
    }

    #[test]
    fn who_relays_a_503_is_not_the_one_to_fail_over() {
        let relayed = call("a", BOB, "10.9.0.1", 10.0, 503).hop("10.9.0.1", "10.2.0.1", |hop| {
            hop.vias(2).sent(10.02).answer(503, 10.08)
        });
        check(&[relayed, call("b", CAROL, "10.2.0.2", 300.0, 200)], &[]);
    }
}
