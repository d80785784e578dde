//! The command line as it was typed: names, forms and help, no logic.
//!
//! In: arguments. Out: [`Args`]. What they mean together is settled by `config`. The first line of
//! each comment below is what `-h` prints, all of it what `--help` prints.

use std::path::PathBuf;

use clap::{Args as Group, ColorChoice, Parser, Subcommand, ValueEnum};

use super::values::{Codes, FailOn};
use crate::report::filter::{Host, Moment};
use crate::units::{FrameRef, Span};

/// Annotate every SIP response of a capture, and tell incidents apart from noise.
///
/// Reads pcap and pcapng, says of every SIP response what it means and what to do, and finds bursts
/// of refused calls and answered calls without ACK.
#[derive(Debug, Parser)]
#[command(
    name = "sipannotate",
    version = super::VERSION,
    max_term_width = 100,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    override_usage = "sipannotate [OPTIONS] <CAPTURE>...\n       sipannotate [OPTIONS] <COMMAND>",
    after_help = "Exit status: 0 report written, 1 an input or the output failed, 2 wrong command line, 3 --fail-on matched."
)]
pub(super) struct Args {
    /// Captures to read; `-` is standard input, a folder means the captures in it.
    ///
    /// A capture that is named like a command is given as `./explain` or with -r.
    #[arg(value_name = "CAPTURE", help_heading = "Input")]
    pub(super) captures: Vec<PathBuf>,

    /// Input options.
    #[command(flatten)]
    pub(super) input: Input,
    /// Analysis options.
    #[command(flatten)]
    pub(super) analysis: Analysis,
    /// Output options.
    #[command(flatten)]
    pub(super) output: Output,
    /// Diagnostics options.
    #[command(flatten)]
    pub(super) diagnostics: Diagnostics,

    /// What else to do.
    #[command(subcommand)]
    pub(super) command: Option<Command>,
}

/// Commands beside the annotation of captures.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Print catalogue entries: a status code, rule, cause, verdict, qualifier, q850:21 or warn:399.
    Explain {
        /// What to explain.
        #[arg(required = true, value_name = "WHAT")]
        what: Vec<String>,
    },
    /// Print two status codes side by side.
    Compare {
        /// A status code.
        #[arg(value_name = "CODE")]
        first: String,
        /// Another.
        #[arg(value_name = "CODE")]
        second: String,
    },
    /// Print the catalogue as a table.
    Catalogue {
        /// Codes or classes, such as 4xx or 438; all if none is given.
        #[arg(value_name = "4xx|CODE")]
        codes: Vec<String>,
    },
    /// Compare two captures: did the fix work?
    ///
    /// What was found before stands beside what was found after: findings, final answers, ratios and
    /// delays, with intervals, so that noise is not called a change. --fail-on looks at AFTER.
    Diff {
        /// Capture from before the change; a folder means the captures in it.
        before: PathBuf,
        /// Capture from after it.
        after: PathBuf,
    },
    /// Write a capture anew with pseudonyms in place of subscriber data.
    ///
    /// Telephone numbers, users, hosts, names, addresses, identifiers and secrets are replaced; what
    /// was equal stays equal, and another form of a number stays that. Encrypted packets and those without SIP
    /// keep their headers only. The output is a pcapng, named with -o, and is read back and
    /// searched for what the input held before it gets its name.
    Redact {
        /// The capture; `-` is standard input.
        #[arg(value_name = "CAPTURE")]
        capture: Option<PathBuf>,
    },
    /// Print the JSON Schema of what is printed as JSON, or of a bundle's manifest.
    Schema {
        /// Of which document.
        #[arg(value_enum, value_name = "DOCUMENT", default_value = "report")]
        document: Document,
    },
    /// Print one call as a ladder, or a message as it was sent.
    ///
    /// All hops of the call that were captured, with what was sent again folded, and what the report
    /// says of its responses and findings beside them.
    Show(Show),
    /// Write a folder a finding to hand on: ticket, ladders, a capture of just its calls.
    ///
    /// Each folder holds `ticket.md` (the finding as Markdown, with a call as an example), `ladder.txt`
    /// (up to five of its calls), `capture.pcapng` (all frames of the calls that the finding names, media
    /// left out) and `manifest.json` (how it was made, and SHA-256 of every file). README.md lists the
    /// folders. -o names the folder they are written into; it appears when it is whole, and must not be
    /// there before. Captures are read several times, so what comes through a pipe is kept in a
    /// temporary file meanwhile.
    Bundle {
        /// Captures to read.
        #[arg(required = true, value_name = "CAPTURE")]
        captures: Vec<PathBuf>,
    },
    /// Print a completion script.
    Completions {
        /// For which shell.
        shell: clap_complete::Shell,
    },
    /// Print the manual page.
    Man,
}

