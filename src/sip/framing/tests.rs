//! What the framer must make of every odd message border.

use super::*;
use crate::units::{Endpoint, FileIndex, FrameNo, Origin, Timestamp, Transport};
use std::net::{IpAddr, Ipv4Addr};

const SIP: u16 = 5060;
const OTHER: u16 = 40_000;

fn flow(port: u16, transport: Transport) -> Flow {
    let addr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    Flow {
        src: Endpoint::new(addr, OTHER),
        dst: Endpoint::new(addr, port),
        transport,
    }
}

fn origin(frame: u64) -> Origin<'static> {
    Origin {
        at: FrameRef {
            file: FileIndex(0),
            no: FrameNo(frame),
        },
        time: Timestamp::default(),
        earlier: &[],
        interface: 0,
        ip_id: 0,
        ttl: 0,
        snapped: false,
        fragmented: false,
    }
}

/// A message's frames, its first word, its body, and its flags.
fn line(message: &RawMessage<'_>) -> String {
    let frames: Vec<String> = message
        .origin
        .earlier
        .iter()
        .chain([&message.origin.at])
        .map(|at| at.no.to_string())
        .collect();
    let (head, body) = message.bytes.split_at(message.head_len);
    let text = String::from_utf8_lossy(head).into_owned();
    let first = text.split([' ', '\r', '\n']).next().unwrap_or_default();
    let mut line = format!(
        "@{} {first} [{}]",
        frames.join("+"),
        String::from_utf8_lossy(body)
    );
    let framing = message.framing;
    for (set, name) in [
        (framing.truncated_body, "truncated"),
        (framing.trailing_octets, "trailing"),
        (framing.follows_in_datagram, "follows"),
        (framing.bad_content_length, "bad"),
        (framing.missing_content_length, "missing"),
        (framing.head_unfinished, "unfinished"),
        (framing.after_gap, "after-gap"),
    ] {
        if set {
            line.push(' ');
            line.push_str(name);
        }
    }
    line
}

#[track_caller]
fn datagram(payload: &str, expected: &[&str]) {
    let mut lines = Vec::new();
    let datagram = Datagram {
        flow: flow(SIP, Transport::Udp),
        origin: origin(1),
        payload: payload.as_bytes(),
    };
    frame_datagram(&datagram, &mut Head::new(64), &mut |message| {
        lines.push(line(&message));
    });
    assert_eq!(lines, expected);
}

struct Wire {
    framer: Framer,
    port: u16,
    frame: u64,
    lines: Vec<String>,
    defects: Vec<DefectKind>,
}

impl Wire {
    fn new(port: u16) -> Self {
        Self::with(port, &Limits::default())
    }

    fn with(port: u16, limits: &Limits) -> Self {
        Self {
            framer: Framer::new(limits),
            port,
            frame: 0,
            lines: Vec::new(),
            defects: Vec::new(),
        }
    }

    fn event(&mut self, stream: u64, event: Event<'_>) -> Appetite {
        self.frame += 1;
        let chunk = Chunk {
            stream: StreamId(stream),
            flow: flow(self.port, Transport::Tcp),
            origin: origin(self.frame),
            event,
        };
        self.framer.push(
            &chunk,
            &mut |message| self.lines.push(line(&message)),
            &mut |defect| self.defects.push(defect.kind),
        )
    }

    fn bytes(&mut self, text: &str) -> Appetite {
        self.event(1, Event::Bytes(text.as_bytes()))
    }

    fn end(&mut self) {
        self.event(1, Event::End);
        assert_eq!(self.framer.buffered_bytes(), 0);
        assert!(self.framer.streams.is_empty());
    }

    #[track_caller]
    fn check(&self, expected: &[&str]) {
        assert_eq!(self.lines, expected);
    }
}

fn message(method: &str, fields: &str, body: &str) -> String {
    format!("{method} sip:a@b SIP/2.0\r\nv: x\r\ni: y\r\n{fields}\r\n{body}")
}

