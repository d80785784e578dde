//! Requests that their sender sends once, whatever comes of them: a monitor's pings. Such a sender
//! is no witness; what can be told is that several in a row met nothing that answered them.
//!
//! In: requests of a pair of hosts and a method, answered or not, as they are handed out. Out: those
//! that stand in a row of [`IN_A_ROW`] or more, from the first of the row on.
//!
//! Capped: [`crate::limits::Limits::watched_pairs`] pairs and methods; `RECENT` answered requests and
//! `HELD` cases of each.

use std::cmp::Reverse;
use std::collections::VecDeque;

use super::{Case, Key};
use crate::calls::{Exchanged, Hop};
use crate::findings::reading::{TIMEOUT, is_answered, is_unjudged};
use crate::findings::rule::{CallRef, Confidence, Peer, Severity};
use crate::findings::table::{Table, place};
use crate::sip::MethodKind;
use crate::units::{Span, Timestamp};

/// One lost ping is loss, and two may share its cause.
pub(super) const IN_A_ROW: u64 = 3;

/// From the first to the last of a row, at least: what is sent in one moment fails together.
const LEAST: Span = Span::from_secs(10);

/// Answered requests remembered: one without an answer is known a minute after it was sent.
const RECENT: usize = 128;

/// Cases held until they are enough.
const HELD: usize = 16;

/// Rows by pair of hosts and method.
#[derive(Debug)]
pub(super) struct Rows {
    cap: usize,
    /// Requests of pairs beyond the cap.
    beyond: u64,
    by_pair: Table<(Peer, MethodKind), Row>,
}

#[derive(Debug, Default)]
struct Row {
    /// When requests were sent that were answered, one a second, the oldest forgotten.
    answered: VecDeque<Timestamp>,
    is_forgetful: bool,
    /// One was seen twice: this sender repeats, so that one that was sent once was answered.
    is_repeating: bool,
    has_answered: bool,
    first: Timestamp,
    last: Timestamp,
    count: u64,
    held: Vec<Held>,
}

/// A case that waits for others.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) case: Case,
    pub(super) time: Timestamp,
    pub(super) call: CallRef,
    pub(super) evidence: String,
}

/// Whether nothing answered the request, which was sent once over UDP, while the capture went on.
pub(super) fn is_lone(exchanged: &Exchanged<'_>, hop: &Hop) -> bool {
    let Some(request) = hop.request else {
        return false;
    };
    hop.requests == 1
        && is_looked_at(exchanged.method)
        && !hop.flow.transport.is_reliable()
        && !is_unjudged(&exchanged.observed)
        && !exchanged.observed.loss
        && hop.unreachable.is_none()
        && !is_answered(exchanged, hop)
        && exchanged.observed.until.since(request.time) >= TIMEOUT
}

/// Whether rows are kept of a method: of calls and registrations, other rules say how they failed.
const fn is_looked_at(method: MethodKind) -> bool {
    !matches!(method, MethodKind::Invite | MethodKind::Register)
}

/// How bad, and how sure, where each was sent once: others that were answered before or after show that the tap sees
/// answers, and that this sender gets them.
pub(super) const fn weigh_once(case: Case, is_one_way: bool, is_proof: bool) -> Key {
    let (severity, confidence) = match (is_proof, is_one_way) {
        (true, _) => (Severity::Warning, Confidence::Probable),
        (false, false) => (Severity::Info, Confidence::Probable),
        (false, true) => (Severity::Info, Confidence::Inconclusive),
    };
    Key {
        severity: Reverse(severity),
        method: case.method,
        how: case.how,
        confidence,
        loss: false,
        one_way: is_one_way,
        cut: false,
        passing: false,
        one_packet: false,
    }
}

impl Rows {
    pub(super) fn new(cap: usize) -> Self {
        Self {
            cap,
            beyond: 0,
            by_pair: Table::default(),
        }
    }

    fn row(&mut self, peer: Peer, method: MethodKind) -> Option<&mut Row> {
        let row = place(&mut self.by_pair, (peer, method), self.cap);
        self.beyond += u64::from(row.is_none());
        row
    }

    /// Requests that were left out of account for lack of room.
    pub(super) const fn given_up(&self) -> u64 {
        self.beyond
    }

    /// A request was answered, or its sender repeats.
    pub(super) fn see(&mut self, exchanged: &Exchanged<'_>, hop: &Hop) {
        let Some(request) = hop.request else { return };
        let is_answered = is_answered(exchanged, hop);
        let is_repeated = hop.requests > 1;
        if !is_answered && !is_repeated || !is_looked_at(exchanged.method) {
            return;
        }
        let Some(row) = self.row(Peer::of(&hop.flow), exchanged.method) else {
            return;
        };
        row.is_repeating |= is_repeated;
        if is_answered {
            row.answers(request.time);
        }
    }

    /// A lone one; gives those that are to be told now.
    pub(super) fn lone(&mut self, peer: Peer, held: Held) -> Vec<Held> {
        let Some(row) = self.row(peer, held.case.method) else {
            return Vec::new();
        };
        let time = held.time;
        if row.count > 0 && row.was_answered(row.last.min(time), row.last.max(time)) {
            row.count = 0;
            row.held.clear();
        }
        if row.count == 0 {
            (row.first, row.last) = (time, time);
        }
        row.count += 1;
        row.first = row.first.min(time);
        row.last = row.last.max(time);
        row.held.push(held);
        let is_row = row.count >= IN_A_ROW && row.last.since(row.first) >= LEAST;
        if is_row || row.held.len() >= HELD {
            return std::mem::take(&mut row.held);
        }
        Vec::new()
    }

    /// Whether requests of this method are repeated between these hosts, so that one that was not
    /// repeated proves nothing.
    pub(super) fn is_repeating(&self, peer: Peer, method: MethodKind) -> bool {
        let row = self.by_pair.get(&(peer, method));
        row.is_some_and(|row| row.is_repeating)
    }

    /// Whether requests of this method were ever answered between these hosts.
    pub(super) fn has_answered(&self, peer: Peer, method: MethodKind) -> bool {
        let row = self.by_pair.get(&(peer, method));
        row.is_some_and(|row| row.has_answered)
    }
}

impl Row {
    fn answers(&mut self, time: Timestamp) {
        self.has_answered = true;
        let is_new = self
            .answered
            .back()
            .is_none_or(|last| time.since(*last) >= Span::from_secs(1));
        if !is_new {
            return;
        }
        if self.answered.len() >= RECENT {
            self.answered.pop_front();
            self.is_forgetful = true;
        }
        self.answered.push_back(time);
    }

    /// Whether one sent between the two times may have been answered.
    fn was_answered(&self, from: Timestamp, to: Timestamp) -> bool {
        let is_forgotten =
            self.is_forgetful && self.answered.front().is_none_or(|first| *first > from);
        let is_within = |time: &Timestamp| *time > from && *time < to;
        is_forgotten || self.answered.iter().any(is_within)
    }
}
