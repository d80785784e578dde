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
    /// Not later.
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
    /// So long after midnight UTC of the capture's first day.
    OnFirstDay(Span),
    /// So long after the capture's first packet.
    AfterStart(Span),
}

impl Moment {
    /// The instant, for a capture that starts at `start`.
    fn resolve(self, start: Timestamp) -> Timestamp {
        match self {
            Self::At(time) => time,
            Self::OnFirstDay(span) => clock::day_start(start).plus(span),
            Self::AfterStart(span) => start.plus(span),
        }
    }
}

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
        let since = self
            .since
            .is_none_or(|moment| response.time >= moment.resolve(start));
        let until = self
            .until
            .is_none_or(|moment| response.time <= moment.resolve(start));
        code && call && host && since && until
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
                Moment::OnFirstDay(secs(midnight_to + 2)),
                Moment::OnFirstDay(secs(midnight_to + 2))
            )),
            1
        );
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
