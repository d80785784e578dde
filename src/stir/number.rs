//! Number: telephone numbers and URIs in the one form in which they can be compared.
//!
//! In: a `tn` claim, or a URI of From, P-Asserted-Identity, To or the request line. Out: a
//! [`Party`], and how alike two of them are ([`Level`]). A verifier compares canonical forms;
//! which of them it strips differs from one to the next, and so a difference of mere form is told
//! apart from another number.
//!
//! # References
//! - RFC 8224 §8.1, §8.3 (numbers), §8.5 (URIs); RFC 3966 §5 (`tel`)

use crate::sip::value::{Uri, trim};

/// Digits at the end that must agree for two numbers to be one in another format.
const SUFFIX: usize = 7;

/// Digits a canonical number may have; E.164 has 15, prefixes come on top.
const MOST_DIGITS: usize = 40;

/// A number or a URI in canonical form.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Party {
    /// Digits, `#` and `*`.
    Number(String),
    /// A URI: scheme, user and host in lower case.
    Uri(String),
    /// A URI that withholds who it is (RFC 3323 and its kin).
    Anonymous,
}

impl std::fmt::Display for Party {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(text) | Self::Uri(text) => f.write_str(text),
            Self::Anonymous => f.write_str("anonymous"),
        }
    }
}

/// How alike two numbers are, most alike first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// The same canonical form.
    Equal,
    /// One is the other with a country code before it.
    EqualWithCc,
    /// One is the other with a dialling prefix before it.
    PrefixStrip,
    /// The last seven digits or more agree, and one of the two may be no whole number.
    Suffix,
    /// Different numbers, or different kinds of thing.
    Different,
}

impl Level {
    /// The name reports use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Equal => "equal",
            Self::EqualWithCc => "equal but for the country code",
            Self::PrefixStrip => "equal but for a dialling prefix",
            Self::Suffix => "equal in the last digits only",
            Self::Different => "different",
        }
    }

    /// Another form of what may well be the same number.
    pub const fn is_format(self) -> bool {
        matches!(self, Self::EqualWithCc | Self::PrefixStrip | Self::Suffix)
    }
}

/// The canonical form of a `tn` claim, or of dialled digits; `None` if no digit is left.
pub fn number(text: &[u8]) -> Option<Party> {
    let end = text.iter().position(|&b| b == b';').unwrap_or(text.len());
    let text = text.get(..end).unwrap_or(text);
    let mut digits = String::with_capacity(text.len().min(MOST_DIGITS));
    for byte in octets(text) {
        if (byte.is_ascii_digit() || matches!(byte, b'#' | b'*')) && digits.len() < MOST_DIGITS {
            digits.push(char::from(byte));
        }
    }
    let has_digit = digits.bytes().any(|b| b.is_ascii_digit());
    has_digit.then_some(Party::Number(digits))
}

/// The octets that a user part stands for: `%23` is `#`, `%2B` is `+` (RFC 3261 §19.1.2). A `%` that
/// begins no escape stays.
fn octets(text: &[u8]) -> impl Iterator<Item = u8> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (&byte, tail) = rest.split_first()?;
        rest = tail;
        if byte == b'%'
            && let [high, low, tail @ ..] = rest
            && let (Some(high), Some(low)) = (hex(*high), hex(*low))
        {
            rest = tail;
            return Some(high * 16 + low);
        }
        Some(byte)
    })
}

fn hex(byte: u8) -> Option<u8> {
    char::from(byte)
        .to_digit(16)
        .and_then(|d| u8::try_from(d).ok())
}

/// Who a URI names. `None` if it is none.
///
/// RFC 8224 §8.1: `tel`, or `user=phone`, is a number; else local policy decides, and ours takes
/// a user that could be dialled.
pub fn party(uri: &[u8]) -> Option<Party> {
    let uri = trim(uri);
    let parts = Uri::parse(uri)?;
    if parts.scheme.eq_ignore_ascii_case(b"tel") {
        return number(parts.user);
    }
    let is_sip =
        parts.scheme.eq_ignore_ascii_case(b"sip") || parts.scheme.eq_ignore_ascii_case(b"sips");
    if !is_sip {
        return Some(Party::Uri(lower(uri)));
    }
    if is_anonymous(&parts) {
        return Some(Party::Anonymous);
    }
    let is_phone = crate::sip::value::param(parts.params, b"user")
        .is_some_and(|user| user.eq_ignore_ascii_case(b"phone"));
    if (is_phone || is_dialable(parts.user))
        && let Some(number) = number(parts.user)
    {
        return Some(number);
    }
    // Password, port, parameters and headers are no part of who it is (RFC 8224 §8.5).
    let scheme = lower(parts.scheme);
    let (user, host) = (unescaped(parts.user), lower(parts.host.host));
    Some(Party::Uri(if user.is_empty() {
        format!("{scheme}:{host}")
    } else {
        format!("{scheme}:{user}@{host}")
    }))
}

