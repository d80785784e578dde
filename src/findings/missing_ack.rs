//! `missing-ack`: INVITEs that were answered with a 2xx for which no ACK, or no usable ACK, came.
//!
//! In: answered dialogs with all their evidence. Out: one finding for each verdict and pair of
//! hosts that matters. The verdict itself is `decide`; what is printed about it is `words`.
//!
//! # References
//! - RFC 3261 §13.2.2.4, §13.3.1.4, §15; RFC 6026 §7

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use super::grouping::{Gathered, Groups, Said};
use super::rule::{CallRef, Confidence, End, Finding, Peer, Rule, Severity, Topic, kept, readable};
use crate::calls::{
    Ack, AckFault, AckMatch, AnsweredDialog, Bye, Exchanged, Leg, MediaSeen, Side, dialog::is_on,
};
use crate::limits::Limits;
use crate::units::{Span, Timestamp};

mod causes;
pub mod decide;
mod non2xx;
mod words;

use causes::Cause;
use decide::{Decision, Facts, Repeats, Standing, Verdict, decide, timing};

/// The rule's name.
pub const NAME: &str = "missing-ack";

/// The rule.
#[derive(Debug)]
pub struct MissingAck {
    call_id_bytes: usize,
    groups: Groups<Key>,
    judged: BTreeMap<Key, Judged>,
    /// Answered dialogs by pair of hosts.
    dialogs: HashMap<Peer, u64>,
    pairs: usize,
    non2xx: non2xx::Non2xx,
}

/// What a finding shares.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    severity: std::cmp::Reverse<Severity>,
    verdict: &'static str,
    confidence: Confidence,
    qualifier: String,
    cause: Option<causes::Kind>,
    /// It rests on the absence of a single packet; until the tap is known to miss some or not.
    one_packet: bool,
}

/// What dialogs of one key have in common beside it.
#[derive(Clone, Debug)]
struct Judged {
    decision: Decision,
    /// The ACK need not have passed the tap in at least one of them.
    path_open: bool,
}

impl MissingAck {
    /// A rule for one capture.
    pub fn new(limits: &Limits) -> Self {
        Self {
            call_id_bytes: limits.call_id_bytes,
            groups: Groups::new(limits),
            judged: BTreeMap::new(),
            dialogs: HashMap::new(),
            pairs: limits.host_pairs,
            non2xx: non2xx::Non2xx::new(limits),
        }
    }
}

impl Rule for MissingAck {
    fn topics(&self) -> &'static [Topic] {
        static TOPICS: LazyLock<Vec<Topic>> = LazyLock::new(|| {
            words::TOPICS
                .iter()
                .chain([&non2xx::TOPIC])
                .chain(causes::TOPICS)
                .copied()
                .collect()
        });
        &TOPICS
    }

    fn dialog(&mut self, dialog: &AnsweredDialog<'_>) {
        let Some((decision, facts, leg)) = judge(dialog) else {
            return;
        };
        let peer = Peer::of(&leg.flow);
        if self.dialogs.len() < self.pairs || self.dialogs.contains_key(&peer) {
            *self.dialogs.entry(peer).or_default() += 1;
        }
        if decision.verdict == Verdict::AckOk {
            return;
        }
        let (mut severity, confidence) = weigh(&decision, &facts);
        // Two packets that the tap missed, the ACK and the answer to BYE, look the same; an ICMP
        // error does not.
        if decision.verdict == Verdict::UasDiedAfter200 && dialog.callee_unreachable.is_none() {
            severity = severity.min(Severity::Warning);
        }
        let cause = causes::of(dialog, leg, &facts, &decision);
        let key = Key {
            cause: cause.as_ref().map(|cause| cause.kind),
            severity: std::cmp::Reverse(severity),
            verdict: words::name(decision.verdict),
            confidence,
            qualifier: words::qualifier(&decision),
            one_packet: rests_on_one_packet(&decision, &facts),
        };
        let path_open = leg.path() != crate::calls::dialog::Path::Pinned;
        let judged = self.judged.entry(key.clone()).or_insert_with(|| Judged {
            decision,
            path_open: false,
        });
        judged.path_open |= path_open;
        self.groups.add(
            key,
            peer,
            leg.first().time,
            || call_ref(dialog, leg, self.call_id_bytes),
            || evidence(dialog, leg, &facts, cause.as_ref()),
        );
    }

    fn exchanged(&mut self, exchanged: &Exchanged<'_>) {
        self.non2xx.exchanged(exchanged);
    }

    fn finish(&mut self, end: &End, out: &mut dyn FnMut(Finding)) {
        self.non2xx.finish(out);
        let mut groups = self.lower(end);
        let judged = &self.judged;
        groups.finish(&mut |key, gathered| {
            if let Some(judged) = judged.get(key) {
                out(finding(key, judged, gathered));
            }
        });
    }
}

