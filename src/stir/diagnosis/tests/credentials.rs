//! Signatures and certificates.

use super::*;
use crate::stir::encoding::encode;
use crate::stir::facts::LegacyParts;

const PATH: &str = "certs.example.net/shaken/709j.pem";

/// A certificate of the tests' signer.
fn certificate(wanted: &Wanted<'_>) -> String {
    wanted.self_signed(pair())
}

/// A certificate of somebody else's key.
fn other(wanted: &Wanted<'_>) -> String {
    wanted.self_signed(&Pair::new())
}

fn signature(scene: &Scene<'_>) -> SignatureCheck {
    examine(&scene.case()).headers.remove(0).signature
}

fn not_judged(scene: &Scene<'_>) -> String {
    match signature(scene) {
        SignatureCheck::NotJudged(why) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_signature_that_verifies_is_good_and_names_the_file() {
    let good = good();
    let scene = Scene::of(&[&good])
        .file(PATH, &certificate(&Wanted::default()))
        .has(&[]);
    assert_eq!(
        signature(&scene),
        SignatureCheck::Good {
            path: PATH.to_owned()
        }
    );
}

#[test]
fn without_its_certificate_no_signature_is_judged() {
    let good = good();
    assert_eq!(
        not_judged(&Scene::of(&[&good])),
        "no certificates were given"
    );
    let scene = Scene::of(&[&good])
        .file("elsewhere.pem", &other(&Wanted::default()))
        .has(&[]);
    assert!(not_judged(&scene).contains("no certificate for https://certs.example.net"));
}

#[test]
fn a_signature_of_another_key_is_proven_bad() {
    let good = good();
    let scene = Scene::of(&[&good])
        .file(PATH, &other(&Wanted::default()))
        .has(&["signature-bad proven"]);
    assert_eq!(
        signature(&scene),
        SignatureCheck::Bad {
            paths: vec![PATH.to_owned()]
        }
    );
    // A file found by the last part of its name may be meant as well.
    Scene::of(&[&good])
        .file("709j.pem", &other(&Wanted::default()))
        .has(&["signature-bad proven"]);
}

#[test]
fn of_several_files_one_that_verifies_is_enough_and_none_is_likely() {
    let good = good();
    let (wrong, right) = (other(&Wanted::default()), certificate(&Wanted::default()));
    Scene::of(&[&good])
        .file("a/709j.pem", &wrong)
        .file("b/709j.pem", &right)
        .has(&[]);
    Scene::of(&[&good])
        .file("a/709j.pem", &wrong)
        .file("b/709j.pem", &other(&Wanted::default()))
        .has(&["signature-bad likely"]);
}

#[test]
fn a_file_of_another_host_accuses_nobody_for_certain() {
    let good = good();
    Scene::of(&[&good])
        .file("certs.example.org/709j.pem", &other(&Wanted::default()))
        .has(&["signature-bad possible"]);
}

#[test]
fn a_certificate_that_was_not_valid_then_may_not_be_the_one_in_use() {
    let good = good();
    let later = Wanted {
        days: (1, 30),
        ..Wanted::default()
    };
    Scene::of(&[&good])
        .file(PATH, &other(&later))
        .has(&["cert-not-yet-valid likely", "signature-bad possible"]);
}

#[test]
fn a_new_certificate_and_an_old_key_are_told() {
    let good = good();
    let (old, new) = (
        certificate(&Wanted {
            serial: 1,
            ..Wanted::default()
        }),
        other(&Wanted {
            serial: 2,
            days: (-1, 30),
            ..Wanted::default()
        }),
    );
    let scene = Scene::of(&[&good])
        .file(PATH, &new)
        .file("certs.example.net/shaken/old.pem", &old)
        .has(&["wrong-key-for-x5u proven", "signature-bad proven"]);
    assert!(
        scene
            .evidence()
            .contains("verifies with certs.example.net/shaken/old.pem (serial 01)")
    );
    // Without the old one, its age alone makes it likely.
    let fresh = Wanted::default().params();
    let mut fresh = fresh;
    fresh.not_before = time::OffsetDateTime::from_unix_timestamp(NOW - 3 * 3600).unwrap();
    let fresh = fresh.self_signed(&Pair::new().0).unwrap().pem();
    Scene::of(&[&good])
        .file(PATH, &fresh)
        .has(&["wrong-key-for-x5u likely", "signature-bad proven"]);
}

#[test]
fn an_expired_certificate_is_proven_where_its_key_signed() {
    let good = good();
    let expired = Wanted {
        days: (-30, -1),
        ..Wanted::default()
    };
    let scene = Scene::of(&[&good])
        .file(PATH, &certificate(&expired))
        .has(&["cert-expired proven"]);
    assert_eq!(
        scene.evidence(),
        "certs.example.net/shaken/709j.pem (serial 01) was valid until 2026-09-20 14:13:20 UTC, \
         the call was made 2026-09-21 14:13:20 UTC"
    );
    let not_yet = Wanted {
        days: (1, 30),
        ..Wanted::default()
    };
    Scene::of(&[&good])
        .file(PATH, &certificate(&not_yet))
        .has(&["cert-not-yet-valid proven"]);
    let last_second = Wanted {
        days: (-30, 0),
        ..Wanted::default()
    };
    Scene::of(&[&good])
        .file(PATH, &certificate(&last_second))
        .has(&[]);
}

#[test]
fn a_certificate_that_had_expired_by_the_captures_clock_alone_is_likely() {
    let good = good();
    let last_second = Wanted {
        days: (-30, 0),
        ..Wanted::default()
    };
    Scene::of(&[&good])
        .file(PATH, &certificate(&last_second))
        .with(|facts| facts.time = at(NOW + 2))
        .has(&["cert-expired likely"]);
}

#[test]
fn a_key_of_another_curve_is_told_and_signs_nothing_here() {
    let good = good();
    let p384 = Pair(rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap());
    let scene = Scene::of(&[&good])
        .file(PATH, &Wanted::default().self_signed(&p384))
        .has(&["cert-key-not-p256 proven"]);
    assert!(not_judged(&scene).contains("is elliptic curve 1.3.132.0.34"));
}

#[test]
fn shaken_wants_a_list_of_numbers_in_its_certificate() {
    let good = good();
    let without = Wanted {
        tn_auth: None,
        ..Wanted::default()
    };
    Scene::of(&[&good])
        .file(PATH, &certificate(&without))
        .has(&["cert-no-tnauthlist proven"]);
    let unreadable = Wanted {
        tn_auth: Some(b"\x16\x02no".to_vec()),
        ..Wanted::default()
    };
    Scene::of(&[&good])
        .file(PATH, &certificate(&unreadable))
        .has(&["cert-no-tnauthlist likely"]);
    let base = base(&format!(
        r#"{{"dest":{{"tn":["17771230042"]}},"iat":{NOW},"orig":{{"tn":"12155551212"}}}}"#
    ));
    Scene::of(&[&base])
        .file(PATH, &certificate(&without))
        .has(&["cert-no-tnauthlist possible"]);
}

/// A `TNAuthList` of one number.
fn one_number(digits: &str) -> Wanted<'static> {
    let digits = digits.as_bytes();
    let length = u8::try_from(digits.len()).unwrap();
    let list = [
        &[0x30, length + 4, 0xa2, length + 2, 0x16, length][..],
        digits,
    ]
    .concat();
    Wanted {
        tn_auth: Some(list),
        ..Wanted::default()
    }
}

#[test]
fn a_certificate_of_other_numbers_does_not_cover_the_caller() {
    let good = good();
    let scene = Scene::of(&[&good])
        .file(PATH, &certificate(&one_number("16465550001")))
        .has(&["cert-tn-not-covered proven"]);
    assert!(scene.evidence().contains("orig.tn 12155551212"));
    Scene::of(&[&good])
        .file(PATH, &certificate(&one_number("12155551212")))
        .has(&[]);
}

#[test]
fn a_diversion_is_signed_for_the_number_diverted_from() {
    let (good, div) = (good(), div("17771230042", "18880000001"));
    let uncovered = |number: &str| {
        Scene::of(&[&good, &div])
            .with(|facts| facts.request_uri = b"sip:+18880000001@x;user=phone")
            .file(PATH, &certificate(&one_number(number)))
            .causes()
            .iter()
            .map(|cause| (cause.id, cause.header))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        uncovered("17771230042"),
        [(CauseId::CertTnNotCovered, Some(0))]
    );
    assert_eq!(
        uncovered("12155551212"),
        [(CauseId::CertTnNotCovered, Some(1))]
    );
}

#[test]
fn a_chain_is_judged_with_a_trust_list_only() {
    let (trusted, unknown) = (Authority::new("STI-CA"), Authority::new("Mallory"));
    let good = good();
    let by = |authority: &Authority| Wanted::default().signed_by(pair(), authority);
    Scene::of(&[&good]).file(PATH, &by(&unknown)).has(&[]);
    Scene::of(&[&good])
        .file(PATH, &by(&trusted))
        .trust(&trusted.pem)
        .has(&[]);
    Scene::of(&[&good])
        .file(PATH, &by(&unknown))
        .trust(&trusted.pem)
        .has(&["cert-chain likely"]);
}

#[test]
fn a_revoked_certificate_is_proven_from_the_time_of_its_revocation_on() {
    let authority = Authority::new("STI-CA");
    let good = good();
    let own = Wanted::default().signed_by(pair(), &authority);
    let scene = |serials: &[u64]| {
        Scene::of(&[&good])
            .file(PATH, &own)
            .file("list.crl", &authority.revoke(serials))
            .trust(&authority.pem)
    };
    scene(&[1]).has(&["cert-revoked proven"]);
    scene(&[2]).has(&[]);
    let before = scene(&[1]).with(|facts| {
        facts.time = at(NOW - 3 * DAY);
        facts.date = Some(b"Fri, 18 Sep 2026 14:13:20 GMT");
    });
    let revoked = before.causes().iter().any(|c| c.id == CauseId::CertRevoked);
    assert!(!revoked);
}

#[test]
fn a_compact_form_without_type_is_rebuilt_from_the_message() {
    let claims =
        format!(r#"{{"dest":{{"tn":["17771230042"]}},"iat":{NOW},"orig":{{"tn":"12155551212"}}}}"#);
    let full = base(&claims);
    let token = full.split(';').next().unwrap();
    let compact = format!("..{};info=<{X5U}>", token.rsplit('.').next().unwrap());
    let with_certificate = |to: &'static [u8]| {
        Scene::of(&[&compact])
            .file(PATH, &certificate(&Wanted::default()))
            .with(|facts| {
                facts.to = Some(to);
                facts.request_uri = to;
            })
    };
    with_certificate(b"sip:+1(777)123-0042@x;user=phone").has(&["compact-form possible"]);
    with_certificate(b"sip:+18880000001@x;user=phone")
        .has(&["compact-form possible", "signature-bad likely"]);
}

#[test]
fn the_compact_form_of_rfc_8224_verifies_with_a_time_that_is_text() {
    // RFC 8224 §5 shows it with the signature of the token of RFC 8225 §7.1, the key is that of
    // Appendix A.2 there; no certificate is printed, so the key is asked.
    use crate::stir::canonical::{Claims, signing_input};
    use crate::stir::number::party;
    use crate::stir::signature::{Algorithm, Checked, Key};
    let compact = "..rq3pjT1hoRwakEGjHCnWSwUnshd0-zJ6F1VOgFWSjHBr8Qjpjlk-cpFYpFYsojNCpTzO3QfPOlckGaS6hEck7w;info=<https://cert.example.org/passport.cer>";
    let point =
        "BPBzW0Hf05rwisDyh5DBfX0nGrxnh-_GE1PKi0vCORyx0kppQEy3LJUDITQvzoZVgWAutupyJaO13nm2Eu0m9-4";
    let decode = |text: &[u8]| crate::stir::encoding::decode(text).unwrap().bytes;
    let key = Key::p256(&decode(point.as_bytes())).unwrap();
    let identity = Identity::parse(compact.as_bytes(), false);
    let signature = decode(identity.signature().unwrap());
    let verify = |iat_as_text| {
        let claims = Claims {
            orig: &party(b"sip:12155551212@example.com;user=phone").unwrap(),
            dest: &party(b"sip:alice@example.com").unwrap(),
            iat: crate::stir::date::parse(b"Fri, 25 Sep 2015 19:12:25 GMT").unwrap(),
            iat_as_text,
            x5u: "https://cert.example.org/passport.cer",
            keys: &[],
        };
        let text = signing_input(&claims).unwrap();
        key.verify(Algorithm::Es256, text.as_bytes(), &signature)
    };
    assert_eq!((verify(true), verify(false)), (Checked::Good, Checked::Bad));
}

/// A certificate of an RSA key, signatures it made for [`legacy`], and a certificate it issued.
const MADE: &str = include_str!("legacy.pem");

/// The certificate of the RSA key, and the one it issued.
fn made() -> (&'static str, &'static str) {
    MADE.split_once("leaf:").unwrap()
}

/// The INVITE that the signatures of `legacy.pem` are over.
fn legacy(facts: &mut Facts<'_>) {
    facts.from = Some(b"sip:alice@example.com");
    facts.to = Some(b"sip:bob@example.org");
    facts.asserted.clear();
    facts.request_uri = b"sip:bob@example.org";
    facts.identity_info = Some(b"<https://certs.example.net/legacy.cer>;alg=rsa-sha1");
    facts.legacy = Some(LegacyParts {
        call_id: b"a84b4c76e66710",
        cseq: b"314159 INVITE",
        contact: b"sip:alice@192.0.2.4",
        body: b"v=0\r\n",
    });
}

/// A line of `legacy.pem`.
fn line_of(name: &str) -> &'static str {
    MADE.lines()
        .find_map(|line| line.strip_prefix(name))
        .unwrap()
        .trim()
}

