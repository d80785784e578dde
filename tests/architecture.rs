//! The house rules that a compiler does not know, held by reading the sources.
//!
//! In: `src/**/*.rs`, the tests, the tracked files. Out: one failed test for each rule, with every
//! place that breaks it. The rules are those of `ARCHITECTURE.md` and `CONTRIBUTING.md`.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "what cannot be read fails the test, and the indices come from the text itself"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The rooms as `src/lib.rs` lists them: a room may name only rooms above it.
const ORDER: &[&str] = &[
    "units",
    "wire_text",
    "limits",
    "defect",
    "catalogue",
    "capture",
    "rewrite",
    "packet",
    "stream",
    "tls",
    "hep",
    "websocket",
    "sctp",
    "sip",
    "stir",
    "redact",
    "calls",
    "findings",
    "ladder",
    "report",
    "pipeline",
    "cli",
];

/// The RFCs a comment may cite. A number that is not here is a typo until someone has looked at
/// the document and added it.
const RFCS: &[u32] = &[
    768, 791, 792, 793, 826, 863, 894, 1035, 1071, 1122, 1332, 1483, 1624, 1661, 1662, 1701, 1738,
    1918, 1928, 1951, 1952, 1982, 1990, 2003, 2045, 2046, 2119, 2246, 2410, 2427, 2474, 2516, 2543,
    2606, 2617, 2625, 2637, 2661, 2663, 2675, 2782, 2784, 2890, 2976, 3032, 3164, 3261, 3262, 3263,
    3264, 3265, 3311, 3312, 3320, 3323, 3325, 3326, 3327, 3329, 3339, 3372, 3378, 3398, 3420, 3428,
    3515, 3518, 3550, 3551, 3581, 3605, 3608, 3629, 3711, 3720, 3828, 3840, 3841, 3863, 3880, 3891,
    3892, 3903, 3911, 3927, 3931, 3948, 3959, 3960, 3966, 3986, 4023, 4028, 4040, 4122, 4168, 4180,
    4193, 4213, 4235, 4244, 4291, 4302, 4303, 4320, 4321, 4346, 4380, 4385, 4411, 4412, 4443, 4474,
    4475, 4566, 4568, 4571, 4648, 4733, 4861, 4884, 4916, 4960, 5009, 5039, 5072, 5079, 5118, 5246,
    5280, 5288, 5289, 5360, 5389, 5393, 5415, 5416, 5480, 5487, 5503, 5621, 5626, 5627, 5630, 5722,
    5761, 5764, 5806, 5815, 5839, 5853, 5922, 5923, 5952, 6026, 6066, 6072, 6076, 6086, 6140, 6141,
    6228, 6298, 6325, 6347, 6432, 6442, 6455, 6598, 6655, 6665, 6809, 6830, 6874, 6946, 6951, 6979,
    7044, 7118, 7159, 7230, 7247, 7251, 7315, 7329, 7340, 7348, 7366, 7433, 7434, 7510, 7515, 7518,
    7519, 7540, 7541, 7616, 7647, 7692, 7905, 7989, 8086, 8122, 8141, 8197, 8200, 8217, 8224, 8225,
    8226, 8259, 8260, 8300, 8373, 8443, 8446, 8448, 8489, 8496, 8588, 8599, 8606, 8684, 8688, 8760,
    8839, 8866, 8876, 8878, 8898, 8926, 8946, 8986, 9000, 9027, 9060, 9110, 9112, 9118, 9147, 9260,
    9293, 9325, 9366, 9410, 9475, 9562, 9795, 9796,
];

/// Lines a file may have without its tests before one asks whether it is two files.
const MOST_LINES: usize = 700;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A source file, its comments and code told apart.
struct Source {
    /// Path below the crate, with `/`.
    path: String,
    /// What the file holds.
    text: String,
    /// The text with comments and the insides of literals blanked; lines keep their numbers.
    code: String,
    /// The text with everything but comments blanked.
    comments: String,
}

impl Source {
    fn new(path: String, text: String) -> Self {
        let (code, comments) = split(&text);
        Self {
            path,
            text,
            code,
            comments,
        }
    }

