//! Why an identity was refused, through the whole program: for every cause there is, a call with
//! real signatures that shows it.

#![expect(
    clippy::expect_used,
    clippy::too_many_lines,
    reason = "tables of calls, a row a cause; what is not there fails the test"
)]

mod common;

use std::collections::BTreeSet;

use common::ladder::Ladder;
use common::run::{Report, text};
use common::signed::{Authority, Claims, Signer, Wanted, date};
use serde_json::{Value, json};
use sipannotate::stir::{CauseId, Store};

const X5U: &str = "https://certs.example.net/709j.pem";
const PATH: &str = "certs.example.net/709j.pem";
const ORIG: &str = "12155551212";
const DEST: &str = "17771230042";

const DAY: i64 = 86_400;

/// A call of one hop, refused with `code`.
fn one_hop(invite: &str, code: &str) -> String {
    format!(
        "host alice 198.51.100.1:5060
host bob   203.0.113.2:5060
call c1 from=+{ORIG} to=+{DEST}
  0.0 alice -> bob INVITE
{invite}  0.1 alice <- bob {code}
  0.2 alice -> bob ACK
"
    )
}

/// The same over a proxy, which changes the INVITE.
fn two_hops(invite: &str, change: &str, code: &str) -> String {
    format!(
        "host alice 198.51.100.1:5060
proxy p    192.0.2.9:5060
host bob   203.0.113.2:5060
call c1 from=+{ORIG} to=+{DEST}
  0.0  alice -> p INVITE
{invite}  0.01 p -> bob INVITE
{change}  0.1  p <- bob {code}
  0.11 alice <- p {code}
  0.12 p -> bob ACK
  0.13 alice -> p ACK
"
    )
}

/// Cause and grade of each diagnosis, and its evidence.
fn diagnosis(response: &Value) -> Vec<(String, String)> {
    let all = response["diagnosis"].as_array().expect("a diagnosis");
    all.iter()
        .map(|one| {
            let grade = one["grade"].as_str().unwrap_or_default();
            let line = format!("{} {grade}", text(one, "cause"));
            (line.trim_end().to_owned(), text(one, "evidence").to_owned())
        })
        .collect()
}

/// What is said of the first refusal of a ladder.
fn diagnosed(ladder: &str, store: Store) -> Vec<(String, String)> {
    let report = Report::of_bytes_signed(Ladder::of(ladder).capture(), store);
    let mut refused = report.responses.iter();
    let refused = refused
        .find(|one| {
            one["diagnosis"]
                .as_array()
                .is_some_and(|all| !all.is_empty())
        })
        .expect("a refusal with a diagnosis");
    diagnosis(refused)
}

/// A store with these files and, if there is one, this trust list.
fn store(files: &[(&str, &str)], trust: Option<&str>) -> Store {
    let mut store = Store::default();
    for (path, bytes) in files {
        store.add(path, bytes.as_bytes());
    }
    if let Some(trust) = trust {
        store.trust(trust.as_bytes());
    }
    store
}

/// One row: what is to be said first, and the call.
struct Row {
    expected: &'static str,
    ladder: String,
    store: Store,
    /// What the evidence holds.
    words: &'static [&'static str],
}

fn row(
    expected: &'static str,
    words: &'static [&'static str],
    ladder: String,
    store: Store,
) -> Row {
    Row {
        expected,
        ladder,
        store,
        words,
    }
}

/// An Identity line and a Date that is in order.
fn lines(identity: &str) -> String {
    format!("  Identity: {identity}\n{}", date(0))
}

const STALE: &str = "403 reason=\"Stale Date\"";

