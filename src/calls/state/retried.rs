//! The next try: what the sender of a refused request does next.
//!
//! In: requests and responses behind a refusal. Out: notes about it. One refusal waits on a hop at
//! a time, for as long as [`wait`] says or until its call is forgotten.
//!
//! # References
//! - RFC 3261 §8.1.3.4, §8.1.3.5 (what a client does by itself), §22.2 (challenges); RFC 3263 §4.3
//!   (failover)

use super::super::mark::Mark;
use super::super::refusal::Retry;
use super::super::transaction::{Exchange, MARKS, Retrying, Transaction, Untried};
use super::super::{Context, Event, Note, PATIENCE, ResponseSeen, Seen, can_be_challenged, key};
use super::settle::REPEATS;
use super::{Call, Ending, has_credentials};
use crate::sip::challenge::{Challenge, Credentials};
use crate::sip::value::Address;
use crate::sip::{Message, MethodKind, Name, StartLine};
use crate::units::{Span, StatusCode};

/// How long the next try of a request is waited for that may be helped by one. Of 491 it comes
/// within 4 s (RFC 3261 §14.1).
const NEXT_TRY: Span = Span::from_secs(10);

/// The same where only another target helps, which is tried at once.
const NEXT_TARGET: Span = Span::from_secs(2);

impl Call {
    /// How long another try is waited for behind the first final response of a hop.
    pub(super) fn waits(&self, index: usize, response: &ResponseSeen<'_>) -> Span {
        match self.transactions.get(index) {
            Some(hop) if hop.finals().len() == 1 => wait(response.method.kind, response.code),
            _ => Span::default(),
        }
    }

    /// Remembers that another try may follow.
    pub(super) fn wait_for_retry(&mut self, index: usize, response: &ResponseSeen<'_>, steps: u32) {
        let Some(hop) = self.transactions.get_mut(index) else {
            return;
        };
        self.changed = true;
        let first = Seen::of(&response.raw.origin);
        hop.untried = Some(Box::new(Untried {
            serial: response.serial,
            code: response.code,
            first: first.into(),
            interface: (first.at.file, response.raw.origin.interface),
            vias: hop.vias(),
            steps,
            marks: marks(response.message, response.code),
        }));
    }

