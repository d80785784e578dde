//! `Wires`: the stages between packets and framed messages.
//!
//! In: datagrams, TCP segments, SCTP packets. Out: framed messages. The chain of a TCP segment is
//! reassembler, TLS, WebSocket, framer; each hands on what is not its own.

use crate::defect::{Defect, DefectKind};
use crate::limits::Limits;
use crate::packet::{Datagram, SctpPacket, Segment};
use crate::sctp::Sctp;
use crate::sip::framing::Framer;
use crate::sip::sniff::{self, Verdict};
use crate::sip::{RawMessage, sniff::StartLine};
use crate::stream::{Appetite, Chunk, Reassembler};
use crate::tls::{self, KeyLog, Tls};
use crate::websocket::{Item, Websocket};

const DTLS: &str =
    "DTLS connections, in which SIP may be; they are not decrypted: capture behind their end";

/// The stages, in order.
#[derive(Debug)]
pub struct Wires {
    reassembler: Reassembler,
    tls: Tls,
    websocket: Websocket,
    sctp: Sctp,
    framer: Framer,
}

impl Wires {
    /// Stages that have seen nothing, with the secrets of `log`.
    pub fn new(log: KeyLog, limits: &Limits) -> Self {
        Self {
            reassembler: Reassembler::new(limits),
            tls: Tls::new(log, limits),
            websocket: Websocket::new(is_sip, limits),
            sctp: Sctp::new(limits),
            framer: Framer::new(limits),
        }
    }

    /// Takes TLS secrets that the capture brings, as whole lines of a key log.
    pub fn add_secrets(&mut self, lines: &[u8]) {
        self.tls.add_secrets(lines);
    }

    /// TLS connections that were not decrypted.
    pub const fn unread(&self) -> &tls::Unread {
        self.tls.unread()
    }

    /// Takes a UDP datagram; false if it is nothing that is read here.
    pub fn datagram(
        &mut self,
        datagram: &Datagram<'_>,
        out: &mut dyn FnMut(RawMessage<'_>),
        defects: &dyn Fn(Defect),
    ) -> bool {
        let Self { sctp, framer, .. } = self;
        let mut inner =
            |message: Datagram<'_>| framer.message(&message, out, &mut &*defects) == Verdict::Sip;
        if sctp.datagram(datagram, &mut inner, &mut &*defects) {
            return true;
        }
        if tls::is_dtls_client_hello(datagram.payload) {
            let at = datagram.origin.at;
            defects(Defect::new(DefectKind::Encrypted, at, DTLS));
            return true;
        }
        framer.datagram(datagram, out, &mut &*defects) != Verdict::No
    }

    /// Takes a TCP segment.
    pub fn segment(
        &mut self,
        segment: &Segment<'_>,
        out: &mut dyn FnMut(RawMessage<'_>),
        defects: &dyn Fn(Defect),
    ) {
        let Self {
            reassembler,
            tls,
            websocket,
            framer,
            ..
        } = self;
        reassembler.push(
            segment,
            &mut |chunk| {
                tls.push(
                    &chunk,
                    &mut |chunk| plain(websocket, framer, &chunk, out, defects),
                    &mut &*defects,
                )
            },
            &mut &*defects,
        );
    }

    /// Takes an SCTP packet.
    pub fn sctp(
        &mut self,
        packet: &SctpPacket<'_>,
        out: &mut dyn FnMut(RawMessage<'_>),
        defects: &dyn Fn(Defect),
    ) {
        let Self { sctp, framer, .. } = self;
        sctp.push(
            packet,
            &mut |message| framer.message(&message, out, &mut &*defects) == Verdict::Sip,
            &mut &*defects,
        );
    }

    /// The capture is over.
    pub fn finish(&mut self, out: &mut dyn FnMut(RawMessage<'_>), defects: &dyn Fn(Defect)) {
        let Self {
            reassembler,
            tls,
            websocket,
            sctp,
            framer,
        } = self;
        reassembler.finish(
            &mut |chunk| {
                tls.push(
                    &chunk,
                    &mut |chunk| plain(websocket, framer, &chunk, out, defects),
                    &mut &*defects,
                )
            },
            &mut &*defects,
        );
        tls.finish(
            &mut |chunk| plain(websocket, framer, &chunk, out, defects),
            &mut &*defects,
        );
        websocket.finish();
        sctp.finish(&mut &*defects);
        framer.finish(out, &mut &*defects);
    }
}

/// A chunk that is not encrypted, or not any more.
fn plain(
    websocket: &mut Websocket,
    framer: &mut Framer,
    chunk: &Chunk<'_>,
    out: &mut dyn FnMut(RawMessage<'_>),
    defects: &dyn Fn(Defect),
) -> Appetite {
    websocket.push(
        chunk,
        &mut |item| match item {
            Item::Chunk(chunk) => framer.push(&chunk, out, &mut &*defects),
            Item::Message(message) => match framer.message(&message, out, &mut &*defects) {
                Verdict::Sip => Appetite::More,
                _ => Appetite::Nothing,
            },
        },
        &mut &*defects,
    )
}

/// Whether bytes begin with a SIP message, as strictly as where none is expected.
fn is_sip(bytes: &[u8]) -> bool {
    sniff::start_line(bytes) == StartLine::Known
}
