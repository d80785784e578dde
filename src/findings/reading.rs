//! Reading: what several rules read from an [`Exchanged`]: who is the last element that was seen,
//! whether a request was left without an answer, and the words and frames that show it.
//!
//! The sender of a request over UDP is a witness: it repeats the request until an answer comes or
//! 64*T1 are over. If it repeats to the end, it had no answer, whatever the tap saw.
//!
//! # References
//! - RFC 3261 §17.1.1.2 (Timers A, B), §17.1.2.2 (E, F), §17.2.1 (G, H), §18.4 (ICMP)

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use super::rule::{CallRef, kept, readable};
use crate::calls::{Exchanged, Final, Hop, Observed, Seen};
use crate::sip::MethodKind;
use crate::units::{Flow, Span, StatusCode, Timestamp};

/// 64*T1 with the T1 of RFC 3261 §17.1.1.1, 500 ms: Timers B, F and H.
pub const TIMEOUT: Span = Span::from_secs(32);

/// T2 in seconds: the longest gap between copies of anything but an INVITE request.
const T2_S: f64 = 4.0;

/// Part of 64*T1 after which no copy but the last can follow (DOMAIN C.5).
const TO_THE_END: f64 = 0.85;

/// One message seen twice on its way through a router or load balancer is seen within this time
/// (DOMAIN C.3).
const SAME_MESSAGE: Span = Span::from_millis(50);

/// How the copies of a message are spaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spacing {
    /// Each gap is twice the one before: Timer A.
    Doubling,
    /// The same up to T2: Timers E and G.
    UpToT2,
}

impl Spacing {
    /// Of the copies of a request.
    pub fn of_request(method: MethodKind) -> Self {
        if method == MethodKind::Invite {
            Self::Doubling
        } else {
            Self::UpToT2
        }
    }

    /// From first to last of `copies`, in seconds, where T1 is `t1` seconds.
    fn span(self, copies: u32, t1: f64) -> f64 {
        let mut gap = t1;
        let mut sum = 0.0;
        for _ in 1..copies.min(64) {
            sum += gap;
            gap *= 2.0;
            if self == Self::UpToT2 {
                gap = gap.min(T2_S);
            }
        }
        sum
    }
}

/// Whether `copies` within `span` are what a sender sends that gives up only when 64*T1 are over.
///
/// T1 is taken from the copies where it is shorter than the usual one; a copy that the tap missed
/// makes it seem longer, never shorter.
pub fn ran_out(spacing: Spacing, copies: u32, span: Span) -> bool {
    let span = span.as_secs_f64();
    let usual = TIMEOUT.as_secs_f64();
    if copies < 5 {
        return false;
    }
    if span >= TO_THE_END * usual {
        return true;
    }
    // T1 of 100 ms to 500 ms: 64*T1 of 6.4 s to 32 s.
    let (mut low, mut high) = (0.1, 0.5);
    if spacing.span(copies, low) > span || spacing.span(copies, high) < span {
        return false;
    }
    for _ in 0..40 {
        let middle = f64::midpoint(low, high);
        if spacing.span(copies, middle) < span {
            low = middle;
        } else {
            high = middle;
        }
    }
    // Timer A's last copy is sent at 63*T1, Timer E's at 59.5*T1 or later. A tap sees them
    // some milliseconds off.
    span >= TO_THE_END * 64.0 * low - 0.1
}

/// How it is known that a request was left without an answer on a hop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Silence {
    /// An ICMP error says that it did not arrive.
    Unreachable,
    /// Its sender repeated it until 64*T1 were over.
    RanOut,
    /// Its sender repeated it at least twice, and stopped earlier.
    Stopped,
    /// It went over a reliable transport, and 64*T1 are over.
    Waited,
}

/// Whether the request was left without any answer on `hop`; `None` where it was answered, or the
/// capture cannot tell.
pub fn silence(exchanged: &Exchanged<'_>, hop: &Hop) -> Option<Silence> {
    let request = hop.request?;
    if exchanged.observed.evicted || is_answered(exchanged, hop) {
        return None;
    }
    if exchanged.observed.time_step {
        // Its timer had run out when the clock stepped, if its copies show that.
        let is_over = hop.cancel.is_none() && ran_out_between_steps(exchanged.method, hop);
        return is_over.then_some(Silence::RanOut);
    }
    // The last word counts: a copy sent after the last error may have arrived.
    let last_copy = hop.last_request.unwrap_or(request).time;
    if hop.unreachable.is_some_and(|error| error.time >= last_copy) {
        return Some(Silence::Unreachable);
    }
    // A CANCEL is sent when a provisional response has come, whether the tap saw it or not.
    if hop.cancel.is_some() {
        return None;
    }
    let spacing = Spacing::of_request(exchanged.method);
    if ran_out(spacing, hop.requests, repeated_for(hop)) {
        return Some(Silence::RanOut);
    }
    if exchanged.observed.until.since(request.time) < TIMEOUT {
        return None;
    }
    match () {
        () if hop.flow.transport.is_reliable() => Some(Silence::Waited),
        () if hop.requests >= 3 => Some(Silence::Stopped),
        () => None,
    }
}

