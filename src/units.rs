//! The vocabulary of every room: frame numbers, capture time, endpoints, flows, status codes.
//!
//! Nothing here allocates, and nothing here knows where a value came from.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::IpAddr;

/// Nanoseconds in a second.
pub const NANOS_PER_SEC: i64 = 1_000_000_000;

/// A capture file's place among the inputs of a run, counted from 0 in command line order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileIndex(pub u16);

/// A frame's number inside its file: counts from 1, as Wireshark does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FrameNo(pub u64);

impl fmt::Display for FrameNo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One frame of one file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FrameRef {
    /// Which input.
    pub file: FileIndex,
    /// Which frame of it.
    pub no: FrameNo,
}

/// In texts: `12`, and of a later capture than the first `1:12`, as the reports' tables have it.
impl fmt::Display for FrameRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.file.0 {
            0 => self.no.fmt(f),
            file => write!(f, "{file}:{}", self.no),
        }
    }
}

/// Capture time: nanoseconds since the Unix epoch, UTC.
///
/// The range (years 1677 to 2262) covers every classic pcap; pcapng times beyond it saturate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The time `nanos` nanoseconds after the Unix epoch.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the Unix epoch.
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// Seconds since the Unix epoch, with fraction.
    #[expect(
        clippy::cast_precision_loss,
        reason = "for display and statistics; 100 ns at today's dates"
    )]
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / NANOS_PER_SEC as f64
    }

    /// `self - earlier`, negative where `earlier` is later; saturates.
    pub const fn since(self, earlier: Self) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }

    /// The time `span` later; saturates.
    #[must_use]
    pub const fn plus(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

/// A length of capture time in nanoseconds; negative where time ran backwards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(i64);

impl Span {
    /// `nanos` nanoseconds.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// `millis` milliseconds; saturates.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// `secs` seconds; saturates.
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(NANOS_PER_SEC))
    }

    /// Nanoseconds.
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// Seconds, with fraction.
    #[expect(
        clippy::cast_precision_loss,
        reason = "for display and thresholds of milliseconds"
    )]
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / NANOS_PER_SEC as f64
    }
}

/// A SIP status code of the range RFC 3261 §7.2 gives a meaning: 100 to 699.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StatusCode(u16);

impl StatusCode {
    /// The code, if it lies in 100 to 699.
    pub const fn new(raw: u16) -> Option<Self> {
        if raw >= 100 && raw <= 699 {
            Some(Self(raw))
        } else {
            None
        }
    }

    /// The number.
    pub const fn get(self) -> u16 {
        self.0
    }

    /// The first digit: 1 to 6.
    pub const fn class(self) -> u16 {
        self.0 / 100
    }

    /// 1xx: not the last word (RFC 3261 §7.2).
    pub const fn is_provisional(self) -> bool {
        self.class() == 1
    }

    /// 2xx.
    pub const fn is_success(self) -> bool {
        self.class() == 2
    }
}

impl fmt::Display for StatusCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A port where SIP is expected, so that a start line alone is proof (DOMAIN F.1).
pub const fn is_sip_port(port: u16) -> bool {
    matches!(port, 5060..=5069 | 5070 | 5080 | 5090 | 5160 | 5161)
}

/// A socket: address and port. Displays as `10.0.0.1:5060` or `[2001:db8::1]:5060`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Endpoint {
    /// IP address.
    pub addr: IpAddr,
    /// UDP, TCP or SCTP port.
    pub port: u16,
}

impl Endpoint {
    /// The socket `addr`:`port`.
    pub const fn new(addr: IpAddr, port: u16) -> Self {
        Self { addr, port }
    }
}

/// In one or two words: sockets are looked up for every message, and piece by piece that costs more
/// than the rest of a look.
impl Hash for Endpoint {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self.addr {
            IpAddr::V4(addr) => {
                state.write_u64(u64::from(addr.to_bits()) << 16 | u64::from(self.port));
            }
            IpAddr::V6(addr) => {
                state.write_u128(addr.to_bits());
                state.write_u16(self.port);
            }
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.addr {
            IpAddr::V4(addr) => write!(f, "{addr}:{}", self.port),
            IpAddr::V6(addr) => write!(f, "[{addr}]:{}", self.port),
        }
    }
}

/// What carried a SIP message, as RFC 3261 §18 and RFC 7118 name it in Via.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// Datagrams.
    Udp,
    /// A byte stream.
    Tcp,
    /// TLS over TCP.
    Tls,
    /// WebSocket over TCP (RFC 7118).
    Ws,
    /// WebSocket over TLS (RFC 7118).
    Wss,
    /// SCTP (RFC 4168).
    Sctp,
}

impl Transport {
    /// The name the JSON and the reports use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
            Self::Ws => "WS",
            Self::Wss => "WSS",
            Self::Sctp => "SCTP",
        }
    }

    /// Everything but UDP delivers what was sent or breaks the connection (RFC 3261 §17.1.1.1).
    pub const fn is_reliable(self) -> bool {
        !matches!(self, Self::Udp)
    }
}

/// One direction between two sockets over one transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Flow {
    /// Where the packet came from.
    pub src: Endpoint,
    /// Where it went.
    pub dst: Endpoint,
    /// How it was carried.
    pub transport: Transport,
}

impl Flow {
    /// The other direction.
    #[must_use]
    pub const fn reversed(self) -> Self {
        Self {
            src: self.dst,
            dst: self.src,
            transport: self.transport,
        }
    }
}

/// From here on interfaces stand for agents.
pub const RELAYED: u32 = 1 << 31;

/// Where and when a piece of data was captured; what every stage hands on beside the bytes.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    /// The frame that completed it, as tshark counts (of IP fragments: the one that made it whole).
    pub at: FrameRef,
    /// That frame's capture time.
    pub time: Timestamp,
    /// Earlier frames that carried parts of it (IP fragments, TCP segments), oldest first; capped.
    pub earlier: &'a [FrameRef],
    /// The pcapng interface, 0 in classic pcap; of what an agent relayed a number of
    /// [`RELAYED`] and above, which stands for the agent.
    pub interface: u32,
    /// IPv4 Identification; 0 for IPv6, or unknown. Tells a tap's copy from a retransmission.
    pub ip_id: u16,
    /// IPv4 TTL or IPv6 hop limit; 0 if unknown.
    pub ttl: u8,
    /// The capture's snap length cut bytes off it.
    pub snapped: bool,
    /// It came in more than one IP fragment.
    pub fragmented: bool,
}

impl Origin<'_> {
    /// An agent relayed the message, or Wireshark exported it: time and addresses are those told of
    /// it, and of the packet it came in neither Identification nor TTL is known.
    pub const fn is_relayed(&self) -> bool {
        self.ip_id == 0 && self.ttl == 0
    }
}
