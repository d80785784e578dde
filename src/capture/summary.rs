//! `Summary`: what is known of a capture beside its frames.
//!
//! Holds for what was read so far; at [`super::Next::End`] for the whole. Interfaces are capped by
//! [`crate::limits::Limits::capture_interfaces`], their names by `NAME_BYTES`.

use super::LinkType;
use crate::units::Timestamp;

/// Bytes kept of an interface's name; Linux allows 15, Windows writes 50.
pub(super) const NAME_BYTES: usize = 256;

/// The file formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Classic pcap.
    Pcap,
    /// pcapng.
    PcapNg,
}

impl Format {
    /// The name the JSON uses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pcap => "pcap",
            Self::PcapNg => "pcapng",
        }
    }
}

/// A capture so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// How it is written.
    pub format: Format,
    /// Frames delivered.
    pub packets: u64,
    /// Bytes of the file gone through.
    pub bytes: u64,
    /// The earliest time of a frame.
    pub first: Option<Timestamp>,
    /// The latest time of a frame.
    pub last: Option<Timestamp>,
    /// The file ends inside a packet or block.
    pub cut_short: bool,
    /// The interfaces, of all sections in file order.
    pub interfaces: Vec<Interface>,
}

/// An interface of a capture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// What its frames begin with.
    pub link: LinkType,
    /// Bytes kept of a packet; 0 where nothing was cut.
    pub snaplen: u32,
    /// `if_name`, a stranger's bytes; its first 256.
    pub name: Option<Box<[u8]>>,
}

impl Summary {
    pub(super) const fn new(format: Format) -> Self {
        Self {
            format,
            packets: 0,
            bytes: 0,
            first: None,
            last: None,
            cut_short: false,
            interfaces: Vec::new(),
        }
    }

    /// Counts a frame.
    #[inline]
    pub(super) fn count(&mut self, time: Timestamp) {
        self.packets += 1;
        self.first = Some(self.first.map_or(time, |first| first.min(time)));
        self.last = Some(self.last.map_or(time, |last| last.max(time)));
    }
}
