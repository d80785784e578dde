//! Redacted captures: nothing of anybody is left, and what went wrong still shows.
//!
//! In: the samples, and the captures and truths beside the project, which are told as missing where
//! they are.

#![expect(
    clippy::expect_used,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "the helpers of tests are outside `#[test]` functions, and may panic all the same"
)]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::run::Report;
use serde_json::Value;
use sipannotate::limits::Limits;
use sipannotate::redact::{self, Key, Redaction};

fn crate_dir() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The capture redacted, read back, and without leaks.
fn redacted(bytes: &[u8], name: &str) -> Result<(Vec<u8>, Redaction), redact::Error> {
    let limits = Limits::default();
    let mut out = Vec::new();
    let mut redaction = Redaction::new(Key::new(b"a key of the tests"), &limits);
    let interfaces = redaction.collect(Cursor::new(bytes), name)?;
    redaction.settle();
    redaction.write(Cursor::new(bytes), name, &interfaces, &mut out)?;
    redact::check(Cursor::new(&out), name, redaction.values(), &limits)?;
    Ok((out, redaction))
}

/// What a report finds, without what names somebody: rule, verdict, qualifier, cause, counts.
fn findings(report: &Report) -> BTreeMap<String, u64> {
    let mut found = BTreeMap::new();
    for finding in report.view["findings"].as_array().unwrap() {
        let word = |name: &str| finding[name].as_str().unwrap_or("-").to_owned();
        let key = ["rule", "verdict", "qualifier", "cause", "severity"]
            .map(word)
            .join(" ");
        *found.entry(key).or_insert(0) += finding["count"].as_u64().unwrap_or(1);
    }
    for response in &report.responses {
        *found
            .entry(format!(
                "response {} {}",
                response["code"], response["method"]
            ))
            .or_insert(0) += 1;
    }
    found
}

fn totals(report: &Report) -> Value {
    let mut totals = report.view["totals"].clone();
    totals.as_object_mut().unwrap().remove("malformed");
    totals
}

#[track_caller]
fn same_findings(bytes: &[u8], name: &str) {
    let (out, redaction) = redacted(bytes, name).unwrap_or_else(|why| panic!("{name}: {why}"));
    assert!(!redaction.is_full(), "{name}");
    assert_eq!(redaction.met(), 0, "{name}");
    let (before, after) = (Report::of_bytes(bytes.to_vec()), Report::of_bytes(out));
    assert_eq!(totals(&before), totals(&after), "{name}");
    assert_eq!(findings(&before), findings(&after), "{name}");
}

fn samples() -> Vec<PathBuf> {
    let entries = fs::read_dir(crate_dir().join("samples")).unwrap();
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|it| it == "pcap" || it == "pcapng")
        })
        .collect();
    paths.sort();
    paths
}

#[test]
fn samples_give_the_same_findings_redacted() {
    for path in samples() {
        same_findings(&fs::read(&path).unwrap(), &path.to_string_lossy());
    }
}

/// The first packets of a classic pcap: all of it takes minutes unoptimised.
fn beginning(bytes: &[u8]) -> &[u8] {
    let mut end = 24;
    while let Some(head) = bytes.get(end..end + 16) {
        let len = u32::from_le_bytes(head[8..12].try_into().unwrap());
        let next = end + 16 + len as usize;
        if next > bytes.len().min(1 << 20) {
            break;
        }
        end = next;
    }
    &bytes[..end]
}

#[test]
fn truths_give_the_same_findings_redacted() {
    for name in ["wire/wire.pcap", "stir/incident.pcap"] {
        let path = crate_dir().join("../shared/truth").join(name);
        match fs::read(&path) {
            Ok(bytes) => same_findings(beginning(&bytes), name),
            Err(_) => eprintln!("skipped: {} is not here", path.display()),
        }
    }
}

