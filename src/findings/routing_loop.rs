//! `routing-loop`: requests that come round to where they have been, or run out of hops.
//!
//! In: exchanges. Out: one finding for each verdict and pair of hosts that matters. A loop that
//! the tap sees is one request between the same two sockets again and again, each time with more
//! Via values and less Max-Forwards. (The functions of an IMS core may share an address, and are
//! told apart by port.) 482 and 483 say that an element saw one.
//!
//! # References
//! - RFC 3261 §8.2.2.2 (482 to a merged request), §16.3 (Max-Forwards, loop detection); RFC 5393 §4

use std::collections::BTreeMap;

use super::grouping::{Groups, Said};
use super::reading::{call_ref, method, time_of, told};
use super::rule::{Confidence, End, Explanation, Finding, Peer, Rule, Severity, Topic, counted};
use crate::calls::{Exchanged, Hop};
use crate::limits::Limits;
use crate::sip::MethodKind;
use crate::units::{Endpoint, Flow, FrameRef};

/// The rule's name.
pub const NAME: &str = "routing-loop";

const SEEN: &str = "loop-seen";
const REPORTED: &str = "loop-reported";

/// A request may visit an application server for the caller and again for the callee, and for each
/// of their services: a spiral. So many passes are no spiral.
const PASSES: usize = 6;
/// So many are a loop beyond doubt.
const PASSES_FOR_SURE: usize = 10;
/// With 482 or 483, so many are enough.
const PASSES_REPORTED: usize = 2;

/// A request that starts with fewer hops may have been sent to find out the way.
const LEAST_HOPS: u32 = 20;

/// The rule.
#[derive(Debug)]
pub struct RoutingLoop {
    text_bytes: usize,
    groups: Groups<(Key, Kind)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    /// Seen by the tap; the code that ended it.
    Seen { for_sure: bool, code: Option<u16> },
    /// Said by an element.
    Reported { code: u16, max_forwards: Known },
}

/// By what the request is routed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// INVITE: by numbers.
    Call,
    /// REGISTER: by the domain.
    Registration,
    Other,
}

impl Kind {
    const fn of(method: MethodKind) -> Self {
        match method {
            MethodKind::Invite => Self::Call,
            MethodKind::Register => Self::Registration,
            _ => Self::Other,
        }
    }

    fn counted(self, count: u64) -> String {
        match self {
            Self::Call => counted(count, "INVITE", "INVITEs"),
            Self::Registration => counted(count, "REGISTER", "REGISTERs"),
            Self::Other => counted(count, "request", "requests"),
        }
    }

    const fn fix(self) -> &'static str {
        match self {
            Self::Call => FIX,
            Self::Registration => FIX_REGISTER,
            Self::Other => FIX_OTHER,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Known {
    Enough,
    Unknown,
}

impl RoutingLoop {
    /// A rule for one capture.
    pub fn new(limits: &Limits) -> Self {
        Self {
            text_bytes: limits.call_id_bytes,
            groups: Groups::new(limits),
        }
    }
}

impl Rule for RoutingLoop {
    fn topics(&self) -> &'static [Topic] {
        TOPICS
    }

    fn exchanged(&mut self, exchanged: &Exchanged<'_>) {
        // An ACK goes the way its INVITE went.
        let Some((key, hop)) = judge(exchanged) else {
            return;
        };
        self.groups.add(
            (key, Kind::of(exchanged.method)),
            Peer::of(&hop.flow),
            time_of(hop),
            || call_ref(exchanged, exchanged.hops, self.text_bytes),
            || evidence(exchanged, hop),
        );
    }

    fn finish(&mut self, _end: &End, out: &mut dyn FnMut(Finding)) {
        self.groups.finish(&mut |(key, kind), gathered| {
            let said = said(*key, *kind, gathered.count);
            out(gathered.finding(said));
        });
    }
}

/// The verdict, and the hop to name: the pair of hosts passed most, or where 482 or 483 was said.
fn judge<'a>(exchanged: &Exchanged<'a>) -> Option<(Key, &'a Hop)> {
    let says = |hop: &&Hop| reported(hop).is_some();
    // The code travels back; the last hop that has it is nearest to who said it.
    let said_at = exchanged
        .hops
        .iter()
        .filter(says)
        .max_by_key(|hop| hop.vias);
    let code = said_at.and_then(reported);
    let first = exchanged.hops.first()?;
    let starts_low = first.max_forwards.is_some_and(|left| left < LEAST_HOPS);
    let (most, passes) = most_passed(exchanged)?;
    let for_sure = passes >= PASSES_FOR_SURE;
    let is_seen = match code {
        Some(_) => passes >= PASSES_REPORTED && !(starts_low && passes < PASSES),
        None => passes >= PASSES,
    };
    if is_seen {
        let for_sure = for_sure || code == Some(483);
        return Some((Key::Seen { for_sure, code }, most));
    }
    let (code, hop) = (code?, said_at?);
    let max_forwards = match first.request.and(first.max_forwards) {
        Some(left) if left < LEAST_HOPS && code == 483 => return None,
        Some(_) => Known::Enough,
        None => Known::Unknown,
    };
    Some((Key::Reported { code, max_forwards }, hop))
}

