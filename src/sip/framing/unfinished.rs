//! `Unfinished`: what is kept of a stream between its chunks.
//!
//! In: a stream's bytes, gaps and end. Out: messages through an [`Outlet`]. Always: what is kept
//! begins at a border or in a message, and is empty where a chunk ends with a message. Capped:
//! one message and one chunk.

use super::super::head::{ContentLength, Head};
use super::super::sniff::Verdict;
use super::super::{Framing, RawMessage};
use super::flows::KnownFlows;
use super::parser::{Parser, Step, without_line_ends};
use super::{Counts, ports};
use crate::defect::{Defect, DefectKind};
use crate::limits::Limits;
use crate::stream::kept::Kept;
use crate::stream::{Chunk, Event};
use crate::units::{Flow, FrameRef, Origin};

const LOST: &str =
    "bytes between the messages of a stream are no message; a Content-Length may be wrong";
const TOO_LARGE: &str = "a message on a stream is larger than 64 KiB; its body was passed over";
const CUT_IN_HEAD: &str = "a message on a stream ends within its header fields";

/// So many of the largest messages are searched through before a stream is no SIP any more.
const PASSED_OVER: usize = 4;

/// Where messages and defects go, and what is counted.
pub(super) struct Outlet<'s> {
    /// Takes messages.
    pub(super) out: &'s mut dyn FnMut(RawMessage<'_>),
    /// Takes defects.
    pub(super) defects: &'s mut dyn FnMut(Defect),
    /// Remembers the flows of messages.
    pub(super) flows: &'s mut KnownFlows,
    /// Counts.
    pub(super) counts: &'s mut Counts,
    /// Storage for the lines of the message at hand.
    pub(super) head: &'s mut Head,
    /// The caps.
    pub(super) limits: &'s Limits,
}

/// A stream's unfinished message.
#[derive(Debug)]
pub(super) struct Unfinished {
    flow: Flow,
    parser: Parser,
    bytes: Vec<u8>,
    /// The frames behind `bytes`, oldest first.
    frames: Vec<FrameRef>,
    /// Of the chunk that brought the last of `bytes`.
    last: Kept,
    /// Bytes passed over since the last message.
    passed: u64,
    /// Its first bytes are those of the stream.
    pub(super) begins: bool,
}

impl Unfinished {
    /// Nothing of `chunk` is taken yet.
    pub(super) fn new(chunk: &Chunk<'_>, sticky: bool, search: bool, after_gap: bool) -> Self {
        Self {
            flow: chunk.flow,
            parser: Parser::new(ports(&chunk.flow), sticky, search, after_gap || search),
            bytes: Vec::new(),
            frames: Vec::new(),
            last: Kept::new(&chunk.origin),
            passed: 0,
            begins: matches!(chunk.event, Event::Bytes(_)) && !after_gap,
        }
    }

    /// Bytes kept.
    pub(super) const fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Takes the next bytes. `Some`: the stream is not SIP, or not any more.
    pub(super) fn feed(
        &mut self,
        origin: &Origin<'_>,
        bytes: &[u8],
        outlet: &mut Outlet<'_>,
    ) -> Option<Verdict> {
        let limit = outlet.limits.message_bytes;
        let mut rest = bytes;
        if self.bytes.is_empty()
            && self.parser.proven
            && bytes.iter().all(|byte| matches!(byte, b'\r' | b'\n'))
        {
            outlet.counts.keepalives += 1;
        }
        loop {
            if rest.is_empty() {
                break;
            }
            let mut kept = std::mem::take(&mut self.bytes);
            let old = kept.len();
            if old > 0 {
                kept.extend_from_slice(rest);
            }
            let data = if old > 0 { kept.as_slice() } else { rest };
            let searching = self.parser.is_searching();
            let consumed = match self.parser.step(data, limit, outlet.head) {
                Step::Wait => {
                    self.bytes = if old > 0 { kept } else { rest.to_vec() };
                    self.keep(origin, outlet.limits.frames_per_message);
                    break;
                }
                Step::Skip(count) => {
                    if searching {
                        self.pass_over(count, outlet);
                    }
                    count
                }
                Step::Message {
                    len,
                    head_len,
                    framing,
                    is_read,
                } => {
                    let message = data.get(..len).unwrap_or(data);
                    if !is_read {
                        outlet.head.read(message);
                    }
                    self.emit(message, old, origin, head_len, framing, outlet);
                    self.passed = 0;
                    len
                }
                Step::TooLarge(head_len) => {
                    (outlet.defects)(Defect::new(DefectKind::Malformed, origin.at, TOO_LARGE));
                    let mut consumed = head_len;
                    if head_len > 0 {
                        let framing = Framing {
                            truncated_body: true,
                            after_gap: self.parser.after_gap,
                            ..Framing::default()
                        };
                        let message = data.get(..head_len).unwrap_or(data);
                        outlet.head.read(message);
                        self.emit(message, old, origin, head_len, framing, outlet);
                    } else {
                        // Past the start line, or the search would find it again.
                        consumed = memchr::memchr(b'\n', data).map_or(data.len(), |end| end + 1);
                        self.pass_over(consumed, outlet);
                    }
                    self.parser.proven = true;
                    self.parser.search();
                    consumed
                }
                Step::Lost => {
                    (outlet.defects)(Defect::new(DefectKind::Malformed, origin.at, LOST));
                    self.parser.search();
                    0
                }
                Step::NotSip(verdict) => return Some(verdict),
            };
            if consumed < old {
                // Of what is kept a part remains; the new bytes are put behind it again.
                kept.truncate(old);
                kept.drain(..consumed);
                self.bytes = kept;
                self.frames.clear();
                self.frames.push(self.last.at);
            } else {
                rest = rest.get(consumed - old..).unwrap_or_default();
                self.frames.clear();
            }
            if self.passed > u64::try_from(limit.saturating_mul(PASSED_OVER)).unwrap_or(u64::MAX) {
                return Some(Verdict::No);
            }
        }
        None
    }

