//! `fragments-lost`: large requests over UDP go unanswered between two hosts, and small ones do
//! not.
//!
//! In: exchanges. Out: one finding for each pair of hosts that matters. What counts is the
//! comparison: large ones answered and not, small ones answered and not, between the same hosts in
//! the same capture.
//!
//! Capped: [`crate::limits::Limits::host_pairs`] pairs, `CALLS` calls a pair.
//!
//! # References
//! - RFC 3261 §18.1.1: above 1300 bytes, or within 200 bytes of the path's MTU, a request goes over
//!   TCP

use super::grouping::{Gathered, Said};
use super::reading::{Silence, call_ref, first_answer, next, silence, time_of, told};
use super::rule::{
    CallRef, Confidence, End, Explanation, Finding, Peer, Rule, Severity, Topic, counted,
};
use super::table::{Table, place};
use crate::calls::{Exchanged, Hop};
use crate::limits::Limits;
use crate::units::{Timestamp, Transport};

/// The rule's name.
pub const NAME: &str = "fragments-lost";

/// Bytes beyond which a request may not go over UDP (RFC 3261 §18.1.1).
const LARGE: u32 = 1300;

/// Fewer large requests without an answer may be chance.
const LEAST_LOST: u64 = 3;
/// Fewer small requests with an answer do not show that the receiver is there.
const LEAST_ANSWERED: u64 = 3;

/// Calls kept of a pair.
const CALLS: usize = 64;

/// The rule.
#[derive(Debug)]
pub struct FragmentsLost {
    text_bytes: usize,
    cap: usize,
    pairs: Table<Peer, Sizes>,
    given_up: u64,
}

/// The requests of a pair, by size and outcome.
#[derive(Debug, Default)]
struct Sizes {
    small: Counts,
    large: Counts,
    /// Of the large ones, those that were seen in fragments.
    fragmented: u32,
    loss: bool,
    /// The large ones without answer.
    lost: Option<Box<Lost>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    answered: u32,
    lost: u32,
}

#[derive(Debug)]
struct Lost {
    start: Timestamp,
    end: Timestamp,
    evidence: String,
    calls: Vec<CallRef>,
}

impl Counts {
    const fn answered(self) -> u64 {
        self.answered as u64
    }

    const fn lost(self) -> u64 {
        self.lost as u64
    }

    const fn all(self) -> u64 {
        self.answered() + self.lost()
    }
}

impl FragmentsLost {
    /// A rule for one capture.
    pub fn new(limits: &Limits) -> Self {
        Self {
            text_bytes: limits.call_id_bytes,
            cap: limits.host_pairs,
            pairs: Table::default(),
            given_up: 0,
        }
    }

    fn hop(&mut self, exchanged: &Exchanged<'_>, hop: &Hop) {
        if hop.request.is_none() || hop.flow.transport != Transport::Udp {
            return;
        }
        let is_lost = match silence(exchanged, hop) {
            // A closed port is no matter of size.
            Some(Silence::Unreachable) => return,
            Some(_) => next(exchanged, hop).is_none(),
            None => false,
        };
        if !is_lost && first_answer(hop).is_none() {
            return;
        }
        let peer = Peer::of(&hop.flow);
        let Some(sizes) = place(&mut self.pairs, peer, self.cap) else {
            self.given_up += 1;
            return;
        };
        let is_large = hop.request_bytes > LARGE || hop.fragmented;
        let counts = if is_large {
            &mut sizes.large
        } else {
            &mut sizes.small
        };
        if !is_lost {
            counts.answered = counts.answered.saturating_add(1);
            return;
        }
        counts.lost = counts.lost.saturating_add(1);
        if !is_large {
            return;
        }
        sizes.fragmented = sizes.fragmented.saturating_add(u32::from(hop.fragmented));
        sizes.loss |= exchanged.observed.loss;
        let time = time_of(hop);
        let lost = sizes.lost.get_or_insert_with(|| {
            Box::new(Lost {
                start: time,
                end: time,
                evidence: format!("{} bytes: {}", hop.request_bytes, told(exchanged, hop)),
                calls: Vec::new(),
            })
        });
        lost.start = lost.start.min(time);
        lost.end = lost.end.max(time);
        if lost.calls.len() < CALLS {
            lost.calls.push(call_ref(exchanged, [hop], self.text_bytes));
        }
    }
}

impl Rule for FragmentsLost {
    fn topics(&self) -> &'static [Topic] {
        TOPICS
    }

    fn exchanged(&mut self, exchanged: &Exchanged<'_>) {
        for hop in exchanged.hops {
            self.hop(exchanged, hop);
        }
    }

    fn finish(&mut self, _end: &End, out: &mut dyn FnMut(Finding)) {
        let mut pairs: Vec<_> = std::mem::take(&mut self.pairs).into_iter().collect();
        pairs.sort_by_key(|(peer, _)| *peer);
        for (peer, mut sizes) in pairs {
            let Some(mut lost) = sizes.lost.take().filter(|_| is_partition(&sizes)) else {
                continue;
            };
            lost.calls.sort_by_key(|call| call.time);
            let gathered = Gathered {
                is_split: false,
                count: sizes.large.lost(),
                start: lost.start,
                end: lost.end,
                peers: vec![(peer, sizes.large.lost())],
                evidence: lost.evidence,
                calls: lost.calls,
            };
            out(gathered.finding(said(peer, &sizes)));
        }
    }

    fn given_up(&self) -> u64 {
        self.given_up
    }
}

