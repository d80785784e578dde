//! A message as it was sent, and its PASSporTs decoded below it.
//!
//! In: a [`LadderMessage`]. Out: its lines, none of them broken, each escaped for a terminal.

use std::io::{self, Write};

use super::Options;
use super::words::frame;
use crate::report::paint::Style;
use crate::report::text::safe;
use crate::report::view::{LadderIdentity, LadderMessage};
use crate::report::{clock, text};
use crate::units::Timestamp;
use crate::wire_text::WireText;

/// Writes a message.
pub(super) fn write(
    sent: &LadderMessage,
    start: Option<Timestamp>,
    options: &Options,
    out: &mut dyn Write,
) -> io::Result<()> {
    let labels = options.labels();
    let time = clock::to_micro(sent.time, None, options.time);
    let mut head = format!(
        "{} {}, {}: {} → {}, {}, {} {}",
        labels.frame,
        frame(sent, options.many_files),
        match options.time {
            clock::TimeStyle::Relative => clock::to_micro(sent.time, start, options.time),
            _ => time,
        },
        sent.src,
        sent.dst,
        sent.transport.name(),
        sent.length,
        labels.bytes,
    );
    for (is_so, word) in [
        (sent.retransmission, labels.retransmission),
        (sent.duplicate, labels.duplicate),
        (sent.snapped, labels.cut_short),
    ] {
        if is_so {
            text::push(&mut head, format_args!(", {word}"));
        }
    }
    let width = text::width(&head).min(options.width);
    writeln!(out, "{}", Style::Bold.paint(&head, options.color))?;
    writeln!(
        out,
        "{}",
        Style::Dim.paint(&"-".repeat(width), options.color)
    )?;
    for line in lines(&sent.bytes) {
        writeln!(out, "{line}")?;
    }
    if sent.bytes.len() < sent.length {
        let more = sent.length - sent.bytes.len();
        writeln!(out, "... {more} {}", labels.bytes_more)?;
    }
    for (index, identity) in sent.identity.iter().enumerate() {
        writeln!(out)?;
        let title = format!("Identity {}", index + 1);
        writeln!(out, "{}", Style::Bold.paint(&title, options.color))?;
        for line in identity_lines(identity) {
            writeln!(out, "{line}")?;
        }
    }
    Ok(())
}

/// The lines of a message, safe for a terminal; empty ones at its end are left out.
pub(in crate::report) fn lines(bytes: &[u8]) -> impl Iterator<Item = String> {
    let mut rest = bytes.trim_ascii_end().split(|b| *b == b'\n');
    std::iter::from_fn(move || {
        let line = rest.next()?;
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        Some(WireText(line).terminal().trim_end().to_owned())
    })
}

/// A token decoded, as JSON: header, claims, or why not.
pub(in crate::report) fn identity_lines(identity: &LadderIdentity) -> Vec<String> {
    // A map of JSON values has nothing that could not be written.
    let text = serde_json::to_string_pretty(identity).unwrap_or_default();
    text.lines().map(safe).collect()
}
