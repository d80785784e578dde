//! The ladder says what its manual promises; tshark, where it is installed, is the judge of bytes.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::string_slice,
    reason = "test support beside the tests; what is not there fails the test"
)]

mod common;

use std::io::Write as _;
use std::process::Command;

use common::ladder::Ladder;
use common::pcap::{Format, Link, Options, Order};

/// What tshark decodes of `capture`: `fields` of each frame, tab-separated; none without tshark.
fn tshark(capture: &[u8], fields: &[&str]) -> Option<Vec<String>> {
    let mut file = tempfile::Builder::new()
        .suffix(".pcap")
        .tempfile()
        .expect("a temporary file");
    file.write_all(capture).expect("written");
    let mut command = Command::new("tshark");
    command.arg("-r").arg(file.path()).args(["-T", "fields"]);
    for name in [
        "ip.check_checksum",
        "udp.check_checksum",
        "tcp.check_checksum",
    ] {
        command.args(["-o", &format!("{name}:TRUE")]);
    }
    for field in fields {
        command.args(["-e", field]);
    }
    let Ok(output) = command.output() else {
        println!("skipped: tshark is not on PATH");
        return None;
    };
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "tshark: {errors}");
    Some(
        String::from_utf8_lossy(&output.stdout)
            .lines()
            .map(str::to_owned)
            .collect(),
    )
}

/// What every packet must be: without expert warnings of a malformed packet or a bad checksum.
fn assert_sound(capture: &[u8]) {
    let fields = [
        "_ws.malformed",
        "ip.checksum.status",
        "udp.checksum.status",
        "tcp.checksum.status",
        "icmp.checksum.status",
        "icmpv6.checksum.status",
    ];
    for (number, row) in (1..).zip(tshark(capture, &fields).unwrap_or_default()) {
        let (malformed, sums) = row.split_once('\t').expect("columns");
        assert!(malformed.is_empty(), "frame {number} is malformed: {row}");
        // 1 good, 2 unverified (fragments, quotations), 3 not present; 0 is bad.
        assert!(
            !sums.split(['\t', ',']).any(|sum| sum == "0"),
            "frame {number} sums: {row}"
        );
    }
}

/// Asserts the messages tshark sees: `METHOD` or `CODE` with the frame number.
fn assert_messages(ladder: &Ladder, expected: &[&str]) {
    assert_sound(&ladder.capture());
    let fields = ["frame.number", "sip.Method", "sip.Status-Code"];
    let Some(rows) = tshark(&ladder.capture(), &fields) else {
        return;
    };
    let seen: Vec<String> = rows
        .iter()
        .map(|row| row.split('\t').collect::<Vec<_>>())
        .filter(|row| row[1..].iter().any(|text| !text.is_empty()))
        .map(|row| format!("{} {}{}", row[0], row[1], row[2]))
        .collect();
    assert_eq!(seen, expected);
}

/// The text of every message, frame by frame.
fn texts(ladder: &Ladder) -> Vec<String> {
    let raw = Options {
        link: Link::Raw,
        ..Options::default()
    };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    ladder
        .records(&raw)
        .iter()
        .map(|record| text(&record.bytes[28..]))
        .collect()
}

const MISSING_ACK: &str = "
host alice 10.1.0.1:5060
host bob   10.2.0.1:5060
call c1
   0.000 alice -> bob   INVITE
   0.010 alice <- bob   100
   0.020 alice <- bob   180
   1.000 alice <- bob   200 as ok      # never acknowledged
   repeat ok fully
  33.1   alice <- bob   BYE as bye
  33.12  alice -> bob   200
end 300
";

#[test]
fn a_missing_ack_is_eleven_copies_and_a_bye() {
    let ladder = Ladder::of(MISSING_ACK);
    assert_eq!(ladder.frames("ok"), [4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14]);
    assert_eq!(ladder.frame("bye"), 15);
    assert_eq!(ladder.len(), 17);
    assert_messages(
        &ladder,
        &[
            "1 INVITE", "2 100", "3 180", "4 200", "5 200", "6 200", "7 200", "8 200", "9 200",
            "10 200", "11 200", "12 200", "13 200", "14 200", "15 BYE", "16 200",
        ],
    );
}

