//! `sdp`: what a message says of its media, read in place.
//!
//! In: a message or a body. Out: an [`Sdp`], a view over the body's bytes, and [`Media`], one for
//! each `m=` line. Always: reading never fails and allocates nothing; a line that cannot be read is
//! passed over, and what is not there is `None` or empty. Lines end in LF with or without CR.
//! Capped: [`MEDIA`] media, of each [`LINES`] lines and [`FORMATS`] formats; what comes after is
//! not read. Of bodies inside bodies a few levels are opened.
//!
//! # References
//! - RFC 8866 (SDP), RFC 3264 (offer and answer), RFC 3551 §6 (static payload types), RFC 3605
//!   (`a=rtcp`)

use std::net::IpAddr;

use super::Message;
use super::value::{digits, is_space, trim};
use crate::units::Endpoint;

mod codecs;
mod lines;
mod multipart;

pub use codecs::Codecs;

use codecs::static_type;
use lines::{Under, attributes, initial, line, line_len, lines_of, media_at};

/// Media read of one description.
pub const MEDIA: usize = 64;

/// Formats read of one medium; a payload type has 7 bits.
pub const FORMATS: usize = 128;

/// Lines read of one medium, and of what stands before the first.
pub const LINES: usize = 1024;

/// A session description over its wire bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sdp<'a> {
    /// What stands before the first `m=` line.
    session: &'a [u8],
    /// From the first `m=` line on.
    media: &'a [u8],
}

impl<'a> Sdp<'a> {
    /// Reads a body that is a description.
    pub fn parse(body: &'a [u8]) -> Self {
        let (session, media) = body.split_at(media_at(body));
        Self { session, media }
    }

    /// The description in the body of `message`, also inside a multipart body; the first one, but
    /// for those of early sessions (RFC 3959). A body without Content-Type that begins with `v=0`
    /// is taken for one, which is laxer than RFC 3261 §20.15. `None` also where the body is
    /// compressed or in base64.
    pub fn of(message: &Message<'a>) -> Option<Self> {
        multipart::description(message).map(Self::parse)
    }

    /// `o=`: who made the description, and which it is.
    pub fn origin(&self) -> Option<SessionOrigin<'a>> {
        lines_of(self.session, b'o')
            .next()
            .and_then(SessionOrigin::parse)
    }

    /// `c=` before the first medium: the address of all media without a `c=` of their own.
    pub fn connection(&self) -> Option<Connection<'a>> {
        connection(self.session)
    }

    /// The direction of all media that do not say their own.
    pub fn direction(&self) -> Option<Direction> {
        direction(self.session)
    }

    /// The media, in order.
    pub fn media(&self) -> impl Iterator<Item = Media<'a>> + use<'a> {
        let session = self.session;
        let mut rest = self.media;
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let media;
            (media, rest) = Media::parse(session, rest);
            Some(media)
        })
        .take(MEDIA)
    }

    /// Every `a=fingerprint` (RFC 8122 §5) of the session and of all media, in order.
    pub fn fingerprints(&self) -> impl Iterator<Item = Fingerprint<'a>> + use<'a> {
        let of_media = self.media().flat_map(|media| fingerprints(media.lines));
        fingerprints(self.session).chain(of_media)
    }

    /// The encoding names of all media, for people.
    pub const fn codecs(&self) -> Codecs<'a> {
        Codecs::new(*self)
    }
}

/// `o=` (RFC 8866 §5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionOrigin<'a> {
    /// The user's name, mostly `-`.
    pub user: &'a [u8],
    /// With `user` and `address` the session's name.
    pub id: &'a [u8],
    /// Goes up with each change.
    pub version: &'a [u8],
    /// Where it was made; not where media goes.
    pub address: &'a [u8],
}

impl<'a> SessionOrigin<'a> {
    /// Reads what stands behind `o=`; `None` where fields are missing. User names with blanks are
    /// seen, so fields are counted from the end.
    fn parse(value: &'a [u8]) -> Option<Self> {
        let (rest, address) = last_word(value)?;
        let (rest, _address_type) = last_word(rest)?;
        let (rest, _net_type) = last_word(rest)?;
        let (rest, version) = last_word(rest)?;
        let (user, id) = last_word(rest)?;
        (!user.is_empty()).then_some(Self {
            user,
            id,
            version,
            address,
        })
    }
}

/// `c=` (RFC 8866 §5.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connection<'a> {
    /// `IP4`, `IP6`, as sent.
    pub kind: &'a [u8],
    /// Address or name, without the TTL and count that multicast has.
    pub address: &'a [u8],
}

impl<'a> Connection<'a> {
    fn parse(value: &'a [u8]) -> Option<Self> {
        let (rest, address) = last_word(value)?;
        let (_net_type, kind) = last_word(rest)?;
        let end = memchr::memchr(b'/', address).unwrap_or(address.len());
        Some(Self {
            kind,
            address: address.get(..end)?,
        })
    }

