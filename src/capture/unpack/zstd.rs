//! zstd frames, one after the other.
//!
//! In: a `BufRead` at a frame. Out: what the frames hold; an error once all that was unpacked
//! before it is given out. Frames to be skipped are. The decoder keeps back a window until its
//! frame ends, so a frame that fails is brought to an end first.
//!
//! Capped: the window a frame may ask for.
//!
//! # References
//! - RFC 8878 §3.1

use std::io::{self, BufRead, Read};

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// An empty last block without compression, and a checksum that is not compared (RFC 8878 §3.1.1.2).
const END_OF_FRAME: &[u8] = &[1, 0, 0, 0, 0, 0, 0];

/// Unpacks zstd frames.
pub(super) struct Frames<R> {
    source: R,
    decoder: FrameDecoder,
    in_frame: bool,
    /// Why the frame could not be unpacked to its end.
    failed: Option<io::Error>,
}

impl<R: BufRead> Frames<R> {
    /// Frames that ask for no more than `window` bytes.
    pub(super) fn new(source: R, window: usize) -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(window as u64);
        Self {
            source,
            decoder,
            in_frame: false,
            failed: None,
        }
    }

    /// Begins the next frame; `false` at the end of the file.
    fn begin(&mut self) -> io::Result<bool> {
        loop {
            if self.source.fill_buf()?.is_empty() {
                return Ok(false);
            }
            match self.decoder.init(&mut self.source) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let length = u64::from(length);
                    let mut skipped = (&mut self.source).take(length);
                    if io::copy(&mut skipped, &mut io::sink())? < length {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                Err(error) => return Err(io::Error::other(error)),
            }
        }
    }

    /// Unpacks a block.
    fn block(&mut self) {
        let one = || BlockDecodingStrategy::UptoBlocks(1);
        if let Err(error) = self.decoder.decode_blocks(&mut self.source, one()) {
            self.failed = Some(io::Error::other(error));
            // Makes the decoder give out its window.
            let ended = self.decoder.decode_blocks(END_OF_FRAME, one());
            self.in_frame = ended.is_ok();
        }
    }

    /// Ends the frame of which all was given out.
    fn end(&mut self) -> io::Result<()> {
        self.in_frame = false;
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        let said = self.decoder.get_checksum_from_data();
        if said.is_some() && said != self.decoder.get_calculated_checksum() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the checksum of a zstd frame is not that of its content",
            ));
        }
        Ok(())
    }
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        if space.is_empty() {
            return Ok(0);
        }
        // Ends: each round gives out bytes, takes a block or a frame's head, or returns.
        loop {
            if !self.in_frame {
                if let Some(error) = self.failed.take() {
                    return Err(error);
                }
                self.in_frame = self.begin()?;
                if !self.in_frame {
                    return Ok(0);
                }
            }
            let got = self.decoder.read(space)?;
            if got > 0 {
                return Ok(got);
            }
            if self.decoder.is_finished() {
                self.end()?;
            } else {
                self.block();
            }
        }
    }
}
