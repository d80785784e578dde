//! Words: what stands on an arrow and beside it.
//!
//! In: messages and rows. Out: short texts; those of strangers are made safe by whom `safe` names,
//! for each sink has its own escape.

use super::Row;
use crate::report::clock;
use crate::report::labels::Labels;
use crate::report::view::{LadderLeg, LadderMessage};
use crate::units::Span;
use crate::wire_text::WireText;

/// Frames named of a row.
const SHOWN_FRAMES: usize = 8;

/// The line of a leg, `id` being its Call-ID made safe for the sink: `Leg d11b82a9, sent on by 10.21.128.1 in frame 218 (same numbers: a guess)`.
pub fn leg(leg: &LadderLeg, labels: &Labels, id: &str) -> String {
    let known = match leg.link {
        "session-id" => labels.same_session_id,
        "icid-value" => labels.same_icid,
        _ => labels.same_numbers,
    };
    format!(
        "{} {id}, {} {} {} {} ({known})",
        labels.leg, labels.sent_on_by, leg.by, labels.in_frame, leg.frame
    )
}

/// What stands on the arrow of a message, the longest form first: the last one is the shortest.
pub fn label(sent: &LadderMessage, safe: impl Fn(WireText<'_>) -> String) -> Vec<String> {
    let method = safe(sent.method.wire());
    let is_invite = sent.method.0 == b"INVITE";
    let what = match sent.code {
        None => method.clone(),
        Some(0) => safe(
            sent.reason
                .as_ref()
                .map_or(WireText(b"?"), |text| text.wire()),
        ),
        Some(code) => {
            let reason = sent.reason.as_ref().map(|reason| safe(reason.wire()));
            match reason.filter(|reason| !reason.is_empty()) {
                Some(reason) => format!("{code} {reason}"),
                None => code.to_string(),
            }
        }
    };
    let of = (sent.code.is_some() && !is_invite && !method.is_empty()).then_some(method);
    let hold = if sent.holds { " hold" } else { "" };
    let with = |media: Option<String>| {
        let parts: Vec<String> = of.iter().cloned().chain(media).collect();
        if parts.is_empty() {
            what.clone()
        } else {
            format!("{what} ({})", parts.join(", "))
        }
    };
    let mut forms = Vec::new();
    if let Some(codecs) = &sent.media {
        if !codecs.is_empty() {
            // Codecs are tokens already, but a sink may escape more than a terminal needs.
            let codecs = safe(WireText(codecs.as_bytes()));
            forms.push(with(Some(format!("SDP{hold}: {codecs}"))));
        }
        forms.push(with(Some(format!("SDP{hold}"))));
    }
    forms.push(with(None));
    if of.is_some() {
        forms.push(what);
    }
    forms
}

/// `3 × over 1.5 s`, where a message was sent several times.
pub fn repeated(row: &Row<'_>) -> Option<String> {
    (row.times() > 1).then(|| format!("× {} over {}", row.times(), length(row.over())))
}

/// The frames of messages: `4, 5, 7`, of later captures `1:4`.
pub fn frames<'a>(messages: impl Iterator<Item = &'a LadderMessage>, many_files: bool) -> String {
    let mut shown: Vec<String> = Vec::new();
    for sent in messages {
        if shown.len() == SHOWN_FRAMES {
            shown.push("...".to_owned());
            break;
        }
        shown.push(frame(sent, many_files));
    }
    shown.join(", ")
}

/// A message's frame.
pub(super) fn frame(sent: &LadderMessage, many_files: bool) -> String {
    if many_files {
        format!("{}:{}", sent.file, sent.frame)
    } else {
        sent.frame.to_string()
    }
}

/// `+0.31 ms`, `+12 ms`, `+31.50 s`, `+12 min`: what passed since the message before.
pub fn difference(span: Span) -> String {
    let sign = if span.nanos() < 0 { '-' } else { '+' };
    format!("{sign}{}", length(span))
}

/// A length of time, with the digits that tell one retransmission timer from another.
fn length(span: Span) -> String {
    let micros = span.nanos().unsigned_abs() / 1000;
    match micros {
        0..=999 => format!("0.{:02} ms", micros / 10),
        1000..=999_999 => format!("{} ms", micros / 1000),
        1_000_000..=9_999_999 => {
            format!(
                "{}.{:02} s",
                micros / 1_000_000,
                micros % 1_000_000 / 10_000
            )
        }
        10_000_000..=299_999_999 => {
            format!("{}.{} s", micros / 1_000_000, micros % 1_000_000 / 100_000)
        }
        _ => clock::length(span),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_keep_what_tells_timers_apart() {
        let said = |micros: i64| length(Span::from_nanos(micros * 1000));
        assert_eq!(
            [
                0,
                312,
                1500,
                500_000,
                1_500_000,
                15_500_000,
                32_000_000,
                301_000_000
            ]
            .map(said),
            [
                "0.00 ms", "0.31 ms", "1 ms", "500 ms", "1.50 s", "15.5 s", "32.0 s", "5 min"
            ]
        );
        assert_eq!(difference(Span::from_millis(-20)), "-20 ms");
    }
}
