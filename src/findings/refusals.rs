//! Refusals: INVITE attempts and, of each code that is watched, the bursts of its refusals.
//!
//! In: attempts with their first final response. Out: a [`Burst`] of a code with its calls and whom it
//! hits, and the finding that says so. Which codes, and what to do about them, is the rules'.
//!
//! Capped: [`crate::limits::Limits::burst_series`] codes; [`crate::limits::Limits::burst_events`]
//! refusals of all codes together, of which the longest series gives up its oldest; `RECENT`
//! calls refused, and as many attempts in the [`Past`]. Counts stay exact.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write as _;
use std::sync::Arc;

use super::burst::{Burst, BurstOptions, Detector, Finals, per_minute};
use super::examiner::Signed;
use super::key_bursts::{KeyBurst, KeyBursts};
use super::packed::Packed;
use super::partition::{Partition, Traits, partition};
use super::past::{Attempted, Ending, Past, RECENT};
use super::rule::{
    BurstFacts, CallRef, Confidence, Finding, Peer, PeerCounts, Severity, kept, readable,
};
use super::watched::Watched;
use smallvec::SmallVec;

use crate::calls::{Attempt, ClockChange};
use crate::limits::Limits;
use crate::stir::{CauseId, Grade};
use crate::units::{FrameNo, StatusCode, Timestamp};

/// A trunk of which at least so many calls fail, and none passes, is down.
const TRUNK_ATTEMPTS: u64 = 20;

/// How often the refusals of all series are counted, in refusals.
const COUNTED: u64 = 1024;

/// The refusals of the codes that a rule watches.
#[derive(Debug)]
pub struct Refusals {
    options: BurstOptions,
    watches: Watches,
    events: usize,
    codes: usize,
    calls_per_finding: usize,
    call_id_bytes: usize,
    first: Option<Timestamp>,
    watched: Watched,
    finals: Finals,
    series: BTreeMap<StatusCode, Series>,
    /// Codes with refusals at the moment of the last final.
    unjudged: Vec<StatusCode>,
    /// Refusals so far.
    count: u64,
    /// The last of them, of all codes.
    refused: VecDeque<Refused>,
    /// The same for each peer, signer, verifier and range of numbers.
    keys: BTreeMap<StatusCode, KeyBursts>,
    past: Arc<Past>,
    given_up: u64,
}

/// The code of the series to which an attempt belongs; `None` where it passed.
pub type Watches = fn(&Ending) -> Option<StatusCode>;

#[derive(Debug)]
struct Series {
    detector: Detector,
    count: u64,
}

#[derive(Debug)]
struct Refused {
    code: StatusCode,
    /// Steady.
    time: Timestamp,
    call: Packed,
    traits: Traits,
    /// Why, as far as the capture shows: the cause to look at first.
    cause: Option<(CauseId, Option<Grade>)>,
}

/// What a rule says of a burst.
#[derive(Clone, Copy, Debug)]
pub struct Said {
    /// The rule.
    pub rule: &'static str,
    /// What the code is called.
    pub phrase: &'static str,
    /// What to do about it.
    pub remediation: &'static str,
    /// The worst that such a burst can be.
    pub at_worst: Severity,
    /// The calls went on all the same.
    pub soft: bool,
}

impl Refusals {
    /// None yet.
    pub fn new(limits: &Limits, options: BurstOptions, watches: Watches) -> Self {
        Self {
            options,
            watches,
            events: limits.burst_events,
            codes: limits.burst_series,
            calls_per_finding: limits.calls_per_finding,
            call_id_bytes: limits.call_id_bytes,
            first: None,
            watched: Watched::default(),
            finals: Finals::new(options.window, limits.burst_events),
            series: BTreeMap::new(),
            unjudged: Vec::new(),
            count: 0,
            refused: VecDeque::new(),
            keys: BTreeMap::new(),
            past: Arc::default(),
            given_up: 0,
        }
    }

    /// The capture begins.
    pub fn begin(&mut self, first: Timestamp) {
        if self.first.is_none() {
            self.first = Some(first);
            self.watched.begin(first);
        }
    }

    /// The capture's clock did not simply go on.
    pub fn clock(&mut self, change: ClockChange) {
        self.watched.change(change);
    }

    /// What to look back on.
    pub fn look_back(&mut self, past: &Arc<Past>) {
        self.past = Arc::clone(past);
    }

