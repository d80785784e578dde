//! Chunks of a packet, of which only those with data matter.
//!
//! In: what stands behind the common header. Out: [`Data`]. A chunk whose length makes no sense
//! ends the packet.
//!
//! # References
//! - RFC 9260 §3.2, §3.3.1; RFC 8260 §2.1

const DATA: u8 = 0;
const I_DATA: u8 = 64;

/// Bits of the flags (RFC 9260 §3.3.1).
const ENDS: u8 = 1;
const BEGINS: u8 = 2;
const UNORDERED: u8 = 4;

/// Which numbers of fragments follow each other.
///
/// Fragments of DATA have consecutive transmission numbers; those of I-DATA are numbered inside
/// their message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Scope {
    /// All of a direction.
    Transmission,
    /// One message: stream, whether unordered, number.
    Message(u16, bool, u32),
}

/// A chunk with data.
#[derive(Clone, Copy, Debug)]
pub(super) struct Data<'a> {
    /// Transmission sequence number.
    pub(super) tsn: u32,
    /// Where its fragment number counts.
    pub(super) scope: Scope,
    /// Its number there.
    pub(super) number: u32,
    /// The first of its message.
    pub(super) begins: bool,
    /// The last of its message.
    pub(super) ends: bool,
    /// What it carries.
    pub(super) bytes: &'a [u8],
    /// The snap length cut it.
    pub(super) cut: bool,
}

/// Hands the chunks with data to `each`; whether all chunks make sense.
pub(super) fn for_data(mut chunks: &[u8], mut each: impl FnMut(Data<'_>)) -> bool {
    while let Some((&[kind, flags, high, low], _)) = chunks.split_first_chunk::<4>() {
        let length = usize::from(u16::from_be_bytes([high, low]));
        if length < 4 {
            return false;
        }
        let whole = chunks.get(..length);
        if let Some(data) = data(kind, flags, whole.unwrap_or(chunks), whole.is_none()) {
            each(data);
        }
        // The length leaves out what fills up to a multiple of four.
        let padded = length.next_multiple_of(4);
        chunks = chunks.get(padded..).unwrap_or_default();
    }
    true
}

/// Whether bytes are chunks to their end, each whole, with a type that is defined. A packet inside
/// UDP is recognised by that.
pub(super) fn are_chunks(mut chunks: &[u8]) -> bool {
    let mut any = false;
    while let Some((&[kind, _, high, low], _)) = chunks.split_first_chunk::<4>() {
        let length = usize::from(u16::from_be_bytes([high, low]));
        // RFC 9260 §3.2 and its extensions.
        let is_known = matches!(kind, 0..=15 | 64 | 0x80..=0x84 | 0xc0..=0xc2);
        if !is_known || length < 4 || length > chunks.len() {
            return false;
        }
        any = true;
        let padded = length.next_multiple_of(4);
        chunks = chunks.get(padded..).unwrap_or_default();
    }
    any && chunks.is_empty()
}

fn data(kind: u8, flags: u8, chunk: &[u8], cut: bool) -> Option<Data<'_>> {
    let u32_at = |at: usize| {
        let bytes = chunk.get(at..)?.first_chunk::<4>()?;
        Some(u32::from_be_bytes(*bytes))
    };
    let begins = flags & BEGINS != 0;
    let tsn = u32_at(4)?;
    let (scope, number, bytes) = match kind {
        DATA => (Scope::Transmission, tsn, chunk.get(16..)?),
        I_DATA => {
            let stream = u16::try_from(u32_at(8)? >> 16).ok()?;
            let scope = Scope::Message(stream, flags & UNORDERED != 0, u32_at(12)?);
            // The first holds the payload protocol in the place of its number, 0.
            let number = if begins { 0 } else { u32_at(16)? };
            (scope, number, chunk.get(20..)?)
        }
        _ => return None,
    };
    Some(Data {
        tsn,
        scope,
        number,
        begins,
        ends: flags & ENDS != 0,
        bytes,
        cut,
    })
}
