//! Ahead: what captures hold, read on a thread of its own while the stages are at work.
//!
//! In: a [`Merge`]. Out: its [`Step`]s, in its order, whether it was read ahead or not. Files are
//! read ahead: their packets are copied into batches that are used again. What comes through a pipe
//! is taken as it comes, since a live packet must not wait until a batch is full.
//!
//! Always: the stages run on the thread that calls, and see the same steps in the same order.
//! Capped: [`BATCHES`] batches at once, each of [`BATCH_BYTES`] of packets and the last packet, and
//! of [`BATCH_STEPS`] steps.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::{io, thread};

use crate::capture::{Border, Frame, Merge, Next};
use crate::defect::Defect;
use crate::units::{FrameNo, FrameRef};

/// Batches there are: one is filled, one is worked off, and one waits for either.
const BATCHES: usize = 3;

/// Bytes of packets after which a batch is handed on.
const BATCH_BYTES: usize = 256 << 10;

/// Steps after which it is.
const BATCH_STEPS: usize = 1024;

/// What merged captures go on to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step<'a> {
    /// Captures of the same time are being read.
    Overlap,
    /// One capture goes on where another ended.
    Border(Border),
    /// A frame.
    Frame(Frame<'a>),
    /// Keys that a capture brings.
    Secrets {
        /// As in [`Next::Secrets`].
        kind: u32,
        /// The keys.
        bytes: &'a [u8],
    },
    /// Something that could not be used.
    Defect(Defect),
    /// A capture ends in the middle.
    CutShort {
        /// Its last frame.
        at: FrameRef,
        /// Where.
        offset_bytes: u64,
        /// That is a place of what was unpacked.
        is_compressed: bool,
    },
}

impl<'a> Step<'a> {
    /// The bytes it has, and the rest of it.
    fn apart(self) -> (Step<'static>, &'a [u8]) {
        match self {
            Self::Frame(frame) => {
                let rest = Frame {
                    captured: &[],
                    ..frame
                };
                (Step::Frame(rest), frame.captured)
            }
            Self::Secrets { kind, bytes } => (Step::Secrets { kind, bytes: &[] }, bytes),
            Self::Overlap => (Step::Overlap, &[]),
            Self::Border(border) => (Step::Border(border), &[]),
            Self::Defect(defect) => (Step::Defect(defect), &[]),
            Self::CutShort {
                at,
                offset_bytes,
                is_compressed,
            } => {
                let cut = Step::CutShort {
                    at,
                    offset_bytes,
                    is_compressed,
                };
                (cut, &[])
            }
        }
    }

    /// The same with its bytes.
    #[inline]
    fn with(self, bytes: &'a [u8]) -> Self {
        match self {
            Self::Frame(frame) => Self::Frame(Frame {
                captured: bytes,
                ..frame
            }),
            Self::Secrets { kind, .. } => Self::Secrets { kind, bytes },
            other => other,
        }
    }
}

