//! The decision table for a 2xx to INVITE, end to end: from the bytes of a capture to the verdict.
//!
//! Every scenario is played as it stands, with every packet seen twice by the tap, and over IPv6;
//! the verdicts, their severity, confidence and count must be the same. The lists are compared
//! whole: what is not in them is not accused.

#![expect(
    clippy::indexing_slicing,
    reason = "test support beside the tests; what is not there fails the test"
)]

mod common;

use common::analysis::{Analysed, analyse, quotes_frame};
use common::ladder::Ladder;
use sipannotate::limits::Limits;
use sipannotate::pipeline::Options;

const TWO: &str = "
host alice 10.1.0.1:5060
host bob   10.2.0.1:5060
";

const PROXY: &str = "
host  alice 10.1.0.1:5060
proxy p     10.9.0.1:5060
host  bob   10.2.0.1:5060
";

/// Another call over the same hop, well acknowledged.
const OTHER: &str = "
call other at 120
  0.0 alice -> bob INVITE
  0.5 alice <- bob 200
  0.6 alice -> bob ACK
  9.0 alice -> bob BYE
  9.1 alice <- bob 200
";

/// So many pings with their answers that a tap which misses packets in silence would miss some of them.
const CAREFUL: &str = "
call ping at 1 times 500 every 0.25
  0.00 alice -> bob OPTIONS
  0.05 alice <- bob 200
";

/// Plays `text` with a tap that is known to be careful, and without knowing it: what rests on one packet,
/// `verdict(qualifier)`, accuses in the first case only.
#[track_caller]
fn judge_one_packet(texts: &[&str], verdict: &str) -> Judged {
    let texts = |careful| [texts, &[careful]].concat();
    let lowered = match verdict.strip_suffix(')') {
        Some(open) => format!("{open},one-packet) info inconclusive 1"),
        None => format!("{verdict}(one-packet) info inconclusive 1"),
    };
    judge(&texts(""), &[&lowered]);
    judge(&texts(CAREFUL), &[&format!("{verdict} warning probable 1")])
}

/// What came of a scenario.
struct Judged {
    ladder: Ladder,
    analysed: Analysed,
}

/// Plays `texts` in all its forms and compares the findings with `expected`, whatever the order.
fn judge(texts: &[&str], expected: &[&str]) -> Judged {
    let text = texts.concat();
    let mut expected: Vec<_> = expected.iter().map(|&line| line.to_owned()).collect();
    expected.sort();
    let ladder = Ladder::of(&text);
    let analysed = Analysed::of(&ladder);
    assert_eq!(analysed.accusations(), expected, "as it stands");
    let mirrored = Analysed::mirrored(&ladder);
    assert_eq!(mirrored.accusations(), expected, "every packet twice");
    assert_eq!(
        counts(&mirrored),
        counts(&analysed),
        "every packet twice: counts"
    );
    let v6 = Analysed::of(&Ladder::of(&over_ipv6(&text)));
    assert_eq!(v6.accusations(), expected, "over IPv6");
    Judged { ladder, analysed }
}

impl Judged {
    /// The evidence of the only finding of the rule quotes the frames of these labels.
    fn quotes(&self, labels: &[&str]) -> &Self {
        let evidence = self
            .analysed
            .finding_of("missing-ack")
            .evidence
            .as_deref()
            .unwrap_or("");
        for label in labels {
            let frame = self.ladder.frame(label);
            assert!(
                quotes_frame(evidence, frame),
                "{label} is frame {frame}, not in: {evidence}"
            );
        }
        self
    }

    /// The evidence of that finding holds these words.
    fn says(&self, words: &[&str]) -> &Self {
        let evidence = self
            .analysed
            .finding_of("missing-ack")
            .evidence
            .as_deref()
            .unwrap_or("");
        for word in words {
            assert!(evidence.contains(word), "{word:?} is not in: {evidence}");
        }
        self
    }

    /// That finding names this pair of hosts.
    fn blames(&self, pair: &str) -> &Self {
        let peers = &self.analysed.finding_of("missing-ack").peers;
        assert_eq!(peers.len(), 1, "{peers:?}");
        assert_eq!(peers[0].peer, pair);
        self
    }
}

/// Counts that a tap's copies must not change.
fn counts(analysed: &Analysed) -> Vec<u64> {
    let totals = &analysed.view.totals;
    let mut counts = vec![
        totals.sip_messages,
        totals.requests,
        totals.responses,
        totals.retransmissions,
        totals.calls,
        totals.invites,
    ];
    for code in &analysed.view.codes {
        counts.extend([u64::from(code.code), code.count, code.retransmissions]);
    }
    counts
}

