//! Config: what the arguments mean together, checked and typed.
//!
//! In: [`Args`]. Out: [`Config`], or the usage error. The output is opened here, before the long run.

use std::io::{self, IsTerminal as _};
use std::path::PathBuf;

use clap::CommandFactory as _;
use tz::TimeZone;

use super::annotate;
use super::args::{self, Analysis, Args, Command, Format, Lang as LangArg, Time};
use super::certs;
use super::color;
use super::exit::Problem;
use super::keys;
use super::output::Output;
use super::progress::Show;
use super::values::FailOn;
use crate::findings::BurstOptions;
use crate::limits::Limits;
use crate::pipeline;
use crate::report::clock::TimeStyle;
use crate::report::filter::Filter;
use crate::report::labels::Lang;
use crate::report::table;

/// An annotation run.
pub(super) struct Config {
    /// What to read.
    pub(super) captures: Vec<PathBuf>,
    /// How to judge it.
    pub(super) options: pipeline::Options,
    /// Which responses to print.
    pub(super) filter: Filter,
    /// Form of the report.
    pub(super) format: Format,
    /// How a table is to look.
    pub(super) table: table::Options,
    /// Where the report goes.
    pub(super) output: Output,
    /// Subscriber data is to be replaced, under a key or a random one.
    pub(super) redact: Option<Redact>,
    /// Where the annotated capture goes, if one is wanted.
    pub(super) annotate: Option<PathBuf>,
    /// What exits with 3.
    pub(super) fail_on: Vec<FailOn>,
    /// What is worth a warning before the run.
    pub(super) warnings: Vec<String>,
    /// No warnings.
    pub(super) quiet: bool,
    /// Messages on standard error have colours.
    pub(super) stderr_color: bool,
    /// Whether a bar shows how far the reading is.
    pub(super) progress: Show,
}

/// What is replaced by pseudonyms.
pub(super) struct Redact {
    /// Their key; a random one if none was given.
    pub(super) key: Option<String>,
}

impl Config {
    /// The run that `args` ask for.
    pub(super) fn from_args(args: Args) -> anyhow::Result<Self> {
        let mut captures = args.captures;
        captures.extend(args.input.read);
        if captures.is_empty() {
            return Err(Problem::usage("no capture is given")
                .hint("name a pcap or pcapng file, or - for standard input")
                .into());
        }
        check_misplaced_command(&captures)?;
        if args.output.annotate.is_some() {
            annotate::check(&captures)?;
        }
        let redact = args.output.redact || args.output.redact_key.is_some();
        if redact && args.input.keylog.is_some() {
            return Err(
                Problem::usage("what is redacted leaves out what was encrypted")
                    .hint("leave out --keylog, or --redact")
                    .into(),
            );
        }
        let limits = Limits::default();
        let secrets = keys::read(args.input.keylog.as_deref(), &limits)?;
        let analysis = &args.analysis;
        let mut certificates = certs::read(
            analysis.certs.as_deref(),
            analysis.trust.as_deref(),
            &limits,
        )?;
        if redact && (analysis.certs.is_some() || analysis.trust.is_some()) {
            certificates.store = crate::stir::Store::default();
            certificates.warnings =
                vec!["signatures are not judged in a redacted report".to_owned()];
        }
        let mut output = Output::open(args.output.file.as_deref(), &captures)?;
        if redact {
            output = output.hold()?;
        }
        let filter = Filter {
            codes: args.output.code.into_iter().map(|codes| codes.0).collect(),
            call_id: args.output.call_id,
            host: args.output.host,
            since: args.output.since,
            until: args.output.until,
        };
        check_window(&filter)?;
        let format = args.output.format.unwrap_or(Format::Table);
        // Lines that come as the capture is read would run into the bar.
        let is_streamed = matches!(format, Format::Json | Format::Ndjson | Format::Csv);
        let shares_terminal = is_streamed && output.is_stdout() && io::stdout().is_terminal();
        let progress = Show::of(
            args.diagnostics.progress,
            args.diagnostics.quiet || shares_terminal,
        );
        let table = table::Options {
            width: if output.is_stdout() {
                color::width()
            } else {
                color::file_width()
            },
            color: if output.is_stdout() {
                color::wanted(args.output.color, &io::stdout())
            } else {
                args.output.color == clap::ColorChoice::Always
            },
            lang: language(args.output.lang),
            all: args.output.all,
            time: match args.output.time {
                Time::Utc => TimeStyle::Utc,
                Time::Local => TimeStyle::Local(local_zone()?),
                Time::Relative => TimeStyle::Relative,
                Time::Epoch => TimeStyle::Epoch,
            },
            files: captures.len(),
            narrowed: !filter.keeps_all(),
        };
        Ok(Self {
            captures,
            options: pipeline::Options {
                limits,
                burst: burst(&args.analysis),
                secrets: Some(secrets),
                certificates: certificates.store,
                ..pipeline::Options::default()
            },
            filter,
            format,
            table,
            output,
            redact: redact.then_some(Redact {
                key: args.output.redact_key,
            }),
            annotate: args.output.annotate,
            fail_on: args.analysis.fail_on,
            warnings: certificates.warnings,
            quiet: args.diagnostics.quiet,
            stderr_color: color::wanted(args.output.color, &io::stderr()),
            progress,
        })
    }
}

