//! `Reassembler`: segments of all TCP connections become chunks.
//!
//! In: segments in capture order. Out: chunks, answered by the consumer's appetite, and defects
//! (gaps and evictions of streams that somebody wanted). Always: no I/O, no clock but the
//! segments' own, no allocation for a segment in order. Capped: connections, and waiting bytes by
//! direction and in total.
//!
//! # References
//! - RFC 9293 §3.4 (SYN and FIN count one), §3.5 (establishing), §3.10.7 (segment arrival)

use super::direction::{Caps, Direction, Sink, no_origin, without_earlier};
use super::pending::Data;
use super::seq::SeqNo;
use super::table::{Key, Side, SlotNo, Table};
use super::{Appetite, Chunk, StreamId};
use crate::defect::{Defect, DefectKind};
use crate::limits::Limits;
use crate::packet::Segment;
use crate::units::{Flow, Origin, Transport};

const GIVEN_UP: &str = "more TCP connections at once than the table holds: the one with SIP that was idle longest was given up";

/// Both directions of a connection.
#[derive(Debug)]
struct Connection {
    /// Its streams are `2 * number` and `2 * number + 1`.
    number: u64,
    /// From the smaller socket.
    low: Direction,
    /// From the larger socket.
    high: Direction,
}

impl Connection {
    fn new(number: u64) -> Self {
        Self {
            number,
            low: Direction::default(),
            high: Direction::default(),
        }
    }

    const fn direction(&mut self, side: Side) -> &mut Direction {
        if side { &mut self.high } else { &mut self.low }
    }

    const fn stream(&self, side: Side) -> StreamId {
        StreamId(self.number.wrapping_mul(2).wrapping_add(side as u64))
    }

    const fn is_wanted(&self) -> bool {
        self.low.is_wanted() || self.high.is_wanted()
    }
}

/// What every event of a push needs beside the connection.
struct Outlet<'s> {
    out: &'s mut dyn FnMut(Chunk<'_>) -> Appetite,
    defects: &'s mut dyn FnMut(Defect),
    waiting: &'s mut usize,
    caps: Caps,
}

impl Outlet<'_> {
    fn sink(&mut self, connection: &Connection, key: &Key, side: Side) -> Sink<'_> {
        let (src, dst) = key.ends(side);
        Sink {
            stream: connection.stream(side),
            flow: Flow {
                src,
                dst,
                transport: Transport::Tcp,
            },
            out: self.out,
            defects: self.defects,
            waiting: self.waiting,
            caps: self.caps,
        }
    }

    fn end_both(&mut self, connection: &mut Connection, key: &Key, origin: &Origin<'_>) {
        for side in [false, true] {
            let mut sink = self.sink(connection, key, side);
            connection.direction(side).end(origin, &mut sink);
        }
    }
}

/// Puts the bytes of TCP connections in order.
#[derive(Debug)]
pub struct Reassembler {
    table: Table<Connection>,
    numbers: u64,
    waiting: usize,
    caps: Caps,
    is_repeated: bool,
}

impl Reassembler {
    /// An empty one.
    pub fn new(limits: &Limits) -> Self {
        Self {
            table: Table::new(limits.tcp_streams),
            numbers: 0,
            waiting: 0,
            caps: Caps {
                direction: limits.tcp_pending_bytes_per_direction,
                total: limits.tcp_pending_bytes,
            },
            is_repeated: false,
        }
    }

    /// Bytes that wait for what precedes them, each piece's bookkeeping included.
    pub const fn waiting_bytes(&self) -> usize {
        self.waiting
    }

    /// Whether the segment that was pushed last only repeats what came before.
    pub const fn is_repeated(&self) -> bool {
        self.is_repeated
    }

