//! Project: what the findings room knows, in the shape of [`view`].
//!
//! In: [`Annotated`] responses and the analysis. Out: the view's plain values, with the
//! catalogue's words beside each code and a Wireshark filter beside each finding.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::Number;

use super::view;
use crate::capture::Summary;
use crate::catalogue::catalogue;
use crate::defect::DefectKind;
use crate::findings::annotate::Annotated;
use crate::findings::codes::Codes;
use crate::findings::metrics::{Measured, Measures, Scope};
use crate::findings::onset::Onset;
use crate::findings::partition::Contributor;
use crate::findings::trust::Trust;
use crate::findings::{BurstFacts, CallRef, Confidence, Finding, Severity, Unneeded};
use crate::stir::diagnosis::hop_text;
use crate::stir::signers::Signer;
use crate::stir::{Cause, Grade};
use crate::tls::Unread;
use crate::units::{Span, Timestamp};
use crate::wire_text::WireText;

mod ladder;

pub use ladder::{Annotations, ladder};

/// Calls named in a Wireshark filter: more make a filter that cannot be pasted.
const FILTER_CALLS: usize = 5;

/// What the report tells of a capture.
pub fn capture(path: &str, summary: &Summary, shift: Span) -> view::Capture {
    view::Capture {
        path: path.into(),
        format: summary.format.name().into(),
        compression: summary.compression.map(|packed| packed.name().into()),
        packets: summary.packets,
        bytes: summary.bytes,
        first: summary.first.map(|first| view::Time(first.plus(shift))),
        last: summary.last.map(|last| view::Time(last.plus(shift))),
        moved_s: (shift != Span::default()).then(|| shift.as_secs_f64()),
        cut_short: summary.cut_short,
    }
}

/// Who signed calls.
pub fn signers(signers: &[(Box<str>, Signer)]) -> Vec<view::Signer> {
    let signer = |(x5u, signer): &(Box<str>, Signer)| {
        let age = |share| signer.iat_age(share).map(Span::as_secs_f64);
        let ages = age(0.05).zip(age(0.5)).zip(age(0.95));
        // Scattered ages say nothing of a clock.
        let steady = signer
            .clock()
            .filter(|(_, scatter)| *scatter < Span::from_secs(2));
        view::Signer {
            x5u: view::Text::from(&**x5u),
            attest: signer
                .attest
                .iter()
                .map(|(level, count)| ((*level).to_owned(), *count))
                .collect(),
            invites: signer.invites,
            rejected: signer.rejected,
            seen: signer
                .seen
                .map(|(first, last)| (view::Time(first), view::Time(last))),
            iat_age_s: ages.map(|((young, median), old)| [young, median, old]),
            iat_no_time: (signer.without_age > 0).then_some(signer.without_age),
            clock_s: steady.map(|(median, _)| median.as_secs_f64()),
            outside_validity: signer.outside_validity,
            signatures: signer.checked,
        }
    };
    signers.iter().map(signer).collect()
}

/// Causes of a refused identity.
fn diagnosis<'a>(causes: &'a [Cause]) -> Vec<view::Diagnosis<'a>> {
    let one = |cause: &'a Cause| view::Diagnosis {
        cause: Cow::Borrowed(cause.id.name()),
        grade: cause.grade.map(grade),
        header: cause.header,
        hop: Some(Cow::Owned(hop_text(&cause.hop))),
        evidence: Some(Cow::Borrowed(cause.evidence.as_str())),
        remediation: Some(Cow::Borrowed(cause.remediation())),
    };
    causes.iter().map(one).collect()
}

/// How sure a cause is.
pub(super) const fn grade(grade: Grade) -> view::Grade {
    match grade {
        Grade::Proven => view::Grade::Proven,
        Grade::Likely => view::Grade::Likely,
        Grade::Possible => view::Grade::Possible,
    }
}

/// Ratios and delays, by CONTRACT's names.
pub fn metrics(measured: &[Measured]) -> Vec<view::Metric> {
    let metric = |one: &Measured| {
        let (scope, peer, start) = match one.scope {
            Scope::All => ("all", None, None),
            Scope::Peer(peer) => ("peer", Some(peer.to_string()), None),
            Scope::Minute(start) => ("minute", None, Some(view::Time(start))),
        };
        view::Metric {
            scope: scope.into(),
            peer,
            start,
            values: values(&one.measures),
        }
    };
    measured.iter().map(metric).collect()
}

