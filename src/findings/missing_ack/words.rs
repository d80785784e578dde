//! What is printed about each verdict: title, detail, what to do, which capture would settle it,
//! and the texts of `explain`.

use super::decide::{Decision, Standing, Verdict};
use crate::calls::{Ack, AckFault, AnsweredDialog, Leg};
use crate::findings::rule::{Explanation, Topic, counted};

/// The texts of one finding.
pub(super) struct Words {
    pub(super) title: String,
    pub(super) detail: String,
    pub(super) remediation: &'static str,
    pub(super) raise: Option<&'static str>,
}

/// The verdict's stable name.
pub(super) const fn name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::AckOk => "ack-ok",
        Verdict::AckUndeliverable => "ack-undeliverable",
        Verdict::AckDroppedAt => "ack-dropped-at",
        Verdict::AckMismatch(..) => "ack-mismatch",
        Verdict::AckAfterTimeout => "ack-after-timeout",
        Verdict::AckNotHonoured(_) => "ack-not-honoured",
        Verdict::AckLate => "ack-late",
        Verdict::NoAckConfirmed => "no-ack-confirmed",
        Verdict::NoAckProbable => "no-ack-probable",
        Verdict::CancelCrossed200 => "cancel-crossed-200",
        Verdict::UacHungUpWithoutAck => "uac-hung-up-without-ack",
        Verdict::UasDiedAfter200 => "uas-died-after-200",
        Verdict::AckNotVisible => "ack-not-visible",
        Verdict::Inconclusive => "inconclusive",
    }
}

/// The qualifier as one string; empty if there is none.
pub(super) fn qualifier(decision: &Decision) -> String {
    match decision.verdict {
        Verdict::AckMismatch(fault, _) => fault.name().to_owned(),
        _ => decision.qualifiers.join(","),
    }
}

const TAP_AT_CALLEE: &str =
    "capture on the callee's side as well, from before the INVITE until 45 s after the 200";
const LONGER: &str = "capture until at least 45 s after the last 200";
const BOTH_WAYS: &str = "capture both directions of this hop (a mirror port often shows one)";

/// What to do when no ACK reached the callee.
const FIND_THE_ACK: &str = "Capture at the caller at the same time. If it sends the ACK there, follow it: it goes to the \
     Contact of the 200 by way of the Record-Route list, so look for a Contact or Record-Route address \
     that cannot be reached from the caller (private address, closed port, other transport), a firewall, \
     or a proxy that did not add Record-Route. If the caller sends none, the 200 did not reach it, or did \
     not match its INVITE (compare Via branch, From tag and CSeq on its side).";