/// Rows about the header, its form and the token's header.
fn of_the_form(signer: &Signer) -> Vec<Row> {
    let none = Store::default;
    let good = || signer.claims(ORIG, DEST, 0);
    let identity = |claims: &Claims| signer.identity(claims);
    let of = |claims: &Claims| lines(&identity(claims));
    let valid = signer.fields(ORIG, DEST, 0);
    let whole = identity(&good());
    let token = signer.token(&good());
    let (head, signature) = token.rsplit_once('.').expect("a signature");
    let with_token = |token: &str| lines(&format!("{token};info=<{X5U}>;alg=ES256;ppt=shaken"));
    let half = [&[0x02, 0x20][..], &[7; 32]].concat();
    let der = [&[0x30, 0x44][..], &half, &half].concat();
    let der = sipannotate::stir::encoding::encode(&der);
    let mut folded = token.clone();
    folded.insert(40, ' ');
    vec![
        row(
            "identity-missing proven",
            &[],
            one_hop(&date(0), "428"),
            none(),
        ),
        row(
            "identity-stripped proven",
            &["198.51.100.1:5060 → 192.0.2.9:5060"],
            two_hops(&valid, "  - Identity\n", "428"),
            none(),
        ),
        row(
            "legacy-identity likely",
            &["ZYNBbHC0"],
            one_hop(
                &format!(
                    "  Identity: \"ZYNBbHC00VMZr2kZt6VmCvPonWJMGvQTBDqghoWeLxJfzB2a1pxAr3VgrB0SsSAaifsRdiOPoQZYOy2wrVghuhcsMbHWUSFx\"\n  \
                     Identity-Info: <https://certs.example.net/old.cer>;alg=rsa-sha1\n{}",
                    date(0)
                ),
                "438",
            ),
            none(),
        ),
        row(
            "signed-fields-changed-between-hops proven",
            &["192.0.2.9:5060", "18880000001"],
            two_hops(&valid, "  To: <sip:+18880000001@203.0.113.2>\n", "438").replace(
                "p -> bob INVITE",
                "p -> bob INVITE uri=sip:+18880000001@203.0.113.2",
            ),
            none(),
        ),
        row(
            "identity-changed-between-hops proven",
            &["192.0.2.9:5060"],
            two_hops(
                &valid,
                &with_token(&format!("{}.{signature}", head.replace("eyJ", "eyK"))),
                "438",
            ),
            none(),
        ),
        row(
            "identity-malformed proven",
            &["`;`"],
            one_hop(&lines(&whole.replace(">;alg", ">alg")), "438"),
            none(),
        ),
        row(
            "compact-form proven",
            &[],
            one_hop(&with_token(&format!("..{signature}")), "438"),
            none(),
        ),
        row(
            "truncated-or-folded likely",
            &[],
            one_hop(&with_token(&folded), "438"),
            none(),
        ),
        row(
            "base64-bad proven",
            &[],
            one_hop(
                &with_token(&format!("{}.{signature}", head.replace("eyJ", "e!J"))),
                "438",
            ),
            none(),
        ),
        row(
            "sig-length proven",
            &["DER"],
            one_hop(&with_token(&format!("{head}.{der}")), "438"),
            none(),
        ),
        row(
            "typ-bad proven",
            &["jwt"],
            one_hop(&of(&good().header("typ", "jwt")), "437"),
            none(),
        ),
        row(
            "header-claim-missing proven",
            &["x5u"],
            one_hop(&of(&good().header("x5u", Value::Null)), "436"),
            none(),
        ),
        row(
            "alg-not-es256 proven",
            &["RS256"],
            one_hop(&of(&good().header("alg", "RS256")), "437"),
            none(),
        ),
        row(
            "alg-mismatch proven",
            &["ES384", "ES256"],
            one_hop(&lines(&whole.replace("alg=ES256", "alg=ES384")), "438"),
            none(),
        ),
        row(
            "ppt-mismatch proven",
            &["div", "shaken"],
            one_hop(&lines(&whole.replace("ppt=shaken", "ppt=div")), "438"),
            none(),
        ),
        row(
            "ppt-unsupported likely",
            &["vesper"],
            one_hop(&of(&good().header("ppt", "vesper")), "428"),
            none(),
        ),
        row(
            "x5u-ne-info proven",
            &["other.pem"],
            one_hop(&lines(&whole.replace("709j.pem>", "other.pem>")), "436"),
            none(),
        ),
        row(
            "x5u-not-fetchable-form likely",
            &["10.0.0.1"],
            one_hop(
                &lines(&{
                    let private = Signer::new("https://10.0.0.1/709j.pem");
                    private.identity(&private.claims(ORIG, DEST, 0))
                }),
                "436",
            ),
            none(),
        ),
        row(
            "duplicate-identity possible",
            &[],
            one_hop(&format!("{valid}  + Identity: {whole}\n"), "438"),
            none(),
        ),
    ]
}

