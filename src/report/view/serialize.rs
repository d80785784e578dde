//! Serialisation of what is more than a list of fields: times, and strangers' bytes.
//!
//! In: view types. Out: their JSON, field for field as CONTRACT has it. A text that is not UTF-8
//! gets `<field>_bytes` beside it, which a derive cannot do.
//!
//! # References
//! - RFC 4648 §4 (base64)

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use std::collections::BTreeMap;

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use super::{
    CallRef, Capture, Contributor, KeyBurst, Ladder, LadderLeg, LadderMessage, Onset, Response,
    Signer, Time,
};
use crate::report::{Digest, clock};
use crate::wire_text::WireText;

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&clock::rfc3339(self.0))
    }
}

/// Writes `key`, and `bytes_key` beside it where the text is not UTF-8.
fn put_text<M: SerializeMap>(
    map: &mut M,
    key: &'static str,
    bytes_key: &'static str,
    text: WireText<'_>,
) -> Result<(), M::Error> {
    map.serialize_entry(key, &text.json())?;
    if !text.is_utf8() {
        map.serialize_entry(bytes_key, &BASE64.encode(text.0))?;
    }
    Ok(())
}

/// Writes `key` if there is a value.
fn put_some<M: SerializeMap, T: Serialize>(
    map: &mut M,
    key: &'static str,
    value: Option<&T>,
) -> Result<(), M::Error> {
    value.map_or(Ok(()), |value| map.serialize_entry(key, value))
}

/// Serialised as what it displays.
struct Shown<T>(T);

impl<T: std::fmt::Display> Serialize for Shown<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl Serialize for Response<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("file", &self.file)?;
        map.serialize_entry("frame", &self.frame)?;
        map.serialize_entry("time", &Time(self.time))?;
        map.serialize_entry("src", &Shown(self.src))?;
        map.serialize_entry("dst", &Shown(self.dst))?;
        map.serialize_entry("transport", self.transport.name())?;
        if let Some(text) = self.call_id {
            put_text(&mut map, "call_id", "call_id_bytes", text)?;
        }
        put_some(&mut map, "cseq", self.cseq.as_ref())?;
        if let Some(text) = self.method {
            put_text(&mut map, "method", "method_bytes", text)?;
        }
        if let Some(text) = self.from {
            put_text(&mut map, "from", "from_bytes", text)?;
        }
        if let Some(text) = self.to {
            put_text(&mut map, "to", "to_bytes", text)?;
        }
        map.serialize_entry("code", &self.code)?;
        put_text(&mut map, "reason", "reason_bytes", self.reason)?;
        map.serialize_entry("class", self.class())?;
        map.serialize_entry("retransmission", &self.retransmission)?;
        map.serialize_entry("duplicate", &self.duplicate)?;
        map.serialize_entry("meaning", &self.meaning)?;
        map.serialize_entry("remediation", &self.remediation)?;
        put_some(&mut map, "context", self.context.as_ref())?;
        if !self.diagnosis.is_empty() {
            map.serialize_entry("diagnosis", &self.diagnosis)?;
        }
        map.end()
    }
}

impl Serialize for Capture {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        put_text(&mut map, "path", "path_bytes", self.path.wire())?;
        map.serialize_entry("format", &self.format)?;
        put_some(&mut map, "compression", self.compression.as_ref())?;
        map.serialize_entry("packets", &self.packets)?;
        map.serialize_entry("bytes", &self.bytes)?;
        put_some(&mut map, "first", self.first.as_ref())?;
        put_some(&mut map, "last", self.last.as_ref())?;
        put_some(&mut map, "moved_s", self.moved_s.as_ref())?;
        map.serialize_entry("cut_short", &self.cut_short)?;
        map.end()
    }
}

impl Serialize for Signer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        put_text(&mut map, "x5u", "x5u_bytes", self.x5u.wire())?;
        map.serialize_entry("attest", &self.attest)?;
        map.serialize_entry("invites", &self.invites)?;
        map.serialize_entry("rejected", &self.rejected)?;
        if let Some((first, last)) = &self.seen {
            map.serialize_entry("first", first)?;
            map.serialize_entry("last", last)?;
        }
        if let Some([young, median, old]) = self.iat_age_s {
            let ages = BTreeMap::from([("p5", young), ("p50", median), ("p95", old)]);
            map.serialize_entry("iat_age_s", &ages)?;
        }
        put_some(&mut map, "iat_no_time", self.iat_no_time.as_ref())?;
        put_some(&mut map, "clock_s", self.clock_s.as_ref())?;
        map.serialize_entry("outside_validity", &self.outside_validity)?;
        map.serialize_entry("signatures_checked", &self.signatures.0)?;
        map.serialize_entry("signatures_good", &self.signatures.1)?;
        map.end()
    }
}

impl Serialize for CallRef {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        put_text(&mut map, "call_id", "call_id_bytes", self.call_id.wire())?;
        put_some(&mut map, "cseq", self.cseq.as_ref())?;
        if let Some(tag) = &self.to_tag {
            put_text(&mut map, "to_tag", "to_tag_bytes", tag.wire())?;
        }
        map.serialize_entry("file", &self.file)?;
        map.serialize_entry("frames", &self.frames)?;
        put_some(&mut map, "time", self.time.as_ref())?;
        map.end()
    }
}

