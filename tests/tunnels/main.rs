//! One SIP message in every encapsulation there is: it comes out whole, with its own addresses.
//!
//! In: frames built byte by byte by [`wrap`]. Always, for each of them: the inner message with the
//! inner addresses and no defect, whatever the families inside and outside and however the outer
//! packet was fragmented; no cut panics. tshark, where it is installed, sees the same.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "test support beside the tests; what is not there fails the test"
)]

#[path = "../common/mod.rs"]
mod common;
mod pieces;
mod redacted;
mod relayed;
mod wrap;

use std::io::Write as _;
use std::net::SocketAddr;
use std::process::Command;

use common::pcap::{self, IpFields};
use sipannotate::capture::{Frame, LinkType};
use sipannotate::limits::Limits;
use sipannotate::packet::{Decoder, Packet};
use sipannotate::units::{FileIndex, FrameNo, FrameRef, Timestamp};
use wrap::{CASES, Case, In, esp_null};

/// When every frame was captured: 2026-09-21T14:13:20Z.
const CAPTURED: i64 = 1_790_000_000_000_000_000;

/// The message that all tests send.
fn message() -> Vec<u8> {
    let head = "OPTIONS sip:bob@example.net SIP/2.0\r\n\
        Via: SIP/2.0/UDP 10.9.0.1:5060;branch=z9hG4bK7\r\n\
        From: <sip:alice@example.net>;tag=1\r\nTo: <sip:bob@example.net>\r\n\
        Call-ID: inside@tunnel\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\n";
    let filler = "X-Filler: 0123456789 0123456789 0123456789 0123456789\r\n".repeat(14);
    format!("{head}{filler}Content-Length: 0\r\n\r\n").into_bytes()
}

fn sockets(v6: bool) -> (SocketAddr, SocketAddr) {
    let (src, dst) = if v6 {
        ("[2001:db8:9::1]:5060", "[2001:db8:9::2]:5060")
    } else {
        ("10.9.0.1:5060", "10.9.0.2:5060")
    };
    (src.parse().unwrap(), dst.parse().unwrap())
}

/// The IP packet to be wrapped.
fn inner(v6: bool) -> Vec<u8> {
    let (src, dst) = sockets(v6);
    pcap::udp_packet(src, dst, IpFields { id: 77, ttl: 61 }, &message())
}

/// What is expected of every wrapped message.
fn expected(v6: bool) -> String {
    let (src, dst) = sockets(v6);
    let id = if v6 { 0 } else { 77 };
    format!("Datagram UDP {src} {dst} id {id} ttl 61 whole")
}

/// What comes out of frames of a link type: a line for each packet and defect.
fn decode(link: u16, frames: &[Vec<u8>]) -> Vec<String> {
    let mut decoder = Decoder::new(&Limits::default());
    let mut lines = Vec::new();
    for (no, bytes) in (1..).zip(frames) {
        push(&mut decoder, link, no, bytes, bytes.len(), &mut lines);
    }
    decoder.finish(&mut |defect| lines.push(format!("{}: {}", defect.kind.name(), defect.detail)));
    lines
}

fn push(
    decoder: &mut Decoder,
    link: u16,
    no: u64,
    bytes: &[u8],
    orig_len: usize,
    lines: &mut Vec<String>,
) {
    let frame = Frame {
        at: FrameRef {
            file: FileIndex(0),
            no: FrameNo(no),
        },
        time: Timestamp::from_nanos(CAPTURED),
        link: LinkType(link),
        interface: 0,
        captured: bytes,
        orig_len: u32::try_from(orig_len).unwrap(),
    };
    let mut defects = Vec::new();
    decoder.push(
        &frame,
        &mut |packet| lines.push(text(&packet)),
        &mut |defect| defects.push(format!("{}: {}", defect.kind.name(), defect.detail)),
    );
    lines.append(&mut defects);
}

