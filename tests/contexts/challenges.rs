//! 401 and 407.

use super::{PROXY, TWO, check, check_remediation, is_unneeded, response};

/// An INVITE that is challenged, sent with credentials, and challenged again; `first`, `used` and
/// `second` are the parameters of the three.
fn twice(first: &str, used: &str, second: &str, rest: &str) -> String {
    format!(
        "
call c1
  0.0 alice -> bob INVITE
  0.1 alice <- bob 407 as one
  Proxy-Authenticate: Digest {first}
  0.2 alice -> bob ACK
  0.3 alice -> bob INVITE as again
  Proxy-Authorization: Digest {used}
  0.4 alice <- bob 407 as two
  Proxy-Authenticate: Digest {second}
  0.5 alice -> bob ACK
{rest}
end 60
"
    )
}

const FIRST: &str = "realm=\"pbx\", nonce=\"n1\"";
const USED: &str =
    "username=\"2000\", realm=\"pbx\", nonce=\"n1\", uri=\"sip:bob@h\", response=\"5ec7e7\"";
const SECOND: &str = "realm=\"pbx\", nonce=\"n2\"";

#[test]
fn the_same_realm_and_the_offered_nonce_leave_the_password() {
    check(
        TWO,
        &twice(FIRST, USED, SECOND, ""),
        &[
            (
                "one",
                "challenge, answered in frame {again}, challenged again in frame {two}",
            ),
            (
                "two",
                "second challenge, after credentials in frame {again} (user \"2000\", realm \"pbx\", MD5): same realm and not stale, so a wrong user name or password, or an algorithm the client cannot do, and no credentials followed in this call within 59.6 s",
            ),
        ],
    );
}

#[test]
fn credentials_that_are_taken_in_the_end_were_not_wrong() {
    let third = "
  0.6 alice -> bob INVITE as third
  Proxy-Authorization: Digest username=\"2000\", realm=\"pbx\", nonce=\"n2\"
  1.0 alice <- bob 200 as ok
  1.1 alice -> bob ACK
";
    let call = twice(FIRST, USED, SECOND, third);
    check(
        TWO,
        &call,
        &[(
            "two",
            "second challenge, after credentials in frame {again} (user \"2000\", realm \"pbx\", MD5), answered in frame {third}, accepted in frame {ok}",
        )],
    );
    assert!(is_unneeded(TWO, &call, "two"));
    assert!(!is_unneeded(TWO, &call, "one"), "that try was refused");
}

#[test]
fn a_stale_nonce_is_no_wrong_password() {
    let call = twice(FIRST, USED, "realm=\"pbx\", nonce=\"n2\", stale=TRUE", "");
    check(
        TWO,
        &call,
        &[(
            "two",
            "second challenge, after credentials in frame {again}: stale nonce (stale=true), and no credentials followed in this call within 59.6 s",
        )],
    );
}

#[test]
fn another_realm_algorithm_or_nonce_is_told_as_such() {
    let end = ", and no credentials followed in this call within 59.6 s";
    for (used, second, why) in [
        (
            USED,
            "realm=\"gw\", nonce=\"n2\"",
            ": for realm \"gw\", they were for \"pbx\"",
        ),
        (
            USED,
            "realm=\"pbx\", nonce=\"n2\", algorithm=SHA-256",
            ": they were made with MD5, asked for is SHA-256",
        ),
        (
            "username=\"2000\", realm=\"pbx\", nonce=\"n0\"",
            SECOND,
            ": they were not made with the nonce of the challenge in frame {one}",
        ),
    ] {
        let expected = format!("second challenge, after credentials in frame {{again}}{why}{end}");
        check(TWO, &twice(FIRST, used, second, ""), &[("two", &expected)]);
    }
}

#[test]
fn one_algorithm_of_several_offered_will_do() {
    let second = "realm=\"pbx\", nonce=\"n2\", algorithm=SHA-256\n  Proxy-Authenticate: Digest realm=\"pbx\", nonce=\"n2\", algorithm=MD5";
    let (found, _) = response(TWO, &twice(FIRST, USED, second, ""), "two");
    assert!(
        found.context.contains("wrong user name or password"),
        "{}",
        found.context
    );
}

#[test]
fn credentials_in_the_wrong_field_are_told_as_such() {
    check(
        TWO,
        "
call c1
  0.0 alice -> bob REGISTER
  0.1 alice <- bob 407 as one
  Proxy-Authenticate: Digest realm=\"pbx\", nonce=\"n1\"
  0.3 alice -> bob REGISTER as again
  Authorization: Digest username=\"2000\", realm=\"pbx\", nonce=\"n1\"
  0.4 alice <- bob 407 as two
  Proxy-Authenticate: Digest realm=\"pbx\", nonce=\"n2\"
end 20
",
        &[(
            "two",
            "second challenge, after credentials in frame {again}: they stand in the wrong header field (a 401 wants Authorization, a 407 Proxy-Authorization)",
        )],
    );
}

