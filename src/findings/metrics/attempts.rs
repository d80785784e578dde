//! Attempts in progress: what belongs to one call or registration, whatever rounds it takes.

use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasher as _;

use rustc_hash::FxBuildHasher;

use crate::calls::{Exchanged, Hop};
use crate::sip::MethodKind;
use crate::units::{Span, StatusCode, Timestamp};

/// 64*T1: a client that has no answer by then gives up (RFC 3261 §17.1.1.2 and §17.1.2.2).
pub(super) const TIMER_B: Span = Span::from_secs(32);

/// Where an attempt is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// On the hop nearest the caller.
    All,
    /// Between two hosts: their number.
    Peer(u16),
}

/// A time that may be unknown, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Maybe(i64);

impl Maybe {
    const NONE: Self = Self(i64::MIN);

    fn of(time: Option<Timestamp>) -> Self {
        time.map_or(Self::NONE, |time| Self(time.nanos()))
    }

    fn get(self) -> Option<Timestamp> {
        (self != Self::NONE).then(|| Timestamp::from_nanos(self.0))
    }

    fn or(self, other: Self) -> Self {
        if self == Self::NONE { other } else { self }
    }
}

/// An attempt so far.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attempt {
    /// CSeq number of its latest round.
    cseq: u32,
    /// A 18x was seen.
    pub(super) rang: bool,
    /// A REGISTER; an INVITE otherwise.
    pub(super) is_register: bool,
    /// Its first request; none where the capture starts after it.
    start: Maybe,
    /// Something of it was seen.
    seen: Timestamp,
    /// First provisional response but 100.
    progress: Maybe,
    /// First 180, or 183 with a body.
    ringing: Maybe,
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
            is_register: exchanged.method == MethodKind::Register,
            start: Maybe::of(start),
            seen: start.or(answered).unwrap_or(until),
            progress: Maybe::of(hop.progress.map(|(_, seen)| seen.time)),
            ringing: Maybe::of(hop.ringing.map(|(_, seen)| seen.time)),
            rang: hop
                .progress
                .is_some_and(|(code, _)| (180..=189).contains(&code.get())),
            outcome,
        }
    }

    /// When it began, as far as the capture tells.
    pub(super) fn began(&self) -> Timestamp {
        self.start().unwrap_or(self.seen)
    }

    /// Its first request; `None` where the capture starts after it.
    pub(super) fn start(&self) -> Option<Timestamp> {
        self.start.get()
    }

    /// First provisional response but 100.
    pub(super) fn progress(&self) -> Option<Timestamp> {
        self.progress.get()
    }

    /// First 180, or 183 with a body.
    pub(super) fn ringing(&self) -> Option<Timestamp> {
        self.ringing.get()
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
            is_register: later.is_register,
            start: earlier.start,
            seen: earlier.seen,
            progress: earlier.progress.or(later.progress),
            ringing: earlier.ringing.or(later.ringing),
            rang: earlier.rang || later.rang,
            outcome: later.outcome,
        };
    }
}

/// What an attempt is told apart by: two digests made by chance, since strangers choose Call-IDs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key(u64, u64);

/// The attempts in progress; the oldest leave first.
#[derive(Debug)]
pub(super) struct Attempts {
    cap: usize,
    /// By age. Their numbers follow each other from `first` on.
    open: VecDeque<Open>,
    first: u64,
    /// The number of each, by the first digest of its key; never gone through.
    numbers: HashMap<u64, u32, FxBuildHasher>,
    digests: [foldhash::quality::RandomState; 2],
}

#[derive(Clone, Copy, Debug)]
struct Open {
    key: Key,
    place: Place,
    attempt: Attempt,
}

/// An attempt to which nothing can be added any more, and where it is measured.
pub(super) type Done = (Place, Attempt);

impl Attempts {
    pub(super) fn new(cap: usize) -> Self {
        Self {
            cap,
            open: VecDeque::new(),
            first: 0,
            numbers: HashMap::default(),
            digests: <[foldhash::quality::RandomState; 2]>::default(),
        }
    }

    /// What the rounds of an exchange's attempt have in common: Call-ID, and of a call From tag.
    pub(super) fn key(&self, exchanged: &Exchanged<'_>) -> Key {
        let is_register = exchanged.method == MethodKind::Register;
        let from_tag = if is_register { 0 } else { exchanged.from_tag };
        let parts = (exchanged.call_id, from_tag, is_register);
        let [one, other] = &self.digests;
        Key(one.hash_one(parts), other.hash_one(parts))
    }

    /// Takes a round; hands out attempts to which nothing can be added any more.
    pub(super) fn push(
        &mut self,
        call: Key,
        place: Place,
        attempt: Attempt,
        goes_on: bool,
        mut done: impl FnMut(Done),
    ) {
        let key = of_place(call, place);
        let index = self.numbers.get(&key.0).map(|number| self.index(*number));
        let known = index.and_then(|index| self.open.get_mut(index));
        if let Some(known) = known.filter(|known| known.key == key) {
            // A later round that does not go on is a new attempt: a retry after a refusal, or the
            // next refresh of a registration. An earlier one was only settled later.
            if goes_on || attempt.cseq <= known.attempt.cseq {
                known.attempt.fold(attempt);
                return;
            }
            done((place, std::mem::replace(&mut known.attempt, attempt)));
            return;
        }
        // What goes on with something unseen began before the capture, or was given up: its
        // start is not its own.
        let attempt = Attempt {
            start: if goes_on { Maybe::NONE } else { attempt.start },
            ..attempt
        };
        // Room is made first: one more than the cap would double the list.
        while self.open.len() >= self.cap
            && let Some(oldest) = self.open.pop_front()
        {
            if self.numbers.get(&oldest.key.0) == Some(&low(self.first)) {
                self.numbers.remove(&oldest.key.0);
            }
            self.first += 1;
            done((oldest.place, oldest.attempt));
        }
        let number = low(self.first + self.open.len() as u64);
        self.numbers.insert(key.0, number);
        if self.open.len() == self.open.capacity() {
            let room = (self.open.len() / 8).max(64);
            self.open.reserve_exact(room.min(self.cap));
        }
        self.open.push_back(Open {
            key,
            place,
            attempt,
        });
    }

    /// The place in `open` of the attempt whose number ends so.
    fn index(&self, number: u32) -> usize {
        usize::try_from(number.wrapping_sub(low(self.first))).unwrap_or(usize::MAX)
    }

    /// Takes all of them out, the oldest first.
    pub(super) fn take_all(&mut self) -> impl Iterator<Item = Done> + use<> {
        self.numbers.clear();
        let all = std::mem::take(&mut self.open);
        all.into_iter().map(|open| (open.place, open.attempt))
    }
}

/// The last bits of a number: more than there are attempts in progress.
#[expect(
    clippy::cast_possible_truncation,
    reason = "attempts in progress are told apart by their last bits"
)]
const fn low(number: u64) -> u32 {
    number as u32
}

/// The key of a call's attempt where it is measured.
const fn of_place(call: Key, place: Place) -> Key {
    let number = match place {
        Place::All => 0,
        Place::Peer(number) => number as u64 + 1,
    };
    // Odd multiples keep what differs different.
    Key(
        call.0 ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15),
        call.1 ^ number.wrapping_mul(0xd6e8_feb8_6659_fd93),
    )
}
