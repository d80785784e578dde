//! Several files as one capture: rings with gaps, taps that stop, clocks that are apart.
//!
//! In: call flows written as text, cut into files and given other clocks. Always: what is found
//! in the pieces is what is found in the whole, or less sure; what a clock or a gap does to it is
//! told.

#![expect(
    clippy::cast_precision_loss,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "the helpers of tests may panic: what is not there fails the test"
)]

mod common;

use common::analysis::{Analysed, analyse, analyse_inputs};
use common::ladder::Ladder;
use common::pcap::{self, Record};
use sipannotate::pipeline::{self, Options};

const SECOND: u64 = 1_000_000_000;
const HOUR: i64 = 3600;

const TWO: &str = "
host alice 10.1.0.1:5060
host bob   10.2.0.1:5060
";

/// Calls in good order, one every ten seconds, for two minutes.
const OTHERS: &str = "
call other times 12 every 10
  0.0 alice -> bob INVITE
  0.5 alice <- bob 200
  0.6 alice -> bob ACK
  9.0 alice -> bob BYE
  9.1 alice <- bob 200
";

fn records(texts: &[&str]) -> Vec<Record> {
    let ladder = Ladder::of(&texts.concat());
    ladder.records(&ladder.options)
}

fn file(records: &[Record]) -> Vec<u8> {
    pcap::write(records, &pcap::Options::default())
}

fn moved(records: &[Record], secs: i64) -> Vec<Record> {
    let nanos = secs * 1_000_000_000;
    let moved = |record: &Record| Record {
        time_ns: record.time_ns.checked_add_signed(nanos).expect("a time"),
        bytes: record.bytes.clone(),
    };
    records.iter().map(moved).collect()
}

/// The records before and from `secs` after the first one.
fn split(records: &[Record], secs: f64) -> (Vec<Record>, Vec<Record>) {
    let start = records[0].time_ns;
    let is_before = |record: &&Record| ((record.time_ns - start) as f64) < secs * SECOND as f64;
    records
        .iter()
        .cloned()
        .partition(|record| is_before(&record))
}

fn analysed(files: &[&[Record]]) -> Analysed {
    let files: Vec<Vec<u8>> = files.iter().map(|records| file(records)).collect();
    let files: Vec<&[u8]> = files.iter().map(Vec::as_slice).collect();
    analyse(&files, &Options::default())
}

#[track_caller]
fn check(analysed: &Analysed, accusations: &[&str], trust: &[&str]) {
    assert_eq!(analysed.accusations(), accusations);
    let mut kinds: Vec<_> = analysed.view.trust.iter().map(|line| &*line.kind).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, trust, "{:?}", analysed.view.trust);
}

// Gaps.

#[test]
fn todays_file_behind_yesterdays_is_a_gap_and_no_step() {
    let yesterday = records(&[TWO, OTHERS]);
    let today = records(&[TWO, &OTHERS.replace("call other", "call today")]);
    let today = moved(&today, 20 * HOUR);
    let analysed = analysed(&[&yesterday, &today]);
    check(&analysed, &[], &["capture-gap"]);
    let totals = &analysed.view.totals;
    assert_eq!((totals.calls, totals.invites), (24, 24));
    assert_eq!(analysed.view.trust[0].file, Some(1));
}

/// A call without ACK, of which the callee sends one 2xx.
const SINGLE: &str = "
call c1 at 60
  0.0 alice -> bob INVITE
  1.0 alice <- bob 200
";

/// Never half a second of silence, and so many answers that a tap which misses packets would miss some.
const BUSY: &str = "
call busy times 600 every 0.2
  0.0 alice -> bob OPTIONS
  0.1 alice <- bob 200
";

