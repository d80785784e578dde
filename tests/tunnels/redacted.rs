//! Frames redacted: the message is still found in every encapsulation, and no address is left in any head.

use std::io::Cursor;

use sipannotate::capture::{Next, Reader};
use sipannotate::limits::Limits;
use sipannotate::redact::{self, Key, Redaction};
use sipannotate::units::FileIndex;

use super::wrap::esp_null;
use super::{decode, expected, inner, message, sockets, variants};
use crate::common::pcap::{self, IpFields};

/// The frames redacted, as a file that was not looked at.
fn written(link: u16, frames: &[Vec<u8>]) -> Result<(Vec<u8>, Redaction), redact::Error> {
    let limits = Limits::default();
    let bytes = pcap::of_link(link, frames);
    let mut redaction = Redaction::new(Key::new(b"tunnels"), &limits);
    let interfaces = redaction.collect(Cursor::new(&bytes), "made")?;
    redaction.settle();
    let mut out = Vec::new();
    redaction.write(Cursor::new(&bytes), "made", &interfaces, &mut out)?;
    Ok((out, redaction))
}

fn read(bytes: &[u8]) -> Result<Vec<Vec<u8>>, redact::Error> {
    let mut reader = Reader::open(bytes, "made", FileIndex(0), &Limits::default())?;
    let mut frames = Vec::new();
    loop {
        match reader.next_frame()? {
            Next::Frame(frame) => frames.push(frame.captured.to_vec()),
            Next::End => return Ok(frames),
            _ => {}
        }
    }
}

/// The frames redacted, or why they were refused.
fn redacted(link: u16, frames: &[Vec<u8>]) -> Result<Vec<Vec<u8>>, redact::Error> {
    let (out, redaction) = written(link, frames)?;
    let limits = Limits::default();
    redact::check(Cursor::new(&out), "made", redaction.values(), &limits)?;
    read(&out)
}

fn has(frames: &[Vec<u8>], bytes: &[u8]) -> bool {
    let mut all = frames.iter().flat_map(|frame| frame.windows(bytes.len()));
    all.any(|window| window == bytes)
}

/// A line for each packet, without its addresses and payload, which are others.
fn kinds(lines: &[String]) -> Vec<String> {
    let kind = |line: &String| {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["Datagram", _, _, _, "id", id, "ttl", ttl, payload, ..] => {
                let is_it = payload == "whole" || payload == "OPTIONS";
                format!("{id} {ttl} {is_it}")
            }
            _ => line.clone(),
        }
    };
    lines.iter().map(kind).collect()
}

#[test]
fn every_encapsulation_keeps_its_message_and_no_address() {
    let mut wrong = Vec::new();
    for (case, outer_v6, inner_v6) in variants() {
        let frame = case.frame(&inner(inner_v6), outer_v6);
        let name = format!("{} (outer v6: {outer_v6}, inner v6: {inner_v6})", case.name);
        let frames = match redacted(case.link(), &[frame]) {
            Ok(frames) => frames,
            Err(why) => {
                wrong.push(format!("{name}: {why}"));
                continue;
            }
        };
        let lines = decode(case.link(), &frames);
        // Its two swapped bytes are put right in a copy, which is not followed: its payload is zeros.
        let is_copied = case.name == "802.11 in CAPWAP of Cisco";
        if kinds(&lines) != kinds(&[expected(inner_v6)]) && !is_copied {
            wrong.push(format!("{name}: {:?}", kinds(&lines)));
        }
        let outer = [
            &[192, 0, 2, 1][..],
            &[192, 0, 2, 2],
            &[10, 9, 0, 1],
            &[10, 9, 0, 2],
        ];
        if outer.into_iter().any(|address| has(&frames, address)) {
            wrong.push(format!("{name}: an address is left"));
        }
    }
    assert!(wrong.is_empty(), "{}\n{}", wrong.len(), wrong.join("\n"));
}

/// Whatever bytes of a head the decoder does not need may hold an address: it is gone, or nothing is written.
#[test]
fn an_address_anywhere_in_a_head_is_zeroed_or_told() {
    let limits = Limits::default();
    let (src, dst) = sockets(false);
    let message = b"OPTIONS sip:10.9.0.1 SIP/2.0\r\nCSeq: 1 OPTIONS\r\n\r\n";
    let packet = pcap::udp_packet(src, dst, IpFields { id: 77, ttl: 61 }, message);
    let mut left = Vec::new();
    for (case, ..) in variants().filter(|(_, outer, inner)| !outer && !inner) {
        let frame = case.frame(&packet, false);
        let whole = decode(case.link(), std::slice::from_ref(&frame));
        let head = frame.windows(20).position(|window| window == &packet[..20]);
        let places = 0..head.unwrap_or(0).saturating_sub(3);
        let poisoned = places.filter_map(|at| {
            let mut frame = frame.clone();
            frame[at..at + 4].copy_from_slice(&[10, 9, 0, 1]);
            let is_free = decode(case.link(), std::slice::from_ref(&frame)) == whole;
            is_free.then_some((at, frame))
        });
        let (places, frames): (Vec<usize>, Vec<Vec<u8>>) = poisoned.unzip();
        let (out, redaction) = written(case.link(), &frames).unwrap();
        let found = redact::check(Cursor::new(&out), "made", redaction.values(), &limits);
        for (at, frame) in places.iter().zip(read(&out).unwrap()) {
            if frame[*at..at + 4] == [10, 9, 0, 1] && found.is_ok() {
                left.push(format!("{} at {at}", case.name));
            }
        }
    }
    assert!(left.is_empty(), "{}\n{}", left.len(), left.join("\n"));
}

