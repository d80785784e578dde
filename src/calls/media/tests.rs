//! What counts as media of a call.

use super::*;
use crate::units::{FileIndex, Flow, FrameNo, FrameRef, Origin, Transport};

/// A header of G.711, and as many bytes of it.
const RTP: [u8; 172] = {
    let mut packet = [0; 172];
    packet[0] = 0x80;
    packet
};

/// 400 ms a frame: each has a tick of its own.
fn seen(frame: u64) -> Seen {
    let millis = i64::try_from(frame).expect("few frames") * 400;
    Seen {
        time: Timestamp::default().plus(Span::from_millis(millis)),
        at: FrameRef {
            file: FileIndex(0),
            no: FrameNo(frame),
        },
    }
}

fn socket(text: &str) -> Endpoint {
    let socket: std::net::SocketAddr = text.parse().expect("a socket");
    Endpoint::new(socket.ip(), socket.port())
}

const ALICE: &str = "10.1.0.1:40000";
const BOB: &str = "[2001:db8::2]:40002";

fn push(media: &mut Media, frame: u64, src: &str, dst: &str, payload: &[u8]) {
    push_at(media, seen(frame), src, dst, payload);
}

fn push_at(media: &mut Media, seen: Seen, src: &str, dst: &str, payload: &[u8]) {
    media.push(&Datagram {
        flow: Flow {
            src: socket(src),
            dst: socket(dst),
            transport: Transport::Udp,
        },
        origin: Origin {
            at: seen.at,
            time: seen.time,
            earlier: &[],
            interface: 0,
            ip_id: 0,
            ttl: 64,
            snapped: false,
            fragmented: false,
        },
        payload,
    });
}

/// Call `call` announces `at` in frame `frame`; who left for it, with the last frame received.
fn announce(
    media: &mut Media,
    frame: u64,
    at: &str,
    call: Slot,
    stays: bool,
) -> Vec<(Slot, Option<u64>)> {
    let mut left = Vec::new();
    media.announce(
        socket(at),
        call,
        seen(frame).time,
        |_, _| stays,
        |owner, traffic| left.push((owner, traffic.received.map(|span| span.last.seen().at.no.0))),
    );
    left
}

/// The last frames towards `at` and from it, 0 where there is none.
fn last(media: &Media, at: &str, call: Slot) -> Option<(u64, u64)> {
    let traffic = media.traffic(&socket(at), call)?;
    let last = |span: Option<Stretch>| span.map_or(0, |span| span.last.seen().at.no.0);
    Some((last(traffic.received), last(traffic.sent)))
}

#[test]
fn rtp_counts_where_it_goes_and_from_a_known_socket_to_an_unknown_one() {
    let mut media = Media::default();
    push(&mut media, 1, ALICE, BOB, &RTP);
    announce(&mut media, 2, BOB, 7, true);
    push(&mut media, 3, ALICE, BOB, &RTP);
    push(&mut media, 4, ALICE, BOB, &RTP);
    push(&mut media, 5, BOB, "203.0.113.9:61000", &RTP);
    push(&mut media, 6, "203.0.113.9:61000", ALICE, &RTP);
    assert_eq!(last(&media, BOB, 7), Some((4, 5)));
    assert_eq!(last(&media, ALICE, 7), None);
    let traffic = media.traffic(&socket(BOB), 7).expect("announced");
    let received = traffic.received.expect("two packets");
    assert_eq!(
        (received.first, received.last.seen()),
        (seen(3).time, seen(4))
    );
}

#[test]
fn the_first_packet_of_a_quarter_second_is_noted_in_each_direction() {
    let mut media = Media::default();
    announce(&mut media, 1, BOB, 1, true);
    push(&mut media, 2, ALICE, BOB, &RTP);
    for (frame, dst) in [(3, BOB), (4, "203.0.113.9:61000"), (5, BOB)] {
        let src = if dst == BOB { ALICE } else { BOB };
        let mut seen = seen(2);
        seen.at.no = FrameNo(frame);
        push_at(&mut media, seen, src, dst, &RTP);
    }
    assert_eq!(last(&media, BOB, 1), Some((2, 4)));
}

#[test]
fn streams_by_the_thousand_are_told_apart() {
    let mut recent = Recent::default();
    let flows: Vec<_> = (0..16_000_u16)
        .map(|n| {
            let [high, low] = n.to_be_bytes();
            let at = |net| Endpoint::new([net, 1, high, low].into(), 16_384 + 2 * (n % 8000));
            Flow {
                src: at(10),
                dst: at(11),
                transport: Transport::Udp,
            }
        })
        .collect();
    let mut round = |frame: u64| {
        let news = flows
            .iter()
            .filter(|flow| recent.is_new(flow, seen(frame).time));
        news.count()
    };
    assert_eq!(round(1), 16_000, "nothing is missed without room");
    assert_eq!(round(1), 16_000);
    recent.make_room();
    let mut round = |frame: u64| {
        let news = flows
            .iter()
            .filter(|flow| recent.is_new(flow, seen(frame).time));
        news.count()
    };
    for frame in 1..4 {
        let first = round(frame);
        assert!(first >= 15_990, "{first} of 16000 are new in a new tick");
        let again = round(frame);
        assert!(again < 1000, "{again} of 16000 are looked up again");
    }
}

