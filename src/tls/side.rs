//! `Side`: the records of one direction, decrypted as soon as it is known how.
//!
//! In: bytes in order, and what both sides' hellos said. Out: plaintext with its frames, and
//! handshake messages. Always: a record that does not open ends the side. Capped: by the caller,
//! who reads [`Side::cost`].
//!
//! # References
//! - RFC 2246, RFC 4346, RFC 5246 §6.2, §7.1; RFC 8446 §5, §D.4 (ChangeCipherSpec of TLS 1.3), §4.2.10 (early data)

use std::ops::Range;

use super::crypto::{KeyBlock, Opener, next_secret};
use super::hello::{ClientHello, Message, Reader, ServerHello};
use super::keylog::{KeyLog, Secret, Secrets};
use super::suite::Suite;
use super::unread::Why;
use crate::stream::gathered::Gathered;
use crate::units::{FrameRef, Origin};

/// Bytes of a record's header.
const HEAD: usize = 5;
/// Bytes of the longest record: 2^14 and what encryption may add (RFC 5246 §6.2.3).
const RECORD: usize = (1 << 14) + 2048;

const CHANGE_CIPHER_SPEC: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;
const HEARTBEAT: u8 = 24;

/// So many records of refused early data are passed over.
const SKIPPED: u32 = 64;

/// Versions as they stand in the ServerHello: TLS 1.0, 1.2, 1.3.
const TLS10: u16 = 0x0301;
const TLS12: u16 = 0x0303;
const TLS13: u16 = 0x0304;

/// What the two hellos said.
#[derive(Debug, Default)]
pub(super) struct Hellos {
    /// The client's.
    pub(super) client: Option<ClientHello>,
    /// The server's.
    pub(super) server: Option<ServerHello>,
    /// The server asked for another ClientHello, so it speaks TLS 1.3.
    pub(super) retry: bool,
}

/// Where a direction is.
#[derive(Debug)]
enum Phase {
    /// Nothing is encrypted yet.
    Plain,
    /// TLS 1.2 or before, behind ChangeCipherSpec.
    Tls12(Opener),
    /// TLS 1.3 before Finished; `None` until a record was opened.
    Handshake13(Option<Opener>),
    /// TLS 1.3: data of the client before the handshake is done.
    Early13(Opener),
    /// TLS 1.3 behind Finished: the secret of the keys; `None` until a record was opened.
    Data13(Option<(Opener, Secret)>),
    /// It ended early.
    Dead,
}

/// What came of one record.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// More bytes are needed.
    Wait,
    /// The other side's hello, or a secret, is needed.
    Stalled(Why),
    /// A record was taken.
    Taken,
    /// The side cannot be read on.
    Failed(Why),
}

/// One direction of a connection.
#[derive(Debug)]
pub(super) struct Side {
    input: Gathered,
    reader: Reader,
    phase: Phase,
    /// Records that did not open while the client may have sent early data.
    skipped: u32,
    /// A record was decrypted.
    pub(super) opened: bool,
}

/// What a side's records are read into.
#[derive(Debug)]
pub(super) struct Scratch {
    /// The record at hand as it was sent.
    sealed: Vec<u8>,
    /// The same decrypted.
    open: Vec<u8>,
    /// Earlier frames of the record at hand.
    frames: Vec<FrameRef>,
    /// The most of them.
    frame_cap: usize,
}

impl Scratch {
    /// Frames behind one record are at most `frame_cap`.
    pub(super) const fn new(frame_cap: usize) -> Self {
        Self {
            sealed: Vec::new(),
            open: Vec::new(),
            frames: Vec::new(),
            frame_cap,
        }
    }

    /// Decrypts the record; where in `open` its plaintext stands.
    fn open(&mut self, opener: &mut Opener, head: [u8; HEAD]) -> Option<Range<usize>> {
        self.open.clone_from(&self.sealed);
        opener.open(head, &mut self.open)
    }
}

impl Side {
    /// Nothing is known yet.
    pub(super) fn new() -> Self {
        Self {
            input: Gathered::default(),
            reader: Reader::default(),
            phase: Phase::Plain,
            skipped: 0,
            opened: false,
        }
    }

    /// Bytes of memory.
    pub(super) fn cost(&self) -> usize {
        self.input.cost() + self.reader.cost()
    }

    /// Bytes that wait.
    pub(super) fn waiting(&self) -> usize {
        self.input.bytes().len() + self.reader.cost()
    }

    /// Whether it ended early.
    pub(super) const fn is_dead(&self) -> bool {
        matches!(self.phase, Phase::Dead)
    }

    /// Takes bytes.
    pub(super) fn push(&mut self, bytes: &[u8], origin: &Origin<'_>) {
        if !self.is_dead() {
            self.input.push(bytes, origin);
        }
    }

    /// No record of it will be read any more.
    pub(super) fn kill(&mut self) {
        self.phase = Phase::Dead;
        self.input.clear();
        self.reader = Reader::default();
    }