/// Rows about claims.
fn of_the_claims(signer: &Signer) -> Vec<Row> {
    let none = Store::default;
    let good = || signer.claims(ORIG, DEST, 0);
    let of = |claims: &Claims| lines(&signer.identity(claims));
    let at = |at: i64| lines(&signer.identity(&signer.claims(ORIG, DEST, at)));
    let (mky, sdp) = (
        json!([{"alg": "sha-256", "dig": "00".repeat(32)}]),
        format!(
            "  | v=0\n  | o=- 1 1 IN IP4 198.51.100.1\n  | s=-\n  | c=IN IP4 198.51.100.1\n  | t=0 0\n  | m=audio 40000 UDP/TLS/RTP/SAVP 0\n  \
             | a=fingerprint:sha-256 {}\n",
            ["AB"; 32].join(":")
        ),
    );
    let div = good()
        .header("ppt", "div")
        .claim("attest", Value::Null)
        .claim("origid", Value::Null)
        .claim("div", json!({"tn": "19990000000"}));
    let div = format!("{}  + Identity: {}\n", of(&good()), signer.identity(&div));
    vec![
        row(
            "claim-missing proven",
            &["attest"],
            one_hop(&of(&good().claim("attest", "D")), "438"),
            none(),
        ),
        row(
            "iat-not-number possible",
            &[],
            one_hop(
                &of(&good().claim("iat", common::signed::EPOCH.to_string())),
                "438",
            ),
            none(),
        ),
        row(
            "orig-mismatch proven",
            &["orig.tn 16465550000", "From 12155551212"],
            one_hop(
                &of(&good().claim("orig", json!({"tn": "16465550000"}))),
                "438",
            ),
            none(),
        ),
        row(
            "orig-format likely",
            &["2155551212"],
            one_hop(
                &of(&good().claim("orig", json!({"tn": "2155551212"}))),
                "438",
            ),
            none(),
        ),
        row(
            "pai-vs-from likely",
            &["16465550000"],
            one_hop(
                &format!(
                    "{}  + P-Asserted-Identity: <sip:+16465550000@198.51.100.1>\n",
                    of(&good())
                ),
                "438",
            ),
            none(),
        ),
        row(
            "div-chain-broken likely",
            &["19990000000"],
            one_hop(&div, "438"),
            none(),
        ),
        row(
            "dest-mismatch proven",
            &["dest.tn 15551239999", "To 17771230042"],
            one_hop(
                &of(&good().claim("dest", json!({"tn": ["15551239999"]}))),
                "438",
            ),
            none(),
        ),
        row(
            "dest-format likely",
            &["7771230042"],
            one_hop(
                &of(&good().claim("dest", json!({"tn": ["7771230042"]}))),
                "438",
            ),
            none(),
        ),
        row(
            "dest-ruri-only possible",
            &["18880000001"],
            one_hop(&of(&good()), "438")
                .replace("INVITE\n", "INVITE uri=sip:+18880000001@203.0.113.2\n"),
            none(),
        ),
        row(
            "mky-mismatch proven",
            &[],
            one_hop(&format!("{}{sdp}", of(&good().claim("mky", mky))), "438"),
            none(),
        ),
        row(
            "stale-iat likely",
            &["90"],
            one_hop(&at(-90), STALE),
            none(),
        ),
        row(
            "future-iat likely",
            &["20"],
            one_hop(&at(20), STALE),
            none(),
        ),
        row(
            "stale-date likely",
            &[],
            one_hop(&of(&good()).replace(&date(0), &date(-600)), STALE),
            none(),
        ),
        row(
            "future-date likely",
            &["90 s after the INVITE was captured"],
            one_hop(&of(&good()).replace(&date(0), &date(90)), STALE),
            none(),
        ),
        row(
            "iat-implausible likely",
            &["iat 5 is 1970-01-01 00:00:05 UTC"],
            one_hop(&of(&good().claim("iat", json!(5))), "438"),
            none(),
        ),
        row(
            "iat-vs-date likely",
            &[],
            one_hop(&at(-35).replace(&date(0), &date(35)), "438"),
            none(),
        ),
    ]
}

