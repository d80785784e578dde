//! `drops-at-32-s`: calls between two hosts that end 30 to 35 s after the answer more often than
//! chance allows.
//!
//! In: sessions. Out: one finding for each pair of hosts that matters. A callee that gets no ACK hangs up
//! when 64*T1 (32 s) are over, so that calls end then although both sides were talking. What is
//! counted is a smell: durations are compared with those just shorter and longer, and nobody is
//! accused.
//!
//! Capped: [`crate::limits::Limits::watched_pairs`] pairs, `CALLS` calls of each.
//!
//! # References
//! - RFC 3261 §13.3.1.4: the callee gives up 64*T1 after its 2xx

use std::fmt::Write as _;

use super::burst::poisson_tail;
use super::grouping::{Gathered, Said};
use super::reading::is_unjudged;
use super::rule::{
    CallRef, Confidence, End, Explanation, Finding, Peer, Rule, Severity, Topic, counted, kept,
};
use super::table::{Table, place};
use crate::calls::{Session, SessionEnd, Side};
use crate::limits::Limits;
use crate::units::{FrameRef, Span, Timestamp};

/// The rule's name.
pub const NAME: &str = "drops-at-32-s";

/// Which calls are counted, from the answer to the BYE.
const FROM: Span = Span::from_secs(30);
const TO: Span = Span::from_secs(35);

/// Those that they are compared with: two bins of 5 s before, and two behind.
const NEAR_FROM: Span = Span::from_secs(20);
const NEAR_TO: Span = Span::from_secs(45);
const NEAR_BINS: f64 = 4.0;

/// Fewer calls are chance.
const LEAST: u64 = 3;
/// Of all answered calls of the pair, one in so many: fewer are people who talk that long.
const ONE_IN: u64 = 5;
/// The greatest probability of as many given the neighbours, in the whole capture: each pair of
/// hosts is one more chance to be struck by chance.
const CHANCE: f64 = 0.01;

/// Calls kept of a pair.
const CALLS: usize = 256;

/// The rule.
#[derive(Debug)]
pub struct DropsAt32S {
    text_bytes: usize,
    cap: usize,
    pairs: Table<Peer, Durations>,
    given_up: u64,
}

#[derive(Debug, Default)]
struct Durations {
    /// Answered calls whose end was seen, or that went on.
    answered: u64,
    near: u64,
    dropped: u64,
    by_callee: u64,
    without_ack: u64,
    loss: bool,
    reasons: Table<Box<[u8]>, u64>,
    window: Option<(Timestamp, Timestamp)>,
    evidence: String,
    calls: Vec<CallRef>,
}

/// Reasons told apart of a pair.
const REASONS: usize = 16;

impl DropsAt32S {
    /// A rule for one capture.
    pub fn new(limits: &Limits) -> Self {
        Self {
            text_bytes: limits.call_id_bytes,
            cap: limits.watched_pairs,
            pairs: Table::default(),
            given_up: 0,
        }
    }
}

impl Rule for DropsAt32S {
    fn topics(&self) -> &'static [Topic] {
        TOPICS
    }

    fn session(&mut self, session: &Session<'_>) {
        // A tap that does not see what the caller sends shows neither its ACKs nor the calls that it
        // ends.
        if is_unjudged(&session.observed) || session.invite.is_none() {
            return;
        }
        let peer = Peer::of(&session.flow);
        let Some(pair) = place(&mut self.pairs, peer, self.cap) else {
            self.given_up += 1;
            return;
        };
        let SessionEnd::Bye {
            side, bye, reason, ..
        } = session.end
        else {
            // How long it lasted is not known, but if it was not cut by the capture it was longer.
            let seen = session.observed.until.since(session.answered.time);
            pair.answered += u64::from(seen > NEAR_TO);
            return;
        };
        pair.answered += 1;
        let lasted = bye.time.since(session.answered.time);
        if !(NEAR_FROM..NEAR_TO).contains(&lasted) {
            return;
        }
        if !(FROM..TO).contains(&lasted) {
            pair.near += 1;
            return;
        }
        pair.dropped += 1;
        pair.by_callee += u64::from(side == Side::Uas);
        pair.without_ack += u64::from(session.acked.is_none());
        pair.loss |= session.observed.loss;
        if !reason.is_empty() {
            if let Some(count) = pair.reasons.get_mut(reason) {
                *count += 1;
            } else if pair.reasons.len() < REASONS {
                pair.reasons.insert(reason.into(), 1);
            }
        }
        let time = session.answered.time;
        match &mut pair.window {
            Some((start, end)) => (*start, *end) = (time.min(*start), time.max(*end)),
            None => {
                pair.window = Some((time, time));
                pair.evidence = evidence(session, side, bye.at, lasted);
            }
        }
        if pair.calls.len() < CALLS {
            pair.calls.push(call_ref(session, self.text_bytes));
        }
    }

    fn finish(&mut self, _end: &End, out: &mut dyn FnMut(Finding)) {
        let mut pairs: Vec<_> = std::mem::take(&mut self.pairs).into_iter().collect();
        pairs.sort_by_key(|(peer, _)| *peer);
        let judged = pairs
            .iter()
            .filter(|(_, pair)| pair.answered >= LEAST)
            .count();
        for (peer, pair) in pairs {
            if !stands_out(&pair, judged) {
                continue;
            }
            let Some((start, end)) = pair.window else {
                continue;
            };
            let said = said(&pair);
            let mut calls = pair.calls;
            calls.sort_by_key(|call| call.time);
            let gathered = Gathered {
                is_split: false,
                count: pair.dropped,
                start,
                end,
                peers: vec![(peer, pair.dropped)],
                evidence: pair.evidence,
                calls,
            };
            out(gathered.finding(said));
        }
    }

    fn given_up(&self) -> u64 {
        self.given_up
    }
}

