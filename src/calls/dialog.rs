//! Answered dialogs: all evidence about one 2xx to INVITE and its ACK.
//!
//! One dialog is one Call-ID, From tag, To tag and CSeq; each fork's To tag is judged alone
//! (RFC 3261 §13.2.2.4). Each hop on which the 2xx was seen is a [`Leg`].
//!
//! # References
//! - RFC 3261 §12.1.2, §12.2.1.1, §13.2.2.4, §13.3.1.4, §15

use std::net::IpAddr;

use super::connects::Unopened;
use super::media::MediaSeen;
use super::state::Ongoing;
use super::{Seen, Serial};
use crate::sip::value::{Address, HostPort, Uri, list, param};
use crate::units::{Endpoint, FileIndex, Flow, Span, Timestamp};

/// Who of the dialog did something; caller and callee of *this* INVITE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The INVITE's sender, who owes the ACK.
    Uac,
    /// The INVITE's receiver, who sent the 2xx.
    Uas,
}

/// A 2xx to INVITE on one hop.
#[derive(Debug)]
pub struct Leg {
    /// Direction of the INVITE.
    pub flow: Flow,
    /// The interface that captured it.
    pub interface: (FileIndex, u32),
    /// The INVITE's first copy here, if it was seen.
    pub invite: Option<Seen>,
    /// Digest of the INVITE's top branch.
    pub invite_branch: u64,
    /// Copies of the 2xx, tap copies taken out; capped, see `copies_seen`.
    pub copies: Vec<Seen>,
    /// All of them.
    pub copies_seen: u32,
    /// Via values in the 2xx: how far from the caller this hop is.
    pub vias: usize,
    /// The Contact URI of the 2xx: where the ACK must be addressed; empty if it had none.
    pub contact: Box<[u8]>,
    /// Contact values in the 2xx; a 2xx to INVITE has one (RFC 3261 §12.1.1).
    pub contacts: usize,
    /// Record-Route of the 2xx, its values joined by commas.
    pub record_route: Box<[u8]>,
    /// Where the 2xx went, which is not always where the INVITE came from.
    pub answered_to: Endpoint,
    /// The caller asked for answers to the port it sends from (RFC 3581 §3).
    pub has_rport: bool,
    /// Copies of the INVITE after the first copy of the 2xx: the last of them.
    pub invite_again: Option<Seen>,
    /// Bytes of the 2xx.
    pub answer_bytes: usize,
    /// The 2xx came in more than one IP fragment.
    pub answer_fragmented: bool,
    /// The capture cut the header fields of the 2xx: of Contact and Record-Route some may be missing.
    pub answer_cut: bool,
    /// The first copy's number as a response.
    pub(super) serial: Serial,
    /// That response has been told its context.
    pub(super) told: bool,
}

impl Leg {
    /// The socket that the Contact of the 2xx names, if it names an address.
    pub fn contact_socket(&self) -> Option<Endpoint> {
        let uri = Uri::parse(&self.contact)?;
        Some(Endpoint::new(uri.host.addr()?, port_of(&uri)))
    }

    /// The hosts between which its ACK may pass.
    pub(super) fn ack_hosts(&self) -> impl Iterator<Item = (IpAddr, IpAddr)> {
        let caller = self.flow.src.addr;
        let contact = self.contact_socket().map(|socket| socket.addr);
        let callees = std::iter::once(self.flow.dst.addr).chain(contact);
        callees.map(move |callee| (caller, callee))
    }

    /// The first copy.
    pub fn first(&self) -> Seen {
        self.copies.first().copied().unwrap_or_default()
    }

    /// The last copy.
    pub fn last(&self) -> Seen {
        self.copies.last().copied().unwrap_or_default()
    }

    /// Whether the ACK had to pass this hop (DOMAIN C.5, `path`).
    pub fn path(&self) -> Path {
        // Where elements share an address, ports tell them apart.
        let shared = self.flow.src.addr == self.flow.dst.addr;
        let caller = if self.vias <= 1 {
            Path::Pinned
        } else {
            side_path(self.flow.src, shared, &self.record_route, None)
        };
        let contact = Uri::parse(&self.contact).map(|uri| uri.host);
        let callee = side_path(self.flow.dst, shared, &self.record_route, contact);
        match (caller, callee) {
            (Path::Bypass, _) | (_, Path::Bypass) if self.answer_cut => Path::Unknown,
            (Path::Bypass, _) | (_, Path::Bypass) => Path::Bypass,
            (Path::Pinned, Path::Pinned) => Path::Pinned,
            _ => Path::Unknown,
        }
    }
}

