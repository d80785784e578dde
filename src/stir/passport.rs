//! Passport: what the segments of a PASSporT say.
//!
//! In: the encoded segments of an Identity value. Out: [`Passport`]: its JOSE header and its
//! claims, each read or with the reason why not. Claims of every registered extension are kept;
//! those with a form of their own (`orig`, `dest`, `div`, `iat`, `mky`) have a typed view, in which
//! a value of the wrong type is told and not guessed at.
//!
//! Capped: a segment of JSON is at most [`JSON_BYTES`]; `serde_json` ends recursion at 128 levels;
//! [`MOST_PARTIES`] values of `dest` are looked at.
//!
//! # References
//! - RFC 8225 §4, §5, §8 (header, claims, extensions); RFC 8588 §4 and §5 (`attest`, `origid`);
//!   RFC 8946 (`div`, `opt`), RFC 8443 and RFC 9027 (`rph`, `sph`), RFC 9795 (`rcd`, `crn`),
//!   RFC 9475 (`msgi`)

use serde_json::{Map, Value};

use super::encoding::{Decoded, Undecodable, decode};
use super::identity::{Form, Identity};

/// Bytes of decoded JSON that are read; rich call data (RFC 9795) has some thousand.
pub const JSON_BYTES: usize = 32 << 10;

/// Destinations of one PASSporT that are looked at.
pub const MOST_PARTIES: usize = 64;

/// Extensions in the IANA registry of PASSporT types.
pub const REGISTERED: &[&str] = &["shaken", "div", "div-o", "rph", "rcd", "msg", "msec", "rsp"];

/// A PASSporT as it was sent.
#[derive(Clone, Debug)]
pub struct Passport {
    /// The JOSE header; absent in the compact form.
    pub header: Option<Part>,
    /// The claims; absent in the compact form.
    pub payload: Option<Part>,
    /// The signature's bytes.
    pub signature: Result<Decoded, Undecodable>,
}

/// A segment that should be a JSON object.
#[derive(Clone, Debug)]
pub enum Part {
    /// It is one.
    Object(Map<String, Value>),
    /// Its base64 cannot be read.
    Undecodable(Undecodable),
    /// What it encodes is no JSON.
    NotJson {
        /// Column of the first byte that does not fit, from 1.
        column: usize,
    },
    /// It is JSON, but no object.
    NotAnObject,
    /// It is larger than [`JSON_BYTES`], or nested deeper than is read.
    TooLarge,
}

impl Part {
    fn read(segment: &[u8]) -> Self {
        let decoded = match decode(segment) {
            Ok(decoded) => decoded,
            Err(why) => return Self::Undecodable(why),
        };
        if decoded.bytes.len() > JSON_BYTES {
            return Self::TooLarge;
        }
        match serde_json::from_slice(&decoded.bytes) {
            Ok(Value::Object(members)) => Self::Object(members),
            Ok(_) => Self::NotAnObject,
            // What is nested deeper, or a number larger, than is read here may be JSON all the same.
            Err(error) if is_beyond_reading(&error) => Self::TooLarge,
            Err(error) => Self::NotJson {
                column: error.column(),
            },
        }
    }

    /// Its members, if it is an object.
    pub const fn object(&self) -> Option<&Map<String, Value>> {
        match self {
            Self::Object(members) => Some(members),
            _ => None,
        }
    }
}

/// Whether the parser gave up at a limit of its own; it tells so in its words alone.
fn is_beyond_reading(error: &serde_json::Error) -> bool {
    let words = error.to_string();
    words.starts_with("recursion limit exceeded") || words.starts_with("number out of range")
}

/// A member that should have a certain type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim<T> {
    /// It is not there.
    Missing,
    /// It is there.
    Value(T),
    /// It is there and of another type, which this names.
    WrongType(&'static str),
}

