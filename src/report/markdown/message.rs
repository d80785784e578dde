//! A message of the example call: as it was sent, and its PASSporTs decoded.

use std::io::{self, Write};

use super::fence;
use crate::report::clock;
use crate::report::ladder::{identity_lines, message_lines};
use crate::report::table::findings;
use crate::report::table::layout::Page;
use crate::report::view::LadderMessage;
use crate::units::Timestamp;

/// Lines of a message; a longer one is cut, and says so.
const SHOWN_LINES: usize = 200;

/// Writes a message under `title`.
pub(super) fn write(
    page: Page,
    title: &str,
    sent: &LadderMessage,
    start: Option<Timestamp>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let labels = page.labels;
    writeln!(
        out,
        "\n**{title}** ({} {}, {}, `{} → {}`, {}, {} {})\n",
        labels.frame.to_lowercase(),
        findings::frame(page, sent.file, sent.frame),
        clock::to_micro(sent.time, start, page.time),
        sent.src,
        sent.dst,
        sent.transport.name(),
        sent.length,
        labels.bytes,
    )?;
    let mut lines: Vec<String> = message_lines(&sent.bytes).take(SHOWN_LINES + 1).collect();
    if lines.len() > SHOWN_LINES || sent.bytes.len() < sent.length {
        lines.truncate(SHOWN_LINES);
        lines.push("...".to_owned());
    }
    fence(out, "text", &lines)?;
    for (index, identity) in sent.identity.iter().enumerate() {
        writeln!(out, "\n**Identity {}**, {}\n", index + 1, labels.decoded)?;
        fence(out, "json", &identity_lines(identity))?;
    }
    Ok(())
}
