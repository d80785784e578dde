//! Rules on requests and sessions, end to end: from the bytes of a capture to the findings.
//!
//! Every scenario is played as it stands and with every packet seen twice by the tap, and its
//! findings, of all rules, are compared whole. Beside each stands the nearest one in which nothing
//! is wrong.

#![expect(
    clippy::format_push_string,
    reason = "scenes are short, and read better so"
)]

mod common;

use common::analysis::{Analysed, quotes_frame};
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

/// A call that is as it should be: both sides are there, and the tap sees both directions.
const OTHER: &str = "
call other at 200
  0.0 alice -> bob INVITE
  0.5 alice <- bob 200
  0.6 alice -> bob ACK
  9.0 alice -> bob BYE
  9.1 alice <- bob 200
";

/// Copies to the end of 64*T1 of an INVITE (Timer A), and of any other request (Timer E).
const A: &str = "0.5 1.5 3.5 7.5 15.5 31.5";
const E: &str = "0.5 1.5 3.5 7.5 11.5 15.5 19.5 23.5 27.5 31.5";

/// What came of a scenario.
struct Judged {
    ladder: Ladder,
    analysed: Analysed,
}

/// Plays `texts` as they stand and mirrored, and compares the findings with `expected`.
fn judge(texts: &[&str], expected: &[&str]) -> Judged {
    let text = texts.concat();
    let mut expected: Vec<_> = expected.iter().map(|&line| line.to_owned()).collect();
    expected.sort();
    let ladder = Ladder::of(&text);
    let analysed = Analysed::of(&ladder);
    assert_eq!(analysed.accusations(), expected, "as it stands");
    let mirrored = Analysed::mirrored(&ladder);
    assert_eq!(mirrored.accusations(), expected, "every packet twice");
    Judged { ladder, analysed }
}

impl Judged {
    /// The evidence of the only finding quotes the frames of these labels.
    fn quotes(&self, labels: &[&str]) -> &Self {
        let evidence = self.analysed.finding().evidence.as_deref().unwrap_or("");
        for label in labels {
            let frame = self.ladder.frame(label);
            assert!(
                quotes_frame(evidence, frame),
                "{label} is frame {frame}, not in: {evidence}"
            );
        }
        self
    }

    /// The only finding is about this pair of hosts.
    fn blames(&self, peer: &str) -> &Self {
        let peers: Vec<_> = self
            .analysed
            .finding()
            .peers
            .iter()
            .map(|p| &p.peer)
            .collect();
        assert_eq!(peers, [peer]);
        self
    }

    fn cause(&self) -> &str {
        self.analysed.finding().cause.as_deref().unwrap_or("")
    }
}

// Refusals and their ACKs.

#[test]
fn a_refusal_without_ack_is_repeated_to_the_end() {
    let refused = "
call c1
  0.00 alice -> bob INVITE as inv
  0.10 alice <- bob 486 as busy
  repeat busy fully
";
    judge(
        &[TWO, refused, "end 300\n"],
        &["no-ack-non2xx warning confirmed 1"],
    )
    .quotes(&["inv", "busy"])
    .blames("10.1.0.1 → 10.2.0.1");
    judge(
        &[
            TWO,
            refused,
            "  4.0 alice -> bob ACK for busy lost\nend 300\n",
        ],
        &["no-ack-non2xx warning confirmed 1"],
    );
}

#[test]
fn a_refusal_whose_ack_came_in_the_end_is_none() {
    judge(
        &[
            TWO,
            "
call c1
  0.00 alice -> bob INVITE
  0.10 alice <- bob 486 as busy
  repeat busy 0.5 1.5
  1.70 alice -> bob ACK for busy
end 300
",
        ],
        &[],
    );
}

#[test]
fn a_refusal_that_goes_on_after_its_ack_did_not_see_it() {
    judge(
        &[
            TWO,
            "
call c1
  0.00 alice -> bob INVITE
  0.10 alice <- bob 486 as busy
  0.12 alice -> bob ACK for busy as ack
  repeat busy fully
end 300
",
        ],
        &["repeated-after-ack warning confirmed 1"],
    )
    .quotes(&["busy", "ack"]);
}

