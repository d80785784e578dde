//! Streams: messages of TCP put together, replaced, and taken apart again.
//!
//! In: segments, and where in which frame their bytes stand. Out: the new bytes, written into the
//! frames that wait for them. A segment sent again gets what the first got.
//!
//! Always: what begins no message, or cannot be put together, stays zeros. Capped:
//! [`Limits::redact_streams`] directions, [`AHEAD`] bytes out of order and [`RECENT`] bytes that may
//! be sent again in each.
//!
//! # References
//! - RFC 9293 §3.4, RFC 3261 §18.3

use std::collections::VecDeque;

use rustc_hash::FxHashMap;

use super::engine::{Queue, Wait};
use super::message;
use super::pseudonyms::Pseudonyms;
use crate::limits::Limits;
use crate::sip::sniff::{self, StartLine};
use crate::units::Flow;

/// Bytes of a direction that may wait for what comes before them.
const AHEAD: usize = 256 << 10;

/// Bytes remembered in case that they are sent again.
const RECENT: usize = 64 << 10;

/// Bytes a message of a stream may have.
const MOST_BYTES: usize = 1 << 20;

/// A segment and where its bytes stand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment<'a> {
    pub(super) flow: Flow,
    pub(super) seq: u32,
    pub(super) syn: bool,
    pub(super) bytes: &'a [u8],
    /// The frame, as the queue counts.
    pub(super) frame: u64,
    pub(super) at: usize,
    /// Bytes that the snap length cut off.
    pub(super) missing: u32,
}

/// All directions.
#[derive(Debug)]
pub(super) struct Streams {
    directions: FxHashMap<Flow, Direction>,
    cap: usize,
}

#[derive(Debug, Default)]
struct Direction {
    /// The sequence number of the first byte of `text`.
    start: u32,
    /// What is not yet a message.
    text: Vec<u8>,
    pieces: Vec<Piece>,
    ahead: Vec<(u32, Vec<u8>)>,
    recent: VecDeque<(u32, Vec<u8>)>,
}

/// Bytes of a frame that wait.
#[derive(Clone, Copy, Debug)]
struct Piece {
    seq: u32,
    len: usize,
    frame: u64,
    at: usize,
}

fn begins(bytes: &[u8]) -> bool {
    let text = sniff::skip_line_ends(bytes, bytes.len());
    text.is_empty() || sniff::start_line(text) != StartLine::No
}

/// How far `to` is behind `from`.
fn distance(from: u32, to: u32) -> i64 {
    i64::from(to.wrapping_sub(from).cast_signed())
}

fn offset(from: u32, to: u32) -> Option<usize> {
    usize::try_from(distance(from, to)).ok()
}

fn advanced(seq: u32, by: usize) -> u32 {
    seq.wrapping_add(u32::try_from(by).unwrap_or(u32::MAX))
}

impl Streams {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            directions: FxHashMap::default(),
            cap: limits.redact_streams.max(1),
        }
    }

    pub(super) fn push(&mut self, segment: &Segment<'_>, queue: &mut Queue, to: &mut Pseudonyms) {
        if segment.syn {
            if let Some(mut old) = self.directions.remove(&segment.flow) {
                old.give_up(queue, to);
            }
            self.make_room();
            let direction = Direction {
                start: segment.seq.wrapping_add(1),
                ..Direction::default()
            };
            self.directions.insert(segment.flow, direction);
            return;
        }
        if segment.bytes.is_empty() {
            return;
        }
        if !self.directions.contains_key(&segment.flow) {
            if !begins(segment.bytes) {
                return;
            }
            self.make_room();
            let direction = Direction {
                start: segment.seq,
                ..Direction::default()
            };
            self.directions.insert(segment.flow, direction);
        }
        if let Some(direction) = self.directions.get_mut(&segment.flow)
            && !direction.push(segment, queue, to)
        {
            self.directions.remove(&segment.flow);
        }
    }

    fn make_room(&mut self) {
        if self.directions.len() >= self.cap {
            // Those that wait for something are few.
            self.directions
                .retain(|_, direction| !direction.pieces.is_empty());
        }
    }

    /// Ends the waiting of one direction.
    pub(super) fn give_up(&mut self, flow: &Flow, queue: &mut Queue, to: &mut Pseudonyms) {
        if let Some(mut direction) = self.directions.remove(flow) {
            direction.give_up(queue, to);
        }
    }

    /// Ends all waiting.
    pub(super) fn finish(&mut self, queue: &mut Queue, to: &mut Pseudonyms) {
        let mut flows: Vec<Flow> = self.directions.keys().copied().collect();
        flows.sort_unstable();
        for flow in flows {
            self.give_up(&flow, queue, to);
        }
    }
}

