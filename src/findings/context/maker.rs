//! Who made a refusal, and who relayed it.
//!
//! # References
//! - DOMAIN A.0 rule 5; RFC 3261 §16.7, §20.35 (Server)

use super::words::{Short, Words, named};
use crate::calls::refusal::Maker;
use crate::calls::{Refusal, ResponseSeen, server};

pub(super) fn tell(response: &ResponseSeen<'_>, refusal: &Refusal<'_>, words: &mut Words<'_>) {
    let message = response.message;
    let sender = response.raw.flow.src;
    match refusal.maker {
        Maker::Relayed {
            maker,
            at,
            or_beyond,
            server,
        } => {
            let frame = named(at);
            let or_beyond = if or_beyond { " or beyond" } else { "" };
            words.part(format_args!("made by {maker}{or_beyond} ({frame}"));
            if !server.is_empty() {
                words.more(format_args!(", {}", Short(server)));
            }
            words.more(format_args!("), relayed by {sender}"));
        }
        Maker::PassedOn {
            to,
            request,
            answer,
        } => match (answer, request) {
            _ if response.code.get() == 487 => {}
            (Some((code, at)), _) if code.class() >= 3 => {
                let frame = named(at);
                words.part(format_args!("{to} had answered {sender} {code} in {frame}"));
            }
            // What a time-out waited for is told with it.
            (_, Some(at)) if !matches!(response.code.get(), 408 | 504) => {
                let frame = named(at);
                words.part(format_args!("{sender} had passed it on to {to} in {frame}"));
            }
            _ => {}
        },
        // That a challenge or the answer to a CANCEL has been made is no news.
        Maker::SenderOrBeyond if matches!(response.code.get(), 401 | 407 | 487 | 491) => {}
        // Without a name it would say no more than the response's source.
        Maker::SenderOrBeyond => {
            if let Some(server) = server(message) {
                words.part(format_args!(
                    "made by {sender} or beyond ({})",
                    Short(server)
                ));
            }
        }
    }
}
