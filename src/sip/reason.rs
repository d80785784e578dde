//! `Reason`: why a request was sent, or what is behind a response.
//!
//! In: a message, or one value of the field. Out: [`Reason`]s over the wire bytes. Always: reading
//! allocates nothing; what is not there is `None`. A value without a readable cause is one all the
//! same: `X.int;reasoncode=0x00000000` is seen.
//!
//! # References
//! - RFC 3326 §2, RFC 8606 (`location`), RFC 9366 (several values of one protocol), RFC 9410 (STIR)

use super::Message;
use super::field::Name;
use super::value::{digits, find_outside, parameters, trim};

/// One value of `Reason`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reason<'a> {
    /// All of it, as sent.
    pub value: &'a [u8],
    /// `SIP`, `Q.850`, `STIR`, …, as sent.
    pub protocol: &'a [u8],
    /// The cause, a number of the protocol's own.
    pub cause: Option<u32>,
    /// The sender's words, without quotes; escapes are kept.
    pub text: Option<&'a [u8]>,
    /// Where in the telephone network it arose: `U`, `LN`, `TN`, … (RFC 8606 §4).
    pub location: Option<&'a [u8]>,
    /// The PASSporT it is about (RFC 9410 §6).
    pub ppi: Option<&'a [u8]>,
}

impl<'a> Reason<'a> {
    /// Reads one value, not a list.
    pub fn parse(value: &'a [u8]) -> Option<Self> {
        let value = trim(value);
        let end = find_outside(value, b';').unwrap_or(value.len());
        let protocol = trim(value.get(..end)?);
        if protocol.is_empty() {
            return None;
        }
        let mut reason = Self {
            value,
            protocol,
            cause: None,
            text: None,
            location: None,
            ppi: None,
        };
        for (name, value) in parameters(value) {
            if name.eq_ignore_ascii_case(b"cause") {
                reason.cause = reason.cause.or_else(|| digits(value));
                continue;
            }
            let place = if name.eq_ignore_ascii_case(b"text") {
                &mut reason.text
            } else if name.eq_ignore_ascii_case(b"location") {
                &mut reason.location
            } else if name.eq_ignore_ascii_case(b"ppi") {
                &mut reason.ppi
            } else {
                continue;
            };
            place.get_or_insert(value);
        }
        Some(reason)
    }

    /// All values of a message, in order.
    pub fn all(message: &Message<'a>) -> impl Iterator<Item = Self> + use<'a> {
        message.items(Name::Reason).filter_map(Self::parse)
    }

    /// Whether it is of `protocol`, in any case.
    pub fn is(&self, protocol: &str) -> bool {
        self.protocol.eq_ignore_ascii_case(protocol.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_is_found_in_any_order() {
        let value = b"Q.850 ;cause=21 ; text=\"v=analytics1;url=https://a.example/r\";location=LN";
        assert_eq!(
            Reason::parse(value),
            Some(Reason {
                value,
                protocol: b"Q.850",
                cause: Some(21),
                text: Some(b"v=analytics1;url=https://a.example/r"),
                location: Some(b"LN"),
                ppi: None,
            })
        );
        let reason = Reason::parse(b"stir;TEXT=\"a\";ppi=\"ab..cd\";cause=438").expect("a reason");
        assert!(reason.is("STIR") && !reason.is("SIP"));
        assert_eq!(reason.cause, Some(438));
        assert_eq!(reason.ppi, Some(b"ab..cd".as_slice()));
    }

    #[test]
    fn a_cause_that_is_no_number_is_none_and_the_rest_stays() {
        for value in ["X.int;reasoncode=0x1;add-info=2", "SIP;cause=twelve", "SIP"] {
            let reason = Reason::parse(value.as_bytes()).expect("a reason");
            assert_eq!(reason.cause, None, "{value}");
        }
        assert_eq!(Reason::parse(b";cause=16"), None);
        assert_eq!(Reason::parse(b" "), None);
    }

    #[test]
    fn the_first_of_two_equal_parameters_counts() {
        let reason = Reason::parse(b"Q.850;cause=16;cause=17").expect("a reason");
        assert_eq!(reason.cause, Some(16));
    }
}
