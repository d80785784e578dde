//! Page: puts the parts together.
//!
//! In: [`Facts`]. Out: the page up to where the responses stand, and the rest.
//!
//! # References
//! - Content Security Policy Level 3 §2.3.1, §6.7.3 (hashes of style and script)

use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior, Value, context};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::rows::{Rows, write_json};
use super::timeline::Timeline;
use super::words::Words;
use super::{Options, chart, findings, ladder, say, tables};
use crate::report::Provenance;
use crate::report::table::capture::understood;
use crate::report::table::findings::severity_label;
use crate::report::table::layout::Page;
use crate::report::view::{CallRef, Ladder, Severity, View};

const PAGE: &str = include_str!("page.html");
const FINDING: &str = include_str!("finding.html");
const CHART: &str = include_str!("chart.html");
const LADDER: &str = include_str!("ladder.html");
const STYLE: &str = include_str!("report.css");
const SCRIPT: &str = include_str!("report.js");

/// Where the responses stand. No text has it in it, for `<` is escaped everywhere else.
const ROWS: &str = "<!--responses-->";

/// Files of which the digest is told.
const SHOWN_FILES: usize = 100;

/// What the page is made of.
pub(super) struct Facts<'a> {
    pub(super) view: &'a View,
    pub(super) timeline: &'a Timeline,
    pub(super) ladders: &'a [Ladder],
    pub(super) rows: &'a Rows,
    pub(super) made: &'a Provenance,
}

#[derive(Serialize)]
struct Pill {
    severity: &'static str,
    word: &'static str,
    count: usize,
}

#[derive(Serialize)]
struct File {
    path: String,
    bytes: String,
    sha256: Option<String>,
}

/// The page before and behind its responses.
pub(super) fn render(facts: &Facts<'_>, options: &Options) -> io::Result<(String, String)> {
    let words = Words::of(options.lang);
    let page = fill(facts, options, &words).map_err(io::Error::other)?;
    let (before, behind) = page
        .split_once(ROWS)
        .ok_or_else(|| io::Error::other("the template has no place for responses"))?;
    Ok((before.to_owned(), behind.to_owned()))
}

fn fill(facts: &Facts<'_>, options: &Options, words: &Words) -> Result<String, minijinja::Error> {
    let Facts { view, .. } = *facts;
    let shown = findings::shown(view);
    let start = findings::capture_start(view);
    let drawn = ladder::draw(facts.ladders, options);
    let ladder_of = |finding: usize, call: &CallRef| {
        let place = facts.ladders.iter().position(|ladder| {
            let names = ladder.findings.iter().any(|of| of.finding == finding);
            // Findings know long Call-IDs by their beginning.
            names && ladder.call_id.0.starts_with(&call.call_id.0)
        });
        place.map(|place| place + 1)
    };
    let said: Vec<_> = shown
        .iter()
        .enumerate()
        .map(|finding| findings::say(finding, start, &ladder_of, words, options))
        .collect();
    let totals = &view.totals;
    let (signers, more_signers) = tables::signers(view);
    let (captures, more_captures) = tables::captures(view, options);
    let (kept, further) = facts.rows.counts();
    let data = data(facts, words).map_err(|error| {
        minijinja::Error::new(minijinja::ErrorKind::WriteFailure, "data").with_source(error)
    })?;
    let first = view.captures.iter().filter_map(|capture| capture.first);
    let last = view.captures.iter().filter_map(|capture| capture.last);
    let span = first.min().zip(last.max());
    let facts_shown = [
        ("calls", say::count(totals.calls)),
        ("invites", say::count(totals.invites)),
        ("sip", say::count(totals.sip_messages)),
        ("packets", say::count(totals.packets)),
    ];
    environment()?.get_template("page.html")?.render(context! {
        w => Serde(words.by_name()),
        lang => words.code(),
        version => env!("CARGO_PKG_VERSION"),
        policy => Value::from_safe_string(policy()),
        style => Value::from_safe_string(STYLE.to_owned()),
        script => Value::from_safe_string(SCRIPT.to_owned()),
        data => Value::from_safe_string(data),
        rows => Value::from_safe_string(ROWS.to_owned()),
        headline => findings::headline(view, words, options),
        worst => view.findings.first().map(|worst| worst.severity.name()),
        pills => Serde(pills(view, options)),
        span => span.map(|(first, last)| say::window(first, last, first.0, options)),
        has_sip => totals.sip_messages > 0,
        facts => Serde(facts_shown),
        transports => Serde(transports(view)),
        chart => Serde(chart::draw(facts.timeline, view, shown, words, options)),
        findings => Serde(said),
        more_findings => view.findings.len() - shown.len(),
        codes => Serde(tables::codes(view)),
        metrics => Serde(tables::metrics(view)),
        peers => Serde(tables::peers(view)),
        signers => Serde(signers),
        more_signers,
        trust => Serde(tables::trust(view, options)),
        understood => understood(words.labels, view),
        captures => Serde(captures),
        more_captures,
        ladders => Serde(drawn),
        kept => say::count(kept),
        has_rows => kept > 0,
        further => (further > 0).then(|| say::count(further)),
        narrowed => options.narrowed,
        made => context! {
            files => Serde(files(facts.made)),
            command => say::safe(&facts.made.command),
        },
    })
}

