//! Rows: the messages of a ladder with repeats and copies folded into their firsts.
//!
//! In: a `view::Ladder`. Out: one [`Row`] for each message that is no repeat, in order.

use std::collections::BTreeMap;

use crate::report::view::{Ladder, LadderMessage};
use crate::units::{Span, Timestamp};

/// A message and what repeats it.
#[derive(Clone, Debug)]
pub struct Row<'a> {
    /// The first of them.
    pub first: &'a LadderMessage,
    /// Sent again, in order; the first is not among them.
    pub again: Vec<&'a LadderMessage>,
    /// Copied by the tap.
    pub copies: Vec<&'a LadderMessage>,
    /// Findings that name one of them, by place in the ladder, ascending.
    pub findings: Vec<usize>,
    /// Those of them that are best told here: at the first final response that a finding names, else
    /// at the first message.
    pub told: Vec<usize>,
}

impl Row<'_> {
    /// How often it was sent.
    pub const fn times(&self) -> usize {
        self.again.len() + 1
    }

    /// From the first to the last time.
    pub fn over(&self) -> Span {
        let last = self.again.last().map_or(self.first.time, |last| last.time);
        last.since(self.first.time)
    }

    /// Whether one of them was asked for.
    pub fn is_selected(&self) -> bool {
        let all = self.again.iter().chain(&self.copies);
        self.first.selected || all.into_iter().any(|sent| sent.selected)
    }

    /// When it was sent first.
    pub const fn time(&self) -> Timestamp {
        self.first.time
    }
}

/// The rows of a ladder.
pub fn rows(ladder: &Ladder) -> Vec<Row<'_>> {
    let mut rows: Vec<Row<'_>> = Vec::new();
    let mut places = BTreeMap::new();
    for (index, sent) in ladder.messages.iter().enumerate() {
        let first = sent.repeats.and_then(|first| places.get(&first).copied());
        let row = first.and_then(|place: usize| rows.get_mut(place));
        let Some(row) = row else {
            places.insert(index, rows.len());
            rows.push(Row {
                first: sent,
                again: Vec::new(),
                copies: Vec::new(),
                findings: sent.findings.clone(),
                told: Vec::new(),
            });
            continue;
        };
        if sent.duplicate {
            row.copies.push(sent);
        } else {
            row.again.push(sent);
        }
        for finding in &sent.findings {
            if let Err(place) = row.findings.binary_search(finding) {
                row.findings.insert(place, *finding);
            }
        }
    }
    for finding in 0..ladder.findings.len() {
        let names = |row: &Row<'_>| row.findings.contains(&finding);
        let is_final = |row: &Row<'_>| row.first.code.is_some_and(|code| code >= 200);
        let place = rows.iter().position(|row| names(row) && is_final(row));
        let place = place.or_else(|| rows.iter().position(names));
        if let Some(row) = place.and_then(|place| rows.get_mut(place)) {
            row.told.push(finding);
        }
    }
    rows
}
