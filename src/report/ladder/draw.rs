//! The drawing: hosts as columns, messages as arrows, and notes under them.
//!
//! In: a ladder and a width. Out: lines. Where there is no room for an arrow between two hosts each,
//! hosts are letters, and a message is a line: `A > B  INVITE`.

use std::io::{self, Write};

use super::words::{self, difference, frame, frames, label, repeated};
use super::{Options, Row, rows};
use crate::report::paint::Style;
use crate::report::text::safe;
use crate::report::view::{
    Diagnosis, Ladder, LadderFinding, LadderHost, LadderLeg, LadderMessage, Severity,
};
use crate::report::{clock, text};
use crate::units::Timestamp;
use crate::wire_text::WireText;

/// Columns between two hosts, at least and at most.
const GAPS: (usize, usize) = (14, 44);

/// Ports named of a host.
const SHOWN_PORTS: usize = 3;

/// Blanks before a note.
const NOTE_INDENT: usize = 8;

/// Blanks before a finding's fields.
const FIELD_INDENT: usize = 4;

/// Columns of a finding's labels.
const FIELD_LABEL: usize = 10;

/// Writes the ladder.
pub(super) fn write(ladder: &Ladder, options: &Options, out: &mut dyn Write) -> io::Result<()> {
    let rows = rows(ladder);
    let drawing = Drawing::new(ladder, &rows, options);
    drawing.head(&rows, out)?;
    let mut before: Option<Timestamp> = None;
    let mut told: Vec<u16> = Vec::new();
    for row in &rows {
        drawing.row(row, before, out)?;
        drawing.notes(row, &mut told, out)?;
        before = Some(row.time());
    }
    drawing.left_out(ladder.left_out.1, options.labels().later_left_out, out)?;
    drawing.findings(out)
}

struct Drawing<'a> {
    ladder: &'a Ladder,
    options: &'a Options,
    /// Columns of the frame number, time and difference.
    widths: [usize; 3],
    /// Where each host's line is; empty where hosts are letters.
    lines: Vec<usize>,
    /// Columns of a host's name.
    name_width: usize,
}

