//! Section 4: the responses themselves.
//!
//! In: [`Row`]s, made of responses as they come. Out: a block each with meaning and remediation in
//! full when there are few; else a table, whose columns are fixed by its first batch of rows so
//! that the rest can be laid out as it comes. A context that would make its row higher than the end
//! points do stands under the row, over the page's width. A text of a response is kept up to
//! [`TEXT_WIDTH`].

use std::io::{self, Write};

use super::layout::{Column, Grid, Page};
use super::{Options, findings, layout};
use crate::report::paint::Style;
use crate::report::view::Response;
use crate::report::{clock, text};
use crate::wire_text;

/// Columns of a text that is kept; its middle is left out beyond.
const TEXT_WIDTH: usize = 2000;

/// Columns of a Call-ID in a table row.
const CALL_WIDTH: usize = 40;

/// Columns of a page on which contexts have a column.
const WITH_CONTEXT: usize = 116;

/// Columns of a context in its own column on such a page, more on a wider one; a longer one is wrapped, or stands under the row.
const CONTEXT_WIDTH: usize = 34;

/// Columns of a frame number when more rows are to come than have been seen.
const FRAME_ROOM: usize = 8;

/// A response, ready to be laid out.
#[derive(Clone, Debug)]
pub(super) struct Row {
    frame: String,
    time: String,
    src: String,
    dst: String,
    transport: &'static str,
    call: String,
    request: String,
    code: u16,
    reason: String,
    /// Flags, causes and context in a phrase.
    context: String,
    /// Only where it is printed in full.
    full: Option<Full>,
}

#[derive(Clone, Debug)]
struct Full {
    parties: String,
    meaning: String,
    remediation: String,
    context: String,
    causes: Vec<String>,
}

impl Row {
    /// Keeps what the report shows of `response`; with `in_full` also the catalogue's words.
    pub(super) fn new(response: &Response<'_>, options: &Options, in_full: bool) -> Self {
        let page = Page::new(options);
        let wire = |text: Option<wire_text::WireText<'_>>| {
            text.map_or_else(String::new, |text| keep(&text.terminal()))
        };
        let method = wire(response.method);
        let cseq = response
            .cseq
            .map_or_else(String::new, |cseq| cseq.to_string());
        Self {
            frame: findings::frame(page, response.file, response.frame),
            time: clock::to_micro(response.time, response.capture_start, options.time),
            src: response.src.to_string(),
            dst: response.dst.to_string(),
            transport: response.transport.name(),
            call: wire(response.call_id),
            request: format!("{method} {cseq}").trim().to_owned(),
            code: response.code,
            reason: keep(&response.reason.terminal()),
            context: context(page, response),
            full: in_full.then(|| Full::new(page, response)),
        }
    }

    fn ends(&self) -> String {
        format!("{} → {}", self.src, self.dst)
    }

    fn status(&self) -> String {
        format!("{} {}", self.code, self.reason)
    }
}

impl Full {
    fn new(page: Page, response: &Response<'_>) -> Self {
        let wire = |text: Option<wire_text::WireText<'_>>| {
            text.map_or_else(String::new, |text| keep(&text.terminal()))
        };
        let (from, to) = (wire(response.from), wire(response.to));
        Self {
            parties: if from.is_empty() && to.is_empty() {
                String::new()
            } else {
                format!("{from} → {to}")
            },
            meaning: safe(&response.meaning),
            remediation: safe(&response.remediation),
            context: flags_and_context(page, response).join("; "),
            causes: {
                let to_do = format!("\n{}", page.labels.to_do);
                let causes = response.diagnosis.iter();
                causes
                    .map(|cause| text::diagnosis(cause, &to_do, safe))
                    .collect()
            },
        }
    }
}

fn keep(text: &str) -> String {
    text::shorten(text, TEXT_WIDTH)
}

fn safe(prose: &str) -> String {
    keep(&wire_text::terminal(prose.into()))
}

