//! Leaks: whether anything of the input is left in the output.
//!
//! In: the values that the first reading found, and bytes. Out: the first value found in them, in
//! whatever form: as text, packed, escaped with `%`, in base64, in hexadecimal digits, or compressed.
//! It shares nothing with the code that replaced them.
//!
//! A name that is a word of the protocols (`service`) or of less than [`LEAST`] letters is not looked
//! for, nor is a number of less than seven digits: those stand in messages that are nobody's.
//!
//! # References
//! - RFC 3986 §2.1, RFC 4648 §4, §5 and §8, RFC 1952

use std::io::Read as _;
use std::net::IpAddr;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use rustc_hash::FxHashSet;

use super::address;

/// Letters a name must have to be looked for.
const LEAST: usize = 3;

/// Digits a number must have to be looked for, and the most of those it is looked for with.
const DIGITS: std::ops::RangeInclusive<usize> = 7..=19;

/// Characters of base64 or hexadecimal digits that are decoded: shorter ones are text by chance.
const ENCODED: usize = 20;

/// Letters with which a name is looked for among bytes that are no text: random bytes spell shorter ones.
const SPELLED: usize = 6;

/// Characters in a row that make bytes a text.
const TEXT: usize = 16;

/// How often something may be encoded in something.
const MOST_NESTING: u8 = 3;

/// Bytes that are inflated of one stream.
const INFLATED: u64 = 1 << 20;

const CONFIG: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, CONFIG);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, CONFIG);

/// The values of a capture that must not be left.
#[derive(Clone, Debug)]
pub struct Values {
    numbers: FxHashSet<Vec<u8>>,
    names: FxHashSet<Vec<u8>>,
    addresses: FxHashSet<IpAddr>,
    cap: usize,
}

/// A value that is left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leak {
    /// A telephone number.
    Number(String),
    /// A user, a host, a word of a display name.
    Name(String),
    /// An address.
    Address(IpAddr),
}

impl std::fmt::Display for Leak {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(text) => write!(f, "the number {text}"),
            Self::Name(text) => write!(f, "the name {}", text.escape_debug()),
            Self::Address(address) => write!(f, "the address {address}"),
        }
    }
}

impl Values {
    /// None yet; at most `cap` of each kind.
    pub fn new(cap: usize) -> Self {
        Self {
            numbers: FxHashSet::default(),
            names: FxHashSet::default(),
            addresses: FxHashSet::default(),
            cap,
        }
    }

    /// A number, by its digits.
    pub fn number(&mut self, digits: &[u8]) {
        if DIGITS.contains(&digits.len()) && self.numbers.len() < self.cap {
            self.numbers.insert(digits.to_vec());
        }
    }

    /// A name.
    pub fn name(&mut self, text: &[u8]) {
        let letters = text
            .iter()
            .filter(|byte| byte.is_ascii_alphabetic())
            .count();
        if letters >= LEAST && self.names.len() < self.cap {
            self.names.insert(text.to_ascii_lowercase());
        }
    }

    /// An address that is somebody's.
    pub fn address(&mut self, address: IpAddr) {
        if self.addresses.len() < self.cap {
            self.addresses.insert(address);
        }
    }

    /// Not to be looked for any more: it is the pseudonym of another.
    pub(super) fn forget(&mut self, address: IpAddr) {
        self.addresses.remove(&address);
    }

    /// Whether a name is one of them.
    pub fn has_name(&self, text: &[u8]) -> bool {
        self.names.contains(&text.to_ascii_lowercase())
    }

    /// Whether the digits of a text are one of the numbers.
    pub fn has_number(&self, text: &[u8]) -> bool {
        let digits: Vec<u8> = text.iter().copied().filter(u8::is_ascii_digit).collect();
        self.numbers.contains(&digits)
    }

