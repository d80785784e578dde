//! `Wires`: the stages between packets and framed messages.
//!
//! In: datagrams, TCP segments, SCTP packets. Out: framed messages. The chain of a TCP segment is
//! reassembler, TLS, HEP, WebSocket, framer; each hands on what is not its own.

use crate::capture;
use crate::defect::{Defect, DefectKind};
use crate::hep::{self, Hep};
use crate::limits::Limits;
use crate::packet::{Datagram, SctpPacket, Segment};
use crate::sctp::{self, Sctp};
use crate::sip::framing::Framer;
use crate::sip::sniff::{self, Verdict};
use crate::sip::{RawMessage, sniff::StartLine};
use crate::stream::{Appetite, Chunk, Event, Reassembler, proxied};
use crate::tls::{self, KeyLog, Tls};
use crate::units::is_sip_port;
use crate::websocket::{Item, Websocket};

const DTLS: &str =
    "DTLS connections, in which SIP may be; they are not decrypted: capture behind their end";

const WIREGUARD: &str = "WireGuard tunnels, in which SIP may be; they are not decrypted: capture on the tunnel's interface";
const SIGCOMP: &str = "messages compressed with SigComp are not decompressed; capture inside the P-CSCF, or turn the compression off for the test";

/// The stages, in order.
#[derive(Debug)]
pub struct Wires {
    reassembler: Reassembler,
    tls: Tls,
    hep: Hep,
    websocket: Websocket,
    sctp: Sctp,
    framer: Framer,
}

impl Wires {
    /// Stages that have seen nothing, with the secrets of `log`.
    pub fn new(log: KeyLog, limits: &Limits) -> Self {
        Self {
            reassembler: Reassembler::new(limits),
            tls: Tls::new(log, limits),
            hep: Hep::new(limits),
            websocket: Websocket::new(is_sip, limits),
            sctp: Sctp::new(limits),
            framer: Framer::new(limits),
        }
    }

    /// Takes TLS secrets that the capture brings, as whole lines of a key log.
    pub fn add_secrets(&mut self, lines: &[u8]) {
        self.tls.add_secrets(lines);
    }

    /// TLS connections that were not decrypted.
    pub const fn unread(&self) -> &tls::Unread {
        self.tls.unread()
    }

    /// Whether the first byte of a datagram says that [`Self::datagram`] would find nothing, as that
    /// of RTP does: no text, nothing that binds, and no protocol around SIP begins with it.
    #[inline]
    pub fn is_foreign(datagram: &Datagram<'_>) -> bool {
        matches!(datagram.payload, [0x80..=0xf7, ..]) && !sctp::is_candidate(&datagram.flow)
    }

