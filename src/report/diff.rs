//! Diff: did the fix work? What was found before beside what was found after.
//!
//! In: two [`Side`]s. Out: a [`Diff`], which is printed as text, JSON or Markdown. A change is called
//! only where the interval of the difference excludes zero (`interval`); otherwise none is shown,
//! which is not the same as none there was. Findings are counted a call, codes a final answer,
//! ratios an attempt, and delays are compared by minutes.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;

use crate::report::view::{self, Severity, Time, View};

mod interval;
mod minutes;
mod findings;
mod peers;
pub(super) mod words;
mod markdown;

pub use interval::Interval;
pub use markdown::write as write_markdown;
pub use minutes::Minutes;
pub use peers::{PeerChange, Peers};

use interval::{LEVEL, Share};

/// The version of the JSON's shape.
const SCHEMA_VERSION: u32 = 1;

/// Fewer than so many are few, and it is said.
const FEW: u64 = 30;

/// What was found in the captures of one side.
#[derive(Clone, Debug, Default)]
pub struct Side {
    /// What is known at the end.
    pub view: View,
    /// When the answers came.
    pub minutes: Minutes,
}

/// Two sides compared.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Diff {
    /// The version of this shape; steps when a reader could break.
    #[schemars(extend("const" = SCHEMA_VERSION))]
    pub schema_version: u32,
    /// Who wrote it.
    pub tool: view::Tool,
    /// How sure the intervals are.
    pub level: f64,
    /// What was captured before.
    pub before: Summary,
    /// What was captured after.
    pub after: Summary,
    /// Findings by kind: the worst first.
    pub findings: Vec<FindingChange>,
    /// Final answers by method and code.
    pub codes: Vec<CodeChange>,
    /// Ratios and delays over all calls.
    pub metrics: Vec<MetricChange>,
    /// The same of single peers.
    pub peers: Peers,
}

/// What was captured on one side.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Summary {
    /// The inputs.
    pub captures: Vec<view::Capture>,
    /// Time of the earliest packet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<Time>,
    /// Time of the latest packet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<Time>,
    /// Requests and responses.
    pub sip_messages: u64,
    /// Call attempts.
    pub invites: u64,
    /// Everything that was not or not fully analysed.
    pub trust: Vec<view::Trust>,
}

impl Summary {
    fn of(view: &View) -> Self {
        Self {
            first: view.captures.iter().filter_map(|it| it.first).min(),
            last: view.captures.iter().filter_map(|it| it.last).max(),
            captures: view.captures.clone(),
            sip_messages: view.totals.sip_messages,
            invites: view.totals.invites,
            trust: view.trust.clone(),
        }
    }
}

/// What the numbers carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// Less than before.
    Less,
    /// More than before.
    More,
    /// The difference may be chance.
    NoneShown,
    /// There is nothing to compare it by.
    NotJudged,
}

impl Change {
    fn of(difference: Option<Interval>) -> Self {
        match difference {
            None => Self::NotJudged,
            Some(difference) if difference.high < 0.0 => Self::Less,
            Some(difference) if difference.low > 0.0 => Self::More,
            Some(_) => Self::NoneShown,
        }
    }
}

/// So many of so many, with the interval of their ratio.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Count {
    /// How many.
    pub count: u64,
    /// Of how many.
    pub of: u64,
    /// Their ratio, 0 to 1; absent of nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share: Option<Interval>,
}

impl Count {
    fn new(count: u64, of: u64, share: Option<Share>) -> Self {
        Self {
            count,
            of,
            share: share.map(Share::interval),
        }
    }
}

/// Whether a kind of finding is still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It was there and is not, in so many calls that it would have been seen.
    Gone,
    /// It was there and was not seen again, which may be chance.
    NotSeenAgain,
    /// It is there and was not, in so many calls that it would have been seen.
    New,
    /// It is there and was not seen before, which may be chance.
    NotSeenBefore,
    /// It was there and is.
    Still,
    /// It is on one side, and no SIP was captured on the other.
    NotJudged,
}