/// Whether more calls end at 30 to 35 s than people would let them; one of so many `pairs`.
fn stands_out(pair: &Durations, pairs: usize) -> bool {
    // Half a call more than were seen: a rate that was never seen is not zero.
    #[expect(clippy::cast_precision_loss, reason = "counts of calls")]
    let (usual, pairs) = ((pair.near as f64 + 0.5) / NEAR_BINS, pairs.max(1) as f64);
    pair.dropped >= LEAST
        && pair.dropped * ONE_IN >= pair.answered
        && poisson_tail(pair.dropped, usual) < CHANCE / pairs
}

fn said(pair: &Durations) -> Said {
    let calls = counted(pair.dropped, "call", "calls");
    // A callee that hangs up then without ACK is what 64*T1 would do.
    let points_to_ack = pair.without_ack * 2 > pair.dropped;
    let (severity, confidence) = match () {
        () if points_to_ack && !pair.loss => (Severity::Warning, Confidence::Probable),
        () => (Severity::Info, Confidence::Inconclusive),
    };
    let mut detail = format!(
        "Of {} answered calls {} ended 30 to 35 s after the answer, and {} in the two times 5 s before and behind that. The callee hung up {} of them.",
        pair.answered, pair.dropped, pair.near, pair.by_callee
    );
    // Writing to a String cannot fail.
    let _ = match (pair.without_ack, points_to_ack) {
        (0, _) => write!(
            detail,
            " All had an ACK here: if it reached the callee, a timer for missing media, a session timer or an announcement of that length ends them."
        ),
        (some, true) => write!(
            detail,
            " For {some} of them no ACK was seen: see missing-ack for these calls."
        ),
        (some, false) => write!(
            detail,
            " For {some} of them no ACK was seen, the others had one here."
        ),
    };
    let most = pair
        .reasons
        .iter()
        .max_by_key(|(reason, count)| (**count, std::cmp::Reverse((*reason).clone())));
    if let Some((reason, count)) = most {
        let reason = String::from_utf8_lossy(reason);
        let _ = write!(detail, " Reason of {count}: {reason}.");
    }
    Said {
        rule: NAME,
        verdict: None,
        qualifier: if pair.loss {
            "capture-loss".to_owned()
        } else {
            String::new()
        },
        severity,
        confidence,
        raise: Some("capture at the callee's side as well, signalling and media, for some minutes"),
        cause: None,
        title: format!(
            "{calls} of {} ended 30 to 35 s after the answer",
            pair.answered
        ),
        detail,
        remediation: FIX,
    }
}

fn evidence(session: &Session<'_>, side: Side, bye: FrameRef, lasted: Span) -> String {
    let by = match side {
        Side::Uac => "caller",
        Side::Uas => "callee",
    };
    let ack = session.acked.map_or_else(
        || "no ACK seen".to_owned(),
        |ack| format!("ACK in frame {}", ack.at),
    );
    format!(
        "answered in frame {}, {ack}, BYE of the {by} in frame {bye}, {:.1} s after the answer",
        session.answered.at,
        lasted.as_secs_f64()
    )
}

fn call_ref(session: &Session<'_>, text_bytes: usize) -> CallRef {
    let file = session.answered.at.file;
    let bye = match session.end {
        SessionEnd::Bye { bye, .. } => Some(bye),
        SessionEnd::Unseen => None,
    };
    let all = [session.invite, Some(session.answered), session.acked, bye];
    let mut frames: Vec<_> = all
        .into_iter()
        .flatten()
        .filter(|seen| seen.at.file == file)
        .map(|seen| seen.at.no)
        .collect();
    frames.sort_unstable();
    frames.dedup();
    CallRef {
        call_id: kept(session.call_id, text_bytes),
        cseq: session.cseq,
        to_tag: (!session.to_tag.is_empty()).then(|| kept(session.to_tag, text_bytes)),
        file,
        frames,
        time: session.answered.time,
    }
}

