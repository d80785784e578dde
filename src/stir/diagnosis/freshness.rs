//! Freshness: `iat`, Date and the time of capture.
//!
//! The time of capture stands for the verifier's clock. Where all signers seem off by the same
//! time it is the capture that is, and its clock is held against nobody.
//!
//! # References
//! - RFC 8224 §6.2 step 4 (60 s); RFC 3261 §20.17 (Date); RFC 8946 §4.2 (older tokens of a chain)

use super::diversion::Chain;
use super::{Case, Found, Header, quoted};
use crate::stir::cause::{CauseId, Grade};
use crate::stir::date::{self, DateFault};
use crate::stir::signers::Scope;
use crate::units::Span;

/// How far times may be apart (RFC 8224 §6.2).
pub(super) const FRESH: Span = Span::from_secs(60);

/// How old the first token of a diverted call may be (DOMAIN D.4: transfers take their time).
const FRESH_BEFORE_DIVERSION: Span = Span::from_secs(3 * 3600);

/// How far in the future an `iat` may be; some verifiers allow nothing.
const FUTURE: Span = Span::from_secs(5);

pub(super) fn examine(case: &Case<'_>, headers: &[Header<'_>], found: &mut Found) {
    let is_capture_off = case
        .history
        .skew
        .as_ref()
        .is_some_and(|skew| skew.scope == Scope::Capture);
    let is_diverted = !Chain::of(headers).is_empty();
    for header in headers {
        let Some(iat) = header
            .passport
            .as_ref()
            .and_then(|passport| passport.issued_at().seconds())
        else {
            continue;
        };
        // What a diversion leaves behind is as old as the call.
        let is_inner = is_diverted && !header.kind.is_div();
        if !is_capture_off {
            against_capture(case, header, iat, is_inner, found);
        }
        against_date(case, header, iat, is_inner, found);
    }
    let is_signed = headers.iter().any(|header| !header.is_legacy());
    if is_signed {
        date_alone(case, is_capture_off, found);
    }
}

fn against_capture(
    case: &Case<'_>,
    header: &Header<'_>,
    iat: i64,
    is_inner: bool,
    found: &mut Found,
) {
    let age = case.age_of(iat);
    let limit = if is_inner {
        FRESH_BEFORE_DIVERSION
    } else {
        FRESH
    };
    let evidence = |relation: &str| {
        format!(
            "iat {} ({iat}), {:.0} s {relation} the INVITE was captured",
            date::write(iat),
            age.as_secs_f64().abs()
        )
    };
    let index = Some(header.index);
    if age > limit {
        found.add(CauseId::StaleIat, Grade::Likely, index, evidence("before"));
    } else if age.nanos() < -FUTURE.nanos() {
        found.add(CauseId::FutureIat, Grade::Likely, index, evidence("after"));
    }
}

fn against_date(case: &Case<'_>, header: &Header<'_>, iat: i64, is_inner: bool, found: &mut Found) {
    let Some(date) = case.date() else { return };
    let apart = iat.abs_diff(date);
    if apart > FRESH.nanos().unsigned_abs() / 1_000_000_000 && !is_inner {
        found.add(
            CauseId::IatVsDate,
            Grade::Likely,
            Some(header.index),
            format!(
                "iat {} ({iat}), Date {}: {apart} s apart",
                date::write(iat),
                date::write(date)
            ),
        );
    }
}

fn date_alone(case: &Case<'_>, is_capture_off: bool, found: &mut Found) {
    let Some(value) = case.here.date else {
        found.add(
            CauseId::StaleDate,
            Grade::Likely,
            None,
            "the INVITE has no Date".to_owned(),
        );
        return;
    };
    let words = match date::parse(value) {
        Ok(date) => {
            let age = case.age_of(date);
            if is_capture_off || age.nanos().saturating_abs() <= FRESH.nanos() {
                return;
            }
            let relation = if age.nanos() > 0 { "before" } else { "after" };
            format!(
                "Date {}, {:.0} s {relation} the INVITE was captured",
                date::write(date),
                age.as_secs_f64().abs()
            )
        }
        Err(DateFault::NotGmt(_)) => format!("Date is not in GMT: {}", quoted(value)),
        Err(DateFault::Unreadable) => format!("Date cannot be read: {}", quoted(value)),
    };
    found.add(CauseId::StaleDate, Grade::Likely, None, words);
}
