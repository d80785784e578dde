//! What a copy keeps, on captures built from bytes.

use std::io;

use proptest::prelude::*;

use super::options::put;
use super::{AUTHOR, BlockView, COMMENT, Copied, Edit, Editor, FrameView, Options, copy};
use crate::capture::testing::{Bytes, MICROS, MODIFIED, NANOS, Pcap, PcapNg, Slow};
use crate::capture::{BlockKind, Next, Order, Piece, Reader};
use crate::limits::Limits;
use crate::units::FileIndex;

const ORDERS: [Order; 2] = [Order::Little, Order::Big];

/// A copy and what is told of it.
fn copied(bytes: &[u8], editor: &mut dyn Editor) -> (Vec<u8>, Copied) {
    let mut out = Vec::new();
    let told = copy(bytes, "test", &Limits::default(), &mut out, editor).expect("a capture");
    (out, told)
}

/// A copy by an editor that says nothing.
fn kept(bytes: &[u8]) -> Vec<u8> {
    copied(bytes, &mut |_: &FrameView<'_>, _: &mut Edit| Ok(())).0
}

/// A copy in which every frame has its number for a comment.
fn numbered(bytes: &[u8]) -> Vec<u8> {
    let comment = |frame: &FrameView<'_>, edit: &mut Edit| {
        edit.comment(&format!("frame {}", frame.frame.at.no));
        Ok(())
    };
    copied(bytes, &mut { comment }).0
}

/// Number, time, link type, length on the wire and bytes of every frame.
fn frames(bytes: &[u8]) -> Vec<String> {
    let mut reader = Reader::open(bytes, "test", FileIndex(0), &Limits::default()).expect("a file");
    let mut frames = Vec::new();
    loop {
        match reader.next_frame().expect("no damage") {
            Next::Frame(frame) => frames.push(format!(
                "{} {} {:?} {} {}",
                frame.at.no,
                frame.time.nanos(),
                frame.link,
                frame.orig_len,
                frame.captured.escape_ascii()
            )),
            Next::End => return frames,
            _ => {}
        }
    }
}

/// Kind, and comments of every block that has options.
fn comments(bytes: &[u8]) -> Vec<(BlockKind, Vec<String>)> {
    struct Comments(Vec<(BlockKind, Vec<String>)>);
    impl Comments {
        fn add(&mut self, kind: BlockKind, options: &Options<'_>) {
            let texts = options.comments();
            let texts = texts.map(|text| String::from_utf8(text.to_vec()).expect("UTF-8"));
            self.0.push((kind, texts.collect()));
        }
    }
    impl Editor for Comments {
        fn frame(&mut self, frame: &FrameView<'_>, _: &mut Edit) -> io::Result<()> {
            self.add(BlockKind::Packet, &frame.options);
            Ok(())
        }
        fn block(&mut self, block: &BlockView<'_>, _: &mut Edit) -> io::Result<()> {
            if let Some(options) = block.options() {
                self.add(block.block.kind, &options);
            }
            Ok(())
        }
    }
    let mut comments = Comments(Vec::new());
    copied(bytes, &mut comments);
    comments.0
}

/// The blocks of a pcapng.
fn blocks(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut reader = Reader::open(bytes, "test", FileIndex(0), &Limits::default()).expect("a file");
    let mut blocks = Vec::new();
    loop {
        match reader.next_piece().expect("no damage") {
            Piece::Block(block) => blocks.push(block.bytes.to_vec()),
            Piece::End => return blocks,
            other => panic!("{other:?}"),
        }
    }
}

/// The section header that opens a copy of one without options.
fn signed(order: Order) -> Vec<u8> {
    let mut ng = Bytes { order, out: vec![] };
    let len = u32::try_from(28 + 4 + AUTHOR.len().next_multiple_of(4) + 4).unwrap();
    ng.u32(0x0a0d_0d0a).u32(len);
    ng.u32(0x1a2b_3c4d).u16(1).u16(0).u64(u64::MAX);
    put(&mut ng.out, order, 4, AUTHOR.as_bytes());
    ng.u32(0).u32(len);
    ng.out
}

