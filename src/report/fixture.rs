//! Fixture: views and responses as the pipeline would hand them over, for the tests of the reports.
//!
//! Every function is pure, so the goldens made of it are too.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};

use serde_json::Number;

use crate::report::view::{
    Burst, CallRef, Capture, CauseCount, Code, Confidence, Contributor, Diagnosis, Finding, Grade,
    Metric, PeerCount, Response, Severity, Signer, Text, Time, Totals, Trust, View,
};
use crate::units::{Endpoint, Span, Timestamp, Transport};
use crate::wire_text::WireText;

/// 2026-09-21 14:13:20 UTC.
pub(crate) const START: Timestamp = Timestamp::from_nanos(1_790_000_000_000_000_000);

const MEANING_438: &str = "The Identity header arrived but its PASSporT does not verify: the signature is wrong, \
    or what it signs (orig, dest, iat) is not what the request says.";
const TO_DO_438: &str = "Compare orig, dest and iat of the PASSporT with From, To and Date on the verifying hop; \
    fix the element that rewrites them behind the signer, or the signer's clock or key.";
const MEANING_200: &str = "The request succeeded; for INVITE the call is answered.";
const TO_DO_200: &str = "None. An INVITE 200 must be followed by an ACK.";

/// A writer whose text can be looked at while a report holds it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sink(Arc<Mutex<Vec<u8>>>);

impl Sink {
    /// What was written.
    pub(crate) fn text(&self) -> String {
        let bytes = self.0.lock().expect("no test panics while it writes");
        String::from_utf8(bytes.clone()).expect("UTF-8")
    }
}

impl io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut held = self.0.lock().expect("no test panics while it writes");
        held.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A response with bytes of its own.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) frame: u64,
    pub(crate) time: Timestamp,
    pub(crate) src: Endpoint,
    pub(crate) dst: Endpoint,
    pub(crate) call_id: Vec<u8>,
    pub(crate) from: Vec<u8>,
    pub(crate) code: u16,
    pub(crate) reason: Vec<u8>,
    pub(crate) context: Option<String>,
    pub(crate) retransmission: bool,
}

impl Row {
    pub(crate) fn response(&self) -> Response<'_> {
        let refused = self.code == 438;
        Response {
            file: 0,
            path: "incident-2026-09-21.pcapng.gz",
            frame: self.frame,
            time: self.time,
            capture_start: Some(START),
            src: self.src,
            dst: self.dst,
            transport: Transport::Udp,
            call_id: Some(WireText(&self.call_id)),
            cseq: Some(1),
            method: Some(WireText(b"INVITE")),
            from: Some(WireText(&self.from)),
            to: Some(WireText(b"sip:+15557654321@gw.example.net;user=phone")),
            code: self.code,
            reason: WireText(&self.reason),
            retransmission: self.retransmission,
            duplicate: false,
            meaning: Cow::Borrowed(if refused { MEANING_438 } else { MEANING_200 }),
            remediation: Cow::Borrowed(if refused { TO_DO_438 } else { TO_DO_200 }),
            context: self.context.as_deref().map(Cow::Borrowed),
            diagnosis: if refused {
                vec![Diagnosis {
                    cause: Cow::Borrowed("dest-mismatch"),
                    grade: Some(Grade::Proven),
                    header: Some(0),
                    hop: Some(Cow::Borrowed("10.1.0.9:5060 → 10.2.0.1:5060")),
                    evidence: Some(Cow::Borrowed(
                        "dest.tn is 15551230000, To is +15557654321 in the same request",
                    )),
                    remediation: Some(Cow::Borrowed(
                        "sign after number translation, or add a div PASSporT where the number changes",
                    )),
                }]
            } else {
                Vec::new()
            },
        }
    }
}

/// Port 5060 of an address.
pub(crate) fn endpoint(addr: &str) -> Endpoint {
    Endpoint::new(addr.parse().expect("an address of this file"), 5060)
}

/// `count` responses 100 ms apart from 1 s after [`START`]; every fourth is a 438.
pub(crate) fn responses(count: u32) -> Vec<Row> {
    (0..count)
        .map(|index| {
            let refused = index % 4 == 0;
            Row {
                frame: 7 + 3 * u64::from(index),
                time: START
                    .plus(Span::from_secs(1))
                    .plus(Span::from_millis(100 * i64::from(index))),
                src: endpoint("10.2.0.1"),
                dst: endpoint("10.1.0.9"),
                call_id: format!("call-{index:08}@sbc-east-1.carrier.example.net").into_bytes(),
                from: b"sip:+15551234567@carrier.example.net".to_vec(),
                code: if refused { 438 } else { 200 },
                reason: if refused {
                    b"Invalid Identity Header".to_vec()
                } else {
                    b"OK".to_vec()
                },
                context: refused.then(|| format!("challenge answered in frame {}", 9 + 3 * index)),
                retransmission: index % 10 == 9,
            }
        })
        .collect()
}

