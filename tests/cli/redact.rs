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