impl Direction {
    /// False if nothing here is worth being remembered.
    fn push(&mut self, segment: &Segment<'_>, queue: &mut Queue, to: &mut Pseudonyms) -> bool {
        let next = advanced(self.start, self.text.len());
        let piece = Piece {
            seq: segment.seq,
            len: segment.bytes.len(),
            frame: segment.frame,
            at: segment.at,
        };
        let gap = distance(next, segment.seq);
        let is_far = usize::try_from(gap.abs()).unwrap_or(usize::MAX) > AHEAD * 4;
        let waiting: usize = self.ahead.iter().map(|(_, bytes)| bytes.len()).sum();
        if is_far || (gap > 0 && waiting + segment.bytes.len() > AHEAD) {
            // Another connection of the same ports, or more lost than can be waited for.
            self.give_up(queue, to);
            if !begins(segment.bytes) {
                return false;
            }
            *self = Self {
                start: segment.seq,
                ..Self::default()
            };
            return self.push(segment, queue, to);
        }
        if gap > 0 && begins(segment.bytes) && self.text.is_empty() && waiting > AHEAD / 4 {
            // What is missing was lost: the messages behind it are not.
            self.give_up(queue, to);
            self.start = segment.seq;
            return self.push(segment, queue, to);
        }
        queue.wait(segment.frame, Wait::Stream(segment.flow));
        self.pieces.push(piece);
        self.fill_sent_again(piece, queue);
        if gap > 0 {
            self.ahead.push((segment.seq, segment.bytes.to_vec()));
        } else {
            let known = usize::try_from(-gap).unwrap_or(usize::MAX);
            if let Some(bytes) = segment.bytes.get(known..) {
                self.text.extend_from_slice(bytes);
            }
            self.take_ahead();
        }
        let is_sip = self.decide(queue, to);
        if is_sip {
            self.close(queue);
        } else {
            self.give_up(queue, to);
        }
        if segment.missing > 0 {
            // Behind the cut another message may begin.
            self.give_up(queue, to);
            self.start = advanced(segment.seq, segment.bytes.len()).wrapping_add(segment.missing);
        }
        is_sip
    }

    fn take_ahead(&mut self) {
        loop {
            let next = advanced(self.start, self.text.len());
            let found = self
                .ahead
                .iter()
                .position(|(seq, _)| distance(next, *seq) <= 0);
            let Some((seq, bytes)) = found.map(|at| self.ahead.swap_remove(at)) else {
                return;
            };
            let known = offset(seq, next).unwrap_or(0);
            if let Some(bytes) = bytes.get(known..) {
                self.text.extend_from_slice(bytes);
            }
        }
    }

    /// Writes what is known already of bytes sent again.
    fn fill_sent_again(&self, piece: Piece, queue: &mut Queue) {
        for (seq, bytes) in &self.recent {
            write(piece, *seq, bytes, queue);
        }
    }

