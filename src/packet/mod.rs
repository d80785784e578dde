//! Packet: a frame becomes what its transport layer carries.
//!
//! In: [`crate::capture::Frame`]. Out: [`Packet`], borrowed from the frame or, if IP was
//! fragmented, from the datagram put together; good until the next push. Frames that carry no IP
//! are silently nothing.
//!
//! Always: no bytes panic; a packet cut by a snap length gives what there is and says so; what
//! lengths in headers leave out (Ethernet padding) is never handed on; a packet that is no
//! fragment costs no allocation. Of tunnels the innermost packet comes out, with its own addresses;
//! a tunnel that is recognised but not opened is a defect. Capped: nested headers by
//! [`MAX_NESTING`], datagrams being put together by
//! [`crate::limits::Limits::ip_reassemblies`].
//!
//! `link` finds the IP packet in a frame, `ip` its payload, `defrag` puts fragments together,
//! `transport` reads UDP, TCP and ICMP; `tunnel` opens what they carry and hands the inner layer
//! back to `link` or `ip`, a nesting deeper. `relay` reads messages that came framed.
//!
//! etherparse reads the single heads. Its lax slicing of whole packets is not used: it would read
//! an extension header out of the middle of a fragment, and starts at Ethernet or IP only.
//!
//! # References
//! - RFC 791, RFC 8200, RFC 4302 (AH), RFC 768, RFC 9293, RFC 792, RFC 4443, RFC 4884
//! - <https://www.tcpdump.org/linktypes.html>

mod layer;
pub(crate) mod trace;
mod wlan;
mod ppp;
mod recorder;
mod link;
mod link_names;
mod ip;
mod waiting;
mod defrag;
mod wlan_fragments;
mod transport;
mod gre;
mod esp;
mod tunnel;
mod capwap;
mod acdr;
mod udp_tunnel;
pub(crate) mod hep;
mod exported;
mod relay;
mod sctp;
mod decoder;

pub use decoder::Decoder;
pub use sctp::SctpPacket;

/// How many headers may lie inside each other: VLAN tags, extension headers, IP in IP.
pub const MAX_NESTING: u8 = 16;

/// The bytes captured of a layer, and how many there were on the wire.
///
/// Invariant: `bytes.len() <= wire`.
#[derive(Clone, Copy, Debug)]
struct Layer<'a> {
    bytes: &'a [u8],
    wire: usize,
}

use crate::units::{Endpoint, Flow, Origin};

/// What a frame turned out to carry.
#[derive(Clone, Copy, Debug)]
pub enum Packet<'a> {
    /// A UDP datagram.
    Datagram(Datagram<'a>),
    /// A TCP segment.
    Segment(Segment<'a>),
    /// An SCTP packet.
    Sctp(SctpPacket<'a>),
    /// An ICMP error that quotes a UDP or TCP packet.
    IcmpError(IcmpError<'a>),
    /// One SIP message, whole, that a HEP agent mirrored or Wireshark exported. Its flow and time
    /// are those told of it, by whatever transport; of the IP packet it came in nothing is known
    /// (`ip_id` and `ttl` are 0).
    Message(Datagram<'a>),
}

/// A UDP datagram, or a message framed like one.
#[derive(Clone, Copy, Debug)]
pub struct Datagram<'a> {
    /// Sender and receiver; of [`Packet::Datagram`] the transport is UDP.
    pub flow: Flow,
    /// Where and when.
    pub origin: Origin<'a>,
    /// What it carried, without link-layer padding.
    pub payload: &'a [u8],
}

/// A TCP segment.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    /// Sender and receiver; the transport is TCP.
    pub flow: Flow,
    /// Where and when.
    pub origin: Origin<'a>,
    /// Sequence number of the first byte (of SYN, if set).
    pub seq: u32,
    /// Acknowledgment number; meaningful with ACK set.
    pub ack: u32,
    /// Control bits.
    pub flags: TcpFlags,
    /// What TCP carried, without link-layer padding.
    pub payload: &'a [u8],
    /// Bytes the payload had on the wire; more than `payload` holds where a snap length cut it.
    pub wire_len: u32,
}

/// TCP control bits, as a type with questions (RFC 9293 §3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TcpFlags {
    /// SYN.
    pub syn: bool,
    /// ACK.
    pub ack: bool,
    /// FIN.
    pub fin: bool,
    /// RST.
    pub rst: bool,
}

/// An ICMP or `ICMPv6` error about a packet that was sent (RFC 792, RFC 4443).
#[derive(Clone, Copy, Debug)]
pub struct IcmpError<'a> {
    /// Who reports it.
    pub reporter: Endpoint,
    /// The flow of the quoted packet: its sender, its destination.
    pub quoted: Flow,
    /// Where and when.
    pub origin: Origin<'a>,
    /// ICMP type.
    pub icmp_type: u8,
    /// ICMP code.
    pub icmp_code: u8,
    /// It came by `ICMPv6`, so type and code are those of RFC 4443.
    pub v6: bool,
    /// What is quoted of the payload behind the UDP or TCP header; often cut.
    pub quoted_payload: &'a [u8],
    /// IPv4 Identification of the quoted packet; 0 for IPv6.
    pub quoted_id: u16,
    /// Bytes of the quoted datagram's payload, be it quoted or not; 0 of what is not UDP.
    pub quoted_len: u16,
}

impl IcmpError<'_> {
    /// The packet did not and will not arrive: unreachable for good, prohibited, or a parameter
    /// problem (RFC 3261 §18.4). TTL exceeded and source quench are no failures there, and
    /// "fragmentation needed" is about a size, not about a destination.
    pub const fn is_failure(&self) -> bool {
        if self.v6 {
            matches!(self.icmp_type, 1 | 4)
        } else {
            matches!(
                (self.icmp_type, self.icmp_code),
                (3, 0..=3 | 9 | 10 | 13) | (12, _)
            )
        }
    }
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