fn text(packet: &Packet<'_>) -> String {
    let (kind, flow, origin, payload) = match packet {
        Packet::Datagram(it) => ("Datagram", it.flow, it.origin, it.payload),
        Packet::Message(it) => ("Message", it.flow, it.origin, it.payload),
        Packet::Segment(it) => ("Segment", it.flow, it.origin, it.payload),
        Packet::Sctp(it) => ("Sctp", it.flow, it.origin, it.chunks),
        Packet::IcmpError(it) => ("IcmpError", it.quoted, it.origin, it.quoted_payload),
    };
    let payload = if payload == message() {
        "whole".to_owned()
    } else {
        payload.escape_ascii().to_string()
    };
    let time = origin.time.nanos() - CAPTURED;
    let time = if time == 0 {
        String::new()
    } else {
        format!(" time {time:+}")
    };
    format!(
        "{kind} {} {} {} id {} ttl {}{time} {payload}",
        flow.transport.name(),
        flow.src,
        flow.dst,
        origin.ip_id,
        origin.ttl
    )
}

/// The cases with all families inside and, where there is one, outside.
fn variants() -> impl Iterator<Item = (&'static Case, bool, bool)> {
    CASES.iter().flat_map(|case| {
        let outer: &[bool] = match case.inside {
            In::Frame(..) => &[false],
            In::Ip(..) => &[false, true],
        };
        let variants = outer.iter().flat_map(|v6| [(*v6, false), (*v6, true)]);
        variants.map(move |(outer, inner)| (case, outer, inner))
    })
}

#[test]
fn every_encapsulation_gives_the_inner_message() {
    for (case, outer_v6, inner_v6) in variants() {
        let frame = case.frame(&inner(inner_v6), outer_v6);
        assert_eq!(
            decode(case.link(), &[frame]),
            [expected(inner_v6)],
            "{} (outer v6: {outer_v6}, inner v6: {inner_v6})",
            case.name
        );
    }
}

#[test]
fn fragments_of_the_outer_packet_are_put_together() {
    for (case, outer_v6, inner_v6) in variants() {
        let frames = case.fragments(&inner(inner_v6), outer_v6, 600);
        if frames.len() < 2 {
            continue;
        }
        let lines = decode(case.link(), &frames);
        assert_eq!(lines, [expected(inner_v6)], "{}", case.name);
    }
}

#[test]
fn fragments_of_the_inner_packet_are_put_together() {
    for (case, outer_v6, inner_v6) in variants() {
        let frames: Vec<_> = pcap::fragments(&inner(inner_v6), 600, 77)
            .iter()
            .map(|piece| case.frame(piece, outer_v6))
            .collect();
        assert!(frames.len() > 1);
        let lines = decode(case.link(), &frames);
        assert_eq!(lines, [expected(inner_v6)], "{}", case.name);
    }
}

#[test]
fn any_two_tunnels_stack() {
    let tunnels: Vec<_> = variants()
        .filter(|(case, ..)| matches!(case.inside, In::Ip(..)))
        .collect();
    for (outer_case, outer_v6, _) in &tunnels {
        for (inner_case, inner_v6, message_v6) in &tunnels {
            let packet = inner_case.packet(&inner(*message_v6), *inner_v6);
            let frame = outer_case.frame(&packet, *outer_v6);
            let names = (outer_case.name, inner_case.name);
            let lines = decode(outer_case.link(), &[frame]);
            assert_eq!(lines, [expected(*message_v6)], "{names:?}");
        }
    }
}

