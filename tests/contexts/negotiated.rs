//! What was asked and what is wanted instead: media, options, intervals, sizes.

use super::{TWO, check, check_remediation, is_unneeded, response};

/// A request with `fields`, refused with `code` and `answer`.
fn refused(method: &str, fields: &str, code: u16, answer: &str) -> String {
    format!(
        "
call c1
  0.0 alice -> bob {method} as asked
{fields}
  0.1 alice <- bob {code} {method} as no
{answer}
end 60
"
    )
}

#[track_caller]
fn check_no(call: &str, words: &str) {
    check(TWO, call, &[("no", words)]);
}

const OFFER: &str = "  Content-Type: application/sdp
  | v=0
  | m=audio 4000 RTP/AVP 18 101
  | a=rtpmap:101 telephone-event/8000";

#[test]
fn a_488_compares_what_was_offered_with_what_is_wanted() {
    let wanted = "  Content-Type: application/sdp
  | v=0
  | m=audio 5000 RTP/AVP 8 0 101
  | a=rtpmap:101 telephone-event/8000";
    check_no(
        &refused("INVITE", OFFER, 488, wanted),
        "offered G729, telephone-event, wanted PCMA, PCMU, telephone-event; no codec of audio in common",
    );
    let common = wanted.replace("8 0", "8 18");
    check_no(
        &refused("INVITE", OFFER, 606, &common),
        "offered G729, telephone-event, wanted PCMA, G729, telephone-event",
    );
    check_no(
        &refused(
            "INVITE",
            OFFER,
            488,
            "  Warning: 305 10.2.0.1 \"no G729 licence\"",
        ),
        "offered G729, telephone-event; Warning 305 (incompatible media format) of 10.2.0.1 \"no G729 licence\"",
    );
}

#[test]
fn encrypted_and_plain_media_are_told_apart() {
    let srtp = OFFER.replace("RTP/AVP", "RTP/SAVP");
    let plain = OFFER.replace("4000", "5000");
    check_no(
        &refused("INVITE", &srtp, 488, &plain),
        "offered G729, telephone-event (RTP/SAVP), wanted G729, telephone-event; SRTP was offered, plain RTP is wanted",
    );
    check_no(
        &refused("INVITE", &plain, 488, &srtp),
        "offered G729, telephone-event, wanted G729, telephone-event (RTP/SAVP); plain RTP was offered, SRTP is wanted",
    );
    // Both were offered: the profile is not it.
    let both = format!("{srtp}\n  | m=audio 4002 RTP/AVP 18");
    check_no(
        &refused("INVITE", &both, 488, &plain),
        "offered G729, telephone-event (RTP/SAVP) + G729, wanted G729, telephone-event",
    );
}

#[test]
fn fax_and_a_missing_offer_are_named() {
    let fax = "  Content-Type: application/sdp
  | v=0
  | m=image 4000 udptl t38";
    check_no(&refused("INVITE", fax, 488, ""), "offered T.38");
    let nothing = OFFER.replace("18 101", "");
    check_no(
        &refused("INVITE", &nothing, 488, ""),
        "offered audio without a codec",
    );
    let call = refused("INVITE", "", 488, "").replace("INVITE as asked", "INVITE no-sdp as asked");
    check_no(&call, "the INVITE offered no media");
    let held = OFFER.replace("audio 4000", "audio 0");
    check_no(
        &refused("INVITE", &held, 488, ""),
        "no medium in the SDP of the INVITE has a port other than 0",
    );
}

#[test]
fn a_488_to_what_describes_no_session_is_not_about_codecs() {
    for (method, is_about_media) in [("NOTIFY", false), ("MESSAGE", false), ("INVITE", true)] {
        let call = refused(method, "", 488, "");
        let (found, _) = response(TWO, &call, "no");
        let says = found.remediation.contains("codec") || found.remediation.contains("SDP");
        assert_eq!(says, is_about_media, "{method}: {}", found.remediation);
    }
}

#[test]
fn a_phrase_that_says_more_than_the_code_decides_what_is_to_be_done() {
    for (code, phrase, word) in [
        (403, "Wrong password or domain", "password"),
        (403, "Authentication Failed", "password"),
        (401, "nonce has changed", "new nonce"),
        (403, "Forbidden", "access list"),
    ] {
        let answer = format!("{code} REGISTER reason=\"{phrase}\"");
        let call = refused("REGISTER", "", code, "").replace(&format!("{code} REGISTER"), &answer);
        let (found, _) = response(TWO, &call, "no");
        assert!(
            found.remediation.contains(word),
            "{phrase}: {}",
            found.remediation
        );
    }
}

#[test]
fn what_439_and_493_are_about_is_told_from_the_request() {
    check_no(
        &refused("REGISTER", "  Supported: path, outbound", 439, ""),
        "the request's Supported has outbound",
    );
    let encrypted = "  Content-Type: application/pkcs7-mime; smime-type=enveloped-data
  | secret";
    check_no(
        &refused("MESSAGE", encrypted, 493, ""),
        "sent application/pkcs7-mime",
    );
}

