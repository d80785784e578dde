//! Transactions and their responses, end to end: what is counted, what is a repeat, and what the
//! capture adds to each response.

mod common;

use common::analysis::Analysed;
use common::ladder::Ladder;

const TWO: &str = "
host alice 10.1.0.1:5060
host bob   10.2.0.1:5060
";

const PROXY: &str = "
host  alice 10.1.0.1:5060
proxy p     10.9.0.1:5060
host  bob   10.2.0.1:5060
";

fn of(texts: &[&str]) -> (Ladder, Analysed) {
    let ladder = Ladder::of(&texts.concat());
    let analysed = Analysed::of(&ladder);
    (ladder, analysed)
}

const RELAYED: &str = "
call c1
  0.00 alice -> p INVITE
  0.01 p -> alice 100
  0.02 p -> bob INVITE
  0.10 bob -> p 180 as r
  0.11 p -> alice 180 as ar
  1.00 bob -> p 200 as ok
  1.01 p -> alice 200 as aok
  1.10 alice -> p ACK as ack
  1.11 p -> bob ACK as back
  9.00 alice -> p BYE
  9.01 p -> bob BYE
  9.10 bob -> p 200 as b
  9.11 p -> alice 200
end 60
";

#[test]
fn two_hops_double_nothing() {
    let (_, analysed) = of(&[PROXY, RELAYED]);
    let totals = &analysed.view.totals;
    assert_eq!((totals.calls, totals.invites), (1, 1));
    assert_eq!((totals.requests, totals.responses), (6, 7));
    assert_eq!(totals.retransmissions, 0);
    assert_eq!(totals.sip_messages, 13);
    assert_eq!(analysed.counts(100), (1, 0));
    assert_eq!(analysed.counts(180), (1, 0));
    assert_eq!(analysed.counts(200), (2, 0), "one to INVITE, one to BYE");
    assert_eq!(analysed.code(200).methods["INVITE"], 1);
    assert_eq!(analysed.code(200).methods["BYE"], 1);
    assert_eq!(analysed.accusations(), [""; 0]);
}

#[test]
fn tap_copies_are_duplicates_and_change_no_count() {
    let ladder = Ladder::of(&[PROXY, RELAYED].concat());
    let analysed = Analysed::mirrored(&ladder);
    let totals = &analysed.view.totals;
    assert_eq!(totals.duplicates, 13);
    assert_eq!((totals.sip_messages, totals.retransmissions), (13, 0));
    assert_eq!((totals.calls, totals.invites), (1, 1));
    assert_eq!(analysed.counts(200), (2, 0));
    let copies = analysed.responses.iter().filter(|r| r.duplicate).count();
    assert_eq!((analysed.responses.len(), copies), (14, 7));
}

#[test]
fn each_hops_200_names_the_ack_of_its_hop() {
    let (ladder, analysed) = of(&[PROXY, RELAYED]);
    for (ok, ack) in [("ok", "back"), ("aok", "ack")] {
        let context = &analysed.response(ladder.frame(ok)).context;
        let ack = ladder.frame(ack);
        assert!(
            context.starts_with(&format!("ACK in frame {ack} after ")),
            "{ok}: {context}"
        );
    }
}

const CHALLENGED: &str = "
call c1
  0.0 alice -> bob INVITE
  0.1 alice <- bob 407 as challenge
  0.2 alice -> bob ACK
  0.3 alice -> bob INVITE as again
  Proxy-Authorization: Digest username=\"a\"
  0.4 alice <- bob 180
  1.0 alice <- bob 200 as ok
  1.1 alice -> bob ACK as ack
  9.0 alice -> bob BYE
  9.1 alice <- bob 200
end 60
";