    /// Whether an address is one of them.
    pub fn has_address(&self, address: IpAddr) -> bool {
        self.addresses.contains(&address)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.numbers.len() + self.names.len() + self.addresses.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The first value that `bytes` show as text, however encoded.
    pub fn left_in(&self, bytes: &[u8]) -> Option<Leak> {
        self.left(bytes, MOST_NESTING)
    }

    fn left(&self, bytes: &[u8], depth: u8) -> Option<Leak> {
        if let Some(leak) = self.plain(bytes) {
            return Some(leak);
        }
        let depth = depth.checked_sub(1)?;
        if memchr::memchr(b'%', bytes).is_some()
            && let Some(leak) = self.left(&unescaped(bytes, b'%'), depth)
        {
            return Some(leak);
        }
        // Any `=` may stand before two digits, so only where it is said that they are an escape.
        if find_word(bytes, b"quoted-printable")
            && let Some(leak) = self.left(&unescaped(bytes, b'='), depth)
        {
            return Some(leak);
        }
        if let Some(leak) = self.encoded(bytes, depth) {
            return Some(leak);
        }
        let mut rest = bytes;
        while let Some(at) = memchr::memmem::find(rest, &[0x1f, 0x8b, 8]) {
            let stream = rest.get(at..).unwrap_or_default();
            let mut inflated = Vec::new();
            let inflater = flate2::read::GzDecoder::new(stream);
            // What inflates up to a fault is looked at, too.
            inflater
                .take(INFLATED)
                .read_to_end(&mut inflated)
                .unwrap_or_default();
            if let Some(leak) = self.left(&inflated, depth) {
                return Some(leak);
            }
            rest = stream.get(3..).unwrap_or_default();
        }
        None
    }

    /// What stands in `bytes` in base64 or in hexadecimal digits, where that is a text.
    fn encoded(&self, bytes: &[u8], depth: u8) -> Option<Leak> {
        let text = |decoded: &[u8]| {
            std::str::from_utf8(decoded)
                .is_ok_and(|text| !text.contains(|c: char| c.is_control() && !c.is_whitespace()))
        };
        let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/-_=".contains(byte);
        for run in runs(bytes, is_base64).filter(|run| run.len() >= ENCODED) {
            for engine in [&STANDARD, &URL_SAFE] {
                if let Ok(decoded) = engine.decode(run)
                    && text(&decoded)
                    && let Some(leak) = self.left(&decoded, depth)
                {
                    return Some(leak);
                }
            }
            if run.len().is_multiple_of(2)
                && let Some(decoded) = from_hex(run)
                && text(&decoded)
                && let Some(leak) = self.left(&decoded, depth)
            {
                return Some(leak);
            }
        }
        None
    }

    fn plain(&self, bytes: &[u8]) -> Option<Leak> {
        let number = |run: &[u8]| {
            let digits: Vec<u8> = run.iter().copied().filter(u8::is_ascii_digit).collect();
            self.numbers
                .contains(&digits)
                .then(|| Leak::Number(String::from_utf8_lossy(&digits).into_owned()))
        };
        if !self.numbers.is_empty() {
            for run in runs(bytes, u8::is_ascii_digit) {
                if let Some(leak) = number(run) {
                    return Some(leak);
                }
            }
            for run in runs(bytes, |byte| {
                byte.is_ascii_digit() || b"-.() ".contains(byte)
            }) {
                if let Some(leak) = number(run) {
                    return Some(leak);
                }
            }
        }
        let name = |run: &[u8]| {
            self.has_name(run)
                .then(|| Leak::Name(String::from_utf8_lossy(run).into_owned()))
        };
        if !self.names.is_empty() {
            let is_letter = |byte: &u8| byte.is_ascii_alphanumeric() || *byte >= 0x80;
            let is_shown = |byte: &u8| *byte >= 0x20 || byte.is_ascii_whitespace();
            for stretch in runs(bytes, is_shown) {
                let shown = stretch.iter().filter(|byte| byte.is_ascii()).count();
                let least = if shown >= TEXT || stretch.len() == bytes.len() {
                    0
                } else {
                    SPELLED
                };
                for run in runs(stretch, is_letter).filter(|run| run.len() >= least) {
                    if let Some(leak) = name(run) {
                        return Some(leak);
                    }
                }
                for run in runs(stretch, |byte| is_letter(byte) || b"._-~+".contains(byte)) {
                    let start = run.iter().position(&is_letter).unwrap_or(0);
                    let end = run.iter().rposition(&is_letter).map_or(0, |at| at + 1);
                    let run = run.get(start..end).filter(|run| run.len() >= least);
                    if let Some(leak) = run.and_then(name) {
                        return Some(leak);
                    }
                }
            }
        }
        self.address_in(bytes)
    }

    /// The first address that stands in `bytes` as text.
    fn address_in(&self, bytes: &[u8]) -> Option<Leak> {
        if self.addresses.is_empty() {
            return None;
        }
        let is_part = |byte: &u8| byte.is_ascii_hexdigit() || b":.".contains(byte);
        for run in runs(bytes, is_part).filter(|run| run.len() >= 4) {
            for text in [
                run,
                run.trim_ascii_end(),
                run.strip_suffix(b".").unwrap_or(run),
            ] {
                if let Some(address) = address::parse(text).filter(|it| self.has_address(*it)) {
                    return Some(Leak::Address(address));
                }
            }
            // Before a port, or behind a name's colon.
            for part in run.split(|byte| *byte == b':') {
                if let Some(address) = address::parse(part).filter(|it| self.has_address(*it)) {
                    return Some(Leak::Address(address));
                }
            }
        }
        None
    }

    /// The first address that stands packed anywhere in `bytes`. Four bytes may be one by chance.
    pub fn packed_in(&self, bytes: &[u8]) -> Option<Leak> {
        let v4 = bytes
            .windows(4)
            .filter_map(|octets| <[u8; 4]>::try_from(octets).ok());
        let v6 = bytes
            .windows(16)
            .filter_map(|octets| <[u8; 16]>::try_from(octets).ok());
        v4.map(IpAddr::from)
            .chain(v6.map(IpAddr::from))
            .find(|address| self.has_address(*address))
            .map(Leak::Address)
    }
}

/// Characters of a name with digits that is looked for in a report: shorter ones are its own words.
const MIXED: usize = 6;

impl Values {
    /// The first value found in what the program wrote itself: a report, a comment. A word or a number
    /// of its own may be somebody's name, or a number that somebody has. So words and bare numbers are
    /// looked for where a value stands, in URIs and behind a `+`; everywhere, addresses, names with
    /// dots or digits in them, and what is encoded.
    pub fn left_in_prose(&self, bytes: &[u8]) -> Option<Leak> {
        let is_between = |byte: &u8| byte.is_ascii_whitespace() || b"\"'`<>(),|".contains(byte);
        for token in runs(bytes, |byte| !is_between(byte)) {
            let is_value = token.contains(&b'@')
                || [&b"sip:"[..], b"sips:", b"tel:"]
                    .iter()
                    .any(|scheme| find_word(token, scheme))
                || token.windows(DIGITS.start() + 1).any(|window| {
                    window.split_first().is_some_and(|(plus, digits)| {
                        *plus == b'+' && digits.iter().all(u8::is_ascii_digit)
                    })
                });
            let leak = if is_value {
                self.left_in(token)
            } else {
                self.mixed_name(token)
                    .or_else(|| self.encoded(token, MOST_NESTING))
            };
            if leak.is_some() {
                return leak;
            }
        }
        self.address_in(bytes)
    }

