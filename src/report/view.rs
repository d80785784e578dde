//! View: the shape of a report, and the only types that are serialised.
//!
//! In: what the rooms above found, put into plain public fields by `pipeline`. Out: the JSON of
//! CONTRACT, `schema_version` 1, field for field; the other reports read the same values.
//!
//! What always holds: a fact that is absent (`None`, an empty `peers`) is left out of the JSON; the
//! arrays CONTRACT promises are there even when empty; a float that is not finite becomes `null`.
//! Bytes a stranger chose are [`WireText`] or [`Text`]: as JSON they are UTF-8 with U+FFFD for what
//! is not, and then `<field>_bytes` holds the bytes in base64 beside it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Number;

use super::schema::{self, BytesBeside};
use crate::units::{Endpoint, Timestamp, Transport};
use crate::wire_text::WireText;

mod burst;
mod ladder;
mod serialize;

pub use burst::{Burst, CauseCount, Contributor, Followed, KeyBurst, Onset, Otherwise};
pub use ladder::{Ladder, LadderFinding, LadderHost, LadderIdentity, LadderLeg, LadderMessage};

/// The version of the JSON's shape.
pub const SCHEMA_VERSION: u32 = 1;

/// Who wrote a report, and in which shape: the first line of the NDJSON.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
pub struct Head {
    /// The version of the shape; steps when a reader could break.
    #[schemars(extend("const" = SCHEMA_VERSION))]
    pub schema_version: u32,
    /// The program.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
}

impl Default for Head {
    fn default() -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            name: "sipannotate",
            version: env!("CARGO_PKG_VERSION"),
        }
    }
}

/// The program.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
pub struct Tool {
    /// `sipannotate`.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
}

impl Default for Tool {
    fn default() -> Self {
        let Head { name, version, .. } = Head::default();
        Self { name, version }
    }
}

/// A response as it is reported: what was on the wire, and what the catalogue and the capture add.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(transform = BytesBeside(&["call_id", "method", "from", "to", "reason"]))]
#[schemars(transform = schema::class_beside)]
pub struct Response<'a> {
    /// Index in `captures`.
    pub file: u16,
    /// How that capture was named; not in the JSON, where `captures` says it.
    #[schemars(skip)]
    pub path: &'a str,
    /// The frame that completed it; counts from 1.
    pub frame: u64,
    /// Capture time of that frame.
    #[schemars(with = "Time")]
    pub time: Timestamp,
    /// Capture time of the first packet of the run; not in the JSON. Relative times, `+SECONDS`
    /// and the capture's first day are counted from it.
    #[schemars(skip)]
    pub capture_start: Option<Timestamp>,
    /// Who sent it.
    #[schemars(with = "String")]
    pub src: Endpoint,
    /// To whom.
    #[schemars(with = "String")]
    pub dst: Endpoint,
    /// How.
    #[schemars(with = "String", extend("enum" = ["UDP", "TCP", "TLS", "WS", "WSS", "SCTP"]))]
    pub transport: Transport,
    /// Call-ID.
    #[schemars(with = "Option<String>", skip_serializing_if = "Option::is_none")]
    pub call_id: Option<WireText<'a>>,
    /// Number of the CSeq.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub cseq: Option<u32>,
    /// Method of the CSeq.
    #[schemars(with = "Option<String>", skip_serializing_if = "Option::is_none")]
    pub method: Option<WireText<'a>>,
    /// From URI.
    #[schemars(with = "Option<String>", skip_serializing_if = "Option::is_none")]
    pub from: Option<WireText<'a>>,
    /// To URI.
    #[schemars(with = "Option<String>", skip_serializing_if = "Option::is_none")]
    pub to: Option<WireText<'a>>,
    /// Status code.
    #[schemars(range(min = 100, max = 699))]
    pub code: u16,
    /// Reason phrase as it was sent.
    #[schemars(with = "String")]
    pub reason: WireText<'a>,
    /// The sender repeated it.
    pub retransmission: bool,
    /// The tap copied it.
    pub duplicate: bool,
    /// The catalogue's words for this code.
    pub meaning: Cow<'a, str>,
    /// The catalogue's words for what to do.
    pub remediation: Cow<'a, str>,
    /// What this capture adds, in words. Texts of strangers stand in it, fit for a terminal; a sink
    /// escapes what its own syntax needs.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub context: Option<Cow<'a, str>>,
    /// Why a STIR code was sent; on 403 (STIR), 428, 436, 437, 438.
    #[schemars(skip_serializing_if = "Vec::is_empty")]
    pub diagnosis: Vec<Diagnosis<'a>>,
}

