//! What the program prints as JSON keeps to the schemas in `docs/schema/`.
//!
//! The validator below knows the keywords those schemas use, and fails on any other, so that
//! nothing passes unlooked at. It is stricter than the schemas, which later versions may add
//! fields to: here a field that the schema does not name is an error.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that cannot run must fail"
)]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::pcap;
use serde_json::{Map, Value, json};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn printed(args: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_sipannotate"))
        .args(args)
        .current_dir(root())
        .env_clear()
        .output()
        .expect("the program runs");
    assert!(output.status.success(), "{args:?}: {output:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// A schema as it is checked in.
struct Schema(Value);

impl Schema {
    fn of(document: &str) -> Self {
        let path = root().join(format!("docs/schema/{document}.schema.json"));
        let text = fs::read_to_string(&path).expect("docs/schema is checked in");
        Self(serde_json::from_str(&text).expect("JSON"))
    }

    #[track_caller]
    fn accepts(&self, value: &Value, whose: &str) {
        let broken = self.broken(value);
        assert!(broken.is_empty(), "{whose}:\n{}", broken.join("\n"));
    }

    fn broken(&self, value: &Value) -> Vec<String> {
        let mut broken = Vec::new();
        self.check(&self.0, value, "", &mut broken);
        broken
    }

    /// The schema behind `$ref`, with what stands beside it.
    fn resolved(&self, schema: &Map<String, Value>) -> Map<String, Value> {
        let Some(Value::String(to)) = schema.get("$ref") else {
            return schema.clone();
        };
        let pointer = to.strip_prefix('#').expect("a reference inside the file");
        let target = self.0.pointer(pointer).expect("the target is there");
        let mut whole = self.resolved(target.as_object().expect("an object"));
        for (keyword, of) in schema.iter().filter(|(keyword, _)| *keyword != "$ref") {
            match (whole.get_mut(keyword), of) {
                (Some(Value::Object(there)), Value::Object(of)) => there.extend(of.clone()),
                (Some(Value::Array(there)), Value::Array(of)) => there.extend(of.clone()),
                _ => {
                    whole.insert(keyword.clone(), of.clone());
                }
            }
        }
        whole
    }

    fn check(&self, schema: &Value, value: &Value, at: &str, broken: &mut Vec<String>) {
        let schema = match schema {
            Value::Bool(true) => return,
            Value::Object(schema) => self.resolved(schema),
            other => panic!("{at}: {other} is no schema"),
        };
        let mut wrong = Vec::new();
        let mut say = |why: String| wrong.push(format!("{at}: {why}: {value}"));
        for (keyword, of) in &schema {
            match keyword.as_str() {
                "type" => {
                    let any = of.as_array().cloned().unwrap_or_else(|| vec![of.clone()]);
                    if !any.iter().any(|name| is_a(value, name.as_str().unwrap())) {
                        say(format!("is no {of}"));
                    }
                }
                "const" if value != of => say(format!("is not {of}")),
                "enum" if !of.as_array().unwrap().contains(value) => {
                    say(format!("is none of {of}"));
                }
                "minimum" if value.as_f64() < of.as_f64() => say(format!("is below {of}")),
                "maximum" if value.as_f64() > of.as_f64() => say(format!("is above {of}")),
                "minItems" if value.as_array().unwrap().len() < as_len(of) => say("too few".into()),
                "maxItems" if value.as_array().unwrap().len() > as_len(of) => {
                    say("too many".into());
                }
                "required" => {
                    for name in of.as_array().unwrap() {
                        if value.get(name.as_str().unwrap()).is_none() {
                            say(format!("{name} is missing"));
                        }
                    }
                }
                "oneOf" | "anyOf" => {
                    let fits = |one: &&Value| {
                        let mut inner = Vec::new();
                        self.check(one, value, at, &mut inner);
                        inner.is_empty()
                    };
                    let count = of.as_array().unwrap().iter().filter(fits).count();
                    if count == 0 || (keyword == "oneOf" && count > 1) {
                        say(format!("fits {count} forms"));
                    }
                }
                "items" => {
                    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                        self.check(of, item, &format!("{at}/{index}"), broken);
                    }
                }
                "prefixItems" => {
                    let items = value.as_array().into_iter().flatten();
                    for (index, (of, item)) in of.as_array().unwrap().iter().zip(items).enumerate()
                    {
                        self.check(of, item, &format!("{at}/{index}"), broken);
                    }
                }
                // Kept to, looked at together below, or of no weight.
                "const"
                | "enum"
                | "minimum"
                | "maximum"
                | "minItems"
                | "maxItems"
                | "properties"
                | "additionalProperties"
                | "$schema"
                | "$defs"
                | "title"
                | "description"
                | "format"
                | "contentEncoding" => {}
                other => panic!("{at}: the validator does not know {other}"),
            }
        }
        broken.extend(wrong);
        if let Some(object) = value.as_object() {
            self.check_fields(&schema, object, at, broken);
        }
    }

    fn check_fields(
        &self,
        schema: &Map<String, Value>,
        object: &Map<String, Value>,
        at: &str,
        broken: &mut Vec<String>,
    ) {
        let named = schema.get("properties").and_then(Value::as_object);
        let others = schema.get("additionalProperties");
        for (name, value) in object {
            match named.and_then(|named| named.get(name)).or(others) {
                Some(of) => self.check(of, value, &format!("{at}/{name}"), broken),
                None if named.is_none() => {}
                None => broken.push(format!("{at}: the schema does not name {name}")),
            }
        }
    }
}

fn as_len(of: &Value) -> usize {
    usize::try_from(of.as_u64().unwrap()).unwrap()
}

fn is_a(value: &Value, name: &str) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "number" => value.is_number(),
        "integer" => value.is_u64() || value.is_i64(),
        other => panic!("the validator does not know the type {other}"),
    }
}

