//! What comparing two captures claims, on sightings written here.

use super::*;
use crate::units::{Endpoint, Transport};

fn flow() -> Flow {
    let socket = |port| Endpoint::new([10, 0, 0, 1].into(), port);
    Flow {
        src: socket(1),
        dst: socket(2),
        transport: Transport::Udp,
    }
}

/// A sighting: file, millisecond, Identification, message.
type Sighting = (u16, i64, u16, u8);

/// Whether each sighting is a copy, as `1`s and `0`s; and what is told of clocks.
fn check(sightings: &[Sighting], copies: &str, clocks: &[(&str, u64, u64)]) {
    let mut taps = Taps::new(&Limits::default());
    taps.overlap();
    let mut found = String::new();
    for (frame, &(file, millis, ip_id, message)) in (1..).zip(sightings) {
        let origin = Origin {
            at: FrameRef {
                file: FileIndex(file),
                no: FrameNo(frame),
            },
            time: Timestamp::default().plus(Span::from_millis(millis)),
            earlier: &[],
            interface: 0,
            ip_id,
            ttl: 64,
            snapped: false,
            fragmented: false,
        };
        let copy = taps.datagram(&flow(), &origin, &[b'm', message]);
        found.push(if copy { '1' } else { '0' });
    }
    assert_eq!(found, copies);
    let mut told = Vec::new();
    taps.finish(&mut |defect| {
        let side = if defect.detail.contains(" ahead ") {
            "ahead"
        } else {
            "behind"
        };
        told.push((side, defect.number.unwrap_or_default(), defect.count));
    });
    assert_eq!(told, clocks);
}

#[test]
fn copies_in_another_file_are_told_by_identification_and_the_offset_is_learned() {
    check(
        &[
            (0, 0, 7, 1),
            (1, 120, 7, 1),
            (0, 1000, 8, 2),
            (1, 1121, 8, 2),
            (0, 2000, 9, 3),
            (1, 2119, 9, 3),
        ],
        "010101",
        &[("ahead", 120, 3)],
    );
}

#[test]
fn without_identification_a_retransmission_is_not_a_copy() {
    // Each message is sent twice, 500 ms apart, and both taps see all of it, 120 ms apart.
    let mut sightings = Vec::new();
    for message in 0..4 {
        let at = i64::from(message) * 10_000;
        sightings.extend([
            (0, at, 0, message),
            (1, at + 120, 0, message),
            (0, at + 500, 0, message),
            (1, at + 620, 0, message),
        ]);
    }
    // While the clocks are not known yet, 380 ms from the other tap's first look like a copy.
    check(&sightings, "0111011101010101", &[("ahead", 120, 4)]);
}

#[test]
fn a_clock_that_is_behind_is_told_so() {
    let sightings: Vec<_> = (0..4_u8)
        .flat_map(|n| {
            let at = i64::from(n) * 10_000;
            [(1, at, 7, n), (0, at + 3000, 7, n)]
        })
        .collect();
    check(&sightings, "01010101", &[("behind", 3000, 4)]);
}

#[test]
fn clocks_that_agree_are_not_told() {
    let sightings: Vec<_> = (0..4_u8)
        .flat_map(|n| {
            let at = i64::from(n) * 10_000;
            [(0, at, 7, n), (1, at + 1, 7, n)]
        })
        .collect();
    check(&sightings, "01010101", &[]);
}

#[test]
fn two_common_packets_are_not_enough() {
    check(
        &[
            (0, 0, 7, 1),
            (1, 900, 7, 1),
            (0, 1000, 8, 2),
            (1, 1900, 8, 2),
        ],
        "0101",
        &[],
    );
}

#[test]
fn a_retransmission_in_the_next_file_of_a_ring_is_none() {
    check(&[(0, 0, 0, 1), (1, 500, 0, 1), (1, 1500, 0, 1)], "000", &[]);
}

#[test]
fn once_the_clocks_are_known_only_what_fits_them_is_a_copy() {
    let mut sightings: Vec<Sighting> = Vec::new();
    for n in 0..3_u8 {
        let at = i64::from(n) * 1000;
        sightings.extend([(0, at, 7, n), (1, at + 200, 7, n)]);
    }
    sightings.extend([(0, 9000, 0, 9), (1, 9000, 0, 9), (1, 9200, 0, 9)]);
    check(&sightings, "010101001", &[("ahead", 200, 4)]);
}

