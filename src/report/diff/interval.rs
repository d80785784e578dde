//! Intervals: how far a number that was counted or measured may be off by chance.
//!
//! In: counts, or lists of delays. Out: an [`Interval`] at [`LEVEL`]. Pure. Calls of one minute share
//! their fate, so what is counted is taken to be worth as many independent calls as the scatter
//! from minute to minute says ([`Share::worth`]); delays are compared by minutes throughout.
//!
//! # References
//! - E. B. Wilson, 1927 (interval of a ratio)
//! - R. G. Newcombe, 1998, method 10 (difference of two ratios)
//! - J. L. Hodges and E. L. Lehmann, 1963 (shift between two samples)
//! - C. Hastings, 1955 (normal deviate; Abramowitz and Stegun 26.2.23)

use schemars::JsonSchema;
use serde::Serialize;

/// How sure an interval is. A report has dozens of them: at 0.95 one in twenty would call a change
/// where there is none.
pub(super) const LEVEL: f64 = 0.99;

/// The normal deviate of [`LEVEL`], two-sided.
const Z: f64 = 2.575_829_303_548_901;

/// Blocks of minutes that delays are compared by, at most; their pairs are counted.
const MOST_BLOCKS: usize = 512;

/// Minutes below which their scatter says nothing.
const FEWEST_MINUTES: usize = 5;

/// A value with the interval it lies in.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Interval {
    /// The best guess.
    pub value: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Interval {
    /// The same, in other units.
    pub(super) fn times(self, factor: f64) -> Self {
        Self {
            value: self.value * factor,
            low: self.low * factor,
            high: self.high * factor,
        }
    }
}

/// So many of so many.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Share {
    pub(super) part: u64,
    /// Invariant: `part <= whole`.
    pub(super) whole: u64,
    /// How many independent ones the whole is worth; at most `whole`.
    worth: f64,
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of calls are far below 2^52"
)]
const fn real(count: u64) -> f64 {
    count as f64
}

impl Share {
    /// `part` of `whole`, which fell on minutes as `minutes` say (part and whole of each).
    pub(super) fn new(part: u64, whole: u64, minutes: &[(u64, u64)]) -> Option<Self> {
        (part <= whole && whole > 0).then(|| Self {
            part,
            whole,
            worth: real(whole) / effect(part, whole, minutes),
        })
    }

    fn ratio(self) -> f64 {
        real(self.part) / real(self.whole)
    }

    /// Wilson's interval of the ratio.
    pub(super) fn interval(self) -> Interval {
        self.interval_at(Z)
    }

    /// The same at the level of another deviate.
    fn interval_at(self, z: f64) -> Interval {
        let (p, n) = (self.ratio(), self.worth);
        let middle = p + z * z / (2.0 * n);
        let half = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
        let whole = 1.0 + z * z / n;
        Interval {
            value: p,
            // At the ends rounding would leave the range.
            low: if self.part == 0 {
                0.0
            } else {
                ((middle - half) / whole).max(0.0)
            },
            high: if self.part == self.whole {
                1.0
            } else {
                ((middle + half) / whole).min(1.0)
            },
        }
    }
}

/// By how much more the parts of minutes scatter than those of independent calls would; 1 where
/// they do not, or where there are too few minutes to tell.
fn effect(part: u64, whole: u64, minutes: &[(u64, u64)]) -> f64 {
    let counted: Vec<(f64, f64)> = minutes
        .iter()
        .filter(|(_, of)| *of > 0)
        .map(|(part, of)| (real(*part), real(*of)))
        .collect();
    let parts: f64 = counted.iter().map(|(part, _)| part).sum();
    let wholes: f64 = counted.iter().map(|(_, of)| of).sum();
    let ratio = parts / wholes;
    let independent = ratio * (1.0 - ratio) / real(whole);
    if counted.len() < FEWEST_MINUTES || part == 0 || independent <= 0.0 {
        return 1.0;
    }
    let scatter: f64 = counted
        .iter()
        .map(|(part, of)| (part - ratio * of).powi(2))
        .sum();
    #[expect(
        clippy::cast_precision_loss,
        reason = "a week has ten thousand minutes"
    )]
    let count = counted.len() as f64;
    let seen = count / (count - 1.0) * scatter / (wholes * wholes);
    (seen / independent).clamp(1.0, real(whole))
}

/// Newcombe's interval of the difference, after less before.
pub(super) fn difference(before: Share, after: Share) -> Interval {
    difference_at(before, after, Z)
}

/// One of `count` differences that all hold together at [`LEVEL`] (Bonferroni).
pub(super) fn difference_of(count: usize, before: Share, after: Share) -> Interval {
    #[expect(clippy::cast_precision_loss, reason = "a count of peers")]
    let tail = (1.0 - LEVEL) / 2.0 / count.max(1) as f64;
    difference_at(before, after, deviate(tail))
}

/// The normal deviate that is exceeded with probability `tail`, which is at most 0.5 (Hastings; off
/// by less than 0.0005).
fn deviate(tail: f64) -> f64 {
    let t = (-2.0 * tail.ln()).sqrt();
    let over = 2.515_517 + t * (0.802_853 + t * 0.010_328);
    let under = 1.0 + t * (1.432_788 + t * (0.189_269 + t * 0.001_308));
    t - over / under
}

fn difference_at(before: Share, after: Share, z: f64) -> Interval {
    let (first, second) = (before.interval_at(z), after.interval_at(z));
    let value = second.value - first.value;
    let down = (second.value - second.low).hypot(first.high - first.value);
    let up = (second.high - second.value).hypot(first.value - first.low);
    Interval {
        value,
        low: value - down,
        high: value + up,
    }
}

