//! Ordinary traffic by the million packets, for throughput and for what a message allocates.
//!
//! In: a [`Mix`] and a number of packets. Out: a classic pcap of Ethernet frames, written as it is
//! made. The same arguments give the same bytes: chance is a counter that is mixed, and time runs
//! as the scenarios say.
//!
//! What is made: calls between gateways and servers (answered, busy, refused, cancelled),
//! registrations of handsets with a challenge, and OPTIONS; a hundred of them begin each second,
//! each with a Call-ID, branches and tags of its own.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::fmt::Write as _;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};

use super::pcap::{self, IpFields, Link, Options, Order, Record, flag};

/// What the packets are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mix {
    /// SIP over UDP and nothing else.
    Udp,
    /// SIP over TCP, with the acknowledgments of its segments.
    Tcp,
    /// SIP over UDP, one packet in twenty; the others are the media of its calls.
    Media,
}

impl Mix {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Udp => "sip-udp",
            Self::Tcp => "sip-tcp",
            Self::Media => "media",
        }
    }
}

/// Nanoseconds of a millisecond.
const MILLI: u64 = 1_000_000;

/// Milliseconds between the beginnings of two scenarios.
const EVERY: u64 = 10;

/// Records that are written at once.
const BATCH: usize = 1024;

/// Writes a capture of at least `packets` packets.
pub fn write(mix: Mix, packets: usize, out: &mut dyn Write) -> io::Result<()> {
    let options = Options::default();
    let head = pcap::write(&[], &options);
    out.write_all(&head)?;
    let mut traffic = Traffic::new(mix);
    let mut written = 0;
    while written < packets {
        traffic.step();
        if traffic.records.len() >= BATCH || written + traffic.records.len() >= packets {
            let bytes = pcap::write(&traffic.records, &options);
            out.write_all(&bytes[head.len()..])?;
            written += traffic.records.len();
            traffic.records.clear();
        }
    }
    Ok(())
}

/// The same in memory.
pub fn capture(mix: Mix, packets: usize) -> Vec<u8> {
    let mut out = Vec::new();
    write(mix, packets, &mut out).expect("memory takes all");
    out
}

