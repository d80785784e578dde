//! Pipeline: the only file that knows all stages; owns them and wires push to push.
//!
//! In: opened inputs. Out: responses one by one as they settle, then the whole [`view::View`].
//! Several inputs are read one after the other, in the order given, as one capture: calls and TCP
//! streams go on over their borders.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io::{self, Read};

use crate::calls::{Calls, Sighted};
use crate::capture::{self, Frame, Next, Reader};
use crate::defect::{Defect, DefectKind};
use crate::findings::annotate::Annotated;
use crate::findings::rule::End;
use crate::findings::trust::Trust;
use crate::findings::{BurstOptions, Findings};
use crate::limits::Limits;
use crate::packet::{Datagram, Decoder, Packet, Segment};
use crate::report::{project, view};
use crate::sip::duplicates::Duplicates;
use crate::sip::framing::Framer;
use crate::sip::{Indexer, RawMessage, sniff};
use crate::stream::Reassembler;
use crate::units::{FileIndex, FrameNo, FrameRef, Span, Timestamp, Transport};

/// Names of the rules there are, for `--fail-on`.
pub use crate::findings::registry::RULES;

/// One input of a run.
pub struct Input {
    /// As it was named.
    pub path: String,
    /// Its bytes.
    pub source: Box<dyn Read>,
}

/// What a run is to do.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Caps.
    pub limits: Limits,
    /// Burst detector.
    pub burst: BurstOptions,
}

/// An error of one input.
pub type InputError = Box<dyn std::error::Error + Send + Sync>;

/// What a run found.
#[derive(Debug)]
pub struct Outcome {
    /// What is known at the end.
    pub view: view::View,
    /// Inputs that could not be read at all, or not to their end, by path.
    pub failed: Vec<(String, InputError)>,
}

/// Analyses `inputs`; `each` gets the responses as they settle. An error is one of `each`.
pub fn analyse(
    inputs: Vec<Input>,
    options: &Options,
    each: &mut dyn FnMut(&view::Response<'_>) -> io::Result<()>,
) -> io::Result<Outcome> {
    let mut run = Run::new(options);
    let mut captures = Vec::new();
    let mut failed = Vec::new();
    for input in inputs {
        let file = FileIndex(u16::try_from(captures.len()).unwrap_or(u16::MAX));
        let reader = match Reader::open(input.source, &input.path, file, &options.limits) {
            Ok(reader) => reader,
            Err(error) => {
                failed.push((input.path, error.into()));
                continue;
            }
        };
        let (capture, stopped_by) = run.read(reader, file, &input.path, each)?;
        captures.push(capture);
        if let Some(error) = stopped_by {
            failed.push((input.path, error.into()));
        }
    }
    let view = run.finish(captures, each)?;
    Ok(Outcome { view, failed })
}

/// All stages.
struct Run {
    decoder: Decoder,
    reassembler: Reassembler,
    framer: Framer,
    sip: Sip,
    trust: RefCell<Trust>,
    first: Option<Timestamp>,
    last: Timestamp,
    limits: Limits,
}

/// The stages behind framing.
struct Sip {
    duplicates: Duplicates,
    indexer: Indexer,
    calls: Calls,
    findings: Findings,
    /// SIP messages by transport, tap copies left out.
    transports: BTreeMap<&'static str, u64>,
}

/// Where annotated responses go; remembers the first error and then takes no more.
struct Responses<'a> {
    each: &'a mut dyn FnMut(&view::Response<'_>) -> io::Result<()>,
    capture_start: Option<Timestamp>,
    error: Option<io::Error>,
}

impl Responses<'_> {
    fn push(&mut self, response: &Annotated<'_>) {
        if self.error.is_none() {
            let response = project::response(response, self.capture_start);
            self.error = (self.each)(&response).err();
        }
    }
}

impl Run {
    fn new(options: &Options) -> Self {
        let limits = &options.limits;
        Self {
            decoder: Decoder::new(limits),
            reassembler: Reassembler::new(limits),
            framer: Framer::new(limits),
            sip: Sip {
                duplicates: Duplicates::default(),
                indexer: Indexer::new(limits.header_fields),
                calls: Calls::new(limits),
                findings: Findings::new(limits, options.burst),
                transports: BTreeMap::new(),
            },
            trust: RefCell::new(Trust::new(limits.defect_groups)),
            first: None,
            last: Timestamp::default(),
            limits: *limits,
        }
    }