impl Response<'_> {
    /// `1xx` to `6xx`; `other` for a code outside 100 to 699.
    pub const fn class(&self) -> &'static str {
        match self.code / 100 {
            1 => "1xx",
            2 => "2xx",
            3 => "3xx",
            4 => "4xx",
            5 => "5xx",
            6 => "6xx",
            _ => "other",
        }
    }
}

/// One cause of a STIR refusal.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Diagnosis<'a> {
    /// The cause's stable name, `dest-mismatch`; `unexplained` comes without a grade.
    pub cause: Cow<'a, str>,
    /// How sure it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grade: Option<Grade>,
    /// Which Identity header field of the request, from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header: Option<u32>,
    /// On which hop it was seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hop: Option<Cow<'a, str>>,
    /// What shows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Cow<'a, str>>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remediation: Option<Cow<'a, str>>,
}

/// How sure a cause is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Grade {
    /// The bytes show it.
    Proven,
    /// Nothing else fits well.
    Likely,
    /// It would fit.
    Possible,
}

impl Grade {
    /// The name in the JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Proven => "proven",
            Self::Likely => "likely",
            Self::Possible => "possible",
        }
    }
}

/// A capture time; RFC 3339 UTC with nanoseconds in the JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(pub Timestamp);

/// Bytes a stranger chose, kept to the end of the run.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text(pub Vec<u8>);

impl Text {
    /// The same bytes, ready for a sink.
    pub fn wire(&self) -> WireText<'_> {
        WireText(&self.0)
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().to_vec())
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(text.into_bytes())
    }
}

impl From<WireText<'_>> for Text {
    fn from(text: WireText<'_>) -> Self {
        Self(text.0.to_vec())
    }
}

/// What is known at the end of the run.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct View {
    /// The inputs, in command line order.
    pub captures: Vec<Capture>,
    /// Counts of the whole run.
    pub totals: Totals,
    /// Everything that was not or not fully analysed.
    pub trust: Vec<Trust>,
    /// Responses by status code, ascending.
    pub codes: Vec<Code>,
    /// RFC 6076 and other measures, of everything and by peer.
    pub metrics: Vec<Metric>,
    /// Who signed calls.
    pub signers: Vec<Signer>,
    /// Findings, worst first.
    pub findings: Vec<Finding>,
}

impl View {
    /// How many findings there are of each severity that has any, worst first.
    pub fn found(&self) -> impl Iterator<Item = (Severity, usize)> {
        let count = |level| {
            let same = self.findings.iter().filter(|found| found.severity == level);
            (level, same.count())
        };
        Severity::ALL
            .into_iter()
            .map(count)
            .filter(|found| found.1 > 0)
    }
}

/// One input.
#[derive(Clone, Debug, Default, JsonSchema)]
#[schemars(transform = BytesBeside(&["path"]))]
pub struct Capture {
    /// As it was named on the command line.
    pub path: Text,
    /// `pcap` or `pcapng`.
    #[schemars(extend("enum" = ["pcap", "pcapng"]))]
    pub format: Cow<'static, str>,
    /// `gzip` and the like, if it was compressed.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub compression: Option<Cow<'static, str>>,
    /// Packets read.
    pub packets: u64,
    /// Bytes those packets had in the capture.
    pub bytes: u64,
    /// Time of the earliest packet.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub first: Option<Time>,
    /// Time of the latest packet.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub last: Option<Time>,
    /// Seconds that were added to its times, `first` and `last` among them, because its clock is
    /// off.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub moved_s: Option<f64>,
    /// The file ends inside a packet.
    pub cut_short: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
const fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// Counts of the whole run.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct Totals {
    /// Packets read.
    pub packets: u64,
    /// Requests and responses, retransmissions in, tap copies out.
    pub sip_messages: u64,
    /// Requests among them.
    pub requests: u64,
    /// Responses among them.
    pub responses: u64,
    /// Retransmissions among them.
    pub retransmissions: u64,
    /// Tap copies, not among them.
    pub duplicates: u64,
    /// Call-IDs with an INVITE.
    pub calls: u64,
    /// Initial attempts, 401/407 rounds folded.
    pub invites: u64,
    /// Of `calls`, legs that an element sent on of another under a Call-ID of their own; absent where none is.
    #[serde(skip_serializing_if = "is_zero")]
    pub onward: u64,
    /// What began like SIP but could not be used.
    pub malformed: u64,
    /// SIP messages by transport (`UDP`, `TCP`, …).
    pub transports: BTreeMap<Cow<'static, str>, u64>,
}

