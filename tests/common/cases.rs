//! How many cases a slow property tries: few in every run, as many as `just soak` wants there.

use proptest::prelude::ProptestConfig;

/// `few` cases, or what the variable `PROPTEST_CASES` says, which those without a configuration
/// of their own read themselves.
#[allow(
    clippy::disallowed_methods,
    reason = "a run of the tests, not of the program"
)]
pub fn cases(few: u32) -> ProptestConfig {
    let wanted = std::env::var("PROPTEST_CASES").ok();
    ProptestConfig::with_cases(wanted.and_then(|it| it.parse().ok()).unwrap_or(few))
}
