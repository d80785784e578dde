//! What the integration tests share: packets and capture files from nothing, and call flows
//! written as text. Nothing here is part of the product.

#![allow(
    clippy::allow_attributes,
    dead_code,
    unreachable_pub,
    reason = "every test binary compiles this whole and uses its part of it"
)]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::map_err_ignore,
    clippy::missing_panics_doc,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "test support: a wrong scenario is a failed test, at once and with its line"
)]

pub mod analysis;
pub mod cases;
pub mod ladder;
pub mod outcomes;
pub mod pcap;
pub mod run;
pub mod signed;
pub mod traffic;