    /// The room the file belongs to, if it is in one.
    fn room(&self) -> Option<&'static str> {
        let path = self.path.strip_prefix("src/")?;
        let first = path.split('/').next()?.trim_end_matches(".rs");
        ORDER.iter().copied().find(|room| *room == first)
    }
}

/// Every Rust file below the folders, sorted.
fn sources(folders: &[&str]) -> Vec<Source> {
    let mut paths = Vec::new();
    for folder in folders {
        files_below(&root().join(folder), &mut paths);
    }
    paths
        .into_iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .map(|path| {
            Source::new(
                relative(&path),
                fs::read_to_string(&path).expect("readable"),
            )
        })
        .collect()
}

fn relative(path: &Path) -> String {
    path.strip_prefix(root())
        .expect("below the crate")
        .to_string_lossy()
        .replace('\\', "/")
}

fn files_below(folder: &Path, out: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    let mut entries: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            files_below(&path, out);
        } else {
            out.push(path);
        }
    }
}

/// Code and comments of Rust text, each with the other blanked.
fn split(text: &str) -> (String, String) {
    let chars: Vec<char> = text.chars().collect();
    let (mut code, mut comments) = (String::new(), String::new());
    let mut at = 0;
    let starts = |at: usize, what: &str| {
        what.chars()
            .enumerate()
            .all(|(offset, c)| chars.get(at + offset) == Some(&c))
    };
    let mut put = |from: usize, to: usize, is_code: bool, is_comment: bool| {
        for &c in &chars[from..to.min(chars.len())] {
            let blank = if c == '\n' { '\n' } else { ' ' };
            code.push(if is_code { c } else { blank });
            comments.push(if is_comment { c } else { blank });
        }
    };
    while at < chars.len() {
        let end = if starts(at, "//") {
            (at..chars.len())
                .find(|&i| chars[i] == '\n')
                .unwrap_or(chars.len())
        } else if starts(at, "/*") {
            let mut depth = 0_usize;
            let mut i = at;
            loop {
                if starts(i, "/*") {
                    depth += 1;
                    i += 2;
                } else if starts(i, "*/") {
                    depth -= 1;
                    i += 2;
                } else {
                    i += 1;
                }
                if depth == 0 || i >= chars.len() {
                    break i;
                }
            }
        } else {
            let end = literal_end(&chars, at);
            match end {
                Some(end) => put(at, end, false, false),
                None => put(at, at + 1, true, false),
            }
            at = end.unwrap_or(at + 1);
            continue;
        };
        put(at, end, false, true);
        at = end;
    }
    (code, comments)
}

/// Where the string or character literal at `at` ends, if one begins there.
fn literal_end(chars: &[char], at: usize) -> Option<usize> {
    let quoted = |from: usize, quote: char| {
        let mut i = from;
        while i < chars.len() && chars[i] != quote {
            i += 1 + usize::from(chars[i] == '\\');
        }
        (i + 1).min(chars.len())
    };
    let word_before = at > 0 && (chars[at - 1].is_alphanumeric() || chars[at - 1] == '_');
    match chars[at] {
        '"' => Some(quoted(at + 1, '"')),
        // A lifetime has no quote behind its first character.
        '\'' if chars.get(at + 1) == Some(&'\\') || chars.get(at + 2) == Some(&'\'') => {
            Some(quoted(at + 1, '\''))
        }
        'r' if !word_before || chars[at - 1] == 'b' || chars[at - 1] == 'c' => {
            let hashes = chars[at + 1..].iter().take_while(|c| **c == '#').count();
            (chars.get(at + 1 + hashes) == Some(&'"')).then(|| {
                let mut i = at + 2 + hashes;
                while i < chars.len() {
                    let closes = chars[i] == '"'
                        && chars[i + 1..]
                            .iter()
                            .take(hashes)
                            .filter(|c| **c == '#')
                            .count()
                            == hashes;
                    i += 1;
                    if closes {
                        return i + hashes;
                    }
                }
                chars.len()
            })
        }
        _ => None,
    }
}

