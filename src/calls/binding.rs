//! Bindings: what a REGISTER or SUBSCRIBE asks for, and what its 2xx grants.
//!
//! # References
//! - RFC 3261 §10.2, §10.3 step 8, §20.19; RFC 6665 §4.1.2, §4.2.1

use std::hash::Hasher as _;

use rustc_hash::FxHasher;

use crate::sip::value::{Address, Uri, digits, param, trim};
use crate::sip::{Message, Name};

/// The Contact and the time a REGISTER or SUBSCRIBE asks for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Binding {
    /// Digest of what names the first Contact: user, host and port; 0 without one.
    contact: u64,
    /// Seconds asked for it.
    expires: Option<u32>,
}

impl Binding {
    /// What a request asks for.
    pub(super) fn asked(request: &Message<'_>) -> Self {
        let own = request.items(Name::Contact).find_map(Address::parse);
        Self {
            contact: own.map_or(0, |own| place(own.uri)),
            expires: own.and_then(|own| seconds(&own)).or(field(request)),
        }
    }

    /// The seconds that a 2xx grants it; 0 where it removed it. `None` where it asked for nothing,
    /// or nothing is said.
    pub(super) fn granted(&self, response: &Message<'_>) -> Option<u32> {
        let removes = self.expires == Some(0);
        if self.contact == 0 && self.expires.is_none() {
            return None;
        }
        let mut bindings = response.items(Name::Contact).filter_map(Address::parse);
        let is_own = |binding: &Address<'_>| place(binding.uri) == self.contact;
        let first = bindings.next();
        let second = bindings.next();
        // A registrar may write the address as it saw it; where there is one it is this one.
        let only = first.filter(|_| second.is_none() && !removes);
        let own = first
            .filter(is_own)
            .or_else(|| second.filter(is_own))
            .or_else(|| bindings.find(is_own));
        match own.or(only) {
            Some(binding) => seconds(&binding).or(field(response)),
            None if removes => Some(0),
            None => field(response),
        }
    }
}

/// The `expires` parameter of a Contact.
fn seconds(contact: &Address<'_>) -> Option<u32> {
    param(contact.params, b"expires").and_then(|value| digits(trim(value)))
}

/// The Expires field.
fn field(message: &Message<'_>) -> Option<u32> {
    message.header(Name::Expires).and_then(digits)
}

/// Digest of what tells one binding from the next.
fn place(uri: &[u8]) -> u64 {
    let mut hasher = FxHasher::default();
    match Uri::parse(uri) {
        Some(uri) => {
            hasher.write(uri.user);
            hasher.write_u8(b'@');
            for byte in uri.host.host {
                hasher.write_u8(byte.to_ascii_lowercase());
            }
            hasher.write_u16(uri.host.port.unwrap_or(5060));
        }
        None => hasher.write(uri),
    }
    // 0 stands for no Contact.
    hasher.finish().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::Indexer;

    /// What a 200 with `granted` header lines grants a REGISTER with `asked` ones.
    fn check(asked: &str, granted: &str, expires: Option<u32>) {
        let text = |start: &str, lines: &str| {
            format!("{start}\n{lines}\n\n")
                .replace('\n', "\r\n")
                .into_bytes()
        };
        let (request, response) = (
            text("REGISTER sip:h SIP/2.0", asked),
            text("SIP/2.0 200 OK", granted),
        );
        let mut indexer = Indexer::new(16);
        let message = indexer.index(&request, request.len()).expect("a message");
        let binding = Binding::asked(&message);
        let message = indexer.index(&response, response.len()).expect("a message");
        assert_eq!(binding.granted(&message), expires, "{asked} / {granted}");
    }

    #[test]
    fn its_own_contact_counts_before_expires() {
        check(
            "Contact: <sip:a@10.0.0.1>;expires=3600",
            "Contact: <sip:b@h>;expires=10, <sip:a@10.0.0.1:5060;x=y>;expires=60\nExpires: 7",
            Some(60),
        );
        check(
            "Contact: <sip:a@10.0.0.1>\nExpires: 3600",
            "Contact: <sip:a@10.0.0.1>\nExpires: 120",
            Some(120),
        );
    }

    #[test]
    fn the_only_contact_is_its_own_however_it_is_written() {
        check(
            "Contact: <sip:a@10.0.0.1>;expires=3600",
            "Contact: <sip:a@203.0.113.9:1024>;expires=60",
            Some(60),
        );
        check(
            "Contact: <sip:a@10.0.0.1>;expires=3600",
            "Contact: <sip:b@h>;expires=1, <sip:c@h>;expires=2",
            None,
        );
    }

    #[test]
    fn what_was_removed_has_no_seconds_left() {
        check("Contact: *\nExpires: 0", "X: y", Some(0));
        check(
            "Contact: <sip:a@10.0.0.1>;expires=0",
            "Contact: <sip:b@h>;expires=60",
            Some(0),
        );
        check(
            "Contact: <sip:a@h>;expires=0",
            "Contact: <sip:a@h>;expires=60",
            Some(60),
        );
    }

    #[test]
    fn a_query_is_granted_nothing() {
        check("X: y", "Contact: <sip:a@h>;expires=60", None);
    }

    #[test]
    fn a_subscription_lasts_as_expires_says() {
        check(
            "Contact: <sip:a@10.0.0.1>\nExpires: 3600",
            "Contact: <sip:notifier@10.0.0.2>\nExpires: 600",
            Some(600),
        );
    }

    #[test]
    fn numbers_that_are_none_say_nothing() {
        check(
            "Contact: <sip:a@h>;expires=3600",
            "Contact: <sip:a@h>;expires=99999999999\nExpires: soon",
            None,
        );
    }
}
