//! Addresses: pseudonyms that keep prefixes, lengths of text, and what a range means.
//!
//! In: IPv4, IPv6 and MAC addresses, packed or as text. Out: others in their place.
//!
//! Always: two IPv4 addresses share their first octets exactly as far as their pseudonyms do, two
//! IPv6 addresses their first hexadecimal digits. A pseudonym has as many digits as the address, so
//! that no length in a message or a stream changes. Private stays private, public stays public;
//! multicast, broadcast, loopback, link-local prefixes and the unspecified address stay as they are,
//! and so does a last octet of 0 or 255.
//!
//! # References
//! - J. Xu et al., "Prefix-preserving IP address anonymization" (Crypto-PAn), of which this keeps the
//!   idea, by octet in place of bit
//! - RFC 1918, RFC 6598, RFC 3927, RFC 4291, RFC 4193, RFC 5952

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rustc_hash::{FxHashMap, FxHashSet};

use super::key::Key;

/// Entries of the table of octets that is kept before it is begun anew.
const CACHED: usize = 65_536;

/// Mappings tried to find one under which no address becomes another of the capture; fewer where
/// there are so many addresses that none will be found.
const TRIES: u8 = 64;

/// The mapping of addresses under one key.
#[derive(Debug)]
pub(super) struct Addresses {
    key: Key,
    /// Counts up where the pseudonym of an address was another address of the capture.
    tweak: u8,
    /// The octets that stand for those behind a prefix.
    nodes: FxHashMap<Vec<u8>, Vec<u8>>,
}

impl Addresses {
    pub(super) fn new(key: Key) -> Self {
        Self {
            key,
            tweak: 0,
            nodes: FxHashMap::default(),
        }
    }

    /// Finds a mapping under which as few as may be of `seen` become another of them, best none;
    /// those that are another's pseudonym come out.
    pub(super) fn settle(&mut self, seen: &FxHashSet<IpAddr>) -> Vec<IpAddr> {
        let mut sorted: Vec<IpAddr> = seen.iter().copied().collect();
        sorted.sort_unstable();
        let mut best: Option<(u8, Vec<IpAddr>)> = None;
        let tries = if sorted.len() > 4096 { 4 } else { TRIES };
        for tweak in 0..tries {
            self.try_with(tweak);
            let images = sorted.iter().filter(|address| !Self::is_kept(**address));
            let met: Vec<IpAddr> = images
                .map(|address| self.map(*address))
                .filter(|image| seen.contains(image))
                .collect();
            if best
                .as_ref()
                .is_none_or(|(_, least)| met.len() < least.len())
            {
                let is_free = met.is_empty();
                best = Some((tweak, met));
                if is_free {
                    break;
                }
            }
        }
        let (tweak, met) = best.unwrap_or_default();
        self.try_with(tweak);
        met
    }

    fn try_with(&mut self, tweak: u8) {
        self.tweak = tweak;
        self.nodes.clear();
    }

    pub(super) fn map(&mut self, address: IpAddr) -> IpAddr {
        match address {
            IpAddr::V4(address) => IpAddr::V4(self.v4(address)),
            IpAddr::V6(address) => IpAddr::V6(self.v6(address)),
        }
    }

