//! `identity-burst`: many calls refused with 438 Invalid Identity Header in a short time.
//!
//! In: INVITE attempts with their first final response. Out: one finding a burst, with its window
//! and whom it hits. How bursts are found, and what is kept, is [`super::refusals`]; what the refused
//! calls have in common beyond their peers is a matter of its own.
//!
//! # References
//! - RFC 8224 §6.2.2; RFC 4474 §6 for the older sense of the code

use std::sync::Arc;

use super::burst::BurstOptions;
use super::examiner::{Signed, Word};
use super::past::{Ending, Past};
use super::refusals::{Refusals, Said};
use super::rule::{End, Explanation, Finding, Rule, Severity, Topic};
use crate::calls::{Attempt, ClockChange};
use crate::catalogue::catalogue;
use crate::limits::Limits;
use crate::units::{StatusCode, Timestamp};

/// The rule's name.
pub const NAME: &str = "identity-burst";

/// The code it is about.
pub(super) const CODE: u16 = 438;

/// The rule.
#[derive(Debug)]
pub struct IdentityBurst {
    refusals: Refusals,
    /// Refusals that let the call go on, told in a Reason field.
    soft: Refusals,
    /// The same, told in the INVITE that was sent on.
    verstat: Refusals,
}

impl IdentityBurst {
    /// A rule for one capture.
    pub fn new(limits: &Limits, options: BurstOptions) -> Self {
        Self {
            refusals: Refusals::new(limits, options, |ending| {
                Some(ending.code).filter(|code| code.get() == CODE)
            }),
            soft: Refusals::new(limits, options, |ending| {
                said(ending, |word| word == Word::Reason)
            }),
            verstat: Refusals::new(limits, options, |ending| {
                said(ending, |word| word.verstat().is_some())
            }),
        }
    }
}

/// The code with which the identity was refused, if it was said so.
fn said(ending: Ending, so: impl Fn(Word) -> bool) -> Option<StatusCode> {
    let (code, _) = ending.judged.filter(|(_, word)| so(*word))?;
    StatusCode::new(code)
}

const REMEDIATION: &str = "Stop automatic retries and alternate routing on 438: the next element will refuse the same token. Take one \
     refused INVITE and compare, on the hop of its 438, the numbers in the PASSporT (orig, dest) with From or \
     P-Asserted-Identity and with To, its iat with Date and the time of capture, and the certificate behind x5u with \
     the signature. If only one peer is hit, ask it what changed at the start of the burst: a new certificate, a new \
     number format, a new element between signer and verifier. If all peers are hit at once, look at the verifier: its \
     clock, trust list and certificate cache.";

impl Rule for IdentityBurst {
    fn topics(&self) -> &'static [Topic] {
        TOPICS
    }

    fn begin(&mut self, first: Timestamp) {
        self.refusals.begin(first);
        self.soft.begin(first);
        self.verstat.begin(first);
    }

    fn clock(&mut self, change: ClockChange) {
        self.refusals.clock(change);
        self.soft.clock(change);
        self.verstat.clock(change);
    }

    fn attempt(&mut self, attempt: &Attempt<'_>, signed: &Signed, past: &Past) {
        self.refusals.attempt(attempt, signed, past);
        self.soft.attempt(attempt, signed, past);
        self.verstat.attempt(attempt, signed, past);
    }

    fn look_back(&mut self, past: &Arc<Past>) {
        self.refusals.look_back(past);
        self.soft.look_back(past);
        self.verstat.look_back(past);
    }

    fn finish(&mut self, end: &End, out: &mut dyn FnMut(Finding)) {
        let said = Said {
            rule: NAME,
            phrase: "Invalid Identity Header",
            remediation: REMEDIATION,
            at_worst: Severity::Critical,
            soft: false,
            qualifier: None,
        };
        self.refusals.finish(end.last, |_| said, out);
        let soft = |code: StatusCode| Said {
            rule: NAME,
            phrase: catalogue().entry(code, None).phrase().unwrap_or_default(),
            remediation: REMEDIATION,
            at_worst: Severity::Warning,
            soft: true,
            qualifier: None,
        };
        self.soft.finish(end.last, soft, out);
        let verstat = |code: StatusCode| Said {
            qualifier: Some("verstat"),
            ..soft(code)
        };
        self.verstat.finish(end.last, verstat, out);
    }
}

static TOPICS: &[Topic] = &[Topic {
    name: NAME,
    kind: "rule",
    explanation: Explanation {
        summary: "Many INVITEs were refused with 438 Invalid Identity Header in a short time.",
        sections: &[
            (
                "What it sees",
                "One attempt is one INVITE outside a dialog with its first final response on the hop nearest the caller; \
                 rounds of 401 and 407 are folded, repeated and relayed responses count once. A burst opens when the last \
                 60 s hold at least 5 refusals, at least 5 % of all attempts, and more than chance allows given the hour \
                 before (less than one in a million). Without five minutes of before, 20 % must be refused. Time between two files, steps \
                 of the clock and minutes without any packet are no time before. Its start and \
                 end are those that separate it best from what is usual; it is over after 120 s that add nothing. Steady \
                 refusals and mere growth of traffic are no burst. --burst-window, --burst-min, --burst-share, --burst-p \
                 and --burst-quiet change the numbers. Calls that went on although a verifier said that their identity failed, in \
                 a Reason field or in a verstat of the INVITE it sent on, are series of their own.",
            ),
            (
                "What it adds",
                "What the refused calls share and the passed ones of the same minutes do not, with counts on both sides and the \
                 frames of exceptions, or that nothing separates them. What coincides with the beginning: a certificate that \
                 ended, was revoked or is new (from 5 min before to a day behind, since verifiers keep certificates), a step of \
                 the tokens' age by 10 s or more, another x5u than before, a pair of hosts, verifier, number of hops or \
                 User-Agent not seen before, the full hour; nothing where nothing fits. How many calls there are: by Call-ID, or the \
                 same numbers within 30 s. More than 1.5 attempts a call are told as retries; retries of fewer than five calls \
                 are a warning at most.",
            ),
            (
                "Why it matters",
                "A 438 says that the signed identity of the call did not verify (RFC 8224 §6.2.2). One is an accident; a \
                 burst is one cause that refuses every call of a signer, a path or a verifier until somebody mends it.",
            ),
            ("What to do", REMEDIATION),
        ],
    },
}];
