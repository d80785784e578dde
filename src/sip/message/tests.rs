//! What the index makes of plain and of odd messages.

use super::*;

/// Indexes `text` with CRLF line ends and hands the message to `look`.
fn check(text: &str, look: impl FnOnce(Message<'_>)) {
    let bytes = text.replace('\n', "\r\n").into_bytes();
    let head_len = memchr::memmem::find(&bytes, b"\r\n\r\n").map_or(bytes.len(), |at| at + 4);
    let mut indexer = Indexer::new(256);
    look(indexer.index(&bytes, head_len).expect("a start line"));
}

fn odd(text: &str) -> Vec<&'static str> {
    let mut names = Vec::new();
    check(text, |message| names = message.oddities.names().collect());
    names
}

const BASE: &str = "Via: SIP/2.0/UDP h;branch=z9hG4bK1\nFrom: <sip:a@h>;tag=1\nTo: <sip:b@h>\nCall-ID: c\nCSeq: 1 INVITE\n\n";

#[test]
fn a_request_is_read_without_oddities() {
    check(&format!("INVITE sip:b@h SIP/2.0\n{BASE}v=0\n"), |message| {
        assert!(message.oddities.is_empty());
        assert_eq!(message.method().kind, MethodKind::Invite);
        assert_eq!(message.call_id(), Some(b"c".as_slice()));
        assert_eq!(message.body, b"v=0\r\n");
        assert_eq!(message.via_count(), 1);
    });
}

#[test]
fn a_response_names_its_method_in_cseq() {
    check(
        &format!("SIP/2.0 438 Invalid Identity Header\n{BASE}"),
        |message| {
            let StartLine::Response { code, phrase, .. } = message.start else {
                panic!("a response")
            };
            assert_eq!(code.map(StatusCode::get), Some(438));
            assert_eq!(phrase, b"Invalid Identity Header");
            assert_eq!(message.method().kind, MethodKind::Invite);
            assert!(message.oddities.is_empty());
        },
    );
}

#[test]
fn an_empty_phrase_is_not_odd() {
    check(&format!("SIP/2.0 100 \n{BASE}"), |message| {
        assert!(message.oddities.is_empty());
        assert!(matches!(
            message.start,
            StartLine::Response { phrase: b"", .. }
        ));
    });
    assert!(odd(&format!("SIP/2.0 100\n{BASE}")).is_empty());
}

#[test]
fn a_code_of_ten_digits_is_kept_as_text() {
    check(
        &format!("SIP/2.0 4294967301 better not break the receiver\n{BASE}"),
        |message| {
            assert!(matches!(
                message.start,
                StartLine::Response {
                    code: None,
                    code_text: b"4294967301",
                    ..
                }
            ));
            assert!(message.oddities.has(Oddities::INVALID_STATUS_CODE));
        },
    );
}

#[test]
fn blanks_in_the_start_line_are_marked() {
    assert_eq!(
        odd(&format!("INVITE  sip:b@h  SIP/2.0\n{BASE}")),
        ["extra_sp"]
    );
    assert_eq!(
        odd(&format!("INVITE sip:b@h SIP/2.0  \n{BASE}")),
        ["extra_sp"]
    );
    assert_eq!(
        odd(&format!("INVITE sip:b@h; lr SIP/2.0\n{BASE}")),
        ["lwsruri"]
    );
    assert_eq!(
        odd(&format!("INVITE <sip:b@h> SIP/2.0\n{BASE}")),
        ["ltgtruri"]
    );
}

#[test]
fn another_version_is_marked() {
    assert_eq!(
        odd(&format!("INVITE sip:b@h SIP/7.0\n{BASE}")),
        ["bad_version"]
    );
}

#[test]
fn the_first_of_two_single_valued_fields_is_used() {
    check(
        &format!("INVITE sip:b@h SIP/2.0\nCall-ID: first\n{BASE}"),
        |message| {
            assert_eq!(message.call_id(), Some(b"first".as_slice()));
            assert!(message.oddities.has(Oddities::DUPLICATE_HEADER));
        },
    );
}

#[test]
fn missing_fields_are_marked_and_the_rest_is_read() {
    assert_eq!(
        odd("INVITE sip:b@h SIP/2.0\nCSeq: 1 INVITE\n\n"),
        ["insufficient"]
    );
}

#[test]
fn folded_and_compact_fields_are_found() {
    let text = "INVITE sip:b@h SIP/2.0\nv : SIP/2.0/UDP\n h1;branch=z9hG4bK1,\n SIP/2.0/TCP h2\nf: <sip:a@h>\n ;tag=1\nTO :\n <sip:b@h>\ni: c\ncseq: 7\n INVITE\n\n";
    check(text, |message| {
        assert!(
            message.oddities.is_empty(),
            "{:?}",
            message.oddities.names().collect::<Vec<_>>()
        );
        assert_eq!(message.via_count(), 2);
        assert_eq!(
            message.from().and_then(|from| from.tag()),
            Some(b"1".as_slice())
        );
        assert_eq!(message.cseq.number, Some(7));
    });
}

#[test]
fn a_cseq_of_another_method_is_marked() {
    assert_eq!(
        odd(&format!("OPTIONS sip:b@h SIP/2.0\n{BASE}")),
        ["mismatch"]
    );
}

#[test]
fn fields_beyond_the_cap_are_not_indexed_but_said() {
    let many = "X: y\n".repeat(10);
    let bytes = format!("OPTIONS sip:b@h SIP/2.0\n{many}\n").replace('\n', "\r\n");
    let mut indexer = Indexer::new(4);
    let message = indexer
        .index(bytes.as_bytes(), bytes.len())
        .expect("a start line");
    assert_eq!(message.fields().count(), 4);
    assert!(message.oddities.has(Oddities::TOO_MANY_HEADERS));
}

#[test]
fn a_line_feed_alone_ends_lines() {
    let bytes = format!("INVITE sip:b@h SIP/2.0\n{BASE}");
    let mut indexer = Indexer::new(256);
    let message = indexer
        .index(bytes.as_bytes(), bytes.len())
        .expect("a start line");
    assert!(message.oddities.is_empty());
    assert_eq!(message.call_id(), Some(b"c".as_slice()));
}
