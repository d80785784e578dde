//! `redact`, `--redact` and `--redact-key` from outside.

use std::fs;
use std::io::Write as _;
use std::process::Stdio;

use super::{capture, folder_with, names_in, run_in, sipannotate};

#[test]
fn redact_writes_the_file_named_and_the_same_key_writes_the_same() {
    let bytes = capture(3);
    let folder = folder_with(&[("a.pcap", &bytes)]);
    for name in ["b.pcapng", "c.pcapng"] {
        let run = run_in(
            folder.path(),
            &["redact", "a.pcap", "-o", name, "--redact-key", "k"],
        );
        assert_eq!(
            (run.code, run.out, run.err),
            (Some(0), String::new(), String::new())
        );
    }
    let read = |name: &str| fs::read(folder.path().join(name)).unwrap();
    assert_eq!(read("b.pcapng"), read("c.pcapng"));
    assert_eq!(names_in(folder.path()), ["a.pcap", "b.pcapng", "c.pcapng"]);
    let run = run_in(folder.path(), &["redact", "-r", "a.pcap", "-o", "d.pcapng"]);
    assert_eq!(run.code, Some(0), "{}", run.err);
    assert_ne!(read("b.pcapng"), read("d.pcapng"));
}

#[test]
fn redact_takes_standard_input_and_gives_standard_output() {
    let mut child = sipannotate(&["redact", "-", "-o", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&capture(1)).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stdout.starts_with(&[0x0a, 0x0d, 0x0d, 0x0a]));
}

#[test]
fn redact_says_what_it_is_not_given() {
    let bytes = capture(1);
    let folder = folder_with(&[("a.pcap", &bytes), ("b.pcap", &bytes), ("no.pcap", b"x")]);
    for (args, said) in [
        (
            &["redact", "a.pcap"][..],
            "redact needs a name for what it writes",
        ),
        (&["redact", "-o", "x"], "redact takes one capture"),
        (
            &["redact", "a.pcap", "-r", "b.pcap", "-o", "x"],
            "redact takes one capture",
        ),
        (
            &["redact", "a.pcap", "-o", "a.pcap"],
            "is an input and would be overwritten",
        ),
        (
            &["-w", "y", "redact", "a.pcap", "-o", "x"],
            "redact writes one capture",
        ),
        (&["--redact-key", "", "a.pcap"], "anybody can tell"),
        (
            &["redact", "a.pcap", "-o", "x", "--redact-key= "],
            "is the variable set",
        ),
        (
            &["redact", "-f", "json", "a.pcap", "-o", "x"],
            "redact writes a pcapng, and -f is for reports",
        ),
        (
            &["redact", "--code", "438", "a.pcap", "-o", "x"],
            "redact writes whole captures",
        ),
        (
            &["redact", "--fail-on", "warning", "a.pcap", "-o", "x"],
            "redact looks for no findings",
        ),
        (
            &["redact", "--keylog", "k", "a.pcap", "-o", "x"],
            "leaves out what was encrypted",
        ),
        (
            &["--redact", "--keylog", "k", "a.pcap"],
            "leaves out what was encrypted",
        ),
    ] {
        let run = run_in(folder.path(), args);
        assert_eq!(run.code, Some(2), "{args:?}: {}", run.err);
        assert!(run.err.contains(said), "{args:?}: {}", run.err);
    }
    let run = run_in(folder.path(), &["redact", "no.pcap", "-o", "x"]);
    assert_eq!(run.code, Some(1));
    assert_eq!(names_in(folder.path()), ["a.pcap", "b.pcap", "no.pcap"]);
}

#[test]
fn a_redacted_report_names_nobody_and_says_that_it_is_redacted() {
    let bytes = capture(3);
    let folder = folder_with(&[("a.pcap", &bytes)]);
    for format in ["table", "json", "markdown", "html", "csv", "ndjson"] {
        let plain = run_in(folder.path(), &["-f", format, "a.pcap"]);
        let run = run_in(
            folder.path(),
            &["-f", format, "--redact", "--redact-key", "k", "a.pcap"],
        );
        assert_eq!((run.code, &*run.err), (Some(0), ""));
        assert!(plain.out.contains("10.0.0.1"), "{}", plain.out);
        for left in [
            "10.0.0.1",
            "10.0.0.2",
            "a.example",
            "1555",
            "1666",
            "a.pcap",
        ] {
            assert!(!run.out.contains(left), "{left} is left in {}", run.out);
        }
        assert!(
            format == "csv" || run.out.contains("redacted"),
            "{}",
            run.out
        );
        assert!(run.out.contains("438"), "{}", run.out);
    }
    // The report is that of the capture under the same key.
    let run = run_in(
        folder.path(),
        &["redact", "a.pcap", "-o", "b.pcapng", "--redact-key", "k"],
    );
    assert_eq!(run.code, Some(0), "{}", run.err);
    let responses = |args: &[&str]| {
        let run = run_in(folder.path(), args);
        let report: serde_json::Value = serde_json::from_str(&run.out).unwrap();
        report["responses"].clone()
    };
    assert_eq!(
        responses(&["-f", "json", "b.pcapng"]),
        responses(&["-f", "json", "--redact-key", "k", "a.pcap"])
    );
}

