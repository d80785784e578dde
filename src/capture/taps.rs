//! `Taps`: packets that two captures of the same minutes both hold.
//!
//! In: SIP datagrams and all TCP segments, and whether captures overlap. Out: whether one is a copy
//! of what another tap showed, whatever the two clocks say; at the end how far the clocks are apart.
//!
//! A copy has the same sockets, the same bytes and the same IPv4 Identification, and comes as
//! much later or earlier as all the copies between these two taps do (DOMAIN C.3 widened by the
//! offset of the clocks, which is the median of what was seen). As long as the offset is not known
//! the Identification proves a copy; without one (0, or IPv6) a copy is what comes before a
//! sender could have repeated itself. Files that go on from each other are one tap.
//!
//! Offsets may be known before the captures are merged ([`Taps::know`]). A clock that is off by more
//! than [`Taps::DISORDER`] is then set right by [`super::Merge::shift`]; [`Taps::aligned`] is told,
//! so that the report says so. What stands in two captures farther apart all the same was counted
//! twice, and that is said.
//!
//! Capped: messages by [`Limits::tap_sightings`] (a new one replaces an old one of its few slots),
//! pairs of files by [`Limits::tap_pairs`]; what is beyond is not compared.

use std::collections::BTreeMap;

use super::echoes::{self, Echoes};
use super::lineage::Lineage;
use crate::limits::Limits;
use crate::units::{FileIndex, Flow, FrameNo, FrameRef, Origin, Span, Timestamp};

/// How far a copy may be from the offset of the clocks: what DOMAIN C.3 allows one clock.
const NEAR: Span = Span::from_millis(50);
/// The same without an Identification.
const NEAR_WITHOUT_ID: Span = Span::from_millis(20);
/// A sender repeats itself after T1 = 500 ms (RFC 3261 §17.1.1.1), jitter taken off.
const BEFORE_REPEATS: Span = Span::from_millis(400);
/// Nobody repeats a message after 64*T1 (RFC 3261 §17.1.1.2).
pub(super) const LONGEST: Span = Span::from_secs(32);
/// Common packets it takes to believe an offset.
const ENOUGH: usize = 3;
/// Common packets remembered of a pair, to follow clocks that drift.
const REMEMBERED: usize = 33;
/// Slots that a message may take, of which the one used longest ago is given up: with one it would
/// take the slot of another before that met its copy.
const WAYS: usize = 8;
/// Sightings remembered of one message: 11 copies of a 2xx are the most, few are near in time.
const PLACES: usize = 8;

mod telling;

/// Compares captures of the same minutes.
#[derive(Debug)]
pub struct Taps {
    cap: usize,
    /// Empty until the first sighting.
    slots: Vec<Slot>,
    /// Sightings so far.
    used: u64,
    pairs: BTreeMap<(FileIndex, FileIndex), Pair>,
    max_pairs: usize,
    echoes: Echoes,
    /// Of one tap nothing is a copy of what it showed before.
    lineage: Lineage,
    /// By how much the clocks of captures were set right, and by how many packets that is known.
    shifts: BTreeMap<FileIndex, (Span, u64)>,
    /// Captures of the same time were met; until then nothing is a copy.
    overlap: bool,
}

/// What was seen of one packet.
#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    digest: u64,
    /// When it was used last, in sightings.
    used: u64,
    /// The oldest is replaced first.
    seen: [Option<Seen>; PLACES],
    next: usize,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    /// Its first file.
    tap: FileIndex,
    time: Timestamp,
}

/// Two taps that hold the same packets.
#[derive(Clone, Debug)]
struct Pair {
    /// By how much the second one's times are greater, of the last common packets.
    offsets: Vec<Span>,
    next: usize,
    /// What was known beforehand.
    given: Option<Span>,
    /// The median of `offsets`, once enough of them agree; what was known before until then.
    offset: Option<Span>,
    /// Common packets.
    count: u64,
    /// The first of them in the second file.
    first: FrameRef,
}

impl Taps {
    /// An offset up to which two captures can be read as they are: beyond, time would run back.
    pub const DISORDER: Span = Span::from_secs(1);

    /// Nothing seen yet.
    pub fn new(limits: &Limits) -> Self {
        Self {
            // Both halves of whole groups.
            cap: limits
                .tap_sightings
                .next_multiple_of(2 * WAYS)
                .max(2 * WAYS),
            slots: Vec::new(),
            used: 0,
            pairs: BTreeMap::new(),
            max_pairs: limits.tap_pairs,
            echoes: Echoes::new(limits),
            lineage: Lineage::default(),
            shifts: BTreeMap::new(),
            overlap: false,
        }
    }

    /// Captures of the same time were met.
    pub const fn overlap(&mut self) {
        self.overlap = true;
    }

    /// `shift` was added to the times of `file`, whose clock is off; `count` packets tell so.
    pub fn aligned(&mut self, file: FileIndex, shift: Span, count: u64) {
        self.shifts.insert(file, (shift, count));
    }

