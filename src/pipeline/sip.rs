//! `Sip`: the stages behind framing.
//!
//! In: framed messages, and what carried them. Out: responses and messages as they are judged, to the
//! sinks; defects. Capped: as its stages are.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::clock::Clock;
use super::options::Options;
use super::sinks::Responses;
use super::wires::digest;
use crate::calls::{Calls, Event, Moment, Sighted};
use crate::capture::{self, Taps};
use crate::defect::{Defect, DefectKind};
use crate::findings::Findings;
use crate::ladder::Passed;
use crate::packet::{SctpPacket, Segment};
use crate::sip::carriers::Carriers;
use crate::sip::duplicates::Duplicates;
use crate::sip::{Message, RawMessage};
use crate::units::Transport;

/// The stages behind framing.
pub(super) struct Sip {
    pub(super) clock: Clock,
    pub(super) duplicates: Duplicates,
    pub(super) carriers: Carriers,
    /// Where there are several captures.
    pub(super) taps: Option<Taps>,
    pub(super) calls: Calls,
    pub(super) findings: Findings,
    /// SIP messages by transport, tap copies left out.
    pub(super) transports: BTreeMap<Transport, u64>,
}

impl Sip {
    /// Stages that have seen nothing.
    pub(super) fn new(options: &Options) -> Self {
        let limits = &options.limits;
        Self {
            clock: Clock::default(),
            duplicates: Duplicates::default(),
            carriers: Carriers::default(),
            taps: None,
            calls: Calls::new(limits),
            findings: Findings::new(
                limits,
                options.burst,
                Arc::new(options.certificates.clone()),
                options.told_responses,
            ),
            transports: BTreeMap::new(),
        }
    }

    /// Lets capture time pass, for a frame of which only decoding tells its time.
    #[cold]
    #[inline(never)]
    pub(super) fn tick_late(
        &mut self,
        moment: Moment,
        responses: &mut Responses<'_>,
        defect: impl FnMut(Defect),
    ) {
        self.tick(moment, responses, defect);
    }

    /// Lets capture time pass.
    #[inline]
    pub(super) fn tick(
        &mut self,
        moment: Moment,
        responses: &mut Responses<'_>,
        mut defect: impl FnMut(Defect),
    ) {
        let Self {
            calls, findings, ..
        } = self;
        calls.tick(
            &moment,
            &mut |event| findings.push(&event, &mut |response| responses.push(response)),
            &mut defect,
        );
        findings.release(moment.now, &mut |response| responses.push(response));
    }

    /// Whether another tap's file has shown the segment already; a late copy would otherwise look
    /// like data behind the connection's end.
    pub(super) fn is_copied(&mut self, segment: &Segment<'_>) -> bool {
        let numbers = (segment.seq, segment.ack);
        let is_copied = self.taps.as_mut().is_some_and(|taps| {
            taps.segment(&segment.flow, &segment.origin, numbers, segment.payload)
        });
        if is_copied && !self.carriers.is_empty() {
            let repeated = self
                .carriers
                .repeated(digest(segment), &segment.origin, true);
            self.calls.copied(repeated);
        }
        is_copied
    }

    /// A segment went through reassembly when so many messages had come `before`.
    pub(super) fn carried(&mut self, segment: &Segment<'_>, before: u64, is_repeated: bool) {
        let brought = self.calls.messages() - before;
        if brought > 0 {
            self.calls.brought(segment);
            self.carriers
                .brought(digest(segment), &segment.origin, brought);
        } else if is_repeated && !self.carriers.is_empty() {
            let repeated = self
                .carriers
                .repeated(digest(segment), &segment.origin, false);
            self.calls.copied(repeated);
        }
    }

    /// The same of an SCTP packet.
    #[cold]
    pub(super) fn carried_by_sctp(&mut self, packet: &SctpPacket<'_>, before: u64) {
        let numbers = (packet.verification_tag, 0);
        let digest = capture::segment_digest(&packet.flow, &packet.origin, numbers, packet.chunks);
        let brought = self.calls.messages() - before;
        if brought > 0 {
            self.carriers.brought(digest, &packet.origin, brought);
        } else {
            let repeated = self.carriers.repeated(digest, &packet.origin, false);
            self.calls.copied(repeated);
        }
    }

    /// Takes a framed message.
    pub(super) fn message(
        &mut self,
        raw: &RawMessage<'_>,
        responses: &mut Responses<'_>,
        mut defect: impl FnMut(Defect),
    ) {
        let Self {
            clock,
            duplicates,
            taps,
            calls,
            findings,
            transports,
            ..
        } = self;
        let Some(message) = Message::read(raw.bytes, raw.head) else {
            return;
        };
        if !raw.origin.is_relayed() && clock.wire(raw.origin.time) {
            calls.change_clock(raw.origin.time);
        }
        let captured = clock.captured(&raw.origin);
        let of_tap = duplicates.push(&raw.flow, &raw.origin, captured, raw.bytes);
        // TCP copies are gone already: the reassembler drops them by sequence number.
        let of_file = raw.flow.transport == Transport::Udp
            && taps
                .as_mut()
                .is_some_and(|taps| taps.datagram(&raw.flow, &raw.origin, raw.bytes));
        let duplicate = of_tap || of_file;
        if !duplicate {
            *transports.entry(raw.flow.transport).or_default() += 1;
            if raw.is_malformed(&message) {
                let detail = "SIP messages that break the rules of RFC 3261 in their syntax; they were read as far as possible";
                defect(Defect::new(DefectKind::Malformed, raw.origin.at, detail));
            }
            if raw.origin.snapped {
                let detail = if raw.is_cut_in_head() {
                    "SIP messages whose header fields the capture's snap length cut; what was cut off is held against nobody; capture again with -s 0"
                } else {
                    "SIP messages cut by the capture's snap length; capture again with -s 0"
                };
                defect(Defect::new(DefectKind::Snapped, raw.origin.at, detail));
            }
        }
        let sighted = Sighted {
            raw,
            message: &message,
            duplicate,
        };
        let before = calls.totals().retransmissions;
        let mut onward = None;
        calls.push(
            &sighted,
            &mut |event| {
                if let Event::Onward(leg) = event {
                    onward = Some(leg.clone());
                }
                findings.push(&event, &mut |response| responses.push(response));
            },
            &mut defect,
        );
        (responses.messages)(&Passed {
            seen: sighted,
            retransmission: calls.totals().retransmissions > before,
            onward: onward.as_ref(),
        });
    }
}
