//! `Sent`: the datagrams in which requests went out of late.
//!
//! In: requests over UDP. Out: which of them an ICMP error is about that quotes the heads of IP and UDP
//! and no more, as RFC 792 wants at least: the one with its sockets, Identification and length, if it is
//! the only one. An error about another packet finds none.
//!
//! Capped: [`PLACES`] datagrams, of which a later one takes the place of an earlier one; an error about
//! that finds none.
//!
//! # References
//! - RFC 792 (Destination Unreachable), RFC 4443 §2.4 (c)

use std::hash::{BuildHasher, BuildHasherDefault};

use rustc_hash::FxHasher;

use super::lru::Slot;
use crate::sip::MethodKind;
use crate::units::{Endpoint, Flow, Span, Timestamp};

/// Datagrams remembered: four seconds of a thousand requests each. A power of two.
const PLACES: usize = 4096;

/// An error comes this much later than what it is about, at most: a router gives up an address that
/// nobody answers for after some three seconds.
const LATEST: Span = Span::from_secs(4);

/// What tells a datagram from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Heads {
    src: Endpoint,
    dst: Endpoint,
    /// IPv4 Identification.
    id: u16,
    /// Bytes of the payload.
    len: u16,
}

impl Heads {
    /// Of a datagram that carries so many bytes.
    pub(super) const fn new(flow: &Flow, id: u16, len: u16) -> Self {
        Self {
            src: flow.src,
            dst: flow.dst,
            id,
            len,
        }
    }
}

/// What names a request within its call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) kind: MethodKind,
    /// Digests of its tags, 0 without one.
    pub(super) from_tag: u64,
    pub(super) to_tag: u64,
    pub(super) cseq: Option<u32>,
}

/// Where a request is to be looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Its call's place, and the digest of its Call-ID: the place may be another call's by now.
    pub(super) slot: Slot,
    pub(super) call: u64,
    pub(super) request: Request,
}

/// What an error is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    One(Place),
    /// One of several requests.
    Several,
}

#[derive(Clone, Copy, Debug)]
struct Datagram {
    heads: Heads,
    time: Timestamp,
    found: Found,
}

/// The datagrams.
#[derive(Debug, Default)]
pub(super) struct Sent {
    /// Empty until there is one.
    places: Vec<Option<Datagram>>,
}

impl Sent {
    /// A request went out.
    pub(super) fn push(&mut self, heads: Heads, time: Timestamp, place: Place) {
        if self.places.is_empty() {
            self.places = vec![None; PLACES];
        }
        let Some(kept) = self.places.get_mut(index(&heads)) else {
            return;
        };
        let mut found = Found::One(place);
        if let Some(before) = kept
            && before.heads == heads
            && before.found != found
            && time.since(before.time) <= LATEST
        {
            found = Found::Several;
        }
        *kept = Some(Datagram { heads, time, found });
    }

    /// What an error at `time` is about.
    pub(super) fn find(&self, heads: &Heads, time: Timestamp) -> Option<Found> {
        let sent = (*self.places.get(index(heads))?)?;
        let after = time.since(sent.time);
        let is_its = sent.heads == *heads && after >= Span::default() && after <= LATEST;
        is_its.then_some(sent.found)
    }
}

fn index(heads: &Heads) -> usize {
    let digest = BuildHasherDefault::<FxHasher>::default().hash_one(heads);
    // The upper bits are the well mixed ones.
    usize::try_from(digest >> 40).unwrap_or(0) % PLACES
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Transport;

    fn heads(id: u16, len: u16) -> Heads {
        let socket = |last: u8| Endpoint::new([10, 0, 0, last].into(), 5060);
        let flow = Flow {
            src: socket(1),
            dst: socket(2),
            transport: Transport::Udp,
        };
        Heads::new(&flow, id, len)
    }

    fn at(ms: i64) -> Timestamp {
        Timestamp::default().plus(Span::from_millis(ms))
    }

    fn place(call: u64) -> Place {
        Place {
            slot: 0,
            call,
            request: Request {
                kind: MethodKind::Invite,
                from_tag: 1,
                to_tag: 0,
                cseq: Some(1),
            },
        }
    }

    #[test]
    fn an_error_finds_the_one_datagram_with_its_identification_and_length_for_four_seconds() {
        let mut sent = Sent::default();
        assert_eq!(sent.find(&heads(7, 500), at(0)), None);
        sent.push(heads(7, 500), at(1000), place(1));
        assert_eq!(sent.find(&heads(7, 500), at(999)), None);
        for ms in [1000, 5000] {
            assert_eq!(
                sent.find(&heads(7, 500), at(ms)),
                Some(Found::One(place(1)))
            );
        }
        assert_eq!(sent.find(&heads(7, 500), at(5001)), None);
        assert_eq!(sent.find(&heads(8, 500), at(1001)), None);
        assert_eq!(sent.find(&heads(7, 501), at(1001)), None);
    }

    #[test]
    fn where_two_calls_sent_alike_datagrams_none_is_named_until_they_are_old() {
        let mut sent = Sent::default();
        sent.push(heads(0, 500), at(0), place(1));
        sent.push(heads(0, 500), at(10), place(1));
        assert_eq!(
            sent.find(&heads(0, 500), at(20)),
            Some(Found::One(place(1)))
        );
        sent.push(heads(0, 500), at(30), place(2));
        sent.push(heads(0, 500), at(40), place(2));
        assert_eq!(sent.find(&heads(0, 500), at(50)), Some(Found::Several));
        sent.push(heads(0, 500), at(4041), place(2));
        assert_eq!(
            sent.find(&heads(0, 500), at(4050)),
            Some(Found::One(place(2)))
        );
    }
}
