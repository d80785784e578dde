//! Survey: which captures have a clock that is far off, found before they are merged.
//!
//! In: the captures that can be opened twice. Out: by how much each one's times are to be moved,
//! and how far apart the clocks of any two are then. A tap in another time zone, or with a dead
//! clock, saw the same packets as the others at quite another time: by their times its file would be
//! read when the others are over. Times that are off by no more than [`Taps::DISORDER`] stay as they
//! are.
//!
//! What counts is the clock of the capture named first, unless it is dead. Files of a ring have one
//! clock, so what is known of one is true of all; where that contradicts itself (a clock was set
//! meanwhile, names lie) each file is taken for itself.
//!
//! Capped: bytes read by [`Limits::survey_bytes`], shared out among the captures, but at least
//! [`LEAST`] of each.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use crate::capture::{Echoes, Merge, Next, Offset, Reader, Taps, kin};
use crate::limits::Limits;
use crate::packet::{Decoder, Packet};
use crate::sip::sniff::{self, StartLine};
use crate::units::{FileIndex, Span, Timestamp};

/// Bytes read of each capture at least.
const LEAST: u64 = 1 << 20;
/// Packets in common with another capture that leave no doubt: the rest is not read.
const ENOUGH: usize = 64;
/// 2000-01-01: a clock that says less was never set.
const DEAD: Timestamp = Timestamp::from_nanos(946_684_800 * 1_000_000_000);
/// Offsets between two rings that are as near as this are one.
const SAME: Span = Span::from_secs(5);

/// A capture's clock is off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shift {
    /// Which.
    pub(super) file: FileIndex,
    /// What is to be added to its times.
    pub(super) by: Span,
    /// Packets that tell so.
    pub(super) count: u64,
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Captures whose times are to be moved.
    pub(super) shifts: Vec<Shift>,
    /// Pairs of captures with the same packets, and by how much the second one's times are greater
    /// then.
    pub(super) offsets: Vec<((FileIndex, FileIndex), Span)>,
}

/// Captures that are taken to have one clock.
#[derive(Debug)]
struct Group {
    files: Vec<FileIndex>,
    first: Option<Timestamp>,
}

/// Looks into the captures.
pub(super) fn survey(merge: &Merge, limits: &Limits) -> Found {
    let files = merge.files();
    let Ok(count @ 2..) = u64::try_from(files.len()) else {
        return Found::default();
    };
    let share = (limits.survey_bytes / count).max(LEAST);
    let mut echoes = Echoes::new(limits);
    let mut known = Vec::new();
    for (file, path, place) in &files {
        let first = look(*file, place, share, limits, &mut echoes);
        known.push((*file, kin(path), first));
    }
    let offsets = echoes.offsets();
    let shifts = align(&known, &offsets);
    let shift = |file: FileIndex| {
        let shift = shifts.iter().find(|shift| shift.file == file);
        shift.map_or(0, |shift| shift.by.nanos())
    };
    let proven = offsets.iter().filter(|offset| offset.is_proven);
    let offsets = proven.map(|offset| {
        let moved = shift(offset.second).saturating_sub(shift(offset.first));
        let by = Span::from_nanos(offset.by.nanos().saturating_add(moved));
        ((offset.first, offset.second), by)
    });
    Found {
        offsets: offsets.filter(|(_, by)| !is_far(*by)).collect(),
        shifts,
    }
}