#[test]
fn nobody_is_accused_across_a_gap_between_files() {
    let accused = "no-ack-probable(no-repeats) warning probable 1";
    let careful = "inconclusive(capture-gap) info inconclusive 1";
    let all = records(&[TWO, OTHERS, SINGLE, BUSY]);
    check(&analysed(&[&all]), &[accused], &[]);
    let (before, behind) = split(&all, 61.2);
    // Without a pause the pieces are the whole.
    check(&analysed(&[&before, &behind]), &[accused], &[]);
    for (pause, trust) in [
        (3, &[][..]),
        (60, &[]),
        (300, &["capture-gap"]),
        (5 * HOUR, &["capture-gap"]),
    ] {
        let behind = moved(&behind, pause);
        // A call that was open across it has more of its packets behind it.
        check(&analysed(&[&before, &behind]), &[careful], trust);
    }
}

#[test]
fn a_bye_behind_a_gap_accuses_nobody() {
    for (bye, answer) in [
        ("alice -> bob BYE", "alice <- bob 200"),
        ("alice <- bob BYE", "alice -> bob 200"),
    ] {
        let call = format!("{SINGLE}  1.3 {bye}\n  1.4 {answer}\n");
        let all = records(&[TWO, OTHERS, &call]);
        let (before, behind) = split(&all, 61.2);
        let behind = moved(&behind, 31);
        let findings = analysed(&[&before, &behind]).accusations();
        let harmless = |line: &String| {
            line.starts_with("inconclusive(") || line.starts_with("ack-not-visible(")
        };
        assert!(findings.iter().all(harmless), "{findings:?}");
    }
}

#[test]
fn a_gap_amid_the_copies_lowers_the_verdict_and_one_behind_them_does_not() {
    let call = format!("{SINGLE}  repeat ok fully\n").replace("200\n", "200 as ok\n");
    let all = records(&[TWO, OTHERS, &call]);
    let (before, behind) = split(&all, 75.0);
    // Eight seconds of it are missing.
    let (_, behind) = split(&behind, 8.0);
    check(
        &analysed(&[&before, &behind]),
        &["no-ack-probable(capture-gap) warning probable 1"],
        &[],
    );
    let (before, behind) = split(&all, 93.0);
    let behind = moved(&behind, 600);
    check(
        &analysed(&[&before, &behind]),
        &["no-ack-confirmed error confirmed 1"],
        &["capture-gap"],
    );
}

#[test]
fn a_tap_that_stops_does_not_see_what_another_goes_on_to_see() {
    let elsewhere = "
host carol 10.3.0.1:5060
host dave  10.4.0.1:5060
call far times 100 every 10
  0.0 carol -> dave INVITE
  0.5 carol <- dave 200
  0.6 carol -> dave ACK
  9.0 carol -> dave BYE
  9.1 carol <- dave 200
";
    let (here, _) = split(&records(&[TWO, OTHERS, SINGLE]), 62.0);
    let there = records(&[elsewhere]);
    check(
        &analysed(&[&here, &there]),
        &["inconclusive(capture-ends) info inconclusive 1"],
        &[],
    );
}

// Clocks.

/// Two taps of one trunk, the second of which sees a call that the first does not, and begins later.
fn two_taps() -> (Vec<Record>, Vec<Record>, Analysed) {
    let alone = "
host carol 10.3.0.1:5060
call far at 100
  0.0 carol -> bob INVITE
  0.2 carol <- bob 486
  0.3 carol -> bob ACK
";
    let call = format!("{SINGLE}  repeat ok fully\n").replace("200\n", "200 as ok\n");
    let stream = "
call stream tcp at 40
  0.0 alice -> bob INVITE
  1.0 alice <- bob 200
  1.1 alice -> bob ACK
  5.0 alice -> bob BYE
  5.1 alice <- bob 200
";
    let one = records(&[TWO, OTHERS, &call, stream]);
    let both = records(&[TWO, OTHERS, &call, stream, alone]);
    let whole = analysed(&[&both]);
    let (_, two) = split(&both, 15.0);
    (one, two, whole)
}

