//! `one-sided-bye`: BYEs that the other side never answered, or answered with 481.
//!
//! In: exchanges. Out: one finding for each verdict and pair of hosts that matters. Both sides may
//! hang up at once: BYEs that cross are no fault, and neither is the 481 to the later one. The BYE to a
//! callee that was gone right after its 2xx is told by `missing-ack`.
//!
//! Capped: [`crate::limits::Limits::waiting_events`] Call-IDs remembered.
//!
//! # References
//! - RFC 3261 §15.1.1, §15.1.2

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::sync::Arc;

use super::grouping::{Groups, Said};
use super::heard::Heard;
use super::missing_ack;
use super::past::Past;
use super::reading::{
    Silence, call_ref, digest, first_answer, is_unjudged, next, silence, time_of, told,
};
use super::rule::{
    CallRef, Confidence, End, Explanation, Finding, Peer, Rule, Severity, Topic, counted,
};
use super::table::{Set, Table};
use crate::calls::{AnsweredDialog, Exchanged, Hop};
use crate::limits::Limits;
use crate::sip::MethodKind;
use crate::units::Timestamp;

/// The rule's name.
pub const NAME: &str = "one-sided-bye";

const UNANSWERED: &str = "bye-unanswered";
const UNKNOWN: &str = "bye-unknown-dialog";

/// The rule.
#[derive(Debug)]
pub struct OneSidedBye {
    text_bytes: usize,
    cap: usize,
    past: Arc<Past>,
    /// Who hung up in the Call-IDs seen last, and the case that waits to know whether the other
    /// side did as well.
    hung_up: Table<u64, HungUp>,
    /// The same Call-IDs, the oldest first.
    order: VecDeque<u64>,
    /// Call-IDs of callees that were gone after their 2xx.
    died: Set<u64>,
    groups: Groups<Case>,
}

#[derive(Debug)]
struct HungUp {
    from_tag: u64,
    /// Rare, and large.
    case: Option<Box<Waiting>>,
}

#[derive(Debug)]
struct Waiting {
    case: Case,
    peer: Peer,
    time: Timestamp,
    call: CallRef,
    evidence: String,
}

/// What is known while the capture goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Case {
    how: How,
    loss: bool,
    /// TCP acknowledged it.
    arrived: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum How {
    Unanswered(Silence),
    Unknown,
}

/// What a finding shares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    severity: Reverse<Severity>,
    how: How,
    confidence: Confidence,
    loss: bool,
    one_way: bool,
}

impl OneSidedBye {
    /// A rule for one capture.
    pub fn new(limits: &Limits) -> Self {
        Self {
            text_bytes: limits.call_id_bytes,
            cap: limits.waiting_events.max(1),
            past: Arc::default(),
            hung_up: Table::default(),
            order: VecDeque::new(),
            died: Set::default(),
            groups: Groups::new(limits),
        }
    }

    fn settle(&mut self, id: u64, waiting: Waiting) {
        if self.died.remove(&id) && matches!(waiting.case.how, How::Unanswered(_)) {
            return;
        }
        let Waiting {
            case,
            peer,
            time,
            call,
            evidence,
        } = waiting;
        self.groups.add(case, peer, time, || call, || evidence);
    }

    /// The case of a BYE, if it is one.
    fn case(&self, exchanged: &Exchanged<'_>) -> Option<Waiting> {
        let (hop, how) = exchanged
            .hops
            .iter()
            .find_map(|hop| Some((hop, judge(exchanged, hop)?)))?;
        Some(Waiting {
            case: Case {
                how,
                loss: exchanged.observed.loss,
                arrived: hop.delivered.is_some(),
            },
            peer: Peer::of(&hop.flow),
            time: time_of(hop),
            call: call_ref(exchanged, [hop], self.text_bytes),
            evidence: told(exchanged, hop),
        })
    }
}

