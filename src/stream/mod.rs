//! Stream: TCP segments become bytes in order.
//!
//! In: [`crate::packet::Segment`] in capture order. Out: [`Chunk`]s: for each direction of each
//! connection its bytes once, in order, with gaps said where bytes were not captured. The
//! consumer answers each chunk with its [`Appetite`]; what nobody wants is neither followed nor
//! kept.
//!
//! Always: an in-order segment is borrowed, never copied, and costs no allocation; a
//! [`StreamId`] gets no further event after its [`Event::End`]; a stream that was last answered
//! [`Appetite::More`] or [`Appetite::Hold`] gets an `End`, at the latest from
//! [`Reassembler::finish`]. Capped: connections by [`crate::limits::Limits::tcp_streams`],
//! waiting bytes by direction and in total.
//!
//! # References
//! - RFC 9293 (TCP)

use crate::units::{Flow, Origin};

pub(crate) mod kept;
pub(crate) mod gathered;
pub(crate) mod proxied;
mod seq;
mod pending;
mod direction;
mod table;
mod reassembly;

pub(crate) use direction::no_origin;
pub use reassembly::Reassembler;
pub use seq::SeqNo;

/// What is known next of one direction of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Chunk<'a> {
    /// A number for this direction of this connection, never used twice in a run.
    pub stream: StreamId,
    /// Sender and receiver.
    pub flow: Flow,
    /// The frame that made it available. Of bytes that waited for earlier ones: the frame that
    /// brought those, with the frame that brought these in `earlier`; of bytes released without
    /// what precedes them: their own frame.
    pub origin: Origin<'a>,
    /// What happened.
    pub event: Event<'a>,
}

/// One direction of one TCP connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub u64);

impl StreamId {
    /// The other direction of the same connection.
    #[must_use]
    pub const fn peer(self) -> Self {
        Self(self.0 ^ 1)
    }

    /// The connection's number: both directions have it.
    pub const fn connection(self) -> u64 {
        self.0 >> 1
    }
}

/// What happened in a direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// The next bytes, in order. The first of a stream stand at its beginning if its SYN was seen
    /// (or what came first was answered [`Appetite::Hold`] and nothing came before it).
    Bytes(&'a [u8]),
    /// So many bytes were not captured; what follows begins behind them.
    Gap(u64),
    /// FIN or RST, or the connection was given up: no more bytes will come. The answer is not
    /// looked at.
    End,
    /// The payload of a segment of a direction that is not followed: nothing is known of what
    /// came before it. [`Appetite::More`] takes these bytes as delivered and follows the stream
    /// from here; [`Appetite::Hold`] keeps them a moment; [`Appetite::Nothing`] leaves it at that
    /// until the next segment is offered.
    Probe(&'a [u8]),
}

/// How the consumer answers a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appetite {
    /// These bytes are SIP, or may become it: go on with the bytes behind them.
    More,
    /// To a [`Event::Probe`]: these bytes begin nothing, but on this flow they may be the middle
    /// of something whose beginning is captured late. Keep them for a few segments or a second;
    /// then they come as [`Event::Bytes`], behind what precedes them if that came meanwhile.
    /// To any other event the same as `More`.
    Hold,
    /// Go on with the bytes behind these, but it is not known whether SIP is in them (an
    /// encrypted connection, the head of an HTTP request): bytes that were not captured are told
    /// by [`Event::Gap`] only, and when the table is full the connection goes before those with
    /// SIP.
    Maybe,
    /// Not SIP: forget what waits in this direction, and until further notice only offer each
    /// later segment as [`Event::Probe`].
    Nothing,
}
