//! Findings: calls become annotated responses, findings and aggregates.
//!
//! In: [`crate::calls::Event`]s. Out: annotated responses one by one, in capture order, as their
//! context settles; an [`Analysis`] at the end of the capture. Each rule is a file with its own
//! explanation; `registry` lists them.
//!
//! # References
//! - RFC 3261 §13.3.1.4, RFC 8224 §6.2.2; the detectors and decision tables are our own

pub mod rule;
pub mod annotate;
pub mod burst;
pub mod partition;
pub mod identity_burst;
pub mod missing_ack;
pub mod ack_without_answer;
pub mod codes;
pub mod metrics;
pub mod trust;
pub mod registry;
pub mod analysis;

pub use analysis::{Analysis, Findings};
pub use annotate::{Annotated, Text};
pub use burst::BurstOptions;
pub use rule::{
    BurstFacts, CallRef, Confidence, Explanation, Finding, Frames, Peer, Rule, Severity, Topic,
};
