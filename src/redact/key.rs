//! Key: what pseudonyms hang on.
//!
//! In: a text or random bytes. Out: streams of numbers that only the holder of the key can make
//! again (HMAC-SHA256), and from them permutations.
//!
//! # References
//! - FIPS 198-1 (HMAC); NIST SP 800-38G for the form of `permute`, a Feistel network over symbols

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

/// Rounds of `permute`. As many as FF1 of SP 800-38G has, less two: halves here are whole symbols.
const ROUNDS: u8 = 8;

/// The key of a redaction. The same key gives the same pseudonyms.
#[derive(Clone)]
pub struct Key {
    mac: Hmac<Sha256>,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key")
    }
}

impl Key {
    /// The key that is `bytes`, of any length: a text somebody chose, or random bytes.
    pub fn new(bytes: &[u8]) -> Self {
        let mut secret = [0; 64];
        for (to, from) in secret.iter_mut().zip(Sha256::digest(bytes)) {
            *to = from;
        }
        Self {
            mac: <Hmac<Sha256> as KeyInit>::new(&secret.into()),
        }
    }

    /// Numbers that belong to `parts` in `domain`.
    pub(super) fn stream(&self, domain: &str, parts: &[&[u8]]) -> Stream {
        let mut mac = self.mac.clone();
        for part in [domain.as_bytes()].iter().chain(parts) {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        Stream {
            mac,
            block: [0; 32],
            used: 32,
            blocks: 0,
        }
    }

    /// Puts `symbols` in the place of others of the same radixes: a permutation of all such rows.
    pub(super) fn permute(&self, domain: &str, tweak: &[u8], symbols: &mut [Symbol]) {
        let len = symbols.len();
        if let [only] = symbols {
            // One symbol has no halves. It is never itself.
            let mut numbers = self.stream(domain, &[tweak]);
            if only.radix > 1 {
                only.add(1 + numbers.below(u32::from(only.radix) - 1));
            }
            return;
        }
        let (left, right) = symbols.split_at_mut(len / 2);
        let mut source = Vec::with_capacity(len);
        for round in 0..ROUNDS {
            let (from, to) = if round % 2 == 0 {
                (&mut *right, &mut *left)
            } else {
                (&mut *left, &mut *right)
            };
            source.clear();
            source.extend(from.iter().map(|symbol| symbol.value));
            let mut numbers = self.stream(
                domain,
                &[tweak, &[round], &(len as u64).to_be_bytes(), &source],
            );
            for symbol in to {
                symbol.add(numbers.below(u32::from(symbol.radix)));
            }
        }
    }

    /// A permutation of `0..len` without a fixed point, for `len` above 1 (Sattolo's shuffle).
    pub(super) fn cycle(&self, domain: &str, context: &[&[u8]], len: u8) -> Vec<u8> {
        let mut numbers = self.stream(domain, context);
        let mut order: Vec<u8> = (0..len).collect();
        for last in (1..order.len()).rev() {
            let other = numbers.below(u32::try_from(last).unwrap_or(1)) as usize;
            order.swap(last, other);
        }
        order
    }
}

/// A digit or letter: `value` of `radix`.
///
/// Invariant: `value < radix`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Symbol {
    pub(super) value: u8,
    pub(super) radix: u8,
}

impl Symbol {
    fn add(&mut self, number: u32) {
        let radix = u32::from(self.radix.max(1));
        let sum = (u32::from(self.value) + number) % radix;
        self.value = u8::try_from(sum).unwrap_or(0);
    }
}

/// Numbers without end.
pub(super) struct Stream {
    mac: Hmac<Sha256>,
    block: [u8; 32],
    used: usize,
    blocks: u32,
}

impl Stream {
    /// The next number below `end`, which is not 0. 32 bits make the bias of the remainder nothing.
    pub(super) fn below(&mut self, end: u32) -> u32 {
        u32::from_be_bytes(self.next()) % end.max(1)
    }

    /// The next four bytes.
    pub(super) fn next(&mut self) -> [u8; 4] {
        if self.used >= self.block.len() {
            let mut mac = self.mac.clone();
            mac.update(&self.blocks.to_be_bytes());
            self.block = mac.finalize().into_bytes().into();
            self.blocks = self.blocks.wrapping_add(1);
            self.used = 0;
        }
        let bytes = self
            .block
            .get(self.used..)
            .and_then(|rest| rest.first_chunk());
        self.used += 4;
        bytes.copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permutation_of_three_digits_meets_every_row_once() {
        let key = Key::new(b"k");
        let mut seen = [false; 1000];
        for number in 0..1000_u32 {
            let mut symbols = [number / 100, number / 10 % 10, number % 10].map(|digit| Symbol {
                value: u8::try_from(digit).unwrap(),
                radix: 10,
            });
            key.permute("test", b"", &mut symbols);
            let image = symbols
                .iter()
                .fold(0, |sum, symbol| sum * 10 + usize::from(symbol.value));
            assert!(!seen[image], "{image} twice");
            seen[image] = true;
        }
    }

    #[test]
    fn a_cycle_leaves_nothing_in_its_place_and_loses_nothing() {
        let key = Key::new(b"k");
        for len in 2..=60 {
            let mut order = key.cycle("test", &[&[len]], len);
            assert!(order.iter().zip(0..).all(|(to, from)| *to != from));
            order.sort_unstable();
            assert_eq!(order, (0..len).collect::<Vec<_>>());
        }
    }

    #[test]
    fn another_key_gives_other_numbers() {
        let numbers = |key: &[u8]| Key::new(key).stream("test", &[b"x"]).next();
        assert_eq!(numbers(b"a"), numbers(b"a"));
        assert_ne!(numbers(b"a"), numbers(b"b"));
    }
}
