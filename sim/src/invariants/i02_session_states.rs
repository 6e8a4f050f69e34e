//! I2: a session's states go open, closing, closed, on each node, across restarts, and an id never comes back. It
//! opens only where the metadata that a node has applied names it, and begins to close only once metadata has cleared it
//! or its node stops.

use tidegate_guard::SessionId;
use tidegate_session::SessionState;
use tidegate_tablets::{NodeId, TabletId};

use super::facts::StateFacts;
use super::{Invariant, Now};
use crate::event::Event;
use crate::recorder::name;

#[derive(Debug, Default)]
pub(super) struct SessionStates;

impl Invariant for SessionStates {
    fn name(&self) -> &'static str {
        "I2-session-states"
    }

    fn observe(&mut self, now: &Now<'_>, event: &Event) -> Result<(), String> {
        match event {
            Event::Session {
                node,
                incarnation,
                session,
                state,
            } if now.facts.is_of_now(*node, *incarnation) => {
                let (node, session) = (*node, *session);
                match state {
                    SessionState::Open => opened(now, node, session),
                    SessionState::Closing => closing(now, node, session),
                    SessionState::Closed => closed(now, node, session),
                }
            }
            Event::Decided { touched, .. } => touched.iter().try_for_each(|tablet| fresh(now, *tablet)),
            _ => Ok(()),
        }
    }
}

fn opened(now: &Now<'_>, node: NodeId, session: SessionId) -> Result<(), String> {
    let short = name(session);
    if now.facts.is_stopping(node) {
        return Err(format!("n{node} opens {short}, and was told to stop"));
    }
    if let Some(before) = now
        .facts
        .state_before
        .filter(|before| !may_open(now, node, before))
    {
        return Err(format!(
            "n{node} opens {short}, which was {:?} there in incarnation {}",
            before.state, before.incarnation
        ));
    }
    let Some(facts) = now.facts.sessions.get(&session) else {
        return Err(format!(
            "n{node} opens {short} ({session}), which was never decided"
        ));
    };
    if !facts.participants.contains(&node) {
        return Err(format!("n{node} opens {short}, and takes no part in it"));
    }
    let applied = now
        .facts
        .nodes
        .get(&node)
        .map(|facts| facts.applied)
        .unwrap_or_default();
    if applied < facts.written.1 {
        return Err(format!(
            "n{node} opens {short}, written by version {}, and has applied version {applied}",
            facts.written.1
        ));
    }
    match now.facts.barriers.get(&(node, facts.tablet)) {
        Some(epoch) if now.facts.is_cleared_at(session, *epoch) => Err(format!(
            "n{node} opens {short}, cleared before the barrier that n{node} answered for epoch {epoch}"
        )),
        _ => Ok(()),
    }
}

/// Whether a session may open that was so before: a start that was told to stop has closed what the next one opens.
fn may_open(now: &Now<'_>, node: NodeId, before: &StateFacts) -> bool {
    let of_start_before = !now.facts.is_of_now(node, before.incarnation);
    before.state == SessionState::Open || (before.by_stop && of_start_before)
}

fn closing(now: &Now<'_>, node: NodeId, session: SessionId) -> Result<(), String> {
    let short = name(session);
    let before = now.facts.state_before.map(|before| before.state);
    if before == Some(SessionState::Closed) {
        return Err(format!("n{node}: {short} was closed, and is closing"));
    }
    let excluded = now.facts.metadata.is_excluded(node);
    if now.facts.is_cleared(session) || excluded || now.facts.is_stopping(node) {
        return Ok(());
    }
    Err(format!("n{node} closes {short}, which no metadata has cleared"))
}

fn closed(now: &Now<'_>, node: NodeId, session: SessionId) -> Result<(), String> {
    match now.facts.state_before {
        Some(before)
            if before.state == SessionState::Open && now.facts.is_of_now(node, before.incarnation) =>
        {
            Err(format!("n{node}: {} was open, and is closed", name(session)))
        }
        _ => Ok(()),
    }
}

/// The session that a tablet's metadata names is of this tablet, of the epoch that wrote it, and was never cleared.
fn fresh(now: &Now<'_>, id: TabletId) -> Result<(), String> {
    let transition = now
        .facts
        .metadata
        .tablets
        .get(&id)
        .and_then(|tablet| tablet.transition.as_ref());
    let Some((session, written)) = transition.and_then(|transition| transition.session) else {
        return Ok(());
    };
    let Some(facts) = now.facts.sessions.get(&session) else {
        return Ok(());
    };
    if facts.tablet == id && facts.written.0 == written && facts.cleared.is_none() {
        return Ok(());
    }
    Err(format!(
        "t{id} at epoch {written} names {session} again: written for t{} at epoch {}, cleared: {:?}",
        facts.tablet, facts.written.0, facts.cleared
    ))
}

#[cfg(test)]
mod tests;
