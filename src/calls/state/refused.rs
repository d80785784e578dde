//! Refusals: what a call knows of a final response from 300 on.
//!
//! In: such a response, the first of its kind on its hop. Out: the response with its [`Refusal`].
//! Looked at are the hops and exchanges of the call as far as they are still kept, and only where
//! something is refused.
//!
//! # References
//! - RFC 3261 §8.2.2.2 (merged requests), §9 (CANCEL), §14 (glare), §16.7 (what a proxy answers)

use super::super::asked::Asked;
use super::super::mark::Mark;
use super::super::outcome::Final;
use super::super::refusal::{Case, Ended, Maker, Next, Refusal, Silent};
use super::super::transaction::{Exchange, Transaction};
use super::super::{Event, ResponseSeen, Seen, key};
use super::invites::may_judge_identity;
use super::{Call, Surroundings};
use crate::sip::{Message, MethodKind};
use crate::units::{FrameRef, Span, StatusCode};

impl Transaction {
    /// Via values of the request; 0 once all was told of the hop.
    pub(super) fn vias(&self) -> u16 {
        self.kept.as_deref().map_or(0, |kept| kept.vias)
    }

    /// The final responses seen on this hop; none once all was told of it.
    pub(super) fn finals(&self) -> &[Final] {
        self.kept.as_deref().map_or(&[], |kept| &kept.finals)
    }

    fn answer(&self, code: StatusCode, to_tag: u64) -> Option<&Final> {
        let mut finals = self.finals().iter();
        finals.find(|known| known.code == code && known.to_tag == to_tag)
    }

    /// The provisional response that says most; 100 says least.
    fn provisional_seen(&self) -> Option<(StatusCode, FrameRef)> {
        let kept = self.kept.as_deref()?;
        let trying = StatusCode::new(100).zip(kept.trying);
        let seen = kept.ringing.or(kept.progress).or(trying);
        seen.map(|(code, mark)| (code, mark.seen().at))
    }

    /// The first final response, else the provisional one that says most.
    fn last_seen(&self) -> Option<(StatusCode, FrameRef)> {
        let ended = self.finals().first();
        ended
            .map(|known| (known.code, known.first.at))
            .or_else(|| self.provisional_seen())
    }
}

impl Call {
    /// Keeps what a request asked for, until its exchange is told.
    pub(super) fn keep_asked(&mut self, index: usize, message: &Message<'_>) {
        let Some(exchange) = self.transactions.get(index).map(|hop| hop.exchange) else {
            return;
        };
        let others = self.hops_of(exchange).filter_map(|hop| hop.kept.as_deref());
        let asked = Asked::of(message, others.map(|kept| &kept.asked));
        let hop = self.transactions.get_mut(index);
        if let Some(kept) = hop.and_then(|hop| hop.kept.as_deref_mut()) {
            kept.asked = asked;
        }
    }

