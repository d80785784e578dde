//! Grouping: cases that share a verdict become findings.
//!
//! In: cases, each with a key (what a finding shares), its pair of hosts, its time, and a call.
//! Out: one [`Gathered`] a finding: a pair with half of the cases or more is a matter of its own,
//! the others share one (CONTRACT).
//!
//! Capped: `PAIRS` pairs of hosts a key, cases beyond counted under the last pair;
//! [`crate::limits::Limits::calls_per_finding`] calls a key; the counts stay exact. Keys are the
//! rule's, and it bounds them.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::rule::{CallRef, Confidence, Finding, Peer, Severity};
use crate::limits::Limits;
use crate::units::Timestamp;

/// Pairs of hosts told apart in one group.
const PAIRS: usize = 1024;

/// Cases by key and pair of hosts.
#[derive(Debug)]
pub struct Groups<K> {
    calls_per_finding: usize,
    groups: BTreeMap<K, Group>,
}

#[derive(Debug, Default)]
struct Group {
    kept_calls: usize,
    pairs: BTreeMap<Peer, Pair>,
}

#[derive(Debug)]
struct Pair {
    count: u64,
    start: Timestamp,
    end: Timestamp,
    evidence: String,
    calls: Vec<CallRef>,
}

/// The cases of one finding.
#[derive(Debug)]
pub struct Gathered {
    /// How many.
    pub count: u64,
    /// The first one's time.
    pub start: Timestamp,
    /// The last one's.
    pub end: Timestamp,
    /// By pair of hosts, most first.
    pub peers: Vec<(Peer, u64)>,
    /// The evidence of the first.
    pub evidence: String,
    /// The calls that are kept, by time.
    pub calls: Vec<CallRef>,
    /// Other cases of the key are another finding.
    pub is_split: bool,
}

/// What a rule says of gathered cases.
#[derive(Debug)]
pub struct Said {
    /// [`Finding::rule`].
    pub rule: &'static str,
    /// [`Finding::verdict`].
    pub verdict: Option<&'static str>,
    /// [`Finding::qualifier`]; empty is none.
    pub qualifier: String,
    /// [`Finding::severity`].
    pub severity: Severity,
    /// [`Finding::confidence`].
    pub confidence: Confidence,
    /// [`Finding::raise`].
    pub raise: Option<&'static str>,
    /// [`Finding::cause`].
    pub cause: Option<&'static str>,
    /// [`Finding::title`].
    pub title: String,
    /// [`Finding::detail`].
    pub detail: String,
    /// [`Finding::remediation`].
    pub remediation: &'static str,
}

impl<K: Ord> Groups<K> {
    /// None yet.
    pub fn new(limits: &Limits) -> Self {
        Self {
            calls_per_finding: limits.calls_per_finding,
            groups: BTreeMap::new(),
        }
    }

    /// Takes a case. `evidence` is asked for the first one of a pair, `call` while there is room.
    pub fn add(
        &mut self,
        key: K,
        peer: Peer,
        time: Timestamp,
        call: impl FnOnce() -> CallRef,
        evidence: impl FnOnce() -> String,
    ) {
        let group = self.groups.entry(key).or_default();
        let pair = pair_of(&mut group.pairs, peer, time, evidence);
        pair.count += 1;
        pair.start = pair.start.min(time);
        pair.end = pair.end.max(time);
        if group.kept_calls < self.calls_per_finding {
            group.kept_calls += 1;
            pair.calls.push(call());
        }
    }

    /// The same cases under other keys, now that the whole capture is known; `key` is told how
    /// many of a key a pair has, and since when; where it gives none they are let go.
    pub fn regroup<L: Ord>(
        &mut self,
        mut key: impl FnMut(&K, Peer, u64, Timestamp) -> Option<L>,
    ) -> Groups<L> {
        let mut groups: BTreeMap<L, Group> = BTreeMap::new();
        for (old, group) in std::mem::take(&mut self.groups) {
            for (peer, pair) in group.pairs {
                let Some(new) = key(&old, peer, pair.count, pair.start) else {
                    continue;
                };
                let group = groups.entry(new).or_default();
                group.kept_calls += pair.calls.len();
                match group.pairs.get_mut(&peer) {
                    Some(known) => known.join(pair),
                    None => {
                        group.pairs.insert(peer, pair);
                    }
                }
            }
        }
        Groups {
            calls_per_finding: self.calls_per_finding,
            groups,
        }
    }

