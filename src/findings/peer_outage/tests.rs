//! Outages: windows, rows of failures, and what is none.

use super::*;
use crate::findings::testing::{Made, at, findings, finish, lines, only, seen};

const E: [f64; 10] = [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5];

fn rule() -> PeerOutage {
    PeerOutage::new(&Limits::default())
}

fn peer() -> Peer {
    Peer::of(&crate::findings::testing::flow("10.1.0.1", "10.2.0.1"))
}

/// A rule that has seen answers of 10.2.0.1 to 10.1.0.1 at these seconds.
fn alive(seconds: &[f64]) -> PeerOutage {
    let mut rule = rule();
    for second in seconds {
        let watched = rule.watched(peer()).expect("room");
        watched.answers(seen(*second));
    }
    rule
}

fn silent(method: &'static str, second: f64) -> Made {
    let copies: Vec<_> = E.iter().map(|after| second + after).collect();
    Made::new(method)
        .call(&format!("{method}{second}"))
        .hop("10.1.0.1", "10.2.0.1", |hop| {
            hop.sent(second).again(&copies)
        })
}

fn refused(second: f64) -> Made {
    Made::new("INVITE")
        .call(&format!("refused{second}"))
        .hop("10.1.0.1", "10.2.0.1", |hop| {
            hop.sent(second)
                .trying(second + 0.01)
                .answer(503, second + 0.02)
        })
}

fn check(rule: PeerOutage, made: &[Made], expected: &[&str]) {
    assert_eq!(lines(&findings(rule, made)), expected);
}

fn pings(seconds: &[f64]) -> Vec<Made> {
    seconds
        .iter()
        .map(|second| silent("OPTIONS", *second))
        .collect()
}

#[test]
fn three_failures_in_a_row_between_answers_are_an_outage_with_a_window() {
    let found = findings(alive(&[10.0, 140.0]), &pings(&[40.0, 70.0, 100.0]));
    assert_eq!(lines(&found), ["peer-outage warning confirmed 3"]);
    let found = only(found);
    assert_eq!((found.start, found.end), (at(40.0), at(131.5)));
    assert_eq!(
        found.title,
        "10.2.0.1 answered none of 3 requests in a row within 91.5 s"
    );
    assert_eq!(
        found.detail,
        "Failed: 3 without answer. It had answered 30.0 s before the first of them. The next answer came 8.5 s after the \
         last of them; how it was meanwhile was not seen."
    );
    let evidence = found.evidence.expect("evidence");
    assert!(
        evidence.starts_with("last answer before it in frame 1000;"),
        "{evidence}"
    );
    assert!(
        evidence.ends_with("last failure: until frame 13150; next answer in frame 14000"),
        "{evidence}"
    );
}

#[test]
fn an_answer_between_them_breaks_the_row() {
    check(
        alive(&[10.0, 85.0, 140.0]),
        &pings(&[40.0, 70.0, 100.0]),
        &[],
    );
}

#[test]
fn two_failures_and_failures_of_one_moment_are_no_outage() {
    check(alive(&[10.0, 140.0]), &pings(&[40.0, 70.0]), &[]);
    check(
        alive(&[10.0, 140.0]),
        &pings(&[40.0, 40.5, 41.0, 42.0]),
        &[],
    );
}

#[test]
fn a_host_that_never_answered_is_not_judged() {
    check(rule(), &pings(&[40.0, 70.0, 100.0]), &[]);
}

#[test]
fn an_outage_may_be_open_at_either_end_of_the_capture() {
    let failures = || pings(&[40.0, 70.0, 100.0]);
    check(
        alive(&[10.0]),
        &failures(),
        &["peer-outage(open) warning confirmed 3"],
    );
    check(
        alive(&[140.0]),
        &failures(),
        &["peer-outage(capture-starts) warning confirmed 3"],
    );
}

#[test]
fn refusals_with_503_count_and_calls_make_it_an_error() {
    let made = [refused(40.0), refused(50.0), refused(60.0)];
    check(
        alive(&[10.0, 140.0]),
        &made,
        &["peer-outage error confirmed 3"],
    );
}

#[test]
fn who_answers_others_meanwhile_is_not_down() {
    let made = [refused(40.0), refused(50.0), refused(60.0)];
    check(alive(&[10.0, 45.0, 55.0, 140.0]), &made, &[]);
}

#[test]
fn failures_that_come_out_of_order_are_put_in_their_places() {
    let mut made = pings(&[40.0, 70.0, 100.0]);
    made.swap(0, 2);
    check(
        alive(&[10.0, 140.0]),
        &made,
        &["peer-outage warning confirmed 3"],
    );
}

#[test]
fn what_rests_on_absence_lowers_it() {
    let made: Vec<_> = pings(&[40.0, 70.0, 100.0])
        .into_iter()
        .map(Made::loss)
        .collect();
    check(
        alive(&[10.0, 140.0]),
        &made,
        &["peer-outage warning probable 3"],
    );
}

