//! Packets and capture files from nothing.
//!
//! In: payloads, addresses, times. Out: IP packets with right lengths and checksums, link-layer
//! frames around them, and the bytes of a classic pcap or pcapng. Nothing is read here, so that
//! the product's readers are never tested against themselves.
//!
//! # References
//! - RFC 791, RFC 8200 (IP and its fragments), RFC 768, RFC 9293, RFC 792, RFC 4443
//! - draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng, <https://www.tcpdump.org/linktypes.html>

use std::net::{IpAddr, SocketAddr};

/// IP protocol numbers used here.
pub const ICMP: u8 = 1;
/// TCP.
pub const TCP: u8 = 6;
/// UDP.
pub const UDP: u8 = 17;
/// The IPv6 fragment header.
pub const IPV6_FRAGMENT: u8 = 44;
/// ICMPv6.
pub const ICMPV6: u8 = 58;

/// FIN, SYN, RST, PSH, ACK as they stand in the TCP header.
pub mod flag {
    /// No more data from the sender.
    pub const FIN: u8 = 0x01;
    /// Synchronise sequence numbers.
    pub const SYN: u8 = 0x02;
    /// Reset the connection.
    pub const RST: u8 = 0x04;
    /// Push.
    pub const PSH: u8 = 0x08;
    /// The acknowledgment number counts.
    pub const ACK: u8 = 0x10;
}

/// What of the IP header a test may want to choose.
#[derive(Clone, Copy, Debug)]
pub struct IpFields {
    /// IPv4 Identification, or that of the IPv6 fragment header.
    pub id: u16,
    /// TTL or hop limit.
    pub ttl: u8,
}

/// A UDP datagram: header with checksum, then the payload.
pub fn udp(src: SocketAddr, dst: SocketAddr, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len() + 8).expect("payload fits a datagram");
    let mut out = Vec::with_capacity(usize::from(length));
    out.extend(src.port().to_be_bytes());
    out.extend(dst.port().to_be_bytes());
    out.extend(length.to_be_bytes());
    out.extend([0, 0]);
    out.extend(payload);
    let sum = match transport_checksum(src.ip(), dst.ip(), UDP, &out) {
        0 => 0xffff, // 0 on the wire would mean "no checksum" (RFC 768).
        sum => sum,
    };
    out[6..8].copy_from_slice(&sum.to_be_bytes());
    out
}

/// A TCP segment without options.
pub fn tcp(
    src: SocketAddr,
    dst: SocketAddr,
    seq: u32,
    ack: u32,
    flags: u8,
    payload: &[u8],
) -> Vec<u8> {
    let mut out = Vec::with_capacity(payload.len() + 20);
    out.extend(src.port().to_be_bytes());
    out.extend(dst.port().to_be_bytes());
    out.extend(seq.to_be_bytes());
    out.extend(ack.to_be_bytes());
    out.extend([5 << 4, flags]);
    out.extend(0xfaf0_u16.to_be_bytes());
    out.extend([0, 0, 0, 0]);
    out.extend(payload);
    let sum = transport_checksum(src.ip(), dst.ip(), TCP, &out);
    out[16..18].copy_from_slice(&sum.to_be_bytes());
    out
}

/// An IP packet of the family of `src` around `payload`.
pub fn ip(src: IpAddr, dst: IpAddr, protocol: u8, fields: IpFields, payload: &[u8]) -> Vec<u8> {
    match (src, dst) {
        (IpAddr::V4(src), IpAddr::V4(dst)) => {
            let total = u16::try_from(payload.len() + 20).expect("payload fits an IPv4 packet");
            let mut out = vec![0x45, 0];
            out.extend(total.to_be_bytes());
            out.extend(fields.id.to_be_bytes());
            out.extend([0, 0, fields.ttl, protocol, 0, 0]);
            out.extend(src.octets());
            out.extend(dst.octets());
            fix_ipv4_checksum(&mut out);
            out.extend(payload);
            out
        }
        (IpAddr::V6(src), IpAddr::V6(dst)) => {
            let length = u16::try_from(payload.len()).expect("payload fits an IPv6 packet");
            let mut out = vec![0x60, 0, 0, 0];
            out.extend(length.to_be_bytes());
            out.extend([protocol, fields.ttl]);
            out.extend(src.octets());
            out.extend(dst.octets());
            out.extend(payload);
            out
        }
        _ => panic!("{src} and {dst} are of different families"),
    }
}

/// Writes the checksum of the IPv4 header that `packet` starts with (20 bytes, no options).
fn fix_ipv4_checksum(packet: &mut [u8]) {
    packet[10..12].fill(0);
    let sum = checksum(&[&packet[..20]]);
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
}

