//! Section 2: the findings, worst first.
//!
//! In: the view, whose findings are ordered. Out: an overview of a line each when there are
//! several, then a block each with everything needed to act: when, how many, why, what to do,
//! which calls, and a Wireshark filter. At most [`SHOWN_FINDINGS`] are shown, and the rest counted.

use std::io::{self, Write};

use super::layout::{Column, Grid, LABEL_WIDTH, Page};
use crate::report::clock;
use crate::report::labels::Labels;
use crate::report::paint::Style;
use crate::report::text::{self, percent, safe};
use crate::report::view::{Burst, CallRef, Finding, Severity, Time, View};
use crate::units::{Span, Timestamp};

/// Findings shown (CONTRACT).
const SHOWN_FINDINGS: usize = 20;

/// Example calls, pairs and contributors shown of one finding.
const SHOWN_EXAMPLES: usize = 3;

/// Columns of a Call-ID before its middle is left out.
const CALL_ID_WIDTH: usize = 100;

/// Frames listed of a call.
const SHOWN_FRAMES: usize = 8;

/// Blanks before a finding's fields.
const INDENT: usize = 4;

/// Writes the section.
pub(super) fn write(page: Page, out: &mut dyn Write, view: &View) -> io::Result<()> {
    let labels = page.labels;
    page.heading(out, 2, labels.findings)?;
    if view.findings.is_empty() {
        return page.paragraph(out, labels.none_found(view.totals.sip_messages));
    }
    let start = view
        .captures
        .iter()
        .filter_map(|capture| capture.first)
        .min();
    let start = start.map(|time| time.0);
    let shown = view
        .findings
        .get(..SHOWN_FINDINGS)
        .unwrap_or(&view.findings);
    if shown.len() > 1 {
        write_overview(page, out, shown, start)?;
    }
    for (index, finding) in shown.iter().enumerate() {
        if index > 0 || shown.len() > 1 {
            writeln!(out)?;
        }
        write_one(page, out, index + 1, finding, start)?;
    }
    let more = view.findings.len() - shown.len();
    if more > 0 {
        writeln!(out)?;
        page.paragraph(out, &format!("+ {more} {}", labels.more_findings))?;
    }
    Ok(())
}

fn write_overview(
    page: Page,
    out: &mut dyn Write,
    findings: &[Finding],
    start: Option<Timestamp>,
) -> io::Result<()> {
    let labels = page.labels;
    let rows: Vec<[String; 5]> = findings
        .iter()
        .enumerate()
        .map(|(index, finding)| {
            [
                (index + 1).to_string(),
                severity_label(page, finding.severity).to_owned(),
                finding.count.to_string(),
                finding
                    .start
                    .map_or_else(String::new, |time| short_time(page, time.0, start)),
                safe(&finding.title),
            ]
        })
        .collect();
    let column = |index: usize| {
        rows.iter()
            .filter_map(move |row| row.get(index))
            .map(String::as_str)
    };
    let grid = Grid::fit(
        vec![
            Column::fixed("#", column(0)).right_aligned(),
            Column::fixed(labels.severity, column(1)),
            Column::fixed(labels.count, column(2)).right_aligned(),
            Column::new(labels.window, 10, column(3)),
            Column::new(labels.what, 20, column(4)),
        ],
        page.width,
    );
    let rows = rows.iter().zip(findings).map(|(row, finding)| {
        let [no, severity, count, time, title] = row.clone();
        vec![
            (no, Style::Plain),
            (severity, Style::severity(finding.severity)),
            (count, Style::Plain),
            (time, Style::Plain),
            (title, Style::Plain),
        ]
    });
    out.write_all(grid.draw(page, true, rows).as_bytes())
}

