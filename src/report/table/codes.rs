//! Section 3: responses by status code, with the catalogue's words.
//!
//! In: the view. Out: a table of a row a code. On a narrow page phrase and code share a column, and
//! so do meaning and remediation.

use std::io::{self, Write};

use super::layout::{Column, Grid, Page};
use crate::report::paint::Style;
use crate::report::text::{self, percent};
use crate::report::view::{Code, View};
use crate::wire_text;

/// Narrowest column of prose that is still read with ease.
const PROSE_MIN: usize = 24;

/// Writes the section.
pub(super) fn write(page: Page, out: &mut dyn Write, view: &View) -> io::Result<()> {
    page.heading(out, 3, page.labels.codes)?;
    if view.codes.is_empty() {
        return page.paragraph(out, page.labels.no_responses);
    }
    let labels = page.labels;
    let rows: Vec<Vec<String>> = view.codes.iter().map(|code| cells(page, code)).collect();
    let column = |index: usize| {
        rows.iter()
            .filter_map(move |row| row.get(index))
            .map(String::as_str)
    };
    let mut columns = vec![
        Column::new(labels.code, 12, column(0)).at_most(if page.is_narrow() { 16 } else { 24 }),
        Column::fixed(labels.count, column(1)).right_aligned(),
        Column::fixed(labels.share, column(2)).right_aligned(),
        Column::new(labels.meaning, PROSE_MIN, column(3)),
    ];
    if !page.is_narrow() {
        columns.push(Column::new(labels.to_do, PROSE_MIN, column(4)));
    }
    let grid = Grid::fit(columns, page.width);
    let drawn = rows.iter().zip(&view.codes).map(|(row, code)| {
        let mut cells: Vec<_> = row
            .iter()
            .map(|cell| (cell.clone(), Style::Plain))
            .collect();
        if let Some(first) = cells.first_mut() {
            first.1 = Style::code(code.code);
        }
        cells
    });
    out.write_all(grid.draw(page, true, drawn).as_bytes())?;
    page.paragraph(out, labels.share_of)
}

fn cells(page: Page, code: &Code) -> Vec<String> {
    let labels = page.labels;
    let safe = |prose: &str| wire_text::terminal(prose.into()).into_owned();
    let mut head = format!("{} {}", code.code, safe(&code.phrase));
    if code.retransmissions > 0 {
        text::push(
            &mut head,
            format_args!("\n+{} {}", code.retransmissions, labels.resent),
        );
    }
    let mut cells = vec![head, code.count.to_string(), percent(code.share)];
    // Of answers that are no failure a line is enough: what to do is nothing, mostly.
    let is_failure = code.code >= 300 || code.short_remediation.is_empty();
    let to_do = if is_failure {
        &code.remediation
    } else {
        &code.short_remediation
    };
    if page.is_narrow() {
        let (meaning, to_do) = (safe(&code.meaning), safe(to_do));
        cells.push(format!("{meaning}\n{}: {to_do}", labels.to_do));
    } else {
        cells.push(safe(&code.meaning));
        cells.push(safe(to_do));
    }
    cells
}
