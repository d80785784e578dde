//! What became of requests and sessions, end to end: from the bytes of a capture to what rules and
//! measures are handed.
//!
//! Every scenario is played as it stands, with every packet seen twice by the tap, and over IPv6;
//! the text (`common/outcomes.rs`) must be the same, and is compared whole: what is not in it was
//! not handed out.

#![expect(
    clippy::expect_used,
    clippy::string_slice,
    reason = "the helpers of tests are outside `#[test]` functions, and may panic all the same"
)]

mod common;

use std::cell::RefCell;
use std::collections::HashMap;
use std::io::Cursor;
use std::rc::Rc;

use common::ladder::Ladder;
use common::outcomes::{Outcomes, names};
use common::pcap::{self, Record};
use common::run::shared;
use sipannotate::calls::{Exchanged, Session, SessionEnd};
use sipannotate::capture::Source;
use sipannotate::findings::rule::{End, Finding, Rule, Topic};
use sipannotate::limits::Limits;
use sipannotate::pipeline::{self, Input, Options};
use sipannotate::units::{Span, Timestamp};

const TWO: &str = "
host alice 10.1.0.1:5060
host bob   10.2.0.1:5060
";

const THREE: &str = "
host alice 10.1.0.1:5060
host bob   10.2.0.1:5060
host carol 10.3.0.1:5060
";

const PROXY: &str = "
host  alice 10.1.0.1:5060
proxy p     10.9.0.1:5060
host  bob   10.2.0.1:5060
host  carol 10.3.0.1:5060
";

/// Plays `texts` in all its forms and compares what is handed out with `expected`.
fn tell(texts: &[&str], expected: &str) -> Outcomes {
    let text = texts.concat();
    let expected = lines(expected);
    let plain = Outcomes::of_ladder(&text);
    assert_eq!(
        lines(&plain.text),
        expected,
        "as it stands:\n{}",
        plain.text
    );
    let mirrored = Outcomes::mirrored(&text);
    assert_eq!(lines(&mirrored.text), expected, "every packet twice");
    let v6 = Outcomes::of_ladder(&over_ipv6(&text));
    assert_eq!(lines(&v6.text), expected, "over IPv6");
    plain
}

/// What an exchange says in words.
#[derive(Debug)]
struct Texts(Rc<RefCell<Vec<String>>>);

impl Rule for Texts {
    fn topics(&self) -> &'static [Topic] {
        &[]
    }

    fn exchanged(&mut self, exchanged: &Exchanged<'_>) {
        let server = &exchanged.answer().expect("an answer").server;
        let texts = [
            exchanged.call_id,
            exchanged.method_text,
            exchanged.uri,
            exchanged.from,
            exchanged.to,
            server,
        ];
        let texts = texts.map(|text| String::from_utf8_lossy(text).into_owned());
        self.0.borrow_mut().extend(texts);
    }

    fn finish(&mut self, _end: &End, _out: &mut dyn FnMut(Finding)) {}
}

/// Runs a capture with a rule beside the registered ones.
fn run(capture: &[u8], rule: impl Rule + 'static) {
    let input = Input {
        path: "capture".to_owned(),
        source: Source::Stream(Box::new(Cursor::new(capture.to_vec()))),
    };
    let (options, rules) = (Options::default(), vec![Box::new(rule) as Box<dyn Rule>]);
    pipeline::analyse_with(vec![input], &options, rules, &mut |_| Ok(())).expect("no error");
}

fn lines(text: &str) -> Vec<&str> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect()
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

// Calls from their first request to their last.

#[test]
fn a_call_is_an_invite_a_bye_and_a_session() {
    tell(
        &[
            TWO,
            "
call c1
  0.00 alice -> bob INVITE
  0.01 alice <- bob 100
  1.00 alice <- bob 180
  5.00 alice <- bob 200
  5.10 alice -> bob ACK
  65.0 alice -> bob BYE
  65.1 alice <- bob 200
end 300
",
        ],
        "
INVITE 1 initial, until 65
  alice > bob, 1 via: 0, 100 at 0.01, 180 at 1, rings 180 at 1, 200 at 5
BYE 2, until 300
  alice > bob, 1 via: 65, 200 at 65.1
session alice > bob: invite 0, answered 5, acked 5.1, BYE uac 65 x1, 200 at 65.1, last 65.1, until 300
",
    );
}

#[test]
fn a_call_through_a_proxy_is_one_with_two_hops() {
    let outcomes = tell(
        &[
            PROXY,
            "
call c1
  0.00 alice -> p INVITE
  0.01 p -> alice 100
  0.02 p -> bob INVITE
  0.10 bob -> p 180
  0.11 p -> alice 180
  1.00 bob -> p 200
  1.01 p -> alice 200
  1.10 alice -> p ACK
  1.11 p -> bob ACK
  9.00 bob -> p BYE
  9.01 p -> alice BYE
  9.10 alice -> p 200
  9.11 p -> bob 200
end 60
",
        ],
        "
INVITE 1 initial, until 60
  alice > p, 1 via: 0, 100 at 0.01, 180 at 0.11, rings 180 at 0.11, 200 at 1.01
  p > bob, 2 via: 0.02, 180 at 0.1, rings 180 at 0.1, 200 at 1
BYE 1, until 60
  bob > p, 1 via: 9, 200 at 9.11
  p > alice, 2 via: 9.01, 200 at 9.1
session alice > p: invite 0, answered 1.01, acked 1.1, BYE uas 9 x1, 200 at 9.11, last 9.11, until 60
",
    );
    assert_eq!(outcomes.view.totals.invites, 1);
}

#[test]
fn a_call_that_a_b2bua_makes_anew_is_two() {
    tell(
        &[
            THREE,
            "
call in
  0.00 alice -> bob INVITE
  1.02 alice <- bob 200
  1.10 alice -> bob ACK
  9.00 alice -> bob BYE
  9.10 alice <- bob 200
call out
  0.01 bob -> carol INVITE
  1.00 bob <- carol 200
  1.01 bob -> carol ACK
  9.01 bob -> carol BYE
  9.09 bob <- carol 200
end 60
",
        ],
        "
INVITE 1 initial, until 60
  bob > carol, 1 via: 0.01, 200 at 1
BYE 2, until 60
  bob > carol, 1 via: 9.01, 200 at 9.09
session bob > carol: invite 0.01, answered 1, acked 1.01, BYE uac 9.01 x1, 200 at 9.09, last 9.09, until 60
INVITE 1 initial, until 60
  alice > bob, 1 via: 0, 200 at 1.02
BYE 2, until 60
  alice > bob, 1 via: 9, 200 at 9.1
session alice > bob: invite 0, answered 1.02, acked 1.1, BYE uac 9 x1, 200 at 9.1, last 9.1, until 60
",
    );
}

