//! Ladders for people and programs: one call as it went.
//!
//! In: [`view::Ladder`]s. Out: text of a given width ([`write()`]), the messages of a frame as they were
//! sent ([`write_frame`]), or one JSON object ([`write_json`]). Tickets and pages draw the same
//! [`rows()`] their own way.
//!
//! What always holds of the text: no trailing blanks, no control characters but its own colours,
//! nothing wider than asked for but the messages themselves, which are not broken.

use std::io::{self, Write};

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;

use crate::report::clock::TimeStyle;
use crate::report::labels::{Labels, Lang};
use crate::report::{json, view};

mod rows;
mod words;
mod draw;
mod message;

pub(in crate::report) use message::{identity_lines, lines as message_lines};
pub use rows::{Row, rows};
pub use words::{difference, frames, label, leg, repeated};

/// The narrowest page that is laid out.
const MIN_WIDTH: usize = 60;

/// How a ladder is to look.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Columns of a line.
    pub width: usize,
    /// With ANSI colours.
    pub color: bool,
    /// Language of headings and labels.
    pub lang: Lang,
    /// How times are printed.
    pub time: TimeStyle,
    /// More than one input.
    pub many_files: bool,
}

impl Options {
    const fn labels(&self) -> &'static Labels {
        Labels::of(self.lang)
    }
}

/// Writes a call as a ladder, with the findings it is part of below.
pub fn write(ladder: &view::Ladder, options: &Options, out: &mut dyn Write) -> io::Result<()> {
    let options = Options {
        width: options.width.max(MIN_WIDTH),
        ..*options
    };
    draw::write(ladder, &options, out)
}

/// Writes the messages that were selected by their frame, as they were sent.
pub fn write_frame(
    ladder: &view::Ladder,
    options: &Options,
    out: &mut dyn Write,
) -> io::Result<()> {
    let selected = ladder.messages.iter().filter(|sent| sent.selected);
    for (index, sent) in selected.enumerate() {
        if index > 0 {
            writeln!(out)?;
        }
        message::write(sent, ladder.capture_start, options, out)?;
    }
    Ok(())
}

/// What `sipannotate show -f json` prints: calls, message by message.
#[derive(Debug, Serialize, JsonSchema)]
struct Document<'a> {
    /// The version of this shape; steps when a reader could break.
    #[schemars(extend("const" = view::SCHEMA_VERSION))]
    schema_version: u32,
    /// Who wrote it.
    tool: view::Tool,
    /// The inputs, in command line order.
    captures: &'a [view::Capture],
    /// Everything that was not or not fully analysed.
    trust: &'a [view::Trust],
    /// The calls, in the order of their first messages.
    calls: &'a [view::Ladder],
}

/// The schema of what [`write_json`] writes.
pub(super) fn schema(generator: SchemaGenerator) -> Schema {
    generator.into_root_schema_for::<Document<'_>>()
}

/// Writes calls as one JSON object, on a line of its own.
pub fn write_json(calls: &[view::Ladder], of: &view::View, out: &mut dyn Write) -> io::Result<()> {
    let mut line = Vec::new();
    let document = Document {
        schema_version: view::SCHEMA_VERSION,
        tool: view::Tool::default(),
        captures: &of.captures,
        trust: &of.trust,
        calls,
    };
    json::put(&mut line, &document)?;
    line.push(b'\n');
    out.write_all(&line)
}
