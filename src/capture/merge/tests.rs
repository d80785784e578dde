//! What merging claims, on captures written here.

use std::fs;

use super::*;
use crate::capture::first_bytes::Order;
use crate::capture::is_capture;
use crate::capture::testing::{MICROS, Pcap, PcapNg};

/// A pcap with frames at these seconds.
fn capture(seconds: &[u32]) -> Vec<u8> {
    let mut pcap = Pcap::new(MICROS, Order::Little, 1);
    for second in seconds {
        pcap.record(*second, 0, 4, b"abcd");
    }
    pcap.bytes.out
}

fn folder(files: &[Vec<u8>]) -> (tempfile::TempDir, Vec<(String, Source)>) {
    let folder = tempfile::tempdir().unwrap();
    let inputs = files
        .iter()
        .enumerate()
        .map(|(number, bytes)| {
            let path = folder.path().join(format!("{number}.pcap"));
            fs::write(&path, bytes).unwrap();
            (number.to_string(), Source::File(path))
        })
        .collect();
    (folder, inputs)
}

/// What comes of a merge, as `file:frame@second` and the names of defects.
fn run(merge: &mut Merge) -> (Vec<String>, usize) {
    let mut found = Vec::new();
    let mut most_open = 0;
    loop {
        merge.advance();
        let next = match merge.current() {
            (file, Next::Frame(frame)) => {
                assert_eq!(file, frame.at.file);
                let second = frame.time.nanos() / 1_000_000_000;
                format!("{}:{}@{second}", file.0, frame.at.no)
            }
            (_, Next::Defect(defect)) => format!("{} {}", defect.kind.name(), defect.at.file.0),
            (file, Next::CutShort { .. }) => format!("cut {}", file.0),
            (file, Next::Secrets { bytes, .. }) => {
                format!("secrets {} {}", file.0, bytes.escape_ascii())
            }
            (_, Next::End) => {
                merge.advance();
                assert!(matches!(merge.current().1, Next::End), "the end stays");
                return (found, most_open);
            }
        };
        found.push(next);
        most_open = most_open.max(merge.open.iter().flatten().count());
    }
}

fn check(files: &[&[u32]], expected: &str, most: usize) {
    let bytes: Vec<_> = files.iter().map(|seconds| capture(seconds)).collect();
    let (_folder, inputs) = folder(&bytes);
    let (mut merge, refused) = Merge::open(inputs, &Limits::default());
    assert!(refused.is_empty());
    let (found, open) = run(&mut merge);
    assert_eq!(found.join(" "), expected);
    assert_eq!(open, most, "captures open at once");
    let ended = merge.finish();
    assert_eq!(ended.len(), files.len());
    for (number, (ended, seconds)) in ended.iter().zip(files).enumerate() {
        assert_eq!(usize::from(ended.file.0), number);
        assert_eq!(ended.path, number.to_string());
        assert_eq!(ended.summary.packets, seconds.len() as u64);
        assert!(ended.error.is_none());
    }
}

#[test]
fn frames_come_by_time_and_keep_their_numbers() {
    check(
        &[&[1, 4, 6], &[2, 3, 7], &[5]],
        "0:1@1 1:1@2 1:2@3 0:2@4 2:1@5 0:3@6 1:3@7",
        3,
    );
}

#[test]
fn of_equal_times_the_file_named_first_goes_first() {
    check(&[&[1, 2], &[1, 2]], "0:1@1 1:1@1 0:2@2 1:2@2", 2);
}

#[test]
fn files_that_follow_each_other_are_open_one_at_a_time_however_they_are_named() {
    check(
        &[&[30, 31], &[10, 11], &[20, 21]],
        "1:1@10 1:2@11 2:1@20 2:2@21 0:1@30 0:2@31",
        1,
    );
}

#[test]
fn a_file_whose_own_frames_are_out_of_order_keeps_them_so() {
    check(
        &[&[5, 3, 9, 8], &[4, 6, 10]],
        "1:1@4 0:1@5 0:2@3 1:2@6 0:3@9 0:4@8 1:3@10",
        2,
    );
}

#[test]
fn captures_without_frames_count() {
    check(&[&[], &[1], &[]], "1:1@1", 1);
    check(&[&[]], "", 0);
}

#[test]
fn what_cannot_be_read_is_told_and_the_others_keep_their_order() {
    let (folder, mut inputs) = folder(&[capture(&[2]), b"not a capture".to_vec(), capture(&[1])]);
    let missing = Source::File(folder.path().join("missing.pcap"));
    inputs.push(("missing".to_owned(), missing));
    let stream = Source::Stream(Box::new(io::Cursor::new(capture(&[0, 3]))));
    inputs.push(("-".to_owned(), stream));
    let (mut merge, refused) = Merge::open(inputs, &Limits::default());
    let names: Vec<_> = refused.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(names, ["1", "missing"]);
    assert_eq!(run(&mut merge).0.join(" "), "2:1@0 1:1@1 0:1@2 2:2@3");
    let ended = merge.finish();
    let names: Vec<_> = ended.iter().map(|ended| ended.path.as_str()).collect();
    assert_eq!(names, ["0", "2", "-"]);
}

