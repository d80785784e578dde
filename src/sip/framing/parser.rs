//! `Parser`: the next border in a stream's bytes.
//!
//! In: the bytes from the last border on, each time with more behind them. Out: a [`Step`].
//! Always: what was searched once is not searched again when more bytes come; a step consumes
//! bytes or changes the parser's mode, so a loop over steps ends.
//!
//! # References
//! - RFC 3261 §18.3

use memchr::memchr;

use super::super::Framing;
use super::super::head::{ContentLength, Head, end_of_head};
use super::super::sniff::{self, StartLine, Verdict};

/// What to do with the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Wait for more.
    Wait,
    /// Pass over so many.
    Skip(usize),
    /// They begin with a message.
    Message {
        /// Its length.
        len: usize,
        /// Its header section's.
        head_len: usize,
        /// What was odd.
        framing: Framing,
        /// [`Head`] has just been read from it; else its body came later, and it has to be again.
        is_read: bool,
    },
    /// They begin with a message that is too large; so many bytes of it are its header section,
    /// 0 if even that is.
    TooLarge(usize),
    /// They are no message, where one should begin.
    Lost,
    /// The stream is not SIP.
    NotSip(Verdict),
}

/// What the parser is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// At a border, or in the message behind it.
    Reading,
    /// In search of a start line.
    Searching,
}

/// What the header section of the message at hand says.
#[derive(Clone, Copy, Debug)]
struct Measures {
    len: usize,
    body: ContentLength,
}

/// A stream's parser.
#[derive(Debug)]
pub(super) struct Parser {
    mode: Mode,
    /// The stream is known to be SIP.
    pub(super) proven: bool,
    /// The 5-tuple has given a message.
    sticky: bool,
    ports: (u16, u16),
    /// The next message comes behind bytes that are missing or were not understood.
    pub(super) after_gap: bool,
    /// The start line at hand was judged.
    judged: bool,
    /// So many bytes hold no end of the header section, or no start line behind the body.
    searched: usize,
    measures: Option<Measures>,
    /// Bytes of a body still to pass over.
    skip: u64,
}

impl Parser {
    /// At a border, or in search of one.
    pub(super) const fn new(
        ports: (u16, u16),
        sticky: bool,
        search: bool,
        after_gap: bool,
    ) -> Self {
        Self {
            mode: if search {
                Mode::Searching
            } else {
                Mode::Reading
            },
            proven: false,
            sticky,
            ports,
            after_gap,
            judged: false,
            searched: 0,
            measures: None,
            skip: 0,
        }
    }

    /// Whether a start line is searched for.
    pub(super) const fn is_searching(&self) -> bool {
        matches!(self.mode, Mode::Searching)
    }

    /// Whether the bytes at hand were judged to begin a message.
    pub(super) const fn has_begun(&self) -> bool {
        self.judged
    }

    /// The length of the message at hand, as far as its header section tells.
    pub(super) const fn head(&self) -> Option<(usize, ContentLength)> {
        match self.measures {
            Some(measures) => Some((measures.len, measures.body)),
            None => None,
        }
    }

    /// From the next step on, search for a start line.
    pub(super) const fn search(&mut self) {
        self.next_message();
        self.mode = Mode::Searching;
        self.skip = 0;
        self.after_gap = true;
    }

    /// `lost` bytes are missing behind the `known` bytes of the message at hand.
    pub(super) fn gap(&mut self, known: usize, lost: u64) {
        let left = match self.measures {
            _ if self.skip > 0 => self.skip,
            Some(Measures {
                len,
                body: ContentLength::Is(body),
            }) => u64::try_from(len)
                .unwrap_or(0)
                .saturating_add(body)
                .saturating_sub(u64::try_from(known).unwrap_or(0)),
            _ => 0,
        };
        self.search();
        if left >= lost && left > 0 {
            // The gap lies in the body, whose end is known.
            self.mode = Mode::Reading;
            self.skip = left - lost;
        }
    }

    /// The next step. `limit`: bytes of the largest message; `head`: storage.
    pub(super) fn step(&mut self, data: &[u8], limit: usize, head: &mut Head) -> Step {
        if self.skip > 0 {
            let skip = usize::try_from(self.skip)
                .unwrap_or(usize::MAX)
                .min(data.len());
            self.skip -= u64::try_from(skip).unwrap_or(0);
            return Step::Skip(skip);
        }
        if self.mode == Mode::Searching {
            let (at, found) = find_start(data, 0);
            if at > 0 {
                return Step::Skip(at);
            }
            if !found {
                return Step::Wait;
            }
            self.mode = Mode::Reading;
        }
        let text = sniff::skip_line_ends(data, usize::MAX);
        if text.len() < data.len() && !self.judged {
            return Step::Skip(data.len() - text.len());
        }
        // A keep-alive between messages, on connections that were made to carry both.
        if !self.judged && self.proven {
            match sniff::stun_len(data) {
                Some(0) => return Step::Wait,
                Some(len) => {
                    self.skip = u64::try_from(len).unwrap_or(0);
                    return Step::Skip(0);
                }
                None => {}
            }
        }
        if !self.judged {
            match self.judge(data) {
                Step::Skip(_) => self.judged = true,
                step => return step,
            }
        }
        self.measure(data, limit, head)
    }

