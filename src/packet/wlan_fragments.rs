//! 802.11 fragments put together.
//!
//! In: [`Fragment`]s. Out: the body of the frame they make up. A station sends them one behind the
//! other and waits for each to be acknowledged, so that only the next one counts; one that was
//! sent again is passed over. Capped: [`Limits::ip_reassemblies`] frames, each for
//! [`Limits::ip_reassembly_wait`] and of at most [`MOST_BYTES`].
//!
//! # References
//! - IEEE 802.11-2020 §10.4, §10.5

use std::hash::BuildHasher as _;

use rustc_hash::FxBuildHasher;

use super::waiting::Table;
use super::wlan::{Address, Fragment};
use crate::defect::{Defect, DefectKind};
use crate::limits::Limits;
use crate::units::{FrameRef, Span, Timestamp};

const MISSING: &str = "fragments of 802.11 frames are not in the capture; capture on the wire behind the access point";

/// Bytes: twice what a frame can have.
const MOST_BYTES: usize = 16 << 10;

/// A frame of which fragments came.
#[derive(Debug)]
struct Begun {
    /// By which the first fragment is known when it is sent again.
    first: u64,
    /// The number of the next fragment.
    next: u8,
    /// It is whole, and was handed out.
    is_done: bool,
    bytes: Vec<u8>,
    frames: Vec<FrameRef>,
}

/// What fragments made up.
#[derive(Debug)]
pub(super) struct Whole {
    pub(super) bytes: Vec<u8>,
    /// The frames of its fragments but the last.
    pub(super) frames: Vec<FrameRef>,
}

/// The frames being put together.
#[derive(Debug)]
pub(super) struct WlanFragments {
    begun: Table<(Address, Address, u16, u8), Begun>,
    cap: usize,
    wait: Span,
}

impl WlanFragments {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            begun: Table::new(),
            cap: limits.ip_reassemblies.max(1),
            wait: limits.ip_reassembly_wait,
        }
    }

    /// Adds a fragment; the frame if that made it whole.
    pub(super) fn push(
        &mut self,
        fragment: &Fragment<'_>,
        at: FrameRef,
        time: Timestamp,
        defects: &mut impl FnMut(Defect),
    ) -> Option<Whole> {
        self.expire(time, defects);
        let key = fragment.of;
        if fragment.number == 0 {
            let first = FxBuildHasher.hash_one(fragment.body.bytes);
            let begun = self.begun.get_mut(&key);
            if begun.is_some_and(|begun| begun.first == first) {
                return None;
            }
            // The number is used again.
            if let Some(begun) = self.begun.remove(&key) {
                begun.give_up(defects);
            }
            while self.begun.len() >= self.cap {
                self.begun.pop_oldest()?.give_up(defects);
            }
            if fragment.body.bytes.len() > MOST_BYTES {
                return None;
            }
            let begun = Begun {
                first,
                next: 1,
                is_done: false,
                bytes: fragment.body.bytes.to_vec(),
                frames: vec![at],
            };
            self.begun.insert(key, time, begun);
            return None;
        }
        let Some(begun) = self.begun.get_mut(&key) else {
            defects(Defect::new(DefectKind::IpFragmentsMissing, at, MISSING));
            return None;
        };
        if begun.is_done || fragment.number < begun.next {
            return None;
        }
        let len = begun.bytes.len() + fragment.body.bytes.len();
        if fragment.number > begun.next || len > MOST_BYTES {
            begun.give_up(defects);
            // What comes of it later is passed over.
            begun.is_done = true;
            return None;
        }
        begun.next += 1;
        begun.bytes.extend(fragment.body.bytes);
        if fragment.more {
            begun.frames.push(at);
            return None;
        }
        begun.is_done = true;
        Some(Whole {
            bytes: std::mem::take(&mut begun.bytes),
            frames: std::mem::take(&mut begun.frames),
        })
    }

    /// Whether nothing waits.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.begun.is_empty()
    }

    /// Gives up what waited too long.
    pub(super) fn expire(&mut self, now: Timestamp, defects: &mut impl FnMut(Defect)) {
        while let Some(started) = self.begun.oldest()
            && now.since(started) > self.wait
        {
            if let Some(begun) = self.begun.pop_oldest() {
                begun.give_up(defects);
            }
        }
    }

    /// No fragment comes any more.
    pub(super) fn finish(&mut self, defects: &mut impl FnMut(Defect)) {
        while let Some(begun) = self.begun.pop_oldest() {
            begun.give_up(defects);
        }
    }
}

impl Begun {
    fn give_up(&self, defects: &mut impl FnMut(Defect)) {
        if let Some(first) = self.frames.first()
            && !self.is_done
        {
            defects(Defect::new(DefectKind::IpFragmentsMissing, *first, MISSING));
        }
    }
}
