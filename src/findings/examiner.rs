//! Examiner: what the identity of each call says, beside what became of the call.
//!
//! In: refusals and attempts as they are seen, with the INVITE as it was sent on each hop. Out: for a
//! refusal of an identity its causes ([`Judged`]), once a call, whatever hop repeats it; for every
//! attempt the traits by which the refused are compared with the passed; at the end the inventory of
//! signers. A verifier that lets a call go on may say so in a Reason field of a response, or in a
//! `verstat` of the INVITE it sends on ([`Word`]).
//!
//! Accepted calls are decoded, and a sample of them is examined whole, signature and all: what a
//! verifier accepts is not held against the next call ([`Precedents`]).
//!
//! Capped: calls judged, tokens, retries, signers and verifiers that are remembered.
//!
//! # References
//! - RFC 8224 §6.2; RFC 9410 for refusals that let the call go on

use std::collections::{BTreeSet, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;

mod tokens;
mod verstat;

use self::tokens::{Looked, size_class};
use super::partition::{Dated, Dimension, Traits, Values};
use super::rule::{Peer, kept};
use super::table::Table;
use crate::calls::{Attempt, InviteOn, ResponseSeen};
use crate::limits::Limits;
use crate::sip::{Indexer, Message, Name, StartLine};
use crate::stir::cause::Cause;
use crate::stir::certificates::Place;
use crate::stir::diagnosis::{HeaderReport, SignatureCheck};
use crate::stir::facts::Sent;
use crate::stir::number::{Party, party};
use crate::stir::retries::Attempt as Dialled;
use crate::stir::signers::{Sighting, Signer};
use crate::stir::{
    Case, Doubt, Facts, History, Identity, Passport, Precedents, Refusal, Replay, Retries, Signers,
    Store, diagnose, diagnose_doubt, examine, feedback,
};
use crate::units::StatusCode;

/// Calls of which the judgement is remembered, so that it is made once.
const JUDGED: usize = 4096;

/// Verifiers remembered as such.
const VERIFIERS: usize = 1024;

/// How a verifier said what it thinks of an identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// In the code of a final response.
    Status,
    /// In a Reason field of a response with another code (RFC 9410, or its older form).
    Reason,
    /// In the INVITE that it sent on: it does not verify.
    VerstatFailed,
    /// In the INVITE that it sent on: though signed, it was not validated.
    VerstatNone,
}

impl Word {
    /// The parameter of the INVITE, if it was said there.
    pub const fn verstat(self) -> Option<&'static str> {
        match self {
            Self::VerstatFailed => Some("verstat=TN-Validation-Failed"),
            Self::VerstatNone => Some("verstat=No-TN-Validation"),
            Self::Status | Self::Reason => None,
        }
    }

    /// It is not the code with which the call was refused.
    pub const fn is_soft(self) -> bool {
        !matches!(self, Self::Status)
    }
}

/// What was found out about a refused identity.
#[derive(Clone, Debug)]
pub struct Judged {
    /// 403, 428, 436, 437 or 438; of a `verstat` the code that means the same.
    pub code: u16,
    /// How it was said.
    pub word: Word,
    /// It was said of a call that went on: in a response before or with success, or a request.
    pub went_on: bool,
    /// The one to look at first before the others; never empty but where nothing is known of the
    /// INVITE.
    pub causes: Arc<[Cause]>,
    /// Every signature was verified with a certificate that was given.
    pub is_verified: bool,
}

impl Judged {
    /// It is not the code with which the call was refused.
    pub fn is_soft(&self) -> bool {
        self.word.is_soft()
    }
}

/// An attempt beside its identity.
#[derive(Clone, Debug, Default)]
pub struct Signed {
    /// What it can share with others.
    pub traits: Traits,
    /// Its identity was refused, hard or soft.
    pub refused: Option<Judged>,
}

/// The examiner of one capture.
#[derive(Debug)]
pub struct Examiner {
    store: Arc<Store>,
    here: Indexer,
    before: Indexer,
    call_id_bytes: usize,
    judged: Table<(Box<[u8]>, u32), Judged>,
    order: VecDeque<(Box<[u8]>, u32)>,
    verifiers: BTreeSet<IpAddr>,
    precedents: Precedents,
    replay: Replay,
    retries: Retries,
    signers: Signers,
    values: Values,
}

