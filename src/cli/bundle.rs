//! Bundle: a folder a finding, to be handed on.
//!
//! In: captures; what comes through a pipe is kept in a temporary file. Out: in a folder that appears
//! when it is whole, `README.md`, which lists the findings, and for each `NN-rule-verdict/` with
//! `ticket.md`, `ladder.txt`, `capture.pcapng` (just the calls of the finding; of several captures
//! `capture-1.pcapng` and so on, by input) and `manifest.json`: how it was made, and SHA-256 of the captures
//! and of every file beside it. A `manifest.json` of the whole names all files but itself.
//!
//! With `--redact`, all of it is made of a redacted copy of the captures, and looked through before the folder
//! appears.
//!
//! Capped: captures written in one reading by [`AT_ONCE`], calls drawn in one by
//! [`Limits::ladder_calls`][crate::limits::Limits], of a finding by [`DRAWN`].

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::again::{self, Rereading};
use super::args::Args;
use super::color;
use super::config::{self, Config};
use super::exit::{Exit, Problem};
use super::folder::Folder;
use super::inputs::{self, Kept, Opened};
use super::messages;
use super::progress::Progress;
use super::redact::Replaced;
use super::run::{self, tell_cut_short, tell_unopened, tell_unread, warn_before};
use super::typed;
use crate::ladder::Choice;
use crate::pipeline::{self, CallFrames, Extract, Outcome};
use crate::report::manifest::Manifest;
use crate::report::view::{Finding, Ladder, View};
use crate::report::{Again as _, Digest, Provenance, ladder, markdown, table};
use crate::units::{FileIndex, FrameNo, FrameRef};

/// Captures written in one reading: as many files are open.
const AT_ONCE: usize = 64;

/// Calls of a finding that are drawn.
const DRAWN: usize = 5;

/// Bytes of a folder's name, without its number.
const NAME_BYTES: usize = 80;

/// Carries out `bundle`.
pub(super) fn run(mut args: Args, captures: Vec<PathBuf>) -> anyhow::Result<Exit> {
    let Some(target) = args.output.file.take() else {
        return Err(Problem::usage("no folder is given for the bundle")
            .hint("name a new one: -o DIR")
            .into());
    };
    check(&args)?;
    args.captures = captures;
    let config = Config::from_args(args)?;
    warn_before(&config);
    let Opened { inputs, failed } = inputs::open(&config.captures)?;
    let folder = Folder::open(&target)?;
    // A bundle without some of what was asked for would not say so where it is handed on.
    if tell_unopened(&config, failed) > 0 {
        return Ok(Exit::Failed);
    }
    let mut read = Replaced::of(&config, inputs)?;
    let kept = Kept::of(std::mem::take(&mut read.inputs))?;
    let progress = Progress::start(config.progress, &kept.inputs(), &config.options.meter);
    let Outcome {
        mut view,
        failed,
        damaged,
    } = pipeline::analyse(kept.inputs(), &config.options, &mut |_| Ok(()))?;
    drop(progress);
    let is_whole = failed.is_empty();
    tell_unread(&config, failed, damaged);
    if !is_whole {
        return Ok(Exit::Failed);
    }
    read.tell(&mut view);
    let view = view;
    tell_cut_short(&config, &view);
    let mut again = Rereading {
        kept: &kept,
        options: &config.options,
        progress: config.progress,
        redacted: config.redact.is_some(),
    };
    let made = again.provenance()?;
    if let Some(lost) = made.files.iter().find(|file| file.sha256.is_none()) {
        let path = lost.path.wire().terminal().into_owned();
        return Err(Problem::failed(format!("cannot read {path} again")).into());
    }
    let mut bundle = Bundle {
        config: &config,
        view: &view,
        made,
        command: typed::words(std::env::args_os(), config.redact.is_some()),
        look: table::Options {
            files: config.table.files.max(view.captures.len()),
            width: color::file_width(),
            color: false,
            ..config.table
        },
        path: folder.path(),
        folders: Vec::new(),
    };
    let further = bundle.write(&mut again)?;
    read.check_folder(folder.path())?;
    folder.keep()?;
    let mut warnings = Vec::new();
    if view.findings.is_empty() {
        let shown = target.display();
        warnings.push(if view.totals.sip_messages == 0 {
            format!("no SIP was found: {shown} holds only README.md, which says what was there instead, and manifest.json")
        } else {
            format!("there are no findings: {shown} holds only README.md, which says so, and manifest.json")
        });
    }
    if further > 0 {
        warnings.push(format!(
            "{further} frames of the findings' calls had no room, and are in no capture of the bundle"
        ));
    }
    for warning in warnings.iter().filter(|_| !config.quiet) {
        messages::warning(warning, config.stderr_color);
    }
    Ok(run::exit(&config, &view, is_whole))
}