    /// Takes a UDP datagram; false if it is nothing that is read here.
    pub fn datagram(
        &mut self,
        datagram: &Datagram<'_>,
        out: &mut dyn FnMut(RawMessage<'_>),
        defects: &dyn Fn(Defect),
    ) -> bool {
        let Self {
            sctp, hep, framer, ..
        } = self;
        let mut inner = |message: Datagram<'_>| user_message(hep, framer, &message, out, defects);
        if sctp.datagram(datagram, &mut inner, &mut &*defects) {
            return true;
        }
        let at = datagram.origin.at;
        match datagram.payload {
            payload if tls::is_dtls_client_hello(payload) => {
                defects(Defect::new(DefectKind::Encrypted, at, DTLS));
                return true;
            }
            // The first message of its handshake has this length and no other.
            [1, 0, 0, 0, ..] if datagram.payload.len() == 148 => {
                defects(Defect::new(DefectKind::Encrypted, at, WIREGUARD));
                return true;
            }
            // Five bits that no other protocol on these ports begins with (RFC 3320 §7).
            [0xf8..=0xff, ..] if is_sip_port(datagram.flow.dst.port) => {
                defects(Defect::new(DefectKind::Tunnel, at, SIGCOMP));
                return true;
            }
            _ => {}
        }
        if let Some(payload) = proxied::behind_head(datagram.payload) {
            let datagram = Datagram {
                payload,
                ..*datagram
            };
            return framer.datagram(&datagram, out, &mut &*defects) != Verdict::No;
        }
        framer.datagram(datagram, out, &mut &*defects) != Verdict::No
    }

    /// Takes a TCP segment.
    pub fn segment(
        &mut self,
        segment: &Segment<'_>,
        out: &mut dyn FnMut(RawMessage<'_>),
        defects: &dyn Fn(Defect),
    ) {
        let Self {
            reassembler,
            tls,
            hep,
            websocket,
            framer,
            ..
        } = self;
        reassembler.push(
            segment,
            &mut |chunk| {
                // What a room is in the middle of is its own, whatever the bytes look like.
                let is_taken = looks_new(&chunk)
                    && !tls.follows(chunk.stream)
                    && (framer.follows(chunk.stream)
                        || websocket.follows(chunk.stream)
                        || hep.follows(chunk.stream));
                if is_taken {
                    return plain(hep, websocket, framer, &chunk, out, defects);
                }
                let Some(chunk) = behind_head(chunk) else {
                    return Appetite::Maybe;
                };
                tls.push(
                    &chunk,
                    &mut |chunk| plain(hep, websocket, framer, &chunk, out, defects),
                    &mut &*defects,
                )
            },
            &mut &*defects,
        );
    }

    /// Whether the segment taken last only repeats what came before.
    pub const fn is_repeated(&self) -> bool {
        self.reassembler.is_repeated()
    }

    /// Takes an SCTP packet.
    pub fn sctp(
        &mut self,
        packet: &SctpPacket<'_>,
        out: &mut dyn FnMut(RawMessage<'_>),
        defects: &dyn Fn(Defect),
    ) {
        let Self {
            sctp, hep, framer, ..
        } = self;
        sctp.push(
            packet,
            &mut |message| user_message(hep, framer, &message, out, defects),
            &mut &*defects,
        );
    }

    /// The capture is over.
    pub fn finish(&mut self, out: &mut dyn FnMut(RawMessage<'_>), defects: &dyn Fn(Defect)) {
        let Self {
            reassembler,
            tls,
            hep,
            websocket,
            sctp,
            framer,
        } = self;
        reassembler.finish(
            &mut |chunk| {
                tls.push(
                    &chunk,
                    &mut |chunk| plain(hep, websocket, framer, &chunk, out, defects),
                    &mut &*defects,
                )
            },
            &mut &*defects,
        );
        tls.finish(
            &mut |chunk| plain(hep, websocket, framer, &chunk, out, defects),
            &mut &*defects,
        );
        hep.finish();
        websocket.finish();
        sctp.finish(&mut &*defects);
        framer.finish(out, &mut &*defects);
    }
}

/// Whether a chunk begins like a record of TLS or the head of a load balancer.
fn looks_new(chunk: &Chunk<'_>) -> bool {
    matches!(
        chunk.event,
        Event::Bytes([20..=23 | b'P' | b'\r', ..]) | Event::Probe([20..=23 | b'P' | b'\r', ..])
    )
}

/// A chunk without the head of a load balancer; `None` where there was nothing else.
fn behind_head(chunk: Chunk<'_>) -> Option<Chunk<'_>> {
    let event = match chunk.event {
        Event::Bytes(bytes) => proxied::behind_head(bytes).map(Event::Bytes),
        Event::Probe(bytes) => proxied::behind_head(bytes).map(Event::Probe),
        Event::Gap(_) | Event::End => None,
    };
    match event {
        Some(Event::Bytes([]) | Event::Probe([])) => None,
        Some(event) => Some(Chunk { event, ..chunk }),
        None => Some(chunk),
    }
}

/// A chunk that is not encrypted, or not any more.
fn plain(
    hep: &mut Hep,
    websocket: &mut Websocket,
    framer: &mut Framer,
    chunk: &Chunk<'_>,
    out: &mut dyn FnMut(RawMessage<'_>),
    defects: &dyn Fn(Defect),
) -> Appetite {
    hep.push(
        chunk,
        &mut |item| match item {
            hep::Item::Message(mirrored) => whole(framer, &mirrored, out, defects),
            hep::Item::Chunk(chunk) => websocket.push(
                &chunk,
                &mut |item| match item {
                    Item::Chunk(chunk) => framer.push(&chunk, out, &mut &*defects),
                    Item::Message(message) => whole(framer, &message, out, defects),
                },
                &mut &*defects,
            ),
        },
        &mut &*defects,
    )
}

/// A message that came whole.
fn whole(
    framer: &mut Framer,
    message: &Datagram<'_>,
    out: &mut dyn FnMut(RawMessage<'_>),
    defects: &dyn Fn(Defect),
) -> Appetite {
    match framer.message(message, out, &mut &*defects) {
        Verdict::Sip => Appetite::More,
        _ => Appetite::Nothing,
    }
}

/// A message of SCTP; whether it is SIP, or an agent's.
fn user_message(
    hep: &mut Hep,
    framer: &mut Framer,
    message: &Datagram<'_>,
    out: &mut dyn FnMut(RawMessage<'_>),
    defects: &dyn Fn(Defect),
) -> bool {
    let mut mirrored = |mirrored: Datagram<'_>| {
        framer.message(&mirrored, out, &mut &*defects);
    };
    hep.message(message, &mut mirrored, &mut &*defects)
        || framer.message(message, out, &mut &*defects) == Verdict::Sip
}

/// Whether bytes begin with a SIP message, as strictly as where none is expected.
fn is_sip(bytes: &[u8]) -> bool {
    sniff::start_line(bytes) == StartLine::Known
}

/// Digest of a segment.
pub(super) fn digest(segment: &Segment<'_>) -> u64 {
    let numbers = (segment.seq, segment.ack);
    capture::segment_digest(&segment.flow, &segment.origin, numbers, segment.payload)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::{Endpoint, Flow, FrameRef, Origin, Timestamp, Transport};

    #[test]
    fn what_is_foreign_by_its_first_byte_is_read_by_no_room() {
        let mut wires = Wires::new(KeyLog::new(&Limits::default()), &Limits::default());
        let mut told = 0;
        for first in 0..=u8::MAX {
            for (port, len) in [
                (5060, 172),
                (5060, 148),
                (9899, 172),
                (16_384, 172),
                (5060, 1),
            ] {
                let mut payload = b"INVITE sip:a@b SIP/2.0\r\n\r\n".repeat(8);
                payload.truncate(len);
                payload[0] = first;
                let socket = |port| Endpoint::new([10, 0, 0, 1].into(), port);
                let datagram = Datagram {
                    flow: Flow {
                        src: socket(30_000),
                        dst: socket(port),
                        transport: Transport::Udp,
                    },
                    origin: Origin {
                        at: FrameRef::default(),
                        time: Timestamp::default(),
                        earlier: &[],
                        interface: 0,
                        ip_id: 0,
                        ttl: 64,
                        snapped: false,
                        fragmented: false,
                    },
                    payload: &payload,
                };
                if Wires::is_foreign(&datagram) {
                    told += 1;
                    let mut message = |_: RawMessage<'_>| panic!("a message of {first:#x}");
                    let defects = |defect: Defect| panic!("{defect:?} of {first:#x}");
                    assert!(!wires.datagram(&datagram, &mut message, &defects));
                }
            }
        }
        assert_eq!(told, 4 * (0xf7 - 0x80 + 1));
    }
}
