//! Chart: the timeline as bars, with bursts as bands.
//!
//! In: the [`Timeline`] and the findings. Out: places and sizes for the template, in units of a drawing
//! [`WIDTH`] wide. What was refused or failed has a scale of its own: among thousands of successes it
//! would not be seen.

use serde::Serialize;

use super::timeline::{Counts, Timeline};
use super::words::Words;
use super::{Options, say};
use crate::report::clock;
use crate::report::view::{Finding, View};
use crate::units::{NANOS_PER_SEC, Span, Timestamp};

/// Width of the drawing.
const WIDTH: f64 = 1000.0;

/// Room for the numbers on the left, and on the right.
const MARGIN: (f64, f64) = (46.0, 12.0);

/// Room above, where bands have their numbers.
const TOP: f64 = 22.0;

/// Height of a panel, and what is between panels.
const PANEL: (f64, f64) = (112.0, 34.0);

/// Times named under the bars, about.
const TICKS: i64 = 7;

/// A band is at least so wide.
const BAND: f64 = 3.0;

/// Panels: name and classes, the lowest of a bar first.
const PANELS: [(&str, &[usize]); 2] = [("failures", &[5, 4, 3, 6]), ("others", &[1, 0, 2])];

/// Names of the classes.
const CLASSES: [&str; 7] = ["1xx", "2xx", "3xx", "4xx", "5xx", "6xx", "other"];

/// Seconds between named times.
const STEPS: [i64; 19] = [
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400,
    604_800,
];

/// The drawing.
#[derive(Debug, Serialize)]
pub(super) struct Chart {
    width: f64,
    height: f64,
    left: f64,
    right: f64,
    /// Where the bars stand.
    top: f64,
    bottom: f64,
    panels: Vec<Panel>,
    ticks: Vec<Tick>,
    bands: Vec<Band>,
    /// Length of time of a bar.
    bar: String,
    /// Classes that are there, with their style.
    legend: Vec<Legend>,
    /// What stands behind its times.
    zone: String,
}

#[derive(Debug, Serialize)]
struct Panel {
    title: &'static str,
    top: f64,
    base: f64,
    /// The highest bar.
    most: String,
    bars: Vec<Bar>,
}

#[derive(Debug, Serialize)]
struct Bar {
    x: f64,
    width: f64,
    title: String,
    parts: Vec<Part>,
}

#[derive(Debug, Serialize)]
struct Part {
    class: &'static str,
    y: f64,
    height: f64,
}

#[derive(Debug, Serialize)]
struct Tick {
    x: f64,
    label: String,
}

#[derive(Debug, Serialize)]
struct Band {
    x: f64,
    width: f64,
    /// Where its number stands.
    middle: f64,
    /// The finding's number in the page.
    number: usize,
    title: String,
    severity: &'static str,
}

#[derive(Debug, Serialize)]
struct Legend {
    class: &'static str,
    name: &'static str,
    count: String,
}