    /// The address, if it is a literal.
    pub fn addr(&self) -> Option<IpAddr> {
        literal(self.address)
    }

    /// `0.0.0.0` or `::`: nothing is to be sent here, which is how RFC 2543 peers put a call on
    /// hold (RFC 3264 §8.4).
    pub fn is_unspecified(&self) -> bool {
        self.addr().is_some_and(|addr| addr.is_unspecified())
    }
}

/// In which directions media may flow, as the describing side says it (RFC 3264 §5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// `a=sendrecv`, and where nothing is said.
    SendRecv,
    /// `a=sendonly`.
    SendOnly,
    /// `a=recvonly`.
    RecvOnly,
    /// `a=inactive`.
    Inactive,
}

impl Direction {
    const ALL: [(&'static [u8], Self); 4] = [
        (b"sendrecv", Self::SendRecv),
        (b"sendonly", Self::SendOnly),
        (b"recvonly", Self::RecvOnly),
        (b"inactive", Self::Inactive),
    ];
}

/// What a medium is (RFC 8866 §5.14).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaKind {
    /// Speech.
    Audio,
    /// Pictures that move.
    Video,
    /// Fax (T.38).
    Image,
    /// Characters as they are typed.
    Text,
    /// Something between applications.
    Application,
    /// Messages.
    Message,
    /// None of them; [`Media::kind_text`] has it.
    Other,
}

impl MediaKind {
    const ALL: [(&'static [u8], Self); 6] = [
        (b"audio", Self::Audio),
        (b"video", Self::Video),
        (b"image", Self::Image),
        (b"text", Self::Text),
        (b"application", Self::Application),
        (b"message", Self::Message),
    ];
}

/// The first `a=rtpmap` lines of a medium: what they map, and to what. Read once for all formats.
#[derive(Clone, Copy, Debug, Default)]
struct Maps<'a> {
    first: [Option<(u32, &'a [u8])>; 12],
    /// There are more of them.
    is_cut: bool,
}

impl<'a> Maps<'a> {
    fn of(media: &Media<'a>) -> Self {
        let mut maps = Self::default();
        let mut all = mapped(media);
        for (place, map) in maps.first.iter_mut().zip(&mut all) {
            *place = Some(map);
        }
        maps.is_cut = all.next().is_some();
        maps
    }

    /// What the payload type `number` is mapped to.
    fn find(&self, media: &Media<'a>, number: u32) -> Option<&'a [u8]> {
        let is_it = |map: &(u32, &[u8])| map.0 == number;
        let found = self.first.iter().flatten().copied().find(is_it);
        let found = found.or_else(|| self.is_cut.then(|| mapped(media).find(is_it)).flatten());
        found.map(|map| map.1)
    }
}

fn mapped<'a>(media: &Media<'a>) -> impl Iterator<Item = (u32, &'a [u8])> + use<'a> {
    media.attributes(b"rtpmap").filter_map(|value| {
        let (format, map) = first_word(value);
        Some((digits(format)?, map))
    })
}

/// One `m=` line and the lines under it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Media<'a> {
    /// What it is.
    pub kind: MediaKind,
    /// The same as sent.
    pub kind_text: &'a [u8],
    /// Where its sender wants to receive; 0 refuses the medium (RFC 3264 §6). `None` if it is no
    /// number.
    pub port: Option<u16>,
    /// How many ports follow each other; 1 unless said.
    pub count: u16,
    /// `RTP/AVP`, `RTP/SAVP`, `udptl`, …, as sent.
    pub proto: &'a [u8],
    /// What stands behind it.
    formats: &'a [u8],
    /// The lines under it.
    lines: &'a [u8],
    /// Their `c=`.
    own_connection: Option<&'a [u8]>,
    /// The first letters of their attributes; see [`initial`].
    initials: u32,
    /// The session's lines, for what the medium does not say.
    session: &'a [u8],
}

impl<'a> Media<'a> {
    /// Reads what `text` begins with, an `m=` line and the lines under it; and what is behind them.
    fn parse(session: &'a [u8], text: &'a [u8]) -> (Self, &'a [u8]) {
        let (first, rest) = text.split_at(line_len(text));
        let under = Under::parse(rest);
        let value = line(first).map_or(&[] as &[u8], |(_, value)| value);
        let (kind_text, rest) = first_word(value);
        let (port, rest) = first_word(rest);
        let (proto, formats) = first_word(rest);
        let (port, count) = match memchr::memchr(b'/', port) {
            Some(at) => (
                port.get(..at).unwrap_or_default(),
                port.get(at + 1..).unwrap_or_default(),
            ),
            None => (port, b"1".as_slice()),
        };
        let number = |text: &[u8]| digits(text).and_then(|number| u16::try_from(number).ok());
        let media = Self {
            kind: one_of(&MediaKind::ALL, kind_text).unwrap_or(MediaKind::Other),
            kind_text,
            port: number(port),
            count: number(count).unwrap_or(1),
            proto,
            formats,
            lines: under.lines,
            own_connection: under.connection,
            initials: under.initials,
            session,
        };
        (media, under.behind)
    }

    /// The formats, in order of preference.
    pub fn formats(&self) -> impl Iterator<Item = Format<'a>> + use<'a> {
        let media = *self;
        let mut rest = self.formats;
        let maps = Maps::of(self);
        std::iter::from_fn(move || {
            let (text, behind) = first_word(rest);
            rest = behind;
            (!text.is_empty()).then(|| media.format(text, &maps))
        })
        .take(FORMATS)
    }

    /// What `text` of the `m=` line stands for: by its `a=rtpmap`, else by RFC 3551 §6.
    fn format(&self, text: &'a [u8], maps: &Maps<'a>) -> Format<'a> {
        let payload_type = self
            .is_rtp()
            .then(|| digits(text))
            .flatten()
            .and_then(|number| u8::try_from(number).ok())
            .filter(|number| *number < 128);
        let map = payload_type.and_then(|number| maps.find(self, u32::from(number)));
        let mut parts = map.unwrap_or_default().splitn(3, |byte| *byte == b'/');
        let name = trim(parts.next().unwrap_or_default());
        let rate = parts.next().and_then(|rate| digits(trim(rate)));
        let known = payload_type.and_then(static_type);
        match known {
            Some((name, rate)) if map.is_none() => Format {
                text,
                payload_type,
                name: name.as_bytes(),
                rate: Some(rate),
            },
            _ => Format {
                text,
                payload_type,
                name: if name.is_empty() { text } else { name },
                rate,
            },
        }
    }

    /// `c=` of the medium, else of the session.
    pub fn connection(&self) -> Option<Connection<'a>> {
        let own = self.own_connection.and_then(Connection::parse);
        own.or_else(|| connection(self.session))
    }

