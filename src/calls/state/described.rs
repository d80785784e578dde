//! What a call's messages describe of its media: where its parties expect RTP, and whether an
//! offer still waits for its answer.
//!
//! Capped: sockets by [`crate::limits::Limits::media_sockets_per_call`], of which the oldest goes
//! first; INVITEs without an offer by [`LATE_OFFERS`].
//!
//! # References
//! - RFC 3261 §13.2.1, §13.2.2.4; RFC 3262 §5; RFC 3264

use super::super::dialog::Answered;
use super::super::media::{self, MediaSeen, Traffic};
use super::super::{Sighted, key};
use super::{Call, Peers, grow, room, sender};
use crate::sip::value::trim;
use crate::sip::{Message, MethodKind, Name, Sdp};
use crate::units::Endpoint;

/// INVITEs without an offer remembered of one Call-ID.
const LATE_OFFERS: usize = 8;

/// A socket that a party of the call announced.
#[derive(Debug)]
pub(in crate::calls) struct Described {
    /// Digest of the party's tag.
    tag: u64,
    socket: Endpoint,
    /// What was seen there until another call announced it.
    kept: Option<Box<Traffic>>,
}

impl Described {
    pub(in crate::calls) const fn new(tag: u64, socket: Endpoint) -> Self {
        Self {
            tag,
            socket,
            kept: None,
        }
    }
}

/// An INVITE without an offer: the first reliable response but a refusal has it, and the caller's
/// answer to that comes in PRACK or ACK.
#[derive(Debug)]
pub(super) struct LateOffer {
    from_tag: u64,
    cseq: Option<u32>,
    /// Nothing was offered yet, as far as messages were seen.
    open: bool,
}

impl Call {
    /// Remembers where a party expects media; a socket that is given up for it.
    pub(in crate::calls) fn describe(
        &mut self,
        described: Described,
        most: usize,
    ) -> Option<Endpoint> {
        let is_known = |d: &Described| d.tag == described.tag && d.socket == described.socket;
        if self.described.iter().any(is_known) {
            return None;
        }
        let oldest = (self.described.len() >= most).then(|| self.described.remove(0).socket);
        self.changed = true;
        grow(&mut self.described).push(described);
        oldest.filter(|socket| !self.described.iter().any(|d| d.socket == *socket))
    }

    /// Another call has announced the socket: what was seen there so far is kept.
    pub(in crate::calls) fn lose(&mut self, socket: &Endpoint, traffic: &Traffic) {
        if *traffic == Traffic::default() {
            return;
        }
        for described in self.described.iter_mut().filter(|d| d.socket == *socket) {
            self.changed = true;
            described.kept.get_or_insert_default().merge(traffic);
        }
    }

    /// The sockets announced.
    pub(in crate::calls) fn sockets(&self) -> impl Iterator<Item = &Endpoint> {
        self.described.iter().map(|described| &described.socket)
    }

    /// Whether a 2xx to an INVITE was seen.
    pub(in crate::calls) const fn is_answered(&self) -> bool {
        !self.answered.is_empty()
    }

    /// Whether it was answered and hung up.
    pub(in crate::calls) fn has_ended(&self) -> bool {
        self.is_answered() && self.answered.iter().all(|dialog| !dialog.byes.is_empty())
    }

    /// What was seen of the dialog's media; `None` where nothing was. Without tags (RFC 2543) the
    /// parties cannot be told apart.
    pub(super) fn media_of(&self, dialog: &Answered, peers: &Peers<'_>) -> Option<MediaSeen> {
        let mut seen = MediaSeen::default();
        if dialog.from_tag == dialog.to_tag {
            return None;
        }
        for described in &self.described {
            let now = peers.media.traffic(&described.socket, peers.slot);
            for traffic in now.into_iter().chain(described.kept.as_deref()) {
                if described.tag == dialog.from_tag {
                    seen.add_uac(traffic);
                } else if described.tag == dialog.to_tag {
                    seen.add_uas(traffic);
                }
            }
        }
        (!seen.is_empty()).then_some(seen)
    }

