//! Signers: who signed the calls of a capture, how, and how they fared.
//!
//! In: one [`Sighting`] a signed INVITE. Out: at any time the clock skew of a signer ([`Skew`]),
//! at the end an inventory, one [`Signer`] an `x5u`.
//!
//! Memory is fixed: [`Signers::new`] says how many signers are told apart, of each
//! [`AGES`] token ages are kept. When they are full every second one is dropped and from then on
//! every second, fourth … one is taken, so that what is kept is spread evenly and the same at
//! every run.
//!
//! # References
//! - RFC 8224 §6.2 step 4 (freshness); RFC 8588 §4 (attestation)

use std::collections::BTreeMap;

use super::cause::{CauseId, Grade};
use super::certificates::Location;
use super::passport::{Attest, is_time};
use crate::units::{Span, Timestamp};

/// Token ages kept of one signer.
pub const AGES: usize = 256;

/// Tokens that must have been seen before a clock is judged.
const ENOUGH: usize = 8;

/// A clock is off by more than this.
const OFF: Span = Span::from_secs(10);

/// Ages of a clock that is off scatter by less.
const SCATTER: Span = Span::from_secs(2);

/// Bytes of an `x5u` that are kept.
const X5U_BYTES: usize = 512;

/// One signed INVITE.
#[derive(Clone, Copy, Debug)]
pub struct Sighting<'a> {
    /// The certificate's URL.
    pub x5u: &'a str,
    /// Attestation level.
    pub attest: Option<Attest>,
    /// When the token was issued, in seconds since 1970.
    pub iat: Option<i64>,
    /// When the INVITE was captured.
    pub time: Timestamp,
    /// Its identity was refused, hard or soft.
    pub is_refused: bool,
    /// Whether its certificate was valid then, where it is known.
    pub is_valid: Option<bool>,
    /// Whether its signature was good, where it was checked.
    pub is_good: Option<bool>,
}

/// What is known of one signer.
#[derive(Clone, Debug, Default)]
pub struct Signer {
    /// INVITEs.
    pub invites: u64,
    /// Of these, those whose identity was refused.
    pub rejected: u64,
    /// By attestation level.
    pub attest: BTreeMap<&'static str, u64>,
    /// When the first and the last were captured.
    pub seen: Option<(Timestamp, Timestamp)>,
    /// Calls at which the certificate was not valid.
    pub outside_validity: u64,
    /// Signatures that were checked, and those of them that were good.
    pub checked: (u64, u64),
    /// Tokens whose `iat` is no time ([`is_time`]); they have no age.
    pub without_age: u64,
    ages: Ages,
}

impl Signer {
    /// The age of tokens, from `iat` to the capture, below which `share` of them lie (0 to 1).
    pub fn iat_age(&self, share: f64) -> Option<Span> {
        let mut ages = self.ages.kept.clone();
        ages.sort_unstable();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a share of a few hundred"
        )]
        let at = (share.clamp(0.0, 1.0) * ages.len().saturating_sub(1) as f64).round() as usize;
        ages.get(at).map(|ms| Span::from_millis(*ms))
    }

    /// Median and median absolute deviation of the ages of tokens.
    pub fn clock(&self) -> Option<(Span, Span)> {
        self.ages.clock()
    }
}

/// A sample of ages in milliseconds.
#[derive(Clone, Debug, Default)]
struct Ages {
    /// At most [`AGES`].
    kept: Vec<i64>,
    /// Every how many-th is taken: 2 to this.
    doublings: u32,
    seen: u64,
    /// Of the last look; ages are looked at every so often.
    judged: Option<(Span, Span)>,
    judged_at: u64,
}

impl Ages {
    fn push(&mut self, age: Span) {
        let is_taken = self.seen.trailing_zeros() >= self.doublings || self.seen == 0;
        self.seen += 1;
        if is_taken {
            if self.kept.len() == AGES {
                let mut at = 0;
                self.kept.retain(|_| {
                    at += 1;
                    at % 2 == 1
                });
                self.doublings += 1;
            }
            self.kept.push(age.nanos() / 1_000_000);
        }
        // Often while few are known, then every 32nd.
        if self.seen <= 32 || self.seen >= self.judged_at + 32 {
            self.judged = self.clock();
            self.judged_at = self.seen;
        }
    }

    fn clock(&self) -> Option<(Span, Span)> {
        if self.kept.len() < ENOUGH {
            return None;
        }
        let median = median(self.kept.clone())?;
        let apart = self
            .kept
            .iter()
            .map(|age| age.saturating_sub(median).saturating_abs())
            .collect();
        Some((
            Span::from_millis(median),
            Span::from_millis(self::median(apart)?),
        ))
    }
}

/// The upper median.
fn median(mut values: Vec<i64>) -> Option<i64> {
    let middle = values.len() / 2;
    if values.is_empty() {
        return None;
    }
    Some(*values.select_nth_unstable(middle).1)
}

/// Whose clock is off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The signer's: others are right.
    Signer,
    /// The capture's: all signers are off alike.
    Capture,
    /// The signer's or the capture's: there is no other signer to tell.
    Either,
}

/// A clock that is off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skew {
    /// Whose.
    pub scope: Scope,
    /// The median age of tokens; negative where they come from the future.
    pub median: Span,
    /// Their median absolute deviation.
    pub scatter: Span,
    /// The signer.
    pub x5u: String,
}

