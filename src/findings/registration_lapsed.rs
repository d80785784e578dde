//! `registration-lapsed`: a registration ran out and was not renewed in time.
//!
//! In: exchanges. Out: one finding for each verdict and pair of hosts that matters. A registration
//! is an address of record that a registrar granted for some seconds. Any client's renewal renews
//! it, and a removal ends it: only an address that nobody registers any more has lapsed. A call to it
//! that is refused meanwhile is told with it.
//!
//! Capped: [`crate::limits::Limits::registrations`] addresses watched at once.
//!
//! # References
//! - RFC 3261 §10.2.1, §10.2.4, §10.3

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::net::IpAddr;

use super::grouping::{Groups, Said};
use super::in_order::InOrder;
use super::packed::Packed;
use super::reading::{
    address_of_record, call_ref, digest, first_final, is_any, is_unjudged, silence, time_of, told,
};
use super::rule::{
    Confidence, End, Explanation, Finding, Peer, Rule, Severity, Topic, counted, readable,
};
use super::table::{Table, place};
use crate::calls::Exchanged;
use crate::limits::Limits;
use crate::sip::MethodKind;
use crate::units::{FrameRef, Span, StatusCode, Timestamp};

/// The rule's name.
pub const NAME: &str = "registration-lapsed";

const NOT_REFRESHED: &str = "not-refreshed";
const REFRESH_FAILED: &str = "refresh-failed";

/// A renewal that is repeated to the end may come so late, and is no lapse.
const GRACE: Span = Span::from_secs(32);
/// A lapsed address is watched for a call to it, or a late renewal, so long.
const WATCH: Span = Span::from_secs(600);
/// A call to an address is handed out when it is over.
const PATIENCE: Span = Span::from_secs(240);
/// Without any exchange for so long time may have stepped, and nobody has lapsed by it.
const STEP: Span = Span::from_secs(3600);

/// Of what a registrar gets, one request in so long shows that the tap sees the way to it.
const SIGN: Span = Span::from_secs(10);

/// Bytes kept of an address.
const ADDRESS: usize = 128;

/// The rule.
#[derive(Debug)]
pub struct RegistrationLapsed {
    text_bytes: usize,
    cap: usize,
    hosts: usize,
    events: InOrder<Event>,
    now: Option<Timestamp>,
    bindings: Table<u64, Binding>,
    /// When to look at which address next.
    due: BTreeSet<(Timestamp, u64)>,
    registrars: Table<IpAddr, Registrar>,
    groups: Groups<Key>,
    given_up: u64,
}

#[derive(Debug)]
enum Event {
    Granted(u64, Box<Grant>),
    /// Removed, or granted for a time that is not said.
    Gone(u64),
    /// A renewal failed.
    Failed(u64, Box<str>),
    /// A call to the address was refused as if nobody were registered.
    Refused(u64, Box<str>),
    /// A registrar is still seen to get requests: its address, and who sent one.
    Seen(IpAddr, IpAddr),
}

/// A host that registrations are sent to.
#[derive(Debug, Default)]
struct Registrar {
    /// The last request to it that waits for its turn, or had it.
    told: Option<Timestamp>,
    /// The last that had its turn, and its sender.
    seen: Option<(Timestamp, IpAddr)>,
}

#[derive(Debug)]
struct Grant {
    seconds: u32,
    peer: Peer,
    loss: bool,
    /// The call of the registration, with the address of record as its label.
    call: Packed,
    /// The answer that grants it.
    code: StatusCode,
    at: FrameRef,
}

/// Of which there are many: what few have is kept elsewhere.
#[derive(Debug)]
struct Binding {
    grant: Box<Grant>,
    granted: Timestamp,
    expires: Timestamp,
    has_lapsed: bool,
    failed: Option<Box<str>>,
    refused: Option<Box<str>>,
}

/// What a finding shares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    severity: Reverse<Severity>,
    failed: bool,
    confidence: Confidence,
    call_refused: bool,
    loss: bool,
}

