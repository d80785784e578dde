//! What verifiers say of signed calls, softly or not, over many calls: how it is told, what
//! changed when it began, and that accepted calls are left alone.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "test support beside the tests; what is not there fails the test"
)]

mod common;

use std::fmt::Write as _;

use common::ladder::Ladder;
use common::run::{Report, accuses, findings, number, text};
use common::signed::{Authority, Signer, Wanted, date};
use serde_json::{Value, json};
use sipannotate::stir::Store;

const SCENE: &str = "
host  alice 198.51.100.1:5060
host  carol 198.51.100.7:5060
proxy p     192.0.2.9:5060
host  bob   203.0.113.2:5060
";
const X5U: &str = "https://certs.example.net/709j.pem";
const ORIG: &str = "12155551212";
const DEST: &str = "17771230042";

fn report(ladder: &str, store: Store) -> Report {
    Report::of_bytes_signed(Ladder::of(ladder).capture(), store)
}

/// A call over the proxy, which verifies: what alice sends, what the proxy changes, what answers.
fn over_proxy(invite: &str, change: &str, answers: &str) -> String {
    format!(
        "{SCENE}call c1 from=+{ORIG} to=+{DEST}
  0.0  alice -> p INVITE
{invite}  0.01 p -> bob INVITE
{change}{answers}"
    )
}

const ANSWERED: &str = "  1.0  p <- bob 200
  1.01 alice <- p 200
  1.1  alice -> p ACK
  1.11 p -> bob ACK
";

/// Title, cause and qualifier of the findings of a rule.
fn told<'a>(report: &'a Report, rule: &'a str) -> Vec<(String, String, String)> {
    let of = |finding: &Value, name: &str| finding[name].as_str().unwrap_or_default().to_owned();
    report
        .findings(rule)
        .map(|one| (of(one, "title"), of(one, "cause"), of(one, "qualifier")))
        .collect()
}

fn one<'a>(report: &'a Report, rule: &'a str) -> &'a Value {
    let all: Vec<_> = report.findings(rule).collect();
    assert_eq!(all.len(), 1, "{:#?}", report.view["findings"]);
    all[0]
}

/// Signed with another caller than the message's.
fn misdialled(signer: &Signer) -> String {
    let claims = signer.claims(ORIG, DEST, 0);
    let wrong = claims.claim("orig", json!({"tn": "16465550000"}));
    format!("  Identity: {}\n{}", signer.identity(&wrong), date(0))
}

fn verstat(value: &str) -> String {
    format!("  - Identity\n  + P-Asserted-Identity: <tel:+{ORIG};verstat={value}>\n")
}

#[test]
fn verstat_failed_in_the_invite_sent_on_is_judged_as_it_came_to_the_verifier() {
    let signer = Signer::new(X5U);
    let ladder = over_proxy(
        &misdialled(&signer),
        &verstat("TN-Validation-Failed"),
        ANSWERED,
    );
    let report = report(&ladder, Store::default());
    assert_eq!(
        told(&report, "soft-identity-failure"),
        [(
            "1 call that went on although a verifier reported verstat=TN-Validation-Failed: orig-mismatch".to_owned(),
            "orig-mismatch".to_owned(),
            "verstat".to_owned()
        )]
    );
    let evidence = text(one(&report, "soft-identity-failure"), "evidence");
    for part in [
        "orig.tn 16465550000",
        "From 12155551212",
        "198.51.100.1:5060 → 192.0.2.9:5060",
    ] {
        assert!(evidence.contains(part), "{evidence}");
    }
    assert_eq!(number(&report.view["signers"][0], "rejected"), 1);
}

#[test]
fn no_validation_is_a_failure_of_signed_calls_only_and_a_passed_one_of_none() {
    let signer = Signer::new(X5U);
    let of = |invite: &str, value: &str| {
        let ladder = over_proxy(invite, &verstat(value), ANSWERED);
        told(&report(&ladder, Store::default()), "soft-identity-failure")
    };
    let fine = signer.fields(ORIG, DEST, 0);
    assert_eq!(of(&date(0), "No-TN-Validation"), []);
    assert_eq!(of(&fine, "TN-Validation-Passed-A"), []);
    let found = of(&fine, "No-TN-Validation");
    assert_eq!(found.len(), 1);
    assert_eq!(
        found[0].0,
        "1 call that went on although the verifier had validated nothing (verstat=No-TN-Validation): unexplained"
    );
}

