//! Run: carries out what the command line asks for.
//!
//! In: [`Args`]. Out: the report, warnings on standard error, and how the program ends.

use std::cell::Cell;
use std::io::{self, Write};

use anyhow::Context as _;
use clap::CommandFactory as _;

use super::again::Rereading;
use super::annotate::{self, Second};
use super::args::{Args, Command, Format};
use super::config::{self, Config};
use super::exit::{Exit, Problem};
use super::inputs::{self, Kept, Opened};
use super::interrupt;
use super::output::Output;
use super::progress::Progress;
use super::redact::{Form, Replaced};
use super::reference::{self, Look};
use super::values::FailOn;
use super::{bundle, color, diff, messages, redact, show};
use crate::capture;
use crate::pipeline::{self, Outcome};
use crate::report::comments::Comments;
use crate::report::view::{Response, View};
use crate::report::{Report, csv, html, json, markdown, ndjson, schema, table};

/// Carries out `args`.
pub(super) fn run(mut args: Args) -> anyhow::Result<Exit> {
    match args.command.take() {
        None => analyse(args),
        Some(Command::Diff { before, after }) => {
            let command = Command::Diff {
                before: before.clone(),
                after: after.clone(),
            };
            config::check_command(&args.captures, &args.input.read, &command)?;
            diff::run(args, &before, &after)
        }
        Some(Command::Show(asked)) => show::run(args, asked),
        Some(Command::Redact { capture }) => {
            let mut captures = std::mem::take(&mut args.captures);
            captures.extend(capture);
            captures.append(&mut args.input.read);
            redact::command(&captures, &args)
        }
        Some(command) => {
            config::check_command(&args.captures, &args.input.read, &command)?;
            match command {
                Command::Bundle { captures } => bundle::run(args, captures),
                command => other(&args, command),
            }
        }
    }
}

fn analyse(args: Args) -> anyhow::Result<Exit> {
    let mut config = Config::from_args(args)?;
    // Whatever else is made of the responses needs them all.
    if config.format == Format::Table && config.annotate.is_none() {
        config.options.told_responses = config.table.shown_responses();
    }
    warn_before(&config);
    let Opened { inputs, failed } = inputs::open(&config.captures)?;
    let mut unreadable = tell_unopened(&config, failed);
    if inputs.is_empty() {
        return Ok(Exit::Failed);
    }
    // What stands in for the captures is there as long as anything reads it.
    let mut read = Replaced::of(&config, inputs)?;
    if let (Some(redaction), Some(host)) = (read.redaction(), &mut config.filter.host)
        && redaction.values().has_address(host.addr)
    {
        host.addr = redaction.address(host.addr);
    }
    let config = config;
    let inputs = std::mem::take(&mut read.inputs);
    let mut second = match &config.annotate {
        Some(path) => Some(Second::open(path, &inputs, &config)?),
        None => None,
    };
    let (inputs, kept) = if reads_again(config.format) {
        let kept = Kept::of(inputs)?;
        (kept.inputs(), Some(kept))
    } else {
        (inputs, None)
    };
    let comments = second.as_mut().map(|second| &mut second.comments);
    let written = write_report(&config, &read, inputs, kept.as_ref(), comments)?;
    unreadable += written.failed.len();
    tell_unread(&config, written.failed, written.damaged);
    // No report was completed: the output is dropped, and with it the file beside its name.
    let Some(view) = written.view else {
        return Ok(Exit::Failed);
    };
    let exit = exit(&config, &view, unreadable == 0);
    tell_cut_short(&config, &view);
    read.check(&config.output, Form::Text)
        .context("the report was not redacted")?;
    config.output.keep()?;
    if let Some(second) = second {
        for warning in second.write(&view, &read, &config.options.limits)? {
            if !config.quiet {
                messages::warning(&warning, config.stderr_color);
            }
        }
    }
    Ok(exit)
}

/// Warns of what the command line itself says.
pub(super) fn warn_before(config: &Config) {
    let warnings = config.warnings.iter().filter(|_| !config.quiet);
    warnings.for_each(|warning| messages::warning(warning, config.stderr_color));
}

/// Tells the inputs that could not be opened, and how many they are.
pub(super) fn tell_unopened(config: &Config, failed: Vec<(String, anyhow::Error)>) -> usize {
    let count = failed.len();
    for (path, error) in failed {
        messages::error(&error.context(cannot_read(&path)), config.stderr_color);
    }
    count
}

/// Tells the inputs that could not be read, and those of which a part was lost.
pub(super) fn tell_unread(
    config: &Config,
    failed: Vec<(String, pipeline::InputError)>,
    damaged: Vec<(String, pipeline::InputError)>,
) {
    for (path, error) in failed {
        let hint = error.downcast_ref().and_then(capture::Error::hint);
        let hint = hint.map(str::to_owned);
        let error = anyhow::Error::from_boxed(error).context(cannot_read(&path));
        messages::error(&error, config.stderr_color);
        if let Some(hint) = hint {
            messages::hint(&hint, config.stderr_color);
        }
    }
    for (path, error) in damaged {
        if !config.quiet {
            let error = anyhow::Error::from_boxed(error);
            messages::warning(&format!("{path}: {error:#}"), config.stderr_color);
        }
    }
}

