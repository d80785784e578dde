//! 3xx, 408, 504, 440, 482 and 483: the way a request took, and where it may go.
//!
//! # References
//! - RFC 3261 §16.3 (loops, Max-Forwards), §16.8 (time-outs of a proxy), §21.3

use super::super::rule::Readable;
use super::words::{Quoted, Words, named};
use crate::calls::refusal::{Case, Maker, Silent};
use crate::calls::{Refusal, ResponseSeen};
use crate::sip::Name;
use crate::sip::value::{Address, HostPort, Via};

/// Via values looked at: Max-Forwards begins with 70.
const VIAS: usize = 80;

/// Contacts told.
const CONTACTS: usize = 3;

pub(super) fn tell(response: &ResponseSeen<'_>, refusal: &Refusal<'_>, words: &mut Words<'_>) {
    match response.code.get() {
        300..400 | 485 => contacts(response, words),
        // Of a relayed one the hop on which it was made says more.
        440 | 482 | 483 if !matches!(refusal.maker, Maker::Relayed { .. }) => {
            loops(response, refusal, words);
        }
        _ => {}
    }
    if let Case::Silent(silent) = &refusal.case {
        silence(silent, words);
    }
}

fn contacts(response: &ResponseSeen<'_>, words: &mut Words<'_>) {
    let all = || {
        response
            .message
            .items(Name::Contact)
            .filter_map(Address::parse)
    };
    for (index, contact) in all().take(CONTACTS).enumerate() {
        if index == 0 {
            words.part(format_args!("to {}", Quoted(contact.uri)));
        } else {
            words.more(format_args!(", {}", Quoted(contact.uri)));
        }
    }
    let more = all().skip(CONTACTS).count();
    if more > 0 {
        words.more(format_args!(" and {more} more"));
    } else if all().next().is_none() && matches!(response.code.get(), 300..380) {
        words.part(format_args!("it names no Contact"));
    }
}

/// The Via values of a response are those of the request as its maker got it.
fn loops(response: &ResponseSeen<'_>, refusal: &Refusal<'_>, words: &mut Words<'_>) {
    if response.code.get() == 483
        && let Some(asked) = refusal.asked.filter(|_| refusal.request.is_some())
        && let Some(hops) = asked.max_forwards
    {
        words.part(format_args!("Max-Forwards was {hops}"));
    }
    let vias = response.message.items(Name::Via).take(VIAS);
    let senders: Vec<HostPort<'_>> = vias.filter_map(Via::parse).map(|via| via.sent_by).collect();
    let times = |sender: &HostPort<'_>| {
        senders
            .iter()
            .filter(|other| {
                other.host.eq_ignore_ascii_case(sender.host) && other.port == sender.port
            })
            .count()
    };
    let most = senders.iter().map(|sender| (times(sender), sender));
    // Of several the first one is told.
    let Some((count, sender)) = most.rev().max_by_key(|(count, _)| *count) else {
        return;
    };
    let all = senders.len();
    if count > 1 {
        words.part(format_args!("a loop: {} stands", Quoted(sender.host)));
        if let Some(port) = sender.port {
            words.more(format_args!(" (port {port})"));
        }
        words.more(format_args!(" {count} times among {all} Via values"));
    } else if all > 1 {
        words.part(format_args!("{all} Via values, none twice"));
    }
}

fn silence(silent: &Silent, words: &mut Words<'_>) {
    let by = silent.by;
    if let Some(next) = silent.next {
        let to = next.to;
        match (next.answer, next.request) {
            (Some((code, at)), _) => {
                let frame = named(at);
                let behind = if code.is_provisional() {
                    ", and nothing after that was seen"
                } else {
                    ""
                };
                words.part(format_args!("{to} answered {by} {code} in {frame}{behind}"));
            }
            (None, Some(request)) => {
                let frame = named(request);
                words.part(format_args!("no answer of {to} to {frame} was seen"));
                if !next.is_heard {
                    let from = next.from;
                    words.more(format_args!(", nor any message from {to} to {from}"));
                }
            }
            (None, None) => {}
        }
        return;
    }
    match (silent.own, silent.after) {
        (Some((code, at)), Some(after)) => {
            let frame = named(at);
            words.part(format_args!(
                "{by} answered {code} in {frame}, and gave up {} after the request; what it waited for is not in this capture",
                Readable(after)
            ));
        }
        (None, Some(after)) => words.part(format_args!(
            "{by} gave up {} after the request; what it waited for is not in this capture",
            Readable(after)
        )),
        (_, None) => {}
    }
}
