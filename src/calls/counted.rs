//! Call-IDs that are counted already: one that was silent for so long that it was forgotten is no
//! new call when it comes back.
//!
//! In: digests of Call-IDs with an INVITE. Out: whether one is new. Capped: at most
//! [`crate::limits::Limits::counted_calls`]; beyond, the older half is forgotten at once.

use std::collections::HashSet;

use rustc_hash::FxBuildHasher;

/// The calls counted last.
#[derive(Debug)]
pub(super) struct Counted {
    half: usize,
    young: HashSet<u64, FxBuildHasher>,
    old: HashSet<u64, FxBuildHasher>,
}

impl Counted {
    /// None yet; at most `cap` remembered.
    pub(super) fn new(cap: usize) -> Self {
        Self {
            half: (cap / 2).max(1),
            young: HashSet::default(),
            old: HashSet::default(),
        }
    }

    /// Remembers a call; whether it is new.
    pub(super) fn insert(&mut self, call: u64) -> bool {
        let is_new = !self.old.contains(&call) && self.young.insert(call);
        if self.young.len() >= self.half {
            self.old = std::mem::take(&mut self.young);
        }
        is_new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_new_once_and_the_latest_are_remembered() {
        let mut counted = Counted::new(8);
        let new = (0..100).filter(|call| counted.insert(*call)).count();
        assert_eq!(new, 100);
        assert!((96..100).all(|call| !counted.insert(call)));
        assert!(counted.insert(0));
        assert!(counted.young.len() + counted.old.len() <= 8);
    }
}
