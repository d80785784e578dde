//! Ladder: the messages of chosen calls, gathered in one reading.
//!
//! In: every message of a run ([`Passed`]), of which a [`Choice`] says whose are kept. Out: one
//! [`Ladder`] a call: its hosts as columns, in the order in which the call goes through them, and
//! its messages by time, with what repeats what. Nothing here is drawn or judged: what the report
//! knows of the responses, and the findings, are put beside the messages by `report`.
//!
//! What always holds: a message is an arrow from one column to another; messages are in the order
//! of capture, which is that of their time; whatever is given up is counted. Capped:
//! [`crate::limits::Limits::ladder_calls`], `ladder_messages`, `ladder_bytes`.

mod choice;
mod columns;
mod gather;
mod repeats;
mod sent;

pub use choice::Choice;
pub use gather::{Gather, Gathered};
pub use sent::{Sent, Start};

use std::net::IpAddr;

use crate::calls::{Onward, Sighted};

/// A message on its way through the run.
#[derive(Clone, Copy, Debug)]
pub struct Passed<'a> {
    /// Borders, flow, frames, index, and whether the tap copied it.
    pub seen: Sighted<'a>,
    /// Its sender repeated it.
    pub retransmission: bool,
    /// It begins a leg that an element sent on of another call.
    pub onward: Option<&'a Onward>,
}

/// A column: who sends and receives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// IP address.
    pub addr: IpAddr,
    /// The ports it used in this call, in the order in which they were seen. Where parties of a call
    /// share an address each has a column of its own, with its port first.
    pub ports: Vec<u16>,
    /// Another column has the same address.
    pub shares_address: bool,
}

/// The messages of one call: of one Call-ID, or of its legs where a [`Choice`] names them.
#[derive(Clone, Debug, Default)]
pub struct Ladder {
    /// Call-ID; empty for messages that have none.
    pub call_id: Vec<u8>,
    /// Its legs under further Call-IDs, in the order in which they began.
    pub legs: Vec<Onward>,
    /// Columns, from the caller to the callee.
    pub hosts: Vec<Host>,
    /// Messages in the order of capture.
    pub messages: Vec<Sent>,
    /// Messages before the first that is kept, and behind the last.
    pub left_out: (u64, u64),
}
