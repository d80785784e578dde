//! SIP inside TLS, WebSocket and SCTP, from the capture's bytes to framed messages.
//!
//! In: conversations of OpenSSL (`wires/tls.txt`, written by `wires/record_tls.py`) and of rustls,
//! WebSocket and SCTP built here. Always: what a peer that is not ours sent is read whole, in any
//! cut and order of its segments; tshark, where it is installed, sees the same Call-IDs.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a wrong scenario is a failed test; what is skipped is said"
)]

mod common;

#[path = "wires/peers.rs"]
mod peers;
#[path = "wires/tap.rs"]
mod tap;

use std::collections::BTreeMap;

use common::pcap;
use peers::{Talk, recorded};
use proptest::prelude::*;
use tap::{Seen, Tap, read, tshark};

/// Whether the conversation is one of `wires/record_tls.py`, and what it holds.
fn expected(name: &str) -> Vec<Seen> {
    let mut seen = Vec::new();
    for number in 1..=3 {
        for _ in 0..2 {
            seen.push(Seen {
                transport: "TLS",
                call_id: format!("{number}@{name}"),
            });
        }
    }
    seen
}

fn check_talk(talk: &Talk) {
    let capture = Tap::tcp(5061, &talk.sent);
    let result = read(&capture, &talk.keys);
    assert_eq!(result.seen, expected(&talk.name), "{}", talk.name);
    assert_eq!(result.defects, Vec::<String>::new(), "{}", talk.name);
    assert_eq!(result.unread, Vec::<String>::new(), "{}", talk.name);
}

#[test]
fn every_suite_that_openssl_spoke_is_decrypted() {
    let talks = recorded();
    assert!(talks.len() >= 33, "{}", talks.len());
    for talk in &talks {
        check_talk(talk);
    }
}

#[test]
fn rustls_is_decrypted_over_key_updates() {
    for talk in peers::rustls_talks() {
        check_talk(&talk);
    }
}

#[test]
fn tshark_decrypts_the_same_messages_in_the_same_frames() {
    let mut talks = recorded();
    talks.extend(peers::rustls_talks());
    for talk in &talks {
        check_tshark(&Tap::tcp(5061, &talk.sent), &talk.keys);
    }
    for talk in talks.iter().step_by(5) {
        check_tshark(
            &Tap::tcp(5061, &tap::cut(&talk.sent, &[300, 40])),
            &talk.keys,
        );
    }
}

/// tshark, where it is installed, reads the same messages from the same frames.
fn check_tshark(capture: &Tap, keys: &str) {
    if let Some(theirs) = tshark(capture, keys) {
        assert_eq!(read(capture, keys).frames, theirs);
    }
}

#[test]
fn the_annotated_copy_keeps_its_secrets_and_tshark_still_decrypts_it() {
    let talks = recorded();
    let talk = &talks[0];
    let folder = tempfile::tempdir().unwrap();
    let run = |program: &str, args: &[&str]| {
        let output = std::process::Command::new(program)
            .args(args)
            .current_dir(folder.path())
            .output();
        let output = output.ok()?;
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program}: {errors}");
        Some(String::from_utf8(output.stdout).unwrap())
    };
    let capture = Tap::tcp(5061, &talk.sent).bytes();
    std::fs::write(folder.path().join("a.pcap"), capture).unwrap();
    std::fs::write(folder.path().join("keys"), &talk.keys).unwrap();
    let inject = ["--inject-secrets", "tls,keys", "a.pcap", "a.pcapng"];
    if run("editcap", &inject).is_none() {
        eprintln!("SKIPPED: editcap is not installed");
        return;
    }
    let ours = env!("CARGO_BIN_EXE_sipannotate");
    let told = run(ours, &["-f", "json", "a.pcapng", "-w", "copy.pcapng"]).unwrap();
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    let responses = told["responses"].as_array().unwrap();
    assert_eq!(responses.len(), 3, "{told}");
    let print = |capture: &str| {
        let fields = ["frame.number", "sip.Call-ID", "frame.comment"];
        let fields = fields.iter().flat_map(|field| ["-e", field]);
        let mut args = vec!["-r", capture, "-Y", "sip.Status-Code", "-T", "fields"];
        args.extend(fields);
        run("tshark", &args).expect("tshark comes with editcap")
    };
    let (before, after) = (print("a.pcapng"), print("copy.pcapng"));
    let columns = |text: &str| -> Vec<Vec<String>> {
        let lines = text.lines();
        let columns = lines.map(|line| line.split('\t').map(str::to_owned).collect());
        columns.collect()
    };
    let (before, after) = (columns(&before), columns(&after));
    assert_eq!(after.len(), 3, "{after:?}");
    for ((old, new), response) in before.iter().zip(&after).zip(responses) {
        assert_eq!(old[..2], new[..2]);
        assert_eq!(new[0], response["frame"].to_string());
        let begins = format!("{} ", response["code"]);
        assert!(old[2].is_empty() && new[2].starts_with(&begins), "{new:?}");
    }
}

