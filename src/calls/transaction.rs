//! Transactions: on one hop, and the same one seen on all hops.
//!
//! # References
//! - RFC 3261 §17; RFC 6026 §7

use super::{Seen, Serial};
use crate::sip::MethodKind;
use crate::units::{Flow, StatusCode};

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
    pub(super) request: Option<Seen>,
    /// Answers seen on this hop.
    pub(super) answers: Vec<Answer>,
    /// The ACK to a non-2xx final, hop by hop (RFC 3261 §17.1.1.3).
    pub(super) acked: bool,
}

/// One distinct answer in a transaction.
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
    /// CSeq number.
    pub(super) cseq: Option<u32>,
    /// An INVITE (or the like) outside a dialog.
    pub(super) initial: bool,
    /// It carried Authorization or Proxy-Authorization.
    pub(super) credentials: bool,
    /// The request's first sighting on any hop.
    pub(super) request: Option<Seen>,
    /// The hop whose finals count: the one nearest the caller, with the fewest Via values.
    pub(super) counting: Flow,
    /// Via values of the request on that hop.
    pub(super) vias: usize,
    /// Answers counted, by To tag and code.
    pub(super) counted: Vec<(StatusCode, u64)>,
    /// The first final has been told as an attempt.
    pub(super) attempt_told: bool,
    /// A 18x was seen.
    pub(super) rang: bool,
    /// The first challenge to it on the counting hop, waiting for the answer to it.
    pub(super) challenge: Option<Serial>,
    /// The challenge of an earlier round that this one answers.
    pub(super) answers_challenge: Option<Serial>,
    /// A request inside a dialog that got a 2xx, when.
    pub(super) succeeded: Option<Seen>,
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
}
