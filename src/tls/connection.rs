//! `Connection`: both directions of a TLS connection.
//!
//! In: bytes, gaps and ends of either direction. Out: plaintext chunks, each direction's in order
//! and ended once. Always: a direction waits for the other's hello, whatever order the capture
//! has; what cannot be read any more ends.
//!
//! # References
//! - RFC 5246 §7.3, RFC 8446 §2

use super::keylog::KeyLog;
use super::side::{Hellos, Scratch, Side, Step};
use super::unread::{Line, Why};
use crate::defect::{Defect, DefectKind};
use crate::stream::{Appetite, Chunk, Event, StreamId};
use crate::units::{Endpoint, Flow, FrameRef, Origin, Transport};

const GAP: &str = "bytes of a TLS connection with SIP are not in the capture; what follows them in that direction cannot be decrypted";
const BROKEN: &str = "a TLS connection with SIP could not be decrypted to its end: a record makes no sense or does not open";

/// What the consumer said of a direction's plaintext.
#[derive(Clone, Copy, Debug, Default)]
struct Fed {
    /// It got some.
    any: bool,
    /// Its last answer was not `Nothing`.
    wanted: bool,
    /// It once answered `More`.
    sip: bool,
    /// The direction below has ended.
    ended: bool,
    /// Why it waits for more than bytes.
    stalled: Option<Why>,
}

/// Where a connection's chunks and defects go.
pub(super) struct Outlet<'s> {
    /// Takes plaintext.
    pub(super) out: &'s mut dyn FnMut(Chunk<'_>) -> Appetite,
    /// Takes defects.
    pub(super) defects: &'s mut dyn FnMut(Defect),
    /// The secrets.
    pub(super) log: &'s KeyLog,
    /// Room for records.
    pub(super) scratch: &'s mut Scratch,
}

/// A connection.
#[derive(Debug)]
pub(super) struct Connection {
    number: u64,
    /// Of direction 0.
    flow: Flow,
    sides: [Side; 2],
    fed: [Fed; 2],
    hellos: Hellos,
    /// Which direction is the server's.
    server: Option<bool>,
    first: FrameRef,
    /// The last one that brought something.
    last: FrameRef,
    why: Option<Why>,
    /// When it was last used, in chunks of the whole stage.
    pub(super) used: u64,
}

/// Direction 0 or 1 of a connection.
pub(super) type Direction = bool;

/// Which direction of its connection a stream is.
pub(super) const fn direction(stream: StreamId) -> Direction {
    stream.0 & 1 == 1
}

const fn pick<T>(both: &mut [T; 2], direction: Direction) -> &mut T {
    let [low, high] = both;
    if direction { high } else { low }
}

impl Connection {
    /// One of which `chunk` is the first.
    pub(super) fn new(chunk: &Chunk<'_>) -> Self {
        Self {
            number: chunk.stream.connection(),
            flow: if direction(chunk.stream) {
                chunk.flow.reversed()
            } else {
                chunk.flow
            },
            sides: [Side::new(), Side::new()],
            fed: [Fed::default(), Fed::default()],
            hellos: Hellos::default(),
            server: None,
            first: chunk.origin.at,
            last: chunk.origin.at,
            why: None,
            used: 0,
        }
    }

    /// Bytes of memory.
    pub(super) fn cost(&self) -> usize {
        self.sides.iter().map(Side::cost).sum()
    }

    /// Its first frame.
    pub(super) const fn first(&self) -> FrameRef {
        self.first
    }

    /// Whether its plaintext was taken for SIP.
    pub(super) fn is_sip(&self) -> bool {
        self.fed.iter().any(|fed| fed.sip)
    }

    /// How to go on with a direction.
    pub(super) fn appetite(&self, direction: Direction) -> Appetite {
        let [low, high] = &self.sides;
        let [low_fed, high_fed] = &self.fed;
        let (side, fed) = if direction {
            (high, high_fed)
        } else {
            (low, low_fed)
        };
        if side.is_dead() {
            Appetite::Nothing
        } else if fed.sip {
            Appetite::More
        } else {
            Appetite::Maybe
        }
    }

    /// Whether nothing more can come of it.
    pub(super) fn is_over(&self) -> bool {
        let mut both = self.sides.iter().zip(&self.fed);
        both.all(|(side, fed)| side.is_dead() || fed.ended)
    }

    /// Whether a direction keeps more than `cap` bytes.
    pub(super) fn is_beyond(&self, cap: usize) -> bool {
        self.sides.iter().any(|side| side.waiting() > cap)
    }

    /// Takes what is known next of a direction.
    pub(super) fn push(&mut self, chunk: &Chunk<'_>, outlet: &mut Outlet<'_>) {
        let direction = direction(chunk.stream);
        self.last = chunk.origin.at;
        match chunk.event {
            Event::Bytes(bytes) | Event::Probe(bytes) => {
                pick(&mut self.sides, direction).push(bytes, &chunk.origin);
                self.drive(direction, outlet);
            }
            Event::Gap(lost) => {
                let fed = *pick(&mut self.fed, direction);
                if fed.wanted {
                    self.send(direction, Event::Gap(lost), chunk.origin, outlet);
                }
                if fed.sip {
                    (outlet.defects)(Defect::new(DefectKind::TcpGap, chunk.origin.at, GAP));
                }
                self.fail(direction, Why::Gap, &chunk.origin, outlet);
            }
            Event::End => {
                pick(&mut self.fed, direction).ended = true;
                // A record that is not whole will not become it.
                if pick(&mut self.fed, direction).stalled.is_none() {
                    self.close(direction, &chunk.origin, outlet);
                }
            }
        }
    }