/// The identifiers that follow `prefix` in `code`, with their line; `{a, b::c}` gives `a` and `b`.
fn named_after(code: &str, prefix: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices(prefix) {
        let before = code[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
            continue;
        }
        let line = code[..at].matches('\n').count() + 1;
        let rest = code[at + prefix.len()..].trim_start();
        let Some(group) = rest.strip_prefix('{') else {
            found.push((line, identifier(rest)));
            continue;
        };
        let (mut depth, mut expects) = (1_usize, true);
        for (i, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 1 => expects = true,
                c if expects && (c.is_alphabetic() || c == '_') => {
                    found.push((line, identifier(&group[i..])));
                    expects = false;
                }
                _ => {}
            }
            if depth == 0 {
                break;
            }
        }
    }
    found
}

fn identifier(text: &str) -> String {
    text.chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect()
}

/// The places of `source` that name a room below its own.
fn back_arrows(source: &Source) -> Vec<String> {
    let Some(room) = source.room() else {
        return Vec::new();
    };
    let rank = |name: &str| ORDER.iter().position(|room| *room == name);
    let mut names = named_after(&source.code, "crate::");
    if source.path == format!("src/{room}.rs") || source.path == format!("src/{room}/mod.rs") {
        names.extend(named_after(&source.code, "super::"));
    } else {
        names.extend(named_after(&source.code, "super::super::"));
    }
    names
        .into_iter()
        .filter(|(_, name)| rank(name) > rank(room))
        .map(|(line, name)| {
            format!(
                "{}:{line}: {room} names {name}, which is below it",
                source.path
            )
        })
        .collect()
}

/// The citations of `comments` that are not `RFC nnnn` or `RFC nnnn §x.y` with a known number.
fn bad_citations(path: &str, comments: &str) -> Vec<String> {
    let mut bad = Vec::new();
    for (number, line) in (1..).zip(comments.lines()) {
        let mut say = |why: &str| bad.push(format!("{path}:{number}: {why}: {}", line.trim()));
        let lower = line.to_ascii_lowercase();
        for (at, _) in lower.match_indices("rfc") {
            let before = lower[..at].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || c == '/' || c == '-' || c == '_') {
                continue; // part of an address or a name
            }
            let behind = &line[at + 3..];
            let digits_at = behind.trim_start_matches([' ', '-', '\u{a0}', '#', ':']);
            if !digits_at.starts_with(|c: char| c.is_ascii_digit()) {
                continue;
            }
            let digits: String = digits_at.chars().take_while(char::is_ascii_digit).collect();
            if !line[at..].starts_with(&format!("RFC {digits}")) {
                say("a citation is `RFC nnnn §x.y`");
                continue;
            }
            if !digits.parse().is_ok_and(|rfc: u32| RFCS.contains(&rfc)) {
                say("an RFC that RFCS in tests/architecture.rs does not know");
            }
            let after = &line[at + 4 + digits.len()..];
            let wrong = after.starts_with('§')
                || after.starts_with(", §")
                || after.starts_with(": §")
                || after.starts_with(" (§")
                || after.starts_with('#');
            if wrong {
                say("between number and section stands one blank");
            }
        }
        for (at, _) in line.match_indices('§') {
            let next = line[at + '§'.len_utf8()..].chars().next();
            if !next.is_some_and(|c| c.is_ascii_alphanumeric()) {
                say("`§` stands before the section's number");
            }
        }
        for word in ["section ", "sections ", "sec. ", "sect. "] {
            for (at, _) in lower.match_indices(word) {
                let whole_word = !lower[..at].ends_with(|c: char| c.is_alphanumeric());
                let number = lower[at + word.len()..]
                    .split_whitespace()
                    .next()
                    .unwrap_or("");
                // A report has sections of its own, counted 1, 2, 3.
                let digit = number.starts_with(|c: char| c.is_ascii_digit())
                    && (number.trim_end_matches('.').contains('.') || lower.contains("rfc"));
                if whole_word && digit {
                    say("a section is cited as `RFC nnnn §x.y`");
                }
            }
        }
    }
    bad
}

/// Lines before the file's test module.
fn lines_without_tests(code: &str) -> usize {
    let lines: Vec<&str> = code.lines().collect();
    lines
        .windows(2)
        .position(|pair| {
            pair[0].trim() == "#[cfg(test)]" && pair[1].trim_start().starts_with("mod tests")
        })
        .unwrap_or(lines.len())
}

