//! `Kept`: an [`Origin`] that outlives its frame, without the list of earlier frames.
//!
//! In: the origin of a segment or chunk whose bytes must wait. Out: the same origin later.

use crate::units::{FrameRef, Origin, Timestamp};

/// Where and when bytes that wait were captured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kept {
    /// The frame.
    pub(crate) at: FrameRef,
    time: Timestamp,
    interface: u32,
    ip_id: u16,
    ttl: u8,
    snapped: bool,
    fragmented: bool,
}

impl Kept {
    /// What is kept of `origin`.
    pub(crate) const fn new(origin: &Origin<'_>) -> Self {
        Self {
            at: origin.at,
            time: origin.time,
            interface: origin.interface,
            ip_id: origin.ip_id,
            ttl: origin.ttl,
            snapped: origin.snapped,
            fragmented: origin.fragmented,
        }
    }

    /// The origin again, with `earlier` frames.
    pub(crate) const fn origin<'a>(&self, earlier: &'a [FrameRef]) -> Origin<'a> {
        Origin {
            at: self.at,
            time: self.time,
            earlier,
            interface: self.interface,
            ip_id: self.ip_id,
            ttl: self.ttl,
            snapped: self.snapped,
            fragmented: self.fragmented,
        }
    }

    /// `origin` of the frame that let these bytes go on, with what is known of these bytes.
    pub(crate) const fn joined<'a>(
        &self,
        origin: &Origin<'_>,
        earlier: &'a [FrameRef],
    ) -> Origin<'a> {
        Origin {
            at: origin.at,
            time: origin.time,
            earlier,
            interface: origin.interface,
            ip_id: origin.ip_id,
            ttl: origin.ttl,
            snapped: origin.snapped || self.snapped,
            fragmented: origin.fragmented || self.fragmented,
        }
    }
}
