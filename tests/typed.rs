//! rsip's view of single values held against the index's, over every message there is.
//!
//! In: the samples, and the shared captures and torture messages where they are at hand; captures
//! go through capture, packet, stream and framing as in a run. Always: where `sip::typed` has a
//! view it equals ours; where it has none, a cause of [`CAUSES`] is seen in the value; a message
//! that rsip refuses whole is still indexed. The counts are printed (`--nocapture`).
//!
//! # References
//! - RFC 4475, RFC 5118 (the torture messages)

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test: what cannot be read fails it, and the counts are for people"
)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use sipannotate::capture::{Next, Reader};
use sipannotate::limits::Limits;
use sipannotate::packet::{Datagram, Decoder, Packet};
use sipannotate::pipeline::{self, Input};
use sipannotate::sip::framing::{Framer, frame_datagram};
use sipannotate::sip::typed::{self, Refusal, Start};
use sipannotate::sip::value::{Address, HostPort, Uri, Via, is_space};
use sipannotate::sip::{Head, Indexer, Message, MethodKind, Name, RawMessage, StartLine};
use sipannotate::stream::Reassembler;
use sipannotate::units::{
    Endpoint, FileIndex, Flow, FrameNo, FrameRef, Origin, Timestamp, Transport,
};

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Method,
    StatusCode,
    RequestUri,
    Via,
    From,
    To,
    Contact,
    CSeq,
    Whole,
}

/// Why rsip has no view of a value, and how the cause is seen in it.
struct Cause {
    name: &'static str,
    kinds: &'static [Kind],
    is_seen: fn(&[u8]) -> bool,
}

const URIS: &[Kind] = &[Kind::RequestUri, Kind::From, Kind::To, Kind::Contact];

const fn cause(name: &'static str, kinds: &'static [Kind], is_seen: fn(&[u8]) -> bool) -> Cause {
    Cause {
        name,
        kinds,
        is_seen,
    }
}

