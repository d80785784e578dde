//! A tap: what peers sent as a capture, and what our stages and tshark read from it.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::process::Command;

use sipannotate::capture::{Next, Reader};
use sipannotate::limits::Limits;
use sipannotate::packet::{Decoder, Packet};
use sipannotate::pipeline::Wires;
use sipannotate::sip::RawMessage;
use sipannotate::tls::KeyLog;
use sipannotate::units::FileIndex;

use super::common::pcap::{self, IpFields, flag};

/// SCTP's number.
const SCTP: u8 = 132;

/// A message that was read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Seen {
    /// By which transport.
    pub(crate) transport: &'static str,
    /// Its Call-ID.
    pub(crate) call_id: String,
}

/// What came of a capture.
#[derive(Debug, Default)]
pub(crate) struct Result {
    /// Messages, in order.
    pub(crate) seen: Vec<Seen>,
    /// Kinds of the defects.
    pub(crate) defects: Vec<String>,
    /// The frames that completed the messages, with their Call-IDs.
    pub(crate) frames: Vec<(u64, String)>,
    /// TLS that was not decrypted.
    pub(crate) unread: Vec<String>,
}

/// A segment or packet.
#[derive(Clone, Debug)]
struct Packets {
    bytes: Vec<u8>,
    syn: bool,
}

/// A capture.
#[derive(Clone, Debug)]
pub(crate) struct Tap {
    packets: Vec<Packets>,
}

fn ends(port: u16) -> (SocketAddr, SocketAddr) {
    (
        SocketAddr::from(([10, 0, 0, 1], 40_000)),
        SocketAddr::from(([10, 0, 0, 2], port)),
    )
}

fn ip(src: SocketAddr, dst: SocketAddr, protocol: u8, payload: &[u8]) -> Packets {
    let fields = IpFields { id: 7, ttl: 64 };
    Packets {
        bytes: pcap::ip(src.ip(), dst.ip(), protocol, fields, payload),
        syn: false,
    }
}

impl Tap {
    /// A TCP connection to `port`: both SYNs, then what each side sent (`true`: the client).
    pub(crate) fn tcp(port: u16, sent: &[(bool, Vec<u8>)]) -> Self {
        let (client, server) = ends(port);
        let mut next = [1000_u32, u32::MAX - 200];
        let mut packets = Vec::new();
        for (index, (src, dst)) in [(client, server), (server, client)].into_iter().enumerate() {
            let flags = if index == 0 {
                flag::SYN
            } else {
                flag::SYN | flag::ACK
            };
            // The SYN-ACK acknowledges the SYN alone, whose number is counted by then.
            let ack = next[0].wrapping_mul(u32::try_from(index).unwrap());
            let segment = pcap::tcp(src, dst, next[index], ack, flags, &[]);
            next[index] = next[index].wrapping_add(1);
            packets.push(Packets {
                syn: true,
                ..ip(src, dst, pcap::TCP, &segment)
            });
        }
        for (from_client, bytes) in sent {
            let side = usize::from(!from_client);
            let (src, dst) = if *from_client {
                (client, server)
            } else {
                (server, client)
            };
            for part in bytes.chunks(16_000) {
                // Nothing is acknowledged, so that any order can be the network's.
                let segment = pcap::tcp(src, dst, next[side], 0, flag::PSH, part);
                next[side] = next[side].wrapping_add(u32::try_from(part.len()).unwrap());
                packets.push(ip(src, dst, pcap::TCP, &segment));
            }
        }
        Self { packets }
    }

    /// Datagrams to `port`.
    pub(crate) fn udp(port: u16, payloads: &[Vec<u8>]) -> Self {
        let (client, server) = ends(port);
        let packets = payloads
            .iter()
            .map(|payload| {
                ip(
                    client,
                    server,
                    pcap::UDP,
                    &pcap::udp(client, server, payload),
                )
            })
            .collect();
        Self { packets }
    }

