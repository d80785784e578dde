//! A ladder's analysis: its capture through the whole pipeline, in the few words tests compare.
//!
//! In: a [`Ladder`] or records. Out: [`Analysed`], with the report's view and every response.
//! [`accusations`](Analysed::accusations) has one line a finding,
//! `verdict(qualifier) severity confidence count`, so that comparing the whole list also says
//! that nothing else was found.

use std::io::Cursor;

use sipannotate::pipeline::{self, Input, Options};
use sipannotate::report::view::{Code, Finding, View};

use super::ladder::Ladder;
use super::pcap;

/// A response as it was reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reported {
    /// Its frame.
    pub frame: u64,
    /// Its code.
    pub code: u16,
    /// The sender repeated it.
    pub retransmission: bool,
    /// The tap copied it.
    pub duplicate: bool,
    /// What the capture adds; empty if nothing.
    pub context: String,
    /// What to do.
    pub remediation: String,
}

/// What came out.
#[derive(Debug)]
pub struct Analysed {
    /// The report.
    pub view: View,
    /// All responses, in the order in which they were released.
    pub responses: Vec<Reported>,
}

/// Analyses captures, one after the other, as one.
pub fn analyse(captures: &[&[u8]], options: &Options) -> Analysed {
    let inputs = captures.iter().zip(0..).map(|(bytes, index)| Input {
        path: format!("{index}.pcap"),
        source: sipannotate::capture::Source::Stream(Box::new(Cursor::new(bytes.to_vec()))),
    });
    analyse_inputs(inputs.collect(), options)
}

/// Analyses inputs as one.
pub fn analyse_inputs(inputs: Vec<Input>, options: &Options) -> Analysed {
    let mut responses = Vec::new();
    let outcome = pipeline::analyse(inputs, options, &mut |response| {
        responses.push(Reported {
            frame: response.frame,
            code: response.code,
            retransmission: response.retransmission,
            duplicate: response.duplicate,
            context: response.context.as_deref().unwrap_or_default().to_owned(),
            remediation: response.remediation.to_string(),
        });
        Ok(())
    });
    let outcome = outcome.expect("nothing to fail");
    assert!(outcome.failed.is_empty(), "{:?}", outcome.failed);
    Analysed {
        view: outcome.view,
        responses,
    }
}

impl Analysed {
    /// Of a ladder, with all defaults.
    pub fn of(ladder: &Ladder) -> Self {
        analyse(&[&ladder.capture()], &Options::default())
    }

    /// Of a ladder of which the tap saw every packet twice, 1 ms apart.
    pub fn mirrored(ladder: &Ladder) -> Self {
        let mut records = ladder.records(&ladder.options);
        let copies = records.clone().into_iter().map(|mut record| {
            record.time_ns += 1_000_000;
            record
        });
        records.extend(copies);
        records.sort_by_key(|record| record.time_ns);
        let bytes = pcap::write(&records, &ladder.options);
        analyse(&[&bytes], &Options::default())
    }

    /// One line a finding of any rule, sorted.
    pub fn accusations(&self) -> Vec<String> {
        let mut lines: Vec<_> = self.view.findings.iter().map(line).collect();
        lines.sort();
        lines
    }

    /// The only finding.
    pub fn finding(&self) -> &Finding {
        assert_eq!(self.view.findings.len(), 1, "{:#?}", self.view.findings);
        &self.view.findings[0]
    }

    /// The only finding of a rule.
    pub fn finding_of(&self, rule: &str) -> &Finding {
        let mut found = self
            .view
            .findings
            .iter()
            .filter(|finding| finding.rule == rule);
        let only = found
            .next()
            .unwrap_or_else(|| panic!("no finding of {rule}"));
        assert_eq!(
            found.count(),
            0,
            "several of {rule}: {:#?}",
            self.view.findings
        );
        only
    }

    /// The counts of a code.
    pub fn code(&self, code: u16) -> &Code {
        let found = self.view.codes.iter().find(|c| c.code == code);
        found.unwrap_or_else(|| panic!("no {code} in {:?}", self.view.codes))
    }

    /// `count+retransmissions` of a code.
    pub fn counts(&self, code: u16) -> (u64, u64) {
        let code = self.code(code);
        (code.count, code.retransmissions)
    }

    /// Whether the trust section has a line of this kind.
    pub fn says(&self, kind: &str) -> bool {
        self.view.trust.iter().any(|trust| trust.kind == kind)
    }

    /// The first response of a frame.
    pub fn response(&self, frame: u64) -> &Reported {
        let found = self.responses.iter().find(|r| r.frame == frame);
        found.unwrap_or_else(|| panic!("no response in frame {frame}"))
    }
}

fn line(finding: &Finding) -> String {
    let name = finding.verdict.as_ref().unwrap_or(&finding.rule);
    let qualifier = finding
        .qualifier
        .as_ref()
        .map_or_else(String::new, |qualifier| format!("({qualifier})"));
    let severity = finding.severity.name();
    let confidence = finding.confidence.map_or("-", |c| c.name());
    format!(
        "{name}{qualifier} {severity} {confidence} {}",
        finding.count
    )
}

/// Whether `text` quotes frame `number`.
pub fn quotes_frame(text: &str, number: u64) -> bool {
    text.split(|c: char| !c.is_ascii_digit() && c != '.')
        .any(|word| word == number.to_string())
}
