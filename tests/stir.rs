//! Signed calls of which everything is known, diagnosed: every refused one has its cause named, with
//! its grade and nothing that contradicts it, and no accepted one has a proven fault.
//!
//! In: the generated hour of signed calls and the public tokens beside the project, and the sample
//! of this project; where the folder is absent the tests say so. Messages are paired simply here: by
//! Call-ID, and a refusal with the INVITE of the hop it came back on.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test: what cannot be read fails it"
)]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use common::run::{shared, text};
use proptest::prelude::*;
use serde_json::Value;
use sipannotate::capture::{Next, Reader};
use sipannotate::limits::Limits;
use sipannotate::packet::{Decoder, Packet};
use sipannotate::sip::framing::Framer;
use sipannotate::sip::{Indexer, Message, MethodKind, RawMessage, StartLine};
use sipannotate::stir::cause::Grade;
use sipannotate::stir::diagnosis::{Examined, SignatureCheck};
use sipannotate::stir::feedback::{self, is_refusal};
use sipannotate::stir::signers::Sighting;
use sipannotate::stir::{
    Case, Cause, Diagnosis, Facts, History, Passport, Precedents, Refusal, Replay, Sent, Signers,
    Store, diagnose, examine,
};
use sipannotate::units::{FileIndex, Flow, Timestamp};

/// One call: its INVITEs by hop, and how it ended.
#[derive(Default)]
struct Call {
    /// The INVITE as it was first seen on each hop.
    invites: Vec<Invite>,
    /// The first final answer that was seen: who gave it is nearest to the callee.
    answer: Option<(u16, Vec<u8>, Flow, Timestamp)>,
    /// What a Reason field said of its identity.
    soft: Option<u16>,
}

/// An INVITE with its number of Vias.
struct Invite {
    vias: usize,
    sent: Sent,
    bytes: Vec<u8>,
}

impl Invite {
    fn with<T>(&self, look: impl FnOnce(&Facts<'_>) -> T) -> T {
        let mut indexer = Indexer::new(256);
        let message = indexer
            .index(&self.bytes, self.sent.head_len)
            .expect("a message");
        look(&Facts::of(&message, &self.sent).expect("a request"))
    }
}

impl Call {
    fn message(&mut self, raw: &RawMessage<'_>, message: &Message<'_>) {
        match message.start {
            StartLine::Request { .. } => {
                if !self.invites.iter().any(|known| known.sent.flow == raw.flow) {
                    self.invites.push(Invite {
                        vias: message.via_count(),
                        sent: Sent::of(raw),
                        bytes: raw.bytes.to_vec(),
                    });
                }
            }
            StartLine::Response { code, phrase, .. } => {
                let code = code.expect("a code").get();
                if let Some(reason) = feedback::of_message(message).next() {
                    self.soft = Some(reason.code);
                }
                if code >= 200 && self.answer.is_none() {
                    self.answer = Some((code, phrase.to_vec(), raw.flow, raw.origin.time));
                }
            }
        }
    }

    /// It was answered, and nobody minded its identity.
    fn is_accepted(&self) -> bool {
        self.soft.is_none() && self.answer.as_ref().is_some_and(|answer| answer.0 < 300)
    }

    /// Looks at the INVITE that was answered, and at the one of the hop before.
    fn with_hops<T>(&self, look: impl FnOnce(&Facts<'_>, Option<&Facts<'_>>) -> T) -> Option<T> {
        let back = self.answer.as_ref()?.2.reversed();
        let here = self.invites.iter().find(|one| one.sent.flow == back)?;
        let before = self
            .invites
            .iter()
            .filter(|other| other.vias < here.vias)
            .max_by_key(|other| other.vias);
        Some(here.with(|here| match before {
            Some(before) => before.with(|before| look(here, Some(before))),
            None => look(here, None),
        }))
    }
}

/// The calls of a capture of UDP, by Call-ID.
fn calls(path: &Path) -> BTreeMap<String, Call> {
    let limits = Limits::default();
    let file = fs::File::open(path).expect("a capture");
    let mut reader =
        Reader::open(file, &path.to_string_lossy(), FileIndex(0), &limits).expect("a capture");
    let mut decoder = Decoder::new(&limits);
    let mut framer = Framer::new(&limits);
    let mut indexer = Indexer::new(limits.header_fields);
    let mut calls: BTreeMap<String, Call> = BTreeMap::new();
    let mut each = |raw: RawMessage<'_>| {
        let message = indexer.index(raw.bytes, raw.head_len).expect("a message");
        if message.method().kind == MethodKind::Invite && message.to_tag().is_none()
            || !message.is_request() && message.method().kind == MethodKind::Invite
        {
            let call_id = message.call_id().expect("a Call-ID");
            let call_id = String::from_utf8_lossy(call_id).into_owned();
            calls.entry(call_id).or_default().message(&raw, &message);
        }
    };
    while let Next::Frame(frame) = reader.next_frame().expect("frames") {
        decoder.push(
            &frame,
            &mut |packet| {
                if let Packet::Datagram(datagram) = packet {
                    framer.datagram(&datagram, &mut each, &mut |_| ());
                }
            },
            &mut |_| (),
        );
    }
    calls
}

