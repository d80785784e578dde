//! `explain`, `compare` and `catalogue`: the command's words go to `report::reference`'s pages.
//!
//! In: words of the command line. Out: a page on the output, as text, JSON or Markdown.

use std::io::Write;

use super::args::Format;
use super::exit::Problem;
use crate::catalogue::Lang;
use crate::findings::registry;
use crate::report::reference::{self, Layout, Subject, Topic, UnknownWord};
use crate::units::StatusCode;

/// How a reference page is to look.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    /// Form.
    pub(super) format: Format,
    /// Columns.
    pub(super) width: usize,
    /// Colours.
    pub(super) color: bool,
    /// Language.
    pub(super) lang: Lang,
}

impl Look {
    const fn layout(self) -> Layout {
        Layout {
            width: self.width,
            color: self.color,
            lang: self.lang,
        }
    }
}

/// Prints the entries of `what`.
pub(super) fn explain(what: &[String], look: Look, out: &mut dyn Write) -> anyhow::Result<()> {
    let known = registry::topics();
    let topics: Vec<_> = known
        .iter()
        .map(|topic| Topic {
            name: topic.name,
            kind: topic.kind,
            summary: topic.explanation.summary,
            sections: topic.explanation.sections,
        })
        .collect();
    let mut subjects: Vec<Subject<'_>> = Vec::new();
    for words in phrases(what) {
        subjects.extend(reference::resolve(&words, &topics).map_err(|word| unknown(&word))?);
    }
    match look.format {
        Format::Table => reference::write_subjects(&subjects, &look.layout(), out)?,
        Format::Json => reference::write_subjects_json(&subjects, out)?,
        Format::Markdown => return Err(no_markdown()),
        Format::Html | Format::Ndjson | Format::Csv => return Err(of_captures_only()),
    }
    Ok(())
}

/// Prints two codes side by side.
pub(super) fn compare(
    first: &str,
    second: &str,
    look: Look,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let (first, second) = (code(first)?, code(second)?);
    match look.format {
        Format::Table => reference::write_comparison(first, second, &look.layout(), out)?,
        Format::Json => reference::write_comparison_json(first, second, out)?,
        Format::Markdown => return Err(no_markdown()),
        Format::Html | Format::Ndjson | Format::Csv => return Err(of_captures_only()),
    }
    Ok(())
}

/// Prints the catalogue, or the `codes` of it.
pub(super) fn catalogue(codes: &[String], look: Look, out: &mut dyn Write) -> anyhow::Result<()> {
    let entries = reference::select(codes).map_err(|word| unknown(&word))?;
    match look.format {
        Format::Table => reference::write_table(&entries, &look.layout(), out)?,
        Format::Json => reference::write_table_json(&entries, out)?,
        Format::Markdown => reference::write_table_markdown(&entries, look.lang, out)?,
        Format::Html | Format::Ndjson | Format::Csv => return Err(of_captures_only()),
    }
    Ok(())
}

/// The words of the command line, those behind a code taken as its phrase: `438 Invalid PASSporT`
/// without quotes is one subject, `438 486` are two.
fn phrases(what: &[String]) -> Vec<String> {
    let is_start = |word: &str| {
        word.bytes().next().is_some_and(|b| b.is_ascii_digit()) || word.contains([':', '-', '_'])
    };
    let mut phrases: Vec<String> = Vec::new();
    for word in what {
        match phrases.last_mut() {
            Some(phrase) if !is_start(word) && !phrase.contains(':') => {
                phrase.push(' ');
                phrase.push_str(word);
            }
            _ => phrases.push(word.clone()),
        }
    }
    phrases
}

fn code(text: &str) -> anyhow::Result<StatusCode> {
    let number = text.parse().ok().and_then(StatusCode::new);
    number.ok_or_else(|| {
        Problem::usage(format!(
            "`{}` is not a response code",
            crate::wire_text::terminal(text.into())
        ))
        .hint("compare takes two codes from 100 to 699, for example: sipannotate compare 200 438")
        .into()
    })
}

/// Of the reference pages Markdown is a form of the catalogue only.
fn no_markdown() -> anyhow::Error {
    Problem::usage("explain and compare cannot be printed as markdown")
        .hint("use -f table or -f json, or: sipannotate catalogue -f markdown")
        .into()
}

/// Pages, lines and rows are made of responses.
fn of_captures_only() -> anyhow::Error {
    Problem::usage("html, ndjson and csv are forms of a capture's report only")
        .hint("use -f table or -f json")
        .into()
}

fn unknown(word: &UnknownWord) -> anyhow::Error {
    Problem::usage(word.to_string()).hint(word.hint()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_behind_a_code_are_its_phrase() {
        let check = |words: &[&str], expected: &[&str]| {
            let words: Vec<_> = words.iter().map(ToString::to_string).collect();
            assert_eq!(phrases(&words), expected);
        };
        check(&["438", "Invalid", "PASSporT"], &["438 Invalid PASSporT"]);
        check(&["438", "486"], &["438", "486"]);
        check(&["busy", "here"], &["busy here"]);
        check(
            &["438", "missing-ack", "q850:21"],
            &["438", "missing-ack", "q850:21"],
        );
    }
}
