//! Diagnosis: why a verifier refused a call, as far as the capture shows.
//!
//! In: the INVITE on the hop of the refusal ([`Facts`]), the same INVITE on the hop before if it
//! was captured, the certificates given, what other calls taught ([`History`], [`Precedents`]).
//! Out: [`Diagnosis`]: causes with their grade and evidence, and what was looked at.
//!
//! What always holds: no signature is called good or bad without a certificate; a cause that a
//! verifier answers with another code is no explanation of this one; where several tokens came,
//! one that is wrong proves nothing while another is in order (RFC 8224 §6.2.1); what the same
//! verifier accepted in other calls is not held against this one. Where nothing is left it says
//! `unexplained`.
//!
//! # References
//! - RFC 8224 §6.2; RFC 8225; RFC 8588; RFC 8946 §4.2; the grades are this program's own

mod form;
mod jose;
mod claims;
mod numbers;
mod diversion;
mod freshness;
mod media;
mod credential;
mod certificate;
mod hops;
mod select;

use std::borrow::Cow;

use super::cause::{Cause, CauseId, Grade};
use super::facts::Facts;
use super::identity::{Form, Identity};
use super::number::Level;
use super::passport::{Attest, Passport};
use super::precedents::Precedents;
use super::replay::Reuse;
use super::signers::Skew;
use crate::stir::certificates::Store;
use crate::units::{Flow, Span};

pub use credential::SignatureCheck;

/// One refused call.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// The INVITE on the hop of the refusal, nearest to who refused it.
    pub here: &'a Facts<'a>,
    /// The same INVITE on the hop before, nearer to the caller.
    pub before: Option<&'a Facts<'a>>,
    /// What there is to judge signatures with.
    pub store: &'a Store,
    /// What other calls showed of this one's token.
    pub history: &'a History,
}

/// What only the calls of a whole capture show.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// The token came before.
    pub reuse: Option<Reuse>,
    /// The clock of its signer, or of the capture, is off.
    pub skew: Option<Skew>,
    /// Further INVITEs for this call after its identity had been refused.
    pub retries: u32,
    /// Another signer's certificate has the same file name, so a file found by its name alone may
    /// be either's.
    pub is_name_shared: bool,
}

/// A final answer, or the Reason in another one, that refuses an identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal<'a> {
    /// 403, 428, 436, 437 or 438.
    pub code: u16,
    /// Its phrase or text.
    pub phrase: &'a [u8],
}

/// A verifier's doubt in other words than a code: a `verstat` that it wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Doubt<'a> {
    /// The codes that mean the same, the nearest first.
    pub codes: &'a [u16],
    /// As it was said.
    pub words: &'a str,
}

/// What is to be explained.
struct Sought<'a> {
    codes: &'a [u16],
    words: Cow<'a, str>,
}

/// What was found.
#[derive(Clone, Debug)]
pub struct Diagnosis {
    /// Causes, the one to look at first before the others.
    pub causes: Vec<Cause>,
    /// What was looked at, one entry an Identity value.
    pub headers: Vec<HeaderReport>,
}

/// What one Identity value says, and how it compares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderReport {
    /// Which, counted from 0.
    pub index: u32,
    /// The form's name ([`Form::name`]).
    pub form: &'static str,
    /// The token's type.
    pub ppt: Option<String>,
    /// Attestation level.
    pub attest: Option<Attest>,
    /// The origination identifier, by which verifiers log.
    pub origid: Option<String>,
    /// The certificate's URL.
    pub x5u: Option<String>,
    /// When the token was issued, in seconds since 1970, as it says.
    pub iat: Option<i64>,
    /// From `iat` to the capture, where it can be a time.
    pub iat_age: Option<Span>,
    /// From Date to the capture.
    pub date_age: Option<Span>,
    /// How `orig` compares with the caller of the message.
    pub orig: Option<Level>,
    /// How `dest` compares with the callee of the message.
    pub dest: Option<Level>,
    /// Bytes of the value.
    pub bytes: usize,
    /// What came of its signature.
    pub signature: SignatureCheck,
}

/// All that is wrong with a call's identity, whatever it was answered.
#[derive(Clone, Debug)]
pub struct Examined {
    /// In the order in which they are told.
    pub causes: Vec<Cause>,
    /// What was looked at.
    pub headers: Vec<HeaderReport>,
}