/// What stands in a row's last column.
fn context(page: Page, response: &Response<'_>) -> String {
    let mut parts = Vec::new();
    parts.extend(response.diagnosis.first().map(|first| {
        let grade = first
            .grade
            .map_or_else(String::new, |grade| format!(" ({})", grade.name()));
        format!("{}{grade}", safe(&first.cause))
    }));
    parts.extend(flags_and_context(page, response));
    parts.join("; ")
}

fn flags_and_context(page: Page, response: &Response<'_>) -> Vec<String> {
    let mut parts = Vec::new();
    if response.retransmission {
        parts.push(page.labels.retransmission.to_owned());
    }
    if response.duplicate {
        parts.push(page.labels.duplicate.to_owned());
    }
    parts.extend(response.context.as_deref().map(safe));
    parts
}

/// Writes each response as a block.
pub(super) fn write_in_full(page: Page, out: &mut dyn Write, rows: &[Row]) -> io::Result<()> {
    let labels = page.labels;
    for (index, row) in rows.iter().enumerate() {
        if index > 0 {
            writeln!(out)?;
        }
        let status = Style::code(row.code).paint(&row.status(), page.color);
        let request = if row.request.is_empty() {
            String::new()
        } else {
            format!(" ({})", row.request)
        };
        let head = format!(
            "{} {}  {}  {}  {}",
            labels.frame,
            row.frame,
            row.time,
            row.ends(),
            row.transport
        );
        if text::width(&head) <= page.width {
            writeln!(out, "{head}")?;
        } else {
            page.paragraph(out, &head)?;
        }
        // Colours have no width, so the line is wrapped only where it has none.
        if text::width(&row.status()) + text::width(&request) + 2 > page.width {
            page.field(out, 0, "", &format!("{}{request}", row.status()))?;
        } else {
            writeln!(out, "  {status}{request}")?;
        }
        let put = |out: &mut dyn Write, label: &str, value: &str| {
            if value.is_empty() {
                Ok(())
            } else {
                page.field(out, 2, label, value)
            }
        };
        put(out, labels.call, &row.call)?;
        if let Some(full) = &row.full {
            put(out, labels.from_to, &full.parties)?;
            put(out, labels.meaning, &full.meaning)?;
            put(out, labels.to_do, &full.remediation)?;
            put(out, labels.context, &full.context)?;
            for cause in &full.causes {
                put(out, labels.cause, cause)?;
            }
        } else {
            put(out, labels.context, &row.context)?;
        }
    }
    Ok(())
}

/// The columns of the table of responses.
#[derive(Debug)]
pub(super) struct Columns {
    grid: Grid,
    /// Request and response share a column.
    narrow: bool,
    /// Short contexts have a column of their own; else all stand under their rows.
    has_context: bool,
}

impl Columns {
    /// Fits the columns to `rows`, the first batch; with `more` they leave room for later ones.
    pub(super) fn new(page: Page, rows: &[Row], more: bool) -> Self {
        let labels = page.labels;
        let narrow = page.is_narrow();
        let has_context = page.width >= WITH_CONTEXT;
        let cells: Vec<Vec<String>> = rows
            .iter()
            .map(|row| cells(row, narrow, CALL_WIDTH))
            .collect();
        let column = |index: usize| {
            cells
                .iter()
                .filter_map(move |row| row.get(index))
                .map(String::as_str)
        };
        let ends = rows.iter().flat_map(|row| [&row.src, &row.dst]);
        // The arrow stays with the first of the two; a long IPv6 address breaks behind a colon.
        let end = ends.map(|end| text::width(end)).max().unwrap_or(0) + 2;
        let end = end.min(page.width / 4 + 2);
        let mut frame = Column::fixed(labels.frame, column(0)).right_aligned();
        if more {
            frame.ideal = frame.ideal.max(FRAME_ROOM);
            frame.min = frame.ideal;
        }
        let mut columns = vec![
            frame,
            Column::new(labels.time, if narrow { 12 } else { 15 }, column(1)),
            Column::new(labels.from_to, end, column(2)),
            Column::new(labels.call, if narrow { 12 } else { 14 }, column(3)),
        ];
        if narrow {
            columns.push(Column::new(labels.response, 16, column(4)));
        } else {
            columns.push(Column::new(labels.request, 9, column(4)));
            columns.push(Column::new(labels.response, 15, column(5)));
        }
        if has_context {
            let most = CONTEXT_WIDTH + page.width.saturating_sub(WITH_CONTEXT);
            let contexts = rows.iter().map(|row| row.context.as_str());
            columns.push(Column::new(labels.context, 16, contexts).at_most(most));
        }
        if more {
            // Later rows may have a context even where the first have none.
            if let Some(last) = columns.last_mut() {
                last.ideal = last.ideal.max(24);
            }
        }
        Self {
            grid: Grid::fit(columns, page.width),
            narrow,
            has_context,
        }
    }