fn write_one(
    page: Page,
    out: &mut dyn Write,
    no: usize,
    finding: &Finding,
    start: Option<Timestamp>,
) -> io::Result<()> {
    let labels = page.labels;
    let severity = severity_label(page, finding.severity);
    let lead = format!("{no}. {severity}: ");
    let title = safe(&finding.title);
    for (index, line) in text::wrap(&format!("{lead}{title}"), page.width)
        .iter()
        .enumerate()
    {
        let style = if index == 0 {
            Style::severity(finding.severity)
        } else {
            Style::Plain
        };
        writeln!(out, "{}", style.paint(line, page.color))?;
    }
    let put = |out: &mut dyn Write, label: &str, value: &str| {
        if value.is_empty() {
            Ok(())
        } else {
            page.field(out, INDENT, label, value)
        }
    };
    put(out, labels.window, &when(page, finding, start))?;
    put(out, labels.count, &count(page, finding))?;
    put(out, labels.what, &optional(finding.detail.as_ref()))?;
    put(out, labels.cause, &cause(finding))?;
    put(out, labels.evidence, &optional(finding.evidence.as_ref()))?;
    if let Some(burst) = &finding.burst {
        put(out, labels.apart, &apart(page, burst))?;
    }
    put(out, labels.to_do, &optional(finding.remediation.as_ref()))?;
    put(out, labels.raise, &optional(finding.raise.as_ref()))?;
    put(out, labels.peers, &peers(page, finding))?;
    put(out, labels.examples, &calls(page, finding))?;
    if let Some(filter) = &finding.filter {
        write_filter(page, out, &safe(filter))?;
    }
    put(out, labels.rule, &rule(finding))
}

/// A filter beside its label; one whose words are too wide for that stands under it, further left.
fn write_filter(page: Page, out: &mut dyn Write, filter: &str) -> io::Result<()> {
    let room = page.width.saturating_sub(INDENT + LABEL_WIDTH);
    let lines = filter_lines(filter, room);
    if lines.iter().all(|line| text::width(line) <= room) {
        return page.field_lines(out, INDENT, page.labels.filter, &lines);
    }
    page.field_lines(out, INDENT, page.labels.filter, &[String::new()])?;
    for line in filter_lines(filter, page.width.saturating_sub(INDENT)) {
        let indent = page.width.saturating_sub(text::width(&line)).min(INDENT);
        writeln!(out, "{:indent$}{line}", "")?;
    }
    Ok(())
}

/// The word for a severity.
pub(in crate::report) const fn severity_label(page: Page, severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => page.labels.critical,
        Severity::Error => page.labels.error,
        Severity::Warning => page.labels.warning,
        Severity::Info => page.labels.info,
    }
}

/// A frame's number; `file:frame` when there are several files.
pub(in crate::report) fn frame(page: Page, file: u16, frame: u64) -> String {
    if page.many_files {
        format!("{file}:{frame}")
    } else {
        frame.to_string()
    }
}

/// `2026-09-21 14:13:20 - 14:15:20 UTC (120 s)`.
pub(in crate::report) fn window(page: Page, first: Time, last: Time, start: Timestamp) -> String {
    let from = clock::to_second(first.0, Some(start), page.time);
    if first == last {
        return format!("{from}{}", clock::zone(first.0, page.time));
    }
    let to = if clock::same_day(first.0, last.0, page.time) {
        clock::of_day(last.0, Some(start), page.time)
    } else {
        clock::to_second(last.0, Some(start), page.time)
    };
    let zone = clock::zone(last.0, page.time);
    format!(
        "{from} - {to}{zone} ({})",
        clock::length(last.0.since(first.0))
    )
}

/// When the finding was.
pub(in crate::report) fn when(page: Page, finding: &Finding, start: Option<Timestamp>) -> String {
    match (finding.start, finding.end) {
        (Some(first), Some(last)) => {
            let mut line = window(page, first, last, start.unwrap_or(first.0));
            if let Some(words) = finding
                .burst
                .as_ref()
                .and_then(|burst| not_over(page.labels, burst))
            {
                line.push_str("; ");
                line.push_str(&words);
            }
            line
        }
        (Some(only), None) | (None, Some(only)) => {
            format!(
                "{}{}",
                clock::to_second(only.0, start, page.time),
                clock::zone(only.0, page.time)
            )
        }
        (None, None) => String::new(),
    }
}