impl RegistrationLapsed {
    /// A rule for one capture.
    pub fn new(limits: &Limits) -> Self {
        Self {
            text_bytes: limits.call_id_bytes,
            cap: limits.registrations,
            hosts: limits.host_pairs,
            events: InOrder::new(PATIENCE, limits.waiting_events),
            now: None,
            bindings: Table::default(),
            due: BTreeSet::new(),
            registrars: Table::default(),
            groups: Groups::new(limits),
            given_up: 0,
        }
    }

    fn event(&mut self, time: Timestamp, event: Event) {
        let stepped = self.now.is_some_and(|now| {
            let gone = time.since(now);
            gone > STEP || gone < Span::from_nanos(-PATIENCE.nanos())
        });
        if stepped {
            self.bindings.clear();
            self.due.clear();
            self.registrars.clear();
            self.now = Some(time);
        }
        self.now = self.now.max(Some(time));
        if let Event::Seen(registrar, sender) = &event
            && let Some(registrar) = place(&mut self.registrars, *registrar, self.hosts)
        {
            registrar.seen = Some((time, *sender)).max(registrar.seen);
        }
        self.pass(time);
        match event {
            Event::Granted(address, grant) => self.granted(time, address, grant),
            Event::Gone(address) => {
                if let Some(binding) = self.bindings.remove(&address)
                    && binding.has_lapsed
                {
                    self.found(binding, None);
                }
            }
            Event::Failed(address, what) => {
                if let Some(binding) = self.bindings.get_mut(&address)
                    && time > binding.granted
                {
                    binding.failed.get_or_insert(what);
                }
            }
            Event::Refused(address, what) => {
                if let Some(binding) = self.bindings.get_mut(&address)
                    && time > binding.expires
                {
                    binding.refused.get_or_insert(what);
                }
            }
            Event::Seen(..) => {}
        }
    }

    fn granted(&mut self, time: Timestamp, address: u64, grant: Box<Grant>) {
        let expires = time.plus(Span::from_secs(i64::from(grant.seconds)));
        let new = Binding {
            grant,
            granted: time,
            expires,
            has_lapsed: false,
            failed: None,
            refused: None,
        };
        // In its place: who takes out and puts in makes a table grow.
        if let Some(binding) = self.bindings.get_mut(&address) {
            if !binding.has_lapsed && binding.expires > expires {
                // Another client's registration of the address lasts longer.
                return;
            }
            let before = std::mem::replace(binding, new);
            self.due.insert((expires.plus(GRACE), address));
            if before.has_lapsed {
                self.found(before, Some(time));
            }
            return;
        }
        if self.bindings.len() >= self.cap {
            self.given_up += 1;
            return;
        }
        self.due.insert((expires.plus(GRACE), address));
        self.bindings.insert(address, new);
    }

    /// Lets time pass: addresses lapse, and lapsed ones are told.
    fn pass(&mut self, now: Timestamp) {
        while let Some((time, address)) = self.due.first().copied()
            && time < now
        {
            self.due.pop_first();
            let Some(binding) = self.bindings.get_mut(&address) else {
                continue;
            };
            let lapses = binding.expires.plus(GRACE);
            if lapses > time {
                // Renewed since.
                continue;
            }
            if binding.has_lapsed {
                if let Some(binding) = self.bindings.remove(&address) {
                    self.found(binding, None);
                }
            } else {
                binding.has_lapsed = true;
                self.due.insert((lapses.plus(WATCH), address));
            }
        }
    }

