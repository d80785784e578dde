//! IPv4 and IPv6: whose packet it is and what it carries.
//!
//! In: a [`Layer`] that begins with an IP header. Out: the payload to `transport` or `tunnel`, or
//! a fragment to `defrag` and then the datagram put together to them. Extension headers are
//! passed, at most [`MAX_NESTING`] of them.
//!
//! # References
//! - RFC 791, RFC 8200, RFC 4302

use std::net::IpAddr;

use etherparse::{
    IpAuthHeaderSlice, IpFragOffset, Ipv4HeaderSlice, Ipv6FragmentHeaderSlice, Ipv6HeaderSlice,
    Ipv6RawExtHeaderSlice,
};

use super::decoder::{Decoder, Pass};
use super::defrag::{Key, Piece};
use super::trace::{self, What};
use super::{Layer, MAX_NESTING, Packet};
use crate::defect::{Defect, DefectKind};
use crate::units::FrameRef;

/// What an IP header says, and where its payload came from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Envelope<'a> {
    pub(super) src: IpAddr,
    pub(super) dst: IpAddr,
    /// IPv4 Identification, 0 of IPv6.
    pub(super) id: u16,
    pub(super) ttl: u8,
    /// Frames of earlier fragments.
    pub(super) earlier: &'a [FrameRef],
    pub(super) fragmented: bool,
}

/// What an inner packet takes over from the one around it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outer<'a> {
    /// Headers around it.
    pub(super) depth: u8,
    /// Frames of earlier fragments of the packet around it.
    pub(super) earlier: &'a [FrameRef],
    pub(super) fragmented: bool,
}

impl Outer<'_> {
    /// Nothing around it.
    pub(super) const NONE: Self = Outer {
        depth: 0,
        earlier: &[],
        fragmented: false,
    };
}

impl<'a> Envelope<'a> {
    /// What a packet inside this one, `depth` headers deep, takes over.
    pub(super) fn outer(&self, depth: u8) -> Outer<'a> {
        Outer {
            depth: depth.saturating_add(1),
            earlier: self.earlier,
            fragmented: self.fragmented,
        }
    }
}

/// A fragment's own facts.
#[derive(Clone, Copy)]
struct Fragment {
    id: u32,
    protocol: u8,
    offset: IpFragOffset,
    more: bool,
}

const UDP: u8 = 17;
const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const DESTINATION_OPTIONS: u8 = 60;

const TOO_SHORT: &str = "the packet ends inside its IP headers";
const NOT_AS_LONG: &str = "the IP header says a length that the frame did not have on the wire";

impl Decoder {
    /// An IP packet.
    #[inline]
    pub(super) fn ip<O: FnMut(Packet<'_>), D: FnMut(Defect)>(
        &mut self,
        pass: &mut Pass<'_, O, D>,
        packet: Layer<'_>,
        outer: Outer<'_>,
    ) {
        self.mark(|| What::Ip, packet);
        match packet.bytes.first().map(|first| first >> 4) {
            Some(4) => self.ipv4(pass, packet, outer),
            Some(6) => self.ipv6(pass, packet, outer),
            Some(_) => pass.defect(
                DefectKind::MalformedPacket,
                "what should be an IP packet is of neither version 4 nor 6",
            ),
            None => pass.header_cut(packet, TOO_SHORT),
        }
    }

