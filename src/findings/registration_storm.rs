//! `registration-storm`: clients that register far more often than they need to, and registrars
//! that all clients fall upon at once.
//!
//! In: exchanges. Out: one finding for each verdict and pair of hosts that matters, and one for each
//! avalanche.
//!
//! Capped: [`crate::limits::Limits::registrations`] addresses of record (by sender) watched at once,
//! `RECENT` registrations remembered for what an avalanche is made of, and
//! [`crate::limits::Limits::waiting_events`] waiting for their turn.
//!
//! # References
//! - RFC 3261 §10.2.4 (refreshing), §10.2.7 (after a failure); RFC 5626 §4.5 (flow recovery)

use std::collections::VecDeque;
use std::hash::BuildHasher as _;

use smallvec::SmallVec;

use super::burst::{Burst, BurstOptions, Detector, Finals, per_minute};
use super::grouping::{Gathered, Groups, Said};
use super::heard::Heard;
use super::in_order::InOrder;
use super::packed::Packed;
use super::reading::{
    Silence, address_of_record, call_ref, digest, is_any, silence, time_of, told,
};
use super::rule::{
    CallRef, Confidence, End, Explanation, Finding, Peer, PeerCounts, Rule, Severity, Topic,
    counted, frames_named, readable,
};
use super::table::{Set, Table};
use super::watched::Watched;
use crate::calls::{ClockChange, Exchanged, Hop};
use crate::limits::Limits;
use crate::sip::MethodKind;
use crate::units::{NANOS_PER_SEC, Span, Timestamp};

/// The rule's name.
pub const NAME: &str = "registration-storm";

const EAGER: &str = "eager-refresh";
const RETRIES: &str = "register-retries";
const AVALANCHE: &str = "register-avalanche";

/// Renewals within half of the granted time, in which one is due.
const RENEWALS: usize = 10;
/// Of them, Call-IDs: a client keeps its own (RFC 3261 §10.2.4), and ten clients of one address are
/// no storm.
const CALL_IDS: usize = 2;
/// Renewals within a twentieth of the granted time, whatever their Call-IDs.
const RENEWALS_OF_ANY: u32 = 30;

/// Attempts that fail, of one address from one host, within [`MINUTE`]. A client waits half a minute
/// and more between attempts (RFC 5626 §4.5).
const FAILURES: u32 = 20;
const MINUTE: Span = Span::from_secs(60);

/// Renewals closer than this on average cost the registrar more than they tell it.
const HARMFUL: Span = Span::from_secs(10);

/// Different addresses in a minute that make an avalanche, if no more than a quarter are usual.
const ADDRESSES: u32 = 50;

/// Registrations remembered.
const RECENT: usize = 16_384;

/// Exchanges may be handed out so late.
const PATIENCE: Span = Span::from_secs(150);

/// Calls named of an avalanche.
const CALLS: usize = 64;

/// The rule.
#[derive(Debug)]
pub struct RegistrationStorm {
    text_bytes: usize,
    cap: usize,
    /// By the digest of the address and the pair of hosts, made by chance.
    clients: Table<u64, Client>,
    digests: foldhash::quality::RandomState,
    groups: Groups<Key>,
    heard: Heard,
    events: InOrder<Attempt>,
    watched: Watched,
    finals: Finals,
    detector: Option<Detector>,
    detector_cap: usize,
    /// Number of the first of `recent`, counted from 0.
    forgotten: u64,
    recent: VecDeque<(Timestamp, Attempt)>,
    given_up: u64,
}

/// One address of record as one host registers it.
#[derive(Debug, Default)]
struct Client {
    /// The last renewals: when, and the digest of the Call-ID. Most are seen once.
    renewals: SmallVec<[(Timestamp, u64); 1]>,
    /// Of those that are seen more often, or fail.
    more: Option<Box<More>>,
}

/// What is counted of a client beyond its first renewal.
#[derive(Debug, Default)]
struct More {
    /// Renewals since a time, for those whose Call-IDs change.
    of_any: Count,
    failures: Count,
    /// It is told already: once an address.
    is_told_eager: bool,
    is_told_retries: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    since: Timestamp,
    count: u32,
}