#[test]
fn without_a_secret_server_and_name_are_told() {
    let talk = &recorded()[0];
    let result = read(&Tap::tcp(5061, &talk.sent), "");
    assert_eq!(result.seen, []);
    assert_eq!(
        result.unread,
        [
            "TLS to sip.example.net (10.0.0.2:5061) from 10.0.0.1: 1 connection not decrypted: \
             no secrets for them; give --keylog, or capture behind the TLS end"
        ]
    );
}

#[test]
fn wrong_secrets_and_unknown_suites_are_told_apart() {
    let talks = recorded();
    let talk = &talks[0];
    let (head, secret) = talk.keys.trim().rsplit_once(' ').unwrap();
    let wrong = format!("{head} {}", "0".repeat(secret.len()));
    let result = read(&Tap::tcp(5061, &talk.sent), &wrong);
    assert!(
        result.unread[0].contains("do not open"),
        "{:?}",
        result.unread
    );
    let mut sent = talk.sent.clone();
    // The suite in the ServerHello: behind its record, message head, version, random and session.
    let hello = &mut sent[1].1;
    let suite = 5 + 4 + 2 + 32 + 1 + usize::from(hello[43]);
    hello[suite..suite + 2].copy_from_slice(&[0, 5]);
    let result = read(&Tap::tcp(5061, &sent), &talk.keys);
    assert!(
        result.unread[0].contains("cipher suite"),
        "{:?}",
        result.unread
    );
}

#[test]
fn secrets_may_come_behind_the_handshake() {
    for talk in recorded() {
        let capture = Tap::tcp(5061, &talk.sent);
        let result = tap::read_with_late_keys(&capture, &talk.keys, 12);
        assert_eq!(result.seen.len(), 6, "{}", talk.name);
    }
}

#[test]
fn a_gap_ends_its_direction_and_is_told_once_there_was_sip() {
    for talk in recorded() {
        let data: Vec<usize> = (0..talk.sent.len())
            .filter(|index| talk.sent[*index].0 && talk.sent[*index].1[0] == 0x17)
            .collect();
        // The client's second request.
        let lost = data[data
            .len()
            .saturating_sub(if talk.name.starts_with("tls13") { 3 } else { 2 })];
        let mut capture = Tap::tcp(5061, &talk.sent);
        capture.drop_payload(lost);
        let result = read(&capture, &talk.keys);
        let client = result.seen.len();
        assert!((4..6).contains(&client), "{} {client}", talk.name);
        assert!(
            result.defects.contains(&"tcp-gap".to_owned()),
            "{}: {:?}",
            talk.name,
            result.defects
        );
    }
}

#[test]
fn a_gap_in_a_connection_that_is_not_sip_is_no_defect() {
    let talk = &recorded()[0];
    let mut capture = Tap::tcp(443, &talk.sent);
    capture.drop_payload(6);
    let result = read(&capture, "");
    assert_eq!(result.defects, Vec::<String>::new());
    assert_eq!(result.unread.len(), 1);
}

#[test]
fn a_connection_whose_handshake_is_missing_is_told_on_sips_ports() {
    let talk = &recorded()[0];
    let data = &talk.sent[6..];
    let result = read(&Tap::tcp(5061, data).without_syn(), &talk.keys);
    assert_eq!(result.unread.len(), 1, "{:?}", result.unread);
    assert!(result.unread[0].contains("began before the capture"));
    let result = read(&Tap::tcp(443, data).without_syn(), &talk.keys);
    assert_eq!(result.unread, Vec::<String>::new());
}

fn seen(transport: &'static str, ids: &[&str]) -> Vec<Seen> {
    ids.iter()
        .map(|id| Seen {
            transport,
            call_id: (*id).to_owned(),
        })
        .collect()
}

#[test]
fn websocket_is_read_over_tcp_and_over_tls() {
    let sent = peers::websocket_talk();
    let ids = [
        "ws-1", "ws-1", "ws-2", "ws-3", "ws-3", "ws-4", "ws-5", "ws-6",
    ];
    let capture = Tap::tcp(8080, &sent);
    let result = read(&capture, "");
    assert_eq!(result.seen, seen("WS", &ids));
    assert_eq!(result.defects, Vec::<String>::new());
    check_tshark(&capture, "");
    let talk = peers::rustls_carries(&sent);
    let capture = Tap::tcp(443, &talk.sent);
    let result = read(&capture, &talk.keys);
    assert_eq!(result.seen, seen("WSS", &ids));
    check_tshark(&capture, &talk.keys);
}

