//! Media keys: `mky` and the fingerprints of the SDP.
//!
//! # References
//! - RFC 8224 §4.1; RFC 8225 §5.2.2

use std::collections::BTreeSet;

use super::{Case, Found, Header};
use crate::stir::cause::{CauseId, Grade};
use crate::stir::fingerprint::{self, Fingerprint};

pub(super) fn examine(case: &Case<'_>, headers: &[Header<'_>], found: &mut Found) {
    if !case.here.has_whole_body {
        return;
    }
    let offered: BTreeSet<String> = case
        .here
        .fingerprints
        .iter()
        .map(Fingerprint::canonical)
        .collect();
    for header in headers {
        let Some(passport) = header.claims() else {
            continue;
        };
        if !passport.has("mky") {
            // RFC 8224 §4.1 wants it, and SHAKEN signers leave it out.
            if !offered.is_empty() && header.kind.is_primary() {
                found.add(
                    CauseId::MkyMismatch,
                    Grade::Possible,
                    Some(header.index),
                    "the SDP has a=fingerprint, and the token no mky".to_owned(),
                );
            }
            continue;
        }
        let Some(keys) = passport.media_keys() else {
            found.add(
                CauseId::MkyMismatch,
                Grade::Likely,
                Some(header.index),
                "mky is no array of alg and dig".to_owned(),
            );
            continue;
        };
        let signed: BTreeSet<String> = keys
            .iter()
            .map(|(algorithm, digest)| fingerprint::canonical(algorithm, digest))
            .collect();
        if signed != offered {
            let list = |set: &BTreeSet<String>| {
                if set.is_empty() {
                    "none".to_owned()
                } else {
                    let all: Vec<&str> = set.iter().map(String::as_str).collect();
                    super::quoted(all.join(", ").as_bytes())
                }
            };
            found.add(
                CauseId::MkyMismatch,
                Grade::Proven,
                Some(header.index),
                format!(
                    "mky {}, fingerprints of the SDP {}",
                    list(&signed),
                    list(&offered)
                ),
            );
        }
    }
}
