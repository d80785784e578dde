//! Every cause with a case that has it and the nearest one that has not; what explains which code.
//!
//! The cases are an INVITE that is in order ([`testing::facts`]) with one thing changed. What is
//! compared is always the whole list of causes, so that each case also says that nothing else was
//! found.

use std::sync::OnceLock;

use super::*;
use crate::stir::fingerprint::Fingerprint;
use crate::stir::precedents::Precedents;
use crate::stir::testing::{
    self, Authority, DAY, NOW, Pair, Wanted, X5U, at, claims, hop, identity, jose,
};

/// The signer of all tokens here.
fn pair() -> &'static Pair {
    static PAIR: OnceLock<Pair> = OnceLock::new();
    PAIR.get_or_init(Pair::new)
}

/// A token whose header and claims are as the tests have them, but for one replacement each.
fn token(header: (&str, &str), payload: (&str, &str)) -> String {
    let changed = |text: String, (from, to): (&str, &str)| {
        assert!(text.contains(from), "{from} is not in {text}");
        text.replacen(from, to, 1)
    };
    pair().token(&changed(jose(), header), &changed(claims(), payload))
}

/// The Identity value that is in order.
fn good() -> String {
    identity(&token(("", ""), ("", "")))
}

/// With another header.
fn with_header(from: &str, to: &str) -> String {
    identity(&token((from, to), ("", "")))
}

/// With other claims.
fn with_claims(from: &str, to: &str) -> String {
    identity(&token(("", ""), (from, to)))
}

/// A token of another type with these claims beside `iat`.
fn of_type(ppt: &str, claims: &str) -> String {
    let header = format!(r#"{{"alg":"ES256","ppt":"{ppt}","typ":"passport","x5u":"{X5U}"}}"#);
    let payload = format!(r#"{{"iat":{NOW},{claims}}}"#);
    let token = pair().token(&header, &payload);
    format!("{token};info=<{X5U}>;alg=ES256;ppt=\"{ppt}\"")
}

/// A diversion from `div` to `dest`.
fn div(div: &str, dest: &str) -> String {
    of_type(
        "div",
        &format!(
            r#""orig":{{"tn":"12155551212"}},"dest":{{"tn":["{dest}"]}},"div":{{"tn":"{div}"}}"#
        ),
    )
}

/// Without a type.
fn base(payload: &str) -> String {
    let header = format!(r#"{{"alg":"ES256","typ":"passport","x5u":"{X5U}"}}"#);
    format!("{};info=<{X5U}>;alg=ES256", pair().token(&header, payload))
}

/// What a case is made of.
struct Scene<'a> {
    here: Facts<'a>,
    before: Option<Facts<'a>>,
    store: Store,
    history: History,
    precedents: Precedents,
}

impl<'a> Scene<'a> {
    fn of(values: &[&'a str]) -> Self {
        let mut here = testing::facts();
        here.identities = values.iter().map(|value| value.as_bytes()).collect();
        Self {
            here,
            before: None,
            store: Store::default(),
            history: History::default(),
            precedents: Precedents::new(8),
        }
    }

    fn with(mut self, change: impl FnOnce(&mut Facts<'a>)) -> Self {
        change(&mut self.here);
        self
    }

    /// The hop before, in order but for `change`.
    fn before(mut self, values: &[&'a str], change: impl FnOnce(&mut Facts<'a>)) -> Self {
        let mut before = Scene::of(values).here;
        before.flow = hop(9, 1);
        change(&mut before);
        self.before = Some(before);
        self
    }

    fn file(mut self, path: &str, pem: &str) -> Self {
        assert_eq!(self.store.add(path, pem.as_bytes()).unreadable, 0);
        self
    }

    fn trust(mut self, pem: &str) -> Self {
        self.store.trust(pem.as_bytes());
        self
    }

    fn case(&self) -> Case<'_> {
        Case {
            here: &self.here,
            before: self.before.as_ref(),
            store: &self.store,
            history: &self.history,
        }
    }

    fn causes(&self) -> Vec<Cause> {
        examine(&self.case()).causes
    }

    /// `cause grade`, all of them.
    #[track_caller]
    fn has(self, expected: &[&str]) -> Self {
        assert_eq!(lines(&self.causes()), expected);
        self
    }

    /// What is said of a refusal with this code.
    #[track_caller]
    fn answered(self, code: u16, expected: &[&str]) -> Self {
        let refusal = Refusal { code, phrase: b"x" };
        let found = diagnose(&self.case(), &refusal, &self.precedents).causes;
        assert_eq!(lines(&found), expected, "{code}");
        self
    }

    /// The evidence of the first cause.
    fn evidence(&self) -> String {
        self.causes().remove(0).evidence
    }
}

fn lines(causes: &[Cause]) -> Vec<String> {
    let line = |cause: &Cause| {
        let grade = cause.grade.map_or("", Grade::name);
        format!("{} {grade}", cause.id.name()).trim_end().to_owned()
    };
    causes.iter().map(line).collect()
}

#[track_caller]
fn check(value: &str, expected: &[&str]) {
    Scene::of(&[value]).has(expected);
}

mod credentials;
mod forms;
mod hops_and_history;
mod numbers;
mod selection;