/// Hands all that `merge` holds to `take`, to the end or to its first error.
pub(super) fn read(
    merge: &mut Merge,
    take: &mut dyn FnMut(Step<'_>) -> io::Result<()>,
) -> io::Result<()> {
    if merge.is_of_files()
        && let Some(result) = read_ahead(merge, take)
    {
        return result;
    }
    let mut overlap = false;
    while go_on(merge, &mut overlap, take)? {}
    Ok(())
}

/// Goes on to what comes next; false at the end of all.
#[inline]
fn go_on<E>(
    merge: &mut Merge,
    overlap: &mut bool,
    take: &mut (impl FnMut(Step<'_>) -> Result<(), E> + ?Sized),
) -> Result<bool, E> {
    merge.advance();
    if !*overlap && merge.overlap() {
        *overlap = true;
        take(Step::Overlap)?;
    }
    while let Some(border) = merge.border() {
        take(Step::Border(border))?;
    }
    let step = match merge.current() {
        (_, Next::Frame(frame)) => Step::Frame(frame),
        (_, Next::Secrets { kind, bytes }) => Step::Secrets { kind, bytes },
        (_, Next::Defect(defect)) => Step::Defect(defect),
        (
            file,
            Next::CutShort {
                offset_bytes,
                frames,
            },
        ) => Step::CutShort {
            at: FrameRef {
                file,
                no: FrameNo(frames),
            },
            offset_bytes,
            is_compressed: merge.is_compressed(file),
        },
        (_, Next::End) => return Ok(false),
    };
    take(step)?;
    Ok(true)
}

/// The same as [`read`], on two threads; `None`, and nothing done, where there is none to spare.
fn read_ahead(
    merge: &mut Merge,
    take: &mut dyn FnMut(Step<'_>) -> io::Result<()>,
) -> Option<io::Result<()>> {
    let (filled, batches) = sync_channel(BATCHES);
    let (used, empty) = sync_channel(BATCHES);
    for _ in 0..BATCHES {
        used.send(Batch::new()).ok()?;
    }
    // Both channels end with the closure, and with them the reader, whatever it waits for.
    thread::scope(move |scope| {
        thread::Builder::new()
            .name("reader".to_owned())
            .spawn_scoped(scope, move || fill(merge, &empty, &filled))
            .ok()?;
        for batch in batches {
            for step in batch.steps() {
                if let Err(error) = take(step) {
                    return Some(Err(error));
                }
            }
            // At the end of the captures nobody waits for it.
            drop(used.send(batch));
        }
        Some(Ok(()))
    })
}

/// Fills `empty` batches with what `merge` holds, as long as somebody takes them.
fn fill(merge: &mut Merge, empty: &Receiver<Batch>, filled: &SyncSender<Batch>) {
    let mut overlap = false;
    while let Ok(mut batch) = empty.recv() {
        batch.clear();
        let mut goes_on = true;
        while goes_on && !batch.is_full() {
            let mut push = |step: Step<'_>| {
                batch.push(step);
                Ok::<(), std::convert::Infallible>(())
            };
            goes_on = go_on(merge, &mut overlap, &mut push).unwrap_or(false);
        }
        if filled.send(batch).is_err() || !goes_on {
            return;
        }
    }
}

/// Steps that own their bytes.
struct Batch {
    /// Each with the length of its bytes.
    steps: Vec<(Step<'static>, usize)>,
    /// Those of all steps, one behind the other.
    bytes: Vec<u8>,
}

impl Batch {
    fn new() -> Self {
        Self {
            steps: Vec::new(),
            bytes: Vec::new(),
        }
    }

    fn is_full(&self) -> bool {
        self.bytes.len() >= BATCH_BYTES || self.steps.len() >= BATCH_STEPS
    }

    fn clear(&mut self) {
        self.steps.clear();
        self.bytes.clear();
        // One large block must not keep its room for ever.
        self.bytes.shrink_to(2 * BATCH_BYTES);
    }

    #[inline]
    fn push(&mut self, step: Step<'_>) {
        let (step, bytes) = step.apart();
        self.bytes.extend_from_slice(bytes);
        self.steps.push((step, bytes.len()));
    }

    fn steps(&self) -> impl Iterator<Item = Step<'_>> {
        let mut rest = self.bytes.as_slice();
        self.steps.iter().map(move |(step, len)| {
            let (bytes, behind) = rest.split_at_checked(*len).unwrap_or((rest, &[]));
            rest = behind;
            step.with(bytes)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Cursor;

    use super::*;
    use crate::capture::testing::{MICROS, Pcap};
    use crate::capture::{Order, Source};
    use crate::limits::Limits;

    /// Frames of the test's capture: more than all batches hold.
    const FRAMES: u32 = 5000;

    /// A capture whose frames differ, the last one cut short.
    fn capture() -> Vec<u8> {
        let mut pcap = Pcap::new(MICROS, Order::Little, 1);
        for no in 0..FRAMES {
            let times = if no % 97 == 0 { 5000 } else { 1 };
            let bytes = no.to_le_bytes().repeat(times);
            pcap.record(no, 0, 30_000, &bytes);
        }
        pcap.bytes.out.pop();
        pcap.bytes.out
    }

    fn merge(source: Source) -> Merge {
        let (merge, failed) = Merge::open(vec![("x".to_owned(), source)], &Limits::default());
        assert!(failed.is_empty());
        merge
    }

    fn file(bytes: &[u8]) -> (tempfile::NamedTempFile, Merge) {
        let file = tempfile::NamedTempFile::new().expect("a file");
        fs::write(file.path(), bytes).expect("room");
        let merge = merge(Source::File(file.path().to_owned()));
        (file, merge)
    }

    fn steps(mut merge: Merge) -> Vec<String> {
        let mut steps = Vec::new();
        read(&mut merge, &mut |step| {
            steps.push(format!("{step:?}"));
            Ok(())
        })
        .expect("nothing is written");
        steps
    }

    #[test]
    fn what_is_read_ahead_comes_as_what_is_not() {
        let bytes = capture();
        let (_file, files) = file(&bytes);
        assert!(files.is_of_files());
        let pipe = merge(Source::Stream(Box::new(Cursor::new(bytes))));
        assert!(!pipe.is_of_files());
        let ahead = steps(files);
        assert_eq!(ahead, steps(pipe));
        // The last frame is not whole, and that is told in its place.
        assert_eq!(ahead.len(), FRAMES as usize);
        assert!(ahead.last().expect("steps").starts_with("CutShort"));
    }

    #[test]
    fn an_error_of_the_taker_ends_the_reading_wherever_it_is() {
        let (_file, mut merge) = file(&capture());
        let mut taken = 0;
        let result = read(&mut merge, &mut |_| {
            taken += 1;
            Err(io::Error::other("full"))
        });
        assert_eq!(result.expect_err("the taker's").to_string(), "full");
        assert_eq!(taken, 1);
    }

    #[test]
    fn a_large_packet_keeps_no_room_behind_it() {
        let mut batch = Batch::new();
        batch.push(Step::Secrets {
            kind: 1,
            bytes: &vec![7; 4 * BATCH_BYTES],
        });
        assert!(batch.is_full());
        batch.clear();
        assert!(!batch.is_full() && batch.bytes.capacity() <= 2 * BATCH_BYTES);
    }
}
