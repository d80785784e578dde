//! Identity: one value of the Identity header, in every form that is met.
//!
//! In: the bytes of a value, comma lists taken apart. Out: [`Identity`], borrowed from them. It
//! never fails: what breaks the grammar stands in [`Faults`], and what can be read is read.
//!
//! Three forms: full `h.p.s` and compact `..s` of RFC 8224, and the base64 of RFC 4474, which had
//! its parameters in a field of its own, Identity-Info.
//!
//! # References
//! - RFC 8224 §4; RFC 8225 §7 (compact form); RFC 4474 §9; RFC 8946 §4.1 (quoted `ppt`)

use crate::sip::value::{is_space, parameters, trim};

/// One value of Identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity<'a> {
    /// All of it, as sent.
    pub value: &'a [u8],
    /// What stands before the parameters, quotes taken off.
    pub digest: &'a [u8],
    /// What the digest is.
    pub form: Form<'a>,
    /// The `info` parameter, without `<>`.
    pub info: Option<&'a [u8]>,
    /// The `alg` parameter, without quotes.
    pub alg: Option<&'a [u8]>,
    /// The `ppt` parameter, without quotes.
    pub ppt: Option<&'a [u8]>,
    /// What breaks the grammar.
    pub faults: Faults,
}

/// The forms of a digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form<'a> {
    /// Header, payload and signature of a JWS.
    Full {
        /// JOSE header, encoded.
        header: &'a [u8],
        /// Claims, encoded.
        payload: &'a [u8],
        /// Signature, encoded.
        signature: &'a [u8],
    },
    /// A signature alone: the verifier rebuilds what was signed (RFC 8225 §7).
    Compact {
        /// Signature, encoded.
        signature: &'a [u8],
    },
    /// The base64 of RFC 4474.
    Legacy,
    /// None of these.
    Malformed {
        /// Parts between dots.
        segments: usize,
    },
}

impl Form<'_> {
    /// The name reports use.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Full { .. } => "full",
            Self::Compact { .. } => "compact",
            Self::Legacy => "rfc4474",
            Self::Malformed { .. } => "malformed",
        }
    }
}

/// What breaks the grammar of RFC 8224 §4.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// There is no `;` at all.
    pub no_parameters: bool,
    /// No `info` parameter.
    pub no_info: bool,
    /// `info` does not stand in `<>`.
    pub info_without_brackets: bool,
    /// Something follows the `>` of `info` without a `;` between.
    pub missing_semicolon: bool,
    /// `info`, `alg` or `ppt` stands twice.
    pub repeated_parameter: bool,
    /// White space inside the digest.
    pub white_space: bool,
}

impl Faults {
    /// In words; white space is a matter of its own.
    pub fn words(self) -> impl Iterator<Item = &'static str> {
        [
            (self.no_parameters, "no `;` follows the token"),
            (self.no_info && !self.no_parameters, "no `info` parameter"),
            (self.info_without_brackets, "`info` does not stand in `<>`"),
            (
                self.missing_semicolon,
                "no `;` between `info=<…>` and what follows",
            ),
            (self.repeated_parameter, "a parameter stands twice"),
        ]
        .into_iter()
        .filter_map(|(is_so, words)| is_so.then_some(words))
    }

    /// Whether they concern `info`, without which nobody can fetch a certificate.
    pub const fn concern_info(self) -> bool {
        self.no_parameters || self.no_info || self.info_without_brackets
    }
}

impl<'a> Identity<'a> {
    /// Reads one value. `has_identity_info`: the message has an Identity-Info field.
    pub fn parse(value: &'a [u8], has_identity_info: bool) -> Self {
        let value = trim(value);
        let mut faults = Faults::default();
        let (digest, quoted, rest) = split_digest(value);
        faults.white_space = digest.iter().any(|&b| is_space(b));
        let mut found = Self {
            value,
            digest,
            form: Form::Legacy,
            info: None,
            alg: None,
            ppt: None,
            faults,
        };
        found.read_parameters(rest);
        let has_dot = digest.contains(&b'.');
        // A dot is in neither alphabet of base64, so it tells the new form for certain. Without
        // one, `info` still says who wrote the header and what it should have been.
        let is_legacy = quoted || (!has_dot && (found.info.is_none() || has_identity_info));
        if is_legacy {
            found.faults = Faults::default();
        } else {
            found.form = form(digest);
            found.faults.no_parameters = rest.is_empty();
            found.faults.no_info = found.info.is_none();
        }
        found
    }