fn is_anonymous(parts: &Uri<'_>) -> bool {
    let user = parts.user;
    parts.host.host.eq_ignore_ascii_case(b"anonymous.invalid")
        || user.eq_ignore_ascii_case(b"anonymous")
        || user.eq_ignore_ascii_case(b"restricted")
        || user.eq_ignore_ascii_case(b"unavailable")
}

/// Whether a user part could be dialled: digits with or without the visual separators of
/// RFC 3966 §5.1.1, its parameters left out, escaped or not.
fn is_dialable(user: &[u8]) -> bool {
    let end = user.iter().position(|&b| b == b';').unwrap_or(user.len());
    let user = user.get(..end).unwrap_or(user);
    let is_part = |b: u8| b.is_ascii_digit() || b"+-.()#*".contains(&b);
    !user.is_empty() && octets(user).all(is_part)
}

fn lower(text: &[u8]) -> String {
    String::from_utf8_lossy(text).to_lowercase()
}

/// In lower case, with escapes of unreserved characters undone (RFC 8224 §8.5).
fn unescaped(text: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte == b'%'
            && let [high, low, tail @ ..] = rest
            && let (Some(high), Some(low)) = (hex(*high), hex(*low))
        {
            let value = high * 16 + low;
            if value.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&value) {
                bytes.push(value);
                rest = tail;
                continue;
            }
        }
        bytes.push(byte);
    }
    lower(&bytes)
}

/// How alike two parties are. Only numbers have degrees.
pub fn compare(a: &Party, b: &Party) -> Level {
    let (Party::Number(a), Party::Number(b)) = (a, b) else {
        return if a == b {
            Level::Equal
        } else {
            Level::Different
        };
    };
    if a == b {
        return Level::Equal;
    }
    // Short numbers are services: that 911 ends a number says nothing.
    let is_service = |digits: &str| digits.trim_start_matches('0').len() < SUFFIX;
    if is_service(a) || is_service(b) {
        return Level::Different;
    }
    // A prefix of one may take the place of the other's country code, so length does not tell
    // which of them is the longer form.
    if differ_by_country_code(a, b) || differ_by_country_code(b, a) {
        return Level::EqualWithCc;
    }
    if differ_by_prefix(a, b) || differ_by_prefix(b, a) {
        return Level::PrefixStrip;
    }
    // One of them may be a local form, or stand behind a prefix that is not known here. Two that are
    // equally long, and both national or both not, are two subscribers whose numbers end alike.
    if a.len() == b.len() && is_national(a) == is_national(b) {
        return Level::Different;
    }
    let common = a
        .bytes()
        .rev()
        .zip(b.bytes().rev())
        .take_while(|(a, b)| a == b)
        .count();
    if common >= SUFFIX {
        Level::Suffix
    } else {
        Level::Different
    }
}

/// Whether digits can be no whole number of E.164: none begins with 0, the trunk prefix of most
/// plans, or with a service code.
fn is_national(digits: &str) -> bool {
    digits.starts_with(['0', '*', '#'])
}

/// One is the other plus a country code, a leading 0 of the national form left out (8 within
/// country code 7).
fn differ_by_country_code(longer: &str, shorter: &str) -> bool {
    let Some(national) = country_code_digits(longer).and_then(|digits| longer.get(digits..)) else {
        return false;
    };
    national == shorter
        || shorter.strip_prefix('0') == Some(national)
        || (longer.starts_with('7') && shorter.strip_prefix('8') == Some(national))
}

/// Digits of the country code that an international number begins with (ITU-T E.164 zones).
pub(crate) fn country_code_digits(number: &str) -> Option<usize> {
    let mut digits = number.bytes();
    Some(match (digits.next(), digits.next()) {
        (Some(b'1' | b'7'), _) => 1,
        (Some(b'2'), Some(b'0' | b'7'))
        | (Some(b'3'), Some(b'0'..=b'4' | b'6' | b'9'))
        | (Some(b'4'), Some(b'0' | b'1' | b'3'..=b'9'))
        | (Some(b'5'), Some(b'1'..=b'8'))
        | (Some(b'6'), Some(b'0'..=b'6'))
        | (Some(b'8'), Some(b'1' | b'2' | b'4' | b'6'))
        | (Some(b'9'), Some(b'0'..=b'5' | b'8')) => 2,
        (Some(b'2'..=b'9'), Some(b'0'..=b'9')) => 3,
        // An exit code or trunk prefix.
        _ => return None,
    })
}

/// One is the other behind a prefix that a dial plan adds: an exit code, a trunk's 9 or 0, or a
/// technical prefix that ends in `#`.
fn differ_by_prefix(longer: &str, shorter: &str) -> bool {
    let rests = ["9011", "011", "900", "00", "9", "0"]
        .into_iter()
        .filter_map(|prefix| longer.strip_prefix(prefix))
        .chain(longer.rsplit_once('#').map(|(_, rest)| rest));
    rests.filter(|rest| rest.len() >= SUFFIX).any(|rest| {
        rest == shorter
            || (rest.len() > shorter.len() && differ_by_country_code(rest, shorter))
            || (rest.len() < shorter.len() && differ_by_country_code(shorter, rest))
    })
}

