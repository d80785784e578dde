//! What was asked and what is wanted instead: the refusals that a client can correct by itself.
//!
//! # References
//! - RFC 3261 §20 and §21.4, RFC 4028 §6, RFC 4412 §4.6.2, RFC 6086 §4.2.2, RFC 6442 §4.3,
//!   RFC 6665 §8.3.2, RFC 3329 §2.3.1, RFC 3903 §11.2.1, RFC 8876 §5.1, RFC 5626 §5.3 (430), RFC 5393 §5.3 (440),
//!   RFC 8599 §4.1 (555)

use super::words::{Quoted, Token, Tokens, Words};
use crate::calls::asked::{Asked, Field, Has};
use crate::calls::{Refusal, ResponseSeen};
use crate::sip::value::{digits, list, trim};
use crate::sip::{Message, MethodKind, Name};

/// Bytes of a list that are looked at.
const LIST: usize = 2000;

pub(super) fn tell(response: &ResponseSeen<'_>, refusal: &Refusal<'_>, words: &mut Words<'_>) {
    let message = response.message;
    let asked = refusal.asked;
    let text = |field| asked.and_then(|asked| asked.text(field));
    match response.code.get() {
        403 => super::challenge::forbidden(asked, words),
        // The other service is described in its body (RFC 3261 §21.3.5).
        380 => {
            if let Some(kind) = message.header(Name::ContentType) {
                words.part(format_args!(
                    "the other service is described in {}",
                    Token(bare(kind))
                ));
            }
        }
        405 | 501 => {
            words.part(format_args!("asked for {}", Token(response.method.text)));
            wanted(message.headers(Name::Allow), "Allow", words);
        }
        406 => {
            if let Some(accept) = text(Field::Accept) {
                words.part(format_args!("asked with Accept {}", Quoted(accept)));
            }
        }
        412 => {
            if let Some(etag) = text(Field::SipIfMatch) {
                words.part(format_args!("asked with SIP-If-Match {}", Quoted(etag)));
            }
        }
        413 => size(refusal, "body", words, |asked| asked.body_bytes),
        414 => size(refusal, "Request-URI", words, |asked| asked.uri_bytes),
        513 => size(refusal, "request", words, |asked| asked.message_bytes),
        415 => content(message, asked, words),
        416 => {
            let scheme = text(Field::Scheme).unwrap_or(b"sip");
            if asked.is_some() {
                words.part(format_args!("sent to a {} URI", Token(scheme)));
            }
        }
        417 => {
            if let Some(priority) = text(Field::ResourcePriority) {
                words.part(format_args!(
                    "asked for {}",
                    Tokens(list(priority).collect::<Vec<_>>().into_iter())
                ));
            }
            let known = message.named("Accept-Resource-Priority").into_iter();
            wanted(known, "Accept-Resource-Priority", words);
        }
        420 => unsupported(message, asked, words),
        421 => required(message, asked, words),
        422 => {
            let min = message.header(Name::MinSe);
            interval(
                asked,
                Field::SessionExpires,
                ("Session-Expires", "Min-SE"),
                min,
                words,
            );
        }
        423 => {
            let min = message.header(Name::MinExpires);
            interval(asked, Field::Expires, ("expiry", "Min-Expires"), min, words);
        }
        code => later(code, response, asked, words),
    }
}

