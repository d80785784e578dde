//! Options: what a run reads, and how.

use std::sync::Arc;

use crate::capture::{Meter, Source};
use crate::findings::BurstOptions;
use crate::limits::Limits;
use crate::tls::KeyLog;

/// One input of a run.
pub struct Input {
    /// As it was named.
    pub path: String,
    /// Where its bytes come from.
    pub source: Source,
}

/// What a run is to do.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Caps.
    pub limits: Limits,
    /// Burst detector.
    pub burst: BurstOptions,
    /// TLS secrets known from the start.
    pub secrets: Option<KeyLog>,
    /// Signers' certificates, revocation lists and trust.
    pub certificates: crate::stir::Store,
    /// Told how much was read, for whoever watches.
    pub meter: Arc<Meter>,
    /// Responses that the report shows, where it shows some only: `each` gets a
    /// [`crate::findings::Sample`] that begins with so many, and of others no more than that they were
    /// there, when the capture has ended. None: it gets all.
    pub told_responses: Option<u64>,
}