impl Rule for OneSidedBye {
    fn topics(&self) -> &'static [Topic] {
        TOPICS
    }

    fn exchanged(&mut self, exchanged: &Exchanged<'_>) {
        if exchanged.method != MethodKind::Bye {
            return;
        }
        let case = self.case(exchanged).map(Box::new);
        let id = digest(&[exchanged.call_id]);
        if let Some(known) = self.hung_up.get_mut(&id) {
            if known.from_tag == exchanged.from_tag {
                // A BYE with another CSeq number: what was said of the first holds, unless this
                // one was answered.
                if case.is_none() {
                    known.case = None;
                }
            } else {
                known.case = None;
            }
            return;
        }
        if self.order.len() >= self.cap
            && let Some(oldest) = self.order.pop_front()
            && let Some(HungUp {
                case: Some(case), ..
            }) = self.hung_up.remove(&oldest)
        {
            self.settle(oldest, *case);
        }
        self.order.push_back(id);
        let from_tag = exchanged.from_tag;
        self.hung_up.insert(id, HungUp { from_tag, case });
    }

    fn dialog(&mut self, dialog: &AnsweredDialog<'_>) {
        if self.died.len() < self.cap && missing_ack::has_died(dialog) {
            self.died.insert(digest(&[dialog.call_id]));
        }
    }

    fn look_back(&mut self, past: &Arc<Past>) {
        self.past = Arc::clone(past);
    }

    fn finish(&mut self, _end: &End, out: &mut dyn FnMut(Finding)) {
        for id in std::mem::take(&mut self.order) {
            if let Some(HungUp {
                case: Some(case), ..
            }) = self.hung_up.remove(&id)
            {
                self.settle(id, *case);
            }
        }
        let heard = &self.past.heard;
        let mut groups = self
            .groups
            .regroup(|case, peer, _, since| weigh(*case, is_one_way(heard, *case, peer, since)));
        groups.finish(&mut |key, gathered| {
            let said = said(*key, gathered.count);
            out(gathered.finding(said));
        });
    }
}

fn judge(exchanged: &Exchanged<'_>, hop: &Hop) -> Option<How> {
    let further = next(exchanged, hop);
    if let Some(silence) = silence(exchanged, hop) {
        return further.is_none().then_some(How::Unanswered(silence));
    }
    // The word of the last hop counts; who relays it has not said it.
    let is_relayed = further.is_some_and(|next| first_answer(next).is_some());
    let is_unknown = !hop.finals.is_empty() && hop.finals.iter().all(|last| last.code.get() == 481);
    let is_seen = hop.request.is_some() && !is_unjudged(&exchanged.observed);
    (is_unknown && !is_relayed && is_seen).then_some(How::Unknown)
}

/// As of a request that was never answered.
fn is_one_way(heard: &Heard, case: Case, peer: Peer, since: Timestamp) -> bool {
    match case.how {
        How::Unanswered(Silence::Stopped | Silence::Waited) => {
            !heard.is_answering_after(peer, since)
        }
        _ => !heard.is_answering(peer),
    }
}

fn weigh(case: Case, is_one_way: bool) -> Option<Key> {
    let is_lowered = case.loss || is_one_way;
    let (severity, confidence) = match case.how {
        How::Unanswered(Silence::RanOut) if is_lowered => (Severity::Info, Confidence::Probable),
        How::Unanswered(Silence::RanOut | Silence::Unreachable) => {
            (Severity::Warning, Confidence::Confirmed)
        }
        How::Unanswered(_) if is_lowered => return None,
        // As of any request over TCP: its acknowledgment was not seen, either.
        How::Unanswered(Silence::Waited) if !case.arrived => (Severity::Info, Confidence::Probable),
        How::Unanswered(_) => (Severity::Warning, Confidence::Probable),
        // The BYE that crossed it may be among what is missing.
        How::Unknown if case.loss => (Severity::Info, Confidence::Probable),
        How::Unknown => (Severity::Warning, Confidence::Confirmed),
    };
    let is_unreachable = case.how == How::Unanswered(Silence::Unreachable);
    Some(Key {
        severity: Reverse(severity),
        how: case.how,
        confidence,
        loss: case.loss && !is_unreachable,
        one_way: is_one_way && !is_unreachable && case.how != How::Unknown,
    })
}

