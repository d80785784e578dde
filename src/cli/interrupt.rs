//! Interrupt: Ctrl-C on a live input ends the input, not the report.
//!
//! In: SIGINT and SIGTERM, and what comes through a pipe. Out: the first signal ends the input as if it ended
//! there, once what is on its way was read; the second, and the first where no pipe is read, ends the
//! program as it would have without this, after its temporary files are removed. Files named on the command line are not ended: who reads a file
//! wants all of it, or nothing.
//!
//! Signals are the process's, and so is what is known of them here.
//!
//! # References
//! - signal(7), pipe(7)

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::report::view::Trust;

/// What a report says of itself.
const TOLD: &str = "the input was ended by a signal (Ctrl-C) while more of it came; what came up to then was analysed, and calls that went on are judged as at the end of any capture";

/// Between two looks whether a signal came.
const TICK: Duration = Duration::from_millis(100);

/// Who wrote into the pipe was interrupted by the same Ctrl-C, and sends what it still has: so long nothing must
/// have come, and no longer is it waited for.
const QUIET: Duration = Duration::from_secs(1);
const MOST: Duration = Duration::from_secs(5);

/// Bytes of one read, and how many wait to be used.
const CHUNK: usize = 64 << 10;
const AHEAD: usize = 4;

#[derive(Debug)]
struct State {
    /// Pipes that are being read.
    live: usize,
    /// A signal came while one was.
    asked: Option<Instant>,
    /// One was ended by it.
    cut: bool,
    /// What is removed where the program ends at once.
    temporary: Vec<PathBuf>,
}

static STATE: Mutex<State> = Mutex::new(State {
    live: 0,
    asked: None,
    cut: false,
    temporary: Vec::new(),
});

fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Begins to listen for signals, on a thread of its own.
#[cfg(unix)]
#[expect(
    clippy::disallowed_methods,
    reason = "how long a pipe is waited for after a signal is the machine's time, and in no report"
)]
pub(super) fn listen() {
    use signal_hook::consts::{SIGINT, SIGTERM};
    use signal_hook::iterator::Signals;

    // Without, a signal ends the program as ever.
    let Ok(mut signals) = Signals::new([SIGINT, SIGTERM]) else {
        return;
    };
    let run = move || {
        for signal in signals.forever() {
            let mut state = state();
            if state.live > 0 && state.asked.is_none() {
                state.asked = Some(Instant::now());
                continue;
            }
            for path in state.temporary.drain(..) {
                // What has its own name by now, or is gone, is nobody's concern.
                if std::fs::remove_file(&path).is_err() {
                    std::fs::remove_dir_all(&path).unwrap_or_default();
                }
            }
            signal_hook::low_level::emulate_default_handler(signal).unwrap_or_default();
        }
    };
    let _detached = thread::Builder::new().name("signals".to_owned()).spawn(run);
}

/// There are no such signals here.
#[cfg(not(unix))]
pub(super) fn listen() {}

/// Has `path` removed if the program ends at once.
pub(super) fn temporary(path: &Path) {
    state().temporary.push(path.to_owned());
}

/// Whether an input was ended by a signal.
pub(super) fn is_cut() -> bool {
    state().cut
}

/// What stands in the trust section of a report whose input was ended by a signal.
pub(super) fn told() -> Option<Trust> {
    is_cut().then(|| Trust {
        kind: "interrupted".into(),
        count: 1,
        first_frame: None,
        file: None,
        detail: TOLD.to_owned(),
    })
}

/// What comes through a pipe, until it ends or a signal ends it.
///
/// It is read on a thread of its own: a read that waits for who writes cannot be called back.
pub(super) struct Live {
    source: Option<Box<dyn Read + Send>>,
    read: Option<Receiver<io::Result<Vec<u8>>>>,
    bytes: io::Cursor<Vec<u8>>,
}

impl Live {
    /// Counts as being read from now on.
    pub(super) fn new(source: Box<dyn Read + Send>) -> Self {
        state().live += 1;
        Self {
            source: Some(source),
            read: None,
            bytes: io::Cursor::default(),
        }
    }

    /// What comes next; nothing at the end.
    fn next(&mut self) -> io::Result<Vec<u8>> {
        if let Some(source) = self.source.take() {
            self.read = Some(ahead(source)?);
        }
        let Some(read) = &self.read else {
            return Ok(Vec::new());
        };
        loop {
            let asked = state().asked;
            let done = match read.recv_timeout(if asked.is_some() { QUIET } else { TICK }) {
                Ok(Ok(bytes)) if asked.is_none_or(|since| since.elapsed() < MOST) => {
                    return Ok(bytes);
                }
                Err(RecvTimeoutError::Timeout) if asked.is_none() => continue,
                Ok(Ok(_)) | Err(RecvTimeoutError::Timeout) => {
                    state().cut = true;
                    Ok(Vec::new())
                }
                Ok(Err(error)) => Err(error),
                Err(RecvTimeoutError::Disconnected) => Ok(Vec::new()),
            };
            self.end();
            return done;
        }
    }

    fn end(&mut self) {
        if self.source.take().is_some() | self.read.take().is_some() {
            let mut state = state();
            state.live = state.live.saturating_sub(1);
        }
    }
}

impl Read for Live {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        if self.bytes.position() >= self.bytes.get_ref().len() as u64 {
            self.bytes = io::Cursor::new(self.next()?);
        }
        self.bytes.read(space)
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.end();
    }
}

/// Reads ahead; the end of the channel is that of the source.
fn ahead(mut source: Box<dyn Read + Send>) -> io::Result<Receiver<io::Result<Vec<u8>>>> {
    let (send, receive) = sync_channel(AHEAD);
    let run = move || {
        loop {
            let mut bytes = vec![0; CHUNK];
            let read = match source.read(&mut bytes) {
                Ok(0) => return,
                Ok(read) => {
                    bytes.truncate(read);
                    Ok(bytes)
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => Err(error),
            };
            let is_over = read.is_err();
            if send.send(read).is_err() || is_over {
                return;
            }
        }
    };
    thread::Builder::new().name("input".to_owned()).spawn(run)?;
    Ok(receive)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_gives_all_its_bytes_and_then_its_end() {
        let bytes: Vec<u8> = (0..300_000_u32).map(|no| no.to_le_bytes()[0]).collect();
        let mut live = Live::new(Box::new(io::Cursor::new(bytes.clone())));
        let mut read = Vec::new();
        live.read_to_end(&mut read).unwrap();
        assert_eq!(read, bytes);
        assert_eq!(live.read(&mut [0; 9]).unwrap(), 0);
    }

    #[test]
    fn an_error_of_the_pipe_comes_through() {
        struct Fails;
        impl Read for Fails {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("unplugged"))
            }
        }
        let mut live = Live::new(Box::new(Fails));
        let error = live.read(&mut [0; 9]).unwrap_err();
        assert_eq!(error.to_string(), "unplugged");
    }
}
