//! The text of a ladder becomes statements; nothing is sent yet.
//!
//! In: the lines the manual in `ladder.rs` describes. Out: [`Script`], or the first line that says
//! nothing known. What always holds: a statement knows its line, so that `play` can name it too.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::common::pcap::{Format, Link, Options, Order, Unreachable};

/// A complaint with its line, counted from 1.
pub type Result<T> = std::result::Result<T, String>;

/// Nanoseconds of a ladder's clock.
pub type Nanos = i64;

/// A whole ladder.
#[derive(Debug, Default)]
pub struct Script {
    /// Nanoseconds since the epoch at ladder time 0.
    pub epoch_ns: Nanos,
    /// How the file is written.
    pub options: Options,
    /// Everyone who talks.
    pub hosts: Vec<Host>,
    /// Packets longer than this are fragmented.
    pub mtu: Option<usize>,
    /// VLAN tags on every frame, outermost first.
    pub vlans: Vec<u16>,
    /// Directions that the tap does not see: host indexes.
    pub blind: Vec<(usize, usize)>,
    /// Nothing earlier than this was captured.
    pub begin: Option<Nanos>,
    /// Nothing later than this was captured, and something at this time was.
    pub end: Option<Nanos>,
    /// The calls, and what belongs to none, in the order of the text.
    pub blocks: Vec<Block>,
}

/// One who talks.
#[derive(Debug)]
pub struct Host {
    /// Name in the text.
    pub name: String,
    /// Where its SIP comes from and goes to.
    pub addr: SocketAddr,
    /// It forwards what it gets.
    pub proxy: bool,
    /// A proxy that stays in the path (RFC 3261 §16.6).
    pub record_route: bool,
    /// What it writes into Via and Contact in place of its address.
    pub says: Option<String>,
}

/// A call: its statements share a Call-ID.
#[derive(Debug)]
pub struct Block {
    /// Name in the text.
    pub name: String,
    /// Ladder time of the block's 0.
    pub at: Nanos,
    /// User part of the caller, if not the host's name.
    pub from: Option<String>,
    /// User part of the callee, if not the host's name.
    pub to: Option<String>,
    /// TCP unless a line says otherwise.
    pub tcp: bool,
    /// The lines.
    pub steps: Vec<Step>,
}

/// One line and the header lines under it.
#[derive(Debug)]
pub struct Step {
    /// Line of the text, from 1.
    pub line: usize,
    /// When, in ladder time.
    pub time: Nanos,
    /// What.
    pub what: What,
    /// The name it gets.
    pub label: Option<String>,
    /// `key=value` and bare words, as typed; the value of a bare word is empty.
    pub words: BTreeMap<String, String>,
    /// Header lines and body lines.
    pub edits: Vec<Edit>,
}

/// What a line does.
#[derive(Debug)]
pub enum What {
    /// A request: host, host, method.
    Request(usize, usize, String),
    /// A response: host, host, code, and the method it answers if the text says so.
    Response(usize, usize, u16, Option<String>),
    /// A bare TCP segment: SYN, SYN-ACK, TCP-ACK, FIN, RST.
    Segment(usize, usize, String),
    /// SYN, SYN-ACK and ACK, a millisecond apart.
    Connect(usize, usize),
    /// A number of RTP packets between the media ports.
    Rtp(usize, usize),
    /// Any payload.
    Raw(usize, usize, Vec<u8>),
    /// An ICMP error about a label, from a host to the sender of what it quotes.
    Icmp(usize, Unreachable, String),
    /// The same message again, each time as a new packet, at these times.
    Repeat(String, Vec<Nanos>),
    /// The same packet again: the tap's copy.
    Copy(String, Nanos),
}

/// A change to a generated message.
#[derive(Debug)]
pub enum Edit {
    /// `Name: value`: in place of what is there; a second line of the name adds.
    Set(String, String),
    /// `+ Name: value`: one more.
    Add(String, String),
    /// `- Name`: none.
    Remove(String),
    /// `| text`: a line of the body, which replaces the generated one.
    Body(String),
}

