//! Keys: what makes two messages belong to one transaction.
//!
//! A key is a 64-bit digest that is compared inside one Call-ID only and never finds a place in a
//! table, so a fast hash without a secret does: who can choose texts of equal digest can choose
//! equal texts as well. The table of calls is another matter ([`super::table`]).
//!
//! # References
//! - RFC 3261 §17.1.3 (responses), §17.2.3 (requests, with the RFC 2543 fallback)

use std::hash::{Hash as _, Hasher as _};

use rustc_hash::FxHasher;

use crate::sip::value::Via;
use crate::sip::{Message, Method, MethodKind};

/// Digest of a text.
pub(super) fn digest(text: &[u8]) -> u64 {
    let mut hasher = FxHasher::default();
    hasher.write(text);
    hasher.finish()
}

/// Digest of a tag; a missing one is the same as none (RFC 3261 §12.1.1, RFC 2543 peers).
pub(super) fn tag(tag: Option<&[u8]>) -> u64 {
    tag.map_or(0, digest)
}

/// The transaction a message belongs to, inside its Call-ID.
///
/// With a branch that names it alone: branch, sent-by and method, ACK counting as INVITE. Else
/// the RFC 2543 rule without the Request-URI, which responses do not carry: sent-by, branch if
/// any, From tag, CSeq number and method.
pub(super) fn transaction(message: &Message<'_>, via: Option<&Via<'_>>, method: Method<'_>) -> u64 {
    let mut hasher = FxHasher::default();
    let kind = match method.kind {
        MethodKind::Ack => MethodKind::Invite,
        kind => kind,
    };
    kind.hash(&mut hasher);
    if kind == MethodKind::Other {
        hasher.write(method.text);
    }
    if let Some(via) = via {
        for byte in via.sent_by.host {
            hasher.write_u8(byte.to_ascii_lowercase());
        }
        via.sent_by.port.hash(&mut hasher);
    }
    match via.and_then(Via::unique_branch) {
        Some(branch) => hasher.write(branch),
        None => {
            via.and_then(|via| via.branch).hash(&mut hasher);
            message.from_tag().hash(&mut hasher);
            message.cseq.number.hash(&mut hasher);
        }
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::Indexer;

    fn key(text: &str) -> u64 {
        let bytes = text.replace('\n', "\r\n").into_bytes();
        let mut indexer = Indexer::new(64);
        let message = indexer.index(&bytes, bytes.len()).expect("a message");
        transaction(&message, message.top_via().as_ref(), message.method())
    }

    #[test]
    fn a_response_has_its_requests_key() {
        assert_eq!(
            key(
                "INVITE sip:b@h SIP/2.0\nVia: SIP/2.0/UDP h:5060;branch=z9hG4bK1\nCSeq: 1 INVITE\n\n"
            ),
            key(
                "SIP/2.0 200 OK\nVia: SIP/2.0/UDP H:5060;branch=z9hG4bK1;received=1.2.3.4\nCSeq: 1 INVITE\n\n"
            ),
        );
    }

    #[test]
    fn a_cancel_is_a_transaction_of_its_own_and_an_ack_is_not() {
        let with = |method: &str| {
            key(&format!(
                "{method} sip:b@h SIP/2.0\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\nCSeq: 1 {method}\n\n"
            ))
        };
        assert_eq!(with("INVITE"), with("ACK"));
        assert_ne!(with("INVITE"), with("CANCEL"));
        assert_ne!(with("FOO"), with("BAR"));
    }

    #[test]
    fn without_the_cookie_the_rfc_2543_rule_counts() {
        let with = |tag: &str, cseq: u32| {
            key(&format!(
                "INVITE sip:b@h SIP/2.0\nVia: SIP/2.0/UDP h\nFrom: <sip:a@h>;tag={tag}\nCSeq: {cseq} INVITE\n\n"
            ))
        };
        assert_eq!(with("1", 1), with("1", 1));
        assert_ne!(with("1", 1), with("2", 1));
        assert_ne!(with("1", 1), with("1", 2));
    }
}