/// The same of the codes that later RFCs added.
fn later(code: u16, response: &ResponseSeen<'_>, asked: Option<&Asked>, words: &mut Words<'_>) {
    let message = response.message;
    let text = |field| asked.and_then(|asked| asked.text(field));
    match code {
        424 => {
            if asked.is_some_and(|asked| !asked.has(Has::Geolocation)) {
                words.part(format_args!("the request carried no Geolocation"));
            }
            named(message, "Geolocation-Error", words);
        }
        425 => named(message, "AlertMsg-Error", words),
        428 | 436 | 437 | 438 => identity(response, asked, words),
        429 => {
            if let Some(asked) = asked {
                let has = if asked.has(Has::ReferredBy) {
                    "a"
                } else {
                    "no"
                };
                words.part(format_args!("the request carried {has} Referred-By"));
            }
        }
        430 => {
            if let Some(flow) = text(Field::Flow) {
                words.part(format_args!("sent to the flow of Route {}", Quoted(flow)));
            }
        }
        433 => {
            let is_anonymous = |uri: &[u8]| memchr::memmem::find(uri, b"anonymous").is_some();
            if message.from().is_some_and(|from| is_anonymous(from.uri)) {
                words.part(format_args!("the caller is anonymous in From"));
            }
        }
        439 if asked.is_some_and(|asked| asked.supports(b"outbound") == Some(true)) => {
            words.part(format_args!("the request's Supported has outbound"));
        }
        // A proxy puts it in where there is none, so the request may have none here.
        440 => match asked.map(|asked| asked.number(Field::MaxBreadth)) {
            Some(Some(breadth)) => words.part(format_args!("Max-Breadth was {breadth}")),
            Some(None) => words.part(format_args!("the request carried no Max-Breadth")),
            None => {}
        },
        469 => {
            if let Some(package) = text(Field::InfoPackage) {
                words.part(format_args!("sent package {}", Token(package)));
            }
            wanted(message.named("Recv-Info").into_iter(), "Recv-Info", words);
        }
        470 => named(message, "Permission-Missing", words),
        489 => {
            if let Some(event) = text(Field::Event) {
                let end = event.iter().position(|&b| b == b';').unwrap_or(event.len());
                let package = event.get(..end).unwrap_or_default();
                words.part(format_args!("asked for event {}", Token(package)));
            }
            let allowed = message.named("Allow-Events").or_else(|| message.named("u"));
            wanted(allowed.into_iter(), "Allow-Events", words);
        }
        493 => {
            if let Some(kind) = text(Field::ContentType) {
                words.part(format_args!("sent {}", Token(bare(kind))));
            }
        }
        494 => security(message, asked, words),
        555 => {
            if let Some(provider) = text(Field::PushProvider) {
                words.part(format_args!("asked for push by {}", Quoted(provider)));
            }
            named(message, "Feature-Caps", words);
        }
        580 => {
            if let Some(require) = text(Field::Require) {
                words.part(format_args!("asked with Require {}", Quoted(require)));
            }
        }
        _ => {}
    }
}

/// The tokens of a list that names what would be taken.
fn wanted<'a>(values: impl Iterator<Item = &'a [u8]>, name: &str, words: &mut Words<'_>) {
    let tokens: Vec<&[u8]> = values
        .flat_map(|value| list(value.get(..LIST).unwrap_or(value)))
        .map(|item| {
            let end = item.iter().position(|&b| b == b';');
            item.get(..end.unwrap_or(item.len())).unwrap_or(item)
        })
        .collect();
    if tokens.is_empty() {
        words.part(format_args!("it names no {name}"));
    } else {
        words.part(format_args!("{name} {}", Tokens(tokens.into_iter())));
    }
}

fn named(message: &Message<'_>, name: &str, words: &mut Words<'_>) {
    if let Some(value) = message.named(name) {
        words.part(format_args!("{name} {}", Quoted(value)));
    }
}

/// What each hop changes is told of the request on this hop only.
fn size(refusal: &Refusal<'_>, what: &str, words: &mut Words<'_>, bytes: impl Fn(&Asked) -> u32) {
    if let Some(asked) = refusal.asked.filter(|_| refusal.request.is_some()) {
        words.part(format_args!("{what} of {} bytes", bytes(asked)));
    }
}

fn content(message: &Message<'_>, asked: Option<&Asked>, words: &mut Words<'_>) {
    if let Some(asked) = asked {
        match asked.text(Field::ContentType) {
            Some(kind) => words.part(format_args!("sent {}", Token(bare(kind)))),
            None if asked.offer().is_some() => words.part(format_args!("sent application/sdp")),
            None if asked.body_bytes > 0 => {
                words.part(format_args!("sent a body without Content-Type"));
            }
            None => words.part(format_args!("sent no body")),
        }
    }
    let mut is_told = false;
    for name in ["Accept", "Accept-Encoding", "Accept-Language"] {
        if let Some(value) = message.named(name) {
            is_told = true;
            wanted([value].into_iter(), name, words);
        }
    }
    if !is_told {
        words.part(format_args!("it names no Accept"));
    }
}

