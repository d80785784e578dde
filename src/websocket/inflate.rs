//! permessage-deflate: the only file that names the decompressor.
//!
//! In: the payload of a compressed message, and the [`Window`] of its direction. Out: what it was.
//! One decompressor serves all directions; what a direction keeps from message to message is only
//! the end of what it sent, to which its sender may refer back. A sender that agreed not to
//! (`no_context_takeover`) just never does, so the handshake need not be known. Capped: a message
//! by `limit`, whatever it claims; a window by [`WINDOW_BYTES`].
//!
//! # References
//! - RFC 7692 §7.2.2 (decompression), RFC 1951

use flate2::{Decompress, FlushDecompress, Status};

/// Bytes: how far back a message may refer (RFC 1951 §2).
const WINDOW_BYTES: usize = 32 << 10;

/// What every message ends with, and what is left out of it (RFC 7692 §7.2.1).
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// The end of what a direction sent, decompressed.
#[derive(Debug, Default)]
pub(super) struct Window(Vec<u8>);

impl Window {
    /// Bytes of memory.
    pub(super) const fn cost(&self) -> usize {
        self.0.capacity()
    }

    /// Puts a message behind what is there, of which as much is forgotten.
    fn push(&mut self, message: &[u8]) {
        let from = message.len().saturating_sub(WINDOW_BYTES);
        let message = message.get(from..).unwrap_or_default();
        let kept = WINDOW_BYTES - message.len();
        if self.0.len() > kept {
            self.0.drain(..self.0.len() - kept);
        }
        self.0.reserve_exact(message.len());
        self.0.extend_from_slice(message);
    }
}

/// Decompresses messages.
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

    /// The message, which joins the window of its direction; `None` if it does not decompress, or
    /// to more than `limit` bytes. Then the window is empty: what is behind may refer to it, and
    /// if not it still comes.
    pub(super) fn message(
        &mut self,
        window: &mut Window,
        compressed: &[u8],
        limit: usize,
    ) -> Option<Vec<u8>> {
        self.0.reset(false);
        let message = if window.0.is_empty() || self.0.set_dictionary(&window.0).is_ok() {
            self.inflate(compressed, limit)
        } else {
            None
        };
        match &message {
            Some(message) => window.push(message),
            None => *window = Window::default(),
        }
        message
    }

    fn inflate(&mut self, compressed: &[u8], limit: usize) -> Option<Vec<u8>> {
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
        // The decompressor may still hold bytes that did not fit.
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
    use flate2::{Compress, Compression, FlushCompress};

    #[test]
    fn the_examples_of_the_rfc_are_inflated_with_their_context() {
        let mut inflater = Inflater::new();
        let mut window = Window::default();
        let first = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
        let second = [0xf2, 0x00, 0x11, 0x00, 0x00];
        let last_block = [0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00];
        for compressed in [&first[..], &second, &last_block, &last_block] {
            let message = inflater.message(&mut window, compressed, 99);
            assert_eq!(message.unwrap(), b"Hello");
        }
        // The second refers back to the first, which another direction has not sent.
        assert_eq!(inflater.message(&mut Window::default(), &second, 99), None);
    }

    #[test]
    fn directions_do_not_disturb_each_other_however_far_back_they_refer() {
        // Text that compresses well only against what stands up to 32 KiB before it.
        let text = |direction: usize, no: usize| -> Vec<u8> {
            let mut state = (direction * 7 + no % 9) as u32 + 1;
            (0..3000)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (state >> 24) as u8
                })
                .collect()
        };
        let mut compress = [0; 3].map(|_| Compress::new(Compression::best(), false));
        let mut windows = [0; 3].map(|_| Window::default());
        let mut inflater = Inflater::new();
        for no in 0..40 {
            for direction in 0..3 {
                let text = text(direction, no);
                let mut packed = Vec::with_capacity(8000);
                compress[direction]
                    .compress_vec(&text, &mut packed, FlushCompress::Sync)
                    .unwrap();
                packed.truncate(packed.len() - TAIL.len());
                assert!(no < 9 || packed.len() < 300, "{}", packed.len());
                let message = inflater.message(&mut windows[direction], &packed, 64 << 10);
                assert_eq!(message.unwrap(), text, "{direction} {no}");
                assert!(windows[direction].cost() <= WINDOW_BYTES);
            }
        }
    }

    #[test]
    fn a_bomb_stops_at_the_limit() {
        let mut compress = Compress::new(Compression::best(), false);
        let mut bomb = Vec::with_capacity(1 << 20);
        let zeros = vec![0; 8 << 20];
        compress
            .compress_vec(&zeros, &mut bomb, FlushCompress::Sync)
            .unwrap();
        let mut inflater = Inflater::new();
        let window = &mut Window::default();
        assert_eq!(inflater.message(window, &bomb, 64 << 10), None);
        assert_eq!(inflater.message(window, &[0xff; 40], 64 << 10), None);
        assert_eq!(window.cost(), 0);
    }
}
