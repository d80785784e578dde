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
                &text[from..from + len],
                &new[from..from + len],
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
