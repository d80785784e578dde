//! The JOSE header of a token, and the parameters that mirror it.
//!
//! # References
//! - RFC 8225 §4, §8.1; RFC 8224 §4.1; RFC 8224 §6.2 (unknown types are ignored)

use super::{Found, Header, Kind, quoted};
use crate::stir::cause::{CauseId, Grade};
use crate::stir::certificates::Location;
use crate::stir::facts::is_private_host;
use crate::stir::identity::Form;
use crate::stir::passport::{Claim, Passport};

pub(super) fn examine(headers: &[Header<'_>], found: &mut Found) {
    for header in headers {
        if header.is_legacy() {
            continue;
        }
        if let Some(passport) = header
            .passport
            .as_ref()
            .filter(|passport| passport.header_object().is_some())
        {
            members(header, passport, found);
            mirrored(header, passport, found);
        } else if matches!(header.identity.form, Form::Compact { .. })
            && let Some(alg) = header.identity.alg.filter(|alg| *alg != b"ES256")
        {
            found.add(
                CauseId::AlgNotEs256,
                Grade::Proven,
                Some(header.index),
                format!("alg of the Identity header is {}", quoted(alg)),
            );
        }
        url(header, found);
    }
    types(headers, found);
}

/// `typ`, `alg` and `x5u` (RFC 8225 §4).
fn members(header: &Header<'_>, passport: &Passport, found: &mut Found) {
    let index = Some(header.index);
    match passport.header_text("typ") {
        Claim::Value(typ) if typ.eq_ignore_ascii_case("passport") => {}
        Claim::Value(typ) => found.add(
            CauseId::TypBad,
            Grade::Proven,
            index,
            format!("typ is {}, not passport", quoted(typ.as_bytes())),
        ),
        Claim::Missing => found.add(
            CauseId::TypBad,
            Grade::Proven,
            index,
            "the token's header has no typ".to_owned(),
        ),
        Claim::WrongType(name) => found.add(
            CauseId::TypBad,
            Grade::Proven,
            index,
            format!("typ is {name}, not passport"),
        ),
    }
    for name in ["alg", "x5u"] {
        let words = match passport.header_text(name) {
            Claim::Value(_) => continue,
            Claim::Missing => format!("the token's header has no {name}"),
            Claim::WrongType(kind) => format!("{name} of the token's header is {kind}"),
        };
        found.add(CauseId::HeaderClaimMissing, Grade::Proven, index, words);
    }
    if let Claim::Value(alg) = passport.header_text("alg")
        && alg != "ES256"
    {
        found.add(
            CauseId::AlgNotEs256,
            Grade::Proven,
            index,
            format!("alg of the token is {}", quoted(alg.as_bytes())),
        );
    }
}

/// Parameters that say what the token says (RFC 8224 §4.1), compared as text and with their case.
fn mirrored(header: &Header<'_>, passport: &Passport, found: &mut Found) {
    let index = Some(header.index);
    let identity = &header.identity;
    if let (Some(sent), Claim::Value(alg)) = (identity.alg, passport.header_text("alg"))
        && sent != alg.as_bytes()
    {
        found.add(
            CauseId::AlgMismatch,
            Grade::Proven,
            index,
            format!(
                "alg of the Identity header {}, of the token {}",
                quoted(sent),
                quoted(alg.as_bytes())
            ),
        );
    }
    // A parameter that is not there says nothing: it is optional.
    if let Some(sent) = identity.ppt {
        let ppt = passport.header_text("ppt").value();
        if Some(sent) != ppt.map(str::as_bytes) {
            let ppt = ppt.map_or_else(|| "none".to_owned(), |ppt| quoted(ppt.as_bytes()));
            found.add(
                CauseId::PptMismatch,
                Grade::Proven,
                index,
                format!(
                    "ppt of the Identity header {}, of the token {ppt}",
                    quoted(sent)
                ),
            );
        }
    }
    if let (Some(info), Claim::Value(x5u)) = (identity.info, passport.header_text("x5u"))
        && info != x5u.as_bytes()
    {
        found.add(
            CauseId::X5uNeInfo,
            Grade::Proven,
            index,
            format!("x5u {}, info {}", quoted(x5u.as_bytes()), quoted(info)),
        );
    }
}

/// Whether verifiers fetch such a URL.
fn url(header: &Header<'_>, found: &mut Found) {
    let Some(url) = header.x5u() else {
        return;
    };
    let why = match Location::of(&url) {
        None => "it is no URL",
        Some(location) if !location.scheme.eq_ignore_ascii_case("https") => "it is not https",
        Some(location) if location.user.is_some() => "it names a user",
        Some(location) if !matches!(location.port, None | Some(443 | 8443)) => {
            "its port is neither 443 nor 8443"
        }
        Some(location) if location.has_query => "it has a query or a fragment",
        Some(location) if is_private_host(location.host.as_bytes()) => "its host is not public",
        Some(_) => return,
    };
    found.add(
        CauseId::X5uNotFetchableForm,
        Grade::Likely,
        Some(header.index),
        format!("{why}: {}", quoted(url.as_bytes())),
    );
}

/// A type that a verifier does not know, or only types that do not say who calls.
fn types(headers: &[Header<'_>], found: &mut Found) {
    let has_primary = headers
        .iter()
        .any(|header| header.kind.is_primary() || header.is_legacy());
    for header in headers.iter().filter(|header| !header.is_legacy()) {
        let grade = match header.kind {
            // The RFC has it ignored; the table of the SHAKEN profile has it refused.
            Kind::Unknown if has_primary => Grade::Possible,
            Kind::Unknown => Grade::Likely,
            Kind::Registered | Kind::Rsp if !has_primary => Grade::Likely,
            _ => continue,
        };
        let ppt = header
            .passport
            .as_ref()
            .and_then(|passport| passport.header_text("ppt").value())
            .map(|ppt| quoted(ppt.as_bytes()))
            .or_else(|| header.identity.ppt.map(quoted))
            .unwrap_or_default();
        let besides = if has_primary {
            ""
        } else {
            ", and no token of another type says who calls"
        };
        found.add(
            CauseId::PptUnsupported,
            grade,
            Some(header.index),
            format!("ppt is {ppt}{besides}"),
        );
    }
}
