//! A real chain: authority, intermediate and signers made with openssl, tokens that openssl signed,
//! judged by the program as a user runs it, with `--certs` and `--trust`. Without openssl the test
//! says that it was skipped.

#![expect(
    clippy::expect_used,
    clippy::format_push_string,
    clippy::indexing_slicing,
    reason = "test support beside the tests; what is not there fails the test"
)]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::ladder::Ladder;
use common::run::text;
use common::signed::{EPOCH, date};
use serde_json::Value;
use sipannotate::stir::encoding::encode;

const ORIG: &str = "12155551212";
const DEST: &str = "17771230042";

/// A signer's certificate holds a service provider code (RFC 8226 §9): 709J.
const CONFIG: &str = "
[ca]
default_ca = own
[own]
database = index.txt
new_certs_dir = .
rand_serial = yes
default_md = sha256
default_crl_days = 30
unique_subject = no
policy = any
[any]
commonName = supplied
[req]
distinguished_name = name
[name]
[root]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[middle]
basicConstraints = critical,CA:TRUE,pathlen:0
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[leaf]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
crlDistributionPoints = URI:https://authenticate-api.example.net/crl
1.3.6.1.5.5.7.1.26 = DER:30:08:a0:06:16:04:37:30:39:4a
";

/// A folder in which openssl keeps an authority.
struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    /// `None`, and a line, where there is no openssl.
    fn new() -> Option<Self> {
        if Command::new("openssl").arg("version").output().is_err() {
            #[expect(clippy::print_stderr, reason = "a skipped test has to be seen")]
            {
                eprintln!("skipped: openssl is not here");
            }
            return None;
        }
        let desk = Self {
            folder: tempfile::tempdir().expect("a folder"),
        };
        fs::write(desk.path("ca.cnf"), CONFIG).expect("a file");
        fs::write(desk.path("index.txt"), "").expect("a file");
        Some(desk)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).expect("a file")
    }

    fn openssl(&self, args: &str) {
        let output = Command::new("openssl")
            .args(args.split(' '))
            .current_dir(self.folder.path())
            .output()
            .expect("openssl runs");
        let why = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "openssl {args}: {why}");
    }

    /// A key and a certificate of it: `name.key` and `name.pem`, valid from and to, both
    /// `YYYYMMDDHHMMSSZ`; without `issuer` it issues itself.
    fn certificate(&self, name: &str, issuer: Option<&str>, kind: &str, valid: (&str, &str)) {
        self.openssl(&format!(
            "ecparam -genkey -name prime256v1 -noout -out {name}.key"
        ));
        self.openssl(&format!(
            "req -new -config ca.cnf -key {name}.key -subj /CN={name} -out {name}.csr"
        ));
        let issuer = issuer.map_or_else(
            || format!("-selfsign -keyfile {name}.key"),
            |issuer| format!("-cert {issuer}.pem -keyfile {issuer}.key"),
        );
        let (from, to) = valid;
        self.openssl(&format!(
            "ca -batch -notext -config ca.cnf {issuer} -extensions {kind} -startdate {from} -enddate {to} -in {name}.csr -out {name}.pem"
        ));
    }

    /// A list of revoked certificates with the serial number of `name`, as of 1 January 2026.
    fn revoke(&self, name: &str, issuer: &str, list: &str) {
        let by = format!("-config ca.cnf -cert {issuer}.pem -keyfile {issuer}.key");
        self.openssl(&format!("ca {by} -revoke {name}.pem"));
        // openssl revokes as of today; the calls of the test are of January.
        let database = self.read("index.txt");
        let lines = database.lines().map(|line| {
            let mut fields: Vec<_> = line.split('\t').collect();
            if fields[0] == "R" {
                fields[2] = "260101000000Z";
            }
            fields.join("\t") + "\n"
        });
        fs::write(self.path("index.txt"), lines.collect::<String>()).expect("a file");
        self.openssl(&format!("ca {by} -gencrl -out {list}"));
    }

    /// A token of a call in order, which openssl signs.
    fn token(&self, key: &str, x5u: &str) -> String {
        let head = format!(r#"{{"alg":"ES256","ppt":"shaken","typ":"passport","x5u":"{x5u}"}}"#);
        let claims = format!(
            r#"{{"attest":"A","dest":{{"tn":["{DEST}"]}},"iat":{EPOCH},"orig":{{"tn":"{ORIG}"}},"origid":"6dd91ed3-6cee-4e1c-a07b-a5fe93a6f5d5"}}"#
        );
        let input = format!("{}.{}", encode(head.as_bytes()), encode(claims.as_bytes()));
        fs::write(self.path("input"), &input).expect("a file");
        self.openssl(&format!(
            "dgst -sha256 -sign {key}.key -out signature input"
        ));
        let der = fs::read(self.path("signature")).expect("a signature");
        format!("{input}.{}", encode(&r_and_s(&der)))
    }
}