/// Something that was not or not fully analysed.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct Trust {
    /// The stable name.
    pub kind: Cow<'static, str>,
    /// How often.
    pub count: u64,
    /// Where first; absent where no frame is concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_frame: Option<u64>,
    /// The input of that frame, when there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<u16>,
    /// What it means and what can be done.
    pub detail: String,
}

/// The responses with one status code.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct Code {
    /// Status code.
    pub code: u16,
    /// The catalogue's phrase.
    pub phrase: Cow<'static, str>,
    /// Final answers a transaction, linked hops once; provisional ones once a transaction.
    pub count: u64,
    /// Retransmissions, not in `count`.
    pub retransmissions: u64,
    /// Share of all counted, 0 to 1.
    pub share: f64,
    /// Count by method.
    pub methods: BTreeMap<String, u64>,
    /// The catalogue: what it means.
    pub meaning: Cow<'static, str>,
    /// The catalogue: when it occurs.
    pub when: Cow<'static, str>,
    /// The catalogue: what to do.
    pub remediation: Cow<'static, str>,
    /// The same in one line, for tables; not in the JSON.
    #[serde(skip)]
    pub short_remediation: Cow<'static, str>,
    /// Where it is defined.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rfc: Option<Cow<'static, str>>,
}

/// The measures of one scope.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct Metric {
    /// `all`, `peer` or `minute`.
    #[schemars(extend("enum" = ["all", "peer", "minute"]))]
    pub scope: Cow<'static, str>,
    /// Which peer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer: Option<String>,
    /// When the minute begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<Time>,
    /// By CONTRACT's names (`ser`, `ser_n`, …): ratios in percent, as RFC 6076 has them, delays in
    /// the unit of their name, `_n` how many went in; `None` where undefined, which is `null`.
    #[serde(flatten)]
    #[schemars(with = "schema::Measures")]
    pub values: BTreeMap<Cow<'static, str>, Option<Number>>,
}

/// Who signed calls.
#[derive(Clone, Debug, Default, JsonSchema)]
#[schemars(transform = BytesBeside(&["x5u"]))]
#[schemars(transform = schema::signer_beside)]
pub struct Signer {
    /// Where its certificate is.
    pub x5u: Text,
    /// PASSporTs by attestation.
    pub attest: BTreeMap<String, u64>,
    /// INVITEs it signed.
    pub invites: u64,
    /// Of those, refused with a STIR code.
    pub rejected: u64,
    /// First and last call.
    #[schemars(skip)]
    pub seen: Option<(Time, Time)>,
    /// Age of its tokens when they were captured, seconds: 5 % are younger, the median, 5 % are older.
    #[schemars(with = "Option<schema::Ages>", skip_serializing_if = "Option::is_none")]
    pub iat_age_s: Option<[f64; 3]>,
    /// Tokens whose `iat` is no time, such as one in milliseconds, and has no age; absent where there are none.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub iat_no_time: Option<u64>,
    /// Its clock against the capture's, seconds, where the tokens' ages agree on it; positive where
    /// it is behind.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub clock_s: Option<f64>,
    /// Calls at which its certificate, as far as it was given, was not valid.
    pub outside_validity: u64,
    /// Signatures checked, and those of them that are good.
    #[schemars(skip)]
    pub signatures: (u64, u64),
}

/// How bad a finding is, worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Wake somebody.
    Critical,
    /// Calls fail.
    Error,
    /// Calls may fail.
    Warning,
    /// Good to know.
    Info,
}

impl Severity {
    /// All, worst first.
    pub const ALL: [Self; 4] = [Self::Critical, Self::Error, Self::Warning, Self::Info];

    /// The name in the JSON and of `--fail-on`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }
}

/// How sure a verdict is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// The capture shows it.
    Confirmed,
    /// The capture shows it but for what may not have been captured.
    Probable,
    /// It is so, and does no harm.
    Tolerated,
    /// The capture cannot tell.
    Inconclusive,
}

