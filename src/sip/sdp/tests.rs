//! What the reader of descriptions takes, and what it makes of what is odd.

use super::codecs::{BYTES_TOLD, MEDIA_TOLD};
use super::*;
use crate::sip::Indexer;

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("test data is UTF-8")
}

fn codecs(body: &str) -> String {
    Sdp::parse(body.as_bytes()).codecs().to_string()
}

fn first(body: &str) -> Media<'_> {
    Sdp::parse(body.as_bytes())
        .media()
        .next()
        .expect("one medium")
}

fn socket(text: &str) -> Endpoint {
    let socket: std::net::SocketAddr = text.parse().expect("a socket");
    Endpoint::new(socket.ip(), socket.port())
}

const OFFER: &str = "v=0\r\n\
    o=alice 2890844526 2890844527 IN IP4 host.atlanta.example.com\r\n\
    s=-\r\n\
    c=IN IP4 192.0.2.1\r\n\
    t=0 0\r\n\
    m=audio 49170 RTP/AVP 0 8 97 101\r\n\
    a=rtpmap:97 iLBC/8000\r\n\
    a=rtpmap:101 telephone-event/8000\r\n\
    a=fmtp:101 0-16\r\n\
    m=video 51372/2 RTP/AVP 31 96\r\n\
    c=IN IP6 2001:db8::5\r\n\
    a=rtpmap:96 H264/90000\r\n\
    a=sendonly\r\n";

#[test]
fn a_description_gives_its_session_and_its_media() {
    let sdp = Sdp::parse(OFFER.as_bytes());
    let origin = sdp.origin().expect("o=");
    assert_eq!(text(origin.user), "alice");
    assert_eq!(text(origin.id), "2890844526");
    assert_eq!(text(origin.version), "2890844527");
    assert_eq!(text(origin.address), "host.atlanta.example.com");
    let media: Vec<_> = sdp.media().collect();
    let [audio, video] = media.as_slice() else {
        panic!("two media, not {}", media.len());
    };
    assert_eq!(
        (audio.kind, audio.port, audio.count),
        (MediaKind::Audio, Some(49170), 1)
    );
    assert_eq!(
        (video.kind, video.port, video.count),
        (MediaKind::Video, Some(51372), 2)
    );
    assert_eq!(text(audio.proto), "RTP/AVP");
    assert_eq!(audio.socket(), Some(socket("192.0.2.1:49170")));
    assert_eq!(audio.rtcp_socket(), Some(socket("192.0.2.1:49171")));
    assert_eq!(
        video.socket(),
        Some(socket("[2001:db8::5]:51372")),
        "its own c= counts"
    );
    assert_eq!(audio.direction(), Direction::SendRecv);
    assert_eq!(video.direction(), Direction::SendOnly);
    assert!(video.is_held() && !audio.is_held());
    let formats: Vec<_> = audio
        .formats()
        .map(|f| (f.payload_type, text(f.name), f.rate))
        .collect();
    assert_eq!(
        formats,
        [
            (Some(0), "PCMU", Some(8000)),
            (Some(8), "PCMA", Some(8000)),
            (Some(97), "iLBC", Some(8000)),
            (Some(101), "telephone-event", Some(8000)),
        ]
    );
}

#[test]
fn codecs_are_one_line_for_people() {
    assert_eq!(
        codecs(OFFER),
        "PCMU PCMA iLBC telephone-event; video H261 H264"
    );
    assert_eq!(codecs("v=0\r\n"), "");
    assert!(Sdp::parse(b"v=0\r\n").codecs().is_empty());
    // One codec at two rates, a format nobody explains, and the profile where it is not plain RTP.
    assert_eq!(
        codecs(
            "m=audio 9 UDP/TLS/RTP/SAVPF 111 110 126 99\n\
             a=rtpmap:111 opus/48000/2\na=rtpmap:110 telephone-event/48000\na=rtpmap:126 telephone-event/8000\n"
        ),
        "opus telephone-event 99 (UDP/TLS/RTP/SAVPF)"
    );
    assert_eq!(codecs("m=image 4000 udptl t38\n"), "image t38");
    assert_eq!(codecs("m=audio 0 RTP/AVP\n"), "");
}

#[test]
fn what_strangers_write_into_codecs_cannot_harm_a_sink() {
    let long = "x".repeat(100);
    let body = format!("m=a\u{1b}[31m 1 RTP/AVP 96 97\na=rtpmap:96 <b>\"\n a=rtpmap:97 {long}/1\n");
    assert_eq!(
        codecs(&body),
        format!("a?[31m ?b?? {}…", "x".repeat(BYTES_TOLD))
    );
    let many: Vec<_> = (0..200).map(|n| format!("f{n}")).collect();
    let told = codecs(&format!("m=audio 1 RTP/AVP {}\n", many.join(" ")));
    assert!(
        told.starts_with("f0 f1 ") && told.ends_with(" f15 …"),
        "{told}"
    );
    let told = codecs(&"m=audio 1 RTP/AVP 0\n".repeat(100));
    assert_eq!(told, format!("{}…", "PCMU; ".repeat(MEDIA_TOLD)));
}