/// A pcapng with every kind of block.
fn every_block(order: Order) -> PcapNg {
    let mut ng = PcapNg::new(order);
    ng.interface(1, 0, &[(2, b"eth0"), (9, &[9])])
        .enhanced(0, 1_700_000_000_000_000_001, 4, b"abcd", &[])
        .enhanced(
            0,
            1_700_000_000_000_000_002,
            90,
            b"efghi",
            &[
                (COMMENT, b"theirs"),
                (2, &[1, 0, 0, 0]),
                (2988, b"\0\0\x12\x34odd"),
            ],
        )
        .block(4, |body| {
            body.u16(1).u16(9).out.extend(b"\x0a\0\0\x01sbc1\0\0\0\0");
            body.u32(0);
            put(&mut body.out, body.order, COMMENT, b"names");
            body.u32(0);
        })
        .block(10, |body| {
            body.u32(0x544c_534b).u32(6).out.extend(b"CLIENT\0\0");
        })
        .simple(3, b"jkl")
        .block(2, |body| {
            body.u16(0).u16(7).u64(0).u32(2).u32(2);
            body.u16(0x6e6f).u16(0);
            put(&mut body.out, body.order, 2, &[2, 0, 0, 0]);
        })
        .block(0xbad, |body| {
            body.u64(7);
        })
        .block(0x7777_7777, |body| {
            body.u64(8);
        })
        .block(9, |body| {
            body.out.extend(b"MESSAGE=journal\n");
        })
        .statistics(0, &[(5, &[0; 8])]);
    ng
}

#[test]
fn what_the_editor_does_not_touch_is_copied_byte_for_byte() {
    for order in ORDERS {
        let mut ng = every_block(order);
        let other = if order == Order::Little {
            Order::Big
        } else {
            Order::Little
        };
        ng.section(other)
            .interface(113, 0, &[])
            .enhanced(0, 5, 2, b"xy", &[]);
        let bytes = ng.bytes.out;
        let mut expected = signed(order);
        expected.extend(&bytes[28..]);
        assert_eq!(kept(&bytes), expected, "{order:?}");
    }
}

#[test]
fn the_length_of_a_section_becomes_unknown() {
    for order in ORDERS {
        let mut ng = PcapNg::new(order);
        ng.interface(1, 0, &[]);
        let mut bytes = ng.bytes.out;
        bytes[16..24].copy_from_slice(&order.bytes_u64(20));
        assert_eq!(kept(&bytes)[..signed(order).len()], signed(order));
    }
}

#[test]
fn what_wrote_a_capture_stays_named_and_the_copier_is_told_beside() {
    let mut bytes = Bytes {
        order: Order::Big,
        out: vec![],
    };
    let mut options = Vec::new();
    put(&mut options, Order::Big, 4, b"Dumpcap 4.4");
    put(&mut options, Order::Big, COMMENT, b"theirs");
    let len = u32::try_from(28 + options.len() + 4).unwrap();
    bytes
        .u32(0x0a0d_0d0a)
        .u32(len)
        .u32(0x1a2b_3c4d)
        .u16(1)
        .u16(2)
        .u64(u64::MAX);
    bytes.out.extend(&options);
    bytes.u32(0).u32(len);
    let copy = kept(&bytes.out);
    let told = format!("copied by {AUTHOR}");
    let expected = (BlockKind::Section, vec!["theirs".to_owned(), told]);
    assert_eq!(comments(&copy)[0], expected);
    assert_eq!(
        copy[8..24 + options.len()],
        bytes.out[8..24 + options.len()]
    );
    let ours = kept(&PcapNg::new(Order::Big).bytes.out);
    assert_eq!(kept(&ours), ours, "who is named already is not named again");
}

#[test]
fn comments_stand_behind_the_options_there_are() {
    for order in ORDERS {
        let bytes = every_block(order).bytes.out;
        let copy = numbered(&bytes);
        let (before, after) = (blocks(&bytes), blocks(&copy));
        // The second packet keeps its three options to the end marker.
        let (old, new) = (&before[3], &after[3]);
        let end = old.len() - 8;
        assert_eq!(new[8..end], old[8..end], "{order:?}");
        let mut added = Vec::new();
        put(&mut added, order, COMMENT, b"frame 2");
        assert_eq!(new[end..end + added.len()], added);
        assert_eq!(new[end + added.len()..][..4], [0; 4]);
        let told: Vec<_> = comments(&copy)
            .into_iter()
            .filter(|(kind, _)| *kind == BlockKind::Packet)
            .map(|(_, texts)| texts.join(", "))
            .collect();
        assert_eq!(told, ["frame 1", "theirs, frame 2", "frame 3", "frame 4"]);
    }
}

