//! The decision table for a 2xx to INVITE: what the capture proves about its ACK.
//!
//! Two claims are kept apart: that the callee received no usable ACK, which its own repeats of
//! the 2xx prove, and that no ACK passed this hop, which is proven only where it had to pass.
//! The table is read from the top; the first row that holds is the verdict. Times are seconds
//! from the first copy of the 2xx.
//!
//! # References
//! - RFC 3261 §13.3.1.4 (the 2xx is repeated on every transport until the ACK or 64*T1), §15
//!   (a callee may hang up only after the ACK or 64*T1), §9.1

use crate::calls::{AckFault, Side};

/// What is known about one dialog on one hop.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Copies of the 2xx, ascending, the first at 0.
    pub copies: Vec<f64>,
    /// Exact ACKs with what else is wrong with them, ascending.
    pub exact: Vec<(f64, Option<AckFault>)>,
    /// The first ACK that would fit but for its fault.
    pub wrong: Option<AckFault>,
    /// The first BYE: when, by whom, whether it was answered.
    pub bye: Option<(f64, Side)>,
    /// When nothing more could have been seen.
    pub end: f64,
    /// The INVITE was seen here.
    pub invite: bool,
    /// Packets from the caller's side to the callee's were seen here.
    pub two_way: bool,
    /// Packets may be missing from the capture while the dialog was open.
    pub loss: bool,
    /// The capture paused at `end` and went on later; what came then may not have been seen.
    pub paused: bool,
    /// It paused between two of the sightings.
    pub gap: bool,
    /// A request inside the dialog got a 2xx, or RTP passed in both directions, when a callee
    /// without ACK would have been gone.
    pub live: bool,
    /// A request inside the dialog got a 2xx when another copy of the 2xx had been due and did not come.
    pub went_on: bool,
    /// The ACK had to pass this hop, must have gone elsewhere, or neither is known.
    pub path: crate::calls::dialog::Path,
    /// A BYE or CANCEL says that no ACK came.
    pub stated: bool,
    /// An ICMP error says that the ACK did not arrive, and no later one did without.
    pub undeliverable: bool,
    /// A copy of the 2xx came after that error.
    pub repeats_after_error: bool,
    /// When the caller cancelled.
    pub cancel: Option<f64>,
    /// The callee was reported unreachable, or the caller's requests went unanswered.
    pub callee_died: bool,
    /// The callee repeated a 2xx in another dialog.
    pub callee_repeats: bool,
    /// T1 of the callee in other dialogs, if they agree on one.
    pub peer_t1: Option<f64>,
    /// The next hop towards the callee was captured and shows no ACK.
    pub dropped_at_next: bool,
    /// Copies of the 2xx on the hop nearest the callee, where that is another one.
    pub copies_at_next: usize,
    /// ACKs of other dialogs were seen here.
    pub acks_of_others: bool,
    /// Round trip on this hop, seconds.
    pub rtt: f64,
    /// Not UDP.
    pub reliable: bool,
}

/// What is said of a dialog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All is well.
    AckOk,
    /// ICMP says the ACK did not arrive.
    AckUndeliverable,
    /// It came to one element and did not leave it.
    AckDroppedAt,
    /// An ACK came, but not one that fits.
    AckMismatch(AckFault, Standing),
    /// It came after the callee had given up.
    AckAfterTimeout,
    /// It came, and the callee went on repeating.
    AckNotHonoured(Standing),
    /// It came late, or early ones were lost beyond the tap.
    AckLate,
    /// None came, and the callee says so or shows it to the end.
    NoAckConfirmed,
    /// None was seen where it should have been.
    NoAckProbable,
    /// The caller had cancelled; it owes ACK, then BYE.
    CancelCrossed200,
    /// The caller hung up and sent no ACK before.
    UacHungUpWithoutAck,
    /// The callee answered and was gone.
    UasDiedAfter200,
    /// None was seen, but the callee had one.
    AckNotVisible,
    /// The capture cannot tell.
    Inconclusive,
}

/// How firmly a verdict stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Proven.
    Confirmed,
    /// A packet that was not captured could explain it.
    Probable,
    /// The other side put up with it.
    Tolerated,
}

/// A verdict and what narrows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What is said.
    pub verdict: Verdict,
    /// What narrows it.
    pub qualifiers: Vec<&'static str>,
}

/// How the callee's repeats ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeats {
    /// To the end of 64*T1: it got no usable ACK.
    RanOut,
    /// Early: it got one, or never repeats.
    Stopped,
    /// Nothing can be said: the capture or the call ended first.
    Cut,
}