/// `packet` with its TTL or hop limit one lower, as behind a router.
pub fn routed(packet: &[u8]) -> Vec<u8> {
    let mut out = packet.to_vec();
    if out[0] >> 4 == 4 {
        out[8] -= 1;
        fix_ipv4_checksum(&mut out);
    } else {
        out[7] -= 1;
    }
    out
}

/// `packet` with another IPv4 Identification; an IPv6 packet stays as it is.
pub fn with_ip_id(packet: &[u8], id: u16) -> Vec<u8> {
    let mut out = packet.to_vec();
    if out[0] >> 4 == 4 {
        out[4..6].copy_from_slice(&id.to_be_bytes());
        fix_ipv4_checksum(&mut out);
    }
    out
}

/// The fragments of `packet` where the link takes `mtu` bytes; itself where it fits. `id` goes
/// into IPv6 fragment headers (IPv4 has its own).
pub fn fragments(packet: &[u8], mtu: usize, id: u16) -> Vec<Vec<u8>> {
    if packet.len() <= mtu {
        return vec![packet.to_vec()];
    }
    let v4 = packet[0] >> 4 == 4;
    let head = if v4 { 20 } else { 40 };
    let room = (mtu - head - if v4 { 0 } else { 8 }) / 8 * 8;
    assert!(room > 0, "an MTU of {mtu} carries nothing");
    let payload = &packet[head..];
    let mut out = Vec::new();
    for (index, piece) in payload.chunks(room).enumerate() {
        let offset_units = u16::try_from(index * room / 8).expect("offset fits 13 bits");
        let more = (index + 1) * room < payload.len();
        let mut fragment = packet[..head].to_vec();
        if v4 {
            let total = u16::try_from(head + piece.len()).expect("fragment fits");
            fragment[2..4].copy_from_slice(&total.to_be_bytes());
            let field = offset_units | if more { 0x2000 } else { 0 };
            fragment[6..8].copy_from_slice(&field.to_be_bytes());
            fix_ipv4_checksum(&mut fragment);
        } else {
            let length = u16::try_from(8 + piece.len()).expect("fragment fits");
            fragment[4..6].copy_from_slice(&length.to_be_bytes());
            let next = std::mem::replace(&mut fragment[6], IPV6_FRAGMENT);
            fragment.extend([next, 0]);
            fragment.extend((offset_units << 3 | u16::from(more)).to_be_bytes());
            fragment.extend(u32::from(id).to_be_bytes());
        }
        fragment.extend(piece);
        out.push(fragment);
    }
    out
}

/// Why a router or host refused a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreachable {
    /// Nobody listens on the port.
    Port,
    /// The host does not answer.
    Host,
    /// No route.
    Net,
    /// A filter said no.
    Prohibited,
    /// TTL exceeded: not a failure in SIP's eyes (RFC 3261 §18.4).
    TtlExceeded,
    /// Too big for a link: the sender's stack sends it again in smaller packets.
    TooBig,
}

impl Unreachable {
    /// Type and code in ICMP (RFC 792) or ICMPv6 (RFC 4443).
    const fn type_and_code(self, v6: bool) -> [u8; 2] {
        match (self, v6) {
            (Self::Port, false) => [3, 3],
            (Self::Host, false) => [3, 1],
            (Self::Net, false) | (Self::TtlExceeded, true) => [3, 0],
            (Self::Prohibited, false) => [3, 13],
            (Self::TtlExceeded, false) => [11, 0],
            (Self::TooBig, false) => [3, 4],
            (Self::TooBig, true) => [2, 0],
            (Self::Port, true) => [1, 4],
            (Self::Host, true) => [1, 3],
            (Self::Net, true) => [1, 0],
            (Self::Prohibited, true) => [1, 1],
        }
    }
}

/// The IP packet of an ICMP error from `reporter` to the sender of `packet`, quoting its first
/// `quote_bytes` bytes.
pub fn icmp_error(
    reporter: IpAddr,
    why: Unreachable,
    packet: &[u8],
    quote_bytes: usize,
    fields: IpFields,
) -> Vec<u8> {
    let to = source_of(packet);
    let v6 = to.is_ipv6();
    let mut body = why.type_and_code(v6).to_vec();
    body.extend([0; 6]);
    body.extend(&packet[..quote_bytes.min(packet.len())]);
    let protocol = if v6 { ICMPV6 } else { ICMP };
    let sum = if v6 {
        transport_checksum(reporter, to, ICMPV6, &body)
    } else {
        checksum(&[&body])
    };
    body[2..4].copy_from_slice(&sum.to_be_bytes());
    ip(reporter, to, protocol, fields, &body)
}