#[test]
fn no_capture_makes_it_fail_or_leaves_a_value() {
    let folder = crate_dir().join("../shared/captures");
    let mut paths = Vec::new();
    files_below(&folder, &mut paths);
    if paths.is_empty() {
        eprintln!("skipped: {} is not here", folder.display());
    }
    let mut failed = Vec::new();
    for path in paths {
        let Ok(bytes) = fs::read(&path) else { continue };
        if bytes.len() > 256 << 10 {
            continue;
        }
        match redacted(&bytes, &path.to_string_lossy()) {
            Ok(_) | Err(redact::Error::Capture(_)) => {}
            Err(why) => failed.push(format!("{}: {why}", path.display())),
        }
    }
    assert!(failed.is_empty(), "{}\n{}", failed.len(), failed.join("\n"));
}

fn files_below(folder: &Path, paths: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            files_below(&path, paths);
        } else {
            paths.push(path);
        }
    }
    paths.sort();
}

/// Frames that tshark finds fault with, if it is here.
fn faults(path: &Path) -> Option<usize> {
    let output = Command::new("tshark")
        .args([
            "-o",
            "ip.check_checksum:TRUE",
            "-o",
            "udp.check_checksum:TRUE",
        ])
        .args(["-o", "tcp.check_checksum:TRUE", "-Y"])
        .arg(
            "_ws.malformed || ip.checksum.status == 0 || udp.checksum.status == 0 \
             || tcp.checksum.status == 0 || icmp.checksum.status == 0 || sctp.checksum.status == 0",
        )
        .arg("-r")
        .arg(path)
        .output()
        .ok()?;
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Some(output.stdout.split(|byte| *byte == b'\n').count() - 1)
}

#[test]
fn tshark_finds_no_fault_that_was_not_there() {
    let folder = tempfile::tempdir().unwrap();
    for path in samples() {
        let Some(before) = faults(&path) else {
            return eprintln!("skipped: tshark is not here");
        };
        let (out, _) = redacted(&fs::read(&path).unwrap(), "sample").unwrap();
        let new = folder.path().join("redacted.pcapng");
        fs::write(&new, out).unwrap();
        assert!(faults(&new).unwrap() <= before, "{}", path.display());
    }
}

#[test]
fn the_same_key_gives_the_same_capture_and_another_key_another() {
    let bytes = fs::read(crate_dir().join("samples/good-call.pcap")).unwrap();
    let with = |key: &[u8]| {
        let limits = Limits::default();
        let mut out = Vec::new();
        let mut redaction = Redaction::new(Key::new(key), &limits);
        let interfaces = redaction.collect(Cursor::new(&bytes), "x").unwrap();
        redaction.settle();
        redaction
            .write(Cursor::new(&bytes), "x", &interfaces, &mut out)
            .unwrap();
        out
    };
    assert_eq!(with(b"a"), with(b"a"));
    assert_ne!(with(b"a"), with(b"b"));
}

/// A capture of one UDP datagram, between addresses that are no part of the text.
fn datagram(text: &str) -> Vec<u8> {
    let mut ip = vec![0x45, 0];
    ip.extend((28 + text.len() as u16).to_be_bytes());
    ip.extend([0, 1, 0, 0, 64, 17, 0, 0, 203, 0, 113, 9, 198, 51, 100, 7]);
    ip.extend([0x13, 0xc4, 0x13, 0xc4]);
    ip.extend((8 + text.len() as u16).to_be_bytes());
    ip.extend([0, 0]);
    ip.extend(text.as_bytes());
    let mut bytes = vec![
        0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 101, 0, 0, 0,
    ];
    bytes.extend([0; 8]);
    bytes.extend((ip.len() as u32).to_le_bytes());
    bytes.extend((ip.len() as u32).to_le_bytes());
    bytes.extend(ip);
    bytes
}

