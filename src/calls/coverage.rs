//! Coverage: how far, and how fully, the capture carries what is said of a call.
//!
//! In: the time of every frame with its interface, and from when to when packets may be missing.
//! Out: elapsed time, until when an interface showed what passed it, and whether something may be
//! missing between two times. Capped: interfaces by [`INTERFACES`], losses by [`LOSSES`].

use super::clock::Clock;
use crate::units::{FileIndex, Span, Timestamp};

/// Interfaces whose ends are known; beyond, the one that ended first makes room, and of it the
/// capture's end counts.
const INTERFACES: usize = 64;

/// Losses remembered one by one; beyond, the latest two are merged into a later one.
const LOSSES: usize = 4096;

/// A file that begins this soon after another has ended goes on with it (a rotated capture).
const ROTATION: Span = Span::from_secs(10);

/// What the capture can have shown.
#[derive(Debug, Default)]
pub(super) struct Coverage {
    clock: Clock,
    /// From when to when packets may be missing, by the latter.
    losses: Vec<(Timestamp, Timestamp)>,
    interfaces: Vec<Interface>,
    /// The file of the last frame.
    file: FileIndex,
}

/// An interface of one file.
#[derive(Debug)]
struct Interface {
    key: (FileIndex, u32),
    first: Timestamp,
    last: Timestamp,
    /// The file whose frame came right before its first one.
    follows: FileIndex,
}

impl Coverage {
    /// Takes the next frame's time; whether time stepped.
    pub(super) fn tick(&mut self, interface: (FileIndex, u32), time: Timestamp) -> bool {
        let stepped = self.clock.tick(time);
        if stepped {
            // What was before the step has times of another clock; every call open across it is
            // left unjudged, so nothing of it is asked for any more.
            self.interfaces.clear();
            self.losses.clear();
        }
        let follows = std::mem::replace(&mut self.file, interface.0);
        if let Some(known) = self.interfaces.iter_mut().find(|i| i.key == interface) {
            known.last = known.last.max(time);
            return stepped;
        }
        if self.interfaces.len() >= INTERFACES {
            let ended = (0..).zip(&self.interfaces).min_by_key(|(_, i)| i.last);
            if let Some((index, _)) = ended {
                self.interfaces.swap_remove(index);
            }
        }
        self.interfaces.push(Interface {
            key: interface,
            first: time,
            last: time,
            follows,
        });
        stepped
    }

    /// Packets were found to be missing somewhere between `from` and `until`.
    pub(super) fn lost(&mut self, from: Timestamp, until: Timestamp) {
        let is_full = self.losses.len() >= LOSSES;
        match self.losses.last_mut() {
            Some(last) if is_full || last.1 >= until => {
                *last = (last.0.min(from), last.1.max(until));
            }
            _ => self.losses.push((from, until)),
        }
    }

    /// Whether packets may be missing between two times.
    pub(super) fn is_lossy(&self, from: Timestamp, until: Timestamp) -> bool {
        let first = self.losses.partition_point(|lost| lost.1 < from);
        self.losses
            .get(first..)
            .is_some_and(|lost| lost.iter().any(|lost| lost.0 <= until))
    }

    /// Until when an interface showed what passed it. A file that goes on where its own ends is
    /// the same capture, rotated.
    pub(super) fn until(&self, interface: (FileIndex, u32)) -> Timestamp {
        let known = self.interfaces.iter().find(|i| i.key == interface);
        let Some(mut until) = known.map(|known| known.last) else {
            return self.now();
        };
        let mut file = interface.0;
        // Each round goes on to a later file, of which there are no more than interfaces.
        for _ in 0..self.interfaces.len() {
            let end = self.end_of(file).unwrap_or(until);
            let next = self.interfaces.iter().filter(|i| {
                let gap = i.first.since(end);
                i.key.0 != file && gap >= Span::default() && (i.follows == file || gap <= ROTATION)
            });
            let Some(next) = next.min_by_key(|i| i.first) else {
                break;
            };
            file = next.key.0;
            until = until.max(self.end_of(file).unwrap_or(until));
        }
        until
    }

    fn end_of(&self, file: FileIndex) -> Option<Timestamp> {
        let of_file = self.interfaces.iter().filter(|i| i.key.0 == file);
        of_file.map(|i| i.last).max()
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
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> Timestamp {
        Timestamp::default().plus(Span::from_secs(secs))
    }

    /// Frames as (file, second); until when interface 0 of file 0 is carried.
    fn check(frames: &[(u16, i64)], until: i64) {
        let mut coverage = Coverage::default();
        for &(file, secs) in frames {
            coverage.tick((FileIndex(file), 0), at(secs));
        }
        assert_eq!(coverage.until((FileIndex(0), 0)), at(until), "{frames:?}");
    }

    #[test]
    fn an_interface_is_carried_to_its_last_packet() {
        check(&[(0, 1), (0, 9)], 9);
        check(&[(0, 1), (1, 5), (0, 9), (1, 40)], 9);
    }

    #[test]
    fn a_rotated_capture_goes_on_in_the_next_files() {
        check(&[(0, 1), (0, 9), (1, 10), (1, 19), (2, 20), (2, 29)], 29);
        // However long nothing came, if nothing else was captured meanwhile.
        check(&[(0, 1), (0, 9), (1, 300), (1, 310)], 310);
    }

    #[test]
    fn a_file_of_another_tap_is_no_continuation() {
        check(&[(0, 1), (1, 5), (0, 9), (1, 30), (2, 31), (2, 60)], 9);
    }

    #[test]
    fn of_an_interface_that_had_to_make_room_the_captures_end_counts() {
        // Another tap's packets between them, so that none goes on with the one before.
        let files = (0..=64).flat_map(|file| {
            let start = 100 * i64::from(file);
            [(file, start), (999, start + 50)]
        });
        let many: Vec<_> = std::iter::once((999, -1)).chain(files).collect();
        check(&many, 6450);
        check(&many[..100], 0);
    }

    #[test]
    fn losses_are_found_where_they_overlap() {
        let mut coverage = Coverage::default();
        coverage.lost(at(5), at(7));
        coverage.lost(at(20), at(20));
        for (from, until, lossy) in [(0, 4, false), (0, 5, true), (7, 9, true), (8, 19, false)] {
            assert_eq!(coverage.is_lossy(at(from), at(until)), lossy, "{from}");
        }
    }
}
