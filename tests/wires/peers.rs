//! The peers: recorded conversations of OpenSSL, live ones of rustls, WebSocket and SCTP by hand.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::sync::{Arc, Mutex};

use flate2::{Compress, Compression, FlushCompress};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    CipherSuite, ClientConfig, ClientConnection, DigitallySignedStruct, KeyLog, ServerConfig,
    ServerConnection, SignatureScheme, SupportedProtocolVersion,
};

/// What two peers sent, and the secrets.
pub(crate) struct Talk {
    /// Its name, a part of its Call-IDs.
    pub(crate) name: String,
    /// A key log.
    pub(crate) keys: String,
    /// What each side sent (`true`: the client), in order.
    pub(crate) sent: Vec<(bool, Vec<u8>)>,
}

fn unhex(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks(2);
    digits
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

/// The conversations in `tls.txt`.
pub(crate) fn recorded() -> Vec<Talk> {
    let mut talks: Vec<Talk> = Vec::new();
    for line in include_str!("tls.txt").lines() {
        if let Some(rest) = line.strip_prefix("conversation ") {
            talks.push(Talk {
                name: rest.split(' ').next().unwrap().to_owned(),
                keys: String::new(),
                sent: Vec::new(),
            });
            continue;
        }
        let talk = talks.last_mut().unwrap();
        match line.split_once(' ').unwrap() {
            ("C", hex) => talk.sent.push((true, unhex(hex))),
            ("S", hex) => talk.sent.push((false, unhex(hex))),
            _ => writeln!(talk.keys, "{line}").unwrap(),
        }
    }
    talks
}

/// An OPTIONS request with a Call-ID.
pub(crate) fn request(transport: &str, id: &str) -> Vec<u8> {
    format!(
        "OPTIONS sip:b@sip.example.net SIP/2.0\r\nVia: SIP/2.0/{transport} 10.0.0.1;branch=z9hG4bK-{id}\r\n\
         From: <sip:a@example.net>;tag=1\r\nTo: <sip:b@example.net>\r\nCall-ID: {id}\r\n\
         CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
    )
    .into_bytes()
}

/// Its answer.
pub(crate) fn answer(transport: &str, id: &str) -> Vec<u8> {
    let request = String::from_utf8(request(transport, id)).unwrap();
    request
        .replace("OPTIONS sip:b@sip.example.net SIP/2.0", "SIP/2.0 200 OK")
        .replace("<sip:b@example.net>", "<sip:b@example.net>;tag=2")
        .into_bytes()
}

#[derive(Debug, Default)]
struct Log(Mutex<String>);

impl KeyLog for Log {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let mut lines = self.0.lock().unwrap();
        write!(lines, "{label} ").unwrap();
        for byte in client_random {
            write!(lines, "{byte:02x}").unwrap();
        }
        lines.push(' ');
        for byte in secret {
            write!(lines, "{byte:02x}").unwrap();
        }
        lines.push('\n');
    }
}

/// The certificate is not the matter here.
#[derive(Debug)]
struct Anyone;

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![
            SignatureScheme::ECDSA_NISTP256_SHA256,
            SignatureScheme::ED25519,
            SignatureScheme::RSA_PSS_SHA256,
        ]
    }
}

/// Two rustls peers and the wire between them.
struct Pair {
    client: ClientConnection,
    server: ServerConnection,
    log: Arc<Log>,
    sent: Vec<(bool, Vec<u8>)>,
}

impl Pair {
    fn new(version: &'static SupportedProtocolVersion, suite: Option<CipherSuite>) -> Self {
        let mut provider = rustls::crypto::ring::default_provider();
        provider
            .cipher_suites
            .retain(|known| suite.is_none_or(|suite| known.suite() == suite));
        let provider = Arc::new(provider);
        let log = Arc::new(Log::default());
        let mut client = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[version])
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anyone))
            .with_no_client_auth();
        client.key_log = Arc::<Log>::clone(&log);
        let certificate = CertificateDer::from(include_bytes!("cert.der").to_vec());
        let key = PrivateKeyDer::try_from(include_bytes!("key.der").to_vec()).unwrap();
        let server = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        let name = ServerName::try_from("sip.example.net").unwrap();
        let mut pair = Self {
            client: ClientConnection::new(Arc::new(client), name).unwrap(),
            server: ServerConnection::new(Arc::new(server)).unwrap(),
            log,
            sent: Vec::new(),
        };
        pair.pump();
        pair
    }

    /// Lets both sides send until they have nothing to say.
    fn pump(&mut self) {
        loop {
            let mut bytes = Vec::new();
            if self.client.wants_write() {
                self.client.write_tls(&mut bytes).unwrap();
                self.sent.push((true, bytes.clone()));
                let mut rest = bytes.as_slice();
                while !rest.is_empty() {
                    self.server.read_tls(&mut rest).unwrap();
                    self.server.process_new_packets().unwrap();
                }
            } else if self.server.wants_write() {
                self.server.write_tls(&mut bytes).unwrap();
                self.sent.push((false, bytes.clone()));
                let mut rest = bytes.as_slice();
                while !rest.is_empty() {
                    self.client.read_tls(&mut rest).unwrap();
                    self.client.process_new_packets().unwrap();
                }
            } else {
                return;
            }
        }
    }

    fn say(&mut self, from_client: bool, bytes: &[u8]) {
        let mut heard = vec![0; bytes.len()];
        if from_client {
            self.client.writer().write_all(bytes).unwrap();
            self.pump();
            self.server.reader().read_exact(&mut heard).unwrap();
        } else {
            self.server.writer().write_all(bytes).unwrap();
            self.pump();
            self.client.reader().read_exact(&mut heard).unwrap();
        }
        assert_eq!(heard, bytes);
    }

    fn talk(self, name: &str) -> Talk {
        let keys = self.log.0.lock().unwrap().clone();
        Talk {
            name: name.to_owned(),
            keys,
            sent: self.sent,
        }
    }
}

