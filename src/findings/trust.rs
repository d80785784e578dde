//! Trust: what was not, or not fully, analysed, grouped by kind and detail.
//!
//! Capped: [`crate::limits::Limits::defect_groups`] groups; what comes beyond is counted in one.

use std::collections::HashMap;

use crate::defect::{Defect, DefectKind};
use crate::units::FrameRef;

/// Defects of one kind and detail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group {
    /// What kind.
    pub kind: DefectKind,
    /// A sentence; `{}` stands for `number`.
    pub detail: &'static str,
    /// The number in it.
    pub number: Option<u64>,
    /// How many.
    pub count: u64,
    /// Where first; frame 0 where no frame is concerned.
    pub first: FrameRef,
}

impl Group {
    /// The sentence with its number.
    pub fn text(&self) -> String {
        match self.number {
            Some(number) => self.detail.replacen("{}", &number.to_string(), 1),
            None => self.detail.to_owned(),
        }
    }
}

/// All defects of a run.
#[derive(Debug)]
pub struct Trust {
    cap: usize,
    index: HashMap<(DefectKind, &'static str, Option<u64>), usize>,
    groups: Vec<Group>,
    beyond: u64,
}

impl Trust {
    /// None yet; at most `cap` groups.
    pub fn new(cap: usize) -> Self {
        Self {
            cap,
            index: HashMap::new(),
            groups: Vec::new(),
            beyond: 0,
        }
    }

    /// Counts a defect.
    pub fn add(&mut self, defect: &Defect) {
        let key = (defect.kind, defect.detail, defect.number);
        if let Some(group) = self
            .index
            .get(&key)
            .and_then(|index| self.groups.get_mut(*index))
        {
            group.count = group.count.saturating_add(defect.count);
        } else if self.groups.len() < self.cap {
            self.index.insert(key, self.groups.len());
            self.groups.push(Group {
                kind: defect.kind,
                detail: defect.detail,
                number: defect.number,
                count: defect.count,
                first: defect.at,
            });
        } else {
            self.beyond = self.beyond.saturating_add(defect.count);
        }
    }

    /// The groups in the order in which they were first met.
    pub fn groups(&self) -> impl Iterator<Item = &Group> {
        self.groups.iter()
    }

    /// Defects of groups beyond the cap.
    pub const fn beyond(&self) -> u64 {
        self.beyond
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defects_of_one_sentence_and_number_are_one_line() {
        let mut trust = Trust::new(2);
        let link = |number| {
            Defect::new(
                DefectKind::UnknownLink,
                FrameRef::default(),
                "link type {} is unknown",
            )
            .with_number(number)
        };
        for number in [147, 147, 148, 149] {
            trust.add(&link(number));
        }
        let lines: Vec<_> = trust
            .groups()
            .map(|group| (group.text(), group.count))
            .collect();
        assert_eq!(
            lines,
            [
                ("link type 147 is unknown".to_owned(), 2),
                ("link type 148 is unknown".to_owned(), 1)
            ]
        );
        assert_eq!(trust.beyond(), 1);
    }
}
