//! Tunnels named by a UDP port, opened.
//!
//! In: a UDP datagram. Out: the inner layer, handed back to `link` or `ip` a nesting deeper; or
//! the answer that it is no tunnel, so that the datagram is handed out as it is. A port alone is
//! no proof: the tunnel's head and the inner packet's must fit, so that SIP or RTP on such a port
//! is not lost.
//!
//! # References
//! - RFC 7348 (VXLAN), draft-ietf-nvo3-vxlan-gpe, RFC 8926 (GENEVE), RFC 7510 (MPLS in UDP)
//! - RFC 2661, RFC 3931 (L2TP), 3GPP TS 29.281 (GTP-U), RFC 8086 (GRE in UDP), RFC 4380 (Teredo)
//! - RFC 6830 (LISP), draft-ietf-intarea-gue, TZSP of Tazmen and `MikroTik`

use memchr::memmem;

use super::decoder::{Decoder, Pass};
use super::ip::{Envelope, Outer};
use super::link::{self, ETHERNET_HEAD, Head, Peeled};
use super::trace::What;
use super::tunnel::{GRE, l2tp_v3_frame};
use super::{Layer, Packet, acdr, capwap, esp, gre, hep};
use crate::defect::{Defect, DefectKind};
use crate::units::Flow;

/// Where routers mirror packets to: Juniper's, `MikroTik`'s.
const JUNIPER_MIRROR: u16 = 30_030;
const TZSP: u16 = 37_008;

/// Where switches send samples to.
const SFLOW: u16 = 6343;

/// Bytes that any tunnel's head and that of an Ethernet frame and IP packet in it fit into.
const LEAST: usize = 96;

/// Whether a datagram may be a tunnel's. Cheap: asked of every datagram.
#[inline]
pub(super) fn is_candidate(flow: &Flow, payload: &[u8]) -> bool {
    is_tunnels(flow.src.port)
        || is_tunnels(flow.dst.port)
        || matches!(flow.dst.port, JUNIPER_MIRROR | TZSP | SFLOW)
        || hep::has_magic(payload)
}

/// Whether the port is that of a tunnel known here, those of remote taps apart.
#[inline]
const fn is_tunnels(port: u16) -> bool {
    matches!(
        port,
        acdr::PORT
            | 1701
            | 2152
            | 3544
            | 4341
            | 4500
            | 4754
            | 4789
            | 4790
            | capwap::PORT
            | 6080
            | 6081
            | 6635
            | 8472
            | hep::PORT
    )
}

/// Whether one side of a flow uses the port.
const fn uses(flow: &Flow, port: u16) -> bool {
    flow.src.port == port || flow.dst.port == port
}

impl Decoder {
    /// Opens the tunnel a datagram is part of. False if it is none, or if what is inside is not
    /// what its head says: then it is a datagram as any other.
    #[cold]
    #[inline(never)]
    pub(super) fn udp_tunnel<O: FnMut(Packet<'_>), D: FnMut(Defect)>(
        &mut self,
        pass: &mut Pass<'_, O, D>,
        envelope: Envelope<'_>,
        flow: &Flow,
        payload: Layer<'_>,
        depth: u8,
    ) -> bool {
        let outer = envelope.outer(depth);
        if uses(flow, 2152)
            && let Some(packet) = gtp_packet(payload)
        {
            self.inner_ip(pass, packet, outer);
            return true;
        }
        if (uses(flow, 4789) || uses(flow, 8472) || uses(flow, 4790))
            && let Some((head, inner)) = vxlan(payload)
        {
            return self.inner_if_plausible(pass, head, inner, outer);
        }
        if uses(flow, 6081)
            && let Some((head, inner)) = geneve(payload)
        {
            return self.inner_if_plausible(pass, head, inner, outer);
        }
        // A label proves nothing: an IP packet must follow.
        if uses(flow, 6635)
            && let Peeled::Ip(packet) = link::climb(Head::Type(0x8847), payload)
            && packet.is_ip()
        {
            self.mark(|| What::Link(Head::Type(0x8847)), payload);
            self.inner_ip(pass, packet, outer);
            return true;
        }
        if uses(flow, 1701) {
            if let Some(frame) = l2tp_v2_frame(payload) {
                return self.inner_if_plausible(pass, Head::Ppp, frame, outer);
            }
            // Version 3: flags and version, 16 bits reserved, session.
            if payload.bytes.starts_with(&[0, 3, 0, 0])
                && let Some(frame) = payload.skip(8).and_then(l2tp_v3_frame)
            {
                self.frame(pass, ETHERNET_HEAD, frame, outer);
                return true;
            }
        }
        if self.young_tunnel(pass, envelope, flow, payload, depth) {
            return true;
        }
        if uses(flow, 4500) {
            if self.esp(pass, envelope, payload, depth) {
                return true;
            }
            if esp::is_in_udp(payload) {
                pass.defect(DefectKind::Encrypted, esp::ENCRYPTED);
                return false;
            }
        }
        if (hep::has_magic(payload.bytes) || uses(flow, hep::PORT))
            && self.hep(pass, envelope, flow, payload)
        {
            return true;
        }
        // Too little of it to tell what it is; as a datagram it would be nothing.
        if payload.is_snapped() && payload.bytes.len() < LEAST && flow.dst.port != SFLOW {
            pass.header_cut(payload, "");
        }
        false
    }