/// The same in files with names of their own, so that they can be opened twice.
fn analysed_files(files: &[(&str, &[Record])]) -> Analysed {
    let folder = tempfile::tempdir().expect("a folder");
    let inputs = files.iter().map(|(name, records)| {
        let path = folder.path().join(name);
        std::fs::write(&path, file(records)).expect("written");
        pipeline::Input {
            path: path.display().to_string(),
            source: sipannotate::capture::Source::File(path),
        }
    });
    analyse_inputs(inputs.collect(), &Options::default())
}

/// What the totals, codes and findings say, copies apart.
fn essence(analysed: &Analysed) -> String {
    let totals = &analysed.view.totals;
    let codes = analysed.view.codes.iter();
    let codes: Vec<_> = codes
        .map(|c| (c.code, c.count, c.retransmissions))
        .collect();
    format!(
        "{} {} {} {} {} {codes:?} {:?}",
        totals.requests,
        totals.responses,
        totals.retransmissions,
        totals.calls,
        totals.invites,
        analysed.accusations()
    )
}

fn clocks(analysed: &Analysed) -> Vec<&str> {
    let trust = analysed.view.trust.iter();
    let clocks = trust.filter(|line| line.kind == "clock-offset");
    clocks.map(|line| line.detail.as_str()).collect()
}

#[test]
fn a_tap_in_another_time_zone_or_with_a_dead_clock_is_set_right_and_told() {
    let (one, two, whole) = two_taps();
    for (secs, words) in [
        (
            2 * HOUR,
            "7200 s ahead of that of another of the same packets, as one of another time zone is",
        ),
        (-5 * HOUR, "18000 s behind"),
        (
            19_800,
            "19800 s ahead of that of another of the same packets, as one of another time zone is",
        ),
        (
            300,
            "300 s ahead of that of another of the same packets: its times were set back",
        ),
        (-45, "45000 ms behind"),
        (10, "10000 ms ahead"),
        (-1_767_000_000, "1767000000 s behind"),
    ] {
        let analysed = analysed_files(&[("a", &one), ("b", &moved(&two, secs))]);
        assert_eq!(essence(&analysed), essence(&whole), "{secs}");
        let clocks = clocks(&analysed);
        assert_eq!(clocks.len(), 1, "{secs}: {:?}", analysed.view.trust);
        assert!(clocks[0].contains(words), "{secs}: {clocks:?}");
        assert_eq!(
            analysed.view.trust.len(),
            1,
            "{secs}: {:?}",
            analysed.view.trust
        );
        let [a, b] = &*analysed.view.captures else {
            panic!("two captures");
        };
        assert_eq!((a.moved_s, b.moved_s), (None, Some(-secs as f64)));
        assert!(b.first > a.first && b.first < a.last, "{secs}");
        assert!(analysed.view.totals.duplicates > 40);
    }
}

#[test]
fn whichever_tap_is_named_first_tells_the_time() {
    let (one, two, whole) = two_taps();
    let two = moved(&two, 2 * HOUR);
    let analysed = analysed_files(&[("b", &two), ("a", &one)]);
    assert_eq!(essence(&analysed), essence(&whole));
    assert!(clocks(&analysed)[0].contains("7200 s behind"));
    assert_eq!(analysed.view.captures[1].moved_s, Some(7200.0));
}

#[test]
fn the_rings_of_two_taps_hours_apart_are_one_capture() {
    let (one, two, whole) = two_taps();
    let two = moved(&two, -3 * HOUR);
    let files = |name: &str, records: &[Record], every: usize| -> Vec<(String, Vec<Record>)> {
        let parts = (0..).zip(records.chunks(every));
        parts
            .map(|(n, part)| (format!("{name}_{n:05}.pcap"), part.to_vec()))
            .collect()
    };
    let mut all = files("core", &one, 13);
    all.extend(files("edge", &two, 17));
    let all: Vec<_> = all
        .iter()
        .map(|(name, part)| (name.as_str(), part.as_slice()))
        .collect();
    let analysed = analysed_files(&all);
    assert_eq!(essence(&analysed), essence(&whole));
    let clocks = clocks(&analysed);
    assert_eq!(clocks.len(), 1, "{clocks:?}");
    assert!(clocks[0].contains("10800 s behind"), "{clocks:?}");
}

