//! Watched: the time that went by without the steps of the capture's clock, and how much of it the
//! tap was looking.
//!
//! In: what `calls` learns of its clock, and times of the capture. Out: *steady* time, which is the
//! capture's until its clock steps and goes on from there as if it had not, and how long something
//! could have been seen between two moments of it. A rate counts the time in which it could have
//! been seen; a gap between two files, or a minute without any packet, is none of it.
//!
//! Capped: `STRETCHES` and `GAPS`, of which the oldest are forgotten: a time before is then told by
//! the clock of the oldest known, and counts as watched.

use std::collections::VecDeque;

use crate::calls::ClockChange;
use crate::units::{Span, Timestamp};

/// Steps of the clock remembered.
const STRETCHES: usize = 1024;

/// Gaps remembered: one every few seconds for an hour.
const GAPS: usize = 1024;

/// What came late is at most so much older than the step before it.
const DISORDER: Span = Span::from_secs(1);

/// What is known of the capture's time.
#[derive(Debug, Default)]
pub struct Watched {
    first: Timestamp,
    /// From step to step; before the first one steady time is the capture's.
    stretches: VecDeque<Stretch>,
    /// Sorted, none touching another.
    gaps: VecDeque<Gap>,
}

#[derive(Clone, Copy, Debug)]
struct Stretch {
    /// Where it begins, in steady time.
    from: Timestamp,
    /// What the capture's clock is ahead.
    ahead: Span,
}

#[derive(Clone, Copy, Debug)]
struct Gap {
    from: Timestamp,
    until: Timestamp,
}

impl Watched {
    /// The capture begins.
    pub const fn begin(&mut self, first: Timestamp) {
        self.first = first;
    }

    /// When it began.
    pub const fn first(&self) -> Timestamp {
        self.first
    }

    /// The capture's clock did not simply go on.
    pub fn change(&mut self, change: ClockChange) {
        match change {
            ClockChange::Stepped { elapsed, time } => {
                let from = self.first.plus(elapsed);
                if self.stretches.len() >= STRETCHES {
                    self.stretches.pop_front();
                }
                let ahead = time.since(from);
                self.stretches.push_back(Stretch { from, ahead });
            }
            ClockChange::Unwatched { from, until } => {
                self.add_gap(self.first.plus(from), self.first.plus(until));
            }
        }
    }

    fn add_gap(&mut self, from: Timestamp, until: Timestamp) {
        let mut gap = Gap { from, until };
        // Of several taps one may have paused before the last known gap ended.
        while let Some(last) = self.gaps.back().copied()
            && last.until >= gap.from
        {
            gap.from = gap.from.min(last.from);
            gap.until = gap.until.max(last.until);
            self.gaps.pop_back();
        }
        if self.gaps.len() >= GAPS {
            self.gaps.pop_front();
        }
        self.gaps.push_back(gap);
    }

    /// The steady time of what was captured at `time`, by the latest clock that can have told it.
    pub fn steady(&self, time: Timestamp) -> Timestamp {
        for stretch in self.stretches.iter().rev() {
            let steady = minus(time, stretch.ahead);
            let is_its = stretch.from.since(steady) <= DISORDER;
            // No step forward is smaller than an hour, so a later stretch is no earlier one's.
            if is_its {
                return steady;
            }
        }
        time
    }

    /// What the capture's clock told at a steady time.
    pub fn captured(&self, steady: Timestamp) -> Timestamp {
        let behind = self.stretches.partition_point(|one| one.from <= steady);
        let stretch = behind.checked_sub(1).and_then(|at| self.stretches.get(at));
        stretch.map_or(steady, |one| steady.plus(one.ahead))
    }

    /// How long the tap was looking between two steady times.
    pub fn looked(&self, from: Timestamp, until: Timestamp) -> Span {
        let mut span = until.since(from).nanos().max(0);
        for gap in self.gaps.iter().rev() {
            if gap.until <= from {
                break;
            }
            let missed = gap.until.min(until).since(gap.from.max(from));
            span -= missed.nanos().max(0);
        }
        Span::from_nanos(span)
    }

