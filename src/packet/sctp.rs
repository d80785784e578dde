//! SCTP: handed on whole; the `sctp` room reads its chunks.
//!
//! In: an IP payload. Out: [`super::Packet::Sctp`].
//!
//! # References
//! - RFC 9260 §3.1

use super::decoder::Pass;
use super::ip::Envelope;
use super::{Layer, Packet};
use crate::defect::Defect;
use crate::units::{Endpoint, Flow, Origin, Transport};

/// An SCTP packet.
#[derive(Clone, Copy, Debug)]
pub struct SctpPacket<'a> {
    /// Sender and receiver; the transport is SCTP.
    pub flow: Flow,
    /// Where and when.
    pub origin: Origin<'a>,
    /// Which association of the receiver it is for.
    pub verification_tag: u32,
    /// What stands behind the common header.
    pub chunks: &'a [u8],
}

impl<O: FnMut(Packet<'_>), D: FnMut(Defect)> Pass<'_, O, D> {
    #[cold]
    pub(super) fn sctp(&mut self, envelope: Envelope<'_>, layer: Layer<'_>) {
        let (Some(&[s0, s1, d0, d1, t0, t1, t2, t3, ..]), Some(chunks)) =
            (layer.bytes.first_chunk::<12>(), layer.bytes.get(12..))
        else {
            return self.header_cut(layer, "the packet ends inside its SCTP header");
        };
        let flow = Flow {
            src: Endpoint::new(envelope.src, u16::from_be_bytes([s0, s1])),
            dst: Endpoint::new(envelope.dst, u16::from_be_bytes([d0, d1])),
            transport: Transport::Sctp,
        };
        let origin = self.origin(envelope, layer.is_snapped());
        (self.out)(Packet::Sctp(SctpPacket {
            flow,
            origin,
            verification_tag: u32::from_be_bytes([t0, t1, t2, t3]),
            chunks,
        }));
    }
}