#[test]
fn a_signature_of_rfc_4474_is_checked_with_rsa_over_the_message() {
    for (name, info) in [
        (
            "sha1:",
            &b"<https://certs.example.net/legacy.cer>;alg=rsa-sha1"[..],
        ),
        (
            "sha256:",
            b"<https://certs.example.net/legacy.cer>;alg=rsa-sha256",
        ),
    ] {
        let value = format!("\"{}\"", line_of(name));
        let scene = Scene::of(&[&value])
            .with(legacy)
            .with(|facts| facts.identity_info = Some(info))
            .file("certs.example.net/legacy.cer", made().0)
            .has(&["legacy-identity likely"]);
        assert!(
            matches!(signature(&scene), SignatureCheck::Good { .. }),
            "{name}"
        );
        // Whoever touches the body breaks it.
        scene
            .with(|facts| {
                if let Some(parts) = &mut facts.legacy {
                    parts.body = b"v=0\r\ns=-\r\n";
                }
            })
            .has(&["legacy-identity likely", "signature-bad proven"]);
    }
}

#[test]
fn a_legacy_signature_over_a_body_that_was_cut_is_not_judged() {
    let value = format!("\"{}\"", line_of("sha1:"));
    let scene = Scene::of(&[&value])
        .with(legacy)
        .with(|facts| facts.has_whole_body = false)
        .file("certs.example.net/legacy.cer", made().0)
        .has(&["legacy-identity likely"]);
    assert!(not_judged(&scene).contains("not captured whole"));
}

