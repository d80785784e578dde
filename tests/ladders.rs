//! Ladders of chosen calls: which columns a call has, what repeats what, and what stands beside its
//! messages; and that whatever is given up is counted.

#![expect(
    clippy::expect_used,
    reason = "the helpers of tests are outside `#[test]` functions, and may panic all the same"
)]

mod common;

use std::io::Cursor;

use common::ladder::Ladder as Script;
use sipannotate::capture::Source;
use sipannotate::ladder::Choice;
use sipannotate::limits::Limits;
use sipannotate::pipeline::{self, Gathered, Input, Options};
use sipannotate::report::view::Ladder;
use sipannotate::units::{FileIndex, FrameNo, FrameRef};

fn gather_with(captures: &[Vec<u8>], choice: Choice, limits: &Limits) -> Gathered {
    let inputs = captures.iter().zip(0..).map(|(bytes, index)| Input {
        path: format!("{index}.pcap"),
        source: Source::Stream(Box::new(Cursor::new(bytes.clone()))),
    });
    let options = Options {
        limits: *limits,
        ..Options::default()
    };
    pipeline::gather(inputs.collect(), &options, choice, None).expect("nothing fails")
}

fn gather(text: &str, choice: Choice) -> Gathered {
    gather_with(&[Script::of(text).capture()], choice, &Limits::default())
}

fn calls(names: &[&str]) -> Choice {
    let name = |name: &&str| (format!("{name}@ladder").into_bytes(), None);
    Choice::Calls(names.iter().map(name).collect())
}

/// The ladder of `c1`.
fn ladder(text: &str) -> Ladder {
    let mut found = gather(text, calls(&["c1"]));
    assert_eq!(found.ladders.len(), 1);
    found.ladders.remove(0)
}

fn hosts(ladder: &Ladder) -> Vec<&str> {
    ladder.hosts.iter().map(|host| host.name.as_str()).collect()
}

/// One line a message: `1 0>1 INVITE`, `=N` behind one that repeats message N.
fn lines(ladder: &Ladder) -> Vec<String> {
    let line = |sent: &sipannotate::report::view::LadderMessage| {
        let what = sent.code.map_or_else(
            || sent.method.wire().terminal().into_owned(),
            |code| code.to_string(),
        );
        let repeats = sent
            .repeats
            .map_or_else(String::new, |first| format!(" ={first}"));
        let kind = match (sent.retransmission, sent.duplicate) {
            (true, _) => " again",
            (_, true) => " copy",
            _ => "",
        };
        format!(
            "{} {}>{} {what}{repeats}{kind}",
            sent.frame, sent.from, sent.to
        )
    };
    ladder.messages.iter().map(line).collect()
}

const THROUGH_A_PROXY: &str = "
host alice 10.1.0.1:5060
proxy p 10.3.0.1:5060
host bob 10.2.0.1:5060
call c1
  0.000 alice -> p INVITE
  0.001 p -> bob INVITE
  0.010 p -> alice 100
  0.020 bob -> p 180
  0.021 p -> alice 180
  1.000 bob -> p 200
  1.001 p -> alice 200
  1.100 alice -> p ACK
  1.101 p -> bob ACK
  9.000 bob -> p BYE
  9.001 p -> alice BYE
  9.010 alice -> p 200
  9.011 p -> bob 200
end 60
";

#[test]
fn hosts_stand_in_the_order_in_which_the_call_goes() {
    let ladder = ladder(THROUGH_A_PROXY);
    assert_eq!(hosts(&ladder), ["10.1.0.1", "10.3.0.1", "10.2.0.1"]);
    assert_eq!(
        lines(&ladder)[..5],
        [
            "1 0>1 INVITE",
            "2 1>2 INVITE",
            "3 1>0 100",
            "4 2>1 180",
            "5 1>0 180"
        ]
    );
    assert_eq!(ladder.messages.len(), 13);
}

#[test]
fn a_response_places_its_hop_where_the_request_was_not_captured() {
    let text = "
host alice 10.1.0.1:5060
proxy p 10.3.0.1:5060
host bob 10.2.0.1:5060
call c1
  0.000 alice -> p INVITE
  0.001 p -> bob INVITE
  1.000 bob -> p 486
  1.001 p -> alice 486
end 60
blind alice -> p
";
    assert_eq!(hosts(&ladder(text)), ["10.1.0.1", "10.3.0.1", "10.2.0.1"]);
    assert_eq!(ladder(text).messages.len(), 3);
}

