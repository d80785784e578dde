//! Chosen: the responses that a report shows which does not show all.
//!
//! In: responses as they come, of which a [`Sample`] is kept; then the findings. Out: those that matter, in the
//! order of the capture: examples of each finding first, then refusals, of each code as many, then the
//! rest from the beginning. Capped by the sample.

use crate::findings::Sample;
use crate::report::labels::Labels;
use crate::report::view::{Finding, Response};

/// Responses of a finding.
const OF_FINDING: usize = 12;

/// Findings whose responses are looked for, as many as are shown.
const FINDINGS: usize = 20;

/// Responses that may be shown.
#[derive(Debug)]
pub(in crate::report) struct Chosen<R> {
    sample: Sample,
    kept: Vec<Kept<R>>,
    seen: u64,
}

#[derive(Debug)]
struct Kept<R> {
    row: R,
    file: u16,
    frame: u64,
    call_id: Vec<u8>,
    code: u16,
}

/// How much a response matters: less is more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// The how manieth it is of a finding.
    Finding(usize),
    /// The how manieth it is of its code.
    Refusal(usize),
    Rest,
}

/// What was chosen.
#[derive(Debug)]
pub(in crate::report) struct Choice<R> {
    /// In the order of the capture.
    pub(in crate::report) rows: Vec<R>,
    /// Among them, of findings, and other refusals.
    pub(in crate::report) of_findings: usize,
    pub(in crate::report) refusals: usize,
    /// Not among them.
    pub(in crate::report) more: u64,
}

impl<R> Choice<R> {
    /// What the shown ones are, where some are not.
    pub(in crate::report) fn told(&self, labels: &Labels) -> Option<String> {
        let shown = self.rows.len();
        let rest = shown.saturating_sub(self.of_findings + self.refusals);
        (self.more > 0).then(|| {
            labels
                .chosen_responses
                .replace("{shown}", &shown.to_string())
                .replace("{all}", &(self.more + shown as u64).to_string())
                .replace("{findings}", &self.of_findings.to_string())
                .replace("{refusals}", &self.refusals.to_string())
                .replace("{rest}", &rest.to_string())
        })
    }
}

impl<R> Chosen<R> {
    /// Of which at the most `most` are shown.
    pub(in crate::report) fn new(most: u64) -> Self {
        Self {
            sample: Sample::new(most),
            kept: Vec::new(),
            seen: 0,
        }
    }

    /// Takes a response; `row` is asked for what is shown of it, and told how many came before.
    pub(in crate::report) fn push(&mut self, response: &Response<'_>, row: impl FnOnce(u64) -> R) {
        let before = self.seen;
        self.seen += 1;
        if self.sample.takes(response.code, response.retransmission) {
            self.kept.push(Kept {
                row: row(before),
                file: response.file,
                frame: response.frame,
                call_id: response.call_id.map_or_else(Vec::new, |id| id.0.to_vec()),
                code: response.code,
            });
        }
    }

    /// Chooses; `fits` is asked in the order in which they matter whether a row has room, until one has not.
    pub(in crate::report) fn choose(
        self,
        findings: &[Finding],
        mut fits: impl FnMut(&R) -> bool,
    ) -> Choice<R> {
        let ranks = self.ranks(findings);
        let mut order: Vec<usize> = (0..ranks.len()).collect();
        order.sort_by_key(|place| (ranks.get(*place).copied(), *place));
        let mut shown = vec![false; ranks.len()];
        for place in order {
            if !self.kept.get(place).is_some_and(|kept| fits(&kept.row)) {
                break;
            }
            if let Some(shown) = shown.get_mut(place) {
                *shown = true;
            }
        }
        let mut choice = Choice {
            rows: Vec::new(),
            of_findings: 0,
            refusals: 0,
            more: 0,
        };
        for ((kept, rank), shown) in self.kept.into_iter().zip(ranks).zip(shown) {
            if !shown {
                continue;
            }
            match rank {
                Rank::Finding(_) => choice.of_findings += 1,
                Rank::Refusal(_) => choice.refusals += 1,
                Rank::Rest => {}
            }
            choice.rows.push(kept.row);
        }
        choice.more = self.seen.saturating_sub(choice.rows.len() as u64);
        choice
    }

