//! `Packed`: a [`CallRef`] in one piece of memory, for rules that remember many of which few are told.
//!
//! Capped: the first 255 frames of a call, the first 255 bytes of its label.

use super::rule::CallRef;
use crate::units::{FileIndex, FrameNo, Timestamp};

/// Bytes before frames and texts.
const HEAD: usize = 16;

/// A call without a To tag, packed: time, file, `CSeq` number, how many frames, how many bytes of a
/// label, these, Call-ID.
#[derive(Debug)]
pub(super) struct Packed(Box<[u8]>);

impl Packed {
    /// Packs a call.
    pub(super) fn new(call: &CallRef) -> Self {
        Self::labelled(call, &[])
    }

    /// Packs a call with a text that goes with it.
    pub(super) fn labelled(call: &CallRef, label: &[u8]) -> Self {
        let head = (call.time, call.file, call.cseq);
        Self::of(head, &call.frames, label, &call.call_id)
    }

    /// Packs the call of this time, file and `CSeq` number.
    pub(super) fn of(
        (time, file, cseq): (Timestamp, FileIndex, u32),
        frames: &[FrameNo],
        label: &[u8],
        call_id: &[u8],
    ) -> Self {
        let count = u8::try_from(frames.len()).unwrap_or(u8::MAX);
        let frames = frames.get(..usize::from(count)).unwrap_or(frames);
        let label_len = u8::try_from(label.len()).unwrap_or(u8::MAX);
        let label = label.get(..usize::from(label_len)).unwrap_or(label);
        let len = HEAD + 8 * frames.len() + label.len() + call_id.len();
        let mut bytes = Vec::with_capacity(len);
        bytes.extend(time.nanos().to_ne_bytes());
        bytes.extend(file.0.to_ne_bytes());
        bytes.extend(cseq.to_ne_bytes());
        bytes.extend([count, label_len]);
        for frame in frames {
            bytes.extend(frame.0.to_ne_bytes());
        }
        bytes.extend(label);
        bytes.extend(call_id);
        Self(bytes.into())
    }

    /// The call.
    pub(super) fn call(&self) -> CallRef {
        let mut rest = &*self.0;
        let time = i64::from_ne_bytes(take(&mut rest));
        let file = u16::from_ne_bytes(take(&mut rest));
        let cseq = u32::from_ne_bytes(take(&mut rest));
        let [count, _] = take(&mut rest);
        let frames = (0..count).map(|_| FrameNo(u64::from_ne_bytes(take(&mut rest))));
        let frames = frames.collect();
        CallRef {
            call_id: self.call_id().into(),
            cseq,
            to_tag: None,
            file: FileIndex(file),
            frames,
            time: Timestamp::from_nanos(time),
        }
    }

    /// Its Call-ID.
    pub(super) fn call_id(&self) -> &[u8] {
        self.texts().1
    }

    /// The text that goes with it.
    pub(super) fn label(&self) -> &[u8] {
        self.texts().0
    }

    fn texts(&self) -> (&[u8], &[u8]) {
        let count = |at: usize| usize::from(self.0.get(at).copied().unwrap_or_default());
        let (frames, label) = (count(HEAD - 2), count(HEAD - 1));
        let texts = self.0.get(HEAD + 8 * frames..).unwrap_or_default();
        texts.split_at_checked(label).unwrap_or_default()
    }
}

/// The first `N` bytes, which are there.
fn take<const N: usize>(rest: &mut &[u8]) -> [u8; N] {
    let (first, behind) = rest.split_first_chunk().unwrap_or((&[0; N], &[]));
    *rest = behind;
    *first
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_comes_back_as_it_was() {
        for (frames, call_id) in [(0, ""), (2, "a@b"), (255, "c")] {
            let call = CallRef {
                call_id: call_id.as_bytes().into(),
                cseq: 7,
                to_tag: None,
                file: FileIndex(3),
                frames: (1..=frames).map(|no| FrameNo(no << 40)).collect(),
                time: Timestamp::from_nanos(-5),
            };
            for label in [b"".as_slice(), b"bob@example.net"] {
                let packed = Packed::labelled(&call, label);
                assert_eq!(packed.call(), call);
                assert_eq!(packed.call_id(), call_id.as_bytes());
                assert_eq!(packed.label(), label);
            }
        }
    }
}