#[test]
fn datagrams_follow_the_table() {
    let with = |fields: &str, body: &str| message("INFO", fields, body);
    datagram(&with("l: 4\r\n", "body"), &["@1 INFO [body]"]);
    datagram(&with("", "body"), &["@1 INFO [body]"]);
    datagram(&with("l: 2\r\n", "body"), &["@1 INFO [bo] trailing"]);
    datagram(&with("l: 4\r\n", "body\r\n"), &["@1 INFO [body]"]);
    datagram(&with("l: 9\r\n", "body"), &["@1 INFO [body] truncated"]);
    datagram(&with("l: -9\r\n", "body"), &["@1 INFO [body] bad"]);
    datagram(&with("l: 1\r\nl: 2\r\n", "body"), &["@1 INFO [body] bad"]);
    datagram(
        "\r\n\r\nACK sip:a@b SIP/2.0\nl: 1\n\nab",
        &["@1 ACK [a] trailing"],
    );
    datagram("ACK sip:a@b SIP/2.0\r\nl: 1\r\n", &["@1 ACK [] unfinished"]);
}

#[test]
fn a_second_message_of_a_datagram_is_kept_and_flagged() {
    let two =
        message("REGISTER", "l: 0\r\n", "") + "\r\n\r\n" + &message("INVITE", "l: 2\r\n", "ab");
    datagram(&two, &["@1 REGISTER [] trailing", "@1 INVITE [ab] follows"]);
}

#[test]
fn messages_of_one_chunk_are_all_found() {
    let mut wire = Wire::new(SIP);
    wire.bytes(&(message("INVITE", "l: 3\r\n", "abc") + "\r\n" + &message("ACK", "l: 0\r\n", "")));
    wire.check(&["@1 INVITE [abc]", "@1 ACK []"]);
    assert_eq!(wire.framer.buffered_bytes(), 0);
    wire.end();
}

#[test]
fn a_message_at_every_cut_names_both_frames() {
    let text = message("INVITE", "l: 3\r\n", "abc");
    for cut in 1..text.len() {
        for port in [SIP, 7777] {
            let mut wire = Wire::new(port);
            assert_eq!(
                wire.event(1, Event::Bytes(&text.as_bytes()[..cut])),
                Appetite::More,
                "{cut}"
            );
            wire.event(1, Event::Bytes(&text.as_bytes()[cut..]));
            wire.check(&["@1+2 INVITE [abc]"]);
            wire.end();
        }
    }
}

#[test]
fn two_messages_cut_anywhere_are_found() {
    let text = message("INVITE", "l: 3\r\n", "abc") + &message("BYE", "l: 1\r\n", "d");
    let first = message("INVITE", "l: 3\r\n", "abc").len();
    for cut in first + 1..text.len() {
        let mut wire = Wire::new(SIP);
        wire.event(1, Event::Bytes(&text.as_bytes()[..cut]));
        wire.event(1, Event::Bytes(&text.as_bytes()[cut..]));
        wire.check(&["@1 INVITE [abc]", "@1+2 BYE [d]"]);
    }
}

#[test]
fn a_missing_length_is_nothing_where_a_start_line_follows() {
    let mut wire = Wire::new(SIP);
    wire.bytes(&message("OPTIONS", "", ""));
    wire.check(&[]);
    wire.bytes(&message("BYE", "l: 0\r\n", ""));
    wire.check(&["@1 OPTIONS [] missing", "@2 BYE []"]);
    wire.end();
}

#[test]
fn a_missing_length_is_nothing_where_the_stream_ends() {
    let mut wire = Wire::new(SIP);
    wire.bytes(&message("OPTIONS", "", ""));
    wire.end();
    wire.check(&["@1 OPTIONS [] missing"]);
}

#[test]
fn a_body_without_length_ends_at_the_next_start_line() {
    let mut wire = Wire::new(SIP);
    wire.bytes(&message("INFO", "", "one\r\ntwo\r\n"));
    wire.bytes("SIP/2.0 200 OK\r\nl: 0\r\n\r\n");
    wire.check(&["@1 INFO [one\r\ntwo\r\n] missing", "@2 SIP/2.0 []"]);
    wire.end();
}

