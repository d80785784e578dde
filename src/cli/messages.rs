//! Messages: errors, hints and warnings on standard error.
//!
//! In: what went wrong. Out: `error: …`, `hint: …` or `warning: …`, a line each, and indented lines of
//! what there is to choose from. File names are a
//! stranger's text too, so control characters are escaped.

use std::io::Write as _;

use super::exit::Problem;
use crate::wire_text;

/// Prints an error with its causes, and its hint if it has one.
pub(super) fn error(error: &anyhow::Error, color: bool) {
    line("error", "31", &format!("{error:#}"), color);
    let problem = error
        .chain()
        .find_map(|cause| cause.downcast_ref::<Problem>());
    for choice in problem.iter().flat_map(|problem| &problem.choices) {
        put(&format!("  {}\n", wire_text::terminal(choice.into())));
    }
    if let Some(text) = problem.and_then(|problem| problem.hint.as_deref()) {
        hint(text, color);
    }
}

/// Prints what the user can do.
pub(super) fn hint(text: &str, color: bool) {
    line("hint", "36", text, color);
}

/// Prints a warning.
pub(super) fn warning(text: &str, color: bool) {
    line("warning", "33", text, color);
}

fn line(kind: &str, sgr: &str, text: &str, color: bool) {
    let text = wire_text::terminal(text.into());
    let line = if color {
        format!("\u{1b}[1;{sgr}m{kind}:\u{1b}[0m {text}\n")
    } else {
        format!("{kind}: {text}\n")
    };
    put(&line);
}

fn put(line: &str) {
    // Where standard error is closed there is nobody to tell.
    std::io::stderr()
        .write_all(line.as_bytes())
        .unwrap_or_default();
}
