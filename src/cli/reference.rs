//! SEAM: `explain`, `compare` and `catalogue` belong to `report::reference`, which is wired here.
//!
//! In: the command's words. Out: the page on the output.

use std::io::Write;

use super::args::Format;
use super::exit::Problem;
use crate::report::labels::Lang;

/// How a reference page is to look.
#[derive(Clone, Copy, Debug)]
#[expect(dead_code, reason = "read once report::reference is wired")]
pub(super) struct Look {
    /// Form.
    pub(super) format: Format,
    /// Columns.
    pub(super) width: usize,
    /// Colours.
    pub(super) color: bool,
    /// Language.
    pub(super) lang: Lang,
}

/// Prints the entries of `what`.
pub(super) fn explain(what: &[String], _look: Look, _out: &mut dyn Write) -> anyhow::Result<()> {
    Err(Problem::failed(format!("explain {} is not wired yet", what.join(" "))).into())
}

/// Prints two codes side by side.
pub(super) fn compare(
    first: &str,
    second: &str,
    _look: Look,
    _out: &mut dyn Write,
) -> anyhow::Result<()> {
    Err(Problem::failed(format!("compare {first} {second} is not wired yet")).into())
}

/// Prints the catalogue, or the `codes` of it.
pub(super) fn catalogue(codes: &[String], _look: Look, _out: &mut dyn Write) -> anyhow::Result<()> {
    Err(Problem::failed(format!("catalogue {} is not wired yet", codes.join(" "))).into())
}
