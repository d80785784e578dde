//! What a packet costs: media and other traffic that is not SIP allocates nothing, and a SIP
//! message only what has to be remembered of it.
//!
//! In: captures made of nothing. Measured is what the running thread allocates, in the stages as
//! the pipeline wires them and in the pipeline itself. A measure that counts nothing at all would
//! be believed too easily: a test makes sure that it counts.

#![expect(
    clippy::expect_used,
    reason = "the helpers of tests are outside `#[test]` functions, and may panic all the same"
)]

mod common;

use std::io::Cursor;
use std::net::{Ipv4Addr, SocketAddr};

use allocation_counter::measure;
use common::ladder::Ladder;
use common::pcap::{self, IpFields, Link, Order, Record, flag};
use sipannotate::capture::{Frame, LinkType};
use sipannotate::limits::Limits;
use sipannotate::packet::{Decoder, Packet};
use sipannotate::pipeline::{self, Input, Options};
use sipannotate::sip::framing::Framer;
use sipannotate::stream::Reassembler;
use sipannotate::units::{FileIndex, FrameNo, FrameRef, Span, Timestamp};

/// Packets of each kind that are measured.
const PACKETS: u16 = 1000;

/// Packets before the measure begins: tables get their size, and the stream is told to be no SIP.
const WARM_UP: u16 = 50;

/// Allocations that an OPTIONS and its 200 with a new Call-ID may cost: 11 were measured, which are
/// what the call keeps of them and what the rules keep of the pair of hosts.
const PER_CALL_ID: u64 = 14;

/// Bytes that an answered call without an ACK may take while it is open, its response and its
/// place in a finding included: 2406 were measured.
const PER_OPEN_CALL: u64 = 3000;

/// One in so many of what the program sets aside: with all of it a flood takes a minute to be read.
const SCALE: usize = 8;

/// Clients that register in a flood: a few more than the rules watch then.
const CLIENTS: u32 = 4000;

/// Bytes in use at the most while they do: 6,864,955 were measured.
const FLOOD: u64 = 7_500_000;

/// The stages up to SIP, wired as the pipeline does.
struct Stages {
    decoder: Decoder,
    reassembler: Reassembler,
    framer: Framer,
    frames: u64,
    packets: u64,
    messages: u64,
    defects: u64,
}

impl Stages {
    fn new() -> Self {
        let limits = Limits::default();
        Self {
            decoder: Decoder::new(&limits),
            reassembler: Reassembler::new(&limits),
            framer: Framer::new(&limits),
            frames: 0,
            packets: 0,
            messages: 0,
            defects: 0,
        }
    }

    fn push(&mut self, bytes: &[u8]) {
        self.frames += 1;
        let millis = i64::try_from(self.frames).expect("few frames") * 20;
        let frame = Frame {
            at: FrameRef {
                file: FileIndex(0),
                no: FrameNo(self.frames),
            },
            time: Timestamp::default().plus(Span::from_millis(millis)),
            link: LinkType(1),
            interface: 0,
            captured: bytes,
            orig_len: u32::try_from(bytes.len()).expect("a frame"),
        };
        let Self {
            decoder,
            reassembler,
            framer,
            packets,
            messages,
            defects,
            ..
        } = self;
        let defects = std::cell::Cell::from_mut(defects);
        let defect = |_| defects.set(defects.get() + 1);
        decoder.push(
            &frame,
            &mut |packet| {
                *packets += 1;
                match packet {
                    Packet::Datagram(datagram) | Packet::Message(datagram) => {
                        framer.datagram(&datagram, &mut |_| *messages += 1, &mut { defect });
                    }
                    Packet::Segment(segment) => reassembler.push(
                        &segment,
                        &mut |chunk| framer.push(&chunk, &mut |_| *messages += 1, &mut { defect }),
                        &mut { defect },
                    ),
                    Packet::IcmpError(_) | Packet::Sctp(_) => {}
                }
            },
            &mut { defect },
        );
    }
}

fn socket(text: &str) -> SocketAddr {
    text.parse().expect("a socket")
}

/// An Ethernet frame of IP.
fn frame(src: SocketAddr, dst: SocketAddr, protocol: u8, id: u16, payload: &[u8]) -> Vec<u8> {
    let fields = IpFields { id, ttl: 64 };
    let packet = pcap::ip(src.ip(), dst.ip(), protocol, fields, payload);
    pcap::frame(&packet, Link::Ethernet, &[], Order::Little)
}

/// Frame `n` of an RTP stream: G.711, 20 ms a packet.
fn rtp(n: u16) -> Vec<u8> {
    let (src, dst) = (socket("10.1.0.1:16384"), socket("10.2.0.1:24576"));
    let mut payload = vec![0x80, 8];
    payload.extend(n.to_be_bytes());
    payload.extend((u32::from(n) * 160).to_be_bytes());
    payload.extend([1, 2, 3, 4]);
    payload.extend([0xd5; 160]);
    frame(src, dst, pcap::UDP, n, &pcap::udp(src, dst, &payload))
}

