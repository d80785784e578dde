//! Exchanges: found or made for each message, due when nothing more can change them, told once.

use smallvec::SmallVec;

use super::super::binding::Binding;
use super::super::hops::Hops;
use super::super::outcome::{Exchanged, Hop, Observed, TEXT};
use super::super::transaction::{Exchange, Kept, Progress, Texts, Transaction};
use super::super::{Event, Seen, Sighted, key};
use super::session::ByeTold;
use super::settle::{Ending, FOUND_LATE, REPEATS, WITH_ACK, plus};
use super::{Call, Surroundings, grow, has_credentials, sender};
use crate::sip::{Message, Method, MethodKind, StartLine};
use crate::units::{FileIndex, Flow, Span, StatusCode, Timestamp};

/// After an answer nothing more is expected this long after the last message.
const QUIET: Span = WITH_ACK;
/// A request without answer, or a refusal without ACK, is waited for so long: 64*T1, some seconds
/// for who is late, and what it takes to notice that a packet is missing from the capture.
const UNANSWERED: Span = plus(plus(REPEATS, QUIET), FOUND_LATE);
/// A ringing INVITE of which nothing more is seen. Timer C is longer than 3 min (RFC 3261 §16.6
/// step 11), and callers without a proxy wait as long as they please.
const RINGING: Span = Span::from_secs(300);
/// Two sides of a NAT show a packet within this time; who tries another server takes longer.
const NEIGHBOUR: Span = Span::from_millis(50);

impl Exchange {
    /// The elapsed time at which nothing can change any more what is told of it.
    pub(super) fn due(&self) -> Span {
        let progress = &self.progress;
        let quiet = plus(progress.touched, QUIET);
        if progress.answered {
            let refused = progress.refused.filter(|_| progress.unacked > 0);
            return refused.map_or(quiet, |refused| quiet.max(plus(refused, UNANSWERED)));
        }
        if self.method != MethodKind::Invite {
            quiet.max(plus(progress.opened, UNANSWERED))
        } else if progress.cancelled {
            plus(progress.touched, UNANSWERED)
        } else if progress.provisional || progress.refused.is_some() {
            plus(progress.touched, RINGING)
        } else {
            quiet.max(plus(progress.opened, UNANSWERED))
        }
    }

    /// Whether a request of another branch between these sockets is another one, though all that
    /// names it is the same: some send every ping with the same Call-ID, tag and CSeq number.
    fn is_over_on(&self, flow: &Flow) -> bool {
        (self.told || self.progress.answered) && self.counting == *flow
    }

    /// Until when messages of it could come: what is lost later takes nothing from it.
    fn expected_until(&self) -> Timestamp {
        let progress = &self.progress;
        let waits = match progress.refused {
            _ if !progress.answered => Some(progress.opened),
            refused => refused.filter(|_| progress.unacked > 0),
        };
        let quiet = plus(progress.touched, QUIET);
        let until = waits.map_or(quiet, |from| quiet.max(plus(from, plus(REPEATS, QUIET))));
        let after = until.nanos().saturating_sub(progress.opened.nanos());
        progress.first.plus(Span::from_nanos(after))
    }
}

