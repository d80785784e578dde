//! A window of `peer-outage`: what all senders saw of one host that failed, and its words.
//!
//! It ends with what was seen last of a failure. What is told is what the requests met, never how
//! the host was while nobody asked it.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::net::IpAddr;

use super::{Alike, CALLS, FIX, FIX_REFUSED, Failed, NAME, Outage, TOLD_ONE_BY_ONE};
use crate::calls::Seen;
use crate::findings::grouping::{Gathered, Said};
use crate::findings::rule::{
    CallRef, Confidence, Finding, Peer, PeerCounts, Severity, counted, readable,
};
use crate::units::{Span, Timestamp};

/// An outage of a host as all who sent to it saw it, or several of them.
#[derive(Debug)]
pub(super) struct Down {
    pub(super) host: IpAddr,
    /// How many hosts share it.
    pub(super) hosts: u64,
    pub(super) start: Timestamp,
    /// What was seen last of any failure.
    end: Seen,
    /// Until when others that fail belong to it: the next answer, or its end.
    open_until: Timestamp,
    /// In how many windows it failed, and how long together.
    times: u64,
    lasted: Span,
    before: Option<Seen>,
    after: Option<Seen>,
    /// It was not seen to answer again before the capture ended.
    is_open: bool,
    /// Whom else it answered while it failed these.
    pub(super) meanwhile: Option<(IpAddr, Seen)>,
    pub(super) failed: Failed,
    peers: BTreeMap<Peer, u64>,
    calls: Vec<CallRef>,
    evidence: String,
}

impl Down {
    fn of(peer: Peer, outage: Outage) -> Self {
        let Outage { run, after } = outage;
        Self {
            host: peer.dst,
            hosts: 1,
            start: run.first,
            end: run.until,
            open_until: after.map_or(run.until.time, |seen| seen.time),
            times: 1,
            lasted: run.until.time.since(run.first),
            before: run.before,
            after,
            is_open: after.is_none(),
            meanwhile: None,
            failed: run.failed,
            peers: BTreeMap::from([(peer, run.failed.all)]),
            calls: run.calls,
            evidence: run.evidence,
        }
    }

    /// Takes in another: at the same time as seen by another sender, or a later one.
    pub(super) fn join(&mut self, other: Self, is_same: bool) {
        if !is_same {
            self.times += other.times;
            self.lasted = Span::from_nanos(self.lasted.nanos() + other.lasted.nanos());
        }
        self.start = self.start.min(other.start);
        if other.end.time > self.end.time {
            self.end = other.end;
        }
        self.open_until = self.open_until.max(other.open_until);
        if is_same {
            self.lasted = self.end.time.since(self.start);
        }
        self.is_open |= other.is_open;
        self.after = if self.is_open {
            None
        } else {
            later(self.after, other.after)
        };
        self.failed.join(other.failed);
        for (peer, count) in other.peers {
            *self.peers.entry(peer).or_default() += count;
        }
        self.calls.extend(other.calls);
        self.calls.sort_by_key(|call| call.time);
        self.calls.truncate(CALLS);
    }
}

/// The later of two sightings.
fn later(one: Option<Seen>, other: Option<Seen>) -> Option<Seen> {
    let both = [one, other].into_iter().flatten();
    both.max_by_key(|seen| seen.time)
}

/// The outages of one host by time: those that overlap are one; where there are many, all are one.
pub(super) fn windows(outages: Vec<(Peer, Outage)>) -> Vec<Down> {
    let mut all: Vec<_> = outages
        .into_iter()
        .map(|(peer, outage)| Down::of(peer, outage))
        .collect();
    all.sort_by_key(|down| down.start);
    let mut windows: Vec<Down> = Vec::new();
    for down in all {
        match windows.last_mut() {
            Some(last) if down.start <= last.open_until => last.join(down, true),
            _ => windows.push(down),
        }
    }
    if windows.len() <= TOLD_ONE_BY_ONE {
        return windows;
    }
    let mut windows = windows.into_iter();
    let mut together = windows.next();
    for window in windows {
        if let Some(together) = &mut together {
            together.join(window, false);
        }
    }
    together.into_iter().collect()
}

impl Down {
    pub(super) fn finding(self, further: usize) -> Finding {
        let mut peers = PeerCounts::default();
        for (peer, count) in &self.peers {
            peers.add_many(*peer, *count);
        }
        let said = self.said(further);
        let frame = |seen: Seen| format!("frame {}", seen.at);
        let before = self.before.map_or_else(
            || "no answer before it was captured".to_owned(),
            |seen| format!("last answer before it in {}", frame(seen)),
        );
        let after = self.after.map_or_else(
            || "no answer after it".to_owned(),
            |seen| format!("next answer in {}", frame(seen)),
        );
        let gathered = Gathered {
            is_split: false,
            count: self.failed.all,
            start: self.start,
            end: self.end.time,
            peers: peers.sorted(),
            evidence: format!(
                "{before}; first failure: {}; last failure: until {}; {after}",
                self.evidence,
                frame(self.end)
            ),
            calls: self.calls,
        };
        gathered.finding(said)
    }