#[test]
fn where_a_clock_cannot_be_set_right_it_is_said_that_all_was_counted_twice() {
    let (one, two, _) = two_taps();
    // Standard input can be read once only.
    let analysed = analysed(&[&one, &moved(&two, 2 * HOUR)]);
    let clocks = clocks(&analysed);
    assert_eq!(clocks.len(), 1, "{:?}", analysed.view.trust);
    assert!(clocks[0].contains("here 7200 s later by its clock: they were counted twice"));
    assert!(clocks[0].contains("editcap -t"));
}

/// The Identification of every frame is `id` and its number, the checksum as it was.
fn identified(records: &[Record], id: u16) -> Vec<Record> {
    let mut records = records.to_vec();
    for (number, record) in (0..).zip(&mut records) {
        let id = if id == 0 { 0 } else { id.wrapping_add(number) };
        record.bytes[18..20].copy_from_slice(&id.to_be_bytes());
    }
    records
}

#[test]
fn traffic_that_a_generator_sends_again_is_never_called_a_copy() {
    let all = records(&[TWO, OTHERS]);
    let twice = (24, 24);
    let calls = |analysed: &Analysed| (analysed.view.totals.calls, analysed.view.totals.invites);
    // Other packets with the same bytes.
    let first = identified(&all, 1000);
    let again = identified(&moved(&all, 2 * HOUR), 31_000);
    let analysed_ = analysed_files(&[("a", &first), ("b", &again)]);
    assert_eq!(calls(&analysed_).1, twice.1);
    check(&analysed_, &[], &["capture-gap"]);
    // No Identification: nobody knows, and that is said.
    let first = identified(&all, 0);
    let again = identified(&moved(&all, 2 * HOUR), 0);
    let analysed_ = analysed_files(&[("a", &first), ("b", &again)]);
    assert_eq!(calls(&analysed_).1, twice.1);
    check(&analysed_, &[], &["capture-gap", "clock-offset"]);
    assert!(clocks(&analysed_)[0].contains("they were sent twice, or a clock is wrong"));
}

#[test]
fn a_date_in_a_message_tells_a_copy_where_there_is_no_identification() {
    let dated = OTHERS.replace("200\n", "200\n  + Date: Mon, 05 Jan 2026 10:00:00 GMT\n");
    let all = identified(&records(&[TWO, &dated]), 0);
    let again = moved(&all, 2 * HOUR);
    let analysed = analysed_files(&[("a", &all), ("b", &again)]);
    assert_eq!(analysed.view.totals.calls, 12);
    assert_eq!(analysed.view.totals.invites, 12);
    assert!(clocks(&analysed)[0].contains("7200 s ahead"));
}

// Copies on one tap (DOMAIN C.3).

/// All messages once more, `micros` later, changed.
fn doubled(records: &[Record], micros: u64, change: impl Fn(&mut Vec<u8>)) -> Vec<Record> {
    let mut all = records.to_vec();
    for record in records {
        let mut bytes = record.bytes.clone();
        change(&mut bytes);
        all.push(Record {
            time_ns: record.time_ns + micros * 1000,
            bytes,
        });
    }
    all.sort_by_key(|record| record.time_ns);
    all
}

/// UDP and TCP, with a retransmission of each kind.
const MIXED: &str = "
call u
  0.0 alice -> bob INVITE as i
  repeat i 0.5
  1.0 alice <- bob 180
  2.0 alice <- bob 200
  2.1 alice -> bob ACK
call s tcp at 10
  0.0 alice -> bob INVITE segments=200
  1.0 alice <- bob 200 segments=90
  1.1 alice -> bob ACK
  9.0 alice -> bob BYE
  9.1 alice <- bob 200
";

/// What a tap may do to a copy.
type Change = fn(&mut Vec<u8>);

