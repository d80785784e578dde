//! `show` and the Markdown report from outside: which call is meant, what is said where none is, and
//! captures that come once.

use super::*;

/// Standard output and standard error of a run that is fed `stdin`.
fn fed(args: &[&str], stdin: &[u8]) -> Run {
    let mut child = sipannotate(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(stdin).unwrap();
    child.wait_with_output().unwrap().into()
}

#[test]
fn a_call_is_named_by_a_part_of_its_id() {
    let folder = folder_with(&[("a.pcap", &capture(12))]);
    let run = run_in(folder.path(), &["show", "a.pcap", "--call", "7@a"]);
    assert_eq!((run.code, &*run.err), (Some(0), ""));
    assert!(run.out.starts_with("Call 7@a.example\n"), "{}", run.out);
    assert!(run.out.contains("438 Invalid Identity Header"));
    // The whole Call-ID is meant, though it is a part of 11@a.example, too.
    let run = run_in(folder.path(), &["show", "--call", "1@a.example", "a.pcap"]);
    assert_eq!(run.code, Some(0));
    assert!(run.out.starts_with("Call 1@a.example\n"));
}

#[test]
fn several_calls_that_fit_are_listed() {
    let folder = folder_with(&[("a.pcap", &capture(12))]);
    let run = run_in(folder.path(), &["show", "a.pcap", "--call", "1"]);
    assert_eq!((run.code, &*run.out), (Some(2), ""));
    assert_eq!(
        run.err,
        "error: `1` is in the Call-IDs of 3 calls\n  1@a.example\n  10@a.example\n  11@a.example\n\
         hint: name one of them with --call\n"
    );
}

#[test]
fn what_is_not_there_is_told_with_what_to_do() {
    let folder = folder_with(&[("a.pcap", &capture(1)), ("b.pcap", &capture(1))]);
    let told = |args: &[&str], says: &str| {
        let run = run_in(folder.path(), args);
        assert_eq!((run.code, &*run.out), (Some(2), ""), "{args:?}");
        assert!(
            run.err.contains(says) && run.err.contains("hint: "),
            "{args:?}: {}",
            run.err
        );
    };
    told(
        &["show", "a.pcap", "--call", "nobody"],
        "no call has `nobody` in its Call-ID",
    );
    told(
        &["show", "a.pcap", "--frame", "9"],
        "there is no frame 9: the capture has 2",
    );
    told(
        &["show", "a.pcap", "b.pcap", "--frame", "2:1"],
        "there is no capture 2",
    );
    let wrong = |args: &[&str]| assert_eq!(run_in(folder.path(), args).code, Some(2), "{args:?}");
    wrong(&["show", "a.pcap"]);
    wrong(&["show", "a.pcap", "--frame", "0"]);
    wrong(&["show", "a.pcap", "--frame", "x"]);
    wrong(&["show", "a.pcap", "--frame", "1", "--call", "0"]);
    wrong(&["show", "--frame", "1"]);
    for (option, value) in [
        ("--fail-on", "warning"),
        ("--code", "4xx"),
        ("--call-id", "0"),
        ("--host", "10.0.0.1"),
        ("--since", "+1"),
        ("--until", "+1"),
    ] {
        let args = ["show", "a.pcap", "--frame", "1", option, value];
        told(&args, &format!("{option} is for reports"));
    }
    let missing = run_in(folder.path(), &["show", "c.pcap", "--frame", "1"]);
    assert_eq!(missing.code, Some(1));
}

#[test]
fn a_frame_gives_its_message_and_its_call() {
    let folder = folder_with(&[("a.pcap", &capture(3)), ("b.pcap", &capture(3))]);
    let run = run_in(folder.path(), &["show", "a.pcap", "--frame", "4"]);
    assert_eq!((run.code, &*run.err), (Some(0), ""));
    assert!(run.out.starts_with("Frame 4, "), "{}", run.out);
    assert!(
        run.out
            .contains("\nSIP/2.0 438 Invalid Identity Header\nVia: ")
    );
    assert!(run.out.contains("\nCall 1@a.example\n"));
    assert!(run.out.lines().any(|line| line.starts_with(">     4  ")));
    let run = run_in(
        folder.path(),
        &["show", "-r", "a.pcap", "-r", "b.pcap", "--frame", "1:3"],
    );
    assert_eq!(run.code, Some(0));
    assert!(run.out.starts_with("Frame 1:3, "), "{}", run.out);
}

#[test]
fn a_ladder_can_be_had_as_json_and_as_markdown() {
    let folder = folder_with(&[("a.pcap", &capture(3))]);
    let run = run_in(
        folder.path(),
        &["show", "-f", "json", "a.pcap", "--frame", "4"],
    );
    let json: serde_json::Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(json["schema_version"], 1);
    let call = &json["calls"][0];
    assert_eq!(call["call_id"], "1@a.example");
    assert_eq!(call["hosts"][0]["name"], "10.0.0.1");
    let sent = &call["messages"][1];
    assert_eq!(
        (&sent["code"], &sent["from"], &sent["to"], &sent["selected"]),
        (&438.into(), &1.into(), &0.into(), &true.into())
    );
    assert!(sent["meaning"].is_string() && sent["message"].is_string());
    assert!(call["messages"][0].get("selected").is_none());
    let run = run_in(
        folder.path(),
        &["show", "-f", "markdown", "a.pcap", "--frame", "4"],
    );
    assert!(
        run.out
            .starts_with("### Call `1@a.example`\n\n```mermaid\nsequenceDiagram\n")
    );
}

#[test]
fn a_ladder_goes_to_a_file_in_the_language_asked_for() {
    let folder = folder_with(&[("a.pcap", &capture(1))]);
    let args = [
        "show", "a.pcap", "--call", "0@", "--lang", "zh", "-o", "out.txt",
    ];
    let run = run_in(folder.path(), &args);
    assert_eq!((run.code, &*run.out, &*run.err), (Some(0), "", ""));
    let text = fs::read_to_string(folder.path().join("out.txt")).unwrap();
    assert!(text.starts_with("呼叫 0@a.example\n"), "{text}");
    let run = run_in(
        folder.path(),
        &["show", "a.pcap", "--call", "zz", "-o", "none.txt"],
    );
    assert_eq!(run.code, Some(2));
    assert_eq!(names_in(folder.path()), ["a.pcap", "out.txt"]);
}

#[test]
fn standard_input_is_read_twice_where_need_be() {
    let bytes = capture(30);
    let file = folder_with(&[("a.pcap", &bytes)]);
    for args in [
        &["show", "CAPTURE", "--frame", "4"][..],
        &["show", "CAPTURE", "--call", "7@a.example"],
        &["-f", "markdown", "CAPTURE"],
    ] {
        let with = |name: &str| -> Vec<String> {
            args.iter()
                .map(|arg| arg.replace("CAPTURE", name))
                .collect()
        };
        let named = with("a.pcap");
        let named: Vec<&str> = named.iter().map(String::as_str).collect();
        let piped = with("-");
        let piped: Vec<&str> = piped.iter().map(String::as_str).collect();
        let expected = run_in(file.path(), &named);
        let run = fed(&piped, &bytes);
        assert_eq!((run.code, &*run.err), (Some(0), ""));
        let expected = expected
            .out
            .replace("`a.pcap`", "`-`")
            .replace("markdown a.pcap", "markdown -");
        assert_eq!(run.out, expected);
    }
}

#[test]
fn a_ticket_says_of_which_file_it_was_made_and_how() {
    let folder = folder_with(&[("a b.pcap", &capture(30))]);
    let args = [
        "-f", "markdown", "--code", "4xx", "--time", "relative", "a b.pcap", "-o", "t.md",
    ];
    let run = run_in(folder.path(), &args);
    assert_eq!((run.code, &*run.out, &*run.err), (Some(0), "", ""));
    let ticket = fs::read_to_string(folder.path().join("t.md")).unwrap();
    assert!(ticket.starts_with("# Burst of 438 Invalid Identity Header: 30 of 30 INVITEs"));
    assert!(
        ticket
            .contains("\nsipannotate -f markdown --code 4xx --time relative 'a b.pcap' -o t.md\n")
    );
    assert!(ticket.contains("SHA-256 `"));
    // What it happened at is UTC whatever is asked for; the rows are as asked.
    assert!(
        ticket.contains("| **When** | 2026-09-21 14:13:20 - 14:13:49 UTC (29 s); not over when the capture ends |"),
        "{ticket}"
    );
    assert!(ticket.contains("| 2 | 0.000000 |"), "{ticket}");
    let chinese = run_in(
        folder.path(),
        &["-f", "markdown", "--lang", "zh", "a b.pcap"],
    );
    assert!(chinese.out.contains("\n## 概要\n"), "{}", chinese.out);
}

#[test]
fn a_redacted_call_is_found_by_its_id_by_its_pseudonym_and_by_its_frame() {
    let folder = folder_with(&[("a.pcap", &capture(3))]);
    let shown = |args: &[&str]| {
        let args = [&["show", "a.pcap", "--redact-key", "k"], args].concat();
        let run = run_in(folder.path(), &args);
        assert_eq!((run.code, &*run.err), (Some(0), ""), "{args:?}");
        for left in ["10.0.0.", "a.example", "b.example", "1555", "1666"] {
            assert!(!run.out.contains(left), "{left} is left in {}", run.out);
        }
        run.out
    };
    let of_call = shown(&["--call", "1@a"]);
    let pseudonym = of_call
        .lines()
        .find_map(|line| line.strip_prefix("Call "))
        .unwrap();
    assert_eq!(shown(&["--call", pseudonym]), of_call);
    let of_frame = shown(&["--frame", "4"]);
    assert!(of_frame.starts_with("Frame 4, "), "{of_frame}");
    assert!(
        of_frame.contains(&format!("Call-ID: {pseudonym}")),
        "{of_frame}"
    );
    assert!(of_frame.contains("438 Invalid Identity Header"));
    let json: serde_json::Value =
        serde_json::from_str(&shown(&["-f", "json", "--call", "1@a"])).unwrap();
    assert_eq!(json["calls"][0]["messages"][1]["frame"], 4);
    assert_eq!(json["captures"][0]["path"], "redacted.pcapng");
    assert!(json["trust"].to_string().contains("redacted"));
    let none = run_in(
        folder.path(),
        &["show", "a.pcap", "--redact", "--call", "zz"],
    );
    assert_eq!((none.code, &*none.out), (Some(2), ""));
}
