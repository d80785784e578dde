//! Onward: an INVITE that an element answers with a call of its own, under another Call-ID.
//!
//! In: INVITEs outside a dialog, each once a hop. Out: [`Onward`] for the first of a Call-ID, where
//! it is the leg that a back-to-back user agent (an SBC, a PBX) sent on of another that it got: so
//! that a call is not counted once for each side of it.
//!
//! What makes two INVITEs one call, most telling first:
//!
//! 1. the same Session-ID, whose local part a B2BUA hands on;
//! 2. the same icid-value of P-Charging-Vector, which names a session in an IMS;
//! 3. the numbers of From and To, where the second leaves the host that the first went to, at most
//!    two seconds later. That is a guess, and says so. Where several calls of the same numbers wait
//!    there, which of them it goes on with is not told, only that it is one of them.
//!
//! A caller who tries again under another Call-ID sends from where it sent before: no leg, a call.
//!
//! Capped: [`crate::limits::Limits::onward_invites`], the oldest give way; those of the last two
//! seconds only under a flood, which `Legs::is_full` says.
//!
//! # References
//! - RFC 7989 §5, §7 (Session-ID); RFC 7315 §4.6 (P-Charging-Vector); RFC 3261 §6 (B2BUA)

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;

use smallvec::SmallVec;

use super::Seen;
use super::key::digest;
use crate::sip::value::{Uri, trim};
use crate::sip::{Message, Name};
use crate::units::{Endpoint, Flow, Span};

/// An element with a database to ask, or a user to look for, sends on within this.
const SOON: Span = Span::from_secs(2);
/// What a name of the session joins may be further apart: the first target did not answer.
const NAMED: Span = Span::from_secs(180);
/// Digits that name a subscriber, whatever is dialled before them (DOMAIN D.5).
const SUFFIX: usize = 7;
/// Calls of one key that are looked at.
const LOOK_BACK: usize = 16;

/// How two Call-IDs are known to be one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// The same Session-ID (RFC 7989).
    SessionId,
    /// The same icid-value (RFC 7315).
    Icid,
    /// The same numbers at the same element, within two seconds: a guess.
    Numbers,
}

impl Link {
    /// The name reports use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SessionId => "session-id",
            Self::Icid => "icid-value",
            Self::Numbers => "numbers",
        }
    }
}

/// The leg of a call that an element sent on under a Call-ID of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Onward {
    /// Its Call-ID.
    pub call_id: Arc<[u8]>,
    /// The Call-ID of the leg it goes on with; `None` where it is one of several alike.
    pub of: Option<Arc<[u8]>>,
    /// The Call-ID of the leg nearest the caller.
    pub root: Option<Arc<[u8]>>,
    /// How that is known.
    pub link: Link,
    /// Who sent it on.
    pub by: IpAddr,
    /// Its INVITE.
    pub invite: Seen,
    /// From the other INVITE to it.
    pub after: Span,
}

/// INVITEs of which a leg may follow.
#[derive(Debug)]
pub(super) struct Legs {
    cap: usize,
    open: VecDeque<Open>,
    /// Number of the first of `open`.
    first: u64,
    /// Numbers of those with a key, oldest first.
    by_key: HashMap<u64, SmallVec<[u64; 2]>, rustc_hash::FxBuildHasher>,
    is_full: bool,
}

/// An INVITE on a hop.
#[derive(Debug)]
struct Open {
    call: Arc<[u8]>,
    root: Arc<[u8]>,
    seen: Seen,
    flow: Flow,
    keys: Keys,
    /// A leg of it was found.
    sent_on: bool,
    /// Or a leg of another like it.
    is_doubtful: bool,
}

/// What an INVITE can be found by; 0: not by that.
#[derive(Clone, Copy, Debug)]
struct Keys {
    session: u64,
    icid: u64,
    /// Of From, To and a host.
    numbers: u64,
}

impl Keys {
    fn of(message: &Message<'_>) -> (Self, u64) {
        let session = message.header(Name::SessionId).and_then(session);
        let icid = message.header(Name::PChargingVector).and_then(icid);
        let party = |address: Option<crate::sip::value::Address<'_>>| {
            address.and_then(|address| user(address.uri))
        };
        let numbers = party(message.from()).zip(party(message.to()));
        let keys = Self {
            session: session.map_or(0, |text| salted(b's', digest(text))),
            icid: icid.map_or(0, |text| salted(b'i', digest(text))),
            numbers: 0,
        };
        let pair = numbers.map_or(0, |(from, to)| from.rotate_left(17) ^ to);
        (keys, pair)
    }

    fn all(&self) -> impl Iterator<Item = u64> {
        let all = [self.session, self.icid, self.numbers];
        all.into_iter().filter(|key| *key != 0)
    }
}

