//! `Warning`: what was wrong, who says so, and in which words.
//!
//! In: a message, or one value of the field. Out: [`Warning`]s over the wire bytes. Always:
//! reading allocates nothing; a code of more than three digits is handed on as it came
//! (RFC 4475 `scalarlg`).
//!
//! # References
//! - RFC 3261 §20.43

use super::Message;
use super::field::Name;
use super::value::{digits, is_space, trim};

/// One value of `Warning`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Warning<'a> {
    /// 300 to 399 in SIP.
    pub code: u32,
    /// Host, with or without port, or a pseudonym of who added it.
    pub agent: &'a [u8],
    /// Its words, without quotes; escapes are kept.
    pub text: &'a [u8],
}

impl<'a> Warning<'a> {
    /// Reads one value, not a list; `None` without a code.
    pub fn parse(value: &'a [u8]) -> Option<Self> {
        let (code, rest) = word(trim(value));
        let code = digits(code)?;
        // Senders are seen that leave the agent out.
        let (agent, text) = if rest.starts_with(b"\"") {
            (&[] as &[u8], rest)
        } else {
            word(rest)
        };
        let unquoted = text.strip_prefix(b"\"").map(|text| {
            let end = text.iter().rposition(|&b| b == b'"');
            text.get(..end.unwrap_or(text.len())).unwrap_or(text)
        });
        Some(Self {
            code,
            agent,
            text: unquoted.unwrap_or(text),
        })
    }

    /// All values of a message, in order.
    pub fn all(message: &Message<'a>) -> impl Iterator<Item = Self> + use<'a> {
        message.items(Name::Warning).filter_map(Self::parse)
    }
}

/// The first word, and what is behind it.
fn word(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|&b| is_space(b));
    let (word, rest) = text.split_at(end.unwrap_or(text.len()));
    (word, trim(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: &str, code: u32, agent: &str, text: &str) {
        assert_eq!(
            Warning::parse(value.as_bytes()),
            Some(Warning {
                code,
                agent: agent.as_bytes(),
                text: text.as_bytes()
            }),
            "{value}"
        );
    }

    #[test]
    fn code_agent_and_text_are_told_apart() {
        check(
            "304 isi.edu:5060 \"Media type, not available\"",
            304,
            "isi.edu:5060",
            "Media type, not available",
        );
        check("399 [2001:db8::1] \"\"", 399, "[2001:db8::1]", "");
    }

    #[test]
    fn what_is_missing_is_empty() {
        check("399", 399, "", "");
        check("399 \"Maximum calls\"", 399, "", "Maximum calls");
        check("370 gw bandwidth", 370, "gw", "bandwidth");
        check("399 gw \"open", 399, "gw", "open");
        check(
            "1812 overture \"In Progress\"",
            1812,
            "overture",
            "In Progress",
        );
        assert_eq!(Warning::parse(b"many gw \"x\""), None);
        assert_eq!(Warning::parse(b""), None);
    }
}
