//! Pseudonyms: what stands for what.
//!
//! In: values as they stand in a message, one slice each. While collecting, they are only
//! remembered; then each is replaced in its place by another of the same length and form.
//!
//! Always: the same value gets the same pseudonym wherever it stands, different values get different
//! ones, and no pseudonym is a value of the capture, as far as all were remembered. Letters become
//! letters, digits digits, and case stays. What is said twice in two forms, `%61lice` or `Alice`, is
//! one value.
//!
//! Of a telephone number the last seven digits are permuted so that numbers that share their first
//! digits keep that, and all before them so that numbers that share their last digits keep that: a
//! number with and without its country code, or behind a dialling prefix, stays one in another form,
//! and a range stays a range. Country codes and dialling prefixes stay, and so do the emergency
//! numbers.
//!
//! Capped: [`Limits::redact_values`] values.
//!
//! # References
//! - RFC 3966 §5.1.1, RFC 8224 §8.3 (numbers); RFC 3323 (withheld identities)

use std::hash::{Hash as _, Hasher as _};
use std::net::IpAddr;

use rustc_hash::{FxHashMap, FxHashSet, FxHasher};

use super::address::{self, Addresses};
use super::key::{Key, Symbol};
use super::leaks::Values;
use super::words::Words;
use crate::limits::Limits;
use crate::stir::number::{self, Party};

/// Digits at the end of a number that are its subscriber; those that [`number::compare`] looks at.
const TAIL: usize = 7;

/// Digits of an identifier that is left as it is.
const COUNTER: usize = 3;

/// Tries to find a pseudonym that is no value of the capture.
const TRIES: u8 = 100;

/// What a value may be confused with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Domain {
    /// Letters and digits.
    Word,
    /// Hexadecimal digits, eight or more.
    Hex,
    /// The last digits of a number.
    Tail,
    /// A number of fewer digits, an extension perhaps.
    Short,
}

/// The values of a capture and what stands for them.
#[derive(Debug)]
pub(super) struct Pseudonyms {
    key: Key,
    pub(super) words: Words,
    is_collecting: bool,
    /// What the capture holds, by digest.
    seen: FxHashSet<u64>,
    seen_addresses: FxHashSet<IpAddr>,
    /// Users of four to six digits.
    extensions: FxHashSet<Vec<u8>>,
    /// What was seen with `+` and is short enough to be taken for a national number.
    international: FxHashSet<Vec<u8>>,
    /// Pseudonyms given, by digest, and for what.
    given: FxHashMap<u64, u64>,
    images: FxHashMap<(Domain, Vec<u8>), Vec<u8>>,
    pub(super) addresses: Addresses,
    /// What must not be left.
    pub(super) values: Values,
    cap: usize,
    /// More values than were remembered.
    pub(super) is_full: bool,
    /// Values that had to be given a pseudonym that another value is.
    pub(super) met: u64,
}

impl Pseudonyms {
    pub(super) fn new(key: Key, limits: &Limits) -> Self {
        Self {
            addresses: Addresses::new(key.clone()),
            key,
            words: Words::new(),
            is_collecting: true,
            seen: FxHashSet::default(),
            seen_addresses: FxHashSet::default(),
            extensions: FxHashSet::default(),
            international: FxHashSet::default(),
            given: FxHashMap::default(),
            images: FxHashMap::default(),
            values: Values::new(limits.redact_values),
            cap: limits.redact_values.max(1),
            is_full: false,
            met: 0,
        }
    }

    /// All values were seen: from now on they are replaced.
    pub(super) fn settle(&mut self) {
        self.is_collecting = false;
        for address in self.addresses.settle(&self.seen_addresses) {
            self.met += 1;
            self.values.forget(address);
        }
    }

    pub(super) const fn is_collecting(&self) -> bool {
        self.is_collecting
    }

    fn see(&mut self, domain: Domain, core: &[u8]) {
        if self.seen.len() < self.cap {
            self.seen.insert(digest(domain, core));
        } else {
            self.is_full = true;
        }
    }

