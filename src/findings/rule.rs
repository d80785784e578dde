//! What a rule is, and what it finds.

use std::collections::BTreeMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::IpAddr;
use std::sync::Arc;

use super::examiner::Signed;
use super::key_bursts::KeyBurst;
use super::missed::Share;
use super::onset::Onset;
use super::partition::Partition;
use super::past::Past;
use super::tried::Tried;
use crate::calls::{AnsweredDialog, Attempt, ClockChange, Exchanged, ResponseSeen, Session};
use crate::stir::{CauseId, Grade};
use crate::units::{FileIndex, Flow, FrameNo, FrameRef, Span, Timestamp};

/// How bad a finding is, worst last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing; nothing is claimed to be wrong.
    Info,
    /// Probably wrong, or wrong with little harm.
    Warning,
    /// Wrong, calls suffer.
    Error,
    /// All calls of a trunk suffer.
    Critical,
}

impl Severity {
    /// The name used in the JSON and by `--fail-on`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Critical => "critical",
        }
    }
}

/// How sure the capture makes us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Confidence {
    /// The capture proves it.
    Confirmed,
    /// The capture shows it, but a packet that was not captured could explain it.
    Probable,
    /// It is not as it should be, and the other side put up with it.
    Tolerated,
    /// The capture cannot tell.
    Inconclusive,
}

impl Confidence {
    /// The name used in the JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::Probable => "probable",
            Self::Tolerated => "tolerated",
            Self::Inconclusive => "inconclusive",
        }
    }
}

/// Two hosts: who sent the request, who received it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Peer {
    /// Source address of the request.
    pub src: IpAddr,
    /// Its destination address.
    pub dst: IpAddr,
}

impl Peer {
    /// The hosts of a request's flow.
    pub const fn of(flow: &Flow) -> Self {
        Self {
            src: flow.src.addr,
            dst: flow.dst.addr,
        }
    }

    /// The same hosts the other way.
    #[must_use]
    pub const fn reversed(self) -> Self {
        Self {
            src: self.dst,
            dst: self.src,
        }
    }
}

/// In one or two words: most rules look a pair up for every request.
impl Hash for Peer {
    fn hash<H: Hasher>(&self, state: &mut H) {
        if let (IpAddr::V4(src), IpAddr::V4(dst)) = (self.src, self.dst) {
            state.write_u64(u64::from(src.to_bits()) << 32 | u64::from(dst.to_bits()));
            return;
        }
        for addr in [self.src, self.dst] {
            state.write_u128(match addr {
                IpAddr::V4(addr) => addr.to_ipv6_mapped().to_bits(),
                IpAddr::V6(addr) => addr.to_bits(),
            });
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} → {}", self.src, self.dst)
    }
}

/// A call a finding names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallRef {
    /// Call-ID as sent.
    pub call_id: Box<[u8]>,
    /// CSeq number of the request concerned.
    pub cseq: u32,
    /// To tag, where a dialog is concerned.
    pub to_tag: Option<Box<[u8]>>,
    /// Which input.
    pub file: FileIndex,
    /// The frames that show it, ascending.
    pub frames: Vec<FrameNo>,
    /// When it began.
    pub time: Timestamp,
}

impl CallRef {
    /// The frames as texts name them.
    pub fn named_frames(&self) -> impl Iterator<Item = String> {
        let named = |no: &FrameNo| FrameRef {
            file: self.file,
            no: *no,
        };
        self.frames.iter().map(move |no| named(no).to_string())
    }
}

/// What a rule found.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The rule's name, stable for ever.
    pub rule: &'static str,
    /// The rule's verdict, if it has several.
    pub verdict: Option<&'static str>,
    /// What lowers or narrows the verdict, comma-joined.
    pub qualifier: Option<String>,
    /// How bad.
    pub severity: Severity,
    /// How sure.
    pub confidence: Confidence,
    /// The capture that would settle it.
    pub raise: Option<String>,
    /// One line.
    pub title: String,
    /// What the capture shows.
    pub detail: String,
    /// What its calls share as the cause, by its name.
    pub cause: Option<&'static str>,
    /// Of one call, by frame.
    pub evidence: Option<String>,
    /// What to do.
    pub remediation: String,
    /// How many dialogs or attempts; exact.
    pub count: u64,
    /// First.
    pub start: Timestamp,
    /// Last.
    pub end: Timestamp,
    /// By pair of hosts, most first.
    pub peers: Vec<(Peer, u64)>,
    /// The first of them, up to a cap.
    pub calls: Vec<CallRef>,
    /// What only a burst has.
    pub burst: Option<BurstFacts>,
}

/// The numbers of a burst (DOMAIN G.2).
#[derive(Clone, Debug)]
pub struct BurstFacts {
    /// The code that burst.
    pub code: u16,
    /// INVITE attempts that reached a final response in the window.
    pub attempts: u64,
    /// `count / attempts`.
    pub share: f64,
    /// Different calls among the refused, and how often they were tried.
    pub tried: Tried,
    /// The most within one detector window, scaled to a minute.
    pub peak_per_minute: f64,
    /// When that window ended.
    pub peak_at: Timestamp,
    /// Refusals a minute before; `None` where the capture shows too little of before.
    pub baseline_per_minute: Option<f64>,
    /// Refusals that were seen before, and in how long; `None` as above.
    pub before: Option<(u64, Span)>,
    /// The capture ends inside the burst.
    pub open: bool,
    /// Of an open burst: what followed its last refusal.
    pub followed: Option<Followed>,
    /// The calls went on all the same.
    pub soft: bool,
    /// What the refused share and the passed do not.
    pub partition: Partition,
    /// Why they were refused: each call's first cause, with its grade; most first.
    pub causes: Vec<(CauseId, Option<Grade>, u64)>,
    /// What coincides with its beginning.
    pub onset: Option<Onset>,
    /// Identities that failed otherwise meanwhile: with which code, whether the call went on, how
    /// many.
    pub otherwise: Vec<(u16, bool, u64)>,
    /// Bursts of single peers, signers, verifiers and ranges of numbers inside it.
    pub keys: Vec<KeyBurst>,
}

