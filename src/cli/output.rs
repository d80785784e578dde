//! Output: standard output, or a file that appears when it is whole.
//!
//! In: `-o` or `-w`. Out: a writer, opened before the long run so that a wrong name fails early. A file is
//! written beside its final name and renamed by [`Output::keep`]; without that nothing is left. What
//! exists and is not a regular file (`/dev/null`, a FIFO) is written to as it is.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tempfile::NamedTempFile;

use super::exit::Problem;
use super::interrupt;

/// Where the report, or the annotated capture, goes.
pub(super) enum Output {
    /// Standard output.
    Stdout,
    /// Something that cannot be renamed onto.
    Device(File),
    /// A file beside its final name.
    Beside(NamedTempFile, PathBuf),
    /// A temporary file whose content goes there when it has been looked through.
    Held(NamedTempFile, Box<Self>),
}

impl Output {
    /// Opens the output; `inputs` must not be overwritten.
    pub(super) fn open(path: Option<&Path>, inputs: &[PathBuf]) -> anyhow::Result<Self> {
        let Some(path) = path.filter(|path| path.as_os_str() != "-") else {
            return Ok(Self::Stdout);
        };
        let shown = path.display();
        // A link stays a link: what it names is replaced.
        let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let same = |input: &PathBuf| fs::canonicalize(input).is_ok_and(|input| input == target);
        if inputs.iter().any(same) {
            return Err(
                Problem::usage(format!("{shown} is an input and would be overwritten")).into(),
            );
        }
        match fs::metadata(&target) {
            Ok(found) if found.is_dir() => {
                Err(Problem::failed(format!("cannot write {shown}: it is a folder")).into())
            }
            Ok(found) if !found.is_file() => {
                let file = File::options().write(true).open(&target);
                Ok(Self::Device(
                    file.with_context(|| format!("cannot write {shown}"))?,
                ))
            }
            _ => {
                let folder = folder_of(&target);
                // The error of the file beside would show its name, which nobody gave.
                let file = fs::metadata(folder)
                    .and_then(|_| new_file(folder).map_err(|error| error.kind().into()))
                    .with_context(|| format!("cannot write {shown}"))?;
                Ok(Self::Beside(file, target))
            }
        }
    }

    /// The same, but nothing gets there before [`Self::keep`].
    pub(super) fn hold(self) -> anyhow::Result<Self> {
        let file = NamedTempFile::new().context("cannot make a temporary file for the report")?;
        Ok(Self::Held(file, Box::new(self)))
    }

    /// What was written, where it is held.
    pub(super) fn held(&self) -> Option<io::Result<File>> {
        match self {
            Self::Held(file, _) => Some(file.reopen()),
            _ => None,
        }
    }

    /// Whether it is standard output.
    pub(super) fn is_stdout(&self) -> bool {
        match self {
            Self::Held(_, to) => to.is_stdout(),
            _ => matches!(self, Self::Stdout),
        }
    }

    /// Whether both would be written to the same place.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Held(_, one), other) => one.is_same(other),
            (one, Self::Held(_, other)) => one.is_same(other),
            (Self::Stdout, Self::Stdout) => true,
            (Self::Beside(_, one), Self::Beside(_, other)) => {
                one.file_name() == other.file_name()
                    && fs::canonicalize(folder_of(one)).ok()
                        == fs::canonicalize(folder_of(other)).ok()
            }
            _ => false,
        }
    }

    /// A buffered writer.
    pub(super) fn writer(&self) -> io::Result<Box<dyn Write>> {
        Ok(match self {
            Self::Stdout => Box::new(BufWriter::new(io::stdout().lock())),
            Self::Device(file) => Box::new(BufWriter::new(file.try_clone()?)),
            Self::Beside(file, _) | Self::Held(file, _) => {
                Box::new(BufWriter::new(file.as_file().try_clone()?))
            }
        })
    }

    /// What was written is whole: gives it its name.
    pub(super) fn keep(self) -> anyhow::Result<()> {
        match self {
            Self::Stdout | Self::Device(_) => Ok(()),
            Self::Beside(file, target) => {
                let shown = target.display().to_string();
                file.persist(target)
                    .with_context(|| format!("cannot write {shown}"))?;
                Ok(())
            }
            Self::Held(file, to) => {
                let copy = || {
                    let mut out = to.writer()?;
                    io::copy(&mut file.reopen()?, &mut out)?;
                    out.flush()
                };
                match copy() {
                    // Who reads `| head` has seen enough.
                    Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
                    done => {
                        done.context("cannot write the report")?;
                        to.keep()
                    }
                }
            }
        }
    }
}

fn folder_of(target: &Path) -> &Path {
    let folder = target.parent();
    let folder = folder.filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

/// A temporary file with the permissions of an ordinary one.
fn new_file(folder: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".sipannotate-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        // The umask is taken off it, as of any new file.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    let file = builder.tempfile_in(folder)?;
    interrupt::temporary(file.path());
    Ok(file)
}
