//! Keys and records: the only file that names a cryptography crate.
//!
//! In: secrets, and the payload of an encrypted record. Out: its plaintext, in place. Always: a
//! plaintext is handed on only after its tag or MAC was found right.
//!
//! # References
//! - RFC 5246 §5 (PRF), §6.2.3 (records), §6.3 (key block); RFC 7366 (encrypt-then-MAC)
//! - RFC 5288 §3, RFC 7905 §2 (nonces of TLS 1.2); RFC 8446 §5.2, §5.3, §7.1

use std::ops::Range;

use aes::{Aes128, Aes256};
use aes_gcm::aead::AeadInOut;
use aes_gcm::{Aes128Gcm, Aes256Gcm};
use cbc::cipher::block_padding::NoPadding;
use cbc::cipher::{BlockModeDecrypt, KeyIvInit};
use chacha20poly1305::ChaCha20Poly1305;
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit};
use sha1::Sha1;
use sha2::{Sha256, Sha384};

use super::suite::{Cipher, Hash, Mac, Suite};

/// Bytes of the tag of every AEAD here.
const TAG: usize = 16;
/// Bytes of the part of a GCM nonce that stands in the record (RFC 5288 §3).
const EXPLICIT_NONCE: usize = 8;
/// Bytes of an AES block, and of the IV before a CBC record.
const BLOCK: usize = 16;

/// An AEAD with its key.
enum Aead {
    Aes128(Box<Aes128Gcm>),
    Aes256(Box<Aes256Gcm>),
    ChaCha20(Box<ChaCha20Poly1305>),
}

impl Aead {
    fn new(cipher: Cipher, key: &[u8]) -> Option<Self> {
        Some(match cipher {
            Cipher::Aes128Gcm => Self::Aes128(Box::new(Aes128Gcm::new_from_slice(key).ok()?)),
            Cipher::Aes256Gcm => Self::Aes256(Box::new(Aes256Gcm::new_from_slice(key).ok()?)),
            Cipher::ChaCha20 => {
                Self::ChaCha20(Box::new(ChaCha20Poly1305::new_from_slice(key).ok()?))
            }
            Cipher::Aes128Cbc(_) | Cipher::Aes256Cbc(_) => return None,
        })
    }

    /// Decrypts `sealed`, which ends with the tag; the length of the plaintext.
    fn open(&self, nonce: [u8; 12], aad: &[u8], sealed: &mut [u8]) -> Option<usize> {
        let len = sealed.len().checked_sub(TAG)?;
        let (text, tag) = sealed.split_at_mut_checked(len)?;
        let tag: [u8; TAG] = (&*tag).try_into().ok()?;
        let (nonce, tag) = (&nonce.into(), &tag.into());
        match self {
            Self::Aes128(cipher) => cipher.decrypt_inout_detached(nonce, aad, text.into(), tag),
            Self::Aes256(cipher) => cipher.decrypt_inout_detached(nonce, aad, text.into(), tag),
            Self::ChaCha20(cipher) => cipher.decrypt_inout_detached(nonce, aad, text.into(), tag),
        }
        .ok()?;
        Some(len)
    }
}

/// What decrypts the records of one direction.
enum Mode {
    /// RFC 8446 §5.2.
    Tls13 { aead: Aead, iv: [u8; 12] },
    /// RFC 5288: the nonce is a salt and what the record says.
    Gcm12 { aead: Aead, salt: [u8; 4] },
    /// RFC 7905.
    ChaCha12 { aead: Aead, iv: [u8; 12] },
    /// RFC 5246 §6.2.3.2.
    Cbc12 {
        cipher: Cipher,
        key: Vec<u8>,
        mac: Mac,
        mac_key: Vec<u8>,
        encrypt_then_mac: bool,
    },
}

/// Opens the records of one direction, in order.
pub(super) struct Opener {
    mode: Mode,
    seq: u64,
}

impl std::fmt::Debug for Opener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opener")
            .field("seq", &self.seq)
            .finish_non_exhaustive()
    }
}

/// What a TLS 1.2 connection's keys are made of.
pub(super) struct KeyBlock<'k> {
    /// The suite.
    pub(super) suite: Suite,
    /// The master secret.
    pub(super) master: &'k [u8],
    /// The client's random.
    pub(super) client_random: &'k [u8; 32],
    /// The server's random.
    pub(super) server_random: &'k [u8; 32],
    /// RFC 7366 was agreed on.
    pub(super) encrypt_then_mac: bool,
}

impl Opener {
    /// For records under a traffic secret of TLS 1.3 (RFC 8446 §7.3).
    pub(super) fn tls13(suite: Suite, secret: &[u8]) -> Option<Self> {
        if secret.len() != suite.hash.len() {
            return None;
        }
        let mut key = [0; 32];
        let key = key.get_mut(..suite.cipher.key_len())?;
        expand_label(suite.hash, secret, b"key", key)?;
        let mut iv = [0; 12];
        expand_label(suite.hash, secret, b"iv", &mut iv)?;
        let aead = Aead::new(suite.cipher, key)?;
        Some(Self {
            mode: Mode::Tls13 { aead, iv },
            seq: 0,
        })
    }

