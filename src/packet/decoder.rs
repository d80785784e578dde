//! `Decoder`: the stage, and what its parts share.

use super::defrag::Defrag;
use super::link::{self, Peeled};
use super::{Layer, Packet};
use crate::capture::Frame;
use crate::defect::{Defect, DefectKind};
use crate::limits::Limits;
use crate::units::{FrameRef, Timestamp};

/// Turns frames into packets.
#[derive(Debug)]
pub struct Decoder {
    pub(super) defrag: Defrag,
}

/// One frame on its way through the layers.
pub(super) struct Pass<'p, O, D> {
    pub(super) at: FrameRef,
    pub(super) time: Timestamp,
    pub(super) interface: u32,
    pub(super) out: &'p mut O,
    pub(super) defects: &'p mut D,
}

impl<O, D: FnMut(Defect)> Pass<'_, O, D> {
    /// Tells a defect of this frame.
    #[cold]
    pub(super) fn defect(&mut self, kind: DefectKind, detail: &'static str) {
        (self.defects)(Defect::new(kind, self.at, detail));
    }

    /// Tells that a header does not fit into `layer`: snapped if the wire had more.
    #[cold]
    pub(super) fn header_cut(&mut self, layer: Layer<'_>, detail: &'static str) {
        if layer.wire > layer.bytes.len() {
            self.defect(
                DefectKind::Snapped,
                "the snap length cut inside the headers of the packet; capture whole packets (tcpdump -s 0)",
            );
        } else {
            self.defect(DefectKind::MalformedPacket, detail);
        }
    }
}

impl Decoder {
    /// A decoder that has seen nothing.
    pub fn new(limits: &Limits) -> Self {
        Self {
            defrag: Defrag::new(limits),
        }
    }

    /// Lets capture time pass: datagrams that waited too long for their fragments are given up,
    /// and said, even where no fragment comes any more.
    pub fn tick(&mut self, now: Timestamp, defects: &mut impl FnMut(Defect)) {
        self.defrag.expire(now, defects);
    }

    /// Decodes one frame: at most one packet comes out, and any number of defects.
    #[inline]
    pub fn push(
        &mut self,
        frame: &Frame<'_>,
        out: &mut impl FnMut(Packet<'_>),
        defects: &mut impl FnMut(Defect),
    ) {
        let layer = Layer {
            bytes: frame.captured,
            wire: (frame.orig_len as usize).max(frame.captured.len()),
        };
        let mut pass = Pass {
            at: frame.at,
            time: frame.time,
            interface: frame.interface,
            out,
            defects,
        };
        match link::peel(frame.link, layer) {
            Peeled::Ip(layer) => self.ip(&mut pass, layer, 0),
            Peeled::Other => {}
            Peeled::Short => pass.header_cut(layer, "the frame is shorter than its link-layer header"),
            Peeled::Unknown => (pass.defects)(
                Defect::new(
                    DefectKind::UnknownLink,
                    frame.at,
                    "link type {} is not decoded; capture on an Ethernet, cooked (any) or loopback interface, or convert to one of them",
                )
                .with_number(u64::from(frame.link.0)),
            ),
        }
    }

    /// The capture has ended: what still waits for fragments will not get them.
    pub fn finish(&mut self, defects: &mut impl FnMut(Defect)) {
        self.defrag.finish(defects);
    }
}
