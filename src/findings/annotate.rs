//! Annotated responses: each in capture order, once its context is settled.
//!
//! In: responses as they are seen, and notes about earlier ones. Out: [`Annotated`], at the
//! latest 45 s of capture time or [`crate::limits::Limits::pending_responses`] responses after
//! the response itself; what is known later stands in findings only.
//!
//! What is held back is copied into buffers that are used again.

use std::collections::VecDeque;
use std::sync::Arc;

use super::context::{self, Told, Unneeded};
use super::sample::Sample;
use crate::calls::{Context, Note, PATIENCE, ResponseSeen, Serial, heeded};
use crate::limits::Limits;
use crate::stir::Cause;
use crate::units::{Flow, FrameRef, Span, StatusCode, Timestamp};

/// The texts of a response that reports show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Text<'a> {
    /// Call-ID; `None` where it is missing.
    pub call_id: Option<&'a [u8]>,
    /// The method it answers, as sent; empty where CSeq is missing.
    pub method: &'a [u8],
    /// The URI in From; `None` where it cannot be read.
    pub from: Option<&'a [u8]>,
    /// The URI in To.
    pub to: Option<&'a [u8]>,
    /// The reason phrase as sent.
    pub phrase: &'a [u8],
}

/// A response with what the capture adds to it.
#[derive(Clone, Copy, Debug)]
pub struct Annotated<'a> {
    /// File and frame.
    pub at: FrameRef,
    /// Capture time.
    pub time: Timestamp,
    /// Sender and receiver.
    pub flow: Flow,
    /// Status code.
    pub code: StatusCode,
    /// CSeq number, if it is one.
    pub cseq: Option<u32>,
    /// Its sender repeated it.
    pub retransmission: bool,
    /// The tap repeated it.
    pub duplicate: bool,
    /// What it says.
    pub text: Text<'a>,
    /// What the capture adds, in words; `None` where it adds nothing.
    pub context: Option<&'a str>,
    /// Why nothing needs to be done about it, where the capture shows that.
    pub unneeded: Option<Unneeded>,
    /// Why its request's identity was refused, if this response does that.
    pub diagnosis: &'a [Cause],
}

/// Responses waiting for their context.
#[derive(Debug)]
pub struct Annotator {
    /// Those of it are told; all where there is none.
    sample: Option<Sample>,
    /// The first of those that are not, without its texts, and how many there are.
    untold: Option<(Annotated<'static>, u64)>,
    cap: usize,
    text_cap: usize,
    /// Bytes waiting.
    text_bytes: usize,
    waiting: VecDeque<Waiting>,
    /// Serial number of the first one waiting.
    first: Serial,
    /// Buffers to use again.
    spare: Vec<Vec<u8>>,
    /// What is told of the response at hand.
    told: String,
    /// The context of the response that is handed out.
    words: String,
}

#[derive(Debug)]
struct Waiting {
    at: FrameRef,
    time: Timestamp,
    flow: Flow,
    code: StatusCode,
    cseq: Option<u32>,
    retransmission: bool,
    duplicate: bool,
    told: Told,
    late: Option<Context>,
    settled: bool,
    diagnosis: Option<Arc<[Cause]>>,
    /// How long it waits for a note.
    patience: Span,
    /// Call-ID, method, From, To, phrase, what is told of it, one behind the other.
    text: Vec<u8>,
    /// Where each of them ends; a missing one ends where it begins and is marked.
    ends: [u32; PARTS],
    missing: [bool; PARTS],
}

/// Texts kept of a response.
const PARTS: usize = 6;

impl Annotator {
    /// An empty queue. Of the responses only a [`Sample`] is told that begins with the first `most`, if it
    /// says how many; of the others there is nothing to be had but that they were there, at the end.
    pub fn new(limits: &Limits, most: Option<u64>) -> Self {
        Self {
            sample: most.map(Sample::new),
            untold: None,
            cap: limits.pending_responses,
            text_cap: limits.pending_text_bytes,
            text_bytes: 0,
            waiting: VecDeque::new(),
            first: 0,
            spare: Vec::new(),
            told: String::new(),
            words: String::new(),
        }
    }

