//! The table of calls in progress: finds them, lets time pass for them, gives them up.

use std::collections::HashMap;
use std::sync::Arc;

use super::counted::Counted;
use super::coverage::Coverage;
use super::hops::Hops;
use super::key;
use super::lru::{Lru, Slot};
use super::media::Media;
use super::onward::Legs;
use super::queue::Queue;
use super::sent::{Found, Heads, Place, Request, Sent};
use super::state::{Call, Ending, Peers, Surroundings};
use super::timers::Timers;
use super::{Event, Moment, ResponseSeen, Seen, Sighted, Sighting, Totals, is_about_sip};
use crate::defect::{Defect, DefectKind};
use crate::limits::Limits;
use crate::packet::{IcmpError, Segment};
use crate::sip::sniff::whole_lines;
use crate::sip::{Indexer, Message, Oddities, StartLine};
use crate::units::{FileIndex, Flow, FrameRef, Span, StatusCode, Timestamp, Transport};

mod announce;

/// All calls in progress.
#[derive(Debug)]
pub struct Calls {
    limits: Limits,
    coverage: Coverage,
    /// Strangers choose Call-IDs, so their hash is keyed by chance when the program starts: a
    /// capture cannot be written so that they collide, and whoever wrote it does not see the table
    /// at work, from which the key could be guessed. Nothing that is told depends on its order.
    by_id: HashMap<Arc<[u8]>, Slot, foldhash::quality::RandomState>,
    in_progress: Lru<Call>,
    /// When to look at which call again; an entry may be stale, the call then says when it is due.
    due: Queue,
    hops: Hops,
    counted: Counted,
    timers: Timers,
    media: Media,
    legs: Legs,
    totals: Totals,
    next_serial: u64,
    /// Bytes of state of all calls.
    weight: usize,
    quoted: Indexer,
    sent: Sent,
    /// Calls were given up for lack of room.
    has_evicted: bool,
}

/// A pause of the capture that is told: in quiet networks shorter silences are ordinary.
const TOLD_PAUSE: Span = Span::from_secs(120);

const PAUSED: &str = "between the end of the capture before it and the beginning of this one are more than two minutes of which nothing was captured: calls that were open then are judged by what was seen, and nothing is said about what is missing";

impl Calls {
    /// An empty table.
    pub fn new(limits: &Limits) -> Self {
        Self {
            limits: *limits,
            coverage: Coverage::default(),
            by_id: HashMap::default(),
            in_progress: Lru::default(),
            due: Queue::default(),
            hops: Hops::default(),
            counted: Counted::new(limits.counted_calls),
            timers: Timers::default(),
            media: Media::default(),
            legs: Legs::new(limits.onward_invites),
            totals: Totals::default(),
            next_serial: 0,
            weight: 0,
            quoted: Indexer::new(limits.header_fields),
            sent: Sent::default(),
            has_evicted: false,
        }
    }

    /// Calls began so quickly that legs of them may have been missed.
    pub const fn has_forgotten_legs(&self) -> bool {
        self.legs.is_full()
    }

    /// Counts so far.
    pub const fn totals(&self) -> &Totals {
        &self.totals
    }

