//! `Refusal`: what a call knows about a final response from 300 on, beyond the message itself.
//!
//! In: nothing; these are the types that the room hands out with a
//! [`ResponseSeen`](super::ResponseSeen). Always: a fact that the capture does not show is `None`,
//! or the variant that says so.
//!
//! # References
//! - RFC 3261 §8.2.2.2 (merged requests), §9 (CANCEL), §12.2 (dialogs), §14 (glare), §16.7
//!   (what a proxy answers), §22 (challenges)

use super::Seen;
use super::asked::Asked;
use crate::sip::MethodKind;
use crate::units::{Endpoint, FrameRef, Span, StatusCode};

/// What is known about a refusal.
#[derive(Clone, Copy, Debug)]
pub struct Refusal<'a> {
    /// What the request asked; of this hop, or of another where it was not seen on this.
    pub asked: Option<&'a Asked>,
    /// The request's first copy on this hop.
    pub request: Option<Seen>,
    /// Who made the answer.
    pub maker: Maker<'a>,
    /// What belongs to its code.
    pub case: Case<'a>,
}

/// Who made an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Maker<'a> {
    /// Its sender, or an element behind it: no hop beyond was captured.
    SenderOrBeyond,
    /// An element on another hop; the sender relayed it.
    Relayed {
        /// Who sent it first, as far as hops were captured.
        maker: Endpoint,
        /// Its first copy there.
        at: FrameRef,
        /// No hop behind the maker was captured.
        or_beyond: bool,
        /// Server of that copy, else its User-Agent; empty without.
        server: &'a [u8],
    },
    /// The sender had passed the request on, and no such answer came back that was captured.
    PassedOn {
        /// To whom.
        to: Endpoint,
        /// The request there.
        request: Option<FrameRef>,
        /// The last that came back from there.
        answer: Option<(StatusCode, FrameRef)>,
    },
}

/// What belongs to a code.
#[derive(Clone, Copy, Debug)]
pub enum Case<'a> {
    /// Nothing further.
    Plain,
    /// 401 or 407.
    Challenge {
        /// The challenge before, which the request answered, if it was seen.
        before: Option<FrameRef>,
        /// The request's credentials were made with a nonce that the challenge before offered.
        is_nonce_offered: bool,
        /// From that challenge to the request.
        after: Span,
    },
    /// 487 behind a CANCEL or a BYE.
    Ended(Ended<'a>),
    /// 487, and neither was seen.
    EndedUnseen,
    /// 481: what the capture knows of the dialog or transaction.
    Unknown(Known),
    /// 491, and 500 to a request that came too early: another one was pending.
    Pending {
        /// Its method.
        method: MethodKind,
        /// Its first copy.
        request: FrameRef,
        /// It came from the same side.
        is_own: bool,
    },
    /// 482 where the same request reached the same element on another way.
    Merged {
        /// The other copy.
        request: FrameRef,
    },
    /// 408 and 504.
    Silent(Silent),
}

/// Why an INVITE ended before it was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended<'a> {
    /// CANCEL or BYE.
    pub method: MethodKind,
    /// Its first copy on any hop.
    pub at: FrameRef,
    /// An element between caller and callee sent it; `None`: the caller.
    pub by: Option<Endpoint>,
    /// From the INVITE to it, if the INVITE was seen.
    pub after_invite: Option<Span>,
    /// From the first 18x to it, if there was one.
    pub after_ringing: Option<Span>,
    /// Its Reason, the values joined by commas, up to [`super::outcome::TEXT`] bytes.
    pub reason: &'a [u8],
    /// The 2xx of another branch that came before it.
    pub answered_elsewhere: Option<FrameRef>,
}

/// What the capture knows of what a 481 says is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// A CANCEL of an INVITE that had its final response.
    AfterFinal {
        /// The final response.
        code: StatusCode,
        /// Where it stands.
        at: FrameRef,
    },
    /// A CANCEL of an INVITE that was pending.
    PendingInvite {
        /// The INVITE.
        invite: FrameRef,
        /// The CANCEL's topmost branch is another than the INVITE's on that hop.
        other_branch: bool,
    },
    /// A CANCEL without an INVITE that was seen.
    NoInvite,
    /// The dialog had ended by BYE.
    ByBye {
        /// The BYE.
        bye: FrameRef,
        /// The other side had sent it.
        by_other: bool,
        /// From it to the request.
        before: Span,
    },
    /// The early dialog had ended: its INVITE was refused.
    Refused {
        /// With which code.
        code: StatusCode,
        /// Where it stands.
        at: FrameRef,
    },
    /// The dialog is known, and its end was not seen.
    Dialog {
        /// What made it.
        method: MethodKind,
        /// The message that is known of it.
        at: FrameRef,
    },
    /// A dialog of this Call-ID is known, with other tags.
    OtherTags {
        /// The message that is known of it.
        at: FrameRef,
        /// The tag that differs is the one of From.
        from: bool,
        /// The tag that differs is the one of To.
        to: bool,
    },
    /// No dialog of this Call-ID was seen for as long before as ended calls are remembered.
    Nothing {
        /// From when on nothing was seen, to the request.
        seen_before: Span,
        /// That is when the capture starts.
        is_all: bool,
    },
    /// Calls were given up for lack of room, perhaps this one.
    Forgotten,
}

/// The last that was heard before a time-out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Silent {
    /// Who gave up.
    pub by: Endpoint,
    /// From the request on this hop to the answer.
    pub after: Option<Span>,
    /// Whom it had passed the request to.
    pub next: Option<Next>,
    /// The last provisional response that it had sent itself.
    pub own: Option<(StatusCode, FrameRef)>,
}

/// The element behind the one that gave up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Next {
    /// Its socket.
    pub to: Endpoint,
    /// The socket that the request came from.
    pub from: Endpoint,
    /// The request to it.
    pub request: Option<FrameRef>,
    /// The last that came from it.
    pub answer: Option<(StatusCode, FrameRef)>,
    /// Something came from it to that socket in this or another call, so that the tap sees that way.
    pub is_heard: bool,
}

/// A request that followed a refusal, by the same sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// Its first copy.
    pub request: FrameRef,
    /// Where it went.
    pub to: Endpoint,
    /// It went elsewhere than the one that was refused.
    pub elsewhere: bool,
    /// It did what was asked: it carried credentials after a challenge, or went to a Contact of
    /// the redirection.
    pub as_asked: bool,
    /// The last 18x, or the final response, once seen.
    pub outcome: Option<(StatusCode, FrameRef)>,
}
