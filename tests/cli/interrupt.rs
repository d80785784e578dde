//! Signals while a pipe is read that does not end.

use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use super::{Run, capture, folder_with, names_in, sipannotate};

/// The program, reading a pipe, `bytes` of which it has read but for what a pipe holds.
fn reading(folder: &Path, args: &[&str], bytes: &[u8]) -> Child {
    let mut child = sipannotate(args)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let stdin = child.stdin.as_mut().unwrap();
    stdin.write_all(bytes).unwrap();
    child
}

fn signal(child: &Child, commands: &str) {
    let commands = commands.replace("PID", &child.id().to_string());
    let done = Command::new("sh").args(["-c", &commands]).status().unwrap();
    assert!(done.success(), "{commands}");
}

/// Waits for the end while the pipe stays open.
fn ended(mut child: Child) -> (std::process::ExitStatus, Run) {
    let stdin = child.stdin.take();
    let output = child.wait_with_output().unwrap();
    drop(stdin);
    (output.status, output.into())
}

/// More than a pipe holds, so that once it is written most of it was read.
fn long_capture() -> Vec<u8> {
    let bytes = capture(400);
    assert!(bytes.len() > 200 << 10, "{}", bytes.len());
    bytes
}

#[test]
fn the_first_signal_ends_the_input_and_the_report_is_written() {
    let bytes = long_capture();
    for (name, format) in [("INT", "table"), ("TERM", "json"), ("INT", "markdown")] {
        let folder = folder_with(&[]);
        let child = reading(folder.path(), &["-f", format, "-"], &bytes);
        signal(&child, &format!("kill -{name} PID"));
        let (status, run) = ended(child);
        assert_eq!(status.code(), Some(0), "{status:?} {}", run.err);
        assert!(run.out.contains("438"), "{}", run.out);
        let line = "ended by a signal (Ctrl-C)";
        let words: Vec<&str> = run.out.split_whitespace().collect();
        let said = words.join(" ").replace('\\', "");
        assert!(said.contains(line), "{format}: {said}");
        assert!(run.err.contains("ended by a signal"), "{}", run.err);
        if format == "json" {
            let report: serde_json::Value = serde_json::from_str(&run.out).unwrap();
            let trust = report["trust"].as_array().unwrap();
            assert!(trust.iter().any(|line| line["kind"] == "interrupted"));
            // How many were on their way when it came is the machine's affair.
            assert!(!report["responses"].as_array().unwrap().is_empty());
        }
    }
}

#[test]
fn an_interrupted_report_gets_its_name_and_leaves_nothing_else() {
    let folder = folder_with(&[]);
    let args = ["-q", "-", "-o", "report.txt", "--fail-on", "identity-burst"];
    let child = reading(folder.path(), &args, &long_capture());
    signal(&child, "kill -INT PID");
    let (status, run) = ended(child);
    assert_eq!(status.code(), Some(3), "{status:?} {}", run.err);
    assert_eq!(run.err, "");
    assert_eq!(names_in(folder.path()), ["report.txt"]);
}

#[test]
fn the_second_signal_ends_the_program_and_no_file_is_left() {
    let folder = folder_with(&[]);
    let bytes = long_capture();
    let mut child = reading(folder.path(), &["-", "-o", "report.txt"], &bytes);
    // Who goes on writing keeps the first from ending it soon.
    let mut stdin = child.stdin.take().unwrap();
    let writer = thread::spawn(move || {
        let packets = &bytes[24..];
        while stdin.write_all(packets).is_ok() {
            thread::sleep(Duration::from_millis(20));
        }
    });
    signal(&child, "kill -INT PID; kill -TERM PID");
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(
        matches!(output.status.signal(), Some(2 | 15)),
        "{:?} {}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(names_in(folder.path()).is_empty());
}