#[test]
fn every_form_of_the_file_holds_the_same_messages() {
    let ladder = Ladder::of(MISSING_ACK);
    let fields = ["frame.time_epoch", "sip.CSeq", "sip.Call-ID"];
    let Some(expected) = tshark(&ladder.capture(), &fields) else {
        return;
    };
    for format in [Format::Pcap, Format::Pcapng] {
        for order in [Order::Little, Order::Big] {
            // Each pair of choices is met; all of them would be a tshark run more often.
            let nanos = (format == Format::Pcap) == (order == Order::Little);
            for link in [Link::Ethernet, Link::Raw, Link::Null, Link::Sll, Link::Sll2] {
                let options = Options {
                    format,
                    order,
                    nanos,
                    link,
                    ..Options::default()
                };
                let bytes = ladder.capture_as(&options);
                assert_eq!(
                    tshark(&bytes, &fields).as_ref(),
                    Some(&expected),
                    "{options:?}"
                );
            }
        }
    }
}

#[test]
#[should_panic(expected = "frame 1 sums")]
fn the_judge_of_checksums_can_say_no() {
    let mut capture = Ladder::of(MISSING_ACK).capture();
    let udp_checksum = 24 + 16 + 14 + 20 + 6;
    capture[udp_checksum] ^= 0xff;
    let judged = tshark(&capture, &["frame.number"]).is_some();
    assert!(judged, "frame 1 sums: skipped");
    assert_sound(&capture);
}

#[test]
fn snap_length_and_drop_counter_reach_the_file() {
    let ladder = Ladder::of(&format!(
        "capture pcapng ns snaplen=100 dropped=7\n{MISSING_ACK}"
    ));
    let Some(rows) = tshark(&ladder.capture(), &["frame.cap_len", "frame.len"]) else {
        return;
    };
    let (kept, whole) = rows[0].split_once('\t').expect("columns");
    assert_eq!(kept, "100");
    assert!(whole.parse::<u32>().expect("number") > 400);
}

const PROXY: &str = "
host  alice 10.1.0.1:5060
proxy p1    10.9.0.1:5060
host  bob   10.2.0.1:5060
call c1 from=+12155550100 to=+13035550199
  0.000 alice -> p1  INVITE
  0.001 p1 -> alice  100
  0.002 p1 -> bob    INVITE
  0.020 bob -> p1    180
  0.021 p1 -> alice  180
  1.000 bob -> p1    200
  1.001 p1 -> alice  200
  1.050 alice -> p1  ACK
  1.051 p1 -> bob    ACK
  9.000 bob -> p1    BYE
  9.001 p1 -> alice  BYE
  9.002 alice -> p1  200
  9.003 p1 -> bob    200
";

#[test]
fn a_record_routing_proxy_pushes_and_pops() {
    let texts = texts(&Ladder::of(PROXY));
    let vias = |at: usize| texts[at].matches("Via: ").count();
    assert_eq!(
        (0..13).map(vias).collect::<Vec<_>>(),
        [1, 1, 2, 2, 1, 2, 1, 1, 2, 1, 2, 2, 1]
    );
    assert!(
        texts[2].contains("Record-Route: <sip:10.9.0.1:5060;lr>\r\n"),
        "{}",
        texts[2]
    );
    assert!(texts[2].contains("Max-Forwards: 69\r\n"));
    assert!(
        texts[6].contains("Record-Route: "),
        "the 2xx carries it back"
    );
    assert!(
        texts[7].starts_with("ACK sip:+13035550199@10.2.0.1:5060 SIP/2.0\r\n"),
        "{}",
        texts[7]
    );
    assert!(texts[7].contains("Route: <sip:10.9.0.1:5060;lr>\r\n"));
    assert!(!texts[8].contains("Route: "), "{}", texts[8]);
    assert!(texts[9].starts_with("BYE sip:+12155550100@10.1.0.1:5060 SIP/2.0\r\n"));
    assert!(texts[9].contains("From: <sip:+13035550199@10.2.0.1>;tag=to-bob-c1@ladder\r\n"));
    assert!(texts[9].contains("Route: <sip:10.9.0.1:5060;lr>\r\n"));
    assert_sound(&Ladder::of(PROXY).capture());
}

#[test]
fn a_proxy_that_does_not_record_route_is_left_out_of_the_ack() {
    let text = PROXY.replace("10.9.0.1:5060", "10.9.0.1:5060 no-record-route");
    let texts = texts(&Ladder::of(&text));
    assert!(texts.iter().all(|text| !text.contains("Route: ")));
}

