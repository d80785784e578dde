//! Messages from nothing: what the RFCs' own do not show.

use std::fmt::Write as _;
use std::net::SocketAddr;

use sipannotate::limits::Limits;

use crate::common::pcap;
use crate::common::run::{Report, number, text};
use crate::wire::{self, Read};

/// The header fields every message needs.
fn fields(method: &str, call_id: &str) -> String {
    format!(
        "Via: SIP/2.0/UDP h;branch=z9hG4bK{call_id}\r\nMax-Forwards: 70\r\nFrom: <sip:a@h>;tag=1\r\n\
         To: <sip:b@h>\r\nCall-ID: {call_id}\r\nCSeq: 1 {method}\r\n"
    )
}

/// A request without oddities.
pub(crate) fn request(method: &str, call_id: &str) -> Vec<u8> {
    let fields = fields(method, call_id);
    format!("{method} sip:b@h SIP/2.0\r\n{fields}Content-Length: 0\r\n\r\n").into_bytes()
}

/// An OPTIONS with `extra` fields in front of the others.
fn with(extra: &str) -> Vec<u8> {
    let fields = fields("OPTIONS", "made");
    format!("OPTIONS sip:b@h SIP/2.0\r\n{extra}{fields}Content-Length: 0\r\n\r\n").into_bytes()
}

/// A capture of datagrams, one second apart.
pub(crate) fn capture(payloads: &[Vec<u8>]) -> Vec<u8> {
    let options = pcap::Options::default();
    let socket = |text: &str| -> SocketAddr { text.parse().expect("a socket") };
    let (src, dst) = (socket("192.0.2.1:5060"), socket("192.0.2.2:5060"));
    let records: Vec<pcap::Record> = payloads
        .iter()
        .zip(1_u16..)
        .map(|(payload, id)| {
            let udp = pcap::udp(src, dst, payload);
            let fields = pcap::IpFields { id, ttl: 64 };
            let packet = pcap::ip(src.ip(), dst.ip(), pcap::UDP, fields, &udp);
            pcap::Record {
                time_ns: 1_700_000_000_000_000_000 + u64::from(id) * 1_000_000_000,
                bytes: pcap::frame(&packet, options.link, &[], options.order),
            }
        })
        .collect();
    pcap::write(&records, &options)
}

/// The one message of a datagram.
fn only(bytes: &[u8]) -> Read {
    let mut read = wire::datagram(bytes);
    assert_eq!(read.len(), 1, "{}", String::from_utf8_lossy(bytes));
    read.remove(0)
}

#[test]
fn every_code_from_100_to_699_is_annotated_and_the_others_are_counted() {
    let response = |code: u16, phrase: &str| -> Vec<u8> {
        let fields = fields("INVITE", &format!("code-{code}"));
        format!("SIP/2.0 {code:03} {phrase}\r\n{fields}Content-Length: 0\r\n\r\n").into_bytes()
    };
    // Of codes nobody has registered there is no phrase to be known.
    let payloads: Vec<Vec<u8>> = (100..700).map(|code| response(code, "")).collect();
    let report = Report::of_bytes(capture(&payloads));
    let codes: Vec<u64> = report.responses.iter().map(|r| number(r, "code")).collect();
    assert_eq!(codes, (100..700).collect::<Vec<u64>>());
    for response in &report.responses {
        assert!(!text(response, "meaning").is_empty(), "{response}");
    }
    assert_eq!(report.total("malformed"), 0);
    // RFC 3261 §8.1.3.2: an unknown code is treated as the x00 of its class.
    let meaning = |code: usize| text(&report.responses[code - 100], "meaning").to_owned();
    assert_ne!(meaning(486), meaning(487));
    for class in 1..=6 {
        assert_eq!(
            meaning(class * 100 + 98),
            meaning(class * 100 + 97),
            "{class}xx"
        );
    }
    for code in [0, 99, 700, 999] {
        let read = only(&response(code, "Odd"));
        assert_eq!(read.odd, ["invalid_status_code"], "{code}");
        assert_eq!(read.start, format!("{code:03}"));
    }
}

#[test]
fn a_method_nobody_registered_is_read_with_its_response() {
    let request = request("CALLME", "made");
    assert_eq!(only(&request).start, "CALLME");
    assert_eq!(only(&request).odd, [""; 0]);
    let fields = fields("CALLME", "made");
    let response = format!("SIP/2.0 501 Not Implemented\r\n{fields}Content-Length: 0\r\n\r\n");
    let report = Report::of_bytes(capture(&[request, response.into_bytes()]));
    assert_eq!(report.responses.len(), 1);
    assert_eq!(text(&report.responses[0], "method"), "CALLME");
    assert_eq!(report.total("malformed"), 0);
}

#[test]
fn an_empty_phrase_is_read_with_and_without_the_blank_before_it() {
    for line in ["SIP/2.0 200 ", "SIP/2.0 200"] {
        let fields = fields("INVITE", "made");
        let read = only(format!("{line}\r\n{fields}Content-Length: 0\r\n\r\n").as_bytes());
        assert_eq!((&*read.start, &*read.what), ("200", ""));
        assert_eq!(read.odd, [""; 0]);
    }
}

