//! Refusals: INVITE attempts and, of each code that is watched, the bursts of its refusals.
//!
//! In: attempts with their first final response. Out: a [`Burst`] of a code with its calls and whom it
//! hits, and the finding that says so. Which codes, and what to do about them, is the rules'. What a
//! burst looked like is kept when it is over ([`Drawn`]), since attempts are forgotten.
//!
//! Capped: [`crate::limits::Limits::burst_series`] codes; [`crate::limits::Limits::burst_events`]
//! refusals of all codes together, of which the longest series gives up its oldest; `RECENT`
//! attempts, and calls refused. Counts stay exact.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

mod drawn;
mod words;

use self::drawn::Drawn;
use super::burst::{Burst, BurstOptions, Detector, Finals};
use super::examiner::Signed;
use super::identity_burst;
use super::key_bursts::{KeyBurst, KeyBursts};
use super::partition::{Traits, Values};
use super::reading::is_any;
use super::rule::{CallRef, Finding, Peer, Severity, kept};
use super::watched::Watched;
use crate::calls::{Attempt, ClockChange};
use crate::limits::Limits;
use crate::stir::{CauseId, Grade};
use crate::units::{FrameRef, Span, StatusCode, Timestamp};

/// Attempts, and refusals, remembered: half an hour of 18 attempts a second.
const RECENT: usize = 32_768;

/// How often the refusals of all series are counted, in refusals.
const COUNTED: u64 = 1024;

/// The refusals of the codes that a rule watches.
#[derive(Debug)]
pub struct Refusals {
    options: BurstOptions,
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
    /// The last attempts: when, whose, how they ended.
    attempts: VecDeque<Attempted>,
    /// The same for each peer, signer, verifier and range of numbers.
    keys: BTreeMap<StatusCode, KeyBursts>,
    /// Names of what attempts share.
    values: Arc<Values>,
    /// When bursts that are over were last looked for.
    looked_at: Timestamp,
    /// Calls of bursts that are over for which there is room.
    room: usize,
    given_up: u64,
}

/// How often bursts that are over are looked for.
const LOOK: Span = Span::from_secs(10);

/// Calls that are kept of a burst where there is no room for all.
const EXAMPLES: usize = 100;

/// Codes by which the called side shows that a call came that far.
const REACHED: [u16; 9] = [404, 410, 480, 484, 486, 487, 600, 603, 604];

/// An attempt, as far as it is remembered.
#[derive(Debug)]
struct Attempted {
    /// Steady.
    time: Timestamp,
    at: FrameRef,
    peer: Peer,
    /// The code of the series it belongs to.
    refused: Option<StatusCode>,
    /// It is one to compare the refused with: it was answered, or the called side had its say.
    is_passed: bool,
    /// Its identity was refused otherwise than this series tells: with which code, and whether the
    /// call went on.
    otherwise: Option<(u16, bool)>,
    traits: Traits,
}

#[derive(Debug)]
struct Series {
    detector: Detector,
    count: u64,
    /// The bursts that are over, as they were then.
    drawn: Vec<Drawn>,
}

#[derive(Debug)]
struct Refused {
    code: StatusCode,
    /// Steady.
    time: Timestamp,
    call: CallRef,
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
    /// What narrows the finding.
    pub qualifier: Option<&'static str>,
}

