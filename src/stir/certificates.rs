//! Certificates: what a run was given to judge signatures with.
//!
//! In: files that the caller loaded. Out: a [`Store`], which finds the certificate behind an
//! `x5u`, says whether it leads to the trust list, and whether it was revoked.

pub mod tlv;
pub mod pem;
pub mod tn_auth_list;
pub mod claim_constraints;
mod authority;
pub mod certificate;
pub mod crl;
pub mod chain;
pub mod store;

pub use certificate::{Certificate, TnAuth};
pub use chain::Chain;
pub use store::{Added, Candidate, Location, Place, Revoked, Store};

#[cfg(test)]
mod tests;