/// Conversations in all suites of TLS 1.3, with key updates, and two of TLS 1.2.
pub(crate) fn rustls_talks() -> Vec<Talk> {
    let (v12, v13) = (&rustls::version::TLS12, &rustls::version::TLS13);
    [
        (v13, CipherSuite::TLS13_AES_128_GCM_SHA256),
        (v13, CipherSuite::TLS13_AES_256_GCM_SHA384),
        (v13, CipherSuite::TLS13_CHACHA20_POLY1305_SHA256),
        (v12, CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384),
        (
            v12,
            CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        ),
    ]
    .into_iter()
    .map(|(version, suite)| {
        let name = format!("{suite:?}");
        let mut pair = Pair::new(version, Some(suite));
        for number in 1..=3 {
            let id = format!("{number}@{name}");
            pair.say(true, &request("TLS", &id));
            pair.say(false, &answer("TLS", &id));
            if version.version == rustls::ProtocolVersion::TLSv1_3 {
                if number == 1 {
                    pair.client.refresh_traffic_keys().unwrap();
                } else {
                    pair.server.refresh_traffic_keys().unwrap();
                }
                pair.pump();
            }
        }
        pair.client.send_close_notify();
        pair.pump();
        pair.talk(&name)
    })
    .collect()
}

/// The same bytes inside TLS 1.3.
pub(crate) fn rustls_carries(sent: &[(bool, Vec<u8>)]) -> Talk {
    let mut pair = Pair::new(&rustls::version::TLS13, None);
    for (from_client, bytes) in sent {
        pair.say(*from_client, bytes);
    }
    pair.talk("carried")
}

/// A HEP packet of an agent that saw `payload` in a UDP datagram; `kind` is that of its chunk.
fn hep_packet(kind: u8, payload: &[u8]) -> Vec<u8> {
    let chunk = |kind: u8, value: &[u8]| {
        let len = u16::try_from(6 + value.len()).unwrap().to_be_bytes();
        [&[0, 0, 0, kind][..], &len, value].concat()
    };
    let chunks = [
        chunk(1, &[2]),
        chunk(2, &[17]),
        chunk(3, &[10, 9, 0, 1]),
        chunk(4, &[10, 9, 0, 2]),
        chunk(7, &5060_u16.to_be_bytes()),
        chunk(8, &5060_u16.to_be_bytes()),
        chunk(9, &1_699_999_999_u32.to_be_bytes()),
        chunk(10, &999_000_u32.to_be_bytes()),
        chunk(11, &[1]),
        chunk(kind, payload),
    ]
    .concat();
    let total = u16::try_from(6 + chunks.len()).unwrap().to_be_bytes();
    [&b"HEP3"[..], &total, &chunks].concat()
}

/// What an agent sends over a connection: three messages, one of them compressed, a report of
/// another kind and a keep-alive without anything.
pub(crate) fn hep_talk() -> Vec<(bool, Vec<u8>)> {
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), Compression::default());
    std::io::Write::write_all(&mut zlib, &answer("UDP", "hep-1")).unwrap();
    let mut report = hep_packet(15, b"{\"mos\": 4}");
    let kind = report
        .windows(7)
        .position(|it| it == [0, 0, 0, 11, 0, 7, 1]);
    report[kind.unwrap() + 6] = 5;
    [
        hep_packet(15, &request("UDP", "hep-1")),
        hep_packet(16, &zlib.finish().unwrap()),
        [b"HEP3\0\x06".to_vec(), report].concat(),
        hep_packet(15, &request("UDP", "hep-2")),
    ]
    .map(|bytes| (true, bytes))
    .into()
}

