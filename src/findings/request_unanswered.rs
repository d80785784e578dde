//! `request-unanswered`: requests to which no answer came until their timer ran out, and INVITEs
//! that got 100 and nothing else.
//!
//! In: exchanges. Out: one finding for each method, verdict and pair of hosts that matters. Each
//! hop is judged for itself, and of hops in a row the last one: what is silent there makes all
//! before it silent. An ACK has no answer; BYE is left to `one-sided-bye`. A request over UDP that was sent once is no
//! witness; several in a row of a sender that repeats none are told as what they are (`once`).
//!
//! # References
//! - RFC 3261 §17.1.1.2 (Timer B), §17.1.2.2 (Timer F), §8.2.6.1 (100)

use std::cmp::Reverse;
use std::net::IpAddr;
use std::sync::Arc;

use super::grouping::{Gathered, Groups, Said};
use super::heard::Heard;
use super::past::Past;
use super::reading::{
    Silence, TIMEOUT, call_ref, first_answer, is_any, is_cut, is_unjudged, next, silence, time_of,
    told,
};
use super::rule::{
    Confidence, End, Explanation, Finding, Peer, Rule, Severity, Topic, counted, readable,
};
use super::table::{Table, place};
use crate::calls::{Exchanged, Hop};
use crate::limits::Limits;
use crate::sip::MethodKind;
use crate::units::{Span, Timestamp};
use once::{Held, Rows, is_lone, weigh_once};

mod once;

/// The rule's name.
pub const NAME: &str = "request-unanswered";

const NEVER: &str = "never-answered";
const ONLY_TRYING: &str = "stuck-behind-100";

/// A caller who gives up sooner may merely be impatient: gateways to the telephone network need
/// some seconds, and paging of a mobile up to ten, before they can say that it rings.
const PATIENCE: Span = Span::from_secs(15);

/// Pairs of hosts of a finding whose receivers are looked for elsewhere.
const LOOKED_AT: usize = 16;

/// The rule.
#[derive(Debug)]
pub struct RequestUnanswered {
    text_bytes: usize,
    past: Arc<Past>,
    pairs: usize,
    /// INVITEs by pair of hosts.
    ways: Table<Peer, Way>,
    /// Requests that are sent once.
    once: Rows,
    groups: Groups<Case>,
}

/// The INVITEs of a pair of hosts.
#[derive(Clone, Copy, Debug, Default)]
struct Way {
    /// All of them.
    count: u64,
    /// When one was last answered from behind the receiver.
    passing: Option<Timestamp>,
}

/// What is known while the capture goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Case {
    method: MethodKind,
    how: How,
    loss: bool,
    /// The capture ends before another copy was due.
    cut: bool,
    /// Meanwhile another INVITE was answered from behind the receiver.
    passing: bool,
    /// One provisional response that the tap missed would explain it.
    one_packet: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum How {
    Never(Silence),
    /// TCP acknowledged it, and still no answer came.
    Arrived,
    /// Each was sent once, and none of several in a row got an answer that was seen.
    Once,
    /// The next hop answered, and the answer did not come back on this one.
    NotPassedOn(Silence),
    OnlyTrying(Ended),
}

/// How it ended that an INVITE got 100 and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Ended {
    Cancelled,
    TimedOut,
    Never,
}

/// What a finding shares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    severity: Reverse<Severity>,
    method: MethodKind,
    how: How,
    confidence: Confidence,
    loss: bool,
    one_way: bool,
    cut: bool,
    /// Other INVITEs got an answer from behind the element.
    passing: bool,
    /// One provisional response that the tap missed would explain each, and nothing shows that it misses none.
    one_packet: bool,
}

impl RequestUnanswered {
    /// A rule for one capture.
    pub fn new(limits: &Limits) -> Self {
        Self {
            text_bytes: limits.call_id_bytes,
            past: Arc::default(),
            pairs: limits.host_pairs,
            ways: Table::default(),
            once: Rows::new(limits.watched_pairs),
            groups: Groups::new(limits),
        }
    }
}

