//! Heads that the recording system puts in front of a frame.
//!
//! In: a frame of such a link type. Out: a step to the frame behind the head, whose link type the
//! head or the file's link type says. Lengths that a head says are believed only as far as the
//! frame goes.
//!
//! # References
//! - <https://www.tcpdump.org/linktypes.html>
//! - Endace extensible record format, <https://www.endace.com/erf-extensible-record-format-types.pdf>
//! - `CableLabs` MULPI (DOCSIS MAC header)

use super::Layer;
use super::link::{Head, Peeled, Step, behind_type};
use crate::defect::DefectKind;

/// Passes the head of a frame of link type `number`; `None` where that is none of these.
pub(super) fn step(number: u16, frame: Layer<'_>) -> Option<Step<'_>> {
    Some(match number {
        // IPsec of BSD systems, behind decryption: family, SPI, flags.
        109 => match frame.skip(12) {
            Some(packet) => Step::End(Peeled::Ip(packet)),
            None => Step::End(Peeled::Short),
        },
        117 => packet_filter(frame),
        119 => prism(frame),
        143 => docsis(frame),
        163 => avs(frame),
        // Juniper's; of the others only frames without a link-layer head can be told.
        130..=137 | 164 | 167 | 168 | 174 | 178..=181 | 183 | 194 | 200 | 232..=234 | 238 => {
            juniper(number, frame)?
        }
        197 => endace(frame),
        // Solaris: version, family, and 22 bytes about zones.
        226 => match (frame.bytes, frame.skip(24)) {
            ([1 | 2, 2 | 26, ..], Some(packet)) => Step::End(Peeled::Ip(packet)),
            ([_, _, ..], Some(_)) => Step::End(Peeled::Other),
            _ => Step::End(Peeled::Short),
        },
        258 => apple(frame),
        _ => return None,
    })
}

/// The BSD packet filter's log: its length without what fills it up to a multiple of 4.
fn packet_filter(frame: Layer<'_>) -> Step<'_> {
    let Some(&len) = frame.bytes.first() else {
        return Step::End(Peeled::Short);
    };
    match frame.skip(usize::from(len).next_multiple_of(4)) {
        Some(packet) if len >= 28 => Step::End(Peeled::Ip(packet)),
        Some(_) => Step::End(Peeled::Other),
        None => Step::End(Peeled::Short),
    }
}

/// Prism's head of 144 bytes; some drivers write the other one under the same link type.
fn prism(frame: Layer<'_>) -> Step<'_> {
    match frame.array::<3>(0) {
        Some([0x80, 0x21, 0x10]) => avs(frame),
        _ => Step::on(Head::Link(105), frame, 144),
    }
}

/// A magic number, then the head's length.
fn avs(frame: Layer<'_>) -> Step<'_> {
    match (frame.u16_be(4), frame.u16_be(6)) {
        (Some(0), Some(len)) => Step::on(Head::Link(105), frame, usize::from(len).max(8)),
        (Some(_), Some(_)) => Step::End(Peeled::Other),
        _ => Step::End(Peeled::Short),
    }
}

/// Apple's: the head's length, a record type, the link type; in the byte order of the capturing
/// host, whose length has only small numbers.
fn apple(frame: Layer<'_>) -> Step<'_> {
    let (Some(&len), Some(&link)) = (frame.array::<4>(0), frame.array::<4>(8)) else {
        return Step::End(Peeled::Short);
    };
    let (mut len, mut link) = (u32::from_le_bytes(len), u32::from_le_bytes(link));
    if len > 0xffff {
        (len, link) = (len.swap_bytes(), link.swap_bytes());
    }
    match (usize::try_from(len), u16::try_from(link)) {
        (Ok(len @ 12..), Ok(link)) => Step::on(Head::Link(link), frame, len),
        _ => Step::End(Peeled::Other),
    }
}

/// Juniper's: "MGC", flags, extensions by their length; then the frame, or where there is no
/// link-layer head the protocol, least significant byte first. `None`: it cannot be told what
/// follows.
fn juniper(number: u16, frame: Layer<'_>) -> Option<Step<'_>> {
    let Some(&[b'M', b'G', b'C', flags]) = frame.array::<4>(0) else {
        return (frame.bytes.len() < 4 && frame.is_snapped()).then_some(Step::End(Peeled::Short));
    };
    let mut at = 4;
    if flags & 0x80 != 0 {
        let Some(len) = frame.u16_be(4) else {
            return Some(Step::End(Peeled::Short));
        };
        at += 2 + usize::from(len);
    }
    if flags & 0x02 == 0 {
        return Some(match number {
            // PPPoE; Ethernet.
            167 | 178 => Step::on(Head::Link(1), frame, at),
            179 => Step::on(Head::Ppp, frame, at),
            180 => Step::on(Head::Link(107), frame, at),
            181 => Step::on(Head::Link(104), frame, at),
            _ => return None,
        });
    }
    let Some(protocol) = frame.u16_le(at) else {
        return Some(Step::End(Peeled::Short));
    };
    at += 4;
    Some(match protocol {
        // IPv4, IPv6.
        2 => Step::on(Head::Type(0x0800), frame, at),
        6 => Step::on(Head::Type(0x86dd), frame, at),
        5 => Step::on(Head::Type(0x8847), frame, at),
        200 => Step::on(Head::Ppp, frame, at),
        202 | 203 => Step::on(Head::Llc, frame, at),
        204 => Step::on(Head::Link(1), frame, at),
        207 => Step::on(Head::Link(107), frame, at),
        208 => Step::on(Head::Link(104), frame, at),
        _ => return None,
    })
}

/// Endace's record: time, type, flags, lengths, then extension headers of 8 bytes, each of which
/// says whether another follows.
fn endace(frame: Layer<'_>) -> Step<'_> {
    let (Some(&[kind, _]), Some(wire)) = (frame.array::<2>(8), frame.u16_be(14)) else {
        return Step::End(Peeled::Short);
    };
    let mut at = 16;
    let mut more = kind & 0x80 != 0;
    while more {
        let Some(extension) = frame.bytes.get(at) else {
            return Step::End(Peeled::Short);
        };
        more = extension & 0x80 != 0;
        at += 8;
    }
    let (head, skip) = match kind & 0x7f {
        // Ethernet, behind two bytes of filling.
        2 | 11 | 16 | 20 => (Head::Link(1), 2),
        // PPP or Cisco HDLC, the second kind behind its channel.
        1 | 10 | 15 | 19 => (Head::Link(50), 0),
        5 | 17 => (Head::Link(50), 4),
        // IPv4, IPv6.
        22 => (Head::Type(0x0800), 0),
        23 => (Head::Type(0x86dd), 0),
        // ATM, InfiniBand, counters, padding.
        _ => return Step::End(Peeled::Other),
    };
    match frame.skip(at + skip) {
        // The record may be filled up, or have been cut by the card.
        Some(inner) => Step::On(head, inner.cut(usize::from(wire))),
        None => Step::End(Peeled::Short),
    }
}

/// DOCSIS: frame control, a parameter, the length, extended headers, a checksum; then Ethernet.
fn docsis(frame: Layer<'_>) -> Step<'_> {
    let Some(&[control, parameter, ..]) = frame.array::<6>(0) else {
        return Step::End(Peeled::Short);
    };
    // Only packets: not cells, management or requests.
    if control & 0xc0 != 0 {
        return Step::End(Peeled::Other);
    }
    let has_extended = control & 1 != 0;
    let extended = if has_extended {
        usize::from(parameter)
    } else {
        0
    };
    let Some(mut elements) = frame.bytes.get(4..4 + extended) else {
        return Step::End(Peeled::Short);
    };
    // Baseline privacy is element 3 or 4; a bit of its second byte says that it is in use.
    while let [head, behind @ ..] = elements {
        let Some((value, rest)) = behind.split_at_checked(usize::from(head & 0x0f)) else {
            break;
        };
        if matches!(head >> 4, 3 | 4) && matches!(value, [_, second, ..] if second & 0x80 != 0) {
            return Step::End(Peeled::Closed(
                DefectKind::Encrypted,
                "DOCSIS frames are encrypted (baseline privacy); capture behind the cable modem or its termination system",
            ));
        }
        elements = rest;
    }
    Step::on(Head::Link(1), frame, 6 + extended)
}

/// Frame relay: an address whose last byte has its lowest bit set, then what RFC 2427 or Cisco
/// puts there.
pub(super) fn frame_relay(frame: Layer<'_>) -> Step<'_> {
    let Some(last) = frame.bytes.iter().take(4).position(|byte| byte & 1 == 1) else {
        return Step::End(if frame.is_snapped() {
            Peeled::Short
        } else {
            Peeled::Other
        });
    };
    let Some(mut layer) = frame.skip(last + 1) else {
        return Step::End(Peeled::Short);
    };
    let [3, ..] = layer.bytes else {
        return behind_type(layer, 0);
    };
    // A byte of zeros may fill it up to an even place.
    if let ([3, 0, ..], Some(filled)) = (layer.bytes, layer.skip(1)) {
        layer = filled;
    }
    match layer.bytes.get(1) {
        Some(0xcc | 0x8e) => Step::on(Head::Type(0x0800), layer, 2),
        Some(0xcf) => Step::on(Head::Ppp, layer, 2),
        // SNAP: an organisation, then the type; Ethernet of the 802.1 group with or without its
        // checksum.
        Some(0x80) => match (layer.array::<3>(2), layer.u16_be(5)) {
            (Some([0, 0, 0]), _) => behind_type(layer, 5),
            (Some([0, 0x80, 0xc2]), Some(1 | 7)) => Step::on(Head::Link(1), layer, 7),
            (Some(_), Some(_)) => Step::End(Peeled::Other),
            _ => Step::End(Peeled::Short),
        },
        Some(_) => Step::End(Peeled::Other),
        None => Step::End(Peeled::Short),
    }
}
