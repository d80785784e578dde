//! The responses, as data of the page.
//!
//! In: responses as they come. Out: a JSON array of arrays, one response a line; what the catalogue
//! says of them stands once, in a list that the rows point into. A text of a response is kept up to
//! [`TEXT_WIDTH`]. Capped: rows by the report's number, texts of the list by [`SAID`].

use std::collections::HashMap;
use std::io::{self, BufReader, BufWriter, Read as _, Seek as _, SeekFrom, Write};

use serde::Serialize;
use tempfile::SpooledTempFile;

use super::{Options, say};
use crate::report::view::Response;
use crate::report::{clock, text};
use crate::wire_text::WireText;

/// Columns of a text that is kept; its middle is left out beyond.
const TEXT_WIDTH: usize = 1000;

/// Different texts that stand in the list; further ones stand in their rows.
const SAID: usize = 2000;

/// A row: what the script shows, in the order of its columns.
#[derive(Serialize)]
struct Row<'a>(
    String,
    String,
    String,
    String,
    &'static str,
    String,
    String,
    u16,
    String,
    String,
    String,
    String,
    Said<'a>,
    Said<'a>,
    &'a [String],
);

/// A text of the catalogue: its place in the list, or itself.
#[derive(Serialize)]
#[serde(untagged)]
enum Said<'a> {
    At(usize),
    Text(&'a str),
}

/// Responses on their way into the page.
#[derive(Debug)]
pub(super) struct Rows {
    file: BufWriter<SpooledTempFile>,
    most: u64,
    kept: u64,
    further: u64,
    /// Texts of the catalogue, in the order in which they came.
    said: Vec<String>,
    places: HashMap<String, usize, foldhash::quality::RandomState>,
    line: Vec<u8>,
}

impl Rows {
    /// Keeps the first `most` responses; beyond `memory` bytes they wait in a temporary file.
    pub(super) fn new(most: u64, memory: usize) -> Self {
        Self {
            file: BufWriter::new(tempfile::spooled_tempfile(memory)),
            most,
            kept: 0,
            further: 0,
            said: Vec::new(),
            places: HashMap::default(),
            line: Vec::new(),
        }
    }

    /// Takes a response.
    pub(super) fn push(&mut self, response: &Response<'_>, options: &Options) -> io::Result<()> {
        if self.kept == self.most {
            self.further += 1;
            return Ok(());
        }
        let keep = |text: &str| text::shorten(text, TEXT_WIDTH);
        let wire = |text: Option<WireText<'_>>| {
            text.map_or_else(String::new, |text| keep(&text.terminal()))
        };
        let cseq = response.cseq.map_or_else(String::new, |no| no.to_string());
        let (meaning, to_do) = (
            say::safe(&response.meaning),
            say::safe(&response.remediation),
        );
        let (meaning_at, to_do_at) = (self.place(&meaning), self.place(&to_do));
        let causes: Vec<String> = response
            .diagnosis
            .iter()
            .map(|cause| keep(&say::diagnosis(cause, options)))
            .collect();
        let row = Row(
            say::frame(response.file, response.frame, options),
            clock::to_micro(response.time, response.capture_start, options.time),
            response.src.to_string(),
            response.dst.to_string(),
            response.transport.name(),
            response.call_id.map_or_else(String::new, Self::call),
            format!("{} {cseq}", wire(response.method))
                .trim()
                .to_owned(),
            response.code,
            keep(&response.reason.terminal()),
            keep(&say::context(response, options)),
            wire(response.from),
            wire(response.to),
            meaning_at.map_or(Said::Text(&meaning), Said::At),
            to_do_at.map_or(Said::Text(&to_do), Said::At),
            &causes,
        );
        self.line.clear();
        if self.kept > 0 {
            self.line.extend_from_slice(b",\n");
        }
        write_json(&row, &mut self.line)?;
        self.kept += 1;
        self.file.write_all(&self.line)
    }

    /// A Call-ID as rows have it.
    pub(super) fn call(id: WireText<'_>) -> String {
        text::shorten(&id.terminal(), TEXT_WIDTH)
    }

    /// Where `text` stands in the list.
    fn place(&mut self, text: &str) -> Option<usize> {
        if let Some(place) = self.places.get(text) {
            return Some(*place);
        }
        if self.said.len() == SAID {
            return None;
        }
        let place = self.said.len();
        self.said.push(text.to_owned());
        self.places.insert(text.to_owned(), place);
        Some(place)
    }

    /// Responses that are kept, and that came behind them.
    pub(super) const fn counts(&self) -> (u64, u64) {
        (self.kept, self.further)
    }

    /// The list that rows point into.
    pub(super) fn said(&self) -> &[String] {
        &self.said
    }

    /// Writes the rows, without the brackets around them.
    pub(super) fn write(self, out: &mut dyn Write) -> io::Result<()> {
        let mut file = self
            .file
            .into_inner()
            .map_err(io::IntoInnerError::into_error)?;
        file.seek(SeekFrom::Start(0))?;
        io::copy(&mut BufReader::new(file).take(u64::MAX), out)?;
        Ok(())
    }
}

/// Appends `item` as JSON that can stand in a `<script>` element: `<` begins neither an end tag nor a
/// comment, for it is written as `\u003c`, which says the same to every reader of JSON.
pub(super) fn write_json<T: Serialize>(item: &T, out: &mut Vec<u8>) -> io::Result<()> {
    let json = serde_json::to_vec(item)?;
    for byte in json {
        match byte {
            b'<' | b'>' | b'&' => write!(out, "\\u{byte:04x}")?,
            _ => out.push(byte),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn data_cannot_end_its_element() {
        let mut json = Vec::new();
        write_json(&"</script><!--<script>&", &mut json).unwrap();
        let json = String::from_utf8(json).unwrap();
        assert_eq!(
            json,
            r#""\u003c/script\u003e\u003c!--\u003cscript\u003e\u0026""#
        );
        assert_eq!(
            serde_json::from_str::<String>(&json).unwrap(),
            "</script><!--<script>&"
        );
    }

    #[test]
    fn rows_beyond_the_cap_are_counted_and_a_spool_keeps_all() {
        let written = |most: u64| {
            let mut rows = Rows::new(most, 100);
            for row in fixture::responses(30) {
                rows.push(&row.response(), &Options::default()).unwrap();
            }
            let counts = rows.counts();
            let mut bytes = b"[".to_vec();
            rows.write(&mut bytes).unwrap();
            bytes.push(b']');
            let json: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
            (counts, json.as_array().unwrap().len())
        };
        assert_eq!(written(10), ((10, 20), 10));
        assert_eq!(written(u64::MAX), ((30, 0), 30));
    }
}