impl Examiner {
    /// For one capture, with the certificates the run was given.
    pub fn new(limits: &Limits, store: Arc<Store>) -> Self {
        Self {
            store,
            here: Indexer::new(limits.header_fields),
            before: Indexer::new(limits.header_fields),
            call_id_bytes: limits.call_id_bytes,
            judged: Table::default(),
            order: VecDeque::new(),
            verifiers: BTreeSet::new(),
            precedents: Precedents::new(limits.stir_verifiers),
            replay: Replay::new(limits.stir_tokens),
            retries: Retries::new(limits.stir_retries),
            signers: Signers::new(limits.stir_signers),
            values: Values::default(),
        }
    }

    /// The names behind the traits, once all attempts have been taken.
    pub fn take_values(&mut self) -> Values {
        let mut values = std::mem::take(&mut self.values);
        values.date(|x5u| dated(&self.store, x5u));
        values
    }

    /// The inventory, most INVITEs first, and how many INVITEs of further signers there were.
    pub fn finish(self) -> (Vec<(Box<str>, Signer)>, u64) {
        self.signers.finish()
    }

    /// Takes a response; what it says of its call's identity, if it refuses that.
    pub fn response(&mut self, response: &ResponseSeen<'_>) -> Option<Judged> {
        let refusal = refusal_of(response.code, response.message)?;
        let call_id = response.message.call_id()?;
        let key = (
            kept(call_id, self.call_id_bytes),
            response.message.cseq.number.unwrap_or_default(),
        );
        let is_known = |known: &&Judged| known.code == refusal.code && known.word == refusal.word;
        // Another try of the call is judged anew; a hop's copy is not.
        if let Some(known) = self.judged.get(&key).filter(is_known)
            && !(response.counted && refusal.word == Word::Status)
        {
            return Some(known.clone());
        }
        if response.duplicate || response.invites.is_empty() {
            return None;
        }
        let judged = self.judge(response, &refusal, call_id);
        if self.order.len() >= JUDGED
            && let Some(oldest) = self.order.pop_front()
        {
            self.judged.remove(&oldest);
        }
        if self.judged.insert(key.clone(), judged.clone()).is_none() {
            self.order.push_back(key);
        }
        Some(judged)
    }

    fn judge(
        &mut self,
        response: &ResponseSeen<'_>,
        refusal: &Refused<'_>,
        call_id: &[u8],
    ) -> Judged {
        let code = refusal.code;
        // The hop nearest to who refused: the last one with this answer; of a soft refusal the hop
        // on which it is seen first, which is this one.
        let request = response.raw.flow.reversed();
        let place = response
            .invites
            .iter()
            .rposition(|hop| {
                if refusal.word == Word::Reason {
                    hop.flow == request
                } else {
                    hop.answer.is_some_and(|(answer, _)| answer.get() == code)
                }
            })
            .unwrap_or(response.invites.len() - 1);
        let (earlier, from_here) = response.invites.split_at(place);
        let Some(here) = from_here.first() else {
            return unexplained(refusal);
        };
        let before = earlier.iter().rfind(|hop| hop.vias < here.vias);
        self.look(here, before, response.message, call_id, refusal)
    }

    /// Looks at an INVITE on the hop to the verifier, and on the one before.
    fn look(
        &mut self,
        here: &InviteOn<'_>,
        before: Option<&InviteOn<'_>>,
        message: &Message<'_>,
        call_id: &[u8],
        refusal: &Refused<'_>,
    ) -> Judged {
        let code = refusal.code;
        if self.verifiers.len() < VERIFIERS {
            self.verifiers.insert(here.flow.dst.addr);
        }
        let Self {
            store,
            here: here_indexer,
            before: before_indexer,
            precedents,
            replay,
            retries,
            signers,
            ..
        } = self;
        let Some(here_facts) = facts(here_indexer, here, message) else {
            return unexplained(refusal);
        };
        let before_facts = before.and_then(|hop| facts(before_indexer, hop, message));
        let dialled = Dialling::of(&here_facts);
        let attempt = dialled.attempt(message, call_id, &here_facts);
        let history = History {
            reuse: reuse(replay, &here_facts, call_id),
            skew: first_x5u(&here_facts).and_then(|x5u| signers.skew(&x5u)),
            retries: retries.attempt(&attempt),
            is_name_shared: is_name_shared(signers, &here_facts),
        };
        retries.refused(&attempt);
        let case = Case {
            here: &here_facts,
            before: before_facts.as_ref(),
            store,
            history: &history,
        };
        let diagnosis = match refusal.word.verstat() {
            Some(words) => {
                let codes = verstat::codes(refusal.word);
                diagnose_doubt(&case, &Doubt { codes, words }, precedents)
            }
            None => {
                let phrase = refusal.phrase;
                diagnose(&case, &Refusal { code, phrase }, precedents)
            }
        };
        if refusal.word == Word::Status {
            precedents.refused(here_facts.flow.dst.addr, &diagnosis.causes);
        }
        push_sightings(signers, store, &diagnosis.headers, &here_facts, true);
        let is_good =
            |header: &HeaderReport| matches!(header.signature, SignatureCheck::Good { .. });
        Judged {
            code,
            word: refusal.word,
            went_on: refusal.went_on,
            is_verified: !diagnosis.headers.is_empty() && diagnosis.headers.iter().all(is_good),
            causes: diagnosis.causes.into(),
        }
    }