fn values(of: &Measures) -> BTreeMap<Cow<'static, str>, Option<Number>> {
    let ratios = [
        ("ira", "ira_n", of.ira()),
        ("ser", "ser_n", of.ser()),
        ("seer", "seer_n", of.seer()),
        ("isa", "isa_n", of.isa()),
        ("scr", "scr_n", of.scr()),
        ("asr", "asr_n", of.asr()),
        ("ner", "ner_n", of.ner()),
        (
            "callee_bye_30_35",
            "callee_bye_30_35_n",
            of.callee_bye_30_35(),
        ),
    ];
    let ratios = ratios.map(|(name, n, ratio)| (name, n, ratio.percent(), ratio.whole));
    let delays = [
        ("rrd_ms", "rrd_ms_n", of.registration),
        ("srd_ok_ms", "srd_ok_ms_n", of.request_ok),
        ("srd_failed_ms", "srd_failed_ms_n", of.request_failed),
        ("pdd_ms", "pdd_ms_n", of.post_dial),
        ("sdd_ms", "sdd_ms_n", of.disconnect),
    ];
    let delays = delays.map(|(name, n, mean)| (name, n, mean.millis(), mean.count));
    let durations = [
        ("sdt_s", "sdt_s_n", of.duration_completed),
        ("acd_s", "acd_s_n", of.duration),
    ];
    let durations = durations.map(|(name, n, mean)| (name, n, mean.secs(), mean.count));
    let mut values = BTreeMap::new();
    for (name, n, value, count) in ratios.into_iter().chain(delays).chain(durations) {
        let rounded = value.map(|value| (value * 1000.0).round() / 1000.0);
        values.insert(name.into(), rounded.and_then(Number::from_f64));
        values.insert(n.into(), Some(count.into()));
    }
    values
}

/// A response of the capture that was named `path`.
pub fn response<'a>(
    seen: &Annotated<'a>,
    path: &'a str,
    capture_start: Option<Timestamp>,
) -> view::Response<'a> {
    let explained = catalogue().entry(seen.code, Some(seen.text.phrase));
    // What the catalogue says of a 200 is about the answer to an INVITE, beyond its first sentence.
    let is_plain_success = seen.code.is_success() && !matches!(seen.text.method, b"INVITE" | b"");
    let (meaning, remediation) = if is_plain_success {
        (first_sentence(explained.meaning()), "Nothing to do.")
    } else {
        explained.to(seen.text.method)
    };
    // What the capture shows to be unnecessary is not advised.
    let remediation = seen.unneeded.map_or(remediation, Unneeded::words);
    view::Response {
        file: seen.at.file.0,
        path,
        frame: seen.at.no.0,
        time: seen.time,
        capture_start,
        src: seen.flow.src,
        dst: seen.flow.dst,
        transport: seen.flow.transport,
        call_id: seen.text.call_id.map(WireText),
        cseq: seen.cseq,
        method: Some(WireText(seen.text.method)).filter(|method| !method.0.is_empty()),
        from: seen.text.from.map(WireText),
        to: seen.text.to.map(WireText),
        code: seen.code.get(),
        reason: WireText(seen.text.phrase),
        retransmission: seen.retransmission,
        duplicate: seen.duplicate,
        meaning: Cow::Borrowed(meaning),
        remediation: Cow::Borrowed(remediation),
        context: seen.context.map(Cow::Borrowed),
        diagnosis: diagnosis(seen.diagnosis),
    }
}

fn first_sentence(text: &str) -> &str {
    text.split_inclusive(". ")
        .next()
        .map_or(text, str::trim_end)
}