    /// Takes an attempt.
    pub fn attempt(&mut self, attempt: &Attempt<'_>, signed: &Signed) {
        let watched = (self.watches)(&Ending::of(attempt, signed));
        self.begin(attempt.response.time);
        let first = self.first.unwrap_or_default();
        let time = self.finals.next(self.watched.steady(attempt.response.time));
        if self.finals.moves_on(time) {
            for code in std::mem::take(&mut self.unjudged) {
                if let Some(series) = self.series.get_mut(&code) {
                    series.detector.judge(&self.finals, &self.watched);
                }
            }
        }
        self.finals.push(time);
        for (code, keys) in &mut self.keys {
            let is_refused = watched == Some(*code);
            keys.push(&signed.traits, time, is_refused, (first, &self.watched));
        }
        let Some(code) = watched else {
            return;
        };
        if self.series.len() >= self.codes && !self.series.contains_key(&code) {
            self.given_up += 1;
            return;
        }
        if !self.keys.contains_key(&code) && self.has_keys(code) {
            let mut keys = KeyBursts::new(self.options);
            keys.push(&signed.traits, time, true, (first, &self.watched));
            self.keys.insert(code, keys);
        }
        let series = self.series.entry(code).or_insert_with(|| Series {
            detector: Detector::new(self.options, self.events, first),
            count: 0,
        });
        series.detector.push(time, &self.finals);
        series.count += 1;
        if !self.unjudged.contains(&code) {
            self.unjudged.push(code);
        }
        self.count += 1;
        if self.count.is_multiple_of(COUNTED) {
            self.make_room();
        }
        if self.refused.len() >= RECENT {
            self.refused.pop_front();
        }
        self.refused.push_back(Refused {
            code,
            time,
            call: packed(attempt, self.call_id_bytes),
            traits: signed.traits,
            cause: signed
                .refused
                .as_ref()
                .and_then(|judged| judged.causes.first())
                .map(|cause| (cause.id, cause.grade)),
        });
    }

    /// Whether a code is watched by key as well: those that refuse an identity are, since its
    /// signer and verifier are named.
    fn has_keys(&self, code: StatusCode) -> bool {
        matches!(code.get(), 403 | 428 | 436..=438) && self.keys.len() < 8
    }

    /// Lets the longest series give up its oldest refusals where all together are too many.
    fn make_room(&mut self) {
        loop {
            let remembered = |series: &Series| series.detector.remembered();
            let all: usize = self.series.values().map(remembered).sum();
            let over = all.saturating_sub(self.events);
            let longest = self
                .series
                .values_mut()
                .max_by_key(|s| s.detector.remembered());
            let Some(longest) = longest.filter(|_| over > 0) else {
                return;
            };
            for _ in 0..over.min(longest.detector.remembered().div_ceil(2)) {
                longest.detector.drop_oldest();
            }
        }
    }

    /// What there was no room for.
    pub const fn given_up(&self) -> u64 {
        self.given_up
    }

    /// Ends the capture at `end`: one finding a burst, with what `said` says of its code.
    pub fn finish(
        &mut self,
        end: Timestamp,
        said: impl Fn(StatusCode) -> Said,
        out: &mut dyn FnMut(Finding),
    ) {
        let past = Arc::clone(&self.past);
        let end = self.watched.steady(end);
        let mut by_key: BTreeMap<StatusCode, Vec<KeyBurst>> = std::mem::take(&mut self.keys)
            .into_iter()
            .map(|(code, mut keys)| (code, keys.finish(end, &self.watched, &past.values)))
            .collect();
        for (code, series) in std::mem::take(&mut self.series) {
            let mut keys = by_key.remove(&code).unwrap_or_default();
            for burst in series.detector.finish(&self.finals, &self.watched, end) {
                // It opened on a share of its first minute; over all of it, it may be less.
                if share(&burst) < self.options.share {
                    continue;
                }
                let (inside, rest): (Vec<_>, Vec<_>) = keys
                    .into_iter()
                    .partition(|key| is_overlap(&key.burst, &burst));
                keys = rest;
                let inside_of = |_: &Traits| true;
                out(self.finding(code, &burst, said(code), &inside, &inside_of));
            }
            // What only one key shows is told once, with the other keys that show the same.
            while let Some(first) = keys.first().cloned() {
                let (same, rest): (Vec<_>, Vec<_>) = keys
                    .into_iter()
                    .partition(|key| is_overlap(&key.burst, &first.burst));
                keys = rest;
                let has = |traits: &Traits| first.has(traits);
                out(self.finding(code, &first.burst, said(code), &same, &has));
            }
        }
    }

