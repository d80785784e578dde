//! `Merge`: several captures as one, by packet time.
//!
//! In: captures in command line order. Out: their frames by time, each with its own file's number;
//! of equal times the file named first goes first, and the frames of one file keep their order,
//! whatever their times. A capture that cannot be read is told and left out; one that stops in the
//! middle is read up to there.
//!
//! Captures are opened when their first frame is due, so files that follow each other (a ring
//! buffer's, in whatever order they are named) are open one at a time. Files are opened twice, the
//! first time to see when they begin; what cannot be opened twice, like standard input, is open
//! from the beginning.
//!
//! A capture that begins where another ended is told to go on from it ([`Border`]), and clocks that
//! are known to be wrong are set right: [`Merge::shift`] moves a capture's times.
//!
//! Capped: captures open at once by [`Limits::open_captures`] or by what the system allows; those
//! beyond come late, with a defect.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;

use super::glance::{Glance, begins};
use super::meter::{Meter, Metered};
use super::{Error, Format, Frame, Next, Reader, Summary, reader};
use crate::defect::{Defect, DefectKind};
use crate::limits::Limits;
use crate::units::{FileIndex, FrameNo, FrameRef, Span, Timestamp};

mod border;

pub use border::Border;

/// Where a capture's bytes come from.
pub enum Source {
    /// A file that can be opened as often as need be.
    File(PathBuf),
    /// Bytes that come once.
    Stream(Box<dyn Read + Send>),
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Stream(_) => f.write_str("Stream"),
        }
    }
}

/// Why a capture cannot be read at all.
pub type Refused = Box<dyn std::error::Error + Send + Sync>;

/// Captures read as one.
pub struct Merge {
    limits: Limits,
    /// Counts what is read of files.
    meter: Arc<Meter>,
    /// Those that are not open yet, the one that begins first last.
    waiting: Vec<Waiting>,
    open: Vec<Option<Open>>,
    /// Of each open capture but the moving one its next frame's time; its place in `open`.
    heads: BinaryHeap<Reverse<(Timestamp, FileIndex, usize)>>,
    /// The place in `open` of the capture that gave the last frame.
    moving: Option<usize>,
    /// Captures that may be open at once.
    room: usize,
    crowded: bool,
    /// There is one capture only.
    is_alone: bool,
    /// All captures are files, of which everything is there already.
    is_of_files: bool,
    ended: Vec<Ended>,
    /// Of the captures ended, those that no other goes on from yet, by place in `ended`.
    last: Vec<usize>,
    /// Which captures go on where which ended, to be told.
    borders: Vec<Border>,
    now: Step,
}

/// A capture that was read.
#[derive(Debug)]
pub struct Ended {
    /// Which.
    pub file: FileIndex,
    /// As it was named.
    pub path: String,
    /// What is known of it.
    pub summary: Summary,
    /// By how much its times were moved.
    pub shift: Span,
    /// What stopped its reading before its end.
    pub error: Option<Error>,
}

struct Waiting {
    file: FileIndex,
    path: String,
    /// The time of its first frame; the earliest there is where that is not known.
    first: Timestamp,
    format: Format,
    bytes: Bytes,
    /// What is added to its times.
    shift: Span,
}

enum Bytes {
    File(PathBuf),
    Opened(Box<Reader<Box<dyn Read + Send>>>),
}

struct Open {
    file: FileIndex,
    path: String,
    reader: Box<Reader<Box<dyn Read + Send>>>,
    shift: Span,
    /// It gave its first frame.
    has_begun: bool,
    /// Another capture is known that it goes on from.
    goes_on: bool,
}

impl Open {
    /// When it begins, once it gave a frame.
    fn first(&self) -> Option<Timestamp> {
        let first = self.reader.summary().first;
        first.map(|first| first.plus(self.shift))
    }
}

