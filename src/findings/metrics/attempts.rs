//! Attempts in progress: what belongs to one call or registration, whatever rounds it takes.

use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasher as _;
use std::sync::Arc;

use rustc_hash::FxBuildHasher;

use super::super::rule::Peer;
use crate::calls::{Exchanged, Hop};
use crate::units::{Span, StatusCode, Timestamp};

/// 64*T1: a client that has no answer by then gives up (RFC 3261 §17.1.1.2 and §17.1.2.2).
pub(super) const TIMER_B: Span = Span::from_secs(32);

/// What an attempt is told apart by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Key {
    pub(super) call_id: Arc<[u8]>,
    pub(super) from_tag: u64,
    pub(super) is_register: bool,
    /// Measured on which pair of hosts; `None`: on the hop nearest the caller.
    pub(super) peer: Option<Peer>,
}

/// An attempt so far.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attempt {
    /// CSeq number of its latest round.
    cseq: u32,
    /// Its first request; `None` where the capture starts after it.
    pub(super) start: Option<Timestamp>,
    /// Something of it was seen.
    seen: Timestamp,
    /// First provisional response but 100.
    pub(super) progress: Option<Timestamp>,
    /// First 180, or 183 with a body.
    pub(super) ringing: Option<Timestamp>,
    /// A 18x was seen.
    pub(super) rang: bool,
    pub(super) outcome: Outcome,
}

/// How an attempt came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Not seen to its end.
    Open,
    /// The final response of its latest round.
    Final {
        code: StatusCode,
        at: Timestamp,
        /// The network refused it, whatever the code says of the user (ATIS-1000099).
        is_blocked: bool,
    },
    /// The client gave up: RFC 3261 §8.1.3.1 has it act as on a 408.
    TimedOut,
    /// The caller gave up, and no final response was seen.
    Cancelled,
}

impl Attempt {
    /// One round of an attempt, on one hop.
    pub(super) fn of(exchanged: &Exchanged<'_>, hop: &Hop) -> Self {
        // Of several finals (forks), the one that answers the call counts, else the last.
        let decisive = hop
            .finals
            .iter()
            .find(|one| one.code.is_success())
            .or_else(|| hop.finals.last());
        let until = exchanged.observed.until;
        let has_passed = |since: Timestamp| until.since(since) >= TIMER_B;
        let outcome = if let Some(decisive) = decisive {
            Outcome::Final {
                code: decisive.code,
                at: decisive.first.time,
                is_blocked: decisive.blocked,
            }
        } else if exchanged.observed.evicted || exchanged.observed.time_step {
            Outcome::Open
        } else if let Some(cancel) = hop.cancel {
            if has_passed(cancel.time) {
                Outcome::Cancelled
            } else {
                Outcome::Open
            }
        } else if hop.trying.is_none()
            && hop.progress.is_none()
            && hop.request.is_some_and(|request| has_passed(request.time))
        {
            Outcome::TimedOut
        } else {
            Outcome::Open
        };
        let start = hop.request.map(|request| request.time);
        let answered = decisive.map(|decisive| decisive.first.time);
        Self {
            cseq: exchanged.cseq.unwrap_or_default(),
            start,
            seen: start.or(answered).unwrap_or(until),
            progress: hop.progress.map(|(_, seen)| seen.time),
            ringing: hop.ringing.map(|(_, seen)| seen.time),
            rang: hop
                .progress
                .is_some_and(|(code, _)| (180..=189).contains(&code.get())),
            outcome,
        }
    }

    /// When it began, as far as the capture tells.
    pub(super) fn began(&self) -> Timestamp {
        self.start.unwrap_or(self.seen)
    }

    /// Takes another round of the same attempt, an earlier or a later one.
    fn fold(&mut self, other: Self) {
        let (earlier, later) = if other.cseq < self.cseq {
            (other, *self)
        } else {
            (*self, other)
        };
        *self = Self {
            cseq: later.cseq,
            start: earlier.start,
            seen: earlier.seen,
            progress: earlier.progress.or(later.progress),
            ringing: earlier.ringing.or(later.ringing),
            rang: earlier.rang || later.rang,
            outcome: later.outcome,
        };
    }
}

/// The attempts in progress; the oldest leave first.
#[derive(Debug)]
pub(super) struct Attempts {
    cap: usize,
    /// By age. Their numbers follow each other from `first` on.
    open: VecDeque<(Key, Attempt)>,
    first: u64,
    /// The number of each, by the digest of its key; never gone through.
    numbers: HashMap<u64, u64, FxBuildHasher>,
    /// Digests are made by chance, as strangers choose Call-IDs.
    digests: foldhash::quality::RandomState,
}

impl Attempts {
    pub(super) fn new(cap: usize) -> Self {
        Self {
            cap,
            open: VecDeque::new(),
            first: 0,
            numbers: HashMap::default(),
            digests: foldhash::quality::RandomState::default(),
        }
    }

    /// Takes a round; hands out attempts to which nothing can be added any more.
    pub(super) fn push(
        &mut self,
        key: Key,
        attempt: Attempt,
        goes_on: bool,
    ) -> Vec<(Key, Attempt)> {
        let mut done = Vec::new();
        let digest = self.digests.hash_one(&key);
        let index = self.numbers.get(&digest).and_then(|number| {
            let index = number.checked_sub(self.first)?;
            usize::try_from(index).ok()
        });
        let known = index.and_then(|index| self.open.get_mut(index));
        if let Some((_, known)) = known.filter(|known| known.0 == key) {
            // A later round that does not go on is a new attempt: a retry after a refusal, or the
            // next refresh of a registration. An earlier one was only settled later.
            if goes_on || attempt.cseq <= known.cseq {
                known.fold(attempt);
                return done;
            }
            let before = std::mem::replace(known, attempt);
            done.push((key, before));
            return done;
        }
        // What goes on with something unseen began before the capture, or was given up: its
        // start is not its own.
        let attempt = Attempt {
            start: attempt.start.filter(|_| !goes_on),
            ..attempt
        };
        // Room is made first: one more than the cap would double the list.
        while self.open.len() >= self.cap
            && let Some(oldest) = self.open.pop_front()
        {
            let digest = self.digests.hash_one(&oldest.0);
            if self.numbers.get(&digest) == Some(&self.first) {
                self.numbers.remove(&digest);
            }
            self.first += 1;
            done.push(oldest);
        }
        let number = self.first + self.open.len() as u64;
        self.numbers.insert(digest, number);
        self.open.push_back((key, attempt));
        done
    }

    /// Takes all of them out, in the order of their keys.
    pub(super) fn take_all(&mut self) -> Vec<(Key, Attempt)> {
        self.numbers.clear();
        let mut all: Vec<_> = std::mem::take(&mut self.open).into();
        all.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        all
    }
}
