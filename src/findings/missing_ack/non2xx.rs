//! `no-ack-non2xx`: a refusal of an INVITE that its server repeats to the end because no ACK came.
//!
//! In: exchanges. Out: one finding a pair of hosts that matters. The ACK to a refusal goes from
//! hop to hop, so what is found is a fault of that hop alone. The server is the witness, as with a
//! 2xx: it repeats the refusal on Timer G until the ACK comes or Timer H (64*T1) has run out.
//!
//! # References
//! - RFC 3261 §17.1.1.3, §17.2.1

use crate::calls::{Exchanged, Final, Hop};
use crate::findings::grouping::{Groups, Said};
use crate::findings::reading::{Spacing, TIMEOUT, call_ref, is_unjudged, ran_out, time_of, told};
use crate::findings::rule::{Confidence, Explanation, Finding, Peer, Severity, Topic, counted};
use crate::limits::Limits;
use crate::sip::MethodKind;

/// The verdict's name.
const VERDICT: &str = "no-ack-non2xx";

/// Copies that tell repetition on Timer G from accident (DOMAIN C.5 asks as many of a 2xx).
const COPIES: u32 = 6;

/// Refusals without ACK.
#[derive(Debug)]
pub(super) struct Non2xx {
    text_bytes: usize,
    groups: Groups<Key>,
}

/// What a finding shares: what lowers it, in the order in which it is told.
type Key = Vec<&'static str>;

impl Non2xx {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            text_bytes: limits.call_id_bytes,
            groups: Groups::new(limits),
        }
    }

    pub(super) fn exchanged(&mut self, exchanged: &Exchanged<'_>) {
        if exchanged.method != MethodKind::Invite || is_unjudged(&exchanged.observed) {
            return;
        }
        for hop in exchanged.hops {
            let refusals = hop
                .finals
                .iter()
                .filter(|last_word| last_word.code.class() >= 3);
            let Some(refusal) = refusals.max_by_key(|last_word| last_word.copies) else {
                continue;
            };
            let Some(key) = judge(exchanged, hop, refusal) else {
                continue;
            };
            self.groups.add(
                key,
                Peer::of(&hop.flow),
                time_of(hop),
                || call_ref(exchanged, [hop], self.text_bytes),
                || format!("{}; no ACK on this hop", told(exchanged, hop)),
            );
        }
    }

    pub(super) fn finish(&mut self, out: &mut dyn FnMut(Finding)) {
        self.groups.finish(&mut |key, gathered| {
            let said = said(key, gathered.count);
            out(gathered.finding(said));
        });
    }
}

/// What lowers the claim that no ACK came; `None` where it cannot be made.
fn judge(exchanged: &Exchanged<'_>, hop: &Hop, refusal: &Final) -> Option<Key> {
    if hop.ack.is_some() || hop.flow.transport.is_reliable() {
        return None;
    }
    let repeated = refusal.last.time.since(refusal.first.time);
    let has_run_out = ran_out(Spacing::UpToT2, refusal.copies, repeated);
    // Cut by the capture's end, not fallen silent: the next copy is due within T2.
    let is_cut = exchanged.observed.until.since(refusal.first.time) < TIMEOUT;
    let is_judged = has_run_out || (is_cut && refusal.copies >= COPIES);
    if !is_judged {
        return None;
    }
    let mut lowered = Vec::new();
    if !has_run_out {
        lowered.push("capture-ends");
    }
    if hop.request.is_none() {
        lowered.push("one-way");
    }
    if exchanged.observed.loss {
        lowered.push("capture-loss");
    }
    if has_run_out && refusal.copies < COPIES {
        lowered.push("few-copies");
    }
    Some(lowered)
}

fn said(lowered: &Key, count: u64) -> Said {
    let (severity, confidence) = if lowered.is_empty() {
        (Severity::Warning, Confidence::Confirmed)
    } else {
        (Severity::Info, Confidence::Probable)
    };
    let refused = counted(count, "refused INVITE", "refused INVITEs");
    let proof = if lowered.contains(&"capture-ends") {
        "The server repeated its refusal at least six times and no ACK was seen, but the capture ends before Timer H ran out."
    } else {
        "The server repeated its refusal until 64*T1 (Timer H) were over, which it does only while no ACK has reached it."
    };
    Said {
        rule: super::NAME,
        verdict: Some(VERDICT),
        qualifier: lowered.join(","),
        severity,
        confidence,
        raise: raise(lowered),
        cause: None,
        title: format!("{refused} without ACK of the refusal"),
        detail: format!(
            "{proof} The ACK to a refusal goes from hop to hop: this is a fault of this hop alone, and says nothing about the far end."
        ),
        remediation: REMEDIATION,
    }
}