/// The frames of an HTTP connection: its opening, a request, and a long answer in order.
fn http(segments: u16) -> Vec<Vec<u8>> {
    const SIZE: u32 = 1000;
    let (client, server) = (socket("10.1.0.1:40000"), socket("10.2.0.1:80"));
    let request = b"GET /a/long/way HTTP/1.1\r\nHost: example.net\r\n\r\n";
    let asked = 1001 + u32::try_from(request.len()).expect("short");
    let up = |seq, ack, flags, bytes: &[u8]| {
        let segment = pcap::tcp(client, server, seq, ack, flags, bytes);
        frame(client, server, pcap::TCP, 1, &segment)
    };
    let down = |seq, ack, flags, bytes: &[u8]| {
        let segment = pcap::tcp(server, client, seq, ack, flags, bytes);
        frame(server, client, pcap::TCP, 1, &segment)
    };
    let mut frames = vec![
        up(1000, 0, flag::SYN, b""),
        down(5000, 1001, flag::SYN | flag::ACK, b""),
        up(1001, 5001, flag::ACK, b""),
        up(1001, 5001, flag::ACK | flag::PSH, request),
    ];
    let mut text = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n".to_vec();
    text.resize(usize::try_from(SIZE).expect("small"), b'.');
    for n in 0..segments {
        let seq = 5001 + u32::from(n) * SIZE;
        frames.push(down(seq, asked, flag::ACK, &text));
        text.fill(b'x');
        if n % 2 == 1 {
            frames.push(up(asked, seq + SIZE, flag::ACK, b""));
        }
    }
    frames
}

/// Pushes `frames`, the first `warm_up` of them unmeasured; gives the allocations of the others.
fn cost(frames: &[Vec<u8>], warm_up: u16) -> u64 {
    let mut stages = Stages::new();
    let (first, measured) = frames.split_at(usize::from(warm_up));
    for frame in first {
        stages.push(frame);
    }
    let info = measure(|| {
        for frame in measured {
            stages.push(frame);
        }
    });
    let all = u64::try_from(frames.len()).expect("few frames");
    assert_eq!(
        (stages.packets, stages.messages, stages.defects),
        (all, 0, 0),
        "every frame is a packet, and none is SIP"
    );
    info.count_total
}

/// Allocations of the whole pipeline on the capture of `ladder`, and the responses it gave.
fn pipeline_cost(ladder: &str) -> (u64, u64) {
    let bytes = Ladder::of(ladder).capture();
    // The first run of a process also loads the catalogue.
    run(bytes.clone());
    let mut responses = 0;
    let info = measure(|| responses = run(bytes));
    (info.count_total, responses)
}

/// Analyses a capture; gives the number of its responses.
fn run(capture: Vec<u8>) -> u64 {
    run_with(capture, &Options::default())
}

fn run_with(capture: Vec<u8>, options: &Options) -> u64 {
    let input = Input {
        path: "ladder".to_owned(),
        source: sipannotate::capture::Source::Stream(Box::new(Cursor::new(capture))),
    };
    let mut responses = 0;
    let outcome = pipeline::analyse(vec![input], options, &mut |_| {
        responses += 1;
        Ok(())
    })
    .expect("nothing is written");
    assert!(outcome.failed.is_empty());
    responses
}

#[test]
fn the_measure_sees_an_allocation() {
    let info = measure(|| drop(std::hint::black_box(vec![1_u8])));
    assert_eq!(info.count_total, 1);
}

#[test]
fn a_media_packet_allocates_nothing() {
    let frames: Vec<_> = (0..WARM_UP + PACKETS).map(rtp).collect();
    assert_eq!(cost(&frames, WARM_UP), 0);
}

#[test]
fn a_segment_of_a_stream_without_sip_allocates_nothing() {
    assert_eq!(cost(&http(WARM_UP + PACKETS), WARM_UP), 0);
}

#[test]
fn ten_times_the_media_of_a_call_costs_no_allocation_more() {
    let call = |packets: u32| {
        format!(
            "host a 10.1.0.1:5060\nhost b 10.2.0.1:5060\ncall c\n 0 a -> b INVITE\n 1 a <- b 200\n \
             1.1 a -> b ACK\n 2 a -> b RTP count={packets} every=0.002\n 30 a -> b BYE\n +0.01 a <- b 200\n"
        )
    };
    let (few, responses) = pipeline_cost(&call(1000));
    assert_eq!(responses, 2);
    assert_eq!(pipeline_cost(&call(10_000)), (few, 2));
}

