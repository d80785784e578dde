//! Tls: connections that can be decrypted become plaintext chunks.
//!
//! In: [`crate::stream::Chunk`]s of TCP, and secrets ([`KeyLog`]). Out: chunks: those of other
//! protocols as they came, those of TLS connections with a secret decrypted, with
//! [`crate::units::Transport::Tls`] and the frames of their records. Connections that were not
//! decrypted are told by server, name and reason ([`Unread`]).
//!
//! Always: TLS is found by its hellos, on any port; a direction's plaintext comes in order, once,
//! whatever the order of both directions in the capture; a gap ends its direction; nothing is
//! handed on whose tag or MAC is wrong. Secrets may come before or, within what may wait, behind
//! the records they are for. Capped: connections, and bytes that wait for a secret, a hello or
//! the rest of a record, by direction and in total; servers told.
//!
//! Not decrypted: SSL 3.0, suites other than AES (GCM, CCM, CBC), ChaCha20-Poly1305 and NULL,
//! renegotiation, compression.
//!
//! # References
//! - RFC 2246 (TLS 1.0), RFC 4346 (TLS 1.1), RFC 5246 (TLS 1.2), RFC 8446 (TLS 1.3)

mod keylog;
mod suite;
mod crypto;
mod hello;
mod dtls;
mod unread;
mod side;
mod connection;
mod stage;

pub use dtls::is_dtls_client_hello;
pub use keylog::KeyLog;
pub use stage::Tls;
pub use unread::{Line, Unread, Why};

#[cfg(test)]
mod tests;
