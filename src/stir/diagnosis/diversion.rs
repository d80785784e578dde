//! Diversion: the chain of tokens of a call that was forwarded.
//!
//! Each `div` token says from which number the call was diverted, and another token must have been
//! for that number; the last of them is for whom is called now. A `div-o` carries the token before
//! it inside.
//!
//! # References
//! - RFC 8946 §4.2, §5

use super::numbers::{Sides, best, claim_name, dests, evidence_of_dest, party};
use super::{Found, Header};
use crate::stir::cause::{CauseId, Grade};
use crate::stir::number::{self, Level, Party};
use crate::stir::passport::Passport;

/// The tokens of a call that was diverted.
pub(super) struct Chain {
    links: Vec<Link>,
}

struct Link {
    header: u32,
    is_div: bool,
    orig: Option<Party>,
    dests: Vec<Party>,
    div: Option<Party>,
}

impl Chain {
    pub(super) fn of(headers: &[Header<'_>]) -> Self {
        let mut links = Vec::new();
        for header in headers {
            let Some(passport) = header.claims() else {
                continue;
            };
            if !header.kind.is_primary() && !header.kind.is_div() {
                continue;
            }
            links.push(Link::of(header.index, header.kind.is_div(), passport));
            // A div-o carries the token before it inside (RFC 8946 §5).
            let inner = passport.text("opt").value().and_then(Passport::of_token);
            if let Some(inner) = inner.filter(|_| header.kind.is_div()) {
                let is_div = inner.has("div");
                links.push(Link::of(header.index, is_div, &inner));
            }
        }
        Self { links }
    }

    /// No token says that the call was diverted.
    pub(super) fn is_empty(&self) -> bool {
        !self.links.iter().any(|link| link.is_div)
    }

    /// Whether a token says that the call was diverted away from one of `dests`.
    pub(super) fn diverts(&self, dests: &[Party]) -> bool {
        self.divs().any(|link| {
            link.div
                .as_ref()
                .is_some_and(|div| best(dests, div) == Level::Equal)
        })
    }

    fn divs(&self) -> impl Iterator<Item = &Link> {
        self.links.iter().filter(|link| link.is_div)
    }

    /// The rules of RFC 8946 §4.2.
    pub(super) fn examine(&self, sides: &Sides, found: &mut Found) {
        for link in self.divs() {
            self.link(link, found);
        }
        // Outermost: nobody diverted away from where it leads.
        let outermost: Vec<&Link> = self
            .divs()
            .filter(|link| !link.dests.is_empty() && !self.diverts(&link.dests))
            .collect();
        let Some(last) = outermost.last() else {
            return;
        };
        let callee = sides
            .request_uri
            .as_ref()
            .filter(|uri| matches!(uri, Party::Number(_)));
        let level = callee.map(|callee| {
            outermost
                .iter()
                .map(|link| best(&link.dests, callee))
                .min()
                .unwrap_or(Level::Different)
        });
        if let (Some(callee), Some(level)) = (callee, level)
            && level != Level::Equal
        {
            // A verifier may know another number for the same line.
            found.add(
                CauseId::DivChainBroken,
                Grade::Likely,
                Some(last.header),
                evidence_of_dest(&last.dests, None, Some(callee)),
            );
        }
    }

    fn link(&self, link: &Link, found: &mut Found) {
        let Some(div) = &link.div else {
            return;
        };
        let others = || {
            self.links
                .iter()
                .filter(|other| !std::ptr::eq(*other, link))
        };
        let level = others()
            .map(|other| best(&other.dests, div))
            .min()
            .unwrap_or(Level::Different);
        if level != Level::Equal {
            let grade = if level.is_format() {
                Grade::Likely
            } else {
                Grade::Proven
            };
            let dests: Vec<String> = others()
                .flat_map(|other| &other.dests)
                .take(4)
                .map(ToString::to_string)
                .collect();
            let dests = if dests.is_empty() {
                "no other token has a dest".to_owned()
            } else {
                format!("the other tokens are for {}", dests.join(" and "))
            };
            found.add(
                CauseId::DivChainBroken,
                grade,
                Some(link.header),
                format!("{} {div}, {dests}", claim_name("div", div)),
            );
        }
        let Some(orig) = &link.orig else {
            return;
        };
        let other_orig = others()
            .filter_map(|other| other.orig.as_ref())
            .find(|other| number::compare(orig, other) != Level::Equal);
        if let Some(other) = other_orig {
            found.add(
                CauseId::DivChainBroken,
                Grade::Proven,
                Some(link.header),
                format!("orig {orig} in one token and {other} in another"),
            );
        }
    }
}

impl Link {
    fn of(header: u32, is_div: bool, passport: &Passport) -> Self {
        Self {
            header,
            is_div,
            orig: party(passport.orig()),
            dests: dests(passport),
            div: party(passport.div()),
        }
    }
}