const FIX: &str = "If missing-ack names these calls, begin there. Otherwise look at what ends a call after half a minute: media timers (no RTP in \
     one direction: compare the addresses in the SDP with where RTP goes), session timers refused, an ACK that is lost beyond \
     this tap, a fixed announcement.";

static TOPICS: &[Topic] = &[Topic {
    name: NAME,
    kind: "rule",
    explanation: Explanation {
        summary: "Calls between two hosts end 30 to 35 s after the answer more often than chance allows.",
        sections: &[
            (
                "What it sees",
                "The time from the 2xx to the first BYE. At least three calls that ended after 30 to 35 s, a fifth of the pair's answered calls, and more than chance \
                 allows (one in a hundred, for all pairs together) given the calls that ended in the 10 s before and behind: where calls are \
                 short, some end then, and as many just sooner and later. A warning where no ACK was seen for most of them; else \
                 information.",
            ),
            (
                "Why it matters",
                "\"The call drops after half a minute\" is what callers report when the ACK does not reach the callee (64*T1 = 32 s), \
                 or media does not.",
            ),
            ("What to do", FIX),
        ],
    },
}];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::testing::{MadeSession, finish, lines, only};

    fn found(sessions: &[MadeSession]) -> Vec<Finding> {
        let mut rule = DropsAt32S::new(&Limits::default());
        for session in sessions {
            session.with(|session| rule.session(session));
        }
        finish(rule)
    }

    fn check(sessions: &[MadeSession], expected: &[&str]) {
        assert_eq!(lines(&found(sessions)), expected);
    }

    /// Calls that lasted so long, ended by the callee.
    fn calls(lasted: &[f64]) -> Vec<MadeSession> {
        lasted
            .iter()
            .zip(0..)
            .map(|(lasted, no)| {
                let answered = f64::from(no) * 100.0 + 1.0;
                MadeSession::new(&format!("c{no}"), answered, *lasted, Side::Uas)
            })
            .collect()
    }

    fn without_ack(mut sessions: Vec<MadeSession>) -> Vec<MadeSession> {
        for session in &mut sessions {
            session.acked = false;
        }
        sessions
    }

    #[test]
    fn a_tap_that_does_not_see_the_callers_requests_says_nothing() {
        let mut sessions = without_ack(calls(&[32.1, 32.0, 31.9, 120.0, 300.0]));
        for session in &mut sessions {
            session.invited = false;
        }
        check(&sessions, &[]);
    }

    #[test]
    fn calls_that_drop_without_ack_are_a_warning_and_others_information() {
        let drops = [32.1, 32.0, 31.9, 120.0, 300.0];
        check(
            &without_ack(calls(&drops)),
            &["drops-at-32-s warning probable 3"],
        );
        check(&calls(&drops), &["drops-at-32-s info inconclusive 3"]);
        let found = only(found(&without_ack(calls(&drops))));
        assert!(
            found
                .detail
                .starts_with("Of 5 answered calls 3 ended 30 to 35 s after the answer"),
            "{}",
            found.detail
        );
    }

    #[test]
    fn two_are_chance() {
        check(&without_ack(calls(&[32.1, 32.0])), &[]);
    }

    #[test]
    fn short_calls_of_all_lengths_are_no_drops() {
        check(
            &calls(&[
                18.0, 21.0, 24.0, 26.0, 28.0, 31.0, 32.0, 34.0, 36.0, 38.0, 41.0, 44.0, 47.0,
            ]),
            &[],
        );
    }

    #[test]
    fn a_few_among_many_are_people_who_talk_that_long() {
        let mut lasted = vec![120.0; 30];
        lasted.extend([31.0, 32.0, 33.0, 34.0]);
        check(&calls(&lasted), &[]);
    }

    #[test]
    fn packets_missing_lower_it_and_sessions_across_a_step_do_not_count() {
        let mut sessions = without_ack(calls(&[32.1, 32.0, 31.9]));
        sessions[1].observed.loss = true;
        check(
            &sessions,
            &["drops-at-32-s(capture-loss) info inconclusive 3"],
        );
        sessions[1].observed.time_step = true;
        check(&sessions, &[]);
    }

    #[test]
    fn the_reason_that_most_give_is_quoted() {
        let mut sessions = calls(&[32.1, 32.0, 31.9]);
        for session in &mut sessions[..2] {
            session.reason = "Q.850;cause=31";
        }
        let detail = only(found(&sessions)).detail;
        assert!(detail.ends_with("Reason of 2: Q.850;cause=31."), "{detail}");
    }
}
