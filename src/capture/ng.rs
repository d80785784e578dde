//! pcapng: sections of blocks.
//!
//! In: the tape at a block. Out: packets of enhanced, simple and obsolete packet blocks, and what
//! the capturing machine says it dropped. Interfaces count from 0 in each section; outside they
//! count through the file; what the file calls addresses; its decryption secrets. Blocks of other
//! types are passed over.
//!
//! A block whose two lengths do not agree is a defect, after which the next block is sought whose
//! lengths do. Capped: blocks by [`Limits::capture_block_bytes`] (larger ones are passed over),
//! interfaces by [`Limits::capture_interfaces`], names by [`Limits::capture_names`].
//!
//! # References
//! - draft-ietf-opsawg-pcapng

use std::io::Read;
use std::ops::Range;

use pcap_parser::{
    InterfaceDescriptionBlock, InterfaceStatisticsBlock, OptionCode, PcapNGOption,
    parse_interfacedescriptionblock_be, parse_interfacedescriptionblock_le,
    parse_interfacestatisticsblock_be, parse_interfacestatisticsblock_le,
};

use super::first_bytes::{Order, SECTION};
use super::names;
use super::reader::{Bad, Found, Packet, Tape};
use super::summary::NAME_BYTES;
use super::time::Clock;
use super::{Error, Interface, LinkType, Summary};
use crate::defect::DefectKind;
use crate::limits::Limits;
use crate::units::Timestamp;

pub(super) const INTERFACE: u32 = 1;
pub(super) const OBSOLETE_PACKET: u32 = 2;
pub(super) const SIMPLE_PACKET: u32 = 3;
pub(super) const NAMES: u32 = 4;
pub(super) const STATISTICS: u32 = 5;
pub(super) const ENHANCED_PACKET: u32 = 6;
pub(super) const SECRETS: u32 = 10;
/// Section header, whatever the byte order.
pub(super) const SECTION_HEADER: u32 = u32::from_le_bytes(SECTION);

/// Blocks that Wireshark shows as frames, though no network carried them: journal entries, events of
/// systems (sysdig), and blocks of other makers. They are counted, so that frame numbers are its.
const OTHER_FRAMES: [u32; 6] = [9, 0x204, 0x216, 0x221, 0x0bad, 0x4000_0bad];

/// Type and two lengths.
const EMPTY_BLOCK: usize = 12;
/// The shortest section header: an empty block, byte order, version and section length.
const EMPTY_SECTION: usize = 28;
/// What stands before the data of an enhanced or obsolete packet block.
const PACKET_HEAD: usize = 28;
/// What stands before the data of a simple packet block.
const SIMPLE_HEAD: usize = 12;
/// What stands before the data of a decryption secrets block.
const SECRETS_HEAD: usize = 16;
/// What stands before the records of a name resolution block.
const NAMES_HEAD: usize = 8;
/// What stands behind the data of every block: its length again.
const TRAILER: usize = 4;

/// The largest block that is believed while seeking one behind a bad one.
const SOUGHT_BLOCK: usize = 1 << 20;

/// The state of a pcapng.
pub(super) struct Sections {
    order: Order,
    /// The interfaces of the current section, by their number in it; `None` where the description
    /// was unusable.
    interfaces: Vec<Option<Clocked>>,
    /// The time of the last packet, for blocks that have none.
    last: Timestamp,
    max_block: usize,
    max_interfaces: usize,
    max_names: usize,
    /// The file ended inside a block that was passed over.
    cut: bool,
}

/// What is needed of an interface for each packet.
struct Clocked {
    link: LinkType,
    snaplen: u32,
    clock: Clock,
    /// Its number in the file.
    number: u32,
    /// Drops told so far: statistics blocks count from the beginning.
    dropped: u64,
}

/// The start of a block.
#[derive(Clone, Copy)]
struct Block {
    kind: u32,
    len: u32,
    /// The byte order it is written in.
    order: Order,
}

impl Sections {
    pub(super) const fn new(limits: &Limits) -> Self {
        Self {
            order: Order::Little,
            interfaces: Vec::new(),
            last: Timestamp::from_nanos(0),
            max_block: limits.capture_block_bytes,
            max_interfaces: limits.capture_interfaces,
            max_names: limits.capture_names,
            cut: false,
        }
    }