impl Legs {
    /// None yet; at most `cap` remembered.
    pub(super) fn new(cap: usize) -> Self {
        Self {
            cap: cap.max(1),
            open: VecDeque::new(),
            first: 0,
            by_key: HashMap::default(),
            is_full: false,
        }
    }

    /// INVITEs were forgotten before their legs can have been seen: calls may count for each leg.
    pub(super) const fn is_full(&self) -> bool {
        self.is_full
    }

    /// Takes the INVITE of `call` on a hop; what it goes on with, if it is the call's first.
    pub(super) fn invite(
        &mut self,
        call: &Arc<[u8]>,
        message: &Message<'_>,
        flow: &Flow,
        seen: Seen,
        is_first: bool,
    ) -> Option<Onward> {
        self.forget(&seen);
        let (mut keys, pair) = Keys::of(message);
        let at = |host: IpAddr| {
            if pair == 0 {
                0
            } else {
                salted(b'n', pair ^ of(host))
            }
        };
        let found = is_first.then(|| {
            keys.numbers = at(flow.src.addr);
            self.find(call, &keys, flow, seen)
        });
        let onward = found.flatten();
        keys.numbers = at(flow.dst.addr);
        let root = onward.as_ref().and_then(|leg| leg.root.clone());
        for key in keys.all() {
            self.by_key
                .entry(key)
                .or_default()
                .push(self.first + self.open.len() as u64);
        }
        self.open.push_back(Open {
            call: Arc::clone(call),
            root: root.unwrap_or_else(|| Arc::clone(call)),
            seen,
            flow: *flow,
            keys,
            sent_on: false,
            is_doubtful: false,
        });
        onward
    }

    fn find(&mut self, call: &Arc<[u8]>, keys: &Keys, flow: &Flow, seen: Seen) -> Option<Onward> {
        let by_name = [(keys.session, Link::SessionId), (keys.icid, Link::Icid)];
        for (key, link) in by_name {
            let mut found = self.candidates(key, call, seen, NAMED);
            let is_other = |open: &Open| is_elsewhere(&open.flow, flow);
            // The latest of the legs before it: the one that it goes on with.
            let number = found.find(|number| self.at(*number).is_some_and(is_other));
            drop(found);
            if let Some(number) = number {
                return self.link(number, true, (link, call, flow, seen));
            }
        }
        let reaches = |open: &Open| open.flow.dst == flow.src || is_from_there(&open.flow, flow);
        let found: SmallVec<[u64; 4]> = self
            .candidates(keys.numbers, call, seen, SOON)
            .filter(|number| self.at(*number).is_some_and(reaches))
            .collect();
        let mut waiting: SmallVec<[u64; 4]> = SmallVec::new();
        for number in &found {
            let Some(open) = self.at(*number) else {
                continue;
            };
            let is_known = |known: &u64| self.at(*known).is_some_and(|it| it.call == open.call);
            if !open.sent_on && !waiting.iter().any(is_known) {
                waiting.push(*number);
            }
        }
        // The element may try several targets, so one that was sent on may be again.
        let number = waiting.last().or_else(|| found.first()).copied()?;
        let is_one = waiting.len() <= 1 && !self.at(number)?.is_doubtful;
        for other in waiting.iter().filter(|_| !is_one) {
            let index = self.index(*other);
            if let Some(open) = index.and_then(|index| self.open.get_mut(index)) {
                open.is_doubtful = true;
            }
        }
        self.link(number, is_one, (Link::Numbers, call, flow, seen))
    }

