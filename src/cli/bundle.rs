//! Bundle: a folder a finding, to be handed on.
//!
//! In: captures that can be read more than once. Out: in a folder that appears when it is whole, for
//! each finding `NN-rule-verdict/` with `capture.pcapng` (just the calls of the finding; of several
//! captures `capture-1.pcapng` and so on, by input) and `manifest.json`: how it was made, and SHA-256
//! of the captures and of every file beside it.
//!
//! Capped: captures written in one reading by [`AT_ONCE`].

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::exit::Problem;
use crate::capture::Source;
use crate::pipeline::{self, CallFrames, Extract, Input, Options};
use crate::report::view::{Finding, View};
use crate::units::FileIndex;

/// Captures written in one reading: as many files are open.
const AT_ONCE: usize = 64;

/// What a bundle is made of.
pub(super) struct Bundle<'a> {
    /// The captures, in command line order.
    pub(super) captures: &'a [PathBuf],
    /// What the first reading found.
    pub(super) view: &'a View,
    /// Frames of the findings' calls.
    pub(super) frames: &'a CallFrames,
    /// The program's arguments, as they were typed.
    pub(super) command: Vec<String>,
    /// How it was read.
    pub(super) options: &'a Options,
}

/// A finding's folder while it is filled.
struct Folder {
    path: PathBuf,
    files: Vec<Hashed>,
}

/// A file and what it holds, in a hash.
#[derive(Clone, Debug, Serialize)]
struct Hashed {
    path: String,
    bytes: u64,
    sha256: String,
}

/// What `manifest.json` says.
#[derive(Debug, Serialize)]
struct Manifest<'a> {
    tool: Tool,
    command: &'a [String],
    captures: &'a [Hashed],
    finding: &'a Finding,
    files: &'a [Hashed],
}

#[derive(Debug, Serialize)]
struct Tool {
    name: &'static str,
    version: &'static str,
}

/// The files that `inputs` are; what can be read once only is refused.
pub(super) fn files(inputs: &[Input]) -> Result<Vec<PathBuf>, Problem> {
    let file = |input: &Input| match &input.source {
        Source::File(path) => Ok(path.clone()),
        Source::Stream(_) => Err(Problem::usage(format!(
            "bundle reads captures several times, and {} can be read once only",
            input.path
        ))
        .hint("write it to a file first: tcpdump -w capture.pcap port 5060")),
    };
    inputs.iter().map(file).collect()
}

/// The same inputs once more.
pub(super) fn again(inputs: &[Input], files: &[PathBuf]) -> Vec<Input> {
    let pairs = inputs.iter().zip(files);
    pairs
        .map(|(input, file)| Input {
            path: input.path.clone(),
            source: Source::File(file.clone()),
        })
        .collect()
}

/// A folder beside `target`, which must not be there yet, to be renamed when it is whole.
pub(super) fn beside(target: &Path) -> anyhow::Result<tempfile::TempDir> {
    let shown = target.display();
    let is_empty =
        |path: &Path| fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none());
    if target.exists() && !is_empty(target) {
        return Err(
            Problem::usage(format!("{shown} is there already, and not empty"))
                .hint("name a new folder")
                .into(),
        );
    }
    let parent = target.parent().filter(|path| !path.as_os_str().is_empty());
    tempfile::Builder::new()
        .prefix(".sipannotate-")
        .tempdir_in(parent.unwrap_or(Path::new(".")))
        .map_err(|error| anyhow::Error::from(io::Error::from(error.kind())))
        .with_context(|| format!("cannot write {shown}"))
}

/// The folder is whole: gives it its name.
pub(super) fn keep(folder: tempfile::TempDir, target: &Path) -> anyhow::Result<()> {
    open_to_others(folder.path()).with_context(|| cannot_write(target))?;
    fs::rename(folder.path(), target).with_context(|| cannot_write(target))?;
    // What it was called is gone, and nothing is left to be removed.
    let _gone = folder.keep();
    Ok(())
}