    /// Takes an attempt with its first final response.
    pub fn attempt(&mut self, attempt: &Attempt<'_>) -> Signed {
        // A refusal of an earlier try is not this one's.
        let is_own = |judged: &&Judged| {
            let mut hops = attempt.invites.iter().filter_map(|hop| hop.answer);
            judged.is_soft()
                || attempt.code.get() == judged.code
                || hops.any(|(code, _)| code.get() == judged.code)
        };
        // Where no identity was refused, as is usual, there is nothing to look for.
        let refused = if self.judged.is_empty() {
            None
        } else {
            let key = (kept(attempt.call_id, self.call_id_bytes), attempt.cseq);
            self.judged.get(&key).filter(is_own).cloned()
        };
        let refused = refused.or_else(|| self.verstat(attempt));
        let mut traits = Traits::default();
        self.values.set_peer(&mut traits, Peer::of(&attempt.flow));
        if let Some(hop) = self.judging_hop(attempt) {
            self.judged_on(&hop, attempt, refused.is_some(), &mut traits);
        }
        set_missing_numbers(&mut traits, attempt.answer);
        Signed { traits, refused }
    }

    /// What the hop on which an attempt's identity is judged says of it.
    fn judged_on(
        &mut self,
        hop: &InviteOn<'_>,
        attempt: &Attempt<'_>,
        is_refused: bool,
        traits: &mut Traits,
    ) {
        let Self {
            store,
            here,
            precedents,
            replay,
            retries,
            signers,
            values,
            ..
        } = self;
        let verifier = hop.flow.dst.addr;
        values.set_verifier(traits, verifier);
        let mut set = |dimension, value: &[u8]| values.set(traits, dimension, value);
        match hop.vias {
            1 => set(Dimension::Hop, b"1 Via"),
            vias => set(Dimension::Hop, format!("{vias} Via").as_bytes()),
        }
        set(Dimension::Size, size_class(hop.bytes).as_bytes());
        set(
            Dimension::Fragmented,
            if hop.fragmented { b"yes" } else { b"no" },
        );
        if let Some(facts) = facts(here, hop, attempt.answer) {
            if !hop.user_agent.is_empty() {
                set(Dimension::UserAgent, hop.user_agent);
            }
            let looked = Looked::at(&facts);
            looked.set(&facts, store, &mut set);
            if let Some(age) = looked.age(&facts) {
                traits.set_age(age);
            }
            let dialled = Dialling::of(&facts);
            set_numbers(traits, &dialled);
            if !is_refused {
                // It counts for the call's next refusal.
                retries.attempt(&dialled.attempt(attempt.answer, attempt.call_id, &facts));
                let reuse = reuse(replay, &facts, attempt.call_id);
                accepted(
                    attempt,
                    &facts,
                    &looked,
                    &Tools {
                        store,
                        reuse,
                        verifier,
                    },
                    precedents,
                    signers,
                );
            }
        }
    }

    /// The hop on which identities are judged: towards a verifier that is known as one, so that
    /// refused and passed calls are compared on the same hop; else the one nearest the callee.
    fn judging_hop<'a>(&self, attempt: &Attempt<'a>) -> Option<InviteOn<'a>> {
        let hops = attempt.invites;
        hops.iter()
            .rfind(|hop| self.verifiers.contains(&hop.flow.dst.addr))
            .or_else(|| hops.last())
            .copied()
    }
}

