//! A transfer has no effect until it is whole: staging changes nothing that readers see, and an attach merges: it puts
//! no older row in the place of a later one.

use std::collections::BTreeMap;

use tidegate_tablets::{NodeId, TabletId};

use super::{Invariant, Now};
use crate::engine::Rows;
use crate::event::{EffectKind, Event};

#[derive(Debug, Default)]
pub(super) struct WholeTransfers {
    running: BTreeMap<u64, Running>,
}

/// A call that stages or attaches, and what readers saw when it began.
#[derive(Debug)]
struct Running {
    node: NodeId,
    tablet: TabletId,
    kind: EffectKind,
    seen: Rows,
    /// Whether requests, or another attach, may have put rows meanwhile.
    added: bool,
    /// Whether rows may have gone meanwhile.
    removed: bool,
}

impl Running {
    fn meets(&mut self, kind: EffectKind) {
        self.added |= matches!(kind, EffectKind::Write | EffectKind::Attach);
        self.removed |= matches!(kind, EffectKind::Remove | EffectKind::Purge);
    }
}

impl Invariant for WholeTransfers {
    fn name(&self) -> &'static str {
        "whole-transfers"
    }

    fn observe(&mut self, now: &Now<'_>, event: &Event) -> Result<(), String> {
        match event {
            Event::EffectBegun {
                call,
                node,
                tablet,
                kind,
                ..
            } => self.begun(now, *call, (*node, *tablet), *kind),
            Event::EffectEnded { call, .. } => {
                if let Some(running) = self.running.remove(call) {
                    return running.ended(now);
                }
            }
            Event::Crashed { node } => self.running.retain(|_, running| running.node != *node),
            _ => {}
        }
        Ok(())
    }
}

impl WholeTransfers {
    fn begun(&mut self, now: &Now<'_>, call: u64, place: (NodeId, TabletId), kind: EffectKind) {
        let (node, tablet) = place;
        for running in self.running.values_mut() {
            if (running.node, running.tablet) == place {
                running.meets(kind);
            }
        }
        if !matches!(kind, EffectKind::Stage | EffectKind::Sync | EffectKind::Attach) {
            return;
        }
        let mut running = Running {
            node,
            tablet,
            kind,
            seen: now.held(node).rows.get(&tablet).cloned().unwrap_or_default(),
            added: false,
            removed: false,
        };
        for (other, effect) in now.facts.running(node, tablet) {
            if *other != call {
                running.meets(effect.kind);
            }
        }
        self.running.insert(call, running);
    }
}

impl Running {
    fn ended(&self, now: &Now<'_>) -> Result<(), String> {
        let seen = now
            .held(self.node)
            .rows
            .get(&self.tablet)
            .cloned()
            .unwrap_or_default();
        let place = format!("n{}: {:?} of t{}", self.node, self.kind, self.tablet);
        if self.kind != EffectKind::Attach && !self.added && !self.removed && seen != self.seen {
            return Err(format!("{place} changed what readers see before it was attached"));
        }
        if self.removed {
            return Ok(());
        }
        let older = self
            .seen
            .iter()
            .find(|(key, row)| seen.get(*key).is_none_or(|there| there.timestamp < row.timestamp));
        match older {
            Some((key, _)) => Err(format!(
                "{place} took away the later row of {}",
                String::from_utf8_lossy(key)
            )),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
