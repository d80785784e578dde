//! Spool: entries in the order of their frames, with little memory.
//!
//! In: entries, mostly in that order already. Out: the same, sorted by frame and rank, otherwise in
//! the order they came; of a rank above 0 one a frame.
//!
//! What comes in order goes straight to a temporary file. What does not is held, sorted, and written
//! to a further file when there is much of it; at the end all are read side by side. Capped: what is
//! held by [`ASIDE_BYTES`], files open by [`RUNS`], beyond which they are merged into one.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};

use crate::units::FrameNo;

/// Bytes of entries held because they came late.
const ASIDE_BYTES: usize = 8 << 20;

/// Sorted files, beside the first.
const RUNS: usize = 32;

/// What an entry costs beside its payload.
const ENTRY_BYTES: usize = size_of::<Entry>();

/// Something that is said of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) frame: u64,
    /// What comes first of one frame; 0 is not told apart.
    pub(super) rank: u32,
    pub(super) payload: Box<[u8]>,
}

/// Takes entries.
#[derive(Debug, Default)]
pub(super) struct Spool {
    /// What came in order.
    main: Option<BufWriter<File>>,
    /// Frame and rank of the last entry in it.
    last: (u64, u32),
    aside: Vec<Entry>,
    aside_bytes: usize,
    runs: Vec<File>,
}

/// Entries in order.
#[derive(Debug)]
pub(super) struct Sorted {
    runs: Vec<BufReader<File>>,
    /// The next entry of each run that has one.
    heads: BinaryHeap<Reverse<(u64, u32, usize)>>,
    payloads: Vec<Box<[u8]>>,
    last: Option<(u64, u32)>,
}