    #[inline]
    fn ipv4<O: FnMut(Packet<'_>), D: FnMut(Defect)>(
        &mut self,
        pass: &mut Pass<'_, O, D>,
        packet: Layer<'_>,
        outer: Outer<'_>,
    ) {
        let Ok(header) = Ipv4HeaderSlice::from_slice(packet.bytes) else {
            return pass.header_cut(packet, "the IPv4 header makes no sense");
        };
        let Some(behind) = packet.skip(header.slice().len()) else {
            return;
        };
        let payload = match usize::from(header.total_len()) {
            // Not yet filled in where the network card cuts packets (TCP segmentation offload).
            0 => behind,
            total => match total.checked_sub(header.slice().len()) {
                Some(len) => behind.cut(len),
                None => {
                    return pass.defect(
                        DefectKind::MalformedPacket,
                        "the IPv4 header says a length shorter than itself",
                    );
                }
            },
        };
        if payload.wire > behind.wire {
            pass.defect(DefectKind::MalformedPacket, NOT_AS_LONG);
        }
        let envelope = Envelope {
            src: IpAddr::V4(header.source_addr()),
            dst: IpAddr::V4(header.destination_addr()),
            id: header.identification(),
            ttl: header.ttl(),
            earlier: outer.earlier,
            fragmented: outer.fragmented,
        };
        if header.is_fragmenting_payload() {
            let fragment = Fragment {
                id: u32::from(header.identification()),
                protocol: header.protocol().0,
                offset: header.fragments_offset(),
                more: header.more_fragments(),
            };
            self.fragment(pass, envelope, fragment, payload, outer.depth);
        } else {
            self.payload(pass, envelope, header.protocol().0, payload, outer.depth);
        }
    }

    fn ipv6<O: FnMut(Packet<'_>), D: FnMut(Defect)>(
        &mut self,
        pass: &mut Pass<'_, O, D>,
        packet: Layer<'_>,
        outer: Outer<'_>,
    ) {
        let Ok(header) = Ipv6HeaderSlice::from_slice(packet.bytes) else {
            return pass.header_cut(packet, TOO_SHORT);
        };
        let Some(behind) = packet.skip(header.slice().len()) else {
            return;
        };
        let payload = match usize::from(header.payload_length()) {
            // Segmentation offload, or a jumbogram (RFC 2675).
            0 => behind,
            len => behind.cut(len),
        };
        if payload.wire > behind.wire {
            pass.defect(DefectKind::MalformedPacket, NOT_AS_LONG);
        }
        let envelope = Envelope {
            src: IpAddr::V6(header.source_addr()),
            dst: IpAddr::V6(header.destination_addr()),
            id: 0,
            ttl: header.hop_limit(),
            earlier: outer.earlier,
            fragmented: outer.fragmented,
        };
        self.payload(pass, envelope, header.next_header().0, payload, outer.depth);
    }

    /// What an IP header or extension header names as next.
    #[inline]
    pub(super) fn payload<O: FnMut(Packet<'_>), D: FnMut(Defect)>(
        &mut self,
        pass: &mut Pass<'_, O, D>,
        envelope: Envelope<'_>,
        protocol: u8,
        layer: Layer<'_>,
        depth: u8,
    ) {
        match protocol {
            HOP_BY_HOP | ROUTING | DESTINATION_OPTIONS | FRAGMENT | AUTHENTICATION => {
                self.extension(pass, envelope, protocol, layer, depth);
            }
            _ => self.transport(pass, envelope, protocol, layer, depth),
        }
    }

    #[inline(never)]
    fn extension<O: FnMut(Packet<'_>), D: FnMut(Defect)>(
        &mut self,
        pass: &mut Pass<'_, O, D>,
        envelope: Envelope<'_>,
        protocol: u8,
        layer: Layer<'_>,
        depth: u8,
    ) {
        if depth >= MAX_NESTING {
            return pass.too_deep();
        }
        if protocol == FRAGMENT {
            let (Ok(header), Some(inner)) = (
                Ipv6FragmentHeaderSlice::from_slice(layer.bytes),
                layer.skip(8),
            ) else {
                return pass.header_cut(layer, TOO_SHORT);
            };
            let protocol = header.next_header().0;
            if header.is_fragmenting_payload() {
                let fragment = Fragment {
                    id: header.identification(),
                    protocol,
                    offset: header.fragment_offset(),
                    more: header.more_fragments(),
                };
                return self.fragment(pass, envelope, fragment, inner, depth + 1);
            }
            // An atomic fragment (RFC 6946) is whole.
            return self.payload(pass, envelope, protocol, inner, depth + 1);
        }
        match extension_header(protocol, layer.bytes) {
            Some((next, len)) => match layer.skip(len) {
                Some(inner) => self.payload(pass, envelope, next, inner, depth + 1),
                None => pass.header_cut(layer, TOO_SHORT),
            },
            None => pass.header_cut(layer, TOO_SHORT),
        }
    }

