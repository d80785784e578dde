//! `Direction`: one direction of a WebSocket connection.
//!
//! In: its bytes in order. Out: whole messages with their frames. Always: control frames between
//! the frames of a message do not disturb it (RFC 6455 §5.4). Capped: one message; a larger one
//! is passed over.
//!
//! # References
//! - RFC 6455 §5.4 (fragmentation), §5.5 (control frames), RFC 7692 §6

use super::frame::{Head, Kind, Parsed, parse, unmask};
use super::inflate::{Inflater, Window};
use crate::defect::{Defect, DefectKind};
use crate::limits::Limits;
use crate::stream::gathered::{Gathered, tidy};
use crate::stream::kept::Kept;
use crate::units::{FrameRef, Origin};

const TOO_LARGE: &str = "a WebSocket message is larger than 64 KiB; it was passed over";
const NOT_INFLATED: &str = "a compressed WebSocket message does not decompress: what it refers back to is not in the capture, it is damaged, or too many connections were compressed at once";

/// A frame whose payload is not whole yet.
#[derive(Debug)]
struct Current {
    head: Head,
    /// Bytes of the payload that came.
    done: u64,
}

/// What became of the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// They are frames.
    Frames,
    /// They are none, or not any more.
    Lost,
}

/// One direction.
#[derive(Debug, Default)]
pub(super) struct Direction {
    input: Gathered,
    current: Option<Current>,
    /// The message at hand, unmasked; `None` between messages.
    message: Option<Vec<u8>>,
    compressed: bool,
    /// The message at hand is passed over.
    too_large: bool,
    frames: Vec<FrameRef>,
    last: Option<Kept>,
    /// What compressed messages may refer back to.
    window: Window,
    closed: bool,
}

impl Direction {
    /// One at the beginning of a frame, whose compressed messages may refer back to `window`.
    pub(super) fn with(window: Window) -> Self {
        Self {
            window,
            ..Self::default()
        }
    }

    /// What is left to be known of it between messages; `None` where it is not between them.
    pub(super) fn take_if_idle(&mut self) -> Option<Window> {
        let is_idle = self.input.bytes().is_empty()
            && self.current.is_none()
            && self.message.is_none()
            && !self.closed;
        is_idle.then(|| std::mem::take(&mut self.window))
    }

    /// Bytes of memory.
    pub(super) fn cost(&self) -> usize {
        let message = self.message.as_ref().map_or(0, Vec::capacity);
        let frames = self.frames.capacity() * size_of::<FrameRef>();
        self.input.cost() + message + self.window.cost() + frames
    }

    /// What compressed messages may refer back to.
    pub(super) const fn window(&self) -> &Window {
        &self.window
    }

    /// The same, to make it smaller.
    pub(super) const fn window_mut(&mut self) -> &mut Window {
        &mut self.window
    }

