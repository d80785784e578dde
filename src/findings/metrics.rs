//! Metrics: the ratios and delays of RFC 6076 and E.411/E.425, over all, by peer and by minute.
//!
//! In: requests and sessions as they settle. Out: [`Measured`] scopes. An attempt is one Call-ID
//! and From tag: rounds of challenge and redirection are folded, and it began with its first
//! request (RFC 6076 §5.3). Over all and by minute it is measured on the hop nearest the caller;
//! by peer on every hop between those two hosts, so that a proxy's capture tells what each of its
//! targets made of the calls it got. A minute holds the calls that began in it.
//!
//! An attempt that the capture does not see to its end is part of no ratio. A ratio over nothing
//! is undefined, not 0 and not 100.
//!
//! Capped: attempts in progress, peers and minutes; what is beyond is left out of its scope and
//! said by [`Metrics::is_full`].
//!
//! # References
//! - RFC 6076 §4, §5; ITU-T E.411 and E.425 for ASR and NER

mod attempts;
mod measures;

use std::collections::BTreeMap;
use std::sync::Arc;

use attempts::{Attempt, Attempts, Key};
pub use measures::{Mean, Measures, Ratio};

use super::rule::{Peer, kept};
use crate::calls::{Exchanged, Hop, Session, SessionEnd, Side};
use crate::limits::Limits;
use crate::sip::MethodKind;
use crate::units::{Span, Timestamp};

/// Minutes told apart: a week.
const MINUTES: usize = 10_080;

/// Pairs of hosts told apart.
const PEERS: usize = 1024;

/// What was measured where.
#[derive(Clone, Debug)]
pub struct Measured {
    /// Over what.
    pub scope: Scope,
    /// The measures.
    pub measures: Measures,
}

/// Over what was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The whole capture.
    All,
    /// Requests from one host to another.
    Peer(Peer),
    /// Calls that began in the minute from then on.
    Minute(Timestamp),
}

/// The measures of a capture, as they are gathered.
#[derive(Debug)]
pub struct Metrics {
    attempts: Attempts,
    all: Measures,
    peers: BTreeMap<Peer, Measures>,
    minutes: BTreeMap<i64, Measures>,
    call_id_bytes: usize,
    is_full: bool,
}

impl Metrics {
    /// For one capture.
    pub fn new(limits: &Limits) -> Self {
        Self {
            attempts: Attempts::new(limits.measured_attempts),
            all: Measures::default(),
            peers: BTreeMap::new(),
            minutes: BTreeMap::new(),
            call_id_bytes: limits.call_id_bytes,
            is_full: false,
        }
    }

    /// Peers or minutes were left out for lack of room.
    pub const fn is_full(&self) -> bool {
        self.is_full
    }

    /// Takes a settled request.
    pub fn exchanged(&mut self, exchanged: &Exchanged<'_>) {
        let is_register = match exchanged.method {
            MethodKind::Invite if exchanged.initial => false,
            MethodKind::Register => true,
            _ => return,
        };
        let call_id: Arc<[u8]> = kept(exchanged.call_id, self.call_id_bytes).into();
        let key = |peer| Key {
            call_id: Arc::clone(&call_id),
            from_tag: if is_register { 0 } else { exchanged.from_tag },
            is_register,
            peer,
        };
        for (index, hop) in exchanged.hops.iter().enumerate() {
            let peer = Peer::of(&hop.flow);
            // Two sockets of one pair of hosts are one hop to whoever looks at the pair.
            let is_seen = |earlier: &Hop| Peer::of(&earlier.flow) == peer;
            if !exchanged.hops.iter().take(index).any(is_seen) {
                self.hop(exchanged, hop, key(Some(peer)));
            }
            if index == 0 {
                self.hop(exchanged, hop, key(None));
            }
        }
    }

    fn hop(&mut self, exchanged: &Exchanged<'_>, hop: &Hop, key: Key) {
        let attempt = Attempt::of(exchanged, hop);
        for (key, done) in self.attempts.push(key, attempt, exchanged.goes_on) {
            self.count(&key, &done);
        }
    }

    /// Takes a session.
    pub fn session(&mut self, session: &Session<'_>) {
        let SessionEnd::Bye {
            side, bye, answer, ..
        } = session.end
        else {
            return;
        };
        let talk = bye.time.since(session.answered.time);
        // Where the time went backwards nothing can be measured.
        let is_backwards = talk < Span::default() || session.observed.time_step;
        // Where the caller's requests are not seen only the calls that the callee ends would count.
        if is_backwards || session.invite.is_none() {
            return;
        }
        let ended = Ended {
            talk,
            by_callee: side == Side::Uas,
            answer: answer.map(|(code, seen)| (code.is_success(), seen.time.since(bye.time))),
            is_over: session.observed.until.since(bye.time) >= attempts::TIMER_B,
        };
        let began = session.invite.unwrap_or(session.answered).time;
        self.all.ended(&ended);
        let peer = Peer::of(&session.flow);
        if let Some(measures) = self.of_peer(peer) {
            measures.ended(&ended);
        }
        if let Some(measures) = self.of_minute(began) {
            measures.ended(&ended);
        }
    }

    /// Ends the capture: all, then peers by attempts, then minutes in order.
    pub fn finish(mut self) -> Vec<Measured> {
        for (key, done) in self.attempts.take_all() {
            self.count(&key, &done);
        }
        let mut measured = vec![Measured {
            scope: Scope::All,
            measures: self.all,
        }];
        let mut peers: Vec<_> = self.peers.into_iter().collect();
        peers.sort_by_key(|(peer, measures)| (std::cmp::Reverse(measures.weight()), *peer));
        measured.extend(peers.into_iter().map(|(peer, measures)| Measured {
            scope: Scope::Peer(peer),
            measures,
        }));
        measured.extend(self.minutes.into_iter().map(|(minute, measures)| Measured {
            scope: Scope::Minute(Timestamp::from_nanos(minute.saturating_mul(MINUTE))),
            measures,
        }));
        measured.retain(|one| one.measures.weight() > 0);
        measured
    }

    fn count(&mut self, key: &Key, attempt: &Attempt) {
        if let Some(peer) = key.peer {
            if let Some(measures) = self.of_peer(peer) {
                measures.attempted(attempt, key.is_register);
            }
            return;
        }
        self.all.attempted(attempt, key.is_register);
        if let Some(measures) = self.of_minute(attempt.began()) {
            measures.attempted(attempt, key.is_register);
        }
    }

    fn of_peer(&mut self, peer: Peer) -> Option<&mut Measures> {
        if self.peers.len() >= PEERS && !self.peers.contains_key(&peer) {
            self.is_full = true;
            return None;
        }
        Some(self.peers.entry(peer).or_default())
    }

    fn of_minute(&mut self, time: Timestamp) -> Option<&mut Measures> {
        let minute = time.nanos().div_euclid(MINUTE);
        if self.minutes.len() >= MINUTES && !self.minutes.contains_key(&minute) {
            self.is_full = true;
            return None;
        }
        Some(self.minutes.entry(minute).or_default())
    }
}

/// Nanoseconds in a minute.
const MINUTE: i64 = 60 * crate::units::NANOS_PER_SEC;

/// How a session ended, as far as it is measured.
#[derive(Clone, Copy, Debug)]
struct Ended {
    /// From the 2xx to the BYE.
    talk: Span,
    by_callee: bool,
    /// Whether the BYE got a 2xx, and after how long; `None` without a final response.
    answer: Option<(bool, Span)>,
    /// Timer F of the BYE had passed when the capture ended.
    is_over: bool,
}

#[cfg(test)]
mod tests;
