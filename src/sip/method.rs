//! Methods: the fourteen registered ones by name, every other token as it was sent.
//!
//! # References
//! - RFC 3261 §7.1: method names are case-sensitive tokens

use std::fmt;

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MethodKind {
    /// RFC 3261 §17.1.1.3 and §13.2.2.4.
    Ack,
    /// RFC 3261 §15.
    Bye,
    /// RFC 3261 §9.
    Cancel,
    /// RFC 6086 §4.
    Info,
    /// RFC 3261 §13.
    Invite,
    /// RFC 3428 §4.
    Message,
    /// RFC 6665 §4.
    Notify,
    /// RFC 3261 §11.
    Options,
    /// RFC 3262 §3.
    Prack,
    /// RFC 3903 §4.
    Publish,
    /// RFC 3515 §2.
    Refer,
    /// RFC 3261 §10.
    Register,
    /// RFC 6665 §4.
    Subscribe,
    /// RFC 3311 §5.
    Update,
    /// Any other token; its text is beside it where it matters.
    Other,
}

/// The registered methods with their names.
const REGISTERED: [(MethodKind, &str); 14] = [
    (MethodKind::Invite, "INVITE"),
    (MethodKind::Ack, "ACK"),
    (MethodKind::Bye, "BYE"),
    (MethodKind::Register, "REGISTER"),
    (MethodKind::Options, "OPTIONS"),
    (MethodKind::Cancel, "CANCEL"),
    (MethodKind::Subscribe, "SUBSCRIBE"),
    (MethodKind::Notify, "NOTIFY"),
    (MethodKind::Publish, "PUBLISH"),
    (MethodKind::Message, "MESSAGE"),
    (MethodKind::Prack, "PRACK"),
    (MethodKind::Update, "UPDATE"),
    (MethodKind::Info, "INFO"),
    (MethodKind::Refer, "REFER"),
];

impl MethodKind {
    /// The kind of a method token. Names are case-sensitive (RFC 3261 §7.1): `invite` is another
    /// method than `INVITE`.
    pub fn of(token: &[u8]) -> Self {
        REGISTERED
            .iter()
            .find(|(_, name)| name.as_bytes() == token)
            .map_or(Self::Other, |(kind, _)| *kind)
    }

    /// The name on the wire; `None` for [`Self::Other`].
    pub fn name(self) -> Option<&'static str> {
        REGISTERED
            .iter()
            .find(|(kind, _)| *kind == self)
            .map(|(_, name)| *name)
    }

    /// A request of this method makes a dialog when it is answered (RFC 3261 §12.1, RFC 6665 §4,
    /// RFC 3515 §2.4.4).
    pub const fn makes_dialog(self) -> bool {
        matches!(
            self,
            Self::Invite | Self::Subscribe | Self::Refer | Self::Notify
        )
    }
}

/// A method as it stood in a start line or CSeq.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Method<'a> {
    /// Which one.
    pub kind: MethodKind,
    /// As it was sent.
    pub text: &'a [u8],
}

impl<'a> Method<'a> {
    /// The method named `token`.
    pub fn new(token: &'a [u8]) -> Self {
        Self {
            kind: MethodKind::of(token),
            text: token,
        }
    }
}

impl fmt::Display for MethodKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name().unwrap_or("another method"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn method_names_are_case_sensitive() {
        assert_eq!(MethodKind::of(b"INVITE"), MethodKind::Invite);
        assert_eq!(MethodKind::of(b"Invite"), MethodKind::Other);
    }

    #[test]
    fn an_escaped_name_is_not_the_name() {
        assert_eq!(MethodKind::of(b"RE%47IST%45R"), MethodKind::Other);
    }
}
