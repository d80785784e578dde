//! Stir: what the signed identity of a call says, whether it verifies, and why it was refused.
//!
//! In: [`crate::sip::Message`]s of INVITEs, of which [`Facts`] borrows what a verifier looks at; the
//! certificates that the run was given ([`Store`]). Out: [`diagnose`], which says of a refused call what the capture shows
//! ([`Diagnosis`]); an inventory of signers ([`Signers`]).
//!
//! Three things outlive a call, each `push`ed in capture order: [`Signers`] (clocks), [`Replay`]
//! (tokens used again) and [`Retries`]; what they say of a call goes into its
//! [`diagnosis::History`]. [`Precedents`] holds what a verifier accepted in other calls against
//! what is found in this one.
//!
//! Signatures are checked for refused calls, some 0.3 ms each, and for the sample of accepted ones
//! that [`Precedents::wants`]: it shows whether the certificates given are those in use. Of all other
//! calls the token is decoded and no more; a message without Identity never comes here.
//!
//! Nothing here is fetched, and no signature is called good or bad without its certificate.
//!
//! # References
//! - RFC 8224, RFC 8225, RFC 8226, RFC 8588, RFC 8946; RFC 4474 for the form before

pub mod encoding;
pub mod identity;
pub mod passport;
pub mod date;
pub mod number;
pub mod fingerprint;
pub mod canonical;
pub mod facts;
pub mod legacy;
pub mod signature;
pub mod certificates;
mod words;
pub mod cause;
pub mod diagnosis;
pub mod feedback;
pub mod signers;
pub mod replay;
pub mod retries;
pub mod precedents;
#[cfg(test)]
pub(crate) mod testing;

pub use cause::{Cause, CauseId, Grade};
pub use certificates::Store;
pub use diagnosis::{Case, Diagnosis, Doubt, History, Refusal, diagnose, diagnose_doubt, examine};
pub use facts::{Facts, Sent};
pub use identity::Identity;
pub use passport::Passport;
pub use precedents::Precedents;
pub use replay::Replay;
pub use retries::Retries;
pub use signers::Signers;