/// Responses whose texts try to harm the reader.
pub(crate) fn hostile_responses() -> Vec<Row> {
    let mut rows = responses(6);
    rows[0].call_id = b"\x1b[2J\x1b[31mowned\x07\r\nFrame 1\x00".to_vec();
    rows[1].call_id = "evil\u{202e}gpj.exe\u{200b}".as_bytes().to_vec();
    rows[2].call_id = [b"x".repeat(300), b"@end.example".to_vec()].concat();
    rows[3].call_id = "会议室电话系统测试呼叫标识符甲乙丙丁戊己庚辛壬癸@例子.测试"
        .as_bytes()
        .to_vec();
    rows[3].reason = "接続完了しましたありがとうございました".as_bytes().to_vec();
    rows[4].call_id = b"caf\xe9\xff\xfe@host".to_vec();
    rows[4].from = b"sip:\xc3\x28@host".to_vec();
    rows[5].src = endpoint("2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff");
    rows[5].dst = endpoint("fe80::1234:5678:9abc:def0");
    rows[5].reason = b"OK \x1b]0;title\x07".to_vec();
    rows
}

fn burst() -> Finding {
    let mut finding = Finding::new(
        "identity-burst",
        Severity::Error,
        "438 burst: 33 of 121 INVITEs refused (27.3 %) within 120 s".to_owned(),
        33,
    );
    finding.start = Some(Time(START.plus(Span::from_secs(3600))));
    finding.end = Some(Time(START.plus(Span::from_secs(3720))));
    finding.detail = Some(
        "Calls signed by carrier.example.net were refused by 10.2.0.1 from one second to the next; calls of other signers passed."
            .to_owned(),
    );
    finding.evidence = Some("in 30 of 33 refused INVITEs dest.tn differs from To".to_owned());
    finding.remediation = Some(TO_DO_438.to_owned());
    finding.peers = vec![PeerCount {
        peer: "10.1.0.9 → 10.2.0.1".to_owned(),
        count: 33,
    }];
    finding.burst = Some(Burst {
        code: 438,
        soft: false,
        attempts: 121,
        share: 33.0 / 121.0,
        distinct_calls: 33,
        remembered: None,
        attempts_per_call: 1.0,
        retry_after_s: None,
        storm_of_few_calls: false,
        onset: None,
        otherwise: Vec::new(),
        peak_per_minute: 30.0,
        peak_at: None,
        baseline_per_minute: Some(0.06),
        baseline: None,
        baseline_count: None,
        baseline_s: None,
        open: false,
        followed: None,
        contributors: vec![
            Contributor {
                dimension: "x5u".into(),
                value: Text::from("https://cert.carrier.example.net/2026/shaken-east.pem"),
                inside: 0.98,
                outside: 0.31,
                lift: Some(3.16),
                ..Contributor::default()
            },
            Contributor {
                dimension: "dest-prefix".into(),
                value: Text::from("1555765"),
                inside: 0.91,
                outside: 0.0,
                lift: None,
                ..Contributor::default()
            },
        ],
        separable: Some(true),
        causes: vec![
            CauseCount {
                cause: "dest-mismatch".into(),
                grade: Some(Grade::Proven),
                count: 30,
            },
            CauseCount {
                cause: "unexplained".into(),
                grade: None,
                count: 3,
            },
        ],
        keys: Vec::new(),
    });
    finding.calls = calls(33);
    finding.filter = Some(
        "sip.Status-Code == 438 && frame.time >= \"2026-09-21 15:13:20Z\" && frame.time <= \"2026-09-21 15:15:20Z\""
            .to_owned(),
    );
    finding
}

fn calls(count: u64) -> Vec<CallRef> {
    (0..count)
        .map(|index| CallRef {
            call_id: format!("call-{index:08}@sbc-east-1.carrier.example.net").into(),
            cseq: Some(1),
            to_tag: Some("a6c85cf".into()),
            file: 0,
            frames: vec![5 + 3 * index, 7 + 3 * index],
            time: Some(Time(START.plus(Span::from_secs(3600)))),
        })
        .collect()
}

