//! Real captures of public projects: as many messages as tshark counts, or a reason; nothing
//! found where no SIP is; nobody accused who is not guilty.
//!
//! In: the folder of shared captures beside the project, which its licences keep outside; without
//! it the tests say so and pass. Each difference from tshark stands in [`DIFFERENCES`] with what
//! was found behind it.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "the helpers of tests are outside `#[test]` functions, and may panic all the same"
)]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use common::run::{Report, accuses, call_ids, findings, number, shared, text};

/// What we make of a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ours {
    /// So many messages, tap copies among them.
    Messages(u64),
    /// The file is refused.
    Refused,
}

/// Captures of which we count other messages than tshark, with the reason.
const DIFFERENCES: &[(&str, Ours, &str)] = &[
    (
        "goffinet+sip_captures/private-test-sip.pcapng",
        Ours::Messages(276),
        "tshark counts three messages quoted in ICMP errors (frames 2, 150, 152): evidence, not traffic",
    ),
    (
        "negbie+heplify/sip_ipv4_tcp_fragmented.pcap",
        Ours::Messages(406),
        "tshark takes TCP port 6060 for X11; told that it is SIP, it counts 406 as well",
    ),
    (
        "Eniz2309+SSMTK-projekt/VoNR_poziv_PJSUA.pcap",
        Ours::Messages(18),
        "as many as tshark counts when told to read ESP with NULL encryption",
    ),
    (
        "sipcapture+hep-wireshark/hep.pcap",
        Ours::Messages(6),
        "tshark 4.0 has no HEP dissector; the index says that six messages are inside",
    ),
    (
        "misosviso+MTAA-SIP-PROXY/registration.pcapng",
        Ours::Messages(4),
        "tshark counts two REGISTERs quoted in ICMP errors (frames 11 and 208)",
    ),
    (
        "open5gs+open5gs/volte.pcapng",
        Ours::Messages(47),
        "frames 36, 47, 48, 116, 119 and 130 are the tap's copies of messages by TCP, which tshark takes for retransmissions",
    ),
    (
        "open5gs+open5gs/ipsec_reg.pcapng",
        Ours::Messages(54),
        "48 are as many as tshark counts when told to read ESP with NULL encryption (28 and 20 tap copies); 6 are copies by TCP, \
         which it takes for retransmissions",
    ),
    (
        "open5gs+open5gs/ipsec_to_nonipsec_call.pcapng",
        Ours::Messages(70),
        "62 are as many as tshark counts when told to read ESP with NULL encryption (42 and 20 tap copies); 8 are copies by TCP, \
         which it takes for retransmissions",
    ),
    (
        "christianloos+ptavi-p6/invite.pcap",
        Ours::Messages(0),
        "start lines without any header field on port 5555: like SIP, and told as such in the trust section",
    ),
    (
        "daviddpurjc+ptavi-p4/register.pcap",
        Ours::Messages(0),
        "start lines with at most Expires on port 6001: like SIP, and told as such in the trust section",
    ),
    (
        "ntop+nDPI/fuzz-2006-06-26-2594.pcap",
        Ours::Messages(51),
        "the fuzzer made the line end of frame 247's request line a lone CR, which ends no line, so the version is not SIP/2.0",
    ),
];

/// The dialogs that truly have no ACK: file and Call-ID.
const WITHOUT_ACK: &[(&str, &str)] = &[
    (
        "a42437-ml+master_thesis_files/tc-02.5.pcap",
        "c2VjcmV0Y29kZTEyMw@1.2.3.4",
    ),
    (
        "snort3+snort3_demo/SIP_Eyebeam2Eyebeam_Video_Audio.pcap",
        "N2EwNWNiYmM5NDJkMzIwNmYzNzBlNjA5Mzk1ZWNhODk.",
    ),
];

/// What other rules accuse of, each looked at: file, rule, count, and what is behind it.
const ACCUSED: &[(&str, &str, u64, &str)] = &[
    (
        "goffinet+sip_captures/branch-scenario-sipp.pcapng",
        "registration-storm",
        1,
        "SIPp registers one address every 100 ms, and each time is granted 300 s",
    ),
    (
        "goffinet+sip_captures/branch-scenario-sipp.pcapng",
        "response-burst",
        1148,
        "a scenario of SIPp that branches: nine calls of ten get 403",
    ),
    (
        "goffinet+sip_captures/private-test-sip.pcapng",
        "authentication-loop",
        10,
        "telephone1 tries a password that the server does not accept, for a quarter of an hour",
    ),
    (
        "goffinet+sip_captures/private-test-sip.pcapng",
        "routing-loop",
        17,
        "the registrar sends REGISTERs for its own name to itself until Max-Forwards is used up",
    ),
    (
        "goffinet+sip_captures/private-test-sip.pcapng",
        "routing-loop",
        3,
        "the same, from another client",
    ),
    (
        "irontec+sngrep/aaa.pcap",
        "request-unanswered",
        1,
        "100 and nothing else for 34 s, until the caller's CANCEL, which gets 408",
    ),
    (
        "negbie+heplify/sip_ipv4_tcp_fragmented.pcap",
        "request-unanswered",
        1,
        "the INVITE in frame 47 is taken by TCP and has no answer in the 104 s that are left",
    ),
];

