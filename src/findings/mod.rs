//! Findings: calls become annotated responses, findings and aggregates.
//!
//! In: [`crate::calls::Event`]s. Out: annotated responses one by one, in capture order, as their
//! context settles; an [`Analysis`] at the end of the capture. Each rule is a file with its own
//! explanation; `registry` lists them.
//!
//! # References
//! - RFC 3261 §13.3.1.4, RFC 8224 §6.2.2; the detectors and decision tables are our own

pub mod rule;
mod table;
mod packed;
pub mod past;
mod context;
pub mod sample;
pub mod annotate;
pub mod grouping;
pub mod in_order;
pub mod reading;
pub mod heard;
pub mod missed;
#[cfg(test)]
mod testing;
pub mod watched;
pub mod burst;
pub mod partition;
pub mod tried;
pub mod onset;
pub mod examiner;
pub mod key_bursts;
pub mod refusals;
pub mod identity_failure;
pub mod authentication_loop;
pub mod drops_at_32_s;
pub mod fragments_lost;
pub mod identity_burst;
pub mod missing_ack;
pub mod ack_without_answer;
pub mod no_failover;
pub mod one_sided_bye;
pub mod peer_outage;
pub mod registration_lapsed;
pub mod registration_storm;
pub mod request_unanswered;
pub mod response_burst;
pub mod response_retransmitted;
pub mod routing_loop;
pub mod codes;
pub mod metrics;
pub mod trust;
pub mod causes;
pub mod qualifiers;
pub mod registry;
pub mod analysis;

pub use analysis::{Analysis, Findings};
pub use annotate::{Annotated, Text};
pub use burst::BurstOptions;
pub use context::Unneeded;
pub use rule::{
    BurstFacts, CallRef, Confidence, Explanation, Finding, Peer, Rule, Severity, Topic,
};
pub use sample::Sample;
