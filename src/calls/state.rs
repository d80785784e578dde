//! What is kept of one Call-ID while it is in progress, and how messages change it.

use std::sync::Arc;

mod in_dialog;
mod settle;

pub(super) use settle::Ending;

use super::dialog::{Ack, Answered, Leg};
use super::hops::Hops;
use super::transaction::{Answer, Exchange, Transaction};
use super::{Attempt, Context, Event, Note, ResponseSeen, Seen, Serial, Sighted, Totals};
use super::{can_be_challenged, key};
use crate::limits::Limits;
use crate::sip::message::is_initial;
use crate::sip::{Message, Method, MethodKind, Name};
use crate::units::{Flow, Span, StatusCode};

/// What a call needs from the room around it while a message is pushed.
pub(super) struct Surroundings<'a> {
    pub(super) hops: &'a mut Hops,
    pub(super) totals: &'a mut Totals,
    pub(super) limits: &'a Limits,
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
    /// CANCELs: From tag, CSeq number, first sighting.
    cancels: Vec<(u64, Option<u32>, Seen)>,
    /// Elapsed capture time of the last message.
    pub(super) touched: Span,
    /// The elapsed time for which the table will look at the call again.
    pub(super) queued: Span,
    /// Bytes of state as the table last counted them.
    pub(super) weighed: usize,
    has_invite: bool,
}