    /// Whether the address says something of somebody.
    pub(super) fn is_kept(address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => is_kept_v4(address),
            IpAddr::V6(address) => {
                address.is_unspecified() || address.is_loopback() || address.is_multicast()
            }
        }
    }

    pub(super) fn v4(&mut self, address: Ipv4Addr) -> Ipv4Addr {
        if is_kept_v4(address) {
            return address;
        }
        let old = address.octets();
        let mut new = old;
        for (at, to) in new.iter_mut().enumerate() {
            let prefix = old.get(..at).unwrap_or_default();
            let octet = *to;
            if let Some(range) = range(prefix, octet) {
                *to = self.octet(prefix, octet, &range);
            }
        }
        new.into()
    }

    /// What stands for `octet`, one of `range`, behind `prefix`.
    fn octet(&mut self, prefix: &[u8], octet: u8, range: &Range) -> u8 {
        let mut node = vec![4, range.name];
        node.extend_from_slice(prefix);
        let (key, tweak) = (&self.key, self.tweak);
        if self.nodes.len() > CACHED {
            self.nodes.clear();
        }
        let order = self.nodes.entry(node).or_insert_with_key(|node| {
            let len = u8::try_from(range.octets.len()).unwrap_or(u8::MAX);
            key.cycle("ipv4", &[&[tweak], node], len)
        });
        let place = range.octets.iter().position(|other| *other == octet);
        place
            .and_then(|place| order.get(place))
            .and_then(|place| range.octets.get(usize::from(*place)))
            .map_or(octet, |octet| *octet)
    }

    pub(super) fn v6(&mut self, address: Ipv6Addr) -> Ipv6Addr {
        if Self::is_kept(IpAddr::V6(address)) {
            return address;
        }
        let old = address.octets();
        let mut new = old;
        // What carries an IPv4 address in its last four octets.
        if (old.starts_with(&[0; 10]) && matches!(old.get(10..12), Some([0xff, 0xff])))
            || old.starts_with(&[0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0])
        {
            if let Some(last) = old.last_chunk::<4>() {
                let mapped = self.v4(Ipv4Addr::from(*last)).octets();
                for (to, from) in new.iter_mut().skip(12).zip(mapped) {
                    *to = from;
                }
            }
            return new.into();
        }
        // Digits that say what kind of address it is.
        let kept = match old {
            [0xfe, _, ..] => 4,
            [0xfc | 0xfd, _, ..] => 2,
            _ => 1,
        };
        let digits: Vec<u8> = old
            .iter()
            .flat_map(|octet| [octet >> 4, octet & 15])
            .collect();
        let mut leading = true;
        for (at, digit) in digits.iter().enumerate() {
            if at % 4 == 0 {
                leading = true;
            }
            // A text leaves out zeros at the beginning of a group: they stay, and nothing becomes one.
            let image = if at < kept || (leading && *digit == 0) {
                *digit
            } else {
                let first = u8::from(leading);
                let prefix = digits.get(..at).unwrap_or_default();
                let order = self.digits(prefix, 16 - first, first);
                order
                    .get(usize::from(digit - first))
                    .map_or(*digit, |image| image + first)
            };
            leading &= *digit == 0;
            if let Some(octet) = new.get_mut(at / 2) {
                *octet = if at % 2 == 0 {
                    (*octet & 0x0f) | (image << 4)
                } else {
                    (*octet & 0xf0) | image
                };
            }
        }
        new.into()
    }

    fn digits(&mut self, prefix: &[u8], len: u8, class: u8) -> &Vec<u8> {
        let mut node = vec![6, class];
        node.extend_from_slice(prefix);
        let (key, tweak) = (&self.key, self.tweak);
        if self.nodes.len() > CACHED {
            self.nodes.clear();
        }
        self.nodes
            .entry(node)
            .or_insert_with_key(|node| key.cycle("ipv6", &[&[tweak], node], len))
    }

    /// A MAC address; multicast and broadcast stay, and so do the bits that tell kinds apart.
    pub(super) fn mac(&self, bytes: &mut [u8]) {
        let [first, ..] = *bytes else { return };
        if first & 1 == 1 || bytes.iter().all(|byte| *byte == 0) {
            return;
        }
        let mut numbers = self.key.stream("mac", &[bytes]);
        for byte in bytes.iter_mut() {
            let [random, ..] = numbers.next();
            *byte = random;
        }
        if let Some(byte) = bytes.first_mut() {
            *byte = (*byte & 0xfc) | (first & 3);
        }
    }

    /// The address that `text` is, replaced in it; false if it is none.
    pub(super) fn text(&mut self, text: &mut [u8]) -> bool {
        let Some(address) = parse(text) else {
            return false;
        };
        match self.map(address) {
            IpAddr::V4(image) => put_v4(text, image),
            IpAddr::V6(image) => {
                // An IPv4 address at the end of a text has digits of its own.
                let tail = text
                    .iter()
                    .rposition(|byte| *byte == b':')
                    .map_or(0, |at| at + 1);
                let tail = text.get(tail..).and_then(parse);
                let tail = match tail {
                    Some(IpAddr::V4(tail)) => Some(self.v4(tail)),
                    _ => None,
                };
                put_v6(text, image, tail);
            }
        }
        true
    }
}