/// Draws the timeline; `None` where nothing came.
pub(super) fn draw(
    timeline: &Timeline,
    view: &View,
    shown: &[Finding],
    words: &Words,
    options: &Options,
) -> Option<Chart> {
    let (mut first, mut last) = timeline.span()?;
    let bursts: Vec<(usize, &Finding, Timestamp, Timestamp)> = shown
        .iter()
        .enumerate()
        .filter(|(_, finding)| finding.burst.is_some())
        .filter_map(|(index, finding)| Some((index + 1, finding, finding.start?.0, finding.end?.0)))
        .collect();
    for (_, _, from, to) in &bursts {
        first = first.min(*from);
        last = last.max(*to);
    }
    let axis = Axis { first, last };
    let start = view.captures.iter().filter_map(|capture| capture.first);
    let start = start.min().map(|time| time.0);
    let mut totals: Counts = Counts::default();
    for (_, counts) in timeline.bins() {
        for (sum, count) in totals.iter_mut().zip(counts) {
            *sum += count;
        }
    }
    let sum = |classes: &[usize], counts: &Counts| -> u64 {
        classes.iter().filter_map(|class| counts.get(*class)).sum()
    };
    let mut panels = Vec::new();
    let mut top = TOP;
    for (name, classes) in PANELS {
        if sum(classes, &totals) == 0 {
            continue;
        }
        let most = timeline
            .bins()
            .map(|(_, counts)| sum(classes, counts))
            .max();
        let most = most.unwrap_or(1).max(1);
        let base = top + PANEL.0;
        let bars = timeline
            .bins()
            .filter(|(_, counts)| sum(classes, counts) > 0)
            .map(|(from, counts)| {
                bar(
                    &axis,
                    timeline.width(),
                    (from, counts),
                    classes,
                    (base, most),
                    start,
                    options,
                )
            })
            .collect();
        panels.push(Panel {
            title: words.own(name),
            top,
            base,
            most: say::count(most),
            bars,
        });
        top = base + PANEL.1;
    }
    let bottom = top - PANEL.1;
    let bands = bursts
        .iter()
        .map(|(number, finding, from, to)| {
            let x = axis.x(*from);
            let width = (axis.x(*to) - x).max(BAND);
            Band {
                x: round(x),
                width: round(width),
                middle: round(x + width / 2.0),
                number: *number,
                title: say::safe(&finding.title),
                severity: finding.severity.name(),
            }
        })
        .collect();
    let legend = (0..CLASSES.len())
        .filter_map(|class| {
            let count = totals.get(class).copied().filter(|count| *count > 0)?;
            Some(Legend {
                class: style(class),
                name: CLASSES.get(class)?,
                count: say::count(count),
            })
        })
        .collect();
    Some(Chart {
        width: WIDTH,
        height: bottom + 26.0,
        left: MARGIN.0,
        right: WIDTH - MARGIN.1,
        top: TOP,
        bottom,
        panels,
        ticks: ticks(&axis, start, options),
        bands,
        bar: clock::length(timeline.width()).replace(".0 s", " s"),
        legend,
        zone: clock::zone(axis.first, options.time),
    })
}

/// The class of style of a class of codes.
fn style(class: usize) -> &'static str {
    // The last is no class.
    u16::try_from(class + 1)
        .ok()
        .filter(|class| *class < 7)
        .map_or("c0", |class| say::class(class * 100))
}

/// A bar: from below, each class on the one before.
fn bar(
    axis: &Axis,
    width: Span,
    (from, counts): (Timestamp, &Counts),
    classes: &[usize],
    (base, most): (f64, u64),
    start: Option<Timestamp>,
    options: &Options,
) -> Bar {
    let x = axis.x(from);
    let wide = axis.x(from.plus(width)) - x;
    let mut y = base;
    let mut parts = Vec::new();
    let mut said = Vec::new();
    for class in classes {
        let count = counts.get(*class).copied().unwrap_or(0);
        if count == 0 {
            continue;
        }
        // A single one among thousands is seen, too.
        let height = (ratio(count, most) * PANEL.0).max(1.0);
        y -= height;
        parts.push(Part {
            class: style(*class),
            y: round(y),
            height: round(height),
        });
        let name = CLASSES.get(*class).copied().unwrap_or_default();
        said.push(format!("{name} {count}"));
    }
    let time = clock::of_day(from, start, options.time);
    Bar {
        x: round(x),
        width: round((wide - if wide > 4.0 { 1.0 } else { 0.0 }).max(1.0)),
        title: format!(
            "{time}{} + {}: {}",
            clock::zone(from, options.time),
            clock::length(width),
            said.join(", ")
        ),
        parts,
    }
}

/// From time to place.
struct Axis {
    first: Timestamp,
    last: Timestamp,
}

impl Axis {
    fn x(&self, time: Timestamp) -> f64 {
        let whole = self.last.since(self.first).as_secs_f64().max(1e-9);
        let part = time.since(self.first).as_secs_f64() / whole;
        let room = WIDTH - MARGIN.0 - MARGIN.1;
        MARGIN.0 + part.clamp(0.0, 1.0) * room
    }
}