#[test]
fn a_challenge_says_where_it_was_answered_and_accepted() {
    let (ladder, analysed) = of(&[TWO, CHALLENGED]);
    let challenge = analysed.response(ladder.frame("challenge"));
    assert_eq!(
        challenge.context,
        format!(
            "challenge, answered in frame {}, accepted in frame {}",
            ladder.frame("again"),
            ladder.frame("ok")
        )
    );
    assert_eq!(
        analysed.view.totals.invites, 1,
        "rounds of challenges are one attempt"
    );
    assert_eq!(analysed.counts(407), (1, 0));
}

#[test]
fn a_challenge_to_a_register_is_told_the_same_way() {
    let (ladder, analysed) = of(&[
        TWO,
        "
call r1
  0.0 alice -> bob REGISTER
  0.1 alice <- bob 401 as challenge
  0.2 alice -> bob REGISTER as again
  Authorization: Digest username=\"a\"
  0.3 alice <- bob 403 as no
end 60
",
    ]);
    assert_eq!(
        analysed.response(ladder.frame("challenge")).context,
        format!(
            "challenge, answered in frame {}, then 403 in frame {}",
            ladder.frame("again"),
            ladder.frame("no")
        )
    );
    assert_eq!(
        (analysed.view.totals.calls, analysed.view.totals.invites),
        (0, 0)
    );
}

#[test]
fn a_second_challenge_is_told_as_such() {
    let (ladder, analysed) = of(&[
        TWO,
        "
call c1
  0.0 alice -> bob INVITE
  0.1 alice <- bob 401 as one
  0.2 alice -> bob ACK
  0.3 alice -> bob INVITE as again
  Authorization: Digest username=\"a\"
  0.4 alice <- bob 401 as two
  0.5 alice -> bob ACK
end 60
",
    ]);
    let one = &analysed.response(ladder.frame("one")).context;
    assert!(
        one.ends_with(&format!(
            "answered in frame {}, challenged again in frame {}",
            ladder.frame("again"),
            ladder.frame("two")
        )),
        "{one}"
    );
    let two = &analysed.response(ladder.frame("two")).context;
    assert!(two.starts_with("second challenge"), "{two}");
    assert_eq!(analysed.view.totals.invites, 1);
    assert_eq!(analysed.counts(401), (2, 0));
}

#[test]
fn a_487_names_the_cancel_and_whether_it_rang() {
    for (ring, words) in [
        ("0.1 alice <- bob 180\n", "of ringing"),
        ("", "before any ringing"),
    ] {
        let call = format!(
            "
call c1
  0.0 alice -> bob INVITE
  {ring}
  8.0 alice -> bob CANCEL as cancel
  8.1 alice <- bob 200 CANCEL as ok
  8.2 alice <- bob 487 INVITE as gone
  8.3 alice -> bob ACK
end 60
"
        );
        let (ladder, analysed) = of(&[TWO, &call]);
        let context = &analysed.response(ladder.frame("gone")).context;
        let start = format!("the caller cancelled in frame {}", ladder.frame("cancel"));
        assert!(
            context.starts_with(&start) && context.ends_with(words),
            "{context}"
        );
        assert_eq!(
            analysed.response(ladder.frame("ok")).context,
            "",
            "of the CANCEL, not the INVITE"
        );
    }
}

#[test]
fn a_487_without_cancel_says_that_none_was_seen() {
    let (ladder, analysed) = of(&[
        TWO,
        "
call c1
  0.0 alice -> bob INVITE
  8.2 alice <- bob 487 as gone
  8.3 alice -> bob ACK
end 60
",
    ]);
    assert_eq!(
        analysed.response(ladder.frame("gone")).context,
        "no CANCEL or BYE was seen before it"
    );
}

