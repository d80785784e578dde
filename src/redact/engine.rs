//! Engine: frames in, frames with pseudonyms out, in their order.
//!
//! In: frames. Out: [`Held`] frames, each when all messages that its bytes are part of are whole, or
//! will not become whole any more.
//!
//! Capped: [`Limits::redact_held_bytes`] bytes held back, for [`PATIENCE`] of capture time.

use std::collections::VecDeque;

use rustc_hash::FxHashMap;

use super::checksum;
use super::frame::{self, Area, Head, Kind, Payload};
use super::pseudonyms::Pseudonyms;
use super::stream::{Segment, Streams};
use crate::capture::Frame;
use crate::limits::Limits;
use crate::packet::trace::{Piece, Trace, What};
use crate::packet::{Decoder, Packet};
use crate::units::{Flow, Span, Timestamp};

/// How long a frame waits for the rest of its messages.
const PATIENCE: Span = Span::from_secs(64);

/// Datagrams put together whose fragments may come a second time, as where a tap copies them.
const RECENT: usize = 256;

/// A frame, old and new.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) time: Timestamp,
    pub(super) interface: u32,
    pub(super) orig_len: u32,
    pub(super) no: u64,
    old: Vec<u8>,
    pub(super) new: Vec<u8>,
    heads: Vec<Head>,
    /// Parts of it that wait for something.
    open: u32,
    waits: Vec<Wait>,
}

/// What a frame waits for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wait {
    Stream(Flow),
    Fragments(Key),
}

type Key = (std::net::IpAddr, std::net::IpAddr, u32, u8);

/// Frames that wait, in their order.
#[derive(Debug, Default)]
pub(super) struct Queue {
    frames: VecDeque<Held>,
    /// The number of the first of them.
    first: u64,
    bytes: usize,
}

impl Queue {
    fn get(&mut self, frame: u64) -> Option<&mut Held> {
        let at = usize::try_from(frame.checked_sub(self.first)?).ok()?;
        self.frames.get_mut(at)
    }

    pub(super) fn wait(&mut self, frame: u64, wait: Wait) {
        if let Some(held) = self.get(frame) {
            held.open += 1;
            held.waits.push(wait);
        }
    }

    pub(super) fn settled(&mut self, frame: u64) {
        if let Some(held) = self.get(frame) {
            held.open = held.open.saturating_sub(1);
        }
    }

    /// Writes bytes where there were zeros, and brings a checksum elsewhere that covers them to date.
    fn write_under(&mut self, place: &Place, bytes: &[u8]) {
        self.write(place.frame, place.at, bytes);
        let Some(sum) = place.sum else {
            return;
        };
        if let Some(held) = self.get(sum.frame)
            && let Some(field) = held.new.get_mut(sum.at..sum.at + 2)
        {
            checksum::add(field, bytes, sum.is_odd);
        }
    }

    pub(super) fn write(&mut self, frame: u64, at: usize, bytes: &[u8]) {
        if let Some(held) = self.get(frame)
            && let Some(place) = held.new.get_mut(at..at + bytes.len())
        {
            place.copy_from_slice(bytes);
        }
    }
}

/// Where a piece of a datagram stands.
#[derive(Clone, Copy, Debug)]
struct Place {
    frame: u64,
    at: usize,
    len: usize,
    /// In the datagram.
    offset: usize,
    /// The piece lies in a datagram that was itself put together, whose checksum stands elsewhere.
    sum: Option<Sum>,
}

/// A checksum that covers a piece.
#[derive(Clone, Copy, Debug)]
struct Sum {
    frame: u64,
    at: usize,
    /// The piece begins in the middle of a word that is added up.
    is_odd: bool,
}

type Pieces = Vec<Place>;

/// The stage.
#[derive(Debug)]
pub(super) struct Engine {
    decoder: Decoder,
    spare: Trace,
    queue: Queue,
    streams: Streams,
    fragments: FxHashMap<Key, Pieces>,
    /// Datagrams put together: what they were and what they became.
    recent: VecDeque<(Key, Vec<u8>, Vec<u8>)>,
    cap: usize,
}