/// The scenario with each address 10.A.0.B as `2001:db8:A::B`.
fn over_ipv6(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("10.") {
        let (before, found) = rest.split_at(at);
        out.push_str(before);
        let end = found
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(found.len());
        let (word, after) = found.split_at(end);
        let parts: Vec<_> = word.split('.').collect();
        match parts.as_slice() {
            ["10", a, "0", b] => out.extend(["[2001:db8:", a, "::", b, "]"]),
            _ => out += word,
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

// Row 1: reported undeliverable.

#[test]
fn an_ack_that_icmp_reports_unreachable_is_undeliverable() {
    judge(
        &[
            TWO,
            "
call c1
  0.0 alice -> bob INVITE as inv
  1.0 alice <- bob 200 as ok
  repeat ok fully
  1.05 alice -> bob ACK as ack
  1.06 alice <- bob ICMP port ack as icmp
  33.0 bob -> alice BYE
  33.1 alice -> bob 200
end 300
",
        ],
        &["ack-undeliverable error confirmed 1"],
    )
    .quotes(&["inv", "ok", "ack", "icmp"]);
}

#[test]
fn an_icmp_error_is_about_the_ack_whose_heads_it_quotes_however_little_of_its_text() {
    for quote in [8, 40, 200, 300] {
        let call = format!(
            "
call c1
  0.0 alice -> bob INVITE as inv
  1.0 alice <- bob 200 as ok
  repeat ok fully
  1.05 alice -> bob ACK as ack
  1.06 alice <- bob ICMP host ack quote={quote} as icmp
  33.0 bob -> alice BYE
  33.1 alice -> bob 200
end 300
"
        );
        judge(&[TWO, &call], &["ack-undeliverable error confirmed 1"]).quotes(&["ack", "icmp"]);
    }
}

#[test]
fn an_icmp_error_that_comes_too_late_for_the_packet_it_quotes_the_head_of_is_about_another() {
    judge(
        &[
            TWO,
            "
call c1
  0.0 alice -> bob INVITE
  1.0 alice <- bob 200 as ok
  1.05 alice -> bob ACK as ack
  6.0 alice <- bob ICMP host ack quote=8
  60 alice -> bob BYE
  60.1 alice <- bob 200
end 300
",
        ],
        &[],
    );
}

#[test]
fn an_icmp_error_that_may_be_about_either_of_two_calls_names_none() {
    // Over IPv6 there is no Identification, and the two ACKs are of one length.
    let text = over_ipv6(
        &[
            TWO,
            "
call c1
  0.0 alice -> bob INVITE
  1.0 alice <- bob 200 as ok
  repeat ok fully
  1.05 alice -> bob ACK as ack
  1.07 alice <- bob ICMP host ack quote=8 as icmp
  33.0 bob -> alice BYE
  33.1 alice -> bob 200
call c2 at 0.01
  0.0 alice -> bob INVITE
  1.0 alice <- bob 200
  1.05 alice -> bob ACK
  60 alice -> bob BYE
  60.1 alice <- bob 200
end 300
",
        ]
        .concat(),
    );
    let ladder = Ladder::of(&text);
    let analysed = Analysed::of(&ladder);
    assert_eq!(
        analysed.accusations(),
        ["ack-not-honoured error confirmed 1"]
    );
    let evidence = analysed.finding().evidence.clone().unwrap_or_default();
    assert!(evidence.contains("not of which call"), "{evidence}");
    assert!(quotes_frame(&evidence, ladder.frame("icmp")), "{evidence}");
}

#[test]
fn a_later_ack_that_no_icmp_speaks_of_takes_the_report_back() {
    judge(
        &[
            TWO,
            "
call c1
  0.0 alice -> bob INVITE
  1.0 alice <- bob 200 as ok
  repeat ok 0.5
  1.05 alice -> bob ACK as ack
  1.06 alice <- bob ICMP host ack
  1.55 alice -> bob ACK
  60 alice -> bob BYE
  60.1 alice <- bob 200
end 300
",
        ],
        &[],
    );
}

#[test]
fn an_undeliverable_ack_is_held_against_nobody_where_the_callee_shows_that_it_had_another() {
    let call = |repeats: &str, end: &str| {
        format!(
            "
call c1
  0.0 alice -> bob INVITE
  1.0 alice <- bob 200 as ok
  {repeats}
  1.05 alice -> bob ACK as ack
  1.06 alice <- bob ICMP host ack
  1.55 alice -> bob ACK lost
{end}
end 300
"
        )
    };
    let bye = |at| format!("  {at} alice -> bob BYE\n  +0.1 alice <- bob 200");
    let tolerated = ["ack-undeliverable(tolerated) info tolerated 1"];
    judge(&[TWO, &call("repeat ok 0.5", "")], &tolerated);
    judge(&[TWO, &call("", &bye(60))], &tolerated);
    let error = ["ack-undeliverable error confirmed 1"];
    judge(&[TWO, &call("", &bye(20))], &error);
    judge(&[TWO, &call("repeat ok fully", "")], &error);
}

#[test]
fn an_ack_too_big_for_a_link_or_out_of_hops_is_not_undeliverable() {
    for why in ["toobig", "ttl"] {
        let call = format!(
            "
call c1
  0.0 alice -> bob INVITE
  1.0 alice <- bob 200 as ok
  1.05 alice -> bob ACK as ack
  1.06 alice <- bob ICMP {why} ack
  60 alice -> bob BYE
  60.1 alice <- bob 200
end 300
"
        );
        // ICMPv6 has no failure of these two: type 2, and type 3, are no answers to a TU.
        let ladder = Ladder::of(&[TWO, &call].concat());
        assert_eq!(Analysed::of(&ladder).accusations(), [""; 0], "{why}");
    }
}

#[test]
fn an_ack_undeliverable_before_the_proxy_is_not_the_proxys_fault() {
    judge(
        &[
            PROXY,
            "
call c1
  0.0 alice -> p INVITE
  0.01 p -> bob INVITE
  1.0 p <- bob 200 as ok
  repeat ok fully
  1.01 alice <- p 200
  1.05 alice -> p ACK as ack
  1.06 alice <- p ICMP prohibited ack as icmp
  33.0 bob -> p BYE
  33.01 p -> alice BYE
  33.1 alice -> p 200
  33.11 p -> bob 200
end 300
",
        ],
        &["ack-undeliverable error confirmed 1"],
    )
    .quotes(&["ack", "icmp"]);
}

// Row 2: dropped between two hops.

const DROPPED: &str = "
call c1
  0.0  alice -> p INVITE as inv
  0.01 p -> bob INVITE
  1.0  p <- bob 200 as ok
  repeat ok fully
  1.01 alice <- p 200 as up
  repeat up fully
  1.05 alice -> p ACK as ack
  33.0 bob -> p BYE
  33.01 p -> alice BYE
  33.1 alice -> p 200
  33.11 p -> bob 200
end 300
";

#[test]
fn an_ack_that_enters_a_proxy_and_does_not_leave_it_is_dropped_there() {
    judge(&[PROXY, DROPPED], &["ack-dropped-at error confirmed 1"]).quotes(&["inv", "up", "ack"]);
}

#[test]
fn a_proxy_without_record_route_that_drops_an_ack_sent_to_it_dropped_it() {
    let scene = PROXY.replace("10.9.0.1:5060", "10.9.0.1:5060 no-record-route");
    judge(&[&scene, DROPPED], &["ack-dropped-at error confirmed 1"]);
}

#[test]
fn a_proxy_whose_far_side_is_seen_one_way_is_not_accused_of_dropping() {
    judge(
        &[PROXY, "blind p -> bob\n", DROPPED],
        &["ack-not-honoured error confirmed 1"],
    );
}

#[test]
fn a_proxy_is_accused_less_firmly_when_packets_are_missing() {
    judge(
        &[
            PROXY,
            DROPPED,
            "
call big
  9.0 alice -> p INVITE mtu=300 drop-fragment=1
",
        ],
        &["ack-dropped-at warning probable 1"],
    );
}

#[test]
fn an_ack_dropped_by_a_proxy_over_tcp_shows_at_the_callees_give_up() {
    judge(
        &[
            PROXY,
            "
call c1 tcp
  0.0  alice -> p INVITE
  0.01 p -> bob INVITE
  1.0  p <- bob 200
  1.01 alice <- p 200
  1.05 alice -> p ACK
  33.0 bob -> p BYE
  33.01 p -> alice BYE
  33.1 alice -> p 200
  33.11 p -> bob 200
end 300
",
        ],
        &["ack-dropped-at error confirmed 1"],
    );
}

#[test]
fn a_relayed_ack_is_in_order_on_both_hops() {
    judge(
        &[
            PROXY,
            "
call c1
  0.0  alice -> p INVITE
  0.01 p -> bob INVITE
  1.0  p <- bob 200
  1.01 alice <- p 200
  1.05 alice -> p ACK
  1.06 p -> bob ACK
  9.0 bob -> p BYE
  9.01 p -> alice BYE
  9.1 alice -> p 200
  9.11 p -> bob 200
end 300
",
        ],
        &[],
    );
}

#[test]
fn an_ack_straight_to_the_contact_past_the_proxy_is_in_order() {
    let scene = PROXY.replace("10.9.0.1:5060", "10.9.0.1:5060 no-record-route");
    judge(
        &[
            &scene,
            "
call c1
  0.0  alice -> p INVITE
  0.01 p -> bob INVITE
  1.0  p <- bob 200
  1.01 alice <- p 200
  1.05 alice -> bob ACK
  60 alice -> bob BYE
  60.1 alice <- bob 200
end 300
",
        ],
        &[],
    );
}

// Row 3, 4: faults of the ACK itself.

#[test]
fn an_ack_to_another_target_while_the_200_repeats_is_a_mismatch() {
    judge(
        &[
            TWO,
            "
call c1
  0.0 alice -> bob INVITE as inv
  1.0 alice <- bob 200 as ok
  repeat ok fully
  1.05 alice -> bob ACK uri=sip:nobody@10.2.0.1:5060 as ack
  33.0 bob -> alice BYE as bye
  33.1 alice -> bob 200
end 300
",
        ],
        &["ack-mismatch(target) error confirmed 1"],
    )
    .quotes(&["inv", "ok", "ack", "bye"])
    .blames("10.1.0.1 → 10.2.0.1");
}

#[test]
fn an_ack_with_the_invites_branch_while_the_200_repeats_is_a_mismatch() {
    judge(
        &[
            TWO,
            "
call c1
  0.0 alice -> bob INVITE branch=z9hG4bKonce
  1.0 alice <- bob 200 as ok
  repeat ok fully
  1.05 alice -> bob ACK branch=z9hG4bKonce as ack
  33.0 bob -> alice BYE
  33.1 alice -> bob 200
end 300
",
        ],
        &["ack-mismatch(reused-branch) error confirmed 1"],
    )
    .quotes(&["ack"]);
}

#[test]
fn an_ack_with_a_route_nobody_recorded_while_the_200_repeats_is_a_mismatch() {
    judge(
        &[
            TWO,
            "
call c1
  0.0 alice -> bob INVITE
  1.0 alice <- bob 200 as ok
  repeat ok fully
  1.05 alice -> bob ACK as ack
  + Route: <sip:10.7.0.7:5060;lr>
  33.0 bob -> alice BYE
  33.1 alice -> bob 200
end 300
",
        ],
        &["ack-mismatch(route-set) error confirmed 1"],
    );
}

#[test]
fn a_faulty_ack_that_the_callee_takes_raises_nothing() {
    judge(
        &[
            TWO,
            "
call c1
  0.0 alice -> bob INVITE branch=z9hG4bKonce
  1.0 alice <- bob 200
  1.05 alice -> bob ACK branch=z9hG4bKonce uri=sip:nobody@10.2.0.1:5060
  9.0 bob -> alice BYE
  9.1 alice -> bob 200
end 300
",
        ],
        &[],
    );
}

#[test]
fn an_ack_after_the_callee_gave_up_came_too_late() {
    judge(
        &[
            TWO,
            "
call c1
  0.0 alice -> bob INVITE as inv
  1.0 alice <- bob 200 as ok
  repeat ok fully
  41.0 alice -> bob ACK as ack
end 300
",
        ],
        &["ack-after-timeout error confirmed 1"],
    )
    .quotes(&["inv", "ok", "ack"]);
}

// Rows 5 to 8: the ACK came.

#[test]
fn a_callee_that_repeats_to_the_end_did_not_honour_the_acks_it_was_sent() {
    judge(
        &[
            TWO,
            "
call c1
  0.0 alice -> bob INVITE as inv
  1.0 alice <- bob 200 as ok
  repeat ok fully
  1.05 alice -> bob ACK as ack
  repeat ack 0.5 1.5 3.5 7.5 11.5 15.5 19.5 23.5 27.5 31.5
  33.0 bob -> alice BYE as bye
  33.1 alice -> bob 200
end 300
",
        ],
        &["ack-not-honoured error confirmed 1"],
    )
    .quotes(&["inv", "ok", "ack", "bye"])
    .says(&["2xx 11 times", "ACK and 10 more"]);
}

#[test]
fn a_callee_still_repeating_when_the_capture_ends_probably_did_not_honour_it() {
    judge(
        &[
            TWO,
            "
call c1
  0.0 alice -> bob INVITE
  1.0 alice <- bob 200 as ok
  repeat ok 0.5 1.5 3.5 7.5
  1.05 alice -> bob ACK as ack
end 9
",
        ],
        &["ack-not-honoured warning probable 1"],
    )
    .quotes(&["ack"]);
}

#[test]
fn an_ack_after_four_copies_is_late() {
    judge(
        &[
            TWO,
            "
call c1
  0.0 alice -> bob INVITE as inv
  1.0 alice <- bob 200 as ok
  repeat ok 0.5 1.5 3.5
  5.0 alice -> bob ACK as ack
  60 alice -> bob BYE
  60.1 alice <- bob 200
end 300
",
        ],
        &["ack-late info confirmed 1"],
    )
    .quotes(&["inv", "ok", "ack"]);
}

#[test]
fn an_ack_later_than_five_seconds_is_a_warning() {
    judge(
        &[
            TWO,
            "
call c1
  0.0 alice -> bob INVITE
  1.0 alice <- bob 200 as ok
  repeat ok 0.5 1.5 3.5 7.5
  9.0 alice -> bob ACK
  60 alice -> bob BYE
  60.1 alice <- bob 200
end 300
",
        ],
        &["ack-late warning confirmed 1"],
    );
}

#[test]
fn early_acks_lost_beyond_the_tap_make_a_late_one() {
    judge(
        &[
            TWO,
            "
call c1
  0.0 alice -> bob INVITE
  1.0 alice <- bob 200 as ok
  repeat ok 0.5 1.5 3.5
  1.05 alice -> bob ACK as ack
  repeat ack 0.5 1.5 3.5
  60 alice -> bob BYE
  60.1 alice <- bob 200
end 300
",
        ],
        &["ack-late info confirmed 1"],
    );
}

#[test]
fn an_ack_in_time_raises_nothing() {
    let judged = judge(&[TWO, OTHER, "end 300\n"], &[]);
    assert!(!judged.analysed.says("evicted"));
}

#[test]
fn an_ack_that_two_taps_put_before_its_200_raises_nothing() {
    judge(
        &[
            TWO,
            OTHER,
            "
call c1
  0.0 alice -> bob INVITE
  1.05 alice <- bob 200 as ok
  1.04 alice -> bob ACK
end 300
",
        ],
        &[],
    );
}

// Row 9: an ACK that does not fit.

const OLD_CSEQ: &str = "
call c1
  0.0 alice -> bob INVITE
  0.1 alice <- bob 407
  0.2 alice -> bob ACK
  0.3 alice -> bob INVITE as inv
  Proxy-Authorization: Digest username=\"a\"
  1.0 alice <- bob 200 as ok
";

#[test]
fn an_ack_with_the_cseq_from_before_the_challenge_does_not_fit() {
    judge(
        &[
            TWO,
            OLD_CSEQ,
            "
  repeat ok fully
  1.05 alice -> bob ACK cseq=1 as ack
  33.0 bob -> alice BYE
  33.1 alice -> bob 200
end 300
",
        ],
        &["ack-mismatch(wrong-cseq) error confirmed 1"],
    )
    .quotes(&["inv", "ok", "ack"]);
}

#[test]
fn the_ack_of_a_refusal_is_no_ack_of_the_200() {
    judge(
        &[
            TWO,
            OLD_CSEQ,
            "
  repeat ok fully
  33.0 bob -> alice BYE
  33.1 alice -> bob 200
end 300
",
        ],
        &["no-ack-confirmed error confirmed 1"],
    )
    .quotes(&["inv", "ok"])
    .says(&["no ACK on this hop"]);
}

#[test]
fn a_callee_that_falls_silent_tolerates_a_wrong_ack() {
    judge(
        &[
            TWO,
            "
call c1
  0.0 alice -> bob INVITE
  1.0 alice <- bob 200 as ok
  repeat ok 0.5 1.5
  2.6 alice -> bob ACK to-tag=none as ack
end 300
",
        ],
        &["ack-mismatch(wrong-to-tag) info tolerated 1"],
    )
    .quotes(&["ack"]);
}

#[test]
fn a_wrong_ack_before_the_capture_ends_is_probable() {
    judge(
        &[
            TWO,
            "
call c1
  0.0 alice -> bob INVITE
  1.0 alice <- bob 200 as ok
  1.05 alice -> bob ACK from-tag=other
end 2
",
        ],
        &["ack-mismatch(wrong-from-tag) warning probable 1"],
    );
}

// Rows 10 to 12: no ACK.

const FULLY: &str = "
call c1
  0.0 alice -> bob INVITE as inv
  1.0 alice <- bob 200 as ok
  repeat ok fully
  33.0 bob -> alice BYE as bye
  33.1 alice -> bob 200
";

#[test]
fn a_200_repeated_to_the_end_without_ack_is_confirmed() {
    judge(
        &[TWO, FULLY, "end 300\n"],
        &["no-ack-confirmed error confirmed 1"],
    )
    .quotes(&["inv", "ok", "bye"])
    .blames("10.1.0.1 → 10.2.0.1");
}

#[test]
fn a_callee_that_says_no_ack_came_is_believed() {
    for reason in [
        "RELEASE_CAUSE;cause=4;text=\\\"No ACK\\\"",
        "RELEASE_CAUSE;cause=4",
        "SIP;cause=200;text=\\\"ACK timeout\\\"",
        "Q.850;cause=102, RELEASE_CAUSE;cause=4",
    ] {
        let reason = reason.replace("\\\"", "\"");
        let call = format!(
            "
call c1
  0.0 alice -> bob INVITE as inv
  1.0 alice <- bob 200 as ok
  repeat ok 0.5 1.5 3.5
  6.0 bob -> alice BYE as bye
  Reason: {reason}
  6.1 alice -> bob 200
end 300
"
        );
        judge(
            &[TWO, &call],
            &["no-ack-confirmed(stated) error confirmed 1"],
        )
        .quotes(&["bye"]);
    }
}

#[test]
fn another_release_cause_states_nothing_about_the_ack() {
    for reason in [
        "RELEASE_CAUSE;cause=1",
        "Q.850;cause=4, RELEASE_CAUSE;cause=1",
        "SIP;cause=200;text=\"Call completed elsewhere\"",
    ] {
        let call = format!(
            "
call c1
  0.0 alice -> bob INVITE
  1.0 alice <- bob 200
  9.0 bob -> alice BYE
  Reason: {reason}
  9.1 alice -> bob 200
end 300
"
        );
        judge(
            &[TWO, &call],
            &["ack-not-visible(uas-sent-bye) info inconclusive 1"],
        );
    }
}

#[test]
fn a_callee_with_a_short_t1_gives_up_earlier_and_is_confirmed() {
    judge(
        &[
            TWO,
            "
call c1
  0.0 alice -> bob INVITE as inv
  1.0 alice <- bob 200 as ok
  repeat ok 0.25 0.75 1.75 3.75 7.75 11.75 15.75
  17.0 bob -> alice BYE
  17.1 alice -> bob 200
end 300
",
        ],
        &["no-ack-confirmed error confirmed 1"],
    )
    .says(&["T1 0.25 s", "64*T1 16 s"]);
}

#[test]
fn a_callee_with_a_long_t1_is_followed_to_its_end() {
    judge(
        &[
            TWO,
            "
call c1
  0.0 alice -> bob INVITE
  1.0 alice <- bob 200 as ok
  repeat ok 1 3 7 11 15 19 23 27 31 35 39 43 47 51 55 59 63
  65.0 bob -> alice BYE as bye
  65.1 alice -> bob 200
end 300
",
        ],
        &["no-ack-confirmed error confirmed 1"],
    )
    .quotes(&["bye"])
    .says(&["2xx 18 times"]);
}

#[test]
fn a_capture_that_starts_after_the_invite_only_makes_it_probable() {
    judge(
        &[TWO, "begin 0.5\n", FULLY, "end 300\n"],
        &["no-ack-probable(capture-starts) warning probable 1"],
    )
    .says(&["INVITE not captured"]);
}

#[test]
fn a_one_way_tap_only_makes_it_probable() {
    judge(
        &[TWO, "blind alice -> bob\n", FULLY, "end 300\n"],
        &["no-ack-probable(capture-starts,one-way) warning probable 1"],
    );
}

#[test]
fn a_lost_fragment_meanwhile_only_makes_it_probable() {
    judge(
        &[
            TWO,
            FULLY,
            "
call big
  9.0 alice -> bob OPTIONS pad=600 mtu=300 drop-fragment=1
call tick times 140 every 2
  0.2 bob -> alice OPTIONS
  0.3 bob <- alice 200
end 300
",
        ],
        &["no-ack-probable(capture-loss) warning probable 1"],
    );
}

#[test]
fn a_tcp_gap_meanwhile_only_makes_it_probable() {
    judge(
        &[
            TWO,
            FULLY,
            "
call gap tcp
  8.0 alice -> bob connect
  8.5 alice -> bob OPTIONS
  8.6 alice <- bob 200
  9.0 alice -> bob OPTIONS lost
  9.1 alice -> bob OPTIONS
  9.2 alice <- bob 200
  9.5 alice -> bob OPTIONS
  9.6 alice <- bob 200
end 60
",
        ],
        &["no-ack-probable(capture-loss) warning probable 1"],
    );
}

#[test]
fn a_fragment_lost_long_before_changes_nothing() {
    let later = FULLY.replace("call c1", "call c1 at 200");
    judge(
        &[
            TWO,
            &later,
            "
call big
  9.0 alice -> bob OPTIONS pad=600 mtu=300 drop-fragment=1
end 500
",
        ],
        &["no-ack-confirmed error confirmed 1"],
    );
}

#[test]
fn few_copies_to_the_end_only_make_it_probable() {
    judge(
        &[
            TWO,
            "
call c1
  0.0 alice -> bob INVITE
  1.0 alice <- bob 200 as ok
  repeat ok 23.5 27.5 31.5
end 300
",
        ],
        &["no-ack-probable(few-copies) warning probable 1"],
    );
}

// Rows 13 to 18.

#[test]
fn a_cancel_that_crosses_the_200_leaves_the_ack_owed() {
    judge_one_packet(
        &[
            TWO,
            "
call c1 at 150
  0.0 alice -> bob INVITE as inv
  1.0 alice <- bob 200 as ok
  0.99 alice -> bob CANCEL as cancel
  1.01 alice <- bob 200 CANCEL
  repeat ok 0.5 1.5
end 153
",
        ],
        "cancel-crossed-200",
    )
    .quotes(&["inv", "ok", "cancel"]);
}

#[test]
fn a_cancel_that_crosses_the_200_and_then_ack_and_bye_is_in_order() {
    judge(
        &[
            TWO,
            "
call c1
  0.0 alice -> bob INVITE
  1.0 alice <- bob 200 INVITE
  0.99 alice -> bob CANCEL
  1.01 alice <- bob 200 CANCEL
  1.05 alice -> bob ACK
  1.06 alice -> bob BYE
  1.10 alice <- bob 200
end 300
",
        ],
        &[],
    );
}

#[test]
fn a_caller_that_hangs_up_at_once_without_ack_is_named() {
    judge_one_packet(
        &[
            TWO,
            "
call c1
  0.0 alice -> bob INVITE as inv
  1.0 alice <- bob 200 as ok
  1.3 alice -> bob BYE as bye
  1.4 alice <- bob 200
end 300
",
        ],
        "uac-hung-up-without-ack",
    )
    .quotes(&["inv", "ok", "bye"]);
}

#[test]
fn a_caller_whose_ack_the_capture_may_have_lost_is_not_warned_about() {
    judge(
        &[
            TWO,
            "
call c1
  0.0 alice -> bob INVITE
  1.0 alice <- bob 200
  1.3 alice -> bob BYE
  1.4 alice <- bob 200
call big
  1.2 alice -> bob OPTIONS pad=600 mtu=300 drop-fragment=1
end 300
",
        ],
        &["uac-hung-up-without-ack info inconclusive 1"],
    );
}

#[test]
fn a_callee_that_never_answers_again_died() {
    judge(
        &[
            TWO,
            "
call c1
  0.0 alice -> bob INVITE as inv
  1.0 alice <- bob 200 as ok
  21.0 alice -> bob BYE as bye
  repeat bye 0.5 1.5 3.5 7.5 11.5 15.5 19.5 23.5 27.5 31.5
end 300
",
        ],
        &[
            // The BYE that nobody answered is not told once more.
            "uas-died-after-200 warning probable 1",
        ],
    )
    .quotes(&["inv", "ok", "bye"]);
}

#[test]
fn a_callee_whose_port_is_closed_died() {
    judge(
        &[
            TWO,
            "
call c1
  0.0 alice -> bob INVITE
  1.0 alice <- bob 200
  21.0 alice -> bob BYE as bye
  21.1 alice <- bob ICMP port bye
end 300
",
        ],
        &["uas-died-after-200 error probable 1"],
    );
}

/// A callee that waits 1 s before its second copy, and 64 s for its ACK.
const SLOW: &str = "
call slow
  0.0 alice -> bob INVITE
  1.0 alice <- bob 200 as slow
  repeat slow 1 3
  4.5 alice -> bob ACK
  9.0 alice -> bob BYE
  9.1 alice <- bob 200
";

#[test]
fn a_callee_known_to_wait_for_longer_does_not_give_up_after_32_s() {
    const HUNG_UP: &str = "
call c1 at 60
  0.0 alice -> bob INVITE
  1.0 alice <- bob 200
  33.1 bob -> alice BYE
  33.2 alice -> bob 200
end 300
";
    judge_one_packet(&[TWO, HUNG_UP], "no-ack-probable(give-up-bye)");
    judge(
        &[TWO, SLOW, HUNG_UP],
        &[
            "ack-late info confirmed 1",
            "ack-not-visible(uas-sent-bye) info inconclusive 1",
        ],
    );
}

#[test]
fn a_bye_at_64_t1_over_tcp_is_the_callee_giving_up() {
    judge(
        &[
            TWO,
            "
call c1 tcp
  0.0 alice -> bob INVITE as inv
  1.0 alice <- bob 200 as ok
  33.1 bob -> alice BYE as bye
  33.2 alice -> bob 200
end 300
",
        ],
        &["no-ack-probable(give-up-bye) warning probable 1"],
    )
    .quotes(&["inv", "ok", "bye"]);
}

#[test]
fn a_callee_that_hangs_up_while_repeating_never_had_the_ack() {
    judge(
        &[
            TWO,
            "
call c1
  0.0 alice -> bob INVITE
  1.0 alice <- bob 200 as ok
  repeat ok 0.5 1.5 3.5
  6.0 bob -> alice BYE as bye
  6.1 alice -> bob 200
end 300
",
        ],
        &["no-ack-probable(ended-early) warning probable 1"],
    )
    .quotes(&["bye"]);
}

#[test]
fn a_callee_that_hangs_up_before_the_second_copy_proves_nothing() {
    judge(
        &[
            TWO,
            "
call c1
  0.0 alice -> bob INVITE
  1.0 alice <- bob 200
  1.3 bob -> alice BYE
  1.4 alice -> bob 200
end 300
",
        ],
        &["inconclusive(ended-early) info inconclusive 1"],
    );
}

#[test]
fn six_copies_before_the_capture_ends_make_it_probable() {
    judge(
        &[
            TWO,
            "
call c1
  0.0 alice -> bob INVITE
  1.0 alice <- bob 200 as ok
  repeat ok 0.5 1.5 3.5 7.5 11.5
end 14
",
        ],
        &["no-ack-probable(capture-ends) warning probable 1"],
    );
}

#[test]
fn three_copies_before_the_capture_ends_prove_nothing() {
    judge(
        &[
            TWO,
            "
call c1
  0.0 alice -> bob INVITE
  1.0 alice <- bob 200 as ok
  repeat ok 0.5 1.5
end 3.5
",
        ],
        &["inconclusive(capture-ends) info inconclusive 1"],
    );
}

// Rows 19 to 24: a callee that fell silent.

#[test]
fn a_callee_that_stops_repeating_early_had_the_ack() {
    judge(
        &[
            TWO,
            OTHER,
            "
call c1
  0.0 alice -> bob INVITE as inv
  1.0 alice <- bob 200 as ok
  repeat ok 0.5 1.5
end 300
",
        ],
        &["ack-not-visible(uas-fell-silent) info inconclusive 1"],
    )
    .quotes(&["inv", "ok"]);
}

#[test]
fn a_call_of_twenty_minutes_whose_ack_the_tap_lost_accuses_nobody() {
    judge(
        &[
            TWO,
            OTHER,
            "
call c1
  0.0 alice -> bob INVITE as inv
  1.0 alice <- bob 200 as ok
  1310 alice -> bob BYE
  1310.1 alice <- bob 200
end 1400
",
        ],
        &["ack-not-visible(dialog-lives-on) info inconclusive 1"],
    )
    .quotes(&["inv", "ok"]);
}

#[test]
fn a_dialog_that_answers_long_after_had_the_ack() {
    for sign in [
        "96 alice -> bob BYE\n 96.1 alice <- bob 200\n",
        "96 bob -> alice BYE\n 96.1 alice -> bob 200\n",
        "96 alice -> bob INVITE\n 96.1 alice <- bob 200\n 96.2 alice -> bob ACK\n",
        "96 bob -> alice INVITE\n 96.1 alice -> bob 200\n 96.2 bob -> alice ACK\n",
        "96 alice -> bob UPDATE\n 96.1 alice <- bob 200\n",
    ] {
        let call = format!(
            "
call c1
  0.0 alice -> bob INVITE
  1.0 alice <- bob 200
  {sign}
end 300
"
        );
        judge(
            &[TWO, OTHER, &call],
            &["ack-not-visible(dialog-lives-on) info inconclusive 1"],
        );
    }
}

#[test]
fn a_callee_that_hangs_up_early_had_the_ack() {
    judge(
        &[
            TWO,
            OTHER,
            "
call c1
  0.0 alice -> bob INVITE
  1.0 alice <- bob 200
  10.0 bob -> alice BYE as bye
  10.1 alice -> bob 200
end 300
",
        ],
        &["ack-not-visible(uas-sent-bye) info inconclusive 1"],
    )
    .quotes(&["bye"]);
}

#[test]
fn a_callee_known_to_repeat_that_did_not_had_the_ack() {
    judge(
        &[
            TWO,
            OTHER,
            "
call late
  0.0 alice -> bob INVITE
  1.0 alice <- bob 200 as lok
  repeat lok 0.5
  1.7 alice -> bob ACK
call c1
  0.0 alice -> bob INVITE
  1.0 alice <- bob 200
end 300
",
        ],
        &["ack-not-visible(uas-fell-silent) info inconclusive 1"],
    );
}

#[test]
fn without_record_route_the_ack_takes_another_path() {
    let scene = PROXY.replace("10.9.0.1:5060", "10.9.0.1:5060 no-record-route");
    judge(
        &[
            &scene,
            "
call c1
  0.0  alice -> p INVITE
  0.01 p -> bob INVITE
  1.0  p <- bob 200
  1.01 alice <- p 200
end 300
",
        ],
        &["ack-not-visible(other-path) info inconclusive 1"],
    );
}

#[test]
fn a_single_200_seen_one_way_proves_nothing() {
    judge(
        &[
            TWO,
            "blind alice -> bob
call c1
  0.0 alice -> bob INVITE
  1.0 alice <- bob 200
end 300
",
        ],
        &["inconclusive(one-way) info inconclusive 1"],
    );
}

#[test]
fn a_single_200_without_its_invite_proves_nothing() {
    judge(
        &[
            TWO,
            OTHER,
            "begin 0.5
call c1
  0.0 alice -> bob INVITE
  1.0 alice <- bob 200
end 300
",
        ],
        &["inconclusive(capture-starts) info inconclusive 1"],
    );
}

#[test]
fn a_single_200_shortly_before_the_end_proves_nothing() {
    judge(
        &[
            TWO,
            "
call c1
  0.0 alice -> bob INVITE
  1.0 alice <- bob 200
end 11
",
        ],
        &["inconclusive(capture-ends) info inconclusive 1"],
    );
}

const ONCE: &str = "
call c1
  0.0 alice -> bob INVITE as inv
  1.0 alice <- bob 200 as ok
end 300
";

#[test]
fn a_single_200_where_acks_of_others_pass_is_probable_if_the_tap_misses_nothing() {
    judge_one_packet(&[TWO, OTHER, ONCE], "no-ack-probable(no-repeats)").quotes(&["inv", "ok"]);
}

#[test]
fn a_call_that_went_on_after_a_single_200_had_its_ack_as_far_as_anybody_knows() {
    for went_on in [
        "3.8 alice -> bob BYE\n  3.9 alice <- bob 200",
        "20.0 alice -> bob BYE\n  20.1 alice <- bob 200",
        "9.0 alice -> bob UPDATE\n  9.1 alice <- bob 200",
        "9.0 bob -> alice INFO\n  9.1 bob <- alice 200",
    ] {
        let call = format!("{ONCE}  {went_on}\n").replace("end 300\n", "");
        judge(
            &[TWO, OTHER, &call, CAREFUL, "end 300\n"],
            &["inconclusive(no-repeats) info inconclusive 1"],
        );
    }
    // An answer that came before another copy was due shows nothing.
    let at_once = format!("{ONCE}  1.1 alice -> bob INFO\n  1.2 alice <- bob 200\n");
    judge(
        &[
            TWO,
            OTHER,
            &at_once.replace("end 300\n", ""),
            CAREFUL,
            "end 300\n",
        ],
        &["no-ack-probable(no-repeats) warning probable 1"],
    );
}

#[test]
fn a_single_200_where_no_ack_was_ever_seen_proves_nothing() {
    judge(
        &[TWO, ONCE],
        &["inconclusive(no-repeats) info inconclusive 1"],
    );
}

#[test]
fn a_single_200_over_tcp_proves_nothing() {
    let once = ONCE.replace("call c1", "call c1 tcp");
    judge(
        &[TWO, OTHER, &once],
        &["inconclusive(no-repeats) info inconclusive 1"],
    );
}

#[test]
fn a_single_200_while_packets_are_missing_proves_nothing() {
    judge(
        &[
            TWO,
            OTHER,
            ONCE,
            "
call big
  9.0 alice -> bob OPTIONS pad=600 mtu=300 drop-fragment=1
",
        ],
        &["inconclusive(no-repeats) info inconclusive 1"],
    );
}

/// Calls of which the tap sees all, and some whose BYE it missed.
fn lossy(calls: u32, missed: u32) -> String {
    let call = |name: &str, at: u32, times: u32, bye: &str| {
        format!(
            "
call {name} at {at} times {times} every 10
  0.0 alice -> bob INVITE
  0.1 alice <- bob 200
  0.2 alice -> bob ACK
  3.0 alice -> bob BYE {bye}
  3.1 alice <- bob 200
"
        )
    };
    let once = "
call c1 at 500
  0.0 alice -> bob INVITE
  1.0 alice <- bob 200
end 1500
";
    let missed = if missed == 0 {
        String::new()
    } else {
        call("missed", 405, missed, "lost")
    };
    [&call("talk", 0, calls, ""), &missed, once].concat()
}

#[test]
fn a_single_200_proves_nothing_where_the_tap_loses_other_packets_in_silence() {
    let found = judge(
        &[TWO, &lossy(100, 5)],
        &["no-ack-probable(no-repeats,lossy-tap) info inconclusive 1"],
    );
    assert!(found.analysed.says("lossy-tap"));
}

#[test]
fn as_many_single_200s_as_a_tap_does_not_miss_are_held_against_somebody() {
    let missing = |calls: u32, missed, times: u32| {
        let many = format!("call c1 at 500 times {times} every 10");
        lossy(calls, missed).replace("call c1 at 500", &many)
    };
    // Of a hundred calls one, and nothing else shows that the tap is so good.
    let found = judge(
        &[TWO, &missing(100, 0, 1)],
        &["no-ack-probable(no-repeats,one-packet) info inconclusive 1"],
    );
    assert!(!found.analysed.says("lossy-tap"));
    for (missed, times) in [(0, 5), (3, 40)] {
        judge(
            &[TWO, &missing(100, missed, times)],
            &[&format!(
                "no-ack-probable(no-repeats) warning probable {times}"
            )],
        );
    }
}

#[test]
fn a_caller_that_never_acknowledges_stands_out_among_many_that_do() {
    let scene = "
host alice 10.1.0.1:5060
host carol 10.3.0.1:5060
host bob   10.2.0.1:5060
";
    let carols = "
call carol at 30 times 3 every 10
  0.0 carol -> bob INVITE
  1.0 carol <- bob 200
call fine at 400
  0.0 carol -> bob INVITE
  1.0 carol <- bob 200
  1.1 carol -> bob ACK
end 1500
";
    let calls = lossy(100, 0).replace("call c1 at 500", "call c1 at 500 times 0 every 1");
    let calls = calls.split("call c1").next().expect("the calls before");
    judge(
        &[scene, calls, carols],
        &["no-ack-probable(no-repeats) warning probable 3"],
    );
}

#[test]
fn a_contact_by_name_leaves_the_path_open() {
    judge(
        &[
            TWO,
            OTHER,
            "
call c1
  0.0 alice -> bob INVITE
  1.0 alice <- bob 200
  Contact: <sip:bob@pbx.example.com>
end 300
",
        ],
        // The callee's side is a name: perhaps another element.
        &["inconclusive(no-repeats) info inconclusive 1"],
    );
}

// Dialogs within dialogs: re-INVITEs, forks, PRACK, UPDATE.

#[test]
fn a_re_invite_without_ack_is_a_dialog_of_its_own() {
    judge(
        &[
            TWO,
            "
call c1
  0.0 alice -> bob INVITE
  1.0 alice <- bob 200
  1.1 alice -> bob ACK as first
  10.0 alice -> bob INVITE as inv
  10.1 alice <- bob 200 as ok
  repeat ok fully
  42.1 bob -> alice BYE as bye
  42.2 alice -> bob 200
end 300
",
        ],
        &["no-ack-confirmed error confirmed 1"],
    )
    .quotes(&["inv", "ok", "bye"])
    .says(&["re-INVITE in frame"]);
}

#[test]
fn in_a_callees_re_invite_the_callee_owes_the_ack() {
    judge(
        &[
            TWO,
            "
call c1
  0.0 alice -> bob INVITE
  1.0 alice <- bob 200
  1.1 alice -> bob ACK
  10.0 bob -> alice INVITE as inv
  10.1 bob <- alice 200 as ok
  repeat ok fully
  42.1 alice -> bob BYE
  42.2 bob -> alice 200
end 300
",
        ],
        &["no-ack-confirmed error confirmed 1"],
    )
    .quotes(&["inv", "ok"])
    .blames("10.2.0.1 → 10.1.0.1");
}

#[test]
fn re_invites_of_both_sides_with_their_acks_raise_nothing() {
    judge(
        &[
            TWO,
            "
call c1
  0.0 alice -> bob INVITE
  0.1 alice <- bob 183
  0.2 alice -> bob PRACK
  0.3 alice <- bob 200 PRACK
  0.4 alice -> bob UPDATE
  0.5 alice <- bob 200 UPDATE
  1.0 alice <- bob 200 INVITE
  1.1 alice -> bob ACK
  600 bob -> alice INVITE
  600.1 bob <- alice 200
  600.2 bob -> alice ACK
  1200 alice -> bob INVITE
  1200.1 alice <- bob 491
  1200.2 alice -> bob ACK
  1800 alice -> bob INVITE
  1800.1 alice <- bob 200
  1800.2 alice -> bob ACK
  9000 alice -> bob INVITE
  9000.1 alice <- bob 200
  9000.2 alice -> bob ACK
  9900 alice -> bob BYE
  9900.1 alice <- bob 200
call tick times 30 every 350
  0.0 bob -> alice OPTIONS
  0.1 bob <- alice 200
end 10700
",
        ],
        &[],
    );
}

#[test]
fn a_200_to_another_method_owes_no_ack() {
    judge(
        &[
            TWO,
            "
call c1
  0.0 alice -> bob INVITE
  0.1 alice <- bob 180
  2.0 alice -> bob CANCEL
  2.1 alice <- bob 200 CANCEL
  2.2 alice <- bob 487 INVITE
  2.3 alice -> bob ACK
call c2
  0.0 alice -> bob REGISTER
  0.1 alice <- bob 200
call c3
  0.0 alice -> bob OPTIONS
  0.1 alice <- bob 200
end 300
",
        ],
        &[],
    );
}

#[test]
fn each_forks_tag_is_judged_alone() {
    judge(
        &["
host  alice 10.1.0.1:5060
proxy p     10.9.0.1:5060
host  bob   10.2.0.1:5060
host  carol 10.3.0.1:5060
call c1
  0.00 alice -> p INVITE
  0.01 p -> bob INVITE
  0.02 p -> carol INVITE as inv
  1.00 bob -> p 200 as b
  1.01 p -> alice 200 for b as ab
  1.02 carol -> p 200 as c
  repeat c fully
  1.03 p -> alice 200 for c as ac
  1.10 alice -> p ACK for ab
  1.11 p -> bob ACK for b
  33.1 carol -> p BYE
  33.2 carol <- p 481
end 300
"],
        &[
            "no-ack-confirmed error confirmed 1",
            "bye-unknown-dialog warning confirmed 1",
        ],
    )
    .blames("10.9.0.1 → 10.3.0.1");
}

// Addresses, ports, transports.

#[test]
fn an_ack_from_another_port_or_to_the_contacts_port_fits() {
    judge(
        &[
            TWO,
            "
call c1
  0.0 alice -> bob INVITE
  1.0 alice <- bob 200
  1.1 alice -> bob ACK sport=40000
call c2
  5.0 alice -> bob INVITE
  6.0 alice <- bob 200
  Contact: <sip:bob@10.2.0.1:5090>
  6.1 alice -> bob ACK dport=5090
call c3
  10.0 alice -> bob INVITE
  11.0 alice <- bob 200
  Contact: <sip:bob@10.2.0.1:5090>
  11.1 alice -> bob ACK sport=40000 dport=5090
end 300
",
        ],
        &[],
    );
}

#[test]
fn over_tcp_the_table_is_the_same() {
    let fully = FULLY.replace("call c1", "call c1 tcp");
    judge(
        &[
            TWO,
            &fully,
            "
call fine tcp
  50.0 alice -> bob INVITE
  51.0 alice <- bob 200
  51.1 alice -> bob ACK
end 300
",
        ],
        &["no-ack-confirmed error confirmed 1"],
    )
    .quotes(&["inv", "ok", "bye"]);
}

const HOUR: i64 = 3_600_000_000_000;

const LOOPBACK: &str = "
host  alice 127.0.0.1:5062
proxy p     127.0.0.1:5060
host  bob   127.0.0.1:5080
";

#[test]
fn on_one_address_ports_tell_the_elements_apart() {
    judge(&[LOOPBACK, DROPPED], &["ack-dropped-at error confirmed 1"]).quotes(&["ack"]);
    judge(
        &[
            LOOPBACK,
            "
call c1
  0.0  alice -> p INVITE
  0.01 p -> bob INVITE
  1.0  p <- bob 200
  1.01 alice <- p 200
  1.05 alice -> p ACK
  1.06 p -> bob ACK
end 300
",
        ],
        &[],
    );
}

#[test]
fn on_one_address_a_proxy_off_the_path_leaves_the_ack_another_way() {
    let scene = LOOPBACK.replace("127.0.0.1:5060", "127.0.0.1:5060 no-record-route");
    judge(
        &[
            &scene,
            "
call other at 120
  0.0 alice -> bob INVITE
  0.5 alice <- bob 200
  0.6 alice -> bob ACK
call c1
  0.0  alice -> p INVITE
  0.01 p -> bob INVITE lost
  1.0  p <- bob 200 lost
  1.01 alice <- p 200
end 300
",
        ],
        &["ack-not-visible(other-path) info inconclusive 1"],
    );
}

#[test]
fn on_one_address_an_ack_to_another_port_is_no_witness() {
    judge(
        &[
            LOOPBACK,
            "
call other
  0.0 alice -> p INVITE
  0.5 alice <- p 200
  0.6 alice -> p ACK
call c1
  1.0 alice -> bob INVITE
  2.0 alice <- bob 200
end 300
",
        ],
        &["inconclusive(no-repeats) info inconclusive 1"],
    );
}

#[test]
fn peers_without_tags_and_cookies_are_judged_the_same() {
    let old = "from-tag=none to-tag=none branch=1";
    let call = format!(
        "
call c1
  0.0 alice -> bob INVITE {old} as inv
  1.0 alice <- bob 200 to-tag=none as ok
  repeat ok 0.5 1.5 3.5
  6.0 bob -> alice BYE from-tag=none to-tag=none as bye
  6.1 alice -> bob 200
call c2
  50.0 alice -> bob INVITE {old}
  51.0 alice <- bob 200 to-tag=none
  51.1 alice -> bob ACK {old}
end 300
"
    );
    judge(
        &[TWO, &call],
        &["no-ack-probable(ended-early) warning probable 1"],
    )
    .quotes(&["bye"]);
}

// Many calls, long calls, calls given up.

#[test]
fn calls_in_between_one_another_are_told_apart() {
    judge(
        &[
            TWO,
            "
call good times 20 every 0.1
  0.0 alice -> bob INVITE
  1.0 alice <- bob 200
  1.1 alice -> bob ACK
  50 alice -> bob BYE
  50.1 alice <- bob 200
call bad times 3 every 0.37
  0.0 alice -> bob INVITE
  1.0 alice <- bob 200 as ok
  repeat ok fully
  33.0 bob -> alice BYE
  33.1 alice -> bob 200
end 300
",
        ],
        &["no-ack-confirmed error confirmed 3"],
    );
}

#[test]
fn a_call_id_used_again_is_a_new_call() {
    let text = [
        TWO,
        "
call c1
  0.0 alice -> bob INVITE
  1.0 alice <- bob 200
  1.1 alice -> bob ACK
  9.0 alice -> bob BYE
  9.1 alice <- bob 200
call c2
  200.0 alice -> bob INVITE from-tag=again
  201.0 alice <- bob 200 to-tag=again as ok
  repeat ok fully
end 500
",
    ]
    .concat();
    let capture = Ladder::of(&text).capture();
    // Of equal length, so that nothing else changes; checksums are not looked at.
    let again: Vec<u8> = String::from_utf8_lossy(b"c2@ladder").bytes().collect();
    let mut bytes = capture;
    while let Some(at) = bytes.windows(again.len()).position(|w| w == again) {
        bytes[at + 1] = b'1';
    }
    let analysed = analyse(&[&bytes], &Options::default());
    assert_eq!(
        analysed.accusations(),
        ["no-ack-confirmed error confirmed 1"]
    );
}

#[test]
fn a_retransmitted_invite_is_no_second_call() {
    let judged = judge(
        &[
            TWO,
            "
call c1
  0.0 alice -> bob INVITE as inv
  repeat inv 0.5 1.5 3.5
  4.0 alice <- bob 100
  5.0 alice <- bob 200
  5.1 alice -> bob ACK
end 300
",
        ],
        &[],
    );
    assert_eq!(judged.analysed.view.totals.invites, 1);
    assert_eq!(judged.analysed.view.totals.retransmissions, 3);
}

#[test]
fn a_call_given_up_for_room_is_said_and_not_accused() {
    let ladder = Ladder::of(
        &[
            TWO,
            "
call c1
  0.0 alice -> bob INVITE
  1.0 alice <- bob 200 as ok
  repeat ok 0.5 1.5 3.5 7.5 11.5
call more times 4 every 0.01
  14.0 alice -> bob OPTIONS
  14.1 alice <- bob 200
end 300
",
        ]
        .concat(),
    );
    let options = Options {
        limits: Limits {
            calls: 2,
            ..Limits::default()
        },
        ..Options::default()
    };
    let analysed = analyse(&[&ladder.capture()], &options);
    assert!(analysed.says("evicted"), "{:?}", analysed.view.trust);
    assert_eq!(
        analysed.accusations(),
        ["inconclusive(evicted) info inconclusive 1"]
    );
}

#[test]
fn a_step_of_the_clock_leaves_open_calls_unjudged_and_later_ones_careful() {
    let ladder = Ladder::of(
        &[
            TWO,
            FULLY,
            OTHER,
            "
host carol 10.3.0.1:5060
call witness
  300.0 alice -> carol INVITE
  301.0 alice <- carol 200
  301.1 alice -> carol ACK
call late
  400.0 alice -> carol INVITE
  401.0 alice <- carol 200
end 403
",
        ]
        .concat(),
    );
    let step = |from_s: u64, by_ns: i64| {
        let mut records = ladder.records(&ladder.options);
        let start = records[0].time_ns;
        for record in &mut records {
            if record.time_ns > start + from_s * 1_000_000_000 {
                record.time_ns = record.time_ns.checked_add_signed(by_ns).expect("in range");
            }
        }
        let bytes = common::pcap::write(&records, &ladder.options);
        analyse(&[&bytes], &Options::default())
    };
    for by in [-2 * HOUR, 2 * HOUR] {
        let analysed = step(20, by);
        assert!(analysed.says("time-step"), "{:?}", analysed.view.trust);
        assert_eq!(
            analysed.accusations(),
            [
                "inconclusive(capture-ends) info inconclusive 1",
                "inconclusive(time-step) info inconclusive 1"
            ],
            "{by}"
        );
    }
}

// Hops and their evidence.

#[test]
fn an_ack_missing_only_on_the_upstream_hop_is_in_order() {
    judge(
        &[
            PROXY,
            "
call c1
  0.0  alice -> p INVITE
  0.01 p -> bob INVITE
  1.0  p <- bob 200
  1.01 alice <- p 200
  1.05 alice -> p ACK lost
  1.06 p -> bob ACK
end 300
",
        ],
        &[],
    );
}

#[test]
fn the_hop_nearest_the_callee_is_the_one_that_is_judged() {
    judge(
        &[
            PROXY,
            "
call c1
  0.0  alice -> p INVITE
  0.01 p -> bob INVITE as inv
  1.0  p <- bob 200 as ok
  repeat ok fully
  1.01 alice <- p 200
  33.0 bob -> p BYE
  33.01 p -> alice BYE
  33.1 alice -> p 200
  33.11 p -> bob 200
end 300
",
        ],
        &["no-ack-confirmed error confirmed 1"],
    )
    .quotes(&["inv", "ok"])
    .blames("10.9.0.1 → 10.2.0.1");
}

#[test]
fn a_tap_that_sees_the_far_side_one_way_believes_the_near_side() {
    judge(
        &[
            PROXY,
            "blind p -> bob
call c1
  0.0  alice -> p INVITE
  0.01 p -> bob INVITE
  1.0  p <- bob 200
  1.01 alice <- p 200
  1.05 alice -> p ACK
  1.06 p -> bob ACK
end 300
",
        ],
        &[],
    );
}

#[test]
fn an_icmp_error_about_another_message_says_nothing_about_the_ack() {
    judge(
        &[
            TWO,
            "
call c1
  0.0 alice -> bob INVITE as inv
  0.01 alice <- bob ICMP port inv
  0.5 alice -> bob INVITE
  1.0 alice <- bob 200 as ok
  1.01 bob <- alice ICMP port ok
  1.1 alice -> bob ACK
end 300
",
        ],
        &["never-answered(icmp) info confirmed 1"],
    );
}

#[test]
fn pairs_with_half_of_the_calls_or_more_have_findings_of_their_own() {
    let twice = FULLY.replace("call c1", "call c1 times 2 every 1");
    let judged = judge(
        &[
            TWO,
            "host carol 10.3.0.1:5060
call c3
  0.0 alice -> carol INVITE
  1.0 alice <- carol 200 as cok
  repeat cok fully
",
            &twice,
            "end 300\n",
        ],
        &[
            "no-ack-confirmed error confirmed 1",
            "no-ack-confirmed error confirmed 2",
        ],
    );
    let pairs: Vec<_> = judged
        .analysed
        .view
        .findings
        .iter()
        .map(|f| f.peers.len())
        .collect();
    assert_eq!(pairs, [1, 1]);
}

#[test]
fn a_caller_whose_ack_was_seen_on_an_earlier_hop_has_not_left_it_out() {
    judge(
        &[
            PROXY,
            "
call c1
  0.00 alice -> p INVITE
  0.01 p -> bob INVITE
  1.00 bob -> p 200
  1.01 p -> alice 200
  1.02 alice -> p ACK
  1.20 alice -> p BYE
  1.21 p -> bob BYE
  1.30 bob -> p 200
  1.31 p -> alice 200
end 300
",
        ],
        &["inconclusive(ended-early) info inconclusive 1"],
    );
}

#[test]
fn a_bye_sent_once_over_udp_does_not_show_that_the_callee_died() {
    judge(
        &[
            TWO,
            "
call c1
  0.0 alice -> bob INVITE
  1.0 alice <- bob 200
  21.0 alice -> bob BYE
end 300
",
        ],
        &["inconclusive(no-repeats) info inconclusive 1"],
    );
}
