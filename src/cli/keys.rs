//! Keys: the TLS secrets known before the run.
//!
//! In: `--keylog` and `SSLKEYLOGFILE`. Out: one key log of both. A file that was named and cannot
//! be read is an error; one that only the environment names need not be there.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::color;
use crate::limits::Limits;
use crate::tls::KeyLog;

/// The secrets of the file named, and of the environment's.
pub(super) fn read(named: Option<&Path>, limits: &Limits) -> anyhow::Result<KeyLog> {
    let mut log = KeyLog::new(limits);
    if let Some(path) = named {
        add(&mut log, path).with_context(|| format!("cannot read {}", path.display()))?;
    }
    if let Some(path) = color::variable("SSLKEYLOGFILE").map(PathBuf::from) {
        // Programs create it with their first TLS connection.
        add(&mut log, &path).unwrap_or_default();
    }
    Ok(log)
}

fn add(log: &mut KeyLog, path: &Path) -> std::io::Result<()> {
    log.read(BufReader::new(File::open(path)?))
}