/// Whether requests inside the dialog must pass a hop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    /// Both ends of the hop stay on the dialog's path.
    Pinned,
    /// One end is a proxy that did not ask to stay (no Record-Route, RFC 3261 §16.6 step 4).
    Bypass,
    /// Only names, or hidden topology.
    Unknown,
}

fn side_path(
    side: Endpoint,
    shared: bool,
    record_route: &[u8],
    contact: Option<HostPort<'_>>,
) -> Path {
    let has_its_port = |host: &HostPort<'_>| !shared || host.port.unwrap_or(5060) == side.port;
    let mut has_names = false;
    for host in list(record_route)
        .filter_map(Address::parse)
        .filter_map(|a| Uri::parse(a.uri))
    {
        match host.host.addr() {
            Some(addr) if addr == side.addr && has_its_port(&host.host) => return Path::Pinned,
            Some(_) => {}
            None => has_names = true,
        }
    }
    let is_side = |host: HostPort<'_>| host.addr() == Some(side.addr) && has_its_port(&host);
    match contact.map(|host| host.addr()) {
        Some(Some(_)) if contact.is_some_and(is_side) => return Path::Pinned,
        // A private address behind a public one is NAT, not another element.
        Some(Some(addr)) if is_private(addr) != is_private(side.addr) => has_names = true,
        Some(None) => has_names = true,
        Some(Some(_)) | None => {}
    }
    if has_names {
        Path::Unknown
    } else {
        Path::Bypass
    }
}

/// Addresses that are not routed on the Internet (RFC 1918, RFC 6598, RFC 3927, RFC 4193), and
/// the unspecified one.
pub fn is_private(addr: IpAddr) -> bool {
    match addr {
        IpAddr::V4(addr) => {
            let [a, b, ..] = addr.octets();
            addr.is_private()
                || addr.is_link_local()
                || addr.is_unspecified()
                || (a == 100 && b & 0xc0 == 64)
        }
        IpAddr::V6(addr) => addr.is_unique_local() || addr.is_unspecified(),
    }
}

/// An ACK that is not the hop-by-hop ACK of a refusal.
#[derive(Debug)]
pub struct Ack {
    /// First copy.
    pub seen: Seen,
    /// Direction.
    pub flow: Flow,
    /// Digests: From tag, To tag (0 without one), top branch.
    pub(super) from_tag: u64,
    pub(super) to_tag: u64,
    pub(super) branch: u64,
    /// CSeq number.
    pub cseq: Option<u32>,
    /// Times of further copies; capped.
    pub repeats: Vec<Timestamp>,
    /// The last ICMP error that said that a copy of it did not arrive.
    pub undeliverable: Option<Seen>,
    /// It has no body, in any copy.
    pub bare: bool,
    /// The capture cut its header fields: of Route some may be missing.
    pub cut: bool,
    /// Request-URI as sent.
    pub uri: Box<[u8]>,
    /// Route values joined by commas.
    pub route: Box<[u8]>,
}

/// How an ACK fits a 2xx.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AckMatch {
    /// Both tags and the CSeq number are equal; perhaps something else is wrong with it.
    Exact(Option<AckFault>),
    /// It would fit but for this.
    Wrong(AckFault),
}

/// What is wrong with an ACK (DOMAIN C.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AckFault {
    /// Request-URI is not the Contact of the 2xx (RFC 3261 §12.2.1.1).
    Target,
    /// Route values are not the dialog's route set (RFC 3261 §12.1.2).
    RouteSet,
    /// Sent to another address than its top Route or Request-URI names.
    NextHop,
    /// The INVITE's branch again (RFC 3261 §8.1.1.7 wants a new one).
    ReusedBranch,
    /// No answer in it, though the 2xx carries the offer (RFC 3261 §13.2.2.4).
    WithoutAnswer,
    /// Another CSeq number (RFC 3261 §13.2.2.4).
    Cseq,
    /// Another To tag or none.
    ToTag,
    /// Another From tag.
    FromTag,
}

