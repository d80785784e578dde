//! Attempts: an INVITE outside a dialog with its first final response, on the hop nearest the
//! caller.
//!
//! Who is refused and tries the next route, or the same one once more, does so under the same
//! Call-ID, From tag and CSeq with a new branch (RFC 3261 §16.7 step 6, RFC 8224 §6.2.3). Where the
//! hop before was not captured, such an INVITE is an attempt of its own. Branches that were open
//! at the same time are one.

use super::super::mark::Mark;
use super::super::transaction::{Exchange, Transaction};
use super::super::{Attempt, Event, Seen};
use super::Call;
use crate::sip::{Message, MethodKind};
use crate::units::StatusCode;

impl Call {
    /// Tells the attempt whose first final response other than a challenge this is, if it is one.
    pub(super) fn attempted(
        &mut self,
        transaction: usize,
        answer: &Message<'_>,
        (code, now): (StatusCode, Seen),
        out: &mut impl FnMut(Event<'_>),
    ) {
        let Some(hop) = self.transactions.get(transaction) else {
            return;
        };
        let index = hop.exchange;
        let Some(exchange) = self.exchanges.get(index) else {
            return;
        };
        if exchange.method != MethodKind::Invite || !exchange.initial {
            return;
        }
        let is_further = exchange.attempt_told;
        let (flow, invite) = if is_further {
            (hop.flow, hop.request)
        } else {
            (exchange.counting, exchange.request)
        };
        let is_one = if is_further {
            self.is_next_try(hop, exchange)
        } else {
            exchange.counts_on(hop.key, &hop.flow)
        };
        if !is_one {
            return;
        }
        let mut invites = self.invites(index);
        if let Some(from) = invite.filter(|_| is_further) {
            // The hops of the tries before are not this one's.
            invites.retain(|hop| hop.seen.is_some_and(|seen| seen.time >= from.time));
        }
        out(Event::Attempt(&Attempt {
            call_id: &self.id,
            cseq: exchange.cseq.unwrap_or_default(),
            code,
            response: now,
            answer,
            invite: invite.map(Mark::seen),
            flow,
            invites: &invites,
        }));
        if let Some(hop) = self.transactions.get_mut(transaction) {
            hop.attempted = true;
        }
        if let Some(exchange) = self.exchanges.get_mut(index) {
            exchange.attempt_told = true;
        }
        self.forget_invites(index);
    }

    /// Whether a hop is another try of the same sender after a refusal.
    fn is_next_try(&self, hop: &Transaction, exchange: &Exchange) -> bool {
        let (Some(asked), Some((ended, when))) = (hop.request, exchange.ended) else {
            return false;
        };
        let is_beside = hop.kept.as_ref().is_some_and(|kept| {
            usize::from(kept.vias) == exchange.vias
                && hop.flow.src.addr == exchange.counting.src.addr
        });
        // The other side of a NAT shows the same try.
        let is_told = |other: &Transaction| other.key == hop.key && other.attempted;
        is_beside
            && !ended.is_success()
            && asked.time > when.time
            && !self.transactions.iter().any(is_told)
    }
}
