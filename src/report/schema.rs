//! JSON Schemas of what the program prints as JSON, made of the types that are printed.
//!
//! In: a [`Document`]. Out: its schema (draft 2020-12). The descriptions are the doc comments of
//! [`super::view`] and of the reference pages. A schema is open: a later version may add fields.
//!
//! What always holds: a field that may be absent is never `null`, and a field that may be `null`
//! is always there. `<field>_bytes` stands only beside a text that is not UTF-8.

use std::borrow::Cow;
use std::io::{self, Write};

use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, Transform};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

use super::{diff, ladder, manifest, reference, view};

/// Something that is printed as JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Document {
    /// `-f json` of captures.
    Report,
    /// A line of `-f ndjson`.
    Ndjson,
    /// `-f json` of `explain`.
    Explain,
    /// `-f json` of `compare`.
    Compare,
    /// `-f json` of `catalogue`.
    Catalogue,
    /// `-f json` of `diff`.
    Diff,
    /// `-f json` of `show`.
    Show,
    /// `manifest.json` of `bundle`.
    Manifest,
}

impl Document {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::Report,
        Self::Ndjson,
        Self::Explain,
        Self::Compare,
        Self::Catalogue,
        Self::Diff,
        Self::Show,
        Self::Manifest,
    ];

    /// Its name on the command line and in `docs/schema/`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Report => "report",
            Self::Ndjson => "ndjson",
            Self::Explain => "explain",
            Self::Compare => "compare",
            Self::Catalogue => "catalogue",
            Self::Diff => "diff",
            Self::Show => "show",
            Self::Manifest => "manifest",
        }
    }

    fn generate(self, generator: SchemaGenerator) -> Schema {
        match self {
            Self::Report => generator.into_root_schema_for::<Report<'_>>(),
            Self::Ndjson => generator.into_root_schema_for::<Line<'_>>(),
            Self::Explain => reference::explain_schema(generator),
            Self::Compare => reference::compare_schema(generator),
            Self::Catalogue => reference::catalogue_schema(generator),
            Self::Diff => diff::schema(generator),
            Self::Show => ladder::schema(generator),
            Self::Manifest => manifest::schema(generator),
        }
    }
}

/// The schema of `document`.
pub fn schema(document: Document) -> Value {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    let mut schema = document.generate(settings.into_generator());
    RecursiveTransform(absent_is_not_null).transform(&mut schema);
    schema.to_value()
}

/// Writes the schema of `document`.
pub fn write(document: Document, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, &schema(document))?;
    writeln!(out)
}

/// The report of `sipannotate -f json`: what was found in captures.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its shape is of use; `json` writes it")]
struct Report<'a> {
    /// The version of this shape; steps when a reader could break.
    #[schemars(extend("const" = view::SCHEMA_VERSION))]
    schema_version: u32,
    /// Who wrote it.
    tool: view::Tool,
    /// Every response seen, in the order of the capture, unless options narrow them.
    responses: Vec<view::Response<'a>>,
    #[schemars(flatten)]
    view: view::View,
}

/// A line of `sipannotate -f ndjson`: an object of the report with its `type`.
#[derive(JsonSchema)]
#[schemars(tag = "type", rename_all = "lowercase")]
#[expect(
    dead_code,
    clippy::large_enum_variant,
    reason = "only its shape is of use; `ndjson` writes it"
)]
enum Line<'a> {
    Tool(view::Head),
    Response(view::Response<'a>),
    Capture(view::Capture),
    Totals(view::Totals),
    Trust(view::Trust),
    Code(view::Code),
    Metric(view::Metric),
    Signer(view::Signer),
    Finding(view::Finding),
}

/// Ages of a signer's tokens.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its shape is of use; `view` writes it")]
pub(super) struct Ages {
    /// 5 % are younger, seconds.
    p5: f64,
    /// The median, seconds.
    p50: f64,
    /// 5 % are older, seconds.
    p95: f64,
}

