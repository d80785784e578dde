//! Calls: messages become transactions, attempts and answered dialogs.
//!
//! In: [`Sighted`] messages and [`Sighting`]s in capture order. Out: [`Event`]s: every response as
//! it comes, what later messages add to it ([`Note`]), each INVITE's first final response
//! ([`Attempt`]), and once nothing more can change what is said of them each answered dialog
//! ([`AnsweredDialog`]), each request with all that answered it ([`Exchanged`]) and each session
//! ([`Session`]).
//!
//! State is kept per Call-ID in progress, in a table of [`crate::limits::Limits::calls`] entries
//! of which the least recently used is given up (and said). Time is the capture's; timers run in
//! [`clock::Clock`].
//!
//! # References
//! - RFC 3261 §9, §12, §13, §15, §17; RFC 6026 §7 (Accepted state)

pub mod asked;
pub mod clock;
pub mod connects;
mod counted;
mod losses;
mod sent;
mod coverage;
mod delivered;
pub mod dialog;
pub mod hops;
mod timers;
mod key;
mod lru;
mod queue;
mod mark;
mod binding;
pub mod media;
pub mod offer;
pub mod onward;
pub mod outcome;
pub mod refusal;
mod state;
mod table;
pub mod transaction;

pub use asked::Asked;
pub use clock::ClockChange;
pub use dialog::{Ack, AckFault, AckMatch, AnsweredDialog, Bye, Leg, Side};
pub use media::{MediaSeen, MediaSpan};
pub use onward::{Link, Onward};
pub use outcome::{Exchanged, Final, Hop, Observed, Session, SessionEnd};
pub use refusal::{Refusal, Retry};
pub use table::Calls;

use crate::packet::{Datagram, IcmpError, Segment};
use crate::sip::{Message, Method, MethodKind, Name, RawMessage};
use crate::units::{Flow, FrameRef, Origin, Span, StatusCode, Timestamp};

/// When and where something was captured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Capture time.
    pub time: Timestamp,
    /// Frame.
    pub at: FrameRef,
}

impl Seen {
    /// Of a message's origin.
    pub const fn of(origin: &Origin<'_>) -> Self {
        Self {
            time: origin.time,
            at: origin.at,
        }
    }
}

/// Capture time goes on.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// By which frame.
    pub at: FrameRef,
    /// And which interface, as of [`Origin::interface`].
    pub interface: u32,
    /// Time of what was captured.
    pub seen: Timestamp,
    /// The time by which timers run; later than `seen` where that came late.
    pub now: Timestamp,
}

/// A message on its way into the room.
#[derive(Clone, Copy, Debug)]
pub struct Sighted<'a> {
    /// Borders, flow, frames.
    pub raw: &'a RawMessage<'a>,
    /// Its index.
    pub message: &'a Message<'a>,
    /// The tap's copy of a message that was pushed before.
    pub duplicate: bool,
}

/// Evidence that is no SIP: looked up, and never kept whole.
#[derive(Clone, Copy, Debug)]
pub enum Sighting<'a> {
    /// A datagram that no room took: media, perhaps.
    Datagram(&'a Datagram<'a>),
    /// A TCP segment: whether connections are opened.
    Segment(&'a Segment<'a>),
    /// An ICMP error that quotes what was sent.
    Unreachable(&'a IcmpError<'a>),
}

/// A response's number in order of capture, from 0.
pub type Serial = u64;

/// What the room says.
#[derive(Debug)]
pub enum Event<'a> {
    /// A response, as it is seen.
    Response(&'a ResponseSeen<'a>),
    /// What a later message adds to an earlier response.
    Note(Note),
    /// An INVITE has its first final response.
    Attempt(&'a Attempt<'a>),
    /// An answered dialog about which all is known that will be.
    Dialog(&'a AnsweredDialog<'a>),
    /// A request about which all is known that will be.
    Exchanged(&'a Exchanged<'a>),
    /// A session that has ended, or of which nothing more was seen.
    Session(&'a Session<'a>),
    /// A call turned out to be a leg that an element sent on.
    Onward(&'a Onward),
    /// The capture's clock did not simply go on.
    Clock(ClockChange),
}

/// A response with its place in its transaction.
#[derive(Clone, Copy, Debug)]
pub struct ResponseSeen<'a> {
    /// Its number.
    pub serial: Serial,
    /// Borders, flow, frames.
    pub raw: &'a RawMessage<'a>,
    /// Its index.
    pub message: &'a Message<'a>,
    /// Its code.
    pub code: StatusCode,
    /// The method it answers.
    pub method: Method<'a>,
    /// Its sender repeated it.
    pub retransmission: bool,
    /// The tap repeated it.
    pub duplicate: bool,
    /// It is the first sighting of this answer on any hop: the one that is counted.
    pub counted: bool,
    /// Of a response that may speak of the identity of its INVITE (a STIR code, or a Reason field):
    /// that INVITE on its hops, the one nearest the caller first. Empty for all else.
    pub invites: &'a [InviteOn<'a>],
    /// Its first copy, where it is repeated and that is still known.
    pub repeats: Option<FrameRef>,
    /// What is known of its ACK already.
    pub context: Option<Context>,
    /// What is known of it from 300 on, of the first copy on a hop.
    pub refusal: Option<&'a Refusal<'a>>,
    /// For how long after it a [`Note`] may follow; zero: it is settled now.
    pub awaits: Span,
}

