//! The detector against the worked example, the sanity table and noise.

use super::*;
use crate::calls::ClockChange;

fn at(seconds: f64) -> Timestamp {
    #[expect(clippy::cast_possible_truncation, reason = "test data")]
    Timestamp::from_nanos((seconds * 1e9).round() as i64)
}

/// Finals every second for `span` seconds, of which those in `refused` are refusals, and
/// refusals at odd times are finals of their own.
fn run(refused: &[f64], attempts: impl IntoIterator<Item = f64>) -> Vec<Burst> {
    let mut all: Vec<(f64, bool)> = attempts
        .into_iter()
        .filter(|time| !refused.contains(time))
        .map(|time| (time, false))
        .chain(refused.iter().map(|time| (*time, true)))
        .collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let detector = Detector::new(BurstOptions::default(), 1 << 16, at(0.0));
    drive(detector, &all)
}

/// The bursts that a detector finds among these finals, with whether each is a refusal.
fn drive(detector: Detector, all: &[(f64, bool)]) -> Vec<Burst> {
    drive_watched(detector, all, &Watched::default())
}

/// The same where the tap was not always looking.
fn drive_watched(mut detector: Detector, all: &[(f64, bool)], watched: &Watched) -> Vec<Burst> {
    let mut finals = Finals::new(BurstOptions::default().window, 1 << 16);
    let end = all.last().map_or(0.0, |last| last.0);
    for (time, refused) in all {
        let time = finals.next(at(*time));
        if finals.moves_on(time) {
            detector.judge(&finals, watched);
        }
        finals.push(time);
        if *refused {
            detector.push(time, &finals);
        }
    }
    detector.finish(&finals, watched, at(end))
}

fn every_second(until: u32) -> impl Iterator<Item = f64> {
    (0..until).map(f64::from)
}

#[test]
fn the_worked_example_is_found_as_written() {
    let mut refused: Vec<f64> = vec![600.0, 1800.0, 3000.0];
    refused.extend((0..30).map(|n| 3600.0 + 2.0 * f64::from(n)));
    refused.extend([3670.0, 3690.0, 3720.0]);
    let bursts = run(&refused, every_second(7200));
    let [burst] = bursts.as_slice() else {
        panic!("one burst, not {bursts:?}")
    };
    assert_eq!((burst.start, burst.end), (at(3600.0), at(3720.0)));
    assert_eq!((burst.count, burst.attempts), (33, 121));
    assert_eq!(burst.trigger, at(3608.0));
    assert_eq!(burst.peak, (30, at(3658.0)));
    assert!((burst.expected.expect("a baseline") - 0.0592).abs() < 0.0001);
    assert!(!burst.open);
}

#[test]
fn chance_has_the_probabilities_of_the_sanity_table() {
    for (count, mean, expected) in [
        (4, 0.05, 2.5e-7),
        (5, 0.0592, 5.8e-9),
        (5, 1.0, 3.7e-3),
        (10, 1.0, 1.1e-7),
        (12, 1.0, 8.3e-10),
        (5, 5.0, 0.56),
        (30, 5.0, 2.8e-14),
    ] {
        let found = poisson_tail(count, mean);
        assert!(
            (found / expected - 1.0).abs() < 0.05,
            "P(X >= {count} | {mean}) = {found}"
        );
    }
}

#[test]
fn factorials_agree_where_the_two_ways_meet() {
    let exact: f64 = (2..=80).map(|k| f64::from(k).ln()).sum();
    assert!((ln_factorial(80.0) - exact).abs() < 1e-9);
}

#[test]
fn steady_noise_is_no_burst() {
    // One refusal in ten, every ten seconds, for two hours.
    let refused: Vec<f64> = (0..720).map(|n| f64::from(n) * 10.0 + 0.5).collect();
    assert_eq!(run(&refused, every_second(7200)), []);
}

#[test]
fn growth_of_all_traffic_is_no_burst() {
    // Forty refusals in a minute among two thousand finals: 2 %.
    let refused: Vec<f64> = (0..40)
        .map(|n| 3600.0 + 1.5 * f64::from(n) + 0.01)
        .collect();
    let attempts = (0..200_000).map(|n| f64::from(n) * 0.03);
    assert_eq!(run(&refused, attempts), []);
}

#[test]
fn without_five_minutes_of_before_a_fifth_must_fail() {
    let refused: Vec<f64> = (0..8).map(|n| 60.0 + 3.0 * f64::from(n)).collect();
    let found = run(&refused, every_second(30).chain(refused.clone()));
    assert_eq!(found.len(), 1);
    assert_eq!(found.first().and_then(|burst| burst.expected), None);
    // The same among many passing calls is below the share asked for without a baseline.
    assert_eq!(run(&refused, (0..2000).map(|n| f64::from(n) * 0.05)), []);
}

