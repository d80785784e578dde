//! Blocks: a capture piece by piece, for those who copy it.
//!
//! In: a [`Reader`]. Out: [`Piece`]s: of a pcapng every block as it stands in the file, of a classic
//! pcap its head and its records. Frames have the numbers that [`Reader::next_frame`] gives them,
//! because it is the same code that counts them.
//!
//! Always: the pieces' bytes are those of the file, in its order; what lies between them made no
//! sense, and was told. Nothing is allocated for a piece.

use std::io::Read;

use super::first_bytes::Order;
use super::ng;
use super::reader::{Form, Found, Packet, Reader};
use super::{Error, Frame, LinkType, Next};
use crate::defect::{Defect, DefectKind};
use crate::units::{FrameNo, FrameRef};

/// What comes next in a capture that is copied.
#[derive(Clone, Copy, Debug)]
pub enum Piece<'a> {
    /// The file head of a classic pcap; its first piece, and its only one of this kind.
    Head(ClassicHead),
    /// A packet record of a classic pcap.
    Record {
        /// The packet.
        frame: Frame<'a>,
        /// Its time in microseconds, or in nanoseconds where [`ClassicHead::nanos`] says so.
        ticks: u64,
        /// Its length on the wire as the record has it, which may be less than what was captured.
        orig_len: u32,
    },
    /// A block of a pcapng.
    Block(Block<'a>),
    /// Bytes that are no record or block; more may follow.
    Skipped(Defect),
    /// The file ends inside a record or block; [`Piece::End`] follows.
    CutShort {
        /// Where what is not all there begins.
        offset_bytes: u64,
    },
    /// No more.
    End,
}

/// What the file head of a classic pcap says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClassicHead {
    /// Byte order of its numbers.
    pub order: Order,
    /// Times count nanoseconds, else microseconds.
    pub nanos: bool,
    /// What frames begin with.
    pub link: LinkType,
    /// Bytes kept of a packet; 0 where nothing was cut.
    pub snaplen: u32,
    /// Bytes of the frame check sequence at the end of each frame, where it says so; 0 to 30.
    pub fcs_bytes: Option<u8>,
}

/// A block of a pcapng, whose two lengths agree.
#[derive(Clone, Copy, Debug)]
pub struct Block<'a> {
    /// What it is.
    pub kind: BlockKind,
    /// Byte order of its section.
    pub order: Order,
    /// All of it, from its type to the length at its end; at least 12 bytes.
    pub bytes: &'a [u8],
    /// Of a block that counts as a frame: its number. Not only packets do.
    pub no: Option<FrameNo>,
    /// Of a packet: what [`Reader::next_frame`] gives.
    pub packet: Option<Frame<'a>>,
    /// Of a packet: its interface's number in its section, and its time in that one's ticks. A simple
    /// packet block has no time, and counts as captured with the packet before.
    pub clock: (u32, u64),
    /// Why the block is passed over when frames are read, if it is.
    pub fault: Option<Defect>,
}

/// What a block is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockKind {
    /// Section header.
    Section,
    /// Interface description.
    Interface,
    /// Enhanced packet.
    Packet,
    /// Simple packet.
    SimplePacket,
    /// Packet of early drafts.
    ObsoletePacket,
    /// Name resolution.
    Names,
    /// Interface statistics.
    Statistics,
    /// Decryption secrets.
    Secrets,
    /// Anything else, by its type.
    Other(u32),
}

impl BlockKind {
    const fn of(kind: u32) -> Self {
        match kind {
            ng::SECTION_HEADER => Self::Section,
            ng::INTERFACE => Self::Interface,
            ng::ENHANCED_PACKET => Self::Packet,
            ng::SIMPLE_PACKET => Self::SimplePacket,
            ng::OBSOLETE_PACKET => Self::ObsoletePacket,
            ng::NAMES => Self::Names,
            ng::STATISTICS => Self::Statistics,
            ng::SECRETS => Self::Secrets,
            other => Self::Other(other),
        }
    }

    /// The block's type as it is written.
    pub const fn number(self) -> u32 {
        match self {
            Self::Section => ng::SECTION_HEADER,
            Self::Interface => ng::INTERFACE,
            Self::Packet => ng::ENHANCED_PACKET,
            Self::SimplePacket => ng::SIMPLE_PACKET,
            Self::ObsoletePacket => ng::OBSOLETE_PACKET,
            Self::Names => ng::NAMES,
            Self::Statistics => ng::STATISTICS,
            Self::Secrets => ng::SECRETS,
            Self::Other(number) => number,
        }
    }
}

