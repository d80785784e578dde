//! Properties of the rooms' public interfaces and of the whole program, for any input.
//!
//! In: generated captures. Always: how a TCP stream is cut, ordered, repeated and overlapped does
//! not change its messages; no bytes make the reassembler or the framer panic or outgrow its caps;
//! how a file is written, and in which portions it comes, does not change the report; a file may
//! end anywhere.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "the helpers of tests are outside `#[test]` functions, and may panic all the same"
)]

mod common;

use std::io::{self, Cursor, Read};
use std::net::{IpAddr, Ipv4Addr};

use common::ladder::Ladder;
use common::pcap::{self, Format, Order};
use common::run::Report;
use proptest::prelude::*;
use sipannotate::limits::Limits;
use sipannotate::packet::{Segment, TcpFlags};
use sipannotate::sip::framing::Framer;
use sipannotate::stream::Reassembler;
use sipannotate::units::{
    Endpoint, FileIndex, Flow, FrameNo, FrameRef, Origin, Span, Timestamp, Transport,
};

/// One segment to be captured: where it begins in the stream, and its bytes.
#[derive(Clone, Debug)]
struct Sent {
    seq: u32,
    flags: TcpFlags,
    bytes: Vec<u8>,
    wire_len: u32,
    from_client: bool,
    port: u16,
}

/// The stage pair under test, and the messages it gave.
struct Stages {
    reassembler: Reassembler,
    framer: Framer,
    messages: Vec<Vec<u8>>,
    frame: u64,
}

impl Stages {
    fn new(limits: &Limits) -> Self {
        Self {
            reassembler: Reassembler::new(limits),
            framer: Framer::new(limits),
            messages: Vec::new(),
            frame: 0,
        }
    }

    fn push(&mut self, sent: &Sent) {
        self.frame += 1;
        let addr = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let flow = Flow {
            src: Endpoint::new(addr, sent.port),
            dst: Endpoint::new(addr, 5060),
            transport: Transport::Tcp,
        };
        let segment = Segment {
            flow: if sent.from_client {
                flow
            } else {
                flow.reversed()
            },
            origin: Origin {
                at: FrameRef {
                    file: FileIndex(0),
                    no: FrameNo(self.frame),
                },
                time: Timestamp::default()
                    .plus(Span::from_millis(i64::try_from(self.frame).unwrap_or(0))),
                earlier: &[],
                interface: 0,
                ip_id: 0,
                ttl: 64,
                snapped: false,
                fragmented: false,
            },
            seq: sent.seq,
            ack: sent.seq.wrapping_mul(7),
            flags: sent.flags,
            payload: &sent.bytes,
            wire_len: sent.wire_len,
        };
        let Self {
            reassembler,
            framer,
            messages,
            ..
        } = self;
        reassembler.push(
            &segment,
            &mut |chunk| {
                framer.push(
                    &chunk,
                    &mut |message| {
                        assert!(message.head_len <= message.bytes.len());
                        messages.push(message.bytes.to_vec());
                    },
                    &mut |_| (),
                )
            },
            &mut |_| (),
        );
    }

    fn finish(mut self) -> Vec<Vec<u8>> {
        let Self {
            reassembler,
            framer,
            messages,
            ..
        } = &mut self;
        reassembler.finish(
            &mut |chunk| {
                framer.push(
                    &chunk,
                    &mut |message| messages.push(message.bytes.to_vec()),
                    &mut |_| (),
                )
            },
            &mut |_| (),
        );
        framer.finish(
            &mut |message| messages.push(message.bytes.to_vec()),
            &mut |_| (),
        );
        assert_eq!(self.reassembler.waiting_bytes(), 0);
        assert_eq!(self.framer.buffered_bytes(), 0);
        self.messages
    }
}

/// Messages of a stream; a body may look like anything.
fn messages() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let body = prop_oneof![
        Just(Vec::new()),
        prop::collection::vec(any::<u8>(), 0..200),
        Just(b"SIP/2.0 200 OK\r\nl: 5\r\n\r\n".to_vec()),
        Just(b"\r\n\r\n\r\n".to_vec()),
    ];
    let message = (0..4_u8, body).prop_map(|(kind, body)| {
        let start = match kind {
            0 => "INVITE sip:a@b SIP/2.0",
            1 => "SIP/2.0 200 OK",
            2 => "BYE  <sip:a@b>  SIP/2.0",
            _ => "X-ODD tel:+1 SIP/2.0",
        };
        let mut bytes = format!(
            "{start}\r\nVia: a\r\ni: b\r\nCSeq: 1 X\r\nf: c\r\nL\r\n :\t{}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        bytes.extend(body);
        bytes
    });
    prop::collection::vec(message, 1..6)
}