fn samples(ending: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join("samples")).expect("samples");
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.to_string_lossy().ends_with(ending))
        .collect();
    paths.sort();
    assert!(!paths.is_empty(), "{ending}");
    paths
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

#[test]
fn every_golden_keeps_to_the_schema() {
    let schema = Schema::of("report");
    for path in samples(".json") {
        if path.ends_with("truth.json") {
            continue; // The recorder's own notes.
        }
        let golden = parsed(&fs::read_to_string(&path).unwrap());
        schema.accepts(&golden, &path.to_string_lossy());
    }
}

#[test]
fn every_line_of_ndjson_keeps_to_the_schema() {
    let schema = Schema::of("ndjson");
    let mut paths = samples(".pcap");
    paths.extend(samples(".pcapng"));
    for path in paths {
        let path = path.to_string_lossy();
        let printed = printed(&["-f", "ndjson", "--certs", "samples/certs", &path]);
        for line in printed.lines() {
            schema.accepts(&parsed(line), &path);
        }
        assert!(printed.starts_with("{\"type\":\"tool\",\"schema_version\":1,"));
    }
}

/// A refused INVITE whose Call-ID, tags and phrase are Latin-1.
fn odd_texts() -> Vec<u8> {
    let head = "Via: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK1\r\nFrom: <sip:caf\u{e9}@a.example>;tag=\u{e9}\r\n\
        To: <sip:b@b.example>;tag=\u{e9}\r\nCall-ID: caf\u{e9}@a.example\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n";
    let latin = |text: String| -> Vec<u8> {
        text.chars()
            .map(|c| u8::try_from(u32::from(c)).unwrap())
            .collect()
    };
    let invite = latin(format!("INVITE sip:b@b.example SIP/2.0\r\n{head}"));
    let answer = latin(format!("SIP/2.0 200 D'accord \u{e0} vous\r\n{head}"));
    let [caller, callee] = ["10.0.0.1:5060", "10.0.0.2:5060"].map(|end| end.parse().unwrap());
    let fields = pcap::IpFields { id: 1, ttl: 64 };
    pcap::of_link(
        101, // LINKTYPE_RAW
        &[
            pcap::udp_packet(caller, callee, fields, &invite),
            pcap::udp_packet(callee, caller, fields, &answer),
        ],
    )
}

#[test]
fn bytes_that_are_not_utf8_keep_to_the_schema() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("odd.pcap");
    fs::write(&path, odd_texts()).unwrap();
    let report = parsed(&printed(&["-f", "json", &path.to_string_lossy()]));
    assert!(
        report["responses"][0]["call_id_bytes"].is_string(),
        "{report:#}"
    );
    Schema::of("report").accepts(&report, "texts that are not UTF-8");
}