/// The source address of an IP packet.
fn source_of(packet: &[u8]) -> IpAddr {
    if packet[0] >> 4 == 4 {
        <[u8; 4]>::try_from(&packet[12..16])
            .expect("4 bytes")
            .into()
    } else {
        <[u8; 16]>::try_from(&packet[8..24])
            .expect("16 bytes")
            .into()
    }
}

/// The destination address of an IP packet.
fn destination_of(packet: &[u8]) -> IpAddr {
    if packet[0] >> 4 == 4 {
        <[u8; 4]>::try_from(&packet[16..20])
            .expect("4 bytes")
            .into()
    } else {
        <[u8; 16]>::try_from(&packet[24..40])
            .expect("16 bytes")
            .into()
    }
}

/// The checksum over the pseudo header and `bytes` (RFC 768, RFC 9293 §3.1, RFC 8200 §8.1).
fn transport_checksum(src: IpAddr, dst: IpAddr, protocol: u8, bytes: &[u8]) -> u16 {
    let length = u32::try_from(bytes.len()).expect("fits").to_be_bytes();
    let tail = [0, 0, 0, protocol];
    match (src, dst) {
        (IpAddr::V4(src), IpAddr::V4(dst)) => {
            checksum(&[&src.octets(), &dst.octets(), &tail, &length, bytes])
        }
        (IpAddr::V6(src), IpAddr::V6(dst)) => {
            checksum(&[&src.octets(), &dst.octets(), &length, &tail, bytes])
        }
        _ => panic!("{src} and {dst} are of different families"),
    }
}

/// The Internet checksum (RFC 1071). Every part but the last has an even length.
fn checksum(parts: &[&[u8]]) -> u16 {
    let mut sum = 0_u32;
    for part in parts {
        for pair in part.chunks(2) {
            let low = pair.get(1).copied().unwrap_or(0);
            sum += u32::from(u16::from_be_bytes([pair[0], low]));
        }
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).expect("folded")
}

/// An IP packet with a UDP datagram.
pub fn udp_packet(src: SocketAddr, dst: SocketAddr, fields: IpFields, payload: &[u8]) -> Vec<u8> {
    ip(src.ip(), dst.ip(), UDP, fields, &udp(src, dst, payload))
}

/// A classic pcap of frames of any link type, a second apart.
pub fn of_link(link: u16, frames: &[Vec<u8>]) -> Vec<u8> {
    let records: Vec<Record> = (0..)
        .zip(frames)
        .map(|(second, bytes)| Record {
            time_ns: (1_790_000_000 + second) * 1_000_000_000,
            bytes: bytes.clone(),
        })
        .collect();
    let mut out = write(&records, &Options::default());
    out[20..24].copy_from_slice(&u32::from(link).to_le_bytes());
    out
}

/// What stands before the IP packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Link {
    /// Ethernet II, `LINKTYPE_ETHERNET` 1.
    #[default]
    Ethernet,
    /// Nothing, `LINKTYPE_RAW` 101.
    Raw,
    /// BSD loopback, `LINKTYPE_NULL` 0: the family in the file's byte order.
    Null,
    /// Linux cooked, `LINKTYPE_LINUX_SLL` 113.
    Sll,
    /// Linux cooked v2, `LINKTYPE_LINUX_SLL2` 276.
    Sll2,
}

impl Link {
    /// The link types by the name a ladder uses.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "ethernet" => Self::Ethernet,
            "raw" => Self::Raw,
            "null" => Self::Null,
            "sll" => Self::Sll,
            "sll2" => Self::Sll2,
            _ => return None,
        })
    }

    /// The number in the file.
    pub const fn number(self) -> u16 {
        match self {
            Self::Ethernet => 1,
            Self::Raw => 101,
            Self::Null => 0,
            Self::Sll => 113,
            Self::Sll2 => 276,
        }
    }
}

