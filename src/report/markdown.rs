//! The Markdown report: a ticket to a carrier.
//!
//! In: responses, then the view; and, read again, the calls that serve as examples. Out: GitHub's
//! Markdown: what happened in a sentence and at a glance; the findings, each with an example call
//! drawn as a Mermaid diagram, its request as it was sent and its PASSporTs decoded; codes,
//! responses, what was not analysed, and how the report was made. Where Mermaid is not drawn, the
//! diagram is readable as the text it is.
//!
//! What always holds: bytes of strangers stand in code spans and fences that they cannot end, or in
//! sentences of ours whose markup is escaped ([`crate::wire_text::markdown`]); there is no control
//! character. Capped: `SHOWN_FINDINGS` findings, `EXAMPLES` calls, `SHOWN_RESPONSES` responses
//! unless all are asked for; rows wait in a temporary file once they are many.
//!
//! # References
//! - `CommonMark` 0.31, GitHub Flavored Markdown; Mermaid's sequence diagrams

use std::collections::BTreeMap;
use std::io::{self, Read, Seek, SeekFrom, Write};

use tempfile::SpooledTempFile;

use crate::report::labels::Labels;
use crate::report::table::Options;
use crate::report::table::layout::Page;
use crate::report::{Again, Report, ladder, view};
use crate::units::{FileIndex, FrameNo, FrameRef};

mod bundle;
mod diagram;
mod findings;
mod message;
mod sections;

pub use bundle::{write_finding, write_index};

/// Findings in the report, as in the table (CONTRACT).
const SHOWN_FINDINGS: usize = 20;

/// Calls drawn. A comment on GitHub has 65,536 characters.
const EXAMPLES: usize = 5;

/// Responses in the report unless `--all`.
const SHOWN_RESPONSES: u64 = 200;

/// Bytes of rows kept in memory.
const ROWS_IN_MEMORY: usize = 1 << 20;

/// Writes the Markdown report.
pub struct Markdown<'a, W: Write> {
    out: W,
    options: Options,
    again: Box<dyn Again + 'a>,
    /// Rows of the responses, which come first and are written last.
    rows: SpooledTempFile,
    seen: u64,
}

impl<W: Write> std::fmt::Debug for Markdown<'_, W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Markdown")
            .field("options", &self.options)
            .field("seen", &self.seen)
            .finish_non_exhaustive()
    }
}

impl<'a, W: Write> Markdown<'a, W> {
    /// A report on `out`, which should be buffered, with what `again` finds in another reading.
    /// Nothing is written before the end.
    pub fn new(out: W, options: Options, again: Box<dyn Again + 'a>) -> Self {
        Self {
            out,
            options,
            again,
            rows: SpooledTempFile::new(ROWS_IN_MEMORY),
            seen: 0,
        }
    }
}

impl<W: Write> Report for Markdown<'_, W> {
    fn response(&mut self, response: &view::Response<'_>) -> io::Result<()> {
        self.seen += 1;
        if self.options.all || self.seen <= SHOWN_RESPONSES {
            let row = sections::response_row(Page::new(&self.options), response);
            self.rows.write_all(row.as_bytes())?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>, view: &view::View) -> io::Result<()> {
        let page = Page::new(&self.options);
        let out = &mut self.out;
        let examples = Examples::choose(&view.findings, self.again.as_mut())?;
        sections::write_summary(page, view, out)?;
        findings::write(page, view, &examples, out)?;
        sections::write_codes(page, view, out)?;
        heading(out, page.labels.responses)?;
        if self.options.narrowed {
            writeln!(
                out,
                "{}\n",
                crate::wire_text::markdown(page.labels.narrowed)
            )?;
        }
        if self.seen == 0 {
            writeln!(out, "{}", page.labels.no_responses)?;
        } else {
            self.rows.seek(SeekFrom::Start(0))?;
            out.write_all(sections::response_head(page).as_bytes())?;
            copy(&mut self.rows, out)?;
            let shown = if self.options.all {
                self.seen
            } else {
                self.seen.min(SHOWN_RESPONSES)
            };
            if self.seen > shown {
                let more = self.seen - shown;
                writeln!(out, "\n\\+ {more} {}", page.labels.more_responses)?;
            }
        }
        sections::write_trust(page, view, out)?;
        sections::write_provenance(page, view, &self.again.provenance()?, out)?;
        out.flush()
    }
}

