//! `Echoes`: packets that stand in two captures, however far apart their clocks are.
//!
//! In: digests of packets, with file and time. Out: [`Offset`]s: which two files hold the same
//! packets, and how far apart in time.
//!
//! All files are sampled alike: of all digests those below a bound are kept, and the bound falls
//! as the table fills, so a packet that is kept of one file is kept of all. Many packets must agree
//! on one offset. A digest that holds something no sender says twice (IPv4 Identification, TCP
//! sequence numbers, a Date) is *identified*: of it, equal means the same packet. Where only the
//! bytes are equal, a load generator may have said the same on two days.
//!
//! Capped: [`Limits::tap_echoes`] packets, [`FILES`] files a packet, [`Limits::tap_pairs`] pairs of
//! files, [`SPANS`] packets a pair.

use std::collections::BTreeMap;
use std::hash::{Hash as _, Hasher as _};

use rustc_hash::{FxHashMap, FxHasher};

use super::taps::LONGEST;
use crate::limits::Limits;
use crate::units::{FileIndex, Flow, Origin, Span, Timestamp};

/// Files remembered of one packet: so many taps see it at most.
const FILES: usize = 4;
/// Packets looked at of a pair of files.
const SPANS: usize = 1024;
/// Identified packets it takes to believe an offset.
const IDENTIFIED: usize = 5;
/// Equal packets it takes to speak of an offset.
const EQUAL: usize = 3;
/// How far two free-running clocks drift apart within a capture.
const DRIFT: Span = Span::from_secs(5);
/// The same where the offset is no longer than a sender goes on repeating itself, so that what it
/// repeats must not look like it.
const CLOSE_DRIFT: Span = Span::from_millis(200);

/// Bytes of a segment that are compared; its numbers and length tell it from others already.
const SEGMENT_BYTES: usize = 64;

/// Packets of several files.
#[derive(Debug)]
pub struct Echoes {
    max_pairs: usize,
    datagrams: Table,
    /// Of their own, so that a download does not push SIP out.
    segments: Table,
    /// Media and the like.
    others: Table,
}

/// Packets of one kind.
#[derive(Debug)]
struct Table {
    cap: usize,
    /// Only digests up to here are kept.
    bound: u64,
    packets: FxHashMap<u64, Packet>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Packet {
    is_identified: bool,
    seen: [Option<Seen>; FILES],
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    file: FileIndex,
    time: Timestamp,
    /// More than once: one does not know which of them is in the other file.
    is_repeated: bool,
}

/// Two files that hold the same packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offset {
    /// The file named first.
    pub first: FileIndex,
    /// The other.
    pub second: FileIndex,
    /// By how much the second one's times are greater.
    pub by: Span,
    /// Packets that say so, of those that were looked at.
    pub count: usize,
    /// Nothing but the same packets explains it.
    pub is_proven: bool,
}

impl Echoes {
    /// None yet.
    pub fn new(limits: &Limits) -> Self {
        Self {
            max_pairs: limits.tap_pairs,
            datagrams: Table::new(limits.tap_echoes / 2),
            segments: Table::new(limits.tap_echoes / 2),
            others: Table::new(limits.tap_echoes / 2),
        }
    }

    /// Takes a SIP datagram.
    pub fn datagram(&mut self, flow: &Flow, origin: &Origin<'_>, payload: &[u8]) {
        let digest = datagram(flow, origin, payload);
        self.push_datagram(digest, origin, payload);
    }

    /// The same by its digest.
    pub(super) fn push_datagram(&mut self, digest: u64, origin: &Origin<'_>, payload: &[u8]) {
        let is_identified = || origin.ip_id != 0 || has_date(payload);
        self.datagrams.push(digest, origin, is_identified);
    }

    /// Takes a TCP segment, by its sequence and acknowledgment numbers and its payload.
    pub fn segment(
        &mut self,
        flow: &Flow,
        origin: &Origin<'_>,
        numbers: (u32, u32),
        payload: &[u8],
    ) {
        if !payload.is_empty() {
            self.push_segment(segment(flow, origin, numbers, payload), origin);
        }
    }

    /// Takes a datagram that is not SIP, if its Identification makes a witness of it.
    pub fn other(&mut self, flow: &Flow, origin: &Origin<'_>, payload: &[u8]) {
        if origin.ip_id != 0 {
            let digest = segment(flow, origin, (0, 0), payload);
            self.others.push(digest, origin, || true);
        }
    }

    /// The same by its digest, if it has a payload.
    pub(super) fn push_segment(&mut self, digest: u64, origin: &Origin<'_>) {
        self.segments.push(digest, origin, || true);
    }

    /// How far apart the files are that hold the same packets: most of what they have in common
    /// agrees.
    pub fn offsets(&self) -> Vec<Offset> {
        let spans = self.spans(|_| true);
        let offsets = spans.into_iter();
        offsets
            .filter_map(|(pair, spans)| offset(pair, spans, (9, 10)))
            .collect()
    }

