//! What is wrong with the certificate behind a token, whatever its signature.
//!
//! In: a candidate, and how surely it is the one that the verifier had. Validity is held against
//! every time that counts; where these do not agree, a clock may be wrong and the grade is lower.
//!
//! # References
//! - RFC 8224 §6.2 steps 3 and 4; RFC 8226 §7, §9; RFC 8225 §4.2 (P-256)

use super::numbers::party;
use super::{Case, Found, Header, Kind};
use crate::stir::cause::{CauseId, Grade};
use crate::stir::certificates::{Candidate, Chain, TnAuth, tn_auth_list};
use crate::stir::date;
use crate::stir::number::Party;
use crate::stir::passport::Passport;
use crate::stir::signature::Key;

/// What is wrong with a certificate; `most` is the highest grade that can be given.
pub(super) fn certificate(
    case: &Case<'_>,
    header: &Header<'_>,
    candidate: &Candidate<'_>,
    most: Grade,
    found: &mut Found,
) {
    let index = Some(header.index);
    validity(case, header, candidate, most, found);
    let certificate = candidate.certificate;
    let path = candidate.path;
    if !header.is_legacy() {
        if !matches!(certificate.key, Key::P256(_)) {
            found.add(
                CauseId::CertKeyNotP256,
                most,
                index,
                format!("the key of {path} is {}", certificate.key.kind()),
            );
        }
        numbers(header, candidate, most, found);
        claims(header, candidate, most, found);
    }
    if let Chain::Broken(why) = case.store.chain(certificate, case.seconds()) {
        found.add(
            CauseId::CertChain,
            most.max(Grade::Likely),
            index,
            format!("{path}: {why}"),
        );
    }
    if let Some(revoked) = case.store.revoked(certificate)
        && revoked.at <= case.seconds()
    {
        let checked = if revoked.is_verified {
            ""
        } else {
            ", whose signature could not be checked"
        };
        found.add(
            CauseId::CertRevoked,
            most,
            index,
            format!(
                "{path} (serial {}) was revoked {} by the list of {}{checked}",
                certificate.serial_text(),
                date::write(revoked.at),
                revoked.list
            ),
        );
    }
}

/// Validity at every time that counts: Date, `iat` and the capture.
fn validity(
    case: &Case<'_>,
    header: &Header<'_>,
    candidate: &Candidate<'_>,
    most: Grade,
    found: &mut Found,
) {
    let iat = header
        .passport
        .as_ref()
        .and_then(|passport| passport.issued_at().seconds());
    let times: Vec<i64> = [Some(case.seconds()), case.date(), iat]
        .into_iter()
        .flatten()
        .collect();
    let certificate = candidate.certificate;
    let ends = [
        (
            CauseId::CertExpired,
            "was valid until",
            certificate.not_after,
            times
                .iter()
                .filter(|time| **time > certificate.not_after)
                .count(),
        ),
        (
            CauseId::CertNotYetValid,
            "is valid from",
            certificate.not_before,
            times
                .iter()
                .filter(|time| **time < certificate.not_before)
                .count(),
        ),
    ];
    for (id, words, end, outside) in ends {
        if outside == 0 {
            continue;
        }
        // Where the clocks do not agree, one of them may be wrong.
        let grade = if outside == times.len() {
            most
        } else {
            most.max(Grade::Likely)
        };
        found.add(
            id,
            grade,
            Some(header.index),
            format!(
                "{} (serial {}) {words} {}, the call was made {}",
                candidate.path,
                certificate.serial_text(),
                date::write(end),
                date::write(case.seconds())
            ),
        );
    }
}

/// Whether the certificate lets its tokens say this (RFC 8226 §8, RFC 9118 §3); not every
/// verifier looks.
fn claims(header: &Header<'_>, candidate: &Candidate<'_>, most: Grade, found: &mut Found) {
    let said = header.claims().and_then(Passport::claims);
    let broken = candidate
        .certificate
        .claims
        .as_ref()
        .and_then(|constraints| constraints.broken_by(said?));
    if let Some(words) = broken {
        found.add(
            CauseId::CertClaimConstraints,
            most.max(Grade::Likely),
            Some(header.index),
            format!("by {} {words}", candidate.path),
        );
    }
}

/// Whether the certificate may sign for the number (RFC 8226 §9).
fn numbers(header: &Header<'_>, candidate: &Candidate<'_>, most: Grade, found: &mut Found) {
    let index = Some(header.index);
    let path = candidate.path;
    // The profile asks for the list; of other tokens it is a verifier's policy.
    let asked = if header.kind == Kind::Shaken {
        most
    } else {
        Grade::Possible
    };
    match &candidate.certificate.tn_auth {
        TnAuth::Absent => found.add(
            CauseId::CertNoTnauthlist,
            asked,
            index,
            format!("{path} has no TNAuthList"),
        ),
        TnAuth::Unreadable => found.add(
            CauseId::CertNoTnauthlist,
            asked.max(Grade::Likely),
            index,
            format!("the TNAuthList of {path} cannot be read"),
        ),
        // A list that is elsewhere is not in what was given, and nothing is fetched.
        TnAuth::Elsewhere(_) => {}
        // All numbers of a provider: which they are is not in the certificate.
        TnAuth::Entries(entries) if tn_auth_list::has_service_provider_code(entries) => {}
        TnAuth::Entries(entries) => {
            let claims = header.claims();
            // A diversion is signed with authority over the number diverted from.
            let (name, signer) = if header.kind.is_div() {
                ("div", claims.and_then(|passport| party(passport.div())))
            } else {
                ("orig", claims.and_then(|passport| party(passport.orig())))
            };
            if let Some(signer @ Party::Number(_)) = &signer
                && !tn_auth_list::covers(entries, signer)
            {
                found.add(
                    CauseId::CertTnNotCovered,
                    most,
                    index,
                    format!("{name}.tn {signer} is none of the numbers of {path}"),
                );
            }
        }
    }
}
