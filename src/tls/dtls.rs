//! DTLS: recognised, not decrypted.
//!
//! In: datagrams. Out: whether one begins a DTLS connection that is not for media: those are part
//! of every WebRTC call (RFC 5764) and hide no SIP.
//!
//! # References
//! - RFC 6347 §4.1, §4.2, RFC 9147 §4, RFC 5764 §4.1

use super::hello::{Bytes, ClientHello};

/// Whether a datagram is a ClientHello of DTLS, without the extension for SRTP.
pub fn is_dtls_client_hello(payload: &[u8]) -> bool {
    let mut rest = Bytes(payload);
    // Handshake, version 1.0 or 1.2, epoch 0.
    let Some([22, 0xfe, 0xff | 0xfd, 0, 0]) = rest.take(5) else {
        return false;
    };
    if rest.skip(6 + 2).is_none() {
        return false;
    }
    // Type, length, message number, fragment's offset and length.
    let Some([1, _, _, _, _, _, 0, 0, 0, _, _, _]) = rest.take(12) else {
        return false;
    };
    ClientHello::parse(rest.0, true).is_some_and(|hello| !hello.srtp)
}
