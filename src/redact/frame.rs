//! Frame: one frame, its heads and what they carry.
//!
//! In: the old bytes of a frame or of a datagram put together, where its heads lie, and what it
//! carries. Out: the new bytes: heads with other addresses, messages with pseudonyms, zeros for all
//! that nothing here knows.
//!
//! # References
//! - RFC 791, RFC 8200, RFC 9293 §3.1, RFC 792, RFC 4443, RFC 4861 §4 (neighbour discovery), RFC 826
//! - RFC 9260 §3; HEP3/EEP3 specification, revision 37
//! - <https://www.tcpdump.org/linktypes.html>

use super::media;
use super::message;
use super::pseudonyms::Pseudonyms;
use crate::capture::LinkType;
use crate::packet::trace::LinkHead;
use crate::sip::sniff::{self, Verdict};
use crate::units::Flow;

/// A head, and how many bytes there are from it to the end of its layer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    pub(super) kind: Kind,
    pub(super) at: usize,
    pub(super) len: usize,
}

/// What begins there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A link layer in a tunnel.
    Link(LinkHead),
    Ip,
    /// By the IP protocol number.
    Transport(u8),
    Fragment,
}

/// What the innermost packet carries.
#[derive(Clone, Copy, Debug)]
pub(super) struct Payload {
    pub(super) at: usize,
    pub(super) len: usize,
    pub(super) what: What,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum What {
    Datagram(Flow),
    /// A message that came framed.
    Message,
    /// Left to the stream it is of.
    Segment,
}

/// A frame being rewritten.
///
/// Invariant: both are equally long.
pub(super) struct Area<'a> {
    pub(super) old: &'a [u8],
    pub(super) new: &'a mut [u8],
}

impl Area<'_> {
    pub(super) fn copy(&mut self, at: usize, len: usize) {
        let end = at.saturating_add(len).min(self.old.len());
        if let (Some(from), Some(to)) = (self.old.get(at..end), self.new.get_mut(at..end)) {
            to.copy_from_slice(from);
        }
    }

    /// Copies an address and replaces it.
    pub(super) fn address(&mut self, at: usize, len: usize, to: &mut Pseudonyms) {
        if at + len <= self.old.len() {
            self.copy(at, len);
            if let Some(bytes) = self.new.get_mut(at..at + len) {
                to.packed(bytes);
            }
        }
    }

    pub(super) fn mac(&mut self, at: usize, to: &Pseudonyms) {
        self.copy(at, 6);
        if let Some(bytes) = self.new.get_mut(at..at + 6) {
            to.addresses.mac(bytes);
        }
    }

    pub(super) fn u16(&self, at: usize) -> Option<u16> {
        let bytes = self.old.get(at..)?.first_chunk::<2>()?;
        Some(u16::from_be_bytes(*bytes))
    }

    pub(super) fn byte(&self, at: usize) -> u8 {
        self.old.get(at).copied().unwrap_or(0)
    }

    /// Copies a message and replaces its values.
    fn message(&mut self, at: usize, len: usize, to: &mut Pseudonyms) {
        self.copy(at, len);
        if let Some(bytes) = self.new.get_mut(at..at + len) {
            message::replace(bytes, to);
        }
    }
}

