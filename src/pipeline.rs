//! Pipeline: the only file that knows all stages; owns them and wires push to push.
//!
//! In: opened inputs. Out: responses one by one as they settle, then the whole [`view::View`].
//! Several inputs are merged by packet time and analysed as one capture: calls and TCP streams go
//! on over their borders, and what two taps both saw is counted once.

mod ahead;
mod annotate;
mod clock;
mod extract;
mod ladders;
mod loss;
mod options;
mod sinks;
mod sip;
mod survey;
mod wires;

use std::cell::{Cell, RefCell};
use std::io;
use std::sync::Arc;

use crate::calls::{Moment, Sighting};
use crate::capture::{self, Border, Ended, Frame, Merge, Meter, Taps};
use crate::defect::{Defect, DefectKind};
use crate::findings::rule::Rule;
use crate::findings::trust::Trust;
use crate::limits::Limits;
use crate::packet::hep;
use crate::packet::{Decoder, Packet};
use crate::report::{project, view};
use crate::sip::RawMessage;
use crate::tls::KeyLog;
use crate::units::{FrameNo, FrameRef, Span, Timestamp};

use ahead::Step;
pub use annotate::annotate;
use clock::Relayed;
pub use extract::{CallFrames, Extract, call_frames, extract};
pub use ladders::{Gathered, gather};
use loss::{is_loss, is_unread};
pub use options::{Input, Options};
use sinks::{Responses, Sinks};
use sip::Sip;
use survey::survey;
pub use wires::Wires;

/// Names of the rules there are, for `--fail-on`.
pub use crate::findings::registry::RULES;

/// An error of one input.
pub type InputError = Box<dyn std::error::Error + Send + Sync>;

/// What a run found.
#[derive(Debug)]
pub struct Outcome {
    /// What is known at the end.
    pub view: view::View,
    /// Inputs that could not be read at all, or that the system stopped reading, by path.
    pub failed: Vec<(String, InputError)>,
    /// Inputs of which a part could not be used, by path; the report says so, too.
    pub damaged: Vec<(String, InputError)>,
}

