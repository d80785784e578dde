//! Link: heads of link layers and of tunnels, with nothing in them that nobody needs.
//!
//! In: a frame, or what a tunnel carries, and where its heads lie. Out: of each head the fields by
//! which the next is found, card addresses replaced. Everything else is zeros: addresses that a
//! kernel left in a field that it did not fill, names of interfaces and processes, rules, options.
//!
//! # References
//! - <https://www.tcpdump.org/linktypes.html>
//! - RFC 826, RFC 2784, RFC 7348, RFC 8926, RFC 2661, RFC 4380; 3GPP TS 29.281

use super::frame::Area;
use super::pseudonyms::Pseudonyms;
use crate::packet::trace::{LinkHead, passed};

/// `ARPHRD` addresses of this length are a card's, and of this an IPv4 address of a tunnel's end.
const MAC: usize = 6;
const IPV4: usize = 4;

/// Most bytes of a head of labels, tags or numbers.
const MOST_NUMBERS: usize = 64;

/// The heads from `at` on, which is what `head` says and of which the wire had `wire` bytes.
pub(super) fn heads(
    area: &mut Area<'_>,
    head: LinkHead,
    at: usize,
    wire: usize,
    to: &mut Pseudonyms,
) {
    let frame = area.old.get(at..).unwrap_or_default();
    for head in passed(head, frame, wire) {
        let from = at + head.at;
        let end = head.end.map(|end| at + end);
        let mut inside = Inside {
            area,
            at: from,
            end: end.unwrap_or(usize::MAX),
        };
        match (head.head, end) {
            (LinkHead::Link(number), _) => link(&mut inside, number, to),
            (LinkHead::Type(number), Some(_)) => typed(&mut inside, number),
            (LinkHead::Type(0x0806), None) => arp(&mut inside, to),
            (LinkHead::Ppp | LinkHead::Llc, Some(_)) => inside.keep_numbers(),
            (_, None) => {}
        }
    }
}

/// A head being rewritten.
struct Inside<'i, 'a> {
    area: &'i mut Area<'a>,
    at: usize,
    /// Where the next begins.
    end: usize,
}

impl Inside<'_, '_> {
    /// Copies `len` bytes from `from` on, as far as the head goes.
    fn keep(&mut self, from: usize, len: usize) {
        let at = self.at.saturating_add(from);
        let len = len.min(self.end.saturating_sub(at));
        self.area.copy(at, len);
    }

    /// Copies a head that is nothing but numbers, all of it.
    fn keep_numbers(&mut self) {
        self.keep(0, MOST_NUMBERS);
    }

    fn mac(&mut self, from: usize, to: &Pseudonyms) {
        let at = self.at.saturating_add(from);
        if at.saturating_add(MAC) <= self.end {
            self.area.mac(at, to);
        }
    }

    fn byte(&self, from: usize) -> u8 {
        self.area.byte(self.at.saturating_add(from))
    }

    /// Bytes of the head, as far as its end is known.
    fn len(&self) -> usize {
        match self.end {
            usize::MAX => 0,
            end => end.saturating_sub(self.at),
        }
    }

    /// The address of one of Linux's cooked heads, in eight bytes of which `len` say something. The others
    /// are what was in the kernel's memory.
    fn cooked(&mut self, from: usize, len: usize, to: &mut Pseudonyms) {
        match len {
            MAC => self.mac(from, to),
            IPV4 => self.area.address(self.at.saturating_add(from), IPV4, to),
            _ => {}
        }
    }
}

