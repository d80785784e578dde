//! The table report: what a person on call reads, and pastes into a ticket.
//!
//! In: responses, then the view. Out: plain text of a given width in CONTRACT's order: capture,
//! findings (worst first), responses by code, responses. The responses come first and are printed
//! last, so a sample of them is held, of which those that matter are shown, `SHOWN_RESPONSES` (200) at
//! most; with `--all` all are laid out as they come and spooled to a temporary file, so that memory does not
//! depend on their number.
//!
//! What always holds: a line has no trailing blanks, no control characters but its own colours,
//! and is not wider than asked for but where a Wireshark filter would break; all text that a
//! stranger chose has gone through [`crate::wire_text`].

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Seek, SeekFrom, Write};

use crate::report::chosen::Chosen;
use crate::report::clock::TimeStyle;
use crate::report::labels::{Labels, Lang};
use crate::report::{Report, view};

pub(in crate::report) mod layout;
pub(in crate::report) mod capture;
mod signers;
pub(in crate::report) mod findings;
mod codes;
mod responses;
mod diff;

pub use diff::write_diff;

use layout::Page;
use responses::{Columns, Row};

/// Responses in the report unless `--all`; also how many are laid out at once.
const SHOWN_RESPONSES: usize = 200;

/// Up to so many responses each have meaning and remediation in full.
const FULL_RESPONSES: usize = 20;

/// The narrowest page that is laid out.
const MIN_WIDTH: usize = 60;

/// How a table report is to look.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Columns of a line; 120 off a terminal.
    pub width: usize,
    /// With ANSI colours.
    pub color: bool,
    /// Language of headings and labels.
    pub lang: Lang,
    /// Every response.
    pub all: bool,
    /// How times are printed.
    pub time: TimeStyle,
    /// Inputs of the run; with several, frames are printed as `file:frame`.
    pub files: usize,
    /// A filter narrows the responses; the report says so.
    pub narrowed: bool,
}

impl Options {
    /// How many responses are shown at the most, if not all are.
    pub fn shown_responses(&self) -> Option<u64> {
        (!self.all && !self.narrowed).then_some(SHOWN_RESPONSES as u64)
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            width: 120,
            color: false,
            lang: Lang::En,
            all: false,
            time: TimeStyle::Utc,
            files: 1,
            narrowed: false,
        }
    }
}

/// Writes the table report.
#[derive(Debug)]
pub struct Table<W: Write> {
    out: W,
    options: Options,
    /// Those that may be shown, if not all are.
    chosen: Option<Chosen<Row>>,
    /// Responses not laid out yet. Invariant: `len <= SHOWN_RESPONSES`.
    held: Vec<Row>,
    /// Where some were left out, what the others are.
    left: Option<String>,
    /// Laid out ones, once there were more than `SHOWN_RESPONSES` with `--all`.
    spool: Option<Spool>,
}

/// Lines of the responses section on their way to the end of the report.
#[derive(Debug)]
struct Spool {
    file: BufWriter<File>,
    /// Fixed by the first batch, so that all lines align.
    columns: Columns,
}

impl<W: Write> Table<W> {
    /// A report on `out`, which should be buffered. Nothing is written before the end.
    pub fn new(out: W, mut options: Options) -> Self {
        options.width = options.width.max(MIN_WIDTH);
        Self {
            out,
            options,
            chosen: (!options.all).then(|| Chosen::new(SHOWN_RESPONSES as u64)),
            held: Vec::new(),
            left: None,
            spool: None,
        }
    }

    /// Lays out what is held and moves it to the spool.
    fn spool_held(&mut self) -> io::Result<()> {
        let page = Page::new(&self.options);
        if let Some(spool) = &mut self.spool {
            let lines = spool.columns.rows(page, &self.held);
            spool.file.write_all(lines.as_bytes())?;
        } else {
            let columns = Columns::new(page, &self.held, true);
            let mut file = BufWriter::new(tempfile::tempfile()?);
            file.write_all(columns.head(page).as_bytes())?;
            file.write_all(columns.rows(page, &self.held).as_bytes())?;
            self.spool = Some(Spool { file, columns });
        }
        self.held.clear();
        Ok(())
    }

    fn write_responses(&mut self, page: Page) -> io::Result<()> {
        let labels = page.labels;
        page.heading(&mut self.out, 4, labels.responses)?;
        if self.options.narrowed {
            page.paragraph(&mut self.out, &format!("({})", labels.narrowed))?;
            writeln!(self.out)?;
        }
        if let Some(left) = self.left.take() {
            page.paragraph(&mut self.out, &left)?;
            writeln!(self.out)?;
        }
        if self.spool.is_some() {
            self.spool_held()?;
        }
        if let Some(spool) = self.spool.take() {
            page.paragraph(&mut self.out, labels.see_codes)?;
            writeln!(self.out)?;
            let mut file = spool
                .file
                .into_inner()
                .map_err(io::IntoInnerError::into_error)?;
            file.seek(SeekFrom::Start(0))?;
            io::copy(&mut BufReader::new(file), &mut self.out)?;
        } else if self.held.is_empty() {
            page.paragraph(&mut self.out, labels.no_responses)?;
        } else if self.held.len() <= FULL_RESPONSES {
            responses::write_in_full(page, &mut self.out, &self.held)?;
        } else {
            page.paragraph(&mut self.out, labels.see_codes)?;
            writeln!(self.out)?;
            let columns = Columns::new(page, &self.held, false);
            self.out.write_all(columns.head(page).as_bytes())?;
            self.out
                .write_all(columns.rows(page, &self.held).as_bytes())?;
        }
        Ok(())
    }
}

impl<W: Write> Report for Table<W> {
    fn response(&mut self, response: &view::Response<'_>) -> io::Result<()> {
        let options = self.options;
        if let Some(chosen) = &mut self.chosen {
            chosen.push(response, |before| {
                Row::new(response, &options, before < FULL_RESPONSES as u64)
            });
            return Ok(());
        }
        if self.held.len() == SHOWN_RESPONSES {
            self.spool_held()?;
        }
        // What is only printed when there are few is only kept while there are few.
        let in_full = self.spool.is_none() && self.held.len() < FULL_RESPONSES;
        self.held.push(Row::new(response, &self.options, in_full));
        Ok(())
    }

    fn finish(mut self: Box<Self>, view: &view::View) -> io::Result<()> {
        let page = Page::new(&self.options);
        capture::write(page, &mut self.out, view)?;
        findings::write(page, &mut self.out, view)?;
        codes::write(page, &mut self.out, view)?;
        if let Some(chosen) = self.chosen.take() {
            let mut room = SHOWN_RESPONSES;
            let choice = chosen.choose(&view.findings, |_| {
                let fits = room > 0;
                room = room.saturating_sub(1);
                fits
            });
            self.left = choice.told(page.labels);
            self.held = choice.rows;
        }
        self.write_responses(page)?;
        self.out.flush()
    }
}

/// The labels of `options`.
const fn labels(options: &Options) -> &'static Labels {
    Labels::of(options.lang)
}

#[cfg(test)]
mod tests;
