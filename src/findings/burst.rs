//! The burst detector: tells a burst of refusals from steady noise and from traffic growth.
//!
//! In: the times of INVITE finals in order ([`Finals`], which all series share), and those of the
//! refusals of one series. Out: [`Burst`]s. Deterministic; memory is the finals of one window, and of
//! each series the refusals of the baseline's hour, both capped. Where the cap cuts the hour short
//! the baseline is what is left of it.
//!
//! A burst opens at a refusal when the window behind it holds at least `min` of them, at least
//! `share` of all finals, and so many would come by chance with a probability under `p` given the
//! hour before (Poisson). Its borders are the segment of the highest score around that refusal:
//! each refusal gains, each second costs. The hour before holds no closed burst, and stands still
//! while one is open. Without five minutes of before there is no baseline, and the share must be
//! four times as high.
//!
//! All times here are steady ([`Watched`]): the capture's without the steps of its clock. The hour
//! before is an hour in which the tap was looking, and so are the five minutes: a gap between two
//! files says nothing of what is usual. (DOMAIN G.2 counts from the capture's first packet on, as
//! if something were captured all the time; where it is, both are the same.)
//!
//! # References
//! - the score is the log-likelihood ratio of two Poisson rates; its best segment is the
//!   maximum-likelihood change interval

use std::collections::VecDeque;

use super::watched::Watched;
use crate::units::{Span, Timestamp};

/// What the command line can change.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BurstOptions {
    /// The sliding window.
    pub window: Span,
    /// Fewest refusals in a window.
    pub min: u32,
    /// Least share of refusals among the window's finals, 0 to 1.
    pub share: f64,
    /// Greatest probability of as many by chance.
    pub p: f64,
    /// A burst is over after this long without a refusal that belongs to it.
    pub quiet: Span,
}

impl Default for BurstOptions {
    fn default() -> Self {
        Self {
            window: Span::from_secs(60),
            min: 5,
            share: 0.05,
            p: 1e-6,
            quiet: Span::from_secs(120),
        }
    }
}

/// How far the baseline reaches back from the window.
const BASELINE: Span = Span::from_secs(3600);
/// Less of before is no baseline.
const LEAST_BASELINE_S: f64 = 300.0;
/// Of a baseline that is cut short for lack of room, so many refusals are enough.
const LEAST_OF_CUT: u64 = 1000;
/// Bursts kept of one series.
const BURSTS: usize = 1024;
/// Without a baseline the share must be this many times as high (0.05 → 0.20).
const SHARE_WITHOUT_BASELINE: f64 = 4.0;

/// A burst of refusals, in steady time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Burst {
    /// Its first refusal.
    pub start: Timestamp,
    /// Its last.
    pub end: Timestamp,
    /// Refusals in it.
    pub count: u64,
    /// All finals from start to end.
    pub attempts: u64,
    /// The refusal at which it was noticed.
    pub trigger: Timestamp,
    /// Refusals expected in a window; `None` without baseline.
    pub expected: Option<f64>,
    /// Refusals that were seen in the hour before, and how long of it the tap was looking; `None`
    /// without baseline.
    pub before: Option<(u64, Span)>,
    /// Most refusals in one window ending in it, and when that was.
    pub peak: (u64, Timestamp),
    /// The capture ended before it was over.
    pub open: bool,
    /// Index of its first and last refusal, counted from the first of the series.
    pub refusals: (u64, u64),
}

/// What is usual.
#[derive(Clone, Copy, Debug)]
struct Usual {
    /// Refusals expected in a window; never none, though none may have been seen.
    in_window: f64,
    /// Refusals that were seen, and in how long.
    seen: (u64, Span),
}

#[derive(Clone, Copy, Debug)]
struct Refusal {
    time: Timestamp,
    /// How many finals there were up to and with it.
    finals: u64,
}

/// The finals of the window that ends now.
#[derive(Debug)]
pub struct Finals {
    window: Span,
    cap: usize,
    /// Finals so far.
    count: u64,
    /// The times of those in the window.
    times: VecDeque<Timestamp>,
}

impl Finals {
    /// None yet; at most `cap` of a window are remembered.
    pub fn new(window: Span, cap: usize) -> Self {
        Self {
            window,
            cap: cap.max(16),
            count: 0,
            times: VecDeque::new(),
        }
    }

    /// The time that the next final gets: times do not decrease, an earlier one counts as now.
    pub fn next(&self, time: Timestamp) -> Timestamp {
        self.times.back().map_or(time, |last| time.max(*last))
    }

    /// Whether a final at `time` comes after all so far. What was refused before is to be judged
    /// then: what comes at one moment belongs together.
    pub fn moves_on(&self, time: Timestamp) -> bool {
        self.times.back().is_some_and(|last| time > *last)
    }