#[test]
fn an_exchange_with_a_new_call_id_costs_a_bounded_number_of_allocations() {
    let exchanges = |count: u64| {
        format!(
            "host a 10.1.0.1:5060\nhost b 10.2.0.1:5060\ncall o times {count} every 1\n \
             0 a -> b OPTIONS\n 0.01 a <- b 200\n"
        )
    };
    let (once, responses) = pipeline_cost(&exchanges(500));
    assert_eq!(responses, 500);
    let (twice, _) = pipeline_cost(&exchanges(1000));
    let each = (twice - once).div_ceil(500);
    assert!(each <= PER_CALL_ID, "{each} allocations an exchange");
}

#[test]
fn a_message_that_is_sent_again_allocates_nothing() {
    let repeated = |count: u32| {
        let offsets: Vec<String> = (1..=count)
            // All in one second: where time passes, what is due is sorted anew.
            .map(|n| format!("{:.3}", 0.1 + f64::from(n) / 1000.0))
            .collect();
        format!(
            "host a 10.1.0.1:5060\nhost b 10.2.0.1:5060\ncall o\n 0 a -> b OPTIONS as ask\n \
             0.01 a <- b 200 as ok\n repeat ask {0}\n repeat ok {0}\n",
            offsets.join(" ")
        )
    };
    let (few, responses) = pipeline_cost(&repeated(50));
    assert_eq!(responses, 51);
    assert_eq!(pipeline_cost(&repeated(500)), (few, 501));
}

/// Bytes in use at the most while a capture of `count` calls without an ACK is read.
fn most_bytes(count: u32) -> u64 {
    let ladder = format!(
        "host a 10.1.0.1:5060\nhost b 10.2.0.1:5060\ncall o times {count} every 0.01\n \
         0 a -> b INVITE\n 0.01 a <- b 200\n"
    );
    let bytes = Ladder::of(&ladder).capture();
    run(bytes.clone());
    let mut responses = 0;
    let info = measure(|| responses = run(bytes));
    assert_eq!(responses, u64::from(count));
    info.bytes_max
}

#[test]
fn an_open_call_takes_a_bounded_number_of_bytes() {
    // Tables grow by doubling, at the same sizes in both.
    let each = (most_bytes(4096) - most_bytes(2048)) / 2048;
    assert!(each <= PER_OPEN_CALL, "{each} bytes a call");
}

/// A capture of as many clients that register once and are granted an hour, a millisecond apart.
fn registrations() -> Vec<u8> {
    let registrar = socket("10.2.0.1:5060");
    let mut records = Vec::new();
    for n in 0..CLIENTS {
        let client = SocketAddr::new(Ipv4Addr::from((11 << 24) + n).into(), 5060);
        let fields = |tag: &str| {
            format!(
                "Via: SIP/2.0/UDP {client};branch=z9hG4bK{n}\r\nMax-Forwards: 70\r\n\
                 From: <sip:+4930{n:08}@carrier.example.net>;tag=f{n}\r\n\
                 To: <sip:+4930{n:08}@carrier.example.net>{tag}\r\n\
                 Call-ID: {n:010}-5f3a-4c11@{client}\r\nCSeq: 1 REGISTER\r\n\
                 Contact: <sip:u{n}@{client}>;expires=3600\r\nContent-Length: 0\r\n\r\n"
            )
        };
        let ask = format!("REGISTER sip:carrier.example.net SIP/2.0\r\n{}", fields(""));
        let grant = format!("SIP/2.0 200 OK\r\n{}", fields(";tag=x"));
        let time_ns = 1_700_000_000_000_000_000 + u64::from(n) * 1_000_000;
        for (src, dst, text) in [(client, registrar, ask), (registrar, client, grant)] {
            let datagram = pcap::udp(src, dst, text.as_bytes());
            let bytes = frame(src, dst, pcap::UDP, 1, &datagram);
            records.push(Record { time_ns, bytes });
        }
    }
    pcap::write(&records, &pcap::Options::default())
}

/// The caps that a flood of registrations meets, all by the same scale.
fn scaled() -> Limits {
    let all = Limits::default();
    Limits {
        calls: all.calls / SCALE,
        calls_bytes: all.calls_bytes / SCALE,
        counted_calls: all.counted_calls / SCALE,
        pending_responses: all.pending_responses / SCALE,
        pending_text_bytes: all.pending_text_bytes / SCALE,
        burst_events: all.burst_events / SCALE,
        measured_attempts: all.measured_attempts / SCALE,
        host_pairs: all.host_pairs / SCALE,
        watched_pairs: all.watched_pairs / SCALE,
        waiting_events: all.waiting_events / SCALE,
        registrations: all.registrations / SCALE,
        ..all
    }
}

#[test]
fn a_flood_takes_no_more_memory_than_is_set_aside() {
    let bytes = registrations();
    let options = Options {
        limits: scaled(),
        ..Options::default()
    };
    let mut responses = 0;
    let info = measure(|| responses = run_with(bytes, &options));
    assert_eq!(responses, u64::from(CLIENTS));
    assert!(info.bytes_max <= FLOOD, "{} bytes", info.bytes_max);
}
