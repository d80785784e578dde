//! Ticks of a capture's clock to [`Timestamp`].
//!
//! In: a count of ticks, and what `if_tsresol` and `if_tsoffset` say. Out: nanoseconds, cut (not
//! rounded) where the clock is finer, saturated where an `i64` cannot hold them.
//!
//! # References
//! - draft-ietf-opsawg-pcapng, Interface Description Block

use crate::units::{NANOS_PER_SEC, Timestamp};

/// How an interface counts time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Clock {
    scale: Scale,
    /// Nanoseconds to add to each packet's time.
    offset_ns: i64,
}

/// What turns ticks into nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scale {
    Times(u64),
    DividedBy(u64),
    /// Ticks of 2^-n s.
    Binary(u32),
}

impl Clock {
    /// From the option values. The high bit of `tsresol` says that it is a power of 2.
    pub(super) fn new(tsresol: u8, offset_secs: i64) -> Self {
        let exponent = u32::from(tsresol & 0x7f);
        let scale = if tsresol & 0x80 != 0 {
            Scale::Binary(exponent)
        } else if exponent <= 9 {
            Scale::Times(10_u64.pow(9 - exponent))
        } else {
            // Of a clock that fine not even all 64 bits of ticks make a nanosecond.
            let divisor = 10_u64.checked_pow(exponent - 9);
            divisor.map_or(Scale::Binary(127), Scale::DividedBy)
        };
        Self {
            scale,
            offset_ns: offset_secs.saturating_mul(NANOS_PER_SEC),
        }
    }

    /// The time after `ticks`.
    #[inline]
    pub(super) fn at(self, ticks: u64) -> Timestamp {
        let nanos = match self.scale {
            Scale::Times(factor) => u128::from(ticks) * u128::from(factor),
            Scale::DividedBy(divisor) => u128::from(ticks / divisor),
            Scale::Binary(bits) => (u128::from(ticks) * 1_000_000_000) >> bits,
        };
        let nanos = i64::try_from(nanos).unwrap_or(i64::MAX);
        Timestamp::from_nanos(nanos.saturating_add(self.offset_ns))
    }

    /// The ticks at `time`, cut where the clock is coarser; the other way round of [`Self::at`].
    pub(super) fn ticks(self, time: Timestamp) -> u64 {
        let nanos = time.nanos().saturating_sub(self.offset_ns);
        let nanos = u64::try_from(nanos).unwrap_or_default();
        match self.scale {
            Scale::Times(factor) => nanos.checked_div(factor).unwrap_or_default(),
            Scale::DividedBy(divisor) => nanos.saturating_mul(divisor),
            // Rounded up, because the way back cuts.
            Scale::Binary(bits) => (u128::from(nanos) << bits.min(63))
                .div_ceil(1_000_000_000)
                .try_into()
                .unwrap_or(u64::MAX),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(tsresol: u8, offset_secs: i64, ticks: u64, nanos: i64) {
        let clock = Clock::new(tsresol, offset_secs);
        assert_eq!(clock.at(ticks).nanos(), nanos, "{tsresol:#x} {ticks}");
    }

    #[test]
    fn powers_of_ten_scale_to_nanoseconds() {
        check(0, 0, 3, 3_000_000_000);
        check(6, 0, 1_700_000_000_123_456, 1_700_000_000_123_456_000);
        check(9, 0, 1_700_000_000_123_456_789, 1_700_000_000_123_456_789);
        check(12, 0, 1_234_567, 1_234);
        check(127, 0, u64::MAX, 0);
    }

    #[test]
    fn ticks_of_a_time_give_that_time_where_the_clock_can() {
        for (tsresol, offset_secs, nanos) in [
            (6, 0, 1_700_000_000_123_456_000),
            (9, 3600, 1_700_000_000_123_456_789),
            (12, 0, 1_234),
            (0, -7, 3_000_000_000),
            (0x8a, 0, 1_500_000_000),
            (0xa0, 0, 1_700_000_000_500_000_000),
            (0xbf, 0, 1_000_000_001),
        ] {
            let clock = Clock::new(tsresol, offset_secs);
            let time = Timestamp::from_nanos(nanos);
            assert_eq!(clock.at(clock.ticks(time)), time, "{tsresol:#x}");
        }
        let before_1970 = Timestamp::from_nanos(-1);
        assert_eq!(Clock::new(6, 0).ticks(before_1970), 0);
        assert_eq!(
            Clock::new(0xff, 0).ticks(Timestamp::from_nanos(1)),
            9_223_372_037
        );
    }

    #[test]
    fn powers_of_two_scale_to_nanoseconds() {
        check(0x80, 0, 7, 7_000_000_000);
        check(0x8a, 0, 1536, 1_500_000_000);
        check(0xa0, 0, 1 << 31, 500_000_000);
        check(0xff, 0, u64::MAX, 0);
    }

    #[test]
    fn offset_moves_time_both_ways_and_saturates() {
        check(6, -1, 500_000, -500_000_000);
        check(6, 3600, 0, 3_600_000_000_000);
        check(0, 0, u64::MAX, i64::MAX);
        check(0, i64::MAX, u64::MAX, i64::MAX);
        check(6, i64::MIN, 0, i64::MIN);
    }
}