#[test]
fn repeated_responses_are_flagged_and_counted_apart() {
    let (ladder, analysed) = of(&[
        TWO,
        "
call c1
  0.0 alice -> bob INVITE as inv
  repeat inv 0.5
  0.6 alice <- bob 180 as ring
  repeat ring 10
  20 alice <- bob 486 as busy
  repeat busy 0.5 1.5
  22 alice -> bob ACK as ack
  repeat ack 0.1
end 60
",
    ]);
    for label in ["ring", "busy"] {
        for (nth, frame) in ladder.frames(label).iter().enumerate() {
            assert_eq!(
                analysed.response(*frame).retransmission,
                nth > 0,
                "{label} in frame {frame}"
            );
        }
    }
    assert_eq!(analysed.counts(180), (1, 1));
    assert_eq!(analysed.counts(486), (1, 2));
    let totals = &analysed.view.totals;
    assert_eq!(totals.retransmissions, 5, "INVITE, 180, 486 twice, ACK");
    assert_eq!(totals.invites, 1);
}

#[test]
fn responses_come_in_the_order_of_the_capture() {
    let (_, analysed) = of(&[
        TWO,
        CHALLENGED,
        "
call c2
  0.15 alice -> bob OPTIONS
  0.16 alice <- bob 200
  30 alice -> bob OPTIONS
  30.1 alice <- bob 404
",
    ]);
    let frames: Vec<_> = analysed.responses.iter().map(|r| r.frame).collect();
    assert!(frames.is_sorted(), "{frames:?}");
    assert_eq!(frames.len(), 6);
}

#[test]
fn a_response_leaves_at_the_latest_45_s_later_and_keeps_its_place() {
    let (ladder, analysed) = of(&[
        TWO,
        "
call c1
  0.0 alice -> bob REGISTER
  0.1 alice <- bob 401 as late
call tick times 9 every 10
  5.0 alice -> bob OPTIONS
  5.1 alice <- bob 200
call c1b
  0.0 alice -> bob REGISTER
  0.1 alice <- bob 401 as soon
  20 alice -> bob REGISTER
  Authorization: Digest username=\"a\"
  20.1 alice <- bob 200
end 200
",
    ]);
    let late = &analysed.response(ladder.frame("late")).context;
    assert_eq!(
        late, "challenge, and no credentials followed in this call within 44.9 s",
        "nobody answered it"
    );
    let soon = &analysed.response(ladder.frame("soon")).context;
    assert!(soon.contains("accepted"), "{soon}");
    let frames: Vec<_> = analysed.responses.iter().map(|r| r.frame).collect();
    assert!(frames.is_sorted(), "{frames:?}");
}

#[test]
fn what_is_known_after_45_s_stands_in_no_response() {
    let (ladder, analysed) = of(&[
        TWO,
        "
call c1
  0.0 alice -> bob INVITE
  0.1 alice <- bob 200 as ok
  60 alice -> bob ACK
call tick times 9 every 10
  5.0 alice -> bob OPTIONS
  5.1 alice <- bob 200
end 200
",
    ]);
    assert_eq!(analysed.response(ladder.frame("ok")).context, "");
}

#[test]
fn codes_and_methods_nobody_registered_are_counted_as_they_came() {
    let (ladder, analysed) = of(&[
        TWO,
        "
call c1
  0.0 alice -> bob FROBNICATE
  0.1 alice <- bob 477 as odd
  1.0 alice -> bob OPTIONS
  1.1 alice <- bob 699 as last
end 60
",
    ]);
    assert_eq!(analysed.counts(477), (1, 0));
    assert_eq!(analysed.code(477).methods["FROBNICATE"], 1);
    assert!(!analysed.code(477).meaning.is_empty());
    assert_eq!(analysed.counts(699), (1, 0));
    assert_eq!(analysed.response(ladder.frame("last")).code, 699);
    assert_eq!(analysed.accusations(), [""; 0]);
}

