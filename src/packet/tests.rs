//! What the decoder claims, on packets built from bytes.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::testing::{authentication, ethernet, extension, fragment6, icmp, ipv4, ipv6, tcp, udp};
use super::{Decoder, Packet};
use crate::capture::{Frame, LinkType};
use crate::limits::Limits;
use crate::units::{FileIndex, FrameNo, FrameRef, Span, Timestamp};

const MORE: u16 = 0x2000;
const PLAIN: &str = "UDP 10.0.0.1:5060 10.0.0.2:5062 id 1 ttl 64 hello";

/// Feeds frames and collects what comes out as text.
struct Feed {
    decoder: Decoder,
    no: u64,
    secs: i64,
    lines: Vec<String>,
}

impl Feed {
    fn new(limits: &Limits) -> Self {
        Self {
            decoder: Decoder::new(limits),
            no: 0,
            secs: 0,
            lines: Vec::new(),
        }
    }

    fn push(&mut self, link: u16, captured: &[u8], orig_len: usize) -> &mut Self {
        self.no += 1;
        let frame = Frame {
            at: FrameRef {
                file: FileIndex(0),
                no: FrameNo(self.no),
            },
            time: Timestamp::from_nanos(0).plus(Span::from_secs(self.secs)),
            link: LinkType(link),
            interface: 5,
            captured,
            orig_len: u32::try_from(orig_len).unwrap(),
        };
        let mut packets = Vec::new();
        let mut defects = Vec::new();
        self.decoder.push(
            &frame,
            &mut |packet| packets.push(text(&packet)),
            &mut |defect| defects.push(format!("{} at {}", defect.kind.name(), defect.at.no)),
        );
        self.lines.extend(defects);
        self.lines.extend(packets);
        self
    }

    fn ip(&mut self, packet: &[u8]) -> &mut Self {
        self.push(101, packet, packet.len())
    }

    fn end(&mut self) -> Vec<String> {
        let lines = &mut self.lines;
        self.decoder.finish(&mut |defect| {
            lines.push(format!("end {} at {}", defect.kind.name(), defect.at.no));
        });
        std::mem::take(&mut self.lines)
    }
}

fn text(packet: &Packet<'_>) -> String {
    let (mut line, origin, payload) = match packet {
        Packet::Datagram(datagram) | Packet::Message(datagram) => {
            let flow = datagram.flow;
            let line = format!("{} {} {}", flow.transport.name(), flow.src, flow.dst);
            (line, datagram.origin, datagram.payload)
        }
        Packet::Segment(segment) => {
            let (flow, flags) = (segment.flow, segment.flags);
            let mut line = format!("{} {} {}", flow.transport.name(), flow.src, flow.dst);
            for (set, name) in [
                (flags.syn, 'S'),
                (flags.ack, 'A'),
                (flags.fin, 'F'),
                (flags.rst, 'R'),
            ] {
                if set {
                    line.push(name);
                }
            }
            write!(
                line,
                " seq {} ack {} wire {}",
                segment.seq, segment.ack, segment.wire_len
            )
            .unwrap();
            (line, segment.origin, segment.payload)
        }
        Packet::Sctp(packet) => {
            let flow = packet.flow;
            let line = format!(
                "{} {} {} tag {}",
                flow.transport.name(),
                flow.src,
                flow.dst,
                packet.verification_tag
            );
            (line, packet.origin, packet.chunks)
        }
        Packet::IcmpError(error) => {
            let (reporter, flow) = (error.reporter, error.quoted);
            let line = format!(
                "ICMP{} {}/{} {reporter} about {} {} {}",
                if error.v6 { "v6" } else { "" },
                error.icmp_type,
                error.icmp_code,
                flow.transport.name(),
                flow.src,
                flow.dst
            );
            (line, error.origin, error.quoted_payload)
        }
    };
    assert_eq!(origin.interface, 5);
    write!(line, " id {} ttl {}", origin.ip_id, origin.ttl).unwrap();
    if origin.fragmented {
        let earlier: Vec<_> = origin.earlier.iter().map(|frame| frame.no.0).collect();
        write!(line, " earlier {earlier:?}").unwrap();
    }
    if origin.snapped {
        line.push_str(" snapped");
    }
    write!(line, " {}", payload.escape_ascii()).unwrap();
    line
}