impl Count {
    /// Counts one more at `time`; how many that makes within `window`.
    fn add(&mut self, time: Timestamp, window: Span) -> u32 {
        if self.count == 0 || time.since(self.since) > window {
            *self = Self {
                since: time,
                count: 0,
            };
        }
        self.count += 1;
        self.count
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    verdict: &'static str,
    is_harmful: bool,
}

/// A registration as an avalanche counts it.
#[derive(Debug)]
struct Attempt {
    address: u64,
    peer: Peer,
    has_failed: bool,
    call: Packed,
}

impl RegistrationStorm {
    /// A rule for one capture.
    pub fn new(limits: &Limits) -> Self {
        Self {
            text_bytes: limits.call_id_bytes,
            cap: limits.registrations,
            clients: Table::default(),
            digests: foldhash::quality::RandomState::default(),
            groups: Groups::new(limits),
            heard: Heard::new(limits.host_pairs),
            events: InOrder::new(PATIENCE, limits.waiting_events),
            watched: Watched::default(),
            finals: Finals::new(options().window, limits.burst_events),
            detector: None,
            detector_cap: limits.burst_events,
            forgotten: 0,
            recent: VecDeque::new(),
            given_up: 0,
        }
    }

    fn outcome(&self, exchanged: &Exchanged<'_>, hop: &Hop) -> Option<Outcome> {
        let is_heard = self.heard.is_answering(Peer::of(&hop.flow));
        outcome(exchanged, hop, is_heard)
    }

    fn client(&mut self, exchanged: &Exchanged<'_>, hop: &Hop, address: u64) {
        let peer = Peer::of(&hop.flow);
        let key = (address, peer);
        let key = self.digests.hash_one(key);
        if self.clients.len() >= self.cap && !self.clients.contains_key(&key) {
            self.given_up += 1;
            return;
        }
        let time = time_of(hop);
        let Some(outcome) = self.outcome(exchanged, hop) else {
            return;
        };
        let client = self.clients.entry(key).or_default();
        let key = match outcome {
            Outcome::Granted(lifetime) => client.renews(time, lifetime, exchanged.call_id),
            Outcome::Failed => client.fails(time),
        };
        let Some(key) = key else { return };
        let text_bytes = self.text_bytes;
        self.groups.add(
            key,
            peer,
            time,
            || call_ref(exchanged, [hop], text_bytes),
            || evidence(exchanged, hop, outcome),
        );
    }

    fn attempt(&mut self, time: Timestamp, attempt: Attempt) {
        let time = self.finals.next(self.watched.steady(time));
        let detector = self.detector.get_or_insert_with(|| {
            Detector::new(options(), self.detector_cap, time).with_baseline_only()
        });
        if self.finals.moves_on(time) {
            detector.judge(&self.finals, &self.watched);
        }
        self.finals.push(time);
        detector.push(time, &self.finals);
        if self.recent.len() >= RECENT {
            self.recent.pop_front();
            self.forgotten += 1;
        }
        self.recent.push_back((time, attempt));
    }

