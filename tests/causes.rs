//! Why the ACK did not come: every cause from packets that show it, and the nearest flow that must
//! not be told so. The finding's cause, its evidence and its remediation are looked at together.

#![expect(
    clippy::indexing_slicing,
    reason = "test support beside the tests; what is not there fails the test"
)]

mod common;

use common::analysis::Analysed;
use common::ladder::Ladder;

const PUBLIC: &str = "
host alice 198.51.100.1:5060
host bob   203.0.113.2:5060
";

/// The callee repeats to the end and hangs up; `from` and `to` are where its packets go.
fn unacknowledged(changes: &str) -> String {
    format!(
        "
call c1
  0.0 alice -> bob INVITE as inv
  1.0 alice <- bob 200 as ok
{changes}
  repeat ok fully
  33.0 bob -> alice BYE
  33.1 alice -> bob 200
end 300
"
    )
}

/// Cause and evidence of the only missing-ack finding of warning or worse.
fn cause(scene: &str, call: &str) -> (Option<String>, String) {
    let analysed = Analysed::of(&Ladder::of(&[scene, call].concat()));
    let found: Vec<_> = analysed
        .view
        .findings
        .iter()
        .filter(|finding| finding.rule == "missing-ack")
        .collect();
    assert_eq!(found.len(), 1, "{found:#?}");
    let evidence = found[0].evidence.clone().unwrap_or_default();
    if let Some(cause) = &found[0].cause {
        assert!(evidence.contains(&format!("{cause}: ")), "{evidence}");
        assert!(found[0].remediation.is_some());
    }
    (found[0].cause.clone(), evidence)
}

/// The cause, whose evidence holds all `words`.
fn check(scene: &str, call: &str, expected: &str, words: &[&str]) {
    let (found, evidence) = cause(scene, call);
    assert_eq!(found.as_deref(), Some(expected), "{evidence}");
    for word in words {
        assert!(evidence.contains(word), "{word:?} is not in: {evidence}");
    }
}

/// Another cause than this one, or none.
fn check_not(scene: &str, call: &str, unexpected: &str) {
    let (found, evidence) = cause(scene, call);
    assert_ne!(found.as_deref(), Some(unexpected), "{evidence}");
}

#[test]
fn a_private_contact_behind_a_public_address_is_named_with_both() {
    let scene = PUBLIC.replace(
        "203.0.113.2:5060",
        "203.0.113.2:5060 says=192.168.1.20:5060",
    );
    check(
        &scene,
        &unacknowledged(""),
        "private-contact",
        &["192.168.1.20", "203.0.113.2:5060"],
    );
}

#[test]
fn a_private_contact_in_a_private_network_is_no_cause() {
    let scene = "
host alice 10.1.0.1:5060
host bob   10.2.0.1:5060 says=192.168.1.20:5060
";
    check_not(scene, &unacknowledged(""), "private-contact");
}

#[test]
fn a_loopback_contact_is_named_in_any_network_but_on_the_machine_itself() {
    let scene = "
host alice 10.1.0.1:5060
host bob   10.2.0.1:5060 says=127.0.0.1:5061
";
    check(
        scene,
        &unacknowledged(""),
        "private-contact",
        &["127.0.0.1:5061", "10.2.0.1:5060"],
    );
    let local = scene.replace("10.", "127.");
    check_not(&local, &unacknowledged(""), "private-contact");
}

#[test]
fn a_private_contact_behind_a_proxy_that_stays_is_no_cause() {
    let scene = "
host  alice 198.51.100.1:5060
proxy p     203.0.113.9:5060
host  bob   10.2.0.1:5060
";
    let call = "
call c1
  0.0  alice -> p INVITE
  0.01 p -> bob INVITE lost
  1.0  p <- bob 200 lost
  1.01 alice <- p 200 as ok
  repeat ok fully
  33.0 bob -> p BYE lost
  33.01 p -> alice BYE
  33.1 alice -> p 200
end 300
";
    check_not(scene, call, "private-contact");
}

#[test]
fn an_ack_that_a_proxy_drops_before_a_private_contact_is_told_so() {
    let scene = "
host  alice 198.51.100.1:5060
proxy p     203.0.113.9:5060
host  bob   203.0.113.2:5060 says=10.99.0.9:5060
";
    let call = "
call c1
  0.0  alice -> p INVITE
  0.01 p -> bob INVITE
  1.0  p <- bob 200 as b
  1.01 alice <- p 200 as ok
  1.1  alice -> p ACK
  repeat b fully
  repeat ok fully
  33.0 bob -> p BYE
  33.01 p -> alice BYE
  33.1 alice -> p 200
  33.11 p -> bob 200
end 300
";
    let words = ["10.99.0.9", "203.0.113.2:5060"];
    check(scene, call, "private-contact", &words);
    let public = scene.replace("10.99.0.9", "203.0.113.2");
    check_not(&public, call, "private-contact");
}

