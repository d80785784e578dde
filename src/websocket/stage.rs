//! `Websocket`: the stage.
//!
//! In: chunks. Out: items. Capped: see the room's contract.

use rustc_hash::FxHashMap;

use super::direction::{Direction, Read, begins_sip};
use super::handshake::{self, Verdict};
use super::inflate::{Inflater, Window};
use crate::defect::{Defect, DefectKind};
use crate::limits::Limits;
use crate::packet::Datagram;
use crate::stream::gathered::Gathered;
use crate::stream::{Appetite, Chunk, Event, StreamId};
use crate::units::{Flow, Transport};

const LOST: &str = "a WebSocket connection with SIP goes on with bytes that are no frame; they were passed over until a message begins a segment";
const CROWDED: &str = "more WebSocket connections at once than memory is set aside for: what was known of them was given up";
const FORGOTTEN: &str = "more compressed WebSocket connections at once than memory is set aside for: what was sent on those idle longest was forgotten, so that later messages on them may not decompress";

/// What comes out.
#[derive(Clone, Copy, Debug)]
pub enum Item<'a> {
    /// A chunk that is not of a WebSocket connection.
    Chunk(Chunk<'a>),
    /// A message of a WebSocket connection. The answer is [`Appetite::More`] if it is SIP.
    Message(Datagram<'a>),
}

/// What is known of a direction.
#[derive(Debug)]
enum State {
    /// It may be the head of a handshake.
    Head(Gathered),
    /// Inside a frame or a message. `sip`: it gave a SIP message.
    Open {
        direction: Box<Direction>,
        sip: bool,
    },
    /// Between messages, where most connections are most of the time.
    Idle { window: Window, sip: bool },
}

#[derive(Debug)]
struct Stream {
    state: State,
    /// When it was last used, in chunks of the whole stage.
    used: u64,
}

impl Stream {
    const fn window(&self) -> Option<&Window> {
        match &self.state {
            State::Head(_) => None,
            State::Open { direction, .. } => Some(direction.window()),
            State::Idle { window, .. } => Some(window),
        }
    }

    const fn is_sip(&self) -> bool {
        matches!(
            self.state,
            State::Open { sip: true, .. } | State::Idle { sip: true, .. }
        )
    }

    fn cost(&self) -> usize {
        match &self.state {
            State::Head(head) => head.cost(),
            State::Open { direction, .. } => size_of::<Direction>() + direction.cost(),
            State::Idle { window, .. } => window.cost(),
        }
    }
}

/// Takes messages out of WebSocket connections.
#[derive(Debug)]
pub struct Websocket {
    streams: FxHashMap<StreamId, Stream>,
    buffered: usize,
    used: u64,
    inflater: Inflater,
    is_sip: fn(&[u8]) -> bool,
    limits: Limits,
}

impl Websocket {
    /// An empty one; `is_sip` tells whether bytes begin with a SIP message.
    pub fn new(is_sip: fn(&[u8]) -> bool, limits: &Limits) -> Self {
        Self {
            streams: FxHashMap::default(),
            buffered: 0,
            used: 0,
            inflater: Inflater::new(),
            is_sip,
            limits: *limits,
        }
    }

    /// Bytes of unfinished messages, and of what compression refers back to.
    pub const fn buffered_bytes(&self) -> usize {
        self.buffered
    }

    /// Whether a stream is WebSocket's as far as it is known.
    pub fn follows(&self, stream: StreamId) -> bool {
        self.streams.contains_key(&stream)
    }

    /// Takes what is known next of a stream.
    pub fn push(
        &mut self,
        chunk: &Chunk<'_>,
        out: &mut dyn FnMut(Item<'_>) -> Appetite,
        defects: &mut dyn FnMut(Defect),
    ) -> Appetite {
        let bytes = match chunk.event {
            Event::Bytes(bytes) | Event::Probe(bytes) => bytes,
            Event::Gap(_) | Event::End => return self.interrupt(chunk, out),
        };
        if !self.streams.contains_key(&chunk.stream) {
            let state = match handshake::judge(bytes) {
                Verdict::NeedMore | Verdict::Upgrade(_) => State::Head(Gathered::default()),
                // Only what is no text can be a frame.
                Verdict::No
                    if matches!(bytes.first(), Some(1 | 2 | 0x81 | 0x82 | 0xc1 | 0xc2))
                        && begins_sip(bytes, &mut self.inflater, self.is_sip, &self.limits) =>
                {
                    State::Idle {
                        window: Window::default(),
                        sip: false,
                    }
                }
                Verdict::No => return out(Item::Chunk(*chunk)),
            };
            let stream = Stream { state, used: 0 };
            self.buffered += size_of::<Stream>();
            self.streams.insert(chunk.stream, stream);
        }
        self.used += 1;
        let Some(mut stream) = self.streams.remove(&chunk.stream) else {
            return Appetite::Nothing;
        };
        stream.used = self.used;
        let before = stream.cost();
        let appetite = self.feed(&mut stream, chunk, bytes, out, defects);
        match appetite {
            Ok(appetite) => {
                self.buffered = self.buffered.saturating_sub(before) + stream.cost();
                self.streams.insert(chunk.stream, stream);
                if self.buffered > self.limits.websocket_bytes {
                    self.shed(chunk, defects);
                }
                appetite
            }
            Err(appetite) => {
                self.forget(before);
                appetite
            }
        }
    }

    /// The capture is over. What is kept of messages that did not end is no message.
    pub fn finish(&mut self) {
        self.streams.clear();
        self.buffered = 0;
    }

    /// Feeds a stream; `Err` if it is of no more interest here.
    fn feed(
        &mut self,
        stream: &mut Stream,
        chunk: &Chunk<'_>,
        bytes: &[u8],
        out: &mut dyn FnMut(Item<'_>) -> Appetite,
        defects: &mut dyn FnMut(Defect),
    ) -> Result<Appetite, Appetite> {
        let mut rest = bytes;
        let head;
        if let State::Head(gathered) = &mut stream.state {
            gathered.push(bytes, &chunk.origin);
            match handshake::judge(gathered.bytes()) {
                Verdict::NeedMore => return Ok(Appetite::Maybe),
                Verdict::No => return Err(pass_on(gathered, chunk, &self.limits, out)),
                Verdict::Upgrade(len) => {
                    gathered.consume(len);
                    head = gathered.bytes().to_vec();
                    rest = &head;
                    stream.state = State::Idle {
                        window: Window::default(),
                        sip: false,
                    };
                }
            }
        }
        if let State::Idle { window, sip } = &mut stream.state {
            stream.state = State::Open {
                direction: Box::new(Direction::with(std::mem::take(window))),
                sip: *sip,
            };
        }
        let State::Open { direction, sip } = &mut stream.state else {
            return Err(Appetite::Nothing);
        };
        let flow = Flow {
            transport: if chunk.flow.transport == Transport::Tls {
                Transport::Wss
            } else {
                Transport::Ws
            },
            ..chunk.flow
        };
        let read = direction.push(
            rest,
            &chunk.origin,
            &mut self.inflater,
            &self.limits,
            &mut |payload, origin| {
                let message = Datagram {
                    flow,
                    origin,
                    payload,
                };
                *sip |= out(Item::Message(message)) == Appetite::More;
            },
            defects,
        );
        let sip = *sip;
        if let Some(window) = direction.take_if_idle() {
            stream.state = State::Idle { window, sip };
        }
        match read {
            Read::Frames if sip => Ok(Appetite::More),
            Read::Frames => Ok(Appetite::Maybe),
            Read::Lost => {
                if sip {
                    defects(Defect::new(DefectKind::Malformed, chunk.origin.at, LOST));
                }
                Err(Appetite::Nothing)
            }
        }
    }

    /// Bytes are missing, or none come any more.
    fn interrupt(
        &mut self,
        chunk: &Chunk<'_>,
        out: &mut dyn FnMut(Item<'_>) -> Appetite,
    ) -> Appetite {
        let Some(mut stream) = self.streams.remove(&chunk.stream) else {
            return out(Item::Chunk(*chunk));
        };
        self.forget(stream.cost());
        if let State::Head(head) = &mut stream.state
            && pass_on(head, chunk, &self.limits, out) != Appetite::Nothing
        {
            return out(Item::Chunk(*chunk));
        }
        // Where the next frame begins is not known behind a gap: each segment is tried.
        Appetite::Nothing
    }

    fn forget(&mut self, cost: usize) {
        let cost = cost + size_of::<Stream>();
        self.buffered = self.buffered.saturating_sub(cost);
    }

    /// Makes room, so that it is not soon wanted again: packs what streams keep for compression,
    /// then gives it up, and where that is too little streams; each time of a quarter of them, those
    /// idle longest.
    fn shed(&mut self, chunk: &Chunk<'_>, defects: &mut dyn FnMut(Defect)) {
        let enough = self.limits.websocket_bytes / 8 * 7;
        let (mut forgotten, mut given_up) = (0, 0);
        while self.buffered > enough {
            let plain = self.idle(|stream| stream.window().is_some_and(Window::is_plain));
            let before = self.buffered;
            for id in plain {
                self.shrink(id, Inflater::pack);
            }
            if self.buffered >= before {
                break;
            }
        }
        while self.buffered > enough {
            let kept = self.idle(|stream| stream.window().is_some_and(|window| window.cost() > 0));
            if kept.is_empty() {
                break;
            }
            for id in kept {
                forgotten += u64::from(self.shrink(id, |_, window| *window = Window::default()));
            }
        }
        while self.buffered > enough {
            let idle = self.idle(|_| true);
            if idle.is_empty() {
                break;
            }
            for id in idle {
                if let Some(stream) = self.streams.remove(&id) {
                    self.forget(stream.cost());
                    given_up += u64::from(stream.is_sip());
                }
            }
        }
        for (count, detail) in [(forgotten, FORGOTTEN), (given_up, CROWDED)] {
            if count > 0 {
                let mut defect = Defect::new(DefectKind::Evicted, chunk.origin.at, detail);
                defect.count = count;
                defects(defect);
            }
        }
    }

    /// Makes the window of a stream smaller; whether the stream is SIP's.
    fn shrink(&mut self, id: StreamId, how: impl FnOnce(&mut Inflater, &mut Window)) -> bool {
        let Some(stream) = self.streams.get_mut(&id) else {
            return false;
        };
        let before = stream.cost();
        match &mut stream.state {
            State::Head(_) => {}
            State::Open { direction, .. } => how(&mut self.inflater, direction.window_mut()),
            State::Idle { window, .. } => how(&mut self.inflater, window),
        }
        self.buffered = self.buffered.saturating_sub(before) + stream.cost();
        stream.is_sip()
    }

    /// A quarter of the streams that are `such`, those idle longest.
    fn idle(&self, such: impl Fn(&Stream) -> bool) -> Vec<StreamId> {
        let all = self.streams.iter().filter(|(_, stream)| such(stream));
        let mut all: Vec<(u64, StreamId)> = all.map(|(id, stream)| (stream.used, *id)).collect();
        all.sort_unstable();
        all.truncate(all.len().div_ceil(4));
        all.into_iter().map(|(_, id)| id).collect()
    }
}

/// Hands on the bytes of what was no handshake.
fn pass_on(
    head: &Gathered,
    chunk: &Chunk<'_>,
    limits: &Limits,
    out: &mut dyn FnMut(Item<'_>) -> Appetite,
) -> Appetite {
    let mut earlier = Vec::new();
    let bytes = head.bytes();
    let Some(kept) = head.origin(bytes.len(), limits.frames_per_message, &mut earlier) else {
        return Appetite::Nothing;
    };
    out(Item::Chunk(Chunk {
        origin: kept.origin(&earlier),
        event: Event::Bytes(bytes),
        ..*chunk
    }))
}