#[test]
fn a_packet_seen_twice_is_one_message_by_every_transport() {
    let once = records(&[TWO, MIXED]);
    let alone = analysed(&[&once]);
    assert_eq!(alone.view.totals.sip_messages, 10);
    assert_eq!(alone.view.totals.duplicates, 0);
    let as_it_is: Change = |_| {};
    let behind_a_router: Change = |bytes| {
        bytes[0] ^= 4;
        bytes[22] -= 1;
    };
    let tagged: Change = |bytes| {
        bytes.splice(12..12, [0x81, 0, 0, 7]);
    };
    for (micros, change) in [
        (40, as_it_is),
        (45_000, as_it_is),
        (300, behind_a_router),
        (9, tagged),
    ] {
        let analysed = analysed(&[&doubled(&once, micros, change)]);
        assert_eq!(essence(&analysed), essence(&alone), "{micros}");
        assert_eq!(analysed.view.totals.sip_messages, 10);
        assert_eq!(analysed.view.totals.duplicates, 10, "{micros}");
    }
    // Without Identification 20 ms are the most, and of datagrams what is later was sent again.
    let blank = identified(&once, 0);
    for (micros, duplicates, retransmissions) in [(15_000, 10, 1), (25_000, 0, 6)] {
        let totals = analysed(&[&doubled(&blank, micros, as_it_is)]).view.totals;
        assert_eq!(
            (totals.duplicates, totals.retransmissions),
            (duplicates, retransmissions)
        );
    }
}

#[test]
fn segments_that_a_sender_repeats_are_no_copies_of_the_tap() {
    let once = records(&[TWO, MIXED]);
    // Later, and of another Identification.
    let again = doubled(&once, 200_000, |bytes| bytes[18] ^= 0x55);
    let totals = analysed(&[&again]).view.totals;
    assert_eq!(totals.duplicates, 0);
    assert_eq!(totals.sip_messages, 10 + 5, "the datagrams are sent again");
}

#[test]
fn copies_of_sctp_packets_count() {
    let message = |n: u32| {
        format!(
            "OPTIONS sip:b@h SIP/2.0\r\nVia: SIP/2.0/SCTP 10.1.0.1;branch=z9hG4bK{n}\r\nFrom: <sip:a@h>;tag=1\r\n\
             To: <sip:b@h>\r\nCall-ID: {n}@sctp\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
        )
    };
    let packet = |n: u32| {
        let text = message(n).into_bytes();
        let mut sctp = vec![0x13, 0xc4, 0x13, 0xc4, 0, 0, 0, 9, 0, 0, 0, 0, 0, 3];
        sctp.extend(u16::try_from(16 + text.len()).expect("short").to_be_bytes());
        sctp.extend(n.to_be_bytes());
        sctp.extend([0, 0, 0, 0, 0, 0, 0, 0]);
        sctp.extend(text);
        sctp.resize(sctp.len().next_multiple_of(4), 0);
        let fields = pcap::IpFields { id: 40, ttl: 64 };
        let (src, dst) = ([10, 1, 0, 1].into(), [10, 2, 0, 1].into());
        let bytes = pcap::ip(src, dst, 132, fields, &sctp);
        Record {
            time_ns: (1_790_000_000 + u64::from(n)) * SECOND,
            bytes: pcap::frame(&bytes, pcap::Link::Ethernet, &[], pcap::Order::Little),
        }
    };
    let once: Vec<_> = (0..3).map(packet).collect();
    let totals = analysed(&[&doubled(&once, 100, |_| {})]).view.totals;
    assert_eq!((totals.sip_messages, totals.duplicates), (3, 3));
    let totals = analysed(&[&once, &moved(&once, 1)]).view.totals;
    assert_eq!((totals.sip_messages, totals.duplicates), (3, 3));
}

