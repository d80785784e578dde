//! `Reader`: one capture, frame by frame.
//!
//! In: a `Read`. Out: [`Next`]. What a record means is told by `classic` and `ng`; this file opens
//! the capture, numbers frames, keeps the [`Summary`], and ends.
//!
//! Always: a frame's bytes are given out from where they lie in the ring, by range, after all that
//! moves the ring is done. Capped: see `super`.

use std::io::{self, Read};
use std::ops::Range;

use super::classic::Classic;
use super::first_bytes::{self, Kind};
use super::ng::Sections;
use super::source::{Ring, read_up_to};
use super::unpack::{Compression, Fate, Unpacked};
use super::{Error, Format, Frame, LinkType, Next, Summary};
use crate::defect::{Defect, DefectKind};
use crate::limits::Limits;
use crate::units::{FileIndex, FrameNo, FrameRef, Timestamp};

/// Bytes of a classic pcap's file head; a pcapng's first block is longer.
const FILE_HEAD: usize = 24;

/// Reads a capture.
pub struct Reader<R: Read> {
    pub(super) tape: Tape<R>,
    pub(super) form: Form,
    pub(super) summary: Summary,
    pub(super) file: FileIndex,
    /// What of the ring was given out last.
    current: Option<Given>,
    pub(super) ended: bool,
}

pub(super) enum Form {
    Classic(Classic),
    Ng(Sections),
}

/// What a format found next; frames by range, so that nothing is borrowed yet.
pub(super) enum Found {
    /// A packet record.
    Packet(Packet),
    /// Keys, of which the bytes are counted from the tape's position.
    Secrets { kind: u32, bytes: Range<usize> },
    /// Something unusable; more may follow.
    Bad(Bad),
    /// The file ends inside what begins at the tape's position.
    CutShort,
    /// The file ends.
    End,
}

/// What a reader went on to.
pub(super) enum Step {
    /// A frame of this time.
    Frame(Timestamp),
    /// Secrets.
    Secrets,
    /// Something without bytes.
    Other(Next<'static>),
}

/// What is at the tape's position.
enum Given {
    Packet(Packet),
    Secrets { kind: u32, bytes: Range<usize> },
}

/// A packet record at the tape's position.
pub(super) struct Packet {
    /// The captured bytes, counted from the tape's position.
    pub(super) data: Range<usize>,
    /// Length of the whole record or block.
    pub(super) record_len: usize,
    pub(super) time: Timestamp,
    pub(super) link: LinkType,
    pub(super) interface: u32,
    pub(super) orig_len: u32,
}

impl Packet {
    /// The frame, of which `bytes` are what the tape has at its position.
    #[inline]
    pub(super) fn frame<'a>(&self, bytes: &'a [u8], at: FrameRef) -> Frame<'a> {
        let captured = bytes.get(self.data.clone()).unwrap_or_default();
        Frame {
            at,
            time: self.time,
            link: self.link,
            interface: self.interface,
            captured,
            orig_len: self
                .orig_len
                .max(u32::try_from(captured.len()).unwrap_or(u32::MAX)),
        }
    }
}

/// A defect without its place, which is the next frame.
pub(super) struct Bad {
    pub(super) kind: DefectKind,
    pub(super) detail: &'static str,
    pub(super) number: u64,
    pub(super) count: u64,
}

impl Bad {
    /// A block or record that makes no sense; `{}` in `detail` is its offset.
    pub(super) const fn block(detail: &'static str, offset_bytes: u64) -> Self {
        Self {
            kind: DefectKind::BadBlock,
            detail,
            number: offset_bytes,
            count: 1,
        }
    }
}

