//! Call flows as text: a test shows what happens on the wire, and gets it as a capture.
//!
//! ```text
//! host alice 10.1.0.1:5060
//! host bob   10.2.0.1:5060
//!
//! call c1
//!   0.000 alice -> bob  INVITE
//!   0.010 alice <- bob  100
//!   1.000 alice <- bob  200 as ok
//!   repeat ok 0.5 1.5 3.5
//!   4.000 alice -> bob  ACK as ack
//!   + X-Note: late
//!   60    alice -> bob  BYE
//!   +0.01 alice <- bob  200
//! end 300
//! ```
//!
//! `Ladder::of(text)` gives the frames in time order; `capture()` the file's bytes, as `pcap`
//! would have them or as the text's `capture` line says; `frame("ok")` the frame number of a
//! label, `frames("ok")` those of it and all its repeats. A text that cannot be read panics with
//! its line; `Ladder::parse` returns that instead.
//!
//! # The scene
//!
//! A `#` before a blank starts a comment. These lines stand anywhere; they end a call.
//!
//! - `host NAME ADDR:PORT [says=ADDR:PORT]` an endpoint; `[2001:db8::1]:5060` is IPv6. What it
//!   `says` stands in its Via and Contact in place of its address: a host behind NAT.
//! - `proxy NAME ADDR:PORT [no-record-route]` forwards what it got: a request with its Via on
//!   top, Max-Forwards lower, its Route value gone and Record-Route added; a response with its
//!   Via gone. What it never got it makes itself (100, CANCEL, ACK for a refusal, 408).
//! - `capture [pcap|pcapng] [us|ns] [le|be] [link=ethernet|raw|null|sll|sll2] [snaplen=N]
//!   [dropped=N]` how the file is written; `dropped` needs pcapng.
//! - `epoch SECONDS` the time of 0, by default 2026-01-05T10:00:00Z.
//! - `mtu BYTES` longer datagrams come in fragments. `vlan ID..` tags on every frame.
//! - `blind A -> B` the tap does not see this direction. `begin T`, `end T`: it does not see what
//!   is earlier or later; at `end` it still sees a packet of nobody.
//!
//! # Calls
//!
//! `call NAME [from=USER] [to=USER] [tcp] [at T] [times N every SECONDS]`: Call-ID `NAME@ladder`,
//! block times count from `T`. With `times`, the block is played N times as `NAME-1`, `NAME-2`, …;
//! `{n}` in its lines stands for the number, and labels name all rounds. The sender of the first
//! request is the caller; the callee is whom it reaches past the proxies.
//!
//! # What happens
//!
//! `TIME A -> B WHAT [words]`, or `A <- B`. TIME is seconds in the block, or `+SECONDS` after the
//! line before. Lines are played in the order of the text and captured in the order of time.
//! WHAT is
//!
//! - a method: `INVITE`, `ACK`, …: the request a correct element would send now (tags, CSeq,
//!   route set, remote target, branch). A CANCEL, and an ACK after a refusal, take the INVITE's
//!   branch; an ACK of a 2xx is a new transaction. `for LABEL` says which response it follows
//!   (forks).
//! - a code, and the method where several are open: `200`, `200 CANCEL`, `487 INVITE`. It answers
//!   the newest request of the hop without a final answer, or `for LABEL`.
//! - `connect` (three TCP segments), `SYN`, `SYN-ACK`, `TCP-ACK`, `FIN`, `RST`.
//! - `RTP [count=N] [every=S]` between the media ports that the generated SDP announces: 40000 of
//!   the first host, 40002 of the second, and so on.
//! - `RAW "text\r\n"` any payload; `TLS` a record of application data (say `tcp`).
//! - `ICMP port|host|net|prohibited|ttl|toobig LABEL [quote=N]` an error to LABEL's sender about LABEL's
//!   first packet, from A; B only makes the line readable. `quote` cuts the quotation to N bytes
//!   behind the IP header.
//!
//! Without time and hosts: `repeat LABEL OFFSETS` sends it again so many seconds after its first
//! time (`repeat ok fully`: as a 2xx without ACK, to 31.5 s), as new packets; `copy LABEL OFFSET
//! [vlan=ID] [ttl=-1]` is the same packet, seen twice by the tap.
//!
//! Words behind any message:
//!
//! | word | |
//! |---|---|
//! | `as LABEL` | a name for it |
//! | `lost` | it was sent, and the tap missed it |
//! | `tcp`, `udp` | unlike the call |
//! | `from-tag=`, `to-tag=` (`none`), `cseq=`, `branch=`, `uri=`, `reason="…"` | in place of what is generated |
//! | `sdp`, `no-sdp` | a body where there would be none, and the reverse |
//! | `identity`, with `attest= orig= dest= iat= x5u=` | an Identity header of the right form whose signature is of nothing |
//! | `pad=N` | N more bytes, in a header |
//! | `sport=`, `dport=`, `ttl=`, `vlan=` | in the packet |
//! | `mtu=N`, `drop-fragment=N` | fragmented, and one of them missed |
//! | `segments=N`, `hold` | TCP: at most N bytes a segment; wait and go with the next message |
//!
//! Under a message stand lines that change it: `Name: value` in place of the generated field (a
//! second one of the name adds), `+ Name: value` one more, `- Name` none, `| text` a body line in
//! place of the generated body. Content-Length follows the body unless written or taken away. What
//! a proxy forwards carries the changes on.

