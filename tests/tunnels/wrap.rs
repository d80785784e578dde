//! The encapsulations, each as a function from an IP packet to bytes.

use std::net::SocketAddr;

use super::common::pcap::{self, IpFields, Order};

/// What a wrapper makes.
#[derive(Clone, Copy)]
pub(crate) enum In {
    /// A frame of a link type.
    Frame(u16, fn(&[u8]) -> Vec<u8>),
    /// What an IP packet carries, and by which protocol number.
    Ip(u8, fn(&[u8]) -> Vec<u8>),
}

/// An encapsulation.
pub(crate) struct Case {
    /// For messages.
    pub(crate) name: &'static str,
    /// How it is made.
    pub(crate) inside: In,
    /// Arguments tshark needs, or why it is not asked.
    pub(crate) tshark: Result<&'static [&'static str], &'static str>,
}

impl Case {
    /// The link type of its frames.
    pub(crate) const fn link(&self) -> u16 {
        match self.inside {
            In::Frame(link, _) => link,
            In::Ip(..) => 1,
        }
    }

    /// The outer IP packet.
    pub(crate) fn packet(&self, inner: &[u8], outer_v6: bool) -> Vec<u8> {
        match self.inside {
            In::Frame(..) => panic!("{} has no outer packet", self.name),
            In::Ip(protocol, wrap) => outer_packet(outer_v6, protocol, &wrap(inner)),
        }
    }

    /// The frame.
    pub(crate) fn frame(&self, inner: &[u8], outer_v6: bool) -> Vec<u8> {
        match self.inside {
            In::Frame(_, wrap) => wrap(inner),
            In::Ip(..) => ethernet(&self.packet(inner, outer_v6)),
        }
    }

    /// The frames, the outer packet in fragments.
    pub(crate) fn fragments(&self, inner: &[u8], outer_v6: bool, mtu: usize) -> Vec<Vec<u8>> {
        match self.inside {
            In::Frame(_, wrap) => vec![wrap(inner)],
            In::Ip(..) => pcap::fragments(&self.packet(inner, outer_v6), mtu, 5)
                .iter()
                .map(|fragment| ethernet(fragment))
                .collect(),
        }
    }
}

const fn frame(name: &'static str, link: u16, wrap: fn(&[u8]) -> Vec<u8>) -> Case {
    Case {
        name,
        inside: In::Frame(link, wrap),
        tshark: Ok(&[]),
    }
}

const fn over_ip(name: &'static str, protocol: u8, wrap: fn(&[u8]) -> Vec<u8>) -> Case {
    Case {
        name,
        inside: In::Ip(protocol, wrap),
        tshark: Ok(&[]),
    }
}

impl Case {
    const fn ask(mut self, arguments: &'static [&'static str]) -> Self {
        self.tshark = Ok(arguments);
        self
    }

    const fn not(mut self, reason: &'static str) -> Self {
        self.tshark = Err(reason);
        self
    }
}