/// The texts for `count` dialogs.
#[expect(clippy::too_many_lines, reason = "a table: one row a verdict")]
pub(super) fn of(decision: &Decision, path_open: bool, count: u64) -> Words {
    let n = |one: &str, many: &str| counted(count, one, many);
    let has = |name: &str| decision.qualifiers.contains(&name);
    let calls = n("answered call", "answered calls");
    match decision.verdict {
        Verdict::NoAckConfirmed => {
            let proof = if has("stated") {
                "The callee ends the call and says itself that no ACK came."
            } else {
                "The callee repeated its 200 until 64*T1 were over, which it does only while no usable ACK has reached it."
            };
            let claim = if path_open {
                " The ACK need not have passed this tap, so the capture does not say whether the caller sent one."
            } else {
                " No ACK was seen on this hop, where it had to pass: it was not sent, or was lost before the tap, unless the tap itself missed it."
            };
            Words {
                title: format!("{calls} without ACK: no usable one reached the callee"),
                detail: format!("{proof}{}", if has("stated") { "" } else { claim }),
                remediation: FIND_THE_ACK,
                raise: path_open.then_some("capture at the caller's side to see whether it sends the ACK"),
            }
        }
        Verdict::NoAckProbable => Words {
            title: format!("{calls} probably without ACK"),
            detail: probable_detail(decision).to_owned(),
            remediation: FIND_THE_ACK,
            raise: Some(if has("one-way") {
                BOTH_WAYS
            } else if has("capture-ends") || has("capture-gap") {
                LONGER
            } else {
                TAP_AT_CALLEE
            }),
        },
        Verdict::AckNotHonoured(standing) => Words {
            title: format!("{calls}: the ACK came, the callee went on repeating its 200"),
            detail: match standing {
                Standing::Confirmed => "An ACK with the right tags and CSeq passed this tap, and still the callee behaved until the end as if \
                     none had come: the ACK was lost or refused beyond the tap.",
                _ => "An ACK with the right tags and CSeq passed this tap, and the callee sent at least three more copies of \
                     its 200 before the capture or the call ended.",
            }
            .to_owned(),
            remediation: "Look between this tap and the callee: a firewall or load balancer that sends the ACK elsewhere, \
                 an element that changes its Request-URI, Route or CSeq, a closed port. Compare the ACK here with \
                 the ACK at the callee.",
            raise: Some(TAP_AT_CALLEE),
        },
        Verdict::AckMismatch(fault, standing) => Words {
            title: format!("{calls}: the ACK does not fit the 200 ({})", fault.name()),
            detail: format!(
                "{} {}",
                mismatch_detail(fault),
                match standing {
                    Standing::Confirmed => "The callee repeated its 200 until 64*T1 were over.",
                    Standing::Tolerated => "The callee took it all the same and fell silent.",
                    Standing::Probable => "What the callee made of it was not captured.",
                }
            ),
            remediation: mismatch_fix(fault),
            raise: (standing == Standing::Probable).then_some(LONGER),
        },
        Verdict::AckUndeliverable => Words {
            title: format!("{calls}: the ACK could not be delivered"),
            detail: format!(
                "The ACK was sent, and an ICMP error says that it did not arrive.{}",
                if decision.qualifiers.is_empty() {
                    ""
                } else {
                    " The callee fell silent early, or the call went on all the same: another ACK reached it, which was not seen."
                }
            ),
            remediation: "Read the address in the ICMP error: it is the Contact (or Record-Route) of the 200. Make that element \
                 announce an address and port that can be reached from the caller's side.",
            raise: None,
        },
        Verdict::AckDroppedAt => Words {
            title: format!("{calls}: the ACK is seen on one hop and missing on the next"),
            detail: "The ACK is seen on one hop and on the next hop towards the callee it is missing, while the callee \
                 repeats its 200 to the end."
                .to_owned(),
            remediation: "Look at the element between the two hops: its handling of requests inside a dialog (loose routing), its \
                 dialog state, and its logs for the Call-ID at the time of the ACK.",
            raise: None,
        },
        Verdict::AckAfterTimeout => Words {
            title: format!("{calls}: the ACK came when the callee had given up"),
            detail: "The first ACK came later than 64*T1 after the 200.".to_owned(),
            remediation: "Find out where the caller's side loses half a minute: a name in the Contact that resolves slowly, a TCP \
                 connection that must time out first, or an application that answers late.",
            raise: None,
        },
        Verdict::AckLate => Words {
            title: format!("{calls} with a late ACK"),
            detail: "The ACK came more than 2 s after the 200, or only after the callee had repeated it: early ACKs were \
                 late or lost beyond the tap."
                .to_owned(),
            remediation: "Nothing is broken yet. If it happens often, look for packet loss towards the callee and for slow name \
                 resolution of the Contact.",
            raise: None,
        },
        Verdict::CancelCrossed200 => Words {
            title: format!("{calls}: the caller's CANCEL crossed the 200, and no ACK was seen"),
            detail: "The caller gave up just when the callee answered. It owes an ACK and then a BYE; neither was seen."
                .to_owned(),
            remediation: "Make the caller's side acknowledge a 200 that crosses its CANCEL and then hang up with BYE \
                 (RFC 3261 §9.1, §15); until then the callee is billed for half a minute of silence.",
            raise: None,
        },
        Verdict::UacHungUpWithoutAck => Words {
            title: format!("{calls}: the caller hung up, and no ACK was seen before its BYE"),
            detail: "The caller sent BYE before another copy of the 200 was due, and no ACK was seen before it.".to_owned(),
            remediation: "Harmless where it happens now and then. If it is common, the caller's side refuses the answer (look at \
                 the SDP of the 200) or is built wrongly: an ACK is due first (RFC 3261 §13.2.2.4).",
            raise: None,
        },
        Verdict::UasDiedAfter200 => Words {
            title: format!("{calls}: the callee answered, and nothing that was sent to it after that was answered"),
            detail: "The 200 was not repeated, and requests to the callee were refused or never answered.".to_owned(),
            remediation: "Look for a crash or restart of the callee at that time, and whether its address changed.",
            raise: None,
        },
        Verdict::AckNotVisible => Words {
            title: format!("{calls} whose ACK did not pass the tap"),
            detail: not_visible_detail(decision).to_owned(),
            remediation: "None for these calls. To see their ACKs, capture where requests inside the dialog pass.",
            raise: None,
        },
        Verdict::Inconclusive => Words {
            title: format!("{calls} of whose ACK the capture says nothing"),
            detail: inconclusive_detail(decision).to_owned(),
            remediation: "Claim nothing about these calls. Capture again as said below if they matter.",
            raise: Some(if has("one-way") {
                BOTH_WAYS
            } else if has("capture-starts") {
                "start the capture before the INVITE"
            } else if has("capture-ends") || has("ended-early") || has("capture-gap") {
                LONGER
            } else {
                TAP_AT_CALLEE
            }),
        },
        Verdict::AckOk => Words {
            title: format!("{calls} with ACK"),
            detail: String::new(),
            remediation: "None.",
            raise: None,
        },
    }
}

