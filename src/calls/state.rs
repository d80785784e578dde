//! What is kept of one Call-ID while it is in progress, and how messages change it.

use std::sync::Arc;

use smallvec::{Array, SmallVec};

mod attempt;
mod described;
mod exchange;
mod hop;
mod invites;
mod in_dialog;
mod known;
mod refused;
mod retried;
mod session;
mod settle;

pub(super) use described::Described;
pub(super) use session::Ongoing;
pub(super) use settle::{Ending, Peers};

use self::described::LateOffer;
use self::hop::FinalSeen;
use self::in_dialog::Hopped;
use self::invites::may_judge_identity;
use super::binding::Binding;
use super::counted::Counted;
use super::coverage::Coverage;
use super::dialog::{Ack, Answered, Leg};
use super::hops::Hops;
use super::mark::Mark;
use super::timers::Timers;
use super::transaction::{Answer, Cancel, Exchange, Kept, Transaction, Untried};
use super::{
    Event, Note, PATIENCE, ResponseSeen, Seen, Serial, Sighted, Totals, can_be_challenged, heeded,
    key,
};
use crate::limits::Limits;
use crate::sip::{Message, Method, MethodKind, Name};
use crate::units::{FrameRef, Span, StatusCode};

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
    /// Calls were given up for lack of room.
    pub(super) evicted: bool,
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
    cancels: Vec<Cancel>,
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
    /// It is a leg that an element sent on of another call.
    pub(super) is_onward: bool,
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
            is_onward: false,
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
            .map(|hop| {
                let untried = usize::from(hop.untried.is_some()) * size_of::<Untried>();
                let kept = hop.kept.as_deref().map_or(0, Kept::weight);
                spilled(&hop.provisional) + kept + untried
            })
            .sum();
        let cancels: usize = self.cancels.iter().map(|cancel| cancel.reason.len()).sum();
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
            + cancels
            + hops
            + exchanges
            + dialogs
            + legs
            + acks
    }

    /// Whether an INVITE of it was seen.
    pub(super) const fn has_invite(&self) -> bool {
        self.has_invite
    }

    /// Takes a request; whether it is an INVITE outside a dialog, for the first time on this hop.
    pub(super) fn request(
        &mut self,
        seen: &Sighted<'_>,
        around: &mut Surroundings<'_>,
        out: &mut impl FnMut(Event<'_>),
    ) -> bool {
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
            return false;
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
            } else if method.kind == MethodKind::Bye {
                self.bye_again(message, now);
            }
            return false;
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
        self.keep_asked(hop, message);
        self.retried(hop, message, now, out);
        method.kind == MethodKind::Invite && message.to_tag().is_none()
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
        let repeats = retransmission.then(|| self.first_copy(transaction, &answer));
        let counted = !retransmission && self.count(transaction, &answer, around.limits);
        self.received(
            transaction,
            seen,
            method.kind,
            &answer,
            retransmission,
            around,
        );
        let Some(hop) = self.transactions.get(transaction) else {
            return;
        };
        let Some(exchange) = self.exchanges.get(hop.exchange) else {
            return;
        };
        let hopped = Hopped {
            flow: hop.flow,
            invite: hop.request.map(Mark::seen),
            invite_branch: hop.branch,
            reinvite: !exchange.initial,
        };
        let is_neighbour = hop.is_neighbour;
        let response = ResponseSeen {
            serial: around.serial,
            raw,
            message,
            code,
            method,
            retransmission,
            duplicate: false,
            counted,
            invites: &[],
            repeats: repeats.flatten(),
            context: None,
            refusal: None,
            awaits: Span::default(),
        };
        if retransmission {
            around.totals.retransmissions += u64::from(!is_neighbour);
        }
        self.hand_out_response(transaction, seen, &hopped, response, around, out);
    }

    /// Hands out a response with what is known of it, and what it means for its exchange.
    fn hand_out_response(
        &mut self,
        transaction: usize,
        seen: &Sighted<'_>,
        hopped: &Hopped,
        mut response: ResponseSeen<'_>,
        around: &mut Surroundings<'_>,
        out: &mut impl FnMut(Event<'_>),
    ) {
        let (code, kind) = (response.code, response.method.kind);
        let is_first = !response.retransmission;
        if code.class() >= 3 && is_first {
            self.refused(transaction, response, around, out);
        } else {
            if kind == MethodKind::Invite && code.is_success() {
                let to_tag = key::tag(seen.message.to_tag());
                let answered = self.answer(seen, hopped, to_tag, around);
                if is_first {
                    response.context = answered.map(|(_, context)| context);
                    response.awaits = answered.map_or(PATIENCE, |_| heeded(Span::default()));
                } else if let Some((serial, context)) = answered {
                    out(Event::Note(Note {
                        serial,
                        context: Some(context),
                        settled: true,
                    }));
                }
            }
            let index = self.transactions.get(transaction).map(|hop| hop.exchange);
            let invites = index
                .filter(|_| is_first && may_judge_identity(response.message, code))
                .map(|exchange| self.invites(exchange));
            out(Event::Response(&ResponseSeen {
                invites: invites.as_deref().unwrap_or_default(),
                ..response
            }));
        }
        if is_first {
            self.outcome(transaction, code, Seen::of(&seen.raw.origin).into(), out);
            if !code.is_provisional() {
                let is_challenge = matches!(code.get(), 401 | 407) && can_be_challenged(kind);
                self.final_response(transaction, seen, code, is_challenge, out);
            }
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
            exchange.ended.get_or_insert((code, now));
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

    /// The first copy of a response on this hop, if that is still known.
    fn first_copy(&self, transaction: usize, answer: &Answer) -> Option<FrameRef> {
        let hop = self.transactions.get(transaction)?;
        let kept = hop.kept.as_deref()?;
        if answer.code.is_provisional() {
            // Of each code the first is known; of several (forks, a later description) it is not
            // known which of them.
            let of_code = |known: &&Answer| known.code == answer.code;
            if hop.provisional.iter().filter(of_code).count() != 1 {
                return None;
            }
            let trying = StatusCode::new(100).zip(kept.trying);
            let mut all = [trying, kept.progress, kept.ringing].into_iter().flatten();
            let (_, mark) = all.find(|(code, _)| *code == answer.code)?;
            return Some(mark.seen().at);
        }
        let mut finals = kept.finals.iter();
        let known = finals.find(|f| f.code == answer.code && f.to_tag == answer.to_tag)?;
        Some(known.first.at)
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
        let now = Seen::of(&seen.raw.origin);
        if !is_challenge {
            self.attempted(transaction, seen.message, (code, now), out);
        }
        let Some(hop) = self.transactions.get(transaction) else {
            return;
        };
        let Some(exchange) = self.exchanges.get_mut(hop.exchange) else {
            return;
        };
        if !exchange.counts_on(hop.key, &hop.flow) {
            return;
        }
        let method = exchange.method;
        // Peers of RFC 2543 have no To tag inside a dialog either.
        let may_begin_one = method.makes_dialog() || method == MethodKind::Cancel;
        if !exchange.initial || !may_begin_one {
            let cseq = exchange.cseq;
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
