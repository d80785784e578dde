//! The catalogue's data is complete and consistent, and lookups do what they promise.

use super::load::same_phrase;
use super::*;
use crate::units::StatusCode;

fn code(raw: u16) -> StatusCode {
    StatusCode::new(raw).unwrap()
}

/// Code, phrase and RFC of all 75 codes IANA registers, as of 2026-01-07.
const REGISTERED: &[(u16, &str, u16)] = &[
    (100, "Trying", 3261),
    (180, "Ringing", 3261),
    (181, "Call Is Being Forwarded", 3261),
    (182, "Queued", 3261),
    (183, "Session Progress", 3261),
    (199, "Early Dialog Terminated", 6228),
    (200, "OK", 3261),
    (202, "Accepted", 6665),
    (204, "No Notification", 5839),
    (300, "Multiple Choices", 3261),
    (301, "Moved Permanently", 3261),
    (302, "Moved Temporarily", 3261),
    (305, "Use Proxy", 3261),
    (380, "Alternative Service", 3261),
    (400, "Bad Request", 3261),
    (401, "Unauthorized", 3261),
    (402, "Payment Required", 3261),
    (403, "Forbidden", 3261),
    (404, "Not Found", 3261),
    (405, "Method Not Allowed", 3261),
    (406, "Not Acceptable", 3261),
    (407, "Proxy Authentication Required", 3261),
    (408, "Request Timeout", 3261),
    (410, "Gone", 3261),
    (412, "Conditional Request Failed", 3903),
    (413, "Request Entity Too Large", 3261),
    (414, "Request-URI Too Long", 3261),
    (415, "Unsupported Media Type", 3261),
    (416, "Unsupported URI Scheme", 3261),
    (417, "Unknown Resource-Priority", 4412),
    (420, "Bad Extension", 3261),
    (421, "Extension Required", 3261),
    (422, "Session Interval Too Small", 4028),
    (423, "Interval Too Brief", 3261),
    (424, "Bad Location Information", 6442),
    (425, "Bad Alert Message", 8876),
    (428, "Use Identity Header", 8224),
    (429, "Provide Referrer Identity", 3892),
    (430, "Flow Failed", 5626),
    (433, "Anonymity Disallowed", 5079),
    (436, "Bad Identity Info", 8224),
    (437, "Unsupported Credential", 8224),
    (438, "Invalid Identity Header", 8224),
    (439, "First Hop Lacks Outbound Support", 5626),
    (440, "Max-Breadth Exceeded", 5393),
    (469, "Bad Info Package", 6086),
    (470, "Consent Needed", 5360),
    (480, "Temporarily Unavailable", 3261),
    (481, "Call/Transaction Does Not Exist", 3261),
    (482, "Loop Detected", 3261),
    (483, "Too Many Hops", 3261),
    (484, "Address Incomplete", 3261),
    (485, "Ambiguous", 3261),
    (486, "Busy Here", 3261),
    (487, "Request Terminated", 3261),
    (488, "Not Acceptable Here", 3261),
    (489, "Bad Event", 6665),
    (491, "Request Pending", 3261),
    (493, "Undecipherable", 3261),
    (494, "Security Agreement Required", 3329),
    (500, "Server Internal Error", 3261),
    (501, "Not Implemented", 3261),
    (502, "Bad Gateway", 3261),
    (503, "Service Unavailable", 3261),
    (504, "Server Time-out", 3261),
    (505, "Version Not Supported", 3261),
    (513, "Message Too Large", 3261),
    (555, "Push Notification Service Not Supported", 8599),
    (580, "Precondition Failure", 3312),
    (600, "Busy Everywhere", 3261),
    (603, "Decline", 3261),
    (604, "Does Not Exist Anywhere", 3261),
    (606, "Not Acceptable", 3261),
    (607, "Unwanted", 8197),
    (608, "Rejected", 8688),
];

#[test]
fn every_registered_code_is_present_once_with_phrase_and_rfc() {
    let ours: Vec<(u16, &str, String)> = catalogue()
        .iter()
        .filter(|entry| entry.is_registered())
        .map(|entry| {
            let rfc = entry.rfc.clone().unwrap();
            (entry.code.get(), entry.phrase.as_str(), rfc)
        })
        .collect();
    let iana: Vec<(u16, &str, String)> = REGISTERED
        .iter()
        .map(|&(code, phrase, rfc)| (code, phrase, format!("RFC {rfc}")))
        .collect();
    assert_eq!(ours, iana);
}

#[test]
fn classes_hold_as_many_codes_as_the_registry() {
    let count = |class| {
        catalogue()
            .iter()
            .filter(|entry| entry.is_registered() && Class::of(entry.code) == class)
            .count()
    };
    assert_eq!(Class::ALL.map(count), [6, 3, 5, 46, 9, 6]);
}

