//! `authentication-loop`: requests with credentials that are challenged again and again.
//!
//! In: exchanges. Out: one finding for each cause and pair of hosts that matters. An attempt is
//! what shares Call-ID and From tag. One challenge after credentials is usual (a nonce has expired,
//! a second proxy wants credentials of its own); two in one attempt, or attempts of one user that end
//! so one after the other, are a loop. What passes in the end was none.
//!
//! Capped: [`crate::limits::Limits::waiting_events`] attempts, and users, watched at once.
//!
//! # References
//! - RFC 3261 §22.2, §22.3: who was challenged with `stale=false` again should ask for new credentials

use std::collections::VecDeque;
use std::net::IpAddr;

use super::grouping::{Gathered, Groups, Said};
use super::in_order::InOrder;
use super::reading::{call_ref, digest, is_any, told, user};
use super::rule::{
    CallRef, Confidence, End, Explanation, Finding, Peer, Rule, Severity, Topic, counted,
};
use super::table::{Set, Table};
use crate::calls::{Exchanged, Final};
use crate::limits::Limits;
use crate::sip::MethodKind;
use crate::units::{Span, Timestamp};

/// The rule's name.
pub const NAME: &str = "authentication-loop";

/// Challenges after credentials in one attempt. One is usual.
const ROUNDS: u64 = 2;
/// Attempts of one user that end in a challenge, the next within a minute.
const QUICK: usize = 2;
/// The same at a slower pace.
const SLOW: usize = 3;

/// An attempt without a message for so long has ended, and so far apart attempts are quick.
const MINUTE: Span = Span::from_secs(60);
/// Attempts further apart have nothing to do with each other.
const HOUR: Span = Span::from_secs(3600);
/// A client may need so long to answer a challenge; at the end of the capture it may still come.
const ANSWER: Span = Span::from_secs(5);
/// Exchanges may be handed out so late.
const PATIENCE: Span = Span::from_secs(90);

/// Realms told apart in one attempt.
const REALMS: usize = 4;

/// So many attempts, on average this close together, look like somebody trying passwords.
const GUESSES: u64 = 20;
const GUESSES_APART_S: f64 = 3.0;

/// The rule.
#[derive(Debug)]
pub struct AuthenticationLoop {
    text_bytes: usize,
    cap: usize,
    events: InOrder<Event>,
    attempts: Table<u64, Attempt>,
    /// When each attempt, by its key, was challenged last, oldest first; may be stale.
    ages: VecDeque<(Timestamp, u64)>,
    users: Table<u64, User>,
    user_ages: VecDeque<(Timestamp, u64)>,
    groups: Groups<Key>,
    given_up: u64,
}

#[derive(Debug)]
enum Event {
    /// A request with credentials was challenged.
    Refused(Box<Refused>),
    /// A request with credentials got another final answer: of this attempt, of this user.
    Passed(u64, Option<u64>),
}

#[derive(Debug)]
struct Refused {
    attempt: u64,
    user: Option<u64>,
    peer: Peer,
    realm: u64,
    stale: bool,
    loss: bool,
    call: CallRef,
    evidence: String,
}

/// Challenges after credentials in one Call-ID and From tag.
#[derive(Debug)]
struct Attempt {
    first: Timestamp,
    last: Timestamp,
    rounds: u64,
    user: Option<u64>,
    peer: Peer,
    realms: Set<u64>,
    all_stale: bool,
    loss: bool,
    call: CallRef,
    evidence: String,
}

/// Attempts of one user that ended in a challenge, without one between them that passed.
#[derive(Debug, Default)]
struct User {
    /// When one of its requests was challenged last.
    last: Timestamp,
    /// When its last attempt failed.
    failed: Timestamp,
    /// The last request with credentials that passed.
    passed: Timestamp,
    in_a_row: usize,
    /// Of them, those that are not yet told.
    pending: Vec<Attempt>,
}

/// What a finding shares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    cause: Cause,
    loss: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Cause {
    Credentials,
    Stale,
    Realms,
}

impl Cause {
    const fn name(self) -> &'static str {
        match self {
            Self::Credentials => "credentials-refused",
            Self::Stale => "stale-nonce",
            Self::Realms => "realm-changes",
        }
    }
}

