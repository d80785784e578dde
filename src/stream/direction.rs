//! `Direction`: what one side of a connection sends, put in order.
//!
//! In: the data part of its segments, and how far the other side has acknowledged. Out: events
//! through a [`Sink`]. Always: `next` is the number of the first byte not yet delivered; what
//! waits lies behind it. Capped: waiting bytes by [`Caps`]; when they are reached, what is missing
//! is declared a gap.
//!
//! # References
//! - RFC 9293 §3.4 (sequence numbers), §3.10.7 (segment arrival)

use super::pending::{Data, Pending, length};
use super::seq::SeqNo;
use super::{Appetite, Chunk, Event, StreamId};
use crate::defect::{Defect, DefectKind};
use crate::units::{Flow, FrameRef, Origin, Span, Timestamp};

/// How far from the expected number a segment can lie and still be of the same stream. Windows of
/// SIP peers are far below it; a larger jump is another connection on the same ports.
const PLAUSIBLE_JUMP: i64 = 16 << 20;

/// An acknowledgment can be captured before the data it is for, when a tap merges two links.
/// So many segments of the connection, or so much time, is waited before bytes count as lost.
const ACK_SLACK_SEGMENTS: u8 = 4;
const ACK_SLACK: Span = Span::from_secs(1);

/// Pieces kept, and for how long, where it is not known what precedes them.
const JOIN_PIECES: usize = 4;
const JOIN_WAIT: Span = Span::from_secs(1);

/// How long missing bytes are waited for that nobody acknowledged: a sender repeats them within
/// its retransmission timeout, at most 60 s (RFC 6298 §2.4), rarely over a few seconds.
const UNACKED_WAIT: Span = Span::from_secs(30);
/// The same where the other side was never seen, so that no acknowledgment can tell.
const ONE_WAY_WAIT: Span = Span::from_secs(3);

const NOT_CAPTURED: &str =
    "bytes of a TCP stream with SIP are not in the capture; messages may be missing or cut short";
const UNREAD: &str = "segments of a TCP stream with SIP were not read: behind bytes that are missing or damaged they begin no message, and what is encrypted or compressed cannot be read on";
const CUT_OFF: &str = "the snap length cut bytes off a TCP segment of a SIP stream; capture whole packets (tcpdump -s 0)";

/// The caps on waiting bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Caps {
    /// In one direction.
    pub(super) direction: usize,
    /// In all directions together.
    pub(super) total: usize,
}

/// Where a direction's events go, and the account of all waiting bytes.
pub(super) struct Sink<'s> {
    /// The direction's number.
    pub(super) stream: StreamId,
    /// Its sender and receiver.
    pub(super) flow: Flow,
    /// Takes chunks.
    pub(super) out: &'s mut dyn FnMut(Chunk<'_>) -> Appetite,
    /// Takes defects.
    pub(super) defects: &'s mut dyn FnMut(Defect),
    /// What waits in all directions.
    pub(super) waiting: &'s mut usize,
    /// The caps.
    pub(super) caps: Caps,
}

impl Sink<'_> {
    fn send(&mut self, origin: Origin<'_>, event: Event<'_>) -> Appetite {
        (self.out)(Chunk {
            stream: self.stream,
            flow: self.flow,
            origin,
            event,
        })
    }
}

/// What is done with a direction's segments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    /// Each segment is offered.
    #[default]
    Probing,
    /// Pieces wait; what precedes them is not known.
    Joining,
    /// `next` is known.
    Following,
    /// FIN was delivered.
    Closed,
    /// RST was seen.
    Reset,
}

/// One direction of a connection.
#[derive(Debug, Default)]
pub(super) struct Direction {
    /// The first byte not yet delivered; meaningful when `Following`, `Closed` or `Reset`.
    next: SeqNo,
    isn: Option<SeqNo>,
    /// How far the other side acknowledged.
    acked: Option<SeqNo>,
    phase: Phase,
    /// The last answer was not `Nothing`.
    wanted: bool,
    /// The last answer was `Maybe`.
    quiet: bool,
    /// The last answer to bytes of it was `More` once.
    was_wanted: bool,
    /// It sent something.
    seen: bool,
    /// A gap was passed before anybody wanted the stream.
    gap_owed: bool,
    pending: Option<Box<Pending>>,
}