/// A line of the index.
struct Indexed {
    path: String,
    kind: String,
    /// Messages that tshark counts.
    messages: u64,
}

/// The captures' folder and index; nothing without them.
fn index() -> Option<(PathBuf, Vec<Indexed>)> {
    let folder = shared("captures")?;
    let index = fs::read_to_string(folder.join("INDEX.tsv")).expect("the index");
    let mut lines = index
        .lines()
        .map(|line| line.split('\t').collect::<Vec<_>>());
    let heads = lines.next().expect("headings");
    let column = |name: &str| {
        heads
            .iter()
            .position(|head| *head == name)
            .unwrap_or_else(|| panic!("no column {name}"))
    };
    let (path, kind, messages) = (column("path"), column("kind"), column("sip_msgs"));
    let captures: Vec<Indexed> = lines
        .filter(|line| ["sip", "trap", "control", "link", "format"].contains(&line[kind]))
        .map(|line| Indexed {
            path: line[path].to_owned(),
            kind: line[kind].to_owned(),
            messages: line[messages].parse().expect("a number of messages"),
        })
        .collect();
    assert!(captures.len() > 100, "the index has lost its captures");
    Some((folder, captures))
}

#[test]
fn as_many_messages_as_tshark_counts_or_a_reason() {
    let Some((folder, captures)) = index() else {
        return;
    };
    let mut wrong = Vec::new();
    for capture in &captures {
        let report = Report::of_file(&folder.join(&capture.path));
        let ours = if report.view["captures"] == serde_json::json!([]) {
            Ours::Refused
        } else {
            Ours::Messages(report.total("sip_messages") + report.total("duplicates"))
        };
        let theirs = Ours::Messages(capture.messages);
        let listed = DIFFERENCES.iter().find(|(path, ..)| *path == capture.path);
        let expected = listed.map_or(theirs, |(_, ours, _)| *ours);
        if ours != expected {
            wrong.push(format!("{}: {ours:?}, expected {expected:?}", capture.path));
        }
        if listed.is_some() && ours == theirs {
            wrong.push(format!("{}: no difference any more", capture.path));
        }
        if capture.kind == "control" && ours != Ours::Messages(0) {
            wrong.push(format!("{}: SIP where none is", capture.path));
        }
        if capture.kind == "control" && report.view["findings"] != serde_json::json!([]) {
            wrong.push(format!("{}: findings where no SIP is", capture.path));
        }
    }
    for (path, ..) in DIFFERENCES {
        if !captures.iter().any(|capture| capture.path == *path) {
            wrong.push(format!("{path}: not in the index"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn only_the_two_callers_who_sent_no_ack_are_accused() {
    let Some((folder, captures)) = index() else {
        return;
    };
    let mut accused = BTreeSet::new();
    for capture in &captures {
        let report = Report::of_file(&folder.join(&capture.path));
        for finding in report
            .findings("missing-ack")
            .filter(|found| accuses(found))
        {
            for call in call_ids(finding) {
                accused.insert((capture.path.clone(), call.to_owned()));
            }
        }
    }
    let guilty = WITHOUT_ACK
        .iter()
        .map(|(path, call)| ((*path).to_owned(), (*call).to_owned()))
        .collect();
    assert_eq!(accused, guilty);
}

#[test]
fn nobody_is_accused_by_other_rules_but_for_what_is_known() {
    let Some((folder, captures)) = index() else {
        return;
    };
    let mut accused = BTreeSet::new();
    for capture in &captures {
        let report = Report::of_file(&folder.join(&capture.path));
        for finding in findings(&report.view).filter(|found| accuses(found)) {
            if finding["rule"] == "missing-ack" && finding["verdict"] != "no-ack-non2xx" {
                continue;
            }
            let rule = text(finding, "rule").to_owned();
            accused.insert((capture.path.clone(), rule, number(finding, "count")));
        }
    }
    let known = ACCUSED
        .iter()
        .map(|(path, rule, count, _)| ((*path).to_owned(), (*rule).to_owned(), *count))
        .collect();
    assert_eq!(accused, known);
}

#[test]
fn a_leg_that_the_tap_saw_twice_is_counted_once() {
    let Some(folder) = shared("captures") else {
        return;
    };
    // Every packet between 10.35.40.25 and 10.35.40.200 stands twice, within 1.5 ms, with the same
    // IPv4 Identification, TTL and MAC addresses: 23 pairs, and in 12 of them a response.
    let path = "odedshimon+BruteShark/FAX-Call-t38-CA-TDM-SIP-FB-1.pcap";
    let report = Report::of_file(&folder.join(path));
    assert_eq!(
        (report.total("sip_messages"), report.total("duplicates")),
        (69, 23)
    );
    let copies: Vec<u64> = report
        .responses
        .iter()
        .filter(|response| response["duplicate"] == true)
        .map(|response| number(response, "frame"))
        .collect();
    let frames = [
        29, 34, 51, 169, 173, 2691, 3103, 3116, 3130, 3140, 5469, 7209,
    ];
    assert_eq!(copies, frames);
}
