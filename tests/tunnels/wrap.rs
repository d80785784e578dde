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
    frame("802.1CB", 1, |packet| {
        typed_frame(0xf1c1, &behind(&[0, 0, 0, 7], &typed(packet)))
    }),
    frame("802.1BR", 1, |packet| {
        typed_frame(0x893f, &behind(&[0, 0, 0, 7, 0, 0], &typed(packet)))
    }),
    frame("TRILL", 1, |packet| {
        typed_frame(0x22f3, &behind(&[0, 0x3f, 0, 1, 0, 2], &ethernet(packet)))
    }),
    frame("LLC in a jumbo frame", 1, |packet| {
        typed_frame(0x8870, &llc(packet))
    }),
    frame("NSH", 1, |packet| {
        typed_frame(0x894f, &nsh(if is_v6(packet) { 2 } else { 1 }, packet))
    }),
    frame("Ethernet behind two NSH", 1, |packet| {
        typed_frame(0x894f, &nsh(4, &nsh(3, &ethernet(packet))))
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
    frame("Prism", 119, |packet| {
        let head = [&[0x44, 0, 0, 0, 144, 0, 0, 0][..], &[0; 136]].concat();
        behind(&head, &wlan(0x08, 2, 0, packet))
    }),
    frame("AVS", 163, |packet| {
        let head = [&[0x80, 0x21, 0x10, 1, 0, 0, 0, 64][..], &[0; 56]].concat();
        behind(&head, &wlan(0x08, 2, 0, packet))
    }),
    frame("token ring", 6, |packet| {
        let mut out = vec![0x10, 0x40];
        out.extend([2; 12]);
        out.extend(llc(packet));
        out
    }),
    frame("token ring with a route", 6, |packet| {
        let mut out = vec![0x10, 0x40];
        out.extend([2; 6]);
        out.extend([0x82, 2, 2, 2, 2, 2, 6, 0x30, 0, 0x11, 0, 0x20]);
        out.extend(llc(packet));
        out
    }),
    frame("FDDI", 10, |packet| {
        let mut out = vec![0x50];
        out.extend([2; 12]);
        out.extend(llc(packet));
        out
    }),
    frame("frame relay", 107, |packet| {
        let kind = if is_v6(packet) { 0x8e } else { 0xcc };
        behind(&[0x18, 0x41, 3, kind], packet)
    }),
    frame("frame relay with SNAP", 107, |packet| {
        behind(&[0x18, 0x41, 3, 0, 0x80, 0, 0, 0], &typed(packet))
    }),
    frame("bridged Ethernet in frame relay", 107, |packet| {
        behind(
            &[0x18, 0x41, 3, 0, 0x80, 0, 0x80, 0xc2, 0, 7],
            &ethernet(packet),
        )
    }),
    frame("frame relay of Cisco", 107, |packet| {
        behind(&[0x18, 0x41], &typed(packet))
    }),
    frame("frame relay with direction", 206, |packet| {
        let kind = if is_v6(packet) { 0x8e } else { 0xcc };
        behind(&[1, 0x18, 0x41, 3, kind], packet)
    })
    .not("its file reader does not know the link type"),
    frame("Cisco HDLC with direction", 205, |packet| {
        behind(&[1, 0x0f, 0], &typed(packet))
    })
    .not("its file reader does not know the link type"),
    frame("IPsec device of BSD", 109, |packet| {
        let family = if is_v6(packet) { 24 } else { 2 };
        behind(&[family, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0], packet)
    }),
    frame("packet filter log", 117, |packet| {
        let family = if is_v6(packet) { 24 } else { 2 };
        let head = [&[61, family, 0, 0][..], &[0; 60]].concat();
        behind(&head, packet)
    }),
    frame("IP over Fibre Channel", 122, |packet| {
        behind(
            &[0, 0, 2, 2, 2, 2, 2, 2, 0, 0, 2, 2, 2, 2, 2, 3],
            &llc(packet),
        )
    }),
    frame("SunATM", 123, |packet| behind(&[2, 0, 0, 40], &llc(packet))),
    frame("IP over FireWire", 138, |packet| {
        behind(&[2; 16], &typed(packet))
    }),
    frame("DOCSIS", 143, |packet| docsis(&[], packet)),
    frame("DOCSIS with an extended header", 143, |packet| {
        // Baseline privacy that is not in use.
        docsis(&[0x44, 0x10, 0, 9, 0], packet)
    }),
    frame("Juniper Ethernet", 178, |packet| {
        let head = [b'M', b'G', b'C', 0x81, 0, 6, 4, 1, 0, 5, 1, 7];
        behind(&head, &ethernet(packet))
    }),
    frame("Juniper PPP", 179, |packet| {
        behind(&[b'M', b'G', b'C', 1, 0xff, 3], &ppp(packet))
    }),
    frame("Juniper frame relay", 180, |packet| {
        let kind = if is_v6(packet) { 0x8e } else { 0xcc };
        behind(&[b'M', b'G', b'C', 1, 0x18, 0x41, 3, kind], packet)
    }),
    frame("Juniper Cisco HDLC", 181, |packet| {
        behind(&[b'M', b'G', b'C', 0, 0x0f, 0], &typed(packet))
    }),
    frame("Juniper without a head", 178, |packet| {
        let protocol = if is_v6(packet) { 6 } else { 2 };
        behind(&[b'M', b'G', b'C', 2, protocol, 0, 0, 0], packet)
    }),
    frame("Endace Ethernet", 197, |packet| {
        endace(2, &[], &behind(&[0, 0], &ethernet(packet)))
    }),
    frame("Endace Ethernet with extensions", 197, |packet| {
        let extensions = [0x83, 0, 0, 0, 0, 0, 0, 1, 3, 0, 0, 0, 0, 0, 0, 2];
        endace(0x82, &extensions, &behind(&[0, 0], &ethernet(packet)))
    }),
    frame("Endace Cisco HDLC", 197, |packet| {
        endace(1, &[], &behind(&[0x0f, 0], &typed(packet)))
    }),
    frame("Endace IP", 197, |packet| {
        endace(if is_v6(packet) { 23 } else { 22 }, &[], packet)
    }),
    frame("Solaris IPNET", 226, |packet| {
        let mut head = vec![1, if is_v6(packet) { 26 } else { 2 }, 0, 0];
        head.extend(u32::try_from(packet.len()).unwrap().to_be_bytes());
        head.resize(24, 0);
        behind(&head, packet)
    }),
    frame("netANALYZER", 240, |packet| {
        let len = u8::try_from(ethernet(packet).len() & 0xff).unwrap();
        behind(&[0, 1, len, 0x40], &ethernet(packet))
    })
    .not("it wants the checksum of the frame behind it"),
    frame("InfiniBand", 242, |packet| {
        let head = [&[0x60; 40][..], &ethertype(packet).to_be_bytes(), &[0, 0]].concat();
        behind(&head, packet)
    }),
    frame("Apple's any interface", 258, |packet| {
        let mut head = vec![0; 108];
        head[..12].copy_from_slice(&[108, 0, 0, 0, 1, 0, 0, 0, 12, 0, 0, 0]);
        behind(&head, packet)
    }),
    frame("passive optical network", 259, |packet| {
        behind(&[0x55, 0x55, 0xd5, 0x55, 0x55, 0, 1, 0], &ethernet(packet))
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
    over_ip("VXLAN GPE with NSH", 17, |packet| {
        let next = if is_v6(packet) { 2 } else { 1 };
        in_udp(
            4790,
            &behind(&[0x0c, 0, 0, 4, 0, 0, 9, 0], &nsh(next, packet)),
        )
    }),
    over_ip("NSH in GRE", 47, |packet| {
        gre(0, 0x894f, &[], &nsh(3, &ethernet(packet)))
    }),
    over_ip("Ethernet in IP", 143, ethernet),
    over_ip("Ethernet over IP of MikroTik", 47, |packet| {
        let frame = ethernet(packet);
        let len = u16::try_from(frame.len()).unwrap().to_be_bytes();
        gre(0x2001, 0x6400, &[len[0], len[1], 7, 0], &frame)
    }),
    over_ip("802.11 in GRE of Aruba", 47, |packet| {
        gre(0, 0x8200, &[], &wlan(0x08, 2, 0, packet))
    }),
    over_ip("GRE in UDP", 17, |packet| {
        in_udp(4754, &gre(0, ethertype(packet), &[], packet))
    }),
    over_ip("TZSP", 17, |packet| {
        let head = [1, 0, 0, 1, 0, 10, 1, 0xd0, 1];
        in_udp(37_008, &behind(&head, &ethernet(packet)))
    }),
    over_ip("802.11 in TZSP", 17, |packet| {
        in_udp(
            37_008,
            &behind(&[1, 0, 0, 18, 1], &wlan(0x08, 2, 0, packet)),
        )
    }),
    over_ip("GUE", 17, |packet| {
        let protocol = if is_v6(packet) { 41 } else { 4 };
        in_udp(6080, &behind(&[0, protocol, 0, 0], packet))
    })
    .not("it does not know the encapsulation"),
    over_ip("GUE without a head", 17, |packet| in_udp(6080, packet))
        .not("it does not know the encapsulation"),
    over_ip("LISP", 17, |packet| {
        in_udp(4341, &behind(&[0x80, 0, 0, 1, 0, 0, 0, 1], packet))
    }),
    over_ip("mirror of Juniper", 17, |packet| {
        in_udp(30_030, &behind(&[0, 0, 0, 1, 0, 0, 0, 2], packet))
    }),
    over_ip("CAPWAP", 17, |packet| {
        in_udp(5247, &capwap(false, 0, [0; 4], &ethernet(packet)))
    }),
    over_ip("802.11 in CAPWAP", 17, |packet| {
        in_udp(5247, &capwap(true, 0, [0; 4], &wlan(0x08, 2, 0, packet)))
    })
    .ask(&["-o", "capwap.swap_fc:FALSE"]),
    over_ip("802.11 in CAPWAP of Cisco", 17, |packet| {
        let mut frame = wlan(0x08, 2, 0, packet);
        frame.swap(0, 1);
        in_udp(5247, &capwap(true, 0, [0; 4], &frame))
    }),
    over_ip("debug recording with IP header", 17, |packet| {
        in_udp(925, &acdr(7, 0x08, 6, 10, &[], packet))
    }),
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

/// A head of 6 words: base, path, fixed context.
fn nsh(next: u8, payload: &[u8]) -> Vec<u8> {
    let head = [&[0x0f, 0xc6, 1, next, 0, 0, 7, 255][..], &[0; 16]].concat();
    behind(&head, payload)
}

/// A head of 8 bytes; `fragment` is its last four.
pub(crate) fn capwap(native: bool, flags: u8, fragment: [u8; 4], payload: &[u8]) -> Vec<u8> {
    // Two words; a radio of 802.11.
    let head = [0, 2 << 3, 1 << 1 | u8::from(native), flags];
    [&head[..], &fragment, payload].concat()
}

/// A record of a debug recording.
pub(crate) fn acdr(
    version: u8,
    flags: u8,
    trace_point: u8,
    media: u8,
    extension: &[u8],
    payload: &[u8],
) -> Vec<u8> {
    let len = u8::try_from(extension.len()).unwrap();
    let mut out = vec![version, 0, 0, 0, 9, 0, 1, 0, 2, 0, 3];
    out.extend([flags, trace_point, media, len]);
    if version >= 5 {
        out.extend([0; 4]);
    }
    if version >= 7 {
        out.extend([0; 4]);
    }
    [&out[..], extension, payload].concat()
}

/// A packet frame, with an extended header if there is one.
fn docsis(extended: &[u8], packet: &[u8]) -> Vec<u8> {
    let frame = ethernet(packet);
    let len = u16::try_from(extended.len() + frame.len()).unwrap();
    let has_extended = u8::from(!extended.is_empty());
    let mut out = vec![has_extended, u8::try_from(extended.len()).unwrap()];
    out.extend(len.to_be_bytes());
    out.extend(extended);
    let sum = out.iter().fold(0xffff_u16, |sum, byte| {
        (0..8).fold(sum ^ u16::from(*byte), |sum, _| {
            if sum & 1 == 1 {
                sum >> 1 ^ 0x8408
            } else {
                sum >> 1
            }
        })
    });
    out.extend((!sum).to_le_bytes());
    [out, frame].concat()
}

/// A record filled up to a multiple of 8.
fn endace(kind: u8, extensions: &[u8], payload: &[u8]) -> Vec<u8> {
    let wire = if matches!(kind & 0x7f, 2) {
        payload.len() - 2
    } else {
        payload.len()
    };
    let record = (16 + extensions.len() + payload.len()).next_multiple_of(8);
    let mut out = vec![0; 8];
    out.extend([kind, 4]);
    out.extend(u16::try_from(record).unwrap().to_be_bytes());
    out.extend([0, 0]);
    out.extend(u16::try_from(wire).unwrap().to_be_bytes());
    out.extend(extensions);
    out.extend(payload);
    out.resize(record, 0);
    out
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