fn check(link: u16, captured: &[u8], expected: &[&str]) {
    check_cut(link, captured, captured.len(), expected);
}

fn check_cut(link: u16, captured: &[u8], orig_len: usize, expected: &[&str]) {
    let lines = Feed::new(&Limits::default())
        .push(link, captured, orig_len)
        .end();
    assert_eq!(lines, expected, "link {link}");
}

fn hello() -> Vec<u8> {
    ipv4(1, 0, 17, &udp(b"hello"))
}

/// `before` followed by the packet.
fn behind(before: &[u8], packet: &[u8]) -> Vec<u8> {
    [before, packet].concat()
}

#[test]
fn ip_is_found_behind_every_link_layer() {
    let packet = hello();
    check(1, &ethernet(0x0800, &packet), &[PLAIN]);
    let mut tagged = behind(&[0, 9, 0x08, 0], &packet);
    for tag in [0x8100, 0x9100, 0x88a8_u16] {
        check(1, &ethernet(tag, &tagged), &[PLAIN]);
        let [high, low] = tag.to_be_bytes();
        tagged = behind(&[0, 7, high, low], &tagged);
    }
    let snap = behind(b"\xaa\xaa\x03\0\0\0\x08\0", &packet);
    check(1, &ethernet(33, &snap), &[PLAIN]);
    for link in [12, 14, 101, 228] {
        check(link, &packet, &[PLAIN]);
    }
    check(0, &behind(&[2, 0, 0, 0], &packet), &[PLAIN]);
    check(0, &behind(&[0, 0, 0, 2], &packet), &[PLAIN]);
    check(0, &behind(&[0x0f, 0, 0x08, 0], &packet), &[PLAIN]);
    check(108, &behind(&[0, 0, 0, 2], &packet), &[PLAIN]);
    let mut cooked = [0; 16];
    cooked[14] = 0x08;
    check(113, &behind(&cooked, &packet), &[PLAIN]);
    let mut cooked = [0; 20];
    cooked[0] = 0x08;
    check(276, &behind(&cooked, &packet), &[PLAIN]);
}

#[test]
fn ipv6_is_found_behind_link_layers() {
    let packet = ipv6(17, &udp(b"six"));
    let line = "UDP [2001:db8::1]:5060 [2001:db8::2]:5062 id 0 ttl 63 six";
    check(1, &ethernet(0x86dd, &packet), &[line]);
    check(229, &packet, &[line]);
    for family in [10, 24, 28, 30] {
        check(0, &behind(&[family, 0, 0, 0], &packet), &[line]);
    }
}

#[test]
fn frames_without_ip_are_nothing_and_unknown_links_a_defect() {
    check(1, &ethernet(0x0806, &[0; 28]), &[]);
    check(1, &ethernet(38, &[0x42; 38]), &[]);
    check(0, &[7, 0, 0, 0, 1, 2, 3], &[]);
    check(147, &hello(), &["unknown-link at 1"]);
    check(1, &[1, 2, 3], &["malformed-packet at 1"]);
    check_cut(1, &[1, 2, 3], 60, &["snapped at 1"]);
    check(101, &[0x99; 40], &["malformed-packet at 1"]);
}

#[test]
fn endless_vlan_tags_end() {
    let tags = [0, 1, 0x81, 0].repeat(5000);
    check(1, &ethernet(0x8100, &tags), &["malformed-packet at 1"]);
}

#[test]
fn padding_is_no_payload() {
    let padded = behind(&ethernet(0x0800, &hello()), &[0xee; 13]);
    check(1, &padded, &[PLAIN]);
    // The UDP length cuts, too: padding inside the IP packet.
    let mut datagram = udp(b"hello");
    datagram.extend([0xee; 9]);
    check(101, &ipv4(1, 0, 17, &datagram), &[PLAIN]);
}

