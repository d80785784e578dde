//! Canonical: the PASSporT that a compact form stands for, rebuilt from the message.
//!
//! In: numbers or URIs for `orig` and `dest`, a time, the certificate's URL, media keys. Out: the
//! text that was signed, `header.payload`. Members are sorted, there is no white space, numbers
//! are whole. Only the baseline claims can be rebuilt: `origid` of SHAKEN, say, is nowhere else in
//! the message.
//!
//! # References
//! - RFC 8225 §7 and §9; RFC 8224 §4.1, §6.2

use super::encoding::encode;
use super::fingerprint::Fingerprint;
use super::number::Party;

/// What a baseline PASSporT says.
#[derive(Clone, Copy, Debug)]
pub struct Claims<'a> {
    /// Who calls.
    pub orig: &'a Party,
    /// Who is called.
    pub dest: &'a Party,
    /// Seconds since 1970.
    pub iat: i64,
    /// Whether `iat` is written as a JSON string, as the published examples have it.
    pub iat_as_text: bool,
    /// The certificate's URL.
    pub x5u: &'a str,
    /// DTLS fingerprints of the SDP.
    pub keys: &'a [Fingerprint<'a>],
}

/// The text that an ES256 signature of these claims is over.
pub fn signing_input(claims: &Claims<'_>) -> Option<String> {
    let header = format!(
        r#"{{"alg":"ES256","typ":"passport","x5u":{}}}"#,
        json(claims.x5u)?
    );
    let dest = match claims.dest {
        Party::Number(digits) => format!(r#"{{"tn":[{}]}}"#, json(digits)?),
        Party::Uri(uri) => format!(r#"{{"uri":[{}]}}"#, json(uri)?),
        Party::Anonymous => return None,
    };
    let orig = match claims.orig {
        Party::Number(digits) => format!(r#"{{"tn":{}}}"#, json(digits)?),
        Party::Uri(uri) => format!(r#"{{"uri":{}}}"#, json(uri)?),
        Party::Anonymous => return None,
    };
    let quote = if claims.iat_as_text { "\"" } else { "" };
    let iat = claims.iat;
    let keys = media_keys(claims.keys)?;
    let payload = format!(r#"{{"dest":{dest},"iat":{quote}{iat}{quote},{keys}"orig":{orig}}}"#);
    Some(format!(
        "{}.{}",
        encode(header.as_bytes()),
        encode(payload.as_bytes())
    ))
}

/// `"mky":[…],`, or nothing.
fn media_keys(keys: &[Fingerprint<'_>]) -> Option<String> {
    if keys.is_empty() {
        return Some(String::new());
    }
    let mut canonical: Vec<String> = keys.iter().map(Fingerprint::canonical).collect();
    canonical.sort();
    canonical.dedup();
    let members: Option<Vec<String>> = canonical
        .iter()
        .map(|key| {
            let (algorithm, digest) = key.split_once(' ')?;
            Some(format!(
                r#"{{"alg":{},"dig":{}}}"#,
                json(algorithm)?,
                json(digest)?
            ))
        })
        .collect();
    Some(format!(r#""mky":[{}],"#, members?.join(",")))
}

/// `text` as a JSON string.
fn json(text: &str) -> Option<String> {
    serde_json::to_string(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The token of RFC 8225 §7.1, without its signature.
    const PUBLISHED: &str = "eyJhbGciOiJFUzI1NiIsInR5cCI6InBhc3Nwb3J0IiwieDV1IjoiaHR0cHM6Ly9jZXJ0LmV4YW1wbGUub3JnL3Bhc3Nwb3J0LmNlciJ9.eyJkZXN0Ijp7InVyaSI6WyJzaXA6YWxpY2VAZXhhbXBsZS5jb20iXX0sImlhdCI6IjE0NDMyMDgzNDUiLCJvcmlnIjp7InRuIjoiMTIxNTU1NTEyMTIifX0";

    #[test]
    fn the_published_token_is_rebuilt_to_the_letter() {
        let claims = Claims {
            orig: &Party::Number("12155551212".to_owned()),
            dest: &Party::Uri("sip:alice@example.com".to_owned()),
            iat: 1_443_208_345,
            iat_as_text: true,
            x5u: "https://cert.example.org/passport.cer",
            keys: &[],
        };
        assert_eq!(signing_input(&claims).as_deref(), Some(PUBLISHED));
        let numeric = Claims {
            iat_as_text: false,
            ..claims
        };
        assert_ne!(signing_input(&numeric).as_deref(), Some(PUBLISHED));
    }

    #[test]
    fn media_keys_stand_sorted_between_iat_and_orig() {
        let key = |digest| Fingerprint {
            algorithm: b"SHA-256",
            digest,
        };
        let text = media_keys(&[key(b"bb:CC"), key(b"AA")]).unwrap();
        assert_eq!(
            text,
            r#""mky":[{"alg":"sha-256","dig":"AA"},{"alg":"sha-256","dig":"BBCC"}],"#
        );
    }

    #[test]
    fn nothing_is_rebuilt_for_a_caller_who_is_withheld() {
        let claims = Claims {
            orig: &Party::Anonymous,
            dest: &Party::Number("1".to_owned()),
            iat: 0,
            iat_as_text: false,
            x5u: "",
            keys: &[],
        };
        assert_eq!(signing_input(&claims), None);
    }
}
