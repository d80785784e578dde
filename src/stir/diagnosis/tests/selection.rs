//! Which causes explain which code.

use super::*;
use crate::stir::cause::Cause;

/// A call to somebody else.
fn wrong_callee() -> String {
    with_claims("17771230042", "15551239999")
}

#[test]
fn a_cause_explains_the_codes_that_verifiers_answer_it_with_and_no_other() {
    let value = wrong_callee();
    Scene::of(&[&value])
        .answered(438, &["dest-mismatch proven"])
        .answered(437, &["unexplained", "dest-mismatch possible"])
        .answered(403, &["unexplained", "dest-mismatch possible"]);
}

#[test]
fn a_fact_beside_the_point_says_with_which_code_it_is_answered() {
    let value = wrong_callee();
    let scene = Scene::of(&[&value]);
    let refusal = Refusal {
        code: 437,
        phrase: b"Unsupported Credential",
    };
    let found = diagnose(&scene.case(), &refusal, &scene.precedents).causes;
    assert!(found[0].evidence.starts_with(
        "nothing in the capture explains 437 Unsupported Credential: Identity 1: orig equal, dest different, origid 6dd91ed3"
    ), "{}", found[0].evidence);
    assert!(
        found[1]
            .evidence
            .ends_with("(verifiers answer this with 438, not 437)")
    );
    assert_eq!(found[0].grade, None);
}

#[test]
fn a_caller_who_is_withheld_is_said_where_nothing_explains_the_refusal() {
    let good = good();
    let scene = Scene::of(&[&good]).with(|facts| {
        facts.from = Some(b"sip:anonymous@anonymous.invalid");
        facts.asserted.clear();
    });
    let refusal = Refusal {
        code: 438,
        phrase: b"Invalid Identity Header",
    };
    let words =
        "the capture shows no caller to compare orig with: From withholds who calls (privacy)";
    let told = |scene: &Scene<'_>| {
        let found = diagnose(&scene.case(), &refusal, &scene.precedents).causes;
        assert_eq!(found[0].id, CauseId::Unexplained);
        found[0].evidence.contains(words)
    };
    assert!(told(&scene));
    // Who is asserted beside is a caller, and so is one in From.
    assert!(!told(&scene.with(|facts| {
        facts.asserted = vec![b"tel:+12155551212"];
    })));
    assert!(!told(&Scene::of(&[&good])));
}

#[test]
fn a_folder_without_certificates_is_not_the_same_as_none() {
    let good = good();
    let mut scene = Scene::of(&[&good]);
    let signature = |scene: &Scene<'_>| examine(&scene.case()).headers.remove(0).signature;
    assert_eq!(
        signature(&scene),
        SignatureCheck::NotJudged("no certificates were given".to_owned())
    );
    scene.store.name_place();
    assert_eq!(
        signature(&scene),
        SignatureCheck::NotJudged(
            "no certificate can be read where --certs says that they are".to_owned()
        )
    );
}

#[test]
fn where_a_cause_is_proven_what_is_only_possible_is_left_out() {
    let value = with_claims("17771230042", "15551239999").replacen(";info", "==;info", 1);
    Scene::of(&[&value])
        .has(&["base64-bad possible", "dest-mismatch proven"])
        .answered(438, &["dest-mismatch proven"]);
}

#[test]
fn what_is_only_possible_is_said_where_there_is_nothing_better() {
    let value = with_claims(&format!("\"iat\":{NOW}"), &format!("\"iat\":\"{NOW}\""));
    Scene::of(&[&value])
        .answered(438, &["iat-not-number possible"])
        .answered(403, &["unexplained"]);
}

#[test]
fn the_proven_come_first_and_among_them_what_was_done_before_what_followed() {
    let good = good();
    Scene::of(&[&good])
        .with(|facts| {
            facts.to = Some(b"sip:+18880000001@x;user=phone");
            facts.request_uri = b"sip:+18880000001@x;user=phone";
            facts.date = Some(b"Mon, 21 Sep 2026 14:15:20 GMT");
        })
        .before(&[&good], |_| ())
        .answered(
            438,
            &[
                "signed-fields-changed-between-hops proven",
                "dest-mismatch proven",
                "iat-vs-date likely",
            ],
        );
}

#[test]
fn while_another_token_is_in_order_a_wrong_one_proves_nothing() {
    let (good, wrong) = (good(), wrong_callee());
    Scene::of(&[&wrong, &good]).answered(438, &["dest-mismatch likely"]);
    Scene::of(&[&wrong, &wrong]).answered(438, &["dest-mismatch proven", "dest-mismatch proven"]);
    // One that is no statement of who calls does not make up for it.
    let rcd = of_type(
        "rcd",
        r#""orig":{"tn":"12155551212"},"dest":{"tn":["17771230042"]},"rcd":{"nam":"X"}"#,
    );
    Scene::of(&[&wrong, &rcd]).answered(438, &["dest-mismatch proven"]);
}

#[test]
fn a_storm_is_told_beside_the_cause_and_explains_nothing() {
    let (good, wrong) = (good(), wrong_callee());
    let mut scene = Scene::of(&[&wrong]);
    scene.history.retries = 3;
    scene.answered(438, &["dest-mismatch proven", "retry-storm proven"]);
    let mut scene = Scene::of(&[&good]);
    scene.history.retries = 3;
    scene.answered(438, &["unexplained", "retry-storm proven"]);
}

#[test]
fn what_the_verifier_accepts_in_other_calls_is_not_held_against_this_one() {
    let value = wrong_callee();
    let mut scene = Scene::of(&[&value]);
    let verifier = scene.here.flow.dst.addr;
    let causes: Vec<Cause> = scene.causes();
    scene.precedents.accepted(verifier, &causes);
    let mut scene = scene.answered(438, &["dest-mismatch likely"]);
    for _ in 0..3 {
        scene.precedents.accepted(verifier, &causes);
    }
    scene.answered(438, &["unexplained"]);
}

#[test]
fn an_unsigned_call_is_no_answer_to_a_437() {
    Scene::of(&[])
        .answered(428, &["identity-missing proven"])
        .answered(437, &["unexplained", "identity-missing possible"]);
}

#[test]
fn every_cause_of_a_code_can_be_said_of_it() {
    // The table itself: at least one cause a code, and none for codes that are no refusals.
    for code in [403, 428, 436, 437, 438] {
        assert!(
            CauseId::ALL.iter().any(|id| id.codes().contains(&code)),
            "{code}"
        );
    }
    for id in CauseId::ALL {
        for code in id.codes() {
            assert!(
                [400, 403, 428, 436, 437, 438].contains(code),
                "{}",
                id.name()
            );
        }
    }
}

#[test]
fn the_report_of_a_header_says_what_it_was_compared_with() {
    let good = good();
    let scene = Scene::of(&[&good]).with(|facts| facts.time = at(NOW + 2));
    let report = examine(&scene.case()).headers.remove(0);
    assert_eq!(report.form, "full");
    assert_eq!(report.ppt.as_deref(), Some("shaken"));
    assert_eq!(report.attest, Some(Attest::A));
    assert_eq!(report.x5u.as_deref(), Some(X5U));
    assert_eq!(report.iat_age, Some(Span::from_secs(2)));
    assert_eq!(report.date_age, Some(Span::from_secs(2)));
    assert_eq!(
        (report.orig, report.dest),
        (Some(Level::Equal), Some(Level::Equal))
    );
    assert_eq!(report.bytes, good.len());
}