#[test]
fn an_answer_to_a_port_nobody_sent_from_is_no_rport() {
    let call = "
call c1
  0.0 alice -> bob INVITE sport=40000 as inv
  Via: SIP/2.0/UDP 198.51.100.1:5060;branch=z9hG4bK-nat
  1.0 alice <- bob 200 as ok
  repeat inv 1.5 3.5
  repeat ok fully
  33.0 bob -> alice BYE
  33.1 alice -> bob 200
end 300
";
    check(
        PUBLIC,
        call,
        "no-rport",
        &["198.51.100.1:40000", "198.51.100.1:5060"],
    );
}

#[test]
fn a_caller_that_goes_on_asking_did_not_get_the_answer() {
    check(
        PUBLIC,
        &unacknowledged("  repeat inv 1.5 3.5"),
        "answer-not-delivered",
        &["INVITE again in frame"],
    );
    check(
        PUBLIC,
        &unacknowledged("  20 alice -> bob CANCEL\n  20.1 alice <- bob 481 CANCEL"),
        "answer-not-delivered",
        &["CANCEL in frame"],
    );
}

#[test]
fn an_invite_repeated_before_the_answer_says_nothing() {
    check_not(
        PUBLIC,
        &unacknowledged("  repeat inv 0.5"),
        "answer-not-delivered",
    );
}

#[test]
fn a_contact_over_tcp_that_refuses_connections_is_a_transport_switch() {
    let to_tcp = unacknowledged(
        "  Contact: <sip:bob@203.0.113.2:5060;transport=tcp>
  1.1 alice -> bob SYN sport=41000
  1.11 alice <- bob RST dport=41000",
    );
    check(
        PUBLIC,
        &to_tcp,
        "transport-switch",
        &["SYN", "refused in frame"],
    );
    let silent = unacknowledged(
        "  Contact: <sip:bob@203.0.113.2:5060;transport=tcp>
  1.1 alice -> bob SYN sport=41000",
    );
    check(
        PUBLIC,
        &silent,
        "transport-switch",
        &["SYN", "not answered"],
    );
}

#[test]
fn a_contact_over_tcp_alone_is_told_by_its_parameter() {
    check(
        PUBLIC,
        &unacknowledged("  Contact: <sip:bob@203.0.113.2:5060;transport=tcp>"),
        "transport-switch",
        &["transport=tcp", "UDP"],
    );
}

#[test]
fn several_contacts_are_counted() {
    check(
        PUBLIC,
        &unacknowledged("  Contact: <sip:bob@203.0.113.2:5060>, <sip:bob@203.0.113.3:5060>"),
        "several-contacts",
        &["2 Contact values"],
    );
}

#[test]
fn a_proxy_that_did_not_stay_is_named_by_its_hop() {
    let scene = "
host  alice 198.51.100.1:5060
proxy p     198.51.100.9:5060 no-record-route
host  bob   203.0.113.2:5060
";
    let call = "
call c1
  0.0  alice -> p INVITE
  0.01 p -> bob INVITE
  1.0  p <- bob 200 as ok
  repeat ok fully
  1.01 alice <- p 200 as up
  repeat up fully
  33.0 bob -> alice BYE
  33.1 alice -> bob 200
end 300
";
    check(
        scene,
        call,
        "missing-record-route",
        &["198.51.100.9:5060 relayed", "Record-Route (none)"],
    );
}

#[test]
fn a_contact_by_name_is_a_place_to_look() {
    check(
        PUBLIC,
        &unacknowledged("  Contact: <sip:bob@sbc.example.net>"),
        "contact-name",
        &["sbc.example.net"],
    );
    // A name that stands for a connection is not looked up.
    check_not(
        PUBLIC,
        &unacknowledged("  Contact: <sip:bob@df7jal23ls0d.invalid;transport=ws>"),
        "contact-name",
    );
}

#[test]
fn another_socket_as_contact_is_a_new_way_to_open() {
    check(
        PUBLIC,
        &unacknowledged("  Contact: <sip:bob@203.0.113.7:5080>"),
        "new-target",
        &["203.0.113.7:5080", "203.0.113.2:5060"],
    );
}

const OTHER: &str = "
call other
  0.0 alice -> bob INVITE
  0.5 alice <- bob 200
  0.6 alice -> bob ACK
  9.0 alice -> bob BYE
  9.1 alice <- bob 200
