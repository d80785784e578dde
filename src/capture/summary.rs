//! `Summary`: what is known of a capture beside its frames.
//!
//! Holds for what was read so far; at [`super::Next::End`] for the whole. Interfaces are capped by
//! [`crate::limits::Limits::capture_interfaces`], named addresses by
//! [`crate::limits::Limits::capture_names`], all names by `NAME_BYTES`.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::{Compression, LinkType};
use crate::units::Timestamp;

/// Bytes kept of a name; of an interface's Linux allows 15, Windows writes 50, DNS allows 255.
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
    /// What it was packed with.
    pub compression: Option<Compression>,
    /// Frames delivered.
    pub packets: u64,
    /// Bytes of the file gone through, unpacked.
    pub bytes: u64,
    /// The earliest time of a frame.
    pub first: Option<Timestamp>,
    /// The latest time of a frame.
    pub last: Option<Timestamp>,
    /// The file ends inside a packet or block.
    pub cut_short: bool,
    /// The interfaces, of all sections in file order.
    pub interfaces: Vec<Interface>,
    /// What the capture itself calls an address: the first name of its last name resolution
    /// record, a stranger's bytes; the first 256 of it.
    pub names: BTreeMap<IpAddr, Box<[u8]>>,
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
            compression: None,
            packets: 0,
            bytes: 0,
            first: None,
            last: None,
            cut_short: false,
            interfaces: Vec::new(),
            names: BTreeMap::new(),
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