impl RequestUnanswered {
    /// Takes a request that was sent once and that nothing answered.
    fn lone(&mut self, exchanged: &Exchanged<'_>, hop: &Hop) {
        let peer = Peer::of(&hop.flow);
        let held = Held {
            case: Case {
                method: exchanged.method,
                how: How::Once,
                loss: false,
                cut: false,
                passing: false,
                one_packet: false,
            },
            time: time_of(hop),
            call: call_ref(exchanged, [hop], self.text_bytes),
            evidence: evidence(exchanged, hop),
        };
        for held in self.once.lone(peer, held) {
            let Held {
                case,
                time,
                call,
                evidence,
            } = held;
            self.groups.add(case, peer, time, || call, || evidence);
        }
    }
}

impl Rule for RequestUnanswered {
    fn topics(&self) -> &'static [Topic] {
        TOPICS
    }

    fn exchanged(&mut self, exchanged: &Exchanged<'_>) {
        if matches!(exchanged.method, MethodKind::Ack | MethodKind::Bye) {
            return;
        }
        for hop in exchanged.hops {
            let peer = Peer::of(&hop.flow);
            if exchanged.method == MethodKind::Invite
                && let Some(way) = place(&mut self.ways, peer, self.pairs)
            {
                way.count += 1;
                way.passing = way.passing.max(passed_on(hop));
            }
            self.once.see(exchanged, hop);
            if is_lone(exchanged, hop) && next(exchanged, hop).is_none() {
                self.lone(exchanged, hop);
                continue;
            }
            let Some(how) = judge(exchanged, hop) else {
                continue;
            };
            let case = Case {
                method: exchanged.method,
                how,
                loss: exchanged.observed.loss,
                cut: is_cut(exchanged, hop),
                passing: self
                    .ways
                    .get(&peer)
                    .is_some_and(|way| way.passing >= Some(time_of(hop))),
                one_packet: is_one_packet(how, hop),
            };
            self.groups.add(
                case,
                peer,
                time_of(hop),
                || call_ref(exchanged, [hop], self.text_bytes),
                || evidence(exchanged, hop),
            );
        }
    }

    fn given_up(&self) -> u64 {
        self.once.given_up()
    }

    fn look_back(&mut self, past: &Arc<Past>) {
        self.past = Arc::clone(past);
    }

    fn finish(&mut self, end: &End, out: &mut dyn FnMut(Finding)) {
        let (heard, ways, once) = (&self.past.heard, &self.ways, &self.once);
        let mut groups = self.groups.regroup(|case, peer, count, since| {
            let is_one_way = is_one_way(heard, *case, peer, since);
            if case.how == How::Once {
                let is_proof =
                    once.has_answered(peer, case.method) && heard.is_answering_after(peer, since);
                // Of a sender that repeats, one that was not repeated was answered.
                let is_told = !once.is_repeating(peer, case.method);
                return is_told.then(|| weigh_once(*case, is_one_way, is_proof));
            }
            // One among others of the capture is one silent target; several with none between them
            // that was answered are more.
            let way = ways.get(&peer).copied().unwrap_or_default();
            let passing = case.passing || count == 1 && way.passing.is_some();
            let may_be_missed = || {
                let of = way.count.max(count);
                case.one_packet && end.missed.explains(count, of, ways.len())
            };
            let case = Case {
                passing,
                one_packet: !passing && may_be_missed(),
                ..*case
            };
            weigh(case, is_one_way)
        });
        groups.finish(&mut |key, gathered| {
            let elsewhere = key.one_way.then(|| elsewhere(heard, &gathered)).flatten();
            let said = said(*key, gathered.count, elsewhere);
            out(gathered.finding(said));
        });
    }
}

/// Whether the request was left without an answer on this hop, and this is the hop to say so.
fn judge(exchanged: &Exchanged<'_>, hop: &Hop) -> Option<How> {
    let further = next(exchanged, hop);
    if let Some(silence) = silence(exchanged, hop) {
        return match further {
            None if silence == Silence::Waited && hop.delivered.is_some() => Some(How::Arrived),
            None => Some(How::Never(silence)),
            Some(next) if first_answer(next).is_some() => Some(How::NotPassedOn(silence)),
            Some(_) => None,
        };
    }
    if exchanged.method != MethodKind::Invite
        || further.is_some()
        || is_unjudged(&exchanged.observed)
    {
        return None;
    }
    only_trying(exchanged, hop).map(How::OnlyTrying)
}

