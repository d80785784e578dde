//! What is kept of one Call-ID while it is in progress, and how messages change it.

use std::sync::Arc;

use smallvec::{Array, SmallVec};

mod described;
mod exchange;
mod hop;
mod invites;
mod in_dialog;
mod session;
mod settle;

pub(super) use described::Described;
pub(super) use session::Ongoing;
pub(super) use settle::{Ending, Peers};

use self::described::LateOffer;
use self::hop::FinalSeen;
use self::in_dialog::Hopped;
use super::binding::Binding;
use super::counted::Counted;
use super::coverage::Coverage;
use super::dialog::{Ack, Answered, Leg};
use super::hops::Hops;
use super::mark::Mark;
use super::timers::Timers;
use super::transaction::{Answer, Exchange, Kept, Transaction};
use super::{Attempt, Context, Event, Note, ResponseSeen, Seen, Serial, Sighted, Totals};
use super::{can_be_challenged, key};
use crate::limits::Limits;
use crate::sip::{Message, Method, MethodKind, Name};
use crate::units::{Span, StatusCode};

/// What a call needs from the room around it while a message is pushed.
pub(super) struct Surroundings<'a> {
    pub(super) hops: &'a mut Hops,
    pub(super) timers: &'a mut Timers,
    pub(super) counted: &'a mut Counted,
    pub(super) totals: &'a mut Totals,
    pub(super) limits: &'a Limits,
    pub(super) coverage: &'a Coverage,
    /// Elapsed capture time, without steps.
    pub(super) elapsed: Span,
    /// Steps of the clock so far.
    pub(super) steps: u32,
    /// Number of the response being pushed.
    pub(super) serial: Serial,
}

/// A Call-ID in progress.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) id: Arc<[u8]>,
    /// Digest of the Call-ID.
    pub(super) digest: u64,
    transactions: Vec<Transaction>,
    exchanges: Vec<Exchange>,
    answered: Vec<Answered>,
    acks: Vec<Ack>,
    /// CANCELs: digest of their sender, CSeq number, first sighting.
    cancels: Vec<(u64, Option<u32>, Seen)>,
    /// Where the parties expect media.
    described: Vec<Described>,
    late_offers: Vec<LateOffer>,
    /// Elapsed capture time of the last message.
    pub(super) touched: Span,
    /// The elapsed time for which the table will look at the call again.
    pub(super) queued: Span,
    /// When the first of the exchanges that the last message touched is due.
    soonest: Span,
    /// Bytes of state as the table last counted them.
    pub(super) weighed: usize,
    /// Something was kept or given up since.
    changed: bool,
    has_invite: bool,
}

/// Bytes a call takes beside its own: its places in the table, the queue and the list by age, and
/// what an allocator adds to a dozen pieces of memory.
const PLACE: usize = 320;

/// A time that does not come.
const NEVER: Span = Span::from_nanos(i64::MAX);

impl Call {
    pub(super) fn new(id: Arc<[u8]>, digest: u64, elapsed: Span) -> Self {
        Self {
            id,
            digest,
            transactions: Vec::new(),
            exchanges: Vec::new(),
            answered: Vec::new(),
            acks: Vec::new(),
            cancels: Vec::new(),
            described: Vec::new(),
            late_offers: Vec::new(),
            touched: elapsed,
            queued: elapsed,
            soonest: NEVER,
            weighed: 0,
            changed: true,
            has_invite: false,
        }
    }

    /// Bytes of state where they may have changed since they were last asked for.
    pub(super) fn weigh(&mut self) -> usize {
        if std::mem::take(&mut self.changed) {
            self.weighed = self.weight();
        }
        self.weighed
    }

