//! Layout: a page of a given width, and tables whose columns are fitted to it.
//!
//! In: text safe for a terminal. Out: lines. Cells are wrapped before the table is drawn, so that
//! breaks are ours ([`text::wrap`]) and an unbreakable cell is never cut.

use std::io::{self, Write};

use comfy_table::{
    CellAlignment, ColumnConstraint, ContentArrangement, LineStyle, Table, TableStyle, Width,
};

use super::{Options, labels};
use crate::report::clock::TimeStyle;
use crate::report::labels::Labels;
use crate::report::paint::Style;
use crate::report::text;

/// Blanks between two columns.
const GAP: usize = 2;

/// Columns of a line of prose on a wide page: a longer line is hard to follow to the next.
const PROSE_WIDTH: usize = 110;

/// Columns a column keeps on any page.
const MIN_COLUMN: usize = 8;

/// No borders: a line under the heads is all that survives a ticket's proportional font.
const STYLE: TableStyle = TableStyle::new().header_separator(LineStyle::none().fill('-'));

/// What the sections need to know to write themselves.
#[derive(Clone, Copy, Debug)]
pub(super) struct Page {
    /// Columns of a line.
    pub(super) width: usize,
    /// With colours.
    pub(super) color: bool,
    /// How times are printed.
    pub(super) time: TimeStyle,
    /// More than one input.
    pub(super) many_files: bool,
    /// Headings and labels.
    pub(super) labels: &'static Labels,
}

impl Page {
    /// The page of `options`.
    pub(super) const fn new(options: &Options) -> Self {
        Self {
            width: options.width,
            color: options.color,
            time: options.time,
            many_files: options.files > 1,
            labels: labels(options),
        }
    }

    /// Whether there is no room for columns of prose side by side.
    pub(super) const fn is_narrow(self) -> bool {
        self.width < 100
    }

    /// A section's heading.
    pub(super) fn heading(self, out: &mut dyn Write, no: u32, title: &str) -> io::Result<()> {
        let title = format!("{no}. {title}");
        let line = "=".repeat(text::width(&title));
        if no > 1 {
            writeln!(out)?;
        }
        writeln!(out, "{}", Style::Bold.paint(&title, self.color))?;
        writeln!(out, "{}", Style::Dim.paint(&line, self.color))
    }

    /// Lines of prose.
    pub(super) fn paragraph(self, out: &mut dyn Write, prose: &str) -> io::Result<()> {
        for line in text::wrap(prose, self.width.min(LABEL_WIDTH + PROSE_WIDTH)) {
            writeln!(out, "{line}")?;
        }
        Ok(())
    }

    /// `label`, padded, then `value` beside it on as many lines as it takes.
    pub(super) fn field(
        self,
        out: &mut dyn Write,
        indent: usize,
        label: &str,
        value: &str,
    ) -> io::Result<()> {
        let left = indent + LABEL_WIDTH;
        let lines = text::wrap(value, self.width.saturating_sub(left).min(PROSE_WIDTH));
        self.field_lines(out, indent, label, &lines)
    }

    /// [`Self::field`] with lines that are broken already.
    pub(super) fn field_lines(
        self,
        out: &mut dyn Write,
        indent: usize,
        label: &str,
        lines: &[String],
    ) -> io::Result<()> {
        for (index, line) in lines.iter().enumerate() {
            let label = if index == 0 { label } else { "" };
            let pad = LABEL_WIDTH.saturating_sub(text::width(label)).max(1);
            let label = Style::Dim.paint(label, self.color);
            let whole = format!("{:indent$}{label}{:pad$}{line}", "", "");
            writeln!(out, "{}", whole.trim_end())?;
        }
        Ok(())
    }
}

/// Columns a label takes, with the blanks behind it.
pub(super) const LABEL_WIDTH: usize = 12;

/// A column of a table.
#[derive(Clone, Debug)]
pub(super) struct Column {
    /// Its head.
    pub(super) title: &'static str,
    /// Numbers stand to the right.
    pub(super) right: bool,
    /// It is never narrower: its unbreakable content.
    pub(super) min: usize,
    /// It is never wider: all its content on one line.
    pub(super) ideal: usize,
}

