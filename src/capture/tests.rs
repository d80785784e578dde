//! What the reader claims, on captures built from bytes.

use std::error::Error as _;
use std::fmt::Write as _;
use std::io::{self, Read};

use proptest::prelude::*;

use super::first_bytes::Order;
use super::testing::{MICROS, MODIFIED, NANOS, Pcap, PcapNg, Slow};
use super::{Error, Format, LinkType, Next, Reader, Summary};
use crate::defect::DefectKind;
use crate::limits::Limits;
use crate::units::{FileIndex, Timestamp};

const ORDERS: [Order; 2] = [Order::Little, Order::Big];

/// Everything a capture gives, as text, and its summary.
pub(super) fn read(source: impl Read, limits: &Limits) -> Result<(Vec<String>, Summary), Error> {
    let mut reader = Reader::open(source, "test", FileIndex(3), limits)?;
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        match reader.next_frame()? {
            Next::Frame(frame) => write!(
                line,
                "{} {} link {} if {} {} of {} {}",
                frame.at.no,
                frame.time.nanos(),
                frame.link.0,
                frame.interface,
                frame.captured.len(),
                frame.orig_len,
                frame.captured.escape_ascii(),
            )
            .unwrap(),
            Next::Defect(defect) => {
                let (kind, no) = (defect.kind.name(), defect.at.no);
                let number = defect.number.unwrap_or_default();
                write!(line, "{kind} before {no}: {number} x{}", defect.count).unwrap();
            }
            Next::CutShort {
                offset_bytes,
                frames,
            } => write!(line, "cut short at {offset_bytes} after {frames}").unwrap(),
            Next::Secrets { kind, bytes } => {
                write!(line, "secrets {kind:#x} {}", bytes.escape_ascii()).unwrap();
            }
            Next::End => {
                assert!(matches!(reader.next_frame()?, Next::End), "the end stays");
                return Ok((lines, reader.summary().clone()));
            }
        }
        lines.push(line);
    }
}

fn check(bytes: &[u8], expected: &[&str]) -> Summary {
    let (lines, summary) = read(bytes, &Limits::default()).expect("a capture");
    assert_eq!(lines, expected);
    assert_eq!(summary.bytes, bytes.len() as u64);
    let (slowly, same) = read(Slow::new(bytes, 1), &Limits::default()).expect("a capture");
    assert_eq!((slowly, same), (lines, summary.clone()), "a byte a read");
    summary
}

/// A pcapng with every kind of block, in two byte orders.
fn mixed() -> Vec<u8> {
    let mut ng = PcapNg::new(Order::Little);
    ng.interface(1, 0, &[(2, b"eth0"), (9, &[9])])
        .enhanced(0, 1_700_000_000_000_000_001, 4, b"abcd", &[])
        .enhanced(
            0,
            1_700_000_000_000_000_002,
            90,
            b"efghi",
            &[(2, &[1, 0, 0, 0])],
        )
        .block(0xbad, |body| {
            body.u64(7);
        })
        .section(Order::Big)
        .interface(113, 3, &[(14, &5_i64.to_be_bytes())])
        .interface(101, 0, &[(9, &[0x8a])])
        .enhanced(1, 1536, 1, b"j", &[])
        .simple(5, b"klm")
        .block(2, |body| {
            body.u16(0)
                .u16(0xffff)
                .u64(2_000_000)
                .u32(2)
                .u32(2)
                .u16(0x6e6f)
                .u16(0);
        })
        .statistics(0, &[(5, &3_u64.to_be_bytes()), (7, &4_u64.to_be_bytes())])
        .statistics(0, &[(5, &5_u64.to_be_bytes()), (7, &4_u64.to_be_bytes())]);
    ng.bytes.out
}

