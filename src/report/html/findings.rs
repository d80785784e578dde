//! Findings: what each says, and which of its calls are shown as ladders.
//!
//! In: the view. Out: text for the template. At most [`SHOWN_FINDINGS`] are shown, the rest counted; of
//! each [`SHOWN_EXAMPLES`] calls, pairs and contributors, of all together [`LADDERS`] ladders.

use std::collections::BTreeMap;

use serde::Serialize;

use super::words::Words;
use super::{Options, say};
use crate::report::table::findings as said;
use crate::report::table::layout::Page;
use crate::report::view::{Burst, CallRef, Finding, Severity, View};
use crate::report::{clock, text};
use crate::units::{FileIndex, FrameNo, FrameRef, Timestamp};

/// Findings shown.
const SHOWN_FINDINGS: usize = 50;

/// Calls, pairs and contributors of one finding.
const SHOWN_EXAMPLES: usize = 5;

/// Calls of one finding that are drawn, and of all.
const LADDERS: (usize, usize) = (2, 24);

/// Columns of a Call-ID before its middle is left out.
const CALL_ID_WIDTH: usize = 80;

/// Frames listed of a call.
const SHOWN_FRAMES: usize = 8;

/// A finding as the page says it.
#[derive(Debug, Serialize)]
pub(super) struct Said {
    number: usize,
    severity: &'static str,
    severity_word: &'static str,
    title: String,
    window: Option<String>,
    count: String,
    detail: Option<String>,
    cause: Option<String>,
    evidence: Option<String>,
    apart: Vec<String>,
    keys: Vec<String>,
    to_do: Option<String>,
    raise: Option<String>,
    peers: Vec<String>,
    calls: Vec<Call>,
    more_calls: Option<String>,
    filter: Option<String>,
    rule: String,
}

/// An example call.
#[derive(Debug, Serialize)]
struct Call {
    id: String,
    frames: String,
    /// Number of its ladder.
    ladder: Option<usize>,
}

/// The findings that are shown.
pub(super) fn shown(view: &View) -> &[Finding] {
    view.findings
        .get(..SHOWN_FINDINGS)
        .unwrap_or(&view.findings)
}

/// The calls that are drawn: those of the worst findings, each around the last frame that shows it.
pub(super) fn examples(view: &View) -> BTreeMap<Vec<u8>, Option<FrameRef>> {
    let mut calls = BTreeMap::new();
    for finding in shown(view) {
        for call in finding.calls.iter().take(LADDERS.0) {
            if calls.len() == LADDERS.1 {
                break;
            }
            let frame = call.frames.last().map(|frame| FrameRef {
                file: FileIndex(call.file),
                no: FrameNo(*frame),
            });
            calls.entry(call.call_id.0.clone()).or_insert(frame);
        }
    }
    calls
}

/// One finding in words; `ladders` has the number of the ladder of a call of it.
pub(super) fn say(
    (index, finding): (usize, &Finding),
    start: Option<Timestamp>,
    ladders: &dyn Fn(usize, &CallRef) -> Option<usize>,
    words: &Words,
    options: &Options,
) -> Said {
    let page = Page::new(options);
    let burst = finding.burst.as_ref();
    let mut calls: Vec<Call> = finding
        .calls
        .iter()
        .take(SHOWN_EXAMPLES)
        .map(|one| Call {
            id: text::shorten(&one.call_id.wire().terminal(), CALL_ID_WIDTH),
            frames: frames(one, options),
            ladder: ladders(index, one),
        })
        .collect();
    calls.sort_by_key(|call| call.ladder.is_none());
    let listed = u64::try_from(calls.len()).unwrap_or(u64::MAX);
    let more = finding.count.saturating_sub(listed);
    let mut peers: Vec<String> = finding
        .peers
        .iter()
        .take(SHOWN_EXAMPLES)
        .map(|peer| format!("{} ({})", say::safe(&peer.peer), say::count(peer.count)))
        .collect();
    let more_peers = finding.peers.len().saturating_sub(SHOWN_EXAMPLES);
    if more_peers > 0 {
        peers.push(format!("+ {more_peers} {}", words.labels.more));
    }
    Said {
        number: index + 1,
        severity: finding.severity.name(),
        severity_word: said::severity_label(page, finding.severity),
        title: say::safe(&finding.title),
        window: Some(said::when(page, finding, start)).filter(|when| !when.is_empty()),
        count: said::count(page, finding),
        detail: say::optional(finding.detail.as_ref()),
        cause: cause(finding),
        evidence: say::optional(finding.evidence.as_ref()),
        apart: burst.map_or_else(Vec::new, |burst| {
            said::apart(page, burst)
                .lines()
                .map(str::to_owned)
                .collect()
        }),
        keys: burst.map_or_else(Vec::new, |burst| keys(burst, start, options)),
        to_do: say::optional(finding.remediation.as_ref()),
        raise: say::optional(finding.raise.as_ref()),
        peers,
        more_calls: (more > 0 && listed > 0)
            .then(|| format!("+ {} {}", say::count(more), words.labels.more)),
        calls,
        filter: say::optional(finding.filter.as_ref()),
        rule: said::rule(finding),
    }
}

