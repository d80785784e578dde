//! Folder: a folder that appears when it is whole.
//!
//! In: `-o` of a bundle. Out: a folder beside its final name, which [`Folder::keep`] gives it; without
//! that nothing is left. Unlike a file, a folder that is there is not replaced: what else lies in it may
//! be nobody's to remove.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tempfile::TempDir;

use super::exit::Problem;
use super::interrupt;

/// A folder while it is filled.
pub(super) struct Folder {
    beside: TempDir,
    target: PathBuf,
}

impl Folder {
    /// A folder to be called `target`, where there is nothing yet, or an empty folder.
    pub(super) fn open(target: &Path) -> anyhow::Result<Self> {
        let shown = target.display();
        if target.exists() && !is_empty(target) {
            let (what, hint) = if target.is_dir() {
                (
                    "is there already, and not empty",
                    "name a new folder, or remove this one first: a bundle is not written over what may be others' files",
                )
            } else {
                ("is there already, and no folder", "name a new folder")
            };
            return Err(Problem::usage(format!("{shown} {what}")).hint(hint).into());
        }
        let parent = target.parent().filter(|path| !path.as_os_str().is_empty());
        let beside = tempfile::Builder::new()
            .prefix(".sipannotate-")
            .tempdir_in(parent.unwrap_or(Path::new(".")))
            .map_err(|error| anyhow::Error::from(io::Error::from(error.kind())))
            .with_context(|| cannot_write(target))?;
        interrupt::temporary(beside.path());
        Ok(Self {
            beside,
            target: target.to_owned(),
        })
    }

    /// Where it is filled.
    pub(super) fn path(&self) -> &Path {
        self.beside.path()
    }

    /// It is whole: gives it its name.
    pub(super) fn keep(self) -> anyhow::Result<()> {
        let Self { beside, target } = self;
        open_to_others(beside.path()).with_context(|| cannot_write(&target))?;
        fs::rename(beside.path(), &target).with_context(|| cannot_write(&target))?;
        // What it was called is gone, and nothing is left to be removed.
        let _gone = beside.keep();
        Ok(())
    }
}

fn is_empty(path: &Path) -> bool {
    fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none())
}

fn cannot_write(path: &Path) -> String {
    format!("cannot write {}", path.display())
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
