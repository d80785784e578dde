//! Properties of the rooms' public interfaces, for any input.
//!
//! In: generated captures. Always: how a TCP stream is cut, ordered, repeated and overlapped does
//! not change its messages; no bytes make the reassembler or the framer panic or outgrow its caps.

use std::net::{IpAddr, Ipv4Addr};

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
