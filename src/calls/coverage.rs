//! Coverage: how far, and how fully, the capture carries what is said of a call.
//!
//! In: each frame's place and time, which file goes on where another ended, and from when to when
//! packets may be missing. Out: elapsed time, until when something about a call could have been
//! seen, whether its tap paused meanwhile, and whether something may be missing between two times.
//! Files that go on from each other (a ring's) are one tap.
//!
//! A border between files at which nothing was captured for a second is taken for a pause: what
//! is missing on both sides of it may have come then. On a quiet link it may have been mere silence,
//! which makes verdicts more careful, never bolder.
//!
//! Capped: [`INTERFACES`] interfaces, [`PAUSES`] pauses, of which the oldest are forgotten, and
//! what [`Losses`] keeps.

use std::collections::VecDeque;
use std::net::IpAddr;

use super::Moment;
use super::clock::{Clock, ClockChange};
use super::losses::Losses;
use crate::capture::Lineage;
use crate::units::{FileIndex, Flow, Span, Timestamp};

/// Interfaces whose ends are known; beyond, the one that ended first makes room, and of it the
/// capture's end counts.
const INTERFACES: usize = 64;
/// Pauses remembered.
const PAUSES: usize = 4096;
/// What is shorter is no pause: a capture that changes files misses nothing.
const SHORTEST: Span = Span::from_secs(1);
/// A tap that shows no packet for so long was not looking, or there was nothing to see.
const IDLE: Span = Span::from_secs(60);
/// A callee that got no ACK repeats its 2xx every T2 = 4 s, so a longer silence amid the copies
/// is more than a quiet link.
const GAP: Span = Span::from_secs(5);

/// An interface of a capture.
pub(super) type Interface = (FileIndex, u32);

/// What was captured when.
#[derive(Debug, Default)]
pub(super) struct Coverage {
    clock: Clock,
    losses: Losses,
    lineage: Lineage,
    /// Last packet of each interface of a tap.
    views: Vec<View>,
    /// The view of the last frame.
    current: usize,
    /// Sorted by their beginning.
    pauses: VecDeque<Pause>,
    /// The time of the first frame.
    first: Option<Timestamp>,
    /// What befell the clock and was not told yet.
    changes: Vec<ClockChange>,
}

#[derive(Clone, Copy, Debug)]
struct View {
    interface: Interface,
    last: Timestamp,
}

#[derive(Clone, Copy, Debug)]
struct Pause {
    tap: FileIndex,
    from: Timestamp,
    until: Timestamp,
}

/// Until when something could have been seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Until {
    pub(super) time: Timestamp,
    /// The tap was not looking then, and looked again later.
    pub(super) paused: bool,
}

impl Coverage {
    /// Capture time goes on; by how much it stepped, if it did.
    pub(super) fn tick(&mut self, moment: &Moment) -> Option<Span> {
        self.first.get_or_insert(moment.now);
        let before = self.clock.elapsed();
        let jumped = moment.now.since(self.clock.now());
        let stepped = self.clock.tick(moment.now).then_some(jumped);
        if stepped.is_some() {
            self.stepped(moment.now);
        }
        let elapsed = self.clock.elapsed();
        if minus(elapsed, before) >= IDLE {
            self.changes.push(ClockChange::Unwatched {
                from: before,
                until: elapsed,
            });
        }
        self.saw((moment.at.file, moment.interface), moment.seen);
        stepped
    }

    /// Times are another clock's from `time` on.
    pub(super) fn change_clock(&mut self, time: Timestamp) {
        self.clock.change(time);
        self.stepped(time);
    }

    /// The clock was set to `time`.
    fn stepped(&mut self, time: Timestamp) {
        self.forget();
        self.changes.push(ClockChange::Stepped {
            elapsed: self.clock.elapsed(),
            time,
        });
    }

    /// Whether something befell the clock that was not told yet.
    pub(super) const fn has_changed(&self) -> bool {
        !self.changes.is_empty()
    }

    /// What befell the clock and was not told yet.
    pub(super) fn changes(&mut self) -> impl Iterator<Item = ClockChange> {
        self.changes.drain(..)
    }

