//! HEP: messages that capture agents mirror to Homer.
//!
//! In: one packet, the payload of a datagram or cut out of a stream. Out: [`Hep`] with the
//! addresses, ports, transport and time that the agent saw. Unknown chunks are passed over.
//!
//! Capped: an inflated payload by [`crate::limits::Limits::message_bytes`].
//!
//! # References
//! - HEP3/EEP3 specification, revision 37, <https://github.com/sipcapture/HEP>
//! - Versions 1 and 2: <https://github.com/sipcapture/hep-erlang>

use std::hash::{Hash as _, Hasher as _};
use std::io::Read as _;
use std::net::IpAddr;

use flate2::read::{DeflateDecoder, GzDecoder, ZlibDecoder};
use rustc_hash::FxHasher;

use super::Layer;
use crate::defect::DefectKind;
use crate::units::{Endpoint, Flow, NANOS_PER_SEC, RELAYED, Span, Timestamp, Transport};

/// The port collectors listen on.
pub(super) const PORT: u16 = 9060;

/// Bytes: the magic and the total length.
pub(crate) const HEAD: usize = 6;

/// What is told of a payload that does not inflate.
pub(super) const NOT_INFLATED: &str =
    "compressed HEP payloads do not inflate to a whole message; what did was read";

/// Farther from the capture's time than this a version 2 time is not believed: its byte order
/// depends on the agent.
const NEAR: Span = Span::from_secs(24 * 3600);

/// What an agent sent.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Hep<'a> {
    /// Address and port, if both were told.
    src: Option<Endpoint>,
    /// Address and port, if both were told.
    dst: Option<Endpoint>,
    /// By the IP protocol number.
    transport: Option<Transport>,
    /// When the agent saw it.
    time: Option<Timestamp>,
    /// The agent's number.
    agent: Option<u32>,
    /// It is SIP, or its kind was not told.
    is_sip: bool,
    /// What the agent saw.
    pub(super) payload: Option<Payload<'a>>,
}

/// A payload chunk.
#[derive(Clone, Copy, Debug)]
pub(super) struct Payload<'a> {
    pub(super) bytes: &'a [u8],
    /// gzip, zlib or deflate.
    pub(super) is_compressed: bool,
    pub(super) is_snapped: bool,
}

/// A SIP message that an agent mirrored: by whom to whom, when, and what is there of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mirrored<'a> {
    pub(crate) flow: Flow,
    pub(crate) time: Timestamp,
    /// The interface that stands for the agent, see [`RELAYED`].
    pub(crate) agent: u32,
    pub(crate) bytes: &'a [u8],
    /// Some of it is missing.
    pub(crate) is_cut: bool,
    /// What is wrong with it.
    pub(crate) defect: Option<(DefectKind, &'static str)>,
}

impl<'a> Hep<'a> {
    /// The message, if it is SIP; what the agent did not tell is that of the packet: `seen` and
    /// `captured`. What was compressed is inflated into `buffer`, at most `cap` bytes.
    pub(crate) fn mirrored<'m>(
        &self,
        seen: &Flow,
        captured: Timestamp,
        cap: usize,
        buffer: &'m mut Vec<u8>,
    ) -> Option<Mirrored<'m>>
    where
        'a: 'm,
    {
        let payload = self.payload.filter(|_| self.is_sip)?;
        // Agents behind one address have numbers of their own.
        let mut agent = FxHasher::default();
        (seen.src.addr, self.agent).hash(&mut agent);
        let [.., a, b, c, d] = agent.finish().to_be_bytes();
        let mut mirrored = Mirrored {
            flow: Flow {
                src: self.src.unwrap_or(seen.src),
                dst: self.dst.unwrap_or(seen.dst),
                transport: self.transport.unwrap_or(Transport::Udp),
            },
            time: self.time.unwrap_or(captured),
            agent: RELAYED | u32::from_be_bytes([a, b, c, d]),
            bytes: payload.bytes,
            is_cut: payload.is_snapped,
            defect: None,
        };
        if payload.is_compressed {
            if !inflate(payload.bytes, cap, buffer) {
                mirrored.is_cut = true;
                mirrored.defect = Some((DefectKind::Malformed, NOT_INFLATED));
            }
            mirrored.bytes = buffer;
        }
        Some(mirrored)
    }
}

