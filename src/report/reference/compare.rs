//! `compare`: two codes side by side.

use std::io::{self, Write};

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;

use super::explain::{ResponseView, json, name, reading};
use super::page::Page;
use super::{Layout, SCHEMA_VERSION};
use crate::catalogue::{Comparison, Label, catalogue};
use crate::units::StatusCode;

/// The page of two codes.
pub fn write_comparison(
    left: StatusCode,
    right: StatusCode,
    layout: &Layout,
    out: &mut dyn Write,
) -> io::Result<()> {
    let lang = layout.lang;
    let comparison = catalogue().compare(left, right, lang);
    let both = [comparison.left, comparison.right];
    let names = both.map(|explained| name(&explained, lang));
    let [left_name, right_name] = &names;
    let mut page = Page::new(layout, out);
    page.title(&format!("{left_name} / {right_name}"), None)?;
    page.paragraph(&comparison.summary)?;

    page.heading(Label::Description.text(lang))?;
    for (explained, name) in both.iter().zip(&names) {
        page.hanging("• ", &format!("{name}: {}", explained.meaning()))?;
    }
    for (label, listed) in [(Label::WhenItOccurs, true), (Label::HowToFix, false)] {
        page.heading(label.text(lang))?;
        for (at, (explained, name)) in both.iter().zip(&names).enumerate() {
            if at > 0 {
                page.blank()?;
            }
            page.paragraph(name)?;
            if listed {
                page.bullets(explained.causes())?;
            } else {
                page.steps(explained.steps())?;
            }
        }
    }
    page.heading(Label::KeyDifferences.text(lang))?;
    differences(&mut page, &comparison, layout)?;
    page.heading(Label::WhenToUseWhich.text(lang))?;
    page.hanging("• ", &format!("{left}: {}", comparison.choose_left))?;
    page.hanging("• ", &format!("{right}: {}", comparison.choose_right))?;
    page.heading(Label::ReadOn.text(lang))?;
    let mut lines = Vec::new();
    for line in both.iter().flat_map(reading) {
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    page.bullets(&lines)
}

fn differences(
    page: &mut Page<'_>,
    comparison: &Comparison<'_>,
    layout: &Layout,
) -> io::Result<()> {
    let label_width = 12;
    let width = (page.prose_width() - label_width - 4) / 2;
    let codes = [comparison.left.code, comparison.right.code].map(|code| code.to_string());
    let [left, right] = &codes;
    page.row(&[("", label_width), (left, width), (right, width)], None)?;
    if comparison.differences.is_empty() {
        // Codes of one procedure, as 436 and 438: only what they say differs.
        let (left, right) = (&comparison.left, &comparison.right);
        let rows = [
            (Label::Meaning, left.meaning(), right.meaning()),
            (Label::WhatToDo, left.short_fix(), right.short_fix()),
        ];
        for (label, left, right) in rows {
            let label = label.text(layout.lang);
            page.row(&[(label, label_width), (left, width), (right, width)], None)?;
        }
    }
    for difference in &comparison.differences {
        let cells = [
            (difference.label.text(layout.lang), label_width),
            (difference.left.as_str(), width),
            (difference.right.as_str(), width),
        ];
        page.row(&cells, None)?;
    }
    Ok(())
}

/// The page of `sipannotate compare -f json`; arrays of two are in the order asked for.
#[derive(JsonSchema, Serialize)]
struct View<'a> {
    /// The version of this shape; steps when a reader could break.
    #[schemars(extend("const" = SCHEMA_VERSION))]
    schema_version: u32,
    summary: &'a str,
    codes: [ResponseView<'a>; 2],
    differences: Vec<DifferenceView<'a>>,
    choose: [&'a str; 2],
}

#[derive(JsonSchema, Serialize)]
struct DifferenceView<'a> {
    what: &'static str,
    values: [&'a str; 2],
}

/// The same as one JSON object; the arrays of two are in the order asked for.
pub fn write_comparison_json(
    left: StatusCode,
    right: StatusCode,
    out: &mut dyn Write,
) -> io::Result<()> {
    let lang = crate::catalogue::Lang::En;
    let comparison = catalogue().compare(left, right, lang);
    let view = View {
        schema_version: SCHEMA_VERSION,
        summary: &comparison.summary,
        codes: [
            ResponseView::new(&comparison.left),
            ResponseView::new(&comparison.right),
        ],
        differences: comparison
            .differences
            .iter()
            .map(|difference| DifferenceView {
                what: difference.label.text(lang),
                values: [&difference.left, &difference.right],
            })
            .collect(),
        choose: [&comparison.choose_left, &comparison.choose_right],
    };
    json(&view, out)
}

/// The schema of the JSON.
pub(in crate::report) fn schema(generator: SchemaGenerator) -> Schema {
    generator.into_root_schema_for::<View<'_>>()
}
