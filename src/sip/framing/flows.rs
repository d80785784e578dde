//! `KnownFlows`: the flows that have given a message.
//!
//! In: flows. Out: whether either direction was met, or uses a port where SIP is expected anyway;
//! those are not remembered. Capped: two generations of half the cap
//! each; when the younger is full the elder is forgotten.

use rustc_hash::FxHashSet;

use crate::units::{Flow, is_sip_port};

/// A capped set of flows.
#[derive(Debug)]
pub(super) struct KnownFlows {
    young: FxHashSet<Flow>,
    old: FxHashSet<Flow>,
    half: usize,
}

impl KnownFlows {
    /// An empty set for `cap` flows.
    pub(super) fn new(cap: usize) -> Self {
        Self {
            young: FxHashSet::default(),
            old: FxHashSet::default(),
            half: (cap / 2).max(1),
        }
    }

    /// Remembers both directions of `flow`.
    pub(super) fn insert(&mut self, flow: &Flow) {
        if is_expected(flow) {
            return;
        }
        let flow = either(flow);
        if self.young.contains(&flow) {
            return;
        }
        if self.young.len() >= self.half {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(flow);
    }

    /// Whether either direction is remembered; what is asked for stays.
    pub(super) fn contains(&mut self, flow: &Flow) -> bool {
        if is_expected(flow) {
            return true;
        }
        let key = either(flow);
        if self.young.contains(&key) {
            return true;
        }
        let known = self.old.contains(&key);
        if known {
            self.insert(flow);
        }
        known
    }
}

/// Whether one of the ports is SIP's.
const fn is_expected(flow: &Flow) -> bool {
    is_sip_port(flow.src.port) || is_sip_port(flow.dst.port)
}

/// The same for both directions.
fn either(flow: &Flow) -> Flow {
    if flow.src <= flow.dst {
        *flow
    } else {
        flow.reversed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::{Endpoint, Transport};
    use std::net::{IpAddr, Ipv4Addr};

    fn flow(port: u16) -> Flow {
        let addr = IpAddr::V4(Ipv4Addr::LOCALHOST);
        Flow {
            src: Endpoint::new(addr, port),
            dst: Endpoint::new(addr, 1),
            transport: Transport::Udp,
        }
    }

    #[test]
    fn both_directions_are_known() {
        let mut flows = KnownFlows::new(4);
        flows.insert(&flow(9));
        assert!(flows.contains(&flow(9)));
        assert!(flows.contains(&flow(9).reversed()));
        assert!(!flows.contains(&flow(8)));
    }

    #[test]
    fn a_flow_on_a_sip_port_is_known_and_takes_no_room() {
        let mut flows = KnownFlows::new(4);
        assert!(flows.contains(&flow(5060)));
        flows.insert(&flow(5060).reversed());
        assert!(flows.young.is_empty());
    }

    #[test]
    fn the_cap_holds_and_what_is_used_stays() {
        let mut flows = KnownFlows::new(8);
        for port in 10..1000 {
            flows.insert(&flow(port));
            assert!(port == 10 || flows.contains(&flow(10)), "{port}");
            assert!(flows.young.len() + flows.old.len() <= 8);
        }
        assert!(!flows.contains(&flow(11)));
    }
}