/// What a block gave.
enum Seen {
    Block {
        packet: Option<Packet>,
        clock: (u32, u64),
        no: Option<FrameNo>,
        fault: Option<Defect>,
    },
    Record(Packet),
    Skipped(Defect),
}

impl<R: Read> Reader<R> {
    /// The next piece, or how the capture ends. Not to be mixed with [`Self::next_frame`].
    pub fn next_piece(&mut self) -> Result<Piece<'_>, Error> {
        if self.ended {
            return Ok(Piece::End);
        }
        let first = self.tape.offset() == 0;
        if let Form::Classic(classic) = &self.form
            && first
        {
            let head = classic.head_facts();
            self.tape.release();
            return Ok(Piece::Head(head));
        }
        let before = self.summary.packets;
        let found = match &mut self.form {
            Form::Classic(classic) => {
                self.tape.release();
                classic.find(&mut self.tape).map(Some)
            }
            Form::Ng(sections) => sections.step(&mut self.tape, &mut self.summary),
        };
        let found = found.map_err(|error| self.failed(error))?;
        let is_classic = matches!(self.form, Form::Classic(_));
        let (packet, bad) = match found {
            Some(Found::End) => return Ok(ended(self.end(false))),
            Some(Found::CutShort) => return Ok(ended(self.end(true))),
            Some(Found::Packet(packet)) => (Some(packet), None),
            Some(Found::Bad(bad)) => (None, Some(bad)),
            Some(Found::Secrets { .. }) | None => (None, None),
        };
        if let Some(packet) = &packet {
            self.tape.hold(packet.record_len);
            self.summary.count(packet.time);
        }
        self.summary.bytes = self.tape.end_of_held();
        let defect = bad.map(|bad| self.defect(&bad));
        let seen = match (packet, defect) {
            (Some(packet), _) if is_classic => Seen::Record(packet),
            (_, Some(defect)) if self.tape.held().is_empty() => Seen::Skipped(defect),
            (packet, defect) => Seen::Block {
                clock: self.clock(packet.as_ref()),
                packet,
                no: (self.summary.packets > before).then_some(FrameNo(self.summary.packets)),
                // What the machine dropped is no fault of the block that says so.
                fault: defect.filter(|defect| defect.kind == DefectKind::BadBlock),
            },
        };
        Ok(self.piece(seen))
    }

    /// Interface and ticks of a packet at the tape's position.
    fn clock(&self, packet: Option<&Packet>) -> (u32, u64) {
        let (Some(_), Form::Ng(sections)) = (packet, &self.form) else {
            return (0, 0);
        };
        let order = sections.order();
        let (words, _) = self.tape.held().as_chunks::<4>();
        let word = |at: usize| words.get(at).map_or(0, |word| order.u32(*word));
        let ticks = (u64::from(word(3)) << 32) | u64::from(word(4));
        match BlockKind::of(word(0)) {
            BlockKind::SimplePacket => (0, sections.last_ticks()),
            BlockKind::ObsoletePacket => {
                let [first, second, ..] = words.get(2).copied().unwrap_or_default();
                (u32::from(order.u16([first, second])), ticks)
            }
            _ => (word(2), ticks),
        }
    }

    fn piece(&self, seen: Seen) -> Piece<'_> {
        match seen {
            Seen::Skipped(defect) => Piece::Skipped(defect),
            Seen::Record(packet) => Piece::Record {
                ticks: match &self.form {
                    Form::Classic(classic) => classic.ticks(packet.time),
                    Form::Ng(_) => 0,
                },
                orig_len: packet.orig_len,
                frame: self.frame(&packet),
            },
            Seen::Block {
                packet,
                clock,
                no,
                fault,
            } => {
                let order = match &self.form {
                    Form::Ng(sections) => sections.order(),
                    Form::Classic(_) => Order::Little,
                };
                let bytes = self.tape.held();
                let kind = bytes.first_chunk().map_or(0, |kind| order.u32(*kind));
                Piece::Block(Block {
                    kind: BlockKind::of(kind),
                    order,
                    bytes,
                    no,
                    packet: packet.map(|packet| self.frame(&packet)),
                    clock,
                    fault,
                })
            }
        }
    }

    /// The packet at the tape's position, which was counted.
    fn frame(&self, packet: &Packet) -> Frame<'_> {
        let at = FrameRef {
            file: self.file,
            no: FrameNo(self.summary.packets),
        };
        packet.frame(self.tape.held(), at)
    }
}

fn ended(next: Next<'_>) -> Piece<'static> {
    match next {
        Next::CutShort { offset_bytes, .. } => Piece::CutShort { offset_bytes },
        _ => Piece::End,
    }
}
