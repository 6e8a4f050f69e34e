//! I9: whoever holds a session that closes is woken, and lets go of it: what holds it up is a call into the engine
//! that has begun, and nothing else. Without that a barrier ends too, but when the holder's own deadline comes.

use std::collections::BTreeMap;
use std::time::Duration;

use tidegate_guard::SessionId;
use tidegate_session::SessionState;
use tidegate_tablets::{NodeId, TabletId};

use super::{Invariant, Now};
use crate::event::{Event, FaultKind};
use crate::recorder::name;

/// How long a closing session may be held while no call with an effect runs under it and nothing disturbs. Calls that
/// only read are short then.
const HELD_MAX: Duration = Duration::from_millis(500);

/// How long calls that were slow before everything was healed may go on.
const HEALING: Duration = Duration::from_secs(5);

#[derive(Debug, Default)]
pub(super) struct Closing {
    /// Since when nothing of the engine has held a session that closes.
    free: BTreeMap<(NodeId, SessionId), Option<Duration>>,
    looked: Duration,
    /// Whether a disk was slowed down: its reads hold sessions as well, and are not told.
    slow: bool,
    healed: Option<Duration>,
}

impl Invariant for Closing {
    fn name(&self) -> &'static str {
        "I9-closing"
    }

    fn observe(&mut self, now: &Now<'_>, event: &Event) -> Result<(), String> {
        // Before it is known to have closed: it may have taken too long.
        self.look(now)?;
        match event {
            Event::Session {
                node,
                incarnation,
                session,
                state,
            } if now.facts.is_of_now(*node, *incarnation) => match state {
                SessionState::Closing => {
                    let free = self.is_free(now, *node, *session);
                    self.free.insert((*node, *session), free.then_some(now.at));
                }
                SessionState::Open | SessionState::Closed => {
                    self.free.remove(&(*node, *session));
                }
            },
            Event::Fault {
                kind: FaultKind::SlowDisk,
                ..
            } => self.slow = true,
            Event::Healed => (self.slow, self.healed) = (false, Some(now.at)),
            Event::Started { node, .. } | Event::Crashed { node } => {
                self.free.retain(|(of, _), _| of != node);
            }
            _ => {}
        }
        Ok(())
    }
}

impl Closing {
    fn look(&mut self, now: &Now<'_>) -> Result<(), String> {
        if now.at == self.looked || self.free.is_empty() {
            return Ok(());
        }
        self.looked = now.at;
        let mut free = std::mem::take(&mut self.free);
        for ((node, session), since) in &mut free {
            if !self.is_free(now, *node, *session) {
                *since = None;
                continue;
            }
            let since = *since.get_or_insert(now.at);
            if now.at > since + HELD_MAX {
                return Err(format!(
                    "n{node}: {} closes, no effect runs under it, and somebody has held it for {:?}",
                    name(*session),
                    now.at - since
                ));
            }
        }
        self.free = free;
        Ok(())
    }

    /// Whether nothing that may hold a session does.
    fn is_free(&self, now: &Now<'_>, node: NodeId, session: SessionId) -> bool {
        let healing = self.healed.is_some_and(|healed| now.at < healed + HEALING);
        if now.facts.disturbed || self.slow || healing {
            return false;
        }
        let mut effects = now.facts.running(node, TabletId::of_session(session));
        // What this very event has ended ran until now.
        let ended = now.facts.ended.as_ref();
        !effects.any(|(_, effect)| effect.session == Some(session))
            && ended.is_none_or(|ended| ended.node != node || ended.session != Some(session))
    }
}

#[cfg(test)]
mod tests;