    /// The finding of an avalanche; none if it is a few addresses over and over.
    fn avalanche(&self, burst: &Burst) -> Option<Finding> {
        let (first, last) = burst.refusals;
        let inside = || {
            self.recent
                .iter()
                .zip(self.forgotten..)
                .filter(|(_, number)| (first..=last).contains(number))
                .map(|((_, attempt), _)| attempt)
        };
        let addresses: Set<u64> = inside().map(|attempt| attempt.address).collect();
        let addresses = u64::try_from(addresses.len()).unwrap_or(u64::MAX);
        let remembered = u64::try_from(inside().count()).unwrap_or(u64::MAX);
        if addresses < u64::from(ADDRESSES) || addresses * 2 < remembered {
            return None;
        }
        let mut peers = PeerCounts::default();
        for attempt in inside() {
            peers.add_many(attempt.peer, 1);
        }
        let failed = inside().filter(|attempt| attempt.has_failed).count();
        let failed = u64::try_from(failed).unwrap_or(u64::MAX);
        let calls: Vec<_> = inside()
            .map(|attempt| attempt.call.call())
            .take(CALLS)
            .collect();
        let gathered = Gathered {
            is_split: false,
            count: burst.count,
            start: self.watched.captured(burst.start),
            end: self.watched.captured(burst.end),
            peers: peers.sorted(),
            evidence: first_of(&calls),
            calls,
        };
        Some(gathered.finding(said_avalanche(burst, addresses, failed, remembered)))
    }
}

/// What an avalanche is to the detector: every registration counts, and the hour before says how
/// many are usual.
fn options() -> BurstOptions {
    BurstOptions {
        min: ADDRESSES,
        share: 0.0,
        ..BurstOptions::default()
    }
}

impl Client {
    /// A renewal was granted for `lifetime`.
    fn renews(&mut self, time: Timestamp, lifetime: Span, call_id: &[u8]) -> Option<Key> {
        if self.renewals.len() >= RENEWALS {
            self.renewals.remove(0);
        }
        self.renewals.push((time, digest(&[call_id])));
        let part = |of: i64| Span::from_nanos(lifetime.nanos() / of);
        let first = self.renewals.first()?.0;
        if self.renewals.len() == 1 && self.more.is_none() {
            return None;
        }
        let more = more(&mut self.more, Some(first));
        let of_any = more.of_any.add(time, part(20));
        let mut calls: Vec<u64> = self.renewals.iter().map(|(_, call)| *call).collect();
        calls.sort_unstable();
        calls.dedup();
        let spread = time.since(first);
        let is_eager =
            self.renewals.len() >= RENEWALS && spread <= part(2) && calls.len() <= CALL_IDS;
        if more.is_told_eager || !(is_eager || of_any >= RENEWALS_OF_ANY) {
            return None;
        }
        more.is_told_eager = true;
        let gaps = i64::try_from(RENEWALS - 1).unwrap_or(1);
        Some(Key {
            verdict: EAGER,
            is_harmful: spread.nanos() / gaps <= HARMFUL.nanos(),
        })
    }

    /// A registration failed.
    fn fails(&mut self, time: Timestamp) -> Option<Key> {
        let first = self.renewals.first().map(|first| first.0);
        let more = more(&mut self.more, first);
        let count = more.failures.add(time, MINUTE);
        if more.is_told_retries || count < FAILURES {
            return None;
        }
        more.is_told_retries = true;
        Some(Key {
            verdict: RETRIES,
            is_harmful: true,
        })
    }
}

/// What is counted of a client, of which at most one renewal was seen, at `first`, if nothing was yet.
fn more(more: &mut Option<Box<More>>, first: Option<Timestamp>) -> &mut More {
    more.get_or_insert_with(|| {
        let of_any = first.map(|since| Count { since, count: 1 });
        Box::new(More {
            of_any: of_any.unwrap_or_default(),
            ..More::default()
        })
    })
}

#[derive(Clone, Copy, Debug)]
enum Outcome {
    Granted(Span),
    Failed,
}

fn outcome(exchanged: &Exchanged<'_>, hop: &Hop, is_heard: bool) -> Option<Outcome> {
    match silence(exchanged, hop) {
        Some(Silence::Unreachable | Silence::RanOut) => return Some(Outcome::Failed),
        // The answer may have gone where the tap does not see it.
        Some(Silence::Stopped | Silence::Waited) => return is_heard.then_some(Outcome::Failed),
        None => {}
    }
    let answer = exchanged.answer()?;
    if answer.code.is_success() {
        let seconds = answer.expires.filter(|seconds| *seconds > 0)?;
        return Some(Outcome::Granted(Span::from_secs(i64::from(seconds))));
    }
    let is_usual =
        !exchanged.credentials && is_any(answer.code, &[401, 407]) || is_any(answer.code, &[423]);
    (!is_usual).then_some(Outcome::Failed)
}

impl Rule for RegistrationStorm {
    fn topics(&self) -> &'static [Topic] {
        TOPICS
    }

    fn clock(&mut self, change: ClockChange) {
        self.watched.change(change);
    }

    fn begin(&mut self, first: Timestamp) {
        self.watched.begin(first);
        self.detector.get_or_insert_with(|| {
            Detector::new(options(), self.detector_cap, first).with_baseline_only()
        });
    }

