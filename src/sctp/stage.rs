//! `Sctp`: the stage.
//!
//! In: packets. Out: datagrams, one a user message. Capped: see the room's contract.

use rustc_hash::FxHashMap;

use super::association::Association;
use super::chunk::{are_chunks, for_data};
use crate::defect::{Defect, DefectKind};
use crate::limits::Limits;
use crate::packet::{Datagram, SctpPacket};
use crate::units::{Endpoint, Flow, FrameRef, Transport};

/// The port of SCTP inside UDP (RFC 6951 §5.1).
const TUNNEL: u16 = 9899;

const MISSING: &str = "parts of SCTP messages are not in the capture; SIP messages may be missing";
const CROWDED: &str =
    "more unfinished SCTP messages at once than memory is set aside for: the oldest were given up";
const NO_CHUNKS: &str = "an SCTP packet holds a chunk with a length that makes no sense";
const CUT: &str = "the snap length cut an SCTP packet; capture whole packets (tcpdump -s 0)";

/// One direction of an association. An association may change its addresses (RFC 9260 §6.4), but
/// not its ports and tags.
type Key = (u16, u16, u32);

/// Whether a datagram may hold an SCTP packet. Cheap: asked of every datagram.
#[inline]
pub const fn is_candidate(flow: &Flow) -> bool {
    flow.src.port == TUNNEL || flow.dst.port == TUNNEL
}

/// Puts SCTP messages together.
#[derive(Debug)]
pub struct Sctp {
    associations: FxHashMap<Key, Box<Association>>,
    waiting: usize,
    used: u64,
    limits: Limits,
}

impl Sctp {
    /// An empty one.
    pub fn new(limits: &Limits) -> Self {
        Self {
            associations: FxHashMap::default(),
            waiting: 0,
            used: 0,
            limits: *limits,
        }
    }

    /// Bytes of unfinished messages.
    pub const fn waiting_bytes(&self) -> usize {
        self.waiting
    }

    /// Takes a packet. `out` answers whether a message is SIP.
    pub fn push(
        &mut self,
        packet: &SctpPacket<'_>,
        out: &mut dyn FnMut(Datagram<'_>) -> bool,
        defects: &mut dyn FnMut(Defect),
    ) {
        let flow = packet.flow;
        let key = (flow.src.port, flow.dst.port, packet.verification_tag);
        self.used += 1;
        if self.associations.len() >= self.limits.sctp_associations
            && !self.associations.contains_key(&key)
        {
            self.shed(packet.origin.at, defects);
        }
        let association = self.associations.entry(key).or_default();
        association.used = self.used;
        let before = association.cost();
        let mut sip = association.sip;
        let is_sane = for_data(packet.chunks, |data| {
            if data.cut && sip {
                defects(Defect::new(DefectKind::Snapped, packet.origin.at, CUT));
            }
            association.push(
                &data,
                &packet.origin,
                self.limits.frames_per_message,
                &mut |payload, origin| {
                    sip |= out(Datagram {
                        flow,
                        origin,
                        payload,
                    });
                },
            );
        });
        association.sip = sip;
        if !is_sane && sip {
            let at = packet.origin.at;
            defects(Defect::new(DefectKind::MalformedPacket, at, NO_CHUNKS));
        }
        if association.cost() > self.limits.sctp_waiting_bytes_per_direction
            && association.clear() > 0
            && sip
        {
            defects(Defect::new(DefectKind::SctpGap, packet.origin.at, MISSING));
        }
        self.waiting = self.waiting.saturating_sub(before) + association.cost();
        if self.waiting > self.limits.sctp_waiting_bytes {
            self.shed(packet.origin.at, defects);
        }
    }

    /// Takes a UDP datagram if it holds an SCTP packet (RFC 6951); whether it does.
    #[inline]
    pub fn datagram(
        &mut self,
        datagram: &Datagram<'_>,
        out: &mut dyn FnMut(Datagram<'_>) -> bool,
        defects: &mut dyn FnMut(Defect),
    ) -> bool {
        is_candidate(&datagram.flow) && self.tunnelled(datagram, out, defects)
    }

    #[cold]
    fn tunnelled(
        &mut self,
        datagram: &Datagram<'_>,
        out: &mut dyn FnMut(Datagram<'_>) -> bool,
        defects: &mut dyn FnMut(Defect),
    ) -> bool {
        let Some((&[s0, s1, d0, d1, t0, t1, t2, t3, ..], chunks)) =
            datagram.payload.split_first_chunk::<12>()
        else {
            return false;
        };
        if !are_chunks(chunks) {
            return false;
        }
        let endpoint = |end: Endpoint, port| Endpoint::new(end.addr, u16::from_be_bytes(port));
        let packet = SctpPacket {
            flow: Flow {
                src: endpoint(datagram.flow.src, [s0, s1]),
                dst: endpoint(datagram.flow.dst, [d0, d1]),
                transport: Transport::Sctp,
            },
            origin: datagram.origin,
            verification_tag: u32::from_be_bytes([t0, t1, t2, t3]),
            chunks,
        };
        self.push(&packet, out, defects);
        true
    }

    /// The capture is over: what waits will not become whole.
    pub fn finish(&mut self, defects: &mut dyn FnMut(Defect)) {
        let mut lost: Vec<(FrameRef, usize)> = self
            .associations
            .values()
            .filter(|association| association.sip)
            .filter_map(|association| Some((association.waiting_at()?, association.waiting())))
            .collect();
        lost.sort_unstable();
        if let Some((at, _)) = lost.first() {
            let count: usize = lost.iter().map(|(_, count)| count).sum();
            let mut defect = Defect::new(DefectKind::SctpGap, *at, MISSING);
            defect.count = u64::try_from(count).unwrap_or(u64::MAX);
            defects(defect);
        }
        self.associations.clear();
        self.waiting = 0;
    }

    /// Gives up a quarter of the associations, those without SIP and idle longest first.
    fn shed(&mut self, at: FrameRef, defects: &mut dyn FnMut(Defect)) {
        let mut all: Vec<(bool, u64, Key)> = self
            .associations
            .iter()
            .map(|(key, association)| (association.sip, association.used, *key))
            .collect();
        all.sort_unstable();
        let mut given_up = 0;
        for (_, _, key) in all.iter().take(all.len() / 4 + 1) {
            if let Some(association) = self.associations.remove(key) {
                self.waiting = self.waiting.saturating_sub(association.cost());
                given_up += u64::from(association.sip && association.waiting() > 0);
            }
        }
        if given_up > 0 {
            let mut defect = Defect::new(DefectKind::Evicted, at, CROWDED);
            defect.count = given_up;
            defects(defect);
        }
    }
}
