//! `Media`: the sockets at which calls said they expect RTP, and what was seen there.
//!
//! In: sockets from session descriptions, and every datagram that carried no SIP. Out: when RTP
//! last went to, or came from, a socket of a call. That is a sign of life: who still sends has not
//! hung up (DOMAIN C.5 `live`).
//!
//! A datagram is looked up by its destination. Where that is no announced socket, as behind a NAT
//! whose outer address nobody announced, it is looked up by its source: who announced that is
//! sending. RTCP is not counted, since elements between the parties make their own.
//!
//! A socket is its latest call's: an earlier one keeps what was seen until then. Two Call-IDs share
//! one while they are set up together, since a B2BUA that stays out of the media hands descriptions
//! on as they are.
//!
//! Always: a datagram allocates nothing and costs two lookups at most, and nothing while no socket
//! is known; the first packet of each quarter of a second is noted. Capped by [`crate::limits::Limits::media_sockets`]: the table of calls gives up calls
//! while there are more. Sockets leave with their calls.
//!
//! # References
//! - RFC 3550 §5.1, RFC 5761 §4

use std::collections::hash_map::Entry;
use std::hash::BuildHasher as _;

use rustc_hash::{FxBuildHasher, FxHashMap};

use super::Seen;
use super::lru::Slot;
use super::mark::Mark;
use crate::packet::Datagram;
use crate::units::{Endpoint, Flow, Span, Timestamp};

/// RTP in one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MediaSpan {
    /// When the first packet came.
    pub first: Timestamp,
    /// The last packet, or one up to a quarter of a second before it.
    pub last: Seen,
}

/// RTP between the parties of a dialog. One direction alone proves nothing: the tap may show one
/// only, and a sender does not know whether anybody listens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MediaSeen {
    /// From the caller to the callee, of this INVITE.
    pub to_uas: Option<MediaSpan>,
    /// From the callee to the caller.
    pub to_uac: Option<MediaSpan>,
}

impl MediaSeen {
    /// Until when both directions were seen.
    pub fn both_until(&self) -> Option<Timestamp> {
        let (to_uas, to_uac) = self.to_uas.zip(self.to_uac)?;
        Some(to_uas.last.time.min(to_uac.last.time))
    }

    /// Whether nothing was seen.
    pub const fn is_empty(&self) -> bool {
        self.to_uas.is_none() && self.to_uac.is_none()
    }

    /// Adds what was seen at a socket of the caller.
    pub(super) fn add_uac(&mut self, traffic: &Traffic) {
        add(&mut self.to_uac, traffic.received);
        add(&mut self.to_uas, traffic.sent);
    }

    /// Adds what was seen at a socket of the callee.
    pub(super) fn add_uas(&mut self, traffic: &Traffic) {
        add(&mut self.to_uas, traffic.received);
        add(&mut self.to_uac, traffic.sent);
    }
}

/// What was seen at one socket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Traffic {
    /// Towards it.
    received: Option<Stretch>,
    /// From it, to where nobody said to expect anything.
    sent: Option<Stretch>,
}

/// A [`MediaSpan`], packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stretch {
    first: Timestamp,
    last: Mark,
}

impl Traffic {
    /// Whether something came there after `time`.
    pub(super) fn is_heard_after(&self, time: Timestamp) -> bool {
        self.received
            .is_some_and(|stretch| stretch.last.time > time)
    }

    /// Adds what was seen at the same socket at another time.
    pub(super) fn merge(&mut self, other: &Self) {
        merge(&mut self.received, other.received);
        merge(&mut self.sent, other.sent);
    }
}

fn merge(one: &mut Option<Stretch>, other: Option<Stretch>) {
    let Some(other) = other else { return };
    match one {
        None => *one = Some(other),
        Some(one) => {
            one.first = one.first.min(other.first);
            if other.last.time > one.last.time {
                one.last = other.last;
            }
        }
    }
}

fn add(span: &mut Option<MediaSpan>, stretch: Option<Stretch>) {
    let mut all = span.map(|span| Stretch {
        first: span.first,
        last: span.last.into(),
    });
    merge(&mut all, stretch);
    *span = all.map(|all| MediaSpan {
        first: all.first,
        last: all.last.seen(),
    });
}

/// Calls that share a socket: more legs than a call has through B2BUAs that leave media alone.
const OWNERS: usize = 4;

/// A socket from a session description.
#[derive(Clone, Copy, Debug)]
struct Announced {
    /// Calls that announced it, the latest last; the first `owner_count` count.
    owners: [Slot; OWNERS],
    owner_count: u8,
    /// When it was last announced.
    at: Timestamp,
    traffic: Traffic,
}

impl Announced {
    fn owners(&self) -> &[Slot] {
        let count = usize::from(self.owner_count);
        self.owners.get(..count).unwrap_or_default()
    }

    fn is_of(&self, call: Slot) -> bool {
        self.owners().contains(&call)
    }

    /// Keeps the owners for which `stays`.
    fn retain(&mut self, mut stays: impl FnMut(Slot) -> bool) {
        let before = *self;
        self.owner_count = 0;
        for owner in before.owners() {
            if stays(*owner) {
                self.add(*owner);
            }
        }
    }

    /// Adds an owner if there is room.
    fn add(&mut self, call: Slot) -> bool {
        let place = self.owners.get_mut(usize::from(self.owner_count));
        let has_room = place.is_some();
        if let Some(place) = place {
            *place = call;
            self.owner_count += 1;
        }
        has_room
    }
}

