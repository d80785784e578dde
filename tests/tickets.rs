//! Ladders and tickets as people get them: what is drawn at which width, and that nothing a stranger
//! sent is more than text in them.
//!
//! The Markdown is read back by a small reader of our own (`read_back`): fences that close, table rows
//! of one width, and, outside code, none of the characters and words of which a reader of Markdown
//! makes markup, links or mentions. Diagrams are held to the part of Mermaid's grammar that is used.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::format_push_string,
    reason = "the helpers of tests are outside `#[test]` functions, and may panic all the same"
)]

mod common;

use std::collections::BTreeMap;
use std::io::{self, Cursor, Write};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use common::ladder::Ladder as Script;
use common::pcap::{self, IpFields, Link, Order, Record};
use proptest::prelude::*;
use sipannotate::capture::Source;
use sipannotate::ladder::Choice;
use sipannotate::pipeline::{self, Input, Options};
use sipannotate::report::clock::TimeStyle;
use sipannotate::report::labels::Lang;
use sipannotate::report::markdown::{self, Markdown};
use sipannotate::report::view::Ladder;
use sipannotate::report::{Again, Digest, Provenance, Report as _, ladder, table, text, view};
use sipannotate::units::FrameRef;

fn inputs(capture: &[u8]) -> Vec<Input> {
    vec![Input {
        path: "call.pcap".to_owned(),
        source: Source::Stream(Box::new(Cursor::new(capture.to_vec()))),
    }]
}

/// All calls of a capture, drawn or not.
fn calls(capture: &[u8]) -> Vec<Ladder> {
    let choice = Choice::Like(Vec::new());
    pipeline::gather(inputs(capture), &Options::default(), choice, None)
        .expect("nothing fails")
        .ladders
}

fn call(text: &str) -> Ladder {
    calls(&Script::of(text).capture()).remove(0)
}

