//! Form, header, claims, media keys, freshness.

use super::*;

#[test]
fn an_invite_that_is_in_order_has_no_cause() {
    check(&good(), &[]);
}

#[test]
fn an_invite_without_identity_is_unsigned_or_was_stripped() {
    Scene::of(&[]).has(&["identity-missing proven"]);
    let good = good();
    let scene = Scene::of(&[]).before(&[&good], |_| ());
    let scene = scene.has(&["identity-stripped proven"]);
    assert_eq!(
        scene.evidence(),
        "1 Identity on hop 192.0.2.9:5060 → 192.0.2.1:5060, none on hop 192.0.2.1:5060 → 192.0.2.2:5060"
    );
    Scene::of(&[])
        .before(&[], |_| ())
        .has(&["identity-missing proven"]);
}

#[test]
fn of_a_head_that_was_not_captured_whole_nothing_is_claimed() {
    Scene::of(&[])
        .with(|facts| facts.is_incomplete = true)
        .has(&[]);
    Scene::of(&["a.b"])
        .with(|facts| facts.is_incomplete = true)
        .has(&[])
        .answered(438, &["unexplained"]);
}

#[test]
fn the_form_of_rfc_4474_is_told_and_its_claims_are_not_looked_for() {
    Scene::of(&["\"ZYNBbHC00VMZr2kZt6Vm=\""])
        .with(|facts| facts.date = None)
        .has(&["legacy-identity likely"]);
}

#[test]
fn a_token_without_its_three_segments_is_malformed() {
    check(
        "c2VjcmV0;info=<https://x.example/c>;alg=ES256",
        &["identity-malformed proven"],
    );
    check(
        "a.b;info=<https://x.example/c>",
        &["identity-malformed proven"],
    );
    check(
        "e30..c2ln;info=<https://x.example/c>",
        &["identity-malformed proven"],
    );
}

#[test]
fn each_broken_parameter_is_malformed_and_names_itself() {
    let token = token(("", ""), ("", ""));
    for (parameters, words) in [
        ("", "no `;` follows the token"),
        (";alg=ES256", "no `info` parameter"),
        (
            ";info=https://certs.example.net/shaken/709j.pem",
            "does not stand in `<>`",
        ),
        (
            ";info=<https://certs.example.net/shaken/709j.pem>alg=ES256",
            "no `;` between",
        ),
        (
            ";info=<https://certs.example.net/shaken/709j.pem>;ppt=shaken;ppt=shaken",
            "twice",
        ),
    ] {
        let value = format!("{token}{parameters}");
        let scene = Scene::of(&[&value]).has(&["identity-malformed proven"]);
        assert!(scene.evidence().contains(words), "{}", scene.evidence());
    }
    let value = format!("{token};info=<{X5U}>;x=1;ppt=\"shaken\"");
    check(&value, &[]);
}

#[test]
fn only_what_concerns_info_is_answered_with_436() {
    let token = token(("", ""), ("", ""));
    let without = format!("{token};alg=ES256");
    Scene::of(&[&without]).answered(436, &["identity-malformed proven"]);
    let glued = format!("{token};info=<{X5U}>alg=ES256");
    let scene = Scene::of(&[&glued]).answered(438, &["identity-malformed proven"]);
    let malformed = scene.causes().remove(0);
    assert!(malformed.explains(438));
}

#[test]
fn the_compact_form_is_proven_wrong_for_shaken_and_possible_without_type() {
    let signature = "A".repeat(86);
    check(
        &format!("..{signature};info=<{X5U}>;ppt=shaken"),
        &["compact-form proven"],
    );
    check(
        &format!("..{signature};info=<{X5U}>"),
        &["compact-form possible"],
    );
}

#[test]
fn segments_that_cannot_be_read_say_which_and_where() {
    let token = token(("", ""), ("", ""));
    let (header, rest) = token.split_once('.').unwrap();
    let (payload, signature) = rest.split_once('.').unwrap();
    for (value, words) in [
        (
            format!("{header}*.{payload}.{signature}"),
            "the header has `*`",
        ),
        (format!("{header}.{payload}A.{signature}"), "the claims"),
        (
            format!("{header}.bm8.{signature}"),
            "the claims is no JSON from its byte",
        ),
        (
            format!("{header}.W10.{signature}"),
            "the claims is JSON, but no object",
        ),
    ] {
        let value = format!("{value};info=<{X5U}>");
        let scene = Scene::of(&[&value]).has(&["base64-bad proven"]);
        assert!(scene.evidence().contains(words), "{}", scene.evidence());
    }
}

