//! Statements become frames: addresses, IP identifications, TCP sequence numbers, fragments, and
//! what the tap does not see.

use std::collections::BTreeMap;

use super::dialog::{Dialog, Sent, media_port};
use super::script::{Block, Nanos, Result, Script, Step, What, complain, number, seconds};
use crate::common::pcap::{self, IpFields, flag};

/// A packet on the wire.
#[derive(Clone, Debug)]
pub struct Packet {
    /// Ladder time.
    pub time: Nanos,
    /// The IP packet.
    pub ip: Vec<u8>,
    /// VLAN tags, outermost first.
    pub vlans: Vec<u16>,
    /// The labels whose message this packet completes.
    pub labels: Vec<String>,
    /// Sender's and receiver's host index, for what the tap does not see.
    hop: Option<(usize, usize)>,
    /// The text says that the tap missed it.
    lost: bool,
}

/// What a label stands for, to be repeated, copied or quoted.
struct Named {
    /// Its packets, first sending only.
    packets: Vec<Packet>,
    /// The payload and how it was sent.
    payload: Vec<u8>,
    hop: (usize, usize),
    tcp: bool,
    time: Nanos,
    words: BTreeMap<String, String>,
}

/// One direction's next sequence number, by sender and receiver.
type Sequence = BTreeMap<(usize, usize), u32>;

struct Player<'a> {
    script: &'a Script,
    packets: Vec<Packet>,
    names: BTreeMap<String, Named>,
    ip_ids: BTreeMap<usize, u16>,
    sequence: Sequence,
    held: BTreeMap<(usize, usize), Vec<u8>>,
}

/// The packets the tap saw, in time order.
pub fn play(script: &Script) -> Result<Vec<Packet>> {
    let mut player = Player {
        script,
        packets: Vec::new(),
        names: BTreeMap::new(),
        ip_ids: BTreeMap::new(),
        sequence: BTreeMap::new(),
        held: BTreeMap::new(),
    };
    for block in &script.blocks {
        player.call(block)?;
    }
    let mut packets = player.packets;
    packets.retain(|packet| {
        !packet.lost
            && packet.hop.is_none_or(|hop| !script.blind.contains(&hop))
            && script.begin.is_none_or(|begin| packet.time >= begin)
            && script.end.is_none_or(|end| packet.time <= end)
    });
    if let Some(end) = script.end {
        packets.push(filler(end, &script.vlans));
    }
    packets.sort_by_key(|packet| packet.time);
    Ok(packets)
}

/// A packet of nobody to nobody, to the discard port (RFC 863).
fn filler(time: Nanos, vlans: &[u16]) -> Packet {
    let (src, dst) = ("192.0.2.1:9".parse(), "192.0.2.2:9".parse());
    let (src, dst): (std::net::SocketAddr, std::net::SocketAddr) =
        (src.expect("an address"), dst.expect("an address"));
    let datagram = pcap::udp(src, dst, b"the capture was still running");
    let fields = IpFields { id: 1, ttl: 64 };
    Packet {
        time,
        ip: pcap::ip(src.ip(), dst.ip(), pcap::UDP, fields, &datagram),
        vlans: vlans.to_vec(),
        labels: Vec::new(),
        hop: None,
        lost: false,
    }
}

