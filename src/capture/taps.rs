//! `Taps`: packets that two captures of the same minutes both hold.
//!
//! In: SIP datagrams and all TCP segments, and whether captures overlap. Out:
//! whether one is a copy of what another file showed, whatever the two clocks say; at the end how
//! far the clocks are apart.
//!
//! A copy has the same sockets, the same bytes and the same IPv4 Identification, and comes as
//! much later or earlier as all the copies between these two files do (DOMAIN C.3 widened by the
//! offset of the clocks, which is the median of what was seen). As long as the offset is not known
//! the Identification proves a copy; without one (0, or IPv6) a copy is what comes before a
//! sender could have repeated itself. Times are never corrected: reports show what was captured.
//!
//! Capped: sightings by [`Limits::tap_sightings`] (a new one replaces an old one of its slot),
//! pairs of files by [`Limits::tap_pairs`]; what is beyond is not compared.

use std::collections::BTreeMap;
use std::hash::{Hash as _, Hasher as _};

use rustc_hash::FxHasher;

use crate::defect::{Defect, DefectKind};
use crate::limits::Limits;
use crate::units::{FileIndex, Flow, FrameNo, FrameRef, Origin, Span, Timestamp};

/// How far a copy may be from the offset of the clocks: what DOMAIN C.3 allows one clock.
const NEAR: Span = Span::from_millis(50);
/// The same without an Identification.
const NEAR_WITHOUT_ID: Span = Span::from_millis(20);
/// A sender repeats itself after T1 = 500 ms (RFC 3261 §17.1.1.1), jitter taken off.
const BEFORE_REPEATS: Span = Span::from_millis(400);
/// Nobody repeats a message after 64*T1 (RFC 3261 §17.1.1.2).
const LONGEST: Span = Span::from_secs(32);
/// Offsets below this are what two well-kept clocks have.
const TOLD: Span = Span::from_millis(5);
/// Offsets this near are one: the files of two rings.
const SAME: Span = Span::from_millis(10);
/// Common packets it takes to believe an offset.
const ENOUGH: usize = 3;
/// Common packets remembered of a pair, to follow clocks that drift.
const REMEMBERED: usize = 33;
/// Bytes of a segment that are compared; its numbers and length tell it from others already.
const SEGMENT_BYTES: usize = 64;
/// Sightings remembered of one message: 11 copies of a 2xx are the most, few are near in time.
const PLACES: usize = 8;

const AHEAD: &str = "the clock of this capture is {} ms ahead of that of another of the same packets; times are shown as captured, and copies were recognised: to set it right use editcap -t";
const BEHIND: &str = "the clock of this capture is {} ms behind that of another of the same packets; times are shown as captured, and copies were recognised: to set it right use editcap -t";

/// Compares captures of the same minutes.
#[derive(Debug)]
pub struct Taps {
    cap: usize,
    /// Empty until the first sighting.
    slots: Vec<Slot>,
    pairs: BTreeMap<(FileIndex, FileIndex), Pair>,
    max_pairs: usize,
    /// Captures of the same time were met; until then nothing is a copy.
    overlap: bool,
}

/// What was seen of one packet.
#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    digest: u64,
    /// The oldest is replaced first.
    seen: [Option<Seen>; PLACES],
    next: usize,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    file: FileIndex,
    time: Timestamp,
}

/// Two files that hold the same packets.
#[derive(Clone, Debug)]
struct Pair {
    /// By how much the second file's times are greater, of the last common packets.
    offsets: Vec<Span>,
    next: usize,
    /// The median of `offsets`, once enough of them agree.
    offset: Option<Span>,
    /// Common packets.
    count: u64,
    /// The first of them in the second file.
    first: FrameRef,
}

impl Taps {
    /// Nothing seen yet.
    pub fn new(limits: &Limits) -> Self {
        Self {
            cap: limits.tap_sightings.max(2),
            slots: Vec::new(),
            pairs: BTreeMap::new(),
            max_pairs: limits.tap_pairs,
            overlap: false,
        }
    }

    /// Captures of the same time were met.
    pub const fn overlap(&mut self) {
        self.overlap = true;
    }

    /// Takes a SIP datagram; whether it is a copy of one that another capture holds.
    pub fn datagram(&mut self, flow: &Flow, origin: &Origin<'_>, payload: &[u8]) -> bool {
        let mut hasher = hasher(flow, origin, payload.len());
        hasher.write(payload);
        self.sight(origin, hasher.finish(), 0)
    }

    /// Takes a TCP segment, by its sequence and acknowledgment numbers and its payload; whether it
    /// is a copy. The reassembler drops what it has already, but not what comes after the other
    /// tap saw the connection end.
    pub fn segment(
        &mut self,
        flow: &Flow,
        origin: &Origin<'_>,
        numbers: (u32, u32),
        payload: &[u8],
    ) -> bool {
        let mut hasher = hasher(flow, origin, payload.len());
        numbers.hash(&mut hasher);
        hasher.write(payload.get(..SEGMENT_BYTES).unwrap_or(payload));
        self.sight(origin, hasher.finish(), 1)
    }