/// Bytes that a socket takes in the table, with the room a hash table leaves.
pub(super) const PLACE: usize = 2 * size_of::<(Endpoint, Announced)>();

/// The announced sockets.
#[derive(Debug, Default)]
pub(super) struct Media {
    sockets: FxHashMap<Endpoint, Announced>,
    recent: Recent,
}

impl Media {
    /// How many sockets are known.
    pub(super) fn len(&self) -> usize {
        self.sockets.len()
    }

    /// Takes a datagram that carried no SIP.
    #[inline]
    pub(super) fn push(&mut self, datagram: &Datagram<'_>) {
        if !self.sockets.is_empty()
            && is_rtp(datagram.payload)
            && self.recent.is_new(&datagram.flow, datagram.origin.time)
        {
            self.note(datagram);
        }
    }

    fn note(&mut self, datagram: &Datagram<'_>) {
        let flow = &datagram.flow;
        let span = if let Some(announced) = self.sockets.get_mut(&flow.dst) {
            &mut announced.traffic.received
        } else if let Some(announced) = self.sockets.get_mut(&flow.src) {
            &mut announced.traffic.sent
        } else {
            return;
        };
        let now = Mark::from(Seen::of(&datagram.origin));
        let span = span.get_or_insert(Stretch {
            first: now.time,
            last: now,
        });
        // Two taps' packets may come in disorder.
        if now.time >= span.last.time {
            span.last = now;
        }
    }

    /// `call` expects media at `socket`.
    ///
    /// `stays` says of a call that announced it before whether it may share it, given how long ago
    /// that was; what was seen until now is handed to `left` for each one that may not.
    pub(super) fn announce(
        &mut self,
        socket: Endpoint,
        call: Slot,
        now: Timestamp,
        mut stays: impl FnMut(Slot, Span) -> bool,
        mut left: impl FnMut(Slot, &Traffic),
    ) {
        self.recent.make_room();
        let announced = match self.sockets.entry(socket) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(Announced {
                owners: [0; OWNERS],
                owner_count: 0,
                at: now,
                traffic: Traffic::default(),
            }),
        };
        let age = now.since(announced.at);
        let traffic = announced.traffic;
        announced.retain(|owner| {
            let keeps = owner == call || stays(owner, age);
            if !keeps {
                left(owner, &traffic);
            }
            keeps
        });
        announced.at = now;
        if announced.owner_count == 0 {
            announced.traffic = Traffic::default();
        }
        if announced.is_of(call) {
            return;
        }
        if !announced.add(call) {
            let oldest = announced.owners[0];
            left(oldest, &traffic);
            announced.retain(|owner| owner != oldest);
            announced.add(call);
        }
    }

    /// What was seen at `socket` while it was the call's.
    pub(super) fn traffic(&self, socket: &Endpoint, call: Slot) -> Option<&Traffic> {
        self.sockets
            .get(socket)
            .filter(|announced| announced.is_of(call))
            .map(|announced| &announced.traffic)
    }

    /// `call` expects nothing at `socket` any more.
    pub(super) fn withdraw(&mut self, socket: &Endpoint, call: Slot) {
        let Some(announced) = self.sockets.get_mut(socket) else {
            return;
        };
        announced.retain(|owner| owner != call);
        if announced.owner_count == 0 {
            self.sockets.remove(socket);
        }
    }
}

/// Sets of marks, and marks in a set: 256 KiB, which stays in a processor's second cache and
/// holds the streams of 8000 calls.
const SETS: usize = 1 << 14;
const MARKS: usize = 4;

/// Streams of which a packet came in this quarter of a second already.
///
/// Of thousands of calls that take turns each packet would wait for memory when it is looked up;
/// most need not be. A mark stands for a stream by 16 bits of its digest, beside the set's 14: that
/// two meet and one is missed is rare, and takes evidence away rather than making it up.
#[derive(Debug, Default)]
struct Recent {
    /// Empty until there are sockets.
    sets: Vec<[u32; MARKS]>,
}

impl Recent {
    /// To be called before anything is looked up.
    fn make_room(&mut self) {
        if self.sets.is_empty() {
            self.sets = vec![[0; MARKS]; SETS];
        }
    }

    /// Whether it is the stream's first packet in this quarter of a second.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "bits of a digest and of a time, of which only equality counts"
    )]
    fn is_new(&mut self, flow: &Flow, time: Timestamp) -> bool {
        let digest = FxBuildHasher.hash_one((flow.dst, flow.src.port));
        let tick = (time.nanos() >> 28) as u16;
        let stream = (digest >> 14) as u16;
        let mark = u32::from(stream) << 16 | u32::from(tick);
        let Some(set) = self.sets.get_mut(digest as usize % SETS) else {
            return true;
        };
        if set.contains(&mark) {
            return false;
        }
        let is_own = |old: &u32| old >> 16 == mark >> 16;
        let is_over = |old: &u32| old & 0xffff != mark & 0xffff;
        let place = set.iter().position(is_own);
        let place = place.or_else(|| set.iter().position(is_over));
        if let Some(place) = set.get_mut(place.unwrap_or_default()) {
            *place = mark;
        }
        true
    }
}

/// Whether it can be RTP: version 2, room for a header with its list of sources, and a payload
/// type that cannot be taken for RTCP.
fn is_rtp(payload: &[u8]) -> bool {
    let [first, second, ..] = payload else {
        return false;
    };
    let header = 12 + 4 * usize::from(first & 0x0f);
    first >> 6 == 2 && !(192..=223).contains(second) && payload.len() >= header
}

#[cfg(test)]
#[path = "media/tests.rs"]
mod tests;