/// A response that refuses an identity.
struct Refused<'a> {
    code: u16,
    phrase: &'a [u8],
    word: Word,
    went_on: bool,
}

fn refusal_of<'a>(code: StatusCode, message: &Message<'a>) -> Option<Refused<'a>> {
    let StartLine::Response { phrase, .. } = message.start else {
        return None;
    };
    if feedback::is_refusal(code.get(), phrase) {
        return Some(Refused {
            code: code.get(),
            phrase,
            word: Word::Status,
            went_on: false,
        });
    }
    // Reason is rare in responses; the index knows at once that there is none.
    message.header(Name::Reason)?;
    let said = feedback::of_message(message).next()?;
    Some(Refused {
        code: said.code,
        phrase: said.text,
        word: Word::Reason,
        went_on: code.class() < 3,
    })
}

fn unexplained(refusal: &Refused<'_>) -> Judged {
    Judged {
        code: refusal.code,
        word: refusal.word,
        went_on: refusal.went_on,
        causes: Arc::default(),
        is_verified: false,
    }
}

/// The INVITE of a hop, as a verifier sees it. Where its text is not at hand, only that it was there
/// is known, and that it carried no Identity, if that is so.
fn facts<'a>(
    indexer: &'a mut Indexer,
    hop: &InviteOn<'a>,
    answer: &Message<'a>,
) -> Option<Facts<'a>> {
    let seen = hop.seen?;
    let sent = |head_len| Sent {
        flow: hop.flow,
        time: seen.time,
        at: seen.at,
        head_len,
        is_fragmented: hop.fragmented,
    };
    if let Some((bytes, head_len)) = hop.text {
        let message = indexer.index(bytes, head_len)?;
        return Facts::of(&message, &sent(head_len));
    }
    Some(Facts {
        flow: hop.flow,
        time: seen.time,
        at: seen.at,
        head_bytes: 0,
        is_fragmented: hop.fragmented,
        is_incomplete: hop.is_unknown,
        request_uri: &[],
        from: answer.from().map(|address| address.uri),
        to: answer.to().map(|address| address.uri),
        asserted: Vec::new(),
        date: None,
        identities: Vec::new(),
        identity_info: None,
        fingerprints: Vec::new(),
        has_whole_body: false,
        legacy: None,
    })
}

/// Who calls whom, as the message says.
struct Dialling {
    orig: Option<Party>,
    dest: Option<Party>,
}

impl Dialling {
    fn of(facts: &Facts<'_>) -> Self {
        let asserted = facts.asserted.first().copied();
        Self {
            orig: asserted.or(facts.from).and_then(party),
            dest: facts.to.and_then(party),
        }
    }

    fn attempt<'a>(
        &'a self,
        message: &Message<'a>,
        call_id: &'a [u8],
        facts: &Facts<'_>,
    ) -> Dialled<'a> {
        Dialled {
            call_id,
            from_tag: message.from_tag().unwrap_or_default(),
            cseq: message.cseq.number.unwrap_or_default(),
            orig: self.orig.as_ref(),
            dest: self.dest.as_ref(),
            time: facts.time,
        }
    }
}

fn set_numbers(traits: &mut Traits, dialled: &Dialling) {
    if let Some(Party::Number(number)) = &dialled.orig {
        Values::set_number(traits, Dimension::OrigPrefix, number);
    }
    if let Some(Party::Number(number)) = &dialled.dest {
        Values::set_number(traits, Dimension::DestPrefix, number);
    }
}

/// The same by an answer, of what the request did not say or whose text is not at hand.
fn set_missing_numbers(traits: &mut Traits, answer: &Message<'_>) {
    for (dimension, address) in [
        (Dimension::OrigPrefix, answer.from()),
        (Dimension::DestPrefix, answer.to()),
    ] {
        if !traits.has_number(dimension)
            && let Some(Party::Number(number)) = address.and_then(|address| party(address.uri))
        {
            Values::set_number(traits, dimension, &number);
        }
    }
}

/// The times of the certificate that was given for an x5u, where only one can be meant.
fn dated(store: &Store, x5u: &str) -> Option<Dated> {
    let candidates = store.candidates(x5u);
    let [only] = candidates.as_slice() else {
        return None;
    };
    if only.place == Place::OtherHost {
        return None;
    }
    Some(Dated {
        path: only.path.to_owned(),
        serial: only.certificate.serial_text(),
        not_before: only.certificate.not_before,
        not_after: only.certificate.not_after,
        revoked: store.revoked(only.certificate).map(|revoked| revoked.at),
    })
}

