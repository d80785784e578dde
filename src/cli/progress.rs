//! Progress: how far the reading is, on standard error.
//!
//! In: the inputs' sizes on the disk, and a [`Meter`] that the reading feeds. Out: on a terminal a
//! bar, from the second second on, that is gone before the report is written; elsewhere, if asked
//! for, a line now and then. A thread of its own looks at the meter ten times a second, so nothing
//! is done for it a packet. A further reading of the same inputs is shown as such. An input that has no size (standard input) gets bytes and rate without an end.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use clap::ColorChoice;
use indicatif::{DecimalBytes, HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::color::variable;
use crate::capture::{Meter, Source};
use crate::pipeline::Input;

/// Nobody needs to be told of what is done sooner.
const DELAY: Duration = Duration::from_secs(1);

/// Between two looks at the meter for a bar.
const TICK: Duration = Duration::from_millis(100);

/// Between two lines where there is no terminal.
const LINES: Duration = Duration::from_secs(5);

/// What is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Show {
    /// Nothing.
    Nothing,
    /// A bar that is drawn over itself.
    Bar,
    /// A line now and then.
    Lines,
}

impl Show {
    /// What `choice` means for this process's standard error; `is_unwanted` if it is only drawn
    /// when asked for in so many words.
    pub(super) fn of(choice: ColorChoice, is_unwanted: bool) -> Self {
        let is_terminal = io::stderr().is_terminal();
        let is_dumb = variable("TERM").is_some_and(|term| term == "dumb");
        let can_draw = is_terminal && !is_dumb;
        match choice {
            ColorChoice::Always if can_draw => Self::Bar,
            ColorChoice::Always => Self::Lines,
            ColorChoice::Auto if can_draw && !is_unwanted => Self::Bar,
            ColorChoice::Auto | ColorChoice::Never => Self::Nothing,
        }
    }
}

/// A watch on the reading; it ends, and what it drew is gone, when this is dropped.
#[derive(Debug)]
pub(super) struct Progress(Option<(Sender<()>, JoinHandle<()>)>);

impl Progress {
    /// Begins to watch.
    pub(super) fn start(show: Show, inputs: &[Input], meter: &Arc<Meter>) -> Self {
        Self::watch(show, inputs, meter, false)
    }

    /// Begins to watch another reading of the same inputs, which counts from nothing and says what it is.
    pub(super) fn start_again(show: Show, inputs: &[Input], meter: &Arc<Meter>) -> Self {
        Self::watch(show, inputs, meter, true)
    }

    fn watch(show: Show, inputs: &[Input], meter: &Arc<Meter>, is_again: bool) -> Self {
        if show == Show::Nothing {
            return Self(None);
        }
        meter.restart();
        let (stop, stopped) = channel();
        let watch = Watch {
            total: total(inputs),
            is_again,
            meter: Arc::clone(meter),
            stopped,
        };
        let run = move || match show {
            Show::Bar => watch.draw(),
            _ => watch.tell(),
        };
        // Without a thread to spare there is no bar, and all else goes on.
        let thread = thread::Builder::new()
            .name("progress".to_owned())
            .spawn(run);
        Self(thread.ok().map(|thread| (stop, thread)))
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some((stop, thread)) = self.0.take() {
            drop(stop);
            thread.join().unwrap_or_default();
        }
    }
}

/// Bytes there are to read; `None` if that is not known of every input.
fn total(inputs: &[Input]) -> Option<u64> {
    let size = |input: &Input| match &input.source {
        Source::File(path) => std::fs::metadata(path).ok().map(|found| found.len()),
        Source::Stream(_) => None,
    };
    inputs.iter().map(size).sum()
}

/// What the thread knows.
struct Watch {
    total: Option<u64>,
    /// The inputs were read before.
    is_again: bool,
    meter: Arc<Meter>,
    stopped: Receiver<()>,
}

impl Watch {
    /// Whether the reading goes on after `time`.
    fn waits(&self, time: Duration) -> bool {
        self.stopped.recv_timeout(time) == Err(RecvTimeoutError::Timeout)
    }