const MIXED: [&str; 7] = [
    "1 1700000000000000001 link 1 if 0 4 of 4 abcd",
    "2 1700000000000000002 link 1 if 0 5 of 90 efghi",
    // The third is a block of another maker, which Wireshark shows as a frame.
    "4 1500000000 link 101 if 2 1 of 1 j",
    "5 1500000000 link 113 if 1 3 of 5 klm",
    "6 7000000000 link 113 if 1 2 of 2 no",
    "dropped before 7: 1 x7",
    "dropped before 7: 1 x2",
];

#[test]
fn classic_pcap_reads_in_all_forms() {
    for order in ORDERS {
        for (magic, nanos) in [
            (MICROS, 5_000_000_007_000_i64),
            (NANOS, 5_000_000_000_007),
            (MODIFIED, 5_000_000_007_000),
        ] {
            let mut pcap = Pcap::new(magic, order, 101);
            pcap.record(5000, 7, 9, b"abc").record(4999, 0, 0, b"");
            let summary = check(
                &pcap.bytes.out,
                &[
                    &format!("1 {nanos} link 101 if 0 3 of 9 abc"),
                    "2 4999000000000 link 101 if 0 0 of 0 ",
                ],
            );
            assert_eq!(summary.format, Format::Pcap);
            assert_eq!(summary.packets, 2);
            assert_eq!(summary.first.map(Timestamp::nanos), Some(4_999_000_000_000));
            assert_eq!(summary.last.map(Timestamp::nanos), Some(nanos));
            assert_eq!(summary.interfaces[0].link, LinkType(101));
            assert_eq!(summary.interfaces[0].snaplen, 65_535);
        }
    }
}

#[test]
fn frame_check_sequence_bits_are_not_part_of_the_link_type() {
    let mut pcap = Pcap::new(MICROS, Order::Little, 1);
    pcap.bytes.out[23] = 0x24;
    pcap.record(1, 0, 1, b"a");
    check(&pcap.bytes.out, &["1 1000000000 link 1 if 0 1 of 1 a"]);
}

#[test]
fn pcapng_reads_sections_interfaces_clocks_and_statistics() {
    let summary = check(&mixed(), &MIXED);
    assert_eq!(summary.format, Format::PcapNg);
    assert!(!summary.cut_short);
    let name = summary.interfaces[0].name.as_deref();
    assert_eq!(name, Some(&b"eth0"[..]));
    assert_eq!(summary.interfaces.len(), 3);
    assert_eq!(summary.interfaces[1].snaplen, 3);
    assert_eq!(
        summary.last.map(Timestamp::nanos),
        Some(1_700_000_000_000_000_002)
    );
}

#[test]
fn enhanced_packet_of_an_interface_not_described_is_a_defect() {
    let mut ng = PcapNg::new(Order::Little);
    ng.enhanced(0, 1, 1, b"a", &[])
        .interface(1, 0, &[])
        .enhanced(7, 1, 1, b"b", &[])
        .enhanced(0, 1, 1, b"c", &[])
        .section(Order::Little)
        .enhanced(0, 1, 1, b"d", &[]);
    check(
        &ng.bytes.out,
        &[
            "bad-block before 1: 28 x1",
            "bad-block before 1: 84 x1",
            "1 1000 link 1 if 0 1 of 1 c",
            "bad-block before 2: 184 x1",
        ],
    );
}

#[test]
fn bad_interface_description_keeps_its_number() {
    let mut ng = PcapNg::new(Order::Big);
    ng.block(1, |_| ())
        .interface(1, 0, &[])
        .enhanced(0, 1, 1, b"a", &[])
        .enhanced(1, 1, 1, b"b", &[]);
    check(
        &ng.bytes.out,
        &[
            "bad-block before 1: 28 x1",
            "bad-block before 1: 60 x1",
            "1 1000 link 1 if 0 1 of 1 b",
        ],
    );
}

