//! Who signed a response: a PASSporT of connected identity speaks for the party that was reached.
//!
//! # References
//! - RFC 8225 §5; RFC 8224 §4 for the field; the type `rsp` of the IANA registry

use super::words::{Quoted, Words};
use crate::calls::ResponseSeen;
use crate::sip::Name;
use crate::stir::{Identity, Passport};

/// Values of Identity that are told.
const MOST: usize = 4;

/// Tells the tokens of a response.
pub(super) fn tell(response: &ResponseSeen<'_>, words: &mut Words<'_>) {
    let message = response.message;
    let has_info = message.header(Name::IdentityInfo).is_some();
    for value in message.items(Name::Identity).take(MOST) {
        let identity = Identity::parse(value, has_info);
        let Some(passport) = Passport::of(&identity) else {
            words.part(format_args!("signed ({})", identity.form.name()));
            continue;
        };
        let ppt = passport.header_text("ppt").value();
        let ppt = ppt.map(str::as_bytes).or(identity.ppt);
        words.part(format_args!(
            "signed, PASSporT {}",
            Quoted(ppt.unwrap_or(b"without type"))
        ));
        let x5u = passport.header_text("x5u").value().map(str::as_bytes);
        if let Some(x5u) = x5u.or(identity.info) {
            words.more(format_args!(" of {}", Quoted(x5u)));
        }
        let orig = passport.orig().value();
        if let Some(orig) = orig.and_then(|orig| orig.tn.value().or(orig.uri.value())) {
            words.more(format_args!(", orig {}", Quoted(orig.as_bytes())));
        }
    }
}