#[test]
fn a_verifier_that_cannot_be_seen_says_failed_and_nothing_is_guessed() {
    let ladder = format!(
        "{SCENE}call c1 from=+{ORIG} to=+{DEST}
  0.0 p -> bob INVITE
  + P-Asserted-Identity: <tel:+{ORIG};verstat=TN-Validation-Failed>
  1.0 p <- bob 200
  1.1 p -> bob ACK
"
    );
    let report = report(&ladder, Store::default());
    let found = told(&report, "soft-identity-failure");
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].1, "");
    assert!(!findings(&report.view).any(accuses));
}

#[test]
fn a_reason_of_stir_or_its_older_form_counts_in_every_response_but_100() {
    let signer = Signer::new(X5U);
    let went_on = "1 call that went on although a verifier reported 438: orig-mismatch";
    let ended =
        "1 call of which a verifier reported 438, and which ended with another code: orig-mismatch";
    for (code, reason, expected) in [
        (
            "183",
            "STIR ;cause=438 ;text=\"Invalid Identity Header\"",
            Some(went_on),
        ),
        (
            "180",
            "SIP ;cause=438 ;text=\"Invalid Identity Header\"",
            Some(went_on),
        ),
        ("200", "Q.850;cause=16, STIR;cause=438", Some(went_on)),
        ("480", "SIP;cause=438", Some(ended)),
        ("100", "STIR;cause=438", None),
        ("183", "SIP;cause=500", None),
    ] {
        let answers = match code {
            "200" => ANSWERED.replacen("200\n", &format!("200\n  Reason: {reason}\n"), 1),
            "480" => format!(
                "  1.0  p <- bob 480\n  Reason: {reason}\n  1.01 alice <- p 480\n  1.02 p -> bob ACK\n  1.03 alice -> p ACK\n"
            ),
            code => format!("  0.5  p <- bob {code}\n  Reason: {reason}\n{ANSWERED}"),
        };
        let ladder = over_proxy(&misdialled(&signer), "", &answers);
        let report = report(&ladder, Store::default());
        let found = told(&report, "soft-identity-failure");
        let titles: Vec<_> = found.iter().map(|one| one.0.as_str()).collect();
        assert_eq!(titles, expected.as_slice(), "{code} {reason}");
        assert_eq!(report.findings("identity-failure").count(), 0);
    }
}

/// Calls of a signer to bob, one a second from `from` on; each with `change` of its fields.
fn calls(
    name: &str,
    (src, signer): (&str, &Signer),
    seconds: std::ops::Range<i64>,
    answer: &str,
    fields: impl Fn(&Signer, &str, i64) -> String,
) -> String {
    let mut ladder = String::new();
    for at in seconds {
        let dest = format!("1777123{:04}", at % 10_000);
        let fields = fields(signer, &dest, at);
        let end = if answer == "200" {
            format!("  0.03 {src} -> bob BYE\n  0.04 {src} <- bob 200\n")
        } else {
            String::new()
        };
        write!(
            ladder,
            "call {name}-{at} from=+{ORIG} to=+{dest} at {at}\n  0.0 {src} -> bob INVITE\n{fields}  0.01 {src} <- bob {answer}\n  \
             0.02 {src} -> bob ACK\n{end}"
        )
        .expect("a String takes all");
    }
    ladder
}

fn in_order(signer: &Signer, dest: &str, at: i64) -> String {
    signer.fields(ORIG, dest, at)
}

/// The certificates of the two signers: of the first it ends at 400 s.
fn certificates(east: &Signer, west: &Signer, authority: &Authority) -> Store {
    let ends = Wanted {
        valid: (-86_400, 400),
        ..Wanted::default()
    };
    let stays = Wanted {
        serial: 8,
        ..Wanted::default()
    };
    let mut store = Store::default();
    for (signer, wanted) in [(east, ends), (west, stays)] {
        let path = signer.x5u.trim_start_matches("https://");
        let pem = signer.certificate(&wanted, Some(authority));
        store.add(path, pem.as_bytes());
    }
    store.trust(authority.pem.as_bytes());
    store
}