impl Serialize for Contributor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("dimension", &self.dimension)?;
        put_text(&mut map, "value", "value_bytes", self.value.wire())?;
        map.serialize_entry("inside", &self.inside)?;
        map.serialize_entry("outside", &self.outside)?;
        map.serialize_entry("lift", &self.lift)?;
        put_some(&mut map, "refused", self.refused.as_ref())?;
        put_some(&mut map, "accepted", self.accepted.as_ref())?;
        map.end()
    }
}

impl Serialize for Onset {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("kind", &self.kind)?;
        put_text(&mut map, "value", "value_bytes", self.value.wire())?;
        map.serialize_entry("time", &self.time)?;
        map.serialize_entry("evidence", &self.evidence)?;
        map.end()
    }
}

impl Serialize for KeyBurst {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("dimension", &self.dimension)?;
        put_text(&mut map, "value", "value_bytes", self.value.wire())?;
        map.serialize_entry("count", &self.count)?;
        put_some(&mut map, "start", self.start.as_ref())?;
        put_some(&mut map, "end", self.end.as_ref())?;
        map.end()
    }
}

impl Serialize for Ladder {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        put_text(&mut map, "call_id", "call_id_bytes", self.call_id.wire())?;
        if !self.legs.is_empty() {
            map.serialize_entry("legs", &self.legs)?;
        }
        map.serialize_entry("hosts", &self.hosts)?;
        map.serialize_entry("messages", &self.messages)?;
        map.serialize_entry("findings", &self.findings)?;
        map.serialize_entry("left_out_before", &self.left_out.0)?;
        map.serialize_entry("left_out_behind", &self.left_out.1)?;
        map.end()
    }
}

impl Serialize for LadderLeg {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        put_text(&mut map, "call_id", "call_id_bytes", self.call_id.wire())?;
        if let Some(of) = &self.of {
            put_text(&mut map, "of", "of_bytes", of.wire())?;
        }
        map.serialize_entry("by", &self.by)?;
        map.serialize_entry("link", self.link)?;
        map.serialize_entry("after_s", &self.after_s)?;
        map.serialize_entry("file", &self.file)?;
        map.serialize_entry("frame", &self.frame)?;
        map.end()
    }
}

impl Serialize for LadderMessage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("file", &self.file)?;
        map.serialize_entry("frame", &self.frame)?;
        if self.frames.len() > 1 {
            map.serialize_entry("frames", &self.frames)?;
        }
        map.serialize_entry("time", &Time(self.time))?;
        map.serialize_entry("src", &Shown(self.src))?;
        map.serialize_entry("dst", &Shown(self.dst))?;
        map.serialize_entry("transport", self.transport.name())?;
        put_some(&mut map, "leg", self.leg.as_ref())?;
        map.serialize_entry("from", &self.from)?;
        map.serialize_entry("to", &self.to)?;
        put_text(&mut map, "method", "method_bytes", self.method.wire())?;
        for (key, bytes_key, text) in [
            ("uri", "uri_bytes", &self.uri),
            ("reason", "reason_bytes", &self.reason),
            ("branch", "branch_bytes", &self.branch),
            ("from_tag", "from_tag_bytes", &self.from_tag),
            ("to_tag", "to_tag_bytes", &self.to_tag),
        ] {
            if let Some(text) = text {
                put_text(&mut map, key, bytes_key, text.wire())?;
            }
        }
        put_some(&mut map, "code", self.code.as_ref())?;
        put_some(&mut map, "cseq", self.cseq.as_ref())?;
        put_some(&mut map, "media", self.media.as_ref())?;
        if self.holds {
            map.serialize_entry("holds", &true)?;
        }
        map.serialize_entry("retransmission", &self.retransmission)?;
        map.serialize_entry("duplicate", &self.duplicate)?;
        put_some(&mut map, "repeats", self.repeats.as_ref())?;
        put_some(&mut map, "meaning", self.meaning.as_ref())?;
        put_some(&mut map, "remediation", self.remediation.as_ref())?;
        put_some(&mut map, "context", self.context.as_ref())?;
        if !self.diagnosis.is_empty() {
            map.serialize_entry("diagnosis", &self.diagnosis)?;
        }
        if !self.findings.is_empty() {
            map.serialize_entry("findings", &self.findings)?;
        }
        if !self.identity.is_empty() {
            map.serialize_entry("identity", &self.identity)?;
        }
        map.serialize_entry("length", &self.length)?;
        if self.snapped {
            map.serialize_entry("snapped", &true)?;
        }
        if self.selected {
            map.serialize_entry("selected", &true)?;
        }
        put_text(&mut map, "message", "message_bytes", self.wire())?;
        map.end()
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        put_text(&mut map, "path", "path_bytes", self.path.wire())?;
        map.serialize_entry("bytes", &self.bytes)?;
        put_some(&mut map, "sha256", self.sha256.as_ref())?;
        map.end()
    }
}