impl Direction {
    /// Whether somebody wants its bytes, and knows them to be SIP.
    pub(super) const fn is_wanted(&self) -> bool {
        self.wanted && !self.quiet
    }

    /// Whether nothing is known of it.
    pub(super) const fn is_new(&self) -> bool {
        !self.seen && matches!(self.phase, Phase::Probing)
    }

    /// Whether something waits.
    pub(super) const fn is_waiting(&self) -> bool {
        self.pending.is_some()
    }

    /// The number after SYN is known: the stream begins at `next`.
    pub(super) const fn open(&mut self, next: SeqNo) {
        self.next = next;
        self.phase = Phase::Following;
    }

    /// A SYN with number `isn`. `false`: it does not belong to what is known of this direction.
    pub(super) fn syn(&mut self, isn: SeqNo, sink: &mut Sink<'_>) -> bool {
        if let Some(known) = self.isn {
            return known == isn;
        }
        let start = isn.plus(1);
        match self.phase {
            Phase::Probing if !self.seen => self.open(start),
            // The peer's SYN-ACK told where the stream begins.
            Phase::Following if self.next == start => {}
            // The SYN was captured behind the first data.
            Phase::Following if (-PLAUSIBLE_JUMP..0).contains(&start.since(self.next)) => {}
            Phase::Joining => {
                let first = self.pending.as_deref().and_then(Pending::first);
                if !first.is_some_and(|first| (0..PLAUSIBLE_JUMP).contains(&first.since(start))) {
                    return false;
                }
                self.open(start);
                self.advance(None, sink);
            }
            _ => return false,
        }
        self.isn = Some(isn);
        self.seen = true;
        true
    }

    /// The other side acknowledged everything before `ack`.
    pub(super) fn acknowledge(&mut self, ack: SeqNo) {
        if !self.acked.is_some_and(|acked| ack.is_before(acked)) {
            self.acked = Some(ack);
        }
    }

    /// Whether all of `data` came before.
    pub(super) fn has(&self, data: &Data<'_>) -> bool {
        let is_known = matches!(self.phase, Phase::Following | Phase::Closed | Phase::Reset);
        is_known && data.wire_len > 0 && !self.next.is_before(data.end())
    }

    /// Whether `data` cannot belong to the stream as it is known.
    pub(super) fn is_foreign(&self, data: &Data<'_>) -> bool {
        let near = |seq: SeqNo| data.seq.since(seq).abs() <= PLAUSIBLE_JUMP;
        match self.phase {
            Phase::Probing => false,
            Phase::Joining => !self
                .pending
                .as_deref()
                .and_then(Pending::first)
                .is_none_or(near),
            Phase::Following | Phase::Closed => !near(self.next),
            Phase::Reset => self.next.is_before(data.end()) || !near(self.next),
        }
    }

    /// Whether a RST with this number can be the sender's.
    pub(super) fn takes_reset(&self, seq: SeqNo) -> bool {
        match self.phase {
            Phase::Following => seq.since(self.next).abs() <= PLAUSIBLE_JUMP,
            _ => true,
        }
    }

    /// The data part of a segment.
    pub(super) fn push(&mut self, data: &Data<'_>, sink: &mut Sink<'_>) {
        if data.wire_len == 0 && !data.fin {
            return;
        }
        self.seen = true;
        match self.phase {
            Phase::Probing => self.probe(data, sink),
            Phase::Joining => self.join(data, sink),
            Phase::Following => self.follow(data, sink),
            Phase::Closed | Phase::Reset => {}
        }
    }