const WEST: &str = "https://certs.example.net/west.pem";

#[test]
fn a_certificate_that_ends_is_named_as_the_onset_with_counts_before_and_since() {
    let (east, west) = (Signer::new(X5U), Signer::new(WEST));
    let authority = Authority::new("STI-CA");
    let ladder = [
        SCENE,
        &calls("east", ("alice", &east), 0..401, "200", in_order),
        &calls("gone", ("alice", &east), 405..435, "437", in_order),
        &calls("west", ("carol", &west), 0..440, "200", in_order),
        "end 900\n",
        &calls("other", ("carol", &west), 410..413, "438", in_order),
    ]
    .concat();
    let report = report(&ladder, certificates(&east, &west, &authority));
    let burst = report
        .findings("response-burst")
        .find(|one| one["code"] == 437)
        .expect("a burst of 437");
    let onset = &burst["onset"];
    assert_eq!(
        (
            text(onset, "kind"),
            text(onset, "value"),
            text(onset, "time")
        ),
        ("certificate-ended", X5U, "2026-01-05T10:06:40.000000000Z")
    );
    let evidence = text(onset, "evidence");
    for part in [
        "(certs.example.net/709j.pem, serial 07) ended at 2026-01-05 10:06:40 UTC",
        "of its calls 0 of 401 were refused in the hour before and 30 of 30 since",
        "of all others 0 of 405 and 0 of 33",
    ] {
        assert!(evidence.contains(part), "{evidence}");
    }
    assert!(
        text(burst, "detail").contains("Since 2026-01-05 10:06:45 UTC: the certificate of x5u")
    );
    assert_eq!(
        burst["causes"][0],
        json!({"cause": "cert-expired", "grade": "proven", "count": 30})
    );
    // Other refusals of identities meanwhile are told beside it.
    assert_eq!(
        burst["otherwise"],
        json!([{"code": 438, "soft": false, "count": 3}])
    );
    assert!(
        text(burst, "detail").contains("In the same time identities failed otherwise: 3 with 438.")
    );
    let signer = &report.view["signers"][0];
    assert_eq!(
        (number(signer, "invites"), number(signer, "rejected")),
        (443, 3)
    );
}

#[test]
fn a_clock_that_is_set_is_named_as_the_onset_and_as_the_cause() {
    let (east, west) = (Signer::new(X5U), Signer::new(WEST));
    let late = |signer: &Signer, dest: &str, at: i64| {
        let claims = signer.claims(ORIG, dest, at - 90);
        format!("  Identity: {}\n{}", signer.identity(&claims), date(at))
    };
    let ladder = [
        SCENE,
        &calls("east", ("alice", &east), 0..400, "200", in_order),
        &calls(
            "late",
            ("alice", &east),
            400..430,
            "403 reason=\"Stale Date\"",
            late,
        ),
        &calls("west", ("carol", &west), 0..440, "200", in_order),
    ]
    .concat();
    let report = report(&ladder, Store::default());
    let burst = report
        .findings("response-burst")
        .find(|one| one["code"] == 403)
        .expect("a burst of 403");
    assert_eq!(text(&burst["onset"], "kind"), "iat-age-step");
    assert_eq!(text(&burst["onset"], "value"), "+90.0 s");
    assert_eq!(burst["causes"][0]["cause"], "stale-iat");
    let ages = burst["contributors"]
        .as_array()
        .expect("contributors")
        .iter();
    let ages: Vec<_> = ages.filter(|one| one["dimension"] == "iat-age").collect();
    assert_eq!(ages[0]["refused"], json!([30, 30]));
    assert_eq!(ages[0]["accepted"], json!([0, 30]));
}

