//! A burst in words.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::super::burst::Burst;
use super::super::onset::Onset;
use super::super::partition::{Contributor, Dimension, Partition};
use super::super::rule::{Peer, counted, frames_named, readable};
use super::super::tried::Tried;
use super::Said;
use super::drawn::{Drawn, Exceptions};
use crate::stir::{CauseId, Grade, date};
use crate::units::{FrameRef, NANOS_PER_SEC, Span, StatusCode, Timestamp};

/// What is told of a burst.
pub(super) struct Told<'a> {
    pub(super) code: StatusCode,
    pub(super) burst: &'a Burst,
    pub(super) said: &'a Said,
    pub(super) drawn: &'a Drawn,
    pub(super) partition: &'a Partition,
    pub(super) onset: Option<&'a Onset>,
    /// Share, the most a minute, what is usual a minute.
    pub(super) rates: (f64, f64, Option<f64>),
    /// From steady time to what the capture's clock told.
    pub(super) captured: &'a dyn Fn(Timestamp) -> Timestamp,
}

/// One line.
pub(super) fn title(code: StatusCode, burst: &Burst, said: &Said, tried: &Tried) -> String {
    let phrase = if said.phrase.is_empty() {
        String::new()
    } else {
        format!(" {}", said.phrase)
    };
    let retried = if tried.is_storm() && tried.refusals < burst.count {
        format!("; calls tried {} each", tried.times())
    } else if tried.is_storm() {
        let calls = counted(tried.calls, "call", "calls");
        let by_numbers = if tried.is_by_numbers() {
            " by their numbers"
        } else {
            ""
        };
        let each = if tried.calls == 1 { "" } else { " each" };
        format!("; {calls}{by_numbers}, tried {}{each}", tried.times())
    } else {
        String::new()
    };
    let lasted = readable(burst.end.since(burst.start));
    let (count, attempts) = (burst.count, burst.attempts);
    if said.soft {
        let name = said
            .qualifier
            .map_or_else(|| format!("{code}{phrase}"), ToOwned::to_owned);
        return format!(
            "Burst of identities that did not verify ({name}): {count} of {attempts} INVITEs in {lasted}, not refused for \
             it{retried}"
        );
    }
    format!("Burst of {code}{phrase}: {count} of {attempts} INVITEs refused in {lasted}{retried}")
}

/// In sentences.
pub(super) fn detail(told: &Told<'_>) -> String {
    let mut detail = rates(told);
    if let Some(onset) = told.onset {
        let start = written((told.captured)(told.burst.start));
        push(
            &mut detail,
            format_args!(" Since {start}: {}.", onset.evidence),
        );
    }
    detail.push_str(&whose(told));
    push_tried(&mut detail, told);
    push_shared(&mut detail, told.partition, &told.drawn.exceptions);
    push_causes(&mut detail, &told.drawn.causes);
    push_suspect(&mut detail, told);
    push_otherwise(&mut detail, &told.drawn.otherwise);
    push_end(&mut detail, told);
    detail
}

fn push(detail: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = detail.write_fmt(text);
}

/// How many were refused, and what is usual.
fn rates(told: &Told<'_>) -> String {
    let (share, peak_per_minute, baseline) = told.rates;
    let who = if told.said.soft {
        "Concerned"
    } else {
        "Refused"
    };
    let refused = format!(
        "{who} were {:.0} %, at most {peak_per_minute:.0} a minute at {}",
        share * 100.0,
        written((told.captured)(told.burst.peak.1))
    );
    match (baseline, told.burst.before) {
        // A rate that was never seen is not zero, and is no rate to be told either.
        (Some(_), Some((0, before))) => {
            format!("{refused}; none in the {} before.", minutes(before))
        }
        (Some(rate), _) => format!("{refused}, where {rate:.2} a minute is usual."),
        (None, _) => {
            format!("{refused}; too little of the time before was captured to say what is usual.")
        }
    }
}

/// `2026-11-22 16:14:55 UTC`: a sentence does not know in which zone the rest is read.
fn written(time: Timestamp) -> String {
    date::write(time.nanos().div_euclid(NANOS_PER_SEC))
}

/// `9 min`.
fn minutes(span: Span) -> String {
    format!("{} min", span.nanos() / (60 * NANOS_PER_SEC))
}

