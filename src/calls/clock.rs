//! The capture's clock, as far as timers may use it.
//!
//! Capture time can step: a clock was set, files were joined. A step of more than one hour
//! forward or one second back evicts nothing and proves nothing, so timers here run on *elapsed*
//! time, in which steps do not count, and everything that was open across a step knows it. From the
//! end of one file to the beginning of the next is no step, however long it is.

use crate::units::{Span, Timestamp};

/// What else than the passing of time befell the clock, by the time gone by since the first frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockChange {
    /// When so much had gone by, the capture's clock was set.
    Stepped {
        /// Time gone by.
        elapsed: Span,
        /// What the clock told from then on.
        time: Timestamp,
    },
    /// Between these nothing was captured: time in which nothing could have been seen, or in which
    /// there was nothing to see.
    Unwatched {
        /// Time gone by until the last packet before.
        from: Span,
        /// Time gone by until the first packet behind.
        until: Span,
    },
}

/// Forward steps beyond this are not the passing of time (DOMAIN C.4).
const FORWARD: Span = Span::from_secs(3600);
/// Backward steps beyond this are not mere disorder between two taps.
const BACKWARD: Span = Span::from_secs(-1);

/// Elapsed capture time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock {
    last: Option<Timestamp>,
    latest: Option<Timestamp>,
    elapsed: Span,
    steps: u32,
}

impl Clock {
    /// Takes the next frame's time; whether time stepped.
    pub fn tick(&mut self, time: Timestamp) -> bool {
        let Some(last) = self.last else {
            self.last = Some(time);
            self.latest = Some(time);
            return false;
        };
        let gone = time.since(last);
        if gone > FORWARD || gone < BACKWARD {
            self.change(time);
            return true;
        }
        // Small disorder: time does not run backwards, it waits.
        if gone > Span::default() {
            self.elapsed = Span::from_nanos(self.elapsed.nanos().saturating_add(gone.nanos()));
            self.last = Some(time);
            self.latest = Some(time);
        }
        false
    }

    /// The next frame's time is known to be `time`, however far ahead: nothing was captured
    /// meanwhile, and time went by all the same.
    pub fn resume(&mut self, time: Timestamp) {
        let gone = self.last.map_or(Span::default(), |last| time.since(last));
        if gone > FORWARD {
            self.elapsed = Span::from_nanos(self.elapsed.nanos().saturating_add(gone.nanos()));
            self.last = Some(time);
            self.latest = Some(time);
        }
    }

    /// Times are another clock's from `time` on: what was open knows it.
    pub fn change(&mut self, time: Timestamp) {
        self.steps += 1;
        self.last = Some(time);
        self.latest = Some(time);
    }

    /// Time gone by since the first tick, without steps.
    pub const fn elapsed(&self) -> Span {
        self.elapsed
    }

    /// The latest time since the last step.
    pub fn now(&self) -> Timestamp {
        self.latest.unwrap_or_default()
    }

    /// How often time has stepped.
    pub const fn steps(&self) -> u32 {
        self.steps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ticks at these seconds; elapsed seconds and steps at the end.
    fn check(ticks: &[i64], elapsed: i64, steps: u32) {
        let mut clock = Clock::default();
        for &tick in ticks {
            clock.tick(Timestamp::default().plus(Span::from_millis(tick)));
        }
        assert_eq!(clock.elapsed(), Span::from_millis(elapsed));
        assert_eq!(clock.steps(), steps);
    }

    #[test]
    fn time_goes_by() {
        check(&[1000, 2000, 2500], 1500, 0);
    }

    #[test]
    fn small_disorder_does_not_count_twice() {
        check(&[1000, 2000, 1900, 2100], 1100, 0);
    }

    #[test]
    fn a_pause_of_the_capture_is_time_and_no_step() {
        let at = |secs| Timestamp::default().plus(Span::from_secs(secs));
        let mut clock = Clock::default();
        clock.tick(at(10));
        clock.resume(at(90_000));
        assert!(!clock.tick(at(90_000)));
        assert_eq!(clock.elapsed(), Span::from_secs(89_990));
        assert_eq!(clock.steps(), 0);
    }

    #[test]
    fn an_hour_forward_and_a_second_back_are_steps_and_no_time() {
        check(&[0, 3_600_001, 3_600_101], 100, 1);
        check(&[5000, 3000, 3500], 500, 1);
    }
}
