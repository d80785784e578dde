//! Packet: a frame becomes what its transport layer carries.
//!
//! In: [`crate::capture::Frame`]. Out: [`Packet`], borrowed from the frame or, if IP was
//! fragmented, from the defragmenter's pool; good until the next push.

use crate::units::{Endpoint, Flow, Origin};

/// What a frame turned out to carry.
#[derive(Clone, Copy, Debug)]
pub enum Packet<'a> {
    /// A UDP datagram.
    Datagram(Datagram<'a>),
    /// A TCP segment.
    Segment(Segment<'a>),
    /// An ICMP error that quotes a UDP or TCP packet.
    IcmpError(IcmpError<'a>),
}

/// A UDP datagram.
#[derive(Clone, Copy, Debug)]
pub struct Datagram<'a> {
    /// Sender and receiver; the transport is UDP.
    pub flow: Flow,
    /// Where and when.
    pub origin: Origin<'a>,
    /// What UDP carried, without link-layer padding.
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

/// An ICMP or ICMPv6 error about a packet that was sent (RFC 792, RFC 4443).
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
    /// It came by ICMPv6, so type and code are those of RFC 4443.
    pub v6: bool,
    /// What is quoted of the payload behind the UDP or TCP header; often cut.
    pub quoted_payload: &'a [u8],
}

impl IcmpError<'_> {
    /// The packet did not and will not arrive: destination unreachable or parameter problem
    /// (RFC 3261 §18.4 counts both as failures, TTL exceeded and source quench not).
    pub const fn is_failure(&self) -> bool {
        if self.v6 {
            matches!(self.icmp_type, 1 | 4)
        } else {
            matches!(self.icmp_type, 3 | 12)
        }
    }
}
