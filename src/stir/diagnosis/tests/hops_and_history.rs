//! Two hops of a call, and what other calls showed.

use super::*;
use crate::stir::replay::Reuse;
use crate::stir::signers::{Scope, Skew};
use crate::units::Span;

#[test]
fn an_element_that_changes_a_number_behind_the_signature_is_named_with_both_hops() {
    let good = good();
    let scene = Scene::of(&[&good])
        .with(|facts| {
            facts.to = Some(b"sip:+18881237395@x;user=phone");
            facts.request_uri = b"sip:+18881237395@x;user=phone";
        })
        .before(&[&good], |_| ())
        .has(&[
            "signed-fields-changed-between-hops proven",
            "dest-mismatch proven",
        ]);
    assert_eq!(
        scene.evidence(),
        "dest 17771230042, \
         To 17771230042 on hop 192.0.2.9:5060 → 192.0.2.1:5060 and 18881237395 on hop 192.0.2.1:5060 → 192.0.2.2:5060, \
         Request-URI 17771230042 on hop 192.0.2.9:5060 → 192.0.2.1:5060 and 18881237395 on hop 192.0.2.1:5060 → 192.0.2.2:5060"
    );
}

#[test]
fn a_caller_that_was_rewritten_is_told_and_one_that_never_fitted_is_not() {
    let good = good();
    let rewritten = |facts: &mut Facts<'_>| {
        facts.from = Some(b"tel:+16465550001");
        facts.asserted = vec![b"tel:+16465550001"];
    };
    Scene::of(&[&good])
        .with(rewritten)
        .before(&[&good], |_| ())
        .has(&[
            "signed-fields-changed-between-hops proven",
            "orig-mismatch proven",
        ]);
    Scene::of(&[&good])
        .with(rewritten)
        .before(&[&good], rewritten)
        .has(&["orig-mismatch proven"]);
}

#[test]
fn another_format_on_the_second_hop_is_likely() {
    let good = good();
    Scene::of(&[&good])
        .with(|facts| {
            facts.from = Some(b"tel:2155551212");
            facts.asserted = vec![b"tel:2155551212"];
        })
        .before(&[&good], |_| ())
        .has(&[
            "signed-fields-changed-between-hops likely",
            "orig-format likely",
        ]);
}

#[test]
fn what_every_hop_changes_is_no_change_of_a_signed_field() {
    let good = good();
    Scene::of(&[&good])
        .with(|facts| {
            facts.request_uri = b"sip:17771230042@10.0.0.9;transport=tcp";
            facts.to = Some(b"tel:+1-777-123-0042");
        })
        .before(&[&good], |_| ())
        .has(&[]);
}

#[test]
fn a_date_that_was_renewed_behind_the_signature_is_likely() {
    let good = good();
    let late = |facts: &mut Facts<'_>| facts.date = Some(b"Mon, 21 Sep 2026 14:15:20 GMT");
    Scene::of(&[&good])
        .with(late)
        .before(&[&good], |_| ())
        .has(&[
            "signed-fields-changed-between-hops likely",
            "future-date likely",
            "iat-vs-date likely",
        ]);
}

#[test]
fn a_token_that_differs_while_its_signature_does_not_was_changed() {
    let good = good();
    let changed = {
        let at = good.find('.').unwrap() + 5;
        let mut bytes = good.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        String::from_utf8(bytes).unwrap()
    };
    let scene = Scene::of(&[&changed]).before(&[&good], |_| ());
    let found = scene.causes();
    let cause = found
        .iter()
        .find(|cause| cause.id == CauseId::IdentityChangedBetweenHops)
        .unwrap();
    assert_eq!(cause.grade, Some(Grade::Proven));
    assert!(
        cause.evidence.contains("its signature does not"),
        "{}",
        cause.evidence
    );
}

#[test]
fn parameters_in_another_order_or_quotes_are_not_changed_and_another_value_is() {
    let good = good();
    let token = good.split(';').next().unwrap();
    let same = format!("{token};ppt=\"shaken\";info=<{X5U}>;alg=ES256");
    Scene::of(&[&same]).before(&[&good], |_| ()).has(&[]);
    let other = good.replace(
        "certs.example.net/shaken/709j.pem>",
        "proxy.example.net/709j.pem>",
    );
    Scene::of(&[&other])
        .before(&[&good], |_| ())
        .has(&["identity-changed-between-hops proven", "x5u-ne-info proven"]);
}

