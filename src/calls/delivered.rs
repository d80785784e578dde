//! What TCP acknowledged: a message whose bytes the receiver's TCP took has arrived, whether it is
//! answered or not.
//!
//! In: segments that completed a message, and all segments behind them. Kept: for each direction of
//! a connection that carries SIP the end of its last message, until that is acknowledged, and up to
//! when all was. Capped: of more than `WAYS` directions new ones are not learned. A segment of
//! anything else costs a look at one bit, by its port.
//!
//! # References
//! - RFC 9293 §3.4 (acknowledgments are cumulative), §3.10.7.4

use std::collections::HashMap;

use rustc_hash::FxBuildHasher;

use super::Seen;
use crate::packet::Segment;
use crate::units::{Endpoint, Flow, Span, Timestamp};

/// Directions of connections remembered.
const WAYS: usize = 32_768;

/// TCP acknowledges at once, and what it repeats within this time. A tap on which that is not seen sooner misses what
/// comes from there, and what is acknowledged later besides says nothing.
const PROMPT: Span = Span::from_secs(32);

/// Ports in one word of the set.
const BITS: usize = 64;

/// What was acknowledged, by direction.
#[derive(Debug, Default)]
pub(super) struct Delivered {
    ways: HashMap<(Endpoint, Endpoint), Way, FxBuildHasher>,
    /// Ports at which a message arrived, a bit each; empty until there is one.
    ports: Vec<u64>,
}

#[derive(Clone, Copy, Debug)]
struct Way {
    /// Sequence number behind the last message, and when that was sent; `None`: acknowledged.
    open: Option<(u32, Timestamp)>,
    /// What was sent until then arrived, as this segment says.
    until: Option<(Timestamp, Seen)>,
}

impl Delivered {
    /// A segment completed a message.
    pub(super) fn sent(&mut self, segment: &Segment<'_>) {
        let key = (segment.flow.src, segment.flow.dst);
        if self.ways.len() >= WAYS && !self.ways.contains_key(&key) {
            return;
        }
        let len = u32::try_from(segment.payload.len()).unwrap_or(u32::MAX);
        let end = segment.seq.wrapping_add(len);
        let way = self.ways.entry(key).or_insert(Way {
            open: None,
            until: None,
        });
        way.open = Some((end, segment.origin.time));
        self.ports.resize(usize::from(u16::MAX) / BITS + 1, 0);
        let (word, bit) = place(segment.flow.dst.port);
        if let Some(word) = self.ports.get_mut(word) {
            *word |= bit;
        }
    }

    /// Takes any segment: it may acknowledge what was sent the other way.
    #[inline]
    pub(super) fn push(&mut self, segment: &Segment<'_>) {
        let (word, bit) = place(segment.flow.src.port);
        if self.ports.get(word).is_some_and(|word| word & bit != 0) {
            self.acknowledges(segment);
        }
    }

    fn acknowledges(&mut self, segment: &Segment<'_>) {
        let flags = segment.flags;
        // A reset tells that a connection is gone, not that its bytes were taken.
        if !flags.ack || flags.rst || flags.syn {
            return;
        }
        let way = self.ways.get_mut(&(segment.flow.dst, segment.flow.src));
        if let Some(way) = way
            && let Some((end, sent)) = way.open
            && segment.ack.wrapping_sub(end) < 1 << 31
        {
            way.open = None;
            if segment.origin.time.since(sent) < PROMPT {
                way.until = Some((sent, Seen::of(&segment.origin)));
            }
        }
    }

    /// The segment that says that what was sent at `time` has arrived.
    pub(super) fn of(&self, flow: &Flow, time: Timestamp) -> Option<Seen> {
        let way = self.ways.get(&(flow.src, flow.dst))?;
        let (until, seen) = way.until?;
        (until >= time).then_some(seen)
    }
}