    /// The heads and the line under them.
    pub(super) fn head(&self, page: Page) -> String {
        self.grid.draw(page, true, std::iter::empty())
    }

    /// `rows` as lines.
    pub(super) fn rows(&self, page: Page, rows: &[Row]) -> String {
        if rows.is_empty() {
            return String::new();
        }
        // A row takes two lines anyway where the end points do.
        let call_width = (2 * self.grid.width(3)).saturating_sub(4).min(CALL_WIDTH);
        let status = if self.narrow { 4 } else { 5 };
        let mut lines = String::new();
        let mut batch = Vec::new();
        for row in rows {
            let is_under = self.is_under(row);
            let mut cells: Vec<_> = cells(row, self.narrow, call_width)
                .into_iter()
                .map(|cell| (cell, Style::Plain))
                .collect();
            if self.has_context {
                let context = if is_under { "" } else { &row.context };
                cells.push((context.to_owned(), Style::Plain));
            }
            if let Some(cell) = cells.get_mut(status) {
                cell.1 = Style::code(row.code);
            }
            batch.push(cells);
            if is_under {
                lines += &self.grid.draw(page, false, batch.drain(..));
                self.under(page, &row.context, &mut lines);
            }
        }
        if !batch.is_empty() {
            lines += &self.grid.draw(page, false, batch.into_iter());
        }
        lines
    }

    /// Whether the context stands under its row.
    fn is_under(&self, row: &Row) -> bool {
        // A row takes two lines anyway where the end points do.
        let fits = |width| text::wrap(&row.context, width).len() <= 2;
        let is_beside = self.has_context && fits(self.grid.width(6));
        !row.context.is_empty() && !is_beside
    }

    /// The context as lines that begin where the second column does.
    fn under(&self, page: Page, context: &str, lines: &mut String) {
        let indent = self.grid.width(0) + 2;
        for line in text::wrap(context, page.width.saturating_sub(indent)) {
            text::push(lines, format_args!("{:indent$}{line}\n", ""));
        }
    }
}

fn cells(row: &Row, narrow: bool, call_width: usize) -> Vec<String> {
    let time = match row.time.len().checked_sub(3) {
        Some(millis) if narrow => row.time.get(..millis).unwrap_or(&row.time),
        _ => &row.time,
    };
    let mut cells = vec![
        row.frame.clone(),
        time.to_owned(),
        row.ends(),
        call(&row.call, call_width),
    ];
    let status = text::shorten(&row.status(), layout_cap());
    if narrow {
        cells.push(format!("{status}\n{}", row.request));
    } else {
        cells.push(text::shorten(&row.request, 30));
        cells.push(status);
    }
    cells
}

/// A Call-ID in at most `width` columns: the part before `@` tells calls apart, so the host gives
/// way first.
fn call(id: &str, width: usize) -> String {
    if text::width(id) <= width {
        return id.to_owned();
    }
    let Some((local, host)) = id.split_once('@') else {
        return text::shorten(id, width);
    };
    let room = width.saturating_sub(text::width(local) + 1);
    if room > 4 {
        format!("{local}@{}", text::shorten(host, room))
    } else {
        format!("{}@…", text::shorten(local, width.saturating_sub(2)))
    }
}

/// Columns of a status line in a row.
const fn layout_cap() -> usize {
    layout::LABEL_WIDTH * 8
}