impl<T> Claim<T> {
    /// The value, if it is there and of its type.
    pub fn value(self) -> Option<T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Missing | Self::WrongType(_) => None,
        }
    }

    fn map<U>(self, with: impl FnOnce(T) -> U) -> Claim<U> {
        match self {
            Self::Missing => Claim::Missing,
            Self::Value(value) => Claim::Value(with(value)),
            Self::WrongType(name) => Claim::WrongType(name),
        }
    }
}

/// When a PASSporT was issued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IssuedAt {
    /// Not said.
    Missing,
    /// A whole number of seconds since 1970, as it should be.
    Number(i64),
    /// The same as a JSON string; published examples have it so.
    Text(i64),
    /// A number with a fraction.
    Fraction(i64),
    /// Something else, whose type this names.
    WrongType(&'static str),
}

impl IssuedAt {
    /// Seconds since 1970, however they are written.
    pub const fn seconds(self) -> Option<i64> {
        match self {
            Self::Number(seconds) | Self::Text(seconds) | Self::Fraction(seconds) => Some(seconds),
            Self::Missing | Self::WrongType(_) => None,
        }
    }
}

/// Who called, or who diverted: a number or a URI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Party<'a> {
    /// A telephone number.
    pub tn: Claim<&'a str>,
    /// A URI.
    pub uri: Claim<&'a str>,
}

/// Who is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destinations<'a> {
    /// Telephone numbers.
    pub tn: Claim<Vec<&'a str>>,
    /// URIs.
    pub uri: Claim<Vec<&'a str>>,
}

/// The attestation levels (RFC 8588 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Attest {
    /// Full.
    A,
    /// Partial.
    B,
    /// Gateway.
    C,
}

impl Attest {
    /// The level's letter.
    pub fn of(text: &str) -> Option<Self> {
        match text {
            "A" => Some(Self::A),
            "B" => Some(Self::B),
            "C" => Some(Self::C),
            _ => None,
        }
    }

    /// The letter.
    pub const fn letter(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::B => "B",
            Self::C => "C",
        }
    }
}

/// Whether an `iat` can be a time at which a token was issued: from 2015, of which the examples of
/// RFC 8225 are, to the end of the century. What is not is no clock that is off, but another unit or
/// no clock at all.
pub const fn is_time(iat: i64) -> bool {
    const FIRST: i64 = 1_420_070_400;
    const CENTURY_ENDS: i64 = 4_102_444_800;
    iat >= FIRST && iat < CENTURY_ENDS
}

impl Passport {
    /// Reads the token of `identity`; `None` for forms that are none.
    pub fn of(identity: &Identity<'_>) -> Option<Self> {
        match identity.form {
            Form::Full {
                header,
                payload,
                signature,
            } => Some(Self {
                header: Some(Part::read(header)),
                payload: Some(Part::read(payload)),
                signature: decode(signature),
            }),
            Form::Compact { signature } => Some(Self {
                header: None,
                payload: None,
                signature: decode(signature),
            }),
            Form::Legacy | Form::Malformed { .. } => None,
        }
    }

    /// Reads a token as such (`opt` of RFC 8946 §5 holds one).
    pub fn of_token(token: &str) -> Option<Self> {
        Self::of(&Identity::parse(token.as_bytes(), false))
    }

    /// The JOSE header's members, if it can be read.
    pub fn header_object(&self) -> Option<&Map<String, Value>> {
        self.header.as_ref().and_then(Part::object)
    }

    /// A text member of the JOSE header: `typ`, `alg`, `x5u`, `ppt`.
    pub fn header_text(&self, name: &str) -> Claim<&str> {
        text(self.header_object(), name)
    }

    /// A text claim: `attest`, `origid`, `opt`, `crn`, `msgi`, `sph`.
    pub fn text(&self, name: &str) -> Claim<&str> {
        text(self.claims(), name)
    }

    /// All claims.
    pub fn claims(&self) -> Option<&Map<String, Value>> {
        self.payload.as_ref().and_then(Part::object)
    }

    /// Whether a claim is there, whatever it holds.
    pub fn has(&self, name: &str) -> bool {
        self.claims()
            .is_some_and(|claims| claims.contains_key(name))
    }

