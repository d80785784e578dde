//! Which INVITEs are legs of one call, and which only look like it.

use super::*;
use crate::sip::Indexer;
use crate::units::{FrameRef, Timestamp, Transport};

/// INVITEs as an element sees them: who to whom, when, and what names the call.
struct Tap {
    legs: Legs,
    frame: u64,
}

#[derive(Clone, Copy)]
struct Invite<'a> {
    call: &'a str,
    hop: (&'a str, &'a str),
    ms: i64,
    from: &'a str,
    to: &'a str,
    more: &'a str,
}

const INVITE: Invite<'_> = Invite {
    call: "a",
    hop: ("10.0.0.1:5060", "10.0.0.2:5060"),
    ms: 0,
    from: "15550001111",
    to: "15550002222",
    more: "",
};

impl Tap {
    fn new() -> Self {
        Self {
            legs: Legs::new(64),
            frame: 0,
        }
    }

    fn sees(&mut self, invite: Invite<'_>) -> Option<Onward> {
        let Invite {
            call,
            hop: (src, dst),
            ms,
            from,
            to,
            more,
        } = invite;
        self.frame += 1;
        let text = format!(
            "INVITE sip:{to}@h SIP/2.0\r\nFrom: <sip:{from}@h>;tag=1\r\nTo: <sip:{to}@h>\r\nCall-ID: {call}\r\n{more}\r\n"
        );
        let mut indexer = Indexer::new(32);
        let message = indexer
            .index(text.as_bytes(), text.len())
            .expect("a message");
        let at = |text: &str| {
            let (addr, port) = text.rsplit_once(':').expect("a socket");
            Endpoint::new(
                addr.parse().expect("an address"),
                port.parse().expect("a port"),
            )
        };
        let flow = Flow {
            src: at(src),
            dst: at(dst),
            transport: Transport::Udp,
        };
        let seen = Seen {
            time: Timestamp::from_nanos(ms * 1_000_000),
            at: FrameRef::default(),
        };
        let id: Arc<[u8]> = call.as_bytes().into();
        self.legs.invite(&id, &message, &flow, seen, true)
    }
}

fn named(leg: &Onward) -> (&str, Link) {
    let of = leg.of.as_deref().unwrap_or_default();
    (std::str::from_utf8(of).expect("a Call-ID"), leg.link)
}

const ONWARD: (&str, &str) = ("10.0.0.2:5060", "10.0.0.3:5060");

#[test]
fn an_element_that_sends_the_same_numbers_on_within_two_seconds_makes_a_leg() {
    let mut tap = Tap::new();
    assert_eq!(tap.sees(INVITE), None);
    let leg = tap.sees(Invite {
        call: "b",
        hop: ONWARD,
        ms: 40,
        ..INVITE
    });
    assert_eq!(leg.as_ref().map(named), Some(("a", Link::Numbers)));
    // The next element of the chain goes on with that, and the call is still the first one's.
    let third = ("10.0.0.3:5060", "10.0.0.4:5060");
    let leg = tap
        .sees(Invite {
            call: "c",
            hop: third,
            ms: 80,
            ..INVITE
        })
        .expect("a leg");
    assert_eq!(named(&leg), ("b", Link::Numbers));
    assert_eq!(leg.root.as_deref(), Some(&b"a"[..]));
}

#[test]
fn a_number_is_the_same_with_and_without_its_prefix() {
    let mut tap = Tap::new();
    tap.sees(Invite {
        from: "+1(555)000-1111",
        ..INVITE
    });
    let leg = tap.sees(Invite {
        call: "b",
        hop: ONWARD,
        to: "0015550002222",
        ms: 40,
        ..INVITE
    });
    assert_eq!(leg.as_ref().map(named), Some(("a", Link::Numbers)));
}

#[test]
fn later_or_with_other_numbers_or_from_elsewhere_it_is_a_call_of_its_own() {
    let others = [
        Invite {
            ms: 2001,
            hop: ONWARD,
            ..INVITE
        },
        Invite {
            to: "15550003333",
            hop: ONWARD,
            ..INVITE
        },
        Invite {
            from: "15550003333",
            hop: ONWARD,
            ..INVITE
        },
        Invite {
            hop: ("10.0.0.4:5060", "10.0.0.3:5060"),
            ..INVITE
        },
        // The caller tries again.
        Invite { ms: 500, ..INVITE },
        Invite {
            hop: ("10.0.0.1:5060", "10.0.0.9:5060"),
            ..INVITE
        },
    ];
    for other in others {
        let mut tap = Tap::new();
        tap.sees(INVITE);
        assert_eq!(tap.sees(Invite { call: "b", ..other }), None);
    }
}

