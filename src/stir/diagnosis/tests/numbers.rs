//! Who calls whom, and chains of diversions.

use super::*;

fn with_orig(orig: &str) -> String {
    with_claims("12155551212", orig)
}

fn with_dest(dest: &str) -> String {
    with_claims("17771230042", dest)
}

#[test]
fn another_caller_is_proven_and_both_sides_are_quoted() {
    let value = with_orig("16465550001");
    let scene = Scene::of(&[&value]).has(&["orig-mismatch proven"]);
    assert_eq!(
        scene.evidence(),
        "orig.tn 16465550001, P-Asserted-Identity 12155551212, From 12155551212"
    );
}

#[test]
fn a_caller_in_another_format_is_likely() {
    check(&with_orig("2155551212"), &["orig-format likely"]);
    check(&with_orig("01112155551212"), &["orig-format likely"]);
    check(&with_orig("5551212"), &["orig-format likely"]);
    check(&with_orig("99912155551212"), &["orig-format likely"]);
    // Two whole numbers that end alike are two numbers.
    check(&with_orig("13125551212"), &["orig-mismatch proven"]);
    check(&with_orig("+1 (215) 555-1212"), &[]);
}

#[test]
fn a_caller_who_is_withheld_or_no_number_proves_nothing() {
    let value = with_orig("16465550001");
    let anonymous: &[u8] = b"sip:anonymous@anonymous.invalid";
    Scene::of(&[&value])
        .with(|facts| {
            facts.from = Some(anonymous);
            facts.asserted.clear();
        })
        .has(&[]);
    Scene::of(&[&value])
        .with(|facts| {
            facts.from = Some(b"sip:alice@example.com");
            facts.asserted.clear();
        })
        .has(&["orig-mismatch likely"]);
    // Who is withheld in From and asserted beside it is known.
    Scene::of(&[&value])
        .with(|facts| facts.from = Some(anonymous))
        .has(&["orig-mismatch proven"]);
    let good = good();
    Scene::of(&[&good])
        .with(|facts| facts.from = Some(anonymous))
        .has(&[]);
}

#[test]
fn one_asserted_identity_that_fits_is_enough() {
    let good = good();
    Scene::of(&[&good])
        .with(|facts| {
            facts.from = Some(b"sip:+12155551212@x;user=phone");
            facts.asserted = vec![b"sip:bob@example.com", b"tel:+12155551212"];
        })
        .has(&[]);
}

#[test]
fn from_and_asserted_identity_that_differ_are_told_apart() {
    let good = good();
    Scene::of(&[&good])
        .with(|facts| facts.asserted = vec![b"tel:+16465550001"])
        .has(&["pai-vs-from likely"]);
    Scene::of(&[&good])
        .with(|facts| facts.from = Some(b"tel:+16465550001"))
        .has(&["pai-vs-from possible"]);
    Scene::of(&[&good])
        .with(|facts| facts.asserted.clear())
        .has(&[]);
}

#[test]
fn another_callee_is_proven_and_both_sides_are_quoted() {
    let value = with_dest("15551239999");
    let scene = Scene::of(&[&value]).has(&["dest-mismatch proven"]);
    assert_eq!(scene.evidence(), "dest.tn 15551239999, To 17771230042");
    let two = with_claims("[\"17771230042\"]", "[\"15551239999\",\"17771230042\"]");
    check(&two, &[]);
}

#[test]
fn a_callee_in_another_format_is_likely() {
    check(&with_dest("7771230042"), &["dest-format likely"]);
    check(&with_dest("917771230042"), &["dest-format likely"]);
}

#[test]
fn a_callee_of_to_or_request_uri_alone_is_possible() {
    let good = good();
    Scene::of(&[&good])
        .with(|facts| facts.request_uri = b"sip:+18005550000@x;user=phone")
        .has(&["dest-ruri-only possible"]);
    Scene::of(&[&good])
        .with(|facts| facts.to = Some(b"sip:+18005550000@x;user=phone"))
        .has(&["dest-ruri-only possible"]);
    // The address of a trunk names nobody.
    Scene::of(&[&good])
        .with(|facts| facts.request_uri = b"sip:192.0.2.2:5060")
        .has(&[]);
    // A routing number is a parameter, and no part of the number.
    Scene::of(&[&good])
        .with(|facts| facts.request_uri = b"sip:+17771230042;npdi;rn=+17770000000@x;user=phone")
        .has(&[]);
}

#[test]
fn a_translated_number_that_ends_like_the_dialled_one_is_another_number() {
    let value = with_dest("18005550042");
    Scene::of(&[&value])
        .with(|facts| {
            facts.to = Some(b"sip:+12025550042@x;user=phone");
            facts.request_uri = b"sip:+12025550042@x;user=phone";
        })
        .has(&["dest-mismatch proven"]);
}