impl Attempt {
    fn new(time: Timestamp, refused: Refused) -> Self {
        Self {
            first: time,
            last: time,
            rounds: 1,
            user: refused.user,
            peer: refused.peer,
            realms: Set::from_iter([refused.realm]),
            all_stale: refused.stale,
            loss: refused.loss,
            call: refused.call,
            evidence: refused.evidence,
        }
    }

    fn again(&mut self, time: Timestamp, refused: Refused) {
        self.last = self.last.max(time);
        self.rounds += 1;
        if self.realms.len() < REALMS {
            self.realms.insert(refused.realm);
        }
        self.all_stale &= refused.stale;
        self.loss |= refused.loss;
        if self.call.frames.len() < 64 {
            self.call.frames.extend(refused.call.frames);
            self.call.frames.sort_unstable();
            self.call.frames.dedup();
        }
        if self.rounds == ROUNDS {
            self.evidence = format!("{}; then {}", self.evidence, refused.evidence);
        }
    }

    fn key(&self) -> Key {
        let cause = match () {
            () if self.all_stale => Cause::Stale,
            () if self.realms.len() > 1 => Cause::Realms,
            () => Cause::Credentials,
        };
        Key {
            cause,
            loss: self.loss,
        }
    }
}

impl AuthenticationLoop {
    /// A rule for one capture.
    pub fn new(limits: &Limits) -> Self {
        Self {
            text_bytes: limits.call_id_bytes,
            cap: limits.waiting_events.max(1),
            events: InOrder::new(PATIENCE, limits.waiting_events),
            attempts: Table::default(),
            ages: VecDeque::new(),
            users: Table::default(),
            user_ages: VecDeque::new(),
            groups: Groups::new(limits),
            given_up: 0,
        }
    }

    fn event(&mut self, time: Timestamp, event: Event) {
        self.expire(time);
        match event {
            Event::Passed(attempt, user) => {
                self.attempts.remove(&attempt);
                if let Some(user) = user.and_then(|user| self.users.get_mut(&user)) {
                    user.passed = time;
                    user.in_a_row = 0;
                    user.pending.clear();
                }
            }
            Event::Refused(refused) => {
                let key = refused.attempt;
                if let Some(user) = refused.user {
                    self.users.entry(user).or_default().last = time;
                    self.user_ages.push_back((time, user));
                }
                if let Some(attempt) = self.attempts.get_mut(&key) {
                    attempt.again(time, *refused);
                } else if self.attempts.len() < self.cap {
                    self.attempts.insert(key, Attempt::new(time, *refused));
                } else {
                    self.given_up += 1;
                    return;
                }
                self.ages.push_back((time, key));
            }
        }
    }

    /// Ends attempts that have been silent for a minute, and forgets users of an hour ago.
    fn expire(&mut self, now: Timestamp) {
        while let Some((time, key)) = self.ages.front().copied()
            && now.since(time) > MINUTE
        {
            self.ages.pop_front();
            if self
                .attempts
                .get(&key)
                .is_some_and(|attempt| attempt.last <= time)
                && let Some(attempt) = self.attempts.remove(&key)
            {
                self.failed(attempt);
            }
        }
        while let Some((time, key)) = self.user_ages.front().copied()
            && (now.since(time) > HOUR || self.user_ages.len() > self.cap)
        {
            self.user_ages.pop_front();
            if self.users.get(&key).is_some_and(|user| user.last <= time) {
                self.users.remove(&key);
            }
        }
    }

    /// An attempt ended in a challenge.
    fn failed(&mut self, attempt: Attempt) {
        let is_loop = attempt.rounds >= ROUNDS;
        let Some(key) = attempt.user else {
            if is_loop {
                self.found(attempt);
            }
            return;
        };
        let (first, last) = (attempt.first, attempt.last);
        let user = self.users.entry(key).or_default();
        // Another attempt of the user passed after this one: it begins anew.
        let is_past = user.passed >= last;
        let gap = first.since(user.failed);
        if gap > HOUR || user.passed >= first {
            user.in_a_row = 0;
            user.pending.clear();
        }
        let is_quick = user.in_a_row + 1 >= QUICK && gap <= MINUTE;
        let is_row = !is_past && (is_quick || user.in_a_row + 1 >= SLOW);
        if !is_past {
            user.in_a_row += 1;
            user.failed = last;
        }
        let mut told = Vec::new();
        if is_row {
            told.append(&mut user.pending);
        }
        if is_loop || is_row {
            told.push(attempt);
        } else if !is_past {
            user.pending.push(attempt);
        }
        for attempt in told {
            self.found(attempt);
        }
    }