    /// A name of somebody: a user, a word of a display name.
    pub(super) fn name(&mut self, text: &mut [u8]) {
        if is_withheld(text) {
            return;
        }
        self.remember(text);
        self.opaque(text);
    }

    /// A name that must not be left, unless it is made of the protocols' own words.
    fn remember(&mut self, text: &[u8]) {
        let is_word = |part: &[u8]| {
            part.is_empty()
                || self.words.has(part)
                || self.words.is_top_level(part)
                || part.iter().all(u8::is_ascii_digit)
                // A piece of an address, or of a number in hexadecimal digits.
                || (part.len() <= 4
                    && part.iter().all(u8::is_ascii_hexdigit)
                    && part.iter().any(u8::is_ascii_digit))
        };
        if self.is_collecting
            && !text
                .split(|byte| !byte.is_ascii_alphanumeric())
                .all(is_word)
        {
            self.values.name(text);
        }
    }

    /// Any other value: an identifier, a secret.
    pub(super) fn opaque(&mut self, text: &mut [u8]) {
        let letters = letters(text);
        let core: Vec<u8> = letters
            .iter()
            .map(|letter| letter.byte.to_ascii_lowercase())
            .collect();
        // A counter of so few digits identifies nobody, and may be one of all there are.
        let is_counter = core.len() <= COUNTER && core.iter().all(u8::is_ascii_digit);
        if !core.is_empty() && !is_counter {
            let domain = if is_hex(&core) {
                Domain::Hex
            } else {
                Domain::Word
            };
            if self.is_collecting {
                self.see(domain, &core);
            } else {
                let image = self.image(domain, &core);
                for (letter, image) in letters.iter().zip(image) {
                    letter.write(text, image);
                }
            }
        }
        if !self.is_collecting && text.iter().any(|byte| *byte >= 0x80) {
            foreign(&self.key, text, &core);
        }
    }

    /// A host's name; labels are replaced one by one, what is above them stays.
    pub(super) fn host(&mut self, text: &mut [u8]) {
        if self.address(text) || is_withheld(text) || text.eq_ignore_ascii_case(b"localhost") {
            return;
        }
        self.remember(text);
        let ends_known = self.words.is_top_level(last_label(text));
        self.digits_of_labels(text);
        let labels = text.split(|byte| *byte == b'.').count();
        for (at, label) in text.split_mut(|byte| *byte == b'.').enumerate() {
            if !(ends_known && labels > 1 && at + 1 == labels) {
                self.opaque(label);
            }
        }
    }

    /// A number or an address of which each digit or octet is a label (`e164.arpa`, `in-addr.arpa`).
    fn digits_of_labels(&mut self, text: &mut [u8]) {
        let is_number = |label: &[u8]| {
            (1..=COUNTER).contains(&label.len()) && label.iter().all(u8::is_ascii_digit)
        };
        let mut at = 0;
        while at < text.len() {
            let mut end = at;
            let mut count = 0;
            for label in text
                .get(at..)
                .unwrap_or_default()
                .split(|byte| *byte == b'.')
            {
                if !is_number(label) {
                    break;
                }
                count += 1;
                end += label.len() + 1;
            }
            if count >= 3
                && let Some(labels) = text.get_mut(at..end - 1)
            {
                self.opaque(labels);
            }
            let rest = text.get(end.min(text.len())..).unwrap_or_default();
            at = end + memchr::memchr(b'.', rest).map_or(rest.len(), |dot| dot + 1);
        }
    }

    /// An address as text; false if it is none.
    pub(super) fn address(&mut self, text: &mut [u8]) -> bool {
        if self.is_collecting {
            let address = address::parse(text);
            if let Some(address) = address {
                self.see_address(address);
            }
            return address.is_some();
        }
        self.addresses.text(text)
    }

    fn see_address(&mut self, address: IpAddr) {
        if Addresses::is_kept(address) {
            return;
        }
        if self.seen_addresses.len() < self.cap {
            self.seen_addresses.insert(address);
        } else {
            self.is_full = true;
        }
        self.values.address(address);
    }

