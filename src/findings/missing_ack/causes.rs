//! Why an ACK did not reach the callee, as far as the packets show it.
//!
//! In: a dialog, the leg its verdict was made on, the verdict. Out: the cause that the capture shows
//! most directly, with both sides quoted; none where it shows none. A cause never makes a verdict
//! firmer: it is a place to look, and its words say `likely` where a second explanation is open.
//!
//! # References
//! - RFC 3261 §12.1.1 (one Contact), §12.2.1.1, §16.6 step 4, §18.1.1, §18.2.2; RFC 3581 §4

use super::decide::{Decision, Facts, Standing, Verdict};
use crate::calls::dialog::{Path, is_private};
use crate::calls::{AckFault, AckMatch, AnsweredDialog, Leg};
use crate::findings::rule::{Explanation, Topic};
use crate::sip::value::{Address, Uri, list, param};
use crate::units::Transport;

/// A cause and what shows it.
#[derive(Debug)]
pub(super) struct Cause {
    pub(super) kind: Kind,
    /// Both sides, quoted.
    pub(super) evidence: String,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident, $name:literal, $title:literal, $sees:literal, $fix:literal;)*) => {
        /// What can keep an ACK from its callee (DOMAIN C.6).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(super) enum Kind {
            $($(#[$doc])* $kind,)*
        }

        impl Kind {
            /// Its stable name.
            pub(super) const fn name(self) -> &'static str {
                match self { $(Self::$kind => $name,)* }
            }

            /// What to do about it.
            pub(super) const fn remediation(self) -> &'static str {
                match self { $(Self::$kind => $fix,)* }
            }
        }

        /// What `explain` prints of each.
        pub(super) static TOPICS: &[Topic] = &[$(Topic {
            name: $name,
            kind: "cause",
            explanation: Explanation {
                summary: $title,
                sections: &[("What it sees", $sees), ("What to do", $fix)],
            },
        },)*];
    };
}