    /// Bytes of state, roughly: what a stranger can make large is counted as it is.
    fn weight(&self) -> usize {
        let texts = |leg: &Leg| leg.contact.len() + leg.record_route.len();
        let legs = self.answered.iter().flat_map(|dialog| &dialog.legs);
        let legs: usize = legs.map(|leg| texts(leg) + room(&leg.copies)).sum();
        let dialogs = self.answered.iter();
        let dialogs: usize = dialogs
            .map(|dialog| {
                let session = dialog.session.as_deref().map_or(0, Ongoing::weight);
                dialog.to_tag_text.len() + room(&dialog.legs) + room(&dialog.byes) + session
            })
            .sum();
        let acks = self.acks.iter();
        let acks: usize = acks
            .map(|ack| ack.uri.len() + ack.route.len() + room(&ack.repeats))
            .sum();
        let transactions = self.transactions.iter();
        let hops: usize = transactions
            .map(|hop| spilled(&hop.provisional) + hop.kept.as_deref().map_or(0, Kept::weight))
            .sum();
        let exchanges = self.exchanges.iter();
        let exchanges: usize = exchanges
            .map(|exchange| spilled(&exchange.counted) + exchange.texts.len())
            .sum();
        PLACE
            + size_of::<Self>()
            + self.id.len()
            + room(&self.transactions)
            + room(&self.exchanges)
            + room(&self.answered)
            + room(&self.acks)
            + room(&self.cancels)
            + self.described_weight()
            + hops
            + exchanges
            + dialogs
            + legs
            + acks
    }

