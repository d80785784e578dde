//! Heard: between which hosts SIP was seen, by direction.
//!
//! A request without an answer may have been answered in a direction that the tap does not show.
//! Whether it shows that direction is known only at the end.
//!
//! Capped: [`crate::limits::Limits::host_pairs`]; of further pairs nothing is known.

use std::net::IpAddr;

use super::rule::Peer;
use super::table::{Table, place};
use crate::calls::{Exchanged, Hop};
use crate::units::Timestamp;

/// Directions that were seen.
#[derive(Debug, Default)]
pub struct Heard {
    cap: usize,
    /// By direction, when something was seen last.
    ways: Table<Peer, Option<Timestamp>>,
}

impl Heard {
    /// Nothing yet; at most `cap` directions.
    pub fn new(cap: usize) -> Self {
        Self {
            cap,
            ways: Table::default(),
        }
    }

    /// Takes what was seen of a request on all hops.
    pub fn exchanged(&mut self, exchanged: &Exchanged<'_>) {
        for hop in exchanged.hops {
            self.hop(hop);
        }
    }

    fn hop(&mut self, hop: &Hop) {
        let there = Peer::of(&hop.flow);
        let back = Peer::of(&hop.flow.reversed());
        let provisional = [hop.trying, hop.progress.map(|(_, seen)| seen)];
        let finals = hop.finals.iter().map(|last_word| last_word.last);
        let answer = provisional.into_iter().flatten().chain(finals);
        let answer = answer.map(|seen| seen.time).max();
        let request = [hop.last_request, hop.ack].into_iter().flatten();
        let request = request.map(|seen| seen.time).max();
        for (way, seen) in [(there, request), (back, answer)] {
            let Some(seen) = seen else { continue };
            if let Some(last) = place(&mut self.ways, way, self.cap) {
                *last = Some(seen).max(*last);
            }
        }
    }

    /// Whether anything was ever seen from the receiver of a pair's requests to their sender.
    pub fn is_answering(&self, peer: Peer) -> bool {
        self.ways.contains_key(&peer.reversed())
    }

    /// Whom else the receiver of a pair's requests sent something to, at `time` or later.
    pub fn sent_to_others(&self, peer: Peer, time: Timestamp) -> Option<IpAddr> {
        let is_other = |way: &Peer| way.src == peer.dst && way.dst != peer.src;
        let ways = self.ways.iter().filter(|(way, _)| is_other(way));
        let later = ways.filter(|(_, last)| last.is_some_and(|last| last >= time));
        later.map(|(way, _)| way.dst).min()
    }

    /// Whether that was seen after `time`.
    pub fn is_answering_after(&self, peer: Peer, time: Timestamp) -> bool {
        let last = self.ways.get(&peer.reversed()).copied().flatten();
        last.is_some_and(|last| last > time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::testing::{Made, at, flow};

    #[test]
    fn a_direction_is_known_by_responses_and_by_requests_the_other_way() {
        let mut heard = Heard::new(16);
        let made = [
            Made::new("OPTIONS").hop("10.0.0.1", "10.0.0.2", |hop| hop.sent(1.0)),
            Made::new("OPTIONS").hop("10.0.0.1", "10.0.0.3", |hop| hop.sent(1.0).answer(200, 2.0)),
            Made::new("OPTIONS").hop("10.0.0.4", "10.0.0.1", |hop| hop.sent(1.0)),
        ];
        for made in made {
            made.with(|exchanged| heard.exchanged(exchanged));
        }
        let answers = |dst: &str| heard.is_answering(Peer::of(&flow("10.0.0.1", dst)));
        assert_eq!(
            ["10.0.0.2", "10.0.0.3", "10.0.0.4"].map(answers),
            [false, true, true]
        );
        let after =
            |second| heard.is_answering_after(Peer::of(&flow("10.0.0.1", "10.0.0.3")), at(second));
        assert_eq!([1.5, 2.5].map(after), [true, false]);
        let others = |second| {
            let peer = Peer::of(&flow("10.0.0.9", "10.0.0.3"));
            heard.sent_to_others(peer, at(second))
        };
        let known = "10.0.0.1".parse().expect("an address");
        assert_eq!([2.0, 2.5].map(others), [Some(known), None]);
    }
}