kinds! {
    /// NAT without a public Contact.
    PrivateContact, "private-contact",
        "The callee's 2xx names a private address as Contact and came from a public one, or names a loopback address.",
        "The host of Contact lies in a private range (RFC 1918, RFC 6598, RFC 3927, RFC 4193) and the packet's source is \
         public; or it is a loopback address or 0.0.0.0, which mean another machine to everybody, and the packet came from \
         the network. No Record-Route leads to the callee: the ACK is addressed to where the caller's side cannot send it.",
        "Make the callee announce an address that the caller's side can reach (external address, fix_nated_contact, outbound, SBC), and switch \
         off a half-working ALG in its router.";
    /// The answer went to the port in Via.
    NoRport, "no-rport",
        "The 2xx went to the port in Via, not to the port the INVITE came from.",
        "The INVITE has no rport in its Via and came from another port than it names, so the 2xx went to the named one \
         (RFC 3581 §4, RFC 3261 §18.2.2): behind NAT that port is not open, and the caller has nothing to acknowledge.",
        "Switch on rport at the caller, or force it at the proxy or SBC in front of the callee (force_rport, symmetric \
         signalling).";
    /// The caller still asks, or gave up.
    AnswerNotDelivered, "answer-not-delivered",
        "The caller behaves as if the 2xx had not reached it.",
        "After the first copy of the 2xx the caller repeats its INVITE, or cancels it more than a second later.",
        "Follow the 2xx back to the caller: Via received and rport, a firewall that lets requests pass and no answers, \
         and where the 2xx is large, fragments that get lost.";
    /// A connection that nobody took.
    TransportSwitch, "transport-switch",
        "The Contact of the 2xx asks for another transport than the call came by, and the way there is not open.",
        "Contact carries transport=tcp or tls, or is a sips URI, while the call runs over UDP; firm where a TCP SYN to that \
         socket is seen that is refused or not answered.",
        "Open that transport towards the callee, or correct the transport parameter of its Contact. An ACK larger than \
         1300 bytes moves to TCP as well (RFC 3261 §18.1.1): shrink its headers.";
    /// Several Contacts.
    SeveralContacts, "several-contacts",
        "The 2xx has more than one Contact, so the caller's side may have addressed the wrong one.",
        "A 2xx to INVITE holds one Contact value (RFC 3261 §12.1.1); here it has several.",
        "Make the callee send one Contact.";
    /// Something between two taps rewrites.
    SipAlg, "sip-alg",
        "Something between two taps rewrites the Contact of the 2xx without being a SIP element.",
        "The same 2xx is seen twice with the same Via branch and number of Via values, between other addresses, and with \
         another Contact.",
        "Switch off the SIP helper (ALG) of the router or firewall between the two taps, or use TLS.";
    /// A proxy that did not stay.
    MissingRecordRoute, "missing-record-route",
        "A proxy on the way of the INVITE did not add Record-Route, so the ACK takes another way.",
        "An element that relayed the INVITE is not in the Record-Route list of the 2xx: the ACK goes past it, straight to the \
         next address, which a firewall or NAT may not let in (RFC 3261 §16.6 step 4).",
        "Let that proxy add Record-Route to requests that make dialogs (record_route()), or open the straight way.";
    /// The Route list is wrong.
    WrongRouteSet, "wrong-route-set",
        "The caller's side did not route the ACK as the Record-Route list of the 2xx says.",
        "The Route values of the ACK are not that list in reverse, or the packet went to another address than the first one \
         names; also strict routing, where a route lacks ;lr.",
        "Mend the caller's route set (RFC 3261 §12.1.2, loose routing); a proxy that joins two networks or transports adds \
         Record-Route twice.";
    /// The Request-URI is not the Contact.
    ContactRewritten, "contact-rewritten",
        "The ACK is not addressed to the Contact of the 2xx.",
        "The Request-URI of the ACK differs from that Contact in user, host, port or transport. Some carriers take such an \
         ACK, others drop it.",
        "Send the ACK with the Contact of the 2xx as Request-URI, letter by letter; look for an element that rewrites one of \
         the two.";
    /// The ACK went to another node.
    OtherNode, "other-node",
        "The ACK was delivered to another node than the one that sent the 2xx.",
        "The ACK fits and follows the Contact or Route, but that is not the address the 2xx came from, and the callee goes \
         on repeating.",
        "Make the load balancer keep a dialog on one node (by Call-ID), or let each node announce its own Contact.";
    /// Lost or changed beyond the tap.
    LostBeyondTap, "lost-beyond-tap",
        "The ACK is right where it was captured, and lost, refused or changed beyond.",
        "An ACK with the right tags and CSeq answers the 2xx, and the callee goes on as if none had come.",
        "Capture at the callee and compare: Request-URI user and host, CSeq changed by a B2BUA, credentials taken out, a closed \
         port.";
    /// The callee is gone.
    CalleeRestarted, "callee-restarted",
        "The callee answered, and nothing that was sent to it after that was answered.",
        "One or two copies of the 2xx, then ICMP errors from its socket, or requests to it that nobody answers.",
        "Look for a crash or restart of the callee at that time.";
    /// A name as Contact.
    ContactName, "contact-name",
        "The Contact of the 2xx is a name, which the caller's side must resolve before it can send the ACK.",
        "The host of Contact is no literal address. Where it resolves slowly the ACK is late, where it does not resolve there \
         is none.",
        "Check that the name resolves, and to the callee, from the caller's network; or announce an address.";
    /// A new way to open.
    NewTarget, "new-target",
        "The ACK has to open a new way: the Contact of the 2xx is another socket than the one the call runs over.",
        "Without Record-Route the ACK goes to the Contact, whose address or port is not the source of the 2xx: a firewall that \
         knows the one does not know the other.",
        "Open the announced address and port, or keep signalling on one address.";
    /// The caller sent none.
    AckNeverBuilt, "ack-never-built",
        "The caller's side probably sent no ACK.",
        "The ACK had to pass the tap, ACKs of other calls did, the Contact is the callee's own address, nothing is missing \
         from the capture, and still the callee repeats to the end.",
        "Look at the caller's stack or the B2BUA in front of it: usually the 2xx did not match its INVITE (compare Via \
         branch, From tag and CSeq, and the To tag of 18x and 2xx).";
}

