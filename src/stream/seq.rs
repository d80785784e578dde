//! `SeqNo`: a TCP sequence number, which wraps.
//!
//! Two numbers can only be compared while they lie less than half the circle apart, so there is
//! no `Ord`: the distance is the only question.
//!
//! # References
//! - RFC 9293 §3.4 (arithmetic modulo 2^32)

/// A sequence number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SeqNo(u32);

impl SeqNo {
    /// The number as it stands in the header.
    pub const fn new(raw: u32) -> Self {
        Self(raw)
    }

    /// The number `count` bytes later.
    #[must_use]
    pub const fn plus(self, count: u32) -> Self {
        Self(self.0.wrapping_add(count))
    }

    /// How far `self` lies behind `earlier` in the stream; negative where it lies before it.
    pub fn since(self, earlier: Self) -> i64 {
        i64::from(self.0.wrapping_sub(earlier.0).cast_signed())
    }

    /// The same as an unsigned distance; 0 where `self` lies before `earlier`.
    pub fn bytes_since(self, earlier: Self) -> usize {
        usize::try_from(self.since(earlier)).unwrap_or(0)
    }

    /// Whether `self` stands before `other` in the stream.
    pub fn is_before(self, other: Self) -> bool {
        self.since(other) < 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_crosses_the_wrap() {
        assert_eq!(SeqNo::new(5).since(SeqNo::new(u32::MAX - 4)), 10);
        assert_eq!(SeqNo::new(u32::MAX - 4).since(SeqNo::new(5)), -10);
    }

    #[test]
    fn sum_wraps() {
        assert_eq!(SeqNo::new(u32::MAX).plus(2), SeqNo::new(1));
    }

    #[test]
    fn order_is_of_the_stream_not_of_the_number() {
        assert!(SeqNo::new(u32::MAX).is_before(SeqNo::new(0)));
        assert!(!SeqNo::new(0).is_before(SeqNo::new(u32::MAX)));
        assert!(!SeqNo::new(7).is_before(SeqNo::new(7)));
    }

    #[test]
    fn unsigned_distance_never_goes_below_nothing() {
        assert_eq!(SeqNo::new(1).bytes_since(SeqNo::new(9)), 0);
        assert_eq!(SeqNo::new(9).bytes_since(SeqNo::new(1)), 8);
    }
}
