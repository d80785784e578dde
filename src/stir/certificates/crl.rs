//! Crl: which certificates were revoked, and when.
//!
//! In: DER. Out: [`Crl`]. The list of the SHAKEN PKI is indirect: its issuer is the policy
//! administrator, and an entry names the issuer of the certificate it revokes; the name holds for
//! the entries behind it, too.
//!
//! # References
//! - RFC 5280 §5.1, §5.3.3 (Certificate Issuer)

use std::borrow::Cow;
use std::collections::BTreeMap;

use x509_cert::certificate::Raw;
use x509_cert::crl::CertificateList;
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::der::{Decode, Encode};

use super::certificate::{Certificate, Signed, Unreadable};
use super::tlv;
use crate::stir::signature::Checked;

const CERTIFICATE_ISSUER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.29");

/// INTEGER 1: version 2 (RFC 5280 §5.1.2.1).
const VERSION: [u8; 3] = [tlv::INTEGER, 1, 1];

/// Issuer and serial number of a certificate.
type Revoked = (Box<[u8]>, Box<[u8]>);

/// A revocation list.
#[derive(Clone, Debug)]
pub struct Crl {
    /// Who issued the list, in words.
    pub issuer: String,
    issuer_der: Box<[u8]>,
    /// By issuer and serial number: when it was revoked, in seconds since 1970.
    entries: BTreeMap<Revoked, i64>,
    signed: Signed,
}

impl Crl {
    /// Reads one list.
    pub fn parse(der: &[u8]) -> Result<Self, Unreadable> {
        let unreadable = |_error| Unreadable;
        let versioned = with_version(der).ok_or(Unreadable)?;
        let parsed = CertificateList::<Raw>::from_der(&versioned).map_err(unreadable)?;
        let list = &parsed.tbs_cert_list;
        let issuer_der: Box<[u8]> = list.issuer.to_der().map_err(unreadable)?.into();
        let mut entries = BTreeMap::new();
        let mut issuer = issuer_der.clone();
        for entry in list.revoked_certificates.iter().flatten() {
            let named = entry
                .crl_entry_extensions
                .iter()
                .flatten()
                .find(|extension| extension.extn_id == CERTIFICATE_ISSUER)
                .and_then(|extension| directory_name(extension.extn_value.as_bytes()));
            if let Some(named) = named {
                issuer = named.into();
            }
            let time = entry.revocation_date.to_unix_duration().as_secs();
            entries.insert(
                (issuer.clone(), entry.serial_number.as_bytes().into()),
                i64::try_from(time).unwrap_or(i64::MAX),
            );
        }
        let signature = parsed.signature.as_bytes().ok_or(Unreadable)?;
        Ok(Self {
            issuer: list.issuer.to_string(),
            issuer_der,
            entries,
            signed: Signed::of(der, parsed.signature_algorithm.oid, signature).ok_or(Unreadable)?,
        })
    }

    /// When the list says that `certificate` was revoked.
    pub(super) fn revoked(&self, certificate: &Certificate) -> Option<i64> {
        let key = (certificate.issuer_der.clone(), certificate.serial.clone());
        self.entries.get(&key).copied()
    }

    /// Whether the list is its issuer's, if the issuer's certificate is among `known`.
    pub(super) fn verify<'a>(
        &self,
        known: impl Iterator<Item = &'a Certificate>,
    ) -> Option<Checked> {
        let mut issuers = known.filter(|one| one.subject_der == self.issuer_der);
        let mut answer = None;
        issuers.find_map(|issuer| {
            answer = Some(self.signed.verify(&issuer.key));
            (answer == Some(Checked::Good)).then_some(())
        });
        answer
    }
}

/// A list without version is one of version 1, as openssl writes it where no extension is asked
/// for; the parser wants it said. What is signed stays what was sent.
fn with_version(der: &[u8]) -> Option<Cow<'_, [u8]>> {
    let outer = tlv::first(der)?;
    let list = tlv::first(outer.value)?;
    if tlv::first(list.value)?.tag == tlv::INTEGER {
        return Some(Cow::Borrowed(der));
    }
    let list = [
        tlv::head(tlv::SEQUENCE, list.value.len() + VERSION.len()),
        VERSION.to_vec(),
        list.value.to_vec(),
        list.rest.to_vec(),
    ]
    .concat();
    Some(Cow::Owned(
        [tlv::head(tlv::SEQUENCE, list.len()), list].concat(),
    ))
}

/// The name in a `GeneralNames` of one `directoryName`.
fn directory_name(names: &[u8]) -> Option<&[u8]> {
    tlv::elements(tlv::only(names, tlv::SEQUENCE)?)
        .find(|name| name.tag == 0xa4)
        .map(|name| name.value)
}
