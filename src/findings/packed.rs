//! `Packed`: a [`CallRef`] in one piece of memory, for rules that remember many of which few are told.
//!
//! Capped: the first 255 frames of a call.

use super::rule::CallRef;
use crate::units::{FileIndex, FrameNo, Timestamp};

/// A call without a To tag, packed: time, file, `CSeq` number, how many frames, these, Call-ID.
#[derive(Debug)]
pub(super) struct Packed(Box<[u8]>);

impl Packed {
    /// Packs a call.
    pub(super) fn new(call: &CallRef) -> Self {
        Self::of(
            (call.time, call.file, call.cseq),
            &call.frames,
            &call.call_id,
        )
    }

    /// Packs the call of this time, file and `CSeq` number.
    pub(super) fn of(
        (time, file, cseq): (Timestamp, FileIndex, u32),
        frames: &[FrameNo],
        call_id: &[u8],
    ) -> Self {
        let count = u8::try_from(frames.len()).unwrap_or(u8::MAX);
        let frames = frames.get(..usize::from(count)).unwrap_or(frames);
        let mut bytes = Vec::with_capacity(15 + 8 * frames.len() + call_id.len());
        bytes.extend(time.nanos().to_ne_bytes());
        bytes.extend(file.0.to_ne_bytes());
        bytes.extend(cseq.to_ne_bytes());
        bytes.push(count);
        for frame in frames {
            bytes.extend(frame.0.to_ne_bytes());
        }
        bytes.extend(call_id);
        Self(bytes.into())
    }

    /// The call.
    pub(super) fn call(&self) -> CallRef {
        let mut rest = &*self.0;
        let time = i64::from_ne_bytes(take(&mut rest));
        let file = u16::from_ne_bytes(take(&mut rest));
        let cseq = u32::from_ne_bytes(take(&mut rest));
        let [count] = take(&mut rest);
        let frames = (0..count).map(|_| FrameNo(u64::from_ne_bytes(take(&mut rest))));
        let frames = frames.collect();
        CallRef {
            call_id: rest.into(),
            cseq,
            to_tag: None,
            file: FileIndex(file),
            frames,
            time: Timestamp::from_nanos(time),
        }
    }

    /// Its Call-ID.
    pub(super) fn call_id(&self) -> &[u8] {
        let frames = self.0.get(14).copied().unwrap_or_default();
        let start = 15 + 8 * usize::from(frames);
        self.0.get(start..).unwrap_or_default()
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
            let packed = Packed::new(&call);
            assert_eq!(packed.call(), call);
            assert_eq!(packed.call_id(), call_id.as_bytes());
        }
    }
}