/// All of them.
pub(crate) const CASES: &[Case] = &[
    frame("Ethernet", 1, ethernet),
    frame("VLAN", 1, |packet| typed_frame(0x8100, &vlan(packet))),
    frame("QinQ", 1, |packet| {
        typed_frame(0x88a8, &tagged(0x8100, &vlan(packet)))
    }),
    frame("802.1ah", 1, |packet| {
        typed_frame(0x88e7, &behind(&[0, 0, 0, 9], &ethernet(packet)))
    }),
    frame("Cisco metadata", 1, |packet| {
        typed_frame(0x8909, &behind(&[1, 1, 0, 1, 0, 9], &typed(packet)))
    }),
    frame("VN-Tag", 1, |packet| {
        typed_frame(0x8926, &behind(&[0, 1, 0, 2], &typed(packet)))
    }),
    frame("HSR", 1, |packet| {
        typed_frame(0x892f, &behind(&[0, 60, 0, 2], &typed(packet)))
    }),
    frame("802.3 with SNAP", 1, |packet| {
        let llc = llc(packet);
        let mut out = vec![2; 12];
        out.extend(u16::try_from(llc.len()).unwrap().to_be_bytes());
        out.extend(llc);
        out
    }),
    frame("one MPLS label", 1, |packet| {
        typed_frame(0x8847, &mpls(1, packet))
    }),
    frame("three MPLS labels in a VLAN", 1, |packet| {
        typed_frame(0x8100, &tagged(0x8847, &mpls(3, packet)))
    }),
    frame("MPLS pseudowire with control word", 1, |packet| {
        typed_frame(0x8847, &mpls(2, &behind(&[0; 4], &ethernet(packet))))
    })
    .ask(&["-d", "mpls.label==102,pwethheuristic"])
    .not("it must be told which label is a pseudowire"),
    frame("MPLS pseudowire without control word", 1, |packet| {
        typed_frame(0x8847, &mpls(1, &ethernet(packet)))
    })
    .not("it must be told which label is a pseudowire"),
    frame("MPLS link", 219, |packet| mpls(1, packet))
        .not("its file reader does not know the link type"),
    frame("PPPoE", 1, |packet| typed_frame(0x8864, &pppoe(packet))),
    frame("PPPoE in a VLAN", 1, |packet| {
        typed_frame(0x8100, &tagged(0x8864, &pppoe(packet)))
    }),
    frame("PPPoE link", 51, pppoe),
    frame("PPP", 9, ppp),
    frame("PPP with address and control", 9, |packet| {
        behind(&[0xff, 3], &ppp(packet))
    }),
    frame("PPP with a short protocol number", 9, |packet| {
        behind(&ppp(packet)[1..2], packet)
    })
    .not("it reads the short form behind address and control only"),
    frame("PPP in HDLC framing", 50, |packet| {
        behind(&[0xff, 3], &ppp(packet))
    }),
    frame("PPP with direction", 204, |packet| {
        behind(&[1, 0xff, 3], &ppp(packet))
    }),
    frame("Cisco HDLC", 104, |packet| {
        behind(&[0x0f, 0], &typed(packet))
    }),
    frame("RFC 1483", 100, llc),
    frame("BSD loopback", 0, |packet| {
        behind(&[if is_v6(packet) { 30 } else { 2 }, 0, 0, 0], packet)
    }),
    frame("raw IP", 101, <[u8]>::to_vec),
    frame("Linux cooked", 113, |packet| {
        pcap::frame(packet, pcap::Link::Sll, &[], Order::Little)
    }),
    frame("Linux cooked 2", 276, |packet| {
        pcap::frame(packet, pcap::Link::Sll2, &[], Order::Little)
    }),
    frame("802.11 from an access point", 105, |packet| {
        wlan(0x08, 2, 0, packet)
    }),
    frame("802.11 with quality of service", 105, |packet| {
        wlan(0x88, 1, 2, packet)
    }),
    frame("802.11 between access points", 105, |packet| {
        wlan(0x88, 3, 8, packet)
    }),
    frame("radiotap", 127, |packet| {
        behind(&[0, 0, 8, 0, 0, 0, 0, 0], &wlan(0x08, 2, 0, packet))
    }),
    frame("radiotap with a filled-up head", 127, |packet| {
        // Flags, 0x20: the head is filled up to a multiple of 4.
        behind(&[0, 0, 9, 0, 2, 0, 0, 0, 0x20], &wlan(0x88, 2, 4, packet))
    }),
    frame("PPI", 192, |packet| {
        behind(&[0, 0, 8, 0, 105, 0, 0, 0], &wlan(0x08, 2, 0, packet))
    }),
    frame("NFLOG", 239, |packet| nflog(packet, false)),
    frame("NFLOG of a host with the other byte order", 239, |packet| {
        nflog(packet, true)
    })
    .not("it takes the byte order of the file"),
    frame("exported IP packet", 252, |packet| {
        let mut out = tag(12, if is_v6(packet) { b"ipv6" } else { b"ip\0\0" });
        out.extend(tag(0, b""));
        out.extend(packet);
        out
    }),
    over_ip("IP in IPv4", 4, <[u8]>::to_vec).not("protocol 4 around IPv6 is our leniency"),
    over_ip("IP in IPv6", 41, <[u8]>::to_vec).not("protocol 41 around IPv4 is our leniency"),
    over_ip("GRE", 47, |packet| gre(0, ethertype(packet), &[], packet)),
    over_ip("GRE with checksum, key and sequence number", 47, |packet| {
        gre(
            0xb000,
            ethertype(packet),
            &[0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 8],
            packet,
        )
    }),
    over_ip("Ethernet in GRE", 47, |packet| {
        gre(0x2000, 0x6558, &[0, 0, 0, 7], &ethernet(packet))
    }),
    over_ip("MPLS in GRE", 47, |packet| {
        gre(0, 0x8847, &[], &mpls(1, packet))
    }),
    over_ip("PPP in GRE (PPTP)", 47, |packet| pptp(packet, false)),
    over_ip("PPP in GRE (PPTP) with acknowledgment", 47, |packet| {
        pptp(packet, true)
    }),
    over_ip("ERSPAN I", 47, |packet| {
        gre(0, 0x88be, &[], &ethernet(packet))
    }),
    over_ip("ERSPAN II", 47, |packet| {
        let head = [0x10, 0x05, 0, 7, 0, 0, 0, 0];
        gre(
            0x1000,
            0x88be,
            &[0, 0, 0, 1],
            &behind(&head, &ethernet(packet)),
        )
    }),
    over_ip("ERSPAN III", 47, |packet| {
        let head = [0x20, 0x05, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0];
        gre(
            0x1000,
            0x22eb,
            &[0, 0, 0, 1],
            &behind(&head, &ethernet(packet)),
        )
    }),
    over_ip("ERSPAN III with platform subheader", 47, |packet| {
        let head = [
            0x20, 5, 0, 7, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0,
        ];
        gre(
            0x1000,
            0x22eb,
            &[0, 0, 0, 1],
            &behind(&head, &ethernet(packet)),
        )
    }),
    over_ip("EtherIP", 97, |packet| {
        behind(&[0x30, 0], &ethernet(packet))
    }),
    over_ip("MPLS in IP", 137, |packet| mpls(1, packet)),
    over_ip("VXLAN", 17, |packet| {
        in_udp(4789, &behind(&[8, 0, 0, 0, 0, 0, 9, 0], &ethernet(packet)))
    }),
    over_ip("VXLAN on Linux's port", 17, |packet| {
        in_udp(8472, &behind(&[8, 0, 0, 0, 0, 0, 9, 0], &ethernet(packet)))
    })
    .ask(&["-d", "udp.port==8472,vxlan"]),
    over_ip("VXLAN with group policy", 17, |packet| {
        in_udp(
            4789,
            &behind(&[0x88, 0, 0, 7, 0, 0, 9, 0], &ethernet(packet)),
        )
    }),
    over_ip("VXLAN GPE", 17, |packet| {
        let next = if is_v6(packet) { 2 } else { 1 };
        in_udp(4790, &behind(&[0x0c, 0, 0, next, 0, 0, 9, 0], packet))
    }),
    over_ip("GENEVE", 17, |packet| {
        in_udp(
            6081,
            &behind(&[0, 0, 0x65, 0x58, 0, 0, 9, 0], &ethernet(packet)),
        )
    }),
    over_ip("GENEVE with options", 17, |packet| {
        let head = [2, 0, 0x65, 0x58, 0, 0, 9, 0, 1, 2, 3, 1, 0, 0, 0, 1];
        in_udp(6081, &behind(&head, &ethernet(packet)))
    }),
    over_ip("GTP-U", 17, |packet| in_udp(2152, &gtp(0, &[], packet))),
    over_ip("GTP-U with sequence number", 17, |packet| {
        in_udp(2152, &gtp(2, &[0, 1, 0, 0], packet))
    }),
    over_ip("GTP-U with extension headers", 17, |packet| {
        // The PDU session container of 5G, then a PDCP number.
        in_udp(
            2152,
            &gtp(4, &[0, 0, 0, 0x85, 1, 0x10, 9, 0xc0, 1, 0, 1, 0], packet),
        )
    }),
    over_ip("L2TP", 17, |packet| {
        in_udp(
            1701,
            &[&[0, 2, 0, 1, 0, 2, 0xff, 3][..], &ppp(packet)].concat(),
        )
    }),
    over_ip("L2TP with length, sequence and offset", 17, |packet| {
        let ppp = behind(&[0xff, 3], &ppp(packet));
        let len = u16::try_from(16 + ppp.len()).unwrap().to_be_bytes();
        let head = [0x4a, 2, len[0], len[1], 0, 1, 0, 2, 0, 5, 0, 4, 0, 2, 0, 0];
        in_udp(1701, &behind(&head, &ppp))
    }),
    over_ip("L2TPv3", 115, |packet| {
        behind(&[0, 0, 0, 7], &ethernet(packet))
    })
    .not("it must be told cookie and sublayer"),
    over_ip("L2TPv3 in UDP with cookie and sublayer", 17, |packet| {
        let head = [
            0, 3, 0, 0, 0, 0, 0, 7, 0xc0, 1, 2, 3, 4, 5, 6, 7, 0x40, 0, 0, 1,
        ];
        in_udp(1701, &behind(&head, &ethernet(packet)))
    })
    .not("it must be told cookie and sublayer"),
    over_ip("MPLS in UDP", 17, |packet| in_udp(6635, &mpls(1, packet))),
    over_ip("ESP with NULL encryption", 50, |packet| {
        esp_null(if is_v6(packet) { 41 } else { 4 }, packet, 12)
    })
    .ask(&["-o", "esp.enable_null_encryption_decode_heuristic:TRUE"]),
    over_ip("ESP with NULL encryption in UDP", 17, |packet| {
        in_udp(
            4500,
            &esp_null(if is_v6(packet) { 41 } else { 4 }, packet, 12),
        )
    })
    .ask(&["-o", "esp.enable_null_encryption_decode_heuristic:TRUE"]),
];

