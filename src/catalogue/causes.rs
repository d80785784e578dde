//! Q.850 release causes, Warning codes, Reason protocols.
//!
//! # References
//!
//! RFC 3326 §2 (Reason), RFC 3261 §20.43 (Warning), ITU-T Q.850.

use serde::Deserialize;

/// Which numbering a [`Cause`] belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CauseKind {
    /// A Q.850 release cause.
    Q850,
    /// A Warning code.
    Warning,
}

/// One cause value.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cause {
    /// The number.
    #[serde(alias = "cause", alias = "code")]
    pub number: u16,
    /// Its name.
    pub name: String,
    /// The SIP code a gateway commonly maps it to.
    pub sip: Option<u16>,
    /// What to do.
    pub fix: String,
}

/// Reason protocols that share a meaning.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReasonProtocols {
    /// Tokens, as registered.
    pub protocols: Vec<String>,
    /// What their cause values are.
    pub meaning: String,
    /// The names of the cause values 1, 2, …, where they are few.
    #[serde(default)]
    pub causes: Vec<String>,
}

/// The group of a Q.850 cause, for reports.
pub(crate) fn q850_group(cause: u16) -> &'static str {
    match cause {
        0..=31 => "normal event",
        32..=47 => "resource unavailable",
        48..=63 => "service or option not available",
        64..=79 => "service or option not implemented",
        80..=95 => "invalid message",
        96..=111 => "protocol error",
        _ => "interworking",
    }
}
