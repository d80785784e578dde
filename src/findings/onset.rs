//! Onset: what changed when a burst began.
//!
//! In: the attempts before and in a burst (`look`), and at the end the names of their values with
//! the times of certificates. Out: an [`Onset`], if something fits: a certificate's end or
//! revocation, a step of the tokens' age, another signer than before, a path that was not there
//! before, the full hour. It says what coincides, with the refused and all calls before and
//! since, of whom it concerns and of all others; where nothing fits nothing is said.
//!
//! Calls are counted, not how often each was tried: one that is tried again and again the same way, and ends
//! the same way, counts once, and fewer than five are no path. Where the ages of tokens scatter there is no step; another
//! signer than before is one only where the one before is gone.
//!
//! A certificate is no onset where another cause is proven of most calls, or where calls with it
//! go on to pass.
//!
//! # References
//! - DOMAIN G.5

use std::collections::{BTreeMap, HashSet};

use super::partition::{Dimension, Traits, ValueId, Values};
use super::tried::{Calls, FEW};
use crate::stir::{CauseId, Grade, date};
use crate::units::{NANOS_PER_SEC, Span, Timestamp};

/// What came before is looked at for so long.
const BEFORE: Span = Span::from_secs(3600);

/// A value of at least this share of the refused is whom the burst is about.
const MOST: f64 = 0.8;

/// A burst follows a certificate's end at most so soon before it (clocks), …
const EARLY: Span = Span::from_secs(-300);

/// … and so late: verifiers keep certificates for a day.
const LATE: Span = Span::from_secs(86_400);

/// A path is new if it was first seen so long before the burst at most.
const NEW: Span = Span::from_secs(600);

/// The capture must have shown others for so long, and so many of them.
const HEARD: (Span, u64) = (Span::from_secs(60), 5);

/// Tokens on either side before their age says something.
const TOKENS: usize = 5;

/// A step of the tokens' age (DOMAIN G.5).
const STEP: Span = Span::from_secs(10);

/// A signer whose calls passed for longer than [`NEW`], and more than so many, was taken as it is.
const TAKEN: u64 = 5;

/// A change at the full hour is so exact.
const EXACT: Span = Span::from_secs(2);

/// Whom a burst can be about, in the order in which a new one is told.
const ABOUT: [Dimension; 5] = [
    Dimension::Peer,
    Dimension::Verifier,
    Dimension::Hop,
    Dimension::UserAgent,
    Dimension::X5u,
];

/// What coincides with a burst's beginning.
#[derive(Clone, Debug, PartialEq)]
pub struct Onset {
    /// Its stable name.
    pub kind: &'static str,
    /// What it concerns: an x5u, a pair of hosts, a number of seconds. It may be a stranger's text.
    pub value: Box<[u8]>,
    /// When it was.
    pub time: Timestamp,
    /// In words, with counts before and since.
    pub evidence: String,
}

/// An attempt.
#[derive(Clone, Copy, Debug)]
pub(super) struct Try<'a> {
    /// When it was answered.
    pub(super) time: Timestamp,
    /// When it was sent.
    pub(super) sent: Timestamp,
    /// Stands for its Call-ID.
    pub(super) call: u64,
    pub(super) traits: &'a Traits,
    pub(super) is_refused: bool,
}

/// Refused and all calls, before the burst and since.
#[derive(Clone, Copy, Debug, Default)]
struct Sides {
    before: (u64, u64),
    since: (u64, u64),
}

impl Sides {
    fn count(&mut self, is_since: bool, is_refused: bool) {
        let side = if is_since {
            &mut self.since
        } else {
            &mut self.before
        };
        side.0 += u64::from(is_refused);
        side.1 += 1;
    }

    /// Whether most are refused since, and much fewer were before.
    const fn has_turned(&self) -> bool {
        let ((refused, all), (since, all_since)) = (self.before, self.since);
        // At least every second now, and at most half that share before.
        since > 0 && since * 2 >= all_since && refused * all_since * 2 <= since * all
    }
}

/// A value that most refused calls have.
#[derive(Clone, Copy, Debug)]
struct Dominant {
    dimension: Dimension,
    id: ValueId,
    /// Its first call among those that are looked at.
    first: Timestamp,
    /// Calls before that.
    heard: u64,
    mine: Sides,
    others: Sides,
}

/// The onset of a burst before names are known.
#[derive(Clone, Debug, Default)]
pub(super) struct Looked {
    start: Timestamp,
    heard_from: Timestamp,
    about: Vec<Dominant>,
    /// The x5u that the same peers used most before the one they use now.
    x5u_before: Option<ValueId>,
    /// Median age of the signer's tokens before and since, and how many.
    ages: Option<[(Span, usize); 2]>,
    all: Sides,
}

