//! Numbers: which bytes of a frame an address may stand in by chance.
//!
//! In: a frame that was redacted, and where its IP and transport heads lie. Out: all other bytes, in
//! which nothing may spell an address: heads of links and tunnels, options, attributes, payloads,
//! what fills a frame up. Left out are sequence numbers, identifications, timestamps and checksums,
//! which are as good as random, and text, in which addresses stand as text.
//!
//! It shares nothing with the code that replaced them.
//!
//! # References
//! - RFC 9293 §3.1, RFC 3550 §5.1, RFC 8489 §5, RFC 9260 §3

use std::ops::Range;

/// Characters in a row that make bytes a text.
const TEXT: usize = 16;

/// The numbers of a frame.
#[derive(Debug)]
pub(super) struct Numbers<'f> {
    frame: &'f [u8],
    /// In no order, and they may overlap.
    ranges: Vec<Range<usize>>,
}

impl<'f> Numbers<'f> {
    /// Those that are known without heads: texts.
    pub(super) fn of(frame: &'f [u8]) -> Self {
        let mut ranges = Vec::new();
        let mut start = 0;
        let is_shown = |byte: &u8| *byte >= 0x20 || byte.is_ascii_whitespace();
        for run in frame.split(|byte| !is_shown(byte)) {
            let end = start + run.len();
            if run.len() >= TEXT && std::str::from_utf8(run).is_ok() {
                ranges.push(start..end);
            }
            start = end + 1;
        }
        Self { frame, ranges }
    }

    fn byte(&self, at: usize) -> u8 {
        self.frame.get(at).copied().unwrap_or(0)
    }

    fn u16(&self, at: usize) -> usize {
        usize::from(self.byte(at)) * 256 + usize::from(self.byte(at + 1))
    }

    fn add(&mut self, at: usize, len: usize) {
        self.ranges.push(at..at.saturating_add(len));
    }

    /// The fixed head of an IP packet, whose addresses are looked at on their own.
    pub(super) fn ip(&mut self, at: usize) {
        let len = if self.byte(at) >> 4 == 4 { 20 } else { 40 };
        self.add(at, len);
    }

    /// What the head of a transport has of numbers.
    pub(super) fn transport(&mut self, protocol: u8, at: usize, len: usize) {
        match protocol {
            6 => self.tcp(at, len),
            17 | 136 => self.udp(at),
            132 => self.sctp(at, at.saturating_add(len)),
            50 => self.add(at, 8),
            // What an error quotes begins with a packet's head, whose own addresses the checks of text
            // and heads do not see; these are left.
            1 | 58 => self.quoted(at),
            _ => {}
        }
    }

    fn tcp(&mut self, at: usize, len: usize) {
        self.add(at, 20);
        let end = at + (usize::from(self.byte(at + 12) >> 4) * 4).min(len);
        let mut option = at + 20;
        while option < end {
            let size = match self.byte(option) {
                0 => return,
                1 => 1,
                _ => usize::from(self.byte(option + 1)).max(2),
            };
            if matches!(self.byte(option), 5 | 8) {
                self.add(option, size);
            }
            option += size;
        }
    }

    fn udp(&mut self, at: usize) {
        self.add(at, 8);
        let payload = at + 8;
        let (first, second) = (self.byte(payload), self.byte(payload + 1));
        if first >> 6 == 2 {
            // Reports are sources and times; of RTP the fixed head.
            let is_report = (192..=223).contains(&second);
            self.add(payload, if is_report { usize::MAX } else { 12 });
        } else if first < 4 {
            // STUN's transaction.
            self.add(payload, 20);
        }
    }

    fn sctp(&mut self, at: usize, end: usize) {
        self.add(at, 12);
        let end = end.min(self.frame.len());
        let mut chunk = at + 12;
        while chunk + 4 <= end {
            let len = self.u16(chunk + 2).max(4);
            self.add(
                chunk,
                match self.byte(chunk) {
                    0 => 16,
                    1 | 2 => 20,
                    3 | 7 | 8 | 14 => len,
                    _ => 8,
                },
            );
            chunk += len.next_multiple_of(4);
        }
    }

    fn quoted(&mut self, at: usize) {
        self.add(at, 8);
        let packet = at + 8;
        let (len, addresses, protocol) = match self.byte(packet) >> 4 {
            4 => (
                usize::from(self.byte(packet) & 15) * 4,
                12..20,
                self.byte(packet + 9),
            ),
            6 => (40, 8..40, self.byte(packet + 6)),
            _ => return,
        };
        self.add(packet, addresses.start);
        if protocol == 6 || protocol == 132 {
            self.add(packet + len, 20);
        } else {
            self.udp(packet + len);
        }
    }

    /// The stretches of bytes that are none of them.
    pub(super) fn others(mut self) -> Vec<&'f [u8]> {
        self.ranges.sort_unstable_by_key(|range| range.start);
        let mut parts = Vec::new();
        let mut at = 0;
        let end = self.frame.len();
        for range in self.ranges.iter().chain([&(end..end)]) {
            if let Some(part) = self.frame.get(at..range.start.min(end))
                && part.iter().any(|byte| *byte != 0)
            {
                parts.push(part);
            }
            at = at.max(range.end);
        }
        parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An Ethernet head, IPv4 with options, UDP, and a trailer.
    fn frame() -> Vec<u8> {
        let mut frame = vec![2; 12];
        frame.extend([8, 0, 0x46, 0, 0, 36, 7, 7, 0, 0, 64, 17, 7, 7]);
        frame.extend([10, 1, 2, 3, 10, 4, 5, 6, 0x44, 4, 5, 0]);
        frame.extend([7; 8]);
        frame.extend([0x80, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 9, 9, 9, 9]);
        frame
    }

    #[test]
    fn all_but_numbers_is_looked_at() {
        let frame = frame();
        let mut numbers = Numbers::of(&frame);
        numbers.ip(14);
        numbers.transport(17, 38, 24);
        let others = numbers.others();
        assert_eq!(others.len(), 3, "{others:?}");
        assert_eq!(others.first().map(|part| part.len()), Some(14));
        assert_eq!(others.get(1), Some(&&[0x44, 4, 5, 0][..]));
        assert_eq!(others.get(2), Some(&&[9, 9, 9, 9][..]));
    }

    #[test]
    fn text_is_no_packed_address() {
        let text = b"\0\0INVITE sip:x@example.com SIP/2.0\r\n";
        assert!(Numbers::of(text).others().is_empty());
    }
}
