//! 481, 482, 487, 491 and some 500: what of the call itself is behind a refusal.
//!
//! # References
//! - RFC 3261 §8.2.2.2, §9.2, §12.2.2, §14.1, §14.2, §15.1.2

use super::super::rule::Readable;
use super::words::{Words, named};
use super::{Unneeded, reasons};
use crate::calls::refusal::{Case, Ended, Known};
use crate::calls::{Refusal, ResponseSeen};
use crate::sip::MethodKind;
use crate::sip::reason::Reason;
use crate::sip::value::list;
use crate::units::Span;

/// Two BYEs this near each other crossed: T2, the longest pause between two copies of one.
const TOGETHER: Span = Span::from_secs(4);

pub(super) fn tell(
    response: &ResponseSeen<'_>,
    refusal: &Refusal<'_>,
    words: &mut Words<'_>,
    unneeded: &mut Option<Unneeded>,
) {
    match &refusal.case {
        Case::Ended(ended) => *unneeded = cancelled(ended, words),
        Case::EndedUnseen => words.part(format_args!("no CANCEL or BYE was seen before it")),
        Case::Unknown(known) => *unneeded = unknown(known, response.method.kind, words),
        Case::Pending {
            method,
            request,
            is_own,
        } => {
            let frame = named(*request);
            if response.code.get() == 500 {
                words.part(format_args!("its own {method} in {frame} was pending"));
            } else {
                let whose = if *is_own {
                    "its own"
                } else {
                    "the other side's"
                };
                words.part(format_args!(
                    "glare: {whose} {method} in {frame} was pending"
                ));
            }
        }
        Case::Merged { request } => {
            let frame = named(*request);
            words.part(format_args!(
                "merged: the same request reached it in {frame}, too, on another branch"
            ));
        }
        Case::Plain | Case::Challenge { .. } | Case::Silent(_) => {}
    }
}

fn cancelled(ended: &Ended<'_>, words: &mut Words<'_>) -> Option<Unneeded> {
    let frame = named(ended.at);
    match (ended.method, ended.by) {
        (MethodKind::Bye, _) => words.part(format_args!("the caller ended it by BYE in {frame}")),
        (_, Some(by)) => words.part(format_args!("{by} cancelled in {frame}")),
        (_, None) => words.part(format_args!("the caller cancelled in {frame}")),
    }
    match (ended.after_ringing, ended.after_invite) {
        (Some(ringing), _) => {
            words.more(format_args!(" after {} of ringing", Readable(ringing)));
        }
        (None, Some(after)) => words.more(format_args!(
            ", {} after the INVITE and before any ringing",
            Readable(after)
        )),
        (None, None) => {}
    }
    if let Some(answer) = ended.answered_elsewhere {
        let frame = named(answer);
        words.part(format_args!("another branch had answered in {frame}"));
    }
    let mut is_completed_elsewhere = ended.answered_elsewhere.is_some();
    for reason in list(ended.reason).filter_map(Reason::parse).take(4) {
        is_completed_elsewhere |= (reason.is("SIP") && reason.cause == Some(200))
            || (reason.is("Q.850") && reason.cause == Some(26));
        let name = ended.method.name().unwrap_or_default();
        reasons::reason(&reason, format_args!("the {name}'s Reason"), words);
    }
    match ended.by {
        _ if is_completed_elsewhere => Some(Unneeded::AnsweredElsewhere),
        None => Some(Unneeded::GaveUp),
        Some(_) => None,
    }
}

fn unknown(known: &Known, method: MethodKind, words: &mut Words<'_>) -> Option<Unneeded> {
    let mut unneeded = None;
    match *known {
        Known::AfterFinal { code, at } => {
            let frame = named(at);
            words.part(format_args!(
                "CANCEL after the final response, {code} in {frame}"
            ));
            unneeded = Some(Unneeded::Crossed);
        }
        Known::PendingInvite {
            invite,
            other_branch,
        } => {
            let frame = named(invite);
            if other_branch {
                words.part(format_args!(
                    "its branch is not that of the INVITE in {frame}"
                ));
            } else {
                words.part(format_args!("its INVITE in {frame} was still pending"));
            }
        }
        Known::NoInvite => words.part(format_args!("no INVITE that it could cancel is known here")),
        Known::ByBye {
            bye,
            by_other,
            before,
        } => {
            let frame = named(bye);
            let whose = if by_other {
                "the other side's BYE"
            } else {
                "BYE"
            };
            words.part(format_args!(
                "the dialog had ended by {whose} in {frame}, {} before",
                Readable(before)
            ));
            if by_other && method == MethodKind::Bye && before <= TOGETHER {
                unneeded = Some(Unneeded::BothHungUp);
            }
        }
        Known::Refused { code, at } => {
            let frame = named(at);
            words.part(format_args!("its INVITE had ended with {code} in {frame}"));
        }
        Known::Dialog { method, at } => {
            let frame = named(at);
            words.part(format_args!(
                "the dialog is known here ({method}, {frame}), its end was not seen"
            ));
        }
        Known::OtherTags { at, from, to } => {
            let frame = named(at);
            let which = match (from, to) {
                (true, true) => "neither of its tags is one",
                (true, false) => "its From tag is none",
                (false, true) => "its To tag is none",
                (false, false) => "its tags are not those of one side and the other",
            };
            words.part(format_args!("{which} of the dialog of {frame}"));
        }
        Known::Nothing {
            seen_before,
            is_all: true,
        } => words.part(format_args!(
            "no dialog of this Call-ID was seen before it; the capture starts {} earlier",
            Readable(seen_before)
        )),
        Known::Nothing { seen_before, .. } => words.part(format_args!(
            "no dialog of this Call-ID was seen in the {} before it",
            Readable(seen_before)
        )),
        Known::Forgotten => {}
    }
    unneeded
}
