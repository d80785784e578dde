//! The NDJSON report: one JSON object a line, each as soon as it is known.
//!
//! In: responses, then the view. Out: lines whose first field is `type`: `tool` (with
//! `schema_version`) once at the head, `response`, and at the end `capture`, `totals`, `trust`,
//! `code`, `metric`, `signer` and `finding`. The other fields are those of the JSON report
//! ([`super::json`]). Every line is flushed, so that a program behind a pipe follows a capture that
//! is still being made. Nothing is kept.

use std::io::{self, Write};

use serde::Serialize;

use crate::report::{Report, json, view};

/// Writes the NDJSON report.
#[derive(Debug)]
pub struct Ndjson<W: Write> {
    out: W,
    /// The head was written.
    begun: bool,
    /// A line, written at once.
    line: Vec<u8>,
}

/// An object and what it is.
#[derive(Serialize)]
struct Line<'a, T: Serialize> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(flatten)]
    item: &'a T,
}

impl<W: Write> Ndjson<W> {
    /// A report on `out`, which should be buffered. Nothing is written yet.
    pub const fn new(out: W) -> Self {
        Self {
            out,
            begun: false,
            line: Vec::new(),
        }
    }

    fn begin(&mut self) -> io::Result<()> {
        if self.begun {
            return Ok(());
        }
        self.begun = true;
        self.write("tool", &view::Head::default())
    }

    fn write<T: Serialize>(&mut self, kind: &'static str, item: &T) -> io::Result<()> {
        self.line.clear();
        json::put(&mut self.line, &Line { kind, item })?;
        self.line.push(b'\n');
        self.out.write_all(&self.line)?;
        self.out.flush()
    }

    fn write_all<T: Serialize>(&mut self, kind: &'static str, items: &[T]) -> io::Result<()> {
        items.iter().try_for_each(|item| self.write(kind, item))
    }
}

impl<W: Write> Report for Ndjson<W> {
    fn response(&mut self, response: &view::Response<'_>) -> io::Result<()> {
        self.begin()?;
        self.write("response", response)
    }

    fn finish(mut self: Box<Self>, view: &view::View) -> io::Result<()> {
        self.begin()?;
        self.write_all("capture", &view.captures)?;
        self.write("totals", &view.totals)?;
        self.write_all("trust", &view.trust)?;
        self.write_all("code", &view.codes)?;
        self.write_all("metric", &view.metrics)?;
        self.write_all("signer", &view.signers)?;
        self.write_all("finding", &view.findings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture::{self, Sink};
    use serde_json::Value;

    fn lines(rows: &[fixture::Row], view: &view::View) -> Vec<Value> {
        let sink = Sink::default();
        let mut report = Box::new(Ndjson::new(sink.clone()));
        for row in rows {
            report.response(&row.response()).unwrap();
        }
        report.finish(view).unwrap();
        let text = sink.text();
        assert!(!text.contains('\u{1b}'));
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    #[test]
    fn the_lines_are_the_objects_of_the_json_report_with_their_type() {
        let view = fixture::view(2);
        let rows = fixture::hostile_responses();
        let lines = lines(&rows, &view);
        assert_eq!(lines[0]["type"], "tool");
        assert_eq!(lines[0]["schema_version"], view::SCHEMA_VERSION);
        let of = |kind: &str| -> Vec<Value> {
            let of_kind = lines.iter().filter(|line| line["type"] == kind);
            let bare = of_kind.cloned().map(|mut line| {
                line.as_object_mut().unwrap().remove("type");
                line
            });
            bare.collect()
        };
        let responses: Vec<_> = rows
            .iter()
            .map(|row| serde_json::to_value(row.response()).unwrap())
            .collect();
        assert_eq!(of("response"), responses);
        let whole = serde_json::to_value(&view).unwrap();
        assert_eq!(of("totals"), [whole["totals"].clone()]);
        for (kind, key) in [
            ("capture", "captures"),
            ("trust", "trust"),
            ("code", "codes"),
            ("metric", "metrics"),
            ("signer", "signers"),
            ("finding", "findings"),
        ] {
            assert_eq!(Value::Array(of(kind)), whole[key], "{kind}");
        }
        let told = |line: &Value| line["type"].as_str().unwrap().to_owned();
        assert!(lines.iter().all(|line| {
            of(&told(line))
                .iter()
                .all(|bare| bare.get("type").is_none())
        }));
    }

    #[test]
    fn a_line_is_out_before_the_next_response_comes() {
        let sink = Sink::default();
        let mut report = Ndjson::new(io::BufWriter::new(sink.clone()));
        report
            .response(&fixture::responses(1)[0].response())
            .unwrap();
        assert_eq!(sink.text().lines().count(), 2);
    }
}
