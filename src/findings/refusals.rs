//! Refusals: INVITE attempts and, of each code that is watched, the bursts of its refusals.
//!
//! In: attempts with their first final response. Out: a [`Burst`] of a code with its calls and whom it
//! hits, and the finding that says so. Which codes, and what to do about them, is the rules'. What a
//! burst looked like is kept when it is over (`Drawn`), since attempts are forgotten.
//!
//! Capped: [`crate::limits::Limits::burst_series`] codes; [`crate::limits::Limits::burst_events`]
//! refusals of all codes together, of which the longest series gives up its oldest; `RECENT`
//! calls refused, and as many attempts in the [`Past`]. Counts stay exact.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use smallvec::SmallVec;

mod drawn;
mod words;

use self::drawn::Drawn;
use super::burst::{Burst, BurstOptions, Detector, Finals};
use super::examiner::Signed;
use super::identity_burst;
use super::key_bursts::{KeyBurst, KeyBursts};
use super::packed::Packed;
use super::partition::Traits;
use super::past::{Attempted, Ending, Past, RECENT};
use super::reading::is_any;
use super::rule::{CallRef, Finding, Severity, kept};
use super::watched::Watched;
use crate::calls::{Attempt, ClockChange};
use crate::limits::Limits;
use crate::stir::{CauseId, Grade};
use crate::units::{FrameNo, Span, StatusCode, Timestamp};

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
    /// All attempts, once the capture has ended.
    past: Arc<Past>,
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

/// The code of the series to which an attempt belongs; `None` where it is none of the rule's.
pub type Watches = fn(Ending) -> Option<StatusCode>;

/// An attempt as one rule sees it.
#[derive(Clone, Copy)]
struct Judged<'a> {
    one: &'a Attempted,
    /// The code of the series it belongs to.
    refused: Option<StatusCode>,
}

impl Judged<'_> {
    /// Its identity was refused otherwise than this series tells: with which code, and whether the
    /// call went on.
    fn otherwise(&self) -> Option<(u16, bool)> {
        // A soft refusal that this series does not tell is none of its own.
        let judged = self.one.ending.judged;
        judged
            .filter(|(code, _)| self.refused.is_none_or(|refused| refused.get() != *code))
            .map(|(code, word)| (code, word.is_soft()))
    }

    /// It is one to compare the refused with: it was answered, or the called side had its say.
    fn is_passed(&self) -> bool {
        let Ending { code, judged } = self.one.ending;
        self.refused.is_none() && judged.is_none() && (code.class() < 4 || is_any(code, &REACHED))
    }
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
    /// Steady, as are all times here.
    time: Timestamp,
    /// When its INVITE was sent; where that was not seen, the same.
    sent: Timestamp,
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
    /// What narrows the finding.
    pub qualifier: Option<&'static str>,
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

    /// What to look back on.
    pub fn look_back(&mut self, past: &Arc<Past>) {
        self.past = Arc::clone(past);
    }

    /// Takes an attempt; `past` holds those before it.
    pub fn attempt(&mut self, attempt: &Attempt<'_>, signed: &Signed, past: &Past) {
        let watched = (self.watches)(Ending::of(attempt, signed));
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
                self.draw_over(past, time);
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
            sent: attempt
                .invite
                .map_or(time, |sent| self.watched.steady(sent.time)),
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

    /// Keeps what the bursts that are over looked like.
    fn draw_over(&mut self, past: &Past, now: Timestamp) {
        let codes: Vec<_> = self.series.keys().copied().collect();
        for code in codes {
            while let Some(series) = self.series.get(&code)
                && let Some(burst) = series.detector.over(series.drawn.len(), now)
            {
                let mut drawn = self.draw(past, code, &burst, &|_| true);
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
        let past = &*Arc::clone(&self.past);
        let end = self.watched.steady(end);
        let mut by_key: BTreeMap<StatusCode, Vec<KeyBurst>> = std::mem::take(&mut self.keys)
            .into_iter()
            .map(|(code, mut keys)| (code, keys.finish(end, &self.watched, &past.values)))
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
                let drawn = drawn.unwrap_or_else(|| self.draw(past, code, &burst, &|_| true));
                out(self.finding(code, &burst, said(code), &inside, &drawn, end));
            }
            // What only one key shows is told once, with the other keys that show the same.
            while let Some(first) = keys.first().cloned() {
                let (same, rest): (Vec<_>, Vec<_>) = keys
                    .into_iter()
                    .partition(|key| is_overlap(&key.burst, &first.burst));
                keys = rest;
                let drawn = self.draw(past, code, &first.burst, &|traits| first.has(traits));
                out(self.finding(code, &first.burst, said(code), &same, &drawn, end));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::testing::{self, at};

    /// Refusals with the past that goes with them.
    struct Both(Refusals, Past);

    fn attempt(both: &mut Both, seconds: f64, code: u16, call: &str) {
        testing::attempt(call, seconds, code, |attempt| {
            let Both(refusals, past) = both;
            refusals.attempt(attempt, &Signed::default(), past);
            past.attempt(attempt, &Signed::default());
        });
    }

    /// Of all codes of a failure.
    fn refusals(limits: &Limits) -> Both {
        let refusals = Refusals::new(limits, BurstOptions::default(), |ending| {
            Some(ending.code).filter(|code| code.class() >= 4)
        });
        Both(refusals, Past::default())
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
        let mut both = refusals(&Limits::default());
        both.0.begin(at(0.0));
        for no in 0..1000_u32 {
            let second = f64::from(no);
            let code = match no {
                600..620 => 503,
                700..730 => 404,
                _ => 200,
            };
            attempt(&mut both, second, code, &format!("c{no}"));
        }
        let Both(mut refusals, past) = both;
        refusals.look_back(&Arc::new(past));
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
        let mut both = refusals(&limits);
        for no in 0..20_000_u32 {
            let code = if no % 4 == 0 { 486 } else { 503 };
            attempt(&mut both, f64::from(no) * 0.01, code, "c");
        }
        let refusals = both.0;
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
        let mut both = refusals(&limits);
        for code in [400, 401, 402, 400, 403] {
            attempt(&mut both, 1.0, code, "c");
        }
        assert_eq!(both.0.given_up(), 2);
    }
}