/// Rewrites a frame, of which the wire had so many bytes, or, without a link type, a datagram put
/// together.
pub(super) fn rewrite(
    area: &mut Area<'_>,
    link: Option<(LinkType, usize)>,
    heads: &[Head],
    payloads: &[Payload],
    to: &mut Pseudonyms,
) {
    if let Some((link, wire)) = link {
        if link.0 == 252 {
            let first = heads.iter().map(|head| head.at);
            let first = first.chain(payloads.iter().map(|payload| payload.at));
            if let Some(first) = first.min() {
                exported(area, first, to);
            }
        } else {
            super::link::heads(area, LinkHead::Link(link.0), 0, wire, to);
        }
    }
    for (no, head) in heads.iter().enumerate() {
        let behind = heads.get(no + 1..).unwrap_or_default();
        match head.kind {
            Kind::Link(kind) => super::link::heads(area, kind, head.at, head.len, to),
            Kind::Ip => ip(area, *head, behind, to),
            Kind::Transport(protocol) => {
                let inside = head.at..head.at + head.len;
                let inner = behind
                    .iter()
                    .find(|inner| inner.kind != Kind::Fragment && inside.contains(&inner.at));
                transport(area, *head, protocol, inner, to);
                if protocol == 17 && inner.is_none() {
                    let relayed = payloads.iter().find(|payload| {
                        matches!(payload.what, What::Message) && inside.contains(&payload.at)
                    });
                    if let Some(message) = relayed {
                        mirrored(area, *head, *message, to);
                    }
                }
            }
            Kind::Fragment => {}
        }
    }
    for payload in payloads {
        match payload.what {
            What::Message => area.message(payload.at, payload.len, to),
            What::Datagram(flow) => datagram(area, *payload, &flow, to),
            What::Segment => {}
        }
    }
}

fn datagram(area: &mut Area<'_>, payload: Payload, flow: &Flow, to: &mut Pseudonyms) {
    let end = payload.at + payload.len;
    let Some(old) = area.old.get(payload.at..end) else {
        return;
    };
    match sniff::datagram(old, (flow.src.port, flow.dst.port), true) {
        Verdict::Sip | Verdict::SipLike => area.message(payload.at, payload.len, to),
        Verdict::Keepalive
            if old
                .iter()
                .all(|byte| matches!(byte, b'\r' | b'\n' | b' ' | 0)) =>
        {
            area.copy(payload.at, payload.len);
        }
        // Attributes of STUN name users and addresses.
        Verdict::Keepalive if sniff::stun_len(old).is_some() => area.copy(payload.at, 20),
        _ if sniff::is_cut_message(old) => area.message(payload.at, payload.len, to),
        _ => {
            if let Some(new) = area.new.get_mut(payload.at..end) {
                media::head(old, new);
            }
        }
    }
}

/// The tags before a packet that Wireshark exported.
fn exported(area: &mut Area<'_>, first: usize, to: &mut Pseudonyms) {
    let mut at = 0;
    while at + 4 <= first {
        let (Some(tag), Some(len)) = (area.u16(at), area.u16(at + 2)) else {
            return;
        };
        let len = usize::from(len);
        area.copy(at, 4);
        match (tag, len) {
            (0, _) => return,
            // Names of dissectors, kind and number of ports.
            (12 | 13 | 24 | 25 | 26, _) => area.copy(at + 4, len),
            (20 | 21, 4) | (22 | 23, 16) => area.address(at + 4, len, to),
            _ => {}
        }
        at += 4 + len;
    }
}

fn ip(area: &mut Area<'_>, head: Head, behind: &[Head], to: &mut Pseudonyms) {
    let first = area.byte(head.at);
    match first >> 4 {
        4 => {
            let len = usize::from(first & 15) * 4;
            area.copy(head.at, 20);
            area.address(head.at + 12, 4, to);
            area.address(head.at + 16, 4, to);
            // Options may record a route: they become fillers.
            let options = head.at + 20..(head.at + len).min(area.old.len());
            if let Some(options) = area.new.get_mut(options) {
                options.fill(1);
            }
            // AH, which `packet` passes.
            if area.byte(head.at + 9) == 51 {
                let next = behind.first().map_or(head.at + len, |next| next.at);
                area.copy(head.at + len, next.saturating_sub(head.at + len));
            }
        }
        6 => {
            area.copy(head.at, 40);
            area.address(head.at + 8, 16, to);
            area.address(head.at + 24, 16, to);
            let end = behind.first().map_or(head.at + 40, |next| next.at);
            extensions(area, area.byte(head.at + 6), head.at + 40, end);
        }
        _ => {}
    }
}

