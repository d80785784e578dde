//! Capture: a file or standard input becomes [`Frame`]s.
//!
//! In: bytes of a classic pcap or pcapng. Out: frames in file order, borrowed from one ring
//! buffer and good until the next call. Memory does not depend on the file's size; the buffer
//! grows for a large block up to [`crate::limits::Limits::capture_block_bytes`].
//!
//! # References
//! - draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng

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
    /// pcapng interface, 0 in classic pcap.
    pub interface: u32,
    /// The bytes captured.
    pub captured: &'a [u8],
    /// Bytes the packet had on the wire; more than captured where a snap length cut it.
    pub orig_len: u32,
}

/// A link-layer type, as <https://www.tcpdump.org/linktypes.html> numbers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkType(pub u16);
