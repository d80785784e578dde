//! The form of an Identity value: there at all, whole, and of the grammar.
//!
//! # References
//! - RFC 8224 §4; RFC 8588 §3 (no compact form); RFC 7518 §3.4 (signature length)

use super::{Case, Found, Header, Kind, hop_text, quoted};
use crate::sip::value::is_space;
use crate::stir::cause::{CauseId, Grade};
use crate::stir::encoding::{Flags, Undecodable};
use crate::stir::identity::{Form, Identity};
use crate::stir::passport::Part;
use crate::stir::signature::{ES256_BYTES, ES256_CHARACTERS, is_der};

/// Characters that a token and its longer copy must have in common.
const PREFIX: usize = 20;

/// No Identity at all.
pub(super) fn missing(case: &Case<'_>, found: &mut Found) {
    match case.before {
        Some(before) if !before.identities.is_empty() => found.add(
            CauseId::IdentityStripped,
            Grade::Proven,
            None,
            format!(
                "{} Identity on hop {}, none on hop {}",
                before.identities.len(),
                hop_text(&before.flow),
                hop_text(&case.here.flow)
            ),
        ),
        _ => found.add(
            CauseId::IdentityMissing,
            Grade::Proven,
            None,
            format!("no Identity on hop {}", hop_text(&case.here.flow)),
        ),
    }
}

pub(super) fn examine(case: &Case<'_>, headers: &[Header<'_>], found: &mut Found) {
    for header in headers {
        let is_cut = cut(case, header, found);
        match header.identity.form {
            Form::Legacy => found.add(
                CauseId::LegacyIdentity,
                Grade::Likely,
                Some(header.index),
                format!("Identity: {}", quoted(header.identity.value)),
            ),
            _ if is_cut => {}
            Form::Malformed { segments } => malformed(header, Some(segments), found),
            Form::Full { .. } | Form::Compact { .. } => {
                malformed(header, None, found);
                compact(header, found);
                segments(case, header, found);
            }
        }
    }
    repeated(headers, found);
}

/// Grammar (RFC 8224 §4).
fn malformed(header: &Header<'_>, segments: Option<usize>, found: &mut Found) {
    const OF_INFO: &[u16] = &[436, 438, 428];
    let identity = &header.identity;
    let segments = segments.map(|segments| match segments {
        3 => "an empty segment".to_owned(),
        1 => "one segment where three belong".to_owned(),
        _ => format!("{segments} segments where three belong"),
    });
    let faults: Vec<String> = segments
        .into_iter()
        .chain(identity.faults.words().map(ToOwned::to_owned))
        .collect();
    if faults.is_empty() {
        return;
    }
    let codes = if identity.faults.concern_info() {
        OF_INFO
    } else {
        CauseId::IdentityMalformed.codes()
    };
    found.add_with_codes(
        CauseId::IdentityMalformed,
        Grade::Proven,
        Some(header.index),
        format!("{}: {}", faults.join(", "), quoted(identity.value)),
        codes,
    );
}

fn compact(header: &Header<'_>, found: &mut Found) {
    if !matches!(header.identity.form, Form::Compact { .. }) {
        return;
    }
    // Without a type, a verifier of RFC 8224 rebuilds it; one of SHAKEN does not.
    let grade = match header.kind {
        Kind::Shaken => Grade::Proven,
        _ => Grade::Possible,
    };
    found.add(
        CauseId::CompactForm,
        grade,
        Some(header.index),
        format!(
            "the token is its signature alone: {}",
            quoted(header.identity.value)
        ),
    );
}

/// Whether the token was cut or folded on its way.
fn cut(case: &Case<'_>, header: &Header<'_>, found: &mut Found) -> bool {
    let digest = header.identity.digest;
    if header.is_legacy() {
        return false;
    }
    if let Some(longer) = case
        .before
        .and_then(|before| longer_copy(digest, &before.parsed()))
    {
        found.add(
            CauseId::TruncatedOrFolded,
            Grade::Proven,
            Some(header.index),
            format!(
                "{} characters of the token on this hop, {longer} on the hop before",
                digest.len()
            ),
        );
        return true;
    }
    if header.identity.faults.white_space {
        let is_proven = case.before.is_some_and(|before| {
            let without = without_space(digest);
            before.parsed().iter().any(|other| other.digest == without)
        });
        let at = digest.iter().position(|&b| is_space(b)).unwrap_or(0);
        found.add(
            CauseId::TruncatedOrFolded,
            if is_proven {
                Grade::Proven
            } else {
                Grade::Likely
            },
            Some(header.index),
            format!("white space in the token, behind its character {at}"),
        );
        return false;
    }
    let signature = header.identity.signature().map_or(0, <[u8]>::len);
    if case.here.is_fragmented && signature > 0 && signature < ES256_CHARACTERS {
        found.add(
            CauseId::TruncatedOrFolded,
            Grade::Likely,
            Some(header.index),
            format!(
                "the signature has {signature} of {ES256_CHARACTERS} characters, and the INVITE came in IP fragments"
            ),
        );
    }
    false
}

