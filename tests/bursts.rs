//! Bursts of 438, end to end: from the bytes of a capture to the finding.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "test support beside the tests; what is not there fails the test"
)]

mod common;

use common::analysis::{Analysed, analyse};
use common::ladder::Ladder;
use common::pcap::{self, Record};
use sipannotate::pipeline::Options;
use sipannotate::report::view::{Finding, Time};
use sipannotate::units::NANOS_PER_SEC;

const TWO: &str = "
host alice 10.1.0.1:5060
host bob   10.2.0.1:5060
";

/// `times` calls from `at` on, each refused or passed by `answer`.
fn calls(name: &str, at: f64, times: usize, every: f64, answer: &str) -> String {
    let end = if answer == "200" {
        ""
    } else {
        "  0.02 alice -> bob ACK\n"
    };
    let ack = if answer == "200" {
        "  0.02 alice -> bob ACK\n  0.03 alice -> bob BYE\n  0.04 alice <- bob 200\n"
    } else {
        ""
    };
    format!(
        "call {name} at {at} times {times} every {every}
  0.0 alice -> bob INVITE
  0.01 alice <- bob {answer}
{end}{ack}"
    )
}

fn of(texts: &[&str]) -> Analysed {
    Analysed::of(&Ladder::of(&texts.concat()))
}

/// Seconds from the start of the ladder's day to a time of a finding.
fn seconds(time: Option<&Time>, ladder: &Ladder) -> f64 {
    let first = ladder.records(&ladder.options)[0].time_ns;
    let first = i64::try_from(first).expect("in range");
    #[expect(clippy::cast_precision_loss, reason = "some thousand seconds")]
    let gone = (time.expect("a time").0.nanos() - first) as f64;
    #[expect(clippy::cast_precision_loss, reason = "a billion")]
    let second = NANOS_PER_SEC as f64;
    gone / second
}

/// Bursts of 438, a line each; that calls are refused at all is another rule's.
fn bursts(analysed: &Analysed) -> Vec<String> {
    let lines = analysed.accusations().into_iter();
    lines
        .filter(|line| line.starts_with("identity-burst"))
        .collect()
}

fn burst(analysed: &Analysed) -> (&Finding, &sipannotate::report::view::Burst) {
    let all = analysed.view.findings.iter();
    let found: Vec<_> = all.filter(|one| one.rule == "identity-burst").collect();
    let [finding] = found[..] else {
        panic!("one burst, not {found:?}");
    };
    (finding, finding.burst.as_ref().expect("facts of a burst"))
}

/// The worked example of the detector: one final a second for two hours, three lone 438s, thirty
/// of them every other second from 3600 on, and three stragglers.
fn worked_example() -> Ladder {
    let refused: Vec<u32> = [600, 1800, 3000]
        .into_iter()
        .chain((3600..3659).step_by(2))
        .chain([3670, 3690, 3720])
        .collect();
    let mut text = TWO.to_owned();
    let mut second = 0;
    // The ladder keeps no state between calls; each second is a call.
    while second < 7200 {
        let answer = if refused.contains(&second) {
            "438"
        } else {
            "486"
        };
        text.push_str(&calls(
            &format!("s{second}"),
            f64::from(second),
            1,
            1.0,
            answer,
        ));
        second += 1;
    }
    Ladder::of(&text)
}

#[test]
fn the_worked_example_is_one_burst_of_33_in_121() {
    let ladder = worked_example();
    let analysed = Analysed::of(&ladder);
    let bursts: Vec<_> = analysed
        .view
        .findings
        .iter()
        .filter(|finding| finding.rule == "identity-burst")
        .collect();
    assert_eq!(bursts.len(), 1);
    let finding = bursts[0];
    let facts = finding.burst.as_ref().expect("facts of a burst");
    assert_eq!(
        (finding.count, facts.attempts, facts.distinct_calls),
        (33, 121, 33)
    );
    assert!((facts.share - 33.0 / 121.0).abs() < 1e-9);
    assert!((seconds(finding.start.as_ref(), &ladder) - 3600.01).abs() < 0.001);
    assert!((seconds(finding.end.as_ref(), &ladder) - 3720.01).abs() < 0.001);
    assert!((facts.peak_per_minute - 30.0).abs() < 1e-9);
    let baseline = facts.baseline_per_minute.expect("a baseline");
    assert!((baseline - 0.0592).abs() < 0.0005, "{baseline}");
    assert!(!facts.open);
    assert_eq!(finding.severity.name(), "error", "more than a fifth");
    assert_eq!(finding.calls.len(), 33);
}