/// The cause that the capture shows most directly.
pub(super) fn of(
    dialog: &AnsweredDialog<'_>,
    leg: &Leg,
    facts: &Facts,
    decision: &Decision,
) -> Option<Cause> {
    match decision.verdict {
        Verdict::AckMismatch(_, Standing::Tolerated) => None,
        Verdict::AckMismatch(fault, _) => of_fault(fault, dialog, leg),
        Verdict::AckUndeliverable => private_contact(leg).or_else(|| transport_switch(dialog, leg)),
        // The element before the callee has the ACK, and its way on is the Contact.
        Verdict::AckDroppedAt => dialog.legs.last().and_then(private_contact),
        Verdict::AckNotHonoured(_) => other_node(dialog, leg).or_else(|| lost_beyond(dialog, leg)),
        Verdict::UasDiedAfter200 => Some(Cause {
            kind: Kind::CalleeRestarted,
            evidence: dialog.callee_unreachable.map_or_else(
                || "requests to the callee went unanswered".to_owned(),
                |seen| format!("ICMP unreachable from the callee in frame {}", seen.at),
            ),
        }),
        Verdict::AckAfterTimeout | Verdict::AckLate => contact_name(leg),
        Verdict::NoAckConfirmed | Verdict::NoAckProbable => answer_not_delivered(dialog, leg)
            .or_else(|| private_contact(leg))
            .or_else(|| transport_switch(dialog, leg))
            .or_else(|| several_contacts(leg))
            .or_else(|| sip_alg(dialog, leg))
            .or_else(|| missing_record_route(dialog, leg))
            .or_else(|| contact_name(leg))
            .or_else(|| new_target(leg))
            .or_else(|| never_built(dialog, leg, facts, decision)),
        _ => None,
    }
}

fn of_fault(fault: AckFault, dialog: &AnsweredDialog<'_>, leg: &Leg) -> Option<Cause> {
    let (ack, _) = dialog
        .acks
        .iter()
        .find(|(_, fit)| matches!(fit, AckMatch::Exact(Some(found)) if *found == fault))?;
    let kind = match fault {
        AckFault::Target => Kind::ContactRewritten,
        AckFault::RouteSet | AckFault::NextHop => Kind::WrongRouteSet,
        _ => return None,
    };
    let evidence = match fault {
        AckFault::Target => format!(
            "Request-URI {} in frame {}, Contact {}",
            text(&ack.uri),
            ack.seen.at,
            text(&leg.contact)
        ),
        _ => format!(
            "Route {} in frame {}, sent to {}; Record-Route {}",
            or_none(&ack.route),
            ack.seen.at,
            ack.flow.dst,
            or_none(&leg.record_route)
        ),
    };
    Some(Cause { kind, evidence })
}

fn private_contact(leg: &Leg) -> Option<Cause> {
    let contact = leg.contact_socket()?;
    let source = leg.flow.dst.addr;
    let is_nat = is_private(contact.addr) && !is_private(source);
    let is_nowhere = contact.addr.is_loopback() || contact.addr.is_unspecified();
    let is_elsewhere = contact.addr != source && !source.is_loopback();
    // Behind a proxy that stays on the path the Contact may be anything.
    ((is_nat || is_nowhere) && is_elsewhere && !is_recorded(leg, source)).then(|| Cause {
        kind: Kind::PrivateContact,
        evidence: format!(
            "Contact {}, while the 2xx came from {}",
            text(&leg.contact),
            leg.flow.dst
        ),
    })
}

