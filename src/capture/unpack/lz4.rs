//! lz4 frames, one after the other.
//!
//! In: a `BufRead` at a frame, and the [`Fate`] that knows whether it was read to its end. Out: what
//! the frames hold. The decoder says the same of a frame that ends well and of a file that ends
//! between two blocks; here they are told apart by whether it asked for more than there is.
//!
//! # References
//! - the lz4 frame format, 1.6.4

use std::io::{self, BufRead, Read};

use lz4_flex::frame::FrameDecoder;

use super::Fate;

/// Unpacks lz4 frames.
pub(super) struct Frames<R: Read> {
    decoder: FrameDecoder<R>,
    fate: Fate,
}

impl<R: BufRead> Frames<R> {
    /// The frames of `source`, whose end `fate` knows.
    pub(super) fn new(source: R, fate: Fate) -> Self {
        Self {
            decoder: FrameDecoder::new(source),
            fate,
        }
    }
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        if space.is_empty() {
            return Ok(0);
        }
        loop {
            let got = self.decoder.read(space)?;
            if got > 0 {
                return Ok(got);
            }
            if self.fate.at_end() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if self.decoder.get_mut().fill_buf()?.is_empty() {
                return Ok(0);
            }
        }
    }
}
