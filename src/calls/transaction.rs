//! Transactions: on one hop, and the same one seen on all hops.
//!
//! # References
//! - RFC 3261 §17; RFC 6026 §7

use smallvec::SmallVec;

use super::asked::Asked;
use super::binding::Binding;
use super::mark::Mark;
use super::outcome::Final;
use super::refusal::Retry;
use super::{Seen, Serial};
use crate::sip::MethodKind;
use crate::units::{FileIndex, Flow, FrameRef, Span, StatusCode, Timestamp};

/// A transaction on one hop: one top Via, one pair of sockets.
#[derive(Debug)]
pub(super) struct Transaction {
    /// [`super::key::transaction`].
    pub(super) key: u64,
    /// Direction of the request.
    pub(super) flow: Flow,
    /// Digest of the top branch; 0 without one.
    pub(super) branch: u64,
    /// Index of the [`Exchange`] it is a hop of.
    pub(super) exchange: usize,
    /// The request's first copy, if it was seen.
    pub(super) request: Option<Mark>,
    /// Provisional answers seen on this hop.
    pub(super) provisional: SmallVec<[Answer; 2]>,
    /// A final answer from 300 on was seen.
    pub(super) refused: bool,
    /// A 2xx was seen.
    pub(super) succeeded: bool,
    /// The ACK to a non-2xx final, hop by hop (RFC 3261 §17.1.1.3).
    pub(super) acked: bool,
    /// Another tap saw the same packets before or behind a NAT (DOMAIN C.3): what repeats here was
    /// counted there.
    pub(super) is_neighbour: bool,
    /// It was told as an attempt.
    pub(super) attempted: bool,
    /// What is to be told of the hop; none once it was.
    pub(super) kept: Option<Box<Kept>>,
    /// Its refusal, while that waits for another try.
    pub(super) untried: Option<Box<Untried>>,
}

/// What is kept of a hop until its exchange is told.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) interface: (FileIndex, u32),
    /// Its first message.
    pub(super) first: Timestamp,
    pub(super) vias: u16,
    pub(super) fragmented: bool,
    pub(super) requests: u32,
    /// Copies of the request before the last copy of a final.
    pub(super) requests_answered: u32,
    pub(super) request_bytes: u32,
    pub(super) max_forwards: Option<u32>,
    pub(super) last_request: Option<Mark>,
    pub(super) trying: Option<Mark>,
    pub(super) progress: Option<(StatusCode, Mark)>,
    pub(super) ringing: Option<(StatusCode, Mark)>,
    pub(super) finals: Vec<Final>,
    pub(super) first_ack: Option<Mark>,
    pub(super) last_ack: Option<Mark>,
    pub(super) cancel: Option<Mark>,
    pub(super) unreachable: Option<Mark>,
    /// Of an initial INVITE with Identity, until it is answered.
    pub(super) text: Option<Sent>,
    /// It may have carried Identity: there was a text, or not all of it was captured.
    pub(super) may_be_signed: bool,
    /// What the request asked for.
    pub(super) asked: Asked,
    /// The refusal after which the request is another try.
    pub(super) retries: Option<Box<Retrying>>,
}

/// A request as it was sent.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) bytes: Box<[u8]>,
    /// Where its body begins.
    pub(super) head_len: usize,
    /// Where in it User-Agent stands.
    pub(super) user_agent: std::ops::Range<usize>,
}

/// Digests kept of what a refusal wants to be taken up.
pub(super) const MARKS: usize = 3;

/// A refusal that waits for another try.
#[derive(Clone, Copy, Debug)]
pub(super) struct Untried {
    pub(super) serial: Serial,
    pub(super) code: StatusCode,
    pub(super) first: Mark,
    pub(super) interface: (FileIndex, u32),
    /// Via values of the request.
    pub(super) vias: u16,
    /// Steps of the clock at its first copy.
    pub(super) steps: u32,
    /// Of a challenge the digests of its nonces, of a redirection those of its Contact URIs;
    /// 0 where there are fewer.
    pub(super) marks: [u64; MARKS],
}

/// Another try.
#[derive(Clone, Copy, Debug)]
pub(super) struct Retrying {
    /// The refusal's number.
    pub(super) serial: Serial,
    /// The refusal.
    pub(super) refusal: FrameRef,
    /// It was a challenge.
    pub(super) is_challenge: bool,
    /// From it to the other try.
    pub(super) after: Span,
    /// As far as it is known.
    pub(super) retry: Retry,
    /// Nothing more is to be told of it.
    pub(super) is_told: bool,
}

/// A CANCEL.
#[derive(Debug)]
pub(super) struct Cancel {
    /// Digest of its sender.
    pub(super) from_tag: u64,
    /// CSeq number.
    pub(super) cseq: Option<u32>,
    /// Its first copy on any hop.
    pub(super) first: Seen,
    /// Where that was.
    pub(super) flow: Flow,
    /// Its Reason, the values joined by commas.
    pub(super) reason: Box<[u8]>,
}

impl Cancel {
    /// Whether it is the CANCEL of that INVITE.
    pub(super) fn is_of(&self, from_tag: u64, cseq: Option<u32>) -> bool {
        self.from_tag == from_tag && self.cseq == cseq
    }
}

/// One distinct provisional answer in a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) code: StatusCode,
    /// Digest of the To tag.
    pub(super) to_tag: u64,
    /// Digest of what distinguishes one provisional answer from the next: `RSeq` and body.
    pub(super) content: u64,
}

