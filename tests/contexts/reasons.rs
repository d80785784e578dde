//! Reason, Warning, Retry-After, Error-Info, redress, and vendors' fields.

use super::{TWO, check, response};

/// An INVITE that `code` answers, with `fields`.
fn answered(code: &str, fields: &str) -> String {
    format!(
        "
call c1
  0.0 alice -> bob INVITE as asked
  0.1 alice <- bob {code} as got
{fields}
end 20
"
    )
}

#[track_caller]
fn check_refusal(code: &str, fields: &str, words: &str) {
    check(TWO, &answered(code, fields), &[("got", words)]);
}

#[test]
fn reasons_are_decoded_by_protocol() {
    for (value, words) in [
        ("Q.850;cause=17;text=\"USER_BUSY\"", "Q.850 17 (user busy)"),
        (
            "Q.850;cause=34;location=TN",
            "Q.850 34 (no circuit or channel available), location TN (transit network)",
        ),
        ("Q.850;cause=126", "Q.850 126"),
        ("SIP;cause=486", "SIP 486 (Busy Here)"),
        (
            "SIP;cause=200;text=\"ACK timeout\"",
            "SIP 200 \"ACK timeout\"",
        ),
        (
            "STIR;cause=438;text=\"bad\"",
            "STIR 438 (Invalid Identity Header) \"bad\"",
        ),
        (
            "RELEASE_CAUSE;cause=4",
            "RELEASE_CAUSE 4 (SIP time-out, no ACK)",
        ),
        ("preemption;cause=5", "Preemption 5 (network preemption)"),
        (
            "FAILURE_CAUSE ;cause=1",
            "FAILURE_CAUSE 1 (media bearer or quality lost)",
        ),
        ("EMM;cause=22", "EMM 22"),
        (
            "X.int;reasoncode=0x00000000;add-info=1",
            "\"X.int;reasoncode=0x00000000;add-info=1\"",
        ),
        ("SIP;cause=99999999999", "\"SIP;cause=99999999999\""),
    ] {
        check_refusal(
            "480",
            &format!("  Reason: {value}"),
            &format!("Reason {words}"),
        );
    }
}

#[test]
fn a_call_that_goes_on_may_carry_a_reason() {
    check(
        TWO,
        &answered("183", "  Reason: STIR;cause=428, Q.850;cause=127"),
        &[(
            "got",
            "Reason STIR 428 (Use Identity Header); Reason Q.850 127 (interworking, unspecified)",
        )],
    );
}

#[test]
fn what_sers_heirs_tell_with_every_100_is_no_context() {
    let noise = "  Warning: 392 10.2.0.1:5060 \"Noisy feedback tells: pid=1\"";
    check(TWO, &answered("100", noise), &[("got", "")]);
    check_refusal(
        "404",
        noise,
        "Warning 392 of 10.2.0.1:5060 \"Noisy feedback tells: pid=1\"",
    );
}

#[test]
fn an_answer_has_its_ack_and_its_reason() {
    check(
        TWO,
        "
call c1
  0.0 alice -> bob INVITE
  0.1 alice <- bob 200 as got
  Warning: 399 gw \"transcoding\"
  0.2 alice -> bob ACK as ack
end 60
",
        &[(
            "got",
            "ACK in frame {ack} after 100 ms; Warning 399 of gw \"transcoding\"",
        )],
    );
}

#[test]
fn warnings_name_code_agent_and_text() {
    for (value, words) in [
        (
            "399 10.2.0.1:5060 \"Maximum calls\"",
            "Warning 399 of 10.2.0.1:5060 \"Maximum calls\"",
        ),
        (
            "381 h \"SIPS Required\"",
            "Warning 381 (SIPS required) of h",
        ),
        ("1812 h \"x\"", "Warning 1812 (no code of SIP) of h \"x\""),
        (
            "301 a \"b\", 302 c \"d, e\"",
            "Warning 301 (incompatible network address formats) of a \"b\"; Warning 302 (incompatible transport protocol) of c \"d, e\"",
        ),
    ] {
        check_refusal("403", &format!("  Warning: {value}"), words);
    }
}

#[test]
fn retry_after_and_error_info_are_told() {
    check_refusal(
        "486",
        "  Retry-After: 18000;duration=3600\n  Error-Info: <sip:busy@ann.example>, <https://a.example/x>",
        "Retry-After 18000 s; Error-Info \"sip:busy@ann.example\"; Error-Info \"https://a.example/x\"",
    );
    check_refusal("600", "  Retry-After: tomorrow", "Retry-After \"tomorrow\"");
}

#[test]
fn analytics_blocking_names_the_way_of_redress() {
    check_refusal(
        "603 reason=\"Network Blocked\"",
        "  Reason: Q.850;cause=21;location=LN;text=\"v=analytics1;url=https://r.example/a?b=c;tel=+15551;email=x@r.example\"",
        "603+: blocked by analytics, location LN (public network serving the local user), redress by url \"https://r.example/a?b=c\", tel \"+15551\", email \"x@r.example\"",
    );
    check_refusal(
        "603",
        "  Reason: SIP;cause=603;text=\"v=analytics1\"",
        "603+: blocked by analytics, and names no way of redress",
    );
    check_refusal(
        "603",
        "  Reason: Q.850;cause=21",
        "Reason Q.850 21 (call rejected)",
    );
}

#[test]
fn a_608_names_its_card() {
    check_refusal(
        "608",
        "  Call-Info: <https://a.example/icon>;purpose=icon, <https://block.example/card>;purpose=jwscard",
        "redress: signed card at \"https://block.example/card\"",
    );
    check_refusal("608", "", "no Call-Info with a card for redress");
}

#[test]
fn vendors_say_more() {
    check_refusal(
        "503",
        "  X-Asterisk-HangupCause: Circuit/channel congestion\n  X-Asterisk-HangupCauseCode: 34",
        "Asterisk hangup cause 34 (no circuit or channel available) \"Circuit/channel congestion\"",
    );
    check_refusal(
        "504",
        "  ms-diagnostics: 1034;reason=\"Previous hop did not report\";source=\"edge.example\"",
        "10.2.0.1:5060 gave up 100 ms after the request; what it waited for is not in this capture; ms-diagnostics 1034 reason \"Previous hop did not report\" source \"edge.example\"",
    );
}

#[test]
fn what_strangers_write_stays_in_its_quotes_and_on_its_line() {
    let fields = "  Reason: Q.850;cause=16;text=\"x\x1b[2J; made by 6.6.6.6\u{202e}\"
  Warning: 399 a;b<c>\x07 \"q\\\"; accepted in frame 1\"";
    let (found, _) = response(TWO, &answered("403", fields), "got");
    assert_eq!(
        found.context,
        format!(
            "Reason Q.850 16 (normal call clearing) \"x\\u{{1b}}[2J; made by 6.6.6.6\\u{{202e}}\"; Warning 399 of a?b?c?? \"q'; accepted in frame 1\""
        )
    );
    let long = format!("  Reason: X;text=\"{}\"", "é".repeat(4000));
    let (found, _) = response(TWO, &answered("403", &long), "got");
    assert!(found.context.chars().count() < 200, "{}", found.context);
    let many = "  Warning: 399 a \"b\"\n".repeat(40);
    let (found, _) = response(TWO, &answered("403", &many), "got");
    assert!(found.context.len() < 1500, "{}", found.context);
}