impl AckFault {
    /// The `qualifier` of the JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Target => "target",
            Self::RouteSet => "route-set",
            Self::NextHop => "next-hop",
            Self::ReusedBranch => "reused-branch",
            Self::WithoutAnswer => "without-answer",
            Self::Cseq => "wrong-cseq",
            Self::ToTag => "wrong-to-tag",
            Self::FromTag => "wrong-from-tag",
        }
    }
}

/// A BYE of the dialog.
#[derive(Clone, Copy, Debug)]
pub struct Bye {
    /// First copy.
    pub seen: Seen,
    /// When its last copy was seen.
    pub until: Timestamp,
    /// Who sent it.
    pub side: Side,
    /// Its first final response's time.
    pub answered: Option<Timestamp>,
    /// Its Reason says that no ACK came (DOMAIN B.2).
    pub says_no_ack: bool,
}

/// All evidence about one answered dialog, handed out when it is complete.
#[derive(Debug)]
pub struct AnsweredDialog<'a> {
    /// Call-ID.
    pub call_id: &'a [u8],
    /// To tag of the 2xx; empty if it had none.
    pub to_tag: &'a [u8],
    /// CSeq number of the INVITE.
    pub cseq: u32,
    /// The INVITE had a To tag already.
    pub reinvite: bool,
    /// The INVITE carried no offer, and the 2xx carries the first: the ACK must answer it.
    pub late_offer: bool,
    /// The hops, the one nearest the callee last.
    pub legs: &'a [Leg],
    /// What is known of each leg beside the dialog; same order.
    pub hop_facts: &'a [HopFacts],
    /// The ACKs of the Call-ID that may belong to it, in capture order, with how they fit.
    pub acks: &'a [(&'a Ack, AckMatch)],
    /// BYEs of the dialog, in capture order.
    pub byes: &'a [Bye],
    /// The caller's CANCEL of this INVITE.
    pub cancel: Option<Seen>,
    /// The last request inside the dialog, a give-up BYE of the callee apart, that got a 2xx.
    pub last_success: Option<Timestamp>,
    /// RTP between its parties, where any was seen.
    pub media: Option<MediaSeen>,
    /// The callee's socket was reported unreachable.
    pub callee_unreachable: Option<Seen>,
    /// Until when something could have been seen: the last packet of its interface, or of its
    /// interface before a pause.
    pub observed_until: Timestamp,
    /// The tap was not looking after [`Self::observed_until`], and looked again later: what was
    /// seen then is known, and of what was not seen nothing.
    pub paused: bool,
    /// The tap was not looking for a while between the first and the last that was seen of it.
    pub gap: bool,
    /// Packets may be missing from the capture while it was open.
    pub loss: bool,
    /// Capture time stepped while it was open.
    pub time_step: bool,
    /// It was given up for lack of room before all was known.
    pub evicted: bool,
}

/// What other traffic says about a leg.
#[derive(Clone, Copy, Debug, Default)]
pub struct HopFacts {
    /// Packets from the caller's side to the callee's were seen, in this or another call.
    pub two_way: bool,
    /// ACKs of other dialogs were seen here.
    pub acks_of_others: bool,
    /// The callee's socket repeated a 2xx in another dialog.
    pub callee_repeats: bool,
    /// A TCP connection to the Contact of the 2xx was asked for and not opened.
    pub unopened: Option<Unopened>,
    /// The last ICMP error about one of several requests that went this way, after the 2xx; which it
    /// was is not known.
    pub perhaps_unreachable: Option<Seen>,
    /// T1 of the callee's socket as its repeats show it, where they agree on one.
    pub peer_t1: Option<Span>,
}

/// An answered dialog while evidence is gathered.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) from_tag: u64,
    pub(super) to_tag: u64,
    pub(super) to_tag_text: Box<[u8]>,
    pub(super) cseq: u32,
    pub(super) reinvite: bool,
    pub(super) late_offer: bool,
    pub(super) legs: Vec<Leg>,
    pub(super) byes: Vec<Bye>,
    pub(super) last_success: Option<Timestamp>,
    pub(super) callee_unreachable: Option<Seen>,
    /// Elapsed time and steps of the clock at the first copy.
    pub(super) opened: Span,
    pub(super) steps: u32,
    /// Elapsed time of the last copy or ACK.
    pub(super) touched: Span,
    /// An exact ACK was seen on the leg nearest the callee.
    pub(super) acked: bool,
    pub(super) settled: bool,
    /// Nothing has settled it in ten minutes, and it is waited for longer.
    pub(super) patient: bool,
    /// The session that the dialog is, until it is told; none of a re-INVITE's.
    pub(super) session: Option<Box<Ongoing>>,
}