#[test]
fn bytes_that_are_not_utf_8_are_read_in_any_field() {
    let plain = String::from_utf8(with("Subject: x\r\nContact: <sip:c@h>\r\n")).expect("text");
    for field in [
        "Subject: ",
        "tag=",
        "From: \"",
        "branch=",
        "Call-ID: ",
        "Contact: <sip:",
    ] {
        let plain = plain.replace("From: <", "From: \"\" <");
        let at = plain.find(field).expect(field) + field.len();
        let mut bytes = plain.into_bytes();
        bytes.splice(at..at, [0xff, 0xc3, 0x28]);
        let read = only(&bytes);
        assert_eq!(read.odd, [""; 0], "{field}");
        assert_eq!(read.cseq, "1 OPTIONS");
        let report = Report::of_bytes(capture(&[bytes]));
        assert_eq!(report.total("requests"), 1, "{field}");
    }
}

#[test]
fn fields_without_a_value_are_missing_only_where_one_is_needed() {
    for name in [
        "Subject",
        "Supported",
        "Contact",
        "Route",
        "Accept",
        "X",
        "q",
    ] {
        assert_eq!(only(&with(&format!("{name}:\r\n"))).odd, [""; 0], "{name}");
    }
    let plain = String::from_utf8(with("")).expect("text");
    for (whole, empty, odd) in [
        ("Call-ID: made", "Call-ID:", "insufficient"),
        ("From: <sip:a@h>;tag=1", "From: ", "insufficient"),
        ("To: <sip:b@h>", "To:", "insufficient"),
        ("Max-Forwards: 70", "Max-Forwards:", "out_of_range"),
    ] {
        let read = only(plain.replace(whole, empty).as_bytes());
        assert_eq!(read.odd, [odd], "{empty}");
        assert_eq!(read.via, "1: h z9hG4bKmade");
    }
}

#[test]
fn a_letter_that_is_no_compact_name_is_another_field() {
    for letter in ["g", "h", "p", "q", "w", "z"] {
        let read = only(&with(&format!("{letter}: SIP/2.0/UDP other\r\n")));
        assert_eq!(read, only(&with("")), "{letter}");
    }
}

#[test]
fn a_carriage_return_alone_ends_no_line() {
    let read = only(&with("Subject: one\rCall-ID: two\r\n"));
    assert_eq!(read.call_id, "made");
    assert_eq!(read.odd, [""; 0]);
}

#[test]
fn line_feeds_alone_and_mixed_line_ends_are_read_alike() {
    let plain = String::from_utf8(with("")).expect("text");
    let expected = only(plain.as_bytes());
    assert_eq!(only(plain.replace("\r\n", "\n").as_bytes()), expected);
    assert_eq!(
        wire::stream(plain.replace("\r\n", "\n").as_bytes()),
        std::slice::from_ref(&expected)
    );
    for skip in 1..4 {
        let mut mixed = String::new();
        for (index, line) in plain.split_inclusive("\r\n").enumerate() {
            let line = line.trim_end();
            mixed += line;
            mixed += if index % (skip + 1) == 0 {
                "\n"
            } else {
                "\r\n"
            };
        }
        assert_eq!(only(mixed.as_bytes()), expected, "{mixed:?}");
        assert_eq!(
            wire::stream(mixed.as_bytes()),
            std::slice::from_ref(&expected),
            "{mixed:?}"
        );
    }
}

#[test]
fn the_values_of_a_list_are_one_sequence_over_lines_and_folds() {
    let vias = "Via: SIP/2.0/UDP v1;branch=b1 ,\r\n SIP/2.0/TCP v2\r\nv: SIP/2.0/TLS v3,SIP/2.0/UDP v4\r\n";
    let read = only(&with(vias));
    assert_eq!(read.via, "5: v1 b1");
    assert_eq!(read.odd, [""; 0]);
}

#[test]
fn very_many_vias_are_counted() {
    for count in [128, 200] {
        let mut vias = String::new();
        for hop in 1..count {
            write!(vias, "Via: SIP/2.0/UDP v{hop};branch=b{hop}\r\n").expect("text");
        }
        let read = only(&with(&vias));
        assert_eq!(read.via, format!("{count}: v1 b1"));
        assert_eq!(read.odd, [""; 0]);
    }
}

#[test]
fn fields_beyond_the_cap_are_said_and_the_first_are_read() {
    let cap = Limits::default().header_fields;
    let with_extra = |extra: usize| {
        let bytes = String::from_utf8(with("")).expect("text");
        only(
            bytes
                .replace(
                    "Content-Length",
                    &("X: y\r\n".repeat(extra) + "Content-Length"),
                )
                .as_bytes(),
        )
    };
    assert_eq!(with_extra(cap - 7), only(&with("")));
    let read = with_extra(cap - 6);
    assert_eq!(read.odd, ["too_many_headers"]);
    assert_eq!(read.call_id, "made");
}

