//! Segments in every order, with gaps, overlaps and repeats.

use super::*;
use crate::packet::TcpFlags;
use crate::stream::Event;
use crate::units::{Endpoint, FileIndex, FrameNo, FrameRef, Span, Timestamp};
use std::net::{IpAddr, Ipv4Addr};

/// A capture of one connection, written segment by segment; what comes out is a list of lines.
struct Tap {
    reassembler: Reassembler,
    lines: Vec<String>,
    defects: Vec<DefectKind>,
    frame: u64,
    now: Timestamp,
    port: u16,
    /// Answer to a payload, by its first byte; `More` where nothing fits.
    answers: Vec<(u8, Appetite)>,
    ends: Vec<StreamId>,
    streams: Vec<StreamId>,
}

#[derive(Clone, Copy)]
enum From {
    A,
    B,
}
use self::From::{A, B};

const PLAIN: TcpFlags = TcpFlags {
    syn: false,
    ack: false,
    fin: false,
    rst: false,
};
const SYN: TcpFlags = TcpFlags { syn: true, ..PLAIN };
const FIN: TcpFlags = TcpFlags { fin: true, ..PLAIN };
const RST: TcpFlags = TcpFlags { rst: true, ..PLAIN };
const ACK: TcpFlags = TcpFlags { ack: true, ..PLAIN };

impl Tap {
    fn new() -> Self {
        Self::with(&Limits::default())
    }

    fn with(limits: &Limits) -> Self {
        Self {
            reassembler: Reassembler::new(limits),
            lines: Vec::new(),
            defects: Vec::new(),
            frame: 0,
            now: Timestamp::default(),
            port: 4000,
            answers: vec![(b'#', Appetite::Nothing), (b'?', Appetite::Hold)],
            ends: Vec::new(),
            streams: Vec::new(),
        }
    }

    fn raw(&mut self, side: From, flags: TcpFlags, seq: u32, ack: u32, text: &str, wire_len: u32) {
        self.frame += 1;
        let addr = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let (a, b) = (Endpoint::new(addr, self.port), Endpoint::new(addr, 5060));
        let (src, dst) = match side {
            A => (a, b),
            B => (b, a),
        };
        let segment = Segment {
            flow: Flow {
                src,
                dst,
                transport: Transport::Tcp,
            },
            origin: Origin {
                at: FrameRef {
                    file: FileIndex(0),
                    no: FrameNo(self.frame),
                },
                time: self.now,
                earlier: &[],
                interface: 0,
                ip_id: 0,
                ttl: 64,
                snapped: false,
                fragmented: false,
            },
            seq,
            ack,
            flags,
            payload: text.as_bytes(),
            wire_len,
        };
        self.run(|reassembler, out, defects| reassembler.push(&segment, out, defects));
    }

    fn run(
        &mut self,
        push: impl FnOnce(
            &mut Reassembler,
            &mut dyn FnMut(Chunk<'_>) -> Appetite,
            &mut dyn FnMut(Defect),
        ),
    ) {
        let Self {
            lines,
            ends,
            streams,
            answers,
            ..
        } = self;
        let mut out = |chunk: Chunk<'_>| {
            assert!(!ends.contains(&chunk.stream), "event after End");
            streams.push(chunk.stream);
            let name = if chunk.flow.src.port == 5060 {
                'b'
            } else {
                'a'
            };
            let frames: Vec<String> = chunk
                .origin
                .earlier
                .iter()
                .chain([&chunk.origin.at])
                .map(|at| at.no.to_string())
                .collect();
            let frames = frames.join("+");
            let mut answer = Appetite::More;
            lines.push(match chunk.event {
                Event::Bytes(bytes) | Event::Probe(bytes) => {
                    for (first, appetite) in &*answers {
                        if bytes.first() == Some(first) {
                            answer = *appetite;
                        }
                    }
                    let probe = matches!(chunk.event, Event::Probe(_));
                    let kind = if probe { "probe " } else { "" };
                    format!("{name} {kind}{} @{frames}", String::from_utf8_lossy(bytes))
                }
                Event::Gap(lost) => format!("{name} gap {lost}"),
                Event::End => {
                    ends.push(chunk.stream);
                    format!("{name} end")
                }
            });
            answer
        };
        let mut defects = |defect: Defect| self.defects.push(defect.kind);
        push(&mut self.reassembler, &mut out, &mut defects);
    }

    fn flags(&mut self, side: From, flags: TcpFlags, seq: u32) -> &mut Self {
        self.raw(side, flags, seq, 0, "", 0);
        self
    }

