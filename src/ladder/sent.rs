//! `Sent`: a message as it is kept for a ladder.
//!
//! In: a [`Passed`] message. Out: its own copy of what a ladder shows, and of its bytes.

use std::sync::Arc;

use super::Passed;
use crate::sip::{Name, Sdp, StartLine};
use crate::units::{Flow, FrameRef, StatusCode, Timestamp};

/// The first line of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// A request.
    Request {
        /// As sent.
        method: Vec<u8>,
        /// Request-URI.
        uri: Vec<u8>,
    },
    /// A response.
    Response {
        /// `None` where it is outside 100 to 699.
        code: Option<StatusCode>,
        /// The code as sent.
        code_text: Vec<u8>,
        /// Reason phrase.
        phrase: Vec<u8>,
        /// The method it answers; empty without CSeq.
        method: Vec<u8>,
    },
}

/// A message of a ladder.
#[derive(Clone, Debug)]
pub struct Sent {
    /// The frame that completed it.
    pub at: FrameRef,
    /// Earlier frames that carried parts of it.
    pub earlier: Vec<FrameRef>,
    /// Capture time.
    pub time: Timestamp,
    /// Sockets and transport.
    pub flow: Flow,
    /// First line.
    pub start: Start,
    /// Number of the CSeq.
    pub cseq: Option<u32>,
    /// Branch of the topmost Via.
    pub branch: Option<Vec<u8>>,
    /// Port of the topmost Via's `sent-by`, where that is the address it came from or goes to.
    pub(super) via_port: Option<u16>,
    /// Tag of From.
    pub from_tag: Option<Vec<u8>>,
    /// Tag of To.
    pub to_tag: Option<Vec<u8>>,
    /// Via values.
    pub vias: usize,
    /// What it says of media, for people (see [`crate::sip::sdp::Codecs`]); `None` without a
    /// description.
    pub media: Option<String>,
    /// The description puts the other side on hold.
    pub holds: bool,
    /// It has an Identity header field.
    pub signed: bool,
    /// As it was sent; fewer bytes than [`Self::len`] where there was no room.
    pub bytes: Arc<[u8]>,
    /// Bytes it has.
    pub len: usize,
    /// Bytes before its body.
    pub head_len: usize,
    /// The capture's snap length cut it.
    pub snapped: bool,
    /// Its sender repeated it.
    pub retransmission: bool,
    /// The tap repeated it.
    pub duplicate: bool,
    /// The message it repeats or is a copy of, by place in the ladder; that one repeats none.
    pub repeats: Option<usize>,
    /// Which Call-ID of the ladder it has: 0 the first, `n` that of the `n`-th leg.
    pub leg: usize,
    /// Column of its sender.
    pub from: usize,
    /// Column of its receiver.
    pub to: usize,
}

impl Sent {
    /// Keeps what is shown of a message; its bytes come from `bytes`.
    pub(super) fn new(passed: &Passed<'_>, bytes: Arc<[u8]>) -> Self {
        let Passed {
            seen,
            retransmission,
            onward: _,
        } = *passed;
        let (raw, message) = (seen.raw, seen.message);
        let via = message.top_via();
        let sent_by = via.map(|via| via.sent_by);
        // Who sends a request, or gets a response, wrote the topmost Via.
        let author = if message.is_request() {
            raw.flow.src
        } else {
            raw.flow.dst
        };
        let sdp = Sdp::of(message);
        Self {
            at: raw.origin.at,
            earlier: raw.origin.earlier.to_vec(),
            time: raw.origin.time,
            flow: raw.flow,
            start: match message.start {
                StartLine::Request { method, uri } => Start::Request {
                    method: method.text.to_vec(),
                    uri: uri.to_vec(),
                },
                StartLine::Response {
                    code,
                    code_text,
                    phrase,
                } => Start::Response {
                    code,
                    code_text: code_text.to_vec(),
                    phrase: phrase.to_vec(),
                    method: message.cseq.method.to_vec(),
                },
            },
            cseq: message.cseq.number,
            branch: via.and_then(|via| via.branch).map(<[u8]>::to_vec),
            via_port: sent_by
                .filter(|host| host.addr() == Some(author.addr))
                .map(|host| host.port.unwrap_or(5060)),
            from_tag: message.from_tag().map(<[u8]>::to_vec),
            to_tag: message.to_tag().map(<[u8]>::to_vec),
            vias: message.via_count(),
            media: sdp.map(|sdp| sdp.codecs().to_string()),
            holds: sdp.is_some_and(|sdp| sdp.media().any(|media| media.is_held())),
            signed: message.header(Name::Identity).is_some(),
            len: raw.bytes.len(),
            head_len: raw.head_len,
            bytes,
            snapped: raw.origin.snapped,
            retransmission,
            duplicate: seen.duplicate,
            repeats: None,
            leg: 0,
            from: 0,
            to: 0,
        }
    }

    /// Whether it is a request.
    pub const fn is_request(&self) -> bool {
        matches!(self.start, Start::Request { .. })
    }

    /// The status code of a response.
    pub const fn code(&self) -> Option<StatusCode> {
        match self.start {
            Start::Request { .. } => None,
            Start::Response { code, .. } => code,
        }
    }

    /// Its method; of a response the one it answers.
    pub fn method(&self) -> &[u8] {
        match &self.start {
            Start::Request { method, .. } | Start::Response { method, .. } => method,
        }
    }

    /// A request outside a dialog, whose way through the hosts is that of the call.
    pub(super) const fn is_initial(&self) -> bool {
        self.is_request() && self.to_tag.is_none()
    }
}