#[test]
fn a_second_element_that_asks_for_its_own_is_no_second_challenge() {
    check(
        TWO,
        "
call c1
  0.0 alice -> bob REGISTER
  0.1 alice <- bob 407 as proxy
  Proxy-Authenticate: Digest realm=\"edge\", nonce=\"n1\"
  0.2 alice -> bob REGISTER as one
  Proxy-Authorization: Digest username=\"2000\", realm=\"edge\", nonce=\"n1\"
  0.3 alice <- bob 401 as registrar
  WWW-Authenticate: Digest realm=\"home\", nonce=\"m1\"
  0.4 alice -> bob REGISTER as both
  Proxy-Authorization: Digest username=\"2000\", realm=\"edge\", nonce=\"n1\"
  Authorization: Digest username=\"2000\", realm=\"home\", nonce=\"m1\"
  0.5 alice <- bob 200 as ok
end 60
",
        &[
            (
                "proxy",
                "challenge, answered in frame {one}, challenged again in frame {registrar}",
            ),
            (
                "registrar",
                "challenge, answered in frame {both}, accepted in frame {ok}",
            ),
        ],
    );
}

#[test]
fn credentials_from_before_the_capture_may_be_too_old() {
    let call = "
call c1
  0.0 alice -> bob REGISTER as first
  Authorization: Digest username=\"2000\", realm=\"pbx\", nonce=\"old\"
  0.1 alice <- bob 401 as one
  WWW-Authenticate: Digest realm=\"pbx\", nonce=\"n1\"
  0.2 alice -> bob REGISTER as again
  Authorization: Digest username=\"2000\", realm=\"pbx\", nonce=\"n1\"
  0.3 alice <- bob 200 as ok
end 60
";
    check(
        TWO,
        call,
        &[(
            "one",
            "challenge to the credentials in frame {first}, which follow no challenge seen here lately: their nonce may be too old, answered in frame {again}, accepted in frame {ok}",
        )],
    );
    assert!(is_unneeded(TWO, call, "one"));
}

#[test]
fn a_challenge_that_nobody_answered_is_told_after_64_t1() {
    let call = |end: &str| {
        format!(
            "
call c1
  0.0 alice -> bob REGISTER
  0.1 alice <- bob 401 as one
{end}
"
        )
    };
    let silent = "challenge, and no credentials followed in this call within 39.9 s";
    check(TWO, &call("end 40"), &[("one", silent)]);
    // Nearest negatives: the capture ends before, and the way to the server was not seen.
    check(TWO, &call("end 31"), &[("one", "")]);
    check(TWO, &call("blind alice -> bob\nend 300"), &[("one", "")]);
}

#[test]
fn a_request_without_credentials_answers_no_challenge() {
    check(
        TWO,
        "
call c1
  0.0 alice -> bob REGISTER
  0.1 alice <- bob 401 as one
  1.0 alice -> bob REGISTER as bare
  1.1 alice <- bob 401 as two
end 20
",
        &[
            (
                "one",
                "challenge, and the client asked again without credentials in frame {bare}",
            ),
            ("two", ""),
        ],
    );
}

#[test]
fn each_hop_of_a_challenge_names_the_requests_of_its_hop() {
    check(
        PROXY,
        "
call c1
  0.00 alice -> p INVITE
  0.01 p -> bob INVITE
  0.10 bob -> p 401 as b
  0.11 p -> alice 401 as a
  0.12 alice -> p ACK
  0.13 p -> bob ACK
  0.20 alice -> p INVITE as ai
  Authorization: Digest username=\"a\"
  0.21 p -> bob INVITE as bi
  1.00 bob -> p 200 as bok
  1.01 p -> alice 200 as aok
  1.10 alice -> p ACK
  1.11 p -> bob ACK
end 60
",
        &[
            (
                "b",
                "challenge, answered in frame {bi}, accepted in frame {bok}",
            ),
            (
                "a",
                "challenge, answered in frame {ai}, accepted in frame {aok}; made by 10.2.0.1:5060 or beyond (frame {b}), relayed by 10.9.0.1:5060",
            ),
        ],
    );
}

#[test]
fn a_phone_that_rings_shows_that_the_credentials_were_taken() {
    let call = "
call c1
  0.0 alice -> bob INVITE
  0.1 alice <- bob 407 as one
  0.2 alice -> bob ACK
  0.3 alice -> bob INVITE as again
  Proxy-Authorization: Digest username=\"a\"
  0.4 alice <- bob 100
  0.5 alice <- bob 180 as ring
  59 alice -> bob CANCEL
  59.1 alice <- bob 200 CANCEL
  59.2 alice <- bob 487 INVITE
  59.3 alice -> bob ACK
end 100
";
    check(
        TWO,
        call,
        &[(
            "one",
            "challenge, answered in frame {again}, then 180 in frame {ring}",
        )],
    );
    check_remediation(
        TWO,
        call,
        &[(
            "one",
            "Nothing to do: the challenge was answered, and the credentials taken.",
        )],
    );
}

