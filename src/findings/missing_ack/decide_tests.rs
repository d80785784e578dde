//! The decision table's test vectors, one row each.

use super::*;
use crate::calls::dialog::Path;

/// All copies that RFC 3261 §13.3.1.4 sends with T1 = 0.5 s.
const FULL: [f64; 11] = [0.0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5];

/// A dialog on a hop where everything was seen for five minutes and ACKs of others passed.
fn facts(copies: &[f64]) -> Facts {
    Facts {
        copies: copies.to_vec(),
        exact: Vec::new(),
        wrong: None,
        bye: None,
        end: 300.0,
        invite: true,
        two_way: true,
        loss: false,
        paused: false,
        gap: false,
        live: false,
        went_on: false,
        path: Path::Pinned,
        stated: false,
        undeliverable: false,
        repeats_after_error: false,
        cancel: None,
        callee_died: false,
        callee_repeats: false,
        peer_t1: None,
        dropped_at_next: false,
        copies_at_next: 0,
        acks_of_others: true,
        rtt: 0.05,
        reliable: false,
    }
}

fn first(count: usize) -> Facts {
    facts(FULL.get(..count).expect("at most eleven"))
}

/// An ACK 50 ms after each of the first `count` copies.
fn each_acked(count: usize, fault: Option<AckFault>) -> Facts {
    let mut facts = first(count);
    facts.exact = facts
        .copies
        .iter()
        .map(|copy| (copy + 0.05, fault))
        .collect();
    facts
}

fn uas_bye(time: f64, facts: Facts) -> Facts {
    Facts {
        bye: Some((time, Side::Uas)),
        ..facts
    }
}

fn check(name: &str, facts: &Facts, verdict: Verdict, qualifiers: &[&str]) {
    let decision = decide(facts);
    assert_eq!(decision.verdict, verdict, "{name}");
    assert_eq!(decision.qualifiers, qualifiers, "{name}");
}

#[test]
fn an_exact_ack_settles_it_unless_the_callee_goes_on() {
    let ack = |time| vec![(time, None)];
    check(
        "at once",
        &Facts {
            exact: ack(0.08),
            ..first(1)
        },
        Verdict::AckOk,
        &[],
    );
    check(
        "after four copies",
        &Facts {
            exact: ack(4.0),
            ..first(4)
        },
        Verdict::AckLate,
        &[],
    );
    check(
        "early ones lost beyond",
        &each_acked(4, None),
        Verdict::AckLate,
        &[],
    );
    check(
        "answered each time, repeated to the end",
        &uas_bye(32.0, each_acked(11, None)),
        Verdict::AckNotHonoured(Standing::Confirmed),
        &[],
    );
    check(
        "not seen on the next hop",
        &Facts {
            dropped_at_next: true,
            ..uas_bye(32.0, each_acked(11, None))
        },
        Verdict::AckDroppedAt,
        &[],
    );
    check(
        "to another target",
        &uas_bye(32.0, each_acked(11, Some(AckFault::Target))),
        Verdict::AckMismatch(AckFault::Target, Standing::Confirmed),
        &[],
    );
    check(
        "at 40 s",
        &Facts {
            exact: ack(40.0),
            ..first(11)
        },
        Verdict::AckAfterTimeout,
        &[],
    );
    check(
        "port unreachable",
        &Facts {
            exact: ack(0.05),
            undeliverable: true,
            ..first(11)
        },
        Verdict::AckUndeliverable,
        &[],
    );
    check(
        "repeated three times more, then the capture ends",
        &Facts {
            exact: ack(0.05),
            end: 8.0,
            ..first(5)
        },
        Verdict::AckNotHonoured(Standing::Probable),
        &[],
    );
}

#[test]
fn an_ack_that_does_not_fit_is_judged_by_what_the_callee_does() {
    let wrong = |fault, facts| Facts {
        wrong: Some(fault),
        ..facts
    };
    check(
        "wrong CSeq, repeated to the end",
        &wrong(AckFault::Cseq, uas_bye(32.0, first(11))),
        Verdict::AckMismatch(AckFault::Cseq, Standing::Confirmed),
        &[],
    );
    check(
        "wrong To tag, callee falls silent",
        &wrong(AckFault::ToTag, first(3)),
        Verdict::AckMismatch(AckFault::ToTag, Standing::Tolerated),
        &[],
    );
    check(
        "wrong To tag, capture ends",
        &wrong(
            AckFault::ToTag,
            Facts {
                end: 0.6,
                ..first(1)
            },
        ),
        Verdict::AckMismatch(AckFault::ToTag, Standing::Probable),
        &[],
    );
    check(
        "wrong CSeq on a reliable transport, one copy",
        &wrong(
            AckFault::Cseq,
            Facts {
                reliable: true,
                ..first(1)
            },
        ),
        Verdict::AckMismatch(AckFault::Cseq, Standing::Probable),
        &[],
    );
}