    /// What is known of two captures from looking into them: by how much the second one's times are
    /// greater, as they are merged.
    pub fn know(&mut self, (first, second): (FileIndex, FileIndex), offset: Span) {
        if self.pairs.len() < self.max_pairs {
            let at = FrameRef {
                file: second,
                no: FrameNo(0),
            };
            let pair = self.pairs.entry((first, second));
            let pair = pair.or_insert_with(|| Pair::new(at));
            pair.given = Some(offset);
            pair.offset = Some(offset);
        }
    }

    /// `file` begins where `before` ended.
    pub fn goes_on(&mut self, file: FileIndex, before: FileIndex) {
        self.lineage.goes_on(file, before);
    }

    /// Takes a SIP datagram; whether it is a copy of one that another capture holds.
    pub fn datagram(&mut self, flow: &Flow, origin: &Origin<'_>, payload: &[u8]) -> bool {
        let digest = echoes::datagram(flow, origin, payload);
        self.echoes.push_datagram(digest, origin, payload);
        self.sight(origin, digest, 0)
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
        let digest = echoes::segment(flow, origin, numbers, payload);
        if !payload.is_empty() {
            self.echoes.push_segment(digest, origin);
        }
        self.sight(origin, digest, 1)
    }

    /// `half`: 0 or 1, so that streams do not push datagrams out.
    fn sight(&mut self, origin: &Origin<'_>, digest: u64, half: usize) -> bool {
        let places = self.cap / 2;
        if self.slots.is_empty() {
            self.slots = vec![Slot::default(); places * 2];
        }
        let first = usize::try_from(digest % (places / WAYS) as u64).unwrap_or(0);
        let first = first * WAYS + half * places;
        let mut slots = self.slots.iter_mut().skip(first).take(WAYS);
        let Some(mut slot) = slots.next() else {
            return false;
        };
        for other in slots {
            if other.digest == digest || slot.digest != digest && other.used < slot.used {
                slot = other;
            }
        }
        self.used += 1;
        if slot.digest != digest {
            *slot = Slot {
                digest,
                ..Slot::default()
            };
        }
        slot.used = self.used;
        let now = Seen {
            tap: self.lineage.tap(origin.at.file),
            time: origin.time,
        };
        let before = *slot;
        slot.push(now);
        if !self.overlap {
            return false;
        }
        let others = || before.seen.iter().flatten().filter(|s| s.tap != now.tap);
        // The first sightings of each tap are of one packet; of later ones one cannot know.
        if before.first_of(now.tap).is_none() {
            for seen in others() {
                let is_first = before
                    .first_of(seen.tap)
                    .is_some_and(|f| f.time == seen.time);
                if is_first {
                    self.compare(*seen, now, origin.at);
                }
            }
        }
        others().any(|seen| {
            let pair = self.pairs.get(&order(seen.tap, now.tap));
            is_copy_of(*seen, now, pair.and_then(|pair| pair.offset), origin.ip_id)
        })
    }

    fn compare(&mut self, seen: Seen, now: Seen, at: FrameRef) {
        let apart = between(seen, now);
        if size(apart) > LONGEST {
            return;
        }
        let key = order(seen.tap, now.tap);
        let room = self.pairs.len() < self.max_pairs || self.pairs.contains_key(&key);
        if !room {
            return;
        }
        let unknown = FrameRef {
            file: key.1,
            no: FrameNo(0),
        };
        let pair = self.pairs.entry(key).or_insert_with(|| Pair::new(unknown));
        if pair.count == 0 && now.tap == key.1 {
            pair.first = at;
        }
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

    /// The earliest sighting of `tap` that is remembered.
    fn first_of(&self, tap: FileIndex) -> Option<Seen> {
        let of_tap = self.seen.iter().flatten().filter(|seen| seen.tap == tap);
        of_tap.min_by_key(|seen| seen.time).copied()
    }
}

impl Pair {
    const fn new(first: FrameRef) -> Self {
        Self {
            offsets: Vec::new(),
            next: 0,
            given: None,
            offset: None,
            count: 0,
            first,
        }
    }

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
        self.offset = is_known.then_some(median).or(self.given);
    }
}

/// Whether two sightings of two taps are of one packet.
fn is_copy_of(seen: Seen, now: Seen, offset: Option<Span>, ip_id: u16) -> bool {
    let apart = between(seen, now);
    match (offset, ip_id) {
        (Some(offset), 0) => size(minus(apart, offset)) < NEAR_WITHOUT_ID,
        (Some(offset), _) => size(minus(apart, offset)) < NEAR,
        (None, 0) => size(apart) < BEFORE_REPEATS,
        (None, _) => size(apart) < LONGEST,
    }
}

/// By how much the time of the tap whose first file is named later is greater.
fn between(a: Seen, b: Seen) -> Span {
    if a.tap < b.tap {
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

#[cfg(test)]
mod tests;