#[test]
fn responses_that_nothing_asked_for_are_told() {
    let asked = |copies: &str| {
        format!(
            "
call c1
  0.00 alice -> bob OPTIONS as ask
  repeat ask {copies}
  0.10 alice <- bob 200 as ok
  repeat ok 0.5 1.5 3.5
end 300
"
        )
    };
    judge(
        &[TWO, &asked("0.05")],
        &["repeated-unprompted info confirmed 1"],
    );
    judge(&[TWO, &asked("0.5 1.5 3.5")], &[]);
}

// Requests without an answer.

#[test]
fn a_request_that_is_never_answered_is_told_by_method() {
    for (method, copies, expected) in [
        ("INVITE", A, "never-answered error confirmed 1"),
        ("OPTIONS", E, "never-answered warning confirmed 1"),
    ] {
        let text = format!(
            "
call c1
  0.0 alice -> bob {method} as ask
  repeat ask {copies}
end 400
"
        );
        judge(&[TWO, OTHER, &text], &[expected])
            .quotes(&["ask"])
            .blames("10.1.0.1 → 10.2.0.1");
        let late = text.replace(
            "end 400",
            "  31.6 alice <- bob 404 as no\n  31.7 alice -> bob ACK\nend 400",
        );
        let late = if method == "INVITE" {
            late
        } else {
            late.replace("  31.7 alice -> bob ACK\n", "")
        };
        judge(&[TWO, OTHER, &late], &[]);
    }
}

#[test]
fn a_tap_that_shows_one_direction_or_a_dead_host_lowers_it() {
    judge(
        &[
            TWO,
            &format!("call c1\n  0.0 alice -> bob INVITE as ask\n  repeat ask {A}\nend 300\n"),
        ],
        &["never-answered(one-way) warning probable 1"],
    );
}

#[test]
fn one_packet_over_udp_proves_nothing_and_a_capture_that_ends_neither() {
    judge(
        &[TWO, OTHER, "call c1\n  0.0 alice -> bob OPTIONS\nend 400\n"],
        &[],
    );
    judge(
        &[
            TWO,
            "call c1\n  0.0 alice -> bob INVITE as ask\n  repeat ask 0.5 1.5 3.5 7.5\nend 12\n",
        ],
        &[],
    );
}

#[test]
fn an_answer_that_the_proxy_keeps_is_told_of_its_hop() {
    let text = format!(
        "
call c1
  0.00 alice -> p INVITE as ask
  repeat ask {A}
  0.01 p -> bob INVITE
  0.10 bob -> p 486 as busy
  0.11 p -> bob ACK for busy
end 300
"
    );
    judge(
        &[PROXY, &text],
        &["never-answered(answered-beyond,one-way) warning probable 1"],
    )
    .blames("10.1.0.1 → 10.9.0.1");
}

#[test]
fn a_call_stuck_behind_100_is_told_and_a_ringing_one_is_not() {
    let call = |second: &str, gone: &str| {
        format!(
            "
call c1
  0.00 alice -> p INVITE as inv
  0.01 p -> alice 100 as try
  {second}
  25.0 alice -> p CANCEL as stop
  25.1 p -> alice 200 CANCEL
  {gone} INVITE as gone
  +0.1 alice -> p ACK for gone
end 300
"
        )
    };
    judge(
        &[PROXY, &call("", "33.0 p -> alice 408")],
        &["stuck-behind-100(cancelled) warning probable 1"],
    )
    .quotes(&["inv", "try", "stop", "gone"]);
    judge(
        &[PROXY, &call("2.0 p -> alice 180", "25.2 p -> alice 487")],
        &[],
    );
    // The 180 alone, as far as anybody knows.
    judge(
        &[
            PROXY,
            &call("2.0 p -> alice 180 lost", "25.2 p -> alice 487"),
        ],
        &["stuck-behind-100(cancelled,one-packet) info inconclusive 1"],
    );
}