    fn exchanged(&mut self, exchanged: &Exchanged<'_>) {
        if exchanged.method != MethodKind::Register {
            return;
        }
        self.heard.exchanged(exchanged);
        let Some(hop) = exchanged.counting() else {
            return;
        };
        let address = digest(&[&address_of_record(exchanged.to)]);
        self.client(exchanged, hop, address);
        // With its rounds of challenges a registration is one.
        if exchanged.goes_on || hop.request.is_none() {
            return;
        }
        let attempt = Attempt {
            address,
            peer: Peer::of(&hop.flow),
            has_failed: matches!(self.outcome(exchanged, hop), Some(Outcome::Failed)),
            call: Packed::new(&call_ref(exchanged, [hop], self.text_bytes)),
        };
        let mut due = Vec::new();
        self.events.push(time_of(hop), attempt, |time, attempt| {
            due.push((time, attempt));
        });
        for (time, attempt) in due {
            self.attempt(time, attempt);
        }
    }

    fn finish(&mut self, end: &End, out: &mut dyn FnMut(Finding)) {
        let mut due = Vec::new();
        self.events
            .finish(|time, attempt| due.push((time, attempt)));
        for (time, attempt) in due {
            self.attempt(time, attempt);
        }
        self.groups.finish(&mut |key, gathered| {
            let said = said(*key, gathered.count);
            out(gathered.finding(said));
        });
        if let Some(detector) = self.detector.take() {
            let last = self.watched.steady(end.last);
            for burst in detector.finish(&self.finals, &self.watched, last) {
                if let Some(finding) = self.avalanche(&burst) {
                    out(finding);
                }
            }
        }
    }

    fn given_up(&self) -> u64 {
        self.given_up
    }
}

fn first_of(calls: &[CallRef]) -> String {
    calls.first().map_or_else(String::new, |call| {
        let frames: Vec<_> = call.named_frames().collect();
        format!(
            "the first of it: Call-ID {}, {}",
            String::from_utf8_lossy(&call.call_id),
            frames_named(&frames, ", ")
        )
    })
}

fn evidence(exchanged: &Exchanged<'_>, hop: &Hop, outcome: Outcome) -> String {
    let which = match outcome {
        Outcome::Granted(lifetime) => {
            format!(
                "the tenth or a later one, granted for {}",
                readable(lifetime)
            )
        }
        Outcome::Failed => format!("the {FAILURES}th within a minute"),
    };
    format!(
        "{}, {which}: {}",
        String::from_utf8_lossy(exchanged.to),
        told(exchanged, hop)
    )
}

fn said(key: Key, count: u64) -> Said {
    let clients = counted(count, "address", "addresses");
    let (title, detail, remediation) = if key.verdict == EAGER {
        (
            format!("{clients} registered far more often than needed"),
            "One client renewed its registration ten times within half of the time that the registrar had granted, in which once is enough.",
            FIX_EAGER,
        )
    } else {
        (
            format!("{clients} tried to register again and again without success"),
            "One client tried to register twenty times within a minute, and each time was refused or got no answer.",
            FIX_RETRIES,
        )
    };
    Said {
        rule: NAME,
        verdict: Some(key.verdict),
        qualifier: String::new(),
        severity: if key.is_harmful {
            Severity::Warning
        } else {
            Severity::Info
        },
        confidence: Confidence::Confirmed,
        raise: None,
        cause: None,
        title,
        detail: detail.to_owned(),
        remediation,
    }
}

fn said_avalanche(burst: &Burst, addresses: u64, failed: u64, of: u64) -> Said {
    let usual = match (burst.before, burst.expected) {
        // A rate that was never seen is not zero, and is no rate to be told either.
        (Some((0, before)), _) => format!(
            ", and none in the {} min before",
            before.nanos() / (60 * NANOS_PER_SEC)
        ),
        (_, Some(expected)) => format!(
            " where {:.1} a minute are usual",
            per_minute(expected, options().window)
        ),
        (_, None) => String::new(),
    };
    let suffers = failed * 20 >= of;
    let open = if burst.open {
        " It goes on at the end of the capture."
    } else {
        ""
    };
    Said {
        rule: NAME,
        verdict: Some(AVALANCHE),
        qualifier: if burst.open {
            "open".to_owned()
        } else {
            String::new()
        },
        severity: if suffers {
            Severity::Warning
        } else {
            Severity::Info
        },
        confidence: Confidence::Confirmed,
        raise: None,
        cause: None,
        title: format!(
            "{addresses} addresses registered at once: {} registrations in {}",
            burst.count,
            readable(burst.end.since(burst.start))
        ),
        detail: format!(
            "At most {} within a minute{usual}; {failed} of {of} failed.{open}",
            burst.peak.0
        ),
        remediation: FIX_AVALANCHE,
    }
}