/// Looks into one capture; when it begins. What cannot be read is told when it is read in earnest.
fn look(
    file: FileIndex,
    place: &Path,
    share: u64,
    limits: &Limits,
    echoes: &mut Echoes,
) -> Option<Timestamp> {
    let mut reader = Reader::open(File::open(place).ok()?, "", file, limits).ok()?;
    let mut decoder = Decoder::new(limits);
    let mut pushed = 0_usize;
    while let Ok(next) = reader.next_frame() {
        let frame = match next {
            Next::Frame(frame) => frame,
            Next::End => break,
            _ => continue,
        };
        let before = pushed;
        decoder.push(
            &frame,
            &mut |packet| match packet {
                Packet::Datagram(datagram) => {
                    let (flow, origin, payload) =
                        (&datagram.flow, &datagram.origin, datagram.payload);
                    if sniff::start_line(payload) == StartLine::Known {
                        echoes.datagram(flow, origin, payload);
                    } else {
                        echoes.other(flow, origin, payload);
                    }
                    pushed += 1;
                }
                Packet::Segment(segment) if !segment.payload.is_empty() => {
                    let numbers = (segment.seq, segment.ack);
                    echoes.segment(&segment.flow, &segment.origin, numbers, segment.payload);
                    pushed += 1;
                }
                _ => {}
            },
            &mut |_| {},
        );
        if pushed > before && pushed >= ENOUGH && pushed.is_power_of_two() {
            let offsets = echoes.offsets();
            let mut settled = offsets.iter().filter(|offset| offset.second == file);
            if settled.any(|offset| offset.is_proven && offset.count >= ENOUGH) {
                break;
            }
        }
        if reader.summary().bytes > share {
            break;
        }
    }
    reader.summary().first
}

/// By how much the times of which captures are to be moved, by what pairs of them have in common.
fn align(files: &[(FileIndex, String, Option<Timestamp>)], offsets: &[Offset]) -> Vec<Shift> {
    let proven: Vec<_> = offsets.iter().filter(|offset| offset.is_proven).collect();
    let mut rings: BTreeMap<&str, Group> = BTreeMap::new();
    for (file, kin, first) in files {
        let ring = rings.entry(kin).or_insert_with(|| Group {
            files: Vec::new(),
            first: None,
        });
        ring.files.push(*file);
        ring.first = ring.first.max(*first);
    }
    let alone = files.iter().map(|(file, _, first)| Group {
        files: vec![*file],
        first: *first,
    });
    let shifts = shifts(rings.into_values().collect(), &proven);
    let shifts = shifts.or_else(|| self::shifts(alone.collect(), &proven));
    let mut shifts = shifts.unwrap_or_default();
    shifts.sort_by_key(|shift| shift.file);
    shifts
}

/// The shifts of all files, where each group has one clock; nothing if that cannot be.
fn shifts(mut groups: Vec<Group>, offsets: &[&Offset]) -> Option<Vec<Shift>> {
    let is_dead = |group: &Group| group.first.is_some_and(|first| first < DEAD);
    groups.sort_by_key(|group| (is_dead(group), group.files.first().copied()));
    let place = |file| groups.iter().position(|group| group.files.contains(&file));
    // How far apart two groups are, and by how many packets.
    let mut edges: BTreeMap<(usize, usize), (Span, usize)> = BTreeMap::new();
    for offset in offsets {
        let (Some(a), Some(b)) = (place(offset.first), place(offset.second)) else {
            continue;
        };
        if a == b {
            if is_far(offset.by) {
                return None;
            }
            continue;
        }
        for (pair, by) in [((a, b), offset.by), ((b, a), negative(offset.by))] {
            let edge = edges.entry(pair).or_insert((by, 0));
            if !is_same(edge.0, by) {
                return None;
            }
            edge.1 += offset.count;
        }
    }
    let mut found = Vec::new();
    let mut shift: Vec<Option<Span>> = vec![None; groups.len()];
    for start in 0..groups.len() {
        if shift.get(start).is_none_or(Option::is_some) {
            continue;
        }
        // From a group whose clock counts to all that have packets in common with it.
        let mut due = vec![(start, Span::default(), 0)];
        while let Some((group, own, count)) = due.pop() {
            let Some(known) = shift.get_mut(group).filter(|known| known.is_none()) else {
                continue;
            };
            *known = Some(own);
            let files = groups.get(group).map(|group| group.files.as_slice());
            if own != Span::default() {
                found.extend(files.unwrap_or_default().iter().map(|file| Shift {
                    file: *file,
                    by: own,
                    count,
                }));
            }
            let next = edges.range((group, 0)..(group + 1, 0));
            due.extend(next.map(|((_, other), (by, common))| {
                let by = if is_far(*by) { *by } else { Span::default() };
                let shift = Span::from_nanos(own.nanos().saturating_sub(by.nanos()));
                (*other, shift, u64::try_from(*common).unwrap_or(u64::MAX))
            }));
        }
    }
    Some(found)
}

