//! When a call is settled, and how a dialog is handed out with its evidence.

use super::super::coverage::Coverage;
use super::super::dialog::{AckMatch, Answered, AnsweredDialog, HopFacts};
use super::super::hops::Hops;
use super::super::timers::Timers;
use super::super::{Event, Note};
use super::{Call, NEVER};
use crate::calls::dialog::Path;
use crate::calls::lru::Slot;
use crate::calls::media::Media;
use crate::calls::transaction::Exchange;
use crate::calls::{Ack, Leg};
use crate::units::Span;

/// 64*T1: how long a sender may repeat itself (RFC 3261 §17.1.1.2).
pub(super) const REPEATS: Span = Span::from_secs(32);
/// Dialogs without an exact ACK are looked at until 1.3 times 64*T1 after the 2xx (DOMAIN C.5).
const WITHOUT_ACK: Span = Span::from_millis(41_600);
/// A lost fragment is noticed this much later at most (`Limits::ip_reassembly_wait`), and what
/// is missing must be known before anybody is accused of not sending it.
pub(super) const FOUND_LATE: Span = Span::from_secs(62);
/// With one, nothing is expected this long after the last copy of 2xx or ACK.
pub(super) const WITH_ACK: Span = Span::from_secs(10);
/// A single 2xx without ACK waits this long for a sign of life of its dialog.
const SIGN_OF_LIFE: Span = Span::from_secs(600);
/// Calls in which nothing is open are remembered so long after their last message.
pub(super) const IDLE: Span = plus(REPEATS, WITH_ACK);
/// Established calls without a message are kept this long; later ones start anew.
const ESTABLISHED: Span = Span::from_secs(4 * 3600);

impl Call {
    /// The elapsed time at which something is to be done about this call.
    pub(in crate::calls) fn due(&self) -> Span {
        let exchanges = self.exchanges.iter().filter(|e| !e.told);
        let exchange = exchanges.map(Exchange::due).min();
        let open = exchange.into_iter().chain(self.dialogs_due());
        open.min()
            .unwrap_or_else(|| plus(self.touched, self.idle_limit()))
    }

    /// The same after a message: no later than [`Self::due`], and found without looking at what
    /// the message did not change.
    pub(in crate::calls) fn due_soon(&mut self) -> Span {
        let soonest = std::mem::replace(&mut self.soonest, NEVER);
        self.dialogs_due().map_or(soonest, |due| due.min(soonest))
    }

    fn dialogs_due(&self) -> Option<Span> {
        let dialogs = self.answered.iter();
        let due = dialogs.flat_map(|dialog| {
            let settles = (!dialog.settled).then(|| settles_at(dialog));
            let ends = dialog.session.as_ref().and_then(|session| session.due());
            settles.into_iter().chain(ends)
        });
        due.min()
    }

    /// How long the call may be silent before it is forgotten.
    fn idle_limit(&self) -> Span {
        let is_established = self
            .answered
            .iter()
            .any(|d| d.byes.is_empty() && (d.acked || !d.settled));
        if is_established { ESTABLISHED } else { IDLE }
    }

    /// Whether nothing more is expected of the call.
    pub(in crate::calls) fn is_over(&self, elapsed: Span) -> bool {
        self.exchanges.iter().all(|e| e.told)
            && self.answered.iter().all(|d| d.settled)
            && plus(self.touched, self.idle_limit()) <= elapsed
    }