/// When somebody behind the receiver answered an INVITE: it rang, or was answered or refused, not by a timer.
fn passed_on(hop: &Hop) -> Option<Timestamp> {
    hop.trying?;
    let words = hop.finals.iter();
    let word = words.filter(|last| !is_any(last.code, &[401, 407, 408, 487, 504]));
    let progress = hop.progress.map(|(_, seen)| seen.time);
    word.map(|last| last.first.time).chain(progress).max()
}

/// How it ended that an INVITE got 100 and nothing else for long, if so.
fn only_trying(exchanged: &Exchanged<'_>, hop: &Hop) -> Option<Ended> {
    let (trying, request) = (hop.trying?, hop.request?);
    // An ACK answers a final response that the tap did not see, and so does what follows from one.
    let had_final = exchanged.acked || hop.ack.is_some() || exchanged.reached;
    if hop.progress.is_some() || had_final && hop.finals.is_empty() {
        return None;
    }
    if let Some(cancel) = hop.cancel {
        let is_over = hop.finals.iter().all(|last| last.first.time >= cancel.time);
        let waited = cancel.time.since(request.time) >= PATIENCE;
        return (is_over && waited).then_some(Ended::Cancelled);
    }
    if let Some(first) = hop.finals.first() {
        let is_timeout = hop.finals.iter().all(|last| is_any(last.code, &[408, 504]));
        let waited = first.first.time.since(request.time) >= PATIENCE;
        return (is_timeout && waited).then_some(Ended::TimedOut);
    }
    // A proxy may wait three minutes (Timer C), but a caller that hears nothing does not.
    let waited = exchanged.observed.until.since(trying.time) >= TIMEOUT;
    waited.then_some(Ended::Never)
}

/// A proxy that has to cancel somebody who rang answers 487 so soon; one that waits for somebody silent does not,
/// or is the callee itself.
const RANG: Span = Span::from_secs(5);

/// Whether a single 180 or 183 that the tap missed would make it a call that rang until somebody lost patience.
fn is_one_packet(how: How, hop: &Hop) -> bool {
    match how {
        How::OnlyTrying(Ended::Cancelled) => hop.cancel.is_some_and(|cancel| {
            let soon = |time: Timestamp| time.since(cancel.time) <= RANG;
            hop.finals
                .iter()
                .any(|last| last.code.get() == 487 && soon(last.first.time))
        }),
        How::OnlyTrying(Ended::TimedOut) => true,
        _ => false,
    }
}

/// A receiver that sent to somebody else after the first of these requests, and to whom.
fn elsewhere(heard: &Heard, gathered: &Gathered) -> Option<(IpAddr, IpAddr)> {
    let mut peers = gathered.peers.iter().take(LOOKED_AT);
    peers.find_map(|(peer, _)| Some((peer.dst, heard.sent_to_others(*peer, gathered.start)?)))
}

/// Whether the tap may not show answers, or there are none any more. Who repeats to the end is a witness, if only the direction
/// was seen at all; else something must have come back since the request.
fn is_one_way(heard: &Heard, case: Case, peer: Peer, since: Timestamp) -> bool {
    match case.how {
        How::Never(Silence::Stopped | Silence::Waited | Silence::Unreachable)
        | How::NotPassedOn(Silence::Stopped | Silence::Waited) => {
            !heard.is_answering_after(peer, since)
        }
        _ => !heard.is_answering(peer),
    }
}

