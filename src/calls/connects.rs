//! TCP connections that nobody took: what an ACK that had to open one never got past.
//!
//! In: TCP segments with SYN or RST. Kept: for each socket to which a connection was asked for and
//! not opened, who asked, when first and last, and whether it was refused. Capped: of more than
//! `SOCKETS` the one asked for longest ago leaves, which makes causes fewer, never wrong.
//!
//! # References
//! - RFC 9293 §3.5; RFC 3261 §18.1.1 (large requests move to TCP), §18.4

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;

use rustc_hash::FxBuildHasher;

use super::Seen;
use crate::packet::Segment;
use crate::units::Endpoint;

/// Sockets remembered.
const SOCKETS: usize = 4096;

/// A connection that was asked for in vain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unopened {
    /// Who asked.
    pub from: IpAddr,
    /// The socket asked for.
    pub to: Endpoint,
    /// The first SYN.
    pub first: Seen,
    /// The last one.
    pub last: Seen,
    /// The RST that refused it; `None`: silence.
    pub refused: Option<Seen>,
}

/// The connections that wait for an answer, or did not get one.
#[derive(Debug, Default)]
pub(super) struct Connects {
    by_socket: HashMap<Endpoint, Unopened, FxBuildHasher>,
    ages: VecDeque<Endpoint>,
}

impl Connects {
    /// Takes a segment; only SYN and RST say anything.
    pub(super) fn push(&mut self, segment: &Segment<'_>) {
        let (flags, flow) = (segment.flags, segment.flow);
        let now = Seen::of(&segment.origin);
        match (flags.syn, flags.ack, flags.rst) {
            (true, false, _) => self.asked(flow.dst, flow.src.addr, now),
            (true, true, _) => {
                self.by_socket.remove(&flow.src);
            }
            (_, _, true) => {
                if let Some(unopened) = self.by_socket.get_mut(&flow.src)
                    && unopened.from == flow.dst.addr
                {
                    unopened.refused = Some(now);
                }
            }
            _ => {}
        }
    }

    fn asked(&mut self, to: Endpoint, from: IpAddr, now: Seen) {
        if let Some(known) = self.by_socket.get_mut(&to) {
            if known.from == from {
                known.last = now;
            }
            return;
        }
        self.by_socket.insert(
            to,
            Unopened {
                from,
                to,
                first: now,
                last: now,
                refused: None,
            },
        );
        self.ages.push_back(to);
        // Sockets that were opened left the table alone; their places in the queue go with time.
        while self.by_socket.len() > SOCKETS || self.ages.len() > 4 * SOCKETS {
            let Some(oldest) = self.ages.pop_front() else {
                break;
            };
            self.by_socket.remove(&oldest);
        }
    }

    /// What became of connections to `to`, if none was opened since.
    pub(super) fn unopened(&self, to: Endpoint) -> Option<Unopened> {
        self.by_socket.get(&to).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::TcpFlags;
    use crate::units::{Flow, FrameNo, FrameRef, Origin, Timestamp, Transport};

    fn push(connects: &mut Connects, src: u16, dst: u16, flags: TcpFlags) {
        let socket = |port| Endpoint::new([10, 0, 0, 1].into(), port);
        connects.push(&Segment {
            flow: Flow {
                src: socket(src),
                dst: socket(dst),
                transport: Transport::Tcp,
            },
            origin: Origin {
                at: FrameRef {
                    no: FrameNo(1),
                    ..FrameRef::default()
                },
                time: Timestamp::from_nanos(0),
                earlier: &[],
                interface: 0,
                ip_id: 0,
                ttl: 64,
                snapped: false,
                fragmented: false,
            },
            seq: 0,
            ack: 0,
            flags,
            payload: &[],
            wire_len: 0,
        });
    }

    const SYN: TcpFlags = TcpFlags {
        syn: true,
        ack: false,
        fin: false,
        rst: false,
    };
    const SYN_ACK: TcpFlags = TcpFlags { ack: true, ..SYN };
    const RST: TcpFlags = TcpFlags {
        syn: false,
        ack: true,
        fin: false,
        rst: true,
    };

    fn unopened(connects: &Connects) -> Option<bool> {
        let to = Endpoint::new([10, 0, 0, 1].into(), 5060);
        connects.unopened(to).map(|one| one.refused.is_some())
    }

    #[test]
    fn a_connection_is_unopened_until_it_is_taken() {
        let mut connects = Connects::default();
        push(&mut connects, 40_000, 5060, SYN);
        assert_eq!(unopened(&connects), Some(false));
        push(&mut connects, 5060, 40_000, RST);
        assert_eq!(unopened(&connects), Some(true));
        push(&mut connects, 40_001, 5060, SYN);
        push(&mut connects, 5060, 40_001, SYN_ACK);
        assert_eq!(unopened(&connects), None);
    }

    #[test]
    fn a_reset_of_an_open_connection_says_nothing() {
        let mut connects = Connects::default();
        push(&mut connects, 5060, 40_000, RST);
        assert_eq!(unopened(&connects), None);
    }

    #[test]
    fn a_flood_of_sockets_stays_within_its_room() {
        let mut connects = Connects::default();
        for port in 1..=60_000 {
            push(&mut connects, 1, port, SYN);
        }
        assert!(connects.by_socket.len() <= SOCKETS);
        assert!(connects.ages.len() <= 4 * SOCKETS);
    }
}