#[test]
fn another_signer_than_before_is_named_as_the_onset() {
    let (old, new, west) = (
        Signer::new("https://certs.example.net/old.pem"),
        Signer::new(X5U),
        Signer::new(WEST),
    );
    let ladder = [
        SCENE,
        &calls("old", ("alice", &old), 0..400, "200", in_order),
        &calls("new", ("alice", &new), 400..430, "438", in_order),
        &calls("west", ("carol", &west), 0..440, "200", in_order),
    ]
    .concat();
    let report = report(&ladder, Store::default());
    let burst = one(&report, "identity-burst");
    assert_eq!(text(&burst["onset"], "kind"), "x5u-changed");
    assert!(
        text(&burst["onset"], "evidence")
            .contains("where it was https://certs.example.net/old.pem before")
    );
    assert_eq!(burst["separable"], true);
}

#[test]
fn a_signer_whose_clock_is_off_and_a_capture_whose_is_are_told_apart() {
    let (east, west) = (Signer::new(X5U), Signer::new(WEST));
    let slow = |signer: &Signer, dest: &str, at: i64| {
        let claims = signer.claims(ORIG, dest, at - 30);
        format!("  Identity: {}\n{}", signer.identity(&claims), date(at))
    };
    let refused = "403 reason=\"Stale Date\"";
    let causes = |ladder: &[&str]| -> Vec<String> {
        let report = report(&ladder.concat(), Store::default());
        let of_east = |one: &&Value| one["code"] == 403 && text(one, "call_id").starts_with("east");
        let last = report.responses.iter().rfind(of_east).expect("a refusal");
        let all = last["diagnosis"].as_array().expect("causes").iter();
        all.map(|one| text(one, "cause").to_owned()).collect()
    };
    // What a verifier accepts otherwise is no reason, so all of them are refused.
    let east = calls("east", ("alice", &east), 0..40, refused, slow);
    let one = calls("west", ("carol", &west), 0..40, "200", in_order);
    let all = calls("west", ("carol", &west), 0..40, refused, slow);
    assert_eq!(causes(&[SCENE, &east, &one]), ["clock-skew-signer"]);
    assert_eq!(causes(&[SCENE, &east, &all]), ["clock-skew-capture"]);
}

#[test]
fn a_token_that_is_used_again_is_named_and_so_are_retries() {
    let signer = Signer::new(X5U);
    let fields = signer.fields(ORIG, DEST, 0);
    let mut ladder = SCENE.to_owned();
    for round in 0..5 {
        write!(
            ladder,
            "call r{round} from=+{ORIG} to=+{DEST} at {round}\n  0.0 alice -> bob INVITE\n{fields}  0.01 alice <- bob 438\n  0.02 \
             alice -> bob ACK\n"
        )
        .expect("a String takes all");
    }
    let report = report(&ladder, Store::default());
    let last = report.responses.last().expect("a response");
    let causes: Vec<_> = last["diagnosis"]
        .as_array()
        .expect("causes")
        .iter()
        .map(|one| text(one, "cause"))
        .collect();
    assert_eq!(causes, ["replay", "retry-storm"]);
    let first: Vec<_> = report.responses[0]["diagnosis"]
        .as_array()
        .expect("causes")
        .iter()
        .map(|one| text(one, "cause"))
        .collect();
    assert_eq!(first, ["unexplained"]);
    // One call, dialled five times with a Call-ID each: no failure of many.
    let burst = one(&report, "identity-burst");
    assert_eq!(
        (number(burst, "count"), number(burst, "distinct_calls")),
        (5, 1)
    );
    assert_eq!(
        (&burst["storm_of_few_calls"], &burst["severity"]),
        (&json!(true), &json!("warning"))
    );
    assert!(text(burst, "detail").contains("and 5 attempts: it was tried 5 times, 1.0 s apart"));
}

#[test]
fn what_calls_with_the_same_difference_passed_is_said_to_be_no_reason() {
    let signer = Signer::new(X5U);
    let pem = signer.certificate(
        &Wanted {
            tn_auth: None,
            ..Wanted::default()
        },
        None,
    );
    let mut store = Store::default();
    store.add("certs.example.net/709j.pem", pem.as_bytes());
    let ladder = [
        SCENE,
        &calls("yes", ("alice", &signer), 0..10, "200", in_order),
        &calls("no", ("alice", &signer), 10..11, "437", in_order),
    ]
    .concat();
    let report = report(&ladder, store);
    let refused = report
        .responses
        .iter()
        .find(|one| one["code"] == 437)
        .expect("a refusal");
    let first = &refused["diagnosis"][0];
    assert_eq!(first["cause"], "unexplained");
    let evidence = text(first, "evidence");
    assert!(
        evidence.contains("cert-no-tnauthlist holds, and is no reason: this verifier accepted 10 calls with the same"),
        "{evidence}"
    );
}