end 300
";

#[test]
fn a_caller_whose_other_acks_pass_probably_sent_none() {
    let call = OTHER.replace("end 300\n", "") + &unacknowledged("").replace("c1", "c1 at 60");
    check(PUBLIC, &call, "ack-never-built", &["ACKs of other calls"]);
    check_not(PUBLIC, &unacknowledged(""), "ack-never-built");
}

#[test]
fn an_ack_that_follows_another_contact_is_told_as_such() {
    check(
        PUBLIC,
        &unacknowledged("  1.1 alice -> bob ACK uri=sip:bob@203.0.113.99"),
        "contact-rewritten",
        &["203.0.113.99", "203.0.113.2"],
    );
}

#[test]
fn an_ack_with_an_invented_route_is_told_as_such() {
    check(
        PUBLIC,
        &unacknowledged("  1.1 alice -> bob ACK\n  Route: <sip:192.0.2.77;lr>"),
        "wrong-route-set",
        &["192.0.2.77", "Record-Route none"],
    );
}

#[test]
fn an_ack_to_another_node_than_the_one_that_answered_is_told_as_such() {
    let scene = format!("{PUBLIC}host twin 203.0.113.3:5060\n");
    let call = "
call c1
  0.0 alice -> bob INVITE as inv
  1.0 alice <- bob 200 as ok
  Contact: <sip:bob@203.0.113.3:5060>
  1.1 alice -> twin ACK as ack
  repeat ack 0.5 1.5 3.5 7.5 11.5
  repeat ok fully
  33.0 bob -> alice BYE
  33.1 alice -> bob 200
end 300
";
    check(
        &scene,
        call,
        "other-node",
        &["203.0.113.3:5060", "203.0.113.2:5060"],
    );
}

#[test]
fn an_ack_that_is_right_here_is_lost_or_changed_beyond() {
    check(
        PUBLIC,
        &unacknowledged(
            "  1.1 alice -> bob ACK as ack\n  repeat ack 0.5 1.5 3.5 7.5 11.5 15.5 19.5 23.5 27.5",
        ),
        "lost-beyond-tap",
        &["copies of the 2xx after the ACK in frame"],
    );
}

#[test]
fn a_callee_whose_port_closes_has_restarted() {
    let call = "
call c1
  0.0 alice -> bob INVITE
  1.0 alice <- bob 200
  5.0 alice -> bob BYE as bye
  5.01 alice <- bob ICMP port bye
end 300
";
    check(PUBLIC, call, "callee-restarted", &["ICMP"]);
}

#[test]
fn two_taps_around_a_rewriting_box_show_it() {
    // The same 200, Via for Via, before and after a box that knows a little SIP.
    let scene = "
host alice 198.51.100.1:5060
host bob   203.0.113.2:5060
host far   203.0.113.77:5060
";
    let call = "
call c1
  0.0   alice -> bob INVITE branch=z9hG4bK-same
  0.001 alice -> far INVITE branch=z9hG4bK-same cseq=1
  1.0   alice <- far 200 as far-ok to-tag=one
  Contact: <sip:bob@203.0.113.78:5060>
  1.001 alice <- bob 200 as ok to-tag=one
  Contact: <sip:bob@203.0.113.2:5060>
  repeat far-ok fully
  repeat ok fully
  33.0 far -> alice BYE
end 300
";
    check(
        scene,
        call,
        "sip-alg",
        &["203.0.113.78", "203.0.113.2", "same Via"],
    );
}

#[test]
fn calls_of_one_verdict_and_different_causes_are_different_findings() {
    let two = "
call c1
  0.0 alice -> bob INVITE
  1.0 alice <- bob 200 as ok
  Contact: <sip:bob@192.168.1.20>
  repeat ok fully
  33.0 bob -> alice BYE
  33.1 alice -> bob 200
call c2 at 60
  0.0 alice -> bob INVITE
  1.0 alice <- bob 200 as ok2
  Contact: <sip:bob@sbc.example.net>
  repeat ok2 fully
  33.0 bob -> alice BYE
  33.1 alice -> bob 200
end 300
";
    let analysed = Analysed::of(&Ladder::of(&[PUBLIC, two].concat()));
    let mut causes: Vec<_> = analysed
        .view
        .findings
        .iter()
        .filter(|finding| finding.rule == "missing-ack")
        .filter_map(|finding| finding.cause.as_deref())
        .collect();
    causes.sort_unstable();
    assert_eq!(causes, ["contact-name", "private-contact"]);
}
