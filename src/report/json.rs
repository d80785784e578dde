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
use serde_json::ser::Formatter;

use crate::report::{Report, view};
use crate::wire_text::is_unsafe_in_terminal;

/// Writes the JSON report.
#[derive(Debug)]
pub struct Json<W: Write> {
    out: W,
    /// Responses written; the head is written before the first.
    responses: u64,
    /// An item's line, written at once: serde writes a few bytes at a time.
    line: Vec<u8>,
}

/// Compact JSON that a terminal can be shown: characters that steer one are escaped, which says
/// the same to every reader of JSON.
struct Visible;

impl Formatter for Visible {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        out: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        // Nearly all is ASCII without controls, which is told without a branch for each letter.
        let is_odd = |byte: u8| !matches!(byte, b' '..=b'~');
        if !fragment.bytes().fold(false, |any, byte| any | is_odd(byte)) {
            return out.write_all(fragment.as_bytes());
        }
        let mut rest = fragment;
        while let Some((at, c)) = rest.char_indices().find(|(_, c)| is_unsafe_in_terminal(*c)) {
            let (plain, tail) = rest.split_at(at);
            out.write_all(plain.as_bytes())?;
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(out, "\\u{unit:04x}")?;
            }
            rest = tail.strip_prefix(c).unwrap_or_default();
        }
        out.write_all(rest.as_bytes())
    }
}

/// Appends `item` to `line` as compact JSON that a terminal can be shown.
pub(super) fn put<T: Serialize>(line: &mut Vec<u8>, item: &T) -> io::Result<()> {
    let mut serializer = serde_json::Serializer::with_formatter(line, Visible);
    Ok(item.serialize(&mut serializer)?)
}

impl<W: Write> Json<W> {
    /// A report on `out`, which should be buffered. Nothing is written yet.
    pub const fn new(out: W) -> Self {
        Self {
            out,
            responses: 0,
            line: Vec::new(),
        }
    }

    fn write_head(&mut self) -> io::Result<()> {
        let version = env!("CARGO_PKG_VERSION");
        write!(
            self.out,
            "{{\n\"schema_version\": {},\n\"tool\": {{\"name\": \"sipannotate\", \"version\": \"{version}\"}},\n\"responses\": [",
            view::SCHEMA_VERSION
        )
    }

    fn write<T: Serialize>(&mut self, item: &T) -> io::Result<()> {
        self.line.clear();
        put(&mut self.line, item)?;
        self.out.write_all(&self.line)
    }

    fn write_array<T: Serialize>(&mut self, key: &str, items: &[T]) -> io::Result<()> {
        write!(self.out, ",\n\"{key}\": [")?;
        for (index, item) in items.iter().enumerate() {
            self.out
                .write_all(if index == 0 { b"\n" } else { b",\n" })?;
            self.write(item)?;
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
        self.write(response)
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
        self.write(&view.totals)?;
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
    use crate::report::fixture::{self, Sink};

    fn report(rows: &[fixture::Row], view: &view::View) -> String {
        let sink = Sink::default();
        let mut json = Box::new(Json::new(sink.clone()));
        for row in rows {
            json.response(&row.response()).unwrap();
        }
        json.finish(view).unwrap();
        sink.text()
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
    fn no_character_steers_a_terminal() {
        let said = "a\u{9b}31m\u{202e}b\u{e0041}\u{1b}c\"";
        let mut json = Json::new(Vec::new());
        json.write(&said).unwrap();
        let text = String::from_utf8(json.out).unwrap();
        assert_eq!(text, r#""a\u009b31m\u202eb\udb40\udc41\u001bc\"""#);
        assert_eq!(serde_json::from_str::<String>(&text).unwrap(), said);
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