#[test]
fn a_403_to_credentials_is_something_to_do() {
    let call = "
call c1
  0.0 alice -> bob REGISTER
  0.1 alice <- bob 401 as one
  0.2 alice -> bob REGISTER as again
  Authorization: Digest username=\"a\"
  0.3 alice <- bob 403 as no
end 60
";
    check(
        TWO,
        call,
        &[
            (
                "one",
                "challenge, answered in frame {again}, then 403 in frame {no}",
            ),
            ("no", ""),
        ],
    );
    assert!(!is_unneeded(TWO, call, "one"));
}

#[test]
fn a_hostile_realm_cannot_speak_for_us() {
    let second = "realm=\"x\\\", accepted in frame 3\", nonce=\"n2\"";
    let (found, _) = response(TWO, &twice(FIRST, USED, second, ""), "two");
    assert!(
        found
            .context
            .contains(": for realm \"x', accepted in frame 3\", they were for \"pbx\""),
        "{}",
        found.context
    );
    let (found, _) = response(TWO, &twice(FIRST, USED, SECOND, ""), "two");
    assert!(!found.context.contains("5ec7e7"), "{}", found.context);
}

#[test]
fn a_client_that_changes_its_from_tag_is_known_by_the_nonce() {
    let call = |nonce: &str| {
        format!(
            "
call c1
  0.0 alice -> bob REGISTER
  0.1 alice <- bob 401 as one
  WWW-Authenticate: Digest realm=\"pbx\", nonce=\"n1\"
  0.2 alice -> bob REGISTER from-tag=other as again
  Authorization: Digest username=\"2000\", realm=\"pbx\", nonce=\"{nonce}\"
  0.3 alice <- bob 200 as ok
end 43
"
        )
    };
    check(
        TWO,
        &call("n1"),
        &[(
            "one",
            "challenge, answered in frame {again}, accepted in frame {ok}",
        )],
    );
    // Another nonce answers another challenge; that nothing followed is not said either.
    check(TWO, &call("n0"), &[("one", "")]);
}

#[test]
fn an_ims_register_proves_nothing_before_it_is_challenged() {
    check(
        TWO,
        "
call c1
  0.0 alice -> bob REGISTER
  Authorization: Digest username=\"a@ims\", realm=\"ims\", uri=\"sip:ims\", nonce=\"\", response=\"\"
  0.1 alice <- bob 401 as one
  WWW-Authenticate: Digest realm=\"ims\", nonce=\"n1\", algorithm=AKAv1-MD5
  0.2 alice -> bob REGISTER as again
  Authorization: Digest username=\"a@ims\", realm=\"ims\", nonce=\"n1\", algorithm=AKAv1-MD5
  0.3 alice <- bob 200 as ok
end 60
",
        &[("one", "challenge, answered in frame {again}, accepted in frame {ok}")],
    );
}

#[test]
fn a_403_names_the_credentials_it_refuses() {
    check(
        TWO,
        "
call c1
  0.0 alice -> bob REGISTER
  Authorization: Digest username=\"2000\", realm=\"pbx\", nonce=\"n\", response=\"5ec7e7\"
  0.1 alice <- bob 403 as no
end 20
",
        &[("no", "to credentials: user \"2000\", realm \"pbx\", MD5")],
    );
}

#[test]
fn a_nonce_may_be_given_up_without_stale() {
    let call = |phrase: &str, at: &str| {
        format!(
            "
call c1
  0.0 alice -> bob REGISTER
  0.1 alice <- bob 401 as one
  WWW-Authenticate: Digest realm=\"pbx\", nonce=\"n1\"
  {at} alice -> bob REGISTER as again
  Authorization: Digest username=\"2000\", realm=\"pbx\", nonce=\"n1\"
  +0.1 alice <- bob 401 reason=\"{phrase}\" as two
  WWW-Authenticate: Digest realm=\"pbx\", nonce=\"n2\"
end 43
"
        )
    };
    let start = "second challenge, after credentials in frame {again}";
    check(
        TWO,
        &call("nonce has changed", "1.0"),
        &[(
            "two",
            &format!(
                "{start}: the server says \"nonce has changed\", and no credentials followed in this call within 41.9 s"
            ),
        )],
    );
    check(
        TWO,
        &call("Unauthorized", "13.1"),
        &[(
            "two",
            &format!(
                "{start} (user \"2000\", realm \"pbx\", MD5, nonce 13.0 s old): same realm and not stale, so a wrong user name or password, or an algorithm the client cannot do, or a nonce that is taken no longer"
            ),
        )],
    );
}