#[test]
fn behind_a_hole_in_a_websocket_connection_every_message_that_begins_a_segment_is_read() {
    let mut sent = peers::websocket_talk()[..2].to_vec();
    for no in 0..8 {
        let message = peers::request("WS", &format!("hole-{no}"));
        sent.push((true, peers::frame(true, 0x81, &message)));
    }
    let mut capture = Tap::tcp(8080, &sent);
    capture.drop_payload(5);
    let result = read(&capture, "");
    let ids: Vec<_> = result
        .seen
        .iter()
        .map(|seen| seen.call_id.as_str())
        .collect();
    let expected = ["0", "1", "2", "4", "5", "6", "7"].map(|no| format!("hole-{no}"));
    assert_eq!(ids, expected);
    assert_eq!(result.defects, ["tcp-gap"]);
}

#[test]
fn websocket_is_found_in_its_middle() {
    // What refers back to messages before it cannot be inflated, and that is said.
    let sent = peers::websocket_talk();
    let result = read(&Tap::tcp(8080, &sent[3..]).without_syn(), "");
    assert_eq!(result.seen[..3], seen("WS", &["ws-1", "ws-2", "ws-3"]));
}

#[test]
fn the_recorded_websocket_capture_gives_what_tshark_counts() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../shared/captures/negbie+heplify/sip_tcp_websocket.pcap"
    );
    let Ok(bytes) = std::fs::read(path) else {
        eprintln!("SKIPPED: the shared captures are not here");
        return;
    };
    let result = tap::read_bytes(&bytes, "", None);
    let mut by_transport: BTreeMap<&str, usize> = BTreeMap::new();
    for seen in &result.seen {
        *by_transport.entry(seen.transport).or_default() += 1;
    }
    assert_eq!(by_transport, BTreeMap::from([("UDP", 28), ("WS", 11)]));
}

#[test]
fn sctp_is_read_alone_and_inside_udp() {
    let packets = peers::sctp_packets();
    let ids = ["sctp-1", "sctp-3", "sctp-2"];
    let capture = Tap::sctp(&packets);
    let result = read(&capture, "");
    assert_eq!(result.seen, seen("SCTP", &ids));
    assert_eq!(result.defects, Vec::<String>::new());
    check_tshark(&capture, "");
    let result = read(&Tap::sctp_in_udp(&packets), "");
    assert_eq!(result.seen, seen("SCTP", &ids));
    // SIP on that port is still SIP.
    let result = read(&Tap::udp(9899, &[peers::request("UDP", "plain")]), "");
    assert_eq!(result.seen, seen("UDP", &["plain"]));
}

#[test]
fn hep_over_tcp_tls_and_sctp_gives_the_mirrored_messages() {
    let sent = peers::hep_talk();
    let ids = ["hep-1", "hep-1", "hep-2"];
    for port in [9060, 19_061] {
        let result = read(&Tap::tcp(port, &sent), "");
        assert_eq!(result.seen, seen("UDP", &ids));
        assert_eq!(result.defects, Vec::<String>::new());
    }
    let talk = peers::rustls_carries(&sent);
    let result = read(&Tap::tcp(9061, &talk.sent), &talk.keys);
    assert_eq!(result.seen, seen("UDP", &ids));
    assert_eq!(result.defects, Vec::<String>::new());
    let packets: Vec<Vec<u8>> = (0_u32..)
        .zip(&sent)
        .map(|(no, (_, bytes))| peers::sctp_packet(no, bytes))
        .collect();
    let result = read(&Tap::sctp(&packets), "");
    assert_eq!(result.seen, seen("UDP", &ids));
}

#[test]
fn a_hole_in_a_hep_connection_is_told_and_costs_what_it_touches() {
    let sent = peers::hep_talk();
    let mut capture = Tap::tcp(9060, &tap::cut(&sent, &[300]));
    capture.drop_payload(1);
    let result = read(&capture, "");
    assert_eq!(result.seen, seen("UDP", &["hep-1", "hep-2"]));
    assert_eq!(result.defects, ["tcp-gap"]);
}

