//! Loops, their causes, and the challenges that are usual.

use super::*;
use crate::findings::testing::{END, Made, findings, lines, only};

fn check(made: &[Made], expected: &[&str]) {
    let rule = AuthenticationLoop::new(&Limits::default());
    assert_eq!(lines(&findings(rule, made)), expected);
}

/// A REGISTER with credentials, answered at `seconds`.
fn answered(call: &str, seconds: f64, code: u16, realm: &str, stale: bool) -> Made {
    Made::new("REGISTER")
        .call(call)
        .credentials()
        .hop("10.1.0.1", "10.2.0.1", |hop| {
            hop.sent(seconds - 0.1).answer(code, seconds).which(|last| {
                last.realm = realm.as_bytes().into();
                last.stale = stale;
            })
        })
}

fn refused(call: &str, seconds: f64) -> Made {
    answered(call, seconds, 401, "a", false)
}

#[test]
fn two_challenges_after_credentials_in_one_attempt_are_a_loop() {
    check(
        &[refused("c", 1.0), refused("c", 2.0)],
        &["authentication-loop/credentials-refused warning confirmed 1"],
    );
    let rule = AuthenticationLoop::new(&Limits::default());
    let found = only(findings(rule, &[refused("c", 1.0), refused("c", 2.0)]));
    let evidence = found.evidence.expect("evidence");
    assert!(
        evidence.contains("frame 100") && evidence.contains("frame 200"),
        "{evidence}"
    );
    assert!(evidence.contains("realm \"a\""), "{evidence}");
}

#[test]
fn one_challenge_after_credentials_is_usual() {
    check(&[refused("c", 1.0)], &[]);
    check(
        &[refused("c", 1.0), answered("c", 1.5, 200, "", false)],
        &[],
    );
}

#[test]
fn what_passes_in_the_end_is_no_loop() {
    check(
        &[
            refused("c", 1.0),
            refused("c", 2.0),
            answered("c", 3.0, 200, "", false),
        ],
        &[],
    );
}

#[test]
fn a_first_challenge_carries_no_credentials_and_does_not_count() {
    let first = |seconds| {
        Made::new("REGISTER").hop("10.1.0.1", "10.2.0.1", |hop| {
            hop.sent(seconds).answer(401, seconds + 0.1)
        })
    };
    check(&[first(1.0), first(2.0), first(3.0)], &[]);
}

#[test]
fn attempts_of_one_user_that_fail_one_after_the_other_are_a_loop() {
    check(
        &[refused("a", 1.0), refused("b", 31.0)],
        &["authentication-loop/credentials-refused warning confirmed 2"],
    );
    check(&[refused("a", 1.0), refused("b", 301.0)], &[]);
    check(
        &[refused("a", 1.0), refused("b", 301.0), refused("c", 601.0)],
        &["authentication-loop/credentials-refused warning confirmed 3"],
    );
}

#[test]
fn an_attempt_that_passes_between_them_breaks_the_row() {
    check(
        &[
            refused("a", 1.0),
            answered("b", 40.0, 200, "", false),
            refused("c", 101.0),
        ],
        &[],
    );
}

#[test]
fn a_403_between_them_does_not() {
    check(
        &[
            refused("a", 1.0),
            answered("b", 20.0, 403, "", false),
            refused("c", 41.0),
        ],
        &["authentication-loop/credentials-refused warning confirmed 2"],
    );
}

#[test]
fn it_does_so_too_while_the_first_may_still_go_on() {
    check(
        &[
            refused("a", 1.0),
            answered("b", 40.0, 200, "", false),
            refused("c", 55.0),
        ],
        &[],
    );
}

#[test]
fn parallel_calls_whose_nonce_has_expired_are_no_loop() {
    let mut made = Vec::new();
    for call in ["a", "b", "c", "d"] {
        made.push(answered(call, 1.0, 407, "a", true));
    }
    for call in ["a", "b", "c", "d"] {
        made.push(answered(call, 1.5, 200, "", false));
    }
    check(&made, &[]);
}

#[test]
fn different_users_and_anonymous_ones_are_told_apart() {
    let of = |from: &str, call: &str, seconds: f64| refused(call, seconds).caller(from);
    check(
        &[
            of("sip:alice@example.net", "a", 1.0),
            of("sip:bob@example.net", "b", 11.0),
        ],
        &[],
    );
    let nobody = "sip:anonymous@anonymous.invalid";
    check(&[of(nobody, "a", 1.0), of(nobody, "b", 11.0)], &[]);
    check(
        &[of(nobody, "a", 1.0), of(nobody, "a", 2.0)],
        &["authentication-loop/credentials-refused warning confirmed 1"],
    );
}

#[test]
fn the_cause_is_read_from_stale_and_realm() {
    check(
        &[
            answered("c", 1.0, 407, "a", true),
            answered("c", 2.0, 407, "a", true),
        ],
        &["authentication-loop/stale-nonce warning confirmed 1"],
    );
    check(
        &[
            answered("c", 1.0, 407, "a", false),
            answered("c", 2.0, 407, "b", false),
        ],
        &["authentication-loop/realm-changes warning confirmed 1"],
    );
}

#[test]
fn a_second_proxy_that_wants_credentials_is_no_loop() {
    check(
        &[
            answered("c", 1.0, 407, "b", false),
            answered("c", 2.0, 200, "", false),
        ],
        &[],
    );
}

#[test]
fn a_client_that_may_still_answer_is_not_counted() {
    check(&[refused("a", END - 40.0), refused("b", END - 2.0)], &[]);
}

#[test]
fn packets_missing_lower_it_and_exchanges_out_of_order_do_not_matter() {
    check(
        &[refused("c", 2.0), refused("c", 1.0).loss()],
        &["authentication-loop/credentials-refused(capture-loss) warning probable 1"],
    );
    check(
        &[
            answered("c", 3.0, 200, "", false),
            refused("c", 2.0),
            refused("c", 1.0),
        ],
        &[],
    );
}

#[test]
fn many_in_a_short_time_look_like_guessing() {
    let made: Vec<_> = (0..30)
        .map(|no| refused(&format!("c{no}"), 1.0 + f64::from(no)))
        .collect();
    let rule = AuthenticationLoop::new(&Limits::default());
    let found = only(findings(rule, &made));
    assert_eq!(found.count, 30);
    assert!(
        found
            .detail
            .ends_with("look like somebody trying passwords."),
        "{}",
        found.detail
    );
}