    /// The length of the section header block that a file begins with.
    pub(super) fn first_block_len(head: &[u8], limits: &Limits) -> Result<usize, &'static str> {
        let block = Block::read(head, Order::Little).ok_or("has no byte order mark")?;
        let len = block.len as usize;
        if len < EMPTY_SECTION || !len.is_multiple_of(4) {
            Err("has an impossible length")
        } else if len > limits.capture_block_bytes {
            Err("is larger than any real one")
        } else {
            Ok(len)
        }
    }

    /// The byte order of the current section.
    pub(super) const fn order(&self) -> Order {
        self.order
    }

    /// The last packet's time on the clock of the section's first interface: what a simple packet
    /// block, which has none, counts as.
    pub(super) fn last_ticks(&self) -> u64 {
        let first = self.interfaces.first().and_then(Option::as_ref);
        first.map_or(0, |clocked| clocked.clock.ticks(self.last))
    }

    /// What is at the tape's position, blocks of no interest passed over.
    pub(super) fn find<R: Read>(
        &mut self,
        tape: &mut Tape<R>,
        summary: &mut Summary,
    ) -> Result<Found, Error> {
        loop {
            if let Some(found) = self.step(tape, summary)? {
                return Ok(found);
            }
        }
    }

    /// What the block at the tape's position gives, if it is of interest. A block that is one by
    /// its lengths is held on the tape, whatever is in it.
    #[inline]
    pub(super) fn step<R: Read>(
        &mut self,
        tape: &mut Tape<R>,
        summary: &mut Summary,
    ) -> Result<Option<Found>, Error> {
        tape.release();
        if !tape.holds(EMPTY_BLOCK)? {
            return Ok(Some(if tape.data().is_empty() && !self.cut {
                Found::End
            } else {
                Found::CutShort
            }));
        }
        let Some(block) = Block::read(tape.data(), self.order) else {
            return self.bad(tape, "the section header at byte {} has no byte order mark");
        };
        let len = block.len as usize;
        if len < EMPTY_BLOCK || !len.is_multiple_of(4) {
            return self.bad(
                tape,
                "the block at byte {} has an impossible length; reading goes on at the next block that makes sense",
            );
        }
        if len > self.max_block {
            return self.too_large(tape, block);
        }
        if !tape.holds(len)? {
            return Ok(Some(Found::CutShort));
        }
        let bytes = tape.data().get(..len).unwrap_or_default();
        if !block.ends_well(bytes) {
            return self.bad(
                tape,
                "the block at byte {} says two different lengths; reading goes on at the next block that makes sense",
            );
        }
        let offset = tape.offset();
        let found = match block.kind {
            ENHANCED_PACKET => self.enhanced(bytes, offset).or(Some(too_short(offset))),
            OBSOLETE_PACKET => self.obsolete(bytes, offset).or(Some(too_short(offset))),
            SIMPLE_PACKET => self.simple(bytes, offset).or(Some(too_short(offset))),
            SECTION_HEADER => {
                self.order = block.order;
                self.interfaces.clear();
                None
            }
            INTERFACE => self.interface(bytes, offset, summary),
            STATISTICS => self.statistics(bytes, offset),
            SECRETS => self.secrets(bytes).or(Some(too_short(offset))),
            NAMES => {
                let records = bytes.get(NAMES_HEAD..len - TRAILER).unwrap_or_default();
                names::read(records, self.order, self.max_names, &mut summary.names);
                None
            }
            kind => {
                summary.packets += u64::from(OTHER_FRAMES.contains(&kind));
                None
            }
        };
        tape.hold(len);
        if let Some(Found::Packet(packet)) = &found {
            self.last = packet.time;
        }
        Ok(found)
    }

    /// Goes on to the next block whose two lengths agree.
    #[cold]
    fn bad<R: Read>(
        &self,
        tape: &mut Tape<R>,
        detail: &'static str,
    ) -> Result<Option<Found>, Error> {
        let offset = tape.offset();
        // At the end of the file nothing is left, which the next step says.
        tape.search(|tape| self.stands(tape))?;
        Ok(Some(Found::Bad(Bad::block(detail, offset))))
    }

    /// Passes over a block that is not worth its memory.
    #[cold]
    fn too_large<R: Read>(
        &mut self,
        tape: &mut Tape<R>,
        block: Block,
    ) -> Result<Option<Found>, Error> {
        let offset = tape.offset();
        self.cut = !tape.skip(u64::from(block.len))?;
        Ok(Some(Found::Bad(Bad::block(
            "the block at byte {} is larger than any real one and was passed over",
            offset,
        ))))
    }

    /// Whether a block stands here of which type and both lengths make sense.
    fn stands<R: Read>(&self, tape: &mut Tape<R>) -> Result<bool, Error> {
        if !tape.holds(EMPTY_BLOCK)? {
            return Ok(false);
        }
        let Some(block) = Block::read(tape.data(), self.order) else {
            return Ok(false);
        };
        let len = block.len as usize;
        let may_be = matches!(block.kind, INTERFACE..=ENHANCED_PACKET | SECTION_HEADER)
            && (EMPTY_BLOCK..=SOUGHT_BLOCK.min(self.max_block)).contains(&len)
            && len.is_multiple_of(4);
        Ok(may_be
            && tape.holds(len)?
            && block.ends_well(tape.data().get(..len).unwrap_or_default()))
    }

    fn enhanced(&self, bytes: &[u8], offset: u64) -> Option<Found> {
        let [_, _, interface, high, low, captured, orig] = self.words(bytes)?;
        Some(self.packet(
            bytes,
            offset,
            interface,
            (u64::from(high) << 32) | u64::from(low),
            captured,
            orig,
        ))
    }

    /// The packet block of early drafts: the interface in 16 bits, then a count of drops.
    fn obsolete(&self, bytes: &[u8], offset: u64) -> Option<Found> {
        let [_, _, _, high, low, captured, orig] = self.words(bytes)?;
        let interface = self.order.u16(bytes.get(8..)?.first_chunk().copied()?);
        Some(self.packet(
            bytes,
            offset,
            u32::from(interface),
            (u64::from(high) << 32) | u64::from(low),
            captured,
            orig,
        ))
    }

    #[inline]
    fn packet(
        &self,
        bytes: &[u8],
        offset: u64,
        interface: u32,
        ticks: u64,
        captured: u32,
        orig: u32,
    ) -> Found {
        let Some(Some(clocked)) = self.interfaces.get(interface as usize) else {
            return undescribed(offset);
        };
        let end = PACKET_HEAD.saturating_add(captured as usize);
        if end > bytes.len().saturating_sub(TRAILER) {
            return Found::Bad(Bad::block(
                "the packet in the block at byte {} is longer than the block and was passed over",
                offset,
            ));
        }
        clocked.packet(PACKET_HEAD..end, bytes.len(), clocked.clock.at(ticks), orig)
    }

    /// A packet without time, of interface 0, whose captured length only its snaplen tells.
    fn simple(&self, bytes: &[u8], offset: u64) -> Option<Found> {
        let [_, _, orig] = self.words(bytes)?;
        let Some(Some(clocked)) = self.interfaces.first() else {
            return Some(undescribed(offset));
        };
        let room = bytes.len().checked_sub(SIMPLE_HEAD + TRAILER)?;
        let mut captured = orig as usize;
        if clocked.snaplen != 0 {
            captured = captured.min(clocked.snaplen as usize);
        }
        let end = SIMPLE_HEAD + captured.min(room);
        Some(clocked.packet(SIMPLE_HEAD..end, bytes.len(), self.last, orig))
    }

    /// Keys, to be handed on as they are.
    fn secrets(&self, bytes: &[u8]) -> Option<Found> {
        let [_, _, kind, len] = self.words(bytes)?;
        let end = SECRETS_HEAD.checked_add(len as usize)?;
        let fits = end <= bytes.len().saturating_sub(TRAILER);
        fits.then_some(Found::Secrets {
            kind,
            bytes: SECRETS_HEAD..end,
        })
    }

    #[inline]
    fn words<const N: usize>(&self, bytes: &[u8]) -> Option<[u32; N]> {
        let (words, _) = bytes.as_chunks::<4>();
        Some(words.first_chunk::<N>()?.map(|word| self.order.u32(word)))
    }

    fn interface(&mut self, bytes: &[u8], offset: u64, summary: &mut Summary) -> Option<Found> {
        // Either bound alone is too weak: sections restart the first, bad descriptions pass the
        // second.
        if self.interfaces.len().max(summary.interfaces.len()) >= self.max_interfaces {
            return Some(Found::Bad(Bad::block(
                "the interface described at byte {} is one too many; its packets are passed over",
                offset,
            )));
        }
        let parsed = match self.order {
            Order::Little => parse_interfacedescriptionblock_le(bytes),
            Order::Big => parse_interfacedescriptionblock_be(bytes),
        };
        let Ok((_, described)) = parsed else {
            self.interfaces.push(None);
            return Some(Found::Bad(Bad::block(
                "the interface description at byte {} makes no sense; packets of that interface are passed over",
                offset,
            )));
        };
        let link = LinkType(u16::try_from(described.linktype.0).unwrap_or_default());
        self.interfaces.push(Some(Clocked {
            link,
            snaplen: described.snaplen,
            clock: self.clock(&described),
            number: u32::try_from(summary.interfaces.len()).unwrap_or(u32::MAX),
            dropped: 0,
        }));
        let name = option(&described.options, OptionCode::IfName);
        summary.interfaces.push(Interface {
            link,
            snaplen: described.snaplen,
            name: name.map(|name| name.get(..NAME_BYTES).unwrap_or(name).into()),
        });
        None
    }

    fn clock(&self, described: &InterfaceDescriptionBlock<'_>) -> Clock {
        let resolution = option(&described.options, OptionCode::IfTsresol);
        let offset =
            option(&described.options, OptionCode::IfTsoffset).and_then(<[u8]>::first_chunk);
        let offset = offset.map_or(0, |bytes| self.order.u64(*bytes).cast_signed());
        let resolution = resolution.and_then(|bytes| bytes.first());
        Clock::new(resolution.copied().unwrap_or(6), offset)
    }

    /// Tells what was dropped since the interface's last statistics.
    fn statistics(&mut self, bytes: &[u8], offset: u64) -> Option<Found> {
        let parsed = match self.order {
            Order::Little => parse_interfacestatisticsblock_le(bytes),
            Order::Big => parse_interfacestatisticsblock_be(bytes),
        };
        let Ok((_, statistics)) = parsed else {
            return Some(Found::Bad(Bad::block(
                "the interface statistics at byte {} make no sense",
                offset,
            )));
        };
        let dropped = self.drops(&statistics);
        let Some(Some(clocked)) = self.interfaces.get_mut(statistics.if_id as usize) else {
            return Some(undescribed(offset));
        };
        let count = dropped.saturating_sub(clocked.dropped);
        clocked.dropped = clocked.dropped.max(dropped);
        (count > 0).then_some(Found::Bad(Bad {
            kind: DefectKind::Dropped,
            detail: "the machine that captured on interface {} dropped packets; what looks lost may only be missing here: capture with a filter or a larger buffer (tcpdump -B)",
            number: u64::from(clocked.number),
            count,
        }))
    }

    /// Both counters: the interface's own drops, and those of the system behind it.
    fn drops(&self, statistics: &InterfaceStatisticsBlock<'_>) -> u64 {
        [OptionCode::IsbIfDrop, OptionCode::IsbOsDrop]
            .into_iter()
            .filter_map(|code| option(&statistics.options, code)?.first_chunk())
            .map(|bytes| self.order.u64(*bytes))
            // "Not known" is written as all ones by some tools.
            .filter(|&count| count != u64::MAX)
            .fold(0, u64::saturating_add)
    }
}

