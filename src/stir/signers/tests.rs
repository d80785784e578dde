//! Signers: counts, quantiles and clocks.

use super::*;
use crate::stir::testing::{NOW, at};

fn push(signers: &mut Signers, x5u: &str, number: i64, age_ms: i64) {
    let time = at(NOW + number).plus(Span::from_millis(age_ms));
    signers.push(&Sighting {
        x5u,
        attest: Some(Attest::A),
        iat: Some(NOW + number),
        time,
        is_refused: number % 10 == 0,
        is_valid: Some(true),
        is_good: None,
    });
}

#[test]
fn a_signer_is_counted_by_attestation_and_result() {
    let mut signers = Signers::new(4);
    for number in 0..100 {
        push(&mut signers, "https://a", number, 500);
    }
    let (all, left_out) = signers.finish();
    let [(x5u, signer)] = &all[..] else {
        panic!("{all:?}");
    };
    assert_eq!((&**x5u, left_out), ("https://a", 0));
    assert_eq!((signer.invites, signer.rejected), (100, 10));
    assert_eq!(signer.attest[&"A"], 100);
    assert_eq!(signer.outside_validity, 0);
    assert_eq!(signer.iat_age(0.5), Some(Span::from_millis(500)));
}

#[test]
fn quantiles_of_many_ages_are_those_of_a_sample_spread_over_all() {
    let mut signers = Signers::new(1);
    for number in 0..100_000 {
        push(&mut signers, "https://a", number, number % 1000);
    }
    let (all, _) = signers.finish();
    let signer = &all[0].1;
    assert!(signer.ages.kept.len() <= AGES);
    for (share, expected) in [(0.0, 0.0), (0.5, 0.5), (1.0, 1.0)] {
        let age = signer.iat_age(share).unwrap().as_secs_f64();
        assert!((age - expected).abs() < 0.15, "{share}: {age}");
    }
}

#[test]
fn signers_beyond_the_cap_are_counted_together() {
    let mut signers = Signers::new(1);
    push(&mut signers, "https://a", 1, 0);
    push(&mut signers, "https://b", 1, 0);
    push(&mut signers, "https://a", 2, 0);
    let (all, left_out) = signers.finish();
    assert_eq!((all.len(), all[0].1.invites, left_out), (1, 2, 1));
}

/// Sixteen tokens of each signer, so old on median, with a second of scatter.
fn with_ages(ages: &[(&str, i64)]) -> Signers {
    let mut signers = Signers::new(8);
    for number in 0..16 {
        for (x5u, age) in ages {
            push(&mut signers, x5u, number, age + (number % 3) * 500);
        }
    }
    signers
}

#[test]
fn one_clock_that_is_off_among_others_is_the_signers() {
    let signers = with_ages(&[("https://a", 90_000), ("https://b", 400)]);
    let skew = signers.skew("https://a").unwrap();
    assert_eq!(skew.scope, Scope::Signer);
    assert_eq!(skew.median, Span::from_millis(90_500));
    assert_eq!(signers.skew("https://b"), None);
    assert_eq!(signers.skew("https://c"), None);
}

#[test]
fn clocks_that_are_all_off_alike_are_the_captures() {
    let signers = with_ages(&[("https://a", -61_000), ("https://b", -60_000)]);
    let skew = signers.skew("https://a").unwrap();
    assert_eq!(skew.scope, Scope::Capture);
    assert!(skew.median.nanos() < 0);
    assert_eq!(skew.cause(), (CauseId::ClockSkewCapture, Grade::Likely));
}

#[test]
fn without_another_signer_nobody_can_tell_whose_clock_it_is() {
    let skew = with_ages(&[("https://a", 90_000)])
        .skew("https://a")
        .unwrap();
    assert_eq!(skew.scope, Scope::Either);
    assert_eq!(skew.cause(), (CauseId::ClockSkewSigner, Grade::Possible));
}

#[test]
fn a_few_stale_tokens_and_ages_that_scatter_are_no_clock() {
    let mut few = with_ages(&[("https://a", 400), ("https://b", 400)]);
    for number in 20..24 {
        push(&mut few, "https://a", number, 300_000);
    }
    assert_eq!(few.skew("https://a"), None);
    let mut scattered = Signers::new(2);
    for number in 0..16 {
        push(&mut scattered, "https://a", number, number * 20_000);
    }
    assert_eq!(scattered.skew("https://a"), None);
}

#[test]
fn a_signer_of_seven_tokens_is_not_judged() {
    let mut signers = Signers::new(2);
    for number in 0..7 {
        push(&mut signers, "https://a", number, 90_000);
    }
    assert_eq!(signers.skew("https://a"), None);
}

#[test]
fn a_long_url_is_cut_between_characters() {
    let long = format!("https://{}", "ü".repeat(600));
    let mut signers = Signers::new(2);
    push(&mut signers, &long, 1, 0);
    let (all, _) = signers.finish();
    assert!(all[0].0.len() <= 512);
}

#[test]
fn an_iat_that_is_no_time_is_counted_and_is_no_age() {
    let mut signers = with_ages(&[("https://a", 500)]);
    for iat in [5, NOW * 1000, i64::MAX, i64::MIN] {
        signers.push(&Sighting {
            x5u: "https://a",
            attest: None,
            iat: Some(iat),
            time: at(NOW),
            is_refused: true,
            is_valid: None,
            is_good: None,
        });
    }
    let (all, _) = signers.finish();
    let signer = &all[0].1;
    assert_eq!((signer.invites, signer.without_age), (20, 4));
    assert!(signer.iat_age(1.0).unwrap() < Span::from_secs(3));
}

#[test]
fn an_age_of_years_is_told_as_it_is() {
    let mut signers = Signers::new(1);
    push(&mut signers, "https://a", 0, 86_400_000 * 365);
    let (all, _) = signers.finish();
    assert_eq!(all[0].1.iat_age(0.5), Some(Span::from_secs(86_400 * 365)));
}
