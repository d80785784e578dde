//! permessage-deflate: the only file that names the decompressor.
//!
//! In: the payload of a compressed message. Out: what it was. What the sender refers back to is
//! kept from message to message; a sender that agreed not to (`no_context_takeover`) just never
//! does, so the handshake need not be known. Capped: a message by `limit`, whatever it claims.
//!
//! # References
//! - RFC 7692 §7.2.2 (decompression), RFC 1951

use flate2::{Decompress, FlushDecompress, Status};

/// Bytes a decompressor keeps: a window of 32 KiB and its tables.
pub(super) const COST: usize = 48 << 10;

/// What every message ends with, and what is left out of it (RFC 7692 §7.2.1).
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// Decompresses the messages of one direction.
pub(super) struct Inflater(Decompress);

impl std::fmt::Debug for Inflater {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Inflater")
    }
}

impl Inflater {
    /// One that has seen nothing.
    pub(super) fn new() -> Self {
        Self(Decompress::new(false))
    }

    /// The message; `None` if it does not decompress, or to more than `limit` bytes.
    pub(super) fn message(&mut self, compressed: &[u8], limit: usize) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        for mut rest in [compressed, &TAIL] {
            while !rest.is_empty() {
                if out.len() > limit {
                    return None;
                }
                out.reserve(rest.len().saturating_mul(2).clamp(256, 16 << 10));
                let (consumed, produced) = (self.0.total_in(), self.0.total_out());
                let status = self
                    .0
                    .decompress_vec(rest, &mut out, FlushDecompress::Sync)
                    .ok()?;
                let consumed = self.0.total_in() - consumed;
                let produced = self.0.total_out() - produced;
                rest = rest.get(usize::try_from(consumed).ok()?..)?;
                match status {
                    // A sender may end its stream and begin another (RFC 7692 §7.2.3.5).
                    Status::StreamEnd => self.0.reset(false),
                    _ if consumed == 0 && produced == 0 => return None,
                    _ => {}
                }
            }
        }
        // The window may still hold bytes that did not fit.
        loop {
            if out.len() > limit {
                return None;
            }
            out.reserve(4 << 10);
            let produced = self.0.total_out();
            let status = self.0.decompress_vec(&[], &mut out, FlushDecompress::Sync);
            if status.is_err() || self.0.total_out() == produced {
                break;
            }
        }
        (out.len() <= limit).then_some(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_rfc_are_inflated_with_their_context() {
        let mut inflater = Inflater::new();
        let first = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
        let second = [0xf2, 0x00, 0x11, 0x00, 0x00];
        assert_eq!(inflater.message(&first, 99).unwrap(), b"Hello");
        assert_eq!(inflater.message(&second, 99).unwrap(), b"Hello");
        let last_block = [0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00];
        let mut inflater = Inflater::new();
        assert_eq!(inflater.message(&last_block, 99).unwrap(), b"Hello");
        assert_eq!(inflater.message(&last_block, 99).unwrap(), b"Hello");
    }

    #[test]
    fn a_bomb_stops_at_the_limit() {
        let mut compress = flate2::Compress::new(flate2::Compression::best(), false);
        let mut bomb = Vec::with_capacity(1 << 20);
        let zeros = vec![0; 8 << 20];
        compress
            .compress_vec(&zeros, &mut bomb, flate2::FlushCompress::Sync)
            .unwrap();
        assert_eq!(Inflater::new().message(&bomb, 64 << 10), None);
        assert_eq!(Inflater::new().message(&[0xff; 40], 64 << 10), None);
    }
}