#[test]
fn refusals_are_acknowledged_on_the_invites_branch() {
    let ladder = Ladder::of(
        "
        host alice 10.1.0.1:5060
        host bob 10.2.0.1:5060
        call c1
          0.0 alice -> bob INVITE
          0.1 alice <- bob 407
          0.2 alice -> bob ACK
          0.3 alice -> bob INVITE
          Proxy-Authorization: Digest username=\"a\"
          0.4 alice <- bob 200
          0.5 alice -> bob ACK
          0.6 alice -> bob ACK cseq=1
          0.7 alice -> bob ACK to-tag=none
        ",
    );
    let texts = texts(&ladder);
    let value = |at: usize, name: &str| {
        let start = texts[at].find(&format!("\r\n{name}: ")).expect("field") + name.len() + 4;
        texts[at][start..]
            .lines()
            .next()
            .expect("a line")
            .to_owned()
    };
    assert_eq!(value(0, "Via"), value(2, "Via"));
    assert_eq!(value(2, "CSeq"), "1 ACK");
    assert_eq!(value(1, "To"), value(2, "To"));
    assert_eq!(value(3, "CSeq"), "2 INVITE");
    assert!(
        !value(3, "To").contains("tag="),
        "a new attempt, not a re-INVITE"
    );
    assert_ne!(value(3, "Via"), value(5, "Via"));
    assert_eq!(value(5, "CSeq"), "2 ACK");
    assert_eq!(value(6, "CSeq"), "1 ACK");
    assert!(!value(7, "To").contains("tag="));
    assert_sound(&ladder.capture());
}

#[test]
fn a_cancel_shares_the_branch_and_its_200_answers_it() {
    let texts = texts(&Ladder::of(
        "
        host alice 10.1.0.1:5060
        host bob 10.2.0.1:5060
        call c1
          0.0 alice -> bob INVITE
          0.1 alice <- bob 180
          2.0 alice -> bob CANCEL
          2.1 alice <- bob 200 CANCEL
          2.2 alice <- bob 487
          2.3 alice -> bob ACK
        ",
    ));
    let branch = |at: usize| texts[at].split_once("branch=").expect("Via").1[..20].to_owned();
    assert_eq!(branch(0), branch(2));
    assert!(texts[3].contains("CSeq: 1 CANCEL\r\n"));
    assert!(texts[4].contains("CSeq: 1 INVITE\r\n"));
    assert!(texts[5].contains("CSeq: 1 ACK\r\n"));
}

#[test]
fn each_fork_is_acknowledged_with_its_own_tag_and_target() {
    let texts = texts(&Ladder::of(
        "
        host alice 10.1.0.1:5060
        proxy p 10.9.0.1:5060
        host bob 10.2.0.1:5060
        host carol 10.3.0.1:5060
        call c1
          0.00 alice -> p INVITE
          0.01 p -> bob INVITE
          0.02 p -> carol INVITE
          1.00 bob -> p 200 as b
          1.01 p -> alice 200 for b as ab
          1.02 carol -> p 200 as c
          1.03 p -> alice 200 for c as ac
          1.10 alice -> p ACK for ab
          1.11 alice -> p ACK for ac
        ",
    ));
    assert!(texts[4].contains(";tag=to-bob-"), "{}", texts[4]);
    assert!(texts[6].contains(";tag=to-carol-"), "{}", texts[6]);
    assert!(
        texts[7].starts_with("ACK sip:bob@10.2.0.1:5060"),
        "{}",
        texts[7]
    );
    assert!(
        texts[8].starts_with("ACK sip:carol@10.3.0.1:5060"),
        "{}",
        texts[8]
    );
    assert!(texts[8].contains(";tag=to-carol-"));
}

#[test]
fn header_lines_replace_add_and_remove() {
    let texts = texts(&Ladder::of(
        "
        host alice 10.1.0.1:5060
        host bob 10.2.0.1:5060
        call c1
          0.0 alice -> bob INVITE pad=10
          - Max-Forwards
          Contact: <sip:alice@192.168.1.5:5060>
          Contact: <sip:second@192.168.1.5:5060>
          + Supported: timer
          Content-Type: text/plain
          | one
          | two
          0.1 alice <- bob 438 reason=\"Invalid PASSporT\"
          - Content-Length
        ",
    ));
    assert!(!texts[0].contains("Max-Forwards"));
    assert_eq!(texts[0].matches("Contact: ").count(), 2);
    assert!(texts[0].contains("X-Padding: xxxxxxxxxx\r\n"));
    assert!(
        texts[0].ends_with("Supported: timer\r\nContent-Length: 10\r\n\r\none\r\ntwo\r\n"),
        "{}",
        texts[0]
    );
    assert!(texts[1].starts_with("SIP/2.0 438 Invalid PASSporT\r\n"));
    assert!(!texts[1].contains("Content-Length"));
}