fn unsupported(message: &Message<'_>, asked: Option<&Asked>, words: &mut Words<'_>) {
    let tags: Vec<&[u8]> = message
        .headers(Name::Unsupported)
        .flat_map(|value| list(value.get(..LIST).unwrap_or(value)))
        .collect();
    if tags.is_empty() {
        words.part(format_args!("it names no Unsupported"));
    } else {
        words.part(format_args!("Unsupported {}", Tokens(tags.iter().copied())));
    }
    let Some(asked) = asked else { return };
    for (field, name) in [
        (Field::Require, "Require"),
        (Field::ProxyRequire, "Proxy-Require"),
    ] {
        let items: Vec<&[u8]> = asked.texts(field).flat_map(list).collect();
        if !items.is_empty() {
            words.part(format_args!(
                "asked with {name} {}",
                Tokens(items.into_iter())
            ));
        }
    }
}

fn required(message: &Message<'_>, asked: Option<&Asked>, words: &mut Words<'_>) {
    let tags: Vec<&[u8]> = message
        .headers(Name::Require)
        .flat_map(|value| list(value.get(..LIST).unwrap_or(value)))
        .collect();
    if tags.is_empty() {
        words.part(format_args!("it names no Require"));
        return;
    }
    words.part(format_args!("Require {}", Tokens(tags.iter().copied())));
    let Some(asked) = asked else { return };
    let missing: Vec<_> = tags
        .iter()
        .copied()
        .filter(|tag| asked.supports(tag) == Some(false))
        .collect();
    if !missing.is_empty() {
        words.more(format_args!(
            ", and the request's Supported has no {}",
            Tokens(missing.into_iter())
        ));
    }
}

/// A media type without its parameters.
fn bare(kind: &[u8]) -> &[u8] {
    let end = kind.iter().position(|&b| b == b';').unwrap_or(kind.len());
    trim(kind.get(..end).unwrap_or_default())
}

/// Seconds that were asked for, and the least that is granted.
fn interval(
    asked: Option<&Asked>,
    field: Field,
    (what, limit): (&str, &str),
    least: Option<&[u8]>,
    words: &mut Words<'_>,
) {
    match asked.map(|asked| asked.number(field)) {
        Some(Some(seconds)) => words.part(format_args!("asked for {what} {seconds} s")),
        Some(None) => words.part(format_args!("asked for no {what}")),
        None => {}
    }
    let number = least.and_then(|value| {
        let end = value.iter().position(|byte| !byte.is_ascii_digit());
        digits(value.get(..end.unwrap_or(value.len()))?)
    });
    match number {
        Some(seconds) => words.part(format_args!("wanted at least {seconds} s ({limit})")),
        None => words.part(format_args!("it names no {limit}")),
    }
}

fn identity(response: &ResponseSeen<'_>, asked: Option<&Asked>, words: &mut Words<'_>) {
    let Some(asked) = asked else { return };
    let method = match response.method.kind {
        MethodKind::Other => "request",
        kind => kind.name().unwrap_or("request"),
    };
    match asked.identities {
        0 => words.part(format_args!("the {method} carried no Identity")),
        1 => words.part(format_args!("the {method} carried one Identity")),
        many => words.part(format_args!("the {method} carried {many} Identity values")),
    }
}

fn security(message: &Message<'_>, asked: Option<&Asked>, words: &mut Words<'_>) {
    let server = message.named("Security-Server");
    wanted(server.into_iter(), "Security-Server", words);
    let Some(asked) = asked else { return };
    let has = match (
        asked.has(Has::SecurityClient),
        asked.has(Has::SecurityVerify),
    ) {
        (true, true) => "Security-Client and Security-Verify",
        (true, false) => "Security-Client, and no Security-Verify",
        (false, true) => "Security-Verify, and no Security-Client",
        (false, false) => "neither Security-Client nor Security-Verify",
    };
    words.part(format_args!("the request carried {has}"));
}