#[test]
fn no_cut_panics_and_a_snapped_frame_says_so() {
    for (case, outer_v6, inner_v6) in variants() {
        let frame = case.frame(&inner(inner_v6), outer_v6);
        for keep in 0..frame.len() {
            let cut = &frame[..keep];
            decode(case.link(), &[cut.to_vec()]);
            let mut lines = Vec::new();
            let mut decoder = Decoder::new(&Limits::default());
            push(&mut decoder, case.link(), 1, cut, frame.len(), &mut lines);
            // A packet, or a word about it: nothing is lost silently.
            let told = lines.iter().any(|line| {
                ["snapped", "encrypted", "tunnel"]
                    .iter()
                    .any(|kind| line.starts_with(kind))
                    || line.contains(" id 77 ")
                    || line.contains(&format!(" {} ", sockets(inner_v6).1))
            });
            assert!(told, "{} cut to {keep}: {lines:?}", case.name);
        }
    }
}

#[test]
fn no_damage_panics() {
    for (case, outer_v6, inner_v6) in variants() {
        let frame = case.frame(&inner(inner_v6), outer_v6);
        let heads = frame.len() - message().len();
        for at in 0..heads {
            for damage in [0x00, 0x01, 0x7f, 0x80, 0xff] {
                let mut frame = frame.clone();
                frame[at] = damage;
                decode(case.link(), &[frame]);
            }
        }
    }
}

#[test]
fn nesting_is_bounded_and_told() {
    for (case, outer_v6, _) in variants() {
        if !matches!(case.inside, In::Ip(..)) {
            continue;
        }
        let nested = |times: usize| {
            let packet = (1..times).fold(inner(false), |packet, _| case.packet(&packet, outer_v6));
            decode(case.link(), &[case.frame(&packet, outer_v6)])
        };
        assert_eq!(nested(8), [expected(false)], "{}", case.name);
        let lines = nested(40);
        assert_eq!(lines.len(), 1, "{}: {lines:?}", case.name);
        assert!(lines[0].starts_with("malformed-packet: more headers"));
    }
}

#[test]
fn sip_and_rtp_on_a_tunnels_port_stay_what_they_are() {
    let mut rtp = vec![0x80, 8, 0, 1, 0, 0, 0, 160, 1, 2, 3, 4];
    rtp.extend([0xd5; 160]);
    for port in [
        925, 1701, 2152, 3544, 4341, 4500, 4754, 4789, 4790, 5247, 6080, 6081, 6635, 8472, 9060,
        30_030, 37_008,
    ] {
        for (payload, shown) in [
            (message(), "whole".to_owned()),
            (rtp.clone(), rtp.escape_ascii().to_string()),
        ] {
            for turned in [false, true] {
                let mut src: SocketAddr = "10.9.0.1:40000".parse().unwrap();
                let mut dst: SocketAddr = format!("10.9.0.2:{port}").parse().unwrap();
                if turned {
                    std::mem::swap(&mut src, &mut dst);
                }
                let packet = pcap::udp_packet(src, dst, IpFields { id: 1, ttl: 64 }, &payload);
                assert_eq!(
                    decode(101, &[packet]),
                    [format!("Datagram UDP {src} {dst} id 1 ttl 64 {shown}")]
                );
            }
        }
    }
}