const EVERYTHING: &str = "INVITE sip:+12155551212@gw.carrier.net:5060;user=phone SIP/2.0\r
Via: SIP/2.0/UDP pbx.smithville.org:5060;branch=z9hG4bK-12155551212-x;received=203.0.113.9\r
From: \"Alice Smithers\" <sip:alice%2esmithers@smithville.org>;tag=alice77\r
To: <tel:+1-215-555-1212>\r
Call-ID: 12155551212-zorro@203.0.113.9\r
CSeq: 1 INVITE\r
Contact: <sip:alice.smithers@203.0.113.9;+sip.instance=\"<urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6>\">\r
User-Agent: Zorrophone/12155551212 (mac 00:0c:29:aa:bb:cc)\r
Authorization: Digest username=\"alice\", realm=\"smithville.org\", nonce=\"bm9uY2U=\", uri=\"sip:smithville.org\", response=\"6629fae49393a05397450978507c4ef1\", algorithm=MD5\r
P-Asserted-Identity: \"Smithers, Alice\" <sip:+12155551212@203.0.113.9>, <tel:+12155551212>\r
X-Unknown-Alice: call (215) 555-1212 for alice or zorro@smithville.org\r
Warning: 399 pbx.smithville.org \"no route to 2155551212\"\r
Refer-To: <sip:x@y?Replaces=12155551212-zorro%40203.0.113.9%3Bto-tag%3Dalice77>\r
Subject: Lunch with Zorro\r
Content-Type: multipart/mixed;boundary=zorro-border\r
\r
--zorro-border\r
Content-Type: application/sdp\r
\r
v=0\r
o=alice 1234567890 1 IN IP4 203.0.113.9\r
s=Alice Smithers\r
c=IN IP4 203.0.113.9\r
t=0 0\r
m=audio 49170 RTP/SAVP 0\r
a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj|2^20|1:4\r
a=ice-ufrag:F7gI\r
a=candidate:1 1 UDP 2130706431 203.0.113.9 8998 typ host\r
--zorro-border\r
Content-Type: application/pidf+xml\r
\r
<?xml version=\"1.0\"?><presence entity=\"pres:alice@smithville.org\"><note xml:lang=\"en\">alice is zorro</note></presence>\r
--zorro-border--\r
";

#[test]
fn nothing_of_a_message_full_of_names_is_left_and_its_words_are() {
    let (out, _) = redacted(&datagram(EVERYTHING), "made").unwrap();
    let text = String::from_utf8_lossy(&out);
    let lower = text.to_lowercase();
    for left in [
        "alice",
        "smithers",
        "zorro",
        "smithville",
        "carrier.net",
        "2155551212",
        "555-1212",
        "203.0.113.9",
        "f81d4fae",
        "6629fae4",
        "bm9uY2U",
        "d0Rmdmc",
        "F7gI",
        "00:0c:29",
    ] {
        assert!(
            !lower.contains(&left.to_lowercase()),
            "{left} is left in {text}"
        );
    }
    for kept in [
        "INVITE sip:+1",
        ";user=phone SIP/2.0",
        "CSeq: 1 INVITE",
        "algorithm=MD5",
        "Via: SIP/2.0/UDP ",
        ":5060;branch=z9hG4bK-",
        "m=audio 49170 RTP/SAVP 0",
        "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:",
        "typ host",
        "Warning: 399 ",
        "no route to",
        "Content-Type: application/sdp",
        "urn:uuid:",
        "Digest username=",
        "<presence entity=\"pres:",
    ] {
        assert!(text.contains(kept), "{kept} is not in {text}");
    }
    let values = |name: &str| {
        let from = text.find(name).unwrap() + name.len();
        text[from..].split("\r\n").next().unwrap().to_owned()
    };
    // What was one value is one still.
    let id = values("Call-ID: ");
    let (local, host) = id.split_once('@').unwrap();
    assert!(
        text.contains(&format!("Replaces={local}%40{host}%3Bto-tag%3D")),
        "{text}"
    );
    let number = values("INVITE sip:+")[..11].to_owned();
    let spaced = format!(
        "+{}-{}-{}-{}",
        &number[..1],
        &number[1..4],
        &number[4..7],
        &number[7..]
    );
    assert!(text.contains(&spaced), "{spaced} is not in {text}");
    assert!(
        text.contains(&format!(
            "({}) {}-{}",
            &number[1..4],
            &number[4..7],
            &number[7..]
        )),
        "{text}"
    );
    assert!(text.contains(&format!("<tel:+{number}>")));
}

