//! Requests inside dialogs, ACKs, and the 2xx they answer.

use super::super::dialog::{Ack, Answered, Bye, Leg, Side, passes};
use super::super::sent::Request;
use super::super::transaction::{Cancel, Exchange, Transaction};
use super::super::{CROSSED, Context, Event, Note, Seen, Serial, Sighted, key};
use super::described::is_bare;
use super::hop::short;
use super::session::Ongoing;
use super::{Call, Surroundings, grow, sender, tags};
use crate::sip::{Message, MethodKind, Name, StartLine};
use crate::units::{Flow, Timestamp};

impl Call {
    /// A request inside a dialog got a 2xx: its dialogs live.
    pub(super) fn succeeded(
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

    pub(super) fn bye_answered(&mut self, message: &Message<'_>, now: Seen) {
        let (from_tag, to_tag) = tags(message);
        for dialog in &mut self.answered {
            if let Some(side) = dialog.side_of(from_tag, to_tag)
                && let Some(bye) = dialog.byes.iter_mut().find(|bye| bye.side == side)
            {
                bye.answered.get_or_insert(now.time);
            }
        }
    }

    /// Another copy of a BYE.
    pub(super) fn bye_again(&mut self, message: &Message<'_>, now: Seen) {
        let (from_tag, to_tag) = tags(message);
        for dialog in &mut self.answered {
            let side = dialog.side_of(from_tag, to_tag);
            for bye in &mut dialog.byes {
                if Some(bye.side) == side {
                    bye.until = bye.until.max(now.time);
                }
            }
        }
    }

    pub(super) fn cancel(
        &mut self,
        message: &Message<'_>,
        flow: &Flow,
        now: Seen,
        around: &Surroundings<'_>,
    ) {
        let from_tag = sender(message);
        let cseq = message.cseq.number;
        let is_known = self.cancels.iter().any(|c| c.is_of(from_tag, cseq));
        if self.cancels.len() < 16 && !is_known {
            grow(&mut self.cancels).push(Cancel {
                from_tag,
                cseq,
                first: now,
                flow: *flow,
                reason: short(joined(message, Name::Reason)),
            });
            self.changed = true;
        }
        let is_invite = |e: &Exchange| e.is(MethodKind::Invite, 0, from_tag, cseq) && e.initial;
        let Some(exchange) = self.exchanges.iter().position(is_invite) else {
            return;
        };
        let branch = message.top_via().and_then(|via| via.branch);
        let branch = branch.map_or(0, key::digest);
        let is_here = |t: &&mut Transaction| t.exchange == exchange && t.flow.dst == flow.dst;
        // Several forks may have gone to one socket; a CANCEL has its INVITE's branch.
        let mut here: Vec<_> = self.transactions.iter_mut().filter(is_here).collect();
        let same = here.iter().position(|t| t.branch == branch).unwrap_or(0);
        if let Some(kept) = here.get_mut(same).and_then(|t| t.kept.as_mut()) {
            kept.cancel.get_or_insert(now.into());
        }
        if let Some(exchange) = self.exchanges.get_mut(exchange) {
            exchange.progress.cancelled = true;
        }
        self.touch(exchange, around.elapsed);
    }

    pub(super) fn bye(&mut self, message: &Message<'_>, flow: &Flow, now: Seen) {
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
            if let Some(session) = &mut dialog.session {
                session.bye(message, side, now.into());
                self.changed = true;
            }
            if dialog.byes.iter().all(|bye| bye.side != side) {
                self.changed = true;
                grow(&mut dialog.byes).push(Bye {
                    seen: now,
                    until: now.time,
                    side,
                    answered: None,
                    says_no_ack,
                });
            }
        }
    }