/// Every cause; the first that is seen is counted.
const CAUSES: &[Cause] = &[
    cause(
        "a method that is not registered",
        &[Kind::Method],
        has_other_method,
    ),
    cause("a method that is not registered", &[Kind::CSeq], |value| {
        value
            .split(|&b| is_space(b))
            .next_back()
            .is_some_and(has_other_method)
    }),
    cause("a number over 32 bits", &[Kind::CSeq], |value| {
        value.iter().take_while(|b| b.is_ascii_digit()).count() > 10
    }),
    cause("a fold", &[Kind::CSeq], |value| value.contains(&b'\n')),
    cause(
        "a code of more than three digits",
        &[Kind::StatusCode],
        |line| {
            line.split(|&b| b == b' ')
                .nth(1)
                .is_some_and(|code| code.len() > 3)
        },
    ),
    cause("blanks around the slashes", &[Kind::Via], |value| {
        !value.starts_with(b"SIP/") && value.starts_with(b"SIP")
    }),
    cause("another version", &[Kind::Via], |value| {
        value.starts_with(b"SIP/7.0/")
    }),
    cause("nothing but a separator", &[Kind::Via], |value| {
        value == b";"
    }),
    cause("an IPv6 sent-by", &[Kind::Via], |value| {
        Via::parse(value).is_some_and(|via| via.sent_by.host.contains(&b':'))
    }),
    cause("an unknown transport", &[Kind::Via], |value| {
        value.starts_with(b"SIP/2.0/UNKNOWN ")
    }),
    cause("a sent-by that is a path", &[Kind::Via], |value| {
        Via::parse(value).is_some_and(|via| via.sent_by.host.contains(&b'/'))
    }),
    cause("not UTF-8", URIS, |value| {
        std::str::from_utf8(value).is_err()
    }),
    cause(
        "quotes that do not close, or inside a name",
        &[Kind::From, Kind::To],
        |value| {
            let name = value.split(|&b| b == b'<').next().unwrap_or_default();
            typed::unquoted(name).is_none()
        },
    ),
    cause("a URI without scheme", URIS, |value| {
        !uri_of(value).contains(&b':')
    }),
    cause("a scheme that is not sip or sips", URIS, |value| {
        Uri::parse(uri_of(value)).is_some_and(|uri| {
            !uri.scheme.eq_ignore_ascii_case(b"sip") && !uri.scheme.eq_ignore_ascii_case(b"sips")
        })
    }),
    cause("an IPv6 host", URIS, |value| {
        Uri::parse(uri_of(value)).is_some_and(|uri| uri.host.host.contains(&b':'))
    }),
    cause("parameters in the user", URIS, |value| {
        Uri::parse(uri_of(value)).is_some_and(|uri| uri.user.contains(&b';'))
    }),
    cause("blanks in <>", &[Kind::From, Kind::To], |value| {
        value.windows(2).any(|pair| pair == b"< " || pair == b" >")
    }),
    cause("a dot in the user", URIS, |value| {
        Uri::parse(uri_of(value)).is_some_and(|uri| uri.user.contains(&b'.'))
    }),
    cause("URI headers", URIS, |value| uri_of(value).contains(&b'?')),
    cause("blanks or folds among the parameters", URIS, |value| {
        params_of(value).iter().any(|&b| is_space(b))
    }),
    cause(
        "a parameter with more than token characters",
        URIS,
        |value| {
            params_of(value)
                .iter()
                .any(|&b| !b.is_ascii_alphanumeric() && !b"-.!%*_+`'~;=<>".contains(&b))
        },
    ),
    cause("not UTF-8", &[Kind::Whole], |bytes| {
        std::str::from_utf8(head(bytes)).is_err()
    }),
    cause(
        "its method, URI, version or code",
        &[Kind::Whole],
        |bytes| {
            let line = lines(bytes).next().unwrap_or_default();
            let words: Vec<&[u8]> = line.split(|&b| b == b' ').collect();
            match words[..] {
                [b"SIP/2.0", ..] => typed::status_code(line).is_err(),
                [method, uri, b"SIP/2.0"] => {
                    typed::method(method).is_err() || typed::uri(uri).is_err()
                }
                _ => true,
            }
        },
    ),
    cause("lines that end in LF alone", &[Kind::Whole], |bytes| {
        let is_bare = |pair: &[u8]| pair[1] == b'\n' && pair[0] != b'\r';
        head(bytes).windows(2).any(is_bare)
    }),
    cause(
        "a fold, or a line that is no field",
        &[Kind::Whole],
        |bytes| {
            lines(bytes).skip(1).any(|line| {
                let name = line.split(|&b| b == b':').next().unwrap_or_default();
                let is_token = |b: &u8| b.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(b);
                name.len() == line.len() || name.is_empty() || !name.iter().all(is_token)
            })
        },
    ),
];

/// Where rsip's view is another than ours: what is compared, the value, why.
const DIFFERENCES: &[(Kind, &[u8], &str)] = &[
    (
        Kind::From,
        b"<http://www.example.com>;tag=3234233",
        "of a scheme that is not SIP's, the index gives all behind the colon as the user",
    ),
    (
        Kind::RequestUri,
        b"soap.beep://192.0.2.103:3002",
        "of a scheme that is not SIP's, the index gives all behind the colon as the user",
    ),
    (
        Kind::RequestUri,
        b"sip:@127.0.0.1",
        "an empty user is a user to rsip; to the index it is none",
    ),
];

/// Its bytes were changed at random: what rsip refuses there needs no cause.
const FUZZED: &str = "fuzz-2006-06-26-2594.pcap";

fn has_other_method(token: &[u8]) -> bool {
    MethodKind::of(token) == MethodKind::Other
}

/// The URI of an address or request line.
fn uri_of(value: &[u8]) -> &[u8] {
    match value.iter().position(|&b| b == b'<') {
        Some(_) => Address::parse(value).map_or(value, |address| address.uri),
        None => value,
    }
}

