//! Exchanges and sessions for the tests of rules, in a few words. Times are seconds, and frames
//! are numbered by time: frame 1500 is what was seen at 15 s.

use super::missed::Share;
use super::reading::{Silence, silence};
use std::sync::Arc;

use super::past::Past;
use super::rule::{End, Finding, Rule};
use crate::calls::{Attempt, Exchanged, Final, Hop, Observed, Seen, Session, SessionEnd, Side};
use crate::sip::{Indexer, MethodKind};
use crate::units::{
    Endpoint, FileIndex, Flow, FrameNo, FrameRef, Span, StatusCode, Timestamp, Transport,
};

/// When the captures of these tests end, in seconds.
pub(crate) const END: f64 = 36_000.0;

/// `seconds` after the epoch.
pub(crate) fn at(seconds: f64) -> Timestamp {
    Timestamp::default().plus(span(seconds))
}

/// So many seconds.
pub(crate) fn span(seconds: f64) -> Span {
    #[expect(clippy::cast_possible_truncation, reason = "test data")]
    Span::from_nanos((seconds * 1e9).round() as i64)
}

/// What was seen at `seconds`.
pub(crate) fn seen(seconds: f64) -> Seen {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "test data"
    )]
    let no = FrameNo((seconds * 100.0) as u64);
    Seen {
        time: at(seconds),
        at: FrameRef {
            file: FileIndex(0),
            no,
        },
    }
}

fn socket(addr: &str) -> Endpoint {
    Endpoint::new(addr.parse().expect("an address"), 5060)
}

/// Over UDP from port 5060 to port 5060.
pub(crate) fn flow(src: &str, dst: &str) -> Flow {
    Flow {
        src: socket(src),
        dst: socket(dst),
        transport: Transport::Udp,
    }
}

/// An exchange in the making.
#[derive(Clone, Debug)]
pub(crate) struct Made {
    call_id: String,
    method: &'static str,
    from_tag: u64,
    from: String,
    to: String,
    cseq: u32,
    credentials: bool,
    goes_on: bool,
    acked: bool,
    reached: bool,
    hops: Vec<Hop>,
    observed: Observed,
}

/// One of its hops.
#[derive(Clone, Debug)]
pub(crate) struct MadeHop(Hop);

impl Made {
    /// A request of alice to bob.
    pub(crate) fn new(method: &'static str) -> Self {
        Self {
            call_id: "c1".to_owned(),
            method,
            from_tag: 1,
            from: "sip:alice@example.net".to_owned(),
            to: "sip:bob@example.net".to_owned(),
            cseq: 1,
            credentials: false,
            goes_on: false,
            acked: false,
            reached: false,
            hops: Vec::new(),
            observed: Observed {
                until: at(END),
                ..Observed::default()
            },
        }
    }

    pub(crate) fn call(mut self, call_id: &str) -> Self {
        call_id.clone_into(&mut self.call_id);
        self
    }

    pub(crate) fn tag(mut self, tag: u64) -> Self {
        self.from_tag = tag;
        self
    }

    pub(crate) fn caller(mut self, uri: &str) -> Self {
        uri.clone_into(&mut self.from);
        self
    }

    pub(crate) fn callee(mut self, uri: &str) -> Self {
        uri.clone_into(&mut self.to);
        self
    }

    /// Something shows that it reached somebody.
    pub(crate) fn reached(mut self) -> Self {
        self.reached = true;
        self
    }

    /// An ACK of its sender was seen.
    pub(crate) fn acked(mut self) -> Self {
        self.acked = true;
        self
    }

    pub(crate) fn credentials(mut self) -> Self {
        (self.credentials, self.goes_on) = (true, true);
        self
    }

    pub(crate) fn hop(
        mut self,
        src: &str,
        dst: &str,
        change: impl FnOnce(MadeHop) -> MadeHop,
    ) -> Self {
        let hop = Hop {
            flow: flow(src, dst),
            interface: (FileIndex(0), 0),
            vias: 1,
            request: None,
            requests: 0,
            last_request: None,
            request_bytes: 500,
            fragmented: false,
            max_forwards: Some(70),
            trying: None,
            progress: None,
            ringing: None,
            finals: Vec::new(),
            ack: None,
            cancel: None,
            unreachable: None,
            perhaps_unreachable: None,
            delivered: None,
        };
        self.hops.push(change(MadeHop(hop)).0);
        self
    }

    pub(crate) fn until(mut self, seconds: f64) -> Self {
        self.observed.until = at(seconds);
        self
    }

    pub(crate) fn loss(mut self) -> Self {
        self.observed.loss = true;
        self
    }

