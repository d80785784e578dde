//! `Challenge` and `Credentials`: what an answer asks for, and what a request proves itself with.
//!
//! In: a value of WWW-Authenticate, Proxy-Authenticate, Authorization or Proxy-Authorization. Out:
//! its parts over the wire bytes. Always: reading allocates nothing. The digest (`response`) is not
//! handed out, and of other schemes than Digest nothing but the name is: what stands in Basic is a
//! password.
//!
//! # References
//! - RFC 3261 §22, RFC 7616 §3.3 and §3.4, RFC 8760 (algorithms)

use super::Message;
use super::field::Name;
use super::value::{find_outside, is_space, trim};

/// What an answer asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Challenge<'a>(Parts<'a>);

/// What a request proves itself with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credentials<'a>(Parts<'a>);

/// A scheme and what is read of the `name=value` pairs behind it, each the first of its name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Parts<'a> {
    scheme: &'a [u8],
    realm: Option<&'a [u8]>,
    nonce: Option<&'a [u8]>,
    algorithm: Option<&'a [u8]>,
    qop: Option<&'a [u8]>,
    stale: Option<&'a [u8]>,
    username: Option<&'a [u8]>,
    userhash: Option<&'a [u8]>,
}

impl<'a> Parts<'a> {
    /// The first one of `text`, and what is behind it. A field holds one (RFC 3261 §20.44);
    /// senders are seen that join several by commas, as HTTP may.
    fn first(text: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let text = trim(text);
        let blank = text.iter().position(|&b| is_space(b));
        let (scheme, mut params) = text.split_at(blank.unwrap_or(text.len()));
        if scheme.is_empty() {
            return None;
        }
        let mut parts = Self {
            scheme,
            ..Self::default()
        };
        while let Some(comma) = find_outside(params, b',') {
            let (pair, rest) = (params.get(..comma)?, params.get(comma + 1..)?);
            parts.pair(pair);
            if begins_scheme(rest) {
                return Some((parts, rest));
            }
            params = rest;
        }
        parts.pair(params);
        Some((parts, &[]))
    }

    /// Takes a pair, if it is one.
    fn pair(&mut self, pair: &'a [u8]) {
        let pair = trim(pair);
        let equals = pair.iter().position(|&b| b == b'=');
        let Some((key, value)) = equals.and_then(|at| pair.split_at_checked(at)) else {
            return;
        };
        let key = trim(key);
        let names = [
            (b"realm".as_slice(), &mut self.realm),
            (b"nonce", &mut self.nonce),
            (b"algorithm", &mut self.algorithm),
            (b"qop", &mut self.qop),
            (b"stale", &mut self.stale),
            (b"username", &mut self.username),
            (b"userhash", &mut self.userhash),
        ];
        let mut names = names.into_iter();
        if let Some((_, place)) = names.find(|(name, _)| key.eq_ignore_ascii_case(name)) {
            let value = trim(value.get(1..).unwrap_or_default());
            let unquoted = value
                .strip_prefix(b"\"")
                .and_then(|value| value.strip_suffix(b"\""));
            place.get_or_insert(unquoted.unwrap_or(value));
        }
    }

    fn all(mut text: &'a [u8]) -> impl Iterator<Item = Self> {
        std::iter::from_fn(move || {
            let (first, rest) = Self::first(text)?;
            text = rest;
            Some(first)
        })
    }

    fn is_digest(&self) -> bool {
        self.scheme.eq_ignore_ascii_case(b"Digest")
    }

    fn of_digest(&self, value: Option<&'a [u8]>) -> Option<&'a [u8]> {
        value.filter(|_| self.is_digest())
    }
}

/// Whether a scheme and a pair stand at the start of `text`, rather than a pair alone.
fn begins_scheme(text: &[u8]) -> bool {
    let end = text
        .iter()
        .position(|b| matches!(b, b'=' | b',' | b'"'))
        .unwrap_or(text.len());
    let head = trim(text.get(..end).unwrap_or_default());
    head.iter().any(|&b| is_space(b)) && text.get(end) == Some(&b'=')
}

macro_rules! parts {
    ($type:ident) => {
        impl<'a> $type<'a> {
            /// The first one of a field's value.
            pub fn parse(value: &'a [u8]) -> Option<Self> {
                Parts::first(value).map(|(parts, _)| Self(parts))
            }

            /// All of the fields `name` of a message, in order.
            pub fn all(message: &Message<'a>, name: Name) -> impl Iterator<Item = Self> + use<'a> {
                message.headers(name).flat_map(Parts::all).map(Self)
            }

            /// `Digest`, mostly.
            pub const fn scheme(&self) -> &'a [u8] {
                self.0.scheme
            }

            /// Whether the scheme is Digest.
            pub fn is_digest(&self) -> bool {
                self.0.is_digest()
            }

            /// What the digest is to be made with.
            pub fn nonce(&self) -> Option<&'a [u8]> {
                self.0.of_digest(self.0.nonce)
            }

            /// The digest's algorithm; MD5 where none is named (RFC 7616 §3.3).
            pub fn algorithm(&self) -> &'a [u8] {
                self.0.of_digest(self.0.algorithm).unwrap_or(b"MD5")
            }

            /// `auth`, `auth-int`; in a challenge a list of what may be chosen.
            pub fn qop(&self) -> Option<&'a [u8]> {
                self.0.of_digest(self.0.qop)
            }
        }
    };
}

