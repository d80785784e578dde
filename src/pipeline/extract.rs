//! Extract: captures of just the calls of a finding.
//!
//! In: findings, and the files they were found in. Out: the frames that carried the messages of their
//! calls ([`call_frames`], a second reading), and a pcapng of these ([`extract`], a third). All frames of a
//! Call-ID are taken, not only those the finding names, and with a message the fragments and segments
//! it came in; media are not.
//!
//! Capped: frames remembered by [`Limits::extracted_frames`]; what is beyond is counted.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use super::ladders::{Gathered, gather_beside};
use super::{Input, Options};
use crate::capture::{self, BlockKind, Piece, Reader};
use crate::ladder::Choice;
use crate::limits::Limits;
use crate::report::view;
use crate::rewrite::{AUTHOR, BlockView, Copied, Copier, Edit, Editor, Error, FrameView};
use crate::units::{FileIndex, FrameNo, FrameRef};
use crate::wire_text::WireText;

/// The frames of each finding's calls.
#[derive(Debug, Default)]
pub struct CallFrames {
    /// By finding, in the order they were given.
    pub frames: Vec<BTreeSet<FrameRef>>,
    /// Frames for which there was no room.
    pub further: u64,
}

/// Reads `inputs` once more for the frames of the calls of `findings`, and in the same reading for
/// the calls of `choice`.
pub fn call_frames(
    inputs: Vec<Input>,
    options: &Options,
    findings: &[view::Finding],
    choice: Choice,
) -> io::Result<(CallFrames, Gathered)> {
    let limits = &options.limits;
    let mut wanted = Wanted {
        by_call: HashMap::default(),
        taken: CallFrames {
            frames: vec![BTreeSet::new(); findings.len()],
            further: 0,
        },
        room: limits.extracted_frames,
    };
    for (index, finding) in findings.iter().enumerate() {
        for call in &finding.calls {
            let at = |no: &u64| FrameRef {
                file: FileIndex(call.file),
                no: FrameNo(*no),
            };
            call.frames.iter().for_each(|no| wanted.add(index, at(no)));
            let of_call = wanted.by_call.entry(call.call_id.0.clone()).or_default();
            if of_call.last() != Some(&index) {
                of_call.push(index);
            }
        }
    }
    let gathered = gather_beside(inputs, options, choice, None, &mut |passed| {
        let origin = &passed.seen.raw.origin;
        let id = passed.seen.message.call_id().unwrap_or_default();
        wanted.message(id, origin.at, origin.earlier, limits);
    })?;
    Ok((wanted.taken, gathered))
}

struct Wanted {
    /// Findings by Call-ID.
    by_call: HashMap<Vec<u8>, Vec<usize>, foldhash::quality::RandomState>,
    taken: CallFrames,
    room: usize,
}

impl Wanted {
    fn message(&mut self, id: &[u8], at: FrameRef, earlier: &[FrameRef], limits: &Limits) {
        // Findings cut a Call-ID there.
        let cut = id.get(..limits.call_id_bytes);
        let found = self.by_call.get(id).or_else(|| self.by_call.get(cut?));
        let Some(findings) = found.cloned() else {
            return;
        };
        for finding in findings {
            for &frame in earlier.iter().chain([&at]) {
                self.add(finding, frame);
            }
        }
    }

    fn add(&mut self, finding: usize, frame: FrameRef) {
        let Some(frames) = self.taken.frames.get_mut(finding) else {
            return;
        };
        if frames.contains(&frame) {
            return;
        }
        if self.room == 0 {
            self.taken.further += 1;
            return;
        }
        self.room -= 1;
        frames.insert(frame);
    }
}

/// One capture of some frames.
pub struct Extract<'a, W: Write> {
    /// The frames it is to have.
    pub frames: &'a BTreeSet<FrameRef>,
    /// What it is of, for its head.
    pub of: &'a str,
    /// Where it goes; should be buffered.
    pub out: W,
}

/// Reads `path`, which is input number `file` and was given as `name`, once, and writes `extracts` of it.
pub fn extract<W: Write>(
    path: &Path,
    name: &str,
    file: FileIndex,
    limits: &Limits,
    extracts: Vec<Extract<'_, W>>,
) -> Result<Vec<Copied>, Error> {
    let source = File::open(path).map_err(|source| {
        Error::Read(capture::Error::Read {
            path: name.to_owned(),
            offset_bytes: 0,
            source,
        })
    })?;
    let shown = Path::new(name).file_name().unwrap_or(name.as_ref());
    let shown = WireText(shown.as_encoded_bytes()).pcapng();
    let mut writers: Vec<_> = extracts
        .into_iter()
        .map(|extract| {
            let picker = Picker {
                frames: extract.frames,
                name: &shown,
                of: extract.of,
                is_told: false,
            };
            (Copier::new(extract.out, limits), picker)
        })
        .collect();
    let mut reader = Reader::open(source, name, file, limits).map_err(Error::Read)?;
    loop {
        let piece = match reader.next_piece() {
            Ok(Piece::End) => break,
            Ok(piece) => piece,
            // The first reading has told; what came before is there.
            Err(error) if error.is_damage() => break,
            Err(error) => return Err(Error::Read(error)),
        };
        for (copier, picker) in &mut writers {
            copier.push(&piece, picker).map_err(Error::Write)?;
        }
    }
    let finished = writers.into_iter().map(|(copier, _)| copier.finish());
    finished.collect::<io::Result<_>>().map_err(Error::Write)
}

/// Takes the frames of an extract, and says which they were.
struct Picker<'a> {
    frames: &'a BTreeSet<FrameRef>,
    /// The file's name.
    name: &'a str,
    of: &'a str,
    is_told: bool,
}

impl Editor for Picker<'_> {
    fn frame(&mut self, frame: &FrameView<'_>, edit: &mut Edit) -> io::Result<()> {
        let at = frame.frame.at;
        if self.frames.contains(&at) {
            edit.comment(&format!("frame {} of {}", at.no, self.name));
        } else {
            edit.leave_out();
        }
        Ok(())
    }

    fn block(&mut self, block: &BlockView<'_>, edit: &mut Edit) -> io::Result<()> {
        if block.block.no.is_some() {
            edit.leave_out();
        }
        if block.block.kind == BlockKind::Section && !self.is_told {
            self.is_told = true;
            edit.comment(&format!(
                "taken from {} by {AUTHOR}: {}",
                self.name, self.of
            ));
        }
        Ok(())
    }
}
