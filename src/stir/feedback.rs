//! Feedback: what a message says of a verifier's result, refused or not.
//!
//! In: responses, and URIs of the caller on later hops. Out: [`Feedback`] of Reason fields, the
//! `verstat` of a caller, and whether a final answer is a STIR refusal at all: 403 has many
//! meanings.
//!
//! # References
//! - RFC 9410 §3 to §7 (Reason: STIR); RFC 8224 §6.2.2 (codes); RFC 3326 §2; 3GPP TS 24.229
//!   (`verstat`)

use crate::sip::value::{Uri, param, parameters, trim};
use crate::sip::{Message, Name};

/// The codes of RFC 8224 that mean nothing else.
const CODES: [u16; 4] = [428, 436, 437, 438];

/// A verifier's result in a Reason field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Feedback<'a> {
    /// 403, 428, 436, 437 or 438.
    pub code: u16,
    /// Its text; empty if none.
    pub text: &'a [u8],
    /// The token it speaks of: all of it, or its signature behind two dots (RFC 9410 §5).
    pub ppi: Option<&'a [u8]>,
    /// `Reason: STIR`; else the older `Reason: SIP`.
    pub is_stir: bool,
}

/// The results in a message's Reason fields, one for each identity that failed.
pub fn of_message<'a>(message: &Message<'a>) -> impl Iterator<Item = Feedback<'a>> {
    message.items(Name::Reason).filter_map(of_reason)
}

/// The result in one Reason value.
pub fn of_reason(value: &[u8]) -> Option<Feedback<'_>> {
    let end = value.iter().position(|&b| b == b';')?;
    let protocol = trim(value.get(..end)?);
    let is_stir = protocol.eq_ignore_ascii_case(b"STIR");
    if !is_stir && !protocol.eq_ignore_ascii_case(b"SIP") {
        return None;
    }
    let mut found = Feedback {
        code: 0,
        text: &[],
        ppi: None,
        is_stir,
    };
    for (key, value) in parameters(value) {
        if key.eq_ignore_ascii_case(b"cause") {
            found.code = u16::try_from(crate::sip::value::digits(value)?).ok()?;
        } else if key.eq_ignore_ascii_case(b"text") {
            found.text = value;
        } else if key.eq_ignore_ascii_case(b"ppi") {
            found.ppi = Some(value);
        }
    }
    let is_refusal = if is_stir {
        CODES.contains(&found.code) || found.code == 403
    } else {
        is_refusal(found.code, found.text)
    };
    is_refusal.then_some(found)
}

impl Feedback<'_> {
    /// Whether it speaks of a token, by its signature as sent (RFC 9410 §5).
    pub fn is_about(&self, signature: &[u8]) -> bool {
        self.ppi
            .and_then(|ppi| ppi.rsplit(|&b| b == b'.').next())
            .is_some_and(|last| last == signature)
    }
}

/// Whether a final answer refuses an identity. 403 does with the phrase of RFC 8224 §6.2.2 only.
pub fn is_refusal(code: u16, phrase: &[u8]) -> bool {
    let words = b"stale date";
    CODES.contains(&code)
        || (code == 403
            && phrase
                .windows(words.len())
                .any(|window| window.eq_ignore_ascii_case(words)))
}

/// What a verifier wrote beside a caller's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verstat {
    /// `TN-Validation-Passed`, with or without its attestation level.
    Passed,
    /// `TN-Validation-Failed`.
    Failed,
    /// `No-TN-Validation`.
    None,
}

/// The `verstat` parameter of a From or P-Asserted-Identity URI.
pub fn verstat(uri: &[u8]) -> Option<Verstat> {
    let parts = Uri::parse(uri)?;
    // Of a tel URI inside a SIP URI it stands in the user part.
    let in_user = parts
        .user
        .iter()
        .position(|&b| b == b';')
        .and_then(|at| parts.user.get(at..))
        .and_then(|params| param(params, b"verstat"));
    let value = param(parts.params, b"verstat").or(in_user)?;
    let starts = |word: &[u8]| {
        value
            .get(..word.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(word))
    };
    if starts(b"TN-Validation-Passed") {
        Some(Verstat::Passed)
    } else if starts(b"TN-Validation-Failed") {
        Some(Verstat::Failed)
    } else if starts(b"No-TN-Validation") {
        Some(Verstat::None)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_of_stir_gives_code_text_and_token() {
        let found =
            of_reason(br#"STIR ;cause=436 ;text="Bad Identity Info" ;ppi="..rq3pjT1hoR""#).unwrap();
        assert_eq!((found.code, found.is_stir), (436, true));
        assert_eq!(found.text, b"Bad Identity Info");
        assert!(found.is_about(b"rq3pjT1hoR") && !found.is_about(b"hoR"));
    }

    #[test]
    fn the_older_form_counts_with_codes_that_mean_nothing_else() {
        assert!(of_reason(b"SIP ;cause=438;text=\"x\"").is_some_and(|f| !f.is_stir));
        assert!(of_reason(b"SIP ;cause=403;text=\"Stale Date\"").is_some());
        for other in [
            &b"SIP ;cause=403"[..],
            b"SIP;cause=200;text=\"Call completed elsewhere\"",
            b"Q.850;cause=16",
            b"STIR;cause=16",
            b"STIR",
            b"STIR;cause=many",
        ] {
            assert_eq!(of_reason(other), None, "{}", String::from_utf8_lossy(other));
        }
    }

    #[test]
    fn a_403_is_a_refusal_of_an_identity_by_its_phrase_only() {
        assert!(is_refusal(403, b"Stale Date") && is_refusal(403, b"STALE DATE"));
        assert!(!is_refusal(403, b"Forbidden") && !is_refusal(404, b"Stale Date"));
        assert!(is_refusal(438, b"") && is_refusal(428, b"x"));
    }

    #[test]
    fn verstat_is_read_of_tel_and_of_sip() {
        assert_eq!(
            verstat(b"tel:+1555;verstat=TN-Validation-Passed-A"),
            Some(Verstat::Passed)
        );
        assert_eq!(
            verstat(b"sip:+1555;verstat=tn-validation-failed@x;user=phone"),
            Some(Verstat::Failed)
        );
        assert_eq!(
            verstat(b"sip:+1@x;verstat=No-TN-Validation"),
            Some(Verstat::None)
        );
        assert_eq!(verstat(b"sip:+1@x"), None);
    }
}