#[test]
fn padding_in_a_signature_is_possible_and_no_more() {
    let value = good().replacen(";info", "==;info", 1);
    check(&value, &["base64-bad possible"]);
}

#[test]
fn a_token_that_was_longer_one_hop_before_was_cut() {
    let good = good();
    let token = good.split(';').next().unwrap();
    let cut = format!("{};info=<{X5U}>", token.split_at(token.len() - 10).0);
    let scene = Scene::of(&[&cut]).before(&[&good], |_| ()).has(&[
        "identity-changed-between-hops proven",
        "truncated-or-folded proven",
    ]);
    assert!(
        scene.causes()[1]
            .evidence
            .contains("characters of the token")
    );
    // Alone it is no more than too short.
    Scene::of(&[&cut]).has(&["sig-length proven"]);
    // It came in fragments, which is how such things happen.
    Scene::of(&[&cut])
        .with(|facts| facts.is_fragmented = true)
        .has(&["truncated-or-folded likely", "sig-length proven"]);
    Scene::of(&[&good])
        .with(|facts| facts.is_fragmented = true)
        .has(&[]);
}

#[test]
fn white_space_in_the_token_is_likely_and_proven_by_the_hop_before() {
    let good = good();
    let folded = good.replacen('.', ".\r\n ", 1);
    check(&folded, &["truncated-or-folded likely"]);
    Scene::of(&[&folded]).before(&[&good], |_| ()).has(&[
        "identity-changed-between-hops proven",
        "truncated-or-folded proven",
    ]);
    // A fold before a parameter is one blank, and no harm.
    check(&good.replacen(";info", "\r\n ;info", 1), &[]);
}

#[test]
fn a_signature_in_der_is_named_as_such() {
    let input = {
        let token = token(("", ""), ("", ""));
        token.rsplit_once('.').unwrap().0.to_owned()
    };
    let fixed = pair().sign(&input);
    let (r, s) = fixed.split_at(32);
    let integer = |half: &[u8]| [&[2, 33, 0][..], half].concat();
    let der = [&[0x30, 70][..], &integer(r), &integer(s)].concat();
    let value = identity(&format!("{input}.{}", crate::stir::encoding::encode(&der)));
    let scene = Scene::of(&[&value]).has(&["sig-length proven"]);
    assert!(scene.evidence().contains("72 bytes, not 64: it is DER"));
}

#[test]
fn members_of_the_header_are_required() {
    check(
        &with_header("\"typ\":\"passport\"", "\"typ\":\"JWT\""),
        &["typ-bad proven"],
    );
    check(
        &with_header("\"typ\":\"passport\",", ""),
        &["typ-bad proven"],
    );
    check(
        &with_header("\"typ\":\"passport\"", "\"typ\":\"Passport\""),
        &[],
    );
    check(
        &with_header("\"alg\":\"ES256\",", ""),
        &["header-claim-missing proven"],
    );
    let without_x5u = with_header(&format!(",\"x5u\":\"{X5U}\""), "");
    check(&without_x5u, &["header-claim-missing proven"]);
    check(
        &with_header("\"alg\":\"ES256\"", "\"alg\":256"),
        &["header-claim-missing proven"],
    );
}

#[test]
fn another_algorithm_is_wrong_and_a_parameter_that_says_so_is_not_the_tokens() {
    let es384 = with_header("ES256", "ES384");
    check(&es384, &["alg-not-es256 proven", "alg-mismatch proven"]);
    check(
        &es384.replace("alg=ES256", "alg=ES384"),
        &["alg-not-es256 proven"],
    );
    check(&es384.replace(";alg=ES256", ""), &["alg-not-es256 proven"]);
    check(
        &good().replace("alg=ES256", "alg=ES384"),
        &["alg-mismatch proven"],
    );
    check(&good().replace("alg=ES256", "alg=\"ES256\""), &[]);
    check(&good().replace(";alg=ES256", ""), &[]);
    let compact = format!("..{};info=<{X5U}>;alg=RS256;ppt=shaken", "A".repeat(86));
    check(&compact, &["compact-form proven", "alg-not-es256 proven"]);
}

