//! `Table`: what waits for its other pieces, and which of it began first.
//!
//! In: entries with their keys and times. Out: the same, by key or the oldest. Capped by the
//! caller, who takes the oldest out.

use std::collections::VecDeque;
use std::hash::Hash;

use rustc_hash::FxHashMap;

use crate::units::Timestamp;

/// A map of which the oldest entry can be found.
///
/// Invariant: each entry's key stands in `order` with the entry's serial number; other entries of
/// `order` are stale, and less than half of it.
#[derive(Debug)]
pub(super) struct Table<K, T> {
    entries: FxHashMap<K, (u64, Timestamp, T)>,
    order: VecDeque<(K, u64)>,
    serial: u64,
}

impl<K: Copy + Eq + Hash, T> Table<K, T> {
    /// An empty one.
    pub(super) fn new() -> Self {
        Self {
            entries: FxHashMap::default(),
            order: VecDeque::new(),
            serial: 0,
        }
    }

    /// Entries.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it has no entries.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The entry of a key.
    pub(super) fn get_mut(&mut self, key: &K) -> Option<&mut T> {
        self.entries.get_mut(key).map(|(_, _, entry)| entry)
    }

    /// Adds an entry under a key that has none.
    pub(super) fn insert(&mut self, key: K, time: Timestamp, entry: T) {
        if self.order.len() > 2 * self.entries.len() + 16 {
            let entries = &self.entries;
            self.order
                .retain(|(key, serial)| entries.get(key).is_some_and(|entry| entry.0 == *serial));
        }
        self.serial += 1;
        self.entries.insert(key, (self.serial, time, entry));
        self.order.push_back((key, self.serial));
    }

    /// Takes an entry out.
    pub(super) fn remove(&mut self, key: &K) -> Option<T> {
        self.entries.remove(key).map(|(_, _, entry)| entry)
    }

    /// When the oldest entry was made.
    pub(super) fn oldest(&mut self) -> Option<Timestamp> {
        while let Some((key, serial)) = self.order.front() {
            match self.entries.get(key) {
                Some((live, time, _)) if live == serial => return Some(*time),
                _ => self.order.pop_front(),
            };
        }
        None
    }

    /// Takes the oldest entry out.
    pub(super) fn pop_oldest(&mut self) -> Option<T> {
        self.oldest()?;
        let (key, _) = self.order.pop_front()?;
        self.remove(&key)
    }

    /// Entries of the queue, stale ones among them.
    #[cfg(test)]
    pub(super) fn queued(&self) -> usize {
        self.order.len()
    }
}
