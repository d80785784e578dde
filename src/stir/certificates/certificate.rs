//! Certificate: one X.509 certificate, as far as a verifier of PASSporTs looks at it.
//!
//! In: DER. Out: [`Certificate`], owned: a run reads a few thousand at most. Names are kept in DER
//! for comparison and in words for people; the signed part is kept as it came, since a signature
//! is over bytes and not over what they mean.
//!
//! # References
//! - RFC 5280 §4.1, §4.2; RFC 8226 §9; RFC 5480 §2.1.1 (P-256)

use x509_cert::certificate::{CertificateInner, Raw};
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::der::{Decode, Encode, oid::AssociatedOid};
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{
    AuthorityInfoAccessSyntax, AuthorityKeyIdentifier, BasicConstraints, KeyUsage, NameConstraints,
    SubjectKeyIdentifier,
};
use x509_cert::spki::SubjectPublicKeyInfoOwned;

use super::authority::Powers;
use super::claim_constraints::ClaimConstraints;
use super::tlv;
use super::tn_auth_list::{self, Entry};
use crate::stir::signature::{Algorithm, Checked, Key};

/// The extension that says for which numbers a certificate may sign.
const TN_AUTH_LIST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.1.26");

/// Where such a list is, for a certificate that does not hold it (RFC 8226 §10.1).
const STIR_TN_LIST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.14");

/// The extension that says what its tokens may claim, and its enhanced form.
const CLAIM_CONSTRAINTS: [ObjectIdentifier; 2] = [
    ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.1.33"),
    ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.1.27"),
];

const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const PRIME256V1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const ECDSA_WITH_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");
const SHA256_WITH_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");
const SHA1_WITH_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.5");

/// What a certificate says about numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TnAuth {
    /// Nothing: there is no such extension.
    Absent,
    /// There is one that cannot be read.
    Unreadable,
    /// It says where a list is, which nobody fetches here.
    Elsewhere(String),
    /// These entries.
    Entries(Vec<Entry>),
}

/// One certificate.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// All of it.
    pub der: Box<[u8]>,
    /// Whose it is, in words.
    pub subject: String,
    /// Who issued it, in words.
    pub issuer: String,
    /// Whose it is, in DER.
    pub(super) subject_der: Box<[u8]>,
    /// Who issued it, in DER.
    pub(super) issuer_der: Box<[u8]>,
    /// Its serial number's bytes.
    pub serial: Box<[u8]>,
    /// Seconds since 1970 from which it is valid.
    pub not_before: i64,
    /// The last second at which it is valid.
    pub not_after: i64,
    /// Its key.
    pub key: Key,
    /// Whether it may issue others.
    pub is_ca: bool,
    /// For which numbers it may sign.
    pub tn_auth: TnAuth,
    /// What its tokens may claim.
    pub claims: Option<ClaimConstraints>,
    /// What it may issue.
    pub(super) powers: Powers,
    subject_key: Option<Box<[u8]>>,
    authority_key: Option<Box<[u8]>>,
    signed: Signed,
}

/// A signed object: what is signed, how, and the signature.
#[derive(Clone, Debug)]
pub(super) struct Signed {
    pub(super) bytes: Box<[u8]>,
    pub(super) algorithm: Option<Algorithm>,
    pub(super) signature: Box<[u8]>,
}

impl Signed {
    /// Of the SEQUENCE { signed, algorithm, signature } that certificates and CRLs are.
    pub(super) fn of(der: &[u8], algorithm: ObjectIdentifier, signature: &[u8]) -> Option<Self> {
        let outer = tlv::first(der)?;
        Some(Self {
            bytes: tlv::first(outer.value)?.whole.into(),
            algorithm: match algorithm {
                ECDSA_WITH_SHA256 => Some(Algorithm::EcdsaSha256),
                SHA256_WITH_RSA => Some(Algorithm::RsaSha256),
                SHA1_WITH_RSA => Some(Algorithm::RsaSha1),
                _ => None,
            },
            signature: signature.into(),
        })
    }

    pub(super) fn verify(&self, key: &Key) -> Checked {
        self.algorithm.map_or(Checked::Unsupported, |algorithm| {
            key.verify(algorithm, &self.bytes, &self.signature)
        })
    }
}

/// It is not an X.509 certificate, or one that breaks DER.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable;

