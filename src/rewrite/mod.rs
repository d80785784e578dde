//! Rewrite: a capture's copy as pcapng, with comments, with frames left out or their bytes changed.
//!
//! In: the [`capture::Piece`](crate::capture::Piece)s of one capture, and an [`Editor`] that is shown
//! every frame and every other block and writes into an [`Edit`] what is to become of it. Out: a
//! pcapng. [`copy`] does it for one copy; who writes several from one reading pushes the pieces into
//! several [`Copier`]s.
//!
//! What always holds:
//! - What the editor does not touch is copied byte for byte, in its section's byte order: blocks of
//!   every kind, known or not, and options of blocks to which others are added. The one exception is
//!   the section length, which becomes "not known", for who streams cannot know it.
//! - A frame has the number under which [`crate::capture::Reader::next_frame`] gives it.
//! - A classic pcap becomes one section with one interface of the same link type, snap length and
//!   resolution of time, in the byte order of the file.
//! - Packet blocks that have no room for options (simple ones) or that Wireshark no longer writes
//!   (obsolete ones) become enhanced packet blocks where they are edited. A simple one has no time; the
//!   enhanced one gets that of the packet before it, as everywhere in this program, as far as the
//!   clock of its interface can tell it.
//! - What makes no sense is left out, counted and told, so that the copy can be read to its end; an
//!   interface description among that is replaced by an empty one, so that the others keep their
//!   numbers.
//! - The first section's header says who wrote it.
//!
//! Capped: memory is a block or two, by [`crate::limits::Limits::capture_block_bytes`]; a block that
//! comments would make longer than that is copied without them, and counted.
//!
//! # References
//! - draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng

mod options;
mod views;
mod edit;
mod compose;
mod copier;
mod error;

pub use copier::{Copied, Copier, copy};
pub use edit::Edit;
pub use error::Error;
pub use options::{COMMENT, Options, RawOption, SECTION_APPLICATION};
pub use views::{BlockView, Editor, FrameView};

/// Who writes the copies, as their section headers have it.
pub const AUTHOR: &str = concat!("sipannotate ", env!("CARGO_PKG_VERSION"));

#[cfg(test)]
mod tests;
