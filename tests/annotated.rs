//! Annotated captures, read back: every packet is the original's, and has the comments it should.
//!
//! In: the samples, the shared captures where they are beside the project, and captures made here.
//! The judges are the capture's own frames, the JSON report of the same run, and tshark and capinfos
//! where they are installed.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "the helpers of tests are outside `#[test]` functions, and may panic all the same"
)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::ladder::Ladder;
use common::pcap::{Format, Options, Order};
use common::run::{number, shared, text};
use md5::{Digest as _, Md5};
use serde_json::Value;
use sipannotate::capture::{Next, Reader};
use sipannotate::limits::Limits;
use sipannotate::rewrite::{self, Edit, Editor, FrameView};
use sipannotate::units::FileIndex;

/// What stands between two comments that tshark prints.
const BETWEEN: char = '\u{1f}';

/// What the program said of a capture, and the annotated capture.
struct Annotated {
    folder: tempfile::TempDir,
    report: Value,
    warnings: String,
}

impl Annotated {
    fn copy(&self) -> PathBuf {
        self.folder.path().join("copy.pcapng")
    }
}

/// Runs the program; `None` where it refuses the capture.
fn annotate(capture: &Path) -> Option<Annotated> {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_sipannotate"))
        .args(["-f", "json", "-o", "report.json", "-w", "copy.pcapng"])
        .arg(fs::canonicalize(capture).unwrap())
        .current_dir(folder.path())
        .env_clear()
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let warnings = String::from_utf8(output.stderr).unwrap();
    if output.status.code() != Some(0) {
        assert!(!folder.path().join("copy.pcapng").exists(), "{warnings}");
        return None;
    }
    let report = fs::read(folder.path().join("report.json")).unwrap();
    Some(Annotated {
        report: serde_json::from_slice(&report).unwrap(),
        folder,
        warnings,
    })
}

/// A frame as it can be compared.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Frame {
    number: u64,
    time: String,
    length: u32,
    captured: usize,
    md5: String,
}