#[test]
fn simple_and_obsolete_packet_blocks_become_enhanced_ones_with_the_same_data() {
    for order in ORDERS {
        let bytes = every_block(order).bytes.out;
        let copy = numbered(&bytes);
        assert_eq!(frames(&copy), frames(&bytes));
        let blocks = blocks(&copy);
        let kinds: Vec<u32> = blocks
            .iter()
            .map(|block| order.u32(*block.first_chunk().unwrap()))
            .collect();
        let section = 0x0a0d_0d0a;
        let expected = [section, 1, 6, 6, 4, 10, 6, 6, 0xbad, 0x7777_7777, 9, 5];
        assert_eq!(kinds, expected);
        // What the obsolete one says of drops goes on as an option, and its flags stay.
        let mut options = Vec::new();
        put(&mut options, order, 4, &order.bytes_u64(7));
        let mut flags = Vec::new();
        put(&mut flags, order, 2, &[2, 0, 0, 0]);
        assert_eq!(blocks[7][32..32 + flags.len()], flags);
        assert_eq!(blocks[7][32 + flags.len()..][..options.len()], options);
    }
}

#[test]
fn a_classic_pcap_becomes_a_pcapng_with_the_same_frames() {
    for order in ORDERS {
        for magic in [MICROS, NANOS, MODIFIED] {
            let mut pcap = Pcap::new(magic, order, 101);
            pcap.record(1_700_000_000, 7, 9, b"abc")
                .record(u32::MAX, 999_999, 0, b"")
                .record(3, 1, 2, b"longer than on the wire");
            let bytes = pcap.bytes.out;
            for copy in [kept(&bytes), numbered(&bytes)] {
                assert_eq!(frames(&copy), frames(&bytes), "{order:?} {magic:x}");
                assert_eq!(blocks(&copy).len(), 5);
                assert_eq!(blocks(&copy)[0], signed(order));
            }
        }
    }
}

#[test]
fn frame_check_sequence_and_resolution_of_a_classic_pcap_are_kept() {
    let mut pcap = Pcap::new(NANOS, Order::Little, 1);
    pcap.bytes.out[23] = 0x24;
    let copy = kept(&pcap.bytes.out);
    let mut expected = Vec::new();
    put(&mut expected, Order::Little, 9, &[9]);
    put(&mut expected, Order::Little, 13, &[4]);
    assert_eq!(blocks(&copy)[1][16..32], expected);
}

/// Leaves out frame 2, gives frame 3 other bytes, and takes the options of all.
struct Surgeon;

impl Editor for Surgeon {
    fn frame(&mut self, frame: &FrameView<'_>, edit: &mut Edit) -> io::Result<()> {
        edit.drop_options();
        match frame.frame.at.no.0 {
            2 => edit.leave_out(),
            3 => edit.data(b"other bytes", 20),
            _ => {}
        }
        Ok(())
    }

