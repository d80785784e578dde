//! Media as a sign of life: what RTP towards announced sockets says about a 2xx without ACK.
//!
//! Every scenario is played as it stands and with every packet seen twice by the tap.

mod common;

use common::analysis::{Analysed, analyse};
use common::ladder::Ladder;
use sipannotate::pipeline::Options;

const TWO: &str = "
host alice 10.1.0.1:5060
host bob   10.2.0.1:5060
";

/// Another call over the same hop, well acknowledged: without it a missing ACK proves less.
const OTHER: &str = "
call other at 150
  0.0 alice -> bob INVITE
  - Content-Type
  | v=0
  0.5 alice <- bob 200
  - Content-Type
  | v=0
  0.6 alice -> bob ACK
  9.0 alice -> bob BYE
  9.1 alice <- bob 200
";

/// A call answered once and never acknowledged here.
const UNACKED: &str = "
call c1
  0.0 alice -> bob INVITE as invite
  1.0 alice <- bob 200 as ok
";

/// What is said of an [`UNACKED`] call that shows no sign of life, where it is one packet that is not there.
const SILENT: &str = "no-ack-probable(no-repeats,one-packet) info inconclusive 1";

/// And of one that does.
const ALIVE: &str = "ack-not-visible(dialog-lives-on) info inconclusive 1";

/// Plays `texts` and compares the findings; the evidence of the first one.
fn judge(texts: &[&str], expected: &[&str]) -> String {
    let ladder = Ladder::of(&texts.concat());
    let mirrored = Analysed::mirrored(&ladder);
    assert_eq!(mirrored.accusations(), expected, "every packet twice");
    let analysed = Analysed::of(&ladder);
    assert_eq!(analysed.accusations(), expected, "as it stands");
    let finding = analysed.view.findings.first();
    finding
        .and_then(|finding| finding.evidence.clone())
        .unwrap_or_default()
}

#[track_caller]
fn assert_says(evidence: &str, words: &str) {
    assert!(evidence.contains(words), "{words:?} is not in: {evidence}");
}

#[test]
fn rtp_both_ways_long_after_the_answer_shows_that_the_ack_came() {
    let evidence = judge(
        &[
            TWO,
            UNACKED,
            "  1.1 alice -> bob RTP count=165 every=0.5\n  1.1 alice <- bob RTP count=167 every=0.5\n",
            OTHER,
            "end 300\n",
        ],
        &[ALIVE],
    );
    // The caller's last packet comes at 1.1 + 164 * 0.5 = 83.1 s, which is 82.1 s after the 200.
    assert_says(
        &evidence,
        "RTP both ways until 82.1 s after the 2xx, frames",
    );
}

#[test]
fn without_rtp_the_same_call_shows_no_sign_of_life() {
    let evidence = judge(&[TWO, UNACKED, OTHER, "end 300\n"], &[SILENT]);
    assert!(!evidence.contains("RTP"), "{evidence}");
}

#[test]
fn rtp_one_way_proves_nothing() {
    let evidence = judge(
        &[
            TWO,
            UNACKED,
            "  1.1 alice <- bob RTP count=160 every=0.5\n",
            OTHER,
            "end 300\n",
        ],
        &[SILENT],
    );
    assert_says(
        &evidence,
        "RTP towards the caller alone, until 79.6 s after",
    );
    let evidence = judge(
        &[
            TWO,
            UNACKED,
            "  1.1 alice -> bob RTP count=160 every=0.5\n",
            OTHER,
            "end 300\n",
        ],
        &[SILENT],
    );
    assert_says(
        &evidence,
        "RTP towards the callee alone, until 79.6 s after",
    );
}

#[test]
fn rtp_both_ways_that_one_side_ends_early_proves_nothing() {
    // A caller that was not told goes on sending; the callee gave up at 64*T1.
    let evidence = judge(
        &[
            TWO,
            UNACKED,
            "  1.1 alice <- bob RTP count=80 every=0.5\n  1.1 alice -> bob RTP count=200 every=0.5\n",
            OTHER,
            "end 300\n",
        ],
        &[SILENT],
    );
    assert_says(&evidence, "RTP both ways until 39.6 s after");
}

#[test]
fn a_tap_that_sees_rtp_one_way_only_is_told_as_such() {
    let text = [
        TWO,
        "blind alice -> bob\n",
        UNACKED,
        "  1.1 alice -> bob RTP count=160 every=0.5\n  1.1 alice <- bob RTP count=160 every=0.5\n",
        "end 300\n",
    ];
    let evidence = judge(&text, &["inconclusive(one-way) info inconclusive 1"]);
    assert_says(&evidence, "RTP towards the caller alone");
}

