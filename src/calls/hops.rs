//! Hops: what was seen between two sockets or hosts over the whole capture.
//!
//! Verdicts need it: whether both directions pass the tap, whether ACKs of other calls do,
//! whether a server is known to repeat its 2xx (DOMAIN C.4, C.5 rows 20 and 23). Capped; when
//! full, new pairs are not learned, which makes verdicts more careful, never bolder.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use rustc_hash::FxBuildHasher;

use super::Seen;
use super::connects::Connects;
use super::delivered::Delivered;
use crate::units::{Endpoint, Flow, Timestamp};

/// Pairs of sockets and hosts remembered: more than any trunk group has.
/// Seven eighths of a power of two: one more would double the tables.
const PAIRS: usize = 28_672;

/// What was seen where.
#[derive(Debug, Default)]
pub struct Hops {
    directions: HashSet<(Endpoint, Endpoint), FxBuildHasher>,
    acks: HashMap<(IpAddr, IpAddr, u16), AckSightings, FxBuildHasher>,
    repeating: HashMap<Endpoint, AckSightings, FxBuildHasher>,
    /// The last ICMP error about one of several requests that went this way.
    refused: HashMap<(Endpoint, Endpoint), Seen, FxBuildHasher>,
    /// TCP connections that were not opened.
    pub(super) connects: Connects,
    /// Messages over TCP that arrived.
    pub(super) delivered: Delivered,
}

/// Whether one call, or more than one, showed something.
#[derive(Clone, Copy, Debug)]
struct AckSightings {
    call: u64,
    several: bool,
}

impl AckSightings {
    const fn is_other_than(&self, call: u64) -> bool {
        self.several || self.call != call
    }
}

impl Hops {
    /// A SIP message went this way.
    pub(super) fn saw(&mut self, flow: &Flow) {
        if self.directions.len() < PAIRS {
            self.directions.insert((flow.src, flow.dst));
        }
    }

    /// Whether any SIP message went this way, in this or another call.
    pub(super) fn has_seen(&self, flow: &Flow) -> bool {
        self.directions.contains(&(flow.src, flow.dst))
    }

    /// Pairs of hosts of which one direction was seen only; an ACK may go to another port than its
    /// INVITE and its 200 came from.
    pub(super) fn one_way(&self) -> usize {
        let hosts: HashSet<(IpAddr, IpAddr), FxBuildHasher> = self
            .directions
            .iter()
            .map(|(src, dst)| (src.addr, dst.addr))
            .collect();
        hosts
            .iter()
            .filter(|(src, dst)| !hosts.contains(&(*dst, *src)))
            .count()
    }

    /// An ACK to a 2xx of `call` went this way.
    pub(super) fn saw_ack(&mut self, flow: &Flow, call: u64) {
        learn(&mut self.acks, hosts(flow), call);
    }

    /// Whether an ACK to a 2xx of another call went from host to host this way.
    pub(super) fn has_ack_of_other(&self, flow: &Flow, call: u64) -> bool {
        self.acks
            .get(&hosts(flow))
            .is_some_and(|seen| seen.is_other_than(call))
    }

    /// The server at `socket` repeated a 2xx of `call`.
    pub(super) fn saw_repeat(&mut self, socket: Endpoint, call: u64) {
        learn(&mut self.repeating, socket, call);
    }

    /// An ICMP error is about one of several requests that went this way.
    pub(super) fn refused(&mut self, flow: &Flow, seen: Seen) {
        let way = (flow.src, flow.dst);
        if self.refused.len() < PAIRS || self.refused.contains_key(&way) {
            self.refused.insert(way, seen);
        }
    }

    /// The last ICMP error about a request that went this way after `sent`; which of several it was
    /// is not known.
    pub(super) fn refused_after(&self, flow: &Flow, sent: Timestamp) -> Option<Seen> {
        let seen = self.refused.get(&(flow.src, flow.dst)).copied();
        seen.filter(|seen| seen.time >= sent)
    }

    /// Whether the server at `socket` repeated a 2xx in another call.
    pub(super) fn repeats_in_other(&self, socket: Endpoint, call: u64) -> bool {
        self.repeating
            .get(&socket)
            .is_some_and(|seen| seen.is_other_than(call))
    }
}

/// From host to host; where both are one, only the port tells to which element.
fn hosts(flow: &Flow) -> (IpAddr, IpAddr, u16) {
    let is_one = flow.src.addr == flow.dst.addr;
    let port = if is_one { flow.dst.port } else { 0 };
    (flow.src.addr, flow.dst.addr, port)
}

fn learn<K: Eq + std::hash::Hash>(
    table: &mut HashMap<K, AckSightings, FxBuildHasher>,
    key: K,
    call: u64,
) {
    let is_full = table.len() >= PAIRS;
    match table.entry(key) {
        std::collections::hash_map::Entry::Occupied(mut seen) => {
            let seen = seen.get_mut();
            seen.several |= seen.call != call;
        }
        std::collections::hash_map::Entry::Vacant(slot) if !is_full => {
            slot.insert(AckSightings {
                call,
                several: false,
            });
        }
        std::collections::hash_map::Entry::Vacant(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Transport;

    #[test]
    fn only_another_call_is_a_witness() {
        let socket = |last| Endpoint::new([10, 0, 0, last].into(), 5060);
        let flow = Flow {
            src: socket(1),
            dst: socket(2),
            transport: Transport::Udp,
        };
        let mut hops = Hops::default();
        hops.saw_ack(&flow, 7);
        assert!(!hops.has_ack_of_other(&flow, 7));
        assert!(hops.has_ack_of_other(&flow, 8));
        assert!(!hops.has_ack_of_other(&flow.reversed(), 8));
        hops.saw_ack(&flow, 8);
        assert!(hops.has_ack_of_other(&flow, 7));
        hops.saw_repeat(flow.dst, 7);
        assert!(!hops.repeats_in_other(flow.dst, 7));
    }
}