    /// Whom else the host answered in the window.
    pub(super) fn answered_meanwhile(
        &self,
        answered: &[(IpAddr, VecDeque<Seen>)],
    ) -> Option<(IpAddr, Seen)> {
        let is_failed = |sender: &IpAddr| self.peers.keys().any(|peer| peer.src == *sender);
        let mut others = answered.iter().filter(|(sender, _)| !is_failed(sender));
        let within = |seen: &&Seen| seen.time >= self.start && seen.time <= self.end.time;
        others.find_map(|(sender, alive)| Some((*sender, *alive.iter().find(within)?)))
    }

    /// What was before it, after it, and meanwhile.
    fn around(&self) -> String {
        if self.times > 1 {
            let told = if self.is_open {
                " Between these windows it answered; after the last of them no answer was captured."
            } else {
                " Between these windows, and after them, it answered."
            };
            return told.to_owned();
        }
        // A refusal is an answer, too.
        let (otherwise, other) = match self.failed.alike() {
            Some(Alike::Refused) => (" otherwise", "other "),
            _ => ("", ""),
        };
        let before = self.before.map_or_else(
            || " Whether it had answered before was not captured.".to_owned(),
            |seen| {
                let ago = readable(self.start.since(seen.time));
                format!(" It had answered{otherwise} {ago} before the first of them.")
            },
        );
        let after = self.after.map_or_else(
            || " No answer after them was captured.".to_owned(),
            |seen| {
                let later = readable(seen.time.since(self.end.time));
                format!(" The next {other}answer came {later} after the last of them; how it was meanwhile was not seen.")
            },
        );
        let meanwhile = self.meanwhile.map_or_else(String::new, |(sender, seen)| {
            format!(" It answered {sender} meanwhile, frame {}.", seen.at)
        });
        format!("{before}{after}{meanwhile}")
    }

    /// What was seen, in one line.
    fn title(&self) -> String {
        let host = self.host;
        let lasted = readable(self.lasted);
        let requests = counted(self.failed.all, "request", "requests");
        if self.hosts > 1 {
            return format!(
                "{requests} to {} hosts failed, three or more in a row to each; none of them a call",
                self.hosts
            );
        }
        let row = match (self.times, self.peers.len()) {
            (1, 0 | 1) => format!("{requests} in a row"),
            (1, senders) => format!("{requests} in a row from {senders} senders"),
            _ => requests,
        };
        let what = match self.failed.alike() {
            Some(Alike::Silent) => format!("{host} answered none of {row}"),
            Some(Alike::Refused) => format!("{host} refused {row} with 503"),
            Some(Alike::Unreachable) => format!("{host} was reported unreachable for {row}"),
            None => format!("{host} failed {row}"),
        };
        let when = match self.times {
            1 => format!(" within {lasted}"),
            times => format!(" in {times} windows, {lasted} together"),
        };
        let open = if self.is_open {
            "; no later answer"
        } else {
            ""
        };
        format!("{what}{when}{open}")
    }

    fn said(&self, further: usize) -> Said {
        let confidence = if self.failed.is_unsure {
            Confidence::Probable
        } else {
            Confidence::Confirmed
        };
        let severity = if self.failed.invites > 0 && confidence == Confidence::Confirmed {
            Severity::Error
        } else {
            Severity::Warning
        };
        let mut qualifiers = Vec::new();
        if self.before.is_none() {
            qualifiers.push("capture-starts");
        }
        if self.is_open {
            qualifiers.push("open");
        }
        let mut detail = format!("Failed: {}.", self.failed.words());
        if self.failed.invites > 0 {
            // Writing to a String cannot fail.
            let calls = counted(
                self.failed.invites,
                "of them was a call",
                "of them were calls",
            );
            let _ = write!(detail, " {calls}.");
        }
        if self.hosts > 1 {
            detail.push_str(
                " Each of these hosts failed three or more requests in a row. If they are telephones, they were switched off; if they are not, look for what they share, which may be the line of the sender.",
            );
            qualifiers.clear();
        } else {
            detail.push_str(&self.around());
        }
        if further > 0 {
            let _ = write!(
                detail,
                " {further} further outages of other hosts are not listed."
            );
        }
        Said {
            rule: NAME,
            verdict: None,
            qualifier: qualifiers.join(","),
            severity,
            confidence,
            raise: self
                .failed
                .is_unsure
                .then_some("capture at the host that failed, or read its log at that time"),
            cause: None,
            title: self.title(),
            detail,
            remediation: match self.failed.alike() {
                Some(Alike::Refused) => FIX_REFUSED,
                _ => FIX,
            },
        }
    }
}