fn reported(hop: &Hop) -> Option<u16> {
    let mut codes = hop.finals.iter().map(|last_word| last_word.code.get());
    codes.find(|code| matches!(code, 482 | 483))
}

/// Between which sockets; the port from which a TCP connection was opened says nothing.
type Pass = (Endpoint, Endpoint);

fn pass(hop: &Hop) -> Pass {
    let Flow {
        src,
        dst,
        transport,
    } = hop.flow;
    let port = if transport.is_reliable() { 0 } else { src.port };
    (Endpoint::new(src.addr, port), dst)
}

/// The pair of sockets that the request passed most often, its first hop there, and how often:
/// different numbers of Via values, so that neither repeats nor forks count.
fn most_passed<'a>(exchanged: &Exchanged<'a>) -> Option<(&'a Hop, usize)> {
    // Most requests are seen on one hop.
    if let [hop] = exchanged.hops {
        return Some((hop, usize::from(hop.request.is_some())));
    }
    let mut pairs: BTreeMap<Pass, (Vec<usize>, &Hop)> = BTreeMap::new();
    for hop in exchanged.hops.iter().filter(|hop| hop.request.is_some()) {
        let (vias, _) = pairs.entry(pass(hop)).or_insert_with(|| (Vec::new(), hop));
        if !vias.contains(&hop.vias) {
            vias.push(hop.vias);
        }
    }
    let most = pairs.into_values().max_by_key(|(vias, _)| vias.len());
    most.map_or_else(
        || exchanged.hops.first().map(|hop| (hop, 0)),
        |(vias, hop)| Some((hop, vias.len())),
    )
}

fn evidence(exchanged: &Exchanged<'_>, hop: &Hop) -> String {
    let here: Vec<_> = exchanged
        .hops
        .iter()
        .filter(|other| pass(other) == pass(hop) && other.request.is_some())
        .collect();
    let (Some(first), Some(last)) = (
        here.iter().min_by_key(|hop| hop.vias),
        here.iter().max_by_key(|hop| hop.vias),
    ) else {
        return told(exchanged, hop);
    };
    if first.vias == last.vias {
        return told(exchanged, hop);
    }
    let frame = |hop: &Hop| hop.request.map_or_else(FrameRef::default, |seen| seen.at);
    let left = match (first.max_forwards, last.max_forwards) {
        (Some(first), Some(last)) => format!(", Max-Forwards {first} to {last}"),
        _ => String::new(),
    };
    format!(
        "{} passes {} with {} to {} Via values{left}, frames {} to {}; {}",
        method(exchanged),
        Peer::of(&hop.flow),
        first.vias,
        last.vias,
        frame(first),
        frame(last),
        told(exchanged, last)
    )
}

