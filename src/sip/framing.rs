//! `framing`: where one message ends and the next begins.
//!
//! In: datagrams, and the chunks of streams. Out: [`RawMessage`]s, and for each chunk the answer
//! whether more of its stream is wanted. Content-Length counts here and nowhere else.
//! WebSocket, SCTP and decrypted TLS join here: each of their messages frames as a datagram does,
//! or their bytes feed a stream's parser.
//!
//! Always: a message that lies whole inside one chunk is borrowed from it, not copied; a message
//! is handed on once. Capped: an unfinished message by `Limits::message_bytes`, all of them
//! together by `Limits::unfinished_bytes`, the frames behind a message by
//! `Limits::frames_per_message`, the flows known to carry SIP by `Limits::sip_flows`.
//!
//! # References
//! - RFC 3261 §7.5 (framing), §18.3 (Content-Length by transport), §20.14
//! - RFC 5626 §3.5.1 (CRLF keep-alive)

mod flows;
mod parser;
mod strangers;
mod unfinished;

use rustc_hash::FxHashMap;

use self::flows::KnownFlows;
use self::strangers::Strangers;
use self::unfinished::{Outlet, Unfinished};
use super::head::{ContentLength, Head};
use super::sniff::{self, Verdict};
use super::{Framing, RawMessage};
use crate::defect::{Defect, DefectKind};
use crate::limits::Limits;
use crate::packet::Datagram;
use crate::stream::{Appetite, Chunk, Event, StreamId};
use crate::units::{Flow, FrameRef};

const SIP_LIKE: &str = "starts like SIP on port {}, without the header fields that would prove it";
const REFUSED: &str = "begins like SIP, and its first line is none: a control character in it, over 8 KiB, or no status code of three digits; it is part of no call";
const CUT_IN_START: &str = "SIP messages whose first line the capture's snap length cut; they are part of no call; capture again with -s 0";
const GIVEN_UP: &str =
    "unfinished messages of TCP streams filled the memory set aside for them and were given up";

/// What was seen beside messages and is no defect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Datagrams, or segments between messages, that only keep a binding or connection open.
    pub keepalives: u64,
    /// Bytes of SIP streams passed over in search of the next message.
    pub skipped_bytes: u64,
}

/// Cuts messages out of datagrams and streams.
#[derive(Debug)]
pub struct Framer {
    streams: FxHashMap<StreamId, Unfinished>,
    flows: KnownFlows,
    strangers: Strangers,
    /// The stream whose gap was the last event and that has no state yet.
    gap_before: Option<StreamId>,
    /// The sum of the bytes `streams` keep.
    buffered: usize,
    counts: Counts,
    /// Storage for the lines of the message at hand.
    head: Head,
    limits: Limits,
}

impl Framer {
    /// An empty one.
    pub fn new(limits: &Limits) -> Self {
        Self {
            streams: FxHashMap::default(),
            flows: KnownFlows::new(limits.sip_flows),
            strangers: Strangers::new(),
            gap_before: None,
            buffered: 0,
            counts: Counts::default(),
            head: Head::new(limits.header_fields),
            limits: *limits,
        }
    }

    /// What was counted so far.
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// Bytes of unfinished messages.
    pub const fn buffered_bytes(&self) -> usize {
        self.buffered
    }

