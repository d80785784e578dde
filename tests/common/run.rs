//! Runs of the whole program in memory, for tests that look at what a capture gives.
//!
//! In: captures as files or bytes. Out: a [`Report`]: the JSON values of its responses and of what
//! is known at the end, and the inputs that could not be read.

use std::fs::File;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};

use serde_json::Value;
use sipannotate::pipeline::{self, Input, Options};
use sipannotate::tls::KeyLog;

/// What a run gave.
#[derive(Debug)]
pub struct Report {
    /// The responses in the order they were released.
    pub responses: Vec<Value>,
    /// All other members of the JSON report.
    pub view: Value,
    /// Why inputs could not be read, or not to their end.
    pub failed: Vec<String>,
}

impl Report {
    /// Of a source that the report calls `path`.
    pub fn of(path: &str, source: Box<dyn Read + Send>) -> Self {
        Self::with(path, source, &Options::default())
    }

    /// The same with other options.
    pub fn with(path: &str, source: Box<dyn Read + Send>, options: &Options) -> Self {
        let input = Input {
            path: path.to_owned(),
            source: sipannotate::capture::Source::Stream(source),
        };
        let mut responses = Vec::new();
        let outcome = pipeline::analyse(vec![input], options, &mut |response| {
            responses.push(serde_json::to_value(response)?);
            Ok(())
        })
        .expect("only writing can fail, and nothing is written");
        Self {
            responses,
            view: serde_json::to_value(&outcome.view).expect("a view is JSON"),
            failed: outcome
                .failed
                .iter()
                .map(|(_, error)| error.to_string())
                .collect(),
        }
    }

    /// Of a capture's bytes.
    pub fn of_bytes(bytes: Vec<u8>) -> Self {
        Self::of("bytes", Box::new(Cursor::new(bytes)))
    }

    /// Of a capture's bytes, with TLS secrets.
    pub fn of_bytes_with(bytes: Vec<u8>, keys: &str) -> Self {
        let mut options = Options::default();
        let mut log = KeyLog::new(&options.limits);
        log.add(keys.as_bytes());
        options.secrets = Some(log);
        Self::with("bytes", Box::new(Cursor::new(bytes)), &options)
    }

    /// Of a capture's bytes, with signers' certificates.
    pub fn of_bytes_signed(bytes: Vec<u8>, certificates: sipannotate::stir::Store) -> Self {
        let options = Options {
            certificates,
            ..Options::default()
        };
        Self::with("bytes", Box::new(Cursor::new(bytes)), &options)
    }

    /// Of a file.
    pub fn of_file(path: &Path) -> Self {
        let file = File::open(path).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
        Self::of(&path.to_string_lossy(), Box::new(file))
    }

    /// The report as one value, without what names and measures the files.
    pub fn without_captures(mut self) -> Value {
        if let Some(view) = self.view.as_object_mut() {
            view.remove("captures");
        }
        serde_json::json!({"responses": self.responses, "view": self.view, "failed": self.failed})
    }

    /// A number of `totals`.
    pub fn total(&self, name: &str) -> u64 {
        number(&self.view["totals"], name)
    }

    /// The findings of a rule.
    pub fn findings<'a>(&'a self, rule: &'a str) -> impl Iterator<Item = &'a Value> {
        findings(&self.view).filter(move |finding| finding["rule"] == rule)
    }
}

/// All findings of a JSON report.
pub fn findings(report: &Value) -> impl Iterator<Item = &Value> {
    report["findings"].as_array().expect("findings").iter()
}

/// The Call-IDs a finding lists; all of them, or the test has outgrown it.
pub fn call_ids(finding: &Value) -> Vec<&str> {
    let calls = finding["calls"].as_array().expect("calls");
    assert_eq!(
        number(finding, "count"),
        calls.len() as u64,
        "not all calls are listed: {finding}"
    );
    calls.iter().map(|call| text(call, "call_id")).collect()
}

/// Whether a finding accuses someone: warning or worse.
pub fn accuses(finding: &Value) -> bool {
    finding["severity"] != "info"
}

/// A member that is text.
pub fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name]
        .as_str()
        .unwrap_or_else(|| panic!("no text {name:?} in {value}"))
}

/// A member that is a whole number.
pub fn number(value: &Value, name: &str) -> u64 {
    value[name]
        .as_u64()
        .unwrap_or_else(|| panic!("no number {name:?} in {value}"))
}

/// Seconds since the epoch of an RFC 3339 time.
pub fn seconds(time: &str) -> f64 {
    let format = &time::format_description::well_known::Rfc3339;
    let at =
        time::OffsetDateTime::parse(time, format).unwrap_or_else(|why| panic!("{time}: {why}"));
    let micros = i64::try_from(at.unix_timestamp_nanos() / 1000).expect("a time of today");
    #[expect(
        clippy::cast_precision_loss,
        reason = "microseconds of this century have 51 bits"
    )]
    let seconds = micros as f64 / 1e6;
    seconds
}

/// A file or folder of the shared captures, or a line that says they are not here.
pub fn shared(path: &str) -> Option<PathBuf> {
    let found = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared")).join(path);
    if found.exists() {
        return Some(found);
    }
    #[expect(clippy::print_stderr, reason = "a skipped test has to be seen")]
    {
        eprintln!("skipped: ../shared/{path} is not here");
    }
    None
}
