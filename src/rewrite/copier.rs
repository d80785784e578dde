//! `Copier`: pieces of a capture in, a pcapng out.

use std::io::{self, Read, Write};

use super::edit::Edit;
use super::options::Options;
use super::views::{BlockView, Editor, FrameView};
use super::{AUTHOR, Error, SECTION_APPLICATION, compose};
use crate::capture::{self, Block, BlockKind, ClassicHead, Frame, Order, Piece, Reader};
use crate::defect::Defect;
use crate::limits::Limits;
use crate::units::FileIndex;

/// What was copied.
#[derive(Debug, Default)]
pub struct Copied {
    /// Frames written.
    pub frames: u64,
    /// Frames that the editor left out.
    pub left_out: u64,
    /// Comments added to packets.
    pub comments: u64,
    /// Frames whose comments had no room in their block.
    pub crowded: u64,
    /// Blocks, records and stretches of bytes that made no sense and were left out.
    pub skipped: u64,
    /// The first of them.
    pub first_skipped: Option<Defect>,
    /// The byte at which a record or block begins that the capture ends in.
    pub cut_short: Option<u64>,
    /// What of the capture's compression is damaged; everything before was copied.
    pub damaged: Option<capture::Error>,
}

/// Writes one copy of a capture.
#[derive(Debug)]
pub struct Copier<W: Write> {
    out: W,
    edit: Edit,
    /// The block that is written.
    block: Vec<u8>,
    /// A block that is made for a classic pcap.
    made: Vec<u8>,
    /// The byte order of a classic pcap.
    order: Order,
    max_block: usize,
    /// A section header was written.
    has_author: bool,
    copied: Copied,
}

/// Copies the capture that `source` holds, and which the user calls `path`, to `out`.
pub fn copy<R: Read, W: Write>(
    source: R,
    path: &str,
    limits: &Limits,
    out: W,
    editor: &mut dyn Editor,
) -> Result<Copied, Error> {
    let mut reader =
        Reader::open(source, path, FileIndex::default(), limits).map_err(Error::Read)?;
    let mut copier = Copier::new(out, limits);
    let mut damaged = None;
    loop {
        let piece = match reader.next_piece() {
            Ok(piece) => piece,
            Err(error) if error.is_damage() => {
                damaged = Some(error);
                break;
            }
            Err(error) => return Err(Error::Read(error)),
        };
        if matches!(piece, Piece::End) {
            break;
        }
        copier.push(&piece, editor).map_err(Error::Write)?;
    }
    let copied = copier.finish().map_err(Error::Write)?;
    Ok(Copied { damaged, ..copied })
}

impl<W: Write> Copier<W> {
    /// A copy that goes to `out`, which should be buffered.
    pub fn new(out: W, limits: &Limits) -> Self {
        Self {
            out,
            edit: Edit::new(),
            block: Vec::new(),
            made: Vec::new(),
            order: Order::Little,
            max_block: limits.capture_block_bytes,
            has_author: false,
            copied: Copied::default(),
        }
    }

    /// Writes what becomes of `piece`. An error is one of the output or of `editor`.
    pub fn push(&mut self, piece: &Piece<'_>, editor: &mut dyn Editor) -> io::Result<()> {
        match piece {
            Piece::Head(head) => self.head(head, editor),
            Piece::Record {
                frame,
                ticks,
                orig_len,
            } => self.record(frame, *ticks, *orig_len, editor),
            Piece::Block(block) => self.block(block, editor),
            Piece::Skipped(defect) => {
                self.skip(*defect);
                Ok(())
            }
            Piece::CutShort { offset_bytes } => {
                self.copied.cut_short = Some(*offset_bytes);
                Ok(())
            }
            Piece::End => Ok(()),
        }
    }

    /// Flushes the copy.
    pub fn finish(mut self) -> io::Result<Copied> {
        self.open_section(self.order)?;
        self.out.flush()?;
        Ok(self.copied)
    }

    /// Writes a section header where the capture's own was damaged.
    fn open_section(&mut self, order: Order) -> io::Result<()> {
        if self.has_author {
            return Ok(());
        }
        self.order = order;
        let nobody = &mut |_: &FrameView<'_>, _: &mut Edit| Ok(());
        self.made(BlockKind::Section, None, (0, 0), nobody, |out| {
            compose::section(out, order);
        })
    }

    fn skip(&mut self, defect: Defect) {
        self.copied.skipped += 1;
        self.copied.first_skipped.get_or_insert(defect);
    }