#[test]
fn a_file_found_by_its_name_alone_proves_nothing_where_another_signer_has_that_name() {
    let east = Signer::new("https://certs.east.example.net/cert.pem");
    let west = Signer::new("https://certs.west.example.net/cert.pem");
    let pem = east.certificate(&Wanted::default(), None);
    let mut store = Store::default();
    store.add("cert.pem", pem.as_bytes());
    let ladder = [
        SCENE,
        &calls("yes", ("alice", &east), 0..3, "200", in_order),
        &calls("no", ("carol", &west), 3..4, "438", in_order),
    ]
    .concat();
    let report = report(&ladder, store);
    let refused = report
        .responses
        .iter()
        .find(|one| one["code"] == 438)
        .expect("a refusal");
    let first = &refused["diagnosis"][0];
    assert_eq!(
        (text(first, "cause"), text(first, "grade")),
        ("signature-bad", "likely")
    );
    assert!(text(first, "evidence").ends_with(
        "does not verify with cert.pem, a name that the certificates of other signers have, too"
    ));
}

#[test]
fn many_callers_behind_one_number_are_not_said_to_be_one_call_tried_again() {
    let mut ladder = SCENE.to_owned();
    for at in 0..30 {
        writeln!(
            ladder,
            "call desk-{at} from=+{ORIG} to=+{DEST} at {at}\n  0.0 alice -> bob INVITE\n  0.1 alice <- bob 438\n  \
             0.2 alice -> bob ACK"
        )
        .expect("a String takes all");
    }
    let report = report(&ladder, Store::default());
    let burst = one(&report, "identity-burst");
    assert!(
        text(burst, "title").ends_with("; 1 call by their numbers, tried 30 times"),
        "{}",
        text(burst, "title")
    );
    let detail = text(burst, "detail");
    for part in [
        "It is 1 call by their numbers (the same two within 30 s; 30 Call-IDs)",
        "or many callers share a number",
    ] {
        assert!(detail.contains(part), "{detail}");
    }
    assert!(!detail.contains("no failure of many"), "{detail}");
}

#[test]
fn messages_are_judged_like_calls() {
    let signer = Signer::new(X5U);
    let claims = signer
        .claims(ORIG, "15551239999", 0)
        .header("ppt", "msg")
        .claim("attest", Value::Null)
        .claim("origid", Value::Null)
        .claim(
            "msgi",
            "sha256-H8BRh8j48O9oYatfu5AZzq6A9RINQZngK7T62em8MUt1FLm52t+eX6xO",
        );
    let ladder = format!(
        "{SCENE}call m1 from=+{ORIG} to=+{DEST}\n  0.0 alice -> bob MESSAGE\n  Identity: {}\n{}  0.1 alice <- bob 438\n",
        signer.identity(&claims),
        date(0)
    );
    let report = report(&ladder, Store::default());
    let diagnosis = &report.responses[0]["diagnosis"];
    assert_eq!(diagnosis[0]["cause"], "dest-mismatch", "{diagnosis}");
    assert_eq!(number(&report.view["signers"][0], "rejected"), 1);
}

/// The proxy tries one gateway after the other; what came to it was not captured.
fn one_after_the_other(name: &str, at: i64, fields: &str, answers: [u16; 3]) -> String {
    let mut ladder = format!(
        "call {name} from=+{ORIG} to=+{DEST} at {at}\n  0.0 alice -> p INVITE lost\n{fields}"
    );
    for (code, (second, host)) in answers.iter().zip([(1, "bob"), (2, "carl"), (3, "dora")]) {
        write!(
            ladder,
            "  {second}.0 p -> {host} INVITE\n  {second}.1 p <- {host} {code}\n  {second}.2 p -> {host} ACK\n"
        )
        .expect("a String takes all");
        if *code == 200 {
            break;
        }
    }
    ladder
}

const GATEWAYS: &str = "host carl 203.0.113.3:5060\nhost dora 203.0.113.4:5060\n";

