//! The stage's caps, gaps, and what it leaves alone.

use super::*;
use crate::limits::Limits;
use crate::stream::{Appetite, Chunk, Event, StreamId, no_origin};
use crate::units::{Endpoint, Flow, Transport};
use std::net::{IpAddr, Ipv4Addr};

const SWITCHING: &[u8] = b"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\n\r\n";

struct Bench {
    stage: Websocket,
    /// Messages, and `chunk` with the bytes of chunks.
    out: Vec<String>,
    defects: Vec<&'static str>,
}

impl Bench {
    fn new(limits: &Limits) -> Self {
        Self {
            stage: Websocket::new(|bytes| bytes.starts_with(b"SIP/2.0 "), limits),
            out: Vec::new(),
            defects: Vec::new(),
        }
    }

    fn push(&mut self, stream: u64, event: Event<'_>) -> Appetite {
        let end = |port| Endpoint::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
        let chunk = Chunk {
            stream: StreamId(stream),
            flow: Flow {
                src: end(8080),
                dst: end(40_000),
                transport: Transport::Tcp,
            },
            origin: no_origin(),
            event,
        };
        let Self {
            stage,
            out,
            defects,
        } = self;
        stage.push(
            &chunk,
            &mut |item| match item {
                Item::Chunk(chunk) => {
                    out.push(format!("{:?}", chunk.event));
                    Appetite::Nothing
                }
                Item::Message(message) => {
                    assert_eq!(message.flow.transport, Transport::Ws);
                    out.push(String::from_utf8(message.payload.to_vec()).unwrap());
                    if message.payload.starts_with(b"SIP/2.0 ") {
                        Appetite::More
                    } else {
                        Appetite::Nothing
                    }
                }
            },
            &mut |defect| defects.push(defect.kind.name()),
        )
    }
}

fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![first];
    if payload.len() < 126 {
        out.push(u8::try_from(payload.len()).unwrap());
    } else if let Ok(len) = u16::try_from(payload.len()) {
        out.push(126);
        out.extend(len.to_be_bytes());
    } else {
        out.push(127);
        out.extend((payload.len() as u64).to_be_bytes());
    }
    out.extend(payload);
    out
}

#[test]
fn http_is_handed_on_whole() {
    let mut bench = Bench::new(&Limits::default());
    assert_eq!(bench.push(0, Event::Bytes(b"GET / HT")), Appetite::Maybe);
    assert_eq!(
        bench.push(0, Event::Bytes(b"TP/1.1\r\n\r\nabc")),
        Appetite::Nothing
    );
    assert_eq!(
        bench.out,
        [format!("{:?}", Event::Bytes(b"GET / HTTP/1.1\r\n\r\nabc"))]
    );
    assert_eq!(bench.stage.buffered_bytes(), 0);
}

#[test]
fn a_message_too_large_is_passed_over_and_the_next_is_read() {
    let limits = Limits {
        message_bytes: 1000,
        ..Limits::default()
    };
    let mut bench = Bench::new(&limits);
    let stream = [
        SWITCHING,
        &frame(0x81, &vec![b'x'; 70_000]),
        &frame(0x81, b"SIP/2.0 200 OK"),
    ]
    .concat();
    for part in stream.chunks(999) {
        bench.push(0, Event::Bytes(part));
        assert!(bench.stage.buffered_bytes() < 8000);
    }
    assert_eq!(bench.out, ["SIP/2.0 200 OK"]);
    assert_eq!(bench.defects, ["malformed"]);
}

#[test]
fn behind_a_gap_a_segment_that_begins_with_a_message_is_found() {
    let mut bench = Bench::new(&Limits::default());
    let message = frame(0x81, b"SIP/2.0 100 Trying");
    bench.push(0, Event::Bytes(&[SWITCHING, &message].concat()));
    assert_eq!(bench.push(0, Event::Gap(5)), Appetite::Nothing);
    bench.push(0, Event::Probe(b"\x81\x05Hello"));
    assert_eq!(bench.push(0, Event::Probe(&message)), Appetite::More);
    assert_eq!(bench.out.len(), 3);
    assert!(bench.out[1].contains("Probe"));
}

#[test]
fn what_is_no_frame_any_more_is_told_where_there_was_sip() {
    let mut bench = Bench::new(&Limits::default());
    let message = frame(0x81, b"SIP/2.0 100 Trying");
    bench.push(
        0,
        Event::Bytes(&[SWITCHING, &message, b"\xff\xff"].concat()),
    );
    bench.push(2, Event::Bytes(&[SWITCHING, b"\xff\xff"].concat()));
    assert_eq!(bench.defects, ["malformed"]);
    // A message inside a message, and the middle of none.
    for wrong in [[0x01, 0x81], [0x80, 0x81]] {
        let frames = wrong.map(|first| frame(first, b"a")).concat();
        assert_eq!(
            bench.push(4, Event::Bytes(&[SWITCHING, &frames].concat())),
            Appetite::Nothing
        );
    }
}