    pub(crate) fn evicted(mut self) -> Self {
        self.observed.evicted = true;
        self
    }

    pub(crate) fn time_step(mut self) -> Self {
        self.observed.time_step = true;
        self
    }

    /// What `look` makes of it.
    pub(crate) fn with<R>(&self, look: impl FnOnce(&Exchanged<'_>) -> R) -> R {
        look(&Exchanged {
            call_id: self.call_id.as_bytes(),
            method: MethodKind::of(self.method.as_bytes()),
            method_text: self.method.as_bytes(),
            cseq: Some(self.cseq),
            from_tag: self.from_tag,
            initial: true,
            credentials: self.credentials,
            goes_on: self.goes_on,
            onward: false,
            acked: self.acked,
            reached: self.reached,
            uri: self.to.as_bytes(),
            from: self.from.as_bytes(),
            to: self.to.as_bytes(),
            hops: &self.hops,
            observed: self.observed,
        })
    }

    /// How its first hop was left without an answer.
    pub(crate) fn silence(&self) -> Option<Silence> {
        self.with(|exchanged| silence(exchanged, &exchanged.hops[0]))
    }
}

impl MadeHop {
    pub(crate) fn sent(mut self, seconds: f64) -> Self {
        self.0.request = Some(seen(seconds));
        self.0.last_request = self.0.request;
        self.0.requests = 1;
        self
    }

    /// Copies at these seconds of the capture.
    pub(crate) fn again(mut self, seconds: &[f64]) -> Self {
        for seconds in seconds {
            self.0.last_request = Some(seen(*seconds));
            self.0.requests += 1;
        }
        self
    }

    pub(crate) fn vias(mut self, vias: usize) -> Self {
        self.0.vias = vias;
        self
    }

    pub(crate) fn over(mut self, transport: Transport) -> Self {
        self.0.flow.transport = transport;
        self
    }

    pub(crate) fn port(mut self, port: u16) -> Self {
        self.0.flow.dst.port = port;
        self
    }

    pub(crate) fn bytes(mut self, bytes: u32) -> Self {
        self.0.request_bytes = bytes;
        self
    }

    pub(crate) fn max_forwards(mut self, max_forwards: u32) -> Self {
        self.0.max_forwards = Some(max_forwards);
        self
    }

    pub(crate) fn trying(mut self, seconds: f64) -> Self {
        self.0.trying = Some(seen(seconds));
        self
    }

    pub(crate) fn progress(mut self, code: u16, seconds: f64) -> Self {
        self.0.progress = StatusCode::new(code).map(|code| (code, seen(seconds)));
        self
    }

    /// A final response, its copies from the first to the last.
    pub(crate) fn answer(self, code: u16, seconds: f64) -> Self {
        self.answers(code, &[seconds], 0)
    }

    pub(crate) fn answers(mut self, code: u16, seconds: &[f64], needless: u32) -> Self {
        self.0.finals.push(Final {
            code: StatusCode::new(code).expect("a code"),
            to_tag: 2,
            first: seen(seconds[0]),
            last: seen(seconds[seconds.len() - 1]),
            copies: u32::try_from(seconds.len()).expect("few"),
            needless,
            retry_after: None,
            expires: None,
            stale: false,
            realm: Box::default(),
            reason: Box::default(),
            blocked: false,
            server: Box::default(),
        });
        self
    }

    /// Changes the last final response.
    pub(crate) fn which(mut self, change: impl FnOnce(&mut Final)) -> Self {
        change(self.0.finals.last_mut().expect("an answer"));
        self
    }

    pub(crate) fn ack(mut self, seconds: f64) -> Self {
        self.0.ack = Some(seen(seconds));
        self
    }

    pub(crate) fn cancel(mut self, seconds: f64) -> Self {
        self.0.cancel = Some(seen(seconds));
        self
    }

    pub(crate) fn delivered(mut self, seconds: f64) -> Self {
        self.0.delivered = Some(seen(seconds));
        self
    }

    pub(crate) fn unreachable(mut self, seconds: f64) -> Self {
        self.0.unreachable = Some(seen(seconds));
        self
    }
}

/// A session between two hosts, answered and hung up at these seconds.
#[derive(Clone, Debug)]
pub(crate) struct MadeSession {
    pub(crate) call_id: String,
    pub(crate) answered: f64,
    pub(crate) acked: bool,
    pub(crate) invited: bool,
    pub(crate) ended: Option<(f64, Side)>,
    pub(crate) reason: &'static str,
    pub(crate) observed: Observed,
}

impl MadeSession {
    pub(crate) fn new(call_id: &str, answered: f64, lasted: f64, side: Side) -> Self {
        Self {
            call_id: call_id.to_owned(),
            answered,
            acked: true,
            invited: true,
            ended: Some((answered + lasted, side)),
            reason: "",
            observed: Observed {
                until: at(END),
                ..Observed::default()
            },
        }
    }

