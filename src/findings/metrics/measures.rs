//! Measures: sums from which the ratios and means of one scope come.
//!
//! | name | is | over |
//! |---|---|---|
//! | `rrd_ms` | first REGISTER to its 2xx, rounds of challenge included (RFC 6076 §4.1) | registrations that succeeded |
//! | `ira` | registrations that failed, in % (§4.2): 4xx but 401, 402, 407; 5xx; 6xx; no answer | registrations with an outcome |
//! | `srd_ok_ms` | first INVITE to the first response but 100, of calls answered or redirected (§4.3.1) | those |
//! | `srd_failed_ms` | the same, of calls that failed (§4.3.2) | those |
//! | `sdd_ms` | BYE to its 2xx (§4.4) | BYEs with 2xx |
//! | `sdt_s` | 2xx to BYE, of sessions whose BYE was answered (§4.5) | those |
//! | `ser`, `seer` | §4.6, §4.7, in % | attempts but redirected ones |
//! | `isa` | 408, 500, 503, 504, no answer, in % (§4.8) | attempts |
//! | `scr` | sessions ended by an answered BYE, in % (§4.9) | attempts but calls still up at the end |
//! | `pdd_ms` | first INVITE to the first of 180, 183 with a body, 2xx | attempts that got so far |
//! | `asr` | answered, in % (E.411) | attempts |
//! | `ner` | answered, or the user's own doing: 480, 486, 487 after ringing, 600, 603, 607, in % (E.425) | attempts |
//! | `acd_s` | 2xx to BYE, however the BYE was answered | sessions with a BYE |
//! | `callee_bye_30_35` | sessions that the callee ended 30 to 35 s after its 2xx, in %: calls whose ACK is missing end so | sessions with a BYE |

use super::Ended;
use super::attempts::{Attempt, Outcome};
use crate::units::{Span, StatusCode, Timestamp};

/// A mean of spans.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mean {
    sum: i128,
    /// Over how many.
    pub count: u64,
}

impl Mean {
    fn add(&mut self, span: Span) {
        self.sum += i128::from(span.nanos());
        self.count += 1;
    }

    /// Seconds; `None` over nothing.
    #[expect(
        clippy::cast_precision_loss,
        reason = "nanoseconds of a mean that is printed with three digits"
    )]
    pub fn secs(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum as f64 / self.count as f64 / 1e9)
    }

    /// Milliseconds; `None` over nothing.
    pub fn millis(&self) -> Option<f64> {
        self.secs().map(|secs| secs * 1000.0)
    }
}

/// A share of a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ratio {
    /// How many.
    pub part: u64,
    /// Of how many.
    pub whole: u64,
}

impl Ratio {
    /// Percent; `None` of nothing.
    #[expect(
        clippy::cast_precision_loss,
        reason = "counts of calls are far below 2^52"
    )]
    pub fn percent(&self) -> Option<f64> {
        (self.whole > 0).then(|| 100.0 * self.part as f64 / self.whole as f64)
    }
}

/// Everything measured in one scope.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Measures {
    registrations: u64,
    ineffective: u64,
    /// `rrd_ms`.
    pub registration: Mean,
    attempts: u64,
    /// Attempts and registrations with a response: without one the tap may see one way only.
    heard: u64,
    redirected: u64,
    answered: u64,
    effective: u64,
    /// 480, 486, 600, 603 as SEER wants them.
    user_failures: u64,
    ineffective_sessions: u64,
    /// `srd_ok_ms`.
    pub request_ok: Mean,
    /// `srd_failed_ms`.
    pub request_failed: Mean,
    /// `pdd_ms`.
    pub post_dial: Mean,
    ended: u64,
    completed: u64,
    at_32_s: u64,
    /// `sdd_ms`.
    pub disconnect: Mean,
    /// `sdt_s`.
    pub duration_completed: Mean,
    /// `acd_s`.
    pub duration: Mean,
}

impl Measures {
    /// Attempts, registrations and sessions counted: what puts scopes in order.
    pub fn weight(&self) -> u64 {
        self.attempts + self.registrations + self.duration.count
    }

    /// Call attempts with an outcome.
    pub const fn attempts(&self) -> u64 {
        self.attempts
    }

    /// Nothing is a share of what the tap never heard an answer to.
    const fn of_heard(&self, whole: u64) -> u64 {
        if self.heard == 0 { 0 } else { whole }
    }

    /// `ira`.
    pub const fn ira(&self) -> Ratio {
        Ratio {
            part: self.ineffective,
            whole: self.of_heard(self.registrations),
        }
    }

    /// `ser`.
    pub const fn ser(&self) -> Ratio {
        self.of_not_redirected(self.answered)
    }

