//! What became of requests and sessions, as text: a rule that writes down all it is handed.
//!
//! In: captures, and the names of their sockets. Out: [`Outcomes`], one line an exchange with a
//! line under it for each hop, and one a session, in the order in which they were handed out:
//!
//! ```text
//! INVITE 1 initial, until 300
//!   alice > p, 1 via: 0 x2 to 0.5, 100 at 0.01, 180 at 0.1, rings 180 at 0.1, 486 at 2 x3 to 3.5, ACK 3.6
//! session alice > p: invite 0, answered 1, acked 1.1, BYE uac 9 x1, 200 at 9.1, last 9.1, until 300
//! ```
//!
//! Times are seconds behind the epoch of ladders. `until` is rounded to tenths, so that a tap that
//! sees every packet twice gives the same text.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::io::Cursor;
use std::rc::Rc;

use sipannotate::calls::{Exchanged, Final, Hop, Observed, Seen, Session, SessionEnd, Side};
use sipannotate::findings::rule::{End, Finding, Rule, Topic};
use sipannotate::pipeline::{self, Input, Options};
use sipannotate::report::view::View;
use sipannotate::units::{Endpoint, Flow, StatusCode, Timestamp};

use super::ladder::Ladder;
use super::pcap;

/// 2026-01-05T10:00:00Z, where ladders begin.
const EPOCH_NS: i64 = 1_767_607_200_000_000_000;

/// What was handed out, and the report beside it.
#[derive(Debug)]
pub struct Outcomes {
    /// Exchanges and sessions.
    pub text: String,
    /// The report.
    pub view: View,
}

impl Outcomes {
    /// Of captures, in which sockets have these names.
    pub fn of(captures: &[&[u8]], names: &[(String, String)], options: &Options) -> Self {
        let inputs = captures.iter().zip(0..).map(|(bytes, index)| Input {
            path: format!("{index}.pcap"),
            source: sipannotate::capture::Source::Stream(Box::new(Cursor::new(bytes.to_vec()))),
        });
        let text = Rc::new(RefCell::new(String::new()));
        let recorder = Recorder {
            names: names.to_vec(),
            text: Rc::clone(&text),
        };
        let outcome = pipeline::analyse_with(
            inputs.collect(),
            options,
            vec![Box::new(recorder)],
            &mut |_| Ok(()),
        );
        let outcome = outcome.expect("nothing to fail");
        assert!(outcome.failed.is_empty(), "{:?}", outcome.failed);
        let text = text.take();
        Self {
            text,
            view: outcome.view,
        }
    }

    /// Of a ladder's text, as it stands.
    pub fn of_ladder(text: &str) -> Self {
        let capture = Ladder::of(text).capture();
        Self::of(&[&capture], &names(text), &Options::default())
    }

    /// Of a ladder of which the tap saw every packet twice, 1 ms apart.
    pub fn mirrored(text: &str) -> Self {
        let ladder = Ladder::of(text);
        let mut records = ladder.records(&ladder.options);
        let copies = records.clone().into_iter().map(|mut record| {
            record.time_ns += 1_000_000;
            record
        });
        records.extend(copies);
        records.sort_by_key(|record| record.time_ns);
        let capture = pcap::write(&records, &ladder.options);
        Self::of(&[&capture], &names(text), &Options::default())
    }
}

/// The names of the sockets in a ladder's text.
pub fn names(text: &str) -> Vec<(String, String)> {
    let lines = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let is_host = matches!(words.next(), Some("host" | "proxy"));
        let name = words.next()?;
        is_host.then_some((words.next()?.to_owned(), name.to_owned()))
    });
    lines.collect()
}

/// The rule.
#[derive(Debug)]
struct Recorder {
    names: Vec<(String, String)>,
    text: Rc<RefCell<String>>,
}