/// The types of PASSporT that are judged by rules of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// No `ppt`: RFC 8225 alone.
    Base,
    /// RFC 8588.
    Shaken,
    /// RFC 8946.
    Div,
    /// RFC 8946 §5.
    DivO,
    /// Connected identity: it speaks of the other direction.
    Rsp,
    /// Another registered one.
    Registered,
    /// One that is not registered.
    Unknown,
}

impl Kind {
    fn of(ppt: Option<&str>) -> Self {
        match ppt {
            None => Self::Base,
            Some("shaken") => Self::Shaken,
            Some("div") => Self::Div,
            Some("div-o") => Self::DivO,
            Some("rsp") => Self::Rsp,
            Some(other) if super::passport::REGISTERED.contains(&other) => Self::Registered,
            Some(_) => Self::Unknown,
        }
    }

    /// It says who calls whom, and nothing else decides.
    const fn is_primary(self) -> bool {
        matches!(self, Self::Base | Self::Shaken)
    }

    /// It is part of a chain of diversions.
    const fn is_div(self) -> bool {
        matches!(self, Self::Div | Self::DivO)
    }
}

/// One Identity value with its token.
struct Header<'a> {
    index: u32,
    identity: Identity<'a>,
    passport: Option<Passport>,
    kind: Kind,
}

impl<'a> Header<'a> {
    fn all(facts: &Facts<'a>) -> Vec<Self> {
        facts
            .parsed()
            .into_iter()
            .zip(0..)
            .map(|(identity, index)| {
                let passport = Passport::of(&identity);
                // The token's own header decides which rules apply; the parameter mirrors it.
                let kind = match &passport {
                    Some(passport) if passport.header_object().is_some() => {
                        Kind::of(passport.header_text("ppt").value())
                    }
                    _ => Kind::of(identity.ppt.and_then(|ppt| std::str::from_utf8(ppt).ok())),
                };
                Self {
                    index,
                    identity,
                    passport,
                    kind,
                }
            })
            .collect()
    }

    /// The certificate's URL: the token's, or `info`.
    fn x5u(&self) -> Option<String> {
        let in_token = self
            .passport
            .as_ref()
            .and_then(|passport| passport.header_text("x5u").value());
        in_token
            .map(ToOwned::to_owned)
            .or_else(|| self.identity.info.map(lossy))
    }

    /// Its claims, if they can be read.
    fn claims(&self) -> Option<&Passport> {
        self.passport
            .as_ref()
            .filter(|passport| passport.claims().is_some())
    }

    const fn is_legacy(&self) -> bool {
        matches!(self.identity.form, Form::Legacy)
    }
}

/// Collects causes of one hop.
struct Found {
    hop: Flow,
    causes: Vec<Cause>,
}

impl Found {
    fn add(&mut self, id: CauseId, grade: Grade, header: Option<u32>, evidence: String) {
        self.causes.push(Cause {
            id,
            grade: Some(grade),
            header,
            hop: self.hop,
            evidence,
            codes: id.codes(),
        });
    }

    /// The same with codes of its own.
    fn add_with_codes(
        &mut self,
        id: CauseId,
        grade: Grade,
        header: Option<u32>,
        evidence: String,
        codes: &'static [u16],
    ) {
        self.add(id, grade, header, evidence);
        if let Some(cause) = self.causes.last_mut() {
            cause.codes = codes;
        }
    }
}

/// Everything that is wrong with the identity of `case`, whatever it was answered.
///
/// Of a message whose head was not captured whole, nothing is claimed.
pub fn examine(case: &Case<'_>) -> Examined {
    let mut found = Found {
        hop: case.here.flow,
        causes: Vec::new(),
    };
    if case.here.is_incomplete {
        return Examined {
            causes: found.causes,
            headers: Vec::new(),
        };
    }
    let headers = Header::all(case.here);
    if headers.is_empty() {
        form::missing(case, &mut found);
    }
    form::examine(case, &headers, &mut found);
    hops::examine(case, &headers, &mut found);
    jose::examine(&headers, &mut found);
    claims::examine(&headers, &mut found);
    let levels = numbers::examine(case, &headers, &mut found);
    freshness::examine(case, &headers, &mut found);
    media::examine(case, &headers, &mut found);
    let checks = credential::examine(case, &headers, &mut found);
    history(case, &mut found);
    let mut reports = Vec::with_capacity(headers.len());
    for ((header, levels), check) in headers.iter().zip(levels).zip(checks) {
        reports.push(report(case, header, levels, check));
    }
    found.causes.sort_by_key(|cause| cause.id);
    Examined {
        causes: found.causes,
        headers: reports,
    }
}