    fn mixed_name(&self, token: &[u8]) -> Option<Leak> {
        let has = |run: &[u8], wanted: fn(&u8) -> bool| run.iter().any(wanted);
        let is_letter = |byte: &u8| byte.is_ascii_alphanumeric() || *byte >= 0x80;
        let dotted = runs(token, |byte| {
            byte.is_ascii_alphanumeric() || *byte >= 0x80 || b"._-~".contains(byte)
        });
        for run in dotted {
            let run = run.strip_suffix(b".").unwrap_or(run);
            let parts = runs(run, is_letter)
                .filter(|part| part.len() >= MIXED && has(part, u8::is_ascii_digit));
            let whole = Some(run).filter(|run| run.contains(&b'.'));
            for name in parts.chain(whole) {
                if has(name, u8::is_ascii_alphabetic) && self.has_name(name) {
                    return Some(Leak::Name(String::from_utf8_lossy(name).into_owned()));
                }
            }
        }
        None
    }
}

fn find_word(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len())
        .any(|window| window.eq_ignore_ascii_case(word))
}

/// The longest stretches of bytes that `is_part` takes.
fn runs<'a>(bytes: &'a [u8], is_part: impl Fn(&u8) -> bool + 'a) -> impl Iterator<Item = &'a [u8]> {
    bytes
        .split(move |byte| !is_part(byte))
        .filter(|run| !run.is_empty())
}

