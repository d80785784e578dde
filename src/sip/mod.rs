//! Sip: datagrams and stream chunks become messages.
//!
//! In: [`crate::packet::Datagram`] and [`crate::stream::Chunk`]. Out: [`RawMessage`]s cut by
//! `framing` (which alone goes by Content-Length, RFC 3261 §18.3) and, from those, `Message`, an
//! index of the header fields over the wire bytes. Both read the lines that `head` finds.

pub mod method;
pub mod field;
pub mod value;
pub mod head;
pub mod message;
pub mod reason;
pub mod warning;
pub mod challenge;
pub mod typed;
pub mod sdp;
pub mod duplicates;
pub mod carriers;

pub use field::Name;
pub use head::Head;
pub use message::{Indexer, Message, Oddities, StartLine};
pub use method::{Method, MethodKind};
pub use sdp::Sdp;

use crate::units::{Flow, Origin};

pub mod sniff;
pub mod framing;

/// One SIP message as it was framed: start line to the end of its body.
#[derive(Clone, Copy, Debug)]
pub struct RawMessage<'a> {
    /// Sender and receiver, and how it was carried.
    pub flow: Flow,
    /// The frame that completed it, and the earlier ones.
    pub origin: Origin<'a>,
    /// Start line, header fields, empty line, body.
    pub bytes: &'a [u8],
    /// Bytes of `bytes` before the body: up to and with the empty line, or all if there is none.
    pub head_len: usize,
    /// The lines of those bytes.
    pub head: &'a Head,
    /// What was odd about its borders.
    pub framing: Framing,
}

impl RawMessage<'_> {
    /// Whether its sender broke the rules for its borders or fields. A capture that cut it did
    /// that itself.
    pub const fn is_malformed(&self, message: &Message<'_>) -> bool {
        if self.origin.snapped {
            !self.framing.head_unfinished && message.oddities.is_malformed()
        } else {
            self.framing.is_malformed() || message.oddities.is_malformed()
        }
    }

    /// Whether the capture's snap length cut its header fields: what is not there may have been.
    pub const fn is_cut_in_head(&self) -> bool {
        self.origin.snapped && self.framing.head_unfinished
    }
}

/// What framing noticed (DOMAIN F.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Framing {
    /// Content-Length is larger than what came.
    pub truncated_body: bool,
    /// Bytes follow the message in its datagram; if they are a message it comes next, with
    /// `follows_in_datagram`.
    pub trailing_octets: bool,
    /// It is not the first message of its datagram.
    pub follows_in_datagram: bool,
    /// Content-Length is negative, not a number, or given several times with different values.
    pub bad_content_length: bool,
    /// On a stream, where it is mandatory, Content-Length is missing (RFC 3261 §18.3).
    pub missing_content_length: bool,
    /// No empty line ends the header fields.
    pub head_unfinished: bool,
    /// It starts behind bytes of the stream that were not captured or not understood.
    pub after_gap: bool,
}

impl Framing {
    /// Whether its borders break the rules, beyond noise behind it.
    pub const fn is_malformed(&self) -> bool {
        self.truncated_body || self.bad_content_length || self.head_unfinished
    }
}
