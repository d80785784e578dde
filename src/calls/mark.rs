//! A [`Seen`] in 16 bytes, with or without one: what calls in progress keep many of.

use std::num::NonZeroU64;

use super::Seen;
use crate::units::{FileIndex, FrameNo, FrameRef, Timestamp};

/// When and where something was captured, packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) time: Timestamp,
    /// The file above [`FRAME_BITS`], below it the frame's number and one more.
    place: NonZeroU64,
}

/// Frames of one file that are told apart: 281 million millions.
const FRAME_BITS: u32 = 48;

const FRAMES: u64 = (1 << FRAME_BITS) - 1;

impl Mark {
    /// The same, unpacked.
    pub(super) const fn seen(self) -> Seen {
        let place = self.place.get();
        Seen {
            time: self.time,
            at: FrameRef {
                file: FileIndex((place >> FRAME_BITS) as u16),
                no: FrameNo((place & FRAMES) - 1),
            },
        }
    }
}

impl From<Seen> for Mark {
    fn from(seen: Seen) -> Self {
        let number = seen.at.no.0.min(FRAMES - 1);
        let file = u64::from(seen.at.file.0) << FRAME_BITS;
        Self {
            time: seen.time,
            place: NonZeroU64::MIN.saturating_add(number) | file,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost_by_packing() {
        for (file, no) in [(0, 0), (0, 1), (7, 4_294_967_296), (u16::MAX, FRAMES - 1)] {
            let seen = Seen {
                time: Timestamp::from_nanos(-5),
                at: FrameRef {
                    file: FileIndex(file),
                    no: FrameNo(no),
                },
            };
            assert_eq!(Mark::from(seen).seen(), seen);
        }
        assert_eq!(size_of::<Option<Mark>>(), 16);
    }
}