/// IPv6 extension headers: what they are and how long; options become fillers.
fn extensions(area: &mut Area<'_>, mut protocol: u8, mut at: usize, end: usize) {
    while at + 8 <= end {
        let len = match protocol {
            0 | 43 | 60 => {
                area.copy(at, if protocol == 43 { 4 } else { 2 });
                8 + usize::from(area.byte(at + 1)) * 8
            }
            44 => {
                area.copy(at, 8);
                8
            }
            51 => {
                let len = 8 + usize::from(area.byte(at + 1)) * 4;
                area.copy(at, len);
                len
            }
            _ => return,
        };
        protocol = area.byte(at);
        at += len;
    }
}

fn transport(
    area: &mut Area<'_>,
    head: Head,
    protocol: u8,
    inner: Option<&Head>,
    to: &mut Pseudonyms,
) {
    let at = head.at;
    let len = match protocol {
        17 | 50 | 136 => 8,
        6 => {
            let len = usize::from(area.byte(at + 12) >> 4) * 4;
            len.max(20).min(head.len)
        }
        1 | 58 => return icmp(area, head, protocol == 58, to),
        132 => return sctp(area, head, to),
        _ => 0,
    };
    area.copy(at, len.min(head.len));
    if protocol == 6 {
        tcp_options(area, at + 20, at + len);
    }
    let Some(inner) = inner else { return };
    match protocol {
        17 => {
            let ports = (area.u16(at).unwrap_or(0), area.u16(at + 2).unwrap_or(0));
            if matches!(ports, (925, _) | (_, 925)) {
                super::link::recording(area, at + 8, inner.at, to);
            }
            super::link::in_udp(area, at + 8, inner.at, ports);
        }
        _ => super::link::in_ip(area, at, inner.at, protocol),
    }
    // ESP without encryption is told by its trailer.
    if let Kind::Transport(_) = inner.kind {
        esp_trailer(area, inner.at + inner.len);
    }
}

/// The trailer of ESP: padding that counts from 1, its length, what the packet carries (RFC 4303 §2).
fn esp_trailer(area: &mut Area<'_>, at: usize) {
    let counted =
        (0..255_u8).take_while(|no| area.old.get(at + usize::from(*no)) == Some(&(no + 1)));
    let padding = counted.count();
    if usize::from(area.byte(at + padding)) == padding {
        area.copy(at, padding + 2);
    }
}

/// Options tell addresses: those of Multipath TCP (RFC 8684 §3.4.1), of load balancers, of accelerators.
/// All but sizes, acknowledgments and times become fillers.
fn tcp_options(area: &mut Area<'_>, mut at: usize, end: usize) {
    while at < end {
        let (kind, len) = (area.byte(at), usize::from(area.byte(at + 1)));
        match kind {
            0 => return,
            1 => at += 1,
            _ if len < 2 => return,
            _ => {
                if !matches!(kind, 2..=5 | 8) {
                    let option = at..(at + len).min(end).min(area.new.len());
                    if let Some(option) = area.new.get_mut(option) {
                        option.fill(1);
                    }
                }
                at += len;
            }
        }
    }
}

fn icmp(area: &mut Area<'_>, head: Head, is_v6: bool, to: &mut Pseudonyms) {
    let at = head.at;
    area.copy(at, 8.min(head.len));
    let end = (at + head.len).min(area.old.len());
    let kind = area.byte(at);
    match (is_v6, kind) {
        (false, 3 | 4 | 5 | 11 | 12) | (true, 1..=4) => {
            if (is_v6, kind) == (false, 5) {
                // The gateway of a redirect.
                area.address(at + 4, 4, to);
            }
            quote(area, at + 8, end, to);
        }
        (true, 135 | 136) => {
            area.address(at + 8, 16, to);
            discovery(area, at + 24, end, to);
        }
        (true, 137) => {
            area.address(at + 8, 16, to);
            area.address(at + 24, 16, to);
            discovery(area, at + 40, end, to);
        }
        (true, 133) => discovery(area, at + 8, end, to),
        (true, 134) => {
            area.copy(at, 16);
            discovery(area, at + 16, end, to);
        }
        (true, 130..=132) => area.address(at + 8, 16, to),
        _ => {}
    }
}