    /// The same of what is farther apart than `far`, whatever else the files have in common.
    pub fn far_offsets(&self, far: Span) -> Vec<Offset> {
        let spans = self.spans(|span| span.nanos().saturating_abs() > far.nanos());
        let offsets = spans.into_iter();
        offsets
            .filter_map(|(pair, spans)| offset(pair, spans, (1, 2)))
            .collect()
    }

    /// Of each pair of files how far apart their common packets are, and which are identified.
    fn spans(&self, wanted: impl Fn(Span) -> bool) -> Spans {
        let mut spans = Spans::new();
        let tables = [&self.datagrams, &self.segments, &self.others];
        for packet in tables.iter().flat_map(|table| table.packets.values()) {
            let seen = || packet.seen.iter().flatten();
            for a in seen() {
                for b in seen().filter(|b| a.file < b.file) {
                    let span = b.time.since(a.time);
                    let pair = (a.file, b.file);
                    let has_room = spans.len() < self.max_pairs || spans.contains_key(&pair);
                    if a.is_repeated || b.is_repeated || !wanted(span) || !has_room {
                        continue;
                    }
                    let spans = spans.entry(pair).or_default();
                    if spans.len() < SPANS {
                        spans.push((span, packet.is_identified));
                    }
                }
            }
        }
        spans
    }
}

impl Table {
    fn new(cap: usize) -> Self {
        Self {
            cap: cap.max(1),
            bound: u64::MAX,
            packets: FxHashMap::default(),
        }
    }

    fn push(&mut self, digest: u64, origin: &Origin<'_>, is_identified: impl FnOnce() -> bool) {
        let digest = mixed(digest);
        if digest > self.bound {
            return;
        }
        let packet = self.packets.entry(digest).or_insert_with(|| Packet {
            is_identified: is_identified(),
            ..Packet::default()
        });
        packet.push(origin.at.file, origin.time);
        while self.packets.len() > self.cap {
            self.bound /= 2;
            let bound = self.bound;
            self.packets.retain(|digest, _| *digest <= bound);
        }
    }
}

type Spans = BTreeMap<(FileIndex, FileIndex), Vec<(Span, bool)>>;

impl Packet {
    fn push(&mut self, file: FileIndex, time: Timestamp) {
        let known = self
            .seen
            .iter_mut()
            .flatten()
            .find(|seen| seen.file == file);
        if let Some(seen) = known {
            seen.is_repeated = true;
        } else if let Some(free) = self.seen.iter_mut().find(|seen| seen.is_none()) {
            *free = Some(Seen {
                file,
                time,
                is_repeated: false,
            });
        }
    }
}

/// The offset that `spans` agree on: a `share` of them at least.
fn offset(
    (first, second): (FileIndex, FileIndex),
    mut spans: Vec<(Span, bool)>,
    share: (usize, usize),
) -> Option<Offset> {
    spans.sort_unstable();
    let by = spans.get(spans.len() / 2)?.0;
    let drift = if by.nanos().saturating_abs() > LONGEST.nanos() {
        DRIFT
    } else {
        CLOSE_DRIFT
    };
    let is_near = |span: Span| {
        let apart = span.nanos().saturating_sub(by.nanos()).saturating_abs();
        apart <= drift.nanos()
    };
    let near = spans.iter().filter(|(span, _)| is_near(*span));
    let count = near.clone().count();
    let is_proven = near.filter(|(_, is_identified)| *is_identified).count() >= IDENTIFIED;
    let agree = count * share.1 >= spans.len() * share.0;
    (agree && (is_proven || count >= EQUAL)).then_some(Offset {
        first,
        second,
        by,
        count,
        is_proven,
    })
}

/// Digest of a datagram as all taps see it.
pub(super) fn datagram(flow: &Flow, origin: &Origin<'_>, payload: &[u8]) -> u64 {
    let mut hasher = hasher(flow, origin, payload.len());
    hasher.write(payload);
    hasher.finish()
}

/// Digest of a packet of a stream as all taps see it: of a TCP segment with its sequence and
/// acknowledgment numbers, of an SCTP packet with its tag.
pub fn segment(flow: &Flow, origin: &Origin<'_>, numbers: (u32, u32), payload: &[u8]) -> u64 {
    let mut hasher = hasher(flow, origin, payload.len());
    numbers.hash(&mut hasher);
    hasher.write(payload.get(..SEGMENT_BYTES).unwrap_or(payload));
    hasher.finish()
}

/// What all digests begin with.
fn hasher(flow: &Flow, origin: &Origin<'_>, len: usize) -> FxHasher {
    let mut hasher = FxHasher::default();
    flow.hash(&mut hasher);
    hasher.write_u16(origin.ip_id);
    hasher.write_usize(len);
    hasher
}

/// Whether a message tells when it was sent.
fn has_date(message: &[u8]) -> bool {
    let lines = memchr::memchr_iter(b'\n', message);
    let mut names = lines.filter_map(|line| message.get(line + 1..line + 6));
    names.any(|name| name.eq_ignore_ascii_case(b"date:"))
}

