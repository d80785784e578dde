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

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

/// Bytes: how far back a message may refer (RFC 1951 §2).
const WINDOW_BYTES: usize = 32 << 10;

/// What every message ends with, and what is left out of it (RFC 7692 §7.2.1).
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// The end of what a direction sent, decompressed; packed anew while the direction is idle and
/// memory is scarce, since the messages of one sender are much alike.
#[derive(Debug)]
pub(super) enum Window {
    /// As it was.
    Plain(Vec<u8>),
    /// Deflated.
    Packed(Box<[u8]>),
}

impl Default for Window {
    fn default() -> Self {
        Self::Plain(Vec::new())
    }
}

impl Window {
    /// Bytes of memory.
    pub(super) const fn cost(&self) -> usize {
        match self {
            Self::Plain(bytes) => bytes.capacity(),
            Self::Packed(bytes) => bytes.len(),
        }
    }

    /// Whether it could take less memory.
    pub(super) const fn is_plain(&self) -> bool {
        matches!(self, Self::Plain(bytes) if bytes.capacity() > 0)
    }
}

/// Puts a message behind what is there, of which as much is forgotten.
fn extend(window: &mut Vec<u8>, message: &[u8]) {
    let from = message.len().saturating_sub(WINDOW_BYTES);
    let message = message.get(from..).unwrap_or_default();
    let kept = WINDOW_BYTES - message.len();
    if window.len() > kept {
        window.drain(..window.len() - kept);
    }
    window.reserve_exact(message.len());
    window.extend_from_slice(message);
    window.shrink_to(WINDOW_BYTES);
}

/// Decompresses messages.
pub(super) struct Inflater {
    decompress: Decompress,
    /// Packs windows; made when the first one is to be packed.
    compress: Option<Compress>,
}

impl std::fmt::Debug for Inflater {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Inflater")
    }
}

impl Inflater {
    /// One that has seen nothing.
    pub(super) fn new() -> Self {
        Self {
            decompress: Decompress::new(false),
            compress: None,
        }
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
        let mut plain = match std::mem::take(window) {
            Window::Plain(bytes) => bytes,
            Window::Packed(bytes) => {
                self.decompress.reset(false);
                self.inflate(&bytes, WINDOW_BYTES)?
            }
        };
        self.decompress.reset(false);
        if !plain.is_empty() {
            self.decompress.set_dictionary(&plain).ok()?;
        }
        let message = self.inflate(compressed, limit)?;
        extend(&mut plain, &message);
        *window = Window::Plain(plain);
        Some(message)
    }

    /// Makes a window smaller, if it can be.
    pub(super) fn pack(&mut self, window: &mut Window) {
        let Window::Plain(plain) = window else { return };
        let compress = self
            .compress
            .get_or_insert_with(|| Compress::new(Compression::fast(), false));
        compress.reset();
        let mut packed = Vec::with_capacity(plain.len() + plain.len() / 8 + 128);
        let status = compress.compress_vec(plain, &mut packed, FlushCompress::Sync);
        let is_whole = compress.total_in() == u64::try_from(plain.len()).unwrap_or(u64::MAX);
        // The end that a message leaves out; `inflate` puts it there again.
        if status.is_ok() && is_whole && packed.ends_with(&TAIL) {
            packed.truncate(packed.len() - TAIL.len());
            *window = Window::Packed(packed.into_boxed_slice());
        }
    }

    fn inflate(&mut self, compressed: &[u8], limit: usize) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        for mut rest in [compressed, &TAIL] {
            while !rest.is_empty() {
                if out.len() > limit {
                    return None;
                }
                out.reserve(rest.len().saturating_mul(2).clamp(256, 16 << 10));
                let (consumed, produced) =
                    (self.decompress.total_in(), self.decompress.total_out());
                let status = self
                    .decompress
                    .decompress_vec(rest, &mut out, FlushDecompress::Sync)
                    .ok()?;
                let consumed = self.decompress.total_in() - consumed;
                let produced = self.decompress.total_out() - produced;
                rest = rest.get(usize::try_from(consumed).ok()?..)?;
                match status {
                    // A sender may end its stream and begin another (RFC 7692 §7.2.3.5).
                    Status::StreamEnd => self.decompress.reset(false),
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
            let produced = self.decompress.total_out();
            let status = self
                .decompress
                .decompress_vec(&[], &mut out, FlushDecompress::Sync);
            if status.is_err() || self.decompress.total_out() == produced {
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
            let mut state = u32::try_from(direction * 7 + no % 9).unwrap() + 1;
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
                let window = &mut windows[direction];
                let message = inflater.message(window, &packed, 64 << 10);
                assert_eq!(message.unwrap(), text, "{direction} {no}");
                assert!(window.cost() <= WINDOW_BYTES);
                // Packed or not makes no difference.
                if no % (direction + 2) == 0 {
                    inflater.pack(window);
                    assert!(!window.is_plain());
                }
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