/// Whether the copies of the request go to the end of 64*T1 and no step of the clock is between them. Only the usual T1
/// counts: a span that a step has changed must not be taken for the whole of a shorter one.
fn ran_out_between_steps(method: MethodKind, hop: &Hop) -> bool {
    let span = repeated_for(hop).as_secs_f64();
    let usual = TIMEOUT.as_secs_f64();
    let is_whole = span >= TO_THE_END * usual && span <= 1.3 * usual;
    is_whole && ran_out(Spacing::of_request(method), hop.requests, repeated_for(hop))
}

/// Whether nothing may be said that rests on what is absent: the exchange was not seen to its end.
pub const fn is_unjudged(observed: &Observed) -> bool {
    observed.evicted || observed.time_step
}

/// Whether the request of `hop` was answered there, or the answer came back between other sockets:
/// from an element with several addresses, or past a load balancer that sees requests only.
pub fn is_answered(exchanged: &Exchanged<'_>, hop: &Hop) -> bool {
    let is_same = |other: &&Hop| {
        other.vias == hop.vias
            && match (hop.request, other.request) {
                (Some(here), Some(there)) => {
                    let apart = there.time.since(here.time).nanos().saturating_abs();
                    other.flow.src == hop.flow.src && apart < SAME_MESSAGE.nanos()
                }
                (_, None) => true,
                (None, Some(_)) => false,
            }
    };
    // Who acknowledges or goes on has had a final response, whether the tap saw it or not.
    first_answer(hop).is_some()
        || exchanged.acked
        || exchanged.reached
        || hop.ack.is_some()
        || exchanged
            .hops
            .iter()
            .filter(is_same)
            .any(|other| first_answer(other).is_some())
}

/// Whether the capture ends before the next copy of the request was due, which might have been answered.
pub fn is_cut(exchanged: &Exchanged<'_>, hop: &Hop) -> bool {
    let Some(last) = hop.last_request else {
        return true;
    };
    // Timer A doubles without end; senders with a T1 of T2 exist.
    let gap = match Spacing::of_request(exchanged.method) {
        Spacing::Doubling => repeated_for(hop).as_secs_f64().max(T2_S),
        Spacing::UpToT2 => T2_S,
    };
    let left = exchanged.observed.until.since(last.time);
    left < TIMEOUT && left.as_secs_f64() < 1.3 * gap
}

/// From the first to the last copy of the request.
pub fn repeated_for(hop: &Hop) -> Span {
    match (hop.request, hop.last_request) {
        (Some(first), Some(last)) => last.time.since(first.time),
        _ => Span::default(),
    }
}

/// The earliest response on a hop, provisional ones too.
pub fn first_answer(hop: &Hop) -> Option<Seen> {
    let finals = hop.finals.iter().map(|last_word| last_word.first);
    let provisional = hop.progress.map(|(_, seen)| seen);
    finals
        .chain(hop.trying)
        .chain(provisional)
        .min_by_key(|seen| seen.time)
}

/// The first final response on a hop.
pub fn first_final(hop: &Hop) -> Option<&Final> {
    hop.finals
        .iter()
        .min_by_key(|last_word| last_word.first.time)
}

/// The hop on which the receiver of `hop` sent the request on, if that was seen: from the same
/// address, or, of an element with several, with more Via values and from nobody known.
pub fn next<'a>(exchanged: &Exchanged<'a>, hop: &Hop) -> Option<&'a Hop> {
    let further = || exchanged.hops.iter().filter(|other| other.vias > hop.vias);
    let is_receivers = |other: &&Hop| other.flow.src.addr == hop.flow.dst.addr;
    let is_nobodys = |other: &&Hop| {
        !exchanged
            .hops
            .iter()
            .any(|known| known.vias < other.vias && known.flow.dst.addr == other.flow.src.addr)
    };
    further()
        .filter(is_receivers)
        .min_by_key(|other| other.vias)
        .or_else(|| further().filter(is_nobodys).min_by_key(|other| other.vias))
}