fn answer_not_delivered(dialog: &AnsweredDialog<'_>, leg: &Leg) -> Option<Cause> {
    let first = leg.first();
    let later = |time: crate::units::Timestamp| time.since(first.time).nanos() > 1_000_000_000;
    let sign = match (leg.invite_again, dialog.cancel) {
        (Some(again), _) if again.time > first.time => format!(
            "INVITE again in frame {}, after the 2xx in frame {}",
            again.at, first.at
        ),
        (_, Some(cancel)) if later(cancel.time) => format!(
            "CANCEL in frame {}, after the 2xx in frame {}",
            cancel.at, first.at
        ),
        _ => return None,
    };
    let went_elsewhere = leg.answered_to.port != leg.flow.src.port
        && leg.answered_to.addr == leg.flow.src.addr
        && leg.flow.transport == Transport::Udp;
    if !leg.has_rport && went_elsewhere {
        return Some(Cause {
            kind: Kind::NoRport,
            evidence: format!(
                "INVITE from {}, 2xx to {}, no rport in Via; {sign}",
                leg.flow.src, leg.answered_to
            ),
        });
    }
    let size = if leg.answer_fragmented {
        format!(
            "; the 2xx has {} bytes and came in fragments",
            leg.answer_bytes
        )
    } else {
        String::new()
    };
    Some(Cause {
        kind: Kind::AnswerNotDelivered,
        evidence: format!("{sign}{size}"),
    })
}

fn transport_switch(dialog: &AnsweredDialog<'_>, leg: &Leg) -> Option<Cause> {
    let place = dialog
        .legs
        .iter()
        .position(|other| std::ptr::eq(other, leg))?;
    let unopened = dialog.hop_facts.get(place).and_then(|facts| facts.unopened);
    if let Some(unopened) = unopened {
        let answer = unopened.refused.map_or_else(
            || "not answered".to_owned(),
            |seen| format!("refused in frame {}", seen.at),
        );
        return Some(Cause {
            kind: Kind::TransportSwitch,
            evidence: format!(
                "TCP SYN from {} to {} in frame {}, {answer}; Contact {}",
                unopened.from,
                unopened.to,
                unopened.first.at,
                text(&leg.contact)
            ),
        });
    }
    let uri = Uri::parse(&leg.contact)?;
    let asked = param(uri.params, b"transport").unwrap_or_default();
    let is_other = uri.scheme.eq_ignore_ascii_case(b"sips")
        || asked.eq_ignore_ascii_case(b"tcp")
        || asked.eq_ignore_ascii_case(b"tls");
    let is_first_hop = leg.record_route.is_empty();
    (is_other && is_first_hop && leg.flow.transport == Transport::Udp).then(|| Cause {
        kind: Kind::TransportSwitch,
        evidence: format!(
            "Contact {}, while the call runs over UDP",
            text(&leg.contact)
        ),
    })
}

fn several_contacts(leg: &Leg) -> Option<Cause> {
    (leg.contacts > 1).then(|| Cause {
        kind: Kind::SeveralContacts,
        evidence: format!(
            "{} Contact values in frame {}, the first is {}",
            leg.contacts,
            leg.first().at,
            text(&leg.contact)
        ),
    })
}

fn sip_alg(dialog: &AnsweredDialog<'_>, leg: &Leg) -> Option<Cause> {
    let other = dialog.legs.iter().find(|other| {
        other.flow != leg.flow
            && other.vias == leg.vias
            && other.invite_branch != 0
            && other.invite_branch == leg.invite_branch
            && host(&other.contact) != host(&leg.contact)
    })?;
    Some(Cause {
        kind: Kind::SipAlg,
        evidence: format!(
            "Contact {} in frame {}, {} in frame {}, with the same Via",
            text(&leg.contact),
            leg.first().at,
            text(&other.contact),
            other.first().at
        ),
    })
}

fn missing_record_route(dialog: &AnsweredDialog<'_>, leg: &Leg) -> Option<Cause> {
    // A socket that is not the Contact may be a proxy, or the callee's other address; a Via above
    // the caller's, or a hop behind, shows that it is a proxy.
    let caller_side = leg.vias > 1 && !is_recorded(leg, leg.flow.src.addr);
    let is_relayed =
        |other: &Leg| other.vias > leg.vias && other.flow.src.addr == leg.flow.dst.addr;
    let callee_side = dialog.legs.iter().any(is_relayed) && !is_recorded(leg, leg.flow.dst.addr);
    let proxy = match (caller_side, callee_side) {
        (true, _) => leg.flow.src,
        (_, true) => leg.flow.dst,
        _ => return None,
    };
    (leg.path() == Path::Bypass).then(|| Cause {
        kind: Kind::MissingRecordRoute,
        evidence: format!(
            "{proxy} relayed the INVITE; Record-Route ({}) and Contact ({}) do not lead back to it",
            or_none(&leg.record_route),
            or_none(&leg.contact)
        ),
    })
}