fn drawn(of: &Ladder, width: usize, lang: Lang, color: bool) -> String {
    let options = ladder::Options {
        width,
        color,
        lang,
        time: TimeStyle::Utc,
        many_files: false,
    };
    let mut out = Vec::new();
    ladder::write(of, &options, &mut out).unwrap();
    let mut selected = of.clone();
    for sent in &mut selected.messages {
        sent.selected = true;
    }
    ladder::write_frame(&selected, &options, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// The ladder alone.
fn ladder_at(of: &Ladder, width: usize) -> String {
    let all = drawn(of, width, Lang::En, false);
    all.split("\nFrame 1,").next().unwrap().to_owned()
}

struct Reread(Vec<u8>);

impl Again for Reread {
    fn calls(&mut self, wanted: BTreeMap<Vec<u8>, Option<FrameRef>>) -> io::Result<Vec<Ladder>> {
        let choice = Choice::Calls(wanted);
        let gathered = pipeline::gather(inputs(&self.0), &Options::default(), choice, None)?;
        Ok(gathered.ladders)
    }

    fn provenance(&mut self) -> io::Result<Provenance> {
        Ok(Provenance {
            command: "sipannotate -f markdown '```'".to_owned(),
            files: vec![Digest {
                path: "call.pcap".into(),
                bytes: 7,
                sha256: None,
            }],
        })
    }
}

#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn ticket_with(capture: &[u8], look: table::Options) -> String {
    let sink = Sink::default();
    let again = Box::new(Reread(capture.to_vec()));
    let mut report = Box::new(Markdown::new(sink.clone(), look, again));
    let outcome = pipeline::analyse(inputs(capture), &Options::default(), &mut |response| {
        report.response(response)
    });
    report
        .finish(&outcome.expect("nothing fails").view)
        .unwrap();
    let bytes = sink.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

fn ticket(capture: &[u8]) -> String {
    ticket_with(capture, table::Options::default())
}

/// Whether a character steers a terminal, or hides or reorders text.
fn steers(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
}

/// A Markdown document, read back.
#[derive(Debug, Default)]
struct Document {
    /// Lines outside fences.
    prose: Vec<String>,
    /// Language and lines of each fence.
    fences: Vec<(String, Vec<String>)>,
}

impl Document {
    fn diagrams(&self) -> impl Iterator<Item = &Vec<String>> {
        let fences = self.fences.iter();
        fences
            .filter(|(language, _)| language == "mermaid")
            .map(|(_, lines)| lines)
    }
}

/// Reads a document and checks all that must hold of any.
#[track_caller]
fn read_back(markdown: &str) -> Document {
    let mut document = Document::default();
    let mut open: Option<(usize, String, Vec<String>)> = None;
    for line in markdown.lines() {
        assert!(!line.chars().any(steers), "a control character: {line:?}");
        // Up to three blanks may stand before a fence (CommonMark 0.31, fenced code blocks).
        let bare = line.trim_start_matches(' ');
        let run = bare.len() - bare.trim_start_matches('`').len();
        let is_fence = run >= 3 && line.len() - bare.len() < 4;
        match &mut open {
            None if is_fence => {
                let language = line.trim_start_matches('`').to_owned();
                let known = ["text", "json", "mermaid", "sh"].contains(&language.as_str());
                assert!(known, "a fence of a stranger: {line}");
                open = Some((run, language, Vec::new()));
            }
            None => document.prose.push(line.to_owned()),
            Some((length, ..)) if is_fence && run >= *length && bare[run..].trim().is_empty() => {
                let (_, language, lines) = open.take().unwrap();
                document.fences.push((language, lines));
            }
            Some((_, _, lines)) => lines.push(line.to_owned()),
        }
    }
    assert!(open.is_none(), "a fence is open at the end");
    let mut columns = None;
    for line in &document.prose {
        let text = check_prose(line);
        let bars = text.matches('|').count();
        if line.starts_with('|') {
            assert_eq!(*columns.get_or_insert(bars), bars, "cells: {line}");
        } else {
            columns = None;
            assert_eq!(bars, 0, "a bar outside tables: {line}");
        }
    }
    for lines in document.diagrams() {
        check_diagram(lines);
    }
    document
}

/// The line without its code and escapes, in which no markup is left but ours.
#[track_caller]
fn check_prose(line: &str) -> String {
    let (mut rest, mut text) = (line, String::new());
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        match c {
            '\\' => {
                let escaped = rest.chars().next().expect("a backslash at the end");
                assert!(escaped.is_ascii_punctuation(), "no escape: {line}");
                rest = &rest[1..];
            }
            '`' => {
                let end = rest
                    .find('`')
                    .unwrap_or_else(|| panic!("an open code span: {line}"));
                assert!(!rest[..end].contains('|'), "a bar in code: {line}");
                rest = &rest[end + 1..];
                text.push('C');
            }
            c => text.push(c),
        }
    }
    let without_bold = text.replace("**", "");
    let heading = without_bold.trim_start_matches('#');
    for markup in [
        "<", ">", "[", "]", "*", "~", "@", "#", "&", "$", "_", "://", "www.",
    ] {
        assert!(!heading.contains(markup), "{markup} in {line}");
    }
    text
}

/// Participants, arrows and notes, with texts in which nothing ends a statement.
#[track_caller]
fn check_diagram(lines: &[String]) {
    assert_eq!(lines[0], "sequenceDiagram");
    let host = |text: &str| {
        text.strip_prefix('h')
            .is_some_and(|no| no.parse::<usize>().is_ok())
    };
    for line in &lines[1..] {
        let statement = line
            .strip_prefix("    ")
            .unwrap_or_else(|| panic!("{line}"));
        let text = if let Some(rest) = statement.strip_prefix("participant ") {
            let (id, name) = rest.split_once(" as ").unwrap();
            assert!(host(id), "{line}");
            name
        } else if let Some(rest) = statement.strip_prefix("Note over ") {
            let (over, text) = rest.split_once(": ").unwrap();
            assert!(over.split(',').all(host), "{line}");
            text
        } else {
            let (arrow, text) = statement.split_once(": ").unwrap();
            let ends = arrow.split_once("-->>").or_else(|| arrow.split_once("->>"));
            let (from, to) = ends.unwrap_or_else(|| panic!("{line}"));
            assert!(host(from) && host(to), "{line}");
            text
        };
        let mut rest = text;
        while let Some(at) = rest.find(['#', ';', '"', '<', '%', '{', '\\', '`']) {
            let entity = rest[at..]
                .strip_prefix('#')
                .and_then(|rest| rest.split_once(';'));
            let (number, behind) = entity.unwrap_or_else(|| panic!("{line}"));
            assert!(number.parse::<u32>().is_ok(), "{line}");
            rest = behind;
        }
    }
}

const THROUGH_A_PROXY: &str = "
host alice 10.1.0.1:5060
proxy p 10.3.0.1:5060
host bob 10.2.0.1:5060
call c1
  0.000 alice -> p INVITE
  0.001 p -> bob INVITE
  0.010 p -> alice 100
  1.000 bob -> p 200 as ok
  1.001 p -> alice 200
  1.100 alice -> p ACK
  repeat ok fully
  33.1 bob -> p BYE
  33.2 p -> bob 200
end 120
";

#[test]
fn a_ladder_reads_well_at_three_widths() {
    let call = call(THROUGH_A_PROXY);
    insta::assert_snapshot!("ladder_80", ladder_at(&call, 80));
    insta::assert_snapshot!("ladder_120", ladder_at(&call, 120));
    insta::assert_snapshot!("ladder_200", ladder_at(&call, 200));
}

#[test]
fn hosts_are_letters_where_there_is_no_room_for_arrows() {
    let mut text = String::from("host alice 10.1.0.1:5060\nhost bob 10.2.0.1:5060\n");
    for proxy in 1..=6 {
        text += &format!("proxy p{proxy} 10.3.0.{proxy}:5060\n");
    }
    text += "call c1\n  0.000 alice -> p1 INVITE\n";
    for proxy in 1..6 {
        text += &format!("  0.00{proxy} p{proxy} -> p{} INVITE\n", proxy + 1);
    }
    text += "  0.007 p6 -> bob INVITE\n  0.100 bob -> p6 486\nend 60\n";
    let call = call(&text);
    insta::assert_snapshot!("lettered_80", ladder_at(&call, 80));
    assert!(ladder_at(&call, 200).contains("--- INVITE"));
}

#[test]
fn colours_only_repeat_what_the_words_say() {
    let call = call(THROUGH_A_PROXY);
    let colored = drawn(&call, 120, Lang::En, true);
    let mut plain = String::new();
    for (index, part) in colored.split('\u{1b}').enumerate() {
        let behind = part.split_once('m').map_or(part, |(_, behind)| behind);
        plain.push_str(if index == 0 { part } else { behind });
    }
    let trimmed: Vec<&str> = plain.lines().map(str::trim_end).collect();
    let expected = drawn(&call, 120, Lang::En, false);
    assert_eq!(trimmed, expected.lines().collect::<Vec<_>>());
    assert!(colored.contains("\u{1b}["));
}

#[test]
fn a_ticket_has_all_its_parts() {
    let markdown = ticket(&Script::of(THROUGH_A_PROXY).capture());
    let document = read_back(&markdown);
    let headings: Vec<&str> = document
        .prose
        .iter()
        .map(String::as_str)
        .filter(|line| line.starts_with("## "))
        .collect();
    assert_eq!(
        headings,
        [
            "## At a glance",
            "## Findings",
            "## Responses by code",
            "## Responses",
            "## What was not analysed",
            "## How this was made"
        ]
    );
    assert_eq!(document.diagrams().count(), 1);
    assert!(
        markdown.contains("INVITE sip:"),
        "the request as it was sent"
    );
    assert!(markdown.contains("× 11 over 31.5 s"), "repeats are folded");
    assert!(
        !document
            .prose
            .iter()
            .any(|line| line.contains("INVITE sip:"))
    );
}

#[test]
fn a_signed_call_has_its_passport_decoded() {
    let markdown = ticket(
        &Script::of(
            "
host alice 10.1.0.1:5060
host bob 10.2.0.1:5060
call c1
  0.000 alice -> bob INVITE identity attest=B
  0.100 bob -> alice 438
  0.110 alice -> bob ACK
end 60
",
        )
        .capture(),
    );
    let document = read_back(&markdown);
    let json = document
        .fences
        .iter()
        .find(|(language, _)| language == "json");
    let json: serde_json::Value = serde_json::from_str(&json.unwrap().1.join("\n")).unwrap();
    assert_eq!(json["payload"]["attest"], "B");
}

#[test]
fn a_ticket_of_a_quiet_capture_says_so() {
    let document = read_back(&ticket(
        &Script::of(
            "
host alice 10.1.0.1:5060
host bob 10.2.0.1:5060
call c1
  0.000 alice -> bob OPTIONS
  0.100 bob -> alice 200
end 60
",
        )
        .capture(),
    ));
    assert_eq!(document.prose[0], "# No incident in this capture");
}

#[test]
fn all_responses_stand_in_a_ticket_only_where_they_are_asked_for() {
    let capture = Script::of(
        "
host alice 10.1.0.1:5060
host bob 10.2.0.1:5060
call c1 times 250 every 1
  0.000 alice -> bob OPTIONS
  0.100 bob -> alice 200
end 300
",
    )
    .capture();
    let rows = |all: bool| {
        let look = table::Options {
            all,
            ..table::Options::default()
        };
        let document = read_back(&ticket_with(&capture, look));
        document
            .prose
            .iter()
            .filter(|line| line.contains("10.2.0.1:5060"))
            .count()
    };
    assert_eq!((rows(false), rows(true)), (200, 250));
}

/// Hundreds of ordinary calls, then the refusals that matter.
fn late_incident() -> Vec<u8> {
    Script::of(
        "
host alice 10.1.0.1:5060
host bob 10.2.0.1:5060
call good times 400 every 1
  0.000 alice -> bob INVITE
  0.050 bob -> alice 180
  0.100 bob -> alice 200
  0.150 alice -> bob ACK
  0.400 alice -> bob BYE
  0.450 bob -> alice 200
call busy at 100 times 250 every 1
  0.000 alice -> bob INVITE
  0.100 bob -> alice 486
  0.150 alice -> bob ACK
call refused at 500 times 40 every 0.5
  0.000 alice -> bob INVITE
  0.100 bob -> alice 438
  0.150 alice -> bob ACK
call gone at 530
  0.000 alice -> bob INVITE
  0.100 bob -> alice 503
  0.150 alice -> bob ACK
end 900
",
    )
    .capture()
}

#[test]
fn a_ticket_fits_a_comment_and_its_responses_are_those_that_matter() {
    let ticket = ticket(&late_incident());
    assert!(ticket.len() < 60_000, "{}", ticket.len());
    let document = read_back(&ticket);
    let rows: Vec<&String> = document
        .prose
        .iter()
        .filter(|line| line.starts_with("| ") && line.contains("10.2.0.1:5060 →"))
        .collect();
    let count = |code: &str| rows.iter().filter(|row| row.contains(code)).count();
    assert!(count("| 438 ") >= 12, "{ticket}");
    assert_eq!(count("| 503 "), 1);
    assert!(count("| 486 ") > 20);
    let told = ticket
        .lines()
        .find(|line| line.contains("of the findings above"));
    let told = told.unwrap();
    assert!(
        told.starts_with(&format!(
            "{} of 1491, in the order of the capture",
            rows.len()
        )),
        "{told}"
    );
}

#[test]
fn a_ticket_with_more_findings_than_fit_says_how_many_more() {
    let mut script = String::from("host bob 10.2.0.1:5060\n");
    for no in 1..=24 {
        script += &format!(
            "host a{no} 10.1.{no}.1:5060\ncall c{no} at {no} times 12 every 40\n  0 a{no} -> bob INVITE\n  \
             0.1 bob -> a{no} 200 as ok{no}\n  repeat ok{no} fully\n  34 bob -> a{no} BYE\n  34.1 a{no} -> bob 200\n"
        );
    }
    script += "end 900\n";
    let capture = Script::of(&script).capture();
    let short = ticket(&capture);
    assert!(short.len() < 60_000, "{}", short.len());
    let all = ticket_with(
        &capture,
        table::Options {
            all: true,
            ..table::Options::default()
        },
    );
    let findings = |text: &str| text.matches("\n### ").count();
    assert!(all.len() > 60_000, "{}", all.len());
    assert!(findings(&short) <= findings(&all));
    assert!(short.contains("\\+ "), "{short}");
}

/// A call in which every text that reports show is `hostile`, refused again and again.
fn hostile(texts: &[Vec<u8>; 4]) -> Vec<u8> {
    let alice: SocketAddr = "10.1.0.1:5060".parse().unwrap();
    let bob: SocketAddr = "10.2.0.1:5060".parse().unwrap();
    let mut records = Vec::new();
    let mut send = |ms: u64, from: SocketAddr, to: SocketAddr, message: &[u8]| {
        let fields = IpFields {
            id: u16::try_from(records.len() + 1).unwrap(),
            ttl: 64,
        };
        let packet = pcap::udp_packet(from, to, fields, message);
        records.push(Record {
            time_ns: 1_790_000_000_000_000_000 + ms * 1_000_000,
            bytes: pcap::frame(&packet, Link::Ethernet, &[], Order::default()),
        });
    };
    let [call_id, reason, name, body] = texts;
    for call in 0..12_u64 {
        let head = |start: &[u8], tag: &str| {
            let mut out = start.to_vec();
            out.extend(b"\r\nVia: SIP/2.0/UDP 10.1.0.1:5060;branch=z9hG4bK");
            out.extend(format!("{call}\r\nFrom: \"").as_bytes());
            out.extend(name);
            out.extend(
                format!("\" <sip:a@x>;tag=f\r\nTo: <sip:b@x>{tag}\r\nCall-ID: {call}").as_bytes(),
            );
            out.extend(call_id);
            out.extend(b"\r\nCSeq: 1 INVITE\r\nUser-Agent: ");
            out.extend(name);
            out.extend(b"\r\nServer: ");
            out.extend(name);
            out.extend(b"\r\nReason: SIP;cause=438;text=\"");
            out.extend(reason);
            out.extend(b"\"\r\nIdentity: e30.");
            out.extend(name);
            out.extend(b".AA;info=<https://");
            out.extend(reason);
            out.extend(format!(">;alg=ES256\r\nContent-Length: {}\r\n\r\n", body.len()).as_bytes());
            out.extend(body);
            out
        };
        let invite = head(b"INVITE sip:b@x SIP/2.0", "");
        let mut status = b"SIP/2.0 438 ".to_vec();
        status.extend(reason);
        send(call * 1000, alice, bob, &invite);
        send(call * 1000 + 100, bob, alice, &head(&status, ";tag=t"));
    }
    pcap::write(&records, &pcap::Options::default())
}

/// No line is too wide, and none has what steers a terminal.
#[track_caller]
fn check_drawing(of: &Ladder) {
    for (width, lang) in [(80, Lang::En), (120, Lang::Zh), (200, Lang::En)] {
        let all = drawn(of, width, lang, false);
        for line in all.lines() {
            assert!(!line.chars().any(steers), "{line:?}");
            assert_eq!(line, line.trim_end());
        }
        let options = ladder::Options {
            width,
            color: false,
            lang,
            time: TimeStyle::Utc,
            many_files: false,
        };
        let mut out = Vec::new();
        ladder::write(of, &options, &mut out).unwrap();
        for line in String::from_utf8(out).unwrap().lines() {
            assert!(
                text::width(line) <= width,
                "{} of {width}: {line}",
                text::width(line)
            );
        }
    }
}

#[track_caller]
fn check_hostile(texts: &[Vec<u8>; 4]) {
    let capture = hostile(texts);
    let markdown = ticket(&capture);
    read_back(&markdown);
    for call in calls(&capture).iter().take(2) {
        check_drawing(call);
        let mut out = Vec::new();
        markdown::write_call(call, table::Options::default(), &mut out).unwrap();
        read_back(&String::from_utf8(out).unwrap());
        let mut out = Vec::new();
        ladder::write_json(std::slice::from_ref(call), &view::View::default(), &mut out).unwrap();
        let json: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(
            json["calls"][0]["messages"].as_array().unwrap().len(),
            call.messages.len()
        );
    }
}

#[test]
fn markup_of_strangers_is_text() {
    let texts: [&[u8]; 4] = [
        b"`|@team<script>alert(1)</script>",
        b"``` | <img src=x onerror=alert(1)> [a](https://evil.example) @team #1 :tada:",
        b"**b** _i_ ~~s~~ $x$ &lt; \x1b[31m \xe2\x80\xae www.evil.example",
        b"v=0\r\n```\r\n# heading\r\n| a | b |\r\n````mermaid\r\n~~~\r\n<details>\r\n; end %%{init}%%\r\n",
    ];
    check_hostile(&texts.map(<[u8]>::to_vec));
    let texts: [&[u8]; 4] = [
        b"restyle:#1;end",
        b"style x:#a; classDef y:#b;\"quoted\"",
        b"\xff\xfe\x00",
        b"`````````````````````````",
    ];
    check_hostile(&texts.map(<[u8]>::to_vec));
}

/// A text without line ends, mostly of what means something to somebody.
fn text_of_a_stranger() -> impl Strategy<Value = Vec<u8>> {
    let words = prop::sample::select(vec![
        "`", "```", "|", "\\", "<", ">", "@a", "#1", "[", "](", "*", "_", "~", "$", "&", "://",
        "www.", ";", "end", "style", ":", "%%", "{", "}", "\"", "-", "+", " ", "  ", "=", "!", "a",
        "é", "电", "\u{1b}", "\u{202e}", "\u{7}",
    ]);
    let wild = prop::collection::vec(any::<u8>(), 0..3);
    let part = prop_oneof![8 => words.prop_map(|word| word.as_bytes().to_vec()), 1 => wild];
    prop::collection::vec(part, 1..12).prop_map(|parts| {
        let mut text = parts.concat();
        text.retain(|byte| !matches!(byte, b'\r' | b'\n'));
        text
    })
}

proptest! {
    #![proptest_config(common::cases::cases(48))]

    #[test]
    fn no_byte_of_a_stranger_leaves_its_fence_or_cell(
        call_id in text_of_a_stranger(),
        reason in text_of_a_stranger(),
        name in text_of_a_stranger(),
        body in text_of_a_stranger(),
    ) {
        check_hostile(&[call_id, reason, name, body]);
    }
}
