//! Compressed captures, told by their first bytes and unpacked as they are read.
//!
//! In: any `Read`, and the bytes that were read of it to tell what it is. Out: a `Read` of what is
//! inside, and its [`Fate`]: whether the compressed data end before they should, or are damaged.
//! gzip members, zstd frames, lz4 frames, xz streams and bzip2 streams may follow each other.
//!
//! Always: what was packed before a fault is given out first (of damaged gzip and bzip2 up to
//! [`STEP_BYTES`] less). Capped: what a file may ask for to be unpacked, by
//! [`Limits::unpack_window_bytes`]; how much comes out is not, because nobody keeps it. xz also
//! remembers 16 bytes for each block of a stream.
//!
//! # References
//! - RFC 1952 (gzip), RFC 8878 (zstd), the lz4 frame format, the xz file format

use std::io::{self, BufReader, Cursor, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bzip2::bufread::MultiBzDecoder;
use flate2::bufread::MultiGzDecoder;

use super::source::read_some;
use crate::limits::Limits;

mod lz4;
mod xz;
mod zstd;

/// Bytes read ahead of a compressed file.
const BUFFER_BYTES: usize = 64 << 10;

/// Bytes unpacked at once where a decoder that meets damage does not say what it gave out before.
const STEP_BYTES: usize = 16 << 10;

/// The compressions we take off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
    /// The frame format of lz4.
    Lz4,
    /// xz.
    Xz,
    /// bzip2.
    Bzip2,
}

impl Compression {
    /// What the first bytes of a file say, at least 6 of them where it has so many.
    pub fn tell(head: &[u8]) -> Option<Self> {
        match head {
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            // The second is a frame to be skipped, with which parallel packers begin.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Self::Zstd),
            [0x04, 0x22, 0x4d, 0x18, ..] => Some(Self::Lz4),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Self::Xz),
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => Some(Self::Bzip2),
            _ => None,
        }
    }

    /// The name the JSON uses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Lz4 => "lz4",
            Self::Xz => "xz",
            Self::Bzip2 => "bzip2",
        }
    }

    /// What to do about a file that is packed twice, this way outside.
    pub(super) const fn twice(self) -> &'static str {
        match self {
            Self::Gzip => "it is packed twice; unpack it once: gzip -dc FILE | sipannotate -",
            Self::Zstd => "it is packed twice; unpack it once: zstd -dc FILE | sipannotate -",
            Self::Lz4 => "it is packed twice; unpack it once: lz4 -dc FILE | sipannotate -",
            Self::Xz => "it is packed twice; unpack it once: xz -dc FILE | sipannotate -",
            Self::Bzip2 => "it is packed twice; unpack it once: bzip2 -dc FILE | sipannotate -",
        }
    }
}

/// What became of the compressed data; shared with the [`Unpacked`] that reads them.
#[derive(Clone, Debug, Default)]
pub(super) struct Fate(Arc<Marks>);

#[derive(Debug, Default)]
struct Marks {
    /// The file was read to its end.
    at_end: AtomicBool,
    /// The file could not be read, which has nothing to do with its compression.
    unreadable: AtomicBool,
    cut: AtomicBool,
    damaged: AtomicBool,
}

impl Fate {
    /// The compressed data end before they should.
    pub(super) fn is_cut(&self) -> bool {
        self.0.cut.load(Ordering::Relaxed)
    }

    /// The compressed data make no sense, and the error that was given says why.
    pub(super) fn is_damaged(&self) -> bool {
        self.0.damaged.load(Ordering::Relaxed)
    }

    /// The file was read to its end.
    fn at_end(&self) -> bool {
        self.0.at_end.load(Ordering::Relaxed)
    }

    fn unreadable(&self) -> bool {
        self.0.unreadable.load(Ordering::Relaxed)
    }
}

