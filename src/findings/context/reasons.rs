//! What any response may carry: Reason, Warning, Retry-After, Error-Info, the data for redress of a
//! blocked call, and what vendors add.
//!
//! # References
//! - RFC 3326 §2, RFC 8606 §4 (location), RFC 9410 (STIR), RFC 3261 §20.18, §20.33, §20.43
//! - RFC 8688 §3.2 (608), ATIS-1000099 (603 with `v=analytics1`)

use std::fmt;

use super::words::{Quoted, Token, Words};
use crate::calls::ResponseSeen;
use crate::catalogue::{Cause, catalogue};
use crate::sip::reason::Reason;
use crate::sip::value::{Address, digits, is_space, param, parameters};
use crate::sip::warning::Warning;
use crate::sip::{Message, Name};

/// Values told of one header field.
const VALUES: usize = 4;

/// Where an ISUP cause arose (RFC 8606 §4; ITU-T Q.850 for the meanings).
const LOCATIONS: [(&str, &str); 8] = [
    ("U", "user"),
    ("LPN", "private network serving the local user"),
    ("LN", "public network serving the local user"),
    ("TN", "transit network"),
    ("RLN", "public network serving the remote user"),
    ("RPN", "private network serving the remote user"),
    ("INTL", "international network"),
    ("BI", "network beyond the interworking point"),
];

/// Header fields of vendors in which the author of a refusal says more (DOMAIN A.0 rule 5).
const VENDORS: [&str; 2] = ["ms-diagnostics", "ms-diagnostics-public"];

pub(super) fn tell(response: &ResponseSeen<'_>, words: &mut Words<'_>) {
    let message = response.message;
    for one in Reason::all(message).take(VALUES) {
        reason(&one, format_args!("Reason"), words);
    }
    for one in Warning::all(message).take(VALUES) {
        // SER and its heirs tell their process number with every answer (392).
        if response.code.class() >= 3 || known(&one).is_some() {
            warning(&one, words);
        }
    }
    if let Some(value) = message.header(Name::RetryAfter) {
        retry_after(value, words);
    }
    for value in message.items(Name::ErrorInfo).take(VALUES) {
        let uri = Address::parse(value).map_or(value, |info| info.uri);
        words.part(format_args!("Error-Info {}", Quoted(uri)));
    }
    if response.code.class() >= 3 {
        vendors(message, words);
    }
    if response.code.get() == 608 {
        jcard(message, words);
    }
}

/// One Reason, called `name`.
pub(super) fn reason(one: &Reason<'_>, name: fmt::Arguments<'_>, words: &mut Words<'_>) {
    if let Some(text) = one.text.filter(|text| is_analytics(text)) {
        return blocked(one, text, words);
    }
    let Some(cause) = one.cause else {
        words.part(format_args!("{name} {}", Quoted(one.value)));
        return;
    };
    let protocols = catalogue().reason_protocols().iter();
    let mut registered = protocols.flat_map(|row| &row.protocols);
    match registered.find(|name| one.is(name)) {
        Some(protocol) => words.part(format_args!("{name} {protocol} {cause}")),
        None => words.part(format_args!("{name} {} {cause}", Token(one.protocol))),
    }
    let known = catalogue().reason_cause(one.protocol, cause);
    if let Some(known) = known {
        words.more(format_args!(" ({known})"));
    }
    let text = one.text.filter(|text| !text.is_empty());
    // What it means in CANCEL and BYE (RFC 3326 §3.1), where the text says nothing else.
    if text.is_none() && one.is("SIP") && cause == 200 {
        words.more(format_args!(" (call completed elsewhere)"));
    }
    if let Some(text) = text.filter(|text| !known.is_some_and(|known| same_words(known, text))) {
        words.more(format_args!(" {}", Quoted(text)));
    }
    location(one, words);
}

fn location(one: &Reason<'_>, words: &mut Words<'_>) {
    let Some(location) = one.location else { return };
    words.more(format_args!(", location {}", Token(location)));
    let known = LOCATIONS
        .iter()
        .find(|(token, _)| location.eq_ignore_ascii_case(token.as_bytes()));
    if let Some((_, meaning)) = known {
        words.more(format_args!(" ({meaning})"));
    }
}

/// `v=analytics1;url=…;tel=…;email=…` in a Reason's text (ATIS-1000099).
fn is_analytics(text: &[u8]) -> bool {
    text.get(..11)
        .is_some_and(|start| start.eq_ignore_ascii_case(b"v=analytics"))
}

