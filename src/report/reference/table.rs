//! `catalogue`: the codes as a table.

use std::io::{self, Write};

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;

use super::explain::{ResponseView, json};
use super::page::Page;
use super::{Layout, SCHEMA_VERSION};
use crate::catalogue::{Class, Entry, Label, Lang, catalogue};

/// Below this many columns five cells side by side are no help.
const NARROW: usize = 72;

/// A table in text, a heading a class.
pub fn write_table(entries: &[&Entry], layout: &Layout, out: &mut dyn Write) -> io::Result<()> {
    let lang = layout.lang;
    let mut page = Page::new(layout, out);
    if page.width() < NARROW {
        return narrow(&mut page, entries);
    }
    let (code, phrase, rfc) = (4, 22.min(page.width() / 4), 8);
    let rest = page.width() - code - phrase - rfc - 8;
    let meaning = rest / 2;
    let row = |texts: [&str; 5], class, page: &mut Page<'_>| {
        let widths = [code, phrase, rfc, meaning, rest - meaning];
        let mut cells = [("", 0); 5];
        for (cell, pair) in cells.iter_mut().zip(texts.into_iter().zip(widths)) {
            *cell = pair;
        }
        page.row(&cells, class)
    };
    let titles = [
        Label::Code,
        Label::Phrase,
        Label::DefinedIn,
        Label::Meaning,
        Label::WhatToDo,
    ];
    let mut titles = titles.map(|label| label.text(lang));
    if let Some(title) = titles.get_mut(2) {
        *title = "RFC";
    }
    row(titles, None, &mut page)?;
    let mut last = None;
    for entry in entries {
        let class = Class::of(entry.code);
        if last.replace(class) != Some(class) {
            page.heading(&format!("{} {}", class.pattern(), class.name(lang)))?;
        }
        let code = entry.code.to_string();
        let rfc = entry.rfc.as_deref().unwrap_or("-");
        let texts = [
            code.as_str(),
            &entry.phrase,
            rfc,
            &entry.meaning,
            &entry.short_fix,
        ];
        row(texts, Some(class), &mut page)?;
    }
    Ok(())
}

/// What fits everywhere: the code, its phrase and what to do.
fn narrow(page: &mut Page<'_>, entries: &[&Entry]) -> io::Result<()> {
    for entry in entries {
        let text = format!("{}. {}", entry.phrase, entry.short_fix);
        page.hanging(&format!("{}  ", entry.code), &text)?;
    }
    Ok(())
}

/// A Markdown table.
pub fn write_table_markdown(entries: &[&Entry], lang: Lang, out: &mut dyn Write) -> io::Result<()> {
    let [code, phrase, meaning, fix] =
        [Label::Code, Label::Phrase, Label::Meaning, Label::WhatToDo].map(|l| l.text(lang));
    writeln!(out, "| {code} | {phrase} | RFC | {meaning} | {fix} |")?;
    writeln!(out, "| ---: | --- | --- | --- | --- |")?;
    for entry in entries {
        let rfc = entry.rfc.as_deref().unwrap_or("-");
        let row = format!(
            "| {} | {} | {rfc} | {} | {} |",
            entry.code,
            entry.phrase,
            entry.meaning,
            entry.remediation()
        );
        // `<` would start HTML; the catalogue's text has no `|`, which a test holds it to.
        writeln!(out, "{}", row.replace('<', "&lt;"))?;
    }
    Ok(())
}

/// The catalogue, as `sipannotate catalogue -f json` prints it.
#[derive(JsonSchema, Serialize)]
struct View<'a> {
    /// The version of this shape; steps when a reader could break.
    #[schemars(extend("const" = SCHEMA_VERSION))]
    schema_version: u32,
    registry_date: &'a str,
    codes: Vec<ResponseView<'a>>,
}

/// The entries as one JSON object.
pub fn write_table_json(entries: &[&'static Entry], out: &mut dyn Write) -> io::Result<()> {
    let view = View {
        schema_version: SCHEMA_VERSION,
        registry_date: catalogue().registry_date(),
        codes: entries
            .iter()
            .map(|entry| ResponseView::new(&catalogue().entry(entry.code, None)))
            .collect(),
    };
    json(&view, out)
}

/// The schema of the JSON.
pub(in crate::report) fn schema(generator: SchemaGenerator) -> Schema {
    generator.into_root_schema_for::<View<'_>>()
}