    /// Declares a gap where the missing bytes will not come any more.
    pub(super) fn expire(&mut self, now: Timestamp, sink: &mut Sink<'_>) {
        let Some(pending) = self.pending.as_deref_mut() else {
            return;
        };
        let waited = now.since(pending.since);
        let lost = if self.phase == Phase::Joining {
            waited >= JOIN_WAIT || pending.len() >= JOIN_PIECES
        } else {
            let has_them = match (self.acked, pending.resumes_at()) {
                (Some(acked), Some(resumes_at)) => !acked.is_before(resumes_at),
                _ => false,
            };
            match &mut pending.acked {
                _ if !has_them => {
                    waited
                        >= if self.acked.is_some() {
                            UNACKED_WAIT
                        } else {
                            ONE_WAY_WAIT
                        }
                }
                Some((since, segments)) => {
                    *segments = segments.saturating_add(1);
                    *segments >= ACK_SLACK_SEGMENTS || now.since(*since) >= ACK_SLACK
                }
                first @ None => {
                    *first = Some((now, 0));
                    false
                }
            }
        };
        if lost {
            pending.since = now;
            pending.acked = None;
            self.skip(sink);
        }
    }

    /// The connection is over: what waits is delivered, and End is said if anybody wants it.
    pub(super) fn end(&mut self, origin: &Origin<'_>, sink: &mut Sink<'_>) {
        while self.skip(sink) {}
        if self.phase == Phase::Following
            && self.wanted
            && let Some(acked) = self.acked
        {
            // One number more than the data may be a FIN that was not captured.
            let lost = acked.since(self.next);
            if (2..=PLAUSIBLE_JUMP).contains(&lost) {
                let lost = u64::try_from(lost).unwrap_or(0);
                self.gap(lost, NOT_CAPTURED, &without_earlier(origin), sink);
            }
        }
        self.close(origin, sink);
        if matches!(self.phase, Phase::Following | Phase::Joining) {
            self.phase = Phase::Reset;
        }
    }

    fn probe(&mut self, data: &Data<'_>, sink: &mut Sink<'_>) {
        let answer = if data.bytes.is_empty() {
            Appetite::Nothing
        } else {
            sink.send(data.origin, Event::Probe(data.bytes))
        };
        match answer {
            Appetite::More | Appetite::Maybe => {
                self.wanted = true;
                self.quiet = answer == Appetite::Maybe;
                self.was_wanted |= !self.quiet;
                self.open(data.captured_end());
                self.follow(data, sink);
            }
            Appetite::Hold => {
                self.wanted = true;
                self.quiet = false;
                self.phase = Phase::Joining;
                self.hold(data, sink);
            }
            Appetite::Nothing => {
                // Line ends keep a connection open.
                if self.was_wanted && data.bytes.len() > 4 {
                    let defect = Defect::new(DefectKind::TcpGap, data.origin.at, UNREAD);
                    (sink.defects)(defect);
                }
                self.forget(sink);
                if data.fin {
                    self.next = data.end().plus(1);
                    self.phase = Phase::Closed;
                }
            }
        }
    }

    fn join(&mut self, data: &Data<'_>, sink: &mut Sink<'_>) {
        let first = self.pending.as_deref().and_then(Pending::first);
        if first.is_some_and(|first| data.seq.is_before(first)) {
            self.probe(data, sink);
        } else {
            self.hold(data, sink);
        }
    }

    fn follow(&mut self, data: &Data<'_>, sink: &mut Sink<'_>) {
        if self.next.is_before(data.seq) {
            self.hold(data, sink);
        } else {
            self.advance(Some(data), sink);
        }
    }

    fn hold(&mut self, data: &Data<'_>, sink: &mut Sink<'_>) {
        let pending = self
            .pending
            .get_or_insert_with(|| Box::new(Pending::new(data.origin.time)));
        *sink.waiting += pending.insert(data);
        if data.fin && pending.fin.is_none() {
            pending.fin = Some(data.end());
        }
        while self
            .pending
            .as_deref()
            .is_some_and(|p| p.cost() > sink.caps.direction || *sink.waiting > sink.caps.total)
        {
            if !self.skip(sink) {
                break;
            }
        }
    }

