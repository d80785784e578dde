//! The reference pages: `explain`, `compare` and `catalogue` as text, JSON or Markdown.
//!
//! In: words of the user ([`resolve`], [`select`]) and the catalogue. Out: bytes to a writer.
//! Text fits [`Layout::width`]; a word longer than that stands alone on its line. Nothing here
//! reads the environment, and a page is a function of its arguments.
//!
//! # References
//!
//! The catalogue's: RFC 3261 §21 and the RFCs its entries name.

mod subject;
mod page;
mod explain;
mod compare;
mod table;
#[cfg(test)]
mod tests;

pub(super) use self::compare::schema as compare_schema;
pub use self::compare::{write_comparison, write_comparison_json};
pub(super) use self::explain::schema as explain_schema;
pub use self::explain::{write_subjects, write_subjects_json};
pub use self::subject::{Subject, Topic, UnknownWord, resolve, select};
pub(super) use self::table::schema as catalogue_schema;
pub use self::table::{write_table, write_table_json, write_table_markdown};

use crate::catalogue::Lang;

/// How a text page is laid out.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// Columns; at least 40 are used.
    pub width: usize,
    /// ANSI colours and bold.
    pub color: bool,
    /// Language of headings and labels.
    pub lang: Lang,
}

/// The version of the JSON these pages print.
const SCHEMA_VERSION: u32 = 1;