    /// Takes an ACK: of a refusal it belongs to the hop's transaction, else to a dialog.
    pub(super) fn ack(
        &mut self,
        seen: &Sighted<'_>,
        known: Option<usize>,
        around: &mut Surroundings<'_>,
        out: &mut impl FnMut(Event<'_>),
    ) {
        let Sighted { raw, message, .. } = *seen;
        let now = Seen::of(&raw.origin);
        let (from_tag, to_tag) = tags(message);
        let cseq = message.cseq.number;
        let refused = known
            .filter(|index| {
                self.transactions
                    .get(*index)
                    .is_some_and(Transaction::is_refused)
            })
            .or_else(|| self.refused_hop(message, to_tag, &raw.flow));
        if let Some(refused) = refused {
            self.refusal_acked(refused, now, around);
            return;
        }
        // Whatever it acknowledges, the tap has not seen it.
        if let Some(hop) = known.and_then(|index| self.transactions.get_mut(index))
            && !(hop.refused || hop.succeeded)
            && let Some(kept) = &mut hop.kept
        {
            kept.acked(now.into());
        }
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
            // The other side of a NAT shows the same ACK, and its repeats once more.
            let first = self.acks.iter().position(|ack| ack.branch == branch);
            around.totals.retransmissions += u64::from(branch == 0 || first == same);
            if let Some(ack) = self.acks.get_mut(index)
                && ack.repeats.len() < around.limits.copies_per_dialog
            {
                ack.repeats.push(now.time);
            }
            if let Some(ack) = self.acks.get_mut(index) {
                ack.bare &= is_bare(seen);
            }
            index
        } else {
            let StartLine::Request { uri, .. } = message.start else {
                return;
            };
            if self.acks.len() >= around.limits.transactions_per_call {
                self.acks.remove(0);
            }
            self.changed = true;
            grow(&mut self.acks).push(Ack {
                seen: now,
                flow: raw.flow,
                from_tag,
                to_tag,
                branch,
                cseq,
                repeats: Vec::new(),
                undeliverable: None,
                bare: is_bare(seen),
                cut: raw.is_cut_in_head(),
                uri: uri.into(),
                route: joined(message, Name::Route),
            });
            self.acks.len() - 1
        };
        let Some(ack) = self.acks.get(index) else {
            return;
        };
        for dialog in &mut self.answered {
            if !dialog.is_exact(ack) {
                continue;
            }
            if let Some(session) = &mut dialog.session {
                session.acked(now.into());
            }
            dialog.acked |= dialog.is_on_last_hop(ack);
            dialog.touched = around.elapsed;
            for leg in &mut dialog.legs {
                if !leg.told && passes(ack, leg) {
                    leg.told = true;
                    let after = now.time.since(leg.first().time);
                    let context = Some(Context::Acknowledged {
                        ack: now.at,
                        after,
                        again: None,
                    });
                    // A copy may show yet that it did not help.
                    out(Event::Note(Note {
                        serial: leg.serial,
                        context,
                        settled: false,
                    }));
                }
            }
        }
    }

    /// The refused hop whose ACK has another branch than its INVITE, which RFC 3261 §17.1.1.3 does
    /// not allow: it is known by the To tag of the refusal.
    fn refused_hop(&self, ack: &Message<'_>, to_tag: u64, flow: &Flow) -> Option<usize> {
        if to_tag == 0 || self.answered.iter().any(|d| d.to_tag == to_tag) {
            return None;
        }
        let (from_tag, cseq) = (sender(ack), ack.cseq.number);
        self.transactions.iter().position(|t| {
            let mut finals = t.kept.iter().flat_map(|kept| &kept.finals);
            t.is_refused()
                && t.flow.dst == flow.dst
                && finals.any(|known| known.to_tag == to_tag)
                && self
                    .exchanges
                    .get(t.exchange)
                    .is_some_and(|e| e.is(MethodKind::Invite, 0, from_tag, cseq))
        })
    }