impl Refusals {
    /// None yet.
    pub fn new(limits: &Limits, options: BurstOptions) -> Self {
        Self {
            options,
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
            attempts: VecDeque::new(),
            keys: BTreeMap::new(),
            values: Arc::default(),
            looked_at: Timestamp::default(),
            room: RECENT,
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

    /// What attempts share is named so.
    pub fn name_values(&mut self, values: &Arc<Values>) {
        self.values = Arc::clone(values);
    }

    /// Takes an attempt; `watched` is the code of its refusal where that is one of the rule's.
    pub fn attempt(&mut self, attempt: &Attempt<'_>, signed: &Signed, watched: Option<StatusCode>) {
        self.begin(attempt.response.time);
        let first = self.first.unwrap_or_default();
        let time = self.finals.next(self.watched.steady(attempt.response.time));
        if self.finals.moves_on(time) {
            for code in std::mem::take(&mut self.unjudged) {
                if let Some(series) = self.series.get_mut(&code) {
                    series.detector.judge(&self.finals, &self.watched);
                }
            }
            if time.since(self.looked_at) >= LOOK {
                self.looked_at = time;
                self.draw_over(time);
            }
        }
        self.finals.push(time);
        if self.attempts.len() >= RECENT {
            self.attempts.pop_front();
        }
        // A soft refusal that this series does not tell is none of its own.
        let judged = signed.refused.as_ref();
        let otherwise = judged
            .map(|judged| (judged.code, judged.is_soft()))
            .filter(|(code, _)| watched.is_none_or(|watched| watched.get() != *code));
        let code = attempt.code;
        self.attempts.push_back(Attempted {
            time,
            at: attempt.response.at,
            peer: Peer::of(&attempt.flow),
            refused: watched,
            is_passed: watched.is_none()
                && otherwise.is_none()
                && (code.class() < 4 || is_any(code, &REACHED)),
            otherwise,
            traits: signed.traits,
        });
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
            drawn: Vec::new(),
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
            call: call_ref(attempt, self.call_id_bytes),
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

    /// Keeps what the bursts that are over looked like.
    fn draw_over(&mut self, now: Timestamp) {
        let codes: Vec<_> = self.series.keys().copied().collect();
        for code in codes {
            while let Some(series) = self.series.get(&code)
                && let Some(burst) = series.detector.over(series.drawn.len(), now)
            {
                let mut drawn = self.draw(code, &burst, &|_| true);
                drawn.calls.truncate(self.room.max(EXAMPLES));
                self.room = self.room.saturating_sub(drawn.calls.len());
                if let Some(series) = self.series.get_mut(&code) {
                    series.drawn.push(drawn);
                }
            }
        }
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
        let values = Arc::clone(&self.values);
        let end = self.watched.steady(end);
        let mut by_key: BTreeMap<StatusCode, Vec<KeyBurst>> = std::mem::take(&mut self.keys)
            .into_iter()
            .map(|(code, mut keys)| (code, keys.finish(end, &self.watched, &values)))
            .collect();
        for (code, series) in std::mem::take(&mut self.series) {
            let mut keys = by_key.remove(&code).unwrap_or_default();
            let mut drawn = series.drawn.into_iter();
            for burst in series.detector.finish(&self.finals, &self.watched, end) {
                let drawn = drawn.next();
                // It opened on a share of its first minute; over all of it, it may be less.
                if share(&burst) < self.options.share {
                    continue;
                }
                let (inside, rest): (Vec<_>, Vec<_>) = keys
                    .into_iter()
                    .partition(|key| is_overlap(&key.burst, &burst));
                keys = rest;
                let drawn = drawn.unwrap_or_else(|| self.draw(code, &burst, &|_| true));
                out(self.finding(code, &burst, said(code), &inside, &drawn));
            }
            // What only one key shows is told once, with the other keys that show the same.
            while let Some(first) = keys.first().cloned() {
                let (same, rest): (Vec<_>, Vec<_>) = keys
                    .into_iter()
                    .partition(|key| is_overlap(&key.burst, &first.burst));
                keys = rest;
                let drawn = self.draw(code, &first.burst, &|traits| first.has(traits));
                out(self.finding(code, &first.burst, said(code), &same, &drawn));
            }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::testing::{self, at};

    fn attempt(refusals: &mut Refusals, seconds: f64, code: u16, call: &str) {
        testing::attempt(call, seconds, code, |attempt| {
            let watched = Some(attempt.code).filter(|code| code.class() >= 4);
            refusals.attempt(attempt, &Signed::default(), watched);
        });
    }

    const SAID: Said = Said {
        rule: "test",
        phrase: "",
        remediation: "",
        at_worst: Severity::Critical,
        soft: false,
        qualifier: None,
    };

    #[test]
    fn each_code_is_a_series_of_its_own_and_names_its_own_calls() {
        let mut refusals = Refusals::new(&Limits::default(), BurstOptions::default());
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
        let mut refusals = Refusals::new(&limits, BurstOptions::default());
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
        let mut refusals = Refusals::new(&limits, BurstOptions::default());
        for code in [400, 401, 402, 400, 403] {
            attempt(&mut refusals, 1.0, code, "c");
        }
        assert_eq!(refusals.given_up(), 2);
    }
}