/// What a later message adds to an earlier response.
#[derive(Clone, Copy, Debug)]
pub struct Note {
    /// Which response.
    pub serial: Serial,
    /// What is known now; `None`: nothing will come.
    pub context: Option<Context>,
    /// Nothing further will come.
    pub settled: bool,
}

/// The longest that a response waits for a [`Note`].
pub const PATIENCE: Span = Span::from_secs(45);

/// A copy of a 2xx that comes so long after its ACK did not cross it (DOMAIN C.5).
pub(crate) const CROSSED: Span = Span::from_secs(1);

/// How long after a response the next copy of it would have been seen that did not cross its ACK, which came
/// `after` it. Copies come after T1, doubling up to T2 (RFC 3261 §13.3.1.4).
pub(crate) fn heeded(after: Span) -> Span {
    let first = Span::from_millis(1700);
    let later = Span::from_nanos(
        after
            .nanos()
            .saturating_add(Span::from_millis(5200).nanos()),
    );
    let is_before_copies = after < Span::from_millis(400);
    if is_before_copies {
        first
    } else {
        later.min(PATIENCE)
    }
}

/// What later messages add to a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Context {
    /// The 2xx to INVITE was acknowledged.
    Acknowledged {
        /// The ACK.
        ack: FrameRef,
        /// From the response to the ACK.
        after: Span,
        /// A copy of the 2xx that came so long after the ACK that it shows that the ACK did not reach the callee,
        /// or did not satisfy it.
        again: Option<FrameRef>,
    },
    /// The sender of the request tried again.
    Retried(Retry),
    /// The challenge was followed by the same request without credentials.
    AskedWithout {
        /// That request.
        request: FrameRef,
    },
    /// Nothing of the call followed the challenge, and the capture would have shown it.
    Unanswered {
        /// For how long.
        watched: Span,
    },
}

/// An INVITE outside a dialog reached its first final response other than a challenge
/// (DOMAIN G.1). Another try after a refusal, under the same CSeq, is one of its own where no hop
/// before it was captured.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    /// Call-ID.
    pub call_id: &'a [u8],
    /// CSeq number; 0 if it is none.
    pub cseq: u32,
    /// The final response's code.
    pub code: StatusCode,
    /// The final response.
    pub response: Seen,
    /// The INVITE; `None` where the capture starts after it.
    pub invite: Option<Seen>,
    /// The final response.
    pub answer: &'a Message<'a>,
    /// Direction of the INVITE.
    pub flow: Flow,
    /// The INVITE on its hops, the one nearest the caller first, if it carries Identity on one.
    pub invites: &'a [InviteOn<'a>],
}

/// An INVITE outside a dialog on one hop, with its text where it carries Identity there.
#[derive(Clone, Copy, Debug)]
pub struct InviteOn<'a> {
    /// Its direction.
    pub flow: Flow,
    /// Its first copy, if it was seen.
    pub seen: Option<Seen>,
    /// Its Via values.
    pub vias: usize,
    /// It came in more than one IP fragment.
    pub fragmented: bool,
    /// Its bytes.
    pub bytes: u32,
    /// All of it, and where its body begins, if it carries Identity or a verifier's result.
    pub text: Option<(&'a [u8], usize)>,
    /// It may have carried one all the same: it was very long, cut, or its attempt had its answer.
    pub is_unknown: bool,
    /// User-Agent, cut to [`outcome::TEXT`] bytes; known with the text only.
    pub user_agent: &'a [u8],
    /// The first final response on this hop so far.
    pub answer: Option<(StatusCode, Seen)>,
}

/// Whether an ICMP error can be one that the room can use.
///
/// "Fragmentation needed" is no failure: the sender's stack sends the same datagram again in
/// smaller pieces.
pub(crate) fn is_about_sip(error: &IcmpError<'_>) -> bool {
    let is_too_big = !error.v6 && error.icmp_type == 3 && error.icmp_code == 4;
    error.is_failure() && !is_too_big && (error.quoted_len > 0 || !error.quoted_payload.is_empty())
}

/// Counts that need no state beyond the calls'.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Requests, repeated ones included, tap copies not.
    pub requests: u64,
    /// Responses, repeated ones included, tap copies not.
    pub responses: u64,
    /// Messages their sender repeated.
    pub retransmissions: u64,
    /// Messages the tap repeated.
    pub duplicates: u64,
    /// Call-IDs with an INVITE transaction.
    pub calls: u64,
    /// Initial INVITEs, rounds of challenges folded.
    pub invites: u64,
    /// Call-IDs among `calls` that are legs which an element sent on of another call.
    pub onward: u64,
    /// Messages an element that keeps to the letter would refuse.
    pub malformed: u64,
}

/// What made a message, in its own words: Server, else User-Agent.
pub fn server<'a>(message: &Message<'a>) -> Option<&'a [u8]> {
    message
        .header(Name::Server)
        .or_else(|| message.header(Name::UserAgent))
        .filter(|server| !server.is_empty())
}

/// Whether requests of this method may be answered with credentials after a challenge.
const fn can_be_challenged(kind: MethodKind) -> bool {
    !matches!(kind, MethodKind::Ack | MethodKind::Cancel)
}
