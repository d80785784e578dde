//! Partition: what the refused calls of a burst share that the passed ones of the same time do not.
//!
//! In: for each attempt of the window its traits, one value a dimension, and whether it was
//! refused. Out: [`Contributor`]s, the strongest separation first, one value a dimension, and
//! whether one of them alone separates the two sides. Values are interned, so that an attempt costs
//! a few numbers; of more than `VALUES` values of a dimension the later ones are one value without
//! a name, which never contributes.
//!
//! A share of a few calls is no share: a value is named only where the difference is beyond what
//! chance gives two samples of these sizes (their Wilson intervals of 99 % do not meet). A call that
//! was tried again is one sample. Where even what all refused and no passed calls share would not be
//! beyond chance, nothing is said either way.
//!
//! # References
//! - DOMAIN G.5; E. B. Wilson, "Probable inference", 1927, for the intervals

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::rule::Peer;
use super::table::Table;
use crate::units::Span;

/// Values told apart in one dimension.
const VALUES: usize = 4096;

/// A prefix of numbers has at least so many digits (DOMAIN G.5).
const PREFIX_DIGITS: u8 = 6;

/// Such a prefix holds at least this share of the refused calls.
const PREFIX_SHARE: f64 = 0.8;

/// Less than this difference of shares explains nothing.
const LEAST_DIFFERENCE: f64 = 0.2;

/// Of fewer refused calls nothing is compared: what one call has is no pattern.
const FEWEST: u64 = 5;

/// One value separates the two sides if it holds this share of the refused at least …
const SEPARATES_INSIDE: f64 = 0.8;

/// … and this share of the passed at most.
const SEPARATES_OUTSIDE: f64 = 0.1;