#[test]
fn a_tcp_call_has_its_handshake_and_whole_streams() {
    let ladder = Ladder::of(
        "
        host alice 10.1.0.1:40112
        host bob 10.2.0.1:5060
        call c1 tcp
          0.0 alice -> bob connect
          0.1 alice -> bob INVITE segments=200 as invite
          0.2 alice <- bob 100 hold
          0.3 alice <- bob 200 as ok
          0.4 alice -> bob ACK
          9.0 alice -> bob FIN
          9.1 alice <- bob RST
        ",
    );
    let frame = ladder.frame("invite");
    assert!(frame > 5, "the INVITE takes several segments");
    assert_eq!(ladder.frame("ok"), frame + 1);
    let Some(rows) = tshark(
        &ladder.capture(),
        &["sip.Method", "sip.Status-Code", "tcp.analysis.flags"],
    ) else {
        return;
    };
    assert_sound(&ladder.capture());
    let at = |frame: u64| rows[usize::try_from(frame).expect("small") - 1].as_str();
    assert_eq!(at(frame), "INVITE\t\t");
    assert_eq!(at(frame + 1), "\t100,200\t");
    assert!(
        rows.iter().all(|row| row.ends_with('\t')),
        "no lost segment: {rows:?}"
    );
}

#[test]
fn fragments_come_together_and_a_dropped_one_does_not() {
    let text = |words: &str| {
        format!(
            "
            host alice 10.1.0.1:5060
            host bob 10.2.0.1:5060
            call c1
              0.0 alice -> bob INVITE pad=2000 mtu=1500 as invite {words}
              0.5 alice <- bob 100 lost
            "
        )
    };
    assert_messages(&Ladder::of(&text("")), &["2 INVITE"]);
    assert_messages(&Ladder::of(&text("drop-fragment=2")), &[]);
}

#[test]
fn ipv6_calls_fragment_and_are_refused_too() {
    let ladder = Ladder::of(
        "
        host alice [2001:db8:1::1]:5060
        host bob [2001:db8:2::1]:5060
        call c1
          0.0 alice -> bob INVITE pad=2000 mtu=1500 as invite
          0.1 alice <- bob 200
          0.2 alice -> bob ACK as ack
          0.3 alice <- bob ICMP port ack
        ",
    );
    assert_sound(&ladder.capture());
    let Some(rows) = tshark(
        &ladder.capture(),
        &["icmpv6.type", "icmpv6.code", "sip.Method"],
    ) else {
        return;
    };
    assert_eq!(rows.last().map(String::as_str), Some("1\t4\tACK"));
    assert_eq!(rows[1], "\t\tINVITE");
}

#[test]
fn an_icmp_error_quotes_the_packet_it_is_about() {
    let ladder = Ladder::of(
        "
        host alice 10.1.0.1:5060
        host bob 10.2.0.1:5060
        host router 10.9.9.9:1
        call c1
          0.00 alice -> bob INVITE
          0.05 alice <- bob 200
          0.10 alice -> bob ACK as ack
          0.11 router -> alice ICMP port ack
          0.12 router -> alice ICMP ttl ack quote=8 as short
        ",
    );
    assert_sound(&ladder.capture());
    assert_eq!(ladder.frame("short"), 5);
    let fields = ["icmp.type", "icmp.code", "ip.src", "sip.Method"];
    let Some(rows) = tshark(&ladder.capture(), &fields) else {
        return;
    };
    assert_eq!(rows[3], "3\t3\t10.9.9.9,10.1.0.1\tACK");
    assert!(rows[4].starts_with("11\t0\t10.9.9.9,10.1.0.1\t"));
}

#[test]
fn a_copy_keeps_the_ip_id_and_a_repeat_does_not() {
    let ladder = Ladder::of(
        "
        host alice 10.1.0.1:5060
        host bob 10.2.0.1:5060
        vlan 100
        call c1
          0.0 alice -> bob INVITE as invite
          copy invite 0.001 vlan=200 ttl=-1 as twin
          repeat invite 0.5
        ",
    );
    assert_eq!(ladder.frames("invite"), [1, 3]);
    assert_eq!(ladder.frame("twin"), 2);
    assert_sound(&ladder.capture());
    let Some(rows) = tshark(&ladder.capture(), &["ip.id", "ip.ttl", "vlan.id"]) else {
        return;
    };
    assert_eq!(rows[0], "0x0100\t64\t100");
    assert_eq!(rows[1], "0x0100\t63\t200");
    assert_eq!(rows[2], "0x0101\t64\t100");
}

