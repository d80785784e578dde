//! `identity-failure` and `soft-identity-failure`: calls whose signed identity was refused, by cause,
//! inside bursts and outside.
//!
//! In: attempts with what their refusal says ([`Signed`]). Out: one finding for each code, cause and
//! grade, and pair of hosts that matters. A soft failure let the call go on (RFC 9410, or the older
//! `Reason: SIP`).
//!
//! # References
//! - RFC 8224 §6.2.2; RFC 9410 §3

use std::collections::BTreeSet;

use super::examiner::{Judged, Signed};
use super::grouping::{Gathered, Groups, Said};
use super::past::Past;
use super::refusals::call_ref;
use super::rule::{Confidence, End, Explanation, Finding, Peer, Rule, Severity, Topic, counted};
use crate::calls::Attempt;
use crate::limits::Limits;
use crate::stir::diagnosis::hop_text;
use crate::stir::{CauseId, Grade};

/// The name of the rule about calls that were refused.
pub const NAME: &str = "identity-failure";

/// The name of the rule about calls that went on.
pub const SOFT: &str = "soft-identity-failure";

/// What a finding shares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Key {
    code: u16,
    /// The parameter in which it was said, if it was.
    verstat: Option<&'static str>,
    went_on: bool,
    cause: Option<(CauseId, Option<Grade>)>,
}

/// One of the two rules.
#[derive(Debug)]
pub struct IdentityFailure {
    soft: bool,
    groups: Groups<Key>,
    /// Those with a call whose signature could not be verified, or was not.
    unverified: BTreeSet<Key>,
    call_id_bytes: usize,
}

impl IdentityFailure {
    /// The rule for one capture; `soft`: about calls that went on.
    pub fn new(limits: &Limits, soft: bool) -> Self {
        Self {
            soft,
            groups: Groups::new(limits),
            unverified: BTreeSet::new(),
            call_id_bytes: limits.call_id_bytes,
        }
    }

    fn said(&self, key: Key, gathered: &Gathered) -> Said {
        let Key { code, cause, .. } = key;
        let calls = counted(gathered.count, "call", "calls");
        let reported = key.verstat.map_or_else(|| code.to_string(), str::to_owned);
        let title = match () {
            () if key.verstat.is_some_and(|said| said.contains("No-TN")) => {
                format!(
                    "{calls} that went on although the verifier had validated nothing ({reported})"
                )
            }
            () if key.went_on => {
                format!("{calls} that went on although a verifier reported {reported}")
            }
            () if self.soft => format!(
                "{calls} of which a verifier reported {reported}, and which ended with another code"
            ),
            () if gathered.count == 1 => {
                format!("{calls} refused for its identity with {reported}")
            }
            () => format!("{calls} refused for their identity with {reported}"),
        };
        let what = cause.map_or_else(String::new, |(id, _)| format!(": {}", id.name()));
        let confidence = match cause.and_then(|(_, grade)| grade) {
            Some(Grade::Proven) => Confidence::Confirmed,
            Some(Grade::Likely | Grade::Possible) => Confidence::Probable,
            None => Confidence::Inconclusive,
        };
        let grade = cause
            .and_then(|(_, grade)| grade)
            .map_or_else(String::new, |grade| format!(" ({})", grade.name()));
        Said {
            rule: if self.soft { SOFT } else { NAME },
            verdict: None,
            qualifier: if key.verstat.is_some() {
                "verstat".to_owned()
            } else {
                String::new()
            },
            // Where nothing is seen to be wrong, nobody is to be blamed yet.
            severity: if self.soft || cause.is_none_or(|(id, _)| id == CauseId::Unexplained) {
                Severity::Info
            } else {
                Severity::Warning
            },
            confidence,
            raise: match cause {
                None => Some("ask the verifier for its log of these calls (by Call-ID)"),
                Some((CauseId::Unexplained, _)) if self.unverified.contains(&key) => Some(
                    "give the signers' certificates with --certs, and ask the verifier for its log of these calls (by origid)",
                ),
                Some((CauseId::Unexplained, _)) => {
                    Some("ask the verifier for its log of these calls (by origid)")
                }
                Some(_) => None,
            },
            cause: cause.map(|(id, _)| id.name()),
            title: format!("{title}{what}"),
            detail: cause.map_or_else(
                || "The INVITE was not captured, so nothing can be compared.".to_owned(),
                |(id, _)| format!("{}{grade}", id.summary()),
            ),
            remediation: cause.map_or(
                "Capture the INVITE on the hop of the refusal.",
                |(id, _)| id.remediation(),
            ),
        }
    }
}

