//! Columns: the hosts of a call, in the order in which it goes through them.
//!
//! In: the messages of a call. Out: its hosts, and in each message where it comes from and goes to.
//!
//! A host is an address, whatever ports it uses. Where parties share an address (everything on one
//! machine), each is a socket, and a connection's own port is that of the Via its owner wrote. The
//! order is that of the hops of the request that began the call, those with fewer Via values first,
//! requests and responses alike, for one of them may not be captured: who is not known yet stands
//! behind who sends to it, or before whom it sends to.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::{Host, Sent};
use crate::units::Endpoint;

/// A party: its address, and its port where others share that.
type Party = (IpAddr, Option<u16>);

/// The columns of `messages`, which are told theirs.
pub(super) fn columns(messages: &mut [Sent]) -> Vec<Host> {
    let parties = Parties::of(messages);
    let mut order: Vec<Party> = Vec::new();
    for hop in hops(messages) {
        let (near, far) = (parties.of_socket(hop.near), parties.of_socket(hop.far));
        let place = |party: Party| order.iter().position(|known| *known == party);
        match (place(near), place(far)) {
            (None, None) => {
                order.push(near);
                if far != near {
                    order.push(far);
                }
            }
            (None, Some(at)) => order.insert(at, near),
            (Some(_), None) => order.push(far),
            (Some(_), Some(_)) => {}
        }
    }
    let mut hosts: Vec<Host> = order
        .iter()
        .map(|(addr, port)| Host {
            addr: *addr,
            ports: port.iter().copied().collect(),
            shares_address: port.is_some(),
        })
        .collect();
    let places: BTreeMap<Party, usize> = order.iter().copied().zip(0..).collect();
    for sent in messages {
        let mut place = |socket: Endpoint| {
            let place = places.get(&parties.of_socket(socket)).copied().unwrap_or(0);
            if let Some(host) = hosts.get_mut(place)
                && !host.ports.contains(&socket.port)
            {
                host.ports.push(socket.port);
            }
            place
        };
        sent.from = place(sent.flow.src);
        sent.to = place(sent.flow.dst);
    }
    hosts
}

/// Two sockets, the one nearer the caller first.
struct Hop {
    near: Endpoint,
    far: Endpoint,
    /// Whether it is of the request that began the call, then its leg, then how many Via values that
    /// has there.
    rank: (bool, usize, usize),
}

/// The hops of all messages, those nearest the caller first.
fn hops(messages: &[Sent]) -> Vec<Hop> {
    // Each leg has tags of its own.
    let mut begins: BTreeMap<usize, &Sent> = BTreeMap::new();
    for sent in messages {
        let known = begins.entry(sent.leg).or_insert(sent);
        if sent.is_initial() && !known.is_initial() {
            *known = sent;
        }
    }
    let hop = |sent: &Sent| {
        let begins = begins.get(&sent.leg).copied().unwrap_or(sent);
        // The From tag says whose request it is, the caller's or the callee's.
        let is_callers = sent.from_tag == begins.from_tag;
        let (near, far) = if is_callers == sent.is_request() {
            (sent.flow.src, sent.flow.dst)
        } else {
            (sent.flow.dst, sent.flow.src)
        };
        Hop {
            near,
            far,
            rank: (
                !(is_callers && sent.method() == begins.method()),
                sent.leg,
                sent.vias,
            ),
        }
    };
    let mut hops: Vec<Hop> = messages.iter().map(hop).collect();
    hops.sort_by_key(|hop| hop.rank);
    hops
}

/// Which sockets are one party.
struct Parties {
    /// Addresses that several parties share.
    shared: BTreeSet<IpAddr>,
    /// Of a socket at such an address the port its owner names in Via.
    named: BTreeMap<Endpoint, u16>,
}

impl Parties {
    fn of(messages: &[Sent]) -> Self {
        let shared: BTreeSet<IpAddr> = messages
            .iter()
            .filter(|sent| sent.flow.src.addr == sent.flow.dst.addr)
            .map(|sent| sent.flow.src.addr)
            .collect();
        let mut named = BTreeMap::new();
        for sent in messages {
            let author = if sent.is_request() {
                sent.flow.src
            } else {
                sent.flow.dst
            };
            if let Some(port) = sent.via_port
                && shared.contains(&author.addr)
            {
                named.entry(author).or_insert(port);
            }
        }
        Self { shared, named }
    }

    fn of_socket(&self, socket: Endpoint) -> Party {
        let port = self.shared.contains(&socket.addr).then(|| {
            let named = self.named.get(&socket).copied();
            named.unwrap_or(socket.port)
        });
        (socket.addr, port)
    }
}
