//! The table report of `diff`: what was captured, findings, final answers and measures, before
//! beside after.

use std::io::{self, Write};

use super::layout::{Column, Grid, Page};
use super::{Options, capture, findings};
use crate::report::diff::{Change, Diff, MetricChange, State, Summary, words};
use crate::report::paint::Style;
use crate::report::text;
use crate::wire_text;

/// Findings listed.
const SHOWN_FINDINGS: usize = 40;

/// Codes listed.
const SHOWN_CODES: usize = 40;

/// Writes the report.
pub fn write_diff(diff: &Diff, options: &Options, out: &mut dyn Write) -> io::Result<()> {
    let page = Page::new(options);
    let labels = page.labels;
    let version = env!("CARGO_PKG_VERSION");
    let summary = words::summary(diff, labels);
    page.paragraph(
        out,
        &format!("sipannotate {version} - {}: {summary}", labels.findings),
    )?;
    let called = words::called(diff, labels);
    if !called.is_empty() {
        page.paragraph(out, &called.join(", "))?;
    }
    writeln!(out)?;
    page.heading(out, 1, labels.capture)?;
    side(page, out, labels.before, &diff.before)?;
    side(page, out, labels.after, &diff.after)?;
    page.heading(out, 2, labels.findings)?;
    findings_of(page, out, diff)?;
    page.heading(out, 3, labels.final_answers)?;
    codes(page, out, diff)?;
    page.heading(out, 4, labels.metrics)?;
    metrics(page, out, diff)?;
    if diff.peers.compared > 0 {
        page.heading(out, 5, labels.peers_compared)?;
        peers(page, out, diff)?;
    }
    writeln!(out)?;
    page.paragraph(out, labels.how_compared)?;
    if words::is_few(diff) {
        page.paragraph(out, labels.few_marked)?;
    }
    Ok(())
}

fn side(page: Page, out: &mut dyn Write, label: &str, of: &Summary) -> io::Result<()> {
    let labels = page.labels;
    capture::write_files_of(page, out, label, &of.captures)?;
    if let (Some(first), Some(last)) = (of.first, of.last) {
        let line = findings::window(page, first, last, first.0);
        page.field(out, 0, "", &line)?;
    }
    let line = format!(
        "{} {}, {} {}",
        of.sip_messages,
        labels.messages,
        of.invites,
        labels.attempts_of(of.invites)
    );
    page.field(out, 0, "", &line)?;
    if of.sip_messages > 0 {
        return capture::write_trust(page, out, &of.trust);
    }
    page.field(out, 0, labels.trust, labels.no_sip)?;
    page.field(out, 0, "", labels.no_sip_hint)?;
    if of.trust.is_empty() {
        return Ok(());
    }
    capture::write_trust(page, out, &of.trust)
}