/// Hodges' and Lehmann's shift between two samples, each of minutes in order with what was measured
/// in them and how often; `None` where there are too few minutes for an interval.
pub(super) fn shift(before: &[(f64, u64)], after: &[(f64, u64)]) -> Option<Interval> {
    let (before, after) = (blocks(before), blocks(after));
    let mut shifts: Vec<f64> = after
        .iter()
        .flat_map(|after| before.iter().map(move |before| after - before))
        .collect();
    shifts.sort_by(f64::total_cmp);
    #[expect(clippy::cast_precision_loss, reason = "at most MOST_BLOCKS")]
    let (m, n) = (before.len() as f64, after.len() as f64);
    let outside = m * n / 2.0 - Z * (m * n * (m + n + 1.0) / 12.0).sqrt();
    if outside < 1.0 {
        return None;
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "1 or more, and at most the number of pairs"
    )]
    let outside = outside as usize;
    let at = |index: usize| shifts.get(index).copied();
    let count = shifts.len();
    Some(Interval {
        value: f64::midpoint(at((count - 1) / 2)?, at(count / 2)?),
        low: at(outside - 1)?,
        high: at(count.checked_sub(outside)?)?,
    })
}

/// Means of minutes, of several that follow each other where there are many.
fn blocks(minutes: &[(f64, u64)]) -> Vec<f64> {
    let size = minutes.len().div_ceil(MOST_BLOCKS).max(1);
    let mean = |block: &[(f64, u64)]| {
        let weight: f64 = block.iter().map(|(_, count)| real(*count)).sum();
        let sum: f64 = block
            .iter()
            .map(|(value, count)| value * real(*count))
            .sum();
        (weight > 0.0).then(|| sum / weight)
    };
    minutes.chunks(size).filter_map(mean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(part: u64, whole: u64) -> Share {
        Share::new(part, whole, &[]).unwrap()
    }

    #[track_caller]
    fn check(interval: Interval, value: f64, low: f64, high: f64) {
        let near = |a: f64, b: f64| (a - b).abs() < 0.0005;
        assert!(
            near(interval.value, value) && near(interval.low, low) && near(interval.high, high),
            "{interval:?}"
        );
    }

    #[test]
    fn a_ratio_has_wilsons_interval() {
        // From an implementation of its own.
        check(share(46, 241).interval(), 0.1909, 0.1343, 0.2640);
        check(share(0, 241).interval(), 0.0, 0.0, 0.0268);
        check(share(10, 10).interval(), 1.0, 0.6011, 1.0);
    }

    #[test]
    fn a_difference_has_newcombes_interval() {
        check(
            difference(share(46, 241), share(0, 241)),
            -0.1909,
            -0.2640,
            -0.1283,
        );
        // Newcombe's own example, 56 of 70 and 48 of 80: 0.0524 to 0.3339 at 95 %.
        check(
            difference(share(48, 80), share(56, 70)),
            0.2,
            0.0054,
            0.3718,
        );
    }

    #[test]
    fn many_differences_are_wider_each_so_that_all_hold_together() {
        assert!((deviate(0.005) - Z).abs() < 0.0005);
        assert!((deviate(0.00005) - 3.8906).abs() < 0.0005);
        let (before, after) = (share(46, 241), share(20, 241));
        let (one, many) = (
            difference_of(1, before, after),
            difference_of(100, before, after),
        );
        assert!(one.high < 0.0 && many.high > 0.0, "{one:?} {many:?}");
        assert!((one.low - difference(before, after).low).abs() < 0.0005);
    }

    #[test]
    fn what_comes_in_bursts_is_worth_less_than_its_count() {
        let even: Vec<(u64, u64)> = (0..10).map(|_| (5, 24)).collect();
        let burst: Vec<(u64, u64)> = (0..10)
            .map(|minute| (if minute == 4 { 50 } else { 0 }, 66))
            .collect();
        let of = |minutes: &[(u64, u64)]| {
            let part = minutes.iter().map(|(part, _)| part).sum();
            let whole = minutes.iter().map(|(_, of)| of).sum();
            Share::new(part, whole, minutes).unwrap()
        };
        assert!((of(&even).worth - 240.0).abs() < 1e-9);
        assert!(of(&burst).worth < 30.0, "{:?}", of(&burst));
        // A single minute with calls is no scatter.
        assert!((of(&[(3, 9)]).worth - 9.0).abs() < 1e-9);
    }

    #[test]
    fn one_outlier_does_not_move_a_delay() {
        let before: Vec<(f64, u64)> = (0..10)
            .map(|minute| (100.0 + f64::from(minute), 5))
            .collect();
        let mut after = before.clone();
        after[3].0 = 30_000.0;
        let same = shift(&before, &after).unwrap();
        assert!(same.low < 0.0 && same.high > 0.0, "{same:?}");
        let slower: Vec<(f64, u64)> = before
            .iter()
            .map(|(ms, count)| (ms + 50.0, *count))
            .collect();
        let slower = shift(&before, &slower).unwrap();
        assert!(
            slower.low > 0.0 && (slower.value - 50.0).abs() < 1e-9,
            "{slower:?}"
        );
        assert_eq!(shift(&before[..5], &after[..5]), None);
    }

    #[test]
    fn a_week_of_minutes_is_compared_in_blocks() {
        let week: Vec<(f64, u64)> = (0..10_080).map(|_| (1.0, 1)).collect();
        assert!(blocks(&week).len() <= MOST_BLOCKS);
        assert!(shift(&week, &week).is_some());
    }
}