/// Analyses `inputs`; `each` gets the responses as they settle. An error is one of `each`.
pub fn analyse(
    inputs: Vec<Input>,
    options: &Options,
    each: &mut dyn FnMut(&view::Response<'_>) -> io::Result<()>,
) -> io::Result<Outcome> {
    analyse_with(inputs, options, Vec::new(), each)
}

/// The same with `rules` beside the registered ones.
pub fn analyse_with(
    inputs: Vec<Input>,
    options: &Options,
    rules: Vec<Box<dyn Rule>>,
    each: &mut dyn FnMut(&view::Response<'_>) -> io::Result<()>,
) -> io::Result<Outcome> {
    let sinks = Sinks {
        each,
        messages: &mut |_| {},
    };
    read(inputs, options, rules, sinks)
}

fn read(
    inputs: Vec<Input>,
    options: &Options,
    rules: Vec<Box<dyn Rule>>,
    mut sinks: Sinks<'_>,
) -> io::Result<Outcome> {
    let sinks = &mut sinks;
    let mut run = Run::new(options);
    run.sip.findings.add(rules);
    let inputs = inputs.into_iter().map(|input| (input.path, input.source));
    let (mut merge, mut failed) =
        Merge::open_metered(inputs.collect(), &options.limits, &options.meter);
    run.paths = merge.paths();
    run.read(&mut merge, &options.limits, sinks)?;
    let mut captures = Vec::new();
    let mut damaged = Vec::new();
    for Ended {
        path,
        summary,
        shift,
        error,
        ..
    } in merge.finish()
    {
        captures.push(project::capture(path.as_str(), &summary, shift));
        match error {
            Some(error) if error.is_damage() => damaged.push((path, error.into())),
            Some(error) => failed.push((path, error.into())),
            None => {}
        }
    }
    let view = run.finish(captures, sinks)?;
    Ok(Outcome {
        view,
        failed,
        damaged,
    })
}

/// All stages.
struct Run {
    decoder: Decoder,
    wires: Wires,
    sip: Sip,
    trust: RefCell<Trust>,
    first: Option<Timestamp>,
    /// How the captures were named, by index.
    paths: Vec<String>,
    /// Frames read, and where that is told now and then.
    frames: u64,
    meter: Arc<Meter>,
    limits: Limits,
}

impl Run {
    fn new(options: &Options) -> Self {
        let limits = &options.limits;
        let secrets = options.secrets.clone();
        let secrets = secrets.unwrap_or_else(|| KeyLog::new(limits));
        Self {
            decoder: Decoder::new(limits),
            wires: Wires::new(secrets, limits),
            sip: Sip::new(options),
            trust: RefCell::new(Trust::new(limits.defect_groups)),
            first: None,
            paths: Vec::new(),
            frames: 0,
            meter: Arc::clone(&options.meter),
            limits: *limits,
        }
    }

    /// Reads all inputs to their ends.
    fn read(
        &mut self,
        merge: &mut Merge,
        limits: &Limits,
        sinks: &mut Sinks<'_>,
    ) -> io::Result<()> {
        if merge.is_several() {
            let mut taps = Taps::new(limits);
            let found = survey(merge, limits);
            for shift in found.shifts {
                merge.shift(shift.file, shift.by);
                taps.aligned(shift.file, shift.by, shift.count);
            }
            for (pair, offset) in found.offsets {
                taps.know(pair, offset);
            }
            self.sip.taps = Some(taps);
        }
        ahead::read(merge, &mut |step| self.step(step, sinks))
    }

    /// Takes what the captures go on to.
    #[inline]
    fn step(&mut self, step: Step<'_>, sinks: &mut Sinks<'_>) -> io::Result<()> {
        match step {
            Step::Frame(frame) => {
                self.frames += 1;
                self.meter.read_packets(self.frames);
                self.frame(&frame, sinks)?;
            }
            Step::Overlap => {
                if let Some(taps) = &mut self.sip.taps {
                    taps.overlap();
                }
            }
            Step::Border(border) => self.border(&border),
            Step::Secrets { kind, bytes } => {
                if kind == capture::TLS_KEY_LOG {
                    self.wires.add_secrets(bytes);
                }
            }
            Step::Defect(defect) => self.input_defect(&defect),
            Step::CutShort {
                at,
                offset_bytes,
                is_compressed,
            } => {
                let detail = if is_compressed {
                    "the compressed file ends early, at byte {} of what it holds; everything before it was analysed"
                } else {
                    "the file ends inside a packet, at byte {}; everything before it was analysed"
                };
                let cut = Defect::new(DefectKind::CutShort, at, detail);
                self.input_defect(&cut.with_number(offset_bytes));
            }
        }
        Ok(())
    }

    /// One capture goes on where another ended.
    fn border(&mut self, border: &Border) {
        let at = FrameRef {
            file: border.file,
            no: FrameNo(1),
        };
        let times = (border.from, border.until);
        let mut defect = |defect: Defect| self.trust.get_mut().add(&defect);
        if let Some(taps) = &mut self.sip.taps {
            taps.goes_on(border.file, border.before);
        }
        self.sip
            .calls
            .goes_on(at, border.before, times, &mut defect);
    }

    fn input_defect(&mut self, defect: &Defect) {
        self.trust.get_mut().add(defect);
        if is_loss(defect) {
            let last = self.sip.clock.last;
            self.sip.calls.lost(last, last);
        }
    }

    #[expect(
        clippy::too_many_lines,
        reason = "the wiring of all stages, in the order of the data"
    )]
    fn frame(&mut self, frame: &Frame<'_>, sinks: &mut Sinks<'_>) -> io::Result<()> {
        let fragments_wait = Span::from_nanos(-self.limits.ip_reassembly_wait.nanos());
        let Self {
            decoder,
            wires,
            sip,
            trust,
            first,
            paths,
            ..
        } = self;
        let mut responses = Responses {
            each: sinks.each,
            messages: sinks.messages,
            paths,
            capture_start: *first,
            error: None,
        };
        let lost = Cell::new(false);
        let defect = |defect: Defect| {
            lost.set(lost.get() || is_loss(&defect));
            trust.borrow_mut().add(&defect);
        };
        let unread = Cell::new(None);
        let wire_defect = |it: Defect| {
            match it.flow {
                Some(flow) => unread.set(Some(flow)),
                None => lost.set(lost.get() || is_unread(&it)),
            }
            defect(it);
        };
        let before = sip.clock.last;
        let is_captures = sip.clock.is_captures();
        if is_captures {
            sip.clock.last = frame.time;
        }
        decoder.tick(frame.time, &mut { wire_defect });
        if lost.take() {
            // It began to wait no earlier, or the frame before would have ended that.
            let last = sip.clock.last;
            sip.calls.lost(before.min(last).plus(fragments_wait), last);
        }
        let moment = |interface: u32, seen: Timestamp, now: Timestamp| Moment {
            at: frame.at,
            interface,
            seen,
            now,
        };
        let of_frame = |time: Timestamp| moment(frame.interface, time, time);
        if is_captures {
            sip.tick(of_frame(frame.time), &mut responses, defect);
        }
        let is_ticked = Cell::new(is_captures);
        let mut tick = |sip: &mut Sip, moment: Option<Moment>, responses: &mut Responses<'_>| {
            is_ticked.set(true);
            if let Some(moment) = moment {
                if first.is_none() {
                    *first = Some(moment.seen);
                    responses.capture_start = *first;
                    sip.findings.begin(moment.seen);
                }
                sip.clock.last = moment.now;
                sip.tick_late(moment, responses, defect);
            }
        };
        decoder.push(
            frame,
            &mut |packet| {
                // Most packets of most captures are media: nothing is made ready for them.
                if let Packet::Datagram(datagram) = &packet
                    && is_captures
                    && Wires::is_foreign(datagram)
                {
                    sip.calls.witness(Sighting::Datagram(datagram));
                    return;
                }
                // Of a segment it shows only later whether it is an agent's, and of a message when
                // it was sent.
                let is_segment = matches!(packet, Packet::Segment(_));
                let is_late = is_segment || matches!(packet, Packet::Message(_));
                if !is_captures && !is_late {
                    let time = sip.clock.captured_frame(frame);
                    tick(sip, time.map(of_frame), &mut responses);
                }
                if let Packet::Segment(segment) = &packet
                    && sip.is_copied(segment)
                {
                    return;
                }
                let is_agents =
                    matches!(&packet, Packet::Segment(segment) if hep::has_magic(segment.payload));
                let messages = sip.calls.messages();
                let mut message = |mut raw: RawMessage<'_>| {
                    if raw.origin.is_relayed() {
                        let Relayed { time, now, changes } = sip.clock.relayed(frame, &raw.origin);
                        if changes {
                            sip.calls.change_clock(now);
                        }
                        raw.origin.time = time;
                        let moment = moment(raw.origin.interface, time, now);
                        tick(sip, Some(moment), &mut responses);
                    } else if !is_captures && !is_ticked.get() {
                        let time = sip.clock.captured_frame(frame);
                        tick(sip, time.map(of_frame), &mut responses);
                    }
                    sip.message(&raw, &mut responses, defect);
                };
                match packet {
                    Packet::Datagram(datagram) => {
                        if !wires.datagram(&datagram, &mut message, &wire_defect) {
                            sip.calls.witness(Sighting::Datagram(&datagram));
                        }
                    }
                    Packet::Message(datagram) => {
                        wires.datagram(&datagram, &mut message, &wire_defect);
                    }
                    Packet::Segment(segment) => {
                        wires.segment(&segment, &mut message, &wire_defect);
                        sip.carried(&segment, messages, wires.is_repeated());
                        sip.calls.witness(Sighting::Segment(&segment));
                    }
                    Packet::Sctp(packet) => {
                        wires.sctp(&packet, &mut message, &wire_defect);
                        sip.carried_by_sctp(&packet, messages);
                    }
                    Packet::IcmpError(error) => {
                        sip.calls.witness(Sighting::Unreachable(&error));
                    }
                }
                if is_segment && !is_captures && !is_ticked.get() {
                    if is_agents {
                        is_ticked.set(true);
                    } else {
                        let time = sip.clock.captured_frame(frame);
                        tick(sip, time.map(of_frame), &mut responses);
                    }
                }
            },
            &mut { wire_defect },
        );
        if !is_ticked.get() {
            tick(sip, sip.clock.frame(frame).map(of_frame), &mut responses);
        }
        if lost.get() {
            let last = sip.clock.last;
            sip.calls.lost(before.min(last), last);
        }
        if let Some(flow) = unread.get() {
            sip.calls.unread(&flow, sip.clock.last);
        }
        responses.error.map_or(Ok(()), Err)
    }

    #[expect(
        clippy::too_many_lines,
        reason = "the wiring of all stages, in the order of the data"
    )]
    fn finish(
        mut self,
        captures: Vec<view::Capture>,
        sinks: &mut Sinks<'_>,
    ) -> io::Result<view::View> {
        let paths = std::mem::take(&mut self.paths);
        let Self {
            decoder,
            wires,
            sip,
            trust,
            first,
            limits,
            ..
        } = &mut self;
        let mut responses = Responses {
            each: sinks.each,
            messages: sinks.messages,
            paths: &paths,
            capture_start: *first,
            error: None,
        };
        let lost = Cell::new(false);
        let defect = |defect: Defect| {
            lost.set(lost.get() || is_loss(&defect));
            trust.borrow_mut().add(&defect);
        };
        let unread = Cell::new(None);
        let wire_defect = |it: Defect| {
            match it.flow {
                Some(flow) => unread.set(Some(flow)),
                None => lost.set(lost.get() || is_unread(&it)),
            }
            defect(it);
        };
        decoder.finish(&mut { wire_defect });
        wires.finish(
            &mut |raw| sip.message(&raw, &mut responses, defect),
            &wire_defect,
        );
        if lost.get() {
            // What waited for its other pieces until the end.
            let wait = Span::from_nanos(-limits.ip_reassembly_wait.nanos());
            let last = sip.clock.last;
            sip.calls.lost(last.plus(wait), last);
        }
        if let Some(flow) = unread.get() {
            sip.calls.unread(&flow, sip.clock.last);
        }
        let Sip {
            clock,
            taps,
            calls,
            findings,
            transports,
            ..
        } = &mut self.sip;
        clock.finish(&mut |told| self.trust.borrow_mut().add(&told));
        if let Some(taps) = taps {
            taps.finish(&mut |offset| self.trust.borrow_mut().add(&offset));
        }
        calls.finish(&mut |event| findings.push(&event, &mut |response| responses.push(response)));
        if let Some(one_way) = calls.one_way() {
            self.trust.borrow_mut().add(&one_way);
        }
        let totals = *calls.totals();
        let transports = std::mem::take(transports);
        let lasted = (self.first.unwrap_or_default(), clock.last);
        let analysis = self
            .sip
            .findings
            .finish(lasted, &mut |response| responses.push(response));
        if let Some(error) = responses.error {
            return Err(error);
        }
        if let Some(missed) = analysis.missed.defect() {
            self.trust.borrow_mut().add(&missed);
        }
        if analysis.metrics_full {
            let detail = "more pairs of hosts or minutes than are measured one by one: some have no metrics of their own";
            let full = Defect::new(DefectKind::Evicted, FrameRef::default(), detail);
            self.trust.borrow_mut().add(&full);
        }
        if analysis.given_up > 0 {
            let detail = "more hosts, users or registrations at once than the rules watch: what was left out is not judged";
            self.trust.borrow_mut().add(&Defect {
                count: analysis.given_up,
                ..Defect::new(DefectKind::Evicted, FrameRef::default(), detail)
            });
        }
        if self.sip.calls.has_forgotten_legs() {
            let detail = "more calls begin at once than are compared: those of a back-to-back user agent may count once for each of its sides";
            let full = Defect::new(DefectKind::Evicted, FrameRef::default(), detail);
            self.trust.borrow_mut().add(&full);
        }
        let several_files = captures.len() > 1;
        Ok(view::View {
            totals: view::Totals {
                packets: captures.iter().map(|capture| capture.packets).sum(),
                sip_messages: totals.requests + totals.responses,
                requests: totals.requests,
                responses: totals.responses,
                retransmissions: totals.retransmissions,
                duplicates: totals.duplicates,
                onward: totals.onward,
                calls: totals.calls,
                invites: totals.invites,
                malformed: totals.malformed,
                transports: transports
                    .into_iter()
                    .map(|(transport, count)| (transport.name().into(), count))
                    .collect(),
            },
            trust: project::trust(&self.trust.borrow(), self.wires.unread(), several_files),
            codes: project::codes(&analysis.codes),
            metrics: project::metrics(&analysis.metrics),
            signers: project::signers(&analysis.signers),
            findings: analysis
                .findings
                .into_iter()
                .map(project::finding)
                .collect(),
            captures,
        })
    }
}
