//! `Pending`: bytes of one direction that came before what precedes them.
//!
//! In: data out of order. Out: the pieces in order. The pieces never overlap: of bytes that came
//! twice the first copy is kept. Capped by the caller, who is told the cost of every insertion
//! ([`PIECE_COST`] included, so that one-byte segments cannot outgrow the cap).

use std::collections::VecDeque;

use super::kept::Kept;
use super::seq::SeqNo;
use crate::units::{Origin, Timestamp};

/// Bytes charged for a piece beside its own bytes.
pub(super) const PIECE_COST: usize = size_of::<Piece>() + 16;

/// The data part of a segment, SYN taken off.
#[derive(Clone, Copy, Debug)]
pub(super) struct Data<'a> {
    /// Sequence number of the first byte.
    pub(super) seq: SeqNo,
    /// What was captured of the payload.
    pub(super) bytes: &'a [u8],
    /// Length on the wire. Invariant: `wire_len >= bytes.len()`.
    pub(super) wire_len: u32,
    /// FIN stands behind the payload.
    pub(super) fin: bool,
    /// Where and when.
    pub(super) origin: Origin<'a>,
}

impl Data<'_> {
    /// The number behind the last payload byte: that of FIN, if there is one.
    pub(super) fn end(&self) -> SeqNo {
        self.seq.plus(self.wire_len)
    }

    /// The number behind the last byte that was captured.
    pub(super) fn captured_end(&self) -> SeqNo {
        self.seq.plus(length(self.bytes))
    }
}

/// Bytes that wait. Invariant: not empty.
#[derive(Debug)]
pub(super) struct Piece {
    /// Sequence number of the first byte.
    pub(super) seq: SeqNo,
    /// The bytes.
    pub(super) bytes: Box<[u8]>,
    /// So many bytes behind them were cut off by the snap length.
    pub(super) cut: u32,
    /// The segment they came in.
    pub(super) origin: Kept,
}

impl Piece {
    /// The number behind the last byte.
    pub(super) fn end(&self) -> SeqNo {
        self.seq.plus(length(&self.bytes))
    }

    /// What the piece counts against the caps.
    pub(super) fn cost(&self) -> usize {
        self.bytes.len() + PIECE_COST
    }
}

/// The pieces of one direction, and how long they have been waiting.
#[derive(Debug)]
pub(super) struct Pending {
    /// In stream order, without overlap.
    pieces: VecDeque<Piece>,
    /// Sequence number of a FIN that came too early.
    pub(super) fin: Option<SeqNo>,
    /// Since when something waits.
    pub(super) since: Timestamp,
    /// Since when the other side is known to have the missing bytes, and how many segments of the
    /// connection came after that.
    pub(super) acked: Option<(Timestamp, u8)>,
    /// The sum of [`Piece::cost`].
    cost: usize,
}

impl Pending {
    /// Nothing waits yet.
    pub(super) const fn new(now: Timestamp) -> Self {
        Self {
            pieces: VecDeque::new(),
            fin: None,
            since: now,
            acked: None,
            cost: 0,
        }
    }

    /// What all pieces count against the caps.
    pub(super) const fn cost(&self) -> usize {
        self.cost
    }

    /// Whether neither bytes nor a FIN wait.
    pub(super) fn is_empty(&self) -> bool {
        self.pieces.is_empty() && self.fin.is_none()
    }

    /// How many pieces wait.
    pub(super) fn len(&self) -> usize {
        self.pieces.len()
    }

    /// Where the first piece begins.
    pub(super) fn first(&self) -> Option<SeqNo> {
        self.pieces.front().map(|piece| piece.seq)
    }

    /// Where what waits begins: the first piece, or else the FIN.
    pub(super) fn resumes_at(&self) -> Option<SeqNo> {
        self.first().or(self.fin)
    }

    /// The frame of the first piece.
    pub(super) fn first_origin(&self) -> Option<Kept> {
        self.pieces.front().map(|piece| piece.origin)
    }

    /// Takes the first piece out.
    pub(super) fn pop(&mut self) -> Option<Piece> {
        let piece = self.pieces.pop_front()?;
        self.cost = self.cost.saturating_sub(piece.cost());
        Some(piece)
    }

    /// Keeps those bytes of `data` that are not kept yet; returns what that costs.
    pub(super) fn insert(&mut self, data: &Data<'_>) -> usize {
        let before = self.cost;
        let end = data.captured_end();
        let mut from = data.seq;
        let mut index = self
            .pieces
            .partition_point(|piece| !from.is_before(piece.end()));
        while from.is_before(end) {
            let hole_end = match self.pieces.get(index) {
                Some(piece) if !from.is_before(piece.seq) => {
                    from = piece.end();
                    index += 1;
                    continue;
                }
                Some(piece) if piece.seq.is_before(end) => piece.seq,
                _ => end,
            };
            let start = from.bytes_since(data.seq);
            let stop = hole_end.bytes_since(data.seq);
            let bytes = data.bytes.get(start..stop).unwrap_or_default();
            let piece = Piece {
                seq: from,
                bytes: bytes.into(),
                cut: if hole_end == end {
                    data.wire_len.saturating_sub(length(data.bytes))
                } else {
                    0
                },
                origin: Kept::new(&data.origin),
            };
            self.cost += piece.cost();
            self.pieces.insert(index, piece);
            index += 1;
            from = hole_end;
        }
        self.cost - before
    }
}

/// A slice's length as the sequence space counts; an IP packet cannot carry more than fits.
pub(super) fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::FrameRef;

    fn check(inserts: &[(u32, &str)], expected: &[(u32, &str)]) {
        let mut pending = Pending::new(Timestamp::default());
        let mut cost = 0;
        for (seq, text) in inserts {
            cost += pending.insert(&Data {
                seq: SeqNo::new(*seq),
                bytes: text.as_bytes(),
                wire_len: length(text.as_bytes()),
                fin: false,
                origin: Kept::new(&origin()).origin(&[]),
            });
        }
        assert_eq!(pending.cost(), cost);
        let mut got = Vec::new();
        while let Some(piece) = pending.pop() {
            got.push((
                piece.seq,
                String::from_utf8_lossy(&piece.bytes).into_owned(),
            ));
        }
        let expected: Vec<_> = expected
            .iter()
            .map(|(seq, text)| (SeqNo::new(*seq), (*text).to_owned()))
            .collect();
        assert_eq!(got, expected);
        assert_eq!(pending.cost(), 0);
    }

    fn origin() -> Origin<'static> {
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

    #[test]
    fn pieces_are_sorted() {
        check(&[(20, "cd"), (10, "ab")], &[(10, "ab"), (20, "cd")]);
    }

    #[test]
    fn a_copy_is_not_kept() {
        check(&[(10, "abcd"), (10, "ABCD"), (11, "BC")], &[(10, "abcd")]);
    }

    #[test]
    fn first_copy_wins_at_the_head() {
        check(&[(10, "cd"), (8, "ABCD")], &[(8, "AB"), (10, "cd")]);
    }

    #[test]
    fn first_copy_wins_at_the_tail() {
        check(&[(10, "ab"), (11, "BC")], &[(10, "ab"), (12, "C")]);
    }

    #[test]
    fn a_segment_over_two_pieces_fills_the_holes_only() {
        check(
            &[(12, "c"), (14, "e"), (10, "ABCDEF")],
            &[(10, "AB"), (12, "c"), (13, "D"), (14, "e"), (15, "F")],
        );
    }

    #[test]
    fn order_holds_over_the_wrap() {
        check(&[(1, "c"), (u32::MAX, "ab")], &[(u32::MAX, "ab"), (1, "c")]);
    }
}
