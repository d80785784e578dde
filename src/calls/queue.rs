//! `Queue`: which call is to be looked at when.
//!
//! In: places with the elapsed time at which each is due. Out: those that are due, the earliest
//! first, of one time the lowest place first. A place may be in it several times; the caller tells
//! which of its entries still stands.
//!
//! What is due in this second lies in a heap; what is due later waits by the second, since most of
//! it will not stand any more by then, and a heap of all is slow to take from.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use super::lru::Slot;
use crate::units::{NANOS_PER_SEC, Span};

/// A place and when it is due.
type Entry = (Span, Slot);

/// Places by the time at which they are due.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// What is due before `until`.
    near: BinaryHeap<Reverse<Entry>>,
    /// What is due later, by the second.
    far: BTreeMap<i64, Vec<Entry>>,
    /// The end of the second in which something was last asked for.
    until: Span,
    len: usize,
}

impl Queue {
    /// How many entries there are.
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// `slot` is due at `due`.
    pub(super) fn push(&mut self, due: Span, slot: Slot) {
        self.len += 1;
        if due < self.until {
            self.near.push(Reverse((due, slot)));
        } else {
            self.far.entry(second(due)).or_default().push((due, slot));
        }
    }

    /// Takes out the first entry that is due at `elapsed`, which does not go back.
    #[inline]
    pub(super) fn pop(&mut self, elapsed: Span) -> Option<Entry> {
        if elapsed >= self.until {
            self.go_on(elapsed);
        }
        let &Reverse(first) = self.near.peek()?;
        if first.0 > elapsed {
            return None;
        }
        self.near.pop();
        self.len -= 1;
        Some(first)
    }

    /// Begins the second of `elapsed`.
    #[cold]
    fn go_on(&mut self, elapsed: Span) {
        let now = second(elapsed);
        while let Some(bucket) = self.far.first_entry()
            && *bucket.key() <= now
        {
            self.near.extend(bucket.remove().into_iter().map(Reverse));
        }
        let end = now.saturating_add(1).saturating_mul(NANOS_PER_SEC);
        self.until = Span::from_nanos(end);
    }

    /// Keeps one of each of the entries that `stands` is true of.
    pub(super) fn retain(&mut self, mut stands: impl FnMut(Entry) -> bool) {
        let mut clean = |entries: &mut Vec<Entry>| {
            entries.retain(|entry| stands(*entry));
            entries.sort_unstable();
            entries.dedup();
        };
        let near = std::mem::take(&mut self.near).into_iter();
        let mut near: Vec<Entry> = near.map(|Reverse(entry)| entry).collect();
        clean(&mut near);
        self.near = near.into_iter().map(Reverse).collect();
        self.far.retain(|_, entries| {
            clean(entries);
            !entries.is_empty()
        });
        self.len = self.near.len() + self.far.values().map(Vec::len).sum::<usize>();
    }
}

const fn second(time: Span) -> i64 {
    time.nanos().div_euclid(NANOS_PER_SEC)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(millis: i64) -> Span {
        Span::from_millis(millis)
    }

    #[test]
    fn what_is_due_comes_in_order_and_nothing_before_its_time() {
        let mut queue = Queue::default();
        for (due, slot) in [(2500, 1), (1200, 2), (1200, 0), (900, 4), (70_000, 5)] {
            queue.push(millis(due), slot);
        }
        assert_eq!(queue.pop(millis(899)), None);
        assert_eq!(queue.pop(millis(1200)), Some((millis(900), 4)));
        // Due at once, though later ones of the same second are waiting.
        queue.push(millis(1100), 3);
        let rest: Vec<_> = std::iter::from_fn(|| queue.pop(millis(1200))).collect();
        assert_eq!(
            rest,
            [(millis(1100), 3), (millis(1200), 0), (millis(1200), 2)]
        );
        assert_eq!(queue.pop(millis(69_999)), Some((millis(2500), 1)));
        assert_eq!(queue.pop(millis(69_999)), None);
        assert_eq!(queue.len(), 1);
        assert_eq!(queue.pop(millis(70_000)), Some((millis(70_000), 5)));
        assert_eq!(queue.len(), 0);
    }

    #[test]
    fn a_time_that_does_not_come_is_no_trouble() {
        let mut queue = Queue::default();
        let never = Span::from_nanos(i64::MAX);
        queue.push(never, 0);
        assert_eq!(queue.pop(millis(1)), None);
        assert_eq!(queue.pop(never), Some((never, 0)));
    }

    #[test]
    fn only_what_stands_is_kept_and_once() {
        let mut queue = Queue::default();
        assert_eq!(queue.pop(millis(500)), None);
        for due in [600, 600, 700, 5000, 5000, 9000] {
            queue.push(millis(due), 7);
        }
        queue.retain(|(due, _)| due != millis(700) && due != millis(9000));
        assert_eq!(queue.len(), 2);
        let rest: Vec<_> = std::iter::from_fn(|| queue.pop(millis(9999))).collect();
        assert_eq!(rest, [(millis(600), 7), (millis(5000), 7)]);
    }
}
