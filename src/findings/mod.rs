//! Findings: what the command line settles about them.

use crate::units::Span;

/// The settings of the burst detector (DOMAIN G.2).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BurstOptions {
    /// Length of the sliding window.
    pub window: Span,
    /// Refusals in the window that open a burst, at least.
    pub min: u32,
    /// Their share of the window's answers, at least; 0 to 1.
    pub share: f64,
    /// The chance of so many by accident, at most; 0 to 1.
    pub p: f64,
    /// So long without a new best the burst is over.
    pub quiet: Span,
}

impl Default for BurstOptions {
    fn default() -> Self {
        Self {
            window: Span::from_secs(60),
            min: 5,
            share: 0.05,
            p: 1e-6,
            quiet: Span::from_secs(120),
        }
    }
}
