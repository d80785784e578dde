//! Two codes side by side: the facts in which they differ, and when to use which.
//!
//! What is derived from the entries holds for any pair; pairs that people confuse have a sentence
//! of their own in `confusions.toml`.

use serde::Deserialize;

use super::entry::{Class, Explained};
use super::labels::{Label, Lang};
use super::load::Catalogue;
use crate::units::StatusCode;

/// Codes that people confuse.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Group {
    /// Two or more codes.
    pub(super) codes: Vec<u16>,
    /// What tells them apart.
    pub(super) difference: String,
}

/// One fact of both codes.
#[derive(Clone, Debug)]
pub struct Difference {
    /// Which fact.
    pub label: Label,
    /// Of the first code.
    pub left: String,
    /// Of the second code.
    pub right: String,
}

/// Two codes side by side.
#[derive(Clone, Debug)]
pub struct Comparison<'a> {
    /// The first code.
    pub left: Explained<'a>,
    /// The second code.
    pub right: Explained<'a>,
    /// What tells them apart, in words.
    pub summary: String,
    /// Whether `summary` was written for this pair by hand.
    pub hand_written: bool,
    /// The facts in which they differ.
    pub differences: Vec<Difference>,
    /// When the first code is the right one.
    pub choose_left: String,
    /// When the second code is the right one.
    pub choose_right: String,
}

impl Catalogue {
    /// Two codes side by side.
    pub fn compare(&self, left: StatusCode, right: StatusCode, lang: Lang) -> Comparison<'_> {
        let (left, right) = (self.entry(left, None), self.entry(right, None));
        let written = self
            .groups()
            .iter()
            .filter(|group| {
                left.code != right.code
                    && group.codes.contains(&left.code.get())
                    && group.codes.contains(&right.code.get())
            })
            .min_by_key(|group| group.codes.len());
        Comparison {
            summary: written.map_or_else(|| generic(&left, &right), |g| g.difference.clone()),
            hand_written: written.is_some(),
            differences: facts(&left, lang)
                .into_iter()
                .zip(facts(&right, lang))
                .filter(|((_, left), (_, right))| left != right)
                .map(|((label, left), (_, right))| Difference { label, left, right })
                .collect(),
            choose_left: choose(&left),
            choose_right: choose(&right),
            left,
            right,
        }
    }
}

fn facts(explained: &Explained<'_>, lang: Lang) -> [(Label, String); 6] {
    let class = explained.class();
    let entry = explained.entry;
    // Of an unknown code only its class is known; the entry is that of another code.
    let known = explained.fallback.is_none();
    let or_unknown = |text: String| if known { text } else { "-".to_owned() };
    let dialog = if known {
        entry.dialog_effect()
    } else {
        class.dialog_effect()
    };
    [
        (
            Label::Class,
            format!("{} {}", class.pattern(), class.name(lang)),
        ),
        (Label::SentBy, or_unknown(entry.sent_by.clone())),
        (
            Label::Methods,
            or_unknown(method_list(&entry.methods, lang)),
        ),
        (Label::Retry, or_unknown(entry.retry.words(lang).to_owned())),
        (Label::DialogEffect, dialog.to_owned()),
        (
            Label::DefinedIn,
            reference(explained).unwrap_or_else(|| explained.status().word(lang).to_owned()),
        ),
    ]
}

/// `RFC 8224 §6.2.2`, or where a vendor's code comes from.
pub(crate) fn reference(explained: &Explained<'_>) -> Option<String> {
    if explained.fallback.is_some() {
        return None;
    }
    let entry = explained.entry;
    match (&entry.rfc, &entry.section) {
        (Some(rfc), Some(section)) => Some(format!("{rfc} {section}")),
        (Some(rfc), None) => Some(rfc.clone()),
        (None, _) => entry.source.clone(),
    }
}

/// `INVITE, MESSAGE, any`.
pub(crate) fn method_list(methods: &[String], lang: Lang) -> String {
    let words: Vec<&str> = methods
        .iter()
        .map(|method| match method.as_str() {
            "*" => Label::AnyMethod.text(lang),
            method => method,
        })
        .collect();
    words.join(", ")
}

fn choose(explained: &Explained<'_>) -> String {
    match explained.fallback {
        Some(fallback) => format!(
            "not in any registry; a client treats it as {}.",
            fallback.treat_as
        ),
        None => explained.entry.choose.clone(),
    }
}

fn generic(left: &Explained<'_>, right: &Explained<'_>) -> String {
    let (a, b) = (left.code, right.code);
    if a == b {
        return format!("Both are {a}: there is nothing to compare.");
    }
    let outcome = |class| match class {
        Class::Provisional => "reports progress of a request that is still open",
        Class::Success => "says that the request succeeded",
        Class::Redirection => "sends the request to another address",
        Class::RequestFailure => "refuses this request at this server",
        Class::ServerFailure => "says that a server failed on a request that may be valid",
        Class::GlobalFailure => "refuses the request for all destinations",
    };
    if left.class() == right.class() {
        format!(
            "Both belong to the same class: each {}. They name different reasons; read the descriptions above.",
            outcome(left.class())
        )
    } else {
        format!(
            "{a} {}; {b} {}. They are seldom alternatives for one situation.",
            outcome(left.class()),
            outcome(right.class())
        )
    }
}