/// Findings of one kind on both sides.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct FindingChange {
    /// The rule.
    pub rule: Cow<'static, str>,
    /// The verdict.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Cow<'static, str>>,
    /// The status code of a burst.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<u16>,
    /// The worst of them.
    pub severity: Severity,
    /// Whether they are still there.
    pub state: State,
    /// What the counts carry, a call attempt; `not-judged` where calls are not what is counted.
    pub change: Change,
    /// Before, of all call attempts.
    pub before: Count,
    /// After.
    pub after: Count,
    /// After less before, of the shares.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub difference: Option<Interval>,
    /// Their titles before.
    pub titles_before: Vec<String>,
    /// Their titles after.
    pub titles_after: Vec<String>,
}

/// Final answers with one code to one method.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct CodeChange {
    /// Method of the request.
    pub method: String,
    /// Status code.
    pub code: u16,
    /// The catalogue's phrase.
    pub phrase: Cow<'static, str>,
    /// What the counts carry.
    pub change: Change,
    /// Before, of all final answers to the method.
    pub before: Count,
    /// After.
    pub after: Count,
    /// After less before, of the shares.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub difference: Option<Interval>,
    /// So few answers that only a large change would show.
    pub few: bool,
}

/// A measure on both sides.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct MetricChange {
    /// Its name in the report, such as `asr`; `docs/metrics.md` says what it is.
    pub metric: &'static str,
    /// `%`, `ms` or `s`.
    pub unit: &'static str,
    /// What the numbers carry.
    pub change: Change,
    /// Before; absent over nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<f64>,
    /// Over how many.
    pub before_n: u64,
    /// After; absent over nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<f64>,
    /// Over how many.
    pub after_n: u64,
    /// After less before: of a ratio in percentage points, of a delay the shift of a minute's mean.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub difference: Option<Interval>,
    /// So few that only a large change would show.
    pub few: bool,
}

/// Compares two sides.
pub fn diff(before: &Side, after: &Side) -> Diff {
    Diff {
        schema_version: SCHEMA_VERSION,
        tool: view::Tool::default(),
        level: LEVEL,
        before: Summary::of(&before.view),
        after: Summary::of(&after.view),
        findings: findings::changes(&before.view, &after.view),
        codes: codes(before, after),
        metrics: metrics(&before.view, &after.view),
        peers: peers::changes(before, after),
    }
}

/// Writes the JSON.
pub fn write_json(diff: &Diff, out: &mut dyn Write) -> io::Result<()> {
    let mut line = Vec::new();
    super::json::put(&mut line, diff)?;
    line.push(b'\n');
    out.write_all(&line)
}

/// The schema of the JSON.
pub(super) fn schema(generator: SchemaGenerator) -> Schema {
    generator.into_root_schema_for::<Diff>()
}

/// Final answers of a side.
#[derive(Default)]
struct Finals<'a> {
    by_code: BTreeMap<(&'a str, u16), u64>,
    by_method: BTreeMap<&'a str, u64>,
}

fn finals(view: &View) -> Finals<'_> {
    let mut finals = Finals::default();
    for code in view.codes.iter().filter(|code| code.code >= 200) {
        for (method, count) in &code.methods {
            finals.by_code.insert((method.as_str(), code.code), *count);
            *finals.by_method.entry(method.as_str()).or_default() += count;
        }
    }
    finals
}

fn codes(before: &Side, after: &Side) -> Vec<CodeChange> {
    let (first, second) = (finals(&before.view), finals(&after.view));
    let kinds = first.by_code.keys().chain(second.by_code.keys());
    let kinds: BTreeSet<(&str, u16)> = kinds.copied().collect();
    let phrase = |code: u16| {
        let all = before.view.codes.iter().chain(&after.view.codes);
        let mut of_code = all.filter(|it| it.code == code);
        of_code
            .next()
            .map_or(Cow::Borrowed(""), |it| it.phrase.clone())
    };
    let change = |kind: (&str, u16)| {
        let (method, code) = kind;
        let side = |finals: &Finals<'_>, side: &Side| {
            let count = finals.by_code.get(&kind).copied().unwrap_or(0);
            let of = finals.by_method.get(method).copied().unwrap_or(0);
            let share = Share::new(count, of, &side.minutes.of(method, code));
            (Count::new(count, of, share), share)
        };
        let (first, was) = side(&first, before);
        let (second, is) = side(&second, after);
        let difference = was.zip(is).map(|(was, is)| interval::difference(was, is));
        CodeChange {
            method: method.to_owned(),
            code,
            phrase: phrase(code),
            change: Change::of(difference),
            before: first,
            after: second,
            difference,
            few: first.of.min(second.of) < FEW,
        }
    };
    let mut changes: Vec<CodeChange> = kinds.into_iter().map(change).collect();
    changes.sort_by_key(|it| (it.method != "INVITE", it.method.clone(), it.code));
    changes
}

