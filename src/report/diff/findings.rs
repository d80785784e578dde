//! Findings of both sides, by kind: gone, new, still there.
//!
//! A kind is a rule, a verdict and the code of a burst. Where a rule counts calls, they are set
//! against all call attempts of their side, so that twice the traffic is not twice the fault.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::interval::{self, Interval, Share};
use super::minutes::minute;
use super::{Change, Count, FindingChange, State, by_attempts};
use crate::report::view::{Finding, View};

/// Rules whose count is of call attempts or of dialogs that an INVITE made.
const OF_CALLS: [&str; 9] = [
    "missing-ack",
    "ack-without-answer",
    "identity-burst",
    "identity-failure",
    "soft-identity-failure",
    "response-burst",
    "no-failover",
    "one-sided-bye",
    "drops-at-32-s",
];

/// Titles kept of one kind.
const MOST_TITLES: usize = 20;

type Kind = (Cow<'static, str>, Option<Cow<'static, str>>, Option<u16>);

fn kind(finding: &Finding) -> Kind {
    let code = finding.burst.as_ref().map(|burst| burst.code);
    (finding.rule.clone(), finding.verdict.clone(), code)
}

/// The findings of both sides, the worst first.
pub(super) fn changes(before: &View, after: &View) -> Vec<FindingChange> {
    let mut kinds: BTreeMap<Kind, [Vec<&Finding>; 2]> = BTreeMap::new();
    for finding in &before.findings {
        let [first, _] = kinds.entry(kind(finding)).or_default();
        first.push(finding);
    }
    for finding in &after.findings {
        let [_, second] = kinds.entry(kind(finding)).or_default();
        second.push(finding);
    }
    let mut changes: Vec<FindingChange> = kinds
        .into_iter()
        .filter_map(|(kind, [first, second])| change(kind, (before, &first), (after, &second)))
        .collect();
    changes.sort_by_key(|it| (it.severity, rank(it.state)));
    changes
}

/// What is there stands before what is not.
const fn rank(state: State) -> u8 {
    match state {
        State::New => 0,
        State::Still => 1,
        State::NotSeenBefore | State::NotJudged => 2,
        State::NotSeenAgain => 3,
        State::Gone => 4,
    }
}

fn change(
    (rule, verdict, code): Kind,
    (before, first): (&View, &[&Finding]),
    (after, second): (&View, &[&Finding]),
) -> Option<FindingChange> {
    let is_of_calls = OF_CALLS.contains(&&*rule);
    let side = |view: &View, findings: &[&Finding]| {
        let count = findings.iter().map(|finding| finding.count).sum();
        let of = view.totals.invites;
        let share = is_of_calls.then(|| share(view, findings, count)).flatten();
        (Count::new(count, of, share), share)
    };
    let (was, was_share) = side(before, first);
    let (is, is_share) = side(after, second);
    let difference = was_share.zip(is_share);
    let difference: Option<Interval> = difference.map(|(was, is)| interval::difference(was, is));
    let change = Change::of(difference);
    let has_sip = |view: &View| view.totals.sip_messages > 0;
    let state = match (first.is_empty(), second.is_empty()) {
        (false, false) => State::Still,
        _ if !has_sip(before) || !has_sip(after) => State::NotJudged,
        (true, _) if change == Change::More => State::New,
        (true, _) => State::NotSeenBefore,
        (false, true) if change == Change::Less => State::Gone,
        (false, true) => State::NotSeenAgain,
    };
    let titles = |findings: &[&Finding]| {
        let titles = findings.iter().take(MOST_TITLES);
        titles.map(|finding| finding.title.clone()).collect()
    };
    Some(FindingChange {
        rule,
        verdict,
        code,
        // Severities are ordered worst first.
        severity: first.iter().chain(second).map(|it| it.severity).min()?,
        state,
        change,
        before: was,
        after: is,
        difference,
        titles_before: titles(first),
        titles_after: titles(second),
    })
}

/// The share of a side's calls, and how they fell on minutes.
fn share(view: &View, findings: &[&Finding], count: u64) -> Option<Share> {
    let mut minutes: BTreeMap<i64, (u64, u64)> = by_attempts(view);
    let calls = findings.iter().flat_map(|finding| &finding.calls);
    for time in calls.filter_map(|call| call.time) {
        minutes.entry(minute(time.0.nanos())).or_default().0 += 1;
    }
    let minutes: Vec<(u64, u64)> = minutes.into_values().collect();
    Share::new(count, view.totals.invites, &minutes)
}
