//! The context of every response: what the capture adds to a code, word for word, and what it must
//! not add.
//!
//! In: ladders. A test names a response by its label and writes the whole context; `{label}` stands
//! for the frame number of a label.

#[path = "../common/mod.rs"]
mod common;

mod challenges;
mod ended;
mod negotiated;
mod path;
mod reasons;

use common::analysis::{Analysed, Reported};
use common::ladder::Ladder;

/// Caller and callee.
const TWO: &str = "
host alice 10.1.0.1:5060
host bob   10.2.0.1:5060
";

/// A proxy between them, and a second target.
const PROXY: &str = "
host  alice 10.1.0.1:5060
proxy p     10.9.0.1:5060
host  bob   10.2.0.1:5060
host  carol 10.3.0.1:5060
";

/// The response called `label`.
#[track_caller]
fn response(scene: &str, call: &str, label: &str) -> (Reported, Ladder) {
    let ladder = Ladder::of(&[scene, call].concat());
    let analysed = Analysed::of(&ladder);
    (analysed.response(ladder.frame(label)).clone(), ladder)
}

/// Puts frame numbers in place of labels in braces.
fn with_frames(text: &str, ladder: &Ladder) -> String {
    let mut out = String::new();
    for (index, part) in text.split(['{', '}']).enumerate() {
        if index % 2 == 0 {
            out += part;
        } else {
            out += &ladder.frame(part).to_string();
        }
    }
    out
}

/// Compares the context of each response with what is expected.
#[track_caller]
fn check(scene: &str, call: &str, expected: &[(&str, &str)]) {
    let ladder = Ladder::of(&[scene, call].concat());
    let analysed = Analysed::of(&ladder);
    for (label, context) in expected {
        let found = analysed.response(ladder.frame(label));
        assert_eq!(
            found.context,
            with_frames(context, &ladder),
            "{label}, frame {}",
            found.frame
        );
    }
}

/// Compares what is to be done about each response with what is expected.
#[track_caller]
fn check_remediation(scene: &str, call: &str, expected: &[(&str, &str)]) {
    let ladder = Ladder::of(&[scene, call].concat());
    let analysed = Analysed::of(&ladder);
    for (label, remediation) in expected {
        let found = analysed.response(ladder.frame(label));
        assert_eq!(
            found.remediation,
            with_frames(remediation, &ladder),
            "{label}"
        );
    }
}

/// Whether nothing is said to be needed.
#[track_caller]
fn is_unneeded(scene: &str, call: &str, label: &str) -> bool {
    let (found, _) = response(scene, call, label);
    let starts = ["Nothing to do: ", "Nothing to do for this call: "];
    starts
        .iter()
        .any(|start| found.remediation.starts_with(start))
}

#[test]
fn an_ordinary_answer_has_no_context() {
    check(
        TWO,
        "
call c1
  0.0 alice -> bob INVITE
  0.1 alice <- bob 100 as trying
  0.2 alice <- bob 180 as ringing
  1.0 alice <- bob 200 as ok
  1.1 alice -> bob ACK as ack
  9.0 alice -> bob BYE
  9.1 alice <- bob 200 as bye
end 60
",
        &[
            ("trying", ""),
            ("ringing", ""),
            ("ok", "ACK in frame {ack} after 100 ms"),
            ("bye", ""),
        ],
    );
}

#[test]
fn a_repeat_names_its_first_copy_and_what_to_do_stands_there() {
    let call = "
call c1
  0.0 alice -> bob INVITE
  1.0 alice <- bob 486 as busy
  repeat busy 0.5
  1.6 alice -> bob ACK
end 60
";
    let ladder = Ladder::of(&[TWO, call].concat());
    let analysed = Analysed::of(&ladder);
    let frames = ladder.frames("busy");
    let repeat = analysed.response(frames[1]);
    assert_eq!(repeat.context, format!("first sent in frame {}", frames[0]));
    assert_eq!(repeat.remediation, "As for the frame that it repeats.");
}

#[test]
fn a_repeated_provisional_response_names_its_first_copy() {
    let call = "
call c1
  0.0 alice -> bob INVITE
  0.1 alice <- bob 100 as trying
  0.2 alice <- bob 180 as ringing
  repeat trying 0.05
  repeat ringing 60 120
  200 alice <- bob 486
  200.1 alice -> bob ACK
end 260
";
    let ladder = Ladder::of(&[TWO, call].concat());
    let analysed = Analysed::of(&ladder);
    for label in ["trying", "ringing"] {
        let frames = ladder.frames(label);
        for repeat in &frames[1..] {
            let repeat = analysed.response(*repeat);
            assert_eq!(repeat.context, format!("first sent in frame {}", frames[0]));
        }
    }
}

#[test]
fn of_two_ringing_devices_the_first_copy_is_not_guessed() {
    let call = "
call c1
  0.0 alice -> bob INVITE
  0.2 alice <- bob 180 to-tag=one
  0.3 alice <- bob 180 to-tag=two as second
  repeat second 30
end 60
";
    let ladder = Ladder::of(&[TWO, call].concat());
    let analysed = Analysed::of(&ladder);
    let repeat = analysed.response(ladder.frames("second")[1]);
    assert_eq!((repeat.retransmission, repeat.context.as_str()), (true, ""));
}
