//! The messages of a capture, as our stages and as tshark see them.
//!
//! In: a capture and a key log. Out: one [`Seen`] for each message, sorted, so that two readers
//! are compared whatever the order in which they say it.

use std::cell::RefCell;
use std::fs;
use std::path::Path;
use std::process::Command;

use sipannotate::capture::{Next, Reader};
use sipannotate::defect::Defect;
use sipannotate::limits::Limits;
use sipannotate::packet::{Decoder, Packet};
use sipannotate::pipeline::Wires;
use sipannotate::sip::RawMessage;
use sipannotate::tls::KeyLog;
use sipannotate::units::FileIndex;

/// A message.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Seen {
    /// The frame that completed it.
    pub(crate) frame: u64,
    /// The sender's innermost IP address.
    pub(crate) src: String,
    /// The receiver's.
    pub(crate) dst: String,
    /// The start line.
    pub(crate) start: String,
    /// The Call-ID.
    pub(crate) call_id: String,
}

/// What our stages see.
pub(crate) fn ours(capture: &Path, keys: Option<&Path>) -> Vec<Seen> {
    let limits = Limits::default();
    let mut log = KeyLog::new(&limits);
    if let Some(keys) = keys {
        log.add(&fs::read(keys).expect("a key log"));
    }
    let bytes = fs::read(capture).expect("a capture");
    let mut reader =
        Reader::open(bytes.as_slice(), "wire", FileIndex(0), &limits).expect("a capture");
    let mut decoder = Decoder::new(&limits);
    let mut wires = Wires::new(log, &limits);
    let seen = RefCell::new(Vec::new());
    let mut message = |raw: RawMessage<'_>| {
        let head = String::from_utf8_lossy(&raw.bytes[..raw.head_len]).into_owned();
        let call_id = head.lines().find_map(|line| line.strip_prefix("Call-ID: "));
        seen.borrow_mut().push(Seen {
            frame: raw.origin.at.no.0,
            src: raw.flow.src.addr.to_string(),
            dst: raw.flow.dst.addr.to_string(),
            start: head.lines().next().unwrap_or_default().to_owned(),
            call_id: call_id.unwrap_or_default().to_owned(),
        });
    };
    let defect = |_: Defect| {};
    loop {
        match reader.next_frame().expect("readable") {
            Next::Frame(frame) => decoder.push(
                &frame,
                &mut |packet| match packet {
                    Packet::Datagram(datagram) | Packet::Message(datagram) => {
                        wires.datagram(&datagram, &mut message, &defect);
                    }
                    Packet::Segment(segment) => wires.segment(&segment, &mut message, &defect),
                    Packet::Sctp(packet) => wires.sctp(&packet, &mut message, &defect),
                    Packet::IcmpError(_) => {}
                },
                &mut { defect },
            ),
            Next::End => break,
            _ => {}
        }
    }
    wires.finish(&mut message, &defect);
    let mut seen = seen.into_inner();
    seen.sort();
    seen
}

/// What tshark sees with `options`.
pub(crate) fn tsharks(capture: &Path, options: &[&str]) -> Vec<Seen> {
    let mut command = Command::new("tshark");
    command.arg("-r").arg(capture).args(options);
    command.args(["-Y", "sip", "-T", "fields", "-E", "occurrence=l"]);
    for field in [
        "frame.number",
        "ip.src",
        "ip.dst",
        "sip.Request-Line",
        "sip.Status-Line",
        "sip.Call-ID",
    ] {
        command.args(["-e", field]);
    }
    let output = command.output().expect("tshark");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let mut seen: Vec<Seen> = text
        .lines()
        .map(|line| {
            let fields: Vec<&str> = line.split('\t').collect();
            let [frame, src, dst, request, status, call_id] = fields[..] else {
                panic!("six fields: {line}");
            };
            Seen {
                frame: frame.parse().expect("a number"),
                src: src.to_owned(),
                dst: dst.to_owned(),
                start: format!("{request}{status}"),
                call_id: call_id.to_owned(),
            }
        })
        .collect();
    seen.sort();
    seen
}