    /// A packed address of 4 or 16 bytes.
    pub(super) fn packed(&mut self, bytes: &mut [u8]) {
        if let Ok(octets) = <[u8; 4]>::try_from(&*bytes) {
            if self.is_collecting {
                self.see_address(IpAddr::from(octets));
            } else {
                let image = self.addresses.v4(octets.into()).octets();
                bytes.copy_from_slice(&image);
            }
        } else if let Ok(octets) = <[u8; 16]>::try_from(&*bytes) {
            if self.is_collecting {
                self.see_address(IpAddr::from(octets));
            } else {
                let image = self.addresses.v6(octets.into()).octets();
                bytes.copy_from_slice(&image);
            }
        }
    }

    /// Remembers a user that may be an extension; where codes stand, it is told from them by that.
    pub(super) fn extension(&mut self, text: &[u8]) {
        let digits = text.trim_ascii();
        if self.is_collecting
            && (4..=6).contains(&digits.len())
            && digits.iter().all(u8::is_ascii_digit)
            && self.extensions.len() < self.cap
        {
            self.extensions.insert(digits.to_vec());
        }
    }

    /// Whether it is a user of four to six digits.
    pub(super) fn is_extension(&self, text: &[u8]) -> bool {
        self.extensions.contains(text)
    }

    /// A telephone number, with `+` and visual separators or without.
    pub(super) fn number(&mut self, text: &mut [u8]) {
        let letters: Vec<Letter> = letters(text)
            .into_iter()
            .filter(|letter| letter.byte.is_ascii_digit())
            .collect();
        let digits: Vec<u8> = letters.iter().map(|letter| letter.byte).collect();
        // What stands before a technical prefix's `#` is the network's.
        let prefix = text
            .windows(3)
            .rposition(|three| three.eq_ignore_ascii_case(b"%23"))
            .or_else(|| text.iter().rposition(|byte| *byte == b'#'))
            .map_or(0, |at| {
                letters.iter().filter(|letter| letter.at < at).count()
            });
        let Some(digits) = digits.get(prefix..).filter(|digits| !digits.is_empty()) else {
            return;
        };
        if let Ok(text) = std::str::from_utf8(digits)
            && number::is_emergency(&Party::Number(text.to_owned()))
        {
            if self.is_collecting {
                self.see(Domain::Short, digits);
            }
            return;
        }
        if self.is_collecting {
            if let (8..=10, [b'+', ..]) = (digits.len(), &*text)
                && self.international.len() < self.cap
            {
                self.international.insert(digits.to_vec());
            }
            self.values.number(digits);
            match digits
                .len()
                .checked_sub(TAIL)
                .and_then(|at| digits.get(at..))
            {
                Some(tail) => self.see(Domain::Tail, tail),
                None => self.see(Domain::Short, digits),
            }
            return;
        }
        let image = self.digits(digits);
        for (letter, image) in letters.iter().skip(prefix).zip(image) {
            letter.write(text, image);
        }
    }

    fn digits(&mut self, digits: &[u8]) -> Vec<u8> {
        let Some(at) = digits.len().checked_sub(TAIL) else {
            return self.image(Domain::Short, digits);
        };
        let (head, tail) = digits.split_at(at);
        let kept = self.kept_digits(digits).min(head.len());
        let mut image = head.to_vec();
        for (at, digit) in image.iter_mut().enumerate().skip(kept) {
            // A zero may be a trunk's: it stays one, and nothing else becomes one.
            let place = digit.wrapping_sub(b'1');
            let behind = head.get(at + 1..).unwrap_or_default();
            let order = self.key.cycle("head", &[behind], 9);
            if let Some(place) = order.get(usize::from(place)) {
                *digit = b'1' + place;
            }
        }
        image.extend(self.image(Domain::Tail, tail));
        image
    }

