//! The past: what several rules look back on, kept once for all of them.
//!
//! In: attempts and exchanges. Out: one [`Past`], of which every rule sees the attempts with each new
//! one, and all before it says what it found. Capped: `RECENT` attempts, of which the oldest are
//! forgotten.

use std::collections::VecDeque;

use super::examiner::{Signed, Word};
use super::heard::Heard;
use super::partition::{Traits, Values};
use super::reading::digest;
use super::rule::Peer;
use super::watched::Watched;
use crate::calls::{Attempt, ClockChange};
use crate::units::{FrameRef, StatusCode, Timestamp};

/// Attempts remembered: half an hour of 18 attempts a second. Of a longer burst the last ones are
/// compared, and named; how many there were is counted elsewhere.
pub(super) const RECENT: usize = 32_768;

/// What all rules look back on.
#[derive(Debug, Default)]
pub struct Past {
    watched: Watched,
    has_begun: bool,
    /// The steady time of the last attempt.
    latest: Option<Timestamp>,
    /// Names of what attempts share, once the capture has ended.
    pub values: Values,
    /// The last attempts.
    pub attempts: VecDeque<Attempted>,
    /// Between which hosts SIP was seen.
    pub heard: Heard,
}

/// An attempt, as far as it is remembered.
#[derive(Clone, Copy, Debug)]
pub struct Attempted {
    /// When it had its first final response, in steady time; no earlier than those before it.
    pub time: Timestamp,
    /// When its INVITE was sent, likewise; where that was not seen, when it was answered.
    pub sent: Timestamp,
    /// That response.
    pub at: FrameRef,
    /// Digest of its Call-ID.
    pub call: u64,
    /// Whose it was.
    pub peer: Peer,
    /// How it ended.
    pub ending: Ending,
    /// What it shares with others.
    pub traits: Traits,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ending {
    /// The code of its first final response.
    pub code: StatusCode,
    /// The code with which its identity was refused, and how that was said.
    pub judged: Option<(u16, Word)>,
}

impl Ending {
    /// Of an attempt beside its identity.
    pub fn of(attempt: &Attempt<'_>, signed: &Signed) -> Self {
        let judged = signed.refused.as_ref();
        Self {
            code: attempt.code,
            judged: judged.map(|judged| (judged.code, judged.word)),
        }
    }
}

impl Past {
    /// Nothing yet; at most `host_pairs` directions between hosts.
    pub fn new(host_pairs: usize) -> Self {
        Self {
            heard: Heard::new(host_pairs),
            ..Self::default()
        }
    }

    /// The capture begins.
    pub fn begin(&mut self, first: Timestamp) {
        if !self.has_begun {
            self.has_begun = true;
            self.watched.begin(first);
        }
    }

    /// The capture's clock did not simply go on.
    pub fn clock(&mut self, change: ClockChange) {
        self.watched.change(change);
    }

    /// Remembers an attempt.
    pub fn attempt(&mut self, attempt: &Attempt<'_>, signed: &Signed) {
        self.begin(attempt.response.time);
        let time = self.watched.steady(attempt.response.time);
        let time = self.latest.map_or(time, |latest| latest.max(time));
        let sent = attempt.invite.map(|sent| self.watched.steady(sent.time));
        self.latest = Some(time);
        if self.attempts.len() >= RECENT {
            self.attempts.pop_front();
        }
        self.attempts.push_back(Attempted {
            time,
            sent: sent.unwrap_or(time),
            at: attempt.response.at,
            call: digest(&[attempt.call_id]),
            peer: Peer::of(&attempt.flow),
            ending: Ending::of(attempt, signed),
            traits: signed.traits,
        });
    }
}