fn said(key: Key, kind: Kind, count: u64) -> Said {
    let requests = kind.counted(count);
    let (verdict, qualifier, severity, confidence, title, detail, raise) = match key {
        Key::Seen { for_sure, code } => {
            let (severity, confidence) = if for_sure {
                (Severity::Error, Confidence::Confirmed)
            } else {
                (Severity::Warning, Confidence::Probable)
            };
            let ended = match code {
                Some(code) => format!(" It ended with {code}."),
                None => String::new(),
            };
            (
                SEEN,
                String::new(),
                severity,
                confidence,
                if for_sure {
                    format!("{requests} went round in a loop")
                } else {
                    format!("{requests} passed the same two hosts again and again, probably in a loop")
                },
                format!(
                    "The same request passed the same two hosts again and again, each time with more Via values.{ended}{}",
                    if for_sure {
                        ""
                    } else {
                        " Services that send it back on purpose (a spiral) look the same as far as this goes."
                    }
                ),
                (!for_sure).then_some("capture at one of the two hosts until the request ends: a loop goes on until Max-Forwards is used up"),
            )
        }
        Key::Reported { code: 482, .. } => (
            REPORTED,
            "482".to_owned(),
            Severity::Info,
            Confidence::Inconclusive,
            format!("{requests} refused with 482"),
            "An element says that the request came to it before. It is a loop behind the tap, or the same request by two ways \
             (forked before, and merged), which is no fault of routing; this tap shows no loop."
                .to_owned(),
            Some("capture at the element that said 482: the Via values of what it got tell a loop from a fork"),
        ),
        Key::Reported { max_forwards, .. } => (
            REPORTED,
            "483".to_owned(),
            if max_forwards == Known::Enough {
                Severity::Warning
            } else {
                Severity::Info
            },
            if max_forwards == Known::Enough {
                Confidence::Probable
            } else {
                Confidence::Inconclusive
            },
            format!("{requests} refused with 483, too many hops"),
            if max_forwards == Known::Enough {
                "Max-Forwards ran out. The request had at least 20 hops to go when it was first seen, more than any way needs: it went round in a loop behind this tap."
            } else {
                "Max-Forwards ran out; how many hops the request had to begin with was not captured."
            }
            .to_owned(),
            Some("capture at the elements behind this hop while such a call is made"),
        ),
    };
    Said {
        rule: NAME,
        verdict: Some(verdict),
        qualifier,
        severity,
        confidence,
        raise,
        cause: None,
        title,
        detail,
        remediation: kind.fix(),
    }
}

const FIX: &str = "Follow one number through the routing tables of the elements on the way: two of them send it to each other, often by a \
     default route, a ported number that both take for the other's, or a forwarding of A to B and B to A. Refuse what no \
     route knows (404) in place of a default route back, and switch loop detection on (RFC 5393).";

const FIX_REGISTER: &str = "Follow the domain of the Request-URI from proxy to proxy: for one of them it resolves to itself or back to the one \
     before, in place of the registrar (DNS, an outbound proxy that names itself, an alias the proxy does not know as its own). Switch loop \
     detection on (RFC 5393).";

const FIX_OTHER: &str = "Follow its Request-URI and Route from element to element: one of them sends it back where it came from (an alias or \
     address that it does not know as its own, a default route back, a Route that is not taken off). Switch loop detection on (RFC 5393).";