/// How bad, and how sure (DOMAIN C.4: what packets that were not captured could explain); `None`
/// where they explain all of it.
fn weigh(case: Case, is_one_way: bool) -> Option<Key> {
    let is_call = case.method == MethodKind::Invite;
    let (suffers, lesser) = if is_call {
        (Severity::Error, Severity::Warning)
    } else {
        (Severity::Warning, Severity::Info)
    };
    // TCP's acknowledgment shows that the tap sees what comes back.
    let is_lowered = case.loss || is_one_way && case.how != How::Arrived;
    let is_unreachable = matches!(
        case.how,
        How::Never(Silence::Unreachable) | How::NotPassedOn(Silence::Unreachable)
    );
    let is_cut = is_unreachable && case.cut;
    let (severity, confidence) = match case.how {
        // Many senders take no notice of the error and repeat the request.
        _ if is_cut => (Severity::Info, Confidence::Probable),
        How::Never(Silence::Unreachable) if is_one_way => {
            (Severity::Warning, Confidence::Confirmed)
        }
        // Later ones were answered: a port is closed while a program starts anew.
        How::Never(Silence::Unreachable) | How::NotPassedOn(Silence::Unreachable) => {
            (Severity::Info, Confidence::Confirmed)
        }
        How::Never(Silence::RanOut) | How::NotPassedOn(Silence::RanOut) if is_lowered => {
            (lesser, Confidence::Probable)
        }
        How::Never(Silence::RanOut) | How::NotPassedOn(Silence::RanOut) => {
            (suffers, Confidence::Confirmed)
        }
        How::Never(_) | How::Arrived | How::Once | How::NotPassedOn(_) if is_lowered => {
            return None;
        }
        // TCP acknowledges at once, and repeats what is not acknowledged. Where that was not seen, and the receiver
        // answered others later, the tap misses what comes from there.
        How::Never(Silence::Waited) | How::NotPassedOn(Silence::Waited) => {
            (Severity::Info, Confidence::Probable)
        }
        How::Never(_) | How::Arrived | How::Once | How::NotPassedOn(_) => {
            (lesser, Confidence::Probable)
        }
        How::OnlyTrying(_) if case.loss => return None,
        // The element passes other calls on: one target of many is silent.
        How::OnlyTrying(_) if case.passing => (Severity::Info, Confidence::Probable),
        How::OnlyTrying(_) if case.one_packet => (Severity::Info, Confidence::Inconclusive),
        How::OnlyTrying(_) => (Severity::Warning, Confidence::Probable),
    };
    let may_be_unseen = matches!(
        case.how,
        How::Never(Silence::RanOut) | How::NotPassedOn(Silence::RanOut)
    );
    Some(Key {
        severity: Reverse(severity),
        method: case.method,
        how: case.how,
        confidence,
        loss: case.loss && may_be_unseen,
        one_way: is_one_way && may_be_unseen,
        cut: is_cut,
        passing: case.passing && matches!(case.how, How::OnlyTrying(_)),
        one_packet: case.one_packet,
    })
}

fn qualifier(key: Key) -> String {
    let how = match key.how {
        How::Never(silence) | How::NotPassedOn(silence) => match silence {
            Silence::Unreachable => Some("icmp"),
            Silence::RanOut => None,
            Silence::Stopped => Some("few-copies"),
            Silence::Waited => Some("no-repeats"),
        },
        How::Arrived => Some("no-repeats"),
        How::Once => Some("sent-once"),
        How::OnlyTrying(Ended::Cancelled) => Some("cancelled"),
        How::OnlyTrying(Ended::TimedOut) => Some("timed-out"),
        How::OnlyTrying(Ended::Never) => None,
    };
    let arrived = matches!(key.how, How::Arrived).then_some("arrived");
    let passing = key.passing.then_some("others-answered");
    let beyond = matches!(key.how, How::NotPassedOn(_)).then_some("answered-beyond");
    let loss = key.loss.then_some("capture-loss");
    let one_way = key.one_way.then_some("one-way");
    let cut = key.cut.then_some("capture-ends");
    let one_packet = key.one_packet.then_some("one-packet");
    let all: Vec<_> = [
        beyond, how, arrived, passing, one_packet, loss, one_way, cut,
    ]
    .into_iter()
    .flatten()
    .collect();
    all.join(",")
}

