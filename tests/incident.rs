//! The hour of signed calls through the whole program, as a user runs it: with the signers'
//! certificates, to JSON. Every refused call's first cause is the true one, no accepted call is
//! accused, the burst names its cause and what separates it, signers are counted.
//!
//! In: the folder of shared captures beside the project; without it the tests say so and pass.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test: what is not there fails it"
)]

mod common;

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::OnceLock;

use common::run::{shared, text};
use serde_json::Value;

/// What is true, and what the program says; read once.
fn incident() -> Option<&'static (Value, Value)> {
    static INCIDENT: OnceLock<Option<(Value, Value)>> = OnceLock::new();
    let read = || {
        let folder = shared("truth")?.join("stir");
        let truth = std::fs::read(folder.join("truth.json")).expect("the truth");
        let output = Command::new(env!("CARGO_BIN_EXE_sipannotate"))
            .args(["-q", "-f", "json", "--certs"])
            .arg(folder.join("certs"))
            .arg(folder.join("incident.pcap"))
            .output()
            .expect("the program runs");
        assert!(output.status.success(), "{:?}", output.status);
        Some((
            serde_json::from_slice(&truth).expect("JSON"),
            serde_json::from_slice(&output.stdout).expect("JSON"),
        ))
    };
    INCIDENT.get_or_init(read).as_ref()
}

/// Call-IDs with what their responses' `diagnosis` says first.
fn diagnosed(report: &Value) -> BTreeMap<&str, &Value> {
    let responses = report["responses"].as_array().expect("responses");
    let with = responses.iter().filter(|one| one["diagnosis"].is_array());
    with.filter(|one| one["diagnosis"][0].is_object())
        .map(|one| (text(one, "call_id"), one))
        .collect()
}

#[test]
fn every_refused_call_names_its_true_cause_first_with_a_hop_and_evidence() {
    let Some((truth, report)) = incident() else {
        return;
    };
    let diagnosed = diagnosed(report);
    let refused = truth["calls"].as_object().expect("refused calls");
    let mut wrong = Vec::new();
    for (call, what) in refused {
        let first = &diagnosed
            .get(call.as_str())
            .unwrap_or_else(|| panic!("{call} is not diagnosed"))["diagnosis"][0];
        if first["cause"] != what["cause"] {
            wrong.push(format!("{call}: {} is said to be {first}", what["cause"]));
        }
        assert!(
            first["hop"].is_string() && first["evidence"].is_string(),
            "{first}"
        );
        assert_eq!(first["grade"].is_null(), first["cause"] == "unexplained");
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn no_accepted_call_is_diagnosed_and_soft_failures_are_told_apart() {
    let Some((truth, report)) = incident() else {
        return;
    };
    let refused = truth["calls"].as_object().expect("refused calls");
    let soft = truth["soft"].to_string();
    for (call, response) in diagnosed(report) {
        let is_known = refused.contains_key(call) || soft.contains(call);
        assert!(is_known, "{call} is accused: {response}");
    }
    let of_rule = |rule: &str| -> u64 {
        let findings = report["findings"].as_array().expect("findings").iter();
        let found = findings.filter(|finding| finding["rule"] == rule);
        found
            .map(|one| one["count"].as_u64().expect("a count"))
            .sum()
    };
    assert_eq!(of_rule("identity-failure"), refused.len() as u64);
    assert_eq!(of_rule("soft-identity-failure"), 6);
}

#[test]
fn the_burst_names_its_cause_and_what_separates_it() {
    let Some((truth, report)) = incident() else {
        return;
    };
    let findings = report["findings"].as_array().expect("findings").iter();
    let bursts: Vec<_> = findings
        .filter(|finding| finding["rule"] == "identity-burst")
        .collect();
    assert_eq!(bursts.len(), 1);
    let burst = bursts[0];
    assert_eq!(burst["causes"][0]["cause"], truth["burst"]["cause"]);
    assert_eq!(burst["causes"][0]["count"], burst["count"]);
    assert_eq!(burst["causes"].as_array().expect("causes").len(), 1);
    assert_eq!(burst["separable"], true);
    let dimensions: Vec<_> = burst["contributors"]
        .as_array()
        .expect("contributors")
        .iter()
        .map(|one| text(one, "dimension"))
        .collect();
    // The numbers the calls were forwarded to come first: the peer has passing calls, too.
    assert_eq!(dimensions, ["dest-prefix", "peer", "x5u", "certificate"]);
    let keys = burst["keys"].as_array().expect("keys");
    assert!(
        keys.iter().any(|key| key["dimension"] == "peer"),
        "{keys:?}"
    );
}

#[test]
fn signers_are_counted_and_the_one_whose_certificate_ended_stands_out() {
    let Some((_, report)) = incident() else {
        return;
    };
    let signers = report["signers"].as_array().expect("signers");
    let of = |name: &str| {
        let mut all = signers.iter();
        all.find(|one| text(one, "x5u").contains(name))
            .unwrap_or_else(|| panic!("no {name} in {signers:?}"))
    };
    let count = |signer: &Value, name: &str| signer[name].as_u64().expect("a count");
    for name in ["alpha", "bravo", "charlie"] {
        let signer = of(name);
        assert!(count(signer, "invites") > 100, "{signer}");
        assert_eq!(count(signer, "outside_validity"), 0, "{signer}");
        assert!(count(signer, "signatures_checked") >= 16, "{signer}");
        assert!(
            signer["iat_age_s"]["p50"]
                .as_f64()
                .is_some_and(|age| age < 5.0)
        );
    }
    let ended = of("delta");
    assert_eq!(count(ended, "rejected"), 6);
    assert!(count(ended, "outside_validity") >= 6, "{ended}");
}