/// What rests on single packets is lowered where the tap is known to miss as many in silence, …
const LOSSY_TAP: &str = "lossy-tap";

/// … and where nothing shows that it does not.
const ONE_PACKET: &str = "one-packet";

impl MissingAck {
    /// Lowers what rests on a single absent ACK a call where the tap may have missed as many packets.
    ///
    /// A pair of hosts of which more ACKs are absent than that explains is a matter of its own; the others
    /// are looked at together. Which qualifier says that the tap is known to miss packets.
    fn lower(&mut self, end: &End) -> Groups<Key> {
        let missed = &end.missed;
        let Self {
            groups,
            judged,
            dialogs,
            ..
        } = self;
        let all = dialogs.values().sum();
        let mut absent: BTreeMap<Peer, u64> = BTreeMap::new();
        let mut counted = groups.regroup(|key, peer, count, _| {
            if key.one_packet {
                *absent.entry(peer).or_default() += count;
            }
            Some(key.clone())
        });
        absent.retain(|peer, count| {
            let of = dialogs.get(peer).copied().unwrap_or(*count);
            missed.explains(*count, of, dialogs.len())
        });
        let may_be_missed = missed.explains(absent.values().sum(), all, 1);
        let why = if missed.is_lossy() {
            LOSSY_TAP
        } else {
            ONE_PACKET
        };
        let mut same = |from: &Key, key: Key| {
            let it = judged.get(from)?.clone();
            let open = it.path_open;
            judged.entry(key.clone()).or_insert(it).path_open |= open;
            Some(key)
        };
        counted.regroup(|key, peer, _, _| {
            let may_be_missed = key.one_packet && may_be_missed && absent.contains_key(&peer);
            let told = Key {
                one_packet: false,
                ..key.clone()
            };
            if !may_be_missed || key.severity.0 <= Severity::Info {
                return same(key, told);
            }
            let mut qualifier = key.qualifier.clone();
            if !qualifier.is_empty() {
                qualifier.push(',');
            }
            qualifier.push_str(why);
            let lowered = Key {
                severity: std::cmp::Reverse(Severity::Info),
                confidence: Confidence::Inconclusive,
                qualifier,
                ..told
            };
            same(key, lowered)
        })
    }
}

/// Whether the ACK alone is absent, and nothing that happened later shows that it was.
fn rests_on_one_packet(decision: &Decision, facts: &Facts) -> bool {
    let is_once = facts.copies.len() == 1 && !facts.reliable;
    match decision.verdict {
        Verdict::NoAckProbable => {
            decision.qualifiers == ["no-repeats"]
                || is_once && decision.qualifiers == ["give-up-bye"]
        }
        // A callee that repeats its 2xx behind that hop is a witness of its own.
        Verdict::AckDroppedAt => is_once && facts.copies_at_next <= 1 && !facts.stated,
        Verdict::UacHungUpWithoutAck | Verdict::CancelCrossed200 => true,
        _ => false,
    }
}