    /// The INVITEs of other calls with `key` in the time before `seen`, the latest first.
    fn candidates<'a>(
        &'a self,
        key: u64,
        call: &'a Arc<[u8]>,
        seen: Seen,
        within: Span,
    ) -> impl Iterator<Item = u64> + 'a {
        let known = self.by_key.get(&key).filter(|_| key != 0);
        let numbers = known.into_iter().flatten().rev().take(LOOK_BACK).copied();
        numbers.filter(move |number| {
            self.at(*number).is_some_and(|open| {
                let after = seen.time.since(open.seen.time);
                open.call != *call && after >= Span::default() && after <= within
            })
        })
    }

    fn link(
        &mut self,
        number: u64,
        is_one: bool,
        (link, call, flow, seen): (Link, &Arc<[u8]>, &Flow, Seen),
    ) -> Option<Onward> {
        let index = self.index(number)?;
        let of = Arc::clone(&self.open.get(index)?.call);
        // Its copies on other hops were sent on with it.
        for open in self.open.range_mut(index.saturating_sub(LOOK_BACK)..) {
            open.sent_on |= open.call == of;
        }
        let open = self.open.get(index)?;
        Some(Onward {
            call_id: Arc::clone(call),
            of: is_one.then_some(of),
            root: is_one.then(|| Arc::clone(&open.root)),
            link,
            by: flow.src.addr,
            invite: seen,
            after: seen.time.since(open.seen.time),
        })
    }

    fn index(&self, number: u64) -> Option<usize> {
        usize::try_from(number.checked_sub(self.first)?).ok()
    }

    fn at(&self, number: u64) -> Option<&Open> {
        self.open.get(self.index(number)?)
    }

    /// Forgets what is too old, and the oldest where there is no room.
    fn forget(&mut self, now: &Seen) {
        while let Some(oldest) = self.open.front() {
            let age = now.time.since(oldest.seen.time);
            let is_crowded = self.open.len() >= self.cap;
            if age <= NAMED && !is_crowded {
                return;
            }
            self.is_full |= is_crowded && age <= SOON;
            let keys = oldest.keys;
            for key in keys.all() {
                if let Some(numbers) = self.by_key.get_mut(&key) {
                    numbers.retain(|number| *number != self.first);
                    if numbers.is_empty() {
                        self.by_key.remove(&key);
                    }
                }
            }
            self.open.pop_front();
            self.first += 1;
        }
    }
}

/// Whether an INVITE of `flow` comes from elsewhere than one of `before` did. Where all parties
/// share one address, from another socket.
fn is_elsewhere(before: &Flow, flow: &Flow) -> bool {
    let is_one_host = before.src.addr == before.dst.addr;
    before.src.addr != flow.src.addr || (is_one_host && before.src != flow.src)
}

/// Whether `flow` comes from the host that `before` went to, which is not its sender's.
fn is_from_there(before: &Flow, flow: &Flow) -> bool {
    let host = |at: &Endpoint| at.addr;
    host(&before.dst) == host(&flow.src) && host(&before.src) != host(&before.dst)
}

fn salted(kind: u8, of: u64) -> u64 {
    // 0 stands for none.
    (of ^ (u64::from(kind) << 56)).max(1)
}

fn of(host: IpAddr) -> u64 {
    match host {
        IpAddr::V4(host) => digest(&host.octets()),
        IpAddr::V6(host) => digest(&host.octets()),
    }
}

/// The local part of Session-ID, unless it is the one that says nothing (RFC 7989 §5).
fn session(value: &[u8]) -> Option<&[u8]> {
    let end = value.iter().position(|&b| b == b';').unwrap_or(value.len());
    let uuid = trim(value.get(..end)?);
    let is_uuid = uuid.len() == 32 && uuid.iter().all(u8::is_ascii_hexdigit);
    (is_uuid && uuid.iter().any(|&b| b != b'0')).then_some(uuid)
}

/// The icid-value of P-Charging-Vector, without quotes.
fn icid(value: &[u8]) -> Option<&[u8]> {
    let mut parts = value.split(|&b| b == b';');
    let value = parts.find_map(|part| {
        let part = trim(part);
        let at = part.iter().position(|&b| b == b'=')?;
        let (name, value) = part.split_at(at);
        let is_icid = trim(name).eq_ignore_ascii_case(b"icid-value");
        is_icid.then(|| trim(value.get(1..).unwrap_or_default()))
    })?;
    let value = value.strip_prefix(b"\"").unwrap_or(value);
    let value = value.strip_suffix(b"\"").unwrap_or(value);
    (!value.is_empty()).then_some(value)
}

/// Digest of who a URI names: the last digits of a number, or the user part.
fn user(uri: &[u8]) -> Option<u64> {
    let uri = Uri::parse(uri)?;
    let end = uri
        .user
        .iter()
        .position(|&b| b == b';')
        .unwrap_or(uri.user.len());
    let user = uri.user.get(..end).unwrap_or(uri.user);
    if user.is_empty() {
        return None;
    }
    let is_visual = |b: u8| matches!(b, b'+' | b'-' | b'.' | b'(' | b')' | b' ');
    let digits = || user.iter().copied().filter(u8::is_ascii_digit);
    let count = digits().count();
    if count >= SUFFIX && user.iter().all(|&b| b.is_ascii_digit() || is_visual(b)) {
        let last: SmallVec<[u8; SUFFIX]> = digits().skip(count - SUFFIX).collect();
        return Some(digest(&last));
    }
    Some(digest(user))
}

#[cfg(test)]
mod tests;
