//! Messages that somebody else took apart already: HEP agents, and Wireshark's exports.
//!
//! In: HEP datagrams and TCP segments, exported packets. Out: [`Packet::Message`] with the
//! addresses, and of HEP the time, that the packet tells of the message, not those of the packet.
//!
//! Capped: [`crate::limits::Limits::hep_streams`] TCP directions with at most 64 KiB each.
//! Segments out of order are not waited for: what is missing then is a gap, told as such.

use memchr::memmem;
use rustc_hash::FxHashMap;

use super::decoder::{Decoder, Pass};
use super::exported::{self, Pdu};
use super::hep::{self, Hep};
use super::ip::{Envelope, Outer};
use super::link::{self, ETHERNET};
use super::{Datagram, Layer, Packet};
use crate::defect::{Defect, DefectKind};
use crate::units::{Flow, FrameRef, Origin, Timestamp, Transport};

/// One direction of an agent's connection.
#[derive(Debug)]
struct Stream {
    /// The sequence number expected next.
    next: u32,
    /// The beginning of a packet.
    kept: Vec<u8>,
    /// The frames of `kept`, oldest first.
    frames: Vec<FrameRef>,
}

/// The connections of agents.
#[derive(Debug)]
pub(super) struct HepStreams {
    streams: FxHashMap<Flow, Stream>,
    cap: usize,
}

/// What a TCP segment is for [`HepStreams`].
#[derive(Clone, Copy)]
pub(super) struct Part<'a> {
    pub(super) flow: Flow,
    pub(super) seq: u32,
    pub(super) is_last: bool,
    pub(super) payload: Layer<'a>,
}

impl HepStreams {
    pub(super) fn new(cap: usize) -> Self {
        Self {
            streams: FxHashMap::default(),
            cap: cap.max(1),
        }
    }

