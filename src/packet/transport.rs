//! UDP, TCP, and ICMP errors that quote them.
//!
//! In: an IP payload, whole. Out: [`Packet`], unless `tunnel` or `relay` find another packet in it. Payloads end where the header's length says; what a
//! snap length cut off is told by `snapped` and `wire_len`.
//!
//! # References
//! - RFC 768, RFC 3828, RFC 9293 §3.1, RFC 792, RFC 4443, RFC 4884 §5

use std::net::IpAddr;

use etherparse::{Ipv4HeaderSlice, Ipv6HeaderSlice, TcpHeaderSlice, UdpHeaderSlice};

use super::decoder::{Decoder, Pass};
use super::ip::{Envelope, extension_header, is_extension};
use super::trace::What;
use super::{Datagram, IcmpError, Layer, MAX_NESTING, Packet, Segment, TcpFlags, udp_tunnel};
use crate::defect::{Defect, DefectKind};
use crate::units::{Endpoint, Flow, Origin, Transport};

const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMPV6: u8 = 58;
const SCTP: u8 = 132;
const UDP_LITE: u8 = 136;

const UDP_HEAD: usize = 8;
const TCP_HEAD: usize = 20;
const ICMP_HEAD: usize = 8;

const TCP_CUT: &str = "the packet ends inside its TCP header, or the header makes no sense";

impl Decoder {
    /// Hands on what `protocol` carries; protocols that are neither transports nor tunnels are
    /// nothing.
    #[inline]
    pub(super) fn transport<O: FnMut(Packet<'_>), D: FnMut(Defect)>(
        &mut self,
        pass: &mut Pass<'_, O, D>,
        envelope: Envelope<'_>,
        protocol: u8,
        layer: Layer<'_>,
        depth: u8,
    ) {
        self.mark(|| What::Transport(protocol), layer);
        match protocol {
            UDP => self.udp(pass, envelope, layer, depth),
            TCP => Self::tcp(pass, envelope, layer),
            SCTP => pass.sctp(envelope, layer),
            UDP_LITE => pass.udp_lite(envelope, layer),
            ICMP if envelope.src.is_ipv4() => pass.icmp(envelope, layer),
            ICMPV6 if envelope.src.is_ipv6() => pass.icmp(envelope, layer),
            _ => self.ip_tunnel(pass, envelope, protocol, layer, depth),
        }
    }

    #[inline]
    fn udp<O: FnMut(Packet<'_>), D: FnMut(Defect)>(
        &mut self,
        pass: &mut Pass<'_, O, D>,
        envelope: Envelope<'_>,
        layer: Layer<'_>,
        depth: u8,
    ) {
        let (Ok(header), Some(behind)) = (
            UdpHeaderSlice::from_slice(layer.bytes),
            layer.skip(UDP_HEAD),
        ) else {
            return pass.header_cut(layer, "the packet ends inside its UDP header");
        };
        let payload = match usize::from(header.length()) {
            // Segmentation offload, or a jumbogram (RFC 2675).
            0 => behind,
            length => match length.checked_sub(UDP_HEAD) {
                Some(len) => behind.cut(len),
                None => {
                    return pass.defect(
                        DefectKind::MalformedPacket,
                        "the UDP header says a length shorter than itself",
                    );
                }
            },
        };
        if payload.wire > behind.wire {
            pass.defect(
                DefectKind::MalformedPacket,
                "the UDP header says a length that the IP packet did not have",
            );
        }
        let flow = Flow {
            src: Endpoint::new(envelope.src, header.source_port()),
            dst: Endpoint::new(envelope.dst, header.destination_port()),
            transport: Transport::Udp,
        };
        if udp_tunnel::is_candidate(&flow, payload.bytes)
            && self.udp_tunnel(pass, envelope, &flow, payload, depth)
        {
            return;
        }
        let origin = pass.origin(envelope, payload.is_snapped());
        (pass.out)(Packet::Datagram(Datagram {
            flow,
            origin,
            payload: payload.bytes,
        }));
    }

