//! Capture time as text: RFC 3339 for machines, what was asked for (`--time`) for people.
//!
//! In: a [`Timestamp`]. Out: text. Every time of the type's range has a text, so nothing here fails.
//!
//! # References
//! - RFC 3339 §5.6

use std::fmt;

use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{OffsetDateTime, UtcOffset};
use tz::TimeZone;

use crate::units::{NANOS_PER_SEC, Span, Timestamp};

/// How the reports for people print a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimeStyle {
    /// Date and time of day, UTC.
    #[default]
    Utc,
    /// Date and time of day where the report is read.
    Local(&'static TimeZone),
    /// Seconds since the first packet of the capture.
    Relative,
    /// Seconds since the Unix epoch.
    Epoch,
}

/// Days, hours and so on of a time, where people read it.
fn read_at(time: Timestamp, style: TimeStyle) -> OffsetDateTime {
    match style {
        TimeStyle::Local(zone) => civil(time).to_offset(offset(time, zone)),
        TimeStyle::Utc | TimeStyle::Relative | TimeStyle::Epoch => civil(time),
    }
}

/// How far a zone's clocks were ahead of UTC; none where its rules do not reach.
fn offset(time: Timestamp, zone: &TimeZone) -> UtcOffset {
    let seconds = time.nanos().div_euclid(NANOS_PER_SEC);
    zone.find_local_time_type(seconds)
        .ok()
        .and_then(|kind| UtcOffset::from_whole_seconds(kind.ut_offset()).ok())
        .unwrap_or(UtcOffset::UTC)
}

/// What stands behind a time: ` UTC`, ` +02:00`, ` s`.
pub fn zone(time: Timestamp, style: TimeStyle) -> String {
    match style {
        TimeStyle::Utc => " UTC".to_owned(),
        TimeStyle::Local(zone) => {
            let offset = offset(time, zone);
            let sign = if offset.is_negative() { '-' } else { '+' };
            let (hours, minutes, _) = offset.as_hms();
            format!(
                " {sign}{:02}:{:02}",
                hours.unsigned_abs(),
                minutes.unsigned_abs()
            )
        }
        TimeStyle::Relative | TimeStyle::Epoch => " s".to_owned(),
    }
}

/// Days, hours and so on of a time, UTC.
fn civil(time: Timestamp) -> OffsetDateTime {
    // An i64 of nanoseconds spans the years 1677 to 2262, and the type takes -9999 to 9999.
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(time.nanos()))
        .unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// `2026-09-21T14:13:20.123456000Z` (RFC 3339 §5.6, always nine digits).
pub fn rfc3339(time: Timestamp) -> String {
    const FORM: &[BorrowedFormatItem<'_>] =
        format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:9]Z");
    // A date has all these components, so it does not fail.
    civil(time).format(FORM).unwrap_or_default()
}

/// `1790000000.123456000`, seconds since the Unix epoch with nine digits, as tshark prints
/// `frame.time_epoch`.
pub fn epoch(time: Timestamp) -> String {
    let sign = if time.nanos() < 0 { "-" } else { "" };
    let nanos = time.nanos().unsigned_abs();
    format!(
        "{sign}{}.{:09}",
        nanos / 1_000_000_000,
        nanos % 1_000_000_000
    )
}

/// A time to the second for headings and windows, with its date.
pub fn to_second(time: Timestamp, start: Option<Timestamp>, style: TimeStyle) -> String {
    match style {
        TimeStyle::Utc | TimeStyle::Local(_) => {
            let at = read_at(time, style);
            format!("{} {}", Date(at), TimeOfDay(at))
        }
        TimeStyle::Relative | TimeStyle::Epoch => to_micro(time, start, style),
    }
}

/// The time of day to the second; relative and epoch times as [`to_second`].
pub fn of_day(time: Timestamp, start: Option<Timestamp>, style: TimeStyle) -> String {
    match style {
        TimeStyle::Utc | TimeStyle::Local(_) => TimeOfDay(read_at(time, style)).to_string(),
        TimeStyle::Relative | TimeStyle::Epoch => to_micro(time, start, style),
    }
}

/// A time to the microsecond for table rows: the date only where it is not `start`'s.
pub fn to_micro(time: Timestamp, start: Option<Timestamp>, style: TimeStyle) -> String {
    match style {
        TimeStyle::Utc | TimeStyle::Local(_) => {
            let at = read_at(time, style);
            let micros = at.time().microsecond();
            if start.is_some_and(|start| same_day(start, time, style)) {
                format!("{}.{micros:06}", TimeOfDay(at))
            } else {
                format!("{} {}.{micros:06}", Date(at), TimeOfDay(at))
            }
        }
        TimeStyle::Relative => match start {
            Some(start) => seconds(time.since(start)),
            None => seconds(Span::from_nanos(0)),
        },
        TimeStyle::Epoch => seconds(Span::from_nanos(time.nanos())),
    }
}

