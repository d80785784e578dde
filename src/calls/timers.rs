//! Timers: T1 of servers, measured from their repeats.
//!
//! In: the times of the first three copies of a 2xx to INVITE. Out: T1 of the socket that sent
//! them. Carriers tune T1 between 0.25 and 1 s, and 64*T1 decides when a
//! server may have given up, so a dialog of too few copies borrows what others showed. Where two
//! dialogs show different ones (several servers behind one proxy) the socket has none.
//! Capped: [`SOCKETS`]; when full, new ones are not learned.
//!
//! # References
//! - RFC 3261 §13.3.1.4

use std::collections::HashMap;

use rustc_hash::FxBuildHasher;

use crate::units::{Endpoint, Span, Timestamp};

/// Servers remembered.
const SOCKETS: usize = 4096;

/// T1 by server socket.
#[derive(Debug, Default)]
pub(super) struct Timers(HashMap<Endpoint, Learned, FxBuildHasher>);

#[derive(Clone, Copy, Debug)]
struct Learned {
    t1: Span,
    varies: bool,
}

/// T1 from the first three copies: the second gap is twice the first (DOMAIN C.5, `T1e`).
pub(super) fn t1_of(copies: [Timestamp; 3]) -> Option<Span> {
    let [first, second, third] = copies;
    let (one, two) = (second.since(first).nanos(), third.since(second).nanos());
    if !(100_000_000..=2_000_000_000).contains(&one) {
        return None;
    }
    // 1.7 to 2.3 times.
    let doubles = (17 * one..=23 * one).contains(&two.saturating_mul(10));
    doubles.then_some(Span::from_nanos(one))
}

impl Timers {
    /// A server's first copies were seen.
    pub(super) fn learn(&mut self, server: Endpoint, copies: [Timestamp; 3]) {
        let Some(t1) = t1_of(copies) else { return };
        if let Some(known) = self.0.get_mut(&server) {
            let apart = known.t1.nanos().abs_diff(t1.nanos());
            // Networks shift copies by some milliseconds, not by a sixth of T1.
            known.varies |= apart > known.t1.nanos().unsigned_abs() / 6;
        } else if self.0.len() < SOCKETS {
            self.0.insert(server, Learned { t1, varies: false });
        }
    }

    /// T1 of a server, if its dialogs agree on one.
    pub(super) fn t1(&self, server: Endpoint) -> Option<Span> {
        let known = self.0.get(&server)?;
        (!known.varies).then_some(known.t1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copies(millis: [i64; 3]) -> [Timestamp; 3] {
        millis.map(|millis| Timestamp::default().plus(Span::from_millis(millis)))
    }

    /// What a server is known by after these.
    fn check(dialogs: &[[i64; 3]], t1: Option<i64>) {
        let server = Endpoint::new([10, 0, 0, 1].into(), 5060);
        let mut timers = Timers::default();
        for &millis in dialogs {
            timers.learn(server, copies(millis));
        }
        assert_eq!(timers.t1(server), t1.map(Span::from_millis), "{dialogs:?}");
    }

    #[test]
    fn t1_is_the_first_gap_if_the_second_doubles_it() {
        check(&[[0, 500, 1500]], Some(500));
        check(&[[0, 250, 750]], Some(250));
        check(&[[0, 1000, 3050]], Some(1000));
        check(&[[0, 500, 1000]], None);
        check(&[[0, 50, 150]], None);
        check(&[[0, 3000, 9000]], None);
        check(&[[0, -500, -1500]], None);
    }

    #[test]
    fn a_socket_whose_dialogs_disagree_has_none() {
        check(&[[0, 500, 1500], [0, 520, 1530]], Some(500));
        check(&[[0, 500, 1500], [0, 1000, 3000], [0, 500, 1500]], None);
    }

    #[test]
    fn what_is_no_timer_changes_nothing() {
        check(&[[0, 500, 1500], [0, 700, 800]], Some(500));
    }

    #[test]
    fn the_table_is_bounded() {
        let mut timers = Timers::default();
        for port in 0..=u16::MAX {
            let server = Endpoint::new([10, 0, 0, 1].into(), port);
            timers.learn(server, copies([0, 500, 1500]));
        }
        assert_eq!(timers.0.len(), SOCKETS);
    }
}
