//! Blocks as they are written.
//!
//! In: a block of the capture and an [`Edit`]. Out: the block's bytes. Also the blocks that are made
//! for a classic pcap.
//!
//! # References
//! - draft-ietf-opsawg-pcapng

use super::edit::{Content, Edit};
use super::options::{self, Options, Rest};
use crate::capture::{Block, BlockKind, ClassicHead, Order};

/// Type and length, before a block's body.
pub(super) const HEAD: usize = 8;
/// The length again, behind it.
const TRAILER: usize = 4;

/// Where the data of an enhanced or obsolete packet block begin.
const PACKET_DATA: usize = 28;

/// Where a section header's options begin.
const SECTION_OPTIONS: usize = 24;
/// Where an interface description's options begin.
const INTERFACE_OPTIONS: usize = 16;
/// Where interface statistics' options begin.
const STATISTICS_OPTIONS: usize = 20;
/// Where the secrets in their block begin.
const SECRETS_DATA: usize = 16;

/// What stands in a section header where its length is not known.
const LENGTH_NOT_KNOWN: u64 = u64::MAX;
/// The number of which the byte order tells that of the section.
const BYTE_ORDER_MAGIC: u32 = 0x1a2b_3c4d;
/// An obsolete packet block's count of drops that is not known.
const DROPS_NOT_KNOWN: u16 = 0xffff;

/// A block without head and trailer.
pub(super) fn body<'a>(block: &Block<'a>) -> &'a [u8] {
    let end = block.bytes.len().saturating_sub(TRAILER);
    block.bytes.get(HEAD..end).unwrap_or_default()
}

/// Where the options of a block begin, counted from the block; at the end of the body where it has
/// none. `None` where it is not known whether it has options. Not of packets.
pub(super) fn options_at(block: &Block<'_>) -> Option<usize> {
    let body = body(block);
    let end = HEAD + body.len();
    let at = match block.kind {
        BlockKind::Section => SECTION_OPTIONS,
        BlockKind::Interface => INTERFACE_OPTIONS,
        BlockKind::Statistics => STATISTICS_OPTIONS,
        BlockKind::Secrets => {
            let len = body.get(4..).and_then(<[u8]>::first_chunk);
            let len = block.order.u32(*len?) as usize;
            SECRETS_DATA.saturating_add(len.saturating_add(3) & !3)
        }
        BlockKind::Names => match Options::new(body, block.order).end() {
            // Records are written as options are, and end with the same marker.
            Rest::Marker(rest) => end - rest.len() + 4,
            // What is added would be read as records.
            Rest::Nothing | Rest::Nonsense => return None,
        },
        BlockKind::Packet
        | BlockKind::SimplePacket
        | BlockKind::ObsoletePacket
        | BlockKind::Other(_) => return None,
    };
    Some(at.min(end))
}

/// The options of a packet.
pub(super) fn packet_options<'a>(block: &Block<'a>) -> Options<'a> {
    Options::new(packet_parts(block).1, block.order)
}

/// A packet's data with their padding, and the options behind.
fn packet_parts<'a>(block: &Block<'a>) -> (&'a [u8], &'a [u8]) {
    let captured = block.packet.map_or(0, |packet| packet.captured.len());
    if block.kind == BlockKind::SimplePacket {
        let data = block.packet.map_or(&[][..], |packet| packet.captured);
        return (data, &[]);
    }
    let body = body(block);
    let rest = body.get(PACKET_DATA - HEAD..).unwrap_or_default();
    rest.split_at_checked(captured.next_multiple_of(4))
        .unwrap_or((rest, &[]))
}

/// Writes a packet with what `edit` says into `out`.
pub(super) fn packet(out: &mut Vec<u8>, block: &Block<'_>, edit: &Edit) {
    let order = block.order;
    begin(out, BlockKind::Packet, order);
    let (interface, ticks) = block.clock;
    let (kept_data, kept_options) = packet_parts(block);
    let (data, captured, orig_len) = match edit.content {
        Content::Data(orig_len) => (edit.bytes.as_slice(), edit.bytes.len(), orig_len),
        Content::Kept | Content::Block => {
            let captured = block.packet.map_or(0, |packet| packet.captured.len());
            (kept_data, captured, orig_len(block))
        }
    };
    out.extend(order.bytes_u32(interface));
    out.extend(order.bytes_u32(u32::try_from(ticks >> 32).unwrap_or(u32::MAX)));
    out.extend(order.bytes_u32(u32::try_from(ticks & 0xffff_ffff).unwrap_or(u32::MAX)));
    out.extend(order.bytes_u32(u32::try_from(captured).unwrap_or(u32::MAX)));
    out.extend(order.bytes_u32(orig_len));
    out.extend_from_slice(data);
    options::pad(out, data.len());
    let mut drops = Vec::new();
    if block.kind == BlockKind::ObsoletePacket
        && let Some(count) = drop_count(block)
    {
        options::put(
            &mut drops,
            order,
            options::DROP_COUNT,
            &order.bytes_u64(u64::from(count)),
        );
    }
    put_options(out, order, kept_options, edit, &drops);
    finish(out, order);
}

/// The length on the wire as the block has it.
fn orig_len(block: &Block<'_>) -> u32 {
    let (words, _) = block.bytes.as_chunks::<4>();
    let at = if block.kind == BlockKind::SimplePacket {
        2
    } else {
        6
    };
    words.get(at).map_or(0, |word| block.order.u32(*word))
}

