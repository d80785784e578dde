//! What a burst looked like: its calls, whom it hits, what its refusals share and what changed at
//! its beginning, drawn from the attempts that are remembered when it is over.

use std::collections::{BTreeMap, BTreeSet};

use super::super::burst::{Burst, per_minute};
use super::super::onset::{self, Looked};
use super::super::partition::{Compared, Dimension, Traits, compare};
use super::super::past::Past;
use super::super::rule::{
    BurstFacts, CallRef, Confidence, Finding, Followed, Peer, PeerCounts, Severity, frames_named,
};
use super::super::tried::Tried;
use super::{Judged, Refusals, Refused, Said, identity_burst, share, words};
use crate::stir::{CauseId, Grade};
use crate::units::{FrameRef, StatusCode, Timestamp};

/// A trunk of which at least so many calls fail, and none passes, is down.
const TRUNK_ATTEMPTS: u64 = 20;

/// Exceptions that are named, on either side.
const EXCEPTIONS: usize = 3;

/// What to do: what mends the cause where one is proven of nine refusals in ten, else how to find it.
fn remediation(
    said: Said,
    code: StatusCode,
    causes: &[(CauseId, Option<Grade>, u64)],
    refusals: u64,
) -> String {
    match causes.first() {
        Some((id, Some(Grade::Proven), count)) if count * 10 >= refusals * 9 => {
            format!(
                "Stop automatic retries and alternate routing on {code}: the next element will refuse the same token. {}",
                id.remediation()
            )
        }
        _ => said.remediation.to_owned(),
    }
}

/// What a burst looked like.
#[derive(Debug)]
pub(super) struct Drawn {
    /// Its first calls.
    pub(super) calls: Vec<CallRef>,
    pub(super) tried: Tried,
    /// Attempts and refusals by pair of hosts.
    pub(super) by_peer: BTreeMap<Peer, (u64, u64)>,
    compared: Compared,
    pub(super) exceptions: Exceptions,
    pub(super) causes: Vec<(CauseId, Option<Grade>, u64)>,
    /// Identities refused otherwise: code, whether the call went on, how many.
    pub(super) otherwise: Vec<(u16, bool, u64)>,
    /// Different signers among the refused.
    pub(super) signers: usize,
    /// Refused and all attempts in the quiet time behind it.
    pub(super) after: (u64, u64),
    looked: Looked,
}

/// Frames of calls against the strongest separation: refused without its value, passed with it.
#[derive(Debug, Default)]
pub(super) struct Exceptions {
    pub(super) refused: Vec<FrameRef>,
    pub(super) passed: Vec<FrameRef>,
}

impl Refusals {
    /// A burst of the attempts that `belongs` is true of.
    pub(super) fn draw(
        &self,
        past: &Past,
        code: StatusCode,
        burst: &Burst,
        belongs: &dyn Fn(&Traits) -> bool,
    ) -> Drawn {
        let is_in = |time| burst.start <= time && time <= burst.end;
        let refusals = || {
            self.refused.iter().filter(|refused| {
                refused.code == code && is_in(refused.time) && belongs(&refused.traits)
            })
        };
        let all = || self.judged(past);
        let attempts = || all().filter(|judged| is_in(judged.one.time));
        // Refused with another code, or before a verifier saw it, is neither.
        let two_sides =
            attempts().filter(|judged| judged.refused == Some(code) || judged.is_passed());
        let sides = two_sides.map(|judged| (&judged.one.traits, judged.refused == Some(code)));
        let tried = Tried::of(refusals().map(|one| {
            let times = (one.sent, one.time);
            (one.call.call_id(), &one.traits, times)
        }));
        let compared = compare(&sides, tried.calls);
        let mut exceptions = Exceptions::default();
        if let Some(strongest) = compared.strongest() {
            for judged in attempts() {
                let is_refused = judged.refused == Some(code);
                let list = match (is_refused, strongest.is_of(&judged.one.traits)) {
                    (true, false) => &mut exceptions.refused,
                    (false, true) if judged.is_passed() => &mut exceptions.passed,
                    _ => continue,
                };
                if list.len() < EXCEPTIONS {
                    list.push(judged.one.at);
                }
            }
        }
        let mut otherwise: BTreeMap<(u16, bool), u64> = BTreeMap::new();
        let mut by_peer: BTreeMap<Peer, (u64, u64)> = BTreeMap::new();
        for judged in attempts().filter(|judged| belongs(&judged.one.traits)) {
            if let Some(other) = judged.otherwise() {
                *otherwise.entry(other).or_default() += 1;
            }
            let counts = by_peer.entry(judged.one.peer).or_default();
            counts.0 += 1;
            counts.1 += u64::from(judged.refused == Some(code));
        }
        let behind = burst.end.plus(self.options.quiet);
        let after = all().filter(|Judged { one, .. }| {
            burst.end < one.time && one.time <= behind && belongs(&one.traits)
        });
        let after = after.fold((0, 0), |(refused, all), judged| {
            (refused + u64::from(judged.refused == Some(code)), all + 1)
        });
        let signers: BTreeSet<_> = refusals()
            .filter_map(|one| one.traits.id(Dimension::X5u))
            .collect();
        let timed =
            all()
                .filter(|judged| judged.one.time <= burst.end)
                .map(|Judged { one, refused }| onset::Try {
                    time: one.time,
                    sent: one.sent,
                    call: one.call,
                    traits: &one.traits,
                    is_refused: refused == Some(code),
                });
        let calls = refusals().take(self.calls_per_finding);
        Drawn {
            calls: calls.map(|refused| refused.call.call()).collect(),
            tried,
            by_peer,
            compared,
            exceptions,
            causes: causes(refusals()),
            otherwise: otherwise
                .into_iter()
                .map(|((code, is_soft), count)| (code, is_soft, count))
                .collect(),
            signers: signers.len(),
            after,
            looked: onset::look(timed, (burst.start, burst.end), belongs),
        }
    }