#[test]
fn texts_are_those_of_the_request_and_cut() {
    let long = "x".repeat(300);
    let call = format!(
        "
call c1
  0.0 alice -> bob FROBNICATE uri=sip:bob@h;{long}
  From: \"A, B\" <sip:a@h;p=1>;tag=f
  To: <sip:b@h>
  0.1 alice <- bob 477
  Server: {long}
end 60
"
    );
    let seen = Rc::new(RefCell::new(Vec::new()));
    let capture = Ladder::of(&[TWO, &call].concat()).capture();
    run(&capture, Texts(Rc::clone(&seen)));
    let uri = format!("sip:bob@h;{long}");
    assert_eq!(
        *seen.borrow(),
        [
            "c1@ladder",
            "FROBNICATE",
            &uri[..128],
            "sip:a@h;p=1",
            "sip:b@h",
            &long[..128]
        ]
    );
}

// Rounds of one attempt.

#[test]
fn a_request_with_credentials_goes_on_with_the_one_that_was_challenged() {
    tell(
        &[
            TWO,
            "
call c1
  0.0 alice -> bob INVITE
  0.1 alice <- bob 407
  Proxy-Authenticate: Digest realm=\"a, b\", nonce=\"x\", stale=TRUE
  0.2 alice -> bob ACK
  0.3 alice -> bob INVITE
  Proxy-Authorization: Digest username=\"a\"
  1.0 alice <- bob 486
  Retry-After: 30 (at lunch);duration=5
  Reason: Q.850;cause=17
  Server: two words
  1.1 alice -> bob ACK
end 60
",
        ],
        "
INVITE 1 initial, until 60
  alice > bob, 1 via: 0, 407 at 0.1 stale realm=a, b, ACK 0.2
INVITE 2 initial credentials goes-on, until 60
  alice > bob, 1 via: 0.3, 486 at 1 Retry-After=30 Reason=Q.850;cause=17 Server=two words, ACK 1.1
",
    );
}

#[test]
fn what_is_asked_again_as_the_answer_says_goes_on_and_what_is_tried_again_does_not() {
    for (code, goes_on) in [
        (302, " goes-on"),
        (420, " goes-on"),
        (423, " goes-on"),
        (484, " goes-on"),
        (486, ""),
        (500, ""),
        (603, ""),
    ] {
        let call = format!(
            "
call c1
  0.0 alice -> bob INVITE
  0.1 alice <- bob {code}
  0.2 alice -> bob ACK
  0.3 alice -> bob INVITE
  1.0 alice <- bob 404
  1.1 alice -> bob ACK
end 60
"
        );
        tell(
            &[TWO, &call],
            &format!(
                "
INVITE 1 initial, until 60
  alice > bob, 1 via: 0, {code} at 0.1, ACK 0.2
INVITE 2 initial{goes_on}, until 60
  alice > bob, 1 via: 0.3, 404 at 1, ACK 1.1
"
            ),
        );
    }
}

#[test]
fn a_refresh_with_credentials_is_no_round_of_the_one_before() {
    tell(
        &[
            TWO,
            "
call r1
  0.0 alice -> bob REGISTER
  Contact: <sip:a@10.1.0.1>;expires=3600
  0.1 alice <- bob 401
  0.2 alice -> bob REGISTER
  Contact: <sip:a@10.1.0.1>;expires=3600
  Authorization: Digest username=\"a\"
  0.3 alice <- bob 200
  Contact: <sip:z@10.7.0.1>;expires=5, <sip:a@10.1.0.1:5060>;expires=60
  30 alice -> bob REGISTER
  Contact: <sip:a@10.1.0.1>;expires=0
  Authorization: Digest username=\"a\"
  30.1 alice <- bob 200
end 60
",
        ],
        "
REGISTER 1 initial, until 30
  alice > bob, 1 via: 0, 401 at 0.1 realm=ladder
REGISTER 2 initial credentials goes-on, until 30
  alice > bob, 1 via: 0.2, 200 at 0.3 expires=60
REGISTER 3 initial credentials, until 60
  alice > bob, 1 via: 30, 200 at 30.1 expires=0
",
    );
}

// Cancelled, inside dialogs, both at once.

#[test]
fn a_cancel_is_told_on_its_own_and_on_the_invite_it_ends() {
    tell(
        &[
            PROXY,
            "
call c1
  0.00 alice -> p INVITE
  0.01 p -> alice 100
  0.02 p -> bob INVITE
  0.10 bob -> p 180
  0.11 p -> alice 180
  8.00 alice -> p CANCEL
  8.01 p -> alice 200 CANCEL
  8.02 p -> bob CANCEL
  8.03 bob -> p 200 CANCEL
  8.04 bob -> p 487 INVITE
  8.05 p -> bob ACK
  8.06 p -> alice 487 INVITE
  8.07 alice -> p ACK
end 60
",
        ],
        "
INVITE 1 initial, until 60
  alice > p, 1 via: 0, 100 at 0.01, 180 at 0.11, rings 180 at 0.11, 487 at 8.06, ACK 8.07, CANCEL 8
  p > bob, 2 via: 0.02, 180 at 0.1, rings 180 at 0.1, 487 at 8.04, ACK 8.05, CANCEL 8.02
CANCEL 1 initial, until 60
  alice > p, 1 via: 8, 200 at 8.01
  p > bob, 1 via: 8.02, 200 at 8.03
",
    );
}

#[test]
fn requests_inside_a_dialog_are_exchanges_and_glare_is_two() {
    tell(
        &[
            TWO,
            "
call c1
  0.0 alice -> bob INVITE
  0.5 alice <- bob 183 sdp
  Require: 100rel
  RSeq: 1
  0.6 alice -> bob PRACK
  0.7 alice <- bob 200 PRACK
  0.8 alice -> bob UPDATE
  0.9 alice <- bob 200 UPDATE
  1.0 alice <- bob 200 INVITE
  1.1 alice -> bob ACK
  2.0 alice -> bob INVITE as mine
  2.01 bob -> alice INVITE as his
  2.1 bob -> alice 491 for mine
  2.11 alice -> bob 491 for his
  2.2 alice -> bob ACK for mine
  2.21 bob -> alice ACK for his
  9.0 alice -> bob BYE
  9.1 alice <- bob 200
end 60
",
        ],
        "
INVITE 1 initial, until 60
  alice > bob, 1 via: 0, 183 at 0.5, rings 183 at 0.5, 200 at 1
PRACK 2, until 60
  alice > bob, 1 via: 0.6, 200 at 0.7
UPDATE 3, until 60
  alice > bob, 1 via: 0.8, 200 at 0.9
INVITE 4, until 60
  alice > bob, 1 via: 2, 491 at 2.1, ACK 2.2
INVITE 1, until 60
  bob > alice, 1 via: 2.01, 491 at 2.11, ACK 2.21
BYE 5, until 60
  alice > bob, 1 via: 9, 200 at 9.1
session alice > bob: invite 0, answered 1, acked 1.1, BYE uac 9 x1, 200 at 9.1, last 9.1, until 60
",
    );
}

// Copies.