/// What is for reports only is refused, so that nobody takes it for done.
fn check(args: &Args) -> Result<(), Problem> {
    if args.output.annotate.is_some() {
        return Err(Problem::usage(
            "-w is for captures, and bundle writes its own",
        ));
    }
    if args.output.format.is_some() {
        return Err(
            Problem::usage("bundle writes forms of its own, and -f is for reports")
                .hint("leave -f out; or write a report beside it: sipannotate -f json CAPTURE"),
        );
    }
    if config::narrows(&args.output) || args.output.all {
        return Err(Problem::usage(
            "bundle writes whole findings, and lists no responses to narrow",
        )
        .hint(
            "leave --all, --code, --call-id, --host, --since and --until out; or cut the capture first, for example with editcap -A and -B",
        ));
    }
    Ok(())
}

struct Bundle<'a> {
    config: &'a Config,
    /// What the first reading found.
    view: &'a View,
    made: Provenance,
    /// The command line, word by word.
    command: Vec<String>,
    /// How its pages look.
    look: table::Options,
    /// Where it is filled.
    path: &'a Path,
    folders: Vec<OfFinding>,
}

/// A finding's folder while it is filled.
struct OfFinding {
    name: String,
    path: PathBuf,
    files: Vec<Digest>,
}

impl Bundle<'_> {
    /// Fills the folder; what comes back are frames for which there was no room.
    fn write(&mut self, again: &mut Rereading<'_>) -> anyhow::Result<u64> {
        let findings = &self.view.findings;
        let digits = findings.len().to_string().len().max(2);
        for (no, finding) in (1..).zip(findings) {
            let name = format!("{no:0digits$}-{}", name(finding));
            let path = self.path.join(&name);
            fs::create_dir(&path).with_context(|| cannot_write(&path))?;
            self.folders.push(OfFinding {
                name,
                path,
                files: Vec::new(),
            });
        }
        let further = if findings.is_empty() {
            0
        } else {
            self.write_findings(again)?
        };
        let names: Vec<&str> = self.folders.iter().map(|of| &*of.name).collect();
        let mut files = vec![written(self.path, "README.md", &mut |out| {
            markdown::write_index(self.view, &names, &self.made, self.look, out)
        })?];
        for (of, finding) in self.folders.iter().zip(findings) {
            let own = self.write_manifest(&of.path, Some(finding), &of.files)?;
            files.extend(of.files.iter().chain([&own]).map(|file| Digest {
                path: format!("{}/{}", of.name, file.path.wire().terminal()).into(),
                ..file.clone()
            }));
        }
        self.write_manifest(self.path, None, &files)?;
        Ok(further)
    }

    fn write_findings(&mut self, again: &mut Rereading<'_>) -> anyhow::Result<u64> {
        let findings = &self.view.findings;
        let mut frames = CallFrames::default();
        for (range, wanted) in batches(findings, self.config.options.limits.ladder_calls) {
            let choice = Choice::Calls(wanted);
            let progress = again.watch();
            // The frames are found on the way.
            let gathered = if range.start == 0 {
                let inputs = again.kept.inputs();
                let options = again.options;
                let (found, gathered) = pipeline::call_frames(inputs, options, findings, choice)?;
                frames = found;
                gathered
            } else {
                pipeline::gather(again.kept.inputs(), again.options, choice, None)?
            };
            drop(progress);
            for index in range {
                self.draw(index, &gathered.ladders)?;
            }
        }
        for (index, (name, place)) in again.kept.places().iter().enumerate() {
            self.write_captures(index, name, place, &frames)?;
        }
        Ok(frames.further)
    }

    /// Writes the ticket and the ladders of finding `index`.
    fn draw(&mut self, index: usize, ladders: &[Ladder]) -> anyhow::Result<()> {
        let (Some(finding), Some(of)) =
            (self.view.findings.get(index), self.folders.get_mut(index))
        else {
            return Ok(());
        };
        let drawn: Vec<&Ladder> = drawn(finding)
            .filter_map(|(id, _)| of_call(ladders, &id))
            .collect();
        let ticket = written(&of.path, "ticket.md", &mut |out| {
            let example = drawn.first().copied();
            markdown::write_finding(self.view, finding, example, &self.made, self.look, out)
        })?;
        of.files.push(ticket);
        if drawn.is_empty() {
            return Ok(());
        }
        let options = ladder::Options {
            width: self.look.width,
            color: false,
            lang: self.look.lang,
            time: self.look.time,
            many_files: self.look.files > 1,
        };
        of.files.push(written(&of.path, "ladder.txt", &mut |out| {
            for (no, call) in drawn.iter().enumerate() {
                if no > 0 {
                    writeln!(out, "\n{}\n", "-".repeat(options.width))?;
                }
                ladder::write(call, &options, out)?;
            }
            Ok(())
        })?);
        Ok(())
    }

    /// Writes what the findings have of capture number `index`.
    fn write_captures(
        &mut self,
        index: usize,
        given: &str,
        place: &Path,
        frames: &CallFrames,
    ) -> anyhow::Result<()> {
        let file = FileIndex(u16::try_from(index).unwrap_or(u16::MAX));
        let name = if self.made.files.len() == 1 {
            "capture.pcapng".to_owned()
        } else {
            format!("capture-{}.pcapng", index + 1)
        };
        let shown = if inputs::is_stdin(Path::new(given)) {
            "standard input"
        } else {
            given
        };
        let findings = self.view.findings.iter().zip(&frames.frames);
        let concerned: Vec<_> = self
            .folders
            .iter_mut()
            .zip(findings)
            .filter(|(_, (_, frames))| frames.iter().any(|frame| frame.file == file))
            .collect();
        let mut concerned = concerned.into_iter().peekable();
        while concerned.peek().is_some() {
            let (mut extracts, mut into) = (Vec::new(), Vec::<&mut OfFinding>::new());
            for (of, (finding, frames)) in concerned.by_ref().take(AT_ONCE) {
                let path = of.path.join(&name);
                let out = File::create(&path).with_context(|| cannot_write(&path))?;
                extracts.push(Extract {
                    frames,
                    of: &finding.title,
                    out: BufWriter::new(out),
                });
                into.push(of);
            }
            pipeline::extract(place, shown, file, &self.config.options.limits, extracts)?;
            for of in into {
                let hashed = hashed(&of.path, &name)?;
                of.files.push(hashed);
            }
        }
        Ok(())
    }

    fn write_manifest(
        &self,
        folder: &Path,
        finding: Option<&Finding>,
        files: &[Digest],
    ) -> anyhow::Result<Digest> {
        let manifest = Manifest::new(&self.command, &self.made.files, finding, files);
        written(folder, "manifest.json", &mut |out| manifest.write(out))
    }
}