/// Bytes a call takes beside its own: its places in the table, the queue and the list by age.
const PLACE: usize = 128;

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
            touched: elapsed,
            queued: elapsed,
            weighed: 0,
            has_invite: false,
        }
    }

    /// Bytes of state, roughly: what a stranger can make large is counted as it is.
    pub(super) fn weight(&self) -> usize {
        let texts = |leg: &Leg| leg.contact.len() + leg.record_route.len();
        let legs = self.answered.iter().flat_map(|dialog| &dialog.legs);
        let legs: usize = legs.map(|leg| texts(leg) + room(&leg.copies)).sum();
        let dialogs = self.answered.iter();
        let dialogs: usize = dialogs
            .map(|dialog| dialog.to_tag_text.len() + room(&dialog.legs) + room(&dialog.byes))
            .sum();
        let acks = self.acks.iter();
        let acks: usize = acks
            .map(|ack| ack.uri.len() + ack.route.len() + room(&ack.repeats))
            .sum();
        let transactions = self.transactions.iter();
        let answers: usize = transactions.map(|hop| room(&hop.answers)).sum();
        let exchanges = self.exchanges.iter();
        let counted: usize = exchanges.map(|exchange| room(&exchange.counted)).sum();
        PLACE
            + size_of::<Self>()
            + self.id.len()
            + room(&self.transactions)
            + room(&self.exchanges)
            + room(&self.answered)
            + room(&self.acks)
            + room(&self.cancels)
            + answers
            + counted
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
        let known = self
            .transactions
            .iter()
            .position(|t| t.key == key && t.flow == raw.flow);
        if method.kind == MethodKind::Ack {
            self.ack(seen, known, around, out);
            return;
        }
        if let Some(known) = known.and_then(|index| self.transactions.get_mut(index))
            && known.request.is_some()
        {
            around.totals.retransmissions += 1;
            if method.kind == MethodKind::Invite && !self.answered.is_empty() {
                let from_tag = key::tag(message.from_tag());
                self.invite_again(from_tag, message.cseq.number, &raw.flow, now);
            }
            return;
        }
        let exchange = self.exchange(message, method, raw.flow, around);
        if let Some(exchange) = self.exchanges.get_mut(exchange) {
            exchange.request.get_or_insert(now);
            exchange.credentials |= has_credentials(message);
            let vias = message.via_count();
            if vias < exchange.vias {
                exchange.vias = vias;
                exchange.counting = raw.flow;
            }
        }
        let branch = via
            .as_ref()
            .and_then(|via| via.branch)
            .map_or(0, key::digest);
        self.add_transaction(
            Transaction {
                key,
                flow: raw.flow,
                branch,
                exchange,
                request: Some(now),
                answers: Vec::new(),
                acked: false,
            },
            around.limits,
        );
        match method.kind {
            MethodKind::Cancel => self.cancel(message, now),
            MethodKind::Bye => self.bye(message, &raw.flow, now),
            _ => {}
        }
        if can_be_challenged(method.kind) && has_credentials(message) {
            self.answer_challenge(exchange, now, out);
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
        let request_flow = raw.flow.reversed();
        let transaction = self.transaction_of(key, request_flow).unwrap_or_else(|| {
            let exchange = self.exchange(message, method, request_flow, around);
            let branch = via
                .as_ref()
                .and_then(|via| via.branch)
                .map_or(0, key::digest);
            self.add_transaction(
                Transaction {
                    key,
                    flow: request_flow,
                    branch,
                    exchange,
                    request: None,
                    answers: Vec::new(),
                    acked: false,
                },
                around.limits,
            )
        });
        let Some(hop) = self.transactions.get_mut(transaction) else {
            return;
        };
        let answer = Answer {
            code,
            to_tag,
            content: content(message, code),
        };
        let retransmission = hop.answers.contains(&answer);
        if !retransmission && hop.answers.len() < around.limits.transactions_per_call {
            grow(&mut hop.answers).push(answer);
        }
        let (exchange, flow, invite) = (hop.exchange, hop.flow, hop.request);
        let branch = hop.branch;
        let Some(exchange) = self.exchanges.get_mut(exchange) else {
            return;
        };

        // 100 is each hop's own word (RFC 3261 §8.2.6.1); everything else travels back unchanged.
        let answered_before = exchange.counted.contains(&(code, to_tag));
        let counted = !retransmission && (code.get() == 100 || !answered_before);
        if counted
            && !answered_before
            && exchange.counted.len() < around.limits.transactions_per_call
        {
            grow(&mut exchange.counted).push((code, to_tag));
        }
        exchange.rang |= method.kind == MethodKind::Invite && (180..=189).contains(&code.get());
        let is_challenge = matches!(code.get(), 401 | 407) && can_be_challenged(method.kind);

        let mut context = None;
        let mut awaits_note = false;
        if is_challenge && !retransmission {
            context = exchange.credentials.then_some(Context::ChallengedAgain);
            if exchange.counting == flow && exchange.challenge.is_none() {
                exchange.challenge = Some(around.serial);
                awaits_note = true;
            }
        } else if code.get() == 487 && method.kind == MethodKind::Invite && !retransmission {
            context = cancelled(exchange, &self.cancels);
        }
        let is_answer = method.kind == MethodKind::Invite && code.is_success();
        let mut note = None;
        if is_answer {
            let answered = self.answer(seen, flow, invite, branch, to_tag, around);
            if !retransmission {
                note = answered;
                awaits_note = note.is_none();
            }
        }
        if retransmission {
            around.totals.retransmissions += 1;
        }
        out(Event::Response(&ResponseSeen {
            serial: around.serial,
            raw,
            message,
            code,
            method,
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
        let flow = hop.flow;
        let Some(exchange) = self.exchanges.get_mut(hop.exchange) else {
            return;
        };
        let now = Seen::of(&seen.raw.origin);
        if exchange.counting != flow {
            return;
        }
        if let Some(serial) = exchange.answers_challenge.take() {
            let request = exchange.request.unwrap_or_default().at;
            let outcome = Some((code, now.at));
            let context = Some(Context::ChallengeAnswered { request, outcome });
            out(Event::Note(Note {
                serial,
                context,
                settled: true,
            }));
        }
        if exchange.method == MethodKind::Invite
            && exchange.initial
            && !is_challenge
            && !exchange.attempt_told
        {
            exchange.attempt_told = true;
            out(Event::Attempt(&Attempt {
                call_id: &self.id,
                cseq: exchange.cseq.unwrap_or_default(),
                code,
                response: now,
                invite: exchange.request,
                flow,
            }));
        }
        if !exchange.initial || exchange.method == MethodKind::Bye {
            let (method, cseq) = (exchange.method, exchange.cseq);
            if code.is_success() && exchange.succeeded.is_none() {
                exchange.succeeded = Some(now);
                // An answer shows life when the question was asked, not later.
                let asked = exchange.request.map_or(now.time, |request| request.time);
                self.succeeded(seen.message, method, cseq, now, asked);
            } else if method == MethodKind::Bye {
                self.bye_answered(seen.message, now);
            }
        }
    }

    /// The exchange of a message, made if there is none; its index.
    fn exchange(
        &mut self,
        message: &Message<'_>,
        method: Method<'_>,
        request_flow: Flow,
        around: &mut Surroundings<'_>,
    ) -> usize {
        let (from_tag, to_tag) = tags(message);
        let text = if method.kind == MethodKind::Other {
            key::digest(method.text)
        } else {
            0
        };
        let cseq = message.cseq.number;
        if let Some(index) = self
            .exchanges
            .iter()
            .position(|e| e.is(method.kind, text, from_tag, cseq))
        {
            return index;
        }
        // A response has a To tag always; only its request says whether it was the first.
        let initial = if message.is_request() {
            is_initial(message, method.kind)
        } else {
            !self
                .answered
                .iter()
                .any(|d| d.side_of(from_tag, to_tag).is_some())
        };
        if method.kind == MethodKind::Invite {
            if !self.has_invite {
                self.has_invite = true;
                around.totals.calls += 1;
            }
            // With credentials it goes on with the attempt that was challenged; otherwise it is a
            // new one, also in the same Call-ID (a retry after a refusal).
            let before =
                self.exchanges.iter().rev().find(|e| {
                    e.method == MethodKind::Invite && e.initial && e.from_tag == from_tag
                });
            let goes_on = before.is_some_and(|before| {
                let finals = before.counted.iter().filter(|c| !c.0.is_provisional());
                let mut codes = finals.map(|c| c.0.get()).peekable();
                match codes.peek() {
                    Some(_) => codes.any(|code| matches!(code, 401 | 407)),
                    None => has_credentials(message),
                }
            });
            around.totals.invites += u64::from(initial && message.is_request() && !goes_on);
        }
        if self.exchanges.len() >= around.limits.transactions_per_call {
            self.forget_oldest_exchange();
        }
        grow(&mut self.exchanges).push(Exchange {
            method: method.kind,
            method_text: text,
            from_tag,
            cseq,
            initial,
            credentials: false,
            request: None,
            counting: request_flow,
            vias: message.via_count(),
            counted: Vec::new(),
            attempt_told: false,
            rang: false,
            challenge: None,
            answers_challenge: None,
            succeeded: None,
        });
        self.exchanges.len() - 1
    }

    /// Long calls with many refreshes keep their latest exchanges.
    fn forget_oldest_exchange(&mut self) {
        // The first one names the call's attempt; the second oldest goes.
        let oldest = 1.min(self.exchanges.len().saturating_sub(1));
        self.exchanges.remove(oldest);
        self.transactions.retain_mut(|transaction| {
            if transaction.exchange > oldest {
                transaction.exchange -= 1;
                true
            } else {
                transaction.exchange < oldest
            }
        });
    }

    fn add_transaction(&mut self, transaction: Transaction, limits: &Limits) -> usize {
        if self.transactions.len() >= limits.transactions_per_call {
            self.transactions.remove(0);
        }
        grow(&mut self.transactions).push(transaction);
        self.transactions.len() - 1
    }

    /// The hop of a response: same sockets, else the same hosts (a server may answer from another
    /// port, RFC 3261 §18.2.2).
    fn transaction_of(&self, key: u64, flow: Flow) -> Option<usize> {
        let same_key = |t: &Transaction| t.key == key;
        self.transactions
            .iter()
            .position(|t| same_key(t) && t.flow == flow)
            .or_else(|| {
                self.transactions.iter().position(|t| {
                    same_key(t)
                        && t.flow.src.addr == flow.src.addr
                        && t.flow.dst.addr == flow.dst.addr
                })
            })
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