#[test]
fn who_had_an_answer_that_the_tap_missed_is_not_stuck_behind_100() {
    let call = |answer: &str| {
        format!(
            "
call c1
  0.00 alice -> p INVITE
  0.01 p -> alice 100
{answer}
end 500
"
        )
    };
    // What was sent was seen, or never passed this tap.
    for answer in [
        "  1.0 p -> alice 486 lost\n  1.1 alice -> p ACK",
        "  1.0 p -> alice 200 lost\n  1.1 alice -> p ACK",
        "  1.0 p -> alice 200 lost\n  1.1 alice -> p ACK lost\n  50.0 alice -> p BYE\n  50.1 p -> alice 200",
        "  1.0 p -> alice 200 lost\n  1.1 alice -> p ACK lost\n  50.0 p -> alice BYE\n  50.1 alice -> p 200",
        "  1.0 p -> alice 200 lost\n  1.1 alice -> p ACK lost\n  30.0 alice -> p UPDATE\n  30.1 p -> alice 200",
        "  1.0 p -> alice 200 lost\n  1.1 alice -> p ACK lost\n  1.2 p -> alice RTP count=50 every=0.5",
    ] {
        judge(&[PROXY, &call(answer)], &[]);
    }
    judge(
        &[PROXY, &call("  1.1 alice -> p RTP count=50 every=0.5")],
        &["stuck-behind-100 warning probable 1"],
    );
}

// Peers that fail.

/// OPTIONS every 30 s, of which those of these numbers are never answered.
fn pings(count: u32, unanswered: &[u32]) -> String {
    let mut text = String::new();
    for no in 0..count {
        text += &format!(
            "call ping{no} at {}\n  0.0 alice -> bob OPTIONS as ask{no}\n",
            no * 30
        );
        if unanswered.contains(&no) {
            text += &format!("  repeat ask{no} {E}\n");
        } else {
            text += &format!("  0.1 alice <- bob 200 as ok{no}\n");
        }
    }
    text
}

#[test]
fn pings_that_fail_and_then_succeed_are_an_outage_with_a_window() {
    let judged = judge(
        &[TWO, &pings(12, &[4, 5, 6, 7]), "end 600\n"],
        &[
            "never-answered warning confirmed 4",
            "peer-outage warning confirmed 4",
        ],
    );
    let outage = judged.analysed.finding_of("peer-outage");
    let evidence = outage.evidence.as_deref().unwrap_or("");
    for label in ["ok3", "ask4", "ok8"] {
        assert!(
            quotes_frame(evidence, judged.ladder.frame(label)),
            "{label}: {evidence}"
        );
    }
    assert_eq!(
        outage.title,
        "10.2.0.1 answered none of 4 requests in a row within 122 s"
    );
}

#[test]
fn two_pings_that_fail_are_no_outage() {
    judge(
        &[TWO, &pings(12, &[4, 5]), "end 600\n"],
        &["never-answered warning confirmed 2"],
    );
}

#[test]
fn an_outage_at_the_end_of_the_capture_is_open() {
    judge(
        &[TWO, &pings(8, &[4, 5, 6, 7]), "end 600\n"],
        &[
            "never-answered warning confirmed 4",
            "peer-outage(open) warning confirmed 4",
        ],
    );
}

const ROUTES: &str = "
host alice 10.1.0.1:5060
host gw1   10.2.0.1:5060
host gw2   10.2.0.2:5060
";

/// A call from `at` on that `gateway` answers with `code`.
fn call(name: &str, to: &str, at: u32, gateway: &str, code: u16) -> String {
    let end = if code == 200 {
        format!("  5.0 alice -> {gateway} BYE\n  5.1 alice <- {gateway} 200\n")
    } else {
        String::new()
    };
    format!(
        "call {name} to={to} at {at}
  0.0 alice -> {gateway} INVITE as inv{name}
  0.1 alice <- {gateway} {code} as end{name}
  0.2 alice -> {gateway} ACK for end{name}
{end}"
    )
}