/// Every byte of `stream` in segments of any size, in any order within a window of `window`
/// segments, with repetitions that may begin earlier and end later.
fn segments(stream: &[u8], isn: u32, cuts: &[(usize, u8)], window: usize) -> Vec<Sent> {
    let mut sent = Vec::new();
    let mut at = 0;
    let mut cuts = cuts.iter().cycle();
    while at < stream.len() {
        let (size, odd) = *cuts.next().unwrap_or(&(50, 0));
        let end = (at + size.max(1)).min(stream.len());
        let from = if odd % 4 == 1 {
            at.saturating_sub(30)
        } else {
            at
        };
        let to = if odd % 4 == 2 {
            (end + 20).min(stream.len())
        } else {
            end
        };
        let segment = Sent {
            seq: isn
                .wrapping_add(1)
                .wrapping_add(u32::try_from(from).unwrap_or(0)),
            flags: TcpFlags::default(),
            bytes: stream.get(from..to).unwrap_or_default().to_vec(),
            wire_len: u32::try_from(to - from).unwrap_or(0),
            from_client: true,
            port: 4000,
        };
        if odd % 4 == 3 {
            sent.push((sent.len() + usize::from(odd) % 3, segment.clone()));
        }
        sent.push((sent.len() + usize::from(odd / 8) % window, segment));
        at = end;
    }
    sent.sort_by_key(|(place, _)| *place);
    sent.into_iter().map(|(_, segment)| segment).collect()
}

fn syn(isn: u32) -> Sent {
    Sent {
        seq: isn,
        flags: TcpFlags {
            syn: true,
            ..TcpFlags::default()
        },
        bytes: Vec::new(),
        wire_len: 0,
        from_client: true,
        port: 4000,
    }
}

fn run(sent: &[Sent]) -> Vec<Vec<u8>> {
    let mut stages = Stages::new(&Limits::default());
    for segment in sent {
        stages.push(segment);
    }
    stages.finish()
}

proptest! {
    #[test]
    fn any_cut_order_and_repetition_of_a_stream_gives_the_same_messages(
        messages in messages(),
        isn in prop_oneof![any::<u32>(), (u32::MAX - 300)..=u32::MAX],
        cuts in prop::collection::vec((1..300_usize, any::<u8>()), 1..40),
        window in 1..8_usize,
    ) {
        let mut sent = vec![syn(isn)];
        sent.extend(segments(&messages.concat(), isn, &cuts, window));
        prop_assert_eq!(run(&sent), messages);
    }

    #[test]
    fn without_syn_any_cut_and_repetition_gives_the_same_messages(
        messages in messages(),
        isn in prop_oneof![any::<u32>(), (u32::MAX - 300)..=u32::MAX],
        cuts in prop::collection::vec((1..300_usize, any::<u8>()), 1..40),
    ) {
        let sent = segments(&messages.concat(), isn, &cuts, 1);
        prop_assert_eq!(run(&sent), messages);
    }

    #[test]
    fn without_syn_the_first_two_segments_may_be_swapped(
        isn in any::<u32>(),
        count in 1..6_usize,
        size in 30..400_usize,
    ) {
        let text = b"INFO sip:a@b SIP/2.0\r\nv: x\r\nf: y\r\nsubject: a long one\r\nl: 6\r\n\r\nbody\r\n";
        // The second segment begins within the first message, with bytes that are no start line.
        let size = size.min(text.len() - 8);
        let mut sent = segments(&text.repeat(count), isn, &[(size, 0)], 1);
        sent.swap(0, 1);
        prop_assert_eq!(run(&sent), vec![text.to_vec(); count]);
    }

    #[test]
    fn no_segments_make_the_stages_panic_or_outgrow_their_caps(
        soup in prop::collection::vec(
            (
                prop_oneof![any::<u32>(), 0..2000_u32],
                any::<u8>(),
                prop_oneof![
                    prop::collection::vec(any::<u8>(), 0..60),
                    Just(b"INVITE sip:a@b SIP/2.0\r\nl: 40\r\n\r\n".to_vec()),
                    Just(b"SIP/2.0 200 OK\r\n".to_vec()),
                    Just(b"l: -1\r\n\r\n".to_vec()),
                    Just(b"\r\n".to_vec()),
                ],
                0..100_u32,
                0..6_u16,
            ),
            0..200,
        ),
    ) {
        let limits = Limits {
            tcp_streams: 4,
            tcp_pending_bytes_per_direction: 600,
            tcp_pending_bytes: 1500,
            message_bytes: 300,
            unfinished_bytes: 900,
            sip_flows: 4,
            ..Limits::default()
        };
        let mut stages = Stages::new(&limits);
        for (seq, bits, bytes, more, port) in soup {
            let bit = |n: u8| bits >> n & 1 == 1;
            let wire_len = u32::try_from(bytes.len()).unwrap_or(0);
            stages.push(&Sent {
                seq,
                flags: TcpFlags {
                    syn: bit(0) && bit(1),
                    ack: bit(2),
                    fin: bit(3) && bit(4),
                    rst: bit(5) && bit(6) && bit(1),
                },
                bytes,
                wire_len: if bit(6) { wire_len + more } else { wire_len },
                from_client: bit(7),
                port: 4000 + port,
            });
            prop_assert!(stages.reassembler.waiting_bytes() <= limits.tcp_pending_bytes);
            prop_assert!(stages.framer.buffered_bytes() <= limits.unfinished_bytes);
        }
        stages.finish();
    }
}

