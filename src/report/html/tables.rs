//! Tables: codes, metrics, peers, signers, trust and captures of the page.
//!
//! In: the view. Out: rows of text for the template. At most [`SHOWN`] rows of each.

use serde::Serialize;

use super::{Options, say};
use crate::report::text::percent;
use crate::report::view::{Capture, Code, Metric, Signer, Trust, View};

/// Rows of a table.
const SHOWN: usize = 100;

/// Measures: name, key, unit.
const MEASURES: [(&str, &str, &str); 11] = [
    ("ASR", "asr", "%"),
    ("NER", "ner", "%"),
    ("SER", "ser", "%"),
    ("SEER", "seer", "%"),
    ("ISA", "isa", "%"),
    ("SCR", "scr", "%"),
    ("PDD", "pdd_ms", "ms"),
    ("ACD", "acd_s", "s"),
    ("SDT", "sdt_s", "s"),
    ("RRD", "rrd_ms", "ms"),
    ("IRA", "ira", "%"),
];

/// Those of them that are given by peer.
const OF_PEERS: [usize; 6] = [0, 1, 2, 3, 6, 7];

#[derive(Debug, Serialize)]
pub(super) struct CodeRow {
    class: &'static str,
    code: u16,
    phrase: String,
    count: String,
    resent: Option<String>,
    share: String,
    /// Width of the bar behind the share, percent.
    bar: f64,
    methods: String,
    meaning: String,
    to_do: String,
    when: Option<String>,
    rfc: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct Measure {
    name: &'static str,
    value: String,
    of: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct PeerRow {
    peer: String,
    cells: Vec<Option<Measure>>,
}

#[derive(Debug, Serialize)]
pub(super) struct Peers {
    heads: Vec<&'static str>,
    rows: Vec<PeerRow>,
    more: usize,
}

#[derive(Debug, Serialize)]
pub(super) struct SignerRow {
    x5u: String,
    attest: String,
    invites: String,
    rejected: String,
    is_bad: bool,
    signatures: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct TrustRow {
    kind: String,
    count: String,
    frame: Option<String>,
    detail: String,
}

#[derive(Debug, Serialize)]
pub(super) struct CaptureRow {
    path: String,
    format: String,
    size: String,
    packets: String,
    span: Option<String>,
    cut_short: bool,
}

pub(super) fn codes(view: &View) -> Vec<CodeRow> {
    let row = |code: &Code| {
        let is_failure = code.code >= 300 || code.short_remediation.is_empty();
        let to_do = if is_failure {
            &code.remediation
        } else {
            &code.short_remediation
        };
        let methods: Vec<String> = code
            .methods
            .iter()
            .map(|(method, count)| format!("{} {}", say::safe(method), say::count(*count)))
            .collect();
        CodeRow {
            class: say::class(code.code),
            code: code.code,
            phrase: say::safe(&code.phrase),
            count: say::count(code.count),
            resent: (code.retransmissions > 0).then(|| say::count(code.retransmissions)),
            share: percent(code.share),
            bar: if code.share.is_finite() {
                (code.share.clamp(0.0, 1.0) * 1000.0).round() / 10.0
            } else {
                0.0
            },
            methods: methods.join(", "),
            meaning: say::safe(&code.meaning),
            to_do: say::safe(to_do),
            when: Some(say::safe(&code.when)).filter(|when| !when.is_empty()),
            rfc: code.rfc.as_deref().map(say::safe),
        }
    };
    view.codes.iter().map(row).collect()
}

/// The measures over all that have a value.
pub(super) fn metrics(view: &View) -> Vec<Measure> {
    let Some(all) = view.metrics.iter().find(|metric| metric.scope == "all") else {
        return Vec::new();
    };
    let measures = MEASURES.iter();
    measures
        .filter_map(|(name, key, unit)| measure(all, name, key, unit))
        .collect()
}

/// The measures by peer.
pub(super) fn peers(view: &View) -> Peers {
    let of_peers = || OF_PEERS.iter().filter_map(|place| MEASURES.get(*place));
    let mut peers = view.metrics.iter().filter(|metric| metric.scope == "peer");
    let rows: Vec<PeerRow> = peers
        .by_ref()
        .take(SHOWN)
        .map(|metric| PeerRow {
            peer: metric.peer.as_deref().map(say::safe).unwrap_or_default(),
            cells: of_peers()
                .map(|(name, key, unit)| measure(metric, name, key, unit))
                .collect(),
        })
        .collect();
    Peers {
        heads: of_peers().map(|(name, _, _)| *name).collect(),
        rows,
        more: peers.count(),
    }
}

fn measure(metric: &Metric, name: &'static str, key: &str, unit: &str) -> Option<Measure> {
    let value = metric.values.get(key)?.as_ref()?.as_f64()?;
    let of = metric.values.get(format!("{key}_n").as_str());
    let of = of.and_then(|of| of.as_ref()?.as_u64());
    Some(Measure {
        name,
        value: if unit == "ms" {
            format!("{value:.0} {unit}")
        } else {
            format!("{value:.1} {unit}")
        },
        of: of.map(say::count),
    })
}

pub(super) fn signers(view: &View) -> (Vec<SignerRow>, usize) {
    let row = |signer: &Signer| {
        let attest: Vec<String> = signer
            .attest
            .iter()
            .map(|(attest, count)| format!("{} {}", say::safe(attest), say::count(*count)))
            .collect();
        let (checked, good) = signer.signatures;
        SignerRow {
            x5u: signer.x5u.wire().terminal().into_owned(),
            attest: attest.join(", "),
            invites: say::count(signer.invites),
            rejected: say::count(signer.rejected),
            is_bad: signer.rejected > 0,
            signatures: (checked > 0)
                .then(|| format!("{} / {}", say::count(good), say::count(checked))),
        }
    };
    let rows = view.signers.iter().take(SHOWN).map(row).collect();
    (rows, view.signers.len().saturating_sub(SHOWN))
}

pub(super) fn trust(view: &View, options: &Options) -> Vec<TrustRow> {
    let row = |remark: &Trust| TrustRow {
        kind: remark.kind.to_string(),
        count: say::count(remark.count),
        frame: remark
            .first_frame
            .map(|frame| say::frame(remark.file.unwrap_or(0), frame, options)),
        detail: say::safe(&remark.detail),
    };
    view.trust.iter().take(SHOWN).map(row).collect()
}

pub(super) fn captures(view: &View, options: &Options) -> (Vec<CaptureRow>, usize) {
    let start = super::findings::capture_start(view);
    let row = |(index, capture): (usize, &Capture)| {
        let mut format = capture.format.to_string();
        if let Some(packed) = &capture.compression {
            format.push_str(", ");
            format.push_str(packed);
        }
        let path = capture.path.wire().terminal();
        CaptureRow {
            path: if options.files > 1 {
                format!("[{index}] {path}")
            } else {
                path.into_owned()
            },
            format,
            size: say::bytes(capture.bytes),
            packets: say::count(capture.packets),
            span: capture
                .first
                .zip(capture.last)
                .map(|(first, last)| say::window(first, last, start.unwrap_or(first.0), options)),
            cut_short: capture.cut_short,
        }
    };
    let rows = view.captures.iter().enumerate().take(SHOWN).map(row);
    (rows.collect(), view.captures.len().saturating_sub(SHOWN))
}