#[test]
fn rtp_does_not_outweigh_a_callee_that_repeats_to_the_end() {
    let evidence = judge(
        &[
            TWO,
            UNACKED,
            "  repeat ok fully\n  1.1 alice -> bob RTP count=165 every=0.5\n  1.1 alice <- bob RTP count=165 every=0.5\n",
            "end 300\n",
        ],
        &["no-ack-confirmed error confirmed 1"],
    );
    assert_says(&evidence, "RTP both ways until 82.1 s after the 2xx");
}

#[test]
fn an_ack_that_does_not_fit_is_put_up_with_where_rtp_goes_on() {
    // Over TCP this callee repeats nothing, so its silence says nothing.
    let wrong = "
call c1 tcp
  0.0 alice -> bob INVITE
  1.0 alice <- bob 200
  1.1 alice -> bob ACK cseq=7
";
    judge(
        &[TWO, wrong, "end 300\n"],
        &["ack-mismatch(wrong-cseq) warning probable 1"],
    );
    judge(
        &[
            TWO,
            wrong,
            "  1.2 alice -> bob RTP count=100 every=0.5\n  1.2 alice <- bob RTP count=100 every=0.5\n",
            "end 300\n",
        ],
        &["ack-mismatch(wrong-cseq) info tolerated 1"],
    );
}

#[test]
fn behind_a_nat_the_one_announced_socket_shows_both_directions() {
    // alice announces an address nobody sees on the wire; her packets come from port 61000.
    let call = "
call c1
  0.0 alice -> bob INVITE
  | v=0
  | c=IN IP4 192.168.1.2
  | m=audio 16384 RTP/AVP 0
  1.0 alice <- bob 200
";
    let up = "  1.1 alice -> bob RTP count=160 every=0.5 sport=61000\n";
    let down = "  1.1 alice <- bob RTP count=160 every=0.5 dport=61000\n";
    let evidence = judge(&[TWO, call, up, down, OTHER, "end 300\n"], &[ALIVE]);
    assert_says(&evidence, "RTP both ways until 79.6 s");
    judge(&[TWO, call, up, OTHER, "end 300\n"], &[SILENT]);
    judge(&[TWO, call, down, OTHER, "end 300\n"], &[SILENT]);
}

#[test]
fn two_calls_of_a_b2bua_that_leaves_media_alone_both_live() {
    let call = |name: &str, from: &str, to: &str, at: &str| {
        format!(
            "
call {name} at {at}
  0.000 {from} -> {to} INVITE
  | v=0
  | c=IN IP4 10.1.0.1
  | m=audio 40000 RTP/AVP 0
  1.000 {from} <- {to} 200
  | v=0
  | c=IN IP4 10.2.0.1
  | m=audio 40002 RTP/AVP 0
"
        )
    };
    let hosts = "
host alice 10.1.0.1:5060
host bob   10.2.0.1:5060
host b2bua 10.3.0.1:5060
";
    let acked = |name: &str, from: &str, to: &str| {
        format!(
            "
call {name} at 150
  0 {from} -> {to} INVITE no-sdp
  1 {from} <- {to} 200
  1.1 {from} -> {to} ACK
  2 {from} -> {to} BYE
  2.1 {from} <- {to} 200
"
        )
    };
    judge(
        &[
            hosts,
            &call("c1", "alice", "b2bua", "0"),
            &call("c2", "b2bua", "bob", "0.01"),
            "  1.1 alice -> bob RTP count=160 every=0.5\n  1.1 alice <- bob RTP count=160 every=0.5\n",
            &acked("o1", "alice", "b2bua"),
            &acked("o2", "b2bua", "bob"),
            "end 300\n",
        ],
        &[ALIVE, ALIVE],
    );
}

/// A second call between the same hosts, with the same media ports, and its media.
const NEXT: &str = "
call c2 at 30
  0.0 alice -> bob INVITE
  1.0 alice <- bob 200
  1.1 alice -> bob ACK
  1.2 alice -> bob RTP count=160 every=0.5
  1.2 alice <- bob RTP count=160 every=0.5
  90  alice -> bob BYE
  +0.1 alice <- bob 200
";

#[test]
fn rtp_is_the_latest_calls_where_a_port_is_used_again() {
    let early =
        "  1.1 alice -> bob RTP count=40 every=0.5\n  1.1 alice <- bob RTP count=40 every=0.5\n";
    let evidence = judge(&[TWO, UNACKED, early, NEXT, "end 300\n"], &[SILENT]);
    assert_says(&evidence, "RTP both ways until 19.6 s after");
}

#[test]
fn rtp_after_a_bye_is_the_next_calls_however_soon_that_comes() {
    let ended = "  4.0 alice -> bob BYE\n  4.1 alice <- bob 200\n";
    let next = NEXT.replace("at 30", "at 6");
    // The BYE was answered like that of any call, after the callee had kept silent.
    let went_on = "inconclusive(no-repeats) info inconclusive 1";
    judge(&[TWO, UNACKED, ended, &next, "end 300\n"], &[went_on]);
}

