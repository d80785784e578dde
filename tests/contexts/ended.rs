//! 487, 481, 491 and 482: what of the call itself is behind a refusal.

use super::{Analysed, Ladder, PROXY, TWO, check, check_remediation, is_unneeded};

fn cancelled(ring: &str, reason: &str) -> String {
    format!(
        "
call c1
  0.0 alice -> bob INVITE
  {ring}
  8.0 alice -> bob CANCEL as cancel
{reason}
  8.1 alice <- bob 200 CANCEL
  8.2 alice <- bob 487 INVITE as gone
  8.3 alice -> bob ACK
end 60
"
    )
}

#[test]
fn a_487_says_how_long_it_rang() {
    let call = cancelled("0.5 alice <- bob 180", "");
    check(
        TWO,
        &call,
        &[(
            "gone",
            "the caller cancelled in frame {cancel} after 7.5 s of ringing",
        )],
    );
    check_remediation(
        TWO,
        &call,
        &[(
            "gone",
            "Nothing to do: the caller gave up before the answer.",
        )],
    );
    check(
        TWO,
        &cancelled("", ""),
        &[(
            "gone",
            "the caller cancelled in frame {cancel}, 8.0 s after the INVITE and before any ringing",
        )],
    );
    let late = ["begin 4\n", TWO].concat();
    check(
        &late,
        &cancelled("", ""),
        &[("gone", "the caller cancelled in frame {cancel}")],
    );
}

#[test]
fn the_cancels_reason_is_decoded() {
    check(
        TWO,
        &cancelled(
            "",
            "  Reason: SIP;cause=200;text=\"Call completed elsewhere\", Q.850;cause=26",
        ),
        &[(
            "gone",
            "the caller cancelled in frame {cancel}, 8.0 s after the INVITE and before any ringing; the CANCEL's Reason SIP 200 \"Call completed elsewhere\"; the CANCEL's Reason Q.850 26 (non-selected user clearing)",
        )],
    );
}

#[test]
fn a_487_without_a_cancel_says_that_none_was_seen() {
    let call = "
call c1
  0.0 alice -> bob INVITE
  8.2 alice <- bob 487 as gone
  8.3 alice -> bob ACK
end 60
";
    check(
        TWO,
        call,
        &[("gone", "no CANCEL or BYE was seen before it")],
    );
    assert!(!is_unneeded(TWO, call, "gone"));
}

#[test]
fn an_early_dialog_may_be_ended_by_bye() {
    check(
        TWO,
        "
call c1
  0.0 alice -> bob INVITE
  1.0 alice <- bob 180
  8.0 alice -> bob BYE as bye
  8.1 alice <- bob 200 BYE
  8.2 alice <- bob 487 INVITE as gone
  8.3 alice -> bob ACK
end 60
",
        &[(
            "gone",
            "the caller ended it by BYE in frame {bye} after 7.0 s of ringing",
        )],
    );
}

#[test]
fn a_branch_that_lost_was_cancelled_by_the_proxy() {
    let call = "
call c1
  0.00 alice -> p INVITE
  0.01 p -> bob INVITE
  0.02 p -> carol INVITE
  0.50 carol -> p 180
  0.51 p -> alice 180
  2.00 bob -> p 200 as ok
  2.01 p -> alice 200
  2.02 p -> carol CANCEL as cancel
  2.03 carol -> p 200 CANCEL
  2.04 carol -> p 487 INVITE as gone
  2.05 p -> carol ACK
  2.10 alice -> p ACK
  2.11 p -> bob ACK
end 60
";
    check(
        PROXY,
        call,
        &[(
            "gone",
            "10.9.0.1:5060 cancelled in frame {cancel} after 1.5 s of ringing; another branch had answered in frame {ok}",
        )],
    );
    check_remediation(
        PROXY,
        call,
        &[("gone", "Nothing to do: the call was answered elsewhere.")],
    );
}

#[test]
fn the_callers_cancel_is_the_callers_on_every_hop() {
    let call = "
call c1
  0.00 alice -> p INVITE
  0.01 p -> bob INVITE
  2.00 alice -> p CANCEL as cancel
  2.01 p -> alice 200 CANCEL
  2.02 p -> bob CANCEL
  2.03 bob -> p 200 CANCEL
  2.04 bob -> p 487 INVITE as b
  2.05 p -> bob ACK
  2.06 p -> alice 487 INVITE for b as a
  2.07 alice -> p ACK
end 60
";
    let words =
        "the caller cancelled in frame {cancel}, 2.0 s after the INVITE and before any ringing";
    check(
        PROXY,
        call,
        &[
            ("b", words),
            (
                "a",
                &format!(
                    "{words}; made by 10.2.0.1:5060 or beyond (frame {{b}}), relayed by 10.9.0.1:5060"
                ),
            ),
        ],
    );
}