    /// A burst of the attempts that `belongs` is true of, with the bursts of `keys` inside it.
    fn finding(
        &self,
        code: StatusCode,
        burst: &Burst,
        said: Said,
        keys: &[KeyBurst],
        belongs: &dyn Fn(&Traits) -> bool,
    ) -> Finding {
        let refusals = || {
            self.refused.iter().filter(|refused| {
                refused.code == code
                    && burst.start <= refused.time
                    && refused.time <= burst.end
                    && belongs(&refused.traits)
            })
        };
        let inside = || refusals().map(|refused| &refused.call);
        let distinct: BTreeSet<_> = inside().map(Packed::call_id).collect();
        let distinct_calls = u64::try_from(distinct.len()).unwrap_or(u64::MAX);
        // Of a long burst not all refusals are remembered.
        let remembered = u64::try_from(inside().count()).unwrap_or(u64::MAX);
        let by_peer = self.attempts_by_peer(code, burst, belongs);
        let partition = self.partition(code, burst);
        let causes = causes(refusals());
        let mut peers = PeerCounts::default();
        for (peer, (_, refused)) in &by_peer {
            peers.add_many(*peer, *refused);
        }
        let share = share(burst);
        let captured = |steady| self.watched.captured(steady);
        let lasted = burst.end.since(burst.start);
        let per_minute = |count: f64| per_minute(count, self.options.window);
        #[expect(clippy::cast_precision_loss, reason = "counts of one window")]
        let peak_per_minute = per_minute(burst.peak.0 as f64);
        let baseline = burst.expected.map(per_minute);
        let trunk_down = by_peer
            .values()
            .any(|(all, refused)| *all >= TRUNK_ATTEMPTS && all == refused);
        let severity = match () {
            () if trunk_down => Severity::Critical,
            () if share >= 0.2 || burst.count >= 50 => Severity::Error,
            () => Severity::Warning,
        };
        let mut detail = rates(share, peak_per_minute, baseline);
        detail.push_str(&whose(&by_peer, burst.count));
        if distinct_calls * 2 <= remembered {
            // Writing to a String cannot fail.
            let _ = write!(
                detail,
                " Each call was tried several times: retries after a {code} multiply the refusals."
            );
        }
        push_shared(&mut detail, &partition);
        push_causes(&mut detail, &causes);
        let phrase = if said.phrase.is_empty() {
            String::new()
        } else {
            format!(" {}", said.phrase)
        };
        Finding {
            rule: said.rule,
            verdict: None,
            qualifier: None,
            severity: severity.min(said.at_worst),
            confidence: Confidence::Confirmed,
            raise: None,
            cause: main_cause(&causes, burst.count),
            title: format!(
                "Burst of {code}{phrase}: {} of {} INVITEs refused in {}",
                burst.count,
                burst.attempts,
                readable(lasted)
            ),
            detail,
            evidence: inside().next().map(Packed::call).map(|call| {
                let frames: Vec<_> = call.named_frames().collect();
                format!(
                    "first refusal: Call-ID {}, frames {}",
                    String::from_utf8_lossy(&call.call_id),
                    frames.join(" and ")
                )
            }),
            remediation: said.remediation.to_owned(),
            count: burst.count,
            start: captured(burst.start),
            end: captured(burst.end),
            peers: peers.sorted(),
            calls: inside()
                .take(self.calls_per_finding)
                .map(Packed::call)
                .collect(),
            burst: Some(BurstFacts {
                code: code.get(),
                attempts: burst.attempts,
                share,
                distinct_calls,
                peak_per_minute,
                peak_at: captured(burst.peak.1),
                baseline_per_minute: baseline,
                open: burst.open,
                soft: said.soft,
                partition,
                causes,
                keys: keys.iter().map(|key| key.at(captured)).collect(),
            }),
        }
    }