#[test]
fn rtp_before_a_port_is_used_again_stays_the_earlier_calls() {
    let long =
        "  1.1 alice -> bob RTP count=160 every=0.5\n  1.1 alice <- bob RTP count=160 every=0.5\n";
    let later = NEXT.replace("at 30", "at 120");
    let evidence = judge(&[TWO, UNACKED, long, &later, "end 300\n"], &[ALIVE]);
    assert_says(&evidence, "RTP both ways until 79.6 s after");
}

#[test]
fn media_that_moves_with_a_reinvite_is_followed() {
    let moved = "
call c1
  0.0 alice -> bob INVITE
  1.0 alice <- bob 200
  5.0 alice -> bob INVITE
  | v=0
  | c=IN IP4 10.1.0.1
  | m=audio 41000 RTP/AVP 0
  5.1 alice <- bob 200
  | v=0
  | c=IN IP4 10.2.0.1
  | m=audio 41002 RTP/AVP 0
  5.2 alice -> bob ACK
  5.3 alice -> bob RTP count=160 every=0.5 sport=41000 dport=41002
  5.3 alice <- bob RTP count=160 every=0.5 sport=41002 dport=41000
";
    let evidence = judge(&[TWO, moved, OTHER, "end 300\n"], &[ALIVE]);
    assert_says(&evidence, "RTP both ways until 83.8 s after");
}

#[test]
fn a_fork_is_not_kept_alive_by_the_media_of_another() {
    let forked = "
host alice 10.1.0.1:5060
host bob   10.2.0.1:5060
call c1
  0.0 alice -> bob INVITE
  1.0 alice <- bob 200 to-tag=one
  1.1 alice <- bob 200 to-tag=two as two
  | v=0
  | c=IN IP4 10.2.0.1
  | m=audio 41002 RTP/AVP 0
  1.2 alice -> bob ACK for two
  1.3 alice -> bob RTP count=160 every=0.5 dport=41002
  1.3 alice <- bob RTP count=160 every=0.5 sport=41002
";
    let evidence = judge(&[forked, OTHER, "end 300\n"], &[SILENT]);
    assert_says(&evidence, "RTP towards the caller alone");
}

#[test]
fn more_media_sockets_than_are_followed_give_up_the_oldest_call() {
    let text = [
        TWO,
        "call c times 40 every 0.1\n 0 alice -> bob INVITE\n | v=0\n | c=IN IP4 10.1.0.1\n \
         | m=audio 4{n}00 RTP/AVP 0\n 0.05 alice <- bob 486\n 0.06 alice -> bob ACK\n",
    ]
    .concat();
    let capture = Ladder::of(&text).capture();
    let mut options = Options::default();
    options.limits.media_sockets = 10;
    let few = analyse(&[&capture], &options);
    let evicted = few.view.trust.iter().find(|line| line.kind == "evicted");
    assert_eq!(evicted.expect("told").count, 30);
    options.limits.media_sockets = 40;
    let enough = analyse(&[&capture], &options);
    assert!(!enough.says("evicted"));
}

/// A call that is acknowledged in the same hop, and a flood of others eleven minutes later.
const CROWD: &str = "
call crowd at 660 times 10 every 1
  0.0 alice -> bob OPTIONS
  0.1 alice <- bob 200
end 700
";

#[test]
fn a_call_that_is_heard_is_not_waited_for() {
    let media =
        "  1.1 alice -> bob RTP count=160 every=0.5\n  1.1 alice <- bob RTP count=160 every=0.5\n";
    let judged = |text: &[&str]| {
        let mut options = Options::default();
        options.limits.calls = 4;
        analyse(&[&Ladder::of(&text.concat()).capture()], &options).accusations()
    };
    // Who might be accused is kept longer, until there is no room.
    assert_eq!(
        judged(&[TWO, UNACKED, OTHER, CROWD]),
        ["inconclusive(evicted) info inconclusive 1"]
    );
    assert_eq!(judged(&[TWO, UNACKED, media, OTHER, CROWD]), [ALIVE]);
}

#[test]
fn announced_sockets_are_part_of_what_a_call_weighs() {
    let candidates: String = (1..=30)
        .map(|n| format!(" | a=candidate:{n} 1 UDP 1 10.1.0.1 {{n}}00{n} typ host\n"))
        .collect::<Vec<_>>()
        .concat();
    let evicted = |more: &str| {
        let text = format!(
            "{TWO}call c times 40 every 0.1\n 0 alice -> bob INVITE\n | v=0\n | c=IN IP4 10.1.0.1\n \
             | m=audio 4{{n}}00 RTP/AVP 0\n{more} 0.05 alice <- bob 486\n 0.06 alice -> bob ACK\n"
        );
        let mut options = Options::default();
        options.limits.calls_bytes = 100 << 10;
        analyse(&[&Ladder::of(&text).capture()], &options).says("evicted")
    };
    assert!(!evicted(""));
    assert!(evicted(&candidates));
}
