//! Signature: whether a signature is that of a key.
//!
//! In: a public key, what was signed, the signature's bytes. Out: [`Checked`]. Nothing secret is
//! ever here: keys are public, and the timing of the RSA crate's private operations does not
//! matter.
//!
//! # References
//! - RFC 7518 §3.4 (ES256 is r‖s, 64 bytes); RFC 8225 §4 (only ES256 is mandatory)

use p256::ecdsa::signature::Verifier;
use rsa::BoxedUint;
use sha1::Sha1;
use sha2::Sha256;

use super::certificates::tlv;

/// Bytes of an ES256 signature.
pub const ES256_BYTES: usize = 64;

/// Characters of its base64url.
pub const ES256_CHARACTERS: usize = 86;

/// A public key.
#[derive(Clone, Debug)]
pub enum Key {
    /// P-256, the one curve of ES256.
    P256(Box<p256::ecdsa::VerifyingKey>),
    /// RSA: certification authorities, and the legacy form.
    Rsa(Box<rsa::PublicKey>),
    /// Another kind, in words.
    Other(String),
}

/// How something was signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// ECDSA with SHA-256, the signature in DER, as certificates have it.
    EcdsaSha256,
    /// ECDSA P-256 with SHA-256, the signature r‖s, as PASSporTs have it.
    Es256,
    /// RSA PKCS#1 v1.5 with SHA-256.
    RsaSha256,
    /// RSA PKCS#1 v1.5 with SHA-1.
    RsaSha1,
}

/// What came of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checked {
    /// It is the key's signature of these bytes.
    Good,
    /// It is not.
    Bad,
    /// Key and algorithm are not of a kind that is checked here.
    Unsupported,
}

impl Checked {
    const fn of(is_good: bool) -> Self {
        if is_good { Self::Good } else { Self::Bad }
    }
}

impl Key {
    /// A P-256 key from its point (SEC 1).
    pub fn p256(point: &[u8]) -> Option<Self> {
        let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(point).ok()?;
        Some(Self::P256(Box::new(key)))
    }

    /// An RSA key from its SEQUENCE { modulus, exponent }. Keys of under 1024 and over 8192 bits
    /// are not taken.
    pub fn rsa(der: &[u8]) -> Option<Self> {
        let mut numbers = tlv::elements(tlv::only(der, tlv::SEQUENCE)?);
        let mut number = || {
            let element = numbers.next().filter(|e| e.tag == tlv::INTEGER)?;
            Some(BoxedUint::from_be_slice_vartime(tlv::unsigned(
                element.value,
            )?))
        };
        let (modulus, exponent) = (number()?, number()?);
        let key = rsa::PublicKey::new(modulus, exponent).ok()?;
        Some(Self::Rsa(Box::new(key)))
    }

    /// What it is, in words.
    pub fn kind(&self) -> &str {
        match self {
            Self::P256(_) => "P-256",
            Self::Rsa(_) => "RSA",
            Self::Other(words) => words,
        }
    }

    /// Whether `signature` is this key's of `signed`.
    pub fn verify(&self, algorithm: Algorithm, signed: &[u8], signature: &[u8]) -> Checked {
        match (self, algorithm) {
            (Self::P256(key), Algorithm::Es256) => Checked::of(is_ecdsa(key, signed, signature)),
            (Self::P256(key), Algorithm::EcdsaSha256) => Checked::of(
                fixed(signature).is_some_and(|signature| is_ecdsa(key, signed, &signature)),
            ),
            (Self::Rsa(key), Algorithm::RsaSha256) => {
                let key = rsa::pkcs1v15::VerifyingKey::<Sha256>::new((**key).clone());
                Checked::of(is_rsa(&key, signed, signature))
            }
            (Self::Rsa(key), Algorithm::RsaSha1) => {
                let key = rsa::pkcs1v15::VerifyingKey::<Sha1>::new((**key).clone());
                Checked::of(is_rsa(&key, signed, signature))
            }
            _ => Checked::Unsupported,
        }
    }
}

fn is_ecdsa(key: &p256::ecdsa::VerifyingKey, signed: &[u8], signature: &[u8]) -> bool {
    p256::ecdsa::Signature::from_slice(signature)
        .is_ok_and(|signature| key.verify(signed, &signature).is_ok())
}

fn is_rsa<K>(key: &K, signed: &[u8], signature: &[u8]) -> bool
where
    K: Verifier<rsa::pkcs1v15::Signature>,
{
    rsa::pkcs1v15::Signature::try_from(signature)
        .is_ok_and(|signature| key.verify(signed, &signature).is_ok())
}

/// r‖s of a signature in DER.
fn fixed(der: &[u8]) -> Option<[u8; ES256_BYTES]> {
    let mut numbers = tlv::elements(tlv::only(der, tlv::SEQUENCE)?);
    let mut bytes = [0; ES256_BYTES];
    let (r, s) = bytes.split_at_mut(ES256_BYTES / 2);
    for half in [r, s] {
        let element = numbers.next().filter(|e| e.tag == tlv::INTEGER)?;
        let number = tlv::unsigned(element.value)?;
        let start = half.len().checked_sub(number.len())?;
        half.get_mut(start..)?.copy_from_slice(number);
    }
    Some(bytes)
}

/// Whether bytes that should be r‖s are a signature in DER: a common fault of signers.
pub fn is_der(signature: &[u8]) -> bool {
    signature.first() == Some(&tlv::SEQUENCE) && fixed(signature).is_some()
}

#[cfg(test)]
mod tests;