#[test]
fn a_type_that_is_not_the_tokens_is_told_and_its_quotes_do_not_matter() {
    check(
        &good().replace("ppt=shaken", "ppt=div"),
        &["ppt-mismatch proven"],
    );
    check(
        &good().replace("ppt=shaken", "ppt=Shaken"),
        &["ppt-mismatch proven"],
    );
    check(&good().replace("ppt=shaken", "ppt=\"shaken\""), &[]);
    check(&good().replace(";ppt=shaken", ""), &[]);
}

#[test]
fn an_unknown_type_alone_is_likely_and_beside_shaken_possible() {
    let odd = of_type(
        "odd",
        r#""orig":{"tn":"12155551212"},"dest":{"tn":["17771230042"]}"#,
    );
    check(&odd, &["ppt-unsupported likely"]);
    let good = good();
    Scene::of(&[&good, &odd]).has(&["ppt-unsupported possible"]);
    let rph = of_type(
        "rph",
        r#""orig":{"tn":"12155551212"},"dest":{"tn":["17771230042"]},"rph":{"auth":["ets.0"]}"#,
    );
    check(&rph, &["ppt-unsupported likely"]);
    Scene::of(&[&good, &rph]).has(&[]);
}

#[test]
fn x5u_and_info_are_one_text() {
    check(
        &good().replace("info=<https://certs", "info=<https://Certs"),
        &["x5u-ne-info proven"],
    );
}

#[test]
fn urls_that_verifiers_do_not_fetch_are_told() {
    let with = |url: &str| good_at(url);
    for url in [
        "http://certs.example.net/c.pem",
        "https://certs.example.net:8080/c.pem",
        "https://me:pw@certs.example.net/c.pem",
        "https://certs.example.net/c.pem?v=1",
        "https://certs.example.net/c.pem#1",
        "https://10.0.0.1/c.pem",
        "https://localhost/c.pem",
        "certs.example.net/c.pem",
    ] {
        check(&with(url), &["x5u-not-fetchable-form likely"]);
    }
    for url in [
        "https://certs.example.net:8443/c.pem",
        "HTTPS://certs.example.net/c.pem",
    ] {
        check(&with(url), &[]);
    }
}

/// The token that is in order, with its certificate elsewhere.
fn good_at(url: &str) -> String {
    let token = token((X5U, url), ("", ""));
    format!("{token};info=<{url}>;alg=ES256;ppt=shaken")
}

#[test]
fn claims_that_the_type_requires_are_told_if_absent_or_of_another_type() {
    let iat = format!("\"iat\":{NOW},");
    for (from, to, words) in [
        (iat.as_str(), "", "iat is absent"),
        (iat.as_str(), "\"iat\":\"today\",", "iat is a string"),
        ("\"attest\":\"A\",", "", "attest is absent"),
        ("\"attest\":\"A\"", "\"attest\":\"D\"", "attest is D"),
        ("\"attest\":\"A\"", "\"attest\":1", "attest is a number"),
        (
            ",\"origid\":\"6dd91ed3-6cee-4e1c-a07b-a5fe93a6f5d5\"",
            "",
            "origid is absent",
        ),
        (",\"orig\":{\"tn\":\"12155551212\"}", "", "orig is absent"),
        (
            "{\"tn\":\"12155551212\"}",
            "\"12155551212\"",
            "orig is a string",
        ),
        (
            "{\"tn\":\"12155551212\"}",
            "{\"tn\":12155551212}",
            "orig.tn is a number",
        ),
        (
            "{\"tn\":\"12155551212\"}",
            "{}",
            "orig has neither tn nor uri",
        ),
        ("\"dest\":{\"tn\":[\"17771230042\"]},", "", "dest is absent"),
        (
            "[\"17771230042\"]",
            "\"17771230042\"",
            "dest.tn is a string",
        ),
        (
            "[\"17771230042\"]",
            "[17771230042]",
            "dest.tn is an array of other things",
        ),
    ] {
        let value = with_claims(from, to);
        let scene = Scene::of(&[&value]).has(&["claim-missing proven"]);
        assert!(
            scene.evidence().contains(words),
            "{words}: {}",
            scene.evidence()
        );
    }
}