#[test]
fn a_load_test_on_one_host_has_no_legs_but_a_b2bua_on_one_host_has() {
    let mut tap = Tap::new();
    let own = ("127.0.0.1:5061", "127.0.0.1:5060");
    for call in ["a", "b", "c", "d"] {
        assert_eq!(
            tap.sees(Invite {
                call,
                hop: own,
                ..INVITE
            }),
            None
        );
    }
    let mut tap = Tap::new();
    tap.sees(Invite { hop: own, ..INVITE });
    let onward = ("127.0.0.1:5060", "127.0.0.1:5070");
    let leg = tap.sees(Invite {
        call: "b",
        hop: onward,
        ..INVITE
    });
    assert_eq!(leg.as_ref().map(named), Some(("a", Link::Numbers)));
}

#[test]
fn of_several_calls_of_the_same_numbers_it_is_one_and_which_is_not_told() {
    let mut tap = Tap::new();
    tap.sees(INVITE);
    tap.sees(Invite {
        call: "b",
        ms: 1,
        ..INVITE
    });
    let first = tap
        .sees(Invite {
            call: "x",
            hop: ONWARD,
            ms: 10,
            ..INVITE
        })
        .expect("a leg");
    assert_eq!((first.of, first.root), (None, None));
    // One is left, and may be either.
    let second = tap
        .sees(Invite {
            call: "y",
            hop: ONWARD,
            ms: 11,
            ..INVITE
        })
        .expect("a leg");
    assert_eq!((second.of, second.root), (None, None));
}

#[test]
fn who_hunts_sends_one_call_on_several_times() {
    let mut tap = Tap::new();
    tap.sees(INVITE);
    for (call, ms) in [("x", 10), ("y", 900)] {
        let leg = tap.sees(Invite {
            call,
            hop: ONWARD,
            ms,
            ..INVITE
        });
        assert_eq!(
            leg.as_ref().map(named),
            Some(("a", Link::Numbers)),
            "{call}"
        );
    }
}

#[test]
fn what_names_the_session_joins_legs_of_other_numbers() {
    let session =
        "Session-ID: ab30317f1a784dc48ff824d0d3715d86;remote=00000000000000000000000000000000\r\n";
    let icid =
        "P-Charging-Vector: orig-ioi=h;icid-value=\"1234bc9876e\";icid-generated-at=192.0.6.8\r\n";
    for (more, link) in [(session, Link::SessionId), (icid, Link::Icid)] {
        let mut tap = Tap::new();
        tap.sees(Invite { more, ..INVITE });
        let other = Invite {
            call: "b",
            to: "900",
            from: "7",
            ms: 9000,
            more,
            ..INVITE
        };
        // From an element of which the first hop was not captured.
        let leg = tap.sees(Invite {
            hop: ("10.0.0.8:5060", "10.0.0.3:5060"),
            ..other
        });
        assert_eq!(leg.as_ref().map(named), Some(("a", link)));
        // From where the first came: another try.
        let again = Invite {
            call: "c",
            hop: ("10.0.0.1:5060", "10.0.0.9:5060"),
            ..other
        };
        assert_eq!(
            tap.sees(again)
                .filter(|leg| leg.of.as_deref() == Some(b"a")),
            None
        );
    }
    let mut tap = Tap::new();
    let nil = "Session-ID: 00000000000000000000000000000000\r\n";
    tap.sees(Invite {
        more: nil,
        ..INVITE
    });
    let other = Invite {
        call: "b",
        to: "900",
        from: "7",
        hop: ONWARD,
        more: nil,
        ..INVITE
    };
    assert_eq!(tap.sees(other), None);
}

#[test]
fn what_is_remembered_is_capped_and_said() {
    let mut tap = Tap::new();
    for n in 0..1000 {
        let call = n.to_string();
        tap.sees(Invite {
            call: &call,
            ms: n * 100,
            ..INVITE
        });
    }
    assert_eq!(tap.legs.open.len(), 64);
    assert!(!tap.legs.is_full());
    for n in 0..100 {
        let call = format!("f{n}");
        tap.sees(Invite {
            call: &call,
            to: &call,
            ms: 200_000,
            ..INVITE
        });
    }
    assert!(tap.legs.is_full());
    assert_eq!(
        tap.legs.by_key.values().map(SmallVec::len).sum::<usize>(),
        64
    );
    tap.sees(Invite {
        ms: 900_000,
        ..INVITE
    });
    assert_eq!((tap.legs.open.len(), tap.legs.by_key.len()), (1, 1));
}
