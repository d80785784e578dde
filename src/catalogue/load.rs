//! The catalogue as loaded: parsed once from the data compiled in, indexed by code.
//!
//! The data is part of the program and every test parses it, so loading cannot fail at a user's.

use std::sync::OnceLock;

use serde::Deserialize;

use super::causes::{Cause, ReasonProtocols};
use super::compare::Group;
use super::entry::{Class, Entry, Explained, Fallback, Variant};
use crate::units::StatusCode;

/// 100 to 699.
const CODES: usize = 600;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Responses {
    registry_date: String,
    response: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Variants {
    variant: Vec<Variant>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fallbacks {
    fallback: Vec<Fallback>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Confusions {
    group: Vec<Group>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Causes {
    q850: Vec<Cause>,
    warning: Vec<Cause>,
    reason: Vec<ReasonProtocols>,
    rfc: Vec<Rfc>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rfc {
    number: u16,
    title: String,
}

impl Variant {
    fn has(&self, phrase: &[u8]) -> bool {
        let mut all = std::iter::once(&self.phrase).chain(&self.also);
        all.any(|known| same_phrase(known.as_bytes(), phrase))
    }
}

/// A code that is in the catalogue.
struct Slot {
    entry: Entry,
    variants: Vec<Variant>,
}

/// All the catalogue's data.
pub struct Catalogue {
    registry_date: String,
    /// Ascending by code.
    slots: Vec<Slot>,
    /// Position of `code - 100` in `slots`. Invariant: length is [`CODES`].
    index: Vec<Option<u8>>,
    /// Six, ascending by class, each with the position in `slots` it is treated as.
    fallbacks: Vec<(Fallback, usize)>,
    groups: Vec<Group>,
    causes: Causes,
}

/// The catalogue compiled into the program.
///
/// # Panics
///
/// Never: the data is compiled in, and tests parse it.
#[expect(
    clippy::expect_used,
    reason = "the data is compiled in; every test of this room parses it"
)]
pub fn catalogue() -> &'static Catalogue {
    static CATALOGUE: OnceLock<Catalogue> = OnceLock::new();
    CATALOGUE.get_or_init(|| Catalogue::load().expect("the compiled-in catalogue is well-formed"))
}

impl Catalogue {
    /// `None` where a fallback is missing; the parser's error is of use to nobody but the tests.
    fn load() -> Option<Self> {
        let responses: Responses = toml::from_str(include_str!("responses.toml")).ok()?;
        let variants: Variants = toml::from_str(include_str!("variants.toml")).ok()?;
        let fallbacks: Fallbacks = toml::from_str(include_str!("fallbacks.toml")).ok()?;
        let confusions: Confusions = toml::from_str(include_str!("confusions.toml")).ok()?;
        let causes: Causes = toml::from_str(include_str!("causes.toml")).ok()?;

        let mut slots: Vec<Slot> = responses.response.into_iter().map(Slot::new).collect();
        slots.sort_by_key(|slot| slot.entry.code);
        for mut variant in variants.variant {
            variant.remediation = variant.fix.join(" ");
            variant.occurs = variant.when.join(" ");
            let slot = slots.iter_mut().find(|s| s.entry.code == variant.code)?;
            slot.variants.push(variant);
        }
        let mut index = vec![None; CODES];
        for (at, slot) in slots.iter().enumerate() {
            *index.get_mut(position(slot.entry.code))? = Some(u8::try_from(at).ok()?);
        }
        let mut by_class = Vec::with_capacity(Class::ALL.len());
        for mut fallback in fallbacks.fallback {
            fallback.remediation = fallback.fix.join(" ");
            fallback.occurs = fallback.when.join(" ");
            let treat_as = slots
                .iter()
                .position(|s| s.entry.code == fallback.treat_as)?;
            by_class.push((fallback, treat_as));
        }
        by_class.sort_by_key(|(fallback, _)| fallback.class);
        (by_class.len() == Class::ALL.len()).then_some(Self {
            registry_date: responses.registry_date,
            slots,
            index,
            fallbacks: by_class,
            groups: confusions.group,
            causes,
        })
    }

    /// What there is to say about `code`, which came with `phrase`. O(1), never allocates.
    ///
    /// The phrase may narrow the meaning and never changes the code (RFC 3261 §7.2).
    ///
    /// # Panics
    ///
    /// Never: each of the six classes has a fallback, which loading checks.
    #[expect(
        clippy::expect_used,
        reason = "load() gives a slot and a fallback for each of the six classes"
    )]
    pub fn entry(&self, code: StatusCode, phrase: Option<&[u8]>) -> Explained<'_> {
        if let Some(slot) = self.slot(code) {
            // The registered phrase wins: old forms of it may differ in a hyphen only.
            let variant = phrase
                .filter(|phrase| !phrase.eq_ignore_ascii_case(slot.entry.phrase.as_bytes()))
                .and_then(|phrase| slot.variants.iter().find(|variant| variant.has(phrase)));
            return Explained {
                code,
                entry: &slot.entry,
                variant,
                fallback: None,
            };
        }
        let (fallback, treat_as) = self
            .fallbacks
            .get(usize::from(code.class()) - 1)
            .expect("classes are 1 to 6");
        let slot = self.slots.get(*treat_as).expect("found when loading");
        Explained {
            code,
            entry: &slot.entry,
            variant: None,
            fallback: Some(fallback),
        }
    }

    /// The entry of a code the catalogue knows.
    pub fn known(&self, code: StatusCode) -> Option<&Entry> {
        self.slot(code).map(|slot| &slot.entry)
    }

    /// The phrase variants of a code.
    pub fn variants(&self, code: StatusCode) -> &[Variant] {
        self.slot(code).map_or(&[], |slot| &slot.variants)
    }

    /// All entries, ascending by code, those outside the registry among them.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.slots.iter().map(|slot| &slot.entry)
    }

    /// Codes and variants whose phrase is `phrase`, ascending by code.
    pub fn by_phrase(&self, phrase: &[u8]) -> impl Iterator<Item = Explained<'_>> {
        self.slots.iter().filter_map(move |slot| {
            let explained = self.entry(slot.entry.code, Some(phrase));
            (explained.variant.is_some() || same_phrase(slot.entry.phrase.as_bytes(), phrase))
                .then_some(explained)
        })
    }

    /// The class of a code.
    pub fn class_of(&self, code: StatusCode) -> Class {
        Class::of(code)
    }

    /// The date of the registry the entries were taken from.
    pub fn registry_date(&self) -> &str {
        &self.registry_date
    }

    /// A Q.850 release cause.
    pub fn q850(&self, cause: u16) -> Option<&Cause> {
        self.causes.q850.iter().find(|c| c.number == cause)
    }

    /// A Warning code.
    pub fn warning(&self, code: u16) -> Option<&Cause> {
        self.causes.warning.iter().find(|c| c.number == code)
    }

    /// All Q.850 causes, ascending.
    pub fn q850_causes(&self) -> &[Cause] {
        &self.causes.q850
    }

    /// All Warning codes, ascending.
    pub fn warnings(&self) -> &[Cause] {
        &self.causes.warning
    }

    /// The registered protocols of Reason.
    pub fn reason_protocols(&self) -> &[ReasonProtocols] {
        &self.causes.reason
    }

    /// The name of a cause value of Reason: of SIP and STIR a status code's phrase.
    pub fn reason_cause(&self, protocol: &[u8], cause: u32) -> Option<&str> {
        let is = |name: &str| protocol.eq_ignore_ascii_case(name.as_bytes());
        let number = u16::try_from(cause).ok()?;
        if is("Q.850") {
            return self.q850(number).map(|cause| cause.name.as_str());
        }
        if is("SIP") || is("STIR") {
            // In BYE and CANCEL 200 says where the call went (RFC 3326 §3.1); the text tells.
            let code = StatusCode::new(number).filter(|code| !code.is_success())?;
            return self.known(code).map(|entry| entry.phrase.as_str());
        }
        let of_protocol = self.causes.reason.iter();
        let mut names = of_protocol.filter(|row| row.protocols.iter().any(|name| is(name)));
        let at = usize::from(number).checked_sub(1)?;
        names.next()?.causes.get(at).map(String::as_str)
    }

    /// The title of `RFC 8224`.
    pub fn rfc_title(&self, rfc: &str) -> Option<&str> {
        let number: u16 = rfc.strip_prefix("RFC ")?.parse().ok()?;
        let rfc = self.causes.rfc.iter().find(|r| r.number == number)?;
        Some(&rfc.title)
    }

    pub(super) fn groups(&self) -> &[Group] {
        &self.groups
    }

    fn slot(&self, code: StatusCode) -> Option<&Slot> {
        let at = (*self.index.get(position(code))?)?;
        self.slots.get(usize::from(at))
    }
}

impl Slot {
    fn new(mut entry: Entry) -> Self {
        entry.remediation = entry.fix.join(" ");
        entry.other_remediation = entry.other_fix.join(" ");
        entry.occurs = entry.when.join(" ");
        Self {
            entry,
            variants: Vec::new(),
        }
    }
}

fn position(code: StatusCode) -> usize {
    usize::from(code.get()) - 100
}

/// Equal but for case, blanks, hyphens and other punctuation.
pub(super) fn same_phrase(a: &[u8], b: &[u8]) -> bool {
    fn letters(text: &[u8]) -> impl Iterator<Item = u8> {
        text.iter()
            .filter(|byte| byte.is_ascii_alphanumeric() || !byte.is_ascii())
            .map(u8::to_ascii_lowercase)
    }
    letters(a).eq(letters(b))
}
