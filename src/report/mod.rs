//! Report: what was found becomes bytes for people or programs.
//!
//! In: [`view::Response`]s one by one as they settle, then one [`view::View`]. Out: a report on the
//! writer that was given at the start. A writer keeps nothing a response lent it past the call but
//! what it must show later, and that is capped or spooled to a temporary file.
//!
//! The order of calls is the contract: any number of [`Report::response`], then
//! [`Report::finish`] once. A report that is dropped before `finish` is incomplete.

use std::collections::BTreeMap;
use std::io;

use schemars::JsonSchema;

use crate::units::FrameRef;

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
mod chosen;
pub mod table;
pub mod comments;
pub mod ladder;
pub mod markdown;
pub mod html;
pub mod manifest;
pub mod reference;

/// A form of report.
pub trait Report {
    /// Sees every response of the run, in the order of the report, before a filter leaves some out.
    fn passed(&mut self, _response: &view::Response<'_>) {}

    /// Takes the next response, in the order of the report.
    fn response(&mut self, response: &view::Response<'_>) -> io::Result<()>;

    /// Takes what is known at the end, and completes and flushes the report.
    fn finish(self: Box<Self>, view: &view::View) -> io::Result<()>;
}

/// What a report may ask for once the run is over: the captures are read again.
pub trait Again {
    /// The ladders of calls, by their whole Call-IDs as findings have them; of a long one what is
    /// around the frame.
    fn calls(
        &mut self,
        wanted: BTreeMap<Vec<u8>, Option<FrameRef>>,
    ) -> io::Result<Vec<view::Ladder>>;

    /// How the report was made.
    fn provenance(&mut self) -> io::Result<Provenance>;
}

/// How a report was made.
#[derive(Clone, Debug, Default)]
pub struct Provenance {
    /// The command line as it was typed, secrets left out.
    pub command: String,
    /// The inputs, by name.
    pub files: Vec<Digest>,
}

/// What tells a file from every other.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(transform = schema::BytesBeside(&["path"]))]
pub struct Digest {
    /// As it was named.
    pub path: view::Text,
    /// Bytes, as they lie on the disk.
    pub bytes: u64,
    /// SHA-256 of these, in hexadecimal; `None` where the file could not be read again.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

#[cfg(test)]
mod fixture;