#[test]
fn lengths_of_zero_mean_what_was_captured() {
    let mut packet = hello();
    packet[2..4].fill(0);
    packet[24..26].fill(0);
    check(101, &packet, &[PLAIN]);
    let mut packet = ipv6(6, &tcp(0x18, b"big"));
    packet[4..6].fill(0);
    check(
        101,
        &packet,
        &["TCP [2001:db8::1]:5060 [2001:db8::2]:5062A seq 7 ack 9 wire 3 id 0 ttl 63 big"],
    );
}

#[test]
fn impossible_lengths_are_defects() {
    let mut packet = hello();
    packet[3] = 19;
    check(101, &packet, &["malformed-packet at 1"]);
    let mut packet = hello();
    packet[25] = 7;
    check(101, &packet, &["malformed-packet at 1"]);
    let mut packet = hello();
    packet[25] = 99;
    let snapped = PLAIN.replace("hello", "snapped hello");
    check(101, &packet, &["malformed-packet at 1", &snapped]);
    let mut packet = hello();
    packet[2] = 9;
    check(101, &packet, &["malformed-packet at 1", PLAIN]);
}

#[test]
fn a_packet_cut_by_the_snap_length_gives_what_there_is() {
    let packet = hello();
    let cut = PLAIN.replace("hello", "snapped hel");
    check_cut(101, &packet[..31], packet.len(), &[&cut]);
    check_cut(101, &packet[..27], packet.len(), &["snapped at 1"]);
    check_cut(101, &packet[..9], packet.len(), &["snapped at 1"]);

    let packet = ipv4(1, 0, 6, &tcp(0x02, b"hello"));
    let line = |payload: &str| {
        format!("TCP 10.0.0.1:5060 10.0.0.2:5062S seq 7 ack 9 wire 5 id 1 ttl 64 snapped {payload}")
    };
    check_cut(101, &packet[..47], packet.len(), &[&line("hel")]);
    check_cut(101, &packet[..42], packet.len(), &[&line("")]);
    check_cut(101, &packet[..39], packet.len(), &["snapped at 1"]);
    check_cut(101, &packet[..30], packet.len(), &["snapped at 1"]);
}

#[test]
fn tcp_flags_are_those_of_the_header() {
    let line = |flags| {
        Feed::new(&Limits::default())
            .ip(&ipv4(1, 0, 6, &tcp(flags, b"")))
            .end()
            .concat()
    };
    for (flags, letters) in [
        (0x02, "S"),
        (0x12, "SA"),
        (0x11, "AF"),
        (0x14, "AR"),
        (0xe8, ""),
    ] {
        let expected = format!("10.0.0.2:5062{letters} seq");
        assert!(line(flags).contains(&expected), "{}", line(flags));
    }
    let mut short = tcp(0x18, b"");
    short[12] = 0x40;
    check(101, &ipv4(1, 0, 6, &short), &["malformed-packet at 1"]);
}

#[test]
fn extension_headers_are_passed() {
    let inner = udp(b"x");
    let auth = authentication(17, &inner);
    let options = extension(51, &auth);
    let routing = extension(60, &options);
    let packet = ipv6(0, &extension(43, &routing));
    let line = "UDP [2001:db8::1]:5060 [2001:db8::2]:5062 id 0 ttl 63 x";
    check(101, &packet, &[line]);
    check(101, &ipv6(44, &fragment6(17, 0, false, 9, &inner)), &[line]);
    let line = "UDP 10.0.0.1:5060 10.0.0.2:5062 id 1 ttl 64 x";
    check(101, &ipv4(1, 0, 51, &auth), &[line]);
    check(
        101,
        &packet[..60],
        &["malformed-packet at 1", "snapped at 1"],
    );
}

#[test]
fn endless_extension_headers_end() {
    let mut chain = Vec::new();
    for _ in 0..1000 {
        chain.extend(extension(60, &[]));
    }
    check(101, &ipv6(60, &chain), &["malformed-packet at 1"]);
}

/// A UDP datagram of 24 bytes of payload in IPv4 fragments of 16 bytes.
fn fragments(id: u16, letter: u8) -> [Vec<u8>; 2] {
    let whole = udp(&[letter; 16]);
    let (first, second) = whole.split_at(16);
    [ipv4(id, MORE, 17, first), ipv4(id, 2, 17, second)]
}