    /// `lost` bytes are missing: the message at hand is closed.
    pub(super) fn gap(&mut self, lost: u64, outlet: &mut Outlet<'_>) {
        let known = self.bytes.len();
        let head = self.parser.head();
        self.close(true, outlet);
        if head.is_none() && known > 0 {
            self.parser.search();
        } else {
            self.parser.gap(known, lost);
        }
    }

    /// No more bytes come.
    pub(super) fn end(&mut self, outlet: &mut Outlet<'_>) {
        self.close(false, outlet);
    }

    /// Hands on a message that begins where `old` kept bytes do, and whose head has been read.
    fn emit(
        &self,
        bytes: &[u8],
        old: usize,
        origin: &Origin<'_>,
        head_len: usize,
        framing: Framing,
        outlet: &mut Outlet<'_>,
    ) {
        let mut frames: Vec<FrameRef>;
        let origin = if old == 0 {
            *origin
        } else {
            // Whole already before these bytes came, which only told so.
            let whole = bytes.len() <= old;
            let at = if whole { self.last.at } else { origin.at };
            frames = self.frames.clone();
            if !whole {
                frames.extend_from_slice(origin.earlier);
            }
            frames.retain(|frame| *frame != at);
            frames.sort_unstable();
            frames.dedup();
            frames.truncate(outlet.limits.frames_per_message);
            if whole {
                self.last.origin(&frames)
            } else {
                self.last.joined(origin, &frames)
            }
        };
        outlet.flows.insert(&self.flow);
        (outlet.out)(RawMessage {
            flow: self.flow,
            origin,
            bytes,
            head_len,
            head: outlet.head,
            framing,
        });
    }

    /// Notes the frames of the bytes that were just kept.
    fn keep(&mut self, origin: &Origin<'_>, cap: usize) {
        for frame in origin.earlier.iter().chain([&origin.at]) {
            if self.frames.len() < cap && self.frames.last() != Some(frame) {
                self.frames.push(*frame);
            }
        }
        self.last = Kept::new(origin);
    }

    fn pass_over(&mut self, count: usize, outlet: &mut Outlet<'_>) {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        self.passed = self.passed.saturating_add(count);
        outlet.counts.skipped_bytes = outlet.counts.skipped_bytes.saturating_add(count);
    }

    /// Forgets the message at hand.
    pub(super) fn give_up(&mut self) {
        self.bytes = Vec::new();
        self.frames = Vec::new();
        self.parser.search();
    }

    /// Hands on what is kept of an unfinished message, if its header section is whole.
    fn close(&mut self, cut: bool, outlet: &mut Outlet<'_>) {
        let bytes = std::mem::take(&mut self.bytes);
        let frames = std::mem::take(&mut self.frames);
        if bytes.is_empty() || !self.parser.has_begun() {
            return;
        }
        let Some((head_len, body)) = self.parser.head() else {
            (outlet.defects)(Defect::new(
                DefectKind::Malformed,
                self.last.at,
                CUT_IN_HEAD,
            ));
            return;
        };
        let mut framing = Framing {
            after_gap: self.parser.after_gap,
            truncated_body: cut,
            ..Framing::default()
        };
        let mut len = bytes.len();
        match body {
            ContentLength::Is(_) => framing.truncated_body = true,
            ContentLength::Missing => {
                framing.missing_content_length = true;
                len = without_line_ends(&bytes, head_len, len);
            }
            ContentLength::Bad => framing.bad_content_length = true,
        }
        let frames: Vec<FrameRef> = frames
            .into_iter()
            .filter(|at| *at != self.last.at)
            .collect();
        outlet.flows.insert(&self.flow);
        let bytes = bytes.get(..len).unwrap_or(&bytes);
        outlet.head.read(bytes);
        (outlet.out)(RawMessage {
            flow: self.flow,
            origin: self.last.origin(&frames),
            bytes,
            head_len,
            head: outlet.head,
            framing,
        });
    }
}
