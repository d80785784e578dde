//! Documents that cannot go stale: what the program prints is compared with what is checked in.
//! `UPDATE_GOLDENS=1 cargo test --test docs` writes them anew.

#![expect(
    clippy::expect_used,
    clippy::format_push_string,
    clippy::indexing_slicing,
    reason = "a test that cannot run must fail, and pages are short"
)]

use std::path::Path;
use std::process::Command;

/// What the program prints for `args`, at 100 columns and without colour.
fn printed(args: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_sipannotate"))
        .args(args)
        .env_clear()
        .env("COLUMNS", "100")
        .output()
        .expect("the program runs");
    assert!(
        output.status.success(),
        "{args:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn check(name: &str, expected: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("docs")
        .join(name);
    if std::env::var_os("UPDATE_GOLDENS").is_some() {
        std::fs::write(&path, expected).expect("docs/ can be written");
        return;
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == expected,
        "docs/{name} is stale: run UPDATE_GOLDENS=1 cargo test --test docs, and look at what changed"
    );
}

#[test]
fn the_command_line_page_is_what_help_prints() {
    let mut page = "# Command line\n\nWhat `sipannotate --help` prints.\n".to_owned();
    for args in [
        &["--help"][..],
        &["explain", "--help"],
        &["compare", "--help"],
        &["catalogue", "--help"],
        &["diff", "--help"],
        &["schema", "--help"],
        &["show", "--help"],
        &["bundle", "--help"],
    ] {
        page += &format!(
            "\n## sipannotate {}\n\n```text\n{}```\n",
            args.join(" "),
            printed(args)
        );
    }
    check("cli.md", &page);
}

#[test]
fn the_rules_page_is_what_explain_prints() {
    let mut page =
        "# Rules, verdicts, causes and qualifiers\n\nWhat `sipannotate explain NAME` prints.\n"
            .to_owned();
    for topic in sipannotate::findings::registry::topics() {
        page += &format!(
            "\n## {} ({})\n\n{}\n",
            topic.name, topic.kind, topic.explanation.summary
        );
        for (heading, body) in topic.explanation.sections {
            page += &format!("\n**{heading}.** {body}\n");
        }
    }
    check("rules.md", &page);
}

/// The words that a person may ask for, having read them in a report.
#[test]
fn every_name_that_a_sample_prints_is_explained() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    let topics = sipannotate::findings::registry::topics();
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).expect("the samples") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|ext| ext != "json") || path.ends_with("truth.json") {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("a report");
        let report: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        for finding in report["findings"].as_array().expect("findings") {
            let names = ["rule", "verdict", "qualifier"]
                .iter()
                .filter_map(|field| finding[*field].as_str())
                .flat_map(|names| names.split(','));
            for name in names {
                seen += 1;
                assert!(
                    topics.iter().any(|topic| topic.name == name),
                    "{name} of {} has no entry",
                    path.display()
                );
            }
        }
    }
    assert!(seen > 10, "{seen}");
}

#[test]
fn the_catalogue_page_is_what_catalogue_prints() {
    let table = printed(&["catalogue", "-f", "markdown"]);
    check(
        "catalogue.md",
        &format!("# Catalogue\n\nWhat `sipannotate catalogue -f markdown` prints.\n\n{table}"),
    );
}

#[test]
fn the_schemas_are_what_schema_prints() {
    for document in sipannotate::report::schema::Document::ALL {
        let name = document.name();
        check(
            &format!("schema/{name}.schema.json"),
            &printed(&["schema", name]),
        );
    }
}

/// The examples of a page: what stands in a fence behind `$ sipannotate …`, and the command.
fn examples(page: &str) -> Vec<(Vec<String>, String)> {
    let mut found = Vec::new();
    for fence in page.split("```text\n$ sipannotate ").skip(1) {
        let (command, behind) = fence.split_once('\n').expect("a command ends its line");
        let (output, _) = behind.split_once("```").expect("a fence ends");
        let args = command.split(' ').map(str::to_owned).collect();
        found.push((args, output.to_owned()));
    }
    found
}

