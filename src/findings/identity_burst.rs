//! `identity-burst`: many calls refused with 438 Invalid Identity Header in a short time.
//!
//! In: INVITE attempts with their first final response. Out: one finding a burst, with its window
//! and whom it hits. The detector is [`super::burst`]; what the refused calls have in common
//! beyond their peers is a matter of its own.
//!
//! Capped: attempts and refusals remembered, `RECENT` each; the count itself is exact.
//!
//! # References
//! - RFC 8224 §6.2.2; RFC 4474 §6 for the older sense of the code

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write as _;

use super::burst::{Burst, BurstOptions, Detector, per_minute};
use super::rule::{
    BurstFacts, CallRef, Confidence, End, Explanation, Finding, Frames, Peer, PeerCounts, Rule,
    Severity, Topic, kept, readable,
};
use crate::calls::Attempt;
use crate::limits::Limits;
use crate::units::{FrameNo, FrameRef, StatusCode, Timestamp};

/// The rule's name.
pub const NAME: &str = "identity-burst";

/// The code it is about.
const CODE: u16 = 438;

/// Attempts, and refusals, remembered: half an hour of 18 attempts a second.
const RECENT: usize = 32_768;

/// A trunk of which at least so many calls fail, and none passes, is down.
const TRUNK_ATTEMPTS: u64 = 20;

/// The rule.
#[derive(Debug)]
pub struct IdentityBurst {
    options: BurstOptions,
    cap: usize,
    calls_per_finding: usize,
    call_id_bytes: usize,
    frames: Frames,
    detector: Option<Detector>,
    /// Refusals so far.
    refusals: u64,
    /// The last of them.
    refused: VecDeque<CallRef>,
    /// The last attempts: when, whose, refused or not.
    attempts: VecDeque<(Timestamp, Peer, bool)>,
}

impl IdentityBurst {
    /// A rule for one capture.
    pub fn new(limits: &Limits, options: BurstOptions) -> Self {
        Self {
            options,
            cap: limits.burst_events,
            calls_per_finding: limits.calls_per_finding,
            call_id_bytes: limits.call_id_bytes,
            frames: Frames::default(),
            detector: None,
            refusals: 0,
            refused: VecDeque::new(),
            attempts: VecDeque::new(),
        }
    }

    fn finding(&self, burst: &Burst) -> Finding {
        let first_kept = self.refusals - u64::try_from(self.refused.len()).unwrap_or(0);
        let skip =
            usize::try_from(burst.refusals.0.saturating_sub(first_kept)).unwrap_or(usize::MAX);
        let last = usize::try_from((burst.refusals.1 + 1).saturating_sub(first_kept)).unwrap_or(0);
        let inside = || self.refused.iter().take(last).skip(skip);
        let distinct: BTreeSet<_> = inside().map(|call| &call.call_id).collect();
        let distinct_calls = u64::try_from(distinct.len()).unwrap_or(u64::MAX);
        let by_peer = self.attempts_by_peer(burst);
        let mut peers = PeerCounts::default();
        for (peer, (_, refused)) in &by_peer {
            peers.add_many(*peer, *refused);
        }
        #[expect(clippy::cast_precision_loss, reason = "counts of one burst")]
        let share = burst.count as f64 / burst.attempts.max(1) as f64;
        let lasted = burst.end.since(burst.start);
        let per_minute = |count: f64| per_minute(count, self.options.window);
        #[expect(clippy::cast_precision_loss, reason = "counts of one window")]
        let peak_per_minute = per_minute(burst.peak.0 as f64);
        let baseline = burst.expected.map(per_minute);
        let trunk_down = by_peer
            .values()
            .any(|(all, refused)| *all >= TRUNK_ATTEMPTS && all == refused);
        let severity = match () {
            () if trunk_down => Severity::Critical,
            () if share >= 0.2 || burst.count >= 50 => Severity::Error,
            () => Severity::Warning,
        };
        let mut detail = match baseline {
            Some(rate) => {
                format!(
                    "Refused were {:.0} %, at most {peak_per_minute:.0} a minute, where {rate:.2} a minute is usual.",
                    share * 100.0
                )
            }
            None => format!(
                "Refused were {:.0} %, at most {peak_per_minute:.0} a minute; too little of the time before was captured to say what is usual.",
                share * 100.0
            ),
        };
        detail.push_str(&whose(&by_peer, burst.count));
        if distinct_calls * 2 <= burst.count {
            detail.push_str(
                " Each call was tried several times: retries after a 438 multiply the refusals.",
            );
        }
        Finding {
            rule: NAME,
            verdict: None,
            qualifier: None,
            severity,
            confidence: Confidence::Confirmed,
            raise: None,
            title: format!(
                "Burst of 438 Invalid Identity Header: {} of {} INVITEs refused in {}",
                burst.count,
                burst.attempts,
                readable(lasted)
            ),
            detail,
            cause: None,
            evidence: inside().next().map(|call| {
                let name = |no: &FrameNo| {
                    self.frames.name(FrameRef {
                        file: call.file,
                        no: *no,
                    })
                };
                let frames: Vec<_> = call.frames.iter().map(name).collect();
                format!(
                    "first refusal: Call-ID {}, frames {}",
                    String::from_utf8_lossy(&call.call_id),
                    frames.join(" and ")
                )
            }),
            remediation: REMEDIATION.to_owned(),
            count: burst.count,
            start: burst.start,
            end: burst.end,
            peers: peers.sorted(),
            calls: inside().take(self.calls_per_finding).cloned().collect(),
            burst: Some(BurstFacts {
                code: CODE,
                attempts: burst.attempts,
                share,
                distinct_calls,
                peak_per_minute,
                peak_at: burst.peak.1,
                baseline_per_minute: baseline,
                open: burst.open,
            }),
        }
    }