impl Column {
    /// A column as wide as its widest cell; it gives way down to `min`.
    pub(super) fn new<'a>(
        title: &'static str,
        min: usize,
        cells: impl Iterator<Item = &'a str>,
    ) -> Self {
        let ideal = cells
            .flat_map(|cell| cell.split('\n'))
            .map(text::width)
            .max()
            .unwrap_or(0)
            .max(text::width(title));
        let min = min.max(text::width(title)).min(ideal);
        Self {
            title,
            right: false,
            min,
            ideal,
        }
    }

    /// A column that never gives way.
    pub(super) fn fixed<'a>(title: &'static str, cells: impl Iterator<Item = &'a str>) -> Self {
        Self::new(title, usize::MAX, cells)
    }

    /// The same, but never wider than `max`: it is wrapped before others give way.
    pub(super) fn at_most(mut self, max: usize) -> Self {
        self.ideal = self.ideal.min(max).max(self.min);
        self
    }

    /// The same with its content to the right.
    pub(super) const fn right_aligned(mut self) -> Self {
        self.right = true;
        self
    }
}

/// Columns with their widths settled.
#[derive(Clone, Debug)]
pub(super) struct Grid {
    columns: Vec<Column>,
    widths: Vec<usize>,
}

impl Grid {
    /// Fits `columns` into `width`: the widest gives way first, none below its minimum while
    /// another is above it.
    pub(super) fn fit(columns: Vec<Column>, width: usize) -> Self {
        let gaps = GAP * columns.len().saturating_sub(1);
        let mut widths: Vec<usize> = columns.iter().map(|column| column.ideal).collect();
        while widths.iter().sum::<usize>() + gaps > width {
            let widest = widths
                .iter_mut()
                .zip(&columns)
                .filter(|(width, column)| **width > column.min)
                .max_by_key(|(width, _)| **width)
                .map(|(width, _)| width);
            match widest {
                Some(width) => *width -= 1,
                // Too narrow a page for every minimum: better broken words than broken lines.
                None => match widths.iter_mut().max().filter(|width| **width > MIN_COLUMN) {
                    Some(width) => *width -= 1,
                    None => break,
                },
            }
        }
        Self { columns, widths }
    }

    /// The width of column `index`.
    pub(super) fn width(&self, index: usize) -> usize {
        self.widths.get(index).copied().unwrap_or(0)
    }

    /// Rows as lines; `head` puts the columns' titles and a line above them.
    pub(super) fn draw(
        &self,
        page: Page,
        head: bool,
        rows: impl Iterator<Item = Vec<(String, Style)>>,
    ) -> String {
        let mut table = Table::new();
        table.load_style(STYLE).force_no_tty();
        table.set_content_arrangement(ContentArrangement::Disabled);
        if page.color {
            table.enforce_styling();
        }
        if head {
            table.set_header(
                self.columns
                    .iter()
                    .zip(&self.widths)
                    .map(|(column, width)| {
                        let title = text::wrap(column.title, *width).join("\n");
                        Style::Bold.cell(title)
                    }),
            );
        }
        for row in rows {
            table.add_row(
                row.into_iter()
                    .zip(&self.widths)
                    .map(|((cell, style), width)| style.cell(text::wrap(&cell, *width).join("\n"))),
            );
        }
        let last = self.columns.len().saturating_sub(1);
        for (index, (column, width)) in self.columns.iter().zip(&self.widths).enumerate() {
            if let Some(drawn) = table.column_mut(index) {
                let gap = if index == last { 0 } else { GAP };
                let padding = u16::try_from(gap).unwrap_or(0);
                let outer = u16::try_from(width + gap).unwrap_or(u16::MAX);
                drawn.set_padding((0, padding));
                drawn.set_constraint(ColumnConstraint::Absolute(Width::Fixed(outer)));
                if column.right {
                    drawn.set_cell_alignment(CellAlignment::Right);
                }
            }
        }
        let mut lines = String::new();
        for line in table.lines() {
            lines.push_str(line.trim_end());
            lines.push('\n');
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(min: usize, ideal: usize) -> Column {
        Column {
            title: "x",
            right: false,
            min,
            ideal,
        }
    }

    #[test]
    fn the_widest_column_gives_way_first() {
        let grid = Grid::fit(vec![column(4, 10), column(4, 50)], 40);
        assert_eq!(grid.widths, [10, 28]);
    }

    #[test]
    fn minimums_hold_while_there_is_room() {
        let grid = Grid::fit(vec![column(10, 10), column(30, 50)], 42);
        assert_eq!(grid.widths, [10, 30]);
        let grid = Grid::fit(vec![column(10, 10), column(30, 50)], 30);
        assert_eq!(grid.widths, [10, 18]);
    }
}
