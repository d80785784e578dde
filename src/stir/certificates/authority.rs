//! Authority: what a certificate may issue, and for whom.
//!
//! In: its extensions. Out: [`Powers`]: whether it may issue at all, how long a chain below it may
//! be, and in which directories; names of other kinds are not constrained here, since a signer has
//! none. No RFC of STIR asks for an extended key usage, so none is looked at.
//!
//! # References
//! - RFC 5280 §4.2.1.3 (key usage), §4.2.1.9 (path length), §4.2.1.10 (name constraints), §6.1

use x509_cert::der::{Decode, Encode};
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{BasicConstraints, KeyUsage, NameConstraints};

use super::tlv;

/// What a certificate may issue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Powers {
    /// It may issue certificates: basic constraints say so.
    pub(super) is_ca: bool,
    /// Its key may sign certificates, as far as a key usage says.
    pub(super) signs_certificates: bool,
    /// Authorities that may stand between it and a signer.
    pub(super) path_len: Option<u8>,
    permitted: Vec<Box<[u8]>>,
    excluded: Vec<Box<[u8]>>,
}

impl Powers {
    /// Of extensions: basic constraints, key usage, name constraints.
    pub(super) fn of(basic: Option<&[u8]>, usage: Option<&[u8]>, names: Option<&[u8]>) -> Self {
        let basic = basic.and_then(|bytes| BasicConstraints::from_der(bytes).ok());
        let usage = usage.and_then(|bytes| KeyUsage::from_der(bytes).ok());
        let names = names.and_then(|bytes| NameConstraints::from_der(bytes).ok());
        let (permitted, excluded) = names.map_or((None, None), |names| {
            (names.permitted_subtrees, names.excluded_subtrees)
        });
        let directories = |subtrees: Option<Vec<_>>| {
            let bases = subtrees.into_iter().flatten();
            bases
                .filter_map(
                    |subtree: x509_cert::ext::pkix::constraints::name::GeneralSubtree| {
                        let GeneralName::DirectoryName(name) = subtree.base else {
                            return None;
                        };
                        name.to_der().ok().map(Into::into)
                    },
                )
                .collect()
        };
        Self {
            is_ca: basic.as_ref().is_some_and(|basic| basic.ca),
            signs_certificates: usage.is_none_or(|usage| usage.key_cert_sign()),
            path_len: basic.and_then(|basic| basic.path_len_constraint),
            permitted: directories(permitted),
            excluded: directories(excluded),
        }
    }

    /// Whether a subject, in DER, is in a directory for which it may issue.
    pub(super) fn may_name(&self, subject: &[u8]) -> bool {
        let is_below = |base: &[u8]| {
            let parts = |name: &'_ [u8]| tlv::only(name, tlv::SEQUENCE).map(<[u8]>::to_vec);
            match (parts(base), parts(subject)) {
                // A name is a list of its parts, the widest first.
                (Some(base), Some(subject)) => subject.starts_with(&base),
                _ => false,
            }
        };
        let is_permitted =
            self.permitted.is_empty() || self.permitted.iter().any(|base| is_below(base));
        is_permitted && !self.excluded.iter().any(|base| is_below(base))
    }
}
