//! Tests of the comparison, by views as the pipeline makes them.

use std::collections::BTreeMap;

use serde_json::Number;

use super::*;
use crate::report::fixture::START;
use crate::report::labels::{Labels, Lang};
use crate::report::view::{Burst, CallRef, Code, Finding, Metric, Totals};
use crate::units::Span;

const MINUTES: u64 = 10;

/// A side of ten minutes with `invites` attempts, spread evenly, of which `refused` got a 438, in the
/// minutes of `when`.
fn side(invites: u64, refused: u64, when: std::ops::Range<u64>) -> Side {
    let at = |minute: u64| {
        let seconds = i64::try_from(minute * 60).unwrap();
        START.plus(Span::from_secs(seconds - 20))
    };
    let each = invites / MINUTES;
    let span = when.end - when.start;
    let refused_in = |minute: u64| {
        if when.contains(&minute) {
            refused / span
        } else {
            0
        }
    };
    let mut metrics = vec![metric("all", None, invites - refused, invites)];
    for minute in 0..MINUTES {
        let answered = each - refused_in(minute).min(each);
        metrics.push(metric("minute", Some(Time(at(minute))), answered, each));
    }
    let mut findings = Vec::new();
    if refused > 0 {
        let mut finding = Finding::new(
            "identity-burst",
            Severity::Error,
            "a <burst> of 438".to_owned(),
            refused,
        );
        finding.burst = Some(Burst {
            code: 438,
            ..Burst::default()
        });
        finding.calls = when
            .clone()
            .flat_map(|minute| (0..refused_in(minute)).map(move |_| minute))
            .map(|minute| CallRef {
                time: Some(Time(at(minute))),
                ..CallRef::default()
            })
            .collect();
        findings.push(finding);
    }
    let code = |code: u16, count: u64| Code {
        code,
        phrase: "a phrase".into(),
        count,
        methods: BTreeMap::from([("INVITE".to_owned(), count)]),
        ..Code::default()
    };
    Side {
        view: View {
            totals: Totals {
                invites,
                sip_messages: invites * 6,
                ..Totals::default()
            },
            codes: vec![
                code(180, invites),
                code(200, invites - refused),
                code(438, refused),
            ],
            metrics,
            findings,
            ..View::default()
        },
        minutes: Minutes::default(),
    }
}

fn metric(scope: &'static str, start: Option<Time>, answered: u64, of: u64) -> Metric {
    let percent =
        100.0 * f64::from(u32::try_from(answered).unwrap()) / f64::from(u32::try_from(of).unwrap());
    Metric {
        scope: scope.into(),
        peer: None,
        start,
        values: BTreeMap::from([
            ("asr".into(), Number::from_f64(percent)),
            ("asr_n".into(), Some(of.into())),
            ("pdd_ms".into(), Some(Number::from(100))),
            ("pdd_ms_n".into(), Some(of.into())),
        ]),
    }
}

fn codes(diff: &Diff, code: u16) -> &CodeChange {
    diff.codes.iter().find(|it| it.code == code).unwrap()
}

#[test]
fn what_went_away_is_gone() {
    let diff = diff(&side(240, 50, 0..10), &side(240, 0, 0..10));
    let [finding] = diff.findings.as_slice() else {
        panic!("{:?}", diff.findings);
    };
    assert_eq!((finding.state, finding.change), (State::Gone, Change::Less));
    assert_eq!((finding.before.count, finding.after.count), (50, 0));
    assert_eq!(codes(&diff, 438).change, Change::Less);
    assert_eq!(diff.metrics[0].metric, "asr");
    assert_eq!(diff.metrics[0].change, Change::More);
    // Provisional responses are no outcome.
    assert!(diff.codes.iter().all(|it| it.code >= 200));
}

#[test]
fn what_chance_can_do_is_no_change() {
    let diff = diff(&side(240, 50, 0..10), &side(240, 40, 0..10));
    let [finding] = diff.findings.as_slice() else {
        panic!("{:?}", diff.findings);
    };
    assert_eq!(
        (finding.state, finding.change),
        (State::Still, Change::NoneShown)
    );
    assert!(diff.codes.iter().all(|it| it.change == Change::NoneShown));
    assert!(diff.metrics.iter().all(|it| it.change == Change::NoneShown));
}

#[test]
fn twice_the_calls_with_twice_the_refusals_are_no_change() {
    let diff = diff(&side(240, 50, 0..10), &side(480, 100, 0..10));
    assert_eq!(diff.findings[0].change, Change::NoneShown);
    assert_eq!(codes(&diff, 438).change, Change::NoneShown);
}

#[test]
fn what_was_rare_is_not_gone_because_it_was_not_seen_again() {
    let diff = diff(&side(240, 10, 0..10), &side(40, 0, 0..10));
    let finding = &diff.findings[0];
    assert_eq!(
        (finding.state, finding.change),
        (State::NotSeenAgain, Change::NoneShown)
    );
}