/// The packets of a capture, by our own reading, and how many frames there are in all.
fn frames(path: &Path) -> (Vec<Frame>, u64) {
    let file = File::open(path).unwrap();
    let mut reader = Reader::open(file, "", FileIndex(0), &Limits::default()).unwrap();
    let mut frames = Vec::new();
    while let Ok(next) = reader.next_frame() {
        match next {
            Next::Frame(frame) => {
                let nanos = frame.time.nanos();
                let digest = u128::from_be_bytes(Md5::digest(frame.captured).into());
                frames.push(Frame {
                    number: frame.at.no.0,
                    time: format!("{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000),
                    length: frame.orig_len,
                    captured: frame.captured.len(),
                    md5: format!("{digest:032x}"),
                });
            }
            Next::End => break,
            _ => {}
        }
    }
    (frames, reader.summary().packets)
}

/// The comments of each frame that has some, as they are written.
fn comments(path: &Path) -> BTreeMap<u64, Vec<String>> {
    struct Comments(BTreeMap<u64, Vec<String>>);
    impl Editor for Comments {
        fn frame(&mut self, frame: &FrameView<'_>, _: &mut Edit) -> io::Result<()> {
            let comments = frame.options.comments().map(String::from_utf8_lossy);
            let comments: Vec<_> = comments.map(std::borrow::Cow::into_owned).collect();
            if !comments.is_empty() {
                self.0.insert(frame.frame.at.no.0, comments);
            }
            Ok(())
        }
    }
    let mut comments = Comments(BTreeMap::new());
    let file = File::open(path).unwrap();
    rewrite::copy(file, "", &Limits::default(), io::sink(), &mut comments).unwrap();
    comments.0
}

/// What each frame's new comments begin with, by the report of the same run.
fn expected(report: &Value) -> BTreeMap<u64, Vec<String>> {
    let mut expected: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    for response in report["responses"].as_array().unwrap() {
        let begins = format!("{} ", number(response, "code"));
        expected
            .entry(number(response, "frame"))
            .or_default()
            .push(begins);
    }
    for finding in report["findings"].as_array().unwrap() {
        let calls = finding["calls"].as_array().unwrap().iter();
        let frames: BTreeSet<u64> = calls
            .flat_map(|call| call["frames"].as_array().unwrap())
            .map(|frame| frame.as_u64().unwrap())
            .collect();
        for frame in frames {
            let begins = format!("Finding {}", text(finding, "rule"));
            expected.entry(frame).or_default().push(begins);
        }
    }
    expected
}

/// What tshark reads: frames, and the comments of each frame that has some.
type ReadBack = (Vec<Frame>, BTreeMap<u64, Vec<String>>);

/// What tshark reads of a capture; `None` where there is no tshark.
fn tshark(path: &Path) -> Option<ReadBack> {
    let output = Command::new("tshark")
        .args(["-n", "-o", "frame.generate_md5_hash:TRUE", "-T", "fields"])
        .args(["-e", "frame.number", "-e", "frame.time_epoch"])
        .args(["-e", "frame.len", "-e", "frame.cap_len"])
        .args(["-e", "frame.md5_hash", "-e", "frame.comment"])
        .args(["-E", &format!("aggregator={BETWEEN}"), "-r"])
        .arg(path)
        .output();
    let Ok(output) = output else {
        eprintln!("skipped: tshark is not installed");
        return None;
    };
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {errors}", path.display());
    let mut frames = Vec::new();
    let mut comments = BTreeMap::new();
    for line in String::from_utf8(output.stdout).expect("UTF-8").lines() {
        let columns: Vec<&str> = line.split('\t').collect();
        let frame = Frame {
            number: columns[0].parse().unwrap(),
            time: columns[1].to_owned(),
            length: columns[2].parse().unwrap(),
            captured: columns[3].parse().unwrap(),
            md5: columns[4].to_owned(),
        };
        if !columns[5].is_empty() {
            let texts = columns[5].split(BETWEEN).map(str::to_owned).collect();
            comments.insert(frame.number, texts);
        }
        frames.push(frame);
    }
    Some((frames, comments))
}

/// All that must be so of a capture's annotated copy.
fn check(capture: &Path) -> Option<Annotated> {
    let shown = capture.display();
    let annotated = annotate(capture)?;
    let copy = annotated.copy();
    let (before, packets) = frames(capture);
    assert_eq!(frames(&copy), (before.clone(), packets), "{shown}");
    let old = comments(capture);
    let new = comments(&copy);
    let mut added = new.clone();
    for (frame, texts) in &old {
        assert_eq!(
            new[frame][..texts.len()],
            texts[..],
            "{shown}: frame {frame}"
        );
        added.get_mut(frame).unwrap().drain(..texts.len());
    }
    added.retain(|_, texts| !texts.is_empty());
    let expected = expected(&annotated.report);
    assert_eq!(
        added.keys().collect::<Vec<_>>(),
        expected.keys().collect::<Vec<_>>(),
        "{shown}"
    );
    for (frame, begins) in &expected {
        let texts = &added[frame];
        assert_eq!(
            texts.len(),
            begins.len(),
            "{shown}: frame {frame}: {texts:?}"
        );
        for (text, begins) in texts.iter().zip(begins) {
            assert!(text.starts_with(begins), "{shown}: frame {frame}: {text}");
            let is_plain = |c: char| c == '\n' || !c.is_control();
            assert!(
                text.chars().all(is_plain),
                "{shown}: frame {frame}: {text:?}"
            );
        }
    }
    if let Some((mut theirs, told)) = tshark(&copy) {
        assert_eq!(theirs.len() as u64, packets, "{shown}");
        let packets: BTreeSet<u64> = before.iter().map(|frame| frame.number).collect();
        theirs.retain(|frame| packets.contains(&frame.number));
        for (ours, theirs) in before.iter().zip(&mut theirs) {
            // Of packets without a time ours is the one before.
            if theirs.time.is_empty() {
                theirs.time.clone_from(&ours.time);
            }
        }
        assert_eq!(theirs, before, "{shown}");
        let printed = |texts: &Vec<String>| {
            let escaped = |text: &String| {
                let text = text.replace('\n', "\\n").replace('\r', "\\r");
                text.replace('\t', "\\t")
            };
            texts.iter().map(escaped).collect::<Vec<_>>()
        };
        let ours: BTreeMap<_, _> = new
            .iter()
            .map(|(no, texts)| (*no, printed(texts)))
            .collect();
        assert_eq!(told, ours, "{shown}");
    }
    Some(annotated)
}

/// The captures below a folder, sorted.
fn captures_in(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if sipannotate::capture::is_capture(&path, &Limits::default()).unwrap_or(false) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

#[test]
fn every_packet_of_a_sample_is_the_originals_with_the_comments_of_the_report() {
    let samples = captures_in(&Path::new(env!("CARGO_MANIFEST_DIR")).join("samples"));
    assert!(samples.len() >= 7);
    for sample in &samples {
        let annotated = check(sample).expect("a sample is read");
        assert_eq!(annotated.warnings, "", "{}", sample.display());
    }
}

#[test]
fn every_packet_of_a_real_capture_is_the_originals_with_the_comments_of_the_report() {
    let Some(folder) = shared("captures") else {
        return;
    };
    let captures = captures_in(&folder);
    assert!(captures.len() > 100, "{}", captures.len());
    let (one, other) = captures.split_at(captures.len() / 2);
    let read = std::thread::scope(|scope| {
        let half = scope.spawn(|| one.iter().filter_map(|path| check(path)).count());
        let read = other.iter().filter_map(|path| check(path)).count();
        read + half.join().expect("the other half holds, too")
    });
    assert_eq!(read, captures.len(), "all of them are read");
}

/// Two calls over UDP, one refused and one answered without an ACK, and one over TCP whose segments
/// end inside messages.
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

fn file(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn every_form_of_a_capture_packed_or_not_gives_the_same_comments() {
    let folder = tempfile::tempdir().unwrap();
    let mut all = Vec::new();
    for format in [Format::Pcap, Format::Pcapng] {
        for order in [Order::Little, Order::Big] {
            for nanos in [false, true] {
                let options = Options {
                    format,
                    order,
                    nanos,
                    ..Options::default()
                };
                let bytes = Ladder::of(FLOW).capture_as(&options);
                let annotated = check(&file(folder.path(), "plain", &bytes)).unwrap();
                all.push(comments(&annotated.copy()));
                let mut packer = flate2::write::GzEncoder::new(vec![], flate2::Compression::fast());
                packer.write_all(&bytes).unwrap();
                let packed = packer.finish().unwrap();
                let packed = annotate(&file(folder.path(), "packed", &packed)).unwrap();
                assert_eq!(
                    fs::read(packed.copy()).unwrap(),
                    fs::read(annotated.copy()).unwrap(),
                    "{options:?}"
                );
            }
        }
    }
    assert!(
        all[0]
            .values()
            .flatten()
            .any(|text| text.starts_with("Finding missing-ack"))
    );
    assert!(all.iter().all(|comments| *comments == all[0]));
}

#[test]
fn sections_of_different_byte_orders_keep_theirs() {
    let written = |order| {
        Ladder::of(FLOW).capture_as(&Options {
            format: Format::Pcapng,
            order,
            ..Options::default()
        })
    };
    let mut bytes = written(Order::Big);
    bytes.extend(written(Order::Little));
    let folder = tempfile::tempdir().unwrap();
    let annotated = check(&file(folder.path(), "two", &bytes)).unwrap();
    let copy = fs::read(annotated.copy()).unwrap();
    let count = |magic: [u8; 8]| copy.windows(8).filter(|found| *found == magic).count();
    let head = |magic: u32| u32::to_be_bytes(magic);
    assert_eq!(copy[8..12], head(0x1a2b_3c4d));
    let magics = [0x1a, 0x2b, 0x3c, 0x4d, 0, 1, 0, 0];
    assert_eq!(count(magics), 1);
    assert_eq!(count([0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0]), 1);
}

#[test]
fn a_capture_that_ends_early_is_annotated_up_to_there() {
    for format in [Format::Pcap, Format::Pcapng] {
        let options = Options {
            format,
            ..Options::default()
        };
        let whole = Ladder::of(FLOW).capture_as(&options);
        let folder = tempfile::tempdir().unwrap();
        for end in [whole.len() - 1, whole.len() / 2, whole.len() / 3] {
            let annotated = check(&file(folder.path(), "cut", &whole[..end])).unwrap();
            assert!(
                annotated.warnings.contains("ends inside a packet"),
                "{}",
                annotated.warnings
            );
        }
    }
}

#[test]
fn what_makes_no_sense_is_left_out_and_said() {
    let options = Options {
        format: Format::Pcapng,
        ..Options::default()
    };
    let mut bytes = Ladder::of(FLOW).capture_as(&options);
    // The third block's length: that of the first packet.
    let second = 28;
    let third = second + usize::from(bytes[second + 4]);
    bytes[third + 4] = 13;
    let folder = tempfile::tempdir().unwrap();
    let annotated = check(&file(folder.path(), "damaged", &bytes)).unwrap();
    assert!(
        annotated.warnings.contains("make no sense"),
        "{}",
        annotated.warnings
    );
}

#[test]
fn a_copy_is_annotated_again_and_keeps_the_comments_it_has() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = Ladder::of(FLOW).capture_as(&Options::default());
    let first = check(&file(folder.path(), "first", &bytes)).unwrap();
    check(&first.copy()).unwrap();
}

#[test]
fn capinfos_names_who_wrote_the_copy() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options {
        nanos: true,
        ..Options::default()
    };
    let bytes = Ladder::of(FLOW).capture_as(&options);
    let annotated = annotate(&file(folder.path(), "plain", &bytes)).unwrap();
    let Ok(output) = Command::new("capinfos").arg(annotated.copy()).output() else {
        eprintln!("skipped: capinfos is not installed");
        return;
    };
    assert!(output.status.success());
    let told = String::from_utf8(output.stdout).unwrap();
    let tool = format!("sipannotate {}", env!("CARGO_PKG_VERSION"));
    assert!(
        told.lines()
            .any(|line| { line.starts_with("Capture application:") && line.ends_with(&tool) }),
        "{told}"
    );
    assert!(told.contains(&format!("annotated by {tool}")), "{told}");
    assert!(told.contains("Time precision = nanoseconds (9)"), "{told}");
}
