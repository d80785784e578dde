//! Ladders: the example calls as drawings, with their messages beside them.
//!
//! In: a [`Ladder`]. Out: places and texts for the template. An arrow is a link to its message, so that
//! it works by mouse, by keyboard and without scripts. Capped: [`MESSAGES`] arrows of a call, those
//! around what a finding names; [`TEXT`] bytes of a message.

use serde::Serialize;
use serde_json::{Map, Value};

use super::{Options, say};
use crate::report::view::{Ladder, LadderIdentity, LadderMessage, Time};
use crate::report::{clock, text};
use crate::units::{Span, Timestamp};
use crate::wire_text::WireText;

/// Arrows of a call.
const MESSAGES: usize = 80;

/// Bytes of a message that are shown.
const TEXT: usize = 16 << 10;

/// Room for time and frame on the left.
const LEFT: usize = 156;

/// From a column to the next, and what is right of the last.
const COLUMN: (usize, usize) = (220, 106);

/// Height of the heads, of a row, and of what is below the last.
const HEIGHTS: (usize, usize, usize) = (50, 36, 14);

/// Columns of text that stand over an arrow for each hundred units of its length.
const LETTERS: usize = 15;

/// A call.
#[derive(Debug, Serialize)]
pub(super) struct Drawn {
    number: usize,
    call_id: String,
    /// Numbers of the findings that name it.
    findings: Vec<usize>,
    width: usize,
    height: usize,
    /// Where the lines of the hosts end.
    bottom: usize,
    hosts: Vec<Host>,
    arrows: Vec<Arrow>,
    left_out: u64,
}

#[derive(Debug, Serialize)]
struct Host {
    x: usize,
    name: String,
}

/// A message: its arrow and its text.
#[derive(Debug, Serialize)]
struct Arrow {
    /// Of its element.
    id: String,
    y: usize,
    x1: usize,
    x2: usize,
    /// Middle of the label.
    middle: usize,
    to_left: bool,
    /// It stays at its host.
    is_loop: bool,
    label: String,
    class: &'static str,
    is_repeat: bool,
    /// A finding names it.
    severity: Option<&'static str>,
    time: String,
    after: String,
    frame: String,
    message: Message,
}

/// What is said beside the ladder.
#[derive(Debug, Serialize)]
struct Message {
    title: String,
    way: String,
    frames: String,
    meaning: Option<String>,
    to_do: Option<String>,
    context: Option<String>,
    causes: Vec<String>,
    /// Titles of the findings whose frames name it, with their numbers.
    findings: Vec<(usize, String)>,
    identities: Vec<Identity>,
    /// The frame it repeats, and whether the tap did.
    repeats: Option<(String, bool)>,
    /// The element of the message it repeats, where that is shown.
    first: Option<String>,
    text: Option<String>,
    further_bytes: usize,
    snapped: bool,
    /// It is shown when nobody has chosen one.
    is_first_shown: bool,
}

/// An Identity value, read.
#[derive(Debug, Serialize)]
struct Identity {
    form: &'static str,
    header: Option<String>,
    claims: Option<String>,
    info: Option<String>,
    problem: Option<String>,
}

/// Draws the calls, numbered from 1.
pub(super) fn draw(ladders: &[Ladder], options: &Options) -> Vec<Drawn> {
    let numbered = ladders.iter().zip(1..);
    numbered
        .map(|(ladder, number)| one(ladder, number, options))
        .collect()
}

fn one(ladder: &Ladder, number: usize, options: &Options) -> Drawn {
    let total = ladder.messages.len();
    let key = key(ladder);
    let from = key
        .saturating_sub(MESSAGES / 2)
        .min(total.saturating_sub(MESSAGES));
    let shown = ladder.messages.iter().enumerate().skip(from).take(MESSAGES);
    let range = from..(from + MESSAGES).min(total);
    let left_out = ladder.left_out.0 + ladder.left_out.1 + (total - range.len()) as u64;
    let mut arrows: Vec<Arrow> = Vec::with_capacity(range.len());
    let mut before: Option<Timestamp> = None;
    for (index, message) in shown {
        let row = index - from;
        let after = before.map(|before| message.time.since(before));
        before = Some(message.time);
        arrows.push(arrow(
            ladder,
            &Place {
                number,
                row,
                index,
                range: &range,
                is_first_shown: index == key,
            },
            message,
            after,
            options,
        ));
    }
    let hosts: Vec<Host> = ladder
        .hosts
        .iter()
        .enumerate()
        .map(|(index, host)| Host {
            x: column(index),
            name: text::shorten(&say::safe(&host.name), 34),
        })
        .collect();
    let mut findings: Vec<usize> = ladder.findings.iter().map(|of| of.finding + 1).collect();
    findings.dedup();
    let bottom = HEIGHTS.0 + arrows.len() * HEIGHTS.1 + HEIGHTS.2 / 2;
    Drawn {
        number,
        call_id: text::shorten(&ladder.call_id.wire().terminal(), 120),
        findings,
        width: column(hosts.len().saturating_sub(1)) + COLUMN.1,
        height: bottom + HEIGHTS.2 / 2,
        bottom,
        hosts,
        arrows,
        left_out,
    }
}

