//! Exit codes, and errors that know theirs.
//!
//! In: what went wrong. Out: the code of CONTRACT and the lines on standard error. A closed pipe is
//! not an error: who reads `| head` has seen enough.

use std::fmt;
use std::io;
use std::process::ExitCode;

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    /// 0: the report was written.
    Success,
    /// 1: an input could not be read at all, or the output could not be written.
    Failed,
    /// 2: the command line is wrong.
    Usage,
    /// 3: `--fail-on` matched; the report was written.
    Matched,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Success => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Matched => 3,
        })
    }
}

/// An error with what the user can do about it.
#[derive(Debug)]
pub(super) struct Problem {
    message: String,
    /// What there is to choose from, a line each.
    pub(super) choices: Vec<String>,
    /// What to do.
    pub(super) hint: Option<String>,
    /// How the program ends.
    pub(super) exit: Exit,
}

impl Problem {
    /// The command line is wrong.
    pub(super) fn usage(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            choices: Vec::new(),
            hint: None,
            exit: Exit::Usage,
        }
    }

    /// An input or the output failed.
    pub(super) fn failed(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            choices: Vec::new(),
            hint: None,
            exit: Exit::Failed,
        }
    }

    /// The same with what there is to choose from.
    pub(super) fn choices(mut self, choices: Vec<String>) -> Self {
        self.choices = choices;
        self
    }

    /// The same with advice.
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Problem {}

/// Whether `error` says that nobody reads the output any more.
pub(super) fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}
