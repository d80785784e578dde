//! Capture: a file or standard input becomes [`Frame`]s.
//!
//! In: bytes of a classic pcap or pcapng from any [`std::io::Read`], also one that delivers a byte
//! a call. Out: frames in file order, borrowed from one ring buffer and good until the next call.
//! Every way a capture can end is an arm of [`Next`]; what is wrong inside it is a
//! [`Defect`], and only what stops all reading is an [`Error`].
//!
//! A capture may be compressed, which its first bytes tell, and is unpacked as it is read. Several
//! are read as one by [`Merge`], and [`Taps`] tells what two of them both saw.
//!
//! Who copies a capture reads it [block by block](Reader::next_piece): by the same code, so that both
//! readings give a frame the same number.
//!
//! Always: memory does not depend on the file's size, no byte string panics or hangs the reader,
//! and everything before a fault is delivered. Capped: the buffer grows for a large block up to
//! [`crate::limits::Limits::capture_block_bytes`] (larger blocks are passed over), and
//! [`crate::limits::Limits::capture_interfaces`] interfaces are remembered; for compression,
//! merging and comparing see there.
//!
//! The ring buffers are pcap-parser's `LegacyPcapReader` and `PcapNGReader`, and pcap-parser reads
//! the rare parts (file heads, interface descriptions, statistics). Heads of packet records are
//! read here, because
//! - pcap-parser answers "incomplete" to a packet longer than its block, which would make a reader
//!   that refills wait for the rest of the file;
//! - it collects a packet block's options in a vector, an allocation a packet;
//! - it refuses the byte-swapped form of the "modified" pcap: its ring is given a plain file head
//!   in that one's place;
//! - it refuses binary `if_tsresol` and reads option values as little-endian always.
//!
//! # References
//! - draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng
//! - <https://www.tcpdump.org/linktypes.html>

mod error;
mod first_bytes;
mod source;
mod time;
mod unpack;
mod summary;
mod classic;
mod ng;
mod names;
mod reader;
mod blocks;
mod glance;
mod kin;
mod lineage;
mod echoes;
mod meter;
mod merge;
mod taps;

pub use blocks::{Block, BlockKind, ClassicHead, Piece};
pub use echoes::{Echoes, Offset, segment as segment_digest};
pub use error::Error;
pub use first_bytes::Order;
pub use glance::is_capture;
pub use kin::kin;
pub use lineage::Lineage;
pub use merge::{Border, Ended, Merge, Refused, Source};
pub use meter::Meter;
pub use reader::Reader;
pub use summary::{Format, Interface, Summary};
pub use taps::Taps;
pub use unpack::Compression;

use crate::defect::Defect;
use crate::units::{FrameRef, Timestamp};

/// A captured frame, borrowed from the reader.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// File and frame number.
    pub at: FrameRef,
    /// Capture time.
    pub time: Timestamp,
    /// What the bytes begin with.
    pub link: LinkType,
    /// Index into [`Summary::interfaces`]: counted through all sections of a pcapng, 0 in classic
    /// pcap.
    pub interface: u32,
    /// The bytes captured.
    pub captured: &'a [u8],
    /// Bytes the packet had on the wire; more than captured where a snap length cut it.
    ///
    /// Invariant: not less than `captured.len()`.
    pub orig_len: u32,
}

/// A link-layer type, as <https://www.tcpdump.org/linktypes.html> numbers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkType(pub u16);

/// [`Next::Secrets`] that are a TLS key log as NSS writes it.
pub const TLS_KEY_LOG: u32 = 0x544c_534b;

/// What comes next in a capture.
#[derive(Clone, Copy, Debug)]
pub enum Next<'a> {
    /// A frame.
    Frame(Frame<'a>),
    /// Something of the file that could not be used; more may follow.
    Defect(Defect),
    /// Keys that the capture brings along to decrypt what follows (a pcapng's decryption secrets
    /// block).
    Secrets {
        /// What the bytes are, as draft-ietf-opsawg-pcapng numbers it: [`TLS_KEY_LOG`], ….
        kind: u32,
        /// The keys.
        bytes: &'a [u8],
    },
    /// The file ends inside a packet or block; everything before it was delivered, and
    /// [`Next::End`] follows.
    CutShort {
        /// Where the packet or block that is not all there begins.
        offset_bytes: u64,
        /// Frames delivered before.
        frames: u64,
    },
    /// No more frames; said again however often one asks.
    End,
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