#[test]
fn repeats_to_the_end_prove_that_no_ack_came() {
    check(
        "callee hangs up",
        &uas_bye(32.0, first(11)),
        Verdict::NoAckConfirmed,
        &[],
    );
    let quarter = [
        0.0, 0.25, 0.75, 1.75, 3.75, 5.75, 7.75, 9.75, 11.75, 13.75, 15.75,
    ];
    check(
        "T1 of 250 ms",
        &uas_bye(16.0, facts(&quarter)),
        Verdict::NoAckConfirmed,
        &[],
    );
    let stated = Facts {
        stated: true,
        ..first(2)
    };
    check(
        "the callee says so",
        &stated,
        Verdict::NoAckConfirmed,
        &["stated"],
    );
}

#[test]
fn whatever_was_not_seen_lowers_the_verdict() {
    let full = uas_bye(32.0, first(11));
    let cases = [
        (
            "one-way",
            Facts {
                two_way: false,
                ..full.clone()
            },
        ),
        (
            "capture-loss",
            Facts {
                loss: true,
                ..full.clone()
            },
        ),
        (
            "capture-starts",
            Facts {
                invite: false,
                ..full
            },
        ),
    ];
    for (qualifier, facts) in cases {
        check(qualifier, &facts, Verdict::NoAckProbable, &[qualifier]);
    }
    let few = facts(&[0.0, 0.5, 1.5, 28.0]);
    check("few copies", &few, Verdict::NoAckProbable, &["few-copies"]);
}

#[test]
fn a_capture_that_ends_early_proves_little() {
    let six = Facts {
        end: 13.0,
        ..first(6)
    };
    check(
        "six copies",
        &six,
        Verdict::NoAckProbable,
        &["capture-ends"],
    );
    let blind = Facts {
        two_way: false,
        ..six
    };
    check(
        "one way",
        &blind,
        Verdict::NoAckProbable,
        &["capture-ends", "one-way"],
    );
    check(
        "three",
        &Facts {
            end: 2.5,
            ..first(3)
        },
        Verdict::Inconclusive,
        &["capture-ends"],
    );
    check(
        "one",
        &Facts {
            end: 10.0,
            ..first(1)
        },
        Verdict::Inconclusive,
        &["capture-ends"],
    );
}

#[test]
fn a_callee_that_falls_silent_had_an_ack() {
    check(
        "two repeats",
        &first(3),
        Verdict::AckNotVisible,
        &["uas-fell-silent"],
    );
    let live = Facts {
        live: true,
        bye: Some((95.0, Side::Uac)),
        ..first(1)
    };
    check(
        "lives on",
        &live,
        Verdict::AckNotVisible,
        &["dialog-lives-on"],
    );
    check(
        "hangs up",
        &uas_bye(9.0, first(1)),
        Verdict::AckNotVisible,
        &["uas-sent-bye"],
    );
    let repeats = Facts {
        callee_repeats: true,
        ..first(1)
    };
    check(
        "repeats elsewhere",
        &repeats,
        Verdict::AckNotVisible,
        &["uas-fell-silent"],
    );
    let bypass = Facts {
        path: Path::Bypass,
        ..first(1)
    };
    check("bypass", &bypass, Verdict::AckNotVisible, &["other-path"]);
}