/// Who is to be looked at first, where what was compared says so.
fn push_suspect(detail: &mut String, told: &Told<'_>) {
    let contributors = told.partition.contributors.iter();
    let separates = |dimension| {
        let mut of = contributors
            .clone()
            .filter(|one| one.dimension == dimension);
        of.any(Contributor::separates)
    };
    let is_on_the_way = told.drawn.causes.first().is_some_and(|(id, _, count)| {
        *count * 2 >= told.burst.count
            && matches!(
                id,
                CauseId::SignedFieldsChangedBetweenHops
                    | CauseId::IdentityChangedBetweenHops
                    | CauseId::IdentityStripped
            )
    });
    let (x5u, verifier) = (separates(Dimension::X5u), separates(Dimension::Verifier));
    if is_on_the_way {
        detail.push_str(" It is the doing of an element on the way, which the evidence names.");
    } else if x5u && !verifier {
        detail.push_str(
            " Only calls of one signer fail: look at its certificate, clock and numbers first.",
        );
    } else if verifier && !x5u && told.drawn.signers > 1 {
        push(
            detail,
            format_args!(
                " Calls of {} signers fail at one verifier: look at its trust list, revocation lists, certificate cache and clock first.",
                told.drawn.signers
            ),
        );
    }
}

/// Whether what was compared names no cause.
fn is_unexplained(told: &Told<'_>) -> bool {
    let first = told.drawn.causes.first();
    first.is_some_and(|(id, ..)| *id == CauseId::Unexplained)
}

/// How it ended, if it did.
fn push_end(detail: &mut String, told: &Told<'_>) {
    match told.drawn.after {
        (_, 0) if told.burst.open => {}
        (_, 0) => detail.push_str(
            " No call came in the time behind it: its callers stopped, or went another way.",
        ),
        // Where nothing is known to be wrong, what passed behind it clears nobody.
        _ if is_unexplained(told) => {}
        (0, all) => push(
            detail,
            format_args!(
                " After it {} came, and none was refused so.",
                counted(all, "more call", "more calls")
            ),
        ),
        (refused, all) => push(
            detail,
            format_args!(
                " After it {} came, and {refused} of them {} refused so.",
                counted(all, "more call", "more calls"),
                if refused == 1 { "was" } else { "were" }
            ),
        ),
    }
}

/// How often each call was tried, where that makes much of the burst.
fn push_tried(detail: &mut String, told: &Told<'_>) {
    let tried = &told.drawn.tried;
    if !tried.is_storm() {
        return;
    }
    let (calls, each) = if tried.refusals < told.burst.count {
        // The first ones are forgotten.
        let of = counted(tried.calls, "call", "calls");
        (format!("The last of them are {of}"), "each")
    } else if tried.calls == 1 {
        ("It is 1 call".to_owned(), "it")
    } else {
        (format!("They are {} calls", tried.calls), "each")
    };
    let how = if tried.is_by_numbers() {
        let ids = counted(tried.call_ids, "Call-ID", "Call-IDs");
        format!("by their numbers (the same two within 30 s; {ids})")
    } else {
        "by Call-ID".to_owned()
    };
    push(
        detail,
        format_args!(
            " {calls} {how} and {} attempts: {each} was tried {}",
            tried.refusals,
            tried.times()
        ),
    );
    if let Some(gap) = tried.gap {
        push(detail, format_args!(", {} apart (median)", readable(gap)));
    }
    detail.push('.');
    if tried.is_of_few_calls() && tried.is_by_numbers() {
        // That a call is tried again cannot be told from callers who share a number.
        push(
            detail,
            format_args!(
                " Either few calls are tried again and again: then stop the retries after a {}; or many callers share a number, \
                 as of a PBX or a call centre.",
                told.code
            ),
        );
    } else if tried.is_of_few_calls() {
        push(
            detail,
            format_args!(
                " This is a storm of retries of few calls and no failure of many: stop the retries after a {}.",
                told.code
            ),
        );
    }
}