#[test]
fn a_field_of_16_kib_is_read() {
    let long = "x".repeat(16 * 1024);
    for field in ["Subject", "Identity", "X"] {
        let bytes = with(&format!("{field}: {long}\r\n"));
        assert_eq!(only(&bytes), only(&with("")), "{field}");
        assert_eq!(wire::stream(&bytes), [only(&with(""))], "{field}");
    }
    let read = only(&with(&format!(
        "Contact: \"{long}\" <sip:c@h>;x={long}\r\n"
    )));
    assert_eq!(read.odd, [""; 0]);
}

#[test]
fn what_is_odd_is_told_from_what_only_looks_so() {
    for (extra, odd) in [
        // Separators in quoted strings and URIs are text.
        ("Contact: \"a;;b,,c\" <sip:c@h;;x>;q=1\r\n", ""),
        ("Contact: <sip:c@h>;x=\";;\"\r\n", ""),
        ("Contact: <sip:c@h>, <sip:d@h>;q=1\r\n", ""),
        ("Contact: *\r\n", ""),
        ("Contact: <sip:c@h>;\r\n", "extra_separators"),
        ("Contact: <sip:c@h>; ;q=1\r\n", "extra_separators"),
        ("Contact: <sip:c@h>, ,<sip:d@h>\r\n", "extra_separators"),
        ("Via: SIP/2.0/UDP h;branch=b1;\r\n", "extra_separators"),
        ("Via: ,SIP/2.0/UDP h\r\n", "extra_separators"),
        // Header fields of a Contact are legal in <>, and so is a question mark in quotes.
        ("Contact: <sip:c@h?Subject=x>\r\n", ""),
        ("Contact: \"why?\" <sip:c@h>\r\n", ""),
        ("Contact: sip:c@h;x=\"?\"\r\n", ""),
        ("Contact: sip:c@h?Subject=x\r\n", "regbadct"),
        ("Contact: <sip:d@h>, sip:c@h?Subject=x\r\n", "regbadct"),
        ("Contact: < sip:c@h>\r\n", "badaspec"),
        ("Contact: <sip:c@h >;q=1\r\n", "badaspec"),
        ("Contact: A. B'c+ <sip:c@h>\r\n", ""),
        ("Contact: a@b <sip:c@h>\r\n", "baddn"),
        ("Contact: <sip:c@h>;expires=4294967295\r\n", ""),
        ("Contact: <sip:c@h>;expires=4294967296\r\n", "out_of_range"),
        ("Contact: <sip:c@h>;expires=\"soon\"\r\n", ""),
        ("Expires: 4294967295\r\n", ""),
        ("Expires: 4294967296\r\n", "out_of_range"),
        ("Retry-After: 120 (in a meeting);duration=60\r\n", ""),
        ("Retry-After: 4294967296;duration=60\r\n", "out_of_range"),
        ("Warning: 399 h \"a, b\", 301 h \"c\"\r\n", ""),
        ("Warning: 399 h \"a\", 39 h \"b\"\r\n", "out_of_range"),
        ("Date: Sat, 13 Nov 2010 23:29:00 GMT\r\n", ""),
        ("Date: Sat, 13 Nov 2010 23:29:00 UTC\r\n", "date_not_gmt"),
        ("Date: Sat, 13 Nov 2010 23:29:00 gmt\r\n", "date_not_gmt"),
    ] {
        let odd: &[&str] = if odd.is_empty() { &[] } else { &[odd] };
        assert_eq!(only(&with(extra)).odd, odd, "{extra}");
    }
    let plain = String::from_utf8(with("")).expect("text");
    for (whole, other, odd) in [
        ("sip:b@h SIP", "sip:b?c@h SIP", ""),
        ("sip:b@h SIP", "tel:+1?x SIP", ""),
        ("sip:b@h SIP", "sips:h?x=y SIP", "escruri"),
        ("From: <", "From: J\u{e9}r\u{f4}me <", "baddn"),
        ("From: <", "From: \"J\u{e9}r\u{f4}me\" <", ""),
        ("tag=1", "tag=1;", "extra_separators"),
        (";tag=1", ";;tag=1", "extra_separators"),
        ("Max-Forwards: 70", "Max-Forwards: 255", ""),
        ("Max-Forwards: 70", "Max-Forwards: 256", "out_of_range"),
        ("Max-Forwards: 70", "Max-Forwards: -1", "out_of_range"),
        ("CSeq: 1 ", "CSeq: 4294967295 ", ""),
        ("CSeq: 1 ", "CSeq: 4294967296 ", "out_of_range"),
    ] {
        let odd: &[&str] = if odd.is_empty() { &[] } else { &[odd] };
        let read = only(plain.replace(whole, other).as_bytes());
        assert_eq!(read.odd, odd, "{other}");
    }
}
