//! Typed: the command line as a report tells it.
//!
//! In: the words that were typed. Out: the same without secrets; for a redacted report also without
//! whatever may name somebody: names of files, Call-IDs, hosts. There a word is told only if it is known to
//! name nobody.

use std::ffi::OsString;

use clap::{Arg, Command, CommandFactory as _};

use super::args::Args;

/// Options whose value is nobody else's business.
const SECRET: &str = "--redact-key";

/// Options whose value names nobody.
const TOLD: [&str; 14] = [
    "format",
    "all",
    "burst-window",
    "burst-min",
    "burst-share",
    "burst-p",
    "burst-quiet",
    "fail-on",
    "code",
    "time",
    "color",
    "lang",
    "progress",
    "frame",
];

/// Stands for what is not told.
const HIDDEN: &str = "...";

/// The command line as a shell takes it.
pub(super) fn command(typed: impl Iterator<Item = OsString>, redacted: bool) -> String {
    let quoted: Vec<String> = words(typed, redacted)
        .iter()
        .map(|word| quoted(word))
        .collect();
    quoted.join(" ")
}

/// The command line word by word, without the path of the program, and without what is not told.
pub(super) fn words(typed: impl Iterator<Item = OsString>, redacted: bool) -> Vec<String> {
    let typed = typed
        .skip(1)
        .map(|word| word.to_string_lossy().into_owned());
    let mut shown = vec!["sipannotate".to_owned()];
    if redacted {
        shown.extend(nobodys(typed));
    } else {
        shown.extend(without_secrets(typed));
    }
    shown
}

fn without_secrets(typed: impl Iterator<Item = String>) -> impl Iterator<Item = String> {
    let mut is_secret = false;
    typed.map(move |word| {
        let secret = word.strip_prefix(SECRET);
        if std::mem::take(&mut is_secret) {
            HIDDEN.to_owned()
        } else if secret.is_some_and(|rest| rest.starts_with('=')) {
            format!("{SECRET}={HIDDEN}")
        } else {
            is_secret = secret == Some("");
            word
        }
    })
}

/// The words that name nobody, and a mark in place of each other.
fn nobodys(typed: impl Iterator<Item = String>) -> Vec<String> {
    let root = Args::command();
    let mut command: Option<&Command> = None;
    let mut are_captures = false;
    // The last word was an option that is followed by its value, which is told or not.
    let mut value: Option<bool> = None;
    let mut shown = Vec::new();
    for word in typed {
        let told = |is_told: bool, text: &str| if is_told { text } else { HIDDEN }.to_owned();
        let options = || {
            root.get_arguments()
                .chain(command.into_iter().flat_map(Command::get_arguments))
        };
        if let Some(is_told) = value.take() {
            shown.push(told(is_told, &word));
        } else if are_captures || word == "-" {
            shown.push(HIDDEN.to_owned());
        } else if word == "--" {
            are_captures = true;
            shown.push(word);
        } else if let Some(long) = word.strip_prefix("--") {
            let (name, given) = match long.split_once('=') {
                Some((name, given)) => (name, Some(given)),
                None => (long, None),
            };
            let Some(option) = options().find(|option| option.get_long() == Some(name)) else {
                shown.push(HIDDEN.to_owned());
                continue;
            };
            match given {
                Some(given) => shown.push(format!("--{name}={}", told(is_told(option), given))),
                None => {
                    value = takes_value(option).then(|| is_told(option));
                    shown.push(word);
                }
            }
        } else if let Some(letters) = word.strip_prefix('-') {
            let mut said = "-".to_owned();
            for (at, letter) in letters.char_indices() {
                let Some(option) = options().find(|option| option.get_short() == Some(letter))
                else {
                    said.push_str(HIDDEN);
                    break;
                };
                said.push(letter);
                if takes_value(option) {
                    match letters.get(at + letter.len_utf8()..) {
                        None | Some("") => value = Some(is_told(option)),
                        Some(given) => said.push_str(&told(is_told(option), given)),
                    }
                    break;
                }
            }
            shown.push(said);
        } else if command.is_none() && root.find_subcommand(&word).is_some() {
            command = root.find_subcommand(&word);
            shown.push(word);
        } else {
            shown.push(HIDDEN.to_owned());
        }
    }
    shown
}

fn is_told(option: &Arg) -> bool {
    option.get_long().is_some_and(|long| TOLD.contains(&long))
}

fn takes_value(option: &Arg) -> bool {
    option.get_action().takes_values()
}

/// A word in single quotes, where a shell would take it for more than a word.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-_./:,=+@%".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(words: &[&str], redacted: bool) -> String {
        command(words.iter().map(OsString::from), redacted)
    }

    #[test]
    fn a_command_can_be_pasted_and_tells_no_secret() {
        assert_eq!(
            shown(&["/opt/x", "-f", "markdown", "a b.pcap", "it's", ""], false),
            "sipannotate -f markdown 'a b.pcap' 'it'\\''s' ''"
        );
        assert_eq!(
            shown(
                &[
                    "x",
                    "--redact-key",
                    "hunter2",
                    "--redact-key=hunter2",
                    "--redact"
                ],
                false
            ),
            "sipannotate --redact-key ... --redact-key=... --redact"
        );
    }

    #[test]
    fn the_command_of_a_redacted_report_names_nobody() {
        for (typed, told) in [
            (
                &["/home/alice/x", "--redact", "alice.pcap", "-", "-oalice.md"][..],
                "sipannotate --redact ... ... -o...",
            ),
            (
                &[
                    "x",
                    "-f",
                    "html",
                    "-qfjson",
                    "--host",
                    "10.1.2.3",
                    "--host=10.1.2.3",
                ],
                "sipannotate -f html -qfjson --host ... --host=...",
            ),
            (
                &[
                    "x",
                    "show",
                    "--call",
                    "a@alice.example",
                    "-r",
                    "alice",
                    "--frame=1:7",
                ],
                "sipannotate show --call ... -r ... --frame=1:7",
            ),
            (
                &[
                    "x",
                    "--redact-key=k",
                    "bundle",
                    "show",
                    "-o",
                    "alice",
                    "--burst-min",
                    "3",
                ],
                "sipannotate --redact-key=... bundle ... -o ... --burst-min 3",
            ),
            (&["x", "--", "--alice", "show"], "sipannotate -- ... ..."),
        ] {
            let quoted = shown(typed, true).replace("'...'", "...");
            assert_eq!(quoted, told);
        }
    }
}