#[test]
fn what_the_tap_does_not_see_is_not_captured() {
    let ladder = Ladder::of(
        "
        host alice 10.1.0.1:5060
        host bob 10.2.0.1:5060
        blind alice -> bob
        begin 0.05
        end 2
        call c1
          0.00 alice -> bob INVITE
          0.01 alice <- bob 100
          0.10 alice <- bob 200 as ok
          repeat ok fully
          0.20 alice -> bob ACK
        ",
    );
    assert_messages(&ladder, &["1 200", "2 200", "3 200"]);
    assert_eq!(
        ladder.len(),
        4,
        "and the packet that shows the capture's end"
    );
}

#[test]
fn a_block_is_played_many_times_with_its_number() {
    let ladder = Ladder::of(
        "
        host alice 10.1.0.1:5060
        host bob 10.2.0.1:5060
        call c from=+1215555010{n} at 10 times 3 every 2
          0.0 alice -> bob INVITE identity dest=13035550199
          0.1 alice <- bob 438 as refusal
          0.2 alice -> bob ACK
        call after at 100
          0.0 alice -> bob OPTIONS
          0.1 alice <- bob 200
        ",
    );
    assert_eq!(ladder.frames("refusal"), [2, 5, 8]);
    let texts = texts(&ladder);
    assert!(texts[6].contains("Call-ID: c-3@ladder\r\n"));
    assert!(texts[6].contains("From: <sip:+12155550103@10.1.0.1>"));
    assert!(
        texts[6].contains(";info=<https://certs.example.net/shaken.pem>;alg=ES256;ppt=shaken\r\n")
    );
    assert!(texts[9].starts_with("OPTIONS sip:bob@10.2.0.1:5060"));
    assert_sound(&ladder.capture());
}

#[test]
fn noise_is_what_it_says() {
    let ladder = Ladder::of(
        "
        host alice 10.1.0.1:5060
        host bob 10.2.0.1:5060
        call c1
          0.0 alice -> bob RAW \"\\r\\n\\r\\n\" sport=5062
          1.0 alice -> bob RTP count=50 every=0.02
          2.0 alice -> bob TLS tcp dport=5061
        ",
    );
    assert_eq!(ladder.len(), 52);
    assert_sound(&ladder.capture());
}

#[test]
fn a_reinvite_of_the_callee_swaps_the_roles() {
    let texts = texts(&Ladder::of(
        "
        host alice 10.1.0.1:5060
        host bob 10.2.0.1:5060
        call c1
          0.0 alice -> bob INVITE
          0.1 alice <- bob 200
          0.2 alice -> bob ACK
          5.0 bob -> alice INVITE
          5.1 bob <- alice 200
          5.2 bob -> alice ACK
          9.0 alice -> bob BYE
        ",
    ));
    for at in [3, 5] {
        assert!(
            texts[at].contains("From: <sip:bob@10.2.0.1>;tag=to-bob-c1@ladder\r\n"),
            "{}",
            texts[at]
        );
        assert!(
            texts[at].contains("To: <sip:alice@10.1.0.1>;tag=from-c1@ladder\r\n"),
            "{}",
            texts[at]
        );
    }
    assert!(texts[5].starts_with("ACK sip:alice@10.1.0.1:5060"));
    assert!(
        texts[6].contains("From: <sip:alice@10.1.0.1>;tag=from-c1@ladder\r\n"),
        "{}",
        texts[6]
    );
    assert!(
        texts[6].contains("To: <sip:bob@10.2.0.1>;tag=to-bob-c1@ladder\r\n"),
        "{}",
        texts[6]
    );
    assert!(texts[6].contains("CSeq: 2 BYE\r\n"));
}

#[test]
fn a_text_that_cannot_be_read_names_its_line() {
    let check = |text: &str, expected: &str| {
        assert_eq!(Ladder::parse(text).err().as_deref(), Some(expected));
    };
    check(
        "host a 10.0.0.1",
        "ladder line 1: \"10.0.0.1\" is no ADDRESS:PORT",
    );
    check(
        "host a 10.0.0.1:1\ncall c\n 0 a -> b INVITE",
        "ladder line 3: nobody is called \"b\"",
    );
    let two = "host a 10.0.0.1:1\nhost b 10.0.0.2:1\ncall c\n";
    check(
        &format!("{two} 0 a -> b INVITE nonsense"),
        "ladder line 4: what is \"nonsense\"?",
    );
    check(
        &format!("{two} repeat x 1"),
        "ladder line 4: nothing was sent as \"x\"",
    );
    check(
        &format!("{two} 0 a -> b 200"),
        "ladder line 4: a response to which request?",
    );
    check(
        &format!("{two} x a -> b BYE"),
        "ladder line 4: \"x\" is no time in seconds",
    );
}