/// Whether it is a service for emergencies, which networks rewrite as they must (RFC 8224 §8.3).
pub fn is_emergency(party: &Party) -> bool {
    match party {
        Party::Number(digits) => matches!(
            digits.as_str(),
            "911" | "112" | "999" | "933" | "000" | "110" | "119"
        ),
        Party::Uri(uri) => uri.starts_with("urn:service:"),
        Party::Anonymous => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(uri: &str) -> String {
        party(uri.as_bytes()).map_or_else(
            || "-".to_owned(),
            |party| match party {
                Party::Number(digits) => format!("tn {digits}"),
                Party::Uri(uri) => format!("uri {uri}"),
                Party::Anonymous => "anonymous".to_owned(),
            },
        )
    }

    #[test]
    fn numbers_are_canonical_digits_wherever_they_stand() {
        for uri in [
            "tel:+1-215-555-1212",
            "tel:+12155551212;npdi;rn=+12155550000",
            "sip:+12155551212@example.com;user=phone",
            "sip:12155551212@10.0.0.1:5060",
            "sips:+1(215)555.1212;ext=22@example.com;user=phone",
            "SIP:+1%32155551212@example.com;user=PHONE",
            "sip:%2B1%32155551212@example.com",
        ] {
            assert_eq!(canonical(uri), "tn 12155551212", "{uri}");
        }
        assert_eq!(
            canonical("sip:9%2312155551212@x;user=phone"),
            "tn 9#12155551212"
        );
        assert_eq!(canonical("sip:9%2312155551212@x"), "tn 9#12155551212");
        assert_eq!(
            canonical("sip:1%zz2155551212@x"),
            "uri sip:1%zz2155551212@x"
        );
        assert_eq!(canonical("tel:911"), "tn 911");
    }

    #[test]
    fn other_uris_keep_scheme_user_and_host_in_lower_case() {
        assert_eq!(
            canonical("sip:Alice%2DX:secret@Example.COM:5070;transport=tcp?subject=x"),
            "uri sip:alice-x@example.com"
        );
        assert_eq!(canonical("urn:service:SOS"), "uri urn:service:sos");
        assert_eq!(canonical("sip:gw.example.com"), "uri sip:gw.example.com");
        assert_eq!(canonical("sip:a%40b@x"), "uri sip:a%40b@x");
    }

    #[test]
    fn a_withheld_identity_is_no_number_and_no_uri_to_compare() {
        assert_eq!(canonical("sip:anonymous@anonymous.invalid"), "anonymous");
        assert_eq!(canonical("sip:Anonymous@192.0.2.1"), "anonymous");
    }

    #[track_caller]
    fn level(a: &str, b: &str, expected: Level) {
        let (a, b) = (number(a.as_bytes()).unwrap(), number(b.as_bytes()).unwrap());
        assert_eq!(compare(&a, &b), expected, "{a} {b}");
        assert_eq!(compare(&b, &a), expected, "{b} {a}");
    }

    #[test]
    fn numbers_that_differ_by_a_country_code_are_told() {
        level("+12155551212", "2155551212", Level::EqualWithCc);
        level("+493012345678", "03012345678", Level::EqualWithCc);
        level("+390612345678", "0612345678", Level::EqualWithCc);
        level("+358401234567", "0401234567", Level::EqualWithCc);
        level("+442071234567", "02071234567", Level::EqualWithCc);
        level("+74951234567", "84951234567", Level::EqualWithCc);
    }

    #[test]
    fn numbers_that_differ_by_a_dialling_prefix_are_told() {
        level("01112155551212", "12155551212", Level::PrefixStrip);
        level("00442071234567", "442071234567", Level::PrefixStrip);
        level("912155551212", "12155551212", Level::PrefixStrip);
        level("77*1#12155551212", "12155551212", Level::PrefixStrip);
        level("92155551212", "12155551212", Level::PrefixStrip);
    }

    #[test]
    fn equal_ends_are_a_format_and_six_digits_are_not_enough() {
        level("12155551212", "5551212", Level::Suffix);
        level("12155551212", "13126551212", Level::Different);
        level("02155551212", "3125551212", Level::Suffix);
        level("12155551212", "777712155551212", Level::Suffix);
        level("12155551212", "777712155551", Level::Different);
        level("12155551212", "551212", Level::Different);
    }

    #[test]
    fn two_whole_numbers_that_end_alike_are_two_numbers() {
        level("12155551212", "13125551212", Level::Different);
        level("18005550173", "12025550173", Level::Different);
        level("2155551212", "3125551212", Level::Different);
        level("02155551212", "03125551212", Level::Different);
        // A trunk prefix and another trunk's, a national form and a whole number.
        level("03155551212", "12155551212", Level::Suffix);
    }

    #[test]
    fn services_are_not_the_end_of_a_longer_number() {
        level("911", "12155550911", Level::Different);
        level("911", "911", Level::Equal);
        level("000000911", "12155550911", Level::Different);
    }

    #[test]
    fn a_number_and_a_uri_are_different() {
        let (a, b) = (
            number(b"12155551212").unwrap(),
            party(b"sip:alice@x").unwrap(),
        );
        assert_eq!(compare(&a, &b), Level::Different);
    }
}