/// The frame that carries `packet`. VLAN tags (outermost first) need a link that has an EtherType;
/// the others leave them out.
pub fn frame(packet: &[u8], link: Link, vlans: &[u16], order: Order) -> Vec<u8> {
    let ethertype: u16 = if packet[0] >> 4 == 4 { 0x0800 } else { 0x86dd };
    let mut out = Vec::with_capacity(packet.len() + 26);
    match link {
        Link::Ethernet => {
            out.extend(mac(destination_of(packet)));
            out.extend(mac(source_of(packet)));
            for (place, vlan) in vlans.iter().enumerate() {
                let outer_of_two = place + 1 < vlans.len();
                out.extend(if outer_of_two {
                    [0x88, 0xa8]
                } else {
                    [0x81, 0]
                });
                out.extend(vlan.to_be_bytes());
            }
            out.extend(ethertype.to_be_bytes());
        }
        Link::Raw => {}
        Link::Null => {
            // 30 is the number of IPv6 on macOS, where such captures come from.
            let family: u32 = if ethertype == 0x0800 { 2 } else { 30 };
            order.u32(&mut out, family);
        }
        Link::Sll => {
            out.extend([0, 0, 0, 1, 0, 6]);
            out.extend(mac(source_of(packet)));
            out.extend([0, 0]);
            out.extend(ethertype.to_be_bytes());
        }
        Link::Sll2 => {
            out.extend(ethertype.to_be_bytes());
            out.extend([0, 0, 0, 0, 0, 2, 0, 1, 0, 6]);
            out.extend(mac(source_of(packet)));
            out.extend([0, 0]);
        }
    }
    out.extend(packet);
    // The shortest Ethernet frame is 60 bytes without its checksum: the padding is what makes
    // readers look at the IP length.
    if link == Link::Ethernet && out.len() < 60 {
        out.resize(60, 0);
    }
    out
}

/// A locally administered MAC address made of the IP address's last four bytes.
fn mac(addr: IpAddr) -> [u8; 6] {
    let last = match addr {
        IpAddr::V4(addr) => addr.octets(),
        IpAddr::V6(addr) => addr
            .octets()
            .last_chunk::<4>()
            .copied()
            .expect("16 bytes hold 4"),
    };
    [2, 0, last[0], last[1], last[2], last[3]]
}

/// Byte order of the file's own numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// Least significant first.
    #[default]
    Little,
    /// Most significant first.
    Big,
}

impl Order {
    fn u16(self, out: &mut Vec<u8>, value: u16) {
        out.extend(match self {
            Self::Little => value.to_le_bytes(),
            Self::Big => value.to_be_bytes(),
        });
    }

    fn u32(self, out: &mut Vec<u8>, value: u32) {
        out.extend(match self {
            Self::Little => value.to_le_bytes(),
            Self::Big => value.to_be_bytes(),
        });
    }

    fn u64(self, out: &mut Vec<u8>, value: u64) {
        out.extend(match self {
            Self::Little => value.to_le_bytes(),
            Self::Big => value.to_be_bytes(),
        });
    }
}

/// Which file format.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Classic.
    #[default]
    Pcap,
    /// Next generation.
    Pcapng,
}

/// How a capture is written down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Classic or next generation.
    pub format: Format,
    /// Byte order.
    pub order: Order,
    /// Nanoseconds, not microseconds.
    pub nanos: bool,
    /// What stands before the IP packets.
    pub link: Link,
    /// Bytes kept of each frame.
    pub snap_len: Option<usize>,
    /// Packets the interface dropped: pcapng only, in its statistics block.
    pub dropped: Option<u64>,
}

/// A frame of a file to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Nanoseconds since the epoch; not before it.
    pub time_ns: u64,
    /// The frame as it was on the wire, link layer first.
    pub bytes: Vec<u8>,
}

/// The bytes of a capture file with `records` in the order given.
pub fn write(records: &[Record], options: &Options) -> Vec<u8> {
    match options.format {
        Format::Pcap => classic(records, options),
        Format::Pcapng => next_generation(records, options),
    }
}

fn snapped<'a>(record: &'a Record, options: &Options) -> (&'a [u8], u32) {
    let kept = options.snap_len.unwrap_or(usize::MAX);
    let whole = u32::try_from(record.bytes.len()).expect("frame fits");
    (&record.bytes[..kept.min(record.bytes.len())], whole)
}

fn snap_field(options: &Options) -> u32 {
    options.snap_len.map_or(262_144, |bytes| {
        u32::try_from(bytes).expect("snap length fits")
    })
}