/// A number that looks like chance, of `n`.
const fn mixed(n: u64) -> u64 {
    let n = n.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

/// One message of a scenario.
#[derive(Clone, Copy, Debug)]
struct Step {
    /// Milliseconds after the step before.
    after: u64,
    what: What,
}

#[derive(Clone, Copy, Debug)]
enum What {
    /// A request: method, CSeq number, whether it belongs to the answered dialog.
    Ask(&'static str, u32, bool),
    /// A response: code, phrase, and method and CSeq number of its request.
    Answer(u16, &'static str, &'static str, u32),
    /// So long as the call lasts.
    Talk,
}

const fn ask(after: u64, method: &'static str, cseq: u32, inside: bool) -> Step {
    let what = What::Ask(method, cseq, inside);
    Step { after, what }
}

const fn answer(
    after: u64,
    code: u16,
    phrase: &'static str,
    method: &'static str,
    cseq: u32,
) -> Step {
    let what = What::Answer(code, phrase, method, cseq);
    Step { after, what }
}

const ANSWERED: &[Step] = &[
    ask(0, "INVITE", 1, false),
    answer(4, 100, "Trying", "INVITE", 1),
    answer(700, 180, "Ringing", "INVITE", 1),
    answer(5300, 200, "OK", "INVITE", 1),
    ask(40, "ACK", 1, true),
    Step {
        after: 0,
        what: What::Talk,
    },
    ask(0, "BYE", 2, true),
    answer(30, 200, "OK", "BYE", 2),
];

const BUSY: &[Step] = &[
    ask(0, "INVITE", 1, false),
    answer(4, 100, "Trying", "INVITE", 1),
    answer(900, 486, "Busy Here", "INVITE", 1),
    ask(12, "ACK", 1, false),
];

const NOT_FOUND: &[Step] = &[
    ask(0, "INVITE", 1, false),
    answer(4, 100, "Trying", "INVITE", 1),
    answer(60, 404, "Not Found", "INVITE", 1),
    ask(12, "ACK", 1, false),
];

const CANCELLED: &[Step] = &[
    ask(0, "INVITE", 1, false),
    answer(4, 100, "Trying", "INVITE", 1),
    answer(700, 180, "Ringing", "INVITE", 1),
    ask(9000, "CANCEL", 1, false),
    answer(15, 200, "OK", "CANCEL", 1),
    answer(5, 487, "Request Terminated", "INVITE", 1),
    ask(12, "ACK", 1, false),
];

const REGISTRATION: &[Step] = &[
    ask(0, "REGISTER", 1, false),
    answer(6, 401, "Unauthorized", "REGISTER", 1),
    ask(45, "REGISTER", 2, false),
    answer(7, 200, "OK", "REGISTER", 2),
];

const PING: &[Step] = &[
    ask(0, "OPTIONS", 1, false),
    answer(3, 200, "OK", "OPTIONS", 1),
];

/// A scenario in progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Turn {
    time_ns: u64,
    /// The scenario's number, from 0.
    number: u64,
    /// The next step.
    step: usize,
    /// Media packets of the call sent so far.
    media: u64,
}

struct Traffic {
    mix: Mix,
    turns: BinaryHeap<Reverse<Turn>>,
    begun: u64,
    records: Vec<Record>,
    /// TCP sequence numbers by sender and receiver, and whether the next segment is acknowledged.
    streams: BTreeMap<(SocketAddr, SocketAddr), (u32, bool)>,
    ip_id: u16,
}

impl Traffic {
    fn new(mix: Mix) -> Self {
        Self {
            mix,
            turns: BinaryHeap::new(),
            begun: 0,
            records: Vec::new(),
            streams: BTreeMap::new(),
            ip_id: 0,
        }
    }

    /// Lets the next thing happen.
    fn step(&mut self) {
        let begins_ns = 1_790_000_000_000_000_000 + self.begun * EVERY * MILLI;
        match self.turns.peek() {
            Some(Reverse(turn)) if turn.time_ns < begins_ns => {}
            _ => {
                self.turns.push(Reverse(Turn {
                    time_ns: begins_ns,
                    number: self.begun,
                    step: 0,
                    media: 0,
                }));
                self.begun += 1;
            }
        }
        let Some(Reverse(mut turn)) = self.turns.pop() else {
            return;
        };
        let scenario = Scenario::new(turn.number, self.mix);
        let steps = scenario.steps;
        match steps[turn.step].what {
            What::Talk if self.mix == Mix::Media && turn.media < scenario.talk / 10 => {
                self.media(turn.time_ns, &scenario, turn.media);
                turn.media += 1;
                turn.time_ns += 10 * MILLI;
                self.turns.push(Reverse(turn));
                return;
            }
            What::Talk if self.mix == Mix::Media => {}
            What::Talk => turn.time_ns += scenario.talk * MILLI,
            what => self.message(turn.time_ns, &scenario, what),
        }
        turn.step += 1;
        if let Some(next) = steps.get(turn.step) {
            let jitter = mixed(turn.number ^ turn.time_ns) % (next.after * MILLI / 4 + 1);
            turn.time_ns += next.after * MILLI + jitter;
            self.turns.push(Reverse(turn));
        }
    }

    fn message(&mut self, time_ns: u64, scenario: &Scenario, what: What) {
        let (src, dst, text) = match what {
            What::Ask(method, cseq, inside) => (
                scenario.client,
                scenario.server,
                scenario.request(method, cseq, inside),
            ),
            What::Answer(code, phrase, method, cseq) => (
                scenario.server,
                scenario.client,
                scenario.response(code, phrase, method, cseq),
            ),
            What::Talk => return,
        };
        if self.mix == Mix::Tcp {
            self.segment(time_ns, src, dst, text.as_bytes());
        } else {
            self.ip(
                time_ns,
                src,
                dst,
                pcap::UDP,
                &pcap::udp(src, dst, text.as_bytes()),
            );
        }
    }

    /// A segment; every second one is acknowledged by one without a payload.
    fn segment(&mut self, time_ns: u64, src: SocketAddr, dst: SocketAddr, text: &[u8]) {
        if !self.streams.contains_key(&(src, dst)) {
            self.streams.insert((src, dst), (1001, false));
            self.streams.insert((dst, src), (5001, false));
            for (src, dst, seq, ack, flags) in [
                (src, dst, 1000, 0, flag::SYN),
                (dst, src, 5000, 1001, flag::SYN | flag::ACK),
                (src, dst, 1001, 5001, flag::ACK),
            ] {
                let segment = pcap::tcp(src, dst, seq, ack, flags, b"");
                self.ip(time_ns, src, dst, pcap::TCP, &segment);
            }
        }
        let back = self.streams[&(dst, src)].0;
        let stream = self.streams.get_mut(&(src, dst)).expect("just made");
        let seq = stream.0;
        stream.0 = seq.wrapping_add(u32::try_from(text.len()).expect("short"));
        stream.1 = !stream.1;
        let (next, is_acknowledged) = *stream;
        let segment = pcap::tcp(src, dst, seq, back, flag::ACK | flag::PSH, text);
        self.ip(time_ns, src, dst, pcap::TCP, &segment);
        if is_acknowledged {
            let segment = pcap::tcp(dst, src, back, next, flag::ACK, b"");
            self.ip(time_ns + MILLI / 10, dst, src, pcap::TCP, &segment);
        }
    }

    /// A media packet of G.711, by turns in each direction.
    fn media(&mut self, time_ns: u64, scenario: &Scenario, number: u64) {
        let port = 16_384 + u16::try_from(scenario.number % 8192).expect("small") * 2;
        let (caller, callee) = (
            SocketAddr::new(scenario.client.ip(), port),
            SocketAddr::new(scenario.server.ip(), port),
        );
        let (src, dst) = if number.is_multiple_of(2) {
            (caller, callee)
        } else {
            (callee, caller)
        };
        let sequence = u16::try_from(number / 2 % 65_536).expect("16 bits");
        let mut payload = vec![0x80, 8];
        payload.extend(sequence.to_be_bytes());
        payload.extend((u32::from(sequence) * 160).to_be_bytes());
        payload.extend(
            u32::try_from(scenario.number % 65_536)
                .expect("16 bits")
                .to_be_bytes(),
        );
        payload.extend([0xd5; 160]);
        self.ip(time_ns, src, dst, pcap::UDP, &pcap::udp(src, dst, &payload));
    }

    fn ip(&mut self, time_ns: u64, src: SocketAddr, dst: SocketAddr, protocol: u8, payload: &[u8]) {
        self.ip_id = self.ip_id.wrapping_add(1);
        let fields = IpFields {
            id: self.ip_id,
            ttl: 62,
        };
        let packet = pcap::ip(src.ip(), dst.ip(), protocol, fields, payload);
        self.records.push(Record {
            time_ns,
            bytes: pcap::frame(&packet, Link::Ethernet, &[], Order::Little),
        });
    }
}

/// Who talks to whom, and how.
struct Scenario {
    number: u64,
    chance: u64,
    steps: &'static [Step],
    client: SocketAddr,
    server: SocketAddr,
    transport: &'static str,
    /// Milliseconds between ACK and BYE.
    talk: u64,
}

impl Scenario {
    fn new(number: u64, mix: Mix) -> Self {
        let chance = mixed(number);
        let steps = match chance % 100 {
            0..42 => ANSWERED,
            42..51 => BUSY,
            51..56 => NOT_FOUND,
            56..60 => CANCELLED,
            60..90 => REGISTRATION,
            _ => PING,
        };
        let [a, b, c, d, ..] = mixed(chance).to_le_bytes();
        let gateway = Ipv4Addr::new(10, 1, 0, 1 + a % 40);
        let server = SocketAddr::new(Ipv4Addr::new(10, 2, 0, 1 + b % 4).into(), 5060);
        let is_handset = matches!(chance % 100, 60..90) && mix != Mix::Tcp;
        let client = if is_handset {
            let handset = Ipv4Addr::new(100, 64 + a % 16, c, d);
            SocketAddr::new(handset.into(), 5060 + u16::from(b) * 16)
        } else if mix == Mix::Tcp {
            SocketAddr::new(gateway.into(), 40_000 + u16::from(a % 40))
        } else {
            SocketAddr::new(gateway.into(), 5060)
        };
        Self {
            number,
            chance,
            steps,
            client,
            server,
            transport: if mix == Mix::Tcp { "TCP" } else { "UDP" },
            talk: if mix == Mix::Media {
                2000 + mixed(number + 7) % 1000
            } else {
                20_000 + mixed(number + 7) % 120_000
            },
        }
    }

    fn caller(&self) -> u64 {
        4_930_000_000 + self.chance % 10_000_000
    }

    fn callee(&self) -> u64 {
        4_989_000_000 + mixed(self.chance) % 10_000_000
    }

    /// Via, addresses, Call-ID and CSeq of a request, as both its directions carry them. `of`: what
    /// tells the ACK of a 2xx from its INVITE, whose transaction it is not (RFC 3261 §17).
    fn head(&self, method: &str, cseq: u32, to_tag: bool, of: char) -> String {
        let Self {
            number,
            chance,
            client,
            server,
            transport,
            ..
        } = self;
        let branch = mixed(*chance ^ u64::from(cseq));
        let user = match method {
            "REGISTER" => self.caller(),
            _ => self.callee(),
        };
        let mut out = format!(
            "Via: SIP/2.0/{transport} {client};rport;branch=z9hG4bK{of}{branch:016x}\r\n\
             From: \"{caller}\" <sip:+{caller}@{from}>;tag={tag:08x}\r\n\
             To: <sip:+{user}@{to}>",
            caller = self.caller(),
            from = client.ip(),
            to = server.ip(),
            tag = chance >> 32,
        );
        if to_tag {
            write!(out, ";tag=as{:08x}", mixed(*number) >> 32).expect("a string");
        }
        write!(
            out,
            "\r\nCall-ID: {:016x}{number:08x}@{from}\r\nCSeq: {cseq} {method}\r\n",
            mixed(chance ^ 1),
            from = client.ip(),
        )
        .expect("a string");
        out
    }

    fn request(&self, method: &str, cseq: u32, inside: bool) -> String {
        let Self { client, server, .. } = self;
        let target = match method {
            "REGISTER" | "OPTIONS" => format!("sip:{}", server.ip()),
            _ if inside => format!("sip:+{}@{server}", self.callee()),
            _ => format!("sip:+{}@{};user=phone", self.callee(), server.ip()),
        };
        // A refusal has a To tag, and its ACK repeats it.
        let is_ack = method == "ACK";
        let of = if is_ack && inside { 'a' } else { 'i' };
        let mut out = format!("{method} {target} SIP/2.0\r\n");
        out += &self.head(method, cseq, inside || is_ack, of);
        write!(out, "Max-Forwards: 70\r\nUser-Agent: Gateway/7.2.1\r\n").expect("a string");
        match method {
            "INVITE" => {
                let sdp = self.sdp(client);
                write!(
                    out,
                    "Contact: <sip:+{}@{client}>\r\n\
                     Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, SUBSCRIBE, NOTIFY, INFO, UPDATE\r\n\
                     Supported: timer, replaces, 100rel\r\n\
                     P-Asserted-Identity: <sip:+{}@{}>\r\n\
                     Session-Expires: 1800;refresher=uac\r\nMin-SE: 90\r\n\
                     Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}",
                    self.caller(),
                    self.caller(),
                    client.ip(),
                    sdp.len(),
                )
                .expect("a string");
                return out;
            }
            "REGISTER" => {
                write!(
                    out,
                    "Contact: <sip:+{}@{client}>;expires=3600\r\nExpires: 3600\r\n",
                    self.caller()
                )
                .expect("a string");
                if cseq > 1 {
                    write!(
                        out,
                        "Authorization: Digest username=\"+{}\", realm=\"example.net\", \
                         nonce=\"{:032x}\", uri=\"{target}\", response=\"{:032x}\", algorithm=MD5\r\n",
                        self.caller(),
                        u128::from(mixed(self.chance ^ 2)),
                        u128::from(mixed(self.chance ^ 3)),
                    )
                    .expect("a string");
                }
            }
            _ => {}
        }
        out += "Content-Length: 0\r\n\r\n";
        out
    }

    fn response(&self, code: u16, phrase: &str, method: &str, cseq: u32) -> String {
        let mut out = format!("SIP/2.0 {code} {phrase}\r\n");
        let head = self.head(method, cseq, code > 100, 'i');
        // The server fills in rport (RFC 3581 §4).
        let port = format!(
            ";received={};rport={};",
            self.client.ip(),
            self.client.port()
        );
        out += &head.replacen(";rport;", &port, 1);
        out += "Server: Softswitch 12.0\r\n";
        let is_answer = code == 200 && method == "INVITE";
        match (code, method) {
            (401, _) => write!(
                out,
                "WWW-Authenticate: Digest realm=\"example.net\", nonce=\"{:032x}\", algorithm=MD5\r\n",
                u128::from(mixed(self.chance ^ 2)),
            ),
            (200, "REGISTER") => write!(
                out,
                "Contact: <sip:+{}@{}>;expires=3600\r\nDate: Mon, 21 Sep 2026 14:13:20 GMT\r\n",
                self.caller(),
                self.client,
            ),
            (180 | 200, "INVITE") => write!(
                out,
                "Contact: <sip:+{}@{}>\r\nAllow: INVITE, ACK, CANCEL, OPTIONS, BYE, UPDATE\r\n\
                 Supported: timer, replaces\r\n",
                self.callee(),
                self.server,
            ),
            _ => Ok(()),
        }
        .expect("a string");
        if is_answer {
            let sdp = self.sdp(&self.server);
            write!(
                out,
                "Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}",
                sdp.len()
            )
            .expect("a string");
        } else {
            out += "Content-Length: 0\r\n\r\n";
        }
        out
    }

    fn sdp(&self, of: &SocketAddr) -> String {
        format!(
            "v=0\r\no=- {number} {number} IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\n\
             m=audio {port} RTP/AVP 8 0 18 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n\
             a=rtpmap:18 G729/8000\r\na=fmtp:18 annexb=no\r\na=rtpmap:101 telephone-event/8000\r\n\
             a=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n",
            number = self.number,
            ip = of.ip(),
            port = 16_384 + self.number % 8192 * 2,
        )
    }
}