/// A transaction on all hops: same Call-ID, From tag, CSeq.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) method: MethodKind,
    /// Digest of the method's text where it is not a registered one.
    pub(super) method_text: u64,
    /// Digest of the From tag.
    pub(super) from_tag: u64,
    /// Digest of the request's To tag; 0 without one.
    pub(super) to_tag: u64,
    /// CSeq number.
    pub(super) cseq: Option<u32>,
    /// It stands outside any dialog.
    pub(super) initial: bool,
    /// It carried Authorization or Proxy-Authorization.
    pub(super) credentials: bool,
    /// It goes on with an attempt that was challenged or redirected.
    pub(super) goes_on: bool,
    /// The request's first sighting on any hop.
    pub(super) request: Option<Mark>,
    /// The hop whose finals count: the one nearest the caller, with the fewest Via values.
    pub(super) counting: Flow,
    /// That hop's [`Transaction::key`].
    pub(super) counting_key: u64,
    /// Via values of the request on that hop.
    pub(super) vias: usize,
    /// Answers counted, by To tag and code.
    pub(super) counted: SmallVec<[(StatusCode, u64); 3]>,
    /// The first final has been told as an attempt.
    pub(super) attempt_told: bool,
    /// The first final response on any hop.
    pub(super) ended: Option<(StatusCode, Mark)>,
    /// A request inside a dialog that got a 2xx.
    pub(super) succeeded: bool,
    /// It has been handed out; what comes later changes nothing.
    pub(super) told: bool,
    /// How far it has come.
    pub(super) progress: Progress,
    /// Request-URI, From, To and the method where it is not a registered one.
    pub(super) texts: Texts<4>,
    /// Of a REGISTER or SUBSCRIBE what it asks for.
    pub(super) binding: Binding,
}

/// What an exchange waits for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Progress {
    /// Its first message.
    pub(super) first: Timestamp,
    /// Elapsed time of its first message.
    pub(super) opened: Span,
    /// Elapsed time of its last message.
    pub(super) touched: Span,
    /// Steps of the clock at the first message.
    pub(super) steps: u32,
    /// A response from 101 to 199 was seen, or 100.
    pub(super) provisional: bool,
    /// A final response was seen on the counting hop.
    pub(super) answered: bool,
    /// It was cancelled.
    pub(super) cancelled: bool,
    /// Elapsed time of the first final from 300 on of an INVITE.
    pub(super) refused: Option<Span>,
    /// Hops on which such a final waits for its ACK.
    pub(super) unacked: u8,
    /// RTP came to its sender.
    pub(super) heard: bool,
}

impl Transaction {
    /// Whether it ended with a final from 300 on.
    pub(super) const fn is_refused(&self) -> bool {
        self.refused && !self.succeeded
    }
}

impl Exchange {
    /// Whether it is the exchange of these.
    pub(super) fn is(
        &self,
        method: MethodKind,
        text: u64,
        from_tag: u64,
        cseq: Option<u32>,
    ) -> bool {
        self.method == method
            && self.method_text == text
            && self.from_tag == from_tag
            && self.cseq == cseq
    }

    /// Whether a hop is the one whose finals count: the same top Via, wherever a tap saw it.
    pub(super) fn counts_on(&self, key: u64, flow: &Flow) -> bool {
        self.counting_key == key || self.counting == *flow
    }
}

/// A few short texts in one piece of memory.
#[derive(Debug)]
pub(super) struct Texts<const N: usize> {
    bytes: Box<[u8]>,
    ends: [u16; N],
}

impl<const N: usize> Default for Texts<N> {
    fn default() -> Self {
        Self {
            bytes: Box::default(),
            ends: [0; N],
        }
    }
}

impl<const N: usize> Texts<N> {
    /// Keeps the first `cap` bytes of each.
    pub(super) fn new(texts: [&[u8]; N], cap: usize) -> Self {
        let cut = texts.map(|text| text.get(..cap).unwrap_or(text));
        let mut end = 0;
        let ends = cut.map(|text| {
            end += text.len();
            u16::try_from(end).unwrap_or(u16::MAX)
        });
        Self {
            bytes: cut.concat().into(),
            ends,
        }
    }

    /// They all.
    pub(super) fn all(&self) -> [&[u8]; N] {
        let mut start = 0;
        self.ends.map(|end| {
            let range = start..usize::from(end);
            start = range.end;
            self.bytes.get(range).unwrap_or_default()
        })
    }

    /// Bytes they take.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }
}

impl Kept {
    /// Of a hop whose first message was captured at `now` on `interface`.
    pub(super) fn new(now: &Seen, interface: (FileIndex, u32), vias: usize) -> Self {
        Self {
            interface,
            first: now.time,
            vias: u16::try_from(vias).unwrap_or(u16::MAX),
            fragmented: false,
            requests: 0,
            requests_answered: 0,
            request_bytes: 0,
            max_forwards: None,
            last_request: None,
            trying: None,
            progress: None,
            ringing: None,
            finals: Vec::new(),
            first_ack: None,
            last_ack: None,
            cancel: None,
            unreachable: None,
            text: None,
            may_be_signed: false,
            asked: Asked::default(),
            retries: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_back_as_they_were_but_for_their_cap() {
        let texts = Texts::new([b"sip:b@h", b"", b"abcdefghijkl"], 8);
        assert_eq!(texts.all(), [b"sip:b@h".as_slice(), b"", b"abcdefgh"]);
        assert_eq!(texts.len(), 15);
        assert_eq!(Texts::<2>::default().all(), [b"".as_slice(), b""]);
    }
}
