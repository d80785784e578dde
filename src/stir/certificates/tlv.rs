//! Tlv: tag, length, value of DER, for the few structures that no crate knows.
//!
//! In: bytes of an extension or a signature. Out: their elements, one level at a time; nothing
//! recurses. Lengths are checked against what is there; forms that DER forbids but that lose
//! nothing are taken.
//!
//! # References
//! - ITU-T X.690 clauses 8.1 and 10.1

/// One element and what follows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element<'a> {
    /// Class, form and number in one byte; larger numbers are not met here.
    pub tag: u8,
    /// Its value.
    pub value: &'a [u8],
    /// Tag, length and value.
    pub whole: &'a [u8],
    /// What stands behind it.
    pub rest: &'a [u8],
}

/// SEQUENCE.
pub const SEQUENCE: u8 = 0x30;
/// INTEGER.
pub const INTEGER: u8 = 0x02;
/// `IA5String`.
pub const IA5_STRING: u8 = 0x16;

/// The first element of `bytes`.
pub fn first(bytes: &[u8]) -> Option<Element<'_>> {
    let [tag, length, tail @ ..] = bytes else {
        return None;
    };
    if tag & 0x1f == 0x1f {
        return None;
    }
    let (length, tail) = if length & 0x80 == 0 {
        (usize::from(*length), tail)
    } else {
        let (digits, tail) = tail.split_at_checked(usize::from(length & 0x7f))?;
        if digits.is_empty() || digits.len() > 4 {
            return None;
        }
        let length = digits
            .iter()
            .fold(0_usize, |sum, &byte| (sum << 8) | usize::from(byte));
        (length, tail)
    };
    let (value, rest) = tail.split_at_checked(length)?;
    let whole = bytes.get(..bytes.len() - rest.len())?;
    Some(Element {
        tag: *tag,
        value,
        whole,
        rest,
    })
}

/// The value of the only element of `bytes`, if it has this tag.
pub fn only(bytes: &[u8], tag: u8) -> Option<&[u8]> {
    first(bytes)
        .filter(|element| element.tag == tag && element.rest.is_empty())
        .map(|element| element.value)
}

/// The elements that follow one another in `bytes`; ends at the first that cannot be read.
pub fn elements(bytes: &[u8]) -> impl Iterator<Item = Element<'_>> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let element = first(rest)?;
        rest = element.rest;
        Some(element)
    })
}

/// Tag and length of an element with a value of `length` bytes.
pub fn head(tag: u8, length: usize) -> Vec<u8> {
    let bytes = length.to_be_bytes();
    let start = bytes.iter().position(|&byte| byte != 0);
    let digits = start.and_then(|start| bytes.get(start..)).unwrap_or(&[0]);
    match (digits, u8::try_from(digits.len())) {
        ([short], _) if *short < 0x80 => vec![tag, *short],
        (_, count) => [&[tag, 0x80 | count.unwrap_or(0)], digits].concat(),
    }
}

/// An INTEGER's magnitude without leading zeros; `None` for negative ones.
pub fn unsigned(value: &[u8]) -> Option<&[u8]> {
    if value.first()? & 0x80 != 0 {
        return None;
    }
    let start = value
        .iter()
        .position(|&byte| byte != 0)
        .unwrap_or(value.len());
    value.get(start..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_as_it_was_written() {
        for length in [0, 1, 127, 128, 255, 256, 70_000] {
            let whole = [head(SEQUENCE, length), vec![0; length]].concat();
            let element = first(&whole).unwrap();
            assert_eq!((element.tag, element.value.len()), (SEQUENCE, length));
        }
    }

    #[test]
    fn elements_are_read_with_short_and_long_lengths() {
        let long = [&[0x04, 0x82, 0x01, 0x00][..], &[7; 256], &[0x05, 0x00]].concat();
        let found: Vec<_> = elements(&long).map(|e| (e.tag, e.value.len())).collect();
        assert_eq!(found, [(4, 256), (5, 0)]);
        assert_eq!(only(&[2, 1, 9], INTEGER), Some(&[9][..]));
        assert_eq!(only(&[2, 1, 9, 0], INTEGER), None);
    }

    #[test]
    fn lengths_beyond_the_end_and_large_tags_are_refused() {
        for bytes in [
            &[][..],
            &[2],
            &[2, 5, 1],
            &[2, 0x80],
            &[2, 0x85, 0, 0, 0, 0, 1],
            &[0x1f, 1, 1],
        ] {
            assert_eq!(first(bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn integers_lose_their_leading_zeros_and_may_not_be_negative() {
        assert_eq!(unsigned(&[0, 0x80]), Some(&[0x80][..]));
        assert_eq!(unsigned(&[0]), Some(&[][..]));
        assert_eq!(unsigned(&[0x80]), None);
        assert_eq!(unsigned(&[]), None);
    }
}