/// `rule-verdict`, of letters, digits, `-` and `_` only.
fn name(finding: &Finding) -> String {
    let verdict = finding.verdict.iter().flat_map(|verdict| ["-", verdict]);
    let words = std::iter::once(&*finding.rule).chain(verdict);
    let safe = |c: char| {
        if c.is_ascii_alphanumeric() || c == '_' {
            c.to_ascii_lowercase()
        } else {
            '-'
        }
    };
    let letters = words.flat_map(str::chars).map(safe);
    letters.take(NAME_BYTES).collect()
}

/// The calls of a finding that are drawn: Call-ID, and a frame that shows it.
fn drawn(finding: &Finding) -> impl Iterator<Item = (Vec<u8>, Option<FrameRef>)> {
    let mut drawn: Vec<(Vec<u8>, Option<FrameRef>)> = Vec::new();
    for call in &finding.calls {
        if drawn.len() == DRAWN {
            break;
        }
        if drawn.iter().all(|(id, _)| *id != call.call_id.0) {
            let frame = call.frames.first().map(|no| FrameRef {
                file: FileIndex(call.file),
                no: FrameNo(*no),
            });
            drawn.push((call.call_id.0.clone(), frame));
        }
    }
    drawn.into_iter()
}

/// Findings whose calls are gathered in one reading, and these calls.
type Batch = (Range<usize>, BTreeMap<Vec<u8>, Option<FrameRef>>);