#[test]
fn a_sender_that_sometimes_fails_over_is_warned_of_the_calls_where_it_did_not() {
    let over = [
        call("a1", "+15551234567", 0, "gw1", 503),
        call("a2", "+15551234567", 1, "gw2", 200),
    ]
    .concat();
    let not = call("b1", "+15557654321", 400, "gw1", 503);
    judge(
        &[ROUTES, &over, &not, "end 900\n"],
        &["no-failover warning probable 1"],
    )
    .quotes(&["invb1", "endb1"]);
    let both = [not, call("b2", "+15557654321", 402, "gw2", 200)].concat();
    judge(&[ROUTES, &over, &both, "end 900\n"], &[]);
}

#[test]
fn who_failed_over_is_not_accused_long_after_or_because_a_packet_is_missing() {
    let over = [
        call("a1", "+15551234567", 0, "gw1", 503),
        call("a2", "+15551234567", 1, "gw2", 200),
    ]
    .concat();
    let later = call("b1", "+15557654321", 500, "gw1", 200);
    judge(&[ROUTES, &over, &later, "end 900\n"], &[]);
    let unseen = over.replace("gw2 INVITE", "gw2 INVITE lost");
    assert_ne!(unseen, over);
    judge(&[ROUTES, &unseen, &later, "end 900\n"], &[]);
}

#[test]
fn a_loop_of_three_proxies_is_seen_and_a_way_through_two_is_not() {
    let scene = "
host  alice 10.1.0.1:5060
proxy p     10.9.0.1:5060
proxy q     10.9.0.2:5060
proxy r     10.9.0.3:5060
host  bob   10.2.0.1:5060
";
    judge(
        &[
            scene,
            "
call c1
  0.00 alice -> p INVITE
  0.01 p -> q INVITE as first
  0.02 q -> r INVITE
  0.03 r -> p INVITE
  0.04 p -> q INVITE
  0.05 q -> r INVITE
  0.06 r -> p INVITE
  0.07 p -> q INVITE as last
  0.08 q -> p 483 as no
  0.09 p -> q ACK for no
end 300
",
        ],
        &["loop-seen error confirmed 1"],
    )
    .quotes(&["first", "last"]);
    judge(
        &[
            scene,
            "
call c1
  0.00 alice -> p INVITE
  0.01 p -> q INVITE
  0.02 q -> bob INVITE
  0.10 bob -> q 486 as b
  0.11 q -> bob ACK for b
  0.12 q -> p 486 as q
  0.13 p -> q ACK for q
  0.14 p -> alice 486 as p
  0.15 alice -> p ACK for p
end 300
",
        ],
        &[],
    );
}

/// So many large INVITEs, and small OPTIONS that are answered.
fn sizes(large: u32, pad: u32, answer: &str) -> String {
    let mut text = String::new();
    for no in 0..large {
        text += &format!(
            "call large{no} at {}
  0.0 alice -> bob INVITE pad={pad} as big{no}
  repeat big{no} 0.5 1.5 3.5
{}",
            no * 60,
            answer.replace("{no}", &no.to_string())
        );
    }
    for no in 0..10 {
        text += &format!(
            "call small{no} at {}\n  0.0 alice -> bob OPTIONS\n  0.1 alice <- bob 200\n",
            no * 50 + 10
        );
    }
    text
}

#[test]
fn large_requests_that_go_unanswered_beside_small_ones_that_do_not_are_told() {
    let unanswered = "never-answered(few-copies) warning probable 4";
    let judged = judge(
        &[TWO, "mtu 1500\n", &sizes(4, 1400, ""), "end 900\n"],
        &["fragments-lost warning probable 4", unanswered],
    );
    let found = judged.analysed.finding_of("fragments-lost");
    let detail = found.detail.as_deref().unwrap_or("");
    assert!(
        detail.contains("Unanswered are 4 of 4 requests over 1300 bytes or in fragments, and 0 of 10 smaller ones.")
            && detail.contains("4 of them came to this tap in fragments"),
        "{detail}"
    );
    judge(&[TWO, &sizes(4, 10, ""), "end 900\n"], &[unanswered]);
    let answered = "  3.6 alice <- bob 486 as no{no}\n  3.7 alice -> bob ACK for no{no}\n";
    judge(
        &[TWO, "mtu 1500\n", &sizes(4, 1400, answered), "end 900\n"],
        &[],
    );
}

