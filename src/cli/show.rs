//! `show`: one call as a ladder, or the messages of a frame and their calls.
//!
//! In: captures, and a Call-ID or a frame. Out: the ladders on the output. A frame takes two
//! readings: the first finds out whose it is; a call that an element sent on takes one more, for
//! its legs. With `--redact`, the ladders are those of redacted copies of the captures; a Call-ID
//! is then that of the originals, or its pseudonym.

use std::collections::BTreeMap;
use std::io::Write as _;

use anyhow::Context as _;

use super::args::{Args, Format, Show};
use super::config::Config;
use super::exit::{Exit, Problem};
use super::inputs::{self, Kept, Opened};
use super::progress::Progress;
use super::redact::{Form, Replaced};
use super::run::{tell_cut_short, tell_unopened, tell_unread, warn_before};
use crate::calls::Onward;
use crate::ladder::Choice;
use crate::pipeline::{self, Gathered};
use crate::report::view::Ladder;
use crate::report::{ladder, markdown};
use crate::units::FrameRef;
use crate::wire_text::WireText;

/// Call-IDs listed of those that fit.
const SHOWN_CHOICES: usize = 20;

/// Carries out `show`.
pub(super) fn run(mut args: Args, asked: Show) -> anyhow::Result<Exit> {
    args.captures.extend(asked.captures);
    if args.output.annotate.is_some() {
        return Err(Problem::usage("-w is for reports, and show writes none")
            .hint("leave show out: sipannotate -w OUT.pcapng CAPTURE")
            .into());
    }
    if matches!(
        args.output.format,
        Some(Format::Csv | Format::Html | Format::Ndjson)
    ) {
        return Err(Problem::usage("a ladder cannot be printed in this form")
            .hint("use -f table, json or markdown")
            .into());
    }
    if let Some(option) = of_reports(&args) {
        return Err(
            Problem::usage(format!("{option} is for reports, and show writes none"))
                .hint("leave it out: show prints whole calls, named with --call or --frame")
                .into(),
        );
    }
    let config = Config::from_args(args)?;
    warn_before(&config);
    let Opened { inputs, failed } = inputs::open(&config.captures)?;
    let unreadable = tell_unopened(&config, failed);
    if inputs.is_empty() {
        return Ok(Exit::Failed);
    }
    let sources = inputs.len();
    let kept = Kept::of(inputs)?;
    // What stands in for the captures is there as long as anything reads it.
    let mut read = Replaced::of(&config, kept.inputs())?;
    let mut gathered = match (asked.what.frame, asked.what.call.unwrap_or_default()) {
        (Some(at), _) => of_frame(&config, std::mem::take(&mut read.inputs), at)?,
        (None, call) => {
            let original = match read.redaction() {
                Some(_) => original(&config, kept.inputs(), &call)?,
                None => None,
            };
            let call = match (original, read.redaction()) {
                (Some(id), Some(redaction)) => redaction.call_id(&id),
                _ => call.into_bytes(),
            };
            of_call(&config, std::mem::take(&mut read.inputs), &call)?
        }
    };
    read.tell(&mut gathered.outcome.view);
    let outcome = &mut gathered.outcome;
    let failed = std::mem::take(&mut outcome.failed);
    let (lost, unreadable) = (failed.len(), unreadable + failed.len());
    tell_unread(&config, failed, std::mem::take(&mut outcome.damaged));
    if lost == sources {
        return Ok(Exit::Failed);
    }
    write(&config, &gathered, asked.what.frame.is_some(), sources)
        .context("cannot write the ladder")?;
    tell_cut_short(&config, &gathered.outcome.view);
    read.check(&config.output, Form::Text)
        .context("the ladder was not redacted")?;
    config.output.keep()?;
    Ok(if unreadable > 0 {
        Exit::Failed
    } else {
        Exit::Success
    })
}

const READING: &str = "cannot read the captures";