    /// For the records of the client, or the server, of TLS 1.2 (RFC 5246 §6.3).
    pub(super) fn tls12(block: &KeyBlock<'_>, server: bool) -> Option<Self> {
        let cipher = block.suite.cipher;
        let sizes = [
            cipher.mac_key_len(),
            cipher.key_len(),
            cipher.fixed_iv_len(),
        ];
        let mut seed = b"key expansion".to_vec();
        seed.extend_from_slice(block.server_random);
        seed.extend_from_slice(block.client_random);
        let keys = prf12(
            block.suite.hash,
            block.master,
            &seed,
            2 * sizes.iter().sum::<usize>(),
        )?;
        let mut rest = keys.as_slice();
        let mut parts = [&[][..]; 3];
        for (part, size) in parts.iter_mut().zip(sizes) {
            let (client, behind) = rest.split_at_checked(size)?;
            let (servers, behind) = behind.split_at_checked(size)?;
            *part = if server { servers } else { client };
            rest = behind;
        }
        let [mac_key, key, iv] = parts;
        let mode = match cipher {
            Cipher::Aes128Gcm | Cipher::Aes256Gcm => Mode::Gcm12 {
                aead: Aead::new(cipher, key)?,
                salt: iv.try_into().ok()?,
            },
            Cipher::ChaCha20 => Mode::ChaCha12 {
                aead: Aead::new(cipher, key)?,
                iv: iv.try_into().ok()?,
            },
            Cipher::Aes128Cbc(mac) | Cipher::Aes256Cbc(mac) => Mode::Cbc12 {
                cipher,
                key: key.to_vec(),
                mac,
                mac_key: mac_key.to_vec(),
                encrypt_then_mac: block.encrypt_then_mac,
            },
        };
        Some(Self { mode, seq: 0 })
    }

    /// Decrypts the payload of a record in place; where its plaintext stands. The record's number
    /// goes on only where it was right. `head`: the record's header.
    pub(super) fn open(&mut self, head: [u8; 5], payload: &mut [u8]) -> Option<Range<usize>> {
        let plaintext = self.open_at(self.seq, head, payload)?;
        self.seq = self.seq.wrapping_add(1);
        Some(plaintext)
    }

    fn open_at(&self, seq: u64, head: [u8; 5], payload: &mut [u8]) -> Option<Range<usize>> {
        let [kind, major, minor, _, _] = head;
        // seq_num + type + version + length (RFC 5246 §6.2.3.1).
        let pseudo_head = |len: usize| {
            let mut out = [0; 13];
            let [high, low] = u16::try_from(len).unwrap_or(u16::MAX).to_be_bytes();
            let (number, rest) = out.split_at_mut(8);
            number.copy_from_slice(&seq.to_be_bytes());
            rest.copy_from_slice(&[kind, major, minor, high, low]);
            out
        };
        match &self.mode {
            Mode::Tls13 { aead, iv } => aead
                .open(masked(*iv, seq), &head, payload)
                .map(|len| 0..len),
            Mode::ChaCha12 { aead, iv } => {
                let aad = pseudo_head(payload.len().checked_sub(TAG)?);
                aead.open(masked(*iv, seq), &aad, payload).map(|len| 0..len)
            }
            Mode::Gcm12 { aead, salt } => {
                let (explicit, sealed) = payload.split_at_mut_checked(EXPLICIT_NONCE)?;
                let mut nonce = [0; 12];
                let (fixed, rest) = nonce.split_at_mut(salt.len());
                fixed.copy_from_slice(salt);
                rest.copy_from_slice(explicit);
                let aad = pseudo_head(sealed.len().checked_sub(TAG)?);
                let len = aead.open(nonce, &aad, sealed)?;
                Some(EXPLICIT_NONCE..EXPLICIT_NONCE + len)
            }
            Mode::Cbc12 {
                cipher,
                key,
                mac,
                mac_key,
                encrypt_then_mac,
            } => {
                let mut end = payload.len();
                if *encrypt_then_mac {
                    end = end.checked_sub(mac.len())?;
                    let (sealed, tag) = payload.split_at_checked(end)?;
                    verify(*mac, mac_key, &pseudo_head(end), sealed, tag)?;
                }
                let (iv, text) = payload.get_mut(..end)?.split_at_mut_checked(BLOCK)?;
                cbc_decrypt(*cipher, key, iv, text)?;
                // As many bytes of padding as the last one says, and that one.
                let padding = usize::from(*text.last()?);
                let mut len = text.len().checked_sub(padding + 1)?;
                if text
                    .get(len..)?
                    .iter()
                    .any(|byte| usize::from(*byte) != padding)
                {
                    return None;
                }
                if !*encrypt_then_mac {
                    len = len.checked_sub(mac.len())?;
                    let (plain, tag) = text.split_at_checked(len)?;
                    let tag = tag.get(..mac.len())?;
                    verify(*mac, mac_key, &pseudo_head(len), plain, tag)?;
                }
                Some(BLOCK..BLOCK + len)
            }
        }
    }
}