fn whole(id: u16, letter: char, earlier: u64) -> String {
    let payload = letter.to_string().repeat(16);
    format!("UDP 10.0.0.1:5060 10.0.0.2:5062 id {id} ttl 64 earlier [{earlier}] {payload}")
}

#[test]
fn fragments_come_together_in_any_order() {
    let [first, second] = fragments(7, b'a');
    let mut feed = Feed::new(&Limits::default());
    feed.ip(&first).ip(&hello()).ip(&second);
    assert_eq!(feed.end(), [PLAIN.to_owned(), whole(7, 'a', 1)]);
    feed.ip(&second).ip(&first);
    assert_eq!(feed.end(), [whole(7, 'a', 4)]);
}

#[test]
fn padding_of_a_fragment_is_no_part_of_the_datagram() {
    let [first, second] = fragments(7, b'a');
    let mut feed = Feed::new(&Limits::default());
    feed.ip(&first);
    let padded = behind(&ethernet(0x0800, &second), &[0xee; 18]);
    feed.push(1, &padded, padded.len());
    assert_eq!(feed.end(), [whole(7, 'a', 1)]);
}

#[test]
fn ipv6_fragments_come_together_behind_extension_headers() {
    let chain = extension(17, &udp(b"0123456789abcdef"));
    let (first, second) = chain.split_at(24);
    let mut feed = Feed::new(&Limits::default());
    feed.ip(&ipv6(44, &fragment6(60, 24, false, 9, second)));
    feed.ip(&ipv6(44, &fragment6(60, 0, true, 8, first)));
    feed.ip(&ipv6(44, &fragment6(60, 0, true, 9, first)));
    assert_eq!(
        feed.end(),
        [
            "UDP [2001:db8::1]:5060 [2001:db8::2]:5062 id 0 ttl 63 earlier [1] 0123456789abcdef",
            "end ip-fragments-missing at 2",
        ]
    );
}

#[test]
fn an_authentication_header_is_not_sought_inside_a_later_fragment() {
    let whole = authentication(17, &udp(b"0123456789ab"));
    let (first, second) = whole.split_at(16);
    let mut feed = Feed::new(&Limits::default());
    feed.ip(&ipv4(3, MORE, 51, first))
        .ip(&ipv4(3, 2, 51, second));
    let lines = feed.end();
    assert_eq!(
        lines,
        ["UDP 10.0.0.1:5060 10.0.0.2:5062 id 3 ttl 64 earlier [1] 0123456789ab"]
    );
}

#[test]
fn fragments_captured_twice_make_one_datagram_and_no_defect() {
    let [first, second] = fragments(7, b'a');
    let mut feed = Feed::new(&Limits::default());
    feed.ip(&first).ip(&first).ip(&second).ip(&second);
    assert_eq!(feed.end(), [whole(7, 'a', 1)]);
}

#[test]
fn a_second_copy_of_the_whole_is_a_second_datagram_as_without_fragments() {
    let [first, second] = fragments(7, b'a');
    let mut feed = Feed::new(&Limits::default());
    feed.ip(&first).ip(&second).ip(&first).ip(&second);
    assert_eq!(feed.end(), [whole(7, 'a', 1), whole(7, 'a', 3)]);
}

#[test]
fn a_late_copy_is_no_part_of_the_next_datagram_of_that_identification() {
    let [first, second] = fragments(7, b'a');
    let [next_first, next_second] = fragments(7, b'b');
    let mut feed = Feed::new(&Limits::default());
    feed.ip(&first).ip(&second).ip(&second);
    feed.ip(&next_first).ip(&next_second);
    assert_eq!(feed.end(), [whole(7, 'a', 1), whole(7, 'b', 4)]);
}

