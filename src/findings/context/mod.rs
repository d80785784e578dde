//! Context: what the capture adds to a response, in words.
//!
//! In: a response as it is seen, with what its call knows of it, and later what followed. Out: one
//! line of text, and whether the capture shows that nothing needs to be done. An ordinary 1xx or
//! 2xx costs five lookups and no text. Each family of facts is a file; words and what makes a
//! stranger's text fit to stand among them are in `words`.
//!
//! A fact is told only where the capture shows it; where it shows one side only, the words say so
//! (`or beyond`, `was seen`).
//!
//! # References
//! - DOMAIN A.0: what to read in which response
//! - RFC 3261 §20, §21, §22

mod asked;
mod challenge;
mod ended;
mod maker;
mod media;
mod path;
mod reasons;
mod signed;
mod unneeded;
mod words;

use crate::calls::{Context, ResponseSeen, Retry};
use crate::sip::Name;
use crate::units::StatusCode;

use super::rule::Readable;
use words::{Words, named};

pub use unneeded::Unneeded;

/// What is known of a response when it is seen, beside its text.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Told {
    /// Bytes of the text up to who made the answer.
    facts_end: u16,
    challenge: Challenge,
    /// Why nothing needs to be done, as far as that is known already.
    unneeded: Option<Unneeded>,
}

/// What kind of challenge a response is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Challenge {
    /// None.
    #[default]
    No,
    /// To a request without credentials.
    First,
    /// To credentials; the text says why they were not taken.
    Explained,
    /// To credentials of which nothing is wrong that can be seen.
    Unexplained,
    /// The same, and their nonce was some seconds old.
    Aged,
}

/// Writes what is known of a response when it is seen.
pub(super) fn tell(response: &ResponseSeen<'_>, text: &mut String) -> Told {
    let message = response.message;
    let is_told = |name| message.header(name).is_some();
    let has_words = is_told(Name::Reason)
        || is_told(Name::Warning)
        || is_told(Name::ErrorInfo)
        || is_told(Name::RetryAfter)
        || is_told(Name::Identity);
    if response.refusal.is_none() && response.repeats.is_none() && !has_words {
        return Told::default();
    }
    let mut told = Told::default();
    let mut words = Words::new(text);
    if let Some(first) = response.repeats {
        let frame = named(first);
        words.part(format_args!("first sent in {frame}"));
        told.facts_end = u16::try_from(text.len()).unwrap_or(u16::MAX);
        told.unneeded = Some(Unneeded::Repeats);
        return told;
    }
    if let Some(refusal) = response.refusal {
        let code = response.code.get();
        if matches!(code, 401 | 407) {
            told.challenge = challenge::tell(response, refusal, &mut words);
        } else {
            ended::tell(response, refusal, &mut words, &mut told.unneeded);
            path::tell(response, refusal, &mut words);
            media::tell(response, refusal, &mut words);
            asked::tell(response, refusal, &mut words);
        }
    }
    if told.challenge == Challenge::No {
        reasons::tell(response, &mut words);
        signed::tell(response, &mut words);
    }
    told.facts_end = u16::try_from(text.len()).unwrap_or(u16::MAX);
    if let Some(refusal) = response.refusal {
        let mut words = Words::new(text);
        maker::tell(response, refusal, &mut words);
    }
    told
}

/// Puts together what was told of a response and what followed it. Returns why nothing needs to be
/// done, if that is so.
pub(super) fn compose(
    code: StatusCode,
    told: Told,
    text: &str,
    late: Option<&Context>,
    out: &mut String,
) -> Option<Unneeded> {
    let end = usize::from(told.facts_end);
    let (facts, maker) = text.split_at_checked(end).unwrap_or((text, ""));
    let mut words = Words::new(out);
    if told.challenge != Challenge::No {
        let unneeded = challenge::compose(told.challenge, facts, late, &mut words);
        add(&mut words, maker);
        return unneeded;
    }
    let mut unneeded = told.unneeded;
    if let Some(Context::Acknowledged { ack, after, again }) = late {
        let frame = named(*ack);
        words.part(format_args!("ACK in {frame} after {}", Readable(*after)));
        match again {
            Some(copy) => words.more(format_args!(
                ", yet the response was sent again in {}",
                named(*copy)
            )),
            None => unneeded = Some(Unneeded::Acknowledged),
        }
    }
    add(&mut words, facts);
    if let Some(Context::Retried(retry)) = late {
        retried(retry, code, &mut words);
        unneeded = unneeded.or_else(|| went_well(retry, code));
    }
    add(&mut words, maker);
    unneeded
}

fn add(words: &mut Words<'_>, text: &str) {
    if !text.is_empty() {
        words.part(format_args!("{text}"));
    }
}

/// The next try after a refusal.
fn retried(retry: &Retry, code: StatusCode, words: &mut Words<'_>) {
    let frame = named(retry.request);
    if code.class() == 3 && retry.as_asked {
        words.part(format_args!("followed to {} in {frame}", retry.to));
    } else if retry.elsewhere {
        words.part(format_args!("tried again at {} in {frame}", retry.to));
    } else {
        words.part(format_args!("tried again in {frame}"));
    }
    outcome(retry, words);
}

/// What became of the next try.
fn outcome(retry: &Retry, words: &mut Words<'_>) {
    let Some((code, at)) = retry.outcome else {
        return;
    };
    let frame = named(at);
    if code.is_success() {
        words.more(format_args!(", accepted in {frame}"));
    } else if matches!(code.get(), 401 | 407) {
        words.more(format_args!(", challenged in {frame}"));
    } else {
        words.more(format_args!(", then {code} in {frame}"));
    }
}

/// Where the next try was accepted, there is nothing to do about the refusal.
fn went_well(retry: &Retry, code: StatusCode) -> Option<Unneeded> {
    let is_accepted = retry.outcome.is_some_and(|(code, _)| code.is_success());
    is_accepted.then_some(match code.get() {
        300..400 => Unneeded::Followed,
        413..=417 | 420..=425 | 469 | 488 | 489 | 494 | 513 | 580 | 606 => Unneeded::Changed,
        491 => Unneeded::Later,
        _ if retry.elsewhere => Unneeded::AnotherTarget,
        _ => Unneeded::NextTry,
    })
}
