//! `Meter`: how much was read so far, for whoever watches from another thread.
//!
//! In: reads of the captures as they lie on the disk, compressed or not. Out: two numbers. They
//! are touched once a read of many packets, never once a packet.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Packets between two tellings; a power of two.
const PACKETS_A_TELLING: u64 = 4096;

/// What was read so far.
#[derive(Debug, Default)]
pub struct Meter {
    bytes: AtomicU64,
    packets: AtomicU64,
}

impl Meter {
    /// Bytes of the files, as they lie on the disk.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Packets, in steps of some thousands.
    pub fn packets(&self) -> u64 {
        self.packets.load(Ordering::Relaxed)
    }

    /// Counts from nothing: another reading begins, and none is under way.
    pub fn restart(&self) {
        self.bytes.store(0, Ordering::Relaxed);
        self.packets.store(0, Ordering::Relaxed);
    }

    /// Says how many packets were read so far; told on only now and then.
    #[inline]
    pub fn read_packets(&self, packets: u64) {
        if packets.is_multiple_of(PACKETS_A_TELLING) {
            self.packets.store(packets, Ordering::Relaxed);
        }
    }
}

/// A source whose reads are counted.
#[derive(Debug)]
pub(super) struct Metered<R> {
    pub(super) inner: R,
    pub(super) meter: Arc<Meter>,
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        let got = self.inner.read(space)?;
        self.meter.bytes.fetch_add(got as u64, Ordering::Relaxed);
        Ok(got)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_read_is_counted_once() {
        let meter = Arc::new(Meter::default());
        let mut source = Metered {
            inner: [7_u8; 1000].as_slice(),
            meter: Arc::clone(&meter),
        };
        let mut space = [0; 300];
        while source.read(&mut space).unwrap() > 0 {}
        assert_eq!(meter.bytes(), 1000);
        meter.read_packets(PACKETS_A_TELLING);
        meter.restart();
        assert_eq!((meter.bytes(), meter.packets()), (0, 0));
    }
}