/// The verdict on a dialog, the facts it rests on, and the leg it was made on.
fn judge<'a>(dialog: &'a AnsweredDialog<'_>) -> Option<(Decision, Facts, &'a Leg)> {
    let (nearest, upstream) = dialog.legs.split_last()?;
    let facts = facts_of(dialog, dialog.legs.len() - 1)?;
    let unjudged = match () {
        () if dialog.time_step => Some("time-step"),
        () if dialog.evicted => Some("evicted"),
        () => None,
    };
    if let Some(why) = unjudged {
        let mut decision = decide(&facts);
        if decision.verdict != Verdict::AckOk {
            decision = Decision {
                verdict: Verdict::Inconclusive,
                qualifiers: vec![why],
            };
        }
        return Some((decision, facts, nearest));
    }
    // An ACK that came as far as the hop before, and not here, is that element's doing; unless
    // requests cannot be seen here at all.
    let mut caller_sent_it = false;
    if facts.exact.is_empty() {
        let mut next_is_seen = nearest.invite.is_some();
        let copies_at_next = facts.copies.len();
        for (index, leg) in upstream.iter().enumerate().rev() {
            let facts = Facts {
                dropped_at_next: next_is_seen,
                copies_at_next,
                ..facts_of(dialog, index)?
            };
            if facts.exact.is_empty() {
                next_is_seen = leg.invite.is_some();
                continue;
            }
            let decision = decide(&facts);
            let is_known = matches!(
                decision.verdict,
                Verdict::AckDroppedAt | Verdict::AckUndeliverable
            );
            if is_known || !next_is_seen {
                return Some((decision, facts, leg));
            }
            caller_sent_it = true;
            break;
        }
    }
    let mut decision = decide(&facts);
    // What accuses the caller does not hold of one whose ACK was seen on an earlier hop.
    let accuses_caller = matches!(
        decision.verdict,
        Verdict::UacHungUpWithoutAck | Verdict::CancelCrossed200
    );
    if caller_sent_it && accuses_caller {
        decision = Decision {
            verdict: Verdict::Inconclusive,
            qualifiers: vec!["ended-early"],
        };
    }
    Some((decision, facts, nearest))
}

/// Whether the verdict is that the callee was gone after its 2xx, by a BYE that it never answered.
pub(super) fn has_died(dialog: &AnsweredDialog<'_>) -> bool {
    let is_unanswered = |bye: &Bye| bye.side == Side::Uac && bye.answered.is_none();
    dialog.byes.iter().any(is_unanswered)
        && judge(dialog).is_some_and(|(decision, ..)| decision.verdict == Verdict::UasDiedAfter200)
}

/// What is known of a dialog on one of its legs.
fn facts_of(dialog: &AnsweredDialog<'_>, index: usize) -> Option<Facts> {
    let leg = dialog.legs.get(index)?;
    let known = dialog.hop_facts.get(index).copied().unwrap_or_default();
    let start = leg.first().time;
    let at = |time: Timestamp| time.since(start).as_secs_f64();
    let acks = || acks_on(dialog, leg);
    let mut exact: Vec<(f64, Option<AckFault>)> = Vec::new();
    for (ack, fit) in acks() {
        if let AckMatch::Exact(fault) = fit {
            let times = std::iter::once(ack.seen.time).chain(ack.repeats.iter().copied());
            exact.extend(times.map(|time| (at(time), fault)));
        }
    }
    exact.sort_by(|a, b| a.0.total_cmp(&b.0));
    let wrong = acks().find_map(|(_, fit)| match fit {
        AckMatch::Wrong(fault) => Some(fault),
        AckMatch::Exact(_) => None,
    });
    // The last word counts: an ACK sent after the last error may have arrived.
    let last_error = acks()
        .filter(|(_, fit)| matches!(fit, AckMatch::Exact(_)))
        .filter_map(|(ack, _)| ack.undeliverable)
        .map(|error| at(error.time))
        .max_by(f64::total_cmp);
    let undeliverable = last_error
        .zip(exact.last())
        .is_some_and(|(error, ack)| ack.0 <= error);
    let first_bye = dialog.byes.iter().min_by_key(|bye| bye.seen.time);
    let end = at(dialog.observed_until);
    let mut facts = Facts {
        copies: leg.copies.iter().map(|copy| at(copy.time)).collect(),
        exact,
        wrong,
        bye: first_bye.map(|bye| (at(bye.seen.time), bye.side)),
        end,
        invite: leg.invite.is_some(),
        two_way: known.two_way,
        loss: dialog.loss,
        paused: dialog.paused,
        gap: dialog.gap,
        live: false,
        went_on: false,
        path: leg.path(),
        stated: dialog.byes.iter().any(|bye| bye.says_no_ack),
        undeliverable,
        repeats_after_error: last_error.is_some_and(|error| at(leg.last().time) > error),
        cancel: dialog.cancel.map(|cancel| at(cancel.time)),
        callee_died: dialog.callee_unreachable.is_some()
            || is_left_unanswered(dialog, leg.flow.transport.is_reliable()),
        // Who is known to repeat, and did not here, had no need to.
        callee_repeats: known.callee_repeats || known.peer_t1.is_some(),
        peer_t1: known.peer_t1.map(Span::as_secs_f64),
        dropped_at_next: false,
        copies_at_next: 0,
        acks_of_others: known.acks_of_others,
        rtt: 0.5,
        reliable: leg.flow.transport.is_reliable(),
    };
    // A callee without ACK would have hung up by then, so an answer proves that it had one.
    let times = timing(&facts);
    let alone = 1.3 * times.window;
    let heard = dialog.media.and_then(|media| media.both_until());
    facts.live = dialog
        .last_success
        .max(heard)
        .is_some_and(|time| at(time) > alone);
    let was_due = |time: Timestamp| at(time) >= times.gap;
    facts.went_on = times.repeats == Repeats::Stopped && dialog.last_success.is_some_and(was_due);
    Some(facts)
}

