//! `Gathered`: bytes of a stream that wait, and the frames that brought them.
//!
//! In: the bytes of chunks with their origins. Out: the same bytes from the front, and for any
//! length of them the origin of what they make up. Always: the marks cover the bytes without
//! holes. Capped: by the caller, who reads [`Gathered::cost`].

use std::collections::VecDeque;

use super::kept::Kept;
use crate::units::{FrameRef, Origin};

/// Where the bytes of one chunk end, and where they came from.
#[derive(Debug)]
struct Mark {
    /// Counted from the first byte that was ever gathered.
    end: u64,
    kept: Kept,
    earlier: Vec<FrameRef>,
}

/// Bytes of one direction, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    bytes: Vec<u8>,
    /// So many of `bytes` were consumed. Invariant: at most `bytes.len()`.
    start: usize,
    /// The number of the first byte of `bytes`.
    base: u64,
    marks: VecDeque<Mark>,
}

impl Gathered {
    /// Puts bytes behind the others.
    pub(crate) fn push(&mut self, bytes: &[u8], origin: &Origin<'_>) {
        if bytes.is_empty() {
            return;
        }
        if self.start > self.bytes.len() / 2 {
            self.bytes.drain(..self.start);
            self.base += length(self.start);
            self.start = 0;
        }
        self.bytes.extend_from_slice(bytes);
        self.marks.push_back(Mark {
            end: self.base + length(self.bytes.len()),
            kept: Kept::new(origin),
            earlier: origin.earlier.to_vec(),
        });
    }

    /// What is there.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }

    /// Bytes of memory, the lists of earlier frames apart.
    pub(crate) fn cost(&self) -> usize {
        self.bytes.capacity() + self.marks.capacity() * size_of::<Mark>()
    }

    /// The frames behind the first `len` bytes: the last of them, and into `earlier` the others,
    /// oldest first, at most `cap`. `None` where nothing is there.
    pub(crate) fn origin(
        &self,
        len: usize,
        cap: usize,
        earlier: &mut Vec<FrameRef>,
    ) -> Option<Kept> {
        let end = self.base + length(self.start.saturating_add(len));
        let mut last = None;
        let mut begin = self.base + length(self.start);
        for mark in &self.marks {
            if begin >= end && last.is_some() {
                break;
            }
            begin = mark.end;
            for frame in mark.earlier.iter().chain([&mark.kept.at]) {
                if earlier.len() <= cap {
                    earlier.push(*frame);
                }
            }
            last = Some(mark.kept);
        }
        let last = last?;
        tidy(earlier, last.at, cap);
        Some(last)
    }

    /// Forgets the first `len` bytes.
    pub(crate) fn consume(&mut self, len: usize) {
        self.start = self.start.saturating_add(len).min(self.bytes.len());
        let gone = self.base + length(self.start);
        while self.marks.front().is_some_and(|mark| mark.end <= gone) {
            self.marks.pop_front();
        }
        if self.start == self.bytes.len() {
            // Most connections are idle most of the time, and then keep nothing.
            *self = Self {
                base: gone,
                ..Self::default()
            };
        }
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

/// Frames in order, each once, without `at`, at most `cap`.
pub(crate) fn tidy(frames: &mut Vec<FrameRef>, at: FrameRef, cap: usize) {
    frames.retain(|frame| *frame != at);
    frames.sort_unstable();
    frames.dedup();
    frames.truncate(cap);
}

fn length(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::direction::no_origin;
    use super::*;
    use crate::units::{FileIndex, FrameNo};

    fn frame(no: u64) -> FrameRef {
        FrameRef {
            file: FileIndex(0),
            no: FrameNo(no),
        }
    }

    #[test]
    fn every_piece_names_exactly_its_frames() {
        let mut gathered = Gathered::default();
        for (no, bytes) in [(1, "ab"), (2, "cd"), (3, "ef")] {
            let mut origin = no_origin();
            origin.at = frame(no);
            gathered.push(bytes.as_bytes(), &origin);
        }
        let mut earlier = Vec::new();
        assert_eq!(gathered.origin(3, 9, &mut earlier).unwrap().at, frame(2));
        assert_eq!(earlier, [frame(1)]);
        gathered.consume(3);
        assert_eq!(gathered.bytes(), b"def");
        earlier.clear();
        assert_eq!(gathered.origin(1, 9, &mut earlier).unwrap().at, frame(2));
        assert!(earlier.is_empty());
        gathered.consume(1);
        assert_eq!(gathered.origin(2, 9, &mut earlier).unwrap().at, frame(3));
        gathered.consume(9);
        assert!(gathered.bytes().is_empty() && gathered.cost() == 0);
    }
}