impl<'a> Drawing<'a> {
    fn new(ladder: &'a Ladder, rows: &[Row<'_>], options: &'a Options) -> Self {
        let labels = options.labels();
        let widest = |texts: &mut dyn Iterator<Item = String>, title: &str| {
            let widest = texts.map(|text| text::width(&text)).max().unwrap_or(0);
            widest.max(text::width(title))
        };
        let mut drawing = Self {
            ladder,
            options,
            widths: [0; 3],
            lines: Vec::new(),
            name_width: 0,
        };
        let frames = &mut rows.iter().map(|row| frame(row.first, options.many_files));
        let times = &mut rows.iter().map(|row| drawing.time(row.time()));
        let widths = [widest(frames, labels.frame), widest(times, labels.time), 8];
        let gutter = 2 + widths.iter().map(|width| width + 2).sum::<usize>();
        let hosts = ladder.hosts.len();
        let room = options.width.saturating_sub(gutter);
        let last = ladder
            .hosts
            .last()
            .map_or(0, |host| host_width(host).min(GAPS.0));
        let gap = room.saturating_sub(last.max(1)) / hosts.saturating_sub(1).max(1);
        if hosts > 1 && gap >= GAPS.0 {
            let gap = gap.min(GAPS.1);
            drawing.lines = (0..hosts).map(|host| gutter + host * gap).collect();
            let behind = options.width.saturating_sub(gutter + (hosts - 1) * gap);
            drawing.name_width = (gap - 2).min(behind);
        }
        drawing.widths = widths;
        drawing
    }

    fn paint(&self, style: Style, text: &str) -> String {
        style.paint(text, self.options.color)
    }

    fn line(&self, out: &mut dyn Write, line: &str) -> io::Result<()> {
        let _ = self;
        writeln!(out, "{}", line.trim_end())
    }

    /// Narrow pages have milliseconds only.
    fn time(&self, time: Timestamp) -> String {
        let first = self.ladder.messages.first().map(|first| first.time);
        let start = match self.options.time {
            clock::TimeStyle::Utc | clock::TimeStyle::Local(_) => first,
            clock::TimeStyle::Relative | clock::TimeStyle::Epoch => self.ladder.capture_start,
        };
        let mut time = clock::to_micro(time, start, self.options.time);
        if self.options.width < 100 {
            time.truncate(time.len().saturating_sub(3));
        }
        time
    }

    fn head(&self, rows: &[Row<'_>], out: &mut dyn Write) -> io::Result<()> {
        let labels = self.options.labels();
        let id = self.ladder.call_id.wire().terminal();
        let id = if id.is_empty() {
            labels.no_call_id.into()
        } else {
            id
        };
        for (index, line) in text::wrap(&format!("{} {id}", labels.call), self.options.width)
            .iter()
            .enumerate()
        {
            let style = if index == 0 {
                Style::Bold
            } else {
                Style::Plain
            };
            writeln!(out, "{}", self.paint(style, line))?;
        }
        let said = |leg: &LadderLeg| words::leg(leg, labels, &leg.call_id.wire().terminal());
        for leg in &self.ladder.legs {
            for line in text::wrap(&said(leg), self.options.width) {
                writeln!(out, "{line}")?;
            }
        }
        for line in text::wrap(&self.summary(rows), self.options.width) {
            writeln!(out, "{line}")?;
        }
        writeln!(out)?;
        let mut head = String::from("  ");
        for (title, width) in [labels.frame, labels.time, labels.since]
            .iter()
            .zip(self.widths)
        {
            let pad = width.saturating_sub(text::width(title));
            text::push(&mut head, format_args!("{:pad$}{title}  ", ""));
        }
        if self.lines.is_empty() {
            for (letter, host) in letters().zip(&self.ladder.hosts) {
                self.line(out, &format!("  {letter}  {} {}", host.name, ports(host)))?;
            }
            writeln!(out)?;
            self.line(out, &self.paint(Style::Bold, head.trim_end()))?;
        } else {
            self.host_lines(&head, out)?;
        }
        self.left_out(self.ladder.left_out.0, labels.earlier_left_out, out)
    }

    /// The names of the hosts over their lines, and their ports.
    fn host_lines(&self, head: &str, out: &mut dyn Write) -> io::Result<()> {
        let names: Vec<Vec<String>> = self
            .ladder
            .hosts
            .iter()
            .map(|host| {
                let mut lines = text::wrap(&host.name, self.name_width);
                let ports = ports(host);
                if !ports.is_empty() {
                    lines.extend(text::wrap(&ports, self.name_width));
                }
                lines
            })
            .collect();
        let height = names.iter().map(Vec::len).max().unwrap_or(0);
        for at in 0..height {
            let mut line = if at + 1 == height {
                head.to_owned()
            } else {
                String::new()
            };
            for (x, names) in self.lines.iter().zip(&names) {
                // Shorter names stand at the bottom.
                let name = (at + names.len())
                    .checked_sub(height)
                    .and_then(|at| names.get(at));
                if let Some(name) = name {
                    pad_to(&mut line, *x);
                    line.push_str(name);
                }
            }
            self.line(out, &self.paint(Style::Bold, line.trim_end()))?;
        }
        Ok(())
    }

    /// `2026-09-21 14:13:20 UTC, 12 messages in 15.5 s, UDP`.
    fn summary(&self, rows: &[Row<'_>]) -> String {
        let labels = self.options.labels();
        let sent = self.ladder.messages.iter().filter(|sent| !sent.duplicate);
        let copies = self
            .ladder
            .messages
            .iter()
            .filter(|sent| sent.duplicate)
            .count();
        let mut transports: Vec<&str> = rows.iter().map(|row| row.first.transport.name()).collect();
        transports.sort_unstable();
        transports.dedup();
        let mut parts = Vec::new();
        if let (Some(first), Some(last)) =
            (self.ladder.messages.first(), self.ladder.messages.last())
        {
            let day = clock::to_second(first.time, self.ladder.capture_start, self.options.time);
            let zone = clock::zone(first.time, self.options.time);
            let length = difference(last.time.since(first.time));
            parts.push(format!("{day}{zone}"));
            parts.push(format!(
                "{} {} / {}",
                sent.count(),
                labels.messages,
                length.trim_start_matches('+')
            ));
        }
        if copies > 0 {
            parts.push(format!("{copies} {}", labels.tap_copies));
        }
        parts.push(transports.join(" "));
        parts.join(", ")
    }

    fn left_out(&self, count: u64, words: &str, out: &mut dyn Write) -> io::Result<()> {
        if count == 0 {
            return Ok(());
        }
        let note = format!("({count} {words})");
        self.note(&note, Style::Dim, out)
    }

    /// A message and its arrow.
    fn row(&self, row: &Row<'_>, before: Option<Timestamp>, out: &mut dyn Write) -> io::Result<()> {
        let after = before.map_or_else(String::new, |before| difference(row.time().since(before)));
        let cells = [
            frame(row.first, self.options.many_files),
            self.time(row.time()),
            after,
        ];
        let mark = if row.is_selected() { "> " } else { "  " };
        let mut line = self.paint(Style::Bold, mark);
        for (index, (cell, width)) in cells.iter().zip(self.widths).enumerate() {
            let pad = width.saturating_sub(text::width(cell));
            let style = if index == 2 { Style::Dim } else { Style::Plain };
            text::push(
                &mut line,
                format_args!("{:pad$}{}  ", "", self.paint(style, cell)),
            );
        }
        if self.lines.is_empty() {
            line.push_str(&self.lettered(row));
        } else {
            self.arrow(row, &mut line);
        }
        self.line(out, &line)
    }

    fn style(row: &Row<'_>) -> Style {
        row.first.code.map_or(Style::Plain, Style::code)
    }

    /// `A > B  INVITE`.
    fn lettered(&self, row: &Row<'_>) -> String {
        let letter = |host: usize| letters().nth(host).unwrap_or_default();
        let hosts = format!("{} > {}  ", letter(row.first.from), letter(row.first.to));
        let used: usize = 2 + self.widths.iter().map(|width| width + 2).sum::<usize>();
        let room = self
            .options
            .width
            .saturating_sub(used + text::width(&hosts));
        format!(
            "{hosts}{}",
            self.paint(Self::style(row), &fitting(row, room))
        )
    }

    /// The lines of all hosts with the arrow across them; `line` is as wide as the gutter.
    fn arrow(&self, row: &Row<'_>, line: &mut String) {
        let (from, to) = (row.first.from, row.first.to);
        let (near, far) = (from.min(to), from.max(to));
        let mut at = self.lines.first().copied().unwrap_or(0);
        let mut lines = self.lines.iter().copied().enumerate();
        while let Some((host, x)) = lines.next() {
            text::push(line, format_args!("{:1$}|", "", x.saturating_sub(at)));
            at = x + 1;
            if host != near {
                continue;
            }
            if near == far {
                // To itself: what fits before the next line.
                let next = self.lines.get(host + 1).copied();
                let room = next.unwrap_or(self.options.width).saturating_sub(at + 6);
                let label = fitting(row, room);
                let used = text::width(&label) + 5;
                text::push(
                    line,
                    format_args!("<-> {} ", self.paint(Self::style(row), &label)),
                );
                at += used;
                continue;
            }
            let end = self.lines.get(far).copied().unwrap_or(at);
            let span = end.saturating_sub(at);
            let label = fitting(row, span.saturating_sub(6));
            let dashes = span.saturating_sub(text::width(&label) + 2);
            let left = dashes / 2;
            let (left, right) = (left, dashes - left);
            let label = self.paint(Self::style(row), &label);
            let dash = |count: usize| "-".repeat(count);
            if from < to {
                text::push(
                    line,
                    format_args!("{} {label} {}>|", dash(left), dash(right.saturating_sub(1))),
                );
            } else {
                text::push(
                    line,
                    format_args!("<{} {label} {}|", dash(left.saturating_sub(1)), dash(right)),
                );
            }
            at = end + 1;
            // The lines it crosses, and the one it ends at, are drawn.
            for _ in near..far {
                lines.next();
            }
        }
    }

    fn note(&self, note: &str, style: Style, out: &mut dyn Write) -> io::Result<()> {
        for line in text::wrap(note, self.options.width.saturating_sub(NOTE_INDENT)) {
            let line = self.paint(style, &line);
            self.line(out, &format!("{:NOTE_INDENT$}{line}", ""))?;
        }
        Ok(())
    }

    /// What stands under a message; `told` are the codes that were explained.
    fn notes(&self, row: &Row<'_>, told: &mut Vec<u16>, out: &mut dyn Write) -> io::Result<()> {
        let labels = self.options.labels();
        let many = self.options.many_files;
        let label = |count: usize| match count {
            1 => labels.frame.to_lowercase(),
            _ => labels.frames.to_owned(),
        };
        if let Some(repeated) = repeated(row) {
            let label = label(row.again.len());
            let frames = frames(row.again.iter().copied(), many);
            let note = format!("{repeated} ({label} {frames})");
            self.note(&note, Style::Plain, out)?;
        }
        if !row.copies.is_empty() {
            let frames = frames(row.copies.iter().copied(), many);
            let note = format!(
                "+ {} {} ({} {frames})",
                row.copies.len(),
                labels.duplicate,
                label(row.copies.len())
            );
            self.note(&note, Style::Dim, out)?;
        }
        if row.first.repeats.is_none() && row.first.retransmission {
            self.note(labels.retransmission, Style::Dim, out)?;
        }
        if row.first.code.is_some() {
            self.response_notes(row.first, told, out)?;
        }
        for index in &row.findings {
            let Some(finding) = self.ladder.findings.get(*index) else {
                continue;
            };
            let mut note = format!("! {} {}", self.severity(finding.severity), name(finding));
            if row.told.contains(index) {
                text::push(&mut note, format_args!(": {}", safe(&finding.title)));
            }
            self.note(&note, Style::severity(finding.severity), out)?;
        }
        Ok(())
    }

    fn response_notes(
        &self,
        sent: &LadderMessage,
        told: &mut Vec<u16>,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let code = sent.code.unwrap_or_default();
        let terminal = |text: WireText<'_>| text.terminal().into_owned();
        let whole = label(sent, terminal).pop().unwrap_or_default();
        let is_cut = !self.lines.is_empty() && text::width(&whole) > self.span(sent);
        let is_known = told.contains(&code);
        if code >= 300 {
            told.push(code);
            let meaning = sent.meaning.as_deref().filter(|_| !is_known);
            let note = match (is_cut, meaning) {
                (true, Some(meaning)) => format!("{whole}: {}", safe(meaning)),
                (false, Some(meaning)) => safe(meaning),
                (true, None) => whole,
                (false, None) => String::new(),
            };
            if !note.is_empty() {
                self.note(&note, Style::Dim, out)?;
            }
        } else if is_cut {
            self.note(&whole, Style::Dim, out)?;
        }
        if let Some(context) = &sent.context {
            self.note(&safe(context), Style::Plain, out)?;
        }
        for cause in &sent.diagnosis {
            self.note(&because(cause), Style::Plain, out)?;
        }
        Ok(())
    }

    /// Columns for the label of a message's arrow.
    fn span(&self, sent: &LadderMessage) -> usize {
        let x = |host: usize| self.lines.get(host).copied().unwrap_or(0);
        x(sent.from).abs_diff(x(sent.to)).saturating_sub(7)
    }

    const fn severity(&self, severity: Severity) -> &'static str {
        let labels = self.options.labels();
        match severity {
            Severity::Critical => labels.critical,
            Severity::Error => labels.error,
            Severity::Warning => labels.warning,
            Severity::Info => labels.info,
        }
    }

    /// The findings in full.
    fn findings(&self, out: &mut dyn Write) -> io::Result<()> {
        let labels = self.options.labels();
        if self.ladder.findings.is_empty() {
            return Ok(());
        }
        writeln!(out)?;
        writeln!(out, "{}", self.paint(Style::Bold, labels.findings))?;
        let mut told = Vec::new();
        for finding in &self.ladder.findings {
            // A call may be in a finding more than once.
            if told.contains(&finding.finding) {
                continue;
            }
            told.push(finding.finding);
            let title = format!(
                "{}. {}: {}",
                finding.finding + 1,
                self.severity(finding.severity),
                safe(&finding.title)
            );
            for (index, line) in text::wrap(&title, self.options.width).iter().enumerate() {
                let style = if index == 0 {
                    Style::severity(finding.severity)
                } else {
                    Style::Plain
                };
                self.line(out, &self.paint(style, line))?;
            }
            for (label, value) in [
                (labels.rule, Some(name(finding))),
                (labels.cause, finding.cause.clone()),
                (labels.evidence, finding.evidence.clone()),
                (labels.to_do, finding.remediation.clone()),
            ] {
                if let Some(value) = value {
                    self.field(label, &safe(&value), out)?;
                }
            }
        }
        Ok(())
    }

    fn field(&self, label: &str, value: &str, out: &mut dyn Write) -> io::Result<()> {
        let room = self
            .options
            .width
            .saturating_sub(FIELD_INDENT + FIELD_LABEL + 2);
        for (index, line) in text::wrap(value, room).iter().enumerate() {
            let label = if index == 0 { label } else { "" };
            let pad = (FIELD_LABEL + 2).saturating_sub(text::width(label)).max(1);
            let label = self.paint(Style::Dim, label);
            self.line(
                out,
                &format!("{:FIELD_INDENT$}{label}{:pad$}{line}", "", ""),
            )?;
        }
        Ok(())
    }
}