/// Whether size parts the answered from the unanswered: at least half of the large ones are lost,
/// and at most a tenth of the small ones.
const fn is_partition(sizes: &Sizes) -> bool {
    let (small, large) = (sizes.small, sizes.large);
    large.lost() >= LEAST_LOST
        && large.lost() * 2 >= large.all()
        && small.answered() >= LEAST_ANSWERED
        && small.lost() * 10 <= small.all()
}

fn said(peer: Peer, sizes: &Sizes) -> Said {
    let (small, large) = (sizes.small, sizes.large);
    let lost = counted(large.lost(), "large request", "large requests");
    let fragments = match sizes.fragmented {
        0 => "None of them came to this tap in fragments, so that they are cut, or dropped whole, behind it.".to_owned(),
        some => format!("{some} of them came to this tap in fragments, all of which were seen."),
    };
    let (severity, confidence) = if sizes.loss {
        (Severity::Info, Confidence::Inconclusive)
    } else {
        (Severity::Warning, Confidence::Probable)
    };
    Said {
        rule: NAME,
        verdict: None,
        qualifier: if sizes.loss {
            "capture-loss".to_owned()
        } else {
            String::new()
        },
        severity,
        confidence,
        raise: Some(
            "capture at the receiver: there the fragments, or their absence, show where they are lost",
        ),
        cause: None,
        title: format!("{lost} over UDP unanswered, small ones answered: {peer}"),
        detail: format!(
            "Unanswered are {} of {} requests over {LARGE} bytes or in fragments, and {} of {} smaller ones. {fragments}",
            large.lost,
            large.all(),
            small.lost,
            small.all()
        ),
        remediation: FIX,
    }
}

const FIX: &str = "Let fragments pass between these hosts (firewalls and NAT often drop all but the first, and MTU is smaller inside tunnels), \
     or make the requests smaller: compact header names, fewer codecs in the SDP, one Identity header, headers of old hops \
     removed. RFC 3261 §18.1.1 wants requests over 1300 bytes to go over TCP: switch it on at both ends.";

static TOPICS: &[Topic] = &[Topic {
    name: NAME,
    kind: "rule",
    explanation: Explanation {
        summary: "Large requests over UDP go unanswered between two hosts while small ones are answered.",
        sections: &[
            (
                "What it sees",
                "Requests over UDP on the last hop where they were seen, large (over 1300 bytes, or in IP fragments) and small, \
                 answered (with anything, also 100) and not (repeated twice or more, and 64*T1 gone by). At least three large \
                 ones unanswered and these half of all large ones, at least three small ones answered, and at most a tenth of \
                 the small ones not: size is what parts them. Ports that ICMP reports closed are left out. Requests of which \
                 a fragment is missing in the capture itself are no requests here; trust tells them as ip-fragments-missing.",
            ),
            (
                "Why it matters",
                "Calls with long SDP, many headers or STIR/SHAKEN signatures fail, and others between the same hosts do not. \
                 It looks like a fault of the subscriber or the codec.",
            ),
            ("What to do", FIX),
        ],
    },
}];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::testing::{Made, findings, lines, only};

    fn check(made: &[Made], expected: &[&str]) {
        let rule = FragmentsLost::new(&Limits::default());
        assert_eq!(lines(&findings(rule, made)), expected);
    }

    fn request(bytes: u32, is_answered: bool) -> Made {
        Made::new("INVITE").hop("10.1.0.1", "10.2.0.1", |hop| {
            let hop = hop.bytes(bytes).sent(1.0);
            if is_answered {
                hop.trying(1.1).answer(486, 2.0)
            } else {
                hop.again(&[1.5, 2.5, 4.5])
            }
        })
    }

    /// So many large ones answered, large ones not, small ones answered, small ones not.
    fn traffic(counts: [usize; 4]) -> Vec<Made> {
        let kinds = [(1400, true), (1400, false), (600, true), (600, false)];
        kinds
            .into_iter()
            .zip(counts)
            .flat_map(|((bytes, is_answered), count)| {
                std::iter::repeat_with(move || request(bytes, is_answered)).take(count)
            })
            .collect()
    }

    #[test]
    fn large_ones_lost_beside_small_ones_answered_are_told_with_both_counts() {
        check(
            &traffic([1, 3, 10, 1]),
            &["fragments-lost warning probable 3"],
        );
        let rule = FragmentsLost::new(&Limits::default());
        let found = only(findings(rule, &traffic([1, 3, 10, 1])));
        assert!(
            found.detail.starts_with("Unanswered are 3 of 4 requests over 1300 bytes or in fragments, and 1 of 11 smaller ones."),
            "{}",
            found.detail
        );
    }

    #[test]
    fn two_lost_may_be_chance() {
        check(&traffic([0, 2, 10, 0]), &[]);
    }

    #[test]
    fn large_ones_that_are_mostly_answered_are_no_matter_of_size() {
        check(&traffic([4, 3, 10, 0]), &[]);
    }

    #[test]
    fn a_receiver_that_answers_nobody_is_no_matter_of_size() {
        check(&traffic([0, 5, 0, 5]), &[]);
        check(&traffic([0, 5, 10, 5]), &[]);
        check(&traffic([0, 5, 2, 0]), &[]);
    }

    #[test]
    fn an_answer_of_the_next_hop_shows_that_it_arrived() {
        let arrived = request(1400, false).hop("10.2.0.1", "10.3.0.1", |hop| {
            hop.vias(2).bytes(1500).sent(1.1).trying(1.2)
        });
        let mut made = traffic([0, 2, 10, 0]);
        made.push(arrived);
        check(&made, &[]);
    }

    #[test]
    fn packets_missing_from_the_capture_lower_it() {
        let mut made = traffic([0, 2, 10, 0]);
        made.push(request(1400, false).loss());
        check(&made, &["fragments-lost(capture-loss) info inconclusive 3"]);
    }
}
