//! The pages as printed, and what the user's words mean.

use super::page::columns;
use super::*;
use crate::catalogue::catalogue;
use crate::units::StatusCode;

const TOPICS: &[Topic<'static>] = &[Topic {
    name: "missing-ack",
    kind: "rule",
    summary: "A 2xx to INVITE that no ACK confirms.",
    sections: &[(
        "What it sees",
        "The callee repeats its 200.\n\nIt gives up after 32 s.",
    )],
}];

fn layout(width: usize, lang: Lang) -> Layout {
    Layout {
        width,
        color: false,
        lang,
    }
}

fn explain(what: &str, layout: &Layout) -> String {
    let mut out = Vec::new();
    write_subjects(&resolve(what, TOPICS).unwrap(), layout, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn compare(a: u16, b: u16, layout: &Layout) -> String {
    let mut out = Vec::new();
    let [a, b] = [a, b].map(|raw| StatusCode::new(raw).unwrap());
    write_comparison(a, b, layout, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn table(words: &[&str], width: usize) -> String {
    let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
    let mut out = Vec::new();
    write_table(&select(&words).unwrap(), &layout(width, Lang::En), &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn page_of_438() {
    insta::assert_snapshot!(explain("438", &layout(80, Lang::En)));
}

#[test]
fn page_of_438_wide() {
    insta::assert_snapshot!(explain("438", &layout(120, Lang::En)));
}

#[test]
fn page_of_a_phrase_variant() {
    insta::assert_snapshot!(explain("438 Invalid PASSporT", &layout(80, Lang::En)));
}

#[test]
fn page_of_438_with_chinese_headings() {
    insta::assert_snapshot!(explain("438", &layout(80, Lang::Zh)));
}

#[test]
fn page_of_an_unknown_code() {
    insta::assert_snapshot!(explain("699", &layout(80, Lang::En)));
}

#[test]
fn page_of_a_release_cause() {
    insta::assert_snapshot!(explain("q850:21", &layout(80, Lang::En)));
}

#[test]
fn page_of_a_topic() {
    insta::assert_snapshot!(explain("MISSING_ACK", &layout(60, Lang::En)));
}

#[test]
fn comparison_of_200_and_438() {
    insta::assert_snapshot!(compare(200, 438, &layout(80, Lang::En)));
}

#[test]
fn comparison_without_a_sentence_of_its_own() {
    insta::assert_snapshot!(compare(180, 699, &layout(100, Lang::En)));
}

#[test]
fn no_heading_stands_over_nothing() {
    let text = compare(436, 438, &layout(100, Lang::En));
    let (_, after) = text.split_once("Key differences").unwrap();
    let mut lines = after.lines().skip(1);
    let codes: Vec<_> = lines.next().unwrap().split_whitespace().collect();
    assert_eq!(codes, ["436", "438"]);
    assert!(lines.next().unwrap().starts_with("Meaning  "));
}

#[test]
fn table_of_two_classes() {
    insta::assert_snapshot!(table(&["2xx", "600-604"], 80));
}

#[test]
fn json_of_an_unknown_code() {
    let mut out = Vec::new();
    write_subjects_json(&resolve("699", &[]).unwrap(), &mut out).unwrap();
    insta::assert_snapshot!(String::from_utf8(out).unwrap());
}

#[test]
fn json_of_every_kind_is_json() {
    let read = |out: Vec<u8>| serde_json::from_slice::<serde_json::Value>(&out).unwrap();
    for what in [
        "438",
        "4xx",
        "busy here",
        "q850:21",
        "warn:399",
        "missing-ack",
    ] {
        let mut out = Vec::new();
        write_subjects_json(&resolve(what, TOPICS).unwrap(), &mut out).unwrap();
        assert_eq!(read(out)["topics"].as_array().unwrap().len(), 1, "{what}");
    }
    let mut out = Vec::new();
    write_table_json(&select(&[]).unwrap(), &mut out).unwrap();
    assert_eq!(
        read(out)["codes"].as_array().unwrap().len(),
        catalogue().iter().count()
    );
    let mut out = Vec::new();
    let [a, b] = [200, 438].map(|raw| StatusCode::new(raw).unwrap());
    write_comparison_json(a, b, &mut out).unwrap();
    assert_eq!(read(out)["codes"][1]["code"], 438);
}

#[test]
fn markdown_has_a_row_a_code_and_five_cells_a_row() {
    let mut out = Vec::new();
    write_table_markdown(&select(&[]).unwrap(), Lang::En, &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    assert_eq!(text.lines().count(), catalogue().iter().count() + 2);
    assert!(text.lines().all(|line| line.matches('|').count() == 6));
}

#[test]
fn every_page_fits_its_width() {
    for width in [60, 80, 120] {
        for lang in [Lang::En, Lang::Zh] {
            let layout = layout(width, lang);
            let mut pages = vec![table(&[], width)];
            for entry in catalogue().iter() {
                pages.push(explain(&entry.code.to_string(), &layout));
                pages.push(compare(entry.code.get(), 438, &layout));
            }
            for line in pages.iter().flat_map(|page| page.lines()) {
                let link = line.contains("https://");
                assert!(link || columns(line) <= width, "{width}: {line}");
                assert_eq!(line, line.trim_end(), "trailing blanks");
            }
        }
    }
}

#[test]
fn every_heading_of_a_topic_has_chinese() {
    use super::explain::translated;
    for topic in crate::findings::registry::topics() {
        let headings = topic
            .explanation
            .sections
            .iter()
            .map(|(heading, _)| *heading);
        for word in headings.chain([topic.kind]) {
            assert!(!translated(word, Lang::Zh).is_ascii(), "{word}");
        }
    }
}

#[test]
fn no_prose_is_wider_than_can_be_followed() {
    let text = explain("438", &layout(200, Lang::En)) + &compare(436, 438, &layout(200, Lang::En));
    assert!(
        text.lines()
            .all(|line| columns(line) <= 110 || line.contains("https://"))
    );
}

#[test]
fn colour_is_absent_unless_asked_for() {
    let plain = layout(80, Lang::En);
    assert!(!explain("438", &plain).contains('\u{1b}'));
    let color = Layout {
        color: true,
        ..plain
    };
    assert!(explain("438", &color).contains("\u{1b}[33m"));
}

#[test]
fn words_mean_what_they_say() {
    let check = |what: &str, title: &str| {
        let page = explain(what, &layout(80, Lang::En));
        assert_eq!(page.lines().next(), Some(title), "{what}");
    };
    check(" 438 ", "438 Invalid Identity Header");
    check("busy here", "486 Busy Here");
    check("Network-Blocked", "603 Network Blocked");
    check("403 stale date", "403 Stale Date");
    check("4XX", "4xx Request failure");
    check("warn:399", "SIP Warning code 399: miscellaneous warning");
    check("Q.850:17", "Q.850 release cause 17: user busy");
    assert_eq!(resolve("not acceptable", &[]).unwrap().len(), 2);
}

#[test]
fn unknown_words_name_the_nearest() {
    let check = |what: &str, hint: &str| {
        let err = resolve(what, TOPICS).unwrap_err();
        assert!(err.hint().contains(hint), "{what}: {}", err.hint());
    };
    check("mising-ack", "`missing-ack`");
    check("bussy here", "`486 Busy Here`");
    check("stale", "`403 Stale Date`");
    check("43", "`403 ");
    check("zzzzzzzzzz", "name a code");
    check("", "name a code");
    check("q850:999", "name a code");
    check("99", "");
    check("700", "");
    let shown = resolve("\u{1b}[31m", &[]).unwrap_err().to_string();
    assert!(!shown.contains('\u{1b}'));
}

#[test]
fn selection_takes_codes_classes_and_ranges() {
    let count = |word: &str| select(&[word.to_owned()]).map(|entries| entries.len()).ok();
    assert_eq!(count("438"), Some(1));
    assert_eq!(count("2xx,438"), Some(4));
    assert_eq!(count("600-604"), Some(3));
    assert_eq!(count("604-600"), None);
    assert_eq!(count("699"), None);
    assert_eq!(count("x"), None);
}
