//! Facts: of one INVITE on one hop, everything its verifier had before it.
//!
//! In: an indexed message, and where it was captured ([`Sent`]). Out: [`Facts`], borrowed from its
//! bytes: whoever keeps an INVITE until it is answered indexes it again. What was cut off is seen in
//! the bytes, so nothing of the framing is needed.
//!
//! Capped: [`MOST_IDENTITIES`] values of Identity, [`MOST_ASSERTED`] of P-Asserted-Identity.
//!
//! # References
//! - RFC 8224 §6.2 (what a verifier looks at); RFC 3325 §9.1 (P-Asserted-Identity); RFC 4474 §9

use super::fingerprint::{self, Fingerprint};
use super::identity::{Form, Identity};
use crate::sip::value::{Address, HostPort, digits};
use crate::sip::{Message, Name, Oddities, RawMessage, StartLine};
use crate::units::{Flow, FrameRef, Timestamp};

/// Values of Identity that are looked at; France's profile expects up to six.
pub const MOST_IDENTITIES: usize = 16;

/// Values of P-Asserted-Identity that are looked at; RFC 3325 §9.1 allows two.
pub const MOST_ASSERTED: usize = 4;

/// Where and how a message was captured.
#[derive(Clone, Copy, Debug)]
pub struct Sent {
    /// The hop: from whom to whom.
    pub flow: Flow,
    /// When.
    pub time: Timestamp,
    /// The frame that completed it.
    pub at: FrameRef,
    /// Bytes of it before its body.
    pub head_len: usize,
    /// It came in several IP fragments.
    pub is_fragmented: bool,
}

impl Sent {
    /// Of a message as it was framed.
    pub const fn of(raw: &RawMessage<'_>) -> Self {
        Self {
            flow: raw.flow,
            time: raw.origin.time,
            at: raw.origin.at,
            head_len: raw.head_len,
            is_fragmented: raw.origin.fragmented,
        }
    }
}

/// One INVITE on one hop.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// The hop: from whom to whom.
    pub flow: Flow,
    /// When it was captured.
    pub time: Timestamp,
    /// The frame that completed it.
    pub at: FrameRef,
    /// Bytes of its head.
    pub head_bytes: usize,
    /// It came in several IP fragments.
    pub is_fragmented: bool,
    /// Some of its head may not have been captured or indexed: what is missing here need not have
    /// been missing on the wire.
    pub is_incomplete: bool,
    /// The Request-URI.
    pub request_uri: &'a [u8],
    /// From's URI.
    pub from: Option<&'a [u8]>,
    /// To's URI.
    pub to: Option<&'a [u8]>,
    /// The URIs of P-Asserted-Identity.
    pub asserted: Vec<&'a [u8]>,
    /// Date's value.
    pub date: Option<&'a [u8]>,
    /// The values of Identity, comma lists taken apart.
    pub identities: Vec<&'a [u8]>,
    /// Identity-Info's value (RFC 4474).
    pub identity_info: Option<&'a [u8]>,
    /// DTLS fingerprints of the SDP.
    pub fingerprints: Vec<Fingerprint<'a>>,
    /// Its body came whole.
    pub has_whole_body: bool,
    /// What only the legacy form signs.
    pub legacy: Option<LegacyParts<'a>>,
}

/// Parts of the legacy form's signed string that are not in [`Facts`] already (RFC 4474 §9).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LegacyParts<'a> {
    /// Call-ID.
    pub call_id: &'a [u8],
    /// CSeq's value.
    pub cseq: &'a [u8],
    /// Contact's URI; empty where there is none.
    pub contact: &'a [u8],
    /// The body.
    pub body: &'a [u8],
}

impl<'a> Facts<'a> {
    /// Whether there is something in `message` for this room.
    pub fn has_identity(message: &Message<'_>) -> bool {
        message.headers(Name::Identity).next().is_some()
    }

    /// Of a request; `None` of a response.
    pub fn of(message: &Message<'a>, sent: &Sent) -> Option<Self> {
        let StartLine::Request { uri, .. } = message.start else {
            return None;
        };
        let uri_of = |value: &'a [u8]| Address::parse(value).map(|address| address.uri);
        let identities: Vec<&[u8]> = message
            .items(Name::Identity)
            .take(MOST_IDENTITIES)
            .collect();
        let identity_info = message.header(Name::IdentityInfo);
        let is_legacy = identities
            .iter()
            .any(|value| Identity::parse(value, identity_info.is_some()).form == Form::Legacy);
        let head = message.bytes.get(..sent.head_len).unwrap_or(message.bytes);
        let is_cut = !head.ends_with(b"\r\n\r\n") && !head.ends_with(b"\n\n");
        let promised = message.header(Name::ContentLength).and_then(digits);
        let is_short = promised.is_some_and(|promised| {
            usize::try_from(promised).is_ok_and(|n| n > message.body.len())
        });
        Some(Self {
            flow: sent.flow,
            time: sent.time,
            at: sent.at,
            head_bytes: sent.head_len,
            is_fragmented: sent.is_fragmented,
            is_incomplete: is_cut || message.oddities.has(Oddities::TOO_MANY_HEADERS),
            request_uri: uri,
            from: message.from().map(|address| address.uri),
            to: message.to().map(|address| address.uri),
            asserted: message
                .items(Name::PAssertedIdentity)
                .filter_map(uri_of)
                .take(MOST_ASSERTED)
                .collect(),
            date: message.header(Name::Date),
            identities,
            identity_info,
            fingerprints: fingerprint::of_sdp(message.body),
            has_whole_body: !is_short && !is_cut,
            legacy: is_legacy.then(|| LegacyParts {
                call_id: message.call_id().unwrap_or_default(),
                cseq: message.header(Name::CSeq).unwrap_or_default(),
                contact: message
                    .items(Name::Contact)
                    .next()
                    .and_then(uri_of)
                    .unwrap_or_default(),
                body: message.body,
            }),
        })
    }

