//! The HTML report: one file that is handed over, opened from disk, read in light or dark, printed.
//!
//! In: responses, then the view and the ladders of its example calls. Out: a page that stands alone:
//! nothing is loaded, its policy forbids it, and without scripts all but the list of responses is
//! there. The first `HELD_RESPONSES` (5,000) responses are in it, with `--all` every one; they wait in
//! memory up to `SPOOL_BYTES`, then in a temporary file.
//!
//! What always holds: text that a stranger chose has gone through [`crate::wire_text`], so that control
//! and bidirectional characters are shown, and then through the template engine's escape or, as
//! data, through `rows::write_json`, which lets nothing end the element it stands in; the script puts
//! text into text nodes only. Style and script are allowed by their hashes.
//!
//! # References
//! - Content Security Policy Level 3 §6.7 (what a hash lets run)

use std::fmt;
use std::io::{self, Write};

use crate::report::table::Options;
use crate::report::{Again, Report, view};

mod words;
mod say;
mod rows;
mod timeline;
mod chart;
mod findings;
mod tables;
mod ladder;
mod page;

use rows::Rows;
use timeline::Timeline;

/// Responses in the page unless `--all` (CONTRACT).
const HELD_RESPONSES: u64 = 5000;

/// Bytes of responses that wait in memory.
const SPOOL_BYTES: usize = 16 << 20;

/// Writes the HTML report.
pub struct Html<'a, W: Write> {
    out: W,
    options: Options,
    again: Box<dyn Again + 'a>,
    rows: Rows,
    timeline: Timeline,
}

impl<W: Write> fmt::Debug for Html<'_, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Html")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl<'a, W: Write> Html<'a, W> {
    /// A report on `out`, which should be buffered, with what `again` finds in another reading.
    /// Nothing is written before the end.
    pub fn new(out: W, options: Options, again: Box<dyn Again + 'a>) -> Self {
        let held = if options.all {
            u64::MAX
        } else {
            HELD_RESPONSES
        };
        Self {
            out,
            options,
            again,
            rows: Rows::new(held, SPOOL_BYTES),
            timeline: Timeline::default(),
        }
    }
}

impl<W: Write> Report for Html<'_, W> {
    fn passed(&mut self, response: &view::Response<'_>) {
        // What was sent counts, once.
        if !response.retransmission && !response.duplicate {
            self.timeline.push(response.time, response.code);
        }
    }

    fn response(&mut self, response: &view::Response<'_>) -> io::Result<()> {
        self.rows.push(response, &self.options)
    }

    fn finish(mut self: Box<Self>, view: &view::View) -> io::Result<()> {
        let wanted = findings::examples(view);
        let mut ladders = if wanted.is_empty() {
            Vec::new()
        } else {
            self.again.calls(wanted)?
        };
        // Those of the worst finding come first.
        ladders.sort_by_key(|ladder| ladder.findings.iter().map(|of| of.finding).min());
        let made = self.again.provenance()?;
        let facts = page::Facts {
            view,
            timeline: &self.timeline,
            ladders: &ladders,
            rows: &self.rows,
            made: &made,
        };
        let (before_rows, behind_rows) = page::render(&facts, &self.options)?;
        self.out.write_all(before_rows.as_bytes())?;
        self.rows.write(&mut self.out)?;
        self.out.write_all(behind_rows.as_bytes())?;
        self.out.flush()
    }
}

#[cfg(test)]
mod tests;