#[test]
fn what_is_not_opened_is_told() {
    let check = |link: u16, frame: Vec<u8>, kind: &str, words: &str| {
        let lines = decode(link, &[frame]);
        let told = lines
            .iter()
            .filter(|line| line.starts_with(kind) && line.contains(words));
        assert_eq!(told.count(), 1, "{words}: {lines:?}");
        assert!(
            !lines.iter().any(|line| line.contains("whole")),
            "{lines:?}"
        );
    };
    let packet = inner(false);
    let over = |protocol: u8, payload: &[u8]| wrap::outer_packet(false, protocol, payload);
    let scrambled: Vec<u8> = (0_u32..200)
        .map(|no| (no.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();

    check(147, packet.clone(), "unknown-link", "link type");
    check(101, over(50, &scrambled), "encrypted", "ESP");
    check(
        101,
        over(47, &[0, 0, 0x12, 0x34, 1, 2, 3, 4]),
        "tunnel",
        "GRE that carries protocol",
    );
    check(101, over(108, &packet), "tunnel", "IPComp");
    check(101, over(55, &packet), "tunnel", "minimal encapsulation");
    check(101, over(115, &scrambled), "tunnel", "L2TPv3");
    check(
        9,
        [&[0xff, 3, 0, 0xfd], &packet[..]].concat(),
        "encrypted",
        "MPPE",
    );
    check(
        9,
        [&[0, 0x3d, 0x80, 0, 0, 1], &packet[..]].concat(),
        "tunnel",
        "multilink",
    );
    check(
        105,
        wrap::wlan(0x08, 0x41, 0, &packet),
        "encrypted",
        "802.11",
    );
    // The beginning of a frame whose other fragments never come.
    check(
        105,
        wrap::wlan(0x08, 0x05, 0, &packet),
        "ip-fragments-missing",
        "802.11",
    );
    check(147, packet.clone(), "unknown-link", "private use");
    check(189, packet.clone(), "unknown-link", "(USB)");
    // Baseline privacy in use.
    let mut docsis = vec![1, 5, 0, 80, 0x44, 0x10, 0x80, 9, 0, 0, 0];
    docsis.extend(&packet);
    check(143, docsis, "encrypted", "DOCSIS");
    let datagram = |port: u16, payload: &[u8]| {
        let ends = (
            "192.0.2.1:40000".parse().unwrap(),
            format!("192.0.2.2:{port}").parse().unwrap(),
        );
        pcap::udp_packet(ends.0, ends.1, IpFields { id: 1, ttl: 64 }, payload)
    };
    let dtls = [&[1, 0, 0, 0, 0x17, 0xfe, 0xfd][..], &scrambled].concat();
    check(101, datagram(5247, &dtls), "encrypted", "CAPWAP");
    let sample = [&[0, 0, 0, 5][..], &packet[..200]].concat();
    check(101, datagram(6343, &sample), "tunnel", "sFlow");
    let recording = wrap::acdr(7, 0x10, 6, 10, &[0; 14], &message());
    check(101, datagram(925, &recording), "tunnel", "debug recordings");
    let macsec = [&[2; 12][..], &[0x88, 0xe5], &packet].concat();
    check(1, macsec, "encrypted", "MACsec");
}

#[test]
fn beacons_and_control_messages_are_nothing() {
    assert!(decode(105, &[[&[0x80, 0][..], &[1; 60]].concat()]).is_empty());
    assert!(decode(105, &[[&[0x48, 1][..], &[1; 30]].concat()]).is_empty());
    assert!(decode(9, &[vec![0xff, 3, 0xc0, 0x21, 9, 1, 0, 8, 1, 2, 3, 4]]).is_empty());
    // GRE keep-alive; PPTP acknowledgment.
    for gre in [
        &[0, 0, 0, 0][..],
        &[0x20, 0x81, 0x88, 0x0b, 0, 0, 0, 1, 0, 0, 0, 9],
    ] {
        assert!(decode(101, &[wrap::outer_packet(false, 47, gre)]).is_empty());
    }
}

#[test]
fn every_subframe_of_an_aggregate_comes_out() {
    let packet = inner(false);
    let mut body = Vec::new();
    for _ in 0..2 {
        let llc = [&b"\xaa\xaa\x03\0\0\0\x08\0"[..], &packet].concat();
        body.extend([2; 12]);
        body.extend(u16::try_from(llc.len()).unwrap().to_be_bytes());
        body.extend(&llc);
        body.resize(body.len().next_multiple_of(4), 0);
    }
    let head = [&[0x88, 2, 0, 0][..], &[2; 18], &[0, 0, 0x80, 0]].concat();
    let lines = decode(105, &[[head, body].concat()]);
    assert_eq!(lines, [expected(false), expected(false)]);
}

#[test]
fn esp_with_null_encryption_is_read_by_any_integrity_length() {
    for v6 in [false, true] {
        let (src, dst) = sockets(v6);
        let fields = IpFields { id: 77, ttl: 61 };
        let datagram = pcap::udp(src, dst, &message());
        for integrity in [0, 12, 16] {
            let esp = esp_null(17, &datagram, integrity);
            let packet = pcap::ip(src.ip(), dst.ip(), 50, fields, &esp);
            assert_eq!(
                decode(101, &[packet]),
                [expected(v6)],
                "integrity {integrity}"
            );
        }
        let segment = pcap::tcp(src, dst, 1, 1, pcap::flag::ACK, b"the middle of something");
        let packet = pcap::ip(src.ip(), dst.ip(), 50, fields, &esp_null(6, &segment, 12));
        let lines = decode(101, &[packet]);
        assert_eq!(lines.len(), 1);
        assert!(lines[0].ends_with("the middle of something"), "{lines:?}");
    }
}

#[test]
fn random_bytes_are_never_taken_for_plain_esp() {
    let mut state = 1_u64;
    let mut opened = 0;
    for _ in 0..50_000 {
        let bytes: Vec<u8> = (0..72)
            .map(|_| {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                (state >> 56) as u8
            })
            .collect();
        let lines = decode(101, &[wrap::outer_packet(false, 50, &bytes)]);
        opened += usize::from(!lines[0].starts_with("encrypted"));
    }
    assert_eq!(opened, 0);
}

/// Frames that tshark reads at once.
struct File<'a> {
    link: u16,
    arguments: &'a [&'a str],
    names: Vec<String>,
    frames: Vec<Vec<u8>>,
}

