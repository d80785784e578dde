//! Values of options: text of the command line becomes types.
//!
//! In: one option's text. Out: its value, or a sentence saying what is wrong with it. Pure.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::str::FromStr;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::args::Document;
use crate::pipeline;
use crate::report::filter::{Host, Moment};
use crate::report::schema;
use crate::report::view::Severity;
use crate::units::{FileIndex, FrameNo, FrameRef, NANOS_PER_SEC, Span, Timestamp};

/// An item of `--code`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Codes(pub(super) RangeInclusive<u16>);

impl FromStr for Codes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a code (438), class (4xx) or range (400-499)");
        let number = |text: &str| {
            let digits = text.len() == 3 && text.bytes().all(|b| b.is_ascii_digit());
            let code = if digits { text.parse().ok() } else { None };
            code.filter(|code| (100..=699).contains(code))
                .ok_or_else(wrong)
        };
        let lower = text.to_ascii_lowercase();
        if let Some(class) = lower.strip_suffix("xx") {
            let first = number(&format!("{class}00"))?;
            return Ok(Self(first..=first + 99));
        }
        match text.split_once('-') {
            Some((first, last)) => {
                let (first, last) = (number(first)?, number(last)?);
                if first > last {
                    return Err(format!("`{text}` ends before it starts"));
                }
                Ok(Self(first..=last))
            }
            None => number(text).map(|code| Self(code..=code)),
        }
    }
}

/// An item of `--fail-on`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum FailOn {
    /// A finding at least as bad.
    Severity(Severity),
    /// A finding of this rule, from severity warning up.
    Rule(&'static str),
}

impl FromStr for FailOn {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let severities = Severity::ALL;
        if let Some(severity) = severities.into_iter().find(|it| it.name() == text) {
            return Ok(Self::Severity(severity));
        }
        let rule = pipeline::RULES.iter().find(|rule| **rule == text);
        rule.map(|rule| Self::Rule(rule)).ok_or_else(|| {
            format!(
                "`{text}` is neither a severity (critical, error, warning, info) nor a rule ({})",
                pipeline::RULES.join(", ")
            )
        })
    }
}

impl FailOn {
    /// Whether a finding of `rule` and `severity` matches.
    pub(super) fn matches(&self, rule: &str, severity: Severity) -> bool {
        // Severities are ordered worst first.
        match self {
            Self::Severity(least) => severity <= *least,
            Self::Rule(name) => *name == rule && severity <= Severity::Warning,
        }
    }
}

impl From<Document> for schema::Document {
    fn from(document: Document) -> Self {
        match document {
            Document::Report => Self::Report,
            Document::Ndjson => Self::Ndjson,
            Document::Explain => Self::Explain,
            Document::Compare => Self::Compare,
            Document::Catalogue => Self::Catalogue,
            Document::Diff => Self::Diff,
            Document::Show => Self::Show,
            Document::Manifest => Self::Manifest,
        }
    }
}

/// `--redact-key`. A variable that is not set makes it empty, and with an empty key anybody can compute the
/// pseudonyms again.
pub(super) fn key(text: &str) -> Result<String, String> {
    if text.trim().is_empty() {
        return Err(
            "with an empty key anybody can tell who the pseudonyms stand for; is the variable set? without this option the key is random, and --redact alone asks for that"
                .to_owned(),
        );
    }
    Ok(text.to_owned())
}

/// A length of time above zero: `60s`, `2m`, `500ms`, `1h`, or seconds without a unit.
pub(super) fn positive_span(text: &str) -> Result<Span, String> {
    let wrong = || format!("`{text}` is not a length of time such as 60s, 2m, 500ms or 1h");
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit: i64 = match text.strip_prefix(digits) {
        Some("ms") => NANOS_PER_SEC / 1000,
        Some("s" | "") => NANOS_PER_SEC,
        Some("m" | "min") => 60 * NANOS_PER_SEC,
        Some("h") => 3600 * NANOS_PER_SEC,
        _ => return Err(wrong()),
    };
    let nanos = decimal(digits, unit).ok_or_else(wrong)?;
    if nanos > 0 {
        Ok(Span::from_nanos(nanos))
    } else {
        Err(wrong())
    }
}

