//! Missed: what shows that a tap loses packets in silence.
//!
//! In: exchanges. Out: how many UDP requests the tap did not see although it saw their answers, and
//! which share that is of all. Over UDP no sequence number tells that a packet is missing. But an
//! answer whose request was not captured, between two sockets where other requests were, and long
//! after the capture began, is one.
//!
//! Not counted: what a gap between files, a step of the clock, or a defect that is told already
//! explains; and a pair of sockets of which most requests are unseen, since those go another way.
//!
//! Capped: [`crate::limits::Limits::host_pairs`] pairs of sockets; of further pairs nothing is known.

use super::burst::poisson_tail;
use super::reading::first_answer;
use super::table::Table;
use super::watched::Watched;
use crate::calls::{ClockChange, Exchanged, Hop};
use crate::defect::{Defect, DefectKind};
use crate::units::{Endpoint, FrameRef, Span, Timestamp, Transport};

/// A request may have come so long before its answer: Timer C is three minutes, and a proxy may set
/// it anew.
const BEFORE: Span = Span::from_secs(300);

/// Fewer unseen requests are an oddity of some peer.
const LEAST: u64 = 3;

/// A case has to be less likely than this to be more than a missed packet.
const CHANCE: f64 = 0.01;

/// What was and was not seen.
#[derive(Debug)]
pub struct Missed {
    cap: usize,
    pairs: Table<(Endpoint, Endpoint), Pair>,
    watched: Watched,
    /// Requests may have come before, in steady time.
    since: Timestamp,
    /// A call was given up: its later answers look as if their requests were missing.
    is_blind: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Pair {
    seen: u64,
    missed: u64,
    first: FrameRef,
}

/// How many requests were missed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Share {
    /// Requests of which only the answer was seen.
    pub missed: u64,
    /// Requests that were seen, of the same pairs of sockets and all others over UDP.
    pub seen: u64,
    /// The first such answer.
    pub first: FrameRef,
}

impl Missed {
    /// Nothing yet; at most `cap` pairs.
    pub fn new(cap: usize) -> Self {
        Self {
            cap,
            pairs: Table::default(),
            watched: Watched::default(),
            since: Timestamp::default(),
            is_blind: false,
        }
    }

    /// The capture begins.
    pub fn begin(&mut self, first: Timestamp) {
        self.watched.begin(first);
        self.since = first.plus(BEFORE);
    }

    /// The capture's clock did not simply go on.
    pub fn clock(&mut self, change: ClockChange) {
        self.watched.change(change);
        let gone = match change {
            ClockChange::Stepped { elapsed, .. } => elapsed,
            ClockChange::Unwatched { until, .. } => until,
        };
        let since = self.watched.first().plus(gone).plus(BEFORE);
        self.since = self.since.max(since);
    }

    /// Takes what was seen of a request on all hops.
    pub fn exchanged(&mut self, exchanged: &Exchanged<'_>) {
        let observed = &exchanged.observed;
        self.is_blind |= observed.evicted;
        if observed.loss || observed.time_step || self.is_blind {
            return;
        }
        for hop in exchanged.hops {
            if hop.flow.transport == Transport::Udp {
                self.hop(hop);
            }
        }
    }

    fn hop(&mut self, hop: &Hop) {
        let key = (hop.flow.src, hop.flow.dst);
        if self.pairs.len() >= self.cap && !self.pairs.contains_key(&key) {
            return;
        }
        if hop.request.is_some() {
            self.pairs.entry(key).or_default().seen += 1;
            return;
        }
        let Some(answer) = first_answer(hop) else {
            return;
        };
        if self.watched.steady(answer.time) < self.since {
            return;
        }
        let pair = self.pairs.entry(key).or_default();
        if pair.missed == 0 {
            pair.first = answer.at;
        }
        pair.missed += 1;
    }

    /// What the capture has shown.
    pub fn share(&self) -> Share {
        let mut share = Share::default();
        let mut pairs: Vec<_> = self.pairs.iter().collect();
        pairs.sort_by_key(|(key, _)| **key);
        for (_, pair) in pairs {
            share.seen += pair.seen;
            if pair.missed > 0 && pair.missed <= pair.seen {
                if share.missed == 0 || pair.first < share.first {
                    share.first = pair.first;
                }
                share.missed += pair.missed;
            }
        }
        if share.missed < LEAST {
            share.missed = 0;
        }
        share
    }
}