/// A missing ACK, number `index`.
pub(crate) fn missing_ack(index: u64, severity: Severity) -> Finding {
    let mut finding = Finding::new(
        "missing-ack",
        severity,
        format!("{} answered calls without ACK", 2 + index),
        2 + index,
    );
    finding.verdict = Some("no-ack-probable".into());
    finding.qualifier = Some("capture-ends".to_owned());
    finding.confidence = Some(Confidence::Probable);
    finding.start = Some(Time(START.plus(Span::from_secs(60))));
    finding.end = Some(Time(START.plus(Span::from_secs(1260))));
    finding.cause = Some("the ACK is sent to the wrong place".to_owned());
    finding.evidence = Some(
        "the 200 was repeated 7 times over 15.5 s; Contact names 192.168.0.7, which is not routable from 10.1.0.9"
            .to_owned(),
    );
    finding.remediation = Some(
        "Put a reachable address into Contact of the 200, or Record-Route at the border."
            .to_owned(),
    );
    finding.raise =
        Some("a capture on 192.168.0.7 would show whether an ACK arrives there".to_owned());
    finding.peers = (0..5)
        .map(|peer| PeerCount {
            peer: format!("10.1.0.9 → 10.2.0.{peer}"),
            count: 5 - peer,
        })
        .collect();
    finding.calls = calls(2);
    finding.filter =
        Some("sip.Call-ID == \"call-00000000@sbc-east-1.carrier.example.net\"".to_owned());
    finding
}

/// A view of an ordinary incident, with `findings` findings.
#[expect(clippy::too_many_lines, reason = "one value, written out")]
pub(crate) fn view(findings: usize) -> View {
    let mut all = vec![burst()];
    for index in 1..findings {
        let severity = if index < 5 {
            Severity::Warning
        } else {
            Severity::Info
        };
        all.push(missing_ack(u64::try_from(index).expect("small"), severity));
    }
    all.truncate(findings);
    View {
        captures: vec![Capture {
            path: Text::from("incident-2026-09-21.pcapng.gz"),
            format: "pcapng".into(),
            compression: Some("gzip".into()),
            packets: 1_234_567,
            bytes: 345_678_901,
            first: Some(Time(START)),
            last: Some(Time(START.plus(Span::from_secs(7200)))),
            moved_s: None,
            cut_short: true,
        }],
        totals: Totals {
            packets: 1_234_567,
            sip_messages: 60_000,
            requests: 30_000,
            responses: 30_000,
            retransmissions: 120,
            duplicates: 42,
            onward: 0,
            calls: 7200,
            invites: 7200,
            malformed: 3,
            transports: BTreeMap::from([("TCP".into(), 20_000), ("UDP".into(), 40_000)]),
        },
        trust: vec![
            Trust {
                kind: "tcp-gap".into(),
                count: 3,
                first_frame: Some(12),
                file: None,
                detail: "bytes of a SIP connection were not captured; messages inside the gap are missing"
                    .to_owned(),
            },
            Trust {
                kind: "encrypted".into(),
                count: 512,
                first_frame: Some(99),
                file: None,
                detail: "TLS on port 5061 was not decrypted; give the secrets with --keylog".to_owned(),
            },
        ],
        codes: vec![
            Code {
                code: 200,
                phrase: "OK".into(),
                count: 7167,
                retransmissions: 12,
                share: 0.9954,
                methods: BTreeMap::from([("INVITE".to_owned(), 7167)]),
                meaning: MEANING_200.into(),
                when: "".into(),
                remediation: TO_DO_200.into(),
                short_remediation: "Nothing; if it repeats, the ACK is missing.".into(),
                rfc: Some("RFC 3261".into()),
            },
            Code {
                code: 438,
                phrase: "Invalid Identity Header".into(),
                count: 33,
                retransmissions: 0,
                share: 0.0046,
                methods: BTreeMap::from([("INVITE".to_owned(), 33)]),
                meaning: MEANING_438.into(),
                when: "".into(),
                remediation: TO_DO_438.into(),
                short_remediation: "Compare orig and dest with From and To.".into(),
                rfc: Some("RFC 8224".into()),
            },
        ],
        metrics: vec![Metric {
            scope: "all".into(),
            peer: None,
            start: None,
            values: BTreeMap::from([
                ("asr".into(), Some(Number::from(98))),
                ("asr_n".into(), Some(Number::from(121))),
                ("sdt_s".into(), None),
            ]),
        }],
        signers: vec![Signer {
            x5u: Text::from("https://cert.carrier.example.net/2026/shaken-east.pem"),
            attest: BTreeMap::from([("A".to_owned(), 121)]),
            invites: 121,
            rejected: 33,
            seen: None,
            iat_age_s: Some([0.3, 0.4, 1.2]),
            iat_no_time: None,
            clock_s: None,
            outside_validity: 0,
            signatures: (33, 20),
        }],
        findings: all,
    }
}

/// A view of a file with a header and no packet.
pub(crate) fn empty_view() -> View {
    View {
        captures: vec![Capture {
            path: Text::from("empty.pcap"),
            format: "pcap".into(),
            bytes: 24,
            ..Capture::default()
        }],
        ..View::default()
    }
}