impl<R: Read> Reader<R> {
    /// Begins to read `source`, which the user calls `path`, and which may be compressed.
    pub fn open(source: R, path: &str, file: FileIndex, limits: &Limits) -> Result<Self, Error> {
        let mut head = Vec::with_capacity(FILE_HEAD);
        let (mut source, packing) = unpacked(source, &mut head, path, limits)?;
        if head.is_empty() {
            return Err(Error::Empty {
                path: path.to_owned(),
            });
        }
        if let (Some(outer), Some(_)) = (packing.compression, Compression::tell(&head)) {
            return Err(Error::NotACapture {
                path: path.to_owned(),
                what: "with another compressed file",
                hint: outer.twice(),
            });
        }
        let kind = first_bytes::tell(&head).map_err(|stranger| Error::NotACapture {
            path: path.to_owned(),
            what: stranger.what,
            hint: stranger.hint,
        })?;
        let bad_header = |what| Error::BadHeader {
            path: path.to_owned(),
            what,
        };
        let mut wanted = FILE_HEAD;
        if kind == Kind::Ng && head.len() == FILE_HEAD {
            wanted = Sections::first_block_len(&head, limits).map_err(bad_header)?;
            read_up_to(&mut source, &mut head, wanted)
                .map_err(|source| packing.error(path, head.len() as u64, source))?;
        }
        if head.len() < wanted {
            return Err(Error::HeaderCut {
                path: path.to_owned(),
                offset_bytes: head.len() as u64,
            });
        }

        let (form, mut summary) = match kind {
            Kind::Classic {
                order,
                nanos,
                modified,
            } => {
                let classic = Classic::new(&head, order, nanos, modified, limits);
                let mut summary = Summary::new(Format::Pcap);
                summary.interfaces.push(classic.interface());
                (Form::Classic(classic), summary)
            }
            Kind::Ng => (
                Form::Ng(Sections::new(limits)),
                Summary::new(Format::PcapNg),
            ),
        };
        summary.compression = packing.compression;
        let Some(ring) = Ring::new(kind, head, source) else {
            return Err(bad_header("makes no sense"));
        };
        let mut tape = Tape {
            ring,
            path: path.to_owned(),
            packing,
            offset: 0,
            held: 0,
        };
        if matches!(form, Form::Classic(_)) {
            tape.hold(FILE_HEAD);
        }
        Ok(Self {
            tape,
            form,
            summary,
            file,
            current: None,
            ended: false,
        })
    }

    /// The next frame, or how the capture goes on or ends. An error ends it, too.
    pub fn next_frame(&mut self) -> Result<Next<'_>, Error> {
        Ok(match self.step()? {
            Step::Frame(_) | Step::Secrets => self.current().unwrap_or(Next::End),
            Step::Other(next) => next,
        })
    }

    /// Goes on to what [`Self::next_frame`] would give, of which the bytes are had from
    /// [`Self::current`].
    #[inline]
    pub(super) fn step(&mut self) -> Result<Step, Error> {
        if self.ended {
            return Ok(Step::Other(Next::End));
        }
        self.current = None;
        self.tape.release();
        let found = match &mut self.form {
            Form::Classic(classic) => classic.find(&mut self.tape),
            Form::Ng(sections) => sections.find(&mut self.tape, &mut self.summary),
        };
        let found = found.map_err(|error| self.failed(error))?;
        Ok(match found {
            Found::Packet(packet) => {
                let time = packet.time;
                self.tape.hold(packet.record_len);
                self.summary.count(time);
                self.summary.bytes = self.tape.end_of_held();
                self.current = Some(Given::Packet(packet));
                Step::Frame(time)
            }
            Found::Secrets { kind, bytes } => {
                self.summary.bytes = self.tape.end_of_held();
                self.current = Some(Given::Secrets { kind, bytes });
                Step::Secrets
            }
            Found::Bad(bad) => {
                self.summary.bytes = self.tape.end_of_held();
                Step::Other(Next::Defect(self.defect(&bad)))
            }
            Found::CutShort => Step::Other(self.end(true)),
            Found::End => Step::Other(self.end(false)),
        })
    }

    /// Ends the capture with an error.
    #[cold]
    pub(super) fn failed(&mut self, error: Error) -> Error {
        self.ended = true;
        self.summary.cut_short = matches!(error, Error::Damaged { .. });
        self.summary.bytes = self.tape.end_of_data();
        error
    }

    /// What is wrong before the next frame.
    pub(super) const fn defect(&self, bad: &Bad) -> Defect {
        Defect {
            kind: bad.kind,
            at: FrameRef {
                file: self.file,
                no: FrameNo(self.summary.packets + 1),
            },
            detail: bad.detail,
            number: Some(bad.number),
            count: bad.count,
            flow: None,
        }
    }

    /// Ends the capture, inside a record or behind the last one.
    pub(super) fn end(&mut self, inside: bool) -> Next<'static> {
        self.ended = true;
        self.summary.bytes = self.tape.end_of_data();
        // Compressed data may be cut where a record ends.
        if !inside && !self.tape.packing.fate.is_cut() {
            return Next::End;
        }
        self.summary.cut_short = true;
        Next::CutShort {
            offset_bytes: self.tape.offset,
            frames: self.summary.packets,
        }
    }

    /// The frame or the secrets that [`Self::next_frame`] gave last, if it gave one of these.
    #[inline]
    pub(super) fn current(&self) -> Option<Next<'_>> {
        let given = self.current.as_ref()?;
        Some(given.next(&self.tape, self.file, self.summary.packets))
    }

    /// What is known of the capture so far.
    pub const fn summary(&self) -> &Summary {
        &self.summary
    }
}