    /// Gives up what is missing before the first waiting piece; `false` if nothing waits.
    fn skip(&mut self, sink: &mut Sink<'_>) -> bool {
        let Some(pending) = self.pending.as_deref() else {
            return false;
        };
        let (Some(resumes_at), origin) = (pending.resumes_at(), pending.first_origin()) else {
            self.forget(sink);
            return false;
        };
        if self.phase == Phase::Joining {
            self.open(resumes_at);
        } else {
            let lost = resumes_at.since(self.next);
            self.next = resumes_at;
            if let (Ok(lost @ 1..), Some(kept)) = (u64::try_from(lost), origin)
                && !self.gap(lost, NOT_CAPTURED, &kept.origin(&[]), sink)
            {
                return true;
            }
        }
        self.advance(None, sink);
        true
    }

    /// Delivers what can be delivered: `data`, which does not lie behind `next`, and what waits.
    /// Where both have a byte, what waits came first and wins.
    fn advance(&mut self, data: Option<&Data<'_>>, sink: &mut Sink<'_>) {
        loop {
            let first = self.pending.as_deref().and_then(Pending::first);
            if first.is_some_and(|first| !self.next.is_before(first)) {
                if !self.deliver_waiting(data, sink) {
                    return;
                }
                continue;
            }
            let Some(data) = data.filter(|data| self.next.is_before(data.end())) else {
                break;
            };
            // Up to the first piece that waits, or the end.
            let room = first.map_or(usize::MAX, |first| first.bytes_since(self.next));
            let from = self.next.bytes_since(data.seq);
            let rest = data.bytes.get(from..).unwrap_or_default();
            let goes_on = if rest.is_empty() {
                let lost = data.end().bytes_since(self.next).min(room);
                self.next = self.next.plus(u32::try_from(lost).unwrap_or(0));
                let lost = u64::try_from(lost).unwrap_or(0);
                self.gap(lost, CUT_OFF, &without_earlier(&data.origin), sink)
            } else {
                let bytes = rest.get(..room).unwrap_or(rest);
                self.deliver(bytes, data.origin, sink)
            };
            if !goes_on {
                return;
            }
        }
        let fin = self.pending.as_deref().and_then(|pending| pending.fin);
        let fin = fin.or_else(|| data.filter(|data| data.fin).map(Data::end));
        if fin == Some(self.next) {
            let kept = data.map(|data| without_earlier(&data.origin));
            self.next = self.next.plus(1);
            self.phase = Phase::Closed;
            self.close(&kept.unwrap_or_else(no_origin), sink);
        } else if self.pending.as_deref().is_some_and(Pending::is_empty) {
            self.pending = None;
        }
    }

    /// Delivers the first waiting piece, which begins at or before `next`.
    fn deliver_waiting(&mut self, data: Option<&Data<'_>>, sink: &mut Sink<'_>) -> bool {
        let Some(pending) = self.pending.as_deref_mut() else {
            return true;
        };
        pending.acked = None;
        let Some(piece) = pending.pop() else {
            return true;
        };
        *sink.waiting = sink.waiting.saturating_sub(piece.cost());
        let bytes = piece
            .bytes
            .get(self.next.bytes_since(piece.seq)..)
            .unwrap_or_default();
        let earlier = [piece.origin.at];
        let origin = match data {
            Some(data) => piece.origin.joined(&data.origin, &earlier),
            None => piece.origin.origin(&[]),
        };
        // What waits behind it, `forget` would drop.
        let behind = self.pending.take();
        let goes_on = bytes.is_empty() || self.deliver(bytes, origin, sink);
        if !goes_on {
            self.offer(behind, sink);
            return false;
        }
        self.pending = behind;
        if piece.cut == 0 || self.next != piece.end() {
            return true;
        }
        let room = self
            .pending
            .as_deref()
            .and_then(Pending::resumes_at)
            .map_or(i64::MAX, |at| at.since(self.next));
        let lost = u32::try_from(i64::from(piece.cut).min(room)).unwrap_or(0);
        self.next = self.next.plus(lost);
        lost == 0 || self.gap(u64::from(lost), CUT_OFF, &piece.origin.origin(&[]), sink)
    }