    /// In which directions it may flow: as it says, else the session, else both (RFC 3264 §5.1).
    pub fn direction(&self) -> Direction {
        direction(self.lines)
            .or_else(|| direction(self.session))
            .unwrap_or(Direction::SendRecv)
    }

    /// Whether its sender holds the other side: it will hear nothing of it, by direction or by
    /// address (RFC 3264 §8.4). An unspecified address beside ICE only says that the address is
    /// still to be found.
    pub fn is_held(&self) -> bool {
        let says_so = matches!(self.direction(), Direction::SendOnly | Direction::Inactive);
        says_so
            || (self.connection().is_some_and(|c| c.is_unspecified())
                && !self.has_candidates()
                && self.attributes_with_session(b"ice-ufrag").next().is_none())
    }

    /// Whether it is refused, or taken out (RFC 3264 §6, §8.2).
    pub fn is_refused(&self) -> bool {
        self.port == Some(0) && self.attributes(b"bundle-only").next().is_none()
    }

    /// Where its sender wants to receive it; `None` where that is no literal address, where
    /// nothing is to be sent, and where the medium is refused.
    pub fn socket(&self) -> Option<Endpoint> {
        let port = self.port.filter(|port| *port != 0)?;
        let addr = self.connection()?.addr()?;
        (!addr.is_unspecified() && !addr.is_multicast()).then_some(Endpoint::new(addr, port))
    }

    /// Where its sender wants to receive RTCP: as `a=rtcp` says (RFC 3605 §2.1), with RTP where
    /// `a=rtcp-mux` stands, else one port higher (RFC 3550 §11).
    pub fn rtcp_socket(&self) -> Option<Endpoint> {
        if !self.is_rtp() {
            return None;
        }
        let media = self.socket()?;
        if let Some(value) = self.attributes(b"rtcp").next() {
            let (port, rest) = first_word(value);
            let port = digits(port).and_then(|port| u16::try_from(port).ok())?;
            let addr = match Connection::parse(rest) {
                Some(connection) => connection.addr()?,
                None => media.addr,
            };
            return Some(Endpoint::new(addr, port));
        }
        if self.has_rtcp_mux() {
            return Some(media);
        }
        media
            .port
            .checked_add(1)
            .map(|port| Endpoint::new(media.addr, port))
    }

    /// Whether RTCP comes to the port of RTP, if the other side agrees.
    pub fn has_rtcp_mux(&self) -> bool {
        self.attributes(b"rtcp-mux").next().is_some()
    }

    /// Whether other sockets than [`Self::socket`] may be found by ICE.
    pub fn has_candidates(&self) -> bool {
        self.attributes(b"candidate").next().is_some()
    }

