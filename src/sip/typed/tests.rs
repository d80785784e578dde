//! What rsip reads, what it refuses or misreads, and that nothing makes it panic.

use proptest::prelude::*;

use super::*;

fn uri_view(scheme: &str, user: Option<&str>, host: &str, port: Option<u16>) -> Uri {
    Uri {
        scheme: scheme.into(),
        user: user.map(Into::into),
        host: host.into(),
        port,
    }
}

#[test]
fn plain_values_have_a_view() {
    assert_eq!(method(b"INVITE"), Ok(MethodKind::Invite));
    assert_eq!(
        status_code(b"SIP/2.0 438 Invalid Identity Header\r\n").map(StatusCode::get),
        Ok(438)
    );
    assert_eq!(
        via(b"SIP/2.0/UDP pc33.example.com:5066;branch=z9hG4bK776;rport"),
        Ok(Via {
            transport: "UDP".into(),
            host: "pc33.example.com".into(),
            port: Some(5066),
            branch: Some("z9hG4bK776".into()),
        })
    );
    assert_eq!(
        address(br#""Alice" <sip:alice@example.com>;tag=1928"#),
        Ok(Address {
            display: Some("\"Alice\"".into()),
            uri: uri_view("sip", Some("alice"), "example.com", None),
            tag: Some("1928".into()),
        })
    );
    assert_eq!(
        contact(b"<sips:bob@192.0.2.4:5061;transport=tcp>;expires=60").map(|view| view.uri),
        Ok(uri_view("sips", Some("bob"), "192.0.2.4", Some(5061)))
    );
    assert_eq!(
        cseq(b"4711 INVITE"),
        Ok(CSeq {
            number: 4711,
            method: MethodKind::Invite,
        })
    );
    assert_eq!(
        message(b"BYE sip:a@b SIP/2.0\r\nVia: x\r\n\r\n"),
        Ok(Start::Request(MethodKind::Bye))
    );
}

#[test]
fn what_rsip_refuses_has_no_view() {
    assert_eq!(method(b"NEWMETHOD"), Err(Refusal::Value));
    assert_eq!(uri(b"sip:a@[2001:db8::1]"), Err(Refusal::Value));
    assert_eq!(via(b"SIP/2.0/QUIC a;branch=z9hG4bK1"), Err(Refusal::Value));
    assert_eq!(via(b"SIP / 2.0 / UDP a"), Err(Refusal::Syntax));
    assert_eq!(address(b"<tel:5551234>;tag=1"), Err(Refusal::Value));
    assert_eq!(address(b"\xe1 <sip:a@b>"), Err(Refusal::NotUtf8));
    assert_eq!(
        contact(br#"<sip:a@b>;+sip.instance="<urn:uuid:1>""#),
        Err(Refusal::Syntax)
    );
    assert_eq!(
        status_code(b"SIP/2.0 4294967301 better not"),
        Err(Refusal::Syntax)
    );
    assert_eq!(status_code(b"SIP/2.0 099 x"), Err(Refusal::Value));
    assert_eq!(cseq(b"4294967296 INVITE"), Err(Refusal::Value));
}

#[test]
fn what_rsip_misreads_has_no_view() {
    // A host `tel` with port 1.
    assert_eq!(contact(b"<tel:+1>"), Err(Refusal::WithoutScheme));
    // A host `t.watson@example.org`.
    assert_eq!(uri(b"sip:t.watson@example.org"), Err(Refusal::NotAHost));
    // A host `user`, and the rest left out.
    assert_eq!(
        uri(b"sip:user;par=u%40example.net@example.com"),
        Err(Refusal::Dropped)
    );
    // The first of two, and a branch that ends at its first `=`.
    assert_eq!(
        via(b"SIP/2.0/UDP a;branch=z9hG4bK1,SIP/2.0/UDP b"),
        Err(Refusal::Dropped)
    );
    assert_eq!(
        via(b"SIP/2.0/UDP a;branch=z9hG4bK1=2"),
        Err(Refusal::Dropped)
    );
    assert_eq!(
        via(b"SIP/2.0/UDP a ;branch=z9hG4bK1"),
        Err(Refusal::Dropped)
    );
    // INVITE; names are case-sensitive.
    assert_eq!(method(b"invite"), Err(Refusal::Dropped));
    // The quotes run to the end: there is no URI.
    assert_eq!(address(b"\"A <sip:a@b>"), Err(Refusal::Unquotable));
    assert!(address(br#""<sip:evil@example.net>" <sip:a@b>"#).is_err());
}

#[test]
fn an_address_is_readable_whoever_reads_it() {
    let check = |value: &str, line: &str, is_typed: bool| {
        let readable = readable_address(value.as_bytes()).expect(value);
        assert_eq!(String::from_utf8_lossy(&readable.line()), line, "{value}");
        assert_eq!(address(value.as_bytes()).is_ok(), is_typed, "{value}");
    };
    check(
        r#""Alice A." <sip:alice@example.com>;tag=1"#,
        "Alice A. <alice@example.com>",
        true,
    );
    check(
        r#""A \"B\" C" <sip:c@example.com:5070>"#,
        r#"A "B" C <c@example.com>"#,
        true,
    );
    check("sip:example.com", "example.com", true);
    check("<sip:j.user@example.com>", "j.user@example.com", false);
    check("<tel:+15551234>;tag=2", "+15551234", false);
    check("<sip:a@[2001:db8::1]:5060>", "a@[2001:db8::1]", false);
    check("\"Al\r\n ice\" <sip:a.b@c>", "Al ice <a.b@c>", false);
    assert_eq!(readable_address(b"\"A <sip:a@b>"), None);
    assert_eq!(readable_address(b""), None);
}

#[test]
fn a_name_is_unquoted_only_if_the_quotes_are_around_all_of_it() {
    let check = |sent: &str, name: Option<&str>| {
        let read =
            unquoted(sent.as_bytes()).map(|name| String::from_utf8_lossy(&name).into_owned());
        assert_eq!(read.as_deref(), name, "{sent}");
    };
    check("Bob", Some("Bob"));
    check(r#" "Bob" "#, Some("Bob"));
    check(r#""B\\o\"b""#, Some(r#"B\o"b"#));
    check("", Some(""));
    check(r#""Bob"#, None);
    check(r#""Bob\""#, None);
    check(r#""Bob\"#, None);
    check(r#""B" ob"#, None);
    check(r#"B"ob""#, None);
}

/// Bytes a parser of SIP may stumble over, and any others.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let pieces: &[&[u8]] = &[
        b"SIP/2.0",
        b"SIP/",
        b"sip:",
        b"SIPS:",
        b"tel:",
        b"://",
        b"/UDP ",
        b"TLS-SCTP",
        b" ",
        b"\r\n",
        b"\r\n\r\n",
        b"\t",
        b";",
        b"=",
        b"\"",
        b"\\",
        b"<",
        b">",
        b"@",
        b":",
        b".",
        b",",
        b"?",
        b"[",
        b"]",
        b"*",
        b"%",
        b"-",
        b"+",
        b"0",
        b"70000",
        b"4294967296",
        b"200 ",
        b"INVITE",
        b"CSeq: ",
        b"Via: ",
        b";branch=z9hG4bK",
        b";tag=",
        b";lr",
        b";ttl=",
        b";method=",
        b"example.com",
        b"127.0.0.1",
        b"::1",
        b"\xff",
        b"\0",
        "ſ".as_bytes(),
        "İ".as_bytes(),
        "K".as_bytes(),
        "ß".as_bytes(),
        "\u{2028}".as_bytes(),
        "😀".as_bytes(),
    ];
    let piece = prop_oneof![
        8 => prop::sample::select(pieces.to_vec()).prop_map(<[u8]>::to_vec),
        1 => prop::collection::vec(any::<u8>(), 0..6),
        1 => any::<char>().prop_map(|c| c.to_string().into_bytes()),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

/// Calls all of them.
fn read_all(bytes: &[u8]) {
    let _ = (method(bytes), status_code(bytes), cseq(bytes));
    drop((via(bytes), address(bytes), contact(bytes), uri(bytes)));
    let _ = message(bytes);
    if let Some(readable) = readable_address(bytes) {
        assert!(readable.line().len() <= bytes.len() + 8);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        read_all(&bytes);
    }

    #[test]
    fn no_pieces_of_sip_panic(bytes in pieces()) {
        read_all(&bytes);
        for start in [&b"SIP/2.0/UDP "[..], b"\"A\" <sip:", b"sip:a@", b"BYE sip:a SIP/2.0\r\n", b"SIP/2.0 200 "] {
            read_all(&[start, &bytes].concat());
        }
    }

    /// A view, where there is one, has no more than was sent and is the index's.
    #[test]
    fn a_view_of_pieces_is_the_index_s(bytes in pieces()) {
        let sent = [b"<sip:u@h", &*bytes, b">;tag=t"].concat();
        if let Ok(view) = address(&sent) {
            let ours = value::Address::parse(&sent).expect("rsip found an address");
            let uri = value::Uri::parse(ours.uri).expect("rsip found a URI");
            prop_assert_eq!(view.uri.host.as_bytes(), uri.host.host);
            prop_assert_eq!(view.uri.user.unwrap_or_default().into_bytes(), uri.user);
            prop_assert_eq!(view.uri.port, uri.host.port);
        }
        let sent = [b"SIP/2.0/UDP h;branch=b", &*bytes].concat();
        if let Ok(view) = via(&sent) {
            let ours = value::Via::parse(&sent).expect("rsip found a Via");
            prop_assert_eq!(view.host.as_bytes(), ours.sent_by.host);
            prop_assert_eq!(view.branch.unwrap_or_default().into_bytes(), ours.branch.unwrap_or_default());
        }
    }
}
