//! `Hep`: the stage.
//!
//! In: chunks, messages of SCTP. Out: items. Capped: see the room's contract.

use memchr::memchr2_iter;
use rustc_hash::FxHashMap;

use crate::defect::{Defect, DefectKind};
use crate::limits::Limits;
use crate::packet::Datagram;
use crate::packet::hep::{self, HEAD};
use crate::stream::gathered::Gathered;
use crate::stream::{Appetite, Chunk, Event, StreamId};
use crate::units::{FrameRef, Origin, Timestamp};

pub(super) const LOST: &str =
    "a HEP connection goes on with bytes that begin no packet; they were passed over until one did";
const CROWDED: &str = "more unfinished HEP packets at once than memory is set aside for: those of the connections idle longest were given up";

/// What comes out.
#[derive(Clone, Copy, Debug)]
pub enum Item<'a> {
    /// A chunk that is not of an agent's connection.
    Chunk(Chunk<'a>),
    /// A message that an agent mirrored; of its packet neither Identification nor TTL is known.
    Message(Datagram<'a>),
}

/// One direction of an agent's connection.
#[derive(Debug, Default)]
struct Stream {
    input: Gathered,
    /// A packet of it was read, so it is no other protocol that began like one.
    is_hep: bool,
    /// Where the next packet begins is not known.
    is_lost: bool,
    /// When it was last used, in chunks of the whole stage.
    used: u64,
}

/// Takes mirrored messages out of agents' connections.
#[derive(Debug)]
pub struct Hep {
    streams: FxHashMap<StreamId, Box<Stream>>,
    buffered: usize,
    used: u64,
    /// A buffer to use again.
    inflated: Vec<u8>,
    limits: Limits,
}

impl Hep {
    /// An empty one.
    pub fn new(limits: &Limits) -> Self {
        Self {
            streams: FxHashMap::default(),
            buffered: 0,
            used: 0,
            inflated: Vec::new(),
            limits: *limits,
        }
    }

    /// Bytes of unfinished packets.
    pub const fn buffered_bytes(&self) -> usize {
        self.buffered
    }

    /// Whether a stream is an agent's as far as it is known.
    pub fn follows(&self, stream: StreamId) -> bool {
        self.streams.contains_key(&stream)
    }

    /// Takes what is known next of a stream.
    #[inline]
    pub fn push(
        &mut self,
        chunk: &Chunk<'_>,
        out: &mut dyn FnMut(Item<'_>) -> Appetite,
        defects: &mut dyn FnMut(Defect),
    ) -> Appetite {
        let begins = match chunk.event {
            Event::Bytes(bytes) | Event::Probe(bytes) => hep::may_have_magic(bytes),
            Event::Gap(_) | Event::End => false,
        };
        if !begins && !self.streams.contains_key(&chunk.stream) {
            return out(Item::Chunk(*chunk));
        }
        self.follow(chunk, out, defects)
    }

    /// Takes a message of SCTP, which is one packet; whether it is.
    pub fn message(
        &mut self,
        message: &Datagram<'_>,
        out: &mut dyn FnMut(Datagram<'_>),
        defects: &mut dyn FnMut(Defect),
    ) -> bool {
        if !hep::has_magic(message.payload) {
            return false;
        }
        let seen = (&message.flow, &message.origin);
        mirrored(
            message.payload,
            seen,
            self.limits.message_bytes,
            &mut self.inflated,
            out,
            defects,
        )
    }

    /// The capture is over. What is kept of packets that did not end is no message.
    pub fn finish(&mut self) {
        self.streams.clear();
        self.buffered = 0;
    }

    #[cold]
    #[inline(never)]
    fn follow(
        &mut self,
        chunk: &Chunk<'_>,
        out: &mut dyn FnMut(Item<'_>) -> Appetite,
        defects: &mut dyn FnMut(Defect),
    ) -> Appetite {
        let mut stream = self.streams.remove(&chunk.stream).unwrap_or_else(|| {
            self.buffered += size_of::<Stream>();
            Box::default()
        });
        let before = stream.input.cost();
        self.used += 1;
        stream.used = self.used;
        let appetite = match chunk.event {
            Event::Bytes(bytes) | Event::Probe(bytes) => {
                stream.input.push(bytes, &chunk.origin);
                self.read(&mut stream, chunk, out, defects)
            }
            // What is kept of a packet will not become one. That bytes are missing is told below.
            Event::Gap(_) => {
                stream.input.clear();
                stream.is_lost = true;
                Ok(Appetite::More)
            }
            Event::End => Err(Appetite::Nothing),
        };
        match appetite {
            Ok(appetite) => {
                self.buffered = self.buffered.saturating_sub(before) + stream.input.cost();
                self.streams.insert(chunk.stream, stream);
                if self.buffered > self.limits.hep_bytes {
                    self.shed(chunk, defects);
                }
                appetite
            }
            Err(appetite) => {
                let cost = before + size_of::<Stream>();
                self.buffered = self.buffered.saturating_sub(cost);
                appetite
            }
        }
    }

    /// Reads the packets that are there; `Err` if the stream is of no more interest here.
    fn read(
        &mut self,
        stream: &mut Stream,
        chunk: &Chunk<'_>,
        out: &mut dyn FnMut(Item<'_>) -> Appetite,
        defects: &mut dyn FnMut(Defect),
    ) -> Result<Appetite, Appetite> {
        loop {
            let bytes = stream.input.bytes();
            if bytes.is_empty() {
                return Ok(Appetite::More);
            }
            if stream.is_lost {
                match next_packet(bytes) {
                    Some(at) => {
                        stream.input.consume(at);
                        stream.is_lost = false;
                    }
                    None => {
                        // The end may be the beginning of a magic.
                        let tail = bytes.len().saturating_sub(HEAD + 5);
                        stream.input.consume(tail);
                        return Ok(Appetite::More);
                    }
                }
                continue;
            }
            let Some(total) = hep::total_len(bytes) else {
                if bytes.len() < HEAD && hep::may_have_magic(bytes) {
                    return Ok(if stream.is_hep {
                        Appetite::More
                    } else {
                        Appetite::Maybe
                    });
                }
                if !stream.is_hep {
                    // It only began like one.
                    return Err(pass_on(&stream.input, chunk, &self.limits, out));
                }
                defects(Defect::new(DefectKind::Malformed, chunk.origin.at, LOST));
                stream.is_lost = true;
                continue;
            };
            stream.is_hep = true;
            let Some(packet) = bytes.get(..total.max(HEAD)) else {
                return Ok(Appetite::More);
            };
            let mut earlier = Vec::new();
            let cap = self.limits.frames_per_message;
            if let Some(kept) = stream.input.origin(packet.len(), cap, &mut earlier) {
                let origin = kept.origin(&earlier);
                mirrored(
                    packet,
                    (&chunk.flow, &origin),
                    self.limits.message_bytes,
                    &mut self.inflated,
                    &mut |message| {
                        out(Item::Message(message));
                    },
                    defects,
                );
            }
            let len = packet.len();
            stream.input.consume(len);
        }
    }

    /// Gives up a quarter of the connections, those idle longest.
    fn shed(&mut self, chunk: &Chunk<'_>, defects: &mut dyn FnMut(Defect)) {
        let mut all: Vec<(u64, StreamId)> = self
            .streams
            .iter()
            .map(|(id, stream)| (stream.used, *id))
            .collect();
        all.sort_unstable();
        let mut defect = Defect::new(DefectKind::Evicted, chunk.origin.at, CROWDED);
        defect.count = 0;
        for (_, id) in all.iter().take(all.len().div_ceil(4)) {
            if let Some(stream) = self.streams.remove(id) {
                let cost = stream.input.cost() + size_of::<Stream>();
                self.buffered = self.buffered.saturating_sub(cost);
                defect.count += u64::from(!stream.input.bytes().is_empty());
            }
        }
        if defect.count > 0 {
            defects(defect);
        }
    }
}

/// Hands out the message in a packet, if it is SIP; false if it is no packet. `seen`: the flow and
/// origin of the packet.
fn mirrored(
    packet: &[u8],
    seen: (&crate::units::Flow, &Origin<'_>),
    cap: usize,
    inflated: &mut Vec<u8>,
    out: &mut dyn FnMut(Datagram<'_>),
    defects: &mut dyn FnMut(Defect),
) -> bool {
    let (flow, origin) = seen;
    let Some(hep) = hep::read(packet) else {
        return false;
    };
    if let Some(message) = hep.mirrored(flow, origin.time, cap, inflated) {
        if let Some((kind, detail)) = message.defect {
            defects(Defect::new(kind, origin.at, detail));
        }
        out(Datagram {
            flow: message.flow,
            origin: Origin {
                interface: message.agent,
                ..relayed(origin, message.time, message.is_cut, origin.earlier)
            },
            payload: message.bytes,
        });
    }
    true
}

/// The origin of a message that came in another packet.
const fn relayed<'a>(
    origin: &Origin<'_>,
    time: Timestamp,
    is_cut: bool,
    earlier: &'a [FrameRef],
) -> Origin<'a> {
    Origin {
        at: origin.at,
        time,
        earlier,
        interface: origin.interface,
        ip_id: 0,
        ttl: 0,
        snapped: is_cut,
        fragmented: false,
    }
}

/// Where a packet begins whose head makes sense, as far as it is there.
fn next_packet(bytes: &[u8]) -> Option<usize> {
    memchr2_iter(b'H', b'E', bytes).find(|at| {
        let rest = bytes.get(*at..).unwrap_or_default();
        let Some(total) = hep::total_len(rest) else {
            return false;
        };
        // Vendor, type, length with these six bytes.
        let Some(&[_, _, _, _, high, low]) = rest.get(HEAD..).and_then(<[u8]>::first_chunk::<6>)
        else {
            return false;
        };
        let first = usize::from(u16::from_be_bytes([high, low]));
        first >= 6 && HEAD + first <= total
    })
}

/// Hands on the bytes of what was no agent's connection.
fn pass_on(
    input: &Gathered,
    chunk: &Chunk<'_>,
    limits: &Limits,
    out: &mut dyn FnMut(Item<'_>) -> Appetite,
) -> Appetite {
    let mut earlier = Vec::new();
    let bytes = input.bytes();
    let Some(kept) = input.origin(bytes.len(), limits.frames_per_message, &mut earlier) else {
        return Appetite::Nothing;
    };
    out(Item::Chunk(Chunk {
        origin: kept.origin(&earlier),
        event: Event::Bytes(bytes),
        ..*chunk
    }))
}
