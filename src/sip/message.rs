//! `Message`: an index of the header fields over the wire bytes of one message.
//!
//! It copies nothing and never fails on what can still be used: what is odd comes back as
//! [`Oddities`] beside it. Where its lines are the [`Head`] knows, which framing has read already.
//!
//! # References
//! - RFC 3261 §7, RFC 4475 (what must be taken, what may be refused), RFC 5118

mod checks;

use super::field::Name;
use super::head::Head;
use super::method::{Method, MethodKind};
use super::value::{Address, CSeq, Via, is_space, list, trim};
use crate::units::StatusCode;

/// The first line of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartLine<'a> {
    /// A request.
    Request {
        /// What is asked for.
        method: Method<'a>,
        /// Of whom; without `<>` (RFC 4475 `ltgtruri`).
        uri: &'a [u8],
    },
    /// A response.
    Response {
        /// `None` where it is outside 100 to 699 (RFC 4475 `bigcode`).
        code: Option<StatusCode>,
        /// The code's digits as sent.
        code_text: &'a [u8],
        /// Free text (RFC 3261 §7.2), possibly empty.
        phrase: &'a [u8],
    },
}

/// What is odd about a message that could be read all the same (names of DOMAIN F.5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Oddities(u32);

macro_rules! oddities {
    ($($name:ident = $bit:expr, $text:expr, $doc:expr;)*) => {
        impl Oddities {
            $(#[doc = $doc] pub const $name: Self = Self(1 << $bit);)*

            /// The names of all that are set.
            pub fn names(self) -> impl Iterator<Item = &'static str> {
                [$((Self::$name, $text),)*]
                    .into_iter()
                    .filter_map(move |(flag, name)| self.has(flag).then_some(name))
            }
        }
    };
}

oddities! {
    EXTRA_SPACE = 0, "extra_sp", "More than one blank in the start line, or one at its end.";
    BAD_VERSION = 1, "bad_version", "Another version than SIP/2.0 (RFC 3261 §7.1).";
    INVALID_STATUS_CODE = 2, "invalid_status_code", "A status code outside 100 to 699 (RFC 3261 §7.2).";
    DUPLICATE_HEADER = 3, "duplicate_header", "A single-valued field stands twice; the first is used.";
    INSUFFICIENT = 4, "insufficient", "Call-ID, CSeq, From or To is missing (RFC 3261 §8.1.1).";
    OUT_OF_RANGE = 5, "out_of_range", "CSeq or Max-Forwards is no number or too large, or a time to live, Retry-After or Warning code is too large (RFC 4475 §3.1.2.4 and §3.1.2.5).";
    METHOD_MISMATCH = 6, "mismatch", "CSeq names another method than the start line (RFC 3261 §8.1.1.5).";
    BAD_BRANCH = 7, "bad_branch", "The branch is the magic cookie alone.";
    URI_IN_ANGLES = 8, "ltgtruri", "The Request-URI stands in <>.";
    URI_WITH_SPACE = 9, "lwsruri", "The Request-URI holds a blank.";
    BAD_HEADER_LINE = 10, "bad_header_line", "A line of the head has no colon and is no continuation.";
    TOO_MANY_HEADERS = 11, "too_many_headers", "More header fields than the index takes.";
    BAD_ADDRESS = 12, "bad_address", "From or To cannot be read as an address (RFC 4475 quotbal).";
    EXTRA_SEPARATORS = 13, "extra_separators", "A list item of Via or Contact, or a parameter of the topmost Via, of Contact, From or To is empty (RFC 4475 §3.1.2.1).";
    URI_WITH_HEADERS = 14, "escruri", "The Request-URI has header fields of its own (RFC 4475 §3.1.2.11).";
    DATE_NOT_GMT = 15, "date_not_gmt", "Date does not end in GMT, the one zone it may have (RFC 3261 §20.17).";
    BARE_CONTACT_WITH_HEADERS = 16, "regbadct", "A Contact URI holds a question mark and does not stand in <> (RFC 3261 §20.10).";
    BLANK_IN_ANGLES = 17, "badaspec", "Blanks stand between <> and the URI of From, To or Contact.";
    UNQUOTED_NAME = 18, "baddn", "A display name holds what needs quotes, and has none (RFC 3261 §25.1).";
}