#[test]
fn no_code_or_variant_stands_twice() {
    let entries: Vec<_> = catalogue().iter().collect();
    assert!(entries.windows(2).all(|w| w[0].code < w[1].code));
    for entry in entries {
        let variants = catalogue().variants(entry.code);
        for (at, variant) in variants.iter().enumerate() {
            let name = variant.phrase.as_bytes();
            assert!(
                !variant.phrase.eq_ignore_ascii_case(&entry.phrase),
                "{}",
                variant.phrase
            );
            assert!(
                !variants[..at]
                    .iter()
                    .any(|v| same_phrase(name, v.phrase.as_bytes()))
            );
        }
    }
}

/// Every sentence of the data, with what it belongs to.
fn sentences() -> Vec<(String, String)> {
    let mut all = Vec::new();
    let mut add = |of: String, texts: &[&str], lists: [&[String]; 2]| {
        let lists = lists.into_iter().flatten().map(String::as_str);
        for text in texts.iter().copied().chain(lists) {
            all.push((of.clone(), text.to_owned()));
        }
    };
    for e in catalogue().iter() {
        let texts = [
            e.meaning.as_str(),
            &e.short_fix,
            &e.choose,
            e.dialog_effect(),
            e.legacy.as_deref().unwrap_or("Nothing."),
        ];
        add(e.code.to_string(), &texts, [&e.when, &e.fix]);
        for v in catalogue().variants(e.code) {
            add(
                v.phrase.clone(),
                &[&v.meaning, &v.short_fix],
                [&v.when, &v.fix],
            );
        }
    }
    for class in Class::ALL {
        let digits = class.pattern().replace("xx", "98");
        let unknown = code(digits.parse().unwrap());
        let f = catalogue().entry(unknown, None).fallback.unwrap();
        add(
            class.pattern().to_owned(),
            &[&f.meaning, &f.short_fix],
            [&f.when, &f.fix],
        );
    }
    for group in catalogue().groups() {
        add(
            format!("{:?}", group.codes),
            &[&group.difference],
            [&[], &[]],
        );
    }
    for cause in catalogue()
        .q850_causes()
        .iter()
        .chain(catalogue().warnings())
    {
        add(cause.name.clone(), &[&cause.fix], [&[], &[]]);
    }
    all
}

#[test]
fn texts_are_full_sentences_without_notes_to_ourselves() {
    for (of, text) in sentences() {
        for foreign in [
            "DOMAIN",
            "unconfirmed",
            "section ",
            "TODO",
            "  ",
            "\n",
            "[",
            "RFC3",
            "RFC8",
        ] {
            assert!(!text.contains(foreign), "{of}: {foreign:?} in {text:?}");
        }
        assert!(text.ends_with('.') || text.ends_with(')'), "{of}: {text:?}");
        assert!(text.len() > 7, "{of}: {text:?}");
    }
}

#[test]
fn every_record_says_what_to_do_and_briefly_too() {
    let short = |of: &str, short: &str| {
        assert!((10..=90).contains(&short.chars().count()), "{of}: {short}");
    };
    for entry in catalogue().iter() {
        assert!(
            !entry.fix.is_empty() && !entry.when.is_empty(),
            "{}",
            entry.code
        );
        short(&entry.phrase, &entry.short_fix);
        for variant in catalogue().variants(entry.code) {
            assert!(!variant.fix.is_empty() && !variant.when.is_empty());
            short(&variant.phrase, &variant.short_fix);
        }
    }
    for raw in [198, 298, 398, 498, 598, 698] {
        short("fallback", catalogue().entry(code(raw), None).short_fix());
    }
}

#[test]
fn references_have_one_form_and_a_title() {
    for entry in catalogue().iter() {
        assert_eq!(
            entry.rfc.is_none(),
            entry.source.is_some(),
            "{}",
            entry.code
        );
        for rfc in entry.rfc.iter().chain(&entry.read_on) {
            assert!(
                catalogue().rfc_title(rfc).is_some(),
                "{}: {rfc}",
                entry.code
            );
        }
        if let Some(section) = &entry.section {
            let number = section.strip_prefix('§').unwrap();
            assert!(
                number.split('.').all(|part| part.parse::<u8>().is_ok()),
                "{section}"
            );
        }
    }
}

#[test]
fn confusable_codes_exist() {
    for group in catalogue().groups() {
        assert!(group.codes.len() >= 2);
        for &raw in &group.codes {
            assert!(catalogue().known(code(raw)).is_some(), "{raw}");
        }
    }
}

