//! Who calls whom: `orig` and `dest` against the fields of the message.
//!
//! # References
//! - RFC 8224 §6.2.4, §8; RFC 8588 §9; ATIS-1000074 §5.3 (P-Asserted-Identity where there is one)

use super::diversion::Chain;
use super::{Case, Found, Header};
use crate::stir::cause::{CauseId, Grade};
use crate::stir::facts::Facts;
use crate::stir::number::{self, Level, Party};
use crate::stir::passport::{self, Claim, Passport};

/// How `orig` and `dest` compare with the message; `None` where one of the sides is not there.
pub(super) type Levels = (Option<Level>, Option<Level>);

/// The callers and callees that a message names.
pub(super) struct Sides {
    pub(super) from: Option<Party>,
    pub(super) asserted: Vec<Party>,
    pub(super) to: Option<Party>,
    pub(super) request_uri: Option<Party>,
}

impl Sides {
    pub(super) fn of(facts: &Facts<'_>) -> Self {
        Self {
            from: facts.from.and_then(number::party),
            asserted: facts
                .asserted
                .iter()
                .filter_map(|uri| number::party(uri))
                .collect(),
            to: facts.to.and_then(number::party),
            request_uri: number::party(facts.request_uri),
        }
    }

    /// Callers that can be compared: who withholds himself says nothing.
    fn callers(&self) -> impl Iterator<Item = (&'static str, &Party)> {
        let asserted = self.asserted.iter().map(|one| ("P-Asserted-Identity", one));
        let from = self.from.iter().map(|one| ("From", one));
        asserted
            .chain(from)
            .filter(|(_, one)| **one != Party::Anonymous)
    }

    /// Nobody is named who could be the caller, and From says that this is meant.
    pub(super) fn is_caller_withheld(&self) -> bool {
        self.from == Some(Party::Anonymous) && self.callers().next().is_none()
    }

    pub(super) fn orig_level(&self, orig: &Party) -> Option<Level> {
        self.callers()
            .map(|(_, caller)| number::compare(orig, caller))
            .min()
    }

    pub(super) fn dest_level(&self, dests: &[Party]) -> Option<Level> {
        let to = self.to.as_ref().map(|to| best(dests, to));
        let request = self.request_number(dests).map(|uri| best(dests, uri));
        to.into_iter().chain(request).min()
    }

    /// The Request-URI, where it can name the callee: a trunk's address does not.
    fn request_number(&self, dests: &[Party]) -> Option<&Party> {
        let has_uri = dests.iter().any(|dest| matches!(dest, Party::Uri(_)));
        self.request_uri
            .as_ref()
            .filter(|uri| has_uri || matches!(uri, Party::Number(_)))
    }
}

pub(super) fn best(dests: &[Party], side: &Party) -> Level {
    dests
        .iter()
        .map(|dest| number::compare(dest, side))
        .min()
        .unwrap_or(Level::Different)
}

/// A claim that names one party.
pub(super) fn party(claim: Claim<passport::Party<'_>>) -> Option<Party> {
    let party = claim.value()?;
    match (party.tn.value(), party.uri.value()) {
        (Some(tn), _) => number::number(tn.as_bytes()),
        (None, Some(uri)) => number::party(uri.as_bytes()),
        (None, None) => None,
    }
}

/// The parties of `dest`.
pub(super) fn dests(passport: &Passport) -> Vec<Party> {
    let Some(dest) = passport.dest().value() else {
        return Vec::new();
    };
    let numbers = dest.tn.value().unwrap_or_default();
    let uris = dest.uri.value().unwrap_or_default();
    numbers
        .iter()
        .filter_map(|tn| number::number(tn.as_bytes()))
        .chain(uris.iter().filter_map(|uri| number::party(uri.as_bytes())))
        .collect()
}

pub(super) fn examine(case: &Case<'_>, headers: &[Header<'_>], found: &mut Found) -> Vec<Levels> {
    let sides = Sides::of(case.here);
    let chain = Chain::of(headers);
    let levels = headers
        .iter()
        .map(|header| one(header, &sides, &chain, found))
        .collect();
    chain.examine(&sides, found);
    levels
}

fn one(header: &Header<'_>, sides: &Sides, chain: &Chain, found: &mut Found) -> Levels {
    use super::Kind;
    let Some(passport) = header.claims() else {
        return (None, None);
    };
    // What speaks of the other direction is not compared with this one.
    if matches!(header.kind, Kind::Rsp | Kind::Unknown) {
        return (None, None);
    }
    let orig = party(passport.orig());
    let dests = dests(passport);
    let orig_level = orig.as_ref().and_then(|orig| sides.orig_level(orig));
    let dest_level = sides.dest_level(&dests);
    // Of a chain the links are judged together.
    if header.kind.is_div() {
        return (orig_level, dest_level);
    }
    if let (Some(orig), Some(level)) = (&orig, orig_level) {
        caller(header, sides, orig, level, found);
    }
    if let Some(level) = dest_level
        && !dests.is_empty()
        && !chain.diverts(&dests)
    {
        callee(header, sides, (&dests, level), !chain.is_empty(), found);
    }
    (orig_level, dest_level)
}

