//! Real peers on a live wire: what they sent is what we read, and what tshark reads.
//!
//! In: `SIPp`, kamailio and clients in Python, in network namespaces of this test alone. Out: the same
//! messages from us and from tshark: frame, addresses, start line, Call-ID. Where the kernel, the
//! user or a program does not allow a test, it says `skipped` and passes.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "a wrong scenario is a failed test; what is skipped is said"
)]

mod common;

#[path = "peers/bench.rs"]
mod bench;
#[path = "peers/loss.rs"]
mod loss;
#[path = "peers/relayed.rs"]
mod relayed;
#[path = "peers/seen.rs"]
mod seen;

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use bench::{Bench, skip};
use common::run::Report;
use seen::{Seen, ours, tsharks};

/// Calls that `SIPp` makes.
const CALLS: usize = 3;
/// Messages of one: INVITE, 180, 200, ACK, BYE, 200.
const MESSAGES: usize = 6;

fn call_ids(seen: &[Seen]) -> BTreeSet<&str> {
    seen.iter().map(|seen| seen.call_id.as_str()).collect()
}

/// Two namespaces joined by a wire, 192.0.2.1 and 192.0.2.2, for these programs.
fn joined(name: &str, programs: &[&str]) -> Option<Bench> {
    let bench = Bench::new(name, 2, programs)?;
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
    if let Some(bench) = joined("veth", &["sipp"]) {
        check_calls(bench, "192.0.2");
    }
}

#[test]
fn calls_of_sipp_inside_vxlan_are_those_of_tshark_with_the_inner_addresses() {
    let Some(bench) = joined("vxlan", &["sipp"]) else {
        return;
    };
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

/// A namespace with a capture of its loopback and a kamailio that listens on `port` there.
fn kamailio(
    name: &str,
    prepare: Option<&dyn Fn(&Bench)>,
    config: &str,
    port: u16,
) -> Option<Bench> {
    let mut bench = Bench::new(name, 1, &["kamailio", "openssl", "python3"])?;
    fs::write(bench.file("kamailio.cfg"), config).expect("written");
    let mut check = bench.command(0, "kamailio");
    check.args(["-c", "-f", "kamailio.cfg"]);
    let (usable, said) = bench.run(check);
    if !usable {
        assert!(said.contains("could not find module"), "{said}");
        skip("a module of kamailio is not installed");
        return None;
    }
    if let Some(prepare) = prepare {
        prepare(&bench);
    }
    let folder = bench.file("");
    let mut server = bench.command(0, "kamailio");
    server.args(["-DD", "-m", "32", "-M", "4", "-f", "kamailio.cfg"]);
    server.arg("-w").arg(&folder).arg("-Y").arg(&folder);
    bench.tap(0, "lo");
    bench.serve(0, server, port);
    Some(bench)
}

/// Runs a client in Python against `port`.
fn client(bench: &Bench, program: &str, port: u16, more: &[&str]) {
    fs::write(bench.file("client.py"), program).expect("written");
    let mut client: Command = bench.command(0, "python3");
    client.args(["client.py", "127.0.0.1", &port.to_string()]);
    client.args(more);
    let (done, said) = bench.run(client);
    assert!(done, "the client failed: {said}");
}

#[test]
fn whole_and_fragmented_messages_over_websocket_are_those_of_tshark() {
    let config = include_str!("peers/websocket.cfg");
    let Some(mut bench) = kamailio("ws", None, config, 8080) else {
        return;
    };
    let program = include_str!("peers/websocket_client.py");
    client(&bench, program, 8080, &[]);
    bench.untap();

    let ours = ours(&bench.capture(), None);
    let options = ["-d", "tcp.port==8080,http"];
    assert_eq!(ours, tsharks(&bench.capture(), &options));
    assert_eq!(ours.len(), 6, "three requests and their answers: {ours:#?}");
    assert_eq!(call_ids(&ours).len(), 3);
}

#[test]
fn messages_over_tls_are_those_of_tshark_and_without_secrets_the_server_is_named() {
    let make = |bench: &Bench| {
        let mut openssl = bench.command(0, "openssl");
        openssl.args(["req", "-x509", "-newkey", "ec", "-nodes", "-days", "2"]);
        openssl.args(["-pkeyopt", "ec_paramgen_curve:prime256v1"]);
        openssl.args(["-subj", "/CN=sip.example.net"]);
        openssl.args(["-keyout", "key.pem", "-out", "cert.pem"]);
        let (made, said) = bench.run(openssl);
        assert!(made, "no certificate: {said}");
    };
    let config = include_str!("peers/tls.cfg");
    let Some(mut bench) = kamailio("tls", Some(&make), config, 5061) else {
        return;
    };
    let program = include_str!("peers/tls_client.py");
    client(&bench, program, 5061, &["keys.txt"]);
    bench.untap();

    let keys = bench.file("keys.txt");
    let decrypted = ours(&bench.capture(), Some(&keys));
    let log = format!("tls.keylog_file:{}", keys.display());
    let options = ["-o", &log, "-d", "tcp.port==5061,tls"];
    assert_eq!(decrypted, tsharks(&bench.capture(), &options));
    assert_eq!(
        decrypted.len(),
        8,
        "two requests over each version, answered: {decrypted:#?}"
    );
    assert_eq!(call_ids(&decrypted).len(), 4);

    assert_eq!(ours(&bench.capture(), None), Vec::<Seen>::new());
    let trust = Report::of_file(&bench.capture()).view["trust"].to_string();
    assert!(trust.contains("127.0.0.1:5061"), "{trust}");
}
