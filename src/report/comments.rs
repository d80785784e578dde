//! Comments: what is said of a capture's packets inside the annotated capture.
//!
//! In: responses as they settle, then the view. Out: [`Placed`]: the comments of each frame, frame by
//! frame. A response has one: code and phrase, meaning, what the capture adds, causes, what to do. A
//! finding has one on every frame of its calls: rule, verdict, severity, title.
//!
//! What always holds: comments are plain UTF-8 of few lines, without control characters but the line
//! ends between their parts. Of a frame the responses come first, in the order of their messages,
//! then the findings, worst first; no finding comes twice.
//!
//! Capped: nothing is kept but the texts that repeat, by `TEXTS` and `TEXT_BYTES`; all else waits in
//! temporary files. A text of a stranger is kept up to `TEXT_WIDTH` columns.

use std::io;

use rustc_hash::FxHashMap;

use super::labels::{Labels, Lang};
use super::text;
use super::view::{Finding, Response, Severity, View};
use crate::units::FrameNo;
use crate::wire_text::{self, WireText};

mod spool;

use spool::{Entry, Sorted, Spool};

/// Texts remembered because they repeat: the catalogue's, with the phrases that came with them.
const TEXTS: usize = 4096;

/// Bytes of these.
const TEXT_BYTES: usize = 2 << 20;

/// Columns of a text that a stranger chose.
const TEXT_WIDTH: usize = 2000;

/// Stands for a text that is written out.
const IN_FULL: u32 = u32::MAX;

/// Gathers comments.
#[derive(Debug)]
pub struct Comments {
    labels: &'static Labels,
    texts: Texts,
    spool: Spool,
    /// The parts of the comment at hand, as they are spooled.
    parts: Vec<u8>,
}

/// Comments in the order of the frames.
#[derive(Debug)]
pub struct Placed {
    sorted: Sorted,
    texts: Vec<Box<str>>,
    findings: Vec<String>,
    /// The next comment, already read.
    next: Option<Entry>,
    /// The comment at hand.
    comment: String,
}

/// Texts that repeat.
#[derive(Debug, Default)]
struct Texts {
    numbers: FxHashMap<Box<str>, u32>,
    bytes: usize,
}

impl Comments {
    /// No comments yet.
    pub fn new(lang: Lang) -> Self {
        Self {
            labels: Labels::of(lang),
            texts: Texts::default(),
            spool: Spool::default(),
            parts: Vec::new(),
        }
    }

    /// Takes a response. An error is one of the temporary file.
    pub fn response(&mut self, response: &Response<'_>) -> io::Result<()> {
        self.parts.clear();
        let labels = self.labels;
        let head = format!(
            "{} {}: {}",
            response.code,
            wire(response.reason),
            safe(&response.meaning)
        );
        self.repeated(&head);
        let mut own = String::new();
        let flags = [
            (response.retransmission, labels.retransmission),
            (response.duplicate, labels.duplicate),
        ];
        let flags = flags
            .into_iter()
            .filter_map(|(is, flag)| is.then_some(flag));
        let context = response.context.as_deref().map(safe);
        let context: Vec<String> = flags.map(str::to_owned).chain(context).collect();
        if !context.is_empty() {
            text::push(
                &mut own,
                format_args!("\n{}: {}", labels.context, context.join("; ")),
            );
        }
        for cause in &response.diagnosis {
            let to_do = format!(" {}", labels.to_do);
            let cause = text::diagnosis(cause, &to_do, safe);
            text::push(&mut own, format_args!("\n{}: {cause}", labels.cause));
        }
        self.own(&own);
        self.repeated(&format!(
            "\n{}: {}",
            labels.to_do,
            safe(&response.remediation)
        ));
        self.spool.push(FrameNo(response.frame), 0, &self.parts)
    }

    /// Takes the findings, and puts all in the order of the frames.
    pub fn finish(mut self, view: &View) -> io::Result<Placed> {
        let mut findings = Vec::with_capacity(view.findings.len());
        for (rank, finding) in (1..).zip(&view.findings) {
            findings.push(self.finding(finding));
            for call in &finding.calls {
                for &frame in &call.frames {
                    self.spool.push(FrameNo(frame), rank, &[])?;
                }
            }
        }
        let mut texts: Vec<_> = self.texts.numbers.into_iter().collect();
        texts.sort_unstable_by_key(|(_, number)| *number);
        let mut sorted = self.spool.finish()?;
        Ok(Placed {
            next: sorted.next_entry()?,
            sorted,
            texts: texts.into_iter().map(|(text, _)| text).collect(),
            findings,
            comment: String::new(),
        })
    }

