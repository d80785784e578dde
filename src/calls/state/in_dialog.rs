//! Requests inside dialogs, ACKs, and the 2xx they answer.

use super::super::dialog::{Ack, AckMatch, Answered, Bye, Leg, Side, passes};
use super::super::{Context, Event, Note, Seen, Sighted, key};
use super::{Call, Surroundings, grow, tags};
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

    pub(super) fn cancel(&mut self, message: &Message<'_>, now: Seen) {
        let from_tag = key::tag(message.from_tag());
        let cseq = message.cseq.number;
        if self.cancels.len() < 16 && !self.cancels.iter().any(|c| c.0 == from_tag && c.1 == cseq) {
            grow(&mut self.cancels).push((from_tag, cseq, now));
        }
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
            if dialog.byes.iter().all(|bye| bye.side != side) {
                grow(&mut dialog.byes).push(Bye {
                    seen: now,
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
            grow(&mut self.acks).push(Ack {
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
            if !matches!(dialog.matches(ack), Some(AckMatch::Exact(_))) {
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
    pub(super) fn answer(
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
                grow(&mut self.answered).push(Answered {
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
                    patient: false,
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
        grow(&mut dialog.legs).push(Leg {
            contacts: message.items(Name::Contact).count(),
            answered_to: raw.flow.dst,
            has_rport: message.top_via().is_some_and(|via| via.rport.is_some()),
            invite_again: None,
            answer_bytes: raw.bytes.len(),
            answer_fragmented: raw.origin.fragmented,
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
            matches!(dialog.matches(ack), Some(AckMatch::Exact(_)))
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

    /// An ICMP error quotes a message of this call.
    pub(in crate::calls) fn unreachable(&mut self, quoted: &Message<'_>, flow: Flow, now: Seen) {
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