fn behind(head: &[u8], payload: &[u8]) -> Vec<u8> {
    [head, payload].concat()
}

fn is_v6(packet: &[u8]) -> bool {
    packet[0] >> 4 == 6
}

fn ethertype(packet: &[u8]) -> u16 {
    if is_v6(packet) { 0x86dd } else { 0x0800 }
}

/// The packet behind its `EtherType`.
fn typed(packet: &[u8]) -> Vec<u8> {
    behind(&ethertype(packet).to_be_bytes(), packet)
}

fn ethernet(packet: &[u8]) -> Vec<u8> {
    pcap::frame(packet, pcap::Link::Ethernet, &[], Order::Little)
}

fn typed_frame(number: u16, payload: &[u8]) -> Vec<u8> {
    [&[2; 12][..], &number.to_be_bytes(), payload].concat()
}

/// A tag and the type of what is in it.
fn tagged(number: u16, payload: &[u8]) -> Vec<u8> {
    [&[0, 9][..], &number.to_be_bytes(), payload].concat()
}

fn vlan(packet: &[u8]) -> Vec<u8> {
    tagged(ethertype(packet), packet)
}

fn llc(packet: &[u8]) -> Vec<u8> {
    behind(&[0xaa, 0xaa, 3, 0, 0, 0], &typed(packet))
}

