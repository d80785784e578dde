//! `diff`: two captures, or two folders of them, analysed one after the other and compared.
//!
//! In: the command line. Out: the report, and how the program ends: as for a single analysis, with
//! `--fail-on` looking at what was found after.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::args::{Args, Format};
use super::config::{self, Config};
use super::exit::{Exit, Problem};
use super::inputs;
use super::progress::Progress;
use super::run;
use crate::pipeline;
use crate::report::diff::{self, Minutes, Side};
use crate::report::labels::Labels;
use crate::report::table;
use crate::report::view::Response;

/// Carries out `diff`.
pub(super) fn run(mut args: Args, before: &Path, after: &Path) -> anyhow::Result<Exit> {
    // The analysis knows forms of its own.
    let format = args.output.format.take().unwrap_or(Format::Table);
    check(format, &args)?;
    args.captures = vec![before.to_owned(), after.to_owned()];
    let config = Config::from_args(args)?;
    run::warn_before(&config);
    let (Some(first), Some(second)) = (side(&config, before)?, side(&config, after)?) else {
        return Ok(Exit::Failed);
    };
    let is_whole = first.is_whole && second.is_whole;
    let found = diff::diff(&first.side, &second.side);
    let mut out = config.output.writer()?;
    match format {
        Format::Json => diff::write_json(&found, &mut out)?,
        Format::Markdown => diff::write_markdown(&found, Labels::of(config.table.lang), &mut out)?,
        _ => {
            let files = found.before.captures.len().max(found.after.captures.len());
            let look = table::Options {
                files,
                ..config.table
            };
            table::write_diff(&found, &look, &mut out)?;
        }
    }
    out.flush()?;
    drop(out);
    let exit = run::exit(&config, &second.side.view, is_whole);
    config.output.keep()?;
    Ok(exit)
}

fn check(format: Format, args: &Args) -> Result<(), Problem> {
    if !matches!(format, Format::Table | Format::Json | Format::Markdown) {
        return Err(Problem::usage("diff is printed as table, json or markdown"));
    }
    let output = &args.output;
    if output.redact || output.redact_key.is_some() {
        return Err(Problem::usage("diff does not redact").hint(
            "redact both captures first, under one key: sipannotate redact --redact-key KEY",
        ));
    }
    if config::narrows(output) {
        return Err(Problem::usage(
            "diff compares whole captures and lists no responses to narrow",
        )
        .hint("cut the captures first, for example with editcap -A and -B"));
    }
    Ok(())
}

struct Analysed {
    side: Side,
    /// Every input could be read.
    is_whole: bool,
}

/// Analyses one side; `None` if nothing of it can be read.
fn side(config: &Config, path: &Path) -> anyhow::Result<Option<Analysed>> {
    let paths: [PathBuf; 1] = [path.to_owned()];
    let opened = inputs::open(&paths)?;
    let mut unreadable = run::tell_unopened(config, opened.failed);
    if opened.inputs.is_empty() {
        return Ok(None);
    }
    let sources = opened.inputs.len();
    let mut options = config.options.clone();
    // Each side is counted from nothing.
    options.meter = std::sync::Arc::default();
    let progress = Progress::start(config.progress, &opened.inputs, &options.meter);
    let mut minutes = Minutes::default();
    let mut each = |response: &Response<'_>| -> io::Result<()> {
        minutes.push(response);
        Ok(())
    };
    let outcome = pipeline::analyse(opened.inputs, &options, &mut each)?;
    drop(progress);
    let failed = outcome.failed.len();
    run::tell_unread(config, outcome.failed, outcome.damaged);
    unreadable += failed;
    let view = outcome.view;
    Ok((failed < sources).then_some(Analysed {
        side: Side { view, minutes },
        is_whole: unreadable == 0,
    }))
}
