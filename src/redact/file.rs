//! File: a capture written anew with pseudonyms.
//!
//! In: captures that can be read twice, and a [`Key`]. Out: a pcapng of its packets: their times,
//! lengths, link types and redacted bytes, what the capturing machine says it dropped, and a comment
//! that says what was done. Comments, names, secrets, descriptions of interfaces and blocks of other
//! makers are not taken over.
//!
//! [`check`] reads it back and looks for what the input held.
//!
//! # References
//! - draft-ietf-opsawg-pcapng

use std::io::{self, Read, Write};
use std::net::IpAddr;

use super::engine::{Engine, Held};
use super::key::Key;
use super::leaks::{Leak, Values};
use super::message;
use super::numbers::Numbers;
use super::pseudonyms::Pseudonyms;
use crate::capture::{self, Next, Piece, Reader};
use crate::defect::DefectKind;
use crate::limits::Limits;
use crate::packet::Decoder;
use crate::packet::trace::{Trace, What};
use crate::units::FileIndex;

/// What the section's comment says.
const COMMENT: &str = "Redacted by sipannotate: telephone numbers, users, hosts, names, addresses, \
identifiers and secrets are pseudonyms; equal values stay equal, and other forms of a number stay that. \
PASSporTs were encoded again and no longer verify. What carries no SIP, or could not be decoded, \
is zeros behind its headers.";

/// Interface of what has none of its own.
const NO_INTERFACE: u32 = 0;

