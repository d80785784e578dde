//! What a call knows of the dialog or transaction that a 481 says is not there.
//!
//! # References
//! - RFC 3261 §9.2, §12.2.2, §15.1.2

use super::super::Seen;
use super::super::mark::Mark;
use super::super::refusal::Known;
use super::super::transaction::{Exchange, Transaction};
use super::settle::IDLE;
use super::{Call, Surroundings, tags};
use crate::sip::{Message, MethodKind};
use crate::units::FrameRef;

impl Call {
    pub(super) fn known(
        &self,
        hop: &Transaction,
        exchange: &Exchange,
        message: &Message<'_>,
        now: Seen,
        around: &Surroundings<'_>,
    ) -> Known {
        let asked_at = exchange.request.map_or(now, Mark::seen);
        if exchange.method == MethodKind::Cancel {
            return self.cancelled(hop, exchange, asked_at);
        }
        let (from_tag, to_tag) = tags(message);
        self.answered_dialog(hop, (from_tag, to_tag), asked_at)
            .or_else(|| self.unanswered_dialog(hop, (from_tag, to_tag), asked_at))
            .or_else(|| self.other_dialog(hop, (from_tag, to_tag), asked_at))
            .unwrap_or_else(|| {
                let since_start = asked_at.time.since(around.coverage.first());
                if around.evicted {
                    return Known::Forgotten;
                }
                Known::Nothing {
                    seen_before: since_start.min(IDLE),
                    is_all: since_start <= IDLE,
                }
            })
    }

    /// The INVITE of a CANCEL.
    fn cancelled(&self, hop: &Transaction, exchange: &Exchange, asked_at: Seen) -> Known {
        let mut all = self.exchanges.iter().enumerate();
        let invite =
            all.find(|(_, e)| e.is(MethodKind::Invite, 0, exchange.from_tag, exchange.cseq));
        let Some((index, invite)) = invite else {
            return Known::NoInvite;
        };
        // A final response of another branch leaves this one to be cancelled.
        let on_hop = || self.hops_of(index).filter(|t| t.flow == hop.flow);
        let is_only = self.hops_of(index).nth(1).is_none();
        let finals = on_hop().flat_map(Transaction::finals);
        let ended = finals
            .map(|known| (known.code, known.first))
            .chain(
                invite
                    .ended
                    .filter(|_| is_only)
                    .map(|(code, mark)| (code, mark.seen())),
            )
            .find(|(_, first)| first.time <= asked_at.time);
        if let Some((code, first)) = ended {
            return Known::AfterFinal { code, at: first.at };
        }
        let on_hop = on_hop().find_map(|t| Some((t.request?, t.branch != hop.branch)));
        let (request, other_branch) = match (on_hop, invite.request) {
            (Some(found), _) => found,
            (None, Some(request)) => (request, false),
            (None, None) => return Known::NoInvite,
        };
        Known::PendingInvite {
            invite: request.seen().at,
            other_branch,
        }
    }

    /// The dialog of these tags that a 2xx to INVITE made.
    fn answered_dialog(
        &self,
        hop: &Transaction,
        (from_tag, to_tag): (u64, u64),
        asked_at: Seen,
    ) -> Option<Known> {
        let (dialog, side) = self
            .answered
            .iter()
            .find_map(|dialog| Some((dialog, dialog.side_of(from_tag, to_tag)?)))?;
        let is_own = |at: FrameRef| {
            let mut requests = self.hops_of(hop.exchange).filter_map(|t| t.request);
            requests.any(|mark| mark.seen().at == at)
        };
        let bye = dialog
            .byes
            .iter()
            .filter(|bye| bye.seen.time <= asked_at.time && !is_own(bye.seen.at))
            .min_by_key(|bye| bye.seen.time);
        if let Some(bye) = bye {
            return Some(Known::ByBye {
                bye: bye.seen.at,
                by_other: bye.side != side,
                before: asked_at.time.since(bye.seen.time),
            });
        }
        Some(Known::Dialog {
            method: MethodKind::Invite,
            at: dialog.legs.first()?.first().at,
        })
    }

    /// The early dialog of these tags, or the one that a SUBSCRIBE or REFER made.
    fn unanswered_dialog(
        &self,
        hop: &Transaction,
        (from_tag, to_tag): (u64, u64),
        asked_at: Seen,
    ) -> Option<Known> {
        let (index, found) = self.asked_before(hop, asked_at).find(|(_, e)| {
            let has_to = |tag: u64| e.counted.iter().any(|(_, to)| *to == tag);
            match e.method {
                MethodKind::Invite => {
                    (e.from_tag == from_tag && has_to(to_tag))
                        || (e.from_tag == to_tag && has_to(from_tag))
                }
                MethodKind::Subscribe | MethodKind::Refer => {
                    e.initial && (e.from_tag == to_tag || e.from_tag == from_tag)
                }
                _ => false,
            }
        })?;
        // Of a fork one branch may be refused while another rings.
        let of_dialog = |tag: u64| tag == from_tag || tag == to_tag;
        let mut finals = self.hops_of(index).flat_map(Transaction::finals);
        let refused = finals.find(|known| known.code.class() >= 3 && of_dialog(known.to_tag));
        Some(match refused {
            Some(known) => Known::Refused {
                code: known.code,
                at: known.first.at,
            },
            None => Known::Dialog {
                method: found.method,
                at: found.request?.seen().at,
            },
        })
    }

    /// A dialog of other tags.
    fn other_dialog(
        &self,
        hop: &Transaction,
        (from_tag, to_tag): (u64, u64),
        asked_at: Seen,
    ) -> Option<Known> {
        if let Some(dialog) = self.answered.first()
            && let Some(leg) = dialog.legs.first()
        {
            let is_known = |tag| tag == dialog.from_tag || tag == dialog.to_tag;
            return Some(Known::OtherTags {
                at: leg.first().at,
                from: !is_known(from_tag),
                to: !is_known(to_tag),
            });
        }
        let mut before = self.asked_before(hop, asked_at);
        let (_, invite) = before.find(|(_, e)| e.method == MethodKind::Invite && e.initial)?;
        Some(Known::OtherTags {
            at: invite.request?.seen().at,
            from: invite.from_tag != from_tag && invite.from_tag != to_tag,
            to: true,
        })
    }

    /// Exchanges of the call that began before, with their indices.
    fn asked_before(
        &self,
        hop: &Transaction,
        asked_at: Seen,
    ) -> impl Iterator<Item = (usize, &Exchange)> {
        let own = hop.exchange;
        let all = self.exchanges.iter().enumerate();
        all.filter(move |(index, e)| {
            let is_before = |mark: Mark| mark.time <= asked_at.time;
            *index != own && e.request.is_some_and(is_before)
        })
    }
}
