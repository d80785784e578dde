//! Debug recordings of `AudioCodes` gateways and session border controllers.
//!
//! In: a datagram on their port. Out: the SIP message in it, with the addresses and the transport
//! that the device tells of it, or the IP packet. What was TLS on the wire comes in clear.
//!
//! # References
//! - Debug recording header, versions 0 to 9, as Wireshark's `acdr` dissector reads it

use std::net::IpAddr;

use super::decoder::{Decoder, Pass};
use super::ip::Envelope;
use super::{Layer, Packet};
use crate::defect::{Defect, DefectKind};
use crate::units::{Endpoint, Flow, Transport};

/// The port devices send to.
pub(super) const PORT: u16 = 925;

/// What is recorded.
const SIP: u8 = 10;
/// The plaintext of TLS, as it is sent or as it was read.
const TLS: [u8; 2] = [33, 34];
/// Of the plaintext: SIP, and any, of old devices.
const TLS_SIP: [u8; 2] = [3, 6];
/// The trace point of messages.
const SYSTEM: u8 = 6;

/// What a header says, and what is behind it.
struct Record<'a> {
    /// The device encrypted it, or sent it in pieces.
    is_closed: bool,
    /// The payload begins with an IP header.
    has_ip: bool,
    trace_point: u8,
    media: u8,
    extension: Layer<'a>,
    payload: Layer<'a>,
}

fn parse(packet: Layer<'_>) -> Option<Record<'_>> {
    let version = *packet.bytes.first()?;
    // Behind time, number and the two channels: flags, trace point, media, length of what follows
    // the header, and from version 5 on a session.
    let (at, len) = match version {
        0..=4 => (11, 15),
        5 | 6 => (11, 19),
        7 => (11, 23),
        8 => (11, 24),
        9 => (15, 28),
        _ => return None,
    };
    let &[flags, trace_point, media, extension] = packet.array::<4>(at)?;
    let extension_len = if version < 5 {
        0
    } else {
        usize::from(extension)
    };
    // 0xaa stands for no flags in old versions.
    let flags = if flags == 0xaa && version <= 3 {
        0
    } else {
        flags
    };
    let behind = packet.skip(len)?;
    Some(Record {
        is_closed: flags & 0x14 != 0,
        has_ip: flags & 0x08 != 0,
        trace_point,
        media,
        extension: behind.cut(extension_len.min(behind.wire)),
        payload: behind.skip(extension_len)?,
    })
}

impl Record<'_> {
    /// Whose message it is, as far as that is told.
    fn flow(&self, seen: &Flow) -> Flow {
        let from = |addrs: usize, ports: usize, transport: Transport| -> Option<Flow> {
            let addr = |at: usize| self.extension.array::<4>(at).map(|it| IpAddr::from(*it));
            let end = |addr: IpAddr, port: u16| Endpoint::new(addr, port);
            Some(Flow {
                src: end(addr(addrs)?, self.extension.u16_be(ports)?),
                dst: end(addr(addrs + 4)?, self.extension.u16_be(ports + 2)?),
                transport,
            })
        };
        let told = if TLS.contains(&self.media) {
            from(4, 0, Transport::Tls)
        } else if self.trace_point == SYSTEM {
            let transport = match self.extension.bytes.get(12) {
                Some(6) => Transport::Tcp,
                Some(132) => Transport::Sctp,
                _ => Transport::Udp,
            };
            from(0, 8, transport)
        } else {
            None
        };
        told.unwrap_or(*seen)
    }

    /// Whether it is SIP in clear.
    fn is_sip(&self) -> bool {
        self.media == SIP
            || TLS.contains(&self.media)
                && self
                    .extension
                    .bytes
                    .get(12)
                    .is_some_and(|kind| TLS_SIP.contains(kind))
    }
}

impl Decoder {
    /// A datagram on the port; false if it is no recording of SIP.
    pub(super) fn acdr<O: FnMut(Packet<'_>), D: FnMut(Defect)>(
        &mut self,
        pass: &mut Pass<'_, O, D>,
        envelope: Envelope<'_>,
        flow: &Flow,
        payload: Layer<'_>,
        depth: u8,
    ) -> bool {
        let Some(record) = parse(payload).filter(Record::is_sip) else {
            return false;
        };
        if record.is_closed {
            pass.defect(
                DefectKind::Tunnel,
                "debug recordings of SIP that the device encrypted or sent in pieces are not read; turn that off in its debug recording, or capture on the wire",
            );
            return true;
        }
        if record.has_ip {
            if !record.payload.is_ip() {
                return false;
            }
            self.inner_ip(pass, record.payload, envelope.outer(depth));
            return true;
        }
        let snapped = record.payload.is_snapped();
        pass.message(
            record.flow(flow),
            (pass.time, pass.interface),
            envelope.earlier,
            record.payload.bytes,
            snapped,
        );
        true
    }
}