#[test]
fn static_payload_types_have_the_names_of_rfc_3551() {
    let name = |number: u8| static_type(number).map(|(name, _)| name);
    let all: Vec<_> = (0..=127_u8)
        .filter_map(|number| Some((number, name(number)?)))
        .collect();
    assert_eq!(all.len(), 24);
    for row in [
        (0, "PCMU"),
        (3, "GSM"),
        (4, "G723"),
        (8, "PCMA"),
        (9, "G722"),
        (13, "CN"),
        (15, "G728"),
        (18, "G729"),
        (34, "H263"),
    ] {
        assert!(all.contains(&row), "{row:?}");
    }
    // An rtpmap counts where there is one, as for AMR squeezed into a static number.
    let media = first("m=audio 1 RTP/AVP 18\na=rtpmap:18 G729A/8000\n");
    assert_eq!(media.formats().next().map(|f| text(f.name)), Some("G729A"));
}

#[test]
fn old_and_new_holds_are_held() {
    let held = |body: &str| first(body).is_held();
    assert!(held("c=IN IP4 0.0.0.0\nm=audio 4000 RTP/AVP 0\n"));
    assert!(held("c=IN IP6 ::\nm=audio 4000 RTP/AVP 0\n"));
    assert!(held(
        "c=IN IP4 192.0.2.1\na=inactive\nm=audio 4000 RTP/AVP 0\n"
    ));
    assert!(
        !held("c=IN IP4 192.0.2.1\na=inactive\nm=audio 4000 RTP/AVP 0\na=recvonly\n"),
        "the medium's own word counts"
    );
    // Browsers write 0.0.0.0 where ICE will find the address.
    assert!(!held(
        "c=IN IP4 0.0.0.0\nm=audio 9 UDP/TLS/RTP/SAVPF 111\na=candidate:1 1 UDP 2113667327 192.0.2.7 54400 typ host\n"
    ));
}

#[test]
fn nothing_is_sent_to_a_refused_or_unspecified_medium() {
    for body in [
        "c=IN IP4 192.0.2.1\nm=audio 0 RTP/AVP 0\n",
        "c=IN IP4 0.0.0.0\nm=audio 4000 RTP/AVP 0\n",
        "c=IN IP4 media.example.net\nm=audio 4000 RTP/AVP 0\n",
        "c=IN IP4 224.2.17.12/127\nm=audio 4000 RTP/AVP 0\n",
        "m=audio 4000 RTP/AVP 0\n",
        "c=IN IP4 192.0.2.1\nm=audio x RTP/AVP 0\n",
        "c=IN IP4 192.0.2.1\nm=audio 70000 RTP/AVP 0\n",
    ] {
        assert_eq!(first(body).socket(), None, "{body}");
    }
    assert!(first("m=audio 0 RTP/AVP 0\n").is_refused());
    assert!(!first("m=audio 0 RTP/AVP 0\na=bundle-only\n").is_refused());
}

#[test]
fn rtcp_goes_where_it_is_told_to() {
    let rtcp = |lines: &str| {
        first(&format!(
            "c=IN IP4 192.0.2.1\nm=audio 4000 RTP/AVP 0\n{lines}"
        ))
        .rtcp_socket()
    };
    assert_eq!(rtcp(""), Some(socket("192.0.2.1:4001")));
    assert_eq!(rtcp("a=rtcp:5001\n"), Some(socket("192.0.2.1:5001")));
    assert_eq!(
        rtcp("a=rtcp:5001 IN IP4 192.0.2.9\n"),
        Some(socket("192.0.2.9:5001"))
    );
    assert_eq!(rtcp("a=rtcp-mux\n"), Some(socket("192.0.2.1:4000")));
    let last = "c=IN IP4 192.0.2.1\nm=audio 65535 RTP/AVP 0\n";
    assert_eq!(first(last).rtcp_socket(), None);
    assert_eq!(
        first("c=IN IP4 192.0.2.1\nm=image 4000 udptl t38\n").rtcp_socket(),
        None
    );
}

