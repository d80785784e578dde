//! Cause: why a verifier may have refused a call, as data.
//!
//! In: nothing; this is the vocabulary of [`super::diagnosis`]. Out: [`CauseId`] with its stable
//! name, the codes it leads to and its words; [`Grade`]; [`Cause`], which is one of them found.

use crate::units::Flow;

pub use super::words::CauseId;

/// How sure the capture makes us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Grade {
    /// It would fail at any conforming verifier.
    Proven,
    /// It fails at verifiers as they are deployed, or rests on a clock or a guess that is good.
    Likely,
    /// It fails at some verifiers.
    Possible,
}

impl Grade {
    /// The name used in the JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Proven => "proven",
            Self::Likely => "likely",
            Self::Possible => "possible",
        }
    }

    /// The next lower grade.
    #[must_use]
    pub const fn lowered(self) -> Self {
        match self {
            Self::Proven => Self::Likely,
            Self::Likely | Self::Possible => Self::Possible,
        }
    }
}

/// A cause that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// Which.
    pub id: CauseId,
    /// How sure; `None` of [`CauseId::Unexplained`], which claims nothing.
    pub grade: Option<Grade>,
    /// The Identity value it judges, counted from 0; `None` where it judges the message.
    pub header: Option<u32>,
    /// The hop it was seen on.
    pub hop: Flow,
    /// What was compared, both sides quoted. It holds text of strangers: a report escapes it.
    pub evidence: String,
    /// The codes that verifiers answer it with, most usual first.
    pub codes: &'static [u16],
}

impl Cause {
    /// What to do.
    pub fn remediation(&self) -> &'static str {
        self.id.remediation()
    }

    /// Whether a verifier would answer it with `code`.
    pub fn explains(&self, code: u16) -> bool {
        self.codes.contains(&code)
    }
}

/// A set of causes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CauseSet(u64);

impl CauseSet {
    /// Adds one.
    pub fn insert(&mut self, id: CauseId) {
        self.0 |= 1 << id.index();
    }

    /// Whether one is in it.
    pub fn contains(self, id: CauseId) -> bool {
        self.0 & (1 << id.index()) != 0
    }

    /// All that are in it, in their order.
    pub fn iter(self) -> impl Iterator<Item = CauseId> {
        CauseId::ALL
            .iter()
            .copied()
            .filter(move |id| self.contains(*id))
    }
}

impl FromIterator<CauseId> for CauseSet {
    fn from_iter<I: IntoIterator<Item = CauseId>>(causes: I) -> Self {
        let mut set = Self::default();
        causes.into_iter().for_each(|id| set.insert(id));
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_fit_a_command_line() {
        for (at, id) in CauseId::ALL.iter().enumerate() {
            assert_eq!(usize::from(id.index()), at);
            let name = id.name();
            assert!(
                name.bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            );
            assert_eq!(
                CauseId::ALL
                    .iter()
                    .filter(|other| other.name() == name)
                    .count(),
                1
            );
        }
    }

    #[test]
    fn every_cause_has_words_and_but_for_two_a_code() {
        for id in CauseId::ALL {
            assert!(!id.summary().is_empty() && !id.remediation().is_empty());
            let headings: Vec<_> = id.sections().iter().map(|(heading, _)| *heading).collect();
            assert_eq!(headings, ["What it sees", "Why it matters", "What to do"]);
            let is_without = matches!(id, CauseId::RetryStorm | CauseId::Unexplained);
            assert_eq!(id.codes().is_empty(), is_without, "{}", id.name());
        }
    }

    #[test]
    fn a_set_holds_what_was_put_into_it() {
        let set: CauseSet = [CauseId::Unexplained, CauseId::CompactForm]
            .into_iter()
            .collect();
        let held: Vec<_> = set.iter().collect();
        assert_eq!(held, [CauseId::CompactForm, CauseId::Unexplained]);
        assert!(CauseId::ALL.len() <= 64);
    }
}