#[test]
fn what_the_callee_asks_for_does_not_turn_the_call_round() {
    let ladder = ladder(
        "
host alice 10.1.0.1:5060
host bob 10.2.0.1:5060
call c1
  0.000 alice -> bob INVITE
  1.000 bob -> alice 200
  1.100 alice -> bob ACK
  9.000 bob -> alice BYE
  9.010 alice -> bob 200
end 60
begin 8
",
    );
    assert_eq!(
        lines(&ladder),
        ["1 0>1 BYE", "2 1>0 200"],
        "nobody knows who called: who asks stands first"
    );
}

#[test]
fn a_host_with_several_ports_is_one_column() {
    let ladder = ladder(
        "
host alice 10.1.0.1:5060
host bob 10.2.0.1:5060
call c1
  0.000 alice -> bob INVITE
  1.000 bob -> alice 486 sport=15060
end 60
",
    );
    assert_eq!(hosts(&ladder), ["10.1.0.1", "10.2.0.1"]);
    assert_eq!(ladder.hosts[1].ports, [5060, 15060]);
}

#[test]
fn parties_on_one_machine_have_a_column_each() {
    let ladder = ladder(
        "
host alice 127.0.0.1:5070
proxy p 127.0.0.1:5060
host bob 127.0.0.1:5080
call c1
  0.000 alice -> p INVITE
  0.001 p -> bob INVITE
  1.000 bob -> p 486
  1.001 p -> alice 486
end 60
",
    );
    assert_eq!(
        hosts(&ladder),
        ["127.0.0.1:5070", "127.0.0.1:5060", "127.0.0.1:5080"]
    );
    assert_eq!(
        lines(&ladder),
        ["1 0>1 INVITE", "2 1>2 INVITE", "3 2>1 486", "4 1>0 486"]
    );
}

#[test]
fn repeats_and_tap_copies_name_their_first() {
    let ladder = ladder(
        "
host alice 10.1.0.1:5060
host bob 10.2.0.1:5060
call c1
  0.000 alice -> bob INVITE as inv
  copy inv 0.00001
  repeat inv 0.5
  1.000 bob -> alice 200 as ok
  repeat ok 0.5 1.5
  3.000 alice -> bob ACK as ack
  repeat ack 0.4
end 60
",
    );
    assert_eq!(
        lines(&ladder),
        [
            "1 0>1 INVITE",
            "2 0>1 INVITE =0 copy",
            "3 0>1 INVITE =0 again",
            "4 1>0 200",
            "5 1>0 200 =3 again",
            "6 1>0 200 =3 again",
            "7 0>1 ACK",
            "8 0>1 ACK =6 again",
        ]
    );
}

#[test]
fn an_invite_with_credentials_is_no_repeat() {
    let ladder = ladder(
        "
host alice 10.1.0.1:5060
host bob 10.2.0.1:5060
call c1
  0.000 alice -> bob INVITE
  0.010 bob -> alice 407
  0.020 alice -> bob ACK
  0.030 alice -> bob INVITE cseq=2
  0.040 bob -> alice 486
  0.050 alice -> bob ACK
end 60
",
    );
    assert!(ladder.messages.iter().all(|sent| sent.repeats.is_none()));
}

#[test]
fn findings_and_contexts_stand_beside_their_messages() {
    let ladder = ladder(
        "
host alice 10.1.0.1:5060
host bob 10.2.0.1:5060
call c1
  0.000 alice -> bob INVITE
  1.000 bob -> alice 200 as ok
  repeat ok fully
  33.1 bob -> alice BYE
  33.2 alice -> bob 200
end 120
",
    );
    let finding = ladder
        .findings
        .iter()
        .position(|finding| finding.rule == "missing-ack")
        .expect("the ACK is missing");
    let answer = &ladder.messages[1];
    assert_eq!(answer.code, Some(200));
    assert!(answer.findings.contains(&finding), "{:?}", ladder.findings);
    assert!(answer.meaning.is_some());
    assert!(ladder.messages[0].meaning.is_none());
}

