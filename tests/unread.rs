//! Messages that were captured and cannot be read, because the snap length cut them or their first
//! line is none: they are counted, and what rests on the absence of a message between the same
//! hosts is lowered by them.

#![expect(
    clippy::indexing_slicing,
    reason = "test support beside the tests; what is not there fails the test"
)]

mod common;

use common::analysis::{Analysed, analyse};
use common::ladder::Ladder;
use common::pcap;
use sipannotate::pipeline::Options;

const TWO: &str = "
host alice 10.1.0.1:5060
host bob   10.2.0.1:5060
host carol 10.3.0.1:5060
host dave  10.4.0.1:5060
";

const PROXY: &str = "
host  alice 10.1.0.1:5060
proxy p     10.9.0.1:5060
host  bob   10.2.0.1:5060
";

/// A healthy call in which much can be cut off.
const GOOD: &str = "
call c1
  0.0 alice -> bob INVITE
  0.1 alice <- bob 100
  0.2 alice <- bob 180
  1.0 alice <- bob 200
  1.1 alice -> bob ACK
  60  alice <- bob BYE
  60.1 alice -> bob 200
call c2 at 10
  0.0 alice -> bob INVITE
  0.2 alice <- bob 486
  0.3 alice -> bob ACK
call c3 at 20
  0.0 alice -> bob OPTIONS
  0.1 alice <- bob 200
end 300
";

const THROUGH_PROXY: &str = "
call c1
  0.0 alice -> p INVITE
  0.1 p -> bob INVITE
  0.2 p <- bob 180
  0.3 alice <- p 180
  1.0 p <- bob 200
  1.1 alice <- p 200
  1.2 alice -> p ACK
  1.3 p -> bob ACK
  9.0 p <- bob BYE
  9.1 alice <- p BYE
  9.2 alice -> p 200
  9.3 p -> bob 200
end 300
";

/// The callee repeats its 200 to the end, while ACKs like this one come.
fn unacknowledged(ack: &str) -> String {
    format!(
        "{TWO}capture snaplen=600
call c1
  0.0 alice -> bob INVITE
  1.0 alice <- bob 200 as ok
  repeat ok fully
  1.1 {ack} as ack
  repeat ack 0.5 1.5 3.5 7.5 11.5 15.5 19.5 23.5 27.5 31.5
  33.0 bob -> alice BYE
  33.1 alice -> bob 200
end 300
"
    )
}

/// Those of warning or worse.
fn accused(analysed: &Analysed) -> Vec<String> {
    let mut lines = analysed.accusations();
    lines.retain(|line| !line.contains(" info "));
    lines
}

#[test]
fn a_healthy_call_is_held_against_nobody_wherever_it_was_cut() {
    for flow in [format!("{TWO}{GOOD}"), format!("{PROXY}{THROUGH_PROXY}")] {
        let whole = Analysed::of(&Ladder::of(&flow));
        assert_eq!(accused(&whole), [""; 0]);
        for snap_len in (42..=620).step_by(9) {
            let cut = Analysed::of(&Ladder::of(&format!(
                "{flow}\ncapture snaplen={snap_len}\n"
            )));
            assert_eq!(accused(&cut), [""; 0], "{snap_len}");
            assert_eq!(cut.view.totals.malformed, 0, "{snap_len}");
        }
    }
}

#[test]
fn a_cut_message_is_counted_as_cut_and_not_as_malformed() {
    let flow = format!("{TWO}capture snaplen=200\n{GOOD}");
    let analysed = Analysed::of(&Ladder::of(&flow));
    assert!(analysed.says("snapped"));
    assert!(!analysed.says("malformed"));
}

#[test]
fn acks_cut_before_their_call_id_lower_what_rests_on_their_absence() {
    let long = format!("branch=z9hG4bK{}", "a".repeat(600));
    let cut = unacknowledged(&format!("alice -> bob ACK {long}"));
    let analysed = Analysed::of(&Ladder::of(&cut));
    assert_eq!(
        accused(&analysed),
        ["no-ack-probable(capture-loss) warning probable 1"]
    );
    let evidence = analysed.finding().evidence.clone().unwrap_or_default();
    assert!(evidence.contains("were not read"), "{evidence}");
}