    /// Reads what can be read of both directions.
    fn drive(&mut self, first: Direction, outlet: &mut Outlet<'_>) {
        let mut moved = true;
        while std::mem::take(&mut moved) {
            for direction in [first, !first] {
                while self.step(direction, outlet) {
                    moved = true;
                }
            }
        }
        for direction in [first, !first] {
            let fed = *pick(&mut self.fed, direction);
            if fed.ended && fed.stalled.is_none() {
                self.close(direction, &crate::stream::no_origin(), outlet);
            }
        }
    }

    /// Reads a record of a direction; whether there was one.
    fn step(&mut self, direction: Direction, outlet: &mut Outlet<'_>) -> bool {
        let (number, flow) = (self.number, self.flow_of(direction));
        let side = pick(&mut self.sides, direction);
        if side.is_dead() {
            return false;
        }
        let fed = pick(&mut self.fed, direction);
        let (log, scratch, out) = (outlet.log, &mut *outlet.scratch, &mut *outlet.out);
        let stream = stream(number, direction);
        let server = self.server == Some(direction);
        let had = (self.hellos.client.is_some(), self.hellos.server.is_some());
        let step = side.step(
            server,
            &mut self.hellos,
            log,
            scratch,
            &mut |plain, origin| {
                let event = if fed.wanted || !fed.any {
                    Event::Bytes(plain)
                } else {
                    Event::Probe(plain)
                };
                let mut send = |event| {
                    out(Chunk {
                        stream,
                        flow,
                        origin,
                        event,
                    })
                };
                let mut answer = send(event);
                if answer == Appetite::Hold {
                    // Nothing can come before it.
                    answer = send(Event::Bytes(plain));
                }
                fed.any = true;
                fed.wanted = answer != Appetite::Nothing;
                fed.sip |= answer == Appetite::More;
            },
        );
        let has = (self.hellos.client.is_some(), self.hellos.server.is_some());
        if has != had && self.server.is_none() {
            self.server = Some(if has.0 { !direction } else { direction });
        }
        fed.stalled = None;
        match step {
            Step::Taken => return true,
            Step::Wait => {}
            Step::Stalled(why) => fed.stalled = Some(why),
            Step::Failed(why) => {
                if fed.sip {
                    let at = self.last;
                    (outlet.defects)(Defect::new(DefectKind::Malformed, at, BROKEN));
                }
                self.fail(direction, why, &crate::stream::no_origin(), outlet);
            }
        }
        false
    }

    /// A direction cannot be read on.
    fn fail(
        &mut self,
        direction: Direction,
        why: Why,
        origin: &Origin<'_>,
        outlet: &mut Outlet<'_>,
    ) {
        self.why.get_or_insert(why);
        self.close(direction, origin, outlet);
    }

    /// Ends a direction.
    fn close(&mut self, direction: Direction, origin: &Origin<'_>, outlet: &mut Outlet<'_>) {
        let fed = pick(&mut self.fed, direction);
        let wanted = std::mem::take(&mut fed.wanted);
        pick(&mut self.sides, direction).kill();
        if wanted {
            self.send(direction, Event::End, *origin, outlet);
        }
    }

    /// It is given up, or the capture has ended: the line of the trust section, if nothing of it
    /// was read.
    pub(super) fn end(&mut self, why: Option<Why>, outlet: &mut Outlet<'_>) -> Option<Line> {
        self.drive(false, outlet);
        let stalled = self.fed.iter().find_map(|fed| fed.stalled);
        for direction in [false, true] {
            self.close(direction, &crate::stream::no_origin(), outlet);
        }
        if self.sides.iter().any(|side| side.opened)
            || (self.hellos.client.is_none() && self.hellos.server.is_none())
        {
            return None;
        }
        let flow = self.flow_of(!self.server?);
        let known = |hello: &super::hello::ClientHello| outlet.log.of(&hello.random).is_some();
        let has_secret = self.hellos.client.as_ref().is_some_and(known);
        let why = match self.why.or(stalled).or(why) {
            // Nothing else could have helped.
            _ if !has_secret && self.hellos.client.is_some() => Why::NoSecret,
            Some(why) => why,
            None => Why::NoHandshake,
        };
        Some(Line {
            server: flow.dst,
            name: self
                .hellos
                .client
                .take()
                .and_then(|hello| hello.server_name),
            client: flow.src.addr,
            other_clients: false,
            why,
            count: 1,
            first: self.first,
        })
    }

    fn send(
        &mut self,
        direction: Direction,
        event: Event<'_>,
        origin: Origin<'_>,
        outlet: &mut Outlet<'_>,
    ) {
        (outlet.out)(Chunk {
            stream: stream(self.number, direction),
            flow: self.flow_of(direction),
            origin,
            event,
        });
    }

    const fn flow_of(&self, direction: Direction) -> Flow {
        let flow = if direction {
            self.flow.reversed()
        } else {
            self.flow
        };
        Flow {
            transport: Transport::Tls,
            ..flow
        }
    }
}

const fn stream(number: u64, direction: Direction) -> StreamId {
    StreamId(number << 1 | direction as u64)
}

/// A line for a connection of which only encrypted records are in the capture.
pub(super) fn joined_late(flow: &Flow, at: FrameRef) -> Line {
    let (server, client): (Endpoint, Endpoint) = if crate::units::is_sip_port(flow.src.port) {
        (flow.src, flow.dst)
    } else {
        (flow.dst, flow.src)
    };
    Line {
        server,
        name: None,
        client: client.addr,
        other_clients: false,
        why: Why::NoHandshake,
        count: 1,
        first: at,
    }
}
