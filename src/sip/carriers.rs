//! Packets of streams that brought messages, so that copies of them count, too.
//!
//! In: digests of TCP segments and SCTP packets: of one that completed messages how many, and of
//! one that brought nothing new. Out: how many messages the tap repeated with it. Reassembly drops
//! what it has already, whoever repeats it; a packet repeated by the tap has the Identification of
//! the first and comes within milliseconds (DOMAIN C.3), or from another file.
//!
//! Fixed memory, none until a stream brings a message: a table in which a new packet replaces an
//! old one of the same slot.

use super::duplicates::is_copy_in_time;
use crate::units::{FileIndex, Origin, Timestamp};

/// Slots: more than the packets of a second on any trunk.
const SLOTS: usize = 1 << 13;

/// The last packets that brought messages.
#[derive(Debug, Default)]
pub struct Carriers {
    slots: Vec<Option<Carrier>>,
}

#[derive(Clone, Copy, Debug)]
struct Carrier {
    digest: u64,
    file: FileIndex,
    time: Timestamp,
    messages: u64,
}

impl Carriers {
    /// The packet brought `messages`. The digest holds its Identification.
    pub fn brought(&mut self, digest: u64, origin: &Origin<'_>, messages: u64) {
        if self.slots.is_empty() {
            self.slots = vec![None; SLOTS];
        }
        if let Some(slot) = slot(&mut self.slots, digest) {
            *slot = Some(Carrier {
                digest,
                file: origin.at.file,
                time: origin.time,
                messages,
            });
        }
    }

    /// Whether none brought any, so that no digest need be made.
    pub const fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// How many messages are repeated by a packet that brought nothing new. `is_of_tap`: it is
    /// known to be another tap's copy.
    pub fn repeated(&mut self, digest: u64, origin: &Origin<'_>, is_of_tap: bool) -> u64 {
        let known = slot(&mut self.slots, digest).and_then(|slot| slot.as_ref());
        let Some(known) = known.filter(|known| known.digest == digest) else {
            return 0;
        };
        let apart = origin.time.since(known.time);
        let is_copy =
            is_of_tap || known.file != origin.at.file || is_copy_in_time(apart, origin.ip_id);
        if is_copy { known.messages } else { 0 }
    }
}

fn slot(slots: &mut [Option<Carrier>], digest: u64) -> Option<&mut Option<Carrier>> {
    let place = usize::try_from(digest % SLOTS as u64).ok()?;
    slots.get_mut(place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::{FrameNo, FrameRef, Span};

    fn origin(file: u16, millis: i64, ip_id: u16) -> Origin<'static> {
        Origin {
            at: FrameRef {
                file: FileIndex(file),
                no: FrameNo(1),
            },
            time: Timestamp::default().plus(Span::from_millis(millis)),
            earlier: &[],
            interface: 0,
            ip_id,
            ttl: 64,
            snapped: false,
            fragmented: false,
        }
    }

    #[test]
    fn a_copy_repeats_what_its_original_brought() {
        let mut carriers = Carriers::default();
        assert!(carriers.is_empty());
        assert_eq!(carriers.repeated(7, &origin(0, 1, 9), true), 0);
        carriers.brought(7, &origin(0, 0, 9), 3);
        assert_eq!(carriers.repeated(7, &origin(0, 1, 9), false), 3);
        assert_eq!(carriers.repeated(8, &origin(0, 1, 9), false), 0);
        assert_eq!(
            carriers.repeated(7 + SLOTS as u64, &origin(0, 1, 9), false),
            0
        );
    }

    #[test]
    fn what_the_sender_repeats_is_no_copy() {
        let mut carriers = Carriers::default();
        carriers.brought(7, &origin(0, 0, 0), 1);
        assert_eq!(carriers.repeated(7, &origin(0, 200, 0), false), 0);
        assert_eq!(carriers.repeated(7, &origin(0, 19, 0), false), 1);
        assert_eq!(carriers.repeated(7, &origin(1, 3000, 0), false), 1);
    }
}