fn store(folder: &Path) -> Store {
    let mut store = Store::default();
    let mut names: Vec<_> = fs::read_dir(folder)
        .expect("certificates")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    names.sort();
    for path in names {
        let name = path.file_name().expect("a name").to_string_lossy();
        store.add(&name, &fs::read(&path).expect("a certificate"));
    }
    store
}

/// A capture with what all of its calls taught.
struct Learned {
    calls: BTreeMap<String, Call>,
    store: Store,
    histories: BTreeMap<String, History>,
    precedents: Precedents,
}

impl Learned {
    fn of(capture: &Path, store: Store) -> Self {
        let calls = calls(capture);
        let mut signers = Signers::new(64);
        let mut replay = Replay::new(100_000);
        let mut histories: BTreeMap<String, History> = BTreeMap::new();
        let mut in_order: Vec<_> = calls.iter().collect();
        in_order.sort_by_key(|(_, call)| call.answer.as_ref().map(|answer| answer.3));
        for (id, call) in &in_order {
            let history = histories.entry((*id).clone()).or_default();
            call.with_hops(|here, _| {
                for identity in here.parsed() {
                    let Some(passport) = Passport::of(&identity) else {
                        continue;
                    };
                    let x5u = passport.header_text("x5u").value();
                    signers.push(&Sighting {
                        x5u: x5u.unwrap_or_default(),
                        attest: passport.attest(),
                        iat: passport.issued_at().seconds(),
                        time: here.time,
                        is_refused: call.answer.as_ref().is_some_and(|a| is_refusal(a.0, &a.1)),
                        is_valid: None,
                        is_good: None,
                    });
                    let signature = identity.signature().unwrap_or_default();
                    let reuse =
                        replay.push(signature, id.as_bytes(), here.flow.dst.addr, here.time);
                    history.reuse = history.reuse.take().or(reuse);
                }
            });
        }
        for (id, call) in &in_order {
            let skew = call.with_hops(|here, _| {
                let passport = here.parsed().first().and_then(Passport::of)?;
                signers.skew(passport.header_text("x5u").value()?)
            });
            histories.entry((*id).clone()).or_default().skew = skew.flatten();
        }
        let mut learned = Self {
            calls,
            store,
            histories,
            precedents: Precedents::new(1024),
        };
        learned.learn();
        learned
    }

    /// What verifiers accept and refuse.
    fn learn(&mut self) {
        let mut precedents = Precedents::new(1024);
        for (id, call) in &self.calls {
            let (Some(examined), Some(answer)) = (self.examined(id), &call.answer) else {
                continue;
            };
            let verifier = answer.2.src.addr;
            let x5u = examined
                .headers
                .first()
                .and_then(|header| header.x5u.clone());
            if is_refusal(answer.0, &answer.1) {
                precedents.refused(verifier, &examined.causes);
            } else if call.is_accepted() && precedents.wants(verifier, &x5u.unwrap_or_default()) {
                precedents.accepted(verifier, &examined.causes);
            }
        }
        self.precedents = precedents;
    }

    /// What is wrong with a call, whatever it was answered.
    fn examined(&self, id: &str) -> Option<Examined> {
        self.calls[id].with_hops(|here, before| examine(&self.case(id, here, before)))
    }

    fn case<'a>(
        &'a self,
        id: &str,
        here: &'a Facts<'a>,
        before: Option<&'a Facts<'a>>,
    ) -> Case<'a> {
        Case {
            here,
            before,
            store: &self.store,
            history: &self.histories[id],
        }
    }

    fn diagnosis(&self, id: &str) -> Diagnosis {
        let call = &self.calls[id];
        let answer = call.answer.as_ref().expect("an answer");
        let refusal = Refusal {
            code: call.soft.unwrap_or(answer.0),
            phrase: &answer.1,
        };
        let diagnosis = call.with_hops(|here, before| {
            diagnose(&self.case(id, here, before), &refusal, &self.precedents)
        });
        diagnosis.expect("an INVITE of the refusal's hop")
    }
}