    /// A hop's refusal was acknowledged (RFC 3261 §17.1.1.3).
    fn refusal_acked(&mut self, index: usize, now: Seen, around: &mut Surroundings<'_>) {
        let Some(hop) = self.transactions.get_mut(index) else {
            return;
        };
        let is_repeat = std::mem::replace(&mut hop.acked, true);
        around.totals.retransmissions += u64::from(is_repeat && !hop.is_neighbour);
        if let Some(kept) = &mut hop.kept {
            kept.acked(now.into());
        }
        let exchange = hop.exchange;
        if let Some(exchange) = self.exchanges.get_mut(exchange)
            && !is_repeat
        {
            exchange.progress.unacked = exchange.progress.unacked.saturating_sub(1);
        }
        self.touch(exchange, around.elapsed);
    }

    /// Takes a copy of a 2xx to INVITE; what is known of its ACK already, and of which response.
    pub(super) fn answer(
        &mut self,
        seen: &Sighted<'_>,
        hop: &Hopped,
        to_tag: u64,
        around: &mut Surroundings<'_>,
    ) -> Option<(Serial, Context)> {
        let Hopped {
            flow,
            invite,
            invite_branch,
            reinvite,
        } = *hop;
        let Sighted { raw, message, .. } = *seen;
        let now = Seen::of(&raw.origin);
        let from_tag = key::tag(message.from_tag());
        let cseq = message.cseq.number?;
        let same = |d: &Answered| d.from_tag == from_tag && d.to_tag == to_tag && d.cseq == cseq;
        let index = match self.answered.iter().position(same) {
            Some(index) => index,
            None => self.add_dialog(message, now, cseq, reinvite, around)?,
        };
        let dialog = self.answered.get_mut(index)?;
        dialog.touched = around.elapsed;
        if let Some(leg) = dialog.legs.iter_mut().find(|leg| leg.flow == flow) {
            leg.copies_seen += 1;
            if leg.copies.len() < around.limits.copies_per_dialog {
                leg.copies.push(now);
                self.changed = true;
            }
            if let [first, second, third] = leg.copies.as_slice()
                && leg.copies_seen == 3
            {
                let times = [first.time, second.time, third.time];
                around.timers.learn(flow.dst, times);
            }
            around.hops.saw_repeat(flow.dst, self.digest);
            if !leg.told {
                return None;
            }
            let leg = dialog.legs.iter().find(|leg| leg.flow == flow)?;
            let ack = self
                .acks
                .iter()
                .find(|ack| dialog.is_exact(ack) && passes(ack, leg))?;
            let context = Context::Acknowledged {
                ack: ack.seen.at,
                after: ack.seen.time.since(leg.first().time),
                again: Some(now.at),
            };
            let is_late = now.time.since(ack.seen.time) > CROSSED;
            return is_late.then_some((leg.serial, context));
        }
        if dialog.legs.len() >= around.limits.dialogs_per_call {
            return None;
        }
        let contact = message
            .items(Name::Contact)
            .next()
            .and_then(crate::sip::value::Address::parse);
        self.changed = true;
        grow(&mut dialog.legs).push(Leg {
            contacts: message.items(Name::Contact).count(),
            answered_to: raw.flow.dst,
            has_rport: message.top_via().is_some_and(|via| via.rport().is_some()),
            invite_again: None,
            answer_bytes: raw.bytes.len(),
            answer_fragmented: raw.origin.fragmented,
            answer_cut: raw.is_cut_in_head(),
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
            dialog.is_exact(ack) && dialog.legs.last().is_some_and(|leg| passes(ack, leg))
        })?;
        dialog.acked |= dialog.is_on_last_hop(early);
        if let Some(session) = &mut dialog.session {
            session.acked(early.seen.into());
        }
        if let Some(leg) = dialog.legs.last_mut() {
            leg.told = true;
        }
        let context = Context::Acknowledged {
            ack: early.seen.at,
            after: early.seen.time.since(now.time),
            again: None,
        };
        Some((around.serial, context))
    }

    /// A copy of the INVITE came; where its 2xx has been seen, that did not reach the caller yet.
    pub(super) fn invite_again(
        &mut self,
        from_tag: u64,
        cseq: Option<u32>,
        flow: &Flow,
        now: Seen,
    ) {
        for dialog in &mut self.answered {
            if dialog.from_tag == from_tag && Some(dialog.cseq) == cseq {
                for leg in dialog.legs.iter_mut().filter(|leg| leg.flow == *flow) {
                    leg.invite_again = Some(now);
                }
            }
        }
    }

