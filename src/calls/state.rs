//! What is kept of one Call-ID while it is in progress, and how messages change it.

use std::sync::Arc;

use super::dialog::{Ack, Answered, AnsweredDialog, Bye, HopFacts, Leg, Side, passes};
use super::hops::Hops;
use super::transaction::{Answer, Exchange, Transaction};
use super::{Attempt, Context, Event, Note, ResponseSeen, Seen, Serial, Sighted, Totals};
use super::{can_be_challenged, key};
use crate::limits::Limits;
use crate::sip::message::is_initial;
use crate::sip::{Message, Method, MethodKind, Name, StartLine};
use crate::units::{Flow, Span, StatusCode, Timestamp};

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
    has_invite: bool,
}

/// 64*T1: how long a sender may repeat itself (RFC 3261 §17.1.1.2).
const REPEATS: Span = Span::from_secs(32);
/// Dialogs without an exact ACK are looked at until 1.3 times 64*T1 after the 2xx (DOMAIN C.5).
const WITHOUT_ACK: Span = Span::from_millis(41_600);
/// A lost fragment is noticed this much later at most ([`Limits::ip_reassembly_wait`]), and what
/// is missing must be known before anybody is accused of not sending it.
const FOUND_LATE: Span = Span::from_secs(62);
/// With one, nothing is expected this long after the last copy of 2xx or ACK.
const WITH_ACK: Span = Span::from_secs(10);
/// A single 2xx without ACK waits this long for a sign of life of its dialog.
const SIGN_OF_LIFE: Span = Span::from_secs(600);
/// Established calls without a message are kept this long; later ones start anew.
const ESTABLISHED: Span = Span::from_secs(4 * 3600);

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
            has_invite: false,
        }
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
            hop.answers.push(answer);
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
            exchange.counted.push((code, to_tag));
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

    /// A request inside a dialog got a 2xx: its dialogs live.
    fn succeeded(
        &mut self,
        message: &Message<'_>,
        method: MethodKind,
        cseq: Option<u32>,
        now: Seen,
        asked: Timestamp,
    ) {
        if method == MethodKind::Bye {
            self.bye_answered(message, now);
        }
        let (from_tag, to_tag) = tags(message);
        for dialog in &mut self.answered {
            let Some(side) = dialog.side_of(from_tag, to_tag) else {
                continue;
            };
            // The dialog's own INVITE is no sign of life. A BYE by which the callee gives up
            // waiting for the ACK comes too early to count as one.
            let is_own =
                method == MethodKind::Invite && cseq == Some(dialog.cseq) && side == Side::Uac;
            if !is_own {
                dialog.last_success = dialog.last_success.max(Some(asked));
            }
        }
    }

    fn bye_answered(&mut self, message: &Message<'_>, now: Seen) {
        let (from_tag, to_tag) = tags(message);
        for dialog in &mut self.answered {
            if let Some(side) = dialog.side_of(from_tag, to_tag)
                && let Some(bye) = dialog.byes.iter_mut().find(|bye| bye.side == side)
            {
                bye.answered.get_or_insert(now.time);
            }
        }
    }

    fn cancel(&mut self, message: &Message<'_>, now: Seen) {
        let from_tag = key::tag(message.from_tag());
        let cseq = message.cseq.number;
        if self.cancels.len() < 16 && !self.cancels.iter().any(|c| c.0 == from_tag && c.1 == cseq) {
            self.cancels.push((from_tag, cseq, now));
        }
    }

    fn bye(&mut self, message: &Message<'_>, flow: &Flow, now: Seen) {
        let (from_tag, to_tag) = tags(message);
        let says_no_ack = message.items(Name::Reason).any(says_no_ack);
        for dialog in &mut self.answered {
            let Some(mut side) = dialog.side_of(from_tag, to_tag) else {
                continue;
            };
            // Without tags (RFC 2543) only the direction tells the sides apart.
            let is_backward = |leg: &Leg| leg.flow.reversed() == *flow;
            if from_tag == to_tag && dialog.legs.iter().any(is_backward) {
                side = Side::Uas;
            }
            if dialog.byes.iter().all(|bye| bye.side != side) {
                dialog.byes.push(Bye {
                    seen: now,
                    side,
                    answered: None,
                    says_no_ack,
                });
            }
        }
    }

    /// Takes an ACK: of a refusal it belongs to the hop's transaction, else to a dialog.
    fn ack(
        &mut self,
        seen: &Sighted<'_>,
        known: Option<usize>,
        around: &mut Surroundings<'_>,
        out: &mut impl FnMut(Event<'_>),
    ) {
        let Sighted { raw, message, .. } = *seen;
        if let Some(hop) = known.and_then(|index| self.transactions.get_mut(index))
            && hop.answers.iter().any(|a| a.code.class() >= 3)
            && !hop.answers.iter().any(|a| a.code.is_success())
        {
            around.totals.retransmissions += u64::from(hop.acked);
            hop.acked = true;
            return;
        }
        let now = Seen::of(&raw.origin);
        let (from_tag, to_tag) = tags(message);
        let cseq = message.cseq.number;
        let branch = message
            .top_via()
            .and_then(|via| via.branch)
            .map_or(0, key::digest);
        around.hops.saw_ack(&raw.flow, self.digest);
        let same = self.acks.iter_mut().position(|ack| {
            ack.from_tag == from_tag
                && ack.to_tag == to_tag
                && ack.cseq == cseq
                && ack.flow == raw.flow
        });
        let index = if let Some(index) = same {
            around.totals.retransmissions += 1;
            if let Some(ack) = self.acks.get_mut(index)
                && ack.repeats.len() < around.limits.copies_per_dialog
            {
                ack.repeats.push(now.time);
            }
            index
        } else if self.acks.len() < around.limits.transactions_per_call {
            let StartLine::Request { uri, .. } = message.start else {
                return;
            };
            self.acks.push(Ack {
                seen: now,
                flow: raw.flow,
                from_tag,
                to_tag,
                branch,
                cseq,
                repeats: Vec::new(),
                undeliverable: None,
                uri: uri.into(),
                route: joined(message, Name::Route),
            });
            self.acks.len() - 1
        } else {
            return;
        };
        let Some(ack) = self.acks.get(index) else {
            return;
        };
        for dialog in &mut self.answered {
            if !matches!(dialog.matches(ack), Some(super::AckMatch::Exact(_))) {
                continue;
            }
            dialog.acked |= dialog.is_on_last_hop(ack);
            dialog.touched = around.elapsed;
            for leg in &mut dialog.legs {
                if !leg.told && passes(ack, leg) {
                    leg.told = true;
                    let after = now.time.since(leg.first().time);
                    let context = Some(Context::Acknowledged { ack: now.at, after });
                    out(Event::Note(Note {
                        serial: leg.serial,
                        context,
                        settled: true,
                    }));
                }
            }
        }
    }

    /// Takes a copy of a 2xx to INVITE; what is known of its ACK already, if it came first.
    fn answer(
        &mut self,
        seen: &Sighted<'_>,
        flow: Flow,
        invite: Option<Seen>,
        invite_branch: u64,
        to_tag: u64,
        around: &mut Surroundings<'_>,
    ) -> Option<Context> {
        let Sighted { raw, message, .. } = *seen;
        let now = Seen::of(&raw.origin);
        let from_tag = key::tag(message.from_tag());
        let cseq = message.cseq.number?;
        let same = |d: &Answered| d.from_tag == from_tag && d.to_tag == to_tag && d.cseq == cseq;
        let index = match self.answered.iter().position(same) {
            Some(index) => index,
            None => {
                if self.answered.len() >= around.limits.dialogs_per_call {
                    let settled = self.answered.iter().position(|d| d.settled)?;
                    self.answered.remove(settled);
                }
                let reinvite = !self
                    .exchanges
                    .iter()
                    .find(|e| e.is(MethodKind::Invite, 0, from_tag, Some(cseq)))
                    .is_none_or(|e| e.initial);
                self.answered.push(Answered {
                    from_tag,
                    to_tag,
                    to_tag_text: message.to_tag().unwrap_or_default().into(),
                    cseq,
                    reinvite,
                    legs: Vec::new(),
                    byes: Vec::new(),
                    last_success: None,
                    callee_unreachable: None,
                    opened: around.elapsed,
                    steps: around.steps,
                    touched: around.elapsed,
                    acked: false,
                    settled: false,
                });
                self.answered.len() - 1
            }
        };
        let dialog = self.answered.get_mut(index)?;
        dialog.touched = around.elapsed;
        if let Some(leg) = dialog.legs.iter_mut().find(|leg| leg.flow == flow) {
            leg.copies_seen += 1;
            if leg.copies.len() < around.limits.copies_per_dialog {
                leg.copies.push(now);
            }
            around.hops.saw_repeat(flow.dst, self.digest);
            return None;
        }
        if dialog.legs.len() >= around.limits.dialogs_per_call {
            return None;
        }
        let contact = message
            .items(Name::Contact)
            .next()
            .and_then(crate::sip::value::Address::parse);
        dialog.legs.push(Leg {
            flow,
            interface: (raw.origin.at.file, raw.origin.interface),
            invite,
            invite_branch,
            copies: vec![now],
            copies_seen: 1,
            vias: message.via_count(),
            contact: contact
                .map(|contact| contact.uri)
                .unwrap_or_default()
                .into(),
            record_route: joined(message, Name::RecordRoute),
            serial: around.serial,
            told: false,
        });
        // An ACK that two taps put before its 2xx.
        let early = self.acks.iter().find(|ack| {
            matches!(dialog.matches(ack), Some(super::AckMatch::Exact(_)))
                && dialog.legs.last().is_some_and(|leg| passes(ack, leg))
        })?;
        dialog.acked |= dialog.is_on_last_hop(early);
        if let Some(leg) = dialog.legs.last_mut() {
            leg.told = true;
        }
        Some(Context::Acknowledged {
            ack: early.seen.at,
            after: early.seen.time.since(now.time),
        })
    }

    /// An ICMP error quotes a message of this call.
    pub(super) fn unreachable(&mut self, quoted: &Message<'_>, flow: Flow, now: Seen) {
        let (from_tag, to_tag) = tags(quoted);
        if quoted.method().kind == MethodKind::Ack {
            for ack in &mut self.acks {
                if ack.from_tag == from_tag
                    && ack.cseq == quoted.cseq.number
                    && ack.flow.dst == flow.dst
                {
                    ack.undeliverable = Some(now);
                }
            }
        } else if quoted.is_request() {
            for dialog in &mut self.answered {
                let is_to_callee = dialog.side_of(from_tag, to_tag) == Some(Side::Uac)
                    && dialog.legs.iter().any(|leg| leg.flow.dst == flow.dst);
                if is_to_callee {
                    dialog.callee_unreachable.get_or_insert(now);
                }
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
        self.exchanges.push(Exchange {
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
        self.transactions.push(transaction);
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

    /// The elapsed time at which something is to be done about this call.
    pub(super) fn due(&self) -> Span {
        let open = self.answered.iter().filter(|d| !d.settled);
        open.map(settles_at)
            .min()
            .unwrap_or_else(|| plus(self.touched, self.idle_limit()))
    }

    /// How long the call may be silent before it is forgotten.
    fn idle_limit(&self) -> Span {
        let is_established = self
            .answered
            .iter()
            .any(|d| d.byes.is_empty() && (d.acked || !d.settled));
        if is_established {
            ESTABLISHED
        } else {
            plus(REPEATS, WITH_ACK)
        }
    }

    /// Whether nothing more is expected of the call.
    pub(super) fn is_over(&self, elapsed: Span) -> bool {
        self.answered.iter().all(|d| d.settled) && plus(self.touched, self.idle_limit()) <= elapsed
    }

    /// Hands out dialogs that are settled by `elapsed`, or all of them (`None`).
    pub(super) fn settle(
        &mut self,
        elapsed: Option<Span>,
        end: &Ending<'_>,
        hops: &Hops,
        out: &mut impl FnMut(Event<'_>),
    ) {
        for index in 0..self.answered.len() {
            let Some(dialog) = self.answered.get_mut(index) else {
                continue;
            };
            if dialog.settled || elapsed.is_some_and(|elapsed| settles_at(dialog) > elapsed) {
                continue;
            }
            dialog.settled = true;
            for leg in dialog.legs.iter_mut().filter(|leg| !leg.told) {
                leg.told = true;
                out(Event::Note(Note {
                    serial: leg.serial,
                    context: None,
                    settled: true,
                }));
            }
            // The hop nearest the callee is judged first: most Via values, then earliest.
            dialog
                .legs
                .sort_by_key(|leg| (leg.vias, std::cmp::Reverse(leg.first().time)));
            let Some(dialog) = self.answered.get(index) else {
                continue;
            };
            self.hand_out(dialog, end, hops, out);
        }
    }

    fn hand_out(
        &self,
        dialog: &Answered,
        end: &Ending<'_>,
        hops: &Hops,
        out: &mut impl FnMut(Event<'_>),
    ) {
        let Some(nearest) = dialog.legs.last() else {
            return;
        };
        let opened = dialog
            .legs
            .iter()
            .map(|leg| leg.first().time)
            .min()
            .unwrap_or_default();
        let acks: Vec<_> = self
            .acks
            .iter()
            .filter(|ack| ack.seen.time.since(opened) >= Span::from_millis(-500))
            .filter(|ack| !self.belongs_elsewhere(ack, dialog))
            .filter_map(|ack| Some((ack, dialog.matches(ack)?)))
            .collect();
        let facts: Vec<_> = dialog
            .legs
            .iter()
            .map(|leg| HopFacts {
                two_way: leg.invite.is_some() || hops.has_seen(&leg.flow),
                acks_of_others: hops.has_ack_of_other(&leg.flow, self.digest),
                callee_repeats: hops.repeats_in_other(leg.flow.dst, self.digest),
            })
            .collect();
        let observed_until = (end.observed_until)(nearest.interface);
        out(Event::Dialog(&AnsweredDialog {
            call_id: &self.id,
            to_tag: &dialog.to_tag_text,
            cseq: dialog.cseq,
            reinvite: dialog.reinvite,
            legs: &dialog.legs,
            hop_facts: &facts,
            acks: &acks,
            byes: &dialog.byes,
            cancel: self
                .cancels
                .iter()
                .find(|c| c.0 == dialog.from_tag && c.1 == Some(dialog.cseq))
                .map(|c| c.2),
            last_success: dialog.last_success,
            callee_unreachable: dialog.callee_unreachable,
            observed_until,
            loss: (end.loss)(opened, observed_until),
            time_step: dialog.steps != end.steps,
            evicted: end.evicted,
        }));
    }

    /// Whether an ACK is another INVITE's (DOMAIN C.5): of a refused one by its branch, of
    /// another fork by its To tag, of another answered INVITE by its CSeq number.
    fn belongs_elsewhere(&self, ack: &Ack, dialog: &Answered) -> bool {
        let is_exact = matches!(dialog.matches(ack), Some(super::AckMatch::Exact(_)));
        let of_refusal = ack.branch != 0
            && self.transactions.iter().any(|t| {
                t.branch == ack.branch
                    && t.answers.iter().any(|a| a.code.class() >= 3)
                    && !t.answers.iter().any(|a| a.code.is_success())
            });
        let of_other = self.answered.iter().any(|other| {
            !std::ptr::eq(other, dialog)
                && matches!(other.matches(ack), Some(super::AckMatch::Exact(_)))
        });
        !is_exact && (of_refusal || of_other)
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

/// What the room knows when dialogs are handed out.
pub(super) struct Ending<'a> {
    /// Until when an interface could have shown something.
    pub(super) observed_until: &'a dyn Fn((crate::units::FileIndex, u32)) -> Timestamp,
    /// Whether packets may be missing between two times.
    pub(super) loss: &'a dyn Fn(Timestamp, Timestamp) -> bool,
    /// Steps of the clock so far.
    pub(super) steps: u32,
    /// The call is given up for lack of room.
    pub(super) evicted: bool,
}

/// The elapsed time at which nothing more can change what is said of a dialog.
fn settles_at(dialog: &Answered) -> Span {
    if dialog.acked {
        return plus(dialog.touched, WITH_ACK);
    }
    let without_ack = plus(dialog.opened, plus(WITHOUT_ACK, FOUND_LATE));
    let repeated = dialog.legs.iter().any(|leg| leg.copies_seen > 1);
    if !dialog.byes.is_empty() {
        // Timer F shows whether the other side was still there; a late BYE of either side that is
        // answered shows that the dialog lived.
        let timer_f = plus(dialog.touched, plus(REPEATS, Span::from_secs(2)));
        let latest = dialog
            .byes
            .iter()
            .map(|bye| bye.seen.time)
            .max()
            .unwrap_or_default();
        let first = dialog
            .legs
            .first()
            .map(|leg| leg.first().time)
            .unwrap_or_default();
        let bye_after = latest.since(first);
        return without_ack
            .max(plus(plus(dialog.opened, bye_after), REPEATS))
            .max(timer_f);
    }
    if repeated {
        // A callee with a long T1 repeats for longer; each copy is waited for.
        without_ack.max(plus(dialog.touched, WITH_ACK))
    } else {
        plus(dialog.opened, SIGN_OF_LIFE)
    }
}

const fn plus(a: Span, b: Span) -> Span {
    Span::from_nanos(a.nanos().saturating_add(b.nanos()))
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

fn joined(message: &Message<'_>, name: Name) -> Box<[u8]> {
    let mut all = Vec::new();
    for value in message.headers(name) {
        if !all.is_empty() {
            all.push(b',');
        }
        all.extend_from_slice(value);
    }
    all.into()
}

/// Whether one Reason value, of a header's list, says that no ACK came (DOMAIN B.2).
fn says_no_ack(reason: &[u8]) -> bool {
    let lower = reason.to_ascii_lowercase();
    let has = |text: &[u8]| memchr::memmem::find(&lower, text).is_some();
    (has(b"release_cause") && crate::sip::value::param(&lower, b"cause") == Some(b"4"))
        || has(b"no ack")
        || has(b"ack timeout")
        || has(b"ack time-out")
}
