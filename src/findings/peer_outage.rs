//! `peer-outage`: a host that answered, then failed request after request, and (unless the capture
//! ends before) answered again.
//!
//! In: responses as they come, which show who is alive, and exchanges, which show what failed. Out:
//! one finding an outage, with its window, which ends with the last failure: how the host was until it answered again
//! nobody saw. Of a host that fails again and again there is one for all.
//!
//! Failures are handed out late, when their timers have run out; so each pair of hosts remembers at
//! which seconds its receiver lately answered, and a failure is put among them by the time of its request.
//!
//! Capped: [`crate::limits::Limits::watched_pairs`] pairs; `ALIVE` seconds, `OUTAGES` outages
//! and `CALLS` calls of each; `FINDINGS` findings, the worst first.
//!
//! # References
//! - RFC 3261 §11 (OPTIONS), §17.1.1.2, §17.1.2.2, §18.4, §21.5.4

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;

use super::reading::{Silence, call_ref, is_any, next, silence, time_of, told};
use super::rule::{CallRef, End, Explanation, Finding, Peer, Rule, Topic};
use super::table::{Table, place};
use crate::calls::{Exchanged, Hop, ResponseSeen, Seen};
use crate::limits::Limits;
use crate::sip::MethodKind;
use crate::units::{Span, Timestamp};
use window::{Down, windows};

mod window;

/// The rule's name.
pub const NAME: &str = "peer-outage";

/// Failures in a row. One lost ping is loss, and two may share its cause; a request over UDP that
/// times out is seven to eleven lost packets, so that three are not bad luck.
const IN_A_ROW: u64 = 3;

/// From the first failure's request to the last one's, at least: three calls of one second that
/// fail together are one event.
const LEAST: Span = Span::from_secs(10);

/// Seconds with an answer remembered of a pair. A failure is known some two minutes after its
/// request.
const ALIVE: usize = 192;

/// Outages remembered of a pair.
const OUTAGES: usize = 32;

/// Outages of one host that are told one by one.
const TOLD_ONE_BY_ONE: usize = 3;

/// Hosts that failed requests but no calls, beyond which they share a finding: telephones that
/// are switched off must not hide a gateway.
const QUIET_HOSTS: usize = 5;

/// Findings handed out; the rest is counted in the last.
const FINDINGS: usize = 20;

/// Calls kept of an outage.
const CALLS: usize = 64;

/// The rule.
#[derive(Debug)]
pub struct PeerOutage {
    text_bytes: usize,
    cap: usize,
    pairs: Table<Peer, Watched>,
    given_up: u64,
}

/// What is known of a pair's receiver.
#[derive(Debug, Default)]
struct Watched {
    /// When it answered, the first answer of each second; older ones are forgotten.
    alive: VecDeque<Seen>,
    /// Answers were forgotten: before the first of `alive` it may have been alive at any time.
    is_forgetful: bool,
    run: Option<Run>,
    outages: VecDeque<Outage>,
}

/// Failures without an answer between them.
#[derive(Debug)]
struct Run {
    /// The request that failed first, and the one that failed last.
    first: Timestamp,
    last: Timestamp,
    /// What was seen last of any of them: a copy, an ICMP error, a refusal.
    until: Seen,
    /// The last answer before it.
    before: Option<Seen>,
    failed: Failed,
    calls: Vec<CallRef>,
    evidence: String,
}

#[derive(Clone, Copy, Debug, Default)]
struct Failed {
    all: u64,
    invites: u64,
    silent: u64,
    unreachable: u64,
    refused: u64,
    /// At least one of them rests on absence alone, or packets are missing.
    is_unsure: bool,
}

#[derive(Debug)]
struct Outage {
    run: Run,
    /// The first answer after it.
    after: Option<Seen>,
}

/// How a request failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    Silent(Silence),
    Refused,
}

/// How all requests of an outage failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Alike {
    Silent,
    Unreachable,
    Refused,
}

impl Watched {
    /// The earliest answer after `time`, if one is known.
    fn alive_after(&self, time: Timestamp) -> Option<Seen> {
        let first = self.alive.partition_point(|seen| seen.time <= time);
        self.alive.get(first).copied()
    }

    /// The latest answer before `time`, if one is known.
    fn alive_before(&self, time: Timestamp) -> Option<Seen> {
        let behind = self.alive.partition_point(|seen| seen.time < time);
        behind
            .checked_sub(1)
            .and_then(|last| self.alive.get(last))
            .copied()
    }

    /// Whether it may have been alive between the two times.
    fn was_alive(&self, from: Timestamp, to: Timestamp) -> bool {
        let is_forgotten =
            self.is_forgetful && self.alive.front().is_none_or(|first| first.time > from);
        is_forgotten || self.alive_after(from).is_some_and(|seen| seen.time < to)
    }

    fn answers(&mut self, seen: Seen) {
        let is_new = self
            .alive
            .back()
            .is_none_or(|last| seen.time.since(last.time) >= Span::from_secs(1));
        if !is_new {
            return;
        }
        if self.alive.len() >= ALIVE {
            self.alive.pop_front();
            self.is_forgetful = true;
        }
        self.alive.push_back(seen);
    }