    fn data(&mut self, side: From, seq: u32, text: &str) -> &mut Self {
        self.raw(
            side,
            PLAIN,
            seq,
            0,
            text,
            u32::try_from(text.len()).unwrap(),
        );
        self
    }

    fn ack(&mut self, side: From, ack: u32) -> &mut Self {
        self.raw(side, ACK, 9000, ack, "", 0);
        self
    }

    fn later(&mut self, millis: i64) -> &mut Self {
        self.now = self.now.plus(Span::from_millis(millis));
        self
    }

    fn finish(&mut self) -> &mut Self {
        self.run(|reassembler, out, defects| reassembler.finish(out, defects));
        self
    }

    #[track_caller]
    fn check(&self, expected: &[&str]) {
        assert_eq!(self.lines, expected);
    }
}

#[test]
fn syn_counts_one() {
    let mut tap = Tap::new();
    tap.flags(A, SYN, 100).data(A, 101, "ab").data(A, 103, "cd");
    tap.check(&["a ab @2", "a cd @3"]);
}

#[test]
fn syn_may_carry_data() {
    let mut tap = Tap::new();
    tap.raw(A, SYN, 100, 0, "ab", 2);
    tap.data(A, 103, "cd");
    tap.check(&["a ab @1", "a cd @2"]);
}

#[test]
fn fin_counts_one_and_ends() {
    let mut tap = Tap::new();
    tap.flags(A, SYN, 100).data(A, 101, "ab").flags(A, FIN, 103);
    tap.check(&["a ab @2", "a end"]);
}

#[test]
fn fin_with_data_ends_behind_it() {
    let mut tap = Tap::new();
    tap.flags(A, SYN, 100);
    tap.raw(A, FIN, 101, 0, "ab", 2);
    tap.check(&["a ab @2", "a end"]);
}

#[test]
fn fin_before_the_data_it_follows_waits() {
    let mut tap = Tap::new();
    tap.flags(A, SYN, 100).data(A, 101, "ab").flags(A, FIN, 105);
    tap.data(A, 103, "cd");
    tap.check(&["a ab @2", "a cd @4", "a end"]);
}

#[test]
fn repeated_segments_after_fin_are_ignored() {
    let mut tap = Tap::new();
    tap.data(A, 101, "ab")
        .flags(A, FIN, 103)
        .data(A, 101, "ab")
        .flags(A, FIN, 103);
    tap.check(&["a probe ab @1", "a end"]);
}

#[test]
fn segments_out_of_order_are_put_in_order() {
    let mut tap = Tap::new();
    tap.flags(A, SYN, 100)
        .data(A, 105, "ef")
        .data(A, 103, "cd")
        .data(A, 101, "ab");
    tap.check(&["a ab @4", "a cd @3+4", "a ef @2+4"]);
    assert_eq!(tap.reassembler.waiting_bytes(), 0);
}

#[test]
fn sequence_numbers_wrap() {
    let mut tap = Tap::new();
    tap.flags(A, SYN, u32::MAX - 2)
        .data(A, 0, "cd")
        .data(A, u32::MAX - 1, "ab")
        .data(A, 2, "ef");
    tap.check(&["a ab @3", "a cd @2+3", "a ef @4"]);
}

#[test]
fn a_repeated_segment_is_ignored() {
    let mut tap = Tap::new();
    tap.flags(A, SYN, 100)
        .data(A, 101, "ab")
        .data(A, 101, "ab")
        .data(A, 103, "cd");
    tap.check(&["a ab @2", "a cd @4"]);
}

#[test]
fn of_an_overlap_only_the_new_part_is_delivered() {
    let mut tap = Tap::new();
    tap.flags(A, SYN, 100)
        .data(A, 101, "abc")
        .data(A, 102, "XYde");
    tap.check(&["a abc @2", "a de @3"]);
}

#[test]
fn the_first_copy_of_a_waiting_byte_wins() {
    let mut tap = Tap::new();
    tap.flags(A, SYN, 100)
        .data(A, 103, "cd")
        .data(A, 101, "ABCDEF");
    tap.check(&["a AB @3", "a cd @2+3", "a EF @3"]);
}

#[test]
fn a_stream_joined_in_the_middle_is_probed_and_followed() {
    let mut tap = Tap::new();
    tap.data(A, 500, "ab").data(A, 502, "cd");
    tap.check(&["a probe ab @1", "a cd @2"]);
}

