//! Real peers on a live wire: what they sent is what we read, and what tshark reads.
//!
//! In: `SIPp`, run in network namespaces of this test alone. Out: the same
//! messages from us and from tshark: frame, addresses, start line, Call-ID. Where the kernel, the
//! user or a program does not allow a test, it says `skipped` and passes.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "a wrong scenario is a failed test; what is skipped is said"
)]

#[path = "peers/bench.rs"]
mod bench;
#[path = "peers/seen.rs"]
mod seen;

use std::collections::BTreeSet;

use bench::{Bench, skip};
use seen::{Seen, ours, tsharks};

/// Calls that `SIPp` makes.
const CALLS: usize = 3;
/// Messages of one: INVITE, 180, 200, ACK, BYE, 200.
const MESSAGES: usize = 6;

fn call_ids(seen: &[Seen]) -> BTreeSet<&str> {
    seen.iter().map(|seen| seen.call_id.as_str()).collect()
}

/// Two namespaces joined by a wire, 192.0.2.1 and 192.0.2.2.
fn joined(name: &str) -> Option<Bench> {
    let bench = Bench::new(name, 2, &["sipp"])?;
    let other = bench.space(1).to_owned();
    if !bench.ip_in(
        0,
        &format!("link add wire type veth peer name wire netns {other}"),
    ) {
        skip("no veth here");
        return None;
    }
    for space in 0..2 {
        let host = space + 1;
        assert!(bench.ip_in(space, &format!("addr add 192.0.2.{host}/24 dev wire")));
        assert!(bench.ip_in(space, "link set wire up"));
    }
    Some(bench)
}

/// Lets `SIPp` call from NET.1 to NET.2 and compares what was on the wire.
fn check_calls(mut bench: Bench, net: &str) {
    let (caller, callee) = (format!("{net}.1"), format!("{net}.2"));
    bench.tap(0, "wire");
    let mut uas = bench.command(1, "sipp");
    uas.args(["-sn", "uas", "-nostdin", "-i", &callee, "-p", "5060"]);
    bench.serve(1, uas, 5060);
    let mut uac = bench.command(0, "sipp");
    uac.args([
        "-sn",
        "uac",
        "-nostdin",
        "-r",
        "10",
        "-timeout",
        "8",
        "-timeout_error",
    ]);
    uac.args(["-m", &CALLS.to_string(), "-i", &caller, "-p", "5060"]);
    uac.arg(format!("{callee}:5060"));
    let (done, said) = bench.run(uac);
    assert!(done, "the calls failed: {said}");
    bench.untap();

    let ours = ours(&bench.capture(), None);
    assert_eq!(ours, tsharks(&bench.capture(), &[]));
    assert!(ours.len() >= CALLS * MESSAGES, "{ours:#?}");
    assert_eq!(call_ids(&ours).len(), CALLS);
    let ends: BTreeSet<&str> = ours.iter().map(|seen| seen.src.as_str()).collect();
    assert_eq!(ends, BTreeSet::from([caller.as_str(), callee.as_str()]));
}

#[test]
fn calls_of_sipp_on_a_veth_are_those_of_tshark() {
    if let Some(bench) = joined("veth") {
        check_calls(bench, "192.0.2");
    }
}

#[test]
fn calls_of_sipp_inside_vxlan_are_those_of_tshark_with_the_inner_addresses() {
    let Some(bench) = joined("vxlan") else { return };
    for space in 0..2 {
        let (host, peer) = (space + 1, 2 - space);
        let link =
            format!("link add vxlan0 type vxlan id 42 remote 192.0.2.{peer} dstport 4789 dev wire");
        if !bench.ip_in(space, &link) {
            skip("no VXLAN here");
            return;
        }
        assert!(bench.ip_in(space, &format!("addr add 198.51.100.{host}/24 dev vxlan0")));
        assert!(bench.ip_in(space, "link set vxlan0 up"));
    }
    check_calls(bench, "198.51.100");
}
