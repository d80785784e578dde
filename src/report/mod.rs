//! Report: what was found becomes bytes for people or programs.
//!
//! In: [`view::Response`]s one by one as they settle, then one [`view::View`]. Out: a report on the
//! writer that was given at the start. A writer keeps nothing a response lent it past the call but
//! what it must show later, and that is capped or spooled to a temporary file.
//!
//! The order of calls is the contract: any number of [`Report::response`], then
//! [`Report::finish`] once. A report that is dropped before `finish` is incomplete.

use std::io;

pub mod view;
pub mod schema;
pub mod project;
pub mod clock;
pub mod filter;
pub mod json;
pub mod ndjson;
pub mod csv;
pub mod labels;
pub mod text;
mod paint;
pub mod diff;
pub mod table;
pub mod comments;
pub mod reference;

/// A form of report.
pub trait Report {
    /// Takes the next response, in the order of the report.
    fn response(&mut self, response: &view::Response<'_>) -> io::Result<()>;

    /// Takes what is known at the end, and completes and flushes the report.
    fn finish(self: Box<Self>, view: &view::View) -> io::Result<()>;
}

#[cfg(test)]
mod fixture;
