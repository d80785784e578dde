//! Clock: which time frames and messages stand for.
//!
//! In: frames, what agents relayed in them, and whether SIP came that nobody relayed. Out: the time
//! of each message and the time by which timers run. Two clocks are told apart: the capture's, and
//! that of each agent.
//!
//! Messages that agents relay carry their own time, and where nothing but those is SIP that time
//! counts: what frames say besides is left out of account if it disagrees. Where the same capture
//! holds SIP of the wire, or agents differ from each other, one clock must count: the capture's. An
//! agent that differs from it by more than a second is set right by the least time its messages took
//! to come here, and that is told. Where they were sent again later, in less time than they took
//! once, the capture's clock knows nothing of theirs, and agents count all the same.
//!
//! An agent may be late: its message takes its place by its own time, and timers do not run back.
//!
//! Capped: [`AGENTS`] agents are told apart.

use crate::capture::Frame;
use crate::defect::{Defect, DefectKind};
use crate::units::{FrameRef, Origin, Span, Timestamp};

/// Agents told apart; those beyond count as the last.
const AGENTS: usize = 64;
/// More than this is a disagreement.
const AGREES: Span = Span::from_secs(1);
/// Messages of an agent before its clock is compared with others': the first may be late.
const FEW: u32 = 2;
/// An agent whose clock seems to gain so much on the capture's was recorded before.
const RECORDED: Span = Span::from_secs(5);
/// A message that comes so much later than others of its agent took is late...
const LATE: Span = Span::from_secs(5);
/// ... unless for so long all of them are: then the agent's clock was set back.
const SET_BACK_AFTER: Span = Span::from_secs(60);

const AHEAD: &str = "the clock of an agent is {} ms ahead of the capture's: the times of the messages it relayed were set to the capture's clock, in this report too";
const BEHIND: &str = "the clock of an agent is {} ms behind the capture's: the times of the messages it relayed were set to the capture's clock, in this report too";
const CAME_LATE: &str = "messages that agents relayed are by the agents' clocks more than a second older than what came before them: an agent is late, or the clocks of two agents differ; each keeps its own time";

/// The clocks of a run.
#[derive(Debug, Default)]
pub(super) struct Clock {
    /// The time by which timers ran last.
    pub(super) last: Timestamp,
    agents: Vec<Agent>,
    /// The agent that relayed last.
    latest: usize,
    /// Time of the message relayed last, by the capture's clock.
    captured: Timestamp,
    /// SIP came that nobody relayed.
    wire: bool,
    /// Two agents differ.
    differ: bool,
    /// What agents relayed was sent again later.
    recorded: bool,
    /// Packets came, and none of them was relayed: a frame's time is known before it is decoded,
    /// which is the quick way.
    is_captures: bool,
    /// Messages that came late, and the first of them.
    late: Option<(FrameRef, u64)>,
}

#[derive(Debug)]
struct Agent {
    /// The interface that stands for it.
    interface: u32,
    messages: u32,
    /// Capture time less its own: the least.
    apart: Span,
    /// By how much that became less.
    gained: Span,
    /// Since when all its messages are late, and how much the least of them.
    late: Option<(Timestamp, Span)>,
    /// Messages whose time was changed, and the first of them.
    changed: Option<(FrameRef, u64)>,
}

/// The times of a message that was relayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Relayed {
    /// Its own.
    pub(super) time: Timestamp,
    /// That by which timers run.
    pub(super) now: Timestamp,
    /// Another clock counts from now on.
    pub(super) changes: bool,
}

impl Clock {
    /// Whether nothing was relayed: each frame's own time counts.
    pub(super) const fn is_captures(&self) -> bool {
        self.is_captures
    }

    /// The time of a frame with a packet that nobody relayed, if it counts.
    pub(super) fn captured_frame(&mut self, frame: &Frame<'_>) -> Option<Timestamp> {
        self.is_captures = self.agents.is_empty();
        self.frame(frame)
    }

    /// The time of a frame, if its own counts.
    pub(super) fn frame(&self, frame: &Frame<'_>) -> Option<Timestamp> {
        let agent = self.agents.get(self.latest);
        let agrees = self.counts() || agent.is_none_or(|agent| !agent.disagrees());
        agrees.then_some(frame.time)
    }