macro_rules! dimensions {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        /// What calls can share.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Dimension {
            $($(#[$doc])* $name,)*
        }

        impl Dimension {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The name in the JSON.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

dimensions! {
    /// Pair of hosts.
    Peer = "peer";
    /// Where the signer's certificate is, whole.
    X5u = "x5u";
    /// Fingerprint of the certificate that was given for it.
    Certificate = "certificate";
    /// Attestation.
    Attest = "attest";
    /// Age of the signature when it was captured, in classes.
    IatAge = "iat-age";
    /// PASSporT types.
    Ppt = "ppt";
    /// Whether the call was diverted.
    Div = "div";
    /// Full, compact, RFC 4474, none.
    Form = "form";
    /// Who refused or passed it.
    Verifier = "verifier";
    /// User-Agent of the INVITE.
    UserAgent = "user-agent";
    /// Leading digits of the calling number.
    OrigPrefix = "orig-prefix";
    /// Leading digits of the called number.
    DestPrefix = "dest-prefix";
    /// Via values: how far it came.
    Hop = "hop";
    /// Size of the INVITE, in classes.
    Size = "size";
    /// Whether it came in fragments.
    Fragmented = "fragmented";
}

/// Dimensions there are.
const COUNT: usize = Dimension::ALL.len();

/// A value's number in its dimension; 0: none, or one of too many.
pub(super) type ValueId = u16;

/// The traits of one attempt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traits {
    values: [ValueId; COUNT],
    orig: Digits,
    dest: Digits,
    /// Age of the token in milliseconds, cut to what fits.
    age_ms: Option<i32>,
}

impl Traits {
    fn set(&mut self, dimension: Dimension, id: ValueId) {
        if let Some(place) = self.values.get_mut(dimension as usize) {
            *place = id;
        }
    }

    /// The number of its value in a dimension, if that has a name.
    pub(super) fn id(&self, dimension: Dimension) -> Option<ValueId> {
        self.values
            .get(dimension as usize)
            .copied()
            .filter(|id| *id != 0)
    }

    /// Calling and called number, where both are numbers.
    pub(super) fn numbers(&self) -> Option<(Digits, Digits)> {
        (self.orig.len > 0 && self.dest.len > 0).then_some((self.orig, self.dest))
    }

    /// Whether the calling or the called number is known.
    pub(super) fn has_number(&self, dimension: Dimension) -> bool {
        match dimension {
            Dimension::OrigPrefix => self.orig.len > 0,
            Dimension::DestPrefix => self.dest.len > 0,
            _ => false,
        }
    }

    /// How old its token was when it was captured.
    pub(super) fn age(&self) -> Option<Span> {
        self.age_ms.map(|ms| Span::from_millis(i64::from(ms)))
    }

    /// Sets the age of its token.
    pub(super) fn set_age(&mut self, age: Span) {
        let ms = age.nanos() / 1_000_000;
        let cut = i32::try_from(ms).unwrap_or(if ms < 0 { i32::MIN } else { i32::MAX });
        self.age_ms = Some(cut);
    }

    /// The first `len` digits of the calling number.
    pub(super) fn orig_range(&self, len: u8) -> Option<u64> {
        self.orig.prefix(len).map(|digits| digits.number)
    }
}

/// A telephone number's digits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Digits {
    number: u64,
    len: u8,
}

impl Digits {
    /// Of a canonical number; up to 19 digits, which is more than E.164 has.
    fn of(text: &str) -> Self {
        let mut digits = Self::default();
        for byte in text.bytes().filter(u8::is_ascii_digit).take(19) {
            digits.number = digits.number * 10 + u64::from(byte - b'0');
            digits.len += 1;
        }
        digits
    }

    /// Its first `len` digits.
    fn prefix(self, len: u8) -> Option<Self> {
        let cut = self.len.checked_sub(len)?;
        Some(Self {
            number: self.number / 10_u64.checked_pow(u32::from(cut))?,
            len,
        })
    }

    fn text(self) -> String {
        format!("{:0width$}", self.number, width = usize::from(self.len))
    }
}

/// The values seen, by dimension.
#[derive(Debug, Default)]
pub struct Values {
    ids: [Table<Box<[u8]>, ValueId>; COUNT],
    names: [Vec<Box<[u8]>>; COUNT],
    /// Of those that every attempt has the numbers again, by what is quicker than their names.
    peers: Table<Peer, ValueId>,
    verifiers: Table<IpAddr, ValueId>,
    /// Of an x5u the certificate that was given for it, where it is the only one.
    certificates: BTreeMap<Box<[u8]>, Dated>,
}

/// The times of a certificate, in seconds since 1970.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dated {
    /// The file it is in.
    pub path: String,
    /// Its serial number.
    pub serial: String,
    /// From when it is valid.
    pub not_before: i64,
    /// Until when.
    pub not_after: i64,
    /// When it was revoked.
    pub revoked: Option<i64>,
}

impl Values {
    /// Sets one trait of an attempt; numbers go to [`Values::set_number`].
    pub fn set(&mut self, traits: &mut Traits, dimension: Dimension, value: &[u8]) {
        let id = self.number(dimension, value);
        traits.set(dimension, id);
    }

    /// The number of a value; 0 where there is no room for one more.
    fn number(&mut self, dimension: Dimension, value: &[u8]) -> ValueId {
        let index = dimension as usize;
        let (Some(ids), Some(names)) = (self.ids.get_mut(index), self.names.get_mut(index)) else {
            return 0;
        };
        if let Some(id) = ids.get(value) {
            return *id;
        }
        if names.len() >= VALUES {
            return 0;
        }
        names.push(value.into());
        let id = ValueId::try_from(names.len()).unwrap_or(0);
        ids.insert(value.into(), id);
        id
    }

    /// Sets the pair of hosts, whose name is written the first time only.
    pub fn set_peer(&mut self, traits: &mut Traits, peer: Peer) {
        let id = self.peers.get(&peer).copied().unwrap_or_else(|| {
            let id = self.number(Dimension::Peer, peer.to_string().as_bytes());
            if id != 0 {
                self.peers.insert(peer, id);
            }
            id
        });
        traits.set(Dimension::Peer, id);
    }

