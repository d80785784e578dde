//! A hop of an exchange: what each message on it adds, and how it is told.

use super::super::binding::Binding;
use super::super::hops::Hops;
use super::super::mark::Mark;
use super::super::outcome::{Final, Hop, TEXT};
use super::super::transaction::{Kept, Retrying, Sent, Transaction};
use super::in_dialog::joined;
use super::invites::INVITE_BYTES;
use super::room;
use crate::sip::challenge::Challenge;
use crate::sip::value::{digits, trim};
use crate::sip::{Message, MethodKind, Name, RawMessage, StartLine};
use crate::units::{Span, StatusCode};

/// Copies that were on their way when the ACK passed come within this time.
const CROSSING: Span = Span::from_secs(1);

/// A final response as it is seen.
pub(super) struct FinalSeen<'a> {
    pub(super) message: &'a Message<'a>,
    pub(super) method: MethodKind,
    pub(super) code: StatusCode,
    pub(super) to_tag: u64,
    pub(super) now: Mark,
    /// What the request asks for.
    pub(super) binding: Binding,
    /// Different finals kept of a hop.
    pub(super) cap: usize,
}

impl Kept {
    /// Takes a copy of the request.
    pub(super) fn request(&mut self, raw: &RawMessage<'_>, message: &Message<'_>, now: Mark) {
        if self.requests == 0 {
            self.request_bytes = u32::try_from(raw.bytes.len()).unwrap_or(u32::MAX);
            self.fragmented = raw.origin.fragmented;
            self.max_forwards = message.header(Name::MaxForwards).and_then(digits);
            if message.to_tag().is_none() && kept_whole(message.method().kind) {
                self.text(raw, message);
            }
        }
        self.requests = self.requests.saturating_add(1);
        self.last_request = Some(now);
    }

    /// Keeps the request as it was sent, if a verifier has something to say of it.
    fn text(&mut self, raw: &RawMessage<'_>, message: &Message<'_>) {
        let is_signed = message.header(Name::Identity).is_some();
        self.may_be_signed = is_signed || raw.origin.snapped;
        if !(is_signed || is_judged(message)) || raw.bytes.len() > INVITE_BYTES {
            return;
        }
        let start = raw.bytes.as_ptr() as usize;
        let agent = message.header(Name::UserAgent).unwrap_or_default();
        let agent = agent.get(..TEXT).unwrap_or(agent);
        let at = (agent.as_ptr() as usize).saturating_sub(start);
        self.text = Some(Sent {
            bytes: raw.bytes.into(),
            head_len: raw.head_len,
            user_agent: if agent.is_empty() {
                0..0
            } else {
                at..at + agent.len()
            },
        });
    }

    /// Takes a provisional response.
    pub(super) fn provisional(&mut self, message: &Message<'_>, code: StatusCode, now: Mark) {
        let seen = (code, now);
        match code.get() {
            100 => {
                self.trying.get_or_insert(now);
                return;
            }
            // It ends an early dialog and shows no progress (RFC 6228 §4).
            199 => return,
            180 => {
                self.ringing.get_or_insert(seen);
            }
            183 if !message.body.is_empty() => {
                self.ringing.get_or_insert(seen);
            }
            _ => {}
        }
        self.progress.get_or_insert(seen);
    }

    /// Takes a copy of a final response.
    pub(super) fn final_response(&mut self, seen: &FinalSeen<'_>) {
        let asked_since = self.requests != self.requests_answered;
        self.requests_answered = self.requests;
        let is_same = |known: &&mut Final| known.code == seen.code && known.to_tag == seen.to_tag;
        let Some(known) = self.finals.iter_mut().find(is_same) else {
            if self.finals.len() < seen.cap {
                super::grow(&mut self.finals).push(first_copy(seen));
            }
            return;
        };
        let is_needless = match seen.method {
            MethodKind::Invite => {
                let acked = self.first_ack.filter(|_| !seen.code.is_success());
                acked.is_some_and(|ack| seen.now.time.since(ack.time) > CROSSING)
            }
            // A server answers each copy that reaches it (RFC 3261 §17.2.2).
            _ => self.requests > 0 && !asked_since && known.copies >= self.requests,
        };
        known.last = seen.now.seen();
        known.copies = known.copies.saturating_add(1);
        known.needless = known.needless.saturating_add(u32::from(is_needless));
    }

    /// Whether this final response was seen here.
    pub(super) fn has_final(&self, code: StatusCode, to_tag: u64) -> bool {
        let mut finals = self.finals.iter();
        finals.any(|known| known.code == code && known.to_tag == to_tag)
    }

    /// Takes an ACK to a final from 300 on.
    pub(super) fn acked(&mut self, now: Mark) {
        self.first_ack.get_or_insert(now);
        self.last_ack = Some(now);
    }

