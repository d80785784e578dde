//! Bundles: a folder a finding, with a ticket, ladders and a capture of just its calls.
//!
//! In: captures made of ladders, and the samples. The judges are the JSON report of the same captures, our
//! own reading of what was written, the hashes taken here, and tshark where it is installed. What a bundle
//! of `missing-ack.pcap` says is compared word for word.

#![expect(
    clippy::expect_used,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "the helpers of tests are outside `#[test]` functions, and may panic all the same"
)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
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
    bundle_of(folder, args, Stdio::null())
}

/// The same, fed `stdin`.
fn bundle_of(folder: &Path, args: &[&str], stdin: Stdio) -> Run {
    let output = Command::new(env!("CARGO_BIN_EXE_sipannotate"))
        .arg("bundle")
        .args(args)
        .current_dir(folder)
        .env_clear()
        .stdin(stdin)
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

/// The folders of the findings.
fn folders_in(bundle: &Path) -> Vec<String> {
    let mut names = names_in(bundle);
    names.retain(|name| bundle.join(name).is_dir());
    names
}

/// All files of a bundle, by their paths from it.
fn files_in(bundle: &Path) -> BTreeSet<String> {
    let mut files = BTreeSet::new();
    for name in names_in(bundle) {
        if bundle.join(&name).is_dir() {
            let inside = names_in(&bundle.join(&name));
            files.extend(inside.iter().map(|file| format!("{name}/{file}")));
        } else {
            files.insert(name);
        }
    }
    files
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The captures among the samples.
fn samples() -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join("samples")).unwrap();
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|end| end == "pcap" || end == "pcapng")
        })
        .collect();
    paths.sort();
    paths
}

/// A bundle of a sample, made where the sample lies beside it: `out`, by that name.
fn bundle_of_sample(path: &Path) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let name = path.file_name().unwrap().to_str().unwrap();
    fs::copy(path, folder.path().join(name)).unwrap();
    let run = bundle(folder.path(), &[name, "-o", "out"]);
    assert_eq!(run.code, Some(0), "{name}: {}", run.err);
    folder
}