    /// The same of who judges the call.
    pub fn set_verifier(&mut self, traits: &mut Traits, verifier: IpAddr) {
        let id = self.verifiers.get(&verifier).copied().unwrap_or_else(|| {
            let id = self.number(Dimension::Verifier, verifier.to_string().as_bytes());
            if id != 0 {
                self.verifiers.insert(verifier, id);
            }
            id
        });
        traits.set(Dimension::Verifier, id);
    }

    /// Sets the calling or the called number.
    pub fn set_number(traits: &mut Traits, dimension: Dimension, number: &str) {
        match dimension {
            Dimension::OrigPrefix => traits.orig = Digits::of(number),
            Dimension::DestPrefix => traits.dest = Digits::of(number),
            _ => {}
        }
    }

    /// The value of an attempt in a dimension, if it has one with a name.
    pub fn get(&self, traits: &Traits, dimension: Dimension) -> Option<&[u8]> {
        let id = *traits.values.get(dimension as usize)?;
        let place = usize::from(id).checked_sub(1)?;
        self.names
            .get(dimension as usize)?
            .get(place)
            .map(AsRef::as_ref)
    }

    /// Looks for the certificate of every x5u that was seen.
    pub fn date(&mut self, certificate: impl Fn(&str) -> Option<Dated>) {
        let of = |x5u: &[u8]| {
            let dated = certificate(std::str::from_utf8(x5u).ok()?)?;
            Some((x5u.into(), dated))
        };
        let names = self.names.get(Dimension::X5u as usize);
        self.certificates = names
            .into_iter()
            .flatten()
            .filter_map(|x5u| of(x5u))
            .collect();
    }

    /// The certificate of an x5u.
    pub(super) fn certificate(&self, x5u: &[u8]) -> Option<&Dated> {
        self.certificates.get(x5u)
    }

    /// The value behind a number.
    pub(super) fn name(&self, dimension: Dimension, id: ValueId) -> Option<&[u8]> {
        let place = usize::from(id).checked_sub(1)?;
        self.names
            .get(dimension as usize)?
            .get(place)
            .map(AsRef::as_ref)
    }
}

/// A value that is more frequent among the refused.
#[derive(Clone, Debug, PartialEq)]
pub struct Contributor {
    /// Which dimension.
    pub dimension: Dimension,
    /// Its value; of a prefix the leading digits.
    pub value: Box<[u8]>,
    /// Refused attempts with it, and all refused ones.
    pub refused: (u64, u64),
    /// Passed attempts with it, and all passed ones.
    pub passed: (u64, u64),
}

impl Contributor {
    /// Share of the refused.
    pub fn inside(&self) -> f64 {
        share(self.refused)
    }

    /// Share of the passed; 0 where none passed.
    pub fn outside(&self) -> f64 {
        share(self.passed)
    }

    /// How much more frequent; `None` where no passed attempt has it.
    pub fn lift(&self) -> Option<f64> {
        (self.passed.0 > 0).then(|| self.inside() / self.outside())
    }

    /// Whether it tells the two sides apart nearly alone.
    pub fn separates(&self) -> bool {
        self.inside() >= SEPARATES_INSIDE && self.outside() <= SEPARATES_OUTSIDE
    }
}

/// What came of the comparison.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Partition {
    /// The strongest separation first, one value a dimension.
    pub contributors: Vec<Contributor>,
    /// Whether one of them separates the two sides; `None` where nothing passed to compare with, or
    /// too little of either side to tell.
    pub separable: Option<bool>,
    /// There are both sides, and too few calls to tell them apart.
    pub too_few: bool,
}

/// The same before names are known: they are all there only when the capture has ended.
#[derive(Clone, Debug, Default)]
pub(super) struct Compared {
    found: Vec<Unnamed>,
    is_enough: bool,
    too_few: bool,
}

/// A value by its number, or leading digits.
#[derive(Clone, Copy, Debug)]
enum Value {
    Id(ValueId),
    Prefix(Digits),
}