    #[inline(never)]
    fn fragment<O: FnMut(Packet<'_>), D: FnMut(Defect)>(
        &mut self,
        pass: &mut Pass<'_, O, D>,
        envelope: Envelope<'_>,
        fragment: Fragment,
        layer: Layer<'_>,
        depth: u8,
    ) {
        self.mark(
            || {
                What::Fragment(trace::Piece {
                    src: envelope.src,
                    dst: envelope.dst,
                    id: fragment.id,
                    protocol: fragment.protocol,
                    offset_bytes: usize::from(fragment.offset.byte_offset()),
                })
            },
            layer,
        );
        // The beginning of a datagram tells what it is, even if the snap length cut it; how long it
        // was only UDP says itself.
        if layer.is_snapped() && fragment.offset.value() == 0 && fragment.protocol == UDP {
            let envelope = Envelope {
                fragmented: true,
                ..envelope
            };
            let layer = Layer {
                bytes: layer.bytes,
                wire: usize::from(u16::MAX),
            };
            return self.payload(pass, envelope, UDP, layer, depth);
        }
        if layer.is_snapped() {
            return pass.defect(
                DefectKind::Snapped,
                "the snap length cut an IP fragment, so its datagram cannot be put together; capture whole packets (tcpdump -s 0)",
            );
        }
        let key = Key {
            src: envelope.src,
            dst: envelope.dst,
            id: fragment.id,
            protocol: fragment.protocol,
        };
        let piece = Piece {
            offset: fragment.offset,
            more: fragment.more,
            bytes: layer.bytes,
        };
        let whole = self
            .defrag
            .push(key, piece, pass.at, pass.time, pass.defects);
        if let Some(whole) = whole {
            let envelope = Envelope {
                earlier: &whole.frames,
                fragmented: true,
                ..envelope
            };
            let layer = Layer {
                bytes: &whole.data,
                wire: whole.data.len(),
            };
            self.mark(|| What::Whole(whole.data.clone()), layer);
            self.payload(
                pass,
                envelope,
                fragment.protocol,
                layer,
                depth.saturating_add(1),
            );
            self.defrag.recycle(whole);
        }
    }
}

/// What an extension header names as next, and its length.
pub(super) fn extension_header(protocol: u8, bytes: &[u8]) -> Option<(u8, usize)> {
    match protocol {
        HOP_BY_HOP | ROUTING | DESTINATION_OPTIONS => {
            let header = Ipv6RawExtHeaderSlice::from_slice(bytes).ok()?;
            Some((header.next_header().0, header.slice().len()))
        }
        AUTHENTICATION => {
            let header = IpAuthHeaderSlice::from_slice(bytes).ok()?;
            Some((header.next_header().0, header.slice().len()))
        }
        // Of a quoted packet: the first fragment begins like the whole.
        FRAGMENT => {
            let header = Ipv6FragmentHeaderSlice::from_slice(bytes).ok()?;
            let is_first = header.fragment_offset().value() == 0;
            is_first.then_some((header.next_header().0, header.slice().len()))
        }
        _ => None,
    }
}

/// Whether `protocol` is an extension header.
pub(super) const fn is_extension(protocol: u8) -> bool {
    matches!(
        protocol,
        HOP_BY_HOP | ROUTING | DESTINATION_OPTIONS | FRAGMENT | AUTHENTICATION
    )
}