/// All parameters, of URI and header, from the first `;` behind the user.
fn params_of(value: &[u8]) -> &[u8] {
    let host = value.iter().position(|&b| b == b'@').unwrap_or(0);
    let behind = &value[host..];
    let start = behind.iter().position(|&b| b == b';' || is_space(b));
    &behind[start.unwrap_or(behind.len())..]
}

fn head(bytes: &[u8]) -> &[u8] {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    &bytes[..end.unwrap_or(bytes.len())]
}

fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    head(bytes)
        .split(|&b| b == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
}

/// What came out of the comparison.
#[derive(Default)]
struct Tally {
    equal: BTreeMap<Kind, u64>,
    refused: BTreeMap<(Kind, Refusal), u64>,
    causes: BTreeMap<(Kind, &'static str), u64>,
    unexplained: BTreeSet<String>,
    differing: BTreeSet<String>,
    differences: BTreeSet<String>,
    messages: u64,
}

impl Tally {
    fn refuse(&mut self, kind: Kind, refusal: Refusal, value: &[u8], file: &str) {
        *self.refused.entry((kind, refusal)).or_default() += 1;
        let cause = CAUSES
            .iter()
            .find(|cause| cause.kinds.contains(&kind) && (cause.is_seen)(value));
        match cause {
            Some(cause) => *self.causes.entry((kind, cause.name)).or_default() += 1,
            None if file == FUZZED => {
                *self.causes.entry((kind, "fuzzed")).or_default() += 1;
            }
            None => {
                self.unexplained.insert(format!(
                    "{kind:?} {refusal:?} {file}: {}",
                    value[..value.len().min(300)].escape_ascii()
                ));
            }
        }
    }

    fn compare<V: PartialEq + std::fmt::Debug>(
        &mut self,
        kind: Kind,
        value: &[u8],
        view: Result<V, Refusal>,
        ours: Option<&V>,
        file: &str,
    ) {
        match view {
            Err(refusal) => self.refuse(kind, refusal, value, file),
            Ok(view) if Some(&view) == ours => *self.equal.entry(kind).or_default() += 1,
            Ok(_)
                if DIFFERENCES
                    .iter()
                    .any(|row| (row.0, row.1) == (kind, value)) =>
            {
                self.differences.insert(text(value));
            }
            Ok(view) => {
                self.differing.insert(format!(
                    "{kind:?} {file}: {}\n  rsip {view:?}\n  ours {ours:?}",
                    value[..value.len().min(300)].escape_ascii()
                ));
            }
        }
    }

    fn print(&self) {
        println!("{} messages", self.messages);
        println!("{:<12}{:>8}{:>9}{:>9}", "", "equal", "refused", "misread");
        for kind in KINDS {
            let sum = |misread| -> u64 {
                let rows = self.refused.iter();
                rows.filter(|((of, refusal), _)| *of == kind && refusal.is_misread() == misread)
                    .map(|(_, count)| count)
                    .sum()
            };
            let equal = self.equal.get(&kind).copied().unwrap_or(0);
            let name = format!("{kind:?}");
            println!("{name:<12}{equal:>8}{:>9}{:>9}", sum(false), sum(true));
        }
        for ((kind, cause), count) in &self.causes {
            println!("{count:>8} {kind:?}: {cause}");
        }
        for (kind, value, why) in DIFFERENCES {
            println!("differs: {kind:?} {}: {why}", value.escape_ascii());
        }
    }

