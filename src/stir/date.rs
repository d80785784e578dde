//! Date: the SIP header field's time.
//!
//! In: its value. Out: seconds since 1970, or what is wrong with it. GMT is the only zone SIP
//! allows, and a verifier may hold a signer to it.
//!
//! # References
//! - RFC 3261 §20.17

use time::PrimitiveDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use crate::sip::value::trim;

const FORMAT: &[BorrowedFormatItem<'_>] = format_description!(
    "[weekday repr:short case_sensitive:false], [day padding:none] \
     [month repr:short case_sensitive:false] [year] [hour]:[minute]:[second]"
);

/// What is wrong with a Date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DateFault {
    /// It names another zone; the time is what it would be in GMT.
    NotGmt(i64),
    /// It has not the form of a date.
    Unreadable,
}

/// Seconds since the Unix epoch.
pub fn parse(value: &[u8]) -> Result<i64, DateFault> {
    let text = std::str::from_utf8(trim(value)).map_err(|_utf8| DateFault::Unreadable)?;
    let (date, zone) = text.rsplit_once(' ').ok_or(DateFault::Unreadable)?;
    let time = PrimitiveDateTime::parse(date.trim_end(), FORMAT)
        .map_err(|_form| DateFault::Unreadable)?
        .assume_utc()
        .unix_timestamp();
    if zone.eq_ignore_ascii_case("GMT") {
        Ok(time)
    } else {
        Err(DateFault::NotGmt(time))
    }
}

/// As a Date field has it; for people.
pub fn write(seconds: i64) -> String {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute]:[second] UTC");
    time::OffsetDateTime::from_unix_timestamp(seconds)
        .ok()
        .and_then(|time| time.format(format).ok())
        .unwrap_or_else(|| format!("{seconds} s after 1970"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_read_in_gmt() {
        assert_eq!(parse(b"Fri, 25 Sep 2015 19:12:25 GMT"), Ok(1_443_208_345));
        assert_eq!(
            parse(b" thu,  1 jan 1970 00:00:07 gmt"),
            Err(DateFault::Unreadable)
        );
        assert_eq!(parse(b"Thu, 1 jan 1970 00:00:07 gmt"), Ok(7));
    }

    #[test]
    fn another_zone_is_told_with_its_time() {
        assert_eq!(
            parse(b"Fri, 25 Sep 2015 19:12:25 EST"),
            Err(DateFault::NotGmt(1_443_208_345))
        );
    }

    #[test]
    fn what_is_no_date_is_unreadable() {
        for text in [
            "",
            "yesterday",
            "2015-09-25T19:12:25Z",
            "Fri, 45 Sep 2015 19:12:25 GMT",
        ] {
            assert_eq!(parse(text.as_bytes()), Err(DateFault::Unreadable), "{text}");
        }
        assert_eq!(parse(b"\xff\xfe GMT"), Err(DateFault::Unreadable));
    }
}