/// What `mark` and two digits stand for in place of them; behind `=` lines go on.
fn unescaped(bytes: &[u8], mark: u8) -> Vec<u8> {
    let mut plain = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((byte, tail)) = rest.split_first() {
        rest = tail;
        if mark == b'='
            && *byte == mark
            && let Some(next) = tail.strip_prefix(b"\r\n").or(tail.strip_prefix(b"\n"))
        {
            rest = next;
        } else if *byte == mark
            && let Some((digits, tail)) = tail.split_at_checked(2)
            && let Some([value]) = from_hex(digits).as_deref()
        {
            plain.push(*value);
            rest = tail;
        } else {
            plain.push(*byte);
        }
    }
    plain
}

fn from_hex(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    text.chunks_exact(2)
        .map(|pair| match pair {
            [high, low] => u8::try_from(digit(high)? * 16 + digit(low)?).ok(),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values() -> Values {
        let mut values = Values::new(100);
        values.number(b"12155551212");
        values.name(b"Alice");
        values.name(b"gw7.carrier.net");
        values.address("203.0.113.9".parse().unwrap());
        values.address("2001:db8::17".parse().unwrap());
        values
    }

    #[track_caller]
    fn found(bytes: &[u8]) {
        assert!(
            values().left_in(bytes).is_some(),
            "{}",
            bytes.escape_ascii()
        );
    }

    #[test]
    fn a_value_is_found_in_whatever_form_it_is_left() {
        found(b"<sip:+12155551212@x>");
        found(b"call +1 (215) 555-1212 now");
        found(b"x=%2B%31%32155551212");
        found(b"Content-Transfer-Encoding: Quoted-Printable\r\n\r\n=31=32=31=35555=\r\n=31212");
        found(b"From: \"ALICE\" <sip:x@y>");
        found(b"via gw7.carrier.net.");
        found(b"at 203.0.113.9:5060");
        found(b"[2001:DB8:0::17]:5060");
        found(STANDARD.encode("{\"tn\":\"12155551212\"}").as_bytes());
        found(URL_SAFE.encode("tel or sip:alice@x").as_bytes());
        found(b"7369703a616c6963654078");
        let mut zipped = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        std::io::Write::write_all(&mut zipped, b"12155551212").unwrap();
        let mut bytes = b"head".to_vec();
        bytes.extend(zipped.finish().unwrap());
        found(&bytes);
        assert!(values().packed_in(&[1, 203, 0, 113, 9, 7]).is_some());
    }

    #[test]
    fn random_bytes_that_spell_a_short_name_are_no_leak() {
        let rtp = [&[0x80, 0, 7, 7, 0, 0][..], b"/bob/", &[0; 160]].concat();
        let mut values = values();
        values.name(b"bob");
        assert_eq!(values.left_in(&rtp), None);
        let message = [&[0, 7][..], b"INVITE sip:bob@x SIP/2.0", &[0]].concat();
        assert!(values.left_in(&message).is_some());
    }

    #[test]
    fn a_report_may_say_words_and_numbers_that_are_somebodys_but_no_value_of_theirs() {
        let mut values = values();
        values.name(b"refused");
        values.name(b"desk4711");
        for own in [
            "refused in frame 12155551212 of redacted.pcapng, alice",
            "{\"frame\": 12155551212, \"refused\": 4}",
            "1215555.1212 s",
        ] {
            assert_eq!(values.left_in_prose(own.as_bytes()), None, "{own}");
        }
        let token = format!("`{}`", STANDARD.encode("{\"tn\":\"12155551212\"}"));
        for left in [
            "call a@gw7.carrier.net was refused",
            "sip:alice@x",
            "&#60;SIP:refused@x&#62;",
            "TEL:12155551212",
            "|+12155551212|",
            "10.0.0.1 \u{2192} 203.0.113.9:5060",
            "gw7.carrier.net.",
            "desk4711",
            &token,
        ] {
            assert!(values.left_in_prose(left.as_bytes()).is_some(), "{left}");
        }
    }

    #[test]
    fn what_is_none_of_them_is_no_leak() {
        for text in [
            "malice",
            "5551212",
            "121555512120",
            "203.0.113.90",
            "carrier.net",
            "AliceX",
        ] {
            assert_eq!(values().left_in(text.as_bytes()), None, "{text}");
        }
    }
}