/// What comes next, nothing borrowed yet.
#[derive(Clone, Copy)]
enum Step {
    /// What the capture at this place gave last.
    Current(usize),
    /// Of a capture: something without bytes.
    Other(FileIndex, Next<'static>),
}

impl Merge {
    /// Begins to read `inputs`; what cannot be read is returned beside, with the reason.
    pub fn open(inputs: Vec<(String, Source)>, limits: &Limits) -> (Self, Vec<(String, Refused)>) {
        Self::open_metered(inputs, limits, &Arc::default())
    }

    /// The same, with `meter` told of what is read; that files are looked into before does not
    /// count.
    pub fn open_metered(
        inputs: Vec<(String, Source)>,
        limits: &Limits,
        meter: &Arc<Meter>,
    ) -> (Self, Vec<(String, Refused)>) {
        let mut merge = Self {
            limits: *limits,
            meter: Arc::clone(meter),
            waiting: Vec::new(),
            open: Vec::new(),
            heads: BinaryHeap::new(),
            moving: None,
            room: limits.open_captures.max(1),
            crowded: false,
            is_alone: inputs.len() == 1,
            is_of_files: inputs
                .iter()
                .all(|(_, source)| matches!(source, Source::File(_))),
            ended: Vec::new(),
            last: Vec::new(),
            borders: Vec::new(),
            now: Step::Other(FileIndex::default(), Next::End),
        };
        let mut refused = Vec::new();
        let alone = inputs.len() == 1;
        for (path, source) in inputs {
            let added = match u16::try_from(merge.waiting.len()) {
                Ok(file) => merge.add(FileIndex(file), &path, source, alone),
                Err(error) => Err(error.into()),
            };
            match added {
                Ok(waiting) => merge.waiting.push(waiting),
                Err(error) => refused.push((path, error)),
            }
        }
        merge.sort();
        (merge, refused)
    }

    /// How the captures that are still to be opened were named, by [`FileIndex`]; of a merge that
    /// has not begun these are all.
    pub fn paths(&self) -> Vec<String> {
        let mut waiting: Vec<&Waiting> = self.waiting.iter().collect();
        waiting.sort_by_key(|waiting| waiting.file);
        waiting.iter().map(|waiting| waiting.path.clone()).collect()
    }

    fn sort(&mut self) {
        let due = |waiting: &Waiting| Reverse((waiting.first, waiting.file));
        self.waiting.sort_by_key(due);
    }

    /// The captures that can be opened once more, in command line order: name and place.
    pub fn files(&self) -> Vec<(FileIndex, String, PathBuf)> {
        let files = self.waiting.iter().filter_map(|waiting| {
            let Bytes::File(place) = &waiting.bytes else {
                return None;
            };
            Some((waiting.file, waiting.path.clone(), place.clone()))
        });
        let mut files: Vec<_> = files.collect();
        files.sort_by_key(|(file, ..)| *file);
        files
    }

    /// Adds `shift` to all times of a capture that is one of [`Self::files`]; to be called before
    /// the first [`Self::advance`].
    pub fn shift(&mut self, file: FileIndex, shift: Span) {
        if let Some(waiting) = self.waiting.iter_mut().find(|w| w.file == file) {
            waiting.first = waiting.first.plus(shift);
            waiting.shift = shift;
        }
        self.sort();
    }

    fn add(
        &self,
        file: FileIndex,
        path: &str,
        source: Source,
        alone: bool,
    ) -> Result<Waiting, Refused> {
        let unknown = Timestamp::from_nanos(i64::MIN);
        let (first, format, bytes) = match source {
            Source::File(name) if !alone => {
                let glance = Box::new(Glance(File::open(&name)?));
                let (first, format) = begins(glance, path, &self.limits)?;
                (first.unwrap_or(unknown), format, Bytes::File(name))
            }
            source => {
                let bytes: Box<dyn Read + Send> = match source {
                    Source::File(name) => Box::new(File::open(name)?),
                    Source::Stream(bytes) => bytes,
                };
                let bytes = metered(bytes, &self.meter);
                let reader = Reader::open(bytes, path, file, &self.limits)?;
                let format = reader.summary().format;
                (unknown, format, Bytes::Opened(Box::new(reader)))
            }
        };
        Ok(Waiting {
            file,
            path: path.to_owned(),
            first,
            format,
            bytes,
            shift: Span::default(),
        })
    }