#[test]
fn both_sides_of_a_nat_are_two_hops_of_one_call() {
    let call = format!("{SINGLE}  repeat ok fully\n").replace("200\n", "200 as ok\n");
    let inside = records(&[TWO, OTHERS, &call]);
    let alone = analysed(&[&inside]);
    let alice = [10, 1, 0, 1];
    let mut both = inside.clone();
    for record in &inside {
        let mut bytes = record.bytes.clone();
        let is_request = bytes[26..30] == alice;
        let at = if is_request { 26 } else { 30 };
        bytes[at..at + 4].copy_from_slice(&[198, 51, 100, 1]);
        // What the NAT sends on has an Identification of its own.
        bytes[18] ^= 0x33;
        let later = |time: u64| time + 2_000_000;
        let earlier = |time: u64| time - 2_000_000;
        let time_ns = if is_request {
            later(record.time_ns)
        } else {
            earlier(record.time_ns)
        };
        both.push(Record { time_ns, bytes });
    }
    both.sort_by_key(|record| record.time_ns);
    let analysed = analysed(&[&both]);
    let totals = &analysed.view.totals;
    assert_eq!((totals.calls, totals.invites), (13, 13));
    assert_eq!(totals.retransmissions, alone.view.totals.retransmissions);
    assert_eq!(totals.duplicates, 0);
    assert_eq!(analysed.counts(200).0, alone.counts(200).0);
    assert_eq!(analysed.accusations(), alone.accusations());
}

// Agents.

/// What an agent makes of a UDP record: by its clock, and when it comes.
fn hep(record: &Record, agent: u8, ahead_ms: i64, delay_ms: u64) -> Record {
    let chunk = |kind: u16, value: &[u8]| {
        let len = u16::try_from(6 + value.len()).expect("short");
        [&[0, 0][..], &kind.to_be_bytes(), &len.to_be_bytes(), value].concat()
    };
    let ip = &record.bytes[14..];
    let time = record
        .time_ns
        .checked_add_signed(ahead_ms * 1_000_000)
        .expect("a time");
    let seconds = u32::try_from(time / SECOND).expect("before 2106");
    let micros = u32::try_from(time % SECOND / 1000).expect("below a million");
    let chunks = [
        chunk(1, &[2]),
        chunk(2, &[17]),
        chunk(3, &ip[12..16]),
        chunk(4, &ip[16..20]),
        chunk(7, &ip[20..22]),
        chunk(8, &ip[22..24]),
        chunk(9, &seconds.to_be_bytes()),
        chunk(10, &micros.to_be_bytes()),
        chunk(11, &[1]),
        chunk(12, &[0, 0, 0, agent]),
        chunk(15, &ip[28..]),
    ]
    .concat();
    let total = u16::try_from(6 + chunks.len()).expect("short");
    let hep = [&b"HEP3"[..], &total.to_be_bytes(), &chunks].concat();
    let from = std::net::SocketAddr::from(([192, 0, 2, agent], 40_000));
    let to = std::net::SocketAddr::from(([192, 0, 2, 200], 9060));
    let fields = pcap::IpFields { id: 9, ttl: 64 };
    let packet = pcap::udp_packet(from, to, fields, &hep);
    Record {
        time_ns: record.time_ns + delay_ms * 1_000_000,
        bytes: pcap::frame(&packet, pcap::Link::Ethernet, &[], pcap::Order::Little),
    }
}

fn in_order(mut records: Vec<Record>) -> Vec<Record> {
    records.sort_by_key(|record| record.time_ns);
    records
}

