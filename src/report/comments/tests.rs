//! What stands in comments, and where.

use super::super::fixture;
use super::*;
use crate::report::view::{CallRef, Finding};

/// The comments of frames 1 to 40, as `frame: comment`.
fn placed(lang: Lang, rows: &[fixture::Row], findings: Vec<Finding>) -> Vec<String> {
    let mut comments = Comments::new(lang);
    for row in rows {
        comments.response(&row.response()).unwrap();
    }
    let view = View {
        findings,
        ..View::default()
    };
    let mut placed = comments.finish(&view).unwrap();
    let mut out = Vec::new();
    for no in 1..=40 {
        let mut each = |text: &str| out.push(format!("{no}: {text}"));
        placed.of_frame(FrameNo(no), &mut each).unwrap();
    }
    out
}

fn finding(rule: &'static str, frames: &[&[u64]]) -> Finding {
    let mut finding = Finding::new(rule, Severity::Error, "what it is".to_owned(), 1);
    finding.verdict = Some("a-verdict".into());
    finding.qualifier = Some("capture-ends".to_owned());
    finding.calls = frames
        .iter()
        .map(|frames| CallRef {
            frames: frames.to_vec(),
            ..CallRef::default()
        })
        .collect();
    finding
}

fn rows() -> Vec<fixture::Row> {
    let mut rows: Vec<_> = fixture::responses(3);
    for (row, frame) in rows.iter_mut().zip([3, 3, 9]) {
        row.frame = frame;
    }
    rows
}

#[test]
fn a_response_says_code_meaning_context_cause_and_what_to_do() {
    let mut rows = rows();
    rows[0].code = 438;
    rows[0].reason = b"Invalid\x1b Identity".to_vec();
    rows[0].context = Some("refused by 10.2.0.1".to_owned());
    rows[0].retransmission = true;
    let comments = placed(Lang::En, &rows[..1], Vec::new());
    let lines: Vec<_> = comments[0].lines().collect();
    assert!(lines[0].starts_with("3: 438 Invalid\\u{1b} Identity: The Identity header"));
    assert_eq!(lines[1], "Context: retransmission; refused by 10.2.0.1");
    assert!(
        lines[2].starts_with("Cause: dest-mismatch (proven)"),
        "{lines:?}"
    );
    assert!(lines[3].starts_with("To do: "), "{lines:?}");
    assert_eq!(lines.len(), 4);
    let chinese = placed(Lang::Zh, &rows[..1], Vec::new());
    assert!(chinese[0].contains("\n上下文: 重传; "), "{chinese:?}");
}

#[test]
fn a_frame_has_its_responses_then_its_findings_and_each_once() {
    let findings = vec![
        finding("missing-ack", &[&[1, 3, 3], &[3, 12]]),
        finding("identity-burst", &[&[3]]),
    ];
    let comments = placed(Lang::En, &rows(), findings);
    let heads: Vec<_> = comments
        .iter()
        .map(|text| text.split([':', ',']).take(2).collect::<Vec<_>>().join(":"))
        .map(|head| head.chars().take(30).collect::<String>())
        .collect();
    let ack = "Finding missing-ack/a-verdict (capture-ends)";
    assert_eq!(
        comments[0],
        format!("1: {ack}, ERROR: what it is"),
        "{heads:?}"
    );
    let frames: Vec<_> = comments
        .iter()
        .map(|text| text.split(':').next().unwrap())
        .collect();
    assert_eq!(frames, ["1", "3", "3", "3", "3", "9", "12"]);
    assert!(!comments[1].contains("Finding") && !comments[2].contains("Finding"));
    assert!(comments[3].contains("missing-ack") && comments[4].contains("identity-burst"));
}

#[test]
fn texts_that_no_longer_fit_are_written_out() {
    let mut rows = rows();
    rows.truncate(1);
    let expected = placed(Lang::En, &rows, Vec::new());
    let mut comments = Comments::new(Lang::En);
    comments.texts.bytes = TEXT_BYTES;
    comments.response(&rows[0].response()).unwrap();
    let mut placed = comments.finish(&View::default()).unwrap();
    assert_eq!(placed.texts.len(), 0);
    let mut each = |text: &str| assert_eq!(format!("3: {text}"), expected[0]);
    placed.of_frame(FrameNo(3), &mut each).unwrap();
}
