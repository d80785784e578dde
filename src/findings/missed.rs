//! Missed: what shows that a tap loses packets in silence.
//!
//! In: exchanges. Out: how many UDP requests the tap did not see although it saw their answers, and
//! which share that is of all. Over UDP no sequence number tells that a packet is missing. But an
//! answer whose request was not captured, between two sockets where other requests were, and long
//! after the capture began, is one. Where none is found in a hundred that would have been, few
//! packets are missed; where there was none to find, nothing is known, and one that is absent proves nothing.
//!
//! Answers show it as well: a request over UDP that is sent once has had one, or it would come again. Who
//! does not repeat requests is no such witness, so these count only where it is asked how much
//! the tap may have missed, not where it is accused of it.
//!
//! Not counted: what a gap between files, a step of the clock, or a defect that is told already
//! explains; and a pair of sockets of which most requests are unseen, since those go another way.
//!
//! Capped: [`crate::limits::Limits::host_pairs`] pairs of sockets; of further pairs nothing is known.

use super::burst::poisson_tail;
use super::reading::{TIMEOUT, first_answer};
use super::table::Table;
use super::watched::Watched;
use crate::calls::{ClockChange, Exchanged, Hop};
use crate::defect::{Defect, DefectKind};
use crate::sip::MethodKind;
use crate::units::{Endpoint, FrameRef, Span, Timestamp, Transport};

/// An INVITE may have come so long before its answer: Timer C is three minutes, and a proxy may set
/// it anew.
const BEFORE_INVITE: Span = Span::from_secs(300);

/// Any other request: its sender gives up after 64*T1 (Timer F), and who has a long T1 after as long again.
const BEFORE: Span = Span::from_secs(64);

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
    /// The tap has looked without a pause since then, in steady time.
    since: Timestamp,
    /// A call was given up: its later answers look as if their requests were missing.
    is_blind: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Pair {
    seen: u64,
    missed: u64,
    first: FrameRef,
    /// The same of the answers to these requests.
    answered: u64,
    unanswered: u64,
}

/// How many requests were missed, of those that could have been found missing.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Share {
    /// Requests of which only the answer was seen.
    pub missed: u64,
    /// Requests over UDP that were seen, so long after the capture began that their answers alone would have
    /// shown that they were missed.
    pub seen: u64,
    /// The first such answer.
    pub first: FrameRef,
    /// Requests that were sent once although no answer was seen.
    pub unanswered: u64,
    /// Requests of which the final answer was seen.
    pub answered: u64,
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
        self.since = first;
    }

    /// The capture's clock did not simply go on.
    pub fn clock(&mut self, change: ClockChange) {
        self.watched.change(change);
        let gone = match change {
            ClockChange::Stepped { elapsed, .. } => elapsed,
            ClockChange::Unwatched { until, .. } => until,
        };
        let since = self.watched.first().plus(gone);
        self.since = self.since.max(since);
    }

    /// Takes what was seen of a request on all hops.
    pub fn exchanged(&mut self, exchanged: &Exchanged<'_>) {
        let observed = &exchanged.observed;
        self.is_blind |= observed.evicted;
        if observed.loss || observed.time_step || self.is_blind {
            return;
        }
        let before = if exchanged.method == MethodKind::Invite {
            BEFORE_INVITE
        } else {
            BEFORE
        };
        for hop in exchanged.hops {
            if hop.flow.transport == Transport::Udp {
                self.hop(hop, self.since.plus(before));
                self.answer(exchanged, hop);
            }
        }
    }

    /// Takes the answer to the request of a hop, or that none was seen.
    fn answer(&mut self, exchanged: &Exchanged<'_>, hop: &Hop) {
        let Some(pair) = self.pairs.get_mut(&(hop.flow.src, hop.flow.dst)) else {
            return;
        };
        let Some(request) = hop.request else { return };
        if !hop.finals.is_empty() {
            pair.answered += 1;
            return;
        }
        let had_one = match exchanged.method {
            // A provisional answer ends its repeats as well.
            MethodKind::Invite => exchanged.acked,
            _ => hop.requests == 1 && exchanged.observed.until.since(request.time) >= TIMEOUT,
        };
        pair.unanswered += u64::from(had_one);
    }

    /// Takes a hop of a request that was sent at `since` or later, if its answer came then.
    fn hop(&mut self, hop: &Hop, since: Timestamp) {
        let key = (hop.flow.src, hop.flow.dst);
        if self.pairs.len() >= self.cap && !self.pairs.contains_key(&key) {
            return;
        }
        let Some(seen) = hop.request.or_else(|| first_answer(hop)) else {
            return;
        };
        let pair = self.pairs.entry(key).or_default();
        if self.watched.steady(seen.time) < since {
            return;
        }
        if hop.request.is_some() {
            pair.seen += 1;
            return;
        }
        let answer = seen;
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
            share.answered += pair.answered;
            if pair.unanswered <= pair.answered {
                share.unanswered += pair.unanswered;
            }
        }
        share
    }
}