/// What a frame carried, by place in memory.
struct Carried {
    at: usize,
    len: usize,
    what: CarriedWhat,
}

enum CarriedWhat {
    Payload(frame::What),
    Segment {
        flow: Flow,
        seq: u32,
        syn: bool,
        missing: u32,
    },
}

impl Engine {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            decoder: Decoder::traced(limits),
            spare: Trace::new(),
            queue: Queue::default(),
            streams: Streams::new(limits),
            fragments: FxHashMap::default(),
            recent: VecDeque::new(),
            cap: limits.redact_held_bytes,
        }
    }

    /// Takes a frame; those that wait for nothing any more come out.
    pub(super) fn push<E>(
        &mut self,
        frame: &Frame<'_>,
        to: &mut Pseudonyms,
        out: &mut impl FnMut(Held) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut carried: Vec<Carried> = Vec::new();
        self.decoder.tick(frame.time, &mut |_| {});
        self.decoder.push(
            frame,
            &mut |packet| {
                let (bytes, what) = match &packet {
                    Packet::Datagram(datagram) => (
                        datagram.payload,
                        CarriedWhat::Payload(frame::What::Datagram(datagram.flow)),
                    ),
                    Packet::Message(message) => {
                        (message.payload, CarriedWhat::Payload(frame::What::Message))
                    }
                    Packet::Segment(segment) => (
                        segment.payload,
                        CarriedWhat::Segment {
                            flow: segment.flow,
                            seq: segment.seq,
                            syn: segment.flags.syn,
                            missing: segment
                                .wire_len
                                .saturating_sub(u32::try_from(segment.payload.len()).unwrap_or(0)),
                        },
                    ),
                    _ => return,
                };
                carried.push(Carried {
                    at: bytes.as_ptr().addr(),
                    len: bytes.len(),
                    what,
                });
            },
            &mut |_| {},
        );
        let trace = self.decoder.take_trace(std::mem::take(&mut self.spare));
        self.frame(frame, &trace, &carried, to);
        self.spare = trace;
        self.release(Some(frame.time), to, out)
    }

    fn frame(
        &mut self,
        frame: &Frame<'_>,
        trace: &Trace,
        carried: &[Carried],
        to: &mut Pseudonyms,
    ) {
        let base = frame.captured.as_ptr().addr();
        let len = frame.captured.len();
        let (heads, payloads) = local(base, len, trace, carried);
        let no = self.queue.first + self.queue.frames.len() as u64;
        let wire = usize::try_from(frame.orig_len).unwrap_or(len);
        let mut new = vec![0; len];
        let mut area = Area {
            old: frame.captured,
            new: &mut new,
        };
        frame::rewrite(&mut area, Some((frame.link, wire)), &heads, &payloads, to);
        self.queue.bytes += len * 2;
        self.queue.frames.push_back(Held {
            time: frame.time,
            interface: frame.interface,
            orig_len: frame.orig_len,
            no: frame.at.no.0,
            old: frame.captured.to_vec(),
            new,
            heads,
            open: 0,
            waits: Vec::new(),
        });
        // Segments in the order in which they stand in the frame.
        for carried in carried {
            if let CarriedWhat::Segment {
                flow,
                seq,
                syn,
                missing,
            } = carried.what
            {
                let at = carried.at.wrapping_sub(base);
                let bytes = at
                    .checked_add(carried.len)
                    .and_then(|end| frame.captured.get(at..end));
                let segment = Segment {
                    flow,
                    seq,
                    syn,
                    bytes: bytes.unwrap_or_default(),
                    frame: no,
                    at,
                    missing,
                };
                self.streams.push(&segment, &mut self.queue, to);
            }
        }
        self.fragments(no, base, len, trace, carried, to);
    }

    /// Fragments, and datagrams that they made whole.
    fn fragments(
        &mut self,
        no: u64,
        base: usize,
        len: usize,
        trace: &Trace,
        carried: &[Carried],
        to: &mut Pseudonyms,
    ) {
        let mut last: Option<(Key, Piece)> = None;
        for mark in trace {
            match &mark.what {
                What::Fragment(piece) => {
                    let at = mark.at.wrapping_sub(base);
                    let key = key_of(piece);
                    last = Some((key, *piece));
                    // Where it lies in a datagram put together, that has said where.
                    if at <= len && !self.seen_again(key, piece, no, at, mark.len) {
                        let place = Place {
                            frame: no,
                            at,
                            len: mark.len,
                            offset: piece.offset_bytes,
                            sum: None,
                        };
                        self.await_piece(key, place);
                    }
                }
                What::Whole(old) => {
                    let Some((key, piece)) = last.take() else {
                        continue;
                    };
                    let (heads, payloads) = local(mark.at, mark.len, trace, carried);
                    let mut new = vec![0; old.len()];
                    let mut area = Area { old, new: &mut new };
                    frame::rewrite(&mut area, None, &heads, &payloads, to);
                    checksum::carry(old, &mut new, &heads, Some(&outer(&piece, to)));
                    let places = self.fragments.remove(&key).unwrap_or_default();
                    self.nested(trace, mark.at, old, &heads, &places);
                    for place in places {
                        let end = (place.offset + place.len).min(new.len());
                        if let Some(bytes) = new.get(place.offset..end) {
                            self.queue.write_under(&place, bytes);
                        }
                        self.queue.settled(place.frame);
                    }
                    self.recent.push_back((key, old.clone(), new));
                    if self.recent.len() > RECENT {
                        drop(self.recent.pop_front());
                    }
                }
                _ => {}
            }
        }
    }

    fn await_piece(&mut self, key: Key, place: Place) {
        self.queue.wait(place.frame, Wait::Fragments(key));
        self.fragments.entry(key).or_default().push(place);
    }

    /// Fragments in the datagram `old`, which was put together at `base` of pieces at `places`: as where
    /// a tunnel's packets are too large for the path as well. Their bytes stand in the frames of those.
    fn nested(&mut self, trace: &Trace, base: usize, old: &[u8], heads: &[Head], places: &[Place]) {
        // Where a byte of the datagram stands: each copy of its pieces has it.
        let standing = |from: usize, end: usize| {
            places.iter().filter_map(move |place| {
                let first = from.max(place.offset);
                let last = end.min(place.offset + place.len);
                let at = place.at + first.checked_sub(place.offset)?;
                (first < last).then_some((place, at, first, last - first))
            })
        };
        for mark in trace {
            let What::Fragment(piece) = &mark.what else {
                continue;
            };
            let Some(from) = mark.at.checked_sub(base) else {
                continue;
            };
            let end = from.saturating_add(mark.len);
            if end > old.len() {
                continue;
            }
            // Around it there may be UDP, whose checksum covers it, where it has one.
            let around = heads.iter().find(|head| {
                let sum = head.at + 6;
                head.kind == Kind::Transport(17)
                    && (head.at..head.at + head.len).contains(&from)
                    && old.get(sum..sum + 2).is_some_and(|sum| sum != [0, 0])
            });
            let sum = around.and_then(|head| {
                let sum = head.at + 6;
                let (place, at, ..) = standing(sum, sum + 2).find(|(.., len)| *len == 2)?;
                Some((place.frame, at, head.at))
            });
            let key = key_of(piece);
            let pieces: Vec<Place> = standing(from, end)
                .map(|(place, at, first, len)| Place {
                    frame: place.frame,
                    at,
                    len,
                    offset: piece.offset_bytes + first - from,
                    sum: sum.map(|(frame, at, begin)| Sum {
                        frame,
                        at,
                        is_odd: (first - begin) % 2 == 1,
                    }),
                })
                .collect();
            // The frame with the checksum waits as well.
            let of_sum = sum.map(|(frame, at, _)| Place {
                frame,
                at,
                len: 0,
                offset: 0,
                sum: None,
            });
            for place in pieces.into_iter().chain(of_sum) {
                self.await_piece(key, place);
            }
        }
    }

    /// Whether the piece is a copy of one that was put together lately; it gets the same bytes.
    fn seen_again(&mut self, key: Key, piece: &Piece, no: u64, at: usize, len: usize) -> bool {
        let Some(held) = self.queue.get(no) else {
            return false;
        };
        let range = piece.offset_bytes..piece.offset_bytes + len;
        let found = self.recent.iter().find(|(other, old, _)| {
            *other == key && old.get(range.clone()) == held.old.get(at..at + len)
        });
        let Some((_, _, new)) = found else {
            return false;
        };
        if let (Some(place), Some(bytes)) = (held.new.get_mut(at..at + len), new.get(range)) {
            place.copy_from_slice(bytes);
        }
        true
    }

    /// Hands out the frames that wait for nothing, and those that waited too long.
    fn release<E>(
        &mut self,
        now: Option<Timestamp>,
        to: &mut Pseudonyms,
        out: &mut impl FnMut(Held) -> Result<(), E>,
    ) -> Result<(), E> {
        while let Some(front) = self.queue.frames.front() {
            if front.open > 0 {
                let is_late = now.is_none_or(|now| now.since(front.time) > PATIENCE);
                if !is_late && self.queue.bytes <= self.cap {
                    return Ok(());
                }
                for wait in front.waits.clone() {
                    match wait {
                        Wait::Stream(flow) => self.streams.give_up(&flow, &mut self.queue, to),
                        Wait::Fragments(key) => {
                            for place in self.fragments.remove(&key).unwrap_or_default() {
                                self.queue.settled(place.frame);
                            }
                        }
                    }
                }
            }
            let Some(mut held) = self.queue.frames.pop_front() else {
                return Ok(());
            };
            self.queue.first += 1;
            self.queue.bytes = self.queue.bytes.saturating_sub(held.old.len() * 2);
            if !to.is_collecting() {
                checksum::carry(&held.old, &mut held.new, &held.heads, None);
            }
            out(held)?;
        }
        Ok(())
    }

    /// The capture has ended.
    pub(super) fn finish<E>(
        &mut self,
        to: &mut Pseudonyms,
        out: &mut impl FnMut(Held) -> Result<(), E>,
    ) -> Result<(), E> {
        self.streams.finish(&mut self.queue, to);
        self.release(None, to, out)
    }
}

