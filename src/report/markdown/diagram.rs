//! The example call as a Mermaid sequence diagram.
//!
//! In: a ladder. Out: the lines of the diagram, in the small part of Mermaid's grammar that
//! everything that draws it knows: participants, arrows, notes. A message is
//! `h0->>h1: 14:13:20.123 INVITE (SDP) (frame 3)`, so that it reads as text, too. What was sent
//! again is one arrow. Capped: [`SHOWN_ROWS`] arrows.

use super::severity;
use crate::report::ladder::{Row, difference, frames, label, repeated, rows};
use crate::report::table::layout::Page;
use crate::report::view::{Ladder, LadderFinding};
use crate::report::{clock, text};
use crate::wire_text::{self, mermaid};

/// Arrows of a diagram; more cannot be taken in.
const SHOWN_ROWS: usize = 40;

/// Columns of a text in it.
const TEXT_WIDTH: usize = 72;

/// The lines of the diagram.
pub(super) fn lines(page: Page, ladder: &Ladder) -> Vec<String> {
    let mut lines = vec!["sequenceDiagram".to_owned()];
    for (index, host) in ladder.hosts.iter().enumerate() {
        lines.push(format!(
            "    participant h{index} as {}",
            mermaid(&host.name)
        ));
    }
    let rows = rows(ladder);
    let mut before = None;
    for row in rows.iter().take(SHOWN_ROWS) {
        lines.push(arrow(page, ladder, row, before));
        before = Some(row.time());
        let (from, to) = (row.first.from, row.first.to);
        let over = format!("h{},h{}", from.min(to), from.max(to));
        let mut note = |words: &str| {
            let words = mermaid(&text::shorten(words, TEXT_WIDTH));
            lines.push(format!("    Note over {over}: {words}"));
        };
        // What is longer than a line stands in the list below the diagram.
        if let Some(context) = &row.first.context
            && text::width(context) <= TEXT_WIDTH
        {
            note(&wire_text::terminal(context.as_str().into()));
        }
        for cause in &row.first.diagnosis {
            match cause.grade {
                Some(grade) => note(&format!("{} {}", cause.cause, grade.name())),
                None => note(&cause.cause),
            }
        }
        for finding in &row.told {
            if let Some(finding) = ladder.findings.get(*finding) {
                note(&name(page, finding));
            }
        }
    }
    let more = rows.len().saturating_sub(SHOWN_ROWS);
    if let (Some(last), true) = (ladder.hosts.len().checked_sub(1), more > 0) {
        lines.push(format!(
            "    Note over h0,h{last}: {more} {}",
            page.labels.more_messages
        ));
    }
    lines
}

fn arrow(
    page: Page,
    ladder: &Ladder,
    row: &Row<'_>,
    before: Option<crate::units::Timestamp>,
) -> String {
    let first = ladder.messages.first().map(|first| first.time);
    let time = match before {
        // The first has its time, the others what passed since: that is what one looks for.
        None => clock::to_micro(row.time(), first, page.time),
        Some(before) => difference(row.time().since(before)),
    };
    let forms = label(row.first, |text| mermaid(&text.terminal()));
    let plain = text::width;
    let label = forms
        .iter()
        .find(|form| plain(form) <= TEXT_WIDTH)
        .or(forms.last());
    let label = label.map_or("", String::as_str);
    let mut line = format!(
        "    h{}{}h{}: {time} {label}",
        row.first.from,
        if row.first.is_request() {
            "->>"
        } else {
            "-->>"
        },
        row.first.to,
    );
    if let Some(repeated) = repeated(row) {
        text::push(&mut line, format_args!(" {repeated}"));
    }
    text::push(
        &mut line,
        format_args!(
            " ({} {})",
            page.labels.frame.to_lowercase(),
            mermaid(&frames(std::iter::once(row.first), page.many_files))
        ),
    );
    line
}

/// `ERROR missing-ack, no-ack-confirmed`.
fn name(page: Page, finding: &LadderFinding) -> String {
    let severity = severity(page.labels, finding.severity);
    let mut name = format!("{severity} {}", finding.rule);
    if let Some(verdict) = &finding.verdict {
        text::push(&mut name, format_args!(", {verdict}"));
    }
    if let Some(qualifier) = &finding.qualifier {
        text::push(&mut name, format_args!(" ({qualifier})"));
    }
    wire_text::terminal(name.into()).into_owned()
}