/// The head of a link type.
#[expect(
    clippy::match_same_arms,
    reason = "an arm a link type: that two keep as many bytes is chance"
)]
fn link(head: &mut Inside<'_, '_>, number: u16, to: &mut Pseudonyms) {
    match number {
        1 => {
            head.mac(0, to);
            head.mac(6, to);
            head.keep(12, 2);
        }
        // Address families.
        0 | 108 => head.keep(0, 4),
        // A direction, or Cisco HDLC's address, control and type where it is not PPP.
        166 | 204 | 205 | 206 => head.keep(0, 1),
        50 | 104 => head.keep(0, head.len().min(4)),
        6 => {
            head.keep(0, 2);
            head.mac(2, to);
            head.mac(8, to);
            // A bit of the sender's address says that a route follows.
            let has_route = head.byte(8) & 0x80;
            if let Some(byte) = head.area.new.get_mut(head.at.saturating_add(8)) {
                *byte = (*byte & 0x7f) | has_route;
            }
            if has_route != 0 {
                head.keep(14, 1);
            }
        }
        10 => {
            head.keep(0, 1);
            head.mac(1, to);
            head.mac(7, to);
        }
        107 => head.keep(0, head.len().min(MOST_NUMBERS)),
        122 => {
            for at in [0, 8] {
                head.keep(at, 2);
                head.mac(at + 2, to);
            }
        }
        123 => head.keep(0, 4),
        138 => head.keep(16, 2),
        105 => wlan(head, to),
        // What it is, kind of card, length of the address; address; protocol.
        113 => {
            head.keep(0, 6);
            let len = usize::from(head.byte(4)) * 256 + usize::from(head.byte(5));
            head.cooked(6, len, to);
            head.keep(14, 2);
        }
        // Protocol; interface, kind of card, what it is, length of the address; address.
        276 => {
            head.keep(0, 2);
            head.keep(4, 8);
            head.cooked(12, usize::from(head.byte(11)), to);
        }
        // The lengths by which their ends are found: without fields behind them.
        127 => head.keep(2, 2),
        192 | 119 | 163 => head.keep(0, 8),
        239 => nflog(head),
        240 => head.keep(0, 4),
        242 => head.keep(40, 2),
        109 => head.keep(0, 12),
        117 => head.keep(0, 4),
        143 => head.keep(0, 4),
        130..=137 | 164 | 167 | 168 | 174 | 178..=181 | 183 | 194 | 200 | 232..=234 | 238 => {
            juniper(head);
        }
        197 => endace(head),
        226 => head.keep(0, 2),
        // Behind them are the names of an interface and of a process.
        258 => head.keep(0, 12),
        _ => {}
    }
}

/// What an `EtherType` names.
fn typed(head: &mut Inside<'_, '_>, number: u16) {
    match number {
        0x0800 | 0x86dd => {}
        0x22f3 | 0x8864 => head.keep(0, 6),
        // Contexts of the network's own may follow.
        0x894f => head.keep(0, 8),
        _ => head.keep_numbers(),
    }
}

/// ARP of Ethernet and IPv4.
fn arp(head: &mut Inside<'_, '_>, to: &mut Pseudonyms) {
    let at = head.at;
    if head.area.old.get(at..at.saturating_add(6)) == Some(&[0, 1, 8, 0, 6, 4]) {
        head.keep(0, 8);
        head.mac(8, to);
        head.area.address(at + 14, 4, to);
        head.mac(18, to);
        head.area.address(at + 24, 4, to);
    }
}

/// An 802.11 head.
fn wlan(head: &mut Inside<'_, '_>, to: &Pseudonyms) {
    // Of what is no data nobody needs more.
    if head.len() == 0 {
        return;
    }
    head.keep(0, 4);
    for at in [4, 10, 16] {
        head.mac(at, to);
    }
    head.keep(22, 2);
    let (kind, flags) = (head.byte(0), head.byte(1));
    let mut len = 24;
    if flags & 3 == 3 {
        head.mac(24, to);
        len += MAC;
    }
    if kind & 0x80 != 0 {
        head.keep(len, 2);
    }
}

/// The attributes of Linux's netfilter log: a rule's text and addresses of cards are not taken over.
fn nflog(head: &mut Inside<'_, '_>) {
    let len = head.len();
    head.keep(0, 4);
    let mut at = 4;
    while at + 4 <= len {
        head.keep(at, 4);
        let lengths = [
            u16::from_le_bytes([head.byte(at), head.byte(at + 1)]),
            u16::from_be_bytes([head.byte(at), head.byte(at + 1)]),
        ];
        let fits = |value: &usize| *value >= 4 && at + value.next_multiple_of(4) <= len;
        let Some(value) = lengths.map(usize::from).into_iter().find(fits) else {
            return;
        };
        at += value.next_multiple_of(4);
    }
}

/// Juniper's: extensions name interfaces; at the end the protocol, where there is no link layer.
fn juniper(head: &mut Inside<'_, '_>) {
    let flags = head.byte(3);
    head.keep(0, if flags & 0x80 == 0 { 4 } else { 6 });
    if flags & 2 != 0 {
        let len = head.len();
        head.keep(len.saturating_sub(4), 4);
    }
}