/// A contributor whose value has no name yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unnamed {
    dimension: Dimension,
    value: Value,
    refused: (u64, u64),
    passed: (u64, u64),
}

impl Unnamed {
    /// Whether an attempt has the value.
    pub(super) fn is_of(&self, traits: &Traits) -> bool {
        match (self.value, self.dimension) {
            (Value::Id(id), dimension) => traits.id(dimension) == Some(id),
            (Value::Prefix(digits), Dimension::OrigPrefix) => {
                traits.orig.prefix(digits.len) == Some(digits)
            }
            (Value::Prefix(digits), _) => traits.dest.prefix(digits.len) == Some(digits),
        }
    }

    fn strength(&self) -> f64 {
        share(self.refused) - share(self.passed)
    }

    fn named(&self, values: &Values) -> Option<Contributor> {
        let value = match self.value {
            Value::Id(id) => values.name(self.dimension, id)?.into(),
            Value::Prefix(digits) => digits.text().into_bytes().into(),
        };
        Some(Contributor {
            dimension: self.dimension,
            value,
            refused: self.refused,
            passed: self.passed,
        })
    }
}

impl Compared {
    /// The strongest separation.
    pub(super) fn strongest(&self) -> Option<&Unnamed> {
        self.found.first()
    }

    /// With the names of values.
    pub(super) fn named(&self, values: &Values) -> Partition {
        let contributors: Vec<_> = self
            .found
            .iter()
            .filter_map(|one| one.named(values))
            .collect();
        Partition {
            separable: self
                .is_enough
                .then(|| contributors.iter().any(Contributor::separates)),
            contributors,
            too_few: self.too_few,
        }
    }
}