    /// Takes the next final, at the time that [`Self::next`] gave.
    pub fn push(&mut self, time: Timestamp) {
        self.count += 1;
        let gone = minus(time, self.window);
        while self.times.front().is_some_and(|first| *first <= gone) {
            self.times.pop_front();
        }
        if self.times.len() >= self.cap {
            self.times.pop_front();
        }
        self.times.push_back(time);
    }

    /// How many came after `from`.
    fn since(&self, from: Timestamp) -> usize {
        self.times.len() - self.times.partition_point(|time| *time <= from)
    }
}

/// The detector of one series.
#[derive(Debug)]
pub struct Detector {
    options: BurstOptions,
    cap: usize,
    first: Timestamp,
    needs_baseline: bool,
    /// Refusals of baseline and window; `dropped` more were before them.
    refusals: VecDeque<Refusal>,
    dropped: u64,
    /// The last refusal that had to go although the baseline needs it.
    cut: Option<Timestamp>,
    closed: Vec<Burst>,
    open: Option<Open>,
    /// Finals at the same time as the last refusal that came after it belong to its window.
    pending: Option<usize>,
}

/// A burst that may still grow.
#[derive(Clone, Copy, Debug)]
struct Open {
    burst: Burst,
    gain: f64,
    cost_per_s: f64,
    score: f64,
    best: f64,
    /// Of the last refusal that was scored.
    scored: Timestamp,
    /// Peak among refusals scored but not (yet) in the burst.
    peak_ahead: (u64, Timestamp),
}

impl Detector {
    /// A detector for a capture whose first packet is at `first`; at most `cap` refusals are
    /// remembered.
    pub fn new(options: BurstOptions, cap: usize, first: Timestamp) -> Self {
        Self {
            options,
            cap: cap.max(16),
            first,
            needs_baseline: false,
            refusals: VecDeque::new(),
            dropped: 0,
            cut: None,
            closed: Vec::new(),
            open: None,
            pending: None,
        }
    }

    /// The same, of a series in which nothing is said without a baseline.
    #[must_use]
    pub const fn with_baseline_only(mut self) -> Self {
        self.needs_baseline = true;
        self
    }

    /// Takes a refusal, which is the last of `finals`.
    pub fn push(&mut self, time: Timestamp, finals: &Finals) {
        if self.refusals.len() >= self.cap {
            self.drop_oldest();
        }
        self.refusals.push_back(Refusal {
            time,
            finals: finals.count,
        });
        self.pending.get_or_insert(self.refusals.len() - 1);
    }

    /// Refusals that are remembered.
    pub fn remembered(&self) -> usize {
        self.refusals.len()
    }

    /// Forgets the oldest refusal for lack of room.
    pub fn drop_oldest(&mut self) {
        if let Some(oldest) = self.refusals.pop_front() {
            self.cut = Some(oldest.time);
            self.dropped += 1;
            self.pending = self.pending.map(|pending| pending.saturating_sub(1));
        }
    }

    /// The burst of this number, counted from 0, once it is over at `now`.
    pub fn over(&self, number: usize, now: Timestamp) -> Option<Burst> {
        let open = || {
            let open = self.open.as_ref().map(|open| open.burst)?;
            let is_over = now.since(open.end) > self.options.quiet && self.pending.is_none();
            (is_over && number == self.closed.len()).then_some(open)
        };
        self.closed.get(number).copied().or_else(open)
    }

    /// Ends the series with the capture, at `end`; all bursts in order.
    pub fn finish(mut self, finals: &Finals, watched: &Watched, end: Timestamp) -> Vec<Burst> {
        self.judge(finals, watched);
        if let Some(Open { burst, .. }) = self.open.take() {
            let open = end.since(burst.end) <= self.options.quiet;
            self.close(Burst { open, ..burst });
        }
        self.closed
    }

    fn close(&mut self, burst: Burst) {
        if self.closed.len() < BURSTS {
            self.closed.push(burst);
        }
    }

    /// Judges the refusals that are not judged yet; their moment is complete.
    pub fn judge(&mut self, finals: &Finals, watched: &Watched) {
        let Some(from) = self.pending.take() else {
            return;
        };
        for index in from..self.refusals.len() {
            if let Some(refusal) = self.refusals.get(index).copied() {
                self.judge_one(index, refusal, finals, watched);
            }
        }
        self.forget(watched);
    }

