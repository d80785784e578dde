//! Messages mirrored by HEP agents and exported by Wireshark.

use std::io::{Cursor, Write as _};
use std::net::IpAddr;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

use sipannotate::pipeline::{self, Input, Options};
use sipannotate::report::view::View;

use super::common::pcap::{self, IpFields};
use super::wrap::{self, tag};
use super::{CAPTURED, decode, message, sockets};

/// Nanoseconds from the capture to the time agents tell.
const EARLIER: i64 = -86_400_000_000_000 + 250_000;

fn chunk(kind: u16, value: &[u8]) -> Vec<u8> {
    let len = u16::try_from(6 + value.len()).unwrap();
    [&[0, 0][..], &kind.to_be_bytes(), &len.to_be_bytes(), value].concat()
}

fn octets(addr: IpAddr) -> Vec<u8> {
    match addr {
        IpAddr::V4(addr) => addr.octets().to_vec(),
        IpAddr::V6(addr) => addr.octets().to_vec(),
    }
}

/// Seconds and microseconds that agents tell, so much after the first frame.
fn told(after: i64) -> (u32, u32) {
    let nanos = CAPTURED + after;
    let (seconds, nanos) = (nanos / 1_000_000_000, nanos % 1_000_000_000);
    (
        u32::try_from(seconds).unwrap(),
        u32::try_from(nanos / 1000).unwrap(),
    )
}

/// A version 3 packet with this payload chunk.
fn hep3(v6: bool, protocol: u8, payload_kind: u16, payload: &[u8]) -> Vec<u8> {
    hep3_at(EARLIER, v6, protocol, payload_kind, payload)
}

/// The same of another time.
fn hep3_at(after: i64, v6: bool, protocol: u8, payload_kind: u16, payload: &[u8]) -> Vec<u8> {
    let (src, dst) = sockets(v6);
    let (src_kind, dst_kind) = if v6 { (5, 6) } else { (3, 4) };
    let (seconds, micros) = told(after);
    let chunks = [
        chunk(1, &[if v6 { 10 } else { 2 }]),
        chunk(2, &[protocol]),
        chunk(src_kind, &octets(src.ip())),
        chunk(dst_kind, &octets(dst.ip())),
        chunk(7, &src.port().to_be_bytes()),
        chunk(8, &dst.port().to_be_bytes()),
        chunk(9, &seconds.to_be_bytes()),
        chunk(10, &micros.to_be_bytes()),
        chunk(11, &[1]),
        chunk(12, &[0, 0, 7, 0xd1]),
        // Of a vendor, and one that nobody knows.
        [&[0, 3][..], &chunk(15, b"not the payload")[2..]].concat(),
        chunk(0x7777, b"?"),
        chunk(14, b"secret"),
        chunk(payload_kind, payload),
    ]
    .concat();
    let total = u16::try_from(6 + chunks.len()).unwrap();
    [&b"HEP3"[..], &total.to_be_bytes(), &chunks].concat()
}

fn to_collector(payload: &[u8]) -> Vec<u8> {
    let (agent, collector) = (
        "192.0.2.1:49152".parse().unwrap(),
        "192.0.2.9:9060".parse().unwrap(),
    );
    pcap::udp_packet(agent, collector, IpFields { id: 9, ttl: 64 }, payload)
}

fn expected(transport: &str, v6: bool) -> String {
    let (src, dst) = sockets(v6);
    format!("Message {transport} {src} {dst} id 0 ttl 0 time {EARLIER:+} whole")
}

#[test]
fn hep_3_gives_the_message_with_the_agents_addresses_and_time() {
    for v6 in [false, true] {
        for (protocol, transport) in [(17, "UDP"), (6, "TCP"), (22, "TLS"), (132, "SCTP")] {
            let packet = to_collector(&hep3(v6, protocol, 15, &message()));
            assert_eq!(decode(101, &[packet]), [expected(transport, v6)]);
        }
    }
}

#[test]
fn hep_3_is_known_on_any_port_by_its_magic() {
    let hep = hep3(false, 17, 15, &message());
    let eep = [&b"EEP3"[..], &hep[4..]].concat();
    let (agent, collector) = (
        "192.0.2.1:49152".parse().unwrap(),
        "192.0.2.9:19060".parse().unwrap(),
    );
    for bytes in [hep, eep] {
        let packet = pcap::udp_packet(agent, collector, IpFields { id: 9, ttl: 64 }, &bytes);
        assert_eq!(decode(101, &[packet]), [expected("UDP", false)]);
    }
}

#[test]
fn compressed_payloads_are_inflated() {
    let bytes = message();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
    let mut deflate = DeflateEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(&bytes).unwrap();
    zlib.write_all(&bytes).unwrap();
    deflate.write_all(&bytes).unwrap();
    for compressed in [
        gzip.finish().unwrap(),
        zlib.finish().unwrap(),
        deflate.finish().unwrap(),
    ] {
        let packet = to_collector(&hep3(false, 17, 16, &compressed));
        assert_eq!(decode(101, &[packet]), [expected("UDP", false)]);
    }
}

