//! Moves that went back are not tried again at once.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use tidegate_tablets::{Epoch, Metadata, NodeId, Reason, TabletId};
use tokio::time::{Duration, Instant};

/// Knows the balancer's moves, and where one went back keeps its tablet from going to that node for a while: else the
/// same would be planned for ever, also after an operator's cancel. Bounded: the oldest go first.
#[derive(Debug)]
pub(super) struct Rests {
    rest: Duration,
    remembered: usize,
    begun: VecDeque<(TabletId, Epoch, NodeId)>,
    resting: BTreeMap<(TabletId, NodeId), Instant>,
}

impl Rests {
    pub(super) fn new(rest: Duration, remembered: usize) -> Self {
        Self {
            rest,
            remembered: remembered.max(1),
            begun: VecDeque::new(),
            resting: BTreeMap::new(),
        }
    }

    /// A move of `tablet` to `to` has begun, and is named by `begun`.
    pub(super) fn began(&mut self, tablet: TabletId, begun: Epoch, to: NodeId) {
        if self.begun.contains(&(tablet, begun, to)) {
            return;
        }
        while self.begun.len() >= self.remembered {
            self.begun.pop_front();
        }
        self.begun.push_back((tablet, begun, to));
    }

    /// Looks at what has become of moves, also of those that a coordinator before this one began.
    pub(super) fn learn(&mut self, metadata: &Metadata, now: Instant) {
        self.resting.retain(|_, until| *until > now);
        let mut running = VecDeque::new();
        for (tablet, begun, to) in std::mem::take(&mut self.begun) {
            let Some(known) = metadata.tablets.get(&tablet) else {
                continue;
            };
            if known.epoch < begun || known.transition.as_ref().is_some_and(|now| now.begun == begun) {
                running.push_back((tablet, begun, to));
            } else if !known.participants().contains(&to) {
                self.rest(tablet, to, now);
            }
        }
        self.begun = running;
        for (id, tablet) in metadata.tablets.iter() {
            if let Some(transition) = &tablet.transition
                && transition.reason != Reason::Operator
                && let Some(pending) = transition.pending()
            {
                self.began(*id, transition.begun, pending);
            }
        }
    }

    fn rest(&mut self, tablet: TabletId, to: NodeId, now: Instant) {
        while self.resting.len() >= self.remembered {
            let first = self
                .resting
                .iter()
                .min_by_key(|(_, until)| **until)
                .map(|(key, _)| *key);
            let Some(first) = first else { break };
            self.resting.remove(&first);
        }
        tracing::info!(%tablet, node = %to, rest = ?self.rest, "a move went back: not there again for a while");
        self.resting.insert((tablet, to), now + self.rest);
    }

    /// Tablets that do not go to a node for now.
    pub(super) fn resting(&self) -> BTreeSet<(TabletId, NodeId)> {
        self.resting.keys().copied().collect()
    }
}