/// Writes a call: drawn, the findings it is part of, and the messages that were selected.
pub fn write_call(ladder: &view::Ladder, options: Options, out: &mut dyn Write) -> io::Result<()> {
    let page = Page::new(&options);
    writeln!(
        out,
        "### {} {}\n",
        page.labels.call,
        ladder.call_id.wire().markdown()
    )?;
    for leg in &ladder.legs {
        let said = ladder::leg(leg, page.labels, &leg.call_id.wire().markdown());
        writeln!(out, "{said}\n")?;
    }
    fence(out, "mermaid", &diagram::lines(page, ladder))?;
    findings::write_of_call(page, ladder, out)?;
    for sent in ladder.messages.iter().filter(|sent| sent.selected) {
        message::write(page, page.labels.message, sent, ladder.capture_start, out)?;
    }
    Ok(())
}

fn copy(from: &mut impl Read, to: &mut impl Write) -> io::Result<()> {
    io::copy(from, to).map(|_| ())
}

fn heading(out: &mut dyn Write, title: &str) -> io::Result<()> {
    writeln!(out, "\n## {title}\n")
}

/// Which call is drawn for which finding.
struct Examples {
    ladders: Vec<view::Ladder>,
    /// Of each shown finding the place of its call in `ladders`.
    of_finding: Vec<Option<usize>>,
}

impl Examples {
    /// Chooses a call for each finding, one that serves for another already if it can be.
    fn choose(findings: &[view::Finding], again: &mut dyn Again) -> io::Result<Self> {
        let mut wanted: BTreeMap<Vec<u8>, Option<FrameRef>> = BTreeMap::new();
        let mut chosen: Vec<Option<Vec<u8>>> = Vec::new();
        for finding in findings.iter().take(SHOWN_FINDINGS) {
            let mut calls = finding.calls.iter();
            let known = calls
                .clone()
                .find(|call| wanted.contains_key(&call.call_id.0));
            let call = known.or_else(|| calls.next().filter(|_| wanted.len() < EXAMPLES));
            if let Some(call) = call {
                let at = call.frames.first().map(|no| FrameRef {
                    file: FileIndex(call.file),
                    no: FrameNo(*no),
                });
                wanted.entry(call.call_id.0.clone()).or_insert(at);
            }
            chosen.push(call.map(|call| call.call_id.0.clone()));
        }
        let ladders = if wanted.is_empty() {
            Vec::new()
        } else {
            again.calls(wanted)?
        };
        let place = |id: Option<Vec<u8>>| {
            let id = id?;
            // Findings know a long Call-ID by its beginning.
            let exact = ladders.iter().position(|ladder| ladder.call_id.0 == id);
            exact.or_else(|| {
                ladders
                    .iter()
                    .position(|ladder| ladder.call_id.0.starts_with(&id))
            })
        };
        let of_finding = chosen.into_iter().map(place).collect();
        Ok(Self {
            ladders,
            of_finding,
        })
    }

    /// The call of a finding, and the first finding it was chosen for.
    fn of(&self, finding: usize) -> Option<(&view::Ladder, usize)> {
        let place = (*self.of_finding.get(finding)?)?;
        let first = self
            .of_finding
            .iter()
            .position(|other| *other == Some(place));
        Some((self.ladders.get(place)?, first.unwrap_or(finding)))
    }
}

/// A fence around `lines`, longer than any run of its sign inside; the lines are safe for a terminal.
fn fence(out: &mut dyn Write, language: &str, lines: &[String]) -> io::Result<()> {
    let longest = lines
        .iter()
        .map(|line| longest_run(line))
        .max()
        .unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    writeln!(out, "{fence}{language}")?;
    for line in lines {
        writeln!(out, "{line}")?;
    }
    writeln!(out, "{fence}")
}

/// The longest run of backticks.
fn longest_run(line: &str) -> usize {
    let runs = line.split(|c| c != '`').map(str::len);
    runs.max().unwrap_or(0)
}

/// A field of a list, if there is something to say.
fn item(out: &mut dyn Write, label: &str, value: &str) -> io::Result<()> {
    if value.is_empty() {
        return Ok(());
    }
    writeln!(out, "- **{label}:** {value}")
}

/// The label of a severity.
const fn severity(labels: &Labels, severity: view::Severity) -> &'static str {
    match severity {
        view::Severity::Critical => labels.critical,
        view::Severity::Error => labels.error,
        view::Severity::Warning => labels.warning,
        view::Severity::Info => labels.info,
    }
}