    /// Whether a segment may be an agent's. Cheap: asked of every segment.
    #[inline]
    pub(super) fn is_candidate(&self, payload: &[u8]) -> bool {
        !self.streams.is_empty() || hep::has_magic(payload)
    }
}

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

    /// A segment of a connection that may be an agent's; false if it is none.
    #[cold]
    #[inline(never)]
    pub(super) fn hep_segment<O: FnMut(Packet<'_>), D: FnMut(Defect)>(
        &mut self,
        pass: &mut Pass<'_, O, D>,
        part: Part<'_>,
    ) -> bool {
        let Some(mut stream) = self.hep_stream(pass, part) else {
            return false;
        };
        let ahead = part.seq.wrapping_sub(stream.next).cast_signed();
        let mut payload = part.payload;
        if ahead < 0 {
            // What came before came again.
            let again = usize::try_from(ahead.unsigned_abs()).unwrap_or(usize::MAX);
            payload = payload.skip(again).unwrap_or(Layer {
                bytes: &[],
                wire: 0,
            });
        } else {
            if ahead > 0 {
                pass.defect(
                    DefectKind::TcpGap,
                    "segments of a HEP connection are missing or out of order; messages in them were lost",
                );
                stream.kept.clear();
                stream.frames.clear();
            }
            let wire = u32::try_from(payload.wire).unwrap_or(0);
            stream.next = part.seq.wrapping_add(wire);
        }
        if ahead < 0 {
            let wire = u32::try_from(payload.wire).unwrap_or(0);
            stream.next = stream.next.wrapping_add(wire);
        }

        let joined;
        let earlier = std::mem::take(&mut stream.frames);
        let mut rest = if stream.kept.is_empty() {
            payload.bytes
        } else {
            stream.kept.extend(payload.bytes);
            joined = std::mem::take(&mut stream.kept);
            &joined
        };
        let mut earlier = earlier.as_slice();
        loop {
            let Some(total) = hep::total_len(rest) else {
                if rest.len() < hep::HEAD && (hep::has_magic(rest) || rest.len() < 4) {
                    break;
                }
                // Lost: go on where a packet begins.
                let next = [b"HEP3", b"EEP3"]
                    .into_iter()
                    .filter_map(|magic| memmem::find(rest.get(1..)?, magic))
                    .min();
                rest = next.and_then(|at| rest.get(at + 1..)).unwrap_or_default();
                if rest.is_empty() {
                    break;
                }
                continue;
            };
            let Some((packet, behind)) = rest.split_at_checked(total.max(hep::HEAD)) else {
                break;
            };
            let layer = Layer {
                bytes: packet,
                wire: packet.len(),
            };
            if let Some(hep) = hep::open(layer, pass.time) {
                self.mirrored(pass, &hep, &part.flow, earlier);
            }
            earlier = &[];
            rest = behind;
        }
        let mut frames = Vec::new();
        if payload.is_snapped() {
            pass.defect(
                DefectKind::Snapped,
                "the snap length cut segments of a HEP connection; capture whole packets (tcpdump -s 0)",
            );
        } else {
            stream.kept = rest.to_vec();
            if !stream.kept.is_empty() {
                frames.extend(earlier);
                frames.push(pass.at);
                frames.truncate(self.frames_per_message);
            }
        }
        stream.frames = frames;
        if !part.is_last {
            self.hep_streams.streams.insert(part.flow, stream);
        }
        true
    }

    /// Takes a stream out of the table, or makes one where a packet begins.
    fn hep_stream<O: FnMut(Packet<'_>), D: FnMut(Defect)>(
        &mut self,
        pass: &mut Pass<'_, O, D>,
        part: Part<'_>,
    ) -> Option<Stream> {
        let HepStreams { streams, cap } = &mut self.hep_streams;
        if let Some(stream) = streams.remove(&part.flow) {
            return Some(stream);
        }
        if !hep::has_magic(part.payload.bytes) {
            return None;
        }
        if streams.len() >= *cap {
            streams.clear();
            pass.defect(
                DefectKind::Evicted,
                "more HEP connections were open at once than are followed; messages begun in them were given up",
            );
        }
        Some(Stream {
            next: part.seq,
            kept: Vec::new(),
            frames: Vec::new(),
        })
    }

    /// Hands out what an agent saw, if it is SIP.
    fn mirrored<O: FnMut(Packet<'_>), D: FnMut(Defect)>(
        &mut self,
        pass: &mut Pass<'_, O, D>,
        hep: &Hep<'_>,
        seen: &Flow,
        earlier: &[FrameRef],
    ) {
        let (true, Some(payload)) = (hep.is_sip, hep.payload) else {
            return;
        };
        let flow = Flow {
            src: hep.src.unwrap_or(seen.src),
            dst: hep.dst.unwrap_or(seen.dst),
            transport: hep.transport.unwrap_or(Transport::Udp),
        };
        let time = hep.time.unwrap_or(pass.time);
        if !payload.is_compressed {
            return pass.message(flow, time, earlier, payload.bytes, payload.is_snapped);
        }
        let mut inflated = std::mem::take(&mut self.inflated);
        let is_whole = hep::inflate(payload.bytes, self.message_bytes, &mut inflated);
        if !is_whole {
            pass.defect(
                DefectKind::Malformed,
                "compressed HEP payloads do not inflate to a whole message; what did was read",
            );
        }
        pass.message(flow, time, earlier, &inflated, !is_whole);
        self.inflated = inflated;
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
                pass.message(flow, pass.time, &[], message.bytes, message.is_snapped());
            }
            Pdu::Ip(packet) => self.inner_ip(pass, packet, outer),
            Pdu::Ethernet(inner) => {
                self.inner(pass, link::peel(ETHERNET, inner), inner, outer);
            }
            Pdu::Other => {}
            Pdu::Short => pass.header_cut(frame, "an exported packet ends inside its tags"),
        }
    }
}

impl<O: FnMut(Packet<'_>), D: FnMut(Defect)> Pass<'_, O, D> {
    /// Hands out a message that somebody took out of its packet.
    pub(super) fn message(
        &mut self,
        flow: Flow,
        time: Timestamp,
        earlier: &[FrameRef],
        payload: &[u8],
        snapped: bool,
    ) {
        let origin = Origin {
            at: self.at,
            time,
            earlier,
            interface: self.interface,
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
