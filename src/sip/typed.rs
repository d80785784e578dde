//! Typed: single values as rsip reads them, handed out as our own plain types.
//!
//! In: the bytes of one value (a method, a status line, one Via, one address, one URI, a CSeq).
//! Out: our types, or why there is none. No other file names rsip, and no type of it leaves here.
//!
//! rsip refuses much that is legal and quietly misreads more: it ends a user name at its first
//! dot, takes the `tel` of `tel:+1` for a host and `+1` for its port, stops at the first byte it
//! has no rule for and calls that success. So nothing is *decided* by its view: branch, sent-by,
//! tags, CSeq numbers and URI parts come from [`super::value`]. Its view is used where people read
//! an address ([`readable_address`]), and only if it passes the checks below; `tests/typed.rs`
//! holds what passes equal to ours over every message we have.
//!
//! Always: nothing of what rsip left out is handed on, since what it read is written back and
//! compared with what was sent ([`Refusal::Dropped`]); a host has the characters of a host. rsip
//! 0.4 has no `unwrap`, indexing or recursion on what it reads, and no input was found on which it
//! panics (`tests.rs` searches), so nothing is caught here. Capped: by the length of the value,
//! that is by `Limits::message_bytes`; what is allocated is dropped with the answer.
//!
//! # References
//! - RFC 3261 §7.1, §7.2, §19.1, §20.10, §20.20, §20.42, §25.1

use std::borrow::Cow;

use rsip::common::uri::Param;
use rsip::headers::UntypedHeader;
use rsip::headers::untyped::ToTypedHeader;

use super::method::MethodKind;
use super::value::{self, is_space, trim};
use crate::units::StatusCode;

/// Why there is no view of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Refusal {
    /// rsip answers, but wrote back it is not what was sent: it stopped early or changed a part.
    Dropped,
    /// rsip answers with a host that is none: it ends a user at its first dot, and has no rule for
    /// the `?` of URI headers.
    NotAHost,
    /// It is not UTF-8; rsip takes text only.
    NotUtf8,
    /// rsip has no rule for its form.
    Syntax,
    /// rsip answers with a display name whose quotes do not close (RFC 4475 `quotbal`).
    Unquotable,
    /// It has the form, and a part rsip does not know: a method, transport, version or number.
    Value,
    /// rsip answers with a URI without scheme: it takes the scheme of `tel:1` for a host.
    WithoutScheme,
}

impl Refusal {
    /// All of them, in order.
    pub const ALL: [Self; 7] = [
        Self::Dropped,
        Self::NotAHost,
        Self::NotUtf8,
        Self::Syntax,
        Self::Unquotable,
        Self::Value,
        Self::WithoutScheme,
    ];

    /// Whether rsip answered and the answer was wrong, rather than that it gave none.
    pub const fn is_misread(self) -> bool {
        matches!(
            self,
            Self::Dropped | Self::NotAHost | Self::Unquotable | Self::WithoutScheme
        )
    }
}

impl From<rsip::Error> for Refusal {
    fn from(error: rsip::Error) -> Self {
        match error {
            rsip::Error::TokenizeError(_) | rsip::Error::Unexpected(_) => Self::Syntax,
            rsip::Error::Utf8Error(_) => Self::NotUtf8,
            rsip::Error::InvalidParam(_)
            | rsip::Error::MissingHeader(_)
            | rsip::Error::ParseError(_) => Self::Value,
        }
    }
}

/// A URI's parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uri {
    /// In lower case: `sip`, `sips`, or what stands before `://`.
    pub scheme: String,
    /// Without password; escapes are kept.
    pub user: Option<String>,
    /// A name or an IPv4 address; rsip has no IPv6.
    pub host: String,
    /// As sent.
    pub port: Option<u16>,
}

/// One Via value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Via {
    /// In upper case, one of the seven rsip knows.
    pub transport: String,
    /// Sent-by's host.
    pub host: String,
    /// Sent-by's port.
    pub port: Option<u16>,
    /// The transaction's name.
    pub branch: Option<String>,
}

/// One value of From, To or Contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// As sent, quotes included.
    pub display: Option<String>,
    /// Of whom.
    pub uri: Uri,
    /// The `tag` parameter.
    pub tag: Option<String>,
}

/// CSeq.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CSeq {
    /// Its number.
    pub number: u32,
    /// Its method, a registered one.
    pub method: MethodKind,
}

/// What the first line of a whole message says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// A request of a registered method.
    Request(MethodKind),
    /// A response.
    Response(StatusCode),
}

/// A registered method. rsip takes names in any case; RFC 3261 §7.1 does not.
pub fn method(token: &[u8]) -> Result<MethodKind, Refusal> {
    let text = text(token)?;
    registered(text.parse::<rsip::Method>()?, text)
}