/// The longest label of a row that fits into `room` columns, or the shortest, cut; with how often it
/// was sent.
fn fitting(row: &Row<'_>, room: usize) -> String {
    let times = match row.times() {
        1 => String::new(),
        times => format!(" × {times}"),
    };
    let room = room.saturating_sub(text::width(&times));
    let forms = label(row.first, |text| text.terminal().into_owned());
    let fits = forms.iter().find(|form| text::width(form) <= room);
    let label = match (fits, forms.last()) {
        (Some(form), _) => form.clone(),
        (None, Some(form)) => cut(form, room),
        (None, None) => String::new(),
    };
    format!("{label}{times}")
}

/// The beginning of a text, with `…` where it is cut.
fn cut(text: &str, max: usize) -> String {
    let mut cut = String::new();
    for c in text.chars() {
        cut.push(c);
        if text::width(&cut) > max.saturating_sub(1) {
            cut.pop();
            break;
        }
    }
    cut.push('…');
    cut
}

fn pad_to(line: &mut String, column: usize) {
    let pad = column
        .saturating_sub(text::width(line))
        .max(usize::from(!line.is_empty()));
    text::push(line, format_args!("{:pad$}", ""));
}

/// `:5060 :15060 …`; what the name has already is not said again.
fn ports(host: &LadderHost) -> String {
    let in_name = host.ports.first().is_some_and(|port| {
        host.name.parse::<std::net::IpAddr>().is_err() && host.name.ends_with(&format!(":{port}"))
    });
    let ports: Vec<u16> = host
        .ports
        .iter()
        .skip(usize::from(in_name))
        .copied()
        .collect();
    let mut shown: Vec<String> = ports
        .iter()
        .take(SHOWN_PORTS)
        .map(|port| format!(":{port}"))
        .collect();
    if ports.len() > SHOWN_PORTS {
        shown.push("…".to_owned());
    }
    shown.join(" ")
}

fn host_width(host: &LadderHost) -> usize {
    text::width(&host.name).max(text::width(&ports(host)))
}

/// A, B, … Z, then A1, B1, and so on.
fn letters() -> impl Iterator<Item = String> {
    (0_usize..).flat_map(|round| {
        ('A'..='Z').map(move |letter| match round {
            0 => letter.to_string(),
            round => format!("{letter}{round}"),
        })
    })
}

/// `missing-ack, no-ack-confirmed (capture-ends)`.
fn name(finding: &LadderFinding) -> String {
    let mut name = finding.rule.to_string();
    if let Some(verdict) = &finding.verdict {
        text::push(&mut name, format_args!(", {verdict}"));
    }
    if let Some(qualifier) = &finding.qualifier {
        text::push(&mut name, format_args!(" ({})", safe(qualifier)));
    }
    name
}

/// `dest-mismatch (proven): evidence`.
fn because(cause: &Diagnosis<'_>) -> String {
    let mut line = cause.cause.to_string();
    if let Some(grade) = cause.grade {
        text::push(&mut line, format_args!(" ({})", grade.name()));
    }
    if let Some(evidence) = &cause.evidence {
        text::push(&mut line, format_args!(": {}", safe(evidence)));
    }
    line
}