#[test]
fn of_messages_that_the_capture_cut_what_is_there_is_read() {
    // On a port of its own, with one header field before the cut.
    let capture = Tap::udp(6101, &[peers::request("UDP", "cut")]);
    let result = tap::read_bytes(&capture.snapped(14 + 20 + 8 + 100), "", None);
    assert_eq!(result.seen.len(), 1, "{result:?}");
    // Nothing but a start line.
    let result = tap::read_bytes(&capture.snapped(14 + 20 + 8 + 42), "", None);
    assert_eq!(
        (result.seen.len(), &result.defects[..]),
        (0, &["sip-like".to_owned()][..])
    );
    // The first of several IP fragments has the head; how long the datagram was UDP says.
    let mut long = peers::request("UDP", "pieces");
    let end = long.len() - 2;
    long.splice(
        end..end,
        b"X-Filler: "
            .iter()
            .copied()
            .chain([b'x'; 2000])
            .chain(*b"\r\n"),
    );
    let capture = Tap::udp(5060, &[long]).fragmented(1000);
    let result = tap::read_bytes(&capture.snapped(500), "", None);
    assert_eq!(result.seen, seen("UDP", &["pieces"]));
    assert_eq!(result.defects, ["snapped"]);
}

#[test]
fn stun_and_line_ends_between_messages_are_no_defects() {
    let stun = b"\x00\x01\x00\x04\x21\x12\xa4\x42aaaaaaaaaaaabbbb".to_vec();
    let message = |id: &str| peers::request("UDP", id);
    let sent: Vec<(bool, Vec<u8>)> = [
        message("one"),
        b"\r\n\r\n".to_vec(),
        stun.clone(),
        message("two"),
        [stun.clone(), message("three")].concat(),
    ]
    .map(|bytes| (true, bytes))
    .into();
    for cut in [1, 7, 9, 2000] {
        let result = read(&Tap::tcp(5060, &tap::cut(&sent, &[cut])), "");
        assert_eq!(result.seen, seen("TCP", &["one", "two", "three"]));
        assert_eq!(result.defects, Vec::<String>::new());
    }
    let capture = Tap::udp(5060, &[stun, b"\r\n\r\n".to_vec(), message("udp")]);
    let result = read(&capture, "");
    assert_eq!(result.seen, seen("UDP", &["udp"]));
    assert_eq!(result.defects, Vec::<String>::new());
}

#[test]
fn the_head_of_a_load_balancer_is_taken_off() {
    let line = b"PROXY TCP4 192.0.2.1 192.0.2.2 49152 5060\r\n";
    let binary = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x01\xc0\0\x02\x02\xc0\0\x13\xc4";
    let message = |id: &str| peers::request("TCP", id);
    for head in [&line[..], binary] {
        // Alone in its segment, and with the first message.
        for sent in [
            vec![head.to_vec(), message("one"), message("two")],
            vec![[head, &message("one")].concat(), message("two")],
        ] {
            let sent: Vec<_> = sent.into_iter().map(|bytes| (true, bytes)).collect();
            for capture in [Tap::tcp(5060, &sent), Tap::tcp(5060, &sent).without_syn()] {
                let result = read(&capture, "");
                assert_eq!(result.seen, seen("TCP", &["one", "two"]));
                assert_eq!(result.defects, Vec::<String>::new());
            }
            // On SIP's own port, or with a message behind it, tshark does not know the head.
            if sent.len() == 3 {
                check_tshark(&Tap::tcp(15_060, &sent), "");
            }
        }
        let talk = &recorded()[0];
        let mut sent = talk.sent.clone();
        sent[0].1 = [head, &sent[0].1].concat();
        let result = read(&Tap::tcp(5061, &sent), &talk.keys);
        assert_eq!(result.seen, expected(&talk.name));
    }
    let result = read(
        &Tap::udp(5060, &[[&binary[..], &message("udp")].concat()]),
        "",
    );
    assert_eq!(result.seen, seen("UDP", &["udp"]));
}

#[test]
fn wireguard_and_sigcomp_are_told() {
    let mut hello = vec![1, 0, 0, 0];
    hello.resize(148, 0x5a);
    let result = read(&Tap::udp(51_820, &[hello]), "");
    assert_eq!(result.defects, ["encrypted"]);
    let compressed = [&[0xfb, 0x01, 2, 3][..], &[0x77; 200]].concat();
    let result = read(&Tap::udp(5060, &[compressed]), "");
    assert_eq!(result.defects, ["tunnel"]);
}