/// The measures, their units, and what they are; `docs/metrics.md` says it in full.
pub(super) const MEASURES: &[(&str, &str, &str)] = &[
    (
        "acd_s",
        "s",
        "Mean length of a call, however its BYE was answered",
    ),
    ("asr", "%", "Calls answered (ITU-T E.411)"),
    (
        "callee_bye_30_35",
        "%",
        "Sessions that the callee ended 30 to 35 s after its 2xx",
    ),
    ("ira", "%", "Registrations that failed (RFC 6076 §4.2)"),
    (
        "isa",
        "%",
        "Attempts that met 408, 500, 503, 504 or silence (RFC 6076 §4.8)",
    ),
    (
        "ner",
        "%",
        "Calls answered, or ended by the user (ITU-T E.425)",
    ),
    (
        "pdd_ms",
        "ms",
        "Mean from INVITE to the first of 180, 183 with a body, 2xx",
    ),
    (
        "rrd_ms",
        "ms",
        "Mean from REGISTER to its 2xx (RFC 6076 §4.1)",
    ),
    (
        "scr",
        "%",
        "Sessions ended by an answered BYE (RFC 6076 §4.9)",
    ),
    ("sdd_ms", "ms", "Mean from BYE to its 2xx (RFC 6076 §4.4)"),
    (
        "sdt_s",
        "s",
        "Mean length of sessions whose BYE was answered (RFC 6076 §4.5)",
    ),
    (
        "seer",
        "%",
        "Calls answered, or 480, 486, 600, 603 (RFC 6076 §4.7)",
    ),
    (
        "ser",
        "%",
        "Calls answered, of those not redirected (RFC 6076 §4.6)",
    ),
    (
        "srd_failed_ms",
        "ms",
        "Mean from INVITE to the first response but 100, of failed calls (RFC 6076 §4.3.2)",
    ),
    (
        "srd_ok_ms",
        "ms",
        "The same of calls answered or redirected (RFC 6076 §4.3.1)",
    ),
];

/// The measures of a scope, which are flattened into it.
pub(super) struct Measures;

impl JsonSchema for Measures {
    fn schema_name() -> Cow<'static, str> {
        "Measures".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let mut properties = Map::new();
        for (name, unit, is) in MEASURES {
            let value = json!({"type": ["number", "null"], "description": format!("{is}, {unit}; null over nothing.")});
            properties.insert((*name).to_owned(), value);
            let count = json!({"type": "integer", "minimum": 0, "description": format!("Over how many `{name}` was taken.")});
            properties.insert(format!("{name}_n"), count);
        }
        let required: Vec<&String> = properties.keys().collect();
        json_schema!({"type": "object", "required": required, "properties": properties})
    }
}

impl JsonSchema for view::Time {
    fn schema_name() -> Cow<'static, str> {
        "Time".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "format": "date-time",
            "description": "A capture time: RFC 3339, UTC, nine digits behind the second.",
        })
    }
}

impl JsonSchema for view::Text {
    fn schema_name() -> Cow<'static, str> {
        "Text".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string"})
    }
}

fn properties(schema: &mut Schema) -> Option<&mut Map<String, Value>> {
    schema.get_mut("properties")?.as_object_mut()
}

/// Puts `<field>_bytes` beside the texts of an object.
#[derive(Clone, Debug)]
pub(super) struct BytesBeside(pub(super) &'static [&'static str]);

impl Transform for BytesBeside {
    fn transform(&mut self, schema: &mut Schema) {
        let Some(properties) = properties(schema) else {
            return;
        };
        for field in self.0 {
            let description =
                format!("The bytes of `{field}`; only where they are not UTF-8 throughout.");
            properties.insert(
                format!("{field}_bytes"),
                json!({"type": "string", "contentEncoding": "base64", "description": description}),
            );
        }
    }
}

/// Adds the fields of a response that are made of its code.
pub(super) fn class_beside(schema: &mut Schema) {
    let classes = ["1xx", "2xx", "3xx", "4xx", "5xx", "6xx", "other"];
    add(
        schema,
        "class",
        json!({"type": "string", "enum": classes, "description": "The class of `code`."}),
    );
}

/// Adds the fields of a signer that are pairs in the view.
pub(super) fn signer_beside(schema: &mut Schema) {
    let count = |description| json!({"type": "integer", "minimum": 0, "description": description});
    add(
        schema,
        "signatures_checked",
        count("Signatures that could be checked."),
    );
    add(
        schema,
        "signatures_good",
        count("Those of them that verify."),
    );
    let Some(properties) = properties(schema) else {
        return;
    };
    for (field, description) in [("first", "Its first call."), ("last", "Its last call.")] {
        // The definition is there: captures and findings have times.
        let time = json!({"$ref": "#/$defs/Time", "description": description});
        properties.insert(field.to_owned(), time);
    }
}