/// The secret behind a KeyUpdate (RFC 8446 §7.2).
pub(super) fn next_secret(hash: Hash, secret: &[u8]) -> Option<Vec<u8>> {
    let mut next = vec![0; hash.len()];
    expand_label(hash, secret, b"traffic upd", &mut next)?;
    Some(next)
}

/// HKDF-Expand-Label with an empty context (RFC 8446 §7.1).
fn expand_label(hash: Hash, secret: &[u8], label: &[u8], out: &mut [u8]) -> Option<()> {
    let mut info = u16::try_from(out.len()).ok()?.to_be_bytes().to_vec();
    info.push(u8::try_from(label.len() + 6).ok()?);
    info.extend_from_slice(b"tls13 ");
    info.extend_from_slice(label);
    info.push(0);
    match hash {
        Hash::Sha256 => Hkdf::<Sha256>::from_prk(secret).ok()?.expand(&info, out),
        Hash::Sha384 => Hkdf::<Sha384>::from_prk(secret).ok()?.expand(&info, out),
    }
    .ok()
}

/// `P_hash` of TLS 1.2; `seed` begins with the label (RFC 5246 §5).
fn prf12(hash: Hash, secret: &[u8], seed: &[u8], len: usize) -> Option<Vec<u8>> {
    let hmac = |parts: [&[u8]; 2]| -> Option<Vec<u8>> {
        Some(match hash {
            Hash::Sha256 => digest::<Hmac<Sha256>>(secret, parts)?,
            Hash::Sha384 => digest::<Hmac<Sha384>>(secret, parts)?,
        })
    };
    let mut out = Vec::with_capacity(len + hash.len());
    let mut a = hmac([seed, &[]])?;
    while out.len() < len {
        out.extend(hmac([&a, seed])?);
        a = hmac([&a, &[]])?;
    }
    out.truncate(len);
    Some(out)
}

fn digest<M: hmac::Mac + KeyInit>(key: &[u8], parts: [&[u8]; 2]) -> Option<Vec<u8>> {
    let mut mac = <M as KeyInit>::new_from_slice(key).ok()?;
    for part in parts {
        mac.update(part);
    }
    Some(mac.finalize().into_bytes().to_vec())
}

fn verify(mac: Mac, key: &[u8], head: &[u8], data: &[u8], tag: &[u8]) -> Option<()> {
    let right = match mac {
        Mac::Sha1 => digest::<Hmac<Sha1>>(key, [head, data])?,
        Mac::Sha256 => digest::<Hmac<Sha256>>(key, [head, data])?,
        Mac::Sha384 => digest::<Hmac<Sha384>>(key, [head, data])?,
    };
    (right == tag).then_some(())
}

fn cbc_decrypt(cipher: Cipher, key: &[u8], iv: &[u8], text: &mut [u8]) -> Option<()> {
    match cipher {
        Cipher::Aes128Cbc(_) => cbc::Decryptor::<Aes128>::new_from_slices(key, iv)
            .ok()?
            .decrypt_padded::<NoPadding>(text)
            .ok()?,
        Cipher::Aes256Cbc(_) => cbc::Decryptor::<Aes256>::new_from_slices(key, iv)
            .ok()?
            .decrypt_padded::<NoPadding>(text)
            .ok()?,
        _ => return None,
    };
    Some(())
}

/// The nonce of a record: the IV with the record's number (RFC 8446 §5.3).
fn masked(mut iv: [u8; 12], seq: u64) -> [u8; 12] {
    for (byte, number) in iv.iter_mut().skip(4).zip(seq.to_be_bytes()) {
        *byte ^= number;
    }
    iv
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The server's handshake key and IV of the trace in RFC 8448 §3.
    #[test]
    fn traffic_keys_are_those_of_the_published_trace() {
        let hex = |text: &str| -> Vec<u8> {
            let digits = text.as_bytes().chunks(2);
            digits
                .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
                .collect()
        };
        let secret = hex("b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38");
        let mut key = [0; 16];
        expand_label(Hash::Sha256, &secret, b"key", &mut key).unwrap();
        assert_eq!(key.to_vec(), hex("3fce516009c21727d0f2e4e86ee403bc"));
        let mut iv = [0; 12];
        expand_label(Hash::Sha256, &secret, b"iv", &mut iv).unwrap();
        assert_eq!(iv.to_vec(), hex("5d313eb2671276ee13000b30"));
    }

    #[test]
    fn a_nonce_is_the_iv_with_the_records_number() {
        assert_eq!(masked([1; 12], 0x0102)[10..], [0, 3]);
    }
}