/// A WebSocket frame; clients mask.
pub(crate) fn frame(from_client: bool, first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = if from_client { 0x80 } else { 0 };
    let mut out = vec![first];
    if payload.len() < 126 {
        out.push(mask | u8::try_from(payload.len()).unwrap());
    } else {
        out.push(mask | 0x7e);
        out.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
    }
    if from_client {
        let key = [0x35, 0xba, 0x59, 0x9f];
        out.extend(key);
        out.extend(
            payload
                .iter()
                .zip(key.iter().cycle())
                .map(|(byte, key)| byte ^ key),
        );
    } else {
        out.extend(payload);
    }
    out
}

/// A message as permessage-deflate sends it.
fn deflate(compress: &mut Compress, message: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.len() + 100);
    compress
        .compress_vec(message, &mut out, FlushCompress::Sync)
        .unwrap();
    out.truncate(out.len() - 4);
    out
}

/// A handshake and messages: text, binary, fragmented with a ping between the fragments, two in
/// one segment, keep-alives, and two compressed with a shared context.
pub(crate) fn websocket_talk() -> Vec<(bool, Vec<u8>)> {
    let get =
        b"GET / HTTP/1.1\r\nHost: sip.example.net\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
        Sec-WebSocket-Protocol: sip\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
    let switching =
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: sip\r\n\
        Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
    let mut compress = Compress::new(Compression::default(), false);
    let fragmented = request("WS", "ws-2");
    let (one, two) = fragmented.split_at(100);
    vec![
        (true, get.to_vec()),
        (false, switching.to_vec()),
        (true, frame(true, 0x81, &request("WS", "ws-1"))),
        (false, frame(false, 0x81, &answer("WS", "ws-1"))),
        (
            true,
            [
                frame(true, 0x02, one),
                frame(true, 0x89, b"ping"),
                frame(true, 0x80, two),
            ]
            .concat(),
        ),
        (false, frame(false, 0x8a, b"ping")),
        (true, frame(true, 0x81, b"\r\n\r\n")),
        (true, frame(true, 0x82, &request("WS", "ws-3"))),
        (
            false,
            [
                frame(false, 0x81, &answer("WS", "ws-3")),
                frame(false, 0x81, &request("WS", "ws-4")),
            ]
            .concat(),
        ),
        (
            true,
            frame(true, 0xc1, &deflate(&mut compress, &request("WS", "ws-5"))),
        ),
        (
            true,
            frame(true, 0xc1, &deflate(&mut compress, &request("WS", "ws-6"))),
        ),
        (true, frame(true, 0x88, &[3, 0xe8])),
    ]
}

/// An SCTP packet with these chunks.
fn sctp(chunks: &[Vec<u8>]) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend(40_000_u16.to_be_bytes());
    out.extend(5060_u16.to_be_bytes());
    out.extend([0, 0, 0, 7, 0, 0, 0, 0]);
    out.extend(chunks.concat());
    let sum = crc32c(&out);
    out[8..12].copy_from_slice(&sum.to_le_bytes());
    out
}

/// A DATA chunk.
fn data(tsn: u32, flags: u8, sequence: u16, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0, flags];
    out.extend(u16::try_from(bytes.len() + 16).unwrap().to_be_bytes());
    out.extend(tsn.to_be_bytes());
    out.extend([0, 0]);
    out.extend(sequence.to_be_bytes());
    out.extend([0, 0, 0, 0]);
    out.extend(bytes);
    out.resize(out.len().next_multiple_of(4), 0);
    out
}

/// An SCTP packet with a whole message, the `number`-th.
pub(crate) fn sctp_packet(number: u32, bytes: &[u8]) -> Vec<u8> {
    let sequence = u16::try_from(number).unwrap();
    sctp(&[data(number, 3, sequence, bytes)])
}

/// SCTP packets: a message in one chunk, one in three fragments of which the second comes last,
/// one more between, and a repetition.
pub(crate) fn sctp_packets() -> Vec<Vec<u8>> {
    let long = request("SCTP", "sctp-2");
    let parts: Vec<&[u8]> = long.chunks(100).collect();
    assert_eq!(parts.len(), 3);
    let first = sctp(&[data(10, 3, 0, &request("SCTP", "sctp-1"))]);
    vec![
        first.clone(),
        sctp(&[data(11, 2, 1, parts[0])]),
        sctp(&[
            data(13, 1, 1, parts[2]),
            data(14, 3, 2, &request("SCTP", "sctp-3")),
        ]),
        sctp(&[data(12, 0, 1, parts[1])]),
        first,
    ]
}

/// The checksum of RFC 9260 §6.8, so that tshark takes the packets for SCTP.
fn crc32c(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 {
                crc >> 1 ^ 0x82f6_3b78
            } else {
                crc >> 1
            };
        }
    }
    !crc
}
