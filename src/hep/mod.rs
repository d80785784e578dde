//! Hep: the messages inside the connections of capture agents.
//!
//! In: [`crate::stream::Chunk`]s of TCP or decrypted TLS, and messages of SCTP. Out: [`Item`]s:
//! chunks of other protocols as they came, and each SIP message that an agent mirrored, with the
//! addresses and the time that the agent tells of it. HEP in datagrams is opened in `packet`, with
//! the same reader.
//!
//! Always: a connection is found by the magic of its packets, on any port; behind a gap or damage
//! reading goes on with the next packet. Capped: a packet by its length of 16 bits, all unfinished
//! ones together by [`crate::limits::Limits::hep_bytes`].
//!
//! # References
//! - HEP3/EEP3 specification, revision 37, <https://github.com/sipcapture/HEP>

mod stage;

pub use stage::{Hep, Item};

#[cfg(test)]
mod tests;
