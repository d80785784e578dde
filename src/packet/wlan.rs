//! IEEE 802.11: what a data frame carries.
//!
//! In: a layer that begins with frame control. Out: [`Wlan`]; of an aggregate (A-MSDU) the
//! subframes one by one from [`next_subframe`].
//!
//! # References
//! - IEEE 802.11-2020 §9.2.4, §9.3.2

use super::Layer;

/// What a frame is.
pub(super) enum Wlan<'a> {
    /// Data in clear: its LLC head.
    Llc(Layer<'a>),
    /// Data in clear: several subframes.
    Aggregate(Layer<'a>),
    /// Encrypted data.
    Encrypted,
    /// A part of a data frame in clear.
    Fragment(Fragment<'a>),
    /// A beacon, an acknowledgment, data without data.
    Other,
    /// Less than its head.
    Short,
}

/// A part of a data frame: its body, and to what it belongs.
#[derive(Clone, Copy)]
pub(super) struct Fragment<'a> {
    /// Receiver, transmitter, number of the frame, and of its queue.
    pub(super) of: (Address, Address, u16, u8),
    /// Counts from 0.
    pub(super) number: u8,
    /// Others follow.
    pub(super) more: bool,
    pub(super) body: Layer<'a>,
}

/// A MAC address.
pub(super) type Address = [u8; 6];

/// Finds the data.
pub(super) fn payload(frame: Layer<'_>) -> Wlan<'_> {
    let Some(&[kind, flags]) = frame.bytes.first_chunk::<2>() else {
        return Wlan::Short;
    };
    // Type 2 of version 0 is data; subtypes 4 to 7 and 12 to 15 have none.
    if kind & 0x0f != 0x08 || kind & 0x40 != 0 {
        return Wlan::Other;
    }
    if flags & 0x40 != 0 {
        return Wlan::Encrypted;
    }
    let Some(sequence) = frame.u16_le(22) else {
        return Wlan::Short;
    };
    let has_quality = kind & 0x80 != 0;
    let mut len = 24;
    // Between two access points: a fourth address.
    if flags & 0x03 == 0x03 {
        len += 6;
    }
    let mut is_aggregate = false;
    let mut queue = 0;
    if has_quality {
        let Some(control) = frame.bytes.get(len) else {
            return Wlan::Short;
        };
        queue = control & 0x0f;
        is_aggregate = control & 0x80 != 0;
        len += 2;
        // High throughput control.
        if flags & 0x80 != 0 {
            len += 4;
        }
    }
    let Some(behind) = frame.skip(len) else {
        return Wlan::Short;
    };
    let (more, [number, _]) = (flags & 0x04 != 0, (sequence & 0x0f).to_le_bytes());
    if (more || number != 0)
        && let (Some(receiver), Some(transmitter)) = (frame.array(4), frame.array(10))
    {
        return Wlan::Fragment(Fragment {
            of: (*receiver, *transmitter, sequence >> 4, queue),
            number,
            more,
            body: behind,
        });
    }
    if is_aggregate {
        return Wlan::Aggregate(behind);
    }
    // Some drivers fill the head up to a multiple of 4.
    if !behind.bytes.starts_with(&[0xaa, 0xaa, 3])
        && let Some(aligned) = frame.skip(len.next_multiple_of(4))
        && aligned.bytes.starts_with(&[0xaa, 0xaa, 3])
    {
        return Wlan::Llc(aligned);
    }
    Wlan::Llc(behind)
}

/// The LLC head of the first subframe, and the subframes behind it.
pub(super) fn next_subframe(layer: Layer<'_>) -> Option<(Layer<'_>, Layer<'_>)> {
    let len = usize::from(layer.u16_be(12)?);
    let behind = layer.skip(14)?;
    if len == 0 {
        return None;
    }
    let rest = layer.skip((14 + len).next_multiple_of(4)).unwrap_or(Layer {
        bytes: &[],
        wire: 0,
    });
    Some((behind.cut(len.min(behind.wire)), rest))
}
