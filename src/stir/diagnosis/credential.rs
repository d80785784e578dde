//! Credential: the signature, and the certificate that it names.
//!
//! A certificate that was given may not be the one the verifier had: files are found by name, and
//! certificates are replaced. That the signature verifies with it is proof that it is; then what
//! is wrong with it is proven, too. Where the signature does not verify, the certificate was valid
//! and is the only one that may be meant, the signature is bad. All else is told with a lower
//! grade.
//!
//! # References
//! - RFC 8224 §6.2 steps 3 and 5; RFC 8226 §7, §9; RFC 8588 §7

use std::collections::BTreeSet;

use super::certificate::certificate;
use super::form::without_space;
use super::numbers::Sides;
use super::{Case, Found, Header, Kind};
use crate::stir::canonical::{self, Claims};
use crate::stir::cause::{CauseId, Grade};
use crate::stir::certificates::{Candidate, Place};
use crate::stir::date;
use crate::stir::identity::Form;
use crate::stir::legacy;
use crate::stir::signature::{Algorithm, Checked, ES256_BYTES, Key};

/// How long a certificate counts as just replaced, in seconds.
const JUST_REPLACED: i64 = 86_400;

/// Callers that a compact form is tried with.
const MOST_CALLERS: usize = 3;

/// What came of a signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignatureCheck {
    /// Nothing can be said, and why.
    NotJudged(String),
    /// It verifies with the certificate of this file.
    Good {
        /// The file.
        path: String,
    },
    /// It verifies with none of these files.
    Bad {
        /// The files.
        paths: Vec<String>,
    },
}

impl SignatureCheck {
    fn not_judged(why: impl Into<String>) -> Self {
        Self::NotJudged(why.into())
    }
}

/// What is checked, in the ways in which it may have been written.
struct Signed {
    texts: Vec<Vec<u8>>,
    signature: Vec<u8>,
    algorithm: Algorithm,
}

pub(super) fn examine(
    case: &Case<'_>,
    headers: &[Header<'_>],
    found: &mut Found,
) -> Vec<SignatureCheck> {
    headers
        .iter()
        .map(|header| one(case, header, found))
        .collect()
}

fn one(case: &Case<'_>, header: &Header<'_>, found: &mut Found) -> SignatureCheck {
    if case.store.is_empty() {
        return SignatureCheck::not_judged(if case.store.is_named() {
            "no certificate can be read where --certs says that they are"
        } else {
            "no certificates were given"
        });
    }
    let Some(url) = url(case, header) else {
        return SignatureCheck::not_judged("it names no certificate");
    };
    let candidates = case.store.candidates(&url);
    if candidates.is_empty() {
        return SignatureCheck::NotJudged(format!("no certificate for {url} was given"));
    }
    let signed = signed(case, header, &url);
    let good = signed.as_ref().ok().and_then(|signed| {
        candidates
            .iter()
            .find(|candidate| signed.verify(&candidate.certificate.key) == Checked::Good)
    });
    if let Some(good) = good {
        certificate(case, header, good, Grade::Proven, found);
        return SignatureCheck::Good {
            path: good.path.to_owned(),
        };
    }
    let files: BTreeSet<&str> = candidates.iter().map(|candidate| candidate.path).collect();
    let Some(first) = candidates.first() else {
        return SignatureCheck::not_judged("no certificate was given");
    };
    // Of several that may be meant, nothing is known of the one that is; nor of one that may be
    // another signer's.
    let is_others = match first.place {
        Place::Exact => false,
        Place::LastPart => case.history.is_name_shared,
        Place::OtherHost => true,
    };
    let is_only = candidates.len() == 1 && !is_others;
    match signed {
        Err(why) => {
            if is_only {
                certificate(case, header, first, Grade::Proven, found);
            }
            SignatureCheck::NotJudged(why)
        }
        Ok(signed) => {
            let is_checked = |candidate: &&Candidate<'_>| {
                signed.verify(&candidate.certificate.key) == Checked::Bad
            };
            if !candidates.iter().any(|candidate| is_checked(&candidate)) {
                if is_only {
                    certificate(case, header, first, Grade::Proven, found);
                }
                return SignatureCheck::NotJudged(format!(
                    "the key of {} is {}",
                    first.path,
                    first.certificate.key.kind()
                ));
            }
            bad(case, header, &signed, &candidates, is_only, found);
            SignatureCheck::Bad {
                paths: files.into_iter().map(ToOwned::to_owned).collect(),
            }
        }
    }
}

/// Where the certificate is.
fn url(case: &Case<'_>, header: &Header<'_>) -> Option<String> {
    if header.is_legacy() {
        let info = legacy::identity_info(case.here.identity_info?)?;
        return Some(info.url);
    }
    header.x5u()
}

impl Signed {
    fn verify(&self, key: &Key) -> Checked {
        let checks = self
            .texts
            .iter()
            .map(|text| key.verify(self.algorithm, text, &self.signature));
        checks
            .min_by_key(|checked| match checked {
                Checked::Good => 0,
                Checked::Bad => 1,
                Checked::Unsupported => 2,
            })
            .unwrap_or(Checked::Unsupported)
    }
}