    /// Hands out what is settled by `elapsed`, or all that is open (`None`).
    pub(in crate::calls) fn settle(
        &mut self,
        elapsed: Option<Span>,
        end: &Ending<'_>,
        peers: &Peers<'_>,
        out: &mut impl FnMut(Event<'_>),
    ) {
        for index in 0..self.exchanges.len() {
            let is_due = self.exchanges.get(index).is_some_and(|exchange| {
                !exchange.told && elapsed.is_none_or(|elapsed| exchange.due() <= elapsed)
            });
            if is_due {
                self.listen(index, peers);
                self.tell(index, end, peers.hops, out);
            }
        }
        self.settle_dialogs(elapsed, end, peers, out);
        self.settle_sessions(elapsed, end, out);
        if elapsed.is_none() {
            self.leave_refusals(end, out);
        }
    }

    /// Hands out dialogs that are settled by `elapsed`, or all of them (`None`).
    fn settle_dialogs(
        &mut self,
        elapsed: Option<Span>,
        end: &Ending<'_>,
        peers: &Peers<'_>,
        out: &mut impl FnMut(Event<'_>),
    ) {
        for index in 0..self.answered.len() {
            let Some(dialog) = self.answered.get(index) else {
                continue;
            };
            if dialog.settled || elapsed.is_some_and(|elapsed| settles_at(dialog) > elapsed) {
                continue;
            }
            let is_due = elapsed.is_none() || dialog.patient;
            if !is_due
                && might_be_accused(dialog, peers.hops, self.digest)
                && !self.is_heard(index, peers)
            {
                if let Some(dialog) = self.answered.get_mut(index) {
                    dialog.patient = true;
                }
                continue;
            }
            let Some(dialog) = self.answered.get_mut(index) else {
                continue;
            };
            dialog.settled = true;
            for leg in dialog.legs.iter_mut().filter(|leg| !leg.told) {
                leg.told = true;
                out(Event::Note(Note {
                    serial: leg.serial,
                    context: None,
                    settled: true,
                }));
            }
            // The hop nearest the callee is judged first: most Via values, then earliest.
            dialog
                .legs
                .sort_by_key(|leg| (leg.vias, std::cmp::Reverse(leg.first().time)));
            let Some(dialog) = self.answered.get(index) else {
                continue;
            };
            self.hand_out(dialog, end, peers, out);
        }
    }

    /// Whether RTP both ways shows that the dialog outlived a missing ACK.
    fn is_heard(&self, index: usize, peers: &Peers<'_>) -> bool {
        let dialog = self.answered.get(index);
        dialog.is_some_and(|dialog| {
            let media = self.media_of(dialog, peers);
            let opened = dialog.legs.iter().map(|leg| leg.first().time).min();
            let until = media.and_then(|media| media.both_until());
            until
                .zip(opened)
                .is_some_and(|(until, opened)| until.since(opened) > WITHOUT_ACK)
        })
    }

    fn hand_out(
        &self,
        dialog: &Answered,
        end: &Ending<'_>,
        peers: &Peers<'_>,
        out: &mut impl FnMut(Event<'_>),
    ) {
        let hops = peers.hops;
        let Some(nearest) = dialog.legs.last() else {
            return;
        };
        let opened = dialog
            .legs
            .iter()
            .map(|leg| leg.first().time)
            .min()
            .unwrap_or_default();
        // One that fits exactly belongs to it, whatever clock says that it came before.
        let acks: Vec<_> = self
            .acks
            .iter()
            .filter(|ack| !self.belongs_elsewhere(ack, dialog))
            .filter_map(|ack| Some((ack, dialog.matches(ack)?)))
            .filter(|(ack, fit)| {
                let is_exact = matches!(fit, AckMatch::Exact(_));
                is_exact || ack.seen.time.since(opened) >= Span::from_millis(-500)
            })
            .collect();
        let facts: Vec<_> = dialog
            .legs
            .iter()
            .map(|leg| HopFacts {
                two_way: leg.invite.is_some() || hops.has_seen(&leg.flow),
                acks_of_others: hops.has_ack_of_other(&leg.flow, self.digest),
                callee_repeats: hops.repeats_in_other(leg.flow.dst, self.digest),
                unopened: leg
                    .contact_socket()
                    .and_then(|socket| hops.connects.unopened(socket))
                    .filter(|unopened| unopened.last.time >= leg.first().time),
                perhaps_unreachable: hops.refused_after(&leg.flow, leg.first().time),
                peer_t1: peers.timers.t1(leg.flow.dst),
            })
            .collect();
        let until = end.coverage.until(nearest.interface, nearest.last().time);
        let latest = dialog
            .legs
            .iter()
            .map(|leg| leg.last().time)
            .chain(acks.iter().map(|(ack, _)| ack.seen.time))
            .chain(dialog.byes.iter().map(|bye| bye.seen.time));
        let latest = latest.max().unwrap_or_default();
        let hosts = dialog.legs.iter().flat_map(Leg::ack_hosts);
        out(Event::Dialog(&AnsweredDialog {
            call_id: &self.id,
            to_tag: &dialog.to_tag_text,
            cseq: dialog.cseq,
            reinvite: dialog.reinvite,
            late_offer: dialog.late_offer,
            legs: &dialog.legs,
            hop_facts: &facts,
            acks: &acks,
            byes: &dialog.byes,
            cancel: self
                .cancels
                .iter()
                .find(|cancel| cancel.is_of(dialog.from_tag, Some(dialog.cseq)))
                .map(|cancel| cancel.first),
            last_success: dialog.last_success,
            media: self.media_of(dialog, peers),
            callee_unreachable: dialog.callee_unreachable,
            observed_until: until.time,
            paused: until.paused,
            gap: end.coverage.has_gap(nearest.interface, opened, latest),
            loss: end.coverage.is_lossy(hosts, opened, until.time),
            time_step: dialog.steps != end.coverage.steps(),
            evicted: end.evicted,
        }));
    }

    /// Whether an ACK is another INVITE's (DOMAIN C.5): of a refused one by its branch, of
    /// another fork by its To tag, of another answered INVITE by its CSeq number.
    fn belongs_elsewhere(&self, ack: &Ack, dialog: &Answered) -> bool {
        if dialog.is_exact(ack) {
            return false;
        }
        let of_refusal = ack.branch != 0
            && self
                .transactions
                .iter()
                .any(|t| t.branch == ack.branch && t.is_refused());
        of_refusal || self.answered.iter().any(|other| other.is_exact(ack))
    }
}

/// How far the capture carries what is handed out.
#[derive(Clone, Copy, Debug)]
pub(in crate::calls) struct Ending<'a> {
    pub(in crate::calls) coverage: &'a Coverage,
    /// The call is given up for lack of room.
    pub(in crate::calls) evicted: bool,
}

/// What other traffic says about the elements of a call.
#[derive(Clone, Copy, Debug)]
pub(in crate::calls) struct Peers<'a> {
    pub(in crate::calls) hops: &'a Hops,
    pub(in crate::calls) timers: &'a Timers,
    pub(in crate::calls) media: &'a Media,
    /// The call's place, by which `media` knows it.
    pub(in crate::calls) slot: Slot,
}

/// Whether a single 2xx without ACK would be held against the caller (DOMAIN C.5 row 23). Such a
/// dialog is waited for as long as its call may last: one answer in it shows that the ACK came.
fn might_be_accused(dialog: &Answered, hops: &Hops, call: u64) -> bool {
    !dialog.acked
        && dialog.byes.is_empty()
        && dialog.legs.iter().any(|leg| {
            leg.copies_seen == 1
                && leg.path() == Path::Pinned
                && hops.has_ack_of_other(&leg.flow, call)
        })
}

/// The elapsed time at which nothing more can change what is said of a dialog.
fn settles_at(dialog: &Answered) -> Span {
    if dialog.patient && dialog.byes.is_empty() && !dialog.acked {
        return plus(dialog.opened, ESTABLISHED);
    }
    if dialog.acked {
        return plus(dialog.touched, WITH_ACK);
    }
    let without_ack = plus(dialog.opened, plus(WITHOUT_ACK, FOUND_LATE));
    let repeated = dialog.legs.iter().any(|leg| leg.copies_seen > 1);
    if !dialog.byes.is_empty() {
        // Timer F shows whether the other side was still there; a late BYE of either side that is
        // answered shows that the dialog lived.
        let timer_f = plus(dialog.touched, plus(REPEATS, Span::from_secs(2)));
        let latest = dialog
            .byes
            .iter()
            .map(|bye| bye.seen.time)
            .max()
            .unwrap_or_default();
        let first = dialog
            .legs
            .first()
            .map(|leg| leg.first().time)
            .unwrap_or_default();
        let bye_after = latest.since(first);
        return without_ack
            .max(plus(plus(dialog.opened, bye_after), REPEATS))
            .max(timer_f);
    }
    if repeated {
        // A callee with a long T1 repeats for longer; each copy is waited for.
        without_ack.max(plus(dialog.touched, WITH_ACK))
    } else {
        plus(dialog.opened, SIGN_OF_LIFE)
    }
}

pub(super) const fn plus(a: Span, b: Span) -> Span {
    Span::from_nanos(a.nanos().saturating_add(b.nanos()))
}
