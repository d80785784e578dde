//! The claims that a token's type requires.
//!
//! # References
//! - RFC 8225 §5; RFC 8588 §4, §5; RFC 8946 §4 and §5; RFC 8443 §3; RFC 9027; RFC 9475; RFC 9795

use super::{Found, Header, Kind};
use crate::stir::cause::{CauseId, Grade};
use crate::stir::passport::{Attest, Claim, IssuedAt, Passport};

pub(super) fn examine(headers: &[Header<'_>], found: &mut Found) {
    for header in headers {
        let Some(passport) = header.claims() else {
            continue;
        };
        let mut wrong = baseline(passport);
        wrong.extend(of_kind(header, passport));
        if !wrong.is_empty() {
            found.add(
                CauseId::ClaimMissing,
                Grade::Proven,
                Some(header.index),
                wrong.join(", "),
            );
        } else if header.kind == Kind::Shaken {
            unusual(header, passport, found);
        }
        let how = match passport.issued_at() {
            IssuedAt::Text(_) => "a string",
            IssuedAt::Fraction(_) => "a number with a fraction or an exponent",
            _ => continue,
        };
        found.add(
            CauseId::IatNotNumber,
            Grade::Possible,
            Some(header.index),
            format!("iat is {how}"),
        );
    }
}

/// `iat`, `orig` and `dest`, which every PASSporT has.
fn baseline(passport: &Passport) -> Vec<String> {
    let mut wrong = Vec::new();
    match passport.issued_at() {
        IssuedAt::Missing => wrong.push("iat is absent".to_owned()),
        IssuedAt::WrongType(kind) => wrong.push(format!("iat is {kind}")),
        IssuedAt::Number(_) | IssuedAt::Text(_) | IssuedAt::Fraction(_) => {}
    }
    match passport.orig() {
        Claim::Missing => wrong.push("orig is absent".to_owned()),
        Claim::WrongType(kind) => wrong.push(format!("orig is {kind}, not an object")),
        Claim::Value(orig) => match (orig.tn, orig.uri) {
            (Claim::Missing, Claim::Missing) => {
                wrong.push("orig has neither tn nor uri".to_owned());
            }
            (Claim::WrongType(kind), _) => wrong.push(format!("orig.tn is {kind}, not a string")),
            (_, Claim::WrongType(kind)) => wrong.push(format!("orig.uri is {kind}, not a string")),
            _ => {}
        },
    }
    match passport.dest() {
        Claim::Missing => wrong.push("dest is absent".to_owned()),
        Claim::WrongType(kind) => wrong.push(format!("dest is {kind}, not an object")),
        Claim::Value(dest) => match (dest.tn, dest.uri) {
            (Claim::Missing, Claim::Missing) => {
                wrong.push("dest has neither tn nor uri".to_owned());
            }
            (Claim::WrongType(kind), _) => {
                wrong.push(format!("dest.tn is {kind}, not an array of strings"));
            }
            (_, Claim::WrongType(kind)) => {
                wrong.push(format!("dest.uri is {kind}, not an array of strings"));
            }
            _ => {}
        },
    }
    wrong
}

/// What the extension adds.
fn of_kind(header: &Header<'_>, passport: &Passport) -> Vec<String> {
    let mut wrong = Vec::new();
    let text = |name: &str, wrong: &mut Vec<String>| match passport.text(name) {
        Claim::Value(_) => {}
        Claim::Missing => wrong.push(format!("{name} is absent")),
        Claim::WrongType(kind) => wrong.push(format!("{name} is {kind}, not a string")),
    };
    match header.kind {
        Kind::Shaken => {
            text("attest", &mut wrong);
            text("origid", &mut wrong);
            if let Claim::Value(attest) = passport.text("attest")
                && Attest::of(attest).is_none()
            {
                let attest = super::quoted(attest.as_bytes());
                wrong.push(format!("attest is {attest}, not A, B or C"));
            }
        }
        Kind::Div => match passport.div() {
            Claim::Value(_) => {}
            Claim::Missing => wrong.push("div is absent".to_owned()),
            Claim::WrongType(kind) => wrong.push(format!("div is {kind}, not an object")),
        },
        Kind::DivO => text("opt", &mut wrong),
        Kind::Registered => {
            let ppt = passport.header_text("ppt").value().unwrap_or_default();
            // One of these says what the extension is for.
            let wanted: &[&str] = match ppt {
                "rph" => &["rph", "sph"],
                "rcd" => &["rcd", "crn", "rcdi"],
                "msg" => &["msgi"],
                _ => &[],
            };
            if !wanted.is_empty() && !wanted.iter().any(|name| passport.has(name)) {
                wrong.push(format!("{} is absent", wanted.join(" or ")));
            }
        }
        Kind::Base | Kind::Rsp | Kind::Unknown => {}
    }
    wrong
}

/// What the SHAKEN profile wants, and not every verifier insists on.
fn unusual(header: &Header<'_>, passport: &Passport, found: &mut Found) {
    let origid = passport.text("origid").value().unwrap_or_default();
    if !is_uuid(origid) {
        found.add(
            CauseId::ClaimMissing,
            Grade::Likely,
            Some(header.index),
            format!(
                "origid {} is no UUID (RFC 8588 §5)",
                super::quoted(origid.as_bytes())
            ),
        );
    }
    let is_uri = passport
        .orig()
        .value()
        .is_some_and(|orig| orig.tn == Claim::Missing);
    if is_uri {
        found.add(
            CauseId::ClaimMissing,
            Grade::Likely,
            Some(header.index),
            "orig is a uri, where SHAKEN wants a tn".to_owned(),
        );
    }
}

/// 8-4-4-4-12 hexadecimal digits.
fn is_uuid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
        && groups
            .iter()
            .all(|group| group.bytes().all(|b| b.is_ascii_hexdigit()))
}