/// A table, or that there is nothing to show; `more` rows are left out of it.
fn draw(
    page: Page,
    out: &mut dyn Write,
    titles: [(&'static str, bool); 5],
    rows: &[[(String, Style); 5]],
    more: usize,
) -> io::Result<()> {
    if rows.is_empty() {
        return page.paragraph(out, page.labels.no_findings);
    }
    let columns = titles
        .iter()
        .enumerate()
        .map(|(index, (title, gives_way))| {
            let cells = rows.iter().filter_map(|row| row.get(index));
            let cells = cells.map(|(cell, _)| cell.as_str());
            if *gives_way {
                Column::new(title, 12, cells)
            } else {
                Column::fixed(title, cells)
            }
        });
    let grid = Grid::fit(columns.collect(), page.width);
    let drawn = grid.draw(page, true, rows.iter().map(|row| row.to_vec()));
    out.write_all(drawn.as_bytes())?;
    if more > 0 {
        page.paragraph(out, &format!("+ {more} {}", page.labels.more))?;
    }
    Ok(())
}

/// What was called stands out.
const fn style(change: Change) -> Style {
    match change {
        Change::Less | Change::More => Style::Bold,
        Change::NoneShown | Change::NotJudged => Style::Dim,
    }
}

fn findings_of(page: Page, out: &mut dyn Write, diff: &Diff) -> io::Result<()> {
    let labels = page.labels;
    let shown = diff
        .findings
        .get(..SHOWN_FINDINGS)
        .unwrap_or(&diff.findings);
    let rows: Vec<_> = shown
        .iter()
        .map(|it| {
            let severity = findings::severity_label(page, it.severity);
            let mut told = words::finding(it, labels);
            let points = words::points(it.difference, labels);
            if !points.is_empty() {
                told = format!("{told}, {points}");
            }
            let colour = match it.state {
                State::Gone => Style::code(200),
                State::New => Style::severity(it.severity),
                State::Still | State::NotSeenAgain | State::NotSeenBefore | State::NotJudged => {
                    Style::Plain
                }
            };
            [
                (severity.to_owned(), Style::severity(it.severity)),
                (words::kind(it), Style::Plain),
                (words::count(it.before, labels), Style::Plain),
                (words::count(it.after, labels), Style::Plain),
                (told, colour),
            ]
        })
        .collect();
    let titles = [
        (labels.severity, false),
        (labels.rule, true),
        (labels.before, true),
        (labels.after, true),
        (labels.change, true),
    ];
    draw(page, out, titles, &rows, diff.findings.len() - shown.len())?;
    for it in shown.iter().filter(|it| it.titles_before.is_empty()) {
        for title in &it.titles_after {
            let title = wire_text::terminal(title.as_str().into());
            page.field(out, 0, labels.after, &title)?;
        }
    }
    Ok(())
}

fn codes(page: Page, out: &mut dyn Write, diff: &Diff) -> io::Result<()> {
    let labels = page.labels;
    let shown = diff.codes.get(..SHOWN_CODES).unwrap_or(&diff.codes);
    let rows: Vec<_> = shown
        .iter()
        .map(|it| {
            let method = text::shorten(&wire_text::terminal(it.method.as_str().into()), 20);
            let few = if it.few { " *" } else { "" };
            let change = words::change(it.change, labels);
            [
                (
                    format!("{method} {} {}", it.code, it.phrase),
                    Style::code(it.code),
                ),
                (words::count(it.before, labels), Style::Plain),
                (words::count(it.after, labels), Style::Plain),
                (words::points(it.difference, labels), Style::Plain),
                (format!("{change}{few}"), style(it.change)),
            ]
        })
        .collect();
    let titles = [
        (labels.code, true),
        (labels.before, true),
        (labels.after, true),
        (labels.difference, true),
        (labels.change, true),
    ];
    draw(page, out, titles, &rows, diff.codes.len() - shown.len())
}

fn measure(page: Page, name: String, it: &MetricChange) -> [(String, Style); 5] {
    let labels = page.labels;
    let few = if it.few { " *" } else { "" };
    let change = words::change(it.change, labels);
    [
        (name, Style::Plain),
        (
            words::measure(it.before, it.before_n, it.unit),
            Style::Plain,
        ),
        (words::measure(it.after, it.after_n, it.unit), Style::Plain),
        (words::moved(it, labels), Style::Plain),
        (format!("{change}{few}"), style(it.change)),
    ]
}

fn peers(page: Page, out: &mut dyn Write, diff: &Diff) -> io::Result<()> {
    let labels = page.labels;
    let peers = &diff.peers;
    let changes = peers.changes.iter().take(words::SHOWN_PEERS);
    let rows: Vec<_> = changes
        .map(|it| {
            let name = format!("{} {}", words::metric(&it.measure, page.labels), it.peer);
            measure(page, name, &it.measure)
        })
        .collect();
    let titles = [
        (labels.peer, true),
        (labels.before, true),
        (labels.after, true),
        (labels.difference, true),
        (labels.change, true),
    ];
    let more = peers.changes.len().saturating_sub(rows.len());
    let more = more + usize::try_from(peers.further).unwrap_or(0);
    draw(page, out, titles, &rows, more)?;
    page.paragraph(
        out,
        &format!(
            "{}: {}. {}",
            labels.peers_enough, peers.compared, labels.peers_judged
        ),
    )
}

fn metrics(page: Page, out: &mut dyn Write, diff: &Diff) -> io::Result<()> {
    let labels = page.labels;
    let rows: Vec<_> = diff
        .metrics
        .iter()
        .map(|it| measure(page, words::metric(it, labels), it))
        .collect();
    let titles = [
        (labels.metrics, false),
        (labels.before, true),
        (labels.after, true),
        (labels.difference, true),
        (labels.change, true),
    ];
    draw(page, out, titles, &rows, 0)
}
