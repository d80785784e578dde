//! Captures as people have them: compressed, cut, in pieces, from two taps.
//!
//! In: call flows written as text, packed and split in every way. Always: how the frames come does
//! not change what is found, and what could not be had is told. The order of merged files is that
//! of `mergecap`, where that and tshark are installed.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "the helpers of tests are outside `#[test]` functions, and may panic all the same"
)]

mod common;

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use common::ladder::Ladder;
use common::pcap::{self, Format, Options, Record};
use serde_json::Value;

/// Two calls over UDP, one refused and one answered without an ACK, and one over TCP.
const FLOW: &str = r"
host alice 10.1.0.1:5060
host bob   10.2.0.1:5060

call refused at 0 times 6 every 3
  0.000 alice -> bob  INVITE
  0.010 alice <- bob  100
  0.300 alice <- bob  486
  0.320 alice -> bob  ACK

call lost at 1
  0.000 alice -> bob  INVITE
  1.000 alice <- bob  200 as ok
  repeat ok fully

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
    out: String,
    err: String,
}

impl Run {
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| {
            panic!("{error}: {:?} {}", self.code, self.err);
        })
    }
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

fn sipannotate(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sipannotate"));
    command.args(["-f", "json"]).args(args).current_dir(folder);
    command.env_clear().stdin(Stdio::null());
    command
}

fn run(folder: &Path, args: &[&str]) -> Run {
    sipannotate(folder, args).output().unwrap().into()
}

fn folder_with(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    folder
}

/// The name the JSON uses, and what packs so.
type Packer = (&'static str, fn(&[u8]) -> Vec<u8>);

const PACKERS: [Packer; 5] = [
    ("gzip", |bytes| {
        let mut packer = flate2::write::GzEncoder::new(vec![], flate2::Compression::fast());
        packer.write_all(bytes).unwrap();
        packer.finish().unwrap()
    }),
    ("zstd", |bytes| {
        ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
    }),
    ("lz4", |bytes| {
        let info = lz4_flex::frame::FrameInfo::new()
            .block_size(lz4_flex::frame::BlockSize::Max64KB)
            .content_checksum(true);
        let mut packer = lz4_flex::frame::FrameEncoder::with_frame_info(info, vec![]);
        packer.write_all(bytes).unwrap();
        packer.finish().unwrap()
    }),
    ("xz", |bytes| {
        let options = lzma_rust2::XzOptions::with_preset(1);
        let mut packer = lzma_rust2::XzWriter::new(vec![], options).unwrap();
        packer.write_all(bytes).unwrap();
        packer.finish().unwrap()
    }),
    ("bzip2", |bytes| {
        let mut packer = bzip2::write::BzEncoder::new(vec![], bzip2::Compression::fast());
        packer.write_all(bytes).unwrap();
        packer.finish().unwrap()
    }),
];

fn records() -> Vec<Record> {
    Ladder::of(FLOW).records(&Options::default())
}

fn written(format: Format) -> Vec<u8> {
    let options = Options {
        format,
        ..Options::default()
    };
    Ladder::of(FLOW).capture_as(&options)
}

/// A report without what names frames and files.
fn essence(report: &Value) -> Value {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                for key in [
                    "file",
                    "frame",
                    "frames",
                    "captures",
                    "first_frame",
                    "context",
                    "evidence",
                ] {
                    fields.remove(key);
                }
                fields.values_mut().for_each(strip);
            }
            Value::Array(items) => items.iter_mut().for_each(strip),
            _ => {}
        }
    }
    let mut report = report.clone();
    strip(&mut report);
    report
}

/// Checks that two reports say the same, frames and files apart; shows only where they differ.
#[track_caller]
fn check_same(found: &Value, expected: &Value) {
    fn differ(path: &str, found: &Value, expected: &Value, out: &mut Vec<String>) {
        match (found, expected) {
            (Value::Object(a), Value::Object(b)) if a.keys().eq(b.keys()) => {
                for (key, a) in a {
                    differ(&format!("{path}.{key}"), a, &b[key], out);
                }
            }
            (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
                for (index, (a, b)) in a.iter().zip(b).enumerate() {
                    differ(&format!("{path}[{index}]"), a, b, out);
                }
            }
            (a, b) if a == b => {}
            (a, b) => out.push(format!("{path}: {a} is not {b}")),
        }
    }
    let mut out = Vec::new();
    differ("", &essence(found), &essence(expected), &mut out);
    assert!(out.is_empty(), "{}", out.join("\n"));
}

