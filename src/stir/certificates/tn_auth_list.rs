//! Tn auth list: which numbers a certificate may sign for.
//!
//! In: the extension's bytes. Out: its entries. The module of RFC 8226 §9 tags explicitly, and so
//! do the certificates that are out there; entries with implicit tags are taken, too.
//!
//! Capped: [`MOST_ENTRIES`].
//!
//! # References
//! - RFC 8226 §9; ATIS-1000080 (SHAKEN certificates hold one service provider code)

use super::tlv;
use crate::stir::number::{self, Party};

/// Entries of one list that are looked at.
pub const MOST_ENTRIES: usize = 1024;

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A service provider code: all numbers of that provider.
    ServiceProviderCode(String),
    /// So many numbers from `start` on.
    Range {
        /// The first.
        start: String,
        /// How many.
        count: u64,
    },
    /// One number.
    Number(String),
}

/// The entries of a `TNAuthorizationList`; `None` if it cannot be read as one.
pub fn parse(extension: &[u8]) -> Option<Vec<Entry>> {
    let list = tlv::only(extension, tlv::SEQUENCE)?;
    let entries: Option<Vec<_>> = tlv::elements(list)
        .take(MOST_ENTRIES)
        .map(|element| entry(element.tag, element.value))
        .collect();
    let consumed: usize = tlv::elements(list).map(|element| element.whole.len()).sum();
    entries.filter(|entries| !entries.is_empty() && consumed == list.len())
}

fn entry(tag: u8, value: &[u8]) -> Option<Entry> {
    match tag & 0x1f {
        0 => text(tag, value).map(Entry::ServiceProviderCode),
        1 => {
            let range = tlv::only(value, tlv::SEQUENCE).unwrap_or(value);
            let mut parts = tlv::elements(range);
            let start = parts.next().filter(|e| e.tag == tlv::IA5_STRING)?;
            let count = parts.next().filter(|e| e.tag == tlv::INTEGER)?;
            let digits = tlv::unsigned(count.value)?;
            if digits.len() > 8 {
                return None;
            }
            Some(Entry::Range {
                start: telephone_number(start.value)?,
                count: digits
                    .iter()
                    .fold(0, |sum, &byte| (sum << 8) | u64::from(byte)),
            })
        }
        2 => text(tag, value).and_then(|text| telephone_number(text.as_bytes()).map(Entry::Number)),
        _ => None,
    }
}

/// An `IA5String` behind an explicit tag, or in place of one.
fn text(tag: u8, value: &[u8]) -> Option<String> {
    // Bit 6 of a tag says that elements are inside.
    let inner = if tag & 0x20 == 0 {
        value
    } else {
        tlv::only(value, tlv::IA5_STRING)?
    };
    let is_text = !inner.is_empty() && inner.iter().all(|b| b.is_ascii_graphic() || *b == b' ');
    is_text.then(|| String::from_utf8_lossy(inner).into_owned())
}

/// 1 to 15 of `0-9#*`.
fn telephone_number(value: &[u8]) -> Option<String> {
    let is_number = (1..=15).contains(&value.len())
        && value
            .iter()
            .all(|b| b.is_ascii_digit() || matches!(b, b'#' | b'*'));
    is_number.then(|| String::from_utf8_lossy(value).into_owned())
}

/// Whether one of the entries is for all numbers of a provider.
pub fn has_service_provider_code(entries: &[Entry]) -> bool {
    entries
        .iter()
        .any(|entry| matches!(entry, Entry::ServiceProviderCode(_)))
}

/// Whether a number is among those that entries name; those of a provider's code are not known
/// here.
pub fn covers(entries: &[Entry], party: &Party) -> bool {
    let Party::Number(wanted) = party else {
        return false;
    };
    entries.iter().any(|entry| match entry {
        Entry::ServiceProviderCode(_) => false,
        Entry::Number(number) => number::number(number.as_bytes()).as_ref() == Some(party),
        Entry::Range { start, count } => {
            // A range goes on in the last digits: as many numbers of the same length.
            let (Ok(first), Ok(asked)) = (start.parse::<u64>(), wanted.parse::<u64>()) else {
                return false;
            };
            start.len() == wanted.len() && asked >= first && asked - first < *count
        }
    })
}