const fn key_of(piece: &Piece) -> Key {
    (piece.src, piece.dst, piece.id, piece.protocol)
}

/// The addresses of the packet that was fragmented: what they were and what they are.
fn outer(piece: &Piece, to: &mut Pseudonyms) -> checksum::Outer {
    let mut addresses = checksum::Outer::default();
    for address in [piece.src, piece.dst] {
        let mut octets = match address {
            std::net::IpAddr::V4(address) => address.octets().to_vec(),
            std::net::IpAddr::V6(address) => address.octets().to_vec(),
        };
        addresses.0.extend_from_slice(&octets);
        to.packed(&mut octets);
        addresses.1.extend_from_slice(&octets);
    }
    addresses
}

/// The heads and payloads that lie in the `len` bytes at `base`.
fn local(base: usize, len: usize, trace: &Trace, carried: &[Carried]) -> (Vec<Head>, Vec<Payload>) {
    let place = |at: usize, size: usize| {
        let from = at.checked_sub(base)?;
        (from.checked_add(size)? <= len && size > 0).then_some(from)
    };
    let heads = trace.iter().filter_map(|mark| {
        let kind = match mark.what {
            What::Link(head) => Kind::Link(head),
            What::Ip => Kind::Ip,
            What::Transport(protocol) => Kind::Transport(protocol),
            What::Fragment(_) => Kind::Fragment,
            What::Whole(_) => return None,
        };
        Some(Head {
            kind,
            at: place(mark.at, mark.len)?,
            len: mark.len,
        })
    });
    let payloads = carried.iter().filter_map(|carried| {
        let what = match carried.what {
            CarriedWhat::Payload(what) => what,
            CarriedWhat::Segment { .. } => frame::What::Segment,
        };
        Some(Payload {
            at: place(carried.at, carried.len)?,
            len: carried.len,
            what,
        })
    });
    (heads.collect(), payloads.collect())
}