impl Skew {
    /// What it is a cause of, and how surely.
    pub(super) const fn cause(&self) -> (CauseId, Grade) {
        match self.scope {
            Scope::Signer => (CauseId::ClockSkewSigner, Grade::Likely),
            Scope::Capture => (CauseId::ClockSkewCapture, Grade::Likely),
            Scope::Either => (CauseId::ClockSkewSigner, Grade::Possible),
        }
    }
}

impl std::fmt::Display for Skew {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (median, scatter) = (self.median.as_secs_f64(), self.scatter.as_secs_f64());
        let who = match self.scope {
            Scope::Signer => format!("tokens of {} and of no other signer", self.x5u),
            Scope::Capture => "tokens of all signers".to_owned(),
            Scope::Either => format!("tokens of {}, the only signer with enough calls", self.x5u),
        };
        write!(
            f,
            "{who} are {median:.1} s old (median), give or take {scatter:.1} s"
        )
    }
}

/// All signers of a capture.
#[derive(Clone, Debug)]
pub struct Signers {
    most: usize,
    by_x5u: BTreeMap<Box<str>, Signer>,
    left_out: u64,
}

impl Signers {
    /// Room for `most` signers; INVITEs of those beyond are counted together.
    pub const fn new(most: usize) -> Self {
        Self {
            most,
            by_x5u: BTreeMap::new(),
            left_out: 0,
        }
    }

    /// Takes in a signed INVITE.
    pub fn push(&mut self, sighting: &Sighting<'_>) {
        let x5u = cut(sighting.x5u);
        if self.by_x5u.len() >= self.most && !self.by_x5u.contains_key(x5u) {
            self.left_out += 1;
            return;
        }
        if !self.by_x5u.contains_key(x5u) {
            self.by_x5u.insert(x5u.into(), Signer::default());
        }
        let Some(signer) = self.by_x5u.get_mut(x5u) else {
            return;
        };
        signer.invites += 1;
        signer.rejected += u64::from(sighting.is_refused);
        let attest = sighting.attest.map_or("none", Attest::letter);
        *signer.attest.entry(attest).or_default() += 1;
        let first = signer.seen.map_or(sighting.time, |(first, _)| first);
        let last = signer.seen.map_or(sighting.time, |(_, last)| last);
        signer.seen = Some((first.min(sighting.time), last.max(sighting.time)));
        signer.outside_validity += u64::from(sighting.is_valid == Some(false));
        if let Some(is_good) = sighting.is_good {
            signer.checked.0 += 1;
            signer.checked.1 += u64::from(is_good);
        }
        signer.without_age += u64::from(sighting.iat.is_some_and(|iat| !is_time(iat)));
        if let Some(iat) = sighting.iat.filter(|iat| is_time(*iat)) {
            let nanos = iat.saturating_mul(crate::units::NANOS_PER_SEC);
            signer
                .ages
                .push(sighting.time.since(Timestamp::from_nanos(nanos)));
        }
    }

    /// Whether a signer's clock is off, as far as is known by now.
    pub fn skew(&self, x5u: &str) -> Option<Skew> {
        let x5u = cut(x5u);
        let (median, scatter) = self.by_x5u.get(x5u)?.ages.judged?;
        let is_off = |median: Span| median.nanos().saturating_abs() > OFF.nanos();
        if !is_off(median) || scatter >= SCATTER {
            return None;
        }
        let mut others = self
            .by_x5u
            .iter()
            .filter(|(name, _)| ***name != *x5u)
            .filter_map(|(_, signer)| signer.ages.judged)
            .peekable();
        let is_alike = |other: Span| {
            (other.nanos().saturating_sub(median.nanos())).saturating_abs() <= OFF.nanos() / 2
        };
        let scope = if others.peek().is_none() {
            Scope::Either
        } else if others.all(|(other, scatter)| is_alike(other) && scatter < SCATTER) {
            Scope::Capture
        } else {
            Scope::Signer
        };
        Some(Skew {
            scope,
            median,
            scatter,
            x5u: x5u.to_owned(),
        })
    }

    /// Whether the certificate of another signer has the file name of this one's, as far as is known
    /// by now.
    pub fn is_name_shared(&self, x5u: &str) -> bool {
        let Some(own) = Location::of(x5u) else {
            return false;
        };
        self.by_x5u
            .keys()
            .filter_map(|other| Location::of(other))
            .any(|other| {
                other.name() == own.name()
                    && (!other.host.eq_ignore_ascii_case(own.host) || other.path != own.path)
            })
    }

    /// The inventory: most INVITEs first, then by `x5u`; and the INVITEs of signers there was no
    /// room for.
    pub fn finish(self) -> (Vec<(Box<str>, Signer)>, u64) {
        let mut all: Vec<_> = self.by_x5u.into_iter().collect();
        all.sort_by(|a, b| b.1.invites.cmp(&a.1.invites).then_with(|| a.0.cmp(&b.0)));
        (all, self.left_out)
    }
}

/// An `x5u` as it is kept.
fn cut(x5u: &str) -> &str {
    let mut end = x5u.len().min(X5U_BYTES);
    while !x5u.is_char_boundary(end) {
        end -= 1;
    }
    x5u.get(..end).unwrap_or(x5u)
}

#[cfg(test)]
mod tests;
