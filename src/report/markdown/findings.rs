//! The findings of the ticket, worst first, each with its example call.

use std::io::{self, Write};

use super::{Examples, Lengths, diagram, fence, heading, item, message, severity};
use crate::report::table::findings as said;
use crate::report::table::layout::Page;
use crate::report::text;
use crate::report::view::{Diagnosis, Finding, Ladder, LadderMessage, View};
use crate::units::Timestamp;
use crate::wire_text::markdown;

/// Pairs and calls listed of a finding.
pub(super) const SHOWN: usize = 10;

/// Writes the section.
pub(super) fn write(
    page: Page,
    view: &View,
    examples: &Examples,
    lengths: Lengths,
    out: &mut dyn Write,
) -> io::Result<()> {
    heading(out, page.labels.findings)?;
    if view.findings.is_empty() {
        let none = page.labels.none_found(view.totals.sip_messages);
        return writeln!(out, "{none}");
    }
    let start = start(view);
    // The findings whose example is drawn.
    let mut drawn = Vec::new();
    for (index, finding) in view.findings.iter().take(lengths.findings).enumerate() {
        if index > 0 {
            writeln!(out)?;
        }
        writeln!(
            out,
            "### {}. {}: {}\n",
            index + 1,
            severity(page.labels, finding.severity),
            markdown(&finding.title)
        )?;
        body(page, finding, start, lengths.listed, out)?;
        match examples.of(index) {
            Some((ladder, first)) if first == index && drawn.len() < lengths.examples => {
                drawn.push(first);
                example(page, "####", finding, ladder, out)?;
            }
            Some((_, first)) if drawn.contains(&first) => {
                writeln!(out, "\n{} {}.", page.labels.example_above, first + 1)?;
            }
            _ => {}
        }
    }
    let more = view.findings.len().saturating_sub(lengths.findings);
    if more > 0 {
        writeln!(out, "\n\\+ {more} {}", page.labels.more_findings)?;
    }
    Ok(())
}

/// Writes the section of a ticket that is of `finding` alone.
pub(super) fn write_only(
    page: Page,
    view: &View,
    finding: &Finding,
    ladder: Option<&Ladder>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let severity = severity(page.labels, finding.severity);
    heading(out, &format!("{}: {severity}", page.labels.finding))?;
    body(page, finding, start(view), SHOWN, out)?;
    ladder.map_or(Ok(()), |ladder| example(page, "###", finding, ladder, out))
}

/// When the first packet was captured.
fn start(view: &View) -> Option<Timestamp> {
    let starts = view.captures.iter().filter_map(|capture| capture.first);
    starts.min().map(|start| start.0)
}

/// What is known of a finding, and how to find its calls in Wireshark.
fn body(
    page: Page,
    finding: &Finding,
    start: Option<Timestamp>,
    listed: usize,
    out: &mut dyn Write,
) -> io::Result<()> {
    fields(page, finding, start, listed, out)?;
    let Some(filter) = &finding.filter else {
        return Ok(());
    };
    writeln!(out, "\n{} (Wireshark):\n", page.labels.filter)?;
    fence(
        out,
        "text",
        &[crate::wire_text::terminal(filter.into()).into_owned()],
    )
}

fn fields(
    page: Page,
    finding: &Finding,
    start: Option<Timestamp>,
    listed: usize,
    out: &mut dyn Write,
) -> io::Result<()> {
    let labels = page.labels;
    let optional = |text: &Option<String>| text.as_deref().map(markdown).unwrap_or_default();
    item(
        out,
        labels.window,
        &markdown(&said::when(page, finding, start)),
    )?;
    item(out, labels.count, &markdown(&said::count(page, finding)))?;
    item(out, labels.what, &optional(&finding.detail))?;
    item(out, labels.cause, &markdown(&said::cause(finding)))?;
    item(out, labels.evidence, &optional(&finding.evidence))?;
    if let Some(burst) = &finding.burst {
        item(
            out,
            labels.apart,
            &markdown(&said::apart(page, burst).replace('\n', "; ")),
        )?;
    }
    item(out, labels.to_do, &optional(&finding.remediation))?;
    item(out, labels.raise, &optional(&finding.raise))?;
    item(out, labels.peers, &peers(page, finding, listed))?;
    item(out, labels.examples, &calls(page, finding, listed))?;
    item(out, labels.rule, &markdown(&said::rule(finding)))
}

/// The pairs of hosts that are affected.
pub(super) fn peers(page: Page, finding: &Finding, listed: usize) -> String {
    let mut parts: Vec<String> = finding
        .peers
        .iter()
        .take(listed)
        .map(|peer| format!("`{}` ({})", peer.peer, peer.count))
        .collect();
    let more = finding.peers.len().saturating_sub(listed);
    if more > 0 {
        parts.push(format!("\\+ {more} {}", page.labels.more));
    }
    parts.join(", ")
}