/// The first entry of `given` that `held` does not encompass; a provider's code holds numbers
/// that are not known here, and so encompasses all.
pub fn first_beyond(held: &[Entry], given: &[Entry]) -> Option<String> {
    if has_service_provider_code(held) {
        return None;
    }
    let holds = |number: &str| covers(held, &Party::Number(number.to_owned()));
    let is_held = |entry: &&Entry| match entry {
        Entry::ServiceProviderCode(_) => false,
        Entry::Number(number) => holds(number),
        Entry::Range { start, count } => {
            let last = start.parse::<u64>().ok().and_then(|first| {
                let last = first.checked_add(count.checked_sub(1)?)?;
                Some(format!("{last:0width$}", width = start.len()))
            });
            holds(start) && last.is_some_and(|last| holds(&last))
        }
    };
    let beyond = given.iter().find(|entry| !is_held(entry))?;
    Some(match beyond {
        Entry::ServiceProviderCode(code) => format!("the numbers of {code}"),
        Entry::Number(number) => number.clone(),
        Entry::Range { start, count } => format!("{count} numbers from {start} on"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `709J` behind an explicit tag, as certificates of the SHAKEN PKI have it.
    const SPC: &[u8] = &[0x30, 0x08, 0xa0, 0x06, 0x16, 0x04, b'7', b'0', b'9', b'J'];

    #[test]
    fn a_service_provider_code_is_read_with_explicit_and_implicit_tag() {
        let expected = [Entry::ServiceProviderCode("709J".to_owned())];
        assert_eq!(parse(SPC).unwrap(), expected);
        assert_eq!(
            parse(&[0x30, 6, 0x80, 4, b'7', b'0', b'9', b'J']).unwrap(),
            expected
        );
        assert!(has_service_provider_code(&expected));
    }

    #[test]
    fn ranges_and_numbers_cover_what_they_name() {
        let range = [
            &[0x30, 29, 0xa1, 16, 0x30, 14, 0x16, 8][..],
            b"15551000",
            &[0x02, 2, 0x00, 0xc8, 0xa2, 9, 0x16, 7],
            b"1555999",
        ]
        .concat();
        let entries = parse(&range).unwrap();
        assert_eq!(
            entries,
            [
                Entry::Range {
                    start: "15551000".to_owned(),
                    count: 200
                },
                Entry::Number("1555999".to_owned())
            ]
        );
        let covered = |digits: &str| covers(&entries, &Party::Number(digits.to_owned()));
        assert!(covered("15551000") && covered("15551199") && covered("1555999"));
        assert!(!covered("15551200") && !covered("15550999") && !covered("115551000"));
        assert!(!has_service_provider_code(&entries));
    }

    #[test]
    fn what_an_issuer_does_not_hold_it_cannot_give() {
        let range = |start: &str, count| Entry::Range {
            start: start.to_owned(),
            count,
        };
        let code = Entry::ServiceProviderCode("709J".to_owned());
        let held = [range("15551000", 100)];
        let beyond = |given: Entry| first_beyond(&held, &[given]);
        assert_eq!(beyond(range("15551000", 100)), None);
        assert_eq!(beyond(Entry::Number("15551099".to_owned())), None);
        assert_eq!(
            beyond(range("15551050", 51)).as_deref(),
            Some("51 numbers from 15551050 on")
        );
        assert_eq!(
            first_beyond(std::slice::from_ref(&code), &[range("1", 5)]),
            None
        );
        assert_eq!(beyond(code).as_deref(), Some("the numbers of 709J"));
    }

    #[test]
    fn what_is_no_list_is_not_read() {
        for bytes in [
            &[][..],
            &[0x30, 0],
            &[0x16, 2, b'n', b'o'],
            &[0x30, 3, 0xa0, 1, 0],
            &[0x30, 4, 0xa3, 2, 5, 0],
            &[0x30, 5, 0xa2, 3, 0x16, 1, b'x'],
            &SPC[..9],
        ] {
            assert_eq!(parse(bytes), None, "{bytes:?}");
        }
    }
}
