//! Ladders: a reading that keeps the messages of chosen calls.
//!
//! In: inputs and a [`Choice`]. Out: the calls, each with what the same run says of it.

use std::io;

use super::sinks::Sinks;
use super::{Input, Options, Outcome, read};
use crate::calls::Onward;
use crate::ladder::{Choice, Gather, Passed};
use crate::report::{project, view};
use crate::units::FrameRef;

/// Calls with all that a run knows of them.
#[derive(Debug)]
pub struct Gathered {
    /// The chosen calls, in the order of their first messages.
    pub ladders: Vec<view::Ladder>,
    /// Messages of further calls that were asked for, and for which there was no room.
    pub further: u64,
    /// Which of their calls are legs of one.
    pub legs: Vec<Onward>,
    /// What the same run found.
    pub outcome: Outcome,
}

/// Analyses `inputs` and gathers the calls of `choice`; messages of the frame `selected` are marked.
pub fn gather(
    inputs: Vec<Input>,
    options: &Options,
    choice: Choice,
    selected: Option<FrameRef>,
) -> io::Result<Gathered> {
    gather_beside(inputs, options, choice, selected, &mut |_| {})
}

/// The same, while `also` gets every message of the reading.
pub(super) fn gather_beside(
    inputs: Vec<Input>,
    options: &Options,
    choice: Choice,
    selected: Option<FrameRef>,
    also: &mut dyn FnMut(&Passed<'_>),
) -> io::Result<Gathered> {
    let limits = &options.limits;
    let mut annotations = project::Annotations::new(choice.clone(), limits);
    let mut gather = Gather::new(choice, limits);
    let sinks = Sinks {
        each: &mut |response| {
            annotations.push(response);
            Ok(())
        },
        messages: &mut |passed| {
            gather.push(passed);
            also(passed);
        },
    };
    let outcome = read(inputs, options, Vec::new(), sinks)?;
    let gathered = gather.finish();
    let findings = &outcome.view.findings;
    let ladders = gathered
        .ladders
        .into_iter()
        .map(|ladder| project::ladder(ladder, &mut annotations, findings, selected, limits))
        .collect();
    Ok(Gathered {
        ladders,
        further: gathered.further,
        legs: gathered.legs,
        outcome,
    })
}
