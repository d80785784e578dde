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
//! character. Capped, unless all responses are asked for: `MOST_BYTES`, so that it fits into a comment on
//! GitHub. `LENGTHS` says how lists get shorter until it does, and of the responses those that matter are
//! shown as far as there is room. With all of them rows wait in a temporary file once they are many.
//!
//! # References
//! - `CommonMark` 0.31, GitHub Flavored Markdown; Mermaid's sequence diagrams

use std::collections::BTreeMap;
use std::io::{self, Read, Seek, SeekFrom, Write};

use tempfile::SpooledTempFile;

use crate::report::chosen::Chosen;
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

/// Calls drawn.
const EXAMPLES: usize = 5;

/// Responses in the report unless `--all`.
const SHOWN_RESPONSES: u64 = 200;

/// Bytes of the report unless `--all`: a comment on GitHub has 65,536 characters, and may say something of its
/// own.
const MOST_BYTES: usize = 60_000;

/// Bytes kept for responses before findings get shorter.
const LEAST_FOR_RESPONSES: usize = 8_000;

/// Bytes of what says how many responses are shown.
const CHOICE_BYTES: usize = 500;

/// How long lists are.
#[derive(Clone, Copy, Debug)]
struct Lengths {
    findings: usize,
    /// Calls drawn.
    examples: usize,
    /// Pairs and calls of a finding.
    listed: usize,
}

/// From what is shown where it fits to what is left where nothing else does.
const LENGTHS: [Lengths; 5] = [
    Lengths {
        findings: SHOWN_FINDINGS,
        examples: EXAMPLES,
        listed: findings::SHOWN,
    },
    Lengths {
        findings: SHOWN_FINDINGS,
        examples: 3,
        listed: 5,
    },
    Lengths {
        findings: 12,
        examples: 2,
        listed: 3,
    },
    Lengths {
        findings: 6,
        examples: 1,
        listed: 3,
    },
    Lengths {
        findings: 3,
        examples: 0,
        listed: 2,
    },
];

/// Bytes of rows kept in memory.
const ROWS_IN_MEMORY: usize = 1 << 20;

/// Writes the Markdown report.
pub struct Markdown<'a, W: Write> {
    out: W,
    options: Options,
    again: Box<dyn Again + 'a>,
    /// Those that may be shown, if not all are.
    chosen: Option<Chosen<String>>,
    /// Rows of all responses, which come first and are written last.
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
            chosen: (!options.all).then(|| Chosen::new(SHOWN_RESPONSES)),
            rows: SpooledTempFile::new(ROWS_IN_MEMORY),
            seen: 0,
        }
    }
}

impl<W: Write> Report for Markdown<'_, W> {
    fn response(&mut self, response: &view::Response<'_>) -> io::Result<()> {
        self.seen += 1;
        let page = Page::new(&self.options);
        if let Some(chosen) = &mut self.chosen {
            chosen.push(response, |_| sections::response_row(page, response));
            return Ok(());
        }
        let row = sections::response_row(page, response);
        self.rows.write_all(row.as_bytes())
    }

    fn finish(mut self: Box<Self>, view: &view::View) -> io::Result<()> {
        let page = Page::new(&self.options);
        let examples = Examples::choose(&view.findings, self.again.as_mut())?;
        let mut end = Vec::new();
        sections::write_trust(page, view, &mut end)?;
        sections::write_provenance(page, view, &self.again.provenance()?, &mut end)?;
        let room = match &self.chosen {
            Some(_) => MOST_BYTES.saturating_sub(end.len()),
            None => usize::MAX,
        };
        let mut start = Vec::new();
        for lengths in LENGTHS {
            start.clear();
            sections::write_summary(page, view, &mut start)?;
            findings::write(page, view, &examples, lengths, &mut start)?;
            sections::write_codes(page, view, &mut start)?;
            heading(&mut start, page.labels.responses)?;
            if start.len().saturating_add(LEAST_FOR_RESPONSES) <= room {
                break;
            }
        }
        self.out.write_all(&start)?;
        let room = room.saturating_sub(start.len());
        self.write_responses(page, view, room)?;
        self.out.write_all(&end)?;
        self.out.flush()
    }
}

impl<W: Write> Markdown<'_, W> {
    /// The responses; those that matter, where not all are asked for, in at most `room` bytes.
    fn write_responses(&mut self, page: Page, view: &view::View, room: usize) -> io::Result<()> {
        let out = &mut self.out;
        if self.options.narrowed {
            writeln!(
                out,
                "{}\n",
                crate::wire_text::markdown(page.labels.narrowed)
            )?;
        }
        if self.seen == 0 {
            return writeln!(out, "{}", page.labels.no_responses);
        }
        let head = sections::response_head(page);
        let Some(chosen) = self.chosen.take() else {
            self.rows.seek(SeekFrom::Start(0))?;
            out.write_all(head.as_bytes())?;
            return copy(&mut self.rows, out);
        };
        let mut room = room.saturating_sub(head.len() + CHOICE_BYTES);
        let mut count = SHOWN_RESPONSES;
        let choice = chosen.choose(&view.findings, |row| {
            let fits = count > 0 && row.len() <= room;
            room = room.saturating_sub(row.len());
            count = count.saturating_sub(1);
            fits
        });
        if let Some(told) = choice.told(page.labels) {
            writeln!(out, "{}\n", crate::wire_text::markdown(&told))?;
        }
        out.write_all(head.as_bytes())?;
        for row in choice.rows {
            out.write_all(row.as_bytes())?;
        }
        Ok(())
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