    /// `iat`.
    pub fn issued_at(&self) -> IssuedAt {
        match self.claims().and_then(|claims| claims.get("iat")) {
            None => IssuedAt::Missing,
            Some(Value::String(text)) => text
                .parse()
                .map_or(IssuedAt::WrongType("a string"), IssuedAt::Text),
            Some(Value::Number(number)) => match (number.as_i64(), number.as_f64()) {
                (Some(seconds), _) => IssuedAt::Number(seconds),
                (None, Some(seconds)) => whole(seconds).map_or(
                    IssuedAt::WrongType("a number out of range"),
                    IssuedAt::Fraction,
                ),
                (None, None) => IssuedAt::WrongType("a number out of range"),
            },
            Some(other) => IssuedAt::WrongType(type_name(other)),
        }
    }

    /// `orig`.
    pub fn orig(&self) -> Claim<Party<'_>> {
        self.party("orig")
    }

    /// `div` (RFC 8946 §3).
    pub fn div(&self) -> Claim<Party<'_>> {
        self.party("div")
    }

    fn party(&self, name: &str) -> Claim<Party<'_>> {
        object(self.claims(), name).map(|members| Party {
            tn: text(Some(members), "tn"),
            uri: text(Some(members), "uri"),
        })
    }

    /// `dest`.
    pub fn dest(&self) -> Claim<Destinations<'_>> {
        object(self.claims(), "dest").map(|members| Destinations {
            tn: texts(members, "tn"),
            uri: texts(members, "uri"),
        })
    }

    /// `attest`, if it is one of the three.
    pub fn attest(&self) -> Option<Attest> {
        self.text("attest").value().and_then(Attest::of)
    }

    /// `mky`: algorithm and digest of each key; `None` if there is no such claim, or one of
    /// another form.
    pub fn media_keys(&self) -> Option<Vec<(&str, &str)>> {
        let keys = self.claims()?.get("mky")?.as_array()?;
        keys.iter()
            .map(|key| {
                let member = |name: &str| key.get(name).and_then(Value::as_str);
                Some((member("alg")?, member("dig")?))
            })
            .collect()
    }
}

fn text<'a>(members: Option<&'a Map<String, Value>>, name: &str) -> Claim<&'a str> {
    match members.and_then(|members| members.get(name)) {
        None => Claim::Missing,
        Some(Value::String(text)) => Claim::Value(text),
        Some(other) => Claim::WrongType(type_name(other)),
    }
}

fn object<'a>(
    members: Option<&'a Map<String, Value>>,
    name: &str,
) -> Claim<&'a Map<String, Value>> {
    match members.and_then(|members| members.get(name)) {
        None => Claim::Missing,
        Some(Value::Object(members)) => Claim::Value(members),
        Some(other) => Claim::WrongType(type_name(other)),
    }
}

fn texts<'a>(members: &'a Map<String, Value>, name: &str) -> Claim<Vec<&'a str>> {
    match members.get(name) {
        None => Claim::Missing,
        Some(Value::Array(items)) => items
            .iter()
            .take(MOST_PARTIES)
            .map(Value::as_str)
            .collect::<Option<Vec<_>>>()
            .map_or(Claim::WrongType("an array of other things"), Claim::Value),
        Some(other) => Claim::WrongType(type_name(other)),
    }
}

const fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// The whole seconds of a time that a clock can show.
fn whole(seconds: f64) -> Option<i64> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "in range, and the fraction is not wanted"
    )]
    (seconds.abs() < 1e15).then_some(seconds as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stir::encoding::encode;

    fn passport(header: &str, payload: &str) -> Passport {
        let token = format!(
            "{}.{}.c2ln",
            encode(header.as_bytes()),
            encode(payload.as_bytes())
        );
        Passport::of_token(&token).unwrap()
    }

    #[test]
    fn header_and_claims_of_shaken_are_read() {
        let passport = passport(
            r#"{"alg":"ES256","ppt":"shaken","typ":"passport","x5u":"https://x/c.pem"}"#,
            r#"{"attest":"A","dest":{"tn":["15550001"]},"iat":1443208345,"orig":{"tn":"15550002"},"origid":"u"}"#,
        );
        assert_eq!(passport.header_text("ppt"), Claim::Value("shaken"));
        assert_eq!(passport.issued_at(), IssuedAt::Number(1_443_208_345));
        assert_eq!(
            passport.orig().value().unwrap().tn,
            Claim::Value("15550002")
        );
        let dest = passport.dest().value().unwrap();
        assert_eq!(dest.tn, Claim::Value(vec!["15550001"]));
        assert_eq!(dest.uri, Claim::Missing);
        assert_eq!(passport.attest(), Some(Attest::A));
        assert!(passport.has("origid") && !passport.has("div"));
    }

    #[test]
    fn claims_of_the_other_extensions_are_kept() {
        let passport = passport(
            r#"{"ppt":"rcd"}"#,
            r#"{"div":{"uri":"sip:a@b"},"opt":"a.b.c","rph":{"auth":["ets.0"]},"rcd":{"nam":"X"},"crn":"y","msgi":"sha256-z"}"#,
        );
        assert_eq!(passport.div().value().unwrap().uri, Claim::Value("sip:a@b"));
        for name in ["opt", "crn", "msgi"] {
            assert!(passport.text(name).value().is_some(), "{name}");
        }
        assert!(passport.has("rph") && passport.has("rcd"));
    }

    #[test]
    fn an_issue_time_is_read_however_it_is_written() {
        let iat = |json: &str| passport("{}", &format!("{{\"iat\":{json}}}")).issued_at();
        assert_eq!(iat("7"), IssuedAt::Number(7));
        assert_eq!(iat("\"7\""), IssuedAt::Text(7));
        assert_eq!(iat("7.9"), IssuedAt::Fraction(7));
        assert_eq!(iat("\"soon\""), IssuedAt::WrongType("a string"));
        assert_eq!(iat("[7]"), IssuedAt::WrongType("an array"));
        assert_eq!(iat("1e300"), IssuedAt::WrongType("a number out of range"));
        assert_eq!(passport("{}", "{}").issued_at(), IssuedAt::Missing);
    }

    #[test]
    fn a_claim_of_another_type_is_told_and_not_guessed_at() {
        let passport = passport("{}", r#"{"orig":"{\"tn\":\"1\"}","dest":{"tn":"1"}}"#);
        assert_eq!(passport.orig(), Claim::WrongType("a string"));
        let dest = passport.dest().value().unwrap();
        assert_eq!(dest.tn, Claim::WrongType("a string"));
    }

    #[test]
    fn what_is_no_object_says_what_it_is() {
        let header = |segment: &str| {
            Passport::of_token(&format!("{segment}.e30.c2ln"))
                .unwrap()
                .header
        };
        assert!(matches!(header("e3"), Some(Part::NotJson { .. })));
        assert!(matches!(header("W10"), Some(Part::NotAnObject)));
        assert!(matches!(header("e"), Some(Part::Undecodable(_))));
        let large = encode(&vec![b' '; JSON_BYTES + 1]);
        assert!(matches!(header(&large), Some(Part::TooLarge)));
    }

    #[test]
    fn deep_nesting_is_refused_and_not_followed() {
        let deep = encode("[".repeat(20_000).as_bytes());
        let passport = Passport::of_token(&format!("{deep}.{deep}.c2ln")).unwrap();
        assert!(matches!(passport.payload, Some(Part::TooLarge)));
    }

    #[test]
    fn what_is_beyond_reading_is_not_said_to_be_no_json() {
        let nested = format!("{{\"x\":{}{}}}", "[".repeat(200), "]".repeat(200));
        for json in [nested.as_str(), "{\"iat\":1e999}"] {
            let part = Part::read(encode(json.as_bytes()).as_bytes());
            assert!(matches!(part, Part::TooLarge), "{json}: {part:?}");
        }
    }
}