const fn place(port: u16) -> (usize, u64) {
    (port as usize / BITS, 1 << (port as usize % BITS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::TcpFlags;
    use crate::units::{FrameNo, FrameRef, Origin, Transport};

    fn flow(src: u16, dst: u16) -> Flow {
        let socket = |port| Endpoint::new([10, 0, 0, 1].into(), port);
        Flow {
            src: socket(src),
            dst: socket(dst),
            transport: Transport::Tcp,
        }
    }

    /// A segment of frame `no`, which is also its time.
    fn segment(no: i64, flow: Flow, seq: u32, ack: u32, payload: &[u8]) -> Segment<'_> {
        Segment {
            flow,
            origin: Origin {
                at: FrameRef {
                    no: FrameNo(no.unsigned_abs()),
                    ..FrameRef::default()
                },
                time: Timestamp::from_nanos(no),
                earlier: &[],
                interface: 0,
                ip_id: 0,
                ttl: 64,
                snapped: false,
                fragmented: false,
            },
            seq,
            ack,
            flags: TcpFlags {
                ack: true,
                ..TcpFlags::default()
            },
            payload,
            wire_len: 0,
        }
    }

    /// The frame that acknowledges what frame 1 brought, after acknowledgments of these numbers.
    fn check(seq: u32, acks: &[u32], expected: Option<u64>) {
        let mut delivered = Delivered::default();
        delivered.sent(&segment(1, flow(40_000, 5060), seq, 0, b"INVITE"));
        for (ack, no) in acks.iter().zip(2..) {
            delivered.push(&segment(no, flow(5060, 40_000), 0, *ack, b""));
        }
        let of = delivered.of(&flow(40_000, 5060), Timestamp::from_nanos(1));
        assert_eq!(of.map(|seen| seen.at.no.0), expected, "{acks:?}");
    }

    #[test]
    fn an_acknowledgment_of_all_bytes_shows_that_they_arrived() {
        check(100, &[100, 105, 106, 106], Some(4));
        check(100, &[100, 105], None);
        check(u32::MAX - 2, &[u32::MAX, 3], Some(3));
    }

    #[test]
    fn what_was_sent_later_and_the_other_way_is_not_known_to_have_arrived() {
        let mut delivered = Delivered::default();
        delivered.sent(&segment(1, flow(40_000, 5060), 0, 0, b"INVITE"));
        delivered.push(&segment(2, flow(5060, 40_000), 0, 6, b""));
        delivered.sent(&segment(3, flow(40_000, 5060), 6, 0, b"INVITE"));
        let of = |flow: Flow, no| delivered.of(&flow, Timestamp::from_nanos(no)).is_some();
        assert!(of(flow(40_000, 5060), 1));
        assert!(!of(flow(40_000, 5060), 3));
        assert!(!of(flow(5060, 40_000), 1));
    }

    #[test]
    fn what_is_acknowledged_half_a_minute_later_besides_says_nothing() {
        for (seconds, expected) in [(31, true), (33, false)] {
            let mut delivered = Delivered::default();
            let sent = segment(1, flow(40_000, 5060), 0, 0, b"INVITE");
            delivered.sent(&sent);
            let mut later = segment(2, flow(5060, 40_000), 0, 6, b"");
            later.origin.time = sent.origin.time.plus(Span::from_secs(seconds));
            delivered.push(&later);
            let of = delivered.of(&flow(40_000, 5060), sent.origin.time);
            assert_eq!(of.is_some(), expected, "{seconds}");
        }
    }

    #[test]
    fn a_reset_is_no_acknowledgment() {
        let mut delivered = Delivered::default();
        delivered.sent(&segment(1, flow(40_000, 5060), 0, 0, b"INVITE"));
        let mut reset = segment(2, flow(5060, 40_000), 0, 6, b"");
        reset.flags.rst = true;
        delivered.push(&reset);
        assert_eq!(
            delivered.of(&flow(40_000, 5060), Timestamp::from_nanos(1)),
            None
        );
    }

    #[test]
    fn memory_is_capped() {
        let mut delivered = Delivered::default();
        for n in 0..40_000_u16 {
            delivered.sent(&segment(1, flow(n, 5060), 0, 0, b"INVITE"));
        }
        assert_eq!(delivered.ways.len(), WAYS);
    }
}
