//! `Gather`: keeps the messages that were chosen, while a run goes by.
//!
//! In: [`Passed`] messages in the order of the run. Out: [`Gathered`] at the end. Of a call with
//! more messages than are kept, those around its focus are, else the first. The bytes of a message
//! that is repeated as it was are kept once.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::columns::columns;
use super::repeats::link;
use super::{Choice, Ladder, Passed, Sent};
use crate::calls::Onward;
use crate::limits::Limits;
use crate::units::FrameRef;

/// Copies of a message are looked for among so many before it.
const LOOK_BACK: usize = 64;

/// Gathers chosen messages.
#[derive(Debug)]
pub struct Gather {
    choice: Choice,
    limits: Limits,
    calls: Vec<Call>,
    by_id: HashMap<Arc<[u8]>, usize, foldhash::quality::RandomState>,
    bytes: usize,
    further: u64,
    legs: Vec<Onward>,
}

/// What was gathered.
#[derive(Debug, Default)]
pub struct Gathered {
    /// The calls, in the order of their first messages.
    pub ladders: Vec<Ladder>,
    /// Messages of further calls, for which there was no room.
    pub further: u64,
    /// Which calls that were wanted are legs of one, in the order in which they began.
    pub legs: Vec<Onward>,
}

#[derive(Debug)]
struct Call {
    id: Arc<[u8]>,
    messages: VecDeque<Sent>,
    focus: Option<FrameRef>,
    /// Place of the focus in `messages`.
    seen: Option<usize>,
    before: u64,
    behind: u64,
}

impl Gather {
    /// Gathers what `choice` says.
    pub fn new(choice: Choice, limits: &Limits) -> Self {
        Self {
            choice,
            limits: *limits,
            calls: Vec::new(),
            by_id: HashMap::default(),
            bytes: 0,
            further: 0,
            legs: Vec::new(),
        }
    }

    /// Takes a message.
    pub fn push(&mut self, passed: &Passed<'_>) {
        let raw = passed.seen.raw;
        if let Some(leg) = passed.onward
            && self.legs.len() < self.limits.ladder_calls
            && self.is_wanted(leg)
        {
            self.legs.push(leg.clone());
        }
        let id = passed.seen.message.call_id().unwrap_or_default();
        if !self.choice.wants(id, &raw.origin, &self.limits) {
            return;
        }
        let (first, leg) = self.choice.leg(id);
        let index = match self.by_id.get(first) {
            Some(index) => *index,
            None => match self.add(&Arc::from(first)) {
                Some(index) => index,
                None => {
                    self.further += 1;
                    return;
                }
            },
        };
        let cap = self.limits.ladder_messages.max(1);
        let Some(call) = self.calls.get_mut(index) else {
            return;
        };
        if call.messages.len() >= cap && !call.make_room(cap) {
            call.behind += 1;
            return;
        }
        let known = call
            .messages
            .iter()
            .rev()
            .take(LOOK_BACK)
            .find(|sent| *sent.bytes == *raw.bytes)
            .map(|sent| Arc::clone(&sent.bytes));
        let bytes = known.unwrap_or_else(|| {
            let room = self.limits.ladder_bytes.saturating_sub(self.bytes);
            let kept = raw.bytes.get(..room).unwrap_or(raw.bytes);
            self.bytes += kept.len();
            kept.into()
        });
        if call
            .focus
            .is_some_and(|focus| raw.origin.at == focus || raw.origin.earlier.contains(&focus))
        {
            call.seen.get_or_insert(call.messages.len());
        }
        let sent = Sent::new(passed, bytes);
        call.messages.push_back(Sent { leg, ..sent });
    }

    /// The run is over.
    pub fn finish(self) -> Gathered {
        let choice = &self.choice;
        let ladder = |call: Call| {
            let mut messages: Vec<_> = call.messages.into();
            link(&mut messages);
            Ladder {
                legs: choice.legs(&call.id),
                call_id: call.id.to_vec(),
                hosts: columns(&mut messages),
                messages,
                left_out: (call.before, call.behind),
            }
        };
        Gathered {
            ladders: self.calls.into_iter().map(ladder).collect(),
            further: self.further,
            legs: self.legs,
        }
    }

    /// Whether a leg belongs to a call that is wanted, or to one whose legs were wanted before.
    fn is_wanted(&self, leg: &Onward) -> bool {
        let is_known = |known: &Onward| known.root.is_some() && known.root == leg.root;
        self.choice.wants_leg(leg, &self.limits) || self.legs.iter().any(is_known)
    }

    /// A place for a call; `None` where there is none. A call that was named whole has one always:
    /// it takes that of one that was not.
    fn add(&mut self, id: &Arc<[u8]>) -> Option<usize> {
        let is_full = self.calls.len() >= self.limits.ladder_calls;
        if is_full && !self.choice.names(id) {
            return None;
        }
        let shared = Arc::clone(id);
        let call = Call {
            id: Arc::clone(&shared),
            messages: VecDeque::new(),
            focus: self.choice.focus(id, &self.limits),
            seen: None,
            before: 0,
            behind: 0,
        };
        let index = if is_full {
            let choice = &self.choice;
            let index = self
                .calls
                .iter()
                .rposition(|call| !choice.names(&call.id))?;
            let gone = std::mem::replace(self.calls.get_mut(index)?, call);
            self.by_id.remove(&gone.id);
            self.further += gone.messages.len() as u64;
            index
        } else {
            self.calls.push(call);
            self.calls.len() - 1
        };
        self.by_id.insert(shared, index);
        Some(index)
    }
}

impl Call {
    /// Gives up the oldest message where the focus is still to come, or lies in the second half.
    fn make_room(&mut self, cap: usize) -> bool {
        let gives_way = match (self.focus, self.seen) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(_), Some(seen)) => seen > cap / 2,
        };
        if gives_way {
            self.messages.pop_front();
            self.before += 1;
            self.seen = self.seen.map(|seen| seen - 1);
        }
        gives_way
    }
}