/// Looks at the attempts up to a burst's end, oldest first.
///
/// `belongs`: the refusals that are the burst's, where it is one of a single key.
pub(super) fn look<'a>(
    attempts: impl Iterator<Item = Try<'a>>,
    (start, end): (Timestamp, Timestamp),
    belongs: &dyn Fn(&Traits) -> bool,
) -> Looked {
    let from = start.plus(Span::from_nanos(-BEFORE.nanos()));
    let near = attempts.filter(|one| from <= one.time && one.time <= end);
    let tried = distinct(near, start);
    let attempts = || {
        tried
            .iter()
            .map(|one| (one.time, one.traits, one.is_refused))
    };
    let mut looked = Looked {
        start,
        heard_from: attempts().map(|one| one.0).min().unwrap_or(start),
        ..Looked::default()
    };
    for (time, _, is_refused) in attempts() {
        looked.all.count(time >= start, is_refused);
    }
    for dimension in ABOUT {
        let refused = attempts().filter(|one| one.2 && one.0 >= start && belongs(one.1));
        let Some(id) = most(refused.map(|one| one.1.id(dimension))) else {
            continue;
        };
        let has = |traits: &Traits| traits.id(dimension) == Some(id);
        let first = attempts().filter(|one| has(one.1)).map(|one| one.0).min();
        let first = first.unwrap_or(start);
        let mut dominant = Dominant {
            dimension,
            id,
            first,
            heard: attempts().filter(|one| one.0 < first).count() as u64,
            mine: Sides::default(),
            others: Sides::default(),
        };
        for (time, traits, is_refused) in attempts() {
            let side = if has(traits) {
                &mut dominant.mine
            } else {
                &mut dominant.others
            };
            side.count(time >= start, is_refused);
        }
        looked.about.push(dominant);
    }
    if let Some(x5u) = looked.of(Dimension::X5u).copied() {
        let peer = looked.of(Dimension::Peer).map(|peer| peer.id);
        let same_peer =
            |traits: &Traits| peer.is_none_or(|peer| traits.id(Dimension::Peer) == Some(peer));
        let signers = |is_since: bool| {
            let of_peer =
                attempts().filter(move |one| (one.0 >= x5u.first) == is_since && same_peer(one.1));
            of_peer.filter_map(|one| one.1.id(Dimension::X5u))
        };
        // One that goes on was not changed for another.
        let (mut old, mut all) = (0_u64, 0_u64);
        looked.x5u_before = most(signers(false).map(Some)).filter(|before| {
            for id in signers(true) {
                all += 1;
                old += u64::from(id == *before);
            }
            old * 5 <= all
        });
        let ages = |is_since: bool| {
            let mut dialled = HashSet::new();
            let of_signer = attempts().filter(|one| {
                (one.0 >= start) == is_since && one.1.id(Dimension::X5u) == Some(x5u.id)
            });
            of_signer
                .filter(|one| {
                    one.1
                        .numbers()
                        .is_none_or(|numbers| dialled.insert(numbers))
                })
                .filter_map(|one| one.1.age())
                .collect()
        };
        looked.ages = apart(ages(false), ages(true));
    }
    looked
}

/// Of a call that was tried again on the same way, with the same end, the first time before the burst
/// and since.
fn distinct<'a>(attempts: impl Iterator<Item = Try<'a>>, start: Timestamp) -> Vec<Try<'a>> {
    let mut calls = Calls::default();
    let mut known = HashSet::new();
    attempts
        .filter(|one| {
            let (call, _) = calls.try_of(one.call, one.traits, (one.sent, one.time));
            let way = ABOUT.map(|dimension| one.traits.id(dimension));
            known.insert((call, way, one.is_refused, one.time >= start))
        })
        .collect()
}

/// The value that most of these have.
fn most(ids: impl Iterator<Item = Option<ValueId>>) -> Option<ValueId> {
    let mut counts: BTreeMap<ValueId, u64> = BTreeMap::new();
    let mut all: u64 = 0;
    for id in ids {
        all += 1;
        if let Some(id) = id {
            *counts.entry(id).or_default() += 1;
        }
    }
    let (id, count) = counts.into_iter().max_by_key(|(_, count)| *count)?;
    #[expect(clippy::cast_precision_loss, reason = "counts of one burst")]
    let share = count as f64 / all as f64;
    (share >= MOST).then_some(id)
}