    /// Hands out the first copy of a refusal on the hop `index`.
    pub(super) fn refused(
        &mut self,
        index: usize,
        mut response: ResponseSeen<'_>,
        around: &Surroundings<'_>,
        out: &mut impl FnMut(Event<'_>),
    ) {
        let first = Seen::of(&response.raw.origin);
        response.awaits = self.waits(index, &response);
        let refusal = self.refusal(index, &response, first, around);
        let exchange = self.transactions.get(index).map(|hop| hop.exchange);
        let invites = exchange
            .filter(|_| may_judge_identity(response.message, response.code))
            .map(|exchange| self.invites(exchange));
        out(Event::Response(&ResponseSeen {
            invites: invites.as_deref().unwrap_or_default(),
            refusal: refusal.as_ref(),
            ..response
        }));
        if response.awaits > Span::default() {
            self.wait_for_retry(index, &response, around.steps);
        }
    }

    fn refusal(
        &self,
        index: usize,
        response: &ResponseSeen<'_>,
        now: Seen,
        around: &Surroundings<'_>,
    ) -> Option<Refusal<'_>> {
        let hop = self.transactions.get(index)?;
        let exchange = self.exchanges.get(hop.exchange)?;
        let message = response.message;
        let code = response.code;
        let to_tag = key::tag(message.to_tag());
        let asked_on = |hop: &'_ Transaction| hop.request.is_some() && hop.kept.is_some();
        let asking = if asked_on(hop) {
            Some(hop)
        } else {
            self.hops_of(hop.exchange).find(|other| asked_on(other))
        };
        let case = match code.get() {
            401 | 407 => {
                let retries = hop.kept.as_deref().and_then(|kept| kept.retries.as_deref());
                let before = retries.filter(|retries| retries.is_challenge);
                Case::Challenge {
                    before: before.map(|retries| retries.refusal),
                    is_nonce_offered: before.is_some_and(|retries| retries.retry.as_asked),
                    after: before.map_or_else(Span::default, |retries| retries.after),
                }
            }
            487 if exchange.method == MethodKind::Invite => self
                .ended(hop, exchange, now)
                .map_or(Case::EndedUnseen, Case::Ended),
            481 => Case::Unknown(self.known(hop, exchange, message, now, around)),
            482 => self.merged(hop).unwrap_or(Case::Plain),
            491 | 500 => self
                .pending(hop, exchange, to_tag, code)
                .unwrap_or(Case::Plain),
            408 | 504 => Case::Silent(self.silent(hop, code, to_tag, now, around)),
            _ => Case::Plain,
        };
        Some(Refusal {
            asked: asking
                .and_then(|hop| hop.kept.as_deref())
                .map(|kept| &kept.asked),
            request: hop.request.map(Mark::seen),
            maker: self.maker(hop, code, to_tag),
            case,
        })
    }

    /// The hops of an exchange.
    pub(super) fn hops_of(&self, exchange: usize) -> impl Iterator<Item = &Transaction> {
        self.transactions
            .iter()
            .filter(move |hop| hop.exchange == exchange)
    }

    /// The hop farthest from the caller that shows an answer which `hop` shows, if it is another.
    /// Its To tag is its maker's; without one, hops must follow each other.
    fn made_on(&self, hop: &Transaction, code: StatusCode, to_tag: u64) -> Option<&Transaction> {
        self.hops_of(hop.exchange)
            .filter(|other| other.vias() > hop.vias() && other.answer(code, to_tag).is_some())
            .filter(|other| to_tag != 0 || other.flow.src.addr == hop.flow.dst.addr)
            .max_by_key(|other| other.vias())
    }

    /// The hops on which the receiver of `hop` sent the request on.
    fn passed_on(&self, hop: &Transaction) -> impl Iterator<Item = &Transaction> {
        let (vias, addr) = (hop.vias(), hop.flow.dst.addr);
        self.hops_of(hop.exchange)
            .filter(move |other| other.vias() > vias && other.flow.src.addr == addr)
    }

