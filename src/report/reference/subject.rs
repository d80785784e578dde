//! From the user's words to what they mean: a code, a class, a phrase, a cause, a topic.

use crate::catalogue::{Cause, CauseKind, Class, Entry, Explained, catalogue};
use crate::units::StatusCode;
use crate::wire_text::terminal;

/// Something that another room explains: a rule, a verdict, a cause.
#[derive(Clone, Debug)]
pub struct Topic<'a> {
    /// `missing-ack`.
    pub name: &'a str,
    /// `rule`, `verdict`, `cause`, `qualifier`.
    pub kind: &'a str,
    /// One or two sentences.
    pub summary: &'a str,
    /// Headings, each with its text; an empty line in a text starts a paragraph.
    pub sections: &'a [(&'a str, &'a str)],
}

/// What a word of the user means.
#[derive(Clone, Debug)]
pub enum Subject<'a> {
    /// A response code, perhaps with a phrase.
    Response(Explained<'static>),
    /// A class: `4xx`.
    Class(Class),
    /// A Q.850 cause or Warning code.
    Cause(CauseKind, &'static Cause),
    /// What another room explains.
    Topic(&'a Topic<'a>),
}

/// A word that means nothing here.
#[derive(Debug, thiserror::Error)]
#[error("there is no entry for `{word}`")]
pub struct UnknownWord {
    /// The word, fit for a terminal.
    pub word: String,
    /// Names that are close to it, closest first.
    pub nearest: Vec<String>,
}

impl UnknownWord {
    fn new(word: &str, topics: &[Topic<'_>]) -> Self {
        Self {
            word: terminal(word.into()).into_owned(),
            nearest: nearest(word, topics),
        }
    }

    /// What the user may have meant, for the line below the error.
    pub fn hint(&self) -> String {
        if self.nearest.is_empty() {
            "name a code (438), a class (4xx), a phrase (busy here), a rule (missing-ack), a verdict \
             (no-ack-confirmed), a qualifier (wrong-cseq), a cause (dest-mismatch), q850:21 or warn:399"
                .to_owned()
        } else {
            format!("did you mean {}?", self.nearest.join(", "))
        }
    }
}

/// What `what` means; several subjects where a phrase belongs to several codes.
///
/// Topics win over phrases, and are matched without regard to case, `_` and `-`.
pub fn resolve<'a>(
    what: &str,
    topics: &'a [Topic<'a>],
) -> Result<Vec<Subject<'a>>, Box<UnknownWord>> {
    let what = what.trim();
    let unknown = || Box::new(UnknownWord::new(what, topics));
    if let Some((prefix, number)) = what.split_once(':') {
        let number: Option<u16> = number.trim().parse().ok();
        let found = match prefix.to_ascii_lowercase().as_str() {
            "q850" | "q.850" => number
                .and_then(|n| catalogue().q850(n))
                .map(|cause| Subject::Cause(CauseKind::Q850, cause)),
            "warn" | "warning" => number
                .and_then(|n| catalogue().warning(n))
                .map(|cause| Subject::Cause(CauseKind::Warning, cause)),
            "sip" => number
                .and_then(StatusCode::new)
                .map(|code| Subject::Response(catalogue().entry(code, None))),
            _ => None,
        };
        return found.map(|subject| vec![subject]).ok_or_else(unknown);
    }
    if let Some(class) = class(what) {
        return Ok(vec![Subject::Class(class)]);
    }
    let (first, rest) = what.split_once(char::is_whitespace).unwrap_or((what, ""));
    if let Some(code) = first.parse().ok().and_then(StatusCode::new) {
        let explained = catalogue().entry(code, Some(rest.trim().as_bytes()));
        return Ok(vec![Subject::Response(explained)]);
    }
    if let Some(topic) = topics.iter().find(|t| plain(t.name) == plain(what)) {
        return Ok(vec![Subject::Topic(topic)]);
    }
    let named: Vec<Subject<'a>> = if plain(what).is_empty() {
        Vec::new()
    } else {
        catalogue()
            .by_phrase(what.as_bytes())
            .map(Subject::Response)
            .collect()
    };
    if named.is_empty() {
        Err(unknown())
    } else {
        Ok(named)
    }
}

