//! Borders: which capture goes on where another ended.
//!
//! In: captures as they begin and end. Out: [`Border`]s. Always: a capture goes on from one at most,
//! and of one goes on at most one. Kin come before others, then what ended last.

use super::{Merge, Open};
use crate::capture::Summary;
use crate::capture::kin::kin;
use crate::units::{FileIndex, Span, Timestamp};

/// A capture that goes on where another ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Border {
    /// Which begins.
    pub file: FileIndex,
    /// Which ended.
    pub before: FileIndex,
    /// When that one ended.
    pub from: Timestamp,
    /// When this one begins; not before `from`.
    pub until: Timestamp,
}

/// The last frames of one file of a ring and the first of the next may have changed places by as
/// much as this.
const DISORDER: Span = Span::from_secs(1);

impl Merge {
    /// A border between captures that [`Self::advance`] came upon; to be asked until there is
    /// none.
    pub fn border(&mut self) -> Option<Border> {
        self.borders.pop()
    }

    /// Finds the capture that the one at `place` goes on from, if this is its first frame: kin
    /// before others, then what ended last.
    pub(super) fn begin(&mut self, place: usize) {
        if self.is_alone {
            return;
        }
        let Some(open) = self.open.get_mut(place).and_then(Option::as_mut) else {
            return;
        };
        if open.has_begun || open.reader.summary().packets != 1 {
            return;
        }
        open.has_begun = true;
        let Some(until) = open.first() else {
            return;
        };
        let own = kin(&open.path);
        let ended = &self.ended;
        let rank = |index: usize| {
            let ended = ended.get(index)?;
            let last = ended.summary.last?.plus(ended.shift);
            Some((kin(&ended.path) == own, last, ended.file))
        };
        let known = self.last.iter().enumerate();
        let best = known
            .filter_map(|(at, index)| Some((rank(*index)?, at)))
            .max();
        let Some(((_, last, before), at)) = best else {
            return;
        };
        open.goes_on = true;
        self.last.swap_remove(at);
        self.borders.push(Border {
            file: open.file,
            before,
            from: last.min(until),
            until,
        });
    }

    /// The capture `open` has ended: where the next of its ring began already, that goes on from
    /// it; else a later one may.
    pub(super) fn end(&mut self, open: &Open, summary: &Summary) {
        let Some(last) = summary.last else {
            return;
        };
        let last = last.plus(open.shift);
        let own = kin(&open.path);
        let follows = |other: &&mut Open| {
            let ago = other.first().map(|first| last.since(first));
            let is_near = ago.is_some_and(|ago| (Span::default()..DISORDER).contains(&ago));
            is_near && !other.goes_on && kin(&other.path) == own
        };
        match self.open.iter_mut().flatten().find(follows) {
            Some(next) => {
                next.goes_on = true;
                let until = next.first().unwrap_or(last);
                self.borders.push(Border {
                    file: next.file,
                    before: open.file,
                    from: until,
                    until,
                });
            }
            None => self.last.push(self.ended.len()),
        }
    }
}