fn blocked(one: &Reason<'_>, text: &[u8], words: &mut Words<'_>) {
    words.part(format_args!("603+: blocked by analytics"));
    location(one, words);
    let mut is_first = true;
    // What stands before the first semicolon is the version.
    for (name, value) in parameters(text).filter(|(_, value)| !value.is_empty()) {
        let is_known = [b"url".as_slice(), b"tel", b"email"]
            .iter()
            .any(|known| known.eq_ignore_ascii_case(name));
        if is_known {
            let lead = if std::mem::take(&mut is_first) {
                ", redress by"
            } else {
                ","
            };
            words.more(format_args!("{lead} {} {}", Token(name), Quoted(value)));
        }
    }
    if is_first {
        words.more(format_args!(", and names no way of redress"));
    }
}

/// 608: where the signed card of who blocked the call lies.
fn jcard(message: &Message<'_>, words: &mut Words<'_>) {
    let infos = message
        .fields()
        .filter(|(_, name, _)| name.eq_ignore_ascii_case(b"Call-Info"));
    let card = infos
        .flat_map(|(_, _, value)| crate::sip::value::list(value))
        .filter_map(Address::parse)
        .find(|info| {
            param(info.params, b"purpose").is_some_and(|p| p.eq_ignore_ascii_case(b"jwscard"))
        });
    match card {
        Some(card) => words.part(format_args!("redress: signed card at {}", Quoted(card.uri))),
        None => words.part(format_args!("no Call-Info with a card for redress")),
    }
}

/// What the catalogue knows of a Warning.
fn known(one: &Warning<'_>) -> Option<&'static Cause> {
    let code = u16::try_from(one.code).ok()?;
    catalogue().warning(code)
}

fn warning(one: &Warning<'_>, words: &mut Words<'_>) {
    let known = known(one);
    words.part(format_args!("Warning {}", one.code));
    match known {
        // Whatever has no code of its own; its text says it.
        Some(_) if one.code == 399 => {}
        Some(known) => words.more(format_args!(" ({})", known.name)),
        None if !(300..400).contains(&one.code) => words.more(format_args!(" (no code of SIP)")),
        None => {}
    }
    if !one.agent.is_empty() {
        words.more(format_args!(" of {}", Token(one.agent)));
    }
    let is_said = known.is_some_and(|known| same_words(&known.name, one.text));
    if !one.text.is_empty() && !is_said {
        words.more(format_args!(" {}", Quoted(one.text)));
    }
}

/// `18000;duration=3600 (at lunch)`.
fn retry_after(value: &[u8], words: &mut Words<'_>) {
    let end = value
        .iter()
        .position(|&b| b == b';' || b == b'(' || is_space(b));
    let (number, rest) = value.split_at(end.unwrap_or(value.len()));
    match digits(number) {
        Some(seconds) => words.part(format_args!("Retry-After {seconds} s")),
        None => words.part(format_args!("Retry-After {}", Quoted(value))),
    }
    let open = rest.iter().position(|&b| b == b'(');
    let comment = open
        .and_then(|at| rest.get(at + 1..))
        .and_then(|rest| rest.get(..rest.iter().position(|&b| b == b')')?));
    if let Some(comment) = comment.filter(|comment| !comment.is_empty()) {
        words.more(format_args!(" {}", Quoted(comment)));
    }
}

fn vendors(message: &Message<'_>, words: &mut Words<'_>) {
    let code = message.named("X-Asterisk-HangupCauseCode").and_then(digits);
    let text = message.named("X-Asterisk-HangupCause");
    if code.is_some() || text.is_some() {
        words.part(format_args!("Asterisk hangup cause"));
        let known = code.and_then(|code| catalogue().reason_cause(b"Q.850", code));
        if let Some(code) = code {
            words.more(format_args!(" {code}"));
        }
        if let Some(known) = known {
            words.more(format_args!(" ({known})"));
        }
        if let Some(text) = text.filter(|text| !known.is_some_and(|k| same_words(k, text))) {
            words.more(format_args!(" {}", Quoted(text)));
        }
    }
    for name in VENDORS {
        if let Some(value) = message.named(name) {
            let end = value.iter().position(|&b| b == b';').unwrap_or(value.len());
            let number = value.get(..end).unwrap_or_default();
            words.part(format_args!("{name} {}", Token(number)));
            for key in [b"reason".as_slice(), b"source"] {
                if let Some(text) = param(value, key) {
                    words.more(format_args!(" {} {}", Token(key), Quoted(text)));
                }
            }
        }
    }
}

/// Equal but for case and punctuation: a text that says what the number says.
fn same_words(name: &str, text: &[u8]) -> bool {
    fn letters(text: &[u8]) -> impl Iterator<Item = u8> {
        text.iter()
            .filter(|byte| byte.is_ascii_alphanumeric() || !byte.is_ascii())
            .map(u8::to_ascii_lowercase)
    }
    letters(name.as_bytes()).eq(letters(text))
}