#[test]
fn an_element_that_signs_anew_or_adds_a_token_changed_nothing() {
    let (good, anew) = (good(), with_claims("\"attest\":\"A\"", "\"attest\":\"C\""));
    Scene::of(&[&anew]).before(&[&good], |_| ()).has(&[]);
    let div = div("17771230042", "18880000001");
    Scene::of(&[&good, &div])
        .with(|facts| facts.request_uri = b"sip:+18880000001@x;user=phone")
        .before(&[&good], |_| ())
        .has(&[]);
}

#[test]
fn one_of_two_tokens_that_was_lost_is_likely() {
    let good = good();
    let rcd = of_type(
        "rcd",
        r#""orig":{"tn":"12155551212"},"dest":{"tn":["17771230042"]},"rcd":{"nam":"X"}"#,
    );
    let scene = Scene::of(&[&good])
        .before(&[&good, &rcd], |_| ())
        .has(&["identity-changed-between-hops likely"]);
    assert!(scene.evidence().starts_with("Identity 2 of hop"));
}

#[test]
fn a_token_that_came_before_is_a_replay() {
    let good = good();
    let mut scene = Scene::of(&[&good]);
    scene.history.reuse = Some(Reuse {
        call_id: (*b"earlier").into(),
        after: Span::from_secs(12),
        is_same_call: false,
    });
    let scene = scene.has(&["replay likely"]);
    assert_eq!(
        scene.evidence(),
        "the same signature came 12.0 s before with Call-ID earlier"
    );
}

fn skew(scope: Scope, median: i64) -> Skew {
    Skew {
        scope,
        median: Span::from_secs(median),
        scatter: Span::from_millis(300),
        x5u: X5U.to_owned(),
    }
}

#[test]
fn a_signers_clock_explains_its_stale_tokens() {
    let value = with_claims(&NOW.to_string(), &(NOW - 90).to_string());
    let mut scene = Scene::of(&[&value]);
    scene.history.skew = Some(skew(Scope::Signer, 90));
    scene
        .with(|facts| facts.date = Some(b"Mon, 21 Sep 2026 14:11:50 GMT"))
        .has(&[
            "clock-skew-signer likely",
            "stale-iat likely",
            "stale-date likely",
        ]);
}

#[test]
fn the_captures_own_clock_is_held_against_no_token() {
    let value = with_claims(&NOW.to_string(), &(NOW - 90).to_string());
    let mut scene = Scene::of(&[&value]);
    scene.history.skew = Some(skew(Scope::Capture, 90));
    scene
        .with(|facts| facts.date = Some(b"Mon, 21 Sep 2026 14:11:50 GMT"))
        .has(&["clock-skew-capture likely"]);
}

#[test]
fn the_captures_own_clock_is_set_right_before_token_and_date_are_compared() {
    // By the capture, which is 90 s ahead, both times are old; by its true clock Date is.
    let value = with_claims(&NOW.to_string(), &(NOW - 90).to_string());
    let mut scene = Scene::of(&[&value]);
    scene.history.skew = Some(skew(Scope::Capture, 90));
    let scene = scene
        .with(|facts| facts.date = Some(b"Mon, 21 Sep 2026 14:07:00 GMT"))
        .has(&["clock-skew-capture likely", "iat-vs-date likely"]);
    let evidence = scene.causes().remove(1).evidence;
    assert!(
        evidence.ends_with("the token is of the time of the call, Date is not"),
        "{evidence}"
    );
    // And here it is the token, of five minutes before.
    let value = with_claims(&NOW.to_string(), &(NOW - 390).to_string());
    let mut scene = Scene::of(&[&value]);
    scene.history.skew = Some(skew(Scope::Capture, 90));
    let scene = scene
        .with(|facts| facts.date = Some(b"Mon, 21 Sep 2026 14:11:50 GMT"))
        .answered(438, &["stale-iat likely"]);
    let evidence = scene.causes().remove(1).evidence;
    assert!(
        evidence.contains(
            "300 s before the INVITE was captured, its clock corrected by what the tokens of all signers seem off"
        ),
        "{evidence}"
    );
}

#[test]
fn more_than_one_further_attempt_is_a_storm() {
    let good = good();
    for (retries, expected) in [(0, &[][..]), (1, &[]), (2, &["retry-storm proven"])] {
        let mut scene = Scene::of(&[&good]);
        scene.history.retries = retries;
        scene.has(expected);
    }
}