    #[inline]
    fn tcp<O: FnMut(Packet<'_>), D: FnMut(Defect)>(
        pass: &mut Pass<'_, O, D>,
        envelope: Envelope<'_>,
        layer: Layer<'_>,
    ) {
        // Options the snap length cut off are not worth losing the segment for.
        let mut without_options;
        let header_len = match layer.bytes.get(12) {
            Some(byte) => usize::from(byte >> 4) * 4,
            None => return pass.header_cut(layer, TCP_CUT),
        };
        let mut head = layer.bytes;
        if head.len() < header_len && layer.is_snapped() {
            let Some(fixed) = layer.bytes.first_chunk::<TCP_HEAD>() else {
                return pass.header_cut(layer, TCP_CUT);
            };
            without_options = *fixed;
            if let Some(words) = without_options.get_mut(12) {
                *words = 5 << 4;
            }
            head = &without_options;
        }
        let Ok(header) = TcpHeaderSlice::from_slice(head) else {
            return pass.header_cut(layer, TCP_CUT);
        };
        let payload = Layer {
            bytes: layer.bytes.get(header_len..).unwrap_or_default(),
            wire: layer.wire.saturating_sub(header_len),
        };
        let flow = Flow {
            src: Endpoint::new(envelope.src, header.source_port()),
            dst: Endpoint::new(envelope.dst, header.destination_port()),
            transport: Transport::Tcp,
        };
        let origin = pass.origin(envelope, layer.is_snapped());
        (pass.out)(Packet::Segment(Segment {
            flow,
            origin,
            seq: header.sequence_number(),
            ack: header.acknowledgment_number(),
            flags: TcpFlags {
                syn: header.syn(),
                ack: header.ack(),
                fin: header.fin(),
                rst: header.rst(),
            },
            payload: payload.bytes,
            wire_len: u32::try_from(payload.wire).unwrap_or(u32::MAX),
        }));
    }
}

impl<O: FnMut(Packet<'_>), D: FnMut(Defect)> Pass<'_, O, D> {
    /// UDP-Lite: as UDP, but the length says what the checksum covers (RFC 3828 §3.1).
    #[cold]
    fn udp_lite(&mut self, envelope: Envelope<'_>, layer: Layer<'_>) {
        let (Some(src), Some(dst), Some(payload)) =
            (layer.u16_be(0), layer.u16_be(2), layer.skip(UDP_HEAD))
        else {
            return self.header_cut(layer, "the packet ends inside its UDP-Lite header");
        };
        let origin = self.origin(envelope, payload.is_snapped());
        (self.out)(Packet::Datagram(Datagram {
            flow: Flow {
                src: Endpoint::new(envelope.src, src),
                dst: Endpoint::new(envelope.dst, dst),
                transport: Transport::Udp,
            },
            origin,
            payload: payload.bytes,
        }));
    }

    #[cold]
    fn icmp(&mut self, envelope: Envelope<'_>, layer: Layer<'_>) {
        let v6 = envelope.src.is_ipv6();
        let (Some(&[icmp_type, icmp_code, ..]), Some(behind)) = (
            layer.bytes.first_chunk::<ICMP_HEAD>(),
            layer.skip(ICMP_HEAD),
        ) else {
            return;
        };
        let is_error = if v6 {
            // RFC 4443: types below 128 are errors.
            matches!(icmp_type, 1..=4)
        } else {
            // RFC 792: unreachable, source quench, redirect, time exceeded, parameter problem.
            matches!(icmp_type, 3 | 4 | 5 | 11 | 12)
        };
        if !is_error {
            return;
        }
        // Extensions may follow the quoted packet, whose length the head then says (RFC 4884 §5).
        let quoted_len = match layer.bytes {
            [1 | 3, _, _, _, words, ..] if v6 => usize::from(*words) * 8,
            [3 | 11 | 12, _, _, _, _, words, ..] if !v6 => usize::from(*words) * 4,
            _ => 0,
        };
        let quoted = match quoted_len {
            0 => behind,
            len => behind.cut(len.min(behind.wire)),
        };
        let Some(packet) = quoted_packet(quoted.bytes) else {
            return;
        };
        let origin = self.origin(envelope, layer.is_snapped());
        (self.out)(Packet::IcmpError(IcmpError {
            reporter: Endpoint::new(envelope.src, 0),
            quoted: packet.flow,
            origin,
            icmp_type,
            icmp_code,
            v6,
            quoted_payload: packet.payload,
            quoted_id: packet.id,
            quoted_len: packet.len,
        }));
    }

    #[inline]
    pub(super) fn origin<'a>(&self, envelope: Envelope<'a>, snapped: bool) -> Origin<'a> {
        Origin {
            at: self.at,
            time: self.time,
            earlier: envelope.earlier,
            interface: self.interface,
            ip_id: envelope.id,
            ttl: envelope.ttl,
            snapped,
            fragmented: envelope.fragmented,
        }
    }
}