#[test]
fn one_2xx_and_silence_is_told_only_where_the_ack_had_to_pass() {
    let minute = Facts {
        end: 60.0,
        ..first(1)
    };
    check("pinned", &minute, Verdict::NoAckProbable, &["no-repeats"]);
    for (name, facts) in [
        (
            "unknown path",
            Facts {
                path: Path::Unknown,
                ..minute.clone()
            },
        ),
        (
            "loss",
            Facts {
                loss: true,
                ..minute.clone()
            },
        ),
        (
            "a request inside it answered",
            Facts {
                went_on: true,
                ..minute.clone()
            },
        ),
        (
            "reliable",
            Facts {
                reliable: true,
                ..minute.clone()
            },
        ),
        (
            "no other ACK here",
            Facts {
                acks_of_others: false,
                ..minute.clone()
            },
        ),
    ] {
        check(name, &facts, Verdict::Inconclusive, &["no-repeats"]);
    }
    check(
        "one way",
        &Facts {
            two_way: false,
            ..minute.clone()
        },
        Verdict::Inconclusive,
        &["one-way"],
    );
    check(
        "no INVITE",
        &Facts {
            invite: false,
            ..minute
        },
        Verdict::Inconclusive,
        &["capture-starts"],
    );
}

#[test]
fn who_ends_the_call_tells_more() {
    let tcp = Facts {
        reliable: true,
        ..uas_bye(32.1, first(1))
    };
    check(
        "give-up on TCP",
        &tcp,
        Verdict::NoAckProbable,
        &["give-up-bye"],
    );
    check(
        "give-up where the caller is not seen",
        &Facts {
            two_way: false,
            ..tcp
        },
        Verdict::Inconclusive,
        &["give-up-bye", "one-way"],
    );
    check(
        "callee at 5 s",
        &uas_bye(5.0, first(4)),
        Verdict::NoAckProbable,
        &["ended-early"],
    );
    check(
        "callee at 1 s",
        &uas_bye(1.0, first(2)),
        Verdict::Inconclusive,
        &["ended-early"],
    );
    let uac = |time, facts| Facts {
        bye: Some((time, Side::Uac)),
        ..facts
    };
    check(
        "caller at once",
        &uac(0.3, first(1)),
        Verdict::UacHungUpWithoutAck,
        &[],
    );
    let died = Facts {
        callee_died: true,
        ..uac(20.0, first(1))
    };
    check("callee is gone", &died, Verdict::UasDiedAfter200, &[]);
    let cancelled = Facts {
        cancel: Some(0.4),
        ..first(1)
    };
    check("CANCEL crossed", &cancelled, Verdict::CancelCrossed200, &[]);
}

#[test]
fn t1_is_read_off_the_copies_where_they_double() {
    let t1 = |copies: &[f64]| timing(&facts(copies)).t1;
    assert!((t1(&[0.0, 0.25, 0.75]) - 0.25).abs() < 1e-9);
    assert!((t1(&[0.0, 0.25, 0.5]) - 0.5).abs() < 1e-9);
    assert!((t1(&[0.0, 0.05, 0.15]) - 0.5).abs() < 1e-9);
    assert!((t1(&[0.0, 0.25]) - 0.5).abs() < 1e-9);
}

#[test]
fn a_t1_borrowed_from_other_dialogs_only_lowers() {
    let known = |t1, facts: Facts| Facts {
        peer_t1: Some(t1),
        ..facts
    };
    let tcp = |time| Facts {
        reliable: true,
        ..uas_bye(time, first(1))
    };
    let probable = (Verdict::NoAckProbable, ["give-up-bye"]);
    let alive = (Verdict::AckNotVisible, ["uas-sent-bye"]);
    let unknown = (Verdict::Inconclusive, ["no-repeats"]);
    for (t1, bye, alone, with_it) in [
        // It would have waited for 64 s.
        (1.0, 32.1, probable, alive),
        (0.5, 32.1, probable, probable),
        // It would have given up at 16 s.
        (0.25, 32.1, probable, unknown),
        (0.25, 16.1, alive, unknown),
        (0.25, 9.0, alive, alive),
        (0.5, 9.0, alive, alive),
        // Nothing is made worse of it: other dialogs may have had another T1.
        (1.0, 64.1, unknown, unknown),
    ] {
        let name = format!("T1 {t1}, BYE at {bye}");
        check(&name, &tcp(bye), alone.0, &alone.1);
        check(&name, &known(t1, tcp(bye)), with_it.0, &with_it.1);
    }
    // Its own copies count before those of others.
    check(
        "to the end of its own",
        &known(1.0, uas_bye(32.0, first(11))),
        Verdict::NoAckConfirmed,
        &[],
    );
    // The next copy of a slow callee is not overdue yet.
    let short = Facts {
        end: 1.8,
        ..first(1)
    };
    check("overdue", &short, Verdict::Inconclusive, &["capture-ends"]);
    assert_eq!(timing(&short).repeats, Repeats::Stopped);
    assert_eq!(timing(&known(1.0, short)).repeats, Repeats::Cut);
}