const ANSWERED: &str = "
call c1
  0.0 alice -> bob INVITE as inv
  1.0 alice <- bob 200 as ok
  1.1 alice -> bob ACK
";

#[test]
fn a_481_behind_a_bye_names_the_bye() {
    let call = [
        ANSWERED,
        "
  9.0 bob -> alice BYE as bye
  9.1 bob <- alice 200
  9.2 alice -> bob INVITE
  9.3 alice <- bob 481 as gone
  9.4 alice -> bob ACK
end 60
",
    ]
    .concat();
    check(
        TWO,
        &call,
        &[(
            "gone",
            "the dialog had ended by the other side's BYE in frame {bye}, 200 ms before",
        )],
    );
    assert!(!is_unneeded(TWO, &call, "gone"));
}

#[test]
fn both_sides_may_hang_up_at_once() {
    let call = [
        ANSWERED,
        "
  9.0 bob -> alice BYE as bye
  9.01 alice -> bob BYE as own
  9.1 bob <- alice 200 for bye
  9.2 alice <- bob 481 for own as gone
end 60
",
    ]
    .concat();
    check(
        TWO,
        &call,
        &[(
            "gone",
            "the dialog had ended by the other side's BYE in frame {bye}, 10 ms before",
        )],
    );
    check_remediation(
        TWO,
        &call,
        &[("gone", "Nothing to do: both sides hung up.")],
    );
}

#[test]
fn a_481_to_the_first_bye_says_that_the_dialog_is_known() {
    let call = [
        ANSWERED,
        "
  9.0 alice -> bob BYE
  9.2 alice <- bob 481 as gone
end 60
",
    ]
    .concat();
    check(
        TWO,
        &call,
        &[(
            "gone",
            "the dialog is known here (INVITE, frame {ok}), its end was not seen",
        )],
    );
}

#[test]
fn tags_of_no_dialog_are_compared() {
    for (tags, words) in [
        ("to-tag=else", "its To tag is none"),
        ("from-tag=else", "its From tag is none"),
        ("from-tag=x to-tag=y", "neither of its tags is one"),
    ] {
        let call = format!(
            "{ANSWERED}
  9.0 alice -> bob INFO {tags}
  9.2 alice <- bob 481 as gone
end 60
"
        );
        let expected = format!("{words} of the dialog of frame {{ok}}");
        check(TWO, &call, &[("gone", &expected)]);
    }
}

#[test]
fn a_dialog_that_began_before_the_capture_is_not_said_to_be_none() {
    let scene = ["begin 5\n", TWO].concat();
    let call = [
        "
call tick
  6.0 alice -> bob OPTIONS
  6.1 alice <- bob 200
",
        ANSWERED,
        "
  9.0 alice -> bob BYE
  9.2 alice <- bob 481 as gone
end 60
",
    ]
    .concat();
    check(
        &scene,
        &call,
        &[(
            "gone",
            "no dialog of this Call-ID was seen before it; the capture starts 3.0 s earlier",
        )],
    );
}

#[test]
fn a_481_to_a_cancel_says_what_became_of_the_invite() {
    let call = "
call c1
  0.0 alice -> bob INVITE as inv
  1.0 alice <- bob 486 as busy
  1.01 alice -> bob CANCEL
  1.1 alice -> bob ACK
  1.2 alice <- bob 481 CANCEL as gone
end 60
";
    check(
        TWO,
        call,
        &[(
            "gone",
            "CANCEL after the final response, 486 in frame {busy}",
        )],
    );
    check_remediation(
        TWO,
        call,
        &[("gone", "Nothing to do: CANCEL and final response crossed.")],
    );
    check(
        TWO,
        "
call c1
  0.0 alice -> bob INVITE as inv
  1.01 alice -> bob CANCEL branch=z9hG4bKother
  1.2 alice <- bob 481 CANCEL as gone
end 60
",
        &[(
            "gone",
            "its branch is not that of the INVITE in frame {inv}",
        )],
    );
}

#[test]
fn a_request_in_an_early_dialog_that_was_refused() {
    check(
        TWO,
        "
call c1
  0.0 alice -> bob INVITE
  0.5 alice <- bob 183 as early
  1.0 alice <- bob 486 for early as busy
  1.1 alice -> bob ACK
  1.2 alice -> bob PRACK
  1.3 alice <- bob 481 PRACK as gone
end 60
",
        &[("gone", "its INVITE had ended with 486 in frame {busy}")],
    );
}

#[test]
fn glare_names_the_other_request_and_a_later_try_settles_it() {
    let call = [
        ANSWERED,
        "
  9.0 alice -> bob INVITE as a
  9.01 bob -> alice INVITE as b
  9.1 alice <- bob 491 for a as ra
  9.11 bob <- alice 491 for b as rb
  9.2 alice -> bob ACK for ra
  9.21 bob -> alice ACK for rb
  11.0 bob -> alice INVITE as again
  11.1 bob <- alice 200 for again as ok2
  11.2 bob -> alice ACK
end 60
",
    ]
    .concat();
    check(
        TWO,
        &call,
        &[
            (
                "ra",
                "glare: the other side's INVITE in frame {b} was pending",
            ),
            (
                "rb",
                "glare: the other side's INVITE in frame {a} was pending; tried again in frame {again}, accepted in frame {ok2}",
            ),
        ],
    );
    assert!(is_unneeded(TWO, &call, "rb"));
    assert!(!is_unneeded(TWO, &call, "ra"));
}

