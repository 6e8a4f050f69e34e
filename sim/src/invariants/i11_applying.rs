//! I11: no metadata lock is held across network or disk waits. Seen from outside: what a node's copy of the metadata
//! shows is in force on the node at once, whatever streams, disks and drains are under way there.

use std::collections::BTreeMap;
use std::time::Duration;

use tidegate_session::SessionState;
use tidegate_tablets::{NodeId, Version};

use super::{Invariant, Now};
use crate::event::Event;
use crate::recorder::name;

/// How long a node may take from its copy of the metadata to its sessions. Flipping a state takes no virtual time.
const APPLY_MAX: Duration = Duration::from_millis(100);

#[derive(Debug, Default)]
pub(super) struct Applying {
    /// What each node's copy came to that was not looked at yet; the oldest of it.
    due: BTreeMap<NodeId, Due>,
    /// The starts of nodes in which a session was opened: from then on they act on what they apply.
    acting: BTreeMap<NodeId, u64>,
    looked: Duration,
}

#[derive(Debug, Clone, Copy)]
struct Due {
    version: Version,
    at: Duration,
}

impl Invariant for Applying {
    fn name(&self) -> &'static str {
        "I11-applying"
    }

    fn observe(&mut self, now: &Now<'_>, event: &Event) -> Result<(), String> {
        self.look(now)?;
        match event {
            Event::Applied { node, version, .. } => {
                let (version, at) = (*version, now.at);
                self.due.entry(*node).or_insert(Due { version, at });
            }
            Event::Session {
                node,
                incarnation,
                state: SessionState::Open,
                ..
            } => {
                self.acting.insert(*node, *incarnation);
            }
            Event::Crashed { node } => {
                self.due.remove(node);
            }
            _ => {}
        }
        Ok(())
    }
}

impl Applying {
    fn look(&mut self, now: &Now<'_>) -> Result<(), String> {
        if now.at == self.looked {
            return Ok(());
        }
        self.looked = now.at;
        let due: Vec<(NodeId, Due)> = self
            .due
            .iter()
            .filter(|(_, due)| now.at > due.at + APPLY_MAX)
            .map(|(node, due)| (*node, *due))
            .collect();
        for (node, due) in due {
            self.due.remove(&node);
            let Some(facts) = now.facts.nodes.get(&node).filter(|facts| facts.is_up) else {
                continue;
            };
            let acts = self.acting.get(&node) == Some(&facts.incarnation);
            in_force(now, node, due, acts)?;
        }
        Ok(())
    }
}

fn in_force(now: &Now<'_>, node: NodeId, due: Due, acts: bool) -> Result<(), String> {
    let (open, _) = now.sessions(node);
    let excluded = now.facts.metadata.is_excluded(node);
    for (session, facts) in &now.facts.sessions {
        let is_open = open.contains(session);
        let wrong = match facts.cleared {
            Some((_, cleared)) if cleared <= due.version && is_open => "cleared by then, is still open",
            None if acts && !excluded && !is_open => {
                let named = facts.written.1 <= due.version && facts.participants.contains(&node);
                if !named {
                    continue;
                }
                "named by it, is not open"
            }
            _ => continue,
        };
        return Err(format!(
            "n{node} applied version {} {:?} ago, and {}, {wrong}",
            due.version,
            now.at.saturating_sub(due.at),
            name(*session)
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