    /// Tells the offsets of the clocks.
    pub fn finish(&self, defect: &mut dyn FnMut(Defect)) {
        let mut told: Vec<(Span, u64, FrameRef)> = self
            .pairs
            .values()
            .filter_map(|pair| Some((pair.offset?, pair.count, pair.first)))
            .filter(|(offset, ..)| size(*offset) >= TOLD)
            .collect();
        // The pair with the most common packets speaks for all whose offset is the same.
        told.sort_by_key(|&(_, count, first)| (std::cmp::Reverse(count), first));
        while let Some(&(offset, _, first)) = told.first() {
            let is_same = |other: Span| size(minus(other, offset)) <= SAME;
            let count = told.iter().filter(|(other, ..)| is_same(*other));
            let count = count.map(|(_, count, _)| count).sum();
            told.retain(|(other, ..)| !is_same(*other));
            let detail = if offset > Span::default() {
                AHEAD
            } else {
                BEHIND
            };
            let mut offset_defect = Defect::new(DefectKind::ClockOffset, first, detail);
            offset_defect.count = count;
            let millis = (size(offset).nanos().unsigned_abs() + 500_000) / 1_000_000;
            defect(offset_defect.with_number(millis));
        }
    }

    /// `half`: 0 or 1, so that streams do not push datagrams out.
    fn sight(&mut self, origin: &Origin<'_>, digest: u64, half: usize) -> bool {
        let places = self.cap / 2;
        if self.slots.is_empty() {
            self.slots = vec![Slot::default(); places * 2];
        }
        let place = usize::try_from(digest % places as u64).unwrap_or(0) + half * places;
        let Some(slot) = self.slots.get_mut(place) else {
            return false;
        };
        if slot.digest != digest {
            *slot = Slot {
                digest,
                ..Slot::default()
            };
        }
        let now = Seen {
            file: origin.at.file,
            time: origin.time,
        };
        let before = *slot;
        slot.push(now);
        if !self.overlap {
            return false;
        }
        let others = || before.seen.iter().flatten().filter(|s| s.file != now.file);
        // The first sightings of each file are of one packet; of later ones one cannot know.
        if before.first_of(now.file).is_none() {
            for seen in others() {
                let is_first = before
                    .first_of(seen.file)
                    .is_some_and(|f| f.time == seen.time);
                if is_first {
                    self.compare(*seen, now, origin.at);
                }
            }
        }
        others().any(|seen| {
            let pair = self.pairs.get(&order(seen.file, now.file));
            is_copy_of(*seen, now, pair.and_then(|pair| pair.offset), origin.ip_id)
        })
    }

    fn compare(&mut self, seen: Seen, now: Seen, at: FrameRef) {
        let apart = between(seen, now);
        if size(apart) > LONGEST {
            return;
        }
        let key = order(seen.file, now.file);
        let room = self.pairs.len() < self.max_pairs || self.pairs.contains_key(&key);
        if !room {
            return;
        }
        let pair = self.pairs.entry(key).or_insert_with(|| Pair {
            offsets: Vec::new(),
            next: 0,
            offset: None,
            count: 0,
            first: if now.file == key.1 {
                at
            } else {
                FrameRef {
                    file: key.1,
                    no: FrameNo(0),
                }
            },
        });
        pair.push(apart);
    }
}

impl Slot {
    fn push(&mut self, seen: Seen) {
        if let Some(place) = self.seen.get_mut(self.next) {
            *place = Some(seen);
        }
        self.next = (self.next + 1) % PLACES;
    }

    /// The earliest sighting in `file` that is remembered.
    fn first_of(&self, file: FileIndex) -> Option<Seen> {
        let of_file = self.seen.iter().flatten().filter(|seen| seen.file == file);
        of_file.min_by_key(|seen| seen.time).copied()
    }
}

impl Pair {
    fn push(&mut self, apart: Span) {
        self.count += 1;
        if self.offsets.len() < REMEMBERED {
            self.offsets.push(apart);
        } else if let Some(place) = self.offsets.get_mut(self.next) {
            *place = apart;
            self.next = (self.next + 1) % REMEMBERED;
        }
        let mut sorted = self.offsets.clone();
        sorted.sort_unstable();
        let Some(&median) = sorted.get(sorted.len() / 2) else {
            return;
        };
        let near = |offset: &&Span| size(minus(**offset, median)) <= NEAR_WITHOUT_ID;
        let agree = sorted.iter().filter(near).count();
        let is_known = agree >= ENOUGH && agree * 2 > sorted.len();
        self.offset = is_known.then_some(median);
    }
}

/// Whether two sightings in two files are of one packet.
fn is_copy_of(seen: Seen, now: Seen, offset: Option<Span>, ip_id: u16) -> bool {
    let apart = between(seen, now);
    match (offset, ip_id) {
        (Some(offset), 0) => size(minus(apart, offset)) < NEAR_WITHOUT_ID,
        (Some(offset), _) => size(minus(apart, offset)) < NEAR,
        (None, 0) => size(apart) < BEFORE_REPEATS,
        (None, _) => size(apart) < LONGEST,
    }
}

/// By how much the time in the file that is named later is greater.
fn between(a: Seen, b: Seen) -> Span {
    if a.file < b.file {
        b.time.since(a.time)
    } else {
        a.time.since(b.time)
    }
}

fn order(a: FileIndex, b: FileIndex) -> (FileIndex, FileIndex) {
    (a.min(b), a.max(b))
}

const fn minus(a: Span, b: Span) -> Span {
    Span::from_nanos(a.nanos().saturating_sub(b.nanos()))
}

const fn size(span: Span) -> Span {
    Span::from_nanos(span.nanos().saturating_abs())
}

/// What all digests begin with.
fn hasher(flow: &Flow, origin: &Origin<'_>, len: usize) -> FxHasher {
    let mut hasher = FxHasher::default();
    flow.hash(&mut hasher);
    hasher.write_u16(origin.ip_id);
    hasher.write_usize(len);
    hasher
}

#[cfg(test)]
mod tests;