impl Clocked {
    #[inline]
    const fn packet(
        &self,
        data: Range<usize>,
        record_len: usize,
        time: Timestamp,
        orig_len: u32,
    ) -> Found {
        Found::Packet(Packet {
            data,
            record_len,
            time,
            link: self.link,
            interface: self.number,
            orig_len,
        })
    }
}

impl Block {
    /// The block at the start of `data`; `None` if it is a section header of unknown byte order,
    /// or too little of it is there.
    #[inline]
    fn read(data: &[u8], order: Order) -> Option<Self> {
        let head = data.first_chunk::<EMPTY_BLOCK>()?;
        let (words, _) = head.as_chunks::<4>();
        let &[kind, len, third] = words else {
            return None;
        };
        let order = if kind == SECTION {
            match third {
                [0x4d, 0x3c, 0x2b, 0x1a] => Order::Little,
                [0x1a, 0x2b, 0x3c, 0x4d] => Order::Big,
                _ => return None,
            }
        } else {
            order
        };
        Some(Self {
            kind: order.u32(kind),
            len: order.u32(len),
            order,
        })
    }

    /// Whether the length stands at the end of the block, too.
    #[inline]
    fn ends_well(self, bytes: &[u8]) -> bool {
        let trailer = bytes.last_chunk::<TRAILER>();
        trailer.is_some_and(|trailer| self.order.u32(*trailer) == self.len)
    }
}

/// A packet or statistic of an interface that no block described.
#[cold]
const fn undescribed(offset: u64) -> Found {
    Found::Bad(Bad::block(
        "the block at byte {} names an interface that was not described and was passed over",
        offset,
    ))
}

/// A block that ends before its data do.
#[cold]
const fn too_short(offset: u64) -> Found {
    Found::Bad(Bad::block(
        "the block at byte {} is too short for what it should hold and was passed over",
        offset,
    ))
}

/// The value of the first option `code`, without padding.
fn option<'a>(options: &'a [PcapNGOption<'_>], code: OptionCode) -> Option<&'a [u8]> {
    let end = options
        .iter()
        .position(|option| option.code == OptionCode::EndOfOpt)
        .unwrap_or(options.len());
    let options = options.get(..end).unwrap_or(options);
    let found = options.iter().find(|option| option.code == code)?;
    found.as_bytes().ok()
}