/// The codes, ascending.
pub fn codes(codes: &Codes) -> Vec<view::Code> {
    let total = codes.total();
    codes
        .iter()
        .map(|(code, counts)| {
            let explained = catalogue().entry(code, None);
            let methods: BTreeMap<_, _> = counts
                .methods
                .iter()
                .map(|(method, count)| (String::from_utf8_lossy(method).into_owned(), *count))
                .collect();
            #[expect(clippy::cast_precision_loss, reason = "a share for people")]
            let share = if total == 0 {
                0.0
            } else {
                counts.count as f64 / total as f64
            };
            view::Code {
                code: code.get(),
                phrase: Cow::Borrowed(explained.phrase().unwrap_or_default()),
                count: counts.count,
                retransmissions: counts.retransmissions,
                share,
                methods,
                meaning: Cow::Borrowed(explained.meaning()),
                when: Cow::Borrowed(explained.when()),
                remediation: Cow::Borrowed(explained.remediation()),
                short_remediation: Cow::Borrowed(explained.short_fix()),
                rfc: explained.rfc().map(Cow::Borrowed),
            }
        })
        .collect()
}

/// What was not analysed.
pub fn trust(trust: &Trust, unread: &Unread, several_files: bool) -> Vec<view::Trust> {
    let mut lines: Vec<_> = trust
        .groups()
        .map(|group| view::Trust {
            kind: Cow::Borrowed(group.kind.name()),
            count: group.count,
            first_frame: Some(group.first.no.0).filter(|frame| *frame > 0),
            file: several_files.then_some(group.first.file.0),
            detail: group.text(),
        })
        .collect();
    lines.extend(unread.lines().into_iter().map(|line| view::Trust {
        kind: Cow::Borrowed(DefectKind::Encrypted.name()),
        count: line.count,
        first_frame: Some(line.first.no.0).filter(|frame| *frame > 0),
        file: several_files.then_some(line.first.file.0),
        detail: line.text(),
    }));
    if unread.further() > 0 {
        lines.push(view::Trust {
            kind: Cow::Borrowed(DefectKind::Encrypted.name()),
            count: unread.further(),
            first_frame: None,
            file: None,
            detail: "TLS to further servers, on ports that are not SIP's, was not decrypted"
                .to_owned(),
        });
    }
    if trust.beyond() > 0 {
        lines.push(view::Trust {
            kind: Cow::Borrowed("evicted"),
            count: trust.beyond(),
            first_frame: None,
            file: None,
            detail: "further remarks of other kinds, for which there was no room".to_owned(),
        });
    }
    lines
}

/// A finding.
pub fn finding(found: Finding) -> view::Finding {
    let filter = filter(&found.calls);
    view::Finding {
        rule: Cow::Borrowed(found.rule),
        verdict: found.verdict.map(Cow::Borrowed),
        qualifier: found.qualifier,
        severity: severity(found.severity),
        confidence: Some(confidence(found.confidence)),
        raise: found.raise,
        title: found.title,
        detail: Some(found.detail).filter(|text| !text.is_empty()),
        cause: found.cause.map(str::to_owned),
        evidence: found.evidence,
        remediation: Some(found.remediation),
        count: found.count,
        start: Some(view::Time(found.start)),
        end: Some(view::Time(found.end)),
        peers: found
            .peers
            .iter()
            .map(|(peer, count)| view::PeerCount {
                peer: peer.to_string(),
                count: *count,
            })
            .collect(),
        burst: found.burst.as_ref().map(|facts| burst(facts, found.count)),
        calls: found.calls.into_iter().map(call).collect(),
        filter,
    }
}

fn contributor(one: &Contributor) -> view::Contributor {
    view::Contributor {
        dimension: Cow::Borrowed(one.dimension.name()),
        value: view::Text(one.value.to_vec()),
        inside: one.inside(),
        outside: one.outside(),
        lift: one.lift(),
        refused: Some(one.refused),
        accepted: Some(one.passed),
    }
}

fn onset(onset: &Onset) -> view::Onset {
    view::Onset {
        kind: Cow::Borrowed(onset.kind),
        value: view::Text(onset.value.to_vec()),
        time: view::Time(onset.time),
        evidence: onset.evidence.clone(),
    }
}

/// To three decimals.
fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