/// The caller's BYE got no answer in 64*T1 (Timer F).
///
/// Over UDP its sender is the witness: one that does not repeat the BYE, twice at least, may have had an answer.
fn is_left_unanswered(dialog: &AnsweredDialog<'_>, is_reliable: bool) -> bool {
    dialog.byes.iter().any(|bye| {
        let is_repeated = bye.until.since(bye.seen.time) >= Span::from_secs(1);
        bye.side == Side::Uac
            && bye.answered.is_none()
            && (is_reliable || is_repeated)
            && dialog.observed_until.since(bye.seen.time) >= Span::from_secs(32)
    })
}

/// The ACKs seen on a leg, and those that passed no leg at all.
fn acks_on<'a>(
    dialog: &'a AnsweredDialog<'_>,
    leg: &'a Leg,
) -> impl Iterator<Item = (&'a Ack, AckMatch)> {
    dialog
        .acks
        .iter()
        .filter(|(ack, _)| is_on(ack, leg, dialog.legs))
        .map(|(ack, fit)| (*ack, *fit))
}

/// How bad, and how sure. What rests on a packet's absence is one step less sure where packets
/// are missing from the capture (DOMAIN C.4).
fn weigh(decision: &Decision, facts: &Facts) -> (Severity, Confidence) {
    let weighed = weigh_alone(decision, facts);
    let rests_on_absence = match decision.verdict {
        Verdict::AckDroppedAt
        | Verdict::AckAfterTimeout
        | Verdict::AckLate
        | Verdict::CancelCrossed200
        | Verdict::UacHungUpWithoutAck
        | Verdict::UasDiedAfter200
        | Verdict::AckMismatch(_, Standing::Probable) => true,
        // The rows of copies repeated to the end have loss in their qualifier already.
        Verdict::NoAckProbable => timing(facts).repeats != Repeats::RanOut,
        _ => false,
    };
    match weighed {
        _ if !((facts.loss || facts.gap) && rests_on_absence) => weighed,
        (Severity::Error, Confidence::Confirmed) => (Severity::Warning, Confidence::Probable),
        (Severity::Info, Confidence::Confirmed) => (Severity::Info, Confidence::Probable),
        _ => (Severity::Info, Confidence::Inconclusive),
    }
}