/// Times that are named, at round distances.
fn ticks(axis: &Axis, start: Option<Timestamp>, options: &Options) -> Vec<Tick> {
    let whole = axis.last.since(axis.first).nanos();
    let wanted = whole / NANOS_PER_SEC / TICKS;
    let step = STEPS.iter().copied().find(|step| *step >= wanted);
    let step = step.unwrap_or_else(|| wanted.max(1)) * NANOS_PER_SEC;
    // Relative times are round where they count from.
    let zero = match options.time {
        clock::TimeStyle::Relative => start.map_or(0, Timestamp::nanos),
        clock::TimeStyle::Utc | clock::TimeStyle::Local(_) | clock::TimeStyle::Epoch => 0,
    };
    let behind = axis.first.nanos().saturating_sub(zero).rem_euclid(step);
    let lead = if behind == 0 { 0 } else { step - behind };
    let one_day = clock::same_day(axis.first, axis.last, options.time);
    let mut ticks = Vec::new();
    let mut at = axis.first.plus(Span::from_nanos(lead));
    while at <= axis.last && ticks.len() < 20 {
        let text = if one_day {
            clock::of_day(at, start, options.time)
        } else {
            clock::to_second(at, start, options.time)
        };
        let text = text.strip_suffix(".000000").unwrap_or(&text);
        // Whole minutes need no seconds where all are.
        let text = match options.time {
            clock::TimeStyle::Utc | clock::TimeStyle::Local(_) if step >= 60 * NANOS_PER_SEC => {
                text.strip_suffix(":00").unwrap_or(text)
            }
            _ => text,
        };
        ticks.push(Tick {
            x: round(axis.x(at)),
            label: text.to_owned(),
        });
        let next = at.plus(Span::from_nanos(step));
        if next <= at {
            break;
        }
        at = next;
    }
    ticks
}

fn round(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a bar's height needs three digits, not fifteen"
)]
fn ratio(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    fn chart(times: &[(i64, u16)], options: &Options) -> Chart {
        let mut timeline = Timeline::default();
        for (secs, code) in times {
            timeline.push(fixture::START.plus(Span::from_secs(*secs)), *code);
        }
        let view = fixture::view(2);
        draw(
            &timeline,
            &view,
            &view.findings,
            &Words::of(options.lang),
            options,
        )
        .unwrap()
    }

    #[test]
    fn failures_have_a_scale_of_their_own() {
        let mut times = vec![(3600, 438), (3601, 503)];
        times.extend((0..400).map(|at| (3600 + at % 100, 200)));
        let chart = chart(&times, &Options::default());
        let [failures, others] = chart.panels.as_slice() else {
            panic!("{chart:?}");
        };
        assert_eq!((&*failures.most, &*others.most), ("1", "4"));
        let highest = |panel: &Panel| {
            let parts = panel.bars.iter().flat_map(|bar| &bar.parts);
            parts.map(|part| part.height).fold(0.0, f64::max)
        };
        assert!((highest(failures) - PANEL.0).abs() < 0.1);
        assert!((highest(others) - PANEL.0).abs() < 0.1);
    }

    #[test]
    fn a_burst_is_a_band_with_the_number_of_its_finding() {
        let chart = chart(
            &[(3500, 200), (3600, 438), (3800, 200)],
            &Options::default(),
        );
        let [band] = chart.bands.as_slice() else {
            panic!("{chart:?}");
        };
        assert_eq!((band.number, band.severity), (1, "error"));
        // 120 of 301 seconds.
        let share = band.width / (chart.right - chart.left);
        assert!((0.38..0.42).contains(&share), "{share}");
    }

    #[test]
    fn ticks_are_round_times_and_few() {
        for (last, style) in [
            (5, clock::TimeStyle::Utc),
            (600, clock::TimeStyle::Utc),
            (86_400 * 40, clock::TimeStyle::Utc),
            (600, clock::TimeStyle::Relative),
            (600, clock::TimeStyle::Epoch),
        ] {
            let options = Options {
                time: style,
                ..Options::default()
            };
            let chart = chart(&[(0, 200), (last, 200)], &options);
            let count = chart.ticks.len();
            assert!((3..=20).contains(&count), "{last}: {:?}", chart.ticks);
            assert!(
                chart.ticks.iter().all(|tick| !tick.label.contains(".000")),
                "{:?}",
                chart.ticks
            );
        }
    }

    #[test]
    fn everything_drawn_lies_in_the_drawing() {
        let chart = chart(&[(0, 180), (7000, 603), (7100, 999)], &Options::default());
        for panel in &chart.panels {
            for bar in &panel.bars {
                assert!(bar.x >= chart.left && bar.x + bar.width <= WIDTH, "{bar:?}");
                for part in &bar.parts {
                    assert!(part.y >= panel.top - 3.0 && part.y + part.height <= panel.base + 0.1);
                }
            }
        }
    }
}
