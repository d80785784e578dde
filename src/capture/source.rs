//! The bytes of a capture in a ring buffer.
//!
//! In: any `Read`. Out: a window of at least as many bytes as asked for, unless the input ends.
//! The ring is pcap-parser's; this file adds what it lacks: the first bytes are complete before it
//! is made, an I/O error keeps its cause, the buffer grows when it must, and the end of the input
//! is told from a full buffer. Capped by the caller, who says up to which size to grow.

use std::io::{self, Read};
use std::sync::{Arc, Mutex, PoisonError};

use pcap_parser::traits::PcapReaderIterator;
use pcap_parser::{LegacyPcapReader, PcapNGReader};

use super::first_bytes::Kind;

/// Large enough that moving the last unfinished record to the front costs nothing beside the
/// records; small enough to stay in a processor's second-level cache.
pub(super) const RING_BYTES: usize = 256 << 10;

/// A `Read` that first gives back what was read ahead, and keeps the cause of an error.
#[derive(Debug)]
struct Source<R> {
    head: io::Cursor<Vec<u8>>,
    rest: R,
    failed: Failure,
}

/// Where the [`Source`] inside a ring leaves the cause of its failure.
type Failure = Arc<Mutex<Option<io::Error>>>;

impl<R: Read> Read for Source<R> {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        let from_head = self.head.read(space)?;
        if from_head > 0 {
            return Ok(from_head);
        }
        read_some(&mut self.rest, space).map_err(|error| {
            let kind = error.kind();
            *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            io::Error::from(kind)
        })
    }
}

/// One read that is not given up because a signal came.
pub(super) fn read_some(source: &mut impl Read, space: &mut [u8]) -> io::Result<usize> {
    loop {
        match source.read(space) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

/// Reads until `head` has `len` bytes or the input ends.
pub(super) fn read_up_to(source: &mut impl Read, head: &mut Vec<u8>, len: usize) -> io::Result<()> {
    while head.len() < len {
        let old = head.len();
        // Step by step, so that a length read from the file does not decide what is allocated.
        head.resize(len.min(old + RING_BYTES), 0);
        let got = match read_some(source, head.get_mut(old..).unwrap_or_default()) {
            Ok(got) => got,
            Err(error) => {
                head.truncate(old);
                return Err(error);
            }
        };
        head.truncate(old + got);
        if got == 0 {
            break;
        }
    }
    Ok(())
}

/// The ring buffer.
pub(super) struct Ring<R: Read> {
    inner: Inner<R>,
    capacity: usize,
    failed: Failure,
}

enum Inner<R: Read> {
    Classic(LegacyPcapReader<Source<R>>),
    Ng(PcapNGReader<Source<R>>),
}

/// A 24-byte file head that pcap-parser knows; nothing of it is used.
const PLAIN_HEAD: [u8; 24] = [
    0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0,
];

impl<R: Read> Ring<R> {
    /// A ring that begins with `head`: of a classic pcap its 24 bytes of file head, of a pcapng
    /// its whole first section header block. `None` if pcap-parser does not accept the head.
    pub(super) fn new(kind: Kind, head: Vec<u8>, rest: R) -> Option<Self> {
        let failed = Failure::default();
        let capacity = RING_BYTES.max(head.len().saturating_mul(2));
        let head = match kind {
            // pcap-parser refuses the byte-swapped form of the "modified" pcap.
            Kind::Classic { modified: true, .. } => PLAIN_HEAD.to_vec(),
            _ => head,
        };
        let source = Source {
            head: io::Cursor::new(head),
            rest,
            failed: Arc::clone(&failed),
        };
        let inner = match kind {
            Kind::Classic { .. } => Inner::Classic(LegacyPcapReader::new(capacity, source).ok()?),
            Kind::Ng => Inner::Ng(PcapNGReader::new(capacity, source).ok()?),
        };
        Some(Self {
            inner,
            capacity,
            failed,
        })
    }

    /// What is buffered from the current position on.
    #[inline]
    pub(super) fn data(&self) -> &[u8] {
        match &self.inner {
            Inner::Classic(ring) => ring.data(),
            Inner::Ng(ring) => ring.data(),
        }
    }

    /// Moves the position on; bytes stay where they are.
    #[inline]
    pub(super) fn consume(&mut self, len: usize) {
        match &mut self.inner {
            Inner::Classic(ring) => ring.consume_noshift(len),
            Inner::Ng(ring) => ring.consume_noshift(len),
        }
    }

    /// Whether `len` bytes are buffered, after reading what it takes; `false` only at the end of
    /// the input. The buffer grows to hold them: the caller has checked `len` against its cap.
    #[inline]
    pub(super) fn holds(&mut self, len: usize) -> io::Result<bool> {
        if self.data().len() >= len {
            return Ok(true);
        }
        self.fill(len)
    }

    #[cold]
    fn fill(&mut self, len: usize) -> io::Result<bool> {
        if len > self.capacity {
            let ring = self.as_dyn();
            // A step more than asked, so that the next record does not grow it again.
            let wanted = len.saturating_add(len / 4);
            ring.grow(wanted);
            self.capacity = wanted;
        }
        // Ends: each round adds a byte or meets the end of the input, because the buffer has room
        // (with a full one `refill` would answer that all is well, and add nothing).
        while self.data().len() < len {
            let before = self.data().len();
            if self.as_dyn().refill().is_err() {
                return Err(self.cause());
            }
            if self.data().len() == before {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn as_dyn(&mut self) -> &mut dyn PcapReaderIterator {
        match &mut self.inner {
            Inner::Classic(ring) => ring,
            Inner::Ng(ring) => ring,
        }
    }

    fn cause(&self) -> io::Error {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed
            .take()
            .unwrap_or_else(|| io::Error::other("the reader failed without a cause"))
    }
}
