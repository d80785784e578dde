//! IP fragments put together.
//!
//! In: [`Piece`]s with their [`Key`]. Out: [`Whole`] datagrams, owned while they are handed on.
//!
//! Always: no byte of a datagram comes from pieces that contradict each other. A piece that came
//! before is passed over; one that contradicts (other bytes at the same place, another end) shows
//! that the identification was used again, so what waited is given up and the piece begins anew.
//! After completion the pieces are remembered for a while: of a capture that holds each fragment
//! twice, the late copies begin a datagram that nobody misses when it never completes.
//!
//! Capped: [`Limits::ip_reassemblies`] datagrams waiting and as many remembered, each for
//! [`Limits::ip_reassembly_wait`] of capture time; 64 KiB a datagram;
//! [`Limits::frames_per_message`] frames and pieces remembered of each.
//!
//! # References
//! - RFC 791, RFC 8200 §4.5, RFC 5722 (overlaps)

use std::hash::BuildHasher as _;
use std::net::IpAddr;

use etherparse::defrag::IpDefragBuf;
use etherparse::{IpFragOffset, IpNumber};
use rustc_hash::FxBuildHasher;

use super::capwap;
use super::waiting::Table;
use crate::defect::{Defect, DefectKind};
use crate::limits::Limits;
use crate::units::{FrameRef, Span, Timestamp};

const MISSING: &str = "the other IP fragments of the datagram are not in the capture; look for loss, a filter that drops fragments (a port filter does: add 'or ip[6:2] & 0x1fff != 0'), or another path";
const MISSING_OF_CAPWAP: &str = "the other fragments of a packet between an access point and its controller (CAPWAP) are not in the capture; look for loss, or capture behind the controller";

/// What fragments of one datagram have in common (RFC 791, RFC 8200 §4.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) src: IpAddr,
    pub(super) dst: IpAddr,
    pub(super) id: u32,
    pub(super) protocol: u8,
}

/// A fragment's payload.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece<'a> {
    pub(super) offset: IpFragOffset,
    pub(super) more: bool,
    pub(super) bytes: &'a [u8],
}

/// A datagram put together.
#[derive(Debug)]
pub(super) struct Whole {
    pub(super) data: Vec<u8>,
    /// The frames of its pieces but the last to come, oldest first.
    pub(super) frames: Vec<FrameRef>,
}

/// The datagrams being put together.
#[derive(Debug)]
pub(super) struct Defrag {
    waiting: Table<Key, Slot>,
    /// Pieces of what was put together lately.
    done: Table<Key, Done>,
    cap: usize,
    wait: Span,
    frames_per_message: usize,
    /// A buffer to use again.
    spare: Vec<u8>,
}

#[derive(Debug)]
struct Slot {
    first: FrameRef,
    buf: IpDefragBuf,
    seen: Vec<Seen>,
    frames: Vec<FrameRef>,
    /// All its pieces are copies of pieces of a datagram that was put together already.
    only_copies: bool,
    /// What is told where pieces never come.
    missing: &'static str,
}

#[derive(Debug)]
struct Done {
    seen: Vec<Seen>,
}

/// What tells a copy of a piece from another piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seen {
    offset: u16,
    len: usize,
    more: bool,
    hash: u64,
}

/// What a piece is to those that came before it.
enum Fit {
    New,
    Copy,
    Contradiction,
}