impl Rule for IdentityFailure {
    fn topics(&self) -> &'static [Topic] {
        if self.soft { SOFT_TOPICS } else { TOPICS }
    }

    fn attempt(&mut self, attempt: &Attempt<'_>, signed: &Signed, _: &Past) {
        let Some(judged) = signed
            .refused
            .as_ref()
            .filter(|one| one.is_soft() == self.soft)
        else {
            return;
        };
        // A refusal on one hop that the next one mended is no failure of the call.
        if !self.soft && attempt.code.is_success() {
            return;
        }
        let cause = judged.causes.first().map(|cause| (cause.id, cause.grade));
        let cap = self.call_id_bytes;
        let key = Key {
            code: judged.code,
            verstat: judged.word.verstat(),
            went_on: judged.went_on,
            cause,
        };
        if !judged.is_verified {
            self.unverified.insert(key);
        }
        self.groups.add(
            key,
            Peer::of(&attempt.flow),
            attempt.response.time,
            || call_ref(attempt, cap),
            || evidence(attempt, judged),
        );
    }

    fn finish(&mut self, _end: &End, out: &mut dyn FnMut(Finding)) {
        let mut groups = std::mem::replace(&mut self.groups, Groups::new(&Limits::default()));
        groups.finish(&mut |key, gathered| {
            let said = self.said(*key, &gathered);
            out(gathered.finding(said));
        });
    }
}

/// The first call's causes with both sides, by frame.
fn evidence(attempt: &Attempt<'_>, judged: &Judged) -> String {
    let mut parts = Vec::new();
    if let Some(invite) = attempt.invite {
        parts.push(format!("INVITE in frame {}", invite.at));
    }
    parts.push(format!("answer in frame {}", attempt.response.at));
    for cause in judged.causes.iter().take(3) {
        let header = cause
            .header
            .map_or_else(String::new, |header| format!(", Identity {}", header + 1));
        parts.push(format!(
            "{}: {} (hop {}{header})",
            cause.id.name(),
            cause.evidence,
            hop_text(&cause.hop)
        ));
    }
    parts.join("; ")
}

static TOPICS: &[Topic] = &[Topic {
    name: NAME,
    kind: "rule",
    explanation: Explanation {
        summary: "Calls were refused because their signed identity did not verify.",
        sections: &[
            (
                "What it sees",
                "INVITEs answered with 428, 436, 437, 438, or with 403 and the phrase Stale Date. Each is compared with the INVITE on \
                 the hop nearest the element that refused it, and with the hop before: form, claims, numbers, times, and, with \
                 --certs, the signature and its certificate. Calls are grouped by code and by the cause to look at first; \
                 the grade says whether it would fail at any verifier (proven) or at some (likely, possible).",
            ),
            (
                "Why it matters",
                "The code names a class of faults; who has to mend it, signer, an element on the way or the verifier, only the \
                 comparison tells.",
            ),
            (
                "What to do",
                "Explain the cause by its name, for example `sipannotate explain dest-mismatch`. Where it says unexplained, give the \
                 signers' certificates, or ask the verifier: the capture shows nothing wrong.",
            ),
        ],
    },
}];

static SOFT_TOPICS: &[Topic] = &[Topic {
    name: SOFT,
    kind: "rule",
    explanation: Explanation {
        summary: "Calls went on although their signed identity did not verify.",
        sections: &[
            (
                "What it sees",
                "Responses with Reason: STIR;cause=403, 428, 436, 437 or 438 (RFC 9410), or the older Reason: SIP with such a cause, on \
                 calls that were not refused for it. INVITEs that a verifier sent on with verstat=TN-Validation-Failed beside the \
                 caller, or, of a signed call, with No-TN-Validation (qualifier verstat). Each is judged as it came to the verifier. \
                 Unsigned calls with No-TN-Validation are in order.",
            ),
            (
                "Why it matters",
                "The called side may show the caller as unverified, and the next verifier may refuse what this one let pass.",
            ),
            (
                "What to do",
                "As for identity-failure, before the calls are refused.",
            ),
        ],
    },
}];
