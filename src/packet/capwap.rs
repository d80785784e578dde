//! CAPWAP: what access points and their controller send each other for the stations.
//!
//! In: a datagram on the data port. Out: the frame in it, Ethernet or 802.11, put together from
//! its fragments if need be.
//!
//! # References
//! - RFC 5415 §4.3 (header), §3.4 (fragments), RFC 5416 (802.11)

use etherparse::IpFragOffset;

use super::decoder::{Decoder, Pass};
use super::defrag::{Key, Piece};
use super::ip::{Envelope, Outer};
use super::link::{self, Head, Peeled};
use super::trace::What;
use super::{Layer, Packet};
use crate::defect::{Defect, DefectKind};

/// The data port.
pub(super) const PORT: u16 = 5247;

/// Fragments are put together with those of IP; 255 is the number of no IP protocol.
pub(super) const AS_PROTOCOL: u8 = 255;

/// What a header says.
struct Header {
    /// Of the header, bytes.
    len: usize,
    /// The frame is one of 802.11, not of Ethernet.
    is_native: bool,
    fragment: Option<Fragment>,
}

struct Fragment {
    id: u16,
    offset: IpFragOffset,
    is_last: bool,
}

/// Version 0 of the clear header; what follows a keep-alive is no frame.
fn parse(payload: Layer<'_>) -> Option<Header> {
    let &[0, high, middle, low, id0, id1, offset0, offset1] = payload.array::<8>(0)? else {
        return None;
    };
    // Length in words, radio, and the kind of radio: 1 is 802.11.
    let len = usize::from(high >> 3) * 4;
    let kind = (middle >> 1) & 0x1f;
    let is_native = middle & 1 == 1;
    let [is_fragment, is_last, _, _, is_keep_alive] =
        [0x80, 0x40, 0x20, 0x10, 0x08].map(|bit| low & bit != 0);
    if len < 8 || (is_native && kind != 1) || is_keep_alive || low & 0x07 != 0 {
        return None;
    }
    let fragment = if is_fragment {
        Some(Fragment {
            id: u16::from_be_bytes([id0, id1]),
            offset: IpFragOffset::try_new(u16::from_be_bytes([offset0, offset1]) >> 3).ok()?,
            is_last,
        })
    } else {
        None
    };
    Some(Header {
        len,
        is_native,
        fragment,
    })
}

impl Decoder {
    /// A datagram on the data port; false if it is none of CAPWAP.
    pub(super) fn capwap<O: FnMut(Packet<'_>), D: FnMut(Defect)>(
        &mut self,
        pass: &mut Pass<'_, O, D>,
        envelope: Envelope<'_>,
        payload: Layer<'_>,
        depth: u8,
    ) -> bool {
        // DTLS has another preamble.
        if payload.bytes.starts_with(&[1, 0, 0, 0, 0x17, 0xfe]) {
            pass.defect(
                DefectKind::Encrypted,
                "CAPWAP data between access points and controller is encrypted; capture behind the controller",
            );
            return true;
        }
        let Some((head, inner)) = parse(payload).and_then(|head| {
            let inner = payload.skip(head.len)?;
            Some((head, inner))
        }) else {
            return false;
        };
        let Some(fragment) = head.fragment else {
            return self.tunnelled(pass, head.is_native, inner, envelope.outer(depth));
        };
        if inner.is_snapped() {
            pass.header_cut(inner, "");
            return true;
        }
        let key = Key {
            src: envelope.src,
            dst: envelope.dst,
            id: u32::from(fragment.id),
            protocol: AS_PROTOCOL,
        };
        let piece = Piece {
            offset: fragment.offset,
            more: !fragment.is_last,
            bytes: inner.bytes,
        };
        let whole = self
            .defrag
            .push(key, piece, pass.at, pass.time, pass.defects);
        if let Some(whole) = whole {
            let layer = Layer {
                bytes: &whole.data,
                wire: whole.data.len(),
            };
            let outer = Outer {
                depth: depth.saturating_add(1),
                earlier: &whole.frames,
                fragmented: true,
            };
            self.tunnelled(pass, head.is_native, layer, outer);
            self.defrag.recycle(whole);
        }
        true
    }

    /// The frame; false if it is none.
    fn tunnelled<O: FnMut(Packet<'_>), D: FnMut(Defect)>(
        &mut self,
        pass: &mut Pass<'_, O, D>,
        is_native: bool,
        inner: Layer<'_>,
        outer: Outer<'_>,
    ) -> bool {
        let swapped;
        let mut layer = inner;
        // Cisco sends the two bytes of frame control the other way round.
        if is_native
            && let [flags, kind, rest @ ..] = inner.bytes
            && flags & 0x0f != 0x08
            && kind & 0x0f == 0x08
        {
            swapped = [&[*kind, *flags][..], rest].concat();
            layer = Layer {
                bytes: &swapped,
                wire: inner.wire,
            };
        }
        let head = Head::Link(if is_native { 105 } else { 1 });
        let peeled = link::climb(head, layer);
        if let Peeled::Ip(packet) = peeled
            && !packet.is_ip()
        {
            return false;
        }
        self.mark(|| What::Link(head), layer);
        self.inner(pass, peeled, layer, outer);
        true
    }
}