/// Words that stand alone behind what is sent.
const FLAGS: &[&str] = &["tcp", "udp", "sdp", "no-sdp", "lost", "hold", "identity"];

/// Words that take a value.
const KEYS: &[&str] = &[
    "attest",
    "branch",
    "count",
    "cseq",
    "dest",
    "dport",
    "drop-fragment",
    "every",
    "from-tag",
    "iat",
    "mtu",
    "orig",
    "pad",
    "quote",
    "reason",
    "segments",
    "sport",
    "to-tag",
    "ttl",
    "uri",
    "vlan",
    "x5u",
];

/// Reads a whole ladder.
pub fn parse(text: &str) -> Result<Script> {
    // 2026-01-05T10:00:00Z.
    let mut script = Script {
        epoch_ns: 1_767_607_200_000_000_000,
        ..Script::default()
    };
    let lines: Vec<(usize, &str)> = (1..).zip(text.lines()).collect();
    let mut index = 0;
    while let Some(&(line, text)) = lines.get(index) {
        index += 1;
        let words = words_of(text).map_err(|why| complain(line, &why))?;
        if words.first().map(String::as_str) != Some("call") {
            statement(&mut script, line, text, &words).map_err(|why| complain(line, &why))?;
            continue;
        }
        let length = lines[index..]
            .iter()
            .position(|(_, text)| {
                let first = text.split_whitespace().next().unwrap_or_default();
                first == "call" || SCENE.contains(&first)
            })
            .unwrap_or(lines.len() - index);
        let body = &lines[index..index + length];
        index += length;
        let head = CallHead::parse(&words).map_err(|why| complain(line, &why))?;
        for n in 1..=head.times {
            let number = |text: &str| text.replace("{n}", &n.to_string());
            let round = i64::try_from(n - 1).expect("few rounds");
            script.blocks.push(Block {
                name: if head.times == 1 {
                    head.name.clone()
                } else {
                    format!("{}-{n}", head.name)
                },
                at: head.at + round * head.every,
                from: head.from.as_deref().map(number),
                to: head.to.as_deref().map(number),
                tcp: head.tcp,
                steps: Vec::new(),
            });
            for (line, text) in body {
                let text = number(text);
                words_of(&text)
                    .and_then(|words| statement(&mut script, *line, &text, &words))
                    .map_err(|why| complain(*line, &why))?;
            }
        }
    }
    Ok(script)
}

/// `why` with its line.
pub fn complain(line: usize, why: &str) -> String {
    format!("ladder line {line}: {why}")
}

/// Statements about the whole scene; they end a call.
const SCENE: &[&str] = &[
    "host", "proxy", "capture", "epoch", "mtu", "vlan", "blind", "begin", "end",
];

/// The first line of a call.
struct CallHead {
    name: String,
    at: Nanos,
    from: Option<String>,
    to: Option<String>,
    tcp: bool,
    times: usize,
    every: Nanos,
}

impl CallHead {
    fn parse(words: &[String]) -> Result<Self> {
        let mut head = Self {
            name: words.get(1).ok_or("call NAME")?.clone(),
            at: 0,
            from: None,
            to: None,
            tcp: false,
            times: 1,
            every: 0,
        };
        let mut rest = words[2..].iter();
        while let Some(word) = rest.next() {
            let mut value = || rest.next().ok_or(format!("{word} what?"));
            match word.as_str() {
                "tcp" => head.tcp = true,
                "at" => head.at = seconds(value()?)?,
                "every" => head.every = seconds(value()?)?,
                "times" => head.times = number(value()?)?,
                _ => match word.split_once('=') {
                    Some(("from", user)) => head.from = Some(user.to_owned()),
                    Some(("to", user)) => head.to = Some(user.to_owned()),
                    _ => return Err(format!("a call knows no {word:?}")),
                },
            }
        }
        Ok(head)
    }
}