    /// Takes a response; hands out what is settled.
    pub fn push(
        &mut self,
        response: &ResponseSeen<'_>,
        diagnosis: Option<&Arc<[Cause]>>,
        out: &mut dyn FnMut(&Annotated<'_>),
    ) {
        if let Some(sample) = &mut self.sample
            && !sample.takes(response.code.get(), response.retransmission)
        {
            self.leave(response);
            return;
        }
        let message = response.message;
        let text = Text {
            call_id: message.call_id(),
            method: response.method.text,
            from: message.from().map(|address| address.uri),
            to: message.to().map(|address| address.uri),
            phrase: match message.start {
                crate::sip::StartLine::Response { phrase, .. } => phrase,
                crate::sip::StartLine::Request { .. } => &[],
            },
        };
        let settled = response.awaits <= Span::default();
        self.told.clear();
        let told = context::tell(response, &mut self.told);
        if settled && self.waiting.is_empty() {
            self.first = response.serial + 1;
            self.words.clear();
            let late = response.context.as_ref();
            let unneeded = context::compose(response.code, told, &self.told, late, &mut self.words);
            out(&Annotated {
                at: response.raw.origin.at,
                time: response.raw.origin.time,
                flow: response.raw.flow,
                code: response.code,
                cseq: message.cseq.number,
                retransmission: response.retransmission,
                duplicate: response.duplicate,
                text,
                context: (!self.words.is_empty()).then_some(self.words.as_str()),
                unneeded,
                diagnosis: diagnosis.map_or(&[], |causes| causes),
            });
            return;
        }
        if self.waiting.is_empty() {
            self.first = response.serial;
        }
        let mut buffer = self.spare.pop().unwrap_or_default();
        buffer.clear();
        let mut ends = [0; PARTS];
        let mut missing = [false; PARTS];
        let parts = [
            text.call_id,
            Some(text.method),
            text.from,
            text.to,
            Some(text.phrase),
            Some(self.told.as_bytes()),
        ];
        buffer.reserve(parts.iter().flatten().map(|part| part.len()).sum());
        for ((part, end), missing) in parts.into_iter().zip(&mut ends).zip(&mut missing) {
            *missing = part.is_none();
            buffer.extend_from_slice(part.unwrap_or_default());
            *end = u32::try_from(buffer.len()).unwrap_or(u32::MAX);
        }
        self.text_bytes += buffer.len() + size_of::<Waiting>();
        // Entries are large, and there may be many: doubling would waste half of them.
        if self.waiting.len() == self.waiting.capacity() {
            self.waiting.reserve_exact((self.waiting.len() / 8).max(64));
        }
        self.waiting.push_back(Waiting {
            at: response.raw.origin.at,
            time: response.raw.origin.time,
            flow: response.raw.flow,
            code: response.code,
            cseq: message.cseq.number,
            retransmission: response.retransmission,
            duplicate: response.duplicate,
            told,
            late: response.context,
            settled,
            diagnosis: diagnosis.cloned(),
            patience: response.awaits.min(PATIENCE),
            text: buffer,
            ends,
            missing,
        });
        self.release(Some(response.raw.origin.time), out);
    }

    /// Takes a note about an earlier response; one that has left already keeps what it had.
    pub fn note(&mut self, note: &Note) {
        let Some(index) = note.serial.checked_sub(self.first) else {
            return;
        };
        let Some(waiting) = usize::try_from(index)
            .ok()
            .and_then(|i| self.waiting.get_mut(i))
        else {
            return;
        };
        if waiting.settled {
            return;
        }
        if note.context.is_some() {
            waiting.late = note.context;
            // Something came; what becomes of it is waited for.
            waiting.patience = match note.context {
                Some(Context::Acknowledged { after, .. }) => heeded(after),
                _ => PATIENCE,
            };
        }
        waiting.settled |= note.settled;
    }

    /// Hands out what is settled or has waited long enough at `now`; all of it with `None`.
    #[inline]
    pub fn release(&mut self, now: Option<Timestamp>, out: &mut dyn FnMut(&Annotated<'_>)) {
        if self.is_due(now) {
            self.hand_out(now, out);
        }
    }

    /// Whether the first one that waits need not wait any more.
    #[inline]
    fn is_due(&self, now: Option<Timestamp>) -> bool {
        self.waiting.front().is_some_and(|front| {
            front.settled
                || now.is_none_or(|now| now.since(front.time) > front.patience)
                || self.waiting.len() > self.cap
                || self.text_bytes > self.text_cap
        })
    }

    #[cold]
    fn hand_out(&mut self, now: Option<Timestamp>, out: &mut dyn FnMut(&Annotated<'_>)) {
        while self.is_due(now) {
            let Some(front) = self.waiting.pop_front() else {
                return;
            };
            self.first += 1;
            self.words.clear();
            let facts = front.part(PARTS - 1);
            // It was a String when it came.
            let facts = std::str::from_utf8(facts).unwrap_or_default();
            let late = front.late.as_ref();
            let unneeded = context::compose(front.code, front.told, facts, late, &mut self.words);
            out(&front.annotated(&self.words, unneeded));
            self.text_bytes = self
                .text_bytes
                .saturating_sub(front.text.len() + size_of::<Waiting>());
            if self.spare.len() < 1024 && front.text.capacity() <= 4096 {
                self.spare.push(front.text);
            }
        }
    }

    /// Ends the capture: hands out all that wait, then those that are not told.
    pub fn finish(&mut self, out: &mut dyn FnMut(&Annotated<'_>)) {
        self.release(None, out);
        if let Some((untold, count)) = self.untold.take() {
            for _ in 0..count {
                out(&untold);
            }
        }
    }

    /// Counts a response that is not told.
    fn leave(&mut self, response: &ResponseSeen<'_>) {
        if let Some((_, count)) = &mut self.untold {
            *count += 1;
            return;
        }
        let origin = &response.raw.origin;
        let untold = Annotated {
            at: origin.at,
            time: origin.time,
            flow: response.raw.flow,
            code: response.code,
            cseq: response.message.cseq.number,
            retransmission: response.retransmission,
            duplicate: response.duplicate,
            text: Text::default(),
            context: None,
            unneeded: None,
            diagnosis: &[],
        };
        self.untold = Some((untold, 1));
    }
}

impl Waiting {
    fn part(&self, index: usize) -> &[u8] {
        let end = |index: usize| {
            self.ends
                .get(index)
                .and_then(|end| usize::try_from(*end).ok())
                .unwrap_or_default()
        };
        let start = index.checked_sub(1).map_or(0, end);
        self.text.get(start..end(index)).unwrap_or_default()
    }

    fn annotated<'a>(&'a self, words: &'a str, unneeded: Option<Unneeded>) -> Annotated<'a> {
        let optional = |index: usize| {
            (!self.missing.get(index).copied().unwrap_or_default()).then(|| self.part(index))
        };
        Annotated {
            at: self.at,
            time: self.time,
            flow: self.flow,
            code: self.code,
            cseq: self.cseq,
            retransmission: self.retransmission,
            duplicate: self.duplicate,
            text: Text {
                call_id: optional(0),
                method: self.part(1),
                from: optional(2),
                to: optional(3),
                phrase: self.part(4),
            },
            context: (!words.is_empty()).then_some(words),
            unneeded,
            diagnosis: self.diagnosis.as_deref().unwrap_or_default(),
        }
    }
}
