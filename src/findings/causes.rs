//! Causes: what [`crate::stir`] names when an identity was refused, as `explain` knows them.

use super::rule::{Explanation, Topic};
use crate::stir::CauseId;

/// A topic for each cause, in the order in which they are told.
pub fn topics() -> impl Iterator<Item = Topic> {
    CauseId::ALL.iter().map(|id| Topic {
        name: id.name(),
        kind: "cause",
        explanation: Explanation {
            summary: id.summary(),
            sections: id.sections(),
        },
    })
}