    /// A frame came.
    fn saw(&mut self, (file, number): Interface, time: Timestamp) {
        let interface = (self.lineage.tap(file), number);
        if let Some(view) = self.views.get_mut(self.current)
            && view.interface == interface
        {
            view.last = view.last.max(time);
        } else if let Some(place) = self.views.iter().position(|v| v.interface == interface) {
            self.current = place;
            if let Some(view) = self.views.get_mut(place) {
                view.last = view.last.max(time);
            }
        } else {
            if self.views.len() >= INTERFACES {
                let ended = (0..).zip(&self.views).min_by_key(|(_, view)| view.last);
                if let Some((place, _)) = ended {
                    self.views.swap_remove(place);
                }
            }
            self.current = self.views.len();
            self.views.push(View {
                interface,
                last: time,
            });
        }
    }

    /// `file` begins at `until` where `before` ended at `from`.
    pub(super) fn goes_on(
        &mut self,
        file: FileIndex,
        before: FileIndex,
        from: Timestamp,
        until: Timestamp,
    ) {
        let paused = until.since(from);
        if paused >= SHORTEST {
            let ended = minus(self.clock.elapsed(), self.clock.now().since(from));
            self.changes.push(ClockChange::Unwatched {
                from: ended,
                until: Span::from_nanos(ended.nanos().saturating_add(paused.nanos())),
            });
        }
        self.clock.resume(until);
        let old = self.lineage.tap(file);
        self.lineage.goes_on(file, before);
        let tap = self.lineage.tap(file);
        // Frames that came before this was known.
        if old != tap {
            let moved: Vec<View> = self
                .views
                .extract_if(.., |view| view.interface.0 == old)
                .collect();
            for view in moved {
                self.saw((tap, view.interface.1), view.last);
            }
        }
        if paused >= SHORTEST {
            if self.pauses.len() >= PAUSES {
                self.pauses.pop_front();
            }
            let place = self.pauses.partition_point(|pause| pause.from <= from);
            self.pauses.insert(place, Pause { tap, from, until });
        }
    }

    /// What was before has times of another clock; every call open across that is left unjudged,
    /// so nothing of it is asked for any more.
    fn forget(&mut self) {
        self.views.clear();
        self.pauses.clear();
        self.losses.clear();
    }

    /// Packets were found to be missing somewhere between `from` and `until`.
    pub(super) fn lost(&mut self, from: Timestamp, until: Timestamp) {
        self.losses.lost(from, until);
    }

    /// A message that went this way was captured and could not be read.
    pub(super) fn unread(&mut self, flow: &Flow, time: Timestamp) {
        self.losses.unread(flow.src.addr, flow.dst.addr, time);
    }

    /// Whether packets may be missing between two times from what has these ways to go.
    pub(super) fn is_lossy(
        &self,
        hosts: impl IntoIterator<Item = (IpAddr, IpAddr)>,
        from: Timestamp,
        until: Timestamp,
    ) -> bool {
        let mut hosts = hosts.into_iter();
        self.losses.is_lossy(from, until)
            || hosts.any(|hosts| self.losses.is_unread(hosts, from, until))
    }

    /// The time of the first frame.
    pub(super) fn first(&self) -> Timestamp {
        self.first.unwrap_or_default()
    }

    /// Time gone by since the first frame, without steps.
    pub(super) const fn elapsed(&self) -> Span {
        self.clock.elapsed()
    }

    /// The latest time since the last step.
    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// How often time has stepped.
    pub(super) const fn steps(&self) -> u32 {
        self.clock.steps()
    }

    /// Until when `interface` could have shown something about what was seen on it last at
    /// `after`.
    pub(super) fn until(&self, interface: Interface, after: Timestamp) -> Until {
        let tap = self.lineage.tap(interface.0);
        let first = self.pauses.partition_point(|pause| pause.from < after);
        let mut pauses = self.pauses.range(first..);
        if let Some(pause) = pauses.find(|pause| pause.tap == tap) {
            return Until {
                time: pause.from,
                paused: true,
            };
        }
        let wanted = (tap, interface.1);
        let view = self.views.iter().find(|view| view.interface == wanted);
        Until {
            time: view.map_or_else(|| self.now(), |view| view.last),
            paused: false,
        }
    }

