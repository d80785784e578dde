//! GRE, and ERSPAN in it.
//!
//! In: what IP protocol 47 carries. Out: [`Gre`].
//!
//! # References
//! - RFC 2784, RFC 2890 (key and sequence number), RFC 2637 (version 1, PPTP)
//! - draft-foschiano-erspan

use super::Layer;
use super::link::{self, ETHERNET_HEAD, Head, Peeled};
use crate::defect::DefectKind;

/// What a GRE packet holds.
pub(super) enum Gre<'a> {
    /// A frame of a link layer.
    Frame(Head, Layer<'a>),
    /// What was found in it.
    Inside(Peeled<'a>),
    /// A protocol not opened.
    Unknown(u16),
}

impl<'a> Gre<'a> {
    /// The IP packet in it.
    pub(super) fn packet(self) -> Option<Layer<'a>> {
        let peeled = match self {
            Self::Frame(head, frame) => link::climb(head, frame),
            Self::Inside(peeled) => peeled,
            Self::Unknown(_) => return None,
        };
        match peeled {
            Peeled::Ip(packet) => Some(packet),
            _ => None,
        }
    }
}

/// Opens a GRE packet.
pub(super) fn open(packet: Layer<'_>) -> Gre<'_> {
    let (Some(flags), Some(protocol)) = (packet.u16_be(0), packet.u16_be(2)) else {
        return Gre::Inside(Peeled::Short);
    };
    let (has_checksum, has_routing) = (flags & 0x8000 != 0, flags & 0x4000 != 0);
    let (has_key, has_sequence) = (flags & 0x2000 != 0, flags & 0x1000 != 0);
    match flags & 7 {
        0 if has_routing => Gre::Inside(Peeled::Closed(
            DefectKind::Tunnel,
            "GRE with source routes (RFC 1701) is not opened; capture in front of the tunnel, or behind it",
        )),
        0 => {
            let len = 4 + [has_checksum, has_key, has_sequence]
                .map(|has| if has { 4 } else { 0 })
                .iter()
                .sum::<usize>();
            match packet.skip(len) {
                Some(inner) => named(protocol, has_sequence, inner),
                None => Gre::Inside(Peeled::Short),
            }
        }
        // The key's upper half is the payload's length; without a sequence number there is none.
        1 if protocol == 0x880b && has_key => {
            if !has_sequence {
                return Gre::Inside(Peeled::Other);
            }
            let len = if flags & 0x0080 != 0 { 16 } else { 12 };
            match (packet.u16_be(4), packet.skip(len)) {
                (Some(payload_len), Some(inner)) => {
                    let frame = inner.cut(usize::from(payload_len).min(inner.wire));
                    Gre::Frame(Head::Ppp, frame)
                }
                _ => Gre::Inside(Peeled::Short),
            }
        }
        // MikroTik's Ethernet over IP: the payload's length and the tunnel's number as the key.
        1 if protocol == 0x6400 && has_key => match (packet.u16_be(4), packet.skip(8)) {
            // Keep-alives are empty.
            (Some(0), _) => Gre::Inside(Peeled::Other),
            (Some(len), Some(inner)) => {
                let frame = inner.cut(usize::from(len).min(inner.wire));
                Gre::Frame(ETHERNET_HEAD, frame)
            }
            _ => Gre::Inside(Peeled::Short),
        },
        _ => Gre::Unknown(protocol),
    }
}

fn named(protocol: u16, has_sequence: bool, inner: Layer<'_>) -> Gre<'_> {
    let ethernet = |head_len: usize| match inner.skip(head_len) {
        Some(frame) => Gre::Frame(ETHERNET_HEAD, frame),
        None => Gre::Inside(Peeled::Short),
    };
    match protocol {
        0x0800 | 0x86dd | 0x6558 | 0x880b | 0x8847 | 0x8848 | 0x8100 | 0x88a8 | 0x894f => {
            Gre::Frame(Head::Type(protocol), inner)
        }
        // ERSPAN type II has a head and a sequence number, type I neither.
        0x88be if has_sequence => ethernet(8),
        0x88be => ethernet(0),
        0x22eb => {
            let Some(&[.., kind, flags]) = inner.array::<12>(0) else {
                return Gre::Inside(Peeled::Short);
            };
            let head_len = if flags & 1 == 0 { 12 } else { 20 };
            match (kind >> 2) & 0x1f {
                0 => ethernet(head_len),
                2 => match inner.skip(head_len) {
                    Some(packet) => Gre::Inside(Peeled::Ip(packet)),
                    None => Gre::Inside(Peeled::Short),
                },
                _ => Gre::Unknown(protocol),
            }
        }
        // Web cache redirection: four bytes before the packet, or none.
        0x883e => match inner.skip(4) {
            _ if inner.is_ip() => Gre::Inside(Peeled::Ip(inner)),
            Some(packet) if packet.is_ip() => Gre::Inside(Peeled::Ip(packet)),
            _ => Gre::Unknown(protocol),
        },
        // 802.11 frames between Aruba's access points and controllers; sixteen numbers apart, one
        // a queue.
        0x8200..=0x83f0 if protocol.trailing_zeros() >= 4 => Gre::Frame(Head::Link(105), inner),
        // Keep-alives, Cisco discovery, next hop resolution, ARP, IS-IS: nobody's call.
        0 | 0x00fe | 0x2000 | 0x2001 | 0x0806 => Gre::Inside(Peeled::Other),
        _ => Gre::Unknown(protocol),
    }
}
