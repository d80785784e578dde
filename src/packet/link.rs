//! Link layers: where in a frame the IP packet begins.
//!
//! In: a frame's bytes and link type, or what an `EtherType` or PPP protocol number names inside
//! a tunnel. Out: [`Peeled`]. VLAN tags, MPLS labels, PPPoE, PPP, LLC and 802.11 heads are
//! passed, at most [`MAX_NESTING`] of them; what is told apart but cannot be opened (encrypted,
//! compressed) comes out as [`Peeled::Closed`], never as nothing.
//!
//! # References
//! - <https://www.tcpdump.org/linktypes.html>
//! - IEEE 802.1Q, IEEE 802.1ad, IEEE 802.1ah, IEEE 802.2
//! - RFC 3032 (MPLS), RFC 2516 (PPPoE), RFC 4385 (pseudowires), RFC 8300 (NSH), RFC 6325 (TRILL)
//! - RFC 2427 (frame relay), RFC 2625 (Fibre Channel)

use super::wlan::{self, Wlan};
use super::{Layer, MAX_NESTING, ppp, recorder};
use crate::capture::LinkType;
use crate::defect::DefectKind;

/// `LINKTYPE_ETHERNET`.
pub(super) const ETHERNET: LinkType = LinkType(1);

/// The head of an Ethernet frame.
pub(super) const ETHERNET_HEAD: Head = Head::Link(ETHERNET.0);