#[test]
fn many_unfinished_messages_stay_under_the_cap() {
    let limits = Limits {
        websocket_bytes: 50_000,
        ..Limits::default()
    };
    let mut bench = Bench::new(&limits);
    let whole = frame(0x81, b"SIP/2.0 100 Trying");
    let half = frame(0x01, &[b'x'; 3000]);
    for stream in 0..100 {
        bench.push(
            stream * 2,
            Event::Bytes(&[SWITCHING, &whole, &half].concat()),
        );
        assert!(bench.stage.buffered_bytes() <= limits.websocket_bytes);
    }
    assert!(bench.defects.contains(&"evicted"));
    bench.stage.finish();
    assert_eq!(bench.stage.buffered_bytes(), 0);
}

/// `payload` as the next message of a compressed connection.
fn compressed(compress: &mut flate2::Compress, payload: &[u8]) -> Vec<u8> {
    let mut packed = Vec::with_capacity(payload.len() + 100);
    compress
        .compress_vec(payload, &mut packed, flate2::FlushCompress::Sync)
        .unwrap();
    packed.truncate(packed.len() - 4);
    frame(0xc1, &packed)
}

#[test]
fn what_compression_refers_back_to_is_packed_before_it_is_given_up() {
    let limits = Limits {
        websocket_bytes: 400_000,
        ..Limits::default()
    };
    let mut bench = Bench::new(&limits);
    let text = |no: u64| format!("SIP/2.0 200 OK {no} {}", "Nothing to say.".repeat(300));
    let mut senders: Vec<_> = (0..200)
        .map(|_| flate2::Compress::new(flate2::Compression::best(), false))
        .collect();
    for round in 0..3 {
        for (stream, sender) in (0..).zip(&mut senders) {
            let message = compressed(sender, text(stream + round).as_bytes());
            let start = if round == 0 { SWITCHING } else { b"" };
            bench.push(stream * 2, Event::Bytes(&[start, &message].concat()));
            assert!(bench.stage.buffered_bytes() <= limits.websocket_bytes);
        }
    }
    let expected: Vec<_> = (0..3)
        .flat_map(|round| (0..200).map(move |stream| text(stream + round)))
        .collect();
    assert_eq!(bench.out, expected);
    assert_eq!(bench.defects, Vec::<&str>::new());
}

#[test]
fn what_compression_refers_back_to_is_given_up_before_the_connections() {
    let limits = Limits {
        websocket_bytes: 200_000,
        ..Limits::default()
    };
    let mut bench = Bench::new(&limits);
    // Digits that are all alike to a packer.
    let text = |no: u64| {
        let mut state = no + 1;
        let mut digits = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            format!("{state:016x}")
        };
        let noise: String = (0..150).map(|_| digits()).collect();
        format!("SIP/2.0 200 OK {no} {noise}")
    };
    let mut senders: Vec<_> = (0..200)
        .map(|_| flate2::Compress::new(flate2::Compression::best(), false))
        .collect();
    for (stream, sender) in (0..).zip(&mut senders) {
        let message = compressed(sender, text(stream).as_bytes());
        bench.push(stream * 2, Event::Bytes(&[SWITCHING, &message].concat()));
        assert!(bench.stage.buffered_bytes() <= limits.websocket_bytes);
    }
    assert_eq!(bench.out.len(), 200);
    assert!(bench.defects.iter().all(|kind| *kind == "evicted"));
    assert!(!bench.defects.is_empty());
    // The first have lost what they refer back to, the last have not; both go on being read.
    for stream in [0, 199] {
        let sender = &mut senders[usize::try_from(stream).unwrap()];
        let message = compressed(sender, text(stream).as_bytes());
        bench.push(stream * 2, Event::Bytes(&message));
        bench.push(
            stream * 2,
            Event::Bytes(&frame(0x81, b"SIP/2.0 480 in clear")),
        );
    }
    assert_eq!(
        bench.out[200..],
        ["SIP/2.0 480 in clear", &text(199), "SIP/2.0 480 in clear"]
    );
    let told = bench.defects.iter().filter(|kind| **kind != "evicted");
    assert_eq!(told.collect::<Vec<_>>(), [&"malformed"]);
}
