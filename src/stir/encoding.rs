//! Base64url as PASSporTs use it, read as tolerantly as can be while saying what was odd.
//!
//! In: one segment of a JWS. Out: its bytes and [`Flags`], or the first thing that makes it
//! unreadable. Both alphabets are taken: RFC 8225 asks for base64url without padding, the grammar
//! of RFC 8224 §4 lists the characters of the other one. White space that a fold left is passed
//! over and told.
//!
//! # References
//! - RFC 4648 §4 and §5; RFC 7515 §2 (no padding); RFC 8224 §4

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::sip::value::is_space;

/// Takes segments without padding, and leftover bits that are not zero.
const ENGINE: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone),
);

/// What was odd about a segment that could be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// `+` or `/` stand where base64url has `-` and `_`.
    pub other_alphabet: bool,
    /// `=` at the end.
    pub padded: bool,
    /// White space inside or around it.
    pub white_space: bool,
}

/// A segment that could be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decoded {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// What was odd.
    pub flags: Flags,
}

/// Why a segment cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undecodable {
    /// A character of neither alphabet.
    Character {
        /// Where, in bytes from the segment's start.
        at: usize,
        /// Which.
        byte: u8,
    },
    /// One character is left over after groups of four: something is missing.
    Length {
        /// Characters, white space and padding left out.
        characters: usize,
    },
}

/// Decodes one segment.
pub fn decode(text: &[u8]) -> Result<Decoded, Undecodable> {
    let mut flags = Flags::default();
    let mut clean = Vec::with_capacity(text.len());
    for (at, &byte) in text.iter().enumerate() {
        match byte {
            b'=' => {
                flags.padded = true;
                continue;
            }
            _ if is_space(byte) => {
                flags.white_space = true;
                continue;
            }
            _ => {}
        }
        // Padding ends a segment.
        if flags.padded {
            return Err(Undecodable::Character { at, byte });
        }
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => clean.push(byte),
            b'+' | b'/' => {
                flags.other_alphabet = true;
                clean.push(if byte == b'+' { b'-' } else { b'_' });
            }
            _ => return Err(Undecodable::Character { at, byte }),
        }
    }
    let unreadable = Undecodable::Length {
        characters: clean.len(),
    };
    match ENGINE.decode(&clean) {
        Ok(bytes) => Ok(Decoded { bytes, flags }),
        // The characters were looked at: only the length is left to be wrong.
        Err(_length) => Err(unreadable),
    }
}

/// Encodes without padding.
pub fn encode(bytes: &[u8]) -> String {
    ENGINE.encode(bytes).trim_end_matches('=').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn bytes(text: &str) -> Vec<u8> {
        decode(text.as_bytes()).unwrap().bytes
    }

    #[test]
    fn both_alphabets_and_padding_give_the_same_bytes_and_are_told() {
        let plain = decode(b"-_-_Zg").unwrap();
        assert_eq!(plain.flags, Flags::default());
        let other = decode(b"+/+/Zg==").unwrap();
        assert_eq!(other.bytes, plain.bytes);
        assert!(other.flags.other_alphabet && other.flags.padded);
    }

    #[test]
    fn a_fold_inside_a_segment_is_passed_over_and_told() {
        let folded = decode(b"Zm9v\r\n YmFy").unwrap();
        assert_eq!(folded.bytes, b"foobar");
        assert!(folded.flags.white_space);
    }

    #[test]
    fn what_cannot_be_read_says_where() {
        assert_eq!(
            decode(b"Zm9*"),
            Err(Undecodable::Character { at: 3, byte: b'*' })
        );
        assert_eq!(
            decode(b"Zg==Zg"),
            Err(Undecodable::Character { at: 4, byte: b'Z' })
        );
        assert_eq!(decode(b"Zm9vY"), Err(Undecodable::Length { characters: 5 }));
    }

    #[test]
    fn leftover_bits_do_not_matter() {
        assert_eq!(bytes("Zh"), b"f");
    }

    #[test]
    fn encoding_is_undone_by_decoding_and_has_no_padding() {
        for length in 0..5 {
            let text = encode(&vec![0xfb; length]);
            assert!(!text.contains('='));
            assert_eq!(bytes(&text), vec![0xfb; length]);
        }
    }
}