    fn fails(&mut self, time: Timestamp, failure: Failure) {
        if let Some(run) = &self.run {
            let (from, to) = if time < run.last {
                (time, run.first)
            } else {
                (run.last, time)
            };
            if self.was_alive(from, to) {
                if time < run.first {
                    // It came too late to be put before what is counted already.
                    return;
                }
                self.close();
            }
        }
        let before = self.alive_before(time);
        let run = self.run.get_or_insert_with(|| Run {
            first: time,
            last: time,
            until: failure.until,
            before,
            failed: Failed::default(),
            calls: Vec::new(),
            evidence: failure.evidence,
        });
        run.first = run.first.min(time);
        run.last = run.last.max(time);
        if failure.until.time > run.until.time {
            run.until = failure.until;
        }
        run.failed.add(failure.how, failure.is_invite, failure.loss);
        if run.calls.len() < CALLS {
            run.calls.push(failure.call);
        }
    }

    /// Ends the run, if there is one; it is kept if it was an outage.
    fn close(&mut self) {
        let Some(run) = self.run.take() else { return };
        let after = self.alive_after(run.last);
        let is_outage = run.failed.all >= IN_A_ROW
            && run.last.since(run.first) >= LEAST
            && (run.before.is_some() || after.is_some());
        if is_outage {
            if self.outages.len() >= OUTAGES {
                self.outages.pop_front();
            }
            self.outages.push_back(Outage { run, after });
        }
    }
}

#[derive(Debug)]
struct Failure {
    how: How,
    until: Seen,
    is_invite: bool,
    loss: bool,
    call: CallRef,
    evidence: String,
}

impl Failed {
    fn add(&mut self, how: How, is_invite: bool, loss: bool) {
        self.all += 1;
        self.invites += u64::from(is_invite);
        match how {
            How::Silent(Silence::Unreachable) => self.unreachable += 1,
            How::Silent(_) => self.silent += 1,
            How::Refused => self.refused += 1,
        }
        let rests_on_absence = matches!(how, How::Silent(Silence::Stopped | Silence::Waited));
        self.is_unsure |= rests_on_absence || loss;
    }

    fn join(&mut self, other: Self) {
        self.all += other.all;
        self.invites += other.invites;
        self.silent += other.silent;
        self.unreachable += other.unreachable;
        self.refused += other.refused;
        self.is_unsure |= other.is_unsure;
    }

    /// How they failed, if all failed alike.
    const fn alike(self) -> Option<Alike> {
        match (self.silent > 0, self.unreachable > 0, self.refused > 0) {
            (true, false, false) => Some(Alike::Silent),
            (false, true, false) => Some(Alike::Unreachable),
            (false, false, true) => Some(Alike::Refused),
            _ => None,
        }
    }

    /// `2 without answer, 1 refused with 503`.
    fn words(self) -> String {
        let parts = [
            (self.silent, "without answer"),
            (self.unreachable, "reported unreachable"),
            (self.refused, "refused with 503"),
        ];
        let parts: Vec<_> = parts
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        parts.join(", ")
    }
}

impl PeerOutage {
    /// A rule for one capture.
    pub fn new(limits: &Limits) -> Self {
        Self {
            text_bytes: limits.call_id_bytes,
            cap: limits.watched_pairs,
            pairs: Table::default(),
            given_up: 0,
        }
    }

    fn watched(&mut self, peer: Peer) -> Option<&mut Watched> {
        let watched = place(&mut self.pairs, peer, self.cap);
        self.given_up += u64::from(watched.is_none());
        watched
    }
}