    /// Bytes it takes.
    pub(super) fn weight(&self) -> usize {
        let texts = |known: &Final| known.realm.len() + known.reason.len() + known.server.len();
        let retries = usize::from(self.retries.is_some()) * size_of::<Retrying>();
        let sent = self.text.as_ref().map_or(0, |text| text.bytes.len());
        let finals = room(&self.finals) + self.finals.iter().map(texts).sum::<usize>();
        size_of::<Self>() + finals + retries + sent + self.asked.weight()
    }
}

/// Requests of which RFC 8224 identities are of use.
const fn kept_whole(kind: MethodKind) -> bool {
    matches!(kind, MethodKind::Invite | MethodKind::Message)
}

/// Whether a verifier wrote its result beside the caller (verstat, 3GPP TS 24.229).
fn is_judged(message: &Message<'_>) -> bool {
    let says = |text: &[u8]| memchr::memmem::find(text, b"verstat=").is_some();
    message.headers(Name::PAssertedIdentity).any(says)
        || message.from().is_some_and(|from| says(from.uri))
}

fn first_copy(seen: &FinalSeen<'_>) -> Final {
    let message = seen.message;
    let code = seen.code;
    let binds =
        code.is_success() && matches!(seen.method, MethodKind::Register | MethodKind::Subscribe);
    let mut realm: &[u8] = &[];
    let mut stale = false;
    if matches!(code.get(), 401 | 407) {
        let of = |name| Challenge::all(message, name);
        let mut first = None;
        for challenge in of(Name::WwwAuthenticate).chain(of(Name::ProxyAuthenticate)) {
            first = first.or(challenge.realm());
            stale |= challenge.is_stale();
        }
        realm = first.unwrap_or_default();
    }
    let server = message
        .header(Name::Server)
        .or_else(|| message.header(Name::UserAgent));
    Final {
        code,
        to_tag: seen.to_tag,
        first: seen.now.seen(),
        last: seen.now.seen(),
        copies: 1,
        needless: 0,
        retry_after: message.header(Name::RetryAfter).and_then(leading_digits),
        expires: binds.then(|| seen.binding.granted(message)).flatten(),
        stale,
        realm: cut(realm).into(),
        reason: short(joined(message, Name::Reason)),
        blocked: is_blocked(code, message),
        server: cut(server.unwrap_or_default()).into(),
    }
}

/// 603+ and 608 (DOMAIN E). Q.850 cause 21 alone does not tell: gateways write it beside the refusal of a
/// user, too.
fn is_blocked(code: StatusCode, message: &Message<'_>) -> bool {
    let says_so = || match message.start {
        StartLine::Response { phrase, .. } => {
            let letters = phrase.iter().filter(|b| b.is_ascii_alphabetic());
            letters
                .map(u8::to_ascii_lowercase)
                .eq(b"networkblocked".iter().copied())
        }
        StartLine::Request { .. } => false,
    };
    let has_data = || {
        let mut reasons = message.headers(Name::Reason);
        reasons.any(|reason| memchr::memmem::find(reason, b"v=analytics").is_some())
    };
    code.get() == 608 || code.get() == 603 && (says_so() || has_data())
}

/// Retry-After is a number, perhaps with a comment and parameters behind it (RFC 3261 §20.33).
fn leading_digits(value: &[u8]) -> Option<u32> {
    let value = trim(value);
    let end = value.iter().position(|b| !b.is_ascii_digit());
    digits(value.get(..end.unwrap_or(value.len()))?)
}

/// The first [`TEXT`] bytes.
pub(super) fn cut(text: &[u8]) -> &[u8] {
    text.get(..TEXT).unwrap_or(text)
}

/// The same of a text that is kept already.
pub(super) fn short(text: Box<[u8]>) -> Box<[u8]> {
    if text.len() > TEXT {
        cut(&text).into()
    } else {
        text
    }
}

impl Transaction {
    /// The hop as it is told; `None` if it was, or began after its exchange was told.
    pub(super) fn tell(&mut self, directions: &Hops) -> Option<Hop> {
        let kept = *self.kept.take()?;
        let seen = |mark: Option<Mark>| mark.map(Mark::seen);
        let with_code = |of: Option<(StatusCode, Mark)>| of.map(|(code, mark)| (code, mark.seen()));
        Some(Hop {
            flow: self.flow,
            interface: kept.interface,
            vias: usize::from(kept.vias),
            request: seen(self.request),
            requests: kept.requests,
            last_request: seen(kept.last_request),
            request_bytes: kept.request_bytes,
            fragmented: kept.fragmented,
            max_forwards: kept.max_forwards,
            trying: seen(kept.trying),
            progress: with_code(kept.progress),
            ringing: with_code(kept.ringing),
            finals: kept.finals,
            ack: seen(kept.last_ack),
            cancel: seen(kept.cancel),
            unreachable: seen(kept.unreachable),
            perhaps_unreachable: self
                .request
                .and_then(|request| directions.refused_after(&self.flow, request.time)),
            delivered: self
                .request
                .and_then(|request| directions.delivered.of(&self.flow, request.time)),
        })
    }
}