    /// How many digits say a country or a way out, not a subscriber.
    fn kept_digits(&self, digits: &[u8]) -> usize {
        let country = |at: usize| {
            let rest = digits
                .get(at..)
                .and_then(|rest| std::str::from_utf8(rest).ok());
            at + rest.and_then(number::country_code_digits).unwrap_or(0)
        };
        match *digits {
            [b'9', b'0', b'1', b'1', ..] if digits.len() > 11 => country(4),
            [b'0', b'1', b'1', ..] if digits.len() > 10 => country(3),
            [b'0', b'0', ..] => country(2),
            [b'0', ..] => 1,
            // A digit for the outside line before a North American number.
            [b'9', b'2'..=b'9', ..] if digits.len() == 11 => 1,
            _ if digits.len() > 10 || self.international.contains(digits) => country(0),
            _ => 0,
        }
    }

    /// What stands for `core`.
    fn image(&mut self, domain: Domain, core: &[u8]) -> Vec<u8> {
        if let Some(image) = self.images.get(&(domain, core.to_vec())) {
            return image.clone();
        }
        let own = digest(domain, core);
        let mut image = Vec::new();
        for try_no in 0..TRIES {
            image = candidate(&self.key, domain, try_no, core);
            let place = digest(domain, &image);
            let is_free = !self.seen.contains(&place)
                && self.given.get(&place).is_none_or(|other| *other == own);
            if is_free {
                if self.given.len() < self.cap {
                    self.given.insert(place, own);
                } else {
                    self.is_full = true;
                }
                break;
            }
            if try_no + 1 == TRIES {
                self.met += 1;
            }
        }
        if self.images.len() >= self.cap {
            self.images.clear();
        }
        self.images.insert((domain, core.to_vec()), image.clone());
        image
    }
}

/// The pseudonym of `core` at a try.
fn candidate(key: &Key, domain: Domain, try_no: u8, core: &[u8]) -> Vec<u8> {
    if domain == Domain::Tail {
        return (0..core.len())
            .map(|at| {
                let before = core.get(..at).unwrap_or_default();
                let order = key.cycle("tail", &[&[try_no], before], 10);
                let digit = core.get(at).map_or(0, |digit| digit.wrapping_sub(b'0'));
                b'0' + order.get(usize::from(digit)).copied().unwrap_or(0)
            })
            .collect();
    }
    let mut symbols: Vec<Symbol> = core
        .iter()
        .enumerate()
        .map(|(at, byte)| match (domain, byte) {
            (Domain::Hex, byte) => Symbol {
                value: char::from(*byte)
                    .to_digit(16)
                    .and_then(|digit| u8::try_from(digit).ok())
                    .unwrap_or(0),
                radix: 16,
            },
            (_, b'a'..=b'z') => Symbol {
                value: byte - b'a',
                radix: 26,
            },
            // The first digit of an extension is no zero, unless it was one.
            (Domain::Short, _) if at == 0 && core.len() > 1 => match byte.wrapping_sub(b'0') {
                0 => Symbol { value: 0, radix: 1 },
                digit => Symbol {
                    value: digit - 1,
                    radix: 9,
                },
            },
            _ => Symbol {
                value: byte.wrapping_sub(b'0').min(9),
                radix: 10,
            },
        })
        .collect();
    key.permute(domain.name(), &[try_no], &mut symbols);
    symbols
        .iter()
        .map(|symbol| match symbol.radix {
            26 => b'a' + symbol.value,
            9 => b'1' + symbol.value,
            16 => char::from_digit(u32::from(symbol.value), 16)
                .and_then(|digit| u8::try_from(digit).ok())
                .unwrap_or(b'0'),
            _ => b'0' + symbol.value,
        })
        .collect()
}

impl Domain {
    const fn name(self) -> &'static str {
        match self {
            Self::Word => "word",
            Self::Hex => "hex",
            Self::Tail => "tail",
            Self::Short => "short",
        }
    }
}

/// Hexadecimal digits and letters may become each other; what is one or the other alone is a word.
fn is_hex(core: &[u8]) -> bool {
    core.len() >= 8
        && core.iter().all(u8::is_ascii_hexdigit)
        && core.iter().any(u8::is_ascii_digit)
        && core.iter().any(u8::is_ascii_alphabetic)
}

