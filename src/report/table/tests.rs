//! Goldens of the table report at three widths, and what must hold of every line of it.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use super::*;
use crate::report::fixture;
use crate::report::text::width;
use crate::report::view::{Severity, Text, View};

/// A writer whose bytes can be read after the report has consumed it.
#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(buf)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn report(options: Options, rows: &[fixture::Row], view: &View) -> String {
    let sink = Sink::default();
    let mut report = Box::new(Table::new(sink.clone(), options));
    for row in rows {
        report.response(&row.response()).unwrap();
    }
    report.finish(view).unwrap();
    let bytes = sink.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

fn wide(width: usize) -> Options {
    Options {
        width,
        ..Options::default()
    }
}

/// What holds of every report without colours.
#[track_caller]
fn check_lines(report: &str, max: usize) {
    for line in report.lines() {
        assert_eq!(line, line.trim_end(), "trailing blanks");
        assert!(
            !line.chars().any(char::is_control),
            "control character: {line:?}"
        );
        assert!(
            !line.contains(['\u{202e}', '\u{200b}']),
            "format character: {line:?}"
        );
        assert!(width(line) <= max, "{} columns: {line}", width(line));
    }
}

#[test]
fn an_incident_with_few_responses() {
    for columns in [80, 120, 200] {
        let report = report(wide(columns), &fixture::responses(3), &fixture::view(2));
        check_lines(&report, columns);
        insta::assert_snapshot!(format!("incident_{columns}"), report);
    }
}

#[test]
fn many_responses_are_a_table_that_refers_to_the_codes() {
    for columns in [80, 120, 200] {
        let report = report(wide(columns), &fixture::responses(25), &fixture::view(1));
        check_lines(&report, columns);
        insta::assert_snapshot!(format!("many_{columns}"), report);
    }
}

#[test]
fn hostile_text_harms_nobody() {
    let mut rows = fixture::hostile_responses();
    let mut view = fixture::view(1);
    view.captures[0].path = Text(b"\x1b[31m\xff.pcap".to_vec());
    view.findings[0].title = "\u{1b}[2Jtitle \u{202e}desrever".to_owned();
    view.findings[0].calls[0].call_id = Text(rows[2].call_id.clone());
    for columns in [80, 120, 200] {
        let in_full = report(wide(columns), &rows, &view);
        check_lines(&in_full, columns);
        if columns == 80 {
            insta::assert_snapshot!("hostile_full_80", in_full);
        }
    }
    rows.extend(fixture::responses(20));
    for columns in [80, 120, 200] {
        let table = report(wide(columns), &rows, &view);
        check_lines(&table, columns);
        let all = Options {
            all: true,
            files: 2,
            ..wide(columns)
        };
        let many = [rows.clone(), fixture::responses(300)].concat();
        check_lines(&report(all, &many, &view), columns);
        insta::assert_snapshot!(format!("hostile_{columns}"), table);
    }
}

#[test]
fn a_capture_without_sip_says_what_was_there() {
    insta::assert_snapshot!("empty", report(wide(80), &[], &fixture::empty_view()));
    let mut view = fixture::empty_view();
    view.totals.packets = 700;
    let quiet = report(wide(120), &[], &view);
    assert!(
        quiet.contains("700 packets that carry nothing like SIP"),
        "{quiet}"
    );
    view.trust = fixture::view(0).trust.split_off(1);
    let encrypted = report(wide(120), &[], &view);
    assert!(
        encrypted.contains("- 512 x encrypted (frame 99): TLS on port 5061"),
        "{encrypted}"
    );
}

#[test]
fn no_finding_is_said() {
    let report = report(wide(120), &fixture::responses(1), &fixture::view(0));
    assert!(
        report.contains("2. Findings\n===========\nNone.\n"),
        "{report}"
    );
}

#[test]
fn the_worst_twenty_findings_are_shown_and_the_rest_counted() {
    let report = report(wide(120), &[], &fixture::view(25));
    check_lines(&report, 120);
    assert!(report.contains("\n20. INFO: "));
    assert!(!report.contains("\n21. "));
    assert!(report.contains("+ 5 more findings"));
    insta::assert_snapshot!("findings_25", report);
}