/// Compares the attempts of a window: traits, and whether refused; the refused are `calls`, some of
/// them tried again.
pub(super) fn compare<'a>(
    attempts: &(impl Iterator<Item = (&'a Traits, bool)> + Clone),
    calls: u64,
) -> Compared {
    let refused = attempts.clone().filter(|one| one.1).count() as u64;
    let passed = attempts.clone().filter(|one| !one.1).count() as u64;
    if passed == 0 || refused == 0 {
        return Compared::default();
    }
    let calls = calls.min(refused);
    if calls < FEWEST || wilson(1.0, calls).0 <= wilson(0.0, passed).1 {
        return Compared {
            too_few: true,
            ..Compared::default()
        };
    }
    let counted = count_values(attempts);
    let mut found = Vec::new();
    for (&dimension, counts) in Dimension::ALL.iter().zip(&counted) {
        let best = match dimension {
            Dimension::OrigPrefix => {
                best_prefix(dimension, attempts, refused, passed, |traits| traits.orig)
            }
            Dimension::DestPrefix => {
                best_prefix(dimension, attempts, refused, passed, |traits| traits.dest)
            }
            _ => best_value(dimension, counts, refused, passed),
        };
        found.extend(best.filter(|one| is_beyond_chance(one, calls)));
    }
    found.sort_by(|a, b| b.strength().total_cmp(&a.strength()));
    Compared {
        found,
        is_enough: true,
        too_few: false,
    }
}

/// How many refused and passed attempts have each value, by dimension and value.
fn count_values<'a>(
    attempts: &(impl Iterator<Item = (&'a Traits, bool)> + Clone),
) -> [Vec<(u64, u64)>; COUNT] {
    let mut counted = [const { Vec::new() }; COUNT];
    for (traits, is_refused) in attempts.clone() {
        for (counts, id) in counted.iter_mut().zip(traits.values) {
            let place = usize::from(id);
            if counts.len() <= place {
                counts.resize(place + 1, (0, 0));
            }
            if let Some(count) = counts.get_mut(place) {
                count.0 += u64::from(is_refused);
                count.1 += u64::from(!is_refused);
            }
        }
    }
    counted
}

/// The value of a dimension whose shares differ most, of the `counts` by value.
fn best_value(
    dimension: Dimension,
    counts: &[(u64, u64)],
    refused: u64,
    passed: u64,
) -> Option<Unnamed> {
    // 0 stands for none.
    (0..)
        .zip(counts)
        .skip(1)
        .filter(|(_, count)| **count != (0, 0))
        .map(|(id, count)| Unnamed {
            dimension,
            value: Value::Id(id),
            refused: (count.0, refused),
            passed: (count.1, passed),
        })
        .max_by(|a, b| a.strength().total_cmp(&b.strength()))
}

/// The longest prefix that enough of the refused share.
fn best_prefix<'a>(
    dimension: Dimension,
    attempts: &(impl Iterator<Item = (&'a Traits, bool)> + Clone),
    refused: u64,
    passed: u64,
    digits: impl Fn(&Traits) -> Digits,
) -> Option<Unnamed> {
    let mut best = None;
    for len in PREFIX_DIGITS..=19 {
        let mut counts: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
        for (traits, is_refused) in attempts.clone() {
            let Some(prefix) = digits(traits).prefix(len) else {
                continue;
            };
            let count = counts.entry(prefix.number).or_default();
            if is_refused {
                count.0 += 1;
            } else {
                count.1 += 1;
            }
        }
        let most = counts.into_iter().max_by_key(|(_, count)| count.0);
        let Some((number, count)) =
            most.filter(|(_, count)| share((count.0, refused)) >= PREFIX_SHARE)
        else {
            break;
        };
        best = Some(Unnamed {
            dimension,
            value: Value::Prefix(Digits { number, len }),
            refused: (count.0, refused),
            passed: (count.1, passed),
        });
    }
    best
}

/// Whether the shares differ by more than samples of these sizes do by chance.
fn is_beyond_chance(one: &Unnamed, calls: u64) -> bool {
    let (low, _) = wilson(share(one.refused), calls);
    let (_, high) = wilson(share(one.passed), one.passed.1);
    low > high && one.strength() >= LEAST_DIFFERENCE
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of calls are far below 2^52"
)]
fn share((part, whole): (u64, u64)) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}

/// The 99 % interval of a share of so many.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts of calls are far below 2^52"
)]
fn wilson(p: f64, whole: u64) -> (f64, f64) {
    const Z: f64 = 2.576;
    if whole == 0 {
        return (0.0, 1.0);
    }
    let n = whole as f64;
    let denominator = 1.0 + Z * Z / n;
    let centre = (p + Z * Z / (2.0 * n)) / denominator;
    let half = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt() / denominator;
    ((centre - half).max(0.0), (centre + half).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Attempts as `(refused, peer, attest, orig)`, each so many times.
    fn of(rows: &[(bool, &str, &str, &str, usize)]) -> Partition {
        let mut values = Values::default();
        let mut attempts = Vec::new();
        for &(refused, peer, attest, orig, times) in rows {
            for n in 0..times {
                let mut traits = Traits::default();
                values.set(&mut traits, Dimension::Peer, peer.as_bytes());
                values.set(&mut traits, Dimension::Attest, attest.as_bytes());
                let number = format!("{orig}{n:04}");
                Values::set_number(&mut traits, Dimension::OrigPrefix, &number);
                attempts.push((traits, refused));
            }
        }
        let calls = attempts.iter().filter(|one| one.1).count() as u64;
        tried(&values, &attempts, calls)
    }

    fn tried(values: &Values, attempts: &[(Traits, bool)], calls: u64) -> Partition {
        let sides = attempts.iter().map(|(traits, refused)| (traits, *refused));
        compare(&sides, calls).named(values)
    }

    fn named(partition: &Partition) -> Vec<(&'static str, &str)> {
        partition
            .contributors
            .iter()
            .map(|one| {
                let value = std::str::from_utf8(&one.value).expect("text");
                (one.dimension.name(), value)
            })
            .collect()
    }

    #[test]
    fn what_all_refused_and_no_passed_calls_share_separates_them() {
        let found = of(&[
            (true, "east", "A", "12015550", 40),
            (false, "west", "A", "14155550", 60),
        ]);
        assert_eq!(named(&found).first(), Some(&("peer", "east")));
        assert_eq!(found.separable, Some(true));
        let peer = found.contributors.first().expect("one");
        assert_eq!(
            (peer.inside(), peer.outside(), peer.lift()),
            (1.0, 0.0, None)
        );
        assert!(named(&found).contains(&("orig-prefix", "1201555000")));
        assert!(!named(&found).iter().any(|one| one.0 == "attest"));
    }

    #[test]
    fn what_both_sides_share_alike_is_not_named() {
        let found = of(&[
            (true, "east", "A", "12015550", 20),
            (true, "west", "A", "14155550", 20),
            (false, "east", "A", "12015550", 30),
            (false, "west", "A", "14155550", 30),
        ]);
        assert_eq!(named(&found), []);
        assert_eq!(found.separable, Some(false));
    }

    #[test]
    fn exceptions_are_counted_and_lower_the_separation() {
        let found = of(&[
            (true, "east", "A", "12015550", 36),
            (true, "west", "B", "14155550", 4),
            (false, "east", "A", "12015550", 30),
            (false, "west", "B", "14155550", 70),
        ]);
        let peer = found.contributors.first().expect("one");
        assert_eq!((peer.refused, peer.passed), ((36, 40), (30, 100)));
        assert_eq!(peer.lift(), Some(3.0));
        assert_eq!(found.separable, Some(false));
    }

    #[test]
    fn a_handful_of_calls_proves_no_difference() {
        let found = of(&[
            (true, "east", "A", "12015550", 3),
            (false, "west", "B", "14155550", 3),
        ]);
        assert_eq!(named(&found), []);
    }

    #[test]
    fn where_no_difference_could_be_beyond_chance_nothing_is_called_inseparable() {
        let found = of(&[
            (true, "east", "A", "12015550", 5),
            (false, "west", "B", "14155550", 2),
        ]);
        assert_eq!((found.separable, found.too_few), (None, true));
        let found = of(&[
            (true, "east", "A", "12015550", 5),
            (false, "west", "B", "14155550", 20),
        ]);
        assert_eq!((found.separable, found.too_few), (Some(true), false));
    }

    #[test]
    fn a_call_that_is_tried_again_is_one_sample() {
        let mut values = Values::default();
        let mut attempts = Vec::new();
        for n in 0..440 {
            let mut traits = Traits::default();
            let peer = if n < 40 { "east" } else { "west" };
            values.set(&mut traits, Dimension::Peer, peer.as_bytes());
            attempts.push((traits, n < 40));
        }
        assert_eq!(named(&tried(&values, &attempts, 40)), [("peer", "east")]);
        let retried = tried(&values, &attempts, 1);
        assert_eq!((named(&retried), retried.separable), (vec![], None));
        assert!(retried.too_few);
    }

    #[test]
    fn without_passed_calls_there_is_nothing_to_compare_with() {
        let found = of(&[(true, "east", "A", "12015550", 40)]);
        assert_eq!(found, Partition::default());
        assert_eq!(found.separable, None);
    }

    #[test]
    fn a_prefix_keeps_its_leading_zeros_and_stops_where_numbers_part() {
        let found = of(&[
            (true, "a", "A", "0049301234", 40),
            (false, "a", "A", "0033140000", 60),
        ]);
        assert_eq!(named(&found), [("orig-prefix", "004930123400")]);
    }

    #[test]
    fn strangers_cannot_fill_the_memory_with_values() {
        let mut values = Values::default();
        let mut traits = Traits::default();
        for n in 0..100_000_u32 {
            values.set(&mut traits, Dimension::UserAgent, &n.to_be_bytes());
        }
        assert_eq!(values.names.iter().map(Vec::len).sum::<usize>(), VALUES);
        assert_eq!(values.get(&traits, Dimension::UserAgent), None);
    }
}