fn raise(lowered: &Key) -> Option<&'static str> {
    match lowered.first().copied() {
        Some("capture-ends") => Some("capture until at least 40 s after the refusal"),
        Some("one-way") => Some("capture both directions of this hop, from before the INVITE on"),
        Some(_) => Some("capture at the server of this hop, without loss"),
        None => None,
    }
}

const REMEDIATION: &str = "Look at the sender of the INVITE on this hop: it did not get the refusal (compare the address and port the \
     refusal was sent to with the Via of the INVITE and with where the INVITE came from), or it does not acknowledge \
     refusals, or its ACK does not match (Via branch and To tag are those of INVITE and refusal, RFC 3261 §17.1.1.3). \
     The call had failed already; what it costs is repeats, and state held for half a minute.";

/// What `explain` prints.
pub(super) static TOPIC: Topic = Topic {
    name: VERDICT,
    kind: "verdict",
    explanation: Explanation {
        summary: "A refusal of an INVITE (300 to 699) was repeated to the end, and no ACK came on that hop.",
        sections: &[
            (
                "What it sees",
                "Over UDP a server repeats a refusal after T1, doubling up to T2, until the ACK comes or 64*T1 are over (Timers G \
                 and H, RFC 3261 §17.2.1). At least six copies up to that end, the INVITE seen, no loss, and no ACK on the hop \
                 confirm it. Its qualifier lowers it: capture-ends (six copies, and the capture ends first), one-way, \
                 capture-loss, few-copies. If the server falls silent early it had the ACK, seen or not, and nothing is said.",
            ),
            ("What to do", REMEDIATION),
        ],
    },
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::missing_ack::MissingAck;
    use crate::findings::testing::{Made, findings, lines, only};
    use crate::units::Transport;

    const G: [f64; 11] = [1.0, 1.5, 2.5, 4.5, 8.5, 12.5, 16.5, 20.5, 24.5, 28.5, 32.5];

    fn check(made: &[Made], expected: &[&str]) {
        let rule = MissingAck::new(&Limits::default());
        assert_eq!(lines(&findings(rule, made)), expected);
    }

    fn refused(copies: &[f64]) -> Made {
        Made::new("INVITE").hop("10.1.0.1", "10.2.0.1", |hop| {
            hop.sent(0.9).trying(0.95).answers(486, copies, 0)
        })
    }

    #[test]
    fn a_refusal_repeated_to_the_end_without_ack_is_confirmed() {
        check(&[refused(&G)], &["no-ack-non2xx warning confirmed 1"]);
        let found = only(findings(
            MissingAck::new(&Limits::default()),
            &[refused(&G)],
        ));
        let evidence = found.evidence.expect("evidence");
        assert!(
            evidence.contains("486 after 100 ms, frame 100 to 3250, 11 times in 31.5 s"),
            "{evidence}"
        );
    }

    #[test]
    fn one_that_falls_silent_early_had_its_ack() {
        check(&[refused(&G[..8])], &[]);
    }

    #[test]
    fn an_ack_on_the_hop_is_an_ack() {
        let acked = Made::new("INVITE").hop("10.1.0.1", "10.2.0.1", |hop| {
            hop.sent(0.9).answers(486, &G, 0).ack(33.0)
        });
        check(&[acked], &[]);
    }

    #[test]
    fn a_2xx_is_not_its_business() {
        let answered = Made::new("INVITE").hop("10.1.0.1", "10.2.0.1", |hop| {
            hop.sent(0.9).answers(200, &G, 0)
        });
        check(&[answered], &[]);
    }

    #[test]
    fn what_may_be_missing_lowers_it() {
        let probable = |qualifier: &str| format!("no-ack-non2xx({qualifier}) info probable 1");
        check(&[refused(&G).loss()], &[&probable("capture-loss")]);
        check(
            &[refused(&G[..6]).until(13.0)],
            &[&probable("capture-ends")],
        );
        check(&[refused(&G[..5]).until(10.0)], &[]);
        let one_way =
            Made::new("INVITE").hop("10.1.0.1", "10.2.0.1", |hop| hop.answers(486, &G, 0));
        check(&[one_way], &[&probable("one-way")]);
        check(&[refused(&G).evicted(), refused(&G).time_step()], &[]);
    }

    #[test]
    fn each_hop_is_judged_for_itself() {
        let relayed = refused(&G).hop("10.2.0.1", "10.3.0.1", |hop| {
            hop.vias(2).sent(0.92).answer(486, 0.98).ack(0.99)
        });
        let found = only(findings(MissingAck::new(&Limits::default()), &[relayed]));
        assert_eq!(found.peers[0].0.to_string(), "10.1.0.1 → 10.2.0.1");
    }

    #[test]
    fn a_refusal_over_tcp_is_not_repeated_and_not_judged() {
        let over_tcp = Made::new("INVITE").hop("10.1.0.1", "10.2.0.1", |hop| {
            hop.over(Transport::Tcp).sent(0.9).answers(486, &G, 0)
        });
        check(&[over_tcp], &[]);
    }
}
