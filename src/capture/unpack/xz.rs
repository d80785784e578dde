//! xz streams, one after the other, with padding between them.
//!
//! In: a `BufRead` at a stream. Out: what the streams hold; an error once all that was unpacked
//! before it is given out.
//!
//! Capped: the memory a block may ask for.
//!
//! # References
//! - the xz file format, 1.2.1

use std::io::{self, BufRead, Read};

use lzma_rust2::{Action, Status, XzStream};

/// What the decoder needs beside its dictionary.
const BESIDE_KIB: usize = 1 << 10;

/// Unpacks xz streams.
pub(super) struct Streams<R> {
    source: R,
    decoder: XzStream,
    /// Why it does not go on.
    failed: Option<io::Error>,
}

impl<R: BufRead> Streams<R> {
    /// Streams that ask for a dictionary of no more than `window` bytes.
    pub(super) fn new(source: R, window: usize) -> Self {
        let limit = u32::try_from((window >> 10) + BESIDE_KIB).unwrap_or(u32::MAX);
        Self {
            source,
            decoder: XzStream::new_mem_limit(true, limit),
            failed: None,
        }
    }
}

impl<R: BufRead> Read for Streams<R> {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        if space.is_empty() {
            return Ok(0);
        }
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        // Ends: each round takes bytes in, gives bytes out, or returns.
        loop {
            let input = self.source.fill_buf()?;
            let at_end = input.is_empty();
            let action = if at_end { Action::Finish } else { Action::Run };
            let before = self.decoder.total_out();
            match self.decoder.process(input, space, action) {
                Ok(step) => {
                    self.source.consume(step.bytes_consumed);
                    if step.bytes_produced > 0 || step.status == Status::StreamEnd {
                        return Ok(step.bytes_produced);
                    }
                    if at_end {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                    if step.bytes_consumed == 0 {
                        return Err(io::Error::new(
                            io::ErrorKind::InvalidData,
                            "the xz stream does not go on",
                        ));
                    }
                }
                Err(error) => {
                    let out = usize::try_from(self.decoder.total_out() - before).unwrap_or(0);
                    if out == 0 {
                        return Err(error);
                    }
                    self.failed = Some(error);
                    return Ok(out.min(space.len()));
                }
            }
        }
    }
}