    /// Tunnels and mirrors whose head says little, so that an IP packet must be inside.
    fn young_tunnel<O: FnMut(Packet<'_>), D: FnMut(Defect)>(
        &mut self,
        pass: &mut Pass<'_, O, D>,
        envelope: Envelope<'_>,
        flow: &Flow,
        payload: Layer<'_>,
        depth: u8,
    ) -> bool {
        let outer = envelope.outer(depth);
        let packet = match flow.dst.port {
            // Session and intercept before the packet.
            JUNIPER_MIRROR => payload.skip(8),
            _ if uses(flow, 3544) => teredo_packet(payload),
            _ if uses(flow, 4341) => lisp_packet(payload),
            _ => None,
        };
        if let Some(packet) = packet.filter(|packet| is_whole_ip(*packet)) {
            self.inner_ip(pass, packet, outer);
            return true;
        }
        if flow.dst.port == TZSP
            && let Some((head, inner)) = tzsp(payload)
        {
            return self.inner_if_plausible(pass, head, inner, outer);
        }
        if uses(flow, 4754) && gre::open(payload).packet().is_some_and(Layer::is_ip) {
            self.ip_tunnel(pass, envelope, GRE, payload, depth);
            return true;
        }
        if uses(flow, 6080)
            && let Some((protocol, inner)) = gue(payload)
        {
            self.ip_tunnel(pass, envelope, protocol, inner, depth);
            return true;
        }
        if uses(flow, capwap::PORT) {
            return self.capwap(pass, envelope, payload, depth);
        }
        if uses(flow, acdr::PORT) {
            return self.acdr(pass, envelope, flow, payload, depth);
        }
        // Samples of what passes a switch: nothing follows from what is not among them.
        if flow.dst.port == SFLOW
            && payload.bytes.starts_with(&[0, 0, 0, 5])
            && memmem::find(payload.bytes, b"SIP/2.0").is_some()
        {
            pass.defect(
                DefectKind::Tunnel,
                "sFlow samples hold pieces of SIP; they are not read, since samples leave out most packets: mirror the port itself",
            );
        }
        false
    }

    /// What is inside a tunnel, if it is an IP packet or nothing of ours; false, and nothing
    /// told, if an IP packet should be there and is not.
    fn inner_if_plausible<O: FnMut(Packet<'_>), D: FnMut(Defect)>(
        &mut self,
        pass: &mut Pass<'_, O, D>,
        head: Head,
        inner: Layer<'_>,
        outer: Outer<'_>,
    ) -> bool {
        let peeled = link::climb(head, inner);
        match peeled {
            Peeled::Ip(packet) if !packet.is_ip() => return false,
            Peeled::Short if !inner.is_snapped() => return false,
            _ => {}
        }
        self.mark(|| What::Link(head), inner);
        self.inner(pass, peeled, inner, outer);
        true
    }
}

