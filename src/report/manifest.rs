//! Manifest: what a folder of a bundle holds, and how it was made.
//!
//! In: a finding, or none for the whole bundle; hashes. Out: `manifest.json`, field for field.

use std::io::{self, Write};

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;

use super::{Digest, view};

/// The `manifest.json` of `sipannotate bundle`: of a finding's folder, or of the whole bundle.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Manifest<'a> {
    /// The version of this shape; steps when a reader could break.
    #[schemars(extend("const" = view::SCHEMA_VERSION))]
    schema_version: u32,
    /// Who wrote it.
    tool: view::Tool,
    /// The command line, word by word, secrets left out.
    command: &'a [String],
    /// The captures it was made of, as they were named; `-` is standard input.
    captures: &'a [Digest],
    /// What the folder is of, with its example calls; absent for the whole bundle.
    #[serde(skip_serializing_if = "Option::is_none")]
    finding: Option<&'a view::Finding>,
    /// The other files in the folder and the folders in it, by path from here.
    files: &'a [Digest],
}

impl<'a> Manifest<'a> {
    /// A manifest of `files`, of a finding or of the whole.
    pub fn new(
        command: &'a [String],
        captures: &'a [Digest],
        finding: Option<&'a view::Finding>,
        files: &'a [Digest],
    ) -> Self {
        Self {
            schema_version: view::SCHEMA_VERSION,
            tool: view::Tool::default(),
            command,
            captures,
            finding,
            files,
        }
    }

    /// Writes it.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        serde_json::to_writer_pretty(&mut *out, self)?;
        writeln!(out)
    }
}

/// The schema of a manifest.
pub(super) fn schema(generator: SchemaGenerator) -> Schema {
    generator.into_root_schema_for::<Manifest<'_>>()
}