    fn draw(&self) {
        // From now on, so that rates are of the whole run.
        let bar = ProgressBar::with_draw_target(self.total, ProgressDrawTarget::hidden());
        let form = match (self.total, self.is_again) {
            (Some(_), false) => {
                "{wide_bar} {percent:>3} %, {decimal_bytes} of {decimal_total_bytes}, {decimal_bytes_per_sec}{msg}, {eta} left"
            }
            (Some(_), true) => {
                "again {wide_bar} {percent:>3} %, {decimal_bytes} of {decimal_total_bytes}, {decimal_bytes_per_sec}{msg}, {eta} left"
            }
            (None, _) => "{spinner} {decimal_bytes}, {decimal_bytes_per_sec}{msg}, {elapsed}",
        };
        // A form that cannot be read would be drawn in indicatif's own.
        if let Ok(style) = ProgressStyle::with_template(form) {
            bar.set_style(style.progress_chars("=> ").tick_chars("|/-\\ "));
        }
        if !self.waits(DELAY) {
            return;
        }
        loop {
            bar.set_position(self.meter.bytes());
            bar.set_message(packet_rate(self.meter.packets(), bar.elapsed()));
            if bar.is_hidden() {
                bar.set_draw_target(ProgressDrawTarget::stderr());
            }
            bar.tick();
            if !self.waits(TICK) {
                break;
            }
        }
        bar.finish_and_clear();
    }

    fn tell(&self) {
        let clock = ProgressBar::hidden();
        let mut wait = DELAY;
        while self.waits(wait) {
            wait = LINES;
            let line = line(
                self.meter.bytes(),
                self.total,
                self.meter.packets(),
                clock.elapsed(),
            );
            let line = if self.is_again {
                format!("{line}, read again")
            } else {
                line
            };
            // Who closed standard error does not want to know.
            writeln!(io::stderr(), "{line}").unwrap_or_default();
        }
    }
}

/// `, 1.2 M packets/s`; nothing before the first were counted.
fn packet_rate(packets: u64, elapsed: Duration) -> String {
    let millis = u64::try_from(elapsed.as_millis())
        .unwrap_or(u64::MAX)
        .max(1);
    match packets.saturating_mul(1000) / millis {
        0 => String::new(),
        rate @ 1..10_000 => format!(", {rate} packets/s"),
        rate @ 10_000..1_000_000 => format!(", {} k packets/s", rate / 1000),
        rate => format!(
            ", {}.{} M packets/s",
            rate / 1_000_000,
            rate % 1_000_000 / 100_000
        ),
    }
}

/// `42 %, 1.2 GB of 2.9 GB, 1.2 M packets/s, 12 seconds`.
fn line(bytes: u64, total: Option<u64>, packets: u64, elapsed: Duration) -> String {
    let rate = packet_rate(packets, elapsed);
    let read = DecimalBytes(bytes);
    let after = HumanDuration(elapsed);
    match total {
        Some(total) => {
            let percent = bytes.saturating_mul(100) / total.max(1);
            let total = DecimalBytes(total);
            format!("progress: {percent} %, {read} of {total}{rate}, {after}")
        }
        None => format!("progress: {read}{rate}, {after}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_say_how_far_and_how_fast() {
        let two_seconds = Duration::from_secs(2);
        assert_eq!(
            line(500_000, Some(1_000_000), 8192, two_seconds),
            "progress: 50 %, 500.00 kB of 1.00 MB, 4096 packets/s, 2 seconds"
        );
        assert_eq!(
            line(1_500_000_000, None, 2_500_000, two_seconds),
            "progress: 1.50 GB, 1.2 M packets/s, 2 seconds"
        );
    }

    #[test]
    fn a_total_is_known_only_if_every_size_is() {
        let stream = || Input {
            path: "-".to_owned(),
            source: Source::Stream(Box::new(io::empty())),
        };
        let file = || Input {
            path: "Cargo.toml".to_owned(),
            source: Source::File("Cargo.toml".into()),
        };
        assert_eq!(total(&[file(), stream()]), None);
        let one = total(&[file()]);
        assert!(one.is_some_and(|bytes| bytes > 1000));
        assert_eq!(total(&[file(), file()]), one.map(|bytes| 2 * bytes));
    }

    #[test]
    fn nothing_is_drawn_of_what_is_done_at_once() {
        let meter = Arc::new(Meter::default());
        drop(Progress::start(Show::Bar, &[], &meter));
        drop(Progress::start(Show::Lines, &[], &meter));
    }
}