/// Reads one line into `script`.
fn statement(script: &mut Script, line: usize, text: &str, words: &[String]) -> Result<()> {
    let trimmed = text.trim();
    if trimmed.is_empty() || trimmed.starts_with('#') {
        return Ok(());
    }
    if let Some(edit) = edit_of(trimmed) {
        let step = script
            .blocks
            .last_mut()
            .and_then(|block| block.steps.last_mut())
            .ok_or("a header line stands under the message it changes")?;
        step.edits.push(edit);
        return Ok(());
    }
    let word = |at: usize| words.get(at).map(String::as_str);
    let need = |at: usize, what: &str| word(at).ok_or(format!("{what} is missing"));
    match words[0].as_str() {
        "host" | "proxy" => {
            let host = host_of(words)?;
            script.hosts.push(host);
        }
        "capture" => capture(&mut script.options, &words[1..])?,
        "epoch" => script.epoch_ns = seconds(need(1, "seconds since the epoch")?)?,
        "mtu" => script.mtu = Some(number(need(1, "bytes")?)?),
        "vlan" => {
            script.vlans = words[1..]
                .iter()
                .map(|id| number(id))
                .collect::<Result<_>>()?;
        }
        "blind" => {
            let (src, dst) = pair(script, words, 1)?;
            script.blind.push((src, dst));
        }
        "begin" => script.begin = Some(seconds(need(1, "a time")?)?),
        "end" => script.end = Some(seconds(need(1, "a time")?)?),
        _ => {
            let step = step(script, line, words)?;
            if script.blocks.is_empty() {
                return Err("something happens before the first `call`".to_owned());
            }
            script
                .blocks
                .last_mut()
                .expect("just seen")
                .steps
                .push(step);
        }
    }
    Ok(())
}

fn host_of(words: &[String]) -> Result<Host> {
    let name = words.get(1).ok_or("host NAME ADDRESS:PORT")?.clone();
    let addr = words.get(2).ok_or("host NAME ADDRESS:PORT")?;
    let addr = addr
        .parse()
        .map_err(|_| format!("{addr:?} is no ADDRESS:PORT"))?;
    let proxy = words[0] == "proxy";
    let mut host = Host {
        name,
        addr,
        proxy,
        record_route: proxy,
        says: None,
    };
    for word in &words[3..] {
        match word.split_once('=') {
            None if word == "no-record-route" => host.record_route = false,
            Some(("says", says)) => host.says = Some(says.to_owned()),
            _ => return Err(format!("a host knows no {word:?}")),
        }
    }
    Ok(host)
}

fn capture(options: &mut Options, words: &[String]) -> Result<()> {
    for word in words {
        match (word.as_str(), word.split_once('=')) {
            ("pcap", _) => options.format = Format::Pcap,
            ("pcapng", _) => options.format = Format::Pcapng,
            ("us", _) => options.nanos = false,
            ("ns", _) => options.nanos = true,
            ("le", _) => options.order = Order::Little,
            ("be", _) => options.order = Order::Big,
            (_, Some(("link", name))) => {
                options.link = Link::from_name(name).ok_or(format!("no link type {name:?}"))?;
            }
            (_, Some(("snaplen", bytes))) => options.snap_len = Some(number(bytes)?),
            (_, Some(("dropped", packets))) => options.dropped = Some(number(packets)?),
            _ => return Err(format!("a capture knows no {word:?}")),
        }
    }
    Ok(())
}

/// A header or body line, or none: `Name: value`, `+ Name: value`, `- Name`, `| body`.
fn edit_of(line: &str) -> Option<Edit> {
    let header = |text: &str| {
        let (name, value) = text.split_once(':')?;
        let token = |c: char| c.is_ascii_alphanumeric() || c == '-';
        let starts_like_a_name = name.starts_with(|c: char| c.is_ascii_alphabetic());
        (starts_like_a_name && name.chars().all(token))
            .then(|| (name.to_owned(), value.trim().to_owned()))
    };
    if let Some(text) = line.strip_prefix('|') {
        return Some(Edit::Body(
            text.strip_prefix(' ').unwrap_or(text).to_owned(),
        ));
    }
    if let Some(name) = line.strip_prefix("- ") {
        return Some(Edit::Remove(name.trim().to_owned()));
    }
    if let Some(text) = line.strip_prefix("+ ") {
        return header(text.trim()).map(|(name, value)| Edit::Add(name, value));
    }
    header(line).map(|(name, value)| Edit::Set(name, value))
}