#[test]
fn a_redacted_report_finds_the_host_that_was_named_and_does_not_name_it() {
    let folder = folder_with(&[("a.pcap", &capture(3))]);
    let run = run_in(
        folder.path(),
        &[
            "-f",
            "markdown",
            "--redact",
            "--host",
            "10.0.0.1:5060",
            "a.pcap",
        ],
    );
    assert_eq!((run.code, &*run.err), (Some(0), ""));
    assert!(
        run.out.contains("438 Invalid Identity Header"),
        "{}",
        run.out
    );
    assert!(
        run.out
            .contains("sipannotate -f markdown --redact --host ... ..."),
        "{}",
        run.out
    );
    assert!(!run.out.contains("10.0.0.1"), "{}", run.out);
    let other = run_in(
        folder.path(),
        &["-f", "csv", "--redact", "--host", "10.9.9.9", "a.pcap"],
    );
    assert_eq!(other.out.lines().count(), 1, "{}", other.out);
}

#[test]
fn a_redacted_capture_with_comments_names_nobody() {
    let folder = folder_with(&[("a.pcap", &capture(3))]);
    let run = run_in(
        folder.path(),
        &["--redact", "a.pcap", "-w", "b.pcapng", "-o", "b.txt"],
    );
    assert_eq!((run.code, &*run.err), (Some(0), ""));
    assert_eq!(names_in(folder.path()), ["a.pcap", "b.pcapng", "b.txt"]);
    let bytes = fs::read(folder.path().join("b.pcapng")).unwrap();
    let text = String::from_utf8_lossy(&bytes);
    assert!(text.contains("438"));
    for left in ["10.0.0.", "a.example", "a.pcap"] {
        assert!(!text.contains(left), "{left} is left");
    }
}

/// A capture of IP packets: a request in one chunk of SCTP, and one in two, which are not rewritten.
fn in_chunks() -> Vec<u8> {
    let request = |call: &str| {
        format!(
            "OPTIONS sip:x@b.example SIP/2.0\r\nVia: SIP/2.0/SCTP 10.0.0.1;branch=z9hG4bK{call}\r\n\
             From: <sip:a@a.example>;tag=1\r\nTo: <sip:x@b.example>\r\nCall-ID: {call}\r\n\
             CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
        )
    };
    let chunk = |flags: u8, tsn: u8, bytes: &[u8]| {
        let len = u16::try_from(16 + bytes.len()).unwrap().to_be_bytes();
        let head = [
            0, flags, len[0], len[1], 0, 0, 0, tsn, 0, 0, 0, 0, 0, 0, 0, 0,
        ];
        let mut chunk = [&head[..], bytes].concat();
        chunk.resize(chunk.len().next_multiple_of(4), 0);
        chunk
    };
    let (one, two) = (request("one"), request("two"));
    let (first, rest) = two.as_bytes().split_at(101);
    let packets = [
        chunk(3, 1, one.as_bytes()),
        [chunk(2, 2, first), chunk(1, 3, rest)].concat(),
    ];
    let mut pcap = Vec::new();
    for word in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65535, 101] {
        pcap.extend(word.to_le_bytes());
    }
    for chunks in packets {
        let len = u16::try_from(20 + 12 + chunks.len()).unwrap();
        let mut packet = vec![0x45, 0];
        packet.extend(len.to_be_bytes());
        packet.extend([0, 1, 0, 0, 64, 132, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
        packet.extend([0x13, 0xc4, 0x13, 0xc4, 0, 0, 0, 9, 0, 0, 0, 0]);
        packet.extend(&chunks);
        for word in [1_790_000_000, 0, u32::from(len), u32::from(len)] {
            pcap.extend(word.to_le_bytes());
        }
        pcap.extend(packet);
    }
    pcap
}

#[test]
fn messages_that_are_not_rewritten_are_counted_and_told() {
    let folder = folder_with(&[("a.pcap", &in_chunks())]);
    let totals = |args: &[&str]| {
        let run = run_in(folder.path(), args);
        assert_eq!(run.code, Some(0), "{}", run.err);
        let report: serde_json::Value = serde_json::from_str(&run.out).unwrap();
        (
            report["totals"]["sip_messages"].clone(),
            report["trust"].clone(),
            run.err,
        )
    };
    let (before, ..) = totals(&["-f", "json", "a.pcap"]);
    assert_eq!(before, 2);
    let (after, trust, err) = totals(&["-f", "json", "--redact", "a.pcap"]);
    assert_eq!(after, 1);
    let said = "1 of 2 SIP messages (1 over SCTP)";
    let lines = trust.as_array().unwrap();
    let told = lines.iter().find(|line| line["kind"] == "left-out");
    let told = told.unwrap_or_else(|| panic!("{trust}"));
    assert_eq!(told["count"], 1);
    assert!(told["detail"].as_str().unwrap().contains(said), "{trust}");
    assert!(err.contains(said), "{err}");
    let run = run_in(folder.path(), &["redact", "a.pcap", "-o", "b.pcapng"]);
    assert_eq!(run.code, Some(0));
    assert!(run.err.contains(said), "{}", run.err);
}
