//! Redact: captures without what names anybody, and reports of such captures.
//!
//! In: captures, a key or none. Out: a file that holds pseudonyms, checked for what the input held
//! before it gets its name; for a report, such files in place of the inputs.
//!
//! # References
//! - CONTRACT, `redact`, `--redact`

use std::fs::File;
use std::io::{self, BufWriter, Read, Seek as _, Write};
use std::path::PathBuf;

use anyhow::Context as _;
use tempfile::NamedTempFile;

use super::args::Args;
use super::color;
use super::exit::{Exit, Problem};
use super::inputs;
use super::messages;
use super::output::Output;
use crate::capture::Source;
use crate::limits::Limits;
use crate::pipeline::Input;
use crate::redact::{self, Key, Redaction};
use crate::report::view;

/// What a report of a redacted capture says of itself.
const TOLD: &str = "subscriber data is replaced by pseudonyms: numbers, names, addresses and identifiers are none of the capture's; signatures were not judged, since redacted PASSporTs do not verify, and what was encrypted was left out";

/// `sipannotate redact`.
pub(super) fn command(captures: &[PathBuf], args: &Args) -> anyhow::Result<Exit> {
    let output = args.output.file.as_deref();
    let key = args.output.redact_key.as_deref();
    if args.output.annotate.is_some() {
        return Err(Problem::usage("redact writes one capture, named with -o")
            .hint("annotate what it wrote: sipannotate redacted.pcapng -w annotated.pcapng")
            .into());
    }
    let [_] = captures else {
        return Err(Problem::usage("redact takes one capture")
            .hint("sipannotate redact capture.pcap -o redacted.pcapng")
            .into());
    };
    if output.is_none() {
        return Err(Problem::usage("redact needs a name for what it writes")
            .hint("sipannotate redact capture.pcap -o redacted.pcapng; - is standard output")
            .into());
    }
    let output = Output::open(output, captures)?;
    let mut opened = inputs::open(captures)?;
    if let Some((path, error)) = opened.failed.pop() {
        return Err(error.context(format!("cannot read {path}")));
    }
    if opened.inputs.len() != 1 {
        return Err(Problem::usage("redact takes one capture, not a folder of several").into());
    }
    let done = replace(opened.inputs, key)?;
    if !args.diagnostics.quiet {
        let color = color::wanted(args.output.color, &io::stderr());
        for warning in &done.warnings {
            messages::warning(warning, color);
        }
    }
    let mut out = output
        .writer()
        .context("cannot write the redacted capture")?;
    for file in &done.files {
        let mut written = file.reopen().context("cannot read what was written")?;
        io::copy(&mut written, &mut out).context("cannot write the redacted capture")?;
    }
    out.flush().context("cannot write the redacted capture")?;
    drop(out);
    output.keep()?;
    Ok(Exit::Success)
}

/// Captures in place of others.
pub(super) struct Replaced {
    /// The redacted captures, under the names of the old.
    pub(super) inputs: Vec<Input>,
    /// What they are read from; gone with it.
    pub(super) files: Vec<NamedTempFile>,
    /// What is worth knowing.
    pub(super) warnings: Vec<String>,
}

impl Replaced {
    /// Captures as they are.
    pub(super) fn not(inputs: Vec<Input>) -> Self {
        Self {
            inputs,
            files: Vec::new(),
            warnings: Vec::new(),
        }
    }
}

/// Redacts captures under one key, into temporary files.
pub(super) fn replace(inputs: Vec<Input>, key: Option<&str>) -> anyhow::Result<Replaced> {
    let limits = Limits::default();
    let mut redaction = Redaction::new(self::key(key)?, &limits);
    let mut warnings = Vec::new();
    let mut collected = Vec::new();
    for Input { path, source } in inputs {
        let mut file = reusable(source).with_context(|| format!("cannot read {path}"))?;
        let interfaces = collect(&mut redaction, &file, &path)?;
        file.rewind()
            .with_context(|| format!("cannot read {path}"))?;
        collected.push((path, file, interfaces));
    }
    redaction.settle();
    let mut replaced = Replaced {
        inputs: Vec::new(),
        files: Vec::new(),
        warnings: Vec::new(),
    };
    for (path, file, interfaces) in collected {
        let written = NamedTempFile::new().context("cannot write the redacted capture")?;
        let told = {
            let mut out = BufWriter::new(written.as_file());
            redaction
                .write(&file, &path, &interfaces, &mut out)
                .with_context(|| format!("cannot redact {path}"))?
        };
        if told.cut_short {
            warnings.push(format!(
                "{path} ends inside a packet; what was read up to there is redacted"
            ));
        }
        let again = written.reopen().context("cannot read what was written")?;
        redact::check(again, &path, redaction.values(), &limits)
            .with_context(|| format!("{path} was not redacted"))?;
        replaced.inputs.push(Input {
            path,
            source: Source::File(written.path().to_owned()),
        });
        replaced.files.push(written);
    }
    if redaction.is_full() {
        warnings.push(
            "the captures hold more values than are remembered: a pseudonym may be another value of them"
                .to_owned(),
        );
    }
    if redaction.met() > 0 {
        warnings.push(format!(
            "{} values, short numbers most likely, have pseudonyms that are other values of the captures, since there were no others of their form",
            redaction.met()
        ));
    }
    replaced.warnings = warnings;
    Ok(replaced)
}

fn collect(
    redaction: &mut Redaction,
    file: &File,
    path: &str,
) -> anyhow::Result<redact::Interfaces> {
    redaction.collect(file, path).map_err(|error| {
        let hint = match &error {
            redact::Error::Capture(error) => error.hint().map(str::to_owned),
            _ => None,
        };
        let error = anyhow::Error::from(error);
        match hint {
            Some(hint) => anyhow::Error::from(
                Problem::failed(format!("cannot read {path}: {error:#}")).hint(hint),
            ),
            None => error.context(format!("cannot read {path}")),
        }
    })
}

/// A file that can be read twice: standard input and pipes are copied into one.
fn reusable(source: Source) -> io::Result<File> {
    match source {
        Source::File(path) => File::open(path),
        Source::Stream(mut stream) => {
            let mut file = tempfile::tempfile()?;
            io::copy(&mut stream as &mut dyn Read, &mut file)?;
            file.rewind()?;
            Ok(file)
        }
    }
}

/// The key that was given, or one that nobody knows.
fn key(text: Option<&str>) -> anyhow::Result<Key> {
    if let Some(text) = text {
        return Ok(Key::new(text.as_bytes()));
    }
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)
        .map_err(|error| io::Error::other(error.to_string()))
        .context("cannot make a random key")?;
    Ok(Key::new(&bytes))
}

/// What stands in the trust section of a report of redacted captures.
pub(super) fn told() -> view::Trust {
    view::Trust {
        kind: "redacted".into(),
        count: 1,
        first_frame: None,
        file: None,
        detail: TOLD.to_owned(),
    }
}
