//! Frames that tunnels and radio links cut into pieces of their own.

use super::common::pcap::{self, IpFields};
use super::{decode, expected, inner, message, sockets, tshark, wrap};

/// An 802.11 frame's fragments of `size` bytes; sequence number 7.
fn fragments(body: &[u8], size: usize) -> Vec<Vec<u8>> {
    let pieces = body.chunks(size);
    let last = pieces.len() - 1;
    (0_u8..)
        .zip(pieces)
        .map(|(number, piece)| {
            let more = if usize::from(number) < last { 4 } else { 0 };
            let mut out = vec![0x08, 2 | more, 0, 0];
            out.extend([2; 18]);
            out.extend([7 << 4 | number, 0]);
            out.extend(piece);
            out
        })
        .collect()
}

/// LLC and the packet, as the body of an 802.11 frame.
fn body() -> Vec<u8> {
    wrap::wlan(0x08, 2, 0, &inner(false))[24..].to_vec()
}

/// The same fragment, sent again.
fn again(fragment: &[u8]) -> Vec<u8> {
    let mut out = fragment.to_vec();
    out[1] |= 8;
    out
}

#[test]
fn fragments_of_802_11_are_put_together_whatever_is_sent_again() {
    for size in [200, 500, 900] {
        let whole = fragments(&body(), size);
        assert_eq!(decode(105, &whole), [expected(false)], "{size}");
        let twice: Vec<_> = whole
            .iter()
            .flat_map(|fragment| [fragment.clone(), again(fragment)])
            .collect();
        assert_eq!(decode(105, &twice), [expected(false)], "{size}");
        if let Some(found) = tshark(105, &whole, &[]) {
            assert_eq!(found, [format!("{}\tinside@tunnel", whole.len())]);
        }
    }
}

#[test]
fn a_fragment_of_802_11_that_is_missing_is_told_once() {
    let whole = fragments(&body(), 200);
    for missing in 0..whole.len() {
        let mut frames = whole.clone();
        frames.remove(missing);
        let lines = decode(105, &frames);
        let told = |line: &String| line.starts_with("ip-fragments-missing: fragments of 802.11");
        assert!(!lines.is_empty() && lines.iter().all(told), "{lines:?}");
        assert!(missing == 0 || lines.len() == 1, "{lines:?}");
    }
}

#[test]
fn a_sequence_number_of_802_11_may_be_used_again() {
    let mut frames = fragments(&body(), 500);
    let other = inner(false)
        .iter()
        .map(|byte| if *byte == b'z' { b'y' } else { *byte })
        .collect::<Vec<u8>>();
    frames.extend(fragments(&wrap::wlan(0x08, 2, 0, &other)[24..], 500));
    frames.extend(fragments(&body(), 500));
    let lines = decode(105, &frames);
    // The first fragment of the third is that of the first, not of the second.
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert_eq!((&lines[0], &lines[2]), (&expected(false), &expected(false)));
}

/// CAPWAP fragments of an Ethernet frame, in datagrams.
fn capwap_fragments(size: usize) -> Vec<Vec<u8>> {
    let frame = pcap::frame(
        &inner(false),
        pcap::Link::Ethernet,
        &[],
        pcap::Order::Little,
    );
    let pieces = frame.chunks(size);
    let last = pieces.len() - 1;
    let (controller, point) = ("192.0.2.1:5247", "192.0.2.2:40000");
    pieces
        .enumerate()
        .map(|(no, piece)| {
            let flags = if no < last { 0x80 } else { 0xc0 };
            let [high, low] = u16::try_from(no * size).unwrap().to_be_bytes();
            let payload = wrap::capwap(false, flags, [0, 9, high, low], piece);
            let fields = IpFields { id: 4, ttl: 64 };
            let ends = (point.parse().unwrap(), controller.parse().unwrap());
            pcap::udp_packet(ends.0, ends.1, fields, &payload)
        })
        .collect()
}

#[test]
fn fragments_of_capwap_are_put_together_in_any_order() {
    for size in [400, 800] {
        let mut frames = capwap_fragments(size);
        if let Some(found) = tshark(101, &frames, &[]) {
            assert_eq!(found, [format!("{}\tinside@tunnel", frames.len())]);
        }
        assert_eq!(decode(101, &frames), [expected(false)], "{size}");
        frames.reverse();
        assert_eq!(decode(101, &frames), [expected(false)], "{size}");
        frames.pop();
        let lines = decode(101, &frames);
        assert_eq!(lines.len(), 1);
        assert!(
            lines[0].starts_with("ip-fragments-missing") && lines[0].contains("CAPWAP"),
            "{lines:?}"
        );
    }
}

#[test]
fn udp_lite_is_a_datagram_whatever_its_checksum_covers() {
    let (src, dst) = sockets(false);
    for coverage in [0, 8, 20] {
        let mut datagram = pcap::udp(src, dst, &message());
        datagram[4..6].copy_from_slice(&u16::to_be_bytes(coverage));
        let fields = IpFields { id: 77, ttl: 61 };
        let packet = pcap::ip(src.ip(), dst.ip(), 136, fields, &datagram);
        assert_eq!(
            decode(101, std::slice::from_ref(&packet)),
            [expected(false)]
        );
        if let Some(found) = tshark(101, &[packet], &[]) {
            assert_eq!(found, ["1\tinside@tunnel"]);
        }
    }
}
