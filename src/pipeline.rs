//! STUB of the pipeline: real signatures, made-up answers. To be replaced as a whole.

use std::io::{self, Read};

use crate::findings::BurstOptions;
use crate::limits::Limits;
use crate::report::view;
use crate::units::{Endpoint, Span, Timestamp, Transport};
use crate::wire_text::WireText;

/// Rules that exist, for `--fail-on`.
pub const RULES: &[&str] = &[
    "identity-burst",
    "identity-failure",
    "missing-ack",
    "response-burst",
    "soft-identity-failure",
];

/// One input of a run.
pub struct Input {
    /// As it was named.
    pub path: String,
    /// Its bytes.
    pub source: Box<dyn Read>,
}

/// What a run is to do.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Caps.
    pub limits: Limits,
    /// Burst detector.
    pub burst: BurstOptions,
}

/// An error of one input.
pub type InputError = Box<dyn std::error::Error + Send + Sync>;

/// What a run found.
#[derive(Debug)]
pub struct Outcome {
    /// What is known at the end.
    pub view: view::View,
    /// Inputs that could not be read at all, by path.
    pub failed: Vec<(String, InputError)>,
}

/// Analyses `inputs`; `each` gets the responses as they settle. An error is one of `each`.
pub fn analyse(
    inputs: Vec<Input>,
    options: &Options,
    each: &mut dyn FnMut(&view::Response<'_>) -> io::Result<()>,
) -> io::Result<Outcome> {
    let _ = options;
    let mut outcome = Outcome {
        view: view::View::default(),
        failed: Vec::new(),
    };
    let start = Timestamp::from_nanos(1_790_000_000_000_000_000);
    for mut input in inputs {
        let mut bytes = Vec::new();
        if let Err(error) = input.source.read_to_end(&mut bytes) {
            outcome.failed.push((input.path, error.into()));
            continue;
        }
        let known = [
            &b"\xd4\xc3\xb2\xa1"[..],
            b"\xa1\xb2\xc3\xd4",
            b"\x0a\x0d\x0d\x0a",
        ];
        if !known.iter().any(|magic| bytes.starts_with(magic)) {
            outcome
                .failed
                .push((input.path, "not a pcap or pcapng capture".into()));
            continue;
        }
        outcome.view.captures.push(view::Capture {
            path: input.path.into(),
            format: "pcap".into(),
            bytes: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            ..view::Capture::default()
        });
        if bytes.len() <= 24 {
            continue;
        }
        for index in 0..30_u32 {
            stub_response(start, index, each)?;
        }
        outcome.view.totals.sip_messages = 60;
        outcome.view.totals.responses = 30;
        let mut finding = view::Finding::new(
            "missing-ack",
            view::Severity::Warning,
            "30 answered calls without ACK".to_owned(),
            30,
        );
        finding.start = Some(view::Time(start));
        outcome.view.findings = vec![finding];
    }
    Ok(outcome)
}

fn stub_response(
    start: Timestamp,
    index: u32,
    each: &mut dyn FnMut(&view::Response<'_>) -> io::Result<()>,
) -> io::Result<()> {
    let call_id = format!("{index}@example.net");
    let end = |last| Endpoint::new([10, 0, 0, last].into(), 5060);
    each(&view::Response {
        file: 0,
        frame: u64::from(index) + 1,
        time: start.plus(Span::from_secs(i64::from(index))),
        capture_start: Some(start),
        src: end(1),
        dst: end(2),
        transport: Transport::Udp,
        call_id: Some(WireText(call_id.as_bytes())),
        cseq: Some(1),
        method: Some(WireText(b"INVITE")),
        from: None,
        to: None,
        code: if index.is_multiple_of(2) { 200 } else { 438 },
        reason: WireText(b"OK"),
        retransmission: false,
        duplicate: false,
        meaning: "The request succeeded.".into(),
        remediation: "None.".into(),
        context: None,
        diagnosis: Vec::new(),
    })
}
