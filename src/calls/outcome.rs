//! Outcomes: what became of a request on every hop on which it was seen, and of a session.
//!
//! An [`Exchanged`] is one request with everything that answered it; a [`Session`] is one answered
//! dialog from its INVITE to its BYE. Both are handed out once nothing more can change what is
//! said of them, or when the capture ends or room is lacking; [`Observed`] says which.
//!
//! What is kept is bounded: hops by [`crate::limits::Limits::transactions_per_call`], finals of a
//! hop likewise, texts by [`TEXT`].
//!
//! # When they are handed out
//!
//! An exchange when its final response was seen nearest the caller and nothing came for 10 s. One
//! without final, and an INVITE refused without an ACK, when 64*T1 are over, with time for what a
//! lost fragment hides; a ringing INVITE when nothing came for longer than Timer C. A session when
//! its BYE was handed out and nothing came for 10 s; without BYE when the call is forgotten.
//!
//! # References
//! - RFC 3261 §8.1, §12, §15, §17; RFC 6076 §4 for what the measures need

use super::{Seen, Side};
use crate::sip::MethodKind;
use crate::units::{FileIndex, Flow, Span, StatusCode, Timestamp};

/// Bytes kept of a text that a stranger chose: a URI, a phrase, a header field.
pub const TEXT: usize = 128;

/// How far the capture carries what is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// Until when something could have been seen: the last packet of the interface nearest the
    /// callee.
    pub until: Timestamp,
    /// Packets may be missing from the capture while it was open.
    pub loss: bool,
    /// Capture time stepped while it was open.
    pub time_step: bool,
    /// It was given up for lack of room before all was known.
    pub evicted: bool,
}

/// A request and what became of it on all hops: one Call-ID, From tag, CSeq number and method, and
/// of a request inside a dialog its To tag.
///
/// The ACK and what it acknowledges are one; an ACK alone is none. A request inside a dialog is
/// one, too. It is handed out once; what comes later is not told.
#[derive(Clone, Debug)]
pub struct Exchanged<'a> {
    /// Call-ID.
    pub call_id: &'a [u8],
    /// Method.
    pub method: MethodKind,
    /// The method as sent, up to [`TEXT`] bytes.
    pub method_text: &'a [u8],
    /// CSeq number, if it is one.
    pub cseq: Option<u32>,
    /// Digest of the From tag, without one of the URI in From: rounds of one attempt share it.
    pub from_tag: u64,
    /// It had no To tag: it stands outside any dialog.
    pub initial: bool,
    /// It carried Authorization or Proxy-Authorization.
    pub credentials: bool,
    /// It goes on with an attempt that was challenged or redirected before, in the same Call-ID
    /// and From tag: with credentials, or after 3xx, 413, 415, 416, 420, 422, 423 or 484.
    pub goes_on: bool,
    /// Its call is a leg that an element sent on of another one, which is the call that counts.
    pub onward: bool,
    /// An ACK as for a 2xx (a branch of its own) to this CSeq number was seen: its sender had a final response,
    /// whether that was captured or not.
    pub acked: bool,
    /// It came to somebody behind all hops that were seen, whatever answer of theirs was not captured: a request
    /// inside a dialog that it made was seen, or RTP to where its sender expects it.
    pub reached: bool,
    /// Request-URI, up to [`TEXT`] bytes; empty where the request was not seen.
    pub uri: &'a [u8],
    /// The URI in From, up to [`TEXT`] bytes; empty where it cannot be read.
    pub from: &'a [u8],
    /// The URI in To, up to [`TEXT`] bytes.
    pub to: &'a [u8],
    /// Hops on which it was seen, the one nearest the caller first: the fewest Via values, then the
    /// first request; never empty. Of several requests that one sender made of it (a fork or
    /// failover of which nothing before was captured) the first is the one whose final a proxy
    /// would choose (RFC 3261 §16.7 step 6). A hop that shows one direction only does not come
    /// first where another has the final response. The two sides of a NAT are two hops.
    pub hops: &'a [Hop],
    /// How far the capture carries this.
    pub observed: Observed,
}