/// Adds the fields of a ladder that are a pair in the view.
pub(super) fn ladder_beside(schema: &mut Schema) {
    for (field, which) in [
        ("left_out_before", "before the first"),
        ("left_out_behind", "behind the last"),
    ] {
        let description = format!("Messages of the call {which} that is here.");
        add(
            schema,
            field,
            json!({"type": "integer", "minimum": 0, "description": description}),
        );
    }
}

/// Adds the bytes of a ladder's message, and `true` where that is all a field can be.
pub(super) fn message_beside(schema: &mut Schema) {
    add(
        schema,
        "message",
        json!({"type": "string", "description": "As it was sent; shorter than `length` where there was no room."}),
    );
    let Some(properties) = properties(schema) else {
        return;
    };
    for (field, description) in [
        (
            "holds",
            "Its session description puts the other side on hold.",
        ),
        ("snapped", "The capture's snap length cut it."),
        ("selected", "It is of the frame that was asked for."),
    ] {
        let only = json!({"const": true, "description": description});
        properties.insert(field.to_owned(), only);
    }
}

/// Adds a field that is always there.
fn add(schema: &mut Schema, field: &str, of: Value) {
    if let Some(properties) = properties(schema) {
        properties.insert(field.to_owned(), of);
    }
    let required = schema.ensure_object().entry("required");
    if let Some(required) = required.or_insert(json!([])).as_array_mut() {
        required.push(field.into());
    }
}

/// What need not be there is left out and never `null`.
fn absent_is_not_null(schema: &mut Schema) {
    let required: Vec<String> = schema
        .get("required")
        .and_then(Value::as_array)
        .map(|names| {
            names
                .iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect()
        })
        .unwrap_or_default();
    let Some(properties) = properties(schema) else {
        return;
    };
    for (name, of) in properties.iter_mut() {
        if required.contains(name) {
            continue;
        }
        let Some(of) = of.as_object_mut() else {
            continue;
        };
        if let Some(Value::Array(types)) = of.get_mut("type") {
            types.retain(|one| one != "null");
            if let [only] = types.as_slice() {
                let only = only.clone();
                of.insert("type".to_owned(), only);
            }
        }
        if let Some(Value::Array(any)) = of.get_mut("anyOf") {
            any.retain(|one| one.get("type") != Some(&json!("null")));
            if let [Value::Object(only)] = any.as_slice() {
                let only = only.clone();
                of.remove("anyOf");
                of.extend(only);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Transport;

    #[test]
    fn every_document_has_a_schema_of_an_object() {
        for document in Document::ALL {
            let schema = schema(*document);
            assert!(
                schema.get("properties").is_some() || schema.get("oneOf").is_some(),
                "{schema:#}"
            );
        }
    }

    #[test]
    fn what_may_be_absent_is_never_null_and_what_may_be_null_is_there() {
        let schema = schema(Document::Report);
        let response = &schema["$defs"]["Response"];
        assert_eq!(response["properties"]["call_id"]["type"], "string");
        assert_eq!(response["properties"]["call_id_bytes"]["type"], "string");
        let is_required =
            |of: &Value, field: &str| of["required"].as_array().unwrap().contains(&json!(field));
        assert!(!is_required(response, "call_id"));
        assert!(is_required(response, "class"));
        let contributor = &schema["$defs"]["Contributor"];
        assert_eq!(
            contributor["properties"]["lift"]["type"],
            json!(["number", "null"])
        );
        assert!(is_required(contributor, "lift"));
    }

    #[test]
    fn the_transports_are_those_there_are() {
        let all = [
            Transport::Udp,
            Transport::Tcp,
            Transport::Tls,
            Transport::Ws,
            Transport::Wss,
            Transport::Sctp,
        ];
        let schema = schema(Document::Report);
        let transport = &schema["$defs"]["Response"]["properties"]["transport"]["enum"];
        assert_eq!(*transport, json!(all.map(Transport::name)));
    }
}