#[test]
fn without_the_request_nothing_is_said_of_what_was_offered() {
    let scene = ["begin 0.05\n", TWO].concat();
    check(&scene, &refused("INVITE", OFFER, 488, ""), &[("no", "")]);
}

#[test]
fn intervals_are_compared() {
    check_no(
        &refused(
            "INVITE",
            "  Session-Expires: 90;refresher=uac",
            422,
            "  Min-SE: 1800",
        ),
        "asked for Session-Expires 90 s; wanted at least 1800 s (Min-SE)",
    );
    check_no(
        &refused("INVITE", "", 422, "  Min-SE: 1800"),
        "asked for no Session-Expires; wanted at least 1800 s (Min-SE)",
    );
    check_no(
        &refused(
            "REGISTER",
            "  Contact: <sip:a@h>;expires=60",
            423,
            "  Min-Expires: 3600",
        ),
        "asked for expiry 60 s; wanted at least 3600 s (Min-Expires)",
    );
    check_no(
        &refused("SUBSCRIBE", "  Expires: 20\n  Event: presence", 423, ""),
        "asked for expiry 20 s; it names no Min-Expires",
    );
}

#[test]
fn a_request_that_was_corrected_and_accepted_needs_nothing() {
    let call = "
call c1
  0.0 alice -> bob INVITE
  Session-Expires: 90
  0.1 alice <- bob 422 as small
  Min-SE: 1800
  0.2 alice -> bob ACK
  0.3 alice -> bob INVITE as again
  Session-Expires: 1800
  1.0 alice <- bob 200 as ok
  1.1 alice -> bob ACK
end 60
";
    check(
        TWO,
        call,
        &[(
            "small",
            "asked for Session-Expires 90 s; wanted at least 1800 s (Min-SE); tried again in frame {again}, accepted in frame {ok}",
        )],
    );
    check_remediation(
        TWO,
        call,
        &[(
            "small",
            "Nothing to do: the request was sent again, changed, and accepted.",
        )],
    );
    let refused_again = call.replace("200 as ok", "486 as ok");
    assert!(!is_unneeded(TWO, &refused_again, "small"));
}

#[test]
fn options_are_compared() {
    check_no(
        &refused(
            "INVITE",
            "  Require: 100rel, timer\n  Proxy-Require: sec-agree",
            420,
            "  Unsupported: 100rel",
        ),
        "Unsupported 100rel; asked with Require 100rel, timer; asked with Proxy-Require sec-agree",
    );
    check_no(&refused("INVITE", "", 420, ""), "it names no Unsupported");
    check_no(
        &refused(
            "INVITE",
            "  Supported: timer",
            421,
            "  Require: sec-agree, timer",
        ),
        "Require sec-agree, timer, and the request's Supported has no sec-agree",
    );
    check_no(
        &refused("INVITE", "  Supported: timer", 421, "  Require: x-own"),
        "Require x-own",
    );
}

#[test]
fn methods_bodies_and_events_are_compared() {
    check_no(
        &refused("REFER", "", 405, "  Allow: INVITE, ACK, BYE"),
        "asked for REFER; Allow INVITE, ACK, BYE",
    );
    check_no(
        &refused("FROBNICATE", "", 501, ""),
        "asked for FROBNICATE; it names no Allow",
    );
    check_no(
        &refused(
            "INFO",
            "  Content-Type: application/dtmf-relay;x=y\n  | Signal=1",
            415,
            "  Accept: application/sdp, application/dtmf;q=0.5",
        ),
        "sent application/dtmf-relay; Accept application/sdp, application/dtmf",
    );
    check_no(
        &refused("INVITE", OFFER, 415, ""),
        "sent application/sdp; it names no Accept",
    );
    check_no(
        &refused(
            "SUBSCRIBE",
            "  Event: message-summary;id=4",
            489,
            "  Allow-Events: presence, dialog",
        ),
        "asked for event message-summary; Allow-Events presence, dialog",
    );
    check_no(
        &refused("INFO", "  Info-Package: dtmf", 469, "  Recv-Info: foo"),
        "sent package dtmf; Recv-Info foo",
    );
    check_no(
        &refused("PUBLISH", "  SIP-If-Match: abc\n  Event: presence", 412, ""),
        "asked with SIP-If-Match \"abc\"",
    );
}