#[track_caller]
fn assert_none(broken: &[String]) {
    assert!(
        broken.is_empty(),
        "{} broken:\n{}",
        broken.len(),
        broken.join("\n")
    );
}

#[test]
fn lib_lists_the_rooms_in_order() {
    let text = fs::read_to_string(root().join("src/lib.rs")).expect("src/lib.rs");
    let rooms: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'))
        .collect();
    assert_eq!(rooms, ORDER);
}

#[test]
fn no_room_names_one_below_it() {
    let all: Vec<String> = sources(&["src"]).iter().flat_map(back_arrows).collect();
    assert_none(&all);
}

#[test]
fn every_file_opens_with_its_contract() {
    let all: Vec<String> = sources(&["src", "tests", "benches"])
        .into_iter()
        .filter(|source| !source.text.starts_with("//!"))
        .map(|source| format!("{}: opens without `//!`", source.path))
        .collect();
    assert_none(&all);
}

#[test]
fn rfcs_are_cited_in_one_form() {
    let all: Vec<String> = sources(&["src", "tests", "benches"])
        .iter()
        .filter(|source| source.path != "tests/architecture.rs")
        .flat_map(|source| bad_citations(&source.path, &source.comments))
        .collect();
    assert_none(&all);
}

#[test]
fn rsip_stays_in_its_file() {
    let all: Vec<String> = sources(&["src"])
        .into_iter()
        .filter(|source| {
            !matches!(
                source.path.as_str(),
                "src/sip/typed.rs" | "src/sip/typed/tests.rs"
            )
        })
        .filter(|source| {
            source.code.lines().any(|line| {
                line.trim_start()
                    .trim_start_matches("pub ")
                    .starts_with("use rsip")
                    || line.match_indices("rsip::").any(|(at, _)| {
                        !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_')
                    })
            })
        })
        .map(|source| format!("{}: names rsip", source.path))
        .collect();
    assert_none(&all);
}

#[test]
fn files_stay_readable() {
    let all: Vec<String> = sources(&["src"])
        .into_iter()
        .filter(|source| !source.path.ends_with("/tests.rs"))
        .map(|source| (lines_without_tests(&source.code), source.path))
        .filter(|(lines, _)| *lines > MOST_LINES)
        .map(|(lines, path)| format!("{path}: {lines} lines, is it one room or two?"))
        .collect();
    assert_none(&all);
}

#[test]
fn nothing_is_left_to_do() {
    let mut all = Vec::new();
    for source in sources(&["src", "tests", "benches"]) {
        for (number, line) in (1..).zip(source.code.lines()) {
            if ["todo!", "unimplemented!", "#[ignore"]
                .iter()
                .any(|left| line.contains(left))
            {
                all.push(format!("{}:{number}: {}", source.path, line.trim()));
            }
        }
    }
    assert_none(&all);
}

/// The name of a capture without its endings, if it is one.
fn capture_name(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    let name = [".gz", ".zst", ".xz", ".lz4"]
        .iter()
        .find_map(|ending| name.strip_suffix(ending))
        .unwrap_or(name);
    [".pcap", ".pcapng", ".cap"]
        .iter()
        .find_map(|ending| name.strip_suffix(ending))
        .map(str::to_owned)
}

#[test]
fn every_sample_has_its_expected_output() {
    let mut paths = Vec::new();
    files_below(&root().join("samples"), &mut paths);
    let mut all = Vec::new();
    for path in &paths {
        let Some(name) = capture_name(path) else {
            continue;
        };
        for ending in ["table.txt", "json", "ticket.md", "show.txt"] {
            let expected = path.with_file_name(format!("{name}.{ending}"));
            if !expected.exists() {
                all.push(format!(
                    "{}: {} is missing",
                    relative(path),
                    relative(&expected)
                ));
            }
        }
    }
    assert_none(&all);
}