    /// `seer`.
    pub const fn seer(&self) -> Ratio {
        self.of_not_redirected(self.answered + self.user_failures)
    }

    const fn of_not_redirected(&self, part: u64) -> Ratio {
        Ratio {
            part,
            whole: self.of_heard(self.attempts - self.redirected),
        }
    }

    /// `isa`.
    pub const fn isa(&self) -> Ratio {
        Ratio {
            part: self.ineffective_sessions,
            whole: self.of_heard(self.attempts),
        }
    }

    /// `scr`.
    pub const fn scr(&self) -> Ratio {
        Ratio {
            part: self.completed,
            whole: self.of_heard(self.attempts.saturating_sub(self.answered) + self.ended),
        }
    }

    /// `asr`.
    pub const fn asr(&self) -> Ratio {
        Ratio {
            part: self.answered,
            whole: self.of_heard(self.attempts),
        }
    }

    /// `ner`.
    pub const fn ner(&self) -> Ratio {
        Ratio {
            part: self.effective,
            whole: self.of_heard(self.attempts),
        }
    }

    /// `callee_bye_30_35`.
    pub const fn callee_bye_30_35(&self) -> Ratio {
        Ratio {
            part: self.at_32_s,
            whole: self.duration.count,
        }
    }

    pub(super) fn attempted(&mut self, attempt: &Attempt) {
        let (code, at) = match attempt.outcome {
            Outcome::Open => return,
            Outcome::Final { code, at, .. } => {
                self.heard += 1;
                (Some(code), Some(at))
            }
            Outcome::TimedOut | Outcome::Cancelled => (None, None),
        };
        if attempt.is_register {
            self.registered(attempt, code, at);
        } else {
            self.called(attempt, code, at);
        }
    }

    fn registered(&mut self, attempt: &Attempt, code: Option<StatusCode>, at: Option<Timestamp>) {
        let number = code.map_or(408, StatusCode::get);
        // A challenge nobody answered is no failure of the network, and no registration.
        if matches!(number, 401 | 402 | 407) {
            return;
        }
        self.registrations += 1;
        self.ineffective += u64::from(number >= 400);
        if code.is_some_and(StatusCode::is_success)
            && let Some(took) = delay(attempt.start(), at)
        {
            self.registration.add(took);
        }
    }

    fn called(&mut self, attempt: &Attempt, code: Option<StatusCode>, at: Option<Timestamp>) {
        let is_blocked = matches!(
            attempt.outcome,
            Outcome::Final {
                is_blocked: true,
                ..
            }
        );
        let number = match attempt.outcome {
            Outcome::Cancelled => 487,
            _ => code.map_or(408, StatusCode::get),
        };
        // Never answered: nobody was called yet (RFC 6076 leaves challenges out, DOMAIN A.0).
        if matches!(number, 401 | 402 | 407) {
            return;
        }
        self.attempts += 1;
        let is_answer = (200..300).contains(&number);
        let is_redirect = (300..400).contains(&number);
        self.answered += u64::from(is_answer);
        self.redirected += u64::from(is_redirect);
        self.user_failures += u64::from(matches!(number, 480 | 486 | 600 | 603));
        self.ineffective_sessions += u64::from(matches!(number, 408 | 500 | 503 | 504));
        let is_users =
            matches!(number, 480 | 486 | 600 | 603 | 607) || (number == 487 && attempt.rang);
        self.effective += u64::from(is_answer || (is_users && !is_blocked));

        let first = attempt.progress().or(at);
        if let Some(took) = delay(attempt.start(), first) {
            if is_answer || is_redirect {
                self.request_ok.add(took);
            } else {
                self.request_failed.add(took);
            }
        }
        let alerted = attempt.ringing().or(at.filter(|_| is_answer));
        if let Some(took) = delay(attempt.start(), alerted) {
            self.post_dial.add(took);
        }
    }

    pub(super) fn ended(&mut self, ended: &Ended) {
        self.duration.add(ended.talk);
        let at_32_s = Span::from_secs(30)..=Span::from_secs(35);
        self.at_32_s += u64::from(ended.by_callee && at_32_s.contains(&ended.talk));
        // A BYE just before the capture ends is neither answered nor unanswered.
        self.ended += u64::from(ended.answer.is_some() || ended.is_over);
        if let Some((true, took)) = ended.answer {
            self.completed += 1;
            self.disconnect.add(took);
            self.duration_completed.add(ended.talk);
        }
    }
}

/// Between two times, if both are known and in order.
fn delay(from: Option<Timestamp>, to: Option<Timestamp>) -> Option<Span> {
    let span = to?.since(from?);
    (span >= Span::default()).then_some(span)
}
