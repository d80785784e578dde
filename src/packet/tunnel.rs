//! Tunnels named by an IP protocol number, opened.
//!
//! In: what an IP packet carries. Out: the inner layer, handed back to `link` or `ip` a nesting
//! deeper.
//!
//! # References
//! - RFC 2003, RFC 4213 (IP in IP), RFC 3378 (EtherIP), RFC 4023 (MPLS in IP)
//! - RFC 3931 (L2TP version 3), RFC 8986 (Ethernet behind segment routing)

use super::decoder::{Decoder, Pass};
use super::ip::{Envelope, Outer};
use super::link::{self, ETHERNET_HEAD, Head};
use super::trace::What;
use super::{Layer, MAX_NESTING, Packet, esp, gre};
use crate::defect::{Defect, DefectKind};

const IPV4: u8 = 4;
const IPV6: u8 = 41;
pub(super) const GRE: u8 = 47;
const ESP: u8 = 50;
const MOBILE: u8 = 55;
const ETHERIP: u8 = 97;
const IPCOMP: u8 = 108;
const L2TP: u8 = 115;
const MPLS: u8 = 137;
const ETHERNET_IN_IP: u8 = 143;

const L2TP_V3: &str = "L2TPv3 sessions whose frames could not be told from their cookies are not opened; capture behind the tunnel's end";

impl Decoder {
    /// What an IP protocol number names that is a tunnel's; others are nothing.
    #[cold]
    #[inline(never)]
    pub(super) fn ip_tunnel<O: FnMut(Packet<'_>), D: FnMut(Defect)>(
        &mut self,
        pass: &mut Pass<'_, O, D>,
        envelope: Envelope<'_>,
        protocol: u8,
        layer: Layer<'_>,
        depth: u8,
    ) {
        let outer = envelope.outer(depth);
        match protocol {
            IPV4 | IPV6 => self.inner_ip(pass, layer, outer),
            GRE => match gre::open(layer) {
                gre::Gre::Frame(head, frame) => {
                    self.frame(pass, head, frame, outer);
                }
                gre::Gre::Inside(peeled) => self.inner(pass, peeled, layer, outer),
                gre::Gre::Unknown(number) => (pass.defects)(
                    Defect::new(
                        DefectKind::Tunnel,
                        pass.at,
                        "GRE that carries protocol {} is not opened; capture in front of the tunnel, or behind it",
                    )
                    .with_number(u64::from(number)),
                ),
            },
            ESP if self.esp(pass, envelope, layer, depth) => {}
            ESP => pass.defect(DefectKind::Encrypted, esp::ENCRYPTED),
            // Version 3 and 12 zeros.
            ETHERIP => match layer.skip(2) {
                Some(frame) => self.frame(pass, ETHERNET_HEAD, frame, outer),
                None => pass.header_cut(layer, "the packet ends inside its EtherIP header"),
            },
            // Segment routing over IPv6 ends with it (RFC 8986 §4.9).
            ETHERNET_IN_IP => self.frame(pass, ETHERNET_HEAD, layer, outer),
            MPLS => self.frame(pass, Head::Type(0x8847), layer, outer),
            // Session 0 is the control connection.
            L2TP if layer.bytes.starts_with(&[0; 4]) => {}
            L2TP => match layer.skip(4).and_then(l2tp_v3_frame) {
                Some(frame) => self.frame(pass, ETHERNET_HEAD, frame, outer),
                None => pass.defect(DefectKind::Tunnel, L2TP_V3),
            },
            IPCOMP => pass.defect(
                DefectKind::Tunnel,
                "packets compressed with IPComp are not opened; capture behind the tunnel's end",
            ),
            MOBILE => pass.defect(
                DefectKind::Tunnel,
                "packets in minimal encapsulation (Mobile IP) are not opened; capture behind the tunnel's end",
            ),
            _ => {}
        }
    }

    /// A frame of a link layer in a tunnel.
    pub(super) fn frame<O: FnMut(Packet<'_>), D: FnMut(Defect)>(
        &mut self,
        pass: &mut Pass<'_, O, D>,
        head: Head,
        frame: Layer<'_>,
        outer: Outer<'_>,
    ) {
        self.mark(|| What::Link(head), frame);
        self.inner(pass, link::climb(head, frame), frame, outer);
    }

    /// An IP packet inside another layer.
    #[cold]
    #[inline(never)]
    pub(super) fn inner_ip<O: FnMut(Packet<'_>), D: FnMut(Defect)>(
        &mut self,
        pass: &mut Pass<'_, O, D>,
        packet: Layer<'_>,
        outer: Outer<'_>,
    ) {
        if outer.depth > MAX_NESTING {
            return pass.too_deep();
        }
        self.ip(pass, packet, outer);
    }
}

/// The Ethernet frame behind the session number of L2TP version 3 (RFC 3931 §4.1). How long the cookie is,
/// and whether a sublayer follows, only the ends know: it is where a frame makes sense.
pub(super) fn l2tp_v3_frame(behind_session: Layer<'_>) -> Option<Layer<'_>> {
    [0, 4, 8, 12]
        .into_iter()
        .filter_map(|cookie| behind_session.skip(cookie))
        .find(|frame| frame.u16_be(12).is_some() && frame.is_ethernet())
}