    /// Whether a message begins here: `Skip(0)` if so.
    fn judge(&mut self, data: &[u8]) -> Step {
        if !self.proven {
            return match sniff::stream_start(data, self.ports, self.sticky) {
                Verdict::Sip => Step::Skip(0),
                Verdict::NeedMore => Step::Wait,
                verdict => Step::NotSip(verdict),
            };
        }
        match sniff::start_line(data) {
            StartLine::Known | StartLine::Extension => Step::Skip(0),
            StartLine::Unfinished => Step::Wait,
            StartLine::No => Step::Lost,
        }
    }

    /// Where the message ends that begins here.
    fn measure(&mut self, data: &[u8], limit: usize, head: &mut Head) -> Step {
        let is_read = self.measures.is_none();
        let measures = match self.measures {
            Some(measures) => measures,
            None => match self.head_len(data, head) {
                Some(len) if len <= limit => {
                    self.searched = len;
                    let body = head.content_length();
                    *self.measures.insert(Measures { len, body })
                }
                None if data.len() <= limit => {
                    self.searched = data.len();
                    return Step::Wait;
                }
                _ => return Step::TooLarge(0),
            },
        };
        let mut framing = Framing {
            after_gap: self.after_gap,
            ..Framing::default()
        };
        let len = match measures.body {
            ContentLength::Is(body) => {
                let body = usize::try_from(body).unwrap_or(usize::MAX);
                let len = measures.len.saturating_add(body);
                if len <= data.len() && len <= limit {
                    Some(len)
                } else if len > limit {
                    return Step::TooLarge(measures.len);
                } else {
                    None
                }
            }
            // On a stream it is mandatory (RFC 3261 §18.3); without it only the next start line
            // tells the end.
            ContentLength::Missing | ContentLength::Bad => {
                framing.bad_content_length = measures.body == ContentLength::Bad;
                framing.missing_content_length = measures.body == ContentLength::Missing;
                let (at, found) = find_start(data, self.searched);
                self.searched = at;
                found.then(|| without_line_ends(data, measures.len, at))
            }
        };
        match len {
            Some(len) => {
                self.next_message();
                self.proven = true;
                self.after_gap = false;
                if framing.bad_content_length {
                    self.search();
                }
                Step::Message {
                    len,
                    head_len: measures.len,
                    framing,
                    is_read,
                }
            }
            None if data.len() > limit => Step::TooLarge(measures.len),
            None => Step::Wait,
        }
    }

    /// The length of the head that `data` begins with, which `head` then holds; `None` if it has
    /// not ended.
    fn head_len(&self, data: &[u8], head: &mut Head) -> Option<usize> {
        // Most heads come whole. Of others the end is awaited before they are read once more.
        if self.searched > 0 {
            end_of_head(data, self.searched)?;
        }
        head.read(data);
        head.is_ended().then(|| head.len())
    }

    const fn next_message(&mut self) {
        self.judged = false;
        self.searched = 0;
        self.measures = None;
    }
}

/// The end of a body that ends before `end`, which is the header section's if only line ends lie
/// between.
pub(super) fn without_line_ends(data: &[u8], head_len: usize, end: usize) -> usize {
    let body = data.get(head_len..end).unwrap_or_default();
    if sniff::skip_line_ends(body, usize::MAX).is_empty() {
        head_len
    } else {
        end
    }
}

/// The first start line of `data` that begins at `from` or behind a later line end, and `true`;
/// or, with `false`, where a start line may begin once more bytes come, at most the length.
fn find_start(data: &[u8], from: usize) -> (usize, bool) {
    let mut at = from;
    while let Some(line) = data.get(at..).filter(|line| !line.is_empty()) {
        match sniff::start_line(line) {
            StartLine::Known | StartLine::Extension => return (at, true),
            StartLine::Unfinished => return (at, false),
            StartLine::No => {}
        }
        match memchr(b'\n', line) {
            Some(end) => at += end + 1,
            None => return (data.len(), false),
        }
    }
    (at.min(data.len()), false)
}