/// A call of a finding, with the frames that show it on `hops`.
pub fn call_ref<'a>(
    exchanged: &Exchanged<'_>,
    hops: impl IntoIterator<Item = &'a Hop>,
    text_bytes: usize,
) -> CallRef {
    let mut seen: Vec<Seen> = Vec::new();
    for hop in hops {
        seen.extend(
            [hop.request, hop.last_request, hop.trying]
                .into_iter()
                .flatten(),
        );
        seen.extend(hop.progress.map(|(_, seen)| seen));
        for last_word in &hop.finals {
            seen.extend([last_word.first, last_word.last]);
        }
        seen.extend([hop.ack, hop.cancel, hop.unreachable].into_iter().flatten());
    }
    let first = seen.iter().min_by_key(|seen| (seen.time, seen.at));
    let first = first.copied().unwrap_or_default();
    let here = seen.iter().filter(|seen| seen.at.file == first.at.file);
    let mut frames: Vec<_> = here.map(|seen| seen.at.no).collect();
    frames.sort_unstable();
    frames.dedup();
    CallRef {
        call_id: kept(exchanged.call_id, text_bytes),
        cseq: exchanged.cseq.unwrap_or_default(),
        to_tag: None,
        file: first.at.file,
        frames,
        time: first.time,
    }
}

/// When the request was sent on `hop`, or first answered where that was not seen.
pub fn time_of(hop: &Hop) -> Timestamp {
    hop.request
        .or_else(|| first_answer(hop))
        .map(|seen| seen.time)
        .unwrap_or_default()
}

/// The method, as sent.
pub fn method(exchanged: &Exchanged<'_>) -> String {
    String::from_utf8_lossy(exchanged.method_text).into_owned()
}

/// `10.1.0.1:5060 → 10.2.0.1:5060 UDP`.
pub fn way(flow: &Flow) -> String {
    format!("{} → {} {}", flow.src, flow.dst, flow.transport.name())
}

/// What was seen on a hop, by frame: the request, its provisional and final responses, its ACK.
pub fn told(exchanged: &Exchanged<'_>, hop: &Hop) -> String {
    let method = method(exchanged);
    let mut parts = Vec::new();
    let sent = hop.request.map(|seen| seen.time);
    let after = |seen: &Seen| {
        sent.map_or_else(String::new, |sent| {
            format!(" after {}", readable(seen.time.since(sent)))
        })
    };
    match (hop.request, hop.last_request) {
        (Some(first), Some(last)) if hop.requests > 1 => parts.push(format!(
            "{method} {} times in {}, frames {} to {}, {}",
            hop.requests,
            readable(repeated_for(hop)),
            first.at,
            last.at,
            way(&hop.flow)
        )),
        (Some(first), _) => parts.push(format!(
            "{method} in frame {}, {}",
            first.at,
            way(&hop.flow)
        )),
        (None, _) => parts.push(format!("{method} not captured, {}", way(&hop.flow))),
    }
    if let Some(trying) = hop.trying {
        parts.push(format!("100{}, frame {}", after(&trying), trying.at));
    }
    if let Some((code, seen)) = hop.progress {
        parts.push(format!("{code}{}, frame {}", after(&seen), seen.at));
    }
    if let Some(cancel) = hop.cancel {
        parts.push(format!("CANCEL{}, frame {}", after(&cancel), cancel.at));
    }
    for last_word in hop.finals.iter().take(3) {
        let first = last_word.first;
        let again = match last_word.copies {
            0 | 1 => String::new(),
            copies => format!(
                " to {}, {copies} times in {}",
                last_word.last.at,
                readable(last_word.last.time.since(first.time))
            ),
        };
        let code = last_word.code;
        parts.push(format!(
            "{code}{}, frame {}{again}",
            after(&first),
            first.at
        ));
    }
    if let Some(ack) = hop.ack {
        parts.push(format!("ACK in frame {}", ack.at));
    }
    if let Some(error) = hop.unreachable {
        parts.push(format!("ICMP error in frame {}", error.at));
    }
    if first_answer(hop).is_none() {
        if let (None, Some(error)) = (hop.unreachable, hop.perhaps_unreachable) {
            parts.push(format!(
                "an ICMP error in frame {} says that a request of these hosts did not arrive, not of which call",
                error.at
            ));
        }
        if let Some(seen) = hop.delivered {
            parts.push(format!(
                "TCP acknowledged it, frame {} at the latest",
                seen.at
            ));
        }
        parts.push("no response".to_owned());
    }
    if exchanged.observed.loss {
        parts.push("packets are missing from the capture, or were not read, meanwhile".to_owned());
    }
    parts.join("; ")
}