/// Options of neighbour discovery.
fn discovery(area: &mut Area<'_>, mut at: usize, end: usize, to: &mut Pseudonyms) {
    while at + 8 <= end {
        let len = usize::from(area.byte(at + 1)) * 8;
        if len == 0 {
            return;
        }
        area.copy(at, 2);
        match area.byte(at) {
            1 | 2 => area.mac(at + 2, to),
            3 if len == 32 => {
                area.copy(at, 16);
                area.address(at + 16, 16, to);
            }
            5 => area.copy(at, 8),
            _ => {}
        }
        at += len;
    }
}

/// The packet that an ICMP error quotes.
fn quote(area: &mut Area<'_>, at: usize, end: usize, to: &mut Pseudonyms) {
    let first = area.byte(at);
    let head = Head {
        kind: Kind::Ip,
        at,
        len: end.saturating_sub(at),
    };
    let (mut protocol, mut behind, mut offset, whole) = match first >> 4 {
        4 if at + 20 <= end => {
            ip(area, head, &[], to);
            let offset = area.u16(at + 6).unwrap_or(0) << 3;
            let behind = at + usize::from(first & 15) * 4;
            let len = usize::from(area.u16(at + 2).unwrap_or(0));
            (area.byte(at + 9), behind, offset, at + len)
        }
        6 if at + 40 <= end => {
            area.copy(at, 40);
            area.address(at + 8, 16, to);
            area.address(at + 24, 16, to);
            let len = usize::from(area.u16(at + 4).unwrap_or(0));
            (area.byte(at + 6), at + 40, 0, at + 40 + len)
        }
        _ => return,
    };
    if protocol == 44 {
        area.copy(behind, 8);
        protocol = area.byte(behind);
        offset = area.u16(behind + 2).unwrap_or(0) & !7;
        behind += 8;
    }
    // A later fragment has no head: what stands there may be anything.
    if offset == 0 {
        quoted(area, protocol, behind, end, to);
    }
    let inside = Head {
        kind: Kind::Transport(protocol),
        at: behind,
        len: whole.min(end).saturating_sub(behind),
    };
    let heads = [head, inside];
    let heads = if offset == 0 { &heads[..] } else { &heads[..1] };
    super::checksum::carry(area.old, area.new, heads, None);
}

/// What stands at `behind` in a quoted packet.
fn quoted(area: &mut Area<'_>, protocol: u8, behind: usize, end: usize, to: &mut Pseudonyms) {
    match protocol {
        17 if behind + 8 <= end => {
            area.copy(behind, 8);
            let len = area.u16(behind + 4).map_or(0, usize::from);
            let text_end = if len >= 8 {
                (behind + len).min(end)
            } else {
                end
            };
            let text = area.old.get(behind + 8..text_end).unwrap_or_default();
            if sniff::start_line(sniff::skip_line_ends(text, 64)).is_one() {
                area.message(behind + 8, text_end - behind - 8, to);
            } else if let (Some(old), Some(new)) = (
                area.old.get(behind + 8..text_end),
                area.new.get_mut(behind + 8..text_end),
            ) {
                media::head(old, new);
            }
        }
        6 => area.copy(behind, 20.min(end.saturating_sub(behind))),
        132 => area.copy(behind, 8.min(end.saturating_sub(behind))),
        _ => {}
    }
}

