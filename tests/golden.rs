//! What the program says of each sample, word for word, and whether it is the truth.
//!
//! In: `samples/NAME.pcap` or `.pcapng`. Compared whole: the table (120 columns) with
//! `samples/NAME.table.txt`, the JSON with `samples/NAME.json`, the Markdown with
//! `samples/NAME.ticket.md`, a call of it as a ladder with `samples/NAME.show.txt`. `UPDATE_GOLDENS=1` writes them
//! instead. What must hold however the words change is in `samples/truth.json`, which was made
//! without this program.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "the helpers of tests are outside `#[test]` functions, and may panic all the same"
)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::run::{accuses, call_ids, findings, number, seconds, text};
use serde_json::Value;

/// Golden files: format on the command line, ending of the file.
const FORMS: [(&str, &str); 3] = [
    ("table", "table.txt"),
    ("json", "json"),
    ("markdown", "ticket.md"),
];

/// Ending of the golden file of `show`.
const SHOWN: &str = "show.txt";

/// Seconds that the borders of a burst may be off.
const BURST_SLACK_S: f64 = 1.0;

fn crate_dir() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Files of the samples folder, sorted.
fn files() -> Vec<String> {
    let entries = fs::read_dir(crate_dir().join("samples")).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// File name and name without ending of each sample.
fn samples() -> Vec<(String, String)> {
    let found: Vec<_> = files()
        .into_iter()
        .filter_map(|file| {
            let stem = file
                .strip_suffix(".pcap")
                .or_else(|| file.strip_suffix(".pcapng"))?
                .to_owned();
            Some((file, stem))
        })
        .collect();
    assert!(found.len() >= 7, "samples are missing: {found:?}");
    found
}

fn golden(stem: &str, ending: &str) -> PathBuf {
    crate_dir().join(format!("samples/{stem}.{ending}"))
}

/// The report as a user in the project's folder gets it.
fn report(file: &str, format: &str) -> String {
    printed(file, &["-f", format, &format!("samples/{file}")])
}

/// The call of the first finding, else of the first response, by its first frame.
fn shown(file: &str) -> String {
    let told: Value = serde_json::from_str(&report(file, "json")).unwrap();
    let call = &told["findings"][0]["calls"][0]["frames"][0];
    let frame = call
        .as_u64()
        .unwrap_or_else(|| number(&told["responses"][0], "frame"));
    let sample = format!("samples/{file}");
    printed(file, &["show", &sample, "--frame", &frame.to_string()])
}

fn printed(file: &str, args: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_sipannotate"))
        .args(args)
        .current_dir(crate_dir())
        .env_clear()
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert_eq!(
        (
            output.status.code(),
            &*String::from_utf8_lossy(&output.stderr)
        ),
        (Some(0), ""),
        "samples/{file}"
    );
    String::from_utf8(output.stdout).unwrap()
}

#[expect(
    clippy::disallowed_methods,
    reason = "the person who renews the goldens says so in the environment, as no argument gets here"
)]
fn updating() -> bool {
    std::env::var("UPDATE_GOLDENS").is_ok_and(|value| value == "1")
}

