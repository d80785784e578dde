//! The ticket's other sections: summary, codes, responses, trust, how it was made.

use std::io::{self, Write};

use super::findings::{SHOWN, peers};
use super::{fence, heading, item, severity};
use crate::report::clock::{self, TimeStyle};
use crate::report::labels::Labels;
use crate::report::table::capture::understood;
use crate::report::table::findings as said;
use crate::report::table::layout::Page;
use crate::report::view::{Response, View};
use crate::report::{Provenance, text};
use crate::wire_text::{self, WireText, markdown};

/// Files listed.
const SHOWN_FILES: usize = 100;

/// Columns of a Call-ID in a row.
const CALL_WIDTH: usize = 60;

/// The title, what happened in a sentence, and the worst finding at a glance.
pub(super) fn write_summary(page: Page, view: &View, out: &mut dyn Write) -> io::Result<()> {
    let labels = page.labels;
    let worst = view.findings.first();
    let has_sip = view.totals.sip_messages > 0;
    let title = worst.map_or_else(
        || {
            let title = if has_sip {
                labels.nothing_found
            } else {
                labels.no_sip.trim_end_matches(['.', '。'])
            };
            title.to_owned()
        },
        |worst| markdown(&worst.title),
    );
    writeln!(out, "# {title}")?;
    let utc = utc(page);
    let first = view
        .captures
        .iter()
        .filter_map(|capture| capture.first)
        .min();
    let last = view
        .captures
        .iter()
        .filter_map(|capture| capture.last)
        .max();
    let found = found(labels, view);
    if let Some(detail) = worst.and_then(|worst| worst.detail.as_deref()) {
        writeln!(out, "\n{}", markdown(detail))?;
    }
    if !has_sip {
        writeln!(out, "\n{}", markdown(labels.no_sip_hint))?;
    }
    heading(out, labels.at_a_glance)?;
    writeln!(out, "| | |\n|---|---|")?;
    let row = |out: &mut dyn Write, label: &str, value: &str| {
        if value.is_empty() {
            Ok(())
        } else {
            writeln!(out, "| **{label}** | {value} |")
        }
    };
    if let (Some(first), Some(last)) = (first, last) {
        let window = said::window(utc, first, last, first.0);
        row(out, labels.capture, &markdown(&window))?;
    }
    row(out, labels.packets, &totals(labels, view))?;
    row(out, labels.findings, &found)?;
    let Some(worst) = worst else {
        return Ok(());
    };
    let start = first.map(|first| first.0);
    row(
        out,
        labels.window,
        &markdown(&said::when(utc, worst, start)),
    )?;
    row(out, labels.count, &markdown(&said::count(page, worst)))?;
    row(out, labels.peers, &peers(page, worst, SHOWN))?;
    row(out, labels.cause, &markdown(&said::cause(worst)))?;
    row(
        out,
        labels.to_do,
        &worst
            .remediation
            .as_deref()
            .map(markdown)
            .unwrap_or_default(),
    )
}

/// How much was captured.
pub(super) fn totals(labels: &Labels, view: &View) -> String {
    format!(
        "{} {}, {} SIP {}, {} {}",
        view.totals.packets,
        labels.packets.to_lowercase(),
        view.totals.sip_messages,
        labels.messages,
        view.totals.invites,
        labels.attempts_of(view.totals.invites)
    )
}

/// Who gets a ticket has other clocks and other zones: it is UTC whatever was asked for.
pub(super) const fn utc(page: Page) -> Page {
    Page {
        time: TimeStyle::Utc,
        ..page
    }
}

/// How many findings there are, by severity.
pub(super) fn found(labels: &Labels, view: &View) -> String {
    let counts: Vec<String> = view
        .found()
        .map(|(level, count)| format!("{count} {}", severity(labels, level)))
        .collect();
    if counts.is_empty() {
        let none = labels.none_found(view.totals.sip_messages);
        none.trim_end_matches(['.', '。']).to_owned()
    } else {
        counts.join(", ")
    }
}

/// Responses by status code.
pub(super) fn write_codes(page: Page, view: &View, out: &mut dyn Write) -> io::Result<()> {
    let labels = page.labels;
    heading(out, labels.codes)?;
    if view.codes.is_empty() {
        return writeln!(out, "{}", labels.no_responses);
    }
    writeln!(
        out,
        "| {} | {} | {} | {} | {} |\n|---|---:|---:|---|---|",
        labels.code, labels.count, labels.share, labels.meaning, labels.to_do
    )?;
    for code in &view.codes {
        let resent = if code.retransmissions > 0 {
            format!(" (+{} {})", code.retransmissions, labels.resent)
        } else {
            String::new()
        };
        writeln!(
            out,
            "| {} {} | {}{resent} | {} | {} | {} |",
            code.code,
            markdown(&code.phrase),
            code.count,
            text::percent(code.share),
            markdown(&code.meaning),
            markdown(&code.short_remediation),
        )?;
    }
    writeln!(out, "\n{}", labels.share_of)
}

