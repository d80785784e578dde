//! Retries: calls that are tried again after their identity was refused.
//!
//! In: every INVITE attempt, and every refusal with a STIR code. Out: for an attempt, how many
//! there were for the same call since its identity was first refused. The same call is the same
//! Call-ID, From tag and CSeq (a proxy that tries its next route), or the same caller and callee
//! within 30 s (a B2BUA or a switch that dials again).
//!
//! Capped: [`Retries::new`] says how many refused calls are remembered.
//!
//! # References
//! - RFC 8224 §6.1.1 (not more than one retry), §6.2.3 (retries come as forks)

use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use rustc_hash::FxBuildHasher;

use super::number::Party;
use crate::units::{Span, Timestamp};

/// The same numbers again within this time are the same call.
const SAME_CALL: Span = Span::from_secs(30);

/// One INVITE.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    /// Call-ID.
    pub call_id: &'a [u8],
    /// From tag.
    pub from_tag: &'a [u8],
    /// CSeq's number.
    pub cseq: u32,
    /// The caller, canonical.
    pub orig: Option<&'a Party>,
    /// The callee, canonical.
    pub dest: Option<&'a Party>,
    /// When it was captured.
    pub time: Timestamp,
}

/// Calls whose identity was refused.
#[derive(Clone, Debug)]
pub struct Retries {
    most: usize,
    refused: HashMap<u64, Refused, FxBuildHasher>,
    order: VecDeque<u64>,
}

#[derive(Clone, Copy, Debug)]
struct Refused {
    /// Further attempts count: the last of them was refused, or came soon behind it.
    is_open: bool,
    last: Timestamp,
    further: u32,
}

impl Retries {
    /// Remembers `most` keys; a call has two.
    pub fn new(most: usize) -> Self {
        Self {
            most,
            refused: HashMap::default(),
            order: VecDeque::new(),
        }
    }

    /// Takes in an INVITE that is no retransmission: how many there were for this call since its
    /// identity was first refused, this one counted.
    pub fn attempt(&mut self, attempt: &Attempt<'_>) -> u32 {
        // Where no identity was refused, as is usual, nothing is tried again.
        if self.refused.is_empty() {
            return 0;
        }
        let (transaction, numbers) = keys(attempt);
        let mut most = 0;
        if let Some(refused) = self.refused.get_mut(&transaction) {
            refused.further = refused.further.saturating_add(1);
            most = refused.further;
        }
        if let Some(refused) = numbers.and_then(|key| self.refused.get_mut(&key)) {
            // Later it is another call between the same two.
            refused.is_open &= attempt.time.since(refused.last) <= SAME_CALL;
            if refused.is_open {
                refused.further = refused.further.saturating_add(1);
                refused.last = attempt.time;
                most = most.max(refused.further);
            }
        }
        most
    }

    /// The identity of an attempt was refused.
    pub fn refused(&mut self, attempt: &Attempt<'_>) {
        let (transaction, numbers) = keys(attempt);
        self.open(transaction, attempt.time);
        if let Some(numbers) = numbers {
            self.open(numbers, attempt.time);
        }
    }

    fn open(&mut self, key: u64, time: Timestamp) {
        if let Some(refused) = self.refused.get_mut(&key) {
            if !refused.is_open {
                refused.further = 0;
            }
            (refused.is_open, refused.last) = (true, time);
            return;
        }
        if self.order.len() >= self.most {
            let Some(oldest) = self.order.pop_front() else {
                return;
            };
            self.refused.remove(&oldest);
        }
        self.order.push_back(key);
        self.refused.insert(
            key,
            Refused {
                is_open: true,
                last: time,
                further: 0,
            },
        );
    }
}

/// By transaction, and by numbers where both are known.
fn keys(attempt: &Attempt<'_>) -> (u64, Option<u64>) {
    // Strangers choose what is hashed, so this is not the quick hash; it has no key of its own, and
    // two runs give the same.
    let key = |value: &dyn Fn(&mut DefaultHasher)| {
        let mut hasher = DefaultHasher::new();
        value(&mut hasher);
        hasher.finish()
    };
    let transaction = key(&|hasher| {
        (0_u8, attempt.call_id, attempt.from_tag, attempt.cseq).hash(hasher);
    });
    let numbers = attempt
        .orig
        .zip(attempt.dest)
        .filter(|(orig, _)| **orig != Party::Anonymous)
        .map(|parties| key(&|hasher| (1_u8, parties).hash(hasher)));
    (transaction, numbers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stir::testing::{NOW, at};

    fn attempt<'a>(
        call_id: &'a str,
        numbers: Option<&'a (Party, Party)>,
        after: i64,
    ) -> Attempt<'a> {
        Attempt {
            call_id: call_id.as_bytes(),
            from_tag: b"t",
            cseq: 1,
            orig: numbers.map(|(orig, _)| orig),
            dest: numbers.map(|(_, dest)| dest),
            time: at(NOW + after),
        }
    }

    fn numbers(orig: &str) -> (Party, Party) {
        (
            Party::Number(orig.to_owned()),
            Party::Number("2".to_owned()),
        )
    }

    #[test]
    fn further_invites_of_a_refused_transaction_are_counted() {
        let mut retries = Retries::new(10);
        assert_eq!(retries.attempt(&attempt("a", None, 0)), 0);
        retries.refused(&attempt("a", None, 0));
        assert_eq!(retries.attempt(&attempt("a", None, 1)), 1);
        retries.refused(&attempt("a", None, 1));
        assert_eq!(retries.attempt(&attempt("a", None, 100)), 2);
        assert_eq!(retries.attempt(&attempt("b", None, 2)), 0);
    }

    #[test]
    fn the_same_numbers_within_thirty_seconds_are_the_same_call() {
        let mut retries = Retries::new(10);
        let pair = numbers("1");
        retries.refused(&attempt("a", Some(&pair), 0));
        assert_eq!(retries.attempt(&attempt("b", Some(&pair), 20)), 1);
        assert_eq!(retries.attempt(&attempt("c", Some(&pair), 40)), 2);
        assert_eq!(retries.attempt(&attempt("d", Some(&pair), 71)), 0);
        assert_eq!(retries.attempt(&attempt("e", Some(&numbers("3")), 41)), 0);
        // It was another call; a refusal of that one begins anew.
        retries.refused(&attempt("d", Some(&pair), 72));
        assert_eq!(retries.attempt(&attempt("f", Some(&pair), 73)), 1);
    }

    #[test]
    fn callers_who_withhold_themselves_are_not_one_caller() {
        let mut retries = Retries::new(10);
        let pair = (Party::Anonymous, Party::Number("2".to_owned()));
        retries.refused(&attempt("a", Some(&pair), 0));
        assert_eq!(retries.attempt(&attempt("b", Some(&pair), 1)), 0);
    }

    #[test]
    fn the_oldest_refusal_is_forgotten_first() {
        let mut retries = Retries::new(1);
        retries.refused(&attempt("a", None, 0));
        retries.refused(&attempt("b", None, 0));
        assert_eq!(retries.attempt(&attempt("a", None, 1)), 0);
        assert_eq!(retries.attempt(&attempt("b", None, 1)), 1);
        let mut none = Retries::new(0);
        none.refused(&attempt("a", None, 0));
        assert_eq!(none.attempt(&attempt("a", None, 1)), 0);
    }
}
