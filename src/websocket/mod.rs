//! Websocket: the messages inside WebSocket connections.
//!
//! In: [`crate::stream::Chunk`]s of TCP or decrypted TLS. Out: [`Item`]s: chunks of other protocols
//! as they came, and each WebSocket message as a datagram with
//! [`crate::units::Transport::Ws`] or [`crate::units::Transport::Wss`]: one is exactly one SIP
//! message (RFC 7118 §5).
//!
//! Always: a connection is found by its handshake, on any port, or in its middle by a frame that
//! begins with SIP; each direction is read on its own; a message comes once, whatever frames it
//! was sent in. Capped: an HTTP head, a message and its inflated form
//! ([`crate::limits::Limits::message_bytes`]), and all of them together
//! ([`crate::limits::Limits::websocket_bytes`]).
//!
//! # References
//! - RFC 6455 (WebSocket), RFC 7692 (permessage-deflate), RFC 7118 (SIP over WebSocket)

mod handshake;
mod frame;
mod inflate;
mod direction;
mod stage;

pub use stage::{Item, Websocket};

#[cfg(test)]
mod tests;