/// A request on one hop: one top Via, one pair of sockets.
#[derive(Clone, Debug)]
pub struct Hop {
    /// Direction of the request.
    pub flow: Flow,
    /// The interface that captured it.
    pub interface: (FileIndex, u32),
    /// Via values of the request, or of its response where the request was not seen.
    pub vias: usize,
    /// The request's first copy; `None` where the capture starts after it.
    pub request: Option<Seen>,
    /// Copies of the request, the first included, tap copies not.
    pub requests: u32,
    /// Its last copy.
    pub last_request: Option<Seen>,
    /// Bytes of the request's first copy.
    pub request_bytes: u32,
    /// It came in more than one IP fragment.
    pub fragmented: bool,
    /// Max-Forwards of the request's first copy, if it can be read.
    pub max_forwards: Option<u32>,
    /// 100 Trying.
    pub trying: Option<Seen>,
    /// The first provisional response but 100 and 199.
    pub progress: Option<(StatusCode, Seen)>,
    /// The first 180, or 183 with a body: what ends post-dial delay, unless a 200 comes first.
    pub ringing: Option<(StatusCode, Seen)>,
    /// Final responses, one a code and To tag, in the order of their first copies.
    pub finals: Vec<Final>,
    /// The ACK to a non-2xx final (RFC 3261 §17.1.1.3), or with the request's branch where no final was
    /// captured; its last copy.
    pub ack: Option<Seen>,
    /// A CANCEL of it on this hop.
    pub cancel: Option<Seen>,
    /// The last ICMP error that says that a copy of it did not arrive.
    pub unreachable: Option<Seen>,
    /// The last ICMP error about one of several requests that went this way, after this one; which it
    /// was is not known.
    pub perhaps_unreachable: Option<Seen>,
    /// A TCP acknowledgment that says that it arrived.
    pub delivered: Option<Seen>,
}

/// A final response on one hop.
#[derive(Clone, Debug)]
pub struct Final {
    /// Its code.
    pub code: StatusCode,
    /// Digest of its To tag; 0 without one.
    pub to_tag: u64,
    /// Its first copy.
    pub first: Seen,
    /// Its last copy.
    pub last: Seen,
    /// Copies, the first included, tap copies not.
    pub copies: u32,
    /// Of them, those that nothing asked for: of a request other than INVITE those beyond its
    /// copies that came although it had not been repeated since the copy before; of an INVITE
    /// those of 300 and above that came more than a second after the ACK. A 2xx to INVITE has
    /// none: whether its repeats were needed is what missing-ack says.
    pub needless: u32,
    /// Retry-After in seconds.
    pub retry_after: Option<u32>,
    /// What a 2xx to REGISTER or SUBSCRIBE grants, in seconds: the expires parameter of the
    /// request's own Contact, else Expires. `Some(0)` is a removal.
    pub expires: Option<u32>,
    /// `stale=true` in a challenge (RFC 7616 §3.3).
    pub stale: bool,
    /// The realm of a challenge, up to [`TEXT`] bytes.
    pub realm: Box<[u8]>,
    /// Reason, its values joined by commas, up to [`TEXT`] bytes.
    pub reason: Box<[u8]>,
    /// 608, or 603 with the phrase or the Reason of ATIS-1000099 (603+): a network's analytics refused the
    /// call, not its user.
    pub blocked: bool,
    /// Server, else User-Agent, up to [`TEXT`] bytes.
    pub server: Box<[u8]>,
}

impl Exchanged<'_> {
    /// The hop whose finals count: the one nearest the caller.
    pub fn counting(&self) -> Option<&Hop> {
        self.hops.first()
    }

    /// The first final response on the hop nearest the caller.
    pub fn answer(&self) -> Option<&Final> {
        self.counting().and_then(|hop| hop.finals.first())
    }
}

impl Hop {
    /// From the first copy of the request to `seen`.
    pub fn after_request(&self, seen: &Seen) -> Option<Span> {
        Some(seen.time.since(self.request?.time))
    }
}

/// An answered dialog from its INVITE to its end.
#[derive(Clone, Debug)]
pub struct Session<'a> {
    /// Call-ID.
    pub call_id: &'a [u8],
    /// To tag of the 2xx; empty if it had none.
    pub to_tag: &'a [u8],
    /// Its call is a leg that an element sent on of another one.
    pub onward: bool,
    /// CSeq number of the INVITE.
    pub cseq: u32,
    /// The URI in From of the INVITE, up to [`TEXT`] bytes.
    pub from: &'a [u8],
    /// The URI in To.
    pub to: &'a [u8],
    /// Direction of the INVITE on the hop nearest the caller.
    pub flow: Flow,
    /// The INVITE's first copy, if it was seen.
    pub invite: Option<Seen>,
    /// The first copy of the 2xx on that hop.
    pub answered: Seen,
    /// The first ACK that fits, on any hop.
    pub acked: Option<Seen>,
    /// How it ended.
    pub end: SessionEnd<'a>,
    /// The last message of the dialog.
    pub last: Seen,
    /// How far the capture carries this.
    pub observed: Observed,
}

/// How a session ended.
#[derive(Clone, Copy, Debug)]
pub enum SessionEnd<'a> {
    /// By BYE.
    Bye {
        /// Who sent the first one.
        side: Side,
        /// Its first copy on any hop.
        bye: Seen,
        /// Copies of it on the hop nearest its sender.
        copies: u32,
        /// The first final response to it.
        answer: Option<(StatusCode, Seen)>,
        /// The other side sent one as well.
        both: bool,
        /// Reason, its values joined by commas, up to [`TEXT`] bytes.
        reason: &'a [u8],
    },
    /// No BYE was seen; whether it went on is not known.
    Unseen,
}
