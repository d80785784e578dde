//! Chain: from a signer's certificate to one that is trusted.
//!
//! In: a certificate, those supplied beside it, the trust list. Out: [`Chain`]. Names, key
//! identifiers, signatures, the right to issue and validity are looked at; policies, name
//! constraints and path lengths are not.
//!
//! Capped: `LONGEST` certificates a chain, `MOST_CHECKS` signatures a search.
//!
//! # References
//! - RFC 5280 §6.1 (in part); RFC 8226 §7

use super::certificate::Certificate;
use crate::stir::date;
use crate::stir::signature::Checked;

/// Certificates in one chain; the SHAKEN PKI has two or three.
const LONGEST: usize = 6;

/// Signatures checked in one search.
const MOST_CHECKS: usize = 32;

/// What came of the search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chain {
    /// There is no trust list, or a link is signed in a way that is not checked here; says which.
    NotJudged(String),
    /// It ends at a trusted certificate, whose name this is.
    Trusted(String),
    /// It does not; says where it ends and why.
    Broken(String),
}

/// A search among certificates.
pub(super) struct Search<'a> {
    /// What is trusted.
    pub(super) trusted: &'a [Certificate],
    /// What may stand between.
    pub(super) supplied: &'a [Certificate],
    /// Seconds since 1970 at which every link must be valid.
    pub(super) at: i64,
}

impl Search<'_> {
    /// Looks for a chain of `leaf`.
    pub(super) fn run(&self, leaf: &Certificate) -> Chain {
        let mut checks = 0;
        let mut current = leaf;
        for _ in 0..LONGEST {
            if self.trusted.iter().any(|one| one.der == current.der) {
                return Chain::Trusted(current.subject.clone());
            }
            let mut why = None;
            match self.issuer(current, self.trusted, &mut checks, &mut why) {
                Link::Found(issuer) => return Chain::Trusted(issuer.subject.clone()),
                Link::Unsupported => return unsupported(current),
                Link::None => {}
            }
            match self.issuer(current, self.supplied, &mut checks, &mut why) {
                // One that issued itself, and is not trusted, leads nowhere.
                Link::Found(issuer) if issuer.der != current.der => current = issuer,
                Link::Found(issuer) => {
                    return Chain::Broken(format!(
                        "{} issued itself and is not in the trust list",
                        issuer.subject
                    ));
                }
                Link::Unsupported => return unsupported(current),
                Link::None => {
                    return Chain::Broken(why.unwrap_or_else(|| {
                        format!(
                            "the issuer of {}, {}, is neither in the trust list nor among the certificates given",
                            current.subject, current.issuer
                        )
                    }));
                }
            }
        }
        Chain::Broken(format!("no trusted certificate within {LONGEST} links"))
    }

    fn issuer<'b>(
        &self,
        of: &Certificate,
        among: &'b [Certificate],
        checks: &mut usize,
        why: &mut Option<String>,
    ) -> Link<'b> {
        let mut link = Link::None;
        for one in among.iter().filter(|one| of.names_as_issuer(one)) {
            *checks += 1;
            if *checks > MOST_CHECKS {
                break;
            }
            let is_itself = one.der == of.der;
            match of.verify_with(one) {
                Checked::Unsupported => link = Link::Unsupported,
                Checked::Bad => {
                    why.get_or_insert_with(|| {
                        format!("{} did not sign {}", one.subject, of.subject)
                    });
                }
                Checked::Good if !is_itself && !one.is_ca => {
                    why.get_or_insert_with(|| {
                        format!("{} may not issue certificates", one.subject)
                    });
                }
                Checked::Good if !is_itself && !one.is_valid_at(self.at) => {
                    why.get_or_insert_with(|| {
                        format!(
                            "{} is valid from {} to {}",
                            one.subject,
                            date::write(one.not_before),
                            date::write(one.not_after)
                        )
                    });
                }
                Checked::Good => return Link::Found(one),
            }
        }
        link
    }
}

enum Link<'a> {
    None,
    Unsupported,
    Found(&'a Certificate),
}

fn unsupported(of: &Certificate) -> Chain {
    Chain::NotJudged(format!(
        "{} is signed in a way that is not checked here",
        of.subject
    ))
}
