//! What comes out of packets, in any order.

use super::*;
use crate::limits::Limits;
use crate::packet::SctpPacket;
use crate::stream::no_origin;
use crate::units::{Endpoint, FileIndex, Flow, FrameNo, FrameRef, Transport};
use std::net::{IpAddr, Ipv4Addr};

/// A DATA chunk; flags: 1 ends, 2 begins.
fn data(tsn: u32, flags: u8, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0, flags];
    out.extend(u16::try_from(bytes.len() + 16).unwrap().to_be_bytes());
    out.extend(tsn.to_be_bytes());
    out.extend([0, 1, 0, 0, 0, 0, 0, 0]);
    out.extend(bytes);
    out.resize(out.len().next_multiple_of(4), 0);
    out
}

/// An I-DATA chunk of stream 1.
fn i_data(tsn: u32, flags: u8, message: u32, number: u32, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![64, flags];
    out.extend(u16::try_from(bytes.len() + 20).unwrap().to_be_bytes());
    out.extend(tsn.to_be_bytes());
    out.extend([0, 1, 0, 0]);
    out.extend(message.to_be_bytes());
    out.extend(number.to_be_bytes());
    out.extend(bytes);
    out.resize(out.len().next_multiple_of(4), 0);
    out
}

/// Each message with its frames.
type Messages = Vec<(String, Vec<u64>)>;

fn run(packets: &[Vec<u8>], limits: &Limits) -> (Messages, usize) {
    let mut sctp = Sctp::new(limits);
    let end = |port| Endpoint::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
    let (mut messages, mut lost) = (Vec::new(), 0);
    for (index, chunks) in packets.iter().enumerate() {
        let mut origin = no_origin();
        origin.at = FrameRef {
            file: FileIndex(0),
            no: FrameNo(index as u64 + 1),
        };
        let packet = SctpPacket {
            flow: Flow {
                src: end(5060),
                dst: end(5061),
                transport: Transport::Sctp,
            },
            origin,
            verification_tag: 7,
            chunks,
        };
        sctp.push(
            &packet,
            &mut |message| {
                let frames = message.origin.earlier.iter().chain([&message.origin.at]);
                messages.push((
                    String::from_utf8(message.payload.to_vec()).unwrap(),
                    frames.map(|frame| frame.no.0).collect(),
                ));
                true
            },
            &mut |_| lost += 1,
        );
        assert!(sctp.waiting_bytes() <= limits.sctp_waiting_bytes + (64 << 10));
    }
    sctp.finish(&mut |defect| lost += usize::try_from(defect.count).unwrap());
    (messages, lost)
}

fn check(packets: &[Vec<u8>], expected: &[(&str, &[u64])]) {
    let (messages, _) = run(packets, &Limits::default());
    let expected: Messages = expected
        .iter()
        .map(|(text, frames)| ((*text).to_owned(), frames.to_vec()))
        .collect();
    assert_eq!(messages, expected);
}

#[test]
fn fragments_are_joined_in_any_order_and_repeats_dropped() {
    let last = u32::MAX;
    let first = data(last, 2, b"one ");
    let middle = data(0, 0, b"two ");
    let end = data(1, 1, b"three");
    check(
        &[end.clone(), first.clone(), end, middle, first],
        &[("one two three", &[1, 2, 4])],
    );
}

#[test]
fn a_packet_may_hold_several_messages() {
    let both = [data(5, 3, b"a"), data(6, 7, b"b")].concat();
    check(&[both.clone(), both], &[("a", &[1]), ("b", &[1])]);
}

#[test]
fn neighbours_of_other_messages_do_not_join() {
    let packets = [data(1, 2, b"a1"), data(2, 1, b"a2"), data(3, 2, b"b1")];
    check(&packets, &[("a1a2", &[1, 2])]);
    check(
        &[data(2, 1, b"a2"), data(3, 2, b"b1"), data(4, 1, b"b2")],
        &[("b1b2", &[2, 3])],
    );
}

#[test]
fn messages_of_many_fragments_are_joined_from_both_ends_and_from_the_middle() {
    let fragment = |number: u32| {
        let flags = [2, 0, 0, 0, 0, 0, 0, 1];
        data(
            number,
            flags[number as usize],
            number.to_string().as_bytes(),
        )
    };
    for order in [
        [0, 1, 2, 3, 4, 5, 6, 7],
        [7, 6, 5, 4, 3, 2, 1, 0],
        [0, 2, 4, 6, 1, 3, 5, 7],
        [7, 0, 6, 1, 5, 2, 4, 3],
        [3, 4, 2, 5, 1, 6, 0, 7],
    ] {
        check(
            &order.map(fragment),
            &[("01234567", &[1, 2, 3, 4, 5, 6, 7, 8])],
        );
    }
}

#[test]
fn interleaved_messages_are_told_apart() {
    let packets = [
        i_data(1, 2, 8, 0, b"x1"),
        i_data(2, 2, 9, 0, b"y1"),
        i_data(3, 1, 9, 1, b"y2"),
        i_data(4, 1, 8, 1, b"x2"),
    ];
    check(&packets, &[("y1y2", &[2, 3]), ("x1x2", &[1, 4])]);
}

#[test]
fn what_never_becomes_whole_is_told_and_bounded() {
    let limits = Limits {
        sctp_waiting_bytes_per_direction: 4000,
        ..Limits::default()
    };
    let mut packets = vec![data(0, 3, b"sip")];
    packets.extend((1..200).map(|index| data(index * 2, 0, &[b'x'; 100])));
    let (messages, lost) = run(&packets, &limits);
    assert_eq!(messages.len(), 1);
    assert!(lost > 5);
}

#[test]
fn no_bytes_panic() {
    let whole = [data(1, 2, b"abc"), i_data(2, 1, 1, 1, b"d")].concat();
    for cut in 0..whole.len() {
        run(&[whole[..cut].to_vec()], &Limits::default());
        let mut damaged = whole.clone();
        damaged[cut] ^= 0xff;
        run(&[damaged], &Limits::default());
    }
}
