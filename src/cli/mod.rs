//! Cli: arguments, exit codes, the terminal.
//!
//! In: the process's arguments, environment and streams; this room alone reads them. Out: an exit
//! code, by the table of CONTRACT.

use std::process::ExitCode;

use clap::Parser as _;

mod args;
mod values;
mod config;
mod inputs;
mod output;
mod annotate;
mod bundle;
mod run;
mod diff;
mod reference;
mod show;
mod again;
mod typed;
mod left_out;
mod redact;
mod folder;
mod color;
mod progress;
mod messages;
mod keys;
mod certs;
mod exit;
mod interrupt;

use args::Args;
use exit::{Exit, Problem};

/// Version and build; packagers name theirs with `SIPANNOTATE_BUILD`.
const VERSION: &str = match option_env!("SIPANNOTATE_BUILD") {
    Some(build) => build,
    None if cfg!(debug_assertions) => concat!(env!("CARGO_PKG_VERSION"), " (debug build)"),
    None => concat!(env!("CARGO_PKG_VERSION"), " (release build)"),
};

/// Runs the program on the process's arguments.
pub fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            // Help into a closed pipe is no failure.
            error.print().unwrap_or_default();
            let wrong = error.use_stderr();
            return if wrong { Exit::Usage } else { Exit::Success }.into();
        }
    };
    let stderr_color = color::wanted(args.output.color, &std::io::stderr());
    let quiet = args.diagnostics.quiet;
    interrupt::listen();
    let done = run::run(args);
    if interrupt::is_cut() && !quiet {
        messages::warning(
            "the input was ended by a signal; what came up to then was read",
            stderr_color,
        );
    }
    let exit = done.unwrap_or_else(|error| {
        if exit::is_closed_pipe(&error) {
            return Exit::Success;
        }
        messages::error(&error, stderr_color);
        error
            .downcast_ref::<Problem>()
            .map_or(Exit::Failed, |problem| problem.exit)
    });
    exit.into()
}