/// A window that holds no time is a mistake, and no empty report.
fn check_window(filter: &Filter) -> Result<(), Problem> {
    if filter.is_reversed() {
        return Err(
            Problem::usage("--since is later than --until, so no response can be printed")
                .hint("give the earlier time to --since"),
        );
    }
    Ok(())
}

/// Whether options narrow the list of responses.
pub(super) const fn narrows(output: &args::Output) -> bool {
    !output.code.is_empty()
        || output.call_id.is_some()
        || output.host.is_some()
        || output.since.is_some()
        || output.until.is_some()
}

/// Commands that read captures.
const READS_CAPTURES: [&str; 1] = ["show"];

/// A command takes no captures beside it.
pub(super) fn check_command(
    captures: &[PathBuf],
    read: &[PathBuf],
    command: &Command,
) -> Result<(), Problem> {
    if captures.is_empty() && read.is_empty() {
        return Ok(());
    }
    let name = match command {
        Command::Explain { .. } => "explain",
        Command::Compare { .. } => "compare",
        Command::Catalogue { .. } => "catalogue",
        Command::Diff { .. } => "diff",
        Command::Bundle { .. } => "bundle",
        Command::Schema { .. } => "schema",
        Command::Show(_) => "show",
        Command::Completions { .. } => "completions",
        Command::Man => "man",
        Command::Redact { .. } => "redact",
    };
    let what = if name == "bundle" {
        "the captures of the command bundle stand behind it".to_owned()
    } else {
        format!("the command {name} does not read captures")
    };
    Err(Problem::usage(what).hint(format!(
        "a capture named {name} is given as ./{name} or with -r"
    )))
}

/// The zone of TZ, or else of the machine; it lives as long as the program.
fn local_zone() -> Result<&'static TimeZone, Problem> {
    let named = color::variable("TZ");
    let zone = match &named {
        Some(name) => TimeZone::from_posix_tz(name),
        None => TimeZone::local(),
    };
    match zone {
        Ok(zone) => Ok(Box::leak(Box::new(zone))),
        Err(error) => {
            let of =
                named.map_or_else(|| "of this machine".to_owned(), |name| format!("TZ={name}"));
            Err(
                Problem::usage(format!("the time zone {of} cannot be read: {error}")).hint(
                    "name one with TZ=Europe/Berlin (package tzdata), or leave out --time local",
                ),
            )
        }
    }
}

/// A command behind captures was hardly meant as a file, unless there is one.
fn check_misplaced_command(captures: &[PathBuf]) -> Result<(), Problem> {
    let root = Args::command();
    let misplaced = captures.iter().find_map(|path| {
        let name = root.get_subcommands().map(clap::Command::get_name);
        name.into_iter()
            .find(|name| path.as_os_str() == *name && !path.exists())
    });
    misplaced.map_or(Ok(()), |name| {
        let (what, how) = if READS_CAPTURES.contains(&name) {
            ("stands before its captures", "")
        } else {
            ("does not read captures", ", without captures")
        };
        Err(Problem::usage(format!("the command {name} {what}"))
            .hint(format!("put {name} first{how}: sipannotate {name} --help")))
    })
}

/// The language asked for, else the environment's.
pub(super) fn language(lang: Option<LangArg>) -> Lang {
    match lang {
        Some(LangArg::En) => Lang::En,
        Some(LangArg::Zh) => Lang::Zh,
        None => color::language(),
    }
}

fn burst(analysis: &Analysis) -> BurstOptions {
    let default = BurstOptions::default();
    BurstOptions {
        window: analysis.burst_window.unwrap_or(default.window),
        min: analysis.burst_min.unwrap_or(default.min),
        share: analysis.burst_share.unwrap_or(default.share),
        p: analysis.burst_p.unwrap_or(default.p),
        quiet: analysis.burst_quiet.unwrap_or(default.quiet),
    }
}