    /// The steady time since which the tap had been looking for `span` at `until`.
    pub fn reach(&self, until: Timestamp, span: Span) -> Timestamp {
        let mut at = until;
        let mut left = span;
        for gap in self.gaps.iter().rev() {
            if gap.from >= at {
                continue;
            }
            let looked = at.since(gap.until);
            if looked >= left {
                break;
            }
            left = Span::from_nanos(left.nanos() - looked.nanos().max(0));
            at = gap.from;
        }
        minus(at, left)
    }
}

fn minus(time: Timestamp, span: Span) -> Timestamp {
    time.plus(Span::from_nanos(span.nanos().saturating_neg()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::testing::{at, span};

    fn gap(from: f64, until: f64) -> ClockChange {
        ClockChange::Unwatched {
            from: span(from),
            until: span(until),
        }
    }

    fn step(elapsed: f64, time: f64) -> ClockChange {
        ClockChange::Stepped {
            elapsed: span(elapsed),
            time: at(time),
        }
    }

    fn watched(changes: &[ClockChange]) -> Watched {
        let mut watched = Watched::default();
        watched.begin(at(1000.0));
        for change in changes {
            watched.change(*change);
        }
        watched
    }

    #[test]
    fn without_steps_steady_time_is_the_captures() {
        let watched = watched(&[gap(10.0, 20.0)]);
        assert_eq!(watched.steady(at(1015.0)), at(1015.0));
        assert_eq!(watched.captured(at(1015.0)), at(1015.0));
    }

    #[test]
    fn steady_time_goes_on_over_a_step_back() {
        // After 500 s the clock is set back by 100 s.
        let watched = watched(&[step(500.0, 1400.0)]);
        assert_eq!(watched.steady(at(1400.0)), at(1500.0));
        assert_eq!(watched.steady(at(1450.0)), at(1550.0));
        assert_eq!(watched.steady(at(1300.0)), at(1300.0), "before the step");
        assert_eq!(watched.captured(at(1550.0)), at(1450.0));
        assert_eq!(watched.captured(at(1499.0)), at(1499.0));
    }

    #[test]
    fn steady_time_goes_on_over_a_step_of_hours_forward() {
        let watched = watched(&[step(500.0, 9000.0), step(600.0, 20_000.0)]);
        for (captured, steady) in [(1400.0, 1400.0), (9010.0, 1510.0), (20_050.0, 1650.0)] {
            assert_eq!(watched.steady(at(captured)), at(steady));
            assert_eq!(watched.captured(at(steady)), at(captured));
        }
    }

    #[test]
    fn gaps_are_not_watched_and_do_not_count_twice() {
        let watched = watched(&[gap(100.0, 200.0), gap(150.0, 250.0), gap(400.0, 500.0)]);
        assert_eq!(watched.looked(at(1000.0), at(1600.0)), span(350.0));
        assert_eq!(watched.looked(at(1120.0), at(1420.0)), span(150.0));
        assert_eq!(watched.looked(at(1300.0), at(1350.0)), span(50.0));
    }

    #[test]
    fn reaching_back_passes_over_gaps() {
        let watched = watched(&[gap(100.0, 250.0), gap(400.0, 500.0)]);
        for (back, from) in [
            (50.0, 1550.0),
            (100.0, 1500.0),
            (200.0, 1300.0),
            (300.0, 1050.0),
            (1000.0, 350.0),
        ] {
            assert_eq!(watched.reach(at(1600.0), span(back)), at(from), "{back}");
        }
        assert_eq!(
            watched.reach(at(1200.0), span(10.0)),
            at(1090.0),
            "in a gap"
        );
    }

    #[test]
    fn what_is_remembered_is_capped() {
        let changes: Vec<_> = (0..5000)
            .flat_map(|n| {
                let at = f64::from(n) * 10.0;
                [gap(at, at + 5.0), step(at + 6.0, 0.0)]
            })
            .collect();
        let watched = watched(&changes);
        assert_eq!(watched.gaps.len(), GAPS);
        assert_eq!(watched.stretches.len(), STRETCHES);
    }
}
