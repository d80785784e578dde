//! Name resolution blocks: what a capture calls its addresses.
//!
//! In: the records of a block. Out: a map from address to its first name. What makes no sense ends
//! the block and is no defect, for nothing that was sent is lost with it.
//!
//! Capped: addresses by the caller, names by `NAME_BYTES`.
//!
//! # References
//! - draft-ietf-opsawg-pcapng, Name Resolution Block

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::first_bytes::Order;
use super::summary::NAME_BYTES;

const END: u16 = 0;
const IPV4: u16 = 1;
const IPV6: u16 = 2;

/// Adds the names of `records` to `names`, which may hold `cap`.
pub(super) fn read(
    mut records: &[u8],
    order: Order,
    cap: usize,
    names: &mut BTreeMap<IpAddr, Box<[u8]>>,
) {
    while let Some((head, rest)) = records.split_first_chunk::<4>() {
        let &[kind_0, kind_1, len_0, len_1] = head;
        let kind = order.u16([kind_0, kind_1]);
        let len = usize::from(order.u16([len_0, len_1]));
        let Some((value, rest)) = rest.split_at_checked(len) else {
            return;
        };
        if kind == END {
            return;
        }
        if let Some((address, name)) = record(kind, value)
            && (names.len() < cap || names.contains_key(&address))
        {
            names.insert(address, name.into());
        }
        // Each record is padded to 4 bytes.
        let padding = len.next_multiple_of(4) - len;
        records = rest.get(padding..).unwrap_or_default();
    }
}

fn record(kind: u16, value: &[u8]) -> Option<(IpAddr, &[u8])> {
    let (address, names) = match kind {
        IPV4 => {
            let (address, names) = value.split_first_chunk::<4>()?;
            (Ipv4Addr::from(*address).into(), names)
        }
        IPV6 => {
            let (address, names) = value.split_first_chunk::<16>()?;
            (Ipv6Addr::from(*address).into(), names)
        }
        _ => return None,
    };
    let name = names.split(|&byte| byte == 0).next()?;
    let name = name.get(..NAME_BYTES).unwrap_or(name);
    (!name.is_empty()).then_some((address, name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::testing::Bytes;

    /// Names of IPv4 records (last octet, names), as `octet=name`.
    fn check(records: &[(u8, &[u8])], cap: usize, expected: &str) {
        for order in [Order::Little, Order::Big] {
            let mut bytes = Bytes { order, out: vec![] };
            for (octet, names) in records {
                let len = u16::try_from(4 + names.len()).unwrap();
                bytes.u16(IPV4).u16(len).out.extend([10, 0, 0, *octet]);
                bytes.out.extend(*names);
                bytes.out.resize(bytes.out.len().next_multiple_of(4), 0);
            }
            bytes.u32(0);
            let mut names = BTreeMap::new();
            read(&bytes.out, order, cap, &mut names);
            let found: Vec<_> = names
                .iter()
                .map(|(address, name)| format!("{address}={}", name.escape_ascii()))
                .collect();
            assert_eq!(found.join(" "), expected);
            for len in 0..bytes.out.len() {
                read(&bytes.out[..len], order, cap, &mut names);
            }
        }
    }

    #[test]
    fn the_first_name_of_an_address_is_kept() {
        check(
            &[(1, b"sbc1\0alias\0"), (2, b"proxy\xff\0")],
            9,
            "10.0.0.1=sbc1 10.0.0.2=proxy\\xff",
        );
    }

    #[test]
    fn a_later_record_replaces_an_earlier_one_and_the_cap_holds() {
        check(
            &[
                (1, b"a\0"),
                (2, b"b\0"),
                (3, b"c\0"),
                (1, b"d\0"),
                (4, b"\0"),
            ],
            2,
            "10.0.0.1=d 10.0.0.2=b",
        );
    }

    #[test]
    fn ipv6_addresses_have_names_too() {
        let mut value = Ipv6Addr::LOCALHOST.octets().to_vec();
        value.extend(b"me\0");
        let found = record(IPV6, &value).expect("a name");
        assert_eq!(found, (Ipv6Addr::LOCALHOST.into(), b"me".as_slice()));
        assert_eq!(record(IPV6, b"short"), None);
    }
}
