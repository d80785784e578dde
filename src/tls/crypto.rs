//! Keys and records: the only file that names a cryptography crate.
//!
//! In: secrets, and the payload of an encrypted record. Out: its plaintext, in place. Always: a
//! plaintext is handed on only after its tag or MAC was found right.
//!
//! # References
//! - RFC 5246 §5 (PRF), §6.2.3 (records), §6.3 (key block); RFC 7366 (encrypt-then-MAC)
//! - RFC 5288 §3, RFC 6655 §3, RFC 7905 §2 (nonces of TLS 1.2); RFC 8446 §5.2, §5.3, §7.1
//! - RFC 2246 §5, §6.2.3.2 (TLS 1.0), RFC 4346 §6.2.3.2 (TLS 1.1)

use std::ops::Range;

use aes::{Aes128, Aes256};
use aes_gcm::aead::consts::{U8, U12, U16};
use aes_gcm::aead::{self, AeadInOut};
use aes_gcm::{Aes128Gcm, Aes256Gcm};
use cbc::cipher::block_padding::NoPadding;
use cbc::cipher::{BlockModeDecrypt, KeyIvInit};
use ccm::Ccm;
use chacha20poly1305::ChaCha20Poly1305;
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit};
use md5::Md5;
use sha1::Sha1;
use sha2::{Sha256, Sha384};

use super::suite::{Cipher, Hash, Mac, Suite, Tag};

/// Bytes of the part of a GCM or CCM nonce that stands in the record (RFC 5288 §3).
const EXPLICIT_NONCE: usize = 8;
/// Bytes of an AES block, and of the IV before a CBC record.
const BLOCK: usize = 16;

/// Versions as they stand in the ServerHello.
const TLS10: u16 = 0x0301;
const TLS12: u16 = 0x0303;

/// An AEAD with its key.
enum Aead {
    Gcm128(Box<Aes128Gcm>),
    Gcm256(Box<Aes256Gcm>),
    Ccm128(Box<Ccm<Aes128, U16, U12>>),
    Ccm256(Box<Ccm<Aes256, U16, U12>>),
    Ccm128Short(Box<Ccm<Aes128, U8, U12>>),
    Ccm256Short(Box<Ccm<Aes256, U8, U12>>),
    ChaCha20(Box<ChaCha20Poly1305>),
}

impl Aead {
    fn new(cipher: Cipher, key: &[u8]) -> Option<Self> {
        fn keyed<A: KeyInit>(key: &[u8]) -> Option<Box<A>> {
            A::new_from_slice(key).ok().map(Box::new)
        }
        Some(match cipher {
            Cipher::Aes128Gcm => Self::Gcm128(keyed(key)?),
            Cipher::Aes256Gcm => Self::Gcm256(keyed(key)?),
            Cipher::Aes128Ccm(Tag::Whole) => Self::Ccm128(keyed(key)?),
            Cipher::Aes256Ccm(Tag::Whole) => Self::Ccm256(keyed(key)?),
            Cipher::Aes128Ccm(Tag::Short) => Self::Ccm128Short(keyed(key)?),
            Cipher::Aes256Ccm(Tag::Short) => Self::Ccm256Short(keyed(key)?),
            Cipher::ChaCha20 => Self::ChaCha20(keyed(key)?),
            Cipher::Aes128Cbc(_) | Cipher::Aes256Cbc(_) | Cipher::Null(_) => return None,
        })
    }

    /// Bytes of the tag.
    const fn tag_len(&self) -> usize {
        match self {
            Self::Ccm128Short(_) | Self::Ccm256Short(_) => 8,
            _ => 16,
        }
    }

    /// Decrypts `sealed`, which ends with the tag; the length of the plaintext.
    fn open(&self, nonce: [u8; 12], aad: &[u8], sealed: &mut [u8]) -> Option<usize> {
        let len = sealed.len().checked_sub(self.tag_len())?;
        let (text, tag) = sealed.split_at_mut_checked(len)?;
        match self {
            Self::Gcm128(cipher) => detached(cipher.as_ref(), nonce, aad, text, tag),
            Self::Gcm256(cipher) => detached(cipher.as_ref(), nonce, aad, text, tag),
            Self::Ccm128(cipher) => detached(cipher.as_ref(), nonce, aad, text, tag),
            Self::Ccm256(cipher) => detached(cipher.as_ref(), nonce, aad, text, tag),
            Self::Ccm128Short(cipher) => detached(cipher.as_ref(), nonce, aad, text, tag),
            Self::Ccm256Short(cipher) => detached(cipher.as_ref(), nonce, aad, text, tag),
            Self::ChaCha20(cipher) => detached(cipher.as_ref(), nonce, aad, text, tag),
        }?;
        Some(len)
    }
}