fn median(ages: &mut [Span]) -> Option<(Span, usize)> {
    let count = ages.len();
    if count < TOKENS {
        return None;
    }
    let (_, middle, _) = ages.select_nth_unstable(count / 2);
    Some((*middle, count))
}

/// The medians of two samples, and their sizes, where nine of ten of either lie on its own side of
/// what is between them: a clock that is set moves all of them, and those that scatter differ by
/// chance.
fn apart(mut before: Vec<Span>, mut since: Vec<Span>) -> Option<[(Span, usize); 2]> {
    let medians = [median(&mut before)?, median(&mut since)?];
    let [(low, _), (high, _)] = medians;
    let between = low.nanos().midpoint(high.nanos());
    let is_below = |age: &&Span| (age.nanos() < between) == (low < high);
    let fit = before.iter().filter(is_below).count() * 10 >= before.len() * 9
        && since.iter().filter(|age| !is_below(age)).count() * 10 >= since.len() * 9;
    fit.then_some(medians)
}

impl Looked {
    fn of(&self, dimension: Dimension) -> Option<&Dominant> {
        self.about.iter().find(|one| one.dimension == dimension)
    }

    /// The first thing that fits, what else does behind it; `main` is the cause of most refusals,
    /// `of_identity` says that the code refuses an identity.
    pub(super) fn named(
        &self,
        (values, captured): (&Values, &dyn Fn(Timestamp) -> Timestamp),
        main: Option<(CauseId, Option<Grade>)>,
        of_identity: bool,
    ) -> Option<Onset> {
        let mut found = Vec::new();
        if of_identity && may_be_credential(main) {
            found.extend(self.certificate(values, captured(self.start)));
        }
        if of_identity && may_be_clock(main) {
            found.extend(self.step(captured(self.start)));
        }
        if of_identity {
            found.extend(self.signer(values, captured));
        }
        found.extend(self.path(values, captured));
        if found.is_empty() {
            found.extend(self.hour(captured(self.start)));
        }
        let mut found = found.into_iter();
        let mut first = found.next()?;
        for other in found {
            first.evidence.push_str("; besides, ");
            first.evidence.push_str(&other.evidence);
        }
        Some(first)
    }

    fn certificate(&self, values: &Values, start: Timestamp) -> Option<Onset> {
        let signer = self
            .of(Dimension::X5u)
            .filter(|one| one.mine.has_turned())?;
        let x5u = values.name(Dimension::X5u, signer.id)?;
        let dated = values.certificate(x5u)?;
        let fits = |seconds: i64| {
            let after = start.since(time_of(seconds));
            EARLY <= after && after <= LATE
        };
        let (kind, words, seconds) = [
            ("certificate-revoked", "was revoked at", dated.revoked),
            ("certificate-ended", "ended at", Some(dated.not_after)),
            ("certificate-new", "is valid since", Some(dated.not_before)),
        ]
        .into_iter()
        .find_map(|(kind, words, seconds)| {
            let seconds = seconds.filter(|seconds| fits(*seconds))?;
            Some((kind, words, seconds))
        })?;
        Some(Onset {
            kind,
            value: x5u.into(),
            time: time_of(seconds),
            evidence: format!(
                "the certificate of x5u {} ({}, serial {}) {words} {}; {}",
                String::from_utf8_lossy(x5u),
                dated.path,
                dated.serial,
                date::write(seconds),
                counts("its calls", &signer.mine, &signer.others)
            ),
        })
    }

    fn step(&self, start: Timestamp) -> Option<Onset> {
        let [(before, many), (since, some)] = self.ages?;
        let step = since.nanos().saturating_sub(before.nanos());
        if step.saturating_abs() < STEP.nanos() {
            return None;
        }
        let step = Span::from_nanos(step).as_secs_f64();
        Some(Onset {
            kind: "iat-age-step",
            value: format!("{step:+.1} s").into_bytes().into(),
            time: start,
            evidence: format!(
                "the age of the signer's tokens stepped by {step:+.1} s, as a clock does that is set: it was {:.1} s in {many} \
                 calls before, and is {:.1} s in {some} since (medians); {}",
                before.as_secs_f64(),
                since.as_secs_f64(),
                counts_of_all(&self.all)
            ),
        })
    }