#[test]
fn fragments_that_contradict_never_mix() {
    let [first, _] = fragments(7, b'a');
    let [other_first, other_second] = fragments(7, b'b');
    let mut feed = Feed::new(&Limits::default());
    feed.ip(&first).ip(&other_first).ip(&other_second);
    assert_eq!(
        feed.end(),
        ["ip-fragments-missing at 1".to_owned(), whole(7, 'b', 2)]
    );

    // The end is told twice, differently.
    let mut feed = Feed::new(&Limits::default());
    feed.ip(&ipv4(7, 4, 17, &[1; 16]))
        .ip(&ipv4(7, 2, 17, &[1; 9]));
    assert_eq!(
        feed.end(),
        ["ip-fragments-missing at 1", "end ip-fragments-missing at 2"]
    );

    // Overlapping with the same bytes is no contradiction.
    let whole_bytes = udp(&[b'a'; 16]);
    let mut feed = Feed::new(&Limits::default());
    feed.ip(&ipv4(7, MORE, 17, &whole_bytes[..16]));
    feed.ip(&ipv4(7, 1, 17, &whole_bytes[8..]));
    assert_eq!(feed.end(), [whole(7, 'a', 1)]);
}

#[test]
fn impossible_fragments_are_defects() {
    let mut feed = Feed::new(&Limits::default());
    feed.ip(&ipv4(7, MORE, 17, &[1; 9]));
    feed.ip(&ipv4(7, MORE, 17, &[]));
    feed.ip(&ipv4(7, 0x1fff, 17, &[1; 9]));
    assert_eq!(
        feed.end(),
        [
            "malformed-packet at 1",
            "malformed-packet at 2",
            "malformed-packet at 3"
        ]
    );
    let [first, last] = fragments(7, b'a');
    check_cut(101, &last[..last.len() - 1], last.len(), &["snapped at 1"]);
    // The first tells what the datagram is.
    let line = "UDP 10.0.0.1:5060 10.0.0.2:5062 id 7 ttl 64 earlier [] snapped aa";
    check_cut(101, &first[..30], first.len(), &[line]);
    check_cut(101, &first[..27], first.len(), &["snapped at 1"]);
}

#[test]
fn datagrams_that_wait_too_long_or_are_too_many_are_given_up() {
    let limits = Limits {
        ip_reassemblies: 2,
        ip_reassembly_wait: Span::from_secs(60),
        ..Limits::default()
    };
    let [one, one_end] = fragments(1, b'a');
    let [two, _] = fragments(2, b'b');
    let [three, three_end] = fragments(3, b'c');
    let mut feed = Feed::new(&limits);
    feed.ip(&one).ip(&two).ip(&three);
    assert_eq!(std::mem::take(&mut feed.lines), ["evicted at 1"]);
    feed.secs = 60;
    feed.ip(&three_end);
    assert_eq!(std::mem::take(&mut feed.lines), [whole(3, 'c', 3)]);
    feed.secs = 61;
    feed.ip(&one_end);
    assert_eq!(
        std::mem::take(&mut feed.lines),
        ["ip-fragments-missing at 2"]
    );
    // Time running backwards evicts nothing.
    feed.secs = -5000;
    feed.ip(&one);
    assert_eq!(feed.end(), [whole(1, 'a', 5)]);
}

#[test]
fn many_datagrams_leave_no_memory_behind() {
    let limits = Limits {
        ip_reassemblies: 4,
        ..Limits::default()
    };
    let mut feed = Feed::new(&limits);
    let [never, _] = fragments(9999, b'x');
    feed.ip(&never);
    for id in 0..500 {
        let [first, second] = fragments(id, b'a');
        feed.ip(&first).ip(&second);
    }
    assert!(feed.decoder.defrag.remembered() < 100);
    assert_eq!(feed.end().len(), 501);
}

#[test]
fn frames_of_a_datagram_are_capped() {
    let limits = Limits {
        frames_per_message: 2,
        ..Limits::default()
    };
    let bytes = udp(&[b'a'; 32]);
    let mut feed = Feed::new(&limits);
    for (no, chunk) in bytes.chunks(8).enumerate() {
        let more = if no == 4 { 0 } else { MORE };
        feed.ip(&ipv4(7, more | u16::try_from(no).unwrap(), 17, chunk));
    }
    let lines = feed.end();
    assert!(lines[0].contains("earlier [1, 2] aaaa"), "{lines:?}");
}