/// A scene of some calls, good and bad ones, as a ladder.
fn scene() -> impl Strategy<Value = String> {
    let call = (0..7_u8, 0..40_000_u32, any::<bool>());
    prop::collection::vec(call, 1..8).prop_map(|calls| {
        let mut text = "host a 10.1.0.1:5060\nhost b 10.2.0.1:5060\n".to_owned();
        for (number, (kind, millis, tcp)) in calls.into_iter().enumerate() {
            let transport = if tcp { "tcp" } else { "" };
            let at = f64::from(millis) / 1000.0;
            text.extend([format!("call c{number} {transport} at {at}\n")]);
            text.push_str(" 0 a -> b INVITE\n 0.02 a <- b 100\n");
            text.push_str(match kind {
                0 => " 0.5 a <- b 438\n 0.51 a -> b ACK\n",
                1 => " 0.5 a <- b 486\n 0.51 a -> b ACK\n",
                2 => " 2 a <- b 200 as ok\n repeat ok fully\n 34 a <- b BYE\n 34.1 a -> b 200\n",
                3 => " 2 a <- b 200 as ok\n 2.1 a -> b ACK lost\n 4 a -> b BYE\n 4.1 a <- b 200\n",
                4 => " 1 a <- b 180 pad=2500 mtu=1400\n 2 a <- b 200\n 2.1 a -> b ACK\n",
                _ => " 2 a <- b 200\n 2.1 a -> b ACK\n 2.2 a -> b RTP count=20 every=0.02\n 9 a -> b BYE\n 9.1 a <- b 200\n",
            });
        }
        text.push_str("end 120\n");
        text
    })
}

/// A source that gives as many bytes a call as it was told, over and over.
struct Portions {
    bytes: Cursor<Vec<u8>>,
    sizes: Vec<usize>,
    calls: usize,
}

impl Read for Portions {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let size = self.sizes.get(self.calls % self.sizes.len()).copied();
        self.calls += 1;
        let size = size.unwrap_or(1).min(buf.len());
        self.bytes.read(buf.get_mut(..size).unwrap_or_default())
    }
}

/// The samples that are small enough to be read many times.
const SAMPLES: [&str; 6] = [
    "cooked.pcapng",
    "good-call.pcap",
    "missing-ack.pcap",
    "proxy-two-hops.pcap",
    "register-challenge.pcap",
    "tcp-odd-segments.pcap",
];

fn sample(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/samples/{name}", env!("CARGO_MANIFEST_DIR"))).expect("a sample")
}

