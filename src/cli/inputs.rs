//! Inputs: names of the command line become open sources.
//!
//! In: paths; `-` is standard input, a folder means the captures in it, by name. Out:
//! [`pipeline::Input`]s that can be opened, and the names that could not, with their reason. Files
//! are opened here to see that they can be, and closed again: there may be thousands. A file of a
//! folder is taken by its first bytes, compressed or not, or by its name, so that a capture that
//! is damaged is told.

use std::fs::{self, File};
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tempfile::NamedTempFile;

use super::exit::Problem;
use super::interrupt::{self, Live};
use crate::capture::{self, Source};
use crate::limits::Limits;
use crate::pipeline;

/// Endings of names that promise a capture.
const CAPTURES: [&str; 3] = [".pcap", ".pcapng", ".cap"];

/// Endings that compressing adds to them.
const COMPRESSED: [&str; 5] = [".gz", ".zst", ".lz4", ".xz", ".bz2"];

/// What was opened and what was not.
#[derive(Default)]
pub(super) struct Opened {
    /// Sources, in command line order.
    pub(super) inputs: Vec<pipeline::Input>,
    /// Names and reasons.
    pub(super) failed: Vec<(String, anyhow::Error)>,
}

/// Opens what `paths` name.
pub(super) fn open(paths: &[PathBuf]) -> Result<Opened, Problem> {
    let mut opened = Opened::default();
    if paths.iter().filter(|path| is_stdin(path)).count() > 1 {
        return Err(Problem::usage("standard input is given twice"));
    }
    for path in paths {
        if is_stdin(path) {
            opened.inputs.push(stdin()?);
        } else if path.is_dir() {
            match captures_in(path) {
                Ok(files) if files.is_empty() => {
                    opened
                        .failed
                        .push((shown(path), anyhow::anyhow!("no captures in this folder")));
                }
                Ok(files) => files.iter().for_each(|file| opened.add(file)),
                Err(error) => opened.failed.push((shown(path), error.into())),
            }
        } else {
            opened.add(path);
        }
    }
    Ok(opened)
}

impl Opened {
    fn add(&mut self, path: &Path) {
        match source(path) {
            Ok(source) => self.inputs.push(pipeline::Input {
                path: shown(path),
                source,
            }),
            Err(error) => self.failed.push((shown(path), error.into())),
        }
    }
}

/// Where a file's bytes come from; a pipe with a name gives them once.
fn source(path: &Path) -> io::Result<Source> {
    let file = File::open(path)?;
    Ok(if file.metadata()?.is_file() {
        Source::File(path.to_owned())
    } else {
        Source::Stream(Box::new(Live::new(Box::new(file))))
    })
}

fn stdin() -> Result<pipeline::Input, Problem> {
    let stdin = io::stdin();
    if stdin.is_terminal() {
        return Err(
            Problem::usage("standard input is a terminal, not a capture")
                .hint("pipe a capture into it: tcpdump -w - port 5060 | sipannotate -"),
        );
    }
    Ok(pipeline::Input {
        path: "-".to_owned(),
        source: Source::Stream(Box::new(Live::new(Box::new(stdin)))),
    })
}

/// Inputs that can be read as often as need be.
pub(super) struct Kept {
    inputs: Vec<(String, PathBuf)>,
    /// Copies of what came once; gone with this.
    spools: Vec<NamedTempFile>,
}

impl Kept {
    /// Keeps `inputs`; what comes once is copied to a temporary file.
    pub(super) fn of(inputs: Vec<pipeline::Input>) -> anyhow::Result<Self> {
        let mut kept = Self {
            inputs: Vec::new(),
            spools: Vec::new(),
        };
        for input in inputs {
            let place = match input.source {
                Source::File(place) => place,
                Source::Stream(mut stream) => {
                    let spool = NamedTempFile::new()
                        .context("cannot make a temporary file to keep standard input in")?;
                    interrupt::temporary(spool.path());
                    io::copy(&mut stream, &mut spool.as_file()).with_context(|| {
                        format!("cannot keep {} in a temporary file", input.path)
                    })?;
                    let place = spool.path().to_owned();
                    kept.spools.push(spool);
                    place
                }
            };
            kept.inputs.push((input.path, place));
        }
        Ok(kept)
    }

    /// The inputs, once more.
    pub(super) fn inputs(&self) -> Vec<pipeline::Input> {
        let input = |(path, place): &(String, PathBuf)| pipeline::Input {
            path: path.clone(),
            source: Source::File(place.clone()),
        };
        self.inputs.iter().map(input).collect()
    }

    /// Names and places.
    pub(super) fn places(&self) -> &[(String, PathBuf)] {
        &self.inputs
    }
}

/// Whether `path` means standard input.
pub(super) fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

fn shown(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// The captures directly in `folder`, by name.
fn captures_in(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_file() && is_capture(&path) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn is_capture(path: &Path) -> bool {
    // A file that cannot be opened is taken if it is named like a capture, so that it is reported.
    capture::is_capture(path, &Limits::default()).unwrap_or(false) || is_named_like_a_capture(path)
}

fn is_named_like_a_capture(path: &Path) -> bool {
    let name = path
        .file_name()
        .map(|name| name.to_string_lossy().to_lowercase());
    let name = name.unwrap_or_default();
    let unpacked = COMPRESSED.iter().find_map(|end| name.strip_suffix(end));
    let name = unpacked.unwrap_or(&name);
    CAPTURES.iter().any(|end| name.ends_with(end))
}