    /// Takes the next segment of the capture.
    pub fn push(
        &mut self,
        segment: &Segment<'_>,
        out: &mut dyn FnMut(Chunk<'_>) -> Appetite,
        defects: &mut dyn FnMut(Defect),
    ) {
        self.is_repeated = false;
        let (key, side) = Key::new(&segment.flow);
        let Some(slot) = self.slot(&key, segment, out, defects) else {
            return;
        };
        let numbers = &mut self.numbers;
        let mut outlet = Outlet {
            out,
            defects,
            waiting: &mut self.waiting,
            caps: self.caps,
        };
        let Some((_, connection)) = self.table.get_mut(slot) else {
            return;
        };
        self.is_repeated = advance(connection, &key, side, segment, numbers, &mut outlet);
        let wanted = connection.is_wanted();
        self.table.touch(slot, wanted);
    }

    /// The capture is over: delivers what waits and ends every stream.
    pub fn finish(
        &mut self,
        out: &mut dyn FnMut(Chunk<'_>) -> Appetite,
        defects: &mut dyn FnMut(Defect),
    ) {
        while let Some(slot) = self.table.oldest() {
            self.give_up(slot, &no_origin(), out, defects);
        }
    }

    /// The connection's slot, a new one if need be; `None` where the segment tells nothing.
    fn slot(
        &mut self,
        key: &Key,
        segment: &Segment<'_>,
        out: &mut dyn FnMut(Chunk<'_>) -> Appetite,
        defects: &mut dyn FnMut(Defect),
    ) -> Option<SlotNo> {
        if let Some(slot) = self.table.find(key) {
            return Some(slot);
        }
        if !segment.flags.syn && segment.wire_len == 0 && segment.payload.is_empty() {
            return None;
        }
        if self.table.is_full()
            && let Some(oldest) = self.table.oldest()
        {
            let origin = without_earlier(&segment.origin);
            if self.give_up(oldest, &origin, out, defects) {
                defects(Defect::new(DefectKind::Evicted, origin.at, GIVEN_UP));
            }
        }
        self.numbers += 1;
        self.table.insert(*key, Connection::new(self.numbers))
    }

    /// Empties a slot; whether anybody wanted it.
    fn give_up(
        &mut self,
        slot: SlotNo,
        origin: &Origin<'_>,
        out: &mut dyn FnMut(Chunk<'_>) -> Appetite,
        defects: &mut dyn FnMut(Defect),
    ) -> bool {
        let Some((key, mut connection)) = self.table.remove(slot) else {
            return false;
        };
        let wanted = connection.is_wanted();
        let mut outlet = Outlet {
            out,
            defects,
            waiting: &mut self.waiting,
            caps: self.caps,
        };
        outlet.end_both(&mut connection, &key, origin);
        wanted
    }
}

/// One segment of a connection; whether it only repeats what came before.
fn advance(
    connection: &mut Connection,
    key: &Key,
    side: Side,
    segment: &Segment<'_>,
    numbers: &mut u64,
    outlet: &mut Outlet<'_>,
) -> bool {
    let origin = without_earlier(&segment.origin);
    let seq = SeqNo::new(segment.seq);
    let ack = SeqNo::new(segment.ack);
    if segment.flags.rst {
        // A RST's payload, if any, is a text about the error (RFC 9293 §3.5.3), not the stream's.
        if connection.direction(side).takes_reset(seq) {
            outlet.end_both(connection, key, &origin);
        }
        return false;
    }
    let data = Data {
        // SYN counts one (RFC 9293 §3.4).
        seq: seq.plus(u32::from(segment.flags.syn)),
        bytes: segment.payload,
        wire_len: segment
            .wire_len
            .max(u32::try_from(segment.payload.len()).unwrap_or(u32::MAX)),
        fin: segment.flags.fin,
        origin: segment.origin,
    };
    let mut restart = |connection: &mut Connection, outlet: &mut Outlet<'_>| {
        outlet.end_both(connection, key, &origin);
        *numbers += 1;
        *connection = Connection::new(*numbers);
    };
    if segment.flags.syn {
        let mut sink = outlet.sink(connection, key, side);
        if !connection.direction(side).syn(seq, &mut sink) {
            // Another initial number: the ports are used again.
            restart(connection, outlet);
            let mut sink = outlet.sink(connection, key, side);
            connection.direction(side).syn(seq, &mut sink);
        }
        let peer = connection.direction(!side);
        if segment.flags.ack && peer.is_new() {
            peer.open(ack);
        }
    } else if data.wire_len > 0 && connection.direction(side).is_foreign(&data) {
        restart(connection, outlet);
    }
    if segment.flags.ack {
        connection.direction(!side).acknowledge(ack);
    }
    let is_repeated = connection.direction(side).has(&data);
    let mut sink = outlet.sink(connection, key, side);
    connection.direction(side).push(&data, &mut sink);
    for side in [side, !side] {
        if connection.direction(side).is_waiting() {
            let mut sink = outlet.sink(connection, key, side);
            connection
                .direction(side)
                .expire(segment.origin.time, &mut sink);
        }
    }
    is_repeated
}

#[cfg(test)]
mod tests;
