//! `Decoder`: the stage, and what its parts share.

use super::defrag::Defrag;
use super::ip::{Envelope, Outer};
use super::link::{self, Head, Peeled};
use super::link_names;
use super::trace::{Mark, Trace, What};
use super::wlan_fragments::WlanFragments;
use super::{Layer, Packet, esp, wlan};
use crate::capture::Frame;
use crate::defect::{Defect, DefectKind};
use crate::limits::Limits;
use crate::units::{FrameRef, Timestamp};

/// Turns frames into packets.
#[derive(Debug)]
pub struct Decoder {
    pub(super) defrag: Defrag,
    wlan_fragments: WlanFragments,
    /// A buffer to use again.
    pub(super) inflated: Vec<u8>,
    pub(super) message_bytes: usize,
    /// Where heads were found, for who asked.
    pub(super) trace: Option<Trace>,
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

    /// Tells that what lies this deep is not opened.
    #[cold]
    pub(super) fn too_deep(&mut self) {
        self.defect(
            DefectKind::MalformedPacket,
            "more headers lie inside each other than any real packet has",
        );
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
            wlan_fragments: WlanFragments::new(limits),
            inflated: Vec::new(),
            message_bytes: limits.message_bytes,
            trace: None,
        }
    }

    /// A decoder that notes where the heads of a frame lie; see [`Self::take_trace`].
    pub(crate) fn traced(limits: &Limits) -> Self {
        Self {
            trace: Some(Trace::new()),
            ..Self::new(limits)
        }
    }

    /// Where the heads of the frame pushed last lie. What is handed in will be used for the next.
    pub(crate) fn take_trace(&mut self, mut spare: Trace) -> Trace {
        spare.clear();
        self.trace.replace(spare).unwrap_or_default()
    }

    /// Notes that a head begins at `layer`.
    #[inline]
    pub(super) fn mark(&mut self, what: impl FnOnce() -> What, layer: Layer<'_>) {
        if let Some(trace) = &mut self.trace {
            trace.push(Mark {
                what: what(),
                at: layer.bytes.as_ptr().addr(),
                len: layer.bytes.len(),
            });
        }
    }

    /// Lets capture time pass: datagrams that waited too long for their fragments are given up,
    /// and said, even where no fragment comes any more.
    #[inline]
    pub fn tick(&mut self, now: Timestamp, defects: &mut impl FnMut(Defect)) {
        if !self.defrag.is_empty() {
            self.defrag.expire(now, defects);
        }
        if !self.wlan_fragments.is_empty() {
            self.wlan_fragments.expire(now, defects);
        }
    }

    /// Decodes one frame: a packet comes out, or none, or of an aggregate several;
    /// and any number of defects.
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
            Peeled::Ip(packet) => self.ip(&mut pass, packet, Outer::NONE),
            peeled => self.inner(&mut pass, peeled, layer, Outer::NONE),
        }
    }

    /// What was found in `layer`, a frame or what a tunnel carries.
    #[cold]
    #[inline(never)]
    pub(super) fn inner<O: FnMut(Packet<'_>), D: FnMut(Defect)>(
        &mut self,
        pass: &mut Pass<'_, O, D>,
        peeled: Peeled<'_>,
        layer: Layer<'_>,
        outer: Outer<'_>,
    ) {
        match peeled {
            Peeled::Ip(packet) => self.inner_ip(pass, packet, outer),
            Peeled::Aggregate(mut rest) => {
                while let Some((subframe, behind)) = wlan::next_subframe(rest) {
                    rest = behind;
                    match link::climb(Head::Llc, subframe) {
                        Peeled::Ip(packet) => self.inner_ip(pass, packet, outer),
                        Peeled::Closed(kind, detail) => pass.defect(kind, detail),
                        _ => {}
                    }
                }
            }
            Peeled::Fragment(fragment) if fragment.body.is_snapped() => {
                pass.header_cut(fragment.body, "");
            }
            Peeled::Fragment(fragment) => {
                let whole = self
                    .wlan_fragments
                    .push(&fragment, pass.at, pass.time, pass.defects);
                let Some(whole) = whole else { return };
                let body = Layer {
                    bytes: &whole.bytes,
                    wire: whole.bytes.len(),
                };
                let outer = Outer {
                    depth: outer.depth,
                    earlier: &whole.frames,
                    fragmented: outer.fragmented,
                };
                match link::climb(Head::Llc, body) {
                    Peeled::Ip(packet) => self.inner_ip(pass, packet, outer),
                    Peeled::Closed(kind, detail) => pass.defect(kind, detail),
                    _ => {}
                }
            }
            Peeled::Exported(frame) => self.exported(pass, frame, outer),
            Peeled::Other => {}
            Peeled::Short => {
                pass.header_cut(
                    layer,
                    "the frame, or a tunnel in it, ends inside its headers",
                );
            }
            Peeled::Closed(kind, detail) => pass.defect(kind, detail),
            Peeled::TooDeep => pass.too_deep(),
            Peeled::Unknown(number) => (pass.defects)(
                Defect::new(
                    DefectKind::UnknownLink,
                    pass.at,
                    link_names::not_decoded(number),
                )
                .with_number(u64::from(number)),
            ),
        }
    }

    /// ESP; false if it is encrypted, or at least not certainly plain.
    #[inline(never)]
    pub(super) fn esp<O: FnMut(Packet<'_>), D: FnMut(Defect)>(
        &mut self,
        pass: &mut Pass<'_, O, D>,
        envelope: Envelope<'_>,
        packet: Layer<'_>,
        depth: u8,
    ) -> bool {
        let Some((protocol, inner)) = esp::open(envelope.src, envelope.dst, packet) else {
            return false;
        };
        self.payload(pass, envelope, protocol, inner, depth.saturating_add(1));
        true
    }

    /// The capture has ended: what still waits for fragments will not get them.
    pub fn finish(&mut self, defects: &mut impl FnMut(Defect)) {
        self.defrag.finish(defects);
        self.wlan_fragments.finish(defects);
    }
}