#[test]
fn the_files_of_two_rings_are_one_offset() {
    let mut sightings: Vec<Sighting> = Vec::new();
    for pair in 0..3_u16 {
        for n in 0..3_u8 {
            let message = u8::try_from(pair).unwrap() * 10 + n;
            let at = i64::from(message) * 1000;
            let offset = 50 + i64::from(pair);
            sightings.extend([(pair, at, 7, message), (pair + 3, at + offset, 7, message)]);
        }
    }
    check(&sightings, &"01".repeat(9), &[("ahead", 50, 9)]);
}

#[test]
fn files_that_only_follow_each_other_have_no_copies() {
    let mut taps = Taps::new(&Limits::default());
    let mut origin = Origin {
        at: FrameRef::default(),
        time: Timestamp::default(),
        earlier: &[],
        interface: 0,
        ip_id: 7,
        ttl: 64,
        snapped: false,
        fragmented: false,
    };
    assert!(!taps.datagram(&flow(), &origin, b"m"));
    origin.at.file = FileIndex(1);
    assert!(!taps.datagram(&flow(), &origin, b"m"));
    taps.overlap();
    assert!(taps.datagram(&flow(), &origin, b"m"));
}

#[test]
fn a_tap_whose_files_go_on_from_each_other_has_no_copies_of_its_own() {
    let mut taps = Taps::new(&Limits::default());
    taps.overlap();
    taps.goes_on(FileIndex(1), FileIndex(0));
    let seen = |file: u16, millis: i64| Origin {
        at: FrameRef {
            file: FileIndex(file),
            no: FrameNo(1),
        },
        time: Timestamp::default().plus(Span::from_millis(millis)),
        earlier: &[],
        interface: 0,
        ip_id: 0,
        ttl: 64,
        snapped: false,
        fragmented: false,
    };
    let sightings = [(0, 0, false), (1, 300, false), (2, 301, true)];
    for (file, millis, is_copy) in sightings {
        let found = taps.datagram(&flow(), &seen(file, millis), b"m");
        assert_eq!(found, is_copy, "{file}");
    }
}

#[test]
fn what_is_known_beforehand_tells_copies_from_the_first_packet_on() {
    let mut taps = Taps::new(&Limits::default());
    taps.overlap();
    taps.know((FileIndex(0), FileIndex(1)), Span::from_millis(700));
    let mut origin = Origin {
        at: FrameRef::default(),
        time: Timestamp::default(),
        earlier: &[],
        interface: 0,
        ip_id: 0,
        ttl: 64,
        snapped: false,
        fragmented: false,
    };
    assert!(!taps.datagram(&flow(), &origin, b"m"));
    origin.at.file = FileIndex(1);
    origin.time = Timestamp::default().plus(Span::from_millis(710));
    assert!(taps.datagram(&flow(), &origin, b"m"));
}

#[test]
fn a_busy_trunk_is_compared_whole() {
    let mut taps = Taps::new(&Limits::default());
    taps.overlap();
    taps.know((FileIndex(0), FileIndex(1)), Span::from_millis(900));
    let seen = |file: u16, millis: i64, ip_id: u16| Origin {
        at: FrameRef {
            file: FileIndex(file),
            no: FrameNo(1),
        },
        time: Timestamp::default().plus(Span::from_millis(millis)),
        earlier: &[],
        interface: 0,
        ip_id,
        ttl: 64,
        snapped: false,
        fragmented: false,
    };
    // A message a millisecond.
    let mut copies = 0;
    for now in 0..20_000_u16 {
        let millis = i64::from(now);
        taps.datagram(&flow(), &seen(0, millis, now), &now.to_be_bytes());
        if let Some(then) = now.checked_sub(900) {
            let origin = seen(1, millis, then);
            copies += u32::from(taps.datagram(&flow(), &origin, &then.to_be_bytes()));
        }
    }
    assert_eq!(copies, 19_100);
}