#[test]
fn a_server_that_answers_each_copy_of_a_request_repeats_nothing_without_need() {
    tell(
        &[
            TWO,
            "
call o1
  0.0 alice -> bob OPTIONS as ask
  repeat ask 0.5 1.5
  0.1 alice <- bob 200 as ok
  repeat ok 0.5 1.5
call o2 at 1
  0.0 alice -> bob OPTIONS as slow
  repeat slow 0.5
  0.7 alice <- bob 200 as late
  repeat late 0.1
call o3 at 2
  0.0 alice -> bob OPTIONS
  0.1 alice <- bob 200 as again
  repeat again 1 2 4
end 60
",
        ],
        "
OPTIONS 1 initial, until 60
  alice > bob, 1 via: 0 x3 to 1.5, 200 at 0.1 x3 to 1.6
OPTIONS 1 initial, until 60
  alice > bob, 1 via: 1 x2 to 1.5, 200 at 1.7 x2 to 1.8
OPTIONS 1 initial, until 60
  alice > bob, 1 via: 2, 200 at 2.1 x4 to 6.1 (3 needless)
",
    );
}

#[test]
fn a_refusal_is_repeated_without_need_only_after_its_ack() {
    tell(
        &[
            TWO,
            "
call c1
  0.0 alice -> bob INVITE
  1.0 alice <- bob 486 as busy
  repeat busy 0.5 1.5 3.5 7.5 11.5
  4.4 alice -> bob ACK as ack
  repeat ack 4
end 60
",
        ],
        "
INVITE 1 initial, until 60
  alice > bob, 1 via: 0, 486 at 1 x6 to 12.5 (2 needless), ACK 8.4
",
    );
}

#[test]
fn a_refusal_without_ack_is_waited_for_to_its_end() {
    tell(
        &[
            TWO,
            "
call c1
  0.0 alice -> bob INVITE
  1.0 alice <- bob 486 as busy
  repeat busy 0.5 1.5 3.5 7.5 11.5 15.5 19.5 23.5 27.5 31.5
call tick times 20 every 10
  0 bob -> alice RAW \"\\r\\n\\r\\n\"
end 300
",
        ],
        "
INVITE 1 initial, until 110
  alice > bob, 1 via: 0, 486 at 1 x11 to 32.5
",
    );
}

#[test]
fn an_ack_with_a_branch_of_its_own_is_that_of_the_refusal_all_the_same() {
    tell(
        &[
            TWO,
            "
call c1
  0.0 alice -> bob INVITE
  1.0 alice <- bob 486
  1.1 alice -> bob ACK branch=z9hG4bKother
end 60
",
        ],
        "
INVITE 1 initial, until 60
  alice > bob, 1 via: 0, 486 at 1, ACK 1.1
",
    );
}

#[test]
fn a_2xx_without_ack_is_repeated_with_need() {
    tell(
        &[
            TWO,
            "
call c1
  0.0 alice -> bob INVITE as inv
  repeat inv 0.5
  1.0 alice <- bob 200 as ok
  repeat ok fully
  33 bob -> alice BYE
  Reason: SIP;cause=408;text=\"ACK timeout\"
  33.1 bob <- alice 200
end 300
",
        ],
        "
INVITE 1 initial, until 300
  alice > bob, 1 via: 0 x2 to 0.5, 200 at 1 x11 to 32.5
BYE 1, until 300
  bob > alice, 1 via: 33, 200 at 33.1
session alice > bob: invite 0, answered 1, BYE uas 33 x1, 200 at 33.1, SIP;cause=408;text=\"ACK timeout\", last 33.1, until 300
",
    );
}

#[test]
fn an_invite_that_is_repeated_after_its_2xx_is_the_same() {
    let outcomes = tell(
        &[
            TWO,
            "
call c1
  0.0 alice -> bob INVITE as inv
  0.4 alice <- bob 200
  repeat inv 0.5
  0.6 alice -> bob ACK
  9.0 alice -> bob BYE
  9.1 alice <- bob 200
end 60
",
        ],
        "
INVITE 1 initial, until 60
  alice > bob, 1 via: 0 x2 to 0.5, 200 at 0.4
BYE 2, until 60
  alice > bob, 1 via: 9, 200 at 9.1
session alice > bob: invite 0, answered 0.4, acked 0.6, BYE uac 9 x1, 200 at 9.1, last 9.1, until 60
",
    );
    assert_eq!(outcomes.view.totals.invites, 1);
}

#[test]
fn what_comes_after_an_exchange_was_told_changes_nothing() {
    let outcomes = tell(
        &[
            TWO,
            "
call o1
  0.0 alice -> bob OPTIONS as ask
  0.1 alice <- bob 200 as ok
  repeat ask 20 21
  repeat ok 20 21
  25 alice <- bob 500 as odd
end 60
",
        ],
        "
OPTIONS 1 initial, until 20
  alice > bob, 1 via: 0, 200 at 0.1
",
    );
    assert_eq!(outcomes.view.totals.retransmissions, 4);
}

// Waited for.

#[test]
fn a_request_without_answer_is_told_when_a_lost_packet_would_be_known() {
    tell(
        &[
            TWO,
            "
call o1
  0.0 alice -> bob OPTIONS as ask
  repeat ask 0.5 1.5 3.5 7.5 11.5 15.5 19.5 23.5 27.5 31.5
call c1
  0.0 alice -> bob INVITE as inv
  repeat inv 0.5 1.5 3.5 7.5 15.5 31.5
call tick times 20 every 10
  0 bob -> alice RAW \"\\r\\n\\r\\n\"
end 300
",
        ],
        "
OPTIONS 1 initial, until 110
  alice > bob, 1 via: 0 x11 to 31.5
INVITE 1 initial, until 110
  alice > bob, 1 via: 0 x7 to 31.5
",
    );
}

#[test]
fn a_phone_may_ring_for_minutes() {
    let outcomes = tell(
        &[
            TWO,
            "
call c1
  0.0 alice -> bob INVITE
  1.0 alice <- bob 180
  280 alice <- bob 200
  280.1 alice -> bob ACK
  290 alice -> bob BYE
  290.1 alice <- bob 200
call c2
  0.0 alice -> bob INVITE
  1.0 alice <- bob 180
call c3
  0.0 alice -> bob INVITE
  1.0 alice <- bob 180
  9.0 alice -> bob CANCEL
  9.1 alice <- bob 200 CANCEL
call tick times 50 every 10
  0 bob -> alice RAW \"\\r\\n\\r\\n\"
end 600
",
        ],
        "
CANCEL 1 initial, until 20
  alice > bob, 1 via: 9, 200 at 9.1
INVITE 1 initial, until 120
  alice > bob, 1 via: 0, 180 at 1, rings 180 at 1, CANCEL 9
INVITE 1 initial, until 290
  alice > bob, 1 via: 0, 180 at 1, rings 180 at 1, 200 at 280
BYE 2, until 310
  alice > bob, 1 via: 290, 200 at 290.1
session alice > bob: invite 0, answered 280, acked 280.1, BYE uac 290 x1, 200 at 290.1, last 290.1, until 310
INVITE 1 initial, until 310
  alice > bob, 1 via: 0, 180 at 1, rings 180 at 1
",
    );
    assert_eq!(outcomes.view.totals.calls, 3);
}

