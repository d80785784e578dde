//! The catalogue's records: an entry a code, a variant a phrase, a fallback a class.
//!
//! All text is the catalogue's own, fit for any sink that escapes its own syntax; it holds no
//! line breaks.

use serde::{Deserialize, Deserializer, Serialize};

use super::labels::{Label, Lang};
use crate::units::StatusCode;

/// The six classes of RFC 3261 §7.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// 1xx.
    Provisional,
    /// 2xx.
    Success,
    /// 3xx.
    Redirection,
    /// 4xx.
    RequestFailure,
    /// 5xx.
    ServerFailure,
    /// 6xx.
    GlobalFailure,
}

impl Class {
    /// All, in order.
    pub const ALL: [Self; 6] = [
        Self::Provisional,
        Self::Success,
        Self::Redirection,
        Self::RequestFailure,
        Self::ServerFailure,
        Self::GlobalFailure,
    ];

    /// The class of a code.
    pub const fn of(code: StatusCode) -> Self {
        match code.class() {
            1 => Self::Provisional,
            2 => Self::Success,
            3 => Self::Redirection,
            4 => Self::RequestFailure,
            5 => Self::ServerFailure,
            _ => Self::GlobalFailure,
        }
    }

    /// `4xx`.
    pub const fn pattern(self) -> &'static str {
        match self {
            Self::Provisional => "1xx",
            Self::Success => "2xx",
            Self::Redirection => "3xx",
            Self::RequestFailure => "4xx",
            Self::ServerFailure => "5xx",
            Self::GlobalFailure => "6xx",
        }
    }

    /// The name in a language.
    pub const fn name(self, lang: Lang) -> &'static str {
        let label = match self {
            Self::Provisional => Label::Provisional,
            Self::Success => Label::Success,
            Self::Redirection => Label::Redirection,
            Self::RequestFailure => Label::RequestFailure,
            Self::ServerFailure => Label::ServerFailure,
            Self::GlobalFailure => Label::GlobalFailure,
        };
        label.text(lang)
    }

    /// What a final or provisional response of this class does to a dialog.
    pub(super) const fn dialog_effect(self) -> &'static str {
        match self {
            Self::Provisional => {
                "Creates an early dialog if it has a To tag; the INVITE stays pending."
            }
            Self::Success => {
                "To INVITE: confirms the dialog, and an ACK must follow. Otherwise none of its own."
            }
            Self::Redirection | Self::RequestFailure | Self::ServerFailure => {
                "To a new INVITE: no dialog, early dialogs of its branch end. Inside a dialog: the dialog stays."
            }
            Self::GlobalFailure => {
                "To a new INVITE: no dialog, and a forking proxy gives up all other branches too (RFC 3261 §16.7)."
            }
        }
    }
}

/// Where a code stands in the registry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Registered and in use.
    #[default]
    Current,
    /// Registered and deprecated.
    Obsolete,
    /// Met in traffic, in no registry.
    Unregistered,
}

impl Status {
    /// The word in a language.
    pub const fn word(self, lang: Lang) -> &'static str {
        match self {
            Self::Current => Label::Current,
            Self::Obsolete => Label::Obsolete,
            Self::Unregistered => Label::Unregistered,
        }
        .text(lang)
    }
}

/// Whether sending the request again helps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Retry {
    /// Pointless.
    No,
    /// Only after changing the request.
    Changed,
    /// The client corrects itself from the response.
    Auto,
    /// The same request after a delay.
    Later,
    /// At once, to another target.
    Elsewhere,
    /// Not a question here.
    #[serde(rename = "n/a")]
    NotApplicable,
}

impl Retry {
    /// The words in a language.
    pub const fn words(self, lang: Lang) -> &'static str {
        match self {
            Self::No => Label::RetryNo,
            Self::Changed => Label::RetryChanged,
            Self::Auto => Label::RetryAuto,
            Self::Later => Label::RetryLater,
            Self::Elsewhere => Label::RetryElsewhere,
            Self::NotApplicable => Label::RetryNotApplicable,
        }
        .text(lang)
    }
}

/// One code.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The code.
    #[serde(deserialize_with = "code")]
    pub code: StatusCode,
    /// The registered phrase, or the one met in traffic.
    pub phrase: String,
    /// `RFC 8224`; absent for codes of vendors.
    pub rfc: Option<String>,
    /// `§6.2.2`, where it is known for sure.
    pub section: Option<String>,
    /// Where a code without RFC comes from.
    pub source: Option<String>,
    /// Where it is normally seen first; `*` is any method.
    pub methods: Vec<String>,
    /// Its place in the registry.
    #[serde(default)]
    pub status: Status,
    /// Whether to send again.
    pub retry: Retry,
    /// Header fields of the response to read.
    pub headers: Vec<String>,
    /// Who normally sends it.
    pub sent_by: String,
    /// What it does to a dialog, where that differs from its class.
    pub dialog: Option<String>,
    /// One or two sentences.
    pub meaning: String,
    /// What typically causes it, a sentence each.
    pub when: Vec<String>,
    /// What to do, a step each.
    pub fix: Vec<String>,
    /// The same in at most 90 characters.
    pub short_fix: String,
    /// When it is the right one among similar codes.
    pub choose: String,
    /// What it meant in an older standard.
    pub legacy: Option<String>,
    /// Further RFCs.
    #[serde(default)]
    pub read_on: Vec<String>,
    /// `fix` in one string; made when the catalogue is loaded.
    #[serde(skip)]
    pub(super) remediation: String,
    /// `when` in one string; made when the catalogue is loaded.
    #[serde(skip)]
    pub(super) occurs: String,
    /// The meaning to a method that is not among `methods`, where that differs.
    #[serde(default)]
    pub other_meaning: Option<String>,
    /// What to do then, a step each.
    #[serde(default)]
    pub other_fix: Vec<String>,
    /// `other_fix` in one string.
    #[serde(skip)]
    pub(super) other_remediation: String,
}

