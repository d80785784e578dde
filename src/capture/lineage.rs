//! Lineage: which files one tap wrote, as far as they were seen to go on from each other.
//!
//! In: borders between files. Out: of any file the first one of its tap. A file that goes on from
//! none is the first of a tap of its own.

use crate::units::FileIndex;

/// Files by tap.
#[derive(Clone, Debug, Default)]
pub struct Lineage {
    /// Of each file by its index the first file of its tap, where that is another.
    firsts: Vec<Option<FileIndex>>,
}

impl Lineage {
    /// The first file of the tap that wrote `file`.
    pub fn tap(&self, file: FileIndex) -> FileIndex {
        let first = self.firsts.get(usize::from(file.0)).copied().flatten();
        first.unwrap_or(file)
    }

    /// `file` begins where `before` ended.
    pub fn goes_on(&mut self, file: FileIndex, before: FileIndex) {
        let tap = self.tap(before);
        let index = usize::from(file.0);
        if self.firsts.len() <= index {
            self.firsts.resize(index + 1, None);
        }
        if let Some(first) = self.firsts.get_mut(index) {
            *first = (tap != file).then_some(tap);
        }
    }
}
