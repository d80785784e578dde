//! Chain: from a signer's certificate to one that is trusted.
//!
//! In: a certificate, those supplied beside it, the trust list. Out: [`Chain`]. Names, key
//! identifiers, signatures, validity and the right to issue are looked at: for which names, how
//! deep, and, where both name numbers, for which numbers. Policies are not.
//!
//! Capped: `LONGEST` certificates a chain, `MOST_CHECKS` signatures a search.
//!
//! # References
//! - RFC 5280 §6.1 (in part); RFC 8226 §7; RFC 9060 §4 (numbers of a delegate)

use super::certificate::{Certificate, TnAuth};
use super::tn_auth_list;
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
        for depth in 0..LONGEST {
            let below = Below {
                leaf,
                current,
                depth,
            };
            if self.trusted.iter().any(|one| one.der == current.der) {
                return Chain::Trusted(current.subject.clone());
            }
            let mut why = None;
            match self.issuer(&below, self.trusted, &mut checks, &mut why) {
                Link::Found(issuer) => return Chain::Trusted(issuer.subject.clone()),
                Link::Unsupported => return unsupported(current),
                Link::None => {}
            }
            match self.issuer(&below, self.supplied, &mut checks, &mut why) {
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
        below: &Below<'_>,
        among: &'b [Certificate],
        checks: &mut usize,
        why: &mut Option<String>,
    ) -> Link<'b> {
        let mut link = Link::None;
        let of = below.current;
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
                Checked::Good => match below.forbidden_by(one).filter(|_| !is_itself) {
                    Some(words) => {
                        why.get_or_insert(words);
                    }
                    None => return Link::Found(one),
                },
            }
        }
        link
    }
}

/// What stands below an issuer that is looked for.
struct Below<'a> {
    leaf: &'a Certificate,
    current: &'a Certificate,
    /// Authorities between the leaf and the issuer.
    depth: usize,
}

impl Below<'_> {
    /// Why `issuer` may not issue this.
    fn forbidden_by(&self, issuer: &Certificate) -> Option<String> {
        let (powers, who) = (&issuer.powers, &issuer.subject);
        if !powers.signs_certificates {
            return Some(format!("the key of {who} may not sign certificates"));
        }
        let most = powers.path_len.map(usize::from);
        if let Some(most) = most.filter(|most| *most < self.depth) {
            return Some(format!(
                "{who} may have {most} authorities below it, and has {}",
                self.depth
            ));
        }
        let mut below = [self.current, self.leaf].into_iter();
        if let Some(one) = below.find(|one| !powers.may_name(&one.subject_der)) {
            return Some(format!(
                "{who} may not issue for the name of {}",
                one.subject
            ));
        }
        match (&issuer.tn_auth, &self.current.tn_auth) {
            (TnAuth::Entries(held), TnAuth::Entries(given)) => {
                let wider = tn_auth_list::first_beyond(held, given)?;
                Some(format!(
                    "{} is for {wider}, for which {who} may not sign",
                    self.current.subject
                ))
            }
            _ => None,
        }
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