/// The code of a status line, with or without its line end.
pub fn status_code(status_line: &[u8]) -> Result<StatusCode, Refusal> {
    let line = trim_line_end(status_line);
    // rsip reads a status line only as the head of a whole response.
    let response = rsip::Response::try_from([line, b"\r\n\r\n"].concat())?;
    if line.contains(&b'\n') {
        return Err(Refusal::Dropped);
    }
    code(&response.status_code)
}

/// One Via value, not a list.
pub fn via(value: &[u8]) -> Result<Via, Refusal> {
    let text = text(value)?;
    let via = rsip::headers::Via::new(text).typed()?;
    let host = host(&via.uri.host_with_port)?;
    if via.uri.scheme.is_some() || via.uri.auth.is_some() {
        return Err(Refusal::NotAHost);
    }
    is_complete(text, &via.to_string())?;
    Ok(Via {
        transport: via.transport.to_string(),
        host,
        port: port(&via.uri.host_with_port),
        branch: via.branch().map(ToString::to_string),
    })
}

/// The value of From or To.
pub fn address(value: &[u8]) -> Result<Address, Refusal> {
    let text = text(value)?;
    let from = rsip::headers::From::new(text).typed()?;
    let address = checked_address(from.display_name.as_deref(), &from.uri, &from.params)?;
    is_complete_address(text, &from.to_string())?;
    Ok(address)
}

/// One value of Contact, not a list and not `*`.
pub fn contact(value: &[u8]) -> Result<Address, Refusal> {
    let text = text(value)?;
    let contact = rsip::headers::Contact::new(text).typed()?;
    let address = checked_address(
        contact.display_name.as_deref(),
        &contact.uri,
        &contact.params,
    )?;
    is_complete_address(text, &contact.to_string())?;
    Ok(address)
}

/// A URI without `<>`.
pub fn uri(text_bytes: &[u8]) -> Result<Uri, Refusal> {
    let text = text(text_bytes)?;
    let uri = rsip::Uri::try_from(text)?;
    let view = checked_uri(&uri)?;
    is_complete(text, &uri.to_string())?;
    Ok(view)
}

/// The value of CSeq.
pub fn cseq(value: &[u8]) -> Result<CSeq, Refusal> {
    let text = text(value)?;
    let cseq = rsip::headers::CSeq::new(text).typed()?;
    let method_text = text.split_ascii_whitespace().nth(1).unwrap_or_default();
    is_complete(text, &cseq.to_string())?;
    Ok(CSeq {
        number: cseq.seq,
        method: registered(cseq.method, method_text)?,
    })
}

/// The first line of a message that rsip takes whole. Of its header fields rsip asks only that
/// they have the form of one; their values it does not read.
pub fn message(bytes: &[u8]) -> Result<Start, Refusal> {
    match rsip::SipMessage::try_from(bytes)? {
        rsip::SipMessage::Request(request) => {
            let name = request.method.to_string();
            Ok(Start::Request(registered(request.method, &name)?))
        }
        rsip::SipMessage::Response(response) => Ok(Start::Response(code(&response.status_code)?)),
    }
}

/// An address for people to read. A stranger wrote it: show it through
/// [`crate::wire_text::WireText`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadableAddress<'a> {
    /// The display name without quotes, escapes and folds; empty where there is none.
    pub display: Cow<'a, [u8]>,
    /// The user, or the number of `tel:`; empty where there is none. Escapes are kept.
    pub user: Cow<'a, [u8]>,
    /// The host, IPv6 without brackets; empty for `tel:`.
    pub host: Cow<'a, [u8]>,
}

impl ReadableAddress<'_> {
    /// `user@host`, or the one of the two that is there.
    pub fn user_at_host(&self) -> Vec<u8> {
        let is_v6 = self.host.contains(&b':');
        let brackets: [&[u8]; 2] = if is_v6 { [b"[", b"]"] } else { [b"", b""] };
        let at: &[u8] = if self.user.is_empty() || self.host.is_empty() {
            b""
        } else {
            b"@"
        };
        [&*self.user, at, brackets[0], &*self.host, brackets[1]].concat()
    }

    /// All of it on one line: `Alice <alice@example.com>`.
    pub fn line(&self) -> Vec<u8> {
        let address = self.user_at_host();
        if self.display.is_empty() {
            address
        } else {
            [&*self.display, b" <", &*address, b">"].concat()
        }
    }
}

/// The parts of a From, To, Contact or P-Asserted-Identity value that name a caller: rsip's view
/// where it has one, the index's otherwise. `None` where neither finds an address.
pub fn readable_address(value: &[u8]) -> Option<ReadableAddress<'_>> {
    match address(value) {
        Ok(view) => {
            let display = view.display.unwrap_or_default().into_bytes();
            Some(ReadableAddress {
                display: Cow::Owned(unquoted(&display)?.into_owned()),
                user: Cow::Owned(view.uri.user.unwrap_or_default().into_bytes()),
                host: Cow::Owned(view.uri.host.into_bytes()),
            })
        }
        Err(_) => indexed_address(value),
    }
}