impl Oddities {
    /// Whether all of `other` are set.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether nothing is odd.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(super) const fn add(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// Oddities for which an element that keeps to the letter would refuse or drop the message.
    ///
    /// Not so for blanks in the start line, which do no harm, nor for the zone of a Date: who has
    /// no use for the Date is told not to refuse the message (RFC 4475 §3.1.2.12).
    pub const fn is_malformed(self) -> bool {
        self.0 & !(Self::EXTRA_SPACE.0 | Self::DATE_NOT_GMT.0) != 0
    }
}

/// Reads messages that framing has not cut out: an ICMP error quotes them.
#[derive(Debug)]
pub struct Indexer {
    head: Head,
}

impl Indexer {
    /// An indexer for at most `max_fields` header fields a message.
    pub fn new(max_fields: usize) -> Self {
        Self {
            head: Head::new(max_fields),
        }
    }

    /// Reads one message; `None` only if it has no start line at all. Its head is looked for in
    /// the first `head_len` bytes.
    pub fn index<'a>(&'a mut self, bytes: &'a [u8], head_len: usize) -> Option<Message<'a>> {
        self.head.read(bytes.get(..head_len).unwrap_or(bytes));
        Message::read(bytes, &self.head)
    }
}

/// Reads the first line; blanks at odd places are marked, not refused.
fn start_line<'a>(line: &'a [u8], oddities: &mut Oddities) -> Option<StartLine<'a>> {
    let without_cr = line.strip_suffix(b"\r").unwrap_or(line);
    let line = trim(without_cr);
    if line
        .get(..4)
        .is_some_and(|start| start.eq_ignore_ascii_case(b"SIP/"))
    {
        return response_line(without_cr, line, oddities);
    }
    if line.len() != without_cr.len() {
        oddities.add(Oddities::EXTRA_SPACE);
    }
    let first = line.iter().position(|&b| is_space(b))?;
    let last = line.iter().rposition(|&b| is_space(b))?;
    let (method, version) = (line.get(..first)?, line.get(last + 1..)?);
    let between = line.get(first..last).unwrap_or_default();
    let mut uri = trim(between);
    if between.len() != uri.len() + usize::from(!between.is_empty()) {
        oddities.add(Oddities::EXTRA_SPACE);
    }
    // No LF is left in a line.
    if memchr::memchr3(b' ', b'\t', b'\r', uri).is_some() {
        oddities.add(Oddities::URI_WITH_SPACE);
    }
    if let Some(inner) = uri
        .strip_prefix(b"<")
        .and_then(|uri| uri.strip_suffix(b">"))
    {
        oddities.add(Oddities::URI_IN_ANGLES);
        uri = inner;
    }
    if has_headers(uri) {
        oddities.add(Oddities::URI_WITH_HEADERS);
    }
    if !version.eq_ignore_ascii_case(b"SIP/2.0") {
        oddities.add(Oddities::BAD_VERSION);
    }
    Some(StartLine::Request {
        method: Method::new(method),
        uri,
    })
}

/// Whether header fields stand behind a SIP URI. Its user part may hold a question mark too.
fn has_headers(uri: &[u8]) -> bool {
    let Some(mark) = memchr::memrchr(b'?', uri) else {
        return false;
    };
    let is_sip = matches!(uri, [b's' | b'S', b'i' | b'I', b'p' | b'P', b':', ..])
        || matches!(
            uri,
            [b's' | b'S', b'i' | b'I', b'p' | b'P', b's' | b'S', b':', ..]
        );
    is_sip && memchr::memrchr(b'@', uri).is_none_or(|at| at < mark)
}

fn response_line<'a>(
    untrimmed: &'a [u8],
    line: &'a [u8],
    oddities: &mut Oddities,
) -> Option<StartLine<'a>> {
    let blank = line.iter().position(|&b| is_space(b))?;
    let (version, rest) = line.split_at(blank);
    if !version.eq_ignore_ascii_case(b"SIP/2.0") {
        oddities.add(Oddities::BAD_VERSION);
    }
    let after = trim(rest);
    // "SIP/2.0 100 " with an empty phrase keeps its last blank (RFC 4475 noreason), so only
    // what stands before the code counts as extra.
    if rest.len() > after.len() + 1 || untrimmed.first().is_some_and(|&b| is_space(b)) {
        oddities.add(Oddities::EXTRA_SPACE);
    }
    let end = after
        .iter()
        .position(|&b| is_space(b))
        .unwrap_or(after.len());
    let (code_text, phrase) = after.split_at(end);
    let code = super::value::digits(code_text)
        .filter(|_| code_text.len() == 3)
        .and_then(|number| u16::try_from(number).ok())
        .and_then(StatusCode::new);
    if code.is_none() {
        oddities.add(Oddities::INVALID_STATUS_CODE);
    }
    Some(StartLine::Response {
        code,
        code_text,
        phrase: trim(phrase),
    })
}