/// The message that is shown first: the last response, or else the last message, of those that findings name.
fn key(ladder: &Ladder) -> usize {
    let named = || {
        let messages = ladder.messages.iter().enumerate();
        messages.filter(|(_, message)| !message.findings.is_empty() && message.repeats.is_none())
    };
    named()
        .rfind(|(_, message)| !message.is_request())
        .or_else(|| named().next_back())
        .map_or(0, |(index, _)| index)
}

/// Where a message stands.
struct Place<'a> {
    /// Number of its call.
    number: usize,
    row: usize,
    /// Place in the ladder.
    index: usize,
    /// Places that are shown.
    range: &'a std::ops::Range<usize>,
    is_first_shown: bool,
}

impl Place<'_> {
    /// Name of the element of the message at `index`.
    fn id(&self, index: usize) -> String {
        format!("call{}-{}", self.number, index + 1)
    }
}

const fn column(index: usize) -> usize {
    LEFT + COLUMN.0 / 2 + index * COLUMN.0
}

fn arrow(
    ladder: &Ladder,
    place: &Place<'_>,
    message: &LadderMessage,
    after: Option<Span>,
    options: &Options,
) -> Arrow {
    let (x1, x2) = (column(message.from), column(message.to));
    let reach = x1.abs_diff(x2).max(COLUMN.0 / 2);
    let severity = message
        .findings
        .iter()
        .filter_map(|index| ladder.findings.get(*index))
        .map(|finding| finding.severity)
        .min();
    let is_loop = x1 == x2;
    Arrow {
        id: place.id(place.index),
        y: HEIGHTS.0 + place.row * HEIGHTS.1 + HEIGHTS.1 - 8,
        x1,
        x2,
        middle: if is_loop {
            x1 + 52
        } else {
            usize::midpoint(x1, x2)
        },
        to_left: x2 < x1,
        is_loop,
        label: text::shorten(&label(message), reach * LETTERS / 100),
        class: message.code.map_or("request", say::class),
        is_repeat: message.repeats.is_some(),
        severity: severity.map(crate::report::view::Severity::name),
        time: clock::to_micro(message.time, ladder.capture_start, options.time),
        after: after.map_or_else(String::new, |after| {
            let sign = if after.nanos() < 0 { "−" } else { "+" };
            format!("{sign}{}", length(after))
        }),
        frame: say::frame(message.file, message.frame, options),
        message: said(ladder, place, message, options),
    }
}

/// Short lengths in milliseconds with what they have below.
fn length(span: Span) -> String {
    let micros = span.nanos().unsigned_abs() / 1000;
    if micros < 10_000 {
        format!("{}.{} ms", micros / 1000, micros % 1000 / 100)
    } else {
        clock::length(span)
    }
}

/// What stands over an arrow.
fn label(message: &LadderMessage) -> String {
    let method = message.method.wire().terminal();
    let media = message.media.as_deref().map(say::safe);
    let mut label = match message.code {
        None => method.into_owned(),
        Some(code) => {
            let reason = message.reason.as_ref();
            let reason =
                reason.map_or_else(String::new, |text| text.wire().terminal().into_owned());
            let label = format!("{code} {reason}");
            if &*method == "INVITE" || method.is_empty() {
                label.trim_end().to_owned()
            } else {
                format!("{} ({method})", label.trim_end())
            }
        }
    };
    if let Some(media) = media.filter(|media| !media.is_empty()) {
        text::push(&mut label, format_args!(" [{media}]"));
    }
    label
}