    /// Whether the tap of `interface` was not looking for a while between `from` and `until`.
    pub(super) fn has_gap(&self, interface: Interface, from: Timestamp, until: Timestamp) -> bool {
        let tap = self.lineage.tap(interface.0);
        let is_gap = |pause: &&Pause| {
            pause.until > from && pause.until.since(pause.from) >= GAP && pause.tap == tap
        };
        let first = self.pauses.partition_point(|pause| pause.from < from);
        // Of those that began before only the last can reach so far.
        let mut before = self.pauses.range(..first).rev();
        let before = before.find(|pause| pause.tap == tap);
        let mut within = self.pauses.range(first..);
        let within = within.by_ref().take_while(|pause| pause.from < until);
        before
            .iter()
            .copied()
            .chain(within)
            .any(|pause| is_gap(&pause))
    }
}

const fn minus(a: Span, b: Span) -> Span {
    Span::from_nanos(a.nanos().saturating_sub(b.nanos()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::{FrameNo, FrameRef};

    fn at(secs: i64) -> Timestamp {
        Timestamp::default().plus(Span::from_secs(secs))
    }

    const A: FileIndex = FileIndex(0);
    const B: FileIndex = FileIndex(1);
    const C: FileIndex = FileIndex(2);

    /// A ring of three files with a pause of ten minutes before the last.
    fn ring() -> Coverage {
        let mut coverage = Coverage::default();
        coverage.saw((A, 0), at(0));
        coverage.saw((A, 0), at(100));
        coverage.goes_on(B, A, at(100), at(100));
        coverage.saw((B, 0), at(100));
        coverage.saw((B, 0), at(200));
        coverage.goes_on(C, B, at(200), at(800));
        coverage.saw((C, 0), at(800));
        coverage.saw((C, 0), at(900));
        coverage
    }

    fn until(secs: i64, paused: bool) -> Until {
        Until {
            time: at(secs),
            paused,
        }
    }

    #[test]
    fn files_that_go_on_from_each_other_are_one_tap() {
        let coverage = ring();
        for file in [A, B, C] {
            assert_eq!(coverage.until((file, 0), at(850)), until(900, false));
        }
    }

    #[test]
    fn what_was_open_before_a_pause_was_seen_until_then() {
        let coverage = ring();
        assert_eq!(coverage.until((A, 0), at(90)), until(200, true));
        assert_eq!(coverage.until((A, 0), at(200)), until(200, true));
        assert!(coverage.has_gap((A, 0), at(90), at(801)));
        assert!(!coverage.has_gap((A, 0), at(90), at(200)));
        assert!(!coverage.has_gap((A, 0), at(800), at(900)));
    }

    #[test]
    fn another_tap_has_its_own_end() {
        let mut coverage = ring();
        coverage.saw((FileIndex(3), 0), at(950));
        assert_eq!(coverage.until((A, 0), at(850)), until(900, false));
        let other = coverage.until((FileIndex(3), 0), at(90));
        assert_eq!(other, until(950, false));
    }

    #[test]
    fn that_a_file_goes_on_may_be_known_late() {
        let mut coverage = Coverage::default();
        coverage.saw((A, 0), at(100));
        coverage.saw((B, 0), at(100));
        coverage.saw((A, 0), at(101));
        coverage.goes_on(B, A, at(101), at(100));
        coverage.saw((B, 0), at(200));
        assert_eq!(coverage.until((A, 0), at(50)), until(200, false));
        assert_eq!(coverage.views.len(), 1);
    }

    #[test]
    fn of_an_interface_that_had_to_make_room_the_captures_end_counts() {
        let mut coverage = Coverage::default();
        for file in 0..=64 {
            coverage.tick(&Moment {
                at: FrameRef {
                    file: FileIndex(file),
                    no: FrameNo(1),
                },
                interface: 0,
                seen: at(i64::from(file)),
                now: at(i64::from(file)),
            });
        }
        assert_eq!(coverage.until((A, 0), at(0)), until(64, false));
        assert_eq!(coverage.until((B, 0), at(0)), until(1, false));
    }
}