    /// Hands out what makes a finding each, by key.
    pub fn finish(&mut self, out: &mut dyn FnMut(&K, Gathered)) {
        for (key, group) in std::mem::take(&mut self.groups) {
            let total: u64 = group.pairs.values().map(|pair| pair.count).sum();
            let has_others = group.pairs.len() > 1;
            let (own, rest): (Vec<_>, Vec<_>) = group
                .pairs
                .into_iter()
                .partition(|(_, pair)| has_others && pair.count * 2 >= total);
            let is_split = own.len() + usize::from(!rest.is_empty()) > 1;
            for pairs in own.into_iter().map(|pair| vec![pair]).chain([rest]) {
                if let Some(gathered) = gather(pairs, is_split) {
                    out(&key, gathered);
                }
            }
        }
    }
}

fn pair_of(
    pairs: &mut BTreeMap<Peer, Pair>,
    peer: Peer,
    time: Timestamp,
    evidence: impl FnOnce() -> String,
) -> &mut Pair {
    let is_full = pairs.len() >= PAIRS && !pairs.contains_key(&peer);
    let last = pairs.keys().next_back().filter(|_| is_full);
    let peer = last.copied().unwrap_or(peer);
    pairs.entry(peer).or_insert_with(|| Pair {
        count: 0,
        start: time,
        end: time,
        evidence: evidence(),
        calls: Vec::new(),
    })
}

impl Pair {
    fn join(&mut self, other: Self) {
        if other.start < self.start {
            self.evidence = other.evidence;
        }
        self.count += other.count;
        self.start = self.start.min(other.start);
        self.end = self.end.max(other.end);
        self.calls.extend(other.calls);
    }
}

fn gather(pairs: Vec<(Peer, Pair)>, is_split: bool) -> Option<Gathered> {
    let count = pairs.iter().map(|(_, pair)| pair.count).sum();
    let start = pairs.iter().map(|(_, pair)| pair.start).min()?;
    let end = pairs.iter().map(|(_, pair)| pair.end).max()?;
    let mut peers: Vec<_> = pairs
        .iter()
        .map(|(peer, pair)| (*peer, pair.count))
        .collect();
    peers.sort_by_key(|(peer, count)| (Reverse(*count), *peer));
    let first = pairs.iter().min_by_key(|(_, pair)| pair.start)?;
    let evidence = first.1.evidence.clone();
    let mut calls: Vec<_> = pairs.into_iter().flat_map(|(_, pair)| pair.calls).collect();
    calls.sort_by_key(|call| (call.time, call.file, call.frames.first().copied()));
    Some(Gathered {
        count,
        start,
        end,
        peers,
        evidence,
        calls,
        is_split,
    })
}

