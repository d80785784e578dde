//! What an editor is shown, and the editor itself.

use std::io;

use super::compose;
use super::edit::Edit;
use super::options::Options;
use crate::capture::{Block, Frame};

/// Decides what becomes of a capture's frames and blocks.
///
/// A function of a frame and its [`Edit`] is an editor, too, that keeps all other blocks.
pub trait Editor {
    /// Is shown a packet; `edit` keeps it as it is unless told otherwise.
    fn frame(&mut self, frame: &FrameView<'_>, edit: &mut Edit) -> io::Result<()>;

    /// Is shown any other block, among them those that count as frames though nothing was sent.
    ///
    /// Section headers and interface descriptions stay whatever is said of them, because the rest
    /// needs them; their options can be changed.
    fn block(&mut self, block: &BlockView<'_>, edit: &mut Edit) -> io::Result<()> {
        let _ = (block, edit);
        Ok(())
    }
}

impl<F: FnMut(&FrameView<'_>, &mut Edit) -> io::Result<()>> Editor for F {
    fn frame(&mut self, frame: &FrameView<'_>, edit: &mut Edit) -> io::Result<()> {
        self(frame, edit)
    }
}

/// A packet.
#[derive(Clone, Debug)]
pub struct FrameView<'a> {
    /// Number, time, link type, bytes.
    pub frame: Frame<'a>,
    /// Its options; a simple packet block and a classic pcap have none.
    pub options: Options<'a>,
}

/// A block that is no packet.
#[derive(Clone, Copy, Debug)]
pub struct BlockView<'a> {
    /// The block as it stands in the file; of a classic pcap the section header and the interface
    /// description that are made for it.
    pub block: Block<'a>,
    options_at: Option<usize>,
}

impl<'a> BlockView<'a> {
    pub(super) fn new(block: Block<'a>) -> Self {
        Self {
            options_at: compose::options_at(&block),
            block,
        }
    }

    /// What stands between the block's head and its options, padding included; where it is not known
    /// whether it has options, all there is.
    pub fn content(&self) -> &'a [u8] {
        let body = compose::body(&self.block);
        let end = self.options_at.map_or(body.len(), |at| at - compose::HEAD);
        body.get(..end).unwrap_or_default()
    }

    /// Its options; `None` of a block of which it is not known whether it has any.
    pub fn options(&self) -> Option<Options<'a>> {
        let at = self.options_at?;
        let body = compose::body(&self.block);
        let options = body.get(at - compose::HEAD..).unwrap_or_default();
        Some(Options::new(options, self.block.order))
    }
}
