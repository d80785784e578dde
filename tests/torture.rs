//! Odd messages: what the library and the whole program make of every message of RFC 4475 and
//! RFC 5118, and of messages made here that are odd in other ways.
//!
//! In: `../shared/captures` (skipped with a line where it is absent), and bytes from nothing. Each
//! message of the RFCs is one row of `torture/rows.rs`, sent once as a datagram and once as a
//! stream. A row says all that is read of the message and every flag; nothing else may be set.
//!
//! # References
//! - RFC 4475, RFC 5118

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "test support beside the tests; what is not there fails the test"
)]

mod common;

#[path = "torture/made.rs"]
mod made;
#[path = "torture/rows.rs"]
mod rows;
#[path = "torture/wire.rs"]
mod wire;

use std::collections::BTreeSet;
use std::fs;

use common::run::{Report, shared};
use rows::{RFC4475, RFC5118, Row};
use serde_json::Value;

const RFC4475_FOLDER: &str = "captures/emiago+sipgo/rfc4475";
const RFC5118_FOLDER: &str = "captures/poroh+ersip/rfc5118";

/// The bytes of every row's message, with the row; `None` without the shared folder.
fn messages() -> Option<Vec<(&'static Row, Vec<u8>)>> {
    let read = |folder: &str, row: &'static Row, extension: &str| {
        let path = shared(folder)?.join(format!("{}{extension}", row.name));
        let why = path.display().to_string();
        Some((row, fs::read(path).expect(&why)))
    };
    let first = RFC4475.iter().map(|row| read(RFC4475_FOLDER, row, ".dat"));
    let second = RFC5118.iter().map(|row| read(RFC5118_FOLDER, row, ""));
    first.chain(second).collect()
}

#[test]
fn every_message_of_the_rfcs_has_a_row() {
    let (Some(old), Some(new)) = (shared(RFC4475_FOLDER), shared(RFC5118_FOLDER)) else {
        return;
    };
    let files = |folder: std::path::PathBuf| -> BTreeSet<String> {
        let entries = fs::read_dir(folder).expect("a folder");
        entries
            .map(|entry| {
                let name = entry.expect("an entry").file_name();
                let name = name.into_string().expect("a name of ASCII letters");
                name.trim_end_matches(".dat").to_owned()
            })
            .collect()
    };
    let names =
        |rows: &[Row]| -> BTreeSet<String> { rows.iter().map(|row| row.name.to_owned()).collect() };
    let mut old = files(old);
    // The sample file of the archive; no message of the RFC.
    assert!(old.remove("test"));
    assert_eq!(names(RFC4475), old);
    assert_eq!(names(RFC4475).len(), 49);
    assert_eq!(names(RFC5118), files(new));
    assert_eq!((RFC4475.len(), RFC5118.len()), (49, 12));
}

#[test]
fn each_message_as_a_datagram_is_read_as_its_row_says() {
    let Some(messages) = messages() else { return };
    let mut wrong = Vec::new();
    for (row, bytes) in &messages {
        let read = wire::datagram(bytes);
        let expected = 1 + usize::from(row.name == "dblreq");
        assert_eq!(read.len(), expected, "{}: messages", row.name);
        wrong.extend(row.differences(&read[0], row.udp));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_message_as_a_stream_is_read_as_its_row_says() {
    let Some(messages) = messages() else { return };
    let mut wrong = Vec::new();
    for (row, bytes) in &messages {
        let read = wire::stream(bytes);
        match read.first() {
            Some(first) => wrong.extend(row.differences(first, row.tcp)),
            None if row.tcp == ["nothing"] => {}
            None => wrong.push(format!("{}: nothing was read", row.name)),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_follows_a_message_on_its_stream_is_found_whatever_is_odd_about_the_first() {
    let Some(messages) = messages() else { return };
    let next = made::request("OPTIONS", "next-one");
    for (row, bytes) in &messages {
        // One has a Content-Length that reaches over the next message, one no end of its head.
        if matches!(row.name, "clerr" | "baddn") {
            continue;
        }
        let mut both = bytes.clone();
        both.extend(&next);
        let read = wire::stream(&both);
        let last = read.last().unwrap_or_else(|| panic!("{}", row.name));
        assert_eq!(last.call_id, "next-one", "{}", row.name);
    }
}

#[test]
fn the_program_annotates_the_responses_and_counts_what_is_wrong() {
    let Some(messages) = messages() else { return };
    let payloads: Vec<Vec<u8>> = messages.iter().map(|(_, bytes)| bytes.clone()).collect();
    let report = Report::of_bytes(made::capture(&payloads));
    assert!(report.failed.is_empty(), "{:?}", report.failed);
    let codes: Vec<u64> = report
        .responses
        .iter()
        .map(|response| response["code"].as_u64().expect("a code"))
        .collect();
    // bigcode is no code of SIP: it is counted, and there is nothing to annotate.
    let mut expected: Vec<u64> = messages
        .iter()
        .filter_map(|(row, _)| row.start.parse().ok())
        .filter(|code| (100..700).contains(code))
        .collect();
    expected.sort_unstable();
    let mut sorted = codes;
    sorted.sort_unstable();
    assert_eq!(sorted, expected);
    for response in &report.responses {
        assert!(!common::run::text(response, "meaning").is_empty());
    }
    let responses = messages.iter().filter(|(row, _)| row.is_response()).count();
    assert_eq!(report.total("responses"), responses as u64);
    // dblreq has a second request behind its first.
    let requests = messages.len() - responses + 1;
    assert_eq!(report.total("requests"), requests as u64);
    let refused = messages.iter().filter(|(row, _)| row.refused).count();
    assert_eq!(report.total("malformed"), refused as u64);
    assert_eq!(trust(&report, "malformed"), Some(refused as u64));
    assert_eq!(trust(&report, "sip_like"), None);
}

/// The count of a line of the trust section.
fn trust(report: &Report, kind: &str) -> Option<u64> {
    let lines: &Vec<Value> = report.view["trust"].as_array().expect("a list");
    let line = lines.iter().find(|line| line["kind"] == kind)?;
    line["count"].as_u64()
}
