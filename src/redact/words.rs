//! Words: what messages say that is nobody's.
//!
//! In: a token. Out: whether it is a word of the protocols, of their texts or of products, or the
//! top of a domain. Whatever is none is replaced.

use rustc_hash::FxHashSet;

/// The words, one a line, in lower case.
const WORDS: &str = include_str!("words.txt");

/// Tops of domains that stay; those of two letters do, too.
const TOP_LEVEL: [&str; 16] = [
    "com",
    "net",
    "org",
    "edu",
    "gov",
    "mil",
    "int",
    "arpa",
    "info",
    "biz",
    "cloud",
    "invalid",
    "local",
    "test",
    "localdomain",
    "internal",
];

/// Reads the words once.
#[derive(Debug)]
pub(super) struct Words {
    words: FxHashSet<&'static [u8]>,
}

impl Words {
    pub(super) fn new() -> Self {
        Self {
            words: WORDS.lines().map(str::as_bytes).collect(),
        }
    }

    /// Whether it is a word, whatever its case.
    pub(super) fn has(&self, token: &[u8]) -> bool {
        // Longer than any of them.
        token.len() <= 32 && self.words.contains(&*token.to_ascii_lowercase())
    }

    #[expect(
        clippy::unused_self,
        reason = "the words of domains belong to the words"
    )]
    pub(super) fn is_top_level(&self, label: &[u8]) -> bool {
        (label.len() == 2 && label.iter().all(u8::is_ascii_alphabetic))
            || TOP_LEVEL
                .iter()
                .any(|top| label.eq_ignore_ascii_case(top.as_bytes()))
    }
}