#[test]
fn a_burst_at_the_end_of_the_capture_is_open_only_until_then() {
    let refused: Vec<f64> = (0..20).map(|n| 3600.0 + f64::from(n)).collect();
    let bursts = run(&refused, every_second(3620));
    let [burst] = bursts.as_slice() else {
        panic!("one burst, not {bursts:?}")
    };
    assert!(burst.open);
}

#[test]
fn a_burst_that_was_quiet_long_enough_is_closed_when_the_capture_goes_on() {
    let refused: Vec<f64> = (0..20).map(|n| 3600.0 + f64::from(n)).collect();
    let bursts = run(&refused, every_second(4000));
    let [burst] = bursts.as_slice() else {
        panic!("one burst, not {bursts:?}")
    };
    assert!(!burst.open);
    assert_eq!(burst.end, at(3619.0));
}

#[test]
fn two_bursts_are_two_and_the_first_is_no_baseline_of_the_second() {
    let burst = |from: f64| (0..20).map(move |n| from + f64::from(n));
    let refused: Vec<f64> = burst(2000.0).chain(burst(3000.0)).collect();
    let bursts = run(&refused, every_second(4000));
    assert_eq!(
        bursts.iter().map(|b| b.start).collect::<Vec<_>>(),
        [at(2000.0), at(3000.0)]
    );
    let expected: Vec<_> = bursts.iter().filter_map(|b| b.expected).collect();
    assert!(expected.iter().all(|mean| *mean < 0.02), "{expected:?}");
}

#[test]
fn memory_is_capped() {
    let watched = Watched::default();
    let mut detector = Detector::new(BurstOptions::default(), 100, at(0.0));
    let mut finals = Finals::new(BurstOptions::default().window, 100);
    for n in 0..10_000 {
        let time = at(f64::from(n) * 0.001);
        detector.judge(&finals, &watched);
        finals.push(time);
        detector.push(time, &finals);
        assert!(detector.remembered() <= 100);
        assert!(finals.times.len() <= 100);
    }
    let bursts = detector.finish(&finals, &watched, at(11.0));
    assert_eq!(bursts.first().map(|burst| burst.count), Some(10_000));
}

#[test]
fn a_baseline_cut_short_by_the_cap_is_not_taken_for_a_low_one() {
    // Twenty refusals a second among two hundred finals, for twenty minutes, and no change.
    let all: Vec<(f64, bool)> = (0..240_000_u32)
        .map(|n| (f64::from(n) * 0.005, n % 10 == 0))
        .collect();
    let small = Detector::new(BurstOptions::default(), 4096, at(0.0));
    assert_eq!(drive(small, &all), []);
}

#[test]
fn a_series_that_needs_a_baseline_opens_nothing_without_one() {
    let all: Vec<(f64, bool)> = (0..100).map(|n| (f64::from(n), true)).collect();
    let series = || Detector::new(BurstOptions::default(), 4096, at(0.0));
    assert_eq!(drive(series(), &all).len(), 1);
    assert_eq!(drive(series().with_baseline_only(), &all), []);
}

/// Finals every second of which one in eight is a refusal, but for a gap.
fn steady_around(from: u32, until: u32, end: u32) -> Vec<(f64, bool)> {
    (0..end)
        .filter(|second| !(from..until).contains(second))
        .map(|second| (f64::from(second), second % 8 == 0))
        .collect()
}

#[test]
fn time_in_which_the_tap_was_not_looking_is_no_baseline() {
    let all = steady_around(600, 7800, 8400);
    let mut watched = Watched::default();
    watched.change(ClockChange::Unwatched {
        from: Span::from_secs(599),
        until: Span::from_secs(7800),
    });
    let detector = || Detector::new(BurstOptions::default(), 4096, at(0.0));
    assert_eq!(drive_watched(detector(), &all, &watched), []);
    assert_eq!(drive(detector(), &all).len(), 1, "the gap is what matters");
}

#[test]
fn a_burst_behind_a_gap_is_judged_by_the_time_before_the_gap() {
    let mut all: Vec<_> = (0..1200).map(|n| (f64::from(n), n % 100 == 0)).collect();
    all.extend((5000..6000).map(|n| (f64::from(n), (5010..5040).contains(&n))));
    let mut watched = Watched::default();
    watched.change(ClockChange::Unwatched {
        from: Span::from_secs(1199),
        until: Span::from_secs(5000),
    });
    let detector = Detector::new(BurstOptions::default(), 4096, at(0.0));
    let bursts = drive_watched(detector, &all, &watched);
    let [burst] = bursts.as_slice() else {
        panic!("one burst, not {bursts:?}")
    };
    assert_eq!((burst.start, burst.end), (at(5010.0), at(5039.0)));
    // Twelve in twenty minutes, and half a one more.
    let expected = burst.expected.expect("a baseline");
    assert!((expected - 12.5 / 20.0).abs() < 0.05, "{expected}");
}