    /// Lets capture time pass; to be called for every frame, SIP or not.
    pub fn tick(
        &mut self,
        moment: &Moment,
        out: &mut impl FnMut(Event<'_>),
        defects: &mut impl FnMut(Defect),
    ) {
        if let Some(jumped) = self.coverage.tick(moment) {
            defects(time_step(moment.at, jumped));
        }
        self.tell_changes(out);
        self.expire(out);
    }

    /// Tells what befell the clock.
    #[inline]
    fn tell_changes(&mut self, out: &mut impl FnMut(Event<'_>)) {
        if self.coverage.has_changed() {
            for change in self.coverage.changes() {
                out(Event::Clock(change));
            }
        }
    }

    /// The capture of `at` begins at `until` where the one `before` ended at `from`; to be called
    /// before [`Self::tick`] for its first frame.
    pub fn goes_on(
        &mut self,
        at: FrameRef,
        before: FileIndex,
        (from, until): (Timestamp, Timestamp),
        defects: &mut impl FnMut(Defect),
    ) {
        self.coverage.goes_on(at.file, before, from, until);
        if until.since(from) >= TOLD_PAUSE {
            defects(Defect::new(DefectKind::CaptureGap, at, PAUSED));
        }
    }

    /// Times are another clock's from `time` on. Calls open across that are not judged.
    pub fn change_clock(&mut self, time: Timestamp) {
        self.coverage.change_clock(time);
    }

    /// Packets were found to be missing somewhere between `from` and `until`.
    pub fn lost(&mut self, from: Timestamp, until: Timestamp) {
        self.coverage.lost(from, until);
    }

    /// A message that went this way was captured and could not be read.
    pub fn unread(&mut self, flow: &Flow, time: Timestamp) {
        self.coverage.unread(flow, time);
    }

    /// Takes a message; [`Self::tick`] has been called for its frame.
    pub fn push(
        &mut self,
        seen: &Sighted<'_>,
        out: &mut impl FnMut(Event<'_>),
        defects: &mut impl FnMut(Defect),
    ) {
        self.tell_changes(out);
        let Sighted {
            raw,
            message,
            duplicate,
        } = *seen;
        let response = match message.start {
            StartLine::Response { code, .. } => Some(code),
            StartLine::Request { .. } => None,
        };
        let serial = self.next_serial;
        if let Some(Some(_)) = response {
            self.next_serial += 1;
        }
        if duplicate {
            self.totals.duplicates += 1;
            untracked(seen, response.flatten(), serial, out);
            return;
        }
        match response {
            Some(_) => self.totals.responses += 1,
            None => self.totals.requests += 1,
        }
        if raw.is_malformed(message) {
            self.totals.malformed += 1;
        }
        self.hops.saw(&raw.flow);
        let is_of_some_call = !message.oddities.has(Oddities::INSUFFICIENT)
            && message.cseq.number.is_some()
            && response != Some(None);
        if !is_of_some_call {
            // To those who look for a message it may be the one.
            self.coverage.unread(&raw.flow, raw.origin.time);
            if raw.is_cut_in_head() {
                untracked(seen, response.flatten(), serial, out);
                return;
            }
        }
        let Some(id) = message.call_id() else {
            untracked(seen, response.flatten(), serial, out);
            return;
        };
        let slot = self.slot(id, raw.origin.at, out, defects);
        let Some(call) = self.in_progress.get_mut(slot) else {
            return;
        };
        if response.is_none() {
            remember(&mut self.sent, seen, slot, call.digest);
        }
        call.follow_offer(seen);
        let elapsed = self.coverage.elapsed();
        call.touched = elapsed;
        let mut around = Surroundings {
            hops: &mut self.hops,
            counted: &mut self.counted,
            timers: &mut self.timers,
            totals: &mut self.totals,
            limits: &self.limits,
            coverage: &self.coverage,
            elapsed,
            steps: self.coverage.steps(),
            evicted: self.has_evicted,
            serial,
        };
        match response {
            Some(Some(code)) => call.response(seen, code, &mut around, out),
            // A code that is none: counted as malformed, part of no transaction.
            Some(None) => {}
            None => {
                let is_first = !call.has_invite();
                if call.request(seen, &mut around, out) {
                    self.look_for_leg(slot, seen, is_first, out);
                }
            }
        }
        self.announce(slot, seen);
        let Some(call) = self.in_progress.get_mut(slot) else {
            return;
        };
        self.weight = reweighed(self.weight, call);
        let due = call.due_soon();
        if due < call.queued {
            call.queued = due;
            self.due.push(due, slot);
        }
        self.in_progress.touch(slot);
        while self.is_full()
            && let Some(oldest) = self.in_progress.oldest().filter(|oldest| *oldest != slot)
        {
            self.evict(oldest, raw.origin.at, out, defects);
        }
        self.forget_stale();
    }

    /// An INVITE came on a hop: it may be the leg that an element sent on of another call.
    fn look_for_leg(
        &mut self,
        slot: Slot,
        seen: &Sighted<'_>,
        is_first: bool,
        out: &mut impl FnMut(Event<'_>),
    ) {
        let Some(call) = self.in_progress.get_mut(slot) else {
            return;
        };
        let Sighted { raw, message, .. } = *seen;
        let at = Seen::of(&raw.origin);
        let leg = self.legs.invite(&call.id, message, &raw.flow, at, is_first);
        if let Some(leg) = leg {
            call.is_onward = true;
            self.totals.onward += 1;
            out(Event::Onward(&leg));
        }
    }

    /// Whether calls must be given up.
    fn is_full(&self) -> bool {
        self.weight > self.limits.calls_bytes || self.media.len() > self.limits.media_sockets
    }

    /// Takes evidence that is no SIP; what is about no call is nothing.
    #[inline]
    pub fn witness(&mut self, sighting: Sighting<'_>) {
        match sighting {
            Sighting::Datagram(datagram) => self.media.push(datagram),
            Sighting::Segment(segment) => {
                if segment.flags.syn || segment.flags.rst {
                    self.hops.connects.push(segment);
                }
                self.hops.delivered.push(segment);
            }
            Sighting::Unreachable(error) => self.unreachable(error),
        }
    }

    /// A segment completed messages that were pushed.
    pub fn brought(&mut self, segment: &Segment<'_>) {
        self.hops.delivered.sent(segment);
    }

    /// Messages taken so far, tap copies among them.
    pub const fn messages(&self) -> u64 {
        self.totals.requests + self.totals.responses + self.totals.duplicates
    }

    /// The tap repeated so many messages that were not put together again.
    pub const fn copied(&mut self, messages: u64) {
        self.totals.duplicates += messages;
    }

    /// Takes an ICMP error: evidence about what it quotes.
    fn unreachable(&mut self, error: &IcmpError<'_>) {
        if !is_about_sip(error) {
            return;
        }
        let is_cut = error.quoted_payload.len() < usize::from(error.quoted_len);
        let quoted = if is_cut {
            whole_lines(error.quoted_payload)
        } else {
            error.quoted_payload
        };
        let head_len = memchr::memmem::find(quoted, b"\r\n\r\n").map_or(quoted.len(), |at| at + 4);
        let message = self.quoted.index(quoted, head_len);
        let named = message.as_ref().and_then(|message| {
            let slot = *self.by_id.get(message.call_id()?)?;
            Some((slot, message.is_request().then(|| request_of(message))?))
        });
        let seen = Seen::of(&error.origin);
        let heads = Heads::new(&error.quoted, error.quoted_id, error.quoted_len);
        let sent = self.sent.find(&heads, seen.time);
        // A quotation may end anywhere: what was sent in that datagram is known better.
        let (slot, request) = match (named, sent) {
            (Some((slot, _)), Some(Found::One(sent))) if slot == sent.slot => (slot, sent.request),
            (Some(named), _) => named,
            // It quotes a Call-ID that is not known: another packet.
            (None, _) if message.is_some_and(|message| message.call_id().is_some()) => return,
            (None, Some(Found::One(sent))) => (sent.slot, sent.request),
            (None, Some(Found::Several)) => return self.hops.refused(&error.quoted, seen),
            (None, None) => return,
        };
        let is_its = |call: &&mut Call| match (named, sent) {
            (None, Some(Found::One(sent))) => call.digest == sent.call,
            _ => true,
        };
        if let Some(call) = self.in_progress.get_mut(slot).filter(is_its) {
            call.unreachable(&request, error.quoted, seen);
        }
    }

    /// Ends the capture: all that is still open is handed out.
    pub fn finish(&mut self, out: &mut impl FnMut(Event<'_>)) {
        while let Some(slot) = self.in_progress.oldest() {
            self.give_up(slot, false, out);
        }
    }

    /// A remark on pairs of hosts of which one direction was captured only, if there are any.
    pub fn one_way(&self) -> Option<Defect> {
        let count = u64::try_from(self.hops.one_way()).unwrap_or(u64::MAX);
        let detail = "pairs of hosts of which only one direction carried SIP here: requests that nobody answered, or a tap that sees one way";
        (count > 0).then_some(Defect {
            count,
            ..Defect::new(DefectKind::OneWay, FrameRef::default(), detail)
        })
    }

    /// The call's place, made if there is none.
    fn slot(
        &mut self,
        id: &[u8],
        at: FrameRef,
        out: &mut impl FnMut(Event<'_>),
        defects: &mut impl FnMut(Defect),
    ) -> Slot {
        if let Some(slot) = self.by_id.get(id) {
            return *slot;
        }
        if self.in_progress.len() >= self.limits.calls
            && let Some(oldest) = self.in_progress.oldest()
        {
            self.evict(oldest, at, out, defects);
        }
        let id: Arc<[u8]> = id.into();
        let mut call = Call::new(Arc::clone(&id), key::digest(&id), self.coverage.elapsed());
        let due = call.due();
        call.queued = due;
        let slot = self.in_progress.insert(call);
        self.by_id.insert(id, slot);
        self.due.push(due, slot);
        slot
    }

    /// Gives a call up for lack of room, and says so.
    fn evict(
        &mut self,
        oldest: Slot,
        at: FrameRef,
        out: &mut impl FnMut(Event<'_>),
        defects: &mut impl FnMut(Defect),
    ) {
        self.has_evicted = true;
        self.give_up(oldest, true, out);
        defects(Defect::new(
            DefectKind::Evicted,
            at,
            "more calls at once than are followed: the one longest silent was given up; what was open in it is not judged",
        ));
    }

    /// Keeps the queue in proportion to the calls: entries of calls that are gone leave it.
    fn forget_stale(&mut self) {
        if self.due.len() <= 4 * self.in_progress.len() + 1024 {
            return;
        }
        let calls = &mut self.in_progress;
        // Where time stands still (packets without a time, a clock that steps), the call that took
        // over a slot is due when the one before was: both entries look alive, and are one.
        self.due
            .retain(|(due, slot)| calls.get_mut(slot).is_some_and(|call| call.queued == due));
    }

    /// Looks at the calls that are due.
    fn expire(&mut self, out: &mut impl FnMut(Event<'_>)) {
        let elapsed = self.coverage.elapsed();
        while let Some((due, slot)) = self.due.pop(elapsed) {
            let Some(call) = self.in_progress.get_mut(slot) else {
                continue;
            };
            // An entry that an earlier one replaced, or of a call that is gone.
            if call.queued != due {
                continue;
            }
            let actually = call.due();
            if actually > elapsed {
                call.queued = actually;
                self.due.push(actually, slot);
                continue;
            }
            if call.is_over(elapsed) {
                self.give_up(slot, false, out);
                continue;
            }
            let ending = Ending {
                coverage: &self.coverage,
                evicted: false,
            };
            let peers = Peers {
                hops: &self.hops,
                timers: &self.timers,
                media: &self.media,
                slot,
            };
            call.settle(Some(elapsed), &ending, &peers, out);
            self.weight = reweighed(self.weight, call);
            let due = call.due();
            call.queued = due;
            self.due.push(due, slot);
        }
    }

    /// Takes a call out of the table and hands out what is open in it.
    fn give_up(&mut self, slot: Slot, evicted: bool, out: &mut impl FnMut(Event<'_>)) {
        let Some(mut call) = self.in_progress.remove(slot) else {
            return;
        };
        self.by_id.remove(&call.id);
        self.weight = self.weight.saturating_sub(call.weighed);
        let ending = Ending {
            coverage: &self.coverage,
            evicted,
        };
        let peers = Peers {
            hops: &self.hops,
            timers: &self.timers,
            media: &self.media,
            slot,
        };
        call.settle(None, &ending, &peers, out);
        for socket in call.sockets() {
            self.media.withdraw(socket, slot);
        }
    }
}

/// What names a request within its call.
fn request_of(message: &Message<'_>) -> Request {
    Request {
        kind: message.method().kind,
        from_tag: key::tag(message.from_tag()),
        to_tag: key::tag(message.to_tag()),
        cseq: message.cseq.number,
    }
}

/// Remembers a request by what an ICMP error may quote of it.
fn remember(sent: &mut Sent, seen: &Sighted<'_>, slot: Slot, call: u64) {
    let raw = seen.raw;
    if raw.flow.transport == Transport::Udp
        && !raw.origin.is_relayed()
        && let Ok(len) = u16::try_from(raw.bytes.len())
    {
        let place = Place {
            slot,
            call,
            request: request_of(seen.message),
        };
        let heads = Heads::new(&raw.flow, raw.origin.ip_id, len);
        sent.push(heads, raw.origin.time, place);
    }
}

/// The weight of all calls, of which one may have changed.
fn reweighed(all: usize, call: &mut Call) -> usize {
    let before = call.weighed;
    (all + call.weigh()).saturating_sub(before)
}

/// A response that is part of no transaction here: a tap copy, or without Call-ID.
fn untracked(
    seen: &Sighted<'_>,
    code: Option<StatusCode>,
    serial: u64,
    out: &mut impl FnMut(Event<'_>),
) {
    let Some(code) = code else { return };
    out(Event::Response(&ResponseSeen {
        serial,
        raw: seen.raw,
        message: seen.message,
        code,
        method: seen.message.method(),
        retransmission: false,
        duplicate: seen.duplicate,
        counted: !seen.duplicate,
        invites: &[],
        repeats: None,
        context: None,
        refusal: None,
        awaits: Span::default(),
    }));
}

/// Capture time jumped before a frame. Who saw nothing but the frames cannot know why.
fn time_step(at: FrameRef, jumped: Span) -> Defect {
    // Steps back may be many, and of as many lengths.
    let Ok(seconds @ 1..) = u64::try_from(jumped.nanos() / 1_000_000_000) else {
        return Defect::new(DefectKind::TimeStep, at, STEPPED_BACK);
    };
    Defect::new(DefectKind::TimeStep, at, STEPPED_AHEAD).with_number(seconds)
}

const STEPPED_AHEAD: &str = "time jumps by {} s between this frame and the one before: a clock was set, files were joined, or nothing was captured; \
     calls open across that are not judged, but what had run out before";
const STEPPED_BACK: &str = "time jumps back between this frame and the one before: a clock was set, or files were joined; calls open across that \
     are not judged, but what had run out before";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_queue_stays_in_proportion_where_time_stands_still() {
        let limits = Limits {
            calls: 8,
            ..Limits::default()
        };
        let mut calls = Calls::new(&limits);
        for n in 0..5000_u32 {
            let id = n.to_be_bytes();
            calls.slot(&id, FrameRef::default(), &mut |_| {}, &mut |_| {});
            calls.forget_stale();
        }
        assert_eq!(calls.in_progress.len(), 8);
        assert!(calls.due.len() <= 4 * 8 + 1024, "{}", calls.due.len());
    }
}