#[test]
fn a_trunk_whose_every_call_is_refused_beside_passing_ones_is_critical() {
    let other = "
host carol 10.3.0.1:5060
host dave  10.4.0.1:5060
";
    let passing = calls("pass", 0.0, 600, 1.0, "200")
        .replace("alice", "carol")
        .replace("bob", "dave");
    let refused = calls("no", 400.0, 25, 2.0, "438");
    let analysed = of(&[TWO, other, &passing, &refused]);
    let (finding, facts) = burst(&analysed);
    assert_eq!(finding.severity.name(), "critical");
    assert_eq!((finding.count, facts.distinct_calls), (25, 25));
    assert_eq!(finding.peers.len(), 1, "{:?}", finding.peers);
    assert_eq!(finding.peers[0].peer, "10.1.0.1 → 10.2.0.1");
    assert_eq!(finding.peers[0].count, 25);
}

#[test]
fn steady_noise_is_no_burst() {
    let analysed = of(&[
        TWO,
        &calls("pass", 0.0, 3600, 1.0, "200"),
        &calls("no", 7.0, 120, 30.0, "438"),
    ]);
    assert_eq!(bursts(&analysed), [""; 0]);
}

#[test]
fn growth_of_traffic_at_an_equal_share_is_no_burst() {
    // One in fifty is refused, before and after the traffic grows tenfold.
    let analysed = of(&[
        TWO,
        &calls("pass", 0.0, 1200, 1.0, "200"),
        &calls("no", 7.0, 24, 50.0, "438"),
        &calls("more", 1200.0, 3000, 0.1, "200"),
        &calls("nomore", 1203.0, 60, 5.0, "438"),
    ]);
    assert_eq!(bursts(&analysed), [""; 0]);
}

/// Calls of which each is refused eight times, among others that pass.
fn storm(of_calls: u32) -> String {
    let mut text = TWO.to_owned();
    text.push_str(&calls("pass", 0.0, 400, 1.0, "200"));
    for call in 0..of_calls {
        let head = format!("call storm{call} at {}\n", 400 + call);
        text.push_str(&head);
        for attempt in 0..8 {
            let round = format!(
                "  {0}.0 alice -> bob INVITE from-tag=t{1}\n  {0}.1 alice <- bob 438\n  {0}.2 alice -> bob ACK\n",
                attempt * 5,
                attempt + 1
            );
            text.push_str(&round);
        }
    }
    text.push_str(&calls("after", 440.0, 200, 1.0, "200"));
    text
}

#[test]
fn one_call_tried_again_and_again_is_told_as_one() {
    let analysed = of(&[&storm(1)]);
    let (finding, _) = burst(&analysed);
    assert!(
        finding.title.ends_with("; 1 call, tried 8 times"),
        "{}",
        finding.title
    );
}

#[test]
fn few_calls_tried_again_and_again_are_told_as_few_calls() {
    let analysed = of(&[&storm(4)]);
    let (finding, facts) = burst(&analysed);
    assert_eq!((finding.count, facts.distinct_calls), (32, 4));
    let detail = finding.detail.as_deref().unwrap_or("");
    assert!(
        detail.contains("They are 4 calls") && detail.contains("each was tried 8 times"),
        "{detail}"
    );
    assert!(facts.storm_of_few_calls && (facts.attempts_per_call - 8.0).abs() < 1e-9);
    assert_eq!(finding.severity.name(), "warning", "no failure of many");
    assert!(
        finding.title.ends_with("; 4 calls, tried 8 times each"),
        "{}",
        finding.title
    );
}

/// The lines of a call centre, which all show one number, dial again and again, and each call is refused after a
/// second.
fn call_centre(number: impl Fn(u32) -> u32) -> String {
    let mut text = TWO.to_owned();
    text.push_str(&calls("pass", 0.0, 600, 1.0, "200"));
    for no in 0..60_u32 {
        let call = format!(
            "call centre{no} from=+12155550000 to=+1777123{:04} at {}
  0.0 alice -> bob INVITE
  1.0 alice <- bob 438
  1.1 alice -> bob ACK
",
            number(no),
            400.0 + f64::from(no) * 0.4
        );
        text.push_str(&call);
    }
    text
}