/// All findings, with not more than `room` calls in a batch unless a finding has them alone.
fn batches(findings: &[Finding], room: usize) -> Vec<Batch> {
    let mut batches: Vec<Batch> = vec![(0..0, BTreeMap::new())];
    for (index, finding) in findings.iter().enumerate() {
        let calls: Vec<_> = drawn(finding).collect();
        if let Some((range, wanted)) = batches.last_mut() {
            let new = calls.iter().filter(|(id, _)| !wanted.contains_key(id));
            if range.start == range.end || wanted.len() + new.count() <= room {
                range.end = index + 1;
                for (id, at) in calls {
                    wanted.entry(id).or_insert(at);
                }
                continue;
            }
        }
        batches.push((index..index + 1, calls.into_iter().collect()));
    }
    batches
}

/// The ladder of a call that a finding names; findings know a long Call-ID by its beginning.
fn of_call<'a>(ladders: &'a [Ladder], id: &[u8]) -> Option<&'a Ladder> {
    let exact = ladders.iter().find(|ladder| ladder.call_id.0 == id);
    exact.or_else(|| {
        ladders
            .iter()
            .find(|ladder| ladder.call_id.0.starts_with(id))
    })
}

/// Writes a file of a folder.
fn written(
    folder: &Path,
    name: &str,
    fill: &mut dyn FnMut(&mut dyn Write) -> io::Result<()>,
) -> anyhow::Result<Digest> {
    let path = folder.join(name);
    let mut write = || {
        let mut out = BufWriter::new(File::create(&path)?);
        fill(&mut out)?;
        out.flush()
    };
    write().with_context(|| cannot_write(&path))?;
    hashed(folder, name)
}

/// What tells a file of a folder from every other.
fn hashed(folder: &Path, name: &str) -> anyhow::Result<Digest> {
    let path = folder.join(name);
    let reading = || format!("cannot read {}", path.display());
    let (bytes, sha256) = again::digest(&path).with_context(reading)?;
    Ok(Digest {
        path: name.into(),
        bytes,
        sha256: Some(sha256),
    })
}

fn cannot_write(path: &Path) -> String {
    format!("cannot write {}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::view::{CallRef, Severity};

    fn finding(calls: &[&str]) -> Finding {
        let mut finding = Finding::new("missing-ack", Severity::Error, String::new(), 1);
        let call = |id: &&str| CallRef {
            call_id: (*id).into(),
            ..CallRef::default()
        };
        finding.calls = calls.iter().map(call).collect();
        finding
    }

    #[test]
    fn names_of_folders_are_words_on_any_system() {
        let mut odd = finding(&[]);
        odd.verdict = Some("../Ack dropped:at\u{e9}\0".into());
        assert_eq!(name(&odd), "missing-ack----ack-dropped-at--");
        odd.verdict = Some("x".repeat(500).into());
        assert_eq!(name(&odd).len(), NAME_BYTES);
        odd.verdict = None;
        assert_eq!(name(&odd), "missing-ack");
    }

    #[test]
    fn a_batch_has_room_for_its_calls_and_every_finding_is_in_one() {
        let findings = [
            finding(&["a", "b", "a", "c"]),
            finding(&["a", "d"]),
            finding(&["e"]),
            finding(&[]),
            finding(&["f", "g", "h", "i", "j", "k"]),
        ];
        let found: Vec<_> = batches(&findings, 4)
            .into_iter()
            .map(|(range, calls)| (range, calls.len()))
            .collect();
        // Five of the last one's six calls are drawn, more than there is room for: it is alone.
        assert_eq!(found, [(0..2, 4), (2..4, 1), (4..5, 5)]);
    }
}