    /// An address lapsed; it was registered again at `again`.
    fn found(&mut self, binding: Binding, again: Option<Timestamp>) {
        let Binding {
            grant,
            expires,
            failed,
            refused,
            ..
        } = binding;
        let registrar = self.registrars.get(&grant.peer.dst);
        let sign = registrar
            .and_then(|registrar| registrar.seen)
            .filter(|(time, _)| *time > expires);
        if again.is_none() && sign.is_none() {
            // Nobody sends anything there any more, or this tap does not show it.
            return;
        }
        let key = weigh(failed.is_some(), refused.is_some(), grant.loss);
        let mut evidence = format!(
            "{} granted for {} s: {} in frame {}",
            String::from_utf8_lossy(grant.call.label()),
            grant.seconds,
            grant.code,
            grant.at
        );
        let more = [
            failed.map(|what| format!("renewal that failed: {what}")),
            refused.map(|what| format!("call to it meanwhile: {what}")),
            again.map(|time| {
                format!(
                    "registered again {} after it had run out",
                    readable(time.since(expires))
                )
            }),
            sign.filter(|_| again.is_none()).map(|(time, sender)| {
                format!(
                    "the registrar's host got a request of {sender} {} after it had run out",
                    readable(time.since(expires))
                )
            }),
        ];
        for part in more.into_iter().flatten() {
            evidence.push_str("; ");
            evidence.push_str(&part);
        }
        self.groups
            .add(key, grant.peer, expires, || grant.call.call(), || evidence);
    }
}

impl Rule for RegistrationLapsed {
    fn topics(&self) -> &'static [Topic] {
        TOPICS
    }

    fn exchanged(&mut self, exchanged: &Exchanged<'_>) {
        let mut due = Vec::new();
        let mut take = |time, event| due.push((time, event));
        for hop in exchanged.hops.iter().filter(|hop| hop.request.is_some()) {
            let (host, sender) = (hop.flow.dst.addr, hop.flow.src.addr);
            let time = time_of(hop);
            let registrar = if exchanged.method == MethodKind::Register {
                place(&mut self.registrars, host, self.hosts)
            } else {
                self.registrars.get_mut(&host)
            };
            if let Some(registrar) = registrar
                && registrar
                    .told
                    .is_none_or(|told| time.since(told).nanos().saturating_abs() >= SIGN.nanos())
            {
                registrar.told = Some(time);
                self.events.push(time, Event::Seen(host, sender), &mut take);
            }
        }
        if let Some((time, event)) = event(exchanged, self.text_bytes) {
            self.events.push(time, event, &mut take);
        }
        for (time, event) in due {
            self.event(time, event);
        }
    }

    fn finish(&mut self, end: &End, out: &mut dyn FnMut(Finding)) {
        let mut due = Vec::new();
        self.events.finish(|time, event| due.push((time, event)));
        for (time, event) in due {
            self.event(time, event);
        }
        // The end is one more moment, unless nothing was seen for long before it.
        if self.now.is_some_and(|now| end.last.since(now) <= STEP) {
            self.pass(end.last);
        }
        let mut lapsed: Vec<_> = std::mem::take(&mut self.bindings).into_iter().collect();
        lapsed.sort_by_key(|(address, binding)| (binding.expires, *address));
        for (_, binding) in lapsed {
            if binding.has_lapsed {
                self.found(binding, None);
            }
        }
        self.groups.finish(&mut |key, gathered| {
            let said = said(*key, gathered.count);
            out(gathered.finding(said));
        });
    }

    fn given_up(&self) -> u64 {
        self.given_up
    }
}