/// The messages of a frame, and their calls.
fn of_frame(
    config: &Config,
    inputs: Vec<pipeline::Input>,
    at: FrameRef,
) -> anyhow::Result<Gathered> {
    let sources = inputs.len();
    let kept = Kept::of(inputs)?;
    let inputs = kept.inputs();
    let progress = Progress::start(config.progress, &inputs, &config.options.meter);
    let first =
        pipeline::gather(inputs, &config.options, Choice::Frame(at), Some(at)).context(READING)?;
    drop(progress);
    if first.outcome.failed.len() < sources && first.ladders.is_empty() {
        return Err(no_message(at, sources, &first).into());
    }
    let calls: BTreeMap<_, _> = first
        .ladders
        .iter()
        .filter(|found| !found.call_id.0.is_empty())
        .map(|found| (found.call_id.0.clone(), Some(at)))
        .collect();
    if calls.is_empty() {
        return Ok(first);
    }
    let choice = Choice::Calls(calls);
    let watch = Progress::start_again(config.progress, &kept.inputs(), &config.options.meter);
    let second =
        pipeline::gather(kept.inputs(), &config.options, choice, Some(at)).context(READING)?;
    drop(watch);
    let mut second = with_legs(config, &kept, second, Some(at))?;
    // Messages without Call-ID are part of no call, but they were asked for.
    let nameless = first.ladders.into_iter();
    let nameless = nameless.filter(|found| found.call_id.0.is_empty());
    second.ladders.extend(nameless);
    Ok(second)
}

/// The call that is named by its Call-ID, or by a part of it.
fn of_call(config: &Config, inputs: Vec<pipeline::Input>, call: &[u8]) -> anyhow::Result<Gathered> {
    let sources = inputs.len();
    let kept = Kept::of(inputs)?;
    let mut gathered = like(config, kept.inputs(), call)?;
    if gathered.outcome.failed.len() < sources {
        choose(&mut gathered, call)?;
    }
    with_legs(config, &kept, gathered, None)
}

/// The Call-ID that `call` names in captures that are to be redacted; `None` where it names none, and
/// so may be a pseudonym that somebody was told.
fn original(
    config: &Config,
    inputs: Vec<pipeline::Input>,
    call: &str,
) -> anyhow::Result<Option<Vec<u8>>> {
    let mut gathered = like(config, inputs, call.as_bytes())?;
    if gathered.ladders.is_empty() {
        return Ok(None);
    }
    choose(&mut gathered, call.as_bytes())?;
    Ok(gathered
        .ladders
        .first()
        .map(|found| found.call_id.0.clone()))
}

fn like(config: &Config, inputs: Vec<pipeline::Input>, call: &[u8]) -> anyhow::Result<Gathered> {
    let choice = Choice::Like(call.to_vec());
    let _watch = Progress::start(config.progress, &inputs, &config.options.meter);
    pipeline::gather(inputs, &config.options, choice, None).context(READING)
}

/// The same calls with all their legs, from another reading, if one has several.
fn with_legs(
    config: &Config,
    kept: &Kept,
    gathered: Gathered,
    at: Option<FrameRef>,
) -> anyhow::Result<Gathered> {
    let Some(choice) = all_legs(&gathered, at) else {
        return Ok(gathered);
    };
    let _watch = Progress::start_again(config.progress, &kept.inputs(), &config.options.meter);
    pipeline::gather(kept.inputs(), &config.options, choice, at).context(READING)
}

/// The calls with all their legs, if one has several.
fn all_legs(gathered: &Gathered, at: Option<FrameRef>) -> Option<Choice> {
    let ladders = gathered.ladders.iter().map(|found| &found.call_id.0);
    let mut calls: BTreeMap<Vec<u8>, Option<FrameRef>> =
        ladders.clone().map(|id| (id.clone(), at)).collect();
    let roots: Vec<_> = ladders.map(|id| root(id, &gathered.legs)).collect();
    let is_wanted = |leg: &&Onward| leg.root.as_deref().is_some_and(|it| roots.contains(&it));
    let legs: Vec<Onward> = gathered.legs.iter().filter(is_wanted).cloned().collect();
    for leg in &legs {
        for id in [Some(&leg.call_id), leg.of.as_ref(), leg.root.as_ref()] {
            calls.extend(id.map(|id| (id.to_vec(), at)));
        }
    }
    (!legs.is_empty()).then_some(Choice::Legs(calls, legs))
}

/// The option that was given and could only be ignored: a script that trusts the exit code of
/// `--fail-on`, or takes a ladder for narrowed, would be misled.
fn of_reports(args: &Args) -> Option<&'static str> {
    let output = &args.output;
    [
        ("--fail-on", !args.analysis.fail_on.is_empty()),
        ("--code", !output.code.is_empty()),
        ("--call-id", output.call_id.is_some()),
        ("--host", output.host.is_some()),
        ("--since", output.since.is_some()),
        ("--until", output.until.is_some()),
    ]
    .into_iter()
    .find_map(|(option, is_given)| is_given.then_some(option))
}