/// The times derived from the copies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Timing {
    /// T1 of this callee, from its first two gaps; else 0.5 s, or more if other dialogs say so.
    pub t1: f64,
    /// 64*T1, kept within 8 and 64 s.
    pub window: f64,
    /// 64*T1 of a callee that other dialogs show to be quicker than that; else the same.
    pub earliest: f64,
    /// When the next copy was due after the last.
    pub gap: f64,
    /// How the repeats ended.
    pub repeats: Repeats,
    /// The callee hung up when 64*T1 were over.
    pub gave_up: bool,
}

/// T1 of who says nothing else (RFC 3261 §17.1.1.1).
const T1: f64 = 0.5;
/// T2, the longest gap between two copies (RFC 3261 §13.3.1.4).
const T2: f64 = 4.0;

/// Reads the callee's timers off its copies.
pub fn timing(facts: &Facts) -> Timing {
    let copies = &facts.copies;
    let last = copies.last().copied().unwrap_or_default();
    // A T1 borrowed from other dialogs only lowers what is said: a long one makes the window
    // longer, a short one takes from an early BYE that it is a sign of life, and neither makes a
    // BYE a sign of giving up that would be none without it.
    let (t1, peer) = match copies.as_slice() {
        [first, second, third, ..] => {
            let (one, two) = (second - first, third - second);
            let doubles = (0.1..=2.0).contains(&one) && (1.7..=2.3).contains(&(two / one));
            let t1 = if doubles { one } else { T1 };
            (t1, t1)
        }
        _ => {
            let peer = facts.peer_t1.unwrap_or(T1);
            (peer.max(T1), peer)
        }
    };
    let give_up = |t1: f64| (64.0 * t1).clamp(8.0, 64.0);
    let (window, earliest) = (give_up(t1), give_up(peer));
    let latest = if copies.len() < 3 {
        earliest.min(give_up(T1))
    } else {
        window
    };
    let gap = match copies.as_slice() {
        [.., before, last] => (2.0 * (last - before)).min(T2),
        _ => t1,
    };
    let slack = slack(gap);
    let horizon = facts.bye.map_or(facts.end, |bye| facts.end.min(bye.0));
    let repeats = if last >= 0.85 * window {
        Repeats::RanOut
    } else if horizon >= last + gap + slack {
        Repeats::Stopped
    } else {
        Repeats::Cut
    };
    // (DOMAIN C.5 takes any BYE from 0.9 to 1.3 times 64*T1. But where the callee repeats nothing, the time alone
    // speaks, and healthy calls last that long, too; timers are more exact.)
    let (early, late) = match copies.len() {
        0 | 1 => (0.98, 1.02),
        _ => (0.9, 1.3),
    };
    let gave_up = facts.bye.is_some_and(|(time, side)| {
        side == Side::Uas && (early * window..=late * latest).contains(&time)
    });
    Timing {
        t1,
        window,
        earliest,
        gap,
        repeats,
        gave_up,
    }
}

fn slack(gap: f64) -> f64 {
    (0.5 * gap).max(1.0)
}

/// The verdict.
pub fn decide(facts: &Facts) -> Decision {
    let timing = timing(facts);
    let is_coincidence = timing.gave_up && fell_silent(facts, &timing);
    let gave_up = timing.gave_up && !is_coincidence;
    let failed = timing.repeats == Repeats::RanOut || gave_up || facts.stated;
    if facts.undeliverable {
        // (DOMAIN C.5 does not ask for repeats here. But a callee that goes on and then falls silent has had a later
        // ACK, which this tap did not see, and so has one that lives on.)
        let fell_silent = facts.repeats_after_error && timing.repeats == Repeats::Stopped;
        let lives = facts.live && timing.repeats != Repeats::RanOut;
        return if (fell_silent || lives) && !facts.stated {
            said(Verdict::AckUndeliverable, &["tolerated"])
        } else {
            plain(Verdict::AckUndeliverable)
        };
    }
    if !facts.exact.is_empty() {
        return with_exact_ack(facts, &timing, failed);
    }
    if let Some(fault) = facts.wrong {
        return plain(Verdict::AckMismatch(
            fault,
            wrong_ack_stands(facts, &timing, failed),
        ));
    }
    without_ack(facts, &timing)
}