/// What separates the refused from the passed, in words.
fn push_shared(detail: &mut String, partition: &Partition, exceptions: &Exceptions) {
    let percent = |share: f64| 100.0 * share;
    let Some(first) = partition.contributors.first() else {
        if partition.too_few {
            detail.push_str(" Too few calls to tell what sets the refused apart from the passed.");
        }
        if partition.separable == Some(false) {
            detail.push_str(
                " Not separable: nothing that was compared sets the refused calls apart from the passed.",
            );
        }
        return;
    };
    push(
        detail,
        format_args!(
            " What they share: {} {}, in {} of {} refused ({:.0} %) and {} of {} passed calls ({:.0} %)",
            first.dimension.name(),
            String::from_utf8_lossy(&first.value),
            first.refused.0,
            first.refused.1,
            percent(first.inside()),
            first.passed.0,
            first.passed.1,
            percent(first.outside()),
        ),
    );
    let names = |frames: &[FrameRef], count: u64, what: &str| {
        if frames.is_empty() {
            return None;
        }
        let named: Vec<_> = frames.iter().map(ToString::to_string).collect();
        let more = if count > frames.len() as u64 {
            ", …"
        } else {
            ""
        };
        Some(format!("{what} ({}{more})", frames_named(&named, ", ")))
    };
    let without = first.refused.1.saturating_sub(first.refused.0);
    let named: Vec<_> = [
        names(&exceptions.refused, without, "refused without it"),
        names(&exceptions.passed, first.passed.0, "passed with it"),
    ]
    .into_iter()
    .flatten()
    .collect();
    if !named.is_empty() {
        push(detail, format_args!("; exceptions: {}", named.join(", ")));
    }
    detail.push('.');
    if partition.separable == Some(false) {
        detail
            .push_str(" Not separable: none of what was compared tells the two sides apart alone.");
    }
}

/// The causes, in words.
fn push_causes(detail: &mut String, causes: &[(CauseId, Option<Grade>, u64)]) {
    let Some((id, grade, count)) = causes.first() else {
        return;
    };
    let grade = grade.map_or_else(String::new, |grade| format!(" ({})", grade.name()));
    push(
        detail,
        format_args!(" Cause of {count}: {}{grade}. {}", id.name(), id.summary()),
    );
}

/// Identities that were refused otherwise meanwhile.
fn push_otherwise(detail: &mut String, otherwise: &[(u16, bool, u64)]) {
    let named: Vec<_> = otherwise
        .iter()
        .map(|(code, is_soft, count)| {
            let phrase = if *code == 403 { " Stale Date" } else { "" };
            let soft = if *is_soft { ", not refused for it" } else { "" };
            format!("{count} with {code}{phrase}{soft}")
        })
        .collect();
    if !named.is_empty() {
        push(
            detail,
            format_args!(
                " In the same time identities failed otherwise: {}.",
                named.join("; ")
            ),
        );
    }
}

/// Whose calls are refused, and whose pass.
fn whose(told: &Told<'_>) -> String {
    let by_peer: &BTreeMap<Peer, (u64, u64)> = &told.drawn.by_peer;
    // Of a long burst only the last refusals are remembered.
    let remembered = told.drawn.tried.refusals;
    let (total, last) = if remembered < told.burst.count {
        (remembered, "the last ")
    } else {
        (told.burst.count, "")
    };
    let mut worst: Vec<_> = by_peer.iter().filter(|(_, counts)| counts.1 > 0).collect();
    worst.sort_by_key(|(peer, counts)| (std::cmp::Reverse(counts.1), **peer));
    let Some((peer, (attempts, refused))) = worst.first() else {
        return String::new();
    };
    if worst.len() > 1 && refused * 2 < total {
        return format!(" They are spread over {} pairs of hosts.", worst.len());
    }
    let others: (u64, u64) = by_peer
        .iter()
        .filter(|(other, _)| other != peer)
        .fold((0, 0), |sum, (_, counts)| {
            (sum.0 + counts.0, sum.1 + counts.1)
        });
    let mut text =
        format!(" {peer} has {refused} of {last}{total} refusals, in {attempts} attempts;");
    if others.0 == 0 {
        text.push_str(" no other pair of hosts had calls meanwhile.");
    } else {
        let refused = if others.1 == 0 {
            "none".to_owned()
        } else {
            others.1.to_string()
        };
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            " of the {} attempts of all other pairs, {refused}.",
            others.0
        );
    }
    text
}