    /// Its Identity values, read.
    pub fn parsed(&self) -> Vec<Identity<'a>> {
        self.identities
            .iter()
            .map(|value| Identity::parse(value, self.identity_info.is_some()))
            .collect()
    }
}

/// Whether a host cannot be reached from another network: an address that is not routed, or a
/// name that is not public.
pub(super) fn is_private_host(host: &[u8]) -> bool {
    let parsed = HostPort { host, port: None };
    match parsed.addr() {
        Some(std::net::IpAddr::V4(addr)) => {
            addr.is_private() || addr.is_loopback() || addr.is_link_local() || addr.is_unspecified()
        }
        Some(std::net::IpAddr::V6(addr)) => {
            addr.is_loopback() || addr.is_unspecified() || addr.is_unique_local()
        }
        None => {
            let host = host.to_ascii_lowercase();
            let ends = |end: &[u8]| host.ends_with(end);
            host == b"localhost"
                || !host.contains(&b'.')
                || ends(b".local")
                || ends(b".localhost")
                || ends(b".invalid")
                || ends(b".internal")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::Indexer;
    use crate::stir::testing::flow;

    const INVITE: &[u8] = b"INVITE sip:+1777@b.example SIP/2.0\r\n\
        From: <sip:+1555@a.example>;tag=1\r\nTo: <sip:+1777@b.example>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n\
        P-Asserted-Identity: <sip:+1555@a.example>, <tel:+1556>\r\nContact: <sip:c@d>\r\n\
        Date: Mon, 21 Sep 2026 14:20:02 GMT\r\n\
        Identity: a.b.c;info=<https://x/c.pem>;alg=ES256, ..d;info=<https://x/c.pem>\r\n\
        y: \"Zm9v\"\r\nIdentity-Info: <https://x/c.cer>;alg=rsa-sha1\r\n\r\n\
        v=0\r\na=fingerprint:sha-256 AA:BB\r\n";

    #[track_caller]
    fn with_facts(bytes: &[u8], check: impl FnOnce(&Facts<'_>)) {
        let mut indexer = Indexer::new(64);
        let end = bytes.windows(4).position(|w| w == b"\r\n\r\n");
        let sent = Sent {
            flow: flow(),
            time: Timestamp::from_nanos(7),
            at: FrameRef::default(),
            head_len: end.map_or(bytes.len(), |end| end + 4),
            is_fragmented: true,
        };
        let message = indexer.index(bytes, sent.head_len).unwrap();
        assert!(Facts::has_identity(&message));
        check(&Facts::of(&message, &sent).unwrap());
    }

    #[test]
    fn every_identity_of_every_field_and_list_is_found() {
        with_facts(INVITE, |facts| {
            let forms: Vec<_> = facts.parsed().iter().map(|i| i.form.name()).collect();
            assert_eq!(forms, ["full", "compact", "rfc4474"]);
            assert_eq!(facts.asserted, [&b"sip:+1555@a.example"[..], b"tel:+1556"]);
            assert_eq!(facts.fingerprints.len(), 1);
            assert_eq!(facts.legacy.unwrap().contact, b"sip:c@d");
            assert!(facts.is_fragmented && !facts.is_incomplete && facts.has_whole_body);
        });
    }

    #[test]
    fn a_cut_in_the_head_and_one_in_the_body_are_told_apart() {
        let head = INVITE.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
        with_facts(&INVITE[..head], |facts| assert!(facts.is_incomplete));
        let longer = String::from_utf8(INVITE.to_vec()).unwrap().replacen(
            "Call-ID",
            "Content-Length: 999\r\nCall-ID",
            1,
        );
        with_facts(longer.as_bytes(), |facts| {
            assert!(!facts.is_incomplete && !facts.has_whole_body);
        });
    }

    #[test]
    fn hosts_that_no_other_network_reaches_are_told() {
        for host in ["10.0.0.1", "localhost", "sti", "cr.local", "::1"] {
            assert!(is_private_host(host.as_bytes()), "{host}");
        }
        for host in ["192.0.2.1", "cr.example.net", "2001:db8::1"] {
            assert!(!is_private_host(host.as_bytes()), "{host}");
        }
    }
}