#[test]
fn an_origid_that_is_no_uuid_is_likely() {
    check(
        &with_claims("6dd91ed3-6cee-4e1c-a07b-a5fe93a6f5d5", "ref"),
        &["claim-missing likely"],
    );
}

#[test]
fn claims_of_a_base_token_need_no_attestation_and_those_of_extensions_their_own() {
    let claims =
        format!(r#"{{"dest":{{"tn":["17771230042"]}},"iat":{NOW},"orig":{{"tn":"12155551212"}}}}"#);
    check(&base(&claims), &[]);
    let good = good();
    let parties = r#""orig":{"tn":"12155551212"},"dest":{"tn":["17771230042"]}"#;
    for (ppt, claim) in [
        ("rcd", r#""rcd":{"nam":"X"}"#),
        ("rph", r#""rph":{"auth":[]}"#),
        ("msg", r#""msgi":"sha256-x""#),
        ("rsp", r#""x":1"#),
    ] {
        let with = of_type(ppt, &format!("{parties},{claim}"));
        Scene::of(&[&good, &with]).has(&[]);
    }
    for ppt in ["rcd", "rph", "msg"] {
        let without = of_type(ppt, parties);
        Scene::of(&[&good, &without]).has(&["claim-missing proven"]);
    }
}

#[test]
fn an_iat_that_is_text_or_has_a_fraction_is_possible() {
    let now = format!("\"iat\":{NOW}");
    check(
        &with_claims(&now, &format!("\"iat\":\"{NOW}\"")),
        &["iat-not-number possible"],
    );
    check(
        &with_claims(&now, &format!("\"iat\":{NOW}.5")),
        &["iat-not-number possible"],
    );
}

#[test]
fn media_keys_are_those_of_the_sdp_without_colons_and_case() {
    let with_key = with_claims(
        ",\"orig\"",
        ",\"mky\":[{\"alg\":\"sha-256\",\"dig\":\"AABB\"}],\"orig\"",
    );
    let print = |digest| Fingerprint {
        algorithm: b"SHA-256",
        digest,
    };
    let scene = |digest: Option<&'static [u8]>| {
        Scene::of(&[&with_key])
            .with(|facts| facts.fingerprints = digest.map(print).into_iter().collect())
    };
    scene(Some(b"aa:bb")).has(&[]);
    let other = scene(Some(b"aa:bc")).has(&["mky-mismatch proven"]);
    assert_eq!(
        other.evidence(),
        "mky sha-256 AABB, fingerprints of the SDP sha-256 AABC"
    );
    scene(None).has(&["mky-mismatch proven"]);
    scene(None)
        .with(|facts| facts.has_whole_body = false)
        .has(&[]);
}

#[test]
fn a_fingerprint_without_media_key_is_possible() {
    let good = good();
    Scene::of(&[&good])
        .with(|facts| {
            facts.fingerprints = vec![Fingerprint {
                algorithm: b"sha-256",
                digest: b"AA",
            }];
        })
        .has(&["mky-mismatch possible"]);
}

#[test]
fn the_same_value_twice_is_possible() {
    let (good, other) = (good(), good());
    Scene::of(&[&good, &good]).has(&["duplicate-identity possible"]);
    // Another signature of the same claims is another token.
    if good != other {
        Scene::of(&[&good, &other]).has(&[]);
    }
}

#[test]
fn tokens_older_than_a_minute_are_stale_and_younger_ones_are_not() {
    let old = |seconds: i64| with_claims(&NOW.to_string(), &(NOW - seconds).to_string());
    let date = |facts: &mut Facts<'_>| facts.date = Some(b"Mon, 21 Sep 2026 14:12:19 GMT");
    let sixty_one = old(61);
    Scene::of(&[&sixty_one])
        .with(date)
        .has(&["stale-iat likely", "stale-date likely"]);
    Scene::of(&[&sixty_one]).has(&["stale-iat likely"]);
    let sixty = old(60);
    Scene::of(&[&sixty]).has(&[]);
}

#[test]
fn tokens_from_the_future_are_told_from_six_seconds_on() {
    let value = |seconds: i64| with_claims(&NOW.to_string(), &(NOW + seconds).to_string());
    check(&value(6), &["future-iat likely"]);
    check(&value(5), &[]);
    check(&value(61), &["future-iat likely"]);
}

#[test]
fn a_date_that_is_absent_unreadable_or_not_in_gmt_is_told() {
    let good = good();
    for date in [
        None,
        Some(&b"today"[..]),
        Some(b"Mon, 21 Sep 2026 14:13:20 CEST"),
    ] {
        Scene::of(&[&good])
            .with(|facts| facts.date = date)
            .has(&["stale-date likely"]);
    }
    Scene::of(&[&good])
        .with(|facts| facts.date = Some(b"Mon, 21 Sep 2026 14:14:20 GMT"))
        .has(&[]);
    Scene::of(&[&good])
        .with(|facts| facts.date = Some(b"Mon, 21 Sep 2026 14:14:21 GMT"))
        .has(&["future-date likely", "iat-vs-date likely"]);
}

/// A token that is so many seconds old, in an INVITE with a Date of `date`.
fn aged(seconds: i64) -> String {
    with_claims(&NOW.to_string(), &(NOW - seconds).to_string())
}

#[test]
fn an_old_token_beside_a_fresh_date_is_the_signers_and_nobody_elses() {
    for code in [403, 438] {
        Scene::of(&[&aged(300)]).answered(code, &["stale-iat likely"]);
        Scene::of(&[&aged(-90)]).answered(code, &["future-iat likely"]);
    }
    let evidence = Scene::of(&[&aged(300)]).evidence();
    assert!(
        evidence.ends_with(
            "300 s before the INVITE was captured; Date 2026-09-21 14:13:20 UTC is of the time of the call"
        ),
        "{evidence}"
    );
}

#[test]
fn a_date_that_is_off_beside_a_fresh_token_is_who_wrote_it() {
    let good = good();
    let scene = Scene::of(&[&good])
        .with(|facts| facts.date = Some(b"Mon, 21 Sep 2026 14:08:20 GMT"))
        .has(&["stale-date likely", "iat-vs-date likely"])
        .answered(438, &["iat-vs-date likely"]);
    let found = scene.causes();
    assert!(
        found[1]
            .evidence
            .ends_with("300 s apart; the token is of the time of the call, Date is not"),
        "{}",
        found[1].evidence
    );
}

#[test]
fn a_date_from_the_future_is_no_stale_one() {
    let value = aged(-90);
    Scene::of(&[&value])
        .with(|facts| facts.date = Some(b"Mon, 21 Sep 2026 14:14:50 GMT"))
        .has(&["future-iat likely", "future-date likely"])
        .answered(403, &["future-iat likely", "future-date likely"]);
}

#[test]
fn where_token_and_date_are_both_off_and_apart_both_are_told() {
    let value = aged(300);
    Scene::of(&[&value])
        .with(|facts| facts.date = Some(b"Mon, 21 Sep 2026 14:10:20 GMT"))
        .answered(438, &["stale-iat likely", "iat-vs-date likely"]);
}

#[test]
fn an_iat_that_is_no_number_of_seconds_is_told_as_such() {
    let value = |iat: i64| with_claims(&NOW.to_string(), &iat.to_string());
    for code in [403, 438] {
        Scene::of(&[&value(5)]).answered(code, &["iat-implausible likely"]);
        Scene::of(&[&value(NOW * 1000)]).answered(code, &["iat-implausible likely"]);
    }
    assert_eq!(
        Scene::of(&[&value(5)]).evidence(),
        "iat 5 is 1970-01-01 00:00:05 UTC"
    );
    let evidence = Scene::of(&[&value(NOW * 1000)]).evidence();
    assert!(
        evidence
            .ends_with("is no number of seconds; in milliseconds it is 2026-09-21 14:13:20 UTC"),
        "{evidence}"
    );
    // The examples of RFC 8225 are of 2015, and old.
    check(&value(1_443_208_345), &["stale-iat likely"]);
    let report = examine(&Scene::of(&[&value(5)]).case()).headers.remove(0);
    assert_eq!((report.iat, report.iat_age), (Some(5), None));
}
