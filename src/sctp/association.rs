//! `Association`: what one side of an association sends.
//!
//! In: chunks with data. Out: whole messages. Always: a fragment is kept until its message is
//! whole or room is needed. Capped: by the caller, who reads [`Association::cost`].
//!
//! # References
//! - RFC 9260 §6.9 (fragments)

use std::collections::BTreeMap;

use super::chunk::{Data, Scope};
use super::window::Window;
use crate::stream::gathered::tidy;
use crate::stream::kept::Kept;
use crate::units::{FrameRef, Origin};

#[derive(Debug)]
struct Fragment {
    bytes: Vec<u8>,
    begins: bool,
    ends: bool,
    kept: Kept,
}

/// One direction of an association.
#[derive(Debug, Default)]
pub(super) struct Association {
    window: Window,
    fragments: BTreeMap<(Scope, u32), Fragment>,
    bytes: usize,
    /// When it was last used, in packets of the whole stage.
    pub(super) used: u64,
    /// It gave a SIP message.
    pub(super) sip: bool,
}

impl Association {
    /// Bytes of fragments, their bookkeeping included.
    pub(super) fn cost(&self) -> usize {
        self.bytes + self.fragments.len() * size_of::<((Scope, u32), Fragment)>()
    }

    /// Fragments that wait.
    pub(super) fn waiting(&self) -> usize {
        self.fragments.len()
    }

    /// Forgets all fragments; how many there were.
    pub(super) fn clear(&mut self) -> usize {
        let waiting = self.waiting();
        self.fragments.clear();
        self.bytes = 0;
        waiting
    }

    /// Takes a chunk.
    pub(super) fn push(
        &mut self,
        data: &Data<'_>,
        origin: &Origin<'_>,
        frame_cap: usize,
        out: &mut dyn FnMut(&[u8], Origin<'_>),
    ) {
        if !self.window.is_new(data.tsn) {
            return;
        }
        if data.begins && data.ends {
            return out(data.bytes, *origin);
        }
        let fragment = Fragment {
            bytes: data.bytes.to_vec(),
            begins: data.begins,
            ends: data.ends,
            kept: Kept::new(origin),
        };
        self.bytes += fragment.bytes.len();
        let key = (data.scope, data.number);
        if let Some(old) = self.fragments.insert(key, fragment) {
            // It came before, and did not make a message whole.
            self.bytes -= old.bytes.len();
            return;
        }
        let Some((first, count)) = self.whole(key) else {
            return;
        };
        let (mut bytes, mut frames) = (Vec::new(), Vec::new());
        let mut snapped = origin.snapped;
        for step in 0..count {
            let key = (data.scope, first.wrapping_add(step));
            if let Some(fragment) = self.fragments.remove(&key) {
                self.bytes -= fragment.bytes.len();
                bytes.extend_from_slice(&fragment.bytes);
                frames.push(fragment.kept.at);
                snapped |= fragment.kept.origin(&[]).snapped;
            }
        }
        tidy(&mut frames, origin.at, frame_cap);
        let origin = Origin {
            earlier: &frames,
            snapped,
            ..*origin
        };
        out(&bytes, origin);
    }

    /// The number of the first fragment, and how many there are, if the message of the fragment
    /// `key` is whole.
    fn whole(&self, key: (Scope, u32)) -> Option<(u32, u32)> {
        let (scope, number) = key;
        let at = |number| self.fragments.get(&(scope, number));
        let (mut first, mut last) = (number, number);
        let (mut begun, mut ended) = (at(number)?.begins, at(number)?.ends);
        // By turns in both directions: where one side has a hole, the other is not walked to its
        // end for each fragment that comes.
        while !(begun && ended) {
            // Two messages never share a fragment.
            if !begun {
                first = first.wrapping_sub(1);
                let before = at(first).filter(|fragment| !fragment.ends)?;
                begun = before.begins;
            }
            if !ended {
                last = last.wrapping_add(1);
                let behind = at(last).filter(|fragment| !fragment.begins)?;
                ended = behind.ends;
            }
        }
        Some((first, last.wrapping_sub(first).wrapping_add(1)))
    }

    /// The frame of a fragment that waits.
    pub(super) fn waiting_at(&self) -> Option<FrameRef> {
        self.fragments
            .values()
            .next()
            .map(|fragment| fragment.kept.at)
    }
}