#[test]
fn phrase_narrows_the_meaning_and_keeps_the_code() {
    let check = |raw: u16, phrase: &str, variant: Option<&str>| {
        let explained = catalogue().entry(code(raw), Some(phrase.as_bytes()));
        assert_eq!(explained.code.get(), raw);
        assert_eq!(explained.entry.code.get(), raw);
        assert_eq!(
            explained.variant.map(|v| v.phrase.as_str()),
            variant,
            "{raw} {phrase}"
        );
    };
    check(403, "Stale Date", Some("Stale Date"));
    check(403, "stale  DATE", Some("Stale Date"));
    check(436, "Bad Identity Info", None);
    check(438, "invalid passport", Some("Invalid PASSporT"));
    check(438, "Stale Date", None);
    check(603, "Network-Blocked", Some("Network Blocked"));
    check(200, "Network Blocked", None);
    check(438, "", None);
}

#[test]
fn old_phrase_of_436_is_told_from_the_registered_one_by_its_hyphen() {
    let old = catalogue().entry(code(436), Some(b"bad identity-info"));
    assert_eq!(old.variant.unwrap().source, "RFC 4474");
    assert!(
        old.entry
            .legacy
            .as_deref()
            .unwrap()
            .contains("Bad Identity-Info")
    );
}

#[test]
fn unknown_code_falls_back_to_its_class() {
    let check = |raw: u16, treat_as: u16| {
        let explained = catalogue().entry(code(raw), None);
        assert_eq!(explained.entry.code.get(), treat_as);
        assert_eq!(explained.rfc(), None);
        assert_eq!(explained.phrase(), None);
        assert!(explained.meaning().contains(&treat_as.to_string()), "{raw}");
    };
    check(101, 183);
    check(299, 200);
    check(399, 300);
    check(499, 400);
    check(599, 500);
    check(699, 600);
}

#[test]
fn every_code_has_an_explanation() {
    for raw in 100..=699 {
        let explained = catalogue().entry(code(raw), Some(b"\xff\x00"));
        assert!(!explained.meaning().is_empty() && !explained.remediation().is_empty());
        assert!(!explained.when().is_empty() && explained.variant.is_none());
    }
}

#[test]
fn entry_of_438_has_both_senses() {
    let entry = catalogue().known(code(438)).unwrap();
    assert!(entry.meaning.contains("PASSporT"));
    assert!(entry.legacy.as_deref().unwrap().contains("digest-string"));
}

#[test]
fn comparison_is_symmetric_and_never_empty() {
    let all: Vec<StatusCode> = catalogue().iter().map(|e| e.code).collect();
    for &a in &all {
        for &b in &all {
            let (ab, ba) = (
                catalogue().compare(a, b, Lang::En),
                catalogue().compare(b, a, Lang::En),
            );
            assert!(!ab.summary.is_empty());
            assert_eq!(ab.choose_left, ba.choose_right);
            assert_eq!(ab.differences.len(), ba.differences.len());
            assert_eq!(
                a == b,
                ab.differences.is_empty() && ab.choose_left == ab.choose_right
            );
        }
    }
    assert!(
        catalogue()
            .compare(code(200), code(438), Lang::En)
            .hand_written
    );
}

#[test]
fn causes_are_ascending_and_known() {
    for list in [catalogue().q850_causes(), catalogue().warnings()] {
        assert!(list.windows(2).all(|w| w[0].number < w[1].number));
    }
    assert_eq!(catalogue().q850(21).unwrap().sip, Some(403));
    assert_eq!(catalogue().warnings().len(), 15);
    let protocols: usize = catalogue()
        .reason_protocols()
        .iter()
        .map(|r| r.protocols.len())
        .sum();
    assert_eq!(protocols, 22);
}

#[test]
fn labels_are_translated() {
    for label in Label::ALL {
        assert!(!label.text(Lang::En).is_empty());
        assert!(!label.text(Lang::Zh).is_ascii(), "{label:?}");
    }
}

#[test]
fn pairs_that_people_confuse_have_a_sentence_of_their_own() {
    for group in [
        &[200, 438][..],
        &[401, 407],
        &[403, 603],
        &[404, 604, 410],
        &[408, 480, 487],
        &[436, 437, 438, 428],
        &[480, 486, 600, 603],
        &[502, 503, 504, 500],
        &[607, 608, 603],
        &[301, 302],
        &[180, 183],
        &[488, 606],
        &[481, 408],
        &[483, 482],
        &[202, 200],
    ] {
        for (&a, &b) in group.iter().zip(&group[1..]) {
            assert!(
                catalogue().compare(code(a), code(b), Lang::En).hand_written,
                "{a} {b}"
            );
        }
    }
}

#[test]
fn comparison_says_nothing_specific_of_an_unknown_code() {
    let comparison = catalogue().compare(code(486), code(699), Lang::En);
    let sent_by = comparison
        .differences
        .iter()
        .find(|d| d.label == Label::SentBy)
        .unwrap();
    assert_eq!(sent_by.right, "-");
}