parts!(Challenge);
parts!(Credentials);

impl<'a> Challenge<'a> {
    /// Where the password counts.
    pub fn realm(&self) -> Option<&'a [u8]> {
        self.0.realm
    }

    /// The digest was right, and only its nonce too old (RFC 7616 §3.3).
    pub fn is_stale(&self) -> bool {
        self.0
            .of_digest(self.0.stale)
            .is_some_and(|stale| stale.eq_ignore_ascii_case(b"true"))
    }
}

impl<'a> Credentials<'a> {
    /// Where the password counts.
    pub fn realm(&self) -> Option<&'a [u8]> {
        self.0.of_digest(self.0.realm)
    }

    /// Whose password was used; `None` also where only a hash of the name is told.
    pub fn username(&self) -> Option<&'a [u8]> {
        let is_hashed = self
            .0
            .of_digest(self.0.userhash)
            .is_some_and(|hashed| hashed.eq_ignore_ascii_case(b"true"));
        self.0.of_digest(self.0.username).filter(|_| !is_hashed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_is_read_with_quotes_blanks_and_folds() {
        let value =
            b"digest  realm = \"a, b\" ,\r\n nonce=\"n=1==\",stale=TRUE, algorithm=SHA-256,qop=\"auth,auth-int\"";
        let challenge = Challenge::parse(value).expect("a challenge");
        assert!(challenge.is_digest() && challenge.is_stale());
        assert_eq!(challenge.realm(), Some(b"a, b".as_slice()));
        assert_eq!(challenge.nonce(), Some(b"n=1==".as_slice()));
        assert_eq!(challenge.algorithm(), b"SHA-256");
        assert_eq!(challenge.qop(), Some(b"auth,auth-int".as_slice()));
    }

    #[test]
    fn without_algorithm_and_stale_it_is_md5_and_fresh() {
        let challenge = Challenge::parse(b"Digest realm=\"r\"").expect("a challenge");
        assert_eq!(challenge.algorithm(), b"MD5");
        assert!(!challenge.is_stale());
        assert_eq!(challenge.nonce(), None);
    }

    #[test]
    fn several_in_one_field_are_told_apart() {
        let value = b"Digest realm=\"a\",nonce=\"1\", Basic realm=\"b\", Digest realm=\"c\"";
        let schemes: Vec<_> = Parts::all(value).map(|parts| parts.scheme).collect();
        assert_eq!(schemes, [b"Digest".as_slice(), b"Basic", b"Digest"]);
        let realms: Vec<_> = Parts::all(value)
            .map(|parts| Challenge(parts).realm())
            .collect();
        assert_eq!(
            realms,
            [
                Some(b"a".as_slice()),
                Some(b"b".as_slice()),
                Some(b"c".as_slice())
            ]
        );
    }

    #[test]
    fn of_basic_nothing_but_the_name_is_told() {
        let credentials = Credentials::parse(b"Basic dXNlcjpwYXNz").expect("credentials");
        assert_eq!(credentials.scheme(), b"Basic");
        assert_eq!(credentials.username(), None);
        assert_eq!(credentials.realm(), None);
    }

    #[test]
    fn what_is_no_challenge_has_no_parameters() {
        for value in ["", "Digest", "=", "Digest =x", ",,,", "\"realm=x"] {
            let realm = Challenge::parse(value.as_bytes()).and_then(|one| one.realm());
            assert_eq!(realm, None, "{value}");
        }
    }

    #[test]
    fn a_hashed_user_name_is_none() {
        let of = |value: &'static str| Credentials::parse(value.as_bytes()).expect("credentials");
        assert_eq!(
            of("Digest username=\"bob\", realm=\"r\"").username(),
            Some(b"bob".as_slice())
        );
        assert_eq!(
            of("Digest username=\"00ff\", userhash=true").username(),
            None
        );
    }
}