#[test]
fn a_bad_length_is_flagged_and_the_next_message_found() {
    let mut wire = Wire::new(SIP);
    wire.bytes(&message("INFO", "l: -3\r\n", "one\r\n"));
    wire.bytes(&message("BYE", "l: 0\r\n", ""));
    wire.bytes(&message("ACK", "l: 0\r\n", ""));
    wire.check(&["@1 INFO [one\r\n] bad", "@2 BYE [] after-gap", "@3 ACK []"]);
}

#[test]
fn a_length_too_small_loses_the_border_and_finds_the_next() {
    let mut wire = Wire::new(SIP);
    wire.bytes(&message("INFO", "l: 1\r\n", "one\r\ntwo\r\n"));
    wire.bytes(&message("BYE", "l: 0\r\n", ""));
    wire.check(&["@1 INFO [o]", "@2 BYE [] after-gap"]);
    assert_eq!(wire.defects, [DefectKind::Malformed]);
    assert_eq!(wire.framer.counts().skipped_bytes, 9);
}

#[test]
fn line_ends_between_messages_are_keepalives() {
    let mut wire = Wire::new(SIP);
    wire.bytes(&message("INFO", "l: 0\r\n", ""));
    wire.bytes("\r\n\r\n");
    wire.bytes(&message("BYE", "l: 0\r\n", ""));
    wire.check(&["@1 INFO []", "@3 BYE []"]);
    assert_eq!(wire.framer.counts().keepalives, 1);
    assert_eq!(wire.defects, []);
}

#[test]
fn a_gap_in_the_body_closes_the_message_and_keeps_the_border() {
    let mut wire = Wire::new(SIP);
    wire.bytes(&message("INFO", "l: 30\r\n", "0123456789"));
    wire.event(1, Event::Gap(10));
    let rest = "BYE sip:x@y SIP/2.0\r\n"; // of the body, as a sipfrag would have it
    wire.event(1, Event::Bytes(&rest.as_bytes()[..10]));
    wire.bytes(&message("ACK", "l: 0\r\n", ""));
    wire.check(&["@1 INFO [0123456789] truncated", "@4 ACK [] after-gap"]);
}

#[test]
fn a_gap_over_the_border_searches_the_next_message() {
    let mut wire = Wire::new(SIP);
    wire.bytes(&message("INFO", "l: 30\r\n", "0123456789"));
    wire.event(1, Event::Gap(100));
    wire.bytes("o: bar\r\nl: 4\r\n\r\nbody");
    wire.bytes("\r\nend\r\n");
    wire.bytes(&message("ACK", "l: 0\r\n", ""));
    wire.check(&["@1 INFO [0123456789] truncated", "@5 ACK [] after-gap"]);
}

#[test]
fn a_gap_in_the_header_fields_drops_the_message() {
    let mut wire = Wire::new(SIP);
    wire.bytes("INVITE sip:a@b SIP/2.0\r\nVia: ");
    wire.event(1, Event::Gap(5));
    wire.bytes("\r\nl: 0\r\n\r\n");
    wire.bytes(&message("ACK", "l: 0\r\n", ""));
    wire.check(&["@4 ACK [] after-gap"]);
    assert_eq!(wire.defects, [DefectKind::Malformed]);
}

#[test]
fn a_gap_before_the_first_bytes_is_told() {
    let mut wire = Wire::new(SIP);
    wire.event(1, Event::Gap(5));
    wire.bytes(&message("ACK", "l: 0\r\n", ""));
    wire.check(&["@2 ACK [] after-gap"]);
}

#[test]
fn the_end_of_the_capture_closes_what_is_open() {
    let mut wire = Wire::new(SIP);
    wire.bytes(&message("INFO", "l: 30\r\n", "0123"));
    let Wire { framer, lines, .. } = &mut wire;
    framer.finish(&mut |message| lines.push(line(&message)), &mut |_| ());
    wire.check(&["@1 INFO [0123] truncated"]);
}