    /// Reads the next record. `server`: which side this is. `data` takes plaintext.
    pub(super) fn step(
        &mut self,
        server: bool,
        hellos: &mut Hellos,
        log: &KeyLog,
        scratch: &mut Scratch,
        data: &mut dyn FnMut(&[u8], Origin<'_>),
    ) -> Step {
        let waiting = self.input.bytes();
        let Some(head) = waiting.first_chunk::<HEAD>().copied() else {
            return Step::Wait;
        };
        let [kind, major, _, high, low] = head;
        let len = HEAD + usize::from(u16::from_be_bytes([high, low]));
        if !matches!(kind, CHANGE_CIPHER_SPEC..=HEARTBEAT) || major != 3 || len > HEAD + RECORD {
            return Step::Failed(Why::NoHandshake);
        }
        let Some(record) = waiting.get(HEAD..len) else {
            return Step::Wait;
        };
        scratch.sealed.clear();
        scratch.sealed.extend_from_slice(record);
        let content = match self.open(head, server, hellos, log, scratch) {
            Ok(content) => content,
            Err(step) => return step,
        };
        match content.kind {
            APPLICATION_DATA => {
                scratch.frames.clear();
                let kept = self
                    .input
                    .origin(len, scratch.frame_cap, &mut scratch.frames);
                let plain = scratch.open.get(content.at).unwrap_or_default();
                if let Some(kept) = kept.filter(|_| !plain.is_empty()) {
                    data(plain, kept.origin(&scratch.frames));
                }
            }
            HANDSHAKE => {
                let mut messages = Vec::new();
                let plain = scratch.open.get(content.at).unwrap_or_default();
                self.reader
                    .push(plain, &mut |message| messages.push(message));
                for message in messages {
                    if let Err(why) = self.message(message, hellos) {
                        return Step::Failed(why);
                    }
                }
            }
            _ => {}
        }
        self.input.consume(len);
        Step::Taken
    }

    /// Decrypts the record in `scratch`, as far as it is encrypted.
    fn open(
        &mut self,
        head: [u8; HEAD],
        server: bool,
        hellos: &Hellos,
        log: &KeyLog,
        scratch: &mut Scratch,
    ) -> Result<Content, Step> {
        let [kind, ..] = head;
        let all = 0..scratch.sealed.len();
        match &mut self.phase {
            Phase::Plain if matches!(kind, HANDSHAKE | ALERT) => {
                scratch.open.clone_from(&scratch.sealed);
                return Ok(Content { kind, at: all });
            }
            // Of TLS 1.3 only for the eyes of middleboxes (RFC 8446 §D.4).
            Phase::Handshake13(_) | Phase::Early13(_) | Phase::Data13(_)
                if kind != APPLICATION_DATA =>
            {
                return Ok(Content {
                    kind: ALERT,
                    at: all,
                });
            }
            Phase::Tls12(opener) => {
                // Another handshake inside the first (RFC 5246 §7.4.1.1) has other keys.
                if kind == CHANGE_CIPHER_SPEC {
                    return Err(Step::Failed(Why::Unsupported));
                }
                let at = scratch.open(opener, head);
                let at = at.ok_or(Step::Failed(Why::WrongSecret))?;
                self.opened = true;
                // What is inside is not read: Finished, and session tickets.
                let kind = if kind == HANDSHAKE { ALERT } else { kind };
                return Ok(Content { kind, at });
            }
            _ => {}
        }
        if kind == CHANGE_CIPHER_SPEC && hellos.retry {
            return Ok(Content { kind, at: all });
        }
        // From here on the other side's hello and a secret are needed.
        let (Some(client), Some(chosen)) = (&hellos.client, &hellos.server) else {
            return Err(Step::Stalled(Why::NoHandshake));
        };
        if !matches!(chosen.version, TLS10..=TLS13) {
            return Err(Step::Failed(Why::Unsupported));
        }
        if matches!(self.phase, Phase::Plain) && chosen.version == TLS13 {
            if kind == CHANGE_CIPHER_SPEC {
                return Ok(Content { kind, at: all });
            }
            self.phase = Phase::Handshake13(None);
        }
        let suite = Suite::new(chosen.suite)
            .filter(|suite| chosen.version >= TLS12 || suite.cipher.is_old())
            .ok_or(Step::Failed(Why::Unsupported))?;
        let secrets = log.of(&client.random);
        let secrets = secrets.ok_or(Step::Stalled(Why::NoSecret))?;
        let at = if matches!(self.phase, Phase::Plain) {
            if kind != CHANGE_CIPHER_SPEC {
                return Err(Step::Failed(Why::NoHandshake));
            }
            let master = secrets.master.as_ref();
            let block = KeyBlock {
                version: chosen.version,
                suite,
                master: master.ok_or(Step::Stalled(Why::NoSecret))?.bytes(),
                client_random: &client.random,
                server_random: &chosen.random,
                encrypt_then_mac: chosen.encrypt_then_mac,
            };
            let opener = Opener::tls12(&block, server);
            self.phase = Phase::Tls12(opener.ok_or(Step::Failed(Why::WrongSecret))?);
            return Ok(Content { kind, at: all });
        } else {
            self.open13(head, server, client.early_data, suite, secrets, scratch)?
        };
        let Some(at) = at else {
            return Ok(Content {
                kind: ALERT,
                at: all,
            });
        };
        self.opened = true;
        Ok(inner(&scratch.open, at))
    }

    /// Decrypts a record of TLS 1.3. `None`: it is early data that nobody can read.
    fn open13(
        &mut self,
        head: [u8; HEAD],
        server: bool,
        early_data: bool,
        suite: Suite,
        secrets: &Secrets,
        scratch: &mut Scratch,
    ) -> Result<Option<Range<usize>>, Step> {
        let of = |both: &[Option<Secret>; 2]| both.get(usize::from(server)).cloned().flatten();
        match &mut self.phase {
            Phase::Data13(Some((opener, _)))
            | Phase::Handshake13(Some(opener))
            | Phase::Early13(opener) => {
                if let Some(at) = scratch.open(opener, head) {
                    return Ok(Some(at));
                }
                if matches!(self.phase, Phase::Data13(_)) {
                    return Err(Step::Failed(Why::WrongSecret));
                }
            }
            Phase::Handshake13(None) => {
                if let Some(secret) = of(&secrets.handshake)
                    && let Some(mut opener) = Opener::tls13(suite, secret.bytes())
                    && let Some(at) = scratch.open(&mut opener, head)
                {
                    self.phase = Phase::Handshake13(Some(opener));
                    return Ok(Some(at));
                }
                if let Some(secret) = secrets.early.as_ref().filter(|_| !server && early_data)
                    && let Some(mut opener) = Opener::tls13(suite, secret.bytes())
                    && let Some(at) = scratch.open(&mut opener, head)
                {
                    self.phase = Phase::Early13(opener);
                    return Ok(Some(at));
                }
            }
            _ => {}
        }
        // Behind Finished; or the log has no handshake secret, and the data begins here.
        let traffic = of(&secrets.traffic).ok_or(Step::Stalled(Why::NoSecret))?;
        if let Some(mut opener) = Opener::tls13(suite, traffic.bytes())
            && let Some(at) = scratch.open(&mut opener, head)
        {
            self.phase = Phase::Data13(Some((opener, traffic)));
            self.reader = Reader::default();
            return Ok(Some(at));
        }
        // Early data that the server refused, or without a secret; or the handshake's records
        // without theirs.
        let without = of(&secrets.handshake).is_none() || !server && early_data;
        if without && matches!(self.phase, Phase::Handshake13(_)) && self.skipped < SKIPPED {
            self.skipped += 1;
            return Ok(None);
        }
        Err(Step::Failed(Why::WrongSecret))
    }

    fn message(&mut self, message: Message, hellos: &mut Hellos) -> Result<(), Why> {
        let plain = matches!(self.phase, Phase::Plain);
        match message {
            Message::ClientHello(hello) if plain => {
                hellos.client.get_or_insert(hello);
            }
            Message::ServerHello(hello) if plain => {
                hellos.server.get_or_insert(hello);
            }
            Message::Retry => hellos.retry = true,
            Message::EndOfEarlyData => {
                if let Phase::Early13(_) = self.phase {
                    self.phase = Phase::Handshake13(None);
                }
            }
            Message::Finished => {
                if let Phase::Handshake13(_) = self.phase {
                    self.phase = Phase::Data13(None);
                }
            }
            Message::KeyUpdate => {
                if let Phase::Data13(Some((_, secret))) = &self.phase
                    && let Some(hash) = Suite::new(hellos.server.map_or(0, |hello| hello.suite))
                    && let Some(next) = next_secret(hash.hash, secret.bytes())
                    && let Some(secret) = Secret::new(&next)
                {
                    let opener = Opener::tls13(hash, secret.bytes()).ok_or(Why::WrongSecret)?;
                    self.phase = Phase::Data13(Some((opener, secret)));
                }
            }
            Message::ClientHello(_) | Message::ServerHello(_) => {}
        }
        Ok(())
    }
}

/// What a record holds, in [`Scratch::open`].
struct Content {
    /// As the record says, or in TLS 1.3 its inside; [`ALERT`] for what is not looked at.
    kind: u8,
    at: Range<usize>,
}

/// The content type is the last byte that is not padding (RFC 8446 §5.4).
fn inner(open: &[u8], at: Range<usize>) -> Content {
    let plain = open.get(at.clone()).unwrap_or_default();
    match plain.iter().rposition(|byte| *byte != 0) {
        Some(end) => Content {
            kind: plain.get(end).copied().unwrap_or(ALERT),
            at: at.start..at.start + end,
        },
        None => Content { kind: ALERT, at },
    }
}