impl Answered {
    /// Whether it is the dialog of these tags, whichever side sends.
    pub(super) fn side_of(&self, from_tag: u64, to_tag: u64) -> Option<Side> {
        if self.from_tag == from_tag && self.to_tag == to_tag {
            Some(Side::Uac)
        } else if self.from_tag == to_tag && self.to_tag == from_tag {
            Some(Side::Uas)
        } else {
            None
        }
    }

    /// Whether `ack` was seen on the leg nearest the callee, as far as legs are known.
    pub(super) fn is_on_last_hop(&self, ack: &Ack) -> bool {
        let nearest = self.legs.iter().max_by_key(|leg| leg.vias);
        nearest.is_some_and(|leg| is_on(ack, leg, &self.legs))
    }

    /// Whether `ack` is this dialog's by tags and CSeq, be there a fault in it or not.
    pub(super) fn is_exact(&self, ack: &Ack) -> bool {
        self.from_tag == ack.from_tag && self.to_tag == ack.to_tag && Some(self.cseq) == ack.cseq
    }

    /// How `ack` fits, looked at on the leg it passed or the one nearest the callee.
    pub(super) fn matches(&self, ack: &Ack) -> Option<AckMatch> {
        let from = self.from_tag == ack.from_tag;
        let to = self.to_tag == ack.to_tag;
        // One without a number is malformed, and counted as such: no proof of another number.
        ack.cseq?;
        let cseq = Some(self.cseq) == ack.cseq;
        match (from, to, cseq) {
            (true, true, true) => Some(AckMatch::Exact(self.fault(ack))),
            (true, true, false) => Some(AckMatch::Wrong(AckFault::Cseq)),
            (true, false, true) => Some(AckMatch::Wrong(AckFault::ToTag)),
            (false, true, true) => Some(AckMatch::Wrong(AckFault::FromTag)),
            _ => None,
        }
    }

    fn fault(&self, ack: &Ack) -> Option<AckFault> {
        let leg = self.leg_of(ack)?;
        // What the capture cut off both can be held against neither.
        if ack.cut || leg.answer_cut {
            return None;
        }
        let first_route = list(&ack.route).find_map(Address::parse);
        let is_strict = first_route
            .and_then(|route| Uri::parse(route.uri))
            .is_some_and(|uri| param(uri.params, b"lr").is_none());
        if first_route.is_none() && !leg.contact.is_empty() && !same_target(&ack.uri, &leg.contact)
        {
            return Some(AckFault::Target);
        }
        // A re-INVITE changes the target, not the route set; its own Record-Route says nothing.
        // On the caller's own hop none of it is used up yet.
        let whole = leg.vias <= 1 && ack.flow.src.addr == leg.flow.src.addr;
        if !self.reinvite && !is_strict && !is_route_set(&ack.route, &leg.record_route, whole) {
            return Some(AckFault::RouteSet);
        }
        let next = first_route.map_or(&*ack.uri, |route| route.uri);
        if !is_strict && ack.flow.dst != leg.flow.dst && !is_sent_to(next, ack.flow.dst) {
            return Some(AckFault::NextHop);
        }
        if ack.branch != 0 && ack.branch == leg.invite_branch {
            return Some(AckFault::ReusedBranch);
        }
        (self.late_offer && ack.bare).then_some(AckFault::WithoutAnswer)
    }

    /// The leg an ACK passed: same sockets, else same hosts, else the one nearest the callee.
    fn leg_of(&self, ack: &Ack) -> Option<&Leg> {
        self.legs
            .iter()
            .find(|leg| leg.flow.src == ack.flow.src && leg.flow.dst == ack.flow.dst)
            .or_else(|| self.legs.iter().find(|leg| passes(ack, leg)))
            .or_else(|| self.legs.last())
    }
}

/// The digest of tags and CSeq settles whose ACK it is; this settles on which of the dialog's
/// `legs` it was seen. One whose sockets are those of a leg was seen there alone.
pub fn is_on(ack: &Ack, leg: &Leg, legs: &[Leg]) -> bool {
    let has_its_sockets = |leg: &Leg| leg.flow.src == ack.flow.src && leg.flow.dst == ack.flow.dst;
    if legs.iter().any(has_its_sockets) {
        return has_its_sockets(leg);
    }
    passes(ack, leg) || !legs.iter().any(|leg| passes(ack, leg))
}

