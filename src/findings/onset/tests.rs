//! The beginnings of bursts.

use super::*;
use crate::findings::partition::Dated;
use crate::findings::testing::{at, span};

/// A burst's start, 2.5 min past an hour, and its end.
const START: f64 = 7350.0;
const END: f64 = 7450.0;

/// Attempts in the making.
#[derive(Default)]
struct Calls {
    values: Values,
    rows: Vec<(Timestamp, Traits, bool)>,
    /// The rows from this one on are tries of one call.
    one_call_from: Option<u64>,
}

impl Calls {
    /// One every ten seconds of `range`, refused or not.
    fn add(
        mut self,
        range: std::ops::Range<i32>,
        (peer, x5u): (&str, &str),
        age: f64,
        is_refused: bool,
    ) -> Self {
        for second in range.step_by(10) {
            let mut traits = Traits::default();
            let mut set = |dimension, value: &str| {
                self.values.set(&mut traits, dimension, value.as_bytes());
            };
            set(Dimension::Peer, peer);
            if !x5u.is_empty() {
                set(Dimension::X5u, x5u);
                traits.set_age(span(age));
            }
            self.rows.push((at(f64::from(second)), traits, is_refused));
        }
        self
    }

    fn onset_of(
        &mut self,
        dated: Option<&Dated>,
        main: Option<(CauseId, Option<Grade>)>,
        of_identity: bool,
    ) -> Option<Onset> {
        self.values
            .date(|x5u| dated.filter(|_| x5u == "https://a").cloned());
        let looked = self.looked(START, END);
        looked.named((&self.values, &|time| time), main, of_identity)
    }

    fn looked(&self, start: f64, end: f64) -> Looked {
        let rows = self.rows.iter().zip(0..);
        let rows = rows.map(|((time, traits, is_refused), call)| Try {
            time: *time,
            sent: *time,
            call: self.one_call_from.map_or(call, |from| call.min(from)),
            traits,
            is_refused: *is_refused,
        });
        look(rows, (at(start), at(end)), &|_| true)
    }

    fn onset(&mut self) -> Option<Onset> {
        self.onset_of(None, None, true)
    }
}

const EAST: (&str, &str) = ("east", "https://a");
const WEST: (&str, &str) = ("west", "https://b");

/// Calls of two peers, of which the one is refused from [`START`] on.
fn east_fails() -> Calls {
    Calls::default()
        .add(4000..7350, EAST, 0.5, false)
        .add(4000..7450, WEST, 0.5, false)
        .add(7350..7450, EAST, 0.5, true)
}

fn ended(seconds: i64) -> Dated {
    Dated {
        path: "a.pem".to_owned(),
        serial: "0a".to_owned(),
        not_before: -1_000_000,
        not_after: seconds,
        revoked: None,
    }
}

fn kind(onset: Option<Onset>) -> &'static str {
    onset.map_or("none", |onset| onset.kind)
}

#[test]
fn where_nothing_coincides_nothing_is_named() {
    assert_eq!(east_fails().onset(), None);
    assert_eq!(
        kind(east_fails().onset_of(Some(&ended(99_000)), None, true)),
        "none"
    );
    // It ended days ago, and calls passed since.
    assert_eq!(
        kind(east_fails().onset_of(Some(&ended(-90_000)), None, true)),
        "none"
    );
}

#[test]
fn a_certificate_that_ended_is_named_with_both_times_and_counts_of_both_sides() {
    let found = east_fails()
        .onset_of(Some(&ended(7345)), None, true)
        .expect("an onset");
    assert_eq!(
        (found.kind, &*found.value, found.time),
        ("certificate-ended", &b"https://a"[..], at(7345.0))
    );
    assert_eq!(
        found.evidence,
        "the certificate of x5u https://a (a.pem, serial 0a) ended at 1970-01-01 02:02:25 UTC; of its calls 0 of 335 were \
         refused in the hour before and 10 of 10 since, of all others 0 of 335 and 0 of 10"
    );
}

#[test]
fn a_revocation_comes_before_the_end_and_a_new_certificate_behind_it() {
    let dated = |not_before, not_after, revoked| {
        let mut dated = ended(not_after);
        (dated.not_before, dated.revoked) = (not_before, revoked);
        dated
    };
    let mut calls = east_fails();
    let mut of = |dated: Dated| kind(calls.onset_of(Some(&dated), None, true));
    assert_eq!(
        of(dated(-1_000_000, 7340, Some(7000))),
        "certificate-revoked"
    );
    assert_eq!(of(dated(7000, 99_000, None)), "certificate-new");
}

#[test]
fn a_certificate_is_no_onset_of_what_has_another_proven_cause_or_of_other_codes() {
    let proven = |id| Some((id, Some(Grade::Proven)));
    let mut calls = east_fails();
    let mut of = |main, of_identity| kind(calls.onset_of(Some(&ended(7345)), main, of_identity));
    assert_eq!(of(proven(CauseId::DestMismatch), true), "none");
    assert_eq!(of(proven(CauseId::CertExpired), true), "certificate-ended");
    assert_eq!(
        of(Some((CauseId::Unexplained, None)), true),
        "certificate-ended"
    );
    assert_eq!(of(None, false), "none");
}

