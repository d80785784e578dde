//! `Edit`: what is to become of a frame or block.
//!
//! In: an editor's wishes. Out: the same, ready to be written. One is used for all blocks of a copy,
//! so that its buffers are allocated once.
//!
//! Capped: a comment, and every other option, by the 65,535 bytes that the format allows.

use super::options;
use crate::capture::Order;

/// Bytes of a comment.
const COMMENT_BYTES: usize = u16::MAX as usize;

/// What ends a comment that was cut.
const CUT: &str = "…";

/// What is to become of a frame or block: at first, that it is kept as it is.
#[derive(Debug)]
pub struct Edit {
    pub(super) order: Order,
    pub(super) left_out: bool,
    pub(super) drops_options: bool,
    /// Options to be added, as they are written, without end marker.
    pub(super) options: Vec<u8>,
    /// Comments among these.
    pub(super) comments: u64,
    /// A packet's new bytes and its length on the wire, or a block's new content.
    pub(super) content: Content,
    /// The bytes of that.
    pub(super) bytes: Vec<u8>,
}

/// What is said of a block's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// It stays.
    Kept,
    /// Of a packet, with its length on the wire.
    Data(u32),
    /// Of any other block.
    Block,
}

impl Edit {
    pub(super) const fn new() -> Self {
        Self {
            order: Order::Little,
            left_out: false,
            drops_options: false,
            options: Vec::new(),
            comments: 0,
            content: Content::Kept,
            bytes: Vec::new(),
        }
    }

    /// Begins anew, for a block of a section written in `order`.
    pub(super) fn begin(&mut self, order: Order) {
        self.order = order;
        self.left_out = false;
        self.drops_options = false;
        self.options.clear();
        self.comments = 0;
        self.content = Content::Kept;
        self.bytes.clear();
    }

    /// The byte order in which numbers in options and contents are written.
    pub const fn order(&self) -> Order {
        self.order
    }

    /// Leaves the frame or block out of the copy.
    pub const fn leave_out(&mut self) {
        self.left_out = true;
    }

    /// Adds a comment behind those there are; one that is too long for the format is cut at a
    /// character and ends in `…`.
    pub fn comment(&mut self, text: &str) {
        if text.len() <= COMMENT_BYTES {
            options::put(
                &mut self.options,
                self.order,
                options::COMMENT,
                text.as_bytes(),
            );
        } else {
            let end = text.floor_char_boundary(COMMENT_BYTES - CUT.len());
            let mut cut = text.get(..end).unwrap_or_default().to_owned();
            cut.push_str(CUT);
            options::put(
                &mut self.options,
                self.order,
                options::COMMENT,
                cut.as_bytes(),
            );
        }
        self.comments += 1;
    }

    /// Drops the options that the block has. Those that are to stay are added again with
    /// [`Self::option`].
    pub const fn drop_options(&mut self) {
        self.drops_options = true;
    }

    /// Adds an option behind those that stay. Of a block whose format is not known it has no effect.
    pub fn option(&mut self, code: u16, value: &[u8]) {
        options::put(&mut self.options, self.order, code, value);
    }

    /// Gives a packet other bytes, and another length on the wire. Of other blocks it has no effect.
    pub fn data(&mut self, data: &[u8], orig_len: u32) {
        self.content = Content::Data(orig_len);
        self.bytes.clear();
        self.bytes.extend_from_slice(data);
    }

    /// Gives a block that is no packet another [content](super::BlockView::content), which is padded
    /// to a multiple of 4 bytes; that of name resolution ends with the marker that ends its records.
    /// Section headers and interface descriptions keep theirs.
    pub fn content(&mut self, content: &[u8]) {
        self.content = Content::Block;
        self.bytes.clear();
        self.bytes.extend_from_slice(content);
    }

    /// Nothing was said.
    pub(super) fn keeps_all(&self) -> bool {
        !self.left_out
            && !self.drops_options
            && self.options.is_empty()
            && self.content == Content::Kept
    }
}
