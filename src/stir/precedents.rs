//! Precedents: what a verifier let pass in other calls.
//!
//! In: the causes that were found in calls a verifier accepted, and in those it refused. Out: the
//! causes of a refused call, weighed: what the same verifier accepts otherwise is hardly why it
//! refused this one. So a certificate without `TNAuthList`, a file of `--certs` that is out of date,
//! or a trust list that is not the verifier's is held against nobody.
//!
//! Accepted calls are looked at in a sample ([`Precedents::wants`]): the first [`FIRST`] of each
//! signer at each verifier and then every [`EVERY`]-th, so that their signatures need not all be
//! checked. Capped: [`Precedents::new`] says how many pairs are told apart.
//!
//! # References
//! - the rule is this program's own

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::cause::{Cause, CauseId, CauseSet};

/// Accepted calls of a signer at a verifier that are looked at one and all.
pub const FIRST: u64 = 16;

/// Of further ones, every so many-th.
pub const EVERY: u64 = 64;

/// Acceptances from which on a cause is dropped, if there are not more refusals.
const CUSTOM: u64 = 3;

/// What verifiers let pass.
#[derive(Clone, Debug)]
pub struct Precedents {
    most: usize,
    verifiers: BTreeMap<IpAddr, BTreeMap<CauseId, Counts>>,
    seen: BTreeMap<(IpAddr, Box<str>), u64>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    accepted: u64,
    refused: u64,
}

/// A cause that is the verifier's custom to accept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Custom {
    /// Which.
    pub id: CauseId,
    /// Accepted calls that were looked at and had it.
    pub accepted: u64,
}

impl Precedents {
    /// Room for `most` pairs of verifier and signer, and as many verifiers.
    pub const fn new(most: usize) -> Self {
        Self {
            most,
            verifiers: BTreeMap::new(),
            seen: BTreeMap::new(),
        }
    }

    /// Whether this accepted call is one of the sample, to be examined and handed to
    /// [`Self::accepted`].
    pub fn wants(&mut self, verifier: IpAddr, x5u: &str) -> bool {
        let key = (verifier, Box::from(x5u));
        if self.seen.len() >= self.most && !self.seen.contains_key(&key) {
            return false;
        }
        let seen = self.seen.entry(key).or_default();
        *seen += 1;
        *seen <= FIRST || (*seen).is_multiple_of(EVERY)
    }

    /// A call that was accepted had these causes.
    pub fn accepted(&mut self, verifier: IpAddr, causes: &[Cause]) {
        self.count(verifier, causes, |counts| counts.accepted += 1);
    }

    /// A call that was refused had these causes.
    pub fn refused(&mut self, verifier: IpAddr, causes: &[Cause]) {
        self.count(verifier, causes, |counts| counts.refused += 1);
    }

    fn count(&mut self, verifier: IpAddr, causes: &[Cause], add: impl Fn(&mut Counts)) {
        if causes.is_empty()
            || (self.verifiers.len() >= self.most && !self.verifiers.contains_key(&verifier))
        {
            return;
        }
        let counts = self.verifiers.entry(verifier).or_default();
        let set: CauseSet = causes.iter().map(|cause| cause.id).collect();
        set.iter().for_each(|id| add(counts.entry(id).or_default()));
    }

    /// `causes` without those that are the verifier's custom to accept, and these; those that it
    /// accepted at least once are lowered and say so.
    pub fn weigh(&self, verifier: IpAddr, mut causes: Vec<Cause>) -> (Vec<Cause>, Vec<Custom>) {
        let mut customs: Vec<Custom> = Vec::new();
        let Some(known) = self.verifiers.get(&verifier) else {
            return (causes, customs);
        };
        causes.retain_mut(|cause| {
            let counts = known.get(&cause.id).copied().unwrap_or_default();
            if counts.accepted == 0 {
                return true;
            }
            if counts.accepted >= CUSTOM && counts.accepted >= counts.refused {
                if customs.iter().all(|custom| custom.id != cause.id) {
                    customs.push(Custom {
                        id: cause.id,
                        accepted: counts.accepted,
                    });
                }
                return false;
            }
            cause.grade = cause.grade.map(super::cause::Grade::lowered);
            let calls = if counts.accepted == 1 {
                "call"
            } else {
                "calls"
            };
            cause.evidence = format!(
                "{} (the verifier accepted {} {calls} in which it was the same)",
                cause.evidence, counts.accepted
            );
            true
        });
        (causes, customs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stir::cause::Grade;
    use crate::stir::testing::{flow, hop};

    fn cause(id: CauseId) -> Cause {
        Cause {
            id,
            grade: Some(Grade::Proven),
            header: Some(0),
            hop: flow(),
            evidence: "x".to_owned(),
            codes: id.codes(),
        }
    }

    fn grades(precedents: &Precedents) -> Vec<Option<Grade>> {
        precedents
            .weigh(flow().dst.addr, vec![cause(CauseId::CertChain)])
            .0
            .iter()
            .map(|cause| cause.grade)
            .collect()
    }

    #[test]
    fn what_a_verifier_accepts_as_a_custom_is_no_cause_and_what_it_accepted_once_is_less_sure() {
        let mut precedents = Precedents::new(8);
        let verifier = flow().dst.addr;
        assert_eq!(grades(&precedents), [Some(Grade::Proven)]);
        precedents.accepted(verifier, &[cause(CauseId::CertChain)]);
        assert_eq!(grades(&precedents), [Some(Grade::Likely)]);
        precedents.accepted(verifier, &[cause(CauseId::CertChain)]);
        precedents.accepted(verifier, &[cause(CauseId::CertChain)]);
        assert!(grades(&precedents).is_empty());
        for _ in 0..4 {
            precedents.refused(verifier, &[cause(CauseId::CertChain)]);
        }
        assert_eq!(grades(&precedents), [Some(Grade::Likely)]);
    }

    #[test]
    fn another_verifier_and_another_cause_are_no_precedent() {
        let mut precedents = Precedents::new(8);
        for _ in 0..5 {
            precedents.accepted(hop(1, 9).dst.addr, &[cause(CauseId::CertChain)]);
            precedents.accepted(flow().dst.addr, &[cause(CauseId::CertExpired)]);
        }
        assert_eq!(grades(&precedents), [Some(Grade::Proven)]);
    }

    #[test]
    fn accepted_calls_are_sampled_and_signers_capped() {
        let mut precedents = Precedents::new(1);
        let verifier = flow().dst.addr;
        let wanted = (0..1000)
            .filter(|_| precedents.wants(verifier, "https://x"))
            .count();
        assert_eq!(wanted, 16 + 15);
        assert!(!precedents.wants(verifier, "https://y"));
    }
}