fn classic(records: &[Record], options: &Options) -> Vec<u8> {
    let order = options.order;
    let mut out = Vec::new();
    order.u32(
        &mut out,
        if options.nanos {
            0xa1b2_3c4d
        } else {
            0xa1b2_c3d4
        },
    );
    order.u16(&mut out, 2);
    order.u16(&mut out, 4);
    order.u32(&mut out, 0);
    order.u32(&mut out, 0);
    order.u32(&mut out, snap_field(options));
    order.u32(&mut out, u32::from(options.link.number()));
    for record in records {
        let (kept, whole) = snapped(record, options);
        let (seconds, nanos) = (
            record.time_ns / 1_000_000_000,
            record.time_ns % 1_000_000_000,
        );
        let fraction = if options.nanos { nanos } else { nanos / 1000 };
        order.u32(&mut out, u32::try_from(seconds).expect("before 2106"));
        order.u32(&mut out, u32::try_from(fraction).expect("below 10^9"));
        order.u32(&mut out, u32::try_from(kept.len()).expect("fits"));
        order.u32(&mut out, whole);
        out.extend(kept);
    }
    out
}

fn next_generation(records: &[Record], options: &Options) -> Vec<u8> {
    let order = options.order;
    let mut out = Vec::new();
    block(&mut out, order, 0x0a0d_0d0a, |body| {
        order.u32(body, 0x1a2b_3c4d);
        order.u16(body, 1);
        order.u16(body, 0);
        order.u64(body, u64::MAX);
    });
    block(&mut out, order, 1, |body| {
        order.u16(body, options.link.number());
        order.u16(body, 0);
        order.u32(body, snap_field(options));
        if options.nanos {
            option(body, order, 9, &[9]);
            option(body, order, 0, &[]);
        }
    });
    let ticks = |time_ns: u64| {
        if options.nanos {
            time_ns
        } else {
            time_ns / 1000
        }
    };
    for record in records {
        let (kept, whole) = snapped(record, options);
        block(&mut out, order, 6, |body| {
            order.u32(body, 0);
            time(body, order, ticks(record.time_ns));
            order.u32(body, u32::try_from(kept.len()).expect("fits"));
            order.u32(body, whole);
            body.extend(kept);
            pad(body);
        });
    }
    if let Some(dropped) = options.dropped {
        block(&mut out, order, 5, |body| {
            order.u32(body, 0);
            time(
                body,
                order,
                ticks(records.last().map_or(0, |record| record.time_ns)),
            );
            let mut value = Vec::new();
            order.u64(&mut value, dropped);
            option(body, order, 5, &value);
            option(body, order, 0, &[]);
        });
    }
    out
}

/// A pcapng file of several interfaces, each with its records, in the order of time.
pub fn of_interfaces(interfaces: &[Vec<Record>], options: &Options) -> Vec<u8> {
    let order = options.order;
    let mut out = Vec::new();
    block(&mut out, order, 0x0a0d_0d0a, |body| {
        order.u32(body, 0x1a2b_3c4d);
        order.u16(body, 1);
        order.u16(body, 0);
        order.u64(body, u64::MAX);
    });
    for _ in interfaces {
        block(&mut out, order, 1, |body| {
            order.u16(body, options.link.number());
            order.u16(body, 0);
            order.u32(body, snap_field(options));
        });
    }
    let with_number = |(number, records): (u32, &Vec<Record>)| {
        let numbered = records.iter().map(|record| (number, record.clone()));
        numbered.collect::<Vec<_>>()
    };
    let mut all: Vec<_> = (0..).zip(interfaces).flat_map(with_number).collect();
    all.sort_by_key(|(_, record)| record.time_ns);
    for (number, record) in &all {
        let (kept, whole) = snapped(record, options);
        block(&mut out, order, 6, |body| {
            order.u32(body, *number);
            time(body, order, record.time_ns / 1000);
            order.u32(body, u32::try_from(kept.len()).expect("fits"));
            order.u32(body, whole);
            body.extend(kept);
            pad(body);
        });
    }
    out
}

/// A pcapng time: the upper half first, whatever the byte order.
fn time(body: &mut Vec<u8>, order: Order, ticks: u64) {
    order.u32(body, u32::try_from(ticks >> 32).expect("upper half"));
    order.u32(
        body,
        u32::try_from(ticks & 0xffff_ffff).expect("lower half"),
    );
}

fn option(body: &mut Vec<u8>, order: Order, code: u16, value: &[u8]) {
    order.u16(body, code);
    order.u16(body, u16::try_from(value.len()).expect("option fits"));
    body.extend(value);
    pad(body);
}

fn pad(bytes: &mut Vec<u8>) {
    bytes.resize(bytes.len().next_multiple_of(4), 0);
}

fn block(out: &mut Vec<u8>, order: Order, kind: u32, fill: impl FnOnce(&mut Vec<u8>)) {
    let mut body = Vec::new();
    fill(&mut body);
    let length = u32::try_from(body.len() + 12).expect("block fits");
    order.u32(out, kind);
    order.u32(out, length);
    out.extend(body);
    order.u32(out, length);
}
