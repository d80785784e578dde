//! Peers of both sides: whether calls to one of them fare otherwise than before.
//!
//! In: the metrics of pairs of hosts, and their answers by minute. Out: answer-seizure and network
//! effectiveness ratio of each pair that has enough calls on both sides, the largest change first. There may
//! be hundreds of pairs, so that some would differ by chance: their intervals are widened until all
//! of them together hold at the level of the report. Delays of single pairs are not compared: they would need
//! their minutes.
//!
//! Capped: rows by [`MOST`].

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::interval::{self, Share};
use super::{Change, FEW, MetricChange, Side, measured, part};
use crate::report::view::View;

/// Rows kept.
const MOST: usize = 1000;

/// Measures compared of a pair.
const MEASURES: [&str; 2] = ["asr", "ner"];

/// Pairs of hosts compared.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Peers {
    /// Pairs with 30 call attempts or more on each side.
    pub compared: u64,
    /// Rows for which there was no room: those that changed least.
    pub further: u64,
    /// The largest changes first.
    pub changes: Vec<PeerChange>,
}

/// A measure of one pair of hosts on both sides.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PeerChange {
    /// Who sent the calls and who got them, as in the report's `metrics`.
    pub peer: String,
    /// `asr` or `ner`. Its interval is one of those that all hold together at the report's `level`.
    pub measure: MetricChange,
}

/// A measure of pairs: in percent, and over how many.
type ByPeer<'a> = BTreeMap<&'a str, (f64, u64)>;

fn by_peer<'a>(view: &'a View, name: &str) -> ByPeer<'a> {
    let enough = |(_, count): &(f64, u64)| *count >= FEW;
    let metrics = view.metrics.iter();
    metrics
        .filter_map(|metric| {
            let value = measured(metric, name).filter(enough)?;
            Some((metric.peer.as_deref()?, value))
        })
        .collect()
}

/// Compares the pairs of both sides.
pub(super) fn changes(before: &Side, after: &Side) -> Peers {
    let pairs: Vec<_> = MEASURES
        .into_iter()
        .map(|name| {
            (
                name,
                by_peer(&before.view, name),
                by_peer(&after.view, name),
            )
        })
        .collect();
    let of_both = |(_, first, second): &(&str, ByPeer<'_>, ByPeer<'_>)| {
        first
            .keys()
            .filter(|peer| second.contains_key(*peer))
            .count()
    };
    let rows: usize = pairs.iter().map(of_both).sum();
    let compared = pairs.iter().map(of_both).max().unwrap_or(0);
    let mut changes = Vec::new();
    for (name, first, second) in &pairs {
        let effective = *name == "ner";
        let minutes = [&before.minutes, &after.minutes].map(|side| side.of_pairs(effective));
        for (peer, was) in first {
            let Some(is) = second.get(peer) else {
                continue;
            };
            let share = |value: (f64, u64), minutes: &BTreeMap<String, Vec<(u64, u64)>>| {
                let (count, of) = part(value);
                Share::new(count, of, minutes.get(*peer).map_or(&[], Vec::as_slice))
            };
            let [of_before, of_after] = &minutes;
            let shares = share(*was, of_before).zip(share(*is, of_after));
            let difference =
                shares.map(|(was, is)| interval::difference_of(rows, was, is).times(100.0));
            changes.push(PeerChange {
                peer: (*peer).to_owned(),
                measure: MetricChange {
                    metric: name,
                    unit: "%",
                    change: Change::of(difference),
                    before: Some(was.0),
                    before_n: was.1,
                    after: Some(is.0),
                    after_n: is.1,
                    difference,
                    few: false,
                },
            });
        }
    }
    let size = |it: &PeerChange| it.measure.difference.map_or(0.0, |it| it.value.abs());
    let is_called = |it: &PeerChange| matches!(it.measure.change, Change::Less | Change::More);
    changes.sort_by(|one, other| {
        let called = is_called(other).cmp(&is_called(one));
        called.then(size(other).total_cmp(&size(one)))
    });
    let further = changes.len().saturating_sub(MOST);
    changes.truncate(MOST);
    Peers {
        compared: compared as u64,
        further: further as u64,
        changes,
    }
}
