//! `ack-without-answer`: the 2xx to an INVITE carries the first offer of a session, and the ACK
//! carries no answer to it.
//!
//! In: answered dialogs. Out: one finding for each thing that came of it and pair of hosts that matters. Where the callee goes on
//! as if it had no ACK at all, the finding is `missing-ack`'s, and nothing is said here.
//!
//! # References
//! - RFC 3261 §13.2.1, §13.2.2.4; RFC 3264

use super::grouping::{Groups, Said};
use super::rule::{
    CallRef, Confidence, End, Explanation, Finding, Peer, Rule, Severity, Topic, counted, kept,
    readable,
};
use crate::calls::dialog::is_on;
use crate::calls::{Ack, AckMatch, AnsweredDialog, Bye, Leg, Side};
use crate::limits::Limits;
use crate::units::Span;

/// The rule's name.
pub const NAME: &str = "ack-without-answer";

/// Who hangs up this soon after the ACK does so because of what it lacks.
const AT_ONCE: Span = Span::from_secs(5);

/// A copy of the 2xx may cross the ACK.
const CROSSES: Span = Span::from_secs(1);

/// The rule.
#[derive(Debug)]
pub struct AckWithoutAnswer {
    call_id_bytes: usize,
    groups: Groups<Outcome>,
}

/// What came of it, the worst first; and whether a message that was not captured may have brought
/// the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Outcome {
    end: SoonEnd,
    loss: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum SoonEnd {
    CalleeHungUp,
    CallerHungUp,
    WentOn,
    MediaFlows,
}

impl AckWithoutAnswer {
    /// A rule for one capture.
    pub fn new(limits: &Limits) -> Self {
        Self {
            call_id_bytes: limits.call_id_bytes,
            groups: Groups::new(limits),
        }
    }
}

impl Rule for AckWithoutAnswer {
    fn topics(&self) -> &'static [Topic] {
        TOPICS
    }

    fn dialog(&mut self, dialog: &AnsweredDialog<'_>) {
        let Some(leg) = dialog.legs.last() else {
            return;
        };
        let Some(ack) = bare_ack(dialog, leg) else {
            return;
        };
        let end = soon_end(dialog, ack);
        let outcome = Outcome {
            end,
            loss: dialog.loss,
        };
        self.groups.add(
            outcome,
            Peer::of(&leg.flow),
            leg.first().time,
            || call_ref(dialog, leg, ack, self.call_id_bytes),
            || evidence(dialog, leg, ack),
        );
    }

    fn finish(&mut self, _end: &End, out: &mut dyn FnMut(Finding)) {
        self.groups.finish(&mut |outcome, gathered| {
            let said = said(*outcome, gathered.count);
            out(gathered.finding(said));
        });
    }
}

/// The ACK that should carry the answer and does not, on the hop nearest the callee.
fn bare_ack<'a>(dialog: &'a AnsweredDialog<'_>, leg: &Leg) -> Option<&'a Ack> {
    if !dialog.late_offer || dialog.time_step || dialog.evicted {
        return None;
    }
    let mut exact = dialog
        .acks
        .iter()
        .filter(|(ack, fit)| matches!(fit, AckMatch::Exact(_)) && is_on(ack, leg, dialog.legs))
        .map(|(ack, _)| *ack);
    let first = exact.next()?;
    let is_answered = !first.bare || exact.any(|ack| !ack.bare);
    let repeats = leg
        .copies
        .iter()
        .filter(|copy| copy.time.since(first.seen.time) > CROSSES);
    (!is_answered && repeats.count() < 2).then_some(first)
}

fn soon_end(dialog: &AnsweredDialog<'_>, ack: &Ack) -> SoonEnd {
    let flows = dialog.media.and_then(|media| media.both_until());
    match first_bye(dialog).filter(|bye| bye.seen.time.since(ack.seen.time) <= AT_ONCE) {
        Some(bye) if bye.side == Side::Uas => SoonEnd::CalleeHungUp,
        Some(_) => SoonEnd::CallerHungUp,
        None if flows.is_some_and(|until| until > ack.seen.time) => SoonEnd::MediaFlows,
        None => SoonEnd::WentOn,
    }
}

fn first_bye<'a>(dialog: &'a AnsweredDialog<'_>) -> Option<&'a Bye> {
    dialog.byes.iter().min_by_key(|bye| bye.seen.time)
}