/// Whether `got` is what a page shows; a line of `…` stands for any number of lines.
fn is_shown(shown: &str, got: &str) -> bool {
    let (shown, got): (Vec<&str>, Vec<&str>) = (shown.lines().collect(), got.lines().collect());
    let parts: Vec<&[&str]> = shown.split(|line| line.trim() == "…").collect();
    let mut rest = got.as_slice();
    for (index, part) in parts.iter().enumerate() {
        let at = if index == 0 {
            rest.starts_with(part).then_some(0)
        } else if index + 1 == parts.len() {
            return rest.ends_with(part);
        } else {
            (0..rest.len()).find(|at| rest[*at..].starts_with(part))
        };
        let Some(at) = at else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.is_empty()
}

#[test]
fn a_cut_in_an_example_stands_for_lines_and_nothing_else() {
    let got = "a\nb\nc\nd\n";
    for shown in [
        got,
        "a\n…\nd\n",
        "a\nb\n  …\n",
        "a\n…\nc\n…\nd\n",
        "a\n…\nc\n…\n",
        "…\nc\nd\n",
    ] {
        assert!(is_shown(shown, got), "{shown}");
    }
    for shown in [
        "a\nb\n",
        "b\n…\nd\n",
        "a\n…\nx\n",
        "a\n…\nc\n",
        "a\n…\nd\n…\nc\n…\n",
    ] {
        assert!(!is_shown(shown, got), "{shown}");
    }
}

#[test]
fn examples_are_what_the_program_prints() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for name in ["README.md", "docs/missing-ack.md", "docs/stir-burst.md"] {
        let page = std::fs::read_to_string(root.join(name)).expect("a page");
        let examples = examples(&page);
        assert!(!examples.is_empty(), "{name} has no example");
        for (args, expected) in examples {
            let output = Command::new(env!("CARGO_BIN_EXE_sipannotate"))
                .args(&args)
                .current_dir(root)
                .env_clear()
                .output()
                .expect("the program runs");
            let got = String::from_utf8(output.stdout).expect("UTF-8");
            assert!(
                is_shown(&expected, &got),
                "{name}: {args:?} prints now\n{got}"
            );
        }
    }
}

#[test]
fn the_readme_links_a_page_for_each_use() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = std::fs::read_to_string(root.join("README.md")).expect("a page");
    for page in [
        "ticket.md",
        "post-incident.md",
        "stir-burst.md",
        "missing-ack.md",
        "sharing-safely.md",
        "bundle.md",
    ] {
        assert!(readme.contains(&format!("(docs/{page})")), "{page}");
    }
    let rows: Vec<&str> = readme
        .lines()
        .filter(|line| line.starts_with('|'))
        .collect();
    for (index, row) in rows.iter().enumerate() {
        assert!(!rows[index + 1..].contains(row), "twice: {row}");
    }
}

#[test]
fn a_dependency_has_one_line() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/dependencies.md");
    let page = std::fs::read_to_string(path).expect("a page");
    let table = page.split("\n## ").nth(1).expect("the program's");
    let mut names: Vec<&str> = table
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split(" |").next())
        .collect();
    let count = names.len();
    assert!(count > 20, "{names:?}");
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count, "{names:?}");
}

#[test]
fn the_ticket_page_quotes_the_ticket() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |name: &str| std::fs::read_to_string(root.join(name)).expect("a page");
    let (page, ticket) = (
        read("docs/ticket.md"),
        read("samples/incident-438.ticket.md"),
    );
    let quoted: Vec<&str> = page
        .split("````markdown\n")
        .skip(1)
        .filter_map(|quoted| quoted.split_once("````").map(|(quoted, _)| quoted))
        .collect();
    assert_eq!(quoted.len(), 3);
    for quoted in quoted {
        assert!(
            ticket.contains(quoted),
            "docs/ticket.md is stale:\n{quoted}"
        );
    }
}