    fn block(&mut self, block: &BlockView<'_>, edit: &mut Edit) -> io::Result<()> {
        match block.block.kind {
            BlockKind::Secrets | BlockKind::Section => edit.leave_out(),
            BlockKind::Names => {
                let mut content = block.content().to_vec();
                content[8..12].copy_from_slice(b"pbx1");
                edit.content(&content);
                edit.drop_options();
                edit.comment("changed");
            }
            BlockKind::Interface => {
                edit.drop_options();
                for option in block.options().expect("options") {
                    if option.code != 2 {
                        edit.option(option.code, option.value);
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }
}

#[test]
fn frames_are_left_out_and_changed_and_so_are_blocks() {
    for order in ORDERS {
        let bytes = every_block(order).bytes.out;
        let (copy, told) = copied(&bytes, &mut Surgeon);
        assert_eq!((told.frames, told.left_out), (5, 1));
        let before = frames(&bytes);
        let after = frames(&copy);
        assert_eq!(after[0], before[0]);
        assert!(after[1].ends_with(" 20 other bytes"), "{after:?}");
        assert!(
            after[2].ends_with(" 2 no") || after[2].ends_with(" 2 on"),
            "{after:?}"
        );
        assert_eq!(after.len(), before.len() - 1);
        let kinds: Vec<u32> = blocks(&copy)
            .iter()
            .map(|block| order.u32(*block.first_chunk().unwrap()))
            .collect();
        assert!(!kinds.contains(&10), "the secrets are gone");
        assert_eq!(kinds[0], 0x0a0d_0d0a, "a section header stays");
        let text = copy.escape_ascii().to_string();
        assert!(text.contains("pbx1") && !text.contains("sbc1"), "{text}");
        assert!(!text.contains("eth0") && !text.contains("theirs"));
        let names = (BlockKind::Names, vec!["changed".to_owned()]);
        assert!(comments(&copy).contains(&names));
    }
}

#[test]
fn what_makes_no_sense_is_left_out_and_the_rest_keeps_its_numbers() {
    let mut ng = PcapNg::new(Order::Little);
    ng.block(1, |_| ())
        .interface(1, 0, &[])
        .enhanced(7, 1, 1, b"a", &[])
        .enhanced(1, 1, 1, b"b", &[])
        .block(6, |_| ())
        .statistics(9, &[]);
    let damaged = ng.bytes.out.len();
    ng.enhanced(1, 2, 1, b"c", &[]).enhanced(1, 3, 1, b"d", &[]);
    ng.bytes.out[damaged + 4] = 13;
    ng.enhanced(1, 4, 5, b"e", &[]);
    let cut = ng.bytes.out.len() - 3;
    let bytes = &ng.bytes.out[..cut];
    let (copy, told) = copied(bytes, &mut |_: &FrameView<'_>, _: &mut Edit| Ok(()));
    assert_eq!(frames(&copy), frames(bytes));
    assert_eq!(frames(&copy).len(), 2);
    assert_eq!(told.skipped, 5);
    assert_eq!(
        told.first_skipped.and_then(|defect| defect.number),
        Some(28)
    );
    assert!(told.cut_short.is_some());
    assert_eq!(
        blocks(&copy).len(),
        5,
        "header, two interfaces, two packets"
    );
}

#[test]
fn a_capture_cut_anywhere_is_copied_up_to_there() {
    let mut pcap = Pcap::new(MICROS, Order::Big, 1);
    pcap.record(1, 1, 3, b"abc")
        .record(2, 1, 0, b"")
        .record(3, 1, 2, b"de");
    for (bytes, head) in [
        (pcap.bytes.out, 24),
        (every_block(Order::Big).bytes.out, 28),
    ] {
        for end in head..bytes.len() {
            let copy = numbered(&bytes[..end]);
            assert_eq!(frames(&copy), frames(&bytes[..end]), "cut at {end}");
            blocks(&copy);
        }
    }
}

#[test]
fn options_that_make_no_sense_stay_behind_the_comment() {
    let mut ng = PcapNg::new(Order::Little);
    ng.interface(1, 0, &[]);
    ng.block(6, |body| {
        body.u32(0).u64(0).u32(4).u32(4).out.extend(b"abcd");
        body.u16(2).u16(900).u32(1);
    });
    let copy = numbered(&ng.bytes.out);
    let packet = &blocks(&copy)[2];
    let mut expected = Vec::new();
    put(&mut expected, Order::Little, COMMENT, b"frame 1");
    expected.extend([2, 0, 0x84, 3, 1, 0, 0, 0]);
    assert_eq!(packet[32..32 + expected.len()], expected);
    assert_eq!(
        kept(&ng.bytes.out)[signed(Order::Little).len()..],
        ng.bytes.out[28..]
    );
}

#[test]
fn a_comment_that_is_too_long_is_cut_at_a_character() {
    let mut pcap = Pcap::new(MICROS, Order::Little, 1);
    pcap.record(1, 1, 3, b"abc");
    for lead in ["", "a", "ab", "abc"] {
        let text = format!("{lead}{}", "é💡".repeat(20_000));
        let comment = |_: &FrameView<'_>, edit: &mut Edit| {
            edit.comment(&text);
            Ok(())
        };
        let (copy, told) = copied(&pcap.bytes.out, &mut { comment });
        assert_eq!(told.comments, 1);
        let (_, texts) = &comments(&copy)[2];
        let head = texts[0].strip_suffix('…').expect("a mark");
        assert!(text.starts_with(head) && texts[0].len() > 65_535 - 4);
        assert!(texts[0].len() <= 65_535);
    }
}

#[test]
fn a_frame_whose_comments_have_no_room_is_copied_without() {
    let limits = Limits {
        capture_block_bytes: 1024,
        ..Limits::default()
    };
    let mut pcap = Pcap::new(MICROS, Order::Little, 1);
    pcap.record(1, 1, 900, &[7; 900]).record(1, 2, 3, b"abc");
    let bytes = pcap.bytes.out;
    let comment = |_: &FrameView<'_>, edit: &mut Edit| {
        edit.comment(&"a".repeat(200));
        Ok(())
    };
    let mut out = Vec::new();
    let told = copy(&bytes[..], "test", &limits, &mut out, &mut { comment }).unwrap();
    assert_eq!((told.crowded, told.comments, told.frames), (1, 1, 2));
    assert_eq!(frames(&out), frames(&bytes));
}

#[test]
fn the_error_of_an_editor_stops_the_copy() {
    let mut pcap = Pcap::new(MICROS, Order::Little, 1);
    pcap.record(1, 1, 3, b"abc");
    let mut out = Vec::new();
    let fail = |_: &FrameView<'_>, _: &mut Edit| Err(io::Error::other("no"));
    let limits = Limits::default();
    let error = copy(&pcap.bytes.out[..], "test", &limits, &mut out, &mut {
        fail
    });
    assert_eq!(error.unwrap_err().to_string(), "cannot write the copy");
}

/// Any block of a pcapng.
fn any_block() -> impl Strategy<Value = (u32, Vec<u8>)> {
    let kind = prop_oneof![
        Just(1_u32),
        Just(2),
        Just(3),
        Just(4),
        Just(5),
        Just(6),
        Just(10),
        Just(0xbad),
        any::<u32>()
    ];
    (
        kind,
        prop::collection::vec(prop_oneof![Just(0), Just(1), any::<u8>()], 0..60),
    )
}

proptest! {
    #[test]
    fn any_blocks_keep_their_frames_and_give_a_file_that_reads_clean(
        big in any::<bool>(),
        given in prop::collection::vec(any_block(), 0..12),
        cut in 0_usize..40,
    ) {
        let order = if big { Order::Big } else { Order::Little };
        let mut ng = PcapNg::new(order);
        // A clock as fine as the other, for the packets that have no time.
        ng.interface(1, 3, &[(9, &[9])]).interface(2, 0, &[(9, &[9])]);
        for (kind, body) in &given {
            ng.block(*kind, |out| out.out.extend(body));
            ng.enhanced(1, 5, 4, b"pack", &[(COMMENT, b"theirs")]);
        }
        let bytes = &ng.bytes.out[..ng.bytes.out.len() - cut.min(ng.bytes.out.len() - 28)];
        for copy in [kept(bytes), numbered(bytes)] {
            prop_assert_eq!(frames(&copy), frames(bytes));
            let (again, told) = copied(&copy, &mut |_: &FrameView<'_>, _: &mut Edit| Ok(()));
            prop_assert_eq!(told.skipped, 0);
            prop_assert_eq!(told.cut_short, None);
            prop_assert_eq!(again, copy, "a copy's copy is the same");
        }
    }

    #[test]
    fn no_bytes_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..300), at in 0_usize..400, byte in any::<u8>()) {
        let mut ng = every_block(Order::Big).bytes.out;
        let len = ng.len();
        ng[at % len] = byte;
        for bytes in [&mut ng, &mut bytes] {
            let comment = |_: &FrameView<'_>, edit: &mut Edit| {
                edit.comment("x");
                Ok(())
            };
            let mut out = Vec::new();
            let slow = Slow::new(bytes, 7);
            let ends = copy(slow, "test", &Limits::default(), &mut out, &mut { comment });
            if ends.is_ok() {
                // Times that no clock can have are not kept to the nanosecond.
                let untimed = |line: &String| {
                    let mut words: Vec<_> = line.split(' ').map(str::to_owned).collect();
                    words.remove(1);
                    words
                };
                let frames = |bytes| frames(bytes).iter().map(untimed).collect::<Vec<_>>();
                prop_assert_eq!(frames(&out), frames(bytes));
            }
        }
    }
}
