//! Sctp: the user messages inside SCTP packets.
//!
//! In: [`crate::packet::SctpPacket`], and UDP datagrams that hold one (RFC 6951). Out: each user
//! message as a datagram with [`crate::units::Transport::Sctp`]: one is exactly one SIP message
//! (RFC 4168 §5). Streams and payload protocols are not told apart: RFC 4168 names none.
//!
//! Always: a message comes once, as soon as all its fragments are there, in whatever order they
//! came and however often; a message in one chunk is borrowed. Capped: directions of associations
//! ([`crate::limits::Limits::sctp_associations`]), bytes of fragments by direction and in total.
//!
//! # References
//! - RFC 9260 §3.3.1 (DATA), §6.9 (fragments); RFC 8260 §2.1 (I-DATA); RFC 6951; RFC 4168

mod chunk;
mod window;
mod association;
mod stage;

pub use stage::{Sctp, is_candidate};

#[cfg(test)]
mod tests;
