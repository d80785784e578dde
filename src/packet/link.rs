//! Link layers: where in a frame the IP packet begins.
//!
//! In: a frame's bytes and link type. Out: [`Peeled`]. VLAN tags are passed, at most
//! [`MAX_NESTING`] of them.
//!
//! # References
//! - <https://www.tcpdump.org/linktypes.html>
//! - IEEE 802.1Q, IEEE 802.1ad

use super::{Layer, MAX_NESTING};
use crate::capture::LinkType;

/// What a frame holds.
pub(super) enum Peeled<'a> {
    /// An IP packet, of the version its first byte says.
    Ip(Layer<'a>),
    /// Something else (ARP, LLDP, spanning tree, …).
    Other,
    /// Less than the link layer's header.
    Short,
    /// A link type not decoded.
    Unknown,
}

/// Finds the IP packet of a frame.
#[inline]
pub(super) fn peel(link: LinkType, frame: Layer<'_>) -> Peeled<'_> {
    match link.0 {
        // Ethernet: two addresses, then the type.
        1 => behind_type(frame, 12),
        // BSD loopback: an address family in the byte order of the capturing host; OpenBSD's in
        // network byte order.
        0 | 108 => match frame.bytes.first_chunk::<4>() {
            Some(&family) => family_payload(frame, family),
            None => Peeled::Short,
        },
        // Raw IP; 12 and 14 are what some systems write for it.
        12 | 14 | 101 | 228 | 229 => Peeled::Ip(frame),
        // Linux cooked v1: the protocol is the last field of 16 bytes.
        113 => behind_type(frame, 14),
        // Linux cooked v2: the protocol is the first field of 20 bytes.
        276 => match (protocol(frame.bytes, 0), frame.skip(20)) {
            (Some(protocol), Some(payload)) => typed(protocol, payload),
            _ => Peeled::Short,
        },
        _ => Peeled::Unknown,
    }
}

/// The protocol number at `at`, and behind it what it names.
#[inline]
fn behind_type(frame: Layer<'_>, at: usize) -> Peeled<'_> {
    match (protocol(frame.bytes, at), frame.skip(at + 2)) {
        (Some(protocol), Some(payload)) => typed(protocol, payload),
        _ => Peeled::Short,
    }
}

#[inline]
fn protocol(bytes: &[u8], at: usize) -> Option<u16> {
    let bytes = bytes.get(at..)?.first_chunk::<2>()?;
    Some(u16::from_be_bytes(*bytes))
}

/// What an `EtherType` names.
#[inline]
fn typed(mut protocol_number: u16, mut payload: Layer<'_>) -> Peeled<'_> {
    for _ in 0..=MAX_NESTING {
        let (next, tag_len) = match protocol_number {
            // IPv4, IPv6.
            0x0800 | 0x86dd => return Peeled::Ip(payload),
            // 802.1Q, 802.1ad and what was used before it: tag, then the type within.
            0x8100 | 0x88a8 | 0x9100 | 0x9200 | 0x9300 => (protocol(payload.bytes, 2), 4),
            // 802.3: a length in the type's place, and LLC with SNAP before the type.
            0..0x0600 if payload.bytes.starts_with(b"\xaa\xaa\x03\0\0\0") => {
                (protocol(payload.bytes, 6), 8)
            }
            _ => return Peeled::Other,
        };
        let (Some(next), Some(inner)) = (next, payload.skip(tag_len)) else {
            return Peeled::Short;
        };
        (protocol_number, payload) = (next, inner);
    }
    Peeled::Other
}

/// What a BSD address family names. Byte order is the capturing host's: of either, one half of
/// the number is 0.
fn family_payload(frame: Layer<'_>, family: [u8; 4]) -> Peeled<'_> {
    // Some writers put an `EtherType` where the family's zeros should be.
    if matches!(family, [_, _, 0x08, 0x00] | [_, _, 0x86, 0xdd]) {
        return frame.skip(4).map_or(Peeled::Short, Peeled::Ip);
    }
    let ([family, 0, 0, 0] | [0, 0, 0, family]) = family else {
        return Peeled::Other;
    };
    match family {
        // AF_INET; AF_INET6 of Linux, of NetBSD and OpenBSD, of FreeBSD, of Darwin.
        2 | 10 | 24 | 28 | 30 => frame.skip(4).map_or(Peeled::Short, Peeled::Ip),
        _ => Peeled::Other,
    }
}

impl Layer<'_> {
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
}
