//! Legacy: the signature of RFC 4474, which networks still carry.
//!
//! In: [`Facts`] of a message whose Identity is of that form. Out: the string that was signed, and
//! how. It is RSA over From, To, Call-ID, CSeq, Date, Contact and the body, so whoever touches one
//! of them breaks it.
//!
//! # References
//! - RFC 4474 §9 (digest-string), §6; RFC 6072 registered rsa-sha256

use super::facts::Facts;
use super::signature::Algorithm;
use crate::sip::value::{Address, CSeq, param};

/// What Identity-Info says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityInfo {
    /// The certificate's URL.
    pub url: String,
    /// How it was signed; `None` for algorithms that are not known here.
    pub algorithm: Option<Algorithm>,
}

/// Reads an Identity-Info value.
pub fn identity_info(value: &[u8]) -> Option<IdentityInfo> {
    let address = Address::parse(value)?;
    let algorithm = param(address.params, b"alg").unwrap_or_default();
    Some(IdentityInfo {
        url: String::from_utf8_lossy(address.uri).into_owned(),
        algorithm: if algorithm.eq_ignore_ascii_case(b"rsa-sha1") {
            Some(Algorithm::RsaSha1)
        } else if algorithm.eq_ignore_ascii_case(b"rsa-sha256") {
            Some(Algorithm::RsaSha256)
        } else {
            None
        },
    })
}

/// The digest-string of RFC 4474 §9; `None` where a part of it was not captured.
pub fn digest_string(facts: &Facts<'_>) -> Option<Vec<u8>> {
    let parts = facts.legacy.filter(|_| facts.has_whole_body)?;
    let cseq = CSeq::parse(parts.cseq);
    let number = cseq.number?.to_string();
    // One blank stands between number and method, however it was sent.
    let cseq = [number.as_bytes(), b" ", cseq.method].concat();
    let fields: [&[u8]; 7] = [
        facts.from?,
        facts.to?,
        parts.call_id,
        &cseq,
        facts.date?,
        parts.contact,
        parts.body,
    ];
    Some(fields.join(&b'|'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stir::facts::LegacyParts;
    use crate::stir::testing;

    #[test]
    fn the_signed_string_joins_its_parts_by_bars() {
        let mut facts = testing::facts();
        facts.from = Some(b"sip:alice@example.com");
        facts.to = Some(b"sip:bob@example.org");
        facts.legacy = Some(LegacyParts {
            call_id: b"a84b4c76e66710",
            cseq: b"314159   INVITE",
            contact: b"",
            body: b"v=0\r\n",
        });
        assert_eq!(
            digest_string(&facts).unwrap(),
            b"sip:alice@example.com|sip:bob@example.org|a84b4c76e66710|314159 INVITE|\
              Mon, 21 Sep 2026 14:13:20 GMT||v=0\r\n"
        );
        facts.has_whole_body = false;
        assert_eq!(digest_string(&facts), None);
    }

    #[test]
    fn identity_info_names_certificate_and_algorithm() {
        let info = identity_info(b"<https://example.com/c.cer>;alg=RSA-SHA1").unwrap();
        assert_eq!(info.url, "https://example.com/c.cer");
        assert_eq!(info.algorithm, Some(Algorithm::RsaSha1));
        assert_eq!(
            identity_info(b"<https://x>;alg=md5").unwrap().algorithm,
            None
        );
    }
}