/// The two integers of a DER signature, 32 bytes each (RFC 7518 §3.4).
fn r_and_s(der: &[u8]) -> Vec<u8> {
    let mut rest = &der[2..];
    let mut both = Vec::new();
    for _ in 0..2 {
        let length = usize::from(rest[1]);
        let number = &rest[2..2 + length];
        let number = &number[number.len().saturating_sub(32)..];
        both.extend(vec![0; 32 - number.len()]);
        both.extend(number);
        rest = &rest[2 + length..];
    }
    both
}

/// The first cause of each refused call, with grade and evidence, as the program says.
fn causes(capture: &Path, certs: &Path, trust: &Path) -> BTreeMap<String, (String, String)> {
    let output = Command::new(env!("CARGO_BIN_EXE_sipannotate"))
        .args(["-q", "-f", "json", "--certs"])
        .arg(certs)
        .arg("--trust")
        .arg(trust)
        .arg(capture)
        .output()
        .expect("the program runs");
    assert!(output.status.success(), "{output:?}");
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let refused = report["responses"].as_array().expect("responses").iter();
    refused
        .filter(|one| one["diagnosis"][0].is_object())
        .map(|one| {
            let first = &one["diagnosis"][0];
            let grade = first["grade"].as_str().unwrap_or_default();
            let line = format!("{} {grade}", text(first, "cause"));
            let call = text(one, "call_id").trim_end_matches("@ladder").to_owned();
            (
                call,
                (
                    line.trim_end().to_owned(),
                    text(first, "evidence").to_owned(),
                ),
            )
        })
        .collect()
}

#[test]
fn a_real_chain_is_judged_as_openssl_made_it() {
    let Some(desk) = Desk::new() else { return };
    let long = ("20250101000000Z", "20270101000000Z");
    desk.certificate("root", None, "root", long);
    desk.certificate("stranger", None, "root", long);
    desk.certificate("middle", Some("root"), "middle", long);
    for name in ["fine", "chained", "revoked", "swapped", "thief"] {
        desk.certificate(name, Some("middle"), "leaf", long);
    }
    let ended = ("20250101000000Z", "20260105095500Z");
    desk.certificate("ended", Some("middle"), "leaf", ended);
    desk.revoke("revoked", "middle", "list.pem");

    let certs = desk.path("certs");
    let host = certs.join("certs.example.net");
    fs::create_dir_all(&host).expect("a folder");
    for name in ["fine", "chained", "revoked", "swapped", "ended"] {
        let bundle = desk.read(&format!("{name}.pem")) + &desk.read("middle.pem");
        fs::write(host.join(format!("{name}.pem")), bundle).expect("a file");
    }
    fs::copy(desk.path("list.pem"), certs.join("list.pem")).expect("a file");

    let mut ladder = "host alice 198.51.100.1:5060\nhost bob 203.0.113.2:5060\n".to_owned();
    for (name, key, code) in [
        ("fine", "fine", 438),
        ("chained", "chained", 437),
        ("revoked", "revoked", 437),
        ("swapped", "thief", 438),
        ("ended", "ended", 437),
    ] {
        let x5u = format!("https://certs.example.net/{name}.pem");
        let token = desk.token(key, &x5u);
        ladder.push_str(&format!(
            "call {name} from=+{ORIG} to=+{DEST}\n  0.0 alice -> bob INVITE\n  Identity: {token};info=<{x5u}>;alg=ES256;ppt=shaken\n{}  \
             0.1 alice <- bob {code}\n  0.2 alice -> bob ACK\n",
            date(0)
        ));
    }
    let capture = desk.path("calls.pcap");
    fs::write(&capture, Ladder::of(&ladder).capture()).expect("a capture");

    let found = causes(&capture, &certs, &desk.path("root.pem"));
    let check = |call: &str, line: &str, words: &[&str]| {
        let (first, evidence) = &found[call];
        assert_eq!(first, line, "{call}: {evidence}");
        for word in words {
            assert!(evidence.contains(word), "{call}: {evidence}");
        }
    };
    check(
        "fine",
        "unexplained",
        &["its signature verifies with certs.example.net/fine.pem"],
    );
    check(
        "revoked",
        "cert-revoked proven",
        &["was revoked 2026-01-01 00:00:00 UTC by the list of CN=middle"],
    );
    check(
        "swapped",
        "signature-bad proven",
        &["does not verify with certs.example.net/swapped.pem"],
    );
    check(
        "ended",
        "cert-expired proven",
        &["was valid until 2026-01-05 09:55:00 UTC"],
    );
    assert!(
        !found["revoked"].1.contains("could not be checked"),
        "the list is signed"
    );

    assert_eq!(found["chained"].0, "unexplained", "it leads to the root");

    let found = causes(&capture, &certs, &desk.path("stranger.pem"));
    let (first, evidence) = &found["chained"];
    assert_eq!(first, "cert-chain likely");
    let why = "the issuer of CN=middle, CN=root, is neither in the trust list nor among the certificates given";
    assert!(evidence.contains(why), "{evidence}");
    // A 438 is not about chains.
    assert_eq!(found["fine"].0, "unexplained");
}