impl Share {
    /// Whether so many packets may be absent among `of` because the tap missed them.
    pub fn explains(&self, absent: u64, of: u64) -> bool {
        if self.missed == 0 {
            return false;
        }
        #[expect(clippy::cast_precision_loss, reason = "counts of packets")]
        let usual = self.missed as f64 / (self.missed + self.seen) as f64 * of as f64;
        poisson_tail(absent, usual) >= CHANCE
    }

    /// What the trust section says.
    pub fn defect(&self) -> Option<Defect> {
        let detail = "requests over UDP of which this tap saw the answer and not the request, on a way on which it saw others: it misses packets in silence, and one that is absent proves little";
        (self.missed > 0).then_some(Defect {
            count: self.missed,
            ..Defect::new(DefectKind::LossyTap, self.first, detail)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::testing::{Made, MadeHop, at, span};

    fn options(seconds: f64, change: impl FnOnce(MadeHop) -> MadeHop) -> Made {
        let answered = |hop: MadeHop| change(hop.answer(200, seconds + 0.1));
        Made::new("OPTIONS").hop("10.0.0.1", "10.0.0.2", answered)
    }

    /// What is missed where one request in `every` is not seen, from `from` seconds on.
    fn missed(every: u32, from: f64, prepare: impl FnOnce(&mut Missed)) -> u64 {
        let mut missed = Missed::new(16);
        missed.begin(at(0.0));
        prepare(&mut missed);
        for no in 0..100_u32 {
            let seconds = from + f64::from(no);
            let made = options(seconds, |hop| {
                if no % every == 1 {
                    hop
                } else {
                    hop.sent(seconds)
                }
            });
            made.with(|exchanged| missed.exchanged(exchanged));
        }
        missed.share().missed
    }

    #[test]
    fn answers_whose_requests_are_not_there_show_a_lossy_tap() {
        assert_eq!(missed(20, 1000.0, |_| {}), 5);
        assert_eq!(missed(1000, 1000.0, |_| {}), 0, "one is an oddity");
    }

    #[test]
    fn requests_that_came_before_the_capture_or_in_a_gap_are_not_missed() {
        assert_eq!(missed(20, 150.0, |_| {}), 0);
        let gap = ClockChange::Unwatched {
            from: span(500.0),
            until: span(900.0),
        };
        assert_eq!(missed(20, 1000.0, |missed| missed.clock(gap)), 0);
        let step = ClockChange::Stepped {
            elapsed: span(900.0),
            time: at(1000.0),
        };
        assert_eq!(missed(20, 1000.0, |missed| missed.clock(step)), 0);
    }

    #[test]
    fn requests_that_go_another_way_are_not_missed() {
        let mut missed = Missed::new(16);
        missed.begin(at(0.0));
        for no in 0..100 {
            let seconds = 1000.0 + f64::from(no);
            let made = options(seconds, |hop| if no < 20 { hop.sent(seconds) } else { hop });
            made.with(|exchanged| missed.exchanged(exchanged));
        }
        assert_eq!(missed.share().missed, 0);
        assert_eq!(missed.share().defect(), None);
    }

    #[test]
    fn what_is_told_already_and_what_was_given_up_are_not_missed() {
        for change in [Made::loss, Made::time_step, Made::evicted] {
            let mut missed = Missed::new(16);
            missed.begin(at(0.0));
            for no in 0..40 {
                let seconds = 1000.0 + f64::from(no);
                options(seconds, |hop| hop.sent(seconds))
                    .with(|exchanged| missed.exchanged(exchanged));
            }
            for no in 0..10 {
                change(options(1100.0 + f64::from(no), |hop| hop))
                    .with(|exchanged| missed.exchanged(exchanged));
            }
            assert_eq!(missed.share().missed, 0);
        }
    }

    #[test]
    fn a_share_explains_as_many_as_it_would_make_absent() {
        let share = Share {
            missed: 10,
            seen: 990,
            first: FrameRef::default(),
        };
        for (absent, of, expected) in [(1, 100, true), (6, 100, false), (15, 1000, true)] {
            assert_eq!(share.explains(absent, of), expected, "{absent} of {of}");
        }
        assert!(!share.explains(1, 0));
        assert!(!Share::default().explains(1, 100));
    }
}
