//! Tried: how many calls are behind the refusals of a burst, and how often each was tried.
//!
//! In: the refusals in order, with Call-ID, numbers and times. Out: [`Tried`]. Refusals with one
//! Call-ID are one call, and so are those of the same two numbers that come within 30 s of each
//! other, one after the other: a B2BUA dials again with a Call-ID of its own, and callers behind one number look the same,
//! which is said. Who calls while an earlier call still waits for its refusal is another caller: the lines of a
//! call centre. So a few calls that are tried again and again are told from a failure that hits many.
//!
//! # References
//! - DOMAIN G.5; RFC 8224 §6.1.1 (not more than one retry)

use std::collections::HashMap;
use std::hash::Hash;

use super::partition::{Digits, Traits};
use crate::units::{Span, Timestamp};

/// The same numbers again within this time are the same call.
const SAME_CALL: Span = Span::from_secs(30);

/// Attempts a call from which on it is a storm of retries.
const STORM: f64 = 1.5;

/// Calls below which a burst is the retries of a few.
pub(super) const FEW: u64 = 5;

/// How often the calls of a burst were tried.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tried {
    /// Different calls.
    pub calls: u64,
    /// Different Call-IDs: more than calls where the same numbers came again under another.
    pub call_ids: u64,
    /// Their refusals.
    pub refusals: u64,
    /// Median of the times from one try of a call to its next.
    pub gap: Option<Span>,
}

/// Tries in their order, each with the call that it is one of.
#[derive(Debug)]
pub(super) struct Calls<K> {
    /// When each call was tried last.
    last: Vec<Timestamp>,
    by_id: HashMap<K, usize>,
    by_numbers: HashMap<(Digits, Digits), usize>,
}

impl<K> Default for Calls<K> {
    fn default() -> Self {
        Self {
            last: Vec::new(),
            by_id: HashMap::new(),
            by_numbers: HashMap::new(),
        }
    }
}

impl<K: Eq + Hash> Calls<K> {
    /// The number of the call that this is a try of, and how long ago the try before it ended; `id` stands for its
    /// Call-ID, the times are of its INVITE and its final response.
    pub(super) fn try_of(
        &mut self,
        id: K,
        traits: &Traits,
        (sent, time): (Timestamp, Timestamp),
    ) -> (usize, Option<Span>) {
        let numbers = traits.numbers();
        // Nobody tries again before the refusal is there.
        let is_soon = |call: &usize| {
            let before = self.last.get(*call);
            before.is_some_and(|before| *before <= sent && time.since(*before) <= SAME_CALL)
        };
        let same_numbers = numbers.and_then(|numbers| self.by_numbers.get(&numbers).copied());
        let known = self.by_id.get(&id).copied();
        let known = known.or_else(|| same_numbers.filter(is_soon));
        let call = known.unwrap_or(self.last.len());
        let gap = match self.last.get_mut(call) {
            Some(before) => Some(time.since(std::mem::replace(before, time))),
            None => {
                self.last.push(time);
                None
            }
        };
        self.by_id.insert(id, call);
        if let Some(numbers) = numbers {
            self.by_numbers.insert(numbers, call);
        }
        (call, gap)
    }
}

impl Tried {
    /// Of refusals in their order: Call-ID, traits, when the INVITE was sent and when it was refused.
    pub(super) fn of<'a>(
        refusals: impl Iterator<Item = (&'a [u8], &'a Traits, (Timestamp, Timestamp))>,
    ) -> Self {
        let mut calls = Calls::default();
        let mut gaps = Vec::new();
        let mut count = 0;
        for (call_id, traits, times) in refusals {
            count += 1;
            gaps.extend(calls.try_of(call_id, traits, times).1);
        }
        gaps.sort_unstable();
        Self {
            calls: u64::try_from(calls.last.len()).unwrap_or(u64::MAX),
            call_ids: u64::try_from(calls.by_id.len()).unwrap_or(u64::MAX),
            refusals: count,
            gap: gaps.get(gaps.len() / 2).copied(),
        }
    }

    /// Refusals a call.
    #[expect(clippy::cast_precision_loss, reason = "counts of one burst")]
    pub fn factor(&self) -> f64 {
        if self.calls == 0 {
            1.0
        } else {
            self.refusals as f64 / self.calls as f64
        }
    }

    /// Whether retries make much of the burst.
    pub fn is_storm(&self) -> bool {
        self.factor() > STORM
    }

    /// Whether calls were told by their numbers, which many callers may share.
    pub const fn is_by_numbers(&self) -> bool {
        self.call_ids > self.calls
    }

    /// Whether it is a few calls that are tried again and again, and no failure of many.
    pub fn is_of_few_calls(&self) -> bool {
        self.calls < FEW && self.is_storm()
    }

    /// `5 times`, `2.3 times`.
    pub fn times(&self) -> String {
        let text = format!("{:.1}", self.factor());
        format!("{} times", text.trim_end_matches(".0"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::partition::{Dimension, Values};
    use crate::findings::testing::{at, span};

    /// Refusals as `(Call-ID, called number, seconds)`.
    fn tried(rows: &[(&str, &str, f64)]) -> Tried {
        let with_traits: Vec<_> = rows
            .iter()
            .map(|(id, dest, seconds)| {
                let mut traits = Traits::default();
                Values::set_number(&mut traits, Dimension::OrigPrefix, "12155551212");
                Values::set_number(&mut traits, Dimension::DestPrefix, dest);
                (id.as_bytes(), traits, at(*seconds))
            })
            .collect();
        let rows = with_traits.iter();
        Tried::of(rows.map(|(id, traits, time)| {
            let sent = time.plus(span(-0.2));
            (*id, traits, (sent, *time))
        }))
    }

    #[test]
    fn one_call_id_is_one_call_however_late() {
        let found = tried(&[("a", "", 0.0), ("a", "", 100.0), ("b", "", 101.0)]);
        assert_eq!((found.calls, found.refusals), (2, 3));
        assert_eq!(found.gap, Some(span(100.0)));
        assert!(!found.is_by_numbers());
    }

    #[test]
    fn the_same_numbers_soon_are_one_call_and_later_another() {
        let (one, other) = ("17771230042", "17771230043");
        let found = tried(&[
            ("a", one, 0.0),
            ("b", one, 20.0),
            ("c", one, 45.0),
            ("d", other, 46.0),
            ("e", one, 90.0),
        ]);
        assert_eq!((found.calls, found.refusals), (3, 5));
        assert_eq!(found.times(), "1.7 times");
        assert!(found.is_storm() && found.is_of_few_calls());
        assert!(found.is_by_numbers());
        assert_eq!(found.call_ids, 5);
    }

    #[test]
    fn the_same_numbers_at_once_are_several_callers() {
        let one = "17771230042";
        let found = tried(&[
            ("a", one, 0.0),
            ("b", one, 0.1),
            ("c", one, 0.15),
            ("d", one, 0.4),
        ]);
        assert_eq!((found.calls, found.refusals), (3, 4));
    }

    #[test]
    fn calls_tried_once_are_no_storm_however_few() {
        let found = tried(&[("a", "1", 0.0), ("b", "2", 1.0), ("c", "3", 2.0)]);
        assert_eq!(found.gap, None);
        assert!(!found.is_storm() && !found.is_of_few_calls());
        assert_eq!(tried(&[]).times(), "1 times");
    }

    #[test]
    fn callers_without_numbers_are_told_apart_by_call_id_alone() {
        assert_eq!(tried(&[("a", "", 0.0), ("b", "", 0.1)]).calls, 2);
    }
}
