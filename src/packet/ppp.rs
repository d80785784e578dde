//! PPP: what its protocol number names.
//!
//! In: a layer that begins with a PPP frame, with or without address and control (RFC 1662), with
//! a protocol number of two bytes or, compressed, one (RFC 1661 §6.5). Out: a step to what it
//! carries.
//!
//! # References
//! - RFC 1661, RFC 1662, RFC 1332 (IPv4), RFC 5072 (IPv6), RFC 3032 §4.3 (MPLS)

use super::Layer;
use super::link::{Head, Peeled, Step};
use crate::defect::DefectKind;

/// Passes the head of a PPP frame.
pub(super) fn step(layer: Layer<'_>) -> Step<'_> {
    let layer = match layer.bytes {
        [0xff, 3, ..] => layer.skip(2).unwrap_or(layer),
        // Framed as on a serial line, with the flag in front.
        [0x7e, 0xff, 3, ..] => layer.skip(3).unwrap_or(layer),
        _ => layer,
    };
    // The first byte of a number of two is even.
    let (number, len) = match *layer.bytes {
        // The address alone would read as a short number.
        [] | [_] if layer.is_snapped() => return Step::End(Peeled::Short),
        [low, ..] if low & 1 == 1 => (u16::from(low), 1),
        [high, low, ..] => (u16::from_be_bytes([high, low]), 2),
        _ => return Step::End(Peeled::Short),
    };
    match number {
        0x0021 | 0x0057 => match layer.skip(len) {
            Some(packet) => Step::End(Peeled::Ip(packet)),
            None => Step::End(Peeled::Short),
        },
        0x0281 | 0x0283 => Step::on(Head::Type(0x8847), layer, len),
        // Bridged Ethernet (RFC 3518): flags and MAC type before the frame.
        0x0031 => Step::on(Head::Link(1), layer, len + 2),
        0x003d => multilink(layer, len),
        0x002d | 0x002f | 0x0061 | 0x0063 | 0x0065 | 0x0067 | 0x0069 => Step::End(Peeled::Closed(
            DefectKind::Tunnel,
            "PPP frames with compressed IP headers are not opened; capture behind the PPP link",
        )),
        0x00fb | 0x00fd => Step::End(Peeled::Closed(
            DefectKind::Encrypted,
            "PPP frames are compressed or encrypted (MPPE); capture behind the PPP link",
        )),
        0x0053 | 0x0055 => Step::End(Peeled::Closed(
            DefectKind::Encrypted,
            "PPP frames are encrypted; capture behind the PPP link",
        )),
        _ => Step::End(Peeled::Other),
    }
}

/// Multilink with its long sequence numbers (RFC 1990 §3): of a packet in one piece the PPP frame.
fn multilink(layer: Layer<'_>, len: usize) -> Step<'_> {
    match layer.bytes.get(len) {
        Some(flags) if flags & 0xc0 == 0xc0 => Step::on(Head::Ppp, layer, len + 4),
        Some(_) => Step::End(Peeled::Closed(
            DefectKind::Tunnel,
            "fragments of PPP multilink are not put together; capture behind the PPP links",
        )),
        None => Step::End(Peeled::Short),
    }
}