impl Spool {
    pub(super) fn push(&mut self, frame: FrameNo, rank: u32, payload: &[u8]) -> io::Result<()> {
        let place = (frame.0, rank);
        if place >= self.last {
            self.last = place;
            let main = match &mut self.main {
                Some(main) => main,
                None => self.main.insert(BufWriter::new(tempfile::tempfile()?)),
            };
            return write(main, place, payload);
        }
        self.aside.push(Entry {
            frame: frame.0,
            rank,
            payload: payload.into(),
        });
        self.aside_bytes += ENTRY_BYTES + payload.len();
        if self.aside_bytes >= ASIDE_BYTES {
            self.write_aside()?;
            if self.runs.len() >= RUNS {
                self.merge_runs()?;
            }
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> io::Result<Sorted> {
        self.write_aside()?;
        let mut files = Vec::new();
        if let Some(main) = self.main.take() {
            files.push(rewound(main)?);
        }
        files.append(&mut self.runs);
        Sorted::new(files)
    }

    /// Writes what is held to a file of its own.
    fn write_aside(&mut self) -> io::Result<()> {
        if self.aside.is_empty() {
            return Ok(());
        }
        // Stable: of equal places the earlier stays first.
        self.aside.sort_by_key(|entry| (entry.frame, entry.rank));
        let mut run = BufWriter::new(tempfile::tempfile()?);
        for entry in self.aside.drain(..) {
            write(&mut run, (entry.frame, entry.rank), &entry.payload)?;
        }
        self.aside_bytes = 0;
        self.runs.push(rewound(run)?);
        Ok(())
    }

    /// Makes one file of those there are.
    fn merge_runs(&mut self) -> io::Result<()> {
        let mut sorted = Sorted::new(std::mem::take(&mut self.runs))?;
        let mut run = BufWriter::new(tempfile::tempfile()?);
        while let Some(entry) = sorted.next_entry()? {
            write(&mut run, (entry.frame, entry.rank), &entry.payload)?;
        }
        self.runs.push(rewound(run)?);
        Ok(())
    }
}

impl Sorted {
    /// Reads `files` side by side; of equal places an earlier file's goes first.
    fn new(files: Vec<File>) -> io::Result<Self> {
        let mut sorted = Self {
            payloads: vec![Box::default(); files.len()],
            runs: files.into_iter().map(BufReader::new).collect(),
            heads: BinaryHeap::new(),
            last: None,
        };
        for run in 0..sorted.runs.len() {
            sorted.advance(run)?;
        }
        Ok(sorted)
    }

    /// The next entry.
    pub(super) fn next_entry(&mut self) -> io::Result<Option<Entry>> {
        loop {
            let Some(Reverse((frame, rank, run))) = self.heads.pop() else {
                return Ok(None);
            };
            let payload = self.payloads.get_mut(run).map(std::mem::take);
            self.advance(run)?;
            if rank > 0 && self.last == Some((frame, rank)) {
                continue;
            }
            self.last = Some((frame, rank));
            return Ok(Some(Entry {
                frame,
                rank,
                payload: payload.unwrap_or_default(),
            }));
        }
    }

    /// Reads the next entry of a run, if it has one.
    fn advance(&mut self, run: usize) -> io::Result<()> {
        let (Some(file), Some(place)) = (self.runs.get_mut(run), self.payloads.get_mut(run)) else {
            return Ok(());
        };
        let mut head = [0; 16];
        let got = file.read(&mut head)?;
        if got == 0 {
            return Ok(());
        }
        file.read_exact(head.get_mut(got..).unwrap_or_default())?;
        let (frame, rest) = head.split_at(8);
        let (rank, len) = rest.split_at(4);
        let word = |bytes: &[u8]| {
            bytes
                .first_chunk()
                .map_or(0, |bytes| u32::from_le_bytes(*bytes))
        };
        let frame = frame
            .first_chunk()
            .map_or(0, |bytes| u64::from_le_bytes(*bytes));
        let mut payload = vec![0; usize::try_from(word(len)).unwrap_or_default()];
        file.read_exact(&mut payload)?;
        *place = payload.into();
        self.heads.push(Reverse((frame, word(rank), run)));
        Ok(())
    }
}

fn write(out: &mut impl Write, place: (u64, u32), payload: &[u8]) -> io::Result<()> {
    out.write_all(&place.0.to_le_bytes())?;
    out.write_all(&place.1.to_le_bytes())?;
    let len = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    out.write_all(&len.to_le_bytes())?;
    out.write_all(payload)
}

fn rewound(file: BufWriter<File>) -> io::Result<File> {
    let mut file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(entries: &[(u64, u32, &str)]) -> Vec<(u64, u32, String)> {
        let mut spool = Spool::default();
        for (frame, rank, payload) in entries {
            spool
                .push(FrameNo(*frame), *rank, payload.as_bytes())
                .unwrap();
        }
        read(spool)
    }

    fn read(spool: Spool) -> Vec<(u64, u32, String)> {
        let mut sorted = spool.finish().unwrap();
        let mut out = Vec::new();
        while let Some(entry) = sorted.next_entry().unwrap() {
            let text = String::from_utf8(entry.payload.into()).unwrap();
            out.push((entry.frame, entry.rank, text));
        }
        out
    }

    #[test]
    fn entries_come_by_frame_then_rank_then_as_they_were_given() {
        let given = [
            (3, 0, "a"),
            (3, 0, "b"),
            (7, 0, "c"),
            (5, 0, "late"),
            (3, 0, "later"),
            (9, 0, "d"),
            (3, 2, ""),
            (3, 1, ""),
            (3, 2, ""),
            (9, 1, ""),
            (9, 1, ""),
        ];
        let of = |frame, rank, text: &str| (frame, rank, text.to_owned());
        let expected = vec![
            of(3, 0, "a"),
            of(3, 0, "b"),
            of(3, 0, "later"),
            of(3, 1, ""),
            of(3, 2, ""),
            of(5, 0, "late"),
            of(7, 0, "c"),
            of(9, 0, "d"),
            of(9, 1, ""),
        ];
        assert_eq!(sorted(&given), expected);
        assert_eq!(sorted(&[]), []);
    }

    #[test]
    fn what_does_not_fit_memory_is_sorted_all_the_same() {
        let mut spool = Spool::default();
        let payload = vec![b'x'; 300 << 10];
        // Each of these is late, and 27 of them fill a run.
        spool.push(FrameNo(2000), 0, b"first").unwrap();
        for frame in (0..1000).rev() {
            spool.push(FrameNo(frame), 0, &payload).unwrap();
        }
        assert!(spool.runs.len() < RUNS && !spool.runs.is_empty());
        let frames: Vec<_> = read(spool).into_iter().map(|entry| entry.0).collect();
        let expected: Vec<_> = (0..1000).chain([2000]).collect();
        assert_eq!(frames, expected);
    }
}