    /// A message was relayed in `frame`; its origin has the agent's time.
    pub(super) fn relayed(&mut self, frame: &Frame<'_>, origin: &Origin<'_>) -> Relayed {
        self.is_captures = false;
        let apart = frame.time.since(origin.time);
        let place = self.agent(origin.interface, apart);
        self.latest = place;
        let counted = self.counts();
        let mut is_set_back = false;
        let mut time = origin.time;
        if let Some(agent) = self.agents.get_mut(place) {
            is_set_back = agent.follow(apart, frame.time);
            self.captured = if agent.disagrees() {
                origin.time.plus(agent.apart)
            } else {
                origin.time
            };
            self.recorded |= agent.gained > RECORDED;
        }
        self.differ = self.differ || self.differs(place);
        let counts = self.counts();
        if counts
            && let Some(agent) = self.agents.get_mut(place)
            && agent.disagrees()
        {
            time = self.captured;
            count(&mut agent.changed, origin.at);
        }
        let changes = counts != counted;
        let behind = self.last.since(time);
        let now = if changes || is_set_back || behind < Span::default() {
            time
        } else {
            self.last
        };
        if now != time && behind > AGREES {
            count(&mut self.late, origin.at);
        }
        Relayed { time, now, changes }
    }

    /// Whether the capture's clock counts, whatever agents say.
    const fn counts(&self) -> bool {
        self.wire || self.differ && !self.recorded
    }

    /// Whether the agent at `place` differs from another.
    fn differs(&self, place: usize) -> bool {
        let Some(agent) = self.agents.get(place).filter(|a| a.messages >= FEW) else {
            return false;
        };
        let mut others = self.agents.iter().filter(|a| a.messages >= FEW);
        others.any(|other| {
            let apart = other.apart.nanos().saturating_sub(agent.apart.nanos());
            apart.saturating_abs() > AGREES.nanos()
        })
    }

    /// The time of a message by the capture's clock.
    pub(super) const fn captured(&self, origin: &Origin<'_>) -> Timestamp {
        if origin.is_relayed() {
            self.captured
        } else {
            origin.time
        }
    }

    /// A message came at `time` that nobody relayed; whether the capture's clock counts from now
    /// on where another did.
    pub(super) fn wire(&mut self, time: Timestamp) -> bool {
        let counted = self.counts();
        self.wire = true;
        let agent = self.agents.get(self.latest);
        let changes = !counted && agent.is_some_and(Agent::disagrees);
        if changes {
            self.last = time;
        }
        changes
    }

    /// Tells whose clock was set right, and what came late.
    pub(super) fn finish(&self, defect: &mut dyn FnMut(Defect)) {
        let agents = self.agents.iter().filter(|agent| agent.disagrees());
        for agent in agents {
            let Some((first, count)) = agent.changed else {
                continue;
            };
            let apart = agent.apart.nanos();
            let detail = if apart < 0 { AHEAD } else { BEHIND };
            let told = Defect {
                count,
                ..Defect::new(DefectKind::ClockOffset, first, detail)
            };
            defect(told.with_number((apart.unsigned_abs() + 500_000) / 1_000_000));
        }
        if let Some((first, count)) = self.late {
            defect(Defect {
                count,
                ..Defect::new(DefectKind::OutOfOrder, first, CAME_LATE)
            });
        }
    }

    /// The agent's place, made if there is none.
    fn agent(&mut self, interface: u32, apart: Span) -> usize {
        let known = self.agents.iter().position(|a| a.interface == interface);
        known.unwrap_or_else(|| {
            if self.agents.len() < AGENTS {
                self.agents.push(Agent {
                    interface,
                    messages: 0,
                    apart,
                    gained: Span::default(),
                    late: None,
                    changed: None,
                });
            }
            self.agents.len() - 1
        })
    }
}

impl Agent {
    fn disagrees(&self) -> bool {
        self.apart.nanos().saturating_abs() >= AGREES.nanos()
    }

    /// A message came `apart` later than its own time; whether the clock was found to be set back.
    fn follow(&mut self, apart: Span, now: Timestamp) -> bool {
        self.messages = self.messages.saturating_add(1);
        let late = apart.nanos().saturating_sub(self.apart.nanos());
        if late <= LATE.nanos() {
            let gained = self.gained.nanos().saturating_sub(late.min(0));
            self.gained = Span::from_nanos(gained);
            self.apart = self.apart.min(apart);
            self.late = None;
            return false;
        }
        let (since, least) = self.late.unwrap_or((now, apart));
        let least = least.min(apart);
        self.late = Some((since, least));
        let is_set_back = now.since(since) >= SET_BACK_AFTER;
        if is_set_back {
            self.apart = least;
            self.late = None;
        }
        is_set_back
    }
}