/// Whether `ack` was seen on `leg`: it came to the callee's side of it, or left the caller's
/// side, whatever port or transport it took. Where several elements share one address only
/// sockets tell them apart.
pub fn passes(ack: &Ack, leg: &Leg) -> bool {
    let (ack, leg) = (ack.flow, leg.flow);
    ack.dst == leg.dst
        || ack.src == leg.src
        || (leg.src.addr != leg.dst.addr
            && (ack.dst.addr == leg.dst.addr || ack.src.addr == leg.src.addr))
}

/// User, host, port, transport and maddr are what routes a request (RFC 3261 §19.1.4).
fn same_target(uri: &[u8], contact: &[u8]) -> bool {
    if uri == contact {
        return true;
    }
    let (Some(a), Some(b)) = (Uri::parse(uri), Uri::parse(contact)) else {
        return false;
    };
    is_same_place(&a, &b)
        && [b"transport".as_slice(), b"maddr"].iter().all(|name| {
            let (a, b) = (param(a.params, name), param(b.params, name));
            a.unwrap_or_default().eq_ignore_ascii_case(b.unwrap_or_default())
                // Naming the transport that is used anyway changes nothing.
                || (*name == b"transport" && (a.is_none() || b.is_none()))
        })
}

/// User, host and port, however they are spelled: escapes (RFC 3261 §19.1.4) and the many forms of
/// one IPv6 address (RFC 5118 §4) do not tell places apart.
fn is_same_place(a: &Uri<'_>, b: &Uri<'_>) -> bool {
    let is_same_host = match (a.host.addr(), b.host.addr()) {
        (Some(a), Some(b)) => a == b,
        _ => a.host.host.eq_ignore_ascii_case(b.host.host),
    };
    is_same_host && port_of(a) == port_of(b) && unescaped(a.user).eq(unescaped(b.user))
}

/// The port, or the one that the scheme or transport stands for (RFC 3261 §19.1.2).
fn port_of(uri: &Uri<'_>) -> u16 {
    let is_tls = uri.scheme.eq_ignore_ascii_case(b"sips")
        || param(uri.params, b"transport").is_some_and(|name| name.eq_ignore_ascii_case(b"tls"));
    uri.host.port.unwrap_or(if is_tls { 5061 } else { 5060 })
}

/// The bytes of `text` with `%41` read as `A`; what is no such escape stands for itself.
fn unescaped(text: &[u8]) -> impl Iterator<Item = u8> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (byte, tail) = match rest {
            [b'%', high, low, tail @ ..] => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => (high << 4 | low, tail),
                _ => rest.split_first().map(|(byte, tail)| (*byte, tail))?,
            },
            [byte, tail @ ..] => (*byte, tail),
            [] => return None,
        };
        rest = tail;
        Some(byte)
    })
}

fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// Whether the Route values are the reversed Record-Route (RFC 3261 §12.1.2), less hops already
/// passed unless it must be the `whole` of it.
fn is_route_set(route: &[u8], record_route: &[u8], whole: bool) -> bool {
    let routes: Vec<_> = list(route).filter_map(Address::parse).collect();
    let recorded: Vec<_> = list(record_route).filter_map(Address::parse).collect();
    let fits = if whole {
        routes.len() == recorded.len()
    } else {
        routes.len() <= recorded.len()
    };
    fits && routes.iter().rev().zip(&recorded).all(|(a, b)| {
        match (Uri::parse(a.uri), Uri::parse(b.uri)) {
            (Some(a), Some(b)) => is_same_place(&a, &b),
            _ => a.uri == b.uri,
        }
    })
}

