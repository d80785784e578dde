//! Which of the causes explain the code that came.
//!
//! In: everything that is wrong, and the refusal. Out: what a verifier answers with this code,
//! strongest first; where there is nothing of the kind, `unexplained`, and what is wrong all the
//! same as possible contributors. A fact that a verifier answers with another code is a fact, and
//! no explanation of this one.
//!
//! # References
//! - RFC 8224 §6.2.1 (one good identity is enough), §6.2.2 (codes)

use std::collections::BTreeSet;

use super::numbers::{Sides, party};
use super::{Case, Header, HeaderReport, SignatureCheck, Sought, quoted};
use crate::stir::cause::{Cause, CauseId, Grade};
use crate::stir::number::Level;
use crate::stir::precedents::Custom;

pub(super) fn select(
    case: &Case<'_>,
    sought: &Sought<'_>,
    (causes, customs): (Vec<Cause>, &[Custom]),
    headers: &[HeaderReport],
) -> Vec<Cause> {
    let at_fault: BTreeSet<u32> = causes
        .iter()
        .filter(|cause| matches!(cause.grade, Some(Grade::Proven | Grade::Likely)))
        .filter_map(|cause| cause.header)
        .collect();
    let (companions, causes): (Vec<_>, Vec<_>) = causes
        .into_iter()
        .partition(|cause| cause.id == CauseId::RetryStorm);
    let (mut explaining, others): (Vec<_>, Vec<_>) = causes
        .into_iter()
        .partition(|cause| sought.codes.iter().any(|code| cause.explains(*code)));
    lower_where_another_is_in_order(&mut explaining, headers, &at_fault);
    let is_proven = explaining
        .iter()
        .any(|cause| cause.grade == Some(Grade::Proven));
    if is_proven {
        explaining.retain(|cause| cause.grade != Some(Grade::Possible));
    }
    // The order of the causes leads from what was done to what followed from it, so only the
    // grade comes before it.
    explaining.sort_by_key(|cause| (cause.grade, cause.id, cause.header));
    if explaining.is_empty() {
        explaining.push(unexplained(case, sought, customs, headers));
        explaining.extend(
            others
                .into_iter()
                .filter_map(|cause| contributor(cause, sought)),
        );
    }
    explaining.extend(companions);
    explaining
}

/// Only if all identities are invalid is the request (RFC 8224 §6.2.1): while a token that says
/// who calls is in order, a fault of another one proves nothing.
fn lower_where_another_is_in_order(
    explaining: &mut [Cause],
    headers: &[HeaderReport],
    at_fault: &BTreeSet<u32>,
) {
    let concerns_all = |cause: &Cause| cause.header.is_none();
    let is_in_order = headers.iter().any(|header| {
        let is_primary = matches!(header.ppt.as_deref(), None | Some("shaken"));
        is_primary && header.form != "rfc4474" && !at_fault.contains(&header.index)
    });
    if !is_in_order {
        return;
    }
    for cause in explaining.iter_mut().filter(|cause| !concerns_all(cause)) {
        if cause.grade == Some(Grade::Proven) {
            cause.grade = Some(Grade::Likely);
            cause
                .evidence
                .push_str(" (another Identity of this INVITE is in order)");
        }
    }
}

/// A fact beside a refusal that it does not explain.
fn contributor(mut cause: Cause, sought: &Sought<'_>) -> Option<Cause> {
    if !matches!(cause.grade, Some(Grade::Proven | Grade::Likely)) {
        return None;
    }
    let usual = cause.codes.first()?;
    cause.grade = Some(Grade::Possible);
    cause.evidence = format!(
        "{} (verifiers answer this with {usual}, not {})",
        cause.evidence,
        sought.codes.first().copied().unwrap_or_default()
    );
    Some(cause)
}

fn unexplained(
    case: &Case<'_>,
    sought: &Sought<'_>,
    customs: &[Custom],
    headers: &[HeaderReport],
) -> Cause {
    let mut seen: Vec<String> = Vec::new();
    if case.here.is_incomplete {
        seen.push(
            "the INVITE's head is not at hand whole, or is larger than what is kept, so nothing of it is judged".to_owned(),
        );
    }
    for header in headers {
        seen.push(in_order(header));
    }
    if is_caller_withheld(case) {
        seen.push(
            "the capture shows no caller to compare orig with: From withholds who calls (privacy), and there is no \
             P-Asserted-Identity"
                .to_owned(),
        );
    }
    if case.here.identities.is_empty() && !case.here.is_incomplete {
        seen.push("the INVITE has no Identity".to_owned());
    }
    // What differs and is no reason all the same, since calls with it passed.
    seen.extend(customs.iter().map(|custom| {
        let calls = if custom.accepted == 1 {
            "call"
        } else {
            "calls"
        };
        format!(
            "{} holds, and is no reason: this verifier accepted {} {calls} with the same",
            custom.id.name(),
            custom.accepted
        )
    }));
    let seen = seen.join("; ");
    Cause {
        id: CauseId::Unexplained,
        grade: None,
        header: None,
        hop: case.here.flow,
        evidence: format!(
            "nothing in the capture explains {}: {seen}; not in the capture: the certificate as the verifier has it \
             cached, its trust list, its clock, its choice between From and P-Asserted-Identity, its policy",
            sought.words
        ),
        codes: CauseId::Unexplained.codes(),
    }
}

/// Whether a token names a caller, and the message withholds who that is.
fn is_caller_withheld(case: &Case<'_>) -> bool {
    let has_orig = |header: &Header<'_>| {
        let claims = header.claims();
        claims.is_some_and(|passport| party(passport.orig()).is_some())
    };
    !case.here.is_incomplete
        && Sides::of(case.here).is_caller_withheld()
        && Header::all(case.here).iter().any(has_orig)
}

/// What was found in order of one Identity, and what could not be judged.
fn in_order(header: &HeaderReport) -> String {
    let level =
        |name: &str, level: Option<Level>| level.map(|level| format!("{name} {}", level.name()));
    let signature = match &header.signature {
        SignatureCheck::Good { path } => format!("its signature verifies with {path}"),
        SignatureCheck::Bad { paths } => {
            format!("its signature does not verify with {}", paths.join(" and "))
        }
        SignatureCheck::NotJudged(why) => format!("its signature was not judged: {why}"),
    };
    let ages = [("iat", header.iat_age), ("Date", header.date_age)];
    let ages = ages
        .iter()
        .filter_map(|(name, age)| age.map(|age| format!("{name} {:.1} s old", age.as_secs_f64())));
    let parts: Vec<String> = [
        level("orig", header.orig),
        level("dest", header.dest),
        header
            .origid
            .as_ref()
            .map(|id| format!("origid {}", quoted(id.as_bytes()))),
    ]
    .into_iter()
    .flatten()
    .chain(ages)
    .chain(std::iter::once(signature))
    .collect();
    format!("Identity {}: {}", header.index + 1, parts.join(", "))
}