fn probable_detail(decision: &Decision) -> &'static str {
    match decision.qualifiers.first().copied() {
        Some("capture-ends") => {
            "The 200 was repeated at least six times and no ACK was seen, but the capture ends before 64*T1 were over."
        }
        Some("capture-starts") => {
            "The 200 was repeated until 64*T1 were over, but the capture starts after the INVITE, so what went before is unknown."
        }
        Some("one-way") => {
            "The 200 was repeated until 64*T1 were over, but no packet from the caller's side was ever seen on this hop: \
             the ACK may have passed unseen and been lost later."
        }
        Some("capture-loss") => {
            "The 200 was repeated until 64*T1 were over, but packets are missing from the capture at that time, or were not read."
        }
        Some("capture-gap") => {
            "The 200 was repeated and no ACK was seen, but between two of the files nothing was captured: the ACK may have \
             passed then."
        }
        Some("few-copies") => {
            "The 200 was still being repeated when 64*T1 were over, but fewer copies were seen than a callee sends."
        }
        Some("give-up-bye") => {
            "The callee hung up just when 64*T1 were over, as one does that got no ACK; it did not repeat its 200, as many \
             do not over TCP and TLS."
        }
        Some("ended-early") => {
            "The callee repeated its 200 at least twice and hung up without an ACK having been seen; a callee may hang up \
             only after the ACK or after 64*T1."
        }
        _ => {
            "The 200 was sent once and no ACK was seen where it had to pass and where ACKs of other calls did; the callee \
             did not repeat the 200, so it may have had an ACK all the same."
        }
    }
}

fn not_visible_detail(decision: &Decision) -> &'static str {
    match decision.qualifiers.first().copied() {
        Some("dialog-lives-on") => {
            "No ACK was seen, but requests inside the dialog are answered, or media passes both ways, long after a callee \
             without ACK would have hung up."
        }
        Some("uas-sent-bye") => {
            "No ACK was seen, but the callee hung up early, which it may do only once it has the ACK."
        }
        Some("other-path") => {
            "No ACK was seen, and none was to be: an element of this hop did not add Record-Route, so the ACK takes another way."
        }
        _ => {
            "No ACK was seen, but the callee stopped repeating its 200 long before 64*T1 were over: it has had one."
        }
    }
}

