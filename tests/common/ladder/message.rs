//! SIP messages of a ladder: a start line, a list of header fields, a body, and the edits a text
//! makes to them.

use super::script::Edit;

/// A message on its way.
#[derive(Clone, Debug)]
pub struct Message {
    /// Request or response.
    pub start: Start,
    /// Header fields in wire order, without Content-Length unless the text wrote one.
    pub fields: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// The text took Content-Length away.
    pub no_content_length: bool,
}

/// The first line.
#[derive(Clone, Debug)]
pub enum Start {
    /// Method and Request-URI.
    Request(String, String),
    /// Code and phrase.
    Response(u16, String),
}

impl Message {
    /// A message without header fields.
    pub const fn new(start: Start) -> Self {
        Self {
            start,
            fields: Vec::new(),
            body: Vec::new(),
            no_content_length: false,
        }
    }

    /// The method of a request.
    pub fn method(&self) -> Option<&str> {
        match &self.start {
            Start::Request(method, _) => Some(method),
            Start::Response(..) => None,
        }
    }

    /// The code of a response.
    pub const fn code(&self) -> Option<u16> {
        match self.start {
            Start::Request(..) => None,
            Start::Response(code, _) => Some(code),
        }
    }

    /// The first field of the name.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields
            .iter()
            .find(|(has, _)| has.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// All fields of the name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl DoubleEndedIterator<Item = &'a str> {
        self.fields
            .iter()
            .filter(move |(has, _)| has.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// One more field at the end.
    pub fn push(&mut self, name: &str, value: impl Into<String>) {
        self.fields.push((name.to_owned(), value.into()));
    }

    /// Copies all fields of the name from `other`.
    pub fn copy_from(&mut self, other: &Self, name: &str) {
        for value in other.all(name) {
            self.push(name, value);
        }
    }

    /// The place of the first field of the name, or the end.
    pub fn place(&self, name: &str) -> usize {
        self.fields
            .iter()
            .position(|(has, _)| has.eq_ignore_ascii_case(name))
            .unwrap_or(self.fields.len())
    }

    /// Changes the first field of the name.
    pub fn change(&mut self, name: &str, change: impl FnOnce(&str) -> String) {
        let place = self.place(name);
        if let Some((_, value)) = self.fields.get_mut(place) {
            *value = change(value);
        }
    }

    /// The CSeq number; 0 where it is none.
    pub fn cseq(&self) -> u32 {
        let value = self.field("CSeq").unwrap_or_default();
        value
            .split_whitespace()
            .next()
            .and_then(|n| n.parse().ok())
            .unwrap_or(0)
    }

    /// The CSeq method.
    pub fn cseq_method(&self) -> &str {
        self.field("CSeq")
            .and_then(|value| value.split_whitespace().nth(1))
            .unwrap_or_default()
    }

    /// The tag of From or To.
    pub fn tag(&self, name: &str) -> Option<&str> {
        self.field(name)?.split_once(";tag=").map(|(_, tag)| tag)
    }

    /// Applies header and body lines in their order.
    pub fn edit(&mut self, edits: &[Edit]) {
        let mut set: Vec<&str> = Vec::new();
        let mut lines = 0;
        for edit in edits {
            match edit {
                Edit::Set(name, value) => {
                    let place = self.place(name);
                    if set.contains(&name.as_str()) {
                        let last = self
                            .fields
                            .iter()
                            .rposition(|(has, _)| has.eq_ignore_ascii_case(name))
                            .unwrap_or(place);
                        self.fields.insert(last + 1, (name.clone(), value.clone()));
                    } else {
                        self.fields
                            .retain(|(has, _)| !has.eq_ignore_ascii_case(name));
                        let place = place.min(self.fields.len());
                        self.fields.insert(place, (name.clone(), value.clone()));
                        set.push(name);
                    }
                }
                Edit::Add(name, value) => self.push(name, value.as_str()),
                Edit::Remove(name) => {
                    self.fields
                        .retain(|(has, _)| !has.eq_ignore_ascii_case(name));
                    self.no_content_length |= name.eq_ignore_ascii_case("Content-Length");
                }
                Edit::Body(line) => {
                    if lines == 0 {
                        self.body.clear();
                    }
                    lines += 1;
                    self.body.extend(line.bytes());
                    self.body.extend(b"\r\n");
                }
            }
        }
    }

    /// The bytes; Content-Length last, and right unless the text says otherwise.
    pub fn bytes(&self) -> Vec<u8> {
        let mut text = match &self.start {
            Start::Request(method, uri) => format!("{method} {uri} SIP/2.0\r\n"),
            Start::Response(code, reason) => format!("SIP/2.0 {code} {reason}\r\n"),
        };
        for (name, value) in &self.fields {
            text.extend([name, ": ", value, "\r\n"]);
        }
        if self.field("Content-Length").is_none() && !self.no_content_length {
            text.extend(["Content-Length: ", &self.body.len().to_string(), "\r\n"]);
        }
        text += "\r\n";
        let mut bytes = text.into_bytes();
        bytes.extend(&self.body);
        bytes
    }
}

/// The phrase commonly sent with a code.
pub const fn phrase(code: u16) -> &'static str {
    match code {
        100 => "Trying",
        180 => "Ringing",
        181 => "Call Is Being Forwarded",
        183 => "Session Progress",
        199 => "Early Dialog Terminated",
        200 => "OK",
        202 => "Accepted",
        302 => "Moved Temporarily",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        415 => "Unsupported Media Type",
        420 => "Bad Extension",
        422 => "Session Interval Too Small",
        428 => "Use Identity Header",
        436 => "Bad Identity Info",
        437 => "Unsupported Credential",
        438 => "Invalid Identity Header",
        480 => "Temporarily Unavailable",
        481 => "Call/Transaction Does Not Exist",
        482 => "Loop Detected",
        483 => "Too Many Hops",
        484 => "Address Incomplete",
        486 => "Busy Here",
        487 => "Request Terminated",
        488 => "Not Acceptable Here",
        491 => "Request Pending",
        500 => "Server Internal Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Server Time-out",
        600 => "Busy Everywhere",
        603 => "Decline",
        607 => "Unwanted",
        608 => "Rejected",
        _ => "Something Else",
    }
}