static TOPICS: &[Topic] = &[
    Topic {
        name: NAME,
        kind: "rule",
        explanation: Explanation {
            summary: "Requests come round to where they have been, or run out of hops.",
            sections: &[
                (
                    "What it sees",
                    "One request (Call-ID, From tag, CSeq) on the same pair of sockets with different numbers of Via values; repeats and \
                     forks have the same number. Or 482 and 483 in answer to it.",
                ),
                (
                    "Why it matters",
                    "Each such call costs up to seventy messages and fails; a loop with forking in it grows without end.",
                ),
                ("What to do", FIX),
            ],
        },
    },
    Topic {
        name: SEEN,
        kind: "verdict",
        explanation: Explanation {
            summary: "The tap saw the same request pass the same two hosts again and again.",
            sections: &[
                (
                    "What it sees",
                    "Six passes or more; or two with 482 or 483 at the end. Fewer may be a spiral, as when an application server \
                     is visited for the caller and for the callee, and for each of their services. An error when it ended with 483 or went round ten times, else a warning.",
                ),
                ("What to do", FIX),
            ],
        },
    },
    Topic {
        name: REPORTED,
        kind: "verdict",
        explanation: Explanation {
            summary: "An element answered 482 or 483, and the tap shows no loop.",
            sections: &[
                (
                    "What it sees",
                    "483 to a request that had 20 hops or more to go is a warning. With fewer it was sent to find out the way \
                     and is left out; where the request was not captured it is information. 482 is information: a request that was \
                     forked and meets itself is answered so, too (RFC 3261 §8.2.2.2).",
                ),
                ("What to do", FIX),
            ],
        },
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::testing::{Made, findings, lines, only};

    fn check(made: &[Made], expected: &[&str]) {
        let rule = RoutingLoop::new(&Limits::default());
        assert_eq!(lines(&findings(rule, made)), expected);
    }

    /// Passes between two proxies, from 70 hops down, `answer` coming back over all of them.
    fn round(passes: u32, answer: u16) -> Made {
        let back = |hop: crate::findings::testing::MadeHop| {
            if answer == 0 {
                hop
            } else {
                hop.answer(answer, 9.0)
            }
        };
        let mut made = Made::new("INVITE");
        for pass in 0..passes {
            let vias = usize::try_from(pass).expect("few") * 2 + 1;
            let left = 70 - 2 * pass;
            let time = 1.0 + 0.02 * f64::from(pass);
            made = made
                .hop("10.8.0.1", "10.9.0.1", |hop| {
                    back(hop.vias(vias).max_forwards(left).sent(time))
                })
                .hop("10.9.0.1", "10.8.0.1", |hop| {
                    back(hop.vias(vias + 1).max_forwards(left - 1).sent(time + 0.01))
                });
        }
        made
    }

    #[test]
    fn a_loop_that_ends_with_483_is_seen() {
        check(&[round(5, 483)], &["loop-seen error confirmed 1"]);
        let rule = RoutingLoop::new(&Limits::default());
        let evidence = only(findings(rule, &[round(5, 483)])).evidence;
        let evidence = evidence.expect("evidence");
        assert!(
            evidence.contains("with 1 to 9 Via values, Max-Forwards 70 to 62")
                || evidence.contains("with 2 to 10 Via values, Max-Forwards 69 to 61"),
            "{evidence}"
        );
    }

    #[test]
    fn one_without_an_end_is_seen_when_it_is_no_spiral() {
        check(&[round(2, 0)], &[]);
        check(&[round(5, 200)], &[]);
        check(&[round(6, 0)], &["loop-seen warning probable 1"]);
        check(&[round(10, 0)], &["loop-seen error confirmed 1"]);
    }

    #[test]
    fn what_is_probable_is_said_to_be_and_advice_fits_the_method() {
        let told = |made: Made| only(findings(RoutingLoop::new(&Limits::default()), &[made]));
        let probable = told(round(6, 0));
        assert_eq!(
            probable.title,
            "1 INVITE passed the same two hosts again and again, probably in a loop"
        );
        assert!(probable.raise.is_some());
        assert_eq!(told(round(10, 0)).title, "1 INVITE went round in a loop");
        let register = told(
            Made::new("REGISTER").hop("10.1.0.1", "10.9.0.1", |hop| hop.sent(1.0).answer(483, 2.0)),
        );
        assert!(
            register.title.starts_with("1 REGISTER "),
            "{}",
            register.title
        );
        assert!(
            !register.remediation.contains("number"),
            "{}",
            register.remediation
        );
    }

    #[test]
    fn functions_of_one_address_are_told_apart_by_port() {
        let mut made = Made::new("INVITE");
        for no in 0..8_u16 {
            made = made.hop("10.9.0.1", "10.9.0.1", |hop| {
                hop.vias(usize::from(no) + 1).sent(1.0).port(4000 + no)
            });
        }
        check(&[made], &[]);
    }

    #[test]
    fn forks_and_repeats_are_no_passes() {
        let mut forked = Made::new("INVITE");
        for _ in 0..6 {
            forked = forked.hop("10.9.0.1", "10.2.0.1", |hop| {
                hop.vias(2).sent(1.0).again(&[1.5, 2.5]).answer(486, 3.0)
            });
        }
        check(&[forked], &[]);
    }

    #[test]
    fn a_483_alone_is_a_loop_elsewhere_if_the_request_had_hops_enough() {
        let said = |left| {
            Made::new("INVITE").hop("10.1.0.1", "10.9.0.1", |hop| {
                hop.max_forwards(left).sent(1.0).answer(483, 2.0)
            })
        };
        check(&[said(70)], &["loop-reported(483) warning probable 1"]);
        check(&[said(3)], &[]);
        let unseen = Made::new("INVITE").hop("10.1.0.1", "10.9.0.1", |hop| hop.answer(483, 2.0));
        check(&[unseen], &["loop-reported(483) info inconclusive 1"]);
    }

    #[test]
    fn a_482_alone_may_be_a_merged_request() {
        let merged =
            Made::new("INVITE").hop("10.1.0.1", "10.2.0.1", |hop| hop.sent(1.0).answer(482, 2.0));
        check(&[merged], &["loop-reported(482) info inconclusive 1"]);
    }

    #[test]
    fn ordinary_calls_over_several_hops_are_no_loop() {
        let made = Made::new("INVITE")
            .hop("10.1.0.1", "10.8.0.1", |hop| hop.sent(1.0).answer(200, 2.0))
            .hop("10.8.0.1", "10.9.0.1", |hop| {
                hop.vias(2).sent(1.0).answer(200, 2.0)
            })
            .hop("10.9.0.1", "10.2.0.1", |hop| {
                hop.vias(3).sent(1.0).answer(200, 2.0)
            });
        check(&[made], &[]);
    }
}