/// The length of a token of another hop of which `digest` is the start.
fn longer_copy(digest: &[u8], others: &[Identity<'_>]) -> Option<usize> {
    others
        .iter()
        .map(|other| other.digest)
        .find(|other| {
            digest.len() >= PREFIX && other.len() > digest.len() && other.starts_with(digest)
        })
        .map(<[u8]>::len)
}

pub(super) fn without_space(text: &[u8]) -> Vec<u8> {
    text.iter().copied().filter(|&b| !is_space(b)).collect()
}

/// The segments: base64url of JSON, and of 64 bytes.
fn segments(case: &Case<'_>, header: &Header<'_>, found: &mut Found) {
    let Some(passport) = &header.passport else {
        return;
    };
    let mut bad = Vec::new();
    for (name, part) in [("header", &passport.header), ("claims", &passport.payload)] {
        if let Some(why) = part.as_ref().and_then(unreadable) {
            bad.push(format!("the {name} {why}"));
        }
    }
    if let Err(why) = passport.signature {
        bad.push(format!("the signature {}", undecodable(why)));
    }
    if !bad.is_empty() {
        found.add(
            CauseId::Base64Bad,
            Grade::Proven,
            Some(header.index),
            bad.join(", "),
        );
    }
    let Ok(signature) = &passport.signature else {
        return;
    };
    let length = signature.bytes.len();
    if length != ES256_BYTES {
        let form = if is_der(&signature.bytes) {
            ": it is DER, as cryptographic libraries emit it"
        } else if case.here.is_fragmented {
            "; the INVITE came in IP fragments"
        } else {
            ""
        };
        found.add(
            CauseId::SigLength,
            Grade::Proven,
            Some(header.index),
            format!("the signature has {length} bytes, not {ES256_BYTES}{form}"),
        );
    }
    odd_encoding(header, signature.flags, found);
}

/// Padding and the other alphabet are taken by most verifiers; they are told, not graded higher.
fn odd_encoding(header: &Header<'_>, flags: Flags, found: &mut Found) {
    let odd = match (flags.other_alphabet, flags.padded) {
        (true, true) => "`+`, `/` and `=`",
        (true, false) => "`+` or `/`",
        (false, true) => "`=`",
        (false, false) => return,
    };
    found.add(
        CauseId::Base64Bad,
        Grade::Possible,
        Some(header.index),
        format!("the signature has {odd}, which base64url has not (RFC 7515)"),
    );
}

fn unreadable(part: &Part) -> Option<String> {
    Some(match part {
        Part::Object(_) | Part::TooLarge => return None,
        Part::Undecodable(why) => undecodable(*why),
        Part::NotJson { column } => format!("is no JSON from its byte {column} on"),
        Part::NotAnObject => "is JSON, but no object".to_owned(),
    })
}

fn undecodable(why: Undecodable) -> String {
    match why {
        Undecodable::Character { at, byte } => {
            let byte = char::from(byte).escape_default();
            format!("has `{byte}`, which is not base64, behind its character {at}")
        }
        Undecodable::Length { characters } => {
            format!("has {characters} characters, which no base64 has")
        }
    }
}

fn repeated(headers: &[Header<'_>], found: &mut Found) {
    for (at, header) in headers.iter().enumerate() {
        let first = headers
            .iter()
            .take(at)
            .find(|other| other.identity.value == header.identity.value);
        if let Some(first) = first {
            found.add(
                CauseId::DuplicateIdentity,
                Grade::Possible,
                Some(header.index),
                format!(
                    "Identity {} is Identity {} once more",
                    header.index + 1,
                    first.index + 1
                ),
            );
        }
    }
}
