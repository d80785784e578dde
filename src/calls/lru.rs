//! A slab whose entries are linked by last use, so that giving up the oldest costs O(1).

/// A place in the slab; used again once its entry is gone.
pub(super) type Slot = u32;

const NONE: Slot = Slot::MAX;

/// Entries in order of last use.
#[derive(Debug)]
pub(super) struct Lru<T> {
    entries: Vec<Entry<T>>,
    free: Vec<Slot>,
    oldest: Slot,
    newest: Slot,
    len: usize,
}

#[derive(Debug)]
struct Entry<T> {
    value: Option<T>,
    older: Slot,
    newer: Slot,
}

impl<T> Default for Lru<T> {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            free: Vec::new(),
            oldest: NONE,
            newest: NONE,
            len: 0,
        }
    }
}

impl<T> Lru<T> {
    /// How many entries there are.
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// Adds `value` as the newest. Slots are below `u32::MAX`: the caller's cap is.
    pub(super) fn insert(&mut self, value: T) -> Slot {
        let entry = Entry {
            value: Some(value),
            older: NONE,
            newer: NONE,
        };
        let slot = match self.free.pop() {
            Some(slot) => {
                if let Some(place) = self.at_mut(slot) {
                    *place = entry;
                }
                slot
            }
            None => {
                // Entries are large, and there may be many: doubling would waste half of them.
                if self.entries.len() == self.entries.capacity() {
                    self.entries.reserve_exact((self.entries.len() / 8).max(64));
                }
                self.entries.push(entry);
                Slot::try_from(self.entries.len() - 1).unwrap_or(NONE)
            }
        };
        self.len += 1;
        self.link_newest(slot);
        slot
    }

    /// The entry in `slot`.
    pub(super) fn get_mut(&mut self, slot: Slot) -> Option<&mut T> {
        self.at_mut(slot).and_then(|entry| entry.value.as_mut())
    }

    /// Makes the entry the newest.
    pub(super) fn touch(&mut self, slot: Slot) {
        if self.newest != slot {
            self.unlink(slot);
            self.link_newest(slot);
        }
    }

    /// Takes the entry out.
    pub(super) fn remove(&mut self, slot: Slot) -> Option<T> {
        let value = self.at_mut(slot)?.value.take()?;
        self.unlink(slot);
        self.free.push(slot);
        self.len -= 1;
        Some(value)
    }

    /// The least recently used entry's slot.
    pub(super) fn oldest(&self) -> Option<Slot> {
        (self.oldest != NONE).then_some(self.oldest)
    }

    fn at_mut(&mut self, slot: Slot) -> Option<&mut Entry<T>> {
        self.entries.get_mut(usize::try_from(slot).ok()?)
    }

    fn unlink(&mut self, slot: Slot) {
        let Some(entry) = self.at_mut(slot) else {
            return;
        };
        let (older, newer) = (entry.older, entry.newer);
        match self.at_mut(older) {
            Some(entry) => entry.newer = newer,
            None => self.oldest = newer,
        }
        match self.at_mut(newer) {
            Some(entry) => entry.older = older,
            None => self.newest = older,
        }
    }

    fn link_newest(&mut self, slot: Slot) {
        let newest = self.newest;
        if let Some(entry) = self.at_mut(slot) {
            entry.older = newest;
            entry.newer = NONE;
        }
        match self.at_mut(newest) {
            Some(entry) => entry.newer = slot,
            None => self.oldest = slot,
        }
        self.newest = slot;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_is_the_oldest() {
        let mut lru = Lru::default();
        let [a, b, c] = ["a", "b", "c"].map(|value| lru.insert(value));
        lru.touch(a);
        assert_eq!(lru.oldest(), Some(b));
        assert_eq!(lru.remove(b), Some("b"));
        assert_eq!(lru.oldest(), Some(c));
        lru.touch(c);
        assert_eq!(lru.oldest(), Some(a));
        assert_eq!(lru.len(), 2);
    }

    #[test]
    fn a_removed_slot_is_used_again() {
        let mut lru = Lru::default();
        let a = lru.insert(1);
        lru.remove(a);
        assert_eq!(lru.get_mut(a), None);
        assert_eq!(lru.oldest(), None);
        assert_eq!(lru.insert(2), a);
        assert_eq!(lru.oldest(), Some(a));
    }
}