fn sctp(area: &mut Area<'_>, head: Head, to: &mut Pseudonyms) {
    let end = (head.at + head.len).min(area.old.len());
    area.copy(head.at, 12.min(head.len));
    let mut at = head.at + 12;
    while at + 4 <= end {
        let len = area.u16(at + 2).map_or(0, usize::from);
        if len < 4 {
            return;
        }
        area.copy(at, 4);
        let chunk_end = (at + len).min(end);
        let flags = area.byte(at + 1);
        match area.byte(at) {
            0 => {
                area.copy(at + 4, 12.min(chunk_end - at - 4));
                let text = area.old.get(at + 16..chunk_end).unwrap_or_default();
                // A message in one piece.
                if flags & 3 == 3 && sniff::start_line(sniff::skip_line_ends(text, 64)).is_one() {
                    area.message(at + 16, text.len(), to);
                }
            }
            1 | 2 => {
                area.copy(at + 4, 16.min(chunk_end - at - 4));
                parameters(area, at + 20, chunk_end, to);
            }
            3 | 7 | 8 | 11 | 14 => area.copy(at + 4, chunk_end - at - 4),
            // The head of what a heartbeat carries.
            4 | 5 => area.copy(at + 4, 4.min(chunk_end - at - 4)),
            _ => {}
        }
        at += len.next_multiple_of(4);
    }
}

/// Parameters of INIT: addresses are replaced, others lose their values.
fn parameters(area: &mut Area<'_>, mut at: usize, end: usize, to: &mut Pseudonyms) {
    while at + 4 <= end {
        let len = area.u16(at + 2).map_or(0, usize::from);
        if len < 4 {
            return;
        }
        area.copy(at, 4);
        match (area.u16(at), len) {
            (Some(5), 8) => area.address(at + 4, 4, to),
            (Some(6), 20) => area.address(at + 4, 16, to),
            // Kinds of addresses, extensions, adaptation.
            (Some(12 | 0x8008 | 0xc006), _) => area.copy(at + 4, len - 4),
            _ => {}
        }
        at += len.next_multiple_of(4);
    }
}

/// What a HEP agent tells of a message.
fn mirrored(area: &mut Area<'_>, udp: Head, message: Payload, to: &mut Pseudonyms) {
    let mut at = udp.at + 8;
    let end = (udp.at + udp.len).min(area.old.len());
    let ports = (
        area.u16(udp.at).unwrap_or(0),
        area.u16(udp.at + 2).unwrap_or(0),
    );
    match area.old.get(at..at + 4) {
        Some(b"HEP3" | b"EEP3") => {}
        _ if matches!(ports, (925, _) | (_, 925)) => {
            super::link::recording(area, at, message.at, to);
            return;
        }
        _ => {
            // Versions 1 and 2: version, length, family, protocol, ports, addresses, time.
            let version = area.byte(at);
            let is_v6 = area.byte(at + 2) == 10;
            let size = if is_v6 { 16 } else { 4 };
            if !matches!(version, 1 | 2) {
                return;
            }
            area.copy(at, 8);
            area.address(at + 8, size, to);
            area.address(at + 8 + size, size, to);
            let time = at + 8 + size * 2;
            area.copy(time, message.at.saturating_sub(time).min(12));
            return;
        }
    }
    area.copy(at, 6);
    at += 6;
    while at + 6 <= end {
        let Some(len) = area.u16(at + 4).map(usize::from).filter(|len| *len >= 6) else {
            return;
        };
        area.copy(at, 6);
        let (vendor, kind, value) = (area.u16(at), area.u16(at + 2), at + 6);
        match (vendor, kind, len - 6) {
            (Some(0), Some(3 | 4), 4) => area.address(value, 4, to),
            (Some(0), Some(5 | 6), 16) => area.address(value, 16, to),
            // Family, protocol, ports, times, kind, agent, keep-alive.
            (Some(0), Some(1 | 2 | 7..=13), size) => area.copy(value, size.min(4)),
            (Some(0), Some(15), _) if value == message.at => {}
            _ => {}
        }
        at += len;
    }
}
