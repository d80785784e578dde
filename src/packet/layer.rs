//! `Layer`: reading and narrowing the bytes of one layer.
//!
//! In: a [`Layer`]. Out: numbers, inner layers, and whether it may be what a tunnel's head says.

use super::Layer;

impl<'a> Layer<'a> {
    /// What lies behind a header of `len` bytes.
    #[inline]
    pub(super) fn skip(self, len: usize) -> Option<Self> {
        Some(Self {
            bytes: self.bytes.get(len..)?,
            wire: self.wire.saturating_sub(len),
        })
    }

    /// The first `wire` bytes of it; as many as were captured of them.
    #[inline]
    pub(super) fn cut(self, wire: usize) -> Self {
        Self {
            bytes: self.bytes.get(..wire).unwrap_or(self.bytes),
            wire,
        }
    }

    /// Bytes of it are missing.
    #[inline]
    pub(super) const fn is_snapped(self) -> bool {
        self.bytes.len() < self.wire
    }

    /// The `N` bytes at `at`.
    #[inline]
    pub(super) fn array<const N: usize>(self, at: usize) -> Option<&'a [u8; N]> {
        self.bytes.get(at..)?.first_chunk::<N>()
    }

    /// The number at `at`, most significant byte first.
    #[inline]
    pub(super) fn u16_be(self, at: usize) -> Option<u16> {
        self.array(at).map(|bytes| u16::from_be_bytes(*bytes))
    }

    /// The number at `at`, least significant byte first.
    pub(super) fn u16_le(self, at: usize) -> Option<u16> {
        self.array(at).map(|bytes| u16::from_le_bytes(*bytes))
    }

    /// Whether it can be an IP packet: version, and lengths that fit. Of one cut by the snap
    /// length the version must do.
    pub(super) fn is_ip(self) -> bool {
        match *self.bytes {
            [first @ 0x45..=0x4f, _, high, low, ..] if self.bytes.len() >= 20 => {
                let total = usize::from(u16::from_be_bytes([high, low]));
                let head = usize::from(first & 0x0f) * 4;
                // 0 where the network card was to fill it in.
                total == 0 || (head..=self.wire).contains(&total)
            }
            [0x60..=0x6f, _, _, _, high, low, ..] if self.bytes.len() >= 40 => {
                40 + usize::from(u16::from_be_bytes([high, low])) <= self.wire
            }
            [0x45..=0x4f | 0x60..=0x6f, ..] | [] => self.is_snapped(),
            _ => false,
        }
    }

    /// Whether it can be an Ethernet frame with something of the Internet in it, or cut by the
    /// snap length before that shows.
    pub(super) fn is_ethernet(self) -> bool {
        match self.u16_be(12) {
            Some(0x0800 | 0x86dd) => self.skip(14).is_some_and(Self::is_ip),
            // ARP, VLAN tags, PPPoE, MPLS.
            Some(0x0806 | 0x8100 | 0x88a8 | 0x8863 | 0x8864 | 0x8847 | 0x8848) => true,
            Some(_) => false,
            None => self.is_snapped(),
        }
    }
}