/// Of what the ladder is.
#[derive(Debug, Group)]
pub(super) struct Show {
    /// Captures to read, as without a command.
    #[arg(value_name = "CAPTURE")]
    pub(super) captures: Vec<PathBuf>,
    /// What is shown.
    #[command(flatten)]
    pub(super) what: Shown,
}

/// A call, by its name or by a message of it.
#[derive(Debug, Group)]
#[group(required = true, multiple = false)]
pub(super) struct Shown {
    /// The call with this Call-ID, or with the one that ID is part of.
    #[arg(long, value_name = "ID")]
    pub(super) call: Option<String>,
    /// The messages of frame N as they were sent, and their calls; with several captures `FILE:N`.
    ///
    /// FILE counts the captures from 0, as the report's frame numbers do. Tokens of Identity header
    /// fields are decoded below their message.
    #[arg(long, value_name = "[FILE:]N", value_parser = super::values::frame)]
    pub(super) frame: Option<FrameRef>,
}

/// What is read.
#[derive(Debug, Group)]
#[command(next_help_heading = "Input")]
pub(super) struct Input {
    /// Another way to name a capture.
    #[arg(short = 'r', long = "read", value_name = "FILE", global = true)]
    pub(super) read: Vec<PathBuf>,
    /// Decrypt TLS with the secrets in FILE (NSS key log form).
    ///
    /// Secrets are also taken from the file that the environment variable `SSLKEYLOGFILE` names.
    #[arg(long, value_name = "FILE", global = true)]
    pub(super) keylog: Option<PathBuf>,
}

/// How it is judged.
#[derive(Debug, Group)]
#[command(next_help_heading = "Analysis")]
pub(super) struct Analysis {
    /// Judge signatures with the signers' certificates in DIR.
    ///
    /// Files are PEM or DER. The certificate behind a token's x5u is looked for as DIR/host/path, then as a file named
    /// like the last part of its path; of several the one that verifies counts. Revocation lists in
    /// DIR count, too. Nothing is ever fetched, and without its certificate no signature is judged.
    #[arg(long, value_name = "DIR", global = true)]
    pub(super) certs: Option<PathBuf>,
    /// Judge certificates by the trusted ones in FILE (PEM).
    #[arg(long, value_name = "FILE", global = true)]
    pub(super) trust: Option<PathBuf>,
    /// Burst detector: length of the sliding window [default: 60s].
    #[arg(long, value_name = "TIME", value_parser = super::values::positive_span, global = true)]
    pub(super) burst_window: Option<Span>,
    /// Burst detector: refusals in the window, at least [default: 5].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), global = true)]
    pub(super) burst_min: Option<u32>,
    /// Burst detector: their share of the window's answers, at least [default: 0.05].
    #[arg(long, value_name = "0..1", value_parser = super::values::fraction, global = true)]
    pub(super) burst_share: Option<f64>,
    /// Burst detector: chance of so many by accident, at most [default: 1e-6].
    #[arg(long, value_name = "0..1", value_parser = super::values::fraction, global = true)]
    pub(super) burst_p: Option<f64>,
    /// Burst detector: a burst is over after so long [default: 120s].
    #[arg(long, value_name = "TIME", value_parser = super::values::positive_span, global = true)]
    pub(super) burst_quiet: Option<Span>,
    /// Exit 3 when a finding of such a rule or severity is reported.
    ///
    /// A comma-separated list: a rule's name (missing-ack), which counts from severity warning up,
    /// or a severity (warning), which means at least that one.
    #[arg(long, value_name = "LIST", value_delimiter = ',', global = true)]
    pub(super) fail_on: Vec<FailOn>,
}