    /// Replaces the messages that are whole; false if this is no SIP.
    fn decide(&mut self, queue: &mut Queue, to: &mut Pseudonyms) -> bool {
        loop {
            let lead = self
                .text
                .iter()
                .take_while(|byte| matches!(byte, b'\r' | b'\n'))
                .count();
            if lead > 0 {
                self.decided(lead, queue, |_| {});
            }
            if self.text.is_empty() {
                return true;
            }
            match sniff::start_line(&self.text) {
                StartLine::Known | StartLine::Extension => {}
                StartLine::Unfinished => return true,
                StartLine::No => return false,
            }
            let head_len = message::head_len(&self.text);
            let head = self.text.get(..head_len).unwrap_or_default();
            let is_whole = head.ends_with(b"\n\r\n") || head.ends_with(b"\n\n");
            let body_len = message::content_length(head).unwrap_or(0);
            let len = head_len.saturating_add(body_len);
            if len > MOST_BYTES {
                return false;
            }
            if !is_whole || self.text.len() < len {
                return true;
            }
            self.decided(len, queue, |bytes| message::replace(bytes, to));
        }
    }

    /// The first `len` bytes of the text are whole: what they become is written to all who wait.
    fn decided(&mut self, len: usize, queue: &mut Queue, replace: impl FnOnce(&mut [u8])) {
        let rest = self.text.split_off(len.min(self.text.len()));
        let mut bytes = std::mem::replace(&mut self.text, rest);
        replace(&mut bytes);
        for piece in &self.pieces {
            write(*piece, self.start, &bytes, queue);
        }
        let start = self.start;
        self.start = advanced(start, bytes.len());
        self.recent.push_back((start, bytes));
        let mut kept: usize = self.recent.iter().map(|(_, bytes)| bytes.len()).sum();
        while kept > RECENT && self.recent.len() > 1 {
            kept -= self.recent.pop_front().map_or(0, |(_, bytes)| bytes.len());
        }
    }

    /// Lets go of the frames whose bytes are all decided.
    fn close(&mut self, queue: &mut Queue) {
        let start = self.start;
        self.pieces.retain(|piece| {
            let is_open = distance(start, advanced(piece.seq, piece.len)) > 0;
            if !is_open {
                queue.settled(piece.frame);
            }
            is_open
        });
    }

    /// The rest will not come: what is there of messages is replaced as it stands.
    fn give_up(&mut self, queue: &mut Queue, to: &mut Pseudonyms) {
        self.cut(queue, to);
        // Messages behind a gap may be whole all the same.
        let mut ahead = std::mem::take(&mut self.ahead);
        let start = self.start;
        ahead.sort_by_key(|(seq, _)| distance(start, *seq));
        for (seq, bytes) in ahead {
            let next = advanced(self.start, self.text.len());
            match offset(seq, next).filter(|_| !self.text.is_empty()) {
                Some(known) => self.text.extend(bytes.get(known..).unwrap_or_default()),
                None => {
                    self.cut(queue, to);
                    if begins(&bytes) {
                        self.start = seq;
                        self.text = bytes;
                    }
                }
            }
            if !self.decide(queue, to) {
                self.text.clear();
            }
        }
        self.cut(queue, to);
        for piece in self.pieces.drain(..) {
            queue.settled(piece.frame);
        }
        self.recent.clear();
    }

    /// Replaces what is there of a message.
    fn cut(&mut self, queue: &mut Queue, to: &mut Pseudonyms) {
        let len = self.text.len();
        if len > 0 && sniff::start_line(&self.text).is_one() {
            self.decided(len, queue, |bytes| message::replace(bytes, to));
        }
        self.text.clear();
    }
}

/// Writes the part of `bytes`, which begin at `seq`, that belongs to `piece`.
fn write(piece: Piece, seq: u32, bytes: &[u8], queue: &mut Queue) {
    let (from, skipped) = match offset(seq, piece.seq) {
        Some(from) => (from, 0),
        None => (0, offset(piece.seq, seq).unwrap_or(usize::MAX)),
    };
    let len = piece
        .len
        .saturating_sub(skipped)
        .min(bytes.len().saturating_sub(from));
    if let Some(bytes) = bytes
        .get(from..from + len)
        .filter(|bytes| !bytes.is_empty())
    {
        queue.write(piece.frame, piece.at + skipped, bytes);
    }
}
