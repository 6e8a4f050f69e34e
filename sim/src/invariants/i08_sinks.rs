//! I8: a sink that was not finished is never taken for finished: what is attached holds all that the sources held
//! when the streaming began, and a stream is answered with success only after its attach.

use std::collections::{BTreeMap, BTreeSet};

use tidegate_coordinator::OperationKind;
use tidegate_guard::SessionId;
use tidegate_tablets::{NodeId, Stage, TabletId, Transition, TransitionKind, quorum_of};

use super::facts::Effect;
use super::{Invariant, Now};
use crate::engine::Rows;
use crate::event::{EffectKind, Event};
use crate::recorder::name;

#[derive(Debug, Default)]
pub(super) struct Sinks {
    /// What each source of a stream held when the stage began; any scan comes after that.
    begun: BTreeMap<(TabletId, SessionId), (Transition, BTreeMap<NodeId, Rows>)>,
    attached: BTreeSet<(NodeId, SessionId)>,
}

impl Invariant for Sinks {
    fn name(&self) -> &'static str {
        "I8-sinks"
    }

    fn observe(&mut self, now: &Now<'_>, event: &Event) -> Result<(), String> {
        match event {
            Event::Decided { touched, .. } => {
                for id in touched {
                    self.stream_begins(now, *id);
                }
                Ok(())
            }
            Event::EffectEnded { .. } => match &now.facts.ended {
                Some(effect) if effect.kind == EffectKind::Attach && effect.done => {
                    self.attached(now, effect)
                }
                _ => Ok(()),
            },
            Event::OperationAnswered {
                node,
                kind: OperationKind::Stream,
                tablet,
                session,
                result: Ok(()),
            } => self.answered(now, *node, *tablet, *session),
            _ => Ok(()),
        }
    }
}

impl Sinks {
    fn stream_begins(&mut self, now: &Now<'_>, id: TabletId) {
        let tablet = now.facts.metadata.tablets.get(&id);
        let Some(transition) = tablet.and_then(|tablet| tablet.transition.as_ref()) else {
            return;
        };
        let Some((session, _)) = transition
            .session
            .filter(|_| transition.stage == Stage::Streaming)
        else {
            return;
        };
        let held = |node: NodeId| now.held(node).rows.get(&id).cloned().unwrap_or_default();
        let sources = sources(transition).into_iter().map(|node| (node, held(node)));
        self.begun
            .entry((id, session))
            .or_insert_with(|| (transition.clone(), sources.collect()));
    }

    fn attached(&mut self, now: &Now<'_>, effect: &Effect) -> Result<(), String> {
        let Some(session) = effect.session else {
            return Ok(());
        };
        self.attached.insert((effect.node, session));
        let Some((transition, sources)) = self.begun.get(&(effect.tablet, session)) else {
            return Err(format!(
                "n{} attaches under {}, and no stream was ever asked for",
                effect.node,
                name(session)
            ));
        };
        let attached = now
            .held(effect.node)
            .rows
            .get(&effect.tablet)
            .cloned()
            .unwrap_or_default();
        let mut missing = None;
        let covered = sources.iter().filter(|(node, rows)| {
            let still = now
                .held(**node)
                .rows
                .get(&effect.tablet)
                .cloned()
                .unwrap_or_default();
            let lacking = first_missing(rows, &still, &attached);
            missing = missing.take().or_else(|| lacking.map(|key| (**node, key)));
            lacking.is_none()
        });
        let (covered, needed) = (covered.count(), needed(now, effect.tablet, transition));
        match missing {
            Some((node, key)) if covered < needed => Err(format!(
                "n{} attached t{} under {}: {covered} of {needed} sources are whole; of n{node} it lacks {}",
                effect.node,
                effect.tablet,
                name(session),
                String::from_utf8_lossy(key)
            )),
            _ => Ok(()),
        }
    }

    fn answered(
        &self,
        now: &Now<'_>,
        node: NodeId,
        tablet: TabletId,
        session: SessionId,
    ) -> Result<(), String> {
        let needed = self
            .begun
            .get(&(tablet, session))
            .map_or(1, |(transition, _)| needed(now, tablet, transition));
        if needed == 0 || self.attached.contains(&(node, session)) {
            return Ok(());
        }
        Err(format!(
            "n{node} answers that the stream under {} is done, and has attached nothing",
            name(session)
        ))
    }
}

/// Whom the pending replica may pull from.
fn sources(transition: &Transition) -> Vec<NodeId> {
    match transition.kind {
        TransitionKind::Migration => transition.leaving().into_iter().collect(),
        TransitionKind::Rebuild => transition.old.intersection(&transition.new).copied().collect(),
        TransitionKind::Purge => Vec::new(),
    }
}

/// How many of them have to be carried whole, so that one is in every write quorum.
fn needed(now: &Now<'_>, id: TabletId, transition: &Transition) -> usize {
    let newest = now
        .facts
        .metadata
        .tablets
        .get(&id)
        .and_then(|tablet| tablet.transition.as_ref());
    match transition.kind {
        TransitionKind::Migration => 1,
        _ if newest.is_some_and(|newest| newest.fewer_sources) => 0,
        _ => transition.old.len() - quorum_of(&transition.old) + 1,
    }
}

/// The first key of `rows` that the source still holds, and that is missing or older in `attached`.
fn first_missing<'a>(rows: &'a Rows, still: &Rows, attached: &Rows) -> Option<&'a bytes::Bytes> {
    let mut rows = rows.iter();
    let missing = rows.find(|(key, row)| {
        // What a crash has taken from the source since could not be carried.
        let kept = still.get(*key).is_some_and(|now| now.timestamp >= row.timestamp);
        kept && attached
            .get(*key)
            .is_none_or(|there| there.timestamp < row.timestamp)
    });
    missing.map(|(key, _)| key)
}

#[cfg(test)]
mod tests;