    fn judge_one(&mut self, index: usize, refusal: Refusal, finals: &Finals, watched: &Watched) {
        let in_window = self.refusals_between(minus(refusal.time, self.options.window), index);
        if let Some(open) = self.open.take() {
            match self.extend(open, index, refusal, in_window, finals) {
                Some(open) => {
                    self.open = Some(open);
                    return;
                }
                None => self.close(open.burst),
            }
        }
        let usual = self.usual(minus(refusal.time, self.options.window), watched);
        let expected = usual.map(|usual| usual.in_window);
        if self.triggers(refusal, in_window, expected, finals) {
            self.open = Some(self.open_at(index, refusal, in_window, usual));
        }
    }

    /// Whether the refusal opens a burst where `expected` are usual.
    fn triggers(
        &self,
        refusal: Refusal,
        in_window: u64,
        expected: Option<f64>,
        finals: &Finals,
    ) -> bool {
        let is_blind = self.needs_baseline && expected.is_none();
        if in_window < u64::from(self.options.min) || is_blind {
            return false;
        }
        let finals = finals.since(minus(refusal.time, self.options.window));
        #[expect(clippy::cast_precision_loss, reason = "counts of one minute")]
        let share = in_window as f64 / finals as f64;
        let least = match expected {
            Some(_) => self.options.share,
            None => (self.options.share * SHARE_WITHOUT_BASELINE).min(1.0),
        };
        let by_chance =
            expected.is_some_and(|mean| poisson_tail(in_window, mean) >= self.options.p);
        share >= least && !by_chance
    }

    /// Refusals expected in a window, from the hour before `until`.
    fn usual(&self, until: Timestamp, watched: &Watched) -> Option<Usual> {
        let from = self.first.max(watched.reach(until, BASELINE));
        let from = self.cut.map_or(from, |cut| from.max(cut));
        let mut seconds = watched.looked(from, until).as_secs_f64();
        let mut count = self.refusals_from_to(from, until);
        for burst in self
            .closed
            .iter()
            .rev()
            .take_while(|burst| burst.end >= from)
        {
            let (start, end) = (burst.start.max(from), burst.end.min(until));
            if end > start {
                seconds -= watched.looked(start, end).as_secs_f64();
                count = count.saturating_sub(self.refusals_from_to(start, end));
            }
        }
        // What had to go for lack of room leaves less than five minutes only where refusals are many.
        let is_known = seconds >= LEAST_BASELINE_S
            || (self.cut.is_some() && seconds >= 1.0 && count >= LEAST_OF_CUT);
        if !is_known {
            return None;
        }
        // Half an event more than were seen: a rate that was never seen is not zero.
        #[expect(clippy::cast_precision_loss, reason = "counts of one hour")]
        let rate = (count as f64 + 0.5) / seconds;
        #[expect(clippy::cast_possible_truncation, reason = "an hour")]
        let looked = Span::from_millis((seconds * 1000.0) as i64);
        Some(Usual {
            in_window: rate * self.options.window.as_secs_f64(),
            seen: (count, looked),
        })
    }

    /// Opens a burst: walks back from the trigger while earlier refusals pay for the gaps.
    fn open_at(
        &self,
        index: usize,
        trigger: Refusal,
        in_window: u64,
        usual: Option<Usual>,
    ) -> Open {
        let expected = usual.map(|usual| usual.in_window);
        let before = usual.map(|usual| usual.seen);
        let window_s = self.options.window.as_secs_f64();
        let usual = expected.unwrap_or(0.5) / window_s;
        let raised = (f64::from(self.options.min) / window_s).max(4.0 * usual);
        let gain = (raised / usual).ln();
        let cost_per_s = raised - usual;
        let floor = self.closed.last().map(|burst| burst.end);
        let least = cost_per_s * self.options.quiet.as_secs_f64();
        let (mut score, mut best, mut start) = (0.0, 0.0, index);
        let mut walked = index;
        while score > best - least
            && let Some(before) = walked.checked_sub(1)
            && let (Some(earlier), Some(later)) =
                (self.refusals.get(before), self.refusals.get(walked))
            && floor.is_none_or(|floor| earlier.time > floor)
        {
            score += gain - cost_per_s * later.time.since(earlier.time).as_secs_f64();
            walked = before;
            if score > best {
                best = score;
                start = before;
            }
        }
        let first = self.refusals.get(start).copied().unwrap_or(trigger);
        let mut peak = (in_window, trigger.time);
        for at in start..index {
            if let Some(refusal) = self.refusals.get(at) {
                let count = self.refusals_between(minus(refusal.time, self.options.window), at);
                peak = peak.max((count, refusal.time));
            }
        }
        let number = |index: usize| self.dropped + u64::try_from(index).unwrap_or(u64::MAX);
        Open {
            burst: Burst {
                start: first.time,
                end: trigger.time,
                count: number(index) - number(start) + 1,
                attempts: trigger.finals - first.finals + 1,
                trigger: trigger.time,
                expected,
                before,
                peak,
                open: false,
                refusals: (number(start), number(index)),
            },
            gain,
            cost_per_s,
            score: 0.0,
            best: 0.0,
            scored: trigger.time,
            peak_ahead: (0, trigger.time),
        }
    }