/// The entries that `4xx`, `438`, `400-499` or lists of them with commas name; all for none.
pub fn select(words: &[String]) -> Result<Vec<&'static Entry>, Box<UnknownWord>> {
    let mut ranges = Vec::new();
    for word in words.iter().flat_map(|word| word.split(',')) {
        let word = word.trim();
        ranges.push(range(word).ok_or_else(|| Box::new(UnknownWord::new(word, &[])))?);
    }
    Ok(catalogue()
        .iter()
        .filter(|entry| {
            let code = entry.code.get();
            ranges.is_empty() || ranges.iter().any(|&(from, to)| from <= code && code <= to)
        })
        .collect())
}

fn range(word: &str) -> Option<(u16, u16)> {
    if let Some(class) = class(word) {
        let first = catalogue_class_start(class);
        return Some((first, first + 99));
    }
    let (from, to) = word.split_once('-').unwrap_or((word, word));
    let from = StatusCode::new(from.trim().parse().ok()?)?.get();
    let to = StatusCode::new(to.trim().parse().ok()?)?.get();
    // A single code that has no entry is a mistake; a range may well hold gaps.
    let known = from != to || catalogue().known(StatusCode::new(from)?).is_some();
    (from <= to && known).then_some((from, to))
}

const fn catalogue_class_start(class: Class) -> u16 {
    match class {
        Class::Provisional => 100,
        Class::Success => 200,
        Class::Redirection => 300,
        Class::RequestFailure => 400,
        Class::ServerFailure => 500,
        Class::GlobalFailure => 600,
    }
}

fn class(word: &str) -> Option<Class> {
    Class::ALL
        .into_iter()
        .find(|class| class.pattern().eq_ignore_ascii_case(word))
}

fn plain(text: &str) -> String {
    text.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

/// At most three names within a third of the word's letters, or that contain it.
fn nearest(word: &str, topics: &[Topic<'_>]) -> Vec<String> {
    // Long input is no typing mistake, and the distance costs its length squared.
    let word: String = plain(word).chars().take(64).collect();
    if word.is_empty() {
        return Vec::new();
    }
    let codes = catalogue().iter().flat_map(|entry| {
        let variants = catalogue().variants(entry.code).iter().map(|v| &v.phrase);
        std::iter::once(&entry.phrase)
            .chain(variants)
            .map(|phrase| {
                let code = entry.code.to_string();
                let near = distance(&word, &plain(phrase)).min(distance(&word, &code));
                (
                    near,
                    contains(&plain(phrase), &word),
                    format!("`{code} {phrase}`"),
                )
            })
    });
    let topics = topics.iter().map(|topic| {
        let name = plain(topic.name);
        (
            distance(&word, &name),
            contains(&name, &word),
            format!("`{}`", topic.name),
        )
    });
    let allowed = (word.chars().count() / 3).max(1);
    let mut close: Vec<_> = topics
        .chain(codes)
        .filter(|(distance, contains, _)| *distance <= allowed || *contains)
        .collect();
    close.sort_by_key(|(distance, ..)| *distance);
    close.into_iter().take(3).map(|(.., name)| name).collect()
}

fn contains(name: &str, word: &str) -> bool {
    word.len() >= 3 && name.contains(word)
}

/// Levenshtein's distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut next = Vec::with_capacity(row.len());
        let mut left = i + 1;
        next.push(left);
        for (pair, y) in row.windows(2).zip(&b) {
            let &[diagonal, above] = pair else { continue };
            left = (diagonal + usize::from(x != *y))
                .min(above + 1)
                .min(left + 1);
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}
