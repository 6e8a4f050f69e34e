//! I6: a write acknowledged to a client is not lost by a move, and a deleted row does not come back: at the end, every
//! quorum of engines shows each key's last acknowledged write, or one that may have come after it.

use std::collections::BTreeSet;

use bytes::Bytes;
use tidegate_kv::{Row, token_of};
use tidegate_tablets::{NodeId, TabletId, quorum_of};

use super::histories::{ClientOperation, Place};
use super::{Invariant, Now};
use crate::event::{ClientOp, Event};

#[derive(Debug, Default)]
pub(super) struct Acknowledged;

impl Invariant for Acknowledged {
    fn name(&self) -> &'static str {
        "I6-acknowledged"
    }

    fn observe(&mut self, _now: &Now<'_>, _event: &Event) -> Result<(), String> {
        Ok(())
    }

    fn at_end(&mut self, now: &Now<'_>) -> Result<(), String> {
        let mut places = now.facts.histories.places();
        places.try_for_each(|(place, operations)| held(now, place, operations))
    }
}

fn held(now: &Now<'_>, place: &Place, operations: &[ClientOperation]) -> Result<(), String> {
    let (table, key) = place;
    let metadata = &now.facts.metadata;
    let Some((id, tablet)) = metadata.tablet_of(*table, token_of(key)) else {
        return Ok(());
    };
    if now.facts.given_up.contains(&id) || tablet.transition.is_some() {
        return Ok(());
    }
    let Some(last) = operations.iter().rfind(|operation| operation.is_acknowledged()) else {
        return Ok(());
    };
    let live: Vec<NodeId> = tablet
        .replicas
        .iter()
        .copied()
        .filter(|node| !metadata.is_excluded(*node))
        .collect();
    let rows: Vec<Option<Row>> = live.iter().map(|node| row(now, *node, id, key)).collect();
    for chosen in choices(live.len(), quorum_of(&tablet.replicas)) {
        let shown = chosen
            .iter()
            .filter_map(|at| rows[*at].as_ref())
            .max_by_key(|row| row.timestamp);
        if !follows(last, shown, operations) {
            let nodes: BTreeSet<u64> = chosen.iter().map(|at| live[*at].as_u64()).collect();
            return Err(format!(
                "key {} of t{id}: op {} ({:?}) was acknowledged, and the quorum {nodes:?} shows {shown:?}",
                String::from_utf8_lossy(key),
                last.op,
                last.what
            ));
        }
    }
    Ok(())
}

fn row(now: &Now<'_>, node: NodeId, tablet: TabletId, key: &Bytes) -> Option<Row> {
    now.held(node).rows.get(&tablet)?.get(key).cloned()
}

/// Whether what is shown was written by `last`, or by an operation that may have taken effect after it.
fn follows(last: &ClientOperation, shown: Option<&Row>, operations: &[ClientOperation]) -> bool {
    let value = shown.and_then(|row| row.value.as_ref());
    operations.iter().any(|operation| {
        let wrote = match (&operation.what, value) {
            (ClientOp::Put(put), Some(value)) => put == value,
            // A tombstone, or a purged one.
            (ClientOp::Delete, None) => true,
            _ => false,
        };
        wrote && !operation.has_failed() && operation.effective() >= last.invoked
    })
}

/// All ways to choose `size` of `count`.
fn choices(count: usize, size: usize) -> Vec<Vec<usize>> {
    let all = (0_u32..1 << count.min(16)).filter(|bits| bits.count_ones() as usize == size);
    all.map(|bits| (0..count).filter(|at| bits & 1 << at != 0).collect())
        .collect()
}

#[cfg(test)]
mod tests;