/// A message over its wire bytes.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// All of it, as framed.
    pub bytes: &'a [u8],
    /// What follows the empty line.
    pub body: &'a [u8],
    /// The first line.
    pub start: StartLine<'a>,
    /// CSeq; number `None` and method empty where the field is missing.
    pub cseq: CSeq<'a>,
    /// What is odd about it.
    pub oddities: Oddities,
    via: Option<Via<'a>>,
    vias: usize,
    from: Option<Address<'a>>,
    to: Option<Address<'a>>,
    from_tag: Option<&'a [u8]>,
    to_tag: Option<&'a [u8]>,
    head: &'a Head,
}

impl<'a> Message<'a> {
    /// The message whose head was read from `bytes`; `None` only if it has no start line at all.
    pub fn read(bytes: &'a [u8], head: &'a Head) -> Option<Self> {
        let mut oddities = head.oddities();
        let start = start_line(head.start_line(bytes), &mut oddities)?;
        let mut message = Self {
            bytes,
            body: bytes.get(head.len()..).unwrap_or_default(),
            start,
            cseq: CSeq {
                number: None,
                method: &[],
            },
            oddities,
            via: None,
            vias: 0,
            from: None,
            to: None,
            from_tag: None,
            to_tag: None,
            head,
        };
        checks::run(&mut message);
        Some(message)
    }

    /// The first value of `name`, trimmed; folds are still in it.
    pub fn header(&self, name: Name) -> Option<&'a [u8]> {
        self.headers(name).next()
    }

    /// The values of all fields of `name`, one a field line, in order.
    pub fn headers(&self, name: Name) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.head.values(name, self.bytes)
    }

    /// All items of all fields of `name`, comma lists taken apart, in order.
    pub fn items(&self, name: Name) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.headers(name).flat_map(list)
    }

    /// Every field in order: name as sent, value.
    pub fn fields(&self) -> impl Iterator<Item = (Name, &'a [u8], &'a [u8])> + use<'a> {
        self.head.fields(self.bytes)
    }

    /// The first value of a field that [`Name`] does not know, by its name in any case. Looks at
    /// all fields: for messages of which there are few.
    pub fn named(&self, name: &str) -> Option<&'a [u8]> {
        self.fields()
            .find(|(_, text, _)| text.eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, _, value)| value)
    }

    /// Call-ID, if there is one that is not empty.
    pub fn call_id(&self) -> Option<&'a [u8]> {
        self.header(Name::CallId).filter(|id| !id.is_empty())
    }

    /// The topmost Via value: who sent this copy of the request.
    pub const fn top_via(&self) -> Option<Via<'a>> {
        self.via
    }

    /// How many Via values it has: hops travelled, or hops still to go back.
    pub const fn via_count(&self) -> usize {
        self.vias
    }

    /// From.
    pub const fn from(&self) -> Option<Address<'a>> {
        self.from
    }

    /// The tag of From.
    pub const fn from_tag(&self) -> Option<&'a [u8]> {
        self.from_tag
    }

    /// To.
    pub const fn to(&self) -> Option<Address<'a>> {
        self.to
    }

    /// The tag of To; none in requests that make a dialog, and in RFC 2543 messages.
    pub const fn to_tag(&self) -> Option<&'a [u8]> {
        self.to_tag
    }

    /// What is asked for: of a request its method, of a response the CSeq's.
    pub fn method(&self) -> Method<'a> {
        match self.start {
            StartLine::Request { method, .. } => method,
            StartLine::Response { .. } => Method::new(self.cseq.method),
        }
    }

    /// Whether it is a request.
    pub const fn is_request(&self) -> bool {
        matches!(self.start, StartLine::Request { .. })
    }
}

/// Whether the request would make a dialog: INVITE and the like without a To tag.
pub fn is_initial(message: &Message<'_>, kind: MethodKind) -> bool {
    message.is_request() && kind.makes_dialog() && message.to().is_none_or(|to| to.tag().is_none())
}

#[cfg(test)]
#[path = "message/tests.rs"]
mod tests;
