//! Signatures: the published vectors, and keys made for the purpose.

use super::*;
use crate::stir::encoding::decode;
use crate::stir::identity::Identity;

/// The token of RFC 8225 §7.1; its `iat` is a JSON string.
const POSITIVE: &str = "eyJhbGciOiJFUzI1NiIsInR5cCI6InBhc3Nwb3J0IiwieDV1IjoiaHR0cHM6Ly9jZXJ0LmV4YW1wbGUub3JnL3Bhc3Nwb3J0LmNlciJ9.eyJkZXN0Ijp7InVyaSI6WyJzaXA6YWxpY2VAZXhhbXBsZS5jb20iXX0sImlhdCI6IjE0NDMyMDgzNDUiLCJvcmlnIjp7InRuIjoiMTIxNTU1NTEyMTIifX0.rq3pjT1hoRwakEGjHCnWSwUnshd0-zJ6F1VOgFWSjHBr8Qjpjlk-cpFYpFYsojNCpTzO3QfPOlckGaS6hEck7w";

/// The token of RFC 8225 Appendix A, which no key printed there signed.
const NEGATIVE: &str = "eyJhbGciOiJFUzI1NiIsInR5cCI6InBhc3Nwb3J0IiwieDV1IjoiaHR0cHM6Ly9jZXJ0LmV4YW1wbGUub3JnL3Bhc3Nwb3J0LmNlciJ9.eyJkZXN0Ijp7InVyaSI6WyJzaXA6YWxpY2VAZXhhbXBsZS5jb20iXX0sImlhdCI6MTQ3MTM3NTQxOCwib3JpZyI6eyJ0biI6IjEyMTU1NTUxMjEyIn19.VLBCIVDCaeK6M4hLJb6SHQvacAQVvoiiEOWQ_iUkqk79UD81fHQ0E1b3_GluIkba7UWYRM47ZbNFdOJquE35cw";

/// The point of the public key of RFC 8225 Appendix A.2.
const POINT: &str =
    "BPBzW0Hf05rwisDyh5DBfX0nGrxnh-_GE1PKi0vCORyx0kppQEy3LJUDITQvzoZVgWAutupyJaO13nm2Eu0m9-4";

fn published_key() -> Key {
    Key::p256(&decode(POINT.as_bytes()).unwrap().bytes).unwrap()
}

fn verify(token: &str) -> Checked {
    let identity = Identity::parse(token.as_bytes(), false);
    let signature = decode(identity.signature().unwrap()).unwrap();
    published_key().verify(
        Algorithm::Es256,
        identity.signing_input().unwrap(),
        &signature.bytes,
    )
}

#[test]
fn the_published_token_verifies_over_the_bytes_as_sent() {
    assert_eq!(verify(POSITIVE), Checked::Good);
}

#[test]
fn the_token_of_the_appendix_does_not_verify() {
    assert_eq!(verify(NEGATIVE), Checked::Bad);
}

#[test]
fn one_changed_bit_is_a_bad_signature() {
    let changed = POSITIVE.replacen("MTIxNTU1NTEyMTIi", "MTIxNTU1NTEyMTMi", 1);
    assert_ne!(changed, POSITIVE);
    assert_eq!(verify(&changed), Checked::Bad);
}

#[test]
fn a_signature_of_another_length_or_of_zeros_is_bad_and_no_panic() {
    for signature in [&[][..], &[1; 63], &[0; 64], &[0xff; 64], &[1; 65]] {
        assert_eq!(
            published_key().verify(Algorithm::Es256, b"x", signature),
            Checked::Bad
        );
    }
}

#[test]
fn a_signature_in_der_is_known_as_such() {
    let identity = Identity::parse(POSITIVE.as_bytes(), false);
    let fixed = decode(identity.signature().unwrap()).unwrap().bytes;
    let (r, s) = fixed.split_at(32);
    let integer = |half: &[u8]| [&[2, 33, 0][..], half].concat();
    let der = [&[0x30, 70][..], &integer(r), &integer(s)].concat();
    assert!(is_der(&der) && !is_der(&fixed));
    // Certificates are signed like that, with the same key and hash.
    let signed = identity.signing_input().unwrap();
    assert_eq!(
        published_key().verify(Algorithm::EcdsaSha256, signed, &der),
        Checked::Good
    );
}

#[test]
fn a_key_is_only_asked_what_it_can_answer() {
    assert_eq!(
        published_key().verify(Algorithm::RsaSha256, b"x", &[1; 256]),
        Checked::Unsupported
    );
    assert_eq!(
        Key::Other("Ed25519".to_owned()).verify(Algorithm::Es256, b"x", &[1; 64]),
        Checked::Unsupported
    );
}

#[test]
fn a_point_off_the_curve_and_a_tiny_modulus_are_no_keys() {
    assert!(Key::p256(&[4; 65]).is_none());
    assert!(Key::rsa(&[0x30, 6, 2, 1, 15, 2, 1, 3]).is_none());
    assert!(Key::rsa(&[0x30, 3, 2, 1, 15]).is_none());
}
