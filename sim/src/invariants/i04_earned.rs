//! I4: a stage is left forward only when what the table asks for is done: by every participant that is not excluded,
//! for this very epoch, under this very session.

use std::collections::BTreeSet;

use tidegate_coordinator::OperationKind;
use tidegate_guard::SessionId;
use tidegate_tablets::{Epoch, NodeId, Stage, Tablet, TabletId, Transition};

use super::stage_table::{Who, row};
use super::{Invariant, Now};
use crate::event::Event;

#[derive(Debug, Default)]
pub(super) struct Earned {
    barriers: BTreeSet<(TabletId, Epoch, NodeId)>,
    operations: BTreeSet<(TabletId, SessionId, OperationKind, NodeId)>,
}

impl Invariant for Earned {
    fn name(&self) -> &'static str {
        "I4-earned"
    }

    fn observe(&mut self, now: &Now<'_>, event: &Event) -> Result<(), String> {
        match event {
            Event::BarrierAnswered {
                node,
                tablet,
                epoch,
                result: Ok(()),
            } => {
                self.barriers.insert((*tablet, *epoch, *node));
            }
            Event::OperationAnswered {
                node,
                kind,
                tablet,
                session,
                result: Ok(()),
            } => {
                self.operations.insert((*tablet, *session, *kind, *node));
            }
            Event::Decided { touched, .. } => {
                for id in touched {
                    let Some(before) = now.facts.previous.tablets.get(id) else {
                        continue;
                    };
                    let Some(after) = now.facts.metadata.tablets.get(id) else {
                        continue;
                    };
                    self.step(now, *id, before, after)?;
                }
            }
            _ => {}
        }
        Ok(())
    }
}

impl Earned {
    fn step(&self, now: &Now<'_>, id: TabletId, before: &Tablet, after: &Tablet) -> Result<(), String> {
        let Some(from) = &before.transition else {
            return Ok(());
        };
        let to = after.transition.as_ref().map(|transition| transition.stage);
        if to == Some(from.stage) || row(from.stage).next != to {
            return Ok(());
        }
        self.forward(now, id, before.epoch, from).map_err(|missing| {
            let to = to.map_or("its end", Stage::name);
            format!(
                "t{id} went from {} at epoch {} to {to} without {missing}",
                from.stage, before.epoch
            )
        })
    }

    fn forward(&self, now: &Now<'_>, id: TabletId, epoch: Epoch, from: &Transition) -> Result<(), String> {
        let row = row(from.stage);
        let live = |nodes: BTreeSet<NodeId>| {
            let excluded = |node: &NodeId| now.facts.metadata.is_excluded(*node);
            nodes.into_iter().filter(move |node| !excluded(node))
        };
        if row.barrier {
            let mut nodes = live(from.participants());
            if let Some(node) = nodes.find(|node| !self.barriers.contains(&(id, epoch, *node))) {
                return Err(format!("the barrier of n{node}"));
            }
        }
        let Some((kind, who)) = row.operation else {
            return Ok(());
        };
        let Some((session, _)) = from.session else {
            return Err("a session".to_owned());
        };
        let mut nodes = live(match who {
            Who::Pending => from.pending().into_iter().collect(),
            Who::Leaving => from.leaving().into_iter().collect(),
            Who::All => from.participants(),
        });
        match nodes.find(|node| !self.operations.contains(&(id, session, kind, *node))) {
            Some(node) => Err(format!("the {kind} of n{node}")),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