impl Gathered {
    /// The finding that `said` makes of them.
    pub fn finding(self, said: Said) -> Finding {
        // Two findings of one key are told apart by whom they are about.
        let whose = match self.peers.as_slice() {
            [(peer, _)] if self.is_split => format!(", {peer}"),
            _ if self.is_split => ", other pairs of hosts".to_owned(),
            _ => String::new(),
        };
        Finding {
            rule: said.rule,
            verdict: said.verdict,
            qualifier: Some(said.qualifier).filter(|text| !text.is_empty()),
            severity: said.severity,
            confidence: said.confidence,
            raise: said.raise.map(str::to_owned),
            cause: said.cause,
            title: format!("{}{whose}", said.title),
            detail: said.detail,
            evidence: Some(self.evidence).filter(|text| !text.is_empty()),
            remediation: said.remediation.to_owned(),
            count: self.count,
            start: self.start,
            end: self.end,
            peers: self.peers,
            calls: self.calls,
            burst: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::{FileIndex, FrameNo};

    fn peer(src: u8) -> Peer {
        Peer {
            src: [10, 0, 0, src].into(),
            dst: [10, 0, 1, 1].into(),
        }
    }

    fn call(no: i64) -> CallRef {
        CallRef {
            call_id: no.to_string().into_bytes().into(),
            cseq: 1,
            to_tag: None,
            file: FileIndex(0),
            frames: vec![FrameNo(no.unsigned_abs())],
            time: Timestamp::from_nanos(no),
        }
    }

    /// Cases of these pairs, one a nanosecond.
    fn groups(sources: &[u8], limits: &Limits) -> Groups<&'static str> {
        let mut groups = Groups::new(limits);
        for (source, no) in sources.iter().zip(1..) {
            let time = Timestamp::from_nanos(no);
            groups.add("key", peer(*source), time, || call(no), || no.to_string());
        }
        groups
    }

    fn finish(mut groups: Groups<&'static str>) -> Vec<Gathered> {
        let mut all = Vec::new();
        groups.finish(&mut |_, gathered| all.push(gathered));
        all
    }

    #[test]
    fn a_pair_with_half_of_the_cases_has_a_finding_of_its_own() {
        let all = finish(groups(&[1, 2, 3, 1, 1, 2], &Limits::default()));
        let counts: Vec<_> = all.iter().map(|g| (g.count, g.peers.len())).collect();
        assert_eq!(counts, [(3, 1), (3, 2)]);
        assert_eq!(all[1].peers, [(peer(2), 2), (peer(3), 1)]);
        assert_eq!(all[1].evidence, "2", "of the first case");
    }

    #[test]
    fn pairs_without_half_share_a_finding() {
        let all = finish(groups(&[1, 2, 3], &Limits::default()));
        assert_eq!(all.len(), 1);
        assert_eq!((all[0].count, all[0].peers.len()), (3, 3));
    }

    #[test]
    fn counts_stay_exact_where_calls_are_capped() {
        let limits = Limits {
            calls_per_finding: 2,
            ..Limits::default()
        };
        let all = finish(groups(&[1, 1, 1, 1], &limits));
        assert_eq!((all[0].count, all[0].calls.len()), (4, 2));
    }

    #[test]
    fn regrouping_joins_pairs_and_lets_go_of_what_has_no_key() {
        let mut groups = Groups::new(&Limits::default());
        for (key, no) in [("a", 3), ("b", 2), ("c", 1)] {
            let time = Timestamp::from_nanos(no);
            groups.add(key, peer(1), time, || call(no), || key.to_owned());
        }
        let groups = groups.regroup(|key, _, _, _| (*key != "c").then_some("new"));
        let all = finish(groups);
        assert_eq!(all.len(), 1);
        assert_eq!((all[0].count, all[0].evidence.as_str()), (2, "b"));
        assert_eq!(all[0].calls[0].time, Timestamp::from_nanos(2));
    }

    #[test]
    fn findings_of_one_key_say_in_their_titles_whom_they_are_about() {
        let titles = |sources: &[u8]| -> Vec<String> {
            let said = || Said {
                rule: "rule",
                verdict: None,
                qualifier: String::new(),
                severity: Severity::Info,
                confidence: Confidence::Confirmed,
                raise: None,
                cause: None,
                title: "calls".to_owned(),
                detail: String::new(),
                remediation: "",
            };
            let all = finish(groups(sources, &Limits::default()));
            all.into_iter()
                .map(|one| one.finding(said()).title)
                .collect()
        };
        let own = format!("calls, {}", peer(1));
        assert_eq!(
            titles(&[1, 1, 2, 3]),
            [own.as_str(), "calls, other pairs of hosts"]
        );
        assert_eq!(titles(&[1, 1]), ["calls"]);
        assert_eq!(titles(&[1, 2, 3]), ["calls"]);
    }
}
