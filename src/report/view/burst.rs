//! A burst of refusals, as reports hold it: CONTRACT's `burst`.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::Serialize;

use super::{Grade, Text, Time};
use crate::report::schema::BytesBeside;

/// What only a burst has.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct Burst {
    /// The status code.
    pub code: u16,
    /// The refusals were soft: the calls went on (RFC 9410 §3).
    pub soft: bool,
    /// INVITE finals in the window.
    pub attempts: u64,
    /// `count` of `attempts`, 0 to 1.
    pub share: f64,
    /// Different calls among `count`: by Call-ID, or the same numbers within 30 s.
    pub distinct_calls: u64,
    /// Among how many of the last refusals `distinct_calls` and the causes were counted, where the first ones
    /// are no longer remembered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remembered: Option<u64>,
    /// How often each of them was tried.
    pub attempts_per_call: f64,
    /// From one try of a call to the next, seconds (median).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_s: Option<f64>,
    /// It is the retries of fewer than five calls, and no failure of many.
    pub storm_of_few_calls: bool,
    /// The busiest minute.
    pub peak_per_minute: f64,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peak_at: Option<Time>,
    /// What is usual; absent where there is no baseline.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub baseline_per_minute: Option<f64>,
    /// `none` where the capture is too short for one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub baseline: Option<Cow<'static, str>>,
    /// Refusals seen in the time before from which `baseline_per_minute` is; absent as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub baseline_count: Option<u64>,
    /// That time, seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub baseline_s: Option<f64>,
    /// It had not ended when the capture did.
    pub open: bool,
    /// Of an open burst: what followed its last refusal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub followed: Option<Followed>,
    /// What coincides with its beginning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub onset: Option<Onset>,
    /// Identities that failed otherwise in the window.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub otherwise: Vec<Otherwise>,
    /// What sets the refused apart, strongest first.
    pub contributors: Vec<Contributor>,
    /// Whether anything sets them apart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub separable: Option<bool>,
    /// Causes by count.
    pub causes: Vec<CauseCount>,
    /// Bursts of one key inside this one.
    pub keys: Vec<KeyBurst>,
}

/// What followed the last refusal of a burst that is not over.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
pub struct Followed {
    /// From that refusal to the end of the capture, seconds.
    pub seconds: f64,
    /// INVITE finals in that time.
    pub attempts: u64,
    /// Those that were refused in the same way.
    pub refused: u64,
}

/// A value that is more frequent among the refused than among the accepted.
#[derive(Clone, Debug, Default, JsonSchema)]
#[schemars(transform = BytesBeside(&["value"]))]
pub struct Contributor {
    /// `peer`, `x5u`, ….
    pub dimension: Cow<'static, str>,
    /// Its value.
    pub value: Text,
    /// Share among the refused, 0 to 1.
    pub inside: f64,
    /// Share among the accepted of the window, 0 to 1.
    pub outside: f64,
    /// `inside / outside`; `None` where `outside` is 0.
    pub lift: Option<f64>,
    /// Refused attempts with it, and all refused.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub refused: Option<(u64, u64)>,
    /// Accepted attempts with it, and all accepted.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub accepted: Option<(u64, u64)>,
}

/// What coincides with the beginning of a burst.
#[derive(Clone, Debug, Default, JsonSchema)]
#[schemars(transform = BytesBeside(&["value"]))]
pub struct Onset {
    /// `certificate-ended`, `certificate-revoked`, `certificate-new`, `iat-age-step`,
    /// `x5u-changed`, `new-path`, `full-hour`.
    pub kind: Cow<'static, str>,
    /// What it concerns: an x5u, a pair of hosts, a number of seconds.
    pub value: Text,
    /// When.
    pub time: Time,
    /// In words, with the refused and all calls before and since.
    pub evidence: String,
}

/// Identities that failed with another code than a burst's, or in another way.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
pub struct Otherwise {
    /// The code.
    pub code: u16,
    /// The call was not refused for it.
    pub soft: bool,
    /// How many.
    pub count: u64,
}

/// A cause and how many it explains.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct CauseCount {
    /// The stable name.
    pub cause: Cow<'static, str>,
    /// How sure; absent for `unexplained`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grade: Option<Grade>,
    /// How many.
    pub count: u64,
}

/// A burst of one key inside a global one.
#[derive(Clone, Debug, Default, JsonSchema)]
#[schemars(transform = BytesBeside(&["value"]))]
pub struct KeyBurst {
    /// `peer`, `x5u`, ….
    pub dimension: Cow<'static, str>,
    /// Its value.
    pub value: Text,
    /// Refusals.
    pub count: u64,
    /// First.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub start: Option<Time>,
    /// Last.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub end: Option<Time>,
}