pub mod dialog;
pub mod message;
pub mod play;
pub mod script;

use std::collections::BTreeMap;

use super::pcap::{self, Options, Record};
use play::Packet;

/// A call flow as it was captured.
#[derive(Clone, Debug)]
pub struct Ladder {
    /// How the text wants the file written.
    pub options: Options,
    epoch_ns: i64,
    packets: Vec<Packet>,
    labels: BTreeMap<String, Vec<u64>>,
}

impl Ladder {
    /// Plays `text`; panics with the line that cannot be read.
    pub fn of(text: &str) -> Self {
        Self::parse(text).unwrap_or_else(|why| panic!("{why}"))
    }

    /// Plays `text`, or says which line cannot be read and why.
    pub fn parse(text: &str) -> Result<Self, String> {
        let script = script::parse(text)?;
        let packets = play::play(&script)?;
        let mut labels: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        for (number, packet) in (1..).zip(&packets) {
            for label in &packet.labels {
                labels.entry(label.clone()).or_default().push(number);
            }
        }
        Ok(Self {
            options: script.options,
            epoch_ns: script.epoch_ns,
            packets,
            labels,
        })
    }

    /// The file, as the text wants it written.
    pub fn capture(&self) -> Vec<u8> {
        self.capture_as(&self.options)
    }

    /// The file, written another way.
    pub fn capture_as(&self, options: &Options) -> Vec<u8> {
        pcap::write(&self.records(options), options)
    }

    /// The frames, to be changed before they are written.
    pub fn records(&self, options: &Options) -> Vec<Record> {
        self.packets
            .iter()
            .map(|packet| Record {
                time_ns: u64::try_from(self.epoch_ns + packet.time).expect("after 1970"),
                bytes: pcap::frame(&packet.ip, options.link, &packet.vlans, options.order),
            })
            .collect()
    }

    /// The frame number of a label: its first sending, completed.
    pub fn frame(&self, label: &str) -> u64 {
        self.frames(label)[0]
    }

    /// The frame numbers of a label's sendings, in time order.
    pub fn frames(&self, label: &str) -> &[u64] {
        self.labels
            .get(label)
            .unwrap_or_else(|| panic!("the capture has nothing called {label:?}"))
    }

    /// How many frames there are.
    pub fn len(&self) -> usize {
        self.packets.len()
    }

    /// Whether the tap saw nothing.
    pub fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }
}
