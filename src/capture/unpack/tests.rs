//! What unpacking claims, on captures packed here.

use std::io::Write as _;

use proptest::prelude::*;

use super::*;
use crate::capture::Error;
use crate::capture::first_bytes::Order;
use crate::capture::testing::{MICROS, Pcap, Slow};
use crate::capture::tests::read;

const ALL: [Compression; 5] = [
    Compression::Gzip,
    Compression::Zstd,
    Compression::Lz4,
    Compression::Xz,
    Compression::Bzip2,
];

fn pack(compression: Compression, bytes: &[u8]) -> Vec<u8> {
    match compression {
        Compression::Gzip => {
            let mut packer = flate2::write::GzEncoder::new(vec![], flate2::Compression::fast());
            packer.write_all(bytes).unwrap();
            packer.finish().unwrap()
        }
        Compression::Zstd => {
            ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
        }
        Compression::Lz4 => {
            let info = lz4_flex::frame::FrameInfo::new()
                .block_size(lz4_flex::frame::BlockSize::Max64KB)
                .content_checksum(true);
            let mut packer = lz4_flex::frame::FrameEncoder::with_frame_info(info, vec![]);
            packer.write_all(bytes).unwrap();
            packer.finish().unwrap()
        }
        Compression::Xz => {
            let options = lzma_rust2::XzOptions::with_preset(1);
            let mut packer = lzma_rust2::XzWriter::new(vec![], options).unwrap();
            packer.write_all(bytes).unwrap();
            packer.finish().unwrap()
        }
        Compression::Bzip2 => {
            let mut packer = bzip2::write::BzEncoder::new(vec![], bzip2::Compression::fast());
            packer.write_all(bytes).unwrap();
            packer.finish().unwrap()
        }
    }
}

/// A pcap of `frames` frames that compress badly enough to fill several blocks.
fn capture(frames: u32, frame_len: usize) -> Vec<u8> {
    let mut pcap = Pcap::new(MICROS, Order::Little, 1);
    let mut noise = 1_u32;
    for frame in 0..frames {
        let data: Vec<u8> = (0..frame_len)
            .map(|_| {
                noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                noise.to_be_bytes()[0] & 0x3f
            })
            .collect();
        pcap.record(1000 + frame, 0, u32::try_from(frame_len).unwrap(), &data);
    }
    pcap.bytes.out
}

#[test]
fn every_compression_gives_what_was_packed_whatever_the_reads() {
    let plain = capture(30, 5000);
    let (expected, summary) = read(plain.as_slice(), &Limits::default()).expect("a capture");
    for compression in ALL {
        let packed = pack(compression, &plain);
        assert_eq!(Compression::tell(&packed), Some(compression));
        for step in [1, 7, 1 << 20] {
            let (found, of_packed) =
                read(Slow::new(&packed, step), &Limits::default()).expect("a capture");
            assert!(found == expected, "{compression:?}");
            assert_eq!(of_packed.compression, Some(compression));
            assert_eq!(of_packed.bytes, summary.bytes);
            assert!(!of_packed.cut_short);
        }
    }
}

#[test]
fn parts_packed_one_by_one_are_one_capture() {
    let plain = capture(8, 1000);
    let (expected, _) = read(plain.as_slice(), &Limits::default()).expect("a capture");
    for compression in ALL {
        let packed: Vec<u8> = plain
            .chunks(2500)
            .flat_map(|part| pack(compression, part))
            .collect();
        let (found, summary) = read(packed.as_slice(), &Limits::default()).expect("a capture");
        assert!(found == expected, "{compression:?}");
        assert!(!summary.cut_short);
    }
}

#[test]
fn frames_that_zstd_skips_are_skipped() {
    let plain = capture(3, 100);
    let skipped = [0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3];
    let mut packed = skipped.to_vec();
    packed.extend(pack(Compression::Zstd, &plain));
    packed.extend(skipped);
    let (found, summary) = read(packed.as_slice(), &Limits::default()).expect("a capture");
    let (expected, _) = read(plain.as_slice(), &Limits::default()).expect("a capture");
    assert_eq!(found, expected);
    assert_eq!(summary.compression, Some(Compression::Zstd));
}

/// Checks that the frames of what is left are the first of the whole; says how many there are.
fn check_cut(compression: Compression, plain: &[u8], keep: usize, packed: &[u8]) -> usize {
    let (whole, _) = read(plain, &Limits::default()).expect("a capture");
    match read(&packed[..keep], &Limits::default()) {
        Ok((found, summary)) => {
            assert!(summary.cut_short, "{compression:?} {keep}");
            let (last, frames) = found.split_last().expect("the cut is told");
            assert!(
                last.starts_with("cut short at "),
                "{compression:?} {keep}: {last}"
            );
            assert!(frames == &whole[..frames.len()], "{compression:?} {keep}");
            frames.len()
        }
        Err(error) => {
            let is_cut = matches!(
                error,
                Error::HeaderCut { .. } | Error::NotACapture { .. } | Error::Empty { .. }
            );
            assert!(is_cut, "{compression:?} {keep}: {error}");
            0
        }
    }
}