/// The digest with all its bits equally random (the finalizer of MurmurHash3): what is kept is
/// chosen by its size.
const fn mixed(digest: u64) -> u64 {
    let digest = (digest ^ (digest >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let digest = (digest ^ (digest >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    digest ^ (digest >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::{FrameNo, FrameRef};

    const A: FileIndex = FileIndex(0);
    const B: FileIndex = FileIndex(1);

    /// Packets as file, millisecond and digest.
    fn echoes(cap: usize, packets: &[(FileIndex, i64, u64)], is_identified: bool) -> Echoes {
        let limits = Limits {
            tap_echoes: cap * 2,
            ..Limits::default()
        };
        let mut echoes = Echoes::new(&limits);
        for &(file, millis, digest) in packets {
            let origin = Origin {
                at: FrameRef {
                    file,
                    no: FrameNo(1),
                },
                time: Timestamp::default().plus(Span::from_millis(millis)),
                earlier: &[],
                interface: 0,
                ip_id: u16::from(is_identified),
                ttl: 64,
                snapped: false,
                fragmented: false,
            };
            echoes.push_datagram(digest, &origin, b"m");
        }
        echoes
    }

    /// Packets a second apart, seen by both files, `ahead` milliseconds later in the second.
    fn both(packets: u64, ahead: i64) -> Vec<(FileIndex, i64, u64)> {
        let at = |n: u64| i64::try_from(n).unwrap() * 1000;
        let first = (0..packets).map(|n| (A, at(n), n));
        let second = (0..packets).map(|n| (B, at(n) + ahead + at(n) / 100_000, n));
        first.chain(second).collect()
    }

    fn found(by: i64, count: usize, is_proven: bool) -> Vec<Offset> {
        vec![Offset {
            first: A,
            second: B,
            by: Span::from_millis(by),
            count,
            is_proven,
        }]
    }

    #[test]
    fn packets_of_two_files_tell_the_offset_of_their_clocks() {
        let hour = 3_600_000;
        for ahead in [hour, -hour, 12] {
            let echoes = echoes(100, &both(7, ahead), true);
            assert_eq!(echoes.offsets(), found(ahead, 7, true));
        }
    }

    #[test]
    fn few_packets_and_equal_bytes_prove_nothing() {
        assert_eq!(
            echoes(100, &both(4, 5000), true).offsets(),
            found(5000, 4, false)
        );
        assert_eq!(echoes(100, &both(2, 5000), false).offsets(), []);
        let equal = echoes(100, &both(3, 5000), false).offsets();
        assert_eq!(equal, found(5000, 3, false));
    }

    #[test]
    fn packets_that_disagree_prove_nothing() {
        let mut packets = both(12, 5000);
        for packet in packets.iter_mut().filter(|packet| packet.0 == B) {
            packet.1 += i64::try_from(packet.2 % 3).unwrap() * 60_000;
        }
        assert_eq!(echoes(100, &packets, true).offsets(), []);
    }

    #[test]
    fn what_senders_repeat_within_32_s_is_no_offset() {
        let mut packets = both(12, 0);
        for packet in packets.iter_mut().filter(|packet| packet.0 == B) {
            packet.1 += [500, 1000, 2000, 4000][usize::try_from(packet.2 % 4).unwrap()];
        }
        assert_eq!(echoes(100, &packets, true).offsets(), []);
    }

    #[test]
    fn a_file_that_repeats_itself_is_no_witness() {
        let mut packets = both(6, 5000);
        let again: Vec<_> = packets.iter().map(|p| (p.0, p.1 + 500, p.2)).collect();
        packets.extend(again);
        assert_eq!(echoes(100, &packets, true).offsets(), []);
    }

    #[test]
    fn a_clock_that_was_set_in_between_is_told_by_its_far_part() {
        let mut packets = both(20, 5);
        for packet in packets.iter_mut().filter(|p| p.0 == B && p.2 >= 10) {
            packet.1 += 7_200_000;
        }
        let echoes = echoes(100, &packets, true);
        assert_eq!(echoes.offsets(), []);
        let far = echoes.far_offsets(Span::from_secs(32));
        assert_eq!(far, found(7_200_005, 10, true));
    }

    #[test]
    fn a_date_identifies_a_message() {
        assert!(has_date(b"INVITE sip:b@h SIP/2.0\r\nDATE: x\r\n\r\n"));
        assert!(!has_date(b"INVITE sip:b@h SIP/2.0\r\nX-Date: x\r\n\r\nDat"));
    }

    #[test]
    fn a_full_table_keeps_the_same_packets_of_all_files() {
        let echoes = echoes(64, &both(10_000, 3_600_000), true);
        assert!(echoes.datagrams.packets.len() <= 64);
        let offsets = echoes.offsets();
        assert_eq!(offsets.len(), 1);
        assert!(offsets[0].count >= 16, "{offsets:?}");
        assert!((offsets[0].by.nanos() - 3_600_000_000_000).abs() < 200_000_000);
    }
}