/// What the signature is over, or why that cannot be known.
fn signed(case: &Case<'_>, header: &Header<'_>, url: &str) -> Result<Signed, String> {
    if header.is_legacy() {
        return signed_legacy(case, header);
    }
    let passport = header
        .passport
        .as_ref()
        .ok_or("there is no token to verify")?;
    let signature = match &passport.signature {
        Ok(signature) if signature.bytes.len() == ES256_BYTES => signature.bytes.clone(),
        _ => return Err("it is not 64 bytes long".to_owned()),
    };
    let texts = match header.identity.form {
        // A full form is verified over its bytes; where a fold got into them, without it.
        Form::Full { .. } => {
            let alg = passport.header_text("alg").value();
            if alg.is_some_and(|alg| alg != "ES256") {
                return Err("it is not of ES256".to_owned());
            }
            if passport.header_object().is_none() || passport.claims().is_none() {
                return Err("header or claims cannot be read".to_owned());
            }
            let text = header.identity.signing_input().unwrap_or_default();
            vec![without_space(text)]
        }
        Form::Compact { .. } if header.kind == Kind::Base => {
            let texts = rebuilt(case, url);
            if texts.is_empty() {
                return Err("its claims cannot be rebuilt without From, To and Date".to_owned());
            }
            texts
        }
        _ => return Err("claims of this type cannot be rebuilt from a compact form".to_owned()),
    };
    Ok(Signed {
        texts,
        signature,
        algorithm: Algorithm::Es256,
    })
}

/// The baseline tokens that the message may stand for (RFC 8224 §6.2).
fn rebuilt(case: &Case<'_>, url: &str) -> Vec<Vec<u8>> {
    let sides = Sides::of(case.here);
    let Some(iat) = case.date() else {
        return Vec::new();
    };
    let callers = sides.from.iter().chain(&sides.asserted).take(MOST_CALLERS);
    let callees = || sides.to.iter().chain(&sides.request_uri);
    let mut texts = Vec::new();
    for orig in callers {
        for dest in callees() {
            for iat_as_text in [false, true] {
                let claims = Claims {
                    orig,
                    dest,
                    iat,
                    iat_as_text,
                    x5u: url,
                    keys: &case.here.fingerprints,
                };
                texts.extend(canonical::signing_input(&claims).map(String::into_bytes));
            }
        }
    }
    texts.dedup();
    texts
}

fn signed_legacy(case: &Case<'_>, header: &Header<'_>) -> Result<Signed, String> {
    let info = case.here.identity_info.and_then(legacy::identity_info);
    let algorithm = info
        .and_then(|info| info.algorithm)
        .ok_or("Identity-Info names no algorithm that is known here")?;
    let text = legacy::digest_string(case.here).ok_or("what was signed was not captured whole")?;
    let signature = crate::stir::encoding::decode(header.identity.digest)
        .map_err(|_why| "it is no base64".to_owned())?;
    Ok(Signed {
        texts: vec![text],
        signature: signature.bytes,
        algorithm,
    })
}

/// A signature that none of the candidates' keys made.
fn bad(
    case: &Case<'_>,
    header: &Header<'_>,
    signed: &Signed,
    candidates: &[Candidate<'_>],
    is_only: bool,
    found: &mut Found,
) {
    let index = Some(header.index);
    let Some(first) = candidates.first() else {
        return;
    };
    let valid = |candidate: &Candidate<'_>| candidate.certificate.is_valid_at(case.seconds());
    let is_full = !matches!(header.identity.form, Form::Compact { .. });
    let all_elsewhere = candidates
        .iter()
        .all(|candidate| candidate.place == Place::OtherHost);
    let grade = match () {
        // It may be another signer's, or one that was used before or after.
        () if all_elsewhere || !candidates.iter().any(valid) => Grade::Possible,
        () if is_only && is_full => Grade::Proven,
        // What a compact form stands for is the verifier's reading of the message.
        () => Grade::Likely,
    };
    let files: BTreeSet<&str> = candidates.iter().map(|candidate| candidate.path).collect();
    let files: Vec<&str> = files.into_iter().collect();
    let what = match header.identity.form {
        Form::Legacy => "the RSA signature over From, To, Call-ID, CSeq, Date, Contact and body",
        Form::Compact { .. } => "the ES256 signature over the token rebuilt from the message",
        _ => "the ES256 signature over the token as sent",
    };
    let is_shared = case.history.is_name_shared && first.place == Place::LastPart;
    let caveat = if !candidates.iter().any(valid) {
        ", which was not valid at the time and may not be the one in use"
    } else if is_shared {
        ", a name that the certificates of other signers have, too"
    } else {
        ""
    };
    found.add(
        CauseId::SignatureBad,
        grade,
        index,
        format!(
            "{what} does not verify with {}{caveat}",
            files.join(" and ")
        ),
    );
    wrong_key(case, header, signed, first, is_only, found);
    if is_only {
        certificate(case, header, first, Grade::Likely, found);
    }
}

/// Whether another key of the same signer made it, or the certificate is too new to be sure.
fn wrong_key(
    case: &Case<'_>,
    header: &Header<'_>,
    signed: &Signed,
    first: &Candidate<'_>,
    is_only: bool,
    found: &mut Found,
) {
    let index = Some(header.index);
    let relatives = case.store.relatives(first);
    let other = relatives
        .iter()
        .find(|other| signed.verify(&other.certificate.key) == Checked::Good);
    if let Some(other) = other {
        let grade = if is_only {
            Grade::Proven
        } else {
            Grade::Likely
        };
        found.add(
            CauseId::WrongKeyForX5u,
            grade,
            index,
            format!(
                "it verifies with {} (serial {}), and x5u names {} (serial {})",
                other.path,
                other.certificate.serial_text(),
                first.path,
                first.certificate.serial_text()
            ),
        );
        return;
    }
    let age = case.seconds().saturating_sub(first.certificate.not_before);
    if is_only && (0..JUST_REPLACED).contains(&age) {
        found.add(
            CauseId::WrongKeyForX5u,
            Grade::Likely,
            index,
            format!(
                "{} is valid since {}, {} h before the call: the signer may still use the key before it",
                first.path,
                date::write(first.certificate.not_before),
                age / 3600
            ),
        );
    }
}