/// The engine: what is not marked safe above is escaped, and a name that is not there is an error.
fn environment() -> Result<Environment<'static>, minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    environment.set_syntax(
        SyntaxConfig::builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .build()?,
    );
    for (name, source) in [
        ("page.html", PAGE),
        ("finding.html", FINDING),
        ("chart.html", CHART),
        ("ladder.html", LADDER),
    ] {
        environment.add_template(name, source)?;
    }
    Ok(environment)
}

/// What the page may load: nothing; and run: its own style and script.
fn policy() -> String {
    let hash = |text: &str| STANDARD.encode(Sha256::digest(text.as_bytes()));
    format!(
        "default-src 'none'; img-src data:; style-src 'sha256-{}'; script-src 'sha256-{}'; \
         base-uri 'none'; form-action 'none'",
        hash(STYLE),
        hash(SCRIPT)
    )
}

/// What the script needs beside the responses.
fn data(facts: &Facts<'_>, words: &Words) -> io::Result<String> {
    #[derive(Serialize)]
    struct Data<'a> {
        words: std::collections::BTreeMap<&'static str, &'static str>,
        said: &'a [String],
        /// Ladders by Call-ID, as rows have it.
        ladders: std::collections::BTreeMap<String, usize>,
    }
    let numbered = facts.ladders.iter().zip(1..);
    let data = Data {
        words: words.by_name(),
        said: facts.rows.said(),
        ladders: numbered
            .map(|(ladder, number)| (Rows::call(ladder.call_id.wire()), number))
            .collect(),
    };
    let mut json = Vec::new();
    write_json(&data, &mut json)?;
    String::from_utf8(json).map_err(io::Error::other)
}

fn pills(view: &View, options: &Options) -> Vec<Pill> {
    let pill = |(level, count): (Severity, usize)| Pill {
        severity: level.name(),
        word: severity_label(Page::new(options), level),
        count,
    };
    view.found().map(pill).collect()
}

/// `UDP 1426`.
fn transports(view: &View) -> String {
    let mut transports: Vec<_> = view.totals.transports.iter().collect();
    transports.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let said = transports.into_iter();
    let said: Vec<String> = said
        .map(|(name, messages)| format!("{name} {}", say::count(*messages)))
        .collect();
    said.join(", ")
}

fn files(made: &Provenance) -> Vec<File> {
    let files = made.files.iter().take(SHOWN_FILES);
    files
        .map(|file| File {
            path: file.path.wire().terminal().into_owned(),
            bytes: say::count(file.bytes),
            sha256: file.sha256.clone(),
        })
        .collect()
}