    pub(crate) fn with<R>(&self, look: impl FnOnce(&Session<'_>) -> R) -> R {
        let end = match self.ended {
            Some((time, side)) => SessionEnd::Bye {
                side,
                bye: seen(time),
                copies: 1,
                answer: StatusCode::new(200).map(|code| (code, seen(time + 0.1))),
                both: false,
                reason: self.reason.as_bytes(),
            },
            None => SessionEnd::Unseen,
        };
        look(&Session {
            call_id: self.call_id.as_bytes(),
            onward: false,
            to_tag: b"2",
            cseq: 1,
            from: b"sip:alice@example.net",
            to: b"sip:bob@example.net",
            flow: flow("10.1.0.1", "10.2.0.1"),
            invite: self.invited.then(|| seen(self.answered - 1.0)),
            answered: seen(self.answered),
            acked: self.acked.then(|| seen(self.answered + 0.1)),
            end,
            last: seen(self.ended.map_or(self.answered, |(time, _)| time + 0.1)),
            observed: self.observed,
        })
    }
}

/// What `look` makes of an attempt of 10.1.0.1 at 10.2.0.1 that got `code` at `seconds`.
pub(crate) fn attempt<R>(
    call_id: &str,
    seconds: f64,
    code: u16,
    look: impl FnOnce(&Attempt<'_>) -> R,
) -> R {
    let answer = b"SIP/2.0 200 OK\r\n\r\n";
    let mut indexer = Indexer::new(8);
    look(&Attempt {
        call_id: call_id.as_bytes(),
        cseq: 1,
        code: StatusCode::new(code).expect("a code"),
        response: seen(seconds),
        invite: None,
        answer: &indexer.index(answer, answer.len()).expect("a response"),
        flow: flow("10.1.0.1", "10.2.0.1"),
        invites: &[],
    })
}

/// One line a finding, `verdict(qualifier) severity confidence count`, in the order found; the
/// rule stands where there is no verdict, and a cause behind a slash.
pub(crate) fn lines(findings: &[Finding]) -> Vec<String> {
    findings
        .iter()
        .map(|found| {
            let name = found.verdict.unwrap_or(found.rule);
            let cause = found
                .cause
                .map_or_else(String::new, |cause| format!("/{cause}"));
            let qualifier = found
                .qualifier
                .as_ref()
                .map_or_else(String::new, |text| format!("({text})"));
            let (severity, confidence) = (found.severity.name(), found.confidence.name());
            format!(
                "{name}{cause}{qualifier} {severity} {confidence} {}",
                found.count
            )
        })
        .collect()
}

/// What a rule finds in these exchanges, in a capture from 0 to [`END`] of which the tap missed nothing.
pub(crate) fn findings(rule: impl Rule, made: &[Made]) -> Vec<Finding> {
    findings_of(rule, made, CAREFUL)
}

/// A tap that saw every one of many requests.
const CAREFUL: Share = Share {
    missed: 0,
    seen: 10_000,
    first: FrameRef {
        file: FileIndex(0),
        no: FrameNo(0),
    },
    unanswered: 0,
    answered: 0,
};

/// The same, of a tap that missed so many packets.
pub(crate) fn findings_of(mut rule: impl Rule, made: &[Made], missed: Share) -> Vec<Finding> {
    rule.begin(at(0.0));
    let mut past = Past::new(1024);
    for made in made {
        made.with(|exchanged| {
            past.heard.exchanged(exchanged);
            rule.exchanged(exchanged);
        });
    }
    rule.look_back(&Arc::new(past));
    finish_of(rule, missed)
}

/// What a rule has found when the capture ends at [`END`].
pub(crate) fn finish(rule: impl Rule) -> Vec<Finding> {
    finish_of(rule, CAREFUL)
}

fn finish_of(mut rule: impl Rule, missed: Share) -> Vec<Finding> {
    let mut found = Vec::new();
    let end = End {
        first: at(0.0),
        last: at(END),
        missed,
    };
    rule.finish(&end, &mut |finding| found.push(finding));
    found
}

/// The only finding.
pub(crate) fn only(findings: Vec<Finding>) -> Finding {
    assert_eq!(findings.len(), 1, "{findings:#?}");
    findings.into_iter().next().expect("one")
}
