//! Taps that see one direction: nobody is accused of what went the other way.
//!
//! In: traffic in which nothing is wrong, with the repeats that ordinary loss makes, and a tap that
//! sees all of it, or one direction. Out: no finding of warning or worse, and no metric that one
//! direction skews.

mod common;

use common::analysis::Analysed;
use common::ladder::Ladder;

const SCENE: &str = "
host alice 10.1.0.1:5060
host bob   10.2.0.1:5060
host carol 10.3.0.1:5060
";

/// Calls that an announcement of half a minute ends, and calls that their callers end.
const CALLS: &str = "
call announced times 12 every 60
  0.0 alice -> bob INVITE
  0.1 alice <- bob 100
  1.0 alice <- bob 180
  2.0 alice <- bob 200
  2.1 alice -> bob ACK
  34.0 bob -> alice BYE
  34.1 alice -> bob 200
call talked at 5 times 12 every 60
  0.0 alice -> bob INVITE
  0.1 alice <- bob 100
  1.0 alice <- bob 180
  2.0 alice <- bob 200
  2.1 alice -> bob ACK
  200.0 alice -> bob BYE
  200.1 alice <- bob 200
call repeated at 7 times 12 every 60
  0.0 alice -> bob INVITE as inv
  repeat inv 0.5 1.5
  1.6 alice <- bob 100
  2.0 alice <- bob 200 as ok
  repeat ok 0.5 1.5
  3.6 alice -> bob ACK
  60.0 alice -> bob BYE as bye
  repeat bye 0.5 1.5 3.5
  63.6 alice <- bob 200
call refused at 11 times 12 every 60
  0.0 alice -> bob INVITE
  0.2 alice <- bob 486 as busy
  repeat busy 0.5 1.5
  1.6 alice -> bob ACK
call cancelled at 13 times 12 every 60
  0.0 alice -> bob INVITE
  0.2 alice <- bob 180
  9.0 alice -> bob CANCEL
  9.1 alice <- bob 200 CANCEL
  9.2 alice <- bob 487 INVITE
  9.3 alice -> bob ACK
call failover at 17 times 6 every 60
  0.0 alice -> bob INVITE
  0.2 alice <- bob 503
  0.3 alice -> bob ACK
call elsewhere at 17.4 times 6 every 60
  0.0 alice -> carol INVITE
  0.1 alice <- carol 200
  0.2 alice -> carol ACK
  9.0 alice -> carol BYE
  9.1 alice <- carol 200
";

/// Pings, registrations and subscriptions, with repeats, over UDP and TCP.
const OTHERS: &str = "
call ping at 2 times 25 every 30
  0.0 alice -> bob OPTIONS as ping
  repeat ping 0.5 1.5
  1.6 alice <- bob 200
call registered at 3 times 25 every 30
  0.0 alice -> bob REGISTER
  0.1 alice <- bob 401
  WWW-Authenticate: Digest realm=\"a\", nonce=\"n{n}\"
  0.2 alice -> bob REGISTER
  Authorization: Digest username=\"alice\", realm=\"a\", nonce=\"n{n}\", uri=\"sip:bob\", response=\"0\"
  0.3 alice <- bob 200
  Expires: 60
call registered-tcp at 4 times 25 every 30 tcp
  0.0 alice -> bob REGISTER
  0.3 alice <- bob 200
  Expires: 60
call subscribed at 6 times 25 every 30 tcp
  0.0 alice -> bob SUBSCRIBE
  0.3 alice <- bob 202
  0.4 bob -> alice NOTIFY
  0.5 alice -> bob 200
end 1800
";

/// What a tap sees that does not see these directions.
fn blind(directions: &[&str]) -> Analysed {
    let mut blind = String::new();
    for one in directions {
        blind.extend(["blind ", one, "\n"]);
    }
    Analysed::of(&Ladder::of(&[SCENE, &blind, CALLS, OTHERS].concat()))
}

/// The findings of warning or worse.
fn accusations(analysed: &Analysed) -> Vec<String> {
    let lines = analysed.accusations().into_iter();
    lines.filter(|line| !line.contains(" info ")).collect()
}

const TO_BOB: [&str; 2] = ["alice -> bob", "alice -> carol"];
const FROM_BOB: [&str; 2] = ["bob -> alice", "carol -> alice"];

#[test]
fn ordinary_traffic_is_accused_of_nothing_by_a_tap_that_sees_all() {
    assert_eq!(accusations(&blind(&[])), [""; 0]);
}

#[test]
fn ordinary_traffic_is_accused_of_nothing_by_a_tap_that_sees_requests_only() {
    assert_eq!(accusations(&blind(&FROM_BOB)), [""; 0]);
}

#[test]
fn ordinary_traffic_is_accused_of_nothing_by_a_tap_that_sees_responses_only() {
    assert_eq!(accusations(&blind(&TO_BOB)), [""; 0]);
}

#[test]
fn ordinary_traffic_is_accused_of_nothing_where_one_target_is_seen_one_way() {
    for direction in TO_BOB.iter().chain(&FROM_BOB) {
        assert_eq!(accusations(&blind(&[direction])), [""; 0], "{direction}");
    }
}

#[test]
fn durations_are_not_measured_where_the_end_of_some_calls_is_not_seen() {
    let all = blind(&[]);
    let mean = |analysed: &Analysed| {
        let all = analysed.view.metrics.first().expect("metrics over all");
        let value = |name: &str| all.values.get(name)?.as_ref()?.as_f64();
        (value("acd_s"), value("sdt_s"))
    };
    assert!(
        mean(&all).0.is_some_and(|acd| acd > 60.0),
        "{:?}",
        mean(&all)
    );
    assert_eq!(mean(&blind(&TO_BOB)), (None, None));
    assert_eq!(mean(&blind(&FROM_BOB)), (None, None));
}