/// Endace's record: behind the time kind, flags and lengths, and which extensions follow.
fn endace(head: &mut Inside<'_, '_>) {
    head.keep(8, 8);
    let (mut at, mut more) = (16, head.byte(8) & 0x80 != 0);
    while more && at < head.len() {
        head.keep(at, 1);
        more = head.byte(at) & 0x80 != 0;
        at += 8;
    }
}

/// A tunnel's own head, from `at` to `end`, in UDP between `ports`.
pub(super) fn in_udp(area: &mut Area<'_>, at: usize, end: usize, ports: (u16, u16)) {
    let uses = |port: u16| ports.0 == port || ports.1 == port;
    let mut head = Inside { area, at, end };
    if uses(2152) {
        gtp(&mut head);
    } else if uses(4789) || uses(8472) || uses(4790) || uses(6081) || uses(5247) || uses(4341) {
        // Options, and what an access point says of itself, are not taken over.
        head.keep(0, 8);
    } else if ports.1 == 30_030 || uses(4500) {
        head.keep(0, 8);
    } else if uses(1701) {
        head.keep(0, if head.byte(1) & 15 == 3 { 8 } else { 14 });
    } else if uses(3544) {
        // The lengths of the authentication; the sender's own address is behind it.
        if (head.byte(0), head.byte(1)) == (0, 1) {
            head.keep(0, 4);
        }
    } else if ports.1 == 37_008 {
        tzsp(&mut head);
    } else if uses(4754) {
        gre(&mut head);
    } else if uses(6080) {
        let first = head.byte(0);
        if first >> 6 == 0 {
            head.keep(0, 4);
            if head.byte(1) == 47 {
                let at = at + 4 + usize::from(first & 0x1f) * 4;
                gre(&mut Inside { area, at, end });
            }
        }
    }
}

/// A tunnel's own head, from `at` to `end`, in IP.
pub(super) fn in_ip(area: &mut Area<'_>, at: usize, end: usize, protocol: u8) {
    let mut head = Inside { area, at, end };
    match protocol {
        47 => gre(&mut head),
        50 => head.keep(0, 8),
        97 => head.keep(0, 2),
        115 => head.keep(0, 4),
        _ => {}
    }
}

/// GRE with its optional fields, and what ERSPAN and web cache redirection put behind: numbers.
fn gre(head: &mut Inside<'_, '_>) {
    head.keep(0, 36);
}

/// GTP-U: of extension headers what they are and how long.
fn gtp(head: &mut Inside<'_, '_>) {
    if head.byte(0).trailing_zeros() >= 3 {
        return head.keep(0, 8);
    }
    head.keep(0, 12);
    let mut at = 12;
    while at < head.len() {
        let len = usize::from(head.byte(at)) * 4;
        if len == 0 {
            return;
        }
        head.keep(at, 1);
        head.keep(at + len - 1, 1);
        at += len;
    }
}

/// TZSP: of tags what they are and how long.
fn tzsp(head: &mut Inside<'_, '_>) {
    head.keep(0, 4);
    let mut at = 4;
    while at < head.len() {
        match head.byte(at) {
            0 => at += 1,
            1 => return head.keep(at, 1),
            _ => {
                head.keep(at, 2);
                at += 2 + usize::from(head.byte(at + 1));
            }
        }
    }
}

/// A debug recording's head: version, flags and what it is about; whose message it is.
pub(super) fn recording(area: &mut Area<'_>, at: usize, end: usize, to: &mut Pseudonyms) {
    let version = area.byte(at);
    let (fields, len) = match version {
        0..=4 => (11, 15),
        5 | 6 => (11, 19),
        7 => (11, 23),
        8 => (11, 24),
        9 => (15, 28),
        _ => return,
    };
    area.copy(at, 1);
    area.copy(at + fields, 4);
    let extension = at + len;
    if extension + 13 > end || version < 5 {
        return;
    }
    // Of the plaintext of TLS ports come first, of messages addresses.
    let is_tls = matches!(area.byte(at + fields + 2), 33 | 34);
    let (addresses, ports) = if is_tls { (4, 0) } else { (0, 8) };
    area.copy(extension + ports, 4);
    area.address(extension + addresses, IPV4, to);
    area.address(extension + addresses + 4, IPV4, to);
    area.copy(extension + 12, 1);
}