#[test]
fn sizes_and_schemes_are_told() {
    let body = format!("  Content-Type: text/plain\n  | {}", "x".repeat(998));
    check_no(
        &refused("MESSAGE", &body, 413, "  Retry-After: 60 (later)"),
        "body of 1000 bytes; Retry-After 60 s \"later\"",
    );
    let call =
        refused("OPTIONS", "", 414, "").replace("OPTIONS as", "OPTIONS uri=sip:bob@10.2.0.1 as");
    check_no(&call, "Request-URI of 16 bytes");
    let call = refused("OPTIONS", "", 416, "").replace("OPTIONS as", "OPTIONS uri=tel:+15551 as");
    check_no(&call, "sent to a tel URI");
    check_no(&refused("OPTIONS", "", 416, ""), "sent to a sip URI");
    let (found, _) = response(TWO, &refused("INVITE", "", 513, ""), "no");
    assert!(
        found.context.starts_with("request of ") && found.context.ends_with(" bytes"),
        "{}",
        found.context
    );
}

#[test]
fn location_alerts_priority_and_security_are_told() {
    check_no(
        &refused(
            "INVITE",
            "  Geolocation: <cid:a@b>",
            424,
            "  Geolocation-Error: 100;code=\"Cannot Process Location\"",
        ),
        "Geolocation-Error \"100;code='Cannot Process Location'\"",
    );
    check_no(
        &refused("INVITE", "", 424, ""),
        "the request carried no Geolocation",
    );
    check_no(
        &refused("MESSAGE", "", 425, "  AlertMsg-Error: 101"),
        "AlertMsg-Error \"101\"",
    );
    check_no(
        &refused(
            "INVITE",
            "  Resource-Priority: ets.0, wps.1",
            417,
            "  Accept-Resource-Priority: dsn.flash",
        ),
        "asked for ets.0, wps.1; Accept-Resource-Priority dsn.flash",
    );
    check_no(
        &refused(
            "REGISTER",
            "  Security-Client: ipsec-3gpp;alg=hmac-sha-1-96",
            494,
            "  Security-Server: ipsec-3gpp;q=0.1, tls;q=0.2",
        ),
        "Security-Server ipsec-3gpp, tls; the request carried Security-Client, and no Security-Verify",
    );
    check_no(
        &refused("REFER", "", 429, ""),
        "the request carried no Referred-By",
    );
    check_no(
        &refused("INVITE", "  Require: precondition", 580, "")
            .replace("INVITE as", "INVITE no-sdp as"),
        "the INVITE offered no media; asked with Require \"precondition\"",
    );
}

#[test]
fn a_stir_refusal_says_whether_there_was_an_identity() {
    check_no(
        &refused("INVITE", "", 428, ""),
        "the INVITE carried no Identity",
    );
    check_no(
        &refused("INVITE", "  Identity: a", 438, ""),
        "the INVITE carried one Identity",
    );
    check_no(
        &refused("INVITE", "  Identity: a\n  Identity: b", 436, ""),
        "the INVITE carried 2 Identity values",
    );
    check_no(
        &refused("INVITE", "  Identity: a, b", 438, ""),
        "the INVITE carried 2 Identity values",
    );
}

#[test]
fn hostile_lists_stay_lists() {
    let many: Vec<_> = (0..300).map(|n| format!("M{n}")).collect();
    let (found, _) = response(
        TWO,
        &refused("REFER", "", 405, &format!("  Allow: {}", many.join(","))),
        "no",
    );
    assert!(found.context.len() < 400, "{}", found.context);
    assert!(found.context.contains("M15, …"), "{}", found.context);
    check_no(
        &refused(
            "REFER",
            "",
            405,
            "  Allow: A; made by 9.9.9.9, B\"x; y\", <script>",
        ),
        "asked for REFER; Allow A, B?x, ?script?",
    );
}

#[test]
fn a_broken_flow_is_named_by_the_route_that_led_to_it() {
    check_no(
        &refused("INVITE", "  Route: <sip:VskztcQ@10.2.0.1;lr;ob>", 430, ""),
        "sent to the flow of Route \"sip:VskztcQ@10.2.0.1;lr;ob\"",
    );
    // Another Route names no flow.
    check_no(
        &refused("INVITE", "  Route: <sip:10.2.0.1;lr>", 430, ""),
        "",
    );
}

#[test]
fn a_440_says_how_many_branches_were_left() {
    check_no(
        &refused("INVITE", "  Max-Breadth: 1", 440, ""),
        "Max-Breadth was 1",
    );
    check_no(
        &refused("INVITE", "", 440, ""),
        "the request carried no Max-Breadth",
    );
}

#[test]
fn a_555_compares_the_push_service_asked_for_with_those_there_are() {
    let contact = "  Contact: <sip:alice@10.1.0.1;pn-provider=acme;pn-prid=secret>";
    check_no(
        &refused(
            "REGISTER",
            contact,
            555,
            "  Feature-Caps: *;+sip.pns=\"apns\"",
        ),
        "asked for push by \"acme\"; Feature-Caps \"*;+sip.pns='apns'\"",
    );
    check_no(
        &refused("REGISTER", contact, 555, ""),
        "asked for push by \"acme\"",
    );
}