#[test]
fn other_calls_are_not_gathered() {
    let text = "
host alice 10.1.0.1:5060
host bob 10.2.0.1:5060
call c1
  0.000 alice -> bob INVITE
  1.000 bob -> alice 486
call c2
  0.000 alice -> bob INVITE
  1.000 bob -> alice 486
call c11
  0.000 alice -> bob INVITE
  1.000 bob -> alice 486
end 60
";
    let names = |found: &Gathered| -> Vec<String> {
        found
            .ladders
            .iter()
            .map(|ladder| ladder.call_id.wire().terminal().into_owned())
            .collect()
    };
    assert_eq!(names(&gather(text, calls(&["c2"]))), ["c2@ladder"]);
    assert_eq!(
        names(&gather(text, Choice::Like(b"c1".to_vec()))),
        ["c1@ladder", "c11@ladder"]
    );
    let frame = FrameRef {
        file: FileIndex(0),
        no: FrameNo(2),
    };
    assert_eq!(
        gather(text, Choice::Frame(frame)).ladders[0].messages.len(),
        1
    );
}

#[test]
fn a_call_named_whole_has_room_beside_those_like_it() {
    let text = "
host alice 10.1.0.1:5060
host bob 10.2.0.1:5060
call c1 at 0 times 5 every 1
  0.000 alice -> bob INVITE
  0.100 bob -> alice 486
call 1 at 9
  0.000 alice -> bob INVITE
  0.100 bob -> alice 486
end 60
";
    let limits = Limits {
        ladder_calls: 2,
        ..Limits::default()
    };
    let found = gather_with(
        &[Script::of(text).capture()],
        Choice::Like(b"1@ladder".to_vec()),
        &limits,
    );
    let ids: Vec<_> = found
        .ladders
        .iter()
        .map(|ladder| ladder.call_id.wire().terminal().into_owned())
        .collect();
    assert_eq!(ids, ["c1-1@ladder", "1@ladder"]);
    let found = gather_with(
        &[Script::of(text).capture()],
        Choice::Like(b"ladder".to_vec()),
        &limits,
    );
    assert_eq!((found.ladders.len(), found.further), (2, 8));
}

#[test]
fn of_a_long_call_what_is_around_the_frame_is_kept() {
    let text = "
host alice 10.1.0.1:5060
host bob 10.2.0.1:5060
call c1
  0.000 alice -> bob OPTIONS as ping
  repeat ping 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19
end 60
";
    let limits = Limits {
        ladder_messages: 6,
        ..Limits::default()
    };
    let around = |frame: Option<u64>| {
        let at = frame.map(|no| FrameRef {
            file: FileIndex(0),
            no: FrameNo(no),
        });
        let choice = Choice::Calls([(b"c1@ladder".to_vec(), at)].into());
        let found = gather_with(&[Script::of(text).capture()], choice, &limits);
        let ladder = &found.ladders[0];
        let frames: Vec<u64> = ladder.messages.iter().map(|sent| sent.frame).collect();
        (frames, ladder.left_out)
    };
    assert_eq!(around(None), (vec![1, 2, 3, 4, 5, 6], (0, 14)));
    assert_eq!(around(Some(2)), (vec![1, 2, 3, 4, 5, 6], (0, 14)));
    assert_eq!(around(Some(10)), (vec![7, 8, 9, 10, 11, 12], (6, 8)));
    assert_eq!(around(Some(20)), (vec![15, 16, 17, 18, 19, 20], (14, 0)));
}

#[test]
fn bytes_are_bounded_and_say_how_many_there_were() {
    let limits = Limits {
        ladder_bytes: 700,
        ..Limits::default()
    };
    let found = gather_with(
        &[Script::of(THROUGH_A_PROXY).capture()],
        calls(&["c1"]),
        &limits,
    );
    let ladder = &found.ladders[0];
    let kept: usize = ladder.messages.iter().map(|sent| sent.bytes.len()).sum();
    assert_eq!(kept, 700);
    assert!(ladder.messages[12].bytes.is_empty() && ladder.messages[12].length > 0);
    assert_eq!(hosts(ladder), ["10.1.0.1", "10.3.0.1", "10.2.0.1"]);
}

