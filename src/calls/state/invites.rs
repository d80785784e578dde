//! The INVITEs of an attempt as they were sent, on each hop, until its first final response.
//!
//! Kept are those that carry an Identity header or a verifier's result, since what a refusal of one
//! means can be told only beside its text. Everything else of a call is kept in pieces.

use super::super::InviteOn;
use super::super::mark::Mark;
use super::Call;
use crate::sip::{Message, Name};
use crate::units::StatusCode;

/// Bytes of an INVITE that are kept; what is longer is not a call of today's networks.
pub(super) const INVITE_BYTES: usize = 16 << 10;

impl Call {
    /// The hops of an exchange, nearest the caller first.
    pub(super) fn invites(&self, exchange: usize) -> Vec<InviteOn<'_>> {
        let hops = self.transactions.iter().filter(|t| t.exchange == exchange);
        let mut invites: Vec<_> = hops
            .filter_map(|hop| {
                let kept = hop.kept.as_ref()?;
                Some(InviteOn {
                    flow: hop.flow,
                    seen: hop.request.map(Mark::seen),
                    vias: usize::from(kept.vias),
                    fragmented: kept.fragmented,
                    bytes: kept.request_bytes,
                    text: kept.text.as_ref().map(|text| (&*text.bytes, text.head_len)),
                    is_unknown: kept.may_be_signed && kept.text.is_none(),
                    user_agent: kept
                        .text
                        .as_ref()
                        .and_then(|text| text.bytes.get(text.user_agent.clone()))
                        .unwrap_or_default(),
                    answer: kept.finals.first().map(|one| (one.code, one.first)),
                })
            })
            .collect();
        invites.sort_by_key(|invite| (invite.vias, invite.seen.map(|seen| seen.time)));
        invites
    }

    /// Their attempt has its answer: the texts are not needed any more.
    pub(super) fn forget_invites(&mut self, exchange: usize) {
        let hops = self.transactions.iter_mut();
        for hop in hops.filter(|t| t.exchange == exchange) {
            if let Some(kept) = &mut hop.kept {
                self.changed |= kept.text.take().is_some();
            }
        }
    }
}

/// Whether a response may say something of its request's identity (RFC 8224 §6.2.2, RFC 9410).
pub(super) fn may_judge_identity(message: &Message<'_>, code: StatusCode) -> bool {
    matches!(code.get(), 403 | 428 | 436 | 437 | 438)
        || (code.get() != 100 && message.header(Name::Reason).is_some())
}
