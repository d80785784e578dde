//! The stage's caps, and what it leaves alone.

use super::*;
use crate::limits::Limits;
use crate::stream::{Appetite, Chunk, Event, StreamId, no_origin};
use crate::units::{Endpoint, Flow, Transport};
use std::net::{IpAddr, Ipv4Addr};

/// A record with a ClientHello that has no extensions.
fn client_hello(random: u8) -> Vec<u8> {
    let mut body = vec![3, 3];
    body.extend([random; 32]);
    body.extend([0, 0, 2, 0x13, 1, 1, 0]);
    let mut out = vec![0x16, 3, 1, 0, 0, 1, 0, 0, 0];
    out[4] = u8::try_from(body.len() + 4).unwrap();
    out[8] = u8::try_from(body.len()).unwrap();
    out.extend(body);
    out
}

fn data_record(len: u16) -> Vec<u8> {
    let mut out = vec![0x17, 3, 3];
    out.extend(len.to_be_bytes());
    out.resize(out.len() + usize::from(len), 0x55);
    out
}

struct Bench {
    tls: Tls,
    passed: usize,
    defects: usize,
}

impl Bench {
    fn new(limits: &Limits) -> Self {
        Self {
            tls: Tls::new(KeyLog::new(limits), limits),
            passed: 0,
            defects: 0,
        }
    }

    fn push(&mut self, stream: u64, port: u16, event: Event<'_>) -> Appetite {
        let end = |port| Endpoint::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
        let flow = Flow {
            src: end(40_000),
            dst: end(port),
            transport: Transport::Tcp,
        };
        let chunk = Chunk {
            stream: StreamId(stream),
            flow: if stream & 1 == 0 {
                flow
            } else {
                flow.reversed()
            },
            origin: no_origin(),
            event,
        };
        let (passed, defects) = (&mut self.passed, &mut self.defects);
        self.tls.push(
            &chunk,
            &mut |_| {
                *passed += 1;
                Appetite::Nothing
            },
            &mut |_| *defects += 1,
        )
    }

    fn finish(&mut self) -> Vec<(Why, u64)> {
        self.tls.finish(&mut |_| Appetite::Nothing, &mut |_| ());
        let lines = self.tls.unread().lines();
        lines.iter().map(|line| (line.why, line.count)).collect()
    }
}

#[test]
fn other_protocols_pass_untouched() {
    let mut bench = Bench::new(&Limits::default());
    for bytes in [
        &b"INVITE sip:a@b SIP/2.0\r\n"[..],
        b"\x16\x02\x00\x00\x05\x01",
        b"\x16\x03\x03\x00\x05\x10",
        b"\x17\x03\x03\x00\x10",
    ] {
        bench.push(2, 80, Event::Probe(bytes));
    }
    assert_eq!(bench.passed, 4);
    assert_eq!(bench.finish(), []);
}

#[test]
fn a_flood_of_hellos_stays_under_the_caps() {
    let limits = Limits {
        tls_connections: 16,
        tls_waiting_bytes: 40_000,
        tls_waiting_bytes_per_direction: 8000,
        tls_servers: 3,
        ..Limits::default()
    };
    let mut bench = Bench::new(&limits);
    for number in 0..500_u16 {
        let stream = u64::from(number) * 2;
        bench.push(stream, number, Event::Bytes(&client_hello(1)));
        for _ in 0..number % 7 {
            bench.push(stream, number, Event::Bytes(&data_record(1500)));
        }
        assert!(bench.tls.waiting_bytes() <= limits.tls_waiting_bytes);
    }
    let counted: u64 = bench.finish().iter().map(|(_, count)| count).sum();
    assert_eq!(counted + bench.tls.unread().further(), 500);
    assert_eq!(bench.tls.waiting_bytes(), 0);
    assert_eq!((bench.passed, bench.defects), (0, 0));
}

#[test]
fn what_waits_for_too_long_is_given_up_and_counted_once() {
    let limits = Limits {
        tls_waiting_bytes_per_direction: 4000,
        ..Limits::default()
    };
    let mut bench = Bench::new(&limits);
    assert_eq!(
        bench.push(0, 5061, Event::Bytes(&client_hello(1))),
        Appetite::Maybe
    );
    let answers: Vec<Appetite> = (0..5)
        .map(|_| bench.push(0, 5061, Event::Bytes(&data_record(1500))))
        .collect();
    assert_eq!(answers[0], Appetite::Maybe);
    assert_eq!(answers[4], Appetite::Nothing);
    bench.push(1, 5061, Event::Probe(&data_record(1500)));
    assert_eq!(bench.finish(), [(Why::NoSecret, 1)]);
}

#[test]
fn a_hello_in_single_bytes_is_found() {
    let mut bench = Bench::new(&Limits::default());
    for byte in client_hello(3) {
        assert_eq!(bench.push(4, 443, Event::Bytes(&[byte])), Appetite::Maybe);
    }
    bench.push(4, 443, Event::End);
    assert_eq!(bench.finish(), [(Why::NoSecret, 1)]);
}