    /// Reads one input to its end.
    fn read(
        &mut self,
        mut reader: Reader<Box<dyn Read>>,
        file: FileIndex,
        path: &str,
        each: &mut dyn FnMut(&view::Response<'_>) -> io::Result<()>,
    ) -> io::Result<(view::Capture, Option<capture::Error>)> {
        let mut stopped_by = None;
        loop {
            match reader.next_frame() {
                Ok(Next::Frame(frame)) => self.frame(&frame, each)?,
                Ok(Next::Defect(defect)) => {
                    self.trust.get_mut().add(&defect);
                    if is_loss(&defect) {
                        self.sip.calls.lost(self.last, self.last);
                    }
                }
                Ok(Next::CutShort {
                    offset_bytes,
                    frames,
                }) => {
                    let at = FrameRef {
                        file,
                        no: FrameNo(frames),
                    };
                    let detail = "the file ends inside a packet, at byte {}; everything before it was analysed";
                    let cut = Defect::new(DefectKind::CutShort, at, detail);
                    self.trust.get_mut().add(&cut.with_number(offset_bytes));
                }
                Ok(Next::End) => break,
                Err(error) => {
                    stopped_by = Some(error);
                    break;
                }
            }
        }
        let summary = reader.summary();
        let capture = view::Capture {
            path: path.into(),
            format: summary.format.name().into(),
            compression: None,
            packets: summary.packets,
            bytes: summary.bytes,
            first: summary.first.map(view::Time),
            last: summary.last.map(view::Time),
            cut_short: summary.cut_short,
        };
        Ok((capture, stopped_by))
    }

    fn frame(
        &mut self,
        frame: &Frame<'_>,
        each: &mut dyn FnMut(&view::Response<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        if self.first.is_none() {
            self.first = Some(frame.time);
            self.sip.findings.begin(frame.time);
        }
        let before = std::mem::replace(&mut self.last, frame.time).min(frame.time);
        let fragments_wait = Span::from_nanos(-self.limits.ip_reassembly_wait.nanos());
        let Self {
            decoder,
            reassembler,
            framer,
            sip,
            trust,
            first,
            ..
        } = self;
        let mut responses = Responses {
            each,
            capture_start: *first,
            error: None,
        };
        let lost = Cell::new(false);
        let defect = |defect: Defect| {
            lost.set(lost.get() || is_loss(&defect));
            trust.borrow_mut().add(&defect);
        };
        decoder.tick(frame.time, &mut { defect });
        if lost.take() {
            // It began to wait no earlier, or the frame before would have ended that.
            sip.calls.lost(before.plus(fragments_wait), frame.time);
        }
        sip.tick(frame, &mut responses, defect);
        decoder.push(
            frame,
            &mut |packet| match packet {
                Packet::Datagram(datagram) => {
                    sip.datagram(framer, &datagram, &mut responses, defect);
                }
                Packet::Segment(segment) => {
                    sip.segment(reassembler, framer, &segment, &mut responses, defect);
                }
                Packet::IcmpError(error) => sip.calls.unreachable(&error),
            },
            &mut { defect },
        );
        if lost.get() {
            sip.calls.lost(before, frame.time);
        }
        responses.error.map_or(Ok(()), Err)
    }

    fn finish(
        mut self,
        captures: Vec<view::Capture>,
        each: &mut dyn FnMut(&view::Response<'_>) -> io::Result<()>,
    ) -> io::Result<view::View> {
        let Self {
            decoder,
            reassembler,
            framer,
            sip,
            trust,
            first,
            last,
            limits,
        } = &mut self;
        let mut responses = Responses {
            each,
            capture_start: *first,
            error: None,
        };
        let lost = Cell::new(false);
        let mut defect = |defect: Defect| {
            lost.set(lost.get() || is_loss(&defect));
            trust.borrow_mut().add(&defect);
        };
        decoder.finish(&mut defect);
        reassembler.finish(
            &mut |chunk| {
                framer.push(
                    &chunk,
                    &mut |raw| sip.message(&raw, &mut responses, defect),
                    &mut { defect },
                )
            },
            &mut { defect },
        );
        framer.finish(&mut |raw| sip.message(&raw, &mut responses, defect), &mut {
            defect
        });
        if lost.get() {
            // What waited for its other pieces until the end.
            let wait = Span::from_nanos(-limits.ip_reassembly_wait.nanos());
            sip.calls.lost(last.plus(wait), *last);
        }
        let Sip {
            calls,
            findings,
            transports,
            ..
        } = &mut self.sip;
        calls.finish(&mut |event| findings.push(&event, &mut |response| responses.push(response)));
        if let Some(one_way) = calls.one_way() {
            self.trust.borrow_mut().add(&one_way);
        }
        let totals = *calls.totals();
        let transports = std::mem::take(transports);
        let end = End {
            first: self.first.unwrap_or_default(),
            last: self.last,
        };
        let analysis = self
            .sip
            .findings
            .finish(&end, &mut |response| responses.push(response));
        if let Some(error) = responses.error {
            return Err(error);
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
                calls: totals.calls,
                invites: totals.invites,
                malformed: totals.malformed,
                transports: transports
                    .into_iter()
                    .map(|(name, count)| (name.into(), count))
                    .collect(),
            },
            trust: project::trust(&self.trust.borrow(), several_files),
            codes: project::codes(&analysis.codes),
            metrics: Vec::new(),
            signers: Vec::new(),
            findings: analysis
                .findings
                .into_iter()
                .map(project::finding)
                .collect(),
            captures,
        })
    }
}

impl Sip {
    /// Lets capture time pass.
    fn tick(
        &mut self,
        frame: &Frame<'_>,
        responses: &mut Responses<'_>,
        mut defect: impl FnMut(Defect),
    ) {
        let Self {
            calls, findings, ..
        } = self;
        calls.tick(
            frame.at,
            frame.interface,
            frame.time,
            &mut |event| findings.push(&event, &mut |response| responses.push(response)),
            &mut defect,
        );
        findings.release(frame.time, &mut |response| responses.push(response));
    }