    /// The sockets `a=candidate` offers for UDP, those of RTP and RTCP alike.
    pub fn candidates(&self) -> impl Iterator<Item = Endpoint> + use<'a> {
        self.attributes(b"candidate").filter_map(|value| {
            // foundation component transport priority address port typ …
            let mut words = words(value).skip(2);
            let is_udp = words.next()?.eq_ignore_ascii_case(b"UDP");
            let addr = literal(words.nth(1)?)?;
            let port = digits(words.next()?).and_then(|port| u16::try_from(port).ok())?;
            is_udp.then_some(Endpoint::new(addr, port))
        })
    }

    /// The suites of `a=crypto`, in order; keys are not handed out.
    pub fn crypto_suites(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.attributes(b"crypto")
            .filter_map(|value| words(value).nth(1))
    }

    /// `a=fingerprint` of the medium, else of the session (RFC 8122 §5).
    pub fn fingerprints(&self) -> impl Iterator<Item = Fingerprint<'a>> + use<'a> {
        let mut own = fingerprints(self.lines).peekable();
        let of_session = own
            .peek()
            .is_none()
            .then(|| fingerprints(self.session))
            .into_iter()
            .flatten();
        own.chain(of_session)
    }

    /// Whether it is carried by RTP, plain or not.
    pub fn is_rtp(&self) -> bool {
        self.proto_has(b"RTP")
    }

    /// Whether it is encrypted: SRTP by `a=crypto` or by DTLS.
    pub fn is_srtp(&self) -> bool {
        self.proto_has(b"SAVP") || self.proto_has(b"SAVPF")
    }

    /// Fax over UDP (T.38).
    pub fn is_t38(&self) -> bool {
        self.kind == MediaKind::Image && self.proto_has(b"udptl")
    }

    /// Whether one of the parts of `proto` is `part`, in any case.
    fn proto_has(&self, part: &[u8]) -> bool {
        self.proto
            .split(|byte| *byte == b'/')
            .any(|one| one.eq_ignore_ascii_case(part))
    }

    /// The values of attribute `name` under this medium; empty for one that has none.
    pub fn attributes(&self, name: &'static [u8]) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let bits = name.first().map_or(u32::MAX, |letter| initial(*letter));
        let has_such = self.initials & bits != 0;
        attributes(if has_such { self.lines } else { &[] }, name)
    }

    fn attributes_with_session(
        &self,
        name: &'static [u8],
    ) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.attributes(name).chain(attributes(self.session, name))
    }
}

/// A format of an `m=` line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format<'a> {
    /// As the `m=` line has it: mostly a payload type.
    pub text: &'a [u8],
    /// The RTP payload type, 0 to 127; `None` where the medium is not RTP.
    pub payload_type: Option<u8>,
    /// The encoding's name; where nothing says it, `text`.
    pub name: &'a [u8],
    /// Hz of the RTP clock, if known.
    pub rate: Option<u32>,
}

/// `a=fingerprint`: the digest of a certificate (RFC 8122 §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint<'a> {
    /// `sha-256` and the like, as sent.
    pub algorithm: &'a [u8],
    /// Pairs of hexadecimal digits with colons between them, as sent.
    pub digest: &'a [u8],
}

fn connection(text: &[u8]) -> Option<Connection<'_>> {
    lines_of(text, b'c').next().and_then(Connection::parse)
}

fn direction(text: &[u8]) -> Option<Direction> {
    lines_of(text, b'a').find_map(|value| one_of(&Direction::ALL, value))
}

fn fingerprints(text: &[u8]) -> impl Iterator<Item = Fingerprint<'_>> {
    attributes(text, b"fingerprint").filter_map(|value| {
        let (algorithm, digest) = first_word(value);
        (!digest.is_empty()).then_some(Fingerprint { algorithm, digest })
    })
}

/// What `text` stands for, in any case.
fn one_of<T: Copy>(names: &[(&[u8], T)], text: &[u8]) -> Option<T> {
    names
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(text))
        .map(|(_, value)| *value)
}

fn literal(text: &[u8]) -> Option<IpAddr> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| is_space(*byte))
        .filter(|word| !word.is_empty())
}

/// The first word, and what is behind it; both empty where there is none.
fn first_word(text: &[u8]) -> (&[u8], &[u8]) {
    let text = trim(text);
    let end = text.iter().position(|byte| is_space(*byte));
    let (word, rest) = text.split_at(end.unwrap_or(text.len()));
    (word, trim(rest))
}

/// What stands before the last word, and that word.
fn last_word(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let text = trim(text);
    let start = text.iter().rposition(|byte| is_space(*byte));
    let (rest, word) = text.split_at(start.map_or(0, |at| at + 1));
    (!word.is_empty()).then_some((trim(rest), word))
}

#[cfg(test)]
mod tests;
