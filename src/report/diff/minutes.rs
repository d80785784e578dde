//! Minutes: when the answers came, so that what comes in bursts is known for it.
//!
//! In: responses. Out: of each method and code, how many came in each minute; of each pair of hosts, what
//! became of its INVITEs. Copies and retransmissions do not count, and neither do provisional
//! responses. Capped: minutes, kinds of answer, minutes of pairs; what is beyond is not counted, which makes
//! intervals narrower, never wrong in their middle.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::net::IpAddr;

use crate::findings::Peer;
use crate::report::view::Response;
use crate::units::NANOS_PER_SEC;

/// Minutes told apart: a week.
const MOST_MINUTES: usize = 10_080;

/// Kinds of answer told apart.
const MOST_KINDS: usize = 512;

/// Minutes of all pairs of hosts together.
const MOST_OF_PAIRS: usize = 131_072;

/// Answers by minute.
#[derive(Clone, Debug, Default)]
pub struct Minutes {
    by_minute: BTreeMap<i64, BTreeMap<u16, u64>>,
    kinds: BTreeMap<(Vec<u8>, u16), u16>,
    /// By who sent the INVITE and who got it.
    pairs: BTreeMap<(IpAddr, IpAddr), BTreeMap<i64, Answers>>,
    /// Minutes in `pairs`.
    of_pairs: usize,
}

/// What became of the INVITEs of a minute.
#[derive(Clone, Copy, Debug, Default)]
struct Answers {
    answered: u64,
    /// Answered, or ended by the user.
    effective: u64,
    all: u64,
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
        let minute = minute(response.time.nanos());
        // A challenge is not the end of an attempt.
        if method.0 == b"INVITE" && !matches!(response.code, 401 | 407) {
            self.of_pair(
                (response.dst.addr, response.src.addr),
                minute,
                response.code,
            );
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
        if self.by_minute.len() >= MOST_MINUTES && !self.by_minute.contains_key(&minute) {
            return;
        }
        let counts = self.by_minute.entry(minute).or_default();
        *counts.entry(kind).or_default() += 1;
    }

    fn of_pair(&mut self, pair: (IpAddr, IpAddr), minute: i64, code: u16) {
        let is_full = self.of_pairs >= MOST_OF_PAIRS;
        if is_full
            && !self
                .pairs
                .get(&pair)
                .is_some_and(|of| of.contains_key(&minute))
        {
            return;
        }
        let answers = match self.pairs.entry(pair).or_default().entry(minute) {
            Entry::Occupied(of) => of.into_mut(),
            Entry::Vacant(of) => {
                self.of_pairs += 1;
                of.insert(Answers::default())
            }
        };
        answers.all += 1;
        answers.answered += u64::from((200..300).contains(&code));
        // As NER has it; who blocked a 603, and whether it had rung at a 487, makes no odds for the scatter.
        let is_effective = matches!(code, 200..300 | 480 | 486 | 487 | 600 | 603 | 607);
        answers.effective += u64::from(is_effective);
    }

    /// Of each minute of each pair, named as in the metrics, how many calls were answered, and, if `effective`,
    /// ended by the user, and how many there were.
    pub(super) fn of_pairs(&self, effective: bool) -> BTreeMap<String, Vec<(u64, u64)>> {
        let of_minute = |it: &Answers| {
            let part = if effective { it.effective } else { it.answered };
            (part, it.all)
        };
        self.pairs
            .iter()
            .map(|((src, dst), minutes)| {
                let peer = Peer {
                    src: *src,
                    dst: *dst,
                };
                (peer.to_string(), minutes.values().map(of_minute).collect())
            })
            .collect()
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
        let pairs = minutes.of_pairs(false);
        assert_eq!(pairs.len(), 1);
        let (peer, of_pair) = pairs.first_key_value().unwrap();
        assert!(peer.contains(" \u{2192} "), "{peer}");
        let wholes: u64 = of_pair.iter().map(|(_, whole)| whole).sum();
        assert_eq!((of_pair.len(), wholes), (3, 1080));
        assert!(minutes.of("BYE", 200).iter().all(|one| *one == (0, 0)));
    }
}