/// Linux's cooked head, whose address field says something of as many bytes as are told.
fn cooked(len: u8, address: [u8; 8]) -> (Vec<u8>, Vec<u8>) {
    let packet = inner(false);
    let v1 = [&[0, 0, 0xff, 0xfe, 0, len][..], &address, &[8, 0], &packet].concat();
    let v2 = [
        &[8, 0, 0, 0, 0, 0, 0, 1, 0xff, 0xfe, 0, len][..],
        &address,
        &packet,
    ]
    .concat();
    (v1, v2)
}

#[test]
fn what_a_cooked_head_holds_beside_an_address_is_zeroed() {
    for (len, address) in [
        (0, *b"\x45\0\0\x28\x0a\x04\x80\x15"),
        (6, *b"\x02\x42\x0a\x04\x80\x15\x0a\x04"),
        (4, *b"\x0a\x04\x80\x15\x0a\x04\x80\x16"),
        (16, *b"\x20\x01\x0d\xb8\x0a\x04\x80\x15"),
        (255, *b"\x0a\x04\x80\x15\x0a\x04\x80\x15"),
    ] {
        let (v1, v2) = cooked(len, address);
        for (link, frame, at) in [(113, v1, 6), (276, v2, 12)] {
            let frames = redacted(link, &[frame]).unwrap();
            assert_eq!(
                kinds(&decode(link, &frames)),
                kinds(&[expected(false)]),
                "{link} {len}"
            );
            assert!(!has(&frames, &[10, 4, 128]), "{link} {len}: {frames:?}");
            let used = if matches!(len, 4 | 6) {
                usize::from(len)
            } else {
                0
            };
            let field = &frames[0][at..at + 8];
            assert!(field[used..].iter().all(|byte| *byte == 0), "{link} {len}");
            assert_eq!(
                used > 0,
                field.iter().any(|byte| *byte != 0),
                "{link} {len}"
            );
        }
    }
}

/// ARP in a cooked head without an address has nothing that is looked at.
#[test]
fn cooked_frames_without_a_packet_keep_no_address_either() {
    let head = [0, 0, 0xff, 0xfe, 0, 0, 10, 4, 128, 21, 1, 2, 3, 4, 0, 3];
    let frames = redacted(113, &[[&head[..], &[10, 4, 128, 21]].concat()]).unwrap();
    assert!(!has(&frames, &[10, 4, 128, 21]));
}

#[test]
fn a_leak_in_a_head_is_found_by_the_check() {
    let (frame, _) = cooked(0, *b"\x45\0\0\x28\x0a\x09\0\x01");
    let limits = Limits::default();
    let bytes = pcap::of_link(113, &[frame]);
    let mut redaction = Redaction::new(Key::new(b"tunnels"), &limits);
    redaction.collect(Cursor::new(&bytes), "made").unwrap();
    redaction.settle();
    // Only the packet's own head is changed.
    let mut left = bytes.clone();
    let at = left.len() - inner(false).len();
    left[at + 12..at + 20].copy_from_slice(&[10, 7, 7, 7, 10, 7, 7, 8]);
    let text = left.iter().position(|byte| *byte == b'O').unwrap();
    left[text..].fill(0);
    let found = redact::check(Cursor::new(&left), "made", redaction.values(), &limits);
    assert!(
        matches!(&found, Err(redact::Error::Leak { frame: 1, leak }) if leak.to_string().contains("10.9.0.1")),
        "{found:?}"
    );
}

#[test]
fn options_of_tcp_tell_no_address() {
    let (src, dst) = sockets(false);
    let mut segment = pcap::tcp(src, dst, 1, 1, pcap::flag::ACK, b"");
    segment[12] = 7 << 4;
    // What a load balancer writes: kind, length, address.
    segment.extend([28, 6, 10, 9, 0, 1, 1, 1]);
    let packet = pcap::ip(src.ip(), dst.ip(), 6, IpFields { id: 1, ttl: 9 }, &segment);
    let frames = redacted(101, &[packet]).unwrap();
    assert!(!has(&frames, &[10, 9, 0, 1]), "{frames:?}");
}

#[test]
fn esp_without_encryption_stays_readable() {
    for v6 in [false, true] {
        let (src, dst) = sockets(v6);
        let fields = IpFields { id: 77, ttl: 61 };
        let datagram = pcap::udp(src, dst, &message());
        for integrity in [0, 12, 16] {
            let esp = esp_null(17, &datagram, integrity);
            let packet = pcap::ip(src.ip(), dst.ip(), 50, fields, &esp);
            let frames = redacted(101, &[packet]).unwrap();
            assert_eq!(kinds(&decode(101, &frames)), kinds(&[expected(v6)]));
        }
    }
}