    fn signer(&self, values: &Values, captured: &dyn Fn(Timestamp) -> Timestamp) -> Option<Onset> {
        let signer = self
            .of(Dimension::X5u)
            .filter(|one| one.mine.has_turned())?;
        let x5u = values.name(Dimension::X5u, signer.id)?;
        let before = values.name(Dimension::X5u, self.x5u_before?)?;
        let (refused, all) = signer.mine.before;
        let is_taken = self.start.since(signer.first) > NEW && all.saturating_sub(refused) > TAKEN;
        if is_taken || !self.is_new(signer, LATE) {
            return None;
        }
        Some(Onset {
            kind: "x5u-changed",
            value: x5u.into(),
            time: captured(signer.first),
            evidence: format!(
                "x5u {} was first seen at {}, where it was {} before; {}",
                String::from_utf8_lossy(x5u),
                date::write(seconds(captured(signer.first))),
                String::from_utf8_lossy(before),
                counts("its calls", &signer.mine, &signer.others)
            ),
        })
    }

    fn path(&self, values: &Values, captured: &dyn Fn(Timestamp) -> Timestamp) -> Option<Onset> {
        let mut others = self.about.iter();
        let new = others.find(|one| {
            one.dimension != Dimension::X5u
                && one.mine.since.0 >= FEW
                && one.mine.has_turned()
                && self.is_new(one, NEW)
        })?;
        let value = values.name(new.dimension, new.id)?;
        Some(Onset {
            kind: "new-path",
            value: value.into(),
            time: captured(new.first),
            evidence: format!(
                "{} {} was first seen at {}, after {} calls without it; {}",
                new.dimension.name(),
                String::from_utf8_lossy(value),
                date::write(seconds(captured(new.first))),
                new.heard,
                counts("its calls", &new.mine, &new.others)
            ),
        })
    }

    /// Nothing else is known: changes are often timed.
    fn hour(&self, start: Timestamp) -> Option<Onset> {
        let since_hour = start.nanos().rem_euclid(3600 * NANOS_PER_SEC);
        let is_heard = self.start.since(self.heard_from) >= NEW;
        if !is_heard || since_hour > EXACT.nanos() {
            return None;
        }
        let hour = seconds(start).div_euclid(3600) * 3600;
        Some(Onset {
            kind: "full-hour",
            value: date::write(hour).into_bytes().into(),
            time: time_of(hour),
            evidence: format!(
                "it began at the full hour, {}, when planned changes are often made; {}",
                date::write(hour),
                counts_of_all(&self.all)
            ),
        })
    }

    /// Whether a value was not there before, although the capture shows others before.
    fn is_new(&self, one: &Dominant, within: Span) -> bool {
        let before = self.start.since(one.first);
        let (long, many) = HEARD;
        before <= within
            && before >= Span::from_nanos(-HEARD.0.nanos())
            && one.first.since(self.heard_from) >= long
            && one.heard >= many
    }
}

/// Whether a certificate may be behind it.
const fn may_be_credential(main: Option<(CauseId, Option<Grade>)>) -> bool {
    match main {
        Some((id, Some(Grade::Proven))) => matches!(
            id,
            CauseId::CertRevoked
                | CauseId::CertExpired
                | CauseId::CertNotYetValid
                | CauseId::CertKeyNotP256
                | CauseId::CertNoTnauthlist
                | CauseId::CertTnNotCovered
                | CauseId::CertClaimConstraints
                | CauseId::CertChain
                | CauseId::WrongKeyForX5u
                | CauseId::SignatureBad
        ),
        _ => true,
    }
}

/// Whether a clock may be.
const fn may_be_clock(main: Option<(CauseId, Option<Grade>)>) -> bool {
    match main {
        Some((id, Some(Grade::Proven))) => matches!(
            id,
            CauseId::StaleIat
                | CauseId::FutureIat
                | CauseId::StaleDate
                | CauseId::IatVsDate
                | CauseId::CertExpired
                | CauseId::CertNotYetValid
        ),
        _ => true,
    }
}

fn counts(whose: &str, mine: &Sides, others: &Sides) -> String {
    let side = |(refused, all): (u64, u64)| format!("{refused} of {all}");
    format!(
        "of {whose} {} were refused in the hour before and {} since, of all others {} and {}",
        side(mine.before),
        side(mine.since),
        side(others.before),
        side(others.since)
    )
}

fn counts_of_all(all: &Sides) -> String {
    format!(
        "of all calls {} of {} were refused in the hour before and {} of {} since",
        all.before.0, all.before.1, all.since.0, all.since.1
    )
}

const fn time_of(seconds: i64) -> Timestamp {
    Timestamp::from_nanos(seconds.saturating_mul(NANOS_PER_SEC))
}

const fn seconds(time: Timestamp) -> i64 {
    time.nanos().div_euclid(NANOS_PER_SEC)
}

#[cfg(test)]
mod tests;
