//! Checksums: carried over from what was to what is.
//!
//! In: the old bytes of a packet, the new ones, and where its heads lie. Out: checksums changed by as
//! much as what they cover, so that a right one stays right, and one that was wrong, or that the
//! network card was to fill in, stays that.
//!
//! # References
//! - RFC 1624 §3 (incremental update), RFC 768, RFC 9293 §3.1, RFC 4443 §2.3, RFC 9260 §6.8 and A

use super::frame::{Head, Kind};

/// Addresses of the packet around a datagram put together: what they were and what they are.
pub(super) type Outer = (Vec<u8>, Vec<u8>);

/// Brings the checksums of `new` to date, innermost first.
pub(super) fn carry(old: &[u8], new: &mut [u8], heads: &[Head], outer: Option<&Outer>) {
    for (no, head) in heads.iter().enumerate().rev() {
        match head.kind {
            Kind::Ip => {
                let first = old.get(head.at).copied().unwrap_or(0);
                if first >> 4 == 4 {
                    let len = usize::from(first & 15) * 4;
                    update(
                        old,
                        new,
                        (head.at, head.at + len),
                        head.at + 10,
                        None,
                        false,
                    );
                }
            }
            Kind::Transport(protocol) => {
                let ip = heads.get(..no).unwrap_or_default().iter().rev();
                let ip = ip.into_iter().find(|head| head.kind == Kind::Ip);
                let addresses = match ip {
                    Some(ip) => addresses(old, new, ip.at),
                    None => outer.cloned(),
                };
                transport(old, new, head, protocol, addresses.as_ref());
            }
            Kind::Link(_) | Kind::Fragment => {}
        }
    }
}

/// Both addresses of the IP packet at `at`.
fn addresses(old: &[u8], new: &[u8], at: usize) -> Option<Outer> {
    let range = match old.get(at)? >> 4 {
        4 => at + 12..at + 20,
        _ => at + 8..at + 40,
    };
    Some((old.get(range.clone())?.to_vec(), new.get(range)?.to_vec()))
}

fn transport(old: &[u8], new: &mut [u8], head: &Head, protocol: u8, addresses: Option<&Outer>) {
    let mut end = head.at + head.len;
    let place = match protocol {
        17 => {
            let len = old
                .get(head.at + 4..)
                .and_then(|rest| rest.first_chunk::<2>());
            let len = len.map_or(0, |len| usize::from(u16::from_be_bytes(*len)));
            if len >= 8 {
                end = end.min(head.at + len);
            }
            6
        }
        6 => 16,
        1 => return update(old, new, (head.at, end), head.at + 2, None, false),
        58 => 2,
        132 => return sctp(old, new, (head.at, end)),
        _ => return,
    };
    update(
        old,
        new,
        (head.at, end),
        head.at + place,
        addresses,
        protocol == 17,
    );
}

/// Changes the checksum at `place` by what changed from `from` to `end`.
fn update(
    old: &[u8],
    new: &mut [u8],
    (from, end): (usize, usize),
    place: usize,
    addresses: Option<&Outer>,
    zero_is_none: bool,
) {
    let end = end.min(old.len());
    let (Some(was), Some(now)) = (old.get(from..end), new.get(from..end)) else {
        return;
    };
    let Some(was_sum) = old.get(place..).and_then(|rest| rest.first_chunk::<2>()) else {
        return;
    };
    let was_sum = u16::from_be_bytes(*was_sum);
    if place + 2 > end {
        return;
    }
    let mut sum = u64::from(!was_sum);
    let mut changed = false;
    let mut add = |was: &[u8], now: &[u8], skip: usize| {
        for (at, (was, now)) in was.chunks(2).zip(now.chunks(2)).enumerate() {
            if at * 2 != skip && was != now {
                changed = true;
                sum += u64::from(!word(was)) + u64::from(word(now));
            }
        }
    };
    add(was, now, place - from);
    if let Some((was, now)) = addresses {
        add(was, now, usize::MAX);
    }
    let result = if !changed || (zero_is_none && was_sum == 0) {
        was_sum
    } else {
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        match !u16::try_from(sum).unwrap_or(0) {
            0 if zero_is_none => 0xffff,
            sum => sum,
        }
    };
    if let Some(place) = new.get_mut(place..place + 2) {
        place.copy_from_slice(&result.to_be_bytes());
    }
}

/// Brings the checksum `field` to date after `bytes`, which it covers, were written where there were zeros;
/// `is_odd` if they begin in the middle of a word. A field of UDP, where no checksum is all zeros.
pub(super) fn add(field: &mut [u8], bytes: &[u8], is_odd: bool) {
    let mut sum = u64::from(!word(field));
    let (first, rest) = bytes.split_at(usize::from(is_odd).min(bytes.len()));
    sum += first.iter().map(|byte| u64::from(*byte)).sum::<u64>();
    sum += rest.chunks(2).map(|two| u64::from(word(two))).sum::<u64>();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    let sum = match !u16::try_from(sum).unwrap_or(0) {
        0 => 0xffff,
        sum => sum,
    };
    field.copy_from_slice(&sum.to_be_bytes());
}

fn word(bytes: &[u8]) -> u16 {
    match *bytes {
        [high, low, ..] => u16::from_be_bytes([high, low]),
        [high] => u16::from_be_bytes([high, 0]),
        [] => 0,
    }
}

/// SCTP's is a CRC: made anew where the old one was right.
fn sctp(old: &[u8], new: &mut [u8], (from, end): (usize, usize)) {
    let end = end.min(old.len());
    let Some(was) = old.get(from..end) else {
        return;
    };
    let is_right = was.get(8..12) == Some(&crc32c(was).to_le_bytes());
    let Some(now) = new.get_mut(from..end) else {
        return;
    };
    let sum = if is_right {
        crc32c(now).to_le_bytes()
    } else {
        was.get(8..12)
            .and_then(|sum| sum.try_into().ok())
            .unwrap_or_default()
    };
    if let Some(place) = now.get_mut(8..12) {
        place.copy_from_slice(&sum);
    }
}

/// The CRC of an SCTP packet, its checksum taken for zeros.
fn crc32c(packet: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for (at, byte) in packet.iter().enumerate() {
        crc ^= if (8..12).contains(&at) {
            0
        } else {
            u32::from(*byte)
        };
        for _ in 0..8 {
            crc = if crc & 1 == 1 {
                (crc >> 1) ^ 0x82f6_3b78
            } else {
                crc >> 1
            };
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_crc_is_that_of_the_standard() {
        // RFC 3720 B.4: 32 bytes of zeros.
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
    }

    #[test]
    fn a_right_checksum_stays_right_and_a_wrong_one_as_wrong() {
        let full = |bytes: &[u8]| {
            let mut sum: u32 = bytes.chunks(2).map(|two| u32::from(word(two))).sum();
            while sum > 0xffff {
                sum = (sum & 0xffff) + (sum >> 16);
            }
            !u16::try_from(sum).unwrap()
        };
        let mut old = vec![
            0x45, 0, 0, 20, 0, 1, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2,
        ];
        let sum = full(&old);
        old[10..12].copy_from_slice(&sum.to_be_bytes());
        let mut new = old.clone();
        new[12..20].copy_from_slice(&[172, 16, 3, 9, 8, 8, 8, 8]);
        let head = Head {
            kind: Kind::Ip,
            at: 0,
            len: 20,
        };
        carry(&old, &mut new, &[head], None);
        assert_eq!(full(&new), 0);
        old[10] ^= 0x55;
        carry(&old, &mut new, &[head], None);
        assert_ne!(full(&new), 0);
    }
}