impl Rule for PeerOutage {
    fn topics(&self) -> &'static [Topic] {
        TOPICS
    }

    fn response(&mut self, response: &ResponseSeen<'_>) {
        // 100 and 503 are said by an element that may be cut off from what is behind it.
        if response.duplicate || is_any(response.code, &[100, 503]) {
            return;
        }
        let peer = Peer::of(&response.raw.flow.reversed());
        if let Some(watched) = self.watched(peer) {
            watched.answers(Seen::of(&response.raw.origin));
        }
    }

    fn exchanged(&mut self, exchanged: &Exchanged<'_>) {
        for hop in exchanged.hops {
            let Some(how) = judge(exchanged, hop) else {
                continue;
            };
            let failure = Failure {
                how,
                until: last_seen(hop),
                is_invite: exchanged.method == MethodKind::Invite && exchanged.initial,
                loss: exchanged.observed.loss,
                call: call_ref(exchanged, [hop], self.text_bytes),
                evidence: told(exchanged, hop),
            };
            if let Some(watched) = self.watched(Peer::of(&hop.flow)) {
                watched.fails(time_of(hop), failure);
            }
        }
    }

    fn finish(&mut self, _end: &End, out: &mut dyn FnMut(Finding)) {
        let mut by_host: BTreeMap<IpAddr, Vec<(Peer, Outage)>> = BTreeMap::new();
        let mut pairs: Vec<_> = std::mem::take(&mut self.pairs).into_iter().collect();
        pairs.sort_by_key(|(peer, _)| *peer);
        let mut alive: BTreeMap<IpAddr, Vec<(IpAddr, VecDeque<Seen>)>> = BTreeMap::new();
        for (peer, mut watched) in pairs {
            watched.close();
            let outages = watched.outages.into_iter().map(|outage| (peer, outage));
            by_host.entry(peer.dst).or_default().extend(outages);
            let answers = (peer.src, watched.alive);
            alive.entry(peer.dst).or_default().push(answers);
        }
        let mut all: Vec<Down> = Vec::new();
        for (host, outages) in by_host {
            let answered = alive.get(&host).map_or(&[][..], Vec::as_slice);
            all.extend(windows(outages).into_iter().map(|mut down| {
                down.meanwhile = down.answered_meanwhile(answered);
                down
            }));
        }
        all.sort_by_key(|down| (Reverse(down.failed.all), down.start, down.host));
        let (quiet, mut all): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|down| down.failed.invites == 0);
        let quiet_hosts: BTreeSet<_> = quiet.iter().map(|down| down.host).collect();
        if quiet_hosts.len() > QUIET_HOSTS {
            let hosts = u64::try_from(quiet_hosts.len()).unwrap_or(u64::MAX);
            let joined = quiet.into_iter().reduce(|mut joined, down| {
                joined.join(down, false);
                joined
            });
            all.extend(joined.map(|mut joined| {
                joined.hosts = hosts;
                joined
            }));
        } else {
            all.extend(quiet);
        }
        let rest = all.split_off(all.len().min(FINDINGS));
        let further = rest.len();
        for (index, down) in all.into_iter().enumerate() {
            let is_last = index + 1 == FINDINGS;
            out(down.finding(if is_last { further } else { 0 }));
        }
    }

    fn given_up(&self) -> u64 {
        self.given_up
    }
}

/// How the request failed on this hop, if this hop is the last that shows it.
fn judge(exchanged: &Exchanged<'_>, hop: &Hop) -> Option<How> {
    hop.request?;
    if next(exchanged, hop).is_some() {
        return None;
    }
    if let Some(silence) = silence(exchanged, hop) {
        // What rests on absence alone is explained by packets that are missing.
        let rests_on_absence = matches!(silence, Silence::Stopped | Silence::Waited);
        let is_explained = rests_on_absence && exchanged.observed.loss;
        return (!is_explained).then_some(How::Silent(silence));
    }
    let is_refused = !hop.finals.is_empty()
        && hop.progress.is_none()
        && hop.finals.iter().all(|last| is_any(last.code, &[503]));
    is_refused.then_some(How::Refused)
}

/// The last that was seen of a request that failed.
fn last_seen(hop: &Hop) -> Seen {
    let finals = hop.finals.iter().map(|last_word| last_word.last);
    let rest = [hop.request, hop.last_request, hop.unreachable];
    let all = rest.into_iter().flatten().chain(finals);
    all.max_by_key(|seen| seen.time).unwrap_or_default()
}

const FIX: &str = "Ask those who run this host, and the network on the way to it, what happened at the start of the window: a restart, a \
     route, a firewall, an overload. 503 is its own word, ICMP that of the last router or of the host itself, and silence \
     may be either way of the path. If calls failed meanwhile, let its pings (OPTIONS) take it out of the routes sooner.";

const FIX_REFUSED: &str = "The host is up and refuses. Ask those who run it what it said in its log at the start of the window: an overload, a limit, a \
     database or a gateway behind it that was gone, maintenance. Read Retry-After and Reason in the 503. If calls failed \
     meanwhile, let a 503 make the sender try its next target.";

static TOPICS: &[Topic] = &[Topic {
    name: NAME,
    kind: "rule",
    explanation: Explanation {
        summary: "A host failed one request after the other for a while, before or after which it answered.",
        sections: &[
            (
                "What it sees",
                "Requests of any method on their last hop that end in silence (repeated over UDP, or 64*T1 over TCP), an ICMP error, or \
                 503 alone. Three or more in a row, at least 10 s from first to last, between which the host \
                 answered the same sender nothing (100 and 503 do not count), are an outage: one lost ping is loss, \
                 and calls that fail in the same moment are one event. In a row is meant for each sender. The window starts with the first request that failed and \
                 ends with what was seen last of any of them, a copy or a refusal: how the host was until its next answer, which is told with it, nobody saw. A host that never answered in the whole capture is not judged here: \
                 see request-unanswered. More than five hosts that failed without a call among it share a finding. capture-starts: no answer before it was captured; open: none after it.",
            ),
            (
                "Why it matters",
                "All calls by this host fail meanwhile; the window is what to look for in its log and in the network's.",
            ),
            ("What to do", FIX),
        ],
    },
}];

#[cfg(test)]
mod tests;
