//! Captures built from bytes, for tests.

use std::io::{self, Read};

use super::first_bytes::Order;

/// Writes numbers in one byte order.
#[derive(Clone, Debug)]
pub(crate) struct Bytes {
    pub(crate) order: Order,
    pub(crate) out: Vec<u8>,
}

impl Bytes {
    pub(crate) fn u16(&mut self, number: u16) -> &mut Self {
        self.out.extend(match self.order {
            Order::Little => number.to_le_bytes(),
            Order::Big => number.to_be_bytes(),
        });
        self
    }

    pub(crate) fn u32(&mut self, number: u32) -> &mut Self {
        self.out.extend(match self.order {
            Order::Little => number.to_le_bytes(),
            Order::Big => number.to_be_bytes(),
        });
        self
    }

    pub(crate) fn u64(&mut self, number: u64) -> &mut Self {
        self.out.extend(match self.order {
            Order::Little => number.to_le_bytes(),
            Order::Big => number.to_be_bytes(),
        });
        self
    }

    fn padded(&mut self, bytes: &[u8]) -> &mut Self {
        self.out.extend(bytes);
        self.out.resize(self.out.len().next_multiple_of(4), 0);
        self
    }
}

/// The three magic numbers of classic pcap.
pub(crate) const MICROS: u32 = 0xa1b2_c3d4;
pub(crate) const NANOS: u32 = 0xa1b2_3c4d;
pub(crate) const MODIFIED: u32 = 0xa1b2_cd34;

/// Builds a classic pcap.
#[derive(Clone, Debug)]
pub(crate) struct Pcap {
    pub(crate) bytes: Bytes,
    modified: bool,
}

impl Pcap {
    pub(crate) fn new(magic: u32, order: Order, link: u16) -> Self {
        let mut bytes = Bytes { order, out: vec![] };
        bytes.u32(magic).u16(2).u16(4).u32(0).u32(0);
        bytes.u32(65_535).u32(u32::from(link));
        Self {
            bytes,
            modified: magic == MODIFIED,
        }
    }

    pub(crate) fn record(&mut self, sec: u32, fraction: u32, orig: u32, data: &[u8]) -> &mut Self {
        let len = u32::try_from(data.len()).unwrap();
        self.bytes.u32(sec).u32(fraction).u32(len).u32(orig);
        if self.modified {
            self.bytes.u32(1).u16(0x0800).u16(0);
        }
        self.bytes.out.extend(data);
        self
    }
}

/// Builds a pcapng.
#[derive(Clone, Debug)]
pub(crate) struct PcapNg {
    pub(crate) bytes: Bytes,
}

impl PcapNg {
    pub(crate) fn new(order: Order) -> Self {
        let mut new = Self {
            bytes: Bytes { order, out: vec![] },
        };
        new.section(order);
        new
    }

    pub(crate) fn section(&mut self, order: Order) -> &mut Self {
        self.bytes.order = order;
        self.block(0x0a0d_0d0a, |body| {
            body.u32(0x1a2b_3c4d).u16(1).u16(0).u64(u64::MAX);
        })
    }

    pub(crate) fn block(&mut self, kind: u32, body: impl FnOnce(&mut Bytes)) -> &mut Self {
        let order = self.bytes.order;
        let mut inner = Bytes { order, out: vec![] };
        body(&mut inner);
        let len = u32::try_from(inner.out.len() + 12).unwrap();
        self.bytes.u32(kind).u32(len).padded(&inner.out).u32(len);
        self
    }

    pub(crate) fn interface(
        &mut self,
        link: u16,
        snaplen: u32,
        options: &[(u16, &[u8])],
    ) -> &mut Self {
        self.block(1, |body| {
            body.u16(link).u16(0).u32(snaplen);
            put_options(body, options);
        })
    }

    pub(crate) fn enhanced(
        &mut self,
        interface: u32,
        ticks: u64,
        orig: u32,
        data: &[u8],
        options: &[(u16, &[u8])],
    ) -> &mut Self {
        self.block(6, |body| {
            body.u32(interface);
            body.u32(u32::try_from(ticks >> 32).unwrap());
            body.u32(u32::try_from(ticks & 0xffff_ffff).unwrap());
            body.u32(u32::try_from(data.len()).unwrap()).u32(orig);
            body.padded(data);
            put_options(body, options);
        })
    }

    pub(crate) fn simple(&mut self, orig: u32, data: &[u8]) -> &mut Self {
        self.block(3, |body| {
            body.u32(orig).padded(data);
        })
    }

    pub(crate) fn statistics(&mut self, interface: u32, options: &[(u16, &[u8])]) -> &mut Self {
        self.block(5, |body| {
            body.u32(interface).u64(0);
            put_options(body, options);
        })
    }
}

fn put_options(body: &mut Bytes, options: &[(u16, &[u8])]) {
    for &(code, value) in options {
        body.u16(code).u16(u16::try_from(value.len()).unwrap());
        body.padded(value);
    }
    if !options.is_empty() {
        body.u32(0);
    }
}

/// Delivers at most `step` bytes a read, then fails if told to.
#[derive(Debug)]
pub(crate) struct Slow<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) step: usize,
    pub(crate) fails: Option<io::ErrorKind>,
    interrupted: bool,
}

impl<'a> Slow<'a> {
    pub(crate) fn new(bytes: &'a [u8], step: usize) -> Self {
        Self {
            bytes,
            step,
            fails: None,
            interrupted: false,
        }
    }
}

impl Read for Slow<'_> {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        self.interrupted = !self.interrupted;
        if self.interrupted {
            return Err(io::ErrorKind::Interrupted.into());
        }
        if let (true, Some(kind)) = (self.bytes.is_empty(), self.fails) {
            return Err(io::Error::new(kind, "the disk is gone"));
        }
        let len = self.step.min(space.len()).min(self.bytes.len());
        let (now, later) = self.bytes.split_at(len);
        space[..len].copy_from_slice(now);
        self.bytes = later;
        Ok(len)
    }
}