/// `dest-mismatch proven`.
fn line(cause: &Cause) -> String {
    let grade = cause.grade.map_or("", Grade::name);
    format!("{} {grade}", cause.id.name()).trim_end().to_owned()
}

/// What is to be said of a call, the true cause first; further causes follow from the same fact.
fn expected(cause: &str) -> &'static [&'static str] {
    match cause {
        // Date is as old as the token: the call waited somewhere.
        "stale-iat" => &["stale-iat likely", "stale-date likely"],
        "signed-fields-changed-between-hops" => &[
            "signed-fields-changed-between-hops proven",
            "dest-mismatch proven",
        ],
        "dest-mismatch" => &["dest-mismatch proven"],
        "orig-mismatch" => &["orig-mismatch proven"],
        "compact-form" => &["compact-form proven"],
        "claim-missing" => &["claim-missing proven"],
        "signature-bad" => &["signature-bad proven"],
        "cert-expired" => &["cert-expired proven"],
        "unexplained" => &["unexplained"],
        other => panic!("no expectation of {other}"),
    }
}

/// The generated hour and what is true of it; read once.
fn incident() -> Option<&'static (Value, Learned)> {
    static INCIDENT: OnceLock<Option<(Value, Learned)>> = OnceLock::new();
    let read = || {
        let folder = shared("truth")?.join("stir");
        let truth = fs::read_to_string(folder.join("truth.json")).expect("the truth");
        let learned = Learned::of(&folder.join("incident.pcap"), store(&folder.join("certs")));
        Some((serde_json::from_str(&truth).expect("JSON"), learned))
    };
    INCIDENT.get_or_init(read).as_ref()
}

#[test]
fn every_refused_call_of_the_incident_has_its_cause_and_its_grade_and_no_other() {
    let Some((truth, learned)) = incident() else {
        return;
    };
    let refused = truth["calls"].as_object().expect("refused calls");
    let mut wrong = Vec::new();
    let mut score: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for (id, what) in refused {
        let cause = text(what, "cause");
        let found: Vec<_> = learned.diagnosis(id).causes.iter().map(line).collect();
        let count = score.entry(cause).or_default();
        count.1 += 1;
        if found == expected(cause) {
            count.0 += 1;
        } else {
            wrong.push(format!("{id}: {cause}: {found:?}"));
        }
    }
    println!("{score:?}");
    assert_eq!(wrong, Vec::<String>::new());
    assert_eq!(refused.len(), 204);
    let seen = learned.calls.values().filter(|call| {
        call.answer
            .as_ref()
            .is_some_and(|answer| is_refusal(answer.0, &answer.1))
    });
    assert_eq!(
        seen.count(),
        refused.len(),
        "a refusal of which nothing is known"
    );
}

#[test]
fn evidence_quotes_both_sides() {
    let Some((truth, learned)) = incident() else {
        return;
    };
    let refused = truth["calls"].as_object().expect("refused calls");
    let of = |wanted: &str| {
        let (id, _) = refused
            .iter()
            .find(|(_, what)| what["cause"] == wanted)
            .expect("a call");
        learned.diagnosis(id).causes[0].evidence.clone()
    };
    assert_eq!(
        of("cert-expired")
            .split_once(") ")
            .expect("a serial")
            .1
            .split_once(',')
            .expect("two times")
            .0,
        "was valid until 2026-09-21 13:13:20 UTC"
    );
    for (cause, parts) in [
        ("dest-mismatch", &["dest.tn 1555", "To 1777"][..]),
        (
            "orig-mismatch",
            &["orig.tn 1215", "From 1646", "P-Asserted-Identity 1646"],
        ),
        (
            "signed-fields-changed-between-hops",
            &["To 1555", " on hop ", " and 1888"],
        ),
        ("claim-missing", &["attest is absent"]),
        ("signature-bad", &["does not verify with"]),
        (
            "unexplained",
            &["its signature verifies with", "orig equal", "origid"],
        ),
    ] {
        let evidence = of(cause);
        for part in parts {
            assert!(evidence.contains(part), "{cause}: {evidence}");
        }
    }
}