fn digest(domain: Domain, core: &[u8]) -> u64 {
    let mut hasher = FxHasher::default();
    // A word may not become what is hexadecimal elsewhere.
    let class = match domain {
        Domain::Word | Domain::Hex => 0,
        Domain::Tail => 1,
        Domain::Short => 2_u8,
    };
    (class, core).hash(&mut hasher);
    hasher.finish()
}

fn last_label(text: &[u8]) -> &[u8] {
    text.rsplit(|byte| *byte == b'.').next().unwrap_or_default()
}

/// What is said in place of an identity.
pub(super) fn is_withheld(text: &[u8]) -> bool {
    [
        "anonymous",
        "restricted",
        "unavailable",
        "invalid",
        "anonymous.invalid",
    ]
    .iter()
    .any(|word| text.eq_ignore_ascii_case(word.as_bytes()))
}

/// A letter or digit of a value, perhaps escaped as `%61`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Letter {
    pub(super) at: usize,
    is_escaped: bool,
    pub(super) byte: u8,
}

impl Letter {
    /// Puts `image`, a lower-case letter or digit, in its place.
    fn write(self, text: &mut [u8], image: u8) {
        let image = if self.byte.is_ascii_uppercase() {
            image.to_ascii_uppercase()
        } else {
            image
        };
        if self.is_escaped {
            let digits = format!("{image:02X}");
            if let Some(place) = text.get_mut(self.at + 1..self.at + 3) {
                place.copy_from_slice(digits.as_bytes());
            }
        } else if let Some(place) = text.get_mut(self.at) {
            *place = image;
        }
    }
}

/// The letters and digits of `text`.
pub(super) fn letters(text: &[u8]) -> Vec<Letter> {
    let mut letters = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        if let Some(escaped) = escape(text, at) {
            if escaped.is_ascii_alphanumeric() {
                letters.push(Letter {
                    at,
                    is_escaped: true,
                    byte: escaped,
                });
            }
            at += 3;
        } else {
            if byte.is_ascii_alphanumeric() {
                letters.push(Letter {
                    at,
                    is_escaped: false,
                    byte: *byte,
                });
            }
            at += 1;
        }
    }
    letters
}

/// The byte that `%` and two digits at `at` stand for.
pub(super) fn escape(text: &[u8], at: usize) -> Option<u8> {
    let [b'%', high, low, ..] = text.get(at..)? else {
        return None;
    };
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()
}

