//! Metrics: the ratios and delays of RFC 6076 and E.411/E.425, over all, by peer and by minute.
//!
//! In: requests and sessions as they settle. Out: [`Measured`] scopes. An attempt is one Call-ID
//! and From tag: rounds of challenge and redirection are folded, and it began with its first
//! request (RFC 6076 §5.3). Over all and by minute it is measured on the hop nearest the caller;
//! by peer on every hop between those two hosts, so that a proxy's capture tells what each of its
//! targets made of the calls it got. A leg that an element sent on under a Call-ID of its own is the
//! call that it got: it counts by peer, and not over all or by minute. A minute holds the calls that began in it.
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

use attempts::{Attempt, Attempts, Key, Place};
pub use measures::{Mean, Measures, Ratio};

use super::rule::Peer;
use super::table::Table;
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
    peers: Peers,
    minutes: BTreeMap<i64, Measures>,
    is_full: bool,
}

impl Metrics {
    /// For one capture.
    pub fn new(limits: &Limits) -> Self {
        Self {
            attempts: Attempts::new(limits.measured_attempts),
            all: Measures::default(),
            peers: Peers::new(limits.host_pairs),
            minutes: BTreeMap::new(),
            is_full: false,
        }
    }

    /// Peers or minutes were left out for lack of room.
    pub const fn is_full(&self) -> bool {
        self.is_full
    }

    /// Takes a settled request.
    pub fn exchanged(&mut self, exchanged: &Exchanged<'_>) {
        match exchanged.method {
            MethodKind::Invite if exchanged.initial => {}
            MethodKind::Register => {}
            _ => return,
        }
        let key = self.attempts.key(exchanged);
        for (index, hop) in exchanged.hops.iter().enumerate() {
            let peer = Peer::of(&hop.flow);
            // Two sockets of one pair of hosts are one hop to whoever looks at the pair.
            let is_seen = |earlier: &Hop| Peer::of(&earlier.flow) == peer;
            let attempt = Attempt::of(exchanged, hop);
            if !exchanged.hops.iter().take(index).any(is_seen)
                && let Some(number) = self.number(peer)
            {
                self.attempt(key, Place::Peer(number), attempt, exchanged.goes_on);
            }
            if index == 0 && !exchanged.onward {
                self.attempt(key, Place::All, attempt, exchanged.goes_on);
            }
        }
    }

    fn attempt(&mut self, key: Key, place: Place, attempt: Attempt, goes_on: bool) {
        let Self {
            attempts,
            all,
            peers,
            minutes,
            is_full,
            ..
        } = self;
        attempts.push(key, place, attempt, goes_on, |(place, done)| {
            count(all, peers, minutes, is_full, place, &done);
        });
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
        if !session.onward {
            self.all.ended(&ended);
        }
        let peer = Peer::of(&session.flow);
        let number = self.number(peer);
        if let Some(measures) = number.and_then(|number| self.peers.measures(number)) {
            measures.ended(&ended);
        } else {
            self.is_full = true;
        }
        if !session.onward
            && let Some(measures) = self.of_minute(began)
        {
            measures.ended(&ended);
        }
    }

    /// Ends the capture: all, then peers by attempts, then minutes in order.
    pub fn finish(mut self) -> Vec<Measured> {
        let Self {
            attempts,
            all,
            peers,
            minutes,
            is_full,
            ..
        } = &mut self;
        for (place, done) in attempts.take_all() {
            count(all, peers, minutes, is_full, place, &done);
        }
        let mut measured = vec![Measured {
            scope: Scope::All,
            measures: self.all,
        }];
        let mut peers = self.peers.measured();
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

    /// The number of a pair of hosts, if there is room for it.
    fn number(&mut self, peer: Peer) -> Option<u16> {
        let number = self.peers.number(peer);
        self.is_full |= number.is_none();
        number
    }

    fn of_minute(&mut self, time: Timestamp) -> Option<&mut Measures> {
        of_minute(&mut self.minutes, &mut self.is_full, time)
    }
}

/// Pairs of hosts by number, and what was measured of the first of them of which anything was.
#[derive(Debug)]
struct Peers {
    cap: usize,
    all: Vec<(Peer, Option<Box<Measures>>)>,
    numbers: Table<Peer, u16>,
    measured: usize,
}

impl Peers {
    fn new(cap: usize) -> Self {
        Self {
            cap: cap.min(usize::from(u16::MAX)),
            all: Vec::new(),
            numbers: Table::default(),
            measured: 0,
        }
    }

    /// The number of a pair, if there is room for it.
    fn number(&mut self, peer: Peer) -> Option<u16> {
        if let Some(number) = self.numbers.get(&peer) {
            return Some(*number);
        }
        if self.all.len() >= self.cap {
            return None;
        }
        let number = u16::try_from(self.all.len()).ok()?;
        self.all.push((peer, None));
        self.numbers.insert(peer, number);
        Some(number)
    }

    /// What is measured of the pair of a number, if there is room for it.
    fn measures(&mut self, number: u16) -> Option<&mut Measures> {
        let (_, measures) = self.all.get_mut(usize::from(number))?;
        if measures.is_none() {
            if self.measured >= PEERS {
                return None;
            }
            self.measured += 1;
        }
        Some(measures.get_or_insert_default())
    }

    fn measured(self) -> Vec<(Peer, Measures)> {
        let all = self.all.into_iter();
        all.filter_map(|(peer, measures)| Some((peer, *measures?)))
            .collect()
    }
}

/// Counts an attempt where it is measured.
fn count(
    all: &mut Measures,
    peers: &mut Peers,
    minutes: &mut BTreeMap<i64, Measures>,
    is_full: &mut bool,
    place: Place,
    attempt: &Attempt,
) {
    match place {
        Place::Peer(number) => match peers.measures(number) {
            Some(measures) => measures.attempted(attempt),
            None => *is_full = true,
        },
        Place::All => {
            all.attempted(attempt);
            if let Some(measures) = of_minute(minutes, is_full, attempt.began()) {
                measures.attempted(attempt);
            }
        }
    }
}

fn of_minute<'a>(
    minutes: &'a mut BTreeMap<i64, Measures>,
    is_full: &mut bool,
    time: Timestamp,
) -> Option<&'a mut Measures> {
    let minute = time.nanos().div_euclid(MINUTE);
    if minutes.len() >= MINUTES && !minutes.contains_key(&minute) {
        *is_full = true;
        return None;
    }
    Some(minutes.entry(minute).or_default())
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
