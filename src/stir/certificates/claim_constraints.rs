//! Claim constraints: what a certificate lets its tokens say.
//!
//! In: the bytes of `JWTClaimConstraints`, or of its enhanced form. Out: [`ClaimConstraints`], and
//! what of a token's claims breaks them. Values are compared as text; a claim that is no text, as
//! the JSON it is.
//!
//! Capped: [`MOST`] names, and values.
//!
//! # References
//! - RFC 8226 §8 (`mustInclude`, `permittedValues`); RFC 9118 §3 (`mustExclude`)

use serde_json::{Map, Value};

use super::tlv;

/// Names, and values of one name, that are looked at.
pub const MOST: usize = 256;

/// `UTF8String`.
const UTF8_STRING: u8 = 0x0c;

/// What a certificate lets its tokens say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClaimConstraints {
    must_include: Vec<String>,
    permitted: Vec<(String, Vec<String>)>,
    must_exclude: Vec<String>,
}

impl ClaimConstraints {
    /// Reads either form; `None` if it cannot be read as one.
    pub fn parse(extension: &[u8]) -> Option<Self> {
        let mut found = Self::default();
        for part in tlv::elements(tlv::only(extension, tlv::SEQUENCE)?) {
            // The module tags explicitly.
            let list = tlv::only(part.value, tlv::SEQUENCE)?;
            match part.tag {
                0xa0 => found.must_include = names(list)?,
                0xa1 => found.permitted = values(list)?,
                0xa2 => found.must_exclude = names(list)?,
                _ => return None,
            }
        }
        (found != Self::default()).then_some(found)
    }

    /// What of `claims` it does not allow, the first of them.
    pub fn broken_by(&self, claims: &Map<String, Value>) -> Option<String> {
        let missing = self
            .must_include
            .iter()
            .find(|name| !claims.contains_key(*name));
        if let Some(name) = missing {
            return Some(format!("claim {name} must be there and is not"));
        }
        let excluded = self
            .must_exclude
            .iter()
            .find(|name| claims.contains_key(*name));
        if let Some(name) = excluded {
            return Some(format!("claim {name} must not be there and is"));
        }
        self.permitted.iter().find_map(|(name, values)| {
            let said = match claims.get(name)? {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            let allowed = values.join(", ");
            (!values.contains(&said)).then(|| format!("{name} may be {allowed}, and is {said}"))
        })
    }
}

fn names(list: &[u8]) -> Option<Vec<String>> {
    let name = |element: tlv::Element<'_>| text(element, tlv::IA5_STRING);
    tlv::elements(list).take(MOST).map(name).collect()
}

fn values(list: &[u8]) -> Option<Vec<(String, Vec<String>)>> {
    let of_name = |element: tlv::Element<'_>| {
        let parts = Some(element).filter(|element| element.tag == tlv::SEQUENCE)?;
        let name = tlv::first(parts.value)?;
        let values = tlv::only(name.rest, tlv::SEQUENCE)?;
        let value = |element: tlv::Element<'_>| text(element, UTF8_STRING);
        let values: Option<Vec<_>> = tlv::elements(values).take(MOST).map(value).collect();
        Some((text(name, tlv::IA5_STRING)?, values?))
    };
    tlv::elements(list).take(MOST).map(of_name).collect()
}

fn text(element: tlv::Element<'_>, tag: u8) -> Option<String> {
    let bytes = Some(element.value).filter(|_| element.tag == tag)?;
    std::str::from_utf8(bytes).ok().map(ToOwned::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `attest` must be there, and be B or C; `rcd` must not.
    const BYTES: &[u8] = &[
        0x30, 43, //
        0xa0, 10, 0x30, 8, 0x16, 6, b'a', b't', b't', b'e', b's', b't', //
        0xa1, 20, 0x30, 18, 0x30, 16, 0x16, 6, b'a', b't', b't', b'e', b's', b't', 0x30, 6, 0x0c,
        1, b'B', 0x0c, 1, b'C', //
        0xa2, 7, 0x30, 5, 0x16, 3, b'r', b'c', b'd',
    ];

    #[test]
    fn each_kind_of_constraint_says_what_breaks_it() {
        let constraints = ClaimConstraints::parse(BYTES).unwrap();
        let broken = |claims: Value| constraints.broken_by(claims.as_object().unwrap());
        assert_eq!(broken(serde_json::json!({"attest": "B", "iat": 1})), None);
        for (claims, words) in [
            (
                serde_json::json!({}),
                "claim attest must be there and is not",
            ),
            (
                serde_json::json!({"attest": "A"}),
                "attest may be B, C, and is A",
            ),
            (
                serde_json::json!({"attest": 1}),
                "attest may be B, C, and is 1",
            ),
            (
                serde_json::json!({"attest": "B", "rcd": {}}),
                "claim rcd must not be there and is",
            ),
        ] {
            assert_eq!(broken(claims).as_deref(), Some(words));
        }
    }

    #[test]
    fn what_is_none_is_not_read() {
        for bytes in [
            &[][..],
            &[0x30, 0],
            &[0x30, 2, 0xa3, 0],
            &[0x30, 4, 0xa0, 2, 0x30, 1],
            BYTES.get(..30).unwrap(),
        ] {
            assert_eq!(ClaimConstraints::parse(bytes), None, "{bytes:?}");
        }
    }
}