/// Tells whether a capture ends early.
pub(super) fn tell_cut_short(config: &Config, view: &View) {
    if !config.quiet && view.captures.iter().any(|capture| capture.cut_short) {
        messages::warning(
            "a capture ends inside a packet; what was read up to there is reported",
            config.stderr_color,
        );
    }
}

/// How a run ends whose report was written; `is_whole` if every input could be read.
pub(super) fn exit(config: &Config, view: &View, is_whole: bool) -> Exit {
    let matched = view.findings.iter().any(|finding| {
        let matches = |on: &FailOn| on.matches(&finding.rule, finding.severity);
        config.fail_on.iter().any(matches)
    });
    match (is_whole, matched) {
        (false, _) => Exit::Failed,
        (true, true) => Exit::Matched,
        (true, false) => Exit::Success,
    }
}

/// What came of an analysis and its report.
struct Written {
    /// Absent where no input could be read, and so nothing was reported.
    view: Option<View>,
    failed: Vec<(String, pipeline::InputError)>,
    damaged: Vec<(String, pipeline::InputError)>,
}

/// Whether a form of report needs the captures more than once.
const fn reads_again(format: Format) -> bool {
    matches!(format, Format::Html | Format::Markdown)
}

fn write_report(
    config: &Config,
    read: &Replaced,
    inputs: Vec<pipeline::Input>,
    kept: Option<&Kept>,
    mut comments: Option<&mut Comments>,
) -> anyhow::Result<Written> {
    let writing = "cannot write the report";
    let mut look = config.table;
    look.files = look.files.max(inputs.len());
    let sources = inputs.len();
    let out = config.output.writer().context(writing)?;
    let again = kept.map(|kept| {
        Box::new(Rereading {
            kept,
            options: &config.options,
            progress: config.progress,
            redacted: config.redact.is_some(),
        })
    });
    let mut report: Box<dyn Report + '_> = match (config.format, again) {
        (Format::Json, _) => Box::new(json::Json::new(out)),
        (Format::Ndjson, _) => Box::new(ndjson::Ndjson::new(out)),
        (Format::Csv, _) => Box::new(csv::Csv::new(out, look.files > 1)),
        (Format::Html, Some(again)) => Box::new(html::Html::new(out, look, again)),
        (Format::Markdown, Some(again)) => Box::new(markdown::Markdown::new(out, look, again)),
        (Format::Table | Format::Html | Format::Markdown, _) => {
            Box::new(table::Table::new(out, look))
        }
    };
    let progress = Progress::start(config.progress, &inputs, &config.options.meter);
    let mut began = false;
    // Who has seen enough of the report still gets the capture that was asked for.
    let goes_on = comments.is_some();
    let closed = Cell::new(false);
    let unless_closed = |done: io::Result<()>| match done {
        Err(error) if goes_on && error.kind() == io::ErrorKind::BrokenPipe => {
            closed.set(true);
            Ok(())
        }
        done => done,
    };
    let mut each = |response: &Response<'_>| {
        began = true;
        report.passed(response);
        if let Some(comments) = &mut comments {
            annotate::gather(comments, response)?;
        }
        if config.filter.keeps(response) && !closed.get() {
            unless_closed(report.response(response))
        } else {
            Ok(())
        }
    };
    let Outcome {
        mut view,
        failed,
        damaged,
    } = pipeline::analyse(inputs, &config.options, &mut each).context(writing)?;
    read.tell(&mut view);
    view.trust.extend(interrupt::told());
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
    if !closed.get() {
        unless_closed(report.finish(&view)).context(writing)?;
    }
    Ok(Written {
        view: Some(view),
        failed,
        damaged,
    })
}

fn other(args: &Args, command: Command) -> anyhow::Result<Exit> {
    if args.output.annotate.is_some() {
        return Err(Problem::usage("-w is for captures, and this command reads none").into());
    }
    if let Some(format) = args.output.format {
        check_form(&command, format)?;
    }
    let output = Output::open(args.output.file.as_deref(), &[])?;
    let look = Look {
        format: args.output.format.unwrap_or(Format::Table),
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
        // They read captures, and have runs of their own.
        Command::Diff { .. }
        | Command::Bundle { .. }
        | Command::Show(_)
        | Command::Redact { .. } => {}
        Command::Man => clap_mangen::Man::new(Args::command()).render(&mut out)?,
    }
    out.flush()?;
    drop(out);
    output.keep()?;
    Ok(Exit::Success)
}

/// A form in which a command prints nothing is refused, not ignored.
fn check_form(command: &Command, format: Format) -> Result<(), Problem> {
    let (what, hint) = match command {
        Command::Schema { .. } if format != Format::Json => (
            "a schema is JSON and comes in no other form",
            "leave -f out; the schema of a line of -f ndjson is printed by: sipannotate schema ndjson",
        ),
        Command::Completions { .. } => (
            "a completion script is for a shell, and -f is for reports",
            "leave -f out, and name the shell: sipannotate completions bash",
        ),
        Command::Man => (
            "the manual page has one form, and -f is for reports",
            "leave -f out: sipannotate man | man -l -",
        ),
        _ => return Ok(()),
    };
    Err(Problem::usage(what).hint(hint))
}

fn cannot_read(path: &str) -> String {
    format!("cannot read {path}")
}