fn caller(header: &Header<'_>, sides: &Sides, orig: &Party, level: Level, found: &mut Found) {
    let index = Some(header.index);
    let evidence = || {
        let callers: Vec<String> = sides
            .callers()
            .map(|(name, caller)| format!("{name} {caller}"))
            .collect();
        format!(
            "{} {orig}, {}",
            claim_name("orig", orig),
            callers.join(", ")
        )
    };
    if level == Level::Equal {
        authority(header, sides, orig, found);
    } else if level.is_format() {
        found.add(
            CauseId::OrigFormat,
            Grade::Likely,
            index,
            format!("{}: {}", evidence(), level.name()),
        );
    } else {
        let grade = mismatch(orig, sides.callers().map(|(_, caller)| caller));
        found.add(CauseId::OrigMismatch, grade, index, evidence());
    }
}

/// How sure it is that `signed` fails against all of `others`, which are different from it.
fn mismatch<'a>(signed: &Party, others: impl Iterator<Item = &'a Party>) -> Grade {
    let others: Vec<&Party> = others.collect();
    if number::is_emergency(signed) || others.iter().any(|other| number::is_emergency(other)) {
        return Grade::Possible;
    }
    // A number and a URI may be one subscriber's, as the verifier's policy has it; and hosts of
    // URIs are rewritten at every border.
    let is_same_kind = |other: &&&Party| match (signed, **other) {
        (Party::Number(_), Party::Number(_)) => true,
        (Party::Uri(signed), Party::Uri(other)) => user(signed) != user(other),
        _ => false,
    };
    if others.iter().any(|other| is_same_kind(&other)) {
        Grade::Proven
    } else {
        Grade::Likely
    }
}

fn user(uri: &str) -> &str {
    uri.rsplit_once('@').map_or(uri, |(user, _)| user)
}

/// The token fits one of From and P-Asserted-Identity, and the other names somebody else.
fn authority(header: &Header<'_>, sides: &Sides, orig: &Party, found: &mut Found) {
    let is_orig = |party: &Party| number::compare(orig, party) == Level::Equal;
    let Some(from) = sides
        .from
        .as_ref()
        .filter(|from| **from != Party::Anonymous)
    else {
        return;
    };
    let Some(asserted) = sides.asserted.iter().find(|one| **one != Party::Anonymous) else {
        return;
    };
    let any_asserted = sides.asserted.iter().any(is_orig);
    let grade = match (is_orig(from), any_asserted) {
        // The SHAKEN profile takes P-Asserted-Identity where there is one.
        (true, false) => Grade::Likely,
        // Here it takes the one that fits; only who looks at From alone refuses.
        (false, true) => Grade::Possible,
        _ => return,
    };
    found.add(
        CauseId::PaiVsFrom,
        grade,
        Some(header.index),
        format!(
            "{} {orig}, From {from}, P-Asserted-Identity {asserted}",
            claim_name("orig", orig)
        ),
    );
}

fn callee(
    header: &Header<'_>,
    sides: &Sides,
    (dests, level): (&[Party], Level),
    has_div: bool,
    found: &mut Found,
) {
    let index = Some(header.index);
    let to = sides.to.as_ref();
    let request = sides.request_number(dests);
    let evidence = || evidence_of_dest(dests, to, request);
    if level.is_format() {
        let evidence = format!("{}: {}", evidence(), level.name());
        found.add(CauseId::DestFormat, Grade::Likely, index, evidence);
    } else if level == Level::Different {
        let others = || to.into_iter().chain(request);
        let grades = dests.iter().map(|dest| mismatch(dest, others()));
        // The weakest claim of several destinations is what can be claimed.
        let mut grade = grades.max().unwrap_or(Grade::Possible);
        if has_div && grade == Grade::Proven {
            // The chain of diversions is what is broken, and is told as such.
            grade = Grade::Likely;
        }
        found.add(CauseId::DestMismatch, grade, index, evidence());
    } else if !has_div
        && let (Some(to), Some(request)) = (to, request)
        && best(dests, to) != best(dests, request)
    {
        found.add(CauseId::DestRuriOnly, Grade::Possible, index, evidence());
    }
}

pub(super) fn evidence_of_dest(
    dests: &[Party],
    to: Option<&Party>,
    request: Option<&Party>,
) -> String {
    let name = dests.first().map_or("dest", |dest| match dest {
        Party::Number(_) => "dest.tn",
        Party::Uri(_) | Party::Anonymous => "dest.uri",
    });
    let all: Vec<String> = dests.iter().take(4).map(ToString::to_string).collect();
    let mut text = format!("{name} {}", all.join(" and "));
    if let Some(to) = to {
        text = format!("{text}, To {to}");
    }
    if let Some(request) = request.filter(|request| Some(*request) != to) {
        text = format!("{text}, Request-URI {request}");
    }
    text
}

/// `orig.tn` or `orig.uri`.
pub(super) fn claim_name(claim: &'static str, party: &Party) -> String {
    match party {
        Party::Number(_) => format!("{claim}.tn"),
        Party::Uri(_) | Party::Anonymous => format!("{claim}.uri"),
    }
}