    /// Section and interface of a classic pcap.
    fn head(&mut self, head: &ClassicHead, editor: &mut dyn Editor) -> io::Result<()> {
        self.order = head.order;
        self.made(BlockKind::Section, None, (0, 0), editor, |out| {
            compose::section(out, head.order);
        })?;
        self.made(BlockKind::Interface, None, (0, 0), editor, |out| {
            compose::classic_interface(out, head);
        })
    }

    fn record(
        &mut self,
        frame: &Frame<'_>,
        ticks: u64,
        orig_len: u32,
        editor: &mut dyn Editor,
    ) -> io::Result<()> {
        let order = self.order;
        self.made(BlockKind::Packet, Some(*frame), (0, ticks), editor, |out| {
            compose::classic_packet(out, order, ticks, frame.captured, orig_len);
        })
    }

    /// A block that `make` writes.
    fn made(
        &mut self,
        kind: BlockKind,
        packet: Option<Frame<'_>>,
        clock: (u32, u64),
        editor: &mut dyn Editor,
        make: impl FnOnce(&mut Vec<u8>),
    ) -> io::Result<()> {
        let mut made = std::mem::take(&mut self.made);
        make(&mut made);
        let block = Block {
            kind,
            order: self.order,
            bytes: &made,
            no: packet.map(|packet| packet.at.no),
            packet,
            clock,
            fault: None,
        };
        let done = self.block(&block, editor);
        self.made = made;
        done
    }

    fn block(&mut self, block: &Block<'_>, editor: &mut dyn Editor) -> io::Result<()> {
        if block.kind != BlockKind::Section {
            self.open_section(block.order)?;
        }
        if let Some(fault) = block.fault {
            self.skip(fault);
            if block.kind != BlockKind::Interface {
                return Ok(());
            }
            compose::placeholder(&mut self.block, block);
            return self.out.write_all(&self.block);
        }
        self.edit.begin(block.order);
        match block.packet {
            Some(frame) => self.packet(block, frame, editor),
            None => self.other(block, editor),
        }
    }

    fn packet(
        &mut self,
        block: &Block<'_>,
        frame: Frame<'_>,
        editor: &mut dyn Editor,
    ) -> io::Result<()> {
        let options = compose::packet_options(block);
        editor.frame(&FrameView { frame, options }, &mut self.edit)?;
        if self.edit.left_out {
            self.copied.left_out += 1;
            return Ok(());
        }
        self.copied.frames += 1;
        if self.edit.keeps_all() {
            return self.out.write_all(block.bytes);
        }
        compose::packet(&mut self.block, block, &self.edit);
        if self.block.len() > self.max_block && self.edit.comments > 0 {
            self.copied.crowded += 1;
            self.edit.options.clear();
            self.edit.comments = 0;
            compose::packet(&mut self.block, block, &self.edit);
        }
        self.copied.comments += self.edit.comments;
        self.out.write_all(&self.block)
    }

    fn other(&mut self, block: &Block<'_>, editor: &mut dyn Editor) -> io::Result<()> {
        editor.block(&BlockView::new(*block), &mut self.edit)?;
        let must_stay = matches!(block.kind, BlockKind::Section | BlockKind::Interface);
        if self.edit.left_out && !must_stay {
            self.copied.left_out += u64::from(block.no.is_some());
            return Ok(());
        }
        self.copied.frames += u64::from(block.no.is_some());
        self.edit.left_out = false;
        if block.kind == BlockKind::Section {
            self.sign(block);
        } else if self.edit.keeps_all() {
            return self.out.write_all(block.bytes);
        }
        compose::other(&mut self.block, block, &self.edit, &[]);
        self.out.write_all(&self.block)
    }

    /// Says in the first section header who writes the copy.
    fn sign(&mut self, block: &Block<'_>) {
        if std::mem::replace(&mut self.has_author, true) {
            return;
        }
        let added = Options::new(&self.edit.options, block.order);
        let is_told = added.comments().any(|text| {
            text.windows(AUTHOR.len())
                .any(|word| word == AUTHOR.as_bytes())
        });
        let kept = BlockView::new(*block)
            .options()
            .filter(|_| !self.edit.drops_options)
            .and_then(|options| options.find(SECTION_APPLICATION));
        match added.find(SECTION_APPLICATION).or(kept) {
            None => self.edit.option(SECTION_APPLICATION, AUTHOR.as_bytes()),
            Some(application) if is_told || application == AUTHOR.as_bytes() => {}
            Some(_) => self.edit.comment(&format!("copied by {AUTHOR}")),
        }
    }
}