/// Where the file's head, records or blocks end; the samples are little-endian.
fn borders(name: &str, bytes: &[u8]) -> Vec<usize> {
    let word = |at: usize| {
        let word = bytes.get(at..at + 4).expect("a whole sample");
        let word = word.try_into().expect("4 bytes");
        usize::try_from(u32::from_le_bytes(word)).expect("a length")
    };
    let ng = name.ends_with("ng");
    let mut borders = vec![if ng { word(4) } else { 24 }];
    while let Some(at) = borders.last().copied().filter(|at| *at < bytes.len()) {
        borders.push(at + if ng { word(at + 4) } else { 16 + word(at + 8) });
    }
    assert_eq!(borders.last(), Some(&bytes.len()), "{name} is whole");
    borders
}

/// A file that ends after `len` bytes is read to there, and the report says whether it was cut.
fn check_cut(name: &str, bytes: &[u8], borders: &[usize], len: usize) {
    let report = Report::of_bytes(bytes.get(..len).expect("within the file").to_vec());
    let head = *borders.first().expect("a head");
    if len < head {
        assert_eq!(report.failed.len(), 1, "{name}, {len} bytes: {report:?}");
        return;
    }
    assert_eq!(report.failed, [""; 0], "{name}, {len} bytes");
    let cut = !borders.contains(&len);
    assert_eq!(
        report.view["captures"][0]["cut_short"], cut,
        "{name}, {len} bytes"
    );
    let said = report.view["trust"]
        .as_array()
        .expect("trust")
        .iter()
        .any(|line| line["kind"] == "cut-short");
    assert_eq!(said, cut, "{name}, {len} bytes: {}", report.view["trust"]);
    // In a pcapng some blocks are no packets.
    let records = borders.iter().filter(|end| **end <= len).count() - 1;
    let packets = usize::try_from(report.total("packets")).expect("few");
    if name.ends_with("ng") {
        assert!(packets <= records, "{name}, {len} bytes");
    } else {
        assert_eq!(packets, records, "{name}, {len} bytes");
    }
}

#[test]
fn a_sample_cut_around_its_first_and_last_records_says_so() {
    for name in SAMPLES {
        let bytes = sample(name);
        let borders = borders(name, &bytes);
        let last = borders.len().saturating_sub(3);
        for border in borders.iter().take(3).chain(borders.iter().skip(last)) {
            for len in border.saturating_sub(2)..=(border + 2).min(bytes.len()) {
                check_cut(name, &bytes, &borders, len);
            }
        }
    }
}

proptest! {
    // Each case analyses a capture several times.
    #![proptest_config(common::cases::cases(48))]

    #[test]
    fn how_a_file_is_written_does_not_change_its_report(scene in scene()) {
        let ladder = Ladder::of(&scene);
        let write = |format, order, nanos| {
            let options = pcap::Options { format, order, nanos, ..ladder.options };
            Report::of_bytes(ladder.capture_as(&options)).without_captures()
        };
        let first = write(Format::Pcap, Order::Little, false);
        prop_assert!(first["view"]["totals"]["sip_messages"].as_u64() > Some(2));
        prop_assert_eq!(&first["failed"], &serde_json::json!([]));
        for format in [Format::Pcap, Format::Pcapng] {
            for order in [Order::Little, Order::Big] {
                for nanos in [false, true] {
                    prop_assert_eq!(&write(format, order, nanos), &first, "{:?} {:?} {}", format, order, nanos);
                }
            }
        }
    }

    #[test]
    fn the_portions_in_which_a_file_comes_do_not_change_its_report(
        name in prop::sample::select(&SAMPLES[..]),
        sizes in prop::collection::vec(1..8_usize, 1..9),
    ) {
        let bytes = sample(name);
        let whole = Report::of_bytes(bytes.clone());
        let portions = Portions { bytes: Cursor::new(bytes), sizes, calls: 0 };
        let read = Report::of("bytes", Box::new(portions));
        prop_assert_eq!(read.responses, whole.responses);
        prop_assert_eq!(read.view, whole.view);
        prop_assert_eq!(read.failed, whole.failed);
    }

    #[test]
    fn a_sample_cut_anywhere_is_read_to_there_and_says_so(
        name in prop::sample::select(&SAMPLES[..]),
        place in any::<prop::sample::Index>(),
    ) {
        let bytes = sample(name);
        check_cut(name, &bytes, &borders(name, &bytes), place.index(bytes.len()));
    }
}
