//! The Markdown of a bundle: a ticket of one finding, and the page that lists the folders.
//!
//! In: the view, and for a ticket the ladder of its example call. Out: the sections of the whole
//! ticket, as far as they are of this finding.

use std::io::{self, Write};

use super::sections::{self, found, utc};
use super::{findings, heading, severity};
use crate::report::table::Options;
use crate::report::table::findings as said;
use crate::report::table::layout::Page;
use crate::report::view::{Finding, Ladder, View};
use crate::report::{Provenance, text};
use crate::wire_text::markdown;

/// Columns of a title in the list.
const TITLE_WIDTH: usize = 160;

/// Writes the ticket of `finding`, which is one of `view`'s; `example` is a call of it. What stands
/// beside the ticket is said where there is an example.
pub fn write_finding(
    view: &View,
    finding: &Finding,
    example: Option<&Ladder>,
    made: &Provenance,
    options: Options,
    out: &mut dyn Write,
) -> io::Result<()> {
    let page = Page::new(&options);
    let only = View {
        captures: view.captures.clone(),
        totals: view.totals.clone(),
        trust: view.trust.clone(),
        findings: vec![finding.clone()],
        ..View::default()
    };
    sections::write_summary(page, &only, out)?;
    findings::write_only(page, &only, finding, example, out)?;
    if example.is_some() {
        writeln!(out, "\n{}", page.labels.frames_of_whole)?;
    }
    sections::write_trust(page, &only, out)?;
    sections::write_provenance(page, &only, made, out)
}

/// Writes the page that lists the findings of `view` by their `folders`, in the same order.
pub fn write_index(
    view: &View,
    folders: &[&str],
    made: &Provenance,
    options: Options,
    out: &mut dyn Write,
) -> io::Result<()> {
    let page = Page::new(&options);
    let labels = page.labels;
    if view.findings.is_empty() && view.totals.sip_messages == 0 {
        let title = labels.no_sip.trim_end_matches(['.', '。']);
        writeln!(out, "# {title}\n\n{}", markdown(labels.no_sip_hint))?;
    } else if view.findings.is_empty() {
        writeln!(out, "# {}", labels.nothing_found)?;
    } else {
        writeln!(out, "# {}: {}\n", labels.findings, found(labels, view))?;
        writeln!(
            out,
            "| {} | {} | {} | {} | {} |\n|---|---|---|---:|---|",
            labels.folder, labels.severity, labels.finding, labels.count, labels.window
        )?;
    }
    for (finding, folder) in view.findings.iter().zip(folders) {
        writeln!(
            out,
            "| [{folder}]({folder}/ticket.md) | {} | {} | {} | {} |",
            severity(labels, finding.severity),
            markdown(&text::shorten(&finding.title, TITLE_WIDTH)),
            finding.count,
            markdown(&said::when(utc(page), finding, None)),
        )?;
    }
    if !view.findings.is_empty() {
        writeln!(out, "\n{}", labels.in_folders)?;
    }
    heading(out, labels.capture)?;
    writeln!(out, "{}", sections::totals(labels, view))?;
    sections::write_trust(page, view, out)?;
    sections::write_provenance(page, view, made, out)
}