/// What the report of the whole flow, in one plain file, says.
fn expected() -> Value {
    let folder = folder_with(&[("a.pcap", &written(Format::Pcap))]);
    let run = run(folder.path(), &["a.pcap"]);
    assert_eq!(run.code, Some(0), "{}", run.err);
    run.json()
}

/// The first trust line of a kind.
fn trust<'a>(report: &'a Value, kind: &str) -> Option<&'a Value> {
    let lines = report["trust"].as_array().unwrap();
    lines.iter().find(|line| line["kind"] == kind)
}

#[test]
fn the_flow_holds_what_these_tests_are_about() {
    let report = expected();
    let rules: Vec<_> = report["findings"].as_array().unwrap().iter().collect();
    assert!(rules.iter().any(|finding| finding["rule"] == "missing-ack"));
    let transports = report["responses"].as_array().unwrap();
    assert!(
        transports
            .iter()
            .any(|r| r["transport"] == "TCP" && r["code"] == 200)
    );
}

#[test]
fn every_compression_of_every_format_gives_the_same_report() {
    for format in [Format::Pcap, Format::Pcapng] {
        let plain = written(format);
        let folder = folder_with(&[("plain", &plain)]);
        let expected = run(folder.path(), &["plain"]).json();
        assert!(
            expected["captures"][0]
                .get("compression")
                .is_none_or(Value::is_null)
        );
        for (name, pack) in PACKERS {
            let folder = folder_with(&[("plain", &pack(&plain))]);
            let run = run(folder.path(), &["plain"]);
            assert_eq!(run.code, Some(0), "{name}: {}", run.err);
            let mut report = run.json();
            assert_eq!(report["captures"][0]["compression"], name);
            report["captures"][0]["compression"] = Value::Null;
            let mut expected = expected.clone();
            expected["captures"][0]["compression"] = Value::Null;
            assert_eq!(report, expected, "{name}");
        }
    }
}

