//! Who made a refusal, who was silent, where the request went next.

use super::{PROXY, TWO, check, check_remediation, is_unneeded};

#[test]
fn a_relayed_refusal_names_its_maker() {
    check(
        PROXY,
        "
call c1
  0.00 alice -> p INVITE
  0.01 p -> bob INVITE
  1.00 bob -> p 404 as b
  Server: Soft/1.0 (\"x\")
  1.01 p -> bob ACK
  1.02 p -> alice 404 for b as a
  Server: relay
  1.03 alice -> p ACK
end 60
",
        &[
            ("b", "made by 10.2.0.1:5060 or beyond (\"Soft/1.0 ('x')\")"),
            (
                "a",
                "made by 10.2.0.1:5060 or beyond (frame {b}, \"Soft/1.0 ('x')\"), relayed by 10.9.0.1:5060",
            ),
        ],
    );
}

#[test]
fn an_element_that_changes_the_code_is_told_with_what_it_got() {
    check(
        PROXY,
        "
call c1
  0.00 alice -> p INVITE
  0.01 p -> bob INVITE
  1.00 bob -> p 503 as b
  1.01 p -> bob ACK
  1.02 p -> alice 500 as a
  1.03 alice -> p ACK
end 60
",
        &[(
            "a",
            "10.2.0.1:5060 had answered 10.9.0.1:5060 503 in frame {b}",
        )],
    );
    check(
        PROXY,
        "
call c1
  0.00 alice -> p INVITE
  0.01 p -> bob INVITE as on
  1.02 p -> alice 480 as a
  1.03 alice -> p ACK
end 60
",
        &[(
            "a",
            "10.9.0.1:5060 had passed it on to 10.2.0.1:5060 in frame {on}",
        )],
    );
}

#[test]
fn a_time_out_names_the_hop_that_stayed_silent() {
    let call = |answer: &str| {
        format!(
            "
call c1
  0.00 alice -> p INVITE
  0.01 p -> alice 100
  0.02 p -> bob INVITE as on
  {answer}
  32.0 p -> alice 408 as a
  32.1 alice -> p ACK
end 60
"
        )
    };
    check(
        PROXY,
        &call(""),
        &[(
            "a",
            "no answer of 10.2.0.1:5060 to frame {on} was seen, nor any message from 10.2.0.1:5060 to 10.9.0.1:5060",
        )],
    );
    check(
        PROXY,
        &call("0.10 bob -> p 100 as t"),
        &[(
            "a",
            "10.2.0.1:5060 answered 10.9.0.1:5060 100 in frame {t}, and nothing after that was seen",
        )],
    );
    check(
        PROXY,
        &call("0.10 bob -> p 180 as t"),
        &[(
            "a",
            "10.2.0.1:5060 answered 10.9.0.1:5060 180 in frame {t}, and nothing after that was seen",
        )],
    );
}

#[test]
fn a_time_out_behind_the_capture_says_so() {
    check(
        TWO,
        "
call c1
  0.00 alice -> bob INVITE
  0.01 bob -> alice 100 as t
  32.0 bob -> alice 408 as a
  32.1 alice -> bob ACK
end 60
",
        &[(
            "a",
            "10.2.0.1:5060 answered 100 in frame {t}, and gave up 32.0 s after the request; what it waited for is not in this capture",
        )],
    );
}

#[test]
fn a_503_that_went_elsewhere_and_was_accepted_needs_nothing_for_this_call() {
    let call = "
host carol 10.3.0.1:5060
call c1
  0.0 alice -> bob INVITE
  0.1 alice <- bob 503 as full
  Retry-After: 30
  Reason: Q.850;cause=34;text=\"no circuit\"
  0.2 alice -> bob ACK
  0.3 alice -> carol INVITE as next
  1.0 alice <- carol 200 as ok
  1.1 alice -> carol ACK
end 60
";
    check(
        TWO,
        call,
        &[(
            "full",
            "Reason Q.850 34 (no circuit or channel available) \"no circuit\"; Retry-After 30 s; tried again at 10.3.0.1:5060 in frame {next}, accepted in frame {ok}",
        )],
    );
    check_remediation(
        TWO,
        call,
        &[(
            "full",
            "Nothing to do for this call: another target accepted it.",
        )],
    );
    let refused = call.replace("200 as ok", "503 as ok");
    assert!(!is_unneeded(TWO, &refused, "full"));
}

#[test]
fn a_proxys_next_branch_is_another_try() {
    check(
        PROXY,
        "
call c1
  0.00 alice -> p INVITE
  0.01 p -> bob INVITE
  0.10 bob -> p 503 as b
  0.11 p -> bob ACK
  0.12 p -> carol INVITE as next
  1.00 carol -> p 200 as ok
  1.01 p -> alice 200
  1.10 alice -> p ACK
  1.11 p -> carol ACK
end 60
",
        &[(
            "b",
            "tried again at 10.3.0.1:5060 in frame {next}, accepted in frame {ok}",
        )],
    );
}

#[test]
fn branches_at_the_same_time_are_no_other_try() {
    check(
        PROXY,
        "
call c1
  0.00 alice -> p INVITE
  0.01 p -> bob INVITE
  0.02 p -> carol INVITE
  0.10 bob -> p 503 as b
  0.11 p -> bob ACK
  1.00 carol -> p 200
  1.01 p -> alice 200
  1.10 alice -> p ACK
  1.11 p -> carol ACK
end 60
",
        &[("b", "")],
    );
}

#[test]
fn a_redirection_says_where_to_and_whether_it_was_followed() {
    let call = |uri: &str| {
        format!(
            "
host carol 10.3.0.1:5060
call c1
  0.0 alice -> bob INVITE
  0.1 alice <- bob 302 as away
  Contact: \"Away\" <sip:carol@10.3.0.1>;q=0.7, <sip:vm@10.4.0.1>
  0.2 alice -> bob ACK
  0.3 alice -> carol INVITE uri={uri} as next
  1.0 alice <- carol 200 as ok
  1.1 alice -> carol ACK
end 60
"
        )
    };
    let to = "to \"sip:carol@10.3.0.1\", \"sip:vm@10.4.0.1\"";
    let made = "in frame {next}, accepted in frame {ok}";
    let followed = call("sip:carol@10.3.0.1");
    check(
        TWO,
        &followed,
        &[("away", &format!("{to}; followed to 10.3.0.1:5060 {made}"))],
    );
    check_remediation(
        TWO,
        &followed,
        &[(
            "away",
            "Nothing to do: the redirection was followed, and the call accepted there.",
        )],
    );
    check(
        TWO,
        &call("sip:else@10.3.0.1"),
        &[(
            "away",
            &format!("{to}; tried again at 10.3.0.1:5060 {made}"),
        )],
    );
}

#[test]
fn a_ping_that_comes_again_is_no_other_try() {
    check(
        TWO,
        "
call c1
  0.0 alice -> bob OPTIONS
  0.1 alice <- bob 404 as no
  5.0 alice -> bob OPTIONS
  5.1 alice <- bob 200
end 60
",
        &[("no", "")],
    );
}

#[test]
fn a_loop_is_seen_in_the_vias() {
    let via = |host: &str, n: u32| format!("  + Via: SIP/2.0/UDP {host};branch=z9hG4bK{n}\n");
    let vias = [
        via("10.9.0.1:5060", 5),
        via("10.8.0.1", 4),
        via("10.9.0.1:5060", 3),
        via("10.8.0.1", 2),
        via("10.9.0.1:5060", 1),
    ]
    .concat();
    let call = format!(
        "
call c1
  0.0 alice -> bob INVITE
  Max-Forwards: 0
{vias}  0.1 alice <- bob 483 as hops
  0.2 alice -> bob ACK
end 60
"
    );
    check(
        TWO,
        &call,
        &[(
            "hops",
            "Max-Forwards was 0; a loop: \"10.9.0.1\" stands (port 5060) 3 times among 6 Via values",
        )],
    );
}

#[test]
fn an_alternative_service_need_not_name_a_contact() {
    let call = |fields: &str| {
        format!(
            "
call c1
  0.0 alice -> bob INVITE
  0.1 alice <- bob 380 as other
{fields}
  0.2 alice -> bob ACK
end 60
"
        )
    };
    let body = "  - Contact\n  Content-Type: application/3gpp-ims+xml;sv=1\n  | <ims-3gpp/>";
    check(
        TWO,
        &call(body),
        &[(
            "other",
            "the other service is described in application/3gpp-ims+xml",
        )],
    );
    let moved = call("  - Contact").replace("380", "302");
    check(TWO, &moved, &[("other", "it names no Contact")]);
}

#[test]
fn elements_of_one_host_are_told_apart_by_their_place_on_the_way() {
    check(
        "
host  alice 127.0.0.1:5070
proxy p     127.0.0.1:5060
host  bob   127.0.0.1:5080
host  carol 127.0.0.1:5090
",
        "
call c1
  0.00 alice -> p INVITE
  0.01 p -> bob INVITE
  0.10 bob -> p 503 as b
  0.11 p -> bob ACK
  0.12 p -> carol INVITE as next
  0.20 carol -> p 404 as c
  0.21 p -> carol ACK
  0.22 p -> alice 404 for c as a
  0.23 alice -> p ACK
end 60
",
        &[
            (
                "b",
                "tried again at 127.0.0.1:5090 in frame {next}, then 404 in frame {c}",
            ),
            ("c", ""),
            (
                "a",
                "made by 127.0.0.1:5090 or beyond (frame {c}), relayed by 127.0.0.1:5060",
            ),
        ],
    );
}

#[test]
fn a_relayed_483_says_nothing_of_the_hop_it_was_not_made_on() {
    check(
        PROXY,
        "
call c1
  0.00 alice -> p INVITE
  Max-Forwards: 1
  0.01 p -> bob INVITE
  0.02 bob -> p 483 as b
  0.03 p -> bob ACK
  0.04 p -> alice 483 for b as a
  0.05 alice -> p ACK
end 60
",
        &[
            ("b", "Max-Forwards was 0; 2 Via values, none twice"),
            (
                "a",
                "made by 10.2.0.1:5060 or beyond (frame {b}), relayed by 10.9.0.1:5060",
            ),
        ],
    );
}
