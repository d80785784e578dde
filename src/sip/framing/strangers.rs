//! `Strangers`: streams of other protocols, in whose text messages may be quoted.
//!
//! In: streams that were looked at and are not SIP. Out: whether a segment of one that begins like
//! a message still proves nothing: a log that is downloaded, a trace in a mail. Always: a stream
//! whose beginning is known to be something else is a stranger; one that was joined in its middle
//! becomes it after [`PATIENCE`] segments. Capped: a slot for each of the last [`SLOTS`] streams;
//! of older ones nothing is known.

use crate::stream::StreamId;

/// Segments of a stream joined in its middle. A message has at most 64 KiB, so that the next one
/// begins within some fifty.
const PATIENCE: u8 = 64;

/// Both directions of half the connections that are followed at once; memory is only taken for
/// those that are used.
const SLOTS: usize = 1 << 16;

/// What was refused of the streams of late.
#[derive(Debug)]
pub(super) struct Strangers {
    /// By the lower bits of a stream's number: the next 24 bits, and behind them how much speaks
    /// against it.
    slots: Vec<u32>,
}

impl Strangers {
    /// None.
    pub(super) fn new() -> Self {
        Self {
            slots: vec![0; SLOTS],
        }
    }

    /// Bytes of it begin no message: a segment of it, or its beginning.
    pub(super) fn refuse(&mut self, stream: StreamId, begins: bool) {
        self.add(stream, if begins { PATIENCE } else { 1 });
    }

    /// Whether it is of another protocol.
    pub(super) fn contains(&self, stream: StreamId) -> bool {
        let (slot, tag) = place(stream);
        let known = self.slots.get(slot).copied().unwrap_or(0);
        known >> 8 == tag && known & 0xff >= u32::from(PATIENCE)
    }

    fn add(&mut self, stream: StreamId, more: u8) {
        let (slot, tag) = place(stream);
        if let Some(known) = self.slots.get_mut(slot) {
            let before = if *known >> 8 == tag { *known & 0xff } else { 0 };
            *known = tag << 8 | (before + u32::from(more)).min(u32::from(PATIENCE));
        }
    }
}

/// The slot of a stream, and what tells it from others of the same slot.
fn place(stream: StreamId) -> (usize, u32) {
    let slots = u64::try_from(SLOTS).unwrap_or(u64::MAX);
    let slot = usize::try_from(stream.0 % slots).unwrap_or(0);
    let tag = u32::try_from(stream.0 / slots % (1 << 24)).unwrap_or(0);
    (slot, tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_a_stranger_from_its_beginning_or_after_much_that_is_none() {
        let mut strangers = Strangers::new();
        strangers.refuse(StreamId(7), true);
        for _ in 1..PATIENCE {
            strangers.refuse(StreamId(8), false);
        }
        let next = StreamId(7 + SLOTS as u64);
        let seen = [StreamId(7), StreamId(8), next].map(|stream| strangers.contains(stream));
        assert_eq!(seen, [true, false, false]);
        strangers.refuse(StreamId(8), false);
        strangers.refuse(next, false);
        let seen = [StreamId(7), StreamId(8), next].map(|stream| strangers.contains(stream));
        assert_eq!(seen, [false, true, false]);
    }
}