/// Whether one of the call's tokens came before.
fn reuse(
    replay: &mut Replay,
    facts: &Facts<'_>,
    call_id: &[u8],
) -> Option<crate::stir::replay::Reuse> {
    let mut reuse = None;
    for identity in facts.parsed() {
        if let Some(signature) = identity.signature() {
            let found = replay.push(signature, call_id, facts.flow.dst.addr, facts.time);
            reuse = reuse.or(found);
        }
    }
    reuse
}

/// Whether one of the call's certificates has the file name of another signer's.
fn is_name_shared(signers: &Signers, facts: &Facts<'_>) -> bool {
    facts.parsed().iter().any(|identity| {
        x5u_of(identity, Passport::of(identity).as_ref())
            .is_some_and(|x5u| signers.is_name_shared(&x5u))
    })
}

fn first_x5u(facts: &Facts<'_>) -> Option<String> {
    let identity = facts.parsed().into_iter().next()?;
    x5u_of(&identity, Passport::of(&identity).as_ref())
}

fn x5u_of(identity: &Identity<'_>, passport: Option<&Passport>) -> Option<String> {
    let in_token = passport.and_then(|passport| passport.header_text("x5u").value());
    in_token
        .map(ToOwned::to_owned)
        .or_else(|| Some(String::from_utf8_lossy(identity.info?).into_owned()))
}

/// What an accepted call is looked at with.
struct Tools<'a> {
    store: &'a Store,
    reuse: Option<crate::stir::replay::Reuse>,
    verifier: IpAddr,
}

/// Takes an attempt whose identity nobody refused.
fn accepted(
    attempt: &Attempt<'_>,
    facts: &Facts<'_>,
    looked: &Looked,
    tools: &Tools<'_>,
    precedents: &mut Precedents,
    signers: &mut Signers,
) {
    // Of a call that was not answered it is not known whether its identity was looked at.
    let is_passed = attempt.code.is_success();
    let x5u = looked.primary().and_then(|token| token.x5u.clone());
    if is_passed && precedents.wants(tools.verifier, x5u.as_deref().unwrap_or_default()) {
        let history = History {
            reuse: tools.reuse.clone(),
            skew: x5u.as_deref().and_then(|x5u| signers.skew(x5u)),
            retries: 0,
            is_name_shared: is_name_shared(signers, facts),
        };
        let examined = examine(&Case {
            here: facts,
            before: None,
            store: tools.store,
            history: &history,
        });
        precedents.accepted(tools.verifier, &examined.causes);
        push_sightings(signers, tools.store, &examined.headers, facts, false);
        return;
    }
    for token in &looked.tokens {
        signers.push(&Sighting {
            x5u: token.x5u.as_deref().unwrap_or_default(),
            attest: token.attest,
            iat: token.iat,
            time: facts.time,
            is_refused: false,
            is_valid: None,
            is_good: None,
        });
    }
}

/// The signers of an examined call.
fn push_sightings(
    signers: &mut Signers,
    store: &Store,
    headers: &[HeaderReport],
    facts: &Facts<'_>,
    is_refused: bool,
) {
    let now = facts.time.nanos().div_euclid(crate::units::NANOS_PER_SEC);
    for header in headers {
        let x5u = header.x5u.as_deref().unwrap_or_default();
        // Files found by their last part alone may be another signer's, unless the token verifies.
        let verified = match &header.signature {
            SignatureCheck::Good { path } => Some(path.as_str()),
            _ => None,
        };
        let mut known = store.candidates(x5u).into_iter();
        let is_valid = known
            .find(|one| match verified {
                Some(path) => one.path == path,
                None => one.place == Place::Exact,
            })
            .map(|one| one.certificate.is_valid_at(now));
        signers.push(&Sighting {
            x5u,
            attest: header.attest,
            iat: header.iat,
            time: facts.time,
            is_refused,
            is_valid,
            is_good: match header.signature {
                SignatureCheck::Good { .. } => Some(true),
                SignatureCheck::Bad { .. } => Some(false),
                SignatureCheck::NotJudged(_) => None,
            },
        });
    }
}