#[test]
fn a_proxy_that_tries_the_next_route_after_a_438_makes_attempts_and_is_told_as_retrying() {
    let signer = Signer::new(X5U);
    let fields = signer.fields(ORIG, DEST, 0);
    let call = one_after_the_other("c1", 0, &fields, [438, 438, 438]);
    let report = report(&format!("{SCENE}{GATEWAYS}{call}"), Store::default());
    let causes: Vec<Vec<&str>> = report
        .responses
        .iter()
        .map(|one| {
            let all = one["diagnosis"].as_array().expect("causes").iter();
            all.map(|one| text(one, "cause")).collect()
        })
        .collect();
    assert_eq!(
        causes,
        [
            vec!["unexplained"],
            vec!["unexplained"],
            vec!["unexplained", "retry-storm"]
        ]
    );
    let failures: u64 = report
        .findings("identity-failure")
        .map(|one| number(one, "count"))
        .sum();
    assert_eq!(failures, 3);
}

#[test]
fn a_try_that_passes_after_a_refused_one_is_not_refused_and_no_precedent_is_lost() {
    let signer = Signer::new(X5U);
    let mut ladder = format!("{SCENE}{GATEWAYS}");
    for call in 0..10 {
        // Ten callees: the same two numbers again would be one call, tried again.
        let dest = format!("1777123{call:04}");
        let fields = signer.fields(ORIG, &dest, call * 5);
        let name = format!("c{call}");
        ladder +=
            &one_after_the_other(&name, call * 5, &fields, [438, 200, 0]).replace(DEST, &dest);
    }
    let report = report(&ladder, Store::default());
    let burst = one(&report, "identity-burst");
    assert_eq!(
        (number(burst, "count"), number(burst, "attempts")),
        (10, 19)
    );
    assert!(burst["otherwise"].is_null(), "{}", burst["otherwise"]);
    // Where it goes makes the difference.
    let contributors = burst["contributors"]
        .as_array()
        .expect("contributors")
        .iter();
    let verifier: Vec<_> = contributors
        .filter(|one| one["dimension"] == "verifier")
        .collect();
    assert_eq!(verifier[0]["value"], "203.0.113.2");
    assert_eq!(verifier[0]["refused"], json!([10, 10]));
    assert_eq!(verifier[0]["accepted"], json!([0, 9]));
    let signer = &report.view["signers"][0];
    assert_eq!(
        (number(signer, "invites"), number(signer, "rejected")),
        (20, 10)
    );
}

#[test]
fn branches_that_are_open_together_are_one_attempt() {
    let signer = Signer::new(X5U);
    let ladder = format!(
        "{SCENE}{GATEWAYS}call c1 from=+{ORIG} to=+{DEST}\n  0.0 alice -> p INVITE lost\n{}  0.1 p -> bob INVITE\n  0.11 p -> carl \
         INVITE\n  0.2 p <- bob 438\n  0.21 p -> bob ACK\n  0.3 p <- carl 438\n  0.31 p -> carl ACK\n",
        signer.fields(ORIG, DEST, 0)
    );
    let report = report(&ladder, Store::default());
    let failures: u64 = report
        .findings("identity-failure")
        .map(|one| number(one, "count"))
        .sum();
    assert_eq!(failures, 1);
}

#[test]
fn who_signed_an_answer_is_said_of_it() {
    let signer = Signer::new(X5U);
    let claims = signer
        .claims(DEST, ORIG, 0)
        .header("ppt", "rsp")
        .claim("attest", Value::Null)
        .claim("origid", Value::Null);
    let signed = format!("200\n  Identity: {}\n", signer.identity(&claims));
    let ladder = over_proxy("", "", &ANSWERED.replacen("200\n", &signed, 1));
    let report = report(&ladder, Store::default());
    let contexts: Vec<_> = report
        .responses
        .iter()
        .map(|one| text(one, "context"))
        .collect();
    let words = format!("signed, PASSporT \"rsp\" of \"{X5U}\", orig \"{DEST}\"");
    assert!(
        contexts.iter().all(|context| context.contains(&words)),
        "{contexts:?}"
    );
    assert!(!findings(&report.view).any(accuses));
}