fn said(key: Key, count: u64, elsewhere: Option<(IpAddr, IpAddr)>) -> Said {
    let requests = requests(key.method, count);
    let (verdict, title, detail, remediation) = match key.how {
        How::Never(silence) => (
            NEVER,
            format!("{requests} never answered"),
            format!("{}{}", proof(silence), unseen(key, elsewhere)),
            FIX_NEVER,
        ),
        How::Arrived => (
            NEVER,
            format!("{requests} arrived and {} never answered", were(count)),
            "The receiver's TCP acknowledged the request, so that it arrived, and 64*T1 (32 s) went by without an answer."
                .to_owned(),
            FIX_ARRIVED,
        ),
        How::Once => (
            NEVER,
            format!("{requests} sent once each, and no answer was seen"),
            format!(
                "This sender repeats none of them, so it is no witness: three or more in a row went out, and within 64*T1 (32 s) of \
                 each nothing that answers it was captured.{}{}",
                if key.severity.0 == Severity::Warning {
                    " Others of the same method were answered on this way, and later something came back on it."
                } else {
                    ""
                },
                unseen(key, elsewhere)
            ),
            FIX_NEVER,
        ),
        How::NotPassedOn(silence) => (
            NEVER,
            format!("{requests} answered on the next hop, and the answer not passed on"),
            format!(
                "{} On the next hop an answer was seen.{}",
                proof(silence),
                unseen(key, elsewhere)
            ),
            FIX_NOT_PASSED_ON,
        ),
        How::OnlyTrying(ended) => (
            ONLY_TRYING,
            match ended {
                Ended::Cancelled => format!("{requests} cancelled after nothing but 100 Trying"),
                Ended::TimedOut => format!("{requests} timed out after nothing but 100 Trying"),
                Ended::Never => format!("{requests} got 100 Trying and nothing else"),
            },
            format!(
                "{}{}",
                only_trying_detail(ended),
                if key.passing {
                    " Other calls on this way were answered: the target of these is silent, not the element."
                } else if key.one_packet {
                    " Or it rang: one 180 or 183 a call that this tap missed would look the same, and nothing in this capture shows that it misses as few."
                } else {
                    ""
                }
            ),
            FIX_ONLY_TRYING,
        ),
    };
    Said {
        rule: NAME,
        verdict: Some(verdict),
        qualifier: qualifier(key),
        severity: key.severity.0,
        confidence: key.confidence,
        raise: raise(key),
        cause: None,
        title,
        detail,
        remediation,
    }
}

const fn were(count: u64) -> &'static str {
    if count == 1 { "was" } else { "were" }
}

/// `1 INVITE`, `2 INVITEs`, `2 OPTIONS requests`.
fn requests(method: MethodKind, count: u64) -> String {
    match (method, method.name()) {
        (MethodKind::Invite, _) => counted(count, "INVITE", "INVITEs"),
        (_, Some(name)) => {
            let (one, many) = (format!("{name} request"), format!("{name} requests"));
            counted(count, &one, &many)
        }
        (_, None) => counted(
            count,
            "request of another method",
            "requests of other methods",
        ),
    }
}

const fn proof(silence: Silence) -> &'static str {
    match silence {
        Silence::Unreachable => "An ICMP error says that the request did not arrive.",
        Silence::RanOut => {
            "The sender went on repeating the request up to the end of 64*T1 (32 s; the last copy is sent some seconds before), which it does only \
             while no answer has reached it."
        }
        Silence::Stopped => {
            "The sender repeated the request at least twice and then gave up; 64*T1 (32 s) went by without an answer."
        }
        Silence::Waited => {
            "The request went over a reliable transport, where it is not repeated, and 64*T1 (32 s) went by without an answer."
        }
    }
}

/// What is said where nothing came back this way.
fn unseen(key: Key, elsewhere: Option<(IpAddr, IpAddr)>) -> String {
    match elsewhere {
        _ if !key.one_way => String::new(),
        Some((receiver, other)) => format!(
            " Nothing from the receiver to the sender was seen in the whole capture. But {receiver} sent SIP to {other} after the \
             first of these requests, so that host is up: it does not answer this sender, or the tap does not show its answers."
        ),
        None => " Nothing from the receiver to the sender was seen in the whole capture: it did not answer, or the tap shows one direction."
            .to_owned(),
    }
}

const fn only_trying_detail(ended: Ended) -> &'static str {
    match ended {
        Ended::Cancelled => {
            "The next element took the INVITE, and nothing came from behind it in 15 s and more; the caller gave up."
        }
        Ended::TimedOut => {
            "The next element took the INVITE, and nothing came from behind it until a timer ended the call with 408 or 504."
        }
        Ended::Never => {
            "The next element took the INVITE, and nothing came from behind it for 32 s and more, not even a refusal."
        }
    }
}

fn raise(key: Key) -> Option<&'static str> {
    match key.how {
        How::OnlyTrying(_) => {
            Some("capture behind the element that sent the 100, where it sends the INVITE on")
        }
        How::Arrived => Some("the log of the program that holds the connection, at that time"),
        _ if key.one_way => Some("capture both directions of this hop, or at the receiver"),
        _ if key.confidence == Confidence::Confirmed => None,
        _ => Some("capture at the receiver at the same time"),
    }
}

/// One case's evidence, by frame, with how long the capture went on.
fn evidence(exchanged: &Exchanged<'_>, hop: &Hop) -> String {
    if exchanged.observed.time_step {
        return format!("{}; later the capture's time jumps", told(exchanged, hop));
    }
    let went_on = exchanged.observed.until.since(time_of(hop));
    format!(
        "{}; the capture goes on until {} after the request",
        told(exchanged, hop),
        readable(went_on)
    )
}

