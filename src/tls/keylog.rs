//! `KeyLog`: secrets by client random, in the form NSS writes them.
//!
//! In: lines such as `CLIENT_RANDOM <client random> <master secret>`, in any number of pieces of
//! whole lines. Out: the secrets of a connection. Lines of other labels (`EXPORTER_SECRET`, `RSA`)
//! and lines that make no sense are passed over. Capped: connections by
//! [`Limits::tls_secrets`], a line by [`LINE_BYTES`].
//!
//! # References
//! - <https://datatracker.ietf.org/doc/draft-ietf-tls-keylogfile/>
//! - RFC 8446 §7.1 (the secrets' names)

use std::io::{self, BufRead, Read as _};

use rustc_hash::FxHashMap;

use crate::limits::Limits;

/// Bytes: the longest line is a label, a random and a secret of 48 bytes in hexadecimal.
const LINE_BYTES: u64 = 512;

/// A client random, by which a connection is known (RFC 8446 §4.1.2).
pub(super) type Random = [u8; 32];

/// A secret of at most 48 bytes: a master secret, or as long as the suite's hash.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Secret {
    bytes: [u8; 48],
    len: u8,
}

impl Secret {
    /// The secret, if it is not longer than any can be.
    pub(super) fn new(secret: &[u8]) -> Option<Self> {
        let mut bytes = [0; 48];
        bytes.get_mut(..secret.len())?.copy_from_slice(secret);
        let len = u8::try_from(secret.len()).ok()?;
        Some(Self { bytes, len })
    }

    /// Its bytes.
    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

/// What is known of one connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Secrets {
    /// TLS 1.2 and before: the master secret.
    pub(super) master: Option<Secret>,
    /// TLS 1.3: of the client's handshake messages, and the server's.
    pub(super) handshake: [Option<Secret>; 2],
    /// TLS 1.3: of the client's first application data, and the server's.
    pub(super) traffic: [Option<Secret>; 2],
    /// TLS 1.3: of data the client sent before the handshake was done.
    pub(super) early: Option<Secret>,
}

/// The secrets of all connections.
#[derive(Clone, Debug)]
pub struct KeyLog {
    secrets: FxHashMap<Random, Box<Secrets>>,
    cap: usize,
    beyond: u64,
}

impl KeyLog {
    /// An empty one.
    pub fn new(limits: &Limits) -> Self {
        Self {
            secrets: FxHashMap::default(),
            cap: limits.tls_secrets,
            beyond: 0,
        }
    }

    /// Whether it holds no secret.
    pub fn is_empty(&self) -> bool {
        self.secrets.is_empty()
    }

    /// Connections whose secrets did not fit any more.
    pub const fn beyond(&self) -> u64 {
        self.beyond
    }

    /// Takes all lines of a file.
    pub fn read(&mut self, mut lines: impl BufRead) -> io::Result<()> {
        let mut line = Vec::new();
        loop {
            line.clear();
            if lines
                .by_ref()
                .take(LINE_BYTES)
                .read_until(b'\n', &mut line)?
                == 0
            {
                return Ok(());
            }
            self.line(&line);
        }
    }

    /// Takes whole lines, for instance those of a pcapng Decryption Secrets Block.
    pub fn add(&mut self, lines: &[u8]) {
        for line in lines.split(|byte| matches!(byte, b'\n' | b'\r')) {
            self.line(line);
        }
    }

    /// What is known of the connection with this client random.
    pub(super) fn of(&self, random: &Random) -> Option<&Secrets> {
        self.secrets.get(random).map(|secrets| &**secrets)
    }

    fn line(&mut self, line: &[u8]) {
        let mut words = line
            .split(u8::is_ascii_whitespace)
            .filter(|word| !word.is_empty());
        let (Some(label), Some(random), Some(secret)) = (words.next(), words.next(), words.next())
        else {
            return;
        };
        let slot: fn(&mut Secrets) -> &mut Option<Secret> = match label {
            b"CLIENT_RANDOM" => |secrets| &mut secrets.master,
            b"CLIENT_HANDSHAKE_TRAFFIC_SECRET" => |secrets| &mut secrets.handshake[0],
            b"SERVER_HANDSHAKE_TRAFFIC_SECRET" => |secrets| &mut secrets.handshake[1],
            b"CLIENT_TRAFFIC_SECRET_0" => |secrets| &mut secrets.traffic[0],
            b"SERVER_TRAFFIC_SECRET_0" => |secrets| &mut secrets.traffic[1],
            b"CLIENT_EARLY_TRAFFIC_SECRET" => |secrets| &mut secrets.early,
            _ => return,
        };
        let (mut client_random, mut bytes) = ([0; 32], [0; 48]);
        if decode(random, &mut client_random) != Some(32) {
            return;
        }
        let Some(secret) = decode(secret, &mut bytes)
            .and_then(|len| bytes.get(..len))
            .and_then(Secret::new)
        else {
            return;
        };
        if self.secrets.len() >= self.cap && !self.secrets.contains_key(&client_random) {
            self.beyond += 1;
            return;
        }
        *slot(self.secrets.entry(client_random).or_default()) = Some(secret);
    }
}

/// Decodes hexadecimal; how many bytes it was.
fn decode(hex: &[u8], out: &mut [u8]) -> Option<usize> {
    let (pairs, []) = hex.as_chunks::<2>() else {
        return None;
    };
    for (index, pair) in pairs.iter().enumerate() {
        let [high, low] = pair.map(|digit| char::from(digit).to_digit(16));
        *out.get_mut(index)? = u8::try_from(high? << 4 | low?).ok()?;
    }
    Some(pairs.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn random(byte: u8) -> String {
        format!("{byte:02x}").repeat(32)
    }

    #[test]
    fn labels_find_their_places_and_noise_is_passed_over() {
        let mut log = KeyLog::new(&Limits::default());
        let lines = format!(
            "# comment\r\nCLIENT_RANDOM {r} {m}\r\nEXPORTER_SECRET {r} {m}\nSERVER_TRAFFIC_SECRET_0 {r} 0aFF\n\
             CLIENT_RANDOM {r}\nCLIENT_RANDOM xx yy\nCLIENT_RANDOM {o} {m}00\nCLIENT_RANDOM {o} 0g\n\n",
            r = random(7),
            o = random(8),
            m = "11".repeat(48),
        );
        log.add(lines.as_bytes());
        let secrets = log.of(&[7; 32]).unwrap();
        assert_eq!(secrets.master.as_ref().unwrap().bytes(), [0x11; 48]);
        assert_eq!(secrets.traffic[1].as_ref().unwrap().bytes(), [0x0a, 0xff]);
        assert!(secrets.traffic[0].is_none() && secrets.handshake == [None, None]);
        assert!(log.of(&[8; 32]).is_none());
        let mut read = KeyLog::new(&Limits::default());
        read.read(lines.as_bytes()).unwrap();
        assert_eq!(read.secrets.len(), 1);
    }

    #[test]
    fn the_cap_holds() {
        let limits = Limits {
            tls_secrets: 2,
            ..Limits::default()
        };
        let mut log = KeyLog::new(&limits);
        for byte in 0..5 {
            log.add(format!("CLIENT_RANDOM {} 00", random(byte)).as_bytes());
        }
        assert_eq!((log.secrets.len(), log.beyond()), (2, 3));
    }
}