#[test]
fn packet_longer_than_its_block_is_passed_over() {
    let mut ng = PcapNg::new(Order::Little);
    ng.interface(1, 0, &[]).enhanced(0, 1, 1, b"abcd", &[]);
    let caplen = 28 + 20 + 20;
    ng.bytes.out[caplen] = 5;
    ng.enhanced(0, 1, 1, b"e", &[]).block(6, |_| ());
    check(
        &ng.bytes.out,
        &[
            "bad-block before 1: 48 x1",
            "1 1000 link 1 if 0 1 of 1 e",
            "bad-block before 2: 120 x1",
        ],
    );
}

#[test]
fn pcapng_reading_goes_on_behind_a_damaged_block() {
    let mut ng = PcapNg::new(Order::Little);
    ng.interface(1, 0, &[]).enhanced(0, 1, 2, b"aa", &[]);
    let damaged = ng.bytes.out.len();
    ng.enhanced(0, 2, 2, b"bb", &[])
        .enhanced(0, 3, 2, b"cc", &[]);
    for bad_len in [0_u32, 11, 13, 0x28, 0x7fff_fff0, u32::MAX] {
        let mut bytes = ng.bytes.out.clone();
        bytes[damaged + 4..damaged + 8].copy_from_slice(&bad_len.to_le_bytes());
        let (lines, summary) = read(&bytes[..], &Limits::default()).expect("a capture");
        assert_eq!(lines[0], "1 1000 link 1 if 0 2 of 2 aa");
        assert_eq!(
            lines[1],
            format!("bad-block before 2: {damaged} x1"),
            "{bad_len}"
        );
        let passed_over_to_the_end = bad_len == 0x7fff_fff0;
        assert_eq!(summary.cut_short, passed_over_to_the_end, "{bad_len}");
        if !passed_over_to_the_end {
            assert_eq!(lines[2..], ["2 3000 link 1 if 0 2 of 2 cc"], "{bad_len}");
        }
    }
}

#[test]
fn classic_reading_goes_on_behind_a_damaged_record() {
    for magic in [MICROS, MODIFIED] {
        let mut pcap = Pcap::new(magic, Order::Big, 1);
        pcap.record(1000, 1, 2, b"aa");
        let damaged = pcap.bytes.out.len();
        pcap.record(1001, 1, 20, &[7; 20]).record(1002, 1, 2, b"cc");
        let mut bytes = pcap.bytes.out;
        bytes[damaged + 8] = 0x80;
        check(
            &bytes,
            &[
                "1 1000000001000 link 1 if 0 2 of 2 aa",
                &format!("bad-block before 2: {damaged} x1"),
                "2 1002000001000 link 1 if 0 2 of 2 cc",
            ],
        );
    }
}

#[test]
fn classic_reading_stops_where_nothing_makes_sense_any_more() {
    let mut pcap = Pcap::new(MICROS, Order::Little, 1);
    pcap.record(1000, 1, 2, b"aa");
    let damaged = pcap.bytes.out.len();
    pcap.bytes.out.extend([0xff; 500]);
    let defect = format!("bad-block before 2: {damaged} x1");
    check(
        &pcap.bytes.out,
        &["1 1000000001000 link 1 if 0 2 of 2 aa", &defect],
    );
}

#[test]
fn block_above_the_cap_is_passed_over_and_the_buffer_grows_below_it() {
    let limits = Limits {
        capture_block_bytes: 600 << 10,
        ..Limits::default()
    };
    let mut ng = PcapNg::new(Order::Little);
    ng.interface(1, 0, &[]);
    ng.enhanced(0, 1, 1, &vec![b'a'; 500 << 10], &[]);
    ng.enhanced(0, 2, 1, &vec![b'b'; 700 << 10], &[]);
    ng.enhanced(0, 3, 1, b"c", &[]);
    for step in [1 << 30, 1000] {
        let (lines, _) = read(Slow::new(&ng.bytes.out, step), &limits).expect("a capture");
        assert_eq!(lines.len(), 3);
        assert!(lines[0].starts_with("1 1000 link 1 if 0 512000 of 512000 aaaa"));
        assert!(lines[1].starts_with("bad-block before 2: "));
        assert_eq!(lines[2], "2 3000 link 1 if 0 1 of 1 c");
    }
}