#[test]
fn what_two_senders_see_is_one_outage() {
    let mut rule = alive(&[10.0, 140.0]);
    let other = Peer::of(&crate::findings::testing::flow("10.1.0.2", "10.2.0.1"));
    for second in [12.0, 142.0] {
        rule.watched(other).expect("room").answers(seen(second));
    }
    let mut made = pings(&[40.0, 70.0, 100.0]);
    for second in [50.0, 80.0, 110.0] {
        let copies: Vec<_> = E.iter().map(|after| second + after).collect();
        made.push(Made::new("OPTIONS").hop("10.1.0.2", "10.2.0.1", |hop| {
            hop.sent(second).again(&copies)
        }));
    }
    let found = only(findings(rule, &made));
    assert_eq!((found.count, found.peers.len()), (6, 2));
    assert_eq!((found.start, found.end), (at(40.0), at(141.5)));
}

#[test]
fn a_host_that_fails_again_and_again_has_one_finding() {
    let answers: Vec<_> = (0..6).map(|no| 10.0 + 200.0 * f64::from(no)).collect();
    let mut rule = alive(&answers);
    for no in 0..5 {
        let start = 40.0 + 200.0 * f64::from(no);
        for made in pings(&[start, start + 30.0, start + 60.0]) {
            made.with(|exchanged| rule.exchanged(exchanged));
        }
    }
    let found = only(finish(rule));
    assert_eq!(found.count, 15);
    assert!(
        found
            .title
            .starts_with("10.2.0.1 answered none of 15 requests in 5 windows"),
        "{}",
        found.title
    );
}

#[test]
fn many_hosts_that_were_down_without_a_call_failing_share_a_finding() {
    let mut rule = rule();
    for host in 1..8 {
        let host = format!("10.2.0.{host}");
        let peer = Peer::of(&crate::findings::testing::flow("10.1.0.1", &host));
        for second in [10.0, 140.0] {
            rule.watched(peer).expect("room").answers(seen(second));
        }
        for second in [40.0, 70.0, 100.0] {
            let copies: Vec<_> = E.iter().map(|after| second + after).collect();
            Made::new("OPTIONS")
                .hop("10.1.0.1", &host, |hop| hop.sent(second).again(&copies))
                .with(|exchanged| rule.exchanged(exchanged));
        }
    }
    let found = only(finish(rule));
    assert_eq!((found.count, found.peers.len()), (21, 7));
    assert!(
        found.title.starts_with("21 requests to 7 hosts failed"),
        "{}",
        found.title
    );
}

#[test]
fn forgotten_answers_are_not_taken_for_silence() {
    let mut rule = rule();
    let watched = rule.watched(peer()).expect("room");
    for second in 0..1000 {
        watched.answers(seen(f64::from(second)));
    }
    // These come so late that nobody knows what was between them.
    check(rule, &pings(&[40.0, 70.0, 100.0]), &[]);
}

#[test]
fn silence_that_missing_packets_explain_is_no_failure() {
    let quiet = |second: f64| {
        let copies = [second + 0.5, second + 1.5];
        Made::new("OPTIONS")
            .call(&format!("quiet{second}"))
            .hop("10.1.0.1", "10.2.0.1", |hop| {
                hop.sent(second).again(&copies)
            })
    };
    let made = [40.0, 70.0, 100.0].map(quiet);
    let seen = || alive(&[10.0, 140.0]);
    check(seen(), &made, &["peer-outage warning probable 3"]);
    check(seen(), &made.map(Made::loss), &[]);
}

#[test]
fn an_hour_in_which_nothing_was_asked_is_not_said_to_be_part_of_it() {
    let found = only(findings(
        alive(&[10.0, 3700.0]),
        &pings(&[40.0, 50.0, 60.0]),
    ));
    assert_eq!((found.start, found.end), (at(40.0), at(91.5)));
    assert_eq!(
        found.title,
        "10.2.0.1 answered none of 3 requests in a row within 51.5 s"
    );
    assert!(found.detail.contains("The next answer came 3608 s after"));
}

#[test]
fn who_refuses_with_503_answers_and_is_not_said_to_be_down() {
    let made = [refused(40.0), refused(50.0), refused(60.0)];
    let found = only(findings(alive(&[10.0, 140.0]), &made));
    assert_eq!(
        found.title,
        "10.2.0.1 refused 3 requests in a row with 503 within 20.0 s"
    );
    assert_eq!(found.end, at(60.02));
    assert!(found.remediation.contains("is up and refuses"));
    let mut mixed = pings(&[40.0, 70.0]);
    mixed.push(refused(100.0));
    let found = only(findings(alive(&[10.0, 140.0]), &mixed));
    assert_eq!(
        found.title,
        "10.2.0.1 failed 3 requests in a row within 61.5 s"
    );
}

#[test]
fn whom_it_answered_meanwhile_is_told() {
    let mut rule = alive(&[10.0, 140.0]);
    let other = Peer::of(&crate::findings::testing::flow("10.1.0.9", "10.2.0.1"));
    for second in [20.0, 60.0] {
        rule.watched(other).expect("room").answers(seen(second));
    }
    let found = only(findings(rule, &pings(&[40.0, 70.0, 100.0])));
    assert!(
        found
            .detail
            .ends_with("It answered 10.1.0.9 meanwhile, frame 6000."),
        "{}",
        found.detail
    );
}

#[test]
fn a_host_that_answers_no_more_is_said_to_have_no_later_answer() {
    let found = only(findings(alive(&[10.0]), &pings(&[40.0, 70.0, 100.0])));
    assert_eq!(
        found.title,
        "10.2.0.1 answered none of 3 requests in a row within 91.5 s; no later answer"
    );
}
