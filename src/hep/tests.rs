//! Cuts, gaps, damage and caps of agents' connections.

use super::{Hep, Item};
use crate::limits::Limits;
use crate::stream::{Appetite, Chunk, Event, StreamId, no_origin};
use crate::units::{Endpoint, Flow, FrameNo, Transport};
use std::net::{IpAddr, Ipv4Addr};

struct Bench {
    stage: Hep,
    /// Messages, and `chunk` with the bytes of chunks.
    out: Vec<String>,
    defects: Vec<&'static str>,
    frame: u64,
}

impl Bench {
    fn new(limits: &Limits) -> Self {
        Self {
            stage: Hep::new(limits),
            out: Vec::new(),
            defects: Vec::new(),
            frame: 0,
        }
    }

    fn push(&mut self, stream: u64, event: Event<'_>) -> Appetite {
        let end = |port| Endpoint::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
        self.frame += 1;
        let mut origin = no_origin();
        origin.at.no = FrameNo(self.frame);
        (origin.ip_id, origin.ttl) = (9, 64);
        let chunk = Chunk {
            stream: StreamId(stream),
            flow: Flow {
                src: end(40_000),
                dst: end(9060),
                transport: Transport::Tcp,
            },
            origin,
            event,
        };
        let Self {
            stage,
            out,
            defects,
            ..
        } = self;
        stage.push(
            &chunk,
            &mut |item| match item {
                Item::Chunk(chunk) => {
                    out.push(format!("chunk {:?}", chunk.event));
                    Appetite::Nothing
                }
                Item::Message(message) => {
                    assert!(message.origin.is_relayed());
                    assert_eq!(message.flow.src.port, 5062);
                    let frames = message.origin.earlier.iter().chain([&message.origin.at]);
                    let frames: Vec<u64> = frames.map(|frame| frame.no.0).collect();
                    let payload = String::from_utf8_lossy(message.payload);
                    out.push(format!("{payload} {frames:?}"));
                    Appetite::More
                }
            },
            &mut |defect| defects.push(defect.detail),
        )
    }
}

fn chunk(kind: u8, value: &[u8]) -> Vec<u8> {
    let len = u16::try_from(6 + value.len()).unwrap().to_be_bytes();
    [&[0, 0, 0, kind][..], &len, value].concat()
}

/// A packet that mirrors `payload` from 10.0.0.1:5062.
fn packet(payload: &str) -> Vec<u8> {
    let chunks = [
        chunk(3, &[10, 0, 0, 1]),
        chunk(4, &[10, 0, 0, 2]),
        chunk(7, &5062_u16.to_be_bytes()),
        chunk(8, &5060_u16.to_be_bytes()),
        chunk(9, &[0x60, 0, 0, 0]),
        chunk(15, payload.as_bytes()),
    ]
    .concat();
    let total = u16::try_from(6 + chunks.len()).unwrap().to_be_bytes();
    [&b"HEP3"[..], &total, &chunks].concat()
}

#[test]
fn every_cut_gives_the_messages_with_their_frames() {
    let stream = [packet("one"), packet("two")].concat();
    for size in 1..=stream.len() {
        let mut bench = Bench::new(&Limits::default());
        for piece in stream.chunks(size) {
            bench.push(0, Event::Bytes(piece));
        }
        let half = stream.len() / 2;
        let frames = |from: usize, to: usize| -> Vec<usize> {
            let all = from / size + 1..=(to - 1) / size + 1;
            // The last one, and at most 64 before it.
            let last = *all.end();
            all.take(64)
                .filter(|no| *no != last)
                .chain([last])
                .collect()
        };
        let expected = [
            format!("one {:?}", frames(0, half)),
            format!("two {:?}", frames(half, stream.len())),
        ];
        assert_eq!(bench.out, expected, "{size}");
        assert_eq!(bench.defects, Vec::<&str>::new());
        bench.push(0, Event::End);
        assert_eq!(bench.stage.buffered_bytes(), 0);
    }
}

#[test]
fn what_only_begins_like_a_packet_is_handed_on_whole() {
    let mut bench = Bench::new(&Limits::default());
    assert_eq!(bench.push(0, Event::Bytes(b"H")), Appetite::Maybe);
    assert_eq!(bench.push(0, Event::Bytes(b"EL")), Appetite::Nothing);
    assert_eq!(bench.out, [format!("chunk {:?}", Event::Bytes(b"HEL"))]);
    assert_eq!(bench.stage.buffered_bytes(), 0);
}

#[test]
fn behind_a_gap_and_behind_damage_the_next_packet_is_read() {
    let (one, two, three) = (packet("one"), packet("two"), packet("three"));
    let mut bench = Bench::new(&Limits::default());
    bench.push(0, Event::Bytes(&one[..20]));
    assert_eq!(bench.push(0, Event::Gap(9)), Appetite::More);
    // The end of a packet, with letters of the magic in it.
    let rest = [&one[30..], b"HEP", b"HEP3\0\x06\0\0\0\0\0\0", &two].concat();
    for piece in rest.chunks(7) {
        bench.push(0, Event::Bytes(piece));
    }
    assert_eq!(bench.out.len(), 1);
    assert!(bench.out[0].starts_with("two "));
    assert_eq!(bench.defects, Vec::<&str>::new());
    let rest = [b"HEP2 or what", &three[..]].concat();
    for piece in rest.chunks(5) {
        bench.push(0, Event::Bytes(piece));
    }
    assert!(bench.out[1].starts_with("three "));
    assert_eq!(bench.defects, [super::stage::LOST]);
}

#[test]
fn many_unfinished_packets_stay_under_the_cap() {
    let limits = Limits {
        hep_bytes: 20_000,
        ..Limits::default()
    };
    let mut bench = Bench::new(&limits);
    let long = packet(&"x".repeat(2000));
    for stream in 0..100 {
        bench.push(stream * 2, Event::Bytes(&long[..1500]));
        assert!(bench.stage.buffered_bytes() <= limits.hep_bytes);
    }
    assert!(!bench.defects.is_empty());
    // The last connections go on.
    bench.push(198, Event::Bytes(&long[1500..]));
    assert_eq!(bench.out.len(), 1);
    bench.stage.finish();
    assert_eq!(bench.stage.buffered_bytes(), 0);
}