/// Decrypts `text` if its tag is right.
fn detached<A: AeadInOut<NonceSize = U12>>(
    cipher: &A,
    nonce: [u8; 12],
    aad: &[u8],
    text: &mut [u8],
    tag: &[u8],
) -> Option<()> {
    let tag = aead::Tag::<A>::try_from(tag).ok()?;
    cipher
        .decrypt_inout_detached(&nonce.into(), aad, text.into(), &tag)
        .ok()
}

/// What decrypts the records of one direction.
enum Mode {
    /// RFC 8446 §5.2.
    Tls13 { aead: Aead, iv: [u8; 12] },
    /// RFC 5288, RFC 6655: the nonce is a salt and what the record says.
    Salted12 { aead: Aead, salt: [u8; 4] },
    /// RFC 7905.
    ChaCha12 { aead: Aead, iv: [u8; 12] },
    /// RFC 5246 §6.2.3.2.
    Cbc {
        cipher: Cipher,
        key: Vec<u8>,
        mac: Mac,
        mac_key: Vec<u8>,
        encrypt_then_mac: bool,
        /// TLS 1.0: the last block of the record before, which is the next one's IV.
        chained: Option<[u8; BLOCK]>,
    },
    /// RFC 5246 §6.2.3.1.
    Null { mac: Mac, mac_key: Vec<u8> },
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

/// What the keys of a connection of TLS 1.2 or an earlier version are made of.
pub(super) struct KeyBlock<'k> {
    /// `0x0301` to `0x0303`.
    pub(super) version: u16,
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