/// What an exchange means for an address, and when.
fn event(exchanged: &Exchanged<'_>, text_bytes: usize) -> Option<(Timestamp, Event)> {
    let hop = exchanged.counting()?;
    if !matches!(exchanged.method, MethodKind::Invite | MethodKind::Register) {
        return None;
    }
    let address_of = |text: &[u8]| digest(&[text]);
    if exchanged.method == MethodKind::Invite {
        let refusal = exchanged
            .answer()
            .filter(|last| is_any(last.code, &[404, 410, 480]))?;
        let address = address_of(&address_of_record(exchanged.to));
        let what = format!("{} in frame {}", refusal.code, refusal.first.at);
        return Some((refusal.first.time, Event::Refused(address, what.into())));
    }
    if exchanged.to.is_empty() {
        return None;
    }
    let mut text = address_of_record(exchanged.to);
    let address = address_of(&text);
    if let Some(silence_since) = silence(exchanged, hop).and(hop.request) {
        let what = told(exchanged, hop);
        return Some((silence_since.time, Event::Failed(address, what.into())));
    }
    let answer = first_final(hop)?;
    let time = answer.first.time;
    if !answer.code.is_success() {
        // A first challenge, and 423, are answered by the client itself.
        let is_usual = !exchanged.credentials && is_any(answer.code, &[401, 407])
            || is_any(answer.code, &[423]);
        return (!is_usual).then(|| (time, Event::Failed(address, told(exchanged, hop).into())));
    }
    let seconds = answer.expires.filter(|seconds| *seconds > 0);
    let Some(seconds) = seconds.filter(|_| !is_unjudged(&exchanged.observed)) else {
        return Some((time, Event::Gone(address)));
    };
    text.truncate(ADDRESS);
    let grant = Grant {
        seconds,
        peer: Peer::of(&hop.flow),
        loss: exchanged.observed.loss,
        call: Packed::labelled(&call_ref(exchanged, [hop], text_bytes), &text),
        code: answer.code,
        at: answer.first.at,
    };
    Some((time, Event::Granted(address, Box::new(grant))))
}

fn weigh(failed: bool, call_refused: bool, loss: bool) -> Key {
    let (severity, confidence) = match () {
        () if loss => (Severity::Info, Confidence::Inconclusive),
        () if failed => (Severity::Warning, Confidence::Confirmed),
        () if call_refused => (Severity::Warning, Confidence::Probable),
        () => (Severity::Info, Confidence::Probable),
    };
    Key {
        severity: Reverse(severity),
        failed,
        confidence,
        call_refused,
        loss,
    }
}

fn said(key: Key, count: u64) -> Said {
    let addresses = counted(count, "registration", "registrations");
    let mut qualifiers = Vec::new();
    if key.call_refused {
        qualifiers.push("call-refused");
    }
    if key.loss {
        qualifiers.push("capture-loss");
    }
    let refused = if key.call_refused {
        " Calls to it were refused meanwhile as to one who is not there."
    } else {
        ""
    };
    let (verdict, title, detail, remediation) = if key.failed {
        (
            REFRESH_FAILED,
            format!("{addresses} ran out after a renewal had failed"),
            format!(
                "The client tried to renew, the registrar refused or never answered, and the time that had been granted went by.{refused}"
            ),
            FIX_FAILED,
        )
    } else {
        (
            NOT_REFRESHED,
            format!("{addresses} ran out and were not renewed in time"),
            format!(
                "The time that the registrar had granted went by, and half a minute more, without a REGISTER for the address.{refused}"
            ),
            FIX_NOT_REFRESHED,
        )
    };
    let title = if count == 1 {
        title.replace(" were not renewed", " was not renewed")
    } else {
        title
    };
    Said {
        rule: NAME,
        verdict: Some(verdict),
        qualifier: qualifiers.join(","),
        severity: key.severity.0,
        confidence: key.confidence,
        raise: (key.confidence != Confidence::Confirmed)
            .then_some("capture at the registrar, where renewals by any way are seen"),
        cause: None,
        title,
        detail,
        remediation,
    }
}

const FIX_FAILED: &str = "Look at the answer to the renewal, or at what keeps it from the registrar. The client cannot be called until it \
     registers again.";

const FIX_NOT_REFRESHED: &str = "A telephone that was switched off lapses so, and nothing is wrong. Otherwise compare what the registrar grants with what the client \
     asked for: some count the time they asked for. See whether the client moved to another address or transport that this \
     tap does not show, and whether a NAT or TCP connection in between died without its noticing (outbound, RFC 5626).";