#[test]
fn icmp_errors_quote_udp_and_tcp() {
    let line = "ICMP 3/3 10.0.0.1:0 about UDP 10.0.0.1:5060 10.0.0.2:5062 id 2 ttl 64 hello";
    check(101, &ipv4(2, 0, 1, &icmp(3, 3, &hello())), &[line]);
    // Quoted as RFC 792 has it: the header and 8 bytes.
    let line = line.replace("hello", "");
    check(101, &ipv4(2, 0, 1, &icmp(3, 3, &hello()[..28])), &[&line]);
    let quoted = ipv6(0, &extension(6, &tcp(0x18, b"tls")));
    let line = "ICMPv6 1/4 [2001:db8::1]:0 about TCP [2001:db8::1]:5060 [2001:db8::2]:5062 id 0 ttl 63 tls";
    check(101, &ipv6(58, &icmp(1, 4, &quoted)), &[line]);
}

#[test]
fn icmp_extensions_are_not_quoted_payload() {
    let mut quoted = hello();
    quoted.resize(128, 0);
    let mut message = icmp(11, 0, &quoted);
    message[5] = 32;
    message.extend(b"\x20\0\0\0 extension");
    let line = "ICMP 11/0 10.0.0.1:0 about UDP 10.0.0.1:5060 10.0.0.2:5062 id 2 ttl 64 hello";
    check(101, &ipv4(2, 0, 1, &message), &[line]);
}

#[test]
fn icmp_that_quotes_nothing_of_ours_is_nothing() {
    check(101, &ipv4(2, 0, 1, &icmp(8, 0, &hello())), &[]);
    check(
        101,
        &ipv4(2, 0, 1, &icmp(3, 3, &ipv4(1, 5, 17, &udp(b"x")))),
        &[],
    );
    check(
        101,
        &ipv4(2, 0, 1, &icmp(3, 3, &ipv4(1, 0, 132, &udp(b"x")))),
        &[],
    );
    check(101, &ipv4(2, 0, 1, &icmp(3, 3, &hello()[..22])), &[]);
    check(101, &ipv4(2, 0, 1, &[3, 3]), &[]);
    check(101, &ipv4(2, 0, 58, &icmp(1, 4, &hello())), &[]);
}

proptest! {
    #[test]
    fn no_bytes_panic(link in prop::sample::select(vec![0_u16, 1, 12, 101, 108, 113, 229, 276]), bytes in prop::collection::vec(any::<u8>(), 0..120), more in 0_usize..50) {
        let mut feed = Feed::new(&Limits::default());
        feed.push(link, &bytes, bytes.len() + more);
        feed.end();
    }

    #[test]
    fn no_damage_panics(kind in 0_usize..5, at in 0_usize..120, byte in any::<u8>(), keep in 0_usize..120) {
        let mut packet = match kind {
            0 => hello(),
            1 => ipv4(1, 0, 6, &tcp(0x18, b"hello")),
            2 => ipv6(0, &extension(44, &fragment6(17, 0, true, 9, &udp(b"hello")))),
            3 => ipv4(2, 0, 1, &icmp(3, 3, &hello())),
            _ => ipv6(58, &icmp(1, 4, &ipv6(51, &authentication(17, &udp(b"x"))))),
        };
        let len = packet.len();
        packet[at % len] = byte;
        packet.truncate(keep);
        let mut feed = Feed::new(&Limits::default());
        feed.push(101, &packet, len).push(101, &packet, packet.len());
        feed.end();
    }

    #[test]
    fn any_order_and_copies_give_the_datagram(order in prop::collection::vec(0_usize..6, 0..12)) {
        let bytes = udp(&(0..40).map(|n| b'A' + n).collect::<Vec<_>>());
        let pieces: Vec<_> = bytes.chunks(8).enumerate().collect();
        let mut feed = Feed::new(&Limits::default());
        for &no in order.iter().chain(&[0, 1, 2, 3, 4, 5]) {
            let (no, chunk) = pieces[no];
            let more = if no + 1 == pieces.len() { 0 } else { MORE };
            feed.ip(&ipv4(7, more | u16::try_from(no).unwrap(), 17, chunk));
        }
        let lines = feed.end();
        prop_assert!(!lines.is_empty());
        let expected = bytes[8..].escape_ascii().to_string();
        for line in lines {
            prop_assert!(line.ends_with(&expected), "{}", line);
        }
    }
}