#[test]
fn what_nobody_wants_is_only_probed() {
    let mut tap = Tap::new();
    tap.flags(A, SYN, 100)
        .data(A, 101, "#a")
        .data(A, 150, "#b")
        .data(A, 103, "#c");
    tap.finish();
    tap.check(&["a #a @2", "a probe #b @3", "a probe #c @4"]);
    assert_eq!(tap.defects, []);
}

#[test]
fn a_stream_that_turns_sip_is_picked_up() {
    let mut tap = Tap::new();
    tap.data(A, 500, "#a")
        .data(A, 502, "ab")
        .data(A, 506, "ef")
        .data(A, 504, "cd");
    tap.check(&["a probe #a @1", "a probe ab @2", "a cd @4", "a ef @3+4"]);
}

#[test]
fn what_waits_is_forgotten_when_nobody_wants_it() {
    let mut tap = Tap::new();
    tap.flags(A, SYN, 100).data(A, 103, "cd").data(A, 101, "#b");
    assert_eq!(tap.reassembler.waiting_bytes(), 0);
    tap.check(&["a #b @3"]);
}

#[test]
fn swapped_first_segments_without_syn_are_held() {
    let mut tap = Tap::new();
    tap.data(A, 502, "?d").data(A, 500, "ab").data(A, 504, "ef");
    tap.check(&["a probe ?d @1", "a probe ab @2", "a ?d @1+2", "a ef @3"]);
}

#[test]
fn what_is_held_is_released_after_a_second() {
    let mut tap = Tap::new();
    tap.data(A, 502, "?d").later(1000).data(A, 504, "ef");
    tap.check(&["a probe ?d @1", "a ?d @1", "a ef @2"]);
}

#[test]
fn what_is_held_is_released_after_four_segments() {
    let mut tap = Tap::new();
    tap.data(A, 502, "?d")
        .data(A, 504, "e")
        .data(A, 505, "f")
        .data(A, 506, "g");
    tap.check(&["a probe ?d @1", "a ?d @1", "a e @2", "a f @3", "a g @4"]);
}

#[test]
fn a_late_syn_tells_where_what_is_held_belongs() {
    let mut tap = Tap::new();
    tap.data(A, 503, "?d").flags(A, SYN, 500).data(A, 501, "ab");
    tap.check(&["a probe ?d @1", "a ab @3", "a ?d @1+3"]);
}

#[test]
fn a_late_syn_does_not_restart_what_is_followed() {
    let mut tap = Tap::new();
    tap.data(A, 501, "ab").flags(A, SYN, 500).data(A, 503, "cd");
    tap.check(&["a probe ab @1", "a cd @3"]);
}

#[test]
fn keep_alive_segments_are_ignored() {
    let mut tap = Tap::new();
    tap.flags(A, SYN, 100)
        .data(A, 101, "ab")
        .data(A, 102, "\0")
        .flags(A, PLAIN, 102)
        .data(A, 103, "c");
    tap.check(&["a ab @2", "a c @5"]);
}

#[test]
fn a_zero_window_probe_is_delivered_once() {
    let mut tap = Tap::new();
    tap.flags(A, SYN, 100)
        .data(A, 101, "ab")
        .data(A, 103, "c")
        .data(A, 103, "cde");
    tap.check(&["a ab @2", "a c @3", "a de @4"]);
}

#[test]
fn rst_ends_both_directions() {
    let mut tap = Tap::new();
    tap.data(A, 100, "ab").data(B, 700, "cd").flags(B, RST, 702);
    tap.check(&["a probe ab @1", "b probe cd @2", "a end", "b end"]);
}

#[test]
fn a_stray_rst_is_ignored() {
    let mut tap = Tap::new();
    tap.data(A, 100, "ab")
        .flags(A, RST, 900_000_000)
        .data(A, 102, "cd");
    tap.check(&["a probe ab @1", "a cd @3"]);
}

#[test]
fn repeated_data_after_rst_is_ignored_and_new_data_is_a_new_stream() {
    let mut tap = Tap::new();
    tap.data(A, 100, "ab")
        .flags(B, RST, 0)
        .data(A, 100, "ab")
        .data(A, 102, "cd");
    tap.check(&["a probe ab @1", "a end", "a probe cd @4"]);
}

#[test]
fn a_syn_with_another_number_is_a_new_stream() {
    let mut tap = Tap::new();
    tap.flags(A, SYN, 100)
        .data(A, 101, "ab")
        .flags(A, SYN, 70_000)
        .data(A, 70_001, "cd");
    tap.check(&["a ab @2", "a end", "a cd @4"]);
    assert_ne!(tap.streams.first(), tap.streams.last());
}

