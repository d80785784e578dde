//! Run: carries out what the command line asks for.
//!
//! In: [`Args`]. Out: the report, warnings on standard error, and how the program ends.

use std::io::{self, Write};

use anyhow::Context as _;
use clap::CommandFactory as _;

use super::args::{Args, Command, Format};
use super::config::{self, Config};
use super::exit::Exit;
use super::inputs::{self, Opened};
use super::output::Output;
use super::progress::Progress;
use super::reference::{self, Look};
use super::values::FailOn;
use super::{color, messages};
use crate::capture;
use crate::pipeline::{self, Outcome};
use crate::report::view::{Response, View};
use crate::report::{Report, csv, json, ndjson, schema, table};

/// Carries out `args`.
pub(super) fn run(mut args: Args) -> anyhow::Result<Exit> {
    match args.command.take() {
        None => annotate(args),
        Some(command) => {
            config::check_command(&args.captures, &args.input.read, &command)?;
            other(&args, command)
        }
    }
}

fn annotate(args: Args) -> anyhow::Result<Exit> {
    let stderr_color = color::wanted(args.output.color, &io::stderr());
    let config = Config::from_args(args)?;
    if !config.quiet {
        for warning in &config.warnings {
            messages::warning(warning, stderr_color);
        }
    }
    let Opened { inputs, failed } = inputs::open(&config.captures)?;
    let mut unreadable = failed.len();
    for (path, error) in failed {
        messages::error(&error.context(cannot_read(&path)), stderr_color);
    }
    if inputs.is_empty() {
        return Ok(Exit::Failed);
    }
    let written = write_report(&config, inputs)?;
    unreadable += written.failed.len();
    for (path, error) in written.failed {
        let hint = error.downcast_ref().and_then(capture::Error::hint);
        let hint = hint.map(str::to_owned);
        let error = anyhow::Error::from_boxed(error).context(cannot_read(&path));
        messages::error(&error, stderr_color);
        if let Some(hint) = hint {
            messages::hint(&hint, stderr_color);
        }
    }
    for (path, error) in written.damaged {
        if !config.quiet {
            let error = anyhow::Error::from_boxed(error);
            messages::warning(&format!("{path}: {error:#}"), stderr_color);
        }
    }
    // No report was completed: the output is dropped, and with it the file beside its name.
    let Some(view) = written.view else {
        return Ok(Exit::Failed);
    };
    config.output.keep()?;
    if !config.quiet && view.captures.iter().any(|capture| capture.cut_short) {
        messages::warning(
            "a capture ends inside a packet; what was read up to there is reported",
            stderr_color,
        );
    }
    if unreadable > 0 {
        return Ok(Exit::Failed);
    }
    let matched = view.findings.iter().any(|finding| {
        let matches = |on: &FailOn| on.matches(&finding.rule, finding.severity);
        config.fail_on.iter().any(matches)
    });
    Ok(if matched {
        Exit::Matched
    } else {
        Exit::Success
    })
}

/// What came of an analysis and its report.
struct Written {
    /// Absent where no input could be read, and so nothing was reported.
    view: Option<View>,
    failed: Vec<(String, pipeline::InputError)>,
    damaged: Vec<(String, pipeline::InputError)>,
}

fn write_report(config: &Config, inputs: Vec<pipeline::Input>) -> anyhow::Result<Written> {
    let writing = "cannot write the report";
    let mut look = config.table;
    look.files = look.files.max(inputs.len());
    let sources = inputs.len();
    let out = config.output.writer().context(writing)?;
    let mut report: Box<dyn Report> = match config.format {
        Format::Json => Box::new(json::Json::new(out)),
        Format::Ndjson => Box::new(ndjson::Ndjson::new(out)),
        Format::Csv => Box::new(csv::Csv::new(out, look.files > 1)),
        Format::Table | Format::Markdown => Box::new(table::Table::new(out, look)),
    };
    let progress = Progress::start(config.progress, &inputs, &config.options.meter);
    let mut began = false;
    let mut each = |response: &Response<'_>| {
        began = true;
        if config.filter.keeps(response) {
            report.response(response)
        } else {
            Ok(())
        }
    };
    let Outcome {
        view,
        failed,
        damaged,
    } = pipeline::analyse(inputs, &config.options, &mut each).context(writing)?;
    // The bar is gone before the report is on the terminal.
    drop(progress);
    // Once begun, a report is brought to its end, so that its JSON is whole.
    if failed.len() >= sources && !began {
        return Ok(Written {
            view: None,
            failed,
            damaged,
        });
    }
    report.finish(&view).context(writing)?;
    Ok(Written {
        view: Some(view),
        failed,
        damaged,
    })
}

fn other(args: &Args, command: Command) -> anyhow::Result<Exit> {
    let output = Output::open(args.output.file.as_deref(), &[])?;
    let look = Look {
        format: args.output.format,
        width: if output.is_stdout() {
            color::width()
        } else {
            color::file_width()
        },
        color: output.is_stdout() && color::wanted(args.output.color, &io::stdout()),
        lang: config::language(args.output.lang),
    };
    let mut out = output.writer()?;
    match command {
        Command::Explain { what } => reference::explain(&what, look, &mut out)?,
        Command::Compare { first, second } => reference::compare(&first, &second, look, &mut out)?,
        Command::Catalogue { codes } => reference::catalogue(&codes, look, &mut out)?,
        Command::Schema { document } => schema::write(document.into(), &mut out)?,
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Args::command(), "sipannotate", &mut script);
            out.write_all(&script)?;
        }
        Command::Man => clap_mangen::Man::new(Args::command()).render(&mut out)?,
    }
    out.flush()?;
    drop(out);
    output.keep()?;
    Ok(Exit::Success)
}

fn cannot_read(path: &str) -> String {
    format!("cannot read {path}")
}