fn said(ladder: &Ladder, place: &Place<'_>, message: &LadderMessage, options: &Options) -> Message {
    let first = message.repeats.and_then(|first| {
        let of = ladder.messages.get(first)?;
        Some((first, say::frame(of.file, of.frame, options)))
    });
    let first_shown = first.as_ref().map(|(index, _)| *index);
    let first_shown = first_shown.filter(|index| place.range.contains(index));
    let has_own_text = first_shown.is_none_or(|first| {
        ladder
            .messages
            .get(first)
            .is_none_or(|of| of.bytes != message.bytes)
    });
    let title = match (&message.uri, message.code) {
        (Some(uri), _) => format!(
            "{} {}",
            message.method.wire().terminal(),
            uri.wire().terminal()
        ),
        (None, _) => label(message),
    };
    let frames: Vec<String> = message
        .frames
        .iter()
        .map(|frame| say::frame(message.file, *frame, options))
        .collect();
    let mut findings: Vec<(usize, String)> = message
        .findings
        .iter()
        .filter_map(|index| ladder.findings.get(*index))
        .map(|finding| (finding.finding + 1, say::safe(&finding.title)))
        .collect();
    findings.dedup_by_key(|(number, _)| *number);
    let causes = message.diagnosis.iter();
    let shown = message.bytes.len().min(TEXT);
    let window = say::window(
        Time(message.time),
        Time(message.time),
        ladder.capture_start.unwrap_or(message.time),
        options,
    );
    let time = clock::to_micro(message.time, ladder.capture_start, options.time);
    // The day is said where the time of day alone would not say it.
    let day = window.split(' ').next().filter(|day| {
        matches!(
            options.time,
            clock::TimeStyle::Utc | clock::TimeStyle::Local(_)
        ) && !time.starts_with(*day)
    });
    let day = day.map_or_else(String::new, |day| format!("{day} "));
    Message {
        title: text::shorten(&title, 200),
        way: format!(
            "{day}{time}{}, {} → {}, {}",
            clock::zone(message.time, options.time),
            message.src,
            message.dst,
            message.transport.name()
        ),
        frames: frames.join(", "),
        meaning: message.meaning.as_deref().map(say::safe),
        to_do: message.remediation.as_deref().map(say::safe),
        context: say::optional(message.context.as_ref()),
        causes: causes.map(|cause| say::diagnosis(cause, options)).collect(),
        findings,
        identities: message.identity.iter().map(identity).collect(),
        repeats: first.map(|(_, frame)| (frame, message.duplicate)),
        first: first_shown.map(|index| place.id(index)),
        text: has_own_text.then(|| lines(message.bytes.get(..shown).unwrap_or_default())),
        further_bytes: if has_own_text {
            message.length.saturating_sub(shown)
        } else {
            0
        },
        snapped: message.snapped,
        is_first_shown: place.is_first_shown,
    }
}

fn identity(value: &LadderIdentity) -> Identity {
    let object = |part: &Option<Map<String, Value>>| part.as_ref().map(members);
    Identity {
        form: value.form,
        header: object(&value.header),
        claims: object(&value.payload),
        info: say::optional(value.info.as_ref()),
        problem: say::optional(value.problem.as_ref()),
    }
}

/// A JSON object with a member a line.
fn members(object: &Map<String, Value>) -> String {
    let members: Vec<String> = object
        .iter()
        .map(|(name, value)| format!("  {}: {value}", Value::from(name.as_str())))
        .collect();
    let text = format!("{{\n{}\n}}", members.join(",\n"));
    lines(text.as_bytes())
}

/// A message as lines: what ends a line ends one, every other control character is shown.
fn lines(bytes: &[u8]) -> String {
    let mut shown = String::with_capacity(bytes.len() + bytes.len() / 16);
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let (line, ends) = match line.strip_suffix(b"\n") {
            Some(line) => (line.strip_suffix(b"\r").unwrap_or(line), true),
            None => (line, false),
        };
        for (index, part) in line.split(|byte| *byte == b'\t').enumerate() {
            if index > 0 {
                shown.push('\t');
            }
            shown.push_str(&WireText(part).terminal());
        }
        if ends {
            shown.push('\n');
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_stay_lines_and_what_steers_is_shown() {
        assert_eq!(
            lines("a\r\nb\tc\n\u{202e}x\r\u{1b}[2J".as_bytes()),
            "a\nb\tc\n\\u{202e}x\\u{d}\\u{1b}[2J"
        );
        assert_eq!(lines(b"caf\xe9\x00"), "caf\u{fffd}\\u{0}");
    }

    #[test]
    fn short_times_have_a_digit_more() {
        let said = |micros: i64| length(Span::from_nanos(micros * 1000));
        assert_eq!(
            [said(120), said(4600), said(12_000)],
            ["0.1 ms", "4.6 ms", "12 ms"]
        );
    }
}