    /// Takes a datagram, whatever it carries; returns what it was.
    pub fn datagram(
        &mut self,
        datagram: &Datagram<'_>,
        out: &mut dyn FnMut(RawMessage<'_>),
        defects: &mut dyn FnMut(Defect),
    ) -> Verdict {
        let sticky = self.is_sticky(&datagram.flow, datagram.payload);
        self.judged(datagram, sticky, out, defects)
    }

    /// Takes a message of a transport that keeps messages apart, WebSocket or SCTP, whatever it
    /// carries; a start line is proof (RFC 7118 §5, RFC 4168 §5). Returns what it was.
    pub fn message(
        &mut self,
        message: &Datagram<'_>,
        out: &mut dyn FnMut(RawMessage<'_>),
        defects: &mut dyn FnMut(Defect),
    ) -> Verdict {
        self.judged(message, true, out, defects)
    }

    fn judged(
        &mut self,
        datagram: &Datagram<'_>,
        sticky: bool,
        out: &mut dyn FnMut(RawMessage<'_>),
        defects: &mut dyn FnMut(Defect),
    ) -> Verdict {
        let verdict = match sniff::datagram(datagram.payload, ports(&datagram.flow), sticky) {
            Verdict::SipLike
                if datagram.origin.snapped && sniff::is_cut_message(datagram.payload) =>
            {
                Verdict::Sip
            }
            verdict => verdict,
        };
        match verdict {
            Verdict::Sip => {
                self.flows.insert(&datagram.flow);
                if datagram.origin.snapped {
                    let payload = sniff::whole_lines(datagram.payload);
                    let cut = Datagram {
                        payload,
                        ..*datagram
                    };
                    frame_datagram(&cut, &mut self.head, out);
                } else {
                    frame_datagram(datagram, &mut self.head, out);
                }
            }
            Verdict::SipLike => defects(sip_like(&datagram.flow, datagram.origin.at)),
            Verdict::Keepalive => self.counts.keepalives += 1,
            Verdict::No | Verdict::NeedMore => {
                let snapped = datagram.origin.snapped;
                if sniff::is_refused_message(datagram.payload, snapped) {
                    defects(refused(&datagram.flow, datagram.origin.at, snapped));
                }
            }
        }
        verdict
    }

    /// Whether a stream is SIP as far as it is known.
    pub fn follows(&self, stream: StreamId) -> bool {
        self.streams.contains_key(&stream)
    }

    /// Takes what is known next of a stream.
    pub fn push(
        &mut self,
        chunk: &Chunk<'_>,
        out: &mut dyn FnMut(RawMessage<'_>),
        defects: &mut dyn FnMut(Defect),
    ) -> Appetite {
        match chunk.event {
            Event::Bytes(bytes) | Event::Probe(bytes) => self.bytes(chunk, bytes, out, defects),
            Event::Gap(lost) => {
                let Self {
                    streams,
                    flows,
                    counts,
                    head,
                    limits,
                    ..
                } = self;
                let Some(stream) = streams.get_mut(&chunk.stream) else {
                    self.gap_before = Some(chunk.stream);
                    return Appetite::More;
                };
                let before = stream.len();
                stream.gap(lost, &mut outlet(out, defects, flows, counts, head, limits));
                self.buffered -= before;
                Appetite::More
            }
            Event::End => {
                self.end(chunk.stream, out, defects);
                Appetite::Nothing
            }
        }
    }

    /// The capture is over. Streams that were not ended are closed, in the order of their numbers.
    pub fn finish(&mut self, out: &mut dyn FnMut(RawMessage<'_>), defects: &mut dyn FnMut(Defect)) {
        let mut open: Vec<StreamId> = self.streams.keys().copied().collect();
        open.sort_unstable();
        for stream in open {
            self.end(stream, out, defects);
        }
    }

    fn end(
        &mut self,
        stream: StreamId,
        out: &mut dyn FnMut(RawMessage<'_>),
        defects: &mut dyn FnMut(Defect),
    ) {
        if self.gap_before == Some(stream) {
            self.gap_before = None;
        }
        if let Some(mut stream) = self.streams.remove(&stream) {
            self.buffered -= stream.len();
            stream.end(&mut outlet(
                out,
                defects,
                &mut self.flows,
                &mut self.counts,
                &mut self.head,
                &self.limits,
            ));
        }
    }

    fn bytes(
        &mut self,
        chunk: &Chunk<'_>,
        bytes: &[u8],
        out: &mut dyn FnMut(RawMessage<'_>),
        defects: &mut dyn FnMut(Defect),
    ) -> Appetite {
        if !self.streams.contains_key(&chunk.stream) {
            let answer = self.first_bytes(chunk, bytes, defects);
            if !self.streams.contains_key(&chunk.stream) {
                return answer;
            }
        }
        let Self {
            streams,
            flows,
            counts,
            head,
            limits,
            ..
        } = self;
        let Some(stream) = streams.get_mut(&chunk.stream) else {
            return Appetite::Nothing;
        };
        let before = stream.len();
        let verdict = stream.feed(
            &chunk.origin,
            bytes,
            &mut outlet(out, defects, flows, counts, head, limits),
        );
        self.buffered = self.buffered - before + stream.len();
        if let Some(verdict) = verdict {
            if verdict == Verdict::SipLike {
                defects(sip_like(&chunk.flow, chunk.origin.at));
            } else if !sniff::is_expected(ports(&chunk.flow))
                || before == 0 && sniff::is_http(bytes)
            {
                self.strangers.refuse(chunk.stream, stream.begins);
            }
            self.buffered -= stream.len();
            self.streams.remove(&chunk.stream);
            return Appetite::Nothing;
        }
        if self.buffered > self.limits.unfinished_bytes {
            self.give_up_others(chunk, defects);
        }
        Appetite::More
    }

    /// Judges a stream that has no state; makes one if it is, or may become, SIP.
    fn first_bytes(
        &mut self,
        chunk: &Chunk<'_>,
        bytes: &[u8],
        defects: &mut dyn FnMut(Defect),
    ) -> Appetite {
        let ports = ports(&chunk.flow);
        let sticky = self.is_sticky(&chunk.flow, bytes);
        let expected = sticky || sniff::is_expected(ports);
        let probe = matches!(chunk.event, Event::Probe(_));
        let after_gap = self.gap_before == Some(chunk.stream);
        self.gap_before = None;
        // On SIP's ports, where every flow is known, only HTTP makes a stranger.
        let is_known = sticky && !sniff::is_expected(ports);
        if !is_known && self.strangers.contains(chunk.stream) {
            return Appetite::Nothing;
        }
        let resync = match sniff::stream_start(bytes, ports, sticky) {
            Verdict::Sip | Verdict::NeedMore => false,
            Verdict::Keepalive => {
                self.counts.keepalives += 1;
                return if probe {
                    Appetite::Nothing
                } else {
                    Appetite::More
                };
            }
            Verdict::SipLike => {
                defects(sip_like(&chunk.flow, chunk.origin.at));
                return Appetite::Nothing;
            }
            // The middle of a message, perhaps.
            Verdict::No if expected && sniff::is_text(bytes) => {
                if probe {
                    return Appetite::Hold;
                }
                if !after_gap && sniff::is_refused_message(bytes, false) {
                    defects(refused(&chunk.flow, chunk.origin.at, false));
                }
                true
            }
            Verdict::No => {
                if sniff::is_refused_message(bytes, false) {
                    defects(refused(&chunk.flow, chunk.origin.at, false));
                }
                // A few bytes do not tell what a stream is.
                let begins = !probe && !after_gap && bytes.len() >= 4;
                if !sniff::may_precede_sip(bytes) && (!expected || sniff::is_http(bytes)) {
                    self.strangers.refuse(chunk.stream, begins);
                }
                return Appetite::Nothing;
            }
        };
        let stream = Unfinished::new(chunk, sticky, resync, after_gap);
        self.streams.insert(chunk.stream, stream);
        Appetite::More
    }

    /// All unfinished messages but the current stream's are given up at once, so that the search
    /// for them is paid by the bytes that filled the memory.
    fn give_up_others(&mut self, chunk: &Chunk<'_>, defects: &mut dyn FnMut(Defect)) {
        let mut given_up = 0;
        let alone = self.buffered == self.streams.get(&chunk.stream).map_or(0, Unfinished::len);
        let mut left = 0;
        self.streams.retain(|id, stream| {
            if stream.len() > 0 && (alone || *id != chunk.stream) {
                stream.give_up();
                given_up += 1;
            }
            left += stream.len();
            true
        });
        self.buffered = left;
        let mut defect = Defect::new(DefectKind::Evicted, chunk.origin.at, GIVEN_UP);
        defect.count = given_up;
        defects(defect);
    }

    /// Whether the flow gave a message before. Asked only where the first byte leaves it open.
    fn is_sticky(&mut self, flow: &Flow, bytes: &[u8]) -> bool {
        bytes.first().is_none_or(u8::is_ascii) && self.flows.contains(flow)
    }
}

fn outlet<'s>(
    out: &'s mut dyn FnMut(RawMessage<'_>),
    defects: &'s mut dyn FnMut(Defect),
    flows: &'s mut KnownFlows,
    counts: &'s mut Counts,
    head: &'s mut Head,
    limits: &'s Limits,
) -> Outlet<'s> {
    Outlet {
        out,
        defects,
        flows,
        counts,
        head,
        limits,
    }
}

const fn ports(flow: &Flow) -> (u16, u16) {
    (flow.src.port, flow.dst.port)
}

/// The defect names the lower port: a server's, as a rule.
fn sip_like(flow: &Flow, at: FrameRef) -> Defect {
    let port = flow.src.port.min(flow.dst.port);
    Defect::new(DefectKind::SipLike, at, SIP_LIKE)
        .with_number(u64::from(port))
        .on(*flow)
}

/// What begins like a message and is none.
#[cold]
const fn refused(flow: &Flow, at: FrameRef, snapped: bool) -> Defect {
    if snapped {
        Defect::new(DefectKind::Snapped, at, CUT_IN_START).on(*flow)
    } else {
        Defect::new(DefectKind::SipLike, at, REFUSED).on(*flow)
    }
}

/// Frames a datagram that begins with SIP.
///
/// Bytes behind the Content-Length are dropped, as RFC 3261 §18.3 says, and flagged
/// `trailing_octets`; where they prove to be a message themselves they are framed too, which is
/// laxer than the RFC. A Content-Length that is missing or bad leaves the rest as the body. `head`
/// is storage.
pub fn frame_datagram(
    datagram: &Datagram<'_>,
    head: &mut Head,
    out: &mut dyn FnMut(RawMessage<'_>),
) {
    let mut rest = sniff::skip_line_ends(datagram.payload, usize::MAX);
    let mut follows = false;
    while !rest.is_empty() {
        let mut framing = Framing {
            follows_in_datagram: follows,
            ..Framing::default()
        };
        let mut len = rest.len();
        head.read(rest);
        framing.head_unfinished = !head.is_ended();
        match head.content_length() {
            _ if framing.head_unfinished => {}
            ContentLength::Missing => {}
            ContentLength::Bad => framing.bad_content_length = true,
            ContentLength::Is(body) => {
                let body = usize::try_from(body).unwrap_or(usize::MAX);
                let end = head.len().saturating_add(body);
                framing.truncated_body = end > len;
                len = end.min(len);
            }
        }
        let (message, behind) = rest.split_at(len);
        rest = sniff::skip_line_ends(behind, usize::MAX);
        framing.trailing_octets = !rest.is_empty();
        out(RawMessage {
            flow: datagram.flow,
            origin: datagram.origin,
            bytes: message,
            head_len: head.len(),
            head,
            framing,
        });
        // Proof as on a port that is not SIP's: a start line and the header fields.
        if sniff::datagram(rest, (0, 0), false) != Verdict::Sip {
            break;
        }
        follows = true;
    }
}

#[cfg(test)]
mod tests;
