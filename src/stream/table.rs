//! `Table`: the connections followed at once, and which of them to give up first.
//!
//! A slab of slots with an intrusive hash chain and two intrusive lists by last use: one of the
//! connections somebody wants, one of the others. Every operation is O(1) beside the chain.
//! Always: a slot in use stands in exactly one chain and one list. Capped: the number of slots;
//! when they are all in use the caller removes [`Table::oldest`], which prefers a connection that
//! nobody wants: a flood of SYNs does not push SIP out.

use std::hash::{Hash, Hasher};

use rustc_hash::FxHasher;

use crate::units::{Endpoint, Flow};

/// No slot.
const NIL: u32 = u32::MAX;

/// Both sockets of a connection, the smaller first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    low: Endpoint,
    high: Endpoint,
}

/// Which side of a connection sent something: `false` the smaller socket.
pub(super) type Side = bool;

impl Key {
    /// The connection `flow` belongs to, and which side sent it.
    pub(super) fn new(flow: &Flow) -> (Self, Side) {
        if flow.src <= flow.dst {
            (
                Self {
                    low: flow.src,
                    high: flow.dst,
                },
                false,
            )
        } else {
            (
                Self {
                    low: flow.dst,
                    high: flow.src,
                },
                true,
            )
        }
    }

    /// The sockets as sender and receiver of `side`.
    pub(super) const fn ends(&self, side: Side) -> (Endpoint, Endpoint) {
        if side {
            (self.high, self.low)
        } else {
            (self.low, self.high)
        }
    }
}

/// A slot's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SlotNo(u32);

#[derive(Debug)]
struct Slot<T> {
    /// `None`: free.
    entry: Option<(Key, T)>,
    /// The next slot of the same bucket, or the next free slot.
    chain: u32,
    newer: u32,
    older: u32,
    wanted: bool,
}

/// One list by last use.
#[derive(Clone, Copy, Debug)]
struct List {
    newest: u32,
    oldest: u32,
}

/// The table.
#[derive(Debug)]
pub(super) struct Table<T> {
    slots: Vec<Slot<T>>,
    /// First slot of each bucket; the length is a power of two.
    buckets: Vec<u32>,
    free: u32,
    used: usize,
    cap: usize,
    idle: List,
    wanted: List,
}

impl<T> Table<T> {
    /// A table for `cap` connections (at least one).
    pub(super) fn new(cap: usize) -> Self {
        let cap = cap.clamp(1, 1 << 30);
        let empty = List {
            newest: NIL,
            oldest: NIL,
        };
        Self {
            slots: Vec::new(),
            buckets: vec![NIL; cap.next_power_of_two()],
            free: NIL,
            used: 0,
            cap,
            idle: empty,
            wanted: empty,
        }
    }

    /// Whether a slot must be removed before the next insertion.
    pub(super) const fn is_full(&self) -> bool {
        self.used >= self.cap
    }

    /// The slot of `key`.
    pub(super) fn find(&self, key: &Key) -> Option<SlotNo> {
        let mut at = self.buckets.get(self.bucket(key)).copied().unwrap_or(NIL);
        while let Some(slot) = self.slot(at) {
            if slot.entry.as_ref().is_some_and(|(its, _)| its == key) {
                return Some(SlotNo(at));
            }
            at = slot.chain;
        }
        None
    }

    /// A new slot for `key`, which must not be in the table; `None` if the table is full.
    pub(super) fn insert(&mut self, key: Key, value: T) -> Option<SlotNo> {
        if self.is_full() {
            return None;
        }
        let bucket = self.bucket(&key);
        let chain = self.buckets.get(bucket).copied().unwrap_or(NIL);
        let slot = Slot {
            entry: Some((key, value)),
            chain,
            newer: NIL,
            older: NIL,
            wanted: false,
        };
        let at = if self.free == NIL {
            let at = u32::try_from(self.slots.len()).ok()?;
            self.slots.push(slot);
            at
        } else {
            let at = self.free;
            self.free = self.slot(at).map_or(NIL, |free| free.chain);
            if let Some(free) = self.slot_mut(at) {
                *free = slot;
            }
            at
        };
        if let Some(head) = self.buckets.get_mut(bucket) {
            *head = at;
        }
        self.used += 1;
        self.link(at);
        Some(SlotNo(at))
    }

    /// The connection in a slot.
    pub(super) fn get_mut(&mut self, at: SlotNo) -> Option<(&Key, &mut T)> {
        let (key, value) = self.slot_mut(at.0)?.entry.as_mut()?;
        Some((key, value))
    }

    /// The connection was used just now, and is wanted or not.
    pub(super) fn touch(&mut self, at: SlotNo, wanted: bool) {
        let Some(slot) = self.slot(at.0) else { return };
        if slot.wanted == wanted && slot.newer == NIL {
            return;
        }
        self.unlink(at.0);
        if let Some(slot) = self.slot_mut(at.0) {
            slot.wanted = wanted;
        }
        self.link(at.0);
    }

    /// The slot to give up first: the least recently used that nobody wants, else the least
    /// recently used.
    pub(super) const fn oldest(&self) -> Option<SlotNo> {
        if self.idle.oldest != NIL {
            Some(SlotNo(self.idle.oldest))
        } else if self.wanted.oldest != NIL {
            Some(SlotNo(self.wanted.oldest))
        } else {
            None
        }
    }

