//! In order: what happened, by the time at which it happened.
//!
//! Exchanges are handed out when nothing more can change what is said of them: one without an
//! answer later than one with. A rule that counts things in a row needs them in the order of
//! their times, so they wait here until what is earlier has had its chance.
//!
//! Capped: [`crate::limits::Limits::waiting_events`]; beyond, the earliest leaves early.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use crate::units::{Span, Timestamp};

/// Things waiting for their turn.
#[derive(Debug)]
pub struct InOrder<T> {
    patience: Span,
    cap: usize,
    latest: Option<Timestamp>,
    next: u64,
    waiting: BinaryHeap<Reverse<Entry<T>>>,
}

#[derive(Debug)]
struct Entry<T> {
    time: Timestamp,
    /// Of one time, first come, first served.
    no: u64,
    what: T,
}

impl<T> PartialEq for Entry<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<T> Eq for Entry<T> {}

impl<T> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Entry<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.time, self.no).cmp(&(other.time, other.no))
    }
}

impl<T> InOrder<T> {
    /// Each waits until something `patience` later has come; at most `cap` wait.
    pub fn new(patience: Span, cap: usize) -> Self {
        Self {
            patience,
            cap,
            latest: None,
            next: 0,
            waiting: BinaryHeap::new(),
        }
    }

    /// Takes what happened at `time`; `out` gets what has waited long enough.
    pub fn push(&mut self, time: Timestamp, what: T, out: impl FnMut(Timestamp, T)) {
        let no = self.next;
        self.next += 1;
        self.waiting.push(Reverse(Entry { time, no, what }));
        self.pass(time, out);
    }

    /// Lets time pass until `now`.
    pub fn pass(&mut self, now: Timestamp, mut out: impl FnMut(Timestamp, T)) {
        let latest = self.latest.map_or(now, |latest| latest.max(now));
        self.latest = Some(latest);
        while let Some(Reverse(first)) = self.waiting.peek()
            && (latest.since(first.time) > self.patience || self.waiting.len() > self.cap)
            && let Some(Reverse(first)) = self.waiting.pop()
        {
            out(first.time, first.what);
        }
    }

    /// Hands out the rest.
    pub fn finish(&mut self, mut out: impl FnMut(Timestamp, T)) {
        while let Some(Reverse(first)) = self.waiting.pop() {
            out(first.time, first.what);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The order in which things of these seconds come out, with what waits to the end marked.
    fn check(cap: usize, pushed: &[i64], expected: &[i64], rest: &[i64]) {
        let mut order = InOrder::new(Span::from_secs(60), cap);
        let mut out = Vec::new();
        for second in pushed {
            let time = Timestamp::default().plus(Span::from_secs(*second));
            order.push(time, *second, |_, what| out.push(what));
        }
        assert_eq!(out, expected);
        out.clear();
        order.finish(|_, what| out.push(what));
        assert_eq!(out, rest);
    }

    #[test]
    fn what_comes_late_by_less_than_the_patience_is_put_in_its_place() {
        check(10, &[50, 10, 80, 111], &[10, 50], &[80, 111]);
    }

    #[test]
    fn what_comes_later_than_that_is_handed_out_at_once() {
        check(10, &[100, 10, 90], &[10], &[90, 100]);
    }

    #[test]
    fn beyond_the_cap_the_earliest_leaves_early() {
        check(2, &[5, 6, 7, 1], &[5, 1], &[6, 7]);
    }
}