/// Where two texts differ, for people: between the common start and the common end, line by line
/// where as many were expected as came.
fn difference(expected: &str, got: &str) -> String {
    const LINES: usize = 20;
    let (old, new): (Vec<_>, Vec<_>) = (expected.lines().collect(), got.lines().collect());
    let same = |pairs: &mut dyn Iterator<Item = (&&str, &&str)>| {
        pairs.take_while(|(old, new)| old == new).count()
    };
    let head = same(&mut old.iter().zip(&new));
    let tail = same(&mut old[head..].iter().rev().zip(new[head..].iter().rev()));
    let (old, new) = (&old[head..old.len() - tail], &new[head..new.len() - tail]);
    let mut lines = vec![format!(
        "from line {}: {} lines expected, {} got",
        head + 1,
        old.len(),
        new.len()
    )];
    let pairs: Vec<_> = old
        .iter()
        .zip(new)
        .filter(|(old, new)| old != new)
        .collect();
    if old.len() == new.len() {
        for (old, new) in pairs.iter().take(LINES) {
            // Lines of JSON are long: show them from a little before what differs.
            let same = old.chars().zip(new.chars());
            let from = same.take_while(|(old, new)| old == new).count();
            let shown = |line: &str| -> String {
                line.chars()
                    .skip(from.saturating_sub(60))
                    .take(160)
                    .collect()
            };
            lines.extend([format!("-{}", shown(old)), format!("+{}", shown(new))]);
        }
        if pairs.len() > LINES {
            lines.push(format!("… {} more lines differ", pairs.len() - LINES));
        }
    } else {
        for (sign, text) in [('-', old), ('+', new)] {
            lines.extend(text.iter().take(LINES).map(|line| format!("{sign}{line}")));
            if text.len() > LINES {
                lines.push(format!("{sign} … {} more", text.len() - LINES));
            }
        }
    }
    lines.push(String::new());
    lines.join("\n")
}