#[test]
fn no_accepted_call_has_a_proven_fault_and_every_signature_of_theirs_verifies() {
    let Some((_, learned)) = incident() else {
        return;
    };
    let mut faults: BTreeMap<String, usize> = BTreeMap::new();
    let (mut accepted, mut good) = (0, 0);
    for (id, _) in learned.calls.iter().filter(|(_, call)| call.is_accepted()) {
        let examined = learned.examined(id).expect("an INVITE of the answer's hop");
        accepted += 1;
        good += usize::from(matches!(
            examined.headers[0].signature,
            SignatureCheck::Good { .. }
        ));
        // Not weighed by precedents: these are the precedents.
        for cause in &examined.causes {
            *faults.entry(line(cause)).or_default() += 1;
        }
    }
    assert_eq!(faults, BTreeMap::new());
    assert!(accepted > 1500, "{accepted}");
    assert_eq!(good, accepted);
}

#[test]
fn soft_refusals_of_calls_in_order_are_unexplained() {
    let Some((truth, learned)) = incident() else {
        return;
    };
    for call in truth["soft"].as_array().expect("soft refusals") {
        let id = call.as_str().expect("a Call-ID");
        assert_eq!(learned.calls[id].soft, Some(438));
        let found: Vec<_> = learned.diagnosis(id).causes.iter().map(line).collect();
        assert_eq!(found, ["unexplained"], "{id}");
    }
}

#[test]
fn without_certificates_no_signature_and_no_certificate_is_accused() {
    let Some((truth, _)) = incident() else { return };
    let capture = shared("truth").expect("there").join("stir/incident.pcap");
    let learned = Learned::of(&capture, Store::default());
    for (id, what) in truth["calls"].as_object().expect("refused calls") {
        let cause = text(what, "cause");
        let found: Vec<_> = learned.diagnosis(id).causes.iter().map(line).collect();
        match cause {
            "signature-bad" | "cert-expired" => assert_eq!(found, ["unexplained"], "{id}"),
            _ => assert_eq!(found, expected(cause), "{id}"),
        }
    }
}

/// The published token and key, as the shared folder has them.
#[test]
fn the_published_token_verifies_where_it_is_read_in_place() {
    use sipannotate::stir::encoding::decode;
    use sipannotate::stir::signature::{Algorithm, Checked, Key};
    let Some(path) = shared("captures/stir/rfc8225-appendix-a.txt") else {
        return;
    };
    let text = fs::read_to_string(path).expect("text");
    let token = text
        .lines()
        .find(|line| line.starts_with("ey"))
        .expect("a token");
    let key = sipannotate::stir::certificates::pem::objects(text.as_bytes()).remove(0);
    let key = key.der.expect("base64");
    // The point is the end of the key's structure.
    let key = Key::p256(&key[key.len() - 65..]).expect("a key");
    let identity = sipannotate::stir::Identity::parse(token.as_bytes(), false);
    let signature = decode(identity.signature().expect("a signature")).expect("base64");
    let signed = identity.signing_input().expect("a full form");
    let checked = key.verify(Algorithm::Es256, signed, &signature.bytes);
    assert_eq!(checked, Checked::Good);
}

/// A border controller of a public capture sends on the Identity it got, twice, and it is none.
#[test]
fn a_made_up_token_that_a_border_controller_doubles_is_malformed_and_a_duplicate() {
    let Some(capture) = shared("captures/a42437-ml+master_thesis_files/tc-02.18a.pcap") else {
        return;
    };
    let calls = calls(&capture);
    let store = Store::default();
    let history = History::default();
    let mut found = Vec::new();
    for invite in calls.values().flat_map(|call| &call.invites) {
        let case = |here: &Facts<'_>| {
            let case = Case {
                here,
                before: None,
                store: &store,
                history: &history,
            };
            let causes = examine(&case).causes;
            causes.iter().map(line).collect::<Vec<_>>()
        };
        found.push(invite.with(case));
    }
    found.sort();
    let (malformed, stale) = ("identity-malformed proven", "stale-date likely");
    assert_eq!(
        found,
        [
            vec![malformed, malformed, stale, "duplicate-identity possible"],
            vec![malformed, stale],
        ]
    );
}

