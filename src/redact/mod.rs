//! Redact: a capture whose subscribers nobody can tell, and which still shows what went wrong.
//!
//! In: the frames of a capture, twice, and a [`Key`]. Out: the same frames with pseudonyms in place
//! of numbers, names, hosts, addresses, identifiers and secrets; a pcapng of them and of nothing else
//! that the input held ([`Redaction`]).
//!
//! The first reading only remembers values, so that no pseudonym is another value of the capture. The
//! second replaces them. Every pseudonym is as long as what it stands for: no length, no sequence
//! number and no place in a stream changes, and checksums are carried over, right ones and wrong
//! ones.
//!
//! Always: a byte stays only because something here knows it. What carries no SIP, what is encrypted,
//! compressed or masked, and what of a stream cannot be put together, is zeros behind its headers.
//! Capped: see [`crate::limits::Limits`], `redact_*`.
//!
//! `key` makes numbers, `address` and `pseudonyms` what stands for what; `text`, `message`, `body` and
//! `passport` find the values of a message; `frame` those of a packet, `link` of its outer heads, `stream` puts messages
//! together, `engine` holds frames back until they are; `file` writes, `leaks` and `numbers` read back.

mod words;
mod key;
mod address;
mod leaks;
mod numbers;
mod pseudonyms;
mod text;
mod passport;
mod body;
mod message;
mod checksum;
mod media;
mod link;
mod frame;
mod stream;
mod engine;
mod file;

pub use file::{Error, Interfaces, Redaction, Told, check, check_text};
pub use key::Key;
pub use leaks::{Leak, Values};