#[test]
fn standard_input_may_be_compressed() {
    let plain = written(Format::Pcap);
    let expected = expected();
    for (name, pack) in PACKERS {
        let folder = tempfile::tempdir().unwrap();
        let mut child = sipannotate(folder.path(), &["-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(&pack(&plain))
            .unwrap();
        let run = Run::from(child.wait_with_output().unwrap());
        assert_eq!(run.code, Some(0), "{name}");
        check_same(&run.json(), &expected);
    }
}

/// A capture of several blocks of every packer: calls, and frames of noise between their packets.
fn large(format: Format) -> Vec<u8> {
    let text = "host alice 10.1.0.1:5060\nhost bob 10.2.0.1:5060\n\
                call c times 60 every 1\n0 alice -> bob INVITE\n\
                0.1 alice <- bob 486\n0.2 alice -> bob ACK\n";
    let options = Options {
        format,
        ..Options::default()
    };
    let mut noise = 1_u32;
    let mut records = Vec::new();
    for record in Ladder::of(text).records(&options) {
        let mut frame = record.bytes[..12].to_vec();
        // An EtherType for experiments.
        frame.extend([0x88, 0xb5]);
        frame.extend((0..2500).map(|_| {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            noise.to_be_bytes()[0]
        }));
        records.push(Record {
            time_ns: record.time_ns,
            bytes: frame,
        });
        records.push(record);
    }
    pcap::write(&records, &options)
}

#[test]
fn cut_or_damaged_compressed_captures_are_read_up_to_there() {
    for format in [Format::Pcap, Format::Pcapng] {
        let plain = large(format);
        let folder = folder_with(&[("plain", &plain)]);
        let whole = run(folder.path(), &["plain"]).json();
        let whole = whole["responses"].as_array().unwrap();
        for (name, pack) in PACKERS {
            let packed = pack(&plain);
            let cut = &packed[..packed.len() - 9];
            let mut damaged = packed.clone();
            let at = damaged.len() * 9 / 10;
            for byte in &mut damaged[at..] {
                *byte ^= 0xa5;
            }
            for (what, bytes, kind) in [
                ("cut", cut, "cut-short"),
                ("damaged", damaged.as_slice(), "bad-block"),
            ] {
                let folder = folder_with(&[("a.cap", bytes)]);
                let run = run(folder.path(), &["a.cap"]);
                assert_eq!(run.code, Some(0), "{name} {what}: {}", run.err);
                assert!(run.err.contains("warning: "), "{name} {what}: {}", run.err);
                let report = run.json();
                assert_eq!(report["captures"][0]["cut_short"], true, "{name} {what}");
                assert_eq!(report["captures"][0]["compression"], name);
                let line = trust(&report, kind);
                assert!(line.is_some(), "{name} {what}: {}", report["trust"]);
                let found = report["responses"].as_array().unwrap();
                assert!(found.len() >= 20, "{name} {what}: {}", found.len());
                assert!(found.len() <= whole.len(), "{name} {what}");
                for (found, whole) in found.iter().zip(whole) {
                    assert_eq!(found["time"], whole["time"], "{name} {what}");
                }
            }
        }
    }
}

#[test]
fn packed_twice_and_packed_other_things_are_refused_with_a_hint() {
    let (_, gzip) = PACKERS[0];
    let (_, zstd) = PACKERS[1];
    let twice = zstd(&gzip(&written(Format::Pcap)));
    let text = gzip(b"Dear colleagues, please find attached\n");
    let folder = folder_with(&[("twice.pcap", &twice), ("text.gz", &text)]);
    let run = run(folder.path(), &["twice.pcap", "text.gz"]);
    assert_eq!((run.code, run.out.as_str()), (Some(1), ""));
    assert!(
        run.err.contains("with another compressed file"),
        "{}",
        run.err
    );
    assert!(run.err.contains("begins like text"), "{}", run.err);
}

#[test]
fn a_folder_takes_compressed_captures_by_content() {
    let records = records();
    let (first, second) = records.split_at(records.len() / 2);
    let first = pcap::write(first, &Options::default());
    let second = pcap::write(second, &Options::default());
    let files = [
        ("a.bin", PACKERS[1].1(&second)),
        ("b.old", PACKERS[3].1(&first)),
        ("c.txt.gz", PACKERS[0].1(b"notes on the incident")),
        ("d.txt", b"more notes".to_vec()),
    ];
    let files: Vec<_> = files
        .iter()
        .map(|(name, b)| (*name, b.as_slice()))
        .collect();
    let folder = folder_with(&files);
    let run = run(folder.path(), &["."]);
    assert_eq!(run.code, Some(0), "{}", run.err);
    let report = run.json();
    let captures = report["captures"].as_array().unwrap();
    let names: Vec<_> = captures
        .iter()
        .map(|c| c["path"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["./a.bin", "./b.old"]);
    check_same(&report, &expected());
}

#[test]
fn calls_and_streams_go_on_over_the_borders_of_files_whatever_these_are_called() {
    let records = records();
    let folder = tempfile::tempdir().unwrap();
    // A file a frame, and names that lie.
    for (number, record) in records.iter().enumerate() {
        let name = format!("{:05}.pcap", (number * 7919) % 99_991);
        let file = pcap::write(std::slice::from_ref(record), &Options::default());
        fs::write(folder.path().join(name), file).unwrap();
    }
    let run = run(folder.path(), &["."]);
    assert_eq!(run.code, Some(0), "{}", run.err);
    let report = run.json();
    assert_eq!(report["captures"].as_array().unwrap().len(), records.len());
    check_same(&report, &expected());
}

/// A ring buffer of `files` files with a call in each.
fn ring(files: u32, folder: &Path) -> Vec<Record> {
    let mut all = Vec::new();
    for number in 0..files {
        let text = format!(
            "host a 10.1.0.1:5060\nhost b 10.2.0.1:5060\nepoch {}\ncall c{number}\n\
             0 a -> b INVITE\n0.1 a <- b 486\n0.2 a -> b ACK\n",
            1_790_000_000 + number
        );
        let records = Ladder::of(&text).records(&Options::default());
        let file = pcap::write(&records, &Options::default());
        let name = format!("ring_{:05}", (number + files / 3) % files);
        fs::write(folder.join(format!("{name}.pcap")), file).unwrap();
        all.extend(records);
    }
    all
}

#[cfg(unix)]
#[test]
fn a_ring_of_500_files_is_read_with_20_file_descriptors() {
    let folder = tempfile::tempdir().unwrap();
    let all = ring(500, folder.path());
    let command = format!(
        "ulimit -n 20 && exec {} -f json .",
        env!("CARGO_BIN_EXE_sipannotate")
    );
    let output = Command::new("sh")
        .args(["-c", &command])
        .current_dir(folder.path())
        .output();
    let run = Run::from(output.unwrap());
    assert_eq!(run.code, Some(0), "{}", run.err);
    let report = run.json();
    assert_eq!(report["captures"].as_array().unwrap().len(), 500);
    assert_eq!(report["totals"]["calls"], 500);

    let whole = folder_with(&[("all.pcap", &pcap::write(&all, &Options::default()))]);
    let whole = self::run(whole.path(), &["all.pcap"]).json();
    check_same(&report, &whole);
}

#[cfg(unix)]
#[test]
fn where_the_system_allows_too_few_files_at_once_the_rest_comes_late_and_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let records = records();
    // Each file holds every 40th frame, so that all are of the same minutes.
    let files = 40;
    for first in 0..files {
        let part: Vec<_> = records.iter().skip(first).step_by(files).cloned().collect();
        let file = pcap::write(&part, &Options::default());
        fs::write(folder.path().join(format!("{first:02}.pcap")), file).unwrap();
    }
    let command = format!(
        "ulimit -n 16 && exec {} -f json .",
        env!("CARGO_BIN_EXE_sipannotate")
    );
    let output = Command::new("sh")
        .args(["-c", &command])
        .current_dir(folder.path())
        .output();
    let run = Run::from(output.unwrap());
    assert_eq!(run.code, Some(0), "{}", run.err);
    let report = run.json();
    assert_eq!(report["totals"]["packets"], records.len());
    assert!(
        trust(&report, "out-of-order").is_some(),
        "{}",
        report["trust"]
    );
}

#[test]
fn one_unreadable_among_several_exits_1_and_the_rest_is_one_capture() {
    let records = records();
    let (first, second) = records.split_at(records.len() / 2);
    let first = pcap::write(first, &Options::default());
    let second = pcap::write(second, &Options::default());
    let folder = folder_with(&[("1.pcap", &second), ("2.pcap", b"junk"), ("3.pcap", &first)]);
    let run = run(folder.path(), &["1.pcap", "2.pcap", "none.pcap", "3.pcap"]);
    assert_eq!(run.code, Some(1));
    assert!(run.err.contains("error: cannot read 2.pcap"), "{}", run.err);
    assert!(
        run.err.contains("error: cannot read none.pcap"),
        "{}",
        run.err
    );
    let report = run.json();
    let captures = report["captures"].as_array().unwrap();
    let names: Vec<_> = captures
        .iter()
        .map(|c| c["path"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["1.pcap", "3.pcap"]);
    assert_eq!(
        report["responses"][0]["file"], 1,
        "frames of 3.pcap come first"
    );
    assert_eq!(report["responses"][0]["frame"], 2);
    check_same(&report, &expected());
}

#[cfg(unix)]
#[test]
fn a_pipe_with_a_name_is_read_once_and_merged() {
    let records = records();
    let (first, second) = records.split_at(records.len() / 2);
    let first = pcap::write(first, &Options::default());
    let second = PACKERS[0].1(&pcap::write(second, &Options::default()));
    let folder = folder_with(&[("1.pcap", &first), ("2.gz", &second)]);
    let command = format!(
        "mkfifo pipe && {{ cat 2.gz > pipe & }} && exec {} -f json pipe 1.pcap",
        env!("CARGO_BIN_EXE_sipannotate")
    );
    let output = Command::new("sh")
        .args(["-c", &command])
        .current_dir(folder.path())
        .output();
    let run = Run::from(output.unwrap());
    assert_eq!(run.code, Some(0), "{}", run.err);
    check_same(&run.json(), &expected());
}

/// The same packets with clocks `ahead_ms` apart, as two taps see them.
fn later(records: &[Record], ahead_ms: u64) -> Vec<Record> {
    let ahead = |record: &Record| Record {
        time_ns: record.time_ns + ahead_ms * 1_000_000,
        bytes: record.bytes.clone(),
    };
    records.iter().map(ahead).collect()
}

#[test]
fn two_taps_with_clocks_120_ms_apart_count_each_packet_once_and_the_offset_is_told() {
    let records = records();
    let one = pcap::write(&records, &Options::default());
    let two = pcap::write(&later(&records, 120), &Options::default());
    let folder = folder_with(&[("a.pcap", &one), ("b.pcap", &two)]);
    let single = expected();
    for (args, side) in [
        (["a.pcap", "b.pcap"], "120 ms ahead"),
        (["b.pcap", "a.pcap"], "120 ms behind"),
    ] {
        let run = run(folder.path(), &args);
        assert_eq!(run.code, Some(0), "{}", run.err);
        let report = run.json();
        let offset = trust(&report, "clock-offset").expect("the offset is told");
        let detail = offset["detail"].as_str().unwrap();
        assert!(detail.contains(side), "{detail}");
        assert_eq!(offset["file"], 1);
        for total in [
            "requests",
            "responses",
            "retransmissions",
            "calls",
            "invites",
        ] {
            assert_eq!(report["totals"][total], single["totals"][total], "{total}");
        }
        assert_eq!(report["totals"]["duplicates"], 42, "one of each message");
        let rules = |report: &Value| -> Vec<String> {
            let findings = report["findings"].as_array().unwrap();
            findings
                .iter()
                .map(|f| format!("{} {} {}", f["rule"], f["verdict"], f["count"]))
                .collect()
        };
        assert_eq!(rules(&report), rules(&single));
    }
}

#[test]
fn taps_whose_clocks_agree_are_not_told_and_counted_once() {
    let records = records();
    let one = pcap::write(&records, &Options::default());
    let two = pcap::write(&later(&records, 1), &Options::default());
    let folder = folder_with(&[("a.pcap", &one), ("b.pcap", &two)]);
    let report = run(folder.path(), &["a.pcap", "b.pcap"]).json();
    assert!(
        trust(&report, "clock-offset").is_none(),
        "{}",
        report["trust"]
    );
    let single = expected();
    assert_eq!(
        report["totals"]["sip_messages"],
        single["totals"]["sip_messages"]
    );
    assert_eq!(
        report["totals"]["retransmissions"],
        single["totals"]["retransmissions"]
    );
}

#[test]
fn files_merge_in_the_order_of_mergecap() {
    let (Some(_), Some(_)) = (installed("mergecap"), installed("tshark")) else {
        println!("skipped: mergecap and tshark are not installed");
        return;
    };
    let records = records();
    let folder = tempfile::tempdir().unwrap();
    let mut names = Vec::new();
    for first in 0..3 {
        let mut part: Vec<_> = records.iter().skip(first).step_by(3).cloned().collect();
        // Neighbours out of order in one file.
        if first == 1 {
            part.chunks_exact_mut(2).for_each(<[Record]>::reverse);
        }
        let options = Options {
            format: if first == 2 {
                Format::Pcapng
            } else {
                Format::Pcap
            },
            ..Options::default()
        };
        let name = format!("{first}.pcap");
        fs::write(folder.path().join(&name), pcap::write(&part, &options)).unwrap();
        names.push(name);
    }
    let merged = Command::new("mergecap")
        .args(["-w", "merged.pcapng"])
        .args(&names)
        .current_dir(folder.path())
        .status()
        .unwrap();
    assert!(merged.success());
    let theirs = Command::new("tshark")
        .args(["-r", "merged.pcapng", "-Y", "sip.Status-Code && udp"])
        .args(["-T", "fields", "-e", "sip.Call-ID", "-e", "sip.Status-Code"])
        .args(["-e", "frame.time_epoch"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    let theirs = String::from_utf8(theirs.stdout).unwrap();
    let theirs: Vec<_> = theirs
        .lines()
        .map(|line| line.split('\t').take(2).collect::<Vec<_>>().join(" "))
        .collect();
    assert!(theirs.len() > 10, "{theirs:?}");
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let report = run(folder.path(), &names).json();
    let ours: Vec<_> = report["responses"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|response| response["transport"] == "UDP")
        .map(|response| {
            format!(
                "{} {}",
                response["call_id"].as_str().unwrap(),
                response["code"]
            )
        })
        .collect();
    assert_eq!(ours, theirs);
}

/// The version a tool prints, if it is there.
fn installed(tool: &str) -> Option<String> {
    let mut child = Command::new(tool)
        .arg("--version")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let mut version = String::new();
    child.stdout.take()?.read_to_string(&mut version).ok()?;
    child.wait().ok()?;
    Some(version)
}

/// Whatever else packs: the tools of the system write what we read.
#[test]
fn what_the_systems_own_packers_write_is_read() {
    let plain = written(Format::Pcapng);
    let expected = expected();
    for (tool, args) in [
        ("gzip", &["-9", "-c"][..]),
        ("zstd", &["-q", "-19", "--long=27", "-c"]),
        ("zstd", &["-q", "-1", "-c"]),
        ("lz4", &["-q", "-9", "-c"]),
        ("lz4", &["-q", "-BD", "-c"]),
        ("xz", &["-9e", "-c"]),
        ("xz", &["-T2", "--block-size=10000", "-c"]),
        ("bzip2", &["-9", "-c"]),
    ] {
        if installed(tool).is_none() {
            println!("skipped: {tool} is not installed");
            continue;
        }
        let folder = folder_with(&[("plain", &plain)]);
        let packed = Command::new(tool)
            .args(args)
            .arg("plain")
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert!(packed.status.success(), "{tool} {args:?}");
        // Twice the same capture in two parts of one file would be two captures; one is enough.
        fs::write(folder.path().join("packed"), packed.stdout).unwrap();
        let run = run(folder.path(), &["packed"]);
        assert_eq!(run.code, Some(0), "{tool} {args:?}: {}", run.err);
        check_same(&run.json(), &expected);
    }
}
