//! Filter: which responses are printed (`--code`, `--call-id`, `--host`, `--since`, `--until`).
//!
//! In: a response. Out: whether it is printed. It narrows the list of responses only: totals,
//! codes and findings are always those of the whole capture. A filter without conditions keeps all.

use std::net::IpAddr;
use std::ops::RangeInclusive;

use memchr::memmem;

use crate::report::clock;
use crate::report::view::Response;
use crate::units::{Endpoint, Span, Timestamp};

/// Conditions that all must hold; an absent one always holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// The code lies in one of these; empty for any.
    pub codes: Vec<RangeInclusive<u16>>,
    /// The Call-ID contains this.
    pub call_id: Option<String>,
    /// Sender or receiver.
    pub host: Option<Host>,
    /// Not earlier.
    pub since: Option<Moment>,
    /// Not later; one that was given to the second holds all of it.
    pub until: Option<Moment>,
}

/// An address, or one port of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Host {
    /// Address.
    pub addr: IpAddr,
    /// Port; any if absent.
    pub port: Option<u16>,
}

impl Host {
    fn is(self, endpoint: Endpoint) -> bool {
        self.addr == endpoint.addr && self.port.is_none_or(|port| port == endpoint.port)
    }
}

/// A point in the capture's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// An instant.
    At(Timestamp),
    /// So long after midnight UTC of the capture's first day, or of the next: what is more than
    /// half a day before the first packet is the time after midnight.
    OfDay(Span),
    /// So long after the capture's first packet.
    AfterStart(Span),
}

impl Moment {
    /// The instant, for a capture that starts at `start`.
    fn resolve(self, start: Timestamp) -> Timestamp {
        match self {
            Self::At(time) => time,
            Self::OfDay(span) => {
                let time = clock::day_start(start).plus(span);
                if start.since(time) > HALF_A_DAY {
                    time.plus(A_DAY)
                } else {
                    time
                }
            }
            Self::AfterStart(span) => start.plus(span),
        }
    }
}

const A_DAY: Span = Span::from_secs(86_400);
const HALF_A_DAY: Span = Span::from_secs(43_200);

impl Filter {
    /// Whether every response is kept.
    pub fn keeps_all(&self) -> bool {
        *self == Self::default()
    }

    /// Whether `response` is printed.
    pub fn keeps(&self, response: &Response<'_>) -> bool {
        // A response always follows the first packet, so without a start its own time stands in.
        let start = response.capture_start.unwrap_or(response.time);
        let code = self.codes.is_empty()
            || self
                .codes
                .iter()
                .any(|range| range.contains(&response.code));
        let call = self.call_id.as_ref().is_none_or(|wanted| {
            response
                .call_id
                .is_some_and(|id| memmem::find(id.0, wanted.as_bytes()).is_some())
        });
        let host = self
            .host
            .is_none_or(|host| host.is(response.src) || host.is(response.dst));
        let (since, until) = self.window(start);
        let since = since.is_none_or(|since| response.time >= since);
        let until = until.is_none_or(|until| response.time <= until);
        code && call && host && since && until
    }

    /// From when to when, for a capture that starts at `start`. Of two times of day the second
    /// follows the first, across midnight if need be.
    fn window(&self, start: Timestamp) -> (Option<Timestamp>, Option<Timestamp>) {
        let since = self.since.map(|moment| moment.resolve(start));
        let until = self.until.map(|moment| moment.resolve(start));
        let until = match (self.since, self.until, since) {
            (Some(Moment::OfDay(_)), Some(Moment::OfDay(until)), Some(since)) => {
                let same_day = clock::day_start(since).plus(until);
                Some(if same_day < since {
                    same_day.plus(A_DAY)
                } else {
                    same_day
                })
            }
            _ => until,
        };
        (since, until)
    }