    fn read_parameters(&mut self, rest: &'a [u8]) {
        let mut seen = [false; 3];
        for (key, value) in parameters(rest) {
            let (slot, place) = if key.eq_ignore_ascii_case(b"info") {
                (0, &mut self.info)
            } else if key.eq_ignore_ascii_case(b"alg") {
                (1, &mut self.alg)
            } else if key.eq_ignore_ascii_case(b"ppt") {
                (2, &mut self.ppt)
            } else {
                continue;
            };
            if let Some(seen) = seen.get_mut(slot) {
                self.faults.repeated_parameter |= *seen;
                *seen = true;
            }
            if place.is_some() {
                continue;
            }
            *place = Some(value);
            if slot == 0 {
                let (info, glued) = self.read_info(value);
                self.info = Some(info);
                // What is glued to `info` is a parameter all the same.
                if let Some((key, value)) = glued.and_then(|glued| parameter(glued)) {
                    if key.eq_ignore_ascii_case(b"alg") {
                        self.alg = self.alg.or(Some(value));
                    } else if key.eq_ignore_ascii_case(b"ppt") {
                        self.ppt = self.ppt.or(Some(value));
                    }
                }
            }
        }
    }

    /// The URI of an `info` value, and what is glued to its end.
    fn read_info(&mut self, value: &'a [u8]) -> (&'a [u8], Option<&'a [u8]>) {
        let Some(inner) = value.strip_prefix(b"<") else {
            self.faults.info_without_brackets = true;
            return (value, None);
        };
        let Some(close) = inner.iter().position(|&b| b == b'>') else {
            self.faults.info_without_brackets = true;
            let end = inner.iter().position(|&b| b == b';');
            return (
                inner.get(..end.unwrap_or(inner.len())).unwrap_or(inner),
                None,
            );
        };
        let (uri, tail) = inner.split_at(close);
        let tail = trim(tail.get(1..).unwrap_or_default());
        if tail.is_empty() {
            return (trim(uri), None);
        }
        self.faults.missing_semicolon = true;
        (trim(uri), Some(tail))
    }

    /// What an ES256 signature of the full form is over: header and payload as sent
    /// (RFC 7515 §5.2). `None` for the other forms.
    pub fn signing_input(&self) -> Option<&'a [u8]> {
        let Form::Full { signature, .. } = self.form else {
            return None;
        };
        self.digest
            .get(..self.digest.len().checked_sub(signature.len() + 1)?)
    }

    /// The encoded signature of either form of RFC 8224.
    pub const fn signature(&self) -> Option<&'a [u8]> {
        match self.form {
            Form::Full { signature, .. } | Form::Compact { signature } => Some(signature),
            Form::Legacy | Form::Malformed { .. } => None,
        }
    }
}

/// Digest, whether it stood in quotes, and the parameters from their `;` on.
fn split_digest(value: &[u8]) -> (&[u8], bool, &[u8]) {
    if let Some(inner) = value.strip_prefix(b"\"") {
        let close = inner.iter().position(|&b| b == b'"').unwrap_or(inner.len());
        let (digest, rest) = inner.split_at(close);
        let rest = trim(rest.get(1..).unwrap_or_default());
        return (trim(digest), true, rest);
    }
    let end = value.iter().position(|&b| b == b';').unwrap_or(value.len());
    let (digest, rest) = value.split_at(end);
    (trim(digest), false, rest)
}

fn form(digest: &[u8]) -> Form<'_> {
    let mut parts = digest.split(|&b| b == b'.');
    let segments = digest.iter().filter(|&&b| b == b'.').count() + 1;
    let malformed = Form::Malformed { segments };
    let (3, Some(header), Some(payload), Some(signature)) =
        (segments, parts.next(), parts.next(), parts.next())
    else {
        return malformed;
    };
    match (header.is_empty(), payload.is_empty(), signature.is_empty()) {
        (false, false, false) => Form::Full {
            header,
            payload,
            signature,
        },
        (true, true, false) => Form::Compact { signature },
        _ => malformed,
    }
}

