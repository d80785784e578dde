//! The room's front door: events in, annotated responses out, the analysis at the end.

use std::sync::Arc;

use super::annotate::{Annotated, Annotator};
use super::burst::BurstOptions;
use super::codes::Codes;
use super::examiner::Examiner;
use super::metrics::{Measured, Metrics};
use super::missed::{Missed, Share};
use super::past::Past;
use super::registry;
use super::rule::{End, Finding, Rule};
use crate::calls::Event;
use crate::limits::Limits;
use crate::stir::Store;
use crate::stir::signers::Signer;
use crate::units::Timestamp;

/// All rules, the counts by code, and the responses waiting for their context.
#[derive(Debug)]
pub struct Findings {
    rules: Vec<Box<dyn Rule>>,
    codes: Codes,
    metrics: Metrics,
    missed: Missed,
    examiner: Examiner,
    past: Past,
    annotator: Annotator,
    has_begun: bool,
}

/// What is known at the end.
#[derive(Debug, Default)]
pub struct Analysis {
    /// Worst first, then surest, then most.
    pub findings: Vec<Finding>,
    /// Counts by code.
    pub codes: Codes,
    /// Ratios and delays: over all, by peer, by minute.
    pub metrics: Vec<Measured>,
    /// Requests that the tap missed in silence.
    pub missed: Share,
    /// Peers or minutes are missing from them for lack of room.
    pub metrics_full: bool,
    /// What the rules left out of account for lack of room.
    pub given_up: u64,
    /// Who signed calls, most first.
    pub signers: Vec<(Box<str>, Signer)>,
    /// Signed INVITEs of signers there was no room for.
    pub signers_left_out: u64,
}

impl Findings {
    /// Ready for a capture; of its responses the first `told_responses` are told.
    pub fn new(
        limits: &Limits,
        burst: BurstOptions,
        certificates: Arc<Store>,
        told_responses: Option<u64>,
    ) -> Self {
        Self {
            rules: registry::rules(limits, burst),
            codes: Codes::default(),
            metrics: Metrics::new(limits),
            missed: Missed::new(limits.host_pairs),
            examiner: Examiner::new(limits, certificates),
            past: Past::new(limits.host_pairs),
            annotator: Annotator::new(limits, told_responses),
            has_begun: false,
        }
    }

    /// Adds rules to the registered ones, before the capture begins.
    pub fn add(&mut self, rules: Vec<Box<dyn Rule>>) {
        self.rules.extend(rules);
    }

    /// The first frame's time, SIP or not; later calls change nothing.
    pub fn begin(&mut self, first: Timestamp) {
        if !self.has_begun {
            self.has_begun = true;
            self.missed.begin(first);
            self.past.begin(first);
            for rule in &mut self.rules {
                rule.begin(first);
            }
        }
    }

    /// Takes what happened to calls.
    pub fn push(&mut self, event: &Event<'_>, out: &mut dyn FnMut(&Annotated<'_>)) {
        match event {
            Event::Response(response) => {
                self.codes.push(response);
                for rule in &mut self.rules {
                    rule.response(response);
                }
                let judged = self.examiner.response(response);
                let causes = judged.as_ref().map(|judged| &judged.causes);
                self.annotator.push(response, causes, out);
            }
            Event::Onward(_) => {}
            Event::Note(note) => self.annotator.note(note),
            Event::Clock(change) => {
                self.missed.clock(*change);
                self.past.clock(*change);
                for rule in &mut self.rules {
                    rule.clock(*change);
                }
            }
            Event::Attempt(attempt) => {
                let signed = self.examiner.attempt(attempt);
                for rule in &mut self.rules {
                    rule.attempt(attempt, &signed, &self.past);
                }
                self.past.attempt(attempt, &signed);
            }
            Event::Dialog(dialog) => {
                for rule in &mut self.rules {
                    rule.dialog(dialog);
                }
            }
            Event::Exchanged(exchanged) => {
                self.metrics.exchanged(exchanged);
                self.missed.exchanged(exchanged);
                self.past.heard.exchanged(exchanged);
                for rule in &mut self.rules {
                    rule.exchanged(exchanged);
                }
            }
            Event::Session(session) => {
                self.metrics.session(session);
                for rule in &mut self.rules {
                    rule.session(session);
                }
            }
        }
    }

    /// Hands out responses that have waited long enough at `now`.
    pub fn release(&mut self, now: Timestamp, out: &mut dyn FnMut(&Annotated<'_>)) {
        self.annotator.release(Some(now), out);
    }

    /// Ends the capture that lasted from the first time to the last.
    pub fn finish(
        mut self,
        (first, last): (Timestamp, Timestamp),
        out: &mut dyn FnMut(&Annotated<'_>),
    ) -> Analysis {
        let missed = self.missed.share();
        let end = End {
            first,
            last,
            missed,
        };
        self.annotator.finish(out);
        let mut findings = Vec::new();
        self.past.values = self.examiner.take_values();
        let past = Arc::new(self.past);
        for rule in &mut self.rules {
            rule.look_back(&past);
            rule.finish(&end, &mut |finding| findings.push(finding));
        }
        let given_up = self.rules.iter().map(|rule| rule.given_up()).sum();
        findings.sort_by(|a, b| {
            let worst = b
                .severity
                .cmp(&a.severity)
                .then(a.confidence.cmp(&b.confidence));
            let most = b.count.cmp(&a.count).then(a.start.cmp(&b.start));
            worst
                .then(most)
                .then((a.rule, a.verdict).cmp(&(b.rule, b.verdict)))
        });
        let (signers, signers_left_out) = self.examiner.finish();
        Analysis {
            signers,
            signers_left_out,
            findings,
            codes: self.codes,
            missed,
            metrics_full: self.metrics.is_full(),
            metrics: self.metrics.finish(),
            given_up,
        }
    }
}
