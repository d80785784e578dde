//! `Losses`: from when to when packets may be missing, anywhere or between two hosts.
//!
//! In: what the stages before say was lost, and messages that were captured and could not be read:
//! to those who look for one they are missing as well. Out: whether something may be missing
//! between two times.
//!
//! Capped: [`SPANS`] losses anywhere, [`PAIRS`] pairs of hosts with [`SPANS_OF_PAIR`] each. What is
//! beyond is merged with what is there, or counts anywhere: verdicts become more careful.

use std::net::IpAddr;

use rustc_hash::FxHashMap;

use crate::units::{Span, Timestamp};

/// Losses remembered one by one; beyond, the latest two are merged into a later one.
const SPANS: usize = 4096;
/// Pairs of hosts between which messages could not be read.
const PAIRS: usize = 1024;
/// Losses of a pair remembered one by one.
const SPANS_OF_PAIR: usize = 256;
/// Messages that could not be read in such a time are one loss.
const SAME: Span = Span::from_millis(100);

/// Where packets may be missing.
#[derive(Debug, Default)]
pub(super) struct Losses {
    anywhere: Spans,
    between: FxHashMap<(IpAddr, IpAddr), Spans>,
}

/// Times, by their ends.
#[derive(Debug, Default)]
struct Spans(Vec<(Timestamp, Timestamp)>);

impl Losses {
    /// Packets were found to be missing somewhere between `from` and `until`.
    pub(super) fn lost(&mut self, from: Timestamp, until: Timestamp) {
        self.anywhere.add(from, until, SPANS);
    }

    /// A message between two hosts could not be read.
    pub(super) fn unread(&mut self, a: IpAddr, b: IpAddr, time: Timestamp) {
        let hosts = pair(a, b);
        if self.between.len() >= PAIRS && !self.between.contains_key(&hosts) {
            self.anywhere.add(time, time, SPANS);
            return;
        }
        let spans = self.between.entry(hosts).or_default();
        match spans.0.last_mut() {
            Some(last) if time >= last.0 && time.since(last.1) <= SAME => {
                last.1 = last.1.max(time);
            }
            _ => spans.add(time, time, SPANS_OF_PAIR),
        }
    }

    /// Whether packets may be missing between two times, wherever they went.
    pub(super) fn is_lossy(&self, from: Timestamp, until: Timestamp) -> bool {
        self.anywhere.meets(from, until)
    }

    /// Whether a message between two hosts could not be read between two times.
    pub(super) fn is_unread(
        &self,
        (a, b): (IpAddr, IpAddr),
        from: Timestamp,
        until: Timestamp,
    ) -> bool {
        !self.between.is_empty()
            && self
                .between
                .get(&pair(a, b))
                .is_some_and(|spans| spans.meets(from, until))
    }

    /// Times are another clock's from now on.
    pub(super) fn clear(&mut self) {
        self.anywhere.0.clear();
        self.between.clear();
    }
}

impl Spans {
    fn add(&mut self, from: Timestamp, until: Timestamp, cap: usize) {
        let is_full = self.0.len() >= cap;
        match self.0.last_mut() {
            Some(last) if is_full || last.1 >= until => {
                *last = (last.0.min(from), last.1.max(until));
            }
            _ => self.0.push((from, until)),
        }
    }

    fn meets(&self, from: Timestamp, until: Timestamp) -> bool {
        let first = self.0.partition_point(|lost| lost.1 < from);
        let mut spans = self.0.iter().skip(first);
        spans.any(|lost| lost.0 <= until)
    }
}

/// Two hosts, whichever sends.
fn pair(a: IpAddr, b: IpAddr) -> (IpAddr, IpAddr) {
    (a.min(b), a.max(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> Timestamp {
        Timestamp::default().plus(Span::from_secs(secs))
    }

    fn host(last: u8) -> IpAddr {
        [10, 0, 0, last].into()
    }

    #[test]
    fn losses_are_found_where_they_overlap() {
        let mut losses = Losses::default();
        losses.lost(at(5), at(7));
        losses.lost(at(20), at(20));
        for (from, until, lossy) in [(0, 4, false), (0, 5, true), (7, 9, true), (8, 19, false)] {
            assert_eq!(losses.is_lossy(at(from), at(until)), lossy, "{from}");
        }
    }

    #[test]
    fn what_was_not_read_between_two_hosts_is_missing_there_and_then_alone() {
        let mut losses = Losses::default();
        losses.unread(host(1), host(2), at(5));
        let asked = |hosts, from, until| losses.is_unread(hosts, at(from), at(until));
        assert!(asked((host(1), host(2)), 0, 5));
        assert!(asked((host(2), host(1)), 5, 9));
        assert!(!asked((host(1), host(2)), 6, 9));
        assert!(!asked((host(1), host(3)), 0, 9));
        assert!(!losses.is_lossy(at(0), at(9)));
    }

    #[test]
    fn more_pairs_than_are_kept_make_it_a_loss_for_all() {
        let mut losses = Losses::default();
        for number in 0..=u32::try_from(PAIRS).expect("small") {
            losses.unread(host(1), IpAddr::V4((0xc000_0000 + number).into()), at(5));
        }
        assert_eq!(losses.between.len(), PAIRS);
        assert!(losses.is_lossy(at(5), at(5)));
    }

    #[test]
    fn many_losses_of_a_pair_become_wider_not_more() {
        let mut losses = Losses::default();
        for second in 0..1000 {
            losses.unread(host(1), host(2), at(second));
        }
        let spans: usize = losses.between.values().map(|spans| spans.0.len()).sum();
        assert_eq!(spans, SPANS_OF_PAIR);
        assert!(losses.is_unread((host(1), host(2)), at(990), at(990)));
    }
}