    fn datagram(
        &mut self,
        framer: &mut Framer,
        datagram: &Datagram<'_>,
        responses: &mut Responses<'_>,
        defect: impl FnMut(Defect) + Copy,
    ) {
        framer.datagram(
            datagram,
            &mut |raw| self.message(&raw, responses, defect),
            &mut { defect },
        );
    }

    fn segment(
        &mut self,
        reassembler: &mut Reassembler,
        framer: &mut Framer,
        segment: &Segment<'_>,
        responses: &mut Responses<'_>,
        mut defect: impl FnMut(Defect) + Copy,
    ) {
        if sniff::is_tls_client_hello(segment.payload) {
            let detail = "TLS to port {}: what it carries was not read; capture behind the TLS end, or give the keys";
            let tls = Defect::new(DefectKind::Encrypted, segment.origin.at, detail);
            defect(tls.with_number(u64::from(segment.flow.dst.port)));
        }
        reassembler.push(
            segment,
            &mut |chunk| {
                framer.push(
                    &chunk,
                    &mut |raw| self.message(&raw, responses, defect),
                    &mut { defect },
                )
            },
            &mut { defect },
        );
    }

    /// Takes a framed message.
    fn message(
        &mut self,
        raw: &RawMessage<'_>,
        responses: &mut Responses<'_>,
        mut defect: impl FnMut(Defect),
    ) {
        let Self {
            duplicates,
            indexer,
            calls,
            findings,
            transports,
        } = self;
        let Some(message) = indexer.index(raw.bytes, raw.head_len) else {
            return;
        };
        // TCP copies are gone already: the reassembler drops them by sequence number.
        let duplicate = raw.flow.transport == Transport::Udp
            && duplicates.push(&raw.flow, &raw.origin, raw.bytes);
        if !duplicate {
            *transports.entry(raw.flow.transport.name()).or_default() += 1;
            if message.oddities.is_malformed() || raw.is_malformed() {
                let detail = "SIP messages that break the rules of RFC 3261 in their syntax; they were read as far as possible";
                defect(Defect::new(DefectKind::Malformed, raw.origin.at, detail));
            }
            if raw.origin.snapped {
                let detail =
                    "SIP messages cut by the capture's snap length; capture again with -s 0";
                defect(Defect::new(DefectKind::Snapped, raw.origin.at, detail));
            }
        }
        let sighted = Sighted {
            raw,
            message: &message,
            duplicate,
        };
        calls.push(
            &sighted,
            &mut |event| findings.push(&event, &mut |response| responses.push(response)),
            &mut defect,
        );
    }
}

/// Whether the defect means that packets may be missing.
const fn is_loss(defect: &Defect) -> bool {
    matches!(
        defect.kind,
        DefectKind::TcpGap
            | DefectKind::IpFragmentsMissing
            | DefectKind::Dropped
            | DefectKind::BadBlock
    )
}
