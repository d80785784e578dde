//! One message through framing and index, and all that is read of it as text.

use std::net::{IpAddr, Ipv4Addr};

use sipannotate::limits::Limits;
use sipannotate::packet::Datagram;
use sipannotate::sip::framing::{Framer, frame_datagram};
use sipannotate::sip::{Framing, Head, Indexer, Message, RawMessage, StartLine};
use sipannotate::stream::{Chunk, Event, StreamId};
use sipannotate::units::{Endpoint, Flow, FrameRef, Origin, Timestamp, Transport};

/// What was read of a message. What is absent is `-`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Read {
    /// Method, or code; of a code that is none its digits.
    pub start: String,
    /// Request-URI, or phrase.
    pub what: String,
    pub call_id: String,
    /// Number and method.
    pub cseq: String,
    /// Number of values, and sent-by and branch of the topmost.
    pub via: String,
    /// URI and tag.
    pub from: String,
    /// URI and tag.
    pub to: String,
    /// Of the index.
    pub odd: Vec<&'static str>,
    /// Of framing.
    pub framing: Vec<&'static str>,
    /// Whether either calls it malformed.
    pub malformed: bool,
}

/// The messages of a datagram.
pub(crate) fn datagram(payload: &[u8]) -> Vec<Read> {
    let datagram = Datagram {
        flow: flow(Transport::Udp),
        origin: origin(),
        payload,
    };
    let mut read = Vec::new();
    let mut head = Head::new(Limits::default().header_fields);
    frame_datagram(&datagram, &mut head, &mut |raw| read.push(one(&raw)));
    // The same through the door that asks first whether it is SIP at all.
    let mut count = 0;
    let mut framer = Framer::new(&Limits::default());
    framer.datagram(&datagram, &mut |_| count += 1, &mut |_| {});
    assert_eq!(count, read.len(), "the framer takes it for SIP");
    read
}

/// The messages of a stream that holds `bytes` and ends.
pub(crate) fn stream(bytes: &[u8]) -> Vec<Read> {
    let mut read = Vec::new();
    let mut framer = Framer::new(&Limits::default());
    for event in [Event::Bytes(bytes), Event::End] {
        let chunk = Chunk {
            stream: StreamId(1),
            flow: flow(Transport::Tcp),
            origin: origin(),
            event,
        };
        framer.push(&chunk, &mut |raw| read.push(one(&raw)), &mut |_| {});
    }
    assert_eq!(framer.buffered_bytes(), 0);
    read
}

fn flow(transport: Transport) -> Flow {
    let addr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    Flow {
        src: Endpoint::new(addr, 5060),
        dst: Endpoint::new(addr, 5060),
        transport,
    }
}

fn origin() -> Origin<'static> {
    Origin {
        at: FrameRef::default(),
        time: Timestamp::default(),
        earlier: &[],
        interface: 0,
        ip_id: 0,
        ttl: 64,
        snapped: false,
        fragmented: false,
    }
}

fn one(raw: &RawMessage<'_>) -> Read {
    let mut indexer = Indexer::new(Limits::default().header_fields);
    let message = indexer
        .index(raw.bytes, raw.head_len)
        .expect("a start line");
    read(&message, raw.framing)
}

fn read(message: &Message<'_>, framing: Framing) -> Read {
    let (start, what) = match message.start {
        StartLine::Request { method, uri } => (text(method.text), text(uri)),
        StartLine::Response {
            code,
            code_text,
            phrase,
        } => {
            if let Some(code) = code {
                assert_eq!(code.to_string(), text(code_text));
            }
            (text(code_text), text(phrase))
        }
    };
    let number = message.cseq.number.map(|number| number.to_string());
    let via = message.top_via().map(|via| {
        let port = via.sent_by.port.map(|port| format!(" {port}"));
        let branch = via.branch.map_or_else(absent, text);
        let host = text(via.sent_by.host);
        format!("{host}{} {branch}", port.unwrap_or_default())
    });
    let address = |address: Option<sipannotate::sip::value::Address<'_>>, tag: Option<&[u8]>| {
        let uri = address.map(|address| text(address.uri));
        let tag = tag.map_or_else(absent, text);
        format!("{} {tag}", uri.unwrap_or_else(absent))
    };
    Read {
        start,
        what,
        call_id: message.call_id().map_or_else(absent, text),
        cseq: format!(
            "{} {}",
            number.unwrap_or_else(absent),
            text(message.cseq.method)
        ),
        via: format!("{}: {}", message.via_count(), via.unwrap_or_else(absent)),
        from: address(message.from(), message.from_tag()),
        to: address(message.to(), message.to_tag()),
        odd: message.oddities.names().collect(),
        framing: framing_names(framing),
        malformed: message.oddities.is_malformed() || framing.is_malformed(),
    }
}

/// Every flag of framing by name; a new one does not compile here until it has its own.
fn framing_names(framing: Framing) -> Vec<&'static str> {
    let Framing {
        truncated_body,
        trailing_octets,
        follows_in_datagram,
        bad_content_length,
        missing_content_length,
        head_unfinished,
        after_gap,
    } = framing;
    [
        (truncated_body, "truncated_body"),
        (trailing_octets, "trailing_octets"),
        (follows_in_datagram, "follows_in_datagram"),
        (bad_content_length, "bad_content_length"),
        (missing_content_length, "missing_content_length"),
        (head_unfinished, "head_unfinished"),
        (after_gap, "after_gap"),
    ]
    .into_iter()
    .filter_map(|(set, name)| set.then_some(name))
    .collect()
}

fn absent() -> String {
    "-".to_owned()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