/// Reads a line that happens: `TIME A -> B WHAT ..`, `repeat LABEL ..`, `copy LABEL ..`.
fn step(script: &Script, line: usize, words: &[String]) -> Result<Step> {
    let block = script
        .blocks
        .last()
        .ok_or("something happens before the first `call`")?;
    let before = block.steps.last().map_or(block.at, |step| step.time);
    let mut step = Step {
        line,
        time: before,
        what: What::Copy(String::new(), 0),
        label: None,
        words: BTreeMap::new(),
        edits: Vec::new(),
    };
    let rest = match words[0].as_str() {
        "repeat" => {
            let label = words.get(1).ok_or("repeat which label?")?.clone();
            let numbers = words[2..].iter().take_while(|word| is_number(word)).count();
            let times = match words.get(2).map(String::as_str) {
                Some("fully") => UNTIL_64_T1.iter().map(|ms| ms * 1_000_000).collect(),
                _ => words[2..2 + numbers]
                    .iter()
                    .map(|s| seconds(s))
                    .collect::<Result<_>>()?,
            };
            let used = if numbers == 0 { 3 } else { 2 + numbers };
            step.what = What::Repeat(label, times);
            words.get(used..).ok_or("repeat at which offsets?")?
        }
        "copy" => {
            let label = words.get(1).ok_or("copy which label?")?.clone();
            let offset = seconds(words.get(2).ok_or("copy how much later?")?)?;
            step.what = What::Copy(label, offset);
            &words[3..]
        }
        _ => {
            let words = if words[0] == "at" { &words[1..] } else { words };
            let time = words.first().ok_or("when?")?;
            step.time = match time.strip_prefix('+') {
                Some(later) => before + seconds(later)?,
                None => block.at + seconds(time)?,
            };
            let (src, dst) = pair(script, words, 1)?;
            let (what, used) = what(words, src, dst)?;
            step.what = what;
            &words[used..]
        }
    };
    let mut rest = rest.iter();
    while let Some(word) = rest.next() {
        let (key, value) = word.split_once('=').unwrap_or((word, ""));
        match key {
            "as" => step.label = Some(rest.next().ok_or("as which label?")?.clone()),
            "for" => {
                let label = rest.next().ok_or("for which label?")?;
                step.words.insert("for".to_owned(), label.clone());
            }
            _ if FLAGS.contains(&word.as_str()) || (KEYS.contains(&key) && !value.is_empty()) => {
                step.words.insert(key.to_owned(), value.to_owned());
            }
            _ => return Err(format!("what is {word:?}?")),
        }
    }
    Ok(step)
}

/// Offsets in milliseconds at which a 2xx is repeated when no ACK comes: T1 doubling to T2, until
/// 64*T1 (RFC 3261 §13.3.1.4).
const UNTIL_64_T1: &[Nanos] = &[
    500, 1500, 3500, 7500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500,
];