    /// The dialog of a 2xx to INVITE that is seen for the first time; its index.
    fn add_dialog(
        &mut self,
        message: &Message<'_>,
        now: Seen,
        cseq: u32,
        reinvite: bool,
        around: &Surroundings<'_>,
    ) -> Option<usize> {
        if self.answered.len() >= around.limits.dialogs_per_call {
            let is_over = |d: &Answered| d.settled && d.session.is_none();
            let over = self.answered.iter().position(is_over)?;
            self.answered.remove(over);
        }
        let (from_tag, to_tag) = tags(message);
        let is_other = |d: &Answered| d.from_tag != from_tag || d.to_tag != to_tag;
        let begins = !reinvite && self.answered.iter().all(is_other);
        let session = begins.then(|| Box::new(Ongoing::new(message, now.into(), around.elapsed)));
        let late_offer = self.is_late_offer(message, from_tag, cseq);
        self.changed = true;
        grow(&mut self.answered).push(Answered {
            from_tag,
            to_tag,
            to_tag_text: message.to_tag().unwrap_or_default().into(),
            cseq,
            reinvite,
            late_offer,
            legs: Vec::new(),
            byes: Vec::new(),
            last_success: None,
            callee_unreachable: None,
            opened: around.elapsed,
            steps: around.steps,
            touched: around.elapsed,
            acked: false,
            settled: false,
            patient: false,
            session,
        });
        Some(self.answered.len() - 1)
    }

    /// An ICMP error says that a request did not arrive.
    fn request_unreachable(&mut self, quoted: &Request, flow: &Flow, now: Seen) {
        // The quotation may end before CSeq.
        let Request { kind, cseq, .. } = *quoted;
        let mut hops = self.transactions.iter_mut();
        let hop = hops.find(|t| {
            t.flow.src.addr == flow.src.addr
                && t.flow.dst == flow.dst
                && t.request.is_some()
                && self
                    .exchanges
                    .get(t.exchange)
                    .is_some_and(|e| e.method == kind && (cseq.is_none() || e.cseq == cseq))
        });
        if let Some(kept) = hop.and_then(|hop| hop.kept.as_mut()) {
            // The last word counts; the tap's copy of an error is none.
            let last = kept.last_request.map(|last| last.time);
            if kept.unreachable.is_none_or(|known| last > Some(known.time)) {
                kept.unreachable = Some(now.into());
            }
        }
    }

    /// An ICMP error is about a request of this call.
    pub(in crate::calls) fn unreachable(&mut self, quoted: &Request, flow: Flow, now: Seen) {
        let Request {
            from_tag, to_tag, ..
        } = *quoted;
        if quoted.kind == MethodKind::Ack {
            for ack in &mut self.acks {
                if ack.from_tag == from_tag && ack.cseq == quoted.cseq && ack.flow.dst == flow.dst {
                    ack.undeliverable = Some(now);
                    // Whether the callee had another one, what follows shows.
                    for dialog in self.answered.iter_mut().filter(|d| d.is_exact(ack)) {
                        dialog.acked = false;
                    }
                }
            }
        } else {
            self.request_unreachable(quoted, &flow, now);
            for dialog in &mut self.answered {
                let is_to_callee = dialog.side_of(from_tag, to_tag) == Some(Side::Uac)
                    && dialog.legs.iter().any(|leg| leg.flow.dst == flow.dst);
                if is_to_callee {
                    dialog.callee_unreachable.get_or_insert(now);
                }
            }
        }
    }
}

/// The hop of a 2xx to INVITE.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hopped {
    pub(super) flow: Flow,
    pub(super) invite: Option<Seen>,
    pub(super) invite_branch: u64,
    pub(super) reinvite: bool,
}

/// The values of a field, joined by commas.
pub(super) fn joined(message: &Message<'_>, name: Name) -> Box<[u8]> {
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
