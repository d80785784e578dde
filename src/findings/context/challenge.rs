//! 401 and 407: what a challenge is to the credentials it answers, and what became of it.
//!
//! Of credentials the user's name, the realm and the algorithm are told, nothing that proves the
//! password.
//!
//! # References
//! - RFC 3261 §22.2 and §22.3, RFC 7616 §3.3 (stale, algorithm)

use std::fmt;

use super::super::rule::Readable;
use super::words::{Quoted, Token, Words, named};
use super::{Challenge as Kind, Unneeded};
use crate::calls::asked::{Asked, Credentials};
use crate::calls::refusal::Case;
use crate::calls::{Context, Refusal, ResponseSeen, Retry};
use crate::sip::challenge::Challenge;
use crate::sip::{Message, Name, StartLine};
use crate::units::Span;

/// A nonce this old may have been given up, whether the server says so or not.
const OLD: Span = Span::from_secs(5);

/// Tells what a challenge says of the credentials before it.
pub(super) fn tell(
    response: &ResponseSeen<'_>,
    refusal: &Refusal<'_>,
    words: &mut Words<'_>,
) -> Kind {
    let (Some(request), Some(asked)) = (refusal.request, refusal.asked) else {
        return Kind::First;
    };
    let Case::Challenge {
        before,
        is_nonce_offered,
        after,
    } = refusal.case
    else {
        return Kind::First;
    };
    let for_proxy = response.code.get() == 407;
    let name = if for_proxy {
        Name::ProxyAuthenticate
    } else {
        Name::WwwAuthenticate
    };
    let all = || Challenge::all(response.message, name);
    let of_kind = |kind: bool| asked.credentials().filter(move |one| one.for_proxy == kind);
    let fits = |one: &Credentials<'_>| all().any(|wanted| wanted.realm() == Some(one.realm));
    let is_answered = of_kind(for_proxy).next().is_some();
    // Credentials of the other kind are another element's, unless they name this one's realm.
    let misplaced = || of_kind(!for_proxy).any(|one| !one.realm.is_empty() && fits(&one));
    if !is_answered && !misplaced() {
        return Kind::First;
    }
    let frame = named(request.at);
    if before.is_some() {
        words.part(format_args!(
            "second challenge, after credentials in {frame}"
        ));
    } else {
        words.part(format_args!("challenge to the credentials in {frame}"));
    }
    if !is_answered {
        words.more(format_args!(
            ": they stand in the wrong header field (a 401 wants Authorization, a 407 Proxy-Authorization)"
        ));
        return Kind::Explained;
    }
    if all().any(|wanted| wanted.is_stale()) {
        words.more(format_args!(": stale nonce (stale=true)"));
        return Kind::Explained;
    }
    if let Some(phrase) = phrase(response.message).filter(|phrase| is_about_nonce(phrase)) {
        words.more(format_args!(": the server says {}", Quoted(phrase)));
        return Kind::Explained;
    }
    let Some(used) = of_kind(for_proxy).find(fits) else {
        let first = of_kind(for_proxy).next();
        let wanted = all().find_map(|wanted| wanted.realm()).unwrap_or_default();
        words.more(format_args!(
            ": for realm {}, they were for {}",
            Quoted(wanted),
            Quoted(first.map_or(&[], |first| first.realm))
        ));
        return Kind::Explained;
    };
    let of_realm = || all().filter(|wanted| wanted.realm() == Some(used.realm));
    let knows = |wanted: &Challenge<'_>| wanted.algorithm().eq_ignore_ascii_case(used.algorithm);
    if let Some(wanted) = of_realm()
        .next()
        .filter(|_| !of_realm().any(|one| knows(&one)))
    {
        words.more(format_args!(
            ": they were made with {}, asked for is {}",
            Token(used.algorithm),
            Token(wanted.algorithm())
        ));
        return Kind::Explained;
    }
    match before {
        None => {
            words.more(format_args!(
                ", which follow no challenge seen here lately: their nonce may be too old"
            ));
            Kind::Explained
        }
        Some(before) if !is_nonce_offered => {
            let frame = named(before);
            words.more(format_args!(
                ": they were not made with the nonce of the challenge in {frame}"
            ));
            Kind::Explained
        }
        Some(_) => {
            words.more(format_args!(" ({}", Used(used)));
            if after < OLD {
                words.more(format_args!(")"));
                return Kind::Unexplained;
            }
            words.more(format_args!(", nonce {} old)", Readable(after)));
            Kind::Aged
        }
    }
}