/// What a frame holds.
#[derive(Clone, Copy)]
pub(super) enum Peeled<'a> {
    /// An IP packet, of the version its first byte says.
    Ip(Layer<'a>),
    /// Several 802.11 subframes; see [`wlan::next_subframe`].
    Aggregate(Layer<'a>),
    /// A part of an 802.11 frame.
    Fragment(wlan::Fragment<'a>),
    /// A packet of Wireshark's "Export PDUs to File".
    Exported(Layer<'a>),
    /// Something else (ARP, LLDP, spanning tree, …).
    Other,
    /// Less than the link layer's header.
    Short,
    /// A link type not decoded.
    Unknown(u16),
    /// Told apart, but not to be opened.
    Closed(DefectKind, &'static str),
    /// More heads inside each other than [`MAX_NESTING`].
    TooDeep,
}

/// What begins at a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Head {
    /// The head of a link type.
    Link(u16),
    /// What an `EtherType`, or an 802.3 length, names.
    Type(u16),
    /// PPP, with or without address and control.
    Ppp,
    /// IEEE 802.2 LLC.
    Llc,
}

/// One head passed.
pub(super) enum Step<'a> {
    /// Go on with this.
    On(Head, Layer<'a>),
    /// That is it.
    End(Peeled<'a>),
}

/// Finds the IP packet of a frame.
#[inline]
pub(super) fn peel(link: LinkType, frame: Layer<'_>) -> Peeled<'_> {
    // The usual case without the loop.
    if link == ETHERNET
        && let Some(0x0800 | 0x86dd) = frame.u16_be(12)
        && let Some(packet) = frame.skip(14)
    {
        return Peeled::Ip(packet);
    }
    climb(Head::Link(link.0), frame)
}

/// Finds the IP packet behind a head.
#[inline(never)]
pub(super) fn climb(mut head: Head, mut layer: Layer<'_>) -> Peeled<'_> {
    for _ in 0..=MAX_NESTING {
        match step(head, layer) {
            Step::On(next, inner) => (head, layer) = (next, inner),
            Step::End(end) => return end,
        }
    }
    Peeled::TooDeep
}

/// A head on the way to an IP packet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Passed {
    /// What it is.
    pub(crate) head: Head,
    /// Where it begins.
    pub(crate) at: usize,
    /// Where the next head or the IP packet begins; `None` where nothing was found behind it.
    pub(crate) end: Option<usize>,
}

/// The heads that [`climb`] passes, for who changes them. `wire` bytes is how long the frame was.
pub(crate) fn passed(head: Head, frame: &[u8], wire: usize) -> Vec<Passed> {
    let layer = Layer {
        bytes: frame,
        wire: wire.max(frame.len()),
    };
    let mut all = Vec::new();
    pass(head, layer, frame.as_ptr().addr(), &mut all);
    all
}

fn pass(mut head: Head, mut layer: Layer<'_>, base: usize, all: &mut Vec<Passed>) {
    let place = |layer: Layer<'_>| layer.bytes.as_ptr().addr().wrapping_sub(base);
    for _ in 0..=MAX_NESTING {
        let (step, at) = (step(head, layer), place(layer));
        let (next, end) = match step {
            Step::On(next, inner) => (Some((next, inner)), Some(place(inner))),
            Step::End(Peeled::Ip(inner) | Peeled::Aggregate(inner) | Peeled::Exported(inner)) => {
                (None, Some(place(inner)))
            }
            Step::End(_) => (None, None),
        };
        all.push(Passed { head, at, end });
        if let Step::End(Peeled::Aggregate(mut rest)) = step {
            // A subframe begins as a frame of 802.3 does.
            while let Some((_, behind)) = wlan::next_subframe(rest) {
                pass(Head::Link(ETHERNET.0), rest, base, all);
                rest = behind;
            }
        }
        match next {
            Some((next, inner)) => (head, layer) = (next, inner),
            None => return,
        }
    }
}

fn step(head: Head, layer: Layer<'_>) -> Step<'_> {
    match head {
        Head::Link(number) => link(number, layer),
        Head::Type(number) => typed(number, layer),
        Head::Ppp => ppp::step(layer),
        Head::Llc => llc(layer),
    }
}

impl<'a> Step<'a> {
    /// Goes on `skip` bytes further in, if there are as many.
    pub(super) fn on(head: Head, layer: Layer<'a>, skip: usize) -> Self {
        match layer.skip(skip) {
            Some(inner) => Self::On(head, inner),
            None => Self::End(Peeled::Short),
        }
    }
}

fn link(number: u16, frame: Layer<'_>) -> Step<'_> {
    match number {
        // Ethernet: two addresses, then the type.
        1 => behind_type(frame, 12),
        // BSD loopback: an address family in the byte order of the capturing host; OpenBSD's in
        // network byte order.
        0 | 108 => match frame.bytes.first_chunk::<4>() {
            Some(&family) => family_payload(frame, family),
            None => Step::End(Peeled::Short),
        },
        // PPP; with an octet for the direction before it; in place of the address.
        9 => Step::On(Head::Ppp, frame),
        166 | 204 => Step::on(Head::Ppp, frame, 1),
        // PPP or Cisco HDLC; Cisco HDLC.
        50 | 104 => match frame.bytes {
            [0x0f | 0x8f, ..] => behind_type(frame, 2),
            _ => Step::On(Head::Ppp, frame),
        },
        // PPPoE without the Ethernet head.
        51 => Step::On(Head::Type(0x8864), frame),
        // Token ring, with a route or without; FDDI. Other frames than LLC's are the ring's own.
        6 => match frame.bytes {
            [_, 0x40..=0x7f, ..] if frame.bytes.len() >= 15 => {
                let route = match (frame.bytes.get(8), frame.bytes.get(14)) {
                    (Some(0x80..), Some(control)) => usize::from(control & 0x1f),
                    _ => 0,
                };
                Step::on(Head::Llc, frame, 14 + route)
            }
            _ if frame.bytes.len() < 15 => Step::End(Peeled::Short),
            _ => Step::End(Peeled::Other),
        },
        10 => match frame.bytes.first() {
            Some(0x50..=0x57) => Step::on(Head::Llc, frame, 13),
            Some(_) => Step::End(Peeled::Other),
            None => Step::End(Peeled::Short),
        },
        // RFC 1483 over ATM: LLC.
        100 => Step::On(Head::Llc, frame),
        // Frame relay; Cisco HDLC and frame relay with an octet for the direction.
        107 => recorder::frame_relay(frame),
        205 => Step::on(Head::Link(104), frame, 1),
        206 => Step::on(Head::Link(107), frame, 1),
        // IP over Fibre Channel (RFC 2625): two addresses, then LLC.
        122 => Step::on(Head::Llc, frame, 16),
        // SunATM: what is in it, and the circuit.
        123 => match frame.bytes.first().map(|kind| kind & 0x0f) {
            Some(1) => Step::on(Head::Link(1), frame, 6),
            Some(2) => Step::on(Head::Llc, frame, 4),
            Some(_) => Step::End(Peeled::Other),
            None => Step::End(Peeled::Short),
        },
        // IP over FireWire: two addresses of 8 bytes, then the type.
        138 => behind_type(frame, 16),
        // Raw IP; 12 and 14 are what some systems write for it.
        12 | 14 | 101 | 228 | 229 => Step::End(Peeled::Ip(frame)),
        105 => wlan_payload(frame),
        // Linux cooked v1: the protocol is the last field of 16 bytes.
        113 => behind_type(frame, 14),
        // radiotap and PPI say their length in the third and fourth byte, least first.
        127 => match frame.u16_le(2) {
            Some(len) => Step::on(Head::Link(105), frame, usize::from(len).max(8)),
            None => Step::End(Peeled::Short),
        },
        192 => match (frame.u16_le(2), frame.u16_le(4)) {
            // A head at least, so that it cannot hold itself for ever.
            (Some(len), Some(link)) => Step::on(Head::Link(link), frame, usize::from(len).max(8)),
            _ => Step::End(Peeled::Short),
        },
        219 => Step::On(Head::Type(0x8847), frame),
        239 => nflog(frame),
        // A netANALYZER head of 4 bytes; the same with the preamble.
        240 => Step::on(Head::Link(1), frame, 4),
        241 => Step::on(Head::Link(1), frame, 12),
        // InfiniBand: a route of 40 bytes, then the type.
        242 => match frame.u16_be(40) {
            Some(number) => Step::on(Head::Type(number), frame, 44),
            None => Step::End(Peeled::Short),
        },
        252 => Step::End(Peeled::Exported(frame)),
        // Linux cooked v2: the protocol is the first field of 20 bytes.
        276 => match frame.u16_be(0) {
            Some(number) => Step::on(Head::Type(number), frame, 20),
            None => Step::End(Peeled::Short),
        },
        // Ethernet behind the preamble of a passive optical network.
        259 => Step::on(Head::Link(1), frame, 8),
        _ => recorder::step(number, frame).unwrap_or(Step::End(Peeled::Unknown(number))),
    }
}

/// The protocol number at `at`, and behind it what it names.
pub(super) fn behind_type(frame: Layer<'_>, at: usize) -> Step<'_> {
    match frame.u16_be(at) {
        Some(number) => Step::on(Head::Type(number), frame, at + 2),
        None => Step::End(Peeled::Short),
    }
}

/// What an `EtherType` names.
fn typed(number: u16, layer: Layer<'_>) -> Step<'_> {
    match number {
        // IPv4, IPv6.
        0x0800 | 0x86dd => Step::End(Peeled::Ip(layer)),
        // 802.1Q, 802.1ad and what was used before it: tag, then the type within.
        0x8100 | 0x88a8 | 0x9100 | 0x9200 | 0x9300 => behind_type(layer, 2),
        // Cisco's metadata, 802.1BR's tag, virtual interfaces' tags, rings, 802.1CB: the type follows.
        0x8909 | 0x893f => behind_type(layer, 6),
        0x8926 | 0x892f | 0xf1c1 => behind_type(layer, 4),
        // TRILL: options by words, then Ethernet (RFC 6325 §3).
        0x22f3 => match layer.u16_be(0) {
            Some(flags) => {
                let options = usize::from((flags >> 6) & 0x1f) * 4;
                Step::on(Head::Link(1), layer, 6 + options)
            }
            None => Step::End(Peeled::Short),
        },
        // 802.3: a length in the type's place, or the cooked head's word for LLC; or LLC in frames
        // longer than such a length can say.
        0..0x0600 | 0x8870 => llc(layer),
        0x8847 | 0x8848 => mpls(layer),
        0x8864 => pppoe(layer),
        // Transparent Ethernet bridging (RFC 1701).
        0x6558 => Step::On(Head::Link(1), layer),
        // PPP in GRE.
        0x880b => Step::On(Head::Ppp, layer),
        // 802.1ah: an instance tag, then the customer's frame.
        0x88e7 => Step::on(Head::Link(1), layer, 4),
        0x88e5 => Step::End(Peeled::Closed(
            DefectKind::Encrypted,
            "MACsec frames are encrypted on the link; capture on one of its ends, behind MACsec",
        )),
        0x894f => nsh(layer),
        _ => Step::End(Peeled::Other),
    }
}

/// A network service header (RFC 8300 §2.2): its length in words and the next protocol.
fn nsh(layer: Layer<'_>) -> Step<'_> {
    let Some(&[version, len, _, next]) = layer.array::<4>(0) else {
        return Step::End(Peeled::Short);
    };
    let len = usize::from(len & 0x3f) * 4;
    let head = match next {
        1 => Head::Type(0x0800),
        2 => Head::Type(0x86dd),
        3 => Head::Link(1),
        4 => Head::Type(0x894f),
        5 => Head::Type(0x8847),
        _ => return Step::End(Peeled::Other),
    };
    // Version 0; a base header and a service path at least. Of an operations packet, bit O, the
    // inside is not traffic.
    if version & 0xe0 != 0 || len < 8 {
        return Step::End(Peeled::Other);
    }
    Step::on(head, layer, len)
}

/// LLC: SNAP with a type, or IP's own access point.
fn llc(layer: Layer<'_>) -> Step<'_> {
    match layer.bytes {
        // SNAP, and 802.1H for bridges.
        [0xaa, 0xaa, 3, 0, 0, 0 | 0xf8, ..] => behind_type(layer, 6),
        [6, 6, 3, ..] => match layer.skip(3) {
            Some(packet) => Step::End(Peeled::Ip(packet)),
            None => Step::End(Peeled::Short),
        },
        // Too little to tell.
        bytes if bytes.len() < 8 && layer.is_snapped() => Step::End(Peeled::Short),
        _ => Step::End(Peeled::Other),
    }
}

/// MPLS labels until the bottom of the stack (RFC 3032 §2.1). What lies behind is not said: an IP
/// packet by its first four bits, else a pseudowire with Ethernet.
fn mpls(mut layer: Layer<'_>) -> Step<'_> {
    for _ in 0..=MAX_NESTING {
        let (Some(&[_, _, bottom, _]), Some(inner)) =
            (layer.bytes.first_chunk::<4>(), layer.skip(4))
        else {
            return Step::End(Peeled::Short);
        };
        layer = inner;
        if bottom & 1 == 0 {
            continue;
        }
        return match layer.bytes.first().map(|first| first >> 4) {
            Some(4 | 6) if layer.is_ip() => Step::End(Peeled::Ip(layer)),
            // A control word begins with 0 (RFC 4385 §3), 1 is an associated channel.
            Some(0) => match layer.skip(4) {
                Some(frame) if frame.is_ethernet() => Step::On(Head::Link(1), frame),
                _ => Step::On(Head::Link(1), layer),
            },
            Some(1) => Step::End(Peeled::Other),
            Some(_) => Step::On(Head::Link(1), layer),
            None => Step::End(Peeled::Short),
        };
    }
    Step::End(Peeled::TooDeep)
}

/// PPPoE session stage: version and type, code, session, length (RFC 2516 §4).
fn pppoe(layer: Layer<'_>) -> Step<'_> {
    match (layer.bytes, layer.u16_be(4)) {
        ([0x11, 0, ..], Some(len)) => match layer.skip(6) {
            Some(inner) => Step::On(Head::Ppp, inner.cut(usize::from(len).min(inner.wire))),
            None => Step::End(Peeled::Short),
        },
        ([_, _, ..], Some(_)) => Step::End(Peeled::Other),
        _ => Step::End(Peeled::Short),
    }
}

fn wlan_payload(frame: Layer<'_>) -> Step<'_> {
    match wlan::payload(frame) {
        Wlan::Llc(inner) => Step::On(Head::Llc, inner),
        Wlan::Aggregate(inner) => Step::End(Peeled::Aggregate(inner)),
        Wlan::Other => Step::End(Peeled::Other),
        Wlan::Short => Step::End(Peeled::Short),
        Wlan::Encrypted => Step::End(Peeled::Closed(
            DefectKind::Encrypted,
            "802.11 data frames are encrypted; decrypt the capture with the network's key, or capture on the wire behind the access point",
        )),
        Wlan::Fragment(fragment) => Step::End(Peeled::Fragment(fragment)),
    }
}

/// Netfilter log: a head of 4 bytes, then attributes in the byte order of the capturing host; one
/// of them is the packet.
fn nflog(frame: Layer<'_>) -> Step<'_> {
    /// `NFULA_PAYLOAD`.
    const PAYLOAD: u16 = 9;
    let Some(mut rest) = frame.skip(4) else {
        return Step::End(Peeled::Short);
    };
    while let (Some(len), Some(kind)) = (rest.u16_le(0), rest.u16_le(2)) {
        // Of the two orders the wrong one says a length of 256 times that.
        let (len, kind) = if usize::from(len) > rest.wire || (len < 4 && len != 0) {
            (len.swap_bytes(), kind.swap_bytes())
        } else {
            (len, kind)
        };
        let Some(value_len) = usize::from(len).checked_sub(4) else {
            return Step::End(Peeled::Short);
        };
        let Some(value) = rest.skip(4) else {
            return Step::End(Peeled::Short);
        };
        if kind & 0x7fff == PAYLOAD {
            return Step::End(Peeled::Ip(value.cut(value_len.min(value.wire))));
        }
        match rest.skip(usize::from(len).next_multiple_of(4)) {
            Some(next) => rest = next,
            None => break,
        }
    }
    Step::End(if rest.is_snapped() {
        Peeled::Short
    } else {
        Peeled::Other
    })
}

/// What a BSD address family names. Byte order is the capturing host's: of either, one half of
/// the number is 0.
fn family_payload(frame: Layer<'_>, family: [u8; 4]) -> Step<'_> {
    let packet = || Step::End(frame.skip(4).map_or(Peeled::Short, Peeled::Ip));
    // Some writers put an `EtherType` where the family's zeros should be.
    if matches!(family, [_, _, 0x08, 0x00] | [_, _, 0x86, 0xdd]) {
        return packet();
    }
    let ([family, 0, 0, 0] | [0, 0, 0, family]) = family else {
        return Step::End(Peeled::Other);
    };
    match family {
        // AF_INET; AF_INET6 of Linux, of NetBSD and OpenBSD, of FreeBSD, of Darwin.
        2 | 10 | 24 | 28 | 30 => packet(),
        _ => Step::End(Peeled::Other),
    }
}
