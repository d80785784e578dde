//! Cipher suites: what a number in the ServerHello means.
//!
//! In: the number. Out: cipher, MAC and hash, or nothing where we do not decrypt it. Export
//! suites, RC4, DES, Camellia and ARIA are not decrypted.
//!
//! # References
//! - <https://www.iana.org/assignments/tls-parameters>
//! - RFC 5246 §6.3 (key sizes), RFC 5288, RFC 5289, RFC 6655, RFC 7251, RFC 7905, RFC 8446 §B.4

/// How records are encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cipher {
    /// AES-128-GCM.
    Aes128Gcm,
    /// AES-256-GCM.
    Aes256Gcm,
    /// AES-128-CCM, with a tag of 16 bytes or 8.
    Aes128Ccm(Tag),
    /// AES-256-CCM, with a tag of 16 bytes or 8.
    Aes256Ccm(Tag),
    /// ChaCha20-Poly1305.
    ChaCha20,
    /// AES-128-CBC with a MAC.
    Aes128Cbc(Mac),
    /// AES-256-CBC with a MAC.
    Aes256Cbc(Mac),
    /// Nothing but a MAC.
    Null(Mac),
}

/// The tag of a CCM suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tag {
    /// 16 bytes.
    Whole,
    /// 8 bytes.
    Short,
}

/// The MAC of a CBC suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mac {
    /// HMAC-SHA1.
    Sha1,
    /// HMAC-SHA256.
    Sha256,
    /// HMAC-SHA384.
    Sha384,
}

impl Mac {
    /// Bytes of the MAC and of its key.
    pub(super) const fn len(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
        }
    }
}

/// The hash that keys are derived with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hash {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
}

impl Hash {
    /// Bytes.
    pub(super) const fn len(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
        }
    }
}

impl Cipher {
    /// Bytes of the key.
    pub(super) const fn key_len(self) -> usize {
        match self {
            Self::Aes128Gcm | Self::Aes128Ccm(_) | Self::Aes128Cbc(_) => 16,
            Self::Aes256Gcm | Self::Aes256Ccm(_) | Self::ChaCha20 | Self::Aes256Cbc(_) => 32,
            Self::Null(_) => 0,
        }
    }

    /// Bytes of the part of the nonce that comes from the key block in TLS 1.2.
    pub(super) const fn fixed_iv_len(self) -> usize {
        match self {
            Self::Aes128Gcm | Self::Aes256Gcm | Self::Aes128Ccm(_) | Self::Aes256Ccm(_) => 4,
            Self::ChaCha20 => 12,
            Self::Aes128Cbc(_) | Self::Aes256Cbc(_) | Self::Null(_) => 0,
        }
    }

    /// Bytes of the MAC key in the key block of TLS 1.2.
    pub(super) const fn mac_key_len(self) -> usize {
        match self {
            Self::Aes128Cbc(mac) | Self::Aes256Cbc(mac) | Self::Null(mac) => mac.len(),
            _ => 0,
        }
    }

    /// Whether versions before TLS 1.2 may choose it: those know no AEAD and no other MAC (RFC 4346
    /// §6.2.3).
    pub(super) const fn is_old(self) -> bool {
        matches!(
            self,
            Self::Aes128Cbc(Mac::Sha1) | Self::Aes256Cbc(Mac::Sha1) | Self::Null(Mac::Sha1)
        )
    }
}

/// A suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Suite {
    /// How records are encrypted.
    pub(super) cipher: Cipher,
    /// How keys are derived.
    pub(super) hash: Hash,
}

impl Suite {
    /// The suite with this number, of TLS 1.3 or 1.2.
    pub(super) const fn new(number: u16) -> Option<Self> {
        use Cipher::{
            Aes128Cbc, Aes128Ccm, Aes128Gcm, Aes256Cbc, Aes256Ccm, Aes256Gcm, ChaCha20, Null,
        };
        let (cipher, hash) = match number {
            0x1303 | 0xcca8..=0xccae => (ChaCha20, Hash::Sha256),
            // TLS 1.3; RSA, DHE, DH, DSS, anonymous and PSK suites of RFC 5288 and RFC 5487 alternate.
            0x1301 | 0x009c | 0x009e | 0x00a0 | 0x00a2 | 0x00a4 | 0x00a6 | 0x00a8 | 0x00aa
            | 0x00ac | 0xc02b | 0xc02d | 0xc02f | 0xc031 | 0xd001 => (Aes128Gcm, Hash::Sha256),
            0x1302 | 0x009d | 0x009f | 0x00a1 | 0x00a3 | 0x00a5 | 0x00a7 | 0x00a9 | 0x00ab
            | 0x00ad | 0xc02c | 0xc02e | 0xc030 | 0xc032 | 0xd002 => (Aes256Gcm, Hash::Sha384),
            0x002f..=0x0034
            | 0x008c
            | 0x0090
            | 0x0094
            | 0xc004
            | 0xc009
            | 0xc00e
            | 0xc013
            | 0xc018
            | 0xc035 => (Aes128Cbc(Mac::Sha1), Hash::Sha256),
            0x0035..=0x003a
            | 0x008d
            | 0x0091
            | 0x0095
            | 0xc005
            | 0xc00a
            | 0xc00f
            | 0xc014
            | 0xc019
            | 0xc036 => (Aes256Cbc(Mac::Sha1), Hash::Sha256),
            0x003c
            | 0x003e..=0x0040
            | 0x0067
            | 0x006c
            | 0x00ae
            | 0x00b2
            | 0x00b6
            | 0xc023
            | 0xc025
            | 0xc027
            | 0xc029
            | 0xc037 => (Aes128Cbc(Mac::Sha256), Hash::Sha256),
            0x003d | 0x0068..=0x006b | 0x006d => (Aes256Cbc(Mac::Sha256), Hash::Sha256),
            0x00af | 0x00b3 | 0x00b7 | 0xc024 | 0xc026 | 0xc028 | 0xc02a | 0xc038 => {
                (Aes256Cbc(Mac::Sha384), Hash::Sha384)
            }
            0x1304 | 0xc09c | 0xc09e | 0xc0a4 | 0xc0a6 | 0xc0ac => {
                (Aes128Ccm(Tag::Whole), Hash::Sha256)
            }
            0xc09d | 0xc09f | 0xc0a5 | 0xc0a7 | 0xc0ad => (Aes256Ccm(Tag::Whole), Hash::Sha256),
            0x1305 | 0xc0a0 | 0xc0a2 | 0xc0a8 | 0xc0aa | 0xc0ae => {
                (Aes128Ccm(Tag::Short), Hash::Sha256)
            }
            0xc0a1 | 0xc0a3 | 0xc0a9 | 0xc0ab | 0xc0af => (Aes256Ccm(Tag::Short), Hash::Sha256),
            0x0002 | 0x002c..=0x002e | 0xc001 | 0xc006 | 0xc00b | 0xc010 | 0xc015 | 0xc039 => {
                (Null(Mac::Sha1), Hash::Sha256)
            }
            0x003b | 0x00b0 | 0x00b4 | 0x00b8 | 0xc03a => (Null(Mac::Sha256), Hash::Sha256),
            0x00b1 | 0x00b5 | 0x00b9 | 0xc03b => (Null(Mac::Sha384), Hash::Sha384),
            _ => return None,
        };
        Some(Self { cipher, hash })
    }
}
