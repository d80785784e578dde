//! What stays of a text, and what does not.

use super::super::key::Key;
use super::*;
use crate::limits::Limits;

fn scanned(text: &str, say: Say) -> String {
    let mut pseudonyms = Pseudonyms::new(Key::new(b"k"), &Limits::default());
    pseudonyms.settle();
    let mut bytes = text.as_bytes().to_vec();
    scan(&mut bytes, say, &mut pseudonyms);
    assert_eq!(bytes.len(), text.len());
    String::from_utf8(bytes).unwrap()
}

/// `#` stands for what must have changed; everything else must have stayed.
#[track_caller]
fn check(say: Say, text: &str, expected: &str) {
    let new = scanned(text, say);
    assert_eq!(text.len(), expected.len(), "the test's own lengths");
    for (at, ((old, new_byte), expected)) in text
        .bytes()
        .zip(new.bytes())
        .zip(expected.bytes())
        .enumerate()
    {
        if expected != b'#' {
            assert_eq!(
                char::from(new_byte),
                char::from(old),
                "byte {at} of {text:?} became {new:?}"
            );
        }
    }
    // Whole stretches must have changed; a single byte may be itself by chance.
    let (mut from, bytes) = (0, expected.as_bytes());
    while from < bytes.len() {
        let len = bytes[from..]
            .iter()
            .take_while(|byte| **byte == b'#')
            .count();
        if len > 1 {
            assert_ne!(
                text.get(from..from + len),
                new.get(from..from + len),
                "{text:?} became {new:?}"
            );
        }
        from += len.max(1);
    }
}

#[test]
fn uris_lose_user_host_and_password_and_keep_their_form() {
    check(
        Say::LITTLE,
        "sip:alice@gw.carrier.net:5060;transport=tcp;user=phone",
        "sip:#####@##.#######.net:5060;transport=tcp;user=phone",
    );
    check(
        Say::LITTLE,
        "<sips:bob:secret@[2001:db8::1]:5061>",
        "<sips:###:######@[2###:###::#]:5061>",
    );
    check(
        Say::LITTLE,
        "tel:+1-215-555-1212;phone-context=+1",
        "tel:+1-###-###-####;phone-context=+1",
    );
    check(
        Say::LITTLE,
        "https://certs.carrier.com/passport.pem",
        "https://#####.#######.com/passport.pem",
    );
    check(
        Say::LITTLE,
        "sip:x@10.1.0.9?Replaces=ab12%40h.net%3Bto-tag%3Dxyz",
        "sip:#@10.#.#.#?Replaces=####%40#.net%3Bto-tag%3D###",
    );
}

#[test]
fn words_and_codes_stay_and_what_is_neither_does_not() {
    check(Say::CODES, "Service Unavailable", "Service Unavailable");
    check(
        Say::CODES,
        "Q.850;cause=16;text=\"Normal call clearing\"",
        "Q.850;cause=16;text=\"Normal call clearing\"",
    );
    check(
        Say::CODES,
        "no route to Smithville 4471234567",
        "no route to ########## ##########",
    );
    check(
        Say::LITTLE,
        "z9hG4bKabc;branch=z9hG4bK77ef4c2312983.1",
        "##########;branch=z9hG4bK#############.#",
    );
    check(Say::NOTHING, "\"Service\" <", "\"#######\" <");
}

#[test]
fn a_number_that_people_write_is_one_number() {
    let a = scanned("call (215) 555-1212 x", Say::NOTHING);
    let b = scanned("2155551212", Say::NOTHING);
    let digits: String = a.chars().filter(char::is_ascii_digit).collect();
    assert_eq!(digits, b);
}

#[test]
fn nothing_is_skipped_behind_an_escape_or_a_port() {
    check(Say::NOTHING, "%40bob%3Dcarol", "%40###%3D#####");
    check(
        Say::LITTLE,
        "sip:a@b.net:5060carol",
        "sip:#@#.net:5060#####",
    );
    check(Say::LITTLE, "alice=carol;carol", "#####=#####;#####");
}

#[test]
fn what_is_said_of_a_parameter_ends_with_its_value() {
    check(
        Say::LITTLE,
        "?Reason=SIP%3Bcause%3D302%3Btext%3D%22call%202155551213%22",
        "?Reason=SIP%3Bcause%3D302%3Btext%3D%22call%20##########%22",
    );
    check(
        Say::LITTLE,
        "q=1 or 2155551214 cause=16",
        "q=1 or ########## cause=16",
    );
    check(Say::NOTHING, "rc=5, 2155551216", "rc=5, ##########");
    check(Say::NOTHING, "port=2155551217", "port=##########");
}

#[test]
fn an_address_in_the_name_of_a_machine_does_not_stay() {
    check(Say::LITTLE, "ip-10-11-12-13", "##-##-##-##-##");
    check(Say::CODES, "sip-203_0_113_9", "###-###_#_###_#");
    check(Say::CODES, "Asterisk-16.2.1-1", "Asterisk-16.2.1-1");
}

#[test]
fn digits_that_are_labels_are_replaced_together() {
    check(
        Say::LITTLE,
        "sip:2.1.2.1.5.5.5.5.1.2.1.e164.arpa;lr",
        "sip:#####################.####.arpa;lr",
    );
    check(
        Say::LITTLE,
        "9.113.0.203.in-addr.arpa",
        "###########.#######.arpa",
    );
}

#[test]
fn an_extension_that_is_a_user_is_replaced_among_codes() {
    let mut pseudonyms = Pseudonyms::new(Key::new(b"k"), &Limits::default());
    scan(
        &mut b"sip:4021@h.net".to_vec(),
        Say::LITTLE,
        &mut pseudonyms,
    );
    pseudonyms.settle();
    let mut text = b"Ext 4021 busy, 4022".to_vec();
    scan(&mut text, Say::CODES, &mut pseudonyms);
    let text = String::from_utf8(text).unwrap();
    assert!(!text.contains("4021"), "{text}");
    assert!(text.contains("4022"), "{text}");
}