/// The first Call-ID of the call that `id` is a leg of.
fn root<'a>(id: &'a [u8], legs: &'a [Onward]) -> &'a [u8] {
    let own = legs.iter().find(|leg| *leg.call_id == *id);
    own.and_then(|leg| leg.root.as_deref()).unwrap_or(id)
}

/// Whether all these are legs of one call.
fn is_one_call(ladders: &[Ladder], legs: &[Onward]) -> bool {
    let mut roots = ladders.iter().map(|found| root(&found.call_id.0, legs));
    let first = roots.next();
    ladders.len() > 1 && roots.all(|root| Some(root) == first)
}

/// Leaves the call that was meant, or says which it could be.
fn choose(gathered: &mut Gathered, call: &[u8]) -> Result<(), Problem> {
    let shown = WireText(call).terminal();
    let ladders = &mut gathered.ladders;
    if let Some(exact) = ladders.iter().position(|found| found.call_id.0 == call) {
        *ladders = vec![ladders.swap_remove(exact)];
        return Ok(());
    }
    if is_one_call(ladders, &gathered.legs) {
        return Ok(());
    }
    match ladders.as_slice() {
        [_] if !call.is_empty() => Ok(()),
        [] => Err(Problem::usage(format!("no call has `{shown}` in its Call-ID"))
            .hint("a part of the Call-ID is enough, in its own case; the list of responses has all that were answered: sipannotate --all CAPTURE")),
        found => {
            let more = if gathered.further > 0 { "more than " } else { "" };
            let mut choices: Vec<String> = found
                .iter()
                .take(SHOWN_CHOICES)
                .map(|found| found.call_id.wire().terminal().into_owned())
                .collect();
            if found.len() > SHOWN_CHOICES {
                choices.push("...".to_owned());
            }
            let count = found.len();
            Err(
                Problem::usage(format!("`{shown}` is in the Call-IDs of {more}{count} calls"))
                    .choices(choices)
                    .hint("name one of them with --call"),
            )
        }
    }
}

/// Nothing of SIP ends, or goes on, in this frame.
fn no_message(at: FrameRef, sources: usize, run: &Gathered) -> Problem {
    let captures = &run.outcome.view.captures;
    let file = usize::from(at.file.0);
    let Some(capture) = captures.get(file) else {
        return Problem::usage(format!("there is no capture {file}")).hint(format!(
            "captures count from 0, and {} can be read",
            captures.len()
        ));
    };
    if at.no.0 > capture.packets {
        return Problem::usage(format!(
            "there is no frame {}: the capture has {}",
            at, capture.packets
        ))
        .hint(if sources > 1 {
            "of several captures a frame is named FILE:N, FILE counted from 0"
        } else {
            "frames count from 1, as in Wireshark"
        });
    }
    Problem::usage(format!("frame {at} holds no SIP message that could be read"))
        .hint("the list of responses names frames: sipannotate --all CAPTURE; what could not be read stands in the report's trust line")
}

fn write(
    config: &Config,
    gathered: &Gathered,
    is_frame: bool,
    sources: usize,
) -> std::io::Result<()> {
    let mut out = config.output.writer()?;
    let calls = &gathered.ladders;
    if config.format == Format::Json {
        ladder::write_json(calls, &gathered.outcome.view, &mut out)?;
        return out.flush();
    }
    let options = ladder::Options {
        width: config.table.width,
        color: config.table.color,
        lang: config.table.lang,
        time: config.table.time,
        many_files: sources > 1,
    };
    let mut is_first = true;
    let mut between = |out: &mut dyn std::io::Write| {
        if std::mem::take(&mut is_first) {
            Ok(())
        } else {
            writeln!(out)
        }
    };
    let is_call = |call: &&Ladder| !call.call_id.0.is_empty();
    if config.format == Format::Markdown {
        let look = crate::report::table::Options {
            files: sources,
            ..config.table
        };
        for call in calls {
            between(&mut out)?;
            markdown::write_call(call, look, &mut out)?;
        }
        return out.flush();
    }
    if is_frame {
        for call in calls {
            between(&mut out)?;
            ladder::write_frame(call, &options, &mut out)?;
        }
    }
    for call in calls.iter().filter(is_call) {
        between(&mut out)?;
        ladder::write(call, &options, &mut out)?;
    }
    out.flush()
}