/// Labels from 101 on.
fn mpls(labels: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for label in 1..=labels {
        let last = u8::from(label == labels);
        out.extend([0, 6, (label + 4) << 4 | last, 64]);
    }
    out.extend(payload);
    out
}

/// The packet behind its PPP protocol number.
fn ppp(packet: &[u8]) -> Vec<u8> {
    behind(&[0, if is_v6(packet) { 0x57 } else { 0x21 }], packet)
}

/// With padding behind, as short Ethernet frames have it.
fn pppoe(packet: &[u8]) -> Vec<u8> {
    let ppp = ppp(packet);
    let len = u16::try_from(ppp.len()).unwrap().to_be_bytes();
    [&[0x11, 0, 0, 7][..], &len, &ppp, &[0; 6]].concat()
}

/// Data with `extra` bytes between its addresses and LLC.
pub(crate) fn wlan(kind: u8, flags: u8, extra: usize, packet: &[u8]) -> Vec<u8> {
    let mut out = vec![kind, flags, 0, 0];
    out.extend([2; 18]);
    // Sequence control: no fragment.
    out.extend([0; 2]);
    out.extend(std::iter::repeat_n(0, extra));
    out.extend(llc(packet));
    out
}

fn nflog(packet: &[u8], big: bool) -> Vec<u8> {
    let mut out = vec![if is_v6(packet) { 10 } else { 2 }, 0, 0, 0];
    // The prefix, then the packet.
    for (kind, value) in [(10_u16, &b"sip\0"[..]), (9, packet)] {
        let len = u16::try_from(value.len() + 4).unwrap();
        for number in [len, kind] {
            out.extend(if big {
                number.to_be_bytes()
            } else {
                number.to_le_bytes()
            });
        }
        out.extend(value);
        out.resize(out.len().next_multiple_of(4), 0);
    }
    out
}