    /// Takes a request.
    pub(super) fn request(
        &mut self,
        seen: &Sighted<'_>,
        around: &mut Surroundings<'_>,
        out: &mut impl FnMut(Event<'_>),
    ) {
        let Sighted { raw, message, .. } = *seen;
        let method = message.method();
        let via = message.top_via();
        let key = key::transaction(message, via.as_ref(), method);
        let now = Seen::of(&raw.origin);
        let cseq = message.cseq.number;
        let known = self.transaction_of(key, raw.flow, cseq);
        self.touch_sessions(message, now.into(), around.elapsed);
        if method.kind == MethodKind::Ack {
            self.ack(seen, known, around, out);
            return;
        }
        if let Some(hop) = known.and_then(|index| self.transactions.get_mut(index))
            && hop.request.is_some()
        {
            around.totals.retransmissions += u64::from(!hop.is_neighbour);
            if let Some(kept) = &mut hop.kept {
                kept.request(raw, message, now.into());
            }
            let exchange = hop.exchange;
            self.touch(exchange, around.elapsed);
            if method.kind == MethodKind::Invite && !self.answered.is_empty() {
                let from_tag = key::tag(message.from_tag());
                self.invite_again(from_tag, message.cseq.number, &raw.flow, now);
            }
            return;
        }
        // Where taps differ a response may have come first.
        let (exchange, hop) = if let Some(hop) = known
            && let Some(exchange) = self.transactions.get(hop).map(|t| t.exchange)
        {
            (exchange, hop)
        } else {
            let exchange = self.exchange(seen, method, key, raw.flow, around, out);
            let hop = self.add_transaction(seen, key, raw.flow, exchange, around);
            (exchange, hop)
        };
        if let Some(hop) = self.transactions.get_mut(hop) {
            hop.request = Some(now.into());
            if let Some(kept) = &mut hop.kept {
                kept.request(raw, message, now.into());
            }
        }
        self.count_attempt(exchange, message, around);
        self.asked(exchange, hop, seen, method);
        self.touch(exchange, around.elapsed);
        match method.kind {
            MethodKind::Cancel => self.cancel(message, &raw.flow, now, around),
            MethodKind::Bye => self.bye(message, &raw.flow, now),
            _ => {}
        }
        if can_be_challenged(method.kind) && has_credentials(message) {
            self.answer_challenge(exchange, now, out);
        }
    }

    /// What the first copy of a request on a hop says of its exchange.
    fn asked(&mut self, exchange: usize, hop: usize, seen: &Sighted<'_>, method: Method<'_>) {
        let Sighted { raw, message, .. } = *seen;
        let (Some(exchange), Some(hop)) =
            (self.exchanges.get_mut(exchange), self.transactions.get(hop))
        else {
            return;
        };
        if exchange.request.is_none() {
            exchange.request = Some(Seen::of(&raw.origin).into());
            exchange.initial = message.to_tag().is_none();
            exchange.to_tag = key::tag(message.to_tag());
            if !exchange.told {
                exchange.texts = exchange::texts(seen, method);
                self.changed = true;
            }
            if matches!(
                exchange.method,
                MethodKind::Register | MethodKind::Subscribe
            ) {
                exchange.binding = Binding::asked(message);
            }
        }
        exchange.credentials |= has_credentials(message);
        let vias = message.via_count();
        if vias < exchange.vias {
            exchange.vias = vias;
            exchange.counting = raw.flow;
            exchange.counting_key = hop.key;
            exchange.progress.answered = hop.refused || hop.succeeded;
        }
    }

    /// Takes a response.
    pub(super) fn response(
        &mut self,
        seen: &Sighted<'_>,
        code: StatusCode,
        around: &mut Surroundings<'_>,
        out: &mut impl FnMut(Event<'_>),
    ) {
        let Sighted { raw, message, .. } = *seen;
        let method = message.method();
        let via = message.top_via();
        let key = key::transaction(message, via.as_ref(), method);
        let to_tag = key::tag(message.to_tag());
        let now: Mark = Seen::of(&raw.origin).into();
        let request_flow = raw.flow.reversed();
        let cseq = message.cseq.number;
        self.touch_sessions(message, now, around.elapsed);
        let transaction = match self.transaction_of_response(key, request_flow, cseq) {
            Some(known) => known,
            None => {
                let exchange = self.exchange(seen, method, key, request_flow, around, out);
                self.add_transaction(seen, key, request_flow, exchange, around)
            }
        };
        let answer = Answer {
            code,
            to_tag,
            content: content(message, code),
        };
        let retransmission = self.is_repeat(transaction, &answer);
        let counted = !retransmission && self.count(transaction, &answer, around.limits);
        self.received(
            transaction,
            seen,
            method.kind,
            &answer,
            retransmission,
            around,
        );
        let Some(hop) = self.transactions.get_mut(transaction) else {
            return;
        };
        let Some(exchange) = self.exchanges.get_mut(hop.exchange) else {
            return;
        };
        let is_counting = exchange.counts_on(hop.key, &hop.flow);
        let hopped = Hopped {
            flow: hop.flow,
            invite: hop.request.map(Mark::seen),
            invite_branch: hop.branch,
            reinvite: !exchange.initial,
        };
        let (index, is_neighbour) = (hop.exchange, hop.is_neighbour);

        exchange.rang |= method.kind == MethodKind::Invite && (180..=189).contains(&code.get());
        let is_challenge = matches!(code.get(), 401 | 407) && can_be_challenged(method.kind);

        let mut context = None;
        let mut awaits_note = false;
        if is_challenge && !retransmission {
            context = exchange.credentials.then_some(Context::ChallengedAgain);
            if is_counting && exchange.challenge.is_none() {
                exchange.challenge = Some(around.serial);
                awaits_note = true;
            }
        } else if code.get() == 487 && method.kind == MethodKind::Invite && !retransmission {
            context = cancelled(exchange, &self.cancels);
        }
        let is_answer = method.kind == MethodKind::Invite && code.is_success();
        let mut note = None;
        if is_answer {
            let answered = self.answer(seen, &hopped, to_tag, around);
            if !retransmission {
                note = answered;
                awaits_note = note.is_none();
            }
        }
        if retransmission {
            around.totals.retransmissions += u64::from(!is_neighbour);
        }
        let invites = if !retransmission && may_judge_identity(message, code) {
            self.invites(index)
        } else {
            Vec::new()
        };
        out(Event::Response(&ResponseSeen {
            serial: around.serial,
            raw,
            message,
            code,
            method,
            invites: &invites,
            retransmission,
            duplicate: false,
            counted,
            context: context.or(note),
            awaits_note,
        }));
        if !retransmission && !code.is_provisional() {
            self.final_response(transaction, seen, code, is_challenge, out);
        }
    }

    /// What a response adds to its hop.
    fn received(
        &mut self,
        transaction: usize,
        seen: &Sighted<'_>,
        method: MethodKind,
        answer: &Answer,
        is_repeat: bool,
        around: &Surroundings<'_>,
    ) {
        let message = seen.message;
        let now = Seen::of(&seen.raw.origin).into();
        let cap = around.limits.transactions_per_call;
        let Answer { code, to_tag, .. } = *answer;
        let Some(hop) = self.transactions.get_mut(transaction) else {
            return;
        };
        let Some(exchange) = self.exchanges.get_mut(hop.exchange) else {
            return;
        };
        if code.is_provisional() {
            exchange.progress.provisional = true;
            if let Some(kept) = &mut hop.kept {
                kept.provisional(message, code, now);
            }
            if !is_repeat && hop.provisional.len() < cap {
                hop.provisional.push(*answer);
            }
        } else {
            exchange.progress.answered |= exchange.counts_on(hop.key, &hop.flow);
            hop.succeeded |= code.is_success();
            if !code.is_success() && method == MethodKind::Invite && !hop.refused {
                exchange.progress.refused.get_or_insert(around.elapsed);
                exchange.progress.unacked = exchange.progress.unacked.saturating_add(1);
            }
            hop.refused |= !code.is_success();
            if let Some(kept) = &mut hop.kept {
                kept.final_response(&FinalSeen {
                    message,
                    method,
                    code,
                    to_tag,
                    now,
                    binding: exchange.binding,
                    cap,
                });
            }
        }
        let exchange = hop.exchange;
        self.changed |= !is_repeat;
        self.touch(exchange, around.elapsed);
    }

    /// Whether a response was seen on this hop before.
    fn is_repeat(&self, transaction: usize, answer: &Answer) -> bool {
        let Some(hop) = self.transactions.get(transaction) else {
            return false;
        };
        if answer.code.is_provisional() {
            return hop.provisional.contains(answer);
        }
        match &hop.kept {
            Some(kept) => kept.has_final(answer.code, answer.to_tag),
            // All was told of it.
            None => self
                .exchanges
                .get(hop.exchange)
                .is_some_and(|e| e.counted.contains(&(answer.code, answer.to_tag))),
        }
    }

    /// Whether a response that is seen for the first time on its hop is one to count.
    fn count(&mut self, transaction: usize, answer: &Answer, limits: &Limits) -> bool {
        // 100 is each hop's own word (RFC 3261 §8.2.6.1); everything else travels back unchanged.
        let is_own = answer.code.get() == 100 && !self.is_seen_beside(transaction, answer);
        let hop = self.transactions.get(transaction);
        let exchange = hop.and_then(|hop| self.exchanges.get_mut(hop.exchange));
        let Some(exchange) = exchange else {
            return false;
        };
        let known = (answer.code, answer.to_tag);
        if exchange.counted.contains(&known) {
            return is_own;
        }
        if exchange.counted.len() < limits.transactions_per_call {
            exchange.counted.push(known);
            self.changed = true;
        }
        true
    }

    /// Whether a response was seen on the other side of a NAT: under the same top Via.
    fn is_seen_beside(&self, transaction: usize, answer: &Answer) -> bool {
        let Some(hop) = self.transactions.get(transaction) else {
            return false;
        };
        let mut others = self.transactions.iter();
        others.any(|other| {
            other.key == hop.key
                && other.exchange == hop.exchange
                && other.flow != hop.flow
                && other.provisional.contains(answer)
        })
    }

    /// What the first copy of a final response on a hop means for its exchange.
    fn final_response(
        &mut self,
        transaction: usize,
        seen: &Sighted<'_>,
        code: StatusCode,
        is_challenge: bool,
        out: &mut impl FnMut(Event<'_>),
    ) {
        let Some(hop) = self.transactions.get(transaction) else {
            return;
        };
        let index = hop.exchange;
        let Some(exchange) = self.exchanges.get_mut(index) else {
            return;
        };
        let now = Seen::of(&seen.raw.origin);
        if !exchange.counts_on(hop.key, &hop.flow) {
            return;
        }
        if let Some(serial) = exchange.answers_challenge.take() {
            let request = exchange.request.map(Mark::seen).unwrap_or_default().at;
            let outcome = Some((code, now.at));
            let context = Some(Context::ChallengeAnswered { request, outcome });
            out(Event::Note(Note {
                serial,
                context,
                settled: true,
            }));
        }
        let is_attempt = exchange.method == MethodKind::Invite && exchange.initial;
        if is_attempt && !is_challenge && !exchange.attempt_told {
            exchange.attempt_told = true;
            let (cseq, flow) = (exchange.cseq.unwrap_or_default(), exchange.counting);
            let invite = exchange.request.map(Mark::seen);
            out(Event::Attempt(&Attempt {
                call_id: &self.id,
                cseq,
                code,
                response: now,
                answer: seen.message,
                invite,
                flow,
                invites: &self.invites(index),
            }));
            self.forget_invites(index);
        }
        let Some(exchange) = self.exchanges.get_mut(index) else {
            return;
        };
        if !exchange.initial || exchange.method == MethodKind::Bye {
            let (method, cseq) = (exchange.method, exchange.cseq);
            if code.is_success() && !exchange.succeeded {
                exchange.succeeded = true;
                // An answer shows life when the question was asked, not later.
                let asked = exchange.request.map_or(now.time, |request| request.time);
                self.succeeded(seen.message, method, cseq, now, asked);
            } else if method == MethodKind::Bye {
                self.bye_answered(seen.message, now);
            }
        }
    }

    /// A request with credentials answers the last challenge to the same kind of request.
    fn answer_challenge(&mut self, index: usize, now: Seen, out: &mut impl FnMut(Event<'_>)) {
        let Some(exchange) = self.exchanges.get(index) else {
            return;
        };
        let (method, text, from_tag, cseq) = (
            exchange.method,
            exchange.method_text,
            exchange.from_tag,
            exchange.cseq,
        );
        let challenged = self.exchanges.iter_mut().rev().find(|e| {
            e.challenge.is_some()
                && e.method == method
                && e.method_text == text
                && e.from_tag == from_tag
                && e.cseq < cseq
        });
        let Some(serial) = challenged.and_then(|e| e.challenge.take()) else {
            return;
        };
        let context = Some(Context::ChallengeAnswered {
            request: now.at,
            outcome: None,
        });
        out(Event::Note(Note {
            serial,
            context,
            settled: false,
        }));
        if let Some(exchange) = self.exchanges.get_mut(index) {
            exchange.answers_challenge = Some(serial);
        }
    }
}

/// What a 487 says about the CANCEL before it, if that was seen.
fn cancelled(exchange: &Exchange, cancels: &[(u64, Option<u32>, Seen)]) -> Option<Context> {
    let cancel = cancels
        .iter()
        .find(|c| c.0 == exchange.from_tag && c.1 == exchange.cseq)?;
    Some(Context::Cancelled {
        cancel: cancel.2.at,
        after: exchange
            .request
            .map(|invite| cancel.2.time.since(invite.time)),
        rang: exchange.rang,
    })
}

/// Bytes a list takes, used or not.
const fn room<T>(list: &Vec<T>) -> usize {
    list.capacity() * size_of::<T>()
}

/// The same of a list whose first elements lie where it does itself.
fn spilled<A: Array>(list: &SmallVec<A>) -> usize {
    if list.spilled() {
        list.capacity() * size_of::<A::Item>()
    } else {
        0
    }
}

/// Makes room for one more: a call has one or two of most things, and there are many calls.
fn grow<T>(list: &mut Vec<T>) -> &mut Vec<T> {
    if list.len() == list.capacity() {
        list.reserve_exact(1.max(list.len() / 2));
    }
    list
}

fn tags(message: &Message<'_>) -> (u64, u64) {
    (key::tag(message.from_tag()), key::tag(message.to_tag()))
}

/// Digest of who sent the request: of the From tag, or of the URI where there is none (RFC 2543).
fn sender(message: &Message<'_>) -> u64 {
    match (message.from_tag(), message.from()) {
        (Some(tag), _) => key::digest(tag),
        (None, Some(from)) => key::digest(from.uri),
        (None, None) => 0,
    }
}

/// Whether a response may say something of its request's identity (RFC 8224 §6.2.2, RFC 9410).
fn may_judge_identity(message: &Message<'_>, code: StatusCode) -> bool {
    matches!(code.get(), 403 | 428 | 436 | 437 | 438)
        || (code.get() != 100 && message.header(Name::Reason).is_some())
}

fn has_credentials(message: &Message<'_>) -> bool {
    message.header(Name::Authorization).is_some()
        || message.header(Name::ProxyAuthorization).is_some()
}

/// What tells one provisional answer from the next; finals of one code and tag are repeats.
fn content(message: &Message<'_>, code: StatusCode) -> u64 {
    if !code.is_provisional() {
        return 0;
    }
    key::digest(message.header(Name::RSeq).unwrap_or_default()) ^ key::digest(message.body)
}
