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
    Other,
}

/// How many names there are, [`Name::Other`] included.
pub const NAMES: usize = Name::Other as usize + 1;

/// Long names in lower case, shortest first, and the compact form where there is one.
const TABLE: &[(Name, &str, u8)] = &[
    (Name::To, "to", b't'),
    (Name::Via, "via", b'v'),
    (Name::From, "from", b'f'),
    (Name::CSeq, "cseq", 0),
    (Name::Date, "date", 0),
    (Name::RSeq, "rseq", 0),
    (Name::RAck, "rack", 0),
    (Name::Route, "route", 0),
    (Name::Allow, "allow", 0),
    (Name::Event, "event", b'o'),
    (Name::Reason, "reason", 0),
    (Name::Accept, "accept", 0),
    (Name::Server, "server", 0),
    (Name::MinSe, "min-se", 0),
    (Name::CallId, "call-id", b'i'),
    (Name::Contact, "contact", b'm'),
    (Name::Warning, "warning", 0),
    (Name::Expires, "expires", 0),
    (Name::Require, "require", 0),
    (Name::Identity, "identity", b'y'),
    (Name::ReferTo, "refer-to", b'r'),
    (Name::Supported, "supported", b'k'),
    (Name::ErrorInfo, "error-info", 0),
    (Name::UserAgent, "user-agent", 0),
    (Name::SessionId, "session-id", 0),
    (Name::RetryAfter, "retry-after", 0),
    (Name::Unsupported, "unsupported", 0),
    (Name::MinExpires, "min-expires", 0),
    (Name::MaxForwards, "max-forwards", 0),
    (Name::ContentType, "content-type", b'c'),
    (Name::RecordRoute, "record-route", 0),
    (Name::Authorization, "authorization", 0),
    (Name::IdentityInfo, "identity-info", b'n'),
    (Name::ContentLength, "content-length", b'l'),
    (Name::SessionExpires, "session-expires", b'x'),
    (Name::WwwAuthenticate, "www-authenticate", 0),
    (Name::ProxyAuthenticate, "proxy-authenticate", 0),
    (Name::SubscriptionState, "subscription-state", 0),
    (Name::ProxyAuthorization, "proxy-authorization", 0),
    (Name::PAssertedIdentity, "p-asserted-identity", 0),
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

impl Name {
    /// The name behind `text`, long or compact, in any case (RFC 3261 §7.3.1).
    pub fn of(text: &[u8]) -> Self {
        let found = match text {
            [letter] => TABLE
                .iter()
                .find(|row| row.2 == letter.to_ascii_lowercase()),
            _ => BY_LENGTH
                .get(text.len())
                .and_then(|rows| TABLE.get(usize::from(rows.0)..usize::from(rows.1)))
                .unwrap_or_default()
                .iter()
                .find(|row| row.1.as_bytes().eq_ignore_ascii_case(text)),
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