/// What is printed, where and how.
#[derive(Debug, Group)]
#[command(next_help_heading = "Output")]
pub(super) struct Output {
    /// Form of the report [default: table].
    #[arg(short, long, value_enum, value_name = "FORM", global = true)]
    pub(super) format: Option<Format>,
    /// Write the report to FILE; `-` is standard output.
    ///
    /// The report is written beside FILE and then renamed, so that a failed run leaves no half file
    /// behind and an old report stays until the new one is whole.
    #[arg(short = 'o', long = "output", value_name = "FILE", global = true)]
    pub(super) file: Option<PathBuf>,
    /// Also write the capture to FILE as pcapng, with comments on its packets.
    ///
    /// Every packet with a SIP response says what it means and what to do, every packet of a finding
    /// names it; all else is copied as it is. The options that narrow the list of responses do not
    /// count here. The capture is read twice, so it must be one file. `-` is standard output, and the
    /// report then goes to a file (-o).
    #[arg(short = 'w', long = "annotate", value_name = "FILE")]
    pub(super) annotate: Option<PathBuf>,
    /// Print every response in the reports for people, not only the 200 that matter most (in HTML the first 5,000).
    #[arg(long, global = true)]
    pub(super) all: bool,
    /// Print only these responses: 438, 4xx, 400-499, comma-separated.
    ///
    /// This and the next four options narrow the list of responses; totals, codes and findings are
    /// always those of the whole capture.
    #[arg(long, value_name = "LIST", value_delimiter = ',', global = true)]
    pub(super) code: Vec<Codes>,
    /// Print only responses whose Call-ID contains TEXT.
    #[arg(long, value_name = "TEXT", global = true)]
    pub(super) call_id: Option<String>,
    /// Print only responses from or to a host.
    #[arg(long, value_name = "ADDR[:PORT]", value_parser = super::values::host, global = true)]
    pub(super) host: Option<Host>,
    /// Print only responses from TIME on: RFC 3339, HH:MM:SS, +SECONDS.
    ///
    /// TIME is an RFC 3339 time (2026-09-21T14:13:20Z), a time of day (14:13:20, UTC), or seconds from
    /// the capture's start (+90). A time of day is of the capture's first day; what is more than
    /// twelve hours before the first packet, or an --until before its --since, is of the next.
    #[arg(long, value_name = "TIME", value_parser = super::values::moment, global = true)]
    pub(super) since: Option<Moment>,
    /// Print only responses up to TIME, all of its last second included.
    ///
    /// TIME as with --since. Given to the second, as the report prints it, that second is included;
    /// with a fraction (14:13:20.5) it is exact.
    #[arg(long, value_name = "TIME", value_parser = super::values::last_moment, global = true)]
    pub(super) until: Option<Moment>,
    /// Report, show or bundle with pseudonyms in place of subscriber data.
    ///
    /// What is written is that of the capture as the command redact would write it under the same key: signatures
    /// are not judged, and what was encrypted is left out. Names of files and what else on the command line
    /// may name somebody are not told. What was written is searched for what the capture held before it
    /// gets its name. --host and --call take what the capture holds; --call-id is compared with pseudonyms.
    #[arg(long, global = true)]
    pub(super) redact: bool,
    /// Key of the pseudonyms: the same gives the same [default: a random one].
    #[arg(long, value_name = "KEY", value_parser = super::values::key, global = true)]
    pub(super) redact_key: Option<String>,
    /// How the reports for people print time.
    #[arg(long, value_enum, value_name = "STYLE", default_value_t = Time::Utc, global = true)]
    pub(super) time: Time,
    /// Colours: auto, always or never.
    ///
    /// With auto, a terminal gets colours unless `NO_COLOR` is set or `TERM` is dumb.
    #[arg(long, value_name = "WHEN", default_value_t = ColorChoice::Auto, hide_possible_values = true, global = true)]
    pub(super) color: ColorChoice,
    /// Language of headings and labels; else that of `LC_ALL` or `LANG`.
    #[arg(long, value_enum, value_name = "LANG", global = true)]
    pub(super) lang: Option<Lang>,
}

/// What is said about the run itself.
#[derive(Debug, Group)]
#[command(next_help_heading = "Diagnostics")]
pub(super) struct Diagnostics {
    /// No warnings on standard error.
    #[arg(short, long, global = true)]
    pub(super) quiet: bool,
    /// Progress on standard error: auto, always or never.
    ///
    /// With auto, a bar with rate and time left is drawn on a terminal where reading takes longer
    /// than a second. With always, a line now and then says the same where there is no terminal.
    #[arg(long, value_name = "WHEN", default_value_t = ColorChoice::Auto, hide_possible_values = true, global = true)]
    pub(super) progress: ColorChoice,
}

/// A form of report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// Text for people.
    Table,
    /// One JSON object.
    Json,
    /// The same objects, one a line, each as soon as it is known.
    Ndjson,
    /// The responses as rows, under tshark's field names.
    Csv,
    /// One file for a browser, with a chart, ladders and a searchable list.
    Html,
    /// A ticket to a carrier, or of `catalogue` a table.
    Markdown,
}

/// A document that is printed as JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Document {
    /// The report of captures.
    Report,
    /// A line of the report as ndjson.
    Ndjson,
    /// What explain prints.
    Explain,
    /// What compare prints.
    Compare,
    /// What catalogue prints.
    Catalogue,
    /// What diff prints.
    Diff,
    /// What show prints.
    Show,
    /// The manifest.json of a bundle.
    Manifest,
}

/// How time is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Time {
    /// Date and time of day, UTC.
    Utc,
    /// The same in the zone of TZ, or of this machine.
    Local,
    /// Seconds since the capture's start.
    Relative,
    /// Seconds since 1970.
    Epoch,
}

/// A language.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Lang {
    /// English.
    En,
    /// Chinese.
    Zh,
}