impl Confidence {
    /// The name in the JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::Probable => "probable",
            Self::Tolerated => "tolerated",
            Self::Inconclusive => "inconclusive",
        }
    }
}

/// A finding. What only some rules know is absent or empty elsewhere.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Finding {
    /// The rule's stable name.
    pub rule: Cow<'static, str>,
    /// The verdict's stable name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Cow<'static, str>>,
    /// What restricts the verdict, comma-joined.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub qualifier: Option<String>,
    /// How bad.
    pub severity: Severity,
    /// How sure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confidence: Option<Confidence>,
    /// What capture would settle it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub raise: Option<String>,
    /// One line.
    pub title: String,
    /// What happened, in sentences.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The stable name of the cause, or a phrase.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// What shows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evidence: Option<String>,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remediation: Option<String>,
    /// Dialogs or attempts; exact even where `calls` is capped.
    pub count: u64,
    /// First event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<Time>,
    /// Last event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<Time>,
    /// Pairs of the requests, by count.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub peers: Vec<PeerCount>,
    /// The burst's own facts, beside the others in the JSON.
    #[serde(flatten)]
    pub burst: Option<Burst>,
    /// Example calls, capped.
    pub calls: Vec<CallRef>,
    /// A Wireshark display filter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
}

impl Finding {
    /// A finding with only what every finding has.
    pub fn new(rule: &'static str, severity: Severity, title: String, count: u64) -> Self {
        Self {
            rule: Cow::Borrowed(rule),
            verdict: None,
            qualifier: None,
            severity,
            confidence: None,
            raise: None,
            title,
            detail: None,
            cause: None,
            evidence: None,
            remediation: None,
            count,
            start: None,
            end: None,
            peers: Vec::new(),
            burst: None,
            calls: Vec::new(),
            filter: None,
        }
    }
}

/// A pair and its share of a finding.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PeerCount {
    /// `src ip → dst ip` of the request.
    pub peer: String,
    /// How many of the finding's count.
    pub count: u64,
}

/// A call of a finding.
#[derive(Clone, Debug, Default, JsonSchema)]
#[schemars(transform = BytesBeside(&["call_id", "to_tag"]))]
pub struct CallRef {
    /// Call-ID.
    pub call_id: Text,
    /// Number of the CSeq.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub cseq: Option<u32>,
    /// To tag of the dialog.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub to_tag: Option<Text>,
    /// Index in `captures`.
    pub file: u16,
    /// Frames that show it.
    pub frames: Vec<u64>,
    /// When.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub time: Option<Time>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_is_not_utf8_has_its_bytes_beside_it() {
        let call = CallRef {
            call_id: Text(b"caf\xe9".to_vec()),
            ..CallRef::default()
        };
        assert_eq!(
            serde_json::to_string(&call).unwrap(),
            "{\"call_id\":\"caf\u{fffd}\",\"call_id_bytes\":\"Y2Fm6Q==\",\"file\":0,\"frames\":[]}"
        );
    }

    #[test]
    fn floats_that_are_not_numbers_are_null() {
        let contributor = Contributor {
            inside: f64::NAN,
            outside: f64::INFINITY,
            ..Contributor::default()
        };
        let json = serde_json::to_value(&contributor).unwrap();
        assert!(json["inside"].is_null() && json["outside"].is_null() && json["lift"].is_null());
    }

    #[test]
    fn promised_arrays_are_there_when_empty() {
        let json = serde_json::to_value(View::default()).unwrap();
        for array in [
            "captures", "trust", "codes", "metrics", "signers", "findings",
        ] {
            assert!(json[array].as_array().is_some_and(Vec::is_empty), "{array}");
        }
        let finding = Finding::new("missing-ack", Severity::Info, String::new(), 0);
        let json = serde_json::to_value(finding).unwrap();
        let keys: Vec<_> = json.as_object().unwrap().keys().cloned().collect();
        assert_eq!(keys, ["calls", "count", "rule", "severity", "title"]);
    }

    #[test]
    fn burst_facts_stand_beside_the_findings_own() {
        let mut finding = Finding::new("identity-burst", Severity::Error, String::new(), 33);
        finding.burst = Some(Burst {
            code: 438,
            ..Burst::default()
        });
        let json = serde_json::to_value(finding).unwrap();
        assert_eq!(json["code"], 438);
        assert_eq!(json["keys"], serde_json::json!([]));
        assert!(json.get("burst").is_none());
    }
}
