//! Freshness: `iat`, Date and the time of capture.
//!
//! The time of capture stands for the verifier's clock. Where all signers seem off by the same
//! time it is the capture that is, and its clock is held against nobody. Where `iat` and Date are
//! apart, it says which of them is off: an old token is no fault of who wrote a fresh Date.
//!
//! # References
//! - RFC 8224 §6.2 step 4 (60 s); RFC 3261 §20.17 (Date); RFC 8946 §4.2 (older tokens of a chain)

use super::diversion::Chain;
use super::{Case, Found, Header, quoted};
use crate::stir::cause::{CauseId, Grade};
use crate::stir::date::{self, DateFault};
use crate::stir::passport;
use crate::stir::signers::Scope;
use crate::units::Span;

/// How far times may be apart (RFC 8224 §6.2).
pub(super) const FRESH: Span = Span::from_secs(60);

/// The same in seconds.
const FRESH_SECONDS: u64 = 60;

/// How old the first token of a diverted call may be (DOMAIN D.4: transfers take their time).
const FRESH_BEFORE_DIVERSION: Span = Span::from_secs(3 * 3600);

/// How far in the future an `iat` may be; some verifiers allow nothing.
const FUTURE: Span = Span::from_secs(5);

pub(super) fn examine(case: &Case<'_>, headers: &[Header<'_>], found: &mut Found) {
    let clock = Clock::of(case);
    let is_diverted = !Chain::of(headers).is_empty();
    for header in headers {
        let Some(iat) = header
            .passport
            .as_ref()
            .and_then(|passport| passport.issued_at().seconds())
        else {
            continue;
        };
        if !passport::is_time(iat) {
            let evidence = implausible(iat);
            let index = Some(header.index);
            found.add(CauseId::IatImplausible, Grade::Likely, index, evidence);
            continue;
        }
        Token {
            case,
            clock: &clock,
            index: header.index,
            iat,
            // What a diversion leaves behind is as old as the call.
            is_inner: is_diverted && !header.kind.is_div(),
        }
        .examine(found);
    }
    let is_signed = headers.iter().any(|header| !header.is_legacy());
    if is_signed {
        date_alone(case, &clock, found);
    }
}

/// The clock of the capture.
struct Clock {
    /// By how much it is ahead, where all signers say so.
    ahead: Option<Span>,
}

impl Clock {
    fn of(case: &Case<'_>) -> Self {
        let skew = case.history.skew.as_ref();
        Self {
            ahead: skew
                .filter(|skew| skew.scope == Scope::Capture)
                .map(|skew| skew.median),
        }
    }

    /// From a time to the call, by this clock set right.
    fn age_of(&self, case: &Case<'_>, seconds: i64) -> Span {
        let age = case.age_of(seconds).nanos();
        Span::from_nanos(age.saturating_sub(self.ahead.map_or(0, Span::nanos)))
    }

    /// Whether a time is that of the call, give or take what a verifier allows.
    fn is_of_call(&self, case: &Case<'_>, seconds: i64) -> bool {
        self.age_of(case, seconds).nanos().saturating_abs() <= FRESH.nanos()
    }
}

/// What an `iat` that is no time may be.
fn implausible(iat: i64) -> String {
    let units = [
        (1_000, "milliseconds"),
        (1_000_000, "microseconds"),
        (1_000_000_000, "nanoseconds"),
    ];
    let unit = units
        .into_iter()
        .find(|(a_second, _)| passport::is_time(iat / a_second));
    match unit {
        Some((a_second, name)) => format!(
            "iat {iat} is no number of seconds; in {name} it is {}",
            date::write(iat / a_second)
        ),
        None => format!("iat {iat} is {}", date::write(iat)),
    }
}

/// The time at which a token was issued, beside the others there are.
struct Token<'a> {
    case: &'a Case<'a>,
    clock: &'a Clock,
    index: u32,
    iat: i64,
    is_inner: bool,
}