/// What is sent, and how many words said it.
fn what(words: &[String], src: usize, dst: usize) -> Result<(What, usize)> {
    let word = words.get(4).ok_or("what is sent?")?.as_str();
    let next = || words.get(5).ok_or(format!("{word} what?"));
    Ok(match word {
        "SYN" | "SYN-ACK" | "TCP-ACK" | "FIN" | "RST" => {
            (What::Segment(src, dst, word.to_owned()), 5)
        }
        "connect" => (What::Connect(src, dst), 5),
        "RTP" => (What::Rtp(src, dst), 5),
        "RAW" => (What::Raw(src, dst, next()?.bytes().collect()), 6),
        "TLS" => (What::Raw(src, dst, tls_record()), 5),
        "ICMP" => {
            let why = match next()?.as_str() {
                "port" => Unreachable::Port,
                "host" => Unreachable::Host,
                "net" => Unreachable::Net,
                "prohibited" => Unreachable::Prohibited,
                "ttl" => Unreachable::TtlExceeded,
                "toobig" => Unreachable::TooBig,
                other => return Err(format!("no ICMP error {other:?}")),
            };
            let label = words.get(6).ok_or("ICMP about which label?")?;
            (What::Icmp(src, why, label.clone()), 7)
        }
        _ if word.len() == 3 && word.bytes().all(|b| b.is_ascii_digit()) => {
            let method = words.get(5).filter(|word| is_method(word)).cloned();
            let used = 5 + usize::from(method.is_some());
            (What::Response(src, dst, number(word)?, method), used)
        }
        _ if is_method(word) => (What::Request(src, dst, word.to_owned()), 5),
        _ => return Err(format!("what is {word:?}?")),
    })
}

/// An application data record of TLS 1.2 whose 32 bytes mean nothing.
fn tls_record() -> Vec<u8> {
    let mut record = vec![0x17, 3, 3, 0, 32];
    record.extend((0..32_u8).map(|n| n.wrapping_mul(37) ^ 0xa5));
    record
}

fn is_method(word: &str) -> bool {
    word.len() > 2 && word.bytes().all(|b| b.is_ascii_uppercase())
}

fn is_number(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_digit())
}

/// `A -> B` or `A <- B` at `at`: sender and receiver.
fn pair(script: &Script, words: &[String], at: usize) -> Result<(usize, usize)> {
    let host = |at: usize| {
        let name = words.get(at).ok_or("A -> B is missing")?;
        script
            .hosts
            .iter()
            .position(|host| host.name == *name)
            .ok_or(format!("nobody is called {name:?}"))
    };
    match words.get(at + 1).map(String::as_str) {
        Some("->") => Ok((host(at)?, host(at + 2)?)),
        Some("<-") => Ok((host(at + 2)?, host(at)?)),
        _ => Err("`A -> B` or `A <- B` is missing".to_owned()),
    }
}

/// Decimal seconds, to the nanosecond.
pub fn seconds(text: &str) -> Result<Nanos> {
    let wrong = || format!("{text:?} is no time in seconds");
    let (whole, fraction) = text
        .trim_start_matches('+')
        .split_once('.')
        .unwrap_or((text, ""));
    let whole: Nanos = whole.trim_start_matches('+').parse().map_err(|_| wrong())?;
    if fraction.len() > 9 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return Err(wrong());
    }
    let nanos: Nanos = format!("{fraction:0<9}").parse().map_err(|_| wrong())?;
    Ok(whole * 1_000_000_000 + nanos)
}

/// A number of any kind.
pub fn number<T: std::str::FromStr>(text: &str) -> Result<T> {
    text.parse()
        .map_err(|_| format!("{text:?} is no such number"))
}

/// The words of a line. A `"` starts text in which blanks count and `\r \n \t \0 \" \\` mean what
/// they mean in Rust; `#` before a blank or the end starts a comment.
fn words_of(line: &str) -> Result<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '#' if word.is_none() && chars.peek().is_none_or(|c| c.is_whitespace()) => break,
            c if c.is_whitespace() => words.extend(word.take()),
            '"' if !edit_line(line) => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next().ok_or("a quote is not closed")? {
                        '"' => break,
                        '\\' => word.push(match chars.next() {
                            Some('r') => '\r',
                            Some('n') => '\n',
                            Some('t') => '\t',
                            Some('0') => '\0',
                            Some(c @ ('"' | '\\')) => c,
                            other => return Err(format!("no escape \\{other:?}")),
                        }),
                        c => word.push(c),
                    }
                }
            }
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Ok(words)
}

/// Header and body lines are taken as they stand.
fn edit_line(line: &str) -> bool {
    edit_of(line.trim()).is_some()
}