    /// The attempts, oldest first.
    fn judged<'a>(&self, past: &'a Past) -> impl Iterator<Item = Judged<'a>> + Clone + use<'a> {
        let watches = self.watches;
        past.attempts.iter().map(move |one| Judged {
            one,
            refused: watches(one.ending),
        })
    }

    /// The finding of a burst, with the bursts of `keys` inside it; the capture ended at `end`, in
    /// steady time.
    pub(super) fn finding(
        &self,
        code: StatusCode,
        burst: &Burst,
        said: Said,
        keys: &[super::KeyBurst],
        drawn: &Drawn,
        end: Timestamp,
    ) -> Finding {
        let partition = drawn.compared.named(&self.past.values);
        let causes = &drawn.causes;
        // Of a long burst only the last refusals are remembered.
        let remembered = drawn.tried.refusals.min(burst.count);
        let main = causes.first().filter(|one| one.2 * 2 >= remembered);
        let of_identity = said.rule == identity_burst::NAME
            || matches!(code.get(), 428 | 436..=438)
            || !causes.is_empty();
        let captured = |steady| self.watched.captured(steady);
        let onset = drawn.looked.named(
            (&self.past.values, &captured),
            main.map(|(id, grade, _)| (*id, *grade)),
            of_identity,
        );
        let mut peers = PeerCounts::default();
        for (peer, (_, refused)) in &drawn.by_peer {
            peers.add_many(*peer, *refused);
        }
        let share = share(burst);
        #[expect(clippy::cast_precision_loss, reason = "counts of one window")]
        let peak_per_minute = per_minute(burst.peak.0 as f64, self.options.window);
        let baseline = burst
            .expected
            .map(|expected| per_minute(expected, self.options.window));
        let detail = words::detail(&words::Told {
            code,
            burst,
            said: &said,
            drawn,
            partition: &partition,
            onset: onset.as_ref(),
            rates: (share, peak_per_minute, baseline),
            captured: &captured,
        });
        Finding {
            rule: said.rule,
            verdict: None,
            qualifier: said.qualifier.map(ToOwned::to_owned),
            severity: severity(burst, drawn).min(said.at_worst),
            confidence: Confidence::Confirmed,
            raise: None,
            cause: main
                .map(|(id, ..)| *id)
                .filter(|id| *id != CauseId::Unexplained)
                .map(CauseId::name),
            title: words::title(code, burst, &said, &drawn.tried),
            detail,
            evidence: drawn.calls.first().map(|call| {
                let frames: Vec<_> = call.named_frames().collect();
                // Of a long burst only the last refusals are remembered.
                let which = if drawn.tried.refusals < burst.count {
                    "a refusal"
                } else {
                    "first refusal"
                };
                format!(
                    "{which}: Call-ID {}, {}",
                    String::from_utf8_lossy(&call.call_id),
                    frames_named(&frames, " and ")
                )
            }),
            remediation: remediation(said, code, causes, remembered),
            count: burst.count,
            start: captured(burst.start),
            end: captured(burst.end),
            peers: peers.sorted(),
            calls: drawn.calls.clone(),
            burst: Some(BurstFacts {
                code: code.get(),
                attempts: burst.attempts,
                share,
                tried: drawn.tried,
                peak_per_minute,
                peak_at: captured(burst.peak.1),
                baseline_per_minute: baseline,
                before: burst.before,
                open: burst.open,
                followed: burst.open.then(|| Followed {
                    lasted: end.since(burst.end),
                    attempts: drawn.after.1,
                    refused: drawn.after.0,
                }),
                soft: said.soft,
                partition,
                causes: causes.clone(),
                onset,
                otherwise: drawn.otherwise.clone(),
                keys: keys.iter().map(|key| key.at(captured)).collect(),
            }),
        }
    }
}

/// DOMAIN G.5, by calls and not by their retries.
fn severity(burst: &Burst, drawn: &Drawn) -> Severity {
    if drawn.tried.is_of_few_calls() {
        return Severity::Warning;
    }
    let trunk_down = drawn
        .by_peer
        .values()
        .any(|(all, refused)| *all >= TRUNK_ATTEMPTS && all == refused);
    match () {
        () if trunk_down => Severity::Critical,
        () if share(burst) >= 0.2 || drawn.tried.calls >= 50 => Severity::Error,
        () => Severity::Warning,
    }
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
