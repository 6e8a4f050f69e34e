//! I5: while no transition runs, only current replicas hold data of the tablet; excluded nodes are not counted.

use std::collections::BTreeSet;

use tidegate_tablets::{NodeId, Stage, TabletId};

use super::{Invariant, Now};
use crate::event::Event;
use crate::recorder::name;

#[derive(Debug, Default)]
pub(super) struct Holdings;

impl Invariant for Holdings {
    fn name(&self) -> &'static str {
        "I5-holdings"
    }

    fn observe(&mut self, now: &Now<'_>, event: &Event) -> Result<(), String> {
        let Event::Decided { touched, .. } = event else {
            return Ok(());
        };
        touched.iter().try_for_each(|id| ended(now, *id))
    }

    fn at_end(&mut self, now: &Now<'_>) -> Result<(), String> {
        let metadata = &now.facts.metadata;
        let known = metadata.nodes.keys().chain(now.facts.nodes.keys()).copied();
        let nodes: BTreeSet<NodeId> = known.filter(|node| !metadata.is_excluded(*node)).collect();
        nodes.into_iter().try_for_each(|node| left_behind(now, node))
    }
}

/// The replica that a transition took away holds nothing any more when that ends: cleaned, and the barrier after.
fn ended(now: &Now<'_>, id: TabletId) -> Result<(), String> {
    let (previous, metadata) = (&now.facts.previous, &now.facts.metadata);
    let Some(after) = metadata
        .tablets
        .get(&id)
        .filter(|tablet| tablet.transition.is_none())
    else {
        return Ok(());
    };
    let Some(ended) = previous
        .tablets
        .get(&id)
        .and_then(|tablet| tablet.transition.as_ref())
    else {
        return Ok(());
    };
    let gone = match ended.stage {
        Stage::EndMigration => ended.leaving(),
        Stage::RevertMigration => ended.pending(),
        _ => None,
    };
    let Some(node) = gone.filter(|node| !metadata.is_excluded(*node)) else {
        return Ok(());
    };
    let held = now.held(node);
    match held.rows.get(&id) {
        Some(rows) if !rows.is_empty() => Err(format!(
            "n{node} is no replica of t{id} any more from epoch {} on, and holds {} rows of it",
            after.epoch,
            rows.size()
        )),
        _ => Ok(()),
    }
}

fn left_behind(now: &Now<'_>, node: NodeId) -> Result<(), String> {
    let held = now.held(node);
    if let Some(((tablet, session), area)) = held.staged.first_key_value() {
        return Err(format!(
            "n{node} still has {} staged rows of t{tablet} under {}",
            area.rows.size(),
            name(*session)
        ));
    }
    let tablets = &now.facts.metadata.tablets;
    let stray = held.rows.iter().find(|(id, rows)| {
        let concerned = tablets.get(*id).is_some_and(|tablet| tablet.concerns(node));
        !concerned && !rows.is_empty()
    });
    match stray {
        Some((id, rows)) => Err(format!(
            "n{node} holds {} rows of t{id}, and is no replica of it",
            rows.size()
        )),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