/// Why `refusal` came, as far as the capture shows.
pub fn diagnose(case: &Case<'_>, refusal: &Refusal<'_>, precedents: &Precedents) -> Diagnosis {
    let sought = Sought {
        codes: &[refusal.code],
        words: Cow::Owned(format!("{} {}", refusal.code, quoted(refusal.phrase))),
    };
    explain(case, &sought, precedents)
}

/// Why a verifier had a doubt, as far as the capture shows.
pub fn diagnose_doubt(case: &Case<'_>, doubt: &Doubt<'_>, precedents: &Precedents) -> Diagnosis {
    let sought = Sought {
        codes: doubt.codes,
        words: Cow::Borrowed(doubt.words),
    };
    explain(case, &sought, precedents)
}

fn explain(case: &Case<'_>, sought: &Sought<'_>, precedents: &Precedents) -> Diagnosis {
    let Examined { causes, headers } = examine(case);
    let (causes, customs) = precedents.weigh(case.here.flow.dst.addr, causes);
    Diagnosis {
        causes: select::select(case, sought, (causes, &customs), &headers),
        headers,
    }
}

/// What other calls showed.
fn history(case: &Case<'_>, found: &mut Found) {
    if let Some(reuse) = &case.history.reuse {
        found.add(CauseId::Replay, Grade::Likely, None, reuse.to_string());
    }
    if let Some(skew) = &case.history.skew {
        let (id, grade) = skew.cause();
        found.add(id, grade, None, skew.to_string());
    }
    if case.history.retries > 1 {
        found.add(
            CauseId::RetryStorm,
            Grade::Proven,
            None,
            format!(
                "{} further INVITEs of this call after its identity was refused",
                case.history.retries
            ),
        );
    }
}

fn report(
    case: &Case<'_>,
    header: &Header<'_>,
    (orig, dest): numbers::Levels,
    signature: SignatureCheck,
) -> HeaderReport {
    let passport = header.passport.as_ref();
    let text = |name: &str| passport.and_then(|passport| passport.text(name).value());
    let iat = passport.and_then(|passport| passport.issued_at().seconds());
    HeaderReport {
        index: header.index,
        form: header.identity.form.name(),
        ppt: passport
            .and_then(|passport| passport.header_text("ppt").value())
            .map(ToOwned::to_owned)
            .or_else(|| header.identity.ppt.map(lossy)),
        attest: passport.and_then(Passport::attest),
        origid: text("origid").map(ToOwned::to_owned),
        x5u: header.x5u(),
        iat,
        iat_age: iat
            .filter(|iat| super::passport::is_time(*iat))
            .map(|iat| case.age_of(iat)),
        date_age: case.date().map(|date| case.age_of(date)),
        orig,
        dest,
        bytes: header.identity.value.len(),
        signature,
    }
}

impl Case<'_> {
    /// From a time in seconds since 1970 to the call.
    fn age_of(&self, seconds: i64) -> Span {
        let then = crate::units::Timestamp::from_nanos(
            seconds.saturating_mul(crate::units::NANOS_PER_SEC),
        );
        self.here.time.since(then)
    }

    /// The message's Date, whatever its zone.
    fn date(&self) -> Option<i64> {
        self.here
            .date
            .and_then(|value| match super::date::parse(value) {
                Ok(seconds) | Err(super::date::DateFault::NotGmt(seconds)) => Some(seconds),
                Err(super::date::DateFault::Unreadable) => None,
            })
    }

    /// When the call was made, in seconds since 1970.
    const fn seconds(&self) -> i64 {
        self.here
            .time
            .nanos()
            .div_euclid(crate::units::NANOS_PER_SEC)
    }
}

/// Bytes of the wire as text; what is not UTF-8 is replaced.
fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The same for evidence: cut where it is long.
fn quoted(bytes: &[u8]) -> String {
    const MOST: usize = 96;
    match bytes.get(..MOST) {
        Some(start) if bytes.len() > MOST => format!("{}…", lossy(start)),
        _ => lossy(bytes),
    }
}

/// A hop for people: `192.0.2.1:5060 → 192.0.2.2:5060`.
pub fn hop_text(flow: &Flow) -> String {
    format!("{} → {}", flow.src, flow.dst)
}

#[cfg(test)]
mod tests;
