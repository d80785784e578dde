//! The Markdown of `diff`: tables for a ticket or a report after an incident.
//!
//! In: a [`Diff`]. Out: Markdown that GitHub renders. Strangers' text is escaped: it neither breaks a
//! cell nor becomes markup.

use std::io::{self, Write};

use super::{Diff, MetricChange, Summary, words};
use crate::report::clock;
use crate::report::labels::Labels;
use crate::wire_text;

/// Writes the report.
pub fn write(diff: &Diff, labels: &Labels, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "# {}\n", labels.before_and_after)?;
    writeln!(out, "{}\n", words::summary(diff, labels))?;
    if diff.before.sip_messages == 0 || diff.after.sip_messages == 0 {
        writeln!(out, "{}\n", labels.no_sip_hint)?;
    }
    for line in words::called(diff, labels) {
        writeln!(out, "- {}", cell(&line))?;
    }
    writeln!(out)?;
    head(
        out,
        &[
            labels.capture,
            labels.span,
            labels.messages,
            labels.attempts,
            labels.trust,
        ],
    )?;
    side(out, labels.before, &diff.before)?;
    side(out, labels.after, &diff.after)?;

    writeln!(out, "\n## {}\n", labels.findings)?;
    let titles = [
        labels.severity,
        labels.rule,
        labels.before,
        labels.after,
        labels.difference,
        labels.change,
    ];
    head(out, &titles)?;
    for it in &diff.findings {
        let cells = [
            it.severity.name().to_owned(),
            words::kind(it),
            words::count(it.before, labels),
            words::count(it.after, labels),
            words::points(it.difference, labels),
            words::finding(it, labels),
        ];
        row(out, &cells)?;
    }
    writeln!(out)?;
    for it in diff
        .findings
        .iter()
        .filter(|it| it.titles_before.is_empty())
    {
        for title in &it.titles_after {
            writeln!(out, "- {}: {}", labels.after, cell(title))?;
        }
    }

    writeln!(out, "\n## {}\n", labels.final_answers)?;
    let titles = [
        labels.code,
        labels.before,
        labels.after,
        labels.difference,
        labels.change,
    ];
    head(out, &titles)?;
    for it in &diff.codes {
        let cells = [
            format!("{} {} {}", it.method, it.code, it.phrase),
            words::count(it.before, labels),
            words::count(it.after, labels),
            words::points(it.difference, labels),
            marked(words::change(it.change, labels), it.few),
        ];
        row(out, &cells)?;
    }

    write_measures(diff, labels, out)?;
    writeln!(out, "\n{}", labels.how_compared)?;
    if words::is_few(diff) {
        writeln!(out, "\n{}", cell(labels.few_marked))?;
    }
    Ok(())
}

/// Ratios and delays of all calls, and ratios of single peers.
fn write_measures(diff: &Diff, labels: &Labels, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "\n## {}\n", labels.metrics)?;
    let head_of = |out: &mut dyn Write, what| {
        let titles = [
            what,
            labels.before,
            labels.after,
            labels.difference,
            labels.change,
        ];
        head(out, &titles)
    };
    head_of(out, labels.metrics)?;
    let measure = |out: &mut dyn Write, name: String, it: &MetricChange| {
        let cells = [
            name,
            words::measure(it.before, it.before_n, it.unit),
            words::measure(it.after, it.after_n, it.unit),
            words::moved(it, labels),
            marked(words::change(it.change, labels), it.few),
        ];
        row(out, &cells)
    };
    for it in &diff.metrics {
        measure(out, words::metric(it, labels), it)?;
    }
    let peers = &diff.peers;
    if peers.compared > 0 {
        writeln!(out, "\n## {}\n", labels.peers_compared)?;
        head_of(out, labels.peer)?;
        for it in peers.changes.iter().take(words::SHOWN_PEERS) {
            let name = format!("{} {}", words::metric(&it.measure, labels), it.peer);
            measure(out, name, &it.measure)?;
        }
        writeln!(
            out,
            "\n{}: {}. {}",
            labels.peers_enough, peers.compared, labels.peers_judged
        )?;
    }
    Ok(())
}

fn side(out: &mut dyn Write, label: &str, of: &Summary) -> io::Result<()> {
    let names: Vec<String> = of
        .captures
        .iter()
        .map(|capture| capture.path.wire().terminal().into_owned())
        .collect();
    let span = match (of.first, of.last) {
        (Some(first), Some(last)) => {
            format!("{} - {}", clock::rfc3339(first.0), clock::rfc3339(last.0))
        }
        _ => String::new(),
    };
    let trust: Vec<String> = of
        .trust
        .iter()
        .map(|remark| format!("{} x {}", remark.count, remark.kind))
        .collect();
    let cells = [
        format!("{label}: {}", names.join(", ")),
        span,
        of.sip_messages.to_string(),
        of.invites.to_string(),
        trust.join(", "),
    ];
    row(out, &cells)
}

fn marked(change: &str, few: bool) -> String {
    if few {
        format!("{change} *")
    } else {
        change.to_owned()
    }
}

fn head(out: &mut dyn Write, titles: &[&str]) -> io::Result<()> {
    writeln!(out, "| {} |", titles.join(" | "))?;
    writeln!(out, "|{}", " --- |".repeat(titles.len()))
}

fn row(out: &mut dyn Write, cells: &[String]) -> io::Result<()> {
    let cells: Vec<String> = cells.iter().map(|text| cell(text)).collect();
    writeln!(out, "| {} |", cells.join(" | "))
}

/// Text that is neither markup nor the end of a cell.
fn cell(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in wire_text::terminal(text.into()).chars() {
        match c {
            '<' => safe.push_str("&lt;"),
            '&' => safe.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '#' => {
                safe.push('\\');
                safe.push(c);
            }
            // A name of somebody, or an address that would become a link.
            '@' => safe.push_str("&#64;"),
            ':' => safe.push(':'),
            c => safe.push(c),
        }
    }
    safe
}
