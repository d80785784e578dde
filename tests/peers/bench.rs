//! A bench: network namespaces of its own, the programs started in them, a capture of their wire.
//!
//! In: commands. Out: the capture's file. Always: nothing reaches a network of the machine, every
//! wait ends, and namespaces and processes are gone when the bench is dropped, also by a panic.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::Duration;

use tempfile::TempDir;

/// Between two looks.
const STEP: Duration = Duration::from_millis(50);
/// So many looks, a minute, are what anything here may take to start, answer or end.
const LOOKS: usize = 1200;

/// Says why a test does nothing.
pub(crate) fn skip(why: &str) {
    eprintln!("skipped: {why}");
}

/// Asks until there is an answer, but not for ever.
pub(crate) fn wait_for<T>(mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    (0..LOOKS).find_map(|_| {
        let answer = ask();
        if answer.is_none() {
            sleep(STEP);
        }
        answer
    })
}

/// Waits for a process; one that does not end is killed.
fn ended(child: &mut Child) -> Option<ExitStatus> {
    let status = wait_for(|| child.try_wait().expect("a child of ours"));
    if status.is_none() {
        child.kill().ok();
        child.wait().ok();
    }
    status
}

/// Asks a process to end, then waits for it.
fn end(child: &mut Child) {
    let id = child.id().to_string();
    Command::new("kill")
        .arg(id)
        .stderr(Stdio::null())
        .status()
        .ok();
    ended(child);
}

/// A program that runs beside the test.
struct Running {
    child: Child,
    log: PathBuf,
}

/// Namespaces and what runs in them.
pub(crate) struct Bench {
    spaces: Vec<String>,
    running: Vec<Running>,
    tap: Option<Running>,
    folder: TempDir,
}

impl Bench {
    /// As many empty namespaces as asked for; none, with the reason, where `programs` or the
    /// kernel do not allow it. The name makes the namespaces' names.
    pub(crate) fn new(name: &str, spaces: usize, programs: &[&str]) -> Option<Self> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        for program in ["ip", "kill", "tcpdump", "tshark"].iter().chain(programs) {
            if !std::env::split_paths(&path).any(|folder| folder.join(program).is_file()) {
                skip(&format!("{program} is not installed"));
                return None;
            }
        }
        let mut bench = Self {
            spaces: Vec::new(),
            running: Vec::new(),
            tap: None,
            folder: tempfile::tempdir().expect("a folder"),
        };
        for index in 0..spaces {
            let space = format!("sa-{name}-{}-{index}", std::process::id());
            if !bench.ip(&format!("netns add {space}")) {
                skip("no network namespaces for this user here");
                return None;
            }
            bench.spaces.push(space);
            if !bench.ip_in(index, "link set lo up") {
                skip("no loopback in a namespace here");
                return None;
            }
        }
        Some(bench)
    }

    /// A file of this bench.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Where the capture is written.
    pub(crate) fn capture(&self) -> PathBuf {
        self.file("wire.pcap")
    }

    /// The name of a namespace.
    pub(crate) fn space(&self, index: usize) -> &str {
        &self.spaces[index]
    }

    /// Whether `ip` did it.
    fn ip(&self, words: &str) -> bool {
        let mut command = Command::new("ip");
        command.args(words.split(' '));
        self.run(command).0
    }

    /// The same in a namespace.
    pub(crate) fn ip_in(&self, space: usize, words: &str) -> bool {
        self.ip(&format!("-n {} {words}", self.spaces[space]))
    }

    /// A command for a namespace, with the bench's folder as its own.
    pub(crate) fn command(&self, space: usize, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.spaces[space], program]);
        command.current_dir(self.folder.path());
        command
    }

    /// Runs to the end: whether it succeeded, and all that it said.
    pub(crate) fn run(&self, command: Command) -> (bool, String) {
        self.run_long(command, 1)
    }

    /// The same for what may take so many times as long.
    pub(crate) fn run_long(&self, command: Command, times: usize) -> (bool, String) {
        let mut run = self.spawn(command, "run");
        let mut done = || wait_for(|| run.child.try_wait().expect("a child of ours")).is_some();
        (1..times).any(|_| done());
        let status = ended(&mut run.child);
        let said = said(&run.log);
        (status.is_some_and(|status| status.success()), said)
    }

    fn spawn(&self, mut command: Command, name: &str) -> Running {
        let log = self.file(&format!("{name}.log"));
        let out = File::create(&log).expect("a log");
        let err = out.try_clone().expect("a log");
        command.stdin(Stdio::null()).stdout(out).stderr(err);
        Running {
            child: command.spawn().expect("a program that is installed"),
            log,
        }
    }

    /// Starts a program and waits until a socket listens on `port`.
    pub(crate) fn serve(&mut self, space: usize, command: Command, port: u16) {
        let mut server = self.spawn(command, &format!("server-{port}"));
        let listens = wait_for(|| {
            let dead = server.child.try_wait().expect("a child of ours").is_some();
            (dead || listens(server.child.id(), port)).then_some(!dead)
        });
        let log = said(&server.log);
        self.running.push(server);
        assert_eq!(listens, Some(true), "no server in {space}: {log}");
    }

    /// Starts to capture an interface.
    pub(crate) fn tap(&mut self, space: usize, interface: &str) {
        let mut command = self.command(space, "tcpdump");
        command.args(["-i", interface, "-s", "0", "-U", "-Z", "root", "-w"]);
        command.arg(self.capture());
        let mut tap = self.spawn(command, "tcpdump");
        let listens = wait_for(|| {
            let dead = tap.child.try_wait().expect("a child of ours").is_some();
            (dead || said(&tap.log).contains("listening on")).then_some(!dead)
        });
        let log = said(&tap.log);
        self.tap = Some(tap);
        assert_eq!(listens, Some(true), "no capture: {log}");
    }

    /// Ends the capture, when it holds what was sent.
    pub(crate) fn untap(&mut self) {
        // The kernel hands packets over in blocks, at the latest after a second.
        sleep(Duration::from_millis(1200));
        if let Some(mut tap) = self.tap.take() {
            end(&mut tap.child);
        }
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        for run in self.tap.iter_mut().chain(&mut self.running) {
            end(&mut run.child);
        }
        for space in &self.spaces {
            // Only what was started here can live in a namespace that was made here.
            let left = Command::new("ip").args(["netns", "pids", space]).output();
            for id in left
                .iter()
                .flat_map(|left| left.stdout.split(|&b| b == b'\n'))
            {
                if !id.is_empty() {
                    let id = String::from_utf8_lossy(id).into_owned();
                    Command::new("kill").args(["-KILL", &id]).status().ok();
                }
            }
            Command::new("ip")
                .args(["netns", "del", space])
                .status()
                .ok();
        }
    }
}

/// What a log holds.
fn said(log: &Path) -> String {
    String::from_utf8_lossy(&fs::read(log).unwrap_or_default()).into_owned()
}

/// Whether a socket of the namespace that process `id` lives in is bound to `port`: UDP, or TCP
/// that listens.
fn listens(id: u32, port: u16) -> bool {
    let bound = |table: &str, state: &str| {
        let text = said(Path::new(&format!("/proc/{id}/net/{table}")));
        text.lines().skip(1).any(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            words.len() > 3 && words[1].ends_with(&format!(":{port:04X}")) && words[3] == state
        })
    };
    bound("udp", "07") || bound("tcp", "0A")
}