    /// Whether the request on the new hop `index` is another try of a refused one.
    pub(super) fn retried(
        &mut self,
        index: usize,
        message: &Message<'_>,
        now: Seen,
        out: &mut impl FnMut(Event<'_>),
    ) {
        let Some(hop) = self.transactions.get(index) else {
            return;
        };
        let Some(exchange) = self.exchanges.get(hop.exchange) else {
            return;
        };
        let is_before = |t: &Transaction| {
            t.untried.as_deref().is_some_and(|untried| {
                untried.vias == hop.vias()
                    && t.flow.src.addr == hop.flow.src.addr
                    && self.precedes(t, untried, (hop, exchange), message)
            })
        };
        let Some(at) = self.transactions.iter().rposition(is_before) else {
            return;
        };
        let (flow, own) = (hop.flow, hop.exchange);
        let Some(before) = self.transactions.get_mut(at) else {
            return;
        };
        let refused_at = before.flow.dst;
        let is_same_exchange = before.exchange == own;
        let proves = has_credentials(message);
        let wants_proof = |untried: &Untried| is_challenge(untried.code) && !proves;
        // A proxy that tries the next branch has not been asked for anything.
        if is_same_exchange && before.untried.as_deref().is_some_and(wants_proof) {
            return;
        }
        let Some(untried) = before.untried.take() else {
            return;
        };
        self.changed = true;
        if wants_proof(&untried) {
            out(Event::Note(Note {
                serial: untried.serial,
                context: Some(Context::AskedWithout { request: now.at }),
                settled: true,
            }));
            return;
        }
        let retry = Retry {
            request: now.at,
            to: flow.dst,
            elsewhere: flow.dst != refused_at,
            as_asked: takes_up(message, &untried),
            outcome: None,
        };
        out(Event::Note(Note {
            serial: untried.serial,
            context: Some(Context::Retried(retry)),
            settled: false,
        }));
        let hop = self.transactions.get_mut(index);
        if let Some(kept) = hop.and_then(|hop| hop.kept.as_deref_mut()) {
            kept.retries = Some(Box::new(Retrying {
                serial: untried.serial,
                refusal: untried.first.seen().at,
                is_challenge: is_challenge(untried.code),
                after: now.time.since(untried.first.time),
                retry,
                is_told: false,
            }));
        }
    }

    /// Whether a request may be the next try of what was refused on the hop `before`.
    fn precedes(
        &self,
        before: &Transaction,
        untried: &Untried,
        (hop, exchange): (&Transaction, &Exchange),
        message: &Message<'_>,
    ) -> bool {
        if before.exchange == hop.exchange {
            return before.key != hop.key;
        }
        let Some(refused) = self.exchanges.get(before.exchange) else {
            return false;
        };
        let is_later = refused.method == exchange.method
            && refused.method_text == exchange.method_text
            && refused.cseq < exchange.cseq;
        // Some clients change the From tag with each REGISTER; the nonce says what is answered.
        is_later
            && (refused.from_tag == exchange.from_tag
                || (is_challenge(untried.code) && takes_up(message, untried)))
    }

    /// Notes what became of another try, if the hop `index` is one.
    pub(super) fn outcome(
        &mut self,
        index: usize,
        code: StatusCode,
        now: Mark,
        out: &mut impl FnMut(Event<'_>),
    ) {
        let hop = self.transactions.get_mut(index);
        let kept = hop.and_then(|hop| hop.kept.as_deref_mut());
        let Some(retrying) = kept.and_then(|kept| kept.retries.as_deref_mut()) else {
            return;
        };
        if retrying.is_told || matches!(code.get(), 100..180 | 190..200) {
            return;
        }
        retrying.is_told = !code.is_provisional();
        retrying.retry.outcome = Some((code, now.seen().at));
        out(Event::Note(Note {
            serial: retrying.serial,
            context: Some(Context::Retried(retrying.retry)),
            settled: retrying.is_told,
        }));
    }

    /// The call is forgotten: nothing follows the refusals that still wait.
    pub(super) fn leave_refusals(&mut self, end: &Ending<'_>, out: &mut impl FnMut(Event<'_>)) {
        for index in 0..self.transactions.len() {
            let Some(hop) = self.transactions.get_mut(index) else {
                continue;
            };
            let Some(untried) = hop.untried.take() else {
                continue;
            };
            let (from, sender) = (untried.first.time, hop.flow.src.addr);
            let hosts = [(sender, hop.flow.dst.addr)];
            // Where the request was not seen, the tap may miss that way.
            let is_visible = hop.request.is_some();
            // What followed from the same host may have been the answer, also where it does not
            // look like one.
            let is_alone = !self.transactions.iter().any(|other| {
                other.flow.src.addr == sender && other.request.is_some_and(|mark| mark.time > from)
            });
            let until = end.coverage.until(untried.interface, from).time;
            let watched = until.since(from);
            let is_certain = is_visible
                && is_alone
                && watched >= REPEATS
                && !end.evicted
                && untried.steps == end.coverage.steps()
                && !end.coverage.is_lossy(hosts, from, until);
            let is_silent = is_certain && is_challenge(untried.code);
            out(Event::Note(Note {
                serial: untried.serial,
                context: is_silent.then_some(Context::Unanswered { watched }),
                settled: true,
            }));
        }
    }
}

const fn is_challenge(code: StatusCode) -> bool {
    matches!(code.get(), 401 | 407)
}

/// How long another try is waited for.
const fn wait(method: MethodKind, code: StatusCode) -> Span {
    let nothing = Span::from_secs(0);
    if is_challenge(code) {
        return if can_be_challenged(method) {
            PATIENCE
        } else {
            nothing
        };
    }
    // Pings and messages come one after the other, also without a refusal.
    let is_tried_again = matches!(
        method,
        MethodKind::Invite
            | MethodKind::Update
            | MethodKind::Register
            | MethodKind::Subscribe
            | MethodKind::Publish
    );
    match code.get() {
        _ if !is_tried_again => nothing,
        481 | 487 => nothing,
        400..=405 | 410 | 482..=486 | 600..=605 | 607.. => NEXT_TARGET,
        _ => NEXT_TRY,
    }
}

/// What a challenge or redirection wants to be taken up.
fn marks(message: &Message<'_>, code: StatusCode) -> [u64; MARKS] {
    let mut marks = [0; MARKS];
    let mut fill = |digests: &mut dyn Iterator<Item = u64>| {
        for (mark, digest) in marks.iter_mut().zip(digests) {
            *mark = digest;
        }
    };
    if is_challenge(code) {
        let all = |name| Challenge::all(message, name);
        let challenges = all(Name::WwwAuthenticate).chain(all(Name::ProxyAuthenticate));
        fill(&mut challenges.filter_map(|one| one.nonce().map(key::digest)));
    } else if code.class() == 3 {
        let contacts = message.items(Name::Contact).filter_map(Address::parse);
        fill(&mut contacts.map(|contact| key::digest(contact.uri)));
    }
    marks
}

/// Whether a request does what the refusal asked for.
fn takes_up(message: &Message<'_>, untried: &Untried) -> bool {
    let is_wanted = |text: &[u8]| untried.marks.contains(&key::digest(text));
    if is_challenge(untried.code) {
        let all = |name| Credentials::all(message, name);
        let credentials = all(Name::Authorization).chain(all(Name::ProxyAuthorization));
        return credentials.filter_map(|one| one.nonce()).any(is_wanted);
    }
    match message.start {
        StartLine::Request { uri, .. } => is_wanted(uri),
        StartLine::Response { .. } => false,
    }
}