    /// Goes on to what comes next of all captures.
    #[inline]
    pub fn advance(&mut self) {
        self.now = self.step();
    }

    /// What [`Self::advance`] went on to, and of which capture; [`Next::End`] is the end of all.
    #[inline]
    pub fn current(&self) -> (FileIndex, Next<'_>) {
        match self.now {
            Step::Other(file, next) => (file, next),
            Step::Current(place) => {
                let open = self.open.get(place).and_then(Option::as_ref);
                let current = open.and_then(|open| {
                    let next = match open.reader.current()? {
                        Next::Frame(frame) => Next::Frame(Frame {
                            time: frame.time.plus(open.shift),
                            ..frame
                        }),
                        next => next,
                    };
                    Some((open.file, next))
                });
                current.unwrap_or((FileIndex::default(), Next::End))
            }
        }
    }

    /// Whether all captures are files, so that reading never waits for what is still to happen.
    pub const fn is_of_files(&self) -> bool {
        self.is_of_files
    }

    /// Whether there is more than one capture to be read.
    pub fn is_several(&self) -> bool {
        self.waiting.len() + self.open.iter().flatten().count() > 1
    }

    /// Whether captures of the same time are being read, the current one among them.
    pub fn overlap(&self) -> bool {
        self.heads.len() + usize::from(self.moving.is_some()) > 1
    }

    /// Whether the capture `file`, which gave the last frame, is compressed.
    pub fn is_compressed(&self, file: FileIndex) -> bool {
        let mut open = self.open.iter().flatten();
        open.any(|open| open.file == file && open.reader.summary().compression.is_some())
    }

    /// The captures that were read, in command line order.
    pub fn finish(mut self) -> Vec<Ended> {
        for place in 0..self.open.len() {
            self.close(place, None);
        }
        self.ended.sort_by_key(|ended| ended.file);
        self.ended
    }

    fn step(&mut self) -> Step {
        // Ends: each round moves a capture on, opens one, or returns.
        loop {
            if let Some(place) = self.moving.take()
                && let Some(step) = self.go_on(place)
            {
                self.begin(place);
                return step;
            }
            if self.is_one_due() {
                if self.has_room() {
                    if let Some(step) = self.open_next() {
                        return step;
                    }
                    continue;
                }
                if !self.crowded {
                    self.crowded = true;
                    return self.too_many();
                }
            }
            let Some(Reverse((_, _, place))) = self.heads.pop() else {
                return Step::Other(FileIndex::default(), Next::End);
            };
            self.moving = Some(place);
            self.begin(place);
            return Step::Current(place);
        }
    }

    /// Moves a capture on to its next frame; returns what comes before that.
    fn go_on(&mut self, place: usize) -> Option<Step> {
        let open = self.open.get_mut(place)?.as_mut()?;
        let file = open.file;
        let next = match open.reader.step() {
            // The last capture, or the only one: there is nothing to merge it with.
            Ok(reader::Step::Frame(_)) if self.heads.is_empty() && self.waiting.is_empty() => {
                Step::Current(place)
            }
            Ok(reader::Step::Frame(time)) => {
                let time = time.plus(open.shift);
                self.heads.push(Reverse((time, file, place)));
                return None;
            }
            Ok(reader::Step::Secrets) => Step::Current(place),
            Ok(reader::Step::Other(Next::End)) => {
                self.close(place, None);
                return None;
            }
            Ok(reader::Step::Other(next)) => Step::Other(file, next),
            Err(error) => {
                let at = FrameRef {
                    file,
                    no: FrameNo(open.reader.summary().packets),
                };
                let defect = damage(&error, at);
                self.close(place, Some(error));
                return defect.map(|defect| Step::Other(file, Next::Defect(defect)));
            }
        };
        self.moving = Some(place);
        Some(next)
    }

