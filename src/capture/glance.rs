//! A glance at a capture: whether it is one, and when it begins.
//!
//! In: a file. Out: what its first bytes tell. The file is read in small steps and no further than
//! its first frame, because there may be thousands.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::{Error, Format, Next, Reader};
use crate::limits::Limits;
use crate::units::{FileIndex, Timestamp};

/// Bytes a read.
const GLANCE_BYTES: usize = 8 << 10;

/// Small reads of a file of which only the beginning is wanted.
pub(super) struct Glance(pub(super) File);

impl Read for Glance {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        let len = space.len().min(GLANCE_BYTES);
        self.0.read(space.get_mut(..len).unwrap_or_default())
    }
}

/// The time of a capture's first frame, if it has one that can be read, and how it is written.
pub(super) fn begins(
    bytes: Box<dyn Read>,
    path: &str,
    limits: &Limits,
) -> Result<(Option<Timestamp>, Format), Error> {
    let mut reader = Reader::open(bytes, path, FileIndex::default(), limits)?;
    loop {
        match reader.next_frame() {
            Ok(Next::Frame(_) | Next::End) | Err(_) => {
                return Ok((reader.summary().first, reader.summary().format));
            }
            Ok(_) => {}
        }
    }
}

/// Whether a file is a capture, compressed or not, by its first bytes.
pub fn is_capture(path: &Path, limits: &Limits) -> io::Result<bool> {
    let file = Glance(File::open(path)?);
    let reader = Reader::open(file, "", FileIndex::default(), limits);
    Ok(!matches!(
        reader,
        Err(Error::NotACapture { .. } | Error::Empty { .. } | Error::Damaged { .. })
    ))
}