impl Player<'_> {
    fn call(&mut self, block: &Block) -> Result<()> {
        let mut dialog = Dialog::new(
            &self.script.hosts,
            &block.name,
            self.parties(block),
            block.from.as_deref(),
            block.to.as_deref(),
        );
        for step in &block.steps {
            self.step(&mut dialog, block, step)
                .map_err(|why| complain(step.line, &why))?;
        }
        Ok(())
    }

    /// Caller and callee: who sends the first request, and where it leads past the proxies.
    fn parties(&self, block: &Block) -> (usize, usize) {
        let requests = || {
            block.steps.iter().filter_map(|step| match &step.what {
                What::Request(src, dst, method) => Some((*src, *dst, method.as_str())),
                What::Response(src, dst, ..) => Some((*dst, *src, "")),
                _ => None,
            })
        };
        let Some((caller, mut reached, method)) = requests().next() else {
            return (0, 0);
        };
        let mut path = vec![caller];
        while self.script.hosts[reached].proxy && !path.contains(&reached) {
            path.push(reached);
            let next = requests()
                .find(|(src, dst, has)| *src == reached && *has == method && !path.contains(dst));
            match next {
                Some((_, dst, _)) => reached = dst,
                None => break,
            }
        }
        (caller, reached)
    }

    fn step(&mut self, dialog: &mut Dialog<'_>, block: &Block, step: &Step) -> Result<()> {
        let tcp = (block.tcp || step.words.contains_key("tcp")) && !step.words.contains_key("udp");
        let transport = if tcp { "TCP" } else { "UDP" };
        match &step.what {
            What::Request(src, dst, method) => {
                let message = dialog.request((*src, *dst), method, transport, step)?;
                let bytes = message.bytes();
                let label = step.label.clone();
                dialog.sent.push(Sent {
                    src: *src,
                    dst: *dst,
                    message,
                    label,
                });
                self.send(step, (*src, *dst), tcp, &bytes)?;
            }
            What::Response(src, dst, code, method) => {
                let message =
                    dialog.response((*src, *dst), *code, method.as_deref(), transport, step)?;
                let bytes = message.bytes();
                let label = step.label.clone();
                dialog.sent.push(Sent {
                    src: *src,
                    dst: *dst,
                    message,
                    label,
                });
                self.send(step, (*src, *dst), tcp, &bytes)?;
            }
            What::Raw(src, dst, bytes) => self.send(step, (*src, *dst), tcp, bytes)?,
            What::Connect(src, dst) => {
                for (later, src, dst, flags) in [
                    (0, *src, *dst, flag::SYN),
                    (1, *dst, *src, flag::SYN | flag::ACK),
                    (2, *src, *dst, flag::ACK),
                ] {
                    let time = step.time + later * 1_000_000;
                    let packet = self.segment(step, time, (src, dst), flags, &[])?;
                    self.put(packet);
                }
            }
            What::Segment(src, dst, kind) => {
                let flags = match kind.as_str() {
                    "SYN" => flag::SYN,
                    "SYN-ACK" => flag::SYN | flag::ACK,
                    "FIN" => flag::FIN | flag::ACK,
                    "RST" => flag::RST | flag::ACK,
                    _ => flag::ACK,
                };
                let mut packet = self.segment(step, step.time, (*src, *dst), flags, &[])?;
                packet.labels.extend(step.label.clone());
                self.name(step, vec![packet.clone()], (*src, *dst), true, &[]);
                self.put(packet);
            }
            What::Rtp(src, dst) => self.rtp(step, (*src, *dst))?,
            What::Icmp(reporter, why, label) => self.icmp(step, *reporter, *why, label)?,
            What::Repeat(label, offsets) => self.repeat(step, label, offsets)?,
            What::Copy(label, offset) => self.copy(step, label, *offset)?,
        }
        Ok(())
    }

    fn icmp(
        &mut self,
        step: &Step,
        reporter: usize,
        why: pcap::Unreachable,
        label: &str,
    ) -> Result<()> {
        let reporter_addr = self.script.hosts[reporter].addr.ip();
        let fields = IpFields {
            id: self.ip_id(reporter),
            ttl: 64,
        };
        let quoted = self.packets_of(label)?[0].ip.clone();
        let v4 = quoted[0] >> 4 == 4;
        let all = if v4 { 548 } else { 1232 };
        let quote = match step.words.get("quote") {
            Some(bytes) => number::<usize>(bytes)? + if v4 { 20 } else { 40 },
            None => all,
        };
        let ip = pcap::icmp_error(reporter_addr, why, &quoted, quote, fields);
        self.put(Packet {
            time: step.time,
            ip,
            vlans: self.script.vlans.clone(),
            labels: step.label.iter().cloned().collect(),
            hop: None,
            lost: step.words.contains_key("lost"),
        });
        Ok(())
    }

    fn repeat(&mut self, step: &Step, label: &str, offsets: &[Nanos]) -> Result<()> {
        let named = self.names.get(label).ok_or(unknown(label))?;
        let (payload, hop, tcp) = (named.payload.clone(), named.hop, named.tcp);
        let (first, mut words) = (named.time, named.words.clone());
        words.extend(step.words.clone());
        let mut labels = vec![label.to_owned()];
        labels.extend(step.label.clone());
        for offset in offsets {
            let again = Step {
                time: first + offset,
                what: What::Copy(String::new(), 0),
                label: None,
                words: words.clone(),
                edits: Vec::new(),
                line: step.line,
            };
            let mut packets = self.packets_for(&again, hop, tcp, &payload)?;
            if let Some(last) = packets.last_mut() {
                last.labels.clone_from(&labels);
            }
            self.packets.extend(packets);
        }
        Ok(())
    }

    fn copy(&mut self, step: &Step, label: &str, offset: Nanos) -> Result<()> {
        let mut packets = self.packets_of(label)?.to_vec();
        for packet in &mut packets {
            packet.time += offset;
            packet.labels.clear();
            if step.words.get("ttl").is_some_and(|ttl| ttl == "-1") {
                packet.ip = pcap::routed(&packet.ip);
            }
            if let Some(vlan) = step.words.get("vlan") {
                packet.vlans = vec![number(vlan)?];
            }
        }
        if let Some(last) = packets.last_mut() {
            last.labels.extend(step.label.clone());
        }
        self.packets.extend(packets);
        Ok(())
    }

    fn packets_of(&self, label: &str) -> Result<&[Packet]> {
        self.names
            .get(label)
            .map(|named| named.packets.as_slice())
            .filter(|packets| !packets.is_empty())
            .ok_or(unknown(label))
    }

    fn put(&mut self, packet: Packet) {
        self.packets.push(packet);
    }

    /// Sends `payload` and remembers it under the step's label.
    fn send(&mut self, step: &Step, hop: (usize, usize), tcp: bool, payload: &[u8]) -> Result<()> {
        let mut packets = self.packets_for(step, hop, tcp, payload)?;
        if let Some(last) = packets.last_mut() {
            last.labels.extend(step.label.clone());
        }
        self.name(step, packets.clone(), hop, tcp, payload);
        self.packets.extend(packets);
        Ok(())
    }

    fn name(
        &mut self,
        step: &Step,
        packets: Vec<Packet>,
        hop: (usize, usize),
        tcp: bool,
        payload: &[u8],
    ) {
        if let Some(label) = &step.label {
            let named = Named {
                packets,
                payload: payload.to_vec(),
                hop,
                tcp,
                time: step.time,
                words: step.words.clone(),
            };
            self.names.insert(label.clone(), named);
        }
    }

    /// The packets that carry `payload`: IP fragments of a datagram, or segments of a stream.
    fn packets_for(
        &mut self,
        step: &Step,
        hop: (usize, usize),
        tcp: bool,
        payload: &[u8],
    ) -> Result<Vec<Packet>> {
        if tcp {
            return self.stream(step, hop, payload);
        }
        let (mut src, mut dst) = (self.script.hosts[hop.0].addr, self.script.hosts[hop.1].addr);
        if let Some(port) = step.words.get("sport") {
            src.set_port(number(port)?);
        }
        if let Some(port) = step.words.get("dport") {
            dst.set_port(number(port)?);
        }
        let fields = self.ip_fields(hop.0, step)?;
        let datagram = pcap::udp(src, dst, payload);
        let whole = pcap::ip(src.ip(), dst.ip(), pcap::UDP, fields, &datagram);
        let mtu = match step.words.get("mtu") {
            Some(mtu) => Some(number(mtu)?),
            None => self.script.mtu,
        };
        let mut pieces = pcap::fragments(&whole, mtu.unwrap_or(usize::MAX), fields.id);
        if let Some(which) = step.words.get("drop-fragment") {
            let which: usize = number(which)?;
            if which == 0 || which > pieces.len() {
                return Err(format!("there are {} fragments", pieces.len()));
            }
            pieces.remove(which - 1);
        }
        let mut packets = Vec::new();
        for (later, ip) in (0..).zip(pieces) {
            packets.push(self.packet(step, step.time + later * 10_000, hop, ip)?);
        }
        Ok(packets)
    }

    /// The next bytes of a TCP stream, in segments.
    fn stream(&mut self, step: &Step, hop: (usize, usize), payload: &[u8]) -> Result<Vec<Packet>> {
        let mut bytes = self.held.remove(&hop).unwrap_or_default();
        bytes.extend(payload);
        if step.words.contains_key("hold") {
            self.held.insert(hop, bytes);
            return Ok(Vec::new());
        }
        let most = match step.words.get("segments") {
            Some(most) => number(most)?,
            None => 1460,
        };
        if most == 0 {
            return Err("a segment holds at least a byte".to_owned());
        }
        let mut packets = Vec::new();
        for (later, piece) in (0..).zip(bytes.chunks(most)) {
            let time = step.time + later * 10_000;
            packets.push(self.segment(step, time, hop, flag::PSH | flag::ACK, piece)?);
        }
        Ok(packets)
    }

    /// One TCP segment, which moves its direction's sequence number on.
    fn segment(
        &mut self,
        step: &Step,
        time: Nanos,
        hop: (usize, usize),
        flags: u8,
        payload: &[u8],
    ) -> Result<Packet> {
        let first = |host: usize| 1_000_000 * u32::try_from(host + 1).expect("few hosts");
        let back = (hop.1, hop.0);
        let ack = if flags & flag::ACK == 0 {
            0
        } else {
            *self.sequence.entry(back).or_insert(first(hop.1))
        };
        let next = self.sequence.entry(hop).or_insert(first(hop.0));
        let seq = *next;
        // SYN and FIN count as a byte each (RFC 9293 §3.4).
        let counted = u32::from(flags & flag::SYN != 0) + u32::from(flags & flag::FIN != 0);
        let length = u32::try_from(payload.len()).expect("segment fits");
        *next = next.wrapping_add(length + counted);
        let (src, dst) = (self.script.hosts[hop.0].addr, self.script.hosts[hop.1].addr);
        let fields = self.ip_fields(hop.0, step)?;
        let segment = pcap::tcp(src, dst, seq, ack, flags, payload);
        let ip = pcap::ip(src.ip(), dst.ip(), pcap::TCP, fields, &segment);
        self.packet(step, time, hop, ip)
    }

    fn packet(&self, step: &Step, time: Nanos, hop: (usize, usize), ip: Vec<u8>) -> Result<Packet> {
        let vlans = match step.words.get("vlan") {
            Some(vlan) => vec![number(vlan)?],
            None => self.script.vlans.clone(),
        };
        Ok(Packet {
            time,
            ip,
            vlans,
            labels: Vec::new(),
            hop: Some(hop),
            lost: step.words.contains_key("lost"),
        })
    }

    fn rtp(&mut self, step: &Step, hop: (usize, usize)) -> Result<()> {
        let count: u16 = step
            .words
            .get("count")
            .map_or(Ok(1), |count| number(count))?;
        let every = step
            .words
            .get("every")
            .map_or(Ok(20_000_000), |every| seconds(every))?;
        let (mut src, mut dst) = (self.script.hosts[hop.0].addr, self.script.hosts[hop.1].addr);
        let port = |word: &str, host: usize| {
            let said = step.words.get(word);
            said.map_or(Ok(media_port(host)), |port| number(port))
        };
        src.set_port(port("sport", hop.0)?);
        dst.set_port(port("dport", hop.1)?);
        for n in 0..count {
            let mut payload = vec![0x80, 0];
            payload.extend(n.to_be_bytes());
            payload.extend((u32::from(n) * 160).to_be_bytes());
            payload.extend([0x5e, 0xed, 0, u8::try_from(hop.0).expect("few hosts")]);
            payload.extend([0xff; 160]);
            let fields = self.ip_fields(hop.0, step)?;
            let datagram = pcap::udp(src, dst, &payload);
            let ip = pcap::ip(src.ip(), dst.ip(), pcap::UDP, fields, &datagram);
            let time = step.time + i64::from(n) * every;
            let packet = self.packet(step, time, hop, ip)?;
            self.put(packet);
        }
        Ok(())
    }

    fn ip_fields(&mut self, host: usize, step: &Step) -> Result<IpFields> {
        let ttl = step.words.get("ttl").map_or(Ok(64), |ttl| number(ttl))?;
        Ok(IpFields {
            id: self.ip_id(host),
            ttl,
        })
    }

    /// The host's next IP Identification; never 0, which says "unknown".
    fn ip_id(&mut self, host: usize) -> u16 {
        let start = u16::try_from(host).expect("few hosts").wrapping_mul(0x1000) | 0x0100;
        let next = self.ip_ids.entry(host).or_insert(start);
        let id = *next;
        *next = next.checked_add(1).unwrap_or(1);
        id
    }
}

fn unknown(label: &str) -> String {
    format!("nothing was sent as {label:?}")
}