    /// Scores one more refusal; `None` if the burst was over before it.
    fn extend(
        &self,
        mut open: Open,
        index: usize,
        refusal: Refusal,
        in_window: u64,
        finals: &Finals,
    ) -> Option<Open> {
        if refusal.time.since(open.burst.end) > self.options.quiet {
            return None;
        }
        open.score += open.gain - open.cost_per_s * refusal.time.since(open.scored).as_secs_f64();
        open.scored = refusal.time;
        if (in_window, refusal.time) >= open.peak_ahead {
            open.peak_ahead = (in_window, refusal.time);
        }
        if open.score > open.best {
            open.best = open.score;
            let number = self.dropped + u64::try_from(index).unwrap_or(u64::MAX);
            let first = open.burst.refusals.0;
            open.burst.attempts += refusal
                .finals
                .saturating_sub(self.finals_at(open.burst.refusals.1, finals));
            open.burst.refusals.1 = number;
            open.burst.count = number - first + 1;
            open.burst.end = refusal.time;
            open.burst.peak = open.burst.peak.max(open.peak_ahead);
        }
        Some(open)
    }

    /// Finals up to and with the refusal of this number.
    fn finals_at(&self, number: u64, finals: &Finals) -> u64 {
        usize::try_from(number.saturating_sub(self.dropped))
            .ok()
            .and_then(|index| self.refusals.get(index))
            .map_or(finals.count, |refusal| refusal.finals)
    }

    /// Refusals from `from` to `to`, both included.
    fn refusals_from_to(&self, from: Timestamp, to: Timestamp) -> u64 {
        let first = self.refusals.partition_point(|refusal| refusal.time < from);
        let behind = self.refusals.partition_point(|refusal| refusal.time <= to);
        u64::try_from(behind.saturating_sub(first)).unwrap_or(u64::MAX)
    }

    /// Refusals after `from`, up to and with the one at `index`.
    fn refusals_between(&self, from: Timestamp, index: usize) -> u64 {
        let first = self
            .refusals
            .partition_point(|refusal| refusal.time <= from);
        // Those at the same moment belong to the window too.
        let now = self
            .refusals
            .get(index)
            .map(|refusal| refusal.time)
            .unwrap_or_default();
        let last = self.refusals.partition_point(|refusal| refusal.time <= now);
        u64::try_from(last.saturating_sub(first)).unwrap_or(u64::MAX)
    }

    /// Lets go of what neither window nor baseline needs.
    fn forget(&mut self, watched: &Watched) {
        let Some(now) = self.refusals.back().map(|refusal| refusal.time) else {
            return;
        };
        let from = watched.reach(minus(now, self.options.window), BASELINE);
        let keep_from = match &self.open {
            Some(open) => from.min(open.burst.start),
            None => from,
        };
        while self
            .refusals
            .front()
            .is_some_and(|refusal| refusal.time < keep_from)
        {
            self.refusals.pop_front();
            self.dropped += 1;
        }
    }
}

fn minus(time: Timestamp, span: Span) -> Timestamp {
    time.plus(Span::from_nanos(span.nanos().saturating_neg()))
}

/// P(X ≥ `count`) for a Poisson variable of mean `mean` > 0, summed upward in log space.
pub(super) fn poisson_tail(count: u64, mean: f64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "counts of one minute")]
    let n = count as f64;
    let mut term = (-mean + n * mean.ln() - ln_factorial(n)).exp();
    let (mut sum, mut k) = (0.0, n);
    while term > 1e-300 && k < n + 400.0 {
        sum += term;
        k += 1.0;
        term *= mean / k;
    }
    sum
}

/// ln(n!): exact sums while that is cheap, Stirling's series beyond (error under 1e-10).
fn ln_factorial(n: f64) -> f64 {
    if n < 64.0 {
        let mut sum = 0.0;
        let mut k = 2.0;
        while k <= n {
            sum += f64::ln(k);
            k += 1.0;
        }
        return sum;
    }
    let tau = std::f64::consts::TAU;
    n * n.ln() - n + 0.5 * (tau * n).ln() + 1.0 / (12.0 * n) - 1.0 / (360.0 * n.powi(3))
}

/// A rate per window as a rate per minute.
pub fn per_minute(per_window: f64, window: Span) -> f64 {
    per_window * 60.0 / window.as_secs_f64().max(1e-9)
}

#[cfg(test)]
#[path = "burst/tests.rs"]
mod tests;