/// A temporary folder is its owner's alone; this one is handed on.
#[cfg(unix)]
fn open_to_others(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    // What the umask left of a file's permissions, and the right to enter for those who may read.
    let made = folder.join(".mode");
    fs::create_dir(&made)?;
    let mode = fs::metadata(&made)?.permissions().mode() & 0o777;
    fs::remove_dir(&made)?;
    fs::set_permissions(folder, fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn open_to_others(_: &Path) -> io::Result<()> {
    Ok(())
}

impl Bundle<'_> {
    /// Fills `folder`.
    pub(super) fn write(&self, folder: &Path) -> anyhow::Result<()> {
        let captures = self.captures.iter().map(|path| hashed(path, None));
        let captures: Vec<Hashed> = captures.collect::<anyhow::Result<_>>()?;
        let findings = &self.view.findings;
        let digits = findings.len().to_string().len().max(2);
        let mut folders = Vec::with_capacity(findings.len());
        for (no, finding) in (1..).zip(findings) {
            let verdict = finding
                .verdict
                .as_ref()
                .map(|verdict| format!("-{verdict}"));
            let name = format!(
                "{no:0digits$}-{}{}",
                finding.rule,
                verdict.unwrap_or_default()
            );
            let path = folder.join(name);
            fs::create_dir(&path).with_context(|| cannot_write(&path))?;
            folders.push(Folder {
                path,
                files: Vec::new(),
            });
        }
        for (index, capture) in self.captures.iter().enumerate() {
            self.write_captures(index, capture, &mut folders)?;
        }
        for (finding, folder) in findings.iter().zip(&mut folders) {
            let manifest = Manifest {
                tool: Tool {
                    name: "sipannotate",
                    version: env!("CARGO_PKG_VERSION"),
                },
                command: &self.command,
                captures: &captures,
                finding,
                files: &folder.files,
            };
            let path = folder.path.join("manifest.json");
            let mut text = serde_json::to_vec_pretty(&manifest)?;
            text.push(b'\n');
            fs::write(&path, text).with_context(|| cannot_write(&path))?;
        }
        Ok(())
    }

    /// Writes what the findings have of capture number `index`.
    fn write_captures(
        &self,
        index: usize,
        capture: &Path,
        folders: &mut [Folder],
    ) -> anyhow::Result<()> {
        let file = FileIndex(u16::try_from(index).unwrap_or(u16::MAX));
        let name = if self.captures.len() == 1 {
            "capture.pcapng".to_owned()
        } else {
            format!("capture-{}.pcapng", index + 1)
        };
        let findings = self.view.findings.iter().zip(&self.frames.frames);
        let concerned: Vec<_> = folders
            .iter_mut()
            .zip(findings)
            .filter(|(_, (_, frames))| frames.iter().any(|frame| frame.file == file))
            .collect();
        let mut concerned = concerned.into_iter().peekable();
        while concerned.peek().is_some() {
            let (mut extracts, mut paths) = (Vec::new(), Vec::<(&mut Folder, PathBuf)>::new());
            for (folder, (finding, frames)) in concerned.by_ref().take(AT_ONCE) {
                let path = folder.path.join(&name);
                let out = File::create(&path).with_context(|| cannot_write(&path))?;
                extracts.push(Extract {
                    frames,
                    of: &finding.title,
                    out: BufWriter::new(out),
                });
                paths.push((folder, path));
            }
            pipeline::extract(capture, file, &self.options.limits, extracts)?;
            for (folder, path) in paths {
                let hashed = hashed(&path, Some(&name))?;
                folder.files.push(hashed);
            }
        }
        Ok(())
    }
}

/// A file's hash; it is called `name`, else as its path.
fn hashed(path: &Path, name: Option<&str>) -> anyhow::Result<Hashed> {
    let reading = || format!("cannot read {}", path.display());
    let mut file = File::open(path).with_context(reading)?;
    let mut hash = Hash(Sha256::new());
    let bytes = io::copy(&mut file, &mut hash).with_context(reading)?;
    let digest = hash.0.finalize();
    let mut sha256 = String::with_capacity(64);
    for byte in digest {
        crate::report::text::push(&mut sha256, format_args!("{byte:02x}"));
    }
    Ok(Hashed {
        path: name.map_or_else(|| path.to_string_lossy().into_owned(), str::to_owned),
        bytes,
        sha256,
    })
}

/// A hash that is written to.
struct Hash(Sha256);

impl Write for Hash {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn cannot_write(path: &Path) -> String {
    format!("cannot write {}", path.display())
}