#[test]
fn interfaces_are_capped() {
    let limits = Limits {
        capture_interfaces: 2,
        ..Limits::default()
    };
    let mut ng = PcapNg::new(Order::Little);
    ng.interface(1, 0, &[]).section(Order::Little);
    ng.interface(1, 0, &[]).interface(1, 0, &[]);
    ng.enhanced(0, 1, 1, b"a", &[]).enhanced(1, 1, 1, b"b", &[]);
    let (lines, summary) = read(&ng.bytes.out[..], &limits).expect("a capture");
    assert_eq!(summary.interfaces.len(), 2);
    assert!(lines[0].starts_with("bad-block") && lines[2].starts_with("bad-block"));
    assert_eq!(lines[1], "1 1000 link 1 if 1 1 of 1 a");
}

/// Cuts `bytes` at every offset: what comes before the cut is delivered, what it cuts is said.
fn cut_everywhere(bytes: &[u8], file_head: usize) {
    let (whole, _) = read(bytes, &Limits::default()).expect("a capture");
    let frames = |lines: &[String]| {
        let is_frame = |line: &&String| line.contains(" link ");
        lines.iter().filter(is_frame).cloned().collect::<Vec<_>>()
    };
    let all = frames(&whole);
    let mut most = 0;
    for at in 0..bytes.len() {
        for step in [1, usize::MAX] {
            let (lines, summary) = match read(Slow::new(&bytes[..at], step), &Limits::default()) {
                Ok(got) => got,
                Err(error) => {
                    assert!(at < file_head, "cut at {at}: {error}");
                    continue;
                }
            };
            assert!(at >= file_head);
            let got = frames(&lines);
            assert_eq!(got, all[..got.len()], "cut at {at}");
            assert!(got.len() >= most, "cut at {at} loses a frame");
            most = got.len();
            let said = lines
                .last()
                .is_some_and(|line| line.starts_with("cut short at"));
            assert_eq!(said, summary.cut_short);
            assert_eq!(summary.bytes, at as u64);
        }
    }
    assert!(
        most + 1 >= all.len(),
        "only what the last cut hits is missing"
    );
}

#[test]
fn a_cut_anywhere_keeps_the_frames_before_it() {
    for order in ORDERS {
        for magic in [MICROS, NANOS, MODIFIED] {
            let mut pcap = Pcap::new(magic, order, 1);
            pcap.record(1, 1, 3, b"abc")
                .record(2, 1, 0, b"")
                .record(3, 1, 2, b"de");
            cut_everywhere(&pcap.bytes.out, 24);
        }
    }
    cut_everywhere(&mixed(), 28);
}

#[test]
fn a_cut_between_records_is_a_clean_end() {
    let mut pcap = Pcap::new(MICROS, Order::Little, 1);
    pcap.record(1, 0, 1, b"a");
    let whole = pcap.bytes.out.len();
    pcap.record(2, 0, 1, b"b");
    let frame = "1 1000000000 link 1 if 0 1 of 1 a";
    check(&pcap.bytes.out[..whole], &[frame]);
    let cut = format!("cut short at {whole} after 1");
    check(&pcap.bytes.out[..=whole], &[frame, &cut]);
}

#[test]
fn what_is_no_capture_is_refused_with_a_hint() {
    let refuse = |bytes: &[u8]| {
        let error = read(bytes, &Limits::default()).expect_err("no capture");
        (
            error.to_string(),
            error.hint().unwrap_or_default().to_owned(),
        )
    };
    assert_eq!(refuse(b"").0, "the capture is empty (0 bytes)");
    let (text, hint) = refuse(b"PK\x03\x04\x14\0\0\0");
    assert_eq!(
        text,
        "not a pcap or pcapng: byte 0 begins like a zip archive"
    );
    assert!(hint.contains("unzip -p"));
    let (text, _) = refuse(b"\x1f\x8b\x08\0\0\0\0\0");
    assert_eq!(text, "ends at byte 0, inside the file header");
    let (text, _) = refuse(&Pcap::new(MICROS, Order::Big, 1).bytes.out[..23]);
    assert_eq!(text, "ends at byte 23, inside the file header");
    let mut bytes = PcapNg::new(Order::Little).bytes.out;
    bytes[8] = 0;
    let (text, _) = refuse(&bytes);
    assert_eq!(text, "the section header at byte 0 has no byte order mark");
}