const FIX_NEVER: &str = "See whether the receiver is up and listens at that address, port and transport, and whether a firewall lets the \
     request in and the answer out. If it answers others, compare: size (requests over 1300 bytes are fragmented over \
     UDP), source address, method. If it is known to be down, take it out of the routes.";

const FIX_ARRIVED: &str = "The way there is open: TCP took the request. Look at the program that holds the connection (or at what ends it before \
     the program, a load balancer): hung or overloaded, a request that it drops without a word, a connection whose other half it no longer \
     reads. Compare with requests on other connections.";

const FIX_NOT_PASSED_ON: &str = "Look at the element between the two hops: it had an answer and did not pass it on here. Look for its Via in \
     the answer (received, rport, sent-by), a restart between request and answer, or a firewall on its way back.";

const FIX_ONLY_TRYING: &str = "The element that sent the 100 has the INVITE; the one behind it is silent. Look in its log where it sent the call, \
     and whether that target answers. Lower its timer for the next target (Timer B or its fr_timer), so that it can \
     try another or refuse in time.";

static TOPICS: &[Topic] = &[
    Topic {
        name: NAME,
        kind: "rule",
        explanation: Explanation {
            summary: "Requests got no answer until their timer ran out, or INVITEs got 100 and nothing else.",
            sections: &[
                (
                    "What it sees",
                    "A request with no response at all on the last hop where it was seen. Over UDP the sender is the witness: it \
                     repeats the request until 64*T1 (32 s; Timers B and F) are over, and would have stopped at an answer. A request \
                     over UDP that was sent once or twice proves nothing and is not counted: its sender may have had an answer, or \
                     not wanted one. But where a sender repeats no request of a method (a monitor's OPTIONS), three or more in a row, \
                     10 s and more from first to last, that nothing answered are told as sent-once. Over TCP, TLS, WebSocket and SCTP 64*T1 must pass. ACK has no answer; BYE belongs to \
                     one-sided-bye. Requests without an answer are told by method.",
                ),
                (
                    "Why it matters",
                    "A caller waits half a minute for nothing, and a proxy cannot try another target before its timer ends.",
                ),
                ("What to do", "Read the verdict."),
            ],
        },
    },
    Topic {
        name: NEVER,
        kind: "verdict",
        explanation: Explanation {
            summary: "No answer came until 64*T1 were over.",
            sections: &[
                (
                    "What it sees",
                    "Confirmed where the sender repeats to the end, or an ICMP error says that the request did not arrive (icmp; information \
                     where later ones were answered, or the capture ends before another copy was due: capture-ends). \
                     Its qualifier lowers it: capture-loss, one-way (nothing was ever seen from the receiver to the sender), \
                     few-copies (three copies or more, then the sender gave up), no-repeats (a reliable transport; information, unless TCP acknowledged the request at once: arrived). With one of the last two, \
                     nothing is said where packets are missing, or nothing came from the receiver after the request. sent-once: a warning where others of the \
                     method were answered and something came back later; information where not; inconclusive with one-way. INVITE and REGISTER are left out. arrived: TCP acknowledged the request. answered-beyond: \
                     the next hop shows an answer that did not come back on this one.",
                ),
                ("What to do", FIX_NEVER),
            ],
        },
    },
    Topic {
        name: ONLY_TRYING,
        kind: "verdict",
        explanation: Explanation {
            summary: "An INVITE got 100 Trying, and nothing came from behind the element that sent it.",
            sections: &[
                (
                    "What it sees",
                    "100 and no other response for 32 s; or until the caller's CANCEL (cancelled) or a 408 or 504 (timed-out) after \
                     15 s or more. Sooner, gateways and paging can explain it. Information where other INVITEs on the same way were answered from \
                     behind (others-answered), or where one 180 that the tap missed would make each a call that rang, and what else \
                     was seen does not show that it misses as few (one-packet). Not where an ACK, a request inside the dialog, or RTP \
                     to the caller shows that there was an answer. The hop behind was not captured, or the verdict \
                     would be about that one.",
                ),
                ("What to do", FIX_ONLY_TRYING),
            ],
        },
    },
];

#[cfg(test)]
mod tests;