/// `digits[.digits]` times `unit` nanoseconds, exactly.
fn decimal(text: &str, unit: i64) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !is_number(whole) || !is_number(fraction) || fraction.len() > 9 {
        return None;
    }
    let scale = 10_i128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let digits: i128 = whole.parse::<i128>().ok()?.checked_mul(scale)?;
    let digits = digits.checked_add(fraction.parse().ok()?)?;
    i64::try_from(digits.checked_mul(i128::from(unit))? / scale).ok()
}

/// A frame: its number, or `FILE:N`.
pub(super) fn frame(text: &str) -> Result<FrameRef, String> {
    let (file, no) = text.split_once(':').unwrap_or(("0", text));
    let file = file.parse().ok().map(FileIndex);
    let no = no.parse().ok().filter(|no| *no > 0).map(FrameNo);
    match (file, no) {
        (Some(file), Some(no)) => Ok(FrameRef { file, no }),
        _ => Err(format!(
            "`{text}` is not a frame's number, from 1 (12), or that of a capture's frame (1:12)"
        )),
    }
}

/// A number from 0 to 1.
pub(super) fn fraction(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if (0.0..=1.0).contains(&value) => Ok(value),
        _ => Err(format!("`{text}` is not a number from 0 to 1")),
    }
}

/// `ADDR[:PORT]`, IPv6 with a port in brackets.
pub(super) fn host(text: &str) -> Result<Host, String> {
    if let Ok(socket) = text.parse::<SocketAddr>() {
        return Ok(Host {
            addr: socket.ip(),
            port: Some(socket.port()),
        });
    }
    let bare = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    match bare.unwrap_or(text).parse::<IpAddr>() {
        Ok(addr) => Ok(Host { addr, port: None }),
        Err(_) => Err(format!(
            "`{text}` is not an address such as 10.0.0.1, 10.0.0.1:5060 or [2001:db8::1]:5060"
        )),
    }
}

/// An RFC 3339 time, `HH:MM:SS` or `+SECONDS`.
pub(super) fn moment(text: &str) -> Result<Moment, String> {
    let wrong = || format!("`{text}` is not a time such as 2026-09-21T14:13:20Z, 14:13:20 or +90");
    if let Some(seconds) = text.strip_prefix('+') {
        let nanos = decimal(seconds, NANOS_PER_SEC).ok_or_else(wrong)?;
        return Ok(Moment::AfterStart(Span::from_nanos(nanos)));
    }
    if let Ok(time) = OffsetDateTime::parse(text, &Rfc3339) {
        let nanos = i64::try_from(time.unix_timestamp_nanos());
        return nanos
            .map(|nanos| Moment::At(Timestamp::from_nanos(nanos)))
            .map_err(|_out_of_range| format!("`{text}` is not in the years 1678 to 2261"));
    }
    of_day(text).map(Moment::OfDay).ok_or_else(wrong)
}

/// The same as an end: where it was given to the second, all of that second is before it, as the
/// report prints times to the second.
pub(super) fn last_moment(text: &str) -> Result<Moment, String> {
    let moment = moment(text)?;
    if text.contains('.') {
        return Ok(moment);
    }
    let rest = Span::from_nanos(NANOS_PER_SEC - 1);
    let add = |span: Span| Span::from_nanos(span.nanos().saturating_add(rest.nanos()));
    Ok(match moment {
        Moment::At(time) => Moment::At(time.plus(rest)),
        Moment::OfDay(span) => Moment::OfDay(add(span)),
        Moment::AfterStart(span) => Moment::AfterStart(add(span)),
    })
}