const FIX_EAGER: &str = "See why the client renews: a keepalive through NAT (then let it send CRLF or OPTIONS, or let the registrar grant less), \
     a registrar whose answer lacks the client's own Contact, so that it does not know how long it was granted, or two programs with one account.";

const FIX_RETRIES: &str = "Mend or block the client: after a failure it should wait longer each time, half a minute at least. If many do so, look at \
     what they are refused with first.";

const FIX_AVALANCHE: &str = "Look for what ended just before: an outage of the registrar or of the way to it, a restart, a NAT or line that came back. \
     Clients that registered at once will do so again when what was granted runs out: let the registrar spread what it grants \
     (say, between 80 and 100 % of the usual time), and see that it takes as many at once as it has clients.";

static TOPICS: &[Topic] = &[
    Topic {
        name: NAME,
        kind: "rule",
        explanation: Explanation {
            summary: "Clients register far more often than needed, or very many at once.",
            sections: &[
                (
                    "What it sees",
                    "REGISTER by address of record (To), on the hop nearest the client, rounds of challenges folded. What a \
                     client needs follows from what it is granted: one renewal in half of that time.",
                ),
                (
                    "Why it matters",
                    "A registrar that is busy with needless registrations drops needed ones and calls, and comes down with the next avalanche.",
                ),
                ("What to do", "Read the verdict."),
            ],
        },
    },
    Topic {
        name: EAGER,
        kind: "verdict",
        explanation: Explanation {
            summary: "A client renews its registration many times within the time it was granted.",
            sections: &[
                (
                    "What it sees",
                    "Ten 2xx to REGISTER for one address from one host within half of the granted time, with at most two Call-IDs (a \
                     client keeps its own; clients that share an address do not count together); or thirty within a twentieth. \
                     Information; a warning where they are 10 s apart or less. Counted once an address.",
                ),
                ("What to do", FIX_EAGER),
            ],
        },
    },
    Topic {
        name: RETRIES,
        kind: "verdict",
        explanation: Explanation {
            summary: "A client tries to register again and again, and fails.",
            sections: &[
                (
                    "What it sees",
                    "Twenty REGISTERs for one address from one host within a minute that were refused or never answered; a first challenge \
                     and 423 do not count. Counted once an address.",
                ),
                ("What to do", FIX_RETRIES),
            ],
        },
    },
    Topic {
        name: AVALANCHE,
        kind: "verdict",
        explanation: Explanation {
            summary: "Very many clients register at once.",
            sections: &[
                (
                    "What it sees",
                    "Fifty different addresses or more within a minute, and more than chance allows given the hour before (less than \
                     one in a million; see identity-burst for the borders). Without five minutes of before nothing is said: a \
                     large registrar has as many always. Information; a warning where a twentieth or more fail.",
                ),
                ("What to do", FIX_AVALANCHE),
            ],
        },
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::testing::{Made, at, findings, lines, only};
    use crate::units::Transport;

    fn check(made: &[Made], expected: &[&str]) {
        let rule = RegistrationStorm::new(&Limits::default());
        assert_eq!(lines(&findings(rule, made)), expected);
    }

    fn register(of: &str, call: &str, seconds: f64, code: u16) -> Made {
        Made::new("REGISTER")
            .callee(of)
            .call(call)
            .hop("10.1.0.1", "10.2.0.1", |hop| {
                hop.sent(seconds)
                    .answer(code, seconds + 0.05)
                    .which(|last| {
                        last.expires = Some(3600);
                    })
            })
    }

    fn every(seconds: f64, count: u32, code: u16) -> Vec<Made> {
        (0..count)
            .map(|no| register("sip:bob@example.net", "c", f64::from(no) * seconds, code))
            .collect()
    }

    #[test]
    fn ten_renewals_in_half_the_granted_time_are_eager() {
        check(&every(60.0, 12, 200), &["eager-refresh info confirmed 1"]);
        check(&every(5.0, 12, 200), &["eager-refresh warning confirmed 1"]);
    }

    #[test]
    fn one_renewal_in_half_or_nine_tenths_of_the_granted_time_is_not() {
        check(&every(1800.0, 19, 200), &[]);
        check(&every(300.0, 9, 200), &[]);
    }

    #[test]
    fn clients_that_share_an_address_do_not_count_together() {
        let made: Vec<_> = (0..24)
            .map(|no| {
                let call = format!("phone{}", no % 12);
                register("sip:sales@example.net", &call, f64::from(no) * 60.0, 200)
            })
            .collect();
        check(&made, &[]);
    }

    #[test]
    fn a_client_with_a_new_call_id_each_time_is_found_where_it_is_fast() {
        let of = |apart: f64| -> Vec<_> {
            (0..40)
                .map(|no| {
                    let call = format!("c{no}");
                    register("sip:bob@example.net", &call, f64::from(no) * apart, 200)
                })
                .collect()
        };
        check(&of(2.0), &["eager-refresh warning confirmed 1"]);
        check(&of(30.0), &[]);
    }

    #[test]
    fn twenty_failures_in_a_minute_are_a_storm_and_first_challenges_are_none() {
        check(
            &every(2.0, 25, 403),
            &["register-retries warning confirmed 1"],
        );
        check(&every(30.0, 25, 403), &[]);
        check(&every(2.0, 25, 401), &[]);
    }

    #[test]
    fn registrations_whose_answers_the_tap_does_not_see_have_not_failed() {
        let silent = |no: u32| {
            let seconds = f64::from(no) * 2.0;
            Made::new("REGISTER").hop("10.1.0.1", "10.2.0.1", |hop| {
                hop.over(Transport::Tcp).sent(seconds)
            })
        };
        let made: Vec<_> = (0..25).map(silent).collect();
        check(&made, &[]);
        let answered = register("sip:alice@example.net", "a", 0.0, 200);
        let made: Vec<_> = std::iter::once(answered).chain(made).collect();
        check(&made, &["register-retries warning confirmed 1"]);
    }

    /// So many addresses, one after the other, `apart` seconds from each other.
    fn addresses(name: &str, from: f64, count: u32, apart: f64, code: u16) -> Vec<Made> {
        (0..count)
            .map(|no| {
                let of = format!("sip:{name}{no}@example.net");
                let call = format!("{name}{no}");
                register(&of, &call, from + f64::from(no) * apart, code)
            })
            .collect()
    }

    #[test]
    fn many_addresses_at_once_after_a_quiet_time_are_an_avalanche() {
        let mut made = addresses("quiet", 0.0, 200, 10.0, 200);
        made.extend(addresses("all", 2000.0, 300, 0.1, 200));
        check(&made, &["register-avalanche info confirmed 300"]);
        let found = only(findings(RegistrationStorm::new(&Limits::default()), &made));
        assert_eq!((found.start, found.end), (at(2000.0), at(2029.9)));
        assert!(
            found.title.starts_with("300 addresses registered at once"),
            "{}",
            found.title
        );
    }

    #[test]
    fn an_avalanche_of_which_many_fail_is_a_warning() {
        let mut made = addresses("quiet", 0.0, 200, 10.0, 200);
        made.extend(addresses("all", 2000.0, 200, 0.1, 200));
        made.extend(addresses("not", 2020.0, 50, 0.1, 503));
        check(&made, &["register-avalanche warning confirmed 250"]);
    }

    #[test]
    fn a_large_registrar_is_no_avalanche_and_nor_is_the_beginning_of_a_capture() {
        check(&addresses("many", 0.0, 3000, 0.5, 200), &[]);
        check(&addresses("many", 10.0, 300, 0.1, 200), &[]);
    }
}