    /// What the refused of the burst's window share, and the passed do not.
    fn partition(&self, code: StatusCode, burst: &Burst) -> Partition {
        let inside = self
            .attempts(burst)
            // Refused with another code is neither.
            .filter(|(_, refused)| refused.is_none_or(|refused| refused == code))
            .map(|(one, refused)| (&one.traits, refused.is_some()));
        partition(&self.past.values, &inside)
    }

    /// The attempts of the burst's window, and the code of the series each belongs to.
    fn attempts(
        &self,
        burst: &Burst,
    ) -> impl Iterator<Item = (&Attempted, Option<StatusCode>)> + Clone {
        let (start, end, watches) = (burst.start, burst.end, self.watches);
        let attempts = self.past.attempts.iter();
        attempts
            .filter(move |one| start <= one.time && one.time <= end)
            .map(move |one| (one, watches(&one.ending)))
    }

    /// Attempts and refusals in the burst's window, by pair of hosts.
    fn attempts_by_peer(
        &self,
        code: StatusCode,
        burst: &Burst,
        belongs: &dyn Fn(&Traits) -> bool,
    ) -> BTreeMap<Peer, (u64, u64)> {
        let mut by_peer: BTreeMap<Peer, (u64, u64)> = BTreeMap::new();
        for (one, refused) in self.attempts(burst).filter(|(one, _)| belongs(&one.traits)) {
            let counts = by_peer.entry(one.peer).or_default();
            counts.0 += 1;
            counts.1 += u64::from(refused == Some(code));
        }
        by_peer
    }
}

/// How many were refused, and what is usual.
fn rates(share: f64, peak_per_minute: f64, baseline: Option<f64>) -> String {
    let refused = format!(
        "Refused were {:.0} %, at most {peak_per_minute:.0} a minute",
        share * 100.0
    );
    match baseline {
        Some(rate) => format!("{refused}, where {rate:.2} a minute is usual."),
        None => {
            format!("{refused}; too little of the time before was captured to say what is usual.")
        }
    }
}

/// Refused of all attempts of a burst.
#[expect(clippy::cast_precision_loss, reason = "counts of one burst")]
fn share(burst: &Burst) -> f64 {
    burst.count as f64 / burst.attempts.max(1) as f64
}

fn is_overlap(a: &Burst, b: &Burst) -> bool {
    a.start <= b.end && b.start <= a.end
}

/// Why the calls were refused, most first.
fn causes<'a>(refused: impl Iterator<Item = &'a Refused>) -> Vec<(CauseId, Option<Grade>, u64)> {
    let mut counts: BTreeMap<(CauseId, Option<Grade>), u64> = BTreeMap::new();
    for cause in refused.filter_map(|refused| refused.cause) {
        *counts.entry(cause).or_default() += 1;
    }
    let mut causes: Vec<_> = counts
        .into_iter()
        .map(|((id, grade), count)| (id, grade, count))
        .collect();
    causes.sort_by_key(|(id, grade, count)| (std::cmp::Reverse(*count), *id, *grade));
    causes
}

/// The cause of at least half of the refusals.
fn main_cause(causes: &[(CauseId, Option<Grade>, u64)], refused: u64) -> Option<&'static str> {
    let (id, _, count) = causes.first()?;
    (*id != CauseId::Unexplained && count * 2 >= refused).then(|| id.name())
}

/// What separates the refused from the passed, in words.
fn push_shared(detail: &mut String, partition: &Partition) {
    let percent = |share: f64| 100.0 * share;
    // Writing to a String cannot fail.
    if let Some(first) = partition.contributors.first() {
        let _ = write!(
            detail,
            " What they share: {} {}, in {} of {} refused ({:.0} %) and {} of {} passed calls ({:.0} %).",
            first.dimension.name(),
            String::from_utf8_lossy(&first.value),
            first.refused.0,
            first.refused.1,
            percent(first.inside()),
            first.passed.0,
            first.passed.1,
            percent(first.outside()),
        );
    } else if partition.separable == Some(false) {
        detail.push_str(" Nothing that was compared sets the refused calls apart from the passed.");
    }
}

/// The causes, in words.
fn push_causes(detail: &mut String, causes: &[(CauseId, Option<Grade>, u64)]) {
    let Some((id, grade, count)) = causes.first() else {
        return;
    };
    let grade = grade.map_or_else(String::new, |grade| format!(" ({})", grade.name()));
    // Writing to a String cannot fail.
    let _ = write!(
        detail,
        " Cause of {count}: {}{grade}. {}",
        id.name(),
        id.summary()
    );
}