/// `HH:MM:SS[.fraction]` or `HH:MM` as time since midnight.
fn of_day(text: &str) -> Option<Span> {
    let mut parts = text.split(':');
    let mut whole = |max: i64| -> Option<i64> {
        let part = parts.next()?;
        let value = decimal(part, 1)?;
        (part.len() == 2 && value <= max).then_some(value)
    };
    let minutes = whole(23)? * 60 + whole(59)?;
    let seconds = decimal(parts.next().unwrap_or("0"), NANOS_PER_SEC)?;
    let fits = seconds <= 60 * NANOS_PER_SEC && parts.next().is_none();
    fits.then(|| Span::from_nanos(minutes * 60 * NANOS_PER_SEC + seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_a_code_a_class_or_a_range() {
        let parsed = |text: &str| text.parse::<Codes>().ok().map(|codes| codes.0);
        assert_eq!(parsed("438"), Some(438..=438));
        assert_eq!(parsed("4xx"), Some(400..=499));
        assert_eq!(parsed("6XX"), Some(600..=699));
        assert_eq!(parsed("400-499"), Some(400..=499));
        for wrong in [
            "", "4x", "99", "700", "7xx", "499-400", "438 ", "+43", "400-", "xx", "éxx",
        ] {
            assert_eq!(parsed(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn lengths_have_units() {
        let parsed = |text| positive_span(text).ok().map(Span::nanos);
        assert_eq!(parsed("60s"), Some(60 * NANOS_PER_SEC));
        assert_eq!(parsed("60"), Some(60 * NANOS_PER_SEC));
        assert_eq!(parsed("1.5m"), Some(90 * NANOS_PER_SEC));
        assert_eq!(parsed("500ms"), Some(NANOS_PER_SEC / 2));
        for wrong in [
            "",
            "s",
            "0s",
            "-1s",
            "1d",
            "1.s",
            "99999999999999h",
            "1e9s",
            "é",
        ] {
            assert_eq!(parsed(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn times_are_absolute_of_the_day_or_from_the_start() {
        let at = Moment::At(Timestamp::from_nanos(1_790_000_000_500_000_000));
        assert_eq!(moment("2026-09-21T14:13:20.5Z"), Ok(at));
        assert_eq!(moment("2026-09-21T16:13:20.5+02:00"), Ok(at));
        let of_day = Moment::OfDay(Span::from_millis(51_200_500));
        assert_eq!(moment("14:13:20.5"), Ok(of_day));
        assert_eq!(moment("14:13"), Ok(Moment::OfDay(Span::from_secs(51_180))));
        assert_eq!(
            moment("+1.5"),
            Ok(Moment::AfterStart(Span::from_millis(1500)))
        );
        for wrong in [
            "",
            "+",
            "yesterday",
            "24:00:00",
            "1:2:3",
            "14:13:61",
            "14:13:20:1",
            "9999-01-01T00:00:00Z",
        ] {
            assert!(moment(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_end_to_the_second_holds_all_of_that_second() {
        let of_day = |nanos| Ok(Moment::OfDay(Span::from_nanos(nanos)));
        let second = 51_200 * NANOS_PER_SEC;
        assert_eq!(last_moment("14:13:20"), of_day(second + 999_999_999));
        assert_eq!(
            last_moment("14:13:20.5"),
            of_day(second + NANOS_PER_SEC / 2)
        );
        let at = |nanos| Ok(Moment::At(Timestamp::from_nanos(nanos)));
        assert_eq!(
            last_moment("2026-09-21T14:13:20Z"),
            at(1_790_000_000_999_999_999)
        );
        assert_eq!(
            last_moment("2026-09-21T14:13:20.5Z"),
            at(1_790_000_000_500_000_000)
        );
        let after = Moment::AfterStart(Span::from_nanos(90_999_999_999));
        assert_eq!(last_moment("+90"), Ok(after));
        assert!(last_moment("yesterday").is_err());
    }

    #[test]
    fn hosts_may_have_a_port() {
        let parsed = |text| {
            host(text)
                .ok()
                .map(|host| (host.addr.to_string(), host.port))
        };
        assert_eq!(parsed("10.0.0.1"), Some(("10.0.0.1".to_owned(), None)));
        assert_eq!(
            parsed("10.0.0.1:5060"),
            Some(("10.0.0.1".to_owned(), Some(5060)))
        );
        assert_eq!(parsed("::1"), Some(("::1".to_owned(), None)));
        assert_eq!(parsed("[::1]"), Some(("::1".to_owned(), None)));
        assert_eq!(parsed("[::1]:5060"), Some(("::1".to_owned(), Some(5060))));
        assert_eq!(parsed("pbx"), None);
    }

    #[test]
    fn a_rule_counts_from_warning_up_and_a_severity_means_at_least() {
        let rule: FailOn = "missing-ack".parse().unwrap();
        assert!(rule.matches("missing-ack", Severity::Warning));
        assert!(!rule.matches("missing-ack", Severity::Info));
        assert!(!rule.matches("identity-burst", Severity::Critical));
        let error: FailOn = "error".parse().unwrap();
        assert!(error.matches("anything", Severity::Critical));
        assert!(!error.matches("anything", Severity::Warning));
        assert!("mising-ack".parse::<FailOn>().is_err());
    }
}