/// Takes off the compression that `source` has, if any; `head` is the beginning of what is inside.
fn unpacked<R: Read>(
    source: R,
    head: &mut Vec<u8>,
    path: &str,
    limits: &Limits,
) -> Result<(Unpacked<R>, Packing), Error> {
    let mut source = Unpacked::plain(source);
    let mut packing = Packing::default();
    read_up_to(&mut source, head, FILE_HEAD)
        .map_err(|source| packing.error(path, head.len() as u64, source))?;
    let Some(compression) = Compression::tell(head) else {
        return Ok((source, packing));
    };
    let mut source = source.unpack(compression, std::mem::take(head), limits);
    packing = Packing {
        compression: Some(compression),
        fate: source.fate(),
    };
    read_up_to(&mut source, head, FILE_HEAD)
        .map_err(|source| packing.error(path, head.len() as u64, source))?;
    if head.is_empty() && packing.fate.is_cut() {
        return Err(Error::HeaderCut {
            path: path.to_owned(),
            offset_bytes: 0,
        });
    }
    Ok((source, packing))
}

impl Given {
    /// With its bytes, which are still where they lay; `number` is the frame's, if it is one.
    #[inline]
    fn next<'a, R: Read>(&self, tape: &'a Tape<R>, file: FileIndex, number: u64) -> Next<'a> {
        let packet = match self {
            Self::Packet(packet) => packet,
            Self::Secrets { kind, bytes } => {
                return Next::Secrets {
                    kind: *kind,
                    bytes: tape.data().get(bytes.clone()).unwrap_or_default(),
                };
            }
        };
        let at = FrameRef {
            file,
            no: FrameNo(number),
        };
        Next::Frame(packet.frame(tape.data(), at))
    }
}

/// How the file is compressed, and what became of that.
#[derive(Default)]
struct Packing {
    compression: Option<Compression>,
    fate: Fate,
}

impl Packing {
    /// The error of a read after `offset_bytes`.
    #[cold]
    fn error(&self, path: &str, offset_bytes: u64, source: io::Error) -> Error {
        match self.compression {
            Some(compression) if self.fate.is_damaged() => Error::Damaged {
                path: path.to_owned(),
                compression: compression.name(),
                offset_bytes,
                source,
            },
            _ => Error::Read {
                path: path.to_owned(),
                offset_bytes,
                source,
            },
        }
    }
}

/// The ring and where in the file it stands.
pub(super) struct Tape<R: Read> {
    ring: Ring<Unpacked<R>>,
    path: String,
    packing: Packing,
    /// File offset of the ring's first byte.
    offset: u64,
    /// Bytes given out, to be passed at the next step.
    held: usize,
}

impl<R: Read> Tape<R> {
    /// The bytes buffered from the position on.
    #[inline]
    pub(super) fn data(&self) -> &[u8] {
        self.ring.data()
    }

    /// The position in the file.
    pub(super) const fn offset(&self) -> u64 {
        self.offset
    }

    /// Whether `len` bytes follow; afterwards they are in [`Self::data`].
    #[inline]
    pub(super) fn holds(&mut self, len: usize) -> Result<bool, Error> {
        match self.ring.holds(len) {
            Ok(holds) => Ok(holds),
            Err(source) => Err(self.error(source)),
        }
    }

    #[cold]
    fn error(&self, source: io::Error) -> Error {
        self.packing.error(&self.path, self.end_of_data(), source)
    }

    /// What was held, from [`Self::data`]'s beginning on.
    pub(super) fn held(&self) -> &[u8] {
        self.data().get(..self.held).unwrap_or_default()
    }

    /// Leaves `len` bytes in place until the next step.
    #[inline]
    pub(super) const fn hold(&mut self, len: usize) {
        self.held = len;
    }

    /// Passes what was held.
    #[inline]
    pub(super) fn release(&mut self) {
        let held = std::mem::take(&mut self.held);
        self.ring.consume(held);
        self.offset += held as u64;
    }

    /// Passes `len` bytes at once, buffered or not; `false` if the file ends before.
    pub(super) fn skip(&mut self, len: u64) -> Result<bool, Error> {
        let mut left = len;
        while left > 0 {
            if !self.holds(1)? {
                return Ok(false);
            }
            let step = self
                .data()
                .len()
                .min(usize::try_from(left).unwrap_or(usize::MAX));
            self.ring.consume(step);
            self.offset += step as u64;
            left -= step as u64;
        }
        Ok(true)
    }

    /// Goes on until `stands` is true of what follows, a byte a step; `false` if it never was.
    /// `stands` may read ahead as far as its caps allow.
    pub(super) fn search(
        &mut self,
        mut stands: impl FnMut(&mut Self) -> Result<bool, Error>,
    ) -> Result<bool, Error> {
        while self.skip(1)? {
            if stands(self)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    pub(super) const fn end_of_held(&self) -> u64 {
        self.offset + self.held as u64
    }

    fn end_of_data(&self) -> u64 {
        self.offset + self.ring.data().len() as u64
    }
}