impl Share {
    /// Whether so many packets may be absent among `of` because the tap missed them, in one of `places` where
    /// that may have struck.
    pub fn explains(&self, absent: u64, of: u64, places: usize) -> bool {
        // Half a packet more than were found missing: a share that was never seen is not zero (DOMAIN G.2).
        #[expect(clippy::cast_precision_loss, reason = "counts of packets")]
        let (usual, places) = {
            let missed = (self.missed + self.unanswered) as f64 + 0.5;
            let usual = missed / (missed + (self.seen + self.answered) as f64) * of as f64;
            (usual, places.max(1) as f64)
        };
        #[expect(clippy::cast_precision_loss, reason = "counts of packets")]
        let is_usual = absent as f64 <= usual;
        is_usual || poisson_tail(absent, usual) * places >= CHANCE
    }

    /// Whether the tap is known to miss packets.
    pub const fn is_lossy(&self) -> bool {
        self.missed >= LEAST
    }

    /// What the trust section says.
    pub fn defect(&self) -> Option<Defect> {
        let detail = "requests over UDP of which this tap saw the answer and not the request, on a way on which it saw others: it misses packets in silence, and one that is absent proves little";
        self.is_lossy().then_some(Defect {
            count: self.missed,
            ..Defect::new(DefectKind::LossyTap, self.first, detail)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::testing::{Made, MadeHop, at, span};

    fn request(
        method: &'static str,
        seconds: f64,
        change: impl FnOnce(MadeHop) -> MadeHop,
    ) -> Made {
        let answered = |hop: MadeHop| change(hop.answer(200, seconds + 0.1));
        Made::new(method).hop("10.0.0.1", "10.0.0.2", answered)
    }

    fn options(seconds: f64, change: impl FnOnce(MadeHop) -> MadeHop) -> Made {
        request("OPTIONS", seconds, change)
    }

    /// What is missed where one request in `every` is not seen, from `from` seconds on.
    fn missed_of(
        method: &'static str,
        every: u32,
        from: f64,
        prepare: impl FnOnce(&mut Missed),
    ) -> Share {
        let mut missed = Missed::new(16);
        missed.begin(at(0.0));
        prepare(&mut missed);
        for no in 0..100_u32 {
            let seconds = from + f64::from(no);
            let made = request(method, seconds, |hop| {
                if no % every == 1 {
                    hop
                } else {
                    hop.sent(seconds)
                }
            });
            made.with(|exchanged| missed.exchanged(exchanged));
        }
        missed.share()
    }

    fn missed(every: u32, from: f64, prepare: impl FnOnce(&mut Missed)) -> u64 {
        missed_of("OPTIONS", every, from, prepare).missed
    }

    #[test]
    fn answers_whose_requests_are_not_there_show_a_lossy_tap() {
        let share = missed_of("OPTIONS", 20, 1000.0, |_| {});
        assert_eq!((share.missed, share.seen), (5, 95));
        assert!(share.is_lossy() && share.defect().is_some());
        let oddity = missed_of("OPTIONS", 1000, 1000.0, |_| {});
        assert_eq!((oddity.missed, oddity.is_lossy()), (1, false));
        assert_eq!(oddity.defect(), None);
    }

    #[test]
    fn requests_that_came_before_the_capture_or_in_a_gap_are_neither_seen_nor_missed() {
        let early = missed_of("INVITE", 20, 150.0, |_| {});
        assert_eq!((early.missed, early.seen), (0, 0));
        // Nobody waits so long for any other answer.
        assert_eq!(missed(20, 150.0, |_| {}), 5);
        assert_eq!(missed_of("OPTIONS", 1000, 0.0, |_| {}).seen, 36);
        let gap = ClockChange::Unwatched {
            from: span(500.0),
            until: span(990.0),
        };
        assert_eq!(missed(80, 1000.0, |missed| missed.clock(gap)), 1);
        let step = ClockChange::Stepped {
            elapsed: span(990.0),
            time: at(1000.0),
        };
        assert_eq!(missed(80, 1000.0, |missed| missed.clock(step)), 1);
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

    fn share(missed: u64, seen: u64) -> Share {
        Share {
            missed,
            seen,
            ..Share::default()
        }
    }

    #[test]
    fn a_share_explains_as_many_as_it_would_make_absent() {
        let lossy = share(10, 990);
        for (absent, of, expected) in [(1, 100, true), (7, 100, false), (15, 1000, true)] {
            assert_eq!(lossy.explains(absent, of, 1), expected, "{absent} of {of}");
        }
        assert!(!lossy.explains(1, 0, 1));
    }

    #[test]
    fn where_nothing_was_to_be_found_missing_any_number_may_be() {
        assert!(share(0, 0).explains(1, 100, 1));
        assert!(share(0, 0).explains(100, 100, 1));
        assert!(share(0, 0).explains(9_999, 10_000, 1));
    }

    #[test]
    fn a_tap_that_missed_none_may_have_missed_one_or_two_and_not_many() {
        let careful = share(0, 200);
        for (absent, expected) in [(1, true), (2, true), (3, false)] {
            assert_eq!(careful.explains(absent, 100, 1), expected, "{absent}");
        }
        assert!(!share(0, 100_000).explains(1, 1000, 1));
    }

    #[test]
    fn of_many_places_one_is_struck_sooner() {
        let careful = share(0, 10_000);
        assert!(!careful.explains(1, 10, 1));
        assert!(careful.explains(1, 10, 100));
        assert!(!careful.explains(3, 10, 100));
    }
}