impl Call {
    /// The exchange of a message, made if there is none; its index.
    pub(super) fn exchange(
        &mut self,
        seen: &Sighted<'_>,
        method: Method<'_>,
        key: u64,
        request_flow: Flow,
        around: &mut Surroundings<'_>,
        out: &mut impl FnMut(Event<'_>),
    ) -> usize {
        let message = seen.message;
        let is_request = message.is_request();
        let from_tag = sender(message);
        let to_tag = key::tag(message.to_tag());
        let text = if method.kind == MethodKind::Other {
            key::digest(method.text)
        } else {
            0
        };
        let cseq = message.cseq.number;
        let found = self.exchanges.iter().rposition(|e| {
            e.is(method.kind, text, from_tag, cseq)
                // A response has a To tag always, and before its request nobody knows whether that
                // had one.
                && (e.to_tag == to_tag || (e.initial && !(is_request && e.request.is_some())))
                && !(is_request && e.is_over_on(&request_flow))
        });
        if let Some(index) = found {
            return index;
        }
        let initial = if is_request {
            message.to_tag().is_none()
        } else {
            let from_tag = key::tag(message.from_tag());
            let mut dialogs = self.answered.iter();
            !dialogs.any(|d| d.side_of(from_tag, to_tag).is_some())
        };
        let goes_on = self.goes_on(seen, method.kind, text, initial);
        if method.kind == MethodKind::Invite && !self.has_invite {
            self.has_invite = true;
            around.totals.calls += u64::from(around.counted.insert(self.digest));
        }
        if self.exchanges.len() >= around.limits.transactions_per_call {
            self.forget_oldest_exchange(around, out);
        }
        self.changed = true;
        grow(&mut self.exchanges).push(Exchange {
            method: method.kind,
            method_text: text,
            from_tag,
            to_tag: if initial { 0 } else { to_tag },
            cseq,
            initial,
            credentials: false,
            goes_on,
            request: None,
            counting: request_flow,
            counting_key: key,
            vias: message.via_count(),
            counted: SmallVec::new(),
            attempt_told: false,
            ended: None,
            succeeded: false,
            told: false,
            progress: Progress {
                first: seen.raw.origin.time,
                opened: around.elapsed,
                touched: around.elapsed,
                steps: around.steps,
                provisional: false,
                answered: false,
                cancelled: false,
                refused: None,
                unacked: 0,
                heard: false,
            },
            texts: if is_request {
                Texts::default()
            } else {
                texts(seen, method)
            },
            binding: Binding::default(),
        });
        self.exchanges.len() - 1
    }

    /// Counts the attempt that the first INVITE of an exchange is.
    pub(super) fn count_attempt(
        &self,
        exchange: usize,
        message: &Message<'_>,
        around: &mut Surroundings<'_>,
    ) {
        let is_first = self.exchanges.get(exchange).is_some_and(|exchange| {
            exchange.method == MethodKind::Invite && exchange.request.is_none()
        });
        if !is_first || message.to_tag().is_some() {
            return;
        }
        // With credentials it goes on with the attempt that was challenged; otherwise it is a
        // new one, also in the same Call-ID (a retry after a refusal).
        let from_tag = sender(message);
        let mut before = self.exchanges.iter().take(exchange).rev();
        let before =
            before.find(|e| e.method == MethodKind::Invite && e.initial && e.from_tag == from_tag);
        let is_challenged = before.is_some_and(|before| {
            let finals = before.counted.iter().filter(|c| !c.0.is_provisional());
            let mut codes = finals.map(|c| c.0.get()).peekable();
            match codes.peek() {
                Some(_) => codes.any(|code| matches!(code, 401 | 407)),
                None => has_credentials(message),
            }
        });
        around.totals.invites += u64::from(!is_challenged);
    }

    /// Whether a new exchange goes on with the one before it of its kind and sender.
    fn goes_on(&self, seen: &Sighted<'_>, kind: MethodKind, text: u64, initial: bool) -> bool {
        let message = seen.message;
        let (from_tag, cseq) = (sender(message), message.cseq.number);
        let mut before = self.exchanges.iter().rev();
        let before = before.find(|e| {
            e.method == kind
                && e.method_text == text
                && e.from_tag == from_tag
                && e.initial == initial
                && e.cseq < cseq
        });
        let Some(before) = before else { return false };
        // Of a request that was not captured nobody knows.
        let credentials = !message.is_request() || has_credentials(message);
        let mut codes = before.counted.iter().map(|c| c.0);
        let mut finals = codes.clone().filter(|code| !code.is_provisional());
        if codes.any(StatusCode::is_success) {
            false
        } else if finals.clone().next().is_none() {
            // The challenge may have taken a way that is not captured.
            message.is_request() && credentials && !before.credentials
        } else {
            finals.any(|code| match code.get() {
                401 | 407 => credentials,
                code => is_told_how(code),
            })
        }
    }

    /// Long calls with many refreshes keep their latest exchanges.
    fn forget_oldest_exchange(
        &mut self,
        around: &mut Surroundings<'_>,
        out: &mut impl FnMut(Event<'_>),
    ) {
        // The first one names the call's attempt; the second oldest goes.
        let oldest = 1.min(self.exchanges.len().saturating_sub(1));
        if self
            .exchanges
            .get(oldest)
            .is_some_and(|oldest| !oldest.told)
        {
            let ending = Ending {
                coverage: around.coverage,
                evicted: true,
            };
            self.tell(oldest, &ending, around.hops, out);
        }
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

    /// A new hop of an exchange, first seen in this message; its index.
    pub(super) fn add_transaction(
        &mut self,
        seen: &Sighted<'_>,
        key: u64,
        flow: Flow,
        exchange: usize,
        around: &Surroundings<'_>,
    ) -> usize {
        if self.transactions.len() >= around.limits.transactions_per_call {
            self.forget_oldest_transaction();
        }
        let now = Seen::of(&seen.raw.origin);
        let interface = (now.at.file, seen.raw.origin.interface);
        let is_told = self.exchanges.get(exchange).is_none_or(|e| e.told);
        let is_neighbour = self.transactions.iter().any(|other| {
            let soon = |kept: &Kept| now.time.since(kept.first) < NEIGHBOUR;
            other.key == key
                && other.exchange == exchange
                && other.flow.transport == flow.transport
                && (other.flow.src.addr != flow.src.addr || other.kept.as_deref().is_some_and(soon))
        });
        let via = seen.message.top_via();
        self.changed = true;
        grow(&mut self.transactions).push(Transaction {
            key,
            flow,
            branch: via.and_then(|via| via.branch).map_or(0, key::digest),
            exchange,
            request: None,
            provisional: SmallVec::new(),
            refused: false,
            succeeded: false,
            acked: false,
            is_neighbour,
            attempted: false,
            kept: (!is_told)
                .then(|| Box::new(Kept::new(&now, interface, seen.message.via_count()))),
            untried: None,
        });
        self.transactions.len() - 1
    }

    /// Makes room for a hop: one of which all was told goes first.
    fn forget_oldest_transaction(&mut self) {
        let told = self.transactions.iter().position(|t| t.kept.is_none());
        self.transactions.remove(told.unwrap_or(0));
    }

    /// The hop of a message: same sockets, else the same hosts (a server may answer from another
    /// port, RFC 3261 §18.2.2; a connection may be a new one). Who uses a branch again for another
    /// CSeq number has made a new request all the same.
    pub(super) fn transaction_of(&self, key: u64, flow: Flow, cseq: Option<u32>) -> Option<usize> {
        let same_key = |t: &&(usize, &Transaction)| t.1.key == key;
        let same_cseq = |t: &&(usize, &Transaction)| {
            self.exchanges
                .get(t.1.exchange)
                .is_some_and(|e| e.cseq == cseq)
        };
        let hosts = |flow: &Flow| (flow.src.addr, flow.dst.addr);
        let candidates = || self.transactions.iter().enumerate();
        let exact = candidates().find(|t| same_key(&t) && t.1.flow == flow && same_cseq(&t));
        let found = exact.or_else(|| {
            candidates().find(|t| same_key(&t) && hosts(&t.1.flow) == hosts(&flow) && same_cseq(&t))
        });
        found.map(|t| t.0)
    }

    /// The same of a response whose CSeq number is none of its requests' (RFC 3261 §17.1.3 asks for
    /// branch and method only).
    pub(super) fn transaction_of_response(
        &self,
        key: u64,
        flow: Flow,
        cseq: Option<u32>,
    ) -> Option<usize> {
        self.transaction_of(key, flow, cseq).or_else(|| {
            let mut transactions = self.transactions.iter();
            transactions.rposition(|t| t.key == key && t.flow == flow)
        })
    }

    /// Something of an exchange was seen: it waits anew.
    pub(super) fn touch(&mut self, exchange: usize, elapsed: Span) {
        let Some(exchange) = self.exchanges.get_mut(exchange) else {
            return;
        };
        exchange.progress.touched = elapsed;
        if !exchange.told {
            self.soonest = self.soonest.min(exchange.due());
        }
    }

    /// Hands out an exchange with all its hops.
    pub(super) fn tell(
        &mut self,
        index: usize,
        ending: &Ending<'_>,
        directions: &Hops,
        out: &mut impl FnMut(Event<'_>),
    ) {
        let Some(exchange) = self.exchanges.get_mut(index) else {
            return;
        };
        exchange.told = true;
        self.changed = true;
        let texts = std::mem::take(&mut exchange.texts);
        let of_it = self.transactions.iter_mut().filter(|t| t.exchange == index);
        let mut hops = of_it.filter_map(|t| {
            let is_neighbour = t.is_neighbour;
            let hop = t.tell(directions)?;
            Some(Placed { is_neighbour, hop })
        });
        let Some(first) = hops.next() else { return };
        let mut rest: Vec<_> = hops.collect();
        if rest.is_empty() {
            self.hand_out_exchange(index, &texts, &[first.hop], ending, out);
        } else {
            rest.push(first);
            let hops = in_order(rest, directions);
            self.hand_out_exchange(index, &texts, &hops, ending, out);
        }
    }

    fn hand_out_exchange(
        &mut self,
        index: usize,
        texts: &Texts<4>,
        hops: &[Hop],
        ending: &Ending<'_>,
        out: &mut impl FnMut(Event<'_>),
    ) {
        let Some(exchange) = self.exchanges.get(index) else {
            return;
        };
        let [uri, from, to, method] = texts.all();
        let progress = &exchange.progress;
        let callee = hops.iter().max_by_key(|hop| hop.vias);
        let interface = callee.map(|hop| hop.interface);
        let open = (progress.first, Some(exchange.expected_until()));
        let interface = interface.map(|interface| (interface, progress.first));
        let ways = hops.iter().map(|hop| hop.flow);
        let observed = observed(ending, interface, open, progress.steps, ways);
        let is_invite = exchange.method == MethodKind::Invite;
        let mut acks = self.acks.iter();
        // An ACK with the branch of a hop's INVITE tells of that hop alone.
        let is_hops = |branch: u64| {
            let mut hops = self.transactions.iter();
            hops.any(|t| t.exchange == index && t.branch == branch)
        };
        let acked = is_invite
            && acks.any(|ack| {
                ack.from_tag == exchange.from_tag
                    && ack.cseq == exchange.cseq
                    && !is_hops(ack.branch)
            });
        out(Event::Exchanged(&Exchanged {
            call_id: &self.id,
            method: exchange.method,
            method_text: exchange.method.name().map_or(method, str::as_bytes),
            cseq: exchange.cseq,
            from_tag: exchange.from_tag,
            initial: exchange.initial,
            credentials: exchange.credentials,
            goes_on: exchange.goes_on,
            onward: self.is_onward,
            acked,
            reached: is_invite && (progress.heard || self.has_gone_on(exchange)),
            uri,
            from,
            to,
            hops,
            observed,
        }));
        if exchange.method == MethodKind::Bye {
            let told = ByeTold {
                from_tag: exchange.from_tag,
                to_tag: exchange.to_tag,
                cseq: exchange.cseq,
            };
            self.bye_told(&told, hops);
        }
    }
}

impl Call {
    /// Whether a request was seen inside a dialog that an initial INVITE made, and of which the tap saw no 2xx.
    fn has_gone_on(&self, invite: &Exchange) -> bool {
        let is_its = |other: &&Exchange| {
            let is_senders = other.from_tag == invite.from_tag && other.to_tag != 0;
            !other.initial && (is_senders || other.to_tag == invite.from_tag)
        };
        let is_anothers = |other: &Exchange| {
            let mut dialogs = self.answered.iter();
            dialogs.any(|d| d.side_of(other.from_tag, other.to_tag).is_some())
        };
        let mut others = self.exchanges.iter().filter(is_its);
        invite.initial && others.any(|other| !is_anothers(other))
    }
}

/// How far the capture carries what was open on an interface, between two times or from one on, and
/// went these `ways`; `interface` with the time that something was seen there last.
pub(super) fn observed(
    ending: &Ending<'_>,
    interface: Option<((FileIndex, u32), Timestamp)>,
    (first, last): (Timestamp, Option<Timestamp>),
    steps: u32,
    ways: impl Iterator<Item = Flow>,
) -> Observed {
    let coverage = ending.coverage;
    let until = interface.map_or_else(
        || coverage.now(),
        |(interface, seen)| coverage.until(interface, seen).time,
    );
    Observed {
        until,
        loss: coverage.is_lossy(
            ways.map(|way| (way.src.addr, way.dst.addr)),
            first,
            last.map_or(until, |last| last.min(until)),
        ),
        time_step: steps != coverage.steps(),
        evicted: ending.evicted,
    }
}

/// Codes that tell the caller itself what to change (DOMAIN E, A.0 rule 6).
const fn is_told_how(code: u16) -> bool {
    matches!(code, 300..=399 | 413 | 415 | 416 | 420 | 422 | 423 | 484)
}

/// What names a request, up to [`TEXT`] bytes each.
pub(super) fn texts(seen: &Sighted<'_>, method: Method<'_>) -> Texts<4> {
    let message = seen.message;
    let uri = match message.start {
        StartLine::Request { uri, .. } => uri,
        StartLine::Response { .. } => &[],
    };
    let method = match method.kind {
        MethodKind::Other => method.text,
        _ => &[],
    };
    let [from, to] = [message.from(), message.to()].map(|of| of.map_or(&[] as &[u8], |of| of.uri));
    Texts::new([uri, from, to, method], TEXT)
}

/// A hop with what says where it belongs.
struct Placed {
    is_neighbour: bool,
    hop: Hop,
}

/// The hops, the one nearest the caller first ([`Exchanged::hops`]).
fn in_order(mut placed: Vec<Placed>, directions: &Hops) -> Vec<Hop> {
    // A response is seen the later the nearer the caller, a request the earlier.
    placed.sort_by_key(|placed| {
        let hop = &placed.hop;
        let time = match hop.request {
            Some(request) => request.time.nanos(),
            None => first_answer(hop).map_or(i64::MAX, |seen| seen.time.nanos().saturating_neg()),
        };
        (hop.vias, hop.request.is_none(), time)
    });
    let best = chosen(&placed).map_or(0, |best| counting(&placed, best, directions));
    if let Some(until) = placed.get_mut(..=best) {
        until.rotate_right(1);
    }
    placed.into_iter().map(|placed| placed.hop).collect()
}

/// Of requests that one sender made, the one whose final a proxy would choose.
fn chosen(placed: &[Placed]) -> Option<usize> {
    let first = placed.first()?;
    let is_sibling = |other: &Placed| {
        other.hop.vias == first.hop.vias
            && other.hop.flow.src.addr == first.hop.flow.src.addr
            && other.hop.flow.src != first.hop.flow.dst
            && !other.is_neighbour
    };
    let all = placed.iter().enumerate();
    let siblings = all.filter(|(index, placed)| *index == 0 || is_sibling(placed));
    let best = siblings.min_by_key(|(_, placed)| rank(&placed.hop));
    best.map(|(index, _)| index)
}

/// `best`, unless of its hop only the way of requests is captured and another one has the answer.
fn counting(placed: &[Placed], best: usize, directions: &Hops) -> usize {
    let is_blind = placed.get(best).is_some_and(|placed| {
        let hop = &placed.hop;
        first_answer(hop).is_none() && !directions.has_seen(&hop.flow.reversed())
    });
    let mut others = placed.iter();
    let answered = others.position(|placed| !placed.hop.finals.is_empty());
    answered.filter(|_| is_blind).unwrap_or(best)
}

fn first_answer(hop: &Hop) -> Option<Seen> {
    let finals = hop.finals.first().map(|known| known.first);
    let all = [hop.trying, hop.progress.map(|seen| seen.1), finals];
    all.into_iter().flatten().min_by_key(|seen| seen.time)
}

/// What a proxy that has several finals to choose from takes first (RFC 3261 §16.7 step 6).
fn rank(hop: &Hop) -> u8 {
    let rank = |code: StatusCode| match code.get() {
        200..=299 => 0,
        600..=699 => 1,
        300..=399 => 2,
        // They come of the fork itself, or from nobody.
        408 | 482 | 487 => 5,
        400..=499 => 3,
        _ => 4,
    };
    let finals = hop.finals.iter().map(|known| rank(known.code));
    finals.min().unwrap_or(6)
}
