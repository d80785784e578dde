//! Responses by code: how often each answer was given, by method.
//!
//! A final answer counts once a transaction, linked hops once; a provisional one once a
//! transaction; repeats are counted apart.

use std::collections::BTreeMap;

use crate::calls::ResponseSeen;
use crate::units::StatusCode;

/// Different methods told apart for one code; strangers can invent methods.
const METHODS: usize = 32;

/// One code's counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CodeCount {
    /// Answers.
    pub count: u64,
    /// Repeats of them.
    pub retransmissions: u64,
    /// Answers by method, as sent.
    pub methods: BTreeMap<Box<[u8]>, u64>,
}

/// The counts of all codes.
#[derive(Clone, Debug, Default)]
pub struct Codes(BTreeMap<StatusCode, CodeCount>);

impl Codes {
    /// Counts a response.
    pub fn push(&mut self, response: &ResponseSeen<'_>) {
        if response.duplicate || !(response.counted || response.retransmission) {
            return;
        }
        let code = self.0.entry(response.code).or_default();
        if response.retransmission {
            code.retransmissions += 1;
            return;
        }
        code.count += 1;
        let method = response.method.text;
        if let Some(count) = code.methods.get_mut(method) {
            *count += 1;
        } else if code.methods.len() < METHODS {
            code.methods.insert(method.into(), 1);
        }
    }

    /// Codes in order.
    pub fn iter(&self) -> impl Iterator<Item = (StatusCode, &CodeCount)> {
        self.0.iter().map(|(code, count)| (*code, count))
    }

    /// Answers of all codes.
    pub fn total(&self) -> u64 {
        self.0.values().map(|code| code.count).sum()
    }
}