static TOPICS: &[Topic] = &[
    Topic {
        name: NAME,
        kind: "rule",
        explanation: Explanation {
            summary: "Registrations ran out and were not renewed in time.",
            sections: &[
                (
                    "What it sees",
                    "The seconds that a 2xx to REGISTER grants for an address of record, and no further 2xx for it by anybody until these and \
                     32 s more have gone by, while the capture goes on and the registrar's host is seen to get requests, of any method and from anybody. Removals, and \
                     grants that do not say how long, are let go. Calls to the address that get 404, 410 or 480 within ten minutes, and \
                     a registration that comes late, are told with it.",
                ),
                (
                    "Why it matters",
                    "Who is not registered cannot be called, and does not notice.",
                ),
                ("What to do", "Read the verdict."),
            ],
        },
    },
    Topic {
        name: NOT_REFRESHED,
        kind: "verdict",
        explanation: Explanation {
            summary: "Nobody tried to renew the registration before it ran out.",
            sections: &[
                (
                    "What it sees",
                    "Information, for telephones are switched off; a warning if a call to the address was refused after that \
                     (call-refused).",
                ),
                ("What to do", FIX_NOT_REFRESHED),
            ],
        },
    },
    Topic {
        name: REFRESH_FAILED,
        kind: "verdict",
        explanation: Explanation {
            summary: "The renewal was refused or never answered, and the registration ran out.",
            sections: &[
                (
                    "What it sees",
                    "A REGISTER for the address that got neither a 2xx nor a first challenge, and the granted time gone by without another that did.",
                ),
                ("What to do", FIX_FAILED),
            ],
        },
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::testing::{END, Made, findings, lines, only};

    const BOB: &str = "sip:bob@example.net";

    fn check(made: &[Made], expected: &[&str]) {
        let rule = RegistrationLapsed::new(&Limits::default());
        assert_eq!(lines(&findings(rule, made)), expected);
    }

    fn register(of: &str, seconds: f64, code: u16, expires: u32) -> Made {
        Made::new("REGISTER")
            .credentials()
            .callee(of)
            .hop("10.1.0.1", "10.2.0.1", |hop| {
                hop.sent(seconds).answer(code, seconds + 0.1).which(|last| {
                    last.expires = Some(expires);
                })
            })
    }

    /// Renewals of somebody else every half an hour, to the end of the capture.
    fn others() -> Vec<Made> {
        (0..40)
            .map(|no| register("sip:carol@example.net", 900.0 * f64::from(no), 200, 3600))
            .collect()
    }

    fn with_others(made: Vec<Made>) -> Vec<Made> {
        let mut all = others();
        all.extend(made);
        all.sort_by_key(|made| made.with(|exchanged| time_of(&exchanged.hops[0])));
        all
    }

    #[test]
    fn who_is_not_renewed_has_lapsed() {
        check(
            &with_others(vec![register(BOB, 10.0, 200, 600)]),
            &["not-refreshed info probable 1"],
        );
        let rule = RegistrationLapsed::new(&Limits::default());
        let found = only(findings(
            rule,
            &with_others(vec![register(BOB, 10.0, 200, 600)]),
        ));
        assert_eq!(
            found.title,
            "1 registration ran out and was not renewed in time"
        );
        let evidence = found.evidence.expect("evidence");
        assert_eq!(
            evidence,
            "bob@example.net granted for 600 s: 200 in frame 1010; the registrar's host got a request of 10.1.0.1 \
             1190 s after it had run out"
        );
    }

    #[test]
    fn who_is_renewed_in_time_has_not() {
        let renewed: Vec<_> = (0..80)
            .map(|no| register(BOB, 10.0 + 450.0 * f64::from(no), 200, 600))
            .collect();
        check(&with_others(renewed), &[]);
    }

    #[test]
    fn who_was_removed_or_is_still_granted_at_the_end_has_not() {
        check(
            &with_others(vec![
                register(BOB, 10.0, 200, 600),
                register(BOB, 300.0, 200, 0),
            ]),
            &[],
        );
        check(
            &with_others(vec![register(BOB, END - 300.0, 200, 600)]),
            &[],
        );
    }

    #[test]
    fn a_second_client_keeps_the_address_alive() {
        let mut made = vec![register(BOB, 10.0, 200, 600)];
        made.push(register(BOB, 20.0, 200, 7200).call("other").tag(9));
        made.push(register(BOB, 500.0, 200, 600));
        made.extend((1..6).map(|no| register(BOB, 6000.0 * f64::from(no), 200, 7200)));
        check(&with_others(made), &[]);
    }

    #[test]
    fn a_renewal_that_is_refused_is_a_warning_and_a_first_challenge_is_none() {
        check(
            &with_others(vec![
                register(BOB, 10.0, 200, 600),
                register(BOB, 550.0, 403, 0),
            ]),
            &["refresh-failed warning confirmed 1"],
        );
        let first = Made::new("REGISTER")
            .callee(BOB)
            .hop("10.1.0.1", "10.2.0.1", |hop| {
                hop.sent(550.0).answer(401, 550.1)
            });
        check(
            &with_others(vec![
                register(BOB, 10.0, 200, 600),
                first,
                register(BOB, 550.2, 200, 36_000),
            ]),
            &[],
        );
    }

    #[test]
    fn a_call_that_is_refused_meanwhile_is_told_with_it() {
        let call = |seconds: f64| {
            Made::new("INVITE")
                .callee("sip:bob@EXAMPLE.net;user=phone")
                .hop("10.3.0.1", "10.2.0.1", |hop| {
                    hop.sent(seconds).answer(480, seconds + 0.1)
                })
        };
        check(
            &with_others(vec![register(BOB, 10.0, 200, 600), call(800.0)]),
            &["not-refreshed(call-refused) warning probable 1"],
        );
        // Refused while registered: out of reach for another reason.
        check(
            &with_others(vec![register(BOB, 10.0, 200, 600), call(300.0)]),
            &["not-refreshed info probable 1"],
        );
    }

    #[test]
    fn a_late_renewal_is_a_lapse_with_its_length() {
        let made = vec![
            register(BOB, 10.0, 200, 600),
            register(BOB, 800.0, 200, 36_000),
        ];
        let rule = RegistrationLapsed::new(&Limits::default());
        let found = only(findings(rule, &with_others(made)));
        let evidence = found.evidence.expect("evidence");
        assert!(
            evidence.ends_with("registered again 190 s after it had run out"),
            "{evidence}"
        );
    }

    #[test]
    fn nothing_is_said_where_the_registrar_is_not_seen_any_more_and_less_where_packets_are_missing()
    {
        check(
            &[
                register(BOB, 10.0, 200, 600),
                Made::new("INVITE").hop("10.3.0.1", "10.4.0.1", |hop| {
                    hop.sent(3000.0).answer(480, 3001.0)
                }),
            ],
            &[],
        );
        check(
            &with_others(vec![register(BOB, 10.0, 200, 600).loss()]),
            &["not-refreshed(capture-loss) info inconclusive 1"],
        );
    }

    #[test]
    fn any_request_to_the_registrar_shows_that_the_tap_still_sees_it() {
        let ping = |seconds: f64, dst: &str| {
            Made::new("OPTIONS").hop("10.3.0.1", dst, |hop| {
                hop.sent(seconds).answer(200, seconds + 0.1)
            })
        };
        let pings = |dst: &str| -> Vec<Made> {
            let mut made = vec![register(BOB, 10.0, 200, 600)];
            made.extend((1..700).map(|no| ping(50.0 * f64::from(no), dst)));
            made
        };
        let found = only(findings(
            RegistrationLapsed::new(&Limits::default()),
            &pings("10.2.0.1"),
        ));
        let evidence = found.evidence.expect("evidence");
        assert!(
            evidence.contains("the registrar's host got a request of 10.3.0.1"),
            "{evidence}"
        );
        check(&pings("10.2.0.9"), &[]);
    }

    #[test]
    fn a_step_of_the_clock_makes_nobody_lapse() {
        check(
            &[
                register(BOB, 10.0, 200, 600),
                register("sip:dave@example.net", 20_000.0, 200, 36_000),
            ],
            &[],
        );
    }
}