    /// Empties a slot.
    pub(super) fn remove(&mut self, at: SlotNo) -> Option<(Key, T)> {
        let key = self.slot(at.0)?.entry.as_ref()?.0;
        self.unlink(at.0);
        let bucket = self.bucket(&key);
        let after = self.slot(at.0).map_or(NIL, |slot| slot.chain);
        let mut before = self.buckets.get(bucket).copied().unwrap_or(NIL);
        if before == at.0 {
            if let Some(head) = self.buckets.get_mut(bucket) {
                *head = after;
            }
        } else {
            while let Some(slot) = self.slot_mut(before) {
                if slot.chain == at.0 {
                    slot.chain = after;
                    break;
                }
                before = slot.chain;
            }
        }
        let free = self.free;
        let slot = self.slot_mut(at.0)?;
        slot.chain = free;
        let entry = slot.entry.take();
        self.free = at.0;
        self.used -= 1;
        entry
    }

    fn bucket(&self, key: &Key) -> usize {
        let mut hasher = FxHasher::default();
        key.hash(&mut hasher);
        let mask = self.buckets.len() - 1;
        usize::try_from(hasher.finish() & u64::try_from(mask).unwrap_or(0)).unwrap_or(0)
    }

    fn slot(&self, at: u32) -> Option<&Slot<T>> {
        self.slots.get(usize::try_from(at).ok()?)
    }

    fn slot_mut(&mut self, at: u32) -> Option<&mut Slot<T>> {
        self.slots.get_mut(usize::try_from(at).ok()?)
    }

    const fn list_mut(&mut self, wanted: bool) -> &mut List {
        if wanted {
            &mut self.wanted
        } else {
            &mut self.idle
        }
    }

    /// Puts a slot that is in no list at the new end of its list.
    fn link(&mut self, at: u32) {
        let Some(wanted) = self.slot(at).map(|slot| slot.wanted) else {
            return;
        };
        let list = self.list_mut(wanted);
        let older = list.newest;
        list.newest = at;
        if older == NIL {
            list.oldest = at;
        }
        if let Some(slot) = self.slot_mut(older) {
            slot.newer = at;
        }
        if let Some(slot) = self.slot_mut(at) {
            slot.newer = NIL;
            slot.older = older;
        }
    }

    fn unlink(&mut self, at: u32) {
        let Some((newer, older, wanted)) = self
            .slot(at)
            .map(|slot| (slot.newer, slot.older, slot.wanted))
        else {
            return;
        };
        match self.slot_mut(newer) {
            Some(slot) => slot.older = older,
            None => self.list_mut(wanted).newest = older,
        }
        match self.slot_mut(older) {
            Some(slot) => slot.newer = newer,
            None => self.list_mut(wanted).oldest = newer,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Transport;
    use std::net::{IpAddr, Ipv4Addr};

    fn key(port: u16) -> Key {
        let addr = IpAddr::V4(Ipv4Addr::LOCALHOST);
        Key::new(&Flow {
            src: Endpoint::new(addr, port),
            dst: Endpoint::new(addr, 1),
            transport: Transport::Tcp,
        })
        .0
    }

    /// Inserts, giving up the oldest where needed.
    fn put(table: &mut Table<u16>, port: u16) -> SlotNo {
        if table.is_full() {
            let oldest = table.oldest().unwrap();
            table.remove(oldest);
        }
        table.insert(key(port), port).unwrap()
    }

    fn present(table: &Table<u16>, ports: &[u16]) -> Vec<u16> {
        ports
            .iter()
            .copied()
            .filter(|port| table.find(&key(*port)).is_some())
            .collect()
    }

    #[test]
    fn both_directions_have_one_key() {
        let addr = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let flow = Flow {
            src: Endpoint::new(addr, 9),
            dst: Endpoint::new(addr, 1),
            transport: Transport::Tcp,
        };
        let (one, side) = Key::new(&flow);
        let (other, other_side) = Key::new(&flow.reversed());
        assert_eq!(one, other);
        assert_ne!(side, other_side);
        assert_eq!(one.ends(side), (flow.src, flow.dst));
    }

    #[test]
    fn least_recently_used_goes_first() {
        let mut table = Table::new(3);
        let first = put(&mut table, 10);
        put(&mut table, 11);
        put(&mut table, 12);
        table.touch(first, false);
        put(&mut table, 13);
        assert_eq!(present(&table, &[10, 11, 12, 13]), [10, 12, 13]);
    }

    #[test]
    fn what_is_wanted_outlives_what_is_not() {
        let mut table = Table::new(3);
        let wanted = put(&mut table, 10);
        table.touch(wanted, true);
        for port in 100..200 {
            put(&mut table, port);
        }
        assert_eq!(present(&table, &[10, 197, 198, 199]), [10, 198, 199]);
    }

    #[test]
    fn wanted_slots_are_given_up_when_there_are_no_others() {
        let mut table = Table::new(2);
        for port in 10..13 {
            let slot = put(&mut table, port);
            table.touch(slot, true);
        }
        assert_eq!(present(&table, &[10, 11, 12]), [11, 12]);
    }

    #[test]
    fn a_full_table_takes_nothing() {
        let mut table = Table::new(1);
        put(&mut table, 10);
        assert_eq!(table.insert(key(11), 11), None);
    }

    #[test]
    fn ten_thousand_insertions_stay_under_the_cap() {
        let mut table = Table::new(16);
        for port in 1000..11_000 {
            put(&mut table, port);
        }
        assert_eq!(table.slots.len(), 16);
        let ports: Vec<u16> = (1000..11_000).collect();
        assert_eq!(
            present(&table, &ports),
            (10_984..11_000).collect::<Vec<u16>>()
        );
    }
}