#[test]
fn every_sample_gives_its_golden_report() {
    let mut wrong = Vec::new();
    for (file, stem) in samples() {
        let forms = FORMS.map(|(format, ending)| (ending, report(&file, format)));
        for (ending, got) in forms.into_iter().chain([(SHOWN, shown(&file))]) {
            let path = golden(&stem, ending);
            if updating() {
                fs::write(&path, got).unwrap();
                continue;
            }
            let name = format!("samples/{stem}.{ending}");
            match fs::read_to_string(&path) {
                Err(why) => wrong.push(format!("== {name}: {why}\n")),
                Ok(expected) if expected == got => {}
                Ok(expected) => {
                    wrong.push(format!("== {name} {}", difference(&expected, &got)));
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{}If this is what it should say: UPDATE_GOLDENS=1 cargo test --test golden, and read the diff",
        wrong.concat()
    );
}

#[test]
fn every_golden_has_its_sample() {
    let stems: BTreeSet<String> = samples().into_iter().map(|(_, stem)| stem).collect();
    let orphans: Vec<String> = files()
        .into_iter()
        .filter(|file| file != "truth.json")
        .filter(|file| {
            let endings = FORMS.iter().map(|(_, ending)| *ending).chain([SHOWN]);
            endings.into_iter().any(|ending| {
                file.strip_suffix(&format!(".{ending}"))
                    .is_some_and(|stem| !stems.contains(stem))
            })
        })
        .collect();
    assert!(orphans.is_empty(), "no sample for {orphans:?}");
}

#[test]
fn a_difference_is_shown_from_where_it_begins() {
    let check = |expected: &str, got: &str, shown: &str| {
        assert_eq!(difference(expected, got), shown);
    };
    check(
        "a\nb\nc\nd\ne\n",
        "a\nx\nc\ny\ne\n",
        "from line 2: 3 lines expected, 3 got\n-b\n+x\n-d\n+y\n",
    );
    check(
        "a\nb\nc\n",
        "a\nc\n",
        "from line 2: 1 lines expected, 0 got\n-b\n",
    );
    let (long, around) = ("=".repeat(500), "=".repeat(60));
    check(
        &format!("{long}1"),
        &format!("{long}2"),
        &format!("from line 1: 1 lines expected, 1 got\n-{around}1\n+{around}2\n"),
    );
}

/// The samples' JSON reports, each with what is true of it.
fn told_and_true() -> Vec<(String, Value, Value)> {
    let truth = fs::read_to_string(crate_dir().join("samples/truth.json")).unwrap();
    let truth: BTreeMap<String, Value> = serde_json::from_str(&truth).unwrap();
    let files: Vec<String> = samples().into_iter().map(|(file, _)| file).collect();
    assert!(truth.keys().eq(&files), "truth.json is of other samples");
    truth
        .into_iter()
        .map(|(file, truth)| {
            let told = serde_json::from_str(&report(&file, "json")).unwrap();
            (file, told, truth)
        })
        .collect()
}

#[test]
fn messages_calls_and_responses_are_counted_as_they_were_sent() {
    for (file, told, truth) in told_and_true() {
        let totals = &told["totals"];
        for (ours, theirs) in [
            ("packets", "frames"),
            ("sip_messages", "sip_messages"),
            ("requests", "requests"),
            ("responses", "responses"),
            ("calls", "calls"),
        ] {
            assert_eq!(
                number(totals, ours),
                number(&truth, theirs),
                "{file}: {ours}"
            );
        }
        assert_eq!(number(totals, "duplicates"), 0, "{file}");
        let mut seen: BTreeMap<String, u64> = BTreeMap::new();
        for response in told["responses"].as_array().unwrap() {
            *seen
                .entry(number(response, "code").to_string())
                .or_default() += 1;
        }
        assert_eq!(
            serde_json::to_value(seen).unwrap(),
            truth["responses_seen"],
            "{file}"
        );
    }
}

#[test]
fn each_dialog_with_ack_trouble_has_its_verdict_and_no_other_has_one() {
    for (file, told, truth) in told_and_true() {
        let mut verdicts = BTreeMap::new();
        for finding in findings(&told).filter(|finding| finding["rule"] == "missing-ack") {
            for call in call_ids(finding) {
                assert!(
                    verdicts.insert(call.to_owned(), finding.clone()).is_none(),
                    "{file}: two verdicts for {call}"
                );
            }
        }
        let expected = truth["missing_ack"].as_object().unwrap();
        assert!(
            verdicts.keys().collect::<BTreeSet<_>>() == expected.keys().collect(),
            "{file}: {:?}",
            verdicts.keys()
        );
        for (call, finding) in &verdicts {
            let expected = &expected[call];
            for name in ["verdict", "qualifier", "confidence"] {
                // Not every line of the truth says how sure one may be.
                if name == "confidence" && expected.get(name).is_none() {
                    continue;
                }
                assert_eq!(
                    finding.get(name),
                    expected.get(name),
                    "{file}: {name} of {call}"
                );
            }
        }
    }
}

#[test]
fn bursts_are_those_that_were_made_and_hold_all_their_refusals() {
    for (file, told, truth) in told_and_true() {
        let bursts: Vec<_> = findings(&told)
            .filter(|finding| text(finding, "rule").ends_with("-burst"))
            .collect();
        let expected = truth["bursts"].as_array().unwrap();
        assert_eq!(bursts.len(), expected.len(), "{file}: {bursts:?}");
        for (burst, expected) in bursts.iter().zip(expected) {
            for border in ["start", "end"] {
                let off = seconds(text(burst, border)) - seconds(text(expected, border));
                assert!(
                    off.abs() <= BURST_SLACK_S,
                    "{file}: {border} is {off} s off: {burst}"
                );
            }
            for name in ["rule", "code", "count", "attempts"] {
                assert_eq!(burst[name], expected[name], "{file}: {name}");
            }
            assert_eq!(burst["peers"][0]["peer"], expected["peer"], "{file}");
            let frames = number(expected, "first_frame")..=number(expected, "last_frame");
            let refused: BTreeSet<&str> = told["responses"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|response| {
                    response["code"] == expected["code"]
                        && frames.contains(&number(response, "frame"))
                })
                .map(|response| text(response, "call_id"))
                .collect();
            assert_eq!(
                call_ids(burst).into_iter().collect::<BTreeSet<_>>(),
                refused,
                "{file}"
            );
        }
    }
}

#[test]
fn nobody_is_accused_who_had_no_trouble() {
    for (file, told, truth) in told_and_true() {
        for finding in findings(&told).filter(|finding| accuses(finding)) {
            for call in call_ids(finding) {
                let had_trouble = truth["missing_ack"].get(call).is_some()
                    || truth
                        .get("refused_for_identity")
                        .is_some_and(|refused| refused.get(call).is_some());
                assert!(had_trouble, "{file}: {call} in {finding}");
            }
        }
    }
}