fn inconclusive_detail(decision: &Decision) -> &'static str {
    match decision.qualifiers.first().copied() {
        Some("capture-ends") => {
            "The capture ends before another copy of the 200, or the ACK, had to be seen."
        }
        Some("capture-starts") => {
            "The capture starts after the INVITE; too little is known of the call."
        }
        Some("one-way") => "Only one direction of this hop was captured.",
        Some("give-up-bye") => {
            "The callee hung up about 64*T1 (32 s) after its 200 and repeated none of it; what the caller sent was not captured."
        }
        Some("ended-early") => "The call ended before another copy of the 200 was due.",
        Some("capture-gap") => {
            "Between two of the files nothing was captured while the call was open; the ACK may have passed then."
        }
        Some("evicted") => {
            "More calls were open at once than are followed, and this one was given up before all of it was seen."
        }
        Some("time-step") => {
            "Capture time steps while the call is open, so its timers cannot be read."
        }
        _ => {
            "The 200 was sent once and no ACK was seen; whether the ACK had to pass here, or whether this callee repeats \
             at all, is not known."
        }
    }
}

const fn mismatch_detail(fault: AckFault) -> &'static str {
    match fault {
        AckFault::Cseq => {
            "The ACK carries another CSeq number than the INVITE that was answered, often that of the INVITE before the challenge."
        }
        AckFault::ToTag => "The To tag of the ACK is not that of the 200, or is missing.",
        AckFault::FromTag => "The From tag of the ACK is not that of the INVITE.",
        AckFault::Target => "The Request-URI of the ACK is not the Contact of the 200.",
        AckFault::RouteSet => {
            "The Route list of the ACK is not the Record-Route list of the 200 in reverse."
        }
        AckFault::NextHop => {
            "The ACK was sent to another address than its first Route or its Request-URI names."
        }
        AckFault::ReusedBranch => {
            "The ACK reuses the Via branch of the INVITE; an ACK to a 2xx is a transaction of its own."
        }
        AckFault::WithoutAnswer => {
            "The INVITE carried no SDP, so the 200 makes the offer, and the ACK brings no answer to it."
        }
    }
}

const fn mismatch_fix(fault: AckFault) -> &'static str {
    match fault {
        AckFault::Cseq => {
            "Mend the caller's side (or the B2BUA that built the ACK): the ACK takes the CSeq number of the INVITE that \
             was answered (RFC 3261 §13.2.2.4)."
        }
        AckFault::ToTag | AckFault::FromTag => {
            "Mend the element that built or changed the ACK: its tags are those of the 200. Look for a B2BUA that mixes \
             up its two dialogs, or a forked answer that was not told apart."
        }
        AckFault::Target => {
            "Make the caller's side send the ACK with the Contact of the 200 as Request-URI, letter by letter \
             (RFC 3261 §12.2.1.1)."
        }
        AckFault::RouteSet | AckFault::NextHop => {
            "Make the caller's side build the Route list from Record-Route in reverse and send to its first entry \
             (RFC 3261 §12.1.2, §8.1.2); check `;lr` on every proxy."
        }
        AckFault::ReusedBranch => {
            "Make the caller's side give the ACK to a 2xx a new Via branch (RFC 3261 §8.1.1.7): the callee's transaction \
             layer may swallow it otherwise."
        }
        AckFault::WithoutAnswer => {
            "Make the caller's side put its answer into the ACK (RFC 3261 §13.2.2.4), or its offer into the INVITE; if it \
             does, look for the element that takes the body out of the ACK."
        }
    }
}

/// A fault of one ACK, quoting both sides where that helps.
pub(super) fn fault(fault: AckFault, ack: &Ack, dialog: &AnsweredDialog<'_>, leg: &Leg) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match fault {
        AckFault::Cseq => format!(
            "CSeq {} where the INVITE has {}",
            ack.cseq
                .map_or_else(|| "none".to_owned(), |number| number.to_string()),
            dialog.cseq
        ),
        AckFault::Target => {
            format!(
                "Request-URI {}, Contact {}",
                text(&ack.uri),
                text(&leg.contact)
            )
        }
        AckFault::RouteSet => format!(
            "Route {}, Record-Route {}",
            if ack.route.is_empty() {
                "none".to_owned()
            } else {
                text(&ack.route)
            },
            if leg.record_route.is_empty() {
                "none".to_owned()
            } else {
                text(&leg.record_route)
            }
        ),
        AckFault::NextHop => format!("sent to {}", ack.flow.dst),
        AckFault::ToTag => format!("To tag is not {}", text(dialog.to_tag)),
        AckFault::FromTag => "another From tag".to_owned(),
        AckFault::ReusedBranch => "Via branch of the INVITE".to_owned(),
        AckFault::WithoutAnswer => "no SDP, though the 2xx carries the offer".to_owned(),
    }
}

