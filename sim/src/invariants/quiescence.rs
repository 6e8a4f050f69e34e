//! At the end there is nothing left: no sessions, no guards, no streams, no tasks, no calls.

use tidegate_tablets::NodeId;

use super::{Invariant, Now};
use crate::event::Event;
use crate::recorder::name;

#[derive(Debug, Default)]
pub(super) struct Quiescence;

impl Invariant for Quiescence {
    fn name(&self) -> &'static str {
        "quiescence"
    }

    fn observe(&mut self, _now: &Now<'_>, _event: &Event) -> Result<(), String> {
        Ok(())
    }

    fn at_end(&mut self, now: &Now<'_>) -> Result<(), String> {
        if let Some(op) = now.facts.histories.open().next() {
            return Err(format!("op {op} of a client never returned"));
        }
        if let Some((call, effect)) = now.facts.effects.first_key_value() {
            return Err(format!(
                "n{}: {:?} #{call} of t{} never ended",
                effect.node, effect.kind, effect.tablet
            ));
        }
        let nodes: Vec<NodeId> = now.facts.nodes.keys().copied().collect();
        nodes.into_iter().try_for_each(|node| sessions_gone(now, node))?;
        match now.streams_and_tasks() {
            (0, 0) => Ok(()),
            (streams, tasks) => Err(format!("{streams} streams and {tasks} tasks are left")),
        }
    }
}

/// No session is left but of a transition that is.
fn sessions_gone(now: &Now<'_>, node: NodeId) -> Result<(), String> {
    let (open, closing) = now.sessions(node);
    if let Some(session) = closing.first() {
        return Err(format!(
            "n{node}: {} is still closing: someone holds it",
            name(*session)
        ));
    }
    let cleared = |session: &&_| {
        now.facts
            .sessions
            .get(*session)
            .is_none_or(|facts| facts.cleared.is_some())
    };
    match open.iter().find(cleared) {
        Some(session) => Err(format!("n{node}: {} is still open", name(*session))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