#[test]
fn responses_without_their_requests_are_counted_once() {
    let (_, analysed) = of(&[
        TWO,
        "begin 0.05
call c1
  0.0 alice -> bob INVITE
  0.1 alice <- bob 180 as ring
  repeat ring 5
  9.0 alice <- bob 486 as busy
  repeat busy 0.5
  9.6 alice -> bob ACK
call c2
  0.0 alice -> bob OPTIONS
  0.1 alice <- bob 200
end 60
",
    ]);
    assert_eq!(analysed.counts(180), (1, 1));
    assert_eq!(analysed.counts(486), (1, 1));
    assert_eq!(analysed.counts(200), (1, 0));
    let totals = &analysed.view.totals;
    assert_eq!((totals.calls, totals.invites), (1, 0), "no INVITE was seen");
}

#[test]
fn each_fork_that_refuses_counts_and_the_relayed_one_does_not_again() {
    let (_, analysed) = of(&["
host  alice 10.1.0.1:5060
proxy p     10.9.0.1:5060
host  bob   10.2.0.1:5060
host  carol 10.3.0.1:5060
call c1
  0.00 alice -> p INVITE
  0.01 p -> bob INVITE
  0.02 p -> carol INVITE
  1.00 bob -> p 486 as b
  1.01 p -> bob ACK for b
  2.00 carol -> p 486 as c
  2.01 p -> carol ACK for c
  2.02 p -> alice 486 for c
  2.03 alice -> p ACK
end 60
"]);
    assert_eq!(analysed.counts(486), (2, 0));
    assert_eq!(analysed.view.totals.invites, 1);
    assert_eq!(analysed.accusations(), [""; 0]);
}

#[test]
fn a_retry_in_the_same_call_id_is_a_new_attempt_of_the_same_call() {
    let (_, analysed) = of(&[
        TWO,
        "
call c1
  0.0 alice -> bob INVITE
  0.1 alice <- bob 503
  0.2 alice -> bob ACK
  1.0 alice -> bob INVITE
  1.1 alice <- bob 486
  1.2 alice -> bob ACK
end 60
",
    ]);
    let totals = &analysed.view.totals;
    assert_eq!((totals.calls, totals.invites), (1, 2));
}

#[test]
fn a_re_invite_is_no_new_attempt() {
    let (_, analysed) = of(&[
        TWO,
        "
call c1
  0.0 alice -> bob INVITE
  1.0 alice <- bob 200
  1.1 alice -> bob ACK
  30 alice -> bob INVITE
  30.1 alice <- bob 200
  30.2 alice -> bob ACK
  40 bob -> alice INVITE
  40.1 bob <- alice 488
  40.2 bob -> alice ACK
end 60
",
    ]);
    let totals = &analysed.view.totals;
    assert_eq!((totals.calls, totals.invites), (1, 1));
    assert_eq!(analysed.counts(200), (2, 0));
    assert_eq!(analysed.counts(488), (1, 0));
}

#[test]
fn a_call_that_rings_for_three_minutes_keeps_its_invite() {
    let (_, analysed) = of(&[
        TWO,
        "
call c1
  0.0   alice -> bob INVITE
  0.1   alice <- bob 180
  185.0 alice <- bob 200 as ok
  repeat ok fully
call noise times 20 every 10
  0.0 alice -> bob OPTIONS
  0.1 alice <- bob 200
end 300
",
    ]);
    assert_eq!(analysed.view.totals.calls, 1);
    assert_eq!(
        analysed.accusations(),
        ["no-ack-confirmed error confirmed 1"]
    );
}

#[test]
fn a_call_id_that_comes_back_after_a_silence_is_no_new_call() {
    let (_, analysed) = of(&[
        TWO,
        "
call c1
  0.0   alice -> bob INVITE
  0.1   alice <- bob 503
  0.2   alice -> bob ACK
  120.0 alice -> bob INVITE
  120.1 alice <- bob 503
  120.2 alice -> bob ACK
call noise times 20 every 10
  0.0 alice -> bob OPTIONS
  0.1 alice <- bob 200
end 300
",
    ]);
    let totals = &analysed.view.totals;
    assert_eq!((totals.calls, totals.invites), (1, 2));
    assert_eq!(analysed.counts(503), (2, 0));
}
