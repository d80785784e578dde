//! INVITEs without SDP: the 2xx makes the offer, and the ACK must answer it.
//!
//! Every scenario is played as it stands and with every packet seen twice by the tap; the lists
//! are compared whole.

mod common;

use common::analysis::{Analysed, quotes_frame};
use common::ladder::Ladder;

const TWO: &str = "
host alice 10.1.0.1:5060
host bob   10.2.0.1:5060
";

fn judge(texts: &[&str], expected: &[&str]) -> (Ladder, Analysed) {
    let ladder = Ladder::of(&texts.concat());
    let mirrored = Analysed::mirrored(&ladder);
    assert_eq!(mirrored.accusations(), expected, "every packet twice");
    let analysed = Analysed::of(&ladder);
    assert_eq!(analysed.accusations(), expected, "as it stands");
    (ladder, analysed)
}

#[test]
fn a_callee_that_hangs_up_on_an_ack_without_answer_is_a_warning() {
    let (ladder, analysed) = judge(
        &[
            TWO,
            "call c1
               0.0 alice -> bob INVITE no-sdp as invite
               1.0 alice <- bob 200 sdp as ok
               1.1 alice -> bob ACK as ack
               1.3 alice <- bob BYE as bye
               1.4 alice -> bob 200
             end 60",
        ],
        &["ack-without-answer(callee-hung-up) warning confirmed 1"],
    );
    let finding = analysed.finding();
    let evidence = finding.evidence.as_deref().unwrap_or_default();
    for label in ["invite", "ok", "ack", "bye"] {
        assert!(
            quotes_frame(evidence, ladder.frame(label)),
            "{label}: {evidence}"
        );
    }
    assert!(
        evidence.contains("BYE by the callee 200 ms after the ACK"),
        "{evidence}"
    );
    assert_eq!(
        finding.peers.first().map(|peer| &*peer.peer),
        Some("10.1.0.1 → 10.2.0.1")
    );
}

#[test]
fn an_ack_without_answer_is_information_where_nobody_hangs_up() {
    let call = "
call c1
  0.0 alice -> bob INVITE no-sdp
  1.0 alice <- bob 200 sdp
  1.1 alice -> bob ACK
";
    let end = "
  40.0 alice -> bob BYE
  40.1 alice <- bob 200
end 60
";
    judge(&[TWO, call, end], &["ack-without-answer info confirmed 1"]);
    let hangs_up = call.to_owned() + " 1.2 alice -> bob BYE\n 1.3 alice <- bob 200\nend 60\n";
    judge(
        &[TWO, &hangs_up],
        &["ack-without-answer(caller-hung-up) info confirmed 1"],
    );
    let media = call.to_owned()
        + " 1.2 alice <- bob RTP count=100 every=0.1\n 1.2 alice -> bob RTP count=100 every=0.1\n";
    judge(
        &[TWO, &media, end],
        &["ack-without-answer(media-flows) info tolerated 1"],
    );
}

#[test]
fn an_answer_in_the_ack_is_as_it_should_be() {
    judge(
        &[
            TWO,
            "call c1
               0.0 alice -> bob INVITE no-sdp
               1.0 alice <- bob 200 sdp
               1.1 alice -> bob ACK sdp
               1.3 alice <- bob BYE
               1.4 alice -> bob 200
             end 60",
        ],
        &[],
    );
}

#[test]
fn an_ack_owes_no_answer_to_an_answer() {
    let acked = "
  1.1 alice -> bob ACK
  1.3 alice <- bob BYE
  1.4 alice -> bob 200
end 60
";
    let invite = "call c1\n 0.0 alice -> bob INVITE\n 1.0 alice <- bob 200\n";
    judge(&[TWO, invite, acked], &[]);
    let nothing = "call c1\n 0.0 alice -> bob INVITE no-sdp\n 1.0 alice <- bob 200\n";
    judge(&[TWO, nothing, acked], &[]);
}

/// A call whose 18x and what follows it may make the offer.
fn early(progress: &str) -> String {
    format!(
        "
call c1
  0.0 alice -> bob INVITE no-sdp
{progress}
  1.0 alice <- bob 200 INVITE sdp
  1.1 alice -> bob ACK
  1.3 alice <- bob BYE
  1.4 alice -> bob 200
end 60
"
    )
}