#[test]
fn tshark_finds_the_same_messages() {
    // One file for all that tshark reads with the same arguments.
    let mut files: Vec<File<'_>> = Vec::new();
    for (case, outer_v6, inner_v6) in variants() {
        let arguments = match case.tshark {
            Ok(arguments) => arguments,
            Err(reason) => {
                println!("{}: not asked of tshark: {reason}", case.name);
                continue;
            }
        };
        let link = case.link();
        let same = |file: &File<'_>| file.link == link && file.arguments == arguments;
        let place = files.iter().position(same).unwrap_or_else(|| {
            files.push(File {
                link,
                arguments,
                names: Vec::new(),
                frames: Vec::new(),
            });
            files.len() - 1
        });
        files[place].names.push(format!(
            "{} (v6 outside: {outer_v6}, inside: {inner_v6})",
            case.name
        ));
        files[place]
            .frames
            .push(case.frame(&inner(inner_v6), outer_v6));
    }
    let mut missed = Vec::new();
    for file in files {
        let Some(found) = tshark(file.link, &file.frames, file.arguments) else {
            println!("skipped: tshark is not on PATH");
            return;
        };
        for (no, name) in (1..).zip(file.names) {
            if !found.contains(&format!("{no}\tinside@tunnel")) {
                missed.push(name);
            }
        }
        assert!(found.len() <= file.frames.len(), "{found:?}");
    }
    assert!(missed.is_empty(), "tshark does not find {missed:#?}");
}

/// Frame number and Call-ID of what tshark finds; none without tshark.
fn tshark(link: u16, frames: &[Vec<u8>], arguments: &[&str]) -> Option<Vec<String>> {
    let mut file = tempfile::Builder::new()
        .suffix(".pcap")
        .tempfile()
        .expect("a temporary file");
    file.write_all(&pcap::of_link(link, frames))
        .expect("written");
    let output = Command::new("tshark")
        .arg("-r")
        .arg(file.path())
        .args(arguments)
        .args(["-Y", "sip", "-T", "fields"])
        .args(["-e", "frame.number", "-e", "sip.Call-ID"])
        .output()
        .ok()?;
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "tshark: {errors}");
    let text = String::from_utf8_lossy(&output.stdout);
    Some(text.lines().map(str::to_owned).collect())
}