fn count(counted: &mut Option<(FrameRef, u64)>, at: FrameRef) {
    let (_, count) = counted.get_or_insert((at, 0));
    *count += 1;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::LinkType;

    fn at(millis: i64) -> Timestamp {
        Timestamp::default().plus(Span::from_millis(1_000_000 + millis))
    }

    fn frame(millis: i64) -> Frame<'static> {
        Frame {
            at: FrameRef::default(),
            time: at(millis),
            link: LinkType(1),
            interface: 0,
            captured: &[],
            orig_len: 0,
        }
    }

    fn origin(agent: u32, millis: i64) -> Origin<'static> {
        Origin {
            at: FrameRef::default(),
            time: at(millis),
            earlier: &[],
            interface: agent,
            ip_id: 0,
            ttl: 0,
            snapped: false,
            fragmented: false,
        }
    }

    /// Messages of an agent as frame time and own time; the times they get, in milliseconds.
    fn relay(clock: &mut Clock, agent: u32, messages: &[(i64, i64)]) -> Vec<(i64, i64)> {
        let millis = |time: Timestamp| time.since(at(0)).nanos() / 1_000_000;
        let mut times = Vec::new();
        for &(captured, own) in messages {
            let relayed = clock.relayed(&frame(captured), &origin(agent, own));
            clock.last = relayed.now;
            times.push((millis(relayed.time), millis(relayed.now)));
        }
        times
    }

    fn told(clock: &Clock) -> Vec<(&'static str, Option<u64>, u64)> {
        let mut told = Vec::new();
        clock.finish(&mut |defect| told.push((defect.kind.name(), defect.number, defect.count)));
        told
    }

    #[test]
    fn agents_alone_tell_their_own_time() {
        let mut clock = Clock::default();
        let times = relay(&mut clock, 1, &[(9000, 0), (9100, 90)]);
        assert_eq!(times, [(0, 0), (90, 90)]);
        assert_eq!(clock.frame(&frame(9200)), None);
        assert_eq!(told(&clock), []);
    }

    #[test]
    fn beside_the_wire_an_agent_is_set_to_the_captures_clock() {
        for ahead in [5000, -5000] {
            let mut clock = Clock::default();
            assert!(!clock.wire(at(0)));
            // It takes 2 ms at least.
            let times = relay(&mut clock, 1, &[(10, ahead), (102, 100 + ahead)]);
            assert_eq!(times, [(10, 10), (102, 102)]);
            assert_eq!(clock.frame(&frame(200)), Some(at(200)));
            assert_eq!(
                told(&clock),
                [("clock-offset", Some(4998), 2)].map(|told| {
                    let number = if ahead > 0 { 4998 } else { 5002 };
                    (told.0, Some(number), told.2)
                })
            );
        }
    }

    #[test]
    fn the_wire_changes_the_clock_once_and_only_where_it_differs() {
        let mut clock = Clock::default();
        relay(&mut clock, 1, &[(9000, 0)]);
        assert!(clock.wire(at(9010)));
        assert_eq!(clock.last, at(9010));
        assert!(!clock.wire(at(9020)));
        let mut clock = Clock::default();
        relay(&mut clock, 1, &[(9000, 8900)]);
        assert!(!clock.wire(at(9010)));
    }

    #[test]
    fn a_late_message_keeps_its_time_and_timers_do_not_run_back() {
        let mut clock = Clock::default();
        let times = relay(
            &mut clock,
            1,
            &[(0, 0), (4000, 4000), (9000, 1000), (9001, 9001)],
        );
        assert_eq!(times, [(0, 0), (4000, 4000), (1000, 4000), (9001, 9001)]);
        assert_eq!(told(&clock), [("out-of-order", None, 1)]);
    }

    #[test]
    fn agents_that_differ_are_set_to_the_captures_clock() {
        let mut clock = Clock::default();
        relay(&mut clock, 1, &[(2, 0), (102, 100)]);
        let times = relay(&mut clock, 2, &[(202, 180_200)]);
        assert_eq!(times, [(180_200, 180_200)]);
        let relayed = clock.relayed(&frame(302), &origin(2, 180_300));
        assert_eq!((relayed.time, relayed.changes), (at(302), true));
        clock.last = relayed.now;
        assert_eq!(relay(&mut clock, 1, &[(402, 400)]), [(400, 302 + 98)]);
        assert_eq!(told(&clock), [("clock-offset", Some(179_998), 1)]);
    }

    #[test]
    fn agents_that_were_recorded_before_keep_their_time() {
        let mut clock = Clock::default();
        relay(&mut clock, 1, &[(0, 0), (1, 4000), (2, 9000)]);
        let times = relay(&mut clock, 2, &[(3, 20_000), (4, 22_000), (5, 24_000)]);
        assert_eq!(times[2], (24_000, 24_000));
        assert_eq!(told(&clock), []);
    }

    #[test]
    fn an_agent_whose_clock_was_set_back_is_believed_after_a_minute() {
        let mut clock = Clock::default();
        relay(&mut clock, 1, &[(0, 0), (1000, 1000)]);
        let hour = 3_600_000;
        let later: Vec<_> = (2..=63).map(|n| (n * 1000, n * 1000 - hour)).collect();
        let times = relay(&mut clock, 1, &later);
        assert_eq!(times[0], (2000 - hour, 1000));
        assert_eq!(times.last(), Some(&(63_000 - hour, 63_000 - hour)));
    }
}