#[test]
fn an_offer_in_a_reliable_response_is_answered_in_its_prack() {
    judge(
        &[
            TWO,
            &early(
                "  0.2 alice <- bob 183 sdp\n  Require: 100rel\n  RSeq: 1\n  0.3 alice -> bob PRACK sdp\n  RAck: 1 1 INVITE\n  0.4 alice <- bob 200 PRACK",
            ),
        ],
        &[],
    );
}

#[test]
fn an_offer_in_an_unreliable_response_is_none() {
    judge(
        &[TWO, &early("  0.2 alice <- bob 183 sdp")],
        &["ack-without-answer(callee-hung-up) warning confirmed 1"],
    );
}

#[test]
fn an_offer_in_an_update_is_one() {
    judge(
        &[
            TWO,
            &early(
                "  0.2 alice <- bob 183\n  0.3 alice -> bob UPDATE sdp\n  0.4 alice <- bob 200 UPDATE sdp",
            ),
        ],
        &[],
    );
}

#[test]
fn a_callee_that_takes_no_ack_without_answer_is_the_matter_of_missing_ack() {
    judge(
        &[
            TWO,
            "call c1
               0.0 alice -> bob INVITE no-sdp
               1.0 alice <- bob 200 sdp as ok
               repeat ok fully
               1.1 alice -> bob ACK as ack
               repeat ack 0.5 1.5 3.5 7.5 11.5 15.5 19.5 23.5 27.5 31.5
             end 60",
        ],
        &["ack-mismatch(without-answer) error confirmed 1"],
    );
}

#[test]
fn a_body_that_was_not_captured_is_no_missing_body() {
    // Without Content-Length the end of the head tells nothing of what followed.
    let call = |snap_len: usize| {
        format!(
            "{TWO}capture snaplen={snap_len}
call c1
  0.0 alice -> bob INVITE no-sdp
  1.0 alice <- bob 200 sdp
  1.1 alice -> bob ACK sdp pad=300
  - Content-Length
  1.3 alice <- bob BYE
  1.4 alice -> bob 200
end 60
"
        )
    };
    let found = |snap_len| Analysed::of(&Ladder::of(&call(snap_len))).accusations();
    // The 200 and its offer are shorter than this, and the ACK with its answer is not.
    for snap_len in 560..=800 {
        assert_eq!(found(snap_len), [""; 0], "{snap_len}");
    }
    let cut = call(560).replace("sdp pad=300\n  - Content-Length", "");
    assert_eq!(
        Analysed::of(&Ladder::of(&cut)).accusations(),
        ["ack-without-answer(callee-hung-up) warning confirmed 1"],
        "the offer is captured"
    );
}

#[test]
fn a_reinvite_without_offer_needs_an_answer_too() {
    judge(
        &[
            TWO,
            "call c1
                0.0 alice -> bob INVITE
                1.0 alice <- bob 200
                1.1 alice -> bob ACK
               20.0 alice <- bob INVITE no-sdp
               20.1 alice -> bob 200 sdp
               20.2 alice <- bob ACK
               20.4 alice -> bob BYE
               20.5 alice <- bob 200
             end 60",
        ],
        &["ack-without-answer(callee-hung-up) warning confirmed 1"],
    );
}

#[test]
fn an_answer_that_is_lost_between_two_hops_is_missing_on_the_last() {
    let (_, analysed) = judge(
        &["host  alice 10.1.0.1:5060
             proxy p     10.9.0.1:5060
             host  bob   10.2.0.1:5060
             call c1
               0.00 alice -> p   INVITE no-sdp
               0.01 p     -> bob INVITE
               1.00 p     <- bob 200 sdp
               1.01 alice <- p   200
               1.10 alice -> p   ACK sdp
               1.11 p     -> bob ACK
               - Content-Type
               |
               1.30 p     <- bob BYE
               1.31 alice <- p   BYE
               1.40 alice -> p   200
               1.41 p     -> bob 200
             end 60"],
        &["ack-without-answer(callee-hung-up) warning confirmed 1"],
    );
    let peers = &analysed.finding().peers;
    assert_eq!(
        peers.first().map(|peer| &*peer.peer),
        Some("10.9.0.1 → 10.2.0.1")
    );
}