    /// Hands bytes on; `false` if nobody wants the stream any more.
    fn deliver(&mut self, bytes: &[u8], origin: Origin<'_>, sink: &mut Sink<'_>) -> bool {
        self.next = self.next.plus(length(bytes));
        let answer = sink.send(origin, Event::Bytes(bytes));
        if answer == Appetite::Nothing {
            self.forget(sink);
            return false;
        }
        self.wanted = true;
        self.quiet = answer == Appetite::Maybe;
        self.was_wanted |= !self.quiet;
        if !self.quiet && std::mem::take(&mut self.gap_owed) {
            (sink.defects)(Defect::new(DefectKind::TcpGap, origin.at, NOT_CAPTURED));
        }
        true
    }

    /// Says that bytes before `next` were not captured; `false` if nobody wants the stream.
    fn gap(
        &mut self,
        lost: u64,
        detail: &'static str,
        origin: &Origin<'_>,
        sink: &mut Sink<'_>,
    ) -> bool {
        if self.is_wanted() {
            (sink.defects)(Defect::new(DefectKind::TcpGap, origin.at, detail));
        } else {
            self.gap_owed = true;
        }
        let answer = sink.send(*origin, Event::Gap(lost));
        if self.wanted && answer == Appetite::Nothing {
            let behind = self.pending.take();
            self.forget(sink);
            self.offer(behind, sink);
            return false;
        }
        true
    }

    /// Offers what waited behind bytes that nobody wanted, each piece like a segment.
    fn offer(&mut self, behind: Option<Box<Pending>>, sink: &mut Sink<'_>) {
        let Some(mut behind) = behind else { return };
        *sink.waiting = sink.waiting.saturating_sub(behind.cost());
        let fin = behind.fin;
        while let Some(piece) = behind.pop() {
            let data = Data {
                seq: piece.seq,
                bytes: &piece.bytes,
                wire_len: length(&piece.bytes).saturating_add(piece.cut),
                fin: fin == Some(piece.end()),
                origin: piece.origin.origin(&[]),
            };
            self.push(&data, sink);
        }
    }

    /// Nobody wants it: back to offering each segment.
    fn forget(&mut self, sink: &mut Sink<'_>) {
        self.drop_pending(sink);
        self.wanted = false;
        self.quiet = false;
        self.gap_owed = false;
        self.phase = Phase::Probing;
    }

    /// Says End, if anybody wants it.
    fn close(&mut self, origin: &Origin<'_>, sink: &mut Sink<'_>) {
        self.drop_pending(sink);
        if std::mem::take(&mut self.wanted) {
            sink.send(*origin, Event::End);
        }
    }

    fn drop_pending(&mut self, sink: &mut Sink<'_>) {
        if let Some(pending) = self.pending.take() {
            *sink.waiting = sink.waiting.saturating_sub(pending.cost());
        }
    }
}

/// The origin of an event that no bytes belong to.
pub(super) fn without_earlier<'a>(origin: &Origin<'_>) -> Origin<'a> {
    Origin {
        at: origin.at,
        time: origin.time,
        earlier: &[],
        interface: origin.interface,
        ip_id: origin.ip_id,
        ttl: origin.ttl,
        snapped: origin.snapped,
        fragmented: origin.fragmented,
    }
}

/// The origin of an event that no frame caused: the capture ended.
pub(crate) fn no_origin<'a>() -> Origin<'a> {
    Origin {
        at: FrameRef::default(),
        time: Timestamp::default(),
        earlier: &[],
        interface: 0,
        ip_id: 0,
        ttl: 0,
        snapped: false,
        fragmented: false,
    }
}