#[test]
fn nobody_is_accused_across_a_pause_of_the_capture() {
    let paused = |end, facts| Facts {
        end,
        paused: true,
        ..facts
    };
    let uac = |time, facts| Facts {
        bye: Some((time, Side::Uac)),
        ..facts
    };
    let gap = |facts| Facts { gap: true, ..facts };
    let unknown = Verdict::Inconclusive;
    for (name, facts) in [
        ("at once", paused(0.2, first(1))),
        ("amid the copies", paused(4.0, first(4))),
        ("before the caller's BYE", paused(0.2, uac(600.0, first(1)))),
        ("before the give-up", paused(20.0, uas_bye(32.1, first(1)))),
        (
            "before the callee's BYE",
            paused(4.0, uas_bye(15.0, first(4))),
        ),
        (
            "before a late ACK",
            gap(Facts {
                exact: vec![(40.0, None)],
                ..first(5)
            }),
        ),
    ] {
        check(name, &facts, unknown, &["capture-gap"]);
    }
    check(
        "after the caller's BYE",
        &paused(100.0, uac(0.3, first(1))),
        Verdict::UacHungUpWithoutAck,
        &[],
    );
    check(
        "after six copies",
        &paused(12.0, first(6)),
        Verdict::NoAckProbable,
        &["capture-gap"],
    );
    check(
        "between copies to the end",
        &gap(first(11)),
        Verdict::NoAckProbable,
        &["capture-gap"],
    );
    check(
        "when all was over",
        &paused(60.0, first(11)),
        Verdict::NoAckConfirmed,
        &[],
    );
}

#[test]
fn a_cancel_that_crossed_says_nothing_where_the_ack_had_no_time_or_was_had() {
    let cancelled = |facts: Facts| Facts {
        cancel: Some(0.4),
        ..facts
    };
    let ends = Facts {
        end: 0.01,
        ..first(1)
    };
    let cut = &["capture-ends"];
    check("at the end", &cancelled(ends), Verdict::Inconclusive, cut);
    let silent = &["uas-fell-silent"];
    let known = Facts {
        callee_repeats: true,
        ..first(1)
    };
    for facts in [first(2), known] {
        check("silent", &cancelled(facts), Verdict::AckNotVisible, silent);
    }
    let repeated = Facts {
        end: 2.0,
        ..first(3)
    };
    let crossed = Verdict::CancelCrossed200;
    check("it repeats", &cancelled(repeated), crossed, &[]);
    check(
        "to the end",
        &cancelled(first(11)),
        Verdict::NoAckConfirmed,
        &[],
    );
}

#[test]
fn a_bye_after_half_a_minute_is_no_sign_where_the_callee_had_stopped_repeating() {
    let lost_beyond = uas_bye(34.0, each_acked(4, None));
    check("ACKs lost", &lost_beyond, Verdict::AckLate, &[]);
    let missed = Facts {
        exact: vec![(0.01, None)],
        dropped_at_next: true,
        ..uas_bye(34.0, first(2))
    };
    check("next hop", &missed, Verdict::AckOk, &[]);
    let silent = &["uas-fell-silent"];
    let known = Facts {
        callee_repeats: true,
        ..first(1)
    };
    for facts in [first(2), known] {
        check(
            "silent",
            &uas_bye(34.0, facts),
            Verdict::AckNotVisible,
            silent,
        );
    }
    let gave_up = &["give-up-bye"];
    for (copies, bye) in [(1, 32.1), (5, 34.0)] {
        let facts = uas_bye(bye, first(copies));
        check("gave up", &facts, Verdict::NoAckProbable, gave_up);
    }
    // Some seconds off, and the time is all there is.
    for bye in [29.0, 31.0, 34.0, 41.0] {
        let open = Facts {
            acks_of_others: false,
            ..uas_bye(bye, first(1))
        };
        let silent = decide(&open);
        assert_ne!(silent.verdict, Verdict::NoAckProbable, "BYE after {bye} s");
    }
}
