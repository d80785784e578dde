//! `response-retransmitted`: final responses that were sent again although nothing asked for it.
//!
//! In: exchanges, whose finals know how many of their copies came without need. Out: one finding
//! for each verdict and pair of hosts that matters. A 2xx to INVITE is left to `missing-ack`,
//! which judges its repeats.
//!
//! # References
//! - RFC 3261 §17.2.1, §17.2.2

use super::grouping::{Groups, Said};
use super::reading::{Spacing, call_ref, is_unjudged, ran_out, time_of, told};
use super::rule::{Confidence, End, Explanation, Finding, Peer, Rule, Severity, Topic, counted};
use crate::calls::{Exchanged, Final, Hop};
use crate::limits::Limits;
use crate::sip::MethodKind;
use crate::units::Span;

/// The rule's name.
pub const NAME: &str = "response-retransmitted";

/// A refusal of an INVITE went on after its ACK.
const AFTER_ACK: &str = "repeated-after-ack";
/// A response to another method was repeated though its request was not.
const UNPROMPTED: &str = "repeated-unprompted";

/// A copy may cross the ACK or the repeat of the request on its way: one alone counts only where
/// so many exchanges of a pair have one.
const EXCHANGES_WITH_ONE: u64 = 3;

/// Copies of a tap or a loop in the network are closer than this (DOMAIN C.3: under 50 ms).
const LEAST_GAP: Span = Span::from_millis(100);

/// The rule.
#[derive(Debug)]
pub struct ResponseRetransmitted {
    text_bytes: usize,
    groups: Groups<Key>,
}

/// What a finding shares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    verdict: &'static str,
    /// A single copy too many in each.
    single: bool,
    /// Repeated until 64*T1 were over.
    to_the_end: bool,
}

impl ResponseRetransmitted {
    /// A rule for one capture.
    pub fn new(limits: &Limits) -> Self {
        Self {
            text_bytes: limits.call_id_bytes,
            groups: Groups::new(limits),
        }
    }
}

impl Rule for ResponseRetransmitted {
    fn topics(&self) -> &'static [Topic] {
        TOPICS
    }

    fn exchanged(&mut self, exchanged: &Exchanged<'_>) {
        // What asked for a repeat may be among what is missing.
        if is_unjudged(&exchanged.observed) || exchanged.observed.loss {
            return;
        }
        // Repeats travel back over all hops; they are the doing of the last one that has them.
        let repeated = |hop: &&Hop| {
            hop.finals
                .iter()
                .any(|f| judge(exchanged, hop, f).is_some())
        };
        let last = exchanged.hops.iter().filter(repeated);
        let Some(hop) = last.max_by_key(|hop| hop.vias) else {
            return;
        };
        let judged = hop.finals.iter().find_map(|f| judge(exchanged, hop, f));
        let Some(key) = judged else { return };
        self.groups.add(
            key,
            Peer::of(&hop.flow),
            time_of(hop),
            || call_ref(exchanged, [hop], self.text_bytes),
            || told(exchanged, hop),
        );
    }

    fn finish(&mut self, _end: &End, out: &mut dyn FnMut(Finding)) {
        let mut groups = self.groups.regroup(|key, _, count, _| {
            let is_known = !key.single || count >= EXCHANGES_WITH_ONE;
            is_known.then_some(Key {
                single: false,
                ..*key
            })
        });
        groups.finish(&mut |key, gathered| {
            let said = said(*key, gathered.count);
            out(gathered.finding(said));
        });
    }
}

/// Whether a final was repeated without need, and how.
fn judge(exchanged: &Exchanged<'_>, hop: &Hop, last_word: &Final) -> Option<Key> {
    hop.request?;
    let spread = last_word.last.time.since(last_word.first.time);
    let gaps = i64::from(last_word.copies.saturating_sub(1).max(1));
    if last_word.needless == 0 || spread.nanos() / gaps < LEAST_GAP.nanos() {
        return None;
    }
    let verdict = if exchanged.method == MethodKind::Invite {
        if last_word.code.is_success() {
            return None;
        }
        hop.ack?;
        AFTER_ACK
    } else {
        UNPROMPTED
    };
    Some(Key {
        verdict,
        single: last_word.needless == 1,
        to_the_end: ran_out(Spacing::UpToT2, last_word.copies, spread),
    })
}

fn said(key: Key, count: u64) -> Said {
    let requests = counted(count, "request", "requests");
    let (title, detail, remediation) = if key.verdict == AFTER_ACK {
        (
            format!("{requests}: the refusal went on after its ACK"),
            if key.to_the_end {
                "An ACK passed this tap, and the server went on repeating its refusal until 64*T1 were over: the ACK was lost \
                 or refused beyond the tap."
            } else {
                "An ACK passed this tap, and the server sent its refusal again: the ACK was late or lost beyond the tap."
            },
            FIX_AFTER_ACK,
        )
    } else {
        (
            format!("{requests}: the response was sent again although the request was not"),
            "Copies of the response were seen for which no copy of the request was. Only an INVITE has responses that their \
             sender repeats on its own; any other is repeated when the request comes again.",
            FIX_UNPROMPTED,
        )
    };
    Said {
        rule: NAME,
        verdict: Some(key.verdict),
        qualifier: String::new(),
        severity: if key.to_the_end && key.verdict == AFTER_ACK {
            Severity::Warning
        } else {
            Severity::Info
        },
        confidence: Confidence::Confirmed,
        raise: (key.verdict == UNPROMPTED)
            .then_some("capture at the server, to see what reaches it"),
        cause: None,
        title,
        detail: detail.to_owned(),
        remediation,
    }
}