/// The recorded incident of this project, with the certificates beside it and their authority.
#[test]
fn the_recorded_incident_is_diagnosed_as_its_truth_says() {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    let mut store = Store::default();
    for carrier in ["carrier-a", "carrier-b", "carrier-c"] {
        let path = format!("certs.example.net/{carrier}/2026.pem");
        let bytes = fs::read(samples.join("certs").join(&path)).expect("a certificate");
        store.add(&path, &bytes);
    }
    store.trust(&fs::read(samples.join("certs/sti-ca.pem")).expect("the authority"));
    let learned = Learned::of(&samples.join("incident-438.pcap"), store);
    let truth = fs::read_to_string(samples.join("truth.json")).expect("the truth");
    let truth: Value = serde_json::from_str(&truth).expect("JSON");
    let refused = truth["incident-438.pcap"]["refused_for_identity"]
        .as_object()
        .expect("calls");
    for (id, cause) in refused {
        let found: Vec<_> = learned.diagnosis(id).causes.iter().map(line).collect();
        let expected: &[&str] = match cause.as_str().expect("a cause") {
            // Its Date is of the time of the call, unlike that of the generated hour.
            "stale-iat" => &["stale-iat likely"],
            cause => expected(cause),
        };
        assert_eq!(found, expected, "{id}");
    }
    assert_eq!(refused.len(), 48);
    for (id, _) in learned.calls.iter().filter(|(_, call)| call.is_accepted()) {
        let examined = learned.examined(id).expect("an INVITE of the answer's hop");
        assert_eq!(examined.causes, [], "{id}");
        let signature = &examined.headers[0].signature;
        assert!(matches!(signature, SignatureCheck::Good { .. }), "{id}");
    }
}

/// The public tokens of libstirshaken: header and claims signed, `orig` and `dest` as strings.
#[test]
fn public_tokens_verify_with_their_certificate_and_not_with_another() {
    use sipannotate::stir::certificates::Certificate;
    use sipannotate::stir::certificates::pem;
    use sipannotate::stir::encoding::decode;
    use sipannotate::stir::signature::{Algorithm, Checked};
    let Some(folder) = shared("captures/signalwire+libstirshaken") else {
        return;
    };
    let certificate = |name: &str| {
        let bytes = fs::read(folder.join(name)).expect("a certificate");
        let object = pem::objects(&bytes).remove(0);
        Certificate::parse(&object.der.expect("base64")).expect("a certificate")
    };
    let (right, wrong) = (certificate("sp.pem"), certificate("wrongsp.pem"));
    let text = fs::read_to_string(folder.join("passport.txt")).expect("tokens");
    let mut tokens = 0;
    for line in text.lines().filter(|line| line.starts_with("ey")) {
        let identity = sipannotate::stir::Identity::parse(line.as_bytes(), false);
        let signed = identity.signing_input().expect("a full form");
        let signature = decode(identity.signature().expect("a signature"))
            .expect("base64")
            .bytes;
        let check = |one: &Certificate| one.key.verify(Algorithm::Es256, signed, &signature);
        assert_eq!(
            (check(&right), check(&wrong)),
            (Checked::Good, Checked::Bad)
        );
        let passport = Passport::of(&identity).expect("a token");
        assert_eq!(passport.issued_at().seconds(), Some(1_603_458_131));
        tokens += 1;
    }
    assert_eq!(tokens, 2);
}

