//! One packet that the tap misses, sees twice, or sees late: nobody is accused of it.
//!
//! In: calls and registrations in which nothing is wrong, each alone in its capture, so that nothing else shows how good the tap is.
//! Out: no finding of warning or worse, whichever packet is dropped, repeated or swapped with the next.

mod common;

use common::analysis::{Analysed, analyse};
use common::ladder::Ladder;
use common::pcap::{self, Record};
use sipannotate::pipeline::Options;

/// Two hops, and a way without the proxy.
const SCENE: &str = "
host  alice 10.1.0.1:5060
proxy p     10.9.0.1:5060
host  bob   10.2.0.1:5060
";

/// What is healthy, by name.
const HEALTHY: &[(&str, &str)] = &[
    (
        "a short call",
        "
call c1
  0.00 alice -> bob INVITE
  0.01 alice <- bob 100
  1.00 alice <- bob 180
  3.00 alice <- bob 200
  3.05 alice -> bob ACK
  9.00 alice -> bob BYE
  9.05 alice <- bob 200
end 200
",
    ),
    (
        "a caller who hangs up at once",
        "
call c1
  0.00 alice -> bob INVITE
  0.01 alice <- bob 100
  3.00 alice <- bob 200
  3.05 alice -> bob ACK
  3.50 alice -> bob BYE
  3.55 alice <- bob 200
end 200
",
    ),
    (
        "half a minute, which an announcement ends",
        "
call c1
  0.00 alice -> bob INVITE
  0.01 alice <- bob 100
  3.00 alice <- bob 200
  3.05 alice -> bob ACK
  37.00 bob -> alice BYE
  37.05 alice -> bob 200
end 200
",
    ),
    (
        "just as long as 64*T1",
        "
call c1
  0.00 alice -> bob INVITE
  3.00 alice <- bob 200
  3.05 alice -> bob ACK
  35.00 bob -> alice BYE
  35.05 alice -> bob 200
end 200
",
    ),
    (
        "a call that outlives the capture, and another one",
        "
call c1
  0.00 alice -> bob INVITE
  3.00 alice <- bob 200
  3.05 alice -> bob ACK
call c2 at 20
  0.00 alice -> bob INVITE
  3.00 alice <- bob 200
  3.05 alice -> bob ACK
end 200
",
    ),
    (
        "an ACK that was lost behind the tap and came again",
        "
call c1
  0.00 alice -> bob INVITE
  3.00 alice <- bob 200 as ok
  3.05 alice -> bob ACK as ack
  repeat ok 0.5 1.5
  repeat ack 0.5 1.5
  9.00 alice -> bob BYE
  9.05 alice <- bob 200
end 200
",
    ),
    (
        "two hops, and a re-INVITE",
        "
call c1
  0.00 alice -> p INVITE
  0.01 alice <- p 100
  0.02 p -> bob INVITE
  0.10 p <- bob 180
  0.11 alice <- p 180
  3.00 p <- bob 200
  3.01 alice <- p 200
  3.05 alice -> p ACK
  3.06 p -> bob ACK
  9.00 bob -> p INVITE
  9.01 p -> alice INVITE
  9.10 p <- alice 200
  9.11 bob <- p 200
  9.15 bob -> p ACK
  9.16 p -> alice ACK
  50.00 alice -> p BYE
  50.01 p -> bob BYE
  50.10 p <- bob 200
  50.11 alice <- p 200
end 300
",
    ),
    (
        "a challenge, and a busy callee",
        "
call c1
  0.00 alice -> p INVITE
  0.01 alice <- p 407
  0.02 alice -> p ACK
  0.03 alice -> p INVITE
  0.04 alice <- p 100
  0.05 p -> bob INVITE
  1.00 p <- bob 486
  1.01 p -> bob ACK
  1.02 alice <- p 486
  1.03 alice -> p ACK
end 200
",
    ),
    (
        "one that rings until its caller gives up",
        "
call c1
  0.00 alice -> p INVITE
  0.01 alice <- p 100
  0.50 alice <- p 180
  25.00 alice -> p CANCEL
  25.01 alice <- p 200 CANCEL
  25.02 alice <- p 487 INVITE
  25.03 alice -> p ACK
end 200
",
    ),
    (
        "one that rings until the server gives up",
        "
call c1
  0.00 alice -> p INVITE
  0.01 alice <- p 100
  0.50 alice <- p 180
  40.00 alice <- p 408
  40.03 alice -> p ACK
end 200
",
    ),
    (
        "a registration, kept up and ended",
        "
call r
  0.0 alice -> bob REGISTER
  0.1 alice <- bob 401
  0.2 alice -> bob REGISTER
  Expires: 60
  0.3 alice <- bob 200
  Expires: 60
  50.0 alice -> bob REGISTER
  Expires: 60
  50.1 alice <- bob 200
  Expires: 60
  90.0 alice -> bob REGISTER
  Expires: 0
  90.1 alice <- bob 200
  Expires: 0
end 200
",
    ),
    (
        "pings",
        "
call ping times 8 every 10
  0.0 alice -> bob OPTIONS
  0.1 alice <- bob 200
end 200
",
    ),
    (
        "a call over TCP",
        "
call c1 tcp
  0.00 alice -> bob connect
  0.01 alice -> bob INVITE
  0.02 alice <- bob 100
  1.00 alice <- bob 180
  3.00 alice <- bob 200
  3.05 alice -> bob ACK
  37.00 bob -> alice BYE
  37.05 alice -> bob 200
end 200
",
    ),
];

/// What is accused in these records; the whole lines.
fn accused(records: &[Record], ladder: &Ladder) -> Vec<String> {
    let bytes = pcap::write(records, &ladder.options);
    let Analysed { view, .. } = analyse(&[&bytes], &Options::default());
    let worse = view
        .findings
        .iter()
        .filter(|finding| finding.severity.name() != "info");
    worse
        .map(|finding| {
            let evidence = finding.evidence.as_deref().unwrap_or_default();
            format!("{}: {evidence}", finding.title)
        })
        .collect()
}

/// Checks every healthy capture with each of its packets changed by `change`, which is given the records and the
/// packet's index.
fn check(what: &str, change: impl Fn(&mut Vec<Record>, usize)) {
    let mut wrong = Vec::new();
    for (name, text) in HEALTHY {
        let ladder = Ladder::of(&[SCENE, text].concat());
        let records = ladder.records(&ladder.options);
        assert_eq!(accused(&records, &ladder), [""; 0], "{name} as it is");
        for index in 0..records.len() {
            let mut changed = records.clone();
            change(&mut changed, index);
            for accusation in accused(&changed, &ladder) {
                wrong.push(format!("{name}, frame {} {what}: {accusation}", index + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_packet_that_the_tap_misses_makes_nobody_guilty() {
    check("missed", |records, index| {
        records.remove(index);
    });
}

#[test]
fn a_packet_that_comes_twice_makes_nobody_guilty() {
    check("twice", |records, index| {
        let mut copy = records.get(index).expect("a record").clone();
        copy.time_ns += 30_000_000;
        records.push(copy);
        records.sort_by_key(|record| record.time_ns);
    });
}

#[test]
fn a_packet_that_is_captured_behind_the_next_makes_nobody_guilty() {
    check("late", |records, index| {
        let next = records.get(index + 1).map(|next| next.time_ns);
        let Some(record) = records.get_mut(index) else {
            return;
        };
        if let Some(next) = next.filter(|next| next - record.time_ns < 50_000_000) {
            record.time_ns = next + 1_000;
        }
        records.sort_by_key(|record| record.time_ns);
    });
}