/// Why a capture could not be redacted.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The capture could not be read.
    #[error(transparent)]
    Capture(#[from] capture::Error),
    /// What was written cannot be read back.
    #[error("cannot read back what was written")]
    Read(#[source] io::Error),
    /// What is written could not be.
    #[error("cannot write the redacted capture")]
    Write(#[source] io::Error),
    /// A value of the input stands in a report of the redacted capture.
    #[error("byte {offset_bytes} and on: there is still {leak}")]
    LeakInText {
        /// Where the piece begins that holds it.
        offset_bytes: u64,
        /// The value.
        leak: Leak,
    },
    /// A value of the input stands in the output.
    #[error("frame {frame} of the redacted capture still holds {leak}")]
    Leak {
        /// The frame.
        frame: u64,
        /// The value.
        leak: Leak,
    },
}

/// What was done to one capture.
#[derive(Clone, Copy, Debug)]
pub struct Told {
    /// Packets written.
    pub packets: u64,
    /// The capture ends inside a packet.
    pub cut_short: bool,
}

/// Captures that get the same pseudonyms: each is read once by [`Self::collect`], then, after
/// [`Self::settle`], once by [`Self::write`].
#[derive(Debug)]
pub struct Redaction {
    pseudonyms: Pseudonyms,
    limits: Limits,
}

impl Redaction {
    /// A redaction under a key.
    pub fn new(key: Key, limits: &Limits) -> Self {
        Self {
            pseudonyms: Pseudonyms::new(key, limits),
            limits: *limits,
        }
    }

    /// Remembers what a capture holds; its interfaces are what [`Self::write`] is told.
    pub fn collect(&mut self, capture: impl Read, path: &str) -> Result<Interfaces, Error> {
        let mut engine = Engine::new(&self.limits);
        let mut reader = Reader::open(capture, path, FileIndex(0), &self.limits)?;
        let mut nowhere = |_| Ok::<_, Error>(());
        loop {
            match reader.next_frame()? {
                Next::Frame(frame) => engine.push(&frame, &mut self.pseudonyms, &mut nowhere)?,
                Next::Defect(_) | Next::Secrets { .. } | Next::CutShort { .. } => {}
                Next::End => break,
            }
        }
        engine.finish(&mut self.pseudonyms, &mut nowhere)?;
        Ok(Interfaces::of(reader.summary()))
    }

    /// All captures were collected.
    pub fn settle(&mut self) {
        self.pseudonyms.settle();
    }

    /// Writes a capture that was collected, with pseudonyms.
    pub fn write(
        &mut self,
        capture: impl Read,
        path: &str,
        interfaces: &Interfaces,
        out: &mut dyn Write,
    ) -> Result<Told, Error> {
        let mut engine = Engine::new(&self.limits);
        let mut reader = Reader::open(capture, path, FileIndex(0), &self.limits)?;
        let mut file = File {
            out,
            packets: 0,
            dropped: 0,
        };
        file.begin(interfaces).map_err(Error::Write)?;
        let mut cut_short = false;
        loop {
            match reader.next_frame()? {
                Next::Frame(frame) => {
                    engine.push(&frame, &mut self.pseudonyms, &mut |held| {
                        file.packet(&held).map_err(Error::Write)
                    })?;
                }
                Next::Defect(defect) if defect.kind == DefectKind::Dropped => {
                    file.dropped(defect.count).map_err(Error::Write)?;
                }
                Next::Defect(_) | Next::Secrets { .. } => {}
                Next::CutShort { .. } => cut_short = true,
                Next::End => break,
            }
        }
        engine.finish(&mut self.pseudonyms, &mut |held| {
            file.packet(&held).map_err(Error::Write)
        })?;
        let packets = file.packets;
        out.flush().map_err(Error::Write)?;
        Ok(Told { packets, cut_short })
    }

    /// What a Call-ID of the captures has become, after [`Self::settle`].
    pub fn call_id(&mut self, call_id: &[u8]) -> Vec<u8> {
        let mut replaced = call_id.to_vec();
        message::call_id(&mut replaced, &mut self.pseudonyms);
        replaced
    }

    /// What an address has become, after [`Self::settle`].
    pub fn address(&mut self, address: IpAddr) -> IpAddr {
        match address {
            IpAddr::V4(address) => {
                let mut octets = address.octets();
                self.pseudonyms.packed(&mut octets);
                octets.into()
            }
            IpAddr::V6(address) => {
                let mut octets = address.octets();
                self.pseudonyms.packed(&mut octets);
                octets.into()
            }
        }
    }

    /// The values that must not be left.
    pub fn values(&self) -> &Values {
        &self.pseudonyms.values
    }

    /// There were more values than are remembered: some pseudonym may be a value of the capture, and
    /// some value was not looked for.
    pub fn is_full(&self) -> bool {
        self.pseudonyms.is_full
    }

    /// Values whose pseudonym is another value of the captures, as there was no other of its form.
    pub fn met(&self) -> u64 {
        self.pseudonyms.met
    }
}

/// Link type and snap length of the interfaces of a capture.
#[derive(Clone, Debug)]
pub struct Interfaces(Vec<(u16, u32)>);

impl Interfaces {
    fn of(summary: &capture::Summary) -> Self {
        let each = summary.interfaces.iter();
        Self(
            each.map(|interface| (interface.link.0, interface.snaplen))
                .collect(),
        )
    }
}

/// Reads a redacted capture and looks for values that must not be left in it: in its packets, and in
/// what blocks say beside them, comments most of all.
pub fn check(
    redacted: impl Read,
    path: &str,
    values: &Values,
    limits: &Limits,
) -> Result<(), Error> {
    let mut reader = Reader::open(redacted, path, FileIndex(0), limits)?;
    let mut decoder = Decoder::traced(limits);
    let mut spare = Trace::new();
    let mut last = 0;
    loop {
        let (packet, mut said) = match reader.next_piece()? {
            Piece::Block(block) => {
                last = block.no.map_or(last, |no| no.0);
                (block.packet, block.bytes)
            }
            Piece::Record { frame, .. } => {
                last = frame.at.no.0;
                (Some(frame), Default::default())
            }
            Piece::End => return Ok(()),
            _ => continue,
        };
        let leak = |leak| Error::Leak { frame: last, leak };
        if let Some(frame) = &packet {
            decoder.push(frame, &mut |_| {}, &mut |_| {});
            let trace = decoder.take_trace(spare);
            if let Some(found) = packed_leak(frame.captured, &trace, values) {
                return Err(leak(found));
            }
            spare = trace;
            if let Some(found) = values.left_in(frame.captured) {
                return Err(leak(found));
            }
            // Its options stand behind it.
            let base = frame.captured.as_ptr().addr();
            let end = base.wrapping_sub(said.as_ptr().addr()) + frame.captured.len();
            said = said.get(end..).unwrap_or_default();
        }
        if let Some(found) = values.left_in_prose(said) {
            return Err(leak(found));
        }
    }
}

/// Bytes of a text that are looked through at once.
const STRETCH: usize = 1 << 20;

/// Looks through what the program wrote of a redacted capture: reports and their like.
pub fn check_text(mut text: impl Read, values: &Values) -> Result<(), Error> {
    let mut held = Vec::new();
    let mut offset_bytes = 0;
    loop {
        let wanted = u64::try_from(STRETCH).unwrap_or(u64::MAX);
        let read = text.by_ref().take(wanted).read_to_end(&mut held);
        let is_end = read.map_err(Error::Read)? == 0;
        // No token is cut in two, unless it is as long as all that is held.
        let is_between = |byte: &u8| byte.is_ascii_whitespace() || *byte == b'"';
        let end = match held.iter().rposition(is_between) {
            Some(at) if !is_end => at + 1,
            _ => held.len(),
        };
        let whole: Vec<u8> = held.drain(..end).collect();
        if let Some(leak) = values.left_in_prose(&whole) {
            return Err(Error::LeakInText { offset_bytes, leak });
        }
        if is_end {
            return Ok(());
        }
        offset_bytes += whole.len() as u64;
    }
}

/// The first address that stands packed in a frame: in the heads that `trace` names, or where no number may
/// spell it by chance.
fn packed_leak(frame: &[u8], trace: &Trace, values: &Values) -> Option<Leak> {
    let base = frame.as_ptr().addr();
    let mut numbers = Numbers::of(frame);
    for mark in trace {
        let at = mark.at.wrapping_sub(base);
        let Some(head) = frame.get(at..).filter(|head| !head.is_empty()) else {
            continue;
        };
        match mark.what {
            What::Ip => {
                if let Some(found) = head_leak(head, values) {
                    return Some(found);
                }
                numbers.ip(at);
            }
            What::Transport(protocol) => numbers.transport(protocol, at, mark.len),
            // The first begins as the whole does.
            What::Fragment(piece) if piece.offset_bytes == 0 => {
                numbers.transport(piece.protocol, at, mark.len);
            }
            What::Fragment(_) | What::Link(_) | What::Whole(_) => {}
        }
    }
    let mut others = numbers.others().into_iter();
    others.find_map(|part| values.packed_in(part))
}

fn head_leak(head: &[u8], values: &Values) -> Option<Leak> {
    match head.first()? >> 4 {
        4 => [12, 16].iter().find_map(|at| {
            let octets: [u8; 4] = *head.get(*at..)?.first_chunk()?;
            Some(octets.into())
                .filter(|it| values.has_address(*it))
                .map(Leak::Address)
        }),
        _ => [8, 24].iter().find_map(|at| {
            let octets: [u8; 16] = *head.get(*at..)?.first_chunk()?;
            Some(octets.into())
                .filter(|it| values.has_address(*it))
                .map(Leak::Address)
        }),
    }
}

struct File<'o> {
    out: &'o mut dyn Write,
    packets: u64,
    dropped: u64,
}

impl File<'_> {
    /// The section, and all its interfaces.
    fn begin(&mut self, interfaces: &Interfaces) -> io::Result<()> {
        let mut body = Vec::new();
        // Byte order, version 1.0, a length that is not told.
        body.extend_from_slice(&0x1a2b_3c4d_u32.to_le_bytes());
        body.extend_from_slice(&[1, 0, 0, 0]);
        body.extend_from_slice(&u64::MAX.to_le_bytes());
        option(&mut body, 1, COMMENT.as_bytes());
        let program = concat!("sipannotate ", env!("CARGO_PKG_VERSION"));
        option(&mut body, 4, program.as_bytes());
        option(&mut body, 0, &[]);
        self.block(0x0a0d_0d0a, &body)?;
        for (link, snaplen) in &interfaces.0 {
            let mut body = Vec::new();
            body.extend_from_slice(&link.to_le_bytes());
            body.extend_from_slice(&[0, 0]);
            body.extend_from_slice(&snaplen.to_le_bytes());
            // Nanoseconds.
            option(&mut body, 9, &[9]);
            option(&mut body, 0, &[]);
            self.block(1, &body)?;
        }
        Ok(())
    }

    fn packet(&mut self, held: &Held) -> io::Result<()> {
        // Frames that no network carried keep their number, and nothing else.
        while self.packets + 1 < held.no {
            self.enhanced(NO_INTERFACE, held, &[], 0)?;
        }
        self.enhanced(held.interface, held, &held.new, held.orig_len)
    }

    fn enhanced(
        &mut self,
        interface: u32,
        held: &Held,
        bytes: &[u8],
        orig_len: u32,
    ) -> io::Result<()> {
        self.packets += 1;
        let time = u64::try_from(held.time.nanos()).unwrap_or(0);
        let high = u32::try_from(time >> 32).unwrap_or(0);
        let low = u32::try_from(time & 0xffff_ffff).unwrap_or(0);
        let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let mut body = Vec::with_capacity(bytes.len() + 24);
        for number in [interface, high, low, len, orig_len.max(len)] {
            body.extend_from_slice(&number.to_le_bytes());
        }
        body.extend_from_slice(bytes);
        body.resize(body.len().next_multiple_of(4), 0);
        self.block(6, &body)
    }

    /// Statistics that say what the capturing machine dropped, so far.
    fn dropped(&mut self, count: u64) -> io::Result<()> {
        self.dropped += count;
        let mut body = vec![0; 12];
        option(&mut body, 5, &self.dropped.to_le_bytes());
        option(&mut body, 0, &[]);
        self.block(5, &body)
    }

    fn block(&mut self, kind: u32, body: &[u8]) -> io::Result<()> {
        let len = u32::try_from(body.len() + 12)
            .map_err(io::Error::other)?
            .to_le_bytes();
        self.out.write_all(&kind.to_le_bytes())?;
        self.out.write_all(&len)?;
        self.out.write_all(body)?;
        self.out.write_all(&len)
    }
}

fn option(body: &mut Vec<u8>, code: u16, value: &[u8]) {
    let len = u16::try_from(value.len()).unwrap_or(0);
    body.extend_from_slice(&code.to_le_bytes());
    body.extend_from_slice(&len.to_le_bytes());
    body.extend_from_slice(value);
    body.resize(body.len().next_multiple_of(4), 0);
}
