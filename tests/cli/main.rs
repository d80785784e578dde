//! The command line from outside: flags, exit codes, streams, and what is left on disk.
//!
//! The environment is cleared, so that a test says all that a run depends on.

#![expect(
    clippy::unwrap_used,
    reason = "the helpers of tests are outside `#[test]` functions, and may panic all the same"
)]

#[cfg(unix)]
mod interrupt;
mod redact;

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Output, Stdio};

mod show;

fn sipannotate(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sipannotate"));
    command.args(args).env_clear().stdin(Stdio::null());
    command
}

struct Run {
    code: Option<i32>,
    out: String,
    err: String,
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

#[must_use = "a run is worth nothing until its exit code is looked at"]
fn run_in(folder: &Path, args: &[&str]) -> Run {
    sipannotate(args)
        .current_dir(folder)
        .output()
        .unwrap()
        .into()
}

/// A classic pcap of `calls` INVITEs, each refused with 438, over UDP in Ethernet.
fn capture(calls: u32) -> Vec<u8> {
    let mut pcap = Vec::new();
    for word in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65535, 1] {
        pcap.extend(word.to_le_bytes());
    }
    for call in 0..calls {
        let head = format!(
            "Via: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK{call}\r\nFrom: <sip:+1555@a.example>;tag=f{call}\r\n\
             To: <sip:+1666@b.example>;tag=t{call}\r\nCall-ID: {call}@a.example\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"
        );
        let invite = format!(
            "INVITE sip:+1666@b.example SIP/2.0\r\n{}",
            head.replace(&format!(";tag=t{call}"), "")
        );
        let refusal = format!("SIP/2.0 438 Invalid Identity Header\r\n{head}");
        packet(
            &mut pcap,
            1_790_000_000 + call,
            [10, 0, 0, 1],
            [10, 0, 0, 2],
            invite.as_bytes(),
        );
        packet(
            &mut pcap,
            1_790_000_000 + call,
            [10, 0, 0, 2],
            [10, 0, 0, 1],
            refusal.as_bytes(),
        );
    }
    pcap
}

fn packet(pcap: &mut Vec<u8>, secs: u32, src: [u8; 4], dst: [u8; 4], payload: &[u8]) {
    let udp_len = u16::try_from(payload.len() + 8).unwrap();
    let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0];
    frame.extend([0x45, 0]);
    frame.extend((udp_len + 20).to_be_bytes());
    frame.extend([0, 1, 0, 0, 64, 17, 0, 0]);
    frame.extend(src);
    frame.extend(dst);
    frame.extend(5060_u16.to_be_bytes());
    frame.extend(5060_u16.to_be_bytes());
    frame.extend(udp_len.to_be_bytes());
    frame.extend([0, 0]);
    frame.extend(payload);
    let len = u32::try_from(frame.len()).unwrap();
    for word in [secs, 0, len, len] {
        pcap.extend(word.to_le_bytes());
    }
    pcap.extend(frame);
}

fn folder_with(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    folder
}

fn names_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_capture_gives_the_table_and_0() {
    let folder = folder_with(&[("a.pcap", &capture(30))]);
    let run = run_in(folder.path(), &["a.pcap"]);
    assert_eq!((run.code, run.err.as_str()), (Some(0), ""));
    for section in [
        "1. Capture",
        "2. Findings",
        "3. Responses by code",
        "4. Responses",
    ] {
        assert!(run.out.contains(section), "{}", run.out);
    }
    assert!(!run.out.contains('\u{1b}'));
    assert!(run.out.lines().all(|line| line == line.trim_end()));
    assert_eq!(run_in(folder.path(), &["-r", "a.pcap"]).out, run.out);
}

#[test]
fn json_is_one_object() {
    let folder = folder_with(&[("a.pcap", &capture(30))]);
    let run = run_in(folder.path(), &["-f", "json", "a.pcap"]);
    assert_eq!(run.code, Some(0));
    let json: serde_json::Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(json["schema_version"], 1);
    assert_eq!(json["responses"].as_array().unwrap().len(), 30);
}