#[test]
fn an_io_error_keeps_its_cause_and_its_place() {
    for bytes in [mixed(), b"\xa1\xb2".to_vec()] {
        let mut source = Slow::new(&bytes, 5);
        source.fails = Some(io::ErrorKind::TimedOut);
        let error = read(source, &Limits::default()).expect_err("an I/O error");
        assert_eq!(
            error.to_string(),
            format!("cannot read on at byte {}", bytes.len())
        );
        let cause = error.source().expect("a cause");
        assert_eq!(cause.to_string(), "the disk is gone");
    }
}

#[test]
fn an_io_error_ends_the_capture() {
    let bytes = mixed();
    let mut source = Slow::new(&bytes, 1 << 20);
    source.fails = Some(io::ErrorKind::TimedOut);
    let mut reader = Reader::open(source, "test", FileIndex(0), &Limits::default()).unwrap();
    let mut frames = 0;
    while let Ok(next) = reader.next_frame() {
        frames += u32::from(matches!(next, Next::Frame(_)));
    }
    assert_eq!(frames, 5, "what came before the error was delivered");
    assert!(matches!(reader.next_frame(), Ok(Next::End)));
}

#[test]
fn drops_are_counted_once() {
    let (lines, _) = read(&mixed()[..], &Limits::default()).unwrap();
    let name = DefectKind::Dropped.name();
    let drops: Vec<_> = lines.iter().filter(|line| line.starts_with(name)).collect();
    assert_eq!(drops, ["dropped before 7: 1 x7", "dropped before 7: 1 x2"]);
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ends = read(&bytes[..], &Limits::default());
    }

    #[test]
    fn no_damage_panics(at in 0_usize..500, byte in any::<u8>(), ng in any::<bool>(), step in 1_usize..64) {
        let mut bytes = if ng {
            mixed()
        } else {
            let mut pcap = Pcap::new(MICROS, Order::Little, 1);
            for no in 0..12 {
                pcap.record(no, 1, 9, b"abcdefghi");
            }
            pcap.bytes.out
        };
        let len = bytes.len();
        bytes[at % len] = byte;
        let fast = read(&bytes[..], &Limits::default()).ok();
        let slow = read(Slow::new(&bytes, step), &Limits::default()).ok();
        prop_assert_eq!(fast, slow, "the size of reads changes nothing");
    }
}

#[test]
fn names_and_secrets_of_a_pcapng_are_handed_on() {
    for order in ORDERS {
        let mut ng = PcapNg::new(order);
        ng.interface(1, 0, &[])
            .block(4, |body| {
                body.u16(1).u16(9).out.extend(b"\x0a\0\0\x01sbc1\0\0\0\0");
                body.u32(0);
            })
            .block(10, |body| {
                body.u32(super::TLS_KEY_LOG).u32(6);
                body.out.extend(b"CLIENT\0\0");
            })
            .enhanced(0, 1_000_000, 1, b"a", &[])
            .block(10, |body| {
                body.u32(7).u32(u32::MAX);
            });
        let summary = check(
            &ng.bytes.out,
            &[
                "secrets 0x544c534b CLIENT",
                "1 1000000000 link 1 if 0 1 of 1 a",
                "bad-block before 2: 144 x1",
            ],
        );
        let names: Vec<_> = summary.names.into_iter().collect();
        let expected = (
            std::net::Ipv4Addr::new(10, 0, 0, 1).into(),
            b"sbc1"[..].into(),
        );
        assert_eq!(names, [expected]);
    }
}