// Forks.

#[test]
fn each_fork_that_answers_is_a_session() {
    tell(
        &[
            PROXY,
            "
call c1
  0.00 alice -> p INVITE
  0.01 p -> bob INVITE as b
  0.02 p -> carol INVITE as c
  0.10 bob -> p 180 for b
  0.11 p -> alice 180 for b
  1.00 carol -> p 200 for c as cok
  1.01 p -> alice 200 for c as acok
  1.02 bob -> p 200 for b as bok
  1.03 p -> alice 200 for b as abok
  1.10 alice -> p ACK for acok
  1.11 p -> carol ACK for acok
  1.12 alice -> p ACK for abok
  1.13 p -> bob ACK for abok
  1.20 alice -> p BYE for abok
  1.21 p -> bob BYE for abok
  1.30 bob -> p 200
  1.31 p -> alice 200
  9.00 alice -> p BYE for acok cseq=2
  9.01 p -> carol BYE for acok
  9.10 carol -> p 200
  9.11 p -> alice 200
end 60
",
        ],
        "
INVITE 1 initial, until 60
  alice > p, 1 via: 0, 180 at 0.11, rings 180 at 0.11, 200 at 1.01, 200 at 1.03
  p > bob, 2 via: 0.01, 180 at 0.1, rings 180 at 0.1, 200 at 1.02
  p > carol, 2 via: 0.02, 200 at 1
BYE 2, until 60
  alice > p, 1 via: 1.2, 200 at 1.31
  p > bob, 2 via: 1.21, 200 at 1.3
BYE 2, until 60
  alice > p, 1 via: 9, 200 at 9.11
  p > carol, 2 via: 9.01, 200 at 9.1
session alice > p: invite 0, answered 1.01, acked 1.1, BYE uac 9 x1, 200 at 9.11, last 9.11, until 60
session alice > p: invite 0, answered 1.03, acked 1.12, BYE uac 1.2 x1, 200 at 1.31, last 1.31, until 60
",
    );
}

#[test]
fn of_forks_seen_behind_the_proxy_alone_the_one_that_answered_counts() {
    tell(
        &[
            PROXY,
            "blind alice -> p
blind p -> alice
call c1
  0.00 alice -> p INVITE
  0.01 p -> bob INVITE as b
  0.02 p -> carol INVITE as c
  0.10 bob -> p 180 for b
  0.50 carol -> p 180 for c
  1.00 bob -> p 480 for b
  1.01 p -> bob ACK for b
  2.00 carol -> p 200 for c
  2.01 p -> alice 200 for c
  2.10 alice -> p ACK
  2.11 p -> carol ACK
end 60
",
        ],
        "
INVITE 1 initial, until 60
  p > carol, 2 via: 0.02, 180 at 0.5, rings 180 at 0.5, 200 at 2
  p > bob, 2 via: 0.01, 180 at 0.1, rings 180 at 0.1, 480 at 1, ACK 1.01
session p > carol: invite 0.02, answered 2, acked 2.11, no BYE, last 2.11, until 60
",
    );
}

#[test]
fn an_early_dialog_that_ends_is_no_progress() {
    tell(
        &[
            TWO,
            "
call c1
  0.0 alice -> bob INVITE
  0.5 alice <- bob 199 to-tag=x
  3.0 alice <- bob 486
  3.1 alice -> bob ACK
end 60
",
        ],
        "
INVITE 1 initial, until 60
  alice > bob, 1 via: 0, 486 at 3, ACK 3.1
",
    );
}

#[test]
fn who_fails_over_by_itself_is_told_by_what_answered_at_last() {
    tell(
        &[
            THREE,
            "
call c1
  0.0 alice -> bob INVITE
  0.1 alice <- bob 503
  0.2 alice -> bob ACK
  0.3 alice -> carol INVITE cseq=1 branch=z9hG4bKsecond
  1.0 alice <- carol 486
  1.1 alice -> carol ACK cseq=1 branch=z9hG4bKsecond
end 60
",
        ],
        "
INVITE 1 initial, until 60
  alice > carol, 1 via: 0.3, 486 at 1, ACK 1.1
  alice > bob, 1 via: 0, 503 at 0.1, ACK 0.2
",
    );
}

