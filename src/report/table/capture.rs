//! Section 1: what was captured, and what of it was not analysed.
//!
//! In: the view. Out: a line that sums the findings up, then files, span, counts and trust. A
//! capture without SIP gets a paragraph of its own: what was there instead and what to do.
//! At most [`SHOWN_FILES`] files and [`SHOWN_TRUST`] remarks are listed.

use std::io::{self, Write};

use super::layout::Page;
use crate::report::labels::Labels;
use crate::report::paint::Style;
use crate::report::text;
use crate::report::view::{Capture, Metric, Totals, Trust, View};
use crate::wire_text;

/// Files listed.
const SHOWN_FILES: usize = 10;

/// Measures shown: name, key, unit. What calls share is said once, what others are of beside them.
const SHOWN_METRICS: [(&str, &str, &str); 8] = [
    ("ASR", "asr", "%"),
    ("NER", "ner", "%"),
    ("SER", "ser", "%"),
    ("SEER", "seer", "%"),
    ("PDD", "pdd_ms", "ms"),
    ("ACD", "acd_s", "s"),
    ("RRD", "rrd_ms", "ms"),
    ("IRA", "ira", "%"),
];

/// Trust remarks listed.
const SHOWN_TRUST: usize = 8;

/// Writes the section.
pub(super) fn write(page: Page, out: &mut dyn Write, view: &View) -> io::Result<()> {
    write_summary(page, out, view)?;
    page.heading(out, 1, page.labels.capture)?;
    write_files(page, out, &view.captures)?;
    write_span(page, out, &view.captures)?;
    if view.totals.sip_messages == 0 {
        page.field(
            out,
            0,
            page.labels.packets,
            &view.totals.packets.to_string(),
        )?;
        writeln!(out)?;
        return write_no_sip(page, out, view);
    }
    write_totals(page, out, &view.totals)?;
    write_metrics(page, out, &view.metrics)?;
    super::signers::write(page, out, view)?;
    write_trust(page, out, &view.trust)
}

/// `sipannotate 0.1.0: 1 critical, 2 error`.
fn write_summary(page: Page, out: &mut dyn Write, view: &View) -> io::Result<()> {
    let mut parts = Vec::new();
    for (severity, count) in view.found() {
        let name = super::findings::severity_label(page, severity);
        parts.push(Style::severity(severity).paint(&format!("{count} {name}"), page.color));
    }
    let version = env!("CARGO_PKG_VERSION");
    let findings = if parts.is_empty() {
        page.labels.none_found(view.totals.sip_messages).to_owned()
    } else {
        parts.join(", ")
    };
    writeln!(
        out,
        "sipannotate {version} - {}: {findings}",
        page.labels.findings
    )?;
    writeln!(out)
}

fn write_files(page: Page, out: &mut dyn Write, captures: &[Capture]) -> io::Result<()> {
    write_files_of(page, out, page.labels.file, captures)
}

/// The files, with `label` beside the first.
pub(super) fn write_files_of(
    page: Page,
    out: &mut dyn Write,
    label: &str,
    captures: &[Capture],
) -> io::Result<()> {
    let labels = page.labels;
    for (index, capture) in captures.iter().take(SHOWN_FILES).enumerate() {
        let mut line = String::new();
        if page.many_files {
            text::push(&mut line, format_args!("[{index}] "));
        }
        line.push_str(&capture.path.wire().terminal());
        let mut facts = vec![capture.format.to_string()];
        facts.extend(capture.compression.as_ref().map(ToString::to_string));
        facts.push(bytes(capture.bytes));
        if page.many_files {
            facts.push(format!("{} {}", capture.packets, labels.packets_word));
        }
        if capture.cut_short {
            facts.push(labels.cut_short.to_owned());
        }
        text::push(&mut line, format_args!(" ({})", facts.join(", ")));
        page.field(out, 0, if index == 0 { label } else { "" }, &line)?;
    }
    let more = captures.len().saturating_sub(SHOWN_FILES);
    if more > 0 {
        page.field(out, 0, "", &format!("+ {more} {}", labels.more))?;
    }
    Ok(())
}

fn write_span(page: Page, out: &mut dyn Write, captures: &[Capture]) -> io::Result<()> {
    let first = captures.iter().filter_map(|capture| capture.first).min();
    let last = captures.iter().filter_map(|capture| capture.last).max();
    if let (Some(first), Some(last)) = (first, last) {
        let line = super::findings::window(page, first, last, first.0);
        page.field(out, 0, page.labels.span, &line)?;
    }
    Ok(())
}