/// The head of the table of responses.
pub(super) fn response_head(page: Page) -> String {
    let labels = page.labels;
    format!(
        "| {} | {} | {} | {} | {} | {} | {} |\n|---:|---|---|---|---|---|---|\n",
        labels.frame,
        labels.time,
        labels.from_to,
        labels.call,
        labels.request,
        labels.response,
        labels.context
    )
}

/// A response as a row.
pub(super) fn response_row(page: Page, response: &Response<'_>) -> String {
    let labels = page.labels;
    let short = |text: WireText<'_>| {
        let text = text::shorten(&text.terminal(), CALL_WIDTH);
        WireText(text.as_bytes()).markdown()
    };
    let mut context = Vec::new();
    for (is_so, word) in [
        (response.retransmission, labels.retransmission),
        (response.duplicate, labels.duplicate),
    ] {
        if is_so {
            context.push(word.to_owned());
        }
    }
    context.extend(response.context.as_deref().map(markdown));
    context.extend(response.diagnosis.iter().map(|cause| {
        let grade = cause
            .grade
            .map_or_else(String::new, |grade| format!(" ({})", grade.name()));
        format!("{}{grade}", markdown(&cause.cause))
    }));
    let request = response.method.map_or_else(String::new, |method| {
        let cseq = response
            .cseq
            .map_or_else(String::new, |cseq| format!(" {cseq}"));
        format!("{}{cseq}", short(method))
    });
    format!(
        "| {} | {} | `{} → {}` | {} | {request} | {} {} | {} |\n",
        said::frame(page, response.file, response.frame),
        clock::to_micro(response.time, response.capture_start, page.time),
        response.src,
        response.dst,
        response.call_id.map_or_else(|| "-".to_owned(), short),
        response.code,
        short(response.reason),
        context.join("; "),
    )
}

/// What was not analysed.
pub(super) fn write_trust(page: Page, view: &View, out: &mut dyn Write) -> io::Result<()> {
    let labels = page.labels;
    let is_instead = view.totals.sip_messages == 0;
    let title = if is_instead {
        labels.instead.trim_end_matches([':', '：'])
    } else {
        labels.not_analysed
    };
    heading(out, title)?;
    if view.trust.is_empty() {
        return writeln!(out, "- {}", markdown(&understood(labels, view)));
    }
    for remark in &view.trust {
        let frame = remark.first_frame.map_or_else(String::new, |frame| {
            format!(
                " ({} {})",
                labels.frame.to_lowercase(),
                said::frame(page, remark.file.unwrap_or(0), frame)
            )
        });
        writeln!(
            out,
            "- {} × {}{frame}: {}",
            remark.count,
            remark.kind,
            markdown(&remark.detail)
        )?;
    }
    Ok(())
}

/// Which program made it of which files.
pub(super) fn write_provenance(
    page: Page,
    view: &View,
    made: &Provenance,
    out: &mut dyn Write,
) -> io::Result<()> {
    let labels = page.labels;
    heading(out, labels.how_made)?;
    item(out, "sipannotate", env!("CARGO_PKG_VERSION"))?;
    let mut captures = view.captures.iter().zip(0..).peekable();
    for file in made.files.iter().take(SHOWN_FILES) {
        // Both are in command line order, and what could not be read is no capture.
        let capture = captures.next_if(|(capture, _)| capture.path == file.path);
        let mut value = file.path.wire().markdown();
        if let Some((capture, _)) = capture {
            let packed = capture.compression.as_deref();
            let packed = packed.map_or_else(String::new, |packed| format!(", {packed}"));
            text::push(
                &mut value,
                format_args!(
                    " ({}{packed}, {} {})",
                    capture.format,
                    capture.packets,
                    labels.packets.to_lowercase()
                ),
            );
        }
        let digest = file.sha256.as_deref().unwrap_or(labels.no_digest);
        text::push(
            &mut value,
            format_args!(", {} {}, SHA-256 `{digest}`", file.bytes, labels.bytes),
        );
        let label = match capture.filter(|_| page.many_files) {
            Some((_, index)) => format!("{} {index}", labels.file),
            None => labels.file.to_owned(),
        };
        item(out, &label, &value)?;
    }
    let more = made.files.len().saturating_sub(SHOWN_FILES);
    if more > 0 {
        writeln!(out, "- \\+ {more} {}", labels.more)?;
    }
    if made.command.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{}:\n", labels.command)?;
    let command = wire_text::terminal(made.command.as_str().into()).into_owned();
    fence(out, "sh", &[command])
}