    /// `Finding missing-ack/no-ack-probable (capture-ends), ERROR: 3 answered calls …`.
    fn finding(&self, finding: &Finding) -> String {
        let labels = self.labels;
        let mut line = format!("{} {}", labels.finding, finding.rule);
        if let Some(verdict) = &finding.verdict {
            text::push(&mut line, format_args!("/{verdict}"));
        }
        if let Some(qualifier) = &finding.qualifier {
            text::push(&mut line, format_args!(" ({})", safe(qualifier)));
        }
        let severity = match finding.severity {
            Severity::Critical => labels.critical,
            Severity::Error => labels.error,
            Severity::Warning => labels.warning,
            Severity::Info => labels.info,
        };
        text::push(
            &mut line,
            format_args!(", {severity}: {}", safe(&finding.title)),
        );
        line
    }

    /// Adds a part that other comments have, too.
    fn repeated(&mut self, text: &str) {
        match self.texts.number(text) {
            Some(number) => self.parts.extend(number.to_le_bytes()),
            None => self.own(text),
        }
    }

    /// Adds a part that only this comment has.
    fn own(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        let len = u32::try_from(text.len()).unwrap_or(u32::MAX);
        self.parts.extend(IN_FULL.to_le_bytes());
        self.parts.extend(len.to_le_bytes());
        self.parts.extend_from_slice(text.as_bytes());
    }
}

fn wire(text: WireText<'_>) -> String {
    text::shorten(&text.pcapng(), TEXT_WIDTH)
}

/// Sentences of ours may quote a stranger.
fn safe(prose: &str) -> String {
    text::shorten(&wire_text::terminal(prose.into()), TEXT_WIDTH)
}

impl Texts {
    /// The number of `text`, if there is room to remember it.
    fn number(&mut self, text: &str) -> Option<u32> {
        if let Some(number) = self.numbers.get(text) {
            return Some(*number);
        }
        if self.numbers.len() >= TEXTS || self.bytes + text.len() > TEXT_BYTES {
            return None;
        }
        let number = u32::try_from(self.numbers.len()).ok()?;
        self.bytes += text.len();
        self.numbers.insert(text.into(), number);
        Some(number)
    }
}

impl Placed {
    /// Gives `each` the comments of frame `no`. Frames are asked for in ascending order; what stands
    /// on frames that were passed over is lost.
    pub fn of_frame(&mut self, no: FrameNo, each: &mut dyn FnMut(&str)) -> io::Result<()> {
        while let Some(entry) = self.next.take_if(|entry| entry.frame <= no.0) {
            self.next = self.sorted.next_entry()?;
            if entry.frame < no.0 {
                continue;
            }
            if let Some(index) = entry.rank.checked_sub(1) {
                let index = usize::try_from(index).unwrap_or(usize::MAX);
                self.findings
                    .get(index)
                    .into_iter()
                    .for_each(|text| each(text));
            } else {
                self.compose(&entry.payload);
                each(&self.comment);
            }
        }
        Ok(())
    }

    /// Puts the parts of a comment together.
    fn compose(&mut self, mut parts: &[u8]) {
        self.comment.clear();
        while let Some((number, rest)) = parts.split_first_chunk::<4>() {
            parts = rest;
            let number = u32::from_le_bytes(*number);
            if number != IN_FULL {
                let text = usize::try_from(number)
                    .ok()
                    .and_then(|no| self.texts.get(no));
                self.comment.push_str(text.map_or("", |text| text));
                continue;
            }
            let Some((len, rest)) = parts.split_first_chunk::<4>() else {
                return;
            };
            let len = usize::try_from(u32::from_le_bytes(*len)).unwrap_or(usize::MAX);
            let Some((text, rest)) = rest.split_at_checked(len) else {
                return;
            };
            parts = rest;
            self.comment.push_str(&String::from_utf8_lossy(text));
        }
    }
}

#[cfg(test)]
mod tests;
