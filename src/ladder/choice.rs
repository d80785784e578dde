//! Choice: whose messages are kept.
//!
//! In: what somebody asks for. Out: whether a message is part of it.

use std::collections::BTreeMap;

use crate::calls::Onward;
use crate::limits::Limits;
use crate::units::{FrameRef, Origin};

/// Whose messages are wanted.
#[derive(Clone, Debug)]
pub enum Choice {
    /// Calls by their whole Call-IDs; of a long call what is around the frame is kept. A name as
    /// long as [`Limits::call_id_bytes`] stands for all that begin with it, for findings cut it there.
    Calls(BTreeMap<Vec<u8>, Option<FrameRef>>),
    /// The same, and of them those that are legs of one call in one ladder.
    Legs(BTreeMap<Vec<u8>, Option<FrameRef>>, Vec<Onward>),
    /// Calls whose Call-ID is this, or has it in it.
    Like(Vec<u8>),
    /// The messages of a frame.
    Frame(FrameRef),
}

impl Choice {
    /// Whether messages of this Call-ID are wanted; of a frame any may be.
    pub fn wants_call(&self, call_id: &[u8], limits: &Limits) -> bool {
        match self {
            Self::Calls(calls) | Self::Legs(calls, _) => named(calls, call_id, limits).is_some(),
            Self::Like(part) => memchr::memmem::find(call_id, part).is_some(),
            Self::Frame(_) => true,
        }
    }

    /// The frame of a wanted call that must be kept, if there is one.
    pub(super) fn focus(&self, call_id: &[u8], limits: &Limits) -> Option<FrameRef> {
        match self {
            Self::Calls(calls) | Self::Legs(calls, _) => *named(calls, call_id, limits)?,
            Self::Like(_) | Self::Frame(_) => None,
        }
    }

    /// Whether a message is wanted.
    pub(super) fn wants(&self, call_id: &[u8], origin: &Origin<'_>, limits: &Limits) -> bool {
        match self {
            Self::Frame(at) => origin.at == *at || origin.earlier.contains(at),
            Self::Calls(_) | Self::Legs(..) | Self::Like(_) => self.wants_call(call_id, limits),
        }
    }

    /// The ladder a Call-ID belongs to, by its first Call-ID, and which leg of it that is.
    pub(super) fn leg<'a>(&'a self, call_id: &'a [u8]) -> (&'a [u8], usize) {
        let Self::Legs(_, legs) = self else {
            return (call_id, 0);
        };
        let Some(own) = legs.iter().find(|leg| *leg.call_id == *call_id) else {
            return (call_id, 0);
        };
        let Some(root) = own.root.as_deref() else {
            return (call_id, 0);
        };
        let mut of_call = legs.iter().filter(|leg| leg.root.as_deref() == Some(root));
        let place = of_call.position(|leg| *leg.call_id == *call_id);
        (root, place.map_or(0, |place| place + 1))
    }

    /// The legs of the ladder that begins with this Call-ID.
    pub(super) fn legs(&self, call_id: &[u8]) -> Vec<Onward> {
        let Self::Legs(_, legs) = self else {
            return Vec::new();
        };
        let of_call = legs
            .iter()
            .filter(|leg| leg.root.as_deref() == Some(call_id));
        of_call.cloned().collect()
    }

    /// Whether a leg is one of a call that is wanted.
    pub(super) fn wants_leg(&self, leg: &Onward, limits: &Limits) -> bool {
        let others = [leg.of.as_deref(), leg.root.as_deref()];
        let mut ids = others.into_iter().flatten().chain([&*leg.call_id]);
        !matches!(self, Self::Frame(_)) && ids.any(|id| self.wants_call(id, limits))
    }

    /// Whether this Call-ID was named whole.
    pub(super) fn names(&self, call_id: &[u8]) -> bool {
        match self {
            Self::Calls(_) | Self::Legs(..) | Self::Frame(_) => true,
            Self::Like(part) => call_id == part.as_slice(),
        }
    }
}

/// What is asked of a call, where it is named.
fn named<'a>(
    calls: &'a BTreeMap<Vec<u8>, Option<FrameRef>>,
    call_id: &[u8],
    limits: &Limits,
) -> Option<&'a Option<FrameRef>> {
    let cut = call_id.get(..limits.call_id_bytes);
    calls.get(call_id).or_else(|| calls.get(cut?))
}
