//! Repeats: which message is another one once more.
//!
//! In: the messages of a call, in order. Out: each repeat linked to its first. What the run calls a
//! retransmission or a tap's copy is looked for among those before it; and a message that comes again
//! byte for byte between the same hosts is a repeat whatever the run calls it (the run counts those
//! of one side of a NAT only).

use std::collections::HashMap;
use std::net::IpAddr;

use super::sent::{Sent, Start};

/// What repeats have in common.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Kin<'a> {
    hosts: (IpAddr, IpAddr),
    /// Method, or the code as sent.
    what: &'a [u8],
    method: &'a [u8],
    branch: Option<&'a [u8]>,
    to_tag: Option<&'a [u8]>,
    cseq: Option<u32>,
}

/// Links repeats to their firsts.
pub(super) fn link(messages: &mut [Sent]) {
    let mut firsts: HashMap<Kin<'_>, Vec<usize>, foldhash::quality::RandomState> =
        HashMap::default();
    let mut links = Vec::new();
    for (index, sent) in messages.iter().enumerate() {
        let known = firsts.entry(kin(sent)).or_default();
        let same = known.iter().rev().copied().find(|first| {
            messages
                .get(*first)
                .is_some_and(|first| first.bytes == sent.bytes && first.len == sent.len)
        });
        let is_told = sent.retransmission || sent.duplicate;
        let first = same.or_else(|| known.last().copied().filter(|_| is_told));
        match first {
            Some(first) => links.push((index, first)),
            None => known.push(index),
        }
    }
    for (index, first) in links {
        if let Some(sent) = messages.get_mut(index) {
            sent.repeats = Some(first);
            sent.retransmission |= !sent.duplicate;
        }
    }
}

fn kin(sent: &Sent) -> Kin<'_> {
    let what = match &sent.start {
        Start::Request { method, .. } => method,
        Start::Response { code_text, .. } => code_text,
    };
    Kin {
        hosts: (sent.flow.src.addr, sent.flow.dst.addr),
        what,
        method: sent.method(),
        branch: sent.branch.as_deref(),
        to_tag: sent.to_tag.as_deref(),
        cseq: sent.cseq,
    }
}