    fn found(&mut self, attempt: Attempt) {
        let key = attempt.key();
        let Attempt {
            first,
            peer,
            call,
            evidence,
            ..
        } = attempt;
        self.groups.add(key, peer, first, || call, || evidence);
    }
}

impl Rule for AuthenticationLoop {
    fn topics(&self) -> &'static [Topic] {
        TOPICS
    }

    fn exchanged(&mut self, exchanged: &Exchanged<'_>) {
        if matches!(exchanged.method, MethodKind::Ack | MethodKind::Cancel)
            || !exchanged.credentials
        {
            return;
        }
        let (Some(hop), Some(answer)) = (exchanged.counting(), exchanged.answer()) else {
            return;
        };
        // Some servers say so of a wrong password, others of a right one that may not.
        if is_any(answer.code, &[403]) {
            return;
        }
        let peer = Peer::of(&hop.flow);
        let attempt = digest(&[exchanged.call_id, &exchanged.from_tag.to_ne_bytes()]);
        let user = user_of(exchanged, peer);
        let event = if matches!(answer.code.get(), 401 | 407) {
            Event::Refused(Box::new(Refused {
                attempt,
                user,
                peer,
                realm: digest(&[&answer.realm]),
                stale: answer.stale,
                loss: exchanged.observed.loss,
                call: call_ref(exchanged, [hop], self.text_bytes),
                evidence: evidence(exchanged, answer),
            }))
        } else {
            Event::Passed(attempt, user)
        };
        let mut due = Vec::new();
        self.events.push(answer.first.time, event, |time, event| {
            due.push((time, event));
        });
        for (time, event) in due {
            self.event(time, event);
        }
    }

    fn finish(&mut self, end: &End, out: &mut dyn FnMut(Finding)) {
        let mut due = Vec::new();
        self.events.finish(|time, event| due.push((time, event)));
        for (time, event) in due {
            self.event(time, event);
        }
        let mut left: Vec<_> = std::mem::take(&mut self.attempts).into_iter().collect();
        left.sort_by_key(|(key, attempt)| (attempt.first, *key));
        for (_, attempt) in left {
            let may_go_on = attempt.rounds < ROUNDS && end.last.since(attempt.last) < ANSWER;
            if !may_go_on {
                self.failed(attempt);
            }
        }
        self.groups.finish(&mut |key, gathered| {
            let said = said(*key, &gathered);
            out(gathered.finding(said));
        });
    }

    fn given_up(&self) -> u64 {
        self.given_up
    }
}

/// Whose credentials these are: From user and sender; nobody's where From says nobody.
fn user_of(exchanged: &Exchanged<'_>, peer: Peer) -> Option<u64> {
    let name = user(exchanged.from);
    let is_nobody = name.is_empty() || name.eq_ignore_ascii_case(b"anonymous");
    let octets = |addr: IpAddr| match addr {
        IpAddr::V4(addr) => addr.to_ipv6_mapped().octets(),
        IpAddr::V6(addr) => addr.octets(),
    };
    (!is_nobody).then(|| digest(&[name, &octets(peer.src), &octets(peer.dst)]))
}

fn evidence(exchanged: &Exchanged<'_>, answer: &Final) -> String {
    let Some(hop) = exchanged.counting() else {
        return String::new();
    };
    let realm = String::from_utf8_lossy(&answer.realm);
    let stale = if answer.stale { ", stale=true" } else { "" };
    format!(
        "with credentials of {}: {}, realm {realm:?}{stale}",
        String::from_utf8_lossy(exchanged.from),
        told(exchanged, hop)
    )
}

