//! Tables: the hash tables of the rules.
//!
//! Their keys are what strangers choose, so they are hashed with a secret that is drawn when the
//! program starts; nothing that is told depends on their order. Always: a table that holds as many
//! as its cap allows does not grow.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

/// A hash table.
pub(super) type Table<K, V> = HashMap<K, V, foldhash::fast::RandomState>;

/// A set.
pub(super) type Set<K> = HashSet<K, foldhash::fast::RandomState>;

/// What stands under `key`, made if there is nothing yet and fewer than `cap` are there.
pub(super) fn place<K: Eq + Hash, V: Default>(
    table: &mut Table<K, V>,
    key: K,
    cap: usize,
) -> Option<&mut V> {
    // An entry is made room for before it is known whether it is new.
    if table.len() < cap {
        Some(table.entry(key).or_default())
    } else {
        table.get_mut(&key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_table_knows_what_it_has_and_takes_no_more() {
        let mut table: Table<u32, u32> = Table::default();
        for key in [1, 2, 1, 3, 2] {
            if let Some(count) = place(&mut table, key, 2) {
                *count += 1;
            }
        }
        assert_eq!(
            (table.get(&1), table.get(&2), table.len()),
            (Some(&2), Some(&2), 2)
        );
    }
}