impl Entry {
    /// What it does to a dialog.
    pub fn dialog_effect(&self) -> &str {
        self.dialog
            .as_deref()
            .unwrap_or_else(|| Class::of(self.code).dialog_effect())
    }

    /// Whether IANA lists it.
    pub fn is_registered(&self) -> bool {
        self.status != Status::Unregistered
    }

    /// All causes in one string.
    pub fn when_text(&self) -> &str {
        &self.occurs
    }

    /// All steps in one string.
    pub fn remediation(&self) -> &str {
        &self.remediation
    }
}

/// A reason phrase that narrows the meaning of a code.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variant {
    /// The code it comes with.
    #[serde(deserialize_with = "code")]
    pub code: StatusCode,
    /// The phrase.
    pub phrase: String,
    /// Phrases that say the same.
    #[serde(default)]
    pub also: Vec<String>,
    /// Who defined it.
    pub source: String,
    /// One or two sentences.
    pub meaning: String,
    /// What typically causes it.
    pub when: Vec<String>,
    /// What to do, a step each.
    pub fix: Vec<String>,
    /// The same in at most 90 characters.
    pub short_fix: String,
    /// `fix` in one string.
    #[serde(skip)]
    pub(super) remediation: String,
    /// `when` in one string.
    #[serde(skip)]
    pub(super) occurs: String,
}

/// What is said of an unknown code of a class.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fallback {
    /// First digit.
    pub class: u16,
    /// The code it is treated as (RFC 3261 §8.1.3.2).
    #[serde(deserialize_with = "code")]
    pub treat_as: StatusCode,
    /// One or two sentences.
    pub meaning: String,
    /// What typically causes it.
    pub when: Vec<String>,
    /// What to do, a step each.
    pub fix: Vec<String>,
    /// The same in at most 90 characters.
    pub short_fix: String,
    /// `fix` in one string.
    #[serde(skip)]
    pub(super) remediation: String,
    /// `when` in one string.
    #[serde(skip)]
    pub(super) occurs: String,
}

/// What the catalogue has to say about a response.
#[derive(Clone, Copy, Debug)]
pub struct Explained<'a> {
    /// The code that was asked for.
    pub code: StatusCode,
    /// Its entry; of an unknown code, the entry of the code it is treated as.
    pub entry: &'a Entry,
    /// The phrase's own entry, if the phrase has one.
    pub variant: Option<&'a Variant>,
    /// Present if the code is unknown.
    pub fallback: Option<&'a Fallback>,
}

/// Picks a field of the narrowest record.
macro_rules! narrowest {
    ($self:ident . $field:ident) => {
        match ($self.variant, $self.fallback) {
            (Some(variant), _) => &variant.$field,
            (None, Some(fallback)) => &fallback.$field,
            (None, None) => &$self.entry.$field,
        }
    };
}

impl<'a> Explained<'a> {
    /// What the sender says with it.
    pub fn meaning(&self) -> &'a str {
        narrowest!(self.meaning)
    }

    /// Meaning and what to do where it answers a request of `method`; empty is any.
    pub fn to(&self, method: &[u8]) -> (&'a str, &'a str) {
        let other = self.entry.other_meaning.as_deref();
        let is_meant = |known: &String| known == "*" || known.as_bytes() == method;
        match other {
            Some(other)
                if self.variant.is_none()
                    && !method.is_empty()
                    && !self.entry.methods.iter().any(is_meant) =>
            {
                (other, &self.entry.other_remediation)
            }
            _ => (self.meaning(), self.remediation()),
        }
    }

    /// What typically causes it, in one string.
    pub fn when(&self) -> &'a str {
        narrowest!(self.occurs)
    }

    /// What typically causes it, a sentence each.
    pub fn causes(&self) -> &'a [String] {
        narrowest!(self.when)
    }

    /// What to do, in one string.
    pub fn remediation(&self) -> &'a str {
        narrowest!(self.remediation)
    }

    /// What to do, a step each.
    pub fn steps(&self) -> &'a [String] {
        narrowest!(self.fix)
    }

    /// What to do in at most 90 characters.
    pub fn short_fix(&self) -> &'a str {
        narrowest!(self.short_fix)
    }

    /// The catalogue's phrase; none for an unknown code.
    pub fn phrase(&self) -> Option<&'a str> {
        match (self.variant, self.fallback) {
            (Some(variant), _) => Some(&variant.phrase),
            (None, Some(_)) => None,
            (None, None) => Some(&self.entry.phrase),
        }
    }

    /// `RFC 8224`; of an unknown code and of vendors' codes none.
    pub fn rfc(&self) -> Option<&'a str> {
        match self.fallback {
            Some(_) => None,
            None => self.entry.rfc.as_deref(),
        }
    }

    /// Its class.
    pub fn class(&self) -> Class {
        Class::of(self.code)
    }

    /// Its place in the registry.
    pub fn status(&self) -> Status {
        match self.fallback {
            Some(_) => Status::Unregistered,
            None => self.entry.status,
        }
    }
}

fn code<'de, D: Deserializer<'de>>(from: D) -> Result<StatusCode, D::Error> {
    let raw = u16::deserialize(from)?;
    StatusCode::new(raw).ok_or_else(|| serde::de::Error::custom("a status code is 100 to 699"))
}