fn said(key: Key, gathered: &Gathered) -> Said {
    let attempts = counted(gathered.count, "attempt", "attempts");
    let carry = if gathered.count == 1 {
        "it carries"
    } else {
        "they carry"
    };
    let (detail, remediation) = match key.cause {
        Cause::Credentials => (
            "Requests with credentials were challenged again, by the same realm and without stale=true: the server does not accept \
             these credentials.",
            FIX_CREDENTIALS,
        ),
        Cause::Stale => (
            "Each challenge says stale=true: the server accepts the password, and takes the nonce for too old each time, though it had \
             given it out just before.",
            FIX_STALE,
        ),
        Cause::Realms => (
            "The challenges name different realms, and the request never had credentials that all were content with.",
            FIX_REALMS,
        ),
    };
    let mut detail = detail.to_owned();
    let lasted = gathered.end.since(gathered.start).as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let is_guessing = key.cause == Cause::Credentials
        && gathered.count >= GUESSES
        && lasted < GUESSES_APART_S * gathered.count as f64;
    if is_guessing {
        detail.push_str(" So many in so short a time look like somebody trying passwords.");
    }
    Said {
        rule: NAME,
        verdict: None,
        qualifier: if key.loss {
            "capture-loss".to_owned()
        } else {
            String::new()
        },
        severity: Severity::Warning,
        confidence: if key.loss {
            Confidence::Probable
        } else {
            Confidence::Confirmed
        },
        raise: key
            .loss
            .then_some("capture without loss, to see whether an attempt passes after all"),
        cause: Some(key.cause.name()),
        title: format!("{attempts} challenged again and again though {carry} credentials"),
        detail,
        remediation,
    }
}

const FIX_CREDENTIALS: &str = "Compare user, realm and password at the client with the server's account: the user name in the credentials (it \
     need not be that in From), the realm they were made for, the algorithm (a server that offers SHA-256 to a client that knows MD5). If the \
     user is not known, or many are tried from one address, block the address.";

const FIX_STALE: &str = "Look at the life of nonces at the server: too short for the way there and back, a clock that was set, or several \
     servers behind one address that do not know each other's nonces (keep a client on one of them, or let them share the secret).";

const FIX_REALMS: &str = "Find the elements on the way that challenge, each for its realm, and let the client have credentials for all; or let only one \
     of them challenge. Servers behind one address must name one realm.";

static TOPICS: &[Topic] = &[
    Topic {
        name: NAME,
        kind: "rule",
        explanation: Explanation {
            summary: "Requests that carry credentials are challenged again and again.",
            sections: &[
                (
                    "What it sees",
                    "401 and 407 in answer to requests with Authorization or Proxy-Authorization. Two or more in one attempt (Call-ID and \
                     From tag) of which nothing passed in the end; or attempts of one From user between the same hosts that end so, \
                     two within a minute or three within an hour of each other, with none between them that passed (403 is neither). One challenge \
                     after credentials is usual: the nonce has expired, or a second proxy wants credentials. Callers who name \
                     themselves anonymous are told apart by their calls only.",
                ),
                (
                    "Why it matters",
                    "The user cannot register or call, the server works for nothing, and it may be an attack on passwords.",
                ),
                ("What to do", "Read the cause."),
            ],
        },
    },
    Topic {
        name: "credentials-refused",
        kind: "cause",
        explanation: Explanation {
            summary: "The server does not accept the credentials: wrong password, user, realm or algorithm.",
            sections: &[
                (
                    "What it sees",
                    "The same realm, and challenges without stale=true.",
                ),
                ("What to do", FIX_CREDENTIALS),
            ],
        },
    },
    Topic {
        name: "stale-nonce",
        kind: "cause",
        explanation: Explanation {
            summary: "The server takes each nonce for too old, though it gave it out just before.",
            sections: &[
                (
                    "What it sees",
                    "stale=true in every challenge after credentials.",
                ),
                ("What to do", FIX_STALE),
            ],
        },
    },
    Topic {
        name: "realm-changes",
        kind: "cause",
        explanation: Explanation {
            summary: "The challenges name different realms, and no credentials were enough for all.",
            sections: &[
                (
                    "What it sees",
                    "More than one realm among the challenges after credentials of one attempt.",
                ),
                ("What to do", FIX_REALMS),
            ],
        },
    },
];

#[cfg(test)]
mod tests;