#[test]
fn dtls_is_told_unless_it_is_for_media() {
    let hello = |extension: u8| {
        let mut body = vec![0xfe, 0xfd];
        body.extend([7; 32]);
        body.extend([0, 0, 0, 2, 0xc0, 0x2b, 1, 0, 0, 4, 0, extension, 0, 0]);
        let length = u16::try_from(body.len()).unwrap();
        let mut out = vec![22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0];
        out.extend((length + 12).to_be_bytes());
        let [high, low] = length.to_be_bytes();
        out.extend([1, 0, high, low, 0, 0, 0, 0, 0, 0, high, low]);
        out.extend(body);
        out
    };
    let result = read(&Tap::udp(5061, &[hello(23), hello(14)]), "");
    assert_eq!(result.defects, ["encrypted"]);
}

#[test]
fn the_program_takes_a_key_log() {
    let talk = &recorded()[0];
    let folder = tempfile::tempdir().expect("a folder");
    let (capture, keys) = (folder.path().join("a.pcap"), folder.path().join("keys"));
    std::fs::write(&capture, Tap::tcp(5061, &talk.sent).bytes()).expect("written");
    std::fs::write(&keys, &talk.keys).expect("written");
    let run = |arguments: &[&std::path::Path], variable: &str| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_sipannotate"))
            .args(["-f", "json"])
            .args(arguments)
            .env("SSLKEYLOGFILE", variable)
            .output()
            .expect("runs");
        (
            output.status.code(),
            String::from_utf8(output.stdout).expect("UTF-8"),
        )
    };
    let keys_text = keys.to_str().expect("UTF-8");
    for (arguments, variable) in [
        (&[std::path::Path::new("--keylog"), &keys, &capture][..], ""),
        (&[&*capture][..], keys_text),
    ] {
        let (code, report) = run(arguments, variable);
        assert_eq!(code, Some(0));
        assert!(report.contains(r#""transport":"TLS""#), "{report}");
        assert!(!report.contains(r#""kind":"encrypted""#), "{report}");
    }
    let (code, report) = run(&[&capture], "/nonexistent");
    assert_eq!(code, Some(0));
    assert!(
        report.contains("TLS to sip.example.net (10.0.0.2:5061)"),
        "{report}"
    );
    let missing = folder.path().join("missing");
    let (code, _) = run(&[std::path::Path::new("--keylog"), &missing, &capture], "");
    assert_eq!(code, Some(1));
}

fn sorted(mut seen: Vec<Seen>) -> Vec<Seen> {
    seen.sort();
    seen
}

proptest! {
    #![proptest_config(common::cases::cases(96))]

    #[test]
    fn any_cut_order_and_repetition_of_a_tls_stream_gives_the_same_messages(
        which in any::<prop::sample::Index>(),
        cuts in prop::collection::vec(1..600_usize, 1..12),
        places in prop::collection::vec(0..12_usize, 1..40),
        again in prop::collection::vec(2..60_usize, 0..12),
    ) {
        let talks = recorded();
        let talk = which.get(&talks);
        let mut capture = Tap::tcp(5061, &tap::cut(&talk.sent, &cuts));
        capture.shuffle(&places);
        capture.repeat(&again);
        let result = read(&capture, &talk.keys);
        prop_assert_eq!(sorted(result.seen), sorted(expected(&talk.name)));
        prop_assert_eq!(result.defects, Vec::<String>::new());
        prop_assert_eq!(result.unread, Vec::<String>::new());
    }

    #[test]
    fn any_cut_order_and_repetition_of_a_websocket_stream_gives_the_same_messages(
        cuts in prop::collection::vec(1..300_usize, 1..12),
        places in prop::collection::vec(0..12_usize, 1..40),
        again in prop::collection::vec(2..60_usize, 0..12),
    ) {
        let sent = peers::websocket_talk();
        let whole = read(&Tap::tcp(8080, &sent), "").seen;
        let mut capture = Tap::tcp(8080, &tap::cut(&sent, &cuts));
        capture.shuffle(&places);
        capture.repeat(&again);
        let result = read(&capture, "");
        prop_assert_eq!(sorted(result.seen), sorted(whole));
        prop_assert_eq!(result.defects, Vec::<String>::new());
    }

    #[test]
    fn any_cut_order_and_repetition_of_a_hep_stream_gives_the_same_messages(
        cuts in prop::collection::vec(1..400_usize, 1..12),
        places in prop::collection::vec(0..12_usize, 1..40),
        again in prop::collection::vec(2..60_usize, 0..12),
    ) {
        let mut capture = Tap::tcp(9060, &tap::cut(&peers::hep_talk(), &cuts));
        capture.shuffle(&places);
        capture.repeat(&again);
        let result = read(&capture, "");
        prop_assert_eq!(sorted(result.seen), seen("UDP", &["hep-1", "hep-1", "hep-2"]));
        prop_assert_eq!(result.defects, Vec::<String>::new());
    }

    #[test]
    fn any_order_and_repetition_of_sctp_packets_gives_the_same_messages(
        order in Just((0..peers::sctp_packets().len()).chain(0..3).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let packets = peers::sctp_packets();
        let packets: Vec<Vec<u8>> = order.into_iter().map(|index| packets[index].clone()).collect();
        let result = read(&Tap::sctp(&packets), "");
        prop_assert_eq!(sorted(result.seen), seen("SCTP", &["sctp-1", "sctp-2", "sctp-3"]));
    }

    #[test]
    fn damaged_conversations_neither_panic_nor_give_messages_nobody_sent(
        which in any::<prop::sample::Index>(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cuts in prop::collection::vec(1..600_usize, 1..6),
    ) {
        let talks = recorded();
        let talk = which.get(&talks);
        let mut sent = talk.sent.clone();
        for (turn, at, byte) in damage {
            let bytes = &mut sent[turn.index(talk.sent.len())].1;
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let whole = expected(&talk.name);
        let result = read(&Tap::tcp(5061, &tap::cut(&sent, &cuts)), &talk.keys);
        for seen in result.seen {
            // Without encryption what is in a damaged record can still be read, as what TCP carries.
            let is_sent = |sent: &Seen| sent.call_id == seen.call_id;
            prop_assert!(whole.iter().any(is_sent), "{}: {seen:?}", talk.name);
        }
        let mut sent = peers::websocket_talk();
        for (_, bytes) in &mut sent {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1 << (middle % 8);
        }
        read(&Tap::tcp(8080, &tap::cut(&sent, &cuts)), "");
    }
}

#[test]
fn the_fixture_uses_ipv4_packets_that_tshark_accepts() {
    let capture = Tap::udp(5060, &[peers::request("UDP", "x")]);
    assert_eq!(
        &capture.bytes()[..4],
        &pcap::write(&[], &pcap::Options::default())[..4]
    );
}

/// A call over WebSocket whose 2xx is repeated until it is given up; `ack` is what the client sends
/// each time, behind the handshake.
fn unanswered(ack: &[u8]) -> common::run::Report {
    let message = |start: &str, more: &str, cseq: &str| {
        format!(
            "{start}\r\nVia: SIP/2.0/WS 10.0.0.1;branch=z9hG4bK-1\r\nFrom: <sip:a@example.net>;tag=1\r\n\
             To: <sip:b@example.net>{more}\r\nCall-ID: unread\r\nCSeq: 1 {cseq}\r\n\
             Contact: <sip:b@10.0.0.2;transport=ws>\r\nContent-Length: 0\r\n\r\n"
        )
    };
    let mut sent = peers::websocket_talk()[..2].to_vec();
    let invite = message("INVITE sip:b@example.net SIP/2.0", "", "INVITE");
    let ok = message("SIP/2.0 200 OK", ";tag=2", "INVITE");
    sent.push((true, peers::frame(true, 0x81, invite.as_bytes())));
    let mut times = vec![0, 1, 10];
    for halves in [2_u64, 3, 5, 9, 17, 25, 33, 41, 49, 57, 65] {
        sent.push((false, peers::frame(false, 0x81, ok.as_bytes())));
        sent.push((true, peers::frame(true, 0xc1, ack)));
        times.extend([halves * 500, halves * 500 + 20]);
    }
    // Others go on talking, so that the capture does not end early.
    for minutes in 1..15 {
        let id = format!("other-{minutes}");
        sent.push((true, peers::frame(true, 0x81, &peers::request("WS", &id))));
        sent.push((false, peers::frame(false, 0x81, &peers::answer("WS", &id))));
        times.extend([minutes * 60_000, minutes * 60_000 + 20]);
    }
    common::run::Report::of_bytes(Tap::tcp(8080, &sent).bytes_at(&times))
}

#[test]
fn messages_that_could_not_be_decompressed_lower_the_verdict() {
    let verdicts = |report: &common::run::Report| -> Vec<(String, String)> {
        let findings = report.findings("missing-ack");
        findings
            .map(|finding| {
                let qualifier = finding["qualifier"].as_str().unwrap_or_default();
                (
                    common::run::text(finding, "verdict").to_owned(),
                    qualifier.to_owned(),
                )
            })
            .collect()
    };
    // No block of deflate begins with these bits.
    let unreadable = unanswered(&[0xff; 20]);
    let lowered = ("no-ack-probable".to_owned(), "capture-loss".to_owned());
    assert_eq!(verdicts(&unreadable), [lowered]);
    // An empty message is no ACK, and was read.
    let silent = unanswered(&[0x00]);
    let confirmed = ("no-ack-confirmed".to_owned(), String::new());
    assert_eq!(verdicts(&silent), [confirmed]);
}

/// Messages as a log of them has them, each in a segment of its own.
fn quoted(from_client: bool) -> Vec<(bool, Vec<u8>)> {
    (0..5)
        .flat_map(|no| {
            let id = format!("quoted-{no}");
            [peers::request("UDP", &id), peers::answer("UDP", &id)]
        })
        .map(|bytes| (from_client, bytes))
        .collect()
}

/// The port, who says what, whether it is heard to the end.
type Quoting<'a> = (u16, Vec<(bool, &'a [u8])>, bool);

#[test]
fn messages_quoted_in_the_text_of_other_protocols_are_none() {
    let get = b"GET /sip.log HTTP/1.1\r\nHost: a\r\n\r\n";
    let ok = b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n";
    let post = b"POST /api HTTP/1.1\r\nHost: a\r\nContent-Length: 9999\r\n\r\n";
    let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let talks: [Quoting<'_>; 9] = [
        (80, vec![(true, get), (false, ok)], false),
        (8080, vec![(true, get), (false, chunked)], false),
        (8080, vec![(true, post)], true),
        (5060, vec![(true, post)], true),
        (5060, vec![(true, get), (false, ok)], false),
        (25, vec![(true, b"EHLO a\r\n"), (true, b"DATA\r\n")], true),
        (
            514,
            vec![(true, b"<134>Nov 12 10:00:00 kamailio[1]: got\n")],
            true,
        ),
        (5222, vec![(true, b"<stream><message><body>")], true),
        (
            2855,
            vec![(true, b"MSRP d93k SEND\r\nContent-Type: message/sip\r\n\r\n")],
            true,
        ),
    ];
    for (port, head, from_client) in talks {
        let mut sent: Vec<_> = head
            .iter()
            .map(|(client, bytes)| (*client, bytes.to_vec()))
            .collect();
        sent.extend(quoted(from_client));
        let result = read(&Tap::tcp(port, &sent), "");
        assert_eq!(result.seen, [], "port {port}");
        assert_eq!(result.defects, Vec::<String>::new(), "port {port}");
        // The same with the end of the head in the segment of the first message.
        let last = head.len() - 1;
        let joined = [&sent[last].1[..], &sent[last + 1].1].concat();
        sent.splice(last..last + 2, [(from_client, joined)]);
        let result = read(&Tap::tcp(port, &sent), "");
        assert_eq!(result.seen, [], "port {port}");
        let talk = peers::rustls_carries(&sent);
        let result = read(&Tap::tcp(443, &talk.sent), &talk.keys);
        assert_eq!(result.seen, [], "port {port} inside TLS");
    }
    // Of a download that was joined in its middle, after a while.
    let mut sent = vec![(false, vec![b'x'; 900]); 64];
    sent.extend(quoted(false));
    let result = read(&Tap::tcp(80, &sent).without_syn(), "");
    assert_eq!(result.seen, []);
}

#[test]
fn what_may_come_before_sip_does_not_hide_it() {
    let message = (true, peers::request("TCP", "behind"));
    let heads: [&[(bool, &[u8])]; 5] = [
        &[
            (
                true,
                b"CONNECT sip.example.net:6060 HTTP/1.1\r\nHost: sip.example.net\r\n\r\n",
            ),
            (false, b"HTTP/1.1 200 Connection established\r\n\r\n"),
        ],
        &[
            (true, &[5, 1, 0]),
            (false, &[5, 0]),
            (true, &[5, 1, 0, 1, 192, 0, 2, 1, 0x17, 0xac]),
            (false, &[5, 0, 0, 1, 192, 0, 2, 1, 0x17, 0xac]),
        ],
        &[(true, b"\r\n\r\n"), (true, b"\0\0\0\0"), (true, b"jaK\0")],
        // Like SIP, but no proof.
        &[(true, b"HELLO sip:b@example.net SIP/2.0\r\n\r\n")],
        &[],
    ];
    for head in heads {
        let mut sent: Vec<_> = head
            .iter()
            .map(|(client, bytes)| (*client, bytes.to_vec()))
            .collect();
        sent.push(message.clone());
        sent.push((false, peers::answer("TCP", "behind")));
        let result = read(&Tap::tcp(6060, &sent), "");
        assert_eq!(result.seen, seen("TCP", &["behind", "behind"]), "{head:?}");
    }
    // A connection joined in the middle of a long body, and one whose first segment was lost.
    let mut sent = vec![(true, vec![b'v'; 900]); 40];
    sent.push(message.clone());
    let result = read(&Tap::tcp(6060, &sent).without_syn(), "");
    assert_eq!(result.seen, seen("TCP", &["behind"]));
    let long = peers::request("TCP", "cut");
    let sent = [
        (true, long[..100].to_vec()),
        (true, long[100..].to_vec()),
        message,
    ];
    let mut capture = Tap::tcp(6060, &sent);
    capture.drop_payload(0);
    let result = read(&capture, "");
    assert_eq!(result.seen, seen("TCP", &["behind"]));
}

#[test]
fn behind_the_break_of_one_direction_nothing_is_confirmed() {
    let message = |start: &str, call: &str, more: &str| {
        format!(
            "{start}\r\nVia: SIP/2.0/TLS 10.0.0.1;branch=z9hG4bK-{call}\r\n\
             From: <sip:a@example.net>;tag=1\r\nTo: <sip:b@example.net>{more}\r\nCall-ID: {call}\r\n\
             CSeq: 1 INVITE\r\nContact: <sip:b@10.0.0.2;transport=tls>\r\nContent-Length: 0\r\n\r\n"
        )
        .into_bytes()
    };
    let mut sent = Vec::new();
    let mut times = Vec::new();
    // Each call is answered, and every copy of the answer acknowledged.
    for (no, call) in (0_u64..).zip(["before", "across", "behind"]) {
        let start = no * 100_000;
        sent.push((true, message("INVITE sip:b@example.net SIP/2.0", call, "")));
        times.push(start + 10);
        let copies = if no == 0 { 1 } else { 11 };
        for halves in [2_u64, 3, 5, 9, 17, 25, 33, 41, 49, 57, 65]
            .iter()
            .take(copies)
        {
            sent.push((false, message("SIP/2.0 200 OK", call, ";tag=2")));
            let ack = message("ACK sip:b@10.0.0.2;transport=tls SIP/2.0", call, ";tag=2");
            let ack = String::from_utf8(ack).unwrap();
            let ack = ack.replace("CSeq: 1 INVITE", "CSeq: 1 ACK");
            sent.push((true, ack.replace("z9hG4bK-", "z9hG4bK-ack-").into_bytes()));
            times.extend([start + halves * 500, start + halves * 500 + 20]);
        }
    }
    for minutes in 6..20 {
        let id = format!("other-{minutes}");
        sent.push((true, peers::request("TLS", &id)));
        sent.push((false, peers::answer("TLS", &id)));
        times.extend([minutes * 60_000, minutes * 60_000 + 20]);
    }
    let mut talk = peers::rustls_carries(&sent);
    let handshake = talk.sent.len() - sent.len();
    // A byte of the first ACK of the second call is not what was sent.
    let damaged = handshake + 5;
    assert!(talk.sent[damaged].0);
    talk.sent[damaged].1[20] ^= 1;
    let times: Vec<u64> = std::iter::repeat_n(0, handshake).chain(times).collect();
    let bytes = Tap::tcp(5061, &talk.sent).bytes_at(&times);
    let report = common::run::Report::of_bytes_with(bytes, &talk.keys);
    let found: Vec<_> = report
        .findings("missing-ack")
        .map(|finding| {
            let call = common::run::call_ids(finding).join(" ");
            let text = |name| common::run::text(finding, name);
            format!("{call}: {} ({})", text("verdict"), text("qualifier"))
        })
        .collect();
    assert_eq!(
        found,
        [
            "across: no-ack-probable (capture-loss)",
            "behind: no-ack-probable (capture-starts,capture-loss)"
        ]
    );
    let told: Vec<_> = report.view["trust"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| {
            (
                common::run::text(line, "kind"),
                common::run::number(line, "count"),
            )
        })
        .collect();
    // The record that does not open, and every later segment of that direction.
    assert_eq!(told, [("malformed", 1), ("tcp-gap", 36)]);
}

#[test]
fn streams_byte_by_byte_give_the_same_messages() {
    let sent = peers::websocket_talk();
    let whole = read(&Tap::tcp(8080, &sent), "").seen;
    let result = read(&Tap::tcp(8080, &tap::cut(&sent, &[1])), "");
    assert_eq!(sorted(result.seen), sorted(whole));
    assert_eq!(result.defects, Vec::<String>::new());
    let result = read(&Tap::tcp(9060, &tap::cut(&peers::hep_talk(), &[1])), "");
    assert_eq!(
        sorted(result.seen),
        seen("UDP", &["hep-1", "hep-1", "hep-2"])
    );
    for talk in recorded() {
        let result = read(&Tap::tcp(5061, &tap::cut(&talk.sent, &[1])), &talk.keys);
        assert_eq!(sorted(result.seen), sorted(expected(&talk.name)));
    }
}