#[test]
fn keys_candidates_and_fingerprints_are_read() {
    let body = "c=IN IP4 192.0.2.1\n\
        a=fingerprint:sha-1 AA:BB\n\
        m=audio 4000 RTP/SAVP 0\n\
        a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:c2VjcmV0\n\
        a=candidate:1 1 UDP 2113667327 192.0.2.7 54400 typ host\n\
        a=candidate:2 1 TCP 2113667326 192.0.2.7 9 typ host tcptype active\n\
        a=candidate:3 1 udp 2113667325 a7f3.local 54401 typ host\n\
        m=video 4002 RTP/SAVP 31\n\
        a=fingerprint:SHA-256 CC:DD\n\
        m=image 4004 udptl t38\n";
    let sdp = Sdp::parse(body.as_bytes());
    let media: Vec<_> = sdp.media().collect();
    let digests = |media: &Media<'_>| -> Vec<String> {
        media
            .fingerprints()
            .map(|f| format!("{} {}", text(f.algorithm), text(f.digest)))
            .collect()
    };
    assert_eq!(digests(&media[0]), ["sha-1 AA:BB"], "the session's");
    assert_eq!(digests(&media[1]), ["SHA-256 CC:DD"], "its own");
    assert_eq!(sdp.fingerprints().count(), 2);
    assert!(media[0].is_srtp() && !media[2].is_srtp());
    assert!(media[2].is_t38() && !media[2].is_rtp());
    let suites: Vec<_> = media[0].crypto_suites().map(text).collect();
    assert_eq!(suites, ["AES_CM_128_HMAC_SHA1_80"]);
    let candidates: Vec<_> = media[0].candidates().collect();
    assert_eq!(candidates, [socket("192.0.2.7:54400")]);
    assert!(media[0].has_candidates() && !media[1].has_candidates());
}

#[test]
fn odd_lines_are_passed_over() {
    let body = "\n\nnonsense\no=a b c 1 2 IN IP4 192.0.2.1\n c=IN IP4 192.0.2.1 \n=\na\n\
        m=audio  4000\tRTP/AVP  0 8 \n a=rtpmap:0\na=RTPMAP:8 PCMA/8000\nm=\nm=audio\n";
    let sdp = Sdp::parse(body.as_bytes());
    let origin = sdp.origin().expect("o=");
    assert_eq!(text(origin.user), "a b c", "a name with blanks");
    assert_eq!(first(body).socket(), Some(socket("192.0.2.1:4000")));
    assert_eq!(sdp.media().count(), 3);
    assert_eq!(sdp.media().last().and_then(|media| media.port), None);
    assert_eq!(sdp.codecs().to_string(), "0 PCMA; ; ");
    // Not a line's start.
    assert_eq!(Sdp::parse(b"i=a m=audio 1 RTP/AVP 0").media().count(), 0);
}

#[test]
fn lists_without_end_are_cut() {
    let body = "m=audio 1 RTP/AVP 0\n".repeat(1000);
    assert_eq!(Sdp::parse(body.as_bytes()).media().count(), MEDIA);
    let body = format!("m=audio 1 RTP/AVP{}", " 0".repeat(1000));
    assert_eq!(first(&body).formats().count(), FORMATS);
    let body = format!("m=audio 1 RTP/AVP 0\n{}", "a=candidate:\n".repeat(2000));
    assert_eq!(first(&body).attributes(b"candidate").count(), LINES);
}

/// The description found in a message with these header lines and this body.
fn of(head: &str, body: &str) -> Option<String> {
    let text = format!("INVITE sip:b@h SIP/2.0\n{head}\n{body}").replace('\n', "\r\n");
    let bytes = text.as_bytes();
    let head_len = text.find("\r\n\r\n").expect("an empty line") + 4;
    let mut indexer = Indexer::new(64);
    let message = indexer.index(bytes, head_len).expect("a message");
    Sdp::of(&message).map(|sdp| sdp.codecs().to_string())
}

#[test]
fn the_description_of_a_message_is_found() {
    let sdp = "m=audio 1 RTP/AVP 0\n";
    let found = Some("PCMU".to_owned());
    assert_eq!(of("Content-Type: application/sdp\n", sdp), found);
    assert_eq!(of("c: Application/SDP;charset=x\n", sdp), found);
    assert_eq!(of("Content-Type: text/plain\n", sdp), None);
    assert_eq!(of("Content-Type: application/sdp\n", ""), None);
    assert_eq!(of("", sdp), None);
    assert_eq!(of("", &format!("v=0\n{sdp}")), found);
    let packed = "Content-Type: application/sdp\nContent-Encoding: gzip\n";
    assert_eq!(of(packed, sdp), None);
}

