//! Minutes: when the answers came, so that what comes in bursts is known for it.
//!
//! In: responses. Out: of each method and code, how many came in each minute. Copies and
//! retransmissions do not count, and neither do provisional responses. Capped: minutes and kinds of
//! answer; what is beyond is not counted, which makes intervals narrower, never wrong in their middle.

use std::collections::BTreeMap;

use crate::report::view::Response;
use crate::units::NANOS_PER_SEC;

/// Minutes told apart: a week.
const MOST_MINUTES: usize = 10_080;

/// Kinds of answer told apart.
const MOST_KINDS: usize = 512;

/// Answers by minute.
#[derive(Clone, Debug, Default)]
pub struct Minutes {
    by_minute: BTreeMap<i64, BTreeMap<u16, u64>>,
    kinds: BTreeMap<(Vec<u8>, u16), u16>,
}

/// The minute a time is in.
pub(super) const fn minute(nanos: i64) -> i64 {
    nanos.div_euclid(60 * NANOS_PER_SEC)
}

impl Minutes {
    /// Counts a response.
    pub fn push(&mut self, response: &Response<'_>) {
        let Some(method) = response.method else {
            return;
        };
        if response.code < 200 || response.retransmission || response.duplicate {
            return;
        }
        let key = (method.0.to_vec(), response.code);
        let next = u16::try_from(self.kinds.len()).unwrap_or(u16::MAX);
        let kind = match self.kinds.get(&key) {
            Some(kind) => *kind,
            None if self.kinds.len() < MOST_KINDS => {
                self.kinds.insert(key, next);
                next
            }
            None => return,
        };
        let minute = minute(response.time.nanos());
        if self.by_minute.len() >= MOST_MINUTES && !self.by_minute.contains_key(&minute) {
            return;
        }
        let counts = self.by_minute.entry(minute).or_default();
        *counts.entry(kind).or_default() += 1;
    }

    /// Of each minute, how many answers to `method` had `code`, and how many there were.
    pub(super) fn of(&self, method: &str, code: u16) -> Vec<(u64, u64)> {
        let of_method: Vec<(u16, u16)> = self
            .kinds
            .iter()
            .filter(|((name, _), _)| String::from_utf8_lossy(name) == method)
            .map(|((_, code), kind)| (*code, *kind))
            .collect();
        let of_minute = |counts: &BTreeMap<u16, u64>| {
            let count = |kind: u16| counts.get(&kind).copied().unwrap_or(0);
            let part = of_method.iter().filter(|(it, _)| *it == code);
            let part = part.map(|(_, kind)| count(*kind)).sum();
            let whole = of_method.iter().map(|(_, kind)| count(*kind)).sum();
            (part, whole)
        };
        self.by_minute.values().map(of_minute).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn answers_are_counted_in_their_minute() {
        let mut minutes = Minutes::default();
        // 100 ms apart, every fourth a 438, every tenth a retransmission.
        for row in fixture::responses(1200) {
            minutes.push(&row.response());
        }
        let counted = minutes.of("INVITE", 438);
        assert_eq!(counted.len(), 3);
        let parts: u64 = counted.iter().map(|(part, _)| part).sum();
        let wholes: u64 = counted.iter().map(|(_, whole)| whole).sum();
        assert_eq!((parts, wholes), (300, 1080));
        assert!(minutes.of("BYE", 200).iter().all(|one| *one == (0, 0)));
    }
}
