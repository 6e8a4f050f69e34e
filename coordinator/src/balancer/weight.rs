//! How much a replica weighs.

use std::collections::BTreeMap;

use tidegate_tablets::{Metadata, TabletId};

use super::{BalanceRules, Load, TabletLoad};

/// How much each tablet's replica weighs, in bytes; never nothing.
#[derive(Debug)]
pub(super) struct Weights {
    known: BTreeMap<TabletId, (TabletLoad, u128)>,
    other: u128,
}

impl Weights {
    pub(super) fn new(metadata: &Metadata, load: Option<&Load>, rules: &BalanceRules) -> Self {
        let held = |reported: TabletLoad| {
            u128::from(reported.bytes) + u128::from(reported.rows) * u128::from(rules.row_bytes)
        };
        let mut known: BTreeMap<TabletId, (TabletLoad, u128)> = metadata
            .tablets
            .keys()
            .filter_map(|id| Some((*id, load?.tablet(*id)?)))
            .map(|(id, reported)| (id, (reported, held(reported))))
            .collect();
        let total: u128 = known.values().map(|(_, held)| held).sum();
        let mean = total / (known.len() as u128).max(1);
        let share = mean.max(u128::from(rules.tablet_bytes_min)).max(1);
        for (_, weight) in known.values_mut() {
            *weight += share;
        }
        Self {
            known,
            other: mean + share,
        }
    }

    pub(super) fn of(&self, tablet: TabletId) -> u128 {
        self.known.get(&tablet).map_or(self.other, |(_, weight)| *weight)
    }

    pub(super) fn bytes(&self, tablet: TabletId) -> u64 {
        self.known.get(&tablet).map_or(0, |(reported, _)| reported.bytes)
    }
}