/// How many packets an obsolete packet block says were dropped before it, where it knows.
fn drop_count(block: &Block<'_>) -> Option<u16> {
    let count = block.bytes.get(10..).and_then(<[u8]>::first_chunk)?;
    let count = block.order.u16(*count);
    (count != DROPS_NOT_KNOWN).then_some(count)
}

/// Writes a block that is no packet with what `edit` says into `out`. `more` are further options, as
/// they are written.
pub(super) fn other(out: &mut Vec<u8>, block: &Block<'_>, edit: &Edit, more: &[u8]) {
    let order = block.order;
    begin(out, block.kind, order);
    let body = body(block);
    let options_at = options_at(block);
    let end = options_at.map_or(body.len(), |at| at - HEAD);
    let (content, kept_options) = body.split_at_checked(end).unwrap_or((body, &[]));
    match (block.kind, edit.content) {
        (BlockKind::Section, _) => section_content(out, order, content),
        (BlockKind::Interface, _) | (_, Content::Kept | Content::Data(_)) => {
            out.extend_from_slice(content);
        }
        (_, Content::Block) => {
            out.extend_from_slice(&edit.bytes);
            options::pad(out, edit.bytes.len());
        }
    }
    if options_at.is_some() {
        put_options(out, order, kept_options, edit, more);
    }
    finish(out, order);
}

/// A section header's content, with its length not known.
fn section_content(out: &mut Vec<u8>, order: Order, content: &[u8]) {
    out.extend(order.bytes_u32(BYTE_ORDER_MAGIC));
    match content.get(4..8) {
        Some(version) => out.extend_from_slice(version),
        None => {
            out.extend(order.bytes_u16(1));
            out.extend(order.bytes_u16(0));
        }
    }
    out.extend(order.bytes_u64(LENGTH_NOT_KNOWN));
}

/// An interface description in the place of one that makes no sense.
pub(super) fn placeholder(out: &mut Vec<u8>, block: &Block<'_>) {
    begin(out, BlockKind::Interface, block.order);
    let body = body(block);
    let content = body.get(..INTERFACE_OPTIONS - HEAD);
    out.extend_from_slice(content.unwrap_or(&[0; INTERFACE_OPTIONS - HEAD]));
    finish(out, block.order);
}

/// The options that stay, those that are added, and the end marker.
fn put_options(out: &mut Vec<u8>, order: Order, kept: &[u8], edit: &Edit, more: &[u8]) {
    let adds = !edit.options.is_empty() || !more.is_empty();
    let added = |out: &mut Vec<u8>| {
        out.extend_from_slice(more);
        out.extend_from_slice(&edit.options);
    };
    let kept = if edit.drops_options { &[] } else { kept };
    if !adds {
        out.extend_from_slice(kept);
        return;
    }
    match Options::new(kept, order).end() {
        Rest::Nothing => {
            out.extend_from_slice(kept);
            added(out);
            options::put_end(out);
        }
        Rest::Marker(end) => {
            let before = kept.len() - end.len();
            out.extend_from_slice(kept.get(..before).unwrap_or_default());
            added(out);
            out.extend_from_slice(end);
        }
        // Behind what makes no sense nothing would be found.
        Rest::Nonsense => {
            added(out);
            out.extend_from_slice(kept);
        }
    }
}

/// A section header, where the capture has none.
pub(super) fn section(out: &mut Vec<u8>, order: Order) {
    begin(out, BlockKind::Section, order);
    section_content(out, order, &[]);
    finish(out, order);
}

/// The interface description of a classic pcap.
pub(super) fn classic_interface(out: &mut Vec<u8>, head: &ClassicHead) {
    let order = head.order;
    begin(out, BlockKind::Interface, order);
    out.extend(order.bytes_u16(head.link.0));
    out.extend([0; 2]);
    out.extend(order.bytes_u32(head.snaplen));
    let resolution = if head.nanos { 9 } else { 6 };
    options::put(out, order, options::RESOLUTION, &[resolution]);
    if let Some(bytes) = head.fcs_bytes {
        options::put(out, order, options::FCS_LENGTH, &[bytes]);
    }
    options::put_end(out);
    finish(out, order);
}

/// A packet of a classic pcap.
pub(super) fn classic_packet(
    out: &mut Vec<u8>,
    order: Order,
    ticks: u64,
    captured: &[u8],
    orig_len: u32,
) {
    begin(out, BlockKind::Packet, order);
    out.extend([0; 4]);
    out.extend(order.bytes_u32(u32::try_from(ticks >> 32).unwrap_or(u32::MAX)));
    out.extend(order.bytes_u32(u32::try_from(ticks & 0xffff_ffff).unwrap_or(u32::MAX)));
    out.extend(order.bytes_u32(u32::try_from(captured.len()).unwrap_or(u32::MAX)));
    out.extend(order.bytes_u32(orig_len));
    out.extend_from_slice(captured);
    options::pad(out, captured.len());
    finish(out, order);
}

/// Begins a block; its length comes with [`finish`].
fn begin(out: &mut Vec<u8>, kind: BlockKind, order: Order) {
    out.clear();
    out.extend(order.bytes_u32(kind.number()));
    out.extend([0; 4]);
}

/// Writes the length at both ends.
fn finish(out: &mut Vec<u8>, order: Order) {
    let len = u32::try_from(out.len() + TRAILER).unwrap_or(u32::MAX);
    let len = order.bytes_u32(len);
    out.extend(len);
    if let Some(place) = out.get_mut(4..8) {
        place.copy_from_slice(&len);
    }
}
