//! Fingerprints of DTLS certificates in SDP, which the `mky` claim repeats.
//!
//! In: a message body. Out: its `a=fingerprint` lines, session's and media's alike. Nothing else
//! of SDP is read. Capped: [`MOST`] lines.
//!
//! # References
//! - RFC 8224 §4.1; RFC 8225 §5.2.2

use crate::sip::value::trim;

/// Fingerprints read of one body; offers have one a media line, or one in all.
pub const MOST: usize = 16;

/// One `a=fingerprint` line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint<'a> {
    /// The hash function, as sent.
    pub algorithm: &'a [u8],
    /// The digits, as sent.
    pub digest: &'a [u8],
}

impl Fingerprint<'_> {
    /// `sha-256 AABB…`: what two of them are compared by, and how a `mky` is written.
    pub fn canonical(&self) -> String {
        canonical(
            &String::from_utf8_lossy(self.algorithm),
            &String::from_utf8_lossy(self.digest),
        )
    }
}

/// Algorithm in lower case, digits in upper case and without colons.
pub fn canonical(algorithm: &str, digest: &str) -> String {
    let digits: String = digest.chars().filter(|c| *c != ':').collect();
    format!(
        "{} {}",
        algorithm.to_ascii_lowercase(),
        digits.to_ascii_uppercase()
    )
}

/// The fingerprints of `body`, at most [`MOST`].
pub fn of_sdp(body: &[u8]) -> Vec<Fingerprint<'_>> {
    const NAME: &[u8] = b"a=fingerprint:";
    body.split(|&b| b == b'\n')
        .filter_map(|line| {
            let (name, value) = line.split_at_checked(NAME.len())?;
            if !name.eq_ignore_ascii_case(NAME) {
                return None;
            }
            let value = trim(value);
            let blank = value.iter().position(|&b| b == b' ')?;
            let (algorithm, digest) = value.split_at(blank);
            Some(Fingerprint {
                algorithm,
                digest: trim(digest),
            })
        })
        .take(MOST)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_of_session_and_media_are_read_and_compared_without_colons_and_case() {
        let body = b"v=0\r\na=fingerprint:SHA-256 aa:0b\r\nm=audio 1\r\na=fingerprint:sha-1 CC\r\n";
        let found: Vec<_> = of_sdp(body).iter().map(Fingerprint::canonical).collect();
        assert_eq!(found, ["sha-256 AA0B", "sha-1 CC"]);
    }

    #[test]
    fn a_line_without_digits_is_none_and_the_number_is_capped() {
        assert!(of_sdp(b"a=fingerprint:sha-256\r\na=finger").is_empty());
        let many = b"a=fingerprint:sha-1 AA\n".repeat(100);
        assert_eq!(of_sdp(&many).len(), MOST);
    }
}