/// The same from the index alone.
pub fn indexed_address(value: &[u8]) -> Option<ReadableAddress<'_>> {
    let address = value::Address::parse(value)?;
    let uri = value::Uri::parse(address.uri)?;
    // A name whose quotes are broken is shown as it came.
    let display = unquoted(address.display).unwrap_or(Cow::Borrowed(address.display));
    Some(ReadableAddress {
        display,
        user: Cow::Borrowed(uri.user),
        host: Cow::Borrowed(uri.host.host),
    })
}

/// A display name without quotes, escapes and folds (RFC 3261 §25.1, quoted-string); `None` if
/// quotes stand elsewhere than around all of it.
pub fn unquoted(display: &[u8]) -> Option<Cow<'_, [u8]>> {
    let display = trim(display);
    let Some(inner) = display.strip_prefix(b"\"") else {
        return (!display.contains(&b'"')).then(|| without_folds(display));
    };
    let mut name = Vec::with_capacity(inner.len());
    let mut bytes = inner.iter();
    while let Some(&byte) = bytes.next() {
        match byte {
            b'\\' => name.push(*bytes.next()?),
            b'"' => {
                let name = without_folds(&name).into_owned();
                return bytes.as_slice().is_empty().then_some(Cow::Owned(name));
            }
            _ => name.push(byte),
        }
    }
    None
}

/// A fold is as much as one blank (RFC 3261 §7.3.1).
fn without_folds(text: &[u8]) -> Cow<'_, [u8]> {
    if !text.iter().any(|b| matches!(b, b'\r' | b'\n')) {
        return Cow::Borrowed(text);
    }
    let words: Vec<&[u8]> = text
        .split(|&b| is_space(b))
        .filter(|word| !word.is_empty())
        .collect();
    Cow::Owned(words.join(&b' '))
}

fn text(bytes: &[u8]) -> Result<&str, Refusal> {
    std::str::from_utf8(trim(bytes)).map_err(|_utf8| Refusal::NotUtf8)
}

fn trim_line_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Whether what rsip read is all of `sent`. Blanks and the case of ASCII letters may differ.
fn is_complete(sent: &str, read: &str) -> Result<(), Refusal> {
    let letters = |text: &str| -> String {
        text.chars()
            .filter(|c| !c.is_ascii_whitespace())
            .map(|c| c.to_ascii_lowercase())
            .collect()
    };
    if letters(sent) == letters(read) {
        Ok(())
    } else {
        Err(Refusal::Dropped)
    }
}

/// The same of an address: rsip always writes `<>`.
fn is_complete_address(sent: &str, read: &str) -> Result<(), Refusal> {
    if sent.contains('<') {
        is_complete(sent, read)
    } else {
        is_complete(sent, &read.replace(['<', '>'], ""))
    }
}

/// Our name for rsip's method, if `sent` is that name to the letter.
fn registered(method: rsip::Method, sent: &str) -> Result<MethodKind, Refusal> {
    if method.to_string() != sent {
        return Err(Refusal::Dropped);
    }
    match MethodKind::of(sent.as_bytes()) {
        MethodKind::Other => Err(Refusal::Value),
        kind => Ok(kind),
    }
}

fn code(code: &rsip::StatusCode) -> Result<StatusCode, Refusal> {
    StatusCode::new(code.code()).ok_or(Refusal::Value)
}

fn checked_address(
    display: Option<&str>,
    uri: &rsip::Uri,
    params: &[Param],
) -> Result<Address, Refusal> {
    let uri = checked_uri(uri)?;
    if display.is_some_and(|name| unquoted(name.as_bytes()).is_none()) {
        return Err(Refusal::Unquotable);
    }
    Ok(Address {
        display: display.map(ToOwned::to_owned),
        uri,
        tag: params.iter().find_map(|param| match param {
            Param::Tag(tag) => Some(tag.to_string()),
            _ => None,
        }),
    })
}

fn checked_uri(uri: &rsip::Uri) -> Result<Uri, Refusal> {
    let scheme = uri.scheme.as_ref().ok_or(Refusal::WithoutScheme)?;
    Ok(Uri {
        scheme: scheme.to_string().to_ascii_lowercase(),
        user: uri.user().map(ToOwned::to_owned),
        host: host(&uri.host_with_port)?,
        port: port(&uri.host_with_port),
    })
}

/// rsip takes everything up to `;` or a blank for a host.
fn host(host: &rsip::HostWithPort) -> Result<String, Refusal> {
    let host = host.host.to_string();
    let is_host = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    if !host.is_empty() && host.bytes().all(is_host) {
        Ok(host)
    } else {
        Err(Refusal::NotAHost)
    }
}

fn port(host: &rsip::HostWithPort) -> Option<u16> {
    host.port.map(|port| *port.value())
}

#[cfg(test)]
mod tests;