#[test]
fn an_agent_whose_clock_is_off_doubles_nothing_that_the_wire_shows() {
    let call = format!("{SINGLE}  repeat ok fully\n").replace("200\n", "200 as ok\n");
    let wire = records(&[TWO, OTHERS, &call]);
    let alone = analysed(&[&wire]);
    for (ahead_ms, words) in [
        (300, None),
        (5000, Some("4998 ms ahead of the capture's")),
        (-5000, Some("5002 ms behind the capture's")),
        (2 * HOUR * 1000, Some("ms ahead of the capture's")),
        (-300_000, Some("300002 ms behind")),
    ] {
        for late in [2, 1800] {
            // Every tenth is late.
            let delay = |n: usize| if n % 10 == 9 { late } else { 2 };
            let mirrored = wire.iter().enumerate();
            let mirrored = mirrored.map(|(n, record)| hep(record, 1, ahead_ms, delay(n)));
            let all = in_order(wire.iter().cloned().chain(mirrored).collect());
            let analysed = analysed(&[&all]);
            assert_eq!(essence(&analysed), essence(&alone), "{ahead_ms} {late}");
            assert_eq!(
                analysed.view.totals.duplicates,
                u64::try_from(wire.len()).expect("few")
            );
            let clocks = clocks(&analysed);
            assert_eq!(
                clocks.len(),
                usize::from(words.is_some()),
                "{:?}",
                analysed.view.trust
            );
            for clock in clocks {
                assert!(clock.contains(words.expect("told")), "{clock}");
            }
            assert!(!analysed.says("time-step"), "{:?}", analysed.view.trust);
            assert_eq!(analysed.says("out-of-order"), late > 1000);
        }
    }
}

#[test]
fn agents_alone_that_are_late_or_differ_give_no_step() {
    let wire = records(&[TWO, OTHERS]);
    let alone = analysed(&[&wire]);
    let relay = |make: &dyn Fn(usize, &Record) -> Record| -> Analysed {
        let relayed = wire.iter().enumerate().map(|(n, record)| make(n, record));
        analysed(&[&in_order(relayed.collect())])
    };
    let late = relay(&|n, record| hep(record, 1, 0, if n % 7 == 3 { 4000 } else { 2 }));
    let differ = relay(&|_, record| {
        let is_request = record.bytes[26..30] == [10, 1, 0, 1];
        hep(
            record,
            if is_request { 1 } else { 2 },
            if is_request { 0 } else { 180_000 },
            2,
        )
    });
    for (analysed, told) in [
        (late, &["out-of-order"][..]),
        (differ, &["clock-offset", "out-of-order"]),
    ] {
        assert_eq!(essence(&analysed), essence(&alone));
        check(&analysed, &[], told);
    }
}

#[test]
fn an_agent_that_is_behind_another_saw_no_longer_than_its_own_clock_says() {
    let call = "
call c1 at 119
  0.0 alice -> bob INVITE
  0.2 alice <- bob 200
";
    let elsewhere = "
host carol 10.3.0.1:5060
host dave  10.4.0.1:5060
call far times 12 every 10
  0.0 carol -> dave OPTIONS
  0.1 carol <- dave 200
";
    let here = records(&[TWO, OTHERS, call]);
    let there = records(&[elsewhere]);
    let here = here.iter().map(|record| hep(record, 1, -180_000, 2));
    let there = there.iter().map(|record| hep(record, 2, 0, 2));
    let analysed = analysed(&[&in_order(here.chain(there).collect())]);
    assert_eq!(
        analysed.accusations(),
        ["inconclusive(capture-ends) info inconclusive 1"]
    );
}

// Words.

#[test]
fn evidence_names_the_file_of_a_frame_where_there_are_several() {
    let call = format!("{SINGLE}  repeat ok fully\n").replace("200\n", "200 as ok\n");
    let busy = BUSY.replace("600 every 0.2", "300 every 0.4");
    let all = records(&[TWO, OTHERS, &call, &busy]);
    let whole = analysed(&[&all]);
    let evidence = |analysed: &Analysed| analysed.finding().evidence.clone().unwrap_or_default();
    assert!(
        evidence(&whole).starts_with("INVITE in frame 3"),
        "{}",
        evidence(&whole)
    );
    let (before, behind) = split(&all, 60.9);
    let pieces = analysed(&[&before, &behind]);
    let words = evidence(&pieces);
    let of = |place: &str, file: &str| {
        let (_, rest) = words.split_once(place).expect("named");
        assert!(rest.starts_with(file), "{words}");
    };
    of("INVITE in frame ", "3");
    of(", frames ", "1:");
    of(" to ", "1:");
}
