//! From session descriptions to the table of media sockets.
//!
//! Descriptions count in INVITE, ACK, PRACK, UPDATE and their 1xx and 2xx: a refusal's says what
//! would be taken, not where (RFC 3264 §6 is about answers). Each is the word of its sender, whom
//! the tag of From names in a request and that of To in a response.

use super::Calls;
use crate::calls::lru::Slot;
use crate::calls::state::Described;
use crate::calls::{Sighted, key};
use crate::sip::{Message, MethodKind, Sdp, StartLine};
use crate::units::{Endpoint, Span};

/// A call shares its socket with one that announces it this soon after; a socket that is bound
/// anew takes longer to come up again.
const SET_UP_TOGETHER: Span = Span::from_secs(10);

impl Calls {
    /// Learns where the sender of a message expects media.
    pub(super) fn announce(&mut self, slot: Slot, seen: &Sighted<'_>) {
        let Sighted { raw, message, .. } = *seen;
        if message.body.is_empty() || !can_describe(message) {
            return;
        }
        let Some(sdp) = Sdp::of(message) else { return };
        let tag = if message.is_request() {
            message.from_tag()
        } else {
            message.to_tag()
        };
        let tag = key::tag(tag);
        let most = self.limits.media_sockets_per_call;
        let now = raw.origin.time;
        let (calls, media) = (&mut self.in_progress, &mut self.media);
        for socket in sockets(&sdp).take(most) {
            let described = Described::new(tag, socket);
            let Some(call) = calls.get_mut(slot) else {
                return;
            };
            if let Some(given_up) = call.describe(described, most) {
                media.withdraw(&given_up, slot);
            }
            let mut left = Vec::new();
            media.announce(
                socket,
                slot,
                now,
                |owner, age| {
                    calls.get_mut(owner).is_some_and(|owner| {
                        !owner.has_ended() && (age <= SET_UP_TOGETHER || !owner.is_answered())
                    })
                },
                |owner, traffic| left.push((owner, *traffic)),
            );
            for (owner, traffic) in left {
                if let Some(owner) = calls.get_mut(owner) {
                    owner.lose(&socket, &traffic);
                }
            }
        }
    }
}

fn can_describe(message: &Message<'_>) -> bool {
    let is_refusal = match message.start {
        StartLine::Response { code, .. } => code.is_none_or(|code| code.class() > 2),
        StartLine::Request { .. } => false,
    };
    let can_describe = matches!(
        message.method().kind,
        MethodKind::Invite | MethodKind::Ack | MethodKind::Prack | MethodKind::Update
    );
    can_describe && !is_refusal
}

/// Where RTP is expected: the sockets of the media, and those that ICE may choose.
fn sockets<'a>(sdp: &Sdp<'a>) -> impl Iterator<Item = Endpoint> + use<'a> {
    sdp.media()
        .filter(|media| media.is_rtp() && !media.is_refused())
        .flat_map(|media| media.socket().into_iter().chain(media.candidates()))
}