    /// SCTP packets.
    pub(crate) fn sctp(packets: &[Vec<u8>]) -> Self {
        let (client, server) = ends(5060);
        let packets = packets
            .iter()
            .map(|packet| ip(client, server, SCTP, packet))
            .collect();
        Self { packets }
    }

    /// SCTP packets as RFC 6951 has them.
    pub(crate) fn sctp_in_udp(packets: &[Vec<u8>]) -> Self {
        Self::udp(9899, packets)
    }

    /// Without the beginning of the connection.
    pub(crate) fn without_syn(mut self) -> Self {
        self.packets.retain(|packet| !packet.syn);
        self
    }

    /// Loses the segments of what was sent as the `index`-th; none of them may be longer than one.
    pub(crate) fn drop_payload(&mut self, index: usize) {
        self.packets.remove(index + 2);
    }

    /// Moves each segment back by as many places as `places` says.
    pub(crate) fn shuffle(&mut self, places: &[usize]) {
        let mut order: Vec<(usize, Packets)> = self
            .packets
            .drain(..)
            .enumerate()
            .zip(places.iter().cycle())
            .map(|((index, packet), place)| {
                (if packet.syn { 0 } else { 2 + index + place }, packet)
            })
            .collect();
        order.sort_by_key(|(place, _)| *place);
        self.packets = order.into_iter().map(|(_, packet)| packet).collect();
    }

    /// Sends segments again: the `places`-th behind the one after it, and so on.
    pub(crate) fn repeat(&mut self, places: &[usize]) {
        for place in places {
            let at = place % self.packets.len();
            let copy = self.packets[at].clone();
            let later = (at + 2).min(self.packets.len());
            self.packets.insert(later, copy);
        }
    }

    /// The same in IP fragments of `mtu` bytes.
    pub(crate) fn fragmented(mut self, mtu: usize) -> Self {
        let pieces = |packet: &Packets| pcap::fragments(&packet.bytes, mtu, 7);
        self.packets = self
            .packets
            .iter()
            .flat_map(pieces)
            .map(|bytes| Packets { bytes, syn: false })
            .collect();
        self
    }

    /// As a file, a packet a millisecond.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.bytes_at(&[])
    }

    /// As a file that keeps so many bytes of each frame.
    pub(crate) fn snapped(&self, snap_len: usize) -> Vec<u8> {
        let options = pcap::Options {
            snap_len: Some(snap_len),
            ..pcap::Options::default()
        };
        pcap::write(&self.records(&[]), &options)
    }

    /// As a file with the packets behind the SYNs at these milliseconds, the others as before.
    pub(crate) fn bytes_at(&self, times: &[u64]) -> Vec<u8> {
        pcap::write(&self.records(times), &pcap::Options::default())
    }

    fn records(&self, times: &[u64]) -> Vec<pcap::Record> {
        let time = |index: usize| {
            let listed = index.checked_sub(2).and_then(|index| times.get(index));
            let millis = listed.map_or(u64::try_from(index).unwrap(), |millis| millis + 2);
            1_700_000_000_000_000_000 + millis * 1_000_000
        };
        self.packets
            .iter()
            .enumerate()
            .map(|(index, packet)| pcap::Record {
                time_ns: time(index),
                bytes: pcap::frame(
                    &packet.bytes,
                    pcap::Link::Ethernet,
                    &[],
                    pcap::Order::Little,
                ),
            })
            .collect()
    }
}

/// The same bytes in pieces of the lengths `cuts`, in turn.
pub(crate) fn cut(sent: &[(bool, Vec<u8>)], cuts: &[usize]) -> Vec<(bool, Vec<u8>)> {
    let mut cuts = cuts.iter().cycle();
    let mut out = Vec::new();
    for (from_client, bytes) in sent {
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let len = (*cuts.next().unwrap()).clamp(1, rest.len());
            out.push((*from_client, rest[..len].to_vec()));
            rest = &rest[len..];
        }
    }
    out
}

