//! Timeline: responses by class over time, counted as they come.
//!
//! In: time and code. Out: [`Timeline::bins`]. Bins are as wide as keeps them at most [`BINS`]; a width
//! is a multiple of the one before, so that nothing is counted anew when it grows. Capped: [`BINS`].

use std::collections::BTreeMap;

use crate::units::{NANOS_PER_SEC, Span, Timestamp};

/// Bins from the first to the last, at most.
pub(super) const BINS: i64 = 300;

/// Classes: 1xx to 6xx, and codes that are none.
pub(super) const CLASSES: usize = 7;

/// Widths of a bin in milliseconds; beyond the last it doubles.
const WIDTHS_MS: [i64; 13] = [
    100, 500, 1000, 5000, 10_000, 30_000, 60_000, 300_000, 600_000, 1_800_000, 3_600_000,
    21_600_000, 86_400_000,
];

/// Responses by class of one bin.
pub(super) type Counts = [u64; CLASSES];

/// Responses by class over time.
#[derive(Debug, Default)]
pub(super) struct Timeline {
    /// Place in `WIDTHS_MS`, or beyond.
    width: usize,
    /// By number of the bin, counted from 1970. Invariant: the last is less than `BINS` behind the first.
    bins: BTreeMap<i64, Counts>,
}

impl Timeline {
    /// Counts a response.
    pub(super) fn push(&mut self, time: Timestamp, code: u16) {
        let class = usize::from(code / 100).wrapping_sub(1).min(CLASSES - 1);
        loop {
            let bin = time.nanos().div_euclid(self.width_nanos());
            let first = self.bins.keys().next().copied().unwrap_or(bin).min(bin);
            let last = self.bins.keys().next_back().copied().unwrap_or(bin);
            if last.max(bin).saturating_sub(first) < BINS {
                if let Some(count) = self.bins.entry(bin).or_default().get_mut(class) {
                    *count += 1;
                }
                return;
            }
            self.widen();
        }
    }

    fn widen(&mut self) {
        let before = self.width_nanos();
        self.width += 1;
        let factor = self.width_nanos() / before.max(1);
        for (bin, counts) in std::mem::take(&mut self.bins) {
            let wider = self.bins.entry(bin.div_euclid(factor.max(1))).or_default();
            for (sum, count) in wider.iter_mut().zip(counts) {
                *sum += count;
            }
        }
    }

    fn width_nanos(&self) -> i64 {
        let last = WIDTHS_MS.len() - 1;
        let base = WIDTHS_MS.get(self.width.min(last)).copied().unwrap_or(1000);
        // A bin of three years spans all times there are in BINS bins, so it ends here.
        let doubled = self.width.saturating_sub(last).min(12);
        (base * (NANOS_PER_SEC / 1000)) << doubled
    }

    /// Width of a bin.
    pub(super) fn width(&self) -> Span {
        Span::from_nanos(self.width_nanos())
    }

    /// Beginning and counts of each bin in which something came, in order of time.
    pub(super) fn bins(&self) -> impl Iterator<Item = (Timestamp, &Counts)> {
        let width = self.width_nanos();
        self.bins
            .iter()
            .map(move |(bin, counts)| (Timestamp::from_nanos(bin.saturating_mul(width)), counts))
    }

    /// Beginning of the first bin and end of the last.
    pub(super) fn span(&self) -> Option<(Timestamp, Timestamp)> {
        let first = self.bins().next()?.0;
        let last = self.bins().last()?.0;
        Some((first, last.plus(self.width())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_width_is_a_multiple_of_the_one_before() {
        for pair in WIDTHS_MS.windows(2) {
            assert_eq!(pair[1] % pair[0], 0, "{pair:?}");
        }
    }

    #[test]
    fn classes_are_counted_apart() {
        let mut timeline = Timeline::default();
        for code in [180, 200, 302, 438, 404, 503, 603, 0, 999] {
            timeline.push(Timestamp::from_nanos(5), code);
        }
        let bins: Vec<_> = timeline.bins().collect();
        assert_eq!(bins, [(Timestamp::from_nanos(0), &[1, 1, 1, 2, 1, 1, 2])]);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_bins_stay_few(times in prop::collection::vec(any::<i64>(), 1..40)) {
            let mut timeline = Timeline::default();
            for time in &times {
                timeline.push(Timestamp::from_nanos(*time), 200);
            }
            let counted: u64 = timeline.bins().map(|(_, counts)| counts[1]).sum();
            prop_assert_eq!(counted, times.len() as u64);
            prop_assert!(timeline.bins.len() <= 300);
        }
    }
}