fn evidence(dialog: &AnsweredDialog<'_>, leg: &Leg, ack: &Ack) -> String {
    let kind = if dialog.reinvite {
        "re-INVITE"
    } else {
        "INVITE"
    };
    let mut parts = Vec::new();
    if let Some(invite) = leg.invite {
        parts.push(format!("{kind} without SDP in frame {}", invite.at));
    }
    parts.push(format!("2xx with the offer in frame {}", leg.first().at));
    let after = ack.seen.time.since(leg.first().time);
    parts.push(format!(
        "ACK without SDP after {}, frame {}",
        readable(after),
        ack.seen.at
    ));
    if let Some(bye) = first_bye(dialog) {
        let by = match bye.side {
            Side::Uac => "caller",
            Side::Uas => "callee",
        };
        parts.push(format!(
            "BYE by the {by} {} after the ACK, frame {}",
            readable(bye.seen.time.since(ack.seen.time)),
            bye.seen.at
        ));
    }
    if let Some(media) = &dialog.media {
        parts.push(super::missing_ack::heard(media, leg.first().time));
    }
    if dialog.loss {
        parts.push("packets are missing from the capture, or were not read, meanwhile".to_owned());
    }
    parts.join("; ")
}

fn call_ref(dialog: &AnsweredDialog<'_>, leg: &Leg, ack: &Ack, text_bytes: usize) -> CallRef {
    let file = leg.first().at.file;
    let mut frames: Vec<_> = leg
        .invite
        .into_iter()
        .chain([leg.first(), ack.seen])
        .chain(first_bye(dialog).map(|bye| bye.seen))
        .filter(|seen| seen.at.file == file)
        .map(|seen| seen.at.no)
        .collect();
    frames.sort_unstable();
    frames.dedup();
    CallRef {
        call_id: kept(dialog.call_id, text_bytes),
        cseq: dialog.cseq,
        to_tag: (!dialog.to_tag.is_empty()).then(|| kept(dialog.to_tag, text_bytes)),
        file,
        frames,
        time: leg.first().time,
    }
}

fn said(outcome: Outcome, count: u64) -> Said {
    let (severity, qualifier, what_came) = match outcome.end {
        SoonEnd::CalleeHungUp => (
            Severity::Warning,
            "callee-hung-up",
            "The callee hung up within 5 s of the ACK.",
        ),
        SoonEnd::CallerHungUp => (
            Severity::Info,
            "caller-hung-up",
            "The caller hung up within 5 s of it: it did not want what was offered, and owed an answer all the same.",
        ),
        SoonEnd::WentOn => (
            Severity::Info,
            "",
            "Nobody hung up at once; that media passed in both directions was not seen.",
        ),
        SoonEnd::MediaFlows => (
            Severity::Info,
            "media-flows",
            "Media passes in both directions all the same.",
        ),
    };
    let confidence = match outcome {
        _ if outcome.loss => Confidence::Probable,
        _ if outcome.end == SoonEnd::MediaFlows => Confidence::Tolerated,
        _ => Confidence::Confirmed,
    };
    let lost = if outcome.loss {
        " Packets are missing from the capture, so a PRACK with the answer may have passed unseen."
    } else {
        ""
    };
    let calls = counted(count, "answered call", "answered calls");
    Said {
        rule: NAME,
        verdict: None,
        qualifier: qualifier.to_owned(),
        severity,
        confidence,
        raise: outcome.loss.then_some("capture again without loss"),
        cause: None,
        title: format!("{calls}: the ACK brings no answer to the offer in the 200"),
        detail: format!(
            "The INVITE carried no SDP, so the 200 made the offer, and the ACK carries no SDP either: the callee does \
             not learn where to send media and in which codec. {what_came}{lost}"
        ),
        remediation: REMEDIATION,
    }
}

const REMEDIATION: &str = "Make the element that sends the INVITE without SDP (a B2BUA, a conference or click-to-dial server) put its \
     answer into the ACK (RFC 3261 §13.2.2.4). Where it does so and the ACK loses its body on the way, look at the last \
     element that had it. If late offers cannot be made to work, let that element send its offer in the INVITE.";

static TOPICS: &[Topic] = &[Topic {
    name: NAME,
    kind: "rule",
    explanation: Explanation {
        summary: "An INVITE without SDP was answered with an offer, and the ACK brought no answer to it.",
        sections: &[
            (
                "What it sees",
                "An INVITE, first or repeated inside the dialog, that carries no body; a 2xx with SDP; and an ACK that fits \
                 the 2xx and carries no body, on the hop nearest the callee. Where a reliable provisional response, a \
                 PRACK or an UPDATE carried SDP before, the offer was made there and nothing is said. It is a warning if \
                 the callee hangs up within 5 s (qualifier callee-hung-up), else information: caller-hung-up, media-flows \
                 (both directions were seen, confidence tolerated), or none. A callee that goes on repeating its 2xx is \
                 the matter of missing-ack, verdict ack-mismatch, qualifier without-answer.",
            ),
            (
                "Why it matters",
                "The call is answered and billed, and the callee has nowhere to send media: it hangs up, or there is \
                 silence one way.",
            ),
            ("What to do", REMEDIATION),
        ],
    },
}];
