//! Redact: captures without what names anybody, and reports of such captures.
//!
//! In: captures, a key or none. Out: a file that holds pseudonyms, checked for what the input held
//! before it gets its name; for a report, such files in place of the inputs, and the same check of the
//! report.
//!
//! # References
//! - CONTRACT, `redact`, `--redact`

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Seek as _, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tempfile::NamedTempFile;

use super::args::Args;
use super::color;
use super::config::{self, Config};
use super::exit::{Exit, Problem};
use super::inputs;
use super::interrupt;
use super::left_out;
use super::messages;
use super::output::Output;
use crate::capture::Source;
use crate::limits::Limits;
use crate::pipeline::Input;
use crate::redact::{self, Key, Redaction};
use crate::report::view::{self, View};

/// What the only capture of a redacted report is called.
const NAME: &str = "redacted.pcapng";

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
    check(args)?;
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

/// What is for reports only is refused, so that nobody takes it for done.
fn check(args: &Args) -> Result<(), Problem> {
    let output = &args.output;
    if output.format.is_some() {
        return Err(
            Problem::usage("redact writes a pcapng, and -f is for reports")
                .hint("leave -f out; for a redacted report leave redact out: sipannotate --redact -f json CAPTURE"),
        );
    }
    if config::narrows(output) || output.all {
        return Err(Problem::usage(
            "redact writes whole captures, and lists no responses to narrow",
        )
        .hint(
            "leave --all, --code, --call-id, --host, --since and --until out; or cut the capture first, for example with editcap -A and -B",
        ));
    }
    if !args.analysis.fail_on.is_empty() {
        return Err(
            Problem::usage("redact looks for no findings, and --fail-on is for reports")
                .hint("leave it out, or report on what was written: sipannotate --fail-on LIST redacted.pcapng"),
        );
    }
    if args.input.keylog.is_some() {
        return Err(
            Problem::usage("what is redacted leaves out what was encrypted")
                .hint("leave out --keylog"),
        );
    }
    Ok(())
}

/// Captures in place of others.
pub(super) struct Replaced {
    /// What is to be read.
    pub(super) inputs: Vec<Input>,
    /// What redacted captures are read from; gone with it.
    files: Vec<NamedTempFile>,
    /// What is worth knowing.
    warnings: Vec<String>,
    /// Messages that are not in the redacted captures.
    left_out: Option<view::Trust>,
    /// By input: the capture ends inside a packet, which its redacted copy does not.
    cut_short: Vec<bool>,
    /// What became of the captures' values; `None` where they are read as they are.
    redaction: Option<Redaction>,
}

impl Replaced {
    /// The captures as `config` wants them read, and told what is to be known of that.
    pub(super) fn of(config: &Config, inputs: Vec<Input>) -> anyhow::Result<Self> {
        let Some(redact) = &config.redact else {
            return Ok(Self {
                inputs,
                files: Vec::new(),
                warnings: Vec::new(),
                left_out: None,
                cut_short: Vec::new(),
                redaction: None,
            });
        };
        let replaced = replace(inputs, redact.key.as_deref())?;
        for warning in replaced.warnings.iter().filter(|_| !config.quiet) {
            messages::warning(warning, config.stderr_color);
        }
        Ok(replaced)
    }

    /// What became of the captures' values, if they were redacted.
    pub(super) const fn redaction(&mut self) -> Option<&mut Redaction> {
        self.redaction.as_mut()
    }

    /// Says in a report of redacted captures that it is one.
    pub(super) fn tell(&self, view: &mut View) {
        if self.redaction.is_none() {
            return;
        }
        view.trust.push(told());
        view.trust.extend(self.left_out.clone());
        for (capture, cut_short) in view.captures.iter_mut().zip(&self.cut_short) {
            capture.cut_short |= cut_short;
        }
    }

    /// Looks for what the captures held in what was written of them, before it gets its name.
    pub(super) fn check(&self, output: &Output, form: Form) -> anyhow::Result<()> {
        match output.held() {
            Some(file) if self.redaction.is_some() => {
                let file = file.context("cannot read back what was written")?;
                self.check_file(file, form)
            }
            _ => Ok(()),
        }
    }

    /// The same of all files in a folder, and in the folders in it.
    pub(super) fn check_folder(&self, folder: &Path) -> anyhow::Result<()> {
        if self.redaction.is_none() {
            return Ok(());
        }
        for entry in fs::read_dir(folder).context("cannot read back what was written")? {
            let path = entry.context("cannot read back what was written")?.path();
            if path.is_dir() {
                self.check_folder(&path)?;
                continue;
            }
            let form = if path.extension().is_some_and(|end| end == "pcapng") {
                Form::Capture
            } else {
                Form::Text
            };
            let file = File::open(&path).context("cannot read back what was written")?;
            let name = path.file_name().unwrap_or_default().display().to_string();
            self.check_file(file, form)
                .with_context(|| format!("{name} was not redacted"))?;
        }
        Ok(())
    }

    fn check_file(&self, file: File, form: Form) -> anyhow::Result<()> {
        let Some(redaction) = &self.redaction else {
            return Ok(());
        };
        let (values, limits) = (redaction.values(), Limits::default());
        match form {
            Form::Text => redact::check_text(file, values)?,
            Form::Capture => redact::check(file, NAME, values, &limits)?,
        }
        Ok(())
    }
}

/// What it is that is looked through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// A report, a ladder, a manifest.
    Text,
    /// A pcapng.
    Capture,
}

/// The name of capture `index` of `count` where the names of the originals are told nobody: they, too, name
/// customers, and the folders of who investigates.
fn name(index: usize, count: usize) -> String {
    if count == 1 {
        NAME.to_owned()
    } else {
        format!("redacted-{}.pcapng", index + 1)
    }
}

/// Redacts captures under one key, into temporary files.
fn replace(inputs: Vec<Input>, key: Option<&str>) -> anyhow::Result<Replaced> {
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
        cut_short: Vec::new(),
        left_out: None,
        redaction: None,
    };
    let mut originals = Vec::new();
    let count = collected.len();
    for (index, (path, file, interfaces)) in collected.into_iter().enumerate() {
        let written = NamedTempFile::new().context("cannot write the redacted capture")?;
        interrupt::temporary(written.path());
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
        replaced.cut_short.push(told.cut_short);
        let mut original = file.try_clone().context("cannot read a capture again")?;
        original.rewind().context("cannot read a capture again")?;
        originals.push(Input {
            path: path.clone(),
            source: Source::Stream(Box::new(original)),
        });
        replaced.inputs.push(Input {
            path: name(index, count),
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
    let redacted = replaced.inputs.iter().zip(&replaced.files);
    let redacted = redacted.map(|(input, file)| Input {
        path: input.path.clone(),
        source: Source::File(file.path().to_owned()),
    });
    replaced.left_out = left_out::told(originals, redacted.collect())
        .context("cannot compare the redacted capture with what it is of")?;
    warnings.extend(replaced.left_out.iter().map(|told| told.detail.clone()));
    replaced.warnings = warnings;
    replaced.redaction = Some(redaction);
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
fn told() -> view::Trust {
    view::Trust {
        kind: "redacted".into(),
        count: 1,
        first_frame: None,
        file: None,
        detail: TOLD.to_owned(),
    }
}
