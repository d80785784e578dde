//! Packets of Wireshark's "Export PDUs to File" (link type 252).
//!
//! In: a frame that begins with tags. Out: [`Pdu`]: what kind of payload, and whose. TCP is
//! reassembled already, so a SIP payload is one whole message.
//!
//! # References
//! - <https://www.tcpdump.org/linktypes.html> (`LINKTYPE_WIRESHARK_UPPER_PDU`)

use std::net::{IpAddr, Ipv4Addr};

use super::Layer;
use crate::units::{Endpoint, Flow, Transport};

/// An exported packet.
pub(super) enum Pdu<'a> {
    /// A SIP message.
    Sip(Flow, Layer<'a>),
    /// An IP packet.
    Ip(Layer<'a>),
    /// An Ethernet frame.
    Ethernet(Layer<'a>),
    /// Of another dissector.
    Other,
    /// The tags have no end.
    Short,
}

/// Reads the tags.
pub(super) fn open(frame: Layer<'_>) -> Pdu<'_> {
    let mut rest = frame;
    let mut name: &[u8] = &[];
    let mut transport = None;
    let unknown = Endpoint::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
    let (mut src, mut dst) = (unknown, unknown);
    loop {
        let (Some(tag), Some(len)) = (rest.u16_be(0), rest.u16_be(2).map(usize::from)) else {
            return Pdu::Short;
        };
        let Some(behind) = rest.skip(4) else {
            return Pdu::Short;
        };
        let (Some(value), Some(next)) = (behind.bytes.get(..len), behind.skip(len)) else {
            return Pdu::Short;
        };
        rest = next;
        match tag {
            0 => break,
            // The dissector's name, or that of a heuristic one; zeros fill it up.
            12 | 13 => name = value.split(|byte| *byte == 0).next().unwrap_or_default(),
            20 => set_addr::<4>(&mut src, value),
            21 => set_addr::<4>(&mut dst, value),
            22 => set_addr::<16>(&mut src, value),
            23 => set_addr::<16>(&mut dst, value),
            24 => transport = value.last().copied(),
            25 => set_port(&mut src, value),
            26 => set_port(&mut dst, value),
            _ => {}
        }
    }
    match name {
        b"ip" | b"ipv6" => Pdu::Ip(rest),
        b"eth" | b"eth_withoutfcs" | b"eth_maybefcs" | b"eth_withfcs" => Pdu::Ethernet(rest),
        b"sip" | b"sip.tcp" | b"sip_udp" | b"sip_tcp" | b"sip_sctp" | b"sip_stun" => {
            let transport = match transport {
                Some(1) => Transport::Sctp,
                Some(2) => Transport::Tcp,
                _ => Transport::Udp,
            };
            Pdu::Sip(
                Flow {
                    src,
                    dst,
                    transport,
                },
                rest,
            )
        }
        _ => Pdu::Other,
    }
}

fn set_addr<const N: usize>(endpoint: &mut Endpoint, value: &[u8])
where
    IpAddr: From<[u8; N]>,
{
    if let Ok(octets) = <[u8; N]>::try_from(value) {
        endpoint.addr = octets.into();
    }
}

fn set_port(endpoint: &mut Endpoint, value: &[u8]) {
    if let Ok(octets) = <[u8; 4]>::try_from(value) {
        endpoint.port = u16::try_from(u32::from_be_bytes(octets)).unwrap_or(0);
    }
}
