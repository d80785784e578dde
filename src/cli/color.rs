//! Colour, width and language: what the terminal and the environment say.
//!
//! In: an option, a stream, the environment. Out: a decision. The environment is read here only.
//!
//! # References
//! - <https://no-color.org>

use std::io::IsTerminal;

use clap::ColorChoice;
use terminal_size::{Width, terminal_size_of};

use crate::report::labels::Lang;

/// Columns of a page that is not shown on a terminal (CONTRACT).
const PAGE_WIDTH: usize = 120;

/// Columns beyond which a line is hard to follow.
const WIDEST: usize = 240;

/// An environment variable that is set and not empty.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place where the environment is read"
)]
pub(super) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Whether `stream` gets colours.
pub(super) fn wanted(choice: ColorChoice, stream: &impl IsTerminal) -> bool {
    match choice {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto => {
            stream.is_terminal()
                && variable("NO_COLOR").is_none()
                && variable("TERM").is_none_or(|term| term != "dumb")
        }
    }
}

/// Columns of a page on standard output.
pub(super) fn width() -> usize {
    let stdout = std::io::stdout();
    if !stdout.is_terminal() {
        return PAGE_WIDTH;
    }
    terminal_size_of(stdout).map_or(PAGE_WIDTH, |(Width(columns), _)| {
        usize::from(columns).min(WIDEST)
    })
}

/// Columns of a page in a file.
pub(super) const fn file_width() -> usize {
    PAGE_WIDTH
}

/// The language of `LC_ALL`, `LC_MESSAGES` or `LANG`, the first that is set; else English.
pub(super) fn language() -> Lang {
    let set = ["LC_ALL", "LC_MESSAGES", "LANG"]
        .into_iter()
        .find_map(variable);
    match set {
        Some(value) if value.starts_with("zh") => Lang::Zh,
        _ => Lang::En,
    }
}