/// The address that is all of `text`.
pub(super) fn parse(text: &[u8]) -> Option<IpAddr> {
    // A long text is none, and zeros in front are not how addresses are written.
    let text = std::str::from_utf8(text)
        .ok()
        .filter(|text| text.len() <= 45)?;
    text.parse().ok()
}

fn put_v4(text: &mut [u8], image: Ipv4Addr) {
    let image = image.to_string();
    if image.len() == text.len() {
        text.copy_from_slice(image.as_bytes());
    }
}

/// Writes the groups of `image` where those of the old address stand, in as many digits.
fn put_v6(text: &mut [u8], image: Ipv6Addr, tail: Option<Ipv4Addr>) {
    let groups = image.segments();
    let count = text.split(|byte| *byte == b':').count();
    let elided = text.windows(2).position(|pair| pair == b"::");
    let has_v4 = text.contains(&b'.');
    let total: usize = if has_v4 { 6 } else { 8 };
    let mut at = 0;
    let mut pieces: Vec<(usize, usize)> = Vec::with_capacity(count);
    for piece in text.split(|byte| *byte == b':') {
        pieces.push((at, piece.len()));
        at += piece.len() + 1;
    }
    let after = pieces
        .iter()
        .filter(|(start, len)| *len > 0 && elided.is_some_and(|gap| *start > gap))
        .filter(|(start, len)| {
            !text
                .get(*start..start + len)
                .is_some_and(|piece| piece.contains(&b'.'))
        })
        .count();
    let mut group = 0;
    let mut jumped = false;
    for (start, len) in pieces {
        if len == 0 {
            continue;
        }
        if !jumped && elided.is_some_and(|gap| start > gap) {
            jumped = true;
            group = total.saturating_sub(after);
        }
        let Some(piece) = text.get_mut(start..start + len) else {
            continue;
        };
        if piece.contains(&b'.') {
            if let Some(tail) = tail {
                put_v4(piece, tail);
            }
            continue;
        }
        let mut value = groups.get(group).copied().unwrap_or(0);
        group += 1;
        let upper = piece.iter().any(u8::is_ascii_uppercase);
        for byte in piece.iter_mut().rev() {
            let digit = char::from_digit(u32::from(value & 15), 16).unwrap_or('0');
            let digit = if upper {
                digit.to_ascii_uppercase()
            } else {
                digit
            };
            *byte = u8::try_from(digit).unwrap_or(b'0');
            value >>= 4;
        }
    }
}

fn is_kept_v4(address: Ipv4Addr) -> bool {
    matches!(address.octets(), [0 | 127 | 224..=255, ..])
}

/// Octets that may stand for each other.
struct Range {
    name: u8,
    octets: Vec<u8>,
}