// Ends of calls.

const ANSWERED: &str = "
call c1
  0.0 alice -> bob INVITE
  1.0 alice <- bob 200
  1.1 alice -> bob ACK
";

#[test]
fn a_bye_that_is_never_answered_or_unknown_is_one_sided() {
    let repeated = format!("  60 alice -> bob BYE as bye\n  repeat bye {E}\nend 400\n");
    judge(
        &[TWO, ANSWERED, &repeated],
        &["bye-unanswered warning confirmed 1"],
    )
    .quotes(&["bye"]);
    judge(
        &[
            TWO,
            ANSWERED,
            "  60 alice -> bob BYE as bye\n  60.1 alice <- bob 481 as no\nend 400\n",
        ],
        &["bye-unknown-dialog warning confirmed 1"],
    )
    .quotes(&["bye", "no"]);
    judge(
        &[
            TWO,
            ANSWERED,
            "  60 alice -> bob BYE\n  60.1 alice <- bob 200\nend 400\n",
        ],
        &[],
    );
}

#[test]
fn byes_that_cross_are_no_fault() {
    judge(
        &[
            TWO,
            ANSWERED,
            "
  60.00 alice -> bob BYE as a
  60.01 bob -> alice BYE as b
  60.05 alice <- bob 481 for a
  60.06 bob <- alice 481 for b
end 400
",
        ],
        &[],
    );
}

/// Calls that the callee ends so many seconds after the answer.
fn lasting(seconds: &[f64]) -> String {
    let mut text = String::new();
    for (no, seconds) in seconds.iter().enumerate() {
        text += &format!(
            "call c{no} at {}
  0.0 alice -> bob INVITE
  1.0 alice <- bob 200
  1.1 alice -> bob ACK
  {} bob -> alice BYE
  +0.1 bob <- alice 200
",
            no * 100,
            seconds + 1.0
        );
    }
    text
}

#[test]
fn calls_that_end_at_32_s_are_told_and_those_of_all_lengths_are_not() {
    judge(
        &[TWO, &lasting(&[32.0, 32.1, 31.9, 200.0]), "end 900\n"],
        &["drops-at-32-s info inconclusive 3"],
    );
    judge(
        &[
            TWO,
            &lasting(&[21.0, 26.0, 31.0, 33.0, 38.0, 43.0]),
            "end 900\n",
        ],
        &[],
    );
}

// Registrations.

/// A REGISTER that gets a challenge, and so many with credentials that get this code.
fn register(rounds: u32, code: u16, challenge: &str) -> String {
    let mut text = format!(
        "call r
  0.0 alice -> bob REGISTER
  0.1 alice <- bob 401
  WWW-Authenticate: {challenge}
"
    );
    for round in 0..rounds {
        let header = if code == 401 {
            format!("  WWW-Authenticate: {challenge}\n")
        } else {
            "  Expires: 36000\n".to_owned()
        };
        text += &format!(
            "  {0}.0 alice -> bob REGISTER as ask{0}
  Authorization: Digest username=\"alice\", realm=\"a\", nonce=\"n\", response=\"r\"
  {0}.1 alice <- bob {code} as no{0}
{header}",
            round + 1
        );
    }
    text
}

#[test]
fn credentials_that_are_refused_again_and_again_are_a_loop_with_a_cause() {
    let fresh = "Digest realm=\"a\", nonce=\"n\"";
    let judged = judge(
        &[TWO, &register(3, 401, fresh), "end 400\n"],
        &["authentication-loop warning confirmed 1"],
    );
    judged.quotes(&["ask1", "no1", "ask2", "no2"]);
    assert_eq!(judged.cause(), "credentials-refused");
    let stale = "Digest realm=\"a\", nonce=\"n\", stale=true";
    let judged = judge(
        &[TWO, &register(3, 401, stale), "end 400\n"],
        &["authentication-loop warning confirmed 1"],
    );
    assert_eq!(judged.cause(), "stale-nonce");
    judge(&[TWO, &register(1, 200, fresh), "end 400\n"], &[]);
    judge(&[TWO, &register(1, 401, fresh), "end 400\n"], &[]);
}