/// What tshark reads of a capture: of each frame its comment and its Call-IDs; `None` without tshark.
fn tshark(path: &Path) -> Option<Vec<(String, BTreeSet<String>)>> {
    let output = Command::new("tshark")
        .args(["-n", "-T", "fields", "-e", "frame.comment"])
        .args(["-e", "frame.number", "-e", "sip.Call-ID", "-r"])
        .arg(path)
        .output();
    let Ok(output) = output else {
        eprintln!("skipped: tshark is not installed");
        return None;
    };
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {errors}", path.display());
    let frame = |line: &str| {
        let columns: Vec<&str> = line.split('\t').collect();
        let [comment, number, calls] = columns.as_slice() else {
            panic!("{line}")
        };
        let origin = comment.strip_prefix("frame ");
        let origin = origin.and_then(|rest| rest.split(' ').next());
        let calls = calls.split(',').filter(|id| !id.is_empty());
        (
            origin.unwrap_or(number).to_owned(),
            calls.map(str::to_owned).collect(),
        )
    };
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    Some(text.lines().map(frame).collect())
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
    let names = folders_in(&out);
    assert_eq!(names.len(), findings.len(), "{names:?}");
    assert!(
        names.contains(&"01-missing-ack-no-ack-confirmed".to_owned()),
        "{names:?}"
    );
    for (name, finding) in names.iter().zip(findings) {
        let one = out.join(name);
        assert!(name.contains(text(finding, "rule")), "{name}");
        assert_eq!(
            names_in(&one),
            ["capture.pcapng", "ladder.txt", "manifest.json", "ticket.md"]
        );
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
    let expected = [
        "capture-1.pcapng",
        "capture-2.pcapng",
        "ladder.txt",
        "manifest.json",
        "ticket.md",
    ];
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
        (
            &["text", "-o", "full"],
            2,
            "full is there already, and not empty",
        ),
        (
            &["text", "-o", "text"],
            2,
            "text is there already, and no folder",
        ),
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

#[test]
fn every_file_of_a_bundle_is_in_a_manifest_with_its_hash() {
    for path in samples() {
        let folder = bundle_of_sample(&path);
        let out = folder.path().join("out");
        let whole = check_hashes(folder.path(), &out);
        let mut named: BTreeSet<String> = whole["files"]
            .as_array()
            .unwrap()
            .iter()
            .map(|file| text(file, "path").to_owned())
            .collect();
        assert!(named.insert("manifest.json".to_owned()));
        assert_eq!(named, files_in(&out), "{}", path.display());
        assert!(whole.get("finding").is_none());
        let index = fs::read_to_string(out.join("README.md")).unwrap();
        let found = Report::of_file(&path);
        let findings = found.view["findings"].as_array().unwrap();
        let folders = folders_in(&out);
        assert_eq!(folders.len(), findings.len());
        for (name, finding) in folders.iter().zip(findings) {
            let manifest = check_hashes(folder.path(), &out.join(name));
            assert_eq!(manifest["finding"]["title"], finding["title"]);
            assert!(index.contains(&format!("| [{name}]({name}/ticket.md) |")));
            let ticket = fs::read_to_string(out.join(name).join("ticket.md")).unwrap();
            let severity = text(finding, "severity").to_uppercase();
            assert!(
                ticket.contains(&format!("\n## Finding: {severity}\n")),
                "{ticket}"
            );
            let call = text(&finding["calls"].as_array().unwrap()[0], "call_id");
            assert!(ticket.contains("```mermaid\nsequenceDiagram\n"));
            assert!(ticket.contains(&format!("`{call}`")), "{ticket}");
            let ladders = fs::read_to_string(out.join(name).join("ladder.txt")).unwrap();
            let calls: BTreeSet<&str> = call_ids(finding).into_iter().collect();
            let drawn = ladders.matches("\n\n----").count() + 1;
            assert_eq!(drawn, calls.len().min(5), "{name}");
            assert!(ladders.starts_with(&format!("Call {call}\n")), "{ladders}");
        }
    }
}

#[test]
fn tshark_opens_the_captures_and_finds_the_findings_calls_and_no_others() {
    for path in samples() {
        let Some(whole) = tshark(&path) else { return };
        let folder = bundle_of_sample(&path);
        let out = folder.path().join("out");
        for name in folders_in(&out) {
            let manifest = manifest(&out.join(&name));
            let calls: BTreeSet<&str> = call_ids(&manifest["finding"]).into_iter().collect();
            let taken = tshark(&out.join(&name).join("capture.pcapng")).unwrap();
            let found: BTreeSet<&str> = taken
                .iter()
                .flat_map(|(_, calls)| calls.iter().map(String::as_str))
                .collect();
            assert_eq!(found, calls, "{name} of {}", path.display());
            // Each frame says which it was, and it was that.
            let before: BTreeMap<&str, &BTreeSet<String>> = whole
                .iter()
                .map(|(no, calls)| (no.as_str(), calls))
                .collect();
            for (no, calls) in &taken {
                assert_eq!(before[no.as_str()], calls, "{name}, frame {no}");
            }
            let of_calls = |frames: &[(String, BTreeSet<String>)]| {
                let of = |(_, ids): &&(String, BTreeSet<String>)| {
                    ids.iter().any(|id| calls.contains(id.as_str()))
                };
                frames.iter().filter(of).count()
            };
            assert_eq!(of_calls(&taken), of_calls(&whole), "{name}");
        }
    }
}

#[test]
fn a_bundle_says_what_it_said() {
    let folder = bundle_of_sample(&root().join("samples/missing-ack.pcap"));
    let out = folder.path().join("out");
    let one = out.join(&folders_in(&out)[0]);
    let read = |path: PathBuf| fs::read_to_string(path).unwrap();
    insta::assert_snapshot!("bundle_index", read(out.join("README.md")));
    insta::assert_snapshot!("bundle_ticket", read(one.join("ticket.md")));
    insta::assert_snapshot!("bundle_ladders", read(one.join("ladder.txt")));
}

#[test]
fn the_bundle_page_quotes_a_bundle() {
    let folder = bundle_of_sample(&root().join("samples/incident-438.pcap"));
    let index = fs::read_to_string(folder.path().join("out/README.md")).unwrap();
    let page = fs::read_to_string(root().join("docs/bundle.md")).unwrap();
    let quoted: Vec<&str> = page
        .split("````markdown\n")
        .skip(1)
        .filter_map(|quoted| quoted.split_once("````").map(|(quoted, _)| quoted))
        .collect();
    assert_eq!(quoted.len(), 1);
    for quoted in quoted {
        assert!(
            index.contains(quoted),
            "docs/bundle.md is stale; README.md of the bundle is\n{index}"
        );
    }
}

#[test]
fn what_comes_through_a_pipe_is_bundled_like_a_file() {
    let folder = bundle_of_sample(&root().join("samples/missing-ack.pcap"));
    let stdin = File::open(folder.path().join("missing-ack.pcap")).unwrap();
    let run = bundle_of(folder.path(), &["-", "-o", "piped"], stdin.into());
    assert_eq!((run.code, &*run.err), (Some(0), ""));
    let (file, piped) = (folder.path().join("out"), folder.path().join("piped"));
    assert_eq!(files_in(&file), files_in(&piped));
    let sha = |of: &Value| text(&of["captures"].as_array().unwrap()[0], "sha256").to_owned();
    let (of_file, of_pipe) = (manifest(&file), manifest(&piped));
    assert_eq!(sha(&of_file), sha(&of_pipe));
    assert_eq!(
        text(&of_pipe["captures"].as_array().unwrap()[0], "path"),
        "-"
    );
    let one = &folders_in(&file)[0];
    for name in ["ladder.txt", "ticket.md"] {
        let read = |bundle: &Path| fs::read_to_string(bundle.join(one).join(name)).unwrap();
        let body = |text: String| {
            text.split("\n## How this was made")
                .next()
                .map(str::to_owned)
        };
        assert_eq!(body(read(&file)), body(read(&piped)), "{name}");
    }
    let capture = fs::read(piped.join(one).join("capture.pcapng")).unwrap();
    assert!(memchr::memmem::find(&capture, b"of standard input").is_some());
}

#[test]
fn without_findings_the_bundle_says_so() {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(
        root().join("samples/good-call.pcap"),
        folder.path().join("good.pcap"),
    )
    .unwrap();
    let run = bundle(folder.path(), &["good.pcap", "-o", "out"]);
    assert_eq!(run.code, Some(0));
    assert!(
        run.err
            .starts_with("warning: there are no findings: out holds only"),
        "{}",
        run.err
    );
    let out = folder.path().join("out");
    assert_eq!(names_in(&out), ["README.md", "manifest.json"]);
    let index = fs::read_to_string(out.join("README.md")).unwrap();
    assert!(
        index.starts_with("# No incident in this capture\n"),
        "{index}"
    );
    check_hashes(folder.path(), &out);
}

#[test]
fn without_sip_the_bundle_says_that_and_not_that_all_is_well() {
    let folder = tempfile::tempdir().unwrap();
    let mut bytes = vec![
        0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0,
    ];
    bytes.extend([0, 0, 0, 0, 0, 0, 0, 0, 60, 0, 0, 0, 60, 0, 0, 0]);
    bytes.extend([0; 60]);
    fs::write(folder.path().join("a.pcap"), bytes).unwrap();
    let run = bundle(folder.path(), &["a.pcap", "-o", "out"]);
    assert_eq!(run.code, Some(0));
    assert!(run.err.contains("no SIP was found"), "{}", run.err);
    let index = fs::read_to_string(folder.path().join("out/README.md")).unwrap();
    assert!(
        index.starts_with("# No SIP was found in this capture\n"),
        "{index}"
    );
    assert!(
        index.contains("Check that the capture was taken where"),
        "{index}"
    );
    assert!(!index.contains("No incident"), "{index}");
}

#[test]
fn what_is_for_reports_is_refused_with_a_word() {
    let folder = tempfile::tempdir().unwrap();
    for (args, what) in [
        (&["--code", "438"][..], "lists no responses to narrow"),
        (&["--call-id", "a"], "lists no responses to narrow"),
        (&["--host", "10.0.0.1"], "lists no responses to narrow"),
        (&["--since", "+1"], "lists no responses to narrow"),
        (&["--all"], "lists no responses to narrow"),
        (
            &["--redact", "--keylog", "k"],
            "leaves out what was encrypted",
        ),
        (&["-f", "json"], "-f is for reports"),
        (&["-f", "markdown"], "-f is for reports"),
        (&["-f", "table"], "-f is for reports"),
    ] {
        let run = bundle(folder.path(), &[&["a.pcap", "-o", "out"], args].concat());
        assert_eq!(run.code, Some(2), "{args:?}: {}", run.err);
        assert!(
            run.err.contains(what) && run.err.contains("hint: "),
            "{args:?}: {}",
            run.err
        );
    }
}

#[test]
fn language_certificates_and_exit_code_are_as_for_a_report() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let out = out.to_str().unwrap();
    let args = [
        "samples/incident-438.pcap",
        "-o",
        out,
        "--lang",
        "zh",
        "--certs",
        "samples/certs",
        "--fail-on",
        "identity-burst",
    ];
    let run = bundle(root(), &args);
    assert_eq!((run.code, &*run.err), (Some(3), ""));
    let ticket = Path::new(out).join("01-identity-burst/ticket.md");
    let ticket = fs::read_to_string(ticket).unwrap();
    assert!(ticket.contains("\n## 生成方式\n"), "{ticket}");
    assert!(ticket.contains("--certs samples/certs"), "{ticket}");
}

/// All bytes of a bundle's files, and the names of its folders.
fn contents(bundle: &Path) -> Vec<(String, Vec<u8>)> {
    let read = |name: &String| fs::read(bundle.join(name)).unwrap();
    files_in(bundle)
        .into_iter()
        .map(|name| {
            let bytes = read(&name);
            (name, bytes)
        })
        .collect()
}

/// Users, hosts, Call-IDs and addresses that a report names.
fn named_in(report: &Report) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    for response in &report.responses {
        named.insert(text(response, "call_id").to_owned());
        for end in ["src", "dst"] {
            let endpoint = text(response, end);
            named.insert(endpoint.rsplit_once(':').unwrap().0.to_owned());
        }
        for party in ["from", "to"] {
            let uri = text(response, party).trim_start_matches("sip:");
            let (user, host) = uri.split_once('@').unwrap_or(("", uri));
            named.insert(user.trim_start_matches('+').to_owned());
            named.insert(host.split([':', ';']).next().unwrap().to_owned());
        }
    }
    named.remove("");
    named
}