#[test]
fn the_middle_of_a_message_is_held_on_sip_ports_only() {
    let middle = b"sip:a@b>\r\nl: 0\r\n\r\n";
    assert_eq!(
        Wire::new(SIP).event(1, Event::Probe(middle)),
        Appetite::Hold
    );
    assert_eq!(
        Wire::new(7777).event(1, Event::Probe(middle)),
        Appetite::Nothing
    );
    let binary = b"\x17\x03\x03\x00\x10";
    assert_eq!(
        Wire::new(SIP).event(1, Event::Probe(binary)),
        Appetite::Nothing
    );
}

#[test]
fn a_stream_released_in_the_middle_is_searched() {
    let mut wire = Wire::new(SIP);
    let text = String::from("sip:a@b>\r\nl: 0\r\n\r\n") + &message("BYE", "l: 0\r\n", "");
    assert_eq!(wire.bytes(&text), Appetite::More);
    wire.check(&["@1 BYE [] after-gap"]);
}

#[test]
fn http_with_a_sip_status_line_is_no_message() {
    let mut wire = Wire::new(80);
    let answer = wire.bytes("SIP/2.0 200 ok\r\nHTTP/1.1 200 ok\r\nDate: x\r\n\r\nbody");
    assert_eq!(answer, Appetite::Nothing);
    wire.check(&[]);
    assert_eq!(wire.defects, [DefectKind::SipLike]);
}

#[test]
fn http_on_a_sip_port_is_not_followed() {
    let mut wire = Wire::new(SIP);
    assert_eq!(
        wire.bytes("GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        Appetite::Nothing
    );
    assert!(wire.framer.streams.is_empty());
}

#[test]
fn a_message_over_the_limit_is_passed_over() {
    let limits = Limits {
        message_bytes: 200,
        ..Limits::default()
    };
    for fields in [
        format!("s: {}\r\n", "a".repeat(300)),
        "l: 300\r\n".to_owned(),
    ] {
        let mut wire = Wire::with(SIP, &limits);
        wire.bytes(&message("INFO", &fields, "0123\r\n"));
        wire.bytes(&message("BYE", "l: 0\r\n", ""));
        assert_eq!(wire.lines.last().unwrap(), "@2 BYE [] after-gap");
        assert!(wire.defects.contains(&DefectKind::Malformed));
    }
}

#[test]
fn endless_text_on_a_sip_port_is_given_up() {
    let mut wire = Wire::new(SIP);
    let mut answer = Appetite::More;
    for _ in 0..10_000 {
        answer = wire.bytes("some text of no protocol that is known to us\r\n");
        if answer == Appetite::Nothing {
            break;
        }
        assert!(wire.framer.buffered_bytes() < 10_000);
    }
    assert_eq!(answer, Appetite::Nothing);
}

#[test]
fn unfinished_messages_together_are_capped() {
    let limits = Limits {
        unfinished_bytes: 1000,
        ..Limits::default()
    };
    let mut wire = Wire::with(SIP, &limits);
    let text = message("INFO", "l: 300\r\n", "0123");
    for stream in 0..500 {
        wire.event(stream, Event::Bytes(text.as_bytes()));
        assert!(wire.framer.buffered_bytes() <= 1000);
    }
    assert!(wire.defects.contains(&DefectKind::Evicted));
}

#[test]
fn a_flow_that_gave_a_message_needs_no_further_proof() {
    let mut wire = Wire::new(7777);
    let mut take = |payload: &[u8]| {
        let datagram = Datagram {
            flow: flow(7777, Transport::Udp),
            origin: origin(1),
            payload,
        };
        wire.framer.datagram(&datagram, &mut |_| (), &mut |_| ())
    };
    assert_eq!(take(b"ACK sip:a@b SIP/2.0\r\n\r\n"), Verdict::SipLike);
    assert_eq!(take(b"\r\n"), Verdict::No);
    assert_eq!(take(message("BYE", "", "").as_bytes()), Verdict::Sip);
    assert_eq!(take(b"ACK sip:a@b SIP/2.0\r\n\r\n"), Verdict::Sip);
    assert_eq!(take(b"\r\n"), Verdict::Keepalive);
    assert_eq!(wire.framer.counts().keepalives, 1);
}
