//! Copies the tap made: the same packet seen twice is one message, not a retransmission.
//!
//! In: every SIP message. Out: whether it is a copy. Mirror ports, Linux's `any` interface and a
//! router tapped on both sides repeat a packet bit for bit within milliseconds, IPv4
//! Identification included; a sender that repeats itself takes a new one and waits 100 ms or
//! more (DOMAIN C.3). A message that an agent mirrored (HEP) is a copy of the same message on the
//! wire, whichever came first (DOMAIN F.6); of it neither Identification nor TTL is known. The
//! two are compared by the capture's clock, since the agent's own may be off; an agent may be late.
//!
//! Fixed memory: a table of the last sightings in which a new one replaces an old one of the same
//! slot. Of what came by TCP only agents' copies are sought: the reassembler drops the others by
//! sequence number, and [`super::carriers`] counts them.

use std::hash::Hasher as _;

use rustc_hash::FxHasher;

use crate::units::{Flow, Origin, Span, Timestamp};

/// Copies come within this time when the IP Identification shows them to be copies.
const COPY_WINDOW: Span = Span::from_millis(50);
/// Without an Identification (0, or IPv6) only bytes and time can tell.
const COPY_WINDOW_WITHOUT_ID: Span = Span::from_millis(20);
/// Between an agent's copy and the wire's are the agent's delay and the network's.
const MIRROR_WINDOW: Span = Span::from_secs(1);
/// What the wire showed later than an agent says it was sent, an agent that is late repeats; nobody
/// repeats a message after 64*T1 (RFC 3261 §17.1.1.2).
const LATE: Span = Span::from_secs(32);
/// Slots: more than the messages of 50 ms at 200,000 messages a second.
const SLOTS: usize = 1 << 14;

/// The last sightings.
#[derive(Debug)]
pub struct Duplicates {
    slots: Vec<Sighting>,
}

#[derive(Clone, Copy, Debug)]
struct Sighting {
    digest: u64,
    time: Timestamp,
    /// By the capture's clock.
    captured: Timestamp,
    ip_id: u16,
    is_mirrored: bool,
}

impl Default for Duplicates {
    fn default() -> Self {
        let never = Timestamp::from_nanos(i64::MIN);
        Self {
            slots: vec![
                Sighting {
                    digest: 0,
                    time: never,
                    captured: never,
                    ip_id: 0,
                    is_mirrored: false,
                };
                SLOTS
            ],
        }
    }
}

impl Duplicates {
    /// Whether the message is a copy of one seen before. The first sighting is not. `captured` is
    /// its time by the capture's clock, which is its own unless an agent relayed it.
    pub fn push(
        &mut self,
        flow: &Flow,
        origin: &Origin<'_>,
        captured: Timestamp,
        payload: &[u8],
    ) -> bool {
        let digest = digest(flow, payload);
        let slot = usize::try_from(digest % SLOTS as u64).unwrap_or(0);
        let Some(seen) = self.slots.get_mut(slot) else {
            return false;
        };
        let is_mirrored = origin.is_relayed();
        let is_copy = if seen.digest != digest {
            false
        } else if is_mirrored && !seen.is_mirrored {
            let behind = captured.since(seen.captured).nanos();
            (-LATE.nanos()..MIRROR_WINDOW.nanos()).contains(&behind)
        } else if !is_mirrored && seen.is_mirrored {
            let apart = captured.since(seen.captured).nanos();
            apart.saturating_abs() < MIRROR_WINDOW.nanos()
        } else {
            let may_be = is_mirrored || !flow.transport.is_reliable();
            let apart = origin.time.since(seen.time);
            may_be && seen.ip_id == origin.ip_id && is_copy_in_time(apart, origin.ip_id)
        };
        // Of an agent's copy and the wire's the wire's is kept: it tells retransmissions.
        if !is_copy || seen.is_mirrored && !is_mirrored {
            *seen = Sighting {
                digest,
                time: origin.time,
                captured,
                ip_id: origin.ip_id,
                is_mirrored,
            };
        }
        is_copy
    }
}

/// Whether two sightings of the same bytes are so near that they are one packet.
pub(super) fn is_copy_in_time(apart: Span, ip_id: u16) -> bool {
    let window = if ip_id == 0 {
        COPY_WINDOW_WITHOUT_ID
    } else {
        COPY_WINDOW
    };
    apart.nanos().saturating_abs() < window.nanos()
}

