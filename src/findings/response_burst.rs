//! `response-burst`: many calls refused with one code, other than 438, in a short time.
//!
//! In: INVITE attempts with their first final response. Out: one finding a burst. Each code of 400 to
//! 699 is a series with a baseline of its own, but for challenges (401, 407; 402 is theirs in the
//! prepaid world), 487, which follows a CANCEL, and 438, which has its own rule. How bursts are found,
//! and what is kept, is [`super::refusals`].
//!
//! # References
//! - RFC 3261 §21.4 to §21.6

use std::sync::Arc;

use super::burst::BurstOptions;
use super::examiner::Signed;
use super::identity_burst;
use super::past::Past;
use super::reading::is_any;
use super::refusals::{Refusals, Said};
use super::rule::{End, Explanation, Finding, Rule, Severity, Topic};
use crate::calls::{Attempt, ClockChange};
use crate::catalogue::catalogue;
use crate::limits::Limits;
use crate::units::{StatusCode, Timestamp};

/// The rule's name.
pub const NAME: &str = "response-burst";

/// Codes without a series.
const LEFT_OUT: [u16; 5] = [401, 402, 407, 487, identity_burst::CODE];

/// What the called side says of itself: the network may be well, and a popular number, a campaign
/// or a list of dead numbers explains the burst.
const OF_THE_CALLED: [u16; 8] = [404, 410, 480, 484, 486, 600, 603, 604];

/// The rule.
#[derive(Debug)]
pub struct ResponseBurst {
    refusals: Refusals,
}

impl ResponseBurst {
    /// A rule for one capture.
    pub fn new(limits: &Limits, options: BurstOptions) -> Self {
        Self {
            refusals: Refusals::new(limits, options, |ending| {
                Some(ending.code).filter(|code| is_watched(*code))
            }),
        }
    }
}

impl Rule for ResponseBurst {
    fn topics(&self) -> &'static [Topic] {
        TOPICS
    }

    fn begin(&mut self, first: Timestamp) {
        self.refusals.begin(first);
    }

    fn clock(&mut self, change: ClockChange) {
        self.refusals.clock(change);
    }

    fn attempt(&mut self, attempt: &Attempt<'_>, signed: &Signed, past: &Past) {
        self.refusals.attempt(attempt, signed, past);
    }

    fn look_back(&mut self, past: &Arc<Past>) {
        self.refusals.look_back(past);
    }

    fn finish(&mut self, end: &End, out: &mut dyn FnMut(Finding)) {
        self.refusals.finish(end.last, said, out);
    }

    fn given_up(&self) -> u64 {
        self.refusals.given_up()
    }
}

fn is_watched(code: StatusCode) -> bool {
    code.class() >= 4 && !is_any(code, &LEFT_OUT)
}

fn said(code: StatusCode) -> Said {
    let explained = catalogue().entry(code, None);
    Said {
        rule: NAME,
        phrase: explained.phrase().unwrap_or_default(),
        remediation: explained.remediation(),
        at_worst: if is_any(code, &OF_THE_CALLED) {
            Severity::Warning
        } else {
            Severity::Critical
        },
        soft: false,
        qualifier: None,
    }
}

static TOPICS: &[Topic] = &[Topic {
    name: NAME,
    kind: "rule",
    explanation: Explanation {
        summary: "Many INVITEs were refused with one code in a short time.",
        sections: &[
            (
                "What it sees",
                "The same as identity-burst, for each code of 400 to 699 by itself, but for 401, 402, 407 (challenges), 487 (the \
                 caller cancelled) and 438 (identity-burst). One attempt is one INVITE outside a dialog with its first final \
                 response. Steady refusals and mere growth of traffic are no burst. 404, 410, 480, 484, 486, 600, 603 \
                 and 604 are what the called side says of itself: a burst of them is a warning at most. --burst-window, --burst-min, \
                 --burst-share, --burst-p and --burst-quiet change the numbers.",
            ),
            (
                "Why it matters",
                "A code that comes in a burst has one cause: a gateway out of order (503, 500), a route that leads nowhere (404), \
                 an account that is blocked (403), an overload (503, 480), a campaign (486, 603).",
            ),
            (
                "What to do",
                "See whether one pair of hosts has it all, read the code with `sipannotate explain CODE`, and look for what changed \
                 at the start of the burst.",
            ),
        ],
    },
}];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::testing::{self, at, finish, lines, only};

    /// What is found when one call a second gets these codes.
    fn found(code: impl Fn(u32) -> u16) -> Vec<Finding> {
        let mut rule = ResponseBurst::new(&Limits::default(), BurstOptions::default());
        rule.begin(at(0.0));
        let mut past = Past::default();
        for no in 0..1200_u32 {
            testing::attempt(&format!("c{no}"), f64::from(no), code(no), |attempt| {
                rule.attempt(attempt, &Signed::default(), &past);
                past.attempt(attempt, &Signed::default());
            });
        }
        rule.look_back(&Arc::new(past));
        finish(rule)
    }

    fn check(code: impl Fn(u32) -> u16, expected: &[&str]) {
        assert_eq!(lines(&found(code)), expected);
    }

    #[test]
    fn a_burst_of_any_code_is_found_and_named() {
        let burst = |no| if (600..630).contains(&no) { 503 } else { 200 };
        check(burst, &["response-burst critical confirmed 30"]);
        let found = only(found(burst));
        assert_eq!(
            found.title,
            "Burst of 503 Service Unavailable: 30 of 30 INVITEs refused in 29.0 s"
        );
        assert!(!found.remediation.is_empty());
    }

    #[test]
    fn what_the_called_side_says_of_itself_is_a_warning_at_most() {
        check(
            |no| if (600..630).contains(&no) { 486 } else { 200 },
            &["response-burst warning confirmed 30"],
        );
    }

    #[test]
    fn challenges_cancelled_calls_and_438_are_left_out() {
        for left_out in LEFT_OUT {
            check(
                |no| {
                    if (600..630).contains(&no) {
                        left_out
                    } else {
                        200
                    }
                },
                &[],
            );
        }
    }

    #[test]
    fn steady_refusals_are_no_burst_and_codes_are_not_added_up() {
        check(|no| if no % 10 == 0 { 486 } else { 200 }, &[]);
        // Four of each of five codes in a row: no series has five.
        check(
            |no| {
                if (600..620).contains(&no) {
                    [403, 404, 480, 486, 503][usize::try_from(no % 5).expect("small")]
                } else {
                    200
                }
            },
            &[],
        );
    }
}
