//! Throughput: what the whole program costs on made captures, beside what `tcpdump` costs to copy
//! them.
//!
//! In: made captures of [`Mix`], written below `target/tmp` where they stay. Out: a row for each
//! capture and form of report: CPU seconds (user and system) of the program and of
//! `tcpdump -r F -w -`, the median of the ratios of runs side by side, and the most memory the
//! program had. The aim is 3.5 on SIP alone, 1.2 where nearly all is media, and 64 MiB.
//!
//! `cargo bench` makes a million packets of each; `cargo bench -- 200000` so many. Needs GNU time
//! and tcpdump, and says so where they are missing; numbers mean something on an idle machine
//! only. What must not grow is counted, not timed, by `tests/allocation.rs`.

#![allow(
    clippy::allow_attributes,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a bench prints its numbers, and stops where something is not as it should be"
)]

#[path = "../tests/common/mod.rs"]
mod common;

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::traffic::{self, Mix};

/// Packets of a capture, unless told otherwise.
const PACKETS: usize = 1_000_000;

/// Runs side by side; the median counts.
const RUNS: usize = 5;

/// What one run took.
#[derive(Clone, Copy)]
struct Cost {
    /// User and system, in seconds.
    cpu: f64,
    /// Resident at the most, in MiB.
    memory: f64,
}

fn main() {
    let packets = std::env::args()
        .skip(1)
        .find_map(|arg| arg.parse().ok())
        .unwrap_or(PACKETS);
    if !(is_there("/usr/bin/time") && is_there("tcpdump")) {
        println!("skipped: GNU time (/usr/bin/time) and tcpdump are needed");
        return;
    }
    println!("capture    report  program   tcpdump   ratio   memory");
    for mix in [Mix::Udp, Mix::Tcp, Mix::Media] {
        let capture = made(mix, packets);
        let capture = capture.to_str().expect("a path of text");
        for report in ["table", "json"] {
            let program = [
                env!("CARGO_BIN_EXE_sipannotate"),
                "--format",
                report,
                capture,
            ];
            let mut runs: Vec<(Cost, Cost)> = (0..=RUNS)
                .map(|_| (cost(&program), cost(&["tcpdump", "-r", capture, "-w", "-"])))
                // The first reads the capture into memory.
                .skip(1)
                .collect();
            runs.sort_by(|a, b| (a.0.cpu / a.1.cpu).total_cmp(&(b.0.cpu / b.1.cpu)));
            let (ours, theirs) = runs[RUNS / 2];
            println!(
                "{:9}  {report:6}  {:5.2} s   {:5.2} s   {:5.2}   {:4.0} MiB",
                mix.name(),
                ours.cpu,
                theirs.cpu,
                ours.cpu / theirs.cpu,
                ours.memory,
            );
        }
    }
}

fn is_there(program: &str) -> bool {
    Command::new(program)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok()
}

/// The capture of a mix, made if it is not there.
fn made(mix: Mix, packets: usize) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let path = folder.join(format!("{}-{packets}.pcap", mix.name()));
    if !path.exists() {
        let part = path.with_extension("part");
        let mut out = BufWriter::new(File::create(&part).expect("target/tmp can be written"));
        traffic::write(mix, packets, &mut out).expect("there is room");
        out.flush().expect("there is room");
        std::fs::rename(&part, &path).expect("beside it");
    }
    path
}

/// Runs a command, whose output is thrown away.
fn cost(command: &[&str]) -> Cost {
    let run = Command::new("/usr/bin/time")
        .args(["-q", "-f", "\n%U %S %M"])
        .args(command)
        .stdout(Stdio::null())
        .output()
        .expect("GNU time runs");
    let text = String::from_utf8_lossy(&run.stderr);
    let numbers: Vec<f64> = text
        .lines()
        .next_back()
        .unwrap_or_default()
        .split(' ')
        .filter_map(|number| number.parse().ok())
        .collect();
    let [user, system, kibibytes] = numbers[..] else {
        panic!("{command:?}: {text}");
    };
    Cost {
        cpu: user + system,
        memory: kibibytes / 1024.0,
    }
}