fn burst(facts: &BurstFacts, count: u64) -> view::Burst {
    view::Burst {
        code: facts.code,
        soft: facts.soft,
        attempts: facts.attempts,
        share: facts.share,
        distinct_calls: facts.tried.calls,
        remembered: (facts.tried.refusals < count).then_some(facts.tried.refusals),
        attempts_per_call: rounded(facts.tried.factor()),
        retry_after_s: facts.tried.gap.map(Span::as_secs_f64),
        storm_of_few_calls: facts.tried.is_of_few_calls(),
        onset: facts.onset.as_ref().map(onset),
        otherwise: facts
            .otherwise
            .iter()
            .map(|&(code, soft, count)| view::Otherwise { code, soft, count })
            .collect(),
        peak_per_minute: facts.peak_per_minute,
        peak_at: Some(view::Time(facts.peak_at)),
        baseline_per_minute: facts.baseline_per_minute,
        baseline: facts
            .baseline_per_minute
            .is_none()
            .then_some(Cow::Borrowed("none")),
        baseline_count: facts.before.map(|(count, _)| count),
        baseline_s: facts.before.map(|(_, looked)| looked.as_secs_f64()),
        open: facts.open,
        followed: facts.followed.map(|followed| view::Followed {
            seconds: followed.lasted.as_secs_f64(),
            attempts: followed.attempts,
            refused: followed.refused,
        }),
        contributors: facts
            .partition
            .contributors
            .iter()
            .map(contributor)
            .collect(),
        separable: facts.partition.separable,
        causes: facts
            .causes
            .iter()
            .map(|(id, of, count)| view::CauseCount {
                cause: Cow::Borrowed(id.name()),
                grade: of.map(grade),
                count: *count,
            })
            .collect(),
        keys: facts
            .keys
            .iter()
            .map(|key| view::KeyBurst {
                dimension: Cow::Borrowed(key.dimension.name()),
                value: view::Text(key.value.to_vec()),
                count: key.burst.count,
                start: Some(view::Time(key.burst.start)),
                end: Some(view::Time(key.burst.end)),
            })
            .collect(),
    }
}

fn call(call: CallRef) -> view::CallRef {
    view::CallRef {
        call_id: view::Text(call.call_id.into()),
        cseq: Some(call.cseq),
        to_tag: call.to_tag.map(|tag| view::Text(tag.into())),
        file: call.file.0,
        frames: call.frames.iter().map(|frame| frame.0).collect(),
        time: Some(view::Time(call.time)),
    }
}

const fn severity(severity: Severity) -> view::Severity {
    match severity {
        Severity::Critical => view::Severity::Critical,
        Severity::Error => view::Severity::Error,
        Severity::Warning => view::Severity::Warning,
        Severity::Info => view::Severity::Info,
    }
}

const fn confidence(confidence: Confidence) -> view::Confidence {
    match confidence {
        Confidence::Confirmed => view::Confidence::Confirmed,
        Confidence::Probable => view::Confidence::Probable,
        Confidence::Tolerated => view::Confidence::Tolerated,
        Confidence::Inconclusive => view::Confidence::Inconclusive,
    }
}

/// A Wireshark display filter for the first of `calls`. A Call-ID that cannot stand in a filter
/// string is left out.
fn filter(calls: &[CallRef]) -> Option<String> {
    let mut ids: Vec<String> = Vec::new();
    for id in calls.iter().filter_map(|call| quotable(&call.call_id)) {
        if ids.len() == FILTER_CALLS {
            break;
        }
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    match ids.as_slice() {
        [] => None,
        [id] => Some(format!("sip.Call-ID == {id}")),
        ids => Some(format!("sip.Call-ID in {{{}}}", ids.join(", "))),
    }
}

/// A Wireshark string, if the text is printable ASCII.
fn quotable(text: &[u8]) -> Option<String> {
    let is_printable = text.iter().all(|b| b.is_ascii_graphic() || *b == b' ');
    let text = std::str::from_utf8(text).ok().filter(|_| is_printable)?;
    Some(format!(
        "\"{}\"",
        text.replace('\\', "\\\\").replace('"', "\\\"")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_names_every_measure() {
        let named = crate::report::schema::MEASURES.iter();
        let mut named: Vec<String> = named
            .flat_map(|(name, ..)| [(*name).to_owned(), format!("{name}_n")])
            .collect();
        named.sort();
        let given = values(&Measures::default());
        assert!(given.keys().eq(&named), "{given:?}");
    }

    #[test]
    fn a_call_id_cannot_break_out_of_the_filter() {
        assert_eq!(quotable(b"a\"b\\c").as_deref(), Some("\"a\\\"b\\\\c\""));
        assert_eq!(quotable(b"a\x1bb"), None);
        assert_eq!(quotable(b"caf\xe9"), None);
    }
}