/// What may stand for `octet` behind `prefix`: as many digits, the same kind of network. `None`
/// where it stays.
fn range(prefix: &[u8], octet: u8) -> Option<Range> {
    let allowed = |octet: u8| match prefix {
        // The first octet of what is public throughout.
        [] => !matches!(octet, 0 | 10 | 100 | 127 | 169 | 172 | 192 | 224..=255),
        [100] => !matches!(octet, 64..=127),
        [169] => octet != 254,
        [172] => !matches!(octet, 16..=31),
        [192] => octet != 168,
        [_, _, _] => !matches!(octet, 0 | 255),
        _ => true,
    };
    let alike: fn(u8) -> bool = match prefix {
        // Ranges for private use, between carriers and customers, and for one link (RFC 1918,
        // RFC 6598, RFC 3927).
        [100] if (64..=127).contains(&octet) => |octet| (64..=127).contains(&octet),
        [172] if (16..=31).contains(&octet) => |octet| (16..=31).contains(&octet),
        _ if !allowed(octet) => return None,
        _ => |_| true,
    };
    let is_special = !allowed(octet);
    let digits = |octet: u8| octet.to_string().len();
    let octets: Vec<u8> = (0..=255)
        .filter(|other| digits(*other) == digits(octet))
        .filter(|other| alike(*other) && allowed(*other) != is_special)
        .collect();
    Some(Range {
        name: u8::try_from(digits(octet)).unwrap_or(0) + if is_special { 8 } else { 0 },
        octets,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses() -> Addresses {
        Addresses::new(Key::new(b"k"))
    }

    fn v4(text: &str) -> Ipv4Addr {
        addresses().v4(text.parse().unwrap())
    }

    #[test]
    fn addresses_share_octets_exactly_as_far_as_their_pseudonyms() {
        let all = [
            "203.0.113.7",
            "203.0.113.9",
            "203.0.112.7",
            "203.1.113.7",
            "198.51.100.7",
        ];
        for a in all {
            for b in all {
                let shared = |a: Ipv4Addr, b: Ipv4Addr| {
                    let pairs = a.octets().into_iter().zip(b.octets());
                    pairs.take_while(|(a, b)| a == b).count()
                };
                let before = shared(a.parse().unwrap(), b.parse().unwrap());
                assert_eq!(shared(v4(a), v4(b)), before, "{a} {b}");
            }
        }
    }

    #[test]
    fn ranges_keep_their_kind_and_texts_their_length() {
        for text in [
            "10.1.0.9",
            "172.16.3.20",
            "192.168.1.77",
            "100.64.9.9",
            "169.254.7.8",
        ] {
            let image = v4(text);
            let address: Ipv4Addr = text.parse().unwrap();
            assert_ne!(image, address);
            assert_eq!(image.to_string().len(), text.len());
            assert_eq!(image.is_private(), address.is_private());
            assert_eq!(image.is_link_local(), address.is_link_local());
            assert_eq!(image.octets()[0], address.octets()[0]);
        }
        for text in [
            "8.8.8.8",
            "9.255.1.1",
            "172.15.1.1",
            "172.217.16.46",
            "192.0.2.1",
            "100.1.1.1",
            "99.99.99.99",
        ] {
            let image = v4(text);
            assert!(
                !image.is_private() && !image.is_loopback(),
                "{text} {image}"
            );
            assert_eq!(image.to_string().len(), text.len());
            assert_ne!(image.to_string(), text);
        }
    }

    #[test]
    fn what_names_nobody_stays() {
        for text in ["0.0.0.0", "127.0.0.1", "224.0.1.75", "255.255.255.255"] {
            assert_eq!(v4(text).to_string(), text);
        }
        for text in ["::", "::1", "ff02::1"] {
            let address = addresses().v6(text.parse().unwrap());
            assert_eq!(address.to_string(), text);
        }
        assert!(
            addresses()
                .v6("fe80::1:2".parse().unwrap())
                .to_string()
                .starts_with("fe80::")
        );
    }

    #[test]
    fn no_octet_of_a_network_becomes_that_of_another() {
        let mut addresses = addresses();
        let mut seen = std::collections::BTreeSet::new();
        for a in 0..=255 {
            for b in 0..=255 {
                assert!(seen.insert(addresses.v4(Ipv4Addr::new(172, a, 3, b))));
            }
        }
    }

    #[test]
    fn ipv6_text_is_rewritten_as_the_packed_address_is() {
        let mut addresses = addresses();
        for text in [
            "2001:db8::1",
            "2001:DB8:0:0:1:22:333:4444",
            "2001:0db8::00ff",
            "fd00::a:b",
            "::ffff:203.0.113.9",
            "2001:db8:1:2:3:4:5:6",
            "1::",
            "2001:db8::203.0.113.9",
        ] {
            let address: Ipv6Addr = text.parse().unwrap();
            let image = addresses.v6(address);
            let mut written = text.as_bytes().to_vec();
            assert!(addresses.text(&mut written));
            let written = String::from_utf8(written).unwrap();
            // An IPv4 tail behind another prefix may have other digits than the text has room for.
            if !text.contains('.') || text.starts_with("::ffff") {
                assert_eq!(written.parse::<Ipv6Addr>().unwrap(), image, "{text}");
            }
            assert_eq!(written.len(), text.len());
        }
    }

    #[test]
    fn prefixes_of_ipv6_are_kept_by_digit() {
        let mut addresses = addresses();
        let mut map = |text: &str| addresses.v6(text.parse().unwrap()).segments();
        let (a, b, c) = (
            map("2001:db8:1::5"),
            map("2001:db8:1::6"),
            map("2001:db8:2::5"),
        );
        assert_eq!(a[..3], b[..3]);
        assert_ne!(a[7], b[7]);
        assert_eq!(a[..2], c[..2]);
        assert_ne!(a[2], c[2]);
    }
}