#[test]
fn standard_input_is_a_dash() {
    let mut child = sipannotate(&["-f", "json", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&capture(30)).unwrap();
    let run = Run::from(child.wait_with_output().unwrap());
    assert_eq!(run.code, Some(0), "{}", run.err);
    let json: serde_json::Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(json["captures"][0]["path"], "-");
}

#[test]
fn a_folder_means_the_captures_in_it_by_name() {
    let (one, two) = (capture(1), capture(2));
    let files: [(&str, &[u8]); 3] = [
        ("b.pcap", &one),
        ("a.pcap7", &two),
        ("notes.txt", b"no capture"),
    ];
    let folder = folder_with(&files);
    let run = run_in(folder.path(), &["-f", "json", "."]);
    assert_eq!(run.code, Some(0), "{}", run.err);
    let json: serde_json::Value = serde_json::from_str(&run.out).unwrap();
    let paths: Vec<_> = json["captures"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["path"].clone())
        .collect();
    assert_eq!(paths, ["./a.pcap7", "./b.pcap"]);
}

#[test]
fn an_input_that_cannot_be_read_exits_1_and_the_rest_is_reported() {
    let folder = folder_with(&[("a.pcap", &capture(1)), ("b.txt", b"not a capture at all")]);
    let run = run_in(folder.path(), &["a.pcap", "missing.pcap"]);
    assert_eq!(run.code, Some(1));
    assert!(run.out.contains("a.pcap"), "{}", run.out);
    assert!(
        run.err.starts_with("error: cannot read missing.pcap: "),
        "{}",
        run.err
    );

    let run = run_in(folder.path(), &["a.pcap", "b.txt"]);
    assert_eq!(run.code, Some(1));
    // The path once, and what to do.
    assert_eq!(run.err.matches("b.txt").count(), 1, "{}", run.err);
    assert!(run.err.contains("\nhint: "), "{}", run.err);
    assert!(run.out.contains("4. Responses"));
    assert!(run.err.contains("b.txt"), "{}", run.err);

    let run = run_in(folder.path(), &["b.txt"]);
    assert_eq!((run.code, run.out.as_str()), (Some(1), ""));
}

#[test]
fn a_wrong_command_line_exits_2() {
    let folder = folder_with(&[("a.pcap", &capture(1))]);
    for args in [
        &[][..],
        &["-f", "json"],
        &["--no-such-option", "a.pcap"],
        &["--code", "999", "a.pcap"],
        &["--since", "yesterday", "a.pcap"],
        &["--since", "+2", "--until", "+0.5", "a.pcap"],
        &[
            "--since",
            "2026-09-21T14:13:30Z",
            "--until",
            "2026-09-21T14:13:20Z",
            "a.pcap",
        ],
        &["--fail-on", "mising-ack", "a.pcap"],
        &["--burst-window", "0s", "a.pcap"],
        &["--burst-share", "7", "a.pcap"],
        &["-f", "xml", "a.pcap"],
        &["-", "-"],
        &["-o", "a.pcap", "a.pcap"],
        &["a.pcap", "man"],
    ] {
        let run = run_in(folder.path(), args);
        assert_eq!(
            (run.code, run.out.as_str()),
            (Some(2), ""),
            "{args:?}: {}",
            run.err
        );
        assert!(!run.err.is_empty(), "{args:?}");
    }
    assert_eq!(fs::read(folder.path().join("a.pcap")).unwrap(), capture(1));
}

#[test]
fn fail_on_exits_3_with_the_report_written() {
    let folder = folder_with(&[("a.pcap", &capture(30)), ("empty.pcap", &capture(0))]);
    let run = run_in(folder.path(), &["--fail-on", "warning", "a.pcap"]);
    assert_eq!(run.code, Some(3));
    assert!(run.out.contains("4. Responses"));
    let run = run_in(folder.path(), &["--fail-on", "missing-ack", "a.pcap"]);
    assert_eq!(run.code, Some(0));
    let run = run_in(folder.path(), &["--fail-on", "info", "empty.pcap"]);
    assert_eq!(run.code, Some(0));
}

#[test]
fn the_output_file_appears_whole_or_not_at_all() {
    let folder = folder_with(&[("a.pcap", &capture(30)), ("b.txt", b"not a capture at all")]);
    let report = folder.path().join("report.txt");
    let run = run_in(folder.path(), &["-o", "report.txt", "a.pcap"]);
    assert_eq!((run.code, run.out.as_str()), (Some(0), ""), "{}", run.err);
    let whole = fs::read_to_string(&report).unwrap();
    assert!(whole.contains("4. Responses") && !whole.contains('\u{1b}'));

    let run = run_in(folder.path(), &["-o", "report.txt", "b.txt"]);
    assert_eq!(run.code, Some(1));
    assert_eq!(
        fs::read_to_string(&report).unwrap(),
        whole,
        "the old report stays"
    );
    assert_eq!(names_in(folder.path()), ["a.pcap", "b.txt", "report.txt"]);

    let run = run_in(folder.path(), &["-f", "json", "-o", "report.txt", "a.pcap"]);
    assert_eq!(run.code, Some(0));
    assert!(
        fs::read_to_string(&report).unwrap().starts_with('{'),
        "overwritten"
    );

    let run = run_in(folder.path(), &["-o", "no/such/folder.txt", "a.pcap"]);
    assert_eq!(run.code, Some(1));
    assert!(
        run.err.contains("cannot write no/such/folder.txt: No such"),
        "{}",
        run.err
    );
    assert!(!run.err.contains(".sipannotate-"), "{}", run.err);
    assert_eq!(run_in(folder.path(), &["-o", ".", "a.pcap"]).code, Some(1));

    let run = run_in(folder.path(), &["-o", "-", "a.pcap"]);
    assert_eq!(run.out, whole);
}

#[cfg(unix)]
#[test]
fn what_is_not_a_regular_file_is_written_to_and_not_replaced() {
    use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
    let folder = folder_with(&[("a.pcap", &capture(1)), ("real.txt", b"old")]);
    let run = run_in(folder.path(), &["-o", "/dev/null", "a.pcap"]);
    assert_eq!(run.code, Some(0), "{}", run.err);
    assert!(
        fs::metadata("/dev/null")
            .unwrap()
            .file_type()
            .is_char_device()
    );

    let link = folder.path().join("link.txt");
    std::os::unix::fs::symlink("real.txt", &link).unwrap();
    assert_eq!(
        run_in(folder.path(), &["-o", "link.txt", "a.pcap"]).code,
        Some(0)
    );
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert!(
        fs::read_to_string(folder.path().join("real.txt"))
            .unwrap()
            .contains("1. Capture")
    );

    assert_eq!(
        run_in(folder.path(), &["-o", "new.txt", "a.pcap"]).code,
        Some(0)
    );
    let mode = fs::metadata(folder.path().join("new.txt"))
        .unwrap()
        .permissions()
        .mode();
    let ordinary = fs::metadata(folder.path().join("a.pcap"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode, ordinary);
}

#[test]
fn a_closed_pipe_ends_quietly_with_0() {
    let folder = folder_with(&[("a.pcap", &capture(2000))]);
    for format in ["table", "json"] {
        let mut child = sipannotate(&["--all", "-f", format, "a.pcap"])
            .current_dir(folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // The reader is gone before the first byte.
        drop(child.stdout.take());
        let mut err = String::new();
        child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut err)
            .unwrap();
        assert_eq!(
            (child.wait().unwrap().code(), err.as_str()),
            (Some(0), ""),
            "{format}"
        );
    }
}

/// A pcapng begins like this.
const SECTION: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];

#[test]
fn annotate_writes_the_capture_with_comments_beside_the_report() {
    let folder = folder_with(&[("a.pcap", &capture(30)), ("out.pcapng", b"old")]);
    let plain = run_in(folder.path(), &["a.pcap"]);
    let run = run_in(folder.path(), &["a.pcap", "-w", "out.pcapng"]);
    assert_eq!((run.code, &*run.err), (Some(0), ""));
    assert_eq!(run.out, plain.out, "the report is the same");
    let copy = fs::read(folder.path().join("out.pcapng")).unwrap();
    assert!(copy.starts_with(&SECTION));
    let text = String::from_utf8_lossy(&copy);
    assert_eq!(text.matches("\nTo do: ").count(), 30);
    assert!(text.contains("Finding identity-burst"));
    assert_eq!(names_in(folder.path()), ["a.pcap", "out.pcapng"]);
    // The list of responses is narrowed, the copy is not, and a folder of one capture is one.
    let narrowed = ["--code", "2xx", "-w", "out/narrowed.pcapng", "in"];
    fs::create_dir(folder.path().join("in")).unwrap();
    fs::create_dir(folder.path().join("out")).unwrap();
    fs::copy(
        folder.path().join("a.pcap"),
        folder.path().join("in/a.pcap"),
    )
    .unwrap();
    assert_eq!(run_in(folder.path(), &narrowed).code, Some(0));
    assert_eq!(
        fs::read(folder.path().join("out/narrowed.pcapng")).unwrap(),
        copy
    );
}

#[test]
fn annotate_takes_one_capture_that_can_be_read_twice() {
    let folder = folder_with(&[("a.pcap", &capture(2)), ("b.pcap", &capture(2))]);
    let refused = |args: &[&str], what: &str| {
        let run = run_in(folder.path(), args);
        assert_eq!(run.code, Some(2), "{args:?}: {}", run.err);
        assert!(run.err.contains(what), "{args:?}: {}", run.err);
        assert_eq!(run.out, "", "{args:?}");
    };
    let out = ["-w", "out.pcapng"];
    refused(&["a.pcap", "b.pcap", out[0], out[1]], "several are given");
    refused(&[".", out[0], out[1]], "several are given");
    refused(
        &["-", out[0], out[1]],
        "standard input can be read once only",
    );
    refused(&["-", out[0], out[1]], "hint: write it to a file first");
    refused(&["a.pcap", "-w", "./a.pcap"], "would be overwritten");
    refused(
        &["a.pcap", "-w", "-"],
        "cannot take both the report and the capture",
    );
    refused(&["a.pcap", "-w", "one", "-o", "./one"], "cannot take both");
    refused(&[out[0], out[1], "explain", "438"], "-w is for captures");
    assert_eq!(names_in(folder.path()), ["a.pcap", "b.pcap"]);
    let run = run_in(folder.path(), &["a.pcap", "-w", "no/such/folder.pcapng"]);
    assert_eq!((run.code, &*run.out), (Some(1), ""), "{}", run.err);
}

#[cfg(unix)]
#[test]
fn annotate_refuses_a_pipe_with_a_name() {
    let folder = folder_with(&[("a.pcap", &capture(2))]);
    let command = format!(
        "mkfifo pipe && {{ cat a.pcap > pipe & }} && exec {} pipe -w out.pcapng",
        env!("CARGO_BIN_EXE_sipannotate")
    );
    let output = Command::new("sh")
        .args(["-c", &command])
        .current_dir(folder.path())
        .output();
    let run = Run::from(output.unwrap());
    assert_eq!(run.code, Some(2), "{}", run.err);
    assert!(
        run.err.contains("pipe can be read once only"),
        "{}",
        run.err
    );
}

#[test]
fn annotate_writes_to_standard_output_when_the_report_goes_to_a_file() {
    let folder = folder_with(&[("a.pcap", &capture(2))]);
    let output = sipannotate(&["a.pcap", "-o", "report.txt", "-w", "-"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stdout.starts_with(&SECTION));
    assert_eq!(names_in(folder.path()), ["a.pcap", "report.txt"]);
}

#[test]
fn who_has_seen_enough_of_the_report_still_gets_the_annotated_capture() {
    let folder = folder_with(&[("a.pcap", &capture(3000))]);
    let mut child = sipannotate(&["--all", "a.pcap", "-w", "out.pcapng"])
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let copy = fs::read(folder.path().join("out.pcapng")).unwrap();
    let text = String::from_utf8_lossy(&copy);
    assert_eq!(text.matches("\nTo do: ").count(), 3000);
}

#[test]
fn colours_are_for_terminals_unless_always() {
    let folder = folder_with(&[("a.pcap", &capture(30))]);
    let coloured = |args: &[&str]| run_in(folder.path(), args).out.contains('\u{1b}');
    assert!(!coloured(&["a.pcap"]));
    assert!(!coloured(&["--color", "never", "a.pcap"]));
    assert!(coloured(&["--color", "always", "a.pcap"]));
    let asked = sipannotate(&["--color", "always", "a.pcap"])
        .current_dir(folder.path())
        .env("NO_COLOR", "1")
        .output()
        .unwrap();
    assert!(
        Run::from(asked).out.contains('\u{1b}'),
        "the option beats NO_COLOR"
    );
}

#[test]
fn the_language_is_the_options_or_the_environments() {
    let folder = folder_with(&[("a.pcap", &capture(1))]);
    let zh = run_in(folder.path(), &["--lang", "zh", "a.pcap"]).out;
    assert!(zh.contains("1. 抓包"), "{zh}");
    let with = |variables: &[(&str, &str)], args: &[&str]| {
        let mut command = sipannotate(args);
        command
            .current_dir(folder.path())
            .envs(variables.iter().copied());
        Run::from(command.output().unwrap()).out
    };
    assert_eq!(with(&[("LANG", "zh_CN.UTF-8")], &["a.pcap"]), zh);
    let en = [("LANG", "zh_CN.UTF-8"), ("LC_ALL", "C")];
    assert!(with(&en, &["a.pcap"]).contains("1. Capture"));
    assert!(with(&[("LANG", "zh_CN")], &["--lang", "en", "a.pcap"]).contains("1. Capture"));
}

#[test]
fn responses_are_narrowed_and_findings_are_not() {
    let folder = folder_with(&[("a.pcap", &capture(30))]);
    let json = |args: &[&str]| -> serde_json::Value {
        let run = run_in(folder.path(), &[&["-f", "json", "a.pcap"], args].concat());
        assert_eq!(run.code, Some(0), "{}", run.err);
        serde_json::from_str(&run.out).unwrap()
    };
    let all = json(&[]);
    let one = json(&["--call-id", "7@a.example", "--code", "4xx"]);
    assert!(
        one["responses"].as_array().unwrap().len() < all["responses"].as_array().unwrap().len()
    );
    assert_eq!(one["findings"], all["findings"]);
    let table = run_in(folder.path(), &["--code", "6xx", "a.pcap"]).out;
    assert!(table.contains("narrowed by the options given"), "{table}");
}

#[test]
fn a_window_to_the_second_holds_its_last_second_and_may_cross_midnight() {
    // Two responses at 1,790,000,000 and the second after, which are 14:13:20 and 14:13:21.
    let folder = folder_with(&[("a.pcap", &capture(2))]);
    let count = |since: &str, until: &str| {
        let args = ["-f", "csv", "--since", since, "--until", until, "a.pcap"];
        let run = run_in(folder.path(), &args);
        assert_eq!(run.code, Some(0), "{}", run.err);
        run.out.lines().count() - 1
    };
    assert_eq!(count("14:13:20", "14:13:20"), 1);
    assert_eq!(count("14:13:20", "14:13:21"), 2);
    assert_eq!(count("14:13:21", "00:00:10"), 1);
    let run = run_in(folder.path(), &["--since", "+2", "--until", "+1", "a.pcap"]);
    assert!(
        run.err.contains("--since is later than --until"),
        "{}",
        run.err
    );
}

#[test]
fn options_stand_before_or_after_a_command_and_a_file_may_be_named_like_one() {
    let folder = folder_with(&[("man", &capture(1))]);
    let man = run_in(folder.path(), &["man"]);
    assert_eq!(man.code, Some(0));
    assert!(man.out.contains(".TH sipannotate"), "{}", man.out);
    let run = run_in(folder.path(), &["man", "-o", "page.1"]);
    assert_eq!((run.code, run.out.as_str()), (Some(0), ""));
    assert_eq!(
        fs::read_to_string(folder.path().join("page.1")).unwrap(),
        man.out
    );
    assert_eq!(
        run_in(folder.path(), &["-o", "page.2", "man"]).code,
        Some(0)
    );
    assert_eq!(
        fs::read_to_string(folder.path().join("page.2")).unwrap(),
        man.out
    );
    for args in [["./man", "-q"], ["-r", "man"]] {
        let run = run_in(folder.path(), &args);
        assert_eq!(run.code, Some(0), "{}", run.err);
        assert!(run.out.contains("1. Capture"), "{}", run.out);
    }
}

#[test]
fn completions_are_for_the_shell_asked_for() {
    let folder = folder_with(&[]);
    let run = run_in(folder.path(), &["completions", "bash"]);
    assert_eq!(run.code, Some(0));
    assert!(run.out.contains("complete -F"));
    assert_eq!(
        run_in(folder.path(), &["completions", "cmd.exe"]).code,
        Some(2)
    );
}

#[test]
fn a_capture_without_sip_exits_0_and_says_so() {
    let folder = folder_with(&[("empty.pcap", &capture(0))]);
    let run = run_in(folder.path(), &["empty.pcap"]);
    assert_eq!(run.code, Some(0), "{}", run.err);
    assert!(run.out.contains("No SIP was found"), "{}", run.out);
    for form in ["markdown", "html"] {
        let run = run_in(folder.path(), &["empty.pcap", "-f", form]);
        assert_eq!(run.code, Some(0), "{}", run.err);
        for said in [
            "No SIP was found",
            "no packet at all",
            "Check that the capture",
        ] {
            assert!(run.out.contains(said), "{form}, {said}: {}", run.out);
        }
        for untrue in ["No incident", "nothing was left out"] {
            assert!(!run.out.contains(untrue), "{form}, {untrue}: {}", run.out);
        }
    }
}

#[test]
fn the_version_names_the_build() {
    let folder = folder_with(&[]);
    let run = run_in(folder.path(), &["--version"]);
    assert_eq!(run.code, Some(0));
    let expected = concat!("sipannotate ", env!("CARGO_PKG_VERSION"), " (");
    assert!(run.out.starts_with(expected), "{}", run.out);
}

#[test]
fn short_help() {
    let folder = folder_with(&[]);
    let run = run_in(folder.path(), &["-h"]);
    assert_eq!(run.code, Some(0));
    insta::assert_snapshot!(run.out);
}

#[test]
fn long_help() {
    let folder = folder_with(&[]);
    let run = run_in(folder.path(), &["--help"]);
    assert_eq!(run.code, Some(0));
    insta::assert_snapshot!(run.out);
}

#[test]
fn ndjson_is_an_object_a_line_and_follows_a_capture_that_is_being_made() {
    let mut child = sipannotate(&["-f", "ndjson", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // The first calls settle while the capture goes on: the last of these is far behind them.
    let mut whole = capture(60);
    let rest = whole.split_off(whole.len() - 100);
    stdin.write_all(&whole).unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    let mut next =
        || -> serde_json::Value { serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap() };
    assert_eq!(next()["type"], "tool");
    assert_eq!(next()["type"], "response");
    stdin.write_all(&rest).unwrap();
    drop(stdin);
    let kinds: Vec<_> = std::iter::from_fn(|| lines.next())
        .map(|line| {
            serde_json::from_str::<serde_json::Value>(&line.unwrap()).unwrap()["type"].clone()
        })
        .collect();
    assert_eq!(kinds.iter().filter(|kind| *kind == "response").count(), 59);
    assert!(kinds.iter().any(|kind| kind == "totals"));
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_form_that_a_command_has_not_is_refused_and_not_ignored() {
    let folder = folder_with(&[]);
    for args in [
        &["schema", "-f", "html"][..],
        &["-f", "csv", "schema", "diff"],
        &["schema", "-f", "table"],
        &["completions", "bash", "-f", "json"],
        &["man", "-f", "markdown"],
        &["explain", "438", "-f", "csv"],
    ] {
        let run = run_in(folder.path(), args);
        assert_eq!((run.code, &*run.out), (Some(2), ""), "{args:?}");
        assert!(run.err.contains("hint: "), "{args:?}: {}", run.err);
    }
    for args in [&["schema", "-f", "json"][..], &["schema"], &["man"]] {
        assert_eq!(run_in(folder.path(), args).code, Some(0), "{args:?}");
    }
}

#[test]
fn a_report_without_sip_does_not_say_that_nothing_is_wrong() {
    let mut bytes = capture(0);
    bytes.extend([0, 0, 0, 0, 0, 0, 0, 0, 60, 0, 0, 0, 60, 0, 0, 0]);
    bytes.extend([0; 60]);
    let folder = folder_with(&[("a.pcap", &bytes), ("b.pcap", &capture(40))]);
    for form in ["table", "markdown", "html"] {
        let run = run_in(folder.path(), &["-f", form, "a.pcap"]);
        assert!(run.out.contains("No SIP was found"), "{}", run.out);
        assert!(
            run.out.contains("None, as there was no SIP to judge"),
            "{}",
            run.out
        );
        assert!(
            run.out.contains("Check that the capture was taken"),
            "{}",
            run.out
        );
    }
    for form in ["table", "markdown"] {
        for sides in [["a.pcap", "b.pcap"], ["b.pcap", "a.pcap"]] {
            let run = run_in(folder.path(), &["diff", "-f", form, sides[0], sides[1]]);
            assert_eq!(run.code, Some(0), "{}", run.err);
            let words = run.out.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(words.contains("no SIP on the other side"), "{}", run.out);
            assert!(
                words.contains("Check that the capture was taken"),
                "{}",
                run.out
            );
            assert!(!words.contains(" new"), "{}", run.out);
        }
    }
}

#[test]
fn csv_has_tsharks_headings_and_is_narrowed_like_the_other_forms() {
    let folder = folder_with(&[("a.pcap", &capture(30)), ("b.pcap", &capture(2))]);
    let run = run_in(folder.path(), &["-f", "csv", "--call-id", "7@", "a.pcap"]);
    assert_eq!((run.code, run.err.as_str()), (Some(0), ""));
    let mut lines = run.out.lines();
    assert!(
        lines
            .next()
            .unwrap()
            .starts_with("frame.number,frame.time_epoch,ip.src,")
    );
    let calls: Vec<_> = lines.map(|line| line.split(',').nth(12).unwrap()).collect();
    assert_eq!(calls, ["7@a.example", "17@a.example", "27@a.example"]);

    let run = run_in(folder.path(), &["-f", "csv", "."]);
    let mut lines = run.out.lines();
    assert!(lines.next().unwrap().starts_with("file,frame.number,"));
    assert!(lines.all(|line| line.starts_with("./a.pcap,") || line.starts_with("./b.pcap,")));
    // Nobody reads the rest: no complaint.
    let run = run_in(folder.path(), &["explain", "438", "-f", "csv"]);
    assert_eq!(run.code, Some(2), "{}", run.out);
}

#[test]
fn progress_is_told_on_standard_error_and_only_if_asked_for_where_there_is_no_terminal() {
    // Reads half a file until something is told of it, or for longer than it takes until something would be.
    let read_slowly = |args: &[&str], is_told: bool| {
        let mut child = sipannotate(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(&capture(30)).unwrap();
        let mut told = vec![0];
        if is_told {
            child
                .stderr
                .as_mut()
                .unwrap()
                .read_exact(&mut told)
                .unwrap();
        } else {
            std::thread::sleep(std::time::Duration::from_millis(1300));
            told.clear();
        }
        drop(stdin);
        let mut output = child.wait_with_output().unwrap();
        told.append(&mut output.stderr);
        output.stderr = told;
        Run::from(output)
    };
    let told = read_slowly(&["--progress", "always", "-"], true);
    assert!(told.err.starts_with("progress: "), "{}", told.err);
    assert!(told.err.contains(" kB"), "{}", told.err);
    let silent = read_slowly(&["-"], false);
    assert_eq!(silent.err, "");
    assert_eq!(silent.out, told.out);
}

#[test]
fn diff_says_what_changed_and_its_exit_code_is_of_what_was_after() {
    let (before, after) = (capture(300), capture(1));
    let folder = folder_with(&[
        ("before.pcap", &before),
        ("after.pcap", &after),
        ("x.pcap", b"no capture"),
    ]);
    let run = |args: &[&str]| run_in(folder.path(), args);
    let same = run(&["diff", "before.pcap", "before.pcap"]);
    assert_eq!((same.code, same.err.as_str()), (Some(0), ""));
    for section in [
        "1. Capture",
        "2. Findings",
        "3. Final answers",
        "4. Metrics",
    ] {
        assert!(same.out.contains(section), "{}", same.out);
    }
    assert!(same.out.contains("no change shown"), "{}", same.out);
    let json = run(&["diff", "-f", "json", "before.pcap", "."]);
    assert_eq!(json.code, Some(1), "{}", json.err);
    let json = run(&["diff", "-f", "json", "before.pcap", "after.pcap"]);
    let json: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(json["before"]["invites"], 300);
    assert_eq!(json["after"]["invites"], 1);

    // A capture of nothing proves no repair.
    fs::write(folder.path().join("none.pcap"), capture(0)).unwrap();
    for form in ["table", "markdown"] {
        let none = run(&["diff", "before.pcap", "none.pcap", "-f", form]);
        assert_eq!(none.code, Some(0), "{}", none.err);
        assert!(none.out.contains("After: No SIP was found"), "{}", none.out);
    }

    // The burst is before, and --fail-on looks at what is after.
    let fail = ["--fail-on", "response-burst,identity-burst"];
    let fails = |before, after| run(&["diff", before, after, fail[0], fail[1]]).code;
    assert_eq!(fails("before.pcap", "after.pcap"), Some(0));
    assert_eq!(fails("after.pcap", "before.pcap"), Some(3));

    let unread = run(&["diff", "before.pcap", "x.pcap", "-o", "report.txt"]);
    assert_eq!((unread.code, unread.out.as_str()), (Some(1), ""));
    assert!(!folder.path().join("report.txt").exists());
    for wrong in [
        &["diff", "before.pcap"][..],
        &["diff", "before.pcap", "after.pcap", "-f", "csv"],
        &["diff", "before.pcap", "after.pcap", "--code", "438"],
    ] {
        assert_eq!(run(wrong).code, Some(2), "{wrong:?}");
    }
}