/// What is to be said of a burst that is not over when the capture ends; nothing of others.
pub(in crate::report) fn not_over(labels: &Labels, burst: &Burst) -> Option<String> {
    if !burst.open {
        return None;
    }
    followed(labels, burst).or_else(|| Some(labels.still_open.to_owned()))
}

/// How long the capture went on after the last refusal, where there were calls, and what became of
/// them.
pub(in crate::report) fn followed(labels: &Labels, burst: &Burst) -> Option<String> {
    let followed = burst.followed.filter(|followed| followed.attempts > 0)?;
    let words = match followed.refused {
        0 => labels.ends_after_none,
        _ => labels.ends_after,
    };
    let calls = match followed.attempts {
        1 => format!("1 {}", labels.one_call),
        many => format!("{many} {}", labels.calls_counted),
    };
    Some(
        words
            .replace("{length}", &length(followed.seconds))
            .replace("{calls}", &calls)
            .replace("{refused}", &followed.refused.to_string()),
    )
}

fn length(seconds: f64) -> String {
    #[expect(clippy::cast_possible_truncation, reason = "it saturates")]
    let span = Span::from_millis((seconds * 1000.0) as i64);
    clock::length(span)
}

fn short_time(page: Page, time: Timestamp, start: Option<Timestamp>) -> String {
    if start.is_some_and(|start| clock::same_day(start, time, page.time)) {
        clock::of_day(time, start, page.time)
    } else {
        clock::to_second(time, start, page.time)
    }
}

/// How many, and of a burst of how many and how many are usual.
pub(in crate::report) fn count(page: Page, finding: &Finding) -> String {
    let labels = page.labels;
    let Some(burst) = &finding.burst else {
        return finding.count.to_string();
    };
    let usual = match burst.baseline_per_minute {
        Some(_) if burst.baseline_count == Some(0) => labels
            .none_before
            .replace("{length}", &length(burst.baseline_s.unwrap_or_default())),
        Some(usual) => format!("{} {}", labels.usual, number(usual)),
        None => labels.no_baseline.to_owned(),
    };
    let at_least = if burst.remembered.is_some() {
        "≥ "
    } else {
        ""
    };
    format!(
        "{} {} {} {} ({}), {at_least}{} {}; {} {} {}, {usual}",
        finding.count,
        labels.of,
        burst.attempts,
        labels.invites,
        percent(burst.share),
        burst.distinct_calls,
        if burst.distinct_calls == 1 {
            labels.one_call
        } else {
            labels.distinct
        },
        labels.peak,
        number(burst.peak_per_minute),
        labels.a_minute,
    )
}

/// Its causes, with how many each explains.
pub(in crate::report) fn cause(finding: &Finding) -> String {
    let is_counted = |cause: &&String| {
        let mut counted = finding.burst.iter().flat_map(|burst| &burst.causes);
        counted.any(|it| it.cause == cause.as_str())
    };
    // A cause that is counted below need not be said twice.
    let cause = finding.cause.iter().filter(|cause| !is_counted(cause));
    let mut parts: Vec<String> = cause.map(|cause| safe(cause)).collect();
    if let Some(burst) = &finding.burst {
        parts.extend(burst.causes.iter().map(|cause| {
            let grade = cause
                .grade
                .map_or_else(String::new, |grade| format!(", {}", grade.name()));
            format!("{}{grade}: {}", cause.cause, cause.count)
        }));
    }
    parts.join("; ")
}

/// What sets the refused apart, a line each.
pub(in crate::report) fn apart(page: Page, burst: &Burst) -> String {
    let labels = page.labels;
    let lines: Vec<String> = burst
        .contributors
        .iter()
        .take(SHOWN_EXAMPLES)
        .map(|contributor| {
            format!(
                "{} {}: {} {}, {} {}",
                contributor.dimension,
                contributor.value.wire().terminal(),
                percent(contributor.inside),
                labels.of_the_refused,
                percent(contributor.outside),
                labels.of_the_accepted,
            )
        })
        .collect();
    lines.join("\n")
}