#[test]
fn an_escaped_number_is_the_number() {
    let good = good();
    Scene::of(&[&good])
        .with(|facts| facts.to = Some(b"sip:%2B1%37771230042@x"))
        .has(&[]);
}

#[test]
fn calls_for_help_may_be_rewritten() {
    let value = with_dest("911");
    Scene::of(&[&value])
        .with(|facts| {
            facts.to = Some(b"sip:+17771230042@x;user=phone");
            facts.request_uri = b"sip:+17771230042@x;user=phone";
        })
        .has(&["dest-mismatch possible"]);
    Scene::of(&[&value])
        .with(|facts| {
            facts.to = Some(b"urn:service:sos");
            facts.request_uri = b"urn:service:sos";
        })
        .has(&["dest-mismatch possible"]);
}

#[test]
fn uris_are_compared_as_uris() {
    let claims = |dest: &str| {
        base(&format!(
            r#"{{"dest":{{"uri":["{dest}"]}},"iat":{NOW},"orig":{{"tn":"12155551212"}}}}"#
        ))
    };
    let alice: &[u8] = b"sip:alice@example.com:5060;transport=tcp";
    let to_alice = |facts: &mut Facts<'_>| {
        facts.to = Some(alice);
        facts.request_uri = alice;
    };
    Scene::of(&[&claims("sip:Alice@Example.com")])
        .with(to_alice)
        .has(&[]);
    Scene::of(&[&claims("sip:bob@example.com")])
        .with(to_alice)
        .has(&["dest-mismatch proven"]);
    // Hosts are rewritten at every border.
    Scene::of(&[&claims("sip:alice@example.org")])
        .with(to_alice)
        .has(&["dest-mismatch likely"]);
}

/// The INVITE after a diversion to 1 888 000 0001.
fn diverted(facts: &mut Facts<'_>) {
    facts.to = Some(b"sip:+17771230042@x;user=phone");
    facts.request_uri = b"sip:+18880000001@x;user=phone";
}

#[test]
fn a_chain_of_diversions_leads_from_the_first_callee_to_the_last() {
    let (good, first, second) = (
        good(),
        div("17771230042", "18880000000"),
        div("18880000000", "18880000001"),
    );
    Scene::of(&[&good, &first, &second]).with(diverted).has(&[]);
    Scene::of(&[&second, &good, &first]).with(diverted).has(&[]);
    Scene::of(&[&good, &second])
        .with(diverted)
        .has(&["div-chain-broken proven"]);
    let scene = Scene::of(&[&good, &first])
        .with(diverted)
        .has(&["div-chain-broken likely"]);
    assert_eq!(
        scene.evidence(),
        "dest.tn 18880000000, Request-URI 18880000001"
    );
}

#[test]
fn a_diversion_without_the_token_before_it_is_broken() {
    let alone = div("17771230042", "18880000001");
    Scene::of(&[&alone])
        .with(diverted)
        .has(&["div-chain-broken proven"]);
}

#[test]
fn a_diverted_call_keeps_its_caller() {
    let good = good();
    let other = div("17771230042", "18880000001");
    Scene::of(&[&good, &other]).with(diverted).has(&[]);
    let stolen = of_type(
        "div",
        r#""orig":{"tn":"16465550001"},"dest":{"tn":["18880000001"]},"div":{"tn":"17771230042"}"#,
    );
    Scene::of(&[&good, &stolen])
        .with(diverted)
        .has(&["div-chain-broken proven"]);
}

#[test]
fn a_token_of_type_div_o_carries_the_one_before_inside() {
    let inner = token(("", ""), ("", ""));
    let outer = of_type(
        "div-o",
        &format!(
            r#""orig":{{"tn":"12155551212"}},"dest":{{"tn":["18880000001"]}},"div":{{"tn":"17771230042"}},"opt":"{inner}""#
        ),
    );
    Scene::of(&[&outer]).with(diverted).has(&[]);
    let without = of_type(
        "div-o",
        r#""orig":{"tn":"12155551212"},"dest":{"tn":["18880000001"]},"div":{"tn":"17771230042"}"#,
    );
    Scene::of(&[&without])
        .with(diverted)
        .has(&["claim-missing proven", "div-chain-broken proven"]);
}

#[test]
fn the_first_token_of_a_diverted_call_may_be_hours_old() {
    let good = good();
    let later = div("17771230042", "18880000001");
    let scene = Scene::of(&[&good, &later]).with(diverted).with(|facts| {
        facts.time = at(NOW + 3600);
        facts.date = Some(b"Mon, 21 Sep 2026 15:13:20 GMT");
    });
    // That of the diversion may not.
    let found = scene.causes();
    let stale: Vec<_> = found
        .iter()
        .filter(|cause| cause.id == CauseId::StaleIat)
        .map(|cause| cause.header)
        .collect();
    assert_eq!(stale, [Some(1)]);
}