/// The files git knows, or all that are here where there is no git.
fn tracked() -> Vec<PathBuf> {
    let listed = Command::new("git")
        .args(["ls-files", "-z"])
        .current_dir(root())
        .output();
    match listed {
        Ok(output) if output.status.success() && !output.stdout.is_empty() => {
            String::from_utf8_lossy(&output.stdout)
                .split_terminator('\0')
                .map(|path| root().join(path))
                .collect()
        }
        _ => {
            let mut paths = Vec::new();
            for folder in ["src", "tests", "docs", "samples", "benches", ".ci"] {
                files_below(&root().join(folder), &mut paths);
            }
            paths
        }
    }
}

#[test]
fn no_file_knows_the_machine_it_was_written_on() {
    // Put together here, so that this file does not hold what it looks for.
    let places: Vec<String> = ["work", "tmp/wt", "root"]
        .map(|place| format!("/{place}/"))
        .into();
    let mut all = Vec::new();
    for path in tracked() {
        // Captures and other binary files are not ours to word.
        let Ok(text) = fs::read_to_string(&path) else {
            continue;
        };
        for (number, line) in (1..).zip(text.lines()) {
            for place in &places {
                let at_start = line.match_indices(place.as_str()).any(|(at, _)| {
                    !line[..at].ends_with(|c: char| c.is_alphanumeric() || "._-~}".contains(c))
                });
                if at_start {
                    all.push(format!("{}:{number}: {place}", relative(&path)));
                }
            }
        }
    }
    assert_none(&all);
}

#[test]
fn comments_and_literals_are_told_from_code() {
    let (code, comments) = split(
        "let a = \"crate::x // no\"; // crate::y\n/* /* crate::z */ */ let b = '\"'; r#\"\"\"# crate::w 'a",
    );
    assert!(!code.contains("crate::x") && !code.contains("crate::y") && !code.contains("crate::z"));
    assert!(code.contains("crate::w 'a"), "{code}");
    assert!(comments.contains("// crate::y") && comments.contains("crate::z"));
    assert!(!comments.contains("// no"));
    assert_eq!(code.lines().count(), comments.lines().count());
}

#[test]
fn a_back_arrow_is_seen_in_every_spelling() {
    let check = |path: &str, text: &str, expected: usize| {
        let source = Source::new(path.to_owned(), text.to_owned());
        assert_eq!(back_arrows(&source).len(), expected, "{text}");
    };
    check("src/packet/ip.rs", "use crate::stream::Chunk;", 1);
    check(
        "src/packet/ip.rs",
        "use crate::{units::Flow, stream::Chunk, cli};",
        2,
    );
    check("src/packet/ip.rs", "use super::super::sip;", 1);
    check("src/packet/mod.rs", "use super::sip;", 1);
    check("src/packet/ip.rs", "fn f() { crate::calls::g() }", 1);
    check(
        "src/packet/ip.rs",
        "use crate::capture::Frame; // not crate::stream",
        0,
    );
    check(
        "src/packet/ip.rs",
        "/// [`crate::stream::Chunk`]\nuse super::sip;",
        0,
    );
    check("src/cli/mod.rs", "use crate::{report, pipeline};", 0);
}

#[test]
fn a_citation_in_another_form_is_seen() {
    let check = |comment: &str, expected: usize| {
        let found = bad_citations("x.rs", comment);
        assert_eq!(found.len(), expected, "{comment}: {found:?}");
    };
    check("// RFC 3261 §17.2.3, §18.3; RFC 7118", 0);
    check(
        "// https://www.rfc-editor.org/rfc/rfc3261#section-17.2.3",
        0,
    );
    check("// RFC3261 §17", 1);
    check("// rfc 3261 §17", 1);
    check("// RFC-3261", 1);
    check("// RFC 3621 §17", 1);
    check("// RFC 3261, §17", 1);
    check("// RFC 3261§17", 1);
    check("// RFC 3261 § 17", 1);
    check("// RFC 3261 section 17.2", 1);
    check("// see section 17.2.3 there", 1);
    check("// section 3 of the report; the trust section", 0);
}

#[test]
fn tests_do_not_count_as_lines() {
    assert_eq!(
        lines_without_tests("a\nb\n#[cfg(test)]\nmod tests {\n}\n"),
        2
    );
    assert_eq!(lines_without_tests("a\nb\n"), 2);
}