fn peers(page: Page, finding: &Finding) -> String {
    let mut parts: Vec<String> = finding
        .peers
        .iter()
        .take(SHOWN_EXAMPLES)
        .map(|peer| format!("{} ({})", safe(&peer.peer), peer.count))
        .collect();
    push_more(
        page,
        &mut parts,
        finding.peers.len().saturating_sub(SHOWN_EXAMPLES),
    );
    parts.join(", ")
}

fn calls(page: Page, finding: &Finding) -> String {
    let mut lines: Vec<String> = finding
        .calls
        .iter()
        .take(SHOWN_EXAMPLES)
        .map(|call| call_line(page, call))
        .collect();
    let shown = u64::try_from(lines.len()).unwrap_or(u64::MAX);
    if shown > 0 {
        let more = finding.count.saturating_sub(shown);
        push_more(
            page,
            &mut lines,
            usize::try_from(more).unwrap_or(usize::MAX),
        );
    }
    lines.join("\n")
}

/// A call and its frames.
pub(in crate::report) fn call_line(page: Page, call: &CallRef) -> String {
    let id = text::shorten(&call.call_id.wire().terminal(), CALL_ID_WIDTH);
    if call.frames.is_empty() {
        return id;
    }
    let mut frames: Vec<String> = call
        .frames
        .iter()
        .take(SHOWN_FRAMES)
        .map(|&no| frame(page, call.file, no))
        .collect();
    if call.frames.len() > SHOWN_FRAMES {
        frames.push("...".to_owned());
    }
    let label = match frames.as_slice() {
        [_] => page.labels.frame.to_lowercase(),
        _ => page.labels.frames.to_owned(),
    };
    format!("{id} ({label} {})", frames.join(", "))
}

fn push_more(page: Page, parts: &mut Vec<String>, more: usize) {
    if more > 0 {
        parts.push(format!("+ {more} {}", page.labels.more));
    }
}

/// `missing-ack, no-ack-probable (capture-ends), probable`.
///
pub(in crate::report) fn rule(finding: &Finding) -> String {
    let mut line = finding.rule.to_string();
    if let Some(verdict) = &finding.verdict {
        line.push_str(", ");
        line.push_str(verdict);
    }
    if let Some(qualifier) = &finding.qualifier {
        text::push(&mut line, format_args!(" ({})", safe(qualifier)));
    }
    if let Some(confidence) = finding.confidence {
        line.push_str(", ");
        line.push_str(confidence.name());
    }
    line
}

/// A filter broken at blanks only: pasted back together it must still work.
fn filter_lines(filter: &str, max: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in filter.split(' ') {
        match lines.last_mut() {
            Some(line) if text::width(line) + 1 + text::width(word) <= max => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

fn optional(value: Option<&String>) -> String {
    value.map_or_else(String::new, |value| safe(value))
}

/// `30`, `0.06`.
fn number(value: f64) -> String {
    if !value.is_finite() {
        return "-".to_owned();
    }
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_no_needless_digits() {
        assert_eq!(
            [30.0, 0.06, 1.5, f64::NAN].map(number),
            ["30", "0.06", "1.5", "-"]
        );
    }

    #[test]
    fn a_filter_that_fits_the_page_is_never_wider_than_it() {
        let options = crate::report::table::Options {
            width: 80,
            ..Default::default()
        };
        for length in [10, 62, 63, 70, 76, 79] {
            let filter = format!("sip.Call-ID == {}", "x".repeat(length));
            let mut out = Vec::new();
            write_filter(Page::new(&options), &mut out, &filter).unwrap();
            let text = String::from_utf8(out).unwrap();
            assert!(text.lines().all(|line| line.len() <= 80), "{text}");
            let words: Vec<_> = text.split_whitespace().skip(1).collect();
            assert_eq!(words.join(" "), filter);
        }
    }

    #[test]
    fn a_filter_is_broken_at_blanks_only() {
        let filter = "sip.Call-ID == \"a-very-long-call-id@host.example.com\" || sip";
        let lines = filter_lines(filter, 20);
        assert_eq!(lines.join(" "), filter);
        assert!(lines.contains(&"\"a-very-long-call-id@host.example.com\"".to_owned()));
    }
}