/// What an ICMP error quotes of a UDP or TCP packet, as [`IcmpError`] has it.
struct Quoted<'a> {
    flow: Flow,
    payload: &'a [u8],
    id: u16,
    len: u16,
}

/// Reads a quoted packet. Lengths in its headers are those of the whole packet, so they only bound
/// what is there.
fn quoted_packet(bytes: &[u8]) -> Option<Quoted<'_>> {
    let (src, dst, mut protocol, mut rest);
    let mut id = 0;
    let mut len = 0;
    match bytes.first()? >> 4 {
        4 => {
            let header = Ipv4HeaderSlice::from_slice(bytes).ok()?;
            if header.fragments_offset().value() != 0 {
                return None;
            }
            src = IpAddr::V4(header.source_addr());
            dst = IpAddr::V4(header.destination_addr());
            protocol = header.protocol().0;
            id = header.identification();
            // Some hosts quote it with the length in their own byte order: not used.
            rest = bytes.get(header.slice().len()..)?;
        }
        6 => {
            let header = Ipv6HeaderSlice::from_slice(bytes).ok()?;
            src = IpAddr::V6(header.source_addr());
            dst = IpAddr::V6(header.destination_addr());
            protocol = header.next_header().0;
            rest = bytes.get(header.slice().len()..)?;
        }
        _ => return None,
    }
    for _ in 0..MAX_NESTING {
        if !is_extension(protocol) {
            break;
        }
        let (next, len) = extension_header(protocol, rest)?;
        (protocol, rest) = (next, rest.get(len..)?);
    }
    let &[s0, s1, d0, d1] = rest.first_chunk::<4>()?;
    let (transport, payload) = match protocol {
        UDP => {
            let length = rest.get(4..)?.first_chunk::<2>();
            let length = length.map_or(0, |length| usize::from(u16::from_be_bytes(*length)));
            len = u16::try_from(length.saturating_sub(UDP_HEAD)).unwrap_or(0);
            let whole = rest.get(..length).filter(|whole| whole.len() >= UDP_HEAD);
            (Transport::Udp, whole.unwrap_or(rest).get(UDP_HEAD..))
        }
        TCP => {
            let words = rest.get(12).map(|byte| usize::from(byte >> 4));
            let payload = words.and_then(|words| rest.get((words * 4).max(TCP_HEAD)..));
            (Transport::Tcp, payload)
        }
        _ => return None,
    };
    let flow = Flow {
        src: Endpoint::new(src, u16::from_be_bytes([s0, s1])),
        dst: Endpoint::new(dst, u16::from_be_bytes([d0, d1])),
        transport,
    };
    Some(Quoted {
        flow,
        payload: payload.unwrap_or_default(),
        id,
        len,
    })
}