/// A number that stands for these texts in a table.
pub fn digest(texts: &[&[u8]]) -> u64 {
    let mut hasher = DefaultHasher::new();
    texts.hash(&mut hasher);
    hasher.finish()
}

/// The user part of a URI without what is noise; the whole where it has none.
pub fn user(uri: &[u8]) -> &[u8] {
    let rest = uri.splitn(2, |b| *b == b':').nth(1).unwrap_or(uri);
    let end = rest
        .iter()
        .position(|b| matches!(b, b'@' | b';' | b'?' | b'>'));
    end.and_then(|end| rest.get(..end)).unwrap_or(rest)
}

/// An address of record for comparison: `user@host`, the host in lower case.
pub fn address_of_record(uri: &[u8]) -> Vec<u8> {
    let rest = uri.splitn(2, |b| *b == b':').nth(1).unwrap_or(uri);
    let end = rest.iter().position(|b| matches!(b, b';' | b'?' | b'>'));
    let mut kept = end.and_then(|end| rest.get(..end)).unwrap_or(rest).to_vec();
    let host = kept.iter().position(|b| *b == b'@').map_or(0, |at| at + 1);
    if let Some(host) = kept.get_mut(host..) {
        host.make_ascii_lowercase();
    }
    kept
}

/// Whether `code` is one of `codes`.
pub fn is_any(code: StatusCode, codes: &[u16]) -> bool {
    codes.contains(&code.get())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::testing::Made;
    use crate::units::Transport;

    fn check(spacing: Spacing, times: &[f64], expected: bool) {
        let copies = u32::try_from(times.len()).expect("few");
        #[expect(clippy::cast_possible_truncation, reason = "test data")]
        let span = Span::from_millis((times[times.len() - 1] * 1000.0) as i64);
        assert_eq!(ran_out(spacing, copies, span), expected, "{times:?}");
    }

    const F: [f64; 11] = [0.0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5];

    #[test]
    fn copies_to_64_t1_run_out_and_fewer_do_not() {
        check(Spacing::UpToT2, &F, true);
        check(Spacing::UpToT2, &F[..9], false);
        check(
            Spacing::Doubling,
            &[0.0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5],
            true,
        );
        check(Spacing::Doubling, &[0.0, 0.5, 1.5, 3.5, 7.5, 15.5], false);
    }

    #[test]
    fn a_shorter_t1_runs_out_earlier() {
        let quarter = [0.0, 0.25, 0.75, 1.75, 3.75, 7.75, 11.75, 15.75];
        check(Spacing::UpToT2, &quarter, true);
        check(Spacing::UpToT2, &quarter[..6], false);
        check(
            Spacing::Doubling,
            &[0.0, 0.25, 0.75, 1.75, 3.75, 7.75, 15.75],
            true,
        );
        check(
            Spacing::Doubling,
            &[0.0, 0.25, 0.75, 1.75, 3.75, 7.75],
            false,
        );
    }

    #[test]
    fn a_copy_that_the_tap_missed_does_not_make_it_run_out_earlier() {
        check(
            Spacing::UpToT2,
            &[0.0, 0.5, 1.5, 3.5, 7.5, 15.5, 19.5, 23.5],
            false,
        );
    }

    #[test]
    fn a_request_over_udp_that_was_sent_once_proves_nothing() {
        let once = Made::new("OPTIONS").hop("10.1.0.1", "10.2.0.1", |hop| hop.sent(0.0));
        assert_eq!(once.silence(), None);
        let thrice = Made::new("OPTIONS").hop("10.1.0.1", "10.2.0.1", |hop| {
            hop.sent(0.0).again(&[0.5, 1.5])
        });
        assert_eq!(thrice.silence(), Some(Silence::Stopped));
    }

    #[test]
    fn over_tcp_64_t1_must_pass_while_the_capture_goes_on() {
        let over_tcp = |until| {
            Made::new("OPTIONS")
                .hop("10.1.0.1", "10.2.0.1", |hop| {
                    hop.sent(0.0).over(Transport::Tcp)
                })
                .until(until)
        };
        assert_eq!(over_tcp(300.0).silence(), Some(Silence::Waited));
        assert_eq!(over_tcp(31.0).silence(), None);
    }

    #[test]
    fn an_answer_of_any_kind_is_no_silence() {
        let answered = Made::new("INVITE").hop("10.1.0.1", "10.2.0.1", |hop| {
            hop.sent(0.0).again(&F[1..]).trying(31.6)
        });
        assert_eq!(answered.silence(), None);
    }

    #[test]
    fn an_answer_between_other_sockets_is_an_answer() {
        let asked =
            Made::new("OPTIONS").hop("10.1.0.1", "10.2.0.1", |hop| hop.sent(0.0).again(&F[1..]));
        assert_eq!(asked.silence(), Some(Silence::RanOut));
        let from_another = asked
            .clone()
            .hop("10.1.0.1", "10.2.0.9", |hop| hop.answer(200, 1.0));
        assert_eq!(from_another.silence(), None);
        let balanced = asked.clone().hop("10.1.0.1", "10.2.0.9", |hop| {
            hop.sent(0.001).answer(200, 1.0)
        });
        assert_eq!(balanced.silence(), None);
        let elsewhere = asked.hop("10.1.0.1", "10.2.0.9", |hop| {
            hop.sent(32.0).answer(200, 33.0)
        });
        assert_eq!(
            elsewhere.silence(),
            Some(Silence::RanOut),
            "a second target"
        );
    }

    #[test]
    fn what_was_given_up_or_crosses_a_step_of_the_clock_is_not_judged() {
        let made =
            || Made::new("OPTIONS").hop("10.1.0.1", "10.2.0.1", |hop| hop.sent(0.0).again(&F[1..]));
        assert_eq!(made().silence(), Some(Silence::RanOut));
        assert_eq!(made().evicted().silence(), None);
        let cut =
            Made::new("OPTIONS").hop("10.1.0.1", "10.2.0.1", |hop| hop.sent(0.0).again(&F[1..5]));
        assert_eq!(cut.time_step().silence(), None);
        let across = Made::new("OPTIONS").hop("10.1.0.1", "10.2.0.1", |hop| {
            hop.sent(0.0).again(&F[1..5]).again(&[7200.0])
        });
        assert_eq!(across.time_step().silence(), None);
        let short = Made::new("INVITE").hop("10.1.0.1", "10.2.0.1", |hop| {
            hop.sent(0.0).again(&[0.25, 0.75, 1.75, 3.75, 7.75, 15.75])
        });
        assert_eq!(short.silence(), Some(Silence::RanOut));
        assert_eq!(short.time_step().silence(), None);
    }

    #[test]
    fn copies_to_the_end_before_a_step_of_the_clock_are_a_witness_all_the_same() {
        let made =
            || Made::new("OPTIONS").hop("10.1.0.1", "10.2.0.1", |hop| hop.sent(0.0).again(&F[1..]));
        assert_eq!(made().time_step().silence(), Some(Silence::RanOut));
        let late = made().hop("10.1.0.1", "10.2.0.9", |hop| hop.answer(200, 7200.0));
        assert_eq!(late.time_step().silence(), None, "answered behind the step");
    }

    #[test]
    fn addresses_are_compared_without_parameters() {
        assert_eq!(user(b"sip:+1555;npdi@h:5060"), b"+1555");
        assert_eq!(user(b"tel:+1555"), b"+1555");
        let aor = address_of_record(b"sips:Bob@Example.NET;transport=tcp");
        assert_eq!(aor, b"Bob@example.net");
    }

    #[test]
    fn the_next_hop_is_that_of_the_receiver_or_of_an_element_with_two_addresses() {
        let made = Made::new("INVITE")
            .hop("10.1.0.1", "10.9.0.1", |hop| hop.sent(0.0))
            .hop("10.9.0.1", "10.2.0.1", |hop| hop.sent(0.1).vias(2))
            .hop("10.9.0.1", "10.3.0.1", |hop| hop.sent(0.2).vias(2))
            .hop("192.0.2.3", "10.4.0.1", |hop| hop.sent(0.3).vias(3));
        made.with(|exchanged| {
            let next = |index: usize| {
                next(exchanged, &exchanged.hops[index]).map(|hop| hop.flow.dst.addr.to_string())
            };
            assert_eq!(next(0).as_deref(), Some("10.2.0.1"));
            assert_eq!(next(2).as_deref(), Some("10.4.0.1"));
            assert_eq!(next(3), None);
        });
    }
}
