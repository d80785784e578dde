//! Catalogue: what a SIP status code means, what typically causes it, and what to do.
//!
//! In: a status code and the reason phrase that came with it. Out: an [`Explained`], which borrows
//! from data compiled into the program (`responses.toml` and its neighbours), parsed once.
//! A lookup costs an array access and, for codes with phrase variants, a comparison; it never
//! allocates and never fails: a code the catalogue does not know is explained by its class.
//!
//! # References
//!
//! RFC 3261 §8.1.3.2 (unknown codes), RFC 3261 §21 (the codes), the IANA registry of SIP response
//! codes; RFC 3261 §20.43 (Warning codes).

mod entry;
mod causes;
mod load;
mod compare;
pub mod labels;
#[cfg(test)]
mod tests;

pub(crate) use self::causes::q850_group;
pub use self::causes::{Cause, CauseKind, ReasonProtocols};
pub use self::compare::{Comparison, Difference};
pub(crate) use self::compare::{method_list, reference};
pub use self::entry::{Class, Entry, Explained, Fallback, Retry, Status, Variant};
pub use self::labels::{Label, Lang};
pub use self::load::{Catalogue, catalogue};