/// Replaces letters beyond ASCII by others of as many bytes, so that UTF-8 stays UTF-8.
fn foreign(key: &Key, text: &mut [u8], core: &[u8]) {
    let old = text.to_vec();
    let mut numbers = key.stream("foreign", &[core, &old]);
    let mut at = 0;
    for chunk in old.utf8_chunks() {
        for letter in chunk.valid().chars() {
            let len = letter.len_utf8();
            let (first, count) = match len {
                2 => (0x0100, 0x80),
                3 => (0x4e00, 0x4000),
                4 => (0x0002_0000, 0x8000),
                _ => (0, 0),
            };
            if count > 0
                && let Some(image) = char::from_u32(first + numbers.below(count))
                && let Some(place) = text.get_mut(at..at + len)
            {
                image.encode_utf8(place);
            }
            at += len;
        }
        for _ in chunk.invalid() {
            if let Some(place) = text.get_mut(at) {
                *place = b'?';
            }
            at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(seen: &[&str]) -> Pseudonyms {
        let mut pseudonyms = Pseudonyms::new(Key::new(b"k"), &Limits::default());
        for text in seen {
            pseudonyms.number(&mut text.as_bytes().to_vec());
        }
        pseudonyms.settle();
        pseudonyms
    }

    fn number_of(pseudonyms: &mut Pseudonyms, text: &str) -> String {
        let mut text = text.as_bytes().to_vec();
        pseudonyms.number(&mut text);
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn forms_of_a_number_stay_forms_of_one_number() {
        let pairs = [
            ("+12155551212", "2155551212"),
            ("+12155551212", "1(215)555-1212"),
            ("+493012345678", "03012345678"),
            ("+390612345678", "0612345678"),
            ("+358401234567", "0401234567"),
            ("01112155551212", "12155551212"),
            ("00442071234567", "442071234567"),
            ("912155551212", "12155551212"),
            ("92155551212", "12155551212"),
            ("77*1#12155551212", "12155551212"),
            ("12155551212", "5551212"),
            ("12155551212", "13125551212"),
            ("12155551212", "13126551212"),
            ("+4512345678", "12345678"),
        ];
        for (a, b) in pairs {
            let mut pseudonyms = settled(&[a, b]);
            let (c, d) = (number_of(&mut pseudonyms, a), number_of(&mut pseudonyms, b));
            let level = |a: &str, b: &str| {
                let party = |text: &str| number::number(text.as_bytes()).unwrap();
                number::compare(&party(a), &party(b))
            };
            assert_eq!(level(a, b), level(&c, &d), "{a} {b} became {c} {d}");
            assert_ne!(a, c);
            assert_ne!(b, d);
            let form = |text: &str| text.replace(|c: char| c.is_ascii_digit(), "0");
            assert_eq!(form(a), form(&c));
        }
    }

    #[test]
    fn a_range_of_numbers_stays_a_range() {
        let numbers: Vec<String> = (0..100).map(|no| format!("+1215555{no:04}")).collect();
        let seen: Vec<&str> = numbers.iter().map(String::as_str).collect();
        let mut pseudonyms = settled(&seen);
        let mut images: Vec<String> = seen
            .iter()
            .map(|text| number_of(&mut pseudonyms, text))
            .collect();
        let range = images[0].get(..10).unwrap().to_owned();
        assert!(images.iter().all(|image| image.starts_with(&range)));
        images.sort();
        images.dedup();
        assert_eq!(images.len(), 100);
    }

    #[test]
    fn no_pseudonym_is_a_value_of_the_capture_and_none_is_given_twice() {
        let extensions: Vec<String> = (100..400).map(|no: u32| no.to_string()).collect();
        let seen: Vec<&str> = extensions.iter().map(String::as_str).collect();
        let mut pseudonyms = settled(&seen);
        let images: std::collections::BTreeSet<String> = seen
            .iter()
            .map(|text| number_of(&mut pseudonyms, text))
            .collect();
        assert_eq!(images.len(), extensions.len());
        let emergencies = ["110", "112", "119"];
        assert!(
            images
                .iter()
                .all(|image| !extensions.contains(image) || emergencies.contains(&image.as_str()))
        );
        assert_eq!(pseudonyms.met, 0);
    }

    #[test]
    fn emergency_numbers_stay() {
        let mut pseudonyms = settled(&["911", "112"]);
        assert_eq!(number_of(&mut pseudonyms, "911"), "911");
    }

    #[test]
    fn the_same_name_in_another_case_or_escaped_is_the_same() {
        let mut pseudonyms = settled(&[]);
        let mut name = |text: &str| {
            let mut text = text.as_bytes().to_vec();
            pseudonyms.name(&mut text);
            String::from_utf8(text).unwrap()
        };
        let plain = name("alice");
        assert_eq!(name("Alice").to_lowercase(), plain);
        assert!(name("Alice").starts_with(char::is_uppercase));
        let escaped = name("%61lice");
        let first = u8::from_str_radix(escaped.get(1..3).unwrap(), 16).unwrap();
        assert_eq!(
            format!("{}{}", char::from(first), escaped.get(3..).unwrap()),
            plain
        );
        assert_ne!(name("bob"), name("bop"));
        assert_eq!(name("Anonymous"), "Anonymous");
        let umlaut = name("Jürgen Müller");
        assert_eq!(umlaut.len(), "Jürgen Müller".len());
        assert!(!umlaut.contains('ü'));
    }
}