fn contact_name(leg: &Leg) -> Option<Cause> {
    let uri = Uri::parse(&leg.contact)?;
    let is_name = uri.host.addr().is_none() && !uri.host.host.is_empty();
    // RFC 2606 §2, RFC 7118 §5: such names stand for a connection, and are not looked up.
    let is_invalid = uri.host.host.to_ascii_lowercase().ends_with(b".invalid");
    (is_name && !is_invalid && leg.record_route.is_empty()).then(|| Cause {
        kind: Kind::ContactName,
        evidence: format!("Contact {}", text(&leg.contact)),
    })
}

fn new_target(leg: &Leg) -> Option<Cause> {
    let contact = leg.contact_socket()?;
    let is_new = contact != leg.flow.dst && leg.record_route.is_empty();
    // Over a connection the Contact's port is not the port the call came from.
    let is_same_host = contact.addr == leg.flow.dst.addr;
    (is_new && !(is_same_host && leg.flow.transport.is_reliable())).then(|| Cause {
        kind: Kind::NewTarget,
        evidence: format!(
            "Contact {}, while the 2xx came from {}",
            text(&leg.contact),
            leg.flow.dst
        ),
    })
}

fn never_built(
    dialog: &AnsweredDialog<'_>,
    leg: &Leg,
    facts: &Facts,
    decision: &Decision,
) -> Option<Cause> {
    let holds = decision.verdict == Verdict::NoAckConfirmed
        && leg.path() == Path::Pinned
        && facts.acks_of_others
        && !facts.loss
        && dialog.acks.is_empty();
    holds.then(|| Cause {
        kind: Kind::AckNeverBuilt,
        evidence: format!(
            "ACKs of other calls were seen from {} to {}",
            leg.flow.src.addr, leg.flow.dst.addr
        ),
    })
}

fn other_node(dialog: &AnsweredDialog<'_>, leg: &Leg) -> Option<Cause> {
    let (ack, _) = dialog.acks.iter().find(|(ack, fit)| {
        matches!(fit, AckMatch::Exact(None)) && ack.flow.dst.addr != leg.flow.dst.addr
    })?;
    // Where it went to a proxy that stays on the path, the node is chosen later.
    (!is_recorded(leg, ack.flow.dst.addr)).then(|| Cause {
        kind: Kind::OtherNode,
        evidence: format!(
            "ACK to {} in frame {}, 2xx from {}",
            ack.flow.dst, ack.seen.at, leg.flow.dst
        ),
    })
}

fn lost_beyond(dialog: &AnsweredDialog<'_>, leg: &Leg) -> Option<Cause> {
    let (ack, _) = dialog
        .acks
        .iter()
        .find(|(_, fit)| matches!(fit, AckMatch::Exact(_)))?;
    let copies = leg.copies.iter().filter(|copy| copy.time > ack.seen.time);
    Some(Cause {
        kind: Kind::LostBeyondTap,
        evidence: format!(
            "{} copies of the 2xx after the ACK in frame {}",
            copies.count(),
            ack.seen.at
        ),
    })
}

/// Whether Record-Route of the 2xx names the address.
fn is_recorded(leg: &Leg, addr: std::net::IpAddr) -> bool {
    list(&leg.record_route)
        .filter_map(Address::parse)
        .filter_map(|address| Uri::parse(address.uri))
        .any(|uri| uri.host.addr() == Some(addr))
}

fn host(uri: &[u8]) -> Option<&[u8]> {
    Uri::parse(uri).map(|uri| uri.host.host)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn or_none(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        "none".to_owned()
    } else {
        text(bytes)
    }
}
