//! Bundles: a folder a finding, with a capture of just its calls.
//!
//! In: captures made of ladders. The judges are the JSON report of the same captures, our own reading
//! of what was written, and the hashes taken here.

#![expect(
    clippy::unwrap_used,
    reason = "the helpers of tests are outside `#[test]` functions, and may panic all the same"
)]

mod common;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use common::ladder::Ladder;
use common::pcap::{self, Options};
use common::run::{Report, call_ids, text};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// Answered calls without ACK, over UDP in fragments and over TCP in small segments, among calls in
/// which all is well, and media.
const FLOW: &str = r"
host alice 10.1.0.1:5060
host bob   10.2.0.1:5060
mtu 400

call lost at 1
  0.000 alice -> bob  INVITE
  1.000 alice <- bob  200 as ok
  repeat ok fully

call well at 2 times 4 every 5
  0.000 alice -> bob  INVITE
  1.000 alice <- bob  200
  1.020 alice -> bob  ACK
  2     alice -> bob  RTP count=20
  20    alice -> bob  BYE
  +0.01 alice <- bob  200

call stream tcp at 2
  0.000 alice -> bob  INVITE segments=200
  0.100 alice <- bob  180 segments=90
  1.000 alice <- bob  200 segments=90
  1.020 alice -> bob  ACK
  20    alice -> bob  BYE
  +0.01 alice <- bob  200
end 120
";

struct Run {
    code: Option<i32>,
    err: String,
}

fn bundle(folder: &Path, args: &[&str]) -> Run {
    let output = Command::new(env!("CARGO_BIN_EXE_sipannotate"))
        .arg("bundle")
        .args(args)
        .current_dir(folder)
        .env_clear()
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.stdout.is_empty());
    Run {
        code: output.status.code(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

fn sha256(path: &Path) -> String {
    let digest = Sha256::digest(fs::read(path).unwrap());
    let mut text = String::new();
    for byte in digest {
        write!(text, "{byte:02x}").unwrap();
    }
    text
}

fn names_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn manifest(folder: &Path) -> Value {
    serde_json::from_slice(&fs::read(folder.join("manifest.json")).unwrap()).unwrap()
}

/// Every file the manifest names is as it says.
fn check_hashes(at: &Path, folder: &Path) -> Value {
    let manifest = manifest(folder);
    for (files, base) in [("captures", at), ("files", folder)] {
        for file in manifest.get(files).and_then(Value::as_array).unwrap() {
            let path = base.join(text(file, "path"));
            assert_eq!(text(file, "sha256"), sha256(&path), "{}", path.display());
            assert_eq!(file["bytes"], fs::metadata(&path).unwrap().len());
        }
    }
    manifest
}

#[test]
fn a_finding_has_a_folder_with_just_its_calls_and_a_manifest() {
    let folder = tempfile::tempdir().unwrap();
    let ladder = Ladder::of(FLOW);
    let bytes = ladder.capture_as(&Options::default());
    let whole = Report::of_bytes(bytes.clone());
    fs::write(folder.path().join("a.pcap"), bytes).unwrap();
    let run = bundle(folder.path(), &["a.pcap", "-o", "out"]);
    assert_eq!((run.code, &*run.err), (Some(0), ""));
    assert_eq!(names_in(folder.path()), ["a.pcap", "out"]);
    let out = folder.path().join("out");
    let findings = whole.view["findings"].as_array().unwrap();
    let names = names_in(&out);
    assert_eq!(names.len(), findings.len(), "{names:?}");
    assert!(
        names.contains(&"01-missing-ack-no-ack-confirmed".to_owned()),
        "{names:?}"
    );
    for (name, finding) in names.iter().zip(findings) {
        let one = out.join(name);
        assert!(name.contains(text(finding, "rule")), "{name}");
        assert_eq!(names_in(&one), ["capture.pcapng", "manifest.json"]);
        let manifest = check_hashes(folder.path(), &one);
        assert_eq!(manifest["finding"], *finding);
        assert_eq!(manifest["command"][1], "bundle");
        // Nothing else is in it, and nothing of these calls is missing.
        let taken = Report::of_file(&one.join("capture.pcapng"));
        let calls: BTreeSet<&str> = call_ids(finding).into_iter().collect();
        let of_calls = |report: &Report, all: bool| {
            let responses = report.responses.iter();
            let wanted =
                responses.filter(|response| all || calls.contains(text(response, "call_id")));
            wanted
                .map(|response| response["time"].clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(of_calls(&taken, true), of_calls(&whole, false), "{name}");
        assert_eq!(taken.total("malformed"), 0);
        let trust = taken.view["trust"].to_string();
        assert!(!trust.contains("fragments-missing"), "{trust}");
    }
}

#[test]
fn of_several_captures_each_gives_what_it_has() {
    let folder = tempfile::tempdir().unwrap();
    let records = Ladder::of(FLOW).records(&Options::default());
    let (first, second) = records.split_at(records.len() / 2);
    for (name, part) in [("1.pcap", first), ("2.pcap", second)] {
        let bytes = pcap::write(part, &Options::default());
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    let run = bundle(folder.path(), &["-o", "out", "1.pcap", "2.pcap"]);
    assert_eq!(run.code, Some(0), "{}", run.err);
    let one = folder.path().join("out/01-missing-ack-no-ack-confirmed");
    let expected = ["capture-1.pcapng", "capture-2.pcapng", "manifest.json"];
    assert_eq!(names_in(&one), expected);
    let manifest = check_hashes(folder.path(), &one);
    assert_eq!(manifest["captures"].as_array().map(Vec::len), Some(2));
}

#[test]
fn a_bundle_appears_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("text"), "no capture").unwrap();
    fs::create_dir(folder.path().join("full")).unwrap();
    fs::write(folder.path().join("full/file"), "mine").unwrap();
    for (args, code, what) in [
        (&["text"][..], 2, "no folder is given"),
        (&["-", "-o", "out"], 2, "can be read once only"),
        (&["text", "-o", "full"], 2, "is there already"),
        (&["text", "-o", "out"], 1, "cannot read text"),
        (&["none", "-o", "out"], 1, "cannot read none"),
        (
            &["text", "-o", "no/such/out"],
            1,
            "cannot write no/such/out",
        ),
    ] {
        let run = bundle(folder.path(), args);
        assert_eq!(run.code, Some(code), "{args:?}: {}", run.err);
        assert!(run.err.contains(what), "{args:?}: {}", run.err);
    }
    assert_eq!(names_in(folder.path()), ["full", "text"]);
    assert_eq!(names_in(&folder.path().join("full")), ["file"]);
}