/// Rows about certificates and signatures.
fn of_the_certificate(signer: &Signer) -> Vec<Row> {
    let fields = signer.fields(ORIG, DEST, 0);
    let refused = |code: &str| one_hop(&fields, code);
    let with = |wanted: &Wanted<'_>| store(&[(PATH, &signer.certificate(wanted, None))], None);
    let valid = |from: i64, to: i64| Wanted {
        valid: (from, to),
        ..Wanted::default()
    };
    let authority = Authority::new("STI-CA");
    let other_authority = Authority::new("other CA");
    let issued = signer.certificate(&Wanted::default(), Some(&authority));
    let numbers = vec![0x30, 0x0f, 0xa2, 0x0d, 0x16, 0x0b]
        .into_iter()
        .chain(*b"13035550000")
        .collect();
    let other = Signer::new(X5U);
    let others = other.certificate(&Wanted::default(), None);
    let own = signer.certificate(&Wanted::default(), None);
    let wide = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).expect("a key");
    let wide = rcgen::CertificateParams::default()
        .self_signed(&wide)
        .expect("a certificate");
    vec![
        row(
            "cert-expired proven",
            &["was valid until 2026-01-05 09:59:00 UTC"],
            refused("437"),
            with(&valid(-30 * DAY, -60)),
        ),
        row(
            "cert-not-yet-valid proven",
            &["is valid from"],
            refused("437"),
            with(&valid(3600, DAY)),
        ),
        row(
            "cert-key-not-p256 proven",
            &[],
            refused("437"),
            store(&[(PATH, &wide.pem())], None),
        ),
        row(
            "cert-no-tnauthlist proven",
            &["709j.pem has no TNAuthList"],
            refused("437"),
            with(&Wanted {
                tn_auth: None,
                ..Wanted::default()
            }),
        ),
        row(
            "cert-tn-not-covered proven",
            &["orig.tn 12155551212"],
            refused("438"),
            with(&Wanted {
                tn_auth: Some(numbers),
                ..Wanted::default()
            }),
        ),
        row(
            "cert-claim-constraints likely",
            &["attest may be B, and is A"],
            refused("438"),
            with(&Wanted {
                extensions: vec![rcgen::CustomExtension::from_oid_content(
                    &[1, 3, 6, 1, 5, 5, 7, 1, 27],
                    [
                        &[0x30, 19, 0xa1, 17, 0x30, 15, 0x30, 13, 0x16, 6][..],
                        b"attest",
                        &[0x30, 3, 0x0c, 1, b'B'],
                    ]
                    .concat(),
                )],
                ..Wanted::default()
            }),
        ),
        row(
            "cert-chain likely",
            &["neither in the trust list"],
            refused("437"),
            store(&[(PATH, &issued)], Some(&other_authority.pem)),
        ),
        row(
            "cert-revoked proven",
            &["serial 07"],
            refused("437"),
            store(
                &[(PATH, &issued), ("crl.pem", &authority.revoke(&[7], -DAY))],
                Some(&authority.pem),
            ),
        ),
        row(
            "wrong-key-for-x5u proven",
            &["old.pem"],
            refused("438"),
            store(
                &[(PATH, &others), ("certs.example.net/old.pem", &own)],
                None,
            ),
        ),
        row(
            "signature-bad proven",
            &["does not verify with"],
            refused("438"),
            store(&[(PATH, &others)], None),
        ),
        row(
            "unexplained",
            &["its signature verifies with", "orig equal"],
            refused("438"),
            store(&[(PATH, &own)], None),
        ),
    ]
}

#[test]
fn every_cause_that_one_call_can_show_is_named_first_with_its_grade_and_evidence() {
    let signer = Signer::new(X5U);
    let rows = of_the_form(&signer)
        .into_iter()
        .chain(of_the_claims(&signer))
        .chain(of_the_certificate(&signer));
    let (mut wrong, mut shown) = (Vec::new(), BTreeSet::new());
    for row in rows {
        let found = diagnosed(&row.ladder, row.store);
        let (first, evidence) = &found[0];
        let has_words = row.words.iter().all(|word| evidence.contains(word));
        if first != row.expected || !has_words {
            wrong.push(format!("{}: {found:#?}", row.expected));
        }
        shown.insert(row.expected.split(' ').next().expect("a cause"));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let by_history = [
        "clock-skew-capture",
        "clock-skew-signer",
        "replay",
        "retry-storm",
    ];
    let missing: Vec<_> = CauseId::ALL
        .iter()
        .map(|id| id.name())
        .filter(|name| !shown.contains(name) && !by_history.contains(name))
        .collect();
    assert_eq!(missing, [""; 0], "a cause without a call that shows it");
}

/// What would settle an unexplained refusal, for a call whose signer is known or not.
#[test]
fn certificates_that_were_given_and_verified_are_not_asked_for() {
    let signer = Signer::new(X5U);
    let own = signer.certificate(&Wanted::default(), None);
    let ladder = one_hop(&signer.fields(ORIG, DEST, 0), "438");
    let asked = |store: Store| {
        let report = Report::of_bytes_signed(Ladder::of(&ladder).capture(), store);
        let found: Vec<_> = report.findings("identity-failure").collect();
        assert_eq!(found.len(), 1);
        assert_eq!(text(found[0], "cause"), "unexplained");
        text(found[0], "raise").to_owned()
    };
    assert_eq!(
        asked(store(&[(PATH, &own)], None)),
        "ask the verifier for its log of these calls (by origid)"
    );
    assert!(asked(store(&[], None)).contains("--certs"));
}
