//! Hops: what an element between two hops did to the identity of a call.
//!
//! In: the same INVITE on two hops. Nothing is claimed where the element signed anew: that is its
//! right, and what it signed is judged by itself.
//!
//! # References
//! - RFC 8224 §6.2 (what is compared); RFC 8224 §4.1 (a token is signed over its bytes)

use super::form::without_space;
use super::freshness::FRESH;
use super::numbers::{Sides, dests, party};
use super::{Case, Found, Header, hop_text, quoted};
use crate::stir::cause::{CauseId, Grade};
use crate::stir::date;
use crate::stir::facts::Facts;
use crate::stir::identity::{Form, Identity};
use crate::stir::number::{Level, Party};

pub(super) fn examine(case: &Case<'_>, headers: &[Header<'_>], found: &mut Found) {
    let Some(before) = case.before else { return };
    if before.is_incomplete || headers.is_empty() || before.identities.is_empty() {
        return;
    }
    let earlier = before.parsed();
    identities(case, before, headers, &earlier, found);
    for header in headers {
        let is_unchanged = earlier
            .iter()
            .any(|other| other.digest == header.identity.digest);
        if is_unchanged {
            fields(case, before, header, found);
        }
    }
}

/// Identity values of the hop before that are not here as they were.
fn identities(
    case: &Case<'_>,
    before: &Facts<'_>,
    headers: &[Header<'_>],
    earlier: &[Identity<'_>],
    found: &mut Found,
) {
    let is_new = |header: &&Header<'_>| {
        !earlier
            .iter()
            .any(|other| other.value == header.identity.value)
    };
    let mut unpaired: Vec<&Header<'_>> = headers.iter().filter(is_new).collect();
    let mut lost = Vec::new();
    for (index, other) in earlier.iter().enumerate() {
        if headers.iter().any(|h| h.identity.value == other.value) {
            continue;
        }
        let nearest = unpaired
            .iter()
            .enumerate()
            .max_by_key(|(_, header)| likeness(&header.identity, other))
            .map(|(at, _)| at);
        match nearest {
            Some(at) => changed(case, before, unpaired.remove(at), other, found),
            None => lost.push(index + 1),
        }
    }
    if !lost.is_empty() {
        let lost: Vec<String> = lost.iter().map(ToString::to_string).collect();
        found.add(
            CauseId::IdentityChangedBetweenHops,
            Grade::Likely,
            None,
            format!(
                "Identity {} of hop {} is not on hop {}",
                lost.join(" and "),
                hop_text(&before.flow),
                hop_text(&case.here.flow)
            ),
        );
    }
}

/// Bytes two tokens begin with alike; the signature counts for more than that.
fn likeness(a: &Identity<'_>, b: &Identity<'_>) -> usize {
    let is_same_signature = a.signature().is_some() && a.signature() == b.signature();
    usize::from(is_same_signature) * 100_000 + common(a.digest, b.digest)
}

fn common(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

/// One value that is not what it was.
fn changed(
    case: &Case<'_>,
    before: &Facts<'_>,
    header: &Header<'_>,
    other: &Identity<'_>,
    found: &mut Found,
) {
    let here = &header.identity;
    let Some((grade, how)) = change(here, other) else {
        return;
    };
    found.add(
        CauseId::IdentityChangedBetweenHops,
        grade,
        Some(header.index),
        format!(
            "{how}; hop {}: {}, hop {}: {}",
            hop_text(&before.flow),
            around(other.value, here.value),
            hop_text(&case.here.flow),
            around(here.value, other.value)
        ),
    );
}

/// What was done to a value, if it was more than to sign anew or to write it in another form.
fn change(here: &Identity<'_>, other: &Identity<'_>) -> Option<(Grade, String)> {
    let at = common(here.digest, other.digest);
    if here.digest == other.digest {
        let names = [
            ("info", here.info, other.info),
            ("alg", here.alg, other.alg),
            ("ppt", here.ppt, other.ppt),
        ];
        let changed: Vec<&str> = names
            .iter()
            .filter(|(_, here, other)| here != other)
            .map(|(name, ..)| *name)
            .collect();
        // Order and quotes of parameters are free.
        return (!changed.is_empty()).then(|| {
            (
                Grade::Proven,
                format!("{} of the parameters changed", changed.join(" and ")),
            )
        });
    }
    if without_space(here.digest) == without_space(other.digest) {
        return Some((Grade::Proven, "white space got into the token".to_owned()));
    }
    if other.digest.starts_with(here.digest) {
        return Some((
            Grade::Proven,
            format!("the token was cut behind its character {at}"),
        ));
    }
    let is_same_signature = here.signature() == other.signature() && here.signature().is_some();
    match (here.form, other.form) {
        (Form::Compact { .. }, Form::Full { .. }) if is_same_signature => Some((
            Grade::Proven,
            "the token lost its header and claims".to_owned(),
        )),
        _ if is_same_signature => Some((
            Grade::Proven,
            format!(
                "the token differs from its character {} on, its signature does not",
                at + 1
            ),
        )),
        _ if here.signing_input().is_some() && here.signing_input() == other.signing_input() => {
            Some((Grade::Likely, "the signature alone differs".to_owned()))
        }
        // Another token: the element signed anew.
        (Form::Full { .. } | Form::Compact { .. }, _) => None,
        _ => Some((
            Grade::Proven,
            format!("the value differs from its character {} on", at + 1),
        )),
    }
}

/// A few bytes of `text` around where it first differs from `other`.
fn around(text: &[u8], other: &[u8]) -> String {
    const BEFORE: usize = 8;
    const BEHIND: usize = 16;
    let at = common(text, other);
    let start = at.saturating_sub(BEFORE);
    let end = text.len().min(at + BEHIND);
    let part = text.get(start..end).unwrap_or_default();
    let dots = |is_cut: bool| if is_cut { "…" } else { "" };
    format!(
        "{}{}{}",
        dots(start > 0),
        quoted(part).replace(['\r', '\n'], " "),
        dots(end < text.len())
    )
}

/// Numbers and Date that fitted the token before, and do not here.
fn fields(case: &Case<'_>, before: &Facts<'_>, header: &Header<'_>, found: &mut Found) {
    let Some(passport) = header.claims() else {
        return;
    };
    let (then, now) = (Sides::of(before), Sides::of(case.here));
    let mut worse = Worse {
        grade: Grade::Possible,
        parts: Vec::new(),
        before: hop_text(&before.flow),
        here: hop_text(&case.here.flow),
    };
    if let Some(orig) = party(passport.orig()).filter(|_| !header.kind.is_div()) {
        let levels = (then.orig_level(&orig), now.orig_level(&orig));
        if worse.than_before(levels) {
            worse.parts.push(format!("orig {orig}"));
            worse.field("From", then.from.as_ref(), now.from.as_ref());
            let first = |sides: &Sides| sides.asserted.first().cloned();
            worse.field(
                "P-Asserted-Identity",
                first(&then).as_ref(),
                first(&now).as_ref(),
            );
        }
    }
    let dests = dests(passport);
    if !dests.is_empty() && worse.than_before((then.dest_level(&dests), now.dest_level(&dests))) {
        let all: Vec<String> = dests.iter().take(4).map(ToString::to_string).collect();
        worse.parts.push(format!("dest {}", all.join(" and ")));
        worse.field("To", then.to.as_ref(), now.to.as_ref());
        worse.field(
            "Request-URI",
            then.request_uri.as_ref(),
            now.request_uri.as_ref(),
        );
    }
    date(case, before, passport.issued_at().seconds(), &mut worse);
    if worse.parts.is_empty() {
        return;
    }
    found.add(
        CauseId::SignedFieldsChangedBetweenHops,
        worse.grade,
        Some(header.index),
        worse.parts.join(", "),
    );
}

fn date(case: &Case<'_>, before: &Facts<'_>, iat: Option<i64>, worse: &mut Worse) {
    let read = |facts: &Facts<'_>| facts.date.and_then(|value| date::parse(value).ok());
    let (Some(iat), Some(then), Some(now)) = (iat, read(before), read(case.here)) else {
        return;
    };
    let fresh = FRESH.nanos().unsigned_abs() / 1_000_000_000;
    if iat.abs_diff(then) <= fresh && iat.abs_diff(now) > fresh {
        worse.grade = worse.grade.min(Grade::Likely);
        worse.parts.push(format!(
            "iat {}, Date {} on hop {} and {} on hop {}",
            date::write(iat),
            date::write(then),
            worse.before,
            date::write(now),
            worse.here
        ));
    }
}

/// What got worse from one hop to the next.
struct Worse {
    grade: Grade,
    parts: Vec<String>,
    before: String,
    here: String,
}

impl Worse {
    /// Whether a comparison got worse; keeps the grade of the worst.
    fn than_before(&mut self, levels: (Option<Level>, Option<Level>)) -> bool {
        let grade = match levels {
            (Some(Level::Equal), Some(Level::Different)) => Grade::Proven,
            (Some(then), Some(now)) if now > then => Grade::Likely,
            _ => return false,
        };
        self.grade = self.grade.min(grade);
        true
    }

    fn field(&mut self, name: &str, then: Option<&Party>, now: Option<&Party>) {
        if then == now {
            return;
        }
        let shown = |party: Option<&Party>| {
            party.map_or_else(
                || "absent".to_owned(),
                |party| quoted(party.to_string().as_bytes()),
            )
        };
        self.parts.push(format!(
            "{name} {} on hop {} and {} on hop {}",
            shown(then),
            self.before,
            shown(now),
            self.here
        ));
    }
}