/// An attempt as findings name it.
pub(super) fn call_ref(attempt: &Attempt<'_>, text_bytes: usize) -> CallRef {
    let response = attempt.response.at;
    let mut frames = vec![response.no];
    if let Some(invite) = attempt
        .invite
        .filter(|invite| invite.at.file == response.file)
    {
        frames.insert(0, invite.at.no);
    }
    CallRef {
        call_id: kept(attempt.call_id, text_bytes),
        cseq: attempt.cseq,
        to_tag: None,
        file: response.file,
        frames,
        time: attempt.response.time,
    }
}

/// The same, packed.
fn packed(attempt: &Attempt<'_>, text_bytes: usize) -> Packed {
    let response = attempt.response.at;
    let invite = attempt.invite.map(|invite| invite.at);
    let invite = invite.filter(|invite| invite.file == response.file);
    let frames: SmallVec<[FrameNo; 2]> = invite
        .into_iter()
        .chain([response])
        .map(|at| at.no)
        .collect();
    let call_id = attempt.call_id.get(..text_bytes);
    Packed::of(
        (attempt.response.time, response.file, attempt.cseq),
        &frames,
        &[],
        call_id.unwrap_or(attempt.call_id),
    )
}

/// Whose calls are refused, and whose pass.
fn whose(by_peer: &BTreeMap<Peer, (u64, u64)>, total: u64) -> String {
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
    let mut text = format!(" {peer} has {refused} of {total} refusals, in {attempts} attempts;");
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::testing::{self, at};

    fn attempt(refusals: &mut Refusals, seconds: f64, code: u16, call: &str) {
        testing::attempt(call, seconds, code, |attempt| {
            refusals.attempt(attempt, &Signed::default());
        });
    }

    /// Of all codes of a failure.
    fn refusals(limits: &Limits) -> Refusals {
        Refusals::new(limits, BurstOptions::default(), |ending| {
            Some(ending.code).filter(|code| code.class() >= 4)
        })
    }

    const SAID: Said = Said {
        rule: "test",
        phrase: "",
        remediation: "",
        at_worst: Severity::Critical,
        soft: false,
    };

    #[test]
    fn each_code_is_a_series_of_its_own_and_names_its_own_calls() {
        let mut refusals = refusals(&Limits::default());
        refusals.begin(at(0.0));
        for no in 0..1000_u32 {
            let second = f64::from(no);
            let code = match no {
                600..620 => 503,
                700..730 => 404,
                _ => 200,
            };
            attempt(&mut refusals, second, code, &format!("c{no}"));
        }
        let mut found = Vec::new();
        refusals.finish(at(1000.0), |_| SAID, &mut |finding| found.push(finding));
        let found: Vec<_> = found
            .iter()
            .map(|finding| {
                let facts = finding.burst.as_ref().expect("a burst");
                (
                    facts.code,
                    finding.count,
                    finding.start,
                    finding.calls.len(),
                )
            })
            .collect();
        assert_eq!(found, [(404, 30, at(700.0), 30), (503, 20, at(600.0), 20)]);
    }

    #[test]
    fn all_series_together_keep_to_the_cap() {
        let limits = Limits {
            burst_events: 2048,
            ..Limits::default()
        };
        let mut refusals = refusals(&limits);
        for no in 0..20_000_u32 {
            let code = if no % 4 == 0 { 486 } else { 503 };
            attempt(&mut refusals, f64::from(no) * 0.01, code, "c");
        }
        let remembered = |series: &Series| series.detector.remembered();
        let all: usize = refusals.series.values().map(remembered).sum();
        assert!(
            all <= 2048 + usize::try_from(COUNTED).expect("small"),
            "{all}"
        );
        assert!(
            refusals
                .series
                .values()
                .all(|series| remembered(series) > 100)
        );
    }

    #[test]
    fn codes_beyond_the_cap_are_counted_as_given_up() {
        let limits = Limits {
            burst_series: 2,
            ..Limits::default()
        };
        let mut refusals = refusals(&limits);
        for code in [400, 401, 402, 400, 403] {
            attempt(&mut refusals, 1.0, code, "c");
        }
        assert_eq!(refusals.given_up(), 2);
    }
}
