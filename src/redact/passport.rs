//! PASSporTs: decoded, their values replaced, and encoded again.
//!
//! In: the value of an Identity field, or JSON. Out: the same, as long; a token whose numbers are
//! pseudonyms, and a signature that is none. It is replaced because it proves a guess: who has the
//! signer's certificate could try numbers until one verifies.
//!
//! Always: what does not decode is replaced whole.
//!
//! # References
//! - RFC 8224 §4, RFC 8225 §3 to §9, RFC 8588, RFC 8946, RFC 9795; RFC 4648 §5; RFC 8259

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::pseudonyms::Pseudonyms;
use super::text::{self, Say};

const ENGINE: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(true),
);

/// Claims whose values say nothing of anybody.
const PLAIN: [&str; 12] = [
    "alg", "typ", "ppt", "attest", "iat", "exp", "nbf", "opt", "hi", "rph", "alg-none", "auth",
];

/// A token, then parameters. RFC 4474 put it in quotes.
pub(super) fn identity(value: &mut [u8], to: &mut Pseudonyms) {
    let end = value
        .iter()
        .position(|byte| *byte == b';')
        .unwrap_or(value.len());
    let (token, parameters) = value.split_at_mut(end);
    self::token(token, to);
    text::scan(parameters, Say::LITTLE, to);
}

/// `header.payload.signature`, or `..signature`.
fn token(token: &mut [u8], to: &mut Pseudonyms) {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let start = token.iter().position(|byte| is_plain(*byte));
    let end = token.iter().rposition(|byte| is_plain(*byte));
    let (Some(start), Some(end)) = (start, end) else {
        return;
    };
    let Some(token) = token.get_mut(start..=end) else {
        return;
    };
    let dots = token.iter().filter(|byte| **byte == b'.').count();
    if dots != 2 {
        return opaque_part(token, to);
    }
    for (at, part) in token.split_mut(|byte| *byte == b'.').enumerate() {
        if at == 2 || !decoded(part, to) {
            opaque_part(part, to);
        }
    }
}

/// The last character may hold fewer bits than it has room for: it stays, or its text decodes no more.
fn opaque_part(part: &mut [u8], to: &mut Pseudonyms) {
    let len = part.len().saturating_sub(1);
    if let Some(part) = part.get_mut(..len) {
        to.opaque(part);
    }
}

/// Replaces the values in a part that decodes to JSON; false if it does not.
fn decoded(part: &mut [u8], to: &mut Pseudonyms) -> bool {
    let Ok(mut json) = ENGINE.decode(&*part) else {
        return false;
    };
    if json.first() != Some(&b'{') || std::str::from_utf8(&json).is_err() {
        return false;
    }
    self::json(&mut json, to);
    let encoded = ENGINE.encode(&json);
    if encoded.len() != part.len() {
        return false;
    }
    part.copy_from_slice(encoded.as_bytes());
    true
}

/// Replaces the values in JSON, by what they are the values of.
pub(super) fn json(json: &mut [u8], to: &mut Pseudonyms) {
    let mut key: Vec<u8> = Vec::new();
    let mut rest = json;
    while let Some(first) = rest.first().copied() {
        if first == b'"' {
            let len = string_len(rest);
            let (string, next) = rest.split_at_mut(len);
            let inside = string.len().saturating_sub(1).max(1);
            let is_key = next.trim_ascii_start().first() == Some(&b':');
            if let Some(inside) = string.get_mut(1..inside) {
                if is_key {
                    key = inside.to_vec();
                    let is_known = to.words.has(inside)
                        || PLAIN.iter().any(|plain| plain.as_bytes() == inside);
                    if !is_known {
                        text::scan(inside, Say::LITTLE, to);
                    }
                } else {
                    value(&key, inside, to);
                }
            }
            rest = next;
            continue;
        }
        let len = rest
            .iter()
            .position(|byte| *byte == b'"')
            .unwrap_or(rest.len());
        let (between, next) = rest.split_at_mut(len);
        // Numbers, true, false, null.
        if !PLAIN.iter().any(|plain| plain.as_bytes() == key) {
            text::scan(between, Say::CODES, to);
        }
        rest = next;
    }
}

/// Bytes of the string that begins here, with its quotes.
fn string_len(text: &[u8]) -> usize {
    let mut at = 1;
    while let Some(byte) = text.get(at) {
        match byte {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    text.len()
}

fn value(key: &[u8], value: &mut [u8], to: &mut Pseudonyms) {
    match key {
        b"tn" if !value.contains(&b'\\') => text::user(value, to),
        b"origid" | b"dig" | b"rcdi" | b"jti" => to.opaque(value),
        b"tn" | b"nam" | b"fn" | b"crn" => escaped(value, Say::NOTHING, to),
        b"iat" | b"exp" | b"nbf" => text::scan(value, Say::NUMBERS, to),
        _ if PLAIN.iter().any(|plain| plain.as_bytes() == key) => {
            text::scan(value, Say::CODES, to);
        }
        _ => escaped(value, Say::LITTLE, to),
    }
}

/// Goes through a string; what is escaped in it is passed, and letters written as `\uXXXX` all become one.
fn escaped(value: &mut [u8], say: Say, to: &mut Pseudonyms) {
    let mut rest = value;
    loop {
        let escape = rest
            .windows(2)
            .position(|two| matches!(two, [b'\\', b'u' | b'n' | b'r' | b't' | b'b' | b'f']));
        let Some(at) = escape else {
            return text::scan(rest, say, to);
        };
        let (before, behind) = rest.split_at_mut(at);
        text::scan(before, say, to);
        let len = if behind.get(1) == Some(&b'u') { 6 } else { 2 };
        let (escape, next) = behind.split_at_mut(len.min(behind.len()));
        if let Some(digits) = escape.get_mut(2..6) {
            digits.copy_from_slice(b"0078");
        }
        rest = next;
    }
}

#[cfg(test)]
mod tests {
    use super::super::key::Key;
    use super::*;
    use crate::limits::Limits;

    #[test]
    fn json_with_escaped_letters_stays_json_and_says_none_of_them() {
        let mut text = br#"{"nam":"\u005aelda\u0020Quixote\nZelda","orig":{"tn":"1215\u0035551266"},"u":"https:\/\/zelda.net"}"#.to_vec();
        let mut pseudonyms = Pseudonyms::new(Key::new(b"k"), &Limits::default());
        pseudonyms.settle();
        json(&mut text, &mut pseudonyms);
        let parsed: serde_json::Value = serde_json::from_slice(&text).unwrap();
        let name = parsed["nam"].as_str().unwrap().to_lowercase();
        for left in ["z", "elda", "quixote"] {
            assert!(!name.starts_with(left) && !name.contains("elda"), "{name}");
        }
        let number = parsed["orig"]["tn"].as_str().unwrap();
        assert!(
            !number.contains("551266") && !number.contains("1215"),
            "{number}"
        );
        assert!(parsed["u"].as_str().unwrap().starts_with("https://"));
    }
}
