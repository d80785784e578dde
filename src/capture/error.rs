//! `Error`: why a capture cannot be read at all.
//!
//! Faults inside a capture that was begun are [`crate::defect::Defect`]s; of those an error of the
//! operating system is the only one that ends here.

use std::io;

/// What stops the reading of a capture. Names the offset, and leaves the path to who prints it;
/// [`Self::hint`] says what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system, or whatever is behind the `Read`, gave an error.
    #[error("cannot read on at byte {offset_bytes}")]
    Read {
        /// The capture as the user named it.
        path: String,
        /// Bytes read before.
        offset_bytes: u64,
        /// The cause.
        source: io::Error,
    },
    /// The file is compressed, and what is packed in it is damaged.
    #[error(
        "the {compression} data are damaged; byte {offset_bytes} of what they hold, and what follows, cannot be had"
    )]
    Damaged {
        /// The capture as the user named it.
        path: String,
        /// How it is compressed.
        compression: &'static str,
        /// Bytes unpacked before.
        offset_bytes: u64,
        /// The cause.
        source: io::Error,
    },
    /// Not a single byte.
    #[error("the capture is empty (0 bytes)")]
    Empty {
        /// The capture as the user named it.
        path: String,
    },
    /// It begins like a capture and ends before its first record.
    #[error("ends at byte {offset_bytes}, inside the file header")]
    HeaderCut {
        /// The capture as the user named it.
        path: String,
        /// Where it ends.
        offset_bytes: u64,
    },
    /// It begins like a pcapng, and the head of its first section makes no sense.
    #[error("the section header at byte 0 {what}")]
    BadHeader {
        /// The capture as the user named it.
        path: String,
        /// What is wrong, to be read after "the section header".
        what: &'static str,
    },
    /// Its first bytes are not those of a capture.
    #[error("not a pcap or pcapng: byte 0 begins {what}")]
    NotACapture {
        /// The capture as the user named it.
        path: String,
        /// What it looks like, to be read after "begins".
        what: &'static str,
        /// What the user can do.
        hint: &'static str,
    },
}

impl Error {
    /// Whether the fault is one of the file's content, which has a beginning that can be used.
    pub const fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged { .. })
    }

    /// What the user can do about it.
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::Read { .. } => None,
            Self::Damaged { .. } => Some("copy the file again; it was damaged on its way here"),
            Self::Empty { .. } => Some(
                "was the capture stopped before its first packet was written to the disk? tcpdump -U writes each packet at once",
            ),
            Self::HeaderCut { .. } => Some("copy the file again, it was cut short on its way here"),
            Self::BadHeader { .. } => Some("the file is damaged; copy or capture it again"),
            Self::NotACapture { hint, .. } => Some(hint),
        }
    }
}