#[test]
fn what_is_no_rtp_is_no_media() {
    let with = |first: u8, second: u8, len: usize| {
        let mut payload = vec![0; len];
        payload[0] = first;
        payload[1] = second;
        is_rtp(&payload)
    };
    assert!(with(0x80, 0, 12), "a header alone");
    assert!(with(0xb2, 0xe5, 20), "extension, sources, marker");
    assert!(!with(0x80, 0, 11), "too short");
    assert!(!with(0x82, 0, 19), "too short for its sources");
    for rtcp in 192..=223 {
        assert!(!with(0x81, rtcp, 100), "RTCP {rtcp}");
    }
    assert!(!with(0x00, 1, 20), "STUN");
    assert!(!with(0x16, 0xfe, 100), "DTLS");
    assert!(!with(0x40, 0, 100), "version 1");
    assert!(!is_rtp(b""));
}

#[test]
fn a_socket_taken_by_another_call_starts_anew() {
    let mut media = Media::default();
    announce(&mut media, 1, BOB, 1, false);
    push(&mut media, 2, ALICE, BOB, &RTP);
    assert_eq!(announce(&mut media, 3, BOB, 2, false), [(1, Some(2))]);
    push(&mut media, 4, ALICE, BOB, &RTP);
    push(&mut media, 5, ALICE, BOB, &RTP);
    assert_eq!(last(&media, BOB, 1), None);
    assert_eq!(last(&media, BOB, 2), Some((5, 0)));
    media.withdraw(&socket(BOB), 1);
    assert_eq!(media.len(), 1, "it is not the first call's to withdraw");
    media.withdraw(&socket(BOB), 2);
    assert_eq!(media.len(), 0);
}

#[test]
fn calls_set_up_together_share_a_socket() {
    let mut media = Media::default();
    announce(&mut media, 1, BOB, 1, true);
    assert_eq!(announce(&mut media, 2, BOB, 2, true), []);
    push(&mut media, 3, ALICE, BOB, &RTP);
    // Announced again it stays the same.
    assert_eq!(announce(&mut media, 4, BOB, 1, true), []);
    assert_eq!(last(&media, BOB, 1), Some((3, 0)));
    assert_eq!(last(&media, BOB, 2), Some((3, 0)));
    media.withdraw(&socket(BOB), 1);
    assert_eq!(last(&media, BOB, 2), Some((3, 0)));
    assert_eq!(media.len(), 1);
}

#[test]
fn of_too_many_that_share_the_first_leaves() {
    let mut media = Media::default();
    for call in 1..=4 {
        assert_eq!(announce(&mut media, 1, BOB, call, true), []);
    }
    push(&mut media, 2, ALICE, BOB, &RTP);
    assert_eq!(announce(&mut media, 3, BOB, 5, true), [(1, Some(2))]);
    assert_eq!(last(&media, BOB, 1), None);
    for call in 2..=5 {
        assert_eq!(last(&media, BOB, call), Some((2, 0)), "{call}");
    }
}

#[test]
fn how_long_ago_it_was_announced_is_told() {
    let mut media = Media::default();
    let mut ages = Vec::new();
    for (frame, call) in [(0, 1), (5, 2), (10, 2), (20, 3)] {
        media.announce(
            socket(BOB),
            call,
            seen(frame).time,
            |owner, age| {
                ages.push((owner, age.nanos() / 400_000_000));
                true
            },
            |_, _| {},
        );
    }
    assert_eq!(ages, [(1, 5), (1, 5), (1, 10), (2, 10)]);
}

#[test]
fn both_directions_end_with_the_one_that_ends_first() {
    let span = |frame| Stretch {
        first: seen(1).time,
        last: seen(frame).into(),
    };
    let mut both = MediaSeen::default();
    assert!(both.is_empty());
    both.add_uac(&Traffic {
        received: Some(span(9)),
        sent: None,
    });
    assert_eq!(both.both_until(), None, "one direction proves nothing");
    both.add_uas(&Traffic {
        received: Some(span(5)),
        sent: Some(span(3)),
    });
    assert_eq!(both.both_until(), Some(seen(5).time));
    let to_uac = both.to_uac.expect("two");
    assert_eq!(to_uac.last, seen(9));
}
