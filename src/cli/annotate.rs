//! Annotate: `-w`, the capture once more, with comments.
//!
//! In: the one input of the run and the responses of its first reading. Out: the annotated capture,
//! written beside its place and renamed, like a report; and what has to be said of it.

use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::config::Config;
use super::exit::Problem;
use super::inputs;
use super::output::Output;
use super::redact::{Form, Replaced};
use crate::capture::Source;
use crate::limits::Limits;
use crate::pipeline;
use crate::report::comments::Comments;
use crate::report::view::{Response, View};
use crate::rewrite::Copied;

/// The second reading that `-w` asks for.
pub(super) struct Second {
    /// What is to be read.
    path: PathBuf,
    output: Output,
    /// Comments gathered in the first reading.
    pub(super) comments: Comments,
}

/// Whether `captures` may be annotated, as far as their names tell.
pub(super) fn check(captures: &[PathBuf]) -> Result<(), Problem> {
    match captures {
        [one] if inputs::is_stdin(one) => Err(once("standard input")),
        [_] => Ok(()),
        _ => Err(several()),
    }
}

fn several() -> Problem {
    Problem::usage("-w annotates one capture, and several are given").hint(
        "annotate each by itself, or merge them first: mergecap -w all.pcapng FILE... && sipannotate all.pcapng -w annotated.pcapng",
    )
}

fn once(what: &str) -> Problem {
    Problem::usage(format!("-w reads the capture twice, and {what} can be read once only")).hint(
        "write it to a file first: tcpdump -w capture.pcap port 5060; sipannotate capture.pcap -w annotated.pcapng",
    )
}

/// Takes a response of the first reading.
pub(super) fn gather(comments: &mut Comments, response: &Response<'_>) -> io::Result<()> {
    comments.response(response).map_err(|error| {
        let text = format!("cannot keep comments in a temporary file: {error}");
        io::Error::new(error.kind(), text)
    })
}

impl Second {
    /// Opens the output, before the long run.
    pub(super) fn open(
        path: &Path,
        inputs: &[pipeline::Input],
        config: &Config,
    ) -> anyhow::Result<Self> {
        let [input] = inputs else {
            return Err(several().into());
        };
        let Source::File(capture) = &input.source else {
            return Err(once(&input.path).into());
        };
        let output = Output::open(Some(path), std::slice::from_ref(capture))?;
        if output.is_same(&config.output) {
            let hint = if output.is_stdout() {
                "name a file for the report: -o report.txt"
            } else {
                "give the report and the annotated capture different names"
            };
            let shown = path.display();
            return Err(Problem::usage(format!(
                "{shown} cannot take both the report and the capture"
            ))
            .hint(hint)
            .into());
        }
        if output.is_stdout() && io::stdout().is_terminal() {
            return Err(
                Problem::usage("standard output is a terminal, and a capture is no text")
                    .hint("name a file: -w annotated.pcapng")
                    .into(),
            );
        }
        Ok(Self {
            path: capture.clone(),
            output: if config.redact.is_some() {
                output.hold()?
            } else {
                output
            },
            comments: Comments::new(config.table.lang),
        })
    }

    /// Writes the annotated capture; what is worth a warning comes back.
    pub(super) fn write(
        self,
        view: &View,
        read: &Replaced,
        limits: &Limits,
    ) -> anyhow::Result<Vec<String>> {
        let writing = "cannot write the annotated capture";
        let comments = self.comments.finish(view).context(writing)?;
        let mut out = self.output.writer().context(writing)?;
        let copied = pipeline::annotate(&self.path, comments, limits, &mut out).context(writing)?;
        drop(out);
        read.check(&self.output, Form::Capture)
            .context("the annotated capture was not redacted")?;
        self.output.keep()?;
        let expected = view.captures.first().map_or(0, |capture| capture.packets);
        Ok(warnings(&copied, expected))
    }
}

fn warnings(copied: &Copied, expected: u64) -> Vec<String> {
    let mut warnings = Vec::new();
    if copied.skipped > 0 {
        warnings.push(format!(
            "{} blocks or stretches of the capture make no sense and are not in its annotated copy; the report's trust section says where",
            copied.skipped
        ));
    }
    if copied.crowded > 0 {
        warnings.push(format!(
            "{} packets are too large for the comments they should have, and have none",
            copied.crowded
        ));
    }
    if copied.frames != expected {
        warnings.push(format!(
            "the capture changed while it was read: {expected} packets were analysed, {} copied; comments may stand on the wrong ones",
            copied.frames
        ));
    }
    warnings
}
