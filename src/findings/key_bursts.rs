//! Key bursts: the burst detector for each peer, signer, verifier and range of calling numbers.
//!
//! In: attempts with their traits, refused or not. Out: at the end the bursts of each key. A key is
//! watched from its first refusal on; of more than `KEYS` in a dimension the one with the fewest
//! refusals makes room.
//!
//! # References
//! - DOMAIN G.2

use std::collections::BTreeMap;

use super::burst::{Burst, BurstOptions, Detector, Finals};
use super::partition::{Dimension, Traits, Values};
use super::watched::Watched;
use crate::units::Timestamp;

/// Keys watched in one dimension.
const KEYS: usize = 64;

/// Finals of a window, and refusals of the baseline's hour, remembered of one key.
const EVENTS: usize = 4096;

/// Leading digits of a range of numbers.
const RANGE_DIGITS: u8 = 6;

/// The dimensions that are watched.
const WATCHED: [Dimension; 4] = [
    Dimension::Peer,
    Dimension::X5u,
    Dimension::Verifier,
    Dimension::OrigPrefix,
];

/// What an attempt belongs to: a dimension, and a value's number or a range's digits.
type Key = (Dimension, u64);

/// The detectors of all keys.
#[derive(Debug)]
pub struct KeyBursts {
    options: BurstOptions,
    series: BTreeMap<Key, Series>,
}

#[derive(Debug)]
struct Series {
    finals: Finals,
    detector: Detector,
    refusals: u64,
    has_unjudged: bool,
}

/// A burst of one key.
#[derive(Clone, Debug)]
pub struct KeyBurst {
    /// Which dimension.
    pub dimension: Dimension,
    /// Its value.
    pub value: Box<[u8]>,
    /// Whether an attempt has it.
    key: u64,
    /// The burst.
    pub burst: Burst,
}

impl KeyBurst {
    /// The same by another clock.
    #[must_use]
    pub fn at(&self, time: impl Fn(Timestamp) -> Timestamp) -> Self {
        let burst = Burst {
            start: time(self.burst.start),
            end: time(self.burst.end),
            ..self.burst
        };
        Self {
            burst,
            ..self.clone()
        }
    }

    /// Whether an attempt belongs to it.
    pub fn has(&self, traits: &Traits) -> bool {
        key(traits, self.dimension) == Some(self.key)
    }
}

impl KeyBursts {
    /// None yet.
    pub const fn new(options: BurstOptions) -> Self {
        Self {
            options,
            series: BTreeMap::new(),
        }
    }

    /// Takes an attempt of a capture that began at `first`; all in steady time.
    pub fn push(
        &mut self,
        traits: &Traits,
        time: Timestamp,
        is_refused: bool,
        (first, watched): (Timestamp, &Watched),
    ) {
        for dimension in WATCHED {
            let Some(value) = key(traits, dimension) else {
                continue;
            };
            let key = (dimension, value);
            if is_refused && !self.series.contains_key(&key) {
                self.make_room(dimension);
                self.series.insert(
                    key,
                    Series {
                        finals: Finals::new(self.options.window, EVENTS),
                        detector: Detector::new(self.options, EVENTS, first),
                        refusals: 0,
                        has_unjudged: false,
                    },
                );
            }
            if let Some(series) = self.series.get_mut(&key) {
                series.push(time, is_refused, watched);
            }
        }
    }

    fn make_room(&mut self, dimension: Dimension) {
        let of = |key: &Key| key.0 == dimension;
        if self.series.keys().filter(|key| of(key)).count() < KEYS {
            return;
        }
        let least = self
            .series
            .iter()
            .filter(|(key, _)| of(key))
            .min_by_key(|(_, series)| series.refusals)
            .map(|(key, _)| *key);
        if let Some(least) = least {
            self.series.remove(&least);
        }
    }

    /// Ends the capture: the bursts of all keys, most refusals first.
    pub fn finish(&mut self, end: Timestamp, watched: &Watched, values: &Values) -> Vec<KeyBurst> {
        let mut bursts = Vec::new();
        for ((dimension, key), series) in std::mem::take(&mut self.series) {
            let Some(value) = name(values, dimension, key) else {
                continue;
            };
            for burst in series.detector.finish(&series.finals, watched, end) {
                bursts.push(KeyBurst {
                    dimension,
                    value: value.clone(),
                    key,
                    burst,
                });
            }
        }
        bursts.sort_by_key(|one| (std::cmp::Reverse(one.burst.count), one.dimension));
        bursts
    }
}

impl Series {
    fn push(&mut self, time: Timestamp, is_refused: bool, watched: &Watched) {
        let time = self.finals.next(time);
        if self.finals.moves_on(time) && std::mem::take(&mut self.has_unjudged) {
            self.detector.judge(&self.finals, watched);
        }
        self.finals.push(time);
        if is_refused {
            self.detector.push(time, &self.finals);
            self.refusals += 1;
            self.has_unjudged = true;
        }
    }
}

fn key(traits: &Traits, dimension: Dimension) -> Option<u64> {
    match dimension {
        Dimension::OrigPrefix => traits.orig_range(RANGE_DIGITS),
        _ => traits.id(dimension).map(u64::from),
    }
}

fn name(values: &Values, dimension: Dimension, key: u64) -> Option<Box<[u8]>> {
    match dimension {
        Dimension::OrigPrefix => Some(
            format!("{key:0width$}", width = usize::from(RANGE_DIGITS))
                .into_bytes()
                .into(),
        ),
        _ => values
            .name(dimension, u16::try_from(key).ok()?)
            .map(Into::into),
    }
}