fn calls(page: Page, finding: &Finding, listed: usize) -> String {
    let mut parts: Vec<String> = finding
        .calls
        .iter()
        .take(listed)
        .map(|call| {
            let frames: Vec<String> = call
                .frames
                .iter()
                .take(listed)
                .map(|frame| said::frame(page, call.file, *frame))
                .collect();
            let more = if call.frames.len() > listed {
                ", ..."
            } else {
                ""
            };
            let label = match frames.as_slice() {
                [_] => page.labels.frame.to_lowercase(),
                _ => page.labels.frames.to_owned(),
            };
            format!(
                "{} ({label} {}{more})",
                call.call_id.wire().markdown(),
                frames.join(", ")
            )
        })
        .collect();
    let shown = u64::try_from(parts.len()).unwrap_or(u64::MAX);
    let more = finding.count.saturating_sub(shown);
    if more > 0 && shown > 0 {
        parts.push(format!("\\+ {more} {}", page.labels.more));
    }
    parts.join(", ")
}

/// The example call: drawn, then its request and what answered that, as they were sent.
fn example(
    page: Page,
    level: &str,
    finding: &Finding,
    ladder: &Ladder,
    out: &mut dyn Write,
) -> io::Result<()> {
    let labels = page.labels;
    writeln!(
        out,
        "\n{level} {} {}\n",
        labels.example,
        ladder.call_id.wire().markdown()
    )?;
    fence(out, "mermaid", &diagram::lines(page, ladder))?;
    let Some(request) = request(finding, ladder) else {
        return Ok(());
    };
    message::write(
        page,
        labels.request_sent,
        request,
        ladder.capture_start,
        out,
    )?;
    let Some(answer) = answer(ladder, request) else {
        return Ok(());
    };
    message::write(page, labels.answer_sent, answer, ladder.capture_start, out)?;
    let mut notes: Vec<String> = Vec::new();
    notes.extend(answer.meaning.as_deref().map(markdown));
    notes.extend(answer.context.as_deref().map(markdown));
    notes.extend(answer.diagnosis.iter().map(|cause| because(page, cause)));
    if !notes.is_empty() {
        writeln!(out)?;
    }
    for note in notes {
        writeln!(out, "- {note}")?;
    }
    Ok(())
}

/// The findings a call is part of, a line each with what to do.
pub(super) fn write_of_call(page: Page, ladder: &Ladder, out: &mut dyn Write) -> io::Result<()> {
    let mut told = Vec::new();
    for finding in &ladder.findings {
        if told.contains(&finding.finding) {
            continue;
        }
        if told.is_empty() {
            writeln!(out)?;
        }
        told.push(finding.finding);
        let to_do = finding.remediation.as_deref().map(markdown);
        let to_do = to_do.map_or_else(String::new, |to_do| {
            format!(". {}: {to_do}", page.labels.to_do)
        });
        let title = format!(
            "{}: {}{to_do}",
            severity(page.labels, finding.severity),
            markdown(&finding.title)
        );
        item(out, &finding.rule, &title)?;
    }
    Ok(())
}

/// The request that the finding is about: the first among its frames that begins something, else the
/// first of the call.
fn request<'a>(finding: &Finding, ladder: &'a Ladder) -> Option<&'a LadderMessage> {
    let named = finding
        .calls
        .iter()
        .find(|call| !call.call_id.0.is_empty() && ladder.call_id.0.starts_with(&call.call_id.0));
    let is_shown = |sent: &&LadderMessage| {
        named.is_some_and(|call| call.file == sent.file && call.frames.contains(&sent.frame))
    };
    let mut requests = ladder
        .messages
        .iter()
        .filter(|sent| sent.is_request() && sent.repeats.is_none() && sent.method.0 != b"ACK");
    let first = requests.clone().next();
    requests.find(is_shown).or(first)
}

/// The final response to it on the same hop.
fn answer<'a>(ladder: &'a Ladder, request: &LadderMessage) -> Option<&'a LadderMessage> {
    ladder.messages.iter().find(|sent| {
        sent.code.is_some_and(|code| code >= 200)
            && sent.branch == request.branch
            && sent.cseq == request.cseq
            && sent.method == request.method
            && (sent.from, sent.to) == (request.to, request.from)
    })
}

/// `dest-mismatch (proven): evidence`.
fn because(page: Page, cause: &Diagnosis<'_>) -> String {
    let mut line = format!("**{}**", cause.cause);
    if let Some(grade) = cause.grade {
        text::push(&mut line, format_args!(" ({})", grade.name()));
    }
    if let Some(evidence) = &cause.evidence {
        text::push(&mut line, format_args!(": {}", markdown(evidence)));
    }
    if let Some(remediation) = &cause.remediation {
        let to_do = page.labels.to_do;
        text::push(
            &mut line,
            format_args!(". {to_do}: {}", markdown(remediation)),
        );
    }
    line
}