macro_rules! topics {
    ($(($kind:expr, $name:expr, $summary:expr, [$(($heading:expr, $body:expr)),+ $(,)?])),+ $(,)?) => {
        &[$(Topic {
            name: $name,
            kind: $kind,
            explanation: Explanation { summary: $summary, sections: &[$(($heading, $body)),+] },
        }),+]
    };
}

const SEES: &str = "What it sees";
const MATTERS: &str = "Why it matters";
const TO_DO: &str = "What to do";

/// What `explain` prints.
pub(super) static TOPICS: &[Topic] = topics![
    (
        "rule",
        super::NAME,
        "An INVITE was answered with 2xx, and no ACK or no usable ACK for it came.",
        [
            (
                SEES,
                "Every 2xx to an INVITE is followed as a dialog of Call-ID, From tag, To tag and CSeq, on every hop that \
            was captured. The ACK to a 2xx is matched by those, never by Via branch. The callee is the witness: it \
            repeats its 2xx after T1, doubling up to T2, on every transport, until the ACK comes or 64*T1 (32 s) are \
            over (RFC 3261 §13.3.1.4). If it repeats to the end, it had no ACK; if it falls silent early, it had one, \
            seen here or not."
            ),
            (
                MATTERS,
                "Without the ACK the callee hangs up after 32 s: calls that drop after half a minute with good audio. \
            Both carriers' captures often look innocent, so the verdict keeps apart what the callee received and what \
            passed the tap, and says inconclusive where the capture ends early, shows one direction or lost packets."
            ),
            (
                TO_DO,
                "Read the verdict and its evidence; explain each verdict by its name, for example \
            `sipannotate explain no-ack-confirmed`."
            ),
        ]
    ),
    (
        "verdict",
        "no-ack-confirmed",
        "No usable ACK reached the callee; its own repeats of the 2xx prove it.",
        [
            (
                SEES,
                "Copies of the 2xx up to 64*T1 with the INVITE seen, both directions captured and no loss; or the callee's \
            BYE says in its Reason that no ACK came."
            ),
            (TO_DO, FIND_THE_ACK),
        ]
    ),
    (
        "verdict",
        "no-ack-probable",
        "No ACK was seen, but something that was not captured could explain it.",
        [
            (
                SEES,
                "As no-ack-confirmed, lowered by its qualifier: capture-ends, capture-starts, one-way, capture-loss, capture-gap, \
            few-copies, ended-early, give-up-bye (the callee did not repeat and hung up just at 64*T1) or no-repeats. The last two rest on \
            one packet a call where the callee repeated nothing over UDP, and are information where the tap may have missed as many: \
            with lossy-tap answers without their requests show that it does so in silence, with one-packet nothing shows that it does not."
            ),
            (TO_DO, FIND_THE_ACK),
        ]
    ),
    (
        "verdict",
        "ack-not-honoured",
        "An ACK that fits passed the tap, and the callee went on repeating its 2xx.",
        [
            (
                SEES,
                "At least two copies of the 2xx later than 1 s after the ACK, to the end of 64*T1 (confirmed), or three \
            before the capture ends (probable)."
            ),
            (
                TO_DO,
                "The ACK is lost or refused between the tap and the callee: compare it with what arrives there."
            ),
        ]
    ),
    (
        "verdict",
        "ack-mismatch",
        "An ACK came, but it does not fit the 2xx.",
        [
            (
                SEES,
                "Its qualifier says where: wrong-cseq, wrong-to-tag, wrong-from-tag; or, with tags and CSeq right, target \
            (Request-URI is not the Contact), route-set, next-hop, reused-branch, without-answer (no SDP, though the \
            2xx carries the offer). Confirmed if the callee repeats to the end, tolerated if it falls silent."
            ),
            (
                TO_DO,
                "Mend the element that built the ACK: usually the caller's stack or a B2BUA."
            ),
        ]
    ),
    (
        "verdict",
        "ack-undeliverable",
        "The ACK was sent and an ICMP error says that it did not arrive.",
        [
            (
                SEES,
                "An ICMP or ICMPv6 unreachable error that quotes the ACK. Information, with the qualifier tolerated, where the \
            callee repeats its 200 after the error and then falls silent early, or the call lives on: it has had another ACK."
            ),
            (
                TO_DO,
                "Correct the address that the callee's side announces in Contact or Record-Route."
            ),
        ]
    ),
    (
        "verdict",
        "ack-dropped-at",
        "The ACK is seen on one hop and missing on the next, towards the callee.",
        [
            (
                SEES,
                "The ACK on one hop, none on the next hop towards the callee, and a callee that repeats to the end."
            ),
            (TO_DO, "Look at the element between the two hops."),
        ]
    ),
    (
        "verdict",
        "ack-after-timeout",
        "The ACK came later than 64*T1 after the 2xx.",
        [
            (
                SEES,
                "The first ACK that fits comes when the callee has given up."
            ),
            (
                TO_DO,
                "Find what delays the caller: name resolution, a TCP connection that times out first, a slow application."
            ),
        ]
    ),
    (
        "verdict",
        "ack-late",
        "The ACK came more than 2 s after the 2xx, or after several copies of it.",
        [
            (SEES, "Information; a warning when it took more than 5 s."),
            (
                TO_DO,
                "Look for loss towards the callee and slow resolution of the Contact if it happens often."
            ),
        ]
    ),
    (
        "verdict",
        "cancel-crossed-200",
        "The caller's CANCEL crossed the 2xx, and no ACK was seen.",
        [
            (
                SEES,
                "A CANCEL of the INVITE before or within 1 s of the 2xx, and no ACK. Information with lossy-tap or one-packet, as \
            no-ack-probable."
            ),
            (TO_DO, "The caller owes ACK, then BYE (RFC 3261 §9.1, §15)."),
        ]
    ),
    (
        "verdict",
        "uac-hung-up-without-ack",
        "The caller sent BYE, and no ACK was seen before it.",
        [
            (
                SEES,
                "A BYE of the caller before the next copy of the 2xx was due, and no ACK. Information with lossy-tap or one-packet, as \
            no-ack-probable."
            ),
            (
                TO_DO,
                "The caller owes the ACK first; look at its reason to refuse the answer."
            ),
        ]
    ),
    (
        "verdict",
        "uas-died-after-200",
        "The callee answered, and nothing that was sent to it after that was answered.",
        [
            (
                SEES,
                "One or two copies of the 2xx, then ICMP errors from the callee or requests that it never answered."
            ),
            (TO_DO, "Look for a crash or restart of the callee."),
        ]
    ),
    (
        "verdict",
        "ack-not-visible",
        "No ACK was seen, but the callee had one.",
        [
            (
                SEES,
                "The callee fell silent early, hung up before 64*T1, or went on: later than 1.3 times 64*T1 a request inside \
            the dialog was answered, or RTP passed in both directions (dialog-lives-on); or the ACK takes a way that \
            does not pass the tap (other-path)."
            ),
            (
                TO_DO,
                "Nothing for the call. Capture elsewhere if the ACK itself matters."
            ),
        ]
    ),
    (
        "verdict",
        "inconclusive",
        "The capture cannot tell whether the ACK came.",
        [
            (
                SEES,
                "Its qualifier says why: capture-ends, capture-starts, capture-gap (between two files), one-way, \
            ended-early, give-up-bye (with one-way), no-repeats (also where the call went on after a single 200), time-step."
            ),
            (
                TO_DO,
                "Claim nothing; capture as the finding's last line says."
            ),
        ]
    ),
];