/// A tag of an exported packet.
pub(crate) fn tag(number: u16, value: &[u8]) -> Vec<u8> {
    let len = u16::try_from(value.len()).unwrap();
    [&number.to_be_bytes()[..], &len.to_be_bytes(), value].concat()
}

/// The addresses of all outer packets.
pub(crate) fn outer_packet(v6: bool, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let (src, dst) = if v6 {
        ("2001:db8:ffff::1", "2001:db8:ffff::2")
    } else {
        ("192.0.2.1", "192.0.2.2")
    };
    let fields = IpFields { id: 4000, ttl: 255 };
    pcap::ip(
        src.parse().unwrap(),
        dst.parse().unwrap(),
        protocol,
        fields,
        payload,
    )
}

/// UDP without a checksum, as tunnels send it.
fn in_udp(port: u16, payload: &[u8]) -> Vec<u8> {
    let any: SocketAddr = "192.0.2.1:49999".parse().unwrap();
    let src = if port == 2152 { 2152 } else { any.port() };
    let mut out = pcap::udp(any, SocketAddr::new(any.ip(), port), payload);
    out[..2].copy_from_slice(&src.to_be_bytes());
    out[6..8].fill(0);
    out
}

fn gre(flags: u16, protocol: u16, fields: &[u8], payload: &[u8]) -> Vec<u8> {
    [
        &flags.to_be_bytes()[..],
        &protocol.to_be_bytes(),
        fields,
        payload,
    ]
    .concat()
}

fn pptp(packet: &[u8], acknowledges: bool) -> Vec<u8> {
    let ppp = behind(&[0xff, 3], &ppp(packet));
    let len = u16::try_from(ppp.len()).unwrap().to_be_bytes();
    let mut fields = vec![len[0], len[1], 0, 7, 0, 0, 0, 8];
    if acknowledges {
        fields.extend([0, 0, 0, 3]);
    }
    let flags = if acknowledges { 0x3081 } else { 0x3001 };
    gre(flags, 0x880b, &fields, &ppp)
}

fn gtp(flags: u8, fields: &[u8], packet: &[u8]) -> Vec<u8> {
    let len = u16::try_from(fields.len() + packet.len())
        .unwrap()
        .to_be_bytes();
    [
        &[0x30 | flags, 255, len[0], len[1], 0, 0, 0, 1][..],
        fields,
        packet,
    ]
    .concat()
}

/// SPI, sequence number, payload, padding, trailer, integrity value.
pub(crate) fn esp_null(next: u8, payload: &[u8], integrity: usize) -> Vec<u8> {
    let mut out = vec![0x12, 0x34, 0x56, 0x78, 0, 0, 0, 1];
    out.extend(payload);
    let padding =
        u8::try_from((payload.len() + 2).next_multiple_of(4) - payload.len() - 2).unwrap();
    out.extend(1..=padding);
    out.extend([padding, next]);
    out.extend(std::iter::repeat_n(0xa5, integrity));
    out
}
