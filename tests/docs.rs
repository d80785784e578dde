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