#[test]
fn a_repeated_syn_changes_nothing() {
    let mut tap = Tap::new();
    tap.flags(A, SYN, 100)
        .flags(A, SYN, 100)
        .data(A, 101, "ab")
        .flags(A, SYN, 100)
        .data(A, 103, "c");
    tap.check(&["a ab @3", "a c @5"]);
}

#[test]
fn a_jump_beyond_every_window_is_a_new_stream() {
    let mut tap = Tap::new();
    tap.data(A, 100, "ab").data(A, 2_000_000_000, "cd");
    tap.check(&["a probe ab @1", "a end", "a probe cd @2"]);
}

#[test]
fn both_directions_are_streams_of_their_own() {
    let mut tap = Tap::new();
    tap.flags(A, SYN, 100);
    tap.raw(B, TcpFlags { ack: true, ..SYN }, 700, 101, "", 0);
    tap.data(A, 101, "ab").data(B, 701, "cd");
    tap.check(&["a ab @3", "b cd @4"]);
    assert_ne!(tap.streams[0], tap.streams[1]);
}

#[test]
fn a_syn_ack_tells_where_the_other_direction_begins() {
    let mut tap = Tap::new();
    tap.raw(B, TcpFlags { ack: true, ..SYN }, 700, 101, "", 0);
    tap.data(A, 103, "cd").data(A, 101, "ab");
    tap.check(&["a ab @3", "a cd @2+3"]);
}

#[test]
fn acknowledged_bytes_that_were_not_captured_are_a_gap_after_the_slack() {
    let mut tap = Tap::new();
    tap.data(A, 100, "ab").data(A, 105, "fg").ack(B, 107);
    tap.check(&["a probe ab @1"]);
    tap.later(1000).ack(B, 107);
    tap.check(&["a probe ab @1", "a gap 3", "a fg @2"]);
    assert_eq!(tap.defects, [DefectKind::TcpGap]);
}

#[test]
fn a_few_segments_are_slack_enough() {
    let mut tap = Tap::new();
    tap.data(A, 100, "ab")
        .data(A, 105, "fg")
        .ack(B, 107)
        .ack(B, 107)
        .ack(B, 107)
        .ack(B, 107);
    tap.check(&["a probe ab @1"]);
    tap.ack(B, 107);
    tap.check(&["a probe ab @1", "a gap 3", "a fg @2"]);
}

#[test]
fn data_captured_behind_its_acknowledgment_is_no_gap() {
    let mut tap = Tap::new();
    tap.data(A, 100, "ab")
        .data(A, 105, "fg")
        .ack(B, 107)
        .data(A, 102, "cde");
    tap.check(&["a probe ab @1", "a cde @4", "a fg @2+4"]);
    assert_eq!(tap.defects, []);
}

#[test]
fn bytes_that_are_not_acknowledged_are_waited_for() {
    let mut tap = Tap::new();
    tap.data(A, 100, "ab")
        .data(A, 105, "fg")
        .ack(B, 102)
        .later(10_000)
        .ack(B, 102);
    tap.check(&["a probe ab @1"]);
}

#[test]
fn where_no_acknowledgment_is_seen_three_seconds_are_enough() {
    let mut tap = Tap::new();
    tap.data(A, 100, "ab")
        .data(A, 105, "fg")
        .later(3000)
        .data(A, 107, "h");
    tap.check(&["a probe ab @1", "a gap 3", "a fg @2", "a h @3"]);
}

#[test]
fn the_end_of_the_capture_releases_what_waits() {
    let mut tap = Tap::new();
    tap.data(A, 100, "ab")
        .data(A, 105, "fg")
        .data(A, 109, "k")
        .finish();
    tap.check(&[
        "a probe ab @1",
        "a gap 3",
        "a fg @2",
        "a gap 2",
        "a k @3",
        "a end",
    ]);
    assert_eq!(tap.defects, [DefectKind::TcpGap; 2]);
}

#[test]
fn acknowledged_bytes_missing_at_the_end_are_a_gap() {
    let mut tap = Tap::new();
    tap.data(A, 100, "ab").ack(B, 150).finish();
    tap.check(&["a probe ab @1", "a gap 48", "a end"]);
}

#[test]
fn an_acknowledged_fin_is_no_gap() {
    let mut tap = Tap::new();
    tap.data(A, 100, "ab").ack(B, 103).finish();
    tap.check(&["a probe ab @1", "a end"]);
}