impl Certificate {
    /// Reads one certificate.
    pub fn parse(der: &[u8]) -> Result<Self, Unreadable> {
        // The parser's errors name offsets in DER, which is of use to nobody here.
        let unreadable = |_error| Unreadable;
        let parsed = CertificateInner::<Raw>::from_der(der).map_err(unreadable)?;
        let tbs = parsed.tbs_certificate();
        let seconds = |time: &x509_cert::time::Time| {
            i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX)
        };
        let extension = |oid: ObjectIdentifier| {
            let mut all = tbs.extensions().into_iter().flatten();
            all.find(|extension| extension.extn_id == oid)
                .map(|extension| extension.extn_value.as_bytes())
        };
        let signature = parsed.signature().as_bytes().ok_or(Unreadable)?;
        let powers = Powers::of(
            extension(BasicConstraints::OID),
            extension(KeyUsage::OID),
            extension(NameConstraints::OID),
        );
        Ok(Self {
            der: der.into(),
            subject: tbs.subject().to_string(),
            issuer: tbs.issuer().to_string(),
            subject_der: tbs.subject().to_der().map_err(unreadable)?.into(),
            issuer_der: tbs.issuer().to_der().map_err(unreadable)?.into(),
            serial: tbs.serial_number().as_bytes().into(),
            not_before: seconds(&tbs.validity().not_before),
            not_after: seconds(&tbs.validity().not_after),
            key: key(tbs.subject_public_key_info()),
            is_ca: powers.is_ca,
            powers,
            claims: CLAIM_CONSTRAINTS
                .into_iter()
                .find_map(extension)
                .and_then(ClaimConstraints::parse),
            tn_auth: match extension(TN_AUTH_LIST) {
                None => extension(AuthorityInfoAccessSyntax::OID)
                    .and_then(list_elsewhere)
                    .map_or(TnAuth::Absent, TnAuth::Elsewhere),
                Some(bytes) => {
                    tn_auth_list::parse(bytes).map_or(TnAuth::Unreadable, TnAuth::Entries)
                }
            },
            subject_key: extension(SubjectKeyIdentifier::OID)
                .and_then(|bytes| SubjectKeyIdentifier::from_der(bytes).ok())
                .map(|id| id.0.as_bytes().into()),
            authority_key: extension(AuthorityKeyIdentifier::OID)
                .and_then(|bytes| AuthorityKeyIdentifier::from_der(bytes).ok())
                .and_then(|id| id.key_identifier.map(|id| id.as_bytes().into())),
            signed: Signed::of(der, parsed.signature_algorithm().oid, signature)
                .ok_or(Unreadable)?,
        })
    }

    /// Whether `issuer` is named as the one who issued it. Key identifiers count where both have
    /// one: names are used again when a key changes.
    pub(super) fn names_as_issuer(&self, issuer: &Self) -> bool {
        let keys_agree = match (&self.authority_key, &issuer.subject_key) {
            (Some(wanted), Some(found)) => wanted == found,
            _ => true,
        };
        self.issuer_der == issuer.subject_der && keys_agree
    }

    /// Whether `issuer`'s key signed it.
    pub(super) fn verify_with(&self, issuer: &Self) -> Checked {
        self.signed.verify(&issuer.key)
    }

    /// The serial number in hexadecimal, as tools print it.
    pub fn serial_text(&self) -> String {
        let digits = self.serial.iter().map(|byte| format!("{byte:02x}"));
        digits.collect::<Vec<_>>().concat()
    }

    /// Whether it is valid at a time, in seconds since 1970.
    pub const fn is_valid_at(&self, seconds: i64) -> bool {
        self.not_before <= seconds && seconds <= self.not_after
    }
}

/// The address of a `TNAuthList` among the places where more is known.
fn list_elsewhere(extension: &[u8]) -> Option<String> {
    let places = AuthorityInfoAccessSyntax::from_der(extension).ok()?.0;
    let list = places
        .into_iter()
        .find(|place| place.access_method == STIR_TN_LIST)?;
    match list.access_location {
        GeneralName::UniformResourceIdentifier(url) => Some(url.as_str().to_owned()),
        _ => Some("a place without URL".to_owned()),
    }
}

fn key(info: &SubjectPublicKeyInfoOwned) -> Key {
    let bits = info.subject_public_key.as_bytes().unwrap_or_default();
    let parameter = info
        .algorithm
        .parameters
        .as_ref()
        .and_then(|any| any.decode_as::<ObjectIdentifier>().ok());
    let other = || match (info.algorithm.oid, parameter) {
        (EC_PUBLIC_KEY, Some(curve)) => Key::Other(format!("elliptic curve {curve}")),
        (RSA_ENCRYPTION, _) => Key::Other("RSA of an odd size".to_owned()),
        (oid, _) => Key::Other(format!("algorithm {oid}")),
    };
    match (info.algorithm.oid, parameter) {
        (EC_PUBLIC_KEY, Some(PRIME256V1)) => Key::p256(bits),
        (RSA_ENCRYPTION, _) => Key::rsa(bits),
        _ => None,
    }
    .unwrap_or_else(other)
}
