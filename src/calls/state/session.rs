//! Sessions: an answered dialog from its 2xx to its BYE, told once.

use super::super::Event;
use super::super::dialog::{Answered, Leg, Side};
use super::super::mark::Mark;
use super::super::outcome::{Hop, Session, SessionEnd, TEXT};
use super::super::transaction::Texts;
use super::exchange::observed;
use super::hop::short;
use super::in_dialog::joined;
use super::settle::{Ending, WITH_ACK, plus};
use super::{Call, tags};
use crate::sip::{Message, Name};
use crate::units::{Span, StatusCode};

/// What is kept of a session until it is told.
#[derive(Debug)]
pub(in crate::calls) struct Ongoing {
    /// The URIs in From and To of the INVITE.
    texts: Texts<2>,
    acked: Option<Mark>,
    /// The last message, and elapsed time of it.
    last: Mark,
    touched: Span,
    bye: Option<Ended>,
}

/// A session's first BYE.
#[derive(Debug)]
struct Ended {
    side: Side,
    bye: Mark,
    /// CSeq number of it, or of the one with credentials after a challenge to it.
    cseq: Option<u32>,
    copies: u32,
    answer: Option<(StatusCode, Mark)>,
    both: bool,
    reason: Box<[u8]>,
    /// Its exchange has been told: nothing more will be known of it.
    settled: bool,
}

/// Which BYE it is whose exchange has been told.
pub(super) struct ByeTold {
    pub(super) from_tag: u64,
    pub(super) to_tag: u64,
    pub(super) cseq: Option<u32>,
}

impl Ongoing {
    /// Of the first copy of the 2xx.
    pub(super) fn new(message: &Message<'_>, now: Mark, elapsed: Span) -> Self {
        let uris = [message.from(), message.to()].map(|of| of.map_or(&[] as &[u8], |of| of.uri));
        Self {
            texts: Texts::new(uris, TEXT),
            acked: None,
            last: now,
            touched: elapsed,
            bye: None,
        }
    }

    /// An ACK that fits was seen.
    pub(super) fn acked(&mut self, seen: Mark) {
        let is_earlier = self.acked.is_none_or(|known| seen.time < known.time);
        self.acked = if is_earlier { Some(seen) } else { self.acked };
    }

    /// The first copy of a BYE on a hop.
    pub(super) fn bye(&mut self, message: &Message<'_>, side: Side, now: Mark) {
        let cseq = message.cseq.number;
        match &mut self.bye {
            None => {
                self.bye = Some(Ended {
                    side,
                    bye: now,
                    cseq,
                    copies: 1,
                    answer: None,
                    both: false,
                    reason: short(joined(message, Name::Reason)),
                    settled: false,
                });
            }
            Some(first) if first.side != side => first.both = true,
            // The answer to a BYE that was challenged is that to the next one.
            Some(first) if first.cseq < cseq => {
                first.cseq = cseq;
                first.settled = false;
            }
            Some(_) => {}
        }
    }

    /// The elapsed time at which it is over; without BYE that is not known.
    pub(super) fn due(&self) -> Option<Span> {
        let settled = self.bye.as_ref().is_some_and(|bye| bye.settled);
        settled.then(|| plus(self.touched, WITH_ACK))
    }

    /// Bytes it takes.
    pub(super) fn weight(&self) -> usize {
        let reason = self.bye.as_ref().map_or(0, |bye| bye.reason.len());
        size_of::<Self>() + self.texts.len() + reason
    }
}

impl Call {
    /// A message of some dialog was seen.
    pub(super) fn touch_sessions(&mut self, message: &Message<'_>, now: Mark, elapsed: Span) {
        if self.answered.iter().all(|dialog| dialog.session.is_none()) {
            return;
        }
        let (from_tag, to_tag) = tags(message);
        for dialog in &mut self.answered {
            if dialog.side_of(from_tag, to_tag).is_some()
                && let Some(session) = &mut dialog.session
            {
                session.last = now;
                session.touched = elapsed;
            }
        }
    }

    /// A BYE was handed out with its `hops`: what its sessions say of it is known.
    pub(super) fn bye_told(&mut self, told: &ByeTold, hops: &[Hop]) {
        let nearest = hops.first();
        let mut finals = hops.iter().filter_map(|hop| hop.finals.first());
        let answer = finals.next().map(|known| (known.code, known.first.into()));
        for dialog in &mut self.answered {
            let Some(bye) = dialog
                .session
                .as_mut()
                .and_then(|session| session.bye.as_mut())
            else {
                continue;
            };
            let (from_tag, to_tag) = match bye.side {
                Side::Uac => (dialog.from_tag, dialog.to_tag),
                Side::Uas => (dialog.to_tag, dialog.from_tag),
            };
            // Without a From tag (RFC 2543) an exchange goes by another digest.
            let is_its_sender = from_tag == 0 || from_tag == told.from_tag;
            if bye.cseq == told.cseq && to_tag == told.to_tag && is_its_sender {
                bye.copies = nearest.map_or(1, |hop| hop.requests.max(1));
                bye.answer = answer.or(bye.answer);
                bye.settled = true;
            }
        }
    }

    /// Hands out sessions that are over by `elapsed`, or all of them (`None`).
    pub(super) fn settle_sessions(
        &mut self,
        elapsed: Option<Span>,
        ending: &Ending<'_>,
        out: &mut impl FnMut(Event<'_>),
    ) {
        for dialog in &mut self.answered {
            let is_due = match (&dialog.session, elapsed) {
                (None, _) => false,
                (Some(_), None) => true,
                (Some(session), Some(now)) => session.due().is_some_and(|due| due <= now),
            };
            if is_due && let Some(session) = dialog.session.take() {
                self.changed = true;
                hand_out((&self.id, self.is_onward), dialog, &session, ending, out);
            }
        }
    }
}

fn hand_out(
    (call_id, onward): (&[u8], bool),
    dialog: &Answered,
    session: &Ongoing,
    ending: &Ending<'_>,
    out: &mut impl FnMut(Event<'_>),
) {
    // As the hops of an exchange are ordered.
    let nearness = |leg: &&Leg| {
        let answered = leg.first().time.nanos().saturating_neg();
        let time = leg.invite.map_or(answered, |seen| seen.time.nanos());
        (leg.vias, leg.invite.is_none(), time)
    };
    let legs = || dialog.legs.iter();
    let (Some(caller), Some(callee)) = (legs().min_by_key(nearness), legs().max_by_key(nearness))
    else {
        return;
    };
    let others = legs().filter_map(|leg| leg.invite);
    let invite = caller
        .invite
        .or_else(|| others.min_by_key(|seen| seen.time));
    let opened = legs().map(|leg| leg.first().time).min().unwrap_or_default();
    let [from, to] = session.texts.all();
    out(Event::Session(&Session {
        call_id,
        onward,
        to_tag: &dialog.to_tag_text,
        cseq: dialog.cseq,
        from,
        to,
        flow: caller.flow,
        invite,
        answered: caller.first(),
        acked: session.acked.map(Mark::seen),
        end: match &session.bye {
            None => SessionEnd::Unseen,
            Some(bye) => SessionEnd::Bye {
                side: bye.side,
                bye: bye.bye.seen(),
                copies: bye.copies,
                answer: bye.answer.map(|(code, mark)| (code, mark.seen())),
                both: bye.both,
                reason: &bye.reason,
            },
        },
        last: session.last.seen(),
        observed: observed(
            ending,
            Some((callee.interface, session.last.seen().time)),
            (opened, None),
            dialog.steps,
            legs().map(|leg| leg.flow),
        ),
    }));
}