#[test]
fn a_signer_whose_calls_mostly_pass_since_has_no_onset() {
    let mut calls =
        east_fails()
            .add(7350..7450, EAST, 0.5, false)
            .add(7351..7450, EAST, 0.5, false);
    assert_eq!(kind(calls.onset_of(Some(&ended(7345)), None, true)), "none");
}

#[test]
fn a_step_of_the_tokens_age_is_named_in_seconds() {
    let mut calls =
        Calls::default()
            .add(4000..7350, EAST, 0.5, false)
            .add(7350..7450, EAST, 65.5, true);
    let found = calls.onset().expect("an onset");
    assert_eq!(
        (found.kind, &*found.value),
        ("iat-age-step", &b"+65.0 s"[..])
    );
    assert!(
        found
            .evidence
            .contains("it was 0.5 s in 335 calls before, and is 65.5 s in 10 since"),
        "{}",
        found.evidence
    );
    // Ages that go up slowly, or by less than 10 s, are no step.
    let mut calls =
        Calls::default()
            .add(4000..7350, EAST, 0.5, false)
            .add(7350..7450, EAST, 9.0, true);
    assert_eq!(calls.onset(), None);
}

#[test]
fn another_signer_than_before_is_named_with_the_one_before() {
    let mut calls = Calls::default()
        .add(4000..7350, ("east", "https://old"), 0.5, false)
        .add(4000..7450, WEST, 0.5, false)
        .add(7350..7450, EAST, 0.5, true);
    let found = calls.onset().expect("an onset");
    assert_eq!(
        (found.kind, &*found.value),
        ("x5u-changed", &b"https://a"[..])
    );
    assert!(
        found.evidence.contains("where it was https://old before"),
        "{}",
        found.evidence
    );
}

#[test]
fn a_path_that_was_not_there_before_is_named_and_an_old_one_is_not() {
    let mut calls =
        Calls::default()
            .add(4000..7450, WEST, 0.5, false)
            .add(7350..7450, ("east", ""), 0.0, true);
    let found = calls.onset_of(None, None, false).expect("an onset");
    assert_eq!((found.kind, &*found.value), ("new-path", &b"east"[..]));
    assert!(
        found.evidence.contains("after 335 calls without it"),
        "{}",
        found.evidence
    );
    // Ten tries of one call.
    calls.one_call_from = Some(345);
    assert_eq!(calls.onset_of(None, None, false), None);
    // The capture begins with it: nobody knows what was before.
    let mut calls =
        Calls::default()
            .add(7340..7450, WEST, 0.5, false)
            .add(7350..7450, ("east", ""), 0.0, true);
    assert_eq!(calls.onset(), None);
}

#[test]
fn the_full_hour_is_named_where_nothing_else_is() {
    let calls = |start: i32| {
        let mut calls = Calls::default().add(4000..start, EAST, 0.5, false).add(
            start..start + 100,
            EAST,
            0.5,
            true,
        );
        let looked = calls.looked(f64::from(start), f64::from(start) + 99.0);
        calls.values.date(|_| None);
        kind(looked.named((&calls.values, &|time| time), None, true))
    };
    assert_eq!(calls(7201), "full-hour");
    assert_eq!(calls(7210), "none");
}

#[test]
fn ages_that_scatter_are_no_step_of_a_clock() {
    let mut calls = Calls::default().add(4000..7450, WEST, 0.5, false).add(
        4000..7190,
        ("east", ""),
        0.5,
        false,
    );
    // Their medians are 14 s apart, and they are of one range all the same.
    let before = [0.0, 17.0, 34.0, 1.0, 18.0, 35.0, 2.0, 19.0];
    let since = [30.0, 47.0, 14.0, 31.0, 48.0, 15.0, 32.0, 49.0];
    for ((no, before), since) in (0..).zip(before).zip(since) {
        let second = no * 10;
        calls = calls
            .add(7200 + second..7201 + second, EAST, before, false)
            .add(7350 + second..7351 + second, EAST, since, true);
    }
    assert_eq!(calls.onset(), None);
}

#[test]
fn a_signer_beside_one_that_goes_on_is_none_that_took_its_place() {
    let mut calls = Calls::default()
        .add(4000..7450, ("east", "https://a"), 0.5, false)
        .add(7300..7450, ("east", "https://b"), 0.5, true);
    assert_eq!(calls.onset(), None);
}

#[test]
fn a_signer_whose_calls_passed_for_long_did_not_begin_with_the_burst() {
    let mut calls = Calls::default()
        .add(4000..5000, ("east", "https://a"), 0.5, false)
        .add(5000..7350, ("east", "https://b"), 0.5, false)
        .add(7350..7450, ("east", "https://b"), 0.5, true);
    assert_eq!(calls.onset(), None);
}