impl Defrag {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            waiting: Table::new(),
            done: Table::new(),
            cap: limits.ip_reassemblies.max(1),
            wait: limits.ip_reassembly_wait,
            frames_per_message: limits.frames_per_message,
            spare: Vec::new(),
        }
    }

    /// Adds a piece; the datagram if that made it whole.
    pub(super) fn push(
        &mut self,
        key: Key,
        piece: Piece<'_>,
        at: FrameRef,
        time: Timestamp,
        defects: &mut impl FnMut(Defect),
    ) -> Option<Whole> {
        self.expire(time, defects);
        let start = piece.offset.byte_offset();
        let end = u16::try_from(usize::from(start) + piece.bytes.len());
        let aligned = !piece.more || piece.bytes.len().is_multiple_of(8);
        let (Ok(end), true, false) = (end, aligned, piece.bytes.is_empty()) else {
            defects(Defect::new(
                DefectKind::MalformedPacket,
                at,
                "an IP fragment has an impossible length or place",
            ));
            return None;
        };

        let seen = Seen {
            offset: start,
            len: piece.bytes.len(),
            more: piece.more,
            hash: FxBuildHasher.hash_one(piece.bytes),
        };
        let is_copy = self
            .done
            .get_mut(&key)
            .is_some_and(|done| done.seen.contains(&seen));

        if let Some(slot) = self.waiting.get_mut(&key) {
            // The identification was used again: late copies of the datagram before are no part
            // of this one.
            let stale = slot.only_copies && !is_copy;
            let fit = slot.fit(piece, start, end);
            match fit {
                Fit::Copy if !stale => return None,
                // A late copy of what was put together before is no part of this datagram.
                Fit::Contradiction if is_copy && !slot.only_copies => return None,
                _ => {}
            }
            if (stale || matches!(fit, Fit::Contradiction))
                && let Some(slot) = self.waiting.remove(&key)
            {
                slot.give_up(
                        DefectKind::IpFragmentsMissing,
                        "IP fragments contradict each other, or an identification was used again before all fragments had come; the earlier ones were given up",
                        defects,
                    );
            }
        }
        if self.waiting.get_mut(&key).is_none() {
            self.make_room(defects);
            let buffer = std::mem::take(&mut self.spare);
            let slot = Slot {
                first: at,
                buf: IpDefragBuf::new(IpNumber(key.protocol), buffer, Vec::new()),
                seen: Vec::new(),
                frames: Vec::new(),
                only_copies: true,
                missing: if key.protocol == capwap::AS_PROTOCOL {
                    MISSING_OF_CAPWAP
                } else {
                    MISSING
                },
            };
            self.waiting.insert(key, time, slot);
        }

        let slot = self.waiting.get_mut(&key)?;
        slot.only_copies &= is_copy;
        if slot.buf.add(piece.offset, piece.more, piece.bytes).is_err() {
            // Not met: what it refuses was refused above. The piece is left out.
            return None;
        }
        if slot.seen.len() < self.frames_per_message {
            slot.seen.push(seen);
        }
        if !slot.buf.is_complete() {
            if slot.frames.len() < self.frames_per_message {
                slot.frames.push(at);
            }
            return None;
        }
        let slot = self.waiting.remove(&key)?;
        if self.done.len() >= self.cap {
            self.done.pop_oldest();
        }
        self.done.remove(&key);
        self.done.insert(key, time, Done { seen: slot.seen });
        let (data, _) = slot.buf.take_bufs();
        Some(Whole {
            data,
            frames: slot.frames,
        })
    }

    /// Takes a datagram's buffer back.
    pub(super) fn recycle(&mut self, whole: Whole) {
        self.spare = whole.data;
    }

    /// No fragment comes any more.
    pub(super) fn finish(&mut self, defects: &mut impl FnMut(Defect)) {
        while let Some(slot) = self.waiting.pop_oldest() {
            slot.give_up(DefectKind::IpFragmentsMissing, slot.missing, defects);
        }
    }

    /// Whether nothing waits, and nothing is remembered.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.done.is_empty()
    }

    /// Gives up what waited too long. Where time ran backwards nothing has.
    pub(super) fn expire(&mut self, now: Timestamp, defects: &mut impl FnMut(Defect)) {
        while let Some(started) = self.waiting.oldest()
            && now.since(started) > self.wait
        {
            if let Some(slot) = self.waiting.pop_oldest() {
                slot.give_up(DefectKind::IpFragmentsMissing, slot.missing, defects);
            }
        }
        while let Some(ended) = self.done.oldest()
            && now.since(ended) > self.wait
        {
            self.done.pop_oldest();
        }
    }

    fn make_room(&mut self, defects: &mut impl FnMut(Defect)) {
        while self.waiting.len() >= self.cap {
            let Some(slot) = self.waiting.pop_oldest() else {
                return;
            };
            slot.give_up(
                DefectKind::Evicted,
                "more IP datagrams were incomplete at once than are held; the oldest was given up",
                defects,
            );
        }
    }
}

impl Slot {
    /// How a piece from `start` to `end` fits to those that are there.
    fn fit(&self, piece: Piece<'_>, start: u16, end: u16) -> Fit {
        let known_end = self.buf.end();
        let past_end = known_end.is_some_and(|known| end > known);
        let other_end = !piece.more
            && (known_end.is_some_and(|known| end != known)
                || self.buf.sections().iter().any(|section| section.end > end));
        if past_end || other_end {
            return Fit::Contradiction;
        }
        let mut fit = Fit::New;
        for section in self.buf.sections() {
            let (from, to) = (section.start.max(start), section.end.min(end));
            if from >= to {
                continue;
            }
            let ours = self.buf.data().get(usize::from(from)..usize::from(to));
            let theirs = piece
                .bytes
                .get(usize::from(from - start)..usize::from(to - start));
            if ours != theirs {
                return Fit::Contradiction;
            }
            // A copy adds nothing, unless it is the first to tell the end.
            if (from, to) == (start, end) && (piece.more || known_end.is_some()) {
                fit = Fit::Copy;
            }
        }
        fit
    }

    fn give_up(&self, kind: DefectKind, detail: &'static str, defects: &mut impl FnMut(Defect)) {
        if !self.only_copies {
            defects(Defect::new(kind, self.first, detail));
        }
    }
}

#[cfg(test)]
impl Defrag {
    /// Entries of all tables and queues.
    pub(super) fn remembered(&self) -> usize {
        let tables = self.waiting.len() + self.done.len();
        tables + self.waiting.queued() + self.done.queued()
    }
}
