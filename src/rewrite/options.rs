//! Options of pcapng blocks.
//!
//! In: the bytes behind a block's content. Out: its options, and where more can be added. Options end
//! at the end marker, at the end of the block, or where one does not fit into it.
//!
//! # References
//! - draft-ietf-opsawg-pcapng, Options

use crate::capture::Order;

/// `opt_comment`.
pub const COMMENT: u16 = 1;

/// `shb_userappl`, of section headers: what wrote the section.
pub const SECTION_APPLICATION: u16 = 4;

/// `epb_dropcount`, of enhanced packet blocks.
pub(super) const DROP_COUNT: u16 = 4;

/// `if_tsresol`, of interface descriptions.
pub(super) const RESOLUTION: u16 = 9;

/// `if_fcslen`, of interface descriptions.
pub(super) const FCS_LENGTH: u16 = 13;

const END: u16 = 0;

/// An option as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawOption<'a> {
    /// Which; the same number means different things in different blocks.
    pub code: u16,
    /// Its value without padding.
    pub value: &'a [u8],
}

/// The options of a block, in their order.
#[derive(Clone, Debug)]
pub struct Options<'a> {
    rest: &'a [u8],
    order: Order,
}

impl<'a> Options<'a> {
    pub(super) const fn new(bytes: &'a [u8], order: Order) -> Self {
        Self { rest: bytes, order }
    }

    /// The value of the first option `code`.
    pub fn find(&self, code: u16) -> Option<&'a [u8]> {
        let mut options = self.clone();
        options.find_map(|option| (option.code == code).then_some(option.value))
    }

    /// The comments, as they are written: UTF-8 by the letter of the format.
    pub fn comments(&self) -> impl Iterator<Item = &'a [u8]> {
        let options = self.clone();
        options.filter_map(|option| (option.code == COMMENT).then_some(option.value))
    }

    /// Goes to the end; what is left there.
    pub(super) fn end(mut self) -> Rest<'a> {
        for _option in &mut self {}
        let head = self.rest.first_chunk::<4>();
        let is_marker = head.is_some_and(|&[a, b, ..]| self.order.u16([a, b]) == END);
        if is_marker {
            Rest::Marker(self.rest)
        } else if self.rest.is_empty() {
            Rest::Nothing
        } else {
            Rest::Nonsense
        }
    }
}

/// How a block's options end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rest<'a> {
    /// With the block.
    Nothing,
    /// With the end marker, which these bytes begin with.
    Marker(&'a [u8]),
    /// With something that does not fit.
    Nonsense,
}

impl<'a> Iterator for Options<'a> {
    type Item = RawOption<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let (&[code_0, code_1, len_0, len_1], behind) = self.rest.split_first_chunk::<4>()?;
        let code = self.order.u16([code_0, code_1]);
        if code == END {
            return None;
        }
        let len = usize::from(self.order.u16([len_0, len_1]));
        let (padded, rest) = behind.split_at_checked(len.next_multiple_of(4))?;
        self.rest = rest;
        let value = padded.get(..len)?;
        Some(RawOption { code, value })
    }
}

/// Appends an option; of a value that is too long what fits.
pub(super) fn put(out: &mut Vec<u8>, order: Order, code: u16, value: &[u8]) {
    let len = u16::try_from(value.len()).unwrap_or(u16::MAX);
    let value = value.get(..usize::from(len)).unwrap_or(value);
    out.extend(order.bytes_u16(code));
    out.extend(order.bytes_u16(len));
    out.extend(value);
    pad(out, value.len());
}

/// Appends the end marker.
pub(super) fn put_end(out: &mut Vec<u8>) {
    out.extend([0; 4]);
}

/// Pads what has `len` bytes to a multiple of 4.
pub(super) fn pad(out: &mut Vec<u8>, len: usize) {
    let padding = len.next_multiple_of(4) - len;
    out.extend([0; 4].get(..padding).unwrap_or_default());
}
