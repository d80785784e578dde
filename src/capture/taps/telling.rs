//! What is told of clocks: offsets that were learned, clocks that were set right, and packets that
//! were counted twice because their times are too far apart.

use std::cmp::Reverse;

use super::{LONGEST, Taps, minus, order, size};
use crate::capture::Offset;
use crate::defect::{Defect, DefectKind};
use crate::units::{FileIndex, FrameNo, FrameRef, NANOS_PER_SEC, Span};

/// Offsets below this are what two well-kept clocks have.
const TOLD: Span = Span::from_millis(5);
/// Offsets this near are one: the files of two rings.
const SAME: Span = Span::from_millis(10);
/// The same where they are hours, and clocks drift meanwhile.
const SAME_FAR: Span = Span::from_secs(5);
/// Time zones differ by quarters of an hour, and by 26 hours at most.
const QUARTER_HOUR: i64 = 900;
const ZONES: i64 = 26 * 3600;
/// How near to that an offset must be: two clocks that are otherwise right.
const NEAR_ZONE: i64 = 2;

/// A sentence for either direction.
type Sentence = [&'static str; 2];

const OFFSET: Sentence = [
    "the clock of this capture is {} ms ahead of that of another of the same packets; times are shown as captured, and copies were recognised: to set it right use editcap -t",
    "the clock of this capture is {} ms behind that of another of the same packets; times are shown as captured, and copies were recognised: to set it right use editcap -t",
];

/// What is told of a clock that was set right, in one unit or another.
macro_rules! set_right {
    ($unit:literal, $why:literal, $behind:literal) => {
        [
            concat!(
                "the clock of this capture is {} ",
                $unit,
                " ahead of that of another of the same packets",
                $why,
                ": its times were set back by that, in this report too, and copies were recognised",
                $behind
            ),
            concat!(
                "the clock of this capture is {} ",
                $unit,
                " behind that of another of the same packets",
                $why,
                ": its times were set forward by that, in this report too, and copies were recognised",
                $behind
            ),
        ]
    };
}

/// Of packets that were counted twice.
macro_rules! twice {
    ($unit:literal) => {
        [
            concat!(
                "the same packets stand in this capture and in another, here {} ",
                $unit,
                " later by its clock: they were counted twice, and calls may be torn apart; set its clock right with editcap -t and run again"
            ),
            concat!(
                "the same packets stand in this capture and in another, here {} ",
                $unit,
                " earlier by its clock: they were counted twice, and calls may be torn apart; set its clock right with editcap -t and run again"
            ),
        ]
    };
}

/// Of messages of which only the bytes are known to be equal.
macro_rules! equal {
    ($unit:literal) => {
        [
            concat!(
                "the same messages, byte for byte, stand in this capture and in another, here {} ",
                $unit,
                " later: they were sent twice, or a clock is wrong; they were counted twice, so if it is the clock set it right with editcap -t and run again"
            ),
            concat!(
                "the same messages, byte for byte, stand in this capture and in another, here {} ",
                $unit,
                " earlier: they were sent twice, or a clock is wrong; they were counted twice, so if it is the clock set it right with editcap -t and run again"
            ),
        ]
    };
}

const REPLAYED: [Sentence; 2] = [
    set_right!(
        "ms",
        "",
        " (if the same traffic was replayed, read the captures one by one)"
    ),
    set_right!(
        "s",
        "",
        " (if the same traffic was replayed, read the captures one by one)"
    ),
];
const ZONE: [Sentence; 2] = [
    set_right!("ms", ", as one of another time zone is", ""),
    set_right!("s", ", as one of another time zone is", ""),
];
const TWICE: [Sentence; 2] = [twice!("ms"), twice!("s")];
const EQUAL: [Sentence; 2] = [equal!("ms"), equal!("s")];
/// Offsets below this are told in milliseconds.
const IN_SECONDS: Span = Span::from_secs(100);

/// By how much a file's times are greater, how many packets say so, and where.
type Apart = (Span, u64, FrameRef);

impl Taps {
    /// Tells the offsets of the clocks.
    pub fn finish(&self, defect: &mut dyn FnMut(Defect)) {
        let set_right = self.shifts.iter().map(|(file, (shift, count))| {
            let tap = self.lineage.tap(*file);
            let pairs = self.pairs.iter();
            let pairs = pairs.filter(|((a, b), _)| *a == tap || *b == tap);
            let common: u64 = pairs.map(|(_, pair)| pair.count).sum();
            (
                minus(Span::default(), *shift),
                common.max(*count),
                at(*file),
            )
        });
        for apart in grouped(set_right.collect(), SAME_FAR) {
            let sentences = if is_zone(apart.0) { ZONE } else { REPLAYED };
            tell_far(apart, sentences, defect);
        }
        let is_shifted = |file: &FileIndex| self.shifts.contains_key(file);
        let learned = self.pairs.iter();
        let learned = learned
            .filter(|((a, b), _)| !is_shifted(a) && !is_shifted(b))
            .filter_map(|(_, pair)| Some((pair.offset?, pair.count, pair.first)))
            .filter(|(offset, ..)| size(*offset) >= TOLD);
        for apart in grouped(learned.collect(), SAME) {
            tell(apart, OFFSET, 1_000_000, defect);
        }
        let (twice, equal): (Vec<_>, Vec<_>) = self
            .echoes
            .far_offsets(Self::DISORDER)
            .into_iter()
            .filter(|offset| !self.has_learned(offset))
            .partition(|offset| offset.is_proven);
        for (offsets, sentences) in [(twice, TWICE), (equal, EQUAL)] {
            let count = |count| u64::try_from(count).unwrap_or(u64::MAX);
            let apart = offsets.iter();
            let apart = apart.map(|offset| (offset.by, count(offset.count), at(offset.second)));
            for apart in grouped(apart.collect(), SAME_FAR) {
                tell_far(apart, sentences, defect);
            }
        }
    }

    /// Whether copies in these two captures were recognised while they were read, or are what a
    /// sender repeated across the border of two files of one tap.
    fn has_learned(&self, offset: &Offset) -> bool {
        let [first, second] = [offset.first, offset.second].map(|file| self.lineage.tap(file));
        if first == second {
            return !offset.is_proven && size(offset.by) <= LONGEST;
        }
        let pair = self.pairs.get(&order(first, second));
        self.overlap && pair.is_some_and(|pair| pair.offset.is_some())
    }
}

/// Those that are the same offset as one, of which the one with most packets speaks.
fn grouped(mut all: Vec<Apart>, same: Span) -> Vec<Apart> {
    all.sort_by_key(|&(_, count, first)| (Reverse(count), first));
    let mut groups = Vec::new();
    while let Some(&(offset, _, first)) = all.first() {
        let is_same = |other: Span| size(minus(other, offset)) <= same;
        let count = all.iter().filter(|(other, ..)| is_same(*other));
        let count = count.map(|(_, count, _)| count).sum();
        all.retain(|(other, ..)| !is_same(*other));
        groups.push((offset, count, first));
    }
    groups
}

fn tell(
    (offset, count, first): Apart,
    [ahead, behind]: Sentence,
    unit: i64,
    defect: &mut dyn FnMut(Defect),
) {
    let detail = if offset > Span::default() {
        ahead
    } else {
        behind
    };
    let told = Defect {
        count,
        ..Defect::new(DefectKind::ClockOffset, first, detail)
    };
    let unit = unit.unsigned_abs();
    defect(told.with_number((size(offset).nanos().unsigned_abs() + unit / 2) / unit));
}

fn tell_far(apart: Apart, [millis, secs]: [Sentence; 2], defect: &mut dyn FnMut(Defect)) {
    if size(apart.0) < IN_SECONDS {
        tell(apart, millis, 1_000_000, defect);
    } else {
        tell(apart, secs, NANOS_PER_SEC, defect);
    }
}

/// No frame of a file, but the file.
const fn at(file: FileIndex) -> FrameRef {
    FrameRef {
        file,
        no: FrameNo(0),
    }
}

/// Whether an offset is one of time zones.
const fn is_zone(offset: Span) -> bool {
    let secs = (size(offset).nanos() + NANOS_PER_SEC / 2) / NANOS_PER_SEC;
    let beyond = secs % QUARTER_HOUR;
    let is_near = beyond <= NEAR_ZONE || beyond >= QUARTER_HOUR - NEAR_ZONE;
    is_near && secs >= QUARTER_HOUR - NEAR_ZONE && secs <= ZONES
}