const FIX_AFTER_ACK: &str = "Follow the ACK to the server: it must come with the Via branch and Request-URI of the INVITE and the To tag of \
     the refusal (RFC 3261 §17.1.1.3), at the socket that sent the refusal. Look for a firewall or load balancer \
     between the tap and the server.";

const FIX_UNPROMPTED: &str = "Look whether copies of the request reach the server by a way that was not captured; if not, the server repeats \
     on its own and should be mended, or a network element sends packets twice.";

static TOPICS: &[Topic] = &[
    Topic {
        name: NAME,
        kind: "rule",
        explanation: Explanation {
            summary: "Final responses were sent again although nothing asked for it.",
            sections: &[
                (
                    "What it sees",
                    "Copies of a refusal of an INVITE that come after the ACK of that hop (repeated-after-ack), and copies of a \
                     response to another method without a copy of its request before them (repeated-unprompted); tap copies are \
                     no copies, nor is what comes within 100 ms. One copy may cross the ACK or the request on its way, so two are needed, \
                     or one in three exchanges of a pair of hosts. The 2xx to an INVITE belongs to missing-ack.",
                ),
                (
                    "Why it matters",
                    "Each copy is load, and a sign that one side does not receive what the other has sent: the beginning of calls that fail.",
                ),
                ("What to do", "Read the verdict."),
            ],
        },
    },
    Topic {
        name: AFTER_ACK,
        kind: "verdict",
        explanation: Explanation {
            summary: "A server went on repeating its refusal of an INVITE after the ACK had passed.",
            sections: &[
                (
                    "What it sees",
                    "A warning where the copies go on until 64*T1 are over, else information.",
                ),
                ("What to do", FIX_AFTER_ACK),
            ],
        },
    },
    Topic {
        name: UNPROMPTED,
        kind: "verdict",
        explanation: Explanation {
            summary: "A response to a request other than INVITE was repeated though the request was not.",
            sections: &[
                (
                    "What it sees",
                    "Information only: copies of the request that take another way than the tap would explain it.",
                ),
                ("What to do", FIX_UNPROMPTED),
            ],
        },
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::testing::{Made, findings, lines, only};

    fn check(made: &[Made], expected: &[&str]) {
        let rule = ResponseRetransmitted::new(&Limits::default());
        assert_eq!(lines(&findings(rule, made)), expected);
    }

    fn options(copies: &[f64], needless: u32) -> Made {
        Made::new("OPTIONS").hop("10.1.0.1", "10.2.0.1", |hop| {
            hop.sent(1.0).answers(200, copies, needless)
        })
    }

    #[test]
    fn copies_that_nothing_asked_for_are_told() {
        check(
            &[options(&[1.1, 2.1, 3.1], 2)],
            &["repeated-unprompted info confirmed 1"],
        );
    }

    #[test]
    fn copies_that_answer_repeated_requests_are_not() {
        check(&[options(&[1.1, 2.1, 3.1], 0)], &[]);
    }

    #[test]
    fn one_copy_alone_may_have_crossed_the_request_and_one_in_each_has_not() {
        let one = || options(&[1.1, 1.6], 1);
        check(&[one(), one()], &[]);
        check(
            &[one(), one(), one()],
            &["repeated-unprompted info confirmed 3"],
        );
    }

    #[test]
    fn copies_of_a_loop_in_the_network_are_not_the_servers() {
        check(&[options(&[1.1, 1.101, 1.102], 2)], &[]);
    }

    #[test]
    fn a_refusal_that_goes_on_after_its_ack_is_told_and_to_the_end_it_is_a_warning() {
        let refused = |copies: &[f64]| {
            Made::new("INVITE").hop("10.1.0.1", "10.2.0.1", |hop| {
                hop.sent(0.9).answers(486, copies, 2).ack(1.1)
            })
        };
        check(
            &[refused(&[1.0, 1.5, 2.5])],
            &["repeated-after-ack info confirmed 1"],
        );
        let all = [1.0, 1.5, 2.5, 4.5, 8.5, 12.5, 16.5, 20.5, 24.5, 28.5, 32.5];
        check(
            &[refused(&all)],
            &["repeated-after-ack warning confirmed 1"],
        );
    }

    #[test]
    fn a_2xx_to_invite_and_a_refusal_without_ack_belong_to_missing_ack() {
        let answered = Made::new("INVITE").hop("10.1.0.1", "10.2.0.1", |hop| {
            hop.sent(0.9).answers(200, &[1.0, 1.5, 2.5], 2).ack(1.1)
        });
        let refused = Made::new("INVITE").hop("10.1.0.1", "10.2.0.1", |hop| {
            hop.sent(0.9).answers(486, &[1.0, 1.5, 2.5], 2)
        });
        check(&[answered, refused], &[]);
    }

    #[test]
    fn the_last_hop_with_repeats_is_named() {
        let relayed = options(&[1.1, 2.1, 3.1], 2).hop("10.2.0.1", "10.3.0.1", |hop| {
            hop.vias(2).sent(1.01).answers(200, &[1.09, 2.09, 3.09], 2)
        });
        let rule = ResponseRetransmitted::new(&Limits::default());
        let found = only(findings(rule, &[relayed]));
        assert_eq!(found.peers[0].0.to_string(), "10.2.0.1 → 10.3.0.1");
    }

    #[test]
    fn where_requests_were_not_seen_or_packets_are_missing_nothing_is_claimed() {
        let unseen = Made::new("OPTIONS").hop("10.1.0.1", "10.2.0.1", |hop| {
            hop.answers(200, &[1.1, 2.1, 3.1], 2)
        });
        check(&[unseen], &[]);
        check(&[options(&[1.1, 2.1, 3.1], 2).loss()], &[]);
    }
}