fn said(key: Key, count: u64) -> Said {
    let calls = counted(count, "call", "calls");
    let how = match key.how {
        How::Unanswered(Silence::Unreachable) => Some("icmp"),
        How::Unanswered(Silence::Stopped) => Some("few-copies"),
        How::Unanswered(Silence::Waited) => Some("no-repeats"),
        How::Unanswered(Silence::RanOut) | How::Unknown => None,
    };
    let loss = key.loss.then_some("capture-loss");
    let one_way = key.one_way.then_some("one-way");
    let qualifier: Vec<_> = [how, loss, one_way].into_iter().flatten().collect();
    let (verdict, title, detail, remediation) = match key.how {
        How::Unanswered(silence) => (
            UNANSWERED,
            format!("{calls}: the BYE was never answered"),
            unanswered_detail(silence),
            FIX_UNANSWERED,
        ),
        How::Unknown => (
            UNKNOWN,
            format!("{calls}: the BYE was answered with 481, the other side knows no such call"),
            "One side hung up, and for the other the dialog did not exist: it had ended the call before, by itself or by a BYE \
             that was not captured, or a BYE with wrong tags or to the wrong element came to it. No BYE of the other side was seen.",
            FIX_UNKNOWN,
        ),
    };
    Said {
        rule: NAME,
        verdict: Some(verdict),
        qualifier: qualifier.join(","),
        severity: key.severity.0,
        confidence: key.confidence,
        raise: match key.how {
            _ if key.one_way => Some("capture both directions of this hop"),
            How::Unknown => {
                Some("capture at the side that answered 481, from before the end of the call")
            }
            _ if key.confidence == Confidence::Confirmed => None,
            How::Unanswered(_) => Some("capture at the receiver at the same time"),
        },
        cause: None,
        title,
        detail: detail.to_owned(),
        remediation,
    }
}

const fn unanswered_detail(silence: Silence) -> &'static str {
    match silence {
        Silence::Unreachable => "An ICMP error says that the BYE did not arrive.",
        Silence::RanOut => {
            "The BYE was repeated until 64*T1 (Timer F) were over, which happens only while no answer comes. The other side may not know that the call is over."
        }
        Silence::Stopped => {
            "The BYE was repeated at least twice and then given up, and no answer was seen in 64*T1. The other side may not know that the call is over."
        }
        Silence::Waited => {
            "The BYE went over a reliable transport, and no answer was seen in 64*T1. The other side may not know that the call is over."
        }
    }
}

const FIX_UNANSWERED: &str = "See where the BYE went: it takes the Contact and Route of the dialog, so an address that cannot be reached (private \
     Contact, closed port, a client that has left) swallows it, although the INVITE had found its way; where TCP acknowledged it, it arrived, and the program there kept silent. The side that \
     never got it may go on charging: session timers (RFC 4028) end such calls.";

const FIX_UNKNOWN: &str = "Compare the To and From tags and the Call-ID of the BYE with those of the call; then look why the side that \
     answered 481 had no call: a restart, a load balancer that sent the BYE to another node, or an end of the call (media \
     or session timer) whose BYE was lost.";

