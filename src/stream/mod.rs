//! Stream: TCP segments become bytes in order.
//!
//! In: [`crate::packet::Segment`] in capture order. Out: [`Chunk`]s: for each direction of each
//! connection its bytes once, in order, with gaps said where bytes were not captured.

use crate::units::{Flow, Origin};

/// What is known next of one direction of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Chunk<'a> {
    /// A number for this direction of this connection, never used twice in a run.
    pub stream: StreamId,
    /// Sender and receiver.
    pub flow: Flow,
    /// The frame that made it available.
    pub origin: Origin<'a>,
    /// What happened.
    pub event: Event<'a>,
}

/// One direction of one TCP connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub u64);

/// What happened in a direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// The next bytes, in order.
    Bytes(&'a [u8]),
    /// So many bytes were not captured; what follows begins behind them.
    Gap(u64),
    /// FIN or RST, or the connection was given up: no more bytes will come.
    End,
}
