//! Inputs: names of the command line become open sources.
//!
//! In: paths; `-` is standard input, a folder means the captures in it, by name. Out: opened
//! [`pipeline::Input`]s, and the names that could not be opened with their reason. A file of a
//! folder is taken by its first bytes, or, if it is compressed, by its name.

use std::fs::{self, File};
use std::io::{self, IsTerminal, Read};
use std::path::{Path, PathBuf};

use super::exit::Problem;
use crate::pipeline;

/// Bytes read from a file before it is handed on, and at once.
const BUFFER_BYTES: usize = 1 << 16;

/// First bytes of pcap (both orders, micro- and nanoseconds, modified) and pcapng.
const CAPTURE_MAGICS: [[u8; 4]; 7] = [
    [0xa1, 0xb2, 0xc3, 0xd4],
    [0xd4, 0xc3, 0xb2, 0xa1],
    [0xa1, 0xb2, 0x3c, 0x4d],
    [0x4d, 0x3c, 0xb2, 0xa1],
    [0xa1, 0xb2, 0xcd, 0x34],
    [0x34, 0xcd, 0xb2, 0xa1],
    [0x0a, 0x0d, 0x0d, 0x0a],
];

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
        match File::open(path) {
            Ok(file) => self.inputs.push(pipeline::Input {
                path: shown(path),
                source: Box::new(io::BufReader::with_capacity(BUFFER_BYTES, file)),
            }),
            Err(error) => self.failed.push((shown(path), error.into())),
        }
    }
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
        source: Box::new(stdin),
    })
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
    let mut magic = [0; 4];
    // A file that cannot be opened is taken if it is named like a capture, so that it is reported.
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut magic));
    (read.is_ok() && CAPTURE_MAGICS.contains(&magic)) || is_named_like_a_capture(path, read.is_ok())
}

fn is_named_like_a_capture(path: &Path, readable: bool) -> bool {
    let name = path
        .file_name()
        .map(|name| name.to_string_lossy().to_lowercase());
    let name = name.unwrap_or_default();
    let compressed = [".gz", ".zst", ".lz4"]
        .iter()
        .find_map(|end| name.strip_suffix(end));
    let is_capture = |name: &str| {
        [".pcap", ".pcapng", ".cap"]
            .iter()
            .any(|end| name.ends_with(end))
    };
    compressed.map_or_else(|| !readable && is_capture(&name), is_capture)
}