/// How bad, and how sure, in a capture from which nothing is missing.
fn weigh_alone(decision: &Decision, facts: &Facts) -> (Severity, Confidence) {
    let standing = |standing| match standing {
        Standing::Confirmed => (Severity::Error, Confidence::Confirmed),
        Standing::Probable => (Severity::Warning, Confidence::Probable),
        Standing::Tolerated => (Severity::Info, Confidence::Tolerated),
    };
    match decision.verdict {
        Verdict::AckMismatch(_, how) | Verdict::AckNotHonoured(how) => standing(how),
        // Without repeats of the 2xx one missed packet and the callee's BYE look the same.
        Verdict::AckDroppedAt if rests_on_one_packet(decision, facts) => {
            standing(Standing::Probable)
        }
        Verdict::AckUndeliverable if !decision.qualifiers.is_empty() => {
            standing(Standing::Tolerated)
        }
        Verdict::AckUndeliverable
        | Verdict::AckDroppedAt
        | Verdict::AckAfterTimeout
        | Verdict::NoAckConfirmed => (Severity::Error, Confidence::Confirmed),
        Verdict::UasDiedAfter200 => (Severity::Error, Confidence::Probable),
        Verdict::AckOk => (Severity::Info, Confidence::Confirmed),
        Verdict::AckLate => {
            let is_very_late = facts.exact.first().is_some_and(|ack| ack.0 > 5.0);
            let severity = if is_very_late {
                Severity::Warning
            } else {
                Severity::Info
            };
            (severity, Confidence::Confirmed)
        }
        Verdict::NoAckProbable | Verdict::CancelCrossed200 | Verdict::UacHungUpWithoutAck => {
            (Severity::Warning, Confidence::Probable)
        }
        Verdict::AckNotVisible | Verdict::Inconclusive => {
            (Severity::Info, Confidence::Inconclusive)
        }
    }
}

fn finding(key: &Key, judged: &Judged, gathered: Gathered) -> Finding {
    let words = words::of(&judged.decision, judged.path_open, gathered.count);
    let mut detail = words.detail;
    if key.qualifier.ends_with(LOSSY_TAP) {
        detail.push_str(" This tap misses packets in silence (see trust), as many as this and more: the ACK may be one of them.");
    }
    if key.qualifier.ends_with(ONE_PACKET) {
        detail.push_str(" It rests on one packet a call that was not seen, and nothing in this capture shows that the tap misses as few: the ACK may have passed.");
    }
    gathered.finding(Said {
        rule: NAME,
        verdict: Some(key.verdict),
        qualifier: key.qualifier.clone(),
        severity: key.severity.0,
        confidence: key.confidence,
        raise: words.raise,
        cause: key.cause.map(causes::Kind::name),
        title: words.title,
        detail,
        remediation: key
            .cause
            .map_or(words.remediation, causes::Kind::remediation),
    })
}