    /// For the records of the client, or the server, of TLS 1.2 (RFC 5246 §6.3) or before.
    pub(super) fn tls12(block: &KeyBlock<'_>, server: bool) -> Option<Self> {
        let cipher = block.suite.cipher;
        let is_chained =
            block.version == TLS10 && matches!(cipher, Cipher::Aes128Cbc(_) | Cipher::Aes256Cbc(_));
        let iv_len = if is_chained {
            BLOCK
        } else {
            cipher.fixed_iv_len()
        };
        let sizes = [cipher.mac_key_len(), cipher.key_len(), iv_len];
        let mut seed = b"key expansion".to_vec();
        seed.extend_from_slice(block.server_random);
        seed.extend_from_slice(block.client_random);
        let len = 2 * sizes.iter().sum::<usize>();
        let keys = if block.version < TLS12 {
            prf10(block.master, &seed, len)?
        } else {
            prf12(block.suite.hash, block.master, &seed, len)?
        };
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
            Cipher::Aes128Gcm | Cipher::Aes256Gcm | Cipher::Aes128Ccm(_) | Cipher::Aes256Ccm(_) => {
                Mode::Salted12 {
                    aead: Aead::new(cipher, key)?,
                    salt: iv.try_into().ok()?,
                }
            }
            Cipher::ChaCha20 => Mode::ChaCha12 {
                aead: Aead::new(cipher, key)?,
                iv: iv.try_into().ok()?,
            },
            Cipher::Aes128Cbc(mac) | Cipher::Aes256Cbc(mac) => Mode::Cbc {
                cipher,
                key: key.to_vec(),
                mac,
                mac_key: mac_key.to_vec(),
                encrypt_then_mac: block.encrypt_then_mac,
                chained: iv.try_into().ok(),
            },
            Cipher::Null(mac) => Mode::Null {
                mac,
                mac_key: mac_key.to_vec(),
            },
        };
        Some(Self { mode, seq: 0 })
    }

    /// Decrypts the payload of a record in place; where its plaintext stands. The record's number
    /// goes on only where it was right. `head`: the record's header.
    pub(super) fn open(&mut self, head: [u8; 5], payload: &mut [u8]) -> Option<Range<usize>> {
        let last = self.last_block(payload);
        let plaintext = self.open_at(self.seq, head, payload)?;
        self.seq = self.seq.wrapping_add(1);
        if let (Mode::Cbc { chained, .. }, Some(last)) = (&mut self.mode, last) {
            *chained = Some(last);
        }
        Some(plaintext)
    }

    /// The last block of a record's ciphertext, if the next record begins with it.
    fn last_block(&self, payload: &[u8]) -> Option<[u8; BLOCK]> {
        let Mode::Cbc {
            mac,
            encrypt_then_mac,
            chained: Some(_),
            ..
        } = &self.mode
        else {
            return None;
        };
        let behind = if *encrypt_then_mac { mac.len() } else { 0 };
        let end = payload.len().checked_sub(behind)?;
        payload.get(..end)?.last_chunk().copied()
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
                let aad = pseudo_head(payload.len().checked_sub(aead.tag_len())?);
                aead.open(masked(*iv, seq), &aad, payload).map(|len| 0..len)
            }
            Mode::Salted12 { aead, salt } => {
                let (explicit, sealed) = payload.split_at_mut_checked(EXPLICIT_NONCE)?;
                let mut nonce = [0; 12];
                let (fixed, rest) = nonce.split_at_mut(salt.len());
                fixed.copy_from_slice(salt);
                rest.copy_from_slice(explicit);
                let aad = pseudo_head(sealed.len().checked_sub(aead.tag_len())?);
                let len = aead.open(nonce, &aad, sealed)?;
                Some(EXPLICIT_NONCE..EXPLICIT_NONCE + len)
            }
            Mode::Null { mac, mac_key } => {
                let len = payload.len().checked_sub(mac.len())?;
                let (plain, tag) = payload.split_at_checked(len)?;
                verify(*mac, mac_key, &pseudo_head(len), plain, tag)?;
                Some(0..len)
            }
            Mode::Cbc {
                cipher,
                key,
                mac,
                mac_key,
                encrypt_then_mac,
                chained,
            } => {
                let mut end = payload.len();
                if *encrypt_then_mac {
                    end = end.checked_sub(mac.len())?;
                    let (sealed, tag) = payload.split_at_checked(end)?;
                    verify(*mac, mac_key, &pseudo_head(end), sealed, tag)?;
                }
                let sealed = payload.get_mut(..end)?;
                let (iv, text) = match chained {
                    Some(iv) => (iv.as_slice(), sealed),
                    None => {
                        let (iv, text) = sealed.split_at_mut_checked(BLOCK)?;
                        (&*iv, text)
                    }
                };
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
                let start = if chained.is_some() { 0 } else { BLOCK };
                Some(start..start + len)
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

/// The PRF of TLS 1.2; `seed` begins with the label (RFC 5246 §5).
fn prf12(hash: Hash, secret: &[u8], seed: &[u8], len: usize) -> Option<Vec<u8>> {
    match hash {
        Hash::Sha256 => p_hash::<Hmac<Sha256>>(secret, seed, len),
        Hash::Sha384 => p_hash::<Hmac<Sha384>>(secret, seed, len),
    }
}

/// The PRF of TLS 1.0 and 1.1: half of the secret for each of two hashes (RFC 2246 §5).
fn prf10(secret: &[u8], seed: &[u8], len: usize) -> Option<Vec<u8>> {
    let half = secret.len().div_ceil(2);
    let first = secret.get(..half)?;
    let second = secret.get(secret.len() - half..)?;
    let mut out = p_hash::<Hmac<Md5>>(first, seed, len)?;
    let other = p_hash::<Hmac<Sha1>>(second, seed, len)?;
    for (byte, other) in out.iter_mut().zip(other) {
        *byte ^= other;
    }
    Some(out)
}

/// `P_hash` (RFC 5246 §5).
fn p_hash<M: hmac::Mac + KeyInit>(secret: &[u8], seed: &[u8], len: usize) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut a = digest::<M>(secret, [seed, &[]])?;
    while out.len() < len {
        out.extend(digest::<M>(secret, [&a, seed])?);
        a = digest::<M>(secret, [&a, &[]])?;
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