#[test]
fn wherever_packed_data_are_cut_what_is_before_is_read_and_the_cut_is_told() {
    let plain = capture(6, 20);
    for compression in ALL {
        let packed = pack(compression, &plain);
        let mut most = 0;
        for keep in 0..packed.len() {
            let frames = check_cut(compression, &plain, keep, &packed);
            assert!(
                frames >= most,
                "{compression:?}: more bytes give more frames"
            );
            most = frames;
        }
        assert_eq!(
            most, 6,
            "{compression:?}: without the trailer all frames are there"
        );
    }
}

#[test]
fn a_cut_in_the_middle_loses_no_more_than_a_block() {
    let plain = capture(120, 5000);
    for compression in ALL {
        let packed = pack(compression, &plain);
        let frames = check_cut(compression, &plain, packed.len() / 2, &packed);
        // bzip2 packs 100,000 bytes or more at once.
        assert!((35..=62).contains(&frames), "{compression:?}: {frames}");
    }
}

#[test]
fn damage_keeps_its_cause_and_what_was_before_it() {
    let plain = capture(120, 5000);
    let (whole, _) = read(plain.as_slice(), &Limits::default()).expect("a capture");
    for compression in ALL {
        let mut packed = pack(compression, &plain);
        let middle = packed.len() / 2;
        for byte in &mut packed[middle..middle + 64] {
            *byte ^= 0x5a;
        }
        let mut reader = crate::capture::Reader::open(
            packed.as_slice(),
            "x.pcap",
            crate::units::FileIndex(0),
            &Limits::default(),
        )
        .expect("the beginning is sound");
        let mut frames = 0;
        let error = loop {
            match reader.next_frame() {
                Ok(crate::capture::Next::Frame(_)) => frames += 1,
                // Flipped bytes can be data to a decoder until it comes to a checksum.
                Ok(crate::capture::Next::End) => panic!("{compression:?}: damage unseen"),
                Ok(_) => {}
                Err(error) => break error,
            }
        };
        assert!(
            frames >= 30 && frames <= whole.len(),
            "{compression:?}: {frames}"
        );
        assert!(error.is_damage(), "{compression:?}: {error}");
        assert!(std::error::Error::source(&error).is_some());
        assert!(reader.summary().cut_short);
        assert!(error.to_string().contains(compression.name()));
    }
}

#[test]
fn an_unreadable_file_is_not_a_damaged_one() {
    let plain = capture(120, 5000);
    for compression in ALL {
        let packed = pack(compression, &plain);
        let mut source = Slow::new(&packed[..packed.len() / 2], 1000);
        source.fails = Some(io::ErrorKind::TimedOut);
        let error = read(source, &Limits::default()).expect_err("the disk is gone");
        assert!(
            matches!(error, Error::Read { .. }),
            "{compression:?}: {error}"
        );
    }
}

#[test]
fn packed_twice_is_refused_with_a_hint() {
    let plain = capture(1, 10);
    for outer in ALL {
        for inner in ALL {
            let packed = pack(outer, &pack(inner, &plain));
            let error = read(packed.as_slice(), &Limits::default()).expect_err("twice");
            let hint = error.hint().expect("a hint");
            assert!(hint.contains("packed twice"), "{hint}");
            assert!(hint.contains(outer.name()), "{hint}");
        }
    }
}

#[test]
fn a_window_beyond_the_cap_is_refused_before_it_is_allocated() {
    let limits = Limits {
        unpack_window_bytes: 4 << 10,
        ..Limits::default()
    };
    let plain = capture(100, 5000);
    for compression in [Compression::Zstd, Compression::Xz] {
        let packed = pack(compression, &plain);
        let error = read(packed.as_slice(), &limits).expect_err("too large");
        assert!(error.is_damage(), "{compression:?}: {error}");
    }
}

#[test]
fn a_little_that_unpacks_to_much_is_read_in_little_memory() {
    // Empty records of time 0 to the end.
    let mut plain = capture(1, 10);
    plain.resize(plain.len() + (1 << 20), 0);
    for compression in ALL {
        let packed = pack(compression, &plain);
        let (found, _) = read(packed.as_slice(), &Limits::default()).expect("a capture");
        assert_eq!(found.len(), 1 + (1 << 16), "{compression:?}");
        assert!(packed.len() < 60_000, "{compression:?}: {}", packed.len());
    }
}

proptest! {
    #[test]
    fn no_bytes_behind_a_magic_make_it_panic_or_hang(
        which in 0..ALL.len(),
        flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
        keep in any::<prop::sample::Index>(),
    ) {
        let mut packed = pack(ALL[which], &capture(4, 300));
        let len = keep.index(packed.len()) + 1;
        for (at, byte) in flips {
            let at = at.index(packed.len());
            if at >= 6 {
                packed[at] = byte;
            }
        }
        packed.truncate(len);
        // Either way is right, as long as it comes to an end.
        let done = read(packed.as_slice(), &Limits::default());
        prop_assert!(done.is_ok() || done.is_err());
    }
}
