//! Packets built from bytes, for tests.

/// Ethernet with an `EtherType`.
pub(super) fn ethernet(protocol: u16, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![0x22; 12];
    out.extend(protocol.to_be_bytes());
    out.extend(payload);
    out
}

/// IPv4 from 10.0.0.1 to 10.0.0.2 with this flags-and-offset field.
pub(super) fn ipv4(id: u16, fragment: u16, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let total = u16::try_from(20 + payload.len()).unwrap();
    let mut out = vec![0x45, 0];
    out.extend(total.to_be_bytes());
    out.extend(id.to_be_bytes());
    out.extend(fragment.to_be_bytes());
    out.extend([64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
    out.extend(payload);
    out
}

/// IPv6 from `2001:db8::1` to `2001:db8::2`.
pub(super) fn ipv6(next: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![0x60, 0, 0, 0];
    out.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
    out.extend([next, 63]);
    for last in [1, 2] {
        out.extend([
            0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last,
        ]);
    }
    out.extend(payload);
    out
}

/// An extension header of 8 bytes (hop-by-hop, routing, destination options).
pub(super) fn extension(next: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![next, 0, 1, 4, 0, 0, 0, 0];
    out.extend(payload);
    out
}

/// An IPv6 fragment header.
pub(super) fn fragment6(next: u8, offset: u16, more: bool, id: u32, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![next, 0];
    out.extend((offset | u16::from(more)).to_be_bytes());
    out.extend(id.to_be_bytes());
    out.extend(payload);
    out
}

/// An authentication header of 12 bytes.
pub(super) fn authentication(next: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![next, 1, 0, 0, 0, 0, 0, 9, 0, 0, 0, 1];
    out.extend(payload);
    out
}

/// UDP from 5060 to 5062.
pub(super) fn udp(payload: &[u8]) -> Vec<u8> {
    let mut out = vec![0x13, 0xc4, 0x13, 0xc6];
    out.extend(u16::try_from(8 + payload.len()).unwrap().to_be_bytes());
    out.extend([0, 0]);
    out.extend(payload);
    out
}

/// TCP from 5060 to 5062 with 4 bytes of options, seq 7, ack 9.
pub(super) fn tcp(flags: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![0x13, 0xc4, 0x13, 0xc6, 0, 0, 0, 7, 0, 0, 0, 9, 0x60, flags];
    out.extend([0, 0, 0, 0, 0, 0, 1, 1, 1, 0]);
    out.extend(payload);
    out
}

/// An ICMP message of either version.
pub(super) fn icmp(icmp_type: u8, code: u8, quoted: &[u8]) -> Vec<u8> {
    let mut out = vec![icmp_type, code, 0, 0, 0, 0, 0, 0];
    out.extend(quoted);
    out
}
