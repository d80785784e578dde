//! What the readers of single values take and refuse.

use super::*;

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("test data is UTF-8")
}

#[test]
fn via_gives_transport_sent_by_and_parameters() {
    let via = Via::parse(b"SIP/2.0/UDP 10.1.0.9:5060;branch=z9hG4bKabc;rport;received=1.2.3.4")
        .expect("a plain Via");
    assert_eq!(text(via.transport), "UDP");
    assert_eq!(
        via.sent_by,
        HostPort {
            host: b"10.1.0.9",
            port: Some(5060)
        }
    );
    assert_eq!(via.unique_branch(), Some(b"z9hG4bKabc".as_slice()));
    assert_eq!(via.rport(), Some(b"".as_slice()));
    assert_eq!(via.received(), Some(b"1.2.3.4".as_slice()));
}

#[test]
fn via_allows_blanks_around_slashes_and_folds() {
    let via = Via::parse(b"SIP  / 2.0\r\n /UDP\r\n    192.0.2.2;branch=390skdjuw")
        .expect("RFC 4475 wsinv");
    assert_eq!(text(via.sent_by.host), "192.0.2.2");
    assert_eq!(via.branch, Some(b"390skdjuw".as_slice()));
    assert_eq!(via.unique_branch(), None);
}

#[test]
fn a_branch_of_the_cookie_alone_names_nothing() {
    let via = Via::parse(b"SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK").expect("RFC 4475 badbranch");
    assert_eq!(via.unique_branch(), None);
}

#[test]
fn ipv6_hosts_come_with_and_without_brackets() {
    assert_eq!(
        HostPort::parse(b"[2001:db8::9:1]:5070"),
        HostPort {
            host: b"2001:db8::9:1",
            port: Some(5070)
        }
    );
    assert_eq!(
        HostPort::parse(b"2001:db8::9:1"),
        HostPort {
            host: b"2001:db8::9:1",
            port: None
        }
    );
    assert!(HostPort::parse(b"[::1]").addr().is_some());
    assert!(HostPort::parse(b"example.com:5060").addr().is_none());
}

#[test]
fn addresses_keep_header_and_uri_parameters_apart() {
    let address =
        Address::parse(b"\"A, <B>\" <sip:a@b;lr;x=y>;tag=1;expires=3").expect("a name-addr");
    assert_eq!(text(address.uri), "sip:a@b;lr;x=y");
    assert_eq!(text(address.display), "\"A, <B>\"");
    assert_eq!(address.tag(), Some(b"1".as_slice()));
    let bare = Address::parse(b"sip:a@b;tag=2").expect("an addr-spec");
    assert_eq!(text(bare.uri), "sip:a@b");
    assert_eq!(bare.tag(), Some(b"2".as_slice()));
}

#[test]
fn an_unterminated_quote_has_no_address() {
    assert_eq!(
        Address::parse(b"\"Mr. J. User <sip:j.user@example.com>"),
        None
    );
}

#[test]
fn a_tag_in_the_uri_is_not_the_header_tag() {
    assert_eq!(
        Address::parse(b"<sip:a@b;tag=x>")
            .expect("a name-addr")
            .tag(),
        None
    );
}

#[test]
fn commas_in_quotes_and_angles_do_not_separate() {
    let items: Vec<_> = list(b"\"a,b\" <sip:x,y@z>, , <sip:c@d>;q=1")
        .map(text)
        .collect();
    assert_eq!(items, ["\"a,b\" <sip:x,y@z>", "<sip:c@d>;q=1"]);
}

#[test]
fn uri_parts_are_found_with_odd_users() {
    let uri = Uri::parse(b"sip:user;par=u%40example.net@example.com:5070;transport=tcp?x=y")
        .expect("semiuri");
    assert_eq!(text(uri.user), "user;par=u%40example.net");
    assert_eq!(
        uri.host,
        HostPort {
            host: b"example.com",
            port: Some(5070)
        }
    );
    assert_eq!(text(uri.params), ";transport=tcp");
    assert_eq!(
        text(Uri::parse(b"sips:a:secret@h").expect("password").user),
        "a"
    );
    assert_eq!(
        text(Uri::parse(b"tel:+1-212;ext=5").expect("tel").user),
        "+1-212"
    );
    assert_eq!(Uri::parse(b"no colon"), None);
}

#[test]
fn cseq_numbers_over_32_bits_are_no_numbers() {
    assert_eq!(
        CSeq::parse(b"  36893488147419103232   REGISTER").number,
        None
    );
    assert_eq!(
        CSeq::parse(b"0009\r\n INVITE"),
        CSeq {
            number: Some(9),
            method: b"INVITE"
        }
    );
}

#[test]
fn parameters_have_quotes_taken_off_and_may_have_no_value() {
    assert_eq!(param(b";a=\"x;y\";lr", b"a"), Some(b"x;y".as_slice()));
    assert_eq!(param(b";a=\"x;y\";lr", b"lr"), Some(b"".as_slice()));
    assert_eq!(param(b";a;;B = c", b"b"), Some(b"c".as_slice()));
    assert_eq!(param(b"", b"a"), None);
}

#[test]
fn a_bare_ipv6_address_has_a_port_only_behind_eight_groups() {
    let check = |sent: &str, host: &str, port: Option<u16>| {
        let read = HostPort::parse(sent.as_bytes());
        assert_eq!((text(read.host), read.port), (host, port), "{sent}");
    };
    check("fe80:0:0:0:2:a:f:3:5060", "fe80:0:0:0:2:a:f:3", Some(5060));
    check("fe80:0:0:0:2:a:f:3", "fe80:0:0:0:2:a:f:3", None);
    check("2001:db8::10:5070", "2001:db8::10:5070", None);
    check("a:b:c", "a:b:c", None);
}

#[test]
fn quotes_behind_the_first_byte_of_a_display_name_hide_nothing() {
    let address =
        Address::parse(br#"\"arik\" <sip:816666@example.net>;tag=6"#).expect("an address");
    assert_eq!(text(address.uri), "sip:816666@example.net");
    assert_eq!(text(address.display), r#"\"arik\""#);
    assert_eq!(address.tag(), Some(b"6".as_slice()));
    assert_eq!(Address::parse(br#""Mr. J. User <sip:j@example.com>"#), None);
}

/// What [`find_outside`] finds, told byte by byte.
fn found_slowly(text: &[u8], byte: u8) -> Option<usize> {
    let (mut quoted, mut escaped, mut angle) = (false, false, false);
    for (at, &b) in text.iter().enumerate() {
        match b {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' if !angle => quoted = !quoted,
            _ if quoted => {}
            b'>' if angle => angle = false,
            _ if angle => {}
            _ if b == byte => return Some(at),
            b'<' => angle = true,
            _ => {}
        }
    }
    None
}

#[test]
fn whatever_hides_a_separator_is_passed_whole() {
    const LETTERS: &[u8] = b",a\"\\<>";
    const LEN: u32 = 7;
    for mut number in 0..6_usize.pow(LEN) {
        let mut text = [0; LEN as usize];
        for place in &mut text {
            *place = LETTERS[number % 6];
            number /= 6;
        }
        for len in 0..=text.len() {
            let text = &text[..len];
            let expected = found_slowly(text, b',');
            assert_eq!(
                find_outside(text, b','),
                expected,
                "{}",
                text.escape_ascii()
            );
        }
    }
}