/// What our stages read.
pub(crate) fn read(tap: &Tap, keys: &str) -> Result {
    read_bytes(&tap.bytes(), keys, None)
}

/// The same with the secrets coming behind the frame `at`.
pub(crate) fn read_with_late_keys(tap: &Tap, keys: &str, at: u64) -> Result {
    read_bytes(&tap.bytes(), keys, Some(at))
}

/// The same of a file.
pub(crate) fn read_bytes(bytes: &[u8], keys: &str, late: Option<u64>) -> Result {
    let limits = Limits::default();
    let mut log = KeyLog::new(&limits);
    if late.is_none() {
        log.add(keys.as_bytes());
    }
    let mut reader = Reader::open(bytes, "test", FileIndex(0), &limits).expect("a capture");
    let mut decoder = Decoder::new(&limits);
    let mut wires = Wires::new(log, &limits);
    let result = RefCell::new(Result::default());
    let mut message = |raw: RawMessage<'_>| {
        let head = String::from_utf8_lossy(&raw.bytes[..raw.head_len]).into_owned();
        let call_id = head
            .lines()
            .find_map(|line| line.strip_prefix("Call-ID: "))
            .unwrap_or("none");
        let at = (raw.origin.at.no.0, call_id.to_owned());
        result.borrow_mut().frames.push(at);
        result.borrow_mut().seen.push(Seen {
            transport: raw.flow.transport.name(),
            call_id: call_id.to_owned(),
        });
    };
    let defect = |defect: sipannotate::defect::Defect| {
        result
            .borrow_mut()
            .defects
            .push(defect.kind.name().to_owned());
    };
    loop {
        match reader.next_frame().expect("readable") {
            Next::Frame(frame) => {
                if late == Some(frame.at.no.0) {
                    wires.add_secrets(keys.as_bytes());
                }
                decoder.push(
                    &frame,
                    &mut |packet| match packet {
                        Packet::Datagram(datagram) | Packet::Message(datagram) => {
                            wires.datagram(&datagram, &mut message, &defect);
                        }
                        Packet::Segment(segment) => wires.segment(&segment, &mut message, &defect),
                        Packet::Sctp(packet) => wires.sctp(&packet, &mut message, &defect),
                        Packet::IcmpError(_) => {}
                    },
                    &mut { defect },
                );
            }
            Next::End => break,
            _ => {}
        }
    }
    wires.finish(&mut message, &defect);
    let unread = wires
        .unread()
        .lines()
        .into_iter()
        .map(sipannotate::tls::Line::text);
    result.borrow_mut().unread = unread.collect();
    result.into_inner()
}

/// The frames and Call-IDs that tshark reads, in order; `None`, loudly, where it is not installed.
pub(crate) fn tshark(tap: &Tap, keys: &str) -> Option<Vec<(u64, String)>> {
    let folder = tempfile::tempdir().expect("a folder");
    let (capture, log) = (folder.path().join("a.pcap"), folder.path().join("keys"));
    std::fs::write(&capture, tap.bytes()).expect("written");
    std::fs::write(&log, keys).expect("written");
    let output = Command::new("tshark")
        .arg("-r")
        .arg(&capture)
        .arg("-o")
        .arg(format!("tls.keylog_file:{}", log.display()))
        .args([
            "-Y",
            "sip",
            "-T",
            "fields",
            "-e",
            "frame.number",
            "-e",
            "sip.Call-ID",
            "-E",
            "occurrence=a",
        ])
        .output();
    let Ok(output) = output else {
        eprintln!("SKIPPED: tshark is not installed");
        return None;
    };
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let mut seen = Vec::new();
    for line in text.lines() {
        let (frame, ids) = line.split_once('\t').expect("two fields");
        // On SIP's port it calls other bytes SIP, too.
        for id in ids.split(',').filter(|id| !id.is_empty()) {
            seen.push((frame.parse().expect("a number"), id.to_owned()));
        }
    }
    Some(seen)
}