#[test]
fn the_description_is_found_in_a_multipart_body() {
    let mixed = "Content-Type: multipart/mixed;boundary=\"b-1\"\n";
    let isup = "--b-1\nContent-Type: application/ISUP\n\n\u{1}\u{2}\n";
    let sdp = "--b-1\nContent-Type: application/sdp\n\nm=audio 1 RTP/AVP 8\n";
    let found = Some("PCMA".to_owned());
    assert_eq!(of(mixed, &format!("{sdp}{isup}--b-1--\n")), found);
    assert_eq!(of(mixed, &format!("preamble\n{isup}{sdp}--b-1--\n")), found);
    assert_eq!(of(mixed, &format!("{isup}{sdp}")), found, "cut off");
    assert_eq!(
        of(mixed, &format!("{isup}--b-1--\n{sdp}")),
        None,
        "behind the end"
    );
    assert_eq!(of("Content-Type: multipart/mixed\n", sdp), None);
    let early = "--b-1\nContent-Type: application/sdp\nContent-Disposition: early-session\n\nm=audio 1 RTP/AVP 0\n";
    assert_eq!(of(mixed, &format!("{early}{sdp}--b-1--\n")), found);
    let coded =
        "--b-1\nContent-Type: application/sdp\nContent-Transfer-Encoding: base64\n\nbT1hdWRpbw==\n";
    assert_eq!(of(mixed, &format!("{coded}--b-1--\n")), None);
    // One multipart body in another, and too many of them.
    let nested = |depth: usize| {
        let mut body = "m=audio 1 RTP/AVP 8\n".to_owned();
        let mut kind = "application/sdp".to_owned();
        for n in 0..depth {
            body = format!("--n{n}\nContent-Type: {kind}\n\n{body}--n{n}--\n");
            kind = format!("multipart/mixed;boundary=n{n}");
        }
        of(&format!("Content-Type: {kind}\n"), &body)
    };
    assert_eq!(nested(2), found);
    assert_eq!(nested(4), found);
    assert_eq!(nested(5), None);
}

/// Reads all there is of a description.
fn read(body: &[u8]) -> usize {
    let sdp = Sdp::parse(body);
    let media: usize = sdp
        .media()
        .map(|media| {
            let questions = [
                media.is_held(),
                media.is_refused(),
                media.is_srtp(),
                media.is_t38(),
                media.socket().is_some(),
                media.rtcp_socket().is_some(),
            ];
            questions.len()
                + media.formats().count()
                + media.candidates().count()
                + media.crypto_suites().count()
                + media.fingerprints().count()
        })
        .sum();
    let session = [sdp.origin().is_some(), sdp.direction().is_some()];
    media + session.len() + sdp.fingerprints().count() + sdp.codecs().to_string().len()
}

proptest::proptest! {
    #[test]
    fn no_bytes_panic(body in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
        read(&body);
    }

    #[test]
    fn no_lines_panic(
        body in "(([vosctma]=|a=rtpmap:|a=rtcp:|a=candidate:|a=crypto:|a=fingerprint:|m=audio )\
            [ -~]{0,20}(\r\n|\n|)){0,12}",
    ) {
        read(body.as_bytes());
    }

    #[test]
    fn what_is_told_of_codecs_is_printable(
        body in "m=[ -~\u{1b}\u{202e}]{0,30}\n(a=rtpmap:9[0-9] [^\n]{0,20}\n){0,4}",
    ) {
        let told = codecs(&body);
        let is_plain = |c: char| c == '…' || c == ' ' || c.is_ascii_graphic();
        proptest::prop_assert!(told.chars().all(is_plain), "{told:?}");
    }
}

#[test]
fn lines_under_a_medium_are_found_however_they_are_written() {
    for (lines, mux, address) in [
        ("a=rtcp-mux\r\nc=IN IP4 10.0.0.9\r\n", true, "10.0.0.9:4000"),
        ("a=RTCP-mux\nc=IN IP4 10.0.0.9\n", true, "10.0.0.9:4000"),
        (" a=rtcp-mux\n\tc=IN IP4 10.0.0.9\n", true, "10.0.0.9:4000"),
        (
            "\ra= rtcp-mux\r\r\nc= IN IP4 10.0.0.9",
            true,
            "10.0.0.9:4000",
        ),
        (
            "a=fmtp:0 rtcp-mux\r\n\r\nb=c=IN IP4 10.0.0.9\r\n",
            false,
            "10.0.0.1:4000",
        ),
        (
            "a =rtcp-mux\r\nc=x\r\nc=IN IP4 10.0.0.9\r\n",
            false,
            "10.0.0.1:4000",
        ),
        ("a\r\na=\r\nc\r\n", false, "10.0.0.1:4000"),
    ] {
        let body = format!("c=IN IP4 10.0.0.1\r\nm=audio 4000 RTP/AVP 0\r\n{lines}");
        let media = first(&body);
        assert_eq!(media.has_rtcp_mux(), mux, "{lines:?}");
        assert_eq!(media.socket(), Some(socket(address)), "{lines:?}");
    }
}