    /// Whether no time can be both from `since` on and up to `until`.
    pub fn is_reversed(&self) -> bool {
        match (self.since, self.until) {
            (Some(Moment::At(since)), Some(Moment::At(until))) => since > until,
            (Some(Moment::AfterStart(since)), Some(Moment::AfterStart(until))) => since > until,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    fn kept(filter: &Filter) -> usize {
        fixture::responses(1000)
            .iter()
            .filter(|row| filter.keeps(&row.response()))
            .count()
    }

    #[test]
    fn an_empty_filter_keeps_all() {
        assert!(Filter::default().keeps_all());
        assert_eq!(kept(&Filter::default()), 1000);
    }

    #[test]
    fn codes_are_kept_by_range() {
        let filter = Filter {
            codes: vec![438..=438],
            ..Filter::default()
        };
        assert_eq!(kept(&filter), 250);
    }

    #[test]
    fn a_host_is_sender_or_receiver_and_its_port_counts() {
        let host = |port| Filter {
            host: Some(Host {
                addr: [10, 2, 0, 1].into(),
                port,
            }),
            ..Filter::default()
        };
        assert_eq!(kept(&host(None)), 1000);
        assert_eq!(kept(&host(Some(5060))), 1000);
        assert_eq!(kept(&host(Some(5061))), 0);
    }

    #[test]
    fn times_count_from_the_capture_or_its_first_day() {
        // The fixture's responses come every 100 ms from 1 s after the first packet, 14:13:20.
        let between = |since, until| Filter {
            since: Some(since),
            until: Some(until),
            ..Filter::default()
        };
        let secs = Span::from_secs;
        assert_eq!(
            kept(&between(
                Moment::AfterStart(secs(1)),
                Moment::AfterStart(secs(2))
            )),
            11
        );
        let midnight_to = 14 * 3600 + 13 * 60 + 20;
        assert_eq!(
            kept(&between(
                Moment::OfDay(secs(midnight_to + 2)),
                Moment::OfDay(secs(midnight_to + 2))
            )),
            1
        );
    }

    #[test]
    fn two_times_of_day_may_have_midnight_between_them() {
        let day = 86_400;
        let of = |hours: i64, minutes: i64, seconds: i64| {
            Moment::OfDay(Span::from_secs((hours * 60 + minutes) * 60 + seconds))
        };
        let window = |since, until, start: i64| {
            let filter = Filter {
                since,
                until,
                ..Filter::default()
            };
            let at = |time: Timestamp| time.nanos() / 1_000_000_000;
            let (since, until) = filter.window(Timestamp::from_nanos(start * 1_000_000_000));
            (since.map(at), until.map(at))
        };
        let evening = day - 90;
        let morning = 10 * 3600;
        for start in [evening, morning] {
            assert_eq!(
                window(Some(of(23, 59, 50)), Some(of(0, 0, 10)), start),
                (Some(day - 10), Some(day + 10))
            );
        }
        // Of a capture that began before midnight, the small hours are those of the next day.
        assert_eq!(
            window(Some(of(0, 0, 5)), Some(of(0, 0, 10)), evening),
            (Some(day + 5), Some(day + 10))
        );
        assert_eq!(
            window(None, Some(of(0, 0, 10)), evening),
            (None, Some(day + 10))
        );
        // A little before the first packet is before it.
        assert_eq!(
            window(Some(of(9, 0, 0)), Some(of(9, 30, 0)), morning),
            (Some(9 * 3600), Some(9 * 3600 + 1800))
        );
    }

    #[test]
    fn what_begins_after_its_end_is_reversed() {
        let reversed = |since, until| {
            let filter = Filter {
                since: Some(since),
                until: Some(until),
                ..Filter::default()
            };
            filter.is_reversed()
        };
        let after = |seconds| Moment::AfterStart(Span::from_secs(seconds));
        let at = |seconds| Moment::At(Timestamp::from_nanos(seconds));
        assert!(reversed(after(2), after(1)) && reversed(at(2), at(1)));
        assert!(!reversed(after(1), after(1)) && !reversed(at(1), after(0)));
        let of_day = |seconds| Moment::OfDay(Span::from_secs(seconds));
        assert!(!reversed(of_day(2), of_day(1)));
    }

    #[test]
    fn a_part_of_the_call_id_is_enough() {
        let filter = Filter {
            call_id: Some("all-00000999@".to_owned()),
            ..Filter::default()
        };
        assert_eq!(kept(&filter), 1);
    }
}