/// Whether two times fall on one day where people read them.
pub fn same_day(a: Timestamp, b: Timestamp, style: TimeStyle) -> bool {
    read_at(a, style).date() == read_at(b, style).date()
}

/// Midnight UTC of the day of `time`.
pub fn day_start(time: Timestamp) -> Timestamp {
    let into_day = time.nanos().rem_euclid(86_400 * NANOS_PER_SEC);
    time.plus(Span::from_nanos(0_i64.saturating_sub(into_day)))
}

/// `12.345678`, or `-0.000001`.
fn seconds(span: Span) -> String {
    let sign = if span.nanos() < 0 { "-" } else { "" };
    let nanos = span.nanos().unsigned_abs();
    format!(
        "{sign}{}.{:06}",
        nanos / 1_000_000_000,
        nanos % 1_000_000_000 / 1000
    )
}

/// A length of time in the unit people would say it in: `120 ms`, `45 s`, `30 min`, `26 h`.
pub fn length(span: Span) -> String {
    let nanos = span.nanos().unsigned_abs();
    let secs = nanos / 1_000_000_000;
    match secs {
        0 => format!("{} ms", nanos / 1_000_000),
        1..=9 => format!("{secs}.{} s", nanos % 1_000_000_000 / 100_000_000),
        10..=299 => format!("{secs} s"),
        300..=10_799 => format!("{} min", (secs + 30) / 60),
        10_800..=172_799 => format!("{} h", (secs + 1800) / 3600),
        _ => format!("{} days", (secs + 43_200) / 86_400),
    }
}

struct Date(OffsetDateTime);

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let date = self.0.date();
        write!(
            f,
            "{:04}-{:02}-{:02}",
            date.year(),
            u8::from(date.month()),
            date.day()
        )
    }
}

struct TimeOfDay(OffsetDateTime);

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (hour, minute, second) = self.0.time().as_hms();
        write!(f, "{hour:02}:{minute:02}:{second:02}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: Timestamp = Timestamp::from_nanos(1_790_000_000_123_456_789);

    #[test]
    fn machine_time_has_nine_digits_and_z() {
        assert_eq!(rfc3339(T), "2026-09-21T14:13:20.123456789Z");
        assert_eq!(
            rfc3339(Timestamp::from_nanos(0)),
            "1970-01-01T00:00:00.000000000Z"
        );
    }

    #[test]
    fn every_time_of_the_range_has_a_text() {
        assert!(rfc3339(Timestamp::from_nanos(i64::MIN)).starts_with("1677-"));
        assert!(rfc3339(Timestamp::from_nanos(i64::MAX)).starts_with("2262-"));
    }

    #[test]
    fn rows_drop_the_date_only_on_the_first_day() {
        assert_eq!(to_micro(T, Some(T), TimeStyle::Utc), "14:13:20.123456");
        let earlier = Timestamp::from_nanos(T.nanos() - 86_400 * NANOS_PER_SEC);
        assert_eq!(
            to_micro(T, Some(earlier), TimeStyle::Utc),
            "2026-09-21 14:13:20.123456"
        );
    }

    #[test]
    fn local_time_follows_the_zones_rules() {
        let berlin = TimeZone::from_posix_tz("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        let style = TimeStyle::Local(Box::leak(Box::new(berlin)));
        assert_eq!(to_second(T, None, style), "2026-09-21 16:13:20");
        assert_eq!(zone(T, style), " +02:00");
        let winter = T.plus(Span::from_secs(90 * 86_400));
        assert_eq!(of_day(winter, None, style), "15:13:20");
        assert_eq!(zone(winter, style), " +01:00");
        let late = T.plus(Span::from_secs(8 * 3600));
        assert!(same_day(T, late, TimeStyle::Utc) && !same_day(T, late, style));
    }

    #[test]
    fn relative_time_may_be_negative() {
        let start = T.plus(Span::from_millis(1500));
        assert_eq!(to_micro(T, Some(start), TimeStyle::Relative), "-1.500000");
        assert_eq!(
            to_micro(T, Some(start), TimeStyle::Epoch),
            "1790000000.123456"
        );
    }

    #[test]
    fn a_day_starts_at_midnight_before_the_epoch_too() {
        assert_eq!(rfc3339(day_start(T)), "2026-09-21T00:00:00.000000000Z");
        let before = Timestamp::from_nanos(-1);
        assert_eq!(rfc3339(day_start(before)), "1969-12-31T00:00:00.000000000Z");
    }

    #[test]
    fn lengths_are_said_in_their_own_unit() {
        let said = |secs| length(Span::from_secs(secs));
        assert_eq!(
            [said(0), said(2), said(120), said(1800), said(10_800)],
            ["0 ms", "2.0 s", "120 s", "30 min", "3 h"]
        );
    }
}
