//! Classic pcap: a file head, then records.
//!
//! In: the tape behind the file head. Out: packets. Microseconds and nanoseconds, both byte
//! orders, and Kuznetzov's "modified" form, whose record heads are 8 bytes longer, in both.
//!
//! A record head that cannot be one is a defect, after which the next place is sought where two
//! heads in a row make sense and the time is that of the capture. Capped: records by
//! [`Classic::max_record`].
//!
//! # References
//! - draft-ietf-opsawg-pcap

use std::io::Read;

use super::blocks::ClassicHead;
use super::first_bytes::Order;
use super::reader::{Bad, Found, Packet, Tape};
use super::{Error, Interface, LinkType};
use crate::limits::Limits;
use crate::units::{NANOS_PER_SEC, Timestamp};

/// What capture tools keep of a packet at most unless told otherwise (tcpdump, Wireshark).
const USUAL_SNAPLEN: u32 = 262_144;

/// After a bad record: how far a record's time may lie from the last good one's.
const NEAR_SECS: u32 = 24 * 3600;

/// Shortest record head, that of all forms but the modified.
const HEAD: usize = 16;

/// Of the upper 16 bits of the file head's last number: the upmost four are the length of the frame
/// check sequence.
const FCS_IS_THERE: u16 = 0x0400;

/// The state of a classic pcap.
pub(super) struct Classic {
    order: Order,
    tick_ns: i64,
    /// 16, or 24 in the modified form.
    head_len: usize,
    link: LinkType,
    snaplen: u32,
    /// What of the file head's last number is not the link type.
    upper: u16,
    max_record: u32,
    /// Seconds of the last good record.
    last_sec: Option<u32>,
}

/// A record head's numbers.
#[derive(Clone, Copy)]
struct Head {
    sec: u32,
    fraction: u32,
    captured: u32,
    orig: u32,
}

impl Classic {
    /// From the file head's 24 bytes; what is missing of them counts as 0.
    pub(super) fn new(
        head: &[u8],
        order: Order,
        nanos: bool,
        modified: bool,
        limits: &Limits,
    ) -> Self {
        let number = |at: usize| {
            let bytes = head.get(at..).and_then(<[u8]>::first_chunk);
            order.u32(bytes.copied().unwrap_or_default())
        };
        let snaplen = number(16);
        let cap = u32::try_from(limits.capture_block_bytes).unwrap_or(u32::MAX);
        Self {
            order,
            tick_ns: if nanos { 1 } else { 1_000 },
            head_len: if modified { 24 } else { HEAD },
            // The upper half holds the length of a frame check sequence.
            link: LinkType(u16::try_from(number(20) & 0xffff).unwrap_or_default()),
            snaplen,
            upper: u16::try_from(number(20) >> 16).unwrap_or_default(),
            max_record: snaplen.max(USUAL_SNAPLEN).min(cap),
            last_sec: None,
        }
    }

    /// The one interface of the file.
    pub(super) const fn interface(&self) -> Interface {
        Interface {
            link: self.link,
            snaplen: self.snaplen,
            name: None,
        }
    }

    /// What the file head says beside that.
    pub(super) fn head_facts(&self) -> ClassicHead {
        ClassicHead {
            order: self.order,
            nanos: self.tick_ns == 1,
            link: self.link,
            snaplen: self.snaplen,
            // The length counts words of 16 bits.
            fcs_bytes: (self.upper & FCS_IS_THERE != 0)
                .then(|| u8::try_from(self.upper >> 12).unwrap_or_default() * 2),
        }
    }

    /// `time` in the ticks of the file.
    pub(super) fn ticks(&self, time: Timestamp) -> u64 {
        u64::try_from(time.nanos() / self.tick_ns).unwrap_or_default()
    }

    /// What is at the tape's position.
    #[inline]
    pub(super) fn find<R: Read>(&mut self, tape: &mut Tape<R>) -> Result<Found, Error> {
        if !tape.holds(self.head_len)? {
            return Ok(if tape.data().is_empty() {
                Found::End
            } else {
                Found::CutShort
            });
        }
        let Some(head) = self.head(tape.data()) else {
            return Ok(Found::End);
        };
        if head.captured > self.max_record {
            return self.bad(tape);
        }
        let record_len = self.head_len + head.captured as usize;
        if !tape.holds(record_len)? {
            return Ok(Found::CutShort);
        }
        self.last_sec = Some(head.sec);
        Ok(Found::Packet(Packet {
            data: self.head_len..record_len,
            record_len,
            time: self.time(head),
            link: self.link,
            interface: 0,
            orig_len: head.orig,
        }))
    }

    #[inline]
    fn head(&self, data: &[u8]) -> Option<Head> {
        let head = data.first_chunk::<HEAD>()?;
        let (words, _) = head.as_chunks::<4>();
        let &[sec, fraction, captured, orig] = words else {
            return None;
        };
        Some(Head {
            sec: self.order.u32(sec),
            fraction: self.order.u32(fraction),
            captured: self.order.u32(captured),
            orig: self.order.u32(orig),
        })
    }

    fn time(&self, head: Head) -> Timestamp {
        let nanos = i64::from(head.sec) * NANOS_PER_SEC + i64::from(head.fraction) * self.tick_ns;
        Timestamp::from_nanos(nanos)
    }

    #[cold]
    fn bad<R: Read>(&self, tape: &mut Tape<R>) -> Result<Found, Error> {
        let offset = tape.offset();
        if tape.search(|tape| self.stands(tape))? {
            return Ok(Found::Bad(Bad::block(
                "the packet record at byte {} has an impossible length; reading went on at the next record that makes sense",
                offset,
            )));
        }
        Ok(Found::Bad(Bad::block(
            "the packet record at byte {} has an impossible length; nothing after it could be read",
            offset,
        )))
    }

    /// Whether a record stands here: its head makes sense, and so does the one behind it.
    fn stands<R: Read>(&self, tape: &mut Tape<R>) -> Result<bool, Error> {
        if !tape.holds(self.head_len)? {
            return Ok(false);
        }
        let Some(first) = self.sane_head(tape.data()) else {
            return Ok(false);
        };
        let first_len = self.head_len + first.captured as usize;
        if tape.holds(first_len + self.head_len)? {
            let second = tape.data().get(first_len..).unwrap_or_default();
            return Ok(self.sane_head(second).is_some());
        }
        // The last record of the file.
        Ok(tape.data().len() == first_len)
    }

    fn sane_head(&self, data: &[u8]) -> Option<Head> {
        let head = self.head(data)?;
        let near = self.last_sec?.abs_diff(head.sec) <= NEAR_SECS;
        let is_sane = near
            && i64::from(head.fraction) * self.tick_ns < NANOS_PER_SEC
            && head.captured <= self.max_record
            && head.captured <= head.orig
            && head.orig <= self.max_record;
        is_sane.then_some(head)
    }
}