#[test]
fn minutes_that_differ_widen_the_interval() {
    let even = diff(&side(240, 24, 0..10), &side(240, 80, 0..10));
    let burst = diff(&side(240, 24, 0..1), &side(240, 80, 3..7));
    let width = |diff: &Diff| {
        let difference = diff.findings[0].difference.unwrap();
        difference.high - difference.low
    };
    assert_eq!(even.findings[0].change, Change::More);
    assert_eq!(burst.findings[0].change, Change::NoneShown);
    assert!(width(&burst) > 1.5 * width(&even));
}

#[test]
fn sides_in_the_other_order_say_the_opposite() {
    let (first, second) = (side(240, 50, 0..10), side(300, 3, 0..3));
    let opposite = |change| match change {
        Change::Less => Change::More,
        Change::More => Change::Less,
        same => same,
    };
    let (there, back) = (diff(&first, &second), diff(&second, &first));
    for (there, back) in there.codes.iter().zip(&back.codes) {
        assert_eq!(there.change, opposite(back.change), "{}", there.code);
    }
    assert!(there.codes.iter().any(|it| it.change == Change::Less));
}

#[test]
fn a_side_without_calls_is_not_judged() {
    let diff = diff(&side(240, 50, 0..10), &Side::default());
    assert!(diff.codes.iter().all(|it| it.change == Change::NotJudged));
    assert_eq!(diff.findings[0].state, State::NotJudged);
    assert!(diff.metrics.iter().all(|it| it.few && it.after.is_none()));
}

#[test]
fn a_title_is_no_markup_in_the_markdown() {
    let found = diff(&side(240, 0, 0..10), &side(240, 50, 0..10));
    let mut out = Vec::new();
    write_markdown(&found, Labels::of(Lang::En), &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    assert!(text.contains("- After: a &lt;burst> of 438"), "{text}");
    let mut cells = text
        .lines()
        .filter(|line| line.starts_with('|'))
        .map(|line| line.matches('|').count());
    assert!(cells.all(|count| (6..=7).contains(&count)), "{text}");
    let mut json = Vec::new();
    write_json(&found, &mut json).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(json["findings"][0]["state"], "new");
    assert_eq!(json["findings"][0]["change"], "more");
}

#[test]
fn what_chance_may_have_brought_is_not_called_new() {
    let few = diff(&side(40, 0, 0..10), &side(240, 10, 0..10));
    assert_eq!(few.findings[0].state, State::NotSeenBefore);
    let many = diff(&side(240, 0, 0..10), &side(240, 50, 0..10));
    assert_eq!(many.findings[0].state, State::New);
    // Where nothing was captured nothing is new, and nothing has gone.
    let silent = diff(&Side::default(), &side(240, 50, 0..10));
    assert_eq!(silent.findings[0].state, State::NotJudged);
    let labels = Labels::of(Lang::En);
    let summary = words::summary(&silent, labels);
    assert!(
        summary.contains("No SIP") && !summary.contains("new"),
        "{summary}"
    );
}

/// The side with its calls shared out among pairs of hosts, `parts` answered calls of 100 each.
fn with_peers(parts: &[u64]) -> Side {
    let mut side = side(240, 0, 0..10);
    for (no, answered) in parts.iter().enumerate() {
        let mut metric = metric("peer", None, *answered, 100);
        metric.peer = Some(format!("10.0.0.1 -> 10.0.1.{no}"));
        side.view.metrics.push(metric);
    }
    side
}

#[test]
fn a_peer_that_changed_is_told_and_stands_first() {
    let mut after = [50; 20];
    after[7] = 5;
    let found = diff(&with_peers(&[50; 20]), &with_peers(&after));
    assert_eq!(found.peers.compared, 20);
    let first = &found.peers.changes[0];
    assert_eq!(
        (&*first.peer, first.measure.metric, first.measure.change),
        ("10.0.0.1 -> 10.0.1.7", "asr", Change::Less)
    );
    assert!(
        found.peers.changes[1..]
            .iter()
            .all(|it| it.measure.change == Change::NoneShown)
    );
    let called = words::called(&found, Labels::of(Lang::En));
    assert_eq!(called, ["10.0.0.1 -> 10.0.1.7, ASR: less"]);
}

#[test]
fn of_many_peers_more_is_asked_than_of_one() {
    // A difference that is called where it is the only one, and may be chance among a hundred.
    let one = diff(&with_peers(&[50]), &with_peers(&[70]));
    assert_eq!(one.peers.changes[0].measure.change, Change::More);
    let mut after = vec![50; 100];
    after[3] = 70;
    let many = diff(&with_peers(&[50; 100]), &with_peers(&after));
    assert_eq!(many.peers.changes[0].peer, "10.0.0.1 -> 10.0.1.3");
    assert!(
        many.peers
            .changes
            .iter()
            .all(|it| it.measure.change == Change::NoneShown)
    );
}

#[test]
fn a_peer_with_few_calls_on_a_side_is_not_compared() {
    let mut before = with_peers(&[50]);
    let few = before.view.metrics.last_mut().unwrap();
    few.values.insert("asr_n".into(), Some(29.into()));
    assert_eq!(diff(&before, &with_peers(&[5])).peers.compared, 0);
}
