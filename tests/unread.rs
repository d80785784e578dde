//! Messages that were captured and cannot be read, because the snap length cut them or their first
//! line is none: they are counted, and what rests on the absence of a message between the same
//! hosts is lowered by them.

#![expect(
    clippy::indexing_slicing,
    reason = "test support beside the tests; what is not there fails the test"
)]

mod common;

use common::analysis::Analysed;
use common::ladder::Ladder;

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