#[test]
fn a_second_request_before_the_first_was_answered() {
    check(
        TWO,
        &[
            ANSWERED,
            "
  9.0 alice -> bob INVITE as a
  9.1 alice -> bob UPDATE as u
  9.2 alice <- bob 500 for u as no
  Retry-After: 7
  9.3 alice <- bob 200 for a
  9.4 alice -> bob ACK
end 60
",
        ]
        .concat(),
        &[(
            "no",
            "its own INVITE in frame {a} was pending; Retry-After 7 s",
        )],
    );
}

#[test]
fn a_merged_request_names_the_other_copy() {
    check(
        "
host  alice 10.1.0.1:5060
proxy p     10.9.0.1:5060
proxy q     10.8.0.1:5060
host  bob   10.2.0.1:5060
",
        "
call c1
  0.00 alice -> p INVITE
  0.01 p -> q INVITE
  0.02 p -> bob INVITE as first
  0.03 q -> bob INVITE as second
  0.04 bob -> q 482 for second as merged
  0.05 q -> bob ACK
end 60
",
        &[(
            "merged",
            "merged: the same request reached it in frame {first}, too, on another branch; 3 Via values, none twice",
        )],
    );
}

#[test]
fn an_ended_call_is_not_said_to_be_unseen_when_it_is_forgotten() {
    check(
        TWO,
        "
call tick times 30 every 10
  0.0 alice -> bob OPTIONS
  0.1 alice <- bob 200
call s1
  0.0 alice -> bob SUBSCRIBE
  Event: presence
  0.1 alice <- bob 200
  120 bob -> alice NOTIFY
  Event: presence
  120.1 bob <- alice 481 as gone
end 300
",
        &[(
            "gone",
            "no dialog of this Call-ID was seen in the 42.0 s before it",
        )],
    );
}

#[test]
fn a_subscription_that_is_known_is_told() {
    check(
        TWO,
        "
call s1
  0.0 alice -> bob SUBSCRIBE as sub
  Event: presence
  0.1 alice <- bob 200
  0.2 bob -> alice NOTIFY
  Event: presence
  0.3 bob <- alice 481 as gone
end 60
",
        &[(
            "gone",
            "the dialog is known here (SUBSCRIBE, frame {sub}), its end was not seen",
        )],
    );
}

#[test]
fn the_refusal_of_another_branch_ends_nothing_of_this_one() {
    check(
        PROXY,
        "
call c1
  0.00 alice -> p INVITE
  0.01 p -> bob INVITE
  0.02 p -> carol INVITE as inv
  0.50 carol -> p 183 as ring
  0.60 bob -> p 486
  0.61 p -> bob ACK
  0.70 p -> carol PRACK for ring as prack
  0.71 carol -> p 481 for prack as gone
  0.80 p -> carol CANCEL for inv as cancel
  0.81 carol -> p 481 for cancel as late
end 60
",
        &[("late", "its INVITE in frame {inv} was still pending")],
    );
}

#[test]
fn a_bye_long_after_the_other_sides_is_no_crossing() {
    let call = [
        ANSWERED,
        "
  9.0 bob -> alice BYE as bye
  9.1 bob <- alice 200 for bye
  19.0 alice -> bob BYE as own
  19.1 alice <- bob 481 for own as gone
end 60
",
    ]
    .concat();
    assert!(!is_unneeded(TWO, &call, "gone"));
}

#[test]
fn a_200_that_is_sent_again_a_second_after_its_ack_is_not_called_done() {
    let call = |copies: &str| {
        format!(
            "
call c1
  0.0 alice -> bob INVITE as invite
  0.1 alice <- bob 200 as ok
  0.15 alice -> bob ACK as ack
  repeat ok {copies}
end 60
"
        )
    };
    let unheard = call("0.5 1.5 3.5");
    let ladder = Ladder::of(&[TWO, &unheard].concat());
    let analysed = Analysed::of(&ladder);
    let found = analysed.response(ladder.frame("ok"));
    let copy = ladder.frame("ok") + 3;
    let expected = format!(
        "ACK in frame {} after 50 ms, yet the response was sent again in frame {copy}",
        ladder.frame("ack")
    );
    assert_eq!(found.context, expected);
    assert!(!is_unneeded(TWO, &unheard, "ok"));
    // A copy that crossed the ACK says nothing.
    assert!(is_unneeded(TWO, &call("0.5"), "ok"));
}