/// What stands in a bundle's files as text, and in the base64 of tokens.
fn readable(bundle: &Path) -> String {
    let is_base64 = |c: char| c.is_ascii_alphanumeric() || "+/-_".contains(c);
    let mut readable = String::new();
    for (_, bytes) in contents(bundle) {
        let text = String::from_utf8_lossy(&bytes);
        for run in text.split(|c| !is_base64(c)).filter(|run| run.len() > 20) {
            let engine = &base64::prelude::BASE64_URL_SAFE_NO_PAD;
            let decoded = base64::Engine::decode(engine, run).unwrap_or_default();
            readable.push_str(&String::from_utf8_lossy(&decoded));
            readable.push('\n');
        }
        readable.push_str(&text);
    }
    readable
}

#[test]
fn a_redacted_bundle_names_nobody_in_any_file() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = fs::read(root().join("samples/incident-438.pcap")).unwrap();
    let whole = Report::of_bytes(bytes.clone());
    fs::create_dir(folder.path().join("of-zorro")).unwrap();
    fs::write(folder.path().join("of-zorro/zorro-4711.pcap"), &bytes).unwrap();
    let plain = bundle(folder.path(), &["of-zorro/zorro-4711.pcap", "-o", "plain"]);
    assert_eq!((plain.code, &*plain.err), (Some(0), ""));
    let args = [
        "of-zorro/zorro-4711.pcap",
        "--redact-key",
        "hush",
        "-o",
        "out",
    ];
    let run = bundle(folder.path(), &args);
    assert_eq!((run.code, &*run.err), (Some(0), ""));
    let (plain, out) = (folder.path().join("plain"), folder.path().join("out"));
    // The same findings in the same folders, of the same frames.
    assert_eq!(files_in(&plain), files_in(&out));
    for name in folders_in(&plain) {
        let frames = |bundle: &Path| {
            let finding = &manifest(&bundle.join(&name))["finding"];
            let calls = finding["calls"].as_array().unwrap().iter();
            let frames = calls.map(|call| call["frames"].clone());
            (finding["title"].clone(), frames.collect::<Vec<_>>())
        };
        assert_eq!(frames(&plain), frames(&out), "{name}");
    }
    // What is looked for is there where it is not redacted.
    let mut named = named_in(&whole);
    assert!(named.len() > 50, "{named:?}");
    let all = readable(&plain);
    for value in &named {
        let is_of_a_finding = all.contains(value.as_str());
        assert!(
            is_of_a_finding || value.contains('@') || value.parse::<u64>().is_ok(),
            "{value}"
        );
    }
    named.extend(["zorro", "hush"].map(String::from));
    let all = readable(&out);
    for value in &named {
        assert!(!all.contains(value.as_str()), "{value} is left");
    }
    // How it was made can be told, and checked by who has the key.
    let told = manifest(&out);
    assert_eq!(
        told["command"],
        serde_json::json!([
            "sipannotate",
            "bundle",
            "...",
            "--redact-key",
            "...",
            "-o",
            "..."
        ])
    );
    let redacted = Command::new(env!("CARGO_BIN_EXE_sipannotate"))
        .args([
            "redact",
            "of-zorro/zorro-4711.pcap",
            "--redact-key",
            "hush",
            "-o",
            "redacted.pcapng",
        ])
        .current_dir(folder.path())
        .status()
        .unwrap();
    assert!(redacted.success());
    check_hashes(folder.path(), &out);
    let index = fs::read_to_string(out.join("README.md")).unwrap();
    assert!(
        index.contains("subscriber data is replaced by pseudonyms"),
        "{index}"
    );
}

#[test]
fn a_redacted_bundle_of_several_captures_tells_them_by_number() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = Ladder::of(FLOW).capture_as(&Options::default());
    for name in ["zorro.pcap", "alice.pcap"] {
        fs::write(folder.path().join(name), &bytes).unwrap();
    }
    let run = bundle(
        folder.path(),
        &["zorro.pcap", "alice.pcap", "--redact", "-o", "out"],
    );
    assert_eq!((run.code, &*run.err), (Some(0), ""));
    let told = manifest(&folder.path().join("out"));
    let paths: Vec<&str> = told["captures"]
        .as_array()
        .unwrap()
        .iter()
        .map(|capture| text(capture, "path"))
        .collect();
    assert_eq!(paths, ["redacted-1.pcapng", "redacted-2.pcapng"]);
    let all = readable(&folder.path().join("out"));
    for value in ["zorro", "10.1.0.1", "10.2.0.1"] {
        assert!(!all.contains(value), "{value} is left");
    }
}