impl Token<'_> {
    fn examine(&self, found: &mut Found) {
        // A Date that the token contradicts.
        let other = self
            .case
            .date()
            .filter(|date| !self.is_inner && self.iat.abs_diff(*date) > FRESH_SECONDS);
        let is_of_call = |seconds| self.clock.is_of_call(self.case, seconds);
        let is_own_fault = other.is_some() && !is_of_call(self.iat);
        // Without Date to vouch for it, a clock that is off is held against nobody.
        let witness = other.filter(|date| is_own_fault && is_of_call(*date));
        if self.clock.ahead.is_none() || witness.is_some() {
            self.against_capture(witness, is_own_fault, found);
        }
        if let Some(date) = other.filter(|_| witness.is_none()) {
            self.against_date(date, found);
        }
    }

    /// The token is too old or from the future. `witness`: a Date that says that it is the token
    /// and no clock. `is_contradicted`: it is not Date's, which verifiers answer with 438 as well.
    fn against_capture(&self, witness: Option<i64>, is_contradicted: bool, found: &mut Found) {
        let age = self.clock.age_of(self.case, self.iat);
        let limit = if self.is_inner {
            FRESH_BEFORE_DIVERSION
        } else {
            FRESH
        };
        let (id, relation) = match () {
            () if age > limit => (CauseId::StaleIat, "before"),
            () if age.nanos() < -FUTURE.nanos() => (CauseId::FutureIat, "after"),
            () => return,
        };
        let corrected = if self.clock.ahead.is_some() {
            ", its clock corrected by what the tokens of all signers seem off"
        } else {
            ""
        };
        let witness = witness.map_or_else(String::new, |date| {
            format!("; Date {} is of the time of the call", date::write(date))
        });
        let evidence = format!(
            "iat {} ({}), {:.0} s {relation} the INVITE was captured{corrected}{witness}",
            date::write(self.iat),
            self.iat,
            age.as_secs_f64().abs()
        );
        let index = Some(self.index);
        if is_contradicted {
            found.add_with_codes(id, Grade::Likely, index, evidence, &[403, 438]);
        } else {
            found.add(id, Grade::Likely, index, evidence);
        }
    }

    /// The token and Date are apart, and it is not the token alone that is off.
    fn against_date(&self, date: i64, found: &mut Found) {
        let is_of_call = |seconds| self.clock.is_of_call(self.case, seconds);
        let which = match (is_of_call(self.iat), is_of_call(date)) {
            (true, false) => "; the token is of the time of the call, Date is not",
            (false, _) => "; neither is of the time of the call",
            (true, true) => "",
        };
        found.add(
            CauseId::IatVsDate,
            Grade::Likely,
            Some(self.index),
            format!(
                "iat {} ({}), Date {}: {} s apart{which}",
                date::write(self.iat),
                self.iat,
                date::write(date),
                self.iat.abs_diff(date)
            ),
        );
    }
}

fn date_alone(case: &Case<'_>, clock: &Clock, found: &mut Found) {
    let Some(value) = case.here.date else {
        found.add(
            CauseId::StaleDate,
            Grade::Likely,
            None,
            "the INVITE has no Date".to_owned(),
        );
        return;
    };
    let (id, words) = match date::parse(value) {
        Ok(date) => {
            let age = case.age_of(date);
            if clock.ahead.is_some() || age.nanos().saturating_abs() <= FRESH.nanos() {
                return;
            }
            let (id, relation) = if age.nanos() > 0 {
                (CauseId::StaleDate, "before")
            } else {
                (CauseId::FutureDate, "after")
            };
            let words = format!(
                "Date {}, {:.0} s {relation} the INVITE was captured",
                date::write(date),
                age.as_secs_f64().abs()
            );
            (id, words)
        }
        Err(DateFault::NotGmt(_)) => (
            CauseId::StaleDate,
            format!("Date is not in GMT: {}", quoted(value)),
        ),
        Err(DateFault::Unreadable) => (
            CauseId::StaleDate,
            format!("Date cannot be read: {}", quoted(value)),
        ),
    };
    found.add(id, Grade::Likely, None, words);
}