#[test]
fn what_was_not_read_between_other_hosts_lowers_nothing() {
    let long = format!("branch=z9hG4bK{}", "a".repeat(600));
    let cut = unacknowledged(&format!("carol -> dave OPTIONS {long}"));
    let analysed = Analysed::of(&Ladder::of(&cut));
    assert!(analysed.says("snapped"));
    assert!(
        accused(&analysed).contains(&"no-ack-confirmed error confirmed 1".to_owned()),
        "{:?}",
        analysed.accusations()
    );
}

/// A ladder's capture in which these bytes stand in place of those.
fn spoiled(ladder: &Ladder, from: &[u8], to: &[u8]) -> Analysed {
    assert_eq!(from.len(), to.len());
    let mut records = ladder.records(&ladder.options);
    let mut times = 0;
    for record in &mut records {
        let found = record.bytes.windows(from.len()).position(|it| it == from);
        if let Some(at) = found {
            record.bytes[at..at + to.len()].copy_from_slice(to);
            times += 1;
        }
    }
    assert!(times > 0, "nothing to spoil");
    let bytes = pcap::write(&records, &ladder.options);
    analyse(&[&bytes], &Options::default())
}

#[test]
fn acks_cut_in_their_first_line_lower_what_rests_on_their_absence() {
    let long = format!("uri=sip:bob@10.2.0.1;x={}", "a".repeat(600));
    let analysed = Analysed::of(&Ladder::of(&unacknowledged(&format!(
        "alice -> bob ACK {long}"
    ))));
    assert_eq!(
        accused(&analysed),
        ["no-ack-probable(capture-loss) warning probable 1"]
    );
    assert!(analysed.says("snapped"));
}

#[test]
fn acks_refused_for_a_control_character_are_told_and_lower_what_rests_on_their_absence() {
    let ladder = Ladder::of(&unacknowledged("alice -> bob ACK"));
    let spoiled = spoiled(&ladder, b"ACK sip:bob", b"ACK sip:b\0b");
    assert_eq!(
        accused(&spoiled),
        ["no-ack-probable(capture-loss) warning probable 1"]
    );
    let told = spoiled.view.trust.iter().find(|it| it.kind == "sip-like");
    let told = told.expect("a line of trust");
    assert_eq!(told.count, 11);
}

#[test]
fn responses_refused_for_their_first_line_are_told_and_nobody_is_called_silent() {
    let flow = format!(
        "{TWO}
call c1 times 3 every 40
  0.0 alice -> bob INVITE as inv
  repeat inv 0.5 1.5 3.5 7.5 15.5 31.5
  31.6 alice <- bob 486
  31.7 alice -> bob ACK
end 300
"
    );
    for line in [
        &b"SIP/2.0 486\0Bus"[..],
        b"SIP/2.0 43 Busy",
        b"SIP/2.0 486Busy",
    ] {
        let analysed = spoiled(&Ladder::of(&flow), b"SIP/2.0 486 Bus", line);
        assert!(analysed.says("sip-like"));
        let confirmed: Vec<_> = analysed.accusations();
        assert!(
            confirmed
                .iter()
                .all(|it| !it.contains("error") && !it.contains("confirmed")),
            "{confirmed:?}"
        );
    }
}

#[test]
fn a_refused_first_line_on_a_stream_is_told() {
    let flow = format!(
        "{TWO}
call c1 tcp
  0.0 alice -> bob connect
  0.1 alice -> bob OPTIONS
  0.2 alice <- bob 200
end 60
"
    );
    let analysed = spoiled(&Ladder::of(&flow), b"OPTIONS sip:bob", b"OPTIONS sip:b\0b");
    assert!(analysed.says("sip-like"), "{:?}", analysed.view.trust);
}