    /// Notes whether RTP came to the sender of an INVITE of which no final was seen.
    pub(super) fn listen(&mut self, exchange: usize, peers: &Peers<'_>) {
        let Some(exchange) = self.exchanges.get_mut(exchange) else {
            return;
        };
        if exchange.method != MethodKind::Invite || exchange.progress.answered {
            return;
        }
        let first = exchange.progress.first;
        let of_sender = self.described.iter().filter(|d| d.tag == exchange.from_tag);
        exchange.progress.heard = of_sender
            .flat_map(|described| {
                let now = peers.media.traffic(&described.socket, peers.slot);
                now.into_iter().chain(described.kept.as_deref())
            })
            .any(|traffic| traffic.is_heard_after(first));
    }

    /// Bytes of what is described.
    pub(super) fn described_weight(&self) -> usize {
        let kept = self.described.iter().filter(|d| d.kept.is_some()).count();
        room(&self.described)
            + room(&self.late_offers)
            + self.described.len() * media::PLACE
            + kept * size_of::<Traffic>()
    }

    /// Follows whether offers were made and answered; to be called before the message is taken.
    pub(in crate::calls) fn follow_offer(&mut self, seen: &Sighted<'_>) {
        let message = seen.message;
        let kind = message.method().kind;
        let may_tell = matches!(
            kind,
            MethodKind::Invite | MethodKind::Prack | MethodKind::Update
        );
        if !may_tell {
            return;
        }
        let is_invite = kind == MethodKind::Invite && message.is_request();
        if self.late_offers.is_empty() && !(is_invite && is_bare(seen)) {
            return;
        }
        let from_tag = key::tag(message.from_tag());
        let cseq = message.cseq.number;
        if is_invite {
            let is_known =
                |offer: &&mut LateOffer| offer.from_tag == from_tag && offer.cseq == cseq;
            if let Some(offer) = self.late_offers.iter_mut().find(is_known) {
                // An element put an offer in, or took it out: whose it is cannot be told.
                offer.open &= is_bare(seen);
            } else if is_bare(seen) {
                // One that carried an offer on an earlier hop is none, either.
                let is_first = !self
                    .exchanges
                    .iter()
                    .any(|e| e.is(MethodKind::Invite, 0, sender(message), cseq));
                if self.late_offers.len() >= LATE_OFFERS {
                    self.late_offers.remove(0);
                }
                self.changed = true;
                grow(&mut self.late_offers).push(LateOffer {
                    from_tag,
                    cseq,
                    open: is_first,
                });
            }
            return;
        }
        let to_tag = key::tag(message.to_tag());
        let is_concerned = |offer: &&mut LateOffer| match kind {
            // A provisional response is an offer if it is reliable; a final one is looked at when
            // its dialog is made.
            MethodKind::Invite => offer.from_tag == from_tag && offer.cseq == cseq,
            _ => offer.from_tag == from_tag || offer.from_tag == to_tag,
        };
        let is_reliable = kind != MethodKind::Invite || message.header(Name::RSeq).is_some();
        if is_reliable && Sdp::of(message).is_some() {
            for offer in self.late_offers.iter_mut().filter(is_concerned) {
                offer.open = false;
            }
        }
    }

    /// Whether a 2xx carries the first offer of its session, which its ACK must answer.
    pub(super) fn is_late_offer(&self, answer: &Message<'_>, from_tag: u64, cseq: u32) -> bool {
        self.late_offers
            .iter()
            .any(|offer| offer.open && offer.from_tag == from_tag && offer.cseq == Some(cseq))
            && Sdp::of(answer).is_some()
    }
}

/// Whether a message has no body but blanks, rather than one that was not captured.
pub(super) fn is_bare(seen: &Sighted<'_>) -> bool {
    let Sighted { raw, message, .. } = *seen;
    let is_whole =
        !(raw.framing.truncated_body || raw.framing.head_unfinished || raw.origin.snapped);
    is_whole && trim(message.body).is_empty()
}