fn write_totals(page: Page, out: &mut dyn Write, totals: &Totals) -> io::Result<()> {
    let labels = page.labels;
    page.field(out, 0, labels.packets, &totals.packets.to_string())?;
    let mut transports: Vec<_> = totals.transports.iter().collect();
    transports.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let transports: Vec<String> = transports
        .into_iter()
        .map(|(name, count)| format!("{name} {count}"))
        .collect();
    let mut parts = Vec::new();
    let by_transport = if transports.is_empty() {
        String::new()
    } else {
        format!(" ({})", transports.join(", "))
    };
    parts.push(format!(
        "{} {}{by_transport}: {} {}, {} {}",
        totals.sip_messages,
        labels.messages,
        totals.requests,
        labels.requests,
        totals.responses,
        labels.responses_word
    ));
    for (count, word) in [
        (totals.retransmissions, labels.retransmitted),
        (totals.duplicates, labels.tap_copies),
        (totals.malformed, labels.malformed),
    ] {
        if count > 0 {
            parts.push(format!("{count} {word}"));
        }
    }
    // How much of what was captured is the tap's own doing tells a mirror port set up twice.
    if totals.duplicates > 0
        && let Some(share) = parts
            .iter_mut()
            .find(|part| part.ends_with(labels.tap_copies))
    {
        let percent = 100 * totals.duplicates / (totals.sip_messages + totals.duplicates).max(1);
        text::push(share, format_args!(" ({percent}%)"));
    }
    page.field(out, 0, labels.sip, &parts.join("; "))?;
    let mut calls = format!(
        "{} ({} {}",
        totals.calls,
        totals.invites,
        labels.attempts_of(totals.invites)
    );
    if totals.onward > 0 {
        text::push(
            &mut calls,
            format_args!("; {} {}", totals.onward, labels.onward),
        );
    }
    calls.push(')');
    page.field(out, 0, labels.calls, &calls)
}

/// The measures over all, each with what it is of; those without a value are left out.
fn write_metrics(page: Page, out: &mut dyn Write, metrics: &[Metric]) -> io::Result<()> {
    let Some(all) = metrics.iter().find(|metric| metric.scope == "all") else {
        return Ok(());
    };
    let value = |name: &str| all.values.get(name)?.as_ref()?.as_f64();
    let mut parts = Vec::new();
    let mut said = None;
    for (name, key, unit) in SHOWN_METRICS {
        let Some(measured) = value(key) else { continue };
        let count = all.values.get(format!("{key}_n").as_str());
        let count = count.cloned().flatten();
        let mut part = match unit {
            "ms" => format!("{name} {measured:.0} ms"),
            _ => format!("{name} {measured:.1} {unit}"),
        };
        if let Some(count) = count.filter(|count| said.as_ref() != Some(count)) {
            text::push(&mut part, format_args!(" ({} {count})", page.labels.of));
            said = Some(count);
        }
        parts.push(part);
    }
    if parts.is_empty() {
        return Ok(());
    }
    page.field(out, 0, page.labels.metrics, &parts.join(", "))
}

pub(super) fn write_trust(page: Page, out: &mut dyn Write, trust: &[Trust]) -> io::Result<()> {
    if trust.is_empty() {
        return page.field(out, 0, page.labels.trust, page.labels.all_analysed);
    }
    for (index, remark) in trust.iter().take(SHOWN_TRUST).enumerate() {
        let label = if index == 0 { page.labels.trust } else { "" };
        page.field(out, 0, label, &trust_line(page, remark))?;
    }
    let more = trust.len().saturating_sub(SHOWN_TRUST);
    if more > 0 {
        page.field(out, 0, "", &format!("+ {more} {}", page.labels.more))?;
    }
    Ok(())
}

/// `3 x tcp-gap (frame 12): what it means`.
fn trust_line(page: Page, remark: &Trust) -> String {
    let mut line = format!("{} x {}", remark.count, remark.kind);
    if let Some(frame) = remark.first_frame {
        let frame = super::findings::frame(page, remark.file.unwrap_or(0), frame);
        text::push(
            &mut line,
            format_args!(" ({} {frame})", page.labels.frame.to_lowercase()),
        );
    }
    line.push_str(": ");
    line.push_str(&wire_text::terminal(remark.detail.as_str().into()));
    line
}

/// What is said of a capture of which no remark says what was left out: that nothing was, or what
/// was there instead of SIP.
pub(in crate::report) fn understood(labels: &Labels, view: &View) -> String {
    match (view.totals.sip_messages, view.totals.packets) {
        (0, 0) => labels.no_packets.to_owned(),
        (0, packets) => format!("{packets} {}", labels.instead_nothing),
        _ => labels.all_analysed.to_owned(),
    }
}

fn write_no_sip(page: Page, out: &mut dyn Write, view: &View) -> io::Result<()> {
    let labels = page.labels;
    let strong = Style::Bold.paint(labels.no_sip, page.color);
    writeln!(out, "{strong}")?;
    page.paragraph(out, labels.instead)?;
    if view.trust.is_empty() {
        page.paragraph(out, &format!("- {}", understood(labels, view)))?;
    }
    for remark in view.trust.iter().take(SHOWN_TRUST) {
        page.paragraph(out, &format!("- {}", trust_line(page, remark)))?;
    }
    page.paragraph(out, labels.no_sip_hint)
}

/// Bytes as people say them.
fn bytes(bytes: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1_000_000_000, "GB"), (1_000_000, "MB"), (1000, "kB")];
    for (size, unit) in UNITS {
        if bytes >= size {
            return format!("{}.{} {unit}", bytes / size, bytes % size * 10 / size);
        }
    }
    format!("{bytes} bytes")
}