fn phrase<'a>(message: &Message<'a>) -> Option<&'a [u8]> {
    match message.start {
        StartLine::Response { phrase, .. } => Some(phrase),
        StartLine::Request { .. } => None,
    }
}

/// Some servers say it in the phrase only: `nonce has changed`, `Stale Nonce`.
fn is_about_nonce(phrase: &[u8]) -> bool {
    let lower = phrase.to_ascii_lowercase();
    [b"nonce".as_slice(), b"stale"]
        .iter()
        .any(|word| memchr::memmem::find(&lower, word).is_some())
}

/// 403: whose credentials the request carried.
pub(super) fn forbidden(asked: Option<&Asked>, words: &mut Words<'_>) {
    let mut all = asked.into_iter().flat_map(Asked::credentials);
    if let Some(used) = all.find(|used| !used.realm.is_empty()) {
        words.part(format_args!("to credentials: {}", Used(used)));
    }
}

/// `user "2000", realm "pbx", MD5`.
struct Used<'a>(Credentials<'a>);

impl fmt::Display for Used<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Credentials {
            user,
            realm,
            algorithm,
            ..
        } = self.0;
        if !user.is_empty() {
            write!(f, "user {}, ", Quoted(user))?;
        }
        write!(f, "realm {}, {}", Quoted(realm), Token(algorithm))
    }
}

/// The challenge and what became of it.
pub(super) fn compose(
    kind: Kind,
    facts: &str,
    late: Option<&Context>,
    words: &mut Words<'_>,
) -> Option<Unneeded> {
    let is_taken = matches!(late, Some(Context::Retried(retry)) if is_taken(retry));
    match kind {
        // That it is one, its code says.
        Kind::First if late.is_none() => return None,
        Kind::First => words.part(format_args!("challenge")),
        _ => words.part(format_args!("{facts}")),
    }
    if matches!(kind, Kind::Unexplained | Kind::Aged) && !is_taken {
        words.more(format_args!(
            ": same realm and not stale, so a wrong user name or password, or an algorithm the client cannot do"
        ));
        if kind == Kind::Aged {
            words.more(format_args!(", or a nonce that is taken no longer"));
        }
    }
    match late {
        Some(Context::Retried(retry)) => answered(retry, words),
        Some(Context::AskedWithout { request }) => {
            let frame = named(*request);
            words.more(format_args!(
                ", and the client asked again without credentials in {frame}"
            ));
        }
        Some(Context::Unanswered { watched }) => words.more(format_args!(
            ", and no credentials followed in this call within {}",
            Readable(*watched)
        )),
        Some(Context::Acknowledged { .. }) | None => {}
    }
    is_taken.then_some(Unneeded::CredentialsTaken)
}

fn answered(retry: &Retry, words: &mut Words<'_>) {
    let frame = named(retry.request);
    words.more(format_args!(", answered in {frame}"));
    let Some((code, at)) = retry.outcome else {
        return;
    };
    let frame = named(at);
    if code.is_success() {
        words.more(format_args!(", accepted in {frame}"));
    } else if matches!(code.get(), 401 | 407) {
        words.more(format_args!(", challenged again in {frame}"));
    } else {
        words.more(format_args!(", then {code} in {frame}"));
    }
}

/// Whether what came of the answer shows that the credentials were right: the callee was reached.
fn is_taken(retry: &Retry) -> bool {
    retry.outcome.is_some_and(|(code, _)| {
        code.is_success() || matches!(code.get(), 180..=189 | 486 | 487 | 600 | 603)
    })
}