#[test]
fn an_authority_with_an_rsa_key_is_checked() {
    use crate::stir::certificates::Chain;
    let (rsa, leaf) = made();
    let chain = |trust: &str| {
        let mut store = Store::default();
        store.add("leaf.pem", leaf.as_bytes());
        store.trust(trust.as_bytes());
        store.chain(store.candidates("https://x/leaf.pem")[0].certificate, NOW)
    };
    assert_eq!(chain(rsa), Chain::Trusted("CN=legacy".to_owned()));
    let namesake = chain(&Authority::new("legacy").pem);
    assert!(matches!(namesake, Chain::Broken(_)), "{namesake:?}");
}

#[test]
fn no_token_and_no_certificate_makes_it_panic() {
    let good = good();
    let pem = certificate(&Wanted::default());
    for cut in (0..good.len()).step_by(3) {
        let (start, end) = good.split_at(cut);
        Scene::of(&[start, end]).file(PATH, &pem).causes();
    }
    let mut store = Store::default();
    let der = crate::stir::certificates::pem::objects(pem.as_bytes())
        .remove(0)
        .der
        .unwrap();
    for cut in 0..der.len() {
        store.add("x.der", &der[..cut]);
        let mut flipped = der.clone();
        flipped[cut] ^= 0xff;
        store.add("y.der", &flipped);
    }
    let noise = encode(&[0xff; 64]);
    let value = format!("{noise}.{noise}.{noise};info=<https://x/y.der>");
    let mut scene = Scene::of(&[&value]);
    scene.store = store;
    scene.causes();
}
