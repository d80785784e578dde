//! A real proxy between real peers: who is told to be at fault when it stays in the dialog, when it
//! does not, and when the callee announces an address that nobody reaches.
//!
//! In: `SIPp` calls through kamailio to a callee that repeats its 200 as RFC 3261 §13.3.1.4 asks,
//! and a tap at the proxy's host, a router, that sees both hops, and twice what goes past the proxy.
//! Out: the findings. All calls are made at once, since the callee waits 32 s for an ACK.

use std::fs;
use std::process::Command;

use super::bench::{Bench, skip};
use super::common::analysis::Analysed;
use super::loss::{ACKS, LEAVING, drop_at, found};

/// Caller, proxy and callee, at 192.0.2.1, .3 and .2; the proxy's host is the router between the two.
fn routed(name: &str) -> Option<Bench> {
    let programs = ["sipp", "nft", "python3", "kamailio", "sysctl"];
    let bench = Bench::new(name, 3, &programs)?;
    let proxy = 1;
    assert!(bench.ip_in(proxy, "addr add 192.0.2.3/32 dev lo"));
    for (space, host, port) in [(0, 1, "caller"), (2, 2, "callee")] {
        let other = bench.space(space).to_owned();
        let link = format!("link add {port} type veth peer name wire netns {other}");
        if !bench.ip_in(proxy, &link) {
            skip("no veth here");
            return None;
        }
        assert!(bench.ip_in(space, &format!("addr add 192.0.2.{host}/32 dev wire")));
        assert!(bench.ip_in(space, "link set wire up"));
        assert!(bench.ip_in(proxy, &format!("link set {port} up")));
        assert!(bench.ip_in(proxy, &format!("route add 192.0.2.{host} dev {port}")));
        assert!(bench.ip_in(space, "route add 192.0.2.3 dev wire"));
        assert!(bench.ip_in(space, "route add default via 192.0.2.3"));
    }
    let mut forward = bench.command(proxy, "sysctl");
    forward.arg("-w").arg("net.ipv4.ip_forward=1");
    let (done, said) = bench.run(forward);
    if !done {
        skip(&format!("no forwarding here: {said}"));
    }
    done.then_some(bench)
}

/// Makes `calls` of a scenario with what is injected.
fn call(bench: &Bench, scenario: &str, calls: usize, times: usize) {
    let mut caller: Command = bench.command(0, "sipp");
    caller.args([
        "-sf",
        scenario,
        "-inf",
        "called.csv",
        "-nostdin",
        "-r",
        "50",
    ]);
    caller.args(["-timeout_error", "-timeout", &(times * 10 - 2).to_string()]);
    caller.args(["-m", &calls.to_string(), "-i", "192.0.2.1", "-p", "5060"]);
    caller.arg("192.0.2.3:5060");
    let (done, said) = bench.run_long(caller, times);
    assert!(done, "{scenario} failed: {said}");
}

/// Calls of each kind.
const EACH: usize = 2;
/// Calls that are refused with 503.
const REFUSED: usize = 10;

/// What a tap at the proxy makes of all kinds of calls.
fn all_kinds() -> Option<Analysed> {
    let mut bench = routed("relayed")?;
    // The straight way of an ACK from the caller to the callee is closed.
    let straight = format!("ip daddr 192.0.2.2 {ACKS}");
    drop_at(&bench, 0, LEAVING, &straight)?;
    let called = "stay;stay;talk\nleave;straight;hold\nprivate;stay;hold\n";
    for (name, text) in [
        (
            "callee.py",
            include_str!("../../samples/record/patient_callee.py"),
        ),
        ("caller.xml", include_str!("caller.xml")),
        ("refused.xml", include_str!("refused.xml")),
        ("locked.xml", include_str!("locked.xml")),
        ("proxy.cfg", include_str!("proxy.cfg")),
        ("called.csv", &format!("SEQUENTIAL\n{called}")),
    ] {
        fs::write(bench.file(name), text).expect("written");
    }
    bench.tap(1, "any");
    let mut callee = bench.command(2, "python3");
    callee.args(["callee.py", "192.0.2.2", "private=10.99.0.9"]);
    bench.serve(2, callee, 5060);
    let folder = bench.file("");
    let mut proxy = bench.command(1, "kamailio");
    proxy.args(["-DD", "-m", "32", "-M", "4", "-f", "proxy.cfg"]);
    proxy.arg("-w").arg(&folder).arg("-Y").arg(&folder);
    bench.serve(1, proxy, 5060);
    call(&bench, "locked.xml", 1, 1);
    call(&bench, "refused.xml", REFUSED, 1);
    call(&bench, "caller.xml", 3 * EACH, 5);
    bench.untap();
    Some(found(&bench))
}

#[test]
fn a_tap_at_a_proxy_tells_what_became_of_each_ack_and_counts_each_call_once() {
    let Some(found) = all_kinds() else { return };
    assert_eq!(
        found.accusations(),
        [
            "ack-dropped-at error confirmed 2",
            "authentication-loop warning confirmed 1",
            "drops-at-32-s info inconclusive 4",
            "no-ack-confirmed error confirmed 2",
            "response-burst error confirmed 10",
        ]
    );
    let missing = |verdict: &str| {
        let mut all = found.view.findings.iter();
        let one = all.find(|one| one.verdict.as_deref() == Some(verdict));
        one.and_then(|one| one.cause.clone())
    };
    // The proxy left the dialogs, and the straight way is closed.
    assert_eq!(
        missing("no-ack-confirmed").as_deref(),
        Some("missing-record-route")
    );
    // It stayed, and cannot reach the Contact.
    assert_eq!(
        missing("ack-dropped-at").as_deref(),
        Some("private-contact")
    );
    let all = 3 * EACH + REFUSED + 1;
    let totals = &found.view.totals;
    assert_eq!((totals.calls, totals.invites), (all as u64, all as u64));
    assert_eq!(found.counts(503), (REFUSED as u64, 0));
    let answered = found.code(200).methods.get("INVITE").copied();
    assert_eq!(answered, Some(3 * EACH as u64));
}