    /// Whether a capture waits of which no open one has an earlier frame.
    fn is_one_due(&self) -> bool {
        let head = self.heads.peek().map(|Reverse((time, ..))| *time);
        let first = self.waiting.last().map(|waiting| waiting.first);
        first.is_some_and(|first| head.is_none_or(|head| first <= head))
    }

    fn has_room(&self) -> bool {
        self.heads.len() < self.room
    }

    /// Opens the capture that is due.
    fn open_next(&mut self) -> Option<Step> {
        let Waiting {
            file,
            path,
            first,
            format,
            bytes,
            shift,
        } = self.waiting.pop()?;
        let reader = match bytes {
            Bytes::Opened(reader) => Ok(reader),
            Bytes::File(name) => match File::open(&name) {
                Err(error) if is_out_of_files(&error) && !self.heads.is_empty() => {
                    self.room = self.heads.len();
                    self.waiting.push(Waiting {
                        file,
                        path,
                        first,
                        format,
                        bytes: Bytes::File(name),
                        shift,
                    });
                    return None;
                }
                opened => reader(opened, &path, file, (&self.limits, &self.meter)),
            },
        };
        match reader {
            Ok(reader) => {
                let open = Some(Open {
                    file,
                    path,
                    reader,
                    shift,
                    has_begun: false,
                    goes_on: false,
                });
                let free = self.open.iter().position(Option::is_none);
                let place = free.unwrap_or(self.open.len());
                match self.open.get_mut(place) {
                    Some(free) => *free = open,
                    None => self.open.push(open),
                }
                self.moving = Some(place);
            }
            // It could be read a moment ago.
            Err(error) => self.ended.push(Ended {
                file,
                path,
                summary: Summary::new(format),
                shift,
                error: Some(error),
            }),
        }
        None
    }

    fn close(&mut self, place: usize, error: Option<Error>) {
        let Some(open) = self.open.get_mut(place).and_then(Option::take) else {
            return;
        };
        let summary = open.reader.summary().clone();
        self.end(&open, &summary);
        self.ended.push(Ended {
            file: open.file,
            path: open.path,
            summary,
            shift: open.shift,
            error,
        });
    }

    #[cold]
    fn too_many(&self) -> Step {
        let file = self.waiting.last().map_or(FileIndex(0), |next| next.file);
        let at = FrameRef {
            file,
            no: FrameNo(0),
        };
        let detail = "more than {} captures are of the same minutes, too many to be read at once; some came late, and what they hold may seem out of order: name fewer";
        let defect = Defect::new(DefectKind::OutOfOrder, at, detail);
        Step::Other(file, Next::Defect(defect.with_number(self.room as u64)))
    }
}

fn reader(
    file_opened: io::Result<File>,
    path: &str,
    file: FileIndex,
    (limits, meter): (&Limits, &Arc<Meter>),
) -> Result<Box<Reader<Box<dyn Read + Send>>>, Error> {
    let inner = file_opened.map_err(|source| Error::Read {
        path: path.to_owned(),
        offset_bytes: 0,
        source,
    })?;
    let bytes = metered(inner, meter);
    Ok(Box::new(Reader::open(bytes, path, file, limits)?))
}

fn metered(inner: impl Read + Send + 'static, meter: &Arc<Meter>) -> Box<dyn Read + Send> {
    let meter = Arc::clone(meter);
    Box::new(Metered { inner, meter })
}

/// What the report says of a capture of which the rest cannot be unpacked.
fn damage(error: &Error, at: FrameRef) -> Option<Defect> {
    let Error::Damaged { offset_bytes, .. } = error else {
        return None;
    };
    let detail = "the compressed file is damaged: what it holds from byte {} on could not be unpacked; everything before it was analysed";
    let defect = Defect::new(DefectKind::BadBlock, at, detail);
    Some(defect.with_number(*offset_bytes))
}

/// Whether the process or the system has no more room for open files (`EMFILE`, `ENFILE`).
fn is_out_of_files(error: &io::Error) -> bool {
    cfg!(unix) && matches!(error.raw_os_error(), Some(23 | 24))
}

#[cfg(test)]
mod tests;