/// A message whose fields are any bytes but line ends.
fn invite(fields: &[(&str, Vec<u8>)], body: &[u8]) -> (Vec<u8>, usize) {
    let mut bytes = b"INVITE sip:+15550001@b.example SIP/2.0\r\n".to_vec();
    for (name, value) in fields {
        bytes.extend_from_slice(name.as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend(value.iter().filter(|byte| !matches!(byte, b'\r' | b'\n')));
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
    let head_len = bytes.len();
    bytes.extend_from_slice(body);
    (bytes, head_len)
}

fn look_at(bytes: &[u8], head_len: usize, store: &Store) {
    use std::net::{IpAddr, Ipv4Addr};
    let at = sipannotate::units::Endpoint::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 5060);
    let sent = Sent {
        flow: Flow {
            src: at,
            dst: at,
            transport: sipannotate::units::Transport::Udp,
        },
        time: Timestamp::from_nanos(i64::MAX),
        at: sipannotate::units::FrameRef::default(),
        head_len,
        is_fragmented: true,
    };
    let mut indexer = Indexer::new(256);
    let message = indexer.index(bytes, head_len).expect("a message");
    let facts = Facts::of(&message, &sent).expect("a request");
    let history = History::default();
    let case = Case {
        here: &facts,
        before: Some(&facts),
        store,
        history: &history,
    };
    let precedents = Precedents::new(1);
    for code in [403, 428, 436, 437, 438] {
        let refusal = Refusal {
            code,
            phrase: b"\xff",
        };
        let found = diagnose(&case, &refusal, &precedents);
        assert!(!found.causes.is_empty());
        for cause in &found.causes {
            assert!(cause.evidence.len() < 8192, "{}", cause.evidence);
        }
    }
}

/// Bytes of a token, now and then of another alphabet.
fn token_bytes() -> impl Strategy<Value = Vec<u8>> {
    let plain = prop::sample::select(b"abcXYZ019-_.;=<>\",+/ \t".to_vec());
    prop::collection::vec(prop_oneof![20 => plain, 1 => any::<u8>()], 0..300)
}

/// JSON of the shape of a token's, with odd values in it.
fn odd_json() -> impl Strategy<Value = String> {
    let value = prop::sample::select(vec![
        "1",
        "-9223372036854775808",
        "1e308",
        "\"x\"",
        "null",
        "[]",
        "{}",
        "[1]",
        "\"9223372036854775807\"",
        "{\"tn\":[\"1\"]}",
        "{\"tn\":\"12155551212\"}",
        "{\"uri\":\"sip:@\"}",
        "\"ES256\"",
        "\"shaken\"",
        "\"div-o\"",
        "\"a.b.c\"",
        "[{\"alg\":\"\",\"dig\":\":\"}]",
    ]);
    let name = prop::sample::select(vec![
        "alg", "typ", "x5u", "ppt", "iat", "orig", "dest", "attest", "origid", "div", "opt", "mky",
    ]);
    prop::collection::vec((name, value), 0..8).prop_map(|members| {
        let members: Vec<_> = members
            .iter()
            .map(|(name, value)| format!("\"{name}\":{value}"))
            .collect();
        format!("{{{}}}", members.join(","))
    })
}

proptest! {
    #[test]
    fn no_bytes_of_a_message_make_a_diagnosis_panic(
        identity in token_bytes(),
        other in token_bytes(),
        from in prop::collection::vec(any::<u8>(), 0..60),
        date in "[A-Za-z0-9:, ]{0,40}",
        body in prop::collection::vec(any::<u8>(), 0..80),
    ) {
        let fields = [
            ("Identity", identity),
            ("y", other.clone()),
            ("Identity-Info", other),
            ("From", from.clone()),
            ("P-Asserted-Identity", from.clone()),
            ("To", from),
            ("Date", date.into_bytes()),
        ];
        let (bytes, head_len) = invite(&fields, &body);
        look_at(&bytes, head_len, &Store::default());
    }

    #[test]
    fn no_claims_make_a_diagnosis_panic(
        parts in prop::collection::vec((odd_json(), odd_json()), 1..4),
        from in "(sip|tel|urn):[+0-9a-z;@%#*]{0,30}",
    ) {
        use sipannotate::stir::encoding::encode;
        let mut fields: Vec<(&str, Vec<u8>)> = parts
            .iter()
            .map(|(header, claims)| {
                let signature = encode(&[7; 64]);
                let (header, claims) = (encode(header.as_bytes()), encode(claims.as_bytes()));
                let value = format!("{header}.{claims}.{signature};info=<a>;ppt=x");
                ("Identity", value.into_bytes())
            })
            .collect();
        fields.push(("From", format!("<{from}>").into_bytes()));
        fields.push(("To", format!("<{from}>").into_bytes()));
        fields.push(("Date", b"Mon, 21 Sep 2026 14:13:20 GMT".to_vec()));
        let (bytes, head_len) = invite(&fields, b"");
        look_at(&bytes, head_len, &Store::default());
    }

    #[test]
    fn no_bytes_of_a_certificate_make_the_store_panic(
        change in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("samples/certs/certs.example.net/carrier-a/2026.pem");
        let pem = fs::read(path).expect("a certificate");
        let object = sipannotate::stir::certificates::pem::objects(&pem).remove(0);
        let mut der = object.der.expect("base64");
        for (at, byte) in change {
            let at = at.index(der.len());
            der[at] = byte;
        }
        der.truncate(cut.index(der.len() * 2).max(1));
        let mut store = Store::default();
        store.add("a/c.pem", &der);
        store.trust(&der);
        for candidate in store.candidates("https://a/c.pem") {
            store.chain(candidate.certificate, 1_800_000_000);
            store.revoked(candidate.certificate);
        }
    }
}