/// A `Read` that notes in a [`Fate`] how the file behind it ends.
struct Watched<R> {
    inner: R,
    fate: Fate,
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        // Not every decoder goes on after an interrupted read.
        let got = read_some(&mut self.inner, space);
        let marks = &self.fate.0;
        match &got {
            Ok(0) if !space.is_empty() => marks.at_end.store(true, Ordering::Relaxed),
            Err(_) => marks.unreadable.store(true, Ordering::Relaxed),
            Ok(_) => {}
        }
        got
    }
}

/// The file as its decoder reads it: first what was read to tell what it is.
type Packed<R> = BufReader<Watched<io::Chain<Cursor<Vec<u8>>, R>>>;

/// A source with its compression, if it has one, taken off.
pub(super) struct Unpacked<R: Read> {
    form: Form<R>,
    fate: Fate,
    ended: bool,
}

enum Form<R: Read> {
    Plain(R),
    Gzip(Box<MultiGzDecoder<Packed<R>>>),
    Zstd(Box<zstd::Frames<Packed<R>>>),
    Lz4(Box<lz4::Frames<Packed<R>>>),
    Xz(Box<xz::Streams<Packed<R>>>),
    Bzip2(Box<MultiBzDecoder<Packed<R>>>),
}

impl<R: Read> Unpacked<R> {
    /// Not compressed.
    pub(super) fn plain(source: R) -> Self {
        Self {
            form: Form::Plain(source),
            fate: Fate::default(),
            ended: false,
        }
    }

    /// Unpacks `head` and what follows it; nothing that is unpacked already.
    pub(super) fn unpack(self, compression: Compression, head: Vec<u8>, limits: &Limits) -> Self {
        let Form::Plain(source) = self.form else {
            return self;
        };
        let fate = Fate::default();
        let watched = Watched {
            inner: Cursor::new(head).chain(source),
            fate: fate.clone(),
        };
        let packed = BufReader::with_capacity(BUFFER_BYTES, watched);
        let window = limits.unpack_window_bytes;
        let form = match compression {
            Compression::Gzip => Form::Gzip(Box::new(MultiGzDecoder::new(packed))),
            Compression::Zstd => Form::Zstd(Box::new(zstd::Frames::new(packed, window))),
            Compression::Lz4 => Form::Lz4(Box::new(lz4::Frames::new(packed, fate.clone()))),
            Compression::Xz => Form::Xz(Box::new(xz::Streams::new(packed, window))),
            Compression::Bzip2 => Form::Bzip2(Box::new(MultiBzDecoder::new(packed))),
        };
        Self {
            form,
            fate,
            ended: false,
        }
    }

    /// What becomes of the compressed data.
    pub(super) fn fate(&self) -> Fate {
        self.fate.clone()
    }
}

impl<R: Read> Read for Unpacked<R> {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        if self.ended {
            return Ok(0);
        }
        let step = space.len().min(STEP_BYTES);
        let stepped = space.get_mut(..step).unwrap_or_default();
        let got = match &mut self.form {
            Form::Plain(source) => return source.read(space),
            Form::Gzip(members) => members.read(stepped),
            Form::Bzip2(streams) => streams.read(stepped),
            Form::Zstd(frames) => frames.read(space),
            Form::Lz4(frames) => frames.read(space),
            Form::Xz(streams) => streams.read(space),
        };
        match got {
            Ok(0) if !space.is_empty() => {
                self.ended = true;
                Ok(0)
            }
            Ok(got) => Ok(got),
            Err(error) => {
                self.ended = true;
                if self.fate.unreadable() {
                    return Err(error);
                }
                // A decoder that asked for more than there is has met a cut, not damage.
                let cut = self.fate.at_end();
                let marks = &self.fate.0;
                marks.cut.store(cut, Ordering::Relaxed);
                marks.damaged.store(!cut, Ordering::Relaxed);
                if cut { Ok(0) } else { Err(error) }
            }
        }
    }
}

#[cfg(test)]
mod tests;