fn digest(flow: &Flow, payload: &[u8]) -> u64 {
    use std::hash::Hash as _;
    let mut hasher = FxHasher::default();
    flow.hash(&mut hasher);
    hasher.write(payload);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::{Endpoint, FrameRef, Transport};

    fn origin(millis: i64, ip_id: u16) -> Origin<'static> {
        Origin {
            at: FrameRef::default(),
            time: Timestamp::default().plus(Span::from_millis(millis)),
            earlier: &[],
            interface: 0,
            ip_id,
            ttl: 64,
            snapped: false,
            fragmented: false,
        }
    }

    fn mirrored(millis: i64) -> Origin<'static> {
        Origin {
            ttl: 0,
            ..origin(millis, 0)
        }
    }

    fn flow() -> Flow {
        let socket = |port| Endpoint::new([10, 0, 0, 1].into(), port);
        Flow {
            src: socket(1),
            dst: socket(2),
            transport: Transport::Udp,
        }
    }

    /// Pushes a sighting of which the capture's clock says the same.
    fn push(duplicates: &mut Duplicates, flow: &Flow, origin: &Origin<'_>, payload: &[u8]) -> bool {
        duplicates.push(flow, origin, origin.time, payload)
    }

    /// Pushes sightings of one payload (milliseconds, Identification); says which are copies.
    fn check(sightings: &[(i64, u16)], copies: &[bool]) {
        let mut duplicates = Duplicates::default();
        let found: Vec<_> = sightings
            .iter()
            .map(|&(millis, id)| {
                push(
                    &mut duplicates,
                    &flow(),
                    &origin(millis, id),
                    b"SIP/2.0 200 OK",
                )
            })
            .collect();
        assert_eq!(found, copies);
    }

    #[test]
    fn the_same_packet_within_50_ms_is_a_copy() {
        check(&[(0, 7), (1, 7), (49, 7)], &[false, true, true]);
    }

    #[test]
    fn a_new_identification_is_a_retransmission() {
        check(&[(0, 7), (5, 8)], &[false, false]);
    }

    #[test]
    fn without_identification_only_20_ms_prove_a_copy() {
        check(&[(0, 0), (19, 0), (100, 0)], &[false, true, false]);
    }

    #[test]
    fn half_a_second_later_it_is_a_retransmission_even_with_the_same_identification() {
        check(&[(0, 7), (500, 7)], &[false, false]);
    }

    #[test]
    fn other_sockets_are_another_hop() {
        let mut duplicates = Duplicates::default();
        assert!(!push(&mut duplicates, &flow(), &origin(0, 7), b"x"));
        assert!(!push(
            &mut duplicates,
            &flow().reversed(),
            &origin(0, 7),
            b"x"
        ));
    }

    #[test]
    fn an_agents_message_and_the_wires_are_one_by_any_transport() {
        for transport in [Transport::Udp, Transport::Tcp] {
            let flow = Flow {
                transport,
                ..flow()
            };
            let sightings = [
                (mirrored(0), false),
                (origin(300, 7), true),
                // The sender repeats itself, and the agent mirrors that.
                (origin(800, 8), false),
                (mirrored(900), true),
                // The agent alone.
                (mirrored(5000), false),
                (mirrored(5500), false),
            ];
            let mut duplicates = Duplicates::default();
            for (origin, is_copy) in sightings {
                assert_eq!(
                    push(&mut duplicates, &flow, &origin, b"x"),
                    is_copy,
                    "{origin:?}"
                );
            }
        }
    }

    #[test]
    fn an_agents_copy_is_told_by_the_captures_clock_however_late_it_is() {
        let mut duplicates = Duplicates::default();
        let at = |millis| origin(millis, 0).time;
        assert!(!push(&mut duplicates, &flow(), &origin(0, 7), b"x"));
        assert!(duplicates.push(&flow(), &mirrored(-60_000), at(300), b"x"));
        // The sender repeats itself, and both copies of the agent come behind that.
        assert!(!push(&mut duplicates, &flow(), &origin(1500, 8), b"x"));
        assert!(duplicates.push(&flow(), &mirrored(-60_000), at(0), b"x"));
        assert!(duplicates.push(&flow(), &mirrored(-58_500), at(1500), b"x"));
        assert!(!duplicates.push(&flow(), &mirrored(-56_500), at(3500), b"x"));
    }

    #[test]
    fn two_equal_messages_of_a_stream_are_two() {
        let flow = Flow {
            transport: Transport::Tcp,
            ..flow()
        };
        let mut duplicates = Duplicates::default();
        assert!(!push(&mut duplicates, &flow, &origin(0, 7), b"x"));
        assert!(!push(&mut duplicates, &flow, &origin(0, 7), b"x"));
    }
}