/// The ones' complement sum that IP, UDP and ICMP carry.
fn sum(bytes: &[u8]) -> u16 {
    let word = |two: &[u8]| u32::from(two[0]) << 8 | u32::from(two.get(1).copied().unwrap_or(0));
    let mut sum: u32 = bytes.chunks(2).map(word).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

/// An IPv4 packet with a part of a datagram, which begins at `offset` of it.
fn ip(hosts: [u8; 8], part: &[u8], offset: usize, more: bool) -> Vec<u8> {
    let mut packet = vec![0x45, 0];
    packet.extend((20 + part.len() as u16).to_be_bytes());
    packet.extend([0, 7]);
    packet.extend(((offset / 8) as u16 | if more { 0x2000 } else { 0 }).to_be_bytes());
    packet.extend([64, 17, 0, 0]);
    packet.extend(hosts);
    let sum = sum(&packet);
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
    packet.extend(part);
    packet
}

/// A UDP datagram with a right checksum.
fn udp(hosts: [u8; 8], port: u16, payload: &[u8]) -> Vec<u8> {
    let len = (8 + payload.len() as u16).to_be_bytes();
    let ports = [port.to_be_bytes(), port.to_be_bytes()].concat();
    let mut datagram = [&ports[..], &len, &[0, 0], payload].concat();
    let sum = sum(&[&hosts[..], &[0, 17], &len, &datagram].concat());
    datagram[6..8].copy_from_slice(&sum.to_be_bytes());
    datagram
}

/// The packets of a pcapng that redact wrote.
fn packets(pcapng: &[u8]) -> Vec<&[u8]> {
    let word = |at: usize| u32::from_le_bytes(pcapng[at..at + 4].try_into().unwrap()) as usize;
    let (mut at, mut packets) = (0, Vec::new());
    while at < pcapng.len() {
        if word(at) == 6 {
            packets.push(&pcapng[at + 28..at + 28 + word(at + 20)]);
        }
        at += word(at + 4);
    }
    packets
}

#[test]
fn a_message_in_fragments_of_fragments_is_redacted_and_its_checksums_stay_right() {
    let (inside, around) = (
        [203, 0, 113, 9, 198, 51, 100, 7],
        [192, 0, 2, 1, 192, 0, 2, 77],
    );
    let message = "INVITE sip:zorro@gw.carrier.net SIP/2.0\r\nVia: SIP/2.0/UDP 203.0.113.9:5060;branch=z9hG4bK7\r\n\
        From: <sip:+12155551212@gw.carrier.net>;tag=1\r\nTo: <sip:zorro@gw.carrier.net>\r\nCall-ID: a@203.0.113.9\r\n\
        CSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n";
    let datagram = udp(inside, 5060, message.as_bytes());
    // GTP-U, each packet with a fragment of the datagram; the first is itself too large for the path.
    let tunnelled = |part: &[u8], offset: usize, more: bool| {
        let packet = ip(inside, part, offset, more);
        let head = [
            &[0x30, 0xff][..],
            &(packet.len() as u16).to_be_bytes(),
            &[0, 0, 0, 1],
        ]
        .concat();
        udp(around, 2152, &[head, packet].concat())
    };
    let (first, second) = (
        tunnelled(&datagram[..144], 0, true),
        tunnelled(&datagram[144..], 144, false),
    );
    let frames = [
        ip(around, &first[..104], 0, true),
        ip(around, &first[104..], 104, false),
        ip(around, &second, 0, false),
    ];
    let bytes = capture_of(&frames);
    assert_eq!(Report::of_bytes(bytes.clone()).total("requests"), 1);
    let (out, _) = redacted(&bytes, "made").unwrap();
    assert_eq!(Report::of_bytes(out.clone()).total("requests"), 1);
    let new = packets(&out);
    let [one, two, three] = new.as_slice() else {
        panic!("{}", new.len());
    };
    let is_right = |hosts: &[u8], datagram: &[u8]| {
        sum(&[hosts, &[0, 17], &datagram[4..6], datagram].concat()) == 0
    };
    let outer = [&one[20..], &two[20..]].concat();
    assert!(is_right(&one[12..20], &outer), "around the first");
    assert!(is_right(&three[12..20], &three[20..]), "around the second");
    // UDP, GTP-U and IP are before the fragments.
    let whole = [&outer[36..], &three[20 + 36..]].concat();
    assert!(is_right(&outer[28..36], &whole), "inside");
    let text = String::from_utf8_lossy(&whole);
    assert!(
        text.contains("INVITE sip:") && text.contains("CSeq: 1 INVITE"),
        "{text}"
    );
    for left in ["zorro", "carrier", "5551212", "203.0.113"] {
        assert!(!text.contains(left), "{left} is left in {text}");
    }
}

/// A capture of packets of IP.
fn capture_of(packets: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = vec![
        0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 101, 0, 0, 0,
    ];
    for packet in packets {
        bytes.extend([0; 8]);
        bytes.extend((packet.len() as u32).to_le_bytes());
        bytes.extend((packet.len() as u32).to_le_bytes());
        bytes.extend(packet);
    }
    bytes
}

/// An ICMP error, port unreachable, that quotes a packet.
fn refused(quoted: &[u8]) -> Vec<u8> {
    let mut icmp = [&[3, 3, 0, 0, 0, 0, 0, 0], quoted].concat();
    let checksum = sum(&icmp).to_be_bytes();
    icmp[2..4].copy_from_slice(&checksum);
    let mut packet = ip([198, 51, 100, 7, 203, 0, 113, 9], &icmp, 0, false);
    packet[9] = 1;
    packet[10..12].fill(0);
    let checksum = sum(&packet[..20]).to_be_bytes();
    packet[10..12].copy_from_slice(&checksum);
    packet
}

#[test]
fn what_an_icmp_error_quotes_is_redacted_and_its_checksums_stay_right() {
    let hosts = [203, 0, 113, 9, 198, 51, 100, 7];
    let message = "OPTIONS sip:zorro@gw.carrier.net SIP/2.0\r\nCall-ID: a@203.0.113.9\r\n\r\n";
    let whole = ip(hosts, &udp(hosts, 5060, message.as_bytes()), 0, false);
    let later = ip(hosts, b"12155551212@gw.carrier.net", 80, false);
    let (out, _) = redacted(&capture_of(&[refused(&whole), refused(&later)]), "made").unwrap();
    let new = packets(&out);
    for packet in &new {
        assert_eq!(
            (sum(&packet[..20]), sum(&packet[20..]), sum(&packet[28..48])),
            (0, 0, 0)
        );
    }
    let (hosts, datagram) = (&new[0][40..48], &new[0][48..]);
    assert_eq!(
        sum(&[hosts, &[0, 17], &datagram[4..6], datagram].concat()),
        0
    );
    assert!(datagram[8..].starts_with(b"OPTIONS sip:"));
    // Of a later fragment nothing is known.
    assert!(new[1][48..].iter().all(|byte| *byte == 0));
}

#[test]
fn a_quoted_printable_part_is_redacted_and_searched() {
    let message = EVERYTHING.replace(
        "Content-Type: application/pidf+xml\r\n\r\n",
        "Content-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=31=32=31=35=35=35=35=31=32=31=32 a=6cice=\r\n smithers ",
    );
    let (out, redaction) = redacted(&datagram(&message), "made").unwrap();
    let text = String::from_utf8_lossy(&out);
    assert!(
        !text.contains("=31=32=31=35=35=35=35=31=32=31=32"),
        "{text}"
    );
    assert!(
        !text.contains("=6cice") && !text.contains("=6Cice"),
        "{text}"
    );
    assert!(text.contains("quoted-printable\r\n\r\n="), "{text}");
    assert!(redaction.values().left_in(message.as_bytes()).is_some());
}