impl Rule for Recorder {
    fn topics(&self) -> &'static [Topic] {
        &[]
    }

    fn exchanged(&mut self, exchanged: &Exchanged<'_>) {
        let mut text = self.text.borrow_mut();
        let method = String::from_utf8_lossy(exchanged.method_text);
        let cseq = exchanged
            .cseq
            .map_or("-".to_owned(), |cseq| cseq.to_string());
        write!(text, "{method} {cseq}").unwrap();
        for (holds, word) in [
            (exchanged.initial, " initial"),
            (exchanged.credentials, " credentials"),
            (exchanged.goes_on, " goes-on"),
        ] {
            *text += if holds { word } else { "" };
        }
        *text += &observed(&exchanged.observed);
        text.push('\n');
        for hop in exchanged.hops {
            *text += "  ";
            *text += &self.hop(hop);
            text.push('\n');
        }
    }

    fn session(&mut self, session: &Session<'_>) {
        let mut line = format!("session {}: ", self.flow(&session.flow));
        match session.invite {
            Some(invite) => write!(line, "invite {}", at(&invite)).unwrap(),
            None => line += "no invite",
        }
        write!(line, ", answered {}", at(&session.answered)).unwrap();
        if let Some(acked) = session.acked {
            write!(line, ", acked {}", at(&acked)).unwrap();
        }
        match session.end {
            SessionEnd::Unseen => line += ", no BYE",
            SessionEnd::Bye {
                side,
                bye,
                copies,
                answer,
                both,
                reason,
            } => {
                let side = match side {
                    Side::Uac => "uac",
                    Side::Uas => "uas",
                };
                write!(line, ", BYE {side} {} x{copies}", at(&bye)).unwrap();
                if let Some(answer) = answer {
                    write!(line, ", {}", coded(&answer)).unwrap();
                }
                line += if both { ", both" } else { "" };
                if !reason.is_empty() {
                    write!(line, ", {}", String::from_utf8_lossy(reason)).unwrap();
                }
            }
        }
        write!(line, ", last {}", at(&session.last)).unwrap();
        line += &observed(&session.observed);
        let mut text = self.text.borrow_mut();
        *text += &line;
        text.push('\n');
    }

    fn finish(&mut self, _end: &End, _out: &mut dyn FnMut(Finding)) {}
}

impl Recorder {
    fn hop(&self, hop: &Hop) -> String {
        let mut line = format!("{}, {} via: ", self.flow(&hop.flow), hop.vias);
        match hop.request {
            Some(request) => line += &copies(&request, hop.last_request, hop.requests),
            None => line += "unseen",
        }
        if let Some(trying) = hop.trying {
            write!(line, ", 100 at {}", at(&trying)).unwrap();
        }
        if let Some(progress) = hop.progress {
            write!(line, ", {}", coded(&progress)).unwrap();
        }
        if let Some(ringing) = hop.ringing {
            write!(line, ", rings {}", coded(&ringing)).unwrap();
        }
        for answer in &hop.finals {
            line += &final_response(answer);
        }
        for (name, seen) in [
            ("ACK", hop.ack),
            ("CANCEL", hop.cancel),
            ("unreachable", hop.unreachable),
        ] {
            if let Some(seen) = seen {
                write!(line, ", {name} {}", at(&seen)).unwrap();
            }
        }
        line
    }

    fn flow(&self, flow: &Flow) -> String {
        format!("{} > {}", self.name(flow.src), self.name(flow.dst))
    }

    fn name(&self, socket: Endpoint) -> String {
        let text = socket.to_string();
        let named = self.names.iter().find(|name| name.0 == text);
        named.map_or(text, |name| name.1.clone())
    }
}

fn final_response(answer: &Final) -> String {
    let mut text = format!(
        ", {} at {}",
        answer.code,
        copies(&answer.first, Some(answer.last), answer.copies)
    );
    if answer.needless > 0 {
        write!(text, " ({} needless)", answer.needless).unwrap();
    }
    for (name, seconds) in [
        ("Retry-After", answer.retry_after),
        ("expires", answer.expires),
    ] {
        if let Some(seconds) = seconds {
            write!(text, " {name}={seconds}").unwrap();
        }
    }
    text += if answer.stale { " stale" } else { "" };
    for (name, value) in [
        ("realm", &answer.realm),
        ("Reason", &answer.reason),
        ("Server", &answer.server),
    ] {
        if !value.is_empty() {
            write!(text, " {name}={}", String::from_utf8_lossy(value)).unwrap();
        }
    }
    text
}

fn copies(first: &Seen, last: Option<Seen>, count: u32) -> String {
    match last.filter(|_| count > 1) {
        Some(last) => format!("{} x{count} to {}", at(first), at(&last)),
        None => at(first),
    }
}

fn coded((code, seen): &(StatusCode, Seen)) -> String {
    format!("{code} at {}", at(seen))
}

fn observed(observed: &Observed) -> String {
    let mut text = format!(", until {}", seconds(observed.until, 1));
    for (holds, word) in [
        (observed.loss, ", loss"),
        (observed.time_step, ", time step"),
        (observed.evicted, ", given up"),
    ] {
        text += if holds { word } else { "" };
    }
    text
}

fn at(seen: &Seen) -> String {
    seconds(seen.time, 3)
}

/// Seconds behind the epoch, without zeros at their end.
fn seconds(time: Timestamp, digits: usize) -> String {
    let since = time.since(Timestamp::from_nanos(EPOCH_NS)).as_secs_f64();
    let text = format!("{since:.digits$}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
