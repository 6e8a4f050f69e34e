//! I1: an effect happens only while its session is open or closing on that node, and never after a barrier that
//! follows the clearing of the session. Requests are held to their barriers in the same way.

use tidegate_guard::SessionId;
use tidegate_session::SessionState;
use tidegate_tablets::{Epoch, NodeId, Stage, TabletId};

use super::facts::Effect;
use super::{Invariant, Now};
use crate::event::{EffectKind, Event};
use crate::recorder::name;

#[derive(Debug, Default)]
pub(super) struct Effects;

impl Invariant for Effects {
    fn name(&self) -> &'static str {
        "I1-effects"
    }

    fn observe(&mut self, now: &Now<'_>, event: &Event) -> Result<(), String> {
        match event {
            Event::EffectBegun { call, .. } => match now.facts.effects.get(call) {
                Some(effect) => allowed(now, effect).and_then(|()| begun(now, effect)),
                None => Ok(()),
            },
            Event::EffectEnded { .. } => match &now.facts.ended {
                Some(effect) => allowed(now, effect),
                None => Ok(()),
            },
            Event::Session {
                node,
                incarnation,
                session,
                state: SessionState::Closed,
            } if now.facts.is_of_now(*node, *incarnation) => closed(now, *node, *session),
            Event::BarrierAnswered {
                node,
                tablet,
                epoch,
                result: Ok(()),
            } => answered(now, *node, *tablet, *epoch),
            _ => Ok(()),
        }
    }
}

/// Whether the protocol has such an effect at all.
fn allowed(now: &Now<'_>, effect: &Effect) -> Result<(), String> {
    let Effect {
        node, tablet, kind, ..
    } = *effect;
    let Some(session) = effect.session else {
        return match kind {
            EffectKind::Write | EffectKind::Discard => Ok(()),
            EffectKind::Remove => removable(now, node, tablet),
            _ => Err(format!("n{node}: {kind:?} of t{tablet} under no session")),
        };
    };
    let Some(facts) = now.facts.sessions.get(&session) else {
        return Err(format!(
            "n{node}: {kind:?} under {session}, which was never decided"
        ));
    };
    let fits = match kind {
        EffectKind::Stage | EffectKind::Sync | EffectKind::Attach => facts.stage == Stage::WriteBothReadOld,
        EffectKind::Remove => matches!(facts.stage, Stage::UseNew | Stage::CleanupTarget),
        EffectKind::Write => facts.stage == Stage::Fill,
        EffectKind::Purge => facts.stage == Stage::Purge,
        EffectKind::Discard => true,
    };
    if facts.tablet != tablet || !fits {
        let text = format!(
            "n{node}: {kind:?} of t{tablet} under {}, a session of {} of t{}",
            name(session),
            facts.stage,
            facts.tablet
        );
        return Err(text);
    }
    Ok(())
}

/// What no session covers may be removed only where nobody counts on it.
fn removable(now: &Now<'_>, node: NodeId, tablet: TabletId) -> Result<(), String> {
    let metadata = &now.facts.metadata;
    let Some(shown) = metadata.tablets.get(&tablet) else {
        return Ok(());
    };
    if metadata.is_excluded(node) || !shown.concerns(node) {
        return Ok(());
    }
    let early = shown.transition.as_ref().is_some_and(|transition| {
        let stage = transition.stage;
        let unused = matches!(
            stage,
            Stage::AllowWriteBothReadOld | Stage::CleanupTarget | Stage::RevertMigration
        );
        unused && transition.pending() == Some(node)
    });
    if early {
        return Ok(());
    }
    Err(format!(
        "n{node} removes t{tablet} under no session, and takes part in it at epoch {}",
        shown.epoch
    ))
}

fn begun(now: &Now<'_>, effect: &Effect) -> Result<(), String> {
    let Effect {
        node, tablet, kind, ..
    } = *effect;
    let barrier = now.facts.barriers.get(&(node, tablet)).copied();
    let Some(session) = effect.session else {
        return match kind {
            EffectKind::Write => request(now, node, tablet, barrier.unwrap_or_default()),
            _ => Ok(()),
        };
    };
    let state = now.facts.state(node, session);
    if !matches!(state, Some(SessionState::Open | SessionState::Closing)) {
        return Err(format!(
            "n{node}: {kind:?} begins under {}, whose state there is {state:?}",
            name(session)
        ));
    }
    match barrier {
        Some(epoch) if now.facts.is_cleared_at(session, epoch) => Err(format!(
            "n{node}: {kind:?} begins under {}, cleared before the barrier that n{node} answered for epoch {epoch}",
            name(session)
        )),
        _ => Ok(()),
    }
}

/// A replica takes a request's rows only if writes go to it at some epoch from its last barrier on.
fn request(now: &Now<'_>, node: NodeId, tablet: TabletId, fence: Epoch) -> Result<(), String> {
    let newest = now.facts.epoch(tablet);
    let mut epochs = now.facts.tablets.range((tablet, fence)..=(tablet, newest));
    if epochs.any(|(_, shown)| shown.write_sets().iter().any(|set| set.contains(&node))) {
        return Ok(());
    }
    Err(format!(
        "n{node} takes rows of a request for t{tablet}, and writes go to it at no epoch from {fence} on"
    ))
}

fn closed(now: &Now<'_>, node: NodeId, session: SessionId) -> Result<(), String> {
    let tablet = TabletId::of_session(session);
    let mut running = now.facts.running(node, tablet);
    match running.find(|(_, effect)| effect.session == Some(session)) {
        Some((call, effect)) => Err(format!(
            "n{node}: {} is closed while {:?} #{call} runs under it",
            name(session),
            effect.kind
        )),
        None => Ok(()),
    }
}

fn answered(now: &Now<'_>, node: NodeId, tablet: TabletId, epoch: Epoch) -> Result<(), String> {
    let left = now
        .facts
        .running(node, tablet)
        .find(|(_, effect)| match effect.session {
            Some(session) => now.facts.is_cleared_at(session, epoch),
            None => effect.kind == EffectKind::Write && effect.epoch < epoch,
        });
    if let Some((call, effect)) = left {
        return Err(format!(
            "n{node} answered the barrier of t{tablet} for epoch {epoch} while {:?} #{call} of epoch {} or before runs",
            effect.kind, effect.epoch
        ));
    }
    let (open, closing) = now.sessions(node);
    let mut sessions = open.into_iter().chain(closing);
    let held = sessions
        .find(|session| TabletId::of_session(*session) == tablet && now.facts.is_cleared_at(*session, epoch));
    match held {
        Some(session) => Err(format!(
            "n{node} answered the barrier of t{tablet} for epoch {epoch}, and {} is not closed there",
            name(session)
        )),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
