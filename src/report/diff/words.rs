//! Words: how the reports for people say what changed.

use super::{Change, Count, FindingChange, Interval, MetricChange, State};
use crate::report::labels::Labels;
use crate::report::text;

/// Peers named at the beginning of a report.
const CALLED_PEERS: usize = 10;

/// Rows of peers listed in reports for people.
pub(in crate::report) const SHOWN_PEERS: usize = 20;

/// The word for a change.
pub(in crate::report) const fn change(change: Change, labels: &Labels) -> &'static str {
    match change {
        Change::Less => labels.less,
        Change::More => labels.more_than_before,
        Change::NoneShown => labels.none_shown,
        Change::NotJudged => labels.not_judged,
    }
}

/// The word for a state.
pub(in crate::report) const fn state(state: State, labels: &Labels) -> &'static str {
    match state {
        State::Gone => labels.gone,
        State::NotSeenAgain => labels.not_seen_again,
        State::New => labels.new,
        State::NotSeenBefore => labels.not_seen_before,
        State::NotJudged => labels.no_sip_beside,
        State::Still => labels.still_there,
    }
}

/// `still there: less`; where the state says it all, only that.
pub(in crate::report) fn finding(of: &FindingChange, labels: &Labels) -> String {
    let state = state(of.state, labels);
    match (of.state, of.change) {
        (
            State::Gone
            | State::NotSeenAgain
            | State::New
            | State::NotSeenBefore
            | State::NotJudged,
            _,
        )
        | (_, Change::NotJudged) => state.to_owned(),
        (_, of) => format!("{state}: {}", change(of, labels)),
    }
}

/// `identity-burst 438`, `missing-ack, no-ack-probable`.
pub(in crate::report) fn kind(of: &FindingChange) -> String {
    let mut kind = of.rule.to_string();
    if let Some(code) = of.code {
        text::push(&mut kind, format_args!(" {code}"));
    }
    if let Some(verdict) = &of.verdict {
        kind.push_str(", ");
        kind.push_str(verdict);
    }
    kind
}

/// `46 of 241 (19.1%)`; only the number where it is not a share of anything.
pub(in crate::report) fn count(of: Count, labels: &Labels) -> String {
    match of.share {
        Some(share) => format!(
            "{} {} {} ({})",
            of.count,
            labels.of,
            of.of,
            percent(share.value)
        ),
        None => of.count.to_string(),
    }
}

/// `-19.1 (-26.3 to -12.9) points`.
pub(in crate::report) fn points(difference: Option<Interval>, labels: &Labels) -> String {
    difference.map_or_else(String::new, |difference| {
        let shown = signed(difference.times(100.0), labels);
        format!("{shown} {}", labels.points)
    })
}

/// The same of a measure, in its own unit.
pub(in crate::report) fn moved(of: &MetricChange, labels: &Labels) -> String {
    let unit = if of.unit == "%" {
        labels.points
    } else {
        of.unit
    };
    of.difference.map_or_else(String::new, |difference| {
        format!("{} {unit}", signed(difference, labels))
    })
}

fn signed(of: Interval, labels: &Labels) -> String {
    let number = |value: f64| {
        let text = if value.abs() < 10.0 {
            format!("{value:+.1}")
        } else {
            format!("{value:+.0}")
        };
        // A zero has no sign.
        if text.trim_start_matches(['+', '-', '0', '.']).is_empty() {
            "0".to_owned()
        } else {
            text
        }
    };
    format!(
        "{} ({} {} {})",
        number(of.value),
        number(of.low),
        labels.to,
        number(of.high)
    )
}

/// `71.8 % (241)`; `-` over nothing.
pub(in crate::report) fn measure(value: Option<f64>, count: u64, unit: &str) -> String {
    value.map_or_else(
        || "-".to_owned(),
        |value| format!("{value:.1} {unit} ({count})"),
    )
}

/// The name people know a measure by.
pub(in crate::report) fn metric(of: &MetricChange, labels: &Labels) -> String {
    match of.metric {
        "callee_bye_30_35" => labels.callee_bye.to_owned(),
        "srd_ok_ms" => format!("SRD ({})", labels.of_answered),
        "srd_failed_ms" => format!("SRD ({})", labels.of_failed),
        name => name
            .trim_end_matches("_ms")
            .trim_end_matches("_s")
            .to_uppercase(),
    }
}

fn percent(share: f64) -> String {
    text::percent(share)
}

/// Whether any row rests on few calls.
pub(in crate::report) fn is_few(diff: &super::Diff) -> bool {
    diff.codes.iter().any(|it| it.few) || diff.metrics.iter().any(|it| it.few)
}

/// `1 gone, 2 still there`; absent states are not named. Where a side has no SIP, that is the
/// news, and nothing else: a finding is not away because the tap was.
pub(in crate::report) fn summary(diff: &super::Diff, labels: &Labels) -> String {
    let sides = [(labels.before, &diff.before), (labels.after, &diff.after)];
    let silent: Vec<String> = sides
        .into_iter()
        .filter(|(_, of)| of.sip_messages == 0)
        .map(|(label, _)| format!("{label}: {}", labels.no_sip))
        .collect();
    if !silent.is_empty() {
        return silent.join(" ");
    }
    let states = [
        State::New,
        State::Still,
        State::NotSeenBefore,
        State::NotSeenAgain,
        State::Gone,
    ];
    let parts: Vec<String> = states
        .into_iter()
        .filter_map(|it| {
            let count = diff.findings.iter().filter(|of| of.state == it).count();
            (count > 0).then(|| format!("{count} {}", state(it, labels)))
        })
        .collect();
    if parts.is_empty() {
        labels.no_findings.to_owned()
    } else {
        parts.join(", ")
    }
}

/// Rows of codes and measures whose change was called.
pub(in crate::report) fn called(diff: &super::Diff, labels: &Labels) -> Vec<String> {
    let is_called = |it: Change| matches!(it, Change::Less | Change::More);
    let codes = diff
        .codes
        .iter()
        .filter(|it| is_called(it.change))
        .map(|it| format!("{} {}: {}", it.method, it.code, change(it.change, labels)));
    let metrics = diff.metrics.iter().filter(|it| is_called(it.change));
    let metrics =
        metrics.map(|it| format!("{}: {}", metric(it, labels), change(it.change, labels)));
    let peers = diff.peers.changes.iter();
    let peers = peers
        .filter(|it| is_called(it.measure.change))
        .take(CALLED_PEERS)
        .map(|it| {
            let change = change(it.measure.change, labels);
            format!("{}, {}: {change}", it.peer, metric(&it.measure, labels))
        });
    codes.chain(metrics).chain(peers).collect()
}