fn call_ref(dialog: &AnsweredDialog<'_>, leg: &Leg, text_bytes: usize) -> CallRef {
    let file = leg.first().at.file;
    let mut frames: Vec<_> = leg
        .invite
        .iter()
        .copied()
        .chain(leg.copies.iter().copied())
        .chain(acks_on(dialog, leg).map(|(ack, _)| ack.seen))
        .chain(dialog.byes.iter().map(|bye| bye.seen))
        .chain(dialog.cancel)
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

/// What was in the way while the dialog was open.
fn doubts(dialog: &AnsweredDialog<'_>, facts: &Facts) -> impl Iterator<Item = &'static str> {
    let is_gap = facts.gap || facts.paused && facts.end < timing(facts).window;
    let doubts = [
        (
            facts.loss,
            "packets are missing from the capture, or were not read, meanwhile",
        ),
        (
            is_gap,
            "between two of the files nothing was captured meanwhile",
        ),
        (dialog.evicted, "given up before all was known"),
    ];
    doubts
        .into_iter()
        .filter_map(|(holds, words)| holds.then_some(words))
}

/// An ICMP error that may be about an ACK of this leg, where none is known to be.
fn perhaps_unreachable(dialog: &AnsweredDialog<'_>, leg: &Leg) -> Option<String> {
    let mut known = dialog.legs.iter().zip(dialog.hop_facts);
    let (_, facts) = known.find(|(its, _)| its.flow == leg.flow)?;
    let error = facts.perhaps_unreachable?;
    acks_on(dialog, leg)
        .all(|(ack, _)| ack.undeliverable.is_none())
        .then(|| {
            format!(
                "an ICMP error in frame {} says that a request of these hosts did not arrive, not of which call",
                error.at
            )
        })
}

/// One dialog's evidence, by frame.
fn evidence(
    dialog: &AnsweredDialog<'_>,
    leg: &Leg,
    facts: &Facts,
    cause: Option<&Cause>,
) -> String {
    let start = leg.first().time;
    let after = |time: Timestamp| readable(time.since(start));
    let mut parts = Vec::new();
    let kind = if dialog.reinvite {
        "re-INVITE"
    } else {
        "INVITE"
    };
    match leg.invite {
        Some(invite) => parts.push(format!("{kind} in frame {}", invite.at)),
        None => parts.push(format!("{kind} not captured")),
    }
    let copies = leg.copies_seen;
    parts.push(match copies {
        1 => format!("2xx once, in frame {}", leg.first().at),
        _ => format!(
            "2xx {copies} times in {}, frames {} to {}",
            after(leg.last().time),
            leg.first().at,
            leg.last().at
        ),
    });
    parts.extend(perhaps_unreachable(dialog, leg));
    let mut any_ack = false;
    for (ack, fit) in acks_on(dialog, leg).take(3) {
        any_ack = true;
        let fault = match fit {
            AckMatch::Exact(None) => String::new(),
            AckMatch::Exact(Some(fault)) | AckMatch::Wrong(fault) => {
                format!(" ({})", words::fault(fault, ack, dialog, leg))
            }
        };
        let lost = ack.undeliverable.map_or_else(String::new, |seen| {
            format!(", reported undeliverable by ICMP in frame {}", seen.at)
        });
        let again = match ack.repeats.len() {
            0 => String::new(),
            times => format!(" and {times} more"),
        };
        parts.push(format!(
            "ACK{again} after {}, frame {}{fault}{lost}",
            after(ack.seen.time),
            ack.seen.at
        ));
    }
    if !any_ack {
        parts.push("no ACK on this hop".to_owned());
        if let Some((ack, _)) = dialog
            .acks
            .iter()
            .find(|(_, fit)| matches!(fit, AckMatch::Exact(_)))
        {
            parts.push(format!("an ACK on another hop, frame {}", ack.seen.at));
        }
    }
    for bye in dialog.byes.iter().take(2) {
        let by = if bye.side == Side::Uac {
            "caller"
        } else {
            "callee"
        };
        let said = if bye.says_no_ack {
            ", whose Reason says that no ACK came"
        } else {
            ""
        };
        parts.push(format!(
            "BYE by the {by} after {}, frame {}{said}",
            after(bye.seen.time),
            bye.seen.at
        ));
    }
    if let Some(cancel) = dialog.cancel {
        parts.push(format!("CANCEL in frame {}", cancel.at));
    }
    let timing = timing(facts);
    let ended = match timing.repeats {
        Repeats::RanOut => "the 2xx was repeated until 64*T1 were over",
        Repeats::Stopped => "no further copy came when one was due",
        Repeats::Cut => "nothing was seen beyond",
    };
    parts.push(format!(
        "{ended} (T1 {:.2} s, 64*T1 {:.0} s)",
        timing.t1, timing.window
    ));
    if let Some(media) = &dialog.media {
        parts.push(heard(media, start));
    }
    parts.extend(doubts(dialog, facts).map(str::to_owned));
    if let Some(cause) = cause {
        parts.push(format!("{}: {}", cause.kind.name(), cause.evidence));
    }
    parts.join("; ")
}

/// What was seen of a dialog's media, as evidence; times are from `start`, its 2xx.
pub(super) fn heard(media: &MediaSeen, start: Timestamp) -> String {
    let after = |time: Timestamp| {
        let passed = time.since(start);
        if passed.nanos() < 0 {
            format!("{} before", readable(start.since(time)))
        } else {
            format!("{} after", readable(passed))
        }
    };
    match (media.to_uas, media.to_uac) {
        (Some(to_uas), Some(to_uac)) => format!(
            "RTP both ways until {} the 2xx, frames {} and {}",
            after(to_uas.last.time.min(to_uac.last.time)),
            to_uas.last.at.min(to_uac.last.at),
            to_uas.last.at.max(to_uac.last.at)
        ),
        (Some(span), None) => format!(
            "RTP towards the callee alone, until {} the 2xx, frame {}",
            after(span.last.time),
            span.last.at
        ),
        (None, Some(span)) => format!(
            "RTP towards the caller alone, until {} the 2xx, frame {}",
            after(span.last.time),
            span.last.at
        ),
        (None, None) => "no RTP".to_owned(),
    }
}