#[test]
fn responses_are_200_unless_all_and_it_is_said_which() {
    let rows = fixture::responses(1000);
    let view = fixture::view(0);
    let first = report(wide(120), &rows, &view);
    check_lines(&first, 120);
    assert!(
        first.contains("200 of 1000, in the order of the capture: 0 of the findings above, "),
        "{first}"
    );
    let frames = |report: &str| {
        let rows = report.split("4. Responses").nth(1).unwrap().to_owned();
        rows.lines()
            .filter(|line| line.starts_with(' '))
            .filter_map(|line| line.get(..8)?.trim().split(' ').next()?.parse().ok())
            .collect::<Vec<u64>>()
    };
    assert_eq!(frames(&first).len(), 200);
    let all = Options {
        all: true,
        ..wide(120)
    };
    let all = report(all, &rows, &view);
    check_lines(&all, 120);
    let expected: Vec<u64> = rows.iter().map(|row| row.frame).collect();
    assert_eq!(frames(&all), expected);
    assert!(!all.contains("in the order of the capture"));
}

#[test]
fn exactly_200_responses_with_all_are_not_spooled_and_complete() {
    let all = Options {
        all: true,
        ..wide(120)
    };
    let report = report(all, &fixture::responses(200), &fixture::view(0));
    assert_eq!(report.matches("INVITE 1 ").count(), 200);
}

#[test]
fn colours_come_only_when_asked_for_and_change_no_word() {
    let rows = fixture::responses(25);
    let plain = report(wide(100), &rows, &fixture::view(3));
    let options = Options {
        color: true,
        ..wide(100)
    };
    let coloured = report(options, &rows, &fixture::view(3));
    assert!(coloured.contains("\u{1b}["));
    let mut bare = String::new();
    let mut rest = coloured.as_str();
    while let Some((text, sequence)) = rest.split_once("\u{1b}[") {
        bare.push_str(text);
        rest = sequence.split_once('m').unwrap().1;
    }
    bare.push_str(rest);
    let trimmed = |text: &str| {
        text.lines()
            .map(str::trim_end)
            .collect::<Vec<_>>()
            .join("\n")
    };
    assert_eq!(trimmed(&bare), trimmed(&plain));
}

#[test]
fn chinese_headings_stand_in_line() {
    let options = Options {
        lang: Lang::Zh,
        ..wide(100)
    };
    let report = report(options, &fixture::responses(25), &fixture::view(2));
    check_lines(&report, 100);
    insta::assert_snapshot!("chinese", report);
}

#[test]
fn times_are_printed_as_asked() {
    for (time, expected) in [
        (TimeStyle::Relative, "Frame 7  1.000000  "),
        (TimeStyle::Epoch, "Frame 7  1790000001.000000  "),
    ] {
        let options = Options { time, ..wide(120) };
        let report = report(options, &fixture::responses(1), &fixture::view(1));
        assert!(report.contains(expected), "{report}");
    }
}

#[test]
fn frames_of_several_files_name_their_file() {
    let options = Options {
        files: 2,
        ..wide(120)
    };
    let report = report(options, &fixture::responses(1), &fixture::view(1));
    assert!(report.contains("Frame 0:7  "), "{report}");
    assert!(report.contains("(frames 0:5, 0:7)"), "{report}");
}

#[test]
fn severities_are_summed_up_first() {
    let mut view = fixture::view(7);
    view.findings[0].severity = Severity::Critical;
    let report = report(wide(120), &[], &view);
    let first = report.lines().next().unwrap();
    assert!(
        first.ends_with("Findings: 1 CRITICAL, 4 WARNING, 2 INFO"),
        "{first}"
    );
}

#[test]
fn rows_of_a_later_day_name_it_and_stay_in_line() {
    let mut rows = fixture::responses(25);
    for row in &mut rows[12..] {
        row.time = row.time.plus(crate::units::Span::from_secs(86_400));
    }
    for columns in [80, 120] {
        let report = report(wide(columns), &rows, &fixture::view(0));
        check_lines(&report, columns);
        assert!(report.contains("  2026-09-22"), "{report}");
        assert!(report.contains("  14:13:22.2"), "{report}");
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]
    #[test]
    fn no_text_from_the_wire_breaks_a_line(
        call_id in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200),
        reason in "\\PC{0,60}",
        count in 1_u32..40,
        columns in 60_usize..200,
    ) {
        let mut rows = fixture::responses(count);
        rows[0].call_id = call_id;
        rows[0].context = Some(reason.clone());
        rows[0].reason = reason.into_bytes();
        for all in [false, true] {
            let options = Options { all, ..wide(columns) };
            let report = report(options, &rows, &fixture::view(0));
            for line in report.lines() {
                assert_eq!(line, line.trim_end());
                assert!(!line.chars().any(char::is_control), "{line:?}");
                // A cluster of several characters may be drawn wider than they are one by one.
                let chars: usize = line.chars().map(|c| width(&c.to_string())).sum();
                assert!(chars.min(width(line)) <= columns, "{chars} > {columns}: {line}");
            }
        }
    }
}
