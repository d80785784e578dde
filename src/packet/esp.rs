//! ESP without encryption, told from ESP with it.
//!
//! In: what IP protocol 50, or UDP port 4500, carries. Out: the payload and its protocol if the
//! packet is authenticated only (NULL encryption, as VoLTE phones use it), else nothing.
//!
//! Always: chance does not pass. The trailer must fit (RFC 4303 §2: next header, padding 1, 2,
//! 3, …) and the transport header's lengths and checksum, too; where the checksum does not, only
//! SIP in clear is proof. With encrypted bytes that happens less than once in 2^30 packets.
//!
//! # References
//! - RFC 4303, RFC 2410 (NULL), RFC 3948 (in UDP), 3GPP TS 33.203 (IMS)

use std::net::IpAddr;

use memchr::memmem;

use super::Layer;

/// What is told of ESP that is not opened.
pub(super) const ENCRYPTED: &str = "ESP (IPsec) packets are encrypted; capture behind the IPsec gateway or inside the IMS core, or have the security association use NULL encryption for the test";

/// SPI and sequence number.
const HEAD: usize = 8;
/// Lengths of the integrity value: none; HMAC-MD5-96 and HMAC-SHA-1-96; HMAC-SHA-256-128, GMAC.
const INTEGRITY: [usize; 3] = [12, 16, 0];

const IPV4: u8 = 4;
const TCP: u8 = 6;
const UDP: u8 = 17;
const IPV6: u8 = 41;

/// Whether a datagram on port 4500 is ESP (RFC 3948 §2.2), by all that shows: key exchange begins
/// with four zeros there, text has sequence numbers beyond what any association counts to, and
/// RTP begins with its version and a payload type.
pub(super) fn is_in_udp(payload: Layer<'_>) -> bool {
    match payload.array::<8>(0) {
        Some([0, 0, 0, 0, ..]) | None => false,
        Some([0x80..=0xbf, kind, ..]) if matches!(kind & 0x7f, 0..=34 | 96..=127) => false,
        Some(&[_, _, _, _, sequence, ..]) => sequence < 0x10,
    }
}

/// The protocol and payload of an unencrypted packet between two addresses.
pub(super) fn open(src: IpAddr, dst: IpAddr, packet: Layer<'_>) -> Option<(u8, Layer<'_>)> {
    if packet.is_snapped() {
        return None;
    }
    INTEGRITY.into_iter().find_map(|integrity| {
        let end = packet.bytes.len().checked_sub(integrity)?;
        // Everything between is a multiple of 4 (RFC 4303 §2.4).
        let body = packet.bytes.get(HEAD..end)?;
        if !body.len().is_multiple_of(4) {
            return None;
        }
        let (rest, &[padding, next]) = body.split_last_chunk::<2>()?;
        let (inner, padding) = rest.split_at_checked(rest.len().checked_sub(padding.into())?)?;
        let is_counted = padding.iter().zip(1_u8..).all(|(byte, no)| *byte == no);
        (is_counted && is_plausible(src, dst, next, inner)).then_some((
            next,
            Layer {
                bytes: inner,
                wire: inner.len(),
            },
        ))
    })
}

fn is_plausible(src: IpAddr, dst: IpAddr, next: u8, inner: &[u8]) -> bool {
    let layer = Layer {
        bytes: inner,
        wire: inner.len(),
    };
    let is_sip = || memmem::find(inner, b"SIP/2.0").is_some();
    match next {
        UDP => {
            let len = layer.u16_be(4).map(usize::from);
            len == Some(inner.len()) && (has_checksum(src, dst, next, inner) || is_sip())
        }
        TCP => {
            let head = inner.get(12).map_or(0, |byte| usize::from(byte >> 4) * 4);
            (20..=inner.len()).contains(&head) && (has_checksum(src, dst, next, inner) || is_sip())
        }
        IPV4 => {
            let total = layer.u16_be(2).map(usize::from);
            let head = inner
                .first()
                .map_or(0, |first| usize::from(first & 0x0f) * 4);
            layer.is_ip()
                && total == Some(inner.len())
                && inner.get(..head).is_some_and(|head| sum(0, head) == 0xffff)
        }
        IPV6 => {
            let len = layer.u16_be(4).map(usize::from);
            layer.is_ip() && len == inner.len().checked_sub(40)
        }
        _ => false,
    }
}

/// Whether the transport checksum is right (RFC 768, RFC 9293 §3.1, RFC 8200 §8.1).
fn has_checksum(src: IpAddr, dst: IpAddr, protocol: u8, bytes: &[u8]) -> bool {
    let Ok(len) = u32::try_from(bytes.len()) else {
        return false;
    };
    let mut so_far = sum(u32::from(protocol), &len.to_be_bytes());
    for addr in [src, dst] {
        so_far = match addr {
            IpAddr::V4(addr) => sum(so_far, &addr.octets()),
            IpAddr::V6(addr) => sum(so_far, &addr.octets()),
        };
    }
    sum(so_far, bytes) == 0xffff
}

/// The Internet checksum's sum (RFC 1071), folded; `bytes` begin at an even place.
fn sum(start: u32, bytes: &[u8]) -> u32 {
    let (pairs, last) = bytes.as_chunks::<2>();
    let mut total = u64::from(start);
    for pair in pairs {
        total += u64::from(u16::from_be_bytes(*pair));
    }
    if let [last] = last {
        total += u64::from(*last) << 8;
    }
    while total > 0xffff {
        total = (total & 0xffff) + (total >> 16);
    }
    u32::try_from(total).unwrap_or(0)
}