#[test]
fn a_missing_start_is_told_before_the_first_bytes() {
    let mut tap = Tap::new();
    tap.flags(A, SYN, 100).data(A, 104, "de").finish();
    tap.check(&["a gap 3", "a de @2", "a end"]);
    assert_eq!(tap.defects, [DefectKind::TcpGap]);
}

#[test]
fn a_missing_start_of_what_nobody_wants_is_no_defect() {
    let mut tap = Tap::new();
    tap.flags(A, SYN, 100).data(A, 104, "#e").finish();
    assert_eq!(tap.defects, []);
}

#[test]
fn bytes_cut_by_the_snap_length_are_a_gap() {
    let mut tap = Tap::new();
    tap.flags(A, SYN, 100);
    tap.raw(A, PLAIN, 101, 0, "ab", 10);
    tap.data(A, 111, "cd");
    tap.check(&["a ab @2", "a gap 8", "a cd @3"]);
    assert_eq!(tap.defects, [DefectKind::TcpGap]);
}

#[test]
fn bytes_cut_off_a_waiting_segment_are_a_gap() {
    let mut tap = Tap::new();
    tap.flags(A, SYN, 100);
    tap.raw(A, PLAIN, 103, 0, "cd", 10);
    tap.data(A, 101, "ab").data(A, 113, "ef");
    tap.check(&["a ab @3", "a cd @2+3", "a gap 8", "a ef @4"]);
}

#[test]
fn a_full_direction_gives_up_what_is_missing() {
    let mut tap = Tap::with(&Limits {
        tcp_pending_bytes_per_direction: 400,
        ..Limits::default()
    });
    tap.data(A, 100, "ab");
    for n in 0..50 {
        tap.data(A, 200 + n * 2, "c");
        assert!(tap.reassembler.waiting_bytes() <= 400);
    }
    assert!(tap.lines.contains(&"a gap 98".to_owned()));
}

#[test]
fn all_directions_together_are_capped() {
    let mut tap = Tap::with(&Limits {
        tcp_pending_bytes: 1000,
        ..Limits::default()
    });
    for port in 0..200 {
        tap.port = 10_000 + port;
        tap.flags(A, SYN, 100).data(A, 105, "ef");
        assert!(tap.reassembler.waiting_bytes() <= 1000);
    }
}

#[test]
fn a_full_table_gives_up_the_idle_longest() {
    let mut tap = Tap::with(&Limits {
        tcp_streams: 2,
        ..Limits::default()
    });
    for port in [4001, 4002, 4003] {
        tap.port = port;
        tap.data(A, 100, "ab");
    }
    tap.check(&["a probe ab @1", "a probe ab @2", "a end", "a probe ab @3"]);
    assert_eq!(tap.defects, [DefectKind::Evicted]);
    assert_eq!(tap.ends, [tap.streams[0]]);
}

#[test]
fn a_flood_of_syns_does_not_push_sip_out() {
    let mut tap = Tap::with(&Limits {
        tcp_streams: 4,
        ..Limits::default()
    });
    tap.data(A, 100, "ab");
    for port in 10_000..10_100 {
        tap.port = port;
        tap.flags(A, SYN, 1);
    }
    tap.port = 4000;
    tap.data(A, 102, "cd");
    tap.check(&["a probe ab @1", "a cd @102"]);
    assert_eq!(tap.defects, []);
}

#[test]
fn a_connection_takes_at_most_120_bytes() {
    assert!(
        size_of::<Connection>() <= 120,
        "{}",
        size_of::<Connection>()
    );
}

#[test]
fn what_may_be_sip_is_followed_without_defects() {
    let mut tap = Tap::new();
    tap.answers.push((b'~', Appetite::Maybe));
    tap.flags(A, SYN, 100)
        .data(A, 101, "~a")
        .data(A, 105, "~c")
        .ack(B, 107)
        .later(2000)
        .ack(B, 107)
        .flags(A, FIN, 107);
    tap.check(&["a ~a @2", "a gap 2", "a ~c @3", "a end"]);
    assert_eq!(tap.defects, []);
}

#[test]
fn what_may_be_sip_goes_before_what_is() {
    let mut tap = Tap::with(&Limits {
        tcp_streams: 2,
        ..Limits::default()
    });
    tap.answers.push((b'~', Appetite::Maybe));
    tap.data(A, 100, "sip");
    for port in 10_000..10_020 {
        tap.port = port;
        tap.data(A, 1, "~a");
    }
    tap.port = 4000;
    tap.data(A, 103, "more");
    assert_eq!(tap.lines.last().unwrap(), "a more @22");
    assert_eq!(tap.defects, []);
}
