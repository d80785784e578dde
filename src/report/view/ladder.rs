//! The ladder of a call, as it is reported.
//!
//! In: what `project` puts together. Out: the JSON of `show`, field for field; the drawings read the
//! same values. The rules are those of the view: what is absent is left out, bytes a stranger chose
//! are [`Text`], with `<field>_bytes` beside what is not UTF-8.

use std::borrow::Cow;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::{Diagnosis, Severity, Text, Time};
use crate::report::schema::{self, BytesBeside};
use crate::units::{Endpoint, Timestamp, Transport};
use crate::wire_text::WireText;

/// One call: its hosts, its messages, and the findings it is part of.
#[derive(Clone, Debug, Default, JsonSchema)]
#[schemars(transform = BytesBeside(&["call_id"]))]
#[schemars(transform = schema::ladder_beside)]
pub struct Ladder {
    /// Call-ID; empty where messages have none.
    pub call_id: Text,
    /// Its legs under further Call-IDs, which elements sent on, in the order in which they began.
    #[schemars(skip_serializing_if = "Vec::is_empty")]
    pub legs: Vec<LadderLeg>,
    /// The columns, from the caller to the callee.
    pub hosts: Vec<LadderHost>,
    /// In the order of capture, repeats and copies among them.
    pub messages: Vec<LadderMessage>,
    /// The findings that name this call, in the order of the report.
    pub findings: Vec<LadderFinding>,
    /// Messages of the call before the first and behind the last that are here.
    #[schemars(skip)]
    pub left_out: (u64, u64),
    /// Capture time of the first packet of the run, from which relative times count; not in the JSON.
    #[schemars(skip)]
    pub capture_start: Option<Timestamp>,
}

/// A leg of the call that an element sent on under a Call-ID of its own.
#[derive(Clone, Debug, Default, JsonSchema)]
#[schemars(transform = BytesBeside(&["call_id", "of"]))]
pub struct LadderLeg {
    /// Call-ID.
    pub call_id: Text,
    /// The Call-ID of the leg it goes on with.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub of: Option<Text>,
    /// Address of who sent it on.
    pub by: String,
    /// How that is known: `session-id`, `icid-value`, or `numbers`, which is a guess.
    pub link: &'static str,
    /// From the other INVITE to its own, seconds.
    pub after_s: f64,
    /// Index of the capture.
    pub file: u16,
    /// Frame of its INVITE.
    pub frame: u64,
}

/// A column.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LadderHost {
    /// Address; with its port where several parties share the address.
    pub name: String,
    /// The ports it used, in the order in which they were seen.
    pub ports: Vec<u16>,
}

/// A message: an arrow.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(transform = BytesBeside(&["method", "uri", "reason", "branch", "from_tag", "to_tag", "message"]))]
#[schemars(transform = schema::message_beside)]
pub struct LadderMessage {
    /// Index of the capture.
    pub file: u16,
    /// The frame that completed it.
    pub frame: u64,
    /// All frames that carried parts of it, `frame` last, where there are several.
    #[schemars(skip_serializing_if = "Vec::is_empty")]
    pub frames: Vec<u64>,
    /// Capture time.
    #[schemars(with = "Time")]
    pub time: Timestamp,
    /// Who sent it.
    #[schemars(with = "String")]
    pub src: Endpoint,
    /// To whom.
    #[schemars(with = "String")]
    pub dst: Endpoint,
    /// How.
    #[schemars(with = "String", extend("enum" = ["UDP", "TCP", "TLS", "WS", "WSS", "SCTP"]))]
    pub transport: Transport,
    /// Of a call with several legs: 0 for `call_id`, `n` for the `n`-th of `legs`.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub leg: Option<usize>,
    /// Column of the sender, from 0.
    pub from: usize,
    /// Column of the receiver.
    pub to: usize,
    /// Method: of a response the one it answers.
    pub method: Text,
    /// Of a request.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub uri: Option<Text>,
    /// Of a response; 0 where what was sent is no code.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub code: Option<u16>,
    /// Of a response.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Text>,
    /// Number of the CSeq.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub cseq: Option<u32>,
    /// Branch of the topmost Via.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub branch: Option<Text>,
    /// Tag of From.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub from_tag: Option<Text>,
    /// Tag of To.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub to_tag: Option<Text>,
    /// Encoding names of its session description, for people; absent without one.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub media: Option<String>,
    /// The description puts the other side on hold.
    #[schemars(skip)]
    pub holds: bool,
    /// Its sender repeated it.
    pub retransmission: bool,
    /// The tap copied it.
    pub duplicate: bool,
    /// The message of which it is a repeat or a copy, by its place in `messages`.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub repeats: Option<usize>,
    /// The catalogue's words for its code.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub meaning: Option<Cow<'static, str>>,
    /// The catalogue's words for what to do.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub remediation: Option<Cow<'static, str>>,
    /// What this capture adds.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    /// Why a STIR code was sent.
    #[schemars(skip_serializing_if = "Vec::is_empty")]
    pub diagnosis: Vec<Diagnosis<'static>>,
    /// The findings whose frames name it, by place in [`Ladder::findings`].
    #[schemars(skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<usize>,
    /// Its Identity header fields, read.
    #[schemars(skip_serializing_if = "Vec::is_empty")]
    pub identity: Vec<LadderIdentity>,
    /// Its bytes as they were sent; fewer than `length` where there was no room.
    #[schemars(skip)]
    pub bytes: Arc<[u8]>,
    /// Bytes it has.
    pub length: usize,
    /// The capture's snap length cut it.
    #[schemars(skip)]
    pub snapped: bool,
    /// It was asked for by its frame.
    #[schemars(skip)]
    pub selected: bool,
}

impl LadderMessage {
    /// Whether it is a request.
    pub const fn is_request(&self) -> bool {
        self.code.is_none()
    }

    /// As it was sent.
    pub fn wire(&self) -> WireText<'_> {
        WireText(&self.bytes)
    }
}

/// One value of Identity, read.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct LadderIdentity {
    /// The name of its form, [`crate::stir::identity::Form::name`].
    pub form: &'static str,
    /// The JOSE header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header: Option<Map<String, Value>>,
    /// The claims.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload: Option<Map<String, Value>>,
    /// The `info` parameter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub info: Option<String>,
    /// Why header or claims are not here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// A finding that names the call.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct LadderFinding {
    /// Its place in the report's findings, from 0.
    pub finding: usize,
    /// The rule's stable name.
    pub rule: Cow<'static, str>,
    /// The verdict's stable name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Cow<'static, str>>,
    /// What restricts the verdict.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub qualifier: Option<String>,
    /// How bad.
    pub severity: Severity,
    /// One line.
    pub title: String,
    /// The stable name of the cause, or a phrase.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// What shows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evidence: Option<String>,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remediation: Option<String>,
    /// Index of the capture of its frames.
    pub file: u16,
    /// The frames of this call that show it.
    pub frames: Vec<u64>,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<Time>,
}
