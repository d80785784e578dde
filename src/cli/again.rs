//! Another reading: what a report asks for once the run is over.
//!
//! In: inputs that were kept. Out: ladders of the calls a report names; what tells the files from
//! every other, and the command line, for whoever wants to check a report or make it again.
//!
//! # References
//! - FIPS 180-4 (SHA-256)

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::inputs::Kept;
use super::progress::{Progress, Show};
use super::typed;
use crate::ladder::Choice;
use crate::pipeline;
use crate::report::{Again, Digest, Provenance, text, view};
use crate::units::FrameRef;

/// Reads kept inputs again.
pub(super) struct Rereading<'a> {
    /// The inputs.
    pub(super) kept: &'a Kept,
    /// How the first reading judged them.
    pub(super) options: &'a pipeline::Options,
    /// Whether it is shown how far it is.
    pub(super) progress: Show,
    /// What is read again stands for captures whose names are told nobody.
    pub(super) redacted: bool,
}

impl Rereading<'_> {
    /// A watch on the next reading.
    pub(super) fn watch(&self) -> Progress {
        Progress::start_again(self.progress, &self.kept.inputs(), &self.options.meter)
    }
}

impl Again for Rereading<'_> {
    fn calls(
        &mut self,
        wanted: BTreeMap<Vec<u8>, Option<FrameRef>>,
    ) -> io::Result<Vec<view::Ladder>> {
        let choice = Choice::Calls(wanted);
        let _watch = self.watch();
        let gathered = pipeline::gather(self.kept.inputs(), self.options, choice, None)?;
        Ok(gathered.ladders)
    }

    fn provenance(&mut self) -> io::Result<Provenance> {
        let digest = |(path, place): &(String, std::path::PathBuf)| {
            let digest = digest(place).ok();
            Digest {
                path: path.as_str().into(),
                bytes: digest.as_ref().map_or(0, |(bytes, _)| *bytes),
                sha256: digest.map(|(_, digest)| digest),
            }
        };
        Ok(Provenance {
            command: typed::command(std::env::args_os(), self.redacted),
            files: self.kept.places().iter().map(digest).collect(),
        })
    }
}

/// Bytes and SHA-256 of a file.
pub(super) fn digest(place: &Path) -> io::Result<(u64, String)> {
    let mut file = File::open(place)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 64 << 10];
    let mut bytes = 0;
    loop {
        let read = match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        hash.update(buffer.get(..read).unwrap_or(&buffer));
        bytes += read as u64;
    }
    let mut hex = String::new();
    for byte in hash.finalize() {
        text::push(&mut hex, format_args!("{byte:02x}"));
    }
    Ok((bytes, hex))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn a_digest_is_that_of_sha256sum() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"abc").unwrap();
        let (bytes, hex) = digest(file.path()).unwrap();
        assert_eq!(bytes, 3);
        assert_eq!(
            hex,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