/// Whether captures that are so far apart cannot be read as they are.
const fn is_far(offset: Span) -> bool {
    offset.nanos().saturating_abs() > Taps::DISORDER.nanos()
}

const fn is_same(a: Span, b: Span) -> bool {
    a.nanos().saturating_sub(b.nanos()).saturating_abs() <= SAME.nanos()
}

const fn negative(span: Span) -> Span {
    Span::from_nanos(span.nanos().saturating_neg())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3600;
    const NOW: Timestamp = Timestamp::from_nanos(1_790_000_000 * 1_000_000_000);

    /// The shifts of captures with these names, in seconds, by what pairs have in common.
    fn check(names: &[&str], offsets: &[(u16, u16, i64)], shifts: &[(u16, i64)]) {
        let files = (0..).zip(names);
        let files = files.map(|(file, name)| {
            let first = if name.contains("dead") {
                Timestamp::default()
            } else {
                NOW
            };
            (FileIndex(file), kin(name), Some(first))
        });
        let offsets = offsets.iter().map(|&(first, second, secs)| Offset {
            first: FileIndex(first),
            second: FileIndex(second),
            by: Span::from_secs(secs),
            count: 20,
            is_proven: true,
        });
        let found = align(&files.collect::<Vec<_>>(), &offsets.collect::<Vec<_>>());
        let found: Vec<_> = found
            .iter()
            .map(|shift| (shift.file.0, shift.by.nanos() / 1_000_000_000))
            .collect();
        assert_eq!(found, shifts);
    }

    #[test]
    fn the_clock_of_the_capture_named_first_counts() {
        check(&["a", "b"], &[(0, 1, 2 * HOUR)], &[(1, -2 * HOUR)]);
        check(&["a", "b"], &[(0, 1, -5 * HOUR)], &[(1, 5 * HOUR)]);
        check(&["a", "b"], &[(0, 1, 30)], &[(1, -30)]);
        check(&["a", "b"], &[(0, 1, 1)], &[]);
        check(&["a", "b"], &[], &[]);
    }

    #[test]
    fn a_dead_clock_never_counts() {
        let apart = 1_790_000_000;
        check(&["dead", "b"], &[(0, 1, apart)], &[(0, apart)]);
        check(&["a", "dead"], &[(0, 1, -apart)], &[(1, apart)]);
    }

    #[test]
    fn what_is_known_of_one_file_is_true_of_its_ring() {
        let names = ["core1", "core2", "edge1", "edge2", "edge3"];
        let hour = HOUR;
        check(
            &names,
            &[(0, 3, hour), (1, 4, hour + 1)],
            &[(2, -hour), (3, -hour), (4, -hour)],
        );
    }

    #[test]
    fn where_a_rings_clock_was_set_each_file_is_taken_for_itself() {
        let names = ["core1", "core2", "edge1", "edge2", "edge3"];
        check(&names, &[(0, 2, HOUR), (1, 4, 0)], &[(2, -HOUR)]);
        // Names that differ by a number only are not always a ring's.
        check(&["tap1", "tap2"], &[(0, 1, HOUR)], &[(1, -HOUR)]);
    }

    #[test]
    fn offsets_add_up_from_capture_to_capture() {
        check(
            &["a", "b", "c", "d"],
            &[(0, 1, HOUR), (1, 2, 1), (2, 3, HOUR)],
            &[(1, -HOUR), (2, -HOUR), (3, -2 * HOUR)],
        );
    }
}
