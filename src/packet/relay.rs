//! Messages that somebody else took apart already: HEP agents, and Wireshark's exports.
//!
//! In: HEP datagrams, exported packets. Out: [`Packet::Message`] with the addresses, and of HEP the
//! time, that the packet tells of the message, not those of the packet. HEP over TCP is a stream,
//! which the `hep` room reads.

use super::decoder::{Decoder, Pass};
use super::exported::{self, Pdu};
use super::hep::{self, Hep};
use super::ip::{Envelope, Outer};
use super::link::ETHERNET_HEAD;
use super::{Datagram, Layer, Packet};
use crate::defect::{Defect, DefectKind};
use crate::units::{Flow, FrameRef, Origin, Timestamp};

impl Decoder {
    /// A datagram with HEP's magic or on its port; false if it is no HEP.
    pub(super) fn hep<O: FnMut(Packet<'_>), D: FnMut(Defect)>(
        &mut self,
        pass: &mut Pass<'_, O, D>,
        envelope: Envelope<'_>,
        flow: &Flow,
        payload: Layer<'_>,
    ) -> bool {
        let Some(hep) = hep::open(payload, pass.time) else {
            if hep::has_magic(payload.bytes) {
                pass.defect(
                    DefectKind::MalformedPacket,
                    "a HEP packet says lengths that it does not have",
                );
            }
            return false;
        };
        if hep.payload.is_none() && payload.is_snapped() {
            pass.header_cut(payload, "");
        }
        self.mirrored(pass, &hep, flow, envelope.earlier);
        true
    }

    /// Hands out what an agent saw, if it is SIP.
    fn mirrored<O: FnMut(Packet<'_>), D: FnMut(Defect)>(
        &mut self,
        pass: &mut Pass<'_, O, D>,
        hep: &Hep<'_>,
        seen: &Flow,
        earlier: &[FrameRef],
    ) {
        let mut buffer = std::mem::take(&mut self.inflated);
        if let Some(message) = hep.mirrored(seen, pass.time, self.message_bytes, &mut buffer) {
            if let Some((kind, detail)) = message.defect {
                pass.defect(kind, detail);
            }
            pass.message(
                message.flow,
                (message.time, message.agent),
                earlier,
                message.bytes,
                message.is_cut,
            );
        }
        self.inflated = buffer;
    }

    /// An exported packet.
    #[cold]
    pub(super) fn exported<O: FnMut(Packet<'_>), D: FnMut(Defect)>(
        &mut self,
        pass: &mut Pass<'_, O, D>,
        frame: Layer<'_>,
        outer: Outer<'_>,
    ) {
        match exported::open(frame) {
            Pdu::Sip(flow, message) => {
                let seen = (pass.time, pass.interface);
                pass.message(flow, seen, &[], message.bytes, message.is_snapped());
            }
            Pdu::Ip(packet) => self.inner_ip(pass, packet, outer),
            Pdu::Ethernet(inner) => {
                self.frame(pass, ETHERNET_HEAD, inner, outer);
            }
            Pdu::Other => {}
            Pdu::Short => pass.header_cut(frame, "an exported packet ends inside its tags"),
        }
    }
}

impl<O: FnMut(Packet<'_>), D: FnMut(Defect)> Pass<'_, O, D> {
    /// Hands out a message that somebody took out of its packet, with the time and the interface
    /// that are told of it.
    pub(super) fn message(
        &mut self,
        flow: Flow,
        (time, interface): (Timestamp, u32),
        earlier: &[FrameRef],
        payload: &[u8],
        snapped: bool,
    ) {
        let origin = Origin {
            at: self.at,
            time,
            earlier,
            interface,
            ip_id: 0,
            ttl: 0,
            snapped,
            fragmented: false,
        };
        (self.out)(Packet::Message(Datagram {
            flow,
            origin,
            payload,
        }));
    }
}
