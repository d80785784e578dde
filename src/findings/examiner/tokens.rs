//! The tokens of a call, decoded and no more, and the traits they give it.

use super::super::partition::Dimension;
use super::x5u_of;
use crate::stir::passport::{Attest, is_time};
use crate::stir::{Facts, Identity, Passport, Store};
use crate::units::{NANOS_PER_SEC, Span, Timestamp};

/// One of the call's tokens.
pub(super) struct Token {
    form: &'static str,
    ppt: String,
    pub(super) x5u: Option<String>,
    pub(super) attest: Option<Attest>,
    pub(super) iat: Option<i64>,
}

/// The tokens of a call.
pub(super) struct Looked {
    pub(super) tokens: Vec<Token>,
}

impl Looked {
    pub(super) fn at(facts: &Facts<'_>) -> Self {
        let token = |identity: Identity<'_>| {
            let passport = Passport::of(&identity);
            let in_header = passport
                .as_ref()
                .and_then(|passport| passport.header_text("ppt").value())
                .map(ToOwned::to_owned);
            let mirrored = || {
                identity
                    .ppt
                    .map(|ppt| String::from_utf8_lossy(ppt).into_owned())
            };
            Token {
                form: identity.form.name(),
                ppt: in_header.or_else(mirrored).unwrap_or_default(),
                x5u: x5u_of(&identity, passport.as_ref()),
                attest: passport.as_ref().and_then(Passport::attest),
                iat: passport.as_ref().and_then(|one| one.issued_at().seconds()),
            }
        };
        Self {
            tokens: facts.parsed().into_iter().map(token).collect(),
        }
    }

    /// The token that says who calls whom: the first that is no diversion.
    pub(super) fn primary(&self) -> Option<&Token> {
        let is_div = |token: &&Token| token.ppt.starts_with("div");
        self.tokens
            .iter()
            .find(|token| !is_div(token))
            .or_else(|| self.tokens.first())
    }

    pub(super) fn set(
        &self,
        facts: &Facts<'_>,
        store: &Store,
        set: &mut impl FnMut(Dimension, &[u8]),
    ) {
        let Some(primary) = self.primary() else {
            set(Dimension::Form, b"none");
            return;
        };
        set(Dimension::Form, primary.form.as_bytes());
        let types: Vec<_> = self.tokens.iter().map(|token| token.ppt.as_str()).collect();
        set(Dimension::Ppt, types.join(" ").as_bytes());
        let is_diverted = types.iter().any(|ppt| ppt.starts_with("div"));
        set(Dimension::Div, if is_diverted { b"yes" } else { b"no" });
        let attest = primary.attest.map_or("none", Attest::letter);
        set(Dimension::Attest, attest.as_bytes());
        if let Some(x5u) = &primary.x5u {
            set(Dimension::X5u, x5u.as_bytes());
            let candidates = store.candidates(x5u);
            if let Some(one) = candidates.first() {
                set(
                    Dimension::Certificate,
                    one.certificate.serial_text().as_bytes(),
                );
            }
        }
        if let Some(iat) = primary.iat.filter(|iat| is_time(*iat)) {
            set(Dimension::IatAge, age_class(age_of(facts, iat)).as_bytes());
        }
    }

    /// How old the token was when it was captured.
    pub(super) fn age(&self, facts: &Facts<'_>) -> Option<Span> {
        let iat = self.primary()?.iat.filter(|iat| is_time(*iat))?;
        Some(age_of(facts, iat))
    }
}

/// RFC 3261 §18.1.1 sends what is larger than 1300 bytes by another transport; an Ethernet frame
/// takes 1472.
pub(super) const fn size_class(bytes: u32) -> &'static str {
    match bytes {
        0..=1300 => "up to 1300 bytes",
        1301..=1472 => "1301 to 1472 bytes",
        1473..=2500 => "1473 to 2500 bytes",
        _ => "more than 2500 bytes",
    }
}

/// Classes of a token's age; 60 s is what RFC 8224 §6.2 recommends as the most, 15 s what some
/// verifiers take.
fn age_class(age: Span) -> &'static str {
    let secs = |secs| Span::from_secs(secs);
    match age {
        age if age < secs(-5) => "from the future",
        age if age <= secs(5) => "up to 5 s",
        age if age <= secs(15) => "5 to 15 s",
        age if age <= secs(60) => "15 to 60 s",
        age if age <= secs(300) => "1 to 5 min",
        _ => "more than 5 min",
    }
}

fn age_of(facts: &Facts<'_>, iat: i64) -> Span {
    let issued = iat.saturating_mul(NANOS_PER_SEC);
    facts.time.since(Timestamp::from_nanos(issued))
}
