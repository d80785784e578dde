//! Sample: which responses a report that shows some of them may choose from.
//!
//! In: codes, in the order of the capture. Out: whether the response is one: the first of all, and of
//! each refusal, and of what was answered and sent again, the first some. Which of them matter is known at
//! the end only, and most of a long capture is ordinary.

use rustc_hash::FxHashMap;

/// Of each kind.
const OF_EACH: u64 = 100;

/// Counts responses by kind.
#[derive(Clone, Debug)]
pub struct Sample {
    /// So many are taken whatever they are.
    first: u64,
    seen: u64,
    /// By code; 0 is an answer sent again.
    of_each: FxHashMap<u16, u64>,
}

impl Sample {
    /// The first `first`, and of each kind the first some.
    pub fn new(first: u64) -> Self {
        Self {
            first,
            seen: 0,
            of_each: FxHashMap::default(),
        }
    }

    /// Whether the next response is one.
    pub fn takes(&mut self, code: u16, retransmission: bool) -> bool {
        self.seen += 1;
        let has_room = kind(code, retransmission).is_some_and(|kind| {
            let count = self.of_each.entry(kind).or_default();
            *count += 1;
            *count <= OF_EACH
        });
        has_room || self.seen <= self.first
    }
}

/// What kind of response it is, if not an ordinary one.
fn kind(code: u16, retransmission: bool) -> Option<u16> {
    match code {
        300..=699 => Some(code),
        200..=299 if retransmission => Some(0),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_late_in_a_long_capture_is_one() {
        let mut sample = Sample::new(3);
        let taken = (0..10_000).filter(|_| sample.takes(200, false)).count();
        assert_eq!(taken, 3);
        assert!(sample.takes(438, false));
        assert!(sample.takes(200, true));
        assert!(!sample.takes(180, true));
        let refused = (0..10_000).filter(|_| sample.takes(486, false)).count();
        assert_eq!(refused as u64, OF_EACH);
    }
}
