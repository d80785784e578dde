//! Documents that cannot go stale: what the program prints is compared with what is checked in.
//! `UPDATE_GOLDENS=1 cargo test --test docs` writes them anew.

#![expect(
    clippy::expect_used,
    clippy::format_push_string,
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
        "# Rules, verdicts and causes\n\nWhat `sipannotate explain NAME` prints.\n".to_owned();
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

#[test]
fn examples_are_what_the_program_prints() {
    let mut seen = 0;
    for name in ["missing-ack.md", "show.md", "ticket.md"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("docs")
            .join(name);
        let page = std::fs::read_to_string(&path).expect("a page");
        for (args, expected) in examples(&page) {
            let output = Command::new(env!("CARGO_BIN_EXE_sipannotate"))
                .args(&args)
                .current_dir(env!("CARGO_MANIFEST_DIR"))
                .env_clear()
                .output()
                .expect("the program runs");
            let got = String::from_utf8(output.stdout).expect("UTF-8");
            assert!(got == expected, "docs/{name}: {args:?} prints now\n{got}");
            seen += 1;
        }
    }
    assert!(seen > 0, "no page has an example");
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