#[test]
fn a_compressed_payload_that_swells_is_cut_and_told() {
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::best());
    zlib.write_all(&vec![b'A'; 32 << 20]).unwrap();
    let packet = to_collector(&hep3(false, 17, 16, &zlib.finish().unwrap()));
    let lines = decode(101, &[packet]);
    assert_eq!(lines.len(), 2);
    assert!(lines[0].len() < (64 << 10) + 200);
    assert!(
        lines[1].starts_with("malformed: compressed HEP"),
        "{}",
        lines[1]
    );
}

#[test]
fn hep_1_and_2_give_the_message_too() {
    for v6 in [false, true] {
        let (src, dst) = sockets(v6);
        let addrs = [octets(src.ip()), octets(dst.ip())].concat();
        let ports = [src.port().to_be_bytes(), dst.port().to_be_bytes()].concat();
        let family = if v6 { 10 } else { 2 };
        let len = u8::try_from(8 + addrs.len()).unwrap();
        let head =
            |version: u8, len: u8| [&[version, len, family, 17][..], &ports, &addrs].concat();
        let first = [head(1, len), message()].concat();
        let line = expected("UDP", v6).replace(&format!(" time {EARLIER:+}"), "");
        assert_eq!(decode(101, &[to_collector(&first)]), [line]);

        let (seconds, micros) = told(EARLIER);
        for times in [
            [seconds.to_be_bytes(), micros.to_be_bytes()].concat(),
            [seconds.to_le_bytes(), micros.to_le_bytes()].concat(),
        ] {
            for counted in [0, 12] {
                let times = times.clone();
                let second = [head(2, len + counted), times, vec![0; 4], message()].concat();
                assert_eq!(decode(101, &[to_collector(&second)]), [expected("UDP", v6)]);
            }
        }
    }
}

#[test]
fn keep_alives_and_reports_in_hep_are_nothing() {
    let hep = hep3(false, 17, 15, b"{\"mos\": 4}");
    let at = hep
        .windows(7)
        .position(|bytes| bytes == [0, 0, 0, 11, 0, 7, 1])
        .unwrap();
    let mut report = hep;
    report[at + 6] = 5;
    assert!(decode(101, &[to_collector(&report)]).is_empty());
    assert!(decode(101, &[to_collector(b"HEP3\0\x06")]).is_empty());
}

#[test]
fn no_damage_of_hep_panics() {
    for packet in [
        hep3(false, 17, 15, &message()),
        hep3(true, 17, 16, &message()),
    ] {
        for keep in 0..packet.len() {
            decode(101, &[to_collector(&packet[..keep])]);
        }
        for at in 0..packet.len() - message().len() {
            for damage in [0, 1, 0x7f, 0xff] {
                let mut packet = packet.clone();
                packet[at] = damage;
                decode(101, &[to_collector(&packet)]);
            }
        }
    }
}

/// What a run finds in raw IP packets a second apart.
fn analyse(packets: &[Vec<u8>]) -> View {
    let input = Input {
        path: "agents.pcap".to_owned(),
        source: sipannotate::capture::Source::Stream(Box::new(Cursor::new(pcap::of_link(
            101, packets,
        )))),
    };
    pipeline::analyse(vec![input], &Options::default(), &mut |_| Ok(()))
        .unwrap()
        .view
}

#[test]
fn a_message_on_the_wire_and_in_hep_is_one() {
    let raw = super::inner(false);
    let hep = to_collector(&hep3_at(250_000_000, false, 17, 15, &message()));
    for packets in [[raw.clone(), hep.clone()], [hep, raw]] {
        let totals = analyse(&packets).totals;
        assert_eq!((totals.sip_messages, totals.duplicates), (1, 1));
    }
}

#[test]
fn an_agents_clock_counts_alone_where_it_disagrees_with_the_captures() {
    let hep = to_collector(&hep3(false, 17, 15, &message()));
    let other = to_collector(b"not HEP");
    let packets = [hep.clone(), other.clone(), hep.clone(), other, hep];
    let view = analyse(&packets);
    assert_eq!(view.totals.packets, 5);
    let kinds: Vec<_> = view.trust.iter().map(|trust| trust.kind.as_ref()).collect();
    // Not "time-step".
    assert_eq!(kinds, ["one-way"]);

    // The same over a connection, whose packets the segments cut.
    let (agent, collector) = ("192.0.2.1:49152", "192.0.2.9:9060");
    let (agent, collector) = (agent.parse().unwrap(), collector.parse().unwrap());
    let hep = hep3(false, 17, 15, &message());
    let stream = hep.repeat(3);
    let packets: Vec<_> = (0..)
        .zip(stream.chunks(hep.len() / 2 + 1))
        .map(|(no, part)| {
            let seq = 1 + no * u32::try_from(hep.len() / 2 + 1).unwrap();
            let segment = pcap::tcp(agent, collector, seq, 1, pcap::flag::ACK, part);
            let fields = IpFields { id: 9, ttl: 64 };
            pcap::ip(agent.ip(), collector.ip(), pcap::TCP, fields, &segment)
        })
        .collect();
    let view = analyse(&packets);
    assert_eq!(
        (view.totals.sip_messages, view.totals.retransmissions),
        (1, 0)
    );
    assert_eq!(view.totals.duplicates, 2);
    let kinds: Vec<_> = view.trust.iter().map(|trust| trust.kind.as_ref()).collect();
    assert_eq!(kinds, ["one-way"]);
}