/// Whether `uri` names `socket`, as far as literal addresses can tell; a name may be anything.
fn is_sent_to(uri: &[u8], socket: Endpoint) -> bool {
    let Some(uri) = Uri::parse(uri) else {
        return true;
    };
    match uri.host.addr() {
        Some(addr) => addr == socket.addr && uri.host.port.is_none_or(|port| port == socket.port),
        None => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Transport;

    fn leg(src: &str, dst: &str, vias: usize, contact: &str, record_route: &str) -> Leg {
        let socket = |text: &str| Endpoint::new(text.parse().expect("an address"), 5060);
        Leg {
            contacts: 1,
            answered_to: socket(src),
            has_rport: true,
            invite_again: None,
            answer_bytes: 500,
            answer_fragmented: false,
            answer_cut: false,
            flow: Flow {
                src: socket(src),
                dst: socket(dst),
                transport: Transport::Udp,
            },
            interface: (FileIndex(0), 0),
            invite: None,
            invite_branch: 0,
            copies: Vec::new(),
            copies_seen: 0,
            vias,
            contact: contact.as_bytes().into(),
            record_route: record_route.as_bytes().into(),
            serial: 0,
            told: false,
        }
    }

    #[test]
    fn the_ack_must_pass_between_the_two_user_agents() {
        assert_eq!(
            leg("10.0.0.1", "10.0.0.2", 1, "sip:b@10.0.0.2", "").path(),
            Path::Pinned
        );
    }

    #[test]
    fn a_proxy_without_record_route_is_bypassed() {
        assert_eq!(
            leg("10.0.0.9", "10.0.0.2", 2, "sip:b@10.0.0.2", "").path(),
            Path::Bypass
        );
        assert_eq!(
            leg("10.0.0.1", "10.0.0.9", 1, "sip:b@10.0.0.2", "").path(),
            Path::Bypass
        );
        assert_eq!(
            leg(
                "10.0.0.9",
                "10.0.0.2",
                2,
                "sip:b@10.0.0.2",
                "<sip:10.0.0.9;lr>"
            )
            .path(),
            Path::Pinned
        );
    }

    #[test]
    fn names_and_nat_leave_the_path_unknown() {
        assert_eq!(
            leg("10.0.0.1", "10.0.0.2", 1, "sip:b@example.com", "").path(),
            Path::Unknown
        );
        assert_eq!(
            leg("10.0.0.9", "10.0.0.2", 2, "sip:b@10.0.0.2", "<sip:p;lr>").path(),
            Path::Unknown
        );
        assert_eq!(
            leg("198.51.100.1", "203.0.113.2", 1, "sip:b@10.0.0.2", "").path(),
            Path::Unknown
        );
    }

    #[test]
    fn the_route_set_is_record_route_reversed_less_hops_passed() {
        let recorded = b"<sip:p2;lr>,<sip:p1;lr>";
        assert!(is_route_set(b"<sip:p1;lr>,<sip:p2;lr>", recorded, true));
        assert!(is_route_set(b"<sip:p2:5060;lr>", recorded, false));
        assert!(!is_route_set(b"<sip:p2:5060;lr>", recorded, true));
        assert!(is_route_set(b"", recorded, false));
        assert!(!is_route_set(b"<sip:p2;lr>,<sip:p1;lr>", recorded, true));
        assert!(!is_route_set(b"<sip:p3;lr>", b"", false));
    }

    #[test]
    fn a_target_differs_by_user_host_port_transport_and_maddr() {
        assert!(same_target(b"sip:b@H;x=y", b"sip:b@h:5060"));
        assert!(same_target(b"sip:b@h;transport=udp", b"sip:b@h"));
        assert!(!same_target(
            b"sip:b@h;transport=udp",
            b"sip:b@h;transport=tcp"
        ));
        assert!(!same_target(b"sip:c@h", b"sip:b@h"));
        assert!(!same_target(b"sip:b@h:5061", b"sip:b@h"));
        assert!(!same_target(b"sip:b@h;maddr=1.2.3.4", b"sip:b@h"));
    }

    #[test]
    fn a_target_is_the_same_in_another_spelling() {
        assert!(same_target(
            b"sip:b@[2001:DB8::2]",
            b"sip:b@[2001:db8:0:0::2]:5060"
        ));
        assert!(!same_target(b"sip:b@[2001:db8::2]", b"sip:b@[2001:db8::3]"));
        assert!(same_target(b"sip:%2b12@h", b"sip:+1%32@h"));
        assert!(!same_target(b"sip:%2b12@h", b"sip:%2b13@h"));
        assert!(same_target(b"sip:%x@h", b"sip:%x@h"));
        assert!(!same_target(b"sip:%4@h", b"sip:%@h"));
        assert!(is_route_set(
            b"<sip:[2001:DB8::1];lr>",
            b"<sip:[2001:db8:0::1];lr>",
            true
        ));
    }
}
