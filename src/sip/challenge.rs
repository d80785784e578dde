//! Challenges: the parameters of WWW-Authenticate, Proxy-Authenticate and their answers.
//!
//! # References
//! - RFC 3261 §20.44, §25.1 (grammar); RFC 7616 §3.3

use super::value::{is_space, list, trim};

/// The value of parameter `name` (lower case) of a challenge or of credentials, quotes taken off.
/// Escapes in it stay as they were sent.
pub fn auth_param<'a>(value: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    list(value).find_map(|item| {
        let equals = memchr::memchr(b'=', item)?;
        let (key, value) = item.split_at_checked(equals)?;
        // The scheme stands before the first parameter.
        let key = trim(key).rsplit(|&b| is_space(b)).next()?;
        if !key.eq_ignore_ascii_case(name) {
            return None;
        }
        let value = trim(value.get(1..)?);
        let unquoted = value
            .strip_prefix(b"\"")
            .and_then(|value| value.strip_suffix(b"\""));
        Some(unquoted.unwrap_or(value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: &str, name: &str, expected: Option<&str>) {
        let found = auth_param(value.as_bytes(), name.as_bytes());
        assert_eq!(found, expected.map(str::as_bytes), "{name} of {value}");
    }

    #[test]
    fn parameters_are_found_behind_the_scheme_and_between_commas() {
        let challenge = "Digest  realm=\"a, b=c\",nonce=\"x\" , STALE = TRUE, opaque=\"\"";
        check(challenge, "realm", Some("a, b=c"));
        check(challenge, "nonce", Some("x"));
        check(challenge, "stale", Some("TRUE"));
        check(challenge, "opaque", Some(""));
        check(challenge, "b", None);
        check(challenge, "qop", None);
    }

    #[test]
    fn what_is_no_challenge_has_no_parameters() {
        for value in ["", "Digest", "=", "Digest =x", ",,,", "\"realm=x"] {
            check(value, "realm", None);
        }
    }
}