#[test]
fn a_merged_request_is_a_hop_of_the_one_it_came_from() {
    tell(
        &["
host  alice 10.1.0.1:5060
proxy p     10.9.0.1:5060
proxy q     10.9.0.2:5060
host  bob   10.2.0.1:5060
call c1
  0.00 alice -> p INVITE
  0.01 p -> bob INVITE as direct
  0.02 p -> q INVITE as round
  0.03 q -> bob INVITE as merged
  0.04 bob -> q 482 for merged
  0.05 q -> bob ACK for merged
  0.06 q -> p 482 for merged as relayed
  0.07 p -> q ACK for relayed
  1.00 bob -> p 486 for direct
  1.01 p -> bob ACK for direct
  1.02 p -> alice 486 for direct
  1.03 alice -> p ACK
end 60
"],
        "
INVITE 1 initial, until 60
  alice > p, 1 via: 0, 486 at 1.02, ACK 1.03
  p > bob, 2 via: 0.01, 486 at 1, ACK 1.01
  p > q, 2 via: 0.02, 482 at 0.06, ACK 0.07
  q > bob, 3 via: 0.03, 482 at 0.04, ACK 0.05
",
    );
}

// Old and odd peers.

#[test]
fn peers_without_tags_and_cookie_are_told_as_others() {
    tell(
        &[
            TWO,
            "
call c1
  0.0 alice -> bob INVITE from-tag=none branch=1 as inv
  repeat inv 0.5
  1.0 alice <- bob 200 to-tag=none from-tag=none
  1.1 alice -> bob ACK from-tag=none to-tag=none branch=2
  9.0 bob -> alice BYE from-tag=none to-tag=none branch=3
  9.1 bob <- alice 200 from-tag=none to-tag=none
end 60
",
        ],
        "
INVITE 1 initial, until 60
  alice > bob, 1 via: 0 x2 to 0.5, 200 at 1
BYE 1 initial, until 60
  bob > alice, 1 via: 9, 200 at 9.1
session alice > bob: invite 0, answered 1, acked 1.1, BYE uas 9 x1, 200 at 9.1, last 9.1, until 60
",
    );
}

#[test]
fn a_branch_that_is_used_again_makes_no_new_call_and_hides_no_new_request() {
    let outcomes = tell(
        &[
            TWO,
            "
call c1
  0.0 alice -> bob INVITE branch=z9hG4bKsame as inv
  0.1 alice <- bob 407
  repeat inv 0.15
  0.2 alice -> bob ACK branch=z9hG4bKsame
  0.3 alice -> bob INVITE branch=z9hG4bKsame
  Proxy-Authorization: Digest username=\"a\"
  1.0 alice <- bob 200
  1.1 alice -> bob ACK branch=z9hG4bKack
  9.0 alice -> bob BYE branch=z9hG4bKsame
  9.1 alice <- bob 200
end 60
",
        ],
        "
INVITE 1 initial, until 60
  alice > bob, 1 via: 0 x2 to 0.15, 407 at 0.1 realm=ladder, ACK 0.2
INVITE 2 initial credentials goes-on, until 60
  alice > bob, 1 via: 0.3, 200 at 1
BYE 3, until 60
  alice > bob, 1 via: 9, 200 at 9.1
session alice > bob: invite 0.3, answered 1, acked 1.1, BYE uac 9 x1, 200 at 9.1, last 9.1, until 60
",
    );
    assert_eq!(
        (outcomes.view.totals.calls, outcomes.view.totals.invites),
        (1, 1)
    );
}

#[test]
fn pings_of_which_each_has_the_same_name_are_each_told() {
    tell(
        &[
            TWO,
            "
call o1
  0.0 alice -> bob OPTIONS branch=z9hG4bKa from-tag=t
  0.1 alice <- bob 200
  5.0 alice -> bob OPTIONS cseq=1 branch=z9hG4bKb from-tag=t
  5.1 alice <- bob 200
  25.0 alice -> bob OPTIONS cseq=1 branch=z9hG4bKc from-tag=t
end 300
",
        ],
        "
OPTIONS 1 initial, until 25
  alice > bob, 1 via: 0, 200 at 0.1
OPTIONS 1 initial, until 25
  alice > bob, 1 via: 5, 200 at 5.1
OPTIONS 1 initial, until 300
  alice > bob, 1 via: 25
",
    );
}

// Ends of sessions.

#[test]
fn a_bye_that_was_challenged_is_answered_by_the_answer_to_the_next() {
    tell(
        &[
            TWO,
            "
call c1
  0.0 alice -> bob INVITE
  1.0 alice <- bob 200
  1.1 alice -> bob ACK
  9.0 alice -> bob BYE
  9.1 alice <- bob 407
  9.2 alice -> bob BYE as bye
  Proxy-Authorization: Digest username=\"a\"
  repeat bye 0.5
  9.8 alice <- bob 200
end 60
",
        ],
        "
INVITE 1 initial, until 60
  alice > bob, 1 via: 0, 200 at 1
BYE 2, until 60
  alice > bob, 1 via: 9, 407 at 9.1 realm=ladder
BYE 3 credentials goes-on, until 60
  alice > bob, 1 via: 9.2 x2 to 9.7, 200 at 9.8
session alice > bob: invite 0, answered 1, acked 1.1, BYE uac 9 x2, 200 at 9.8, last 9.8, until 60
",
    );
}

#[test]
fn a_bye_from_both_sides_is_told_as_such_and_one_without_answer_when_timer_f_is_over() {
    tell(
        &[
            TWO,
            "
call c1
  0.0 alice -> bob INVITE
  1.0 alice <- bob 200
  1.1 alice -> bob ACK
  9.0 alice -> bob BYE as mine
  9.01 bob -> alice BYE as his
  9.1 alice <- bob 200 for mine
  9.11 bob <- alice 200 for his
call c2
  0.0 alice -> bob INVITE
  1.0 alice <- bob 200
  1.1 alice -> bob ACK
  9.0 alice -> bob BYE as gone
  repeat gone 0.5 1.5 3.5 7.5 11.5 15.5 19.5 23.5 27.5 31.5
call tick times 20 every 10
  0 bob -> alice RAW \"\\r\\n\\r\\n\"
end 300
",
        ],
        "
INVITE 1 initial, until 12.5
  alice > bob, 1 via: 0, 200 at 1
INVITE 1 initial, until 12.5
  alice > bob, 1 via: 0, 200 at 1
BYE 2, until 20
  alice > bob, 1 via: 9, 200 at 9.1
BYE 1, until 20
  bob > alice, 1 via: 9.01, 200 at 9.11
session alice > bob: invite 0, answered 1, acked 1.1, BYE uac 9 x1, 200 at 9.1, both, last 9.11, until 20
BYE 2, until 120
  alice > bob, 1 via: 9 x11 to 40.5
session alice > bob: invite 0, answered 1, acked 1.1, BYE uac 9 x11, last 40.5, until 120
",
    );
}

#[test]
fn a_session_without_bye_is_told_when_its_call_is_forgotten_or_the_capture_ends() {
    tell(
        &[
            TWO,
            "
call c1
  0.0 alice -> bob INVITE
  1.0 alice <- bob 200
  1.1 alice -> bob ACK
call c2 at 14000
  0.0 alice -> bob INVITE
  1.0 alice <- bob 200
  1.1 alice -> bob ACK
call tick times 100 every 200
  0 bob -> alice RAW \"\\r\\n\\r\\n\"
",
        ],
        "
INVITE 1 initial, until 200
  alice > bob, 1 via: 0, 200 at 1
INVITE 1 initial, until 14200
  alice > bob, 1 via: 14000, 200 at 14001
session alice > bob: invite 0, answered 1, acked 1.1, no BYE, last 1.1, until 14600
session alice > bob: invite 14000, answered 14001, acked 14001.1, no BYE, last 14001.1, until 19800
",
    );
}

#[test]
fn a_re_invite_makes_no_session() {
    tell(
        &[
            TWO,
            "
call c1
  0.0 alice -> bob INVITE
  1.0 alice <- bob 200
  1.1 alice -> bob ACK
  30 bob -> alice INVITE
  30.1 bob <- alice 200
  30.2 bob -> alice ACK
end 60
",
        ],
        "
INVITE 1 initial, until 30
  alice > bob, 1 via: 0, 200 at 1
INVITE 1, until 60
  bob > alice, 1 via: 30, 200 at 30.1
session alice > bob: invite 0, answered 1, acked 1.1, no BYE, last 30.2, until 60
",
    );
}

// What the capture carries.

#[test]
fn what_began_before_the_capture_is_told_without_its_request() {
    tell(
        &[
            TWO,
            "begin 0.5
call c1
  0.0 alice -> bob INVITE
  1.0 alice <- bob 180
  2.0 alice <- bob 200
  2.1 alice -> bob ACK
  9.0 alice -> bob BYE
  9.1 alice <- bob 200
call c2
  0.0 alice -> bob INVITE
  2.0 alice <- bob 486
  2.1 alice -> bob ACK
end 60
",
        ],
        "
INVITE 1 initial, until 60
  alice > bob, 1 via: unseen, 180 at 1, rings 180 at 1, 200 at 2
BYE 2, until 60
  alice > bob, 1 via: 9, 200 at 9.1
session alice > bob: no invite, answered 2, acked 2.1, BYE uac 9 x1, 200 at 9.1, last 9.1, until 60
INVITE 1 initial, until 60
  alice > bob, 1 via: unseen, 486 at 2, ACK 2.1
",
    );
}

#[test]
fn what_the_capture_cuts_is_told_up_to_its_end() {
    tell(
        &[
            TWO,
            "
call c1
  0.0 alice -> bob INVITE
  1.0 alice <- bob 180
call o1
  1.5 alice -> bob OPTIONS
end 2
",
        ],
        "
INVITE 1 initial, until 2
  alice > bob, 1 via: 0, 180 at 1, rings 180 at 1
OPTIONS 1 initial, until 2
  alice > bob, 1 via: 1.5
",
    );
}

#[test]
fn a_lost_fragment_and_a_step_of_the_clock_are_said() {
    tell(
        &[
            TWO,
            "
call o1
  0.0 alice -> bob OPTIONS
call o2
  0.1 alice -> bob OPTIONS pad=2000 mtu=1500 drop-fragment=2
call tick times 12 every 10
  0 bob -> alice RAW \"\\r\\n\\r\\n\"
call o3 at 200
  0.0 alice -> bob OPTIONS
call o4 at 20000
  0.0 alice -> bob OPTIONS
  0.1 alice <- bob 200
end 20300
",
        ],
        "
OPTIONS 1 initial, until 110, loss
  alice > bob, 1 via: 0
OPTIONS 1 initial, until 20300
  alice > bob, 1 via: 20000, 200 at 20000.1
OPTIONS 1 initial, until 20300, time step
  alice > bob, 1 via: 200
",
    );
}

#[test]
fn an_icmp_error_is_told_on_the_hop_of_the_request_it_quotes() {
    tell(
        &[
            TWO,
            "
call o1
  0.0 alice -> bob OPTIONS as ask
  0.01 alice <- bob ICMP port ask
  repeat ask 0.5
end 200
",
        ],
        "
OPTIONS 1 initial, until 200
  alice > bob, 1 via: 0 x2 to 0.5, unreachable 0.01
",
    );
}

#[test]
fn an_icmp_error_that_quotes_no_text_is_told_on_the_hop_of_the_request_it_is_about() {
    tell(
        &[
            TWO,
            "
call o1
  0.0 alice -> bob OPTIONS as ask
  0.01 alice <- bob ICMP host ask quote=8
call o2 at 1
  0.0 alice -> bob OPTIONS
end 200
",
        ],
        "
OPTIONS 1 initial, until 200
  alice > bob, 1 via: 0, unreachable 0.01
OPTIONS 1 initial, until 200
  alice > bob, 1 via: 1
",
    );
}

#[test]
fn a_hop_that_shows_one_way_only_does_not_count_where_another_has_the_answer() {
    tell(
        &[
            PROXY,
            "blind p -> alice
call c1
  0.00 alice -> p INVITE
  0.01 p -> bob INVITE
  1.00 bob -> p 486
  1.01 p -> bob ACK
  1.02 p -> alice 486
  1.03 alice -> p ACK
end 400
",
        ],
        "
INVITE 1 initial, until 400
  p > bob, 2 via: 0.01, 486 at 1, ACK 1.01
  alice > p, 1 via: 0, ACK 1.03
",
    );
}

#[test]
fn a_request_that_is_sent_again_from_another_port_is_a_copy() {
    tell(
        &[
            TWO,
            "host other 10.1.0.1:40000
call o1
  0.0 alice -> bob OPTIONS branch=z9hG4bKone sport=40000
  5.0 alice -> bob OPTIONS cseq=1 branch=z9hG4bKone
  5.1 alice <- bob 200
end 60
",
        ],
        "
OPTIONS 1 initial, until 60
  other > bob, 1 via: 0 x2 to 5, 200 at 5.1
",
    );
}

// Several places.

/// A ladder's frames that `keep` takes, by sender and receiver.
fn records(text: &str, keep: impl Fn([u8; 4], [u8; 4]) -> bool) -> Vec<Record> {
    let ladder = Ladder::of(text);
    let all = ladder.records(&ladder.options).into_iter();
    all.filter(|record| {
        let addr = |at: usize| record.bytes.get(at..at + 4).expect("Ethernet and IPv4");
        let [src, dst] = [26, 30].map(|at| <[u8; 4]>::try_from(addr(at)).expect("four"));
        keep(src, dst)
    })
    .collect()
}

fn shifted(mut records: Vec<Record>, millis: u64) -> Vec<Record> {
    for record in &mut records {
        record.time_ns += millis * 1_000_000;
    }
    records
}

/// The records of several taps as one capture.
fn merged(taps: &[Vec<Record>]) -> Vec<u8> {
    let mut all = taps.concat();
    all.sort_by_key(|record| record.time_ns);
    pcap::write(&all, &pcap::Options::default())
}

/// A call as taps before and behind a NAT see it: the same bytes within 2 ms, from other sockets.
fn around_a_nat(call: &str) -> Outcomes {
    let inside = format!("host alice 192.168.0.2:5060\nhost bob 10.2.0.1:5060\n{call}");
    let outside = format!(
        "host alice 203.0.113.9:1024 says=192.168.0.2:5060\nhost bob 10.2.0.1:5060\n{call}"
    );
    let bob = [10, 2, 0, 1];
    let capture = merged(&[
        records(&inside, |src, _| src != bob),
        shifted(records(&outside, |src, _| src != bob), 1),
        records(&outside, |src, _| src == bob),
        shifted(records(&inside, |src, _| src == bob), 1),
    ]);
    let names = [
        ("192.168.0.2:5060", "inside"),
        ("203.0.113.9:1024", "outside"),
        ("10.2.0.1:5060", "bob"),
    ];
    let names = names.map(|(socket, name)| (socket.to_owned(), name.to_owned()));
    Outcomes::of(&[&capture], &names, &Options::default())
}

#[test]
fn the_two_sides_of_a_nat_are_two_hops_of_one_exchange() {
    let outcomes = around_a_nat(
        "
call c1
  0.0 alice -> bob INVITE as inv
  repeat inv 0.5
  0.6 alice <- bob 100
  0.7 alice <- bob 180
  1.0 alice <- bob 486 as busy
  repeat busy 0.5
  1.6 alice -> bob ACK
end 60
",
    );
    assert_eq!(
        lines(&outcomes.text),
        lines(
            "
INVITE 1 initial, until 60
  inside > bob, 1 via: 0 x2 to 0.5, 100 at 0.601, 180 at 0.701, rings 180 at 0.701, 486 at 1.001 x2 to 1.501, ACK 1.6
  outside > bob, 1 via: 0.001 x2 to 0.501, 100 at 0.6, 180 at 0.7, rings 180 at 0.7, 486 at 1 x2 to 1.5, ACK 1.601
"
        )
    );
    let totals = &outcomes.view.totals;
    assert_eq!((totals.calls, totals.invites), (1, 1));
    // Messages are counted where they were seen; that they were repeated, once.
    assert_eq!((totals.requests, totals.responses), (6, 8));
    assert_eq!(totals.retransmissions, 2, "the INVITE and the 486");
    let counts: Vec<_> = outcomes
        .view
        .codes
        .iter()
        .map(|c| (c.code, c.count))
        .collect();
    assert_eq!(counts, [(100, 1), (180, 1), (486, 1)]);
}

#[test]
fn an_answered_call_around_a_nat_is_one_session() {
    let outcomes = around_a_nat(
        "
call c1
  0.0 alice -> bob INVITE
  1.0 alice <- bob 200 as ok
  repeat ok 0.5
  1.6 alice -> bob ACK as ack
  repeat ack 0.2
  9.0 alice -> bob BYE
  9.1 alice <- bob 200
end 60
",
    );
    assert_eq!(
        lines(&outcomes.text),
        lines(
            "
INVITE 1 initial, until 60
  inside > bob, 1 via: 0, 200 at 1.001 x2 to 1.501
  outside > bob, 1 via: 0.001, 200 at 1 x2 to 1.5
BYE 2, until 60
  inside > bob, 1 via: 9, 200 at 9.101
  outside > bob, 1 via: 9.001, 200 at 9.1
session inside > bob: invite 0, answered 1.001, acked 1.6, BYE uac 9 x1, 200 at 9.101, last 9.101, until 60
"
        )
    );
    let totals = &outcomes.view.totals;
    assert_eq!((totals.calls, totals.invites), (1, 1));
    assert_eq!(totals.retransmissions, 2, "the 200 and the ACK");
    let counts: Vec<_> = outcomes
        .view
        .codes
        .iter()
        .map(|c| (c.code, c.count))
        .collect();
    assert_eq!(counts, [(200, 2)], "one to INVITE, one to BYE");
    assert_eq!(outcomes.view.findings.len(), 0);
}

#[test]
fn an_attempt_around_a_nat_of_which_one_side_shows_no_answers_is_told() {
    let call = |n: u32| {
        format!(
            "call c{n} at {n}
  0.0 alice -> bob INVITE
  0.1 alice <- bob 438
  0.2 alice -> bob ACK
"
        )
    };
    let calls: String = (0..20).map(call).collect();
    let inside = format!("host alice 192.168.0.2:5060\nhost bob 10.2.0.1:5060\n{calls}");
    let outside = inside.replace("192.168.0.2:5060", "203.0.113.9:1024 says=192.168.0.2:5060");
    let bob = [10, 2, 0, 1];
    let capture = merged(&[
        records(&inside, |src, _| src != bob),
        shifted(records(&outside, |_, _| true), 1),
    ]);
    let outcomes = Outcomes::of(&[&capture], &[], &Options::default());
    assert_eq!(outcomes.view.totals.invites, 20);
    let burst = outcomes
        .view
        .findings
        .iter()
        .find(|f| f.rule == "identity-burst");
    assert_eq!(burst.expect("a burst of 438").count, 20);
}

const OVER_P: &str = "
call c1
  0.00 alice -> p INVITE
  0.01 p -> alice 100
  0.02 p -> bob INVITE
  0.50 bob -> p 486
  0.51 p -> bob ACK
  0.52 p -> alice 486
  0.53 alice -> p ACK
call o1
  0.00 alice -> p OPTIONS
  0.01 p -> bob OPTIONS
";

/// The call in two parts: what the caller's side of the proxy sees, and the other until `end`.
fn two_sides(end: f64) -> (Vec<Record>, Vec<Record>, Vec<(String, String)>) {
    let text = [PROXY, OVER_P, "end 200\n"].concat();
    let shorter = [PROXY, OVER_P, &format!("end {end}\n")].concat();
    let alice = [10, 1, 0, 1];
    let near = records(&text, |src, dst| {
        src == alice || dst == alice || src[0] == 192
    });
    let far = records(&shorter, |src, dst| src != alice && dst != alice);
    (near, far, names(&text))
}

const SIDES: &str = "
INVITE 1 initial, until {near}
  alice > p, 1 via: 0, 100 at 0.01, 486 at 0.52, ACK 0.53
  p > bob, 2 via: 0.02, 486 at 0.5, ACK 0.51
OPTIONS 1 initial, until {near}
  alice > p, 1 via: 0
  p > bob, 2 via: 0.01
";

#[test]
fn an_exchange_was_carried_until_the_interface_nearest_the_callee_showed_nothing_more() {
    let (near, far, names) = two_sides(3.0);
    let several = pcap::of_interfaces(&[near.clone(), far.clone()], &pcap::Options::default());
    let options = pcap::Options::default();
    let [one, two] = [near, far].map(|records| pcap::write(&records, &options));
    for captures in [
        vec![&several[..]],
        vec![&one[..], &two[..]],
        vec![&two[..], &one[..]],
    ] {
        let outcomes = Outcomes::of(&captures, &names, &Options::default());
        assert_eq!(
            lines(&outcomes.text),
            lines(&SIDES.replace("{near}", "3")),
            "{} files",
            captures.len()
        );
    }
}

#[test]
fn a_capture_that_was_rotated_goes_on_in_the_next_file() {
    let (near, far, names) = two_sides(200.0);
    let mut all = [near, far].concat();
    all.sort_by_key(|record| record.time_ns);
    let last = all.pop().expect("a last frame");
    let options = pcap::Options::default();
    let [one, two] = [all, vec![last]].map(|records| pcap::write(&records, &options));
    let outcomes = Outcomes::of(&[&one, &two], &names, &Options::default());
    assert_eq!(
        lines(&outcomes.text),
        lines(&SIDES.replace("{near}", "200"))
    );
}

#[test]
fn a_b2bua_that_keeps_call_id_and_tags_makes_one_exchange_of_two_hops() {
    // Its own Via in place of the caller's, and the same Call-ID, From tag and CSeq.
    let capture = |second: &str| {
        let scene = "host alice 10.1.0.1:5060\nhost sbc 10.9.0.1:5060\nhost bob 10.2.0.1:5060\n";
        Ladder::of(&format!("{scene}{second}"))
    };
    let near = capture(
        "call c1\n 0.0 alice -> sbc INVITE from-tag=t\n 1.02 sbc -> alice 480 from-tag=t\n 1.03 alice -> sbc ACK from-tag=t\nend 60\n",
    );
    let far = capture(
        "call c1\n 0.01 sbc -> bob INVITE from-tag=t\n 1.0 bob -> sbc 486 from-tag=t\n 1.01 sbc -> bob ACK from-tag=t\n",
    );
    let capture = merged(&[near.records(&near.options), far.records(&far.options)]);
    let names = names("host alice 10.1.0.1:5060\nhost sbc 10.9.0.1:5060\nhost bob 10.2.0.1:5060\n");
    let outcomes = Outcomes::of(&[&capture], &names, &Options::default());
    assert_eq!(
        lines(&outcomes.text),
        lines(
            "
INVITE 1 initial, until 60
  alice > sbc, 1 via: 0, 480 at 1.02, ACK 1.03
  sbc > bob, 1 via: 0.01, 486 at 1, ACK 1.01
"
        )
    );
    assert_eq!(outcomes.view.totals.invites, 1);
}

// Limits.

#[test]
fn a_call_that_is_given_up_is_told_as_such_and_not_again() {
    let text = [
        TWO,
        "
call a
  0.0 alice -> bob INVITE
  1.0 alice <- bob 200 as ok
  1.1 alice -> bob ACK
  repeat ok 3
call b
  2.0 alice -> bob OPTIONS
end 60
",
    ]
    .concat();
    let options = Options {
        limits: Limits {
            calls: 1,
            ..Limits::default()
        },
        ..Options::default()
    };
    let outcomes = Outcomes::of(&[&Ladder::of(&text).capture()], &names(&text), &options);
    // Who comes back after it was given up is a new one, without its request.
    assert_eq!(
        lines(&outcomes.text),
        lines(
            "
INVITE 1 initial, until 2, given up
  alice > bob, 1 via: 0, 200 at 1
session alice > bob: invite 0, answered 1, acked 1.1, no BYE, last 1.1, until 2, given up
OPTIONS 1 initial, until 4, given up
  alice > bob, 1 via: 2
INVITE 1 initial, until 60
  alice > bob, 1 via: unseen, 200 at 4
session alice > bob: no invite, answered 4, no BYE, last 4, until 60
"
        )
    );
}

#[test]
fn of_a_call_of_many_requests_each_is_told_once() {
    let infos: Vec<String> = (0..200)
        .map(|n| format!(" {0}.0 alice -> bob INFO\n {0}.1 alice <- bob 200\n", 2 + n))
        .collect();
    let text = [
        TWO,
        "call c1\n 0 alice -> bob INVITE\n 1 alice <- bob 200\n 1.1 alice -> bob ACK\n",
        &infos.concat(),
        " 300 alice -> bob BYE\n 300.1 alice <- bob 200\nend 400\n",
    ]
    .concat();
    let outcomes = Outcomes::of_ladder(&text);
    let told: Vec<_> = lines(&outcomes.text)
        .into_iter()
        .filter(|line| line.starts_with("INFO"))
        .collect();
    assert_eq!(told.len(), 200, "{told:#?}");
    assert!(
        told.iter().all(|line| !line.contains("given up")),
        "{told:#?}"
    );
    assert_eq!(
        lines(&outcomes.text).last(),
        Some(
            &"session alice > bob: invite 0, answered 1, acked 1.1, BYE uac 300 x1, 200 at 300.1, last 300.1, until 400"
        )
    );
}

#[test]
fn a_call_of_too_many_open_requests_tells_the_oldest_as_given_up() {
    let infos: Vec<String> = (0..100)
        .map(|n| format!(" {:.2} alice -> bob INFO\n", 2.0 + f64::from(n) / 100.0))
        .collect();
    let text = [
        TWO,
        "call c1\n 0 alice -> bob INVITE\n 1 alice <- bob 200\n 1.1 alice -> bob ACK\n",
        &infos.concat(),
        "end 400\n",
    ]
    .concat();
    let outcomes = Outcomes::of_ladder(&text);
    let (given_up, told): (Vec<_>, Vec<_>) = lines(&outcomes.text)
        .into_iter()
        .filter(|line| line.starts_with("INFO"))
        .partition(|line| line.contains("given up"));
    assert_eq!((given_up.len(), told.len()), (37, 63), "64 with the INVITE");
}

// Real captures.

/// Call-ID, method, CSeq number and From tag.
type Named = (Vec<u8>, Vec<u8>, Option<u32>, u64);

/// Holds everything that is handed out to what is always true of it.
#[derive(Debug, Default)]
struct Checker {
    /// When the last message of an exchange was seen, by what names it.
    told: HashMap<Named, Timestamp>,
    exchanges: u64,
    sessions: u64,
}

impl Rule for Checker {
    fn topics(&self) -> &'static [Topic] {
        &[]
    }

    fn exchanged(&mut self, exchanged: &Exchanged<'_>) {
        self.exchanges += 1;
        assert!(!exchanged.hops.is_empty(), "{exchanged:#?}");
        let (mut first, mut last) = (Timestamp::from_nanos(i64::MAX), Timestamp::default());
        for hop in exchanged.hops {
            assert_eq!(hop.request.is_some(), hop.requests > 0, "{exchanged:#?}");
            assert!(
                hop.requests > 0
                    || !hop.finals.is_empty()
                    || hop.progress.is_some()
                    || hop.trying.is_some()
                    || exchanged.observed.evicted,
                "{exchanged:#?}"
            );
            let seen = hop
                .request
                .into_iter()
                .chain(hop.last_request)
                .chain(hop.trying);
            for seen in seen.chain(hop.progress.map(|seen| seen.1)) {
                (first, last) = (first.min(seen.time), last.max(seen.time));
            }
            for answer in &hop.finals {
                assert!(!answer.code.is_provisional(), "{exchanged:#?}");
                assert!(answer.copies > answer.needless, "{exchanged:#?}");
                assert!(
                    answer.copies > 1 || answer.first == answer.last,
                    "{exchanged:#?}"
                );
                (first, last) = (first.min(answer.first.time), last.max(answer.last.time));
            }
        }
        if exchanged.initial {
            let name = (
                exchanged.call_id.to_vec(),
                exchanged.method_text.to_vec(),
                exchanged.cseq,
                exchanged.from_tag,
            );
            if let Some(before) = self.told.insert(name, last) {
                let apart = first.since(before);
                assert!(apart > Span::from_secs(10), "told twice: {exchanged:#?}");
            }
        }
    }

    fn session(&mut self, session: &Session<'_>) {
        self.sessions += 1;
        assert!(session.last.time >= session.answered.time, "{session:#?}");
        if let SessionEnd::Bye { bye, copies, .. } = session.end {
            assert!(copies > 0 && bye.time <= session.last.time, "{session:#?}");
        }
    }

    fn finish(&mut self, _end: &End, _out: &mut dyn FnMut(Finding)) {
        assert!(self.exchanges >= self.sessions);
    }
}

#[test]
fn each_exchange_of_real_captures_is_told_once_and_is_consistent() {
    let Some(folder) = shared("captures") else {
        return;
    };
    let index = std::fs::read_to_string(folder.join("INDEX.tsv")).expect("the index");
    let mut with_sip = 0;
    for line in index.lines().skip(1) {
        let path = line.split('\t').next().expect("a path");
        let Ok(bytes) = std::fs::read(folder.join(path)) else {
            continue;
        };
        with_sip += 1;
        run(&bytes, Checker::default());
    }
    assert!(with_sip > 100, "{with_sip} captures");
}