    fn message(&mut self, raw: &RawMessage<'_>, message: &Message<'_>, file: &str) {
        self.messages += 1;
        let line = raw.bytes.split(|&b| b == b'\n').next().unwrap_or_default();
        let start = match message.start {
            StartLine::Request { method, uri } => {
                let kind = Some(method.kind).filter(|kind| *kind != MethodKind::Other);
                self.compare(
                    Kind::Method,
                    method.text,
                    typed::method(method.text),
                    kind.as_ref(),
                    file,
                );
                self.compare(
                    Kind::RequestUri,
                    uri,
                    typed::uri(uri),
                    our_uri(uri).as_ref(),
                    file,
                );
                kind.map(Start::Request)
            }
            StartLine::Response { code, .. } => {
                self.compare(
                    Kind::StatusCode,
                    line,
                    typed::status_code(line),
                    code.as_ref(),
                    file,
                );
                code.map(Start::Response)
            }
        };
        self.compare(
            Kind::Whole,
            raw.bytes,
            typed::message(raw.bytes),
            start.as_ref(),
            file,
        );
        for value in message.items(Name::Via) {
            let ours = Via::parse(value).map(|via| typed::Via {
                transport: text(via.transport).to_ascii_uppercase(),
                host: text(via.sent_by.host),
                port: via.sent_by.port,
                branch: via.branch.map(text),
            });
            self.compare(Kind::Via, value, typed::via(value), ours.as_ref(), file);
        }
        for (kind, name) in [(Kind::From, Name::From), (Kind::To, Name::To)] {
            for value in message.headers(name) {
                self.compare(
                    kind,
                    value,
                    typed::address(value),
                    our_address(value).as_ref(),
                    file,
                );
            }
        }
        for value in message.items(Name::Contact) {
            self.compare(
                Kind::Contact,
                value,
                typed::contact(value),
                our_address(value).as_ref(),
                file,
            );
        }
        if let Some(value) = message.header(Name::CSeq) {
            let ours = message.cseq.number.map(|number| typed::CSeq {
                number,
                method: MethodKind::of(message.cseq.method),
            });
            self.compare(Kind::CSeq, value, typed::cseq(value), ours.as_ref(), file);
        }
    }
}

const KINDS: [Kind; 9] = [
    Kind::Method,
    Kind::StatusCode,
    Kind::RequestUri,
    Kind::Via,
    Kind::From,
    Kind::To,
    Kind::Contact,
    Kind::CSeq,
    Kind::Whole,
];

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn some_text(bytes: &[u8]) -> Option<String> {
    (!bytes.is_empty()).then(|| text(bytes))
}

fn our_uri(uri: &[u8]) -> Option<typed::Uri> {
    let Uri {
        scheme,
        user,
        host: HostPort { host, port },
        ..
    } = Uri::parse(uri)?;
    Some(typed::Uri {
        scheme: text(scheme).to_ascii_lowercase(),
        user: some_text(user),
        host: text(host),
        port,
    })
}

fn our_address(value: &[u8]) -> Option<typed::Address> {
    let address = Address::parse(value)?;
    Some(typed::Address {
        display: some_text(address.display),
        uri: our_uri(address.uri)?,
        tag: address.tag().map(text),
    })
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The shared messages, or `None` with a word about it.
fn shared() -> Option<PathBuf> {
    let folder = root().join("../shared/captures");
    if folder.is_dir() {
        return Some(folder);
    }
    println!("SKIPPED: ../shared/captures is absent; only the samples were read");
    None
}

fn files_below(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder)
        .expect("a folder that can be read")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            files_below(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// Whether the file is SIP as it would stand in a datagram, rather than a capture.
fn is_bare_message(path: &Path) -> bool {
    let folder = path.parent().and_then(Path::file_name);
    folder.is_some_and(|name| name == "rfc4475" || name == "rfc5118")
        || path.extension().is_some_and(|end| end == "raw")
}

fn each_message(path: &Path, out: &mut dyn FnMut(&RawMessage<'_>)) {
    if is_bare_message(path) {
        let payload = fs::read(path).expect("a file that can be read");
        let mut head = Head::new(Limits::default().header_fields);
        frame_datagram(&datagram(&payload), &mut head, &mut |raw| out(&raw));
    } else {
        each_captured(path, out);
    }
}

fn datagram(payload: &[u8]) -> Datagram<'_> {
    let addr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    Datagram {
        flow: Flow {
            src: Endpoint::new(addr, 5060),
            dst: Endpoint::new(addr, 5060),
            transport: Transport::Udp,
        },
        origin: Origin {
            at: FrameRef {
                file: FileIndex(0),
                no: FrameNo(1),
            },
            time: Timestamp::default(),
            earlier: &[],
            interface: 0,
            ip_id: 0,
            ttl: 64,
            snapped: false,
            fragmented: false,
        },
        payload,
    }
}

fn each_captured(path: &Path, out: &mut dyn FnMut(&RawMessage<'_>)) {
    let limits = Limits::default();
    let file = fs::File::open(path).expect("a file that can be opened");
    // Keys, certificates, texts and compressed captures are no captures.
    let Ok(mut reader) = Reader::open(file, &path.to_string_lossy(), FileIndex(0), &limits) else {
        return;
    };
    let mut decoder = Decoder::new(&limits);
    let mut reassembler = Reassembler::new(&limits);
    let mut framer = Framer::new(&limits);
    while let Ok(next) = reader.next_frame() {
        let frame = match next {
            Next::Frame(frame) => frame,
            Next::Defect(_) | Next::Secrets { .. } => continue,
            Next::CutShort { .. } | Next::End => break,
        };
        decoder.push(
            &frame,
            &mut |packet| match packet {
                Packet::Datagram(datagram) | Packet::Message(datagram) => {
                    framer.datagram(&datagram, &mut |raw| out(&raw), &mut |_| ());
                }
                Packet::Segment(segment) => reassembler.push(
                    &segment,
                    &mut |chunk| framer.push(&chunk, &mut |raw| out(&raw), &mut |_| ()),
                    &mut |_| (),
                ),
                Packet::IcmpError(_) | Packet::Sctp(_) => {}
            },
            &mut |_| (),
        );
    }
    reassembler.finish(
        &mut |chunk| framer.push(&chunk, &mut |raw| out(&raw), &mut |_| ()),
        &mut |_| (),
    );
    framer.finish(&mut |raw| out(&raw), &mut |_| ());
}

#[test]
fn where_rsip_has_a_view_it_is_ours_and_where_not_the_cause_is_known() {
    let mut paths = Vec::new();
    files_below(&root().join("samples"), &mut paths);
    if let Some(shared) = shared() {
        files_below(&shared, &mut paths);
    }
    let mut tally = Tally::default();
    let mut indexer = Indexer::new(Limits::default().header_fields);
    for path in &paths {
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        each_message(path, &mut |raw| {
            let message = indexer
                .index(raw.bytes, raw.head_len)
                .expect("every framed message is indexed");
            tally.message(raw, &message, &file);
        });
    }
    tally.print();
    assert!(tally.messages > 0);
    assert_eq!(tally.differing, BTreeSet::new());
    assert_eq!(tally.unexplained, BTreeSet::new());
    for kind in KINDS {
        assert!(
            tally.equal.contains_key(&kind),
            "nothing to compare for {kind:?}"
        );
    }
    if shared().is_some() {
        // A row of a table that nothing needs any more is to be taken out.
        assert_eq!(tally.differences.len(), DIFFERENCES.len());
        for cause in CAUSES {
            let is_used = cause
                .kinds
                .iter()
                .any(|kind| tally.causes.contains_key(&(*kind, cause.name)));
            assert!(is_used, "no value needs the cause {:?}", cause.name);
        }
    }
}

/// What the index makes of a torture message: method or code, and what it finds odd.
fn indexed(file: &str) -> Option<(String, Vec<&'static str>, Option<Refusal>)> {
    let path = shared()?.join("emiago+sipgo/rfc4475").join(file);
    let mut first = None;
    each_message(&path, &mut |raw| {
        let mut indexer = Indexer::new(Limits::default().header_fields);
        let message = indexer
            .index(raw.bytes, raw.head_len)
            .expect("a start line");
        let start = match message.start {
            StartLine::Request { method, .. } => text(method.text),
            StartLine::Response {
                code, code_text, ..
            } => match code {
                Some(code) => code.to_string(),
                None => format!("no code: {}", text(code_text)),
            },
        };
        let odd = message.oddities.names().collect();
        first.get_or_insert((start, odd, typed::message(raw.bytes).err()));
    });
    first
}

#[test]
fn torture_messages_are_indexed_with_method_or_code() {
    if shared().is_none() {
        return;
    }
    let check = |file: &str, start: &str, odd: &[&'static str], refusal: Option<Refusal>| {
        let expected = (start.to_owned(), odd.to_vec(), refusal);
        assert_eq!(
            indexed(file).expect("the file is there"),
            expected,
            "{file}"
        );
    };
    check(
        "bigcode.dat",
        "no code: 4294967301",
        &["invalid_status_code"],
        Some(Refusal::Syntax),
    );
    check("noreason.dat", "100", &[], None);
    check("unreason.dat", "200", &[], None);
    check("insuf.dat", "INVITE", &["insufficient"], None);
    check("esc02.dat", "RE%47IST%45R", &[], Some(Refusal::Value));
    check("lwsruri.dat", "INVITE", &["lwsruri"], Some(Refusal::Syntax));
    check("quotbal.dat", "INVITE", &["bad_address"], None);
    check("wsinv.dat", "INVITE", &[], Some(Refusal::Syntax));
}

#[test]
fn rsip_refuses_16_of_the_50_rfc_4475_files_and_the_index_none() {
    let Some(shared) = shared() else {
        return;
    };
    let mut paths = Vec::new();
    files_below(&shared.join("emiago+sipgo/rfc4475"), &mut paths);
    let mut indexer = Indexer::new(Limits::default().header_fields);
    let mut refused = 0;
    for path in &paths {
        let bytes = fs::read(path).expect("a file that can be read");
        assert!(
            indexer.index(&bytes, bytes.len()).is_some(),
            "{}",
            path.display()
        );
        refused += usize::from(typed::message(&bytes).is_err());
    }
    println!("{refused} of {} files refused whole", paths.len());
    assert_eq!((refused, paths.len()), (16, 50));
}

#[test]
fn a_response_that_rsip_refuses_is_annotated_with_its_code() {
    // An IPv6 sent-by, a fold, a tel URI, a name that is not UTF-8, a method nobody registered.
    let payload = b"SIP/2.0 486 Busy\r\nv:\r\n SIP/2.0/UDP [2001:db8::1];branch=z9hG4bK1\r\n\
        f: D\xe1ve <tel:+15551234>;tag=1\r\nt: <sip:a.b@[::1]>;tag=2\r\ni: x\r\nCSeq: 7 CALLME\r\nl: 0\r\n\r\n";
    assert!(typed::message(payload).is_err());
    let (src, dst) = ("10.0.0.1:5060", "10.0.0.2:5060");
    let parse = |socket: &str| -> SocketAddr { socket.parse().expect("a socket") };
    let (src, dst) = (parse(src), parse(dst));
    let udp = common::pcap::udp(src, dst, payload);
    let fields = common::pcap::IpFields { id: 1, ttl: 64 };
    let packet = common::pcap::ip(src.ip(), dst.ip(), 17, fields, &udp);
    let options = common::pcap::Options::default();
    let record = common::pcap::Record {
        time_ns: 1,
        bytes: common::pcap::frame(&packet, options.link, &[], options.order),
    };
    let capture = common::pcap::write(&[record], &options);
    let input = Input {
        path: "made.pcap".to_owned(),
        source: sipannotate::capture::Source::Stream(Box::new(std::io::Cursor::new(capture))),
    };
    let mut seen = Vec::new();
    pipeline::analyse(
        vec![input],
        &pipeline::Options::default(),
        &mut |response| {
            let method = response.method.map(|method| method.json().into_owned());
            seen.push((
                response.code,
                response.cseq,
                method,
                response.meaning.is_empty(),
            ));
            Ok(())
        },
    )
    .expect("nothing is written");
    assert_eq!(seen, [(486, Some(7), Some("CALLME".to_owned()), false)]);
}
