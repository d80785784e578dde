//! Real loss on a live wire: who is accused when packets vanish between real peers.
//!
//! In: calls of `SIPp` to a callee that repeats its 200 as RFC 3261 §13.3.1.4 asks, both of
//! the samples, and nftables that drop what the rule says. Out: the findings of what a tap on the
//! callee's side saw.

use std::fs;

use super::bench::{Bench, skip};
use super::common::analysis::{Analysed, analyse};
use super::common::run::{self, Report, accuses};
use super::seen::{Seen, ours};
use super::{MESSAGES, call_ids, joined};
use sipannotate::pipeline::Options;

/// Where the caller's packets leave, the callee's tap does not see what is dropped.
pub(super) const LEAVING: &str = "egress device wire";
/// Where packets have entered, the tap has seen them.
const ENTERED: &str = "input";
/// A UDP payload that begins with `ACK `.
pub(super) const ACKS: &str = "udp dport 5060 @th,64,32 0x41434b20";
/// One packet of twenty.
const SOME: &str = "udp dport 5060 numgen random mod 100 < 5";

/// Drops in a namespace what matches `rule`.
pub(super) fn drop_at(bench: &Bench, space: usize, hook: &str, rule: &str) -> Option<()> {
    let family = if hook == ENTERED { "ip" } else { "netdev" };
    let mut nft = bench.command(space, "nft");
    nft.arg(format!(
        "add table {family} loss; \
         add chain {family} loss drops {{ type filter hook {hook} priority 0; }}; \
         add rule {family} loss drops {rule} counter drop"
    ));
    let (done, said) = bench.run(nft);
    if !done {
        skip(&format!("no such rule of nftables here: {said}"));
    }
    done.then_some(())
}

/// What the rules dropped in a namespace.
fn dropped(bench: &Bench, space: usize) -> u64 {
    let mut nft = bench.command(space, "nft");
    nft.args(["list", "ruleset"]);
    let (done, said) = bench.run(nft);
    assert!(done, "{said}");
    let (_, counter) = said.split_once("counter packets ").expect("a counter");
    let count = counter.split(' ').next().unwrap_or_default();
    count.parse().expect("a number")
}

/// A wire for this and what is dropped on it.
fn lossy(name: &str, drops: &[(usize, &str, &str)]) -> Option<Bench> {
    let bench = joined(name, &["sipp", "nft", "python3"])?;
    for &(space, hook, rule) in drops {
        drop_at(&bench, space, hook, rule)?;
    }
    Some(bench)
}

/// Makes `calls` that do `mode` of `caller.xml` about their 200, for at most `times` ten seconds.
fn call(bench: &mut Bench, calls: usize, mode: &str, times: usize) {
    let callee = include_str!("../../samples/record/patient_callee.py");
    let caller = include_str!("../../samples/record/caller.xml");
    let injected = format!("SEQUENTIAL\n+13035550101;+12025550110;{mode}\n");
    for (name, text) in [
        ("callee.py", callee),
        ("caller.xml", caller),
        ("callers.csv", &injected),
    ] {
        fs::write(bench.file(name), text).expect("written");
    }
    bench.tap(1, "wire");
    let mut uas = bench.command(1, "python3");
    uas.args(["callee.py", "192.0.2.2"]);
    bench.serve(1, uas, 5060);
    let mut uac = bench.command(0, "sipp");
    uac.args(["-sf", "caller.xml", "-inf", "callers.csv", "-nostdin"]);
    uac.args(["-key", "codec", "0", "-timeout_error", "-timeout"]);
    uac.args([&(times * 10 - 2).to_string(), "-r", "20"]);
    uac.args(["-m", &calls.to_string(), "-i", "192.0.2.1", "-p", "5060"]);
    uac.arg("192.0.2.2:5060");
    let (done, said) = bench.run_long(uac, times);
    assert!(done, "the calls failed: {said}");
    bench.untap();
}

/// What the program finds in what the tap saw.
pub(super) fn found(bench: &Bench) -> Analysed {
    let bytes = fs::read(bench.capture()).expect("a capture");
    analyse(&[&bytes], &Options::default())
}

/// The ACKs that the tap saw.
fn acks(bench: &Bench) -> Vec<Seen> {
    let mut seen = ours(&bench.capture(), None);
    seen.retain(|seen| seen.start.starts_with("ACK "));
    seen
}

#[test]
fn acks_lost_behind_the_tap_are_acks_that_the_callee_does_not_honour() {
    let Some(mut bench) = lossy("unheard", &[(1, ENTERED, ACKS)]) else {
        return;
    };
    call(&mut bench, 2, "hold", 5);
    let found = found(&bench);
    assert!(dropped(&bench, 1) > 2);
    assert_eq!(call_ids(&acks(&bench)).len(), 2);
    assert_eq!(
        found.accusations(),
        ["ack-not-honoured error confirmed 2"],
        "{:#?}",
        found.view.findings
    );
}

#[test]
fn acks_lost_before_the_tap_are_missing() {
    let Some(mut bench) = lossy("unsent", &[(0, LEAVING, ACKS)]) else {
        return;
    };
    call(&mut bench, 2, "hold", 5);
    let found = found(&bench);
    assert!(dropped(&bench, 0) > 2);
    assert_eq!(acks(&bench), []);
    assert_eq!(
        found.accusations(),
        ["no-ack-confirmed error confirmed 2"],
        "{:#?}",
        found.view.findings
    );
}

#[test]
fn random_loss_accuses_no_acknowledged_call() {
    const CALLS: usize = 50;
    let drops = [(0, LEAVING, SOME), (0, ENTERED, SOME), (1, ENTERED, SOME)];
    let Some(mut bench) = lossy("random", &drops) else {
        return;
    };
    call(&mut bench, CALLS, "ack", 3);
    let seen = ours(&bench.capture(), None);
    assert!(seen.len() > CALLS * MESSAGES, "nothing was repeated");
    assert!(dropped(&bench, 0) > 0 && dropped(&bench, 1) > 0);
    let acks = acks(&bench);
    let acknowledged = call_ids(&acks);
    // An ACK and all its repeats may be lost before the tap; that call is one without.
    assert!(acknowledged.len() >= CALLS - 5, "{acks:#?}");
    let report = Report::of_file(&bench.capture());
    let accused: Vec<&str> = report
        .findings("missing-ack")
        .filter(|finding| accuses(finding))
        .flat_map(run::call_ids)
        .filter(|call| acknowledged.contains(call))
        .collect();
    assert_eq!(accused, Vec::<&str>::new(), "{:#}", report.view["findings"]);
}