/// Rows 2 to 8.
fn with_exact_ack(facts: &Facts, timing: &Timing, failed: bool) -> Decision {
    let first = facts.exact.first().map_or(0.0, |ack| ack.0);
    let fault = facts.exact.iter().find_map(|ack| ack.1);
    // Copies that were on their way when the ACK came prove nothing.
    let honoured_by = first + (2.0 * facts.rtt).max(1.0);
    let after = facts
        .copies
        .iter()
        .filter(|copy| **copy > honoured_by)
        .count();
    if facts.dropped_at_next && failed && !facts.gap {
        return plain(Verdict::AckDroppedAt);
    }
    if let Some(fault) = fault
        && after >= 2
        && (failed || timing.repeats == Repeats::Cut)
    {
        let standing = if failed {
            Standing::Confirmed
        } else {
            Standing::Probable
        };
        return plain(Verdict::AckMismatch(fault, standing));
    }
    if first >= timing.window {
        return if facts.gap {
            said(Verdict::Inconclusive, &["capture-gap"])
        } else {
            plain(Verdict::AckAfterTimeout)
        };
    }
    if after >= 2 && failed {
        return plain(Verdict::AckNotHonoured(Standing::Confirmed));
    }
    if after >= 3 && timing.repeats == Repeats::Cut {
        return plain(Verdict::AckNotHonoured(Standing::Probable));
    }
    if first > 2.0 || after >= 2 {
        return plain(Verdict::AckLate);
    }
    plain(Verdict::AckOk)
}

/// Row 9.
fn wrong_ack_stands(facts: &Facts, timing: &Timing, failed: bool) -> Standing {
    if failed {
        return Standing::Confirmed;
    }
    let last = facts.copies.last().copied().unwrap_or_default();
    let horizon = facts.bye.map_or(facts.end, |bye| facts.end.min(bye.0));
    let two_more_were_due = horizon >= last + 3.0 * timing.gap + slack(timing.gap);
    let fell_silent = timing.repeats == Repeats::Stopped
        && (facts.copies.len() >= 2 || (!facts.reliable && two_more_were_due));
    if facts.live || fell_silent {
        Standing::Tolerated
    } else {
        Standing::Probable
    }
}

/// Rows 10 to 24.
fn without_ack(facts: &Facts, timing: &Timing) -> Decision {
    use crate::calls::dialog::Path;
    let copies = facts.copies.len();
    let bye_by = facts.bye.map(|bye| bye.1);
    let ends = if facts.paused {
        "capture-gap"
    } else {
        "capture-ends"
    };
    // A BYE behind a pause ends nothing that was observed before it.
    let bye_behind_pause = facts.paused && facts.bye.is_some_and(|bye| bye.0 > facts.end);
    let bye_in_view = facts.bye.is_some() && !bye_behind_pause;
    if facts.stated {
        return said(Verdict::NoAckConfirmed, &["stated"]);
    }
    match timing.repeats {
        Repeats::RanOut => return ran_out(facts),
        Repeats::Cut if facts.paused && !bye_in_view && copies < 6 => {
            return said(Verdict::Inconclusive, &[ends]);
        }
        repeats
            if facts.cancel.is_some_and(|cancel| cancel <= 1.0)
                && owes_ack(facts, timing, repeats, bye_in_view) =>
        {
            return plain(Verdict::CancelCrossed200);
        }
        Repeats::Cut if bye_in_view && bye_by == Some(Side::Uac) => {
            return plain(Verdict::UacHungUpWithoutAck);
        }
        Repeats::Stopped if facts.callee_died && copies <= 2 => {
            return plain(Verdict::UasDiedAfter200);
        }
        _ if timing.gave_up && !bye_behind_pause && !fell_silent(facts, timing) => {
            return given_up(facts);
        }
        Repeats::Cut if bye_in_view => {
            let enough = copies >= 3 && facts.two_way;
            let verdict = if enough {
                Verdict::NoAckProbable
            } else {
                Verdict::Inconclusive
            };
            return said(verdict, &["ended-early"]);
        }
        Repeats::Cut if copies >= 6 => {
            let qualifiers: &[_] = if facts.two_way {
                &[ends]
            } else {
                &[ends, "one-way"]
            };
            return said(Verdict::NoAckProbable, qualifiers);
        }
        Repeats::Cut => return said(Verdict::Inconclusive, &[ends]),
        Repeats::Stopped => {}
    }
    // The callee fell silent early.
    if copies >= 2 {
        return said(Verdict::AckNotVisible, &["uas-fell-silent"]);
    }
    let hung_up_early = facts
        .bye
        .is_some_and(|(time, side)| side == Side::Uas && time < 0.9 * timing.earliest);
    let witnesses = [
        ("dialog-lives-on", facts.live),
        ("uas-sent-bye", hung_up_early),
        ("uas-fell-silent", facts.callee_repeats),
        ("other-path", facts.path == Path::Bypass),
    ];
    if let Some((name, _)) = witnesses.into_iter().find(|witness| witness.1) {
        return said(Verdict::AckNotVisible, &[name]);
    }
    let blind = [
        ("one-way", !facts.two_way),
        ("capture-starts", !facts.invite),
        (ends, facts.end < timing.window),
    ];
    if let Some((name, _)) = blind.into_iter().find(|reason| reason.1) {
        return said(Verdict::Inconclusive, &[name]);
    }
    let is_whole = !facts.loss && !facts.gap;
    let had_to_pass = facts.path == Path::Pinned && is_whole && !facts.reliable;
    // (DOMAIN C.5 does not ask how the call went on. But one in which the callee neither repeats its 2xx, as
    // it must without ACK, nor fails is a healthy call of which the tap missed a packet.)
    let verdict = if had_to_pass && facts.acks_of_others && !facts.went_on {
        Verdict::NoAckProbable
    } else {
        Verdict::Inconclusive
    };
    said(verdict, &["no-repeats"])
}