    fn ranks(&self, findings: &[Finding]) -> Vec<Rank> {
        let mut of_code = std::collections::BTreeMap::new();
        let mut ranks: Vec<Rank> = self
            .kept
            .iter()
            .map(|kept| {
                if kept.code < 300 {
                    return Rank::Rest;
                }
                let count = of_code.entry(kept.code).or_insert(0);
                *count += 1;
                Rank::Refusal(*count)
            })
            .collect();
        let mut by_frame = std::collections::BTreeMap::new();
        let mut by_call = std::collections::BTreeMap::new();
        for (place, kept) in self.kept.iter().enumerate() {
            by_frame
                .entry((kept.file, kept.frame))
                .or_insert_with(Vec::new)
                .push(place);
            if !kept.call_id.is_empty() {
                by_call
                    .entry(kept.call_id.as_slice())
                    .or_insert_with(Vec::new)
                    .push(place);
            }
        }
        for finding in findings.iter().take(FINDINGS) {
            let mut count = 0;
            // The frames that show it before what else belongs to its calls.
            let frames = finding.calls.iter().flat_map(|call| {
                let places = call.frames.iter().map(|no| by_frame.get(&(call.file, *no)));
                places.flatten().flatten()
            });
            let calls = finding.calls.iter().filter(|call| {
                // A call of the finding may be a response without a Call-ID.
                !call.call_id.0.is_empty()
            });
            let calls = calls
                .filter_map(|call| by_call.get(call.call_id.0.as_slice()))
                .flatten();
            for place in frames.chain(calls) {
                if count == OF_FINDING {
                    break;
                }
                if let Some(rank) = ranks.get_mut(*place) {
                    count += 1;
                    *rank = (*rank).min(Rank::Finding(count));
                }
            }
        }
        ranks
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    /// What of `codes`, each of its own frame, is shown of at most `most`; frames of `named` are a finding's.
    fn shown(codes: &[u16], named: &[u64], most: u64) -> (Vec<u64>, usize, usize, u64) {
        let mut chosen = Chosen::new(most);
        let like = fixture::responses(1);
        for (code, frame) in codes.iter().zip(1..) {
            let response = Response {
                code: *code,
                frame,
                file: 0,
                call_id: None,
                retransmission: false,
                ..like[0].response()
            };
            chosen.push(&response, |_| frame);
        }
        let mut finding = fixture::missing_ack(0, crate::report::view::Severity::Error);
        finding.calls.truncate(1);
        if let Some(call) = finding.calls.first_mut() {
            call.file = 0;
            call.frames = named.to_vec();
        }
        let mut room = most;
        let choice = chosen.choose(&[finding], |_| {
            let fits = room > 0;
            room = room.saturating_sub(1);
            fits
        });
        (
            choice.rows,
            choice.of_findings,
            choice.refusals,
            choice.more,
        )
    }

    #[test]
    fn what_matters_is_shown_however_late_it_comes() {
        let mut codes = vec![200; 50];
        codes.extend([486; 20]);
        codes.extend([438, 200, 503]);
        let (rows, of_findings, refusals, more) = shown(&codes, &[71], 6);
        // The finding's, of each code as many, in the order of the capture.
        assert_eq!(rows, [51, 52, 53, 54, 71, 73]);
        assert_eq!((of_findings, refusals, more), (1, 5, 67));
    }

    #[test]
    fn few_are_all_shown_in_their_order() {
        assert_eq!(shown(&[100, 486, 200], &[3], 9), (vec![1, 2, 3], 1, 1, 0));
    }
}