#[test]
fn a_cut_file_ends_there_and_the_others_go_on() {
    let mut cut = capture(&[1, 3, 5]);
    cut.truncate(cut.len() - 2);
    let (_folder, inputs) = folder(&[cut, capture(&[2, 4, 6])]);
    let (mut merge, _) = Merge::open(inputs, &Limits::default());
    assert_eq!(
        run(&mut merge).0.join(" "),
        "0:1@1 1:1@2 0:2@3 cut 0 1:2@4 1:3@6"
    );
    let cut: Vec<_> = merge.finish().iter().map(|e| e.summary.cut_short).collect();
    assert_eq!(cut, [true, false]);
}

#[test]
fn more_captures_at_once_than_may_be_open_come_late_with_a_defect() {
    let files: Vec<_> = (0..5).map(|file| capture(&[file, file + 10])).collect();
    let (_folder, inputs) = folder(&files);
    let limits = Limits {
        open_captures: 2,
        ..Limits::default()
    };
    let (mut merge, _) = Merge::open(inputs, &limits);
    let (found, open) = run(&mut merge);
    assert_eq!(open, 2);
    assert_eq!(found.iter().filter(|line| line.contains('@')).count(), 10);
    let told = found.iter().filter(|line| line.starts_with("out-of-order"));
    assert_eq!(told.count(), 1);
}

#[test]
fn a_ring_of_many_files_needs_one_at_a_time() {
    let files: Vec<_> = (0..500).map(|n| capture(&[n * 2, n * 2 + 1])).collect();
    let (_folder, mut inputs) = folder(&files);
    inputs.reverse();
    let limits = Limits {
        open_captures: 1,
        ..Limits::default()
    };
    let (mut merge, refused) = Merge::open(inputs, &limits);
    assert!(refused.is_empty());
    let (found, open) = run(&mut merge);
    assert_eq!(open, 1);
    let seconds: Vec<_> = found.iter().filter_map(|f| f.split('@').nth(1)).collect();
    let expected: Vec<_> = (0..1000).map(|second| second.to_string()).collect();
    assert_eq!(seconds, expected);
}

#[test]
fn secrets_are_handed_on_before_the_frames_behind_them() {
    let mut ng = PcapNg::new(Order::Big);
    ng.interface(1, 0, &[])
        .enhanced(0, 5_000_000, 1, b"a", &[])
        .block(10, |body| {
            body.u32(crate::capture::TLS_KEY_LOG).u32(5);
            body.out.extend(b"KEYS\n\0\0\0");
        })
        .block(10, |body| {
            body.u32(1).u32(500);
        })
        .enhanced(0, 7_000_000, 1, b"b", &[]);
    let (_folder, inputs) = folder(&[ng.bytes.out, capture(&[6])]);
    let (mut merge, _) = Merge::open(inputs, &Limits::default());
    assert_eq!(
        run(&mut merge).0.join(" "),
        "0:1@5 secrets 0 KEYS\\n bad-block 0 1:1@6 0:2@7"
    );
}

#[test]
fn a_folder_is_searched_by_content() {
    let (folder, _) = folder(&[
        capture(&[1]),
        capture(&[]),
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
    ]);
    let is = |name: &str| is_capture(&folder.path().join(name), &Limits::default());
    assert!(is("0.pcap").unwrap());
    assert!(is("1.pcap").unwrap());
    assert!(!is("2.pcap").unwrap());
    assert!(is("3.pcap").is_err());
}

/// The borders of captures with frames at these seconds, by path.
fn borders(files: &[(&str, &[u32])], shifts: &[i64]) -> Vec<String> {
    let bytes: Vec<_> = files.iter().map(|(_, seconds)| capture(seconds)).collect();
    let (_folder, inputs) = folder(&bytes);
    let names = files.iter().map(|(name, _)| (*name).to_owned());
    let inputs = names.zip(inputs.into_iter().map(|(_, source)| source));
    let (mut merge, _) = Merge::open(inputs.collect(), &Limits::default());
    for (file, shift) in (0..).zip(shifts) {
        merge.shift(FileIndex(file), Span::from_secs(*shift));
    }
    let mut found = Vec::new();
    loop {
        merge.advance();
        while let Some(border) = merge.border() {
            let second = |time: Timestamp| time.nanos() / 1_000_000_000;
            let (from, until) = (second(border.from), second(border.until));
            let (before, file) = (border.before.0, border.file.0);
            found.push(format!("{before}>{file} {from}-{until}"));
        }
        if matches!(merge.current().1, Next::End) {
            return found;
        }
    }
}

#[test]
fn files_go_on_where_others_ended() {
    let files: &[(&str, &[u32])] = &[("b2", &[30, 31]), ("b0", &[10, 11]), ("b1", &[11, 25])];
    assert_eq!(borders(files, &[]), ["1>2 11-11", "2>0 25-30"]);
    // Two that are of the same time do not.
    assert!(borders(&[("a", &[1, 5]), ("b", &[2, 6])], &[]).is_empty());
}

#[test]
fn kin_go_on_from_each_other_between_the_files_of_another_ring() {
    let files: &[(&str, &[u32])] = &[
        ("core1", &[10, 20]),
        ("edge1", &[10, 29]),
        ("core2", &[30, 40]),
        ("edge2", &[31, 40]),
    ];
    assert_eq!(borders(files, &[]), ["0>2 20-30", "1>3 29-31"]);
}

#[test]
fn a_shifted_capture_takes_its_place_in_time() {
    let files: &[(&str, &[u32])] = &[("a", &[7201, 7203]), ("b", &[0, 5])];
    assert_eq!(borders(files, &[]), ["1>0 5-7201"]);
    assert!(borders(files, &[-7200]).is_empty());
    assert_eq!(borders(files, &[-7194]), ["1>0 5-7"]);
}