/// One sentence: what is wrong, how many, since when.
pub(super) fn headline(view: &View, words: &Words, options: &Options) -> String {
    let start = capture_start(view);
    let worst = view
        .findings
        .first()
        .filter(|finding| finding.severity < Severity::Info);
    let Some(worst) = worst else {
        if view.totals.sip_messages == 0 {
            return words.labels.no_sip.to_owned();
        }
        return format!(
            "{} {} {} {}.",
            words.own("nothing_wrong"),
            words.own("in"),
            say::count(view.totals.sip_messages),
            words.labels.messages
        );
    };
    let mut line = say::safe(&worst.title);
    if let Some(from) = worst.start {
        let shown = clock::to_second(from.0, start, options.time);
        text::push(
            &mut line,
            format_args!(
                ", {} {shown}{}",
                words.own("since"),
                clock::zone(from.0, options.time)
            ),
        );
    }
    if let Some(burst) = worst.burst.as_ref().filter(|burst| burst.open) {
        match said::followed(words.labels, burst) {
            Some(followed) => text::push(&mut line, format_args!("; {followed}")),
            None => text::push(&mut line, format_args!(" {}", words.own("still_going"))),
        }
    }
    match view.findings.len() - 1 {
        0 => {}
        1 => text::push(&mut line, format_args!("; {}", words.own("one_more"))),
        more => text::push(
            &mut line,
            format_args!("; {more} {}", words.own("more_findings")),
        ),
    }
    line.push('.');
    line
}

/// Time of the first packet.
pub(super) fn capture_start(view: &View) -> Option<Timestamp> {
    let first = view.captures.iter().filter_map(|capture| capture.first);
    first.min().map(|time| time.0)
}

fn cause(finding: &Finding) -> Option<String> {
    let causes = finding.burst.as_ref().map(|burst| burst.causes.as_slice());
    let causes = causes.unwrap_or_default();
    // A burst names its chief cause again among the causes.
    let of_finding = finding.cause.iter().filter(|_| causes.is_empty());
    let mut parts: Vec<String> = of_finding.map(|cause| say::safe(cause)).collect();
    parts.extend(causes.iter().map(|cause| {
        let grade = cause
            .grade
            .map_or_else(String::new, |grade| format!(" ({})", grade.name()));
        format!(
            "{}{grade}: {}",
            say::safe(&cause.cause),
            say::count(cause.count)
        )
    }));
    (!parts.is_empty()).then(|| parts.join("; "))
}

fn keys(burst: &Burst, start: Option<Timestamp>, options: &Options) -> Vec<String> {
    let keys = burst.keys.iter().take(SHOWN_EXAMPLES);
    keys.map(|key| {
        let mut line = format!(
            "{} {}: {}",
            key.dimension,
            key.value.wire().terminal(),
            say::count(key.count)
        );
        if let (Some(first), Some(last)) = (key.start, key.end) {
            let window = say::window(first, last, start.unwrap_or(first.0), options);
            text::push(&mut line, format_args!(", {window}"));
        }
        line
    })
    .collect()
}

fn frames(call: &CallRef, options: &Options) -> String {
    let shown = call.frames.iter().take(SHOWN_FRAMES);
    let mut frames: Vec<String> = shown
        .map(|no| say::frame(call.file, *no, options))
        .collect();
    if call.frames.len() > SHOWN_FRAMES {
        frames.push("…".to_owned());
    }
    frames.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;
    use crate::report::labels::Lang;
    use crate::report::view::Followed;

    #[test]
    fn the_headline_is_one_sentence_with_what_how_many_and_since_when() {
        let said = |view: &View| headline(view, &Words::of(Lang::En), &Options::default());
        assert_eq!(
            said(&fixture::view(3)),
            "438 burst: 33 of 121 INVITEs refused (27.3 %) within 120 s, since 2026-09-21 15:13:20 UTC; 2 more findings."
        );
        let mut open = fixture::view(1);
        open.findings[0].burst.as_mut().unwrap().open = true;
        assert!(said(&open).ends_with("UTC and not over when the capture ends."));
        open.findings[0].burst.as_mut().unwrap().followed = Some(Followed {
            seconds: 80.0,
            attempts: 40,
            refused: 0,
        });
        assert!(said(&open).ends_with(
            "UTC; the capture ends 80 s after the last; none of the 40 calls after it."
        ));
        assert_eq!(
            said(&fixture::view(0)),
            "Nothing wrong was found in 60\u{202f}000 messages."
        );
        assert_eq!(
            said(&fixture::empty_view()),
            "No SIP was found in this capture."
        );
    }

    #[test]
    fn what_is_only_good_to_know_is_no_headline() {
        let mut view = fixture::view(1);
        view.findings = vec![fixture::missing_ack(1, Severity::Info)];
        let said = headline(&view, &Words::of(Lang::En), &Options::default());
        assert!(said.starts_with("Nothing wrong"), "{said}");
    }

    #[test]
    fn few_calls_are_drawn_and_each_once() {
        assert_eq!(examples(&fixture::view(3)).len(), 2);
        assert!(examples(&fixture::empty_view()).is_empty());
    }
}