/// What followed the last refusal of a burst until the capture ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Followed {
    /// How long the capture went on.
    pub lasted: Span,
    /// INVITE attempts that reached a final response.
    pub attempts: u64,
    /// Those of them that were refused in the same way.
    pub refused: u64,
}

/// The text behind a name: what `explain` prints and the documentation holds.
#[derive(Clone, Copy, Debug)]
pub struct Explanation {
    /// One sentence.
    pub summary: &'static str,
    /// Headings and bodies.
    pub sections: &'static [(&'static str, &'static str)],
}

/// A name `explain` knows beside the codes.
#[derive(Clone, Copy, Debug)]
pub struct Topic {
    /// As in the JSON.
    pub name: &'static str,
    /// `rule`, `verdict`, `cause` or `qualifier`.
    pub kind: &'static str,
    /// What it means.
    pub explanation: Explanation,
}

/// When the capture has ended.
#[derive(Clone, Copy, Debug)]
pub struct End {
    /// The first packet's time.
    pub first: Timestamp,
    /// The last packet's time.
    pub last: Timestamp,
    /// Requests that the tap missed in silence.
    pub missed: Share,
}

/// A rule: sees what happens to calls, says at the end what it found.
pub trait Rule: fmt::Debug {
    /// The names `explain` is to know: the rule first, then its verdicts.
    fn topics(&self) -> &'static [Topic];

    /// The capture begins.
    fn begin(&mut self, _first: Timestamp) {}

    /// The capture's clock did not simply go on.
    fn clock(&mut self, _change: ClockChange) {}

    /// An INVITE got its first final response; `signed` says what its identity has to do with it.
    /// `past` holds those before it.
    fn attempt(&mut self, _attempt: &Attempt<'_>, _signed: &Signed, _past: &Past) {}

    /// What there is to look back on for all rules, before [`Self::finish`].
    fn look_back(&mut self, _past: &Arc<Past>) {}

    /// An answered dialog is settled.
    fn dialog(&mut self, _dialog: &AnsweredDialog<'_>) {}

    /// A request is settled, with what answered it on all hops.
    fn exchanged(&mut self, _exchanged: &Exchanged<'_>) {}

    /// A session has ended.
    fn session(&mut self, _session: &Session<'_>) {}

    /// A response is seen, repeated ones and tap copies too.
    fn response(&mut self, _response: &ResponseSeen<'_>) {}

    /// The capture has ended.
    fn finish(&mut self, end: &End, out: &mut dyn FnMut(Finding));

    /// How much was left out of account for lack of room.
    fn given_up(&self) -> u64 {
        0
    }
}

/// A Call-ID as findings keep it: whole, unless a stranger made it longer than `cap` bytes.
pub fn kept(call_id: &[u8], cap: usize) -> Box<[u8]> {
    call_id.get(..cap).unwrap_or(call_id).into()
}

/// Counts by pair of hosts, capped; pairs beyond the cap are left out of the list, not of counts.
#[derive(Clone, Debug, Default)]
pub struct PeerCounts(BTreeMap<Peer, u64>);

/// Pairs told apart in one finding.
const PEERS: usize = 1024;

impl PeerCounts {
    /// Counts `count` of them.
    pub fn add_many(&mut self, peer: Peer, count: u64) {
        if count > 0 && (self.0.len() < PEERS || self.0.contains_key(&peer)) {
            *self.0.entry(peer).or_default() += count;
        }
    }

    /// Most first, then by address.
    pub fn sorted(&self) -> Vec<(Peer, u64)> {
        let mut all: Vec<_> = self.0.iter().map(|(peer, count)| (*peer, *count)).collect();
        all.sort_by_key(|(peer, count)| (std::cmp::Reverse(*count), *peer));
        all
    }
}

/// A span for people: `31.5 s`, `80 ms`.
pub fn readable(span: Span) -> String {
    Readable(span).to_string()
}

/// The same, written without a text of its own.
#[derive(Clone, Copy, Debug)]
pub struct Readable(pub Span);

impl fmt::Display for Readable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secs = self.0.as_secs_f64();
        if secs.abs() < 0.01 {
            write!(f, "{:.1} ms", secs * 1000.0)
        } else if secs.abs() < 1.0 {
            write!(f, "{:.0} ms", secs * 1000.0)
        } else if secs.abs() < 100.0 {
            write!(f, "{secs:.1} s")
        } else {
            write!(f, "{secs:.0} s")
        }
    }
}

/// `frame 5`, `frames 5, 7`; nothing where there is none.
pub fn frames_named(frames: &[String], between: &str) -> String {
    match frames {
        [] => String::new(),
        [one] => format!("frame {one}"),
        more => format!("frames {}", more.join(between)),
    }
}

/// `1 call`, `2 calls`.
pub fn counted(count: u64, one: &str, many: &str) -> String {
    if count == 1 {
        format!("1 {one}")
    } else {
        format!("{count} {many}")
    }
}