/// The packet in a G-PDU of GTP-U (TS 29.281 §5.1). Its head: version 1, protocol type 1; message
/// type 255; the length of what follows 8 bytes. Four more bytes, and extension headers, if one of
/// three flags is set. Other message types (echo, end marker) carry nothing.
fn gtp_packet(payload: Layer<'_>) -> Option<Layer<'_>> {
    let &[flags, kind, high, low, ..] = payload.array::<8>(0)?;
    let len = usize::from(u16::from_be_bytes([high, low]));
    if flags & 0xf0 != 0x30 || kind != 255 || len > payload.wire - 8 {
        return None;
    }
    let mut at = 8;
    if flags & 0x07 != 0 {
        let mut next = *payload.bytes.get(11)?;
        at = 12;
        // The field says nothing unless its flag is set.
        if flags & 0x04 == 0 {
            next = 0;
        }
        // An extension header: its length in 4 bytes, what it is about, the next one's type.
        while next != 0 {
            let len = usize::from(*payload.bytes.get(at)?) * 4;
            at += len;
            next = match len {
                0 => return None,
                _ => *payload.bytes.get(at - 1)?,
            };
        }
    }
    payload
        .cut(8 + len)
        .skip(at)
        .filter(|packet| packet.is_ip())
}

/// What a VXLAN header names (RFC 7348 §5), or that of its generic extension. Only the flags that
/// are defined may be set.
fn vxlan(payload: Layer<'_>) -> Option<(Head, Layer<'_>)> {
    let &[flags, _, high, protocol, _, _, _, last] = payload.array::<8>(0)?;
    // The network is given, and where group policy is in use a group, whose fields are open.
    let inner = payload.skip(8)?;
    if last != 0 {
        return None;
    }
    match flags {
        0x08 if high == 0 && protocol == 0 => Some((Head::Link(1), inner)),
        0x88 => inner.is_ethernet().then_some((Head::Link(1), inner)),
        // The generic extension says the protocol.
        0x0c | 0x0d if high == 0 => match protocol {
            1 => Some((Head::Type(0x0800), inner)),
            2 => Some((Head::Type(0x86dd), inner)),
            3 => Some((Head::Link(1), inner)),
            4 => Some((Head::Type(0x894f), inner)),
            5 => Some((Head::Type(0x8847), inner)),
            _ => None,
        },
        _ => None,
    }
}

/// What a GENEVE header names (RFC 8926 §3.4): version 0, options by length, an `EtherType`.
fn geneve(payload: Layer<'_>) -> Option<(Head, Layer<'_>)> {
    let &[options, flags, _, _, _, _, _, reserved] = payload.array::<8>(0)?;
    if options & 0xc0 != 0 || flags & 0x3f != 0 || reserved != 0 {
        return None;
    }
    let number = payload.u16_be(2)?;
    let inner = payload.skip(8 + usize::from(options) * 4)?;
    matches!(number, 0x6558 | 0x0800 | 0x86dd | 0x8847).then_some((Head::Type(number), inner))
}

/// The PPP frame of a version 2 data message (RFC 2661 §3.1).
fn l2tp_v2_frame(payload: Layer<'_>) -> Option<Layer<'_>> {
    let flags = payload.u16_be(0)?;
    // A data message of version 2; reserved bits are 0.
    if flags & 0x8000 != 0 || flags & 0x34ff != 0x0002 {
        return None;
    }
    let (has_length, has_sequence, has_offset) = (
        flags & 0x4000 != 0,
        flags & 0x0800 != 0,
        flags & 0x0200 != 0,
    );
    let mut message = payload;
    let mut at = 2;
    if has_length {
        let len = usize::from(payload.u16_be(2)?);
        if len > payload.wire {
            return None;
        }
        message = payload.cut(len);
        at += 2;
    }
    // Tunnel and session.
    at += 4;
    if has_sequence {
        at += 4;
    }
    if has_offset {
        at += 2 + usize::from(message.u16_be(at)?);
    }
    message.skip(at)
}

/// Whether it is an IP packet, by more than its first byte.
fn is_whole_ip(packet: Layer<'_>) -> bool {
    packet.bytes.len() >= 20 && packet.is_ip()
}

/// The IPv6 packet behind Teredo's authentication and origin (RFC 4380 §5.1.1).
fn teredo_packet(mut payload: Layer<'_>) -> Option<Layer<'_>> {
    if let Some(&[0, 1, client, authentication]) = payload.array::<4>(0) {
        // Nonce and confirmation.
        payload = payload.skip(13 + usize::from(client) + usize::from(authentication))?;
    }
    if payload.bytes.starts_with(&[0, 0]) {
        payload = payload.skip(8)?;
    }
    (payload.bytes.first()? >> 4 == 6).then_some(payload)
}

/// The packet behind a LISP header (RFC 6830 §5.1): nonce or map version present, echo request,
/// status bits; the bits that are reserved are 0.
fn lisp_packet(payload: Layer<'_>) -> Option<Layer<'_>> {
    let flags = *payload.bytes.first()?;
    (flags.trailing_zeros() >= 3).then_some(payload.skip(8)?)
}

/// What Linux calls generic UDP encapsulation: of variant 1 an IP packet and nothing else, of
/// variant 0 a head with flags, its length in words and the protocol.
fn gue(payload: Layer<'_>) -> Option<(u8, Layer<'_>)> {
    let &[first, protocol, ..] = payload.array::<4>(0)?;
    let (protocol, inner) = match first >> 6 {
        1 => (if first >> 4 == 4 { 4 } else { 41 }, payload),
        // Bit 5: a control message.
        0 if first & 0x20 == 0 => {
            let len = 4 + usize::from(first & 0x1f) * 4;
            (protocol, payload.skip(len)?)
        }
        _ => return None,
    };
    let is_it = match protocol {
        4 | 41 => is_whole_ip(inner),
        GRE => gre::open(inner).packet().is_some_and(Layer::is_ip),
        _ => false,
    };
    is_it.then_some((protocol, inner))
}

/// What a remote tap sends: version, type, what is inside, then tags until the one that ends them.
fn tzsp(payload: Layer<'_>) -> Option<(Head, Layer<'_>)> {
    let &[1, 0 | 1, high, low] = payload.array::<4>(0)? else {
        return None;
    };
    let head = match u16::from_be_bytes([high, low]) {
        1 => Head::Link(1),
        18 => Head::Link(105),
        119 => Head::Link(119),
        127 => Head::Link(163),
        _ => return None,
    };
    let mut at = 4;
    loop {
        match payload.bytes.get(at)? {
            // Filling.
            0 => at += 1,
            1 => return Some((head, payload.skip(at + 1)?)),
            _ => at += 2 + usize::from(*payload.bytes.get(at + 1)?),
        }
    }
}