/// Whether it begins as version 3 does.
#[inline]
pub(crate) fn has_magic(bytes: &[u8]) -> bool {
    matches!(bytes.first_chunk::<4>(), Some(b"HEP3" | b"EEP3"))
}

/// Whether it can become that.
pub(crate) fn may_have_magic(bytes: &[u8]) -> bool {
    let known = bytes.len().min(4);
    known > 0
        && [b"HEP3", b"EEP3"]
            .iter()
            .any(|magic| bytes.get(..known) == magic.get(..known))
}

/// Reads a version 3 packet that is there whole.
pub(crate) fn read(packet: &[u8]) -> Option<Hep<'_>> {
    version_3(Layer {
        bytes: packet,
        wire: packet.len(),
    })
}

/// How long the version 3 packet is that begins here, by its head.
pub(crate) fn total_len(bytes: &[u8]) -> Option<usize> {
    let head = bytes
        .first_chunk::<HEAD>()
        .filter(|head| has_magic(*head))?;
    let [.., high, low] = *head;
    Some(usize::from(u16::from_be_bytes([high, low])))
}

/// Reads a packet of any version. Nothing, if it is none.
pub(super) fn open(packet: Layer<'_>, captured: Timestamp) -> Option<Hep<'_>> {
    match packet.bytes.first()? {
        b'H' | b'E' => version_3(packet),
        1 | 2 => version_1_or_2(packet, captured),
        _ => None,
    }
}

fn version_3(packet: Layer<'_>) -> Option<Hep<'_>> {
    let total = total_len(packet.bytes)?;
    if total < HEAD || total > packet.wire {
        return None;
    }
    let mut rest = packet.cut(total).skip(HEAD)?;
    let mut hep = Hep {
        is_sip: true,
        ..Hep::default()
    };
    let (mut addrs, mut ports) = ([None::<IpAddr>; 2], [None::<u16>; 2]);
    let (mut seconds, mut micros) = (None, 0);
    // Vendor, type, length with these six bytes.
    while let (Some(vendor), Some(kind), Some(len)) =
        (rest.u16_be(0), rest.u16_be(2), rest.u16_be(4))
    {
        let Some(behind) = rest.skip(6) else {
            break;
        };
        let Some(len) = usize::from(len)
            .checked_sub(6)
            .filter(|len| *len <= behind.wire)
        else {
            break;
        };
        let value = behind.cut(len);
        rest = behind.skip(len).unwrap_or(Layer {
            bytes: &[],
            wire: 0,
        });
        if vendor != 0 {
            continue;
        }
        match kind {
            2 => hep.transport = value.bytes.first().and_then(|number| transport(*number)),
            3 => addrs[0] = value.array::<4>(0).map(|octets| (*octets).into()),
            4 => addrs[1] = value.array::<4>(0).map(|octets| (*octets).into()),
            5 => addrs[0] = value.array::<16>(0).map(|octets| (*octets).into()),
            6 => addrs[1] = value.array::<16>(0).map(|octets| (*octets).into()),
            7 => ports[0] = value.u16_be(0),
            8 => ports[1] = value.u16_be(0),
            9 => seconds = value.array::<4>(0).map(|bytes| u32::from_be_bytes(*bytes)),
            0x0a => {
                micros = value
                    .array::<4>(0)
                    .map_or(0, |bytes| u32::from_be_bytes(*bytes));
            }
            0x0c => {
                hep.agent = value.array::<4>(0).map(|bytes| u32::from_be_bytes(*bytes));
            }
            0x0b => hep.is_sip = value.bytes.first() == Some(&1),
            0x0f | 0x10 => {
                hep.payload = Some(Payload {
                    bytes: value.bytes,
                    is_compressed: kind == 0x10,
                    is_snapped: value.is_snapped(),
                });
            }
            _ => {}
        }
    }
    let endpoint = |addr: Option<IpAddr>, port: Option<u16>| Some(Endpoint::new(addr?, port?));
    hep.src = endpoint(addrs[0], ports[0]);
    hep.dst = endpoint(addrs[1], ports[1]);
    hep.time = seconds
        .filter(|seconds| *seconds != 0)
        .map(|seconds| time(seconds, micros));
    Some(hep)
}

/// Version, header length, family, protocol, ports, addresses; then, of version 2, seconds,
/// microseconds and the agent's number, which not all agents count into the header's length. The
/// rest is the payload.
fn version_1_or_2(packet: Layer<'_>, captured: Timestamp) -> Option<Hep<'_>> {
    let &[version, head_len, family, protocol] = packet.array::<4>(0)?;
    let transport = transport(protocol)?;
    let addr = |at: usize| -> Option<IpAddr> {
        match family {
            2 => packet.array::<4>(at).map(|octets| (*octets).into()),
            10 => packet.array::<16>(at).map(|octets| (*octets).into()),
            _ => None,
        }
    };
    let addr_len = if family == 2 { 4 } else { 16 };
    let times_at = 8 + 2 * addr_len;
    let times_len = match (version, usize::from(head_len).checked_sub(times_at)?) {
        (1, 0) => 0,
        (2, 0) => 12,
        (2, counted @ 10..=12) => counted,
        _ => return None,
    };
    let payload = packet.skip(times_at + times_len)?;
    let read_times = |read: fn([u8; 4]) -> u32| {
        let (seconds, micros) = (
            packet.array::<4>(times_at)?,
            packet.array::<4>(times_at + 4)?,
        );
        let told = time(read(*seconds), read(*micros));
        (told.since(captured).nanos().saturating_abs() <= NEAR.nanos()).then_some(told)
    };
    let time = if version == 2 {
        read_times(u32::from_be_bytes).or_else(|| read_times(u32::from_le_bytes))
    } else {
        None
    };
    Some(Hep {
        src: Some(Endpoint::new(addr(8)?, packet.u16_be(4)?)),
        dst: Some(Endpoint::new(addr(8 + addr_len)?, packet.u16_be(6)?)),
        transport: Some(transport),
        time,
        agent: None,
        is_sip: true,
        payload: Some(Payload {
            bytes: payload.bytes,
            is_compressed: false,
            is_snapped: payload.is_snapped(),
        }),
    })
}

fn time(seconds: u32, micros: u32) -> Timestamp {
    let nanos = i64::from(seconds) * NANOS_PER_SEC;
    Timestamp::from_nanos(nanos).plus(Span::from_nanos(i64::from(micros) * 1000))
}

/// IP protocol numbers. 22, which nothing uses, is what Kamailio writes for TLS, and for WebSocket
/// over it or not.
const fn transport(number: u8) -> Option<Transport> {
    match number {
        6 => Some(Transport::Tcp),
        22 => Some(Transport::Tls),
        17 => Some(Transport::Udp),
        132 => Some(Transport::Sctp),
        _ => None,
    }
}

/// Inflates `bytes` into `out`: at most `cap` bytes; whether that was all of it.
fn inflate(bytes: &[u8], cap: usize, out: &mut Vec<u8>) -> bool {
    out.clear();
    let limit = u64::try_from(cap).unwrap_or(u64::MAX).saturating_add(1);
    let result = match bytes {
        [0x1f, 0x8b, ..] => GzDecoder::new(bytes).take(limit).read_to_end(out),
        // The head of zlib is a multiple of 31.
        [method, flags, ..]
            if method & 0x0f == 8 && u16::from_be_bytes([*method, *flags]).is_multiple_of(31) =>
        {
            ZlibDecoder::new(bytes).take(limit).read_to_end(out)
        }
        _ => DeflateDecoder::new(bytes).take(limit).read_to_end(out),
    };
    let is_whole = result.is_ok() && out.len() <= cap;
    out.truncate(cap);
    is_whole
}