    /// Attempts and refusals in the burst's window, by pair of hosts.
    fn attempts_by_peer(&self, burst: &Burst) -> BTreeMap<Peer, (u64, u64)> {
        let mut by_peer: BTreeMap<Peer, (u64, u64)> = BTreeMap::new();
        for (time, peer, refused) in &self.attempts {
            if *time >= burst.start && *time <= burst.end {
                let counts = by_peer.entry(*peer).or_default();
                counts.0 += 1;
                counts.1 += u64::from(*refused);
            }
        }
        by_peer
    }
}

/// Whose calls are refused, and whose pass.
fn whose(by_peer: &BTreeMap<Peer, (u64, u64)>, total: u64) -> String {
    let mut worst: Vec<_> = by_peer.iter().filter(|(_, counts)| counts.1 > 0).collect();
    worst.sort_by_key(|(peer, counts)| (std::cmp::Reverse(counts.1), **peer));
    let Some((peer, (attempts, refused))) = worst.first() else {
        return String::new();
    };
    if worst.len() > 1 && refused * 2 < total {
        return format!(" They are spread over {} pairs of hosts.", worst.len());
    }
    let others: (u64, u64) = by_peer
        .iter()
        .filter(|(other, _)| other != peer)
        .fold((0, 0), |sum, (_, counts)| {
            (sum.0 + counts.0, sum.1 + counts.1)
        });
    let mut text = format!(" {peer} has {refused} of {total} refusals, in {attempts} attempts;");
    if others.0 == 0 {
        text.push_str(" no other pair of hosts had calls meanwhile.");
    } else {
        let refused = if others.1 == 0 {
            "none".to_owned()
        } else {
            others.1.to_string()
        };
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            " of the {} attempts of all other pairs, {refused}.",
            others.0
        );
    }
    text
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

    fn name_frames(&mut self, frames: Frames) {
        self.frames = frames;
    }

    fn begin(&mut self, first: Timestamp) {
        self.detector
            .get_or_insert_with(|| Detector::new(self.options, self.cap, first));
    }

    fn attempt(&mut self, attempt: &Attempt<'_>) {
        let refused = Some(attempt.code) == StatusCode::new(CODE);
        let time = attempt.response.time;
        let detector = self
            .detector
            .get_or_insert_with(|| Detector::new(self.options, self.cap, time));
        detector.push(time, refused);
        if self.attempts.len() >= RECENT {
            self.attempts.pop_front();
        }
        self.attempts
            .push_back((time, Peer::of(&attempt.flow), refused));
        if !refused {
            return;
        }
        self.refusals += 1;
        if self.refused.len() >= RECENT {
            self.refused.pop_front();
        }
        let response = attempt.response.at;
        let mut frames = vec![response.no];
        if let Some(invite) = attempt
            .invite
            .filter(|invite| invite.at.file == response.file)
        {
            frames.insert(0, invite.at.no);
        }
        self.refused.push_back(CallRef {
            call_id: kept(attempt.call_id, self.call_id_bytes),
            cseq: attempt.cseq,
            to_tag: None,
            file: response.file,
            frames,
            time,
        });
    }

    fn finish(&mut self, end: &End, out: &mut dyn FnMut(Finding)) {
        let Some(detector) = self.detector.take() else {
            return;
        };
        for burst in detector.finish(end.last) {
            out(self.finding(&burst));
        }
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
                 before (less than one in a million). Without five minutes of before, 20 % must be refused. Its start and \
                 end are those that separate it best from what is usual; it is over after 120 s that add nothing. Steady \
                 refusals and mere growth of traffic are no burst. --burst-window, --burst-min, --burst-share, --burst-p \
                 and --burst-quiet change the numbers.",
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