/// A datagram to a recorder of debug recordings.
fn recorded(payload: &[u8]) -> Vec<u8> {
    let (device, recorder) = (
        "192.0.2.1:925".parse().unwrap(),
        "192.0.2.9:925".parse().unwrap(),
    );
    pcap::udp_packet(device, recorder, IpFields { id: 9, ttl: 64 }, payload)
}

#[test]
fn debug_recordings_give_the_message_with_the_devices_addresses() {
    let (src, dst) = sockets(false);
    let addrs = [octets(src.ip()), octets(dst.ip())].concat();
    let ports = [src.port().to_be_bytes(), dst.port().to_be_bytes()].concat();
    for (number, transport) in [(17, "UDP"), (6, "TCP"), (132, "SCTP")] {
        let extension = [&addrs[..], &ports, &[number, 1]].concat();
        for version in [5, 6, 7] {
            let record = wrap::acdr(version, 0, 6, 10, &extension, &message());
            let line = format!("Message {transport} {src} {dst} id 0 ttl 0 whole");
            assert_eq!(decode(101, &[recorded(&record)]), [line]);
        }
    }
    // What was TLS on the wire.
    for media in [33, 34] {
        let extension = [&ports[..], &addrs, &[3]].concat();
        let record = recorded(&wrap::acdr(7, 0, 6, media, &extension, &message()));
        let line = format!("Message TLS {src} {dst} id 0 ttl 0 whole");
        assert_eq!(decode(101, std::slice::from_ref(&record)), [line]);
        if let Some(found) = super::tshark(101, &[record], &[]) {
            assert_eq!(found, ["1\tinside@tunnel"]);
        }
    }
    // Media, and plaintext of the web interface, stay datagrams nobody looks at.
    for (media, application) in [(1, 3), (33, 1)] {
        let extension = [&ports[..], &addrs, &[application]].concat();
        let record = wrap::acdr(7, 0, 6, media, &extension, b"GET / HTTP/1.1\r\n\r\n");
        let lines = decode(101, &[recorded(&record)]);
        assert!(lines[0].starts_with("Datagram"), "{lines:?}");
    }
}

#[test]
fn no_damage_of_a_debug_recording_panics() {
    let packet = wrap::acdr(7, 0, 6, 33, &[0; 13], &message());
    for keep in 0..60 {
        decode(101, &[recorded(&packet[..keep])]);
    }
    for at in 0..40 {
        for damage in [0, 1, 9, 0x7f, 0xff] {
            let mut packet = packet.clone();
            packet[at] = damage;
            decode(101, &[recorded(&packet)]);
        }
    }
}

/// An exported SIP message.
fn exported(name: &[u8], name_tag: u16, port_type: u8, v6: bool) -> Vec<u8> {
    let (src, dst) = sockets(v6);
    let (src_tag, dst_tag) = if v6 { (22, 23) } else { (20, 21) };
    [
        tag(name_tag, name),
        tag(src_tag, &octets(src.ip())),
        tag(dst_tag, &octets(dst.ip())),
        tag(24, &[0, 0, 0, port_type]),
        tag(25, &u32::from(src.port()).to_be_bytes()),
        tag(26, &u32::from(dst.port()).to_be_bytes()),
        tag(30, &[0, 0, 0, 42]),
        tag(33, b"SIP\0"),
        tag(0, b""),
        message(),
    ]
    .concat()
}

#[test]
fn exported_sip_comes_out_with_its_own_addresses() {
    for v6 in [false, true] {
        let (src, dst) = sockets(v6);
        for (port_type, transport) in [(1, "SCTP"), (2, "TCP"), (3, "UDP")] {
            for (name, name_tag) in [(&b"sip\0"[..], 12), (b"sip.tcp\0", 12), (b"sip_udp\0", 13)] {
                let lines = decode(252, &[exported(name, name_tag, port_type, v6)]);
                let line = format!("Message {transport} {src} {dst} id 0 ttl 0 whole");
                assert_eq!(lines, [line]);
            }
        }
    }
}

#[test]
fn exports_of_other_dissectors_are_nothing_and_cuts_are_told() {
    assert!(decode(252, &[exported(b"rtp\0", 12, 3, false)]).is_empty());
    let whole = exported(b"sip\0", 12, 3, false);
    let tags = whole.len() - message().len();
    for keep in 0..tags {
        let lines = decode(252, &[whole[..keep].to_vec()]);
        assert_eq!(lines.len(), 1, "{keep}: {lines:?}");
        assert!(lines[0].starts_with("malformed-packet"));
    }
}

#[test]
fn tshark_finds_the_exported_message() {
    let Some(call_ids) = super::tshark(252, &[exported(b"sip\0", 12, 3, false)], &[]) else {
        println!("skipped: tshark is not on PATH");
        return;
    };
    assert_eq!(call_ids, ["1\tinside@tunnel"]);
}