#[test]
fn the_reference_pages_keep_to_their_schemas() {
    let explain = Schema::of("explain");
    for what in [
        "438",
        "699",
        "4xx",
        "busy here",
        "q850:21",
        "warn:399",
        "missing-ack",
        "dest-mismatch",
        "403 stale date",
    ] {
        explain.accepts(&parsed(&printed(&["explain", "-f", "json", what])), what);
    }
    let compare = Schema::of("compare");
    for (first, second) in [("200", "438"), ("486", "600"), ("180", "699")] {
        let page = printed(&["compare", "-f", "json", first, second]);
        compare.accepts(&parsed(&page), first);
    }
    let catalogue = Schema::of("catalogue");
    catalogue.accepts(&parsed(&printed(&["catalogue", "-f", "json"])), "catalogue");
}

#[test]
fn a_comparison_keeps_to_its_schema() {
    let diff = Schema::of("diff");
    for (before, after) in [
        ("samples/incident-438.pcap", "samples/good-call.pcap"),
        ("samples/missing-ack.pcap", "samples/incident-438.pcap"),
        (
            "samples/register-challenge.pcap",
            "samples/register-challenge.pcap",
        ),
    ] {
        let page = printed(&["diff", "-f", "json", before, after]);
        diff.accepts(&parsed(&page), after);
    }
}

#[test]
fn a_ladder_keeps_to_its_schema() {
    let show = Schema::of("show");
    let mut paths = samples(".pcap");
    paths.extend(samples(".pcapng"));
    for path in paths {
        let path = path.to_string_lossy();
        let report = parsed(&printed(&["-f", "json", &path]));
        let call = report["responses"][0]["call_id"].as_str().unwrap();
        let first = report["findings"][0]["calls"][0]["call_id"].as_str();
        let shown = printed(&["show", "-f", "json", "--call", first.unwrap_or(call), &path]);
        show.accepts(&parsed(&shown), &path);
    }
    let incident = "samples/incident-438.pcap";
    let frame = parsed(&printed(&[
        "show", "-f", "json", "--frame", "814", incident,
    ]));
    show.accepts(&frame, "a frame");
    let message = &frame["calls"][0]["messages"][0];
    assert!(message["identity"][0]["payload"].is_object(), "{message:#}");
    assert_eq!(message["selected"], true);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("odd.pcap");
    fs::write(&path, odd_texts()).unwrap();
    let odd = parsed(&printed(&[
        "show",
        "-f",
        "json",
        "--call",
        "a.example",
        &path.to_string_lossy(),
    ]));
    assert!(
        odd["calls"][0]["messages"][0]["message_bytes"].is_string(),
        "{odd:#}"
    );
    show.accepts(&odd, "texts that are not UTF-8");
}

#[test]
fn the_manifests_of_a_bundle_keep_to_their_schema() {
    let manifest = Schema::of("manifest");
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    printed(&[
        "bundle",
        "samples/incident-438.pcap",
        "-o",
        &out.to_string_lossy(),
    ]);
    let mut seen = 0;
    let entries = fs::read_dir(&out)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    for path in entries.chain([out]).filter(|path| path.is_dir()) {
        let text = fs::read_to_string(path.join("manifest.json")).unwrap();
        manifest.accepts(&parsed(&text), &path.to_string_lossy());
        seen += 1;
    }
    assert_eq!(seen, 5);
}

#[test]
fn the_validator_finds_what_is_wrong() {
    let schema = Schema::of("report");
    let golden = fs::read_to_string(root().join("samples/incident-438.json")).unwrap();
    let check = |pointer: &str, field: &str, value: Option<Value>| {
        let mut report = parsed(&golden);
        let object = report
            .pointer_mut(pointer)
            .unwrap()
            .as_object_mut()
            .unwrap();
        match value {
            Some(value) => object.insert(field.to_owned(), value),
            None => object.remove(field),
        };
        let broken = schema.broken(&report);
        assert!(!broken.is_empty(), "{pointer}/{field}");
    };
    check("", "findings", None);
    check("", "schema_version", Some(json!(2)));
    check("/responses/0", "transport", Some(json!("QUIC")));
    check("/responses/0", "context", Some(json!(null)));
    check("/responses/0", "frame", Some(json!(-1)));
    check("/responses/0", "news", Some(json!(1)));
    check("/metrics/0", "asr_n", Some(json!(null)));
    check("/metrics/0", "asr", Some(json!("72")));
    check("/findings/0/contributors/0", "lift", None);
    check("/findings/0/calls/0", "time", Some(json!(1)));
    check("/captures/0", "format", Some(json!("erf")));
}