/// `name=value`, quotes taken off.
fn parameter(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = text.iter().position(|&b| b == b'=')?;
    let value = trim(text.get(at + 1..)?);
    let unquoted = value
        .strip_prefix(b"\"")
        .and_then(|v| v.strip_suffix(b"\""));
    Some((trim(text.get(..at)?), unquoted.unwrap_or(value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Identity<'_> {
        Identity::parse(value.as_bytes(), false)
    }

    #[test]
    fn the_full_form_has_three_segments_and_its_parameters_in_any_order() {
        let identity = read("aa.bb.cc;ppt=\"shaken\";alg=ES256;info=<https://x.example/c.pem>");
        assert_eq!(
            identity.form,
            Form::Full {
                header: b"aa",
                payload: b"bb",
                signature: b"cc"
            }
        );
        assert_eq!(identity.info, Some(&b"https://x.example/c.pem"[..]));
        assert_eq!(identity.alg, Some(&b"ES256"[..]));
        assert_eq!(identity.ppt, Some(&b"shaken"[..]));
        assert_eq!(identity.faults, Faults::default());
        assert_eq!(identity.signing_input(), Some(&b"aa.bb"[..]));
    }

    #[test]
    fn two_dots_and_a_signature_are_the_compact_form() {
        let identity = read("..cc;info=<https://x.example/c.pem>");
        assert_eq!(identity.form, Form::Compact { signature: b"cc" });
        assert_eq!(identity.signing_input(), None);
    }

    #[test]
    fn quotes_or_a_digest_without_dots_are_the_legacy_form() {
        assert_eq!(read("\"ZYNBbHC0=\"").form, Form::Legacy);
        assert_eq!(read("ZYNBbHC0=").form, Form::Legacy);
        assert_eq!(
            Identity::parse(b"ZYNB;info=<https://x>", true).form,
            Form::Legacy
        );
    }

    #[test]
    fn a_digest_without_dots_that_has_info_is_a_malformed_token_and_not_legacy() {
        let identity = read("c2VjcmV0;info=<https://cert.fake>;alg=ES256");
        assert_eq!(identity.form, Form::Malformed { segments: 1 });
    }

    #[test]
    fn a_missing_semicolon_behind_info_is_told_and_its_neighbour_read() {
        let identity = read("a.b.c;info=<https://x/c.pem>alg=ES256;ppt=shaken");
        assert!(identity.faults.missing_semicolon);
        assert_eq!(identity.info, Some(&b"https://x/c.pem"[..]));
        assert_eq!(identity.alg, Some(&b"ES256"[..]));
        assert_eq!(identity.ppt, Some(&b"shaken"[..]));
    }

    #[test]
    fn each_break_of_the_grammar_has_its_fault() {
        let check = |value: &str, expected: &[&str]| {
            let words: Vec<_> = read(value).faults.words().collect();
            assert_eq!(words, expected, "{value}");
        };
        check("a.b.c", &["no `;` follows the token"]);
        check("a.b.c;alg=ES256", &["no `info` parameter"]);
        check("a.b.c;info=https://x", &["`info` does not stand in `<>`"]);
        check("a.b.c;info=<https://x", &["`info` does not stand in `<>`"]);
        check(
            "a.b.c;info=<https://x>;alg=ES256;alg=ES256",
            &["a parameter stands twice"],
        );
        check("a.b.c;info=<https://x>;alg=ES256;other=1", &[]);
    }

    #[test]
    fn wrong_numbers_of_segments_and_empty_ones_are_malformed() {
        let check = |digest: &str, segments: usize| {
            let value = format!("{digest};info=<https://x>");
            assert_eq!(read(&value).form, Form::Malformed { segments }, "{digest}");
        };
        check("a.b", 2);
        check("a.b.c.d", 4);
        check("a..c", 3);
        check("a.b.", 3);
        check("..", 3);
    }

    #[test]
    fn a_fold_in_the_digest_is_told() {
        assert!(read("aa.b\r\n b.cc;info=<https://x>").faults.white_space);
        assert!(!read("aa.bb.cc ;\r\n info=<https://x>").faults.white_space);
    }
}