/// Renewals of one client, so far apart, each granted for an hour.
fn renewals(count: u32, apart: u32) -> String {
    let mut text = "call r\n".to_owned();
    for no in 0..count {
        text += &format!(
            "  {}.0 alice -> bob REGISTER as ask{no}\n  +0.1 alice <- bob 200\n  Expires: 3600\n",
            no * apart
        );
    }
    text
}

#[test]
fn a_client_that_renews_all_the_time_is_told_and_one_that_renews_in_time_is_not() {
    judge(
        &[TWO, &renewals(15, 5), "end 900\n"],
        &["eager-refresh warning confirmed 1"],
    );
    judge(&[TWO, &renewals(6, 1700), "end 9000\n"], &[]);
}

#[test]
fn many_clients_at_once_are_an_avalanche_and_many_one_after_the_other_are_not() {
    let clients = |times: u32, every: f64| {
        format!(
            "call c from=u{{n}} to=u{{n}} at 1000 times {times} every {every}
  0.0 alice -> bob REGISTER
  To: <sip:u{{n}}@example.net>
  0.1 alice <- bob 200
  Expires: 36000
end 4000
"
        )
    };
    let quiet =
        "call q at 0 times 30 every 30\n  0.0 alice -> bob OPTIONS\n  0.1 alice <- bob 200\n";
    judge(
        &[TWO, quiet, &clients(120, 0.1)],
        &["register-avalanche info confirmed 120"],
    );
    judge(&[TWO, quiet, &clients(120, 20.0)], &[]);
}

#[test]
fn a_registration_that_runs_out_is_told_while_others_are_renewed() {
    let other = renewals(6, 300);
    let bob = |code: u16| {
        let refused = if code == 0 {
            String::new()
        } else {
            format!(
                "  50.0 alice -> bob REGISTER as again\n  To: <sip:carol@example.net>\n  +0.1 alice <- bob {code} as no\n"
            )
        };
        format!(
            "call lapse
  0.0 alice -> bob REGISTER
  To: <sip:carol@example.net>
  +0.1 alice <- bob 200 as ok
  Expires: 60
{refused}"
        )
    };
    judge(
        &[TWO, &other, &bob(0), "end 2000\n"],
        &["not-refreshed info probable 1"],
    )
    .quotes(&["ok"]);
    judge(
        &[TWO, &other, &bob(403), "end 2000\n"],
        &["refresh-failed warning confirmed 1"],
    )
    .quotes(&["ok", "again", "no"]);
}

// Bursts.

#[test]
fn a_burst_of_503_among_calls_that_pass_is_one_burst() {
    let calls = |name: &str, at: u32, times: u32, every: u32, code: u16| {
        let end = if code == 200 {
            "  0.03 alice -> bob BYE\n  0.04 alice <- bob 200\n"
        } else {
            ""
        };
        format!(
            "call {name} to=n{{n}} at {at} times {times} every {every}
  0.0 alice -> bob INVITE
  0.01 alice <- bob {code}
  0.02 alice -> bob ACK
{end}"
        )
    };
    let pass = calls("pass", 0, 900, 1, 200);
    let judged = judge(
        &[TWO, &pass, &calls("no", 600, 40, 1, 503), "end 1200\n"],
        &["response-burst error confirmed 40"],
    );
    let burst = judged.analysed.finding_of("response-burst");
    let facts = burst.burst.as_ref().expect("facts of a burst");
    assert_eq!((facts.code, facts.distinct_calls), (503, 40));
    judge(
        &[TWO, &pass, &calls("no", 7, 30, 29, 486), "end 1200\n"],
        &[],
    );
}