    /// Takes bytes.
    pub(super) fn push(
        &mut self,
        bytes: &[u8],
        origin: &Origin<'_>,
        inflater: &mut Inflater,
        limits: &Limits,
        out: &mut dyn FnMut(&[u8], Origin<'_>),
        defects: &mut dyn FnMut(Defect),
    ) -> Read {
        self.input.push(bytes, origin);
        loop {
            if self.closed {
                // What comes behind Close is not read (RFC 6455 §5.5.1).
                self.input.clear();
                return Read::Frames;
            }
            let Some(current) = &mut self.current else {
                match parse(self.input.bytes()) {
                    Parsed::NeedMore => return Read::Frames,
                    Parsed::Invalid => return Read::Lost,
                    Parsed::Head(head) => {
                        if self.begin(head).is_none() {
                            return Read::Lost;
                        }
                    }
                }
                continue;
            };
            let left = current.head.payload - current.done;
            let waiting = self.input.bytes();
            let part = usize::try_from(left).unwrap_or(usize::MAX);
            let part = waiting.get(..part).unwrap_or(waiting);
            if part.is_empty() && left > 0 {
                return Read::Frames;
            }
            let (head, done) = (current.head, current.done);
            current.done += u64::try_from(part.len()).unwrap_or(0);
            let is_whole = current.done == head.payload;
            let len = part.len();
            if matches!(head.kind, Kind::Data | Kind::Continuation) {
                let message = self.message.get_or_insert_default();
                if self.too_large || message.len() + len > limits.message_bytes {
                    self.too_large = true;
                    message.clear();
                } else {
                    let from = message.len();
                    message.extend_from_slice(part);
                    unmask(message.get_mut(from..).unwrap_or_default(), head.mask, done);
                }
                self.note(len, limits.frames_per_message);
            }
            self.input.consume(len);
            if is_whole {
                self.current = None;
                match head.kind {
                    Kind::Close => self.closed = true,
                    Kind::Data | Kind::Continuation if head.is_last => {
                        self.deliver(inflater, limits, out, defects);
                    }
                    _ => {}
                }
            }
        }
    }

    /// A frame begins; `None` if none with this head can.
    fn begin(&mut self, head: Head) -> Option<()> {
        let is_inside = self.message.is_some();
        match head.kind {
            // A message begins with a data frame and goes on with others (RFC 6455 §5.4).
            Kind::Data if is_inside => return None,
            Kind::Continuation if !is_inside => return None,
            Kind::Data => {
                self.message = Some(Vec::new());
                self.compressed = head.compressed;
                self.too_large = false;
                self.frames.clear();
            }
            _ => {}
        }
        if !matches!(head.kind, Kind::Close | Kind::Control) {
            self.note(head.len, usize::MAX);
        }
        self.input.consume(head.len);
        self.current = Some(Current { head, done: 0 });
        Some(())
    }

    /// Notes the frames behind the next `len` bytes as the message's.
    fn note(&mut self, len: usize, cap: usize) {
        let mut earlier = Vec::new();
        if let Some(kept) = self.input.origin(len, cap.min(64), &mut earlier) {
            if let Some(last) = self.last.filter(|_| !self.frames.is_empty()) {
                earlier.push(last.at);
            }
            for frame in earlier.iter().chain([&kept.at]) {
                if self.frames.len() < cap.min(64) && !self.frames.contains(frame) {
                    self.frames.push(*frame);
                }
            }
            self.last = Some(kept);
        }
    }

    fn deliver(
        &mut self,
        inflater: &mut Inflater,
        limits: &Limits,
        out: &mut dyn FnMut(&[u8], Origin<'_>),
        defects: &mut dyn FnMut(Defect),
    ) {
        let (Some(mut message), Some(last)) = (self.message.take(), self.last) else {
            return;
        };
        let mut frames = std::mem::take(&mut self.frames);
        tidy(&mut frames, last.at, limits.frames_per_message);
        if self.too_large {
            defects(Defect::new(DefectKind::Malformed, last.at, TOO_LARGE));
            self.window = Window::default();
            return;
        }
        if self.compressed {
            let inflated = inflater.message(&mut self.window, &message, limits.message_bytes);
            let Some(inflated) = inflated else {
                return defects(Defect::new(DefectKind::Malformed, last.at, NOT_INFLATED));
            };
            message = inflated;
        }
        out(&message, last.origin(&frames));
    }
}

/// Whether bytes in the middle of a connection begin with a frame that begins a SIP message.
pub(super) fn begins_sip(
    bytes: &[u8],
    inflater: &mut Inflater,
    is_sip: fn(&[u8]) -> bool,
    limits: &Limits,
) -> bool {
    let Parsed::Head(head) = parse(bytes) else {
        return false;
    };
    let largest = u64::try_from(limits.message_bytes).unwrap_or(u64::MAX);
    if head.kind != Kind::Data || head.payload > largest || head.payload == 0 {
        return false;
    }
    let payload = bytes.get(head.len..).unwrap_or_default();
    let whole = usize::try_from(head.payload).unwrap_or(usize::MAX);
    let mut payload = payload.get(..whole).unwrap_or(payload).to_vec();
    let is_whole = payload.len() == whole;
    unmask(&mut payload, head.mask, 0);
    if head.compressed {
        return is_whole
            && inflater
                .message(&mut Window::default(), &payload, limits.message_bytes)
                .is_some_and(|message| is_sip(&message));
    }
    is_sip(&payload)
}