    fn maker(&self, hop: &Transaction, code: StatusCode, to_tag: u64) -> Maker<'_> {
        if let Some(made_on) = self.made_on(hop, code, to_tag)
            && let Some(answer) = made_on.answer(code, to_tag)
        {
            return Maker::Relayed {
                maker: made_on.flow.dst,
                at: answer.first.at,
                or_beyond: self.passed_on(made_on).next().is_none(),
                server: &answer.server,
            };
        }
        let passed_on = self.passed_on(hop).max_by_key(|next| {
            let ended = next.finals().first().map(|known| known.first.time);
            (ended, next.request.map(|mark| mark.time))
        });
        match passed_on {
            Some(next) => Maker::PassedOn {
                to: next.flow.dst,
                request: next.request.map(|mark| mark.seen().at),
                answer: next.last_seen(),
            },
            None => Maker::SenderOrBeyond,
        }
    }

    /// The CANCEL or BYE before a 487.
    fn ended(&self, hop: &Transaction, exchange: &Exchange, now: Seen) -> Option<Ended<'_>> {
        let mut cancels = self.cancels.iter();
        let cancel = cancels.find(|cancel| cancel.is_of(exchange.from_tag, exchange.cseq));
        let (method, first, flow, reason) = if let Some(cancel) = cancel {
            let reason = cancel.reason.as_ref();
            (MethodKind::Cancel, cancel.first, Some(cancel.flow), reason)
        } else {
            let of_caller =
                |e: &&Exchange| e.method == MethodKind::Bye && e.from_tag == exchange.from_tag;
            let mut byes = self.exchanges.iter().filter(of_caller);
            let bye = byes.find_map(|e| e.request)?.seen();
            if bye.time > now.time {
                return None;
            }
            (MethodKind::Bye, bye, None, [].as_slice())
        };
        // The caller's own INVITE has one Via value, its own.
        let by = flow.and_then(|flow| {
            let mut hops = self.hops_of(hop.exchange);
            let same = hops.find(|invite| invite.flow == flow);
            let is_callers = same.is_some_and(|invite| invite.vias() == 1);
            (!is_callers).then_some(flow.src)
        });
        let kept = self
            .hops_of(hop.exchange)
            .filter_map(|hop| hop.kept.as_deref());
        let rang = kept
            .filter_map(|kept| kept.progress)
            .filter(|(code, mark)| code.get() >= 180 && mark.time <= first.time)
            .map(|(_, mark)| mark.time);
        let finals = self.hops_of(hop.exchange).flat_map(Transaction::finals);
        let elsewhere = finals
            .filter(|known| known.code.is_success() && known.first.time <= first.time)
            .min_by_key(|known| known.first.time);
        Some(Ended {
            method,
            at: first.at,
            by,
            after_invite: exchange.request.map(|mark| first.time.since(mark.time)),
            after_ringing: rang.min().map(|rang| first.time.since(rang)),
            reason,
            answered_elsewhere: elsewhere.map(|known| known.first.at),
        })
    }

    /// The same request on another way to the same element (RFC 3261 §8.2.2.2).
    fn merged(&self, hop: &Transaction) -> Option<Case<'_>> {
        self.hops_of(hop.exchange)
            .filter(|other| other.flow.dst == hop.flow.dst && other.key != hop.key)
            .find_map(|other| other.request)
            .map(|mark| Case::Merged {
                request: mark.seen().at,
            })
    }

    /// The request that another one had to wait for.
    fn pending(
        &self,
        hop: &Transaction,
        exchange: &Exchange,
        to_tag: u64,
        code: StatusCode,
    ) -> Option<Case<'_>> {
        let asked_at = exchange.request?;
        let is_offer = |method| matches!(method, MethodKind::Invite | MethodKind::Update);
        if !is_offer(exchange.method) {
            return None;
        }
        let others = self.exchanges.iter().enumerate();
        let others = others.filter(|(index, e)| *index != hop.exchange && is_offer(e.method));
        others
            .filter_map(|(_, e)| {
                let request = e.request?;
                let is_own = e.from_tag == exchange.from_tag;
                let is_others = to_tag != 0 && e.from_tag == to_tag;
                // 500 is of the same side's second request (RFC 3261 §14.2).
                let fits = is_own || (is_others && code.get() == 491);
                // The two may have crossed: both sides refuse then.
                let is_open = e.ended.is_none_or(|(_, ended)| ended.time > asked_at.time);
                let is_before = exchange
                    .ended
                    .is_none_or(|(_, ended)| request.time < ended.time);
                (fits && is_open && is_before).then_some((is_own, request, e.method))
            })
            .max_by_key(|(is_own, request, _)| (!is_own, request.time))
            .map(|(is_own, request, method)| Case::Pending {
                method,
                request: request.seen().at,
                is_own,
            })
    }

    /// The last that was heard before a time-out.
    fn silent(
        &self,
        hop: &Transaction,
        code: StatusCode,
        to_tag: u64,
        now: Seen,
        around: &Surroundings<'_>,
    ) -> Silent {
        let made_on = self.made_on(hop, code, to_tag).unwrap_or(hop);
        let next = self
            .passed_on(made_on)
            .filter(|next| next.request.is_some())
            .max_by_key(|next| {
                let asked_at = next.request.map(|mark| mark.time);
                (next.finals().is_empty(), asked_at)
            });
        let made_at = made_on
            .answer(code, to_tag)
            .map_or(now.time, |answer| answer.first.time);
        Silent {
            by: made_on.flow.dst,
            after: made_on.request.map(|mark| made_at.since(mark.time)),
            next: next.map(|next| Next {
                to: next.flow.dst,
                from: next.flow.src,
                request: next.request.map(|mark| mark.seen().at),
                answer: next.last_seen(),
                is_heard: around.hops.has_seen(&next.flow.reversed()),
            }),
            own: made_on.provisional_seen(),
        }
    }
}