/// Rows 10 and 11: the callee repeated its 2xx to the end.
fn ran_out(facts: &Facts) -> Decision {
    let lowered: Vec<_> = [
        ("capture-starts", !facts.invite),
        ("one-way", !facts.two_way),
        ("capture-loss", facts.loss),
        ("capture-gap", facts.gap),
        ("few-copies", facts.copies.len() < 6),
    ]
    .into_iter()
    .filter_map(|(name, holds)| holds.then_some(name))
    .collect();
    let verdict = if lowered.is_empty() {
        Verdict::NoAckConfirmed
    } else {
        Verdict::NoAckProbable
    };
    said(verdict, &lowered)
}

/// Whether the callee is shown to repeat its 2xx, and stopped after a few copies: it had an ACK, and
/// a BYE of it when 64*T1 were over is the end of a call that lasted so long.
///
/// (DOMAIN C.5 takes that BYE as giving up all the same. But the one ACK that a tap missed, or early ones
/// that were lost beyond it, would then be held against a healthy call of half a minute. One that stops
/// after more copies may be built to repeat so many.)
fn fell_silent(facts: &Facts, timing: &Timing) -> bool {
    let repeats_here = (2..=4).contains(&facts.copies.len());
    let repeats_elsewhere = facts.copies.len() == 1 && facts.callee_repeats && !facts.reliable;
    timing.repeats == Repeats::Stopped && (repeats_here || repeats_elsewhere)
}

/// Row 13: whether a caller whose CANCEL crossed the 2xx was seen to leave the ACK out.
///
/// (DOMAIN C.5 asks for no more than the CANCEL. But a capture that ends with the 2xx leaves no time for
/// an ACK, and a callee that falls silent early has had one; real captures show both.)
fn owes_ack(facts: &Facts, timing: &Timing, repeats: Repeats, bye_in_view: bool) -> bool {
    let is_repeated = facts.copies.len() >= 2;
    match repeats {
        Repeats::RanOut => true,
        Repeats::Cut => is_repeated || bye_in_view,
        Repeats::Stopped => {
            let had_ack = is_repeated || facts.live || facts.callee_repeats;
            !had_ack || timing.gave_up
        }
    }
}

/// Row 16: the callee hung up when 64*T1 were over.
///
/// One that repeated nothing may as well have ended a call of half a minute whose ACK went the way that
/// this tap does not see. (DOMAIN C.5 does not ask for that direction here; on a one-way tap every
/// such call would be held against somebody.)
fn given_up(facts: &Facts) -> Decision {
    if facts.two_way || facts.copies.len() >= 3 {
        said(Verdict::NoAckProbable, &["give-up-bye"])
    } else {
        said(Verdict::Inconclusive, &["give-up-bye", "one-way"])
    }
}

fn plain(verdict: Verdict) -> Decision {
    Decision {
        verdict,
        qualifiers: Vec::new(),
    }
}

fn said(verdict: Verdict, qualifiers: &[&'static str]) -> Decision {
    Decision {
        verdict,
        qualifiers: qualifiers.to_vec(),
    }
}

#[cfg(test)]
#[path = "decide_tests.rs"]
mod tests;
