//! The lines of a description.
//!
//! In: bytes. Out: where media begin, the values of lines of a type, those of attributes. Always: of
//! a line of another type no more is looked at than its first bytes. Capped: [`LINES`].
//!
//! # References
//! - RFC 8866 §5, §5.13

use super::LINES;
use crate::sip::value::{is_space, trim};

/// Where the first `m=` line begins; the text's end if there is none. A line begins behind a LF, or
/// with the text.
pub(super) fn media_at(text: &[u8]) -> usize {
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if is_media(rest) {
            return at;
        }
        at += line_len(rest);
    }
    text.len()
}

/// Whether an `m=` line stands at the beginning of `text`.
fn is_media(text: &[u8]) -> bool {
    trim_start(text).starts_with(b"m=")
}

/// The length of the first line with its LF.
pub(super) fn line_len(text: &[u8]) -> usize {
    memchr::memchr(b'\n', text).map_or(text.len(), |lf| lf + 1)
}

/// The bit that stands for attributes whose names begin with a letter, in any case; of what is no
/// letter all bits.
pub(super) const fn initial(letter: u8) -> u32 {
    if letter.is_ascii_alphabetic() {
        1 << (letter.to_ascii_lowercase() - b'a')
    } else {
        u32::MAX
    }
}

/// What stands under an `m=` line, looked through once for all that is asked of it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Under<'a> {
    pub(super) lines: &'a [u8],
    /// From the next `m=` line on.
    pub(super) behind: &'a [u8],
    /// The first `c=`.
    pub(super) connection: Option<&'a [u8]>,
    /// The [`initial`] bits of the attributes.
    pub(super) initials: u32,
}

impl<'a> Under<'a> {
    /// Reads up to the next `m=` line.
    pub(super) fn parse(text: &'a [u8]) -> Self {
        let mut under = Self::default();
        let mut end = 0;
        let mut count = 0;
        while let Some(rest) = text.get(end..).filter(|rest| !rest.is_empty()) {
            if is_media(rest) {
                break;
            }
            let len = line_len(rest);
            if count < LINES {
                under.line(rest.get(..len).unwrap_or(rest));
            }
            count += 1;
            end += len;
        }
        (under.lines, under.behind) = text.split_at_checked(end).unwrap_or((text, &[]));
        under
    }

    fn line(&mut self, text: &'a [u8]) {
        match text {
            [b'a', b'=', letter, ..] => self.initials |= initial(*letter),
            [first, ..] if matches!(first, b'a' | b'c') || is_space(*first) => match line(text) {
                Some((b'a', value)) => {
                    self.initials |= value.first().map_or(u32::MAX, |first| initial(*first));
                }
                Some((b'c', value)) => {
                    self.connection.get_or_insert(value);
                }
                _ => {}
            },
            _ => {}
        }
    }
}

fn trim_start(text: &[u8]) -> &[u8] {
    let blanks = text.iter().take_while(|byte| matches!(byte, b' ' | b'\t'));
    text.get(blanks.count()..).unwrap_or_default()
}

/// One line's type and value.
pub(super) fn line(text: &[u8]) -> Option<(u8, &[u8])> {
    match trim(text) {
        [kind, b'=', value @ ..] => Some((*kind, trim(value))),
        _ => None,
    }
}

/// The lines, as they are.
fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let Some(end) = memchr::memchr(b'\n', text) else {
            return rest.take();
        };
        rest = text.get(end + 1..);
        text.get(..end)
    })
    .take(LINES)
}

/// The values of the lines of a type; of others no more is looked at than their first byte.
pub(super) fn lines_of(text: &[u8], kind: u8) -> impl Iterator<Item = &[u8]> {
    let may_be = move |line: &&[u8]| {
        let first = line.first();
        first.is_some_and(|first| *first == kind || is_space(*first))
    };
    let is_one = move |(its, value): (u8, _)| (its == kind).then_some(value);
    lines(text)
        .filter(may_be)
        .filter_map(move |text| line(text).and_then(is_one))
}

/// The values of attribute `name`; empty for a flag.
pub(super) fn attributes<'a>(
    text: &'a [u8],
    name: &'static [u8],
) -> impl Iterator<Item = &'a [u8]> {
    // Nearly all lines are told by their first letters, without a look at their ends.
    let may_be = move |line: &&[u8]| match (line, name) {
        ([b'a', b'=', first, ..], [letter, ..]) => {
            first.eq_ignore_ascii_case(letter) || is_space(*first)
        }
        ([b'a', ..], _) => true,
        ([first, ..], _) => is_space(*first),
        ([], _) => false,
    };
    lines(text).filter(may_be).filter_map(move |text| {
        let (kind, value) = line(text)?;
        let (key, rest) = value.split_at_checked(name.len())?;
        // Attribute names are case-sensitive (RFC 8866 §5.13); some senders do not know.
        if kind != b'a' || !key.eq_ignore_ascii_case(name) {
            return None;
        }
        match trim(rest) {
            [] => Some(&[] as &[u8]),
            [b':', value @ ..] => Some(trim(value)),
            _ => None,
        }
    })
}
