//! Handshake messages: the two hellos, and the ends of messages that matter.
//!
//! In: the bytes of handshake records, however messages lie in them. Out: [`Message`]s. Bodies
//! other than the hellos' are passed over, not kept. Capped: a hello by [`HELLO_BYTES`].
//!
//! # References
//! - RFC 5246 §7.4, RFC 8446 §4 (messages), §4.1.3 (HelloRetryRequest), §4.2.1 (versions)
//! - RFC 6066 §3 (server name), RFC 7366 §2 (encrypt-then-MAC), RFC 9147 §5.2 (DTLS)

use super::keylog::Random;

/// Bytes: hellos with post-quantum key shares and tickets have some thousands.
const HELLO_BYTES: usize = 32 << 10;

/// The random that makes a ServerHello a HelloRetryRequest (RFC 8446 §4.1.3).
const RETRY: Random = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

const SERVER_NAME: u16 = 0;
const USE_SRTP: u16 = 14;
const ENCRYPT_THEN_MAC: u16 = 22;
const EARLY_DATA: u16 = 42;
const SUPPORTED_VERSIONS: u16 = 43;

/// Bytes of a server name (RFC 1035 §2.3.4).
const NAME_BYTES: usize = 255;

/// What a client offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ClientHello {
    /// By which the connection is known.
    pub(super) random: Random,
    /// The name the client asked for; only letters, digits, `-`, `_` and `.`.
    pub(super) server_name: Option<String>,
    /// Data may come before the handshake is done.
    pub(super) early_data: bool,
    /// The connection is for media (RFC 5764 §4.1).
    pub(super) srtp: bool,
}

impl ClientHello {
    /// Reads the body of a message; `dtls`: it has a cookie (RFC 6347 §4.2.1).
    pub(super) fn parse(body: &[u8], dtls: bool) -> Option<Self> {
        let mut rest = Bytes(body);
        rest.skip(2)?;
        let random = *rest.take(32)?.first_chunk()?;
        rest.vector8()?;
        if dtls {
            rest.vector8()?;
        }
        rest.vector16()?;
        rest.vector8()?;
        let mut hello = Self {
            random,
            server_name: None,
            early_data: false,
            srtp: false,
        };
        for_extensions(rest, |kind, value| match kind {
            SERVER_NAME => hello.server_name = server_name(value),
            EARLY_DATA => hello.early_data = true,
            USE_SRTP => hello.srtp = true,
            _ => {}
        });
        Some(hello)
    }
}

/// What a server chose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ServerHello {
    /// Its part of the keys of TLS 1.2 and before.
    pub(super) random: Random,
    /// `0x0301` is TLS 1.0, `0x0303` TLS 1.2, `0x0304` TLS 1.3.
    pub(super) version: u16,
    /// The number of the suite.
    pub(super) suite: u16,
    /// RFC 7366 was agreed on.
    pub(super) encrypt_then_mac: bool,
}

impl ServerHello {
    fn parse(body: &[u8]) -> Option<Self> {
        let mut rest = Bytes(body);
        let version = rest.u16()?;
        let random = *rest.take(32)?.first_chunk()?;
        rest.vector8()?;
        let suite = rest.u16()?;
        rest.skip(1)?;
        let mut hello = Self {
            random,
            version,
            suite,
            encrypt_then_mac: false,
        };
        for_extensions(rest, |kind, value| match (kind, value) {
            (SUPPORTED_VERSIONS, &[high, low]) => hello.version = u16::from_be_bytes([high, low]),
            (ENCRYPT_THEN_MAC, _) => hello.encrypt_then_mac = true,
            _ => {}
        });
        Some(hello)
    }
}

/// A handshake message that matters.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Message {
    /// The client's first, or its second after a HelloRetryRequest, with the same random.
    ClientHello(ClientHello),
    /// The server's choice.
    ServerHello(ServerHello),
    /// The server wants another ClientHello (RFC 8446 §4.1.4).
    Retry,
    /// The client's early data is over (RFC 8446 §4.5).
    EndOfEarlyData,
    /// The last of the handshake from this side.
    Finished,
    /// The sender's next record has the next keys (RFC 8446 §4.6.3).
    KeyUpdate,
}

/// Puts messages together.
#[derive(Debug, Default)]
pub(super) struct Reader {
    head: Vec<u8>,
    /// Bytes of the body still to come.
    left: usize,
    body: Vec<u8>,
}

impl Reader {
    /// Bytes kept.
    pub(super) const fn cost(&self) -> usize {
        self.body.len()
    }

    /// Takes the bytes of a record.
    pub(super) fn push(&mut self, mut bytes: &[u8], out: &mut dyn FnMut(Message)) {
        loop {
            if self.head.len() < 4 {
                let Some((first, rest)) = bytes.split_first() else {
                    return;
                };
                bytes = rest;
                self.head.push(*first);
                if let [_, high, middle, low] = *self.head {
                    let length = u32::from_be_bytes([0, high, middle, low]);
                    self.left = usize::try_from(length).unwrap_or(usize::MAX);
                } else {
                    continue;
                }
            }
            let kind = self.head.first().copied().unwrap_or_default();
            let part = bytes.len().min(self.left);
            let (part, rest) = bytes.split_at(part);
            if matches!(kind, 1 | 2) && self.body.len() + part.len() <= HELLO_BYTES {
                self.body.extend_from_slice(part);
            }
            self.left -= part.len();
            bytes = rest;
            if self.left > 0 {
                return;
            }
            let body = std::mem::take(&mut self.body);
            self.head.clear();
            let message = match kind {
                1 => ClientHello::parse(&body, false).map(Message::ClientHello),
                2 => ServerHello::parse(&body).map(|hello| match hello.random {
                    RETRY => Message::Retry,
                    _ => Message::ServerHello(hello),
                }),
                5 => Some(Message::EndOfEarlyData),
                20 => Some(Message::Finished),
                24 => Some(Message::KeyUpdate),
                _ => None,
            };
            if let Some(message) = message {
                out(message);
            }
        }
    }
}

/// The name of the first host in the extension, if it can be one.
fn server_name(value: &[u8]) -> Option<String> {
    let mut list = Bytes(Bytes(value).vector16()?);
    if list.take(1)? != [0] {
        return None;
    }
    let name = list.vector16()?;
    let is_legal = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    if name.is_empty() || name.len() > NAME_BYTES || !name.iter().all(is_legal) {
        return None;
    }
    String::from_utf8(name.to_vec()).ok()
}

fn for_extensions(mut rest: Bytes<'_>, mut each: impl FnMut(u16, &[u8])) {
    let Some(all) = rest.vector16() else { return };
    let mut rest = Bytes(all);
    while let (Some(kind), Some(value)) = (rest.u16(), rest.vector16()) {
        each(kind, value);
    }
}

/// Reads from the front; `None` where too little is left.
pub(super) struct Bytes<'a>(pub(super) &'a [u8]);

impl<'a> Bytes<'a> {
    pub(super) fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    pub(super) fn skip(&mut self, len: usize) -> Option<()> {
        self.take(len).map(|_| ())
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(*self.take(2)?.first_chunk()?))
    }

    /// Bytes behind their length in one byte.
    pub(super) fn vector8(&mut self) -> Option<&'a [u8]> {
        let len = *self.take(1)?.first()?;
        self.take(usize::from(len))
    }

    /// Bytes behind their length in two bytes.
    pub(super) fn vector16(&mut self) -> Option<&'a [u8]> {
        let len = self.u16()?;
        self.take(usize::from(len))
    }
}