/// Measures compared: names and units.
const METRICS: [(&str, &str); 15] = [
    ("asr", "%"),
    ("ner", "%"),
    ("ser", "%"),
    ("seer", "%"),
    ("isa", "%"),
    ("scr", "%"),
    ("callee_bye_30_35", "%"),
    ("ira", "%"),
    ("pdd_ms", "ms"),
    ("srd_ok_ms", "ms"),
    ("srd_failed_ms", "ms"),
    ("sdd_ms", "ms"),
    ("rrd_ms", "ms"),
    ("sdt_s", "s"),
    ("acd_s", "s"),
];

/// A measure of one scope and over how many it was taken.
fn measured(of: &view::Metric, name: &str) -> Option<(f64, u64)> {
    let number = |name: &str| of.values.get(name)?.as_ref();
    let value = number(name)?.as_f64()?;
    let count = number(&format!("{name}_n"))?.as_u64()?;
    (count > 0).then_some((value, count))
}

/// A measure by minute, in order.
fn by_minute(view: &View, name: &str) -> Vec<(f64, u64)> {
    let minutes = view
        .metrics
        .iter()
        .filter(|metric| metric.scope == "minute");
    minutes
        .filter_map(|metric| measured(metric, name))
        .collect()
}

/// Call attempts by minute, none of them counted for anything yet.
fn by_attempts(view: &View) -> BTreeMap<i64, (u64, u64)> {
    let minutes = view
        .metrics
        .iter()
        .filter(|metric| metric.scope == "minute");
    let attempts = |metric: &view::Metric| {
        let start = metric.start?;
        let (_, count) = measured(metric, "asr")?;
        Some((minutes::minute(start.0.nanos()), (0, count)))
    };
    minutes.filter_map(attempts).collect()
}

/// How many `percent` of `count` are.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of a count of calls"
)]
fn part((percent, count): (f64, u64)) -> (u64, u64) {
    let part = (percent * count as f64 / 100.0).round() as u64;
    (part.min(count), count)
}

fn metrics(before: &View, after: &View) -> Vec<MetricChange> {
    let change = |(name, unit): (&'static str, &'static str)| {
        let whole = |view: &View| {
            let all = view.metrics.iter().find(|metric| metric.scope == "all")?;
            measured(all, name)
        };
        let (was, is) = (whole(before), whole(after));
        let difference = if unit == "%" {
            let share = |view: &View, value: Option<(f64, u64)>| {
                let (count, of) = part(value?);
                let minutes: Vec<_> = by_minute(view, name).into_iter().map(part).collect();
                Share::new(count, of, &minutes)
            };
            let shares = share(before, was).zip(share(after, is));
            shares.map(|(was, is)| interval::difference(was, is).times(100.0))
        } else {
            interval::shift(&by_minute(before, name), &by_minute(after, name))
        };
        let count = |value: Option<(f64, u64)>| value.map_or(0, |(_, count)| count);
        MetricChange {
            metric: name,
            unit,
            change: Change::of(difference),
            before: was.map(|(value, _)| value),
            before_n: count(was),
            after: is.map(|(value, _)| value),
            after_n: count(is),
            difference,
            few: count(was).min(count(is)) < FEW,
        }
    };
    let is_measured = |it: &MetricChange| it.before.is_some() || it.after.is_some();
    METRICS
        .into_iter()
        .map(change)
        .filter(is_measured)
        .collect()
}

#[cfg(test)]
mod tests;