#[test]
fn a_signed_invite_has_its_passport_decoded() {
    let ladder = ladder(
        "
host alice 10.1.0.1:5060
host bob 10.2.0.1:5060
call c1
  0.000 alice -> bob INVITE identity attest=B
  1.000 bob -> alice 438
end 60
",
    );
    let identity = &ladder.messages[0].identity[0];
    assert_eq!(identity.payload.as_ref().unwrap()["attest"], "B");
    assert_eq!(identity.header.as_ref().unwrap()["alg"], "ES256");
    assert!(ladder.messages[1].identity.is_empty());
    let json = serde_json::to_value(&ladder).unwrap();
    assert_eq!(json["messages"][0]["identity"][0]["payload"]["attest"], "B");
    assert!(
        json["messages"][0]["message"]
            .as_str()
            .unwrap()
            .starts_with("INVITE sip:")
    );
}

const THROUGH_A_PBX: &str = "
host alice 10.1.0.1:5060
host pbx   10.3.0.1:5060
host bob   10.2.0.1:5060
call c1 from=1000 to=2000
  0.000 alice -> pbx INVITE
  0.010 alice <- pbx 100
  0.600 alice <- pbx 180
  2.010 alice <- pbx 200
  2.050 alice -> pbx ACK
  9.000 alice -> pbx BYE
  9.010 alice <- pbx 200
call c2 from=1000 to=2000
  0.030 pbx -> bob INVITE
  0.500 pbx <- bob 180
  2.000 pbx <- bob 200
  2.001 pbx -> bob ACK
  9.020 pbx -> bob BYE
  9.030 pbx <- bob 200
end 60
";

#[test]
fn a_call_that_a_pbx_sent_on_is_one_ladder_with_a_leg() {
    // Whichever leg is asked for.
    for name in ["c1", "c2"] {
        let found = gather(THROUGH_A_PBX, calls(&[name]));
        assert_eq!(found.legs.len(), 1, "{name}");
        assert_eq!(found.legs[0].of.as_deref(), Some(&b"c1@ladder"[..]));
    }
    let Choice::Calls(both) = calls(&["c1", "c2"]) else {
        unreachable!("it is")
    };
    let legs = gather(THROUGH_A_PBX, calls(&["c1"])).legs;
    let found = gather(THROUGH_A_PBX, Choice::Legs(both, legs));
    assert_eq!(found.ladders.len(), 1);
    let ladder = &found.ladders[0];
    assert_eq!(hosts(ladder), ["10.1.0.1", "10.3.0.1", "10.2.0.1"]);
    assert_eq!(ladder.call_id.0, b"c1@ladder");
    assert_eq!(ladder.legs[0].call_id.0, b"c2@ladder");
    assert_eq!(
        lines(ladder)[..5],
        [
            "1 0>1 INVITE",
            "2 1>0 100",
            "3 1>2 INVITE",
            "4 2>1 180",
            "5 1>0 180"
        ]
    );
    let of_leg = ladder.messages.iter().filter(|sent| sent.leg == Some(1));
    assert_eq!(of_leg.count(), 6);
}

#[test]
fn a_call_that_a_pbx_sent_on_counts_once_over_all_and_on_both_sides_by_peer() {
    let view = gather(THROUGH_A_PBX, calls(&["c1"])).outcome.view;
    assert_eq!((view.totals.calls, view.totals.onward), (2, 1));
    let counted = |scope: &str| {
        let found = view.metrics.iter().filter(|metric| metric.scope == scope);
        let count = |metric: &sipannotate::report::view::Metric| {
            let count = metric.values.get("asr_n").cloned().flatten();
            count.and_then(|count| count.as_u64())
        };
        found.map(count).collect::<Vec<_>>()
    };
    assert_eq!(counted("all"), [Some(1)]);
    assert_eq!(counted("peer"), [Some(1), Some(1)]);
    // Who calls from elsewhere is another caller.
    let other = THROUGH_A_PBX.replace(
        "pbx -> bob INVITE",
        "pbx -> bob INVITE\n  From: <sip:3000@pbx>;tag=9",
    );
    let view = gather(&other, calls(&["c1"])).outcome.view;
    assert_eq!((view.totals.calls, view.totals.onward), (2, 0));
}
