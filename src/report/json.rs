//! The JSON report: one object, written as the responses come.
//!
//! In: responses, then the view. Out: CONTRACT's JSON, `schema_version` 1: `schema_version`, `tool`,
//! `responses`, and after them what is known at the end. One array item stands on a line, so that
//! `grep` and `head` are of use. Nothing is kept: memory does not depend on the capture.
//!
//! Text that is not UTF-8 has U+FFFD, and its bytes in base64 as `<field>_bytes` ([`view`]).
//!
//! # References
//! - RFC 8259 §8.1 (UTF-8)

use std::io::{self, Write};

use serde::Serialize;

use crate::report::{Report, view};

/// Writes the JSON report.
#[derive(Debug)]
pub struct Json<W: Write> {
    out: W,
    /// Responses written; the head is written before the first.
    responses: u64,
}

impl<W: Write> Json<W> {
    /// A report on `out`, which should be buffered. Nothing is written yet.
    pub const fn new(out: W) -> Self {
        Self { out, responses: 0 }
    }

    fn write_head(&mut self) -> io::Result<()> {
        let version = env!("CARGO_PKG_VERSION");
        write!(
            self.out,
            "{{\n\"schema_version\": {},\n\"tool\": {{\"name\": \"sipannotate\", \"version\": \"{version}\"}},\n\"responses\": [",
            view::SCHEMA_VERSION
        )
    }

    fn write_array<T: Serialize>(&mut self, key: &str, items: &[T]) -> io::Result<()> {
        write!(self.out, ",\n\"{key}\": [")?;
        for (index, item) in items.iter().enumerate() {
            self.out
                .write_all(if index == 0 { b"\n" } else { b",\n" })?;
            serde_json::to_writer(&mut self.out, item)?;
        }
        self.out
            .write_all(if items.is_empty() { b"]" } else { b"\n]" })
    }
}

impl<W: Write> Report for Json<W> {
    fn response(&mut self, response: &view::Response<'_>) -> io::Result<()> {
        if self.responses == 0 {
            self.write_head()?;
            self.out.write_all(b"\n")?;
        } else {
            self.out.write_all(b",\n")?;
        }
        self.responses += 1;
        Ok(serde_json::to_writer(&mut self.out, response)?)
    }

    fn finish(mut self: Box<Self>, view: &view::View) -> io::Result<()> {
        if self.responses == 0 {
            self.write_head()?;
            self.out.write_all(b"]")?;
        } else {
            self.out.write_all(b"\n]")?;
        }
        self.write_array("captures", &view.captures)?;
        self.out.write_all(b",\n\"totals\": ")?;
        serde_json::to_writer(&mut self.out, &view.totals)?;
        self.write_array("trust", &view.trust)?;
        self.write_array("codes", &view.codes)?;
        self.write_array("metrics", &view.metrics)?;
        self.write_array("signers", &view.signers)?;
        self.write_array("findings", &view.findings)?;
        self.out.write_all(b"\n}\n")?;
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;
    use std::sync::{Arc, Mutex};

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

    fn report(rows: &[fixture::Row], view: &view::View) -> String {
        let sink = Sink::default();
        let mut json = Box::new(Json::new(sink.clone()));
        for row in rows {
            json.response(&row.response()).unwrap();
        }
        json.finish(view).unwrap();
        let bytes = sink.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn incident() {
        insta::assert_snapshot!(report(&fixture::responses(2), &fixture::view(2)));
    }

    #[test]
    fn every_report_parses_whatever_the_wire_said() {
        for rows in [
            Vec::new(),
            fixture::responses(1),
            fixture::hostile_responses(),
        ] {
            let text = report(&rows, &fixture::view(1));
            let json: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert_eq!(json["responses"].as_array().unwrap().len(), rows.len());
            assert!(!text.contains('\u{1b}'));
        }
    }

    #[test]
    fn hostile_bytes_can_be_had_back() {
        let text = report(&fixture::hostile_responses(), &fixture::empty_view());
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        let response = &json["responses"][4];
        assert_eq!(response["call_id"], "caf\u{fffd}\u{fffd}\u{fffd}@host");
        assert_eq!(response["call_id_bytes"], "Y2Fm6f/+QGhvc3Q=");
        assert!(json["responses"][3].get("call_id_bytes").is_none());
    }

    #[test]
    fn all_that_the_view_has_is_written() {
        let text = report(&[], &fixture::view(1));
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        let view = serde_json::to_value(fixture::view(1)).unwrap();
        for (key, value) in view.as_object().unwrap() {
            assert_eq!(&json[key], value, "{key}");
        }
        assert_eq!(json["schema_version"], 1);
    }
}
