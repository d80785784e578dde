//! Header field names: the ones the program reads, in their long and compact forms.
//!
//! # References
//! - RFC 3261 §7.3.3 and §20 for the compact forms; RFC 3841, 3892, 4028, 4474, 6665, 8224 for
//!   the later ones

/// A header field name the program asks for. Everything else is [`Name::Other`] and stays
/// reachable by its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
#[expect(missing_docs, reason = "each variant is the header field of its name")]
pub enum Name {
    Via,
    From,
    To,
    CallId,
    CSeq,
    Contact,
    MaxForwards,
    ContentLength,
    ContentType,
    RecordRoute,
    Route,
    Authorization,
    ProxyAuthorization,
    WwwAuthenticate,
    ProxyAuthenticate,
    Reason,
    Warning,
    RetryAfter,
    ErrorInfo,
    Date,
    Expires,
    Identity,
    IdentityInfo,
    PAssertedIdentity,
    Require,
    Supported,
    Unsupported,
    Allow,
    Accept,
    Server,
    UserAgent,
    SessionExpires,
    MinSe,
    MinExpires,
    RSeq,
    RAck,
    Event,
    SubscriptionState,
    ReferTo,
    SessionId,
    PChargingVector,
    ProxyRequire,
    ResourcePriority,
    InfoPackage,
    SecurityClient,
    SecurityVerify,
    ReferredBy,
    Geolocation,
    SipIfMatch,
    Other,
}

/// How many names there are, [`Name::Other`] included.
pub const NAMES: usize = Name::Other as usize + 1;

/// Long names as they are mostly written, shortest first, and the compact form where there is one.
const TABLE: &[(Name, &str, u8)] = &[
    (Name::To, "To", b't'),
    (Name::Via, "Via", b'v'),
    (Name::From, "From", b'f'),
    (Name::CSeq, "CSeq", 0),
    (Name::Date, "Date", 0),
    (Name::RSeq, "RSeq", 0),
    (Name::RAck, "RAck", 0),
    (Name::Route, "Route", 0),
    (Name::Allow, "Allow", 0),
    (Name::Event, "Event", b'o'),
    (Name::Reason, "Reason", 0),
    (Name::Accept, "Accept", 0),
    (Name::Server, "Server", 0),
    (Name::MinSe, "Min-SE", 0),
    (Name::CallId, "Call-ID", b'i'),
    (Name::Contact, "Contact", b'm'),
    (Name::Warning, "Warning", 0),
    (Name::Expires, "Expires", 0),
    (Name::Require, "Require", 0),
    (Name::Identity, "Identity", b'y'),
    (Name::ReferTo, "Refer-To", b'r'),
    (Name::Supported, "Supported", b'k'),
    (Name::ErrorInfo, "Error-Info", 0),
    (Name::UserAgent, "User-Agent", 0),
    (Name::SessionId, "Session-ID", 0),
    (Name::RetryAfter, "Retry-After", 0),
    (Name::Unsupported, "Unsupported", 0),
    (Name::MinExpires, "Min-Expires", 0),
    (Name::Geolocation, "Geolocation", 0),
    (Name::ReferredBy, "Referred-By", b'b'),
    (Name::MaxForwards, "Max-Forwards", 0),
    (Name::ContentType, "Content-Type", b'c'),
    (Name::RecordRoute, "Record-Route", 0),
    (Name::InfoPackage, "Info-Package", 0),
    (Name::SipIfMatch, "SIP-If-Match", 0),
    (Name::Authorization, "Authorization", 0),
    (Name::IdentityInfo, "Identity-Info", b'n'),
    (Name::ProxyRequire, "Proxy-Require", 0),
    (Name::ContentLength, "Content-Length", b'l'),
    (Name::SessionExpires, "Session-Expires", b'x'),
    (Name::SecurityClient, "Security-Client", 0),
    (Name::SecurityVerify, "Security-Verify", 0),
    (Name::WwwAuthenticate, "WWW-Authenticate", 0),
    (Name::ResourcePriority, "Resource-Priority", 0),
    (Name::PChargingVector, "P-Charging-Vector", 0),
    (Name::ProxyAuthenticate, "Proxy-Authenticate", 0),
    (Name::SubscriptionState, "Subscription-State", 0),
    (Name::ProxyAuthorization, "Proxy-Authorization", 0),
    (Name::PAssertedIdentity, "P-Asserted-Identity", 0),
];

/// Where in [`TABLE`] the names of each length begin and end.
const BY_LENGTH: [(u8, u8); 20] = by_length();

#[expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "checked when compiled"
)]
const fn by_length() -> [(u8, u8); 20] {
    let mut ranges = [(0, 0); 20];
    let mut row = 0;
    while row < TABLE.len() {
        let length = TABLE[row].1.len();
        if ranges[length].1 == 0 {
            ranges[length].0 = row as u8;
        }
        ranges[length].1 = row as u8 + 1;
        row += 1;
    }
    ranges
}

/// Whether `text`, which has the length of `name`, is that name; it begins with `first` and ends
/// with `last`, which tell most of them apart.
fn is_name(name: &[u8], text: &[u8], first: u8, last: u8) -> bool {
    let [its_first, .., its_last] = name else {
        return false;
    };
    its_first.eq_ignore_ascii_case(&first)
        && its_last.eq_ignore_ascii_case(&last)
        && (name == text || name.eq_ignore_ascii_case(text))
}

impl Name {
    /// The name behind `text`, long or compact, in any case (RFC 3261 §7.3.1).
    pub fn of(text: &[u8]) -> Self {
        let found = match text {
            [] | [0] => None,
            [letter] => TABLE
                .iter()
                .find(|row| row.2 == letter.to_ascii_lowercase()),
            [first, .., last] => BY_LENGTH
                .get(text.len())
                .and_then(|rows| TABLE.get(usize::from(rows.0)..usize::from(rows.1)))
                .unwrap_or_default()
                .iter()
                .find(|row| is_name(row.1.as_bytes(), text, *first, *last)),
        };
        found.map_or(Self::Other, |row| row.0)
    }

    /// RFC 3261 gives it one value: a second one is a defect and the first is used (DOMAIN F.3).
    pub const fn is_single(self) -> bool {
        matches!(
            self,
            Self::From
                | Self::To
                | Self::CallId
                | Self::CSeq
                | Self::MaxForwards
                | Self::ContentLength
                | Self::Date
                | Self::Expires
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_and_compact_names_are_the_same_field_in_any_case() {
        for (text, name) in [
            ("Via", Name::Via),
            ("v", Name::Via),
            ("CALL-ID", Name::CallId),
            ("I", Name::CallId),
            ("y", Name::Identity),
            ("n", Name::IdentityInfo),
            ("X", Name::SessionExpires),
            ("x-anything", Name::Other),
            ("q", Name::Other),
            ("\0", Name::Other),
            ("", Name::Other),
        ] {
            assert_eq!(Name::of(text.as_bytes()), name, "{text}");
        }
    }

    #[test]
    fn every_name_but_other_is_in_the_table_once() {
        for index in 0..NAMES - 1 {
            assert_eq!(
                TABLE.iter().filter(|row| row.0 as usize == index).count(),
                1,
                "{index}"
            );
        }
    }

    #[test]
    fn an_escaped_name_is_another_name() {
        assert_eq!(Name::of(b"C%6Fntact"), Name::Other);
    }
}
