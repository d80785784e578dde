//! Generated captures of which everything is known: an hour of signed calls, and twenty minutes of
//! UDP and TCP in which some callers never send their ACK.
//!
//! In: the folder of shared captures beside the project; without it the tests say so and pass.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "the helpers of tests are outside `#[test]` functions, and may panic all the same"
)]

mod common;

use std::collections::BTreeSet;
use std::fs;

use common::run::{Report, accuses, call_ids, findings, number, seconds, shared, text};
use serde_json::Value;

/// Seconds that the borders of a burst may be off.
const BURST_SLACK_S: f64 = 1.0;

/// What is true of a capture, and what we say of it; nothing without the folder.
fn truth_and_report(folder: &str, capture: &str) -> Option<(Value, Report)> {
    let folder = shared("truth")?.join(folder);
    let truth = fs::read_to_string(folder.join("truth.json")).expect("the truth");
    Some((
        serde_json::from_str(&truth).expect("JSON"),
        Report::of_file(&folder.join(capture)),
    ))
}

fn wire() -> Option<(Value, Report)> {
    truth_and_report("wire", "wire.pcap")
}

fn stir() -> Option<(Value, Report)> {
    truth_and_report("stir", "incident.pcap")
}

/// The Call-IDs of a list.
fn set<'a>(truth: &'a Value, name: &str) -> BTreeSet<&'a str> {
    let list = truth[name].as_array().expect("a list");
    list.iter()
        .map(|call| call.as_str().expect("a Call-ID"))
        .collect()
}

/// Call-IDs that missing-ack findings list with a verdict that `keep` takes.
fn judged(report: &Report, keep: impl Fn(&str) -> bool) -> BTreeSet<&str> {
    report
        .findings("missing-ack")
        .filter(|finding| keep(text(finding, "verdict")))
        .flat_map(call_ids)
        .collect()
}

/// The one burst of a report, at the times of `truth`; no other finding is one.
fn check_burst(report: &Report, truth: &Value) {
    let bursts: Vec<_> = findings(&report.view)
        .filter(|finding| text(finding, "rule").ends_with("-burst"))
        .collect();
    let [burst] = bursts.as_slice() else {
        panic!("{} bursts: {bursts:?}", bursts.len());
    };
    for border in ["start", "end"] {
        let off = seconds(text(burst, border)) - truth[border].as_f64().expect("seconds");
        assert!(off.abs() <= BURST_SLACK_S, "{border} is {off} s off");
    }
    assert_eq!(text(burst, "rule"), "identity-burst");
    assert_eq!(burst["soft"], false);
    assert_eq!(number(burst, "code"), number(truth, "code"));
    assert_eq!(number(burst, "distinct_calls"), number(truth, "calls"));
}

#[test]
fn every_message_of_cut_swapped_and_repeated_segments_is_counted() {
    let Some((truth, report)) = wire() else {
        return;
    };
    assert_eq!(report.total("sip_messages"), number(&truth, "sip_messages"));
    assert_eq!(report.total("calls"), number(&truth, "calls"));
    assert_eq!(report.view["trust"], serde_json::json!([]));
}

#[test]
fn every_missing_ack_is_found_and_nobody_else_is_accused() {
    let Some((truth, report)) = wire() else {
        return;
    };
    let guilty = set(&truth, "missing_ack");
    assert_eq!(guilty.len(), 170);
    let found = judged(&report, |verdict| {
        ["no-ack-confirmed", "no-ack-probable"].contains(&verdict)
    });
    assert_eq!(found, guilty);
    let accused: BTreeSet<&str> = report
        .findings("missing-ack")
        .filter(|finding| accuses(finding))
        .flat_map(call_ids)
        .collect();
    assert_eq!(accused, guilty);
}

#[test]
fn calls_that_the_capture_cuts_are_inconclusive_and_no_others() {
    let Some((truth, report)) = wire() else {
        return;
    };
    let cut = set(&truth, "inconclusive");
    assert_eq!(cut.len(), 6);
    assert_eq!(judged(&report, |verdict| verdict == "inconclusive"), cut);
}

#[test]
fn the_burst_of_438_in_twenty_minutes_is_found_and_no_second_one() {
    let Some((truth, report)) = wire() else {
        return;
    };
    let [burst] = truth["bursts"].as_array().expect("bursts").as_slice() else {
        panic!("one burst was made");
    };
    check_burst(&report, burst);
}

#[test]
fn the_burst_of_438_among_signed_calls_is_found_and_no_second_one() {
    let Some((truth, report)) = stir() else {
        return;
    };
    check_burst(&report, &truth["burst"]);
    let refused = truth["calls"].as_object().expect("refused calls");
    let [burst] = report.findings("identity-burst").collect::<Vec<_>>()[..] else {
        panic!("one burst was made");
    };
    for call in call_ids(burst) {
        assert_eq!(
            refused[call]["cause"], truth["burst"]["cause"],
            "{call} is not of the burst"
        );
    }
    let peer = text(&burst["peers"][0], "peer");
    assert!(peer.starts_with(text(&truth["burst"], "src")), "{peer}");
}

#[test]
fn signed_calls_that_were_acked_are_not_accused_of_a_missing_ack() {
    let Some((_, report)) = stir() else { return };
    assert_eq!(report.findings("missing-ack").count(), 0);
}

#[test]
fn nobody_is_accused_of_what_is_not_in_the_truth() {
    for (truth, expected) in [
        (wire(), ["identity-burst", "missing-ack"].as_slice()),
        (stir(), &["identity-burst", "identity-failure"]),
    ] {
        let Some((_, report)) = truth else { continue };
        let accused: BTreeSet<&str> = findings(&report.view)
            .filter(|finding| accuses(finding))
            .map(|finding| text(finding, "rule"))
            .collect();
        assert_eq!(accused.into_iter().collect::<Vec<_>>(), expected);
    }
}
