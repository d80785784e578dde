//! `Tls`: the stage.
//!
//! In: chunks of all TCP streams. Out: chunks, plaintext or untouched. Always: a stream that is
//! not TLS costs one look at its first bytes. Capped: see the room's contract.

use rustc_hash::{FxHashMap, FxHashSet};

use super::connection::{Connection, Outlet, direction, joined_late};
use super::keylog::KeyLog;
use super::side::Scratch;
use super::unread::{Unread, Why};
use crate::defect::{Defect, DefectKind};
use crate::limits::Limits;
use crate::stream::{Appetite, Chunk, Event, StreamId};
use crate::units::is_sip_port;

const CROWDED: &str =
    "more TLS connections at once than memory is set aside for: one with SIP was given up";

/// Decrypts TLS connections.
#[derive(Debug)]
pub struct Tls {
    log: KeyLog,
    live: FxHashMap<u64, Box<Connection>>,
    /// Connections that are over or given up, in two generations.
    done: [FxHashSet<u64>; 2],
    unread: Unread,
    scratch: Scratch,
    waiting: usize,
    used: u64,
    limits: Limits,
}

impl Tls {
    /// One with the secrets of `log`.
    pub fn new(log: KeyLog, limits: &Limits) -> Self {
        Self {
            log,
            live: FxHashMap::default(),
            done: [FxHashSet::default(), FxHashSet::default()],
            unread: Unread::new(limits.tls_servers),
            scratch: Scratch::new(limits.frames_per_message),
            waiting: 0,
            used: 0,
            limits: *limits,
        }
    }

    /// Takes secrets that the capture brings, as whole lines of a key log.
    pub fn add_secrets(&mut self, lines: &[u8]) {
        self.log.add(lines);
    }

    /// Connections that were not decrypted.
    pub const fn unread(&self) -> &Unread {
        &self.unread
    }

    /// Bytes that wait.
    pub const fn waiting_bytes(&self) -> usize {
        self.waiting
    }

    /// Whether a stream's connection is TLS as far as it is known.
    pub fn follows(&self, stream: StreamId) -> bool {
        self.live.contains_key(&stream.connection())
    }

    /// Takes what is known next of a TCP stream.
    pub fn push(
        &mut self,
        chunk: &Chunk<'_>,
        out: &mut dyn FnMut(Chunk<'_>) -> Appetite,
        defects: &mut dyn FnMut(Defect),
    ) -> Appetite {
        let number = chunk.stream.connection();
        if !self.live.contains_key(&number) {
            let (Event::Bytes(bytes) | Event::Probe(bytes)) = chunk.event else {
                return out(*chunk);
            };
            // A record of TLS is neither text nor anything else that is looked at.
            if !matches!(bytes.first(), Some(20..=23)) {
                return out(*chunk);
            }
            if self.done.iter().any(|done| done.contains(&number)) {
                return Appetite::Nothing;
            }
            if !may_be_hello(bytes) {
                let ports = (chunk.flow.src.port, chunk.flow.dst.port);
                if is_data_record(bytes) && (is_sip_port(ports.0) || is_sip_port(ports.1)) {
                    self.unread.add(joined_late(&chunk.flow, chunk.origin.at));
                    self.set_done(number);
                    return Appetite::Nothing;
                }
                return out(*chunk);
            }
            if self.live.len() >= self.limits.tls_connections {
                self.shed(number, out, defects);
            }
            self.live.insert(number, Box::new(Connection::new(chunk)));
        }
        let Some(connection) = self.live.get_mut(&number) else {
            return Appetite::Nothing;
        };
        self.used += 1;
        connection.used = self.used;
        let before = connection.cost();
        let mut outlet = Outlet {
            out,
            defects,
            log: &self.log,
            scratch: &mut self.scratch,
        };
        connection.push(chunk, &mut outlet);
        self.waiting = self.waiting.saturating_sub(before) + connection.cost();
        let appetite = connection.appetite(direction(chunk.stream));
        if connection.is_over() {
            self.end(number, None, out, defects);
            return Appetite::Nothing;
        }
        if connection.is_beyond(self.limits.tls_waiting_bytes_per_direction) {
            self.end(number, Some(Why::GivenUp), out, defects);
            return Appetite::Nothing;
        }
        if self.waiting > self.limits.tls_waiting_bytes {
            self.shed(number, out, defects);
        }
        appetite
    }

    /// The capture is over.
    pub fn finish(
        &mut self,
        out: &mut dyn FnMut(Chunk<'_>) -> Appetite,
        defects: &mut dyn FnMut(Defect),
    ) {
        let mut open: Vec<u64> = self.live.keys().copied().collect();
        open.sort_unstable();
        for number in open {
            self.end(number, None, out, defects);
        }
    }

    fn end(
        &mut self,
        number: u64,
        why: Option<Why>,
        out: &mut dyn FnMut(Chunk<'_>) -> Appetite,
        defects: &mut dyn FnMut(Defect),
    ) {
        let Some(mut connection) = self.live.remove(&number) else {
            return;
        };
        self.waiting = self.waiting.saturating_sub(connection.cost());
        if why.is_some() && connection.is_sip() {
            defects(Defect::new(
                DefectKind::Evicted,
                connection.first(),
                CROWDED,
            ));
        }
        let mut outlet = Outlet {
            out,
            defects,
            log: &self.log,
            scratch: &mut self.scratch,
        };
        if let Some(line) = connection.end(why, &mut outlet) {
            self.unread.add(line);
        }
        self.set_done(number);
    }

    /// Gives up a quarter of the connections, those without SIP and idle longest first, so that
    /// the search for them is paid by the connections that filled the table. `kept` stays.
    fn shed(
        &mut self,
        kept: u64,
        out: &mut dyn FnMut(Chunk<'_>) -> Appetite,
        defects: &mut dyn FnMut(Defect),
    ) {
        let mut open: Vec<(bool, u64, u64)> = self
            .live
            .iter()
            .filter(|(number, _)| **number != kept)
            .map(|(number, connection)| (connection.is_sip(), connection.used, *number))
            .collect();
        open.sort_unstable();
        for (_, _, number) in open.iter().take(open.len() / 4 + 1) {
            self.end(*number, Some(Why::GivenUp), out, defects);
        }
    }

    fn set_done(&mut self, number: u64) {
        let [young, old] = &mut self.done;
        if young.len() >= self.limits.tls_connections {
            *old = std::mem::take(young);
        }
        young.insert(number);
    }
}

/// Whether a stream can begin a TLS connection: a handshake record with a hello (RFC 8446 §5.1),
/// or the first bytes of one.
fn may_be_hello(bytes: &[u8]) -> bool {
    match bytes {
        [0x16, 0x03, 0..=4, _, _, kind, ..] => matches!(kind, 1 | 2),
        [0x16] | [0x16, 0x03] => true,
        [0x16, 0x03, 0..=4, rest @ ..] => rest.len() < 3,
        _ => false,
    }
}

/// Whether a segment begins with a record of encrypted data.
fn is_data_record(bytes: &[u8]) -> bool {
    matches!(bytes, [0x17, 0x03, 1..=3, high, ..] if *high <= 0x48)
}