static TOPICS: &[Topic] = &[
    Topic {
        name: NAME,
        kind: "rule",
        explanation: Explanation {
            summary: "One side hung up, and the other never answered or knew no such call.",
            sections: &[
                (
                    "What it sees",
                    "BYEs on the last hop where they were seen, without any answer until Timer F (64*T1) ran out, or with 481 as their only final \
                     answer. Where both sides send a BYE they crossed, and nothing is said. 408 and the like are answers of \
                     the element before.",
                ),
                (
                    "Why it matters",
                    "The two sides do not agree that the call is over: one goes on holding the line, and charging for it.",
                ),
                ("What to do", "Read the verdict."),
            ],
        },
    },
    Topic {
        name: UNANSWERED,
        kind: "verdict",
        explanation: Explanation {
            summary: "A BYE got no answer until Timer F ran out.",
            sections: &[
                (
                    "What it sees",
                    "Confirmed where the BYE is repeated to the end or an ICMP error reports it (icmp). Lowered by capture-loss, one-way, \
                     few-copies (repeated twice or more and given up), no-repeats (a reliable transport; information, unless TCP acknowledged the BYE at once). With one of the last two, \
                     nothing is said where packets are missing, or nothing came from the receiver after the BYE.",
                ),
                ("What to do", FIX_UNANSWERED),
            ],
        },
    },
    Topic {
        name: UNKNOWN,
        kind: "verdict",
        explanation: Explanation {
            summary: "A BYE was answered with 481, and the other side's own BYE was not seen.",
            sections: &[
                (
                    "What it sees",
                    "A warning; information where packets are missing, for the other BYE may be among them.",
                ),
                ("What to do", FIX_UNKNOWN),
            ],
        },
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::testing::{Made, MadeHop, findings, lines};
    use crate::units::Transport;

    const E: [f64; 10] = [1.5, 2.5, 4.5, 8.5, 12.5, 16.5, 20.5, 24.5, 28.5, 32.5];

    fn check(made: &[Made], expected: &[&str]) {
        let rule = OneSidedBye::new(&Limits::default());
        assert_eq!(lines(&findings(rule, made)), expected);
    }

    fn bye(change: impl FnOnce(MadeHop) -> MadeHop) -> Made {
        Made::new("BYE").hop("10.1.0.1", "10.2.0.1", |hop| change(hop.sent(1.0)))
    }

    /// The INVITE of the call, whose answer came from the other side.
    fn invite() -> Made {
        Made::new("INVITE").hop("10.1.0.1", "10.2.0.1", |hop| hop.sent(0.1).answer(200, 0.2))
    }

    fn from_the_other_side(answer: u16) -> Made {
        Made::new("BYE").tag(2).hop("10.2.0.1", "10.1.0.1", |hop| {
            hop.sent(0.95).answer(answer, 1.1)
        })
    }

    #[test]
    fn a_bye_repeated_to_the_end_is_one_sided() {
        check(
            &[invite(), bye(|hop| hop.again(&E))],
            &["bye-unanswered warning confirmed 1"],
        );
    }

    #[test]
    fn a_bye_that_is_answered_is_not() {
        check(
            &[
                bye(|hop| hop.answer(200, 1.1)),
                bye(|hop| hop.again(&E[..4]).answer(200, 9.0)).call("c2"),
                bye(|hop| hop.answer(408, 33.1)).call("c3"),
            ],
            &[],
        );
    }

    #[test]
    fn a_481_to_it_is_told_unless_the_other_side_hung_up_as_well() {
        let unknown = || bye(|hop| hop.answer(481, 1.1));
        check(&[unknown()], &["bye-unknown-dialog warning confirmed 1"]);
        check(&[unknown(), from_the_other_side(200)], &[]);
        check(&[from_the_other_side(481), unknown()], &[]);
    }

    #[test]
    fn byes_that_cross_are_no_fault() {
        check(&[bye(|hop| hop.again(&E)), from_the_other_side(200)], &[]);
    }

    #[test]
    fn a_challenged_bye_that_succeeds_with_credentials_is_answered() {
        let again = bye(|hop| hop.answer(200, 2.0)).credentials();
        check(&[bye(|hop| hop.answer(401, 1.1)), again], &[]);
    }

    #[test]
    fn a_relayed_481_is_told_of_the_hop_that_said_it() {
        let relayed = bye(|hop| hop.answer(481, 1.1)).hop("10.2.0.1", "10.3.0.1", |hop| {
            hop.vias(2).sent(1.01).answer(481, 1.09)
        });
        let rule = OneSidedBye::new(&Limits::default());
        let found = findings(rule, &[relayed]);
        assert_eq!(found[0].peers[0].0.to_string(), "10.2.0.1 → 10.3.0.1");
        assert_eq!(found.len(), 1);
    }

    #[test]
    fn what_may_be_missing_lowers_it() {
        check(
            &[bye(|hop| hop.again(&E))],
            &["bye-unanswered(one-way) info probable 1"],
        );
        check(
            &[invite(), bye(|hop| hop.again(&E)).loss()],
            &["bye-unanswered(capture-loss) info probable 1"],
        );
        let later = Made::new("OPTIONS")
            .call("later")
            .hop("10.1.0.1", "10.2.0.1", |hop| {
                hop.sent(90.0).answer(200, 90.1)
            });
        check(
            &[invite(), bye(|hop| hop.over(Transport::Tcp)), later.clone()],
            &["bye-unanswered(no-repeats) info probable 1"],
        );
        let acked = bye(|hop| hop.over(Transport::Tcp).delivered(1.1));
        check(
            &[invite(), acked, later],
            &["bye-unanswered(no-repeats) warning probable 1"],
        );
        check(&[invite(), bye(|hop| hop.over(Transport::Tcp))], &[]);
        check(
            &[invite(), bye(|hop| hop.over(Transport::Tcp)).until(20.0)],
            &[],
        );
        check(&[invite(), bye(|hop| hop)], &[]);
        check(
            &[bye(|hop| hop.answer(481, 1.1)).loss()],
            &["bye-unknown-dialog(capture-loss) info probable 1"],
        );
    }
}