#[test]
fn a_call_centre_that_dials_many_numbers_or_one_on_many_lines_is_no_storm_of_few_calls() {
    let numbers: [fn(u32) -> u32; 2] = [|no| no, |_| 42];
    for number in numbers {
        let analysed = of(&[&call_centre(number)]);
        let (finding, facts) = burst(&analysed);
        assert_eq!((finding.count, facts.storm_of_few_calls), (60, false));
        assert_eq!(facts.distinct_calls, 60);
    }
}

#[test]
fn a_438_relayed_over_two_hops_and_repeated_counts_once() {
    let analysed = of(&["
host  alice 10.1.0.1:5060
proxy p     10.9.0.1:5060
host  bob   10.2.0.1:5060
call no times 10 every 2
  0.00 alice -> p INVITE
  0.01 p -> bob INVITE
  0.10 bob -> p 438 as b
  repeat b 0.5 1.5
  0.11 p -> alice 438 as a
  repeat a 0.5
  0.9 alice -> p ACK for a
  1.9 p -> bob ACK for b
end 400
"]);
    let (finding, facts) = burst(&analysed);
    assert_eq!((finding.count, facts.attempts), (10, 10));
    assert_eq!(analysed.counts(438), (10, 30));
    assert_eq!(finding.peers[0].peer, "10.1.0.1 → 10.9.0.1");
}

#[test]
fn a_refused_re_invite_is_no_attempt() {
    let analysed = of(&[
        TWO,
        "
call c times 10 every 2
  0.0 alice -> bob INVITE
  0.1 alice <- bob 200
  0.2 alice -> bob ACK
  0.5 alice -> bob INVITE
  0.6 alice <- bob 438
  0.7 alice -> bob ACK
  1.0 alice -> bob BYE
  1.1 alice <- bob 200
end 400
",
    ]);
    assert_eq!(bursts(&analysed), [""; 0]);
    assert_eq!(analysed.counts(438), (10, 0));
}

#[test]
fn a_challenged_attempt_is_one_attempt() {
    let analysed = of(&[
        TWO,
        "
call c times 10 every 2
  0.0 alice -> bob INVITE
  0.1 alice <- bob 407
  0.2 alice -> bob ACK
  0.3 alice -> bob INVITE
  Proxy-Authorization: Digest username=\"a\"
  0.4 alice <- bob 438
  0.5 alice -> bob ACK
end 400
",
    ]);
    let (finding, facts) = burst(&analysed);
    assert_eq!((finding.count, facts.attempts), (10, 10));
    assert_eq!(analysed.view.totals.invites, 10);
}

#[test]
fn a_burst_at_the_end_of_the_capture_is_open_and_one_before_it_is_not() {
    let no = calls("no", 400.0, 10, 2.0, "438");
    let pass = calls("pass", 0.0, 450, 1.0, "200");
    for (end, open) in [("end 460\n", true), ("end 700\n", false)] {
        let analysed = of(&[TWO, &pass, &no, end]);
        assert_eq!(burst(&analysed).1.open, open, "{end}");
    }
}

#[test]
fn without_five_minutes_of_before_there_is_no_baseline_and_a_fifth_must_fail() {
    let no = calls("no", 30.0, 8, 2.0, "438");
    let analysed = of(&[TWO, &no, "end 400\n"]);
    let facts = burst(&analysed).1;
    assert_eq!(facts.baseline_per_minute, None);
    assert_eq!(facts.baseline.as_deref(), Some("none"));
    let busy = calls("pass", 0.0, 600, 0.1, "200");
    assert_eq!(
        bursts(&of(&[TWO, &no, &busy, "end 400\n"])),
        [""; 0],
        "eight in two hundred"
    );
}

#[test]
fn four_refusals_are_no_burst() {
    let no = calls("no", 400.0, 4, 1.0, "438");
    assert_eq!(bursts(&of(&[TWO, &no, "end 900\n"])), [""; 0]);
}

#[test]
fn tap_copies_make_no_burst_bigger() {
    let text = [TWO, &calls("no", 400.0, 10, 2.0, "438"), "end 900\n"].concat();
    let analysed = Analysed::mirrored(&Ladder::of(&text));
    assert_eq!(burst(&analysed).0.count, 10);
}

/// Ten minutes of a call a second, of which every eighth is refused with `code`.
fn steady(name: &str, code: &str) -> Ladder {
    let text = [
        TWO,
        &calls(&format!("{name}-pass"), 0.0, 600, 1.0, "200"),
        &calls(&format!("{name}-no"), 0.5, 75, 8.0, code),
    ];
    Ladder::of(&text.concat())
}

/// Its frames, so many seconds later.
fn later(ladder: &Ladder, seconds: i64) -> Vec<Record> {
    let mut records = ladder.records(&ladder.options);
    for record in &mut records {
        let time = i64::try_from(record.time_ns).expect("in range") + seconds * 1_000_000_000;
        record.time_ns = u64::try_from(time).expect("after 1970");
    }
    records
}

/// What is found in captures made of frames.
fn of_records(captures: &[Vec<Record>]) -> Analysed {
    let write = |records: &Vec<Record>| pcap::write(records, &pcap::Options::default());
    let files: Vec<_> = captures.iter().map(write).collect();
    let files: Vec<&[u8]> = files.iter().map(Vec::as_slice).collect();
    analyse(&files, &Options::default())
}

#[test]
fn steady_refusals_are_no_burst_behind_a_pause_between_two_files() {
    for code in ["486", "438"] {
        let (one, two) = (steady("one", code), steady("two", code));
        for pause in [3500, 7200] {
            let analysed = of_records(&[later(&one, 0), later(&two, 600 + pause)]);
            let lines = analysed.accusations().into_iter();
            let found: Vec<_> = lines.filter(|line| line.contains("burst")).collect();
            assert_eq!(found, [""; 0], "{code} and a pause of {pause} s");
        }
    }
}

#[test]
fn steady_refusals_are_no_burst_behind_a_time_without_any_packet() {
    let (one, two) = (steady("one", "486"), steady("two", "486"));
    let mut records = later(&one, 0);
    records.extend(later(&two, 600 + 3500));
    let analysed = of_records(&[records]);
    assert_eq!(analysed.accusations(), [""; 0]);
}

#[test]
fn steady_refusals_are_no_burst_where_the_clock_steps() {
    let (one, two) = (steady("one", "486"), steady("two", "486"));
    for step in [-100, -5000, 90_000] {
        let mut records = later(&one, 0);
        records.extend(later(&two, 600 + step));
        let analysed = of_records(&[records]);
        assert!(analysed.says("time-step"), "{step}");
        let lines = analysed.accusations().into_iter();
        let found: Vec<_> = lines.filter(|line| line.contains("burst")).collect();
        assert_eq!(found, [""; 0], "{step}");
    }
}

#[test]
fn a_burst_behind_a_step_of_the_clock_has_the_times_of_the_capture_and_its_length() {
    let text = [
        TWO,
        &calls("pass", 0.0, 600, 1.0, "200"),
        &calls("no", 20.5, 30, 2.0, "503"),
    ];
    let ladder = Ladder::of(&text.concat());
    let quiet = Ladder::of(&[TWO, &calls("early", 0.0, 600, 1.0, "200")].concat());
    let mut records = later(&quiet, 0);
    records.extend(later(&ladder, 500));
    let analysed = of_records(&[records]);
    assert!(analysed.says("time-step"));
    let found = analysed.finding_of("response-burst");
    assert_eq!(
        found.title,
        "Burst of 503 Service Unavailable: 30 of 88 INVITEs refused in 58.0 s"
    );
    assert!((seconds(found.start.as_ref(), &ladder) - 520.51).abs() < 0.001);
    assert!((seconds(found.end.as_ref(), &ladder) - 578.51).abs() < 0.001);
}

#[test]
fn an_open_burst_says_what_followed_and_a_rate_that_was_never_seen_is_none() {
    let analysed = of(&[
        TWO,
        &calls("before", 0.0, 300, 2.0, "486"),
        &calls("refused", 600.0, 40, 2.0, "438"),
        &calls("after", 680.0, 40, 2.0, "486"),
    ]);
    let (finding, facts) = burst(&analysed);
    assert!(facts.open);
    let followed = facts.followed.expect("the capture went on");
    assert_eq!((followed.attempts, followed.refused), (40, 0));
    assert!((followed.seconds - 80.0).abs() < 1.0, "{followed:?}");
    assert_eq!(facts.baseline_count, Some(0));
    let detail = finding.detail.as_deref().expect("words");
    // In UTC and with its date: a sentence does not know the zone of the rest.
    assert!(
        detail.contains(" UTC; none in the 9 min before."),
        "{detail}"
    );
    assert!(!detail.contains("is usual"), "{detail}");
    // Of a cause that is not known nothing is compared with it.
    assert!(!detail.contains("more calls came"), "{detail}");
}
